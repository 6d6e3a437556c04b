//! The house as ARCHITECTURE.md draws it, held against the sources: what decides names no world outside, only the ui
//! prints, only the settings read the environment, no file is too long, and no kind is forgotten.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A file longer than this does several things.
const LONGEST: usize = 700;

/// What decides: pure and synchronous.
const DECIDING: [&str; 10] =
    ["plan/", "detect/", "emr/", "schema/", "render/", "kinds/", "yaml/", "manifest/", "translate/", "import/"];
/// What acts although its folder decides.
const ACTING: [&str; 2] = ["manifest/disk.rs", "emr/read.rs"];
/// What code that decides never names.
const WORLD: [&str; 12] = [
    "reqwest",
    "tokio",
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    "std::thread",
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "async fn",
];
/// What prints.
const PRINTING: [&str; 6] = ["println!", "eprintln!", "print!", "eprint!", "io::stdout", "io::stderr"];

/// A source without its comments, strings and tests: what is left of a line that only says something is nothing.
fn code(source: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut in_tests = false;
    for line in source.lines() {
        in_tests |= line.starts_with("#[cfg(test)]");
        let is_comment = line.trim_start().starts_with("//");
        lines.push(if in_tests || is_comment { String::new() } else { without_strings(line) });
        // A test-only `mod tests;` ends with its line, a module with the file.
        in_tests &= !line.trim_end().ends_with(';');
    }
    lines
}

fn without_strings(line: &str) -> String {
    let mut out = String::new();
    let (mut inside, mut escaped) = (false, false);
    for c in line.chars() {
        match c {
            '"' if !escaped => inside = !inside,
            _ if inside => escaped = c == '\\' && !escaped,
            c => out.push(c),
        }
        if c == '"' {
            escaped = false;
        }
    }
    out
}

/// What is wrong with a file, by the rules for its place. `path` is below `src/`.
fn faults(path: &str, source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let length = source.lines().count();
    if length > LONGEST {
        faults.push(format!("src/{path}: {length} lines, {LONGEST} at most"));
    }
    let is_test = path.ends_with("tests.rs");
    let decides = DECIDING.iter().any(|folder| path.starts_with(folder)) && !ACTING.contains(&path) && !is_test;
    let may_print = path.starts_with("ui/") || path == "main.rs" || is_test;
    // The environment has one reader; what a child process is given or asked about is not reading it.
    let may_read_environment = path == "settings.rs" || is_test;
    for (number, line) in code(source).iter().enumerate() {
        let mut names = |words: &[&str], rule: &str| {
            for word in words.iter().filter(|word| contains(line, word)) {
                faults.push(format!("src/{path}:{}: `{word}`: {rule}", number + 1));
            }
        };
        if decides {
            names(&WORLD, "code that decides knows no world outside");
        }
        names(&["Zoned::now", "TimeZone::system"], "what is said must not depend on the time zone of a machine");
        if !may_print {
            names(&PRINTING, "only src/ui prints");
        }
        if !may_read_environment {
            names(&["env::var", "env::vars", "env::var_os"], "only src/settings.rs reads the environment");
        }
    }
    faults
}

/// Whether a line names a word, and not only as a part of another.
fn contains(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(|c| part(c) && !word.ends_with('!'))
    })
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source below `src/`, with its path from there.
fn sources() -> Vec<(String, String)> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_source_keeps_to_its_room() {
    let sources = sources();
    assert!(sources.len() > 80, "{} sources", sources.len());
    let faults: Vec<String> = sources.iter().flat_map(|(path, source)| faults(path, source)).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn tests_are_no_longer_than_sources() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("peers") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let length = std::fs::read_to_string(&path).unwrap().lines().count();
                assert!(length <= LONGEST, "{}: {length} lines, {LONGEST} at most", path.display());
            }
        }
    }
}

#[test]
fn every_kind_that_is_written_is_registered() {
    let declared = declared_kinds(&sources());
    // Those that are coming are found by their name, and offered to nobody.
    let lost: Vec<&String> = declared.iter().filter(|name| plumb::kinds::find(name).is_none()).collect();
    assert!(lost.is_empty(), "no line in src/kinds/mod.rs: {lost:?}");
    let strange: Vec<&str> =
        plumb::kinds::all().iter().map(|k| k.name()).filter(|name| !declared.contains(*name)).collect();
    assert!(strange.is_empty(), "no source: {strange:?}");
}

/// The names of the kinds that the sources implement.
fn declared_kinds(sources: &[(String, String)]) -> BTreeSet<String> {
    let kinds = sources.iter().filter(|(path, _)| path.starts_with("kinds/"));
    kinds
        .filter(|(_, source)| source.lines().any(|line| line.starts_with("impl Kind for ")))
        .map(|(path, source)| {
            let name = source.split("const NAME: &'static str = \"").nth(1).and_then(|rest| rest.split('"').next());
            name.unwrap_or_else(|| panic!("src/{path} implements Kind and has no NAME")).to_owned()
        })
        .collect()
}

#[test]
fn the_checks_can_fail() {
    let wrong = |path: &str, source: &str| !faults(path, source).is_empty();
    assert!(wrong("plan/x.rs", "use tokio::time;"));
    assert!(wrong("render/x.rs", "let now = std::time::Instant::now();"));
    assert!(wrong("manifest/load.rs", "std::fs::read(path)"));
    assert!(wrong("kinds/x.rs", "let today = jiff::Zoned::now();"));
    assert!(wrong("apply/x.rs", "    println!(\"{x}\");"));
    assert!(wrong("cli/x.rs", "let home = std::env::var(\"HOME\");"));
    assert!(wrong("cli/x.rs", &"\n".repeat(LONGEST + 1)));
    // A comment, a string, a test, another word, a file that may.
    assert!(!wrong("plan/x.rs", "// tokio is none of its business"));
    assert!(!wrong("plan/x.rs", "let text = \"std::fs \\\" tokio\";"));
    assert!(!wrong("plan/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use tokio::test;\n}"));
    assert!(wrong("plan/x.rs", "#[cfg(test)]\nmod tests;\nuse tokio::test;"));
    assert!(!wrong("plan/x.rs", "let tokio_like = instant;"));
    assert!(!wrong("manifest/disk.rs", "std::fs::read(path)"));
    assert!(!wrong("ui/x.rs", "println!();"));
    let job = "impl Kind for A {\n    const NAME: &'static str = \"A\";\n}";
    assert_eq!(declared_kinds(&[("kinds/a.rs".into(), job.into())]), BTreeSet::from(["A".to_owned()]));
}

/// A planted fault that no longer fits the code proves nothing (see `tests/mutants/run`).
#[test]
fn the_planted_faults_fit_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let done = std::process::Command::new("python3")
        .arg(root.join("tests/mutants/run"))
        .arg("--check")
        .env_remove("PYTHONPATH")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}");
}
