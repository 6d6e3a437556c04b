//! What `plumb emr inventory` asks of an account with a year of clusters.

use crate::world::World;
use serde_json::{Value, json};

const NAMES: [&str; 6] = ["clean", "score", "export", "mart", "mail", "report"];

/// A cluster that lived for an hour, some days ago; every ninth of a pipeline ended with a step that failed.
fn cluster(at: usize) -> Value {
    let day = jiff::civil::date(2026, 11, 15) - jiff::Span::new().days(i64::try_from(at / 6).unwrap());
    let name = NAMES[at % 6];
    let time = |clock: &str| format!("{day}T{clock}:00Z");
    let failed = (at / 6) % 9 == 8;
    let step = json!({ "Name": name, "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar",
        "Args": ["spark-submit", format!("s3://code/{name}.py"), "--day", day.to_string()] } });
    let reason = if failed {
        json!({ "Message": "Steps completed with errors" })
    } else {
        json!({ "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" })
    };
    json!({
        "run": { "Name": format!("{name}-{day}"), "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "r", "ServiceRole": "s",
            "Instances": { "KeepJobFlowAliveWhenNoSteps": false, "InstanceGroups": [
                { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 }] },
            "Steps": [step] },
        "state": "TERMINATED", "reason": reason, "created": time("04:00"), "ready": time("04:10"), "ended": time("05:00"),
        "steps": [{ "state": if failed { "FAILED" } else { "COMPLETED" }, "started": time("04:10"), "ended": time("04:50") }],
    })
}

fn account(clusters: usize) -> World {
    let world = World::with_emr(&Value::Null);
    std::fs::create_dir(world.dir().join("manifests")).unwrap();
    world.sandbox.post("/_sandbox/settings", json!({ "emr": { "forget_days": 100_000 } }));
    let clusters: Vec<Value> = (0..clusters).map(cluster).collect();
    world.sandbox.post("/_sandbox/seed", json!({ "emr": { "clusters": clusters } }));
    world
}

/// How many requests a run says that it sent.
fn requests(err: &str) -> usize {
    let before = err.split(" requests in ").next().unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{err}"))
}

#[test]
fn a_year_of_clusters_is_an_inventory_of_few_requests() {
    let mut besides = None;
    for clusters in [300, 2000] {
        let world = account(clusters);
        let ran = world.plumb("emr inventory --output json").code(0);
        let (sent, pages) = (requests(&ran.err), clusters.div_ceil(50));
        assert!(sent <= 150, "{sent} requests for {clusters} clusters");
        assert!(besides.is_none_or(|besides| besides == sent - pages), "only pages grow: {sent} for {clusters}");
        besides = Some(sent - pages);
        let read = ran.json();
        assert_eq!((&read["clusters"], read["pipelines"].as_array().unwrap().len()), (&json!(clusters), 6));
        assert_eq!(read["not_asked"]["descriptions"], json!(clusters - 12));
        // Failures and times are those of all clusters, whatever was asked of them.
        let (failed, runs) = (&read["totals"]["failed"], (0..clusters).filter(|at| (at / 6) % 9 == 8).count());
        assert_eq!(failed, &json!(runs));
        let took: u64 =
            read["pipelines"].as_array().unwrap().iter().filter_map(|p| p["duration"]["count"].as_u64()).sum();
        assert_eq!(took, (clusters - runs) as u64);
        // All that a pipeline is made of is known, and the dates are told from its runs: nothing is left to ask about them.
        for row in read["ranking"].as_array().unwrap() {
            assert!(row["light"]["says"].is_string() && row["wave"].as_u64() > Some(0), "{row}");
        }
    }
}

#[test]
fn what_was_not_asked_is_said_and_can_be_asked() {
    let world = account(120);
    let text = world.plumb("emr inventory").code(0);
    for says in [
        "Not asked, and so not known:\n",
        "108 ended clusters were not described",
        "those of the newest 6 runs a pipeline are",
        " of 7 of 20 clusters",
    ] {
        assert!(text.out.contains(says), "{says}:\n{}", text.out);
    }
    let all = world.plumb("emr inventory --runs 20 --output json").code(0);
    assert_eq!(all.json()["not_asked"]["steps"], 0);
    let steps = &all.json()["pipelines"][0]["steps"][0];
    assert_eq!((&steps["times"], &steps["failed"]), (&json!(20), &json!(2)));
    let one = world.plumb("emr inventory --max-pipelines 1 --output json").code(0).json();
    assert_eq!((&one["not_asked"]["pipelines"], one["waves"].as_array().unwrap().len()), (&json!(5), 1));
    let unknown = one["ranking"].as_array().unwrap().iter().filter(|row| row["light"].is_null()).count();
    assert_eq!(unknown, 5);
    for wrong in ["--runs 0", "--max-pipelines none"] {
        world.plumb(&format!("emr inventory {wrong}")).code(64).says("expected a number from 1");
    }
}
