//! The code that manifests name: paths of the repository become paths in a tree that a hash names.

use super::code_check::jar_in_workspace;
use super::code_uses::{CodeUse, can_name, is_of_repository, uses};
use super::{Files, KeptSpec, ManifestSource, PROJECT_FILE, Vault, Warning};
use crate::code::{
    Code, CodeFile, CodeFolder, CodeForm, CodeReader, CodeTree, CodeUser, FoundCode, FoundCodeKind, HashedCode,
    MOST_BYTES_A_NOTEBOOK, header, is_left_out, notebook_endings, unfit_code_name,
};
use crate::kinds::Kind;
use plumb_model::address::Address;
use plumb_model::schema::CodeRole;
use plumb_model::text::glob;
use plumb_model::yaml::{FileId, Guesser, Node, Packed, Problem, Problems, Span, is_deferred};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What stands behind a folder of which all is meant.
const ALL_IN_IT: &str = "/**";
/// The most files of a tree.
const MOST_FILES_A_TREE: usize = 10_000;
/// The most bytes of a tree, and of all trees together.
const MOST_BYTES_OF_CODE: u64 = 20_000_000_000;
/// The most bytes of a file of the workspace (docs.databricks.com: workspace files, limitations: 500 MB), and of one that the
/// Files API takes (docs.databricks.com: Files API, upload: 5 GB).
const MOST_BYTES_A_FILE_OF: (u64, u64) = (500_000_000, 5_000_000_000);
/// The most texts that are kept, in bytes.
const MOST_TEXTS: usize = 64_000_000;

/// What a resource names.
pub(super) struct CodeRequest {
    address: Address,
    uses: Vec<CodeUse>,
    /// `metadata.code`.
    along: Vec<(String, Span)>,
    reader: Option<CodeReader>,
}

/// What the resources of a target name, until all is known of them.
pub(super) struct CodeRequests<'a> {
    pub files: &'a Files,
    /// The first file that is not of the repository: those behind it hold values of variables.
    pub given: FileId,
    pub requests: Vec<CodeRequest>,
}

impl CodeRequests<'_> {
    /// Notes what a resource names.
    pub(super) fn add(
        &mut self,
        address: &Address,
        kind: &'static dyn Kind,
        metadata: &Node,
        spec: (&Packed, &Node),
        problems: &mut Problems,
    ) {
        let written = metadata.get("code").map_or(&[][..], Node::items);
        let along: Vec<(String, Span)> =
            written.iter().filter_map(|node| Some((node.as_str()?.to_owned(), node.span))).collect();
        let (packed, spec) = spec;
        let uses = if packed.may_have("./") { uses(spec, kind.rules()) } else { Vec::new() };
        if let (true, Some((_, span))) = (uses.is_empty(), along.first()) {
            let what = match can_name(kind.rules()) {
                true => "nothing in the spec names a file of the repository, so nothing would use this code".to_owned(),
                false => format!("{} has no code", kind.name()),
            };
            let help =
                "a path that begins with `./` or `../` names a file of the repository: `notebook_path: ./src/etl.py`";
            problems.at(*span, what, "taken along with nothing").help(help);
        }
        if uses.is_empty() {
            return;
        }
        if let Some(span) = spec.get("run_as").and_then(|run_as| run_as.get("group_name")).map(|node| node.span) {
            let help =
                "run it as a user or a service principal, or keep the code elsewhere and name it by its absolute path";
            problems
                .at(
                    span,
                    "code cannot be given to a group",
                    "plumb gives users and service principals the right to read",
                )
                .help(help);
        }
        let reader = reader(spec);
        self.requests.push(CodeRequest { address: address.clone(), uses, along, reader });
    }
}

