//! The project file, `plumb.yaml`.

use plumb_model::text::seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// plumb.yaml: where the manifests are applied, with which values, within which limits.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Project {
    /// The project's name; the first part of every mark.
    #[serde(skip)]
    pub name: String,
    /// Folders or files that hold manifests, relative to the project file. Default: `manifests`.
    #[serde(default)]
    pub manifests: Option<Vec<String>>,
    /// Values for `${var.NAME}`.
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    /// Environment variables that manifests may use as `${env.NAME}`. They are for secrets: the value of each that is set
    /// is hidden wherever it occurs, whether a manifest uses it or not. What is no secret is a variable. Those
    /// that CI and the tools sign in with are refused.
    #[serde(default)]
    pub env: Vec<String>,
    /// The places that the manifests can be applied to.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// Limits on what one apply may do. A target may have others.
    #[serde(default)]
    pub guards: Guards,
    /// The kinds that the project manages, when not all: only they are read, and only they are pruned. A manifest of any
    /// other kind is a mistake.
    #[serde(default)]
    pub kinds: Option<Vec<String>>,
    /// How plans are explained out of git's history.
    #[serde(default)]
    pub history: HistorySettings,
    /// What `plumb migrate forecast` rests on where too little was seen.
    #[serde(default)]
    pub forecast: Option<ForecastSettings>,
    /// How the code is kept that jobs run.
    #[serde(default)]
    pub code: CodeSettings,
    /// What `plumb import emr` does in every pipeline alike.
    #[serde(default)]
    pub answers: Option<Answers>,
    /// Folders of policies. Kept for a later version.
    #[serde(default)]
    pub policies: Vec<String>,
}

/// How plans are explained out of git's history.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct HistorySettings {
    /// How long a plan looks up who wrote its lines; what it does not get to is said in a note. `0s`: it names nobody.
    /// Default: `10s`.
    #[serde(default)]
    pub budget: Option<String>,
}

impl HistorySettings {
    /// The budget, as it is written.
    pub fn budget(&self) -> &str {
        self.budget.as_deref().unwrap_or("10s")
    }

    /// The budget in seconds; `None` when it is no duration.
    pub fn budget_seconds(&self) -> Option<u64> {
        if self.budget() == "0s" { Some(0) } else { seconds(self.budget()) }
    }
}

/// How the code is kept that jobs run.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CodeSettings {
    /// How long code stays that no manifest, job or active run names any more, from the day on which it fell out of use.
    /// Default: `30d`.
    #[serde(default)]
    pub keep: Option<String>,
}

/// What a forecast of the migration rests on where too little was seen.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct ForecastSettings {
    /// How many people work on it.
    #[serde(default)]
    pub people: Option<u32>,
    /// The day by which it has to be done: `2026-12-18`.
    #[serde(default)]
    pub by: Option<String>,
    /// Days on which nobody works, beside Saturdays and Sundays.
    #[serde(default)]
    pub holidays: Vec<String>,
    /// How many replays may run at once, of all pipelines together. Default: 1.
    #[serde(default)]
    pub replays_at_once: Option<u32>,
    /// Working days that a stage takes: least, most likely, most: `translate: [1, 2, 4]`. The stages are `inventory`,
    /// `translate`, `decide`, `deploy`, `parity` and `teardown`.
    #[serde(default)]
    pub days: BTreeMap<String, [f64; 3]>,
}

/// A variable: its value, or its default with a description.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum Variable {
    /// With a description, and perhaps without a default: each target then has to set it.
    Described {
        /// The value where no target, file or command line sets another.
        default: Option<Value>,
        /// What it is for.
        description: Option<String>,
    },
    /// Only the value.
    Value(Value),
}

