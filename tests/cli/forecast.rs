//! `plumb migrate forecast` with the real binary: what it says, what it asks for, and how an earlier one stands today. The
//! example of docs/forecast.md is that of the first test; `PLUMB_BLESS=1` writes it anew.

use crate::world::World;
use std::process::Command;

const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  targets:
    dev: {default: true, databricks: {}}
  forecast:
    people: 2
    by: 2026-12-18
    holidays: [2026-12-25, 2027-01-01]
    replaysAtOnce: 2
    days:
      deploy: [1, 1, 3]
      parity: [1, 3, 10]
      teardown: [1, 1, 2]
";
const ALL: [&str; 6] = ["audience", "churn", "export", "ranking", "revenue", "spend"];
const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/forecast.md");

/// The manifests of a pipeline, with a decision that is open or without.
fn pipeline(world: &World, name: &str, is_decided: bool) {
    let folder = format!("manifests/{name}");
    let head =
        |kind: &str, name: &str| format!("apiVersion: plumb/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:");
    let write = |file: &str, text: String| world.write(&format!("{folder}/{file}.yaml"), &text);
    let old = format!("legacy-{name}");
    write(
        "legacy",
        format!(
            "{} {{match: {{name: \"bau-{name}-*\"}}, desired: teardown, teardown: {{notBefore: 2026-12-01, grace: 7d}}}}\n",
            head("EmrCluster", &old)
        ),
    );
    write(
        "migration",
        format!(
            "{}\n  from: {{emr: [EmrCluster/{old}]}}\n  to: {{jobs: [DatabricksJob/{name}], dags: [AirflowDag/{name}]}}\n  \
             period: {{parameter: month}}\n  shadow: {{parameters: {{output: \"s3://acme-shadow/{name}\"}}}}\n  \
             requires: {{parity: {{passes: 3}}}}\n",
            head("Migration", name)
        ),
    );
    let open = if is_decided { "" } else { "  # DECISION: which runtime?\n" };
    write(
        "job",
        format!(
            "{}\n{open}  name: {name}\n  parameters: [{{name: month, default: \"\"}}, {{name: output, default: \"\"}}]\n  \
             tasks: [{{task_key: run, notebook_task: {{notebook_path: /x}}, existing_cluster_id: 0101-1-a}}]\n",
            head("DatabricksJob", name)
        ),
    );
    write(
        "dag",
        format!(
            "{}\n  schedule: {{cron: \"0 4 2 * *\"}}\n  start_date: \"2026-01-01\"\n  paused: true\n  \
             tasks: [{{id: run, job: {name}}}]\n",
            head("AirflowDag", name)
        ),
    );
}

/// Commits everything on a day.
fn commit(world: &World, day: &str, message: &str) {
    world.git(&["add", "--all"]);
    let date = format!("{day}T12:00:00Z");
    let mut git = Command::new("git");
    git.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", world.home()).current_dir(world.dir());
    git.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_AUTHOR_DATE", date.as_str()), ("GIT_COMMITTER_DATE", date.as_str())]);
    git.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "--quiet", "--message", message]);
    assert!(git.status().unwrap().success());
}

/// Six pipelines: all are translated, and of all but the last every decision was made.
fn six() -> World {
    let mut world = World::new();
    world.write("plumb.yaml", PROJECT);
    for (at, name) in ALL.iter().enumerate() {
        pipeline(&world, name, false);
        commit(&world, &format!("2026-10-{:02}", [5, 6, 7, 8, 12, 13][at]), &format!("Import {name}"));
    }
    for (at, name) in ALL.iter().take(5).enumerate() {
        pipeline(&world, name, true);
        commit(&world, &format!("2026-10-{:02}", [9, 12, 14, 20, 26][at]), &format!("Decide {name}"));
    }
    world.env("PLUMB_NOW", Some("2026-11-09T09:00:00Z"));
    world
}

/// The lines below a comment of docs/forecast.md, between its fences.
fn block(text: &str, name: &str) -> std::ops::Range<usize> {
    let comment = format!("<!-- {name} -->\n```text\n");
    let start = text.find(&comment).unwrap_or_else(|| panic!("no {comment}")) + comment.len();
    start..start + text[start..].find("```").unwrap()
}

#[test]
fn the_example_of_the_docs_is_what_it_says() {
    let world = six();
    let mut docs = std::fs::read_to_string(DOCS).unwrap();
    let mut told = docs.clone();
    for (name, command) in
        [("six weeks", "migrate forecast --offline"), ("three people", "migrate forecast --offline --people 3")]
    {
        let ran = world.plumb(command).code(0);
        assert_eq!(ran.err, "", "{command}");
        told.replace_range(block(&told, name), &format!("$ plumb {command}\n{}", ran.out));
    }
    if std::env::var_os("PLUMB_BLESS").is_some() {
        std::fs::write(DOCS, &told).unwrap();
        docs.clone_from(&told);
    }
    assert_eq!(docs, told, "PLUMB_BLESS=1 writes it anew");
}

