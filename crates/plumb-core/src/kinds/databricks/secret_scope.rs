//! Databricks secret scopes: who may read what is in them, and the secrets.
//!
//! A scope has neither tags nor a description, so the mark is the names of keys in it ([`super::secret_mark`]). The service
//! shows no value; which secrets are as they were written is told by what the mark says of each, and by their times: the mark
//! is written last, so a secret that is newer was written by somebody else, or by an apply that did not get to its end.
//!
//! A scope in an Azure Key Vault takes no keys and so no mark. It is somebody else's, known by its name, and plumb sets who
//! may use it.

use super::secret_check;
use super::secret_mark::{self, ListedKey, PREFIX, ScopeMark, ValueForm, WrittenValue};
use crate::kinds::entries;
use crate::kinds::nested::{Answered, AnsweredRead, Nested, Scope};
use crate::kinds::{
    Contained, Details, Impact, ImpactClass, Kind, MarkPlace, NamedThing, Observed, SpecType, Step, ThingKind,
    UnknownSettings, Unreadable, Unsupported, Verb, Whose, reading,
};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::{Pages, Read};
use plumb_model::secrets::Vault;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A secret scope: Secrets API 2.0.
pub struct DatabricksSecretScope;

impl DatabricksSecretScope {
    /// The name in manifests.
    pub const NAME: &'static str = "DatabricksSecretScope";
}

/// The member of a live spec that has the mark's words.
pub const MARK: &str = "mark";
const ACLS: &str = "acls";
const SECRETS: &str = "secrets";
const PATH: &str = "/api/2.0/secrets";
/// How the token begins that stands for a value which plumb did not write, as it was at a time.
const UNWRITTEN: &str = "${secret.ffffffff";
/// How the token ends of which only the first half is known.
const HALF: &str = "00000000}";

fn get(what: &str) -> Call {
    Call::get(System::Databricks, format!("{PATH}/{what}"))
}

/// A call that may be sent twice: all of them set something, or take away what may be gone.
fn post(what: &str, body: Value) -> Call {
    Call::set(System::Databricks, Method::Post, format!("{PATH}/{what}"), body)
}

fn scopes() -> Read {
    Read::single(get("scopes/list"))
}

fn keys_of(scope: &str) -> Read {
    Read::single(get("list").query("scope", scope))
}

fn is_in_vault(spec: &Value) -> bool {
    spec.get("scope_backend_type").and_then(Value::as_str) == Some("AZURE_KEYVAULT")
}

/// A row of scopes/list in the shape of the spec, with what the spec does not know.
fn row_spec(row: &Value) -> Value {
    const NAMES: [(&str, &str); 3] =
        [("name", "scope"), ("backend_type", "scope_backend_type"), ("keyvault_metadata", "backend_azure_keyvault")];
    const OURS: [&str; 7] =
        ["scope", "scope_backend_type", "backend_azure_keyvault", "initial_manage_principal", ACLS, SECRETS, MARK];
    let members = row.as_object().into_iter().flatten().filter(|(member, _)| !OURS.contains(&member.as_str()));
    let name = |member: &String| {
        NAMES.iter().find(|(row, _)| row == member).map_or(member.clone(), |(_, spec)| (*spec).into())
    };
    members.map(|(member, value)| (name(member), value.clone())).collect()
}

/// The keys of an answer of secrets/list.
fn listed(pages: &[Value]) -> Result<Vec<ListedKey>, String> {
    let mut keys = Vec::new();
    for page in pages {
        for row in reading::list(page, "secrets")? {
            let key = reading::text(row, "key")?.filter(|key| !key.is_empty()).ok_or("a secret has no key")?;
            // The example of the documentation has the number as a text.
            let updated = match &row["last_updated_timestamp"] {
                Value::Null => Some(0),
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            };
            let updated = updated.ok_or_else(|| format!("the time of `{key}` is no number"))?;
            keys.push(ListedKey { key: key.to_owned(), updated });
        }
    }
    Ok(keys)
}

fn is_own(key: &ListedKey) -> bool {
    key.key.starts_with(PREFIX)
}

