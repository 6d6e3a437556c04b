//! What holds of every patch: it is what it says, and nothing else of the file or of the manifests changes.

use super::{World, job, loaded};
use plumb_core::diagnose::remedy::GreenRuns;
use plumb_core::diagnose::result::Confidence;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A class, its slots, and the text of its line.
type Changing = (&'static str, &'static [(&'static str, &'static str)], &'static str);

/// Every class that may change a manifest, with what it takes to.
const CHANGING: [Changing; 15] = [
    ("SPOT_RECLAIM", &[], ""),
    ("CAPACITY", &[], ""),
    ("SUBNET_FULL", &[], ""),
    ("EXEC_OOM_CONTAINER", &[], "Container killed by YARN"),
    ("EXEC_HEAP_OOM", &[], "SparkOutOfMemoryError: Unable to acquire"),
    ("DRIVER_OOM", &[], ""),
    ("MAX_RESULT", &[("used", "1.1 GiB"), ("limit", "1024.0 MB")], ""),
    ("BROADCAST", &[], ""),
    ("KRYO_BUFFER", &[("required", "9")], ""),
    ("ANSI", &[], ""),
    ("DATETIME_UPGRADE", &[], "spark.sql.legacy.timeParserPolicy"),
    ("TIMEOUT", &[], ""),
    ("RUN_LIMIT", &[], ""),
    ("UC_PERMISSION", &[], "[REQUIRES_SINGLE_PART_NAMESPACE]"),
    ("VCPU_LIMIT", &[], ""),
];

/// Every leaf of a value, by its place.
fn leaves(at: &str, value: &Value, all: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(&format!("{at}/{key}"), value, all)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| leaves(&format!("{at}/{i}"), item, all)),
        _ => drop(all.insert(at.to_owned(), value.clone())),
    }
}

fn asked(files: &BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for resource in &loaded(files).unwrap().resources {
        leaves(&resource.address.to_string(), &resource.spec, &mut all);
    }
    all
}

fn comments(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text.lines().filter_map(|line| line.find('#').map(|at| line[at..].trim_end())).collect();
    found.sort_unstable();
    found
}

/// Checks all patches of a world; how many there are.
fn holds(world: &World) -> usize {
    let (patches, _) = world.remedies();
    if patches.is_empty() {
        return 0;
    }
    let before = asked(&world.files);
    let mut files = world.files.clone();
    let mut said = String::new();
    for patch in &patches {
        assert_eq!(files.insert(patch.shown.file.clone(), patch.text.clone()).as_ref(), Some(&patch.before));
        said.push_str(&patch.shown.what);
        assert_eq!(comments(&patch.before), comments(&patch.text), "{}", world.cause.class);
        // The lines that are shown are those that change.
        let kept: BTreeSet<&str> = patch.text.lines().collect();
        for line in patch.shown.patch.lines().filter_map(|line| line.strip_prefix('+')) {
            assert!(kept.contains(line), "{line}");
        }
        let first = patch.before.lines().zip(patch.text.lines()).position(|(a, b)| a != b);
        let first = first.unwrap_or(patch.before.lines().count()) as u64 + 1;
        assert_eq!(patch.shown.line, first, "{}", patch.text);
    }
    let after = asked(&files);
    let changed: Vec<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|place| before.get(*place) != after.get(*place))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    for place in &changed {
        let last = place.rsplit('/').next().unwrap();
        assert!(said.contains(last), "{}: {place} changed, and said is {said}", world.cause.class);
    }
    assert!(!changed.is_empty());
    // The same failure afterwards asks for something else, or for nothing.
    let again = World { files, address: world.address.clone(), cause: world.cause.clone(), green: world.green };
    for patch in again.remedies().0 {
        assert!(!said.contains(&patch.shown.what), "{}: {}", world.cause.class, patch.shown.what);
    }
    patches.len()
}

fn worlds(files: &BTreeMap<String, String>, address: &str) -> Vec<World> {
    let of = |(class, slots, line): &(&str, &[(&str, &str)], &str)| {
        let mut world = World::of("", class).shown(line);
        world.files = files.clone();
        world.address = address.into();
        // Whatever limit there is, good runs come near it.
        world.green = Some(GreenRuns { count: 3, longest: i64::MAX / 2 });
        slots.iter().fold(world, |world, (slot, value)| world.with(slot, value))
    };
    CHANGING.iter().map(of).collect()
}