/// As whom runs read code, where the spec says it.
fn reader(spec: &Node) -> Option<CodeReader> {
    let known = |node: Option<&Node>| {
        node.and_then(Node::as_str).filter(|name| !name.is_empty() && !is_deferred(name)).map(str::to_owned)
    };
    if let Some(run_as) = spec.get("run_as") {
        let user = known(run_as.get("user_name")).map(CodeReader::User);
        return user.or_else(|| known(run_as.get("service_principal_name")).map(CodeReader::ServicePrincipal));
    }
    // A user's name is a mail address; a service principal is told by its application id, which is a UUID. Anything else would
    // be a group.
    let name = known(spec.get("single_user_name"))?;
    let is_id = name.len() == 36 && name.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    match is_id {
        true => Some(CodeReader::ServicePrincipal(name)),
        false => name.contains('@').then_some(CodeReader::User(name)),
    }
}

/// What has become of the paths of each resource that names code.
pub(super) struct ResolvedCode {
    pub code: Code,
    /// By the place in the spec as a JSON pointer: what stands there, and what takes its place.
    paths: BTreeMap<Address, Vec<(String, String, String)>>,
}

impl ResolvedCode {
    /// A spec with its paths in the place of those of the repository.
    pub(super) fn put(&self, address: &Address, spec: KeptSpec) -> KeptSpec {
        let Some(paths) = self.paths.get(address) else { return spec };
        let mut spec = spec.to_value();
        for (at, written, path) in paths {
            if let Some(Value::String(text)) = spec.pointer_mut(at).filter(|value| *value == written) {
                text.clone_from(path);
            }
        }
        spec.into()
    }
}

/// Where the target keeps code, and what is to be known of the load.
pub(super) struct CodeTarget<'a> {
    pub folder: CodeFolder,
    pub keep_days: u32,
    /// Whether `databricks.code` says where.
    pub is_chosen: bool,
    /// Whether it is the emulator, whose clusters take everything.
    pub is_sandbox: bool,
    /// The values whose beginning is a variable's.
    pub of_variables: &'a BTreeSet<Span>,
    /// Whether the manifests are of an earlier commit.
    pub earlier: bool,
}

/// Looks for all code that is named, reads each file once, and makes the trees.
pub(super) fn resolve(
    source: &dyn ManifestSource,
    named: CodeRequests<'_>,
    target: CodeTarget<'_>,
    problems: &mut Problems,
    noted: &mut Vec<Warning>,
) -> ResolvedCode {
    let CodeTarget { folder, keep_days, is_chosen, .. } = &target;
    let code = Code { folder: folder.clone(), keep_days: *keep_days, ..Code::default() };
    let mut resolved = ResolvedCode { code, paths: BTreeMap::new() };
    let Some(first) = named.requests.first().and_then(|request| request.uses.first()).map(|one| one.span) else {
        return resolved;
    };
    if !is_chosen {
        let what = format!("code is kept below {}, where others may write", CodeFolder::DEFAULT);
        let mut problem = Problem { span: Some(first), ..Problem::new(what, "the first path of code".to_owned()) };
        problem
            .help("set `databricks.code` of the target: a folder or a volume that only whoever applies may write to");
        noted.push(("code-folder", problem));
    }
    if !folder.is_volume() && !target.is_sandbox {
        let jars = named.requests.iter().filter_map(|request| jar_in_workspace(&request.uses));
        noted.extend(jars.map(|problem| ("jar-in-workspace", problem)));
    }
    // What was applied once explains: what its commit does not have, such as a wheel that CI built, is not known.
    let mut forgiven = Problems::default();
    let problems = if target.earlier { &mut forgiven } else { problems };
    let top = match source.repository_folder() {
        Ok(top) => top,
        Err(why) => {
            problems.at(first, why, "the first path of code");
            String::new()
        }
    };
    let mut looking = Looking {
        source,
        files: named.files,
        given: named.given,
        target: &target,
        top,
        found: BTreeMap::new(),
        below: BTreeMap::new(),
        names: BTreeMap::new(),
        guesser: Guesser::default(),
    };
    let wanted: Vec<WantedCode> = named.requests.iter().map(|request| looking.request(request, problems)).collect();
    let mut files: BTreeMap<&str, (&FoundCode, Span)> = BTreeMap::new();
    for (path, (file, span)) in wanted.iter().flat_map(|one| &one.files) {
        files.entry(path).or_insert((file, *span));
    }
    let bytes: u64 = files.values().map(|(file, _)| file.bytes).sum();
    if bytes > MOST_BYTES_OF_CODE {
        let what = format!("the code is larger than {} GB together", MOST_BYTES_OF_CODE / 1_000_000_000);
        problems
            .at(first, what, "the first path of code")
            .help("keep data elsewhere: code is read whenever it is planned");
        return resolved;
    }
    let list: Vec<&FoundCode> = files.values().map(|(file, _)| *file).collect();
    let mut texts = 0;
    let mut read: BTreeMap<&str, HashedCode> = BTreeMap::new();
    for (file, hashed) in list.iter().zip(source.hash_code(&list)) {
        match hashed {
            Ok(mut hashed) => {
                texts += hashed.text.as_ref().map_or(0, |text| text.len());
                hashed.text = hashed.text.filter(|_| texts <= MOST_TEXTS);
                // A volume keeps every file as what it is.
                if folder.is_volume() && matches!(hashed.form, CodeForm::Notebook(_)) {
                    hashed.form = CodeForm::File;
                }
                read.insert(&file.path, hashed);
            }
            Err(why) => {
                problems.at(files[file.path.as_str()].1, why, "named here");
            }
        }
    }
    for (request, wanted) in named.requests.iter().zip(&wanted) {
        looking.tree(request, wanted, &read, &mut resolved, problems);
    }
    resolved
}