/// A place that the manifests can be applied to.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Target {
    /// The target's name; the second part of every mark.
    #[serde(skip)]
    pub name: String,
    /// The one that is used when no target is named.
    #[serde(default)]
    pub default: bool,
    /// The embedded emulator instead of real services.
    #[serde(default)]
    pub sandbox: bool,
    /// `development`: names get a prefix, schedules are paused, there are no locks.
    #[serde(default)]
    pub mode: Mode,
    /// The Databricks workspace.
    #[serde(default)]
    pub databricks: Option<DatabricksTarget>,
    /// The Airflow deployment.
    #[serde(default)]
    pub airflow: Option<AirflowTarget>,
    /// The AWS account whose EMR clusters are left.
    #[serde(default)]
    pub emr: Option<EmrTarget>,
    /// Values that override the project's variables.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// Folders of documents that are merged over the manifests of the same address.
    #[serde(default)]
    pub patches: Vec<String>,
    /// From where an apply is allowed.
    #[serde(default)]
    pub git: Option<GitTarget>,
    /// Limits of this target: each that is set takes the place of the project's. A sandbox has no `maxChangePercent` but its own.
    #[serde(default)]
    pub guards: Guards,
}

/// What a target is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Everybody's: names as they stand.
    #[default]
    Production,
    /// One person's: names get `[dev USER] `, schedules are paused.
    Development,
}

/// A Databricks workspace and how to sign in. What is not set comes from the environment, as in the official tools.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DatabricksTarget {
    /// `https://adb-….azuredatabricks.net`.
    pub host: Option<String>,
    /// A profile of `~/.databrickscfg`.
    pub profile: Option<String>,
    /// The workspace id that the host must have: an apply to another one is refused.
    // The old spelling is read for one release, with a warning (see `warnings`).
    #[serde(rename = "workspaceId", alias = "workspace_id")]
    pub workspace_id: Option<String>,
    /// The folder of the workspace in which applies take the lease. Default: `/Shared/.plumb`.
    pub leases: Option<String>,
    /// Where code is kept that jobs name by a path of the repository: a folder of the workspace, or a volume:
    /// `/Volumes/main/ops/plumb`. Default: `/Workspace/Shared`, where others may write too.
    pub code: Option<String>,
    /// The SQL warehouse, by name or id, that tells measured usage (`system.billing.usage`) and list prices: `plumb cost
    /// --keep`, `plumb prices fetch`.
    pub warehouse: Option<String>,
    /// The catalogs of Unity Catalog whose schemas and volumes are all looked at. Beside them plumb looks where manifests
    /// have schemas and volumes, so that what is left of the last manifest of a catalog is found only in these.
    #[serde(default)]
    pub catalogs: Vec<String>,
}

/// An Airflow deployment. Who signs in comes from the environment: AIRFLOW_USERNAME and AIRFLOW_PASSWORD, or AIRFLOW_TOKEN,
/// AIRFLOW_TOKEN_COMMAND or AIRFLOW_TOKEN_FILE, and, unless the server is on this machine, AIRFLOW_URL, which says what server they are for.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AirflowTarget {
    /// The web server's address. Default: AIRFLOW_URL.
    pub url: Option<String>,
    /// In place of `url`: the environment of Amazon MWAA, by its name or ARN. AWS credentials sign in to it.
    pub mwaa: Option<String>,
    /// Where DAG files are written: a folder (a relative one is below that of the project file), `s3://BUCKET/PREFIX` or
    /// `gs://BUCKET/PREFIX`. Default: with `mwaa`, the environment's own bucket.
    pub dags: Option<String>,
    /// The REST API's version: `auto` (whichever the server has), `v1` (Airflow 2) or `v2` (Airflow 3).
    pub api: Option<String>,
    /// Which Airflow it is, as far as is known: `3.1`, `2.11.2`. `plumb validate` says by it what becomes of a `deadline`, and a plan
    /// compares it with the server.
    pub version: Option<String>,
}

/// An AWS account and region.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct EmrTarget {
    /// The AWS region.
    pub region: Option<String>,
    /// The AWS account id that the credentials must have.
    pub account: Option<String>,
}

/// From where an apply is allowed.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct GitTarget {
    /// The only branch to apply from.
    pub branch: Option<String>,
    /// Refuse when files differ from the commit.
    #[serde(default)]
    pub clean: bool,
}

