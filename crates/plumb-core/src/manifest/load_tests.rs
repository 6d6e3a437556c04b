use super::*;
use crate::kinds::{Findings, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported};
use crate::manifest::{GivenVariables, InMemory, VariableFile};
use plumb_model::call::{Call, System};
use plumb_model::read::{Pages, Read};
use plumb_model::schema::{Path, Segment};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A small kind, so that loading is tested apart from the real ones.
struct Job;

#[derive(Serialize, Deserialize, JsonSchema)]
struct TestJobSpec {
    name: String,
    description: Option<String>,
    retries: Option<u32>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    #[serde(default)]
    #[schemars(extend("x-plumb" = {"key": "key", "why": "test"}))]
    tasks: Vec<TestTask>,
    #[schemars(extend("x-plumb" = {"secret": "value", "why": "test"}))]
    password: Option<String>,
    #[serde(default)]
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "test"}))]
    conf: BTreeMap<String, String>,
    paused: Option<bool>,
    other: Option<Value>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct TestTask {
    key: String,
    cluster: Option<String>,
    retries: Option<i64>,
    #[serde(default)]
    after: Vec<String>,
}

impl Kind for Job {
    fn name(&self) -> &'static str {
        "TestJob"
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "job"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Tags("tags")
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(check));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        Vec::new()
    }
    fn parse(&self, _: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        Vec::new()
    }
    fn read_one(&self, _: &str) -> Vec<Read> {
        Vec::new()
    }
    fn parse_one(&self, _: &[Pages]) -> Result<Observed, Unreadable> {
        Ok(Observed::default())
    }
    fn calls(&self, _: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        Ok(Vec::new())
    }
    fn develop(&self, spec: &mut Value) {
        spec["paused"] = json!(true);
    }
}

fn check(spec: &TestJobSpec, findings: &mut Findings) {
    let keys: BTreeSet<&str> = spec.tasks.iter().map(|t| t.key.as_str()).collect();
    for (i, task) in spec.tasks.iter().enumerate() {
        for (j, after) in task.after.iter().enumerate().filter(|(_, a)| !keys.contains(a.as_str())) {
            findings.at(format!("tasks[{i}].after[{j}]"), format!("there is no task `{after}`"), "unknown task");
        }
    }
}

fn kinds() -> &'static [&'static dyn Kind] {
    &[&Job]
}

const PROJECT: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec:\n  variables:\n    size: 4\n    \
    version: 1.10\n    label: {default: plain, description: text}\n    needed: {description: no default}\n    \
    list: [1, \"${var.label}\"]\n    map: {min: 1, max: 2}\n  env: [TOKEN]\n  targets:\n    main: {default: true}\n    \
    prod: {variables: {size: 16, needed: x}, patches: [overlays/prod]}\n    dev: {mode: development}\n";

fn source(files: &[(&str, &str)]) -> InMemory {
    let mut all: BTreeMap<String, Vec<u8>> = [(PROJECT_FILE.to_owned(), PROJECT.as_bytes().to_vec())].into();
    all.extend(files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())));
    InMemory(all)
}

fn job(name: &str, spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: TestJob\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n{spec}\n---\n")
}

fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "t0p-s3cret-value".to_owned())
}

fn request(target: &str) -> Request<'static> {
    Request { target: Some(target.to_owned()), variables: Default::default(), env: &env, user: Some("ann".to_owned()) }
}

fn good(target: &str, files: &[(&str, &str)]) -> Desired {
    load(&source(files), &request(target), kinds()).unwrap_or_else(|f| panic!("{:#?}", f.problems))
}

fn bad(files: &[(&str, &str)]) -> Vec<String> {
    let Err(failure) = load(&source(files), &request("main"), kinds()) else { panic!("it was read") };
    let place = |p: &Problem| {
        p.span.map_or("-".to_owned(), |s| {
            let (line, column) = failure.files.position(s);
            format!("{}:{line}:{column}", failure.files.get(s.file).path)
        })
    };
    failure.problems.iter().map(|p| format!("{} {} | {}", place(p), p.message, p.label)).collect()
}

fn bad_manifest(text: &str) -> Vec<String> {
    bad(&[("manifests/a.yaml", text)]).into_iter().map(|l| l.replace("manifests/a.yaml:", "")).collect()
}

