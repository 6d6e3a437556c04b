//! Schemas, volumes and locations: grants as differences, listings in stages, what a delete would destroy.

use super::external_location::DatabricksExternalLocation;
use super::schema::DatabricksSchema;
use super::unity_grants;
use super::volume::DatabricksVolume;
use crate::kinds::contents::DESTROYS_DATA;
use crate::kinds::{
    Answered, AnsweredRead, Contained, Kind, NamedThing, Observed, Scope, Step, ThingKind, Unreadable, Verb, Whose,
};
use plumb_model::call::{Call, Method, Ready};
use plumb_model::schema::Path;
use serde_json::{Value, json};

/// A schema with these grants, read for a manifest that wants those.
fn granted(live: &Value, wanted: &Value) -> Observed {
    let row = json!({ "full_name": "main.sales", "catalog_name": "main", "name": "sales", "owner": "ann" });
    let mut seen = DatabricksSchema.parse_one(&[vec![row]]).unwrap();
    let pages = match DatabricksSchema.details(&seen, Some(wanted)).as_slice() {
        [] => Vec::new(),
        _ => vec![Ok(vec![json!({ "privilege_assignments": live }), json!({})])],
    };
    DatabricksSchema.complete(&mut seen, Some(wanted), &pages).unwrap();
    seen
}

fn step<'a>(verb: Verb, live: Option<&'a Observed>, body: &'a Value, changed: &'a [Path]) -> Step<'a> {
    Step { verb, live, body, changed, now: jiff::Timestamp::UNIX_EPOCH }
}

fn grants(list: &[(&str, &[&str])]) -> Value {
    list.iter().map(|(who, what)| json!({ "principal": who, "privileges": what })).collect()
}

/// The calls of an update of these members.
fn updated(kind: &dyn Kind, live: &Observed, body: &Value, members: &[&str]) -> Vec<Call> {
    let changed: Vec<Path> = members.iter().map(|member| Path::default().key(member)).collect();
    kind.calls(&step(Verb::Update, Some(live), body, &changed)).unwrap()
}

#[test]
fn a_write_of_grants_names_what_differs_and_nothing_else() {
    let none: &[&str] = &[];
    for (wanted, additive, live, changes) in [
        // Whoever is not in an exact list loses what they had.
        (
            grants(&[("ann", &["SELECT", "USE_SCHEMA"])]),
            false,
            grants(&[("ann", &["MODIFY", "SELECT"]), ("bob", &["SELECT"])]),
            json!([
                { "principal": "ann", "add": ["USE_SCHEMA"], "remove": ["MODIFY"] },
                { "principal": "bob", "remove": ["SELECT"] },
            ]),
        ),
        // Of an additive one, what others granted stays, to the same principal too.
        (
            grants(&[("ann", &["SELECT", "USE_SCHEMA"])]),
            true,
            grants(&[("ann", &["MODIFY", "SELECT"]), ("bob", &["SELECT"])]),
            json!([{ "principal": "ann", "add": ["USE_SCHEMA"] }]),
        ),
        // Names are those of the service, in whatever case the manifest has them.
        (
            grants(&[("Ann@Example.com", &["SELECT"])]),
            false,
            grants(&[("ann@example.com", &["MODIFY"])]),
            json!([{ "principal": "ann@example.com", "add": ["SELECT"], "remove": ["MODIFY"] }]),
        ),
        // Who loses all privileges keeps what is wanted, whatever goes with them.
        (
            grants(&[("ann", &["SELECT"])]),
            false,
            grants(&[("ann", &["ALL_PRIVILEGES", "MANAGE", "SELECT"])]),
            json!([{ "principal": "ann", "add": ["SELECT"], "remove": ["ALL_PRIVILEGES", "MANAGE"] }]),
        ),
        // Who gets all of them keeps those that they include, and no others.
        (
            grants(&[("ann", &["ALL_PRIVILEGES"])]),
            false,
            grants(&[("ann", &["MANAGE", "SELECT"])]),
            json!([{ "principal": "ann", "add": ["ALL_PRIVILEGES"], "remove": ["MANAGE"] }]),
        ),
        (grants(&[]), false, grants(&[("ann", &["SELECT"])]), json!([{ "principal": "ann", "remove": ["SELECT"] }])),
        (grants(&[("ann", &["SELECT"])]), false, grants(&[("ann", &["SELECT"]), ("bob", none)]), json!(null)),
    ] {
        let mut body = json!({ "catalog_name": "main", "name": "sales", "grants": wanted });
        if additive {
            body["grants_mode"] = json!("additive");
        }
        let seen = granted(&live, &body);
        let calls = updated(&DatabricksSchema, &seen, &body, &["grants"]);
        let sent = calls.first().map_or(Value::Null, |call| call.body.clone().unwrap()["changes"].clone());
        assert_eq!(sent, changes, "{body} over {live}");
        for call in calls {
            assert_eq!(call.line(), "PATCH /api/2.1/unity-catalog/permissions/schema/main.sales");
            assert_eq!(call.wait_for.unwrap().reads.len(), changes.as_array().unwrap().len());
        }
    }
}

