//! Reading files of a [`ManifestSource`] within bounds.

use super::cores;
use super::decisions::{self, OpenDecision};
use super::setup::Folder;
use super::source::{MOST_BYTES, MOST_FILES, ManifestFile, ManifestFileKind, ManifestSource, is_below};
use plumb_model::yaml::{FileId, Files, Limits, Node, Packed, Problems, Tree, parse};
use std::collections::BTreeSet;
use std::string::FromUtf8Error;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most values that all files may have together.
const MOST_NODES: usize = 4_000_000;

/// So many files are read and parsed at once: their trees are all there at the same time.
const FILES_AT_ONCE: usize = 256;

/// A document of a file, and what is open in it.
pub(super) struct ReadDocument {
    /// All of it but its spec, of which only the place is there.
    pub node: Node,
    pub spec: Option<Packed>,
    pub decisions: Vec<OpenDecision>,
}

impl ReadDocument {
    fn new(mut node: Node, decisions: Vec<OpenDecision>) -> ReadDocument {
        let spec = node.get_mut("spec").map(|spec| {
            let packed = Packed::of(spec);
            spec.tree = Tree::Null;
            packed
        });
        ReadDocument { node, spec, decisions }
    }

    /// The document with its spec.
    pub(super) fn whole(mut self) -> Node {
        if let (Some(node), Some(spec)) = (self.node.get_mut("spec"), &self.spec) {
            *node = spec.node();
        }
        self.node
    }
}

/// The folders below that have a project file of their own, like examples: their manifests are that project's.
fn other_projects(found: &[ManifestFile]) -> Vec<String> {
    let folder = |file: &ManifestFile| Some(file.path.strip_suffix(super::PROJECT_FILE)?.strip_suffix('/')?.to_owned());
    found.iter().filter_map(folder).collect()
}

