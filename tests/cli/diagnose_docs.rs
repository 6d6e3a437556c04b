//! docs/diagnose.md, as it stands there: worked cases are run, the signature is loaded, the classes are
//! those of the catalogue. `PLUMB_BLESS=1` writes what is printed anew.

use super::world::World;
use plumb_core::diagnose::{Catalogue, ClueRole};
use serde_json::{Value, json};
use std::path::Path;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PAGE: &str = "docs/diagnose.md";

/// The fenced block after a comment: where its text is.
#[track_caller]
fn block(text: &str, name: &str) -> std::ops::Range<usize> {
    let comment = format!("<!-- case: {name} -->\n```");
    let start = text.find(&comment).unwrap_or_else(|| panic!("no {comment}")) + comment.len();
    let start = start + text[start..].find('\n').unwrap() + 1;
    start..start + text[start..].find("```\n").unwrap()
}

/// A document that is compared with what it should be, or written anew.
struct Document {
    path: &'static str,
    old: String,
    new: String,
}

impl Document {
    fn read(path: &'static str) -> Document {
        let old = std::fs::read_to_string(Path::new(ROOT).join(path)).unwrap();
        Document { path, new: old.clone(), old }
    }

    fn block(&self, name: &str) -> &str {
        &self.old[block(&self.old, name)]
    }

    /// Runs the commands of a block in a folder, and puts what they print in its place; `same` makes it the same in each run.
    #[track_caller]
    fn run(&mut self, name: &str, world: &World, folder: &Path, code: i32, same: &dyn Fn(&str) -> String) {
        let range = block(&self.new, name);
        let commands = self.new[range.clone()].lines().filter_map(|line| line.strip_prefix("$ plumb "));
        let commands: Vec<String> = commands.map(str::to_owned).collect();
        assert!(!commands.is_empty(), "{name} runs nothing");
        let mut shown = String::new();
        for command in commands {
            let words: Vec<&str> = command.split_whitespace().collect();
            let ran = world.plumb_in(folder, &words).code(code);
            let lines: String = same(&ran.out).lines().map(|line| format!("{}\n", line.trim_end())).collect();
            shown.push_str(&format!("$ plumb {command}\n{lines}"));
        }
        self.new.replace_range(range, &shown);
    }

    #[track_caller]
    fn end(self) {
        if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
            // Another test may have written another part of it.
            return std::fs::write(Path::new(ROOT).join(self.path), self.new).unwrap();
        }
        let diff = similar::TextDiff::from_lines(self.old.as_str(), self.new.as_str());
        assert!(self.old == self.new, "{} is stale; PLUMB_BLESS=1 writes it anew:\n{}", self.path, diff.unified_diff());
    }
}

