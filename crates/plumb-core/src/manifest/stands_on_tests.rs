//! Kinds of the test's own, which know each other by names: what is linked, what of it is left out, and how much that takes.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::{Findings, Kind, MarkPlace, Observed, SpecType, Step, Unreadable, Unsupported};
use crate::manifest::{Desired, InMemory, PROJECT_FILE, Request, load, warnings};
use plumb_model::call::Call;
use plumb_model::read::{Pages, Read};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::LazyLock;

#[derive(Serialize, Deserialize, JsonSchema)]
struct ThingSpec {
    name: String,
    within: Option<String>,
    #[serde(default)]
    keys: Vec<String>,
    open: Option<bool>,
    #[serde(default)]
    texts: Vec<String>,
    other: Option<Value>,
}

/// A job, a secret scope, a schema and a volume, all of one form.
struct TestKind {
    name: &'static str,
    provides: fn(&Value) -> Vec<NamedThing>,
    needs: fn(&Value) -> Vec<NamedThing>,
    derived: fn(&Node) -> Vec<(&'static str, String)>,
    attributes: &'static [(&'static str, &'static str)],
    is_always_read: bool,
}

impl Kind for TestKind {
    fn name(&self) -> &'static str {
        self.name
    }
    fn system(&self) -> System {
        System::Databricks
    }
    fn noun(&self) -> &'static str {
        "thing"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Nowhere
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(|_: &ThingSpec, _: &mut Findings| ()));
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
    fn is_always_read(&self) -> bool {
        self.is_always_read
    }
    fn provides(&self, spec: &Value) -> Vec<NamedThing> {
        (self.provides)(spec)
    }
    fn provides_more(&self, spec: &Value) -> bool {
        spec["open"] == true
    }
    fn needs(&self, spec: &Value) -> Vec<NamedThing> {
        (self.needs)(spec)
    }
    fn derived(&self, spec: &Node) -> Vec<(&'static str, String)> {
        (self.derived)(spec)
    }
    fn attributes(&self) -> &'static [(&'static str, &'static str)] {
        self.attributes
    }
}

fn text<'v>(spec: &'v Value, member: &str) -> &'v str {
    spec[member].as_str().unwrap_or_default()
}

fn member<'n>(spec: &'n Node, member: &str) -> Option<&'n str> {
    spec.get(member)?.as_str()
}

fn in_schema(spec: &Value) -> String {
    format!("{}.{}", text(spec, "within"), text(spec, "name"))
}

const NOTHING: TestKind = TestKind {
    name: "Job",
    provides: |_| Vec::new(),
    needs: |_| Vec::new(),
    derived: |_| Vec::new(),
    attributes: &[],
    is_always_read: true,
};

