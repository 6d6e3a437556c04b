//! Applications of EMR Serverless and the jobs that run in them.

use super::depends::Depends;
use super::history::Spread;
use super::pattern;
use super::raw::{self, JobRun, ServerlessApplication, seconds, some_text, text};
use crate::detect;
use crate::kinds::emr::api::time;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmrApplication {
    pub id: String,
    pub name: String,
    pub state: String,
    pub release: String,
    /// `SPARK`, `HIVE`.
    pub kind: String,
    pub architecture: Option<String>,
    /// `400 vCPU`, `3000 GB`, as they were set.
    pub maximum: BTreeMap<String, String>,
    pub created: Option<Timestamp>,
    pub tags: BTreeMap<String, String>,
    /// `None` where they could not be read.
    pub jobs: Option<Vec<Job>>,
}

/// Job runs of one name, dates and serials apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Job {
    pub name: String,
    pub runs: usize,
    pub failed: usize,
    pub last_run: Option<Timestamp>,
    pub last_state: String,
    /// Why the newest run that failed did, in EMR's words.
    pub last_failure: Option<String>,
    pub entry_point: Option<String>,
    pub args: Vec<String>,
    pub spark_parameters: Option<String>,
    pub role: Option<String>,
    /// From creation to the last change, of runs that succeeded.
    pub duration: Option<Spread>,
    pub depends: Depends,
}

pub(super) fn application(read: &ServerlessApplication) -> EmrApplication {
    let described = &read.described;
    let texts = |name: &str| -> BTreeMap<String, String> {
        let members = described.get(name).and_then(Value::as_object).into_iter().flatten();
        members
            .filter_map(|(key, value)| Some((detect::masked(key), detect::masked_value(key, value.as_str()?))))
            .collect()
    };
    EmrApplication {
        id: text(described, "/applicationId"),
        name: text(described, "/name"),
        state: text(described, "/state"),
        release: text(described, "/releaseLabel"),
        kind: text(described, "/type").to_uppercase(),
        architecture: some_text(described, "/architecture"),
        maximum: texts("maximumCapacity"),
        created: time(described, "/createdAt"),
        tags: texts("tags"),
        jobs: read.runs.as_deref().map(jobs),
    }
}

fn jobs(runs: &[JobRun]) -> Vec<Job> {
    let names: Vec<String> = runs.iter().map(name).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut by: BTreeMap<&str, Vec<&JobRun>> = BTreeMap::new();
    for (run, name) in runs.iter().zip(&names) {
        by.entry(grouped.get(name).map_or(name.as_str(), String::as_str)).or_default().push(run);
    }
    by.into_iter().map(|(name, runs)| job(name, runs)).collect()
}

/// The name that was given to a run; those without one are told apart by nothing.
pub fn name(run: &JobRun) -> String {
    some_text(&run.listed, "/name").unwrap_or_else(|| "(no name)".to_owned())
}

fn job(name: &str, mut runs: Vec<&JobRun>) -> Job {
    let created = |run: &JobRun| time(&run.listed, "/createdAt");
    runs.sort_by_key(|run| (created(run), text(&run.listed, "/id")));
    let state = |run: &JobRun| text(&run.listed, "/state");
    let newest = runs.last().map_or(&Value::Null, |run| &run.listed);
    let described = runs.iter().rev().find_map(|run| run.described.as_ref()).unwrap_or(&Value::Null);
    let driver = described.pointer("/jobDriver/sparkSubmit").unwrap_or(&Value::Null);
    let entry_point = some_text(driver, "/entryPoint");
    let args = raw::arguments(driver, "/entryPointArguments");
    let spark_parameters = some_text(driver, "/sparkSubmitParameters");
    let mut depends = Depends::default();
    let mut line = vec!["spark-submit".to_owned()];
    line.extend(spark_parameters.iter().flat_map(|text| text.split_whitespace().map(str::to_owned)));
    line.extend(entry_point.clone());
    line.extend(args.iter().cloned());
    depends.step("", &line);
    let logs = "/configurationOverrides/monitoringConfiguration/s3MonitoringConfiguration/logUri";
    depends.log(&text(described, logs));
    let good = runs.iter().filter(|run| state(run) == "SUCCESS");
    let failed: Vec<&&JobRun> = runs.iter().filter(|run| state(run) == "FAILED").collect();
    Job {
        name: name.to_owned(),
        runs: runs.len(),
        failed: failed.len(),
        last_run: time(newest, "/createdAt"),
        last_state: text(newest, "/state"),
        last_failure: failed.last().and_then(|run| some_text(&run.listed, "/stateDetails")),
        duration: Spread::of(good.filter_map(|run| seconds(created(run), time(&run.listed, "/updatedAt")))),
        role: some_text(newest, "/executionRole"),
        entry_point,
        args,
        spark_parameters,
        depends: depends.settled(),
    }
}
