//! Volumes of Unity Catalog.

use super::schema;
use super::unity::{self, API, FULL_NAME, MARK};
use super::unity_grants::{self, GRANTS, UnityGrant, VolumePrivilege};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Answered, AnsweredRead, Contained, Details, Findings, Impact, ImpactClass, Kind, MarkPlace, NamedThing, Nested,
    Observed, Scope, SpecType, Step, ThingKind, UnknownSettings, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Ready, System};
use plumb_model::read::{Pages, Read};
use plumb_model::text::percent_encoded;
use plumb_model::yaml::{Node, Tree, is_deferred};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A volume: what the volumes API 2.1 takes to create one, `owner` and `grants`.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "access_point": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "browse_only": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "created_at": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "created_by": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "encryption_details": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request; it is the external location's",
        "metastore_id": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "securable_kind": "seen in answers of real workspaces, in no request of the SDKs",
        "securable_type": "seen in answers of real workspaces, in no request of the SDKs",
        "updated_at": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "updated_by": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
        "volume_id": "databricks-sdk-py catalog.VolumeInfo: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct VolumeSpec {
    /// The catalog that the volume is in.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider resource_volume.go: force_new; no call moves a volume to another catalog"}))]
    pub catalog_name: String,
    /// What the volume is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live comment that nobody declared does no harm"}))]
    pub comment: Option<String>,
    /// `CATALOG.SCHEMA.VOLUME`, under which all others know the volume. plumb puts it together; a manifest need not have it.
    #[schemars(extend("x-plumb" = {"server": true, "why": "databricks-sdk-py catalog.VolumeInfo: made of the three names, in no request"}))]
    pub full_name: Option<String>,
    /// The volume's name within its schema, in small letters: 255 characters at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "another name is another volume, as with schemas (databricks/cli schema.go); the API could give it another one, and every path of its files with it (databricks-sdk-py VolumesAPI.update, new_name)"}))]
    pub name: String,
    /// Who owns the volume: a user, a group, or a service principal's application id. Unset: whoever it is.
    #[schemars(extend("x-plumb" = {"unset": "server", "apart": true, "fold_case": true, "why": "Terraform provider resource_volume.go: computed, and set by an update of its own; users are in small letters (Terraform provider issue 3654)"}))]
    pub owner: Option<String>,
    /// The schema that the volume is in.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider resource_volume.go: force_new; no call moves a volume to another schema"}))]
    pub schema_name: String,
    /// Where the files of an external volume are: an address within an external location. A managed volume has none of its own.
    #[schemars(extend("x-plumb" = {"unset": "server", "replace": true, "filled_when": [{"unless": ["volume_type", ["EXTERNAL"]]}], "refused_when": [{"unless": ["volume_type", ["EXTERNAL"]]}], "why": "databricks/cli resources.yml: immutable, and generated for managed volumes; testserver, volumes.go: refused beside MANAGED"}))]
    pub storage_location: Option<String>,
    /// Whether Unity Catalog keeps the files, and deletes them with the volume, or they are at an address of your own.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "databricks/cli resources.yml and Terraform provider resource_volume.go: immutable"}))]
    pub volume_type: VolumeType,

    /// Who may do what with the volume; an empty list is nobody but the owner and who has it from the schema. Unset: plumb leaves
    /// the grants alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": "principal",
        "apart": true,
        "keep_empty": true,
        "why": "grants are a list of their own, read only where a manifest sets them; databricks/cli grants.go: keyed by principal",
    }))]
    pub grants: Option<EntryList<UnityGrant<VolumePrivilege>>>,
}

/// Who keeps the files of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VolumeType {
    /// They are at `storage_location`, and stay there when the volume goes.
    External,
    /// Unity Catalog keeps them, and deletes them with the volume.
    Managed,
}

/// A volume: Volumes API 2.1 of Unity Catalog.
pub struct DatabricksVolume;

impl DatabricksVolume {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksVolume";
}

const OBJECTS: &str = "volumes";
/// What grants call it.
const SECURABLE: &str = "volume";
/// What only an update takes.
const APART: [&str; 2] = [GRANTS, "owner"];
/// The names that it is known by, from the outside in.
const NAMES: [&str; 3] = ["catalog_name", "schema_name", "name"];
/// What a directory in a volume is called where its contents are counted.
const FOLDER: &str = "folder";