fn kinds() -> &'static [&'static dyn Kind] {
    static SCOPE: TestKind = TestKind {
        name: "Scope",
        provides: |spec| {
            let scope = text(spec, "name");
            let keys = spec["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let secrets = keys.map(|key| NamedThing::new(ThingKind::Secret, format!("{scope}/{key}")));
            secrets.chain([NamedThing::new(ThingKind::SecretScope, scope)]).collect()
        },
        is_always_read: false,
        ..NOTHING
    };
    static SCHEMA: TestKind = TestKind {
        name: "Schema",
        provides: |spec| vec![NamedThing::new(ThingKind::Schema, in_schema(spec))],
        derived: |spec| {
            let both = member(spec, "within").zip(member(spec, "name"));
            both.map(|(catalog, name)| ("full_name", format!("{catalog}.{name}"))).into_iter().collect()
        },
        attributes: &[("full_name", "its name with the catalog")],
        is_always_read: false,
        ..NOTHING
    };
    static VOLUME: TestKind = TestKind {
        name: "Volume",
        provides: |spec| vec![NamedThing::new(ThingKind::Volume, in_schema(spec))],
        needs: |spec| vec![NamedThing::new(ThingKind::Schema, text(spec, "within"))],
        // Of what stands there, whatever it refers to.
        derived: |spec| {
            let Some((schema, name)) = member(spec, "within").zip(member(spec, "name")) else { return Vec::new() };
            let path = schema.split_once('.').map(|(catalog, schema)| format!("/Volumes/{catalog}/{schema}/{name}"));
            let path = path.filter(|_| !schema.contains('$')).map(|path| ("path", path));
            path.into_iter().chain([("full_name", format!("{schema}.{name}"))]).collect()
        },
        attributes: &[("path", "the folder of its files"), ("full_name", "its name with catalog and schema")],
        is_always_read: false,
    };
    static JOB: TestKind = NOTHING;
    static ALL: [&'static dyn Kind; 4] = [&JOB, &SCHEMA, &SCOPE, &VOLUME];
    &ALL
}

fn thing(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n{spec}---\n")
}

fn volume(name: &str, more: &str) -> String {
    thing("Volume", name, &format!("  within: main.sales\n{more}"))
}

fn job(texts: &str) -> String {
    thing("Job", "etl", &format!("  texts: [{texts}]\n"))
}

fn read(manifests: &str) -> Result<Desired, Vec<String>> {
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {}}}\n";
    let files = BTreeMap::from([
        (PROJECT_FILE.to_owned(), project.as_bytes().to_vec()),
        ("manifests/all.yaml".to_owned(), manifests.as_bytes().to_vec()),
    ]);
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(&InMemory(files), &request, kinds()).map_err(|failure| {
        let line = |span: Option<Span>| span.map_or(0, |span| failure.files.position(span).0);
        let said = failure.problems.iter();
        said.map(|p| format!("{} {} | {} | {}", line(p.span), p.message, p.label, p.help.as_deref().unwrap_or("")))
            .collect()
    })
}

fn desired(manifests: &str) -> Desired {
    read(manifests).unwrap_or_else(|said| panic!("{said:?}"))
}

/// Each resource with those that it refers to; behind a `~` those that it stands on by names.
fn ties(manifests: &str) -> Vec<String> {
    let told = |resource: &Resource| {
        let one = |to: &Address| format!("{}{}", if resource.by_name.contains(to) { "~" } else { "" }, to.name);
        format!("{}: {}", resource.address.name, resource.references.iter().map(one).collect::<Vec<_>>().join(" "))
    };
    desired(manifests).resources.iter().map(told).collect()
}

/// `CHECK LINE message | label`, of the warnings about names.
fn warned(manifests: &str) -> Vec<String> {
    let desired = desired(manifests);
    let said = warnings(&desired, &|_| None).into_iter();
    let line = |problem: &plumb_model::yaml::Problem| desired.files.position(problem.span.unwrap());
    said.map(|(check, p)| format!("{check} {}:{} {} | {}", line(&p).0, line(&p).1, p.message, p.label)).collect()
}

const SCHEMA: &str = "  within: main\n";
const SCOPE: &str = "  keys: [password, user]\n";

#[test]
fn an_attribute_that_follows_from_a_manifest_can_be_referred_to() {
    let texts = "\"${resources.Volume.landing.full_name}/in\", \"${resources.Volume.raw.path}/in\"";
    let all = [
        thing("Schema", "sales", SCHEMA),
        thing("Volume", "landing", "  within: ${resources.Schema.sales.full_name}\n"),
        volume("raw", ""),
        job(texts),
    ];
    let loaded = desired(&all.concat());
    let job = loaded.resources.iter().find(|r| r.address.name == "etl").unwrap();
    assert_eq!(job.spec["texts"], serde_json::json!(["main.sales.landing/in", "/Volumes/main/sales/raw/in"]));
    assert_eq!(ties(&all.concat()), ["etl: ~landing ~raw", "sales: ", "landing: ~sales", "raw: ~sales"]);
    // Also where nothing else of the text says so: a table of a schema.
    let table = job_with_schema("${resources.Schema.sales.full_name}.orders");
    assert_eq!(ties(&table), ["etl: ~sales", "sales: "]);
    // So does the name that others know it by, and no other field.
    assert_eq!(ties(&job_with_schema("${resources.Schema.sales.name}")), ["etl: ~sales", "sales: "]);
    assert_eq!(ties(&job_with_schema("${resources.Schema.sales.within}")), ["etl: ", "sales: "]);
}

fn job_with_schema(text: &str) -> String {
    [thing("Schema", "sales", SCHEMA), job(&format!("\"{text}\""))].concat()
}

