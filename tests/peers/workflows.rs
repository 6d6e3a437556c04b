//! What `.github` holds, and the workflows that the documents recommend: linted by actionlint and zizmor, and held against
//! what plumb itself knows and to the rules of this repository.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of the linters, set up once.
fn linters() -> PathBuf {
    programs("requirements-workflows.txt")
}

/// The folder of the programs that a list of requirements brings, set up once.
pub fn programs(requirements: &str) -> PathBuf {
    let folder = root().join("tests/peers");
    let setup = Command::new("sh").arg(folder.join("setup.sh")).arg(folder.join(requirements)).output().unwrap();
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
    found.insert("action.yml".to_owned(), std::fs::read_to_string(root().join("action.yml")).unwrap());
    assert!(found.len() >= 6, "{:?}", found.keys());
    found
}

/// The workflows in the documents, by the path that somebody would put them at. A fence of YAML with jobs is one.
fn recipes() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let documents = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in documents.chain([root().join("README.md")]).filter(|p| p.extension().is_some_and(|e| e == "md")) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, fence) in text.split("\n```yaml\n").skip(1).enumerate() {
            let fence = fence.split("\n```").next().unwrap();
            if fence.contains("\njobs:\n") {
                found.insert(format!(".github/workflows/{name}-{number}.yml"), format!("{fence}\n"));
            }
        }
    }
    assert!(found.len() >= 2, "{:?}", found.keys());
    found
}

/// The jobs of a workflow, as YAML has them.
fn jobs(path: &str, text: &str) -> Vec<(String, Value)> {
    let workflow: Value = serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}"));
    let jobs = workflow["jobs"].as_object().unwrap_or_else(|| panic!("{path} has no jobs")).clone();
    jobs.into_iter()
        .map(|(name, mut job)| {
            // A job without permissions of its own has those of the workflow.
            if job["permissions"].is_null() {
                job["permissions"] = workflow["permissions"].clone();
            }
            (name, job)
        })
        .collect()
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
    for path in [".github", "action.yml"] {
        let done = zizmor(&linters, &root().join(path));
        assert!(done.status.success(), "{path}: {}", said(&done));
    }
    // Somebody will copy these.
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(folder.path().join(".github/workflows")).unwrap();
    let mut paths = Vec::new();
    for (path, text) in recipes() {
        paths.push(folder.path().join(path));
        std::fs::write(paths.last().unwrap(), text).unwrap();
    }
    let done = actionlint(&linters, &paths);
    assert!(done.status.success(), "{}", said(&done));
    let done = zizmor(&linters, folder.path());
    assert!(done.status.success(), "{}", said(&done));
}

#[test]
fn what_init_writes_is_linted_too() {
    let linters = linters();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.args(["init", "--name", "demo", "--ci", "github"]).current_dir(folder.path());
    let done = command.env_clear().env("HOME", folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let workflows = std::fs::read_dir(folder.path().join(".github/workflows")).unwrap();
    let paths: Vec<PathBuf> = workflows.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(paths.len(), 8, "{paths:?}");
    let done = actionlint(&linters, &paths);
    assert!(done.status.success(), "{}", said(&done));
    let done = zizmor(&linters, &folder.path().join(".github"));
    assert!(done.status.success(), "{}", said(&done));
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for (name, job) in jobs(&path.display().to_string(), &text) {
            assert_eq!(wrong_with_a_builder(&job), [""; 0], "{name}");
            // What it calls in the repository is there.
            for uses in job.to_string().split("\"uses\":\"./").skip(1) {
                let uses = uses.split('"').next().unwrap().trim_start_matches("base/");
                assert!(folder.path().join(uses).exists(), "{name} uses {uses}");
            }
        }
    }
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
    for (path, text) in files().into_iter().chain(recipes()) {
        for line in text.lines().filter_map(|l| l.trim().trim_start_matches("- ").strip_prefix("uses: ")) {
            let (name, version) = line.split_once('@').unwrap_or((line, ""));
            let commit = version.split(' ').next().unwrap();
            let pinned =
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()) && version.contains(" # v");
            // Our own release has no commit before it is made: the documents name its tag, and say how to pin it.
            let own = name == "plumb-dev/plumb" && version == concat!("v", env!("CARGO_PKG_VERSION"));
            assert!(pinned || own || name.starts_with("./"), "{path}: {line}");
        }
        if path.contains("/workflows/") {
            assert!(text.contains("\npermissions: {"), "{path} says nothing of its permissions");
            // One that others call runs when they do.
            let says = text.contains("\nconcurrency:\n") || text.contains("\n  workflow_call:\n");
            assert!(says, "{path} says nothing of runs at the same time");
        }
    }
}

