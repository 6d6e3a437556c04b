//! What `jobs/runs/get` says of a run and its tasks.
//!
//! Facts (`Run`, `RunTask`, `RunForEachTask`, `RunConditionTask` in databricks-sdk-go, `service/jobs/model.go`): older answers
//! have `state`, newer ones `status`, most have both. `tasks` has every attempt, a hundred a page, retries and repairs
//! included. What is queued says why in `status.queue_details`.

use serde_json::{Value, json};

/// How far a run or a task is, in the service's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunStanding {
    /// `RUNNING`, and at the end `SUCCESS`, `FAILED`, `EXCLUDED`.
    pub word: String,
    pub ended: bool,
    /// What the service says of it; empty where it says nothing.
    pub message: String,
}

/// What somebody who waits for a run wants to know at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunVerdict {
    Well,
    /// The service calls it a success, and some task failed.
    WellWithFailures,
    Badly,
}

/// The latest attempt at a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowedTask {
    pub key: String,
    /// The id of the task's own run.
    pub run_id: Option<u64>,
    pub standing: RunStanding,
    /// From 1.
    pub attempt: u64,
    /// `3 of 10 iterations, 1 failed`; `outcome true`.
    pub detail: Option<String>,
    /// Whether its output is its own: iterations have theirs.
    pub has_output: bool,
}

/// A run, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FollowedRun {
    pub standing: RunStanding,
    pub url: Option<String>,
    /// In milliseconds since 1970.
    pub started: Option<i64>,
    pub ended: Option<i64>,
    /// In the order in which the service tells them first.
    pub tasks: Vec<FollowedTask>,
}

impl RunStanding {
    /// How a run or a task stands, by what the service answers: `state` is the older shape, `status` the newer (Jobs API 2.2,
    /// runs/get).
    pub fn of(run: &Value) -> RunStanding {
        let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let life = text("/state/life_cycle_state").or_else(|| text("/status/state")).unwrap_or("UNKNOWN");
        let ended = matches!(life, "TERMINATED" | "SKIPPED" | "INTERNAL_ERROR");
        let result = text("/state/result_state").or_else(|| text("/status/termination_details/code"));
        // What was skipped or broke inside says so by its life alone, and may have a result that says less.
        let word = match life {
            "TERMINATED" => result.unwrap_or(life),
            _ => life,
        };
        let said = ["/status/queue_details/message", "/state/state_message", "/status/termination_details/message"];
        let message = said.into_iter().find_map(text).unwrap_or_default();
        RunStanding { word: word.to_owned(), ended, message: message.trim().to_owned() }
    }

    /// Whether it ended well, or was left out on purpose.
    pub fn is_well(&self) -> bool {
        self.ended && matches!(self.word.as_str(), "SUCCESS" | "SUCCESS_WITH_FAILURES" | "EXCLUDED" | "DISABLED")
    }

    /// Whether it ended and was not left out on purpose, nor well.
    pub fn is_bad(&self) -> bool {
        self.ended && !self.is_well()
    }

    /// The word, and what is said where somebody has to wait or it ended badly.
    pub fn line(&self) -> String {
        let is_told = self.is_bad() || matches!(self.word.as_str(), "QUEUED" | "BLOCKED" | "WAITING_FOR_RETRY");
        if is_told && !self.message.is_empty() {
            return format!("{}: {}", self.word, self.message);
        }
        self.word.clone()
    }
}

impl FollowedTask {
    fn of(task: &Value) -> FollowedTask {
        FollowedTask {
            key: task["task_key"].as_str().unwrap_or("?").to_owned(),
            run_id: task["run_id"].as_u64(),
            standing: RunStanding::of(task),
            attempt: task["attempt_number"].as_u64().unwrap_or_default().saturating_add(1),
            detail: detail(task),
            has_output: !task["for_each_task"].is_object(),
        }
    }

    /// `main: RUNNING, attempt 2`.
    pub fn line(&self) -> String {
        let attempt = (self.attempt > 1).then(|| format!("attempt {}", self.attempt));
        let more: Vec<String> = attempt.into_iter().chain(self.detail.clone()).collect();
        let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join(", ")) };
        format!("{}{more}: {}", self.key, self.standing.line())
    }
}

/// What a task says beside its state.
fn detail(task: &Value) -> Option<String> {
    if let Some(outcome) = task.pointer("/condition_task/outcome").and_then(Value::as_str).filter(|o| !o.is_empty()) {
        return Some(format!("outcome {outcome}"));
    }
    let stats = task.pointer("/for_each_task/stats/task_run_stats")?;
    let number = |name: &str| stats[name].as_u64();
    let failed = number("failed_iterations").filter(|failed| *failed > 0);
    let failed = failed.map(|failed| format!(", {failed} failed")).unwrap_or_default();
    let done = number("completed_iterations").unwrap_or_default();
    Some(format!("{done} of {} iterations{failed}", number("total_iterations")?))
}

