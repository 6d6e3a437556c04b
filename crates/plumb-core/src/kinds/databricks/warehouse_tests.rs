use super::*;
use crate::kinds::Mark;
use plumb_model::schema::Path;

fn live(spec: Value, state: Option<&str>) -> Observed {
    Observed { id: "w-1".into(), spec, state: state.map(str::to_owned), facts: json!({}), ..Observed::default() }
}

fn step<'s>(verb: Verb, live: Option<&'s Observed>, body: &'s Value, changed: &'s [Path]) -> Step<'s> {
    Step { verb, live, body, changed, now: jiff::Timestamp::UNIX_EPOCH }
}

fn at(member: &str) -> Path {
    Path::default().key(member)
}

fn sent(verb: Verb, body: Value, changed: &[&str]) -> Value {
    let before = live(json!({}), None);
    let changed: Vec<Path> = changed.iter().map(|member| at(member)).collect();
    let live = (verb != Verb::Create).then_some(&before);
    let calls = DatabricksSqlWarehouse.calls(&step(verb, live, &body, &changed)).unwrap();
    calls[0].body.clone().unwrap()
}

#[test]
fn what_depends_on_something_else_is_always_said() {
    let body = json!({ "name": "a", "cluster_size": "Small", "permissions": [] });
    assert_eq!(
        sent(Verb::Create, body, &[]),
        json!({ "name": "a", "cluster_size": "Small", "max_num_clusters": 1 }),
        "no permissions, and no defaults that the service fills in"
    );
    let grown = json!({ "name": "a", "min_num_clusters": 3, "enable_serverless_compute": true });
    let grown = sent(Verb::Update, grown, &["min_num_clusters"]);
    assert_eq!((&grown["max_num_clusters"], &grown["warehouse_type"]), (&json!(3), &json!("PRO")));
}

#[test]
fn what_is_taken_out_of_a_manifest_goes_back_to_its_default() {
    let members = ["auto_stop_mins", "channel", "enable_photon", "spot_instance_policy", "min_num_clusters"];
    let body = sent(Verb::Update, json!({ "name": "a" }), &members);
    assert_eq!(body["auto_stop_mins"], 120);
    assert_eq!(body["channel"], json!({ "name": "CHANNEL_NAME_CURRENT" }));
    assert_eq!((&body["enable_photon"], &body["spot_instance_policy"]), (&json!(true), &json!("COST_OPTIMIZED")));
    let serverless = json!({ "name": "a", "enable_serverless_compute": true });
    assert_eq!(sent(Verb::Update, serverless, &["auto_stop_mins"])["auto_stop_mins"], 10);
    // What did not change is not said: it may be anybody's.
    assert_eq!(sent(Verb::Update, json!({ "name": "a" }), &["name"]).get("auto_stop_mins"), None);
}

#[test]
fn an_edit_restarts_what_runs_and_starts_what_does_not() {
    let body = json!({ "name": "b" });
    let says = |verb, state: Option<&str>, changed: &str| {
        let live = live(json!({}), state);
        let changed = [at(changed)];
        Impact::split(DatabricksSqlWarehouse.impact(&step(verb, Some(&live), &body, &changed)))
    };
    assert_eq!(says(Verb::Update, Some("RUNNING"), "name").0, ["restarts the warehouse"]);
    assert_eq!(says(Verb::Update, None, "name").0, ["restarts the warehouse"], "a state that is not known may be any");
    assert_eq!(says(Verb::Update, Some("STOPPED"), "name").0, ["starts the warehouse"]);
    assert!(says(Verb::Update, Some("RUNNING"), "permissions").0.is_empty());
    let (_, classes) = says(Verb::Delete, Some("RUNNING"), "name");
    assert_eq!(classes, [ImpactClass::EndsCluster, ImpactClass::BreaksUsers].into());
    assert_eq!(says(Verb::Delete, Some("STOPPED"), "name").1, [ImpactClass::BreaksUsers].into());
    let created = Impact::split(DatabricksSqlWarehouse.impact(&step(Verb::Create, None, &body, &[])));
    assert_eq!(created.1, [ImpactClass::StartsCluster].into());
}

#[test]
fn what_is_deleted_is_not_there_and_what_every_workspace_has_is_nobodys() {
    let row = |id: &str, name: &str, state: &str| json!({ "id": id, "name": name, "state": state });
    let page = json!({ "warehouses": [
        row("1", "Starter Warehouse", "STOPPED"), row("2", "analytics", "RUNNING"),
        row("3", "gone", "DELETED"), row("4", "going", "DELETING"),
    ]});
    let kind: &dyn Kind = &DatabricksSqlWarehouse;
    let found = kind.observe(&[vec![page]]);
    let found: Vec<Observed> = found.into_iter().map(Result::unwrap).collect();
    assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert!(DatabricksSqlWarehouse.platforms_own(&found[0]).is_some());
    assert!(DatabricksSqlWarehouse.platforms_own(&found[1]).is_none());
}

#[test]
fn a_mark_among_tags_is_read_and_the_tags_of_others_stay() {
    let mut row = json!({ "id": "1", "tags": { "custom_tags": [
        { "key": "team", "value": "a" },
        { "key": "plumb", "value": "bau/prod/DatabricksSqlWarehouse/a" },
        { "key": "plumb_rev", "value": "0123456789ab-deadbeef" },
    ]}});
    let mark: Mark = DatabricksSqlWarehouse.mark().take(&mut row).unwrap();
    assert_eq!(mark.owner.address.name, "a");
    assert_eq!(row["tags"]["custom_tags"], json!([{ "key": "team", "value": "a" }]));
}

#[test]
fn the_version_that_a_channel_is_at_is_nobodys_wish() {
    for (name, stays) in [("CHANNEL_NAME_CUSTOM", true), ("CHANNEL_NAME_CURRENT", false), ("CHANNEL_NAME_NEW", true)] {
        let row = json!({ "id": "1", "channel": { "name": name, "dbsql_version": "2026.20" } });
        assert_eq!(seen(&row).unwrap().spec["channel"].get("dbsql_version").is_some(), stays, "{name}");
    }
}

#[test]
fn an_unknown_setting_cannot_be_taken_away() {
    let (before, body) = (live(json!({ "of_tomorrow": 1 }), None), json!({ "name": "a" }));
    let changed = [at("of_tomorrow")];
    let refused = DatabricksSqlWarehouse.calls(&step(Verb::Update, Some(&before), &body, &changed)).unwrap_err();
    assert!(refused.to_string().contains("`metadata.remove` names of_tomorrow"), "{refused}");
}