#[test]
fn an_attribute_that_is_not_there_is_a_mistake_with_its_place() {
    let of = |text: &str, volume: &str| read(&[job(text), volume.to_owned()].concat()).err().unwrap();
    let help = "only what a manifest sets can be referred to, and `id`, `path`, `full_name`";
    let landing = volume("landing", "");
    for (field, label) in [
        ("paht", "did you mean `path`?"),
        ("nane", "did you mean `name`?"),
        ("ids", "did you mean `id`?"),
        ("size", "there is no field `size`"),
        ("open", "the manifest does not set it"),
    ] {
        let wanted = format!("6 Volume/landing has no `{field}` | {label} | {help}");
        assert_eq!(of(&format!("\"${{resources.Volume.landing.{field}}}\""), &landing), [wanted]);
    }
    let unset = thing("Volume", "landing", "");
    let said = of("\"${resources.Volume.landing.path}\"", &unset);
    assert_eq!(
        said,
        [format!("6 Volume/landing has no `path` | the manifest does not set what it follows from | {help}")]
    );
    // An attribute that goes round in a circle, by way of the field that it follows from.
    let round = thing("Volume", "landing", "  within: ${resources.Volume.landing.full_name}\n");
    let said = of("\"${resources.Volume.landing.full_name}\"", &round);
    let circle = "Volume/landing.full_name → Volume/landing.full_name | closes the circle";
    assert!(!said.is_empty() && said.iter().all(|said| said.contains(circle)), "{said:?}");
}

#[test]
fn who_names_a_thing_comes_after_who_makes_it() {
    let base = [thing("Schema", "sales", SCHEMA), volume("landing", ""), thing("Scope", "lake", SCOPE)].concat();
    for (texts, wanted) in [
        ("/Volumes/main/sales/landing/x", "etl: ~landing"),
        ("dbfs:/Volumes/MAIN/Sales/landing", "etl: ~landing"),
        // A volume that others make in a schema of the project.
        ("/Volumes/main/sales/theirs/x", "etl: ~sales"),
        ("/Volumes/main/theirs/landing", "etl: "),
        ("\"{{secrets/lake/password}}\"", "etl: ~lake"),
        // Its scope is enough.
        ("\"{{secrets/lake/other}}\"", "etl: ~lake"),
        ("\"{{secrets/theirs/password}}\"", "etl: "),
        ("\"{{secrets/${resources.Scope.lake}/password}}\"", "etl: lake"),
        // Each once, and what is referred to as well is referred to.
        ("/Volumes/main/sales/landing, /Volumes/main/sales/landing/y, \"${resources.Volume.landing}\"", "etl: landing"),
        ("/Volumes/main/sales/landing, \"{{secrets/lake/user}}\"", "etl: ~landing ~lake"),
    ] {
        assert_eq!(ties(&[base.clone(), job(texts)].concat())[0], wanted, "{texts}");
    }
    assert_eq!(ties(&base), ["sales: ", "lake: ", "landing: ~sales"]);
}

#[test]
fn a_name_closes_no_circle() {
    let comment = "  texts: [about /Volumes/main/sales/landing]\n";
    let schema = thing("Schema", "sales", &format!("{SCHEMA}{comment}"));
    // What has to be there is believed rather than a comment.
    assert_eq!(ties(&[schema.clone(), volume("landing", "")].concat()), ["sales: ", "landing: ~sales"]);
    // Two that name each other: neither, and the third does.
    let a = volume("a", "  texts: [/Volumes/main/sales/b]\n");
    let b = volume("b", "  texts: [/Volumes/main/sales/a]\n");
    let c = volume("c", "  texts: [/Volumes/main/sales/a]\n");
    assert_eq!(ties(&[a, b, c].concat()), ["a: ", "b: ", "c: ~a"]);
    // A reference wins, by however many steps.
    let schema = thing("Schema", "sales", &format!("{SCHEMA}  texts: [\"${{resources.Job.etl}}\"]\n"));
    let all = [schema, volume("landing", ""), job("/Volumes/main/sales/landing")].concat();
    let wanted = ["etl: ", "sales: etl", "landing: ~sales"];
    assert_eq!(ties(&all), wanted);
    // Nobody stands on itself.
    assert_eq!(ties(&volume("a", "  texts: [/Volumes/main/sales/a/x]\n")), ["a: "]);
}

