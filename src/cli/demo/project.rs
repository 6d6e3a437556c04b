//! The repository that the story plays in: the example project, and the edits that people make to it.

use crate::ui::Failure;
use plumb_sandbox::emr;

/// The example project, in the binary: the demo works from anywhere.
pub const FILES: &[(&str, &str)] = &[
    ("plumb.yaml", include_str!("../../../plumb.yaml")),
    (POLICY, include_str!("../../../manifests/compute/policy.yaml")),
    (POOL, include_str!("../../../manifests/compute/pool.yaml")),
    (CLUSTER, include_str!("../../../manifests/compute/cluster.yaml")),
    (CLEANSE, include_str!("../../../manifests/jobs/audience-cleanse.yaml")),
    (AGGREGATE, include_str!("../../../manifests/jobs/audience-aggregate.yaml")),
    (INSIGHTS, include_str!("../../../manifests/jobs/audience-insights.yaml")),
    (MONTHLY, include_str!("../../../manifests/airflow/bau-insights-monthly.yaml")),
    ("manifests/overlays/prod/audience-aggregate.yaml", OVERLAY),
];

const OVERLAY: &str = include_str!("../../../manifests/overlays/prod/audience-aggregate.yaml");
pub const POLICY: &str = "manifests/compute/policy.yaml";
pub const POOL: &str = "manifests/compute/pool.yaml";
pub const CLUSTER: &str = "manifests/compute/cluster.yaml";
pub const CLEANSE: &str = "manifests/jobs/audience-cleanse.yaml";
pub const AGGREGATE: &str = "manifests/jobs/audience-aggregate.yaml";
pub const INSIGHTS: &str = "manifests/jobs/audience-insights.yaml";
pub const MONTHLY: &str = "manifests/airflow/bau-insights-monthly.yaml";

/// A file of the example project.
pub fn file(path: &str) -> Result<&'static str, Failure> {
    FILES
        .iter()
        .find(|(name, _)| *name == path)
        .map(|(_, text)| *text)
        .ok_or_else(|| Failure::error(format!("the example project has no {path}")))
}

/// The text with the first `from` replaced. That it is there is checked: an edit that changes nothing would make a
/// story that proves nothing.
pub fn edited(text: &str, from: &str, to: &str) -> Result<String, Failure> {
    if text.contains(from) {
        Ok(text.replacen(from, to, 1))
    } else {
        Err(Failure::error(format!("the example project does not contain `{}`", from.trim())))
    }
}

/// The project file with one target more: the workspace and the Airflow that the demo starts. Both are emulated, so what is
/// undecided is tried out there, as in a target with `sandbox: true`.
pub fn with_target(text: &str, airflow: &str) -> Result<String, Failure> {
    let target = format!(
        "    demo:\n      databricks: {{profile: demo}}\n      airflow: {{url: \"{airflow}\", dags: ../dags}}\n      \
         emr: {{region: {}, account: \"{}\"}}\n\n",
        emr::REGION,
        emr::ACCOUNT
    );
    let text = edited(text, "  guards: {", "  guards: {decisions: warn, ")?;
    edited(&text, "  targets:\n", &format!("  targets:\n{target}"))
}

/// A manifest that takes over an existing object.
pub fn adopting(text: &str, id: u64) -> Result<String, Failure> {
    edited(text, "metadata:\n", &format!("metadata:\n  adopt: \"{id}\"             # made by hand, long ago\n"))
}

/// A DAG's manifest without one of its tasks, which is one line there.
pub fn without_task(text: &str, id: &str) -> Result<String, Failure> {
    let line = text.lines().find(|line| line.trim_start().starts_with(&format!("- {{id: {id},")));
    edited(text, &format!("{}\n", line.unwrap_or(id)), "")
}

/// The number of the line, from 1, that begins with `start` (spaces in front of it do not count).
pub fn line_of(text: &str, start: &str) -> Option<u64> {
    (1..).zip(text.lines()).find(|(_, line)| line.trim_start().starts_with(start)).map(|(number, _)| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn walk(dir: &Path, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.join("plumb.yaml").is_file() {
                // A project of its own.
                continue;
            }
            if path.is_dir() {
                walk(&path, files);
            } else {
                let root = Path::new(env!("CARGO_MANIFEST_DIR"));
                files.push(path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/"));
            }
        }
    }

    #[test]
    fn the_binary_holds_the_whole_example_project() {
        let mut there = vec!["plumb.yaml".to_owned()];
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests"), &mut there);
        let mut held: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        there.sort();
        held.sort();
        assert_eq!(held, there);
    }

    #[test]
    fn an_edit_that_finds_nothing_is_an_error() {
        assert_eq!(edited("a: 1\na: 1\n", "1", "2").unwrap(), "a: 2\na: 1\n");
        assert!(edited("a: 1", "b", "c").unwrap_err().message.contains("`b`"));
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_of("a:\n  b: 1\n", "b:"), Some(2));
        assert_eq!(line_of("a:\n", "b:"), None);
    }
}
