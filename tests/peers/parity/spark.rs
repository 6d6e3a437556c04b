//! The dialect of Databricks, run by real Spark: `spark_server.py` stands where a workspace is, and what it answers of tables
//! has to be what DuckDB says of the same data, member by member.

use super::project::Project;
use super::truth::{Table, Truth};
use super::{assert_all_right, duckdb, folder, made, python, say};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// How many runs go on at a time: each waits for its statements most of the time.
const AT_ONCE: usize = 4;

/// What the engines say otherwise, and why that is right.
const OTHERWISE: [(&str, &str); 1] = [(
    "wall-time-of-an-hour-that-was-twice",
    "DuckDB takes the later of both instants, Spark the earlier; one row differs",
)];

/// A Spark that answers statements; it ends with its stdin.
struct SparkServer {
    child: Child,
    url: String,
}

impl SparkServer {
    fn start(data: &Path) -> SparkServer {
        let mut command = Command::new(python());
        command.arg(folder().join("parity/spark_server.py")).arg(data);
        command.env("TZ", "UTC").env("PYTHONDONTWRITEBYTECODE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://"), "the server did not start");
        SparkServer { child, url: url.trim().to_owned() }
    }
}

impl Drop for SparkServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The output of a case with tables in place of folders, which the server knows by these names. `None` where no table is such.
fn as_tables(case: &Truth) -> Option<String> {
    let mut output: Value = serde_json::from_str(&case.output).unwrap();
    // Spark cannot compose: a manifest that asks for it is refused.
    if OTHERWISE.iter().any(|(name, _)| *name == case.name) {
        return None;
    }
    // What only files can be: unreadable to one engine, read otherwise by another one, or with a column that cannot be null.
    let is_of_files = case.truth["causes"]["rows"] == "unreadable" || case.truth["or_none"] == true;
    if is_of_files || case.name.starts_with("nullability") {
        return None;
    }
    let has_nfc = output["rules"].as_array().into_iter().flatten().any(|rule| rule.get("unicode").is_some());
    for name in ["old", "new"] {
        let side = output[name].as_object_mut().unwrap();
        let is_table = ["parquet", "csv", "json"].contains(&side["format"].as_str().unwrap());
        if has_nfc || !is_table {
            return None;
        }
        side.retain(|member, _| member == "where");
        side.insert("table".into(), json!(format!("main.default.{}-{name}", case.name)));
    }
    Some(output.to_string())
}

/// A report without what may differ between two engines: which they are, where the data lies, how long it took, keys, which
/// are masked by a key of each run, and how an engine writes a value that is no plain one.
///
/// `has_folders`: where the data lies in folders of partitions, by which DuckDB tells where differences are.
fn comparable(mut report: Value, has_folders: bool) -> Value {
    let remove = |value: &mut Value, members: &[&str]| {
        let object = value.as_object_mut().unwrap();
        object.retain(|member, _| !members.contains(&member.as_str()));
    };
    remove(&mut report, &["engine", "duration_s", "checked_at", "rules"]);
    let mut keys = BTreeMap::new();
    rename_keys(&mut report, &mut keys);
    for output in report["outputs"].as_array_mut().unwrap() {
        remove(output, if has_folders { &["duration_s", "spread"] } else { &["duration_s"] });
        // Which file lacks a column, and where the folders of partitions differ, a table does not tell.
        let is_of_files = |note: &Value| note.as_str().unwrap().contains("is missing in some files");
        if let Some(notes) = output["notes"].as_array_mut() {
            notes.retain(|note| !is_of_files(note));
            if notes.is_empty() {
                remove(output, &["notes"]);
            }
        }
        for side in ["old", "new"] {
            remove(&mut output[side], &["source", "fingerprint", "files", "bytes", "version"]);
        }
        for column in output["columns"].as_array_mut().into_iter().flatten() {
            let is_plain = |name: &str| !column[name].as_str().unwrap().contains(['<']) && column[name] != "binary";
            if !is_plain("old_type") || !is_plain("new_type") {
                for example in column["examples"].as_array_mut().into_iter().flatten() {
                    remove(example, &["old", "new"]);
                }
            }
        }
    }
    report
}

/// Numbers the masked values of keys in the order in which they come.
fn rename_keys(value: &mut Value, names: &mut BTreeMap<String, usize>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                if name == "key" {
                    for part in value.as_array_mut().into_iter().flatten() {
                        let Some(text) = part[1].as_str().map(str::to_owned) else { continue };
                        let next = names.len();
                        part[1] = json!(*names.entry(text).or_insert(next));
                    }
                } else {
                    rename_keys(value, names);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_keys(item, names)),
        _ => {}
    }
}

