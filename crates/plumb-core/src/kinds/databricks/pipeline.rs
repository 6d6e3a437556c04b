//! Lakeflow pipelines.

use super::{
    access::{Grant, PipelineLevel},
    job_parts::RunAs,
    pipeline_ingestion::{GatewayDefinition, IngestionDefinition},
    pipeline_parts::{
        EventLog, PipelineCluster, PipelineDeployment, PipelineEnvironment, PipelineFilters, PipelineLibrary,
        PipelineNotification, PipelineTrigger, TimeWindow,
    },
    undeclared::{Settings, is_absent},
};
use super::{permissions, pipeline_check, run_as};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::managed::{self, Tool};
use crate::kinds::{
    Answered, AnsweredRead, Details, Impact, ImpactClass, Kind, MarkPlace, Nested, Observed, Scope, SpecType, Step,
    Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A pipeline: what the pipelines API 2.0 takes to create one, and `permissions`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "dry_run": "databricks-sdk-py pipelines.PipelinesAPI.create: it says what a request is for, and is no setting",
        "id": "databricks/cli bundle rules: output only, although the create call has a parameter of that name",
    },
    "why": "an answer says more than a request",
}))]
pub struct PipelineSpec {
    /// Whether another pipeline may have the same name.
    #[schemars(extend("x-plumb" = {"write_only": true, "why": "databricks/cli bundle rules: create and edit take it, and nothing returns it"}))]
    pub allow_duplicate_names: Option<bool>,
    /// The budget policy that serverless usage is booked on, by id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py pipelines.GetPipelineResponse: what holds shows as effective_budget_policy_id; a workspace may have a default policy"}))]
    pub budget_policy_id: Option<String>,
    /// The catalog of Unity Catalog that tables are published to. Excludes `storage`. Unset: the Hive metastore.
    #[schemars(extend("x-plumb" = {"fold_case": true, "replace_to_clear": true, "replace_to_set": true, "why": "Terraform provider pipelines: another catalog is an edit, from a storage location to a catalog or back is another pipeline; a create writes the name in small letters"}))]
    pub catalog: Option<String>,
    /// Which releases of the runtime the pipeline follows: `CURRENT` or `PREVIEW`.
    #[schemars(extend("x-plumb" = {"default": "CURRENT", "alias": [["CURRENT", "current"], ["PREVIEW", "preview"]], "why": "Terraform provider pipelines: the default; letter case means nothing"}))]
    pub channel: Option<String>,
    /// Clusters of a pipeline that is not serverless. Where there are any, one is `label: default`.
    #[schemars(extend("x-plumb" = {"key": "label", "why": "databricks/cli bundles: clusters are merged by their label"}))]
    pub clusters: Option<Vec<PipelineCluster>>,
    /// Settings of the pipeline that its code reads: text by name.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "passwords are often passed this way"}))]
    pub configuration: Option<Settings>,
    /// Whether the pipeline updates without end. Deprecated by the service: a job with `continuous` has replaced it.
    #[schemars(extend("x-plumb" = {"default": false, "why": "Terraform provider docs, pipeline: false unless set"}))]
    pub continuous: Option<bool>,
    /// Which deployment tool made the pipeline. Leave it to that tool.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks/cli writes it for bundles; it describes the tool, not the pipeline"}))]
    pub deployment: Option<PipelineDeployment>,
    /// Whether updates run in development mode: compute is kept, and nothing is tried again. Deprecated by the service: each update
    /// says it for itself.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.PipelineSpec: false unless set"}))]
    pub development: Option<bool>,
    /// The product edition: `CORE`, `PRO` or `ADVANCED`.
    #[schemars(extend("x-plumb" = {"default": "ADVANCED", "alias": [["ADVANCED", "advanced"], ["PRO", "pro"], ["CORE", "core"]], "why": "Terraform provider pipelines: the default; letter case means nothing"}))]
    pub edition: Option<String>,
    /// Python packages that the pipeline's code needs.
    pub environment: Option<PipelineEnvironment>,
    /// A table that the pipeline's events are published to.
    pub event_log: Option<EventLog>,
    /// Which packages belong to the pipeline.
    pub filters: Option<PipelineFilters>,
    /// Makes the pipeline a gateway that reads the changes of a database.
    #[schemars(extend("x-plumb" = {"replace_to_clear": true, "replace_to_set": true, "why": "Terraform provider pipelines: what says which source a gateway reads cannot be changed, so neither can it be added or taken away"}))]
    pub gateway_definition: Option<GatewayDefinition>,
    /// Makes the pipeline one that ingests tables from another system, without code.
    #[schemars(extend("x-plumb" = {"replace_to_clear": true, "replace_to_set": true, "why": "Terraform provider pipelines: what says which source is ingested cannot be changed, so neither can it be added or taken away"}))]
    pub ingestion_definition: Option<IngestionDefinition>,
    /// The code of the pipeline.
    #[schemars(extend("x-plumb" = {"set": true, "why": "Databricks documentation, pipelines: tables are updated in the order of their dependencies, in whatever order sources are named"}))]
    pub libraries: Option<Vec<PipelineLibrary>>,
    /// The pipeline's name. Unless `allow_duplicate_names` is set, no two have the same.
    #[schemars(extend("x-plumb" = {"why": "a live name that nobody declared does no harm"}))]
    pub name: Option<String>,
    /// Whom to send e-mails, about what.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is sent by itself, in any order"}))]
    pub notifications: Option<Vec<PipelineNotification>>,
    /// Parameters that updates have unless they are started with others: 10,000 characters at most, as JSON.
    pub parameters: Option<Settings>,
    /// The workspace folder that the pipeline is in.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py pipelines.PipelineSpec: a pipeline that is made on a page has a folder, one that names none has no object there"}))]
    pub parent_path: Option<String>,
    /// Whether updates run on Photon. Serverless ones always do.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": true, "with": "serverless"}], "why": "Terraform provider docs, pipeline: false unless set; databricks-sdk-py pipelines.PipelineSpec: on with serverless"}))]
    pub photon: Option<bool>,
    /// When a continuous pipeline may be restarted for an upgrade.
    pub restart_window: Option<TimeWindow>,
    /// The folder that the pipeline's code starts from: it is on `sys.path` of Python sources. A path of the workspace, or of the
    /// repository: `./pipeline`.
    #[schemars(extend("x-plumb" = {"code": "folder", "why": "databricks-sdk-py pipelines.PipelineSpec: a folder of the workspace"}))]
    pub root_path: Option<String>,
    /// Whose rights updates have. Unset: the creator's.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "sticky": true, "why": "databricks-sdk-py pipelines.RunAs: the creator unless set; databricks/cli testserver: an edit without it keeps the previous one"}))]
    pub run_as: Option<RunAs>,
    /// The schema that tables are published to and read from. Excludes `target`.
    pub schema: Option<String>,
    /// Whether the service runs updates on compute of its own. Excludes `clusters`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": true, "with": "ingestion_definition"}], "refused_when": [{"with": "clusters"}], "why": "databricks-sdk-py pipelines.PipelineSpec: classic compute unless set, but for pipelines without code of their own"}))]
    pub serverless: Option<bool>,
    /// The serverless compute that updates run on, by id.
    pub serverless_compute_id: Option<String>,
    /// The root folder of tables and checkpoints, where they are not in Unity Catalog. Excludes `catalog`.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "replace": true, "refused_when": [{"with": "catalog"}], "why": "Terraform provider pipelines: force_new, and excludes catalog; databricks/cli testserver: dbfs:/pipelines/ID where neither is set"}))]
    pub storage: Option<String>,
    /// Tags of the pipeline, which its clusters get too: 25 at most, of which the mark needs 4.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own"}))]
    pub tags: Option<BTreeMap<String, String>>,
    /// The former form of `schema`.
    pub target: Option<String>,
    /// What starts updates. Deprecated by the service: `continuous`, and jobs with a `pipeline_task`, have replaced it.
    pub trigger: Option<PipelineTrigger>,
    /// The usage policy that serverless usage is booked on, by id.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "a workspace may have a default usage policy, as for jobs"}))]
    pub usage_policy_id: Option<String>,