/// A scope out of its row and its keys; without them it is in a vault.
fn seen(row: &Value, keys: Option<&[Value]>) -> Result<Observed, Unreadable> {
    let mut spec = row_spec(row);
    let id = spec.get("scope").and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let refuse = |why: String| Unreadable::of(&DatabricksSecretScope, id.as_deref(), Some(&row_spec(row)), why);
    let Some(scope) = id.clone() else { return Err(refuse("it has no name".into())) };
    let Some(pages) = keys else { return Ok(Observed { id: scope, spec, ..Observed::default() }) };
    // Whose it is stands among its keys.
    let keys = listed(pages).map_err(|why| Unreadable { whose: Whose::Unknown, ..refuse(why) })?;
    let mark = ScopeMark::read(&keys);
    if !mark.words.is_empty() {
        spec[MARK] = json!(mark.words);
    }
    let (own, secrets): (Vec<&ListedKey>, Vec<&ListedKey>) = keys.iter().partition(|key| is_own(key));
    spec[SECRETS] = secrets.iter().map(|key| live_entry(&mark, key)).collect();
    let names = |keys: Vec<&ListedKey>| keys.into_iter().map(|key| key.key.clone()).collect::<Vec<_>>();
    let again = |key: &&&ListedKey| mark.names(&key.key) && mark.written(key).is_none();
    let facts = json!({
        "blank": mark.words.is_empty() && secrets.is_empty(),
        "others": names(secrets.iter().copied().filter(|key| !mark.names(&key.key)).collect()),
        "overwritten": names(secrets.iter().filter(again).copied().collect()),
        "own": names(own),
        "secrets": names(secrets),
    });
    Ok(Observed { id: scope, spec, facts, ..Observed::default() })
}

/// A live secret: a token stands for its value.
fn live_entry(mark: &ScopeMark, key: &ListedKey) -> Value {
    let (form, token) = match mark.written(key) {
        Some(written) => (written.form, format!("${{secret.{}{HALF}", written.digits)),
        // Another one each time that somebody writes it: what is decided on the one is stale with the other.
        None => {
            let digits = secret_mark::digits(&format!("{}\n{}", key.key, key.updated));
            (ValueForm::Text, format!("{UNWRITTEN}{digits}}}"))
        }
    };
    json!({ "key": key.key, (form.member()): token })
}

/// Whether a token stands for a value that only the service has.
fn is_live_only(token: &str) -> bool {
    token.starts_with(UNWRITTEN) || token.ends_with(HALF) || token == Vault::UNKNOWN
}

/// The first half of a token's digits.
fn half(token: &str) -> Option<&str> {
    token.strip_prefix("${secret.").and_then(|rest| rest.get(..8))
}

/// The form and the token of an entry's value.
fn value_of(entry: &Value) -> Option<(ValueForm, &str)> {
    [ValueForm::Text, ValueForm::Bytes]
        .into_iter()
        .find_map(|form| Some((form, entry.get(form.member())?.as_str().filter(|text| !text.is_empty())?)))
}

fn list<'v>(spec: &'v Value, member: &str) -> &'v [Value] {
    spec.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(entry: &'v Value, member: &str) -> &'v str {
    entry.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// A principal as the service tells them apart: users and service principals are lower-cased (Terraform provider permissions,
/// issues 5183 and 5757), groups are not.
pub(super) fn folded(principal: &str) -> String {
    let is_id = principal.len() == 36 && principal.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    if principal.contains('@') || is_id { principal.to_lowercase() } else { principal.to_owned() }
}

fn facts<'s>(seen: &'s Observed, name: &str) -> Vec<&'s str> {
    list(&seen.facts, name).iter().filter_map(Value::as_str).collect()
}

