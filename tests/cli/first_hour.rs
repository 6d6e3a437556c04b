//! README's ten minutes: its commands, as they stand there, in an empty folder on a workspace that has been lived in.

use crate::world::World;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const PLUMB: &str = env!("CARGO_BIN_EXE_plumb");

/// What git asks of whoever commits.
const IDENTITY: &str = "export GIT_AUTHOR_NAME=Ann GIT_AUTHOR_EMAIL=ann@example.com GIT_COMMITTER_NAME=Ann GIT_COMMITTER_EMAIL=ann@example.com\n";

/// The commands of one block of the README, without the indentation of its list.
fn block(name: &str) -> String {
    let body = block_of("README.md", &format!("ten minutes: {name}"));
    body.lines().map(|line| format!("{}\n", line.trim_start())).collect()
}

/// The commands of a page that stand below a comment of that text.
fn block_of(page: &str, comment: &str) -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    let (_, rest) = text.split_once(&format!("<!-- {comment} -->")).unwrap_or_else(|| panic!("{page}: no {comment}"));
    let (_, rest) = rest.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A workspace as people leave it: defaults, other people's grants, a running cluster, jobs on pools and policies.
fn lived_in() -> Value {
    json!({
        "policies": [{"name": "Small clusters", "definition": {"autotermination_minutes": {"type": "fixed", "value": 30}}}],
        "instance_pools": [{"instance_pool_name": "Workers", "node_type_id": "r6id.xlarge", "max_capacity": 10,
            "instance_pool_id": "0101-000000-pool-aaaaaaaa"}],
        "clusters": [{"cluster_name": "Analysts", "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge",
            "num_workers": 2, "autotermination_minutes": 30, "state": "TERMINATED"}],
        "jobs": [
            {"name": "[bau] Nightly / load", "max_concurrent_runs": 3, "tasks": [
                {"task_key": "load", "notebook_task": {"notebook_path": "/Shared/load"}, "new_cluster": {
                    "spark_version": "15.4.x-scala2.12", "num_workers": 1,
                    "instance_pool_id": "0101-000000-pool-aaaaaaaa"}}]},
            {"name": "etl", "schedule": {"quartz_cron_expression": "0 0 4 2 * ?", "timezone_id": "Europe/Berlin"},
                "tasks": [{"task_key": "main", "notebook_task": {"notebook_path": "/Shared/etl"}, "new_cluster": {
                    "spark_version": "15.4.x-scala2.12", "num_workers": 1, "node_type_id": "r6id.xlarge"}}]},
        ],
    })
}

/// Somebody at an empty folder, with the profile that the README tells them to write.
struct Newcomer {
    world: World,
    folder: tempfile::TempDir,
}

impl Newcomer {
    fn arrives() -> Newcomer {
        let world = World::seeded(&lived_in());
        let profile = format!("[prod]\nhost  = {}\ntoken = {}\n", world.sandbox.url, crate::world::TOKEN);
        std::fs::write(world.home().join(".databrickscfg"), profile).unwrap();
        Newcomer { world, folder: tempfile::tempdir().unwrap() }
    }

    /// Types some lines into a shell that stops at the first that fails. There is no terminal, no user and no identity of git.
    fn types(&self, lines: &str) -> Output {
        let programs = Path::new(PLUMB).parent().unwrap().display();
        let mut command = Command::new("sh");
        command.args(["-e", "-c", lines]).current_dir(self.folder.path()).env_clear();
        command.env("PATH", format!("{programs}:{}", std::env::var("PATH").unwrap())).env("HOME", self.world.home());
        command.env("GIT_CONFIG_NOSYSTEM", "1");
        command.output().unwrap()
    }

    fn does(&self, lines: &str) -> (String, String) {
        let done = self.types(lines);
        let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert_eq!(done.status.code(), Some(0), "{lines}\n{out}\n{err}");
        (out, err)
    }
}

#[test]
fn the_ten_minutes_of_the_readme_change_nothing_and_end_with_a_manifest_of_ones_own() {
    let newcomer = Newcomer::arrives();
    let before = newcomer.world.sandbox.get("/_sandbox/state")["databricks"].clone();
    let (out, _) = newcomer.does(&block("adopt"));
    assert_eq!(newcomer.world.sandbox.writes(), [""; 0], "{out}");
    let plan = newcomer.does("plumb plan --target prod --output json").0;
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 5, "{plan:#}");
    for change in changes {
        assert_eq!((&change["action"], &change["fields"]), (&json!("adopt"), &json!([])), "{change:#}");
    }
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    assert!(
        out.contains("0 to create, 0 to update, 5 to adopt, 0 to delete.")
            && out.contains("changes nothing but the marks"),
        "{out}"
    );

    let (out, err) = newcomer.does(&block("own"));
    assert!(out.contains("1 to create") && err.contains("Apply: 1 done"), "{out}\n{err}");
    assert_eq!(
        newcomer.world.sandbox.get("/_sandbox/state")["databricks"],
        before,
        "the emulator alone was written to"
    );

    newcomer.does(&format!("{IDENTITY}{}", block("ci")));
    let tracked = newcomer.does("git ls-files").0;
    for file in ["plumb.yaml", ".gitignore", ".github/workflows/plan.yml", "manifests/hello.yaml"] {
        assert!(tracked.lines().any(|line| line == file), "{tracked}");
    }
    assert!(!tracked.contains(".plumb/"), "{tracked}");
}

/// What the README promises of the apply that follows: the marks, and nothing else.
#[test]
fn an_apply_after_the_ten_minutes_only_leaves_marks() {
    let newcomer = Newcomer::arrives();
    newcomer.does(&block("adopt"));
    newcomer.does("plumb apply --target prod --yes");
    let writes = newcomer.world.sandbox.writes();
    assert!(
        !writes
            .iter()
            .any(|write| ["start", "delete", "create", "permissions"].iter().any(|what| write.contains(what))),
        "{writes:?}"
    );
    assert_eq!(newcomer.world.sandbox.cluster("Analysts")["state"], "TERMINATED");
    newcomer.does("plumb drift --target prod");
}

#[test]
fn the_page_on_code_leads_from_a_notebook_to_a_reviewed_change_and_back() {
    let newcomer = Newcomer::arrives();
    let does = |name: &str| newcomer.does(&format!("{IDENTITY}{}", block_of("docs/code.md", &format!("code: {name}"))));
    let says = |said: &(String, String), texts: &[&str]| {
        texts.iter().for_each(|text| assert!(said.0.contains(text), "no {text:?} in\n{}\n{}", said.0, said.1));
    };
    does("files");
    let first = does("first");
    // What the page shows of the first plan, to the letter: the hash is that of these very files.
    says(&first, &["will be uploaded: 3 files, 170 bytes\n  ^ Code/21024f12e97a \"code of DatabricksJob/audience\"\n"]);
    says(&first, &["1 to create, 0 to update, 1 to upload"]);
    let change = does("change");
    says(
        &change,
        &["~ src/load.py: 1 line", "by Ann: Say what is being done", "+   print(\"loading\", first_day(sys.argv[1]))"],
    );
    says(&change, &["Code/21024f12e97a falls out of use\n  # (nothing names it after this; it is kept for 30 days)"]);
    says(
        &does("back"),
        &["Code/21024f12e97a is there already: 3 files, 170 bytes\n  # (it is in use again; it was not since"],
    );
    let (out, _) = newcomer.does("plumb plan");
    assert!(out.contains("No changes."), "{out}");
    says(&does("run"), &["SUCCESS"]);
}
