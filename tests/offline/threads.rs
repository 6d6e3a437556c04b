//! Manifests are read on all cores. What is read, and everything that is said of it, is the same on any number of them.

use plumb::disk::Disk;
use plumb_core::code::FoundCode;
use plumb_core::kinds;
use plumb_core::manifest::{self, CodeReading, InMemory, ManifestFile, ManifestSource, Request, load};
use plumb_core::render;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;

/// Files that count how often each is read, and are read on so many threads.
struct Counted<'a> {
    of: &'a dyn ManifestSource,
    threads: usize,
    reads: Mutex<BTreeMap<String, usize>>,
}

impl ManifestSource for Counted<'_> {
    fn list(&self, path: &str) -> Result<Vec<ManifestFile>, String> {
        self.of.list(path)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        *self.reads.lock().unwrap().entry(path.to_owned()).or_default() += 1;
        self.of.read(path)
    }

    fn repository_folder(&self) -> Result<String, String> {
        self.of.repository_folder()
    }

    fn code_at(&self, path: &str) -> Result<FoundCode, String> {
        self.of.code_at(path)
    }

    fn code_names(&self, folder: &str) -> Result<Vec<String>, String> {
        self.of.code_names(folder)
    }

    fn open_code(&self, path: &str) -> Result<Box<dyn CodeReading + '_>, String> {
        *self.reads.lock().unwrap().entry(format!("code of {path}")).or_default() += 1;
        self.of.open_code(path)
    }

    fn threads(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.threads).unwrap()
    }
}

fn request() -> Request<'static> {
    let env = &|name: &str| (name == "DW_PASSWORD").then(|| "hunter2-hunter2".to_owned());
    Request { target: None, variables: Default::default(), env, user: Some("ann".to_owned()) }
}

/// All that loading has to say, and how many files were read.
fn told(source: &dyn ManifestSource, threads: usize) -> (String, usize) {
    let source = Counted { of: source, threads, reads: Mutex::default() };
    let mut text = String::new();
    match load(&source, &request(), kinds::all()) {
        Ok(desired) => {
            for r in &desired.resources {
                let (spec, node, labels) = (r.spec.read(), r.node(), &r.labels);
                let _ = writeln!(text, "{} {spec} {node:?} {labels:?} {:?} {:?}", r.address, r.references, r.decisions);
            }
            let warnings = manifest::warnings(&desired, &|_| None);
            let _ = writeln!(text, "{warnings:?}");
            assert!(desired.resources.iter().all(|r| r.teardown.is_some() || !r.spec.is_unpacked() || is_relation(r)));
        }
        Err(failure) => {
            let _ = writeln!(text, "{:?}", failure.problems);
            text.push_str(&render::problems(&failure.files, &failure.problems, render::Style::default()));
        }
    }
    let reads = source.reads.into_inner().unwrap();
    assert!(reads.values().all(|count| *count == 1), "{reads:?}");
    (text, reads.len())
}

/// What relates others is looked at, to check what it relates.
fn is_relation(resource: &manifest::Resource) -> bool {
    resource.kind.name() == "Migration" || resource.kind.name().starts_with("Airflow")
}

fn same_on_any(source: &dyn ManifestSource, what: &str) -> (String, usize) {
    let alone = told(source, 1);
    for threads in [2, 3, 8] {
        assert_eq!(told(source, threads), alone, "{what} on {threads} threads");
    }
    alone
}

#[test]
fn every_mistake_is_the_same_on_any_number_of_threads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("tests/bad")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            same_on_any(&Disk::new(&folder).unwrap(), &folder.display().to_string());
            seen += 1;
        }
    }
    assert!(seen > 20);
    same_on_any(&Disk::new(root).unwrap(), "the example");
}