#[test]
fn variables_keep_their_type() {
    let text = job(
        "a",
        "  retries: ${var.size}\n  other: {l: \"${var.list}\", m: \"${var.map}\", t: \"v${var.version}-${var.size}\", e: \"$${x} {{y}}\",\n    \
         n: \"${project.name}/${target.name}\"}",
    );
    let spec = &good("main", &[("manifests/a.yaml", &text)]).resources[0].spec;
    assert_eq!(spec["retries"], json!(4));
    let want =
        json!({"l": [1, "plain"], "m": {"min": 1, "max": 2}, "t": "v1.10-4", "e": "${x} {{y}}", "n": "demo/main"});
    assert_eq!(spec["other"], want);
    let mut wanted = request("prod");
    wanted.variables.pairs = [("label".to_owned(), "12".to_owned()), ("size".to_owned(), "7".to_owned())].into();
    let all = source(&[("manifests/a.yaml", &text), ("overlays/prod/p.yaml", "")]);
    let desired = load(&all, &wanted, kinds()).unwrap_or_else(|f| panic!("{:#?}", f.problems));
    assert_eq!(desired.resources[0].spec["other"]["l"], json!([1, "12"]));
    assert_eq!(desired.resources[0].spec["retries"], json!(7));
    assert!(matches!(desired.project.variables["map"], crate::manifest::Variable::Value(_)));
}

#[test]
fn patches_merge_by_key_and_nulls_delete() {
    let base = job(
        "a",
        "  description: x\n  retries: 1\n  tags: {a: b, c: d}\n  tasks:\n  - {key: one, retries: 1}\n  - {key: two, cluster: x}",
    );
    let patch = "apiVersion: plumb/v1\nkind: TestJob\nmetadata: {name: a, labels: {l: m}}\nspec:\n  description: null\n  retries: ${var.size}\n  \
                 tags: {a: null, e: f}\n  tasks:\n  - {key: two, cluster: y, retries: 2}\n  - {key: three}\n";
    let desired = good("prod", &[("manifests/a.yaml", &base), ("overlays/prod/a.yaml", patch)]);
    let a = &desired.resources[0];
    assert_eq!(
        a.spec,
        json!({"name": "a", "retries": 16, "tags": {"c": "d", "e": "f"}, "tasks": [
            {"key": "one", "retries": 1}, {"key": "two", "cluster": "y", "retries": 2}, {"key": "three"}]})
    );
    assert_eq!(a.labels["l"], "m");
    let path = Path::default().key("tasks").with(Segment::Item("two".to_owned())).key("cluster");
    let span = a.locate(&path);
    assert_eq!(
        (desired.files.get(span.file).path.as_str(), desired.files.position(span)),
        ("overlays/prod/a.yaml", (9, 25))
    );
    let missing = Path::default().key("tasks").with(Segment::Item("one".to_owned())).key("cluster");
    assert_eq!(desired.files.position(a.locate(&missing)).0, 10);
    // Of another target the patch is neither a patch nor a manifest.
    assert_eq!(
        good("main", &[("manifests/a.yaml", &base), ("overlays/prod/a.yaml", patch)]).resources[0].spec["retries"],
        1
    );
}

#[test]
fn no_null_of_a_patch_is_left() {
    let base = job("a", "  other: 5\n  tasks:\n  - {key: one, retries: 1}");
    for (patch, member, wanted) in [
        ("other: {a: 1, b: null}", "other", json!({"a": 1})),
        ("other: {a: {b: null, c: {d: null}}}", "other", json!({"a": {"c": {}}})),
        ("other: null", "other", Value::Null),
        ("tags: {x: null, y: z}", "tags", json!({"y": "z"})),
        ("tags: null", "tags", Value::Null),
        (
            "tasks: [{key: two, cluster: null, retries: 2}]",
            "tasks",
            json!([{"key": "one", "retries": 1}, {"key": "two", "retries": 2}]),
        ),
        ("tasks: [{key: one, retries: null}]", "tasks", json!([{"key": "one"}])),
        ("tasks: [{key: one, cluster: null}]", "tasks", json!([{"key": "one", "retries": 1}])),
        ("retries: 3", "retries", json!(3)),
    ] {
        let text = format!("apiVersion: plumb/v1\nkind: TestJob\nmetadata: {{name: a}}\nspec: {{{patch}}}\n");
        let desired = good("prod", &[("manifests/a.yaml", &base), ("overlays/prod/a.yaml", &text)]);
        let spec = &desired.resources[0].spec;
        assert_eq!(spec.get(member).cloned().unwrap_or_default(), wanted, "{patch}");
        assert!(spec.get(member).is_none_or(|value| !value.is_null()), "{patch}");
    }
}