/// The live entry beside the wanted one: with the whole token where plumb wrote the value that is wanted.
fn as_wanted(live: &Value, wanted: &[Value]) -> Value {
    let Some(want) = wanted.iter().find(|want| want["key"] == live["key"]) else { return live.clone() };
    let (Some((form, token)), Some((want_form, want_token))) = (value_of(live), value_of(want)) else {
        return live.clone();
    };
    let is_that = form == want_form && token.ends_with(HALF) && half(token) == half(want_token);
    if is_that {
        return want.clone();
    }
    // In what form others wrote a value cannot be told.
    let form = if token.starts_with(UNWRITTEN) { want_form } else { form };
    json!({ "key": live["key"], (form.member()): token })
}

/// Puts who may use the scope into the spec. The right of the caller itself to manage is there without being asked for; where
/// the manifest does not name them it is left out, and stays (as `permissions` does it).
fn complete_acls(seen: &mut Observed, wanted: &Value, page: &Value) -> Result<(), String> {
    let unreadable = |why: String| format!("its ACLs cannot be read: {why}");
    let me = seen.facts.get("me").and_then(Value::as_str).map(str::to_lowercase);
    let wants = list(wanted, ACLS);
    let mut live = Vec::new();
    for entry in reading::list(page, "items").map_err(unreadable)? {
        let principal = reading::text(entry, "principal").map_err(unreadable)?;
        let permission = reading::text(entry, "permission").map_err(unreadable)?;
        let (Some(principal), Some(permission)) = (principal, permission) else {
            return Err(unreadable("an entry names nobody, or no permission".into()));
        };
        let is_it = |want: &&str| folded(want) == folded(principal);
        let written = wants.iter().map(|want| text(want, "principal")).find(is_it);
        let is_kept = permission == "MANAGE" && written.is_none() && !entries::is_additive(wanted, ACLS);
        let is_me = match &me {
            Some(me) => principal.to_lowercase() == *me,
            None if is_kept => {
                let why = format!("{principal} may manage it, and whether that is plumb cannot be told");
                return Err(unreadable(why));
            }
            None => false,
        };
        if !(is_kept && is_me) {
            live.push(json!({ "principal": written.unwrap_or(principal), "permission": permission }));
        }
    }
    let key = |entry: &Value| Some(folded(text(entry, "principal")));
    seen.spec[ACLS] = Value::Array(entries::keep_named(live, wanted, ACLS, key));
    Ok(())
}

/// Whether nobody but the caller may use a scope, or everybody where its maker said so: then nobody has settled there.
fn is_nobodys(page: &Value, me: Option<&str>, wanted: &Value) -> bool {
    let initial = text(wanted, "initial_manage_principal");
    list(page, "items").iter().all(|entry| {
        let principal = text(entry, "principal");
        me.is_some_and(|me| principal.eq_ignore_ascii_case(me)) || !initial.is_empty() && principal == initial
    })
}

/// Writes a mark, and takes away what is left of those before.
fn mark_calls(scope: &str, mark: &ScopeMark, old: &BTreeSet<String>) -> (Vec<Call>, BTreeSet<String>) {
    let keys = mark.keys();
    let put = |key: &String| post("put", json!({ "scope": scope, "key": key, "string_value": secret_mark::VALUE }));
    let mut calls: Vec<Call> = keys.iter().map(put).collect();
    let new: BTreeSet<String> = keys.into_iter().collect();
    calls.extend(old.difference(&new).map(|key| delete_key(scope, key)));
    (calls, new)
}

fn delete_key(scope: &str, key: &str) -> Call {
    post("delete", json!({ "scope": scope, "key": key })).gone_is_done()
}

/// The mark that the scope has, with the number of it.
fn live_mark(live: Option<&Observed>) -> (ScopeMark, BTreeSet<String>) {
    let Some(live) = live else { return (ScopeMark::default(), BTreeSet::new()) };
    let own: BTreeSet<String> = facts(live, "own").into_iter().map(str::to_owned).collect();
    let keys: Vec<ListedKey> = own.iter().map(|key| ListedKey { key: key.clone(), updated: 0 }).collect();
    (ScopeMark::read(&keys), own)
}

