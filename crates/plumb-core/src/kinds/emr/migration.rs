//! Migrations: which old pipeline became which new one.

use super::compare::Compare;
use super::compare_check;
use crate::kinds::teardown::{OLD, RelationKind, STARTERS, SUCCESSORS};
use crate::kinds::teardown_spec::{MOST_RUNS, Parity, listed};
use crate::kinds::{Findings, Kind, MarkPlace, Named, Observed, Role, SpecType, Step, Unreadable, Unsupported};
use plumb_model::call::{Call, System};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// One old pipeline, what took over from it, and when.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MigrationSpec {
    /// The old.
    pub from: MigrationFrom,
    /// The new.
    pub to: MigrationTo,
    /// Pipelines of one wave cut over together or not at all. None: it is a wave of its own, of the migration's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// The day, in the zone of its DAGs, from which on the wave is cut over, once every gate of every member holds:
    /// `2024-05-03`. Then the old DAGs are paused, `shadow` ends, and the new DAGs are switched on. All members of a wave have
    /// the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutover: Option<String>,
    /// How a run is told which period it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<RunPeriod>,
    /// What runs of the new pipeline are given until it is cut over, so that they write beside the old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
    /// What has to hold before it is cut over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requires: Option<CutoverRequires>,
    /// What ties it to a pipeline of another wave and is bridged by other means, each with how:
    /// `s3://acme-curated/profiles: copied nightly by profiles_bridge`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bridges: Option<Vec<String>>,
    /// Places that the old pipeline reads: `s3://acme-curated/profiles`, or a table. `import emr` writes what it finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<Vec<String>>,
    /// Places that it writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writes: Option<Vec<String>>,
    /// Who answers for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// How the outputs of the two are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compare: Option<Compare>,
}

/// What a pipeline was made of.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MigrationFrom {
    /// `EmrCluster/legacy-audience`, `EmrServerlessApplication/…`.
    pub emr: Vec<String>,
    /// `AirflowDag/legacy-audience`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dags: Option<Vec<String>>,
}

/// What a pipeline is made of now.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MigrationTo {
    /// `DatabricksJob/audience-cleanse`.
    pub jobs: Vec<String>,
    /// `AirflowDag/bau-insights-monthly`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dags: Option<Vec<String>>,
}

/// How a run is told which period it is for.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RunPeriod {
    /// The parameter of the jobs of `to.jobs` that says it: `month`.
    pub parameter: String,
    /// How it is written there, by strftime of the period's first day: `%Y-%m`. As `compare.period` names periods if left
    /// out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// What runs of the new pipeline are given until it is cut over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Shadow {
    /// Parameters of the jobs of `to.jobs`, each of which has to be one of theirs: `{output: "s3://acme-shadow/audience"}`.
    pub parameters: BTreeMap<String, String>,
}

/// What has to hold before a migration is cut over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct CutoverRequires {
    /// How many of its last runs each job of `to.jobs` ended well, one after the other: 25 at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub green_runs: Option<u32>,
    /// Comparisons of old and new, as a teardown asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parity: Option<Parity>,
    /// How many of its last kept runs (`plumb cost --keep`) ended before the deadline of their DAG, one after the other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_time: Option<u32>,
    /// Whether the new one has to be cheaper for every period of which both are priced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cheaper: Option<bool>,
}

/// A migration: it makes nothing, it says what belongs together.
pub struct Migration;

impl Migration {
    /// The name in manifests.
    pub const NAME: &'static str = "Migration";
}

impl RelationKind for Migration {
    fn old<'s>(&self, spec: &'s Value) -> Vec<&'s str> {
        spec.pointer("/from/emr").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }
}

impl Kind for Migration {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Emr
    }
    fn noun(&self) -> &'static str {
        "migration"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Nowhere
    }
    fn role(&self) -> Role {
        Role::Relation
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    /// There is nothing live of it.
    fn list(&self) -> Vec<Read> {
        Vec::new()
    }

    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }

    fn read_one(&self, _id: &str) -> Vec<Read> {
        Vec::new()
    }

    fn parse_one(&self, _reread: &[Pages]) -> Result<Observed, Unreadable> {
        Err(Unreadable::unknown("a migration", "there is nothing live of it"))
    }

    fn calls(&self, _step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Err(Unsupported("a migration makes nothing".into()))
    }

    fn named(&self, spec: &Value) -> Vec<Named> {
        let mut named = listed(spec, "/from/emr", "from.emr", OLD);
        named.extend(listed(spec, "/from/dags", "from.dags", STARTERS));
        named.extend(listed(spec, "/to/jobs", "to.jobs", SUCCESSORS));
        named.extend(listed(spec, "/to/dags", "to.dags", STARTERS));
        named
    }
}

/// What the schema cannot say.
fn check(spec: &MigrationSpec, findings: &mut Findings) {
    if let Some(day) = spec.cutover.as_deref().filter(|d| d.len() != 10 || d.parse::<jiff::civil::Date>().is_err()) {
        findings.at("cutover", format!("`{day}` is no day"), "expected one like `2024-05-01`");
    }
    if spec.from.emr.is_empty() {
        findings.at("from.emr", "nothing old is named", "name the `EmrCluster` manifests of the old pipeline");
    }
    if spec.to.jobs.is_empty() {
        findings.at("to.jobs", "nothing new is named", "name the `DatabricksJob` manifests of the new pipeline");
    }
    let requires = spec.requires.clone().unwrap_or_default();
    if let Some(n) = requires.green_runs.filter(|n| *n > MOST_RUNS) {
        let label = format!("{MOST_RUNS} at most: as many as one page of runs has");
        findings.at("requires.greenRuns", format!("{n} runs"), label);
    }
    if spec.shadow.as_ref().is_some_and(|shadow| shadow.parameters.is_empty()) && findings.is_whole("shadow") {
        findings.at("shadow.parameters", "no parameter is named", "name one, or take `shadow` out");
    }
    if let Some(compare) = &spec.compare {
        compare_check::check(compare, findings);
    }
}
