//! Databricks SQL warehouses.

use super::{
    access::{Grant, WarehouseLevel},
    undeclared::is_absent,
};
use super::{grants, limits, permissions};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::mark::TAGS;
use crate::kinds::{
    Details, Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported, Verb,
    reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::schema::Path;
use plumb_model::yaml::is_deferred;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A SQL warehouse: what the SQL warehouses API 2.0 takes to create one, and `permissions`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "auto_resume": "seen in an answer of a real workspace (databricks/cli issue 4972), in no request of the SDKs",
        "creator_id": "seen in an answer of a real workspace (databricks/cli issue 4972), in no request of the SDKs",
        "creator_name": "databricks/cli bundle rules: output only, although the create call has a parameter of that name",
        "customer_version_label": "databricks-sdk-py sql.EndpointInfo: output only",
        "health": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
        "id": "databricks-sdk-py sql.EndpointInfo: it says which warehouse is meant",
        "jdbc_url": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
        "num_active_sessions": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
        "num_clusters": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
        "odbc_params": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
        "state": "databricks-sdk-py sql.EndpointInfo: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct WarehouseSpec {
    /// The warehouse's name: 1 to 99 characters. No two warehouses of a workspace have the same.
    pub name: String,
    /// How big each cluster is: what one query has to itself.
    pub cluster_size: WarehouseSize,
    /// Minutes without a query after which the warehouse stops: 0 for never, otherwise at least 10, or 1 with
    /// `enable_serverless_compute: true`.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [120], "filled_when": [{"value": 10, "unless": ["enable_serverless_compute", [false]]}], "why": "databricks-sdk-py sql.EndpointInfo: 120 unless set; Terraform provider issue 3695: 10 where it is serverless"}))]
    pub auto_stop_mins: Option<i64>,
    /// The version of Databricks SQL that the warehouse runs.
    #[schemars(extend("x-plumb" = {"unset": "members", "why": "Terraform provider sql_endpoint: an undeclared channel is the service's; its name defaults to CHANNEL_NAME_CURRENT"}))]
    pub channel: Option<Channel>,
    /// Whether queries run on Photon.
    #[schemars(extend("x-plumb" = {"default": true, "why": "databricks-sdk-py sql.EndpointInfo: true unless set"}))]
    pub enable_photon: Option<bool>,
    /// Whether the service runs the clusters in its own account. Needs `warehouse_type: PRO`. Set it: what unset means differs
    /// from workspace to workspace.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": [true], "why": "Terraform provider sql_endpoint: computed; off in most workspaces, on in some that used the API early"}))]
    pub enable_serverless_compute: Option<bool>,
    /// The instance profile that the clusters have. Deprecated by the service: the workspace has one for all warehouses.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py sql.WarehousesAPI.set_workspace_warehouse_config: a workspace may give all warehouses one"}))]
    pub instance_profile_arn: Option<String>,
    /// The most that a `REALTIME` warehouse uses, in DBU an hour.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py sql.EndpointInfo: a workspace has a limit of its own, of which no default is told"}))]
    pub max_dbu: Option<i64>,
    /// The most clusters at the same time, as more queries come in: 40 at most.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [1], "filled_when": [{"same_as": "min_num_clusters"}], "why": "databricks-sdk-py sql.EndpointInfo: as many as min_num_clusters unless set"}))]
    pub max_num_clusters: Option<i64>,
    /// How many clusters a running warehouse always has: 30 at most.
    #[schemars(extend("x-plumb" = {"default": 1, "why": "databricks-sdk-py sql.EndpointInfo: 1 unless set"}))]
    pub min_num_clusters: Option<i64>,
    /// How much more or less than its nominal size a Reyden warehouse has, 1.0 at least.
    #[schemars(extend("x-plumb" = {"default": 1.0, "why": "databricks-sdk-py sql.EndpointInfo: 1.0 unless set"}))]
    pub reyden_cluster_size_multiplier: Option<f64>,
    /// Whether workers are spot instances. Means nothing with `enable_serverless_compute: true`.
    #[schemars(extend("x-plumb" = {"default": "COST_OPTIMIZED", "any_if": ["POLICY_UNSPECIFIED"], "why": "Terraform provider sql_endpoint and databricks/cli bundles: COST_OPTIMIZED unless set"}))]
    pub spot_instance_policy: Option<SpotInstancePolicy>,
    /// Seconds after which a statement is cancelled.
    #[schemars(extend("x-plumb" = {"unset": "server", "why": "databricks-sdk-py sql.EndpointInfo: no default is told; a workspace has a STATEMENT_TIMEOUT of its own"}))]
    pub statement_timeout: Option<i64>,
    /// Tags for the cloud resources.
    #[schemars(extend("x-plumb" = {"why": "tags describe; finance tools add their own (Terraform provider sql_endpoint: undeclared ones are no difference)"}))]
    pub tags: Option<WarehouseTags>,
    /// What sort of warehouse it is.
    #[schemars(extend("x-plumb" = {"unset": "server", "any_if": ["TYPE_UNSPECIFIED"], "filled": ["CLASSIC", "TYPE_UNSPECIFIED"], "filled_when": [{"value": "PRO", "unless": ["enable_serverless_compute", [false]]}], "why": "Terraform provider docs, sql_endpoint: PRO where it is serverless, otherwise CLASSIC"}))]
    pub warehouse_type: Option<WarehouseType>,

    /// Who may do what with the warehouse; an empty list is nobody else. With `mode: additive` what others granted stays. Unset:
    /// plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "apart": true,
        "keep_empty": true,
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<EntryList<Grant<WarehouseLevel>>>,
}

