//! Tables of what a secret scope is read as, and of the calls that change one.

use super::secret_mark::{ListedKey, PREFIX, ScopeMark, ValueForm, WrittenValue};
use super::secret_scope::{DatabricksSecretScope, MARK};
use crate::kinds::{Answered, AnsweredRead, ImpactClass, Kind, Nested, Observed, Scope, Step, Verb, Whose};
use plumb_model::call::Call;
use plumb_model::schema::Path;
use plumb_model::secrets::Vault;
use plumb_model::yaml::{FileId, Limits, Problems, parse};
use serde_json::{Value, json};

const WORDS: &str = "bau/prod/DatabricksSecretScope/lake 0123456789ab-deadbeef";
/// When the mark was written.
const MARKED: i64 = 1000;

fn token(plain: &str) -> String {
    Vault::new("bau", "prod").token(plain)
}

fn rows(keys: &[(&str, i64)], mark: Option<&ScopeMark>) -> Value {
    let own = mark.map(ScopeMark::keys).unwrap_or_default();
    let row = |key: &str, at: i64| json!({ "key": key, "last_updated_timestamp": at });
    let rows: Vec<Value> =
        keys.iter().map(|(key, at)| row(key, *at)).chain(own.iter().map(|key| row(key, MARKED))).collect();
    json!({ "secrets": rows })
}

/// The mark of a scope in which plumb wrote these.
fn mark(written: &[(&str, &str)]) -> ScopeMark {
    let value = |plain: &str| WrittenValue { form: ValueForm::Text, digits: token(plain)[9..17].to_owned() };
    let written: Vec<_> = written.iter().map(|(key, plain)| ((*key).to_owned(), value(plain))).collect();
    ScopeMark::default().next(WORDS, &written)
}

/// The scope `lake` with these keys, completed for a manifest.
fn scope(keys: &[(&str, i64)], mark: Option<&ScopeMark>, wanted: &Value, acls: Option<Value>) -> Observed {
    let listed = vec![json!({ "scopes": [{ "name": "lake", "backend_type": "DATABRICKS" }] })];
    let mut seen = DatabricksSecretScope.parse_one_of("lake", &[vec![rows(keys, mark)], listed]).unwrap();
    seen.facts["me"] = json!("me@example.com");
    let details: Vec<_> = acls.into_iter().map(|acls| Ok(vec![acls])).collect();
    DatabricksSecretScope.complete(&mut seen, Some(wanted), &details).unwrap();
    seen
}

fn wanted(secrets: &[(&str, &str)]) -> Value {
    let secret = |(key, plain): &(&str, &str)| json!({ "key": key, "string_value": token(plain) });
    json!({ "scope": "lake", "secrets": secrets.iter().map(secret).collect::<Vec<_>>() })
}

fn marked(spec: &Value) -> Value {
    let mut spec = spec.clone();
    spec[MARK] = json!(WORDS);
    spec
}

fn calls(verb: Verb, live: Option<&Observed>, body: &Value, changed: &[&str]) -> Vec<Call> {
    let changed: Vec<Path> = changed.iter().map(|member| Path::default().key(member)).collect();
    let now = jiff::Timestamp::UNIX_EPOCH;
    DatabricksSecretScope.calls(&Step { verb, live, body, changed: &changed, now }).unwrap()
}

/// Calls in short: what, and of which key or principal; the mark's pieces by their generation.
fn short(calls: &[Call]) -> Vec<String> {
    let one = |call: &Call| {
        let body = call.body.clone().unwrap_or_default();
        let what = call.path.trim_start_matches("/api/2.0/secrets/");
        let about = [&body["key"], &body["principal"]].into_iter().find_map(|v| v.as_str()).unwrap_or_default();
        match about.strip_prefix(PREFIX) {
            Some(piece) => format!("{what} mark {}", piece.split('.').nth(2).unwrap()),
            None => format!("{what} {about}").trim_end().to_owned(),
        }
    };
    let mut all: Vec<String> = calls.iter().map(one).collect();
    // However many pieces there are.
    all.dedup();
    all
}

