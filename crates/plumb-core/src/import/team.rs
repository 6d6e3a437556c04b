//! Questions that a team answers once: comments under `spec.answers` of plumb.yaml.

use crate::render::value::visible;
use crate::translate::{OUTPUT_ROOT, TeamAnswer, TeamQuestion};
use plumb_model::yaml::{FileId, Limits, Node, Problems, edit, parse};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// The questions of several translations: one of each answer, with all that they gave rise to.
pub fn questions<'t>(all: impl IntoIterator<Item = &'t TeamQuestion>) -> Vec<TeamQuestion> {
    let mut by: BTreeMap<TeamAnswer, TeamQuestion> = BTreeMap::new();
    for question in all {
        match by.get_mut(&question.answer) {
            Some(known) => known.add(question.clone()),
            None => {
                by.insert(question.answer, question.clone());
            }
        }
    }
    by.into_values().collect()
}

/// The text of plumb.yaml with the questions that are neither answered in it, nor stand in it, nor were `asked` before. An
/// error says why they cannot be written.
pub fn ask(text: &str, questions: &[TeamQuestion], asked: &BTreeSet<String>) -> Result<String, String> {
    let before = project(text)?;
    let spec = before.get("spec").ok_or("it has no `spec`")?;
    let answers = spec.entry("answers");
    let answered: Vec<&str> =
        answers.iter().flat_map(|entry| entry.value.entries()).map(|entry| entry.key.as_str()).collect();
    let fresh = questions.iter().filter(|question| {
        let key = question.answer.key();
        !answered.contains(&key) && !asked.contains(key) && !stands(text, key)
    });
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let block = |indent: usize| -> String {
        let lines = fresh.clone().flat_map(lines).map(|line| format!("{}{line}{newline}", " ".repeat(indent)));
        lines.collect()
    };
    if fresh.clone().next().is_none() {
        return Ok(text.to_owned());
    }
    let line_of = |byte: usize| text[..byte].rfind('\n').map_or(0, |at| at + 1);
    let after = |byte: usize| text[byte..].find('\n').map_or(text.len(), |at| byte + at + 1);
    let column = |byte: usize| byte - line_of(byte);
    let first = spec.entries().first().ok_or("its `spec` is empty")?;
    let step = column(first.key_span.start).max(2);
    let (at, put) = match answers {
        // Above the first answer, where it has a line of its own.
        Some(entry) if !entry.value.entries().is_empty() => {
            let first = entry.value.entries()[0].key_span.start;
            let line = line_of(first);
            if text[line..first].trim().is_empty() && line_of(entry.key_span.start) != line {
                (line, block(column(first)))
            } else {
                (line_of(entry.key_span.start), block(column(entry.key_span.start)))
            }
        }
        Some(entry) => (after(entry.key_span.end), block(column(entry.key_span.start) + step)),
        None => {
            let indent = column(first.key_span.start);
            let end = spec.entries().iter().map(|entry| entry.value.span.end).max().unwrap_or(spec.span.end);
            // A block scalar's span ends with its line.
            let at = if text[..end].ends_with('\n') { end } else { after(end) };
            let missing = if text[..at].ends_with('\n') { "" } else { newline };
            (at, format!("{missing}{}answers:{newline}{}", " ".repeat(indent), block(indent + step)))
        }
    };
    let out = format!("{}{put}{}", &text[..at], &text[at..]);
    // Nothing is believed: what it says has to be what it said.
    let mut wanted = before.to_json();
    if answers.is_none() {
        wanted["spec"]["answers"] = serde_json::Value::Null;
    }
    match project(&out) {
        Ok(now) if now.to_json() == wanted => Ok(out),
        _ => Err("its `spec` is written in a way that comments cannot be added to".to_owned()),
    }
}

