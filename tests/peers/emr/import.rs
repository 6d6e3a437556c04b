//! `plumb import emr` of seeded accounts: what is written, that it is valid and plans, and that people's work stays.

use super::moto::moto;
use super::seed::{SECRETS, account, cluster, fill_gaps, operation, small, trouble};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A project whose target `prod` is a region of AWS, and whose target `test` is the embedded sandbox.
struct World {
    folder: TempDir,
}

impl World {
    fn new(region: &str) -> World {
        World::with(&format!("emr: {{region: {region}, account: \"123456789012\"}}"))
    }

    fn with(prod: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let project = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: demo}}\nspec:\n  targets:\n    prod: {{default: true, {prod}}}\n    test: {{sandbox: true}}\n"
        );
        std::fs::write(folder.path().join("plumb.yaml"), project).unwrap();
        World { folder }
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut environment = moto().environment();
        environment.insert("AWS_ACCESS_KEY_ID".into(), moto().told["EMR_KEY"].clone());
        environment.insert("AWS_SECRET_ACCESS_KEY".into(), moto().told["EMR_SECRET"].clone());
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        command.env_clear().envs(environment).env("HOME", self.folder.path()).current_dir(self.folder.path());
        command.args(args).output().unwrap()
    }

    /// What a command that succeeds says on stdout and on stderr.
    fn good(&self, args: &[&str]) -> (String, String) {
        let done = self.run(args);
        let (out, err) = said(&done);
        assert!(done.status.success(), "{args:?}: {err}{out}");
        (out, err)
    }

    fn import(&self, args: &[&str]) -> (String, String) {
        self.good(&[&["import", "emr"], args].concat())
    }

    fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Edits a file; what is to be replaced has to be there.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        std::fs::write(self.folder.path().join(path), text.replacen(from, to, 1)).unwrap();
    }

    /// Every file below `manifests/`, with its text.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().join("manifests")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.folder.path()).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, std::fs::read_to_string(&path).unwrap());
                }
            }
        }
        files
    }
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// A cluster of a pipeline with two steps, and machines that the workspace of the sandbox has.
fn nightly(region: &str, name: &str, created: i64, workers: u32) -> String {
    let step = |name: &str, args: &[&str]| {
        let args: Vec<&str> = ["spark-submit"].into_iter().chain(args.iter().copied()).collect();
        json!({ "Name": name, "ActionOnFailure": "TERMINATE_CLUSTER",
                "HadoopJarStep": { "Jar": "command-runner.jar", "Args": args } })
    };
    let args = json!({
        "Steps": [
            step("load", &["s3://acme-code/load.py", "--day", "2026-10-01", "--password", "hunter22-arg"]),
            step("mart", &["--class", "com.acme.Mart", "s3://acme-jars/mart.jar"]),
        ],
        "LogUri": "s3://acme-logs/emr/",
        "Tags": [{ "Key": "team", "Value": "bi" }],
        "Instances": { "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5d.xlarge", "InstanceCount": 1 },
            { "InstanceRole": "CORE", "InstanceType": "m5d.2xlarge", "InstanceCount": workers },
        ] },
    });
    cluster(region, name, &args, json!({ "state": "TERMINATED", "created": created, "ended": created + 3600 }))
}

/// The files of the lines with one of these words.
fn told(out: &str, word: &str) -> Vec<String> {
    let lines = out.lines().filter_map(|line| line.split_once(' '));
    lines.filter(|(first, _)| *first == word).map(|(_, path)| path.trim().to_owned()).collect()
}