#[test]
fn live_grants_are_shown_as_far_as_a_manifest_speaks_of_them() {
    let live = grants(&[("ann", &["ALL_PRIVILEGES", "USE_SCHEMA"]), ("bob", &["MODIFY", "SELECT"])]);
    for (wanted, mode, shown) in [
        // All that is granted: what the manifest does not have is a difference.
        (
            grants(&[("ann", &["SELECT"])]),
            Value::Null,
            grants(&[("ann", &["ALL_PRIVILEGES", "SELECT", "USE_SCHEMA"]), ("bob", &["MODIFY", "SELECT"])]),
        ),
        // All privileges include the others.
        (
            grants(&[("ann", &["ALL_PRIVILEGES"])]),
            Value::Null,
            grants(&[("ann", &["ALL_PRIVILEGES"]), ("bob", &["MODIFY", "SELECT"])]),
        ),
        // But not the right to give the schema away.
        (grants(&[("ann", &["MANAGE", "EXTERNAL_USE_SCHEMA"])]), json!("additive"), grants(&[])),
        (grants(&[("ann", &["SELECT"])]), json!("additive"), grants(&[("ann", &["SELECT"])])),
        (grants(&[("bob", &["SELECT", "EXECUTE"])]), json!("additive"), grants(&[("bob", &["SELECT"])])),
        (grants(&[]), json!("additive"), grants(&[])),
    ] {
        let spec = json!({ "grants": wanted, "grants_mode": mode });
        assert_eq!(granted(&live, &spec).spec["grants"], shown, "{spec}");
    }
    let silent = json!({ "name": "sales" });
    assert!(granted(&live, &silent).spec.get("grants").is_none(), "a manifest without grants reads none");
    let broken = json!([{ "principal": "ann", "privileges": "SELECT" }]);
    let mut seen = granted(&json!([]), &json!({ "grants": [] }));
    let pages = [Ok(vec![json!({ "privilege_assignments": broken })])];
    let why = DatabricksSchema.complete(&mut seen, Some(&json!({ "grants": [] })), &pages).unwrap_err();
    assert_eq!(why, "its grants cannot be read: `privileges` is no list");
}

#[test]
fn a_write_is_waited_for_until_reads_show_it_but_not_for_ever() {
    let expect = json!({ "grants": [{ "principal": "ann", "add": ["SELECT"], "remove": ["MODIFY"] }] });
    let look = |privileges: &[&str]| json!({ "privilege_assignments": grants(&[("Ann", privileges)]) });
    let mut memory = Value::Null;
    for (looked, is_ready) in [
        (look(&["MODIFY"]), false),
        (look(&["MODIFY", "SELECT"]), false),
        (Value::Null, false),
        (look(&["SELECT", "USE_SCHEMA"]), true),
    ] {
        let ready = unity_grants::settled(&expect, std::slice::from_ref(&looked), &mut memory);
        assert_eq!(ready == Ready::Yes, is_ready, "{looked}");
    }
    let late = look(&[]);
    let looks =
        (0..).take_while(|_| unity_grants::settled(&expect, std::slice::from_ref(&late), &mut memory) != Ready::Yes);
    assert!(looks.count() < 10, "whoever verifies the change says what is not shown");
}

fn told(path: &str, query: &[(&str, &str)], answer: Answered) -> AnsweredRead {
    let read = super::unity::listing(path, query);
    AnsweredRead { read, answer }
}

fn lines(reads: &[plumb_model::read::Read]) -> Vec<String> {
    reads
        .iter()
        .map(|read| read.call.line().replace("GET /api/2.1/unity-catalog/", "").replace("&max_results=0", ""))
        .collect()
}

