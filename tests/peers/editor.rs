//! What an editor shows by the schemas: asked of yaml-language-server, which VS Code, Neovim, Helix and Emacs use.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const VERSION: &str = "1.25.0";

/// The language server, installed once; `None`, with the reason said, where there is no npm or no way to the registry.
fn server() -> Option<PathBuf> {
    // The tests of this program wait for one another; those of another have a folder of their own.
    static SERVER: OnceLock<Option<PathBuf>> = OnceLock::new();
    SERVER.get_or_init(install).clone()
}

#[allow(clippy::print_stderr)]
fn install() -> Option<PathBuf> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join(format!("peers/yaml-language-server-{VERSION}"));
    let server = folder.join("node_modules/yaml-language-server/bin/yaml-language-server");
    if server.is_file() {
        return Some(server);
    }
    // Another program may be installing it at the same time: the first to finish keeps its place.
    let fresh = target.join(format!("peers/yaml-language-server-{VERSION}.{}", std::process::id()));
    std::fs::create_dir_all(&fresh).unwrap();
    let package = format!("yaml-language-server@{VERSION}");
    let npm = Command::new("npm")
        .args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"])
        .arg(&fresh)
        .arg(&package)
        .output();
    match npm {
        Ok(done) if done.status.success() => {}
        Ok(done) => {
            eprintln!("skipped, npm could not install it: {}", String::from_utf8_lossy(&done.stderr));
            return None;
        }
        Err(e) => {
            eprintln!("skipped, there is no npm: {e}");
            return None;
        }
    }
    if std::fs::rename(&fresh, &folder).is_err() {
        std::fs::remove_dir_all(&fresh).unwrap();
    }
    assert!(server.is_file(), "{}", server.display());
    Some(server)
}

/// What an editor shows of a file, an answer for each question.
fn ask(server: &Path, file: &Path, questions: &[String]) -> Vec<Value> {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/language_client.mjs");
    let done = Command::new("node").arg(client).arg(server).arg(file).args(questions).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}{err}");
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), questions.len(), "{out}{err}");
    answers
}

/// A project with its schemas, and the file that is edited.
fn project(dir: &Path, schema: &str, spec: &str) -> PathBuf {
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec:\n  variables: {size: 1}\n  targets: {dev: {}}\n";
    std::fs::create_dir_all(dir.join("manifests")).unwrap();
    std::fs::write(dir.join("plumb.yaml"), project).unwrap();
    let other = "apiVersion: plumb/v1\nkind: DatabricksCluster\nmetadata: {name: shared}\nspec: {}\n";
    std::fs::write(dir.join("manifests/other.yaml"), other).unwrap();
    let file = dir.join("manifests/etl.yaml");
    let text = format!(
        "# yaml-language-server: $schema=../schemas/{schema}\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: etl}}\n{spec}"
    );
    std::fs::write(&file, text).unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_plumb"))
        .args(["schema", "--references", "--out", "schemas"])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    file
}

/// The question of the place where `marked` stands in the file; its end for a completion.
fn at(file: &Path, what: &str, marked: &str) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let found = text.find(marked).unwrap_or_else(|| panic!("no `{marked}` in {text}"));
    let place = if what == "complete" { found + marked.len() } else { found };
    let line = text[..place].matches('\n').count();
    let column = place - text[..place].rfind('\n').map_or(0, |at| at + 1);
    format!("{what}:{line}:{column}")
}

const SPEC: &str = "spec:
  name: etl
  queue: {enabled: true}
  tasks:
    - task_key: a
      run_if: ALL_DONE
      existing_cluster_id: ${r
      notebook_task:
        notebook_path: /a
        source: WORKSPACE
      for_each_task:
        inputs: \"[]\"
  trigger: ${v
  max_concurrent_runs: ${v
";

#[test]
fn hover_shows_the_text_of_the_field_and_completion_what_the_project_has() {
    let Some(server) = server() else { return };
    for schema in ["DatabricksJob.json", "plumb.json"] {
        let folder = tempfile::tempdir().unwrap();
        let file = project(folder.path(), schema, SPEC);
        let hovers = [
            ("run_if", "When the task runs"),
            ("ALL_DONE", "When the task runs"),
            ("source", "Where the notebook is"),
            ("notebook_task", "Runs a notebook"),
            ("queue", "Whether runs wait"),
            ("existing_cluster_id", "by id"),
            ("max_concurrent_runs", "How many runs"),
            ("trigger", "Starts runs"),
        ];
        let questions: Vec<String> = hovers.iter().map(|(marked, _)| at(&file, "hover", marked)).collect();
        for ((marked, expected), answer) in hovers.iter().zip(ask(&server, &file, &questions)) {
            let shown = answer.as_str().unwrap_or_default();
            // The first paragraph below the title is the text; values and their texts are listed behind it.
            let text = shown.split("\n\n").nth(1).unwrap_or_default();
            assert!(text.contains(expected), "{schema}, {marked}: {shown}");
            // Above and behind the text the server joins the titles of all that the place may be by `||`.
            assert!(!text.contains("however") && !text.contains("A reference"), "{schema}, {marked}: {shown}");
        }
        let values = ask(&server, &file, &[at(&file, "hover", "ALL_DONE")]);
        assert!(
            values[0].as_str().unwrap().contains("All have ended, however."),
            "the value's text is listed: {}",
            values[0]
        );

        for marked in ["existing_cluster_id: ${r", "max_concurrent_runs: ${v", "trigger: ${v"] {
            let answer = ask(&server, &file, &[at(&file, "complete", marked)]).remove(0);
            let label = |one: &Value| one["label"].as_str().unwrap_or_default().to_owned();
            let labels: Vec<String> = answer.as_array().unwrap().iter().map(label).collect();
            for reference in ["${resources.DatabricksCluster.shared}", "${resources.DatabricksJob.etl}", "${var.size}"]
            {
                assert!(labels.contains(&reference.to_owned()), "{schema}, {marked}: {labels:?}");
            }
            // A snippet's text: `$` and `}` are escaped in it.
            let cluster = answer.as_array().unwrap().iter().find(|one| label(one).contains("Cluster")).unwrap();
            assert_eq!(cluster["text"], "\\${resources.DatabricksCluster.shared\\}");
        }
        let fields = ask(&server, &file, &[at(&file, "complete", "      run_if")]).remove(0);
        assert!(fields.to_string().contains("run_if"), "{fields}");
    }
}

#[test]
fn what_is_wrong_is_shown_as_such() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let good =
        project(folder.path(), "plumb.json", "spec:\n  name: etl\n  tasks:\n    - {task_key: a, run_if: ALL_DONE}\n");
    assert_eq!(ask(&server, &good, &["problems".to_owned()])[0], serde_json::json!([]));
    let bad = project(folder.path(), "plumb.json", "spec:\n  nam: etl\n");
    let problems = ask(&server, &bad, &["problems".to_owned()])[0].to_string();
    assert!(problems.contains("nam"), "{problems}");
}