/// A version of Databricks SQL.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Channel {
    /// The version itself. Goes with `CHANNEL_NAME_CUSTOM`, and with no other.
    pub dbsql_version: Option<String>,
    /// Which versions the warehouse follows.
    #[schemars(extend("x-plumb" = {"default": "CHANNEL_NAME_CURRENT", "why": "Terraform provider sql_endpoint: the default"}))]
    pub name: Option<ChannelName>,
}

/// Tags for the cloud resources.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WarehouseTags {
    /// The tags: 44 at most, of which the mark needs 4.
    #[schemars(extend("x-plumb" = {"key": "key", "why": "databricks-sdk-py sql.EndpointTagPair: a tag is known by its key"}))]
    pub custom_tags: Option<Vec<WarehouseTag>>,
}

/// A tag.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct WarehouseTag {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// How big each cluster of a warehouse is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum WarehouseSize {
    #[serde(rename = "2X-Small")]
    TwoXSmall,
    #[serde(rename = "X-Small")]
    XSmall,
    Small,
    Medium,
    Large,
    #[serde(rename = "X-Large")]
    XLarge,
    #[serde(rename = "2X-Large")]
    TwoXLarge,
    #[serde(rename = "3X-Large")]
    ThreeXLarge,
    #[serde(rename = "4X-Large")]
    FourXLarge,
    #[serde(rename = "5X-Large")]
    FiveXLarge,
}

/// Which versions of Databricks SQL a warehouse follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChannelName {
    ChannelNameCurrent,
    /// The one in `dbsql_version`.
    ChannelNameCustom,
    ChannelNamePreview,
    ChannelNamePrevious,
}

/// Whether workers are spot instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpotInstancePolicy {
    CostOptimized,
    /// The service chooses.
    PolicyUnspecified,
    ReliabilityOptimized,
}

/// What sort of warehouse it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WarehouseType {
    Classic,
    Pro,
    Realtime,
    /// The service chooses.
    TypeUnspecified,
}

/// A SQL warehouse: SQL Warehouses API 2.0.
pub struct DatabricksSqlWarehouse;

impl DatabricksSqlWarehouse {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksSqlWarehouse";
}

const PATH: &str = "/api/2.0/sql/warehouses";
const CURRENT: &str = "CHANNEL_NAME_CURRENT";
const PREVIEW: &str = "CHANNEL_NAME_PREVIEW";
const PREVIOUS: &str = "CHANNEL_NAME_PREVIOUS";
/// The object that the permissions API knows (databricks-sdk-py sql.WarehousesAPI.set_permissions).
const ACL: &str = "warehouses";
/// Members that are written by calls of their own.
const APART: [&str; 1] = ["permissions"];
/// Tags of a warehouse: fewer than 45 (databricks-sdk-py sql.EndpointInfo).
const TAGS_AT_MOST: usize = 44;
/// The warehouses that are there from the start (Databricks documentation, "Create a SQL warehouse"; the second one where the
/// workspace has serverless compute).
const STARTERS: [&str; 2] = ["Starter Warehouse", "Serverless Starter Warehouse"];

fn seen(warehouse: &Value) -> Result<Observed, Unreadable> {
    let id = warehouse.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksSqlWarehouse, id, Some(warehouse), why);
    let id = id.ok_or_else(|| refuse("it has no id".into()))?;
    let state = reading::text(warehouse, "state").map_err(refuse)?.map(str::to_owned);
    let mut spec = warehouse.clone();
    if let Some(Value::Object(channel)) = spec.get_mut("channel")
        && matches!(channel.get("name").and_then(Value::as_str), None | Some("" | CURRENT | PREVIEW | PREVIOUS))
    {
        // Only the custom channel has a version of its own (databricks-sdk-py sql.Channel). Whether the others show the one that
        // they are at is not told.
        channel.remove("dbsql_version");
    }
    Ok(Observed { id: id.to_owned(), spec, state, facts: json!({}), ..Observed::default() })
}

