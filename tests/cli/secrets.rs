//! Secrets: what no output shows, whatever became of the manifest that asked for them, and what an import takes out.

use crate::world::{PROJECT, Ran, World, job};
use serde_json::json;

/// What is live, and what nobody may read.
const OLD: &str = "hunter2-hunter2";

const WITH_ENV: &str = "spec:\n  env: [DB_PASSWORD]\n";

/// A job with a secret in every sort of place.
fn secretive(parameters: &str) -> String {
    let fields = "  description: db ${env.DB_PASSWORD}\n  tags: {db: \"${env.DB_PASSWORD}\", team: bi}\n\
                  \x20 parameters:\n    - {name: db, default: \"${env.DB_PASSWORD}\"}\n    - {name: day, default: monday}\n";
    let task = |key: &str| {
        format!(
            "    - task_key: {key}\n      existing_cluster_id: 0923-164208-abcdefgh\n      spark_python_task: {{python_file: /a.py, parameters: {parameters}}}\n"
        )
    };
    let head = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  name: etl\n";
    format!("{head}{fields}  tasks:\n{}{}", task("load"), task("mart"))
}

/// The job applied with its secret, and committed.
fn applied() -> World {
    let mut world = World::new();
    world.write("plumb.yaml", &PROJECT.replace("spec:\n", WITH_ENV));
    world.commit_file("manifests/etl.yaml", &secretive("[\"--db\", \"${env.DB_PASSWORD}\"]"), "Add etl");
    world.env("DB_PASSWORD", Some(OLD));
    world.plumb("apply --yes").code(0).never_says(OLD);
    assert_eq!(world.sandbox.job("etl")["settings"]["tags"]["db"], OLD);
    world
}

/// Every command that shows something of a plan, or of what is live.
fn everything(world: &World, base: &str) -> Vec<Ran> {
    let mut ran: Vec<Ran> = ["text", "json", "markdown", "html"]
        .iter()
        .flat_map(|form| {
            let with_base = format!("plan {base} --output {form}");
            [with_base, format!("plan --output {form}"), format!("drift --output {form}")]
        })
        .chain(
            ["drift --output sarif", "drift --output junit", "status", "show etl", "show etl --output json"]
                .map(str::to_owned),
        )
        .chain(["plan --out plan.json --output json".to_owned()])
        .map(|command| world.plumb(&command))
        .collect();
    ran.retain(|ran| ran.code != 64);
    assert!(ran.len() >= 12, "{}", ran.len());
    ran
}

fn assert_hidden(world: &World, base: &str, what: &str) {
    for ran in everything(world, base) {
        assert!(matches!(ran.code, 0 | 2), "{what}: {}", ran.shown);
        assert!(!ran.shown.contains(OLD), "{what}: {}", ran.shown);
    }
    assert!(!world.read("plan.json").contains(OLD), "{what}: the saved plan shows it");
}

#[test]
fn a_secret_that_the_manifest_names_no_more_is_not_shown() {
    let mut world = applied();
    world.git(&["checkout", "--quiet", "-b", "feature"]);
    let literal = secretive("[\"--db\", plain, \"-v\"]").replace("${env.DB_PASSWORD}", "plain");
    let gone = job("etl", "  description: none\n");
    let renamed = literal.replace("task_key: load", "task_key: loads").replace("{name: db,", "{name: dbs,");
    for (what, manifest) in [("a literal", &literal), ("gone", &gone), ("renamed", &renamed)] {
        world.write("manifests/etl.yaml", manifest);
        // The environment has the secret still, has another one by now, has none; the project lists it no more.
        for (value, listed) in
            [(Some(OLD), true), (Some("rotated-rotated"), true), (None, true), (Some(OLD), false), (None, false)]
        {
            world.env("DB_PASSWORD", value);
            world.write("plumb.yaml", &if listed { PROJECT.replace("spec:\n", WITH_ENV) } else { PROJECT.to_owned() });
            world.commit("Try");
            assert_hidden(&world, "--base main", &format!("{what}, {value:?}, listed: {listed}"));
            // What was no secret is shown as ever.
            let shown = world.plumb("show etl").shown;
            assert!(shown.contains("team: bi") && shown.contains("(secret"), "{shown}");
            let plan = world.plumb("plan").shown;
            assert!(plan.contains("(secret") && plan.contains("description = (secret"), "{plan}");
        }
    }
    // A whole object that goes.
    world.remove("manifests/etl.yaml");
    world.write("manifests/.keep.yaml", "");
    world.commit("Remove etl");
    for command in [
        "plan",
        "plan --base main",
        "plan --output json",
        "show DatabricksJob/etl",
        "show DatabricksJob/etl --output json",
    ] {
        world.plumb(command).code(0).never_says(OLD);
    }
}

