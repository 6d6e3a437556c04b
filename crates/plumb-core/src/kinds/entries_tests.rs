use super::*;
use crate::kinds::{self, Observed, Step, Verb};
use plumb_model::yaml::{FileId, Limits, Problem, parse};
use serde_json::json;

fn rules() -> &'static Rules {
    kinds::find("DatabricksJob").unwrap().rules()
}

fn node(text: &str) -> Node {
    let mut problems = Problems::default();
    let nodes = parse(text, FileId(0), &Limits::default(), &mut problems);
    assert!(problems.is_empty(), "{text}");
    nodes.into_iter().next().unwrap()
}

/// The mistakes of a spec of a job: what is wrong, where, and how to fix it.
fn mistakes(text: &str) -> Vec<String> {
    let spec = node(text);
    let mut problems = Problems::default();
    kinds::find("DatabricksJob").unwrap().read(&spec, &mut problems, &mut Vec::new());
    let told = |problem: &Problem| {
        let span = problem.span.unwrap();
        format!("{} | {} | {}", text[span.start..span.end].trim(), problem.message, problem.label)
    };
    problems.sorted().iter().map(told).collect()
}

const ANN: &str = "{user_name: ann, permission_level: CAN_VIEW}";

#[test]
fn a_list_and_its_mode_are_read_in_either_form() {
    let form = |part, text: &str| {
        let (mut spec, mut problems) = (node(text), Problems::default());
        lift(&mut spec, rules(), part, &mut problems);
        if part == SpecPart::Whole {
            lift_whole(&mut spec, rules(), &mut problems);
        }
        assert!(problems.is_empty(), "{text}");
        spec.to_json()
    };
    let ann = json!([{ "user_name": "ann", "permission_level": "CAN_VIEW" }]);
    let additive = json!({ "name": "a", "permissions": ann, "permissions_mode": "additive" });
    let exact = json!({ "name": "a", "permissions": ann });
    for part in [SpecPart::Manifest, SpecPart::Whole] {
        assert_eq!(form(part, &format!("{{name: a, permissions: [{ANN}]}}")), exact);
        assert_eq!(form(part, &format!("{{name: a, permissions: {{mode: additive, entries: [{ANN}]}}}}")), additive);
        assert_eq!(form(part, "permissions: {mode: additive, entries: []}")["permissions"], json!([]));
    }
    assert_eq!(form(SpecPart::Whole, &format!("{{name: a, permissions: {{mode: exact, entries: [{ANN}]}}}}")), exact);
    // A patch says what it changes.
    let patch = |text: &str| form(SpecPart::Patch, text);
    assert_eq!(patch("permissions: {mode: exact}"), json!({ "permissions_mode": "exact" }));
    assert_eq!(patch("permissions: {entries: []}"), json!({ "permissions": [] }));
    assert_eq!(patch("permissions: null"), json!({ "permissions": null, "permissions_mode": null }));
    assert_eq!(patch(&format!("permissions: [{ANN}]")), json!({ "permissions": ann }));
}