#[test]
fn an_account_becomes_manifests_that_are_valid_and_plan() {
    let region = "eu-west-3";
    account(region);
    let world = World::new(region);
    let (out, err) = world.import(&[]);
    let files = world.files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, told(&out, "new"), "{out}");
    for folder in [
        "adhoc-analytics",
        "monthly-finance-close",
        "monthly-marketing",
        "monthly-reporting",
        "monthly-risk",
        "monthly-sales-etl",
        "monthly-forecast",
    ] {
        for file in ["translation.md", "translation.json", "legacy.yaml"] {
            assert!(files.contains_key(&format!("manifests/{folder}/{file}")), "{folder}/{file}: {names:?}");
        }
    }
    for file in [
        "monthly-sales-etl/job.yaml",
        "monthly-sales-etl/dag.yaml",
        "monthly-sales-etl/migration.yaml",
        "monthly-forecast/job-forecast.yaml",
    ] {
        assert!(files.contains_key(&format!("manifests/{file}")), "{file}: {names:?}");
    }
    for text in files.values().chain([&out, &err]) {
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is shown:\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    assert!(err.contains("of 7 pipelines: ") && err.contains(", 0 without an account."), "{err}");
    assert!(err.contains("those of plumb's own table"), "{err}");
    let legacy = &files["manifests/monthly-sales-etl/legacy.yaml"];
    assert!(legacy.contains("name: \"monthly-sales-etl-*\"") && legacy.contains("desired: keep"), "{legacy}");
    // Every decision of a manifest stands in it and in the report beside it.
    for (path, report) in files.iter().filter(|(path, _)| path.ends_with("translation.md")) {
        let folder = path.strip_suffix("translation.md").unwrap();
        let manifests = files.iter().filter(|(p, _)| p.starts_with(folder) && p.ends_with(".yaml"));
        let asked: usize = manifests.map(|(_, text)| text.matches("# DECISION: ").count()).sum();
        let record: Value = serde_json::from_str(&files[&format!("{folder}translation.json")]).unwrap();
        let recorded = record["manifests"].as_array().unwrap().iter();
        let recorded: usize = recorded.map(|made| made["questions"].as_array().unwrap().len()).sum();
        let reported = report.matches("\n### Decision ").count();
        // What is asked about a job that nothing is written of has no line.
        let has_job = files.contains_key(&format!("{folder}migration.yaml"));
        assert!(asked > 0 && asked == recorded && (reported == asked || !has_job), "{path}: {asked}\n{report}");
    }
    world.good(&["validate"]);
    let (plan, _) = world.good(&["plan", "--target", "test", "--output", "json"]);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    let changes = plan["changes"].as_array().unwrap();
    assert!(changes.len() == 12 && changes.iter().all(|change| change["action"] == "create"), "{plan:#}");
    // Elsewhere the very same is written, and here nothing.
    let other = World::new(region);
    other.import(&[]);
    assert_eq!(other.files(), files);
    let (out, err) = world.import(&[]);
    assert_eq!((world.files(), told(&out, "unchanged").len()), (files.clone(), files.len()), "{out}");
    assert!(err.contains("Nothing was written"), "{err}");
}