#[test]
fn a_secret_that_plumb_wrote_is_told_by_half_of_its_token() {
    let mark = mark(&[("a", "one"), ("b", "two"), ("c", "three")]);
    let want = wanted(&[("a", "one"), ("b", "changed"), ("c", "three"), ("d", "four")]);
    let seen = scope(&[("a", MARKED), ("b", 5), ("c", MARKED + 1), ("d", 5)], Some(&mark), &want, None);
    let live = &seen.spec["secrets"];
    assert_eq!(live[0], want["secrets"][0], "as it was written");
    for (i, key) in [(1, "b"), (2, "c"), (3, "d")] {
        assert_eq!(live[i]["key"], key);
        assert_ne!(live[i], want["secrets"][i], "{key} is another, was overwritten, or is somebody's");
        assert!(Vault::is_token(live[i]["string_value"].as_str().unwrap()));
    }
    assert_eq!(seen.facts["overwritten"], json!(["c"]));
    assert_eq!(seen.facts["others"], json!(["d"]));
    // Who writes it again makes it another one: what was decided on is stale.
    let later = scope(&[("a", MARKED), ("b", 5), ("c", MARKED + 2), ("d", 5)], Some(&mark), &want, None);
    assert_ne!(later.spec["secrets"][2], live[2]);
    assert_eq!(later.spec["secrets"][3], live[3]);
}

#[test]
fn the_same_text_in_another_form_is_another_value() {
    let mark = mark(&[("a", "one")]);
    let bytes = json!({ "scope": "lake", "secrets": [{ "key": "a", "bytes_value": token("one") }] });
    let seen = scope(&[("a", MARKED)], Some(&mark), &bytes, None);
    assert_ne!(seen.spec["secrets"], bytes["secrets"]);
    assert!(seen.spec["secrets"][0].get("bytes_value").is_none());
}

#[test]
fn a_new_scope_is_marked_before_and_after_anything_is_in_it() {
    let mut spec = marked(&wanted(&[("a", "one"), ("b", "two")]));
    spec["acls"] = json!([{ "principal": "data", "permission": "READ" }]);
    let calls = calls(Verb::Create, None, &spec, &[]);
    let expected = ["scopes/create", "put mark 1", "put a", "put b", "put mark 2", "delete mark 1", "acls/put data"];
    assert_eq!(short(&calls), expected);
    assert_eq!(calls[0].body, Some(json!({ "scope": "lake" })));
    assert_eq!(calls[2].body, Some(json!({ "scope": "${id}", "key": "a", "string_value": token("one") })));
    // The mark's first words are whose it is, and no revision: nothing is as wanted yet.
    let first = calls[1].body.as_ref().unwrap()["key"].as_str().unwrap().to_owned();
    let read = ScopeMark::read(&[ListedKey { key: first, updated: 1 }]);
    assert_eq!(read.words, "bau/prod/DatabricksSecretScope/lake");
    // No value is in the name of a key, nor whole in the mark.
    let names: String = calls.iter().filter_map(|c| c.body.as_ref()?["key"].as_str()).collect();
    assert!(!names.contains("one") && !names.contains(&token("one")[9..25]), "{names}");
}