#[test]
fn the_base_hides_what_the_mark_does_not_and_the_other_way_round() {
    // The mark's manifest had the secret, and the base has it no more: it was merged, and not applied.
    let mut world = applied();
    world.env("DB_PASSWORD", None);
    world.write("plumb.yaml", PROJECT);
    world.commit_file("manifests/etl.yaml", &job("etl", "  description: merged\n"), "Take the secret out");
    world.git(&["checkout", "--quiet", "-b", "feature"]);
    world.commit_file("manifests/etl.yaml", &job("etl", "  description: branch\n"), "Change etl");
    assert_hidden(&world, "--base main", "only the mark has it");
}

#[test]
fn what_drift_writes_is_no_secret() {
    let mut world = applied();
    let mut tags = world.sandbox.job("etl")["settings"]["tags"].clone();
    tags["db_password"] = json!("s3cr3t-by-hand");
    tags["team"] = json!("other");
    world.sandbox.edit_job("etl", json!({ "tags": tags, "timeout_seconds": 77 }));
    world.git(&["checkout", "--quiet", "-b", "feature"]);
    let ran = world.plumb("drift --write").never_says(OLD).never_says("s3cr3t-by-hand");
    assert!(!world.read("manifests/etl.yaml").contains("s3cr3t-by-hand"), "{}", ran.shown);
    ran.says("it is a secret, or looks like one");
    world.env("DB_PASSWORD", Some("rotated-rotated"));
    world.plumb("drift --write").never_says(OLD);
    assert!(!world.read("manifests/etl.yaml").contains(OLD));
}

#[test]
fn an_unset_secret_is_a_mistake_now_and_none_of_the_past() {
    let mut world = applied();
    world.env("DB_PASSWORD", None);
    world.plumb("plan").code(1).says("the environment variable `DB_PASSWORD` is not set");
    world.git(&["checkout", "--quiet", "-b", "feature"]);
    world.commit_file("manifests/etl.yaml", &job("etl", "  description: no more\n"), "Without the secret");
    // It failed outright, as the base could not be read.
    world
        .plumb("plan --base main")
        .code(0)
        .never_says(OLD)
        .says("description = (secret #1) -> \"no more\"\n            # manifests/etl.yaml:11, manifest <Without");
}

/// What a team has live that uses neither scopes nor variables: secrets, and arguments that sound like them.
const ARGUMENTS: [&str; 14] = [
    "--password",
    "s3cr3t!",
    "--s3-key",
    "raw/x.csv",
    "--date-key",
    "20240501",
    "--business-key",
    "customer_id",
    "--pass",
    "2",
    "--key",
    "customer_id",
    "key=raw/y.csv",
    "--token={{secrets/bau/api}}",
];