fn seen(volume: &Value) -> Result<Observed, Unreadable> {
    let own = unity::full_name(volume, &NAMES);
    let full =
        reading::text(volume, FULL_NAME).map_err(|why| Unreadable::of(&DatabricksVolume, None, Some(volume), why))?;
    let id = full.map(str::to_owned).or(own).filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&DatabricksVolume, id.as_deref(), Some(volume), why);
    let Some(id) = id.clone() else { return Err(refuse("it has no full_name".into())) };
    let mut spec = volume.clone();
    spec[FULL_NAME] = json!(id);
    Ok(Observed { id, spec, facts: json!({}), ..Observed::default() })
}

/// The folder of a volume's files.
fn folder(full_name: &str) -> String {
    let parts: Vec<&str> = full_name.split('.').collect();
    format!("/Volumes/{}", parts.join("/"))
}

/// The listing of a folder, in pages of the most entries that one may have (databricks-sdk-py files.FilesAPI.list_directory_contents).
fn directory(path: &str) -> Read {
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(percent_encoded).collect();
    let call = Call::get(System::Databricks, format!("/api/2.0/fs/directories/{}", parts.join("/")));
    Read::tokens(call.query("page_size", "1000"))
}

/// The call that sets the owner, if the step asks for it.
fn owner(step: &Step<'_>) -> Option<Call> {
    let owner = step.body.get("owner").filter(|owner| !owner.is_null())?;
    let is_asked = step.verb == Verb::Create || step.changes("owner");
    is_asked.then(|| unity::patch(OBJECTS, unity::target(step, FULL_NAME), json!({ "owner": owner })))
}

impl Kind for DatabricksVolume {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "volume"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("explore/data/volumes")
    }
    fn page_parts<'i>(&self, id: &'i str) -> Vec<&'i str> {
        id.split('.').collect()
    }
    /// Not every workspace has a metastore, and each schema costs a request.
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
        whole(spec).into_iter().map(|full| (FULL_NAME, Tree::Str(full))).collect()
    }
    /// The path that code opens.
    fn derived(&self, spec: &Node) -> Vec<(&'static str, String)> {
        // A name may still be a reference, which has periods of its own.
        names(spec).into_iter().map(|names| ("path", format!("/Volumes/{}", names.join("/")))).collect()
    }

    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        &[("path", "the folder of its files, `/Volumes/CATALOG/SCHEMA/NAME`")]
    }

    fn list(&self) -> Vec<Read> {
        Vec::new()
    }
    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }
    fn nested(&self) -> Option<&'static dyn Nested> {
        Some(&VolumesOfSchemas)
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        unity_grants::read(SECURABLE, &seen.id, wanted).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        unity::same_place(seen, wanted, "storage_location");
        unity_grants::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, unity::path(OBJECTS, id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    /// The first page of its files. Those of an external volume stay where they are.
    fn contents(&self, seen: &Observed) -> Vec<Read> {
        if seen.spec["volume_type"] == "EXTERNAL" {
            return Vec::new();
        }
        vec![directory(&folder(&seen.id))]
    }

    fn inside(&self, _seen: &Observed, thing: &Contained) -> Option<Read> {
        (thing.noun == FOLDER).then(|| directory(&thing.id))
    }

    fn contained(&self, seen: &Observed, pages: &[Details]) -> Result<Vec<Contained>, String> {
        let mut all = Vec::new();
        if seen.spec["volume_type"] == "EXTERNAL" {
            return Ok(all);
        }
        for page in reading::next(&mut pages.iter(), "its files")? {
            for row in reading::list(page, "contents").map_err(|why| format!("its files cannot be read: {why}"))? {
                let path = reading::text(row, "path")?.ok_or("one of its files has no path")?;
                let noun = if reading::flag(row, "is_directory")? { FOLDER } else { "file" };
                all.push(Contained { noun, kind: None, id: path.to_owned() });
            }
        }
        Ok(all)
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let id = unity::target(step, FULL_NAME);
        let mut calls = Vec::new();
        match step.verb {
            Verb::Create => {
                let mut body = entries::without(step.body, &APART);
                if let Value::Object(map) = &mut body {
                    map.remove(FULL_NAME);
                }
                calls.push(Call::create(System::Databricks, format!("{API}/{OBJECTS}"), body, "/full_name"));
                calls.extend(unity_grants::call(SECURABLE, id, step));
                // Whoever made it owns it until now, and may do all of the above.
                calls.extend(owner(step));
            }
            Verb::Update => {
                // First, as in Terraform's provider: an administrator may change nothing else.
                calls.extend(owner(step));
                if step.changes_beyond(&APART) {
                    let comment = step.body.get("comment").cloned().unwrap_or_else(|| json!(""));
                    calls.push(unity::patch(OBJECTS, id, json!({ "comment": comment })));
                }
                calls.extend(unity_grants::call(SECURABLE, id, step));
            }
            Verb::Delete => calls.push(Call::delete(System::Databricks, unity::path(OBJECTS, id))),
        }
        Ok(calls)
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
            Verb::Delete => vec![ImpactClass::BreaksUsers.says("what opens its path fails, and its grants go")],
            _ => Vec::new(),
        }
    }

    fn provides(&self, spec: &Value) -> Vec<NamedThing> {
        let name = unity::full_name(spec, &NAMES);
        name.into_iter().map(|name| NamedThing::new(ThingKind::Volume, name)).collect()
    }

    fn needs(&self, spec: &Value) -> Vec<NamedThing> {
        let schema = unity::full_name(spec, &NAMES[..2]).map(|name| NamedThing::new(ThingKind::Schema, name));
        let place = spec.get("storage_location").and_then(Value::as_str);
        schema.into_iter().chain(place.map(|url| NamedThing::new(ThingKind::Storage, url))).collect()
    }

    fn platforms_own(&self, seen: &Observed) -> Option<&'static str> {
        unity::of_others(seen.id.split_once('.')?.0)
    }

    fn export(&self, seen: &Observed) -> Value {
        unity::exported(&seen.spec)
    }
}

