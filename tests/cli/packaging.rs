//! What people install: a wheel of this very binary in a fresh environment, and the steps of the action.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn said(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr))
}

/// A program that may see the machine (Python's own settings, where pyenv keeps it), and nothing of the user.
fn program(name: impl AsRef<std::ffi::OsStr>, home: &Path) -> Command {
    let mut command = Command::new(name);
    command.env("HOME", home).current_dir(home);
    for name in ["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONFIG_FILE"] {
        command.env_remove(name);
    }
    command
}

/// What Rust calls this machine.
fn host() -> String {
    let system = match std::env::consts::OS {
        "linux" => "unknown-linux-gnu",
        "macos" => "apple-darwin",
        other => panic!("these tests are not for {other}"),
    };
    format!("{}-{system}", std::env::consts::ARCH)
}

/// Packs a program.
fn pack(binary: &Path, target: &str, folder: &Path) -> Output {
    let mut command = program("python3", folder);
    command.arg(root().join("packaging/wheel.py")).arg("--binary").arg(binary);
    command.args(["--target", target, "--out"]).arg(folder.join("dist")).output().unwrap()
}

#[test]
fn a_wheel_of_the_binary_installs_runs_and_goes_again() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let done = pack(Path::new(env!("CARGO_BIN_EXE_plumb")), &host(), home);
    assert!(done.status.success(), "{}", said(&done));
    let wheel = PathBuf::from(String::from_utf8(done.stdout).unwrap().trim());
    let name = wheel.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("plumb_gitops-{}-py3-none-", env!("CARGO_PKG_VERSION"))), "{name}");

    let run = |command: &mut Command| {
        let done = command.output().unwrap();
        assert!(done.status.success(), "{command:?}\n{}", said(&done));
        said(&done)
    };
    run(program("python3", home).args(["-m", "venv", "venv"]));
    let bin = home.join("venv/bin");
    let pip = |arguments: &[&str]| run(program(bin.join("pip"), home).args(arguments));
    // From the wheel and nothing else: it needs no other package, and no network.
    pip(&["install", "--no-index", "--find-links", "dist", "plumb-gitops"]);
    let shown = pip(&["show", "--files", "plumb-gitops"]);
    assert!(shown.contains("bin/plumb\n") && shown.contains("licenses/LICENSE\n"), "{shown}");
    assert!(pip(&["check"]).contains("No broken requirements"), "the environment is whole");

    // What is installed are the bytes that were packed, and they run where there is nothing else.
    let plumb = bin.join("plumb");
    assert!(std::fs::read(&plumb).unwrap() == std::fs::read(env!("CARGO_BIN_EXE_plumb")).unwrap());
    let project = home.join("project");
    std::fs::create_dir_all(&project).unwrap();
    let alone = |arguments: &[&str]| {
        let mut command = Command::new(&plumb);
        run(command.env_clear().env("HOME", home).current_dir(&project).args(arguments))
    };
    assert_eq!(alone(&["--version"]).trim(), format!("plumb {}", env!("CARGO_PKG_VERSION")));
    alone(&["init", "--name", "demo"]);
    std::fs::write(project.join("manifests/etl.yaml"), crate::world::job("etl", "")).unwrap();
    let valid = alone(&["validate", "--target", "sandbox"]);
    assert!(valid.contains("valid for target sandbox: 1 DatabricksJob"), "{valid}");

    pip(&["uninstall", "--yes", "plumb-gitops"]);
    assert!(!plumb.exists(), "it is gone");
}

#[test]
fn a_wheel_is_packed_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let binary = small_program(folder.path(), 62, false);
    let pack = |name: &str| {
        let home = folder.path().join(name);
        std::fs::create_dir_all(&home).unwrap();
        let done = pack(&binary, "x86_64-unknown-linux-musl", &home);
        assert!(done.status.success(), "{}", said(&done));
        let path = PathBuf::from(String::from_utf8(done.stdout).unwrap().trim());
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read(path).unwrap())
    };
    let (first, second) = (pack("a"), pack("b"));
    assert!(first == second, "{} and {}", first.0, second.0);
    // A static binary is for every Linux: of glibc, whose tag pip knew first, and of musl.
    let tags = "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64";
    assert_eq!(first.0, format!("plumb_gitops-{}-py3-none-{tags}.whl", env!("CARGO_PKG_VERSION")));
}