#[test]
fn both_forms_are_checked_alike_and_mistakes_are_told_where_they_are() {
    let form = |text: &str| mistakes(&format!("name: a\npermissions: {text}\n"));
    for fine in [
        "[]",
        "{mode: additive, entries: []}",
        &format!("[{ANN}]"),
        &format!("{{mode: additive, entries: [{ANN}]}}"),
        &format!("{{entries: [{ANN}], mode: exact}}"),
    ] {
        assert_eq!(form(fine), Vec::<String>::new(), "{fine}");
    }
    for (text, wanted) in [
        ("{mode: additve, entries: []}", "additve | unknown value `additve` | did you mean `additive`?"),
        ("{mode: replace, entries: []}", "replace | unknown value `replace` | not one of the accepted values"),
        ("{mode: 1, entries: []}", "1 | `mode` is no text | write `additive` or `exact`"),
        (
            "{mode: additive}",
            "additive | `permissions` has a `mode` and no `entries` | add `entries`: an empty list says that there is nothing",
        ),
        (
            "{mode: additive, entries: }",
            "additive | `permissions` has a `mode` and no `entries` | add `entries`: an empty list says that there is nothing",
        ),
        ("{entries: []}", "{entries: []} | `permissions` has no `mode` | add `mode: additive`, or `mode: exact`"),
        ("{mode: additive, entires: [], entries: []}", "entires | unknown field `entires` | did you mean `entries`?"),
        (
            "{mode: additive, user_name: ann, entries: []}",
            "user_name | unknown field `user_name` | not a field of this mapping",
        ),
        (
            "{mode: additive, entries: ann}",
            "ann | expected a list, found the string \"ann\" | expected a list of mappings",
        ),
        (
            "[{mode: additive, user_name: ann, permission_level: CAN_VIEW}]",
            "mode | unknown field `mode` | not a field of this mapping",
        ),
        (
            "{mode: additive, entries: [{permission_level: CAN_VIEW}]}",
            "{permission_level: CAN_VIEW}]} | this grant names nobody | expected one of user_name, group_name and \
             service_principal_name",
        ),
        (
            "{mode: additive, entries: [{group_name: \"\", permission_level: CAN_VIEW}]}",
            "\"\" | this grant names nobody | it is empty",
        ),
        (
            "{mode: additive, entries: [{user_name: ann, permission_level: CAN_VEW}]}",
            "CAN_VEW | unknown value `CAN_VEW` | did you mean `CAN_VIEW`?",
        ),
        (
            "{mode: additive, entries: [{user_name: ann, permission_level: IS_OWNER}]}",
            "IS_OWNER | an owner cannot be added: `ann` would take the place of another | write `CAN_MANAGE`, or leave the grant \
             out",
        ),
        (
            &format!("{{mode: additive, entries: [{ANN}, {{user_name: Ann, permission_level: CAN_MANAGE_RUN}}]}}"),
            "Ann | `Ann` is there twice: permissions[0] names the same | the service keeps one level for each, the last one",
        ),
        // As before, whoever forgets the list.
        (
            "{user_name: ann, permission_level: CAN_VIEW}",
            "{user_name: ann, permission_level: CAN_VIEW} | expected a list, found a mapping | write it as a list: `- ` before \
             `user_name`, and what follows below it",
        ),
    ] {
        assert_eq!(form(text), [wanted], "{text}");
    }
}

#[test]
fn nobody_writes_the_mode_by_its_inner_name() {
    for part in [SpecPart::Manifest, SpecPart::Patch] {
        let (mut spec, mut problems) = (node("permissions: []\npermissions_mode: additive\n"), Problems::default());
        lift(&mut spec, rules(), part, &mut problems);
        assert_eq!(problems.sorted()[0].message, "unknown field `permissions_mode`");
        assert_eq!(spec.to_json(), json!({ "permissions": [] }));
    }
}

#[test]
fn of_an_additive_list_what_it_does_not_name_is_neither_read_nor_written() {
    let entry = |name: &str, level: &str| json!({ "user_name": name, "permission_level": level });
    let live = vec![entry("ann", "CAN_VIEW"), entry("bob", "CAN_MANAGE"), json!({ "permission_level": "CAN_VIEW" })];
    let key = |entry: &Value| entry["user_name"].as_str().map(str::to_lowercase);
    let spec = |mode: Value, list: Vec<Value>| json!({ "permissions": list, "permissions_mode": mode });
    let kept = |spec: &Value| keep_named(live.clone(), spec, "permissions", key);
    assert_eq!(kept(&spec(json!("additive"), vec![entry("Ann", "CAN_MANAGE")])), [entry("ann", "CAN_VIEW")]);
    assert_eq!(kept(&spec(json!("additive"), Vec::new())), Vec::<Value>::new());
    assert_eq!(kept(&spec(Value::Null, vec![entry("Ann", "CAN_MANAGE")])), live);
    let body =
        spec(json!("additive"), vec![entry("ann", "CAN_VIEW"), entry("bob", "CAN_VIEW"), entry("cy", "CAN_VIEW")]);
    let seen = Observed { spec: json!({ "permissions": live }), ..Observed::default() };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let step = Step { verb: Verb::Update, live: Some(&seen), body: &body, changed: &[], now };
    let written = differing(&step, "permissions", |a, b| a == b);
    assert_eq!(written, [entry("bob", "CAN_VIEW"), entry("cy", "CAN_VIEW")]);
    let create = Step { verb: Verb::Create, live: None, ..step };
    assert_eq!(differing(&create, "permissions", |a, b| a == b).len(), 3);
    assert_eq!(without(&body, &["permissions"]), json!({}));
}