/// What plumb has written once the step is done; `None`: nothing is said of it.
fn written(step: &Step<'_>) -> Option<Vec<(String, WrittenValue)>> {
    step.body.get(SECRETS)?;
    let of = |entry: &Value| {
        let (form, token) = value_of(entry).filter(|(_, token)| !token.starts_with(UNWRITTEN))?;
        Some((text(entry, "key").to_owned(), WrittenValue { form, digits: half(token)?.to_owned() }))
    };
    Some(list(step.body, SECRETS).iter().filter_map(of).collect())
}

/// The calls that write and take away secrets.
fn secret_calls(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
    if step.verb == Verb::Update && !step.changes(SECRETS) {
        return Ok(Vec::new());
    }
    let same = |want: &Value, live: &Value| want["key"] == live["key"] && value_of(want) == value_of(live);
    let mut calls = Vec::new();
    for entry in entries::differing(step, SECRETS, same) {
        let Some((form, token)) = value_of(&entry) else { continue };
        if is_live_only(token) {
            return Err(Unsupported(format!(
                "the secret `{}` would be written, and Databricks does not show its value: write it into the manifest as \
                 `${{env.NAME}}`",
                text(&entry, "key")
            )));
        }
        calls.push(post("put", json!({ "scope": step.id(), "key": entry["key"], (form.member()): token })));
    }
    calls.extend(taken_away(step).into_iter().map(|key| delete_key(step.id(), key)));
    Ok(calls)
}

/// The keys that go with a step.
fn taken_away<'s>(step: &'s Step<'_>) -> Vec<&'s str> {
    let Some(live) = step.live.filter(|_| step.verb == Verb::Update && step.changes(SECRETS)) else {
        return Vec::new();
    };
    // Of what an additive list does not name nothing was read.
    let stays = |entry: &&Value| list(step.body, SECRETS).iter().any(|want| want["key"] == entry["key"]);
    let all = list(&live.spec, SECRETS).iter();
    all.filter(|entry| step.body.get(SECRETS).is_some() && !stays(entry)).map(|entry| text(entry, "key")).collect()
}

/// The calls that say who may use the scope. They come last: one of them may take plumb's own right away.
fn acl_calls(step: &Step<'_>) -> Vec<Call> {
    if step.body.get(ACLS).is_none() || step.verb == Verb::Update && !step.changes(ACLS) {
        return Vec::new();
    }
    let principal = |entry: &Value| folded(text(entry, "principal"));
    let same =
        |want: &Value, live: &Value| principal(want) == principal(live) && want["permission"] == live["permission"];
    let put = |entry: Value| {
        let body = json!({ "scope": step.id(), "principal": entry["principal"], "permission": entry["permission"] });
        post("acls/put", body)
    };
    let mut calls: Vec<Call> = entries::differing(step, ACLS, same).into_iter().map(put).collect();
    let wanted: BTreeSet<String> = list(step.body, ACLS).iter().map(principal).collect();
    let live = step.live.map_or(&[][..], |live| list(&live.spec, ACLS));
    for entry in live.iter().filter(|entry| !wanted.contains(&principal(entry))) {
        let body = json!({ "scope": step.id(), "principal": entry["principal"] });
        calls.push(post("acls/delete", body).gone_is_done());
    }
    calls
}

/// The calls for a scope in a vault: who may use it is all that can be set.
fn in_vault(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
    if step.verb != Verb::Update {
        return Err(Unsupported(
            "a scope in an Azure Key Vault takes no mark: it is made and deleted by others".into(),
        ));
    }
    if step.changes_beyond(&[ACLS]) {
        return Err(Unsupported("of a scope in an Azure Key Vault only `acls` can be set".into()));
    }
    Ok(acl_calls(step))
}