/// Reads and parses files, and counts what they come to.
pub(super) struct Reader<'a> {
    source: &'a dyn ManifestSource,
    pub files: &'a mut Files,
    read: BTreeSet<String>,
    bytes: u64,
    nodes_left: usize,
    /// A bound was reached and reported.
    full: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: &'a dyn ManifestSource, files: &'a mut Files) -> Self {
        Reader { source, files, read: BTreeSet::new(), bytes: 0, nodes_left: MOST_NODES, full: false }
    }

    /// The documents of the project file; `None` when it cannot be read, which is reported.
    pub(super) fn project(&mut self, path: &str, problems: &mut Problems) -> Option<Vec<ReadDocument>> {
        let found = match self.source.list(path) {
            Ok(found) => found,
            Err(why) => {
                problems.whole(why).help("plumb.yaml says which manifests there are; `plumb init` writes one");
                return None;
            }
        };
        let file = found.into_iter().find(|f| f.path == path)?;
        let mut documents = Vec::new();
        self.files(&[file], &mut documents, problems).then_some(documents)
    }

    /// The documents of every file in these folders, in the order of paths, without those in `except`.
    pub(super) fn folders(
        &mut self,
        folders: &[Folder],
        except: &[String],
        problems: &mut Problems,
    ) -> Vec<ReadDocument> {
        let mut documents = Vec::new();
        let mut seen = BTreeSet::new();
        for folder in folders {
            let found = match self.source.list(&folder.path) {
                Ok(found) => found,
                Err(why) => {
                    match folder.span {
                        Some(span) => problems.at(span, why, "it has to exist"),
                        None => problems.whole(why).help("put manifests there, or name their folders in plumb.yaml"),
                    };
                    continue;
                }
            };
            let others = other_projects(&found);
            let is_wanted = |file: &ManifestFile| {
                let skip = except.iter().any(|e| is_below(&file.path, e))
                    || others.iter().any(|project| is_below(&file.path, project))
                    || file.path == super::PROJECT_FILE;
                !skip && seen.insert(file.path.clone())
            };
            let files: Vec<ManifestFile> = found.into_iter().filter(is_wanted).collect();
            for files in files.chunks(FILES_AT_ONCE) {
                if self.full {
                    return documents;
                }
                self.files(files, &mut documents, problems);
            }
        }
        documents
    }

    /// Reads some files on all cores, and reports in their order, whichever was ready first. Whether all could be read.
    fn files(&mut self, files: &[ManifestFile], documents: &mut Vec<ReadDocument>, problems: &mut Problems) -> bool {
        let mut next = self.files.next();
        let texts: Vec<TextOfFile> = self
            .contents(files)
            .into_iter()
            .map(|bytes| {
                let text = String::from_utf8(bytes.map_err(NoText::Unread)?).map_err(NoText::NotUtf8)?;
                let id = next;
                next.0 += 1;
                Ok((id, text))
            })
            .collect();
        // A few lines can stand for very many values: what is behind the bound is not worked on.
        let left = AtomicUsize::new(self.nodes_left);
        let parsed = cores::on_threads(self.source.threads(), &texts, |text| {
            let (id, text) = text.as_ref().ok().filter(|_| left.load(Ordering::Relaxed) > 0)?;
            let parsed = Parsed::of(text, *id, Limits::default());
            let _ = left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(parsed.weight)));
            Some(parsed)
        });
        let mut read = texts.into_iter().zip(parsed);
        let mut all = true;
        for file in files {
            if self.full {
                return false;
            }
            // What is behind the bound was not read.
            let of = if file.refused().is_none() { read.next() } else { None };
            match self.file(file, of, problems) {
                Some(more) => documents.extend(more),
                None => all = false,
            }
        }
        all
    }

    /// The contents of those that can be read, up to the bound on all together: behind it nothing is read.
    fn contents(&self, files: &[ManifestFile]) -> Vec<Result<Vec<u8>, String>> {
        let (mut bytes, mut count) = (self.bytes, self.read.len());
        let is_within = |file: &&ManifestFile| {
            bytes += file.size;
            count += usize::from(!self.read.contains(&file.path));
            bytes <= MOST_BYTES && count <= MOST_FILES
        };
        let readable = files.iter().filter(|file| file.refused().is_none());
        let paths: Vec<&str> = readable.take_while(is_within).map(|file| file.path.as_str()).collect();
        self.source.read_many(&paths)
    }

    fn file(
        &mut self,
        file: &ManifestFile,
        read: Option<(TextOfFile, Option<Parsed>)>,
        problems: &mut Problems,
    ) -> Option<Vec<ReadDocument>> {
        let ManifestFile { path, kind, size } = file;
        if let Some(why) = file.refused() {
            let problem = problems.whole(why);
            match kind {
                ManifestFileKind::SymlinkOutside | ManifestFileKind::Hidden => {
                    problem.help("manifests have to be in the repository themselves");
                }
                ManifestFileKind::Symlink => {
                    problem.help("put the manifests themselves there");
                }
                ManifestFileKind::TooLarge => {
                    problem.help("split it into several files");
                }
                _ => {}
            }
            return None;
        }
        self.bytes += *size;
        self.read.insert(path.clone());
        if self.bytes > MOST_BYTES || self.read.len() > MOST_FILES {
            let what = if self.bytes > MOST_BYTES {
                format!("the manifests are larger than {} MB together", MOST_BYTES / 1_000_000)
            } else {
                format!("there are more than {MOST_FILES} manifest files")
            };
            problems.whole(what).help("narrow `manifests` in plumb.yaml, or split the project");
            self.full = true;
            return None;
        }
        let (text, parsed) = read?;
        let (id, text) = match text {
            Ok(text) => text,
            Err(NoText::Unread(why)) => {
                problems.whole(why);
                return None;
            }
            Err(NoText::NotUtf8(e)) => {
                let (at, bytes) = (e.utf8_error().valid_up_to(), e.as_bytes());
                let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
                let text = format!("`{path}` is not UTF-8: byte {at} (0x{:02x}), on line {line}", bytes[at]);
                problems.whole(text).help("save it as UTF-8");
                return None;
            }
        };
        let limits = Limits { nodes: Limits::default().nodes.min(self.nodes_left), ..Limits::default() };
        let parsed = match parsed {
            Some(parsed) if limits.nodes == Limits::default().nodes => parsed,
            // The files before it have left less than one may have.
            _ => Parsed::of(&text, id, limits),
        };
        self.files.add(path.as_str(), text);
        problems.append(parsed.problems);
        self.nodes_left = self.nodes_left.saturating_sub(parsed.weight);
        if self.nodes_left == 0 && !self.full {
            problems.whole(format!("the manifests hold more than {MOST_NODES} values together"));
            self.full = true;
        }
        Some(parsed.documents)
    }
}

/// A file's text and its place among the files, or why there is none.
type TextOfFile = Result<(FileId, String), NoText>;

/// Why there is no text of a file.
enum NoText {
    Unread(String),
    NotUtf8(FromUtf8Error),
}

/// What was read out of a text.
struct Parsed {
    documents: Vec<ReadDocument>,
    weight: usize,
    problems: Problems,
}

impl Parsed {
    fn of(text: &str, file: FileId, limits: Limits) -> Parsed {
        let mut problems = Problems::default();
        let nodes = parse(text, file, &limits, &mut problems);
        let weight = nodes.iter().map(super::expand::weight).sum();
        let decisions = decisions::of_documents(text, file, nodes.len());
        let documents =
            nodes.into_iter().zip(decisions).map(|(node, decisions)| ReadDocument::new(node, decisions)).collect();
        Parsed { documents, weight, problems }
    }
}