fn scope(named: &[&str], catalogs: &[&str], everywhere: bool) -> Scope {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Scope { named: set(named), catalogs: set(catalogs), everywhere, owner: ("shop".into(), "prod".into()) }
}

#[test]
fn schemas_are_looked_for_where_manifests_have_them_and_elsewhere_only_when_asked() {
    let listing = DatabricksSchema.nested().unwrap();
    let reads = lines(&listing.first(&scope(&["main"], &["dev"], false)));
    assert_eq!(reads, ["schemas?catalog_name=dev", "schemas?catalog_name=main"]);
    let everywhere = scope(&["main"], &[], true);
    assert_eq!(lines(&listing.first(&everywhere)), ["schemas?catalog_name=main", "catalogs?max_results=0"]);
    let catalog = |name: &str, kind: &str| json!({ "name": name, "catalog_type": kind });
    let catalogs = json!([
        catalog("main", "MANAGED_CATALOG"),
        catalog("dev", "MANAGED_CATALOG"),
        catalog("system", "SYSTEM_CATALOG"),
        catalog("pg", "FOREIGN_CATALOG"),
        catalog("shared", "DELTASHARING_CATALOG"),
        catalog("samples", ""),
        catalog("__databricks_internal", "INTERNAL_CATALOG"),
    ]);
    let catalogs = told("catalogs", &[], Answered::Pages(vec![json!({ "catalogs": catalogs })]));
    assert_eq!(lines(&listing.then(&everywhere, &[catalogs])), ["schemas?catalog_name=dev"]);
}

#[test]
fn a_named_place_that_refuses_is_unknown_and_another_one_stands_in_nobodys_way() {
    let listing = DatabricksSchema.nested().unwrap();
    let refused = |catalog: &str| told("schemas", &[("catalog_name", catalog)], Answered::Refused("403: no".into()));
    let row = json!({ "catalog_name": "new", "name": "sales" });
    let first = [
        refused("main"),
        refused("dev"),
        told("schemas", &[("catalog_name", "gone")], Answered::Gone),
        told("schemas", &[("catalog_name", "new")], Answered::Pages(vec![json!({ "schemas": [row] }), json!({})])),
    ];
    let found = listing.parse(&scope(&["main", "gone"], &["dev", "new"], false), &first, &[]);
    let whose = |one: &Result<Observed, Unreadable>| match one {
        Ok(seen) => seen.id.clone(),
        Err(one) if one.whose == Whose::Unknown && one.title.is_none() => format!("unknown: {one}"),
        Err(one) => format!("told: {one}"),
    };
    assert_eq!(
        found.iter().map(whose).collect::<Vec<_>>(),
        [
            "unknown: the schemas of the catalog main: 403: no",
            "told: the schemas of the catalog dev: 403: no",
            "new.sales"
        ]
    );
    assert_eq!(listing.missing(&first, &[]), [NamedThing::new(ThingKind::Catalog, "gone")]);
}

#[test]
fn volumes_are_looked_for_in_schemas_of_manifests_of_the_project_and_of_catalogs_that_the_target_names() {
    let listing = DatabricksVolume.nested().unwrap();
    let schema = |name: &str, comment: &str| json!({ "full_name": name, "comment": comment });
    let own = "[plumb shop/prod/DatabricksSchema/x]";
    let rows = |catalog: &str, rows: Value| {
        told("schemas", &[("catalog_name", catalog)], Answered::Pages(vec![json!({ "schemas": rows })]))
    };
    let narrow = scope(&["main.sales"], &["dev"], false);
    assert_eq!(
        lines(&listing.first(&narrow)),
        ["volumes?catalog_name=main&schema_name=sales", "schemas?catalog_name=dev", "schemas?catalog_name=main"]
    );
    let first = [
        rows("dev", json!([schema("dev.any", ""), schema("dev.information_schema", "")])),
        rows(
            "main",
            json!([
                schema("main.sales", own),
                schema("main.own", own),
                schema("main.foreign", ""),
                schema("main.rival", "[plumb shop/dev/DatabricksSchema/x]"),
            ]),
        ),
    ];
    assert_eq!(
        lines(&listing.then(&narrow, &first)),
        ["volumes?catalog_name=dev&schema_name=any", "volumes?catalog_name=main&schema_name=own"]
    );
    // An import looks everywhere, which takes a third stage.
    let everywhere = scope(&[], &[], true);
    let catalogs = json!({ "catalogs": [{ "name": "dev" }, { "name": "system" }] });
    let catalogs = told("catalogs", &[], Answered::Pages(vec![catalogs]));
    assert_eq!(lines(&listing.then(&everywhere, &[catalogs])), ["schemas?catalog_name=dev"]);
    assert_eq!(lines(&listing.last(&everywhere, &first[..1])), ["volumes?catalog_name=dev&schema_name=any"]);
    let gone = told("volumes", &[("catalog_name", "main"), ("schema_name", "sales")], Answered::Gone);
    assert_eq!(listing.missing(&[gone], &[]), [NamedThing::new(ThingKind::Schema, "main.sales")]);
}