#[test]
fn what_people_did_stays_and_the_rest_follows() {
    let region = "eu-south-1";
    fill_gaps(region);
    let day = |n: i64| 1_790_000_000 + n * 86_400;
    nightly(region, "sales-2026-10-01", day(0), 4);
    nightly(region, "sales-eu-2026-10-01", day(0), 2);
    let world = World::new(region);
    let (out, _) = world.import(&[]);
    assert_eq!(told(&out, "new").len(), 12, "{out}");
    let first = world.files();
    // The names begin alike, and `sales-*` would be both.
    assert!(first["manifests/sales/legacy.yaml"].contains("ids:"), "{}", first["manifests/sales/legacy.yaml"]);
    assert!(first["manifests/sales-eu/legacy.yaml"].contains("sales-eu-*"));
    world.good(&["apply", "--target", "test", "--yes"]);
    let (plan, _) = world.good(&["plan", "--target", "test", "--output", "json"]);
    assert_eq!(serde_json::from_str::<Value>(&plan).unwrap()["changes"], json!([]), "applied, and yet: {plan}");

    // People work: a value, a comment, a decision by its value and one by its comment, a removal, another place.
    let job = "manifests/sales/job.yaml";
    world.edit(job, "max_concurrent_runs: 1", "max_concurrent_runs: 2   # as agreed");
    world.edit(job, "node_type_id: m5d.2xlarge", "node_type_id: i3.xlarge");
    let before = world.read(job);
    let lines: Vec<&str> = before.lines().collect();
    let is_question = |line: &str| line.trim().starts_with("# DECISION: ");
    let start = lines.iter().position(|line| is_question(line)).unwrap_or_else(|| panic!("{before}"));
    let question = lines[start].trim();
    let rest = lines[start + 1..].iter().take_while(|line| line.trim().starts_with("#") && !is_question(line));
    let block: String = lines[start..=start].iter().chain(rest).map(|line| format!("{line}\n")).collect();
    world.edit(job, &block, "");
    world.edit(job, "  tags:\n    team: bi\n", "");
    std::fs::remove_file(world.folder.path().join("manifests/sales-eu/migration.yaml")).unwrap();
    std::fs::create_dir(world.folder.path().join("manifests/dags")).unwrap();
    let moved = |name: &str| world.folder.path().join(name);
    std::fs::rename(moved("manifests/sales/dag.yaml"), moved("manifests/dags/sales.yaml")).unwrap();
    let edited = world.files();
    let (out, err) = world.import(&[]);
    assert_eq!(told(&out, "kept"), [job], "{out}");
    assert_eq!(told(&out, "deleted"), ["manifests/sales-eu/migration.yaml"], "{out}");
    let reports = ["manifests/sales-eu/translation.md", "manifests/sales/translation.md"];
    assert_eq!(told(&out, "updated"), reports, "{out}");
    assert!(err.contains("values as people have it") && !err.contains("EMR now says"), "{err}");
    let after = world.files();
    for (path, text) in &edited {
        assert!(reports.contains(&path.as_str()) || after[path] == *text, "{path}");
    }
    assert_eq!(after.len(), edited.len());
    let report = &after["manifests/sales/translation.md"];
    let kept = "`DatabricksJob/sales job_clusters[main].new_cluster.node_type_id`: `\"i3.xlarge\"`; EMR says `\"m5d.2xlarge\"`";
    assert!(report.contains(kept) && report.contains("## Taken"), "{report}");
    assert!(world.import(&[]).1.contains("Nothing was written"));

    // A newer cluster: another size and another machine.
    let args = json!({ "Steps": [{ "Name": "load", "HadoopJarStep": { "Jar": "command-runner.jar",
            "Args": ["spark-submit", "s3://acme-code/load-2.py", "--day", "2026-10-02"] } }],
        "Tags": [{ "Key": "team", "Value": "data" }],
        "Instances": { "InstanceGroups": [
            { "InstanceRole": "MASTER", "InstanceType": "m5d.xlarge", "InstanceCount": 1 },
            { "InstanceRole": "CORE", "InstanceType": "r6id.2xlarge", "InstanceCount": 9 },
        ] } });
    let told_of = json!({ "state": "TERMINATED", "created": day(1), "ended": day(1) + 60 });
    cluster(region, "sales-2026-10-02", &args, told_of);
    let (out, err) = world.import(&["--name", "sales"]);
    assert!(told(&out, "updated").contains(&job.to_owned()), "{out}");
    let text = world.read(job);
    for there in ["max_concurrent_runs: 2   # as agreed", "node_type_id: i3.xlarge", "num_workers: 9", "load-2.py"] {
        assert!(text.contains(there), "{there}\n{text}");
    }
    for gone in ["tags:", "com.acme.Mart", question] {
        assert!(!text.contains(gone), "{gone}\n{text}");
    }
    assert!(
        err.contains("node_type_id stays \"i3.xlarge\", as people have it; EMR now says \"r6id.2xlarge\""),
        "{err}"
    );
    assert!(err.contains("tags"), "{err}");
    assert!(!world.folder.path().join("manifests/sales/dag.yaml").exists());
    world.good(&["validate"]);
    assert!(world.import(&["--name", "sales"]).1.contains("Nothing was written"));
}

