//! What plumb says of itself and of a project without asking anybody: kinds and fields, targets, the version, man pages, what a
//! shell is offered, files of variables, and the commands of other tools.

use crate::shows;
use crate::world::{World, job};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_field_is_explained() {
    let mut world = World::new();
    world.env("COLUMNS", Some("80"));
    shows!(world.plumb("explain DatabricksJob.tasks.depends_on"), @r#"
    KIND:      DatabricksJob
    FIELD:     tasks.depends_on
    TYPE:      list of objects

    DESCRIPTION:
      The tasks that have to end first.

    RULES:
      - Where the manifest leaves it out, a live value is a difference.
      - Elements are told apart by `task_key`; their order means nothing.

    FIELDS:
      outcome   string            Of a condition task: the outcome that lets this
                                  task run, `"true"` or `"false"`.
      task_key  string, required  The task.
    --- exit 0
    "#);
    shows!(world.plumb("explain job.tasks.run_if"), @"
    KIND:      DatabricksJob
    FIELD:     tasks.run_if
    TYPE:      string
    DEFAULT:   ALL_SUCCESS

    DESCRIPTION:
      When the task runs, by how those ended that it depends on.

    VALUES:
      ALL_DONE              All have ended, however.
      ALL_FAILED            All failed.
      ALL_SUCCESS           All succeeded.
      AT_LEAST_ONE_FAILED   One or more failed.
      AT_LEAST_ONE_SUCCESS  One or more succeeded.
      NONE_FAILED           None failed, and not all were skipped.
    --- exit 0
    ");
    shows!(world.plumb("explain job.spark_conf"), @"
    --- stderr
    error: DatabricksJob has no field `spark_conf`
    hint: did you mean `DatabricksJob.job_clusters.new_cluster.spark_conf` or `DatabricksJob.tasks.new_cluster.spark_conf`?
    --- exit 64
    ");
    shows!(world.plumb("explain jb"), @"
    --- stderr
    error: no kind is called `jb`
    hint: did you mean `DatabricksJob`?
    --- exit 64
    ");
    // The sources of its rules are for the curious.
    world
        .plumb("explain DatabricksJob.tasks.depends_on -v")
        .code(0)
        .says("    source: databricks/cli testserver: the service sorts them");
    // A map's key that was left out is said to be.
    let mode = world.plumb("explain Project.targets.mode").code(0).out;
    assert!(mode.contains("FIELD:     targets.*.mode\n           `targets` is a map: `*` stands for any"), "{mode}");
    for line in ["explain", "explain Project.targets", "explain job", "explain EmrCluster"] {
        let text = world.plumb(line).code(0).out;
        assert!(!text.contains('…') && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    let kinds = world.plumb("explain").code(0).out;
    assert!(kinds.contains("\nDatabricksJob  ") && kinds.contains("\nProject  "), "{kinds}");
    let all = world.plumb("explain policy --recursive").code(0).out;
    assert!(all.contains("  definition  <map of objects"), "{all}");
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

#[test]
fn an_explanation_is_json_for_programs() {
    let world = World::new();
    let read = |line: &str| -> Value { serde_json::from_str(&world.plumb(line).code(0).out).unwrap() };
    let field = read("explain job.max_concurrent_runs --output json");
    assert_eq!(
        (&field["path"], &field["type"], &field["default"]),
        (&"max_concurrent_runs".into(), &"integer".into(), &1.into())
    );
    let kinds = read("explain --output json");
    assert!(kinds["kinds"].as_array().unwrap().iter().any(|one| one["noun"] == "job"));
}

/// Projects with mistakes have targets too.
#[test]
fn targets_are_listed_whatever_the_manifests_say() {
    let world = World::new();
    world.write("manifests/bad.yaml", "kind: [\n");
    world.write(
        "plumb.yaml",
        "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec:\n  variables: {size: 1}\n  targets:\n    \
         sandbox: {sandbox: true, default: true}\n    dev: {mode: development, databricks: {profile: dev}}\n    \
         prod: {databricks: {host: \"https://ann:pw@adb-1.azuredatabricks.net\"}, airflow: {}, emr: {region: eu-central-1}, \
         variables: {size: 2}}\n",
    );
    shows!(world.plumb("targets"), @"
    TARGET   DEFAULT  MODE         SYSTEMS
    dev               development  Databricks profile dev
    prod              production   Databricks https://adb-1.azuredatabricks.net, Airflow as AIRFLOW_URL says, EMR eu-central-1
    sandbox  yes      -            embedded sandbox
    --- exit 0
    ");
    let json: Value = serde_json::from_str(&world.plumb("targets --output json").code(0).out).unwrap();
    let prod = json["targets"].as_array().unwrap().iter().find(|one| one["name"] == "prod").unwrap();
    assert_eq!(prod["databricks"]["host"], "https://adb-1.azuredatabricks.net");
    assert_eq!(prod["variables"], serde_json::json!(["size"]));
    world.write("plumb.yaml", "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec: {targts: {}}\n");
    let failed = world.plumb("targets").code(1);
    assert!(failed.err.contains("unknown field `targts`"), "{}", failed.err);
}

#[test]
fn the_version_says_what_it_is_of() {
    let world = World::new();
    let text = world.plumb("version").code(0).out;
    let version = world.plumb("--version").code(0).out;
    assert_eq!(text.lines().next(), Some(version.trim()));
    assert!(text.contains(&format!("platform: {}-{}", std::env::consts::ARCH, std::env::consts::OS)), "{text}");
    let json: Value = serde_json::from_str(&world.plumb("version --output json").code(0).out).unwrap();
    assert_eq!(format!("plumb {}", json["version"].as_str().unwrap()), version.trim());
    assert!(json.as_object().unwrap().contains_key("commit"));
}

#[test]
fn man_pages_are_of_every_command_and_format() {
    let world = World::new();
    world.plumb("man --out man").code(0);
    let pages: Vec<_> = std::fs::read_dir(world.dir().join("man")).unwrap().map(|e| e.unwrap().path()).collect();
    let names: Vec<String> = pages.iter().map(|p| p.file_name().unwrap().to_string_lossy().into_owned()).collect();
    for page in ["plumb.1", "plumb-plan.1", "plumb-ci-plan.1", "plumb-explain.1"] {
        assert!(names.contains(&page.to_owned()), "{page}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("-help")), "{names:?}");
    let one = world.plumb("man ci plan").code(0).out;
    assert_eq!(one, world.read("man/plumb-ci-plan.1"));
    assert!(one.contains(".TH"), "{one}");
    let wrong = world.plumb("man plna").code(64);
    assert!(wrong.err.contains("did you mean `plan`?"), "{}", wrong.err);
    for path in &pages {
        let done = Command::new("groff").args(["-k", "-man", "-Tutf8", "-ww", "-z"]).arg(path).output();
        let Ok(done) = done else {
            eprintln!("no groff here: the pages are not formatted");
            return;
        };
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && said.is_empty(), "{}: {said}", path.display());
    }
}

#[test]
fn a_file_of_variables_sets_them() {
    let world = World::new();
    let manifest = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: etl}\nspec:\n  name: ${var.label}\n  \
                    timeout_seconds: ${var.limit}\n  tasks:\n    - task_key: main\n      existing_cluster_id: 0101-000000-abcdefgh\n      \
                    notebook_task: {notebook_path: /Shared/etl}\n";
    world.write("manifests/etl.yaml", manifest);
    world.edit("plumb.yaml", "spec:\n", "spec:\n  variables: {label: plain, limit: 1}\n");
    let of = |arguments: &str| {
        let shown = world.plumb(&format!("show DatabricksJob/etl --output json {arguments}")).code(0).out;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        (shown["manifest"]["name"].as_str().unwrap().to_owned(), shown["manifest"]["timeout_seconds"].clone())
    };
    // Files from outside of the project are fine.
    let outside = world.home().join("prod.yaml");
    std::fs::write(&outside, "label: of the file\nlimit: 7200\n").unwrap();
    std::fs::write(world.home().join("more.json"), "{\"label\": \"of the second\"}").unwrap();
    let both = format!("--var-file {} --var-file {}", outside.display(), world.home().join("more.json").display());
    assert_eq!(of(&both), ("of the second".into(), 7200.into()));
    assert_eq!(of(&format!("{both} --var limit=60")), ("of the second".into(), 60.into()));
    world.write("vars/prod.yaml", "labl: x\n");
    shows!(world.plumb("validate --var-file vars/prod.yaml"), @"
    --- stderr
    error: there is no variable `labl`
     --> vars/prod.yaml:1:1
      |
    1 | labl: x
      | ^^^^ did you mean `label`?

    1 problem in 1 file
    error: the manifests have mistakes
    --- exit 1
    ");
    shows!(world.plumb("plan --var-file vars/none.yaml"), @"
    --- stderr
    error: invalid value 'vars/none.yaml' for '--var-file <FILE>': No such file or directory (os error 2)

    For more information, try '--help'.
    --- exit 64
    ");
}

#[test]
fn a_shell_is_offered_what_the_project_has() {
    let mut world = World::new();
    world.write("manifests/etl.yaml", &format!("{}---\n{}", job("etl", ""), job("report", "")));
    world.env("PLUMB_COMPLETE", Some("fish"));
    // fish gets a line each, and a description behind a tabulator.
    let offered = |line: &str| -> Vec<String> {
        let words: Vec<&str> = ["--", "plumb"].into_iter().chain(line.split(' ')).collect();
        let ran = world.plumb_with(&words).code(0);
        assert_eq!(ran.err, "");
        ran.out.lines().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
    };
    assert_eq!(offered("plan --target "), ["dev"]);
    assert_eq!(offered("show Data"), ["DatabricksJob/etl", "DatabricksJob/report"]);
    assert_eq!(offered("plan --only DatabricksJob"), ["DatabricksJob", "DatabricksJob/etl", "DatabricksJob/report"]);
    assert_eq!(offered("explain DatabricksJ"), ["DatabricksJob"]);
    assert_eq!(
        offered("explain DatabricksJob.tasks.run_"),
        ["DatabricksJob.tasks.run_if", "DatabricksJob.tasks.run_job_task"]
    );
    assert!(offered("import Databricks").contains(&"DatabricksInstancePool".to_owned()));
    assert_eq!(offered("pla"), ["plan"]);
    // What is wrong with a project is told elsewhere.
    world.write("manifests/bad.yaml", "kind: [\n");
    world.write("manifests/worse.yaml", "kind: DatabricksJob\nmetadata: 7\n");
    assert_eq!(offered("show DatabricksJob/r"), ["DatabricksJob/report"]);
    world.write("plumb.yaml", "apiVersion: 7\n");
    assert_eq!(offered("plan --target "), [""; 0]);
    assert_eq!(world.sandbox.requests(), [""; 0]);
}

/// In the way that bash asks: its script, sourced, and its function called.
#[test]
fn bash_asks_by_the_script_that_is_printed() {
    let world = World::new();
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.write("plumb.bash", &world.plumb("completions bash").code(0).out);
    let ask = "source plumb.bash; COMP_WORDS=(plumb plan --target d); COMP_CWORD=3; COMP_TYPE=9; \
               _clap_complete_plumb plumb d --target; echo \"${COMPREPLY[@]}\"";
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_plumb")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let Ok(done) = Command::new("bash").args(["-c", ask]).env("PATH", path).current_dir(world.dir()).output() else {
        eprintln!("no bash here");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "dev", "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn commands_of_other_tools_are_answered() {
    let world = World::new();
    shows!(world.plumb("destroy"), @"
    --- stderr
    error: plumb has no command `destroy`
    hint: delete the manifest, then `plumb apply`: what is owned and has no manifest is deleted, and `plumb plan` shows it before. `plumb release ADDRESS` lets an object go without deleting it
    --- exit 64
    ");
    shows!(world.plumb("state list"), @"
    --- stderr
    error: plumb has no command `state`
    hint: there is no state file: `plumb status` lists what is owned, `plumb show ADDRESS` one object, `metadata.previousNames` renames, `plumb release ADDRESS` lets an object go
    --- exit 64
    ");
    let listed = world.plumb("--help").out;
    for word in ["delete", "deploy", "up", "diff", "refresh", "fmt", "output", "get", "describe", "logs"] {
        let ran = world.plumb(word).code(64);
        assert!(
            ran.err.contains(&format!("plumb has no command `{word}`")) && ran.err.contains("plumb "),
            "{}",
            ran.err
        );
        assert!(!listed.contains(&format!("\n  {word} ")), "{word} is listed");
    }
    // What only looks like a command of ours is a slip.
    assert!(world.plumb("aply").code(64).err.contains("a similar subcommand exists: 'apply'"));
}

#[test]
fn schemas_of_a_project_offer_its_references() {
    let world = World::new();
    world.write("manifests/etl.yaml", &job("etl", ""));
    world.edit("plumb.yaml", "spec:\n", "spec:\n  variables: {label: plain}\n");
    world.plumb("schema --references --out .plumb/schemas").code(0);
    world.plumb("schema --references --out .plumb/schemas --check").code(0);
    let schema: Value = serde_json::from_str(&world.read(".plumb/schemas/DatabricksJob.json")).unwrap();
    let offered: Vec<&str> = schema["$defs"]["Reference"]["defaultSnippets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["label"].as_str().unwrap())
        .collect();
    assert_eq!(offered, ["${var.label}", "${target.name}", "${project.name}", "${resources.DatabricksJob.etl}"]);
    // Every text of the spec leads there, and still says what it is.
    let name = &schema["properties"]["spec"]["properties"]["name"];
    assert_eq!(name["anyOf"][1]["$ref"], "#/$defs/Reference");
    assert!(name["description"].as_str().unwrap().contains("name"));
    world.write("manifests/more.yaml", &job("more", ""));
    assert!(world.plumb("schema --references --out .plumb/schemas --check").code(1).err.contains("DatabricksJob.json"));
}
