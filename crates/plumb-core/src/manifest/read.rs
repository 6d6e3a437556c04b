//! Reading files of a [`ManifestSource`] within bounds.

use super::decisions::{self, OpenDecision};
use super::setup::Folder;
use super::source::{MOST_BYTES, MOST_FILES, ManifestFile, ManifestFileKind, ManifestSource, is_below};
use plumb_model::yaml::{Files, Limits, Node, Problems, parse};
use std::collections::BTreeSet;

/// The most values that all files may have together.
const MOST_NODES: usize = 4_000_000;

/// A document of a file, and what is open in it.
pub(super) struct ReadDocument {
    pub node: Node,
    pub decisions: Vec<OpenDecision>,
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
        self.file(&file, problems)
    }

    /// The documents of every file in these folders, in the order of paths, without those in `except`.
    pub(super) fn folders(
        &mut self,
        folders: &[Folder],
        except: &[String],
        problems: &mut Problems,
    ) -> Vec<ReadDocument> {
        let mut out = Vec::new();
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
            for file in found {
                let skip = except.iter().any(|e| is_below(&file.path, e)) || file.path == super::PROJECT_FILE;
                if skip || !seen.insert(file.path.clone()) {
                    continue;
                }
                if self.full {
                    return out;
                }
                out.extend(self.file(&file, problems).unwrap_or_default());
            }
        }
        out
    }

    fn file(&mut self, file: &ManifestFile, problems: &mut Problems) -> Option<Vec<ReadDocument>> {
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
        let bytes = match self.source.read(path) {
            Ok(bytes) => bytes,
            Err(why) => {
                problems.whole(why);
                return None;
            }
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(e) => {
                let (at, bytes) = (e.utf8_error().valid_up_to(), e.as_bytes());
                let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
                let text = format!("`{path}` is not UTF-8: byte {at} (0x{:02x}), on line {line}", bytes[at]);
                problems.whole(text).help("save it as UTF-8");
                return None;
            }
        };
        let id = self.files.add(path.as_str(), text);
        let limits = Limits { nodes: Limits::default().nodes.min(self.nodes_left), ..Limits::default() };
        let nodes = parse(&self.files.get(id).text, id, &limits, problems);
        let weight: usize = nodes.iter().map(super::expand::weight).sum();
        self.nodes_left = self.nodes_left.saturating_sub(weight);
        if self.nodes_left == 0 && !self.full {
            problems.whole(format!("the manifests hold more than {MOST_NODES} values together"));
            self.full = true;
        }
        let decisions = decisions::of_documents(&self.files.get(id).text, id, nodes.len());
        Some(nodes.into_iter().zip(decisions).map(|(node, decisions)| ReadDocument { node, decisions }).collect())
    }
}