/// The files of a resource's tree, and what its paths name.
struct WantedCode {
    /// By the path in the repository, with the place of the first path that names each.
    files: BTreeMap<String, (FoundCode, Span)>,
    /// The path in the repository of each use; `None` when there is none, which is reported.
    paths: Vec<Option<String>>,
    is_whole: bool,
}

struct Looking<'a> {
    source: &'a dyn ManifestSource,
    files: &'a Files,
    given: FileId,
    target: &'a CodeTarget<'a>,
    /// The project's folder in the repository.
    top: String,
    found: BTreeMap<String, Result<FoundCode, String>>,
    below: BTreeMap<String, Result<Vec<FoundCode>, String>>,
    names: BTreeMap<String, Vec<String>>,
    guesser: Guesser,
}

impl Looking<'_> {
    fn told(&self, path: &str) -> String {
        told(&self.top, path)
    }

    fn request(&mut self, request: &CodeRequest, problems: &mut Problems) -> WantedCode {
        let before = problems.len();
        let mut wanted = WantedCode { files: BTreeMap::new(), paths: Vec::new(), is_whole: true };
        for one in &request.uses {
            let path = self.place(&one.path, one.span, problems);
            let path = path.and_then(|path| self.named(path, one, &mut wanted, problems));
            wanted.paths.push(path);
        }
        for (written, span) in &request.along {
            if !is_of_repository(written) {
                let label = "it has to begin with `./` or `../`";
                problems.at(*span, format!("`{}` is no path of the repository", shown(written)), label);
                continue;
            }
            let Some(path) = self.place(written, *span, problems) else { continue };
            match self.look(&path, written, *span, problems) {
                Some(found) if found.kind == FoundCodeKind::Folder => self.folder(&path, *span, &mut wanted, problems),
                Some(found) => self.take(found, *span, &mut wanted, problems),
                None => {}
            }
        }
        if wanted.files.len() > MOST_FILES_A_TREE {
            let what = format!("the code of {} has more than {MOST_FILES_A_TREE} files", request.address);
            let span = request.along.first().map_or(request.uses[0].span, |(_, span)| *span);
            problems.at(span, what, "with what is here").help("name a smaller folder, or keep data elsewhere");
        }
        wanted.is_whole = problems.len() == before;
        wanted
    }

    /// Whether a path that stands there is relative to plumb.yaml.
    fn is_of_project(&self, span: Span) -> bool {
        let is_file = self.files.get(span.file).path == PROJECT_FILE;
        span.file >= self.given || is_file || self.target.of_variables.contains(&span)
    }

    /// The path from the top of the repository.
    fn place(&mut self, written: &str, span: Span, problems: &mut Problems) -> Option<String> {
        let shown = shown(written);
        let mut refuse = |what: String, label: &str| {
            problems.at(span, what, label);
            None
        };
        if is_deferred(written) || Vault::is_token(written) {
            return refuse(format!("`{shown}` is not known before an apply"), "a path of code has to be written out");
        }
        if written.contains('\\') {
            return refuse(format!("`{shown}` has a `\\` in it"), "paths have forward slashes");
        }
        let file = &self.files.get(span.file).path;
        let is_project = self.is_of_project(span);
        let folder = if is_project { "" } else { file.rsplit_once('/').map_or("", |(folder, _)| folder) };
        let mut parts: Vec<&str> = Vec::new();
        for part in self.top.split('/').chain(folder.split('/')).chain(written.split('/')) {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        let from = if is_project { "relative to plumb.yaml" } else { "relative to this file" };
                        return refuse(format!("`{shown}` leaves the repository"), from);
                    }
                }
                part => parts.push(part),
            }
        }
        let unfit = parts.iter().find_map(|part| Some((*part, unfit_code_name(part)?)));
        if let Some((name, why)) = unfit {
            return refuse(format!("no workspace takes the name `{}`: it {why}", name.escape_debug()), "rename it");
        }
        Some(parts.join("/"))
    }

    /// What a use names, once it is known to be of the right sort.
    fn named(
        &mut self,
        path: String,
        one: &CodeUse,
        wanted: &mut WantedCode,
        problems: &mut Problems,
    ) -> Option<String> {
        if let Some(folder) = path.strip_suffix(ALL_IN_IT).filter(|_| one.role == CodeRole::Source) {
            if self.target.folder.is_volume() && !self.fits_volume(one, problems) {
                return None;
            }
            let written = one.path.strip_suffix(ALL_IN_IT).unwrap_or(&one.path);
            if self.look(folder, written, one.span, problems)?.kind != FoundCodeKind::Folder {
                let what = format!("`{}` is a file, and only a folder has `{ALL_IN_IT}` behind it", self.told(folder));
                problems.at(one.span, what, "name the file itself");
                return None;
            }
            self.folder(folder, one.span, wanted, problems);
            return Some(path);
        }
        let is_library = matches!(one.role, CodeRole::Library | CodeRole::Dependency);
        let path = if is_library && path.contains('*') { self.only(&path, one, problems)? } else { path };
        if self.target.folder.is_volume() && !self.fits_volume(one, problems) {
            return None;
        }
        if one.script_in_volume().is_some_and(|volume| volume != self.target.folder.is_volume()) {
            let (here, there) =
                if self.target.folder.is_volume() { ("volumes", "workspace") } else { ("workspace", "volumes") };
            let what = format!("this target keeps code in {}", self.target.folder.path());
            problems.at(one.span, what, format!("write `{here}:` in the place of `{there}:`"));
            return None;
        }
        let found = self.look(&path, &one.path, one.span, problems)?;
        let is_folder = found.kind == FoundCodeKind::Folder;
        match (one.role, is_folder) {
            (CodeRole::Folder, true) => self.folder(&path, one.span, wanted, problems),
            (CodeRole::Folder, false) => {
                let what = format!("`{}` is a file, and a folder belongs here", self.told(&path));
                problems.at(one.span, what, "name the folder that it is in");
                return None;
            }
            (_, true) => {
                let what = format!("`{}` is a folder, and a file belongs here", self.told(&path));
                let label = match (one.role, self.with_ending(&path, &one.path)) {
                    (CodeRole::Notebook, Some(notebook)) => format!("write `{notebook}`: the file has an ending"),
                    (CodeRole::Dependency, _) => "name what was built of it: `./dist/etl-*.whl`".to_owned(),
                    (CodeRole::Source, _) => format!("write `{}{ALL_IN_IT}`", shown(&one.path)),
                    _ => "name a file in it".to_owned(),
                };
                problems.at(one.span, what, label).help("`metadata.code` takes whole folders along");
                return None;
            }
            (_, false) => self.take(found, one.span, wanted, problems),
        }
        Some(path)
    }

    /// Whether a volume can keep what is named.
    fn fits_volume(&self, one: &CodeUse, problems: &mut Problems) -> bool {
        let what = match one.role {
            CodeRole::Notebook => "notebooks",
            CodeRole::Query => "files that SQL warehouses run",
            // A pipeline's root folder is one too.
            CodeRole::Folder => "folders that are run, such as dbt projects",
            CodeRole::Source => "sources of pipelines",
            _ => return true,
        };
        let help = "set `databricks.code` of the target to a folder of the workspace: `/Workspace/…`";
        problems
            .at(
                one.span,
                format!("a volume keeps no {what}"),
                format!("this target keeps code in {}", self.target.folder.path()),
            )
            .help(help);
        false
    }

    /// The only file whose name fits one with a `*`.
    fn only(&mut self, path: &str, one: &CodeUse, problems: &mut Problems) -> Option<String> {
        let (folder, pattern) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.contains('*') || pattern.matches('*').count() > 1 {
            let what = format!("`{}` has more than one `*`, or one in a folder's name", shown(&one.path));
            problems.at(one.span, what, "one `*` may stand in the file's name");
            return None;
        }
        let names: Vec<String> = self.names(folder).iter().filter(|name| !name.ends_with('/')).cloned().collect();
        let found: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| !is_left_out(name) && glob(pattern, name)).collect();
        match found.as_slice() {
            [name] => Some(join(folder, name)),
            [] => {
                let what = format!("nothing fits `{}`", shown(&one.path));
                problems.at(one.span, what, "one file has to").help("CI has to build it before plumb runs");
                None
            }
            several => {
                let list: Vec<String> = several.iter().take(10).map(|name| format!("`{name}`")).collect();
                let what = format!("{} files fit `{}`: {}", several.len(), shown(&one.path), list.join(", "));
                problems
                    .at(one.span, what, "only one may")
                    .help("empty the folder before CI builds, or name the file itself");
                None
            }
        }
    }

    /// What stands at a path. What does not, or is not taken, is reported.
    fn look(&mut self, path: &str, written: &str, span: Span, problems: &mut Problems) -> Option<FoundCode> {
        let hidden = path.split('/').any(|part| part.starts_with('.'));
        let found = match self.found.get(path) {
            Some(found) => found.clone(),
            None => {
                let found = self.source.code_at(path);
                self.found.insert(path.to_owned(), found.clone());
                found
            }
        };
        match found {
            Err(why) => {
                problems.at(span, why, "named here");
            }
            Ok(_) if hidden => {
                problems.at(
                    span,
                    format!("`{}` is hidden", self.told(path)),
                    "hidden files are not taken: credentials stand in them",
                );
            }
            Ok(found) => match found.kind {
                FoundCodeKind::File | FoundCodeKind::Folder => return Some(found),
                FoundCodeKind::Refused(why) => {
                    problems.at(
                        span,
                        format!("`{}` {why}", self.told(path)),
                        "code has to be in the repository itself",
                    );
                }
                FoundCodeKind::Nothing => self.missing(&found, written, span, problems),
            },
        }
        None
    }

    fn missing(&mut self, found: &FoundCode, written: &str, span: Span, problems: &mut Problems) {
        let (folder, name) = found.path.rsplit_once('/').unwrap_or(("", &found.path));
        let label = match self.with_ending(&found.path, written) {
            Some(file) => format!("write `{file}`: the file has an ending"),
            None if found.is_ignored => "git ignores it: CI has to build it before plumb runs".to_owned(),
            None => match self.nearest(folder, name) {
                Some(near) => format!("did you mean `{}`?", beside(written, &near)),
                None if self.is_of_project(span) => "relative to plumb.yaml, as every variable's path is".to_owned(),
                None => "relative to this file".to_owned(),
            },
        };
        problems.at(span, format!("there is no `{}`", self.told(&found.path)), label);
    }

    fn nearest(&mut self, folder: &str, name: &str) -> Option<String> {
        let names = self.names(folder).to_vec();
        self.guesser.nearest(name, names.iter().map(|name| name.trim_end_matches('/'))).map(str::to_owned)
    }

    /// The path as it is written, with the ending that the file has.
    fn with_ending(&mut self, path: &str, written: &str) -> Option<String> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let names = self.names(folder);
        let file = notebook_endings().map(|ending| format!("{name}{ending}")).find(|name| names.contains(name))?;
        Some(beside(written, &file))
    }

    fn names(&mut self, folder: &str) -> &[String] {
        self.names.entry(folder.to_owned()).or_insert_with(|| self.source.code_names(folder).unwrap_or_default())
    }

    fn folder(&mut self, path: &str, span: Span, wanted: &mut WantedCode, problems: &mut Problems) {
        let below = self.below.entry(path.to_owned()).or_insert_with(|| self.source.code_below(path)).clone();
        let files = match below {
            Ok(files) if files.len() > MOST_FILES_A_TREE => {
                let what = format!("`{}` has more than {MOST_FILES_A_TREE} files", self.told(path));
                problems.at(span, what, "name a smaller folder, or keep data elsewhere");
                return;
            }
            Ok(files) => files,
            Err(why) => {
                problems.at(span, why, "named here");
                return;
            }
        };
        if files.is_empty() {
            let what = format!("`{}` has no file that could be taken", self.told(path));
            problems.at(span, what, "what git ignores and what is hidden is left out");
        }
        for file in files {
            if let FoundCodeKind::Refused(why) = file.kind {
                let help = "take it out of the folder, or name a smaller one";
                problems.at(span, format!("`{}` {why}", self.told(&file.path)), "in this folder").help(help);
                continue;
            }
            let name = file.path.rsplit('/').next().unwrap_or_default();
            if let Some(why) = unfit_code_name(name) {
                let what = format!("no workspace takes the name `{}`: it {why}", self.told(&file.path).escape_debug());
                problems.at(span, what, "in this folder");
                continue;
            }
            self.take(file, span, wanted, problems);
        }
    }

    /// Takes a file into a tree.
    fn take(&self, file: FoundCode, span: Span, wanted: &mut WantedCode, problems: &mut Problems) {
        let (workspace, volume) = MOST_BYTES_A_FILE_OF;
        let (most, who) = match self.target.folder.is_volume() {
            true => (volume, "a volume"),
            false if file.path.to_ascii_lowercase().ends_with(".ipynb") => (MOST_BYTES_A_NOTEBOOK, "a notebook"),
            false => (workspace, "a file of the workspace"),
        };
        if file.bytes > most {
            let what = format!(
                "`{}` has {}: {} is the most of {who}",
                self.told(&file.path),
                megabytes(file.bytes),
                megabytes(most)
            );
            let problem = problems.at(span, what, "too large");
            if !self.target.folder.is_volume() && most == workspace {
                problem.help("a volume takes more: set `databricks.code` of the target to `/Volumes/…`");
            }
            return;
        }
        wanted.files.entry(file.path.clone()).or_insert((file, span));
    }

    /// Makes a resource's tree, and the paths in it.
    fn tree(
        &self,
        request: &CodeRequest,
        wanted: &WantedCode,
        read: &BTreeMap<&str, HashedCode>,
        resolved: &mut ResolvedCode,
        problems: &mut Problems,
    ) {
        let files: BTreeMap<String, CodeFile> = wanted
            .files
            .keys()
            .filter_map(|path| {
                let HashedCode { form, hash, bytes, text } = read.get(path.as_str())?.clone();
                Some((path.clone(), CodeFile { form, hash, bytes, text, place: path.clone() }))
            })
            .collect();
        let before = problems.len();
        for (one, path) in request.uses.iter().zip(&wanted.paths) {
            if let Some((path, file)) = path.as_ref().and_then(|path| files.get_key_value(path)) {
                fits(one, &self.told(path), file, problems);
            }
        }
        for (path, (_, span)) in &wanted.files {
            let notebook = files.get(path).filter(|file| matches!(file.form, CodeForm::Notebook(_)));
            if let Some(file) = notebook.filter(|file| file.bytes > MOST_BYTES_A_NOTEBOOK) {
                let (has, most) = (megabytes(file.bytes), megabytes(MOST_BYTES_A_NOTEBOOK));
                problems.at(
                    *span,
                    format!("`{}` has {has}: {most} is the most of a notebook", self.told(path)),
                    "too large",
                );
            }
        }
        let mut tree = CodeTree::of(files);
        if let Some((a, b)) = tree.collision() {
            let place = |path: &str| wanted.files.get(path).map_or(request.uses[0].span, |(_, span)| *span);
            let (first, second) = (self.told(a), self.told(b));
            let stored = |path: &str| tree.files.get(path).map_or(path, |file| file.form.stored(path)).to_owned();
            let (at, other) = (stored(a), stored(b));
            let what = if at == other {
                format!("`{first}` and `{second}` would both be `{}` in a workspace", self.told(&at))
            } else {
                format!(
                    "`{first}` is `{}` in a workspace, where `{second}` needs a folder of that name",
                    self.told(&at)
                )
            };
            problems.at(place(b), what, "rename one of them").related(place(a), "the other one");
        }
        let is_whole = wanted.is_whole && problems.len() == before && tree.files.len() == wanted.files.len();
        if !is_whole && !self.target.earlier {
            return;
        }
        if !is_whole {
            // What is known of it explains; a name that no tree has says that it is not all.
            tree.hash.push('?');
        }
        let paths = request.uses.iter().zip(&wanted.paths).map(|(one, path)| {
            let known = path.as_ref().filter(|_| is_whole).map(|path| {
                let stored = tree.files.get(path).map_or(path.as_str(), |file| file.form.stored(path));
                one.with(&self.target.folder.file(&tree.hash, stored))
            });
            (one.at.clone(), one.value.clone(), known.unwrap_or_else(|| Vault::UNKNOWN.to_owned()))
        });
        resolved.paths.insert(request.address.clone(), paths.collect());
        let user = CodeUser { hash: tree.hash.clone(), reader: request.reader.clone() };
        resolved.code.users.insert(request.address.clone(), user);
        resolved.code.trees.entry(tree.hash.clone()).or_insert(tree);
    }
}