#[test]
fn secrets_are_sealed_and_revealed() {
    let text = job(
        "a",
        "  password: hunter2hunter2\n  conf: {spark.secret.key: abc, spark.x: y, p: \"{{secrets/a/b}}\", auth: \"Bearer ${env.TOKEN}\"}\n  \
         retries: ${env.TOKEN}\n  other: \"$${resources.TestJob.a}\"",
    );
    let desired = good("main", &[("manifests/a.yaml", &text)]);
    let spec = &desired.resources[0].spec;
    let shown = spec.to_string();
    for secret in ["hunter2", "abc", "t0p", "Bearer", "${resources."] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert_eq!(spec["conf"]["spark.x"], "y");
    assert_eq!(spec["conf"]["p"], "{{secrets/a/b}}");
    let plain = desired.vault.reveal_in(spec);
    assert_eq!(plain["password"], "hunter2hunter2");
    assert_eq!(plain["conf"]["auth"], "Bearer t0p-s3cret-value");
    assert_eq!(plain["other"], "${resources.TestJob.a}");
    assert_eq!(desired.vault.seal_known(&plain), **spec);
    // The same text elsewhere is hidden as well, so that both sides still compare.
    let text = job("a", "  password: plain\n  description: plain") + &job("b", "  description: plain");
    let desired = good("main", &[("manifests/a.yaml", &text)]);
    let [a, b] = desired.resources.as_slice() else { panic!() };
    assert_eq!(a.spec["password"], a.spec["description"]);
    assert_eq!(a.spec["password"], b.spec["description"]);
}

#[test]
fn a_secret_of_the_environment_is_known_without_a_reference() {
    let text = job("a", "  description: has t0p-s3cret-value in it");
    let desired = good("main", &[("manifests/a.yaml", &text)]);
    // The spec is what it is without the environment, or the hash in the mark would depend on that.
    assert_eq!(desired.resources[0].spec["description"], "has t0p-s3cret-value in it");
    let sealed = desired.vault.seal_known(&desired.resources[0].spec).to_string();
    assert!(!sealed.contains("s3cret"), "{sealed}");
}

#[test]
fn earlier_manifests_are_read_without_their_secrets() {
    let text = job("a", "  password: ${env.TOKEN}\n  retries: ${env.TOKEN}\n  description: \"x ${env.TOKEN} y\"");
    let source = source(&[("manifests/a.yaml", &text)]);
    let unset = Request { env: &|_| None, ..request("main") };
    let earlier = load_earlier(&source, &unset, kinds()).unwrap();
    for member in ["password", "retries", "description"] {
        assert_eq!(earlier.resources[0].spec[member], Vault::UNKNOWN, "{member}");
    }
    assert!(load(&source, &unset, kinds()).is_err());
    // What is set is known, and what may not be used is a mistake there too.
    let known = load_earlier(&source, &request("main"), kinds()).unwrap();
    assert_ne!(known.resources[0].spec["password"], Vault::UNKNOWN);
    let other = job("a", "  description: ${env.OTHER}");
    assert!(load_earlier(&self::source(&[("manifests/a.yaml", &other)]), &unset, kinds()).is_err());
}

#[test]
fn references_are_ids_or_values() {
    let text = job(
        "b",
        "  description: \"after ${resources.TestJob.a.tasks[x].retries} of ${resources.TestJob.a.name}\"\n  retries: ${resources.TestJob.a.retries}\n  \
                         tags: {up: \"${resources.TestJob.a.id}\", too: \"x-${resources.TestJob.a}\"}",
    ) + &job("a", "  retries: 3\n  tasks: [{key: x, retries: 9}]");
    let desired = good("main", &[("manifests/a.yaml", &text)]);
    let [a, b] = desired.resources.as_slice() else { panic!() };
    assert_eq!(a.references, []);
    assert_eq!(b.references, std::slice::from_ref(&a.address));
    assert_eq!(b.spec["description"], "after 9 of a");
    assert_eq!(b.spec["retries"], 3);
    assert_eq!(b.spec["tags"], json!({"up": "${resources.TestJob.a}", "too": "x-${resources.TestJob.a}"}));
}

#[test]
fn development_prefixes_names_and_pauses() {
    let text = job("a", "") + &job("b", "  description: ${resources.TestJob.a.name}");
    let desired = good("dev", &[("manifests/a.yaml", &text)]);
    assert_eq!(desired.resources[0].spec["name"], "[dev ann] a");
    assert_eq!(desired.resources[1].spec["description"], "[dev ann] a");
    assert_eq!(desired.resources[0].spec["paused"], true);
}

