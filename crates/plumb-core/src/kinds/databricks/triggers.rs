//! What starts a job: a schedule, a trigger, several triggers, or its own end (continuous).

use super::undeclared::is_absent;
use crate::kinds::{StartClock, StartRule, StartTimes};
use croner::{
    Cron,
    parser::{CronParser, Seconds},
};
use jiff::{Timestamp, tz::TimeZone};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::cell::RefCell;
use std::collections::HashMap;

/// A cron schedule.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CronSchedule {
    /// When, as a Quartz expression: seconds, minutes, hours, day of month, month, day of week, and perhaps year.
    pub quartz_cron_expression: String,
    /// The time zone of the expression: `Europe/London`.
    pub timezone_id: String,
    /// Whether the schedule is paused.
    #[schemars(extend("x-plumb" = {"default": "UNPAUSED", "why": "Terraform provider jobs: the default"}))]
    pub pause_status: Option<PauseStatus>,
    /// A query whose result decides whether a run starts when its time is there.
    #[schemars(extend("x-plumb" = {"unset": "absent", "why": "databricks-sdk-py 0.162.0 jobs.CronSchedule: optional; nothing fills it in"}))]
    pub sql_condition: Option<SqlCondition>,
}

/// Runs that follow one another without end.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Continuous {
    /// When the service may restart the run for maintenance.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Whether it is paused.
    #[schemars(extend("x-plumb" = {"default": "UNPAUSED", "why": "Terraform provider jobs: the default"}))]
    pub pause_status: Option<PauseStatus>,
    /// Whether failed tasks are retried by themselves, before the whole run is.
    #[schemars(extend("x-plumb" = {"default": "NEVER", "why": "databricks-sdk-java jobs.Continuous: defaults to NEVER"}))]
    pub task_retry_mode: Option<TaskRetryMode>,
}

/// A weekly hour for maintenance.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MaintenanceWindow {
    /// The hour at which it begins: 0 to 23.
    pub start_hour: i64,
    /// The day.
    pub day_of_week: DayOfWeek,
    /// The time zone of day and hour: `Europe/London`.
    pub timezone_id: String,
}

/// Something that starts runs. Exactly one of `file_arrival`, `job_completion`, `model`, `periodic` and `table_update` is
/// set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Trigger {
    /// New files.
    pub file_arrival: Option<FileArrival>,
    /// The end of other jobs' runs.
    pub job_completion: Option<JobCompletion>,
    /// Changes of models.
    pub model: Option<ModelChange>,
    /// Whether the trigger is paused.
    #[schemars(extend("x-plumb" = {"default": "UNPAUSED", "why": "Terraform provider jobs: the default"}))]
    pub pause_status: Option<PauseStatus>,
    /// The passing of time.
    pub periodic: Option<Periodic>,
    /// A query whose result decides whether a run starts when the trigger fires.
    pub sql_condition: Option<SqlCondition>,
    /// New data in tables.
    pub table_update: Option<TableUpdate>,
}

/// One of several things that start runs. Exactly one member besides `pause_status` is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AnyTrigger {
    /// The end of the run before.
    pub continuous: Option<ContinuousTrigger>,
    /// New files.
    pub file_arrival: Option<FileArrival>,
    /// The end of other jobs' runs.
    pub job_completion: Option<JobCompletion>,
    /// Changes of models.
    pub model: Option<ModelChange>,
    /// Whether the trigger is paused.
    #[schemars(extend("x-plumb" = {"default": "UNPAUSED", "why": "Terraform provider jobs: the default of the other triggers"}))]
    pub pause_status: Option<PauseStatus>,
    /// The passing of time.
    pub periodic: Option<Periodic>,
    /// A cron schedule.
    pub schedule: Option<CronTrigger>,
    /// A query whose result decides whether a run starts when the trigger fires.
    pub sql_condition: Option<SqlCondition>,
    /// New data in tables.
    pub table_update: Option<TableUpdate>,
}

/// Runs that follow one another without end, as one of several triggers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ContinuousTrigger {
    /// When the service may restart the run for maintenance.
    pub maintenance_window: Option<MaintenanceWindow>,
    /// Whether failed tasks are retried by themselves, before the whole run is.
    #[schemars(extend("x-plumb" = {"default": "NEVER", "why": "databricks-sdk-java jobs.Continuous: defaults to NEVER"}))]
    pub task_retry_mode: Option<TaskRetryMode>,
}

