//! The ready-made account, by plumb's own reading of it and by its binary.

use super::server::{NOW, REGION, Server};
use jiff::Timestamp;
use plumb::observe::inventory::{self as reading, InventoryWatch};
use plumb_core::inventory::{self, RawCluster, ReadLimits};
use serde_json::{Value, json};
use std::process::Command;

struct Deaf;

impl InventoryWatch for Deaf {
    fn listed(&self, _: &str, _: usize) {}
}

#[tokio::test]
async fn is_six_pipelines_of_which_nothing_is_unknown() {
    let server = Server::monthly().await;
    let now = Timestamp::from_millisecond(NOW).unwrap();
    let account = reading::read(server.emr.clone(), None, ReadLimits::default(), now, &Deaf).await.unwrap();
    assert!(account.unknown.is_empty(), "{:?}", account.unknown);
    let inventory = inventory::inventory("123456789012", REGION, now, None, &account);
    let options = plumb_core::translate::TranslationOptions::new(Vec::new());
    let report = plumb_core::migrate::exit::report(inventory, &account, &options, None);
    let shown: Value = serde_json::from_str(&plumb_core::render::emr::json(&report).unwrap()).unwrap();
    let pipelines = shown["pipelines"].as_array().unwrap();
    let names: Vec<&str> = pipelines.iter().map(|pipeline| pipeline["name"].as_str().unwrap()).collect();
    let six = ["bau-attribution", "bau-audience", "bau-churn", "bau-export", "bau-insights", "bau-revenue"];
    assert_eq!(names, six);
    assert_eq!((account.clusters.len(), account.serverless.len(), account.security.len()), (10, 1, 1));
    let state = |name: &str| {
        let cluster = account.clusters.iter().find(|cluster| cluster.name() == name).unwrap();
        cluster.summary()["Status"]["State"].as_str().unwrap().to_owned()
    };
    for (name, expected) in [
        ("bau-attribution-2026-10", "WAITING"),
        ("bau-audience-2026-10", "TERMINATED"),
        ("bau-audience-2026-08", "TERMINATED"),
        ("bau-churn-2026-10", "TERMINATED_WITH_ERRORS"),
        ("bau-export-2026-10", "TERMINATED"),
        ("bau-insights-2026-10", "WAITING"),
        ("bau-revenue-2026-10", "RUNNING"),
    ] {
        assert_eq!(state(name), expected, "{name}");
    }
    // Looking at it changes nothing: what runs in it goes by the clock.
    let again = reading::read(server.emr.clone(), None, ReadLimits::default(), now, &Deaf).await.unwrap();
    let both = [&account, &again]
        .map(|a| a.clusters.iter().map(|c| (c.described.clone(), c.steps.clone())).collect::<Vec<_>>());
    assert_eq!(both[0], both[1]);
    let is_protected = |cluster: &RawCluster| {
        cluster.described.as_ref().is_some_and(|described| described["TerminationProtected"] == true)
    };
    let protected = account.clusters.iter().filter(|cluster| is_protected(cluster)).count();
    assert_eq!(protected, 1);
    // Hours later the step that runs is through, and so is the cluster; the one with a policy has been idle.
    server.advance(6 * 3600).await;
    for name in ["bau-revenue-2026-10", "bau-attribution-2026-10"] {
        let id = account.clusters.iter().find(|cluster| cluster.name() == name).unwrap().id();
        let status = server.cluster(&id).await["Status"].take();
        assert_ne!(status["State"], state(name), "{name}: {status}");
    }
}

#[tokio::test]
async fn of_any_day_fits_and_is_all_known_to_aws() {
    // The last and the first of months, a leap day, a new year.
    for day in ["2026-01-01", "2026-03-01", "2028-02-29", "2026-08-31", "2026-12-31", "2027-01-31"] {
        let now: Timestamp = format!("{day}T00:10:00Z").parse().unwrap();
        let mut store = plumb_sandbox::store::Store::new(plumb_sandbox::store::Clock::Fixed(now.as_millisecond()));
        let ids = plumb_sandbox::emr::seed::add(&mut store, &json!("monthly")).unwrap();
        plumb_sandbox::emr::life::tick(&mut store);
        let clusters = store.dump()["emr"]["regions"][REGION]["clusters"].as_object().unwrap().clone();
        assert_eq!((ids["clusters"].as_object().unwrap().len(), clusters.len()), (10, 10), "{day}");
        for cluster in clusters.values() {
            let (created, ended) = (cluster["created"].as_i64().unwrap(), cluster["ended"].as_i64());
            assert!(created < now.as_millisecond() && ended.is_none_or(|e| e < now.as_millisecond()), "{day}");
        }
    }
}