#[test]
fn every_mistake_of_references_is_reported() {
    let text = job(
        "a",
        "  retries: ${var.sizze}\n  description: \"${vars.size} ${env.TOKENS} ${var.needed}\"\n  tags: {t: \"${resources.TestJob.c}\", u: \"${x\"}",
    ) + &job(
        "b",
        "  tags: {a: \"${resources.TestJbo.a}\", b: \"${resources.TestJob.b}\", c: \"${resources.TestJob.a.retriess}\", d: \"${var.map}!\"}",
    );
    assert_eq!(
        bad_manifest(&text),
        [
            "6:12 there is no variable `sizze` | did you mean `size`?",
            "7:17 unknown reference `${vars.size}` | write `${var.NAME}`",
            "7:30 manifests may not use the environment variable `TOKENS` | did you mean `TOKEN`?",
            "7:44 the variable `needed` has no value | target `main` does not set it, and it has no default",
            "8:13 there is no TestJob `c` | did you mean `a`?",
            "8:42 a `${` is not closed | a `}` is missing",
            "15:13 unknown kind `TestJbo` | did you mean `${resources.TestJob.a}`?",
            "15:42 TestJob/b refers to itself | its id is only known once it exists",
            "15:71 TestJob/a has no `retriess` | did you mean `retries`?",
            "15:110 `${var.map}` is not one value | only a string, a number or a boolean can stand inside a longer string",
        ]
    );
}

#[test]
fn circles_are_shown_whole() {
    let refer = |to: &str| format!("  tags: {{t: \"${{resources.TestJob.{to}}}\"}}");
    let ids = job("a", &refer("b"))
        + &job("b", &refer("c"))
        + &job("c", &refer("b"))
        + &job("d", &refer("d2"))
        + &job("d2", &refer("d"));
    assert_eq!(
        bad_manifest(&ids),
        [
            "13:13 resources need each other in a circle: TestJob/b → TestJob/c → TestJob/b | one of these references has to go",
            "27:13 resources need each other in a circle: TestJob/d → TestJob/d2 → TestJob/d | one of these references has to go",
        ]
    );
    let fields = job("a", "  description: ${resources.TestJob.b.description}")
        + &job("b", "  description: ${resources.TestJob.a.description}");
    assert!(bad_manifest(&fields)[0].contains("TestJob/b.description → TestJob/a.description → TestJob/b.description"));
    let project = PROJECT.replace("size: 4", "size: ${var.label}").replace("plain", "'${var.size}'");
    let found = bad(&[(PROJECT_FILE, &project), ("manifests/a.yaml", &job("a", "  retries: ${var.size}"))]);
    assert_eq!(
        found,
        ["plumb.yaml:8:22 variables refer to each other in a circle: size → label → size | closes the circle"]
    );
}

#[test]
fn documents_are_checked() {
    let text = "apiVersion: plumb/v2\nkind: TestJob\nmetadata: {name: a.b}\nspec: {name: x}\n---\n\
                apiVersion: plumb/v1\nkind: TestJbo\nmetadata: {name: b}\nspec: {}\n---\n\
                apiVersion: plumb/v1\nkind: TestJob\nmetadata: {name: c}\nsepc: {}\n---\njust text\n---\n\
                apiVersion: plumb/v1\nkind: TestJob\nmetadata: {name: d, lable: {}, adopt: 12}\nspec: 5\n---\n"
        .to_owned()
        + &job("e", "  tasks: [{key: x, after: [y]}]")
        + &job("e", "")
        + &job("f", "").replace("name: f", "name: e");
    let found = bad_manifest(&text.replace("metadata: {name: e}\nspec:\n  name: e\n\n---\n---", ""));
    let want = [
        "1:13 unknown apiVersion `plumb/v2` | expected `plumb/v1`",
        "3:18 `a.b` cannot be a name | only letters, digits, `-` and `_` may stand in a name",
        "7:7 unknown kind `TestJbo` | did you mean `TestJob`?",
        "11:1 missing field `spec` | `spec` is required here",
        "14:1 unknown field `sepc` | did you mean `spec`?",
        "16:1 expected a mapping, found the string \"just text\" | expected a mapping",
        "20:21 unknown field `lable` | did you mean `labels`?",
        "20:39 expected a string, found the number 12 | write it in quotes: \"12\"",
        "21:7 expected a mapping, found the number 5 | expected a mapping",
        "28:28 there is no task `y` | unknown task",
        "32:18 two manifests have the address TestJob/e | the second one",
    ];
    assert_eq!(found[..want.len()], want, "{found:#?}");
}

