//! What `.github` holds, linted by actionlint and zizmor, and held against what plumb itself knows.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the linters, set up once.
fn linters() -> PathBuf {
    let folder = root().join("tests/peers");
    let setup = Command::new("sh")
        .arg(folder.join("setup.sh"))
        .arg(folder.join("requirements-workflows.txt"))
        .output()
        .unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    let python = String::from_utf8(setup.stdout).unwrap();
    Path::new(python.trim()).parent().unwrap().to_owned()
}

/// Workflows and actions, by their paths.
fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in [".github/workflows", ".github/actions/plumb"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap().map(Result::unwrap) {
            let name = format!("{folder}/{}", entry.file_name().into_string().unwrap());
            found.insert(name, std::fs::read_to_string(entry.path()).unwrap());
        }
    }
    assert!(found.len() >= 6, "{:?}", found.keys());
    found
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

fn actionlint(linters: &Path, files: &[PathBuf]) -> Output {
    Command::new(linters.join("actionlint"))
        .args(["-no-color", "-shellcheck=", "-pyflakes="])
        .args(files)
        .output()
        .unwrap()
}

fn zizmor(linters: &Path, path: &Path) -> Output {
    let arguments = ["--offline", "--no-progress", "--color=never", "--config"];
    Command::new(linters.join("zizmor"))
        .args(arguments)
        .arg(root().join(".github/zizmor.yml"))
        .arg(path)
        .output()
        .unwrap()
}

#[test]
fn the_linters_find_nothing() {
    let linters = linters();
    let workflows: Vec<PathBuf> =
        files().keys().filter(|p| p.contains("/workflows/")).map(|path| root().join(path)).collect();
    let done = actionlint(&linters, &workflows);
    assert!(done.status.success(), "{}", said(&done));
    let done = zizmor(&linters, &root().join(".github"));
    assert!(done.status.success(), "{}", said(&done));
}

#[test]
fn the_linters_find_what_is_wrong() {
    let linters = linters();
    let folder = tempfile::tempdir().unwrap();
    let workflows = folder.path().join(".github/workflows");
    std::fs::create_dir_all(&workflows).unwrap();
    let wrong = workflows.join("wrong.yml");
    let text = "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v6\n      \
        - run: echo ${{ github.event.pull_request.title }} ${{ nothing.there }}\n";
    std::fs::write(&wrong, text).unwrap();
    assert!(said(&actionlint(&linters, &[wrong])).contains("nothing"));
    let done = zizmor(&linters, folder.path());
    assert!(!done.status.success());
    let said = said(&done);
    assert!(said.contains("template-injection") && said.contains("unpinned-uses"), "{said}");
}

#[test]
fn what_is_used_is_pinned_and_what_is_allowed_is_said() {
    for (path, text) in files() {
        for line in text.lines().filter_map(|l| l.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            let (name, version) = line.split_once('@').unwrap_or((line, ""));
            let commit = version.split(' ').next().unwrap();
            let pinned =
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()) && version.contains(" # v");
            assert!(pinned || name.starts_with("./"), "{path}: {line}");
        }
        if path.contains("/workflows/") {
            assert!(text.contains("\npermissions: {"), "{path} says nothing of its permissions");
            assert!(text.contains("\nconcurrency:\n"), "{path} says nothing of runs at the same time");
        }
    }
}

#[test]
fn every_command_line_exists() {
    let mut count = 0;
    let gitlab = "ci/gitlab-ci.yml".to_owned();
    let recipe = std::fs::read_to_string(root().join(&gitlab)).unwrap();
    for (path, text) in files().into_iter().chain([(gitlab, recipe)]) {
        for line in text.lines() {
            let line = line.trim().trim_start_matches("run: ").trim_start_matches("- ");
            let Some(rest) = line.strip_prefix("plumb ") else { continue };
            let words: Vec<&str> = rest.split(" || ").next().unwrap().split_whitespace().collect();
            let names = words.iter().take_while(|w| w.bytes().all(|b| b.is_ascii_lowercase()));
            let done = Command::new(env!("CARGO_BIN_EXE_plumb")).args(names).arg("--help").output().unwrap();
            assert!(done.status.success(), "{path}: `{line}`: there is no such command");
            let help = String::from_utf8(done.stdout).unwrap();
            for option in words.iter().filter(|w| w.starts_with("--")) {
                let known = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == *option);
                assert!(known, "{path}: `{line}`: there is no option {option}");
            }
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} command lines were found");
}

/// Copies a folder's files.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

#[test]
fn the_drift_workflow_works_as_it_stands_with_these_manifests() {
    let folder = tempfile::tempdir().unwrap();
    copy(&root().join("manifests"), &folder.path().join("manifests"));
    std::fs::copy(root().join("plumb.yaml"), folder.path().join("plumb.yaml")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_plumb")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let run = |line: &str| {
        let mut command = Command::new("bash");
        // As the runner does it.
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line]).current_dir(folder.path());
        command.env_clear().env("PATH", &path).env("HOME", folder.path()).env("PLUMB_TARGET", "sandbox");
        let done = command.output().unwrap();
        assert!(done.status.success(), "{line}\n{}", said(&done));
        said(&done)
    };
    run(
        "git init --quiet --initial-branch=main && git add --all && git -c user.name=a -c user.email=a@example.com commit --quiet --message x",
    );
    let text = std::fs::read_to_string(root().join(".github/workflows/drift.yml")).unwrap();
    let lines: Vec<&str> = text.lines().filter_map(|l| l.trim().strip_prefix("run: ")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    run(lines[0]);
    let looked = run(lines[1]);
    assert!(looked.contains("No changes."), "{looked}");
}