/// A cron schedule, as one of several triggers.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CronTrigger {
    /// When, as a Quartz expression: seconds, minutes, hours, day of month, month, day of week, and perhaps year.
    pub quartz_cron_expression: String,
    /// The time zone of the expression: `Europe/London`.
    pub timezone_id: String,
}

/// The arrival of files.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FileArrival {
    /// The external location or volume to watch, or a folder in it.
    pub url: String,
    /// Seconds from one start to the next: 60 at least.
    pub min_time_between_triggers_seconds: Option<i64>,
    /// Seconds without a new file before a run starts, so that files of one batch are run together: 60 at least.
    pub wait_after_last_change_seconds: Option<i64>,
}

/// The passing of time.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Periodic {
    /// How many units from one start to the next.
    pub interval: i64,
    /// The unit.
    pub unit: PeriodicUnit,
}

/// New data in tables.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TableUpdate {
    /// The tables to watch: `catalog.schema.table`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "`condition` speaks of any or all of them"}))]
    pub table_names: Vec<String>,
    /// Whether one table is enough or all must have changed.
    #[schemars(extend("x-plumb" = {"write_only": true, "why": "databricks/cli issue 6315: accepted, never returned"}))]
    pub condition: Option<TableCondition>,
    /// Seconds from one start to the next: 60 at least.
    pub min_time_between_triggers_seconds: Option<i64>,
    /// Seconds without a new change before a run starts: 60 at least.
    pub wait_after_last_change_seconds: Option<i64>,
}

/// The end of other jobs' runs: every one of them has to end as `if_status` says.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct JobCompletion {
    /// The jobs to watch: 10 at most, in workspaces of the same metastore.
    #[schemars(extend("x-plumb" = {"set": true, "why": "databricks-sdk-py jobs.JobCompletionTriggerConfiguration: every job has to end, in any order"}))]
    pub jobs: Vec<WatchedJob>,
    /// How they have to end.
    #[schemars(extend("x-plumb" = {"default": "SUCCESS", "why": "databricks-sdk-py jobs.JobCompletionTriggerConfiguration: defaults to SUCCESS"}))]
    pub if_status: Option<CompletionStatus>,
}

/// A job whose runs are watched.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WatchedJob {
    /// The id of its workspace.
    pub workspace_id: String,
    /// Its id, as text; mostly a reference: `${resources.DatabricksJob.NAME}`.
    pub job_id: String,
}

/// How a watched job has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CompletionStatus {
    /// However it ends.
    Done,
    Failed,
    Success,
}

/// Changes of models in Unity Catalog.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ModelChange {
    /// Which change.
    pub condition: ModelCondition,
    /// The aliases to watch. Only with `MODEL_ALIAS_SET`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "databricks-sdk-py jobs.ModelTriggerConfiguration: each alias is watched by itself"}))]
    pub aliases: Option<Vec<String>>,
    /// Seconds from one start to the next: 60 at least.
    pub min_time_between_triggers_seconds: Option<i64>,
    /// What to watch: `catalog.schema.model`, `catalog.schema`, or unset for the whole metastore.
    pub securable_name: Option<String>,
    /// Seconds without a new change before a run starts: 60 at least.
    pub wait_after_last_change_seconds: Option<i64>,
}

/// A change of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ModelCondition {
    ModelAliasSet,
    ModelCreated,
    ModelVersionReady,
}

/// A query whose result decides whether a run starts.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SqlCondition {
    /// The saved query, by id.
    pub sql_query_id: String,
    /// The SQL warehouse that it runs on, by id.
    pub warehouse_id: String,
    /// How its result is read.
    #[schemars(extend("x-plumb" = {"default": "QUERY_RETURNS_ROWS", "why": "databricks-sdk-py jobs.SqlConditionConfiguration: unset is read as QUERY_RETURNS_ROWS"}))]
    pub trigger_mode: Option<SqlConditionMode>,
}

/// How the result of a condition's query is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SqlConditionMode {
    /// A run starts when there are rows.
    QueryReturnsRows,
    /// A run starts when the value is another than the last one.
    ResultValueChanges,
}

/// Whether something that starts runs is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PauseStatus {
    Paused,
    Unpaused,
}

/// Whether a continuous job retries failed tasks by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskRetryMode {
    Never,
    OnFailure,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DayOfWeek {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// The unit of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PeriodicUnit {
    Minutes,
    Hours,
    Days,
    Weeks,
}