/// The calls of a step that leaves a scope behind.
fn write(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
    let scope = step.id();
    let (mut mark, mut own) = live_mark(step.live);
    let words = step.body.get(MARK).and_then(Value::as_str).unwrap_or_default();
    let mut calls = Vec::new();
    if step.verb == Verb::Create {
        let members = ["scope", "scope_backend_type", "backend_azure_keyvault", "initial_manage_principal"];
        let body: Map<String, Value> = members
            .into_iter()
            .filter_map(|member| Some((member.to_owned(), step.body.get(member)?.clone())))
            .collect();
        calls.push(Call::create(System::Databricks, format!("{PATH}/scopes/create"), body.into(), "/scope"));
    }
    // A scope is marked before anything is in it: an apply that ends here leaves one that the next apply knows.
    if step.verb == Verb::Create || step.live.is_some_and(is_blank) {
        let owner = words.split(' ').next().unwrap_or_default();
        mark = mark.next(owner, &[]);
        let (puts, new) = mark_calls(scope, &mark, &own);
        calls.extend(puts);
        own = new;
    }
    calls.extend(secret_calls(step)?);
    if words.is_empty() {
        calls.extend(own.iter().map(|key| delete_key(scope, key)));
    } else if step.verb == Verb::Create || step.changes_beyond(&[ACLS]) {
        let next = match written(step) {
            Some(written) => mark.next(words, &written),
            None => mark.with_words(words),
        };
        calls.extend(mark_calls(scope, &next, &own).0);
    }
    calls.extend(acl_calls(step));
    Ok(calls)
}

fn is_blank(seen: &Observed) -> bool {
    seen.facts["blank"] == true
}

