//! What a task's code is given: its parameters, with references filled in.
//!
//! Page "What is a dynamic value reference?" of the vendor's documentation, and the Jobs API reference on which parameters
//! of run-now stand in for which of the task. A reference that the sandbox does not know stays as it is.

use super::super::{run_view, runs::Run, text};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value};

/// What a run knows when a task of it begins.
pub struct Known<'a> {
    pub run: &'a Run,
    pub at: usize,
    pub workspace_id: u64,
    pub workspace_url: &'a str,
}

impl Known<'_> {
    /// The text with its references filled in.
    pub fn fill(&self, given: &str) -> String {
        let (mut filled, mut rest) = (String::new(), given);
        while let Some((before, after)) = rest.split_once("{{") {
            filled.push_str(before);
            let Some((name, next)) = after.split_once("}}") else {
                rest = &rest[before.len()..];
                break;
            };
            match self.value(name.trim()) {
                Some(value) => filled.push_str(&value),
                None => filled.push_str(&format!("{{{{{name}}}}}")),
            }
            rest = next;
        }
        filled + rest
    }

    fn value(&self, name: &str) -> Option<String> {
        if let Some(parameter) = name.strip_prefix("job.parameters.") {
            return self.job_parameters().get(parameter).map(plain);
        }
        if let Some(part) = name.strip_prefix("job.start_time.") {
            return self.time(part);
        }
        let run = self.run;
        Some(match name {
            "job.id" | "job_id" => run.job_id.to_string(),
            "job.name" => run.run_name.clone(),
            "job.run_id" | "parent_run_id" => run.run_id.to_string(),
            "job.repair_count" => run.repairs.past.len().to_string(),
            "task.name" | "task_key" => text(self.task(), "task_key").unwrap_or_default().to_owned(),
            "task.run_id" | "run_id" => run.task_run_ids[self.at].to_string(),
            "task.execution_count" => {
                (1 + run.repairs.replaced.iter().filter(|attempt| attempt.at == self.at).count()).to_string()
            }
            "workspace.id" => self.workspace_id.to_string(),
            "workspace.url" => self.workspace_url.to_owned(),
            "start_date" => self.time("iso_date")?,
            "start_time" => run.created.to_string(),
            _ => return None,
        })
    }

    fn time(&self, part: &str) -> Option<String> {
        let created = Timestamp::from_millisecond(self.run.created).ok()?.to_zoned(TimeZone::UTC);
        Some(match part {
            "iso_date" => created.strftime("%Y-%m-%d").to_string(),
            "iso_datetime" => created.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            "timestamp_ms" => self.run.created.to_string(),
            "year" => created.year().to_string(),
            "month" => created.month().to_string(),
            "day" => created.day().to_string(),
            "hour" => created.hour().to_string(),
            "minute" => created.minute().to_string(),
            "second" => created.second().to_string(),
            "iso_weekday" => created.weekday().to_monday_one_offset().to_string(),
            _ => return None,
        })
    }

    fn task(&self) -> &Value {
        &self.run.settings["tasks"][self.at]
    }

    /// The job's parameters, with what run-now gave.
    fn job_parameters(&self) -> Map<String, Value> {
        let shown = run_view::parameters(self.run).unwrap_or_default();
        let one = |p: &Value| {
            let value = p.get("value").or_else(|| p.get("default")).cloned().unwrap_or_default();
            Some((text(p, "name")?.to_owned(), value))
        };
        shown.as_array().into_iter().flatten().filter_map(one).collect()
    }

    /// The list of a task's parameters, or the one that run-now gave in its place.
    pub fn list(&self, of_task: &Value, given: &str) -> Vec<String> {
        let list = self.run.given.get(given).or_else(|| of_task.get("parameters"));
        list.and_then(Value::as_array).into_iter().flatten().map(|p| self.fill(&plain(p))).collect()
    }

    /// Named parameters of a task, with those of run-now and those of the job, which are handed down.
    pub fn named(&self, of_task: Option<&Value>, given: &str) -> Map<String, Value> {
        let own = of_task.and_then(Value::as_object).cloned().unwrap_or_default();
        let given = self.run.given.get(given).and_then(Value::as_object).cloned().unwrap_or_default();
        let all = own.into_iter().chain(given).chain(self.job_parameters());
        all.map(|(name, value)| (name, Value::String(self.fill(&plain(&value))))).collect()
    }
}

/// A text as it is, anything else as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
