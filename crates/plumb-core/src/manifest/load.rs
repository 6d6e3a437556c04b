//! The way from files to [`Desired`].

use super::code::{self, CodeRequests, CodeTarget};
use super::cores;
use super::document::{self, DocumentRole, Metadata};
use super::expand::Expander;
use super::read::{ReadDocument, Reader};
use super::setup::{self, Folders, Setup};
use super::{
    Address, Desired, KeptSpec, Lifecycle, ManifestSource, OpenDecision, Project, Removal, Request, Resource, Target,
    Vault, Warning, accept::accept, adopt, checks, code_check, develop, overlaps, patch, price_books, refs, stands_on,
    teardown_guard, waves,
};
use crate::code::CodeFolder;
use crate::detect;
use crate::kinds::Kind;
use crate::kinds::entries::{self, SpecPart};
use crate::kinds::teardown::{self, TeardownManifest};
use plumb_model::yaml::{Files, Guesser, Node, Packed, Problem, Problems, Span, Tree, read_partly};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the project file.
pub const PROJECT_FILE: &str = "plumb.yaml";

/// More mistakes than this are counted, not listed.
const MOST_PROBLEMS: usize = 1000;

/// What is wrong with the manifests, and the texts that it points into.
#[derive(Debug)]
pub struct Failure {
    pub files: Files,
    /// In the order of files and places.
    pub problems: Vec<Problem>,
}

impl Failure {
    /// Messages quote what they are about; nothing that shows them has to know what a secret is.
    fn of(files: Files, problems: &[Problem]) -> Failure {
        let mask = detect::mask(&files, problems);
        let problems = problems.iter().map(|problem| mask.cleaned(problem)).collect();
        Failure { files, problems }
    }

    /// The mistakes of the command line, when there are no others: a target or a variable that the project does not have.
    pub fn usage(&self) -> Option<&[Problem]> {
        (!self.problems.is_empty() && self.problems.iter().all(|p| p.usage)).then_some(self.problems.as_slice())
    }
}

