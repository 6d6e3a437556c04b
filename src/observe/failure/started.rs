//! What an Airflow task started, told from its log, its XComs or an address. Pure.
//!
//! Facts: apache-airflow-providers-databricks (`Run submitted with run_id: N`, `View run status, Spark UI, and logs at URL`; XComs
//! `run_id` and `run_page_url`), apache-airflow-providers-amazon (EMR's operators log ids `j-…` and `s-…`; `return_value` is a list of
//! step ids, a cluster's id or a job run's).

use super::FailedRun;
use serde_json::Value;
use std::collections::BTreeSet;

/// What stands in a text about what was started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartedIds {
    /// The run of the last address of Databricks, and that address's host.
    pub databricks: Option<(u64, Option<String>)>,
    pub cluster: Option<String>,
    pub steps: Vec<String>,
    pub application: Option<String>,
    pub job_run: Option<String>,
}

/// A run in an address of Databricks: `https://host/?o=1#job/2/run/3`, `https://host/jobs/2/runs/3`, `…/runs/3/tasks/4`. A task
/// that is no number is the name of one.
pub fn databricks_address(address: &str) -> Option<(u64, Option<String>, String)> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"))?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, rest) = rest.split_at(end);
    let (before, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let path = before.split('?').next().unwrap_or_default();
    let fragment = fragment.split('?').next().unwrap_or_default();
    [fragment, path].into_iter().find_map(|way| {
        let parts: Vec<&str> = way.split('/').filter(|part| !part.is_empty()).collect();
        let after = |names: [&str; 2]| {
            let at = parts.iter().position(|part| names.contains(part))?;
            parts.get(at + 1).copied()
        };
        // `/dags/X/runs/R` is Airflow's.
        if parts.contains(&"dags") || !(parts.contains(&"job") || parts.contains(&"jobs")) {
            return None;
        }
        let run: u64 = after(["run", "runs"])?.parse().ok()?;
        let task = after(["task", "tasks"]);
        match task.map(|task| (task, task.parse())) {
            Some((_, Ok(id))) => Some((id, None, host.to_owned())),
            Some((name, Err(_))) => Some((run, Some(decoded(name)), host.to_owned())),
            None => Some((run, None, host.to_owned())),
        }
    })
}