const PROJECT: &str = "apiVersion: plumb/v1
kind: Project
metadata: {name: p}
spec:
  manifests: [m]
  variables: {mode: additive}
  targets: {t: {default: true, databricks: {}, patches: [over]}}
";

/// The job of a project: its permissions as the manifest and a patch write them.
fn loaded(manifest: &str, patch: &str) -> Result<crate::manifest::Desired, Vec<Problem>> {
    let of = |permissions: &str| {
        let head = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: a}\nspec:\n  name: a\n";
        if permissions.is_empty() { String::new() } else { format!("{head}  permissions: {permissions}\n") }
    };
    let texts = [("plumb.yaml", PROJECT.to_owned()), ("m/a.yaml", of(manifest)), ("over/a.yaml", of(patch))];
    let files = texts.into_iter().map(|(path, text)| (path.to_owned(), text.into_bytes())).collect();
    let request = crate::manifest::Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    crate::manifest::load(&crate::manifest::InMemory(files), &request, kinds::all()).map_err(|e| e.problems)
}

#[test]
fn a_patch_changes_entries_and_the_mode_each_by_itself() {
    const BOB: &str = "{user_name: bob, permission_level: CAN_VIEW}";
    let ann = format!("{{mode: additive, entries: [{ANN}]}}");
    let exact = format!("[{ANN}]");
    let cases = [
        (exact.as_str(), "", "ann"),
        (&ann, "", "ann, additive"),
        (&ann, &format!("[{BOB}]"), "ann bob, additive"),
        (&ann, &format!("{{entries: [{BOB}]}}"), "ann bob, additive"),
        (&ann, "{mode: exact}", "ann"),
        (&exact, "{mode: additive}", "ann, additive"),
        (&exact, &format!("{{mode: additive, entries: [{BOB}]}}"), "ann bob, additive"),
        (&ann, "null", "unset"),
        ("{mode: '${var.mode}', entries: []}", "", ", additive"),
    ];
    for (manifest, patch, wanted) in cases {
        let desired = loaded(manifest, patch).unwrap_or_else(|e| panic!("{manifest} {patch}: {e:?}"));
        let spec = desired.resources[0].spec.to_value();
        let names: Vec<&str> = list(&spec, "permissions").iter().filter_map(|one| one["user_name"].as_str()).collect();
        let told = match spec.get("permissions") {
            None => "unset".to_owned(),
            Some(_) => {
                format!("{}{}", names.join(" "), if is_additive(&spec, "permissions") { ", additive" } else { "" })
            }
        };
        assert_eq!(told, wanted, "{manifest} {patch}");
        assert!(spec.get("permissions_mode").is_none_or(|mode| mode == "additive"), "{spec}");
    }
    let alone = loaded("{mode: additive}", "").err().unwrap();
    assert_eq!(alone[0].message, "`permissions` has a `mode` and no `entries`");
}

#[test]
fn an_entry_is_found_where_it_is_written_and_so_is_the_mode() {
    let text = format!(
        "\n    mode: additive\n    entries:\n      - {ANN}\n      - {{group_name: b, permission_level: CAN_VIEW}}"
    );
    let desired = loaded(&text, "").unwrap();
    let resource = &desired.resources[0];
    let line = |path: &str| {
        let span = resource.place(&resource.path(path).unwrap()).span;
        desired.files.position(span).0
    };
    assert_eq!(["permissions[ann].permission_level", "permissions[b]", "permissions_mode"].map(line), [9, 10, 7]);
    let steps = |path: &str, sets: bool| {
        let (_, document) =
            crate::manifest::document_of(&desired.files.get(resource.span.file).text, &resource.address).unwrap();
        let path = resource.path(path).unwrap();
        let steps = crate::writeback::steps(resource, document.get("spec").unwrap(), &path, sets).unwrap();
        steps.iter().fold(String::new(), |all, step| match step {
            plumb_model::yaml::edit::Step::Key(key) => format!("{all}.{key}"),
            plumb_model::yaml::edit::Step::Index(index) => format!("{all}[{index}]"),
        })
    };
    assert_eq!(steps("permissions[b].permission_level", true), ".spec.permissions.entries[1].permission_level");
    assert_eq!(steps("permissions[ann]", false), ".spec.permissions.entries[0]");
    assert_eq!(steps("permissions[new]", true), ".spec.permissions.entries[2]");
    assert_eq!(steps("permissions", true), ".spec.permissions.entries");
    assert_eq!(steps("permissions", false), ".spec.permissions");
}