    /// Who may do what with the pipeline; an empty list is nobody else. With `mode: additive` what others granted stays. Unset:
    /// plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "apart": true,
        "keep_empty": true,
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<EntryList<Grant<PipelineLevel>>>,
}

/// A pipeline: Pipelines API 2.0.
pub struct DatabricksPipeline;

impl DatabricksPipeline {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksPipeline";
}

const PATH: &str = "/api/2.0/pipelines";
/// The object that the permissions API knows.
const ACL: &str = "pipelines";
/// Members that are written by calls of their own.
const APART: [&str; 1] = ["permissions"];
/// States of an update that is over (databricks-sdk-py pipelines.UpdateInfoState).
const ENDED: [&str; 3] = ["CANCELED", "COMPLETED", "FAILED"];

fn get(id: &str) -> Read {
    Read::single(Call::get(System::Databricks, format!("{PATH}/{id}")))
}

fn id(pipeline: &Value) -> Option<&str> {
    pipeline.get("pipeline_id").and_then(Value::as_str).filter(|id| !id.is_empty())
}

fn unreadable(pipeline: &Value, why: impl Into<String>) -> Unreadable {
    Unreadable::of(&DatabricksPipeline, id(pipeline), pipeline.get("spec"), why)
}

/// Whether it is gone (databricks-sdk-py pipelines.PipelineState).
fn is_deleted(pipeline: &Value) -> bool {
    pipeline.get("state").and_then(Value::as_str) == Some("DELETED")
}

