//! What people install, held against the programs that will take it: pip's and uv's own checks of the wheel, the linter of
//! container images, the schema of GitLab, pre-commit.

use crate::workflows::programs;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// A program of `requirements-packaging.txt`, in a folder.
fn tool(name: &str, folder: &Path) -> Command {
    let programs = programs("requirements-packaging.txt");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(programs.join(name));
    command.current_dir(folder).env("PATH", path);
    command
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}\n{}", said(&done));
    said(&done)
}

/// A wheel of the binary that the tests built.
fn wheel(folder: &Path) -> PathBuf {
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = Command::new("python3");
    command.arg(root().join("packaging/wheel.py")).args(["--binary", env!("CARGO_BIN_EXE_plumb"), "--target", &target]);
    let done = command.arg("--out").arg(folder).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    PathBuf::from(String::from_utf8(done.stdout).unwrap().trim())
}

/// The fences of YAML in the document on installing that begin with a text.
fn recipes(start: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/install.md")).unwrap();
    let fences = text.split("\n```yaml\n").skip(1).map(|fence| fence.split("\n```").next().unwrap().to_owned() + "\n");
    fences.filter(|fence| fence.starts_with(start)).collect()
}

#[test]
fn the_wheel_is_one_that_pypi_takes_and_uv_installs() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let wheel = wheel(home);
    let checked = run(tool("twine", home).args(["check", "--strict"]).arg(&wheel));
    assert!(checked.contains("PASSED"), "{checked}");
    // It holds no module: that is the point of it.
    run(tool("check-wheel-contents", home).args(["--ignore", "W007"]).arg(&wheel));
    // Nothing is asked of the network, and nothing of the user's uv is touched.
    let uv = |arguments: &[&str]| {
        let mut command = tool("uv", home);
        for (name, folder) in [("UV_TOOL_DIR", "tools"), ("UV_TOOL_BIN_DIR", "bin"), ("UV_CACHE_DIR", "cache")] {
            command.env(name, home.join(folder));
        }
        run(command.env("UV_NO_CONFIG", "1").args(["--offline", "--no-python-downloads"]).args(arguments))
    };
    let folder = home.to_str().unwrap();
    uv(&["tool", "install", "--no-index", "--find-links", folder, "plumb-gitops"]);
    let done = Command::new(home.join("bin/plumb")).env_clear().arg("--version").output().unwrap();
    assert_eq!(said(&done).trim(), format!("plumb {}", env!("CARGO_PKG_VERSION")));
    let once =
        uv(&["tool", "run", "--no-index", "--find-links", folder, "--from", "plumb-gitops", "plumb", "--version"]);
    assert!(once.contains(&format!("plumb {}", env!("CARGO_PKG_VERSION"))), "{once}");
    uv(&["tool", "uninstall", "plumb-gitops"]);
    assert!(!home.join("bin/plumb").exists());
}

#[test]
fn the_images_and_the_action_have_no_finding() {
    let root = root();
    run(tool("hadolint", &root).arg(".github/Dockerfile"));
    run(tool("check-jsonschema", &root).args(["--builtin-schema", "vendor.github-actions", "action.yml"]));
    run(tool("pre-commit", &root).args(["validate-manifest", ".pre-commit-hooks.yaml"]));
    let action: Value = serde_yaml::from_str(&std::fs::read_to_string(root.join("action.yml")).unwrap()).unwrap();
    for step in action["runs"]["steps"].as_array().unwrap() {
        shell_is_sound("bash", step["run"].as_str().unwrap());
    }
    // They find what is wrong.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM alpine\nRUN cd /tmp && apk add git\n").unwrap();
    let done = tool("hadolint", folder.path()).arg("Dockerfile").output().unwrap();
    assert!(!done.status.success() && said(&done).contains("DL3006"), "{}", said(&done));
}

/// Holds a script against ShellCheck. Both runners end it at the first command that fails.
#[track_caller]
fn shell_is_sound(shell: &str, script: &str) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("script"), format!("set -e\n{script}")).unwrap();
    let done = tool("shellcheck", folder.path()).args(["--shell", shell, "script"]).output().unwrap();
    assert!(done.status.success(), "{script}\n{}", said(&done));
}

