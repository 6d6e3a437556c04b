//! What says how plumb is installed agrees with what a release has.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every text file below a folder, or that file.
fn texts(at: &Path, found: &mut Vec<(PathBuf, String)>) {
    if at.is_dir() {
        for entry in std::fs::read_dir(at).unwrap().map(Result::unwrap) {
            texts(&entry.path(), found);
        }
    } else if let Ok(text) = std::fs::read_to_string(at) {
        found.push((at.to_owned(), text));
    }
}

/// Commands in a line that install or run the packages called `plumb` on PyPI and crates.io, which are other people's.
fn strangers(line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split(|c: char| c.is_whitespace() || "`'\"()|".contains(c)).collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let next = words.get(at + 1).copied().unwrap_or_default();
        let rest = match (*word, next) {
            ("pip" | "pip3" | "pipx" | "cargo" | "uv", "install" | "add" | "binstall" | "run" | "upgrade") => {
                &words[at + 2..]
            }
            ("uv", "tool" | "pip") => words.get(at + 3..).unwrap_or_default(),
            ("uvx", _) => &words[at + 1..],
            _ => continue,
        };
        // A command ends where the text or the next command begins.
        let ends = rest.iter().position(|word| ["&&", ";", "#", ""].contains(word)).unwrap_or(rest.len());
        let rest = &rest[..ends];
        let named =
            rest.iter().any(|word| *word == "plumb" || word.starts_with("plumb==") || word.starts_with("plumb>"));
        let ours = rest.contains(&"--git") || rest.contains(&"--path") || rest.contains(&"plumb-gitops");
        // `cargo run` runs what is built here.
        if named && !ours && !(*word == "cargo" && next == "run") {
            found.push(format!("{word} {next} {}", rest.join(" ")));
        }
    }
    found
}

#[test]
fn nothing_here_installs_a_strangers_package() {
    for wrong in [
        "pip install plumb",
        "Run `pip install --upgrade plumb` first",
        "python3 -m pip install plumb==0.1.0",
        "pipx install plumb && plumb demo",
        "cargo install --locked plumb",
        "uv tool install plumb",
        "uvx plumb demo",
        "uv add plumb",
    ] {
        assert_eq!(strangers(wrong).len(), 1, "{wrong}");
    }
    for right in [
        "pip install plumb-gitops",
        "uvx --from plumb-gitops plumb demo",
        "cargo install --locked --git https://github.com/plumb-dev/plumb plumb",
        "cargo run --quiet -- plumb",
        "pip install plumb-gitops && plumb demo",
    ] {
        assert_eq!(strangers(right), [""; 0], "{right}");
    }
    let mut files = Vec::new();
    for place in [
        "docs",
        "src",
        "crates",
        "schemas",
        "tests/cli/help",
        ".github",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "action.yml",
    ] {
        texts(&root().join(place), &mut files);
    }
    assert!(files.len() > 300, "{}", files.len());
    for (path, text) in files {
        for line in text.lines() {
            assert_eq!(strangers(line), [""; 0], "{}: {line}", path.display());
        }
    }
}

/// The versions `1.2.3` in a text, without those of other people's actions.
fn versions(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.contains("actions/"));
    let words = lines.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.')));
    let version = |word: &&str| {
        let parts: Vec<&str> = word.trim_start_matches('v').trim_end_matches('.').split('.').collect();
        parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(version).map(|word| word.trim_start_matches('v').trim_end_matches('.').to_owned()).collect()
}

#[test]
fn what_is_to_be_copied_names_this_version() {
    for path in ["docs/install.md", "src/cli/init/gitlab-ci.yml"] {
        assert_eq!(versions(&text(path)), BTreeSet::from([env!("CARGO_PKG_VERSION").to_owned()]), "{path}");
    }
    // What a wheel and maturin say is Cargo.toml's.
    let project = text("pyproject.toml");
    assert!(
        project.contains("\nname = \"plumb-gitops\"\n")
            && project.contains("\ndynamic = [\"version\", \"description\"]\n")
    );
    assert!(!project.contains("\nversion = ") && !project.contains("\ndescription = "), "{project}");
}

/// The words of a text that are platforms, as archives are named: `x86_64-linux`.
fn platforms(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'));
    let platform = |word: &&str| {
        word.split_once('-').is_some_and(|(arch, system)| {
            ["x86_64", "aarch64"].contains(&arch) && ["linux", "macos", "windows"].contains(&system)
        })
    };
    words.filter(platform).map(str::to_owned).collect()
}

#[test]
fn the_same_platforms_are_built_packed_fetched_and_documented() {
    let release = text(".github/workflows/release.yml");
    let built: BTreeSet<(String, String)> = release
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- {runner: "))
        .map(|line| {
            let of = |key: &str| line.split(key).nth(1).unwrap().split([',', '}']).next().unwrap().to_owned();
            (of("name: "), of("target: "))
        })
        .collect();
    assert_eq!(built.len(), 5, "{built:?}");
    let names: BTreeSet<String> = built.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(platforms(&text("action.yml")), names, "the action");
    assert_eq!(platforms(&text("docs/install.md")), names, "the document");
    let packed: BTreeSet<(String, String)> = release
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pack "))
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .map(|words| (words[0].to_owned(), words[1].to_owned()))
        .collect();
    assert_eq!(packed, built, "the wheels");
    let script = text("packaging/wheel.py");
    for (_, target) in &built {
        assert!(script.contains(&format!("    \"{target}\": [")), "packaging/wheel.py does not know {target}");
    }
}

#[test]
fn images_are_pinned_and_run_as_nobody() {
    let text = text(".github/Dockerfile");
    let stages: Vec<&str> = text.split("\nFROM ").skip(1).collect();
    let names: Vec<&str> =
        stages.iter().map(|stage| stage.lines().next().unwrap().rsplit_once(" AS ").unwrap().1).collect();
    // The last one is the one that is built where none is named.
    assert_eq!(names, ["shell", "static"]);
    for stage in stages {
        let base = stage.split(' ').next().unwrap();
        let digest = base.rsplit_once("@sha256:").map(|(_, digest)| digest).unwrap_or_default();
        assert!(base == "scratch" || (digest.len() == 64 && base.contains(':')), "{base}");
        assert!(stage.contains("\nUSER 65532:65532\n"), "{stage}");
    }
}

#[test]
fn the_job_of_a_workflow_is_ten_lines() {
    let text = text("docs/install.md");
    let workflow = text.split("\n```yaml\n").find(|fence| fence.starts_with("name: plan\n")).unwrap();
    let job = workflow.split("\n```").next().unwrap().split("\njobs:\n").nth(1).unwrap();
    assert!(job.contains("uses: plumb-dev/plumb@") && job.lines().count() <= 10, "{job}");
}