/// A pipeline as a get shows it. Whom it runs as and its parameters stand beside the spec (databricks-sdk-py
/// pipelines.GetPipelineResponse).
fn seen(pipeline: &Value) -> Result<Observed, Unreadable> {
    let refuse = |why: String| unreadable(pipeline, why);
    let id = id(pipeline).ok_or_else(|| refuse("it has no pipeline_id".into()))?;
    let spec = pipeline.get("spec").filter(|s| s.as_object().is_some_and(|map| !map.is_empty()));
    let mut spec = spec.ok_or_else(|| refuse("it has no spec".into()))?.clone();
    let state = reading::text(pipeline, "state").map_err(refuse)?.map(str::to_owned);
    let name = reading::text(pipeline, "run_as_user_name").map_err(refuse)?;
    // What was asked for shows as `run_as`; whom a pipeline runs as that asked for nobody, `run_as_user_name` says alone.
    let asked = pipeline.get("run_as").filter(|set| !set.as_object().is_some_and(serde_json::Map::is_empty));
    let name = name.filter(|_| asked.is_none_or(Value::is_null));
    let run_as = run_as::shown(asked, name).map_err(refuse)?;
    if let Some(parameters) = pipeline.get("parameters").filter(|parameters| !parameters.is_null()) {
        spec["parameters"] = parameters.clone();
    }
    reading::list(&spec, "clusters").map_err(refuse)?;
    for cluster in spec.get_mut("clusters").and_then(Value::as_array_mut).into_iter().flatten() {
        // databricks-sdk-py pipelines.PipelineCluster: a cluster without a label is the default one.
        if cluster.is_object() && cluster.get("label").is_none_or(|label| label.is_null() || label == "") {
            cluster["label"] = json!("default");
        }
    }
    let mut facts = json!({});
    if let Some(run_as) = run_as {
        facts["run_as"] = run_as;
    }
    if DatabricksPipeline.mark().take(&mut spec.clone()).is_some_and(|mark| mark.force_destroy) {
        facts["force_destroy"] = json!(true);
    }
    if let Value::Object(map) = &mut spec {
        // Who it runs as is in the spec where a manifest says something of it.
        map.remove("run_as");
    }
    Ok(Observed { id: id.to_owned(), spec, state, facts, ..Observed::default() })
}

fn wants_run_as(wanted: Option<&Value>) -> bool {
    wanted.is_some_and(|w| w.get("run_as").is_some_and(|r| !r.is_null()))
}