/// The text of plumb.yaml with a variable for the place below which everything is written until a cutover, unless it has
/// one. An error says why it cannot be written.
pub fn output_root(text: &str, place: &str) -> Result<String, String> {
    let (index, before) = project_at(text)?;
    let variable =
        |node: &Node| node.get("spec")?.get("variables")?.entry(OUTPUT_ROOT).map(|entry| entry.key_span.start);
    if variable(&before).is_some() {
        return Ok(text.to_owned());
    }
    let path = ["spec", "variables", OUTPUT_ROOT].map(|key| edit::Step::Key(key.to_owned()));
    let with = edit::set(text, index, &path, &json!(place))?;
    let at = variable(&project(&with)?).ok_or("its `variables` cannot be added to")?;
    let line = with[..at].rfind('\n').map_or(0, |at| at + 1);
    if !with[line..at].trim().is_empty() {
        // In a mapping of one line there is no place for a comment.
        return Ok(with);
    }
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let lines = [
        "# DECISION: where new pipelines write until they are cut over".to_owned(),
        "#   why: old and new run side by side and must not write to one place; until then: a folder beside the old outputs"
            .to_owned(),
    ];
    let block: String = lines.iter().map(|text| format!("{}{text}{newline}", &with[line..at])).collect();
    let out = format!("{}{block}{}", &with[..line], &with[line..]);
    match (project(&out), project(&with)) {
        (Ok(out_says), Ok(with_says)) if out_says.to_json() == with_says.to_json() => Ok(out),
        _ => Ok(with),
    }
}

/// The document of the project.
fn project(text: &str) -> Result<Node, String> {
    project_at(text).map(|(_, node)| node)
}

/// The same, with its index among the documents of the file.
fn project_at(text: &str) -> Result<(usize, Node), String> {
    let mut problems = Problems::default();
    let documents = parse(text, FileId(0), &Limits::default(), &mut problems);
    let is_project = |(_, node): &(usize, Node)| node.get("kind").and_then(Node::as_str) == Some("Project");
    match (problems.is_empty(), documents.into_iter().enumerate().find(is_project)) {
        (true, Some(found)) => Ok(found),
        _ => Err("it is not valid YAML".to_owned()),
    }
}

/// Whether the question for a key stands in the text: its last line does.
fn stands(text: &str, key: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim().strip_prefix('#').map(str::trim_start);
        line.is_some_and(|line| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':')))
    })
}

/// The comment of a question, with the answer as a line to be uncommented.
fn lines(question: &TeamQuestion) -> Vec<String> {
    let TeamQuestion { answer, what, why, options, default, value } = question;
    let mut lines = vec![
        format!("# DECISION: {}", visible(what)),
        format!("#   why: {}; until then: {}", visible(why), visible(default)),
    ];
    lines.extend(options.iter().map(|option| format!("#   - {}", visible(option))));
    let value = value.as_ref().map(|value| format!(" {}", visible(&written(value)))).unwrap_or_default();
    lines.push(format!("# {}:{value}", answer.key()));
    lines
}

/// A value in one line of YAML.
fn written(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/@".contains(c);
            let is_bare = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
                && text.chars().all(is_plain)
                && text.contains(|c: char| c.is_ascii_alphabetic());
            if is_bare { text.clone() } else { value.to_string() }
        }
        // JSON is YAML.
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: p}\nspec:\n";

    fn question(answer: TeamAnswer, value: Option<serde_json::Value>) -> TeamQuestion {
        TeamQuestion {
            answer,
            what: format!("what about {}", answer.key()),
            why: "people know".into(),
            options: vec!["`a`: this".into(), "`b`: that".into()],
            default: "`a`".into(),
            value,
        }
    }

    fn two() -> Vec<TeamQuestion> {
        vec![
            question(TeamAnswer::Runtime, Some(json!("auto"))),
            question(TeamAnswer::NodeTypes, Some(json!({ "m5.xlarge": "m5d.xlarge" }))),
        ]
    }

    const ASKED: &str = "  answers:
    # DECISION: what about runtime
    #   why: people know; until then: `a`
    #   - `a`: this
    #   - `b`: that
    # runtime: auto
    # DECISION: what about nodeTypes
    #   why: people know; until then: `a`
    #   - `a`: this
    #   - `b`: that
    # nodeTypes: {\"m5.xlarge\":\"m5d.xlarge\"}
