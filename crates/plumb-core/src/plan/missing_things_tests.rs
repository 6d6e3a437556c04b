//! What is known by names, and is not there or is about to go.

use super::*;
use crate::kinds::ThingKind;
use crate::plan::Guard;
use crate::plan::plan_world::{World, manifest, mark};
use serde_json::{Value, json};

const SCHEMA: &str = "DatabricksSchema";
const VOLUME: &str = "DatabricksVolume";
const JOB: &str = "DatabricksJob";

fn schema() -> Value {
    json!({ "catalog_name": "main", "name": "sales" })
}

fn volume(name: &str) -> Value {
    json!({ "catalog_name": "main", "schema_name": "sales", "name": name, "volume_type": "MANAGED" })
}

fn full(mut spec: Value, full_name: &str) -> Value {
    spec["full_name"] = json!(full_name);
    spec
}

fn job(path: &str) -> Value {
    let task =
        json!({ "task_key": "main", "notebook_task": { "notebook_path": "/x", "base_parameters": { "in": path } } });
    json!({ "name": "etl", "tasks": [task] })
}

/// The reasons and remedies of what is blocked.
fn blocked(world: &World) -> Vec<String> {
    let plan = world.plan();
    plan.blocked.iter().map(|b| format!("{} | {}", b.reason, b.remedy.as_deref().unwrap_or_default())).collect()
}

#[test]
fn what_is_needed_and_is_not_there_is_refused_and_what_is_not_known_is_not() {
    let landing = manifest(VOLUME, "landing", "", &volume("landing"));
    let with_schema = |name: &str| {
        let spec = json!({ "catalog_name": "main", "name": name });
        format!("{landing}{}", manifest(SCHEMA, "sales", "", &spec))
    };
    let gone = |kind, name: &str, mut world: World| {
        world.live.missing.insert(NamedThing::new(kind, name));
        world
    };
    let live_schema = || World::of(landing.clone()).with(SCHEMA, "main.sales", full(schema(), "main.sales"), None);
    let schema_gone = |world| gone(ThingKind::Schema, "main.sales", world);
    let said = "schema main.sales is not there, and no manifest makes it (manifests/all.yaml:5)";
    for (what, world, wanted) in [
        ("nobody knows", World::of(landing.clone()), None),
        (
            "it is not there",
            schema_gone(World::of(landing.clone())),
            Some(format!("{said} | make it first, or add a manifest of it")),
        ),
        (
            "something is near",
            schema_gone(World::of(with_schema("sale"))),
            Some(format!("{said} | did you mean `main.sale`? Or make it first")),
        ),
        ("a manifest makes it", schema_gone(World::of(with_schema("sales"))), None),
        ("it is live after all", schema_gone(live_schema()), None),
        ("another one is not there", gone(ThingKind::Schema, "main.other", World::of(landing.clone())), None),
        ("it is spelled otherwise", gone(ThingKind::Schema, "MAIN.Sales", live_schema()), None),
        (
            "its catalog is not there",
            gone(ThingKind::Catalog, "main", World::of(landing.clone())),
            Some("catalog main is not there, and no manifest makes it (manifests/all.yaml:5) | make it first, or add a manifest of it".into()),
        ),
    ] {
        assert_eq!(blocked(&world), wanted.into_iter().collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn a_part_that_takes_a_name_away_leaves_nobody_behind_who_uses_it() {
    let path = "/Volumes/main/sales/landing/in";
    // Replaced under another name, and under its own.
    for (name, location, wanted) in [("other", "", true), ("landing", "s3://lake/landing", false)] {
        let mut spec = volume(name);
        if !location.is_empty() {
            spec["volume_type"] = json!("EXTERNAL");
            spec["storage_location"] = json!(location);
        }
        let manifests = format!("{}{}", manifest(VOLUME, "landing", "", &spec), manifest(JOB, "etl", "", &job("/x")));
        let world = World::of(manifests)
            .with(
                VOLUME,
                "main.sales.landing",
                full(volume("landing"), "main.sales.landing"),
                Some(mark("bau/prod/DatabricksVolume/landing", "00000000")),
            )
            .with(JOB, "7", job(path), Some(mark("bau/prod/DatabricksJob/etl", "00000000")))
            .only(&["DatabricksVolume/landing"]);
        let plan = world.plan();
        assert_eq!(plan.changes.len(), 1, "{name}: {:?}", plan.blocked);
        let is_held = plan.blocked.iter().any(|blocked| blocked.guard == Some(Guard::Dangling));
        assert_eq!(is_held, wanted, "{name}: {:?}", plan.blocked);
    }
}

#[test]
fn who_knows_a_thing_by_its_name_needs_no_more_than_that_it_is_there() {
    let all = format!(
        "{}{}",
        manifest(VOLUME, "landing", "", &volume("landing")),
        manifest(JOB, "etl", "", &job("/Volumes/main/sales/landing"))
    );
    let of_others =
        |world: World| world.with(VOLUME, "main.sales.landing", full(volume("landing"), "main.sales.landing"), None);
    let only = ["DatabricksJob/etl"];
    let said = "it names DatabricksVolume/landing, which is not live and will not be made by this plan | fix or select \
                DatabricksVolume/landing first";
    assert_eq!(blocked(&World::of(all.clone()).only(&only)), [said]);
    assert_eq!(of_others(World::of(all.clone())).only(&only).says(), ["create etl"]);
    // Where the volumes of a target are not read, nobody can say that it is not there.
    let mut unread = World::of(all.clone()).only(&only);
    unread.kinds.retain(|kind| kind.name() != VOLUME);
    assert_eq!(unread.says(), ["create etl"]);
    // Who refers to its id needs that.
    let by_id = all.replace("/Volumes/main/sales/landing", "${resources.DatabricksVolume.landing}");
    assert_eq!(of_others(World::of(by_id)).only(&only).says(), ["blocked etl"]);
}