/// The listing: which pipelines there are, and then each, for the first shows no spec and so no mark.
struct Listing;

impl Nested for Listing {
    fn first(&self, _scope: &Scope) -> Vec<Read> {
        // "The maximum value is 100" (databricks-sdk-py pipelines.PipelinesAPI.list_pipelines).
        vec![Read::tokens(Call::get(System::Databricks, PATH).query("max_results", "100"))]
    }

    fn then(&self, _scope: &Scope, first: &[AnsweredRead]) -> Vec<Read> {
        let rows =
            first.iter().flat_map(AnsweredRead::pages).filter_map(|page| page.get("statuses")?.as_array()).flatten();
        let mut ids: Vec<&str> = rows.filter(|row| !is_deleted(row)).filter_map(id).collect();
        // Pages may overlap when pipelines come and go meanwhile.
        ids.sort_unstable();
        ids.dedup();
        ids.into_iter().map(get).collect()
    }

    fn parse(
        &self,
        _scope: &Scope,
        first: &[AnsweredRead],
        then: &[AnsweredRead],
    ) -> Vec<Result<Observed, Unreadable>> {
        let mut found = Vec::new();
        let mut names = BTreeMap::new();
        for told in first {
            let why = match &told.answer {
                Answered::Pages(_) => None,
                Answered::Gone => Some("the service does not have it"),
                Answered::Refused(why) => Some(why.as_str()),
            };
            found.extend(why.map(|why| Err(Unreadable::unknown("the list of pipelines", why))));
            for page in told.pages() {
                match reading::list(page, "statuses") {
                    Ok(rows) => {
                        names.extend(rows.iter().filter_map(|row| Some((id(row)?, row.get("name")?.as_str()?))));
                        let odd = rows.iter().filter(|row| id(row).is_none());
                        found.extend(odd.map(|row| Err(unreadable(row, "it has no pipeline_id"))));
                    }
                    Err(why) => found.push(Err(Unreadable::unknown("a page of the list of pipelines", why))),
                }
            }
        }
        for told in then {
            let asked = told.read.call.path.rsplit('/').next().unwrap_or_default();
            match &told.answer {
                Answered::Pages(pages) => {
                    let one = pages.first().unwrap_or(&Value::Null);
                    if !is_deleted(one) {
                        found.push(self::seen(one).map_err(|unread| named(unread, asked, names.get(asked).copied())));
                    }
                }
                // It was deleted meanwhile.
                Answered::Gone => {}
                Answered::Refused(why) => {
                    let unread = Unreadable::unknown(String::new(), why.clone());
                    found.push(Err(named(unread, asked, names.get(asked).copied())));
                }
            }
        }
        found
    }
}

/// What could not be read, with the id and the name that the list has of it.
fn named(unread: Unreadable, id: &str, name: Option<&str>) -> Unreadable {
    let what = match name {
        Some(name) if !name.is_empty() => format!("pipeline {id} \"{name}\""),
        _ => format!("pipeline {id}"),
    };
    let title = unread.title.or_else(|| name.map(str::to_owned));
    Unreadable { what, id: Some(id.to_owned()), title, ..unread }
}