#[test]
fn a_project_without_such_things_has_no_ties() {
    assert_eq!(ties(&job("/Volumes/main/sales/landing, \"{{secrets/lake/password}}\"")), ["etl: "]);
    assert_eq!(warned(&job("/Volumes/main/sales/landing, \"{{secrets/lake/password}}\"")), Vec::<String>::new());
}

#[test]
fn the_work_grows_with_the_manifests_and_their_names() {
    /// A manifest by its number, of so many.
    type Shape<'f> = &'f dyn Fn(usize, usize) -> String;
    let shapes: [(&str, Shape<'_>); 3] = [
        ("a star", &|at, _| volume(&format!("v{at}"), "  texts: [/Volumes/main/sales/v0]\n")),
        ("a chain", &|at, _| volume(&format!("v{at}"), &format!("  texts: [/Volumes/main/sales/v{}]\n", at + 1))),
        ("a circle", &|at, count| {
            volume(&format!("v{at}"), &format!("  texts: [/Volumes/main/sales/v{}]\n", (at + 1) % count))
        }),
    ];
    for (what, one) in shapes {
        for count in [50, 200] {
            let all: String = (0..count).map(|at| one(at, count)).collect();
            let mut resources = desired(&[all, thing("Schema", "sales", SCHEMA)].concat()).resources;
            resources.iter_mut().for_each(|r| r.references.clear());
            let steps = link(&mut resources, &BTreeMap::new());
            assert!(steps <= 12 * count, "{what}: {steps} steps for {count} manifests");
        }
    }
}

#[test]
fn a_name_that_no_manifest_declares_is_warned_of_where_something_is_near() {
    let base = [job("PLACE"), thing("Schema", "sales", SCHEMA), volume("landing", ""), thing("Scope", "lake", SCOPE)];
    let scope = "undeclared-scope 6:12 no manifest declares the secret scope";
    let undeclared = "undeclared-volume 6:12 no manifest declares the volume";
    for (text, wanted) in [
        ("{{secrets/lake/password}}", None),
        (
            "{{secrets/lake/pasword}}",
            Some("undeclared-secret 6:12 Scope/lake declares no secret `pasword` | did you mean `password`?".into()),
        ),
        ("{{secrets/LAKE/Password}}", None),
        (
            "{{secrets/lake/token}}",
            Some("undeclared-secret 6:12 Scope/lake declares no secret `token` | no manifest declares it".into()),
        ),
        ("{{secrets/laek/password}}", Some(format!("{scope} `laek` | did you mean `lake`?"))),
        ("{{secrets/warehouse/password}}", None),
        ("/Volumes/main/sales/landing/x", None),
        ("/Volumes/main/sales/landign/x", Some(format!("{undeclared} `main.sales.landign` | did you mean `landing`?"))),
        (
            "/Volumes/main/sales/raw",
            Some(format!("{undeclared} `main.sales.raw` | the project has its schema, and not the volume")),
        ),
        (
            "/Volumes/main/slaes/landing",
            Some(format!("{undeclared} `main.slaes.landing` | did you mean `/Volumes/main/sales/landing`?")),
        ),
        (
            "/Volumes/mian/sales/landing",
            Some(format!("{undeclared} `mian.sales.landing` | did you mean `/Volumes/main/sales/landing`?")),
        ),
        ("/Volumes/mian/slaes/landing", None),
        ("/Volumes/main/theirs/raw", None),
        ("/Volumes/theirs/sales/landing", None),
    ] {
        let all = base.concat().replace("PLACE", &format!("\"{text}\""));
        assert_eq!(warned(&all), wanted.into_iter().collect::<Vec<String>>(), "{text}");
    }
    // Others may have put it into a scope that is theirs too, and each name is told once a manifest.
    let all = base.concat().replace("PLACE", "\"{{secrets/lake/token}}\", \"{{secrets/lake/token}}\"");
    assert_eq!(warned(&all).len(), 1);
    assert_eq!(warned(&all.replace(SCOPE, "  open: true\n")), Vec::<String>::new());
}