/// `main.sales.landing` of a manifest's names.
fn whole(spec: &Node) -> Option<String> {
    names(spec).map(|names| names.join("."))
}

/// The names of a manifest, where it has them all.
fn names(spec: &Node) -> Option<Vec<&str>> {
    NAMES.iter().map(|member| spec.get(member).and_then(Node::as_str).filter(|part| !part.is_empty())).collect()
}

/// Volumes are listed by schema, and which schemas there are by catalog.
struct VolumesOfSchemas;

fn of_schema(full_name: &str) -> Option<Read> {
    let (catalog, schema) = full_name.split_once('.')?;
    Some(unity::listing(OBJECTS, &[("catalog_name", catalog), ("schema_name", schema)]))
}

/// The schemas of listings of schemas, each with whether it carries this project's mark.
fn schemas(scope: &Scope, told: &[AnsweredRead]) -> Vec<(String, bool)> {
    let listings = told.iter().filter(|told| told.read.call.path.ends_with("/schemas"));
    let rows = listings.flat_map(|told| unity::rows(told, "schemas")).flatten();
    rows.filter_map(|row| {
        let seen = schema::seen(row).ok()?;
        let owner = MARK.take(&mut row.clone()).map(|mark| (mark.owner.project, mark.owner.target));
        Some((seen.id, owner.as_ref() == Some(&scope.owner)))
    })
    .filter(|(name, _)| !name.ends_with(".information_schema"))
    .collect()
}

impl VolumesOfSchemas {
    /// The listings of the schemas that these listings show and that have to be looked into.
    fn inside(scope: &Scope, told: &[AnsweredRead], is_all: impl Fn(&str) -> bool) -> Vec<Read> {
        let wanted = schemas(scope, told).into_iter().filter(|(name, is_own)| {
            let catalog = name.split_once('.').map_or("", |(catalog, _)| catalog);
            !scope.named.contains(name) && (*is_own || is_all(catalog))
        });
        let names: BTreeSet<String> = wanted.map(|(name, _)| name).collect();
        names.iter().filter_map(|name| of_schema(name)).collect()
    }

