//! External locations of Unity Catalog.

use super::location_parts::{EncryptionDetails, FileEventQueue, IsolationMode};
use super::unity::{self, API, MARK};
use super::unity_grants::{self, GRANTS, LocationPrivilege, UnityGrant};
use crate::kinds::entries::{self, EntryList};
use crate::kinds::{
    Details, Findings, Impact, ImpactClass, Kind, MarkPlace, NamedThing, Observed, SpecType, Step, ThingKind,
    UnknownSettings, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Ready, System};
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// An external location: what the external locations API 2.1 takes to create and to update one, and `grants`.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[schemars(extend("x-plumb" = {
    "read_only": {
        "access_point": "Terraform provider docs/resources/external_location.md: known of old; databricks-sdk-py 0.162 has it in no request",
        "browse_only": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "created_at": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "created_by": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "credential_id": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "effective_enable_file_events": "databricks/cli external_location.go: output only, though databricks-sdk-py lists it in requests",
        "effective_file_event_queue": "databricks/cli external_location.go: output only, though databricks-sdk-py lists it in requests",
        "full_name": "seen in answers of real workspaces, in no request of the SDKs",
        "id": "seen in answers of real workspaces, in no request of the SDKs",
        "metastore_id": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "securable_kind": "seen in answers of real workspaces, in no request of the SDKs",
        "securable_type": "seen in answers of real workspaces, in no request of the SDKs",
        "updated_at": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
        "updated_by": "databricks-sdk-py catalog.ExternalLocationInfo: in answers, in no request",
    },
    "why": "an answer says more than a request",
}))]
pub struct ExternalLocationSpec {
    /// What the location is for.
    #[schemars(extend("x-plumb" = {"why": "it describes; a live comment that nobody declared does no harm"}))]
    pub comment: Option<String>,
    /// The storage credential that gives access to the address.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "databricks-sdk-py ExternalLocationsAPI.update takes it, and Terraform provider resource_external_location.go changes it in place; names are kept in small letters (Databricks, Names)"}))]
    pub credential_name: String,
    /// Whether the storage tells of new files by events.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": [true], "chosen": [false], "why": "databricks-sdk-py catalog.ExternalLocationInfo: on by default, and a server may have it otherwise"}))]
    pub enable_file_events: Option<bool>,
    /// How files are encrypted, on AWS. Settings that the manifest no longer has stay.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py ExternalLocationsAPI.update takes them; how to clear them nobody tells"}))]
    pub encryption_details: Option<EncryptionDetails>,
    /// Whether the credentials of the cluster are tried where those of Unity Catalog are not enough.
    #[schemars(extend("x-plumb" = {"default": false, "why": "Terraform provider docs/resources/external_location.md: off by default"}))]
    pub fallback: Option<bool>,
    /// The queue of the file events. One that the manifest no longer has stays.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py catalog.ExternalLocationInfo: the service may make one by itself; how to clear it nobody tells"}))]
    pub file_event_queue: Option<FileEventQueue>,
    /// Whether all workspaces of the metastore may use the location, or only those that it is bound to.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled": ["ISOLATION_MODE_OPEN"], "apart": true, "why": "databricks-sdk-py: only ExternalLocationsAPI.update takes it; Terraform provider resource_external_location.go: computed"}))]
    pub isolation_mode: Option<IsolationMode>,
    /// The location's name in the metastore, in small letters: 255 characters at most.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider resource_external_location.go: force_new; the API could give it another one (databricks-sdk-py, new_name)"}))]
    pub name: String,
    /// Who owns the location: a user, a group, or a service principal's application id. Unset: whoever it is.
    #[schemars(extend("x-plumb" = {"unset": "server", "apart": true, "fold_case": true, "why": "Terraform provider resource_external_location.go: computed, and set by an update of its own; users are in small letters (Terraform provider issue 3654)"}))]
    pub owner: Option<String>,
    /// Whether nothing may be written.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py catalog.ExternalLocationInfo: an optional flag, which answers have"}))]
    pub read_only: Option<bool>,
    /// Whether Unity Catalog takes the location without trying the credential on the address.
    #[schemars(extend("x-plumb" = {"write_only": true, "why": "databricks/cli external_location.go: an input that no answer has"}))]
    pub skip_validation: Option<bool>,
    /// The address: `s3://BUCKET/PATH`, `abfss://CONTAINER@HOST/PATH`, `gs://BUCKET/PATH` or
    /// `r2://BUCKET@HOST/PATH`. No other location may be within it or around it.
    #[schemars(extend("x-plumb" = {"why": "databricks-sdk-py ExternalLocationsAPI.update takes it, and Terraform provider resource_external_location.go changes it in place; the service refuses it while tables or volumes are below the old one"}))]
    pub url: String,

