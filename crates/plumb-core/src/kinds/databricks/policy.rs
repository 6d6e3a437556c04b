//! Databricks cluster policies.

use super::code_paths::Checked;
use super::{
    access::{Grant, PolicyLevel},
    libraries::Library,
    policy_rule::PolicyRule,
    undeclared::{Entries, is_absent},
};
use super::{grants, limits, permissions};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Details, Findings, Impact, ImpactClass, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported, Verb,
    reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A cluster policy: what the policies API 2.0 takes to create one, and `permissions`.
///
/// `definition` and `policy_family_definition_overrides` are maps here, and JSON text in the API.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "policy_id": "databricks-sdk-py compute.EditPolicy: it says which policy is meant",
        "created_at_timestamp": "databricks-sdk-py compute.Policy: in answers, in no request",
        "creator_user_name": "databricks-sdk-py compute.Policy: in answers, in no request",
        "is_default": "databricks-sdk-py compute.Policy: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct PolicySpec {
    /// The rules, by the path of the attribute that they are about: `spark_version`, `autoscale.max_workers`,
    /// `init_scripts.0.s3.destination`. Excludes `policy_family_id`.
    #[schemars(extend("x-plumb" = {"unset": "server", "superseded_by": "policy_family_id", "filled_when": [{"with": "policy_family_id"}], "refused_when": [{"with": "policy_family_id"}], "why": "Terraform provider policies: computed, a policy family supplies it; beside one it is refused"}))]
    pub definition: Option<Entries<PolicyRule>>,
    /// What the policy is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live description that nobody declared does no harm"}))]
    pub description: Option<String>,
    /// Libraries that clusters with this policy get: 500 at most.
    #[schemars(extend("x-plumb" = {"set": true, "why": "Terraform provider clusters: libraries are a set"}))]
    pub libraries: Option<Vec<Library>>,
    /// How many clusters with this policy each user may have. Unset: any number.
    #[schemars(extend("x-plumb" = {"default": 0, "why": "Terraform provider policies: 0 is no limit and is not sent"}))]
    pub max_clusters_per_user: Option<i64>,
    /// The policy's name, which no other policy may have: 1 to 100 characters.
    pub name: Option<String>,
    /// Rules over those of the policy family.
    pub policy_family_definition_overrides: Option<Entries<PolicyRule>>,
    /// The policy family that supplies the rules. Excludes `definition`.
    pub policy_family_id: Option<String>,

    /// Who may use the policy. With `mode: additive` what others granted stays. Unset: plumb leaves the permissions alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": ["user_name", "group_name", "service_principal_name"],
        "apart": true,
        "keep_empty": true,
        "why": "permissions are a separate object, read only where a manifest sets them; databricks/cli bundle rules: keyed by principal",
    }))]
    pub permissions: Option<EntryList<Grant<PolicyLevel>>>,
}

/// A cluster policy: Cluster Policies API 2.0.
pub struct DatabricksClusterPolicy;

impl DatabricksClusterPolicy {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksClusterPolicy";
}

/// Maps in the manifest that are JSON text on the wire.
const TEXTS: [&str; 2] = ["definition", "policy_family_definition_overrides"];

/// The rules that a member's text has; `None` when it has none.
fn rules(policy: &Value, member: &str) -> Result<Option<Value>, String> {
    let text = reading::text(policy, member)?.unwrap_or_default();
    if text.trim().is_empty() {
        return Ok(None);
    }
    let rules: Value = serde_json::from_str(text).map_err(|e| format!("its {member} is no JSON: {e}"))?;
    match rules.as_object() {
        Some(map) if map.values().all(Value::is_object) => Ok(Some(rules)),
        _ => Err(format!("its {member} is no map of rules")),
    }
}

