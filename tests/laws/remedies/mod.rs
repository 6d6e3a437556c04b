//! Remedies over manifests of every form.

mod changes;
mod laws;
mod words;

use plumb_core::diagnose::remedy::{FilePatch, GreenRuns, RemedyInput, remedies};
use plumb_core::diagnose::result::{
    Advice, Confidence, DiagnosedCause, Diagnosis, EvidenceLine, FORMAT, RunOutcome, TASK_KEY,
};
use plumb_core::kinds;
use plumb_core::manifest::{Desired, InMemory, Request, load};
use std::collections::BTreeMap;

/// How changed texts are loaded again.
type Reload<'a> = dyn Fn(&BTreeMap<String, String>) -> Result<Desired, String> + 'a;

const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: bau}
spec:
  manifests: [manifests]
  variables:
    market: {default: SPOT}
  targets:
    prod: {patches: [patches], default: true}
";

/// Manifests, and what their run failed of.
pub struct World {
    pub files: BTreeMap<String, String>,
    pub address: String,
    pub cause: DiagnosedCause,
    pub green: Option<GreenRuns>,
}

impl World {
    /// A failure of `DatabricksJob/etl` of one manifest.
    pub fn of(manifest: &str, class: &str) -> World {
        let files = [("plumb.yaml", PROJECT), ("manifests/etl.yaml", manifest), ("patches/.empty.yaml", "")];
        World {
            files: files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect(),
            address: "DatabricksJob/etl".into(),
            cause: DiagnosedCause {
                class: class.into(),
                title: String::new(),
                confidence: Confidence::Certain,
                reason: String::new(),
                evidence: Vec::new(),
                slots: BTreeMap::new(),
            },
            green: None,
        }
    }

    pub fn with(mut self, slot: &str, value: &str) -> World {
        self.cause.slots.insert(slot.into(), value.into());
        self
    }

    pub fn task(self, key: &str) -> World {
        self.with(TASK_KEY, key)
    }

    /// A line that shows it.
    pub fn shown(mut self, text: &str) -> World {
        self.cause.evidence.push(EvidenceLine {
            file: "driver.log".into(),
            line: Some(1),
            at: None,
            text: text.into(),
            more: 0,
        });
        self
    }

    pub fn file(mut self, path: &str, text: &str) -> World {
        self.files.insert(path.into(), text.into());
        self
    }

    pub fn remedies(&self) -> (Vec<FilePatch>, Vec<Advice>) {
        let reload = |texts: &BTreeMap<String, String>| {
            let mut all = self.files.clone();
            all.extend(texts.clone());
            loaded(&all)
        };
        self.remedies_by(&reload)
    }

    pub fn remedies_by(&self, reload: &Reload<'_>) -> (Vec<FilePatch>, Vec<Advice>) {
        let desired = loaded(&self.files).unwrap_or_else(|e| panic!("{e}"));
        let diagnosis = diagnosis(self.cause.clone());
        remedies(&RemedyInput {
            diagnosis: &diagnosis,
            desired: &desired,
            address: &self.address,
            text: &|path| self.files.get(path).cloned(),
            green: self.green,
            reload,
        })
    }

    /// The one change: `FILE:LINE what`, and its lines.
    pub fn change(&self) -> (String, String) {
        let (patches, advice) = self.remedies();
        let [patch] = patches.as_slice() else { panic!("{} patches; {advice:?}", patches.len()) };
        let shown = &patch.shown;
        (format!("{}:{} {}", shown.file, shown.line, shown.what), shown.patch.clone())
    }

    /// What is said, where nothing is changed.
    pub fn said(&self) -> String {
        let (patches, advice) = self.remedies();
        assert!(patches.is_empty(), "{:?}", patches[0].shown);
        let text = |one: &Advice| match &one.snippet {
            Some(snippet) => format!("{}\n{snippet}", one.text),
            None => one.text.clone(),
        };
        advice.iter().map(text).collect::<Vec<_>>().join("\n")
    }
}

pub fn loaded(files: &BTreeMap<String, String>) -> Result<Desired, String> {
    let all = files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    let env = |name: &str| Some(format!("a value of {name}"));
    let request = Request { target: None, variables: Default::default(), env: &env, user: None };
    load(&InMemory(all), &request, kinds::all()).map_err(|failure| {
        failure
            .problems
            .iter()
            .map(|problem| format!("{} ({})", problem.message, problem.label))
            .collect::<Vec<_>>()
            .join("\n")
    })
}

pub fn diagnosis(cause: DiagnosedCause) -> Diagnosis {
    Diagnosis {
        format: FORMAT.into(),
        name: "DatabricksJob/etl".into(),
        system: "databricks".into(),
        run: None,
        period: None,
        started: None,
        ended: None,
        outcome: RunOutcome::Failed,
        cause: Some(cause),
        chain: Vec::new(),
        also: Vec::new(),
        look_at: Vec::new(),
        change: Vec::new(),
        advice: Vec::new(),
        retry: None,
        fingerprint: None,
        attempts_before: 0,
        read: Default::default(),
        missing: Vec::new(),
    }
}

/// A job with one shared cluster, whose members are given, each on a line of its own.
pub fn job(members: &[&str]) -> String {
    let mut text = "\
# The monthly load.
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: etl}
spec:
  name: etl
  tasks:
    - task_key: load   # one task
      job_cluster_key: main
      notebook_task: {notebook_path: /Workspace/load}
  job_clusters:
    - job_cluster_key: main
      new_cluster:
        spark_version: 15.4.x-scala2.12
        num_workers: 8
"
    .to_owned();
    for member in members {
        text.push_str("        ");
        text.push_str(member);
        text.push('\n');
    }
    text
}
