//! A project with a migration for each case, outside of any repository, and the real binary.

use super::truth::Truth;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: parity}
spec:
  manifests: [manifests]
  targets: {dev: {default: true, TARGET}}
";

/// What migrations are between.
const PIPELINES: &str = "\
apiVersion: plumb/v1
kind: EmrCluster
metadata: {name: old}
spec: {match: {name: old}, desired: keep}
---
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: new}
spec: {name: new}
";

/// A project in a folder of its own.
pub struct Project {
    folder: TempDir,
    env: Vec<(&'static str, String)>,
}

/// How a run ended.
pub struct Run {
    pub code: i32,
    /// What it said on stdout and on stderr.
    pub text: String,
}

impl Project {
    /// One whose outputs are folders, which DuckDB compares.
    pub fn new(data: &Path, cases: &[&Truth], duckdb: PathBuf) -> Project {
        let outputs = cases.iter().map(|case| (*case, case.output.replace("@DATA@", data.to_str().unwrap())));
        let env = vec![("PLUMB_DUCKDB", duckdb.to_str().unwrap().to_owned())];
        Project::with(outputs, "engine: duckdb", "sandbox: true", env)
    }

    /// One whose outputs are tables, which the SQL warehouse `spark` of a workspace compares.
    pub fn of_tables(cases: &[(&Truth, String)], url: &str) -> Project {
        let outputs = cases.iter().map(|(case, output)| (*case, output.clone()));
        let env = vec![("DATABRICKS_HOST", url.to_owned()), ("DATABRICKS_TOKEN", "token-of-nobody".to_owned())];
        Project::with(outputs, "warehouse: spark", "databricks: {}", env)
    }

    fn with<'t>(
        outputs: impl Iterator<Item = (&'t Truth, String)>,
        engine: &str,
        target: &str,
        env: Vec<(&'static str, String)>,
    ) -> Project {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("manifests")).unwrap();
        std::fs::write(folder.path().join("plumb.yaml"), PROJECT.replace("TARGET", target)).unwrap();
        std::fs::write(folder.path().join("manifests/pipelines.yaml"), PIPELINES).unwrap();
        for (case, output) in outputs {
            // JSON is YAML, and keeps columns in their order.
            let manifest = format!(
                "apiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: {}}}\nspec:\n  from: {{emr: [EmrCluster/old]}}\n  \
                 to: {{jobs: [DatabricksJob/new]}}\n  compare:\n    period: {}\n    {engine}\n    outputs:\n      - {output}\n",
                case.name, case.unit
            );
            std::fs::write(folder.path().join(format!("manifests/{}.yaml", case.name)), manifest).unwrap();
        }
        Project { folder, env }
    }

    /// Compares some migrations, or all.
    pub fn run(&self, migrations: &[&str], period: &str) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        command.env_clear().env("HOME", self.folder.path()).envs(self.env.iter().cloned());
        command.env("PATH", std::env::var_os("PATH").unwrap()).current_dir(self.folder.path());
        let done = command.args(["parity", "run"]).args(migrations).args(["--period", period]).output().unwrap();
        let text = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        Run { code: done.status.code().unwrap(), text }
    }

    /// The report of a migration, or why there is none.
    pub fn evidence(&self, migration: &str, period: &str) -> Result<Value, String> {
        let path = self.folder.path().join(format!("evidence/{migration}-{period}.json"));
        let text = std::fs::read_to_string(path).map_err(|_| "no evidence was written".to_owned())?;
        serde_json::from_str(&text).map_err(|e| format!("its evidence is no JSON: {e}"))
    }

    /// The names of the reports in JSON.
    pub fn reports(&self) -> Vec<String> {
        let mut names: Vec<String> = self.written().iter().map(|path| name(path)).collect();
        names.retain(|name| name.ends_with(".json"));
        names.sort();
        names
    }

    /// Whether a text is in what a run said or wrote.
    pub fn shows(&self, text: &str, run: &Run) -> bool {
        let is_in = |path: &PathBuf| String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains(text);
        run.text.contains(text) || self.written().iter().any(is_in)
    }

    fn written(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path().join("evidence"));
        entries.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}
