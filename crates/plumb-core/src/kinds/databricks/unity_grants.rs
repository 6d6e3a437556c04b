//! Who may do what with an object of Unity Catalog: `grants`.
//!
//! A list of its own beside the object, one entry a principal (SDK, `catalog.GrantsAPI`). A write names what is added and what is
//! taken away, computed from what is live, so that nothing else goes meanwhile. The owner needs no grant and has none; what is
//! inherited from the catalog or the schema above is no part of it.
//!
//! `ALL_PRIVILEGES` is an entry of its own that stays as it was granted, beside whatever else was (databricks/cli#6030). It
//! includes all others but `MANAGE`, `EXTERNAL_USE_SCHEMA` and `EXTERNAL_USE_LOCATION` (Databricks, "GRANT"). So where a manifest
//! grants it, what it includes is no difference, there or not.

use crate::kinds::entries::{self, EntryList};
use crate::kinds::{Details, Findings, Observed, Step, Verb, reading};
use plumb_model::call::{Call, Method, Ready, System, WaitFor};
use plumb_model::read::Read;
use plumb_model::yaml::is_deferred;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The member of a spec.
pub const GRANTS: &str = "grants";
const ALL: &str = "ALL_PRIVILEGES";
/// What [`ALL`] does not include.
const NOT_IN_ALL: [&str; 3] = ["MANAGE", "EXTERNAL_USE_SCHEMA", "EXTERNAL_USE_LOCATION"];
/// How often it is looked whether reads show a write yet, at growing intervals: half a minute in all. The provider waits for a
/// minute (Terraform provider, resource_grants.go).
const LOOKS: u64 = 9;

/// What one principal may do.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, rename = "UnityGrant_{Privilege}")]
pub struct UnityGrant<Privilege> {
    /// A user by e-mail address, a group by name, or a service principal by application id.
    #[schemars(extend("x-plumb" = {"fold_case": true, "why": "Terraform provider resource_grants.go: principals are compared in small letters"}))]
    pub principal: String,
    /// What it may do.
    #[schemars(extend("x-plumb" = {"set": true, "unset": "absent", "why": "Terraform provider resource_grants.go: a set"}))]
    pub privileges: Vec<Privilege>,
}

/// What may be granted on a schema; all but the first ones hold for what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SchemaPrivilege {
    AllPrivileges,
    ApplyTag,
    Browse,
    CreateFeature,
    CreateFunction,
    CreateMaterializedView,
    CreateModel,
    CreateTable,
    CreateVolume,
    Execute,
    ExternalUseSchema,
    Manage,
    Modify,
    ReadFeature,
    ReadMetadata,
    ReadVolume,
    Refresh,
    Select,
    UseSchema,
    WriteVolume,
}

/// What may be granted on a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum VolumePrivilege {
    AllPrivileges,
    ApplyTag,
    Manage,
    ReadMetadata,
    ReadVolume,
    WriteVolume,
}

/// What may be granted on an external location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LocationPrivilege {
    AllPrivileges,
    Browse,
    CreateExternalTable,
    CreateExternalVolume,
    CreateForeignSecurable,
    CreateManagedStorage,
    ExternalUseLocation,
    Manage,
    ReadFiles,
    WriteFiles,
}

/// By principal, as the service spells it: what it may do.
type Held = BTreeMap<String, BTreeSet<String>>;

/// Whether two names mean one principal.
fn is_same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

fn of<'h>(held: &'h Held, principal: &str) -> Option<&'h BTreeSet<String>> {
    held.iter().find(|(name, _)| is_same(name, principal)).map(|(_, all)| all)
}

/// The entries of a spec.
fn entries_of(spec: Option<&Value>) -> Option<Held> {
    let list = spec?.get(GRANTS)?.as_array()?;
    let entry = |entry: &Value| {
        let all = entry.get("privileges").and_then(Value::as_array).into_iter().flatten();
        Some((entry.get("principal")?.as_str()?.to_owned(), all.filter_map(|p| Some(p.as_str()?.to_owned())).collect()))
    };
    Some(list.iter().filter_map(entry).collect())
}

/// The read of an object's grants, where its manifest speaks of any; `object` is `schema`, `volume` or `external_location`.
pub fn read(object: &str, name: &str, wanted: Option<&Value>) -> Option<Read> {
    let named = entries_of(wanted)?;
    let is_silent = named.is_empty() && wanted.is_some_and(|wanted| entries::is_additive(wanted, GRANTS));
    (!is_silent).then(|| Read::tokens(permissions(object, name).query("max_results", "0")))
}