/// Reads everything that the manifests of one target ask for, or reports every mistake in them.
pub fn load(
    source: &dyn ManifestSource,
    request: &Request<'_>,
    kinds: &[&'static dyn Kind],
) -> Result<Desired, Failure> {
    load_as(source, request, kinds, false)
}

/// Reads the manifests of an earlier commit, which explain a plan and decide nothing. A secret that is not set is no
/// mistake in them: it is [`Vault::UNKNOWN`], of which only the place is known.
pub fn load_earlier(
    source: &dyn ManifestSource,
    request: &Request<'_>,
    kinds: &[&'static dyn Kind],
) -> Result<Desired, Failure> {
    load_as(source, request, kinds, true)
}

fn load_as(
    source: &dyn ManifestSource,
    request: &Request<'_>,
    kinds: &[&'static dyn Kind],
    earlier: bool,
) -> Result<Desired, Failure> {
    let mut files = Files::default();
    let mut problems = Problems::default();
    match run(source, request, kinds, earlier, &mut files, &mut problems) {
        Some(desired) if problems.is_empty() => Ok(Desired { files, ..desired }),
        _ => {
            let mut problems = problems.sorted();
            if problems.len() > MOST_PROBLEMS {
                let message = format!("{} more problems are not listed", problems.len() - MOST_PROBLEMS);
                problems.truncate(MOST_PROBLEMS);
                problems.push(Problem::new(message, String::new()));
            }
            Err(Failure::of(files, &problems))
        }
    }
}

/// The names of the project and of the target that would be chosen, by the project file alone: for telling whose manifests have
/// mistakes. `None` when that file has some.
pub fn names(
    source: &dyn ManifestSource,
    request: &Request<'_>,
    kinds: &[&'static dyn Kind],
) -> Option<(String, String)> {
    let (mut files, mut problems) = (Files::default(), Problems::default());
    let setup = open_project(source, kinds, &mut files, &mut problems)?;
    let target = setup::choose(&setup, request, &mut problems)?;
    Some((setup.project.name.clone(), target.name.clone()))
}

/// What plumb.yaml says, whatever the manifests say.
///
/// # Errors
/// It has mistakes.
pub fn project(source: &dyn ManifestSource, kinds: &[&'static dyn Kind]) -> Result<Project, Failure> {
    let (mut files, mut problems) = (Files::default(), Problems::default());
    let setup = open_project(source, kinds, &mut files, &mut problems);
    match setup {
        Some(setup) if problems.is_empty() => Ok(setup.project),
        _ => {
            let problems = problems.sorted();
            Err(Failure::of(files, &problems))
        }
    }
}

/// The addresses of the manifests, in their order, for completing what a person types: nothing is checked, and what cannot be read
/// is left out.
pub fn addresses(source: &dyn ManifestSource, kinds: &[&'static dyn Kind]) -> Vec<Address> {
    let (mut files, mut problems) = (Files::default(), Problems::default());
    let Some(setup) = open_project(source, kinds, &mut files, &mut problems) else { return Vec::new() };
    let folders = Folders::new(&setup, &Target::default(), &mut problems);
    let documents = Reader::new(source, &mut files).folders(&folders.manifests, &folders.every_patch, &mut problems);
    let address = |document: ReadDocument| {
        let kind = document.node.get("kind")?.as_str()?;
        let name = document.node.get("metadata")?.get("name")?.as_str()?;
        let is_known = kinds.iter().any(|known| known.name() == kind);
        is_known.then(|| Address { kind: kind.to_owned(), name: name.to_owned() })
    };
    let mut addresses: Vec<Address> = documents.into_iter().filter_map(address).collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn open_project(
    source: &dyn ManifestSource,
    kinds: &[&'static dyn Kind],
    files: &mut Files,
    problems: &mut Problems,
) -> Option<Setup> {
    let documents = Reader::new(source, files).project(PROJECT_FILE, problems)?;
    let nodes = documents.into_iter().map(ReadDocument::whole).collect();
    setup::open(nodes, kinds, problems)
}

fn run(
    source: &dyn ManifestSource,
    request: &Request<'_>,
    kinds: &[&'static dyn Kind],
    earlier: bool,
    files: &mut Files,
    problems: &mut Problems,
) -> Option<Desired> {
    let mut reader = Reader::new(source, files);
    let documents = reader.project(PROJECT_FILE, problems)?;
    let questions: Vec<_> = documents.iter().flat_map(|one| one.decisions.clone()).collect();
    let nodes = documents.into_iter().map(ReadDocument::whole).collect();
    let setup = setup::open(nodes, kinds, problems)?;
    let target = setup::choose(&setup, request, problems)?;
    let user = setup::developer(&target, request, problems);
    let folders = Folders::new(&setup, &target, problems);
    let manifests = reader.folders(&folders.manifests, &folders.every_patch, problems);
    let patches = reader.folders(&folders.patches, &[], problems);
    let given = files.next();
    let variables = setup::variables(&setup, &target, request, files, problems);

    let mut documents = Documents {
        setup: &setup,
        kinds,
        earlier,
        known: BTreeSet::new(),
        list: BTreeMap::new(),
        patches: BTreeMap::new(),
        astray: Vec::new(),
        guesser: Guesser::default(),
    };
    manifests.into_iter().for_each(|one| documents.add(one, problems));
    patches.into_iter().for_each(|one| documents.patch(one, problems));
    documents.merge(problems);
    let Documents { known, list, astray, .. } = documents;

    let project = setup.project.clone();
    let mut vault = Vault::new(&project.name, &target.name);
    let names = (project.name.as_str(), target.name.as_str());
    let mut expander = Expander::new(files, names, &variables, &project.env, request.env);
    expander.earlier = earlier;
    let targets: Vec<&str> = setup.project.targets.keys().map(String::as_str).collect();
    let mut ready = Vec::new();
    let mut named = CodeRequests { files, given, requests: Vec::new() };
    let mut noted: Vec<Warning> = Vec::new();
    for document in list.into_values().chain(astray) {
        let written = expander.node(document.metadata, 1, &mut vault, problems);
        let mut spec = expander.node(document.spec.node(), 1, &mut vault, problems);
        if expander.is_exhausted() || problems.len() > 20 * MOST_PROBLEMS {
            return None;
        }
        entries::lift_whole(&mut spec, document.kind.rules(), problems);
        accept(&mut spec, document.kind.rules(), files, &mut noted);
        for (member, value) in document.kind.assumed(&document.address.name, &spec) {
            develop::assume(&mut spec, member, value);
        }
        if let Some(user) = &user
            && document.kind.title_is_free()
        {
            develop::prefix(&mut spec, document.kind.title(), user);
        }
        develop::seal(&mut spec, document.kind.rules(), &mut vault);
        let metadata = if document.is_astray { None } else { describe(&written, document.kind, &targets, problems) };
        if document.is_astray {
            document.kind.read(&spec, problems, &mut noted);
            continue;
        }
        let Document { address, kind, span, decisions, .. } = document;
        let packed = Packed::of(&spec);
        named.add(&address, kind, &written, (&packed, &spec), problems);
        ready.push(Ready { address, kind, span, metadata, spec: packed, decisions });
    }
    let is_chosen = target.sandbox || target.databricks.as_ref().is_some_and(|databricks| databricks.code.is_some());
    let place = CodeTarget {
        folder: code_folder(&project, &target, user.as_deref()),
        keep_days: code_check::keep_days(&project).unwrap_or_default(),
        is_chosen,
        is_sandbox: target.sandbox,
        of_variables: &expander.paths_of_variables,
        earlier,
    };
    let code = code::resolve(source, named, place, problems, &mut noted);
    waves::assume_paused(ready.iter_mut().map(|ready| (&ready.address, ready.kind, &mut ready.spec)).collect());

    let referrers: Vec<_> =
        ready.iter().map(|r| refs::Referrer { address: &r.address, kind: r.kind, spec: &r.spec }).collect();
    let resolved = refs::resolve(&referrers, &known, kinds, files, problems);
    drop(referrers);
    let ready: Vec<(Ready, refs::Resolved)> = ready.into_iter().zip(resolved).collect();
    let checked =
        cores::on_threads(source.threads(), &ready, |(ready, resolved)| SpecFindings::of(ready.kind, &resolved.spec));
    let mut resources = Vec::with_capacity(ready.len());
    let mut derived: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for ((ready, resolved), checked) in ready.into_iter().zip(checked) {
        if checked.problems.is_empty() {
            noted.extend(checked.notes);
        } else {
            // Again, beside all that was found before: what has been reported is not reported twice.
            ready.kind.read(&resolved.spec.node(), problems, &mut noted);
        }
        let mut places = resolved.spec;
        if !vault.is_empty() {
            let mut node = places.node();
            vault.seal_known_in(&mut node);
            places = Packed::of(&node);
        }
        if let Some((metadata, lifecycle, remove)) = ready.metadata {
            let spec = match &user {
                Some(_) => developed(ready.kind, &places),
                None => KeptSpec::new(places.clone()),
            };
            // The places keep what is written, so that nothing that plumb put there is taken for the manifest's.
            let spec = code.put(&ready.address, spec);
            let teardown = teardown::find(ready.kind.name()).map(|kind| TeardownManifest::new(kind, &spec));
            if !resolved.derived.is_empty() {
                derived.insert(ready.address.clone(), resolved.derived);
            }
            resources.push(Resource {
                address: ready.address,
                kind: ready.kind,
                labels: metadata.labels,
                lifecycle,
                adopt: metadata.adopt.as_ref().and_then(|adopt| adopt.in_target(&target.name)).map(str::to_owned),
                adopts: metadata.adopt,
                take_from: metadata.take_from,
                previous_names: metadata.previous_names,
                remove,
                spec,
                teardown,
                places,
                span: ready.span,
                references: each_once(resolved.ids),
                by_name: BTreeSet::new(),
                decisions: ready.decisions,
            });
        }
    }
    // Every secret of the environment is hidden, whether a manifest refers to it or not: what is live may have it. Only
    // now, so that the specs, of which the marks keep a hash, are the same without the environment.
    for secret in project.env.iter().filter_map(|name| (request.env)(name)) {
        vault.seal_everywhere(&secret);
    }
    if problems.is_empty() {
        stands_on::link(&mut resources, &derived);
    }
    checks::live_names(&resources, problems);
    overlaps::storages(&resources, problems);
    checks::secrets(&resources, &vault, problems);
    adopt::once(&resources, problems);
    checks::previous_names(&resources, problems);
    checks::named(&resources, &known, problems);
    checks::metadata_of_objects(&resources, problems);
    // What was applied once explains, whatever it would be called today.
    if !earlier {
        waves::check(&resources, problems);
    }
    price_books::one_a_region(&resources, problems);
    let guards = project.guards.of(&target);
    teardown_guard::of_manifests(&resources, guards.teardown.as_ref(), problems);
    Some(Desired {
        project,
        target,
        guards,
        resources,
        vault,
        code: code.code,
        once: super::OnceDeclared::default(),
        files: Files::default(),
        developer: user,
        noted,
        questions,
    })
}

/// A document whose kind and name are known.
struct Document {
    address: Address,
    kind: &'static dyn Kind,
    name_span: Span,
    span: Span,
    metadata: Node,
    spec: Packed,
    /// What is open in it and in its patches.
    decisions: Vec<OpenDecision>,
    /// Whether it has no place among the others: it has no name, or another one's. Its mistakes are told all the same.
    is_astray: bool,
}

/// A document with its variables filled in.
struct Ready {
    address: Address,
    kind: &'static dyn Kind,
    span: Span,
    /// `None` when it has mistakes.
    metadata: Option<(Metadata, Lifecycle, Vec<Removal>)>,
    spec: Packed,
    decisions: Vec<OpenDecision>,
}

/// What the reading of a spec by itself has found.
struct SpecFindings {
    problems: Problems,
    notes: Vec<Warning>,
}

impl SpecFindings {
    fn of(kind: &'static dyn Kind, spec: &Packed) -> SpecFindings {
        let (mut problems, mut notes) = (Problems::default(), Vec::new());
        kind.read(&spec.node(), &mut problems, &mut notes);
        SpecFindings { problems, notes }
    }
}

/// Where a target keeps code. What `databricks.code` may not be is reported when the project is read.
fn code_folder(project: &Project, target: &Target, user: Option<&str>) -> CodeFolder {
    let written = target.databricks.as_ref().and_then(|databricks| databricks.code.as_deref());
    let root = written.and_then(|written| CodeFolder::root(written).ok());
    CodeFolder::new(root.as_deref(), &project.name, &target.mark_name(user))
}

/// The spec of a target in development mode.
fn developed(kind: &'static dyn Kind, places: &Packed) -> KeptSpec {
    let written = places.to_json();
    let mut spec = written.clone();
    kind.develop(&mut spec);
    if spec == written { KeptSpec::new(places.clone()) } else { spec.into() }
}

struct Documents<'a> {
    setup: &'a Setup,
    kinds: &'a [&'static dyn Kind],
    /// Whether they are of an earlier commit, of which nothing has to be fixed.
    earlier: bool,
    /// Addresses of documents that cannot be used, so that references to them are not called dangling as well.
    known: BTreeSet<Address>,
    list: BTreeMap<Address, Document>,
    /// Patches of the documents in the list, each in the order in which they were read.
    patches: BTreeMap<Address, Vec<ReadDocument>>,
    /// Documents that are only looked through for mistakes.
    astray: Vec<Document>,
    guesser: Guesser,
}

impl Documents<'_> {
    fn add(&mut self, document: ReadDocument, problems: &mut Problems) {
        let ReadDocument { mut node, spec, decisions } = document;
        let opened = document::open(&node, DocumentRole::Manifest, problems);
        let is_named = opened.is_some();
        let named = opened.or_else(|| Some((node.get("kind")?.as_str()?.to_owned(), String::new())));
        let Some((kind, name)) = named else { return };
        let address = Address { kind, name };
        let Some(kind) = self.kind(&address.kind, &node, problems) else {
            self.known.insert(address);
            return;
        };
        let name_span = name_span(&node);
        let first = self.list.get(&address).map(|first| first.name_span);
        if let Some(first) = first {
            problems
                .at(name_span, format!("two manifests have the address {address}"), "the second one")
                .related(first, "the first one");
        }
        let span = node.span;
        // `spec:` with nothing behind it is an empty spec: typing it says what is missing.
        let empty = |span| Packed::of(&Node { span, tree: Tree::Map(Vec::new()) });
        let spec = spec.map(|spec| if spec.is_null() { empty(spec.span()) } else { spec });
        let is_astray = !is_named || first.is_some();
        match (part(&mut node, "metadata"), spec) {
            (Some(metadata), Some(spec)) if !is_astray => {
                let named = address.clone();
                let document = Document { address, kind, name_span, span, metadata, spec, decisions, is_astray };
                self.list.insert(named, document);
            }
            // Metadata that cannot be named has been looked at when the document was opened.
            (_, Some(spec)) if is_astray => {
                let metadata = Node { span, tree: Tree::Null };
                self.astray.push(Document { address, kind, name_span, span, metadata, spec, decisions, is_astray });
            }
            _ => {
                self.known.insert(address);
            }
        }
    }

    fn patch(&mut self, patch: ReadDocument, problems: &mut Problems) {
        let node = &patch.node;
        let Some((kind, name)) = document::open(node, DocumentRole::Patch, problems) else { return };
        let address = Address { kind, name };
        if self.kind(&address.kind, node, problems).is_none() || self.known.contains(&address) {
            return;
        }
        if self.list.contains_key(&address) {
            self.patches.entry(address).or_default().push(patch);
            return;
        }
        let names = self.list.keys().filter(|a| a.kind == address.kind).map(|a| a.name.as_str());
        let label = match self.guesser.nearest(&address.name, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "no manifest has this address".to_owned(),
        };
        problems
            .at(name_span(node), format!("this patch is for {address}, which does not exist"), label)
            .help("a patch changes a manifest of the same kind and name");
    }

    /// Merges the patches over their documents: each document is unpacked once, however many patches it has.
    fn merge(&mut self, problems: &mut Problems) {
        for (address, patches) in std::mem::take(&mut self.patches) {
            let Some(document) = self.list.get_mut(&address) else { continue };
            let rules = document.kind.rules();
            let mut spec = document.spec.node();
            entries::lift(&mut spec, rules, SpecPart::Manifest, problems);
            for ReadDocument { mut node, spec: changes, decisions } in patches {
                if let Some(changes) = part(&mut node, "metadata") {
                    let metadata = std::mem::replace(&mut document.metadata, node);
                    document.metadata = patch::merge_plain(metadata, changes, problems);
                }
                if let Some(changes) = changes.filter(|changes| !changes.is_null()) {
                    let mut changes = changes.node();
                    entries::lift(&mut changes, rules, SpecPart::Patch, problems);
                    spec = patch::merge(spec, changes, rules, problems);
                }
                document.decisions.extend(decisions);
            }
            document.spec = Packed::of(&spec);
        }
    }

    /// The kind of that name, unless the project leaves it alone.
    fn kind(&self, name: &str, node: &Node, problems: &mut Problems) -> Option<&'static dyn Kind> {
        let found = self.kinds.iter().copied().find(|k| k.name() == name);
        if found.is_none() {
            let span = node.get("kind").map_or(node.span, |n| n.span);
            document::unknown_kind(name, span, self.kinds, problems);
        }
        let managed = self.setup.project.kinds.as_ref().is_none_or(|list| list.iter().any(|k| k == name));
        if let Some(kind) = found.filter(|_| !managed && !self.earlier) {
            let span = node.get("kind").map_or(node.span, |n| n.span);
            let problem = problems.at(
                span,
                format!("nothing would look at this manifest: the project does not manage {}", kind.name()),
                "not in `spec.kinds` of plumb.yaml",
            );
            problem.help(format!("add {} to `spec.kinds` of plumb.yaml, or delete the manifest", kind.name()));
            if let Some(list) = self.setup.spec.get("kinds") {
                problem.related(list.span, "only these are");
            }
        }
        found.filter(|_| managed)
    }
}

/// A member that is a mapping. Anything else has been reported when the document was opened, or is when it is typed.
fn part(node: &mut Node, key: &str) -> Option<Node> {
    node.take(key).filter(|n| !matches!(n.tree, Tree::Null))
}

fn name_span(node: &Node) -> Span {
    node.get("metadata").and_then(|m| m.get("name")).map_or(node.span, |n| n.span)
}

/// Types the metadata, and checks what only makes sense with the kind's rules.
fn describe(
    metadata: &Node,
    kind: &'static dyn Kind,
    targets: &[&str],
    problems: &mut Problems,
) -> Option<(Metadata, Lifecycle, Vec<Removal>)> {
    checks::nothing_deferred(metadata, problems);
    let before = problems.len();
    let (typed, gaps) = read_partly::<Metadata>(metadata, problems)?;
    let is_whole = problems.len() == before;
    adopt::targets(typed.adopt.as_ref(), &gaps.node, targets, problems);
    let mut lifecycle = document::lifecycle(&typed.lifecycle, &gaps, problems);
    checks::ignored_paths(&mut lifecycle, kind, problems);
    let remove = checks::removed_paths(&typed.remove, &gaps.node, kind, problems);
    is_whole.then_some((typed, lifecycle, remove))
}

fn each_once(ids: Vec<(Address, Span)>) -> Vec<Address> {
    let mut seen = BTreeSet::new();
    ids.into_iter().map(|(address, _)| address).filter(|address| seen.insert(address.clone())).collect()
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
