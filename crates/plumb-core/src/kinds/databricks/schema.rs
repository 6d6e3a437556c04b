//! Schemas of Unity Catalog.

use super::unity::{self, API, FULL_NAME, MARK};
use super::unity_grants::{self, GRANTS, SchemaPrivilege, UnityGrant};
use super::volume::DatabricksVolume;
use crate::kinds::contents::DESTROYS_DATA;
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Answered, AnsweredRead, Contained, Details, Findings, Impact, ImpactClass, Kind, MarkPlace, NamedThing, Nested,
    Observed, Scope, SpecType, Step, ThingKind, UnknownSettings, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Ready, System};
use plumb_model::read::{Pages, Read};
use plumb_model::yaml::{Node, Tree};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// A schema: what the schemas API 2.1 takes to create and to update one, and `grants`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "browse_only": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "catalog_type": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "created_at": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "created_by": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "effective_auto_maintenance_flag": "seen in answers of real workspaces, in no request of the SDKs",
        "effective_predictive_optimization_flag": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "enable_auto_maintenance": "seen in answers of real workspaces, in no request of the SDKs; it stands for enable_predictive_optimization",
        "metastore_id": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "schema_id": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "securable_kind": "seen in answers of real workspaces, in no request of the SDKs",
        "securable_type": "seen in answers of real workspaces, in no request of the SDKs",
        "storage_location": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "updated_at": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
        "updated_by": "databricks-sdk-py catalog.SchemaInfo: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct SchemaSpec {
    /// The catalog that the schema is in.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider resource_schema.go: force_new; no call moves a schema to another catalog"}))]
    pub catalog_name: String,
    /// What the schema is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live comment that nobody declared does no harm"}))]
    pub comment: Option<String>,
    /// The most hours for which the schema's tables keep what was deleted. One that the manifest no longer sets stays.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py SchemasAPI.update: an optional number, of which neither a default nor how to clear it is told"}))]
    pub custom_max_retention_hours: Option<i64>,
    /// Whether Databricks optimizes the schema's tables by itself.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": ["INHERIT"], "apart": true, "why": "databricks/cli testserver, schemas.go: INHERIT where nobody set it; databricks-sdk-py: only SchemasAPI.update takes it, so a new schema gets it by a call of its own"}))]
    pub enable_predictive_optimization: Option<PredictiveOptimization>,
    /// `CATALOG.SCHEMA`, under which all others know the schema. plumb puts it together; a manifest need not have it.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks-sdk-py catalog.SchemaInfo: made of the two names, in no request"}))]
    pub full_name: Option<String>,
    /// The schema's name within its catalog, in small letters: 255 characters at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "databricks/cli schema.go and Terraform provider resource_schema.go: another name is another schema; what is in it does not move by a manifest"}))]
    pub name: String,
    /// Who owns the schema: a user, a group, or a service principal's application id. Unset: whoever it is.
    #[schemars(extend("x-plumb" = {"unset": "server", "apart": true, "fold_case": true, "why": "Terraform provider resource_schema.go: computed, and set by an update of its own; users are in small letters (Terraform provider issue 3654)"}))]
    pub owner: Option<String>,
    /// Properties, which SQL calls `DBPROPERTIES`.
    #[schemars(extend("x-plumb" = {"why": "they describe; databricks/cli resources.yml: Unity Catalog adds unity.catalog.managed.*.defaults.* by itself, which plumb leaves alone unless a manifest names them"}))]
    pub properties: Option<BTreeMap<String, String>>,
    /// Where the schema's managed tables and volumes are stored: an address within an external location.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "why": "databricks/cli resources.yml and Terraform provider resource_schema.go: immutable; a schema is not replaced for what nobody declared"}))]
    pub storage_root: Option<String>,

    /// Who may do what with the schema and what is in it; an empty list is nobody but the owner. Unset: plumb leaves the grants
    /// alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": "principal",
        "apart": true,
        "keep_empty": true,
        "why": "grants are a list of their own, read only where a manifest sets them; databricks/cli grants.go: keyed by principal",
    }))]
    pub grants: Option<EntryList<UnityGrant<SchemaPrivilege>>>,
}

/// Whether tables are optimized by the service itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PredictiveOptimization {
    Disable,
    Enable,
    /// As the catalog says.
    Inherit,
}

/// A schema: Schemas API 2.1 of Unity Catalog.
pub struct DatabricksSchema;