/// The job of the first case: its machines are spot alone, and its logs are delivered.
const JOB: &str = "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {name: audience}
spec:
  name: audience
  parameters: [{name: month, default: none}]
  tasks:
    - task_key: score
      job_cluster_key: main
      notebook_task: {notebook_path: /Shared/score}
  job_clusters:
    - job_cluster_key: main
      new_cluster:
        spark_version: 16.4.x-scala2.12
        node_type_id: r6id.2xlarge
        num_workers: 4
        aws_attributes:
          availability: SPOT      # half the price
        cluster_log_conf: {s3: {destination: \"s3://acme-logs/dbx\", region: eu-central-1}}
";

/// When the run of the first case was, in this run of the test and in the document.
const DOCUMENTED: jiff::civil::Date = jiff::civil::date(2026, 11, 2);

fn replaced(text: &str, pairs: &[(String, String)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Days and ids of the workspace, as they stand in the document.
fn as_documented(day: jiff::civil::Date, ids: &[(Value, &str)]) -> impl Fn(&str) -> String {
    let days = ["%-d %b %Y", "%Y-%m-%d", "%y/%m/%d"];
    let mut pairs: Vec<(String, String)> =
        days.iter().map(|form| (day.strftime(form).to_string(), DOCUMENTED.strftime(form).to_string())).collect();
    let text = |id: &Value| id.as_str().map_or_else(|| id.to_string(), str::to_owned);
    pairs.extend(ids.iter().map(|(id, same)| (text(id), (*same).to_owned())));
    move |shown| same_instances(&replaced(shown, &pairs))
}

/// The ids of instances in their order: i-0feed000000000001 and on.
fn same_instances(text: &str) -> String {
    let mut known: Vec<&str> = Vec::new();
    let is_id = |word: &&str| {
        word.len() == 19 && word.strip_prefix("i-").is_some_and(|id| id.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    for word in text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(is_id) {
        if !known.contains(&word) {
            known.push(word);
        }
    }
    let pairs: Vec<_> = known.iter().zip(1..).map(|(id, n)| ((*id).to_owned(), format!("i-0feed{n:012}"))).collect();
    replaced(text, &pairs)
}

fn spot(page: &mut Document) {
    let world = World::with_emr(&Value::Null);
    world.commit_file("manifests/audience.yaml", JOB, "Add audience");
    world.plumb("apply --yes").code(0);
    // Clusters are forgotten after a month.
    let day =
        jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date().checked_sub(jiff::Span::new().days(9)).unwrap();
    let job = world.sandbox.get("/api/2.2/jobs/list?limit=100")["jobs"][0]["settings"]["name"].clone();
    let run = json!({ "job": job, "started": format!("{day}T04:00:00Z"), "ended": format!("{day}T04:50:00Z"),
        "outcome": { "scenario": "spot-lost" }, "given": { "job_parameters": { "month": "2026-10" } } });
    let run = world.sandbox.post("/_sandbox/seed", json!({ "runs": [run] }))["runs"][0].clone();
    let whole = world.sandbox.get(&format!("/api/2.2/jobs/runs/get?run_id={run}"));
    let cluster = whole["tasks"][0]["cluster_instance"]["cluster_id"].clone();
    let ids = [(run, "88120"), (cluster, "1102-040012-q7kd2m1p")];
    page.run("spot", &world, &world.dir(), 0, &as_documented(day, &ids));
    // The change does what it says.
    world.plumb("diagnose DatabricksJob/audience --patch").code(0).says("wrote manifests/audience.yaml");
    assert!(world.read("manifests/audience.yaml").contains("availability: SPOT_WITH_FALLBACK      # half the price"));
    let plan = world.plumb("plan --output json").json();
    let fields: Vec<&str> =
        plan["changes"][0]["fields"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert!(fields.iter().all(|path| path.contains("aws_attributes")), "{fields:?}");
}

/// A cluster of EMR whose step failed a moment ago: its logs have not come to S3 yet.
fn too_early(page: &mut Document) {
    let mut world = World::with_emr(&Value::Null);
    world.env("PLUMB_NOW", Some("2026-11-02T05:12:00Z"));
    let step = json!({ "Name": "score", "ActionOnFailure": "CONTINUE", "HadoopJarStep": { "Jar": "command-runner.jar", "Args": [
        "spark-submit", "--deploy-mode", "cluster", "s3://acme-artifacts/jobs/score.py", "--month", "2026-10"] } });
    let group =
        |role: &str, count: u32| json!({ "InstanceRole": role, "InstanceType": "r5.2xlarge", "InstanceCount": count });
    let cluster = json!({
        "run": { "Name": "audience-2026-10", "ReleaseLabel": "emr-6.15.0", "LogUri": "s3://acme-emr-logs/audience/",
            "JobFlowRole": "r", "ServiceRole": "s", "Applications": [{ "Name": "Spark" }], "Steps": [step],
            "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [group("MASTER", 1), group("CORE", 2)] } },
        "created": "2026-11-02T04:00:00Z", "ready": "2026-11-02T04:10:00Z",
        "steps": [{ "scenario": "driver-traceback", "started": "2026-11-02T04:10:00Z", "ended": "2026-11-02T05:10:00Z" }],
    });
    let emr = json!({ "forget_days": 100_000, "log_delay_seconds": 10_000_000_000_i64 });
    world.sandbox.post("/_sandbox/settings", json!({ "emr": emr }));
    world.sandbox.post("/_sandbox/seed", json!({ "emr": { "clusters": [cluster] } }));
    let manifest = "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {name: audience}\nspec: {match: {name: \"audience-*\"}, desired: keep}\n";
    world.commit_file("manifests/audience.yaml", manifest, "Add audience");
    page.run("unknown", &world, &world.dir(), 2, &|text| text.to_owned());
}

/// The classes by the family that they are in.
fn classes() -> String {
    let catalogue = Catalogue::builtin().unwrap();
    let mut text = "\n| class | what it says | |\n|---|---|---|\n".to_owned();
    for class in catalogue.classes() {
        let role = match class.role {
            ClueRole::Cause => "cause",
            ClueRole::Symptom => "symptom",
            ClueRole::Wrapper => "wrapper",
            _ => "no failure",
        };
        text.push_str(&format!("| `{}` | {} | {role} |\n", class.name, class.says));
    }
    text.push('\n');
    text
}

#[test]
fn the_worked_cases_are_what_the_program_prints() {
    let mut page = Document::read(PAGE);
    let world = World::new();
    let root = Path::new(ROOT);
    let as_it_is = |text: &str| text.to_owned();
    spot(&mut page);
    for name in ["memory", "traceback", "green"] {
        page.run(name, &world, root, 0, &as_it_is);
    }
    too_early(&mut page);
    assert!(world.sandbox.requests().is_empty(), "logs alone need no service");
    let (start, end) = ("<!-- classes -->\n", "<!-- end of the classes -->");
    let from = page.new.find(start).unwrap() + start.len();
    let to = page.new.find(end).unwrap();
    page.new.replace_range(from..to, &classes());
    page.end();
}

/// Whoever has given all logs is not told to read them all.
#[test]
fn logs_alone_offer_no_more_to_read() {
    let folder = "tests/diagnose/corpus/open/emr-148";
    World::new().plumb_in(Path::new(ROOT), &["diagnose", folder]).code(2).says("Look at").never_says("--all");
}

#[test]
fn the_signature_of_the_page_is_loaded_and_found() {
    let page = Document::read(PAGE);
    let world = World::new();
    world.write("signatures/acme.yaml", page.block("signature"));
    world.write("logs/driver.log", "26/11/02 04:51:09 ERROR Main: acme: ledger of month 2026-10 is still open\n");
    world.plumb("diagnose logs").code(0).says("the ledger of 2026-10 is still open").says("ACME_LEDGER_OPEN · ");
}

#[test]
fn every_exit_code_and_class_of_the_page_is_the_programs() {
    let page = Document::read(PAGE).old;
    let catalogue = Catalogue::builtin().unwrap();
    for class in catalogue.classes() {
        assert_eq!(page.matches(&format!("\n| `{}` | ", class.name)).count(), 1, "{}", class.name);
    }
    let help = World::new().plumb("diagnose --help").code(0).out;
    for code in [
        "0  answered: the cause is found, or the run succeeded",
        "2  the cause is not known",
        "1  something could not be read",
    ] {
        assert!(help.contains(code), "{help}");
    }
}