fn permissions(object: &str, name: &str) -> Call {
    Call::get(System::Databricks, super::unity::path(&format!("permissions/{object}"), name))
}

/// Puts the live grants into the spec, as far as the manifest speaks of them, and all of them into the facts.
///
/// Who was deleted has no name any more (SDK, `catalog.PrivilegeAssignment`), can be granted nothing and is passed over.
pub fn complete<'d>(
    seen: &mut Observed,
    wanted: Option<&Value>,
    details: &mut impl Iterator<Item = &'d Details>,
) -> Result<(), String> {
    let Some(named) = entries_of(wanted) else { return Ok(()) };
    let is_additive = wanted.is_some_and(|wanted| entries::is_additive(wanted, GRANTS));
    if is_additive && named.is_empty() {
        seen.spec[GRANTS] = json!([]);
        return Ok(());
    }
    let pages = reading::next(details, "its grants")?;
    let mut held = Held::new();
    for page in pages {
        held_on(page, &mut held).map_err(|why| format!("its grants cannot be read: {why}"))?;
    }
    let shown: Vec<Value> = held
        .iter()
        .filter_map(|(principal, privileges)| {
            let asked = of(&named, principal);
            if is_additive && asked.is_none() {
                return None;
            }
            let mut privileges = privileges.clone();
            if let Some(asked) = asked {
                if is_additive {
                    privileges.retain(|privilege| asked.contains(privilege) || privilege == ALL);
                }
                settle_all(asked, &mut privileges);
                if is_additive {
                    privileges.retain(|privilege| asked.contains(privilege));
                }
            }
            let nothing = is_additive && privileges.is_empty();
            (!nothing).then(|| json!({ "principal": principal, "privileges": privileges }))
        })
        .collect();
    seen.spec[GRANTS] = Value::Array(shown);
    seen.facts[GRANTS] = json!(held);
    Ok(())
}

/// Where `ALL_PRIVILEGES` is live, what it includes is there if the manifest asks for it; where the manifest grants it, nothing of
/// what it includes is too much.
fn settle_all(asked: &BTreeSet<String>, live: &mut BTreeSet<String>) {
    let is_included = |privilege: &str| privilege != ALL && !NOT_IN_ALL.contains(&privilege);
    if live.contains(ALL) {
        live.extend(asked.iter().filter(|privilege| is_included(privilege)).cloned());
    }
    if asked.contains(ALL) {
        live.retain(|privilege| !is_included(privilege) || asked.contains(privilege));
    }
}

/// Adds what a page grants.
fn held_on(page: &Value, held: &mut Held) -> Result<(), String> {
    for entry in reading::list(page, "privilege_assignments")? {
        if !entry.is_object() {
            return Err("an entry is no object".into());
        }
        let Some(principal) = reading::text(entry, "principal")?.filter(|name| !name.is_empty()) else { continue };
        let all = held.entry(principal.to_owned()).or_default();
        for privilege in reading::list(entry, "privileges")? {
            let privilege = privilege.as_str().ok_or("a privilege is no text")?;
            // The service takes blanks for underscores (Terraform provider, permissions.go, `NormalizePrivilege`).
            all.insert(privilege.to_uppercase().replace(' ', "_"));
        }
    }
    Ok(())
}

/// One principal's part of a write.
struct Grant {
    principal: String,
    add: BTreeSet<String>,
    remove: BTreeSet<String>,
}