#[test]
fn live_names_former_names_and_ignored_paths() {
    let text = job("a", "").replace("{name: a}", "{name: a, previousNames: [b], lifecycle: {ignore: [{path: spec.tags.x, reason: ok, until: 2026-12-31}, {path: 'tasks[*].retriess', reason: ' '}, {path: settings.name.x, reason: r, until: soon}]}}")
        + &job("b", "").replace("  name: b", "  name: a");
    let found = bad_manifest(&text);
    let messages: Vec<&str> = found.iter().map(|l| l.split_once(' ').unwrap().1).collect();
    assert_eq!(
        messages,
        [
            "TestJob/b cannot be a former name: a manifest has it now | in metadata.previousNames of TestJob/a",
            "`tasks[*].retriess` cannot be ignored: there is no field `retriess` | did you mean `retries`?",
            "an ignored field needs a reason | say why it is left alone",
            "`name.x` cannot be ignored: there is nothing like `x` inside a single value | end the path before it",
            "`soon` is not a date | expected a day such as 2026-12-31",
            "two manifests claim the job \"a\" | TestJob/b has this `name`",
        ]
    );
}

#[test]
fn what_is_adopted_tells_two_of_one_name_apart() {
    let adopting = |name: &str, id: &str| {
        job(name, "")
            .replace(&format!("  name: {name}"), "  name: same")
            .replace(&format!("{{name: {name}}}"), &format!("{{name: {name}, adopt: '{id}'}}"))
    };
    let named = job("c", "").replace("  name: c", "  name: same");
    good("main", &[("manifests/a.yaml", &(adopting("a", "1") + &adopting("b", "2") + &named))]);
    let found = bad_manifest(&(adopting("a", "1") + &named + &named.replace("{name: c}", "{name: d}")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("two manifests claim the job \"same\""), "{found:#?}");
    let found = bad_manifest(&(adopting("a", "1") + &adopting("b", "1").replace("  name: same", "  name: other")));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("two manifests adopt the job 1 | TestJob/b adopts it"), "{found:#?}");
}

#[test]
fn what_is_adopted_may_be_of_some_targets_alone() {
    let adopting = |name: &str, adopt: &str| {
        let job = job(name, "").replace(&format!("  name: {name}"), "  name: same");
        job.replace(&format!("{{name: {name}}}"), &format!("{{name: {name}, adopt: {adopt}}}"))
    };
    let two = adopting("a", "{prod: '1', dev: '3'}") + &adopting("b", "{prod: '2'}");
    let ids = |target: &str, text: &str| {
        let files = [("manifests/a.yaml", text), ("overlays/prod/.keep", "")];
        let all = good(target, &files).resources;
        all.iter().map(|r| r.adopt.clone().unwrap_or_default()).collect::<Vec<_>>().join(" ")
    };
    // Two of one name are told apart where neither is taken over, too.
    assert_eq!((ids("prod", &two), ids("dev", &two), ids("main", &two)), ("1 2".into(), "3 ".into(), " ".into()));
    let everywhere = adopting("a", "'7'");
    assert_eq!((ids("prod", &everywhere), ids("main", &everywhere)), ("7".into(), "7".into()));
    // One object has one manifest in each target; in another target the same id is another object's.
    ids("main", &(adopting("a", "{prod: '1'}") + &adopting("b", "{dev: '1'}")));
    let found = bad_manifest(&(adopting("a", "{main: '1'}") + &adopting("b", "'1'")));
    assert!(found[0].contains("two manifests adopt the job 1"), "{found:#?}");
    for (adopt, wanted) in [
        ("{prdo: '1'}", "3:29 there is no target `prdo` | did you mean `prod`?"),
        ("{elsewhere: '1'}", "3:29 there is no target `elsewhere` | targets: dev, main, prod"),
        ("{prod: 12}", "3:35 expected a string, found the number 12 | write it in quotes: \"12\""),
        ("12", "3:28 expected a string, found the number 12 | write it in quotes: \"12\""),
        ("{prod: ['1']}", "3:35 expected a string, found a list | expected a string"),
    ] {
        assert_eq!(bad_manifest(&adopting("a", adopt)), [wanted], "{adopt}");
    }
}