impl FollowedRun {
    /// Out of the pages of runs/get: what is said of the run stands on each.
    pub fn of(pages: &[Value]) -> FollowedRun {
        let none = Value::Null;
        let run = pages.first().unwrap_or(&none);
        let time = |name: &str| run[name].as_i64().filter(|ms| *ms > 0);
        let tasks = pages.iter().flat_map(|page| page["tasks"].as_array().into_iter().flatten());
        // The latest attempt began last; one that is under way is later than any that ended.
        let mut latest: Vec<((bool, i64, u64), FollowedTask)> = Vec::new();
        for value in tasks.filter(|task| task.is_object()) {
            let task = FollowedTask::of(value);
            let began = value["start_time"].as_i64().unwrap_or_default();
            let order = (!task.standing.ended, began, task.attempt);
            match latest.iter_mut().find(|(_, known)| known.key == task.key) {
                Some(known) if known.0 <= order => *known = (order, task),
                Some(_) => {}
                None => latest.push((order, task)),
            }
        }
        FollowedRun {
            standing: RunStanding::of(run),
            url: run["run_page_url"].as_str().filter(|url| !url.is_empty()).map(str::to_owned),
            started: time("start_time"),
            ended: time("end_time"),
            tasks: latest.into_iter().map(|(_, task)| task).collect(),
        }
    }

    /// How it ended; `None` while it goes on.
    pub fn verdict(&self) -> Option<RunVerdict> {
        let is_well = self.standing.word == "SUCCESS" || self.standing.word == "SUCCESS_WITH_FAILURES";
        let has_failed =
            self.standing.word == "SUCCESS_WITH_FAILURES" || self.tasks.iter().any(|t| t.standing.is_bad());
        self.standing.ended.then_some(match (is_well, has_failed) {
            (true, false) => RunVerdict::Well,
            (true, true) => RunVerdict::WellWithFailures,
            (false, _) => RunVerdict::Badly,
        })
    }

    /// How long it took, in seconds, where it says when it began and ended.
    pub fn seconds(&self) -> Option<f64> {
        let (started, ended) = (self.started?, self.ended?);
        #[allow(clippy::cast_precision_loss)] // Milliseconds of a run are far below 2^53.
        let milliseconds = ended.saturating_sub(started).max(0) as f64;
        Some(milliseconds / 1000.0)
    }

    /// The tasks that ended badly.
    pub fn failed(&self) -> impl Iterator<Item = &FollowedTask> {
        self.tasks.iter().filter(|task| task.standing.is_bad())
    }

    /// What changed since an earlier look, a line each. At the first look what waits for other tasks is nothing new.
    pub fn changes(&self, before: Option<&FollowedRun>) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.standing.ended && before.is_none_or(|before| before.standing.line() != self.standing.line()) {
            lines.push(format!("the run: {}", self.standing.line()));
        }
        for task in &self.tasks {
            let known = before.and_then(|before| before.tasks.iter().find(|known| known.key == task.key));
            let line = task.line();
            let is_new = match known {
                Some(known) => known.line() != line,
                None => task.standing.word != "BLOCKED",
            };
            if is_new {
                lines.push(line);
            }
        }
        lines
    }

    /// The tasks as a list that changes in place, of so many rows at most: what failed and what is under way comes first.
    pub fn rows(&self, most: usize) -> Vec<String> {
        let rank = |task: &FollowedTask| match (task.standing.is_bad(), task.standing.ended) {
            (true, _) => 0,
            (false, false) if task.standing.word != "BLOCKED" => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        let mut tasks: Vec<&FollowedTask> = self.tasks.iter().collect();
        if tasks.len() > most {
            tasks.sort_by_key(|task| rank(task));
        }
        let mut rows: Vec<String> = tasks.iter().take(most).map(|task| task.line()).collect();
        if tasks.len() > most {
            rows.push(format!("and {} more", tasks.len() - most));
        }
        rows
    }

    /// For programs: the states and the time.
    pub fn value(&self) -> Value {
        let task = |task: &FollowedTask| {
            let mut shown = json!({"task_key": task.key, "run_id": task.run_id, "state": task.standing.word,
                "ended": task.standing.ended, "attempt": task.attempt});
            if let Some(detail) = &task.detail {
                shown["detail"] = json!(detail);
            }
            if !task.standing.message.is_empty() {
                shown["message"] = json!(task.standing.message);
            }
            shown
        };
        json!({"state": self.standing.word, "ended": self.standing.ended, "message": self.standing.message,
            "seconds": self.seconds(), "tasks": self.tasks.iter().map(task).collect::<Vec<_>>()})
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
