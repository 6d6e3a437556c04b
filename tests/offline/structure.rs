//! The house as ARCHITECTURE.md draws it, held against the sources: what decides names no world outside, only the ui
//! prints, only the settings read the environment, no file is too long, and no kind is forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file longer than this does several things.
const LONGEST: usize = 700;

/// The crates, and where their sources are.
const CRATES: [(&str, &str); 4] = [
    ("plumb-model", "crates/plumb-model/src"),
    ("plumb-core", "crates/plumb-core/src"),
    ("plumb-sandbox", "crates/plumb-sandbox/src"),
    ("plumb", "src"),
];
/// The crates that decide: pure and synchronous.
const DECIDING: [&str; 2] = ["plumb-model", "plumb-core"];
/// The rooms of `plumb-core`. Each uses only those before it.
const ROOMS: [&str; 19] = [
    "detect",
    "logs",
    "runs",
    "kinds",
    "code",
    "manifest",
    "parity",
    "teardown",
    "cost",
    "cutover",
    "plan",
    "writeback",
    "inventory",
    "translate",
    "diagnose",
    "migrate",
    "render",
    "schemas",
    "import",
];
/// What a crate that decides must not depend on, directly or through others.
const NOT_PURE: [&str; 6] = ["tokio", "hyper", "reqwest", "axum", "git2", "mio"];
/// What several cores are used by.
const THREADS: &str = "std::thread";
/// The one source of the core that uses several cores: it gives the answers in the order of the questions, so nothing that is
/// decided can tell how many there were.
const MAY_USE_THREADS: &str = "manifest/cores.rs";
/// What code that decides never names.
const WORLD: [&str; 12] = [
    "reqwest",
    "tokio",
    "std::fs",
    "std::env",
    "std::process",
    "std::net",
    THREADS,
    "SystemTime",
    "Instant",
    "Timestamp::now",
    "Zoned::now",
    "async fn",
];
/// How many names a crate may give to more than one type, beside those that are kept with a reason.
const HOMONYMS: [(&str, usize); 4] = [("plumb-model", 0), ("plumb-core", 0), ("plumb-sandbox", 0), ("plumb", 0)];
/// Names that two types of a crate keep: the name, the crate, and why no other name would be better.
const KEPT_HOMONYMS: [(&str, &str, &str); 0] = [];
/// How many of them there may be in all crates together.
const MOST_KEPT: usize = 12;
/// What not even the tests beside code that decides name.
const FILES_AND_NETWORK: [&str; 5] = ["std::fs", "std::net", "std::process", "reqwest", "tokio"];
/// What prints.
const PRINTING: [&str; 6] = ["println!", "eprintln!", "print!", "eprint!", "io::stdout", "io::stderr"];

/// A source without its comments, strings and tests: what is left of a line that only says something is nothing.
fn code(source: &str) -> Vec<String> {
    said(source).iter().map(|line| without_strings(line)).collect()
}

/// A source without its comments and tests.
fn said(source: &str) -> Vec<String> {
    let mut lines = Vec::new();
    // Tests are the last in a file, unless what is marked so ends with its line: `mod tests;`.
    let (mut in_tests, mut just_marked) = (false, false);
    for line in source.lines() {
        let is_mark = line.starts_with("#[cfg(test)]");
        in_tests |= is_mark;
        let is_comment = line.trim_start().starts_with("//");
        lines.push(if in_tests || is_comment { String::new() } else { line.to_owned() });
        if just_marked && !line.starts_with("#[") {
            in_tests = !line.trim_end().ends_with(';');
            just_marked = false;
        }
        just_marked |= is_mark;
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

/// A source of one of the crates.
struct Source {
    krate: &'static str,
    /// Below the crate's `src/`.
    path: String,
    text: String,
}

impl Source {
    fn of(krate: &'static str, path: &str, text: &str) -> Source {
        Source { krate, path: path.to_owned(), text: text.to_owned() }
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("tests.rs")
    }

    fn at(&self, line: usize) -> String {
        format!("{}: {}:{line}", self.krate, self.path)
    }

    /// What is wrong with it, by the rules for its place.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let length = self.text.lines().count();
        if length > LONGEST {
            faults.push(format!("{}: {length} lines, {LONGEST} at most", self.at(1)));
        }
        let is_plumb = self.krate == "plumb";
        let decides = DECIDING.contains(&self.krate) && !self.is_test();
        let may_print = is_plumb && (self.path.starts_with("ui/") || self.path == "main.rs") || self.is_test();
        // The environment has one reader; what a child process is given or asked about is not reading it.
        let may_read_environment = is_plumb && self.path == "settings.rs" || self.is_test();
        for (number, line) in code(&self.text).iter().enumerate() {
            let mut names = |words: &[&str], rule: &str| {
                for word in words.iter().filter(|word| contains(line, word)) {
                    faults.push(format!("{}: `{word}`: {rule}", self.at(number + 1)));
                }
            };
            if decides {
                let is_allowed = |word: &&str| *word == THREADS && self.path == MAY_USE_THREADS;
                let world: Vec<&str> = WORLD.into_iter().filter(|word| !is_allowed(word)).collect();
                names(&world, "code that decides knows no world outside");
            } else if DECIDING.contains(&self.krate) {
                names(&FILES_AND_NETWORK, "its tests need no world outside either: put this one into tests/");
            }
            names(&["Zoned::now", "TimeZone::system"], "what is said must not depend on the time zone of a machine");
            if !may_print {
                names(&PRINTING, "only src/ui prints");
            }
            if !may_read_environment {
                names(&["env::var", "env::vars", "env::var_os"], "only src/settings.rs reads the environment");
            }
        }
        faults.extend(self.upward());
        faults
    }

    /// Where a room of `plumb-core` uses one that stands after it.
    fn upward(&self) -> Vec<String> {
        let own = self.path.split(['/', '.']).next().unwrap_or_default();
        let Some(place) = ROOMS.iter().position(|room| *room == own).filter(|_| self.krate == "plumb-core") else {
            return Vec::new();
        };
        let mut faults = Vec::new();
        for (number, line) in code(&self.text).iter().enumerate() {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let used = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
                let is_before = ROOMS[..=place].contains(&used);
                if !is_before && !self.is_test() {
                    faults.push(format!("{}: `{own}` uses `{used}`, which is not before it", self.at(number + 1)));
                }
            }
        }
        faults
    }
}