/// Whether it is gone, or on its way to be (databricks-sdk-py sql.State).
fn is_deleted(warehouse: &Value) -> bool {
    matches!(warehouse.get("state").and_then(Value::as_str), Some("DELETED" | "DELETING"))
}

/// Whether the spec has no such place.
fn is_unknown(path: &Path) -> bool {
    DatabricksSqlWarehouse.spec().rules.field(path).is_none()
}

fn is_serverless(body: &Value) -> bool {
    body.get("enable_serverless_compute") == Some(&json!(true))
}

/// The settings to send. The documentation says of an edit that it leaves what it does not name as it is (SQL Warehouses APIs
/// 2.0, "Edit"), the testserver of databricks/cli that it goes back to the default. So what depends on something else, and what
/// goes back to its default, is always said.
fn settings(step: &Step<'_>) -> Value {
    let mut body = entries::without(step.body, &APART);
    let serverless = is_serverless(&body);
    let least = body.get("min_num_clusters").filter(|n| !n.is_null()).cloned().unwrap_or_else(|| json!(1));
    let mut say = |member: &str, value: Value| {
        if body.get(member).is_none_or(Value::is_null) {
            body[member] = value;
        }
    };
    say("max_num_clusters", least);
    if serverless {
        say("warehouse_type", json!("PRO"));
    }
    let defaults = [
        ("auto_stop_mins", json!(if serverless { 10 } else { 120 })),
        ("channel", json!({ "name": CURRENT })),
        ("enable_photon", json!(true)),
        ("enable_serverless_compute", json!(false)),
        ("min_num_clusters", json!(1)),
        ("reyden_cluster_size_multiplier", json!(1.0)),
        ("spot_instance_policy", json!("COST_OPTIMIZED")),
        ("warehouse_type", json!("CLASSIC")),
    ];
    for (member, default) in defaults {
        if step.verb == Verb::Update && step.changes(member) {
            say(member, default);
        }
    }
    body
}

impl Kind for DatabricksSqlWarehouse {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "SQL warehouse"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("sql/warehouses")
    }
    fn is_always_read(&self) -> bool {
        false
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::TagPairs("tags", "custom_tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn platforms_own(&self, seen: &Observed) -> Option<&'static str> {
        let name = seen.spec.get("name").and_then(Value::as_str)?;
        STARTERS.contains(&name).then_some("Databricks makes it for every workspace")
    }

    fn list(&self) -> Vec<Read> {
        vec![Read::tokens(Call::get(System::Databricks, PATH))]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "warehouses", |row| (!is_deleted(row)).then(|| seen(row)))
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        permissions::declared(wanted).then(|| permissions::read(ACL, &seen.id)).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        permissions::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, format!("{PATH}/{id}")))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let one = format!("{PATH}/{}", step.id());
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => calls.push(Call::create(System::Databricks, PATH, settings(step), "/id")),
            Verb::Update if step.changes_beyond(&APART) => {
                if let Some(unknown) = step.changed.iter().find(|p| is_unknown(p)) {
                    return Err(Unsupported(format!(
                        "`metadata.remove` names {unknown}, and an edit of a SQL warehouse leaves what it does not name as it \
                         is: take it away by hand, or make another warehouse"
                    )));
                }
                calls.push(Call::set(System::Databricks, Method::Post, format!("{one}/edit"), settings(step)));
            }
            Verb::Update => {}
            Verb::Delete => return Ok(vec![Call::delete(System::Databricks, one)]),
        }
        calls.extend(permissions::calls(ACL, step));
        Ok(calls)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let Some(live) = step.live else { return vec![ImpactClass::StartsCluster.says("starts the warehouse")] };
        // A state that is not known may be any.
        let is_up = !matches!(live.state.as_deref(), Some("STOPPED" | "STOPPING"));
        match step.verb {
            Verb::Delete => {
                let users = ImpactClass::BreaksUsers.says("jobs, dashboards and queries that name the warehouse fail");
                let ends = ImpactClass::EndsCluster.says("ends the running warehouse and the queries on it");
                is_up.then_some(ends).into_iter().chain([users]).collect()
            }
            // databricks/cli PR 5864: an edit restarts the warehouse, and one that was stopped runs afterwards.
            Verb::Update if step.changes_beyond(&APART) && is_up => {
                vec![ImpactClass::RestartsCluster.says("restarts the warehouse")]
            }
            Verb::Update if step.changes_beyond(&APART) => {
                vec![ImpactClass::StartsCluster.says("starts the warehouse")]
            }
            Verb::Update | Verb::Create => Vec::new(),
        }
    }
}

