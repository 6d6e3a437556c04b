//! Which decisions are open, of whom, and what is done about them.

use super::*;
use crate::kinds;
use crate::manifest::{InMemory, Request, load};

const JOB: &str = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: NAME}\nspec:\n  name: NAME\n  tasks:\n    \
                   - {task_key: a, existing_cluster_id: c, notebook_task: {notebook_path: /a}}\n";
const OLD: &str =
    "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {name: NAME}\nspec: {match: {name: NAME}, desired: keep}\n";
const MIGRATION: &str = "apiVersion: plumb/v1\nkind: Migration\nmetadata: {name: NAME}\nspec:\n  from: {emr: [EmrCluster/OLD]}\n  \
                         to: {jobs: [DatabricksJob/JOB]}\n";

fn project(spec: &str) -> String {
    format!("apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: p}}\nspec:\n{spec}")
}

/// What is wanted of the files, for a target that is everybody's unless the project says otherwise.
fn desired(spec: &str, files: &[(&str, &str)]) -> Desired {
    let targets = "  targets: {t: {default: true, databricks: {}, emr: {region: eu-west-1}}}\n";
    let spec = if spec.contains("targets:") { spec.to_owned() } else { format!("{targets}{spec}") };
    let mut all: BTreeMap<String, Vec<u8>> =
        files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    all.insert("plumb.yaml".into(), project(&spec).into_bytes());
    all.entry("manifests/.empty.yaml".into()).or_default();
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: Some("ann".into()) };
    load(&InMemory(all), &request, kinds::all()).unwrap_or_else(|failure| panic!("{:?}", failure.problems))
}

fn job(name: &str) -> String {
    JOB.replace("NAME", name)
}

/// The open decisions of each manifest that has some: file, line, and what is asked.
fn open(desired: &Desired) -> Vec<String> {
    let place = |resource: &Resource, one: &OpenDecision| {
        let (file, (line, _)) = (&desired.files.get(one.span.file).path, desired.files.position(one.span));
        format!("{} {file}:{line} {}", resource.address.name, one.what)
    };
    let all = desired.resources.iter();
    all.flat_map(|resource| resource.decisions.iter().map(move |one| place(resource, one))).collect()
}

#[test]
fn a_comment_that_asks_is_open_and_nothing_else_is() {
    for (comment, wanted) in [
        ("# DECISION: how many", Some("how many")),
        ("#DECISION:how many ", Some("how many")),
        ("#   DECISION: how many", Some("how many")),
        ("# DECISION:", Some("")),
        ("# decision: how many", None),
        ("# DECISIONS: two", None),
        ("# decided, was DECISION: how many", None),
        ("# # DECISION: how many", None),
    ] {
        let desired =
            desired("", &[("manifests/a.yaml", &job("a").replace("spec:\n", &format!("spec:\n  {comment}\n")))]);
        let found: Vec<&str> = desired.resources[0].decisions.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(found, Vec::from_iter(wanted), "{comment}");
    }
}

#[test]
fn each_is_of_the_document_in_which_its_comment_stands_or_which_it_patches() {
    let text = format!(
        "# DECISION: one\n{}# DECISION: two\n---\n{}  description: |\n    # DECISION: no\n  # DECISION: three\n  \
         tags: {{x: '# DECISION: no'}} # DECISION: four\n",
        job("a"),
        job("b")
    );
    let patch = "# DECISION: five\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: a}\nspec:\n  # DECISION: six\n  \
                 timeout_seconds: 60\n";
    let targets = "  targets: {t: {default: true, databricks: {}, patches: [over]}, u: {databricks: {}}}\n";
    let files = [("manifests/all.yaml", text.as_str()), ("over/a.yaml", patch)];
    let desired = desired(targets, &files);
    let wanted = [
        "a manifests/all.yaml:1 one",
        "a manifests/all.yaml:9 two",
        "a over/a.yaml:1 five",
        "a over/a.yaml:6 six",
        "b manifests/all.yaml:20 three",
        "b manifests/all.yaml:21 four",
    ];
    assert_eq!(open(&desired), wanted);
    assert_eq!(desired.count_decisions(|_| true).unwrap().to_string(), "6 decisions open in 1 pipeline");
    assert_eq!(desired.count_decisions(|one| one.address.name == "b").unwrap().open, 2);
    assert_eq!(desired.count_decisions(|_| false), None);
}

