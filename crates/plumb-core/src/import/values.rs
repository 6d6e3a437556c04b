//! The three-way merge of a spec: what was generated last, what would be generated now, what the file says.
//!
//! What people did not touch follows the new; what they changed, added or removed stays. Objects are merged by their
//! members, lists by the member that names their elements; a list without one is one value.

use plumb_model::yaml::edit::Step;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// Members that may name the elements of a list.
const KEYS: [&str; 5] = ["task_key", "job_cluster_key", "environment_key", "id", "name"];

/// One step to a value of a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Key(String),
    /// The element of a list whose member has this value.
    Item {
        member: String,
        key: String,
    },
}

/// The way to a value of a spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way(pub Vec<Segment>);

impl Way {
    fn key(&self, key: &str) -> Way {
        self.with(Segment::Key(key.to_owned()))
    }

    fn with(&self, segment: Segment) -> Way {
        let mut way = self.clone();
        way.0.push(segment);
        way
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if i == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Item { key, .. } => write!(f, "[{key}]")?,
            }
        }
        Ok(())
    }
}

/// A change that the file needs: a value to be set, or `None` for one that goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    pub way: Way,
    pub value: Option<Value>,
}

/// A value that people have otherwise than it would be generated. `None` is: not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Differs {
    pub way: Way,
    pub theirs: Option<Value>,
    pub made: Option<Value>,
    /// What would be generated is no longer what was generated last.
    pub news: bool,
}

/// What comes of a merge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    pub edits: Vec<Edit>,
    pub differs: Vec<Differs>,
}

/// Merges. Without a base nothing is known of what people changed, so all that differs is theirs.
pub fn merge(base: Option<&Value>, made: &Value, theirs: &Value) -> Merged {
    let mut merged = Merged::default();
    merged.value(&Way::default(), Some(base.unwrap_or(made)), Some(made), Some(theirs));
    merged
}

impl Merged {
    fn value(&mut self, way: &Way, base: Option<&Value>, made: Option<&Value>, theirs: Option<&Value>) {
        if made == theirs {
            return;
        }
        if let (Some(Value::Object(base)), Some(Value::Object(made)), Some(Value::Object(theirs))) =
            (base, made, theirs)
        {
            return self.members(way, base, made, theirs);
        }
        if let (Some(Value::Array(b)), Some(Value::Array(m)), Some(Value::Array(t))) = (base, made, theirs)
            && let Some(member) = KEYS.iter().find(|key| [b, m, t].iter().all(|list| named_by(list, key)))
        {
            return self.elements(way, member, [b, m, t]);
        }
        if base == theirs {
            self.edits.push(Edit { way: way.clone(), value: made.cloned() });
        } else if base.is_some() || made.is_some() {
            // What only people have is theirs, and no difference to be told.
            self.differs.push(Differs {
                way: way.clone(),
                theirs: theirs.cloned(),
                made: made.cloned(),
                news: base != made,
            });
        }
    }

    fn members(
        &mut self,
        way: &Way,
        base: &Map<String, Value>,
        made: &Map<String, Value>,
        theirs: &Map<String, Value>,
    ) {
        let keys: BTreeSet<&String> = base.keys().chain(made.keys()).chain(theirs.keys()).collect();
        for key in keys {
            self.value(&way.key(key), base.get(key), made.get(key), theirs.get(key));
        }
    }

