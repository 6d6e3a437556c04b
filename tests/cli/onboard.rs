//! The first hour: from an empty folder and a workspace that others filled to an apply that changes nothing but marks.

use crate::shows;
use crate::world::{TOKEN, World};
use serde_json::{Value, json};

/// What the README begins with.
const ONBOARDING: [&str; 3] = ["init", "import --all --target prod", "plan --target prod"];

fn workspace(cluster_state: &str) -> Value {
    let task = |cluster: &str| json!({"task_key": "main", "notebook_task": {"notebook_path": "/Shared/etl"}, "existing_cluster_id": cluster});
    json!({
        "policies": [{"name": "Small clusters", "definition": {
            "autotermination_minutes": {"type": "fixed", "value": 30}}}],
        "instance_pools": [{"instance_pool_name": "Workers", "node_type_id": "r6id.xlarge", "max_capacity": 10,
            "instance_pool_id": "0101-000000-pool-aaaaaaaa"}],
        "clusters": [{"cluster_id": "0101-000000-abcdefgh", "cluster_name": "Analysts", "spark_version": "15.4.x-scala2.12",
            "node_type_id": "r6id.xlarge", "num_workers": 2, "autotermination_minutes": 30, "state": cluster_state,
            "custom_tags": {"team": "data"}, "libraries": [{"pypi": {"package": "polars==1.0"}}]}],
        "jobs": [
            {"name": "nightly", "max_concurrent_runs": 3, "tags": {"team": "data"},
                "schedule": {"quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "UTC", "pause_status": "UNPAUSED"},
                "tasks": [{"task_key": "load", "notebook_task": {"notebook_path": "/Shared/load"}, "new_cluster": {
                    "spark_version": "15.4.x-scala2.12", "num_workers": 1,
                    "instance_pool_id": "0101-000000-pool-aaaaaaaa"}}]},
            // Two of one name, as happens.
            {"name": "etl", "tasks": [task("0101-000000-abcdefgh")]},
            {"name": "etl", "tasks": [task("0101-000000-abcdefgh")], "max_concurrent_runs": 2},
        ],
        "airflow": {
            "connections": [{"connection_id": "s3", "conn_type": "aws", "description": "The lake"}],
            "variables": [{"key": "region", "value": "eu-central-1", "description": "Where"}],
            "pools": [{"name": "heavy", "slots": 4, "description": "For large ones"}],
        },
    })
}

/// A folder with nothing in it, and a profile `prod` that signs in to the workspace.
fn newcomer(seed: &Value) -> World {
    let mut world = World::with_airflow(seed);
    world.remove("plumb.yaml");
    let profile = format!("[prod]\nhost = {}\ntoken = {TOKEN}\n", world.sandbox.url);
    std::fs::write(world.home().join(".databrickscfg"), profile).unwrap();
    for name in ["DATABRICKS_HOST", "DATABRICKS_TOKEN"] {
        world.env(name, None);
    }
    world
}

/// What is live, without marks and without what only says when something was written: what nobody may change by taking it over.
fn live(world: &World) -> Value {
    let mut state = world.sandbox.get("/_sandbox/state");
    for place in ["/serial", "/databricks/clusters/0101-000000-abcdefgh/events"] {
        *state.pointer_mut(place).unwrap() = Value::Null;
    }
    // The zone is written as the service had chosen it, and so asked for from then on.
    *state.pointer_mut("/databricks/clusters/0101-000000-abcdefgh/requested").unwrap() = Value::Null;
    // There the lease is taken and given back.
    state["databricks"].as_object_mut().unwrap().remove("workspace");
    forget_marks(&mut state);
    state
}

fn forget_marks(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_marks),
        Value::Object(members) => {
            members.retain(|name, _| name != "plumb" && name != "plumb_rev");
            for member in members.values_mut() {
                forget_marks(member);
                if let Some((rest, _)) = member.as_str().and_then(|text| text.split_once("[plumb ")) {
                    *member = json!(rest.trim_end());
                }
            }
            // No tags and no description are as good as empty ones.
            members.retain(|_, member| *member != json!({}) && *member != json!(""));
        }
        _ => {}
    }
}

