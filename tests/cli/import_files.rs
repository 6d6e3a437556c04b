//! Pipelines that are written in files, and what a team answers once for all of them.

use crate::world::World;
use serde_json::{Value, json};

/// A RunJobFlow request of a month.
fn request(name: &str, month: &str, args: &[&str]) -> Value {
    let args: Vec<&str> =
        ["spark-submit", "s3://acme-code/load.py", "--month", month].into_iter().chain(args.iter().copied()).collect();
    json!({ "Name": format!("{name}-{month}"), "ReleaseLabel": "emr-6.15.0", "JobFlowRole": "EMR_EC2", "LogUri": "s3://acme-logs/emr/",
        "Instances": { "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
            { "InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 4 } ] },
        "Steps": [{ "Name": format!("load {month}"), "ActionOnFailure": "TERMINATE_CLUSTER",
            "HadoopJarStep": { "Jar": "command-runner.jar", "Args": args } }] })
}

#[test]
fn what_is_written_is_imported_without_a_call_to_aws() {
    let world = World::with_emr(&json!({}));
    let out = "s3://lake/sales/";
    let more = ["--output", out, "--password", "hunter2"];
    let requests = [
        request("sales", "2026-09", &more),
        request("sales", "2026-10", &more),
        request("mart", "2026-10", &["--input", out]),
    ];
    world.write("flows.json", &json!(requests).to_string());
    world.plumb("import emr --from flows.json").code(0).says("manifests of 2 pipelines");
    let job = world.read("manifests/sales/job.yaml");
    assert!(job.contains("{{job.parameters.month}}") && !job.contains("hunter2") && !job.contains("2026-10"), "{job}");
    let mart = world.read("manifests/mart/job.yaml");
    // What another pipeline writes is read from where the new one writes it.
    assert!(mart.contains("{{job.parameters.input}}/sales/"), "{mart}");
    assert!(world.read("manifests/sales/legacy.yaml").contains("name: \"sales-*\""));
    let report = world.read("manifests/sales/translation.md");
    assert!(report.contains("From the last of 2 requests in flows.json"), "{report}");
    world.plumb("validate").code(0);
    world.plumb("import emr --from flows.json").code(0).says("Nothing was written");
    let asked: Vec<String> = world.sandbox.requests().into_iter().filter(|one| one.starts_with("POST / ")).collect();
    assert_eq!(asked, [""; 0]);

    world.plumb("import emr --from flows.json --name 'other*'").code(1).says("there are: mart, sales");
    world.plumb("import emr --from none.json").code(1).says("nothing was written");
    world.write("odd.json", "{\"a\": 1}");
    world.plumb("import emr --from odd.json").code(1).says("no request that plumb knows").says("terraform show -json");
}

#[test]
fn a_team_is_asked_once_and_its_answers_count_for_every_pipeline() {
    let world = World::with_emr(&json!({}));
    let requests = [request("sales", "2026-10", &[]), request("mart", "2026-10", &[])];
    world.write("flows.json", &json!(requests).to_string());
    world.plumb("import emr --from flows.json").code(0).says("plumb.yaml asks under `spec.answers`");
    let project = world.read("plumb.yaml");
    for key in ["runtime: auto", "runAs: creator", "rights: instanceProfile", "logs: keep", "timeZone: UTC"] {
        assert_eq!(project.matches(&format!("    # {key}\n")).count(), 1, "{key}: {project}");
    }
    for name in ["sales", "mart"] {
        let job = world.read(&format!("manifests/{name}/job.yaml"));
        assert!(job.contains("instance_profile_arn") && job.contains("spark.sql.session.timeZone: UTC"), "{job}");
        assert!(!job.contains("# DECISION: which runtime"), "{job}");
    }
    // Uncommented and changed, they count in the next import; what was decided by deleting its comment is not asked again.
    let answered: String = project
        .lines()
        .filter(|line| !line.contains("# runAs") && !line.contains("# logs"))
        .map(|line| line.replace("# rights: instanceProfile", "rights: unityCatalog"))
        .map(|line| line.replace("# timeZone: UTC", "timeZone: Europe/Berlin") + "\n")
        .collect();
    world.write("plumb.yaml", &answered);
    world.plumb("import emr --from flows.json").code(0);
    assert_eq!(world.read("plumb.yaml"), answered);
    for name in ["sales", "mart"] {
        let job = world.read(&format!("manifests/{name}/job.yaml"));
        assert!(!job.contains("instance_profile_arn") && job.contains("timeZone: Europe/Berlin"), "{job}");
    }
    world.plumb("validate").code(0);
}