impl Kind for DatabricksSecretScope {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "secret scope"
    }
    fn is_always_read(&self) -> bool {
        false
    }
    fn nested(&self) -> Option<&'static dyn Nested> {
        Some(&DatabricksSecretScope)
    }
    fn title(&self) -> &'static str {
        "scope"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Words(MARK)
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(secret_check::check));
        &SPEC
    }

    fn is_external(&self, spec: &Value) -> bool {
        is_in_vault(spec)
    }
    fn has_externals(&self) -> bool {
        true
    }
    fn is_blank(&self, seen: &Observed) -> bool {
        is_blank(seen)
    }

    fn list(&self) -> Vec<Read> {
        Vec::new()
    }
    fn parse(&self, _listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }

    fn details(&self, seen: &Observed, wanted: Option<&Value>) -> Vec<Read> {
        let declares = wanted.is_some_and(|wanted| {
            wanted.get(ACLS).is_some_and(Value::is_array)
                && !(entries::is_additive(wanted, ACLS) && list(wanted, ACLS).is_empty())
        });
        if declares || wanted.is_some() && is_blank(seen) {
            vec![Read::single(get("acls/list").query("scope", &seen.id))]
        } else {
            Vec::new()
        }
    }

    fn complete(&self, seen: &mut Observed, wanted: Option<&Value>, details: &[Details]) -> Result<(), String> {
        let Some(wanted) = wanted else { return Ok(()) };
        let live = list(&seen.spec, SECRETS).iter().map(|entry| as_wanted(entry, list(wanted, SECRETS))).collect();
        let key = |entry: &Value| Some(text(entry, "key").to_owned());
        if wanted.get(SECRETS).is_some_and(Value::is_array) && !is_in_vault(&seen.spec) {
            seen.spec[SECRETS] = Value::Array(entries::keep_named(live, wanted, SECRETS, key));
        } else if let Value::Object(spec) = &mut seen.spec {
            // The manifest says nothing of them.
            spec.remove(SECRETS);
        }
        if details.is_empty() {
            return Ok(());
        }
        let page = reading::next(&mut details.iter(), "its ACLs")?.first().unwrap_or(&Value::Null).clone();
        if is_blank(seen) && !is_nobodys(&page, seen.facts.get("me").and_then(Value::as_str), wanted) {
            seen.facts["blank"] = json!(false);
        }
        if wanted.get(ACLS).is_some_and(Value::is_array) { complete_acls(seen, wanted, &page) } else { Ok(()) }
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![keys_of(id), scopes()]
    }

    fn parse_one(&self, _pages: &[Pages]) -> Result<Observed, Unreadable> {
        Err(Unreadable::unknown("a secret scope", "no answer says which scope it is of"))
    }

    fn parse_one_of(&self, id: &str, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let [keys, scopes] = pages else { return Err(Unreadable::unknown(format!("secret scope {id}"), "not read")) };
        for page in scopes {
            let rows = reading::list(page, "scopes").map_err(|why| Unreadable::unknown("the list of scopes", why))?;
            if let Some(row) = rows.iter().find(|row| row["name"] == id) {
                return seen(row, (!is_in_vault(&row_spec(row))).then_some(keys));
            }
        }
        Err(Unreadable::unknown(format!("secret scope {id}"), "it is gone"))
    }

    fn contents(&self, seen: &Observed) -> Vec<Read> {
        if is_in_vault(&seen.spec) { Vec::new() } else { vec![keys_of(&seen.id)] }
    }

    fn is_empty_says(&self) -> &'static str {
        "no secret of others is in it"
    }

    /// What plumb wrote is in the manifest's environment still, or nobody wants it; a delete of it loses nothing that
    /// anybody else put there. So only what others wrote counts, under keys of theirs or over a secret of plumb's.
    fn contained(&self, seen: &Observed, pages: &[Details]) -> Result<Vec<Contained>, String> {
        if pages.is_empty() {
            return Ok(Vec::new());
        }
        let keys = listed(reading::next(&mut pages.iter(), "its secrets")?)?;
        let mark = ScopeMark::read(&keys);
        let others = keys.iter().filter(|key| !is_own(key) && mark.written(key).is_none());
        let contained =
            |key: &ListedKey| Contained { noun: "secret", kind: None, id: format!("{}/{}", seen.id, key.key) };
        Ok(others.map(contained).collect())
    }

    fn provides(&self, spec: &Value) -> Vec<NamedThing> {
        let scope = text(spec, "scope");
        let secret = |entry: &Value| NamedThing::new(ThingKind::Secret, format!("{scope}/{}", text(entry, "key")));
        let mut things = vec![NamedThing::new(ThingKind::SecretScope, scope)];
        things.extend(list(spec, SECRETS).iter().map(secret));
        things
    }

    /// Others write to an additive scope, and to one whose secrets no manifest declares.
    fn provides_more(&self, spec: &Value) -> bool {
        spec.get(SECRETS).is_none_or(Value::is_null) || entries::is_additive(spec, SECRETS)
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        if is_in_vault(step.body) || step.live.is_some_and(|live| is_in_vault(&live.spec)) {
            return in_vault(step);
        }
        match step.verb {
            Verb::Create | Verb::Update => write(step),
            Verb::Delete => Ok(vec![post("scopes/delete", json!({ "scope": step.id() })).gone_is_done()]),
        }
    }

    /// Every call names one secret or one principal, and leaves the others as they are.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Untouched
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let Some(live) = step.live.filter(|live| !is_in_vault(&live.spec)) else { return Vec::new() };
        let (others, overwritten) = (facts(live, "others"), facts(live, "overwritten"));
        let unknown = |key: &&str| others.contains(key) || overwritten.contains(key);
        let mut impacts = Vec::new();
        if step.verb == Verb::Delete {
            impacts.push(ImpactClass::BreaksUsers.says("what reads its secrets fails"));
            let all = facts(live, "secrets");
            let lost: Vec<&str> = all.iter().copied().filter(unknown).collect();
            if all.len() > lost.len() {
                impacts.push(ImpactClass::LosesData.says(format!("deletes {}", many(all.len() - lost.len()))));
            }
            if !lost.is_empty() {
                impacts.push(ImpactClass::LosesSecret.says(not_plumbs(&lost)));
            }
            return impacts;
        }
        let (lost, own): (Vec<&str>, Vec<&str>) = taken_away(step).into_iter().partition(unknown);
        if !own.is_empty() {
            impacts.push(ImpactClass::BreaksUsers.says(format!("what reads {} fails", named(&own))));
            impacts.push(ImpactClass::LosesData.says(format!("deletes {}", named(&own))));
        }
        if !lost.is_empty() {
            impacts.push(ImpactClass::LosesSecret.says(not_plumbs(&lost)));
        }
        let is_wanted = |key: &&str| list(step.body, SECRETS).iter().any(|entry| entry["key"] == **key);
        let again: Vec<&str> = overwritten.into_iter().filter(|key| step.changes(SECRETS) && is_wanted(key)).collect();
        if !again.is_empty() {
            let verb = if again.len() == 1 { "was" } else { "were" };
            impacts.push(Impact::note(format!(
                "{} {verb} written after plumb wrote its mark: by somebody else, or by an apply that was cut short",
                named(&again)
            )));
        }
        let replaced: Vec<&str> = others.into_iter().filter(|key| step.changes(SECRETS) && is_wanted(key)).collect();
        if !replaced.is_empty() && !is_blank(live) {
            let says = format!("replaces {}, which plumb did not write and cannot read", named(&replaced));
            impacts.push(ImpactClass::LosesSecret.says(says));
        }
        impacts
    }

    fn export(&self, seen: &Observed) -> Value {
        let mut spec = seen.spec.clone();
        let keys = facts(seen, "secrets");
        if !keys.is_empty() {
            spec[SECRETS] = keys.iter().map(|key| json!({ "key": key, "string_value": Vault::UNKNOWN })).collect();
        }
        spec
    }
}