#[test]
fn questions_of_the_project_are_counted_apart() {
    let spec = "  # DECISION: which runtime\n  answers: {}\n  # DECISION: as whom\n";
    let desired = desired(spec, &[("manifests/a.yaml", &job("a"))]);
    let asked: Vec<&str> = desired.questions.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(asked, ["which runtime", "as whom"]);
    assert_eq!((open(&desired).len(), desired.count_decisions(|_| true)), (0, None));
}

#[test]
fn a_pipeline_is_a_migration_with_what_it_names_or_a_folder() {
    let asks = |text: &str| format!("# DECISION: what\n{text}");
    let migration =
        |name: &str, old: &str, job: &str| MIGRATION.replace("NAME", name).replace("OLD", old).replace("JOB", job);
    let (old, older) = (OLD.replace("NAME", "old"), OLD.replace("NAME", "older"));
    let pipelines = |files: &[(&str, String)]| {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        let desired = desired("", &files);
        let list = desired.undecided().into_iter().map(|(name, one)| format!("{}: {name}", one.address.name));
        let count = desired.count_decisions(|_| true).unwrap();
        (list.collect::<Vec<_>>(), (count.open, count.pipelines))
    };
    // Each in a folder of its own, as they are imported: what the migration does not name is its own, too.
    let found = pipelines(&[
        ("manifests/a/migration.yaml", asks(&migration("churn", "old", "a"))),
        ("manifests/a/legacy.yaml", old.clone()),
        ("manifests/a/job.yaml", asks(&job("a"))),
        ("manifests/a/other.yaml", asks(&job("b"))),
        ("manifests/c/job.yaml", asks(&job("c"))),
        ("manifests/c/d.yaml", asks(&job("d"))),
    ]);
    let wanted =
        ["a: Migration/churn", "b: Migration/churn", "c: manifests/c", "d: manifests/c", "churn: Migration/churn"];
    assert_eq!((found.0.as_slice(), found.1), (&wanted.map(str::to_owned)[..], (5, 2)));
    // All in one folder: by what each names. What none names is a pipeline of its own.
    let found = pipelines(&[
        ("manifests/1.yaml", format!("{}---\n{}", migration("churn", "old", "a"), migration("sales", "older", "b"))),
        ("manifests/2.yaml", format!("{old}---\n{}", asks(&older))),
        ("manifests/3.yaml", format!("{}---\n{}---\n{}", asks(&job("a")), asks(&job("b")), asks(&job("c")))),
    ]);
    let wanted = ["a: Migration/churn", "b: Migration/sales", "c: manifests", "older: Migration/sales"];
    assert_eq!((found.0.as_slice(), found.1), (&wanted.map(str::to_owned)[..], (4, 3)));
}

#[test]
fn what_is_tried_out_is_only_warned_of_unless_the_project_says() {
    let guard = |target: &str, guards: &str| {
        let spec = format!("  targets: {{t: {{default: true, databricks: {{}}{target}}}}}\n{guards}");
        desired(&spec, &[]).decision_guard()
    };
    use DecisionGuard::{Block, Warn};
    for (target, default) in [("", Block), (", mode: development", Warn), (", sandbox: true", Warn)] {
        assert_eq!(guard(target, ""), default, "{target}");
        assert_eq!(guard(target, "  guards: {maxDeletes: 3}\n"), default, "{target}");
        assert_eq!(guard(target, "  guards: {decisions: block}\n"), Block, "{target}");
        assert_eq!(guard(target, "  guards: {decisions: warn}\n"), Warn, "{target}");
    }
}

#[test]
fn lines_are_told_of_texts_that_are_no_yaml_too() {
    assert_eq!(
        decision_lines("a: |\n  # DECISION: no\n# DECISION: a\r\nb:\n  - # DECISION: b\n    c: 1 # DECISION: c\n"),
        [3, 5, 6]
    );
    assert_eq!(decision_lines("a: [\n  # DECISION: a\n- - # DECISION: b\nx # DECISION: c\n"), [2, 3]);
    assert_eq!(decision_lines("nothing: here\n"), [0; 0]);
}
