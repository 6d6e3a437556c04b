//! How to write what was written in another form: `depends_on: x` where a list of mappings belongs. What is said can be pasted.

use plumb_model::schema::{Field, KeyBy, Rules, Shape};
use plumb_model::yaml::{Node, Problem, Scalar, Tree, resolve};

/// Names of fields that a hint lists.
const MOST_NAMES: usize = 12;
/// A type with more fields than this is not said by one of them: a task has to say more than its key.
const MOST_MEMBERS: usize = 12;
/// The longest hint, in characters: a longer one is no line that anybody pastes.
const LONGEST: usize = 120;

/// Says beside each value of the wrong form how it is written. Other mistakes stay as they are.
pub(super) fn amend(rules: &Rules, spec: &Node, problems: &mut [Problem]) {
    for problem in problems {
        let is_of_form = |words: &str| problem.message.starts_with(words);
        if !is_of_form("expected a mapping, found ") && !is_of_form("expected a list, found ") {
            continue;
        }
        let root = Misformed { field: &rules.root, key: None, node: spec };
        let Some(Misformed { field, key, node }) = find(rules, root, problem) else { continue };
        // No text is a whole spec.
        if std::ptr::eq(field, &rules.root) {
            continue;
        }
        if let Some(text) = written(rules, field, key, node).filter(|text| text.chars().count() <= LONGEST) {
            problem.label = format!("write {text}");
            continue;
        }
        let (index, what) = match &field.shape {
            Shape::Object(index) => (*index, "a mapping"),
            Shape::List(item) => match &item.shape {
                Shape::Object(index) => (*index, "a list of mappings"),
                _ => continue,
            },
            _ => continue,
        };
        // A list of texts would not do.
        problem.label = format!("expected {what}");
        if problem.help.is_none() {
            problem.help(format!("{what} of: {}", names(rules, index)));
        }
    }
}

/// A value and its field.
struct Misformed<'r, 'n> {
    field: &'r Field,
    /// By what it is known among others, where it is an element of a list.
    key: Option<&'r KeyBy>,
    node: &'n Node,
}

/// The value that the problem is about.
fn find<'r, 'n>(rules: &'r Rules, at: Misformed<'r, 'n>, problem: &Problem) -> Option<Misformed<'r, 'n>> {
    let is_wrong = match (&at.field.shape, &at.node.tree) {
        (Shape::Object(_) | Shape::Map(_), tree) => !matches!(tree, Tree::Map(_)),
        (Shape::List(_), tree) => !matches!(tree, Tree::Seq(_)),
        (Shape::Leaf, _) => false,
    };
    if is_wrong {
        return (Some(at.node.span) == problem.span).then_some(at);
    }
    let below =
        |field: &'r Field, key: Option<&'r KeyBy>, node: &'n Node| find(rules, Misformed { field, key, node }, problem);
    match (&at.field.shape, &at.node.tree) {
        (Shape::List(item), Tree::Seq(items)) => {
            items.iter().find_map(|node| below(item, at.field.rule.key.as_ref(), node))
        }
        (Shape::Map(inner), Tree::Map(entries)) => entries.iter().find_map(|entry| below(inner, None, &entry.value)),
        (Shape::Object(index), Tree::Map(entries)) => entries.iter().find_map(|entry| {
            let member = rules.of(*index).members.get(&entry.key)?;
            below(member, None, &entry.value)
        }),
        _ => None,
    }
}

/// The value in the form of its field, in one line.
fn written(rules: &Rules, field: &Field, key: Option<&KeyBy>, node: &Node) -> Option<String> {
    match (&field.shape, &node.tree) {
        (Shape::List(item), Tree::Map(entries)) => {
            let Shape::Object(index) = &item.shape else { return None };
            let of = &rules.of(*index).members;
            // One element without its list.
            if entries.iter().all(|entry| of.contains_key(&entry.key)) {
                return Some(format!(
                    "it as a list: `- ` before `{}`, and what follows below it",
                    entries.first()?.key
                ));
            }
            // Elements by their key.
            let Some(KeyBy::One(key)) = &field.rule.key else { return None };
            let first = entries.first().filter(|_| entries.iter().all(|one| matches!(one.value.tree, Tree::Map(_))))?;
            Some(format!("it as a list: `- {key}: {}`, and what is below `{}` below it", flow(&first.key), first.key))
        }
        (Shape::List(_), Tree::Seq(_)) => None,
        (Shape::List(item), _) => written(rules, item, field.rule.key.as_ref(), node).map(|text| format!("[{text}]")),
        (Shape::Object(index), _) => {
            let text = scalar(node)?;
            let member = member(rules, *index, key, &text)?;
            Some(format!("{{{member}: {}}}", flow(&text)))
        }
        (Shape::Leaf, _) if key.is_none() => scalar(node).map(|text| flow(&text)),
        _ => None,
    }
}