#[test]
fn the_same_question_has_the_same_answer_in_every_form() {
    let world = six();
    let json = |arguments: &str| world.plumb(&format!("migrate forecast --offline --output json {arguments}")).code(0);
    assert_eq!(json("").out, json("").out);
    let said = json("").json();
    assert_eq!((&said["pipelines"], &said["left"], &said["people"]), (&6.into(), &6.into(), &2.into()));
    assert_eq!(said["outlook"]["kind"], "draws");
    let day = |of: &serde_json::Value| of["outlook"]["done"]["p85"].as_str().unwrap().to_owned();
    assert!(day(&json("--people 6").json()) <= day(&said));
    assert_eq!(said["outlook"]["fan"][9]["pipelines"], 6);
    assert_eq!(said["periods"][0]["natural"], 1, "2 Dec is the only one until 18 Dec");
    let markdown = world.plumb("migrate forecast --offline --output markdown").code(0);
    markdown.says("| cut over |").says("- rests on: ");
    // No git, and nothing that was seen: ranges for all are missing.
    world.plumb("migrate forecast --offline --draws 99").code(64).says("--draws");
}

#[test]
fn too_little_is_said_to_be_too_little() {
    let world = six();
    // Without the last two days of decisions nine stages have finished.
    world.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    world
        .plumb("migrate forecast --offline")
        .code(0)
        .says("Percentages cannot be said: they take 10 finished stages, and there are 9.")
        .says("cut over")
        .says("By 18 Dec 2026: ")
        .never_says("85 %");
    world.edit("plumb.yaml", "      deploy: [1, 1, 3]\n", "");
    world
        .plumb("migrate forecast --offline")
        .code(1)
        .says("there is no forecast: too little is known")
        .says("nothing was seen of `deploy`: write `forecast: {days: {deploy: [least, most likely, most]}}`")
        .says("`forecast.days` stands at plumb.yaml:13:7");
}

#[test]
fn a_day_that_is_over_and_a_forecast_with_mistakes_are_refused_with_the_place() {
    let mut world = six();
    world
        .plumb("migrate forecast --offline --by 2026-11-08")
        .code(1)
        .says("--by: 2026-11-08 is over, and today is 2026-11-09");
    world.plumb("migrate forecast --offline --by 2026-11-09").code(0);
    world.plumb("migrate forecast --offline --by soon").code(64).says("expected a day like 2026-12-18");
    world.env("PLUMB_NOW", Some("2026-12-19T09:00:00Z"));
    world
        .plumb("migrate forecast --offline")
        .code(1)
        .says("plumb.yaml:9:9: 2026-12-18 is over, and today is 2026-12-19");
    world.edit("plumb.yaml", "2027-01-01]", "2027-02-30]");
    world.edit("plumb.yaml", "deploy: [1, 1, 3]", "deploy: [1, 3, 2]");
    world
        .plumb("validate")
        .code(1)
        .says("`2027-02-30` is no day")
        .says("plumb.yaml:10")
        .says("`deploy` takes 1 days at least")
        .says("plumb.yaml:13");
}

#[test]
fn an_earlier_forecast_says_how_it_stands_today() {
    let mut world = six();
    let then = world.git(&["rev-parse", "HEAD"]);
    let earlier = world.plumb("migrate forecast --offline --output json --at HEAD").code(0).json();
    assert_eq!(earlier["now"], "2026-10-26T12:00:00Z", "as it was made then");
    assert_eq!(earlier["today"]["standing"]["kind"], "open");
    pipeline(&world, "spend", true);
    commit(&world, "2026-11-04", "Decide spend");
    let at = format!("migrate forecast --offline --at {then}");
    world
        .plumb(&at)
        .code(0)
        .says("Today, 9 Nov 2026: the forecast of 26 Oct 2026 said 85 %: ")
        .says("0 of 6 pipelines done");
    let again = world.plumb(&format!("{at} --output json")).code(0).json();
    assert_eq!(
        (&again["outlook"], &again["now"]),
        (&earlier["outlook"], &earlier["now"]),
        "what came later changes nothing"
    );
    world.env("PLUMB_NOW", Some("2027-11-09T09:00:00Z"));
    world.plumb(&at).code(0).says(" ago, and 0 of 6 pipelines done");
}
