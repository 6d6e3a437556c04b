//! `answers` of plumb.yaml: what its schema cannot say.

use super::Project;
use plumb_model::yaml::{Node, Problems};

/// Reports zones that nobody knows, runtimes and places that are none, and answers that are empty.
pub(super) fn of_project(project: &Project, spec: &Node, problems: &mut Problems) {
    let Some(answers) = &project.answers else { return };
    let mut wrong = |key: &str, text: &str, label: &str| {
        let shown: String = text.chars().take(60).collect();
        problems.at(spec.at(&format!("answers.{key}")).span, format!("`{shown}` is no answer to `{key}`"), label);
    };
    let is_word = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
    if let Some(runtime) = &answers.runtime
        && runtime != "auto"
        && !(is_word(runtime) && runtime.contains("-scala"))
    {
        wrong("runtime", runtime, "expected `auto`, or a runtime's key like `16.4.x-scala2.12`");
    }
    if let Some(who) = &answers.run_as
        && !is_word(who)
    {
        wrong("runAs", who, "expected a user's name, a service principal's application id, or `creator`");
    }
    if let Some(zone) = &answers.time_zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        wrong("timeZone", zone, "expected a zone like `UTC` or `Europe/Berlin`");
    }
    if let Some(logs) = &answers.logs
        && !(["keep", "none"].contains(&logs.as_str())
            || ["s3://", "/Volumes/"].iter().any(|start| logs.len() > start.len() && logs.starts_with(start)))
    {
        wrong("logs", logs, "expected `keep`, `none`, `s3://BUCKET/PREFIX` or `/Volumes/CATALOG/SCHEMA/VOLUME`");
    }
    if let Some(catalog) = &answers.catalog
        && !is_word(catalog)
    {
        wrong("catalog", catalog, "expected a catalog's name, `hive_metastore` or `glue`");
    }
    for (from, to) in answers.node_types.iter().flatten() {
        if !is_word(from) || !is_word(to) {
            wrong(
                "nodeTypes",
                &format!("{from}: {to}"),
                "expected a machine type for each, like `m5.xlarge: m6id.xlarge`",
            );
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::manifest::{InMemory, Request, load};

    fn mistakes(answers: &str) -> Vec<String> {
        let text = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: p}}\nspec:\n  targets: {{dev: {{default: true}}}}\n  answers:\n{answers}"
        );
        let source = InMemory([("plumb.yaml".to_owned(), text.into_bytes())].into());
        let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
        let Err(failure) = load(&source, &request, &[]) else { return Vec::new() };
        let place = |problem: &plumb_model::yaml::Problem| {
            let (line, column) = failure.files.position(problem.span?);
            Some(format!("{line}:{column} {}", problem.message))
        };
        failure.problems.iter().filter_map(place).collect()
    }

    #[test]
    fn answers_that_are_none_are_told_with_their_place() {
        for good in [
            "    # runtime: auto\n",
            "    runtime: auto\n    timeZone: Europe/Berlin\n    logs: keep\n",
            "    runtime: 16.4.x-scala2.12\n    logs: s3://b/logs\n    nodeTypes: {m5.xlarge: m6id.xlarge}\n    runAs: ann@acme.example\n",
            "    rights: unityCatalog\n    spot: withFallback\n    catalog: main\n    logs: /Volumes/a/b/c\n",
        ] {
            assert_eq!(mistakes(good), [""; 0], "{good}");
        }
        for (bad, wanted) in [
            ("    runtime: newest\n", "7:14 `newest` is no answer to `runtime`"),
            ("    timeZone: Berlin\n", "7:15 `Berlin` is no answer to `timeZone`"),
            ("    logs: here\n", "7:11 `here` is no answer to `logs`"),
            ("    catalog: \"a b\"\n", "7:14 `a b` is no answer to `catalog`"),
            ("    runAs: ''\n", "7:12 `` is no answer to `runAs`"),
            ("    nodeTypes: {m5.xlarge: ''}\n", "7:16 `m5.xlarge: ` is no answer to `nodeTypes`"),
        ] {
            assert_eq!(mistakes(bad), [wanted], "{bad}");
        }
        assert_eq!(mistakes("    spot: sometimes\n    colour: red\n").len(), 2);
    }
}