#[test]
fn what_a_schema_holds_is_counted_with_its_volumes() {
    let schema = granted(&json!([]), &json!({}));
    let reads = DatabricksSchema.contents(&schema);
    let pages = |member: &str, names: &[&str]| {
        let row = |name: &&str| json!({ "catalog_name": "main", "schema_name": "sales", "name": name });
        Ok(vec![json!({ member: [] }), json!({ member: names.iter().map(row).collect::<Vec<_>>() })])
    };
    let mut all = vec![
        pages("tables", &["a", "b"]),
        pages("volumes", &["landing"]),
        pages("functions", &[]),
        pages("registered_models", &["m"]),
    ];
    assert_eq!(reads.len(), all.len());
    let contained = DatabricksSchema.contained(&schema, &all).unwrap();
    let words = |one: &Contained| format!("{} {}", one.noun, one.id);
    assert_eq!(
        contained.iter().map(words).collect::<Vec<_>>(),
        ["table main.sales.a", "table main.sales.b", "volume main.sales.landing", "model main.sales.m"]
    );
    let kinds: Vec<_> = contained.iter().filter_map(|one| one.kind).collect();
    assert_eq!(kinds, [DatabricksVolume.name()]);
    all[2] = Err("403: no".into());
    assert_eq!(DatabricksSchema.contained(&schema, &all).unwrap_err(), "its functions cannot be read: 403: no");
}

fn volume(kind: &str) -> Observed {
    let row = json!({ "full_name": "main.sales.landing", "volume_type": kind });
    DatabricksVolume.parse_one(&[vec![row]]).unwrap()
}

#[test]
fn only_a_managed_volume_holds_files_that_go_with_it() {
    assert!(DatabricksVolume.contents(&volume("EXTERNAL")).is_empty());
    assert_eq!(DatabricksVolume.contained(&volume("EXTERNAL"), &[]), Ok(Vec::new()));
    let managed = volume("MANAGED");
    let listing =
        |folder: &str| format!("GET /api/2.0/fs/directories/Volumes/main/sales/landing{folder}?page_size=1000");
    assert_eq!(DatabricksVolume.contents(&managed)[0].call.line(), listing(""));
    let entries = json!([
        { "path": "/Volumes/main/sales/landing/a.csv", "is_directory": false },
        { "path": "/Volumes/main/sales/landing/old", "is_directory": true },
    ]);
    let contained = |page: Value| DatabricksVolume.contained(&managed, &[Ok(vec![page])]).unwrap();
    let things = contained(json!({ "contents": entries }));
    assert_eq!(things.iter().map(|one| one.noun).collect::<Vec<_>>(), ["file", "folder"]);
    let inside = |one: &Contained| DatabricksVolume.inside(&managed, one).map(|read| read.call.line());
    assert_eq!(things.iter().map(inside).collect::<Vec<_>>(), [None, Some(listing("/old"))]);
    assert_eq!(contained(json!({})), Vec::new());
}

#[test]
fn a_delete_is_forced_only_where_the_plan_is_to_destroy_data() {
    let line = |kind: &dyn Kind, facts: Value| {
        let seen = Observed { id: "main.sales".into(), facts, ..Observed::default() };
        kind.calls(&step(Verb::Delete, Some(&seen), &Value::Null, &[])).unwrap()[0].line()
    };
    let destroys = || json!({ (DESTROYS_DATA): true });
    let plain = "DELETE /api/2.1/unity-catalog/schemas/main.sales";
    assert_eq!(line(&DatabricksSchema, json!({})), plain);
    assert_eq!(line(&DatabricksSchema, destroys()), format!("{plain}?force=true"));
    let location = line(&DatabricksExternalLocation, destroys());
    assert_eq!(location, "DELETE /api/2.1/unity-catalog/external-locations/main.sales", "a location is never forced");
}