/// The head of an ELF program: what of it a wheel is chosen by. Its only segment asks for a loader, or is code.
fn small_program(folder: &Path, machine: u16, asks_for_a_loader: bool) -> PathBuf {
    let mut bytes = vec![0u8; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[32..40].copy_from_slice(&64u64.to_le_bytes());
    bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1u16.to_le_bytes());
    let kind: u32 = if asks_for_a_loader { 3 } else { 1 };
    bytes[64..68].copy_from_slice(&kind.to_le_bytes());
    let path = folder.join(format!("program-{machine}-{asks_for_a_loader}"));
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_program_that_would_not_run_is_not_packed() {
    let folder = tempfile::tempdir().unwrap();
    let (fixed, loaded) = (small_program(folder.path(), 62, false), small_program(folder.path(), 62, true));
    let arm = small_program(folder.path(), 183, false);
    let text = root().join("README.md");
    for (binary, target, expected) in [
        (&fixed, "x86_64-unknown-linux-musl", None),
        (&arm, "aarch64-unknown-linux-musl", None),
        // Another machine's.
        (&arm, "x86_64-unknown-linux-musl", Some("it is no program of x86_64-unknown-linux-musl")),
        (&fixed, "aarch64-apple-darwin", Some("it is no program of aarch64-apple-darwin")),
        (&fixed, "x86_64-pc-windows-msvc", Some("it is no program of x86_64-pc-windows-msvc")),
        (&text, "x86_64-apple-darwin", Some("it is no program of x86_64-apple-darwin")),
        // It would start on the machine that built it, and not on an older one or on Alpine.
        (&loaded, "x86_64-unknown-linux-musl", Some("it is linked dynamically")),
        (&loaded, "x86_64-unknown-linux-gnu", None),
    ] {
        let done = pack(binary, target, folder.path());
        match expected {
            None => assert!(done.status.success(), "{}", said(&done)),
            Some(why) => assert!(!done.status.success() && said(&done).contains(why), "{target}: {}", said(&done)),
        }
    }
}

/// The script of a step of the action, by its name.
fn step(name: &str) -> String {
    let action: serde_json::Value =
        serde_yaml::from_str(&std::fs::read_to_string(root().join("action.yml")).unwrap()).unwrap();
    let steps = action["runs"]["steps"].as_array().unwrap();
    steps.iter().find(|step| step["name"] == name).unwrap()["run"].as_str().unwrap().to_owned()
}

/// A program on PATH that stands for one of the runner's.
fn stand_in(folder: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a step as the runner does, with these programs before those of the machine.
fn run_step(script: &str, folder: &Path, env: &[(&str, &str)]) -> Output {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script]).current_dir(folder.join("project"));
    command.env_clear().env("PATH", path).env("HOME", folder).env("CI", "true").env("RUNNER_TEMP", folder.join("temp"));
    command.env("GITHUB_PATH", folder.join("path")).env("GITHUB_ACTION_PATH", root());
    command.envs(env.iter().copied()).output().unwrap()
}