/// What is wrong with a job that runs what dependencies bring along: their build scripts see whatever it has.
fn wrong_with_a_builder(job: &Value) -> Vec<String> {
    let text = job.to_string();
    let builds = ["cargo ", "rustup ", ".ci/run", "npm ", "pip install"].iter().any(|tool| text.contains(tool));
    if !builds {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    match job["permissions"].as_object() {
        Some(rights) => {
            wrong.extend(rights.iter().filter(|(_, v)| *v != "read" && *v != "none").map(|(k, v)| format!("{k}: {v}")));
        }
        None => wrong.push(format!("permissions: {}", job["permissions"])),
    }
    for word in ["secrets.", "github.token", "GITHUB_TOKEN", "GH_TOKEN"] {
        wrong.extend(text.contains(word).then(|| word.to_owned()));
    }
    if !job["environment"].is_null() {
        wrong.push("an environment, which has secrets".to_owned());
    }
    for step in job["steps"].as_array().into_iter().flatten() {
        let checkout = step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@"));
        if checkout && step["with"]["persist-credentials"] != Value::Bool(false) {
            wrong.push("credentials that the checkout leaves behind".to_owned());
        }
    }
    wrong
}

#[test]
fn what_builds_has_no_rights_and_what_has_rights_builds_nothing() {
    let mut builders = 0;
    for (path, text) in files().into_iter().chain(recipes()).filter(|(path, _)| path.contains("/workflows/")) {
        for (name, job) in jobs(&path, &text) {
            assert_eq!(wrong_with_a_builder(&job), [""; 0], "{path}: {name}");
            builders += usize::from(job.to_string().contains("cargo build") || job.to_string().contains(".ci/run"));
        }
    }
    assert!(builders >= 3, "only {builders} jobs build");
    // A job that uses an action has what the target takes, so the action may not build either.
    for path in [".github/actions/plumb/action.yml", "action.yml"] {
        let action = &files()[path];
        assert!(!action.contains("cargo ") && !action.contains("rustup") && !action.contains("pip "), "{action}");
    }
    // The rule can be broken.
    let job = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
    for wrong in [
        "{permissions: {contents: write}, steps: [{run: cargo build}]}",
        "{permissions: write-all, steps: [{run: cargo build}]}",
        "{steps: [{run: cargo build}]}",
        "{permissions: {contents: read}, environment: release, steps: [{run: cargo build}]}",
        "{permissions: {contents: read}, steps: [{run: cargo build, env: {A: \"${{ secrets.A }}\"}}]}",
        "{permissions: {contents: read}, steps: [{uses: actions/checkout@x}, {run: cargo build}]}",
    ] {
        assert_ne!(wrong_with_a_builder(&job(wrong)), [""; 0], "{wrong}");
    }
    assert_eq!(
        wrong_with_a_builder(&job("{permissions: {contents: write}, steps: [{run: gh release view}]}")),
        [""; 0]
    );
}

#[test]
fn a_release_is_attested_by_a_job_that_only_takes_what_was_built() {
    let text = &files()[".github/workflows/release.yml"];
    let jobs = jobs("release.yml", text);
    let used = |job: &Value| -> Vec<String> {
        let steps = job["steps"].as_array().unwrap().iter().filter_map(|step| step["uses"].as_str());
        steps.map(|uses| uses.split('@').next().unwrap().to_owned()).collect()
    };
    let named = |name: &str| &jobs.iter().find(|(job, _)| job == name).unwrap().1;
    // Two jobs may say who they are, and one of them writes to the repository.
    for (name, job) in &jobs {
        let rights = job["permissions"].as_object().unwrap();
        assert_eq!(
            rights.get("id-token").is_some(),
            ["publish", "pypi"].contains(&name.as_str()),
            "{name}: {rights:?}"
        );
        assert_eq!(job.to_string().contains("github.token"), name == "publish", "{name}");
        assert_eq!(rights.values().any(|right| right == "write"), !job["environment"].is_null(), "{name}: {rights:?}");
    }
    let publish = named("publish");
    assert_eq!(publish["permissions"]["attestations"], "write");
    let (takes, attests) = ("actions/download-artifact", "actions/attest");
    assert_eq!(used(publish), [takes, takes, attests, attests, attests]);
    // PyPI gets what was packed, by a job that runs nothing else, and last: it cannot be taken back.
    let pypi = named("pypi");
    assert_eq!(used(pypi), [takes, "pypa/gh-action-pypi-publish"]);
    assert_eq!(pypi["permissions"].as_object().unwrap().len(), 1);
    assert_eq!(pypi["needs"], serde_json::json!(["wheels", "publish"]));
    assert!(pypi["steps"].as_array().unwrap().iter().all(|step| step["run"].is_null()), "{pypi}");
}

#[test]
fn what_a_fork_wrote_never_gets_into_a_checkout() {
    let mut count = 0;
    for (path, text) in files().into_iter().chain(recipes()).filter(|(_, text)| text.contains("workflow_run:")) {
        count += 1;
        assert!(!text.contains("pull_request_target"), "{path}");
        for (name, job) in jobs(&path, &text) {
            for step in job["steps"].as_array().unwrap() {
                let uses = step["uses"].as_str().unwrap_or_default();
                if uses.starts_with("actions/download-artifact@") {
                    let place = step["with"]["path"].as_str().unwrap_or_default();
                    assert!(place.starts_with("${{ runner.temp }}/"), "{path}: {name}: `{place}`");
                }
                if uses.starts_with("actions/checkout@") {
                    let with = step["with"].as_object().unwrap();
                    for option in ["ref", "repository", "allow-unsafe-pr-checkout"] {
                        assert!(!with.contains_key(option), "{path}: {name} checks out with `{option}`");
                    }
                    assert_eq!(with["persist-credentials"], false, "{path}: {name}");
                }
                // The text of the number goes through a variable, never into the script.
                let run = step["run"].as_str().unwrap_or_default();
                assert!(!run.contains("${{"), "{path}: {name}: {run}");
                for line in run.lines().filter(|line| line.contains("git ") && !line.contains(" fetch ")) {
                    assert!(
                        !line.contains("checkout") && !line.contains("merge") && !line.contains("switch"),
                        "{line}"
                    );
                }
                if run.contains("plumb ci plan") {
                    assert!(run.contains(" --at ") && run.contains(" --pull-request "), "{path}: {name}: {run}");
                }
            }
        }
    }
    assert_eq!(count, 1, "the recipe for forks");
}

#[test]
fn every_command_line_exists() {
    let mut count = 0;
    let gitlab = "src/cli/init/gitlab-ci.yml".to_owned();
    let recipe = std::fs::read_to_string(root().join(&gitlab)).unwrap();
    for (path, text) in files().into_iter().chain(recipes()).chain([(gitlab, recipe)]) {
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

/// The names of the faults that a run of `tests/mutants/run` with these arguments would plant.
fn planted(arguments: &[&str]) -> Vec<String> {
    let mut command = Command::new("python3");
    command.arg(root().join("tests/mutants/run")).args(arguments).arg("--list").env_remove("PYTHONPATH");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    String::from_utf8(done.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn every_planted_fault_is_in_one_part_of_the_weekly_run_and_in_no_push() {
    let files = files();
    let text = &files[".github/workflows/mutants.yml"];
    let workflow: Value = serde_yaml::from_str(text).unwrap();
    let on = &workflow["on"];
    let cron = on["schedule"][0]["cron"].as_str().unwrap();
    let fields: Vec<&str> = cron.split(' ').collect();
    assert!(
        fields.len() == 5 && fields[2..4] == ["*", "*"] && fields[4].parse::<u8>().is_ok(),
        "{cron} is not once a week"
    );
    assert!(on.get("push").is_none() && on.get("pull_request").is_none(), "{on}");
    let job = &workflow["jobs"]["shard"];
    assert_eq!(job["strategy"]["fail-fast"], false);
    let parts: Vec<u64> =
        job["strategy"]["matrix"]["part"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).collect();
    let steps = job["steps"].as_array().unwrap();
    let run =
        steps.iter().find(|step| step["run"].as_str().is_some_and(|run| run.contains("tests/mutants/run"))).unwrap();
    assert_eq!(run["run"], format!("tests/mutants/run --shard \"$PART/{}\"", parts.len()));
    assert_eq!(run["env"]["PART"], "${{ matrix.part }}");
    // The parts are all faults, each once.
    let every = planted(&[]);
    let mut of_parts: Vec<String> =
        parts.iter().flat_map(|part| planted(&["--shard", &format!("{part}/{}", parts.len())])).collect();
    assert_eq!(of_parts.len(), every.len());
    let mut sorted = every.clone();
    sorted.sort();
    of_parts.sort();
    assert_eq!(of_parts, sorted);
    assert!(every.len() >= 150, "only {} faults", every.len());
    // What became of them is kept, however it ended.
    let kept =
        steps.iter().find(|step| step["uses"].as_str().is_some_and(|uses| uses.contains("upload-artifact"))).unwrap();
    assert_eq!(kept["if"], "always()");
    assert_eq!(kept["with"]["path"], "target/mutants/results-*.json");
    for (path, text) in files.iter().filter(|(path, _)| !path.ends_with("/mutants.yml")) {
        assert!(!text.contains("tests/mutants/run"), "{path}");
    }
    assert!(!std::fs::read_to_string(root().join(".ci/run")).unwrap().contains("mutants"));
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
    let (folder, temporary) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    copy(&root().join("manifests"), &folder.path().join("manifests"));
    std::fs::copy(root().join("plumb.yaml"), folder.path().join("plumb.yaml")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_plumb")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let run = |line: &str| {
        let mut command = Command::new("bash");
        // As the runner does it.
        command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", line]).current_dir(folder.path());
        command.env_clear().env("PATH", &path).env("HOME", folder.path()).env("PLUMB_TARGET", "sandbox");
        command.env("CI", "true").env("RUNNER_TEMP", temporary.path());
        let done = command.output().unwrap();
        assert!(done.status.success(), "{line}\n{}", said(&done));
        said(&done)
    };
    run(
        "git init --quiet --initial-branch=main && git add --all && git -c user.name=a -c user.email=a@example.com commit --quiet --message x",
    );
    let text = std::fs::read_to_string(root().join(".github/workflows/drift.yml")).unwrap();
    // The first only says that no target was named.
    let lines = text.lines().filter_map(|l| l.trim().strip_prefix("run: ")).filter(|line| !line.starts_with("echo "));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    run(lines[0]);
    let looked = run(lines[1]);
    assert!(looked.contains("No drift, and nothing waits for an apply."), "{looked}");
}
