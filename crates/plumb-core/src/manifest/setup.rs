//! What plumb.yaml says: the project, its target, its variables and its folders.

use super::document::{self, API_VERSION, check_name};
use super::expand::Value;
use super::source::tidy;
use super::{
    Mode, Project, Request, Target, answers_check, code_check, deadlines, forecast_check, history_check, mwaa_check,
    reserved, teardown_guard,
};
use crate::kinds::Kind;
use crate::kinds::airflow::destination::Destination;
use plumb_model::yaml::{
    Entry, FileId, Files, Gaps, Guesser, Limits, Node, Problems, Scalar, Span, Tree, nearest, parse, read, read_partly,
    resolve,
};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProjectEnvelope {
    api_version: String,
    kind: String,
    metadata: Name,
    #[serde(rename = "spec")]
    _spec: IgnoredAny,
}

#[derive(Deserialize)]
struct Name {
    name: String,
    #[serde(default, rename = "labels")]
    _labels: BTreeMap<String, String>,
}

/// The project file, read.
pub(super) struct Setup {
    pub project: Project,
    /// `spec`, with places.
    pub spec: Node,
}

/// Reads the project file's document.
pub(super) fn open(nodes: Vec<Node>, kinds: &[&'static dyn Kind], problems: &mut Problems) -> Option<Setup> {
    let mut nodes = nodes.into_iter();
    let Some(node) = nodes.next() else {
        if problems.is_empty() {
            problems.whole("`plumb.yaml` is empty").help("`plumb init` writes one");
        }
        return None;
    };
    if let Some(more) = nodes.next() {
        problems.at(more.span, "plumb.yaml holds one document", "move this one into a folder of manifests");
    }
    let envelope = read::<ProjectEnvelope>(&node, problems);
    let spec = node.get("spec").cloned()?;
    let (before, project) = (problems.len(), read_partly::<Project>(&spec, problems));
    let is_whole = problems.len() == before;
    // What does not depend on the rest is looked at whether the rest could be read or not.
    if let Some((project, gaps)) = &project {
        check(project, gaps, kinds, problems);
    }
    let envelope = envelope?;
    let at = |key: &str| node.get(key).map_or(node.span, |n| n.span);
    if envelope.api_version != API_VERSION {
        let message = format!("unknown apiVersion `{}`", envelope.api_version);
        problems.at(at("apiVersion"), message, format!("expected `{API_VERSION}`"));
    }
    if envelope.kind != "Project" {
        problems.at(at("kind"), "plumb.yaml has to hold the project", "expected `Project`");
    }
    let name_span = node.get("metadata").and_then(|m| m.get("name")).map_or(node.span, |n| n.span);
    check_name(&envelope.metadata.name, name_span, problems);
    let mut project = project.filter(|_| is_whole)?.0;
    project.name = envelope.metadata.name;
    for (name, target) in &mut project.targets {
        target.name.clone_from(name);
    }
    Some(Setup { project, spec })
}

fn check(project: &Project, gaps: &Gaps, kinds: &[&'static dyn Kind], problems: &mut Problems) {
    let spec = &gaps.node;
    let names: Vec<&str> = kinds.iter().map(|k| k.name()).collect();
    for (i, kind) in project.kinds.iter().flatten().enumerate() {
        if !names.contains(&kind.as_str()) {
            let span = spec.get("kinds").and_then(|k| k.items().get(i)).map_or(spec.span, |n| n.span);
            document::unknown_kind(kind, span, kinds, problems);
        }
    }
    for node in spec.get("env").map_or(&[][..], Node::items) {
        let name = node.as_str().unwrap_or_default();
        if let Some(whose) = reserved::whose(name) {
            let problem = problems.at(node.span, format!("manifests may not see `{name}`"), whose);
            problem.help("a secret that an object is to hold gets a variable of its own, under another name");
        }
    }
    teardown_guard::of_project(project, spec, problems);
    forecast_check::of_project(project, spec, problems);
    history_check::of_project(project, spec, problems);
    answers_check::of_project(project, spec, problems);
    code_check::of_project(project, spec, problems);
    let variables: BTreeSet<&str> =
        spec.get("variables").map_or(&[][..], Node::entries).iter().map(|e| e.key.as_str()).collect();
    let mut guesser = Guesser::default();
    for entry in spec.get("targets").map_or(&[][..], Node::entries) {
        check_name(&entry.key, entry.key_span, problems);
        for set in entry.value.get("variables").map_or(&[][..], Node::entries) {
            if gaps.is_whole("variables") && !variables.contains(set.key.as_str()) {
                let label = match guesser.nearest(&set.key, variables.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "not declared under spec.variables".to_owned(),
                };
                problems.at(set.key_span, format!("there is no variable `{}`", set.key), label);
            }
        }
        for part in entry.value.entries().iter().filter(|e| e.key != "variables") {
            no_references(&part.value, problems);
        }
        mwaa_check::of_target(&entry.value, problems);
        if let Some(airflow) = entry.value.get("airflow") {
            deadlines::of_target(airflow, problems);
        }
        let dags = entry.value.get("airflow").and_then(|a| a.get("dags"));
        let written = dags.and_then(|node| Some((node, node.as_str().filter(|text| !text.contains("${"))?)));
        if let Some((node, Err(unusable))) = written.map(|(node, text)| (node, Destination::read(text))) {
            problems.at(node.span, unusable.what, unusable.fix);
        }
    }
    let is_read = |key: &str| !matches!(key, "variables" | "targets") && !gaps.is_stranger(key);
    for part in spec.entries().iter().filter(|e| is_read(&e.key)) {
        no_references(&part.value, problems);
    }
}

/// Reports references where they would be taken for text.
fn no_references(node: &Node, problems: &mut Problems) {
    match &node.tree {
        Tree::Str(text) if text.contains("${") => {
            let problem = problems.at(node.span, "references are not filled in here", "write the value itself");
            problem.help("in plumb.yaml they can only stand in the values of variables");
        }
        Tree::Seq(items) => items.iter().for_each(|n| no_references(n, problems)),
        Tree::Map(entries) => entries.iter().for_each(|e| no_references(&e.value, problems)),
        _ => {}
    }
}

/// The target that was asked for, else the default one, else the only one.
pub(super) fn choose(setup: &Setup, request: &Request<'_>, problems: &mut Problems) -> Option<Target> {
    let targets = &setup.project.targets;
    let names = || targets.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let node = setup.spec.get("targets");
    if targets.is_empty() {
        let span = node.map_or(setup.spec.span, |n| n.span);
        problems
            .at(span, "the project has no target", "a target says where manifests are applied")
            .help("the smallest is `targets: {sandbox: {sandbox: true}}`");
        return None;
    }
    let defaults: Vec<&Target> = targets.values().filter(|t| t.default).collect();
    if let [first, second, ..] = defaults.as_slice() {
        let place = |t: &Target| node.and_then(|n| n.entry(&t.name)).map_or(setup.spec.span, |e| e.key_span);
        problems.at(place(second), "two targets are the default", "this one too").related(place(first), "the first");
        return None;
    }
    if let Some(wanted) = &request.target {
        let found = targets.get(wanted).cloned();
        if found.is_none() {
            let near = nearest(wanted, targets.keys().map(String::as_str));
            let guess = near.map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            let problem = problems.whole(format!("there is no target `{wanted}`{guess}")).usage();
            problem.help(format!("targets: {}", names()));
        }
        return found;
    }
    match (defaults.as_slice(), targets.len()) {
        ([only], _) => Some((*only).clone()),
        (_, 1) => targets.values().next().cloned(),
        _ => {
            let help = format!("name one with --target, or give one `default: true`: {}", names());
            problems.whole("no target was named, and none is the default").usage().help(help);
            None
        }
    }
}

/// The user's name that a target in development mode puts before names.
pub(super) fn developer(target: &Target, request: &Request<'_>, problems: &mut Problems) -> Option<String> {
    if target.mode != Mode::Development {
        return None;
    }
    if request.user.is_none() {
        let message = format!("target `{}` is for development, and who develops is not known", target.name);
        problems.whole(message).help(
            "set PLUMB_USER to your name, or `git config --global user.name`: objects are named and marked with it",
        );
    }
    request.user.clone()
}

/// Every variable's value: from the command line, else its files, else the target, else the project's default.
pub(super) fn variables(
    setup: &Setup,
    target: &Target,
    request: &Request<'_>,
    files: &mut Files,
    problems: &mut Problems,
) -> BTreeMap<String, Value> {
    let declared = setup.spec.get("variables").map_or(&[][..], Node::entries);
    let of_target = setup.spec.get("targets").and_then(|t| t.get(&target.name)).and_then(|t| t.get("variables"));
    let mut out: BTreeMap<String, Value> = declared
        .iter()
        .map(|e| (e.key.clone(), default(&e.value).map_or(Value::Unset, |n| Value::Given(n.clone()))))
        .collect();
    for entry in of_target.map_or(&[][..], Node::entries) {
        out.insert(entry.key.clone(), Value::Given(entry.value.clone()));
    }
    for given in &request.variables.files {
        let file = files.add(given.path.as_str(), given.text.as_str());
        for entry in of_file(&given.text, file, problems) {
            if let Some(value) = out.get_mut(&entry.key) {
                *value = Value::Given(entry.value);
                continue;
            }
            let label = match nearest(&entry.key, out.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "not declared under spec.variables of plumb.yaml".to_owned(),
            };
            problems.at(entry.key_span, format!("there is no variable `{}`", entry.key), label);
        }
    }
    for (name, text) in &request.variables.pairs {
        let Some(old) = out.get(name) else {
            let near = nearest(name, out.keys().map(String::as_str));
            let guess = near.map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
            problems.whole(format!("--var {name}: there is no variable `{name}`{guess}")).usage();
            continue;
        };
        let file = files.add(format!("--var {name}"), text.clone());
        let span = Span { file, start: 0, end: text.len() };
        let is_text = matches!(old, Value::Given(Node { tree: Tree::Str(_), .. }));
        out.insert(name.clone(), Value::Given(Node { span, tree: from_command_line(text, is_text) }));
    }
    out
}

/// The values in a file of them; anything else in it is reported.
fn of_file(text: &str, file: FileId, problems: &mut Problems) -> Vec<Entry> {
    let mut documents = parse(text, file, &Limits::default(), problems).into_iter();
    let Some(first) = documents.next() else { return Vec::new() };
    if let Some(more) = documents.next() {
        problems.at(more.span, "a file of variables holds one document", "move this one into a file of its own");
    }
    match first.tree {
        Tree::Map(entries) => entries,
        Tree::Null => Vec::new(),
        _ => {
            let problem = problems.at(first.span, "a file of variables is a mapping", "expected `NAME: VALUE`");
            problem.help("each key is a variable that plumb.yaml declares under `spec.variables`");
            Vec::new()
        }
    }
}

/// What a variable's declaration says of its value: all of it, or the `default` beside a `description`.
fn default(node: &Node) -> Option<&Node> {
    let described =
        !node.entries().is_empty() && node.entries().iter().all(|e| e.key == "default" || e.key == "description");
    if described { node.get("default").filter(|n| n.tree != Tree::Null) } else { Some(node) }
}

/// A value from the command line: text if the variable has been text so far, else whatever YAML takes it for.
fn from_command_line(text: &str, is_text: bool) -> Tree {
    match resolve(text) {
        _ if is_text => Tree::Str(text.to_owned()),
        Scalar::Null => Tree::Null,
        Scalar::Bool(b) => Tree::Bool(b),
        Scalar::Int(i) => Tree::Int(i),
        Scalar::Float(f) => Tree::Float(f),
        Scalar::Str | Scalar::TooBig => Tree::Str(text.to_owned()),
    }
}

/// A folder or file, and where plumb.yaml names it, if it does.
pub(super) struct Folder {
    pub path: String,
    pub span: Option<Span>,
}

/// The folders that the project names.
pub(super) struct Folders {
    pub manifests: Vec<Folder>,
    /// Of the chosen target.
    pub patches: Vec<Folder>,
    /// Of every target: what is in them is no manifest, wherever they are.
    pub every_patch: Vec<String>,
}

impl Folders {
    pub(super) fn new(setup: &Setup, target: &Target, problems: &mut Problems) -> Self {
        let mut tidied = |list: Option<&Node>| -> Vec<Folder> {
            let items = list.map_or(&[][..], Node::items);
            items
                .iter()
                .filter_map(|node| match tidy(node.as_str()?) {
                    Ok(path) => Some(Folder { path, span: Some(node.span) }),
                    Err(why) => {
                        problems.at(node.span, "this path cannot be read", format!("it {why}"));
                        None
                    }
                })
                .collect()
        };
        let manifests = match &setup.project.manifests {
            Some(_) => tidied(setup.spec.get("manifests")),
            None => vec![Folder { path: "manifests".to_owned(), span: None }],
        };
        let (mut patches, mut every_patch) = (Vec::new(), Vec::new());
        for entry in setup.spec.get("targets").map_or(&[][..], Node::entries) {
            let folders = tidied(entry.value.get("patches"));
            every_patch.extend(folders.iter().map(|f| f.path.clone()));
            if entry.key == target.name {
                patches = folders;
            }
        }
        Folders { manifests, patches, every_patch }
    }
}
