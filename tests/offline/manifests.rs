//! Reading manifests, as a whole: what every sort of mistake looks like, the example project, and hostile files.
//!
//! Each folder of `tests/bad` is a project with mistakes; its `expected.txt` is what a person gets to read.
//! `PLUMB_BLESS=1 cargo test --test offline manifests` writes those files anew: read the difference before it is committed.

use plumb::disk::Disk;
use plumb_core::kinds;
use plumb_core::manifest::{Desired, Failure, InMemory, Request, load};
use plumb_core::render;
use proptest::prelude::*;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn read(root: &Path, target: Option<&str>) -> Result<Desired, Failure> {
    let request = Request {
        target: target.map(str::to_owned),
        variables: Default::default(),
        env: &|_| None,
        user: Some("ann".to_owned()),
    };
    load(&Disk::new(root).expect("the folder is there"), &request, kinds::all())
}

fn shown(failure: &Failure) -> String {
    render::problems(&failure.files, &failure.problems, render::Style::default())
}

#[test]
fn every_mistake_is_shown_as_expected() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(&root).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    assert!(folders.len() > 20, "{folders:?}");
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let found = match read(&folder, None) {
            Ok(_) => {
                wrong.push(format!("{name}: no mistake was found"));
                continue;
            }
            Err(failure) => shown(&failure),
        };
        let file = folder.join("expected.txt");
        if std::env::var_os("PLUMB_BLESS").is_some() {
            fs::write(&file, &found).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != found {
            wrong.push(format!("{name}: expected.txt says otherwise; found:\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_example_can_be_read_for_every_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for target in ["sandbox", "dev", "prod"] {
        let desired = read(root, Some(target)).unwrap_or_else(|f| panic!("{target}:\n{}", shown(&f)));
        let names: Vec<String> = desired.resources.iter().map(|r| r.address.to_string()).collect();
        assert_eq!(
            names,
            [
                "AirflowDag/bau-insights-monthly",
                "DatabricksCluster/analysts",
                "DatabricksClusterPolicy/bau-jobs",
                "DatabricksInstancePool/bau-workers",
                "DatabricksJob/audience-aggregate",
                "DatabricksJob/audience-cleanse",
                "DatabricksJob/audience-insights",
            ]
        );
        let named = |name: &str| desired.resources.iter().find(|r| r.address.name == name).unwrap();
        let aggregate = named("audience-aggregate");
        let title = aggregate.spec["name"].as_str().unwrap();
        assert_eq!(
            title,
            if target == "dev" { "[dev ann] [bau] audience aggregate" } else { "[bau] audience aggregate" }
        );
        assert_eq!(aggregate.spec["timeout_seconds"], if target == "prod" { 43200 } else { 21600 });
        let workers = &aggregate.spec["job_clusters"][0]["new_cluster"]["autoscale"]["max_workers"];
        assert_eq!(
            *workers,
            match target {
                "sandbox" => 4,
                "dev" => 2,
                _ => 16,
            }
        );
        assert_eq!(aggregate.references.len(), 2);
        let insights = named("audience-insights");
        assert!(insights.spec["description"].as_str().unwrap().contains(title));
    }
}

/// What a hostile or broken repository may hold. Each must end soon, in little memory, with a message that says what.
fn hostile(root: &Path) -> Vec<(&'static str, PathBuf, &'static str)> {
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: h}\nspec: {targets: {t: {}}}\n";
    let mut out = Vec::new();
    let mut case = |name: &'static str, bytes: &[u8], says: &'static str| {
        let folder = root.join(name);
        fs::create_dir_all(folder.join("manifests")).unwrap();
        fs::write(folder.join("plumb.yaml"), project).unwrap();
        fs::write(folder.join("manifests/a.yaml"), bytes).unwrap();
        out.push((name, folder, says));
    };
    let mut bomb = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (name, last) in ('b'..='p').zip('a'..='o') {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 9].join(", ")));
    }
    case("bomb", bomb.as_bytes(), "values");
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(2_000_000), vec!["*a"; 100_000].join(", "));
    case("long-string-many-times", long.as_bytes(), "values");
    let merges: String = (1..2000).map(|i| format!("m{i}: &m{i} {{<<: *m{}, k{i}: 1}}\n", i - 1)).collect();
    case("merges", format!("m0: &m0 {{k: 1}}\n{merges}").as_bytes(), "values");
    case("deep", "[".repeat(100_000).as_bytes(), "manifests/a.yaml");
    case("deep-blocks", "- ".repeat(100_000).as_bytes(), "nested more than 32 levels deep");
    case("deep-maps", "{a: ".repeat(100_000).as_bytes(), "a.yaml");
    let each = "{task_key: x, for_each_task: {inputs: '[]', task: ".repeat(12);
    let job = "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {name: a}\nspec:\n  tasks:\n  - ";
    let nested = format!("{job}{each}{{task_key: y, max_retries: x}}{}\n", "}}".repeat(12));
    case("tasks-in-tasks", nested.as_bytes(), "expected a whole number");
    let keys: String = (0..100_000).map(|i| format!("k{i}: {i}\n")).collect();
    case("keys", keys.as_bytes(), "unknown field");
    case("same-key", "k: 1\n".repeat(100_000).as_bytes(), "duplicate key");
    let dangling: String = (0..20_000)
        .map(|i| format!("---\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: n{i}}}\nspec: {{name: \"${{resources.DatabricksJob.m{i}}} ${{var.v{i}}}\"}}\n"))
        .collect();
    case("wrong-references", dangling.as_bytes(), "there is no variable");
    let line = format!("a: {}\nb: [\n", "é".repeat(2_000_000));
    case("line", line.as_bytes(), "not valid YAML");
    let values = format!("[{}]", "é, ".repeat(200_000));
    case("values-on-one-line", values.as_bytes(), "expected a mapping");
    case("documents", "---\na\n".repeat(100_000).as_bytes(), "more problems are not listed");
    case("not-utf-8", b"a: 1\nb: \xff\n", "is not UTF-8: byte 8 (0xff), on line 2");
    case("utf-16", b"\xff\xfea\0:\0", "is not UTF-8: byte 0");
    case("nul", b"a: \0\n", "a.yaml");
    case("empty", b"", "");
    // Sparse: no disk is needed for it.
    case("100-MB", b"", "too large: 100.0 MB");
    let large = root.join("100-MB/manifests/a.yaml");
    fs::File::options().write(true).open(large).unwrap().set_len(100_000_000).unwrap();
    #[cfg(unix)]
    {
        case("symlink", b"", "a symbolic link that leaves the project");
        std::os::unix::fs::symlink("/etc/hostname", root.join("symlink/manifests/b.yaml")).unwrap();
        case("symlink-folder", b"", "a symbolic link that leaves the project");
        std::os::unix::fs::symlink("/etc", root.join("symlink-folder/manifests/etc")).unwrap();
        case("endless", b"", "a symbolic link that leaves the project");
        std::os::unix::fs::symlink("/dev/zero", root.join("endless/manifests/b.yaml")).unwrap();
    }
    out
}