impl Kind for DatabricksPipeline {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "pipeline"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("pipelines")
    }
    fn is_always_read(&self) -> bool {
        false
    }
    fn nested(&self) -> Option<&'static dyn Nested> {
        Some(&Listing)
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Tags("tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(pipeline_check::check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        Vec::new()
    }

    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        permissions::declared(wanted).then(|| permissions::read(ACL, &seen.id)).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        if wants_run_as(wanted) {
            seen.spec["run_as"] = seen.facts.get("run_as").cloned().unwrap_or_default();
        }
        permissions::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![get(id)]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    /// The updates of a pipeline, newest first. One runs at a time (databricks-sdk-py pipelines.PipelinesAPI.start_update).
    fn activity(&self, seen: &Observed) -> Option<Read> {
        let list = Call::get(System::Databricks, format!("{PATH}/{}/updates", seen.id)).query("max_results", "25");
        Some(Read::single(list))
    }

    fn active_runs(&self, pages: &Pages) -> usize {
        let updates = pages.iter().filter_map(|page| page.get("updates")?.as_array()).flatten();
        updates.filter(|update| !update["state"].as_str().is_some_and(|state| ENDED.contains(&state))).count()
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let mut body = entries::without(step.body, &APART);
        let one = format!("{PATH}/{}", step.id());
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => calls.push(Call::create(System::Databricks, PATH, body, "/pipeline_id")),
            Verb::Update if step.changes_beyond(&APART) => {
                // Terraform provider, pipelines: an edit has the id in its body too.
                body["id"] = json!(step.id());
                calls.push(Call::set(System::Databricks, Method::Put, one, body));
            }
            Verb::Update => {}
            Verb::Delete => {
                let cascade = if takes_its_tables(step) { "true" } else { "false" };
                return Ok(vec![Call::delete(System::Databricks, one).query("cascade", cascade)]);
            }
        }
        calls.extend(permissions::calls(ACL, step));
        Ok(calls)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let mut impacts = Vec::new();
        let (runs, unknown) = step.live.map_or((0, false), |live| (live.active_runs, live.unknown_runs));
        let continuous = |spec: Option<&Value>| spec.is_some_and(|spec| spec.get("continuous") == Some(&json!(true)));
        let edits = step.verb == Verb::Update && step.changes_beyond(&APART);
        match step.verb {
            Verb::Delete => {
                if unknown {
                    let says = "cancels its active update; whether there are any is not known";
                    impacts.push(ImpactClass::CancelsRuns.says(says));
                } else if runs > 0 {
                    impacts.push(ImpactClass::CancelsRuns.says("cancels its active update"));
                }
                impacts.push(ImpactClass::LosesHistory.says("loses its updates and events"));
                if step.live.is_none_or(|live| live.spec.get("catalog").is_none_or(Value::is_null)) {
                    // databricks-sdk-py pipelines.PipelinesAPI.delete speaks of Unity Catalog alone.
                } else if takes_its_tables(step) {
                    let says = "deletes its streaming tables, materialized views and views with it (forceDestroy)";
                    impacts.push(ImpactClass::LosesData.says(says));
                } else {
                    impacts.push(Impact::note("its tables and views stay, and nothing updates them any more"));
                }
            }
            _ if edits && unknown => {
                impacts.push(Impact::note("an active update may be restarted; whether there are any is not known"))
            }
            _ if edits && runs > 0 => impacts.push(Impact::note("its active update may be restarted")),
            _ => {}
        }
        if step.verb != Verb::Delete && continuous(Some(step.body)) && !continuous(step.live.map(|live| &live.spec)) {
            impacts.push(Impact::note("updates begin at once, and go on without end"));
        }
        impacts
    }

    fn deployed_by(&self, seen: &Observed) -> Option<Tool> {
        managed::by_deployment(&seen.spec)
    }

    /// What made the pipeline until now is no part of what it is to be.
    fn export(&self, seen: &Observed) -> Value {
        entries::without(&seen.spec, &["deployment"])
    }

    /// As in bundles in development mode (databricks/cli, presets): not continuous, and in the pipeline's own development mode
    /// unless the manifest says something of that.
    fn develop(&self, spec: &mut Value) {
        if !spec.is_object() {
            return;
        }
        if spec.get("continuous").is_some_and(|on| !on.is_null()) {
            spec["continuous"] = json!(false);
        }
        if let Some(trigger) = spec.get_mut("trigger").and_then(Value::as_object_mut) {
            trigger.remove("cron");
        }
        if spec.get("development").is_none_or(Value::is_null) {
            spec["development"] = json!(true);
        }
    }
}

/// Whether a delete takes the pipeline's tables with it: only where the object itself says that it may. The service's own
/// default is that it does (databricks-sdk-py pipelines.PipelinesAPI.delete).
fn takes_its_tables(step: &Step<'_>) -> bool {
    step.live.is_some_and(|live| live.facts.get("force_destroy") == Some(&json!(true)))
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
