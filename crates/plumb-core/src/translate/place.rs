//! Places in a spec, as decisions and accounts name them.

use serde_json::Value;

/// The members by which the elements of lists are known.
const KEYS: [&str; 4] = ["task_key", "job_cluster_key", "id", "name"];

/// The JSON pointer of a place as `tasks[load].libraries`, and whether it is there; of one that is not, that of the
/// nearest place around it. `[*]` is the first element that has the rest, else the first one; an element without a name is
/// known by its number, from 0 (`parameters[3]`). A member's name may have dots in it (`spark_conf.spark.x`).
pub fn find(spec: &Value, place: &str) -> (String, bool) {
    below(spec, String::new(), place)
}

fn below(at: &Value, pointer: String, rest: &str) -> (String, bool) {
    if rest.is_empty() {
        return (pointer, true);
    }
    let further = |token: &str, value: &Value, left: &str| {
        let token = token.replace('~', "~0").replace('/', "~1");
        below(value, format!("{pointer}/{token}"), left.strip_prefix('.').unwrap_or(left))
    };
    match (at, rest.strip_prefix('[').and_then(|inner| inner.split_once(']'))) {
        (Value::Array(items), Some(("*", left))) => {
            let mut found = items.iter().enumerate().map(|(i, item)| further(&i.to_string(), item, left));
            let first = found.next();
            match first {
                Some((_, false)) => found.find(|(_, there)| *there).or(first).unwrap_or((pointer.clone(), false)),
                first => first.unwrap_or((pointer.clone(), false)),
            }
        }
        (Value::Array(items), Some((key, left))) => {
            let is = |item: &Value| KEYS.iter().any(|k| item.get(k).and_then(Value::as_str) == Some(key));
            match items.iter().position(is).and_then(|i| Some((i, items.get(i)?))) {
                Some((i, item)) => further(&i.to_string(), item, left),
                // Elements without a name are known by their place.
                None => match key.parse::<usize>().ok().and_then(|i| Some((i, items.get(i)?))) {
                    Some((i, item)) => further(&i.to_string(), item, left),
                    None => (pointer, false),
                },
            }
        }
        (Value::Object(map), None) => {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            match (map.get(rest), map.get(&rest[..end])) {
                (Some(value), _) => further(rest, value, ""),
                (None, Some(value)) => further(&rest[..end], value, &rest[end..]),
                (None, None) => (pointer, false),
            }
        }
        _ => (pointer, false),
    }
}

/// The place of a member of what is at a place.
pub(super) fn of_member(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

/// The place of an element of the list at a place: the list's own, where nothing names the element.
pub(super) fn of_item(place: &str, item: &Value) -> String {
    let key = ["task_key", "job_cluster_key", "id"].iter().find_map(|key| item.get(key)?.as_str());
    key.map_or_else(|| place.to_owned(), |key| format!("{place}[{key}]"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_nearest_place_is_found() {
        let spec = json!({ "tasks": [{ "task_key": "a" }, { "task_key": "b", "conf": { "x.y": 1 } }] });
        let is = |place: &str, pointer: &str, there: bool| assert_eq!(find(&spec, place), (pointer.to_owned(), there));
        is("tasks[b].conf.x.y", "/tasks/1/conf/x.y", true);
        is("tasks[*].task_key", "/tasks/0/task_key", true);
        is("tasks[c].conf", "/tasks", false);
        is("tasks[b].none.at.all", "/tasks/1", false);
        is("tasks[*].conf.x.y", "/tasks/1/conf/x.y", true);
        is("tasks[*].none", "/tasks/0", false);
        is("run_as", "", false);
        is("", "", true);
        let spec = json!({ "parameters": ["x", "y"], "list": [{ "name": "1" }, { "name": "0" }] });
        let is = |place: &str, pointer: &str, there: bool| assert_eq!(find(&spec, place), (pointer.to_owned(), there));
        is("parameters[1]", "/parameters/1", true);
        is("parameters[2]", "/parameters", false);
        is("list[0]", "/list/1", true);
    }
}