#[test]
fn properties_of_the_service_stay_and_go_with_every_write_of_them() {
    let own = "unity.catalog.managed.delta.defaults.x";
    let row = json!({ "full_name": "main.sales", "properties": { own: "1", "team": "a" }, "owner": "ann", "created_by": "ann" });
    let mut seen = DatabricksSchema.parse_one(&[vec![row]]).unwrap();
    assert_eq!(DatabricksSchema.export(&seen)["properties"], json!({ "team": "a" }));
    assert!(DatabricksSchema.export(&seen).get("owner").is_none(), "who made it owns it anyway");
    let body = json!({ "properties": { "team": "b" }, "comment": "[plumb x]" });
    DatabricksSchema.complete(&mut seen, Some(&body), &[]).unwrap();
    assert_eq!(seen.spec["properties"], json!({ "team": "a" }));
    let calls = updated(&DatabricksSchema, &seen, &body, &["properties"]);
    let wanted = json!({ "comment": "[plumb x]", "properties": { own: "1", "team": "b" } });
    assert_eq!((calls.len(), calls[0].method, calls[0].body.clone().unwrap()), (1, Method::Patch, wanted));
}

#[test]
fn what_only_an_update_takes_follows_the_create_and_the_owner_comes_last() {
    let body = json!({
        "catalog_name": "main", "name": "sales", "full_name": "main.sales", "comment": "c", "owner": "data",
        "enable_predictive_optimization": "ENABLE", "grants": grants(&[("ann", &["SELECT"])]),
    });
    let calls = DatabricksSchema.calls(&step(Verb::Create, None, &body, &[])).unwrap();
    assert_eq!(calls[0].body, Some(json!({ "catalog_name": "main", "name": "sales", "comment": "c" })));
    let bodies: Vec<_> = calls[1..].iter().map(|call| call.body.clone().unwrap()).collect();
    assert_eq!(bodies[0], json!({ "enable_predictive_optimization": "ENABLE" }));
    assert_eq!(bodies[1], json!({ "changes": [{ "principal": "ann", "add": ["SELECT"] }] }));
    assert_eq!(bodies[2..], [json!({ "owner": "data" })]);
    // An administrator who is not the owner may change nothing but the owner.
    let seen = granted(&json!([]), &body);
    let calls = updated(&DatabricksSchema, &seen, &body, &["owner", "comment"]);
    let bodies: Vec<_> = calls.iter().map(|call| call.body.clone().unwrap()).collect();
    assert_eq!(bodies, [json!({ "owner": "data" }), json!({ "comment": "c" })]);
}

#[test]
fn a_location_is_not_closed_to_the_workspace_that_reads_it() {
    let body = |mode: &str| json!({ "name": "lake", "isolation_mode": mode });
    let live = |mode: &str| Observed { id: "lake".into(), spec: body(mode), ..Observed::default() };
    let (open, closed) = ("ISOLATION_MODE_OPEN", "ISOLATION_MODE_ISOLATED");
    let mode = [Path::default().key("isolation_mode")];
    for (from, to, is_refused) in [(None, closed, true), (Some(open), closed, true), (Some(closed), open, false)] {
        let (seen, body) = (from.map(live), body(to));
        let verb = if seen.is_some() { Verb::Update } else { Verb::Create };
        let calls = DatabricksExternalLocation.calls(&step(verb, seen.as_ref(), &body, &mode));
        assert_eq!(calls.is_err(), is_refused, "{from:?} to {to}");
    }
    let (seen, body) = (live(closed), body(closed));
    assert!(DatabricksExternalLocation.calls(&step(Verb::Update, Some(&seen), &body, &[])).is_ok());
}

#[test]
fn what_is_the_platforms_own_says_why() {
    let own = |id: &str, kind: &str| {
        let seen = Observed { id: id.into(), spec: json!({ "catalog_type": kind }), ..Observed::default() };
        DatabricksSchema.platforms_own(&seen).is_some()
    };
    for id in ["main.information_schema", "main.default", "system.billing", "samples.nyctaxi"] {
        assert!(own(id, "MANAGED_CATALOG"), "{id}");
    }
    assert!(own("pg.public", "FOREIGN_CATALOG"));
    assert!(!own("main.sales", "MANAGED_CATALOG"));
    let volume = Observed { id: "samples.a.b".into(), ..Observed::default() };
    assert!(DatabricksVolume.platforms_own(&volume).is_some());
}