#[test]
fn a_target_has_limits_of_its_own() {
    let project = |of_main: &str| {
        let guards = "  guards: {maxDeletes: 3, maxChangePercent: 30, decisions: warn, teardown: {grace: 7d}}\n";
        PROJECT.replace("main: {default: true}", &format!("main: {{default: true{of_main}}}")) + guards
    };
    let guards = |of_main: &str| {
        let guards = good("main", &[(PROJECT_FILE, &project(of_main)), ("manifests/a.yaml", "")]).guards;
        let grace = guards.teardown.and_then(|teardown| teardown.grace);
        (guards.max_deletes, guards.max_change_percent, guards.decisions, grace)
    };
    use crate::manifest::DecisionGuard::{Block, Warn};
    let days = |days: &str| Some(days.to_owned());
    assert_eq!(guards(""), (Some(3), Some(30), Some(Warn), days("7d")));
    assert_eq!(guards(", guards: {maxDeletes: 0}"), (Some(0), Some(30), Some(Warn), days("7d")));
    let all = ", guards: {maxChangePercent: 5, decisions: block, teardown: {grace: 1d}}";
    assert_eq!(guards(all), (Some(3), Some(5), Some(Block), days("1d")));
    // What is tried out may change all of it, unless it is said not to.
    assert_eq!(guards(", sandbox: true"), (Some(3), None, Some(Warn), days("7d")));
    assert_eq!(guards(", sandbox: true, guards: {maxChangePercent: 50}").1, Some(50));
    let wrong = project(", guards: {teardown: {grace: soon}}");
    let found = bad(&[(PROJECT_FILE, &wrong), ("manifests/a.yaml", "")]);
    assert_eq!(found, ["plumb.yaml:14:54 `soon` is no duration | expected one like `7d` or `36h`"]);
}

#[test]
fn the_project_file_is_checked() {
    let project = |from: &str, to: &str| bad(&[(PROJECT_FILE, &PROJECT.replace(from, to)), ("manifests/a.yaml", "")]);
    assert_eq!(
        project("main: {default: true}", "main: {defautl: true}")[0],
        "plumb.yaml:14:12 unknown field `defautl` | did you mean `default`?"
    );
    assert_eq!(
        project("size: 16", "sise: 16")[0],
        "plumb.yaml:15:24 there is no variable `sise` | did you mean `size`?"
    );
    assert_eq!(
        project("kind: Project", "kind: Porject")[0],
        "plumb.yaml:2:7 plumb.yaml has to hold the project | expected `Project`"
    );
    assert_eq!(
        project("env: [TOKEN]", "manifests: [../x]")[0],
        "plumb.yaml:12:15 this path cannot be read | it must not leave the project"
    );
    assert!(project("prod: {", "prod: {default: true, ")[0].contains("two targets are the default"));
    assert_eq!(
        project("overlays/prod", "'${var.x}'")[0],
        "plumb.yaml:15:56 references are not filled in here | write the value itself"
    );
    assert_eq!(project("main:", "mian:"), ["- there is no target `main`; did you mean `mian`? | "]);
    let mut none = request("");
    none.target = None;
    let two = PROJECT.replace("main: {default: true}", "main: {}");
    let Err(failure) = load(&source(&[(PROJECT_FILE, &two)]), &none, kinds()) else { panic!() };
    assert_eq!(
        failure.problems[0].help.as_deref(),
        Some("name one with --target, or give one `default: true`: dev, main, prod")
    );
    assert!(load(&InMemory::default(), &none, kinds()).is_err());
}

#[test]
fn what_the_command_line_has_wrong_is_told_apart() {
    let usage = |target: Option<&str>, variable: Option<&str>, manifest: &str| {
        let mut request = request("");
        request.target = target.map(str::to_owned);
        request.variables.pairs = variable.map(|name| (name.to_owned(), "1".to_owned())).into_iter().collect();
        let Err(failure) = load(&source(&[(PROJECT_FILE, PROJECT), ("manifests/a.yaml", manifest)]), &request, kinds())
        else {
            panic!("it loads")
        };
        failure.usage().map(|problems| problems.iter().map(|p| p.message.clone()).collect::<Vec<_>>())
    };
    let (good, bad) = (job("a", ""), job("a", "  nmae: x"));
    let told = |text: &str| Some(vec![text.to_owned()]);
    assert_eq!(usage(Some("mian"), None, &good), told("there is no target `mian`; did you mean `main`?"));
    assert_eq!(usage(Some("main"), Some("nope"), &good), told("--var nope: there is no variable `nope`"));
    // Mistakes of files are told as such, whatever else is wrong.
    assert_eq!(usage(Some("main"), None, &bad), None);
    assert_eq!(usage(Some("main"), Some("nope"), &bad), None);
}