/// The type that a line defines. An indented `type` belongs to a trait or an impl.
fn defined_type(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    let is_indented = trimmed.len() < line.len();
    let rest = match trimmed.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => trimmed,
    };
    let keywords =
        if is_indented { &["struct ", "enum ", "trait "][..] } else { &["struct ", "enum ", "trait ", "type "] };
    let name = keywords.iter().find_map(|keyword| rest.strip_prefix(keyword))?;
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty())
}

/// The names that a crate gives to more than one type, each with the places.
fn homonyms(sources: &[Source], krate: &str) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.krate == krate && !source.is_test()) {
        for (number, line) in code(&source.text).iter().enumerate() {
            if let Some(name) = defined_type(line) {
                places.entry(name.to_owned()).or_default().push(format!("{}:{}", source.path, number + 1));
            }
        }
    }
    places.retain(|_, places| places.len() > 1);
    places
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source of the workspace.
fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for (krate, folder) in CRATES {
        let folder = root().join(folder);
        for path in rust_files(&folder) {
            let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().replace('\\', "/");
            found.push(Source { krate, path: name, text: std::fs::read_to_string(&path).unwrap() });
        }
    }
    found
}

/// The Rust files below a folder, sorted.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_source_keeps_to_its_room() {
    let sources = sources();
    for (krate, _) in CRATES {
        assert!(sources.iter().filter(|s| s.krate == krate).count() > 8, "{krate}");
    }
    let faults: Vec<String> = sources.iter().flat_map(Source::faults).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Whoever searches for a type's name finds one definition in a crate.
#[test]
fn a_name_means_one_type_in_a_crate() {
    let sources = sources();
    assert!(KEPT_HOMONYMS.len() <= MOST_KEPT, "{} homonyms are kept, {MOST_KEPT} at most", KEPT_HOMONYMS.len());
    for (krate, most) in HOMONYMS {
        let mut found = homonyms(&sources, krate);
        for (name, _, why) in KEPT_HOMONYMS.iter().filter(|(_, of, _)| *of == krate) {
            assert!(!why.is_empty(), "{krate}: why does `{name}` mean two types?");
            assert!(found.remove(*name).is_some(), "{krate}: `{name}` means one type, and need not be listed");
        }
        let listed: Vec<String> =
            found.iter().map(|(name, places)| format!("`{name}`: {}", places.join(", "))).collect();
        assert!(found.len() <= most, "{krate}: {} homonyms, {most} at most\n{}", found.len(), listed.join("\n"));
    }
}

#[test]
fn every_room_of_the_core_has_its_place() {
    let lib = std::fs::read_to_string(root().join("crates/plumb-core/src/lib.rs")).unwrap();
    let rooms: BTreeSet<&str> =
        lib.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(rooms, BTreeSet::from(ROOMS));
}

