//! Every YAML example of the reference can be read as it stands.
//!
//! The blocks of a page are one project, until a block with a project file begins another. A block that is only a part (`metadata:`,
//! `spec:`, `targets:`) stands in the smallest document that it can be a part of.

use super::documents;
use plumb_core::kinds;
use plumb_core::manifest::{Failure, InMemory, Request, load};
use plumb_core::render;
use std::collections::BTreeMap;

/// Pages, or folders of pages, whose examples are read.
const READ: [&str; 9] = [
    "docs/kinds/",
    "docs/adopting.md",
    "docs/editors.md",
    "docs/guards.md",
    "docs/project-file.md",
    "docs/reading-a-plan.md",
    "docs/references.md",
    "docs/selection.md",
    "docs/targets.md",
];
const PLAIN: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: examples}\nspec:\n  targets: {dev: {default: true, sandbox: true}}\n";

/// A project that a page shows: files by path.
type Shown = BTreeMap<String, String>;

/// The YAML blocks of a page.
fn blocks(text: &str) -> Vec<&str> {
    let all = text.split("\n```yaml\n").skip(1);
    all.map(|rest| rest.split_once("\n```").unwrap_or_else(|| panic!("a block does not end: {rest}")).0).collect()
}

/// The projects that a page shows. `kind` is that of a part of a manifest which does not say it.
fn projects(text: &str, kind: &str) -> Vec<Shown> {
    let plain = || Shown::from([("plumb.yaml".to_owned(), PLAIN.to_owned())]);
    let mut projects = vec![plain()];
    for (number, block) in blocks(text).into_iter().enumerate() {
        // The file's name stands in a comment on the first line, where it matters.
        let named = block.strip_prefix("# ").and_then(|rest| rest.split_whitespace().next());
        let named = named.filter(|name| name.ends_with(".yaml") && *name != "plumb.yaml");
        let path = named.map_or_else(|| format!("manifests/block-{number}.yaml"), str::to_owned);
        let has = |key: &str| block.lines().any(|line| line.split('#').next().unwrap().starts_with(&format!("{key}:")));
        let is_project = block.lines().any(|line| line == "kind: Project");
        if has("apiVersion") && !is_project {
            projects.last_mut().unwrap().insert(path, format!("{block}\n"));
        } else if !is_project && (has("metadata") || has("spec")) {
            let kind = if has("kind") { String::new() } else { format!("kind: {kind}\n") };
            let metadata =
                if has("metadata") { String::new() } else { format!("metadata: {{name: example-{number}}}\n") };
            let spec = if has("spec") { String::new() } else { format!("spec: {{name: example {number}}}\n") };
            let text = format!("apiVersion: plumb/v1\n{kind}{metadata}{block}\n{spec}");
            projects.last_mut().unwrap().insert(path, text);
        } else {
            let text = if has("apiVersion") {
                format!("{block}\n")
            } else {
                let inner = block.lines().map(|line| format!("  {line}\n")).collect::<String>();
                let targets = if has("targets") { "" } else { "  targets: {dev: {default: true, sandbox: true}}\n" };
                format!("apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: examples}}\nspec:\n{inner}{targets}")
            };
            projects.push(Shown::from([("plumb.yaml".to_owned(), text)]));
        }
    }
    projects
}

/// Reads a project for each of its targets; what is wrong with it, as a person gets to read it.
fn mistakes(shown: &Shown) -> Vec<String> {
    let project: serde_json::Value = serde_yaml::from_str(&shown["plumb.yaml"]).unwrap_or_default();
    let mut targets: Vec<Option<String>> = project["spec"]["targets"]
        .as_object()
        .map(|all| all.keys().map(|name| Some(name.clone())).collect())
        .unwrap_or_default();
    if targets.is_empty() {
        targets.push(None);
    }
    let mut files: BTreeMap<String, Vec<u8>> =
        shown.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
    if !files.keys().any(|path| path != "plumb.yaml") {
        files.insert("manifests/none.yaml".into(), b"# none yet\n".to_vec());
    }
    // A folder of patches that the page does not show.
    for target in project["spec"]["targets"].as_object().into_iter().flat_map(|all| all.values()) {
        let folders = target["patches"].as_array().into_iter().flatten().filter_map(|path| path.as_str());
        for folder in folders.filter(|folder| !shown.keys().any(|path| path.starts_with(*folder))) {
            files.insert(format!("{folder}/none.yaml"), b"# none here\n".to_vec());
        }
    }
    let tell = |failure: Failure| render::problems(&failure.files, &failure.problems, render::Style::default());
    let source = InMemory(files);
    let load_for = |target| {
        let env = |name: &str| Some(format!("the value of {name}"));
        let request = Request { target, variables: Default::default(), env: &env, user: Some("ann".to_owned()) };
        load(&source, &request, kinds::all()).map_err(tell)
    };
    targets.into_iter().filter_map(|target| load_for(target).err()).collect()
}

#[test]
fn every_example_can_be_read() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (path, text) in documents().iter().filter(|(path, _)| READ.iter().any(|start| path.starts_with(start))) {
        let kind = kinds::all().iter().map(|kind| kind.name()).find(|kind| super::page_of(kind) == *path);
        for shown in projects(text, kind.unwrap_or("DatabricksJob")) {
            count += shown.len();
            wrong.extend(mistakes(&shown).into_iter().map(|told| format!("{path}:\n{told}")));
        }
    }
    assert!(count > 40, "only {count} files were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_wrong_example_is_told() {
    let page = "x\n```yaml\nspec: {name: a, max_concurent_runs: 1}\n```\ny\n```yaml\ntargets:\n  prod: {modee: development}\n```\n";
    let told: Vec<String> = projects(page, "DatabricksJob").iter().flat_map(mistakes).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("unknown field `max_concurent_runs`"), "{}", told[0]);
    assert!(told[1].contains("unknown field `modee`"), "{}", told[1]);
}