fn many(secrets: usize) -> String {
    if secrets == 1 { "1 secret".to_owned() } else { format!("{secrets} secrets") }
}

/// Some keys by name, and how many more.
fn named(keys: &[&str]) -> String {
    const MOST: usize = 5;
    let noun = if keys.len() == 1 { "the secret" } else { "the secrets" };
    let more = if keys.len() > MOST { format!(" and {} more", keys.len() - MOST) } else { String::new() };
    format!("{noun} {}{more}", keys[..keys.len().min(MOST)].join(", "))
}

fn not_plumbs(keys: &[&str]) -> String {
    format!("deletes {}, which plumb did not write and cannot read", named(keys))
}

impl Nested for DatabricksSecretScope {
    fn first(&self, _scope: &Scope) -> Vec<Read> {
        vec![scopes()]
    }

    fn then(&self, _scope: &Scope, first: &[AnsweredRead]) -> Vec<Read> {
        let rows = first.iter().flat_map(AnsweredRead::pages).flat_map(|page| list(page, "scopes"));
        let is_readable = |row: &&Value| !text(row, "name").is_empty() && !is_in_vault(&row_spec(row));
        rows.filter(is_readable).map(|row| keys_of(text(row, "name"))).collect()
    }

    /// A scope whose keys may not be listed is somebody else's as far as can be told: whoever makes a scope may manage it.
    fn parse(
        &self,
        _scope: &Scope,
        first: &[AnsweredRead],
        then: &[AnsweredRead],
    ) -> Vec<Result<Observed, Unreadable>> {
        let mut found = Vec::new();
        for told in first {
            if let Answered::Refused(why) = &told.answer {
                found.push(Err(Unreadable::unknown("the secret scopes", why)));
            }
            for page in told.pages() {
                match reading::list(page, "scopes") {
                    Ok(rows) => found.extend(rows.iter().filter_map(|row| of_row(row, then))),
                    Err(why) => found.push(Err(Unreadable::unknown("a page of the list of secret scopes", why))),
                }
            }
        }
        found
    }
}

/// The scope of a row; `None` where it went away while it was read.
fn of_row(row: &Value, then: &[AnsweredRead]) -> Option<Result<Observed, Unreadable>> {
    let name = text(row, "name");
    if name.is_empty() || is_in_vault(&row_spec(row)) {
        return Some(seen(row, None));
    }
    let read = keys_of(name);
    let answer = then.iter().find(|told| told.read == read).map(|told| &told.answer);
    match answer {
        Some(Answered::Pages(pages)) => Some(seen(row, Some(pages))),
        Some(Answered::Gone) => None,
        Some(Answered::Refused(why)) => Some(Err(Unreadable {
            whose: Whose::Nobody,
            ..Unreadable::of(&DatabricksSecretScope, Some(name), Some(&row_spec(row)), format!("its keys: {why}"))
        })),
        None => Some(Err(Unreadable::of(&DatabricksSecretScope, Some(name), None, "its keys were not read"))),
    }
}