#[test]
fn a_patch_of_any_fixture_is_what_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds/DatabricksJob");
    let mut made = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let names: BTreeSet<&str> = text.split("${env.").skip(1).filter_map(|rest| rest.split('}').next()).collect();
        let project = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: laws}}\nspec:\n  targets: {{prod: {{}}}}\n  env: {}\n",
            serde_json::to_string(&names).unwrap()
        );
        let files =
            BTreeMap::from([("plumb.yaml".to_owned(), project), ("manifests/all.yaml".to_owned(), text.clone())]);
        let desired = loaded(&files).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        for job in desired.resources.iter().filter(|r| r.address.kind == "DatabricksJob") {
            made += worlds(&files, &job.address.to_string()).iter().map(holds).sum::<usize>();
            // Once for each of its tasks, too.
            for task in job.spec["tasks"].as_array().into_iter().flatten().take(1) {
                let of_task = worlds(&files, &job.address.to_string()).into_iter();
                made += of_task.map(|world| holds(&world.task(task["task_key"].as_str().unwrap()))).sum::<usize>();
            }
        }
    }
    assert!(made > 10, "{made} patches");
}

#[test]
fn a_patch_of_any_layout_is_what_it_says() {
    let node = "node_type_id: m5.xlarge";
    let layouts: [&[&str]; 7] = [
        &[node],
        &[node, "aws_attributes: {}", "spark_conf: {}"],
        &[node, "aws_attributes:", "  availability: 'SPOT' # quoted", "spark_conf:", "  # nothing yet"],
        &[node, "\"aws_attributes\": {\"availability\": \"SPOT\", zone_id: us-east-1a}  # flow"],
        &[node, "spark_conf:", "  spark.sql.shuffle.partitions: '200'", "  # the end"],
        &[node, "aws_attributes:", "", "  availability: SPOT", "", "  zone_id: us-west-2b", "# end"],
        &[node, "driver_node_type_id: c5.xlarge", "data_security_mode: NONE", "spark_conf: {a.b: \"1\"}"],
    ];
    let mut made = 0;
    for (number, lines) in layouts.into_iter().enumerate() {
        for end in ["\n", "\r\n"] {
            let head = "  queue: {enabled: false}   # no\n  timeout_seconds: 600\n  tasks:";
            let text = job(lines).replace("  tasks:", head).replace('\n', end);
            let world = World::of(&text, "");
            let found: usize = worlds(&world.files, "DatabricksJob/etl").iter().map(holds).sum();
            assert!(found >= 7, "layout {number}: {found}");
            made += found;
        }
    }
    assert!(made > 90, "{made}");
}

#[test]
fn a_text_that_does_not_load_or_asks_for_more_is_not_proposed() {
    let lines = ["node_type_id: m5.xlarge", "aws_attributes: {availability: SPOT}"];
    let world = World::of(&job(&lines), "SPOT_RECLAIM");
    let (patches, advice) = world.remedies_by(&|_| Err("it has a mistake".into()));
    assert!(patches.is_empty());
    assert!(advice[0].text.contains("would not be valid: it has a mistake"), "{}", advice[0].text);
    // Loading that changes something else than what is said.
    let other = |texts: &BTreeMap<String, String>| {
        let mut all = world.files.clone();
        all.extend(texts.iter().map(|(path, text)| (path.clone(), text.replace("num_workers: 8", "num_workers: 9"))));
        loaded(&all)
    };
    let (patches, advice) = world.remedies_by(&other);
    assert!(patches.is_empty());
    assert!(advice[0].text.contains("something else of DatabricksJob/etl"), "{}", advice[0].text);
    // Or that does not take it in.
    let (patches, _) = world.remedies_by(&|_| loaded(&world.files));
    assert!(patches.is_empty());
}

#[test]
fn what_is_only_possible_changes_nothing() {
    let mut world =
        World::of(&job(&["node_type_id: m5.xlarge", "aws_attributes: {availability: SPOT}"]), "SPOT_RECLAIM");
    world.cause.confidence = Confidence::Likely;
    assert_eq!(world.remedies().0.len(), 1);
    world.cause.confidence = Confidence::Possible;
    let said = world.said();
    assert!(said.starts_with("If this is the cause: DatabricksJob/etl: job_clusters[main]"), "{said}");
}
