//! Airflow as an environment of Amazon MWAA: what a user of the command line meets, and what is sent for it.

use crate::world::{World, job};
use serde_json::{Value, json};

const REGION: &str = "\
apiVersion: plumb/v1
kind: AirflowVariable
metadata: {name: region}
spec: {key: region, value: eu-central-1}
";

const SMALL: &str = "\
apiVersion: plumb/v1
kind: AirflowPool
metadata: {name: small}
spec: {name: small, slots: 2}
";

const MONTHLY: &str = "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: monthly}
spec:
  paused: true
  schedule: {cron: '0 4 2 * *', timezone: Europe/London}
  start_date: 2024-05-01
  tasks: [{id: load, run: '7'}]
";

/// The environment `prod`, with a variable and a pool to apply.
fn prod(version: &str) -> World {
    let world = World::with_mwaa(version, &Value::Null);
    world.write("manifests/region.yaml", REGION);
    world.write("manifests/small.yaml", SMALL);
    world.commit("Begin");
    world
}

/// Sets these, and all others back.
fn mwaa(world: &World, settings: Value) {
    world.sandbox.send("PATCH", "/_sandbox/settings", &json!({ "mwaa": settings }));
    world.sandbox.requests();
}

/// The requests that are about MWAA, without their status, each with how often it was sent.
fn counted(world: &World) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for line in world.sandbox.requests() {
        let line = line.rsplit_once(' ').unwrap().0.to_owned();
        if !line.contains("mwaa") {
            continue;
        }
        match counts.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => counts.push((line, 1)),
        }
    }
    counts
}

fn relayed(world: &World) -> usize {
    let all = counted(world);
    assert!(all.iter().all(|(line, _)| !line.contains("login") && !line.contains("webtoken")), "{all:?}");
    all.iter().filter(|(line, _)| line == "POST /mwaa/restapi/prod").map(|(_, count)| count).sum()
}

#[test]
fn one_login_serves_a_whole_command_on_airflow_3_and_2() {
    for (version, login) in [("3", "POST /pluginsv2/aws_mwaa/login"), ("2", "POST /aws_mwaa/login")] {
        let world = prod(version);
        world.write("manifests/monthly.yaml", MONTHLY);
        world.sandbox.requests();
        world.plumb("apply --yes").code(0).says("created AirflowVariable/region").says("created AirflowPool/small");
        let once = ["GET /mwaa/environments/prod", "POST /mwaa/webtoken/prod", login];
        let once: Vec<_> = once.iter().map(|line| ((*line).to_owned(), 1)).collect();
        assert_eq!(counted(&world), once, "Airflow {version}");
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
        // An update names what it changes, and Airflow 2 by its own name for it.
        world.edit("manifests/region.yaml", "eu-central-1", "eu-west-1");
        world.plumb("apply --yes").code(0).says("updated AirflowVariable/region");
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    }
}

#[test]
fn a_private_environment_is_reached_through_aws_alone() {
    for version in ["3", "2"] {
        let world = prod(version);
        mwaa(&world, json!({ "access": "PRIVATE_ONLY" }));
        world.plumb("apply --yes").code(0).says("created AirflowVariable/region").says("created AirflowPool/small");
        assert!(relayed(&world) > 4);
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
        world.edit("manifests/region.yaml", "eu-central-1", "eu-west-1");
        world.edit("manifests/small.yaml", "slots: 2", "slots: 3");
        world.plumb("apply --yes").code(0).says("updated AirflowVariable/region").says("updated AirflowPool/small");
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
        world.remove("manifests/region.yaml");
        world.plumb("apply --yes").code(0).says("deleted AirflowVariable/region");
        world.plumb("plan --detailed-exitcode").code(0).says("No changes.");
    }
}

#[test]
fn where_a_login_is_denied_aws_passes_requests_on() {
    let world = prod("3");
    mwaa(&world, json!({ "denied": ["CreateWebLoginToken"] }));
    world.plumb("apply --yes").code(0).says("created AirflowPool/small");
    let all = counted(&world);
    let count = |line: &str| all.iter().find(|(known, _)| known == line).map(|(_, count)| *count);
    assert_eq!(count("POST /mwaa/webtoken/prod"), Some(1), "{all:?}");
    assert!(count("POST /mwaa/restapi/prod").is_some_and(|count| count > 4), "{all:?}");
}