/// How many of the tables must have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TableCondition {
    AllUpdated,
    AnyUpdated,
}

/// So many expressions are known again: the jobs of a team start at the same few times.
const MOST_READ: usize = 512;

/// Reads a Quartz expression the way that Databricks does: six or seven fields, Sunday is day 1.
pub(super) fn quartz(expression: &str) -> Result<Cron, String> {
    thread_local! {
        static READ: RefCell<HashMap<String, Result<Cron, String>>> = RefCell::default();
    }
    READ.with_borrow_mut(|read| {
        if let Some(known) = read.get(expression) {
            return known.clone();
        }
        let parser =
            CronParser::builder().seconds(Seconds::Required).alternative_weekdays(true).sloppy_ranges(true).build();
        let cron = parser.parse(expression).map_err(|e| e.to_string());
        if read.len() < MOST_READ {
            read.insert(expression.to_owned(), cron.clone());
        }
        cron
    })
}

/// When a job's settings let the clock start it next, after `now`: `2024-05-02 04:00 Europe/London`. The first, where several
/// schedules do; `None` where none does, or all are paused.
pub(super) fn next_run(settings: &Value, now: Timestamp) -> Option<String> {
    let next = starts(settings).into_iter().filter(|rule| !rule.is_paused).filter_map(|rule| match rule.when {
        StartTimes::Clock(clock) => clock.next(now),
        StartTimes::NoTime | StartTimes::Unknown(_) => None,
    });
    let first = next.min_by_key(jiff::Zoned::timestamp)?;
    let zone = first.time_zone().iana_name().unwrap_or("UTC").to_owned();
    Some(format!("{} {zone}", first.strftime("%Y-%m-%d %H:%M")))
}

/// What starts a job by its settings.
pub(super) fn starts(settings: &Value) -> Vec<StartRule> {
    let of = |member: &str| settings.get(member).filter(|value| value.is_object());
    let mut rules: Vec<StartRule> = of("schedule").into_iter().map(|one| cron(one, is_paused(one))).collect();
    rules.extend(of("continuous").map(|one| StartRule::timeless(CONTINUOUS, is_paused(one))));
    let several = settings["triggers"].as_array().into_iter().flatten();
    rules.extend(of("trigger").into_iter().chain(several).filter_map(trigger));
    rules
}

/// What is said of a job that follows its own end.
const CONTINUOUS: &str = "continuous: a run begins when the one before has ended";

fn is_paused(entry: &Value) -> bool {
    entry["pause_status"] == "PAUSED"
}

fn cron(schedule: &Value, is_paused: bool) -> StartRule {
    let text = |member: &str| schedule[member].as_str().unwrap_or_default().to_owned();
    let (expression, zone) = (text("quartz_cron_expression"), text("timezone_id"));
    let when = match (quartz(&expression), TimeZone::get(&zone)) {
        (Ok(cron), Ok(found)) => {
            let at = found.clone();
            let next = move |after: Timestamp| cron.find_next_occurrence(&after.to_zoned(at.clone()), false).ok();
            StartTimes::Clock(StartClock::new(found, format!("{expression} {zone}"), next))
        }
        (Err(why), _) => StartTimes::Unknown(format!("the expression cannot be read: {why}")),
        (_, Err(_)) => StartTimes::Unknown(format!("`{zone}` is no time zone that is known here")),
    };
    StartRule { says: expression, is_paused, when }
}