#[test]
fn the_pipeline_is_one_that_gitlab_takes() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = std::fs::read_to_string(root().join("src/cli/init/gitlab-ci.yml")).unwrap();
    let note = recipes("note:\n").pop().expect("the document has the job that writes a note");
    let check = |text: &str| {
        std::fs::write(folder.path().join("gitlab-ci.yml"), text).unwrap();
        let mut command = tool("check-jsonschema", folder.path());
        command.args(["--builtin-schema", "vendor.gitlab-ci", "gitlab-ci.yml"]).output().unwrap()
    };
    let whole = format!("{pipeline}\n{note}");
    let done = check(&whole);
    assert!(done.status.success(), "{}", said(&done));
    let done = check(&whole.replace("expose_as: plan", "expose: plan"));
    assert!(!done.status.success(), "an unknown key is found");

    let jobs: Value = serde_yaml::from_str(&whole).unwrap();
    let stages: Vec<&str> = jobs["stages"].as_array().unwrap().iter().map(|stage| stage.as_str().unwrap()).collect();
    let mut names = Vec::new();
    for (name, job) in jobs.as_object().unwrap().iter().filter(|(_, job)| job["script"].is_array()) {
        let stage = job["stage"].as_str().unwrap();
        assert!(stages.contains(&stage) || stage == ".post", "{name}: there is no stage {stage}");
        assert!(job["rules"].is_array(), "{name} runs in every pipeline");
        let lines = |key: &str| job[key].as_array().into_iter().flatten().map(|line| line.as_str().unwrap());
        let script: Vec<&str> = lines("script").chain(lines("after_script")).collect();
        shell_is_sound("sh", &script.join("\n"));
        names.push(name.as_str());
    }
    names.sort();
    assert_eq!(names, ["apply", "drift", "note", "plan", "saved plan"]);
    // Who applies is asked, and only once at a time.
    assert_eq!(jobs["apply"]["rules"][0]["when"], "manual");
    assert!(jobs["apply"]["resource_group"].is_string());
}

#[test]
fn a_commit_with_a_wrong_manifest_is_held_back_by_both_hooks() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let git = |place: &Path, arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.com"]).args(arguments).current_dir(place);
        for name in ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"] {
            command.env(name, "/dev/null");
        }
        run(&mut command)
    };
    // What pre-commit clones: the file that says which hooks there are.
    let hooks = at("hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    git(&hooks, &["init", "--quiet"]);
    std::fs::copy(root().join(".pre-commit-hooks.yaml"), hooks.join(".pre-commit-hooks.yaml")).unwrap();
    git(&hooks, &["add", "--all"]);
    git(&hooks, &["commit", "--quiet", "--message", "hooks"]);
    let commit = git(&hooks, &["rev-parse", "HEAD"]).trim().to_owned();
    let wheel = wheel(folder.path());
    std::fs::create_dir_all(at("bin")).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plumb"), at("bin/plumb")).unwrap();

    let configs = recipes("repos:\n");
    assert_eq!(configs.len(), 2, "the plumb on PATH, and one that pre-commit installs");
    let version = env!("CARGO_PKG_VERSION");
    for (number, config) in configs.iter().enumerate() {
        let project = at(&format!("project-{number}"));
        std::fs::create_dir_all(project.join("manifests")).unwrap();
        git(&project, &["init", "--quiet"]);
        let (from, to) = match number {
            0 => ("https://github.com/plumb-dev/plumb".to_owned(), hooks.display().to_string()),
            _ => (format!("plumb-gitops=={version}"), wheel.display().to_string()),
        };
        assert!(config.contains(&from), "{config}");
        let config = config.replace(&from, &to).replace(&format!("rev: v{version}"), &format!("rev: {commit}"));
        std::fs::write(project.join(".pre-commit-config.yaml"), config).unwrap();
        let file = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec: {targets: {sandbox: {sandbox: true, default: true}}}\n";
        std::fs::write(project.join("plumb.yaml"), file).unwrap();
        let check = |manifest: &str| {
            std::fs::write(project.join("manifests/pool.yaml"), manifest).unwrap();
            git(&project, &["add", "--all"]);
            let mut command = tool("pre-commit", &project);
            command.args(["run", "--verbose"]).env("PRE_COMMIT_HOME", at("cache"));
            // Only the first is to find the plumb of the machine.
            if number == 0 {
                let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
                command.env("PATH", format!("{}:{}", at("bin").display(), path.to_str().unwrap()));
            }
            command.output().unwrap()
        };
        let good = "apiVersion: plumb/v1\nkind: AirflowPool\nmetadata: {name: etl}\nspec: {name: etl, slots: 4}\n";
        let done = check(good);
        assert!(done.status.success() && said(&done).contains("valid for target sandbox"), "{}", said(&done));
        let done = check(&good.replace("slots", "slot"));
        assert!(!done.status.success() && said(&done).contains("did you mean `slots`?"), "{}", said(&done));
    }
}