#[tokio::test]
async fn protects_what_is_protected_when_all_is_torn_down() {
    let server = Server::monthly().await;
    let live = json!({ "ClusterStates": ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"] });
    let listed = server.get("ListClusters", live.clone()).await;
    let ids: Vec<&str> = listed["Clusters"].as_array().unwrap().iter().map(|c| c["Id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3);
    let refused = server.refused("TerminateJobFlows", json!({ "JobFlowIds": ids })).await;
    assert!(refused.contains("ValidationException") && refused.contains("termination protected"), "{refused}");
    let left = server.get("ListClusters", live).await;
    assert_eq!(left["Clusters"][0]["Name"], "bau-insights-2026-10");
    assert_eq!(left["Clusters"].as_array().unwrap().len(), 1, "the others are ending");
}

fn project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let target = "dev: {default: true, sandbox: true, emr: {region: eu-west-1, account: \"210987654321\"}}";
    let project =
        format!("apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: demo}}\nspec:\n  targets:\n    {target}\n");
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("plumb.yaml"), project).unwrap();
    folder
}

/// Runs the binary in a project, and answers what it printed.
fn plumb(folder: &std::path::Path, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    // What the environment says of AWS is not meant for the embedded sandbox.
    let strange =
        [("AWS_ACCESS_KEY_ID", "AKIAX"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")];
    command.env_clear().env("HOME", folder).envs(strange).current_dir(folder);
    let done = command.args(args).output().unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{args:?}: {}{}", said(&done.stdout), said(&done.stderr));
    said(&done.stdout)
}

fn inventory(folder: &std::path::Path) -> Value {
    serde_json::from_str(&plumb(folder, &["emr", "inventory", "--output", "json"])).unwrap()
}

#[test]
fn of_an_embedded_target_is_empty_until_it_is_seeded() {
    let folder = project();
    let empty = inventory(folder.path());
    assert_eq!((&empty["clusters"], &empty["account"]), (&json!(0), &json!("210987654321")));
    let state = folder.path().join(".plumb/sandbox-dev.json");
    plumb_sandbox::seed_state(&state, &json!({ "emr": { "region": "eu-west-1", "monthly": true } })).unwrap();
    let full = inventory(folder.path());
    assert_eq!((&full["clusters"], full["pipelines"].as_array().unwrap().len()), (&json!(10), 6));
    assert_eq!(full["unread"], json!([]));
}

/// Every call of a teardown, signed and sent: tags of a cluster and of an application, protection, both ends.
#[test]
fn of_an_embedded_target_is_taken_down_by_an_apply() {
    let folder = project();
    let state = folder.path().join(".plumb/sandbox-dev.json");
    plumb_sandbox::seed_state(&state, &json!({ "emr": { "region": "eu-west-1", "monthly": true } })).unwrap();
    let manifest = |kind: &str, name: &str| {
        format!(
            "apiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: old}}\nspec: {{match: {{name: \"{name}\"}}, \
             desired: teardown, teardown: {{notBefore: 2026-01-01, grace: 0d}}}}\n"
        )
    };
    let text =
        manifest("EmrCluster", "bau-insights-*") + "---\n" + &manifest("EmrServerlessApplication", "bau-forecast");
    std::fs::write(folder.path().join("manifests/emr.yaml"), text).unwrap();
    plumb(folder.path(), &["apply", "--yes"]);
    let cluster = |shown: &Value| {
        let all = shown["pipelines"].as_array().unwrap();
        all.iter().find(|pipeline| pipeline["name"] == "bau-insights").unwrap().clone()
    };
    let marked = inventory(folder.path());
    assert_eq!(cluster(&marked)["tags"]["plumb"], "demo/dev/EmrCluster/old", "{}", cluster(&marked));
    let application = &marked["serverless"][0];
    assert_eq!(application["tags"]["plumb"], "demo/dev/EmrServerlessApplication/old", "{application}");
    assert_eq!((&cluster(&marked)["live"], &application["state"]), (&json!(1), &json!("STOPPED")));
    plumb(folder.path(), &["apply", "--yes", "--allow-teardown"]);
    let gone = inventory(folder.path());
    assert_eq!((&cluster(&gone)["live"], &gone["serverless"][0]["state"]), (&json!(0), &json!("TERMINATED")));
}