#[test]
fn the_documented_onboarding_changes_nothing_and_says_so() {
    let world = newcomer(&workspace("TERMINATED"));
    let before = live(&world);
    let [init, import, plan] = ONBOARDING;
    world.plumb(init).code(0);
    // Airflow's address is a line in the target.
    let airflow = format!("      airflow: {{url: \"{}\"}}\n", world.sandbox.airflow.clone().unwrap());
    let databricks = "      databricks: {profile: prod}\n";
    world.edit("plumb.yaml", databricks, &format!("{databricks}{airflow}"));
    world.sandbox.requests();
    world.plumb(import).code(0).says("9 manifests written. `plumb plan --target prod` shows them as adopted.");
    let planned = world.plumb(&format!("{plan} --output json")).code(0).json();
    let changes = planned["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 9, "{planned:#}");
    for change in changes {
        assert_eq!((&change["action"], &change["fields"]), (&json!("adopt"), &json!([])), "{change:#}");
        assert_eq!((&change["impacts"], &change["disrupts"]), (&json!([]), &Value::Null), "{change:#}");
    }
    let says =
        "0 to create, 0 to update, 9 to adopt, 0 to delete. 0 unchanged.\nAn apply changes nothing but the marks.";
    world.plumb(plan).code(0).says(says);
    let writes = |world: &World| world.sandbox.writes().into_iter().filter(|line| line != "POST /auth/token");
    assert_eq!(writes(&world).collect::<Vec<_>>(), [""; 0]);
    // The other target takes nothing over, for what is there has other ids; two jobs of one name are no mistake there.
    world.plumb("validate").code(0).says("valid for target sandbox");
    world.plumb("plan").code(0).says("9 to create").never_says("adopt");
    world.plumb("apply --target prod --yes").code(0).says("9 done");
    let restarts: Vec<String> = world
        .sandbox
        .writes()
        .into_iter()
        .filter(|line| line.contains("/start") || line.contains("/restart"))
        .collect();
    assert_eq!(restarts, [""; 0]);
    assert_eq!(live(&world), before);
    world.plumb("drift --target prod").code(0);
    world.plumb(plan).code(0).says("9 resources up to date").never_says("nothing but the marks");
}

#[test]
fn a_running_cluster_is_not_restarted_by_taking_it_over_unless_that_is_asked_for() {
    let world = newcomer(&workspace("RUNNING"));
    for command in &ONBOARDING[..2] {
        world.plumb(command).code(0);
    }
    world
        .plumb("plan --target prod")
        .code(3)
        .says("! restarts the cluster")
        .says("to allow it")
        .never_says("but the marks");
    let applied = world.plumb("apply --target prod --yes").code(3).says("Apply: 5 done, 1 blocked.");
    applied.says("1 change waits because clusters run that adopting would restart, and will not be made").says(
        "  ! DatabricksCluster/analysts: taking it over restarts the running cluster, and ends what runs on\n    it\n    \
         to allow it: plan again once it is terminated; or `plumb apply --override restart`\n",
    );
    let tags = |world: &World| world.sandbox.cluster("Analysts")["custom_tags"].clone();
    assert_eq!(tags(&world), json!({"team": "data"}));
    // What uses the cluster did not wait for it.
    assert!(world.sandbox.job("nightly")["settings"]["tags"]["plumb"].is_string());
    world.sandbox.requests();
    world.plumb("apply --target prod --yes -q").code(3).says("error: all of it waits because clusters run");
    assert_eq!(world.sandbox.writes().iter().filter(|line| line.contains("/2.1/clusters/")).count(), 0);
    world.plumb("apply --target prod --yes --override restart").code(0).says("overridden: taking it over restarts");
    assert!(tags(&world)["plumb"].is_string(), "{}", tags(&world));
    world.plumb("drift --target prod").code(0);
}

#[test]
fn what_has_a_manifest_for_another_target_is_told_when_it_is_imported() {
    let task = json!({"task_key": "main", "notebook_task": {"notebook_path": "/Shared/load"}});
    let world = World::seeded(&json!({"jobs": [{"name": "nightly", "tasks": [task]}]}));
    world.edit("plumb.yaml", "  targets:\n", "  targets:\n    staging: {databricks: {}}\n");
    world.plumb("import --all --target staging").code(0).never_says("warning");
    let job = world.sandbox.job("nightly")["job_id"].to_string();
    let file = format!("manifests/jobs/nightly-{job}.yaml");
    let ran = world.plumb("import --all");
    let says = format!(
        "DatabricksJob/nightly takes the job \"nightly\" over in staging, and would make another in dev: to have one manifest for \
         all, add `dev: \"{job}\"` to its `metadata.adopt`, what differs to a patch of the target, and delete {file}"
    );
    assert!(ran.err.contains(&says), "{}", ran.shown);
    world.edit("manifests/jobs/nightly.yaml", "  adopt:\n", &format!("  adopt:\n    dev: '{job}'\n"));
    world.remove(&file);
    let plan = world.plumb("plan --only nightly --output json").json();
    assert_eq!((&plan["changes"][0]["action"], &plan["changes"][0]["id"]), (&json!("adopt"), &json!(job)), "{plan:#}");
}

#[test]
fn nothing_is_imported_from_a_target_that_would_rename_it() {
    let mut world = World::seeded(&workspace("TERMINATED"));
    world.env("USER", Some("ann"));
    world.edit("plumb.yaml", "{default: true,", "{default: true, mode: development,");
    world.plumb("import job 1").code(64).says("target dev is for development");
    shows!(world.plumb("import --all"), @r#"
    --- stderr
    error: target dev is for development: an apply would rename what is imported to `[dev ann] …` and pause its schedules
    hint: nothing was written
    hint: import from a target without `mode: development`: add one to plumb.yaml, such as `prod: {databricks: {profile: prod}}`
    --- exit 64
    "#);
    world.edit("plumb.yaml", "  targets:\n", "  targets:\n    prod: {databricks: {}}\n    lab: {sandbox: true}\n");
    world.plumb("import --all").code(64).says("`--target prod`").never_says("lab");
    assert_eq!(world.sandbox.requests(), [""; 0]);
    world.plumb("import --all --target prod").code(0);
}

#[test]
fn init_writes_what_a_project_needs_and_keeps_what_is_there() {
    let world = World::new();
    world.remove("plumb.yaml");
    world.write(".gitignore", "/target");
    world.write("schemas/AirflowPool.json", "{}\n");
    shows!(world.plumb("init --name demo --target staging --target prod --target staging"), @r#"
    schemas/
    manifests/example.yaml.txt
    plumb.yaml
    --- stderr
    schemas/: what is there and differs stays as it is: AirflowPool.json
    .gitignore: `.plumb/` added
    Next:
      1. databricks auth login --profile staging  # unless ~/.databrickscfg has it
      2. plumb import --all --target staging      # manifests of what is there
      3. plumb plan --target staging              # changes nothing, and says so
    Or the example, without an account:
         mv manifests/example.yaml.txt manifests/hello.yaml
         plumb plan
    --- exit 0
    "#);
    insta::assert_snapshot!(world.read("plumb.yaml"), @r#"
    # yaml-language-server: $schema=schemas/plumb.json
    apiVersion: plumb/v1
    kind: Project
    metadata:
      name: demo
    spec:
      manifests: [manifests]
      targets:
        sandbox:
          sandbox: true             # the embedded emulator: no account needed
          default: true
        staging:
          databricks: {profile: staging}
        prod:
          databricks: {profile: prod}
      guards: {maxDeletes: 3, maxChangePercent: 30}
    "#);
    assert_eq!(world.read(".gitignore"), "/target\n.plumb/\n");
    assert_eq!(world.read("schemas/AirflowPool.json"), "{}\n");
    // Every schema that a manifest names is there, and of this plumb: but for the one that stayed.
    world.plumb("schema --check").code(1).says("would be written: AirflowPool.json\n");
    world.plumb("schema --manifests").code(0).says("wrote schemas/AirflowPool.json\n");
    world.plumb("schema --check").code(0);
    assert!(!world.dir().join("schemas/plan.json").exists());
    world.plumb("plan").code(0).says("equals the manifests");
    world.plumb("validate --target prod").code(0);
}

#[test]
fn the_example_is_no_manifest_before_it_is_renamed() {
    let world = World::new();
    world.remove("plumb.yaml");
    world.plumb("init").code(0);
    world.plumb("validate").code(0).says("no resources");
    std::fs::rename(world.dir().join("manifests/example.yaml.txt"), world.dir().join("manifests/hello.yaml")).unwrap();
    let text = world.read("manifests/hello.yaml");
    let schema = text.lines().next().unwrap().strip_prefix("# yaml-language-server: $schema=").unwrap();
    assert!(world.dir().join("manifests").join(schema).exists(), "{schema}");
    world.plumb("validate --target prod").code(0).says("1 DatabricksJob").never_says("warning");
    world.plumb("plan").code(0).says("1 to create");
    world.plumb("apply --yes").code(0);
    world.plumb("plan --detailed-exitcode").code(0);
    assert_eq!(world.sandbox.requests(), [""; 0], "the sandbox is another one");
}

#[test]
fn init_refuses_bad_names_at_once_and_asks_nobody() {
    let world = World::new();
    world.remove("plumb.yaml");
    shows!(world.plumb_with(&["init", "--name", "Bad Name!"]), @r#"
    --- stderr
    error: --name: `Bad Name!` cannot be a name: only letters, digits, `-` and `_` may stand in a name
    hint: nothing was written
    --- exit 64
    "#);
    world.plumb_with(&["init", "--target", "a/b"]).code(64).says("--target: `a/b` cannot be a name");
    assert_eq!(std::fs::read_dir(world.dir()).unwrap().count(), 1, "only .git");
    // A folder's name is brought into form.
    let folder = world.dir().join("My Data (2)");
    std::fs::create_dir(&folder).unwrap();
    world.plumb_in(&folder, &["init"]).code(0);
    assert!(world.read("My Data (2)/plumb.yaml").contains("  name: my-data--2\n"));
    assert!(world.read("My Data (2)/plumb.yaml").contains("\n    sandbox:\n"));
    assert!(world.read("My Data (2)/plumb.yaml").contains("\n    prod:\n      databricks: {profile: prod}\n"));
}

#[test]
fn pipelines_of_gitlab_are_written_where_there_are_none() {
    let world = World::new();
    world.plumb("init --ci gitlab").code(0).says(".gitlab-ci.yml\n").says("Next:");
    let text = world.read(".gitlab-ci.yml");
    // Every command in it is one of plumb's.
    let commands: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("- plumb ")).collect();
    assert!(commands.len() >= 4, "{text}");
    for command in commands {
        let command = command.split(" #").next().unwrap();
        world.plumb(&format!("{command} --help")).code(0);
    }
    world.write(".gitlab-ci.yml", "ours: {}\n");
    world.plumb("init --ci gitlab").code(0).says("is there and differs; it stays as it is").never_says("Next:");
    assert_eq!(world.read(".gitlab-ci.yml"), "ours: {}\n");
    world.plumb("init --ci gitlab --target x").code(64).says("spec.targets");
}

/// In a container nobody has a name, and no folder is a home.
#[test]
fn validate_needs_neither_home_nor_user_nor_an_identity() {
    let mut world = World::new();
    let job = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: a}\nspec: {name: a}\n";
    world.commit_file("manifests/a.yaml", job, "Add a");
    world.env("HOME", Some(""));
    world.plumb("validate").code(0).never_says("warning");
    world.edit("plumb.yaml", "{default: true,", "{default: true, mode: development,");
    shows!(world.plumb("validate"), @r#"
    The manifests are valid for target dev: 1 DatabricksJob.
    --- stderr
    warning: who develops is not known: names were checked with `[dev USER] ` before them. A plan of target dev needs PLUMB_USER, or `git config --global user.name`
    --- exit 0
    "#);
    world.plumb("validate --output json").code(0).says("who develops is not known");
    // What is named and marked with it needs to know.
    for command in ["plan", "apply --yes"] {
        world.plumb(command).code(1).says("set PLUMB_USER to your name");
    }
    world.env("PLUMB_USER", Some("Zoë Doe"));
    world.plumb("plan").code(0).says("\"[dev Zoe-Doe] a\"");
    // The name that git has, and not a piece of a mail address.
    world.env("PLUMB_USER", None);
    world.git(&["config", "user.email", "x1234@example.com"]);
    world.git(&["config", "user.name", "Ann Lee"]);
    world.plumb("plan").code(0).says("\"[dev Ann-Lee] a\"");
    world.plumb("validate").code(0).never_says("warning");
}

/// The checkout of a container is often another user's, and git does not trust it.
#[test]
fn a_repository_of_another_user_ends_no_validate() {
    let world = World::new();
    world.commit_file("manifests/a.yaml", "", "Add nothing");
    for path in [".", ".git"] {
        // Only root can give a folder away; others have no such folder in their temporary one.
        if std::os::unix::fs::chown(world.dir().join(path), Some(54_321), None).is_err() {
            return;
        }
    }
    world.plumb("validate").code(0).says("git does not trust").says("valid for target dev");
    world.plumb("validate --output json").code(0);
}

#[test]
fn a_project_in_a_project_is_begun_only_where_its_folder_is_named() {
    let world = World::new();
    let folder = world.dir().join("manifests/jobs");
    std::fs::create_dir_all(&folder).unwrap();
    let ran = world.plumb_in(&folder, &["init"]).code(64);
    ran.says("this folder is in the project of ").says("plumb.yaml; nothing was written").says("`plumb -C . init`");
    world.plumb_in(&folder, &["init", "--ci", "github"]).code(64);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    world.plumb_in(&folder, &["-C", ".", "init"]).code(0);
    assert!(folder.join("plumb.yaml").exists());
}

#[test]
fn init_says_all_that_comes_next_in_one_list_that_fits_a_terminal() {
    let world = World::new();
    world.remove("plumb.yaml");
    let ran = world.plumb("init --name demo --ci github").code(0);
    let (_, next) = ran.err.split_once("Next:\n").unwrap();
    insta::assert_snapshot!(next.lines().take_while(|line| !line.starts_with("--- ")).collect::<Vec<_>>().join("\n"), @"
      1. databricks auth login --profile prod  # unless ~/.databrickscfg has it
      2. plumb import --all --target prod      # manifests of what is there
      3. plumb plan --target prod              # changes nothing, and says so
      4. set the repository's variables:
         PLUMB_TARGET    prod: without it CI sees the sandbox alone
         PLUMB_VERSION   a release, without its v
         PLUMB_SHA256    the hash of its archive for Linux on x86-64
         and those that .github/workflows/plan.yml lists
      5. let a role and a principal trust the environment of each workflow
    Or the example, without an account:
         mv manifests/example.yaml.txt manifests/hello.yaml
         plumb plan
    ");
    assert!(ran.err.lines().all(|line| line.chars().count() <= 80), "{}", ran.err);
    world.remove(".github/workflows/plan.yml");
    // The project is there: only what the workflows take.
    let ran = world.plumb("init --ci github").code(0);
    ran.says("  1. set the repository's variables:\n     PLUMB_TARGET    the target: without").never_says("auth login");
}

#[test]
fn workflows_for_another_branch_are_told_with_their_lines() {
    let world = World::new();
    world.remove("plumb.yaml");
    world.plumb("init --name demo --ci github").code(0).never_says("branch main");
    // A branch beside main is somebody's work; one in its place is not what the workflows run on.
    world.commit("Begin");
    world.git(&["checkout", "-q", "-b", "work"]);
    world.git(&["branch", "-f", "main"]);
    world.plumb("init --ci github").code(0).never_says("branch main");
    world.git(&["branch", "-D", "main"]);
    let ran = world.plumb("init --ci github").code(0);
    let ran = ran.says("the workflows run on the branch main, and this one is work: rename it (`git branch -m main`)");
    for line in ran.err.lines().filter_map(|line| line.strip_prefix("  .github/")) {
        let (file, lines) = line.split_once(':').unwrap();
        let text = world.read(&format!(".github/{file}"));
        for at in lines.split(',') {
            assert!(text.lines().nth(at.parse::<usize>().unwrap() - 1).unwrap().contains("main"), "{line}");
        }
    }
    let ran = ran.says("  .github/workflows/apply.yml:");
    // What was changed is not told of any more.
    world.edit(".github/workflows/apply.yml", "branches: [main]", "branches: [work]");
    ran.says("apply.yml:");
    world.plumb("init --ci github").code(0).says("board.yml:").never_says("apply.yml:");
    // Nor is GitLab's, which says itself which branch it is.
    world.plumb("init --ci gitlab").code(0).never_says("branch main");
}
