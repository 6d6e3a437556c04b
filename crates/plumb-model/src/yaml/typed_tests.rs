use super::*;
use crate::yaml::{FileId, Limits, Problem, parse};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, PartialEq)]
struct Job {
    name: String,
    #[serde(default)]
    runs: u32,
    ratio: Option<f64>,
    paused: Option<bool>,
    schedule: Option<Schedule>,
    #[serde(default)]
    tasks: Vec<Task>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    who: Option<Who>,
    size: Option<Size>,
    extra: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Schedule {
    cron: String,
    zone: String,
    #[serde(default)]
    pause: Pause,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Pause {
    #[default]
    Paused,
    Unpaused,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Task {
    key: String,
    path: String,
    #[serde(default)]
    retries: i32,
    #[serde(flatten)]
    cluster: Cluster,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Cluster {
    existing: Option<String>,
    workers: Option<i64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Who {
    Name(String),
    Id { id: i64 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Size {
    Fixed(u32),
    Auto { min: u32, max: u32 },
}

fn node(text: &str) -> Node {
    let mut problems = Problems::default();
    let mut nodes = parse(text, FileId(0), &Limits::default(), &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    nodes.remove(0)
}

fn good(text: &str) -> Job {
    let mut problems = Problems::default();
    let job = read(&node(text), &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    job.unwrap()
}

fn bad(text: &str) -> Vec<Problem> {
    let mut problems = Problems::default();
    assert_eq!(read::<Job>(&node(text), &mut problems), None);
    problems.sorted()
}

fn lines(text: &str) -> Vec<String> {
    bad(text)
        .into_iter()
        .map(|p| format!("{}| {} | {}", text[..p.span.unwrap().start].matches('\n').count() + 1, p.message, p.label))
        .collect()
}

#[test]
fn reads_what_is_right() {
    let job = good(
        "name: a\nruns: 2\nratio: 1\npaused: null\nschedule: {cron: x, zone: UTC, pause: UNPAUSED}\n\
         tasks: [{key: k, path: p, workers: 3}]\ntags: {a: b}\nwho: {id: 4}\nsize: {auto: {min: 1, max: 2}}\nextra: [1, {a: 2.5}]\n",
    );
    assert_eq!(job.ratio, Some(1.0));
    assert_eq!(job.paused, None);
    assert_eq!(job.tasks[0].cluster.workers, Some(3));
    assert_eq!(job.who, Some(Who::Id { id: 4 }));
    assert_eq!(job.size, Some(Size::Auto { min: 1, max: 2 }));
    assert_eq!(job.extra, Some(serde_json::json!([1, {"a": 2.5}])));
}

#[test]
fn deferred_values_fit_any_scalar() {
    let job = good(
        "name: x-${resources.Job.a}\nruns: ${env.N}\nratio: ${resources.Job.a.r}\npaused: ${secret.0123456789abcdef}\n\
         schedule: {cron: x, zone: UTC, pause: '${env.P}'}\n",
    );
    assert_eq!((job.runs, job.ratio, job.paused), (0, Some(0.0), Some(false)));
    assert_eq!(job.name, "x-${resources.Job.a}");
    assert_eq!(lines("name: a\ntasks: ${env.T}\n").len(), 1);
}

#[test]
fn every_mistake_is_reported_once() {
    let text = "nmae: a\nruns: 1h\nratio: [1]\nschedule:\n  cron: 7\n  pause: PAUSE\n  zone: UTC\n  more: 1\n\
                tasks:\n  - key: 1\n    retries: x\n  - path: [1]\n    unknown: 2\n    key: k\n  - nonsense\ntags:\n  v: 200\n  w: 1.10\n  x: true\n";
    assert_eq!(
        lines(text),
        [
            "1| unknown field `nmae` | did you mean `name`?",
            "1| missing field `name` | `name` is required here",
            "2| expected a whole number, found the string \"1h\" | expected a whole number",
            "3| expected a number, found a list | expected a number",
            "5| expected a string, found the number 7 | write it in quotes: \"7\"",
            "6| unknown value `PAUSE` | did you mean `PAUSED`?",
            "8| unknown field `more` | not a field of this mapping",
            "10| missing field `path` | `path` is required here",
            "10| expected a string, found the number 1 | write it in quotes: \"1\"",
            "11| expected a whole number, found the string \"x\" | expected a whole number",
            "12| expected a string, found a list | expected a string",
            "15| expected a mapping, found the string \"nonsense\" | expected a mapping",
            "17| expected a string, found the number 200 | write it in quotes: \"200\"",
            "18| expected a string, found the number 1.1 | write it in quotes",
            "19| expected a string, found `true` | write it in quotes: \"true\"",
        ]
    );
}

#[test]
fn several_missing_fields_and_ranges() {
    assert_eq!(
        lines("name: a\nruns: -1\nschedule: {}\ntasks: k\n"),
        [
            "2| expected a whole number from 0 to 4294967295, found the number -1 | expected a whole number from 0 to 4294967295",
            "3| missing field `cron` | `cron` is required here",
            "3| missing field `zone` | `zone` is required here",
            "4| expected a list, found the string \"k\" | write it as a list: [k]",
        ]
    );
    assert_eq!(lines("- a\n"), ["1| expected a mapping, found a list | expected a mapping"]);
    assert_eq!(lines("name: a\nwho: 5\nsize: {huge: 1}\n").len(), 2);
}

#[test]
fn a_document_full_of_mistakes_ends_soon() {
    let started = std::time::Instant::now();
    let tags: String = (0..20_000).map(|i| format!("  k{i}: {i}\n")).collect();
    let found = bad(&format!("name: a\ntags:\n{tags}"));
    assert!(found.iter().any(|p| p.message.contains("the others are not listed")), "{}", found.len());
    assert!(found.len() <= 102, "{}", found.len());
    let strangers: String = (0..20_000).map(|i| format!("k{i}: {i}\n")).collect();
    assert!(bad(&format!("name: a\n{strangers}")).len() <= 102);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}