/// Where two reports differ.
fn unequal(at: &str, duckdb: &Value, spark: &Value, found: &mut Vec<String>) {
    match (duckdb, spark) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let of = |members: &Map<String, Value>, name: &str| members.get(name).cloned().unwrap_or_default();
            names.into_iter().for_each(|name| unequal(&format!("{at}/{name}"), &of(a, name), &of(b, name), found));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                unequal(&format!("{at}/{i}"), a, b, found);
            }
        }
        (a, b) if a != b => found.push(format!("{at}: duckdb says {a}, spark says {b}")),
        _ => {}
    }
}

/// Compares some cases by both engines. Returns what they say otherwise, and how many were compared.
fn both(data: &Path, cases: &[(&Truth, String)], url: &str) -> (Vec<String>, usize) {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    let plain: Vec<&Truth> = cases.iter().map(|(case, _)| *case).collect();
    let files = Project::new(data, &plain, duckdb());
    let tables = Project::of_tables(cases, url);
    let periods: BTreeSet<&String> = plain.iter().map(|case| &case.period).collect();
    for period in periods {
        let of: Vec<&Truth> = plain.iter().copied().filter(|case| case.period == *period).collect();
        files.run(&of.iter().map(|case| &*case.name).collect::<Vec<_>>(), period);
        // Files that are not as they should be, or not there, are no table.
        let is_of_files = |case: &Truth| {
            files.evidence(&case.name, period).is_ok_and(|report| {
                let output = &report["outputs"][0];
                output["verdict"] == "none" && (output["old"]["rows"].is_null() || output["new"]["rows"].is_null())
            })
        };
        let of: Vec<&Truth> = of.into_iter().filter(|case| !is_of_files(case)).collect();
        if of.is_empty() {
            continue;
        }
        let run = tables.run(&of.iter().map(|case| &*case.name).collect::<Vec<_>>(), period);
        for case in of {
            compared += 1;
            match (files.evidence(&case.name, period), tables.evidence(&case.name, period)) {
                (Ok(old), Ok(new)) => {
                    assert_eq!(new["engine"]["name"], "databricks", "{}", case.name);
                    let mut found = Vec::new();
                    let has_folders = case.name.starts_with("partitions-");
                    unequal("", &comparable(old, has_folders), &comparable(new, has_folders), &mut found);
                    wrong.extend(found.into_iter().map(|text| format!("{}: {text}", case.name)));
                }
                (old, new) => {
                    let told = [("duckdb", old), ("spark", new)].map(|(who, of)| format!("{who}: {:?}", of.err()));
                    wrong.push(format!("{}: {}\n{}", case.name, told.join(", "), run.text));
                }
            }
            let seen = case.canaries.iter().filter(|canary| tables.shows(canary, &run));
            wrong.extend(seen.map(|canary| format!("{}: `{canary}` of a sensitive column is shown", case.name)));
        }
    }
    (wrong, compared)
}

#[test]
fn spark_says_of_tables_what_duckdb_says_of_files() {
    let data = made("cases", "make.py", &[]);
    let table = Table::read(&data.join("cases.json"));
    if !table.left_out.is_empty() {
        say(&format!("skipped {} pairs of tables that Spark would compare: no Java", table.cases.len()));
        return;
    }
    let cases: Vec<(&Truth, String)> = table.cases.iter().filter_map(|case| Some((case, as_tables(case)?))).collect();
    let server = SparkServer::start(&data);
    let (mut wrong, mut compared) = (Vec::new(), 0);
    std::thread::scope(|scope| {
        let shares = cases.chunks(cases.len().div_ceil(AT_ONCE));
        let (data, url) = (&data, &server.url);
        let running: Vec<_> = shares.map(|share| scope.spawn(move || both(data, share, url))).collect();
        for run in running {
            let (found, of) = run.join().unwrap();
            wrong.extend(found);
            compared += of;
        }
    });
    say(&format!("{compared} pairs compared by Spark and by DuckDB"));
    assert!(compared >= 270, "only {compared} pairs were compared");
    assert_all_right(&wrong, compared);
}

#[test]
fn reports_that_differ_are_told_apart() {
    let report = |count: u64, key: &str, duration: f64| {
        json!({"engine": {"name": "x"}, "outputs": [{"duration_s": duration, "only_old": count,
            "old": {"source": key, "rows": 3}, "new": {"rows": 3},
            "columns": [{"name": "v", "old_type": "string", "new_type": "string",
                "examples": [{"key": [["k", key]], "old": "a", "new": null}]}]}]})
    };
    let told = |a: Value, b: Value| {
        let mut found = Vec::new();
        unequal("", &comparable(a, false), &comparable(b, false), &mut found);
        found
    };
    assert_eq!(told(report(1, "#a", 1.0), report(1, "#b", 2.0)), [""; 0]);
    assert_eq!(told(report(1, "#a", 1.0), report(2, "#a", 1.0)), ["/outputs/0/only_old: duckdb says 1, spark says 2"]);
    let mut other = report(1, "#a", 1.0);
    other["outputs"][0]["columns"][0]["examples"][0]["old"] = json!("b");
    assert_eq!(told(report(1, "#a", 1.0), other).len(), 1);
}
