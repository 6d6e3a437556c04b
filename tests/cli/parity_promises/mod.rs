//! What `plumb parity run` promises whatever happens: to the engine, to itself, to the data, and to what nobody is to see.

mod bad_input;
mod gate;
mod killed;
mod memory;
mod secrecy;

use crate::duckdb_support::{cache, program};
use crate::world::World;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A world that has the duckdb program.
fn world() -> World {
    let mut world = World::new();
    with_duckdb(&mut world);
    world
}

fn with_duckdb(world: &mut World) {
    program();
    world.env("PLUMB_CACHE", Some(cache().to_str().unwrap()));
}

/// What a migration is between.
const PIPELINES: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: NAME}
spec: {match: {name: NAME}, desired: keep}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: NAME}
spec: {name: NAME, tasks: []}
";

/// A migration of these outputs, with more of its `compare`.
fn migration(name: &str, more: &str, outputs: &[String]) -> String {
    format!(
        "{PIPELINES}---\napiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: {name}}}\nspec:\n  \
         from: {{emr: [EmrCluster/{name}]}}\n  to: {{jobs: [DatabricksJob/{name}]}}\n  compare:\n{more}    outputs:\n{}",
        outputs.concat(),
        PIPELINES = PIPELINES.replace("NAME", name)
    )
}

/// An output of JSON below `data/NAME/`, with more of what is said of it, each line with its indentation.
fn json_output(name: &str, columns: &str, keys: &str, more: &str) -> String {
    let side = |side: &str| format!("{{path: data/{name}/{side}, format: json, columns: {{id: bigint, {columns}}}}}");
    format!(
        "      - name: {name}\n        old: {}\n        new: {}\n        keys: [{keys}]\n{more}",
        side("old"),
        side("new")
    )
}

/// An output of Parquet below `data/NAME/`.
fn parquet_output(name: &str, keys: &str) -> String {
    let side = |side: &str| format!("{{path: data/{name}/{side}, format: parquet}}");
    format!(
        "      - name: {name}\n        old: {}\n        new: {}\n        keys: [{keys}]\n",
        side("old"),
        side("new")
    )
}

/// Rows of an id and a name, from one on.
fn rows(count: u64, name: &str) -> String {
    (1..=count).fold(String::new(), |mut text, id| {
        writeln!(text, "{{\"id\": {id}, \"name\": \"{name}{id}\"}}").unwrap();
        text
    })
}

/// A migration of one output that is equal, or differs in each name.
fn put(world: &World, migration_name: &str, is_equal: bool) {
    let outputs = [json_output(migration_name, "name: string", "id", "")];
    let text = migration(migration_name, "    period: none\n", &outputs);
    world.write(&format!("manifests/{migration_name}.yaml"), &text);
    world.write(&format!("data/{migration_name}/old/part.json"), &rows(30, "a"));
    world.write(&format!("data/{migration_name}/new/part.json"), &rows(30, if is_equal { "a" } else { "b" }));
}

/// The evidence of a migration for the period `p`. What is there is whole.
fn evidence(world: &World, migration: &str) -> Option<Value> {
    let text = std::fs::read_to_string(world.dir().join(format!("evidence/{migration}-p.json"))).ok()?;
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}:\n{text}"));
    assert_eq!((&report["format"], &report["migration"]), (&"plumb.parity/v1".into(), &migration.into()));
    Some(report)
}

/// The names of the files that runs wrote.
fn written(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.dir().join("evidence")).into_iter().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A duckdb with which something happens behind its statement of that number, the first time that it is started: a line of
/// shell. Relative paths are those of the repository.
fn duckdb_with(world: &World, at: usize, happens: &str) -> PathBuf {
    let (script, marker) = (world.home().join("duckdb"), world.home().join("happened"));
    let (dir, duckdb) = (world.dir(), &program().path);
    let _ = std::fs::remove_file(&marker);
    let text = format!(
        "#!/bin/sh\n\
         [ -e '{marker}' ] && exec '{duckdb}' \"$@\"\n\
         : > '{marker}'\n\
         {{ n=0\n\
         while IFS= read -r line; do\n\
         printf '%s\\n' \"$line\"\n\
         case \"$line\" in .print\\ end-*) n=$((n + 1)); [ $n -eq {at} ] && {{ cd '{dir}'; {happens}; }} ;; esac\n\
         done; }} | '{duckdb}' \"$@\"\n",
        marker = marker.display(),
        duckdb = duckdb.display(),
        dir = dir.display(),
    );
    write_program(&script, &text);
    script
}

/// How many statements a run has sent to duckdb.
fn statements(world: &mut World, arguments: &str) -> usize {
    let (script, count) = (world.home().join("counting"), world.home().join("count"));
    let _ = std::fs::remove_file(&count);
    let (program, count_path) = (program().path.display(), count.display());
    let text = format!(
        "#!/bin/sh\n\
         {{ while IFS= read -r line; do\n\
         printf '%s\\n' \"$line\"\n\
         case \"$line\" in .print\\ end-*) echo >> '{count_path}' ;; esac\n\
         done; }} | '{program}' \"$@\"\n"
    );
    write_program(&script, &text);
    world.env("PLUMB_DUCKDB", Some(script.to_str().unwrap()));
    world.plumb(arguments);
    world.env("PLUMB_DUCKDB", None);
    std::fs::read_to_string(count).unwrap().len()
}

/// Written by another process: a program that this one holds open for writing while it forks cannot be started.
fn write_program(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut command = std::process::Command::new("sh");
    let script = "cat > \"$0.new\" && chmod 755 \"$0.new\" && mv \"$0.new\" \"$0\"";
    let mut child = command.args(["-c", script]).arg(path).stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}