#[test]
fn a_listing_that_is_too_much_for_aws_is_read_in_parts() {
    let variables: Vec<Value> = (0..60).map(|n| json!({ "key": format!("k{n:02}"), "value": "x" })).collect();
    for too_much in ["RestApiServerException", "InternalServerException"] {
        let world = World::with_mwaa("3", &json!({ "airflow": { "variables": variables } }));
        world.write("manifests/region.yaml", REGION);
        world.commit("Begin");
        mwaa(&world, json!({ "access": "PRIVATE_ONLY" }));
        world.plumb("plan").code(0).says("1 to create");
        let whole = relayed(&world);
        mwaa(&world, json!({ "access": "PRIVATE_ONLY", "most_rows": 30, "too_much": too_much }));
        world.plumb("plan").code(0).says("1 to create");
        // The page of sixty is refused once, and comes in three parts.
        assert_eq!(relayed(&world), whole + 3, "{too_much}");
        mwaa(&world, json!({ "access": "PRIVATE_ONLY", "most_rows": 1 }));
        world.plumb("plan").code(1).says("2 rows at once were too much too").says("ten seconds and 6 MB");
    }
}

#[test]
fn what_cannot_be_used_says_where_and_what_to_do() {
    let world = prod("3");
    for (settings, says) in [
        (json!({ "status": "CREATE_FAILED" }), &["could not be created", "status CREATE_FAILED"][..]),
        (json!({ "status": "DELETING" }), &["is deleted", "name another one in `airflow.mwaa`"]),
        (json!({ "status": "CREATING" }), &["is being created", "AVAILABLE"]),
        (json!({ "status": "UNAVAILABLE", "trouble": "no route" }), &["is not stable", "its last update: no route"]),
        (json!({ "denied": ["GetEnvironment"] }), &["airflow:GetEnvironment on arn:aws:airflow:eu-central-1:"]),
        (
            json!({ "denied": ["CreateWebLoginToken", "InvokeRestApi"] }),
            &["no way to the Airflow", "(1)", "airflow:CreateWebLoginToken on", "(2)", "airflow:InvokeRestApi on"],
        ),
        (
            json!({ "access": "PRIVATE_ONLY", "denied": ["InvokeRestApi"] }),
            &["only its VPC reaches its web server", "airflow:InvokeRestApi on", "(2)", "/pluginsv2/aws_mwaa/login"],
        ),
        (
            json!({ "access": "PRIVATE_ONLY", "outdated": true }),
            &["older than InvokeRestApi", "aws mwaa update-environment"],
        ),
        (json!({ "region": "eu-west-1" }), &["prod (", "there is no such environment in eu-central-1"]),
    ] {
        mwaa(&world, settings.clone());
        let mut ran = world.plumb("apply --yes").code(1);
        for text in says {
            ran = ran.says(text);
        }
        ran.never_says("login.").never_says("sandbox.");
        let written: Vec<_> = world.sandbox.writes().into_iter().filter(|line| line.contains("/api/")).collect();
        assert!(written.is_empty(), "{settings}: {written:?}");
    }
}

#[test]
fn an_environment_that_goes_away_is_no_empty_airflow() {
    let world = prod("3");
    mwaa(&world, json!({ "access": "PRIVATE_ONLY" }));
    world.plumb("apply --yes").code(0).says("created AirflowPool/small");
    // The first one asks whether AWS passes requests on.
    world.sandbox.fault(json!({ "path": "/mwaa/restapi/prod", "status": 404, "skip": 1, "times": 50 }));
    world.plumb("plan").code(1).says("InvokeRestApi: 404").says("there is no such environment").never_says("to create");
}

#[test]
fn an_environment_that_is_being_changed_is_read_and_not_applied_to() {
    let world = prod("3");
    world.plumb("apply --yes").code(0);
    world.edit("manifests/small.yaml", "slots: 2", "slots: 3");
    for status in ["UPDATING", "MAINTENANCE", "ROLLING_BACK"] {
        mwaa(&world, json!({ "status": status }));
        world
            .plumb("plan")
            .code(0)
            .says("1 to update")
            .says(&format!("({status})"))
            .says("what is read of it may change");
        world.plumb("drift").says("what is read of it may change");
        world.sandbox.requests();
        world.plumb("apply --yes").code(1).says("nothing was changed").says("AVAILABLE");
        let written: Vec<_> = world.sandbox.writes().into_iter().filter(|line| line.contains("/api/")).collect();
        assert!(written.is_empty(), "{written:?}");
    }
    mwaa(&world, json!({ "status": "AVAILABLE" }));
    world.plumb("apply --yes").code(0).says("updated AirflowPool/small");
}