const OBJECTS: &str = "schemas";
/// What grants call it.
const SECURABLE: &str = "schema";
/// What only an update takes.
const APART: [&str; 3] = [GRANTS, "owner", "enable_predictive_optimization"];
/// The schema that each catalog has of the platform (Databricks, "Information schema").
const INFORMATION: &str = "information_schema";
/// Properties that Unity Catalog sets by itself (databricks/cli, resources.yml, `backend_defaults`).
const MANAGED_PROPERTY: &str = "unity.catalog.managed.";

/// A live schema.
pub(super) fn seen(schema: &Value) -> Result<Observed, Unreadable> {
    let own = unity::full_name(schema, &["catalog_name", "name"]);
    let full =
        reading::text(schema, FULL_NAME).map_err(|why| Unreadable::of(&DatabricksSchema, None, Some(schema), why))?;
    let id = full.map(str::to_owned).or(own).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksSchema, id.as_deref(), Some(schema), why);
    let Some(id) = id.clone() else { return Err(refuse("it has no full_name".into())) };
    let mut spec = schema.clone();
    spec[FULL_NAME] = json!(id);
    Ok(Observed { id, spec, facts: json!({}), ..Observed::default() })
}

/// The properties that the service set by itself and the manifest does not name.
fn managed(seen: &Observed) -> Map<String, Value> {
    seen.facts.get("managed_properties").and_then(Value::as_object).cloned().unwrap_or_default()
}