fn seen(policy: &Value) -> Result<Observed, Unreadable> {
    let id = policy.get("policy_id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksClusterPolicy, id, Some(policy), why);
    let id = id.ok_or_else(|| refuse("it has no policy_id".into()))?;
    let mut spec = policy.clone();
    for member in TEXTS.into_iter().filter(|member| policy.get(member).is_some()) {
        spec[member] = rules(policy, member).map_err(refuse)?.unwrap_or_default();
    }
    let facts = json!({ "is_default": reading::flag(policy, "is_default").map_err(refuse)? });
    Ok(Observed { id: id.to_owned(), spec, facts, ..Observed::default() })
}

/// The payload: maps become text, and what a family defines is left to it.
fn body(step: &Step<'_>) -> Value {
    let mut body = entries::without(step.body, &["permissions"]);
    for member in TEXTS {
        if let Some(map) = body.get(member).filter(|v| v.is_object()) {
            body[member] = json!(map.to_string());
        }
    }
    body
}

impl Kind for DatabricksClusterPolicy {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "cluster policy"
    }
    fn page(&self) -> Option<&'static str> {
        // databrickslabs/pytester, `fixtures/compute.py`.
        Some("setting/clusters/cluster-policies/view")
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::LastLine("description")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, "/api/2.0/policies/clusters/list"))]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        // A built-in policy belongs to Databricks; it cannot be taken over.
        let is_built_in = |policy: &Value| policy.get("is_default") == Some(&Value::Bool(true));
        reading::rows(self, listed, "policies", |row| (!is_built_in(row)).then(|| seen(row)))
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        permissions::declared(wanted).then(|| permissions::read("cluster-policies", &seen.id)).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        permissions::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, "/api/2.0/policies/clusters/get").query("policy_id", id))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => {
                let path = "/api/2.0/policies/clusters/create";
                calls.push(Call::create(System::Databricks, path, body(step), "/policy_id"));
            }
            Verb::Update if step.changes_beyond(&["permissions"]) => {
                let mut edit = body(step);
                edit["policy_id"] = json!(step.id());
                calls.push(Call::set(System::Databricks, Method::Post, "/api/2.0/policies/clusters/edit", edit));
            }
            Verb::Update => {}
            Verb::Delete => {
                let body = json!({ "policy_id": step.id() });
                let delete = Call::set(System::Databricks, Method::Post, "/api/2.0/policies/clusters/delete", body);
                return Ok(vec![delete.gone_is_done()]);
            }
        }
        calls.extend(permissions::calls("cluster-policies", step));
        Ok(calls)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        match step.verb {
            Verb::Update if step.changes("definition") => {
                vec![ImpactClass::ReachesOthers.says("holds for clusters when they are edited or started next")]
            }
            Verb::Delete => {
                vec![ImpactClass::BreaksUsers.says("clusters that use it can no longer be edited under it")]
            }
            _ => Vec::new(),
        }
    }

    /// Fixed and default values reach clusters that do not set them. Virtual attributes (`dbus_per_hour`,
    /// `cluster_type`) match nothing in a cluster, and so do no harm.
    fn supplies(&self, seen: &Observed) -> Option<BTreeMap<String, Value>> {
        let rules = |member: &str| seen.spec.get(member).and_then(Value::as_object).cloned().unwrap_or_default();
        let supplied = rules("definition")
            .into_iter()
            .chain(rules("policy_family_definition_overrides"))
            .filter_map(|(attribute, rule)| {
                let value = match rule.get("type").and_then(Value::as_str) {
                    Some("fixed") => rule.get("value"),
                    _ => rule.get("defaultValue"),
                };
                Some((attribute, value?.clone()))
            })
            .collect();
        Some(supplied)
    }
}

/// What the schema cannot say.
fn check(spec: &PolicySpec, findings: &mut Findings) {
    if let Some(name) = &spec.name {
        limits::name(name, 1, 100, "name", findings);
    }
    if spec.definition.is_some() && spec.policy_family_id.is_some() {
        findings.at(
            "definition",
            "a policy of a family has no definition of its own",
            "write what differs in `policy_family_definition_overrides`",
        );
    }
    let overrides = ("policy_family_definition_overrides", &spec.policy_family_definition_overrides);
    for (member, rules) in [("definition", &spec.definition), overrides] {
        for (attribute, rule) in rules.iter().flat_map(|entries| &entries.0) {
            let at = format!("{member}[\"{attribute}\"]");
            if !findings.is_whole(&format!("{at}.type")) {
                continue;
            }
            let (missing, idle) = rule.misfits();
            for name in missing {
                findings.at(&at, format!("the rule of `{attribute}` needs `{name}`"), format!("add `{name}`"));
            }
            for name in idle {
                let message = format!("`{name}` means nothing in the rule of `{attribute}`");
                findings.at(format!("{at}.{name}"), message, "remove it, or change `type`");
            }
        }
    }
    if let Some(libraries) = spec.libraries.as_ref().filter(|l| l.len() > 500) {
        findings.at("libraries", format!("{} libraries", libraries.len()), "a policy takes 500 at most");
    }
    Checked { has_git: false }.libraries(spec.libraries.as_deref(), "libraries", findings);
    grants::each_once(spec.permissions.as_deref().unwrap_or_default(), findings);
}