    /// Who may do what with the location; an empty list is nobody but the owner. Unset: plumb leaves the grants alone.
    #[schemars(extend("x-plumb" = {
        "unset": "server",
        "key": "principal",
        "apart": true,
        "keep_empty": true,
        "why": "grants are a list of their own, read only where a manifest sets them; databricks/cli grants.go: keyed by principal",
    }))]
    pub grants: Option<EntryList<UnityGrant<LocationPrivilege>>>,
}

/// An external location: External Locations API 2.1 of Unity Catalog.
pub struct DatabricksExternalLocation;

const OBJECTS: &str = "external-locations";
/// What grants call it.
const SECURABLE: &str = "external_location";
/// What only an update takes.
const APART: [&str; 3] = [GRANTS, "owner", "isolation_mode"];
const ISOLATED: &str = "ISOLATION_MODE_ISOLATED";

fn seen(location: &Value) -> Result<Observed, Unreadable> {
    let id = location.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let refuse = |why: &str| Unreadable::of(&DatabricksExternalLocation, id, Some(location), why);
    let id = id.ok_or_else(|| refuse("it has no name"))?;
    Ok(Observed { id: id.to_owned(), spec: location.clone(), facts: json!({}), ..Observed::default() })
}

/// The call that sets a member which only an update takes, if the step asks for it.
fn apart(step: &Step<'_>, member: &str) -> Option<Call> {
    let value = step.body.get(member).filter(|value| !value.is_null())?;
    let is_open = member == "isolation_mode" && step.verb == Verb::Create && value != ISOLATED;
    let is_asked = step.verb == Verb::Create && !is_open || step.changes(member);
    is_asked.then(|| unity::patch(OBJECTS, unity::target(step, "name"), json!({ member: value })))
}

/// Refuses to close a location: bound to no workspace it could not be read from here any more (Terraform provider,
/// resource_external_location.go, binds the current one for that), and the next plan would make it again.
fn refuse_isolation(step: &Step<'_>) -> Result<(), Unsupported> {
    let is_isolated = |spec: &Value| spec.get("isolation_mode").is_some_and(|mode| mode == ISOLATED);
    let is_already = step.live.is_some_and(|seen| is_isolated(&seen.spec));
    if step.verb == Verb::Delete || !is_isolated(step.body) || is_already {
        return Ok(());
    }
    Err(Unsupported(format!(
        "`isolation_mode: {ISOLATED}` closes the location to every workspace that it is not bound to, and plumb binds none: bind \
         this workspace and set the mode in Catalog Explorer first, then the manifest may say so"
    )))
}

fn update(step: &Step<'_>) -> Vec<Call> {
    let id = step.id();
    let mut calls = Vec::new();
    // First, as in Terraform's provider: an administrator may change nothing else.
    calls.extend(apart(step, "owner"));
    if step.changes_beyond(&APART) {
        let mut body = json!({ "comment": step.body.get("comment").cloned().unwrap_or_else(|| json!("")) });
        let or_off = |member: &str| step.body.get(member).filter(|v| !v.is_null()).cloned().unwrap_or(json!(false));
        for member in ["read_only", "fallback"].into_iter().filter(|member| step.changes(member)) {
            body[member] = or_off(member);
        }
        for member in ["credential_name", "url", "enable_file_events", "encryption_details", "file_event_queue"] {
            if let Some(value) = step.body.get(member).filter(|value| step.changes(member) && !value.is_null()) {
                body[member] = value.clone();
            }
        }
        // Not beside events that are off (Terraform provider, resource_external_location.go).
        if step.body.get("enable_file_events") == Some(&json!(false))
            && let Value::Object(map) = &mut body
        {
            map.remove("file_event_queue");
        }
        if let Some(skip) = step.body.get("skip_validation").filter(|skip| !skip.is_null()) {
            body["skip_validation"] = skip.clone();
        }
        calls.push(unity::patch(OBJECTS, id, body));
    }
    calls.extend(apart(step, "isolation_mode"));
    calls.extend(unity_grants::call(SECURABLE, id, step));
    calls
}