#[test]
fn a_session_that_the_web_server_refuses_is_renewed_once() {
    for version in ["3", "2"] {
        let world = prod(version);
        world.sandbox.fault(json!({ "path": "/api/v*/pools", "status": 401 }));
        world.sandbox.requests();
        world.plumb("plan").code(0).says("2 to create");
        let logins: usize = counted(&world).iter().filter(|(line, _)| line.contains("login")).map(|(_, n)| n).sum();
        assert_eq!(logins, 2, "Airflow {version}");
    }
}

#[test]
fn the_environment_s_own_bucket_has_the_dags_where_nothing_else_is_said() {
    let mut world =
        World::with_mwaa("3", &json!({ "s3": { "buckets": { "plumb-mwaa": { "dags/x.py": "# by hand" } } } }));
    world.edit("plumb.yaml", ", dags: dags", "");
    world.write("manifests/monthly.yaml", MONTHLY);
    world.commit("Begin");
    world.sandbox.requests();
    world.plumb("plan").code(0).says("1 to create");
    let read = world.sandbox.requests();
    assert!(read.iter().any(|line| line.starts_with("GET /s3/plumb-mwaa")), "{read:?}");
    mwaa(&world, json!({ "bucket": "elsewhere" }));
    world.plumb("plan").code(1).says("there is no bucket `elsewhere`").says("the MWAA environment");
    // What the target says wins.
    world.edit("plumb.yaml", "{mwaa: prod}", "{mwaa: prod, dags: dags}");
    world.sandbox.requests();
    world.plumb("plan").code(0).says("1 to create");
    assert!(world.sandbox.requests().iter().all(|line| !line.contains("/s3/")));
    // Without credentials nothing is sent.
    world.env("AWS_SECRET_ACCESS_KEY", Some("other"));
    world.plumb("plan").code(1).says("GetEnvironment").says("does not fit the access key").never_says("sandbox");
}

#[test]
fn a_target_names_it_by_name_or_arn_and_not_beside_an_address() {
    let world = prod("3");
    world.plumb("targets").code(0).says("Airflow MWAA prod");
    let arn = |region: &str, account: &str| format!("\"arn:aws:airflow:{region}:{account}:environment/prod\"");
    let name = |world: &World, text: &str| {
        let from = world.read("plumb.yaml").split("mwaa: ").nth(1).unwrap().split(", dags").next().unwrap().to_owned();
        world.edit("plumb.yaml", &from, text);
    };
    name(&world, &arn("eu-central-1", "123456789012"));
    world.plumb("plan").code(0).says("2 to create");
    name(&world, &arn("eu-central-1", "210987654321"));
    world.plumb("plan").code(1).says("is an environment of account 210987654321").says("123456789012");
    name(&world, &arn("eu-west-1", "123456789012"));
    world.plumb("plan").code(1).says("there is no such environment in eu-west-1");
    name(&world, "9prod");
    world.plumb("validate").code(1).says("names no environment").says("environment/NAME");
    name(&world, "prod, url: \"https://airflow.example.com\"");
    world.plumb("validate").code(1).says("`mwaa` and `url` are both set");
    name(&world, "prod, api: v1");
    world.plumb("plan").code(1).says("`airflow.api` is `v1`").says("3.0.6");
}

#[test]
fn pipelines_are_imported_through_it() {
    let task = json!({ "task_id": "hello", "operator": "BashOperator" });
    let seed =
        json!({ "airflow": { "dags": [{ "dag_id": "plain", "schedule": { "cron": "@daily" }, "tasks": [task] }] } });
    for access in ["PUBLIC_ONLY", "PRIVATE_ONLY"] {
        let world = World::with_mwaa("3", &seed);
        world.write("manifests/etl.yaml", &job("etl", ""));
        world.commit("Begin");
        mwaa(&world, json!({ "access": access }));
        world.plumb("import emr --from airflow:plain").code(1).says("starts nothing on EMR");
        assert!(counted(&world).iter().any(|(line, _)| line == "GET /mwaa/environments/prod"));
    }
}