#[test]
fn variables_cannot_explode() {
    let started = std::time::Instant::now();
    let lists: String = (1..30).map(|i| format!("    v{i}: [\"${{var.v{0}}}\", \"${{var.v{0}}}\"]\n", i - 1)).collect();
    let texts: String = (1..30).map(|i| format!("    w{i}: \"${{var.w{0}}}${{var.w{0}}}\"\n", i - 1)).collect();
    for (variables, used) in [(format!("    v0: [x]\n{lists}"), "v29"), (format!("    w0: abcdefgh\n{texts}"), "w29")] {
        let project = PROJECT.replace("  variables:\n", &format!("  variables:\n{variables}"));
        let found =
            bad(&[(PROJECT_FILE, &project), ("manifests/a.yaml", &job("a", &format!("  other: ${{var.{used}}}")))]);
        assert!(found[0].contains("fill in too much"), "{found:?}");
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn a_document_without_a_name_or_with_anothers_is_looked_through_all_the_same() {
    let broken = "  retries: often\n";
    let nameless =
        format!("apiVersion: plumb/v1\nkind: TestJob\nmetadata: {{labels: {{}}}}\nspec:\n  name: x\n{broken}");
    let found = bad_manifest(&nameless);
    assert!(found.len() == 2 && found.iter().any(|f| f.contains("missing field `name`")), "{found:?}");
    assert!(found.iter().any(|f| f.contains("found the string \"often\"")), "{found:?}");
    // A name that is spelled wrong is said to be, beside that none is there.
    let misspelt = "apiVersion: plumb/v1\nkind: TestJob\nmetadata: {nmae: a, labels: {}}\nspec: {name: x}\n";
    let found = bad_manifest(misspelt);
    assert!(found.len() == 2 && found.iter().any(|f| f.contains("missing field `name`")), "{found:?}");
    assert!(found.iter().any(|f| f.contains("unknown field `nmae` | did you mean `name`?")), "{found:?}");
    let twice = format!("{}{}", job("a", ""), job("a", broken));
    let found = bad_manifest(&twice);
    // It has the same title as well, which only follows.
    assert!(found.len() == 2 && found[0].contains("two manifests have the address"), "{found:?}");
    assert!(found[1].contains("found the string \"often\""), "{found:?}");
}

#[test]
fn metadata_is_checked_beside_a_wrong_field() {
    let text = "apiVersion: plumb/v1\nkind: TestJob\nmetadata:\n  name: a\n  adopted: 1\n  lifecycle:\n    ignore:\n    \
        - {reason: x}\n    - {path: nothing, reason: \"\", until: soon}\nspec: {name: a}\n";
    let found = bad_manifest(text);
    let has = |what: &str| assert!(found.iter().any(|f| f.contains(what)), "{what}: {found:?}");
    has("unknown field `adopted`");
    has("missing field `path`");
    has("an ignored field needs a reason");
    has("`soon` is not a date");
    has("`nothing` cannot be ignored");
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn a_manifest_that_nothing_would_look_at_is_refused() {
    let project = PROJECT.replace("  env: [TOKEN]", "  env: [TOKEN]\n  kinds: [OtherJob]");
    let all = [
        (PROJECT_FILE.to_owned(), project.into_bytes()),
        ("manifests/a.yaml".to_owned(), job("a", "  retries: often\n").into_bytes()),
    ];
    let all = InMemory(all.into());
    let Err(failure) = load(&all, &request("main"), kinds()) else { panic!("it was read") };
    let found: Vec<&Problem> = failure.problems.iter().filter(|p| p.message.contains("nothing would look")).collect();
    let [problem] = found.as_slice() else { panic!("{:?}", failure.problems) };
    let (line, _) = failure.files.position(problem.span.unwrap());
    assert_eq!((failure.files.get(problem.span.unwrap().file).path.as_str(), line), ("manifests/a.yaml", 2));
    assert_eq!(problem.help.as_deref(), Some("add TestJob to `spec.kinds` of plumb.yaml, or delete the manifest"));
}

#[test]
fn files_of_variables_win_over_the_target_and_lose_to_the_command_line() {
    let job = "apiVersion: plumb/v1\nkind: TestJob\nmetadata: {name: etl}\nspec: {name: \"${var.needed}\", \
               retries: \"${var.size}\", tags: \"${var.tags}\"}\n";
    let project = PROJECT.replace("  variables:\n", "  variables:\n    tags: {}\n");
    let files = [("plumb.yaml", project.as_str()), ("manifests/a.yaml", job), ("overlays/prod/none.yaml", "# none\n")];
    let file = |path: &str, text: &str| VariableFile { path: path.to_owned(), text: text.to_owned() };
    let read = |given: GivenVariables| load(&source(&files), &Request { variables: given, ..request("prod") }, kinds());
    let spec = |given: GivenVariables| read(given).unwrap().resources[0].spec.read().into_owned();
    let two = vec![
        file("a.yaml", "size: 17\nneeded: from a\ntags: {team: bau}\n"),
        file("b.json", "{\"needed\": \"from b\"}"),
    ];
    let given = GivenVariables { files: two.clone(), ..GivenVariables::default() };
    let of_files = spec(given.clone());
    assert_eq!(of_files["retries"], 17);
    assert_eq!(of_files["name"], "from b", "of two files the later one counts");
    assert_eq!(of_files["tags"]["team"], "bau");
    let pairs = [("needed".to_owned(), "from the line".to_owned())].into();
    assert_eq!(spec(GivenVariables { pairs, ..given })["name"], "from the line");
    assert_eq!(spec(GivenVariables { files: vec![file("empty.yaml", "")], ..GivenVariables::default() })["name"], "x");

    let wrong = |text: &str| {
        let given = GivenVariables { files: vec![file("of/prod.yaml", text)], ..GivenVariables::default() };
        let Err(failure) = read(given) else { panic!("it was read") };
        let told = |p: &Problem| {
            let span = p.span.unwrap();
            let (line, column) = failure.files.position(span);
            format!("{}:{line}:{column} {} | {}", failure.files.get(span.file).path, p.message, p.label)
        };
        failure.problems.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(
        wrong("needed: a\nsizes: 3\nother: 1\n"),
        [
            "of/prod.yaml:2:1 there is no variable `sizes` | did you mean `size`?",
            "of/prod.yaml:3:1 there is no variable `other` | not declared under spec.variables of plumb.yaml",
        ]
    );
    assert_eq!(wrong("[1]"), ["of/prod.yaml:1:1 a file of variables is a mapping | expected `NAME: VALUE`"]);
    assert_eq!(
        wrong("{}\n---\n{}\n"),
        ["of/prod.yaml:3:1 a file of variables holds one document | move this one into a file of its own"]
    );
    assert_eq!(wrong("a: [\n").len(), 1, "what is no YAML is told in its place");
}

#[test]
fn a_project_and_its_addresses_are_read_whatever_is_wrong_with_the_manifests() {
    let job =
        |name: &str| format!("apiVersion: plumb/v1\nkind: TestJob\nmetadata: {{name: {name}}}\nspec: {{wrong: 1}}\n");
    let two = format!("{}---\n{}---\nkind: Unheard\nmetadata: {{name: x}}\n---\n[1]\n", job("b"), job("a"));
    let patch = job("only-patched");
    let files = [("manifests/a.yaml", two.as_str()), ("manifests/bad.yaml", "a: ["), ("overlays/prod/p.yaml", &patch)];
    let found = addresses(&source(&files), kinds());
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["TestJob/a", "TestJob/b"]);
    let read = project(&source(&files), kinds()).unwrap();
    assert_eq!(read.targets.keys().collect::<Vec<_>>(), ["dev", "main", "prod"]);
    let wrong = [("plumb.yaml", "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: a}\nspec: {targts: {}}\n")];
    assert!(addresses(&source(&wrong), kinds()).is_empty());
    let failure = project(&source(&wrong), kinds()).unwrap_err();
    assert_eq!(failure.problems[0].message, "unknown field `targts`");
}

#[test]
fn a_folder_with_a_project_file_is_another_project() {
    let job = |name: &str| {
        format!("apiVersion: plumb/v1\nkind: TestJob\nmetadata: {{name: {name}}}\nspec: {{name: {name}}}\n")
    };
    let (own, other) = (job("own"), job("other"));
    let files = [
        ("plumb.yaml", PROJECT),
        ("manifests/a.yaml", own.as_str()),
        ("manifests/plumb.yaml.d/b.yaml", &job("too")),
        ("manifests/examples/one/plumb.yaml", "nothing: here"),
        ("manifests/examples/one/deeper/a.yaml", other.as_str()),
        ("overlays/prod/none.yaml", "# none\n"),
    ];
    let mut given = request("prod");
    given.variables.pairs.insert("needed".into(), "x".into());
    let desired = load(&source(&files), &given, kinds()).map_err(|failure| failure.problems).unwrap();
    let names: Vec<&str> = desired.resources.iter().map(|resource| resource.address.name.as_str()).collect();
    assert_eq!(names, ["own", "too"]);
}