impl Kind for DatabricksExternalLocation {
    fn name(&self) -> &'static str {
        "DatabricksExternalLocation"
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "external location"
    }
    fn page(&self) -> Option<&'static str> {
        // databricks/cli, `libs/workspaceurls/urls.go`.
        Some("explore/locations")
    }
    /// Not every workspace has a metastore.
    fn is_always_read(&self) -> bool {
        false
    }
    fn title(&self) -> &'static str {
        "name"
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

    fn list(&self) -> Vec<Read> {
        vec![unity::listing(OBJECTS, &[])]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "external_locations", |row| Some(seen(row)))
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        unity_grants::read(SECURABLE, &seen.id, wanted).into_iter().collect()
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        unity::same_place(seen, wanted, "url");
        unity_grants::complete(seen, wanted, &mut details.iter())
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(Call::get(System::Databricks, unity::path(OBJECTS, id)))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        seen(pages.iter().flatten().next().unwrap_or(&Value::Null))
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        refuse_isolation(step)?;
        Ok(match step.verb {
            Verb::Create => {
                let body = entries::without(step.body, &APART);
                let mut calls = vec![Call::create(System::Databricks, format!("{API}/{OBJECTS}"), body, "/name")];
                calls.extend(apart(step, "isolation_mode"));
                calls.extend(unity_grants::call(SECURABLE, unity::target(step, "name"), step));
                // Whoever made it owns it until now, and may do all of the above.
                calls.extend(apart(step, "owner"));
                calls
            }
            Verb::Update => update(step),
            // Never by force: the service refuses it while tables or volumes are below the address, and says how many.
            Verb::Delete => vec![Call::delete(System::Databricks, unity::path(OBJECTS, step.id()))],
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
            Verb::Update if step.changes("url") => {
                vec![
                    ImpactClass::BreaksUsers
                        .says("what is read and written below the old address no longer has access"),
                ]
            }
            Verb::Update if step.changes("credential_name") || step.changes("read_only") => {
                vec![ImpactClass::ReachesOthers.says("holds for every table and volume below its address")]
            }
            Verb::Delete => {
                let says = "refused while tables or volumes are below its address; files there stay, and can no longer be \
                            reached by it";
                vec![ImpactClass::BreaksUsers.says(says)]
            }
            _ => Vec::new(),
        }
    }

    fn provides(&self, spec: &Value) -> Vec<NamedThing> {
        let text = |member: &str| spec.get(member).and_then(Value::as_str).filter(|text| !text.is_empty());
        let name = text("name").map(|name| NamedThing::new(ThingKind::ExternalLocation, name));
        name.into_iter().chain(text("url").map(|url| NamedThing::new(ThingKind::Storage, url))).collect()
    }

    fn needs(&self, spec: &Value) -> Vec<NamedThing> {
        let credential = spec.get("credential_name").and_then(Value::as_str).filter(|name| !name.is_empty());
        credential.into_iter().map(|name| NamedThing::new(ThingKind::Credential, name)).collect()
    }

    fn export(&self, seen: &Observed) -> Value {
        unity::exported(&seen.spec)
    }
}

/// What the schema cannot say.
fn check(spec: &ExternalLocationSpec, findings: &mut Findings) {
    unity::name(&spec.name, "name", findings);
    unity::storage(&spec.url, "url", findings);
    if spec.credential_name.trim().is_empty() {
        let label = "name the storage credential that gives access to the address";
        findings.at("credential_name", "this location has no credential", label);
    }
    if let Some(queue) = &spec.file_event_queue {
        queue.check("file_event_queue", findings);
    }
    if let Some(encryption) = &spec.encryption_details {
        encryption.check("encryption_details", findings);
    }
    unity_grants::check(spec.grants.as_ref(), findings);
}
