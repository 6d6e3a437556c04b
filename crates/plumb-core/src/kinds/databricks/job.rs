//! Databricks jobs.

use super::{
    access::{Grant, JobLevel},
    git::GitSource,
    job_parts::{
        Deployment, EditMode, Environment, EnvironmentVariables, Format, JobCluster, Parameter, PerformanceTarget,
        Queue, RunAs,
    },
    notifications::{EmailNotifications, HealthRules, JobNotificationSettings, WebhookNotifications},
    tasks::JobTask,
    triggers::{AnyTrigger, Continuous, CronSchedule, Trigger},
    undeclared::is_absent,
};
use super::{job_check, permissions, run_as, triggers};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::managed::{self, Tool};
use crate::kinds::teardown::{RunEnd, SuccessorKind};
use crate::kinds::{
    Details, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, StartRule, Step, Unreadable, Unsupported, Verb,
    reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A job: the settings of the Jobs API 2.2, and `permissions`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JobSpec {
    /// The budget policy that serverless usage is booked on, by id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py jobs.Job: it is the policy that a user names; what the workspace applies shows as effective_budget_policy_id"}))]
    pub budget_policy_id: Option<String>,
    /// Keeps one run going at all times. Excludes `schedule`, `trigger` and `triggers`.
    pub continuous: Option<Continuous>,
    /// Which deployment tool made the job. Leave it to that tool.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks/cli writes it for bundles; it describes the tool, not the job"}))]
    pub deployment: Option<Deployment>,
    /// What the job is for: 27700 characters at most.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// The duration that runs should keep to.
    pub duration_target: Option<String>,
    /// Whether the workspace's pages let people edit the job.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks/cli sets UI_LOCKED for bundles; unlocking a job to pause it is a normal emergency (issue 3600)"}))]
    pub edit_mode: Option<EditMode>,
    /// Whom to send e-mails about runs.
    pub email_notifications: Option<EmailNotifications>,
    /// Named sets of environment variables that tasks can refer to: 10 at most.
    #[schemars(extend("x-plumb" = {"key": "environment_variables_key", "why": "databricks-sdk-java jobs.JobEnvironmentVariables: tasks refer to it by this key"}))]
    pub environment_variables: Option<Vec<EnvironmentVariables>>,
    /// Named environments for serverless tasks.
    #[schemars(extend("x-plumb" = {"key": "environment_key", "why": "databricks/cli bundle rules: environments are keyed by environment_key"}))]
    pub environments: Option<Vec<Environment>>,
    /// Always `MULTI_TASK` in Jobs API 2.1 and later.
    #[schemars(extend("x-plumb" = {"unset": "server", "any_if": ["SINGLE_TASK", "MULTI_TASK"], "filled": true, "why": "databricks-sdk jobs.JobSettings: ignored when written, and always MULTI_TASK from Jobs API 2.1 on"}))]
    pub format: Option<Format>,
    /// The git repository that tasks with `source: GIT` take their code from.
    pub git_source: Option<GitSource>,
    /// What counts as an unhealthy run.
    pub health: Option<HealthRules>,
    /// Clusters that several tasks share, each started for the run.
    #[schemars(extend("x-plumb" = {"key": "job_cluster_key", "why": "databricks/cli bundle rules: job clusters are keyed by job_cluster_key (Terraform provider issue 3560)"}))]
    pub job_clusters: Option<Vec<JobCluster>>,
    /// How many runs may go on at the same time: 1000 at most; with 0 every run is skipped.
    #[schemars(extend("x-plumb" = {"default": 1, "why": "Terraform provider jobs: the default"}))]
    pub max_concurrent_runs: Option<i64>,
    /// The job's name: 4096 bytes at most. Names need not be unique.
    #[schemars(extend("x-plumb" = {"default": "Untitled", "why": "Terraform provider jobs: the default"}))]
    pub name: Option<String>,
    /// When recipients of `on_failure` are left alone.
    pub notification_settings: Option<JobNotificationSettings>,
    /// Parameters of the whole job, which tasks can refer to.
    #[schemars(extend("x-plumb" = {"key": "name", "why": "databricks/cli bundle rules: parameters are keyed by name"}))]
    pub parameters: Option<Vec<Parameter>>,
    /// The workspace folder that the job is in, beginning with `/Workspace`. In private preview.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py jobs.JobSettings: optional; where the preview is on, a job that names none is in its creator's folder"}))]
    pub parent_path: Option<String>,
    /// Whether serverless tasks are to start fast or to cost little.
    pub performance_target: Option<PerformanceTarget>,
    /// Whether runs wait when they cannot start at once.
    #[schemars(extend("x-plumb" = {"default": {"enabled": true}, "why": "Terraform provider jobs: since API 2.2 an unset queue is an enabled one"}))]
    pub queue: Option<Queue>,
    /// Whose rights runs have. Unset: the creator's.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "sticky": true, "why": "databricks/cli bundle rules: backend default; jobs/reset without it keeps the previous one (issue 4873)"}))]
    pub run_as: Option<RunAs>,
    /// Starts runs by the clock. Excludes `continuous`, `trigger` and `triggers`.
    pub schedule: Option<CronSchedule>,
    /// Tags of the job, which job clusters get too: 25 at most, of which the mark needs 3.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own"}))]
    pub tags: Option<BTreeMap<String, String>>,
    /// What runs: 1000 tasks at most.
    #[schemars(extend("x-plumb" = {"key": "task_key", "why": "databricks/cli bundle rules: tasks are keyed by task_key; Terraform provider issues 3126, 4011: lists by position never settle"}))]
    pub tasks: Option<Vec<JobTask>>,
    /// Seconds after which a run is stopped; 0 is never.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "databricks/cli testserver: always present, 0 unless set"}))]
    pub timeout_seconds: Option<i64>,
    /// Starts runs when files or data arrive, or at a time. Excludes `continuous`, `schedule` and `triggers`.
    pub trigger: Option<Trigger>,
    /// Starts runs by several triggers. Excludes `continuous`, `schedule` and `trigger`.
    pub triggers: Option<Vec<AnyTrigger>>,
    /// The usage policy that serverless usage is booked on, by id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "a workspace may have a default usage policy (databricks-sdk-py jobs.Job: effective_usage_policy_id)"}))]
    pub usage_policy_id: Option<String>,
    /// Which notification destinations to call about runs.
    pub webhook_notifications: Option<WebhookNotifications>,

    /// Who may do what with the job; an empty list is nobody else. With `mode: additive` what others granted stays. Unset:
    /// plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "apart": true,
        "keep_empty": true,
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<EntryList<Grant<JobLevel>>>,
}

/// A job: Jobs API 2.2.
pub struct DatabricksJob;

impl DatabricksJob {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksJob";
}

/// Lists that jobs/get returns by pages of 100 (Jobs API 2.2).
const PAGED: [&str; 4] = ["tasks", "job_clusters", "environments", "parameters"];

/// How many jobs are on a page of jobs/list, at most: the limit of Jobs API 2.2.
const ROWS: usize = 100;

/// The active runs, of all jobs. "limit: greater than 0 and less than 25" (Jobs API 2.2, runs/list).
fn active_runs() -> Call {
    Call::get(System::Databricks, "/api/2.2/jobs/runs/list").query("active_only", "true").query("limit", "24")
}

fn get(id: &str) -> Read {
    Read::tokens(Call::get(System::Databricks, "/api/2.2/jobs/get").query("job_id", id))
}

fn unreadable(job: &Value, why: impl Into<String>) -> Unreadable {
    Unreadable::of(&DatabricksJob, id(job).as_deref(), job.get("settings"), why)
}

/// A job's id: a number, which JSON of 64 bits may have as text.
fn id(job: &Value) -> Option<String> {
    match job.get("job_id")? {
        Value::Number(id) => Some(id.to_string()),
        Value::String(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    }
}

/// Puts the pages of a jobs/get together.
fn whole(pages: &Pages) -> Result<Value, Unreadable> {
    let mut pages = pages.iter();
    let mut job = pages.next().cloned().unwrap_or_default();
    for page in pages {
        let Some(settings) = page.get("settings").filter(|s| s.is_object()) else {
            return Err(unreadable(&job, "a page of jobs/get has no settings"));
        };
        for member in PAGED {
            let parts =
                reading::list(settings, member).and_then(|more| Ok((reading::list(&job["settings"], member)?, more)));
            let (mut all, more) = match parts {
                Ok((all, more)) => (all.to_vec(), more),
                Err(why) => return Err(unreadable(&job, why)),
            };
            if !more.is_empty() {
                // Pages may overlap when the job changes meanwhile: what is on two of them is there once.
                let known: BTreeSet<String> = all.iter().map(Value::to_string).collect();
                all.extend(more.iter().filter(|one| !known.contains(&one.to_string())).cloned());
                job["settings"][member] = Value::Array(all);
            }
        }
    }
    Ok(job)
}

/// Whom a job runs as. `settings.run_as` can only be written (databricks-sdk-go, jobs.JobSettings); what holds is
/// `run_as_user_name` of jobs/get. A server that shows the former alone is believed.
fn run_as(job: &Value) -> Result<Option<Value>, String> {
    run_as::shown(job.pointer("/settings/run_as"), reading::text(job, "run_as_user_name")?)
}

fn seen(job: &Value) -> Result<Observed, Unreadable> {
    let refuse = |why: String| unreadable(job, why);
    let id = id(job).ok_or_else(|| refuse("it has no job_id".into()))?;
    let settings = job.get("settings").filter(|s| s.as_object().is_some_and(|map| !map.is_empty()));
    let mut spec = settings.ok_or_else(|| refuse("it has no settings".into()))?.clone();
    let run_as = run_as(job).map_err(refuse)?;
    let partial = reading::flag(job, "has_more").map_err(refuse)?;
    // Who it runs as is in the spec where a manifest says something of it, and read in one place.
    if let Value::Object(map) = &mut spec {
        map.remove("run_as");
    }
    let mut facts = json!({});
    if let Some(run_as) = run_as {
        facts["run_as"] = run_as;
    }
    Ok(Observed { id, spec, facts, partial, ..Observed::default() })
}

fn wants_run_as(wanted: Option<&Value>) -> bool {
    wanted.is_some_and(|w| w.get("run_as").is_some_and(|r| !r.is_null()))
}

/// Whether jobs/get has to be asked: the listing leaves out elements beyond 100 and who the job runs as.
fn needs_get(seen: &Observed, wanted: Option<&Value>) -> bool {
    seen.partial || wants_run_as(wanted) && seen.facts.get("run_as").is_none()
}

impl SuccessorKind for DatabricksJob {
    /// Jobs API 2.2, `runs/list`: "sorted by start time, newest first".
    fn last_runs(&self, id: &str, limit: u32) -> Read {
        let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/list")
            .query("job_id", id)
            .query("completed_only", "true")
            .query("limit", limit.to_string());
        Read::single(call)
    }

    fn run_ends(&self, pages: &Pages) -> Vec<RunEnd> {
        pages.iter().filter_map(|page| page["runs"].as_array()).flatten().map(run_end).collect()
    }

    fn parameters(&self, spec: &Value) -> Vec<String> {
        let parameters = spec["parameters"].as_array().into_iter().flatten();
        parameters.filter_map(|one| one["name"].as_str()).map(str::to_owned).collect()
    }
}

fn run_end(run: &Value) -> RunEnd {
    let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let result = text("/state/result_state").or_else(|| text("/status/termination_details/code"));
    let result =
        result.or_else(|| text("/state/life_cycle_state")).unwrap_or_else(|| "in a way that it does not say".into());
    RunEnd { id: run["run_id"].to_string(), green: result == "SUCCESS", result }
}

impl Kind for DatabricksJob {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "job"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("jobs")
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Tags("tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(job_check::check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        let list = Call::get(System::Databricks, "/api/2.2/jobs/list")
            .query("limit", ROWS.to_string())
            .query("expand_tasks", "true");
        vec![Read::tokens(list)]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "jobs", |row| Some(seen(row)))
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        let get = needs_get(seen, wanted).then(|| get(&seen.id));
        let acl = permissions::declared(wanted).then(|| permissions::read("jobs", &seen.id));
        get.into_iter().chain(acl).collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        let mut details = details.iter();
        if needs_get(seen, wanted) {
            let pages = reading::next(&mut details, "what its listing leaves out")?;
            let whole = whole(pages).and_then(|job| self::seen(&job)).map_err(|e| e.why)?;
            seen.spec = whole.spec;
            seen.facts["run_as"] = whole.facts.get("run_as").cloned().unwrap_or_default();
            seen.partial = false;
        }
        if wants_run_as(wanted) {
            seen.spec["run_as"] = seen.facts.get("run_as").cloned().unwrap_or_default();
        }
        permissions::complete(seen, wanted, &mut details)
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![get(id)]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let mut seen = seen(&whole(pages.first().unwrap_or(&Vec::new()))?)?;
        seen.partial = false;
        Ok(seen)
    }

    /// Jobs API 2.2, `jobs/list` with `expand_tasks`: the whole settings, but for what `has_more` says.
    fn rows_a_page(&self) -> Option<usize> {
        Some(ROWS)
    }

    fn activity(&self, seen: &Observed) -> Option<Read> {
        Some(Read::tokens(active_runs().query("job_id", &seen.id)))
    }

    fn active_runs(&self, pages: &Pages) -> usize {
        pages.iter().filter_map(|p| p.get("runs")?.as_array()).map(Vec::len).sum()
    }

    /// Jobs API 2.2, `runs/list`: "If omitted, the Jobs service lists runs from all jobs."
    fn activity_of_all(&self) -> Option<Read> {
        Some(Read::tokens(active_runs()))
    }

    fn runs_of_all(&self, page: &Value) -> Result<Vec<(String, String)>, String> {
        let of_job = |run: &Value| match (id(run), run.get("run_id")) {
            (Some(job), Some(run)) if run.is_number() || run.is_string() => Ok((job, run.to_string())),
            _ => Err("a run without a job_id or a run_id is listed".to_owned()),
        };
        reading::list(page, "runs")?.iter().map(of_job).collect()
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let settings = entries::without(step.body, &["permissions"]);
        // A job id is a number on the wire; one that is not known yet is filled in as one.
        let id: Value = step.id().parse::<i64>().map_or_else(|_| json!(step.id()), Value::from);
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => {
                calls.push(Call::create(System::Databricks, "/api/2.2/jobs/create", settings, "/job_id"));
            }
            Verb::Update if step.changes_beyond(&["permissions"]) => {
                // reset, not update: what the manifest no longer has must go.
                let body = json!({ "job_id": id, "new_settings": settings });
                calls.push(Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/reset", body));
            }
            Verb::Update => {}
            Verb::Delete => {
                let body = json!({ "job_id": id });
                let delete = Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/delete", body);
                return Ok(vec![delete.gone_is_done()]);
            }
        }
        calls.extend(permissions::calls("jobs", step));
        Ok(calls)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let runs = step.live.map_or(0, |l| l.active_runs);
        let plural = if runs == 1 { "" } else { "s" };
        let unknown = step.live.is_some_and(|l| l.unknown_runs);
        match step.verb {
            Verb::Delete if unknown => vec![
                ImpactClass::CancelsRuns.says("cancels its active runs; whether there are any is not known"),
                ImpactClass::LosesHistory.says("loses run history"),
            ],
            Verb::Update if unknown && step.changes_beyond(&["permissions"]) => {
                vec![Impact::note("active runs will end with the old settings; whether there are any is not known")]
            }
            Verb::Delete if runs > 0 => vec![
                ImpactClass::CancelsRuns.says(format!("cancels {runs} active run{plural}")),
                ImpactClass::LosesHistory.says("loses run history"),
            ],
            Verb::Delete => vec![ImpactClass::LosesHistory.says("loses run history")],
            Verb::Update if runs > 0 && step.changes_beyond(&["permissions"]) => {
                vec![Impact::note(format!("{runs} active run{plural} will end with the old settings"))]
            }
            _ => Vec::new(),
        }
    }

    fn deployed_by(&self, seen: &Observed) -> Option<Tool> {
        managed::by_deployment(&seen.spec)
    }

    fn next_run(&self, step: &Step<'_>) -> Option<String> {
        triggers::next_run(step.body, step.now)
    }

    fn starts(&self, spec: &Value) -> Vec<StartRule> {
        triggers::starts(spec)
    }

    /// What made the job until now is no part of what it is to be.
    fn export(&self, seen: &Observed) -> Value {
        entries::without(&seen.spec, &["deployment"])
    }

    fn develop(&self, spec: &mut Value) {
        for trigger in ["schedule", "trigger", "continuous"] {
            if spec.get(trigger).is_some_and(Value::is_object) {
                spec[trigger]["pause_status"] = json!("PAUSED");
            }
        }
        for trigger in spec.get_mut("triggers").and_then(Value::as_array_mut).into_iter().flatten() {
            if trigger.is_object() {
                trigger["pause_status"] = json!("PAUSED");
            }
        }
    }
}