/// Takes what the service set by itself out of the properties.
fn set_aside(seen: &mut Observed, wanted: Option<&Value>) {
    let named = |key: &String| wanted.and_then(|w| w.get("properties")?.get(key)).is_some();
    let Some(properties) = seen.spec.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let is_own = |key: &String| key.starts_with(MANAGED_PROPERTY) && !named(key);
    let own: Map<String, Value> =
        properties.iter().filter(|(key, _)| is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    properties.retain(|key, _| !is_own(key));
    if !own.is_empty() {
        seen.facts["managed_properties"] = Value::Object(own);
    }
}

fn update(step: &Step<'_>) -> Vec<Call> {
    let id = step.id();
    let mut calls = Vec::new();
    // Who is only an administrator may change the owner and nothing else (databricks-sdk-py SchemasAPI.update), so that comes
    // first, as in Terraform's provider.
    calls.extend(apart(step, "owner"));
    if step.changes_beyond(&APART) {
        // The mark goes with every write, so a PATCH is never empty, which the service refuses ("Nothing to update").
        let mut body = json!({ "comment": step.body.get("comment").cloned().unwrap_or_else(|| json!("")) });
        if step.changes("properties") {
            let mut all = step.live.map(managed).unwrap_or_default();
            all.extend(step.body.get("properties").and_then(Value::as_object).cloned().unwrap_or_default());
            body["properties"] = Value::Object(all);
        }
        if step.changes("custom_max_retention_hours") {
            body["custom_max_retention_hours"] = step.body["custom_max_retention_hours"].clone();
        }
        calls.push(unity::patch(OBJECTS, id, body));
    }
    calls.extend(apart(step, "enable_predictive_optimization"));
    calls.extend(unity_grants::call(SECURABLE, id, step));
    calls
}

/// The call that sets a member which only an update takes, if the step asks for it.
fn apart(step: &Step<'_>, member: &str) -> Option<Call> {
    let value = step.body.get(member).filter(|value| !value.is_null())?;
    let is_asked = step.verb == Verb::Create || step.changes(member);
    is_asked.then(|| unity::patch(OBJECTS, unity::target(step, FULL_NAME), json!({ member: value })))
}

impl Kind for DatabricksSchema {
    fn name(&self) -> &'static str {
        "DatabricksSchema"
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "schema"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("explore/data")
    }
    fn page_parts<'i>(&self, id: &'i str) -> Vec<&'i str> {
        id.split('.').collect()
    }
    /// Not every workspace has a metastore, and each catalog costs a request.
    fn is_always_read(&self) -> bool {
        false
    }
    fn title(&self) -> &'static str {
        FULL_NAME
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MARK
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }
    fn assumed(&self, _name: &str, spec: &Node) -> Vec<(&'static str, Tree)> {
        let part = |member: &str| spec.get(member).and_then(Node::as_str).filter(|part| !part.is_empty());
        let full = part("catalog_name").zip(part("name")).map(|(catalog, name)| format!("{catalog}.{name}"));
        full.into_iter().map(|full| (FULL_NAME, Tree::Str(full))).collect()
    }

    fn list(&self) -> Vec<Read> {
        Vec::new()
    }
    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }
    fn nested(&self) -> Option<&'static dyn Nested> {
        Some(&SchemasOfCatalogs)
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        unity_grants::read(SECURABLE, &seen.id, wanted).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        set_aside(seen, wanted);
        unity::same_place(seen, wanted, "storage_root");
        unity_grants::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, unity::path(OBJECTS, id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn contents(&self, seen: &Observed) -> Vec<Read> {
        let Some((catalog, schema)) = seen.id.split_once('.') else { return Vec::new() };
        let of = [("catalog_name", catalog), ("schema_name", schema)];
        let light = [&of[..], &[("omit_columns", "true"), ("omit_properties", "true")]].concat();
        let all = INSIDE
            .iter()
            .map(|(collection, ..)| unity::listing(collection, if *collection == "tables" { &light } else { &of }));
        all.collect()
    }

    fn contained(&self, _seen: &Observed, pages: &[Details]) -> Result<Vec<Contained>, String> {
        let mut pages = pages.iter();
        let mut all = Vec::new();
        for (_, member, noun, kind) in INSIDE {
            for page in reading::next(&mut pages, &format!("its {noun}s"))? {
                for row in reading::list(page, member).map_err(|why| format!("its {noun}s cannot be read: {why}"))? {
                    let own = unity::full_name(row, &["catalog_name", "schema_name", "name"]);
                    let id = reading::text(row, FULL_NAME)?.map(str::to_owned).or(own);
                    let id = id.ok_or_else(|| format!("one of its {noun}s has no full_name"))?;
                    let is_view = row["table_type"].as_str().is_some_and(|kind| kind.ends_with("VIEW"));
                    all.push(Contained { noun: if is_view { "view" } else { noun }, kind, id });
                }
            }
        }
        Ok(all)
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Ok(match step.verb {
            Verb::Create => {
                let mut body = entries::without(step.body, &APART);
                if let Value::Object(map) = &mut body {
                    map.remove(FULL_NAME);
                }
                let mut calls = vec![Call::create(System::Databricks, format!("{API}/{OBJECTS}"), body, "/full_name")];
                calls.extend(apart(step, "enable_predictive_optimization"));
                calls.extend(unity_grants::call(SECURABLE, unity::target(step, FULL_NAME), step));
                // Whoever made it owns it until now, and may do all of the above.
                calls.extend(apart(step, "owner"));
                calls
            }
            Verb::Update => update(step),
            Verb::Delete => {
                let delete = Call::delete(System::Databricks, unity::path(OBJECTS, step.id()));
                let is_forced = step.live.is_some_and(|seen| seen.facts[DESTROYS_DATA] == true);
                vec![if is_forced { delete.query("force", "true") } else { delete }]
            }
        })
    }

    /// A PATCH changes the members that it has.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Untouched
    }

    fn settled(&self, expect: &Value, looks: &[Value], memory: &mut Value) -> Ready {
        unity_grants::settled(expect, looks, memory)
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        match step.verb {
            Verb::Delete => {
                vec![ImpactClass::BreaksUsers.says("what names it or what is in it fails, and its grants go")]
            }
            _ => Vec::new(),
        }
    }

    fn provides(&self, spec: &Value) -> Vec<NamedThing> {
        let name = unity::full_name(spec, &["catalog_name", "name"]);
        name.into_iter().map(|name| NamedThing::new(ThingKind::Schema, name)).collect()
    }

    fn needs(&self, spec: &Value) -> Vec<NamedThing> {
        let named = [("catalog_name", ThingKind::Catalog), ("storage_root", ThingKind::Storage)];
        let name = |(member, kind): (&str, ThingKind)| {
            let name = spec.get(member)?.as_str().filter(|name| !name.is_empty())?;
            Some(NamedThing::new(kind, name))
        };
        named.into_iter().filter_map(name).collect()
    }

    fn platforms_own(&self, seen: &Observed) -> Option<&'static str> {
        let (catalog, name) = seen.id.split_once('.')?;
        match name {
            INFORMATION => Some("every catalog has one, of views that describe it"),
            "default" => Some("a catalog is made with it"),
            _ => unity::of_others(catalog).or_else(|| match seen.spec["catalog_type"].as_str()? {
                "SYSTEM_CATALOG" | "INTERNAL_CATALOG" => Some("Databricks keeps its own objects in this catalog"),
                "FOREIGN_CATALOG" => Some("its catalog mirrors another database"),
                "DELTASHARING_CATALOG" => Some("its catalog is shared by somebody else"),
                _ => None,
            }),
        }
    }

    /// Who made it owns it, unless somebody changed that; the rest the service says by itself.
    fn export(&self, seen: &Observed) -> Value {
        let mut seen = seen.clone();
        set_aside(&mut seen, None);
        unity::exported(&seen.spec)
    }
}