/// Limits on what one apply may do. Each has an explicit override on the command line.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Guards {
    /// The most objects that one apply may delete or replace.
    pub max_deletes: Option<u32>,
    /// The greatest share of the owned objects, in percent, that one apply may touch.
    pub max_change_percent: Option<u32>,
    /// The least that every teardown waits for. A manifest with less is refused.
    pub teardown: Option<TeardownGuard>,
    /// What an apply does with a manifest in which a `# DECISION:` comment stands. Default: `block`, in development and sandbox
    /// targets `warn`.
    pub decisions: Option<DecisionGuard>,
}

impl Target {
    /// See [`super::Desired::mark_target`].
    pub(super) fn mark_name(&self, developer: Option<&str>) -> String {
        match developer {
            Some(user) => format!("{}.{user}", self.name),
            None => self.name.clone(),
        }
    }
}

impl Guards {
    /// The limits of a target: its own over the project's, member by member. What is tried out in a sandbox may change all of it.
    pub fn of(&self, target: &Target) -> Guards {
        let own = target.guards.clone();
        let share = self.max_change_percent.filter(|_| !target.sandbox);
        Guards {
            max_deletes: own.max_deletes.or(self.max_deletes),
            max_change_percent: own.max_change_percent.or(share),
            teardown: own.teardown.or_else(|| self.teardown.clone()),
            decisions: own.decisions.or(self.decisions),
        }
    }
}

/// What an apply does with a manifest in which a decision is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DecisionGuard {
    /// Creates and updates of it are blocked, unless `--override decisions`.
    Block,
    /// They are carried out, and a warning says so.
    Warn,
}

/// Answers that hold for every pipeline that `plumb import emr` translates. What is not answered is asked once, beside it in
/// plumb.yaml, and its default is taken meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct Answers {
    /// The runtime of all jobs: `16.4.x-scala2.12`; `auto`: of each release the supported long-term one that is nearest.
    pub runtime: Option<String>,
    /// As whom jobs run: a user's name (`ann@acme.example`) or a service principal's application id; `creator`: whoever applies.
    pub run_as: Option<String>,
    /// With whose rights jobs read and write S3.
    pub rights: Option<RightsAnswer>,
    /// The machine type that takes the place of another one: `m5.xlarge: m6id.xlarge`. One that is not named stays.
    pub node_types: Option<BTreeMap<String, String>>,
    /// Where clusters write their logs: `s3://BUCKET/PREFIX`, `/Volumes/…`; `keep`: where EMR's did; `none`.
    pub logs: Option<String>,
    /// The zone of Spark's session where the application sets none: `UTC`, `Europe/Berlin`.
    pub time_zone: Option<String>,
    /// Whether workers may be spot machines.
    pub spot: Option<SpotAnswer>,
    /// What takes the place of the Hive metastore or Glue: a catalog of Unity Catalog by its name, `hive_metastore` or `glue`.
    pub catalog: Option<String>,
}

/// With whose rights jobs read and write S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RightsAnswer {
    /// Those of the clusters' instance profile, which has to be registered in the workspace.
    InstanceProfile,
    /// Those that Unity Catalog grants on external locations: no instance profile is written.
    UnityCatalog,
}

/// Whether workers may be spot machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SpotAnswer {
    /// As on EMR.
    Keep,
    /// Wherever EMR had any, with on-demand machines where none are to be had.
    WithFallback,
    /// Never.
    Never,
}

/// The least that a manifest with `desired: teardown` has to ask for.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TeardownGuard {
    /// The shortest grace period: `7d`.
    #[serde(default)]
    pub grace: Option<String>,
    /// Gates that every teardown has to have.
    #[serde(default)]
    pub requires: Vec<RequiredGate>,
}

/// A gate that a project can require.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RequiredGate {
    /// `teardown.replacedBy` names a job.
    Successors,
    /// `teardown.requires.parity` asks for a comparison.
    Parity,
    /// `teardown.requires.dagPaused` names a DAG.
    Dags,
}

impl fmt::Display for RequiredGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}