#[test]
fn an_update_writes_what_differs_and_then_the_mark() {
    let mark = mark(&[("a", "one"), ("b", "two"), ("gone", "x")]);
    let want = wanted(&[("a", "one"), ("b", "changed"), ("new", "three")]);
    let keys = [("a", 5), ("b", 5), ("gone", 5), ("foreign", 5)];
    let live = scope(&keys, Some(&mark), &want, None);
    let body = marked(&want);
    let expected = ["put b", "put new", "delete foreign", "delete gone", "put mark 2", "delete mark 1"];
    let mut found = short(&calls(Verb::Update, Some(&live), &body, &["secrets"]));
    found[2..4].sort();
    assert_eq!(found, expected);
    let says = |class: ImpactClass| {
        let changed = [Path::default().key("secrets")];
        let now = jiff::Timestamp::UNIX_EPOCH;
        let step = Step { verb: Verb::Update, live: Some(&live), body: &body, changed: &changed, now };
        let impacts = DatabricksSecretScope.impact(&step).into_iter().filter(|i| i.class == Some(class));
        impacts.map(|i| i.says).collect::<Vec<_>>()
    };
    assert_eq!(says(ImpactClass::LosesData), ["deletes the secret gone"]);
    let lost = ["deletes the secret foreign, which plumb did not write and cannot read"];
    assert_eq!(says(ImpactClass::LosesSecret), lost);
    // What is additive leaves others alone.
    let mut additive = want.clone();
    additive["secrets_mode"] = json!("additive");
    let live = scope(&keys, Some(&mark), &additive, None);
    let found = short(&calls(Verb::Update, Some(&live), &marked(&additive), &["secrets"]));
    assert_eq!(found, ["put b", "put new", "put mark 2", "delete mark 1"]);
    // Who may use it is no reason to write the mark.
    assert_eq!(short(&calls(Verb::Update, Some(&live), &body, &["acls"])), Vec::<String>::new());
}

#[test]
fn a_value_that_only_the_service_has_is_never_written() {
    let want = wanted(&[("a", "one")]);
    let live = scope(&[("a", 5), ("b", 5)], Some(&mark(&[("a", "one")])), &want, None);
    let foreign = scope(&[("b", 5)], None, &json!({ "scope": "lake", "secrets": [] }), None).spec["secrets"].clone();
    let mut body = marked(&want);
    body["secrets"] = foreign;
    let changed = [Path::default().key("secrets")];
    let now = jiff::Timestamp::UNIX_EPOCH;
    let kept = DatabricksSecretScope.calls(&Step {
        verb: Verb::Update,
        live: Some(&live),
        body: &body,
        changed: &changed,
        now,
    });
    assert_eq!(short(&kept.unwrap()), ["delete a", "put mark 2", "delete mark 1"], "it is live as it is");
    let anew = DatabricksSecretScope.calls(&Step { verb: Verb::Create, live: None, body: &body, changed: &[], now });
    assert!(anew.unwrap_err().0.contains("write it into the manifest"));
}

#[test]
fn an_empty_scope_of_nobody_but_the_caller_is_blank() {
    let want = wanted(&[("a", "one")]);
    let items = |people: &[&str]| {
        let item = |name: &&str| json!({ "principal": name, "permission": "MANAGE" });
        json!({ "items": people.iter().map(item).collect::<Vec<_>>() })
    };
    let half = &mark(&[("a", "one"), ("b", "two"), ("c", "x"), ("d", "y"), ("e", "z"), ("f", "f")]).keys()[..1];
    let is_blank = |keys: &[(&str, i64)], people: &[&str]| {
        DatabricksSecretScope.is_blank(&scope(keys, None, &want, Some(items(people))))
    };
    assert!(is_blank(&[], &["me@example.com"]) && is_blank(&[], &["Me@Example.com"]));
    assert!(is_blank(&[(half[0].as_str(), 1)], &["me@example.com"]), "half a mark is nobody's secret");
    assert!(!is_blank(&[("a", 1)], &["me@example.com"]), "somebody has a key there");
    assert!(!is_blank(&[], &["me@example.com", "data"]) && !is_blank(&[], &["users"]), "somebody has settled there");
    let live = scope(&[], None, &want, Some(items(&["me@example.com"])));
    let found = short(&calls(Verb::Update, Some(&live), &marked(&want), &["secrets", MARK]));
    assert_eq!(found, ["put mark 1", "put a", "put mark 2", "delete mark 1"]);
    let own = scope(&[], Some(&mark(&[])), &want, None);
    assert!(!DatabricksSecretScope.is_blank(&own));
}