/// What is in a schema: the collection, its member, what one is called, the kind of its manifests.
const INSIDE: [(&str, &str, &str, Option<&str>); 4] = [
    ("tables", "tables", "table", None),
    ("volumes", "volumes", "volume", Some(DatabricksVolume::NAME)),
    ("functions", "functions", "function", None),
    ("models", "registered_models", "model", None),
];

/// Schemas are listed by catalog.
struct SchemasOfCatalogs;

/// The listing of a catalog's schemas.
pub(super) fn of_catalog(catalog: &str) -> Read {
    unity::listing(OBJECTS, &[("catalog_name", catalog)])
}

impl Nested for SchemasOfCatalogs {
    fn place(&self, spec: &Value) -> Option<String> {
        Some(spec.get("catalog_name")?.as_str().filter(|name| !name.is_empty())?.to_owned())
    }

    fn first(&self, scope: &Scope) -> Vec<Read> {
        let catalogs: BTreeSet<&String> = scope.named.union(&scope.catalogs).collect();
        let mut reads: Vec<Read> = catalogs.into_iter().map(|catalog| of_catalog(catalog)).collect();
        if scope.everywhere {
            reads.push(unity::listing("catalogs", &[]));
        }
        reads
    }

    fn then(&self, scope: &Scope, first: &[AnsweredRead]) -> Vec<Read> {
        let is_new = |catalog: &String| !scope.named.contains(catalog) && !scope.catalogs.contains(catalog);
        unity::own_catalogs(first).into_iter().filter(is_new).map(|catalog| of_catalog(&catalog)).collect()
    }

    fn parse(&self, scope: &Scope, first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<Result<Observed, Unreadable>> {
        let mut all = Vec::new();
        for told in first.iter().chain(then) {
            if told.read.call.path.ends_with("/catalogs") {
                all.extend(unity::refused("the list of catalogs".into(), told, false).map(Err));
                continue;
            }
            let catalog = unity::asked(told, "catalog_name");
            let what = format!("the schemas of the catalog {catalog}");
            all.extend(unity::refused(what.clone(), told, scope.named.contains(catalog)).map(Err));
            all.extend(unity::rows(told, OBJECTS).into_iter().map(|row| match row {
                Ok(row) => seen(row),
                Err(why) => Err(Unreadable::unknown(what.clone(), why)),
            }));
        }
        all
    }

    fn missing(&self, first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<NamedThing> {
        missing_catalogs(first.iter().chain(then))
    }
}

/// The catalogs that are not there.
pub(super) fn missing_catalogs<'t>(told: impl Iterator<Item = &'t AnsweredRead>) -> Vec<NamedThing> {
    let gone = told.filter(|told| told.answer == Answered::Gone && told.read.call.path.ends_with("/schemas"));
    gone.map(|told| NamedThing::new(ThingKind::Catalog, unity::asked(told, "catalog_name"))).collect()
}

/// What the schema cannot say.
fn check(spec: &SchemaSpec, findings: &mut Findings) {
    unity::catalog(&spec.catalog_name, "catalog_name", findings);
    unity::name(&spec.name, "name", findings);
    if spec.name.eq_ignore_ascii_case(INFORMATION) {
        findings.at("name", format!("`{INFORMATION}` is Unity Catalog's own"), "choose another name");
    }
    unity::whole_name(spec.full_name.as_deref(), &[&spec.catalog_name, &spec.name], findings);
    if let Some(root) = &spec.storage_root {
        unity::storage(root, "storage_root", findings);
    }
    if let Some(hours) = spec.custom_max_retention_hours.filter(|hours| *hours < 0) {
        findings.at("custom_max_retention_hours", format!("{hours} hours"), "expected 0 or more");
    }
    unity_grants::check(spec.grants.as_ref(), findings);
}