";

    #[test]
    fn a_question_is_asked_once_and_is_answered_by_taking_the_hash_away() {
        for (body, wanted) in [
            ("  targets: {dev: {}}\n", format!("  targets: {{dev: {{}}}}\n{ASKED}")),
            ("  targets:\n    dev: {}\n", format!("  targets:\n    dev: {{}}\n{ASKED}")),
            ("  targets:\n    dev: {}", format!("  targets:\n    dev: {{}}\n{ASKED}")),
            (
                "  answers:\n    logs: keep\n  targets: {dev: {}}\n",
                format!("{ASKED}    logs: keep\n  targets: {{dev: {{}}}}\n"),
            ),
            ("  answers:\n  targets: {dev: {}}\n", format!("{ASKED}  targets: {{dev: {{}}}}\n")),
        ] {
            let text = format!("{HEAD}{body}");
            let out = ask(&text, &two(), &BTreeSet::new()).unwrap();
            assert_eq!(out, format!("{HEAD}{wanted}"));
            assert_eq!(ask(&out, &two(), &BTreeSet::new()).unwrap(), out, "it is asked once");
            let answered = out.replace("# runtime: auto", "runtime: auto").replace("# nodeTypes", "nodeTypes");
            let spec = project(&answered).unwrap().to_json()["spec"].clone();
            assert_eq!((&spec["answers"]["runtime"], &spec["targets"]["dev"]), (&json!("auto"), &json!({})));
            assert_eq!(spec["answers"]["nodeTypes"]["m5.xlarge"], "m5d.xlarge");
            assert_eq!(ask(&answered, &two(), &BTreeSet::new()).unwrap(), answered, "it is answered");
        }
    }

    #[test]
    fn a_question_whose_comment_was_deleted_is_decided() {
        let text = format!("{HEAD}  targets: {{dev: {{}}}}\n");
        let asked = BTreeSet::from(["runtime".to_owned(), "nodeTypes".to_owned()]);
        assert_eq!(ask(&text, &two(), &asked).unwrap(), text);
        let only = ask(&text, &two(), &BTreeSet::from(["nodeTypes".to_owned()])).unwrap();
        assert!(only.contains("# runtime: auto") && !only.contains("nodeTypes"), "{only}");
    }

    #[test]
    fn answers_in_one_line_are_asked_above_it() {
        let text =
            format!("{HEAD}  answers: {{logs: keep}}\r\n  targets: {{dev: {{}}}}\r\n").replace("spec:\n", "spec:\r\n");
        let out = ask(&text, &two(), &BTreeSet::new()).unwrap();
        assert!(out.contains("\r\n  # runtime: auto\r\n"), "{out}");
        assert!(out.contains("  answers: {logs: keep}"), "{out}");
    }

    #[test]
    fn the_place_until_the_cutover_is_a_variable_that_is_asked_about_once() {
        for body in ["  targets: {dev: {}}\n", "  variables:\n    a: b\n", "  targets: {dev: {}}\n  variables: {}\n"] {
            let text = format!("{HEAD}{body}");
            let out = output_root(&text, "s3://lake/plumb-shadow").unwrap();
            let asked = "    # DECISION: where new pipelines write until they are cut over\n    #   why: ";
            assert!(out.contains(asked) && out.contains("\n    output_root: \"s3://lake/plumb-shadow\"\n"), "{out}");
            assert_eq!(project(&out).unwrap().to_json()["spec"]["variables"]["output_root"], "s3://lake/plumb-shadow");
            assert_eq!(output_root(&out, "s3://other").unwrap(), out);
        }
        let flow = format!("{HEAD}  variables: {{a: b}}\n");
        let out = output_root(&flow, "s3://lake/x").unwrap();
        assert_eq!(
            project(&out).unwrap().to_json()["spec"]["variables"],
            json!({ "a": "b", "output_root": "s3://lake/x" })
        );
    }

    #[test]
    fn what_cannot_be_added_to_is_refused() {
        let flow = "{apiVersion: plumb/v1, kind: Project, metadata: {name: p}, spec: {targets: {dev: {}}}}\n";
        assert!(ask(flow, &two(), &BTreeSet::new()).is_err());
        assert_eq!(ask(flow, &[], &BTreeSet::new()).unwrap(), flow);
        assert!(ask("a: [", &two(), &BTreeSet::new()).is_err());
    }

    #[test]
    fn of_several_pipelines_each_answer_is_asked_for_once() {
        let all = [two(), two(), vec![question(TeamAnswer::Logs, None)]].concat();
        let keys: Vec<&str> = questions(&all).iter().map(|question| question.answer.key()).collect();
        assert_eq!(keys, ["runtime", "nodeTypes", "logs"]);
        let out = ask(&format!("{HEAD}  targets: {{dev: {{}}}}\n"), &questions(&all), &BTreeSet::new()).unwrap();
        assert!(out.ends_with("    # logs:\n"), "{out}");
    }
}