/// What has to be written so that what the step wants is live.
fn differing(step: &Step<'_>) -> Vec<Grant> {
    let Some(wanted) = entries_of(Some(step.body)) else { return Vec::new() };
    let is_additive = entries::is_additive(step.body, GRANTS);
    let live: Held = step
        .live
        .filter(|_| step.verb == Verb::Update)
        .and_then(|seen| serde_json::from_value(seen.facts.get(GRANTS)?.clone()).ok())
        .unwrap_or_default();
    let nothing = BTreeSet::new();
    let mut changes = Vec::new();
    for (principal, want) in &wanted {
        let spelled = live.keys().find(|name| is_same(name, principal)).unwrap_or(principal);
        let have = live.get(spelled).unwrap_or(&nothing);
        let mut add: BTreeSet<String> = want.difference(have).cloned().collect();
        let mut remove = BTreeSet::new();
        if !is_additive {
            remove.extend(have.difference(want).cloned());
        }
        if remove.contains(ALL) {
            // Whether all others go with it, nobody says: databricks/cli's testserver has it so, Databricks' documentation of
            // REVOKE not. So what is wanted is granted again, which both allow.
            add.clone_from(want);
        } else if want.contains(ALL) {
            remove.retain(|privilege| NOT_IN_ALL.contains(&privilege.as_str()));
        }
        changes.push(Grant { principal: spelled.clone(), add, remove });
    }
    if !is_additive {
        for (principal, have) in live.iter().filter(|(name, _)| of(&wanted, name).is_none()) {
            changes.push(Grant { principal: principal.clone(), add: BTreeSet::new(), remove: have.clone() });
        }
    }
    changes.retain(|change| !change.add.is_empty() || !change.remove.is_empty());
    changes
}

/// The call that writes the grants, if the step asks for one. Reads may show them late, so it is waited for that they do.
pub fn call(object: &str, name: &str, step: &Step<'_>) -> Option<Call> {
    let is_asked = match step.verb {
        Verb::Create => true,
        Verb::Update => step.changes(GRANTS),
        Verb::Delete => false,
    };
    let changes = if is_asked { differing(step) } else { Vec::new() };
    if changes.is_empty() {
        return None;
    }
    let words = |change: &Grant| {
        let mut words = json!({ "principal": change.principal });
        for (member, list) in [("add", &change.add), ("remove", &change.remove)] {
            if !list.is_empty() {
                words[member] = json!(list);
            }
        }
        words
    };
    let body: Vec<Value> = changes.iter().map(words).collect();
    let look = |change: &Grant| permissions(object, name).query("principal", change.principal.clone());
    let wait_for = WaitFor { expect: json!({ GRANTS: body }), reads: changes.iter().map(look).collect() };
    let path = super::unity::path(&format!("permissions/{object}"), name);
    Some(Call::set(System::Databricks, Method::Patch, path, json!({ "changes": body })).wait_for(wait_for))
}

/// Whether reads show what was written. After a while it is left to whoever verifies the change to say what they do not show.
pub fn settled(expect: &Value, looks: &[Value], memory: &mut Value) -> Ready {
    let changes = expect.get(GRANTS).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let late = changes.iter().zip(looks).find(|(change, look)| !shows(change, look));
    let Some((change, _)) = late else { return Ready::Yes };
    let before = memory.as_u64().unwrap_or_default();
    *memory = json!(before + 1);
    if before >= LOOKS {
        return Ready::Yes;
    }
    Ready::NotYet(format!("the grants of {} are not shown yet", change["principal"].as_str().unwrap_or_default()))
}

fn shows(change: &Value, look: &Value) -> bool {
    let mut held = Held::new();
    if held_on(look, &mut held).is_err() {
        return false;
    }
    let principal = change["principal"].as_str().unwrap_or_default();
    let has = of(&held, principal).cloned().unwrap_or_default();
    let all =
        |member: &str| change[member].as_array().into_iter().flatten().filter_map(Value::as_str).collect::<Vec<_>>();
    all("add").iter().all(|privilege| has.contains(*privilege))
        && all("remove").iter().all(|privilege| !has.contains(*privilege))
}

/// Checks that each entry names somebody and grants something, and that nobody is there twice.
pub fn check<P: Serialize>(grants: Option<&EntryList<UnityGrant<P>>>, findings: &mut Findings) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    for (i, grant) in grants.map_or(&[][..], |list| &list[..]).iter().enumerate() {
        let at = format!("{GRANTS}[{i}]");
        if grant.privileges.is_empty() && findings.is_whole(&format!("{at}.privileges")) {
            let label = "name at least one privilege, or remove the entry";
            findings.at(format!("{at}.privileges"), "this grant allows nothing", label);
        }
        let principal = grant.principal.trim();
        if is_deferred(principal) {
            continue;
        }
        if principal.is_empty() {
            let label = "expected a user, a group, or the application id of a service principal";
            findings.at(format!("{at}.principal"), "this grant names nobody", label);
        } else if let Some(before) = first.insert(principal.to_lowercase(), i) {
            let message = format!("`{}` is there twice: {GRANTS}[{before}] names the same", principal.escape_debug());
            findings.at(format!("{at}.principal"), message, "one entry has all that a principal may do");
        }
    }
}
