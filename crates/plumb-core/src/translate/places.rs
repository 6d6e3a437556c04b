//! What the old pipeline reads and writes, and who answers for it: as far as arguments and tags tell.

use crate::detect;
use crate::inventory::depends::Depends;
use serde_json::Value;
use std::collections::BTreeSet;

/// Tags that name who answers for a cluster, the plainest first.
const OWNERS: [&str; 4] = ["owner", "team", "contact", "created-by"];

/// The places that the steps of a cluster or the runs of an application read and write.
///
/// A date or anything else that changes from run to run ends a place: what ties pipelines together is what stands before it.
pub(super) fn of(input: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut depends = Depends::default();
    for (jar, args) in lines(input) {
        depends.step(&jar, &args);
    }
    let places = |set: &BTreeSet<String>| set.iter().filter_map(|path| place(path)).collect();
    (places(&depends.reads), places(&depends.writes))
}

/// The places that the steps of a cluster or the runs of an application write ([`crate::inventory::input`]).
pub fn writes(input: &Value) -> BTreeSet<String> {
    of(input).1
}

/// The JAR and the arguments of each step of a cluster and run of an application, in the order in which they ran.
pub(super) fn lines(input: &Value) -> Vec<(String, Vec<String>)> {
    let members = |place: &str| input.pointer(place).and_then(Value::as_array).into_iter().flatten();
    let texts = |list: Option<&Value>| -> Vec<String> {
        list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let step = |step: &Value| {
        let jar = step.pointer("/Config/Jar").and_then(Value::as_str).unwrap_or_default();
        (jar.to_owned(), texts(step.pointer("/Config/Args")))
    };
    // The API lists steps newest first.
    let steps: Vec<_> = members("/Steps").map(step).collect();
    let runs = members("/jobRuns")
        .map(|run| (String::new(), texts(run.pointer("/jobDriver/sparkSubmit/entryPointArguments"))));
    steps.into_iter().rev().chain(runs).collect()
}

/// The part of a path that every run has; `None` where that is a whole bucket, or has a secret in it.
fn place(path: &str) -> Option<String> {
    if path.contains(detect::HIDDEN) {
        return None;
    }
    let steady = match path.find(['{', '*', '?', '[', '$']) {
        Some(at) => &path[..path[..at].rfind('/')?],
        None => path.trim_end_matches('/'),
    };
    let (bucket, key) = steady.strip_prefix("s3://")?.split_once('/')?;
    (!bucket.is_empty() && !key.trim_matches('/').is_empty()).then(|| steady.to_owned())
}

/// Who answers for a cluster, by its tags.
pub(super) fn owner(input: &Value) -> Option<String> {
    let tags = input.pointer("/Cluster/Tags").and_then(Value::as_array)?;
    let named = |name: &&str| {
        let tag = tags.iter().find(|tag| tag["Key"].as_str().is_some_and(|key| key.eq_ignore_ascii_case(name)))?;
        tag["Value"].as_str().filter(|value| !value.is_empty() && !value.contains(detect::HIDDEN)).map(str::to_owned)
    };
    OWNERS.iter().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_every_run_has_in_common_is_a_place() {
        for (path, wanted) in [
            ("s3://lake/gold/{date}/", Some("s3://lake/gold")),
            ("s3://lake/gold/month={date}", Some("s3://lake/gold")),
            ("s3://lake/gold/", Some("s3://lake/gold")),
            ("s3://lake/gold/a*.parquet", Some("s3://lake/gold")),
            ("s3://lake/{date}/", None),
            ("s3://lake/", None),
            ("s3://lake/(secret)/x", None),
        ] {
            assert_eq!(place(path).as_deref(), wanted, "{path}");
        }
    }

    #[test]
    fn steps_and_tags_say_what_is_read_written_and_by_whom() {
        let step = |args: &[&str]| json!({ "Config": { "Jar": "command-runner.jar", "Args": args } });
        let input = json!({
            "Cluster": { "Tags": [{ "Key": "Team", "Value": "data" }, { "Key": "Owner", "Value": "ann" }] },
            "Steps": [step(&["spark-submit", "s3://c/x.py", "--input", "s3://lake/raw/2026-10/", "--output", "s3://lake/gold"]),
                      step(&["aws", "s3", "cp", "s3://lake/gold", "s3://out/x/"])],
        });
        let set = |places: &[&str]| places.iter().map(|place| (*place).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(of(&input), (set(&["s3://lake/gold", "s3://lake/raw"]), set(&["s3://lake/gold", "s3://out/x"])));
        assert_eq!(owner(&input).as_deref(), Some("ann"));
        assert_eq!(owner(&json!({ "Cluster": { "Tags": [] } })), None);
    }
}