/// What `/proc` counts time in (USER_HZ, the same on every Linux).
const TICKS_A_SECOND: u64 = 100;

#[test]
fn hostile_files_end_soon_and_in_little_memory() {
    let root = tempfile::tempdir().unwrap();
    for (name, folder, says) in hostile(root.path()) {
        // In a process of its own: how much memory and time was needed can only be told of a whole process.
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "manifests::reads_one_folder", "--ignored", "--nocapture"])
            .env("PLUMB_TEST_FOLDER", &folder)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success(), "{name}: {text}\n{}", String::from_utf8_lossy(&child.stderr));
        assert!(text.contains(says), "{name} does not say `{says}`:\n{text}");
        assert!(text.len() < 2_000_000, "{name}: {} bytes of messages", text.len());
        let told = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim().trim_end_matches(" kB").parse::<u64>().unwrap())
        };
        // On the processor, and not by the clock: what else a machine has to do is nobody's mistake. An unoptimised build
        // takes several times what a release takes.
        if let Some(ticks) = told("CPU:") {
            assert!(ticks < 15 * TICKS_A_SECOND, "{name} took {ticks} ticks of the processor");
        }
        if let Some(kilobytes) = told("VmHWM:") {
            assert!(kilobytes < 400_000, "{name} took {kilobytes} kB");
        }
        assert!(!cfg!(target_os = "linux") || told("CPU:").is_some() && told("VmHWM:").is_some(), "{name}: {text}");
    }
}