#[test]
fn one_cluster_a_pool_and_a_policy_and_names_that_are_taken() {
    let region = "me-south-1";
    fill_gaps(region);
    let old = nightly(region, "churn-2026-10-01", 1_790_000_000, 4);
    nightly(region, "churn-2026-10-02", 1_790_100_000, 8);
    let world = World::new(region);
    std::fs::create_dir(world.folder.path().join("manifests")).unwrap();
    let mine = "apiVersion: plumb/v1\nkind: AirflowPool\nmetadata: {name: x}\nspec: {name: x, slots: 1}\n---\n\
                apiVersion: plumb/v1\nkind: DatabricksClusterPolicy\nmetadata: {name: churn}\nspec: {name: mine, definition: {}}\n";
    std::fs::write(world.folder.path().join("manifests/mine.yaml"), mine).unwrap();
    let (out, _) = world.import(&["--cluster", &old, "--pool", "--policy"]);
    let files = told(&out, "new");
    for file in ["job", "dag", "pool", "policy", "legacy", "migration"] {
        assert!(files.contains(&format!("manifests/churn-2/{file}.yaml")), "{out}");
    }
    assert!(world.read("manifests/churn-2/job.yaml").contains("num_workers: 4"));
    let (out, _) = world.import(&["--out", "manifests/elsewhere"]);
    assert!(told(&out, "updated").contains(&"manifests/churn-2/job.yaml".to_owned()), "{out}");
    // What was asked for once is still wanted, and the newest cluster counts again.
    let job = world.read("manifests/churn-2/job.yaml");
    assert!(job.contains("num_workers: 8") && job.contains("DatabricksInstancePool.churn-2"), "{job}");
    assert_eq!(world.read("manifests/mine.yaml"), mine);
}

#[test]
fn without_its_record_a_folder_is_people_s() {
    let region = "eu-south-2";
    fill_gaps(region);
    nightly(region, "churn-2026-10-01", 1_790_000_000, 4);
    let world = World::new(region);
    // However the project writes the path, it is the same folder.
    world.edit("plumb.yaml", "spec:\n", "spec:\n  manifests: [./manifests/]\n");
    world.import(&[]);
    assert!(world.import(&[]).1.contains("Nothing was written"));
    world.edit("manifests/churn/job.yaml", "num_workers: 4", "num_workers: 3");
    std::fs::remove_file(world.folder.path().join("manifests/churn/translation.json")).unwrap();
    let before = world.files();
    let (out, _) = world.import(&[]);
    assert_eq!(told(&out, "new"), ["manifests/churn/translation.json"], "{out}");
    assert_eq!(told(&out, "kept"), ["manifests/churn/job.yaml"], "{out}");
    assert_eq!(world.files()["manifests/churn/job.yaml"], before["manifests/churn/job.yaml"]);
}

#[test]
fn refusals_say_what_to_do_and_write_nothing() {
    let region = "ap-northeast-1";
    fill_gaps(region);
    small(region, "idle", 1_790_000_000);
    let world = World::new(region);
    for (args, code, says) in [
        (&["--name", "nobody"][..], 1, "nothing on EMR is called `nobody`"),
        (&["--cluster", "j-NOBODY"], 1, "the account has no cluster j-NOBODY"),
        (&["--name", "x", "--cluster", "y"], 64, "cannot be used with"),
        (&["--out", "../x"], 64, "expected a folder of the project"),
        (&["--out", "elsewhere"], 64, "the project reads no manifests there"),
        (&["--target", "none"], 64, "there is no target `none`"),
        (&["j-1"], 64, "unexpected argument"),
    ] {
        let done = world.run(&[&["import", "emr"], args].concat());
        let (out, err) = said(&done);
        assert!(done.status.code() == Some(code) && out.is_empty() && err.contains(says), "{args:?}: {out}{err}");
    }
    assert_eq!(world.files(), BTreeMap::new());
    // A page that fails, and a record that is broken.
    let no = r#"{"__type":"AccessDeniedException","message":"no"}"#;
    trouble(json!({ "in": operation(region, "ListSteps"), "status": 400, "body": no }));
    let done = world.run(&["import", "emr"]);
    assert!(done.status.code() == Some(1) && said(&done).1.contains("nothing was changed or written"), "{done:?}");
    assert_eq!(world.files(), BTreeMap::new());
    // A cluster that nothing runs on: its manifest, and no job.
    let (out, _) = world.import(&[]);
    assert_eq!(told(&out, "new").len(), 3, "{out}");
    let record = "manifests/idle/translation.json";
    std::fs::write(world.folder.path().join(record), "{}").unwrap();
    let done = world.run(&["import", "emr"]);
    assert!(done.status.code() == Some(1) && said(&done).1.contains("restore it from git"), "{done:?}");
    // What AWS refuses to say is asked about.
    let world = World::new(region);
    trouble(json!({ "in": operation(region, "ListBootstrapActions"), "status": 400, "body": no }));
    world.import(&[]);
    let legacy = world.read("manifests/idle/legacy.yaml");
    assert!(legacy.contains("# DECISION: what `ListBootstrapActions` would have said"), "{legacy}");
    // A file that cannot be put into its place: those before it are taken back.
    let world = World::new(region);
    for (name, says) in
        [("translation.md", "manifests/idle/translation.md` is a folder"), ("legacy.yaml", "legacy.yaml: ")]
    {
        let folder = world.folder.path().join("manifests/idle").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let done = world.run(&["import", "emr"]);
        let (out, err) = said(&done);
        assert!(done.status.code() == Some(1) && out.is_empty(), "{out}{err}");
        assert!(err.contains(says) && err.contains("nothing was written"), "{err}");
        assert_eq!(world.files(), BTreeMap::new());
        std::fs::remove_dir(&folder).unwrap();
    }
}