/// A part of an address as it is meant.
pub fn decoded(part: &str) -> String {
    let (bytes, mut at) = (part.as_bytes(), 0);
    let mut out = Vec::with_capacity(bytes.len());
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(*byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether a text is the id of a cluster (`j-…`) or of a step (`s-…`).
pub fn is_emr_id(text: &str, sort: char) -> bool {
    let mut chars = text.chars();
    chars.next() == Some(sort)
        && chars.next() == Some('-')
        && text.len() > 4
        && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
}

/// Whether a text looks like an id of EMR Serverless: applications and job runs begin with `00`.
pub fn is_serverless_id(text: &str) -> bool {
    text.len() >= 12 && text.starts_with("00") && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

/// The applications of YARN that a text names.
pub(super) fn applications(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_one = |word: &&str| {
        let rest = word.strip_prefix("application_").and_then(|rest| rest.split_once('_'));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        rest.is_some_and(|(cluster, number)| {
            cluster.len() >= 10 && number.len() >= 4 && digits(cluster) && digits(number)
        })
    };
    words.filter(is_one).map(str::to_owned).collect()
}

/// What a log says that its task started. Of several runs, clusters and job runs the last one counts.
pub fn started_in(log: &str) -> StartedIds {
    let mut ids = StartedIds::default();
    for line in log.lines() {
        for word in line.split(|c: char| c.is_whitespace() || "'\"[](){},<>".contains(c)) {
            let bare = word.trim_end_matches(['.', ':', ';']);
            if let Some((run, _, host)) = databricks_address(bare) {
                ids.databricks = Some((run, Some(host)));
            } else if is_emr_id(bare, 'j') {
                ids.cluster = Some(bare.to_owned());
            } else if is_emr_id(bare, 's') && !ids.steps.iter().any(|step| step == bare) {
                ids.steps.push(bare.to_owned());
            }
        }
        if let Some(run) = number_after(line, "run_id: ").or_else(|| number_after(line, "run_id=")) {
            match &mut ids.databricks {
                // The address says the host as well.
                Some((known, _)) if *known == run => {}
                known => *known = Some((run, None)),
            }
        }
        let lower = line.to_ascii_lowercase();
        if lower.contains("serverless") {
            for (mark, id) in [("application", &mut ids.application), ("job", &mut ids.job_run)] {
                let Some(at) = lower.find(mark) else { continue };
                let words = line[at..].split(|c: char| !c.is_ascii_alphanumeric());
                *id = words.filter(|word| is_serverless_id(word)).map(str::to_owned).next().or(id.take());
            }
        }
    }
    ids
}

/// The number right behind a mark, if it is one of a run.
fn number_after(line: &str, mark: &str) -> Option<u64> {
    let at = line.rfind(mark)?;
    let before = line[..at].chars().next_back();
    // `dag_run_id: …` is Airflow's own.
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = &line[at + mark.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

impl StartedIds {
    /// Takes in what an XCom says. Airflow 2 answers with the text of a Python value.
    pub fn xcom(&mut self, key: &str, value: &Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match key {
            "run_id" => {
                if let Ok(run) = text.trim().parse() {
                    let host = self.databricks.take().and_then(|(_, host)| host);
                    self.databricks = Some((run, host));
                }
            }
            "run_page_url" => {
                if let Some((run, _, host)) = databricks_address(text.trim()) {
                    self.databricks = Some((run, Some(host)));
                }
            }
            _ => {
                let found = started_in(&text);
                self.databricks = found.databricks.or(self.databricks.take());
                self.cluster = found.cluster.or(self.cluster.take());
                self.steps.extend(found.steps);
                let bare = text.trim().trim_matches(['"', '\'']);
                if is_serverless_id(bare) {
                    self.job_run = Some(bare.to_owned());
                }
            }
        }
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.runs().is_empty()
    }

    /// The runs to look at below.
    pub fn runs(&self) -> Vec<FailedRun> {
        let mut runs = Vec::new();
        if let Some((run_id, _)) = &self.databricks {
            runs.push(FailedRun::Databricks { run_id: *run_id, task: None });
        }
        if let Some(cluster) = &self.cluster {
            let cluster = cluster.clone();
            // What a sensor or an operator waited for is the last that it names.
            runs.push(FailedRun::Emr { cluster, step: self.steps.last().cloned() });
        }
        if let (Some(application), Some(job_run)) = (&self.application, &self.job_run) {
            runs.push(FailedRun::Serverless { application: application.clone(), job_run: job_run.clone() });
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn addresses_of_databricks_name_a_run_or_a_task() {
        for (address, run, task) in [
            ("https://acme.cloud.databricks.com/#job/1/run/88120", 88120, None),
            ("https://acme.cloud.databricks.com/?o=7#job/1/run/88120", 88120, None),
            ("https://acme.cloud.databricks.com/jobs/1/runs/88120?o=7", 88120, None),
            ("https://acme.cloud.databricks.com/jobs/1/runs/88120/tasks/88121?o=7", 88121, None),
            ("https://acme.cloud.databricks.com/?o=7#job/1/run/88120/task/88121", 88121, None),
            ("https://acme.cloud.databricks.com/jobs/1/runs/88120/tasks/clean%20up", 88120, Some("clean up")),
            ("http://127.0.0.1:8080/#job/1/run/2", 2, None),
        ] {
            let (found, name, _) = databricks_address(address).unwrap();
            assert_eq!((found, name.as_deref()), (run, task), "{address}");
        }
        for other in [
            "https://x/dags/a/runs/2",
            "https://x/jobs/1",
            "https://x/",
            "acme/jobs/1/runs/2",
            "https://x/#job/a/run/b",
        ] {
            assert_eq!(databricks_address(other), None, "{other}");
        }
    }

    #[test]
    fn a_log_names_what_its_task_started() {
        let log = "[2026-10-02, 04:00:01 UTC] {databricks.py:60} INFO - Run submitted with run_id: 88120\n\
                   INFO - View run status, Spark UI, and logs at https://acme.cloud.databricks.com/?o=7#job/1/run/88120\n\
                   INFO - Dependencies met for dep_context=non-requeueable deps ti=<TaskInstance: a.b dag_run_id: 7>";
        let ids = started_in(log);
        assert_eq!(ids.databricks, Some((88120, Some("acme.cloud.databricks.com".into()))));
        let log = "INFO - Poking job flow j-2A7Q4M1N9KPLF, step s-1K2LABCDE.\nERROR - EMR job failed for s-1K2LABCDE in 'j-2A7Q4M1N9KPLF'";
        assert_eq!(
            started_in(log).runs(),
            [FailedRun::Emr { cluster: "j-2A7Q4M1N9KPLF".into(), step: Some("s-1K2LABCDE".into()) }]
        );
        let log = "INFO - Starting job on Application: 00f1abcdefgh1234\nINFO - EMR serverless job started: 00g2abcdefgh1234\n\
                   INFO - waiting for EMR Serverless application 00f1abcdefgh1234";
        assert_eq!(
            started_in(log).runs(),
            [FailedRun::Serverless { application: "00f1abcdefgh1234".into(), job_run: "00g2abcdefgh1234".into() }]
        );
        assert!(started_in("nothing of it: j-lower, s-1, run_id: manual__2026").is_empty());
    }

    #[test]
    fn an_xcom_is_a_value_or_its_text() {
        for value in [json!(88120), json!("88120")] {
            let mut ids = StartedIds::default();
            ids.xcom("run_id", &value);
            assert_eq!(ids.databricks, Some((88120, None)));
        }
        for value in [json!(["s-1K2LABCDE"]), json!("['s-1K2LABCDE']")] {
            let mut ids = StartedIds::default();
            ids.xcom("return_value", &value);
            assert_eq!(ids.steps, ["s-1K2LABCDE"]);
        }
    }

    #[test]
    fn an_escape_in_an_address_is_what_it_means() {
        assert_eq!(decoded("manual__2026-10-01T00%3A00%3A00%2B00%3A00"), "manual__2026-10-01T00:00:00+00:00");
        for odd in ["%", "%4", "%zz", "é%C3%A9", "a%"] {
            let _ = decoded(odd);
        }
    }
}