/// The other half of the test above.
#[test]
#[ignore = "is run by hostile_files_end_soon_and_in_little_memory"]
fn reads_one_folder() {
    let Some(folder) = std::env::var_os("PLUMB_TEST_FOLDER") else { return };
    match read(Path::new(&folder), None) {
        Ok(desired) => println!("{} resources", desired.resources.len()),
        Err(failure) => println!("{}", shown(&failure)),
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|l| l.starts_with("VmHWM:")).for_each(|l| println!("{l}"));
    // Behind the name in brackets, from field 3 on; 14 and 15 are the time in the program and in the kernel (proc(5)).
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: Vec<u64> = fields.skip(11).take(2).map(|field| field.parse().unwrap()).collect();
    if let [user, system] = ticks[..] {
        println!("CPU: {}", user + system);
    }
}

/// Text that looks enough like YAML to get far into the reader.
fn yamlish() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(vec![
            "a", "b", "name", ": ", ":", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ", ", "\"", "'", "|\n", ">-\n", "&x ",
            "*x", "<<: *x", "# c\n", "---\n", "...\n", "!!str ", "!t ", "? ", "~", "1", "1.5", "0x1f", "\t", "\r\n", "\u{feff}",
            "é", "😀", "\u{85}", "\u{2028}", "${var.a}", "${", "$${", "}", "${resources.DatabricksJob.a.name}", "apiVersion: plumb/v1\n",
            "kind: Project\n", "metadata: {name: a}\n", "spec:\n", "\0", "%YAML 1.2\n",
        ]).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a file holds, reading it ends well, every place is one of the text, and showing it hides nothing.
    #[test]
    fn nothing_makes_the_reader_fall_over(text in yamlish(), other in yamlish()) {
        let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: h}\nspec: {variables: {a: 1}, targets: {t: {}}}\n";
        for files in [[("plumb.yaml", text.as_str()), ("manifests/a.yaml", &other)], [("plumb.yaml", project), ("manifests/a.yaml", &text)]] {
            let source = InMemory(files.iter().map(|(p, t)| ((*p).to_owned(), t.as_bytes().to_vec())).collect());
            let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
            let Err(failure) = load(&source, &request, kinds::all()) else { continue };
            prop_assert!(!failure.problems.is_empty());
            for span in failure.problems.iter().flat_map(|p| p.span.into_iter().chain(p.related.as_ref().map(|r| r.0))) {
                let text = &failure.files.get(span.file).text;
                prop_assert!(text.get(span.start..span.end).is_some(), "{span:?}");
            }
            let shown = shown(&failure);
            prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
            render::problems_json(&failure.files, &failure.problems);
        }
    }
}

/// Objects name each other by references. Only other kinds name manifests by their addresses, and only those are asked whom.
#[test]
fn objects_name_no_addresses() {
    let mut seen = 0;
    for kind in kinds::objects() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds").join(kind.name());
        for case in fs::read_dir(folder).unwrap() {
            let text = fs::read_to_string(case.unwrap().path()).unwrap();
            for document in serde_yaml::Deserializer::from_str(&text) {
                let document = serde_json::Value::deserialize(document).unwrap();
                assert_eq!(kind.named(&document["spec"]).len(), 0, "{}", kind.name());
                seen += 1;
            }
        }
    }
    assert!(seen > 16, "{seen}");
}