#[test]
fn an_import_takes_out_secrets_and_nothing_else() {
    let mut world = World::new();
    world.write("manifests/.keep.yaml", "");
    let task = json!({ "task_key": "load", "existing_cluster_id": "0923-164208-abcdefgh",
        "spark_python_task": { "python_file": "/a.py", "parameters": ARGUMENTS } });
    world.sandbox.post(
        "/api/2.2/jobs/create",
        json!({ "name": "bau etl", "tasks": [task], "description": "r\u{202e}tl \u{200b}",
            "tags": { "url": "jdbc:postgresql://h/db?user=a&password=hunter22&ssl=1", "sort_key": "day" },
            "parameters": [{ "name": "api_token", "default": "t0k3n" }, { "name": "date_key", "default": "x" }] }),
    );
    let ran = world.plumb("import --all").code(0);
    let text = world.read("manifests/jobs/bau-etl.yaml");
    for secret in ["s3cr3t!", "hunter22", "t0k3n"] {
        assert!(!text.contains(secret) && !ran.shown.contains(secret), "{text}\n{}", ran.shown);
    }
    for kept in
        ARGUMENTS.iter().skip(2).chain(&["sort_key: day", "default: x", "password=${env.BAU_ETL_PASSWORD", "&ssl=1"])
    {
        assert!(text.contains(kept), "{kept} is not in\n{text}");
    }
    // What does not show is written out.
    assert!(text.contains(r#""r\u202etl \u200b""#), "{text}");
    // Each is asked about by its name and place, and only they are.
    let ran = ran
        .says("tasks[load].spark_python_task.parameters[1]: the value of `--password` is `${env.BAU_ETL_PASSWORD")
        .says("parameters[api_token].default: the value of `api_token` is `${env.BAU_ETL_API_TOKEN}` now")
        .says("tags.url: the value of `password` is")
        .says("under `spec.env` of plumb.yaml");
    assert_eq!(ran.err.matches("is it a secret?").count(), 3, "{}", ran.err);
    // With what it says done, it is valid, and the plan changes nothing.
    world.write(
        "plumb.yaml",
        &PROJECT.replace("spec:\n", "spec:\n  env: [BAU_ETL_PASSWORD, BAU_ETL_PASSWORD_2, BAU_ETL_API_TOKEN]\n"),
    );
    let of =
        |name: &str| text.contains(&format!("\"${{env.{name}}}\"")) || text.contains(&format!("- ${{env.{name}}}"));
    let (first, second) = if of("BAU_ETL_PASSWORD_2") { ("hunter22", "s3cr3t!") } else { ("s3cr3t!", "hunter22") };
    world.env("BAU_ETL_PASSWORD", Some(first));
    world.env("BAU_ETL_PASSWORD_2", Some(second));
    world.env("BAU_ETL_API_TOKEN", Some("t0k3n"));
    world.plumb("validate").code(0).never_says("in plain text").never_says("does not show");
    world.commit("Import");
    world.plumb("plan").code(0).says("1 to adopt").never_says("will be updated");
}

#[test]
fn validate_warns_of_secrets_with_their_line_and_without_their_value() {
    let mut world = World::new();
    world.write("plumb.yaml", &PROJECT.replace("spec:\n", "spec:\n  env: [REGION, DB_PASSWORD]\n"));
    world.env("REGION", Some("eu"));
    world.env("DB_PASSWORD", Some(OLD));
    let parameters = "[\"--password\", \"s3cr3t!\", \"--s3-key\", \"raw/x.csv\"]";
    let fields = "  description: \"a\u{202e}b ghp_0123456789abcdefghij0123456789abcdef\"\n";
    world.write("manifests/etl.yaml", &secretive(parameters));
    world.write("manifests/b.yaml", &job("b", fields));
    let ran = world.plumb("validate").code(0);
    let ran = ran
        .says("warning: `--password` has a secret in plain text")
        .says("--> manifests/etl.yaml:")
        .says("parameters: [\"--password\", \"(secret)\", \"--s3-key\", \"raw/x.csv\"]")
        .says("at spec.tasks[0].spark_python_task.parameters[1]")
        .says("warning: this has the form of a secret, in plain text")
        .says("warning: the character U+202E does not show")
        .says("warning: the value of `REGION` is shorter than 8 characters")
        .says("5 warnings in 3 files")
        .says("The manifests are valid");
    assert!(!ran.shown.contains('\u{202e}'));
    for form in ["text", "json", "sarif", "junit"] {
        let ran = world.plumb(&format!("validate --output {form}")).code(0);
        let ran = ran.says("has a secret in plain text").says("REGION").says("U+202E");
        ran.never_says("s3cr3t!").never_says("ghp_").never_says("\"eu\"");
    }
    let json = world.plumb("validate --output json").json();
    assert_eq!(
        (json["problems"].as_array().unwrap().len(), json["warnings"].as_array().unwrap().len()),
        (0, 5),
        "{json:#}"
    );
    world.plumb("validate --output sarif").says("\"warning\"").says("short-secret").says("hidden-character");
    world.plumb("validate --output junit").says("failures=\"0\"");
}

#[test]
fn a_mistake_on_the_line_of_a_secret_shows_its_place_only() {
    let mut world = World::with_airflow(&serde_json::Value::Null);
    world.env("GITHUB_ACTIONS", None);
    let connection = "apiVersion: plumb/v1\nkind: AirflowConnection\nmetadata: {name: db}\nspec:\n  connection_id: db\n  \
                      conn_type: http\n  password: hunter22-plain\n  extra: {api-key: k3y-plain, nested: {token: t0k-plain}, odd: null}\n";
    world.write("manifests/db.yaml", connection);
    let number = connection.replace("name: db", "name: no").replace("connection_id: db", "connection_id: no");
    world.write("manifests/no.yaml", &number.replace("hunter22-plain", "8161616"));
    // Neither can be read to its end.
    world.write("manifests/odd.yaml", "a: {password: br0ken-plain, b: [\n");
    world.write("manifests/tab.yaml", "a:\n\t  token: t4b-plain\n");
    let secrets = ["hunter22-plain", "k3y-plain", "t0k-plain", "8161616", "br0ken-plain", "t4b-plain"];
    for form in ["text", "json", "sarif", "junit"] {
        let ran = world.plumb(&format!("validate --output {form}")).code(1);
        for secret in secrets {
            assert!(!ran.shown.contains(secret), "{secret} is in:\n{}", ran.shown);
        }
        assert!(ran.shown.contains("`password` is a secret in plain text"), "{}", ran.shown);
        assert!(ran.shown.contains("`api-key` is a secret in plain text"), "{}", ran.shown);
    }
    world
        .plumb("plan")
        .code(1)
        .says("password: (secret)")
        .says("extra: {api-key: (secret), nested: {token: (secret)}, odd: null}")
        .says("manifests/db.yaml:7:13");
}