    fn elements(&mut self, way: &Way, member: &str, [base, made, theirs]: [&Vec<Value>; 3]) {
        let mut keys: Vec<&str> = Vec::new();
        for item in made.iter().chain(base).chain(theirs) {
            let key = item[member].as_str().unwrap_or_default();
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        for key in keys {
            let of = |list: &'_ Vec<Value>| list.iter().position(|item| item[member] == key);
            let way = way.with(Segment::Item { member: member.to_owned(), key: key.to_owned() });
            self.value(&way, of(base).map(|i| &base[i]), of(made).map(|i| &made[i]), of(theirs).map(|i| &theirs[i]));
        }
    }
}

/// Whether every element of a list has a name of its own in this member.
fn named_by(list: &[Value], member: &str) -> bool {
    let mut names = BTreeSet::new();
    list.iter().all(|item| item.get(member).and_then(Value::as_str).is_some_and(|name| names.insert(name)))
}

/// The way as steps into the file, which says this; `None` where something on the way is not there. The last step may
/// be new.
pub fn steps(spec: &Value, way: &Way) -> Option<Vec<Step>> {
    let (mut steps, mut here) = (Vec::new(), Some(spec));
    for segment in &way.0 {
        let at = here?;
        match segment {
            Segment::Key(key) => {
                here = at.as_object()?.get(key);
                steps.push(Step::Key(key.clone()));
            }
            Segment::Item { member, key } => {
                let items = at.as_array()?;
                let found = items.iter().position(|item| item[member.as_str()] == key.as_str());
                here = found.and_then(|index| items.get(index));
                steps.push(Step::Index(found.unwrap_or(items.len())));
            }
        }
    }
    Some(steps)
}

/// The spec with a change carried out; `None` where its way leads nowhere.
pub fn with(mut spec: Value, edit: &Edit) -> Option<Value> {
    let steps = steps(&spec, &edit.way)?;
    let (last, before) = steps.split_last()?;
    let mut at = &mut spec;
    for step in before {
        at = match step {
            Step::Key(key) => at.get_mut(key)?,
            Step::Index(index) => at.get_mut(*index)?,
        };
    }
    match (at, last, edit.value.clone()) {
        (Value::Object(map), Step::Key(key), Some(value)) => drop(map.insert(key.clone(), value)),
        (Value::Object(map), Step::Key(key), None) => drop(map.remove(key)?),
        (Value::Array(items), Step::Index(index), Some(value)) => match items.get_mut(*index) {
            Some(item) => *item = value,
            None => items.push(value),
        },
        (Value::Array(items), Step::Index(index), None) if *index < items.len() => drop(items.remove(*index)),
        _ => return None,
    }
    Some(spec)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn job(workers: i64, node: &str, tasks: &[(&str, i64)]) -> Value {
        let tasks: Vec<Value> = tasks.iter().map(|(key, t)| json!({ "task_key": key, "timeout": t })).collect();
        json!({ "cluster": { "workers": workers, "node": node }, "tasks": tasks })
    }

    /// What the file says after the merge, and what is told of it: `!` where there is news.
    fn merged(base: Option<&Value>, made: &Value, theirs: &Value) -> (Value, Vec<String>) {
        let merged = merge(base, made, theirs);
        let after = merged.edits.iter().fold(theirs.clone(), |spec, edit| with(spec, edit).unwrap());
        let told = |d: &Differs| format!("{}{}", d.way, if d.news { "!" } else { "" });
        (after, merged.differs.iter().map(told).collect())
    }

    #[test]
    fn what_is_not_touched_follows_and_what_is_stays() {
        let base = job(4, "m5", &[("load", 60), ("mart", 60)]);
        let made = job(6, "r5", &[("load", 90), ("mart", 60), ("copy", 5)]);
        assert_eq!(merged(Some(&base), &made, &base), (made.clone(), vec![]));
        assert_eq!(merged(Some(&base), &base, &base), (base.clone(), vec![]));
        // Both sides in neighbouring places, the tasks in another order.
        let theirs = job(4, "i3", &[("mart", 7), ("load", 60), ("mine", 1)]);
        let (after, told) = merged(Some(&base), &made, &theirs);
        assert_eq!(after, job(6, "i3", &[("mart", 7), ("load", 90), ("mine", 1), ("copy", 5)]));
        assert_eq!(told, ["cluster.node!", "tasks[mart].timeout"]);
        // The same again changes nothing, and tells what is people's.
        assert_eq!(
            merged(Some(&made), &made, &after),
            (after.clone(), vec!["cluster.node".into(), "tasks[mart].timeout".into()])
        );
    }

    #[test]
    fn what_was_removed_stays_removed() {
        let base = job(4, "m5", &[("load", 60), ("mart", 60)]);
        let theirs = json!({ "cluster": { "workers": 4 }, "tasks": [{ "task_key": "load", "timeout": 60 }] });
        assert_eq!(merged(Some(&base), &base, &theirs).0, theirs);
        let made = job(4, "r5", &[("load", 60), ("mart", 90)]);
        let (after, told) = merged(Some(&base), &made, &theirs);
        assert_eq!((after, told), (theirs, vec!["cluster.node!".into(), "tasks[mart]!".into()]));
    }

    #[test]
    fn what_emr_no_longer_has_goes_unless_people_changed_it() {
        let base = job(4, "m5", &[("load", 60), ("mart", 60), ("old", 1)]);
        let made = job(4, "m5", &[("load", 60)]);
        let theirs = job(4, "m5", &[("load", 60), ("mart", 99), ("old", 1)]);
        let (after, told) = merged(Some(&base), &made, &theirs);
        assert_eq!((after, told), (job(4, "m5", &[("load", 60), ("mart", 99)]), vec!["tasks[mart]!".into()]));
    }

    #[test]
    fn without_a_base_everything_is_theirs() {
        let (made, theirs) = (job(6, "r5", &[("load", 90)]), job(4, "m5", &[("mine", 1)]));
        let (after, told) = merged(None, &made, &theirs);
        assert_eq!(after, theirs);
        assert_eq!(told, ["cluster.node", "cluster.workers", "tasks[load]"]);
    }

    #[test]
    fn a_list_without_names_is_one_value() {
        let of = |list: &[&str]| json!({ "parameters": list });
        let (base, made) = (of(&["a", "2026-09"]), of(&["a", "2026-10"]));
        assert_eq!(merged(Some(&base), &made, &base).0, made);
        let theirs = of(&["b", "2026-09"]);
        assert_eq!(merged(Some(&base), &made, &theirs), (theirs, vec!["parameters!".into()]));
        // Two elements of one name.
        let twice = json!({ "list": [{ "name": "a" }, { "name": "a" }] });
        assert_eq!(merged(Some(&twice), &json!({ "list": [] }), &twice).0, json!({ "list": [] }));
    }

    #[test]
    fn another_type_is_another_value() {
        let (base, made) = (json!({ "a": 1 }), json!({ "a": { "b": 1 } }));
        assert_eq!(merged(Some(&base), &made, &base).0, made);
        assert_eq!(merged(Some(&base), &made, &json!({ "a": "x" })), (json!({ "a": "x" }), vec!["a!".into()]));
    }
}