#[test]
fn edits_that_do_not_go_with_what_emr_says_now_stop_the_import() {
    let region = "af-south-1";
    fill_gaps(region);
    let day = |n: i64| 1_790_000_000 + n * 86_400;
    nightly(region, "load-2026-10-01", day(0), 4);
    let world = World::new(region);
    world.import(&[]);
    // The second task is gone by people's hand, and a third one of EMR waits for it.
    let job = world.read("manifests/load/job.yaml");
    let (first, second) = job.split_once("    - task_key: mart\n").unwrap();
    assert!(second.contains("com.acme.Mart"));
    std::fs::write(world.folder.path().join("manifests/load/job.yaml"), first).unwrap();
    world.good(&["validate"]);
    let step = |name: &str, file: &str| {
        json!({ "Name": name, "ActionOnFailure": "TERMINATE_CLUSTER", "HadoopJarStep": { "Jar": "command-runner.jar",
            "Args": ["spark-submit", file] } })
    };
    let steps = [step("load", "s3://c/load.py"), step("mart", "s3://c/mart.py"), step("copy", "s3://c/copy.py")];
    let told = json!({ "state": "TERMINATED", "created": day(1), "ended": day(1) + 60 });
    cluster(region, "load-2026-10-02", &json!({ "Steps": steps }), told);
    let before = world.files();
    let done = world.run(&["import", "emr"]);
    let (_, err) = said(&done);
    assert!(done.status.code() == Some(1) && err.contains("nothing was written") && err.contains("mart"), "{err}");
    assert_eq!(world.files(), before);
}

/// A running `plumb sandbox`, which ends when it goes out of scope.
struct Sandbox(Child);

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn sandbox() -> (Sandbox, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    let child = command.env_clear().arg("sandbox").stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut sandbox = Sandbox(child);
    let mut line = String::new();
    BufReader::new(sandbox.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    (sandbox, told["databricks"].as_str().unwrap().to_owned())
}

#[test]
fn the_workspace_says_which_runtimes_there_are() {
    let region = "ca-central-1";
    fill_gaps(region);
    nightly(region, "etl-2026-10", 1_790_000_000, 4);
    let (sandbox, url) = sandbox();
    let world = World::with(&format!("databricks: {{host: \"{url}\"}}, emr: {{region: {region}}}"));
    let token = [("DATABRICKS_TOKEN", "dapi-any"), ("DATABRICKS_HOST", url.as_str())];
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        let mut environment = moto().environment();
        environment.insert("AWS_ACCESS_KEY_ID".into(), moto().told["EMR_KEY"].clone());
        environment.insert("AWS_SECRET_ACCESS_KEY".into(), moto().told["EMR_SECRET"].clone());
        command.env_clear().envs(environment).envs(token).env("HOME", Path::new("/nowhere"));
        command.current_dir(world.folder.path()).args(["import", "emr"]).output().unwrap()
    };
    let done = run();
    let (out, err) = said(&done);
    assert!(done.status.success() && err.contains("those that the target's workspace lists"), "{out}{err}");
    let files = world.files();
    assert!(
        files["manifests/etl/job.yaml"].contains("spark_version: \"16.4.x-scala2.12\""),
        "{:?}",
        files["manifests/etl/job.yaml"]
    );
    // A workspace that does not answer is not guessed at.
    drop(sandbox);
    let done = run();
    let (_, err) = said(&done);
    assert!(
        done.status.code() == Some(1) && err.contains("spark-versions failed") && err.contains("nothing was written"),
        "{err}"
    );
    assert_eq!(world.files(), files);
}