/// Reports a file in the place of a notebook, and the reverse.
fn fits(one: &CodeUse, path: &str, file: &CodeFile, problems: &mut Problems) {
    let is_notebook = matches!(file.form, CodeForm::Notebook(_));
    match one.role {
        CodeRole::Notebook if !is_notebook => {
            let label = match header(path) {
                Some(line) => format!("its first line has to be `{line}`"),
                None if path.to_ascii_lowercase().ends_with(".ipynb") => "it has no `cells`".to_owned(),
                None => "a notebook's name ends in `.py`, `.sql`, `.scala`, `.r` or `.ipynb`".to_owned(),
            };
            problems.at(one.span, format!("`{path}` is no notebook"), label);
        }
        CodeRole::File | CodeRole::Query if is_notebook => {
            let help = "a `notebook_task` runs notebooks; without its first line, a source file is a file";
            problems
                .at(one.span, format!("`{path}` is a notebook, and a file belongs here"), "not a plain file")
                .help(help);
        }
        _ => {}
    }
}

/// A path of the repository as messages have it: relative to the project.
fn told(top: &str, path: &str) -> String {
    let (from, to): (Vec<&str>, Vec<&str>) = (parts(top), parts(path));
    let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[same..].iter().map(|_| "..");
    let told: Vec<&str> = up.chain(to[same..].iter().copied()).collect();
    if told.is_empty() { ".".to_owned() } else { told.join("/") }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

fn shown(text: &str) -> String {
    text.chars().take(120).collect::<String>().escape_debug().to_string()
}

/// Another name in the folder of a path as it is written.
fn beside(written: &str, name: &str) -> String {
    written.rsplit_once('/').map_or(name.to_owned(), |(way, _)| format!("{way}/{name}"))
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

fn megabytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 if bytes.is_multiple_of(1_000_000) => format!("{} MB", bytes / 1_000_000),
        0..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
#[path = "code_tests.rs"]
mod tests;