/// A project of many files: jobs that refer to each other, with variables, secrets and decisions, and a patch for each tenth.
fn project(mistakes: bool) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: many}\nspec:\n  env: [DW_PASSWORD]\n  \
                   variables: {team: data}\n  targets: {t: {databricks: {}, patches: [patches]}}\n";
    files.insert("plumb.yaml".to_owned(), project.as_bytes().to_vec());
    for n in 0..700 {
        let head = format!("apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: j{n}}}\nspec:\n");
        let mut text = format!("{head}  name: job {n}\n  tags: {{team: \"${{var.team}}\", n: {n}}}\n");
        match n % 7 {
            1 => text.push_str(&format!("  description: after ${{resources.DatabricksJob.j{}.name}}\n", n - 1)),
            2 => text.push_str("  # DECISION: how long?\n  timeout_seconds: 60\n"),
            3 => text.push_str("  description: \"${env.DW_PASSWORD}\"\n"),
            4 => text.push_str("  parameters: [{name: password, default: hunter2}]\n"),
            _ => {}
        }
        if mistakes && n % 9 == 0 {
            text.push_str("  timeout_secs: 5\n  max_concurrent_runs: many\n");
        }
        if mistakes && n % 50 == 0 {
            text.push_str("  name: twice\n  a: [\n");
        }
        if n % 10 == 0 {
            let patch = format!("{head}  timeout_seconds: 7\n  tags: {{patched: \"yes\"}}\n");
            files.insert(format!("patches/{n}.yaml"), patch.into_bytes());
        }
        files.insert(format!("manifests/{n:03}.yaml"), text.into_bytes());
    }
    if mistakes {
        files.insert("manifests/300a.yaml".into(), b"a: \xff".to_vec());
        files.insert("manifests/301a.yaml".into(), vec![b' '; manifest::MOST_BYTES_A_FILE as usize + 1]);
    }
    files
}

#[test]
fn a_project_of_many_files_is_the_same_on_any_number_of_threads() {
    let (text, files) = same_on_any(&InMemory(project(false)), "good");
    assert!(text.contains("after job 0") && text.contains("${secret.") && text.contains("patched"), "{text}");
    assert!(text.contains("how long?") && text.contains("secret in plain text"), "{text}");
    assert_eq!(files, 1 + 700 + 70);
    let (text, _) = same_on_any(&InMemory(project(true)), "bad");
    assert!(text.contains("did you mean `timeout_seconds`?") && text.contains("is not UTF-8"), "{text}");
    assert!(text.contains("manifests/301a.yaml` is too large"), "{text}");
}

/// Lines are counted only in files of which something is shown, and specs are unpacked only for those who look at them.
#[test]
fn what_nobody_shows_is_not_counted_or_unpacked() {
    let source = InMemory(project(false));
    let desired = load(&source, &request(), kinds::all()).unwrap_or_else(|_| panic!("mistakes"));
    let warnings: Vec<_> = manifest::warnings(&desired, &|_| None).into_iter().map(|(_, problem)| problem).collect();
    let counted = || desired.files.ids().filter(|id| desired.files.get(*id).was_asked_for_lines()).count();
    assert_eq!(counted(), 0);
    let shown = render::warnings(&desired.files, &warnings[..3], render::Style::default());
    assert!(shown.contains("manifests/") && counted() <= 3, "{}", counted());
    assert!(desired.resources.iter().all(|resource| !resource.spec.is_unpacked()));
    let one = &desired.resources[5];
    assert!(one.spec["name"].is_string() && one.spec.is_unpacked() && !one.clone().spec.is_unpacked());
    assert_eq!(one.title(), one.spec["name"].as_str());
}

/// Files whose few lines stand for many values: the bound on all together is met at the same file.
#[test]
fn many_bombs_are_refused_alike() {
    let mut bomb = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for (name, last) in ('b'..='e').zip('a'..='d') {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{last}"); 9].join(", ")));
    }
    let mut files: BTreeMap<String, Vec<u8>> =
        (0..80).map(|n| (format!("manifests/{n:03}.yaml"), bomb.clone().into_bytes())).collect();
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: h}\nspec: {targets: {t: {}}}\n";
    files.insert("plumb.yaml".to_owned(), project.as_bytes().to_vec());
    let source = InMemory(files);
    let alone = told(&source, 1);
    assert!(alone.0.contains("this file holds more than"), "{}", alone.0);
    assert_eq!(told(&source, 8), alone);
}