fn trigger(trigger: &Value) -> Option<StartRule> {
    let is_paused = is_paused(trigger);
    if trigger["schedule"].is_object() {
        return Some(cron(&trigger["schedule"], is_paused));
    }
    let text = |pointer: &str| trigger.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if trigger["periodic"].is_object() {
        let every = trigger["periodic"]["interval"].as_i64().unwrap_or_default();
        let unit = text("/periodic/unit").to_lowercase();
        let when = StartTimes::Unknown("it counts from when the trigger was set".to_owned());
        return Some(StartRule { says: format!("every {every} {unit}"), is_paused, when });
    }
    let says = if trigger["continuous"].is_object() {
        CONTINUOUS.to_owned()
    } else if trigger["file_arrival"].is_object() {
        format!("new files in {}", text("/file_arrival/url"))
    } else if trigger["job_completion"].is_object() {
        "the end of other jobs' runs".to_owned()
    } else if trigger["model"].is_object() {
        "changes of a model".to_owned()
    } else if trigger["table_update"].is_object() {
        let tables = trigger["table_update"]["table_names"].as_array().into_iter().flatten();
        format!("new data in {}", tables.filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
    } else {
        return None;
    };
    Some(StartRule::timeless(says, is_paused))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_next_run_is_the_first_of_those_that_are_not_paused() {
        let now = "2024-05-01T10:00:00Z".parse().unwrap();
        let at = |cron: &str, zone: &str, status: Option<&str>| {
            let mut schedule = json!({ "quartz_cron_expression": cron, "timezone_id": zone });
            if let Some(status) = status {
                schedule["pause_status"] = json!(status);
            }
            schedule
        };
        let next = |settings: Value| next_run(&settings, now);
        let monthly = at("0 0 4 2 * ?", "Europe/London", None);
        assert_eq!(next(json!({ "schedule": monthly })).as_deref(), Some("2024-05-02 04:00 Europe/London"));
        // Sunday is day 1: the next one is the 5th.
        let sundays = at("0 30 6 ? * 1", "UTC", Some("UNPAUSED"));
        assert_eq!(next(json!({ "schedule": sundays })).as_deref(), Some("2024-05-05 06:30 UTC"));
        assert_eq!(next(json!({ "schedule": at("0 0 4 2 * ?", "UTC", Some("PAUSED")) })), None);
        let both = json!({ "triggers": [
            { "schedule": at("0 0 4 3 * ?", "UTC", None) },
            { "schedule": at("0 0 4 2 * ?", "UTC", None), "pause_status": "PAUSED" },
            { "periodic": { "interval": 1, "unit": "DAYS" } },
        ]});
        assert_eq!(next(both).as_deref(), Some("2024-05-03 04:00 UTC"));
        assert_eq!(next(json!({ "schedule": at("0 0 4 2 * ? 2020", "UTC", None) })), None);
        assert_eq!(next(json!({ "schedule": at("nonsense", "Nowhere", None) })), None);
        assert_eq!(next(json!({})), None);
    }

    #[test]
    fn what_has_no_time_says_what_it_waits_for() {
        let told = |settings: Value| -> Vec<(String, bool, &'static str)> {
            let sort = |when: &StartTimes| match when {
                StartTimes::Clock(_) => "clock",
                StartTimes::NoTime => "no time",
                StartTimes::Unknown(_) => "unknown",
            };
            starts(&settings).into_iter().map(|rule| (rule.says, rule.is_paused, sort(&rule.when))).collect()
        };
        let cron = json!({ "quartz_cron_expression": "0 0 4 2 * ?", "timezone_id": "UTC" });
        let several = json!({ "triggers": [
            { "schedule": cron }, { "schedule": cron, "pause_status": "PAUSED" },
            { "periodic": { "interval": 3, "unit": "DAYS" } },
            { "file_arrival": { "url": "s3://acme/in" }, "pause_status": "PAUSED" },
            { "table_update": { "table_names": ["a.b.c", "a.b.d"] } },
            { "job_completion": { "jobs": [] } }, { "model": { "condition": "MODEL_CREATED" } }, { "continuous": {} },
        ]});
        let row = |says: &str, is_paused: bool, sort: &'static str| (says.to_owned(), is_paused, sort);
        let wanted = [
            row("0 0 4 2 * ?", false, "clock"),
            row("0 0 4 2 * ?", true, "clock"),
            row("every 3 days", false, "unknown"),
            row("new files in s3://acme/in", true, "no time"),
            row("new data in a.b.c, a.b.d", false, "no time"),
            row("the end of other jobs' runs", false, "no time"),
            row("changes of a model", false, "no time"),
            row(CONTINUOUS, false, "no time"),
        ];
        assert_eq!(told(several), wanted);
        assert_eq!(told(json!({ "continuous": { "pause_status": "PAUSED" } })), [row(CONTINUOUS, true, "no time")]);
        assert_eq!(
            told(json!({ "trigger": { "file_arrival": { "url": "s3://a" } } })),
            [row("new files in s3://a", false, "no time")]
        );
        let bad = json!({ "schedule": { "quartz_cron_expression": "soon", "timezone_id": "UTC" } });
        assert_eq!(told(bad), [row("soon", false, "unknown")]);
        assert_eq!(told(json!({ "name": "by hand" })), []);
    }
}