/// What the schema cannot say.
fn check(spec: &WarehouseSpec, findings: &mut Findings) {
    // databricks-sdk-py sql.EndpointInfo: less than 100 characters.
    limits::name(&spec.name, 1, 99, "name", findings);
    auto_stop(spec, findings);
    limits::number(spec.max_num_clusters, 1, 40, "max_num_clusters", findings);
    limits::number(spec.min_num_clusters, 1, 30, "min_num_clusters", findings);
    if let (Some(least), Some(most)) = (spec.min_num_clusters, spec.max_num_clusters)
        && least > most
    {
        findings.at("min_num_clusters", format!("{least} is more than max_num_clusters, {most}"), "");
    }
    if spec.reyden_cluster_size_multiplier.is_some_and(|times| times < 1.0) {
        let label = "1.0 at least: the service takes anything below for 1.0";
        findings.at("reyden_cluster_size_multiplier", "the multiplier is out of bounds", label);
    }
    if let Some(channel) = &spec.channel {
        // databricks-sdk-py sql.Channel: the custom one goes with a version.
        let is_custom = channel.name == Some(ChannelName::ChannelNameCustom);
        if is_custom && channel.dbsql_version.is_none() && findings.is_whole("channel.dbsql_version") {
            findings.at("channel.name", "`CHANNEL_NAME_CUSTOM` needs a version", "add `dbsql_version` beside it");
        } else if !is_custom && channel.dbsql_version.is_some() && findings.is_whole("channel.name") {
            let label = "goes with `name: CHANNEL_NAME_CUSTOM` only";
            findings.at("channel.dbsql_version", "a channel that is not custom has no version of its own", label);
        }
    }
    if spec.enable_serverless_compute == Some(true)
        && let Some(kind) = spec.warehouse_type.filter(|kind| *kind == WarehouseType::Classic)
    {
        // databricks-sdk-py sql.EndpointInfo; the service's words: "Serverless is only available for PRO warehouses."
        let name = json!(kind);
        let message = format!("a serverless warehouse cannot be {}", name.as_str().unwrap_or_default());
        findings.at("warehouse_type", message, "write `PRO`, or `enable_serverless_compute: false`");
    }
    tags(spec.tags.as_ref().and_then(|tags| tags.custom_tags.as_deref()).unwrap_or_default(), findings);
    grants::of_owned(spec.permissions.as_deref().unwrap_or_default(), "warehouse", findings);
}

/// `auto_stop_mins` (databricks-sdk-py sql.EndpointInfo: 0, or 10 and more; databricks/cli bundle schema and Databricks
/// documentation, "Create a SQL warehouse": as low as 1 for a serverless one that is made by the API).
fn auto_stop(spec: &WarehouseSpec, findings: &mut Findings) {
    let Some(minutes) = spec.auto_stop_mins.filter(|m| *m != 0) else { return };
    let at = "auto_stop_mins";
    if minutes < 0 {
        findings.at(at, format!("{minutes} is out of bounds"), "0 is never, anything else the minutes of rest");
    } else if minutes < 10
        && spec.enable_serverless_compute != Some(true)
        && findings.is_whole("enable_serverless_compute")
    {
        let help = "0 is never; a warehouse with `enable_serverless_compute: true` takes 1 and more";
        findings.at_with_help(at, format!("{minutes} is out of bounds"), "expected 0, or 10 and more", help);
    }
}

/// Tags within their number, each there once, none of them the mark's.
fn tags(tags: &[WarehouseTag], findings: &mut Findings) {
    let path = "tags.custom_tags";
    let most = TAGS_AT_MOST - limits::TAGS_OF_MARK;
    if tags.len() > most {
        let label = format!("{most} at most: the mark of plumb takes four more");
        findings.at(path, format!("{} tags", tags.len()), label);
    }
    let mut first = BTreeMap::new();
    for (i, tag) in tags.iter().enumerate() {
        let at = format!("{path}[{i}].key");
        if tag.key.is_empty() {
            findings.at(at, "a tag needs a name", "it is empty");
        } else if TAGS.contains(&tag.key.as_str()) {
            findings.at(at, format!("the tag `{}` is plumb's own mark", tag.key), "choose another name");
        } else if !is_deferred(&tag.key) && first.insert(tag.key.as_str(), i).is_some() {
            findings.at(at, format!("the tag `{}` is there twice", tag.key.escape_debug()), "leave one");
        }
    }
}

#[cfg(test)]
#[path = "warehouse_tests.rs"]
mod tests;