/// The member that a text alone means: the key of the list, the only one that has to be there, or the one that is called as the
/// text ends (`whl`). The mapping has to be whole with it.
fn member<'r>(rules: &'r Rules, index: usize, key: Option<&'r KeyBy>, text: &str) -> Option<&'r str> {
    let members = &rules.of(index).members;
    if members.len() > MOST_MEMBERS {
        return None;
    }
    let required: Vec<&str> =
        members.iter().filter(|(_, field)| field.required).map(|(name, _)| name.as_str()).collect();
    let takes_text =
        |name: &str| members.get(name).is_some_and(|field| field.text && matches!(field.shape, Shape::Leaf));
    let by_key = match key {
        Some(KeyBy::One(name)) => Some(name.as_str()),
        _ => None,
    };
    let only = if let [only] = required.as_slice() { Some(*only) } else { None };
    let ending =
        text.rsplit_once('.').and_then(|(_, end)| members.keys().find(|name| *name == end)).map(String::as_str);
    let meant = by_key.or(only).or(ending).filter(|name| takes_text(name))?;
    required.iter().all(|name| *name == meant).then_some(meant)
}

fn names(rules: &Rules, index: usize) -> String {
    let members = &rules.of(index).members;
    let required: Vec<&str> =
        members.iter().filter(|(_, field)| field.required).map(|(name, _)| name.as_str()).collect();
    let all: Vec<&str> = if required.is_empty() { members.keys().map(String::as_str).collect() } else { required };
    let more = if all.len() > MOST_NAMES || all.len() < members.len() { ", …" } else { "" };
    format!("{}{more}", all.into_iter().take(MOST_NAMES).collect::<Vec<_>>().join(", "))
}

fn scalar(node: &Node) -> Option<String> {
    match &node.tree {
        Tree::Str(text) => Some(text.clone()),
        Tree::Int(number) => Some(number.to_string()),
        Tree::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// A text as YAML takes it for one, inside of brackets too.
fn flow(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let begins_plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    if begins_plain && text.chars().all(is_plain) && resolve(text) == Scalar::Str {
        text.to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use crate::kinds;
    use plumb_model::yaml::{FileId, Limits, Problem, Problems, parse};

    fn problems(kind: &str, text: &str) -> Vec<Problem> {
        let mut problems = Problems::default();
        let nodes = parse(text, FileId(0), &Limits::default(), &mut problems);
        kinds::find(kind).unwrap().read(&nodes[0], &mut problems, &mut Vec::new());
        problems.sorted()
    }

    /// The text with what the label says in the place of what it is about.
    fn pasted(text: &str, problem: &Problem) -> String {
        let span = problem.span.unwrap();
        let hint = problem.label.strip_prefix("write ").unwrap_or_else(|| panic!("no hint: {problem:?}"));
        format!("{}{hint}{}", &text[..span.start], &text[span.end..])
    }

    #[test]
    fn what_a_hint_says_can_be_pasted() {
        let job = |spec: &str| format!("name: etl\n{spec}\n");
        let task = |spec: &str| {
            job(&format!(
                "tasks:\n  - task_key: x\n    notebook_task: {{notebook_path: /x}}\n  - task_key: a\n    {spec}"
            ))
        };
        let notebook = "notebook_task: {notebook_path: /a}";
        for (text, hint) in [
            (task(&format!("depends_on: x\n    {notebook}")), "write [{task_key: x}]"),
            (task(&format!("depends_on: [x]\n    {notebook}")), "write {task_key: x}"),
            (task(&format!("depends_on:\n      - x\n    {notebook}")), "write {task_key: x}"),
            (task("notebook_task: /Shared/a"), "write {notebook_path: /Shared/a}"),
            (task("notebook_task: \"/Shared/a: b\""), "write {notebook_path: \"/Shared/a: b\"}"),
            (task(&format!("libraries: [s3://b/x.whl]\n    {notebook}")), "write {whl: \"s3://b/x.whl\"}"),
            (task(&format!("libraries: /Volumes/x.jar\n    {notebook}")), "write [{jar: /Volumes/x.jar}]"),
        ] {
            let found = problems("DatabricksJob", &text);
            assert_eq!(found.iter().map(|p| p.label.as_str()).collect::<Vec<_>>(), [hint], "{text}");
            let pasted = pasted(&text, &found[0]);
            assert_eq!(problems("DatabricksJob", &pasted), [], "{pasted}");
        }
    }

    #[test]
    fn what_cannot_be_one_value_says_what_it_is_made_of() {
        let told = |text: &str| {
            let found = problems("DatabricksJob", &format!("name: etl\n{text}\n"));
            let first = found.first().unwrap_or_else(|| panic!("no mistake in {text}"));
            format!("{} | {}", first.label, first.help.as_deref().unwrap_or_default())
        };
        assert_eq!(
            told("job_clusters: {main: {new_cluster: {spark_version: 16.4.x-scala2.12, num_workers: 1}}}"),
            "write it as a list: `- job_cluster_key: main`, and what is below `main` below it | "
        );
        assert_eq!(
            told("tasks: {task_key: a, notebook_task: {notebook_path: /a}}"),
            "write it as a list: `- ` before `task_key`, and what follows below it | "
        );
        assert_eq!(
            told("tasks:\n  - task_key: a\n    notebook_task: {notebook_path: /a}\n    libraries: [pandas]"),
            "expected a mapping | a mapping of: cran, egg, jar, maven, pypi, requirements, whl"
        );
        assert_eq!(
            told("schedule: daily"),
            "expected a mapping | a mapping of: quartz_cron_expression, timezone_id, …"
        );
    }
}