    /// The catalogs whose schemas are looked through.
    fn catalogs(scope: &Scope) -> BTreeSet<&str> {
        let named = scope.named.iter().filter_map(|name| Some(name.split_once('.')?.0));
        named.chain(scope.catalogs.iter().map(String::as_str)).collect()
    }
}

impl Nested for VolumesOfSchemas {
    fn place(&self, spec: &Value) -> Option<String> {
        unity::full_name(spec, &NAMES[..2])
    }

    fn first(&self, scope: &Scope) -> Vec<Read> {
        let mut reads: Vec<Read> = scope.named.iter().filter_map(|name| of_schema(name)).collect();
        reads.extend(Self::catalogs(scope).into_iter().map(schema::of_catalog));
        if scope.everywhere {
            reads.push(unity::listing("catalogs", &[]));
        }
        reads
    }

    fn then(&self, scope: &Scope, first: &[AnsweredRead]) -> Vec<Read> {
        let mut reads = Self::inside(scope, first, |catalog| scope.everywhere || scope.catalogs.contains(catalog));
        let known = Self::catalogs(scope);
        let new = unity::own_catalogs(first).into_iter().filter(|catalog| !known.contains(catalog.as_str()));
        reads.extend(new.map(|catalog| schema::of_catalog(&catalog)));
        reads
    }

    fn last(&self, scope: &Scope, then: &[AnsweredRead]) -> Vec<Read> {
        Self::inside(scope, then, |_| true)
    }

    fn parse(&self, scope: &Scope, first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<Result<Observed, Unreadable>> {
        let mut all = Vec::new();
        for told in first.iter().chain(then) {
            let (catalog, schema) = (unity::asked(told, "catalog_name"), unity::asked(told, "schema_name"));
            if !told.read.call.path.ends_with("/volumes") {
                let what = match catalog {
                    "" => "the list of catalogs".to_owned(),
                    catalog => format!("the schemas of the catalog {catalog}"),
                };
                all.extend(unity::refused(what, told, false).map(Err));
                continue;
            }
            let place = format!("{catalog}.{schema}");
            let what = format!("the volumes of the schema {place}");
            all.extend(unity::refused(what.clone(), told, scope.named.contains(&place)).map(Err));
            all.extend(unity::rows(told, OBJECTS).into_iter().map(|row| match row {
                Ok(row) => seen(row),
                Err(why) => Err(Unreadable::unknown(what.clone(), why)),
            }));
        }
        all
    }

    fn missing(&self, first: &[AnsweredRead], then: &[AnsweredRead]) -> Vec<NamedThing> {
        let mut all = schema::missing_catalogs(first.iter().chain(then));
        let gone = |told: &&AnsweredRead| told.answer == Answered::Gone && told.read.call.path.ends_with("/volumes");
        all.extend(first.iter().chain(then).filter(gone).map(|told| {
            let name = [unity::asked(told, "catalog_name"), unity::asked(told, "schema_name")].join(".");
            NamedThing::new(ThingKind::Schema, name)
        }));
        all
    }
}

/// What the schema cannot say.
fn check(spec: &VolumeSpec, findings: &mut Findings) {
    unity::catalog(&spec.catalog_name, "catalog_name", findings);
    unity::name(&spec.schema_name, "schema_name", findings);
    unity::name(&spec.name, "name", findings);
    unity::whole_name(spec.full_name.as_deref(), &[&spec.catalog_name, &spec.schema_name, &spec.name], findings);
    match (spec.volume_type, &spec.storage_location) {
        (VolumeType::External, None) if findings.is_whole("storage_location") => {
            let label = "an external volume needs a `storage_location`";
            findings.at("volume_type", "this volume does not say where its files are", label);
        }
        (VolumeType::External, Some(place)) if place.is_empty() => {
            findings.at("storage_location", "this volume does not say where its files are", "it is empty");
        }
        (VolumeType::External, Some(place)) => unity::storage(place, "storage_location", findings),
        (VolumeType::Managed, Some(place)) if !is_deferred(place) || !place.is_empty() => {
            let label = "remove it, or set `volume_type: EXTERNAL`";
            findings.at("storage_location", "a managed volume has no place of its own", label);
        }
        _ => {}
    }
    unity_grants::check(spec.grants.as_ref(), findings);
}