#[test]
fn acls_are_exact_but_for_the_callers_own_right() {
    let mut want = wanted(&[]);
    want["acls"] = json!([{ "principal": "Ann@example.com", "permission": "READ" }, { "principal": "data", "permission": "WRITE" }]);
    let acl = |name: &str, permission: &str| json!({ "principal": name, "permission": permission });
    let items =
        [acl("me@example.com", "MANAGE"), acl("ann@example.com", "READ"), acl("Data", "READ"), acl("data", "READ")];
    let live = scope(&[], Some(&mark(&[])), &want, Some(json!({ "items": items })));
    assert_eq!(live.spec["acls"], json!([want["acls"][0], acl("Data", "READ"), acl("data", "READ")]));
    let found = short(&calls(Verb::Update, Some(&live), &marked(&want), &["acls"]));
    assert_eq!(found, ["acls/put data", "acls/delete Data"]);
    let mut seen = live.clone();
    seen.facts = json!({});
    let refused =
        DatabricksSecretScope.complete(&mut seen, Some(&want), &[Ok(vec![json!({ "items": [acl("x", "MANAGE")] })])]);
    assert!(refused.unwrap_err().contains("whether that is plumb cannot be told"));
}

#[test]
fn a_delete_destroys_what_others_wrote_and_nothing_else_that_counts() {
    let mark = mark(&[("a", "one"), ("b", "two")]);
    let seen = scope(&[("a", 5), ("b", 5)], Some(&mark), &wanted(&[]), None);
    let of = |keys: &[(&str, i64)]| {
        let contained = DatabricksSecretScope.contained(&seen, &[Ok(vec![rows(keys, Some(&mark))])]).unwrap();
        contained.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(of(&[("a", 5), ("b", MARKED)]), Vec::<String>::new());
    assert_eq!(of(&[("a", 5), ("b", MARKED + 1), ("c", 1)]), ["lake/b", "lake/c"]);
    assert!(DatabricksSecretScope.contained(&seen, &[Err("403".into())]).is_err());
}

#[test]
fn a_scope_that_may_not_be_looked_into_is_somebody_elses() {
    let nested: &dyn Nested = DatabricksSecretScope.nested().unwrap();
    let scope = Scope::default();
    let row = |name: &str, kind: &str| json!({ "name": name, "backend_type": kind });
    let page = json!({ "scopes": [row("lake", "DATABRICKS"), row("closed", "DATABRICKS"), row("gone", "DATABRICKS"), row("vault", "AZURE_KEYVAULT")] });
    let first: Vec<AnsweredRead> = nested
        .first(&scope)
        .into_iter()
        .map(|read| AnsweredRead { read, answer: Answered::Pages(vec![page.clone()]) })
        .collect();
    let reads = nested.then(&scope, &first);
    let asked: Vec<&str> = reads.iter().map(|read| read.call.query[0].1.as_str()).collect();
    assert_eq!(asked, ["lake", "closed", "gone"], "what is in a vault is not asked for");
    let answers = [Answered::Pages(vec![rows(&[], Some(&mark(&[])))]), Answered::Refused("403".into()), Answered::Gone];
    let then: Vec<AnsweredRead> =
        reads.into_iter().zip(answers).map(|(read, answer)| AnsweredRead { read, answer }).collect();
    let found = nested.parse(&scope, &first, &then);
    let [Ok(lake), Err(closed), Ok(vault)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(lake.spec[MARK], WORDS);
    assert_eq!((closed.title.as_deref(), &closed.whose), (Some("closed"), &Whose::Nobody));
    assert!(DatabricksSecretScope.is_external(&vault.spec) && vault.spec.get(MARK).is_none());
}

#[test]
fn of_a_scope_in_a_vault_only_its_acls_can_be_set() {
    let spec = json!({ "scope": "v", "scope_backend_type": "AZURE_KEYVAULT", "acls": [{ "principal": "data", "permission": "READ" }] });
    let live = Observed {
        id: "v".into(),
        spec: json!({ "scope": "v", "scope_backend_type": "AZURE_KEYVAULT" }),
        ..Observed::default()
    };
    assert_eq!(short(&calls(Verb::Update, Some(&live), &spec, &["acls"])), ["acls/put data"]);
    let now = jiff::Timestamp::UNIX_EPOCH;
    let refused = |verb, live, body: &Value, changed: &[Path]| {
        DatabricksSecretScope.calls(&Step { verb, live, body, changed, now }).unwrap_err().0
    };
    assert!(refused(Verb::Create, None, &spec, &[]).contains("made and deleted by others"));
    assert!(refused(Verb::Delete, Some(&live), &Value::Null, &[]).contains("made and deleted by others"));
    let dns = [Path::default().key("backend_azure_keyvault")];
    assert!(refused(Verb::Update, Some(&live), &spec, &dns).contains("only `acls`"));
}

/// What the check finds in a spec.
fn found(spec: &str) -> Vec<String> {
    let text = spec.replace("${env.A}", &token("a"));
    let mut problems = Problems::default();
    let node = parse(&text, FileId(0), &Limits::default(), &mut problems).remove(0);
    DatabricksSecretScope.spec().read(&node, &mut problems, &mut Vec::new());
    problems.sorted().iter().map(|problem| problem.message.clone()).collect()
}

#[test]
fn what_the_service_would_refuse_is_told_offline() {
    let secrets = |list: &str| format!("scope: a\nsecrets: [{list}]");
    let many: Vec<String> = (0..800).map(|n| format!("{{key: k{n}, string_value: \"${{env.A}}\"}}")).collect();
    for (spec, expected) in [
        ("scope: a b".to_owned(), "a space in a name, which the service refuses"),
        (format!("scope: {}", "a".repeat(129)), "a name of 129 characters"),
        (secrets("{key: a, string_value: plain}"), "the value of `a` is a secret in plain text"),
        (secrets("{key: a}"), "a secret without a value"),
        (secrets("{key: a, string_value: \"${env.A}\", bytes_value: \"${env.A}\"}"), "a secret has one value, not two"),
        (secrets("{key: Plumb.x, string_value: \"${env.A}\"}"), "keys that begin with `plumb.` are plumb's own mark"),
        (
            secrets("{key: a, string_value: \"${env.A}\"}, {key: A, string_value: \"${env.A}\"}"),
            "`A` and `a` differ in letter case only",
        ),
        (secrets(&many.join(", ")), "800 secrets in one scope"),
        ("scope: a\nscope_backend_type: AZURE_KEYVAULT".to_owned(), "a scope in an Azure Key Vault does not say in which"),
        (
            "scope: a\nbackend_azure_keyvault: {resource_id: r, dns_name: d}".to_owned(),
            "the scope is not in this vault",
        ),
        (
            "scope: a\nscope_backend_type: AZURE_KEYVAULT\nbackend_azure_keyvault: {resource_id: r, dns_name: d}\nsecrets: []"
                .to_owned(),
            "what is in an Azure Key Vault cannot be written through Databricks",
        ),
        ("scope: a\ninitial_manage_principal: ann".to_owned(), "only `users` can be named here"),
        (
            "scope: a\ninitial_manage_principal: users\nacls: []".to_owned(),
            "`acls` would take it away again",
        ),
        ("scope: a\nacls: [{principal: \"\", permission: READ}]".to_owned(), "this grant names nobody"),
        (
            "scope: a\nacls: [{principal: A@b.c, permission: READ}, {principal: a@B.c, permission: WRITE}]".to_owned(),
            "`a@B.c` is there twice: acls[0] names the same",
        ),
    ] {
        assert_eq!(found(&spec), [expected], "{}", &spec[..spec.len().min(200)]);
    }
    for fine in [
        "scope: a\nacls: [{principal: Data, permission: READ}, {principal: data, permission: WRITE}]".to_owned(),
        secrets("{key: a, string_value: \"${env.A}\"}, {key: b, bytes_value: \"${env.A}\"}"),
        "scope: a\ninitial_manage_principal: users\nacls: [{principal: users, permission: MANAGE}]".to_owned(),
        "scope: a\ninitial_manage_principal: users\nacls: {mode: additive, entries: []}".to_owned(),
    ] {
        assert_eq!(found(&fine), Vec::<String>::new(), "{fine}");
    }
}