/// The compiler keeps a crate pure that lacks what it would take not to be.
#[test]
fn what_decides_depends_on_nothing_that_acts() {
    for krate in DECIDING {
        let tree = cargo(&["tree", "-p", krate, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
        let names: BTreeSet<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.contains("serde_json"), "{tree}");
        let acting: Vec<&str> = NOT_PURE.into_iter().filter(|name| names.contains(name)).collect();
        assert!(acting.is_empty(), "{krate} depends on {acting:?}");
    }
}

/// The emulator must not share what the client believes, and nobody but the program needs it.
#[test]
fn the_sandbox_stands_on_the_model_alone() {
    let of = |krate: &str| -> BTreeSet<String> {
        let path = CRATES.iter().find(|(name, _)| *name == krate).unwrap().1;
        let manifest = std::fs::read_to_string(root().join(path).parent().unwrap().join("Cargo.toml")).unwrap();
        let normal = manifest.split("\n[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        normal.lines().filter_map(|line| line.split_once(".workspace").map(|(name, _)| name.to_owned())).collect()
    };
    let ours = |krate: &str| of(krate).into_iter().filter(|name| name.starts_with("plumb")).collect::<Vec<_>>();
    assert_eq!(ours("plumb-sandbox"), ["plumb-model"]);
    assert_eq!(ours("plumb-core"), ["plumb-model"]);
    assert!(ours("plumb-model").is_empty());
    assert_eq!(ours("plumb"), ["plumb-core", "plumb-model", "plumb-sandbox"]);
}

/// What cargo says, without a network.
fn cargo(arguments: &[&str]) -> String {
    let done = std::process::Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
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
    let lost: Vec<&String> = declared.iter().filter(|name| plumb_core::kinds::find(name).is_none()).collect();
    assert!(lost.is_empty(), "no line in kinds/mod.rs: {lost:?}");
    let strange: Vec<&str> =
        plumb_core::kinds::all().iter().map(|k| k.name()).filter(|name| !declared.contains(*name)).collect();
    assert!(strange.is_empty(), "no source: {strange:?}");
}

/// Whatever compares a kind's name as text has to be found and changed with the kind: it asks the kind instead.
#[test]
fn a_kinds_name_stands_in_its_own_file_alone() {
    let sources = sources();
    let names: Vec<&str> = plumb_core::kinds::all().iter().map(|kind| kind.name()).collect();
    let faults: Vec<String> = sources.iter().flat_map(|source| named_kinds(source, &names)).collect();
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
    let wrong = |krate, path: &str, text: &str| !named_kinds(&Source::of(krate, path, text), &["Pipe"]).is_empty();
    assert!(wrong("plumb-core", "plan/x.rs", "if kind.name() == \"Pipe\" {"));
    assert!(wrong("plumb", "observe/x.rs", "let address = format!(\"Pipe/{id}\");"));
    assert!(wrong("plumb-core", "kinds/x.rs", "const KINDS: &[&str] = &[\"Pipe\"];"));
    assert!(!wrong("plumb-core", "kinds/pipe.rs", "const NAME: &str = \"Pipe\";\nimpl Kind for Pipe {"));
    assert!(!wrong("plumb-core", "plan/x.rs", "let pipe = find(Pipe::NAME); // \"Pipe\"".split(" //").next().unwrap()));
    assert!(!wrong("plumb-core", "plan/x.rs", "#[cfg(test)]\nmod tests {\n    let name = \"Pipe\";\n}"));
    assert!(!wrong("plumb", "cli/demo/story/x.rs", "let made = [\"Pipe/a\"];"));
}

/// Where a source has the name of a kind as a text, or an address that begins with it. The story of `plumb demo` is a
/// fixture: its manifests have names.
fn named_kinds(source: &Source, names: &[&str]) -> Vec<String> {
    if source.is_test() || source.krate == "plumb" && source.path.starts_with("cli/demo/") {
        return Vec::new();
    }
    let is_own =
        |name: &str| source.path.starts_with("kinds/") && source.text.contains(&format!("impl Kind for {name} "));
    let others: Vec<&&str> = names.iter().filter(|name| !is_own(name)).collect();
    let mut faults = Vec::new();
    for (number, line) in said(&source.text).iter().enumerate() {
        for name in &others {
            if line.contains(&format!("\"{name}\"")) || line.contains(&format!("\"{name}/")) {
                faults.push(format!("{}: `{name}` as text: ask the kind, or use its NAME", source.at(number + 1)));
            }
        }
    }
    faults
}

/// The names of the kinds that the sources implement.
fn declared_kinds(sources: &[Source]) -> BTreeSet<String> {
    let kinds = sources.iter().filter(|source| source.krate == "plumb-core" && source.path.starts_with("kinds/"));
    kinds
        .filter(|source| source.text.lines().any(|line| line.starts_with("impl Kind for ")))
        .map(|source| {
            let quoted = |before: &str| source.text.split(before).nth(1)?.split('"').next();
            let name = quoted("fn name(&self) -> &'static str {\n        \"")
                .or_else(|| quoted("pub const NAME: &'static str = \""));
            name.unwrap_or_else(|| panic!("{} implements Kind and has no name", source.path)).to_owned()
        })
        .collect()
}

#[test]
fn the_checks_can_fail() {
    let wrong = |krate: &'static str, path: &str, text: &str| !Source::of(krate, path, text).faults().is_empty();
    let core = |path: &str, text: &str| wrong("plumb-core", path, text);
    let plumb = |path: &str, text: &str| wrong("plumb", path, text);
    assert!(core("plan/x.rs", "use tokio::time;"));
    assert!(core("render/x.rs", "let now = std::time::Instant::now();"));
    assert!(core("manifest/load.rs", "std::fs::read(path)"));
    assert!(core("kinds/x.rs", "let today = jiff::Zoned::now();"));
    assert!(wrong("plumb-model", "yaml/x.rs", "std::fs::read(path)"));
    assert!(core("kinds/x_tests.rs", "let text = std::fs::read_to_string(path);"));
    assert!(!core("kinds/x_tests.rs", "let now = jiff::Timestamp::now();"));
    assert!(plumb("apply/x.rs", "    println!(\"{x}\");"));
    assert!(core("ui/x.rs", "    println!(\"{x}\");"));
    assert!(plumb("cli/x.rs", "let home = std::env::var(\"HOME\");"));
    assert!(plumb("cli/x.rs", &"\n".repeat(LONGEST + 1)));
    // A room that uses one after it.
    assert!(core("kinds/x.rs", "use crate::manifest::Resource;"));
    assert!(core("plan/x.rs", "    let text = crate::render::shown(&text);"));
    assert!(core("writeback.rs", "use crate::import::text;"));
    assert!(!core("plan/x.rs", "use crate::kinds::Kind;\nuse crate::plan::types::Plan;"));
    assert!(!plumb("apply/x.rs", "use crate::services::Services;"));
    // A comment, a string, a test, another word, a file that may.
    assert!(!core("plan/x.rs", "// tokio is none of its business"));
    assert!(!core("plan/x.rs", "let text = \"std::fs \\\" tokio\";"));
    assert!(!core("plan/x.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use tokio::test;\n}"));
    assert!(!core("plan/x.rs", "#[cfg(test)]\n#[allow(x)]\nmod tests {\n    use super::*;\n    use tokio::test;\n}"));
    assert!(core("plan/x.rs", "#[cfg(test)]\nmod tests;\nuse tokio::test;"));
    assert!(!core("plan/x.rs", "let tokio_like = instant;"));
    assert!(!plumb("disk.rs", "std::fs::read(path)"));
    assert!(!plumb("ui/x.rs", "println!();"));
    // A name that means two types, and what only looks like it.
    let named = |first: &str, second: &str| {
        let sources = [Source::of("plumb", "a.rs", first), Source::of("plumb", "b.rs", second)];
        homonyms(&sources, "plumb").into_keys().collect::<Vec<_>>()
    };
    assert_eq!(named("pub struct State {", "pub(crate) enum State {"), ["State"]);
    assert_eq!(named("trait Step: Send {", "type Step<T> = Vec<T>;"), ["Step"]);
    assert_eq!(named("struct Page(u8);", "    struct Page;\nstruct Item;"), ["Page"]);
    assert!(named("struct State;", "struct StateFile;\n// struct State;\nlet x = \"struct State;\";").is_empty());
    assert!(named("    type Error = A;", "    type Error = B;").is_empty());
    assert!(named("struct State;", "#[cfg(test)]\nmod tests {\n    struct State;\n}").is_empty());
    let other = [Source::of("plumb", "a.rs", "struct A;"), Source::of("plumb-core", "a.rs", "struct A;")];
    assert!(homonyms(&other, "plumb").is_empty());
    let job = "impl Kind for A {\n    fn name(&self) -> &'static str {\n        \"A\"\n    }\n}";
    assert_eq!(declared_kinds(&[Source::of("plumb-core", "kinds/a.rs", job)]), BTreeSet::from(["A".to_owned()]));
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

/// Code of job runs runs as whoever started the process: nothing but a person at the command line may say so.
#[test]
fn only_the_command_of_the_sandbox_can_have_code_run() {
    let named = |words: &str| -> BTreeSet<String> {
        let all = sources().into_iter().filter(|source| source.krate == "plumb" && !source.is_test());
        all.filter(|source| code(&source.text).iter().any(|line| contains(line, words)))
            .map(|source| source.path)
            .collect()
    };
    for words in ["CodeOptions", "run_code", "code_runner"] {
        assert_eq!(named(words), BTreeSet::from(["cli/sandbox.rs".to_owned()]), "{words}");
    }
}