#[test]
fn the_action_installs_the_release_of_its_own_commit_and_only_when_it_is_that() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["bin", "project", "temp", "release"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    let version = env!("CARGO_PKG_VERSION");
    // A release as release.yml makes it, of a program that is quick to pack.
    stand_in(&at("release"), "plumb", "echo the released one");
    let name = format!("plumb-{version}-aarch64-linux.tar.gz");
    let packed = Command::new("tar").args(["-czf", &name, "plumb"]).current_dir(at("release")).status().unwrap();
    assert!(packed.success());
    let sum = Command::new("sha256sum").arg(&name).current_dir(at("release")).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap()[..64].to_owned();
    // The network, and what asks GitHub where a file was built.
    let url = format!("https://github.com/plumb-dev/plumb/releases/download/v{version}/{name}");
    let serve = format!(
        "for last; do :; done; [ \"$last\" = {url} ] || exit 22; while [ \"$1\" != --output ]; do shift; done; cp {}/{name} \"$2\"",
        at("release").display()
    );
    stand_in(&at("bin"), "curl", &serve);
    let asked = at("asked");
    stand_in(&at("bin"), "gh", &format!("echo \"$@\" >> {}; exit \"$GH_SAYS\"", asked.display()));

    let install = |runner: (&str, &str), sha256: &str, gh: &str| {
        let _ = std::fs::remove_dir_all(at("temp"));
        std::fs::create_dir_all(at("temp")).unwrap();
        let _ = std::fs::remove_file(at("path"));
        let _ = std::fs::remove_file(&asked);
        let env = [
            ("RUNNER_OS", runner.0),
            ("RUNNER_ARCH", runner.1),
            ("SHA256", sha256),
            ("GH_SAYS", gh),
            ("REPOSITORY", "plumb-dev/plumb"),
        ];
        run_step(&step("Install"), folder.path(), &env)
    };
    let installed = || {
        let path = std::fs::read_to_string(at("path")).unwrap_or_default();
        let program = Path::new(path.trim()).join("plumb");
        let done = (!path.is_empty()).then(|| Command::new(program).output().unwrap())?;
        Some(String::from_utf8(done.stdout).unwrap())
    };
    let arm = ("Linux", "ARM64");

    let done = install(arm, "", "0");
    assert!(done.status.success(), "{}", said(&done));
    assert_eq!(installed().unwrap(), "the released one\n");
    let expected = format!(
        "attestation verify {name} --repo plumb-dev/plumb --signer-workflow plumb-dev/plumb/.github/workflows/release.yml \
         --source-ref refs/tags/v{version} --deny-self-hosted-runners\n"
    );
    assert_eq!(std::fs::read_to_string(&asked).unwrap(), expected);
    // With the hash nobody has to be asked.
    let done = install(arm, &sum, "1");
    assert!(done.status.success(), "{}", said(&done));
    assert!(installed().is_some() && !asked.exists());

    for (runner, sha256, gh, why) in [
        (arm, "", "1", ""),
        (arm, "0".repeat(64).as_str(), "0", "FAILED"),
        (arm, "latest", "0", "sha256 is no SHA-256"),
        (("Linux", "X64"), "", "0", ""),
        (("Linux", "RISCV64"), "", "0", "no release of plumb for Linux on RISCV64"),
    ] {
        let done = install(runner, sha256, gh);
        assert!(!done.status.success() && said(&done).contains(why), "{runner:?} {sha256}: {}", said(&done));
        assert_eq!(installed(), None, "{runner:?} {sha256}: it is on PATH all the same");
    }
}

#[test]
fn the_action_runs_what_it_is_told_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["bin", "project/manifests", "temp"] {
        std::fs::create_dir_all(at(name)).unwrap();
    }
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_plumb"), at("bin/plumb")).unwrap();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: demo}\nspec: {targets: {other: {sandbox: true, default: true}, \
                   sandbox: {sandbox: true}}}\n";
    std::fs::write(at("project/plumb.yaml"), project).unwrap();
    std::fs::write(at("project/manifests/etl.yaml"), crate::world::job("etl", "")).unwrap();
    let run = |command: &str, target: &str, arguments: &str| {
        let env = [("COMMAND", command), ("TARGET", target), ("ARGUMENTS", arguments), ("BASE", "")];
        let output = at("output");
        let _ = std::fs::remove_file(&output);
        let env = env.into_iter().chain([("GITHUB_OUTPUT", output.to_str().unwrap())]).collect::<Vec<_>>();
        run_step(&step("Run"), folder.path(), &env)
    };
    let done = run("plan", "sandbox", "");
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains("Plan of demo for target sandbox"), "{}", said(&done));
    let outputs = std::fs::read_to_string(at("output")).unwrap();
    for name in ["changes=1\n", "digest=", "exitcode=0\n"] {
        assert!(outputs.contains(name), "{name} is no output:\n{outputs}");
    }
    // Options are options of plumb, and its exit code is that of the step.
    let done = run("plan", "", "--detailed-exitcode --var a=b");
    assert_ne!(done.status.code(), Some(0), "{}", said(&done));
    let done = run("plan", "", "--detailed-exitcode");
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
    assert!(said(&done).contains("for target other"), "{}", said(&done));
    // What is there to be found is no failure. What cannot be read is one.
    let done = run("drift", "sandbox", "--no-issue");
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let done = run("drift", "nowhere", "--no-issue");
    assert_ne!(done.status.code(), Some(0), "{}", said(&done));
    for command in ["board", "plan; touch made", "$(touch made)"] {
        let done = run(command, "", "");
        assert!(said(&done).contains("expected plan, apply or drift"), "{}", said(&done));
        assert_eq!(done.status.code(), Some(1));
    }
    run("plan", "$(touch made)", "$(touch made) `touch made` ; touch made");
    assert!(!at("project/made").exists(), "an input was run");
}
