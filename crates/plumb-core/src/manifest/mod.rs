//! What the manifests ask for: the project file, documents, references, variables, targets and patches, read into
//! [`Desired`].
//!
//! Loading is offline and runs no code of the repository. It reports every mistake it finds, not only the first.

use crate::code::Code;
use crate::kinds::Kind;
use crate::kinds::managed::ToolName;
use crate::kinds::teardown::TeardownManifest;
use plumb_model::address::Address;
use plumb_model::schema::{Path, Segment};
use plumb_model::secrets::Vault;
use plumb_model::yaml::{Files, Node, Packed, Span, Tree};
use std::collections::{BTreeMap, BTreeSet};

/// A manifest that was read without a mistake.
#[derive(Clone)]
pub struct Resource {
    pub address: Address,
    pub kind: &'static dyn Kind,
    pub labels: BTreeMap<String, String>,
    pub lifecycle: Lifecycle,
    /// The id of an existing object to take over in this target.
    pub adopt: Option<String>,
    /// What is taken over in which target.
    pub adopts: Option<Adopt>,
    /// The tool that the object is taken from.
    pub take_from: Option<ToolName>,
    pub previous_names: Vec<String>,
    /// Live settings that the spec does not model and that are to go.
    pub remove: Vec<Removal>,
    /// The spec, variables filled in. A secret stands there as its token (see [`Vault`]), the id of another resource
    /// as `${resources.KIND.NAME}`.
    pub spec: KeptSpec,
    /// What it says of a teardown, where its kind is of those whose things one ends.
    pub teardown: Option<TeardownManifest>,
    /// The spec with places: see [`Resource::node`].
    pub places: Packed,
    /// Where the document starts.
    pub span: Span,
    /// The resources that the spec refers to, in order, each once; behind them those that it stands on by names.
    pub references: Vec<Address>,
    /// Those of them that it stands on by names alone: the volume of a path, the scope of a secret. It needs no ids of them.
    pub by_name: BTreeSet<Address>,
    /// The decisions that are open in its document and in its patches, in their order.
    pub decisions: Vec<OpenDecision>,
}

/// `metadata.lifecycle`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lifecycle {
    /// Never delete or replace it.
    pub protect: bool,
    /// Where that is said.
    pub protect_span: Option<Span>,
    /// It may be deleted although it holds data.
    pub force_destroy: bool,
    /// Where that is said.
    pub force_destroy_span: Option<Span>,
    pub ignore: Vec<Ignore>,
}

/// A field that others may change.
#[derive(Clone, Debug, PartialEq)]
pub struct Ignore {
    /// In the notation of plans; `*` stands for any element or key.
    pub path: String,
    pub reason: String,
    /// The last day on which it holds.
    pub until: Option<jiff::civil::Date>,
    pub span: Span,
}

/// A live setting that the spec does not model and that is to go.
#[derive(Clone, Debug, PartialEq)]
pub struct Removal {
    /// In the notation of plans; `*` stands for any element or key.
    pub path: String,
    pub span: Span,
}

/// What to load, and what it depends on apart from files.
pub struct Request<'a> {
    /// The target's name; `None` for the default one.
    pub target: Option<String>,
    /// Values for variables that win over the project's and the target's.
    pub variables: GivenVariables,
    /// The environment, of which only names listed in the project file are asked for.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    /// Who loads; names in development mode start with it.
    pub user: Option<String>,
}

/// Values for variables from outside of the project.
#[derive(Clone, Debug, Default)]
pub struct GivenVariables {
    /// Files of values by the variables' names, in YAML or JSON: of two that set the same, the later one counts.
    pub files: Vec<VariableFile>,
    /// Values one by one (`--var`), over those of files.
    pub pairs: BTreeMap<String, String>,
}

/// A file of values for variables (`--var-file`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableFile {
    /// As messages call it.
    pub path: String,
    pub text: String,
}

/// Everything that the manifests of one target ask for.
pub struct Desired {
    pub project: Project,
    pub target: Target,
    /// The limits of the target: its own over the project's.
    pub guards: Guards,
    /// In the order of addresses.
    pub resources: Vec<Resource>,
    pub vault: Vault,
    /// The code that the manifests name.
    pub code: Code,
    /// Where there once were manifests of kinds that are not always read, as far as git was asked.
    pub once: OnceDeclared,
    pub files: Files,
    /// Whose objects these are, when the target is in development mode.
    pub developer: Option<String>,
    /// What is no mistake in the manifests, and yet worth knowing.
    pub noted: Vec<Warning>,
    /// The questions that are open in plumb.yaml. They are of all manifests alike, and none waits for them.
    pub questions: Vec<OpenDecision>,
}

impl Desired {
    /// Whether a kind's objects are read for a plan. One that is not always read is where a manifest has or had any, or
    /// `spec.kinds` names it.
    pub fn reads(&self, kind: &dyn Kind) -> bool {
        let is_named = || self.project.kinds.iter().flatten().any(|name| name == kind.name());
        let has = || self.resources.iter().any(|resource| resource.address.kind == kind.name());
        kind.is_always_read() || is_named() || self.once.of(kind).is_some() || has()
    }

    /// The target's part of a mark. In development mode it names the developer too: everybody has objects of their own.
    pub fn mark_target(&self) -> String {
        self.target.mark_name(self.developer.as_deref())
    }
}

impl Resource {
    /// The spec with places, unpacked each time.
    pub fn node(&self) -> Node {
        self.places.node()
    }

    /// Whether it is about an object that others make.
    pub fn is_external(&self) -> bool {
        self.kind.has_externals() && self.kind.is_external(&self.spec.read())
    }

    /// The name that people know the object by, where the manifest gives it one.
    pub fn title(&self) -> Option<&str> {
        self.places.text(self.kind.title())
    }

    /// The place of the value at a path of the spec, or of the nearest value around it.
    pub fn locate(&self, path: &Path) -> Span {
        walk::locate(&self.node(), self.kind.rules(), &self.written(path)).span
    }

    /// Where the value at a path of the spec stands, and who put it there.
    pub fn place(&self, path: &Path) -> ValuePlace {
        let root = self.node();
        let (node, is_written) = walk::place(&root, self.kind.rules(), &self.written(path));
        let span = node.span;
        let wanted = plumb_model::schema::find(self.kind.rules(), &self.spec, path);
        let is_single = !matches!(node.tree, Tree::Map(_) | Tree::Seq(_));
        let by = match (is_written, wanted) {
            _ if path.0.is_empty() => Author::Manifest,
            (false, None) => Author::Nobody,
            (false, Some(_)) => Author::Plumb,
            // What is assumed of a spec stands where the spec does.
            (true, _) if span == root.span => Author::Plumb,
            (true, Some(wanted)) if is_single && *wanted != node.to_json() => {
                if node.as_str().is_some_and(code_uses::names_code) { Author::Code } else { Author::Plumb }
            }
            (true, _) => Author::Manifest,
        };
        ValuePlace { span, by }
    }

    /// A path of the spec as it leads to the same place in what is written: an element that is known by its text may have another
    /// one there, where it names code.
    fn written(&self, path: &Path) -> Path {
        if !self.spec.is_given() || !path.0.iter().any(|segment| matches!(segment, Segment::Item(_))) {
            return path.clone();
        }
        let (rules, mut written) = (self.kind.rules(), path.clone());
        for (at, segment) in path.0.iter().enumerate() {
            let list = Path(path.0[..at].to_vec());
            let Segment::Item(text) = segment else { continue };
            if rules.field(&list).is_some_and(|field| field.rule.key.is_some()) {
                continue;
            }
            let items = plumb_model::schema::find(rules, &self.spec, &list).and_then(serde_json::Value::as_array);
            let index = items.and_then(|all| all.iter().position(|one| plumb_model::schema::label(one) == *text));
            if let Some(index) = index {
                written.0[at] = Segment::Index(index);
            }
        }
        written
    }

    /// The path that a plan shows, if it is one of this kind's spec.
    pub fn path(&self, shown: &str) -> Option<Path> {
        walk::path(self.kind.rules(), shown)
    }

    /// Which element of a list, as it is written at a path, a step of a path names.
    pub fn element(&self, list: &Node, at: &Path, name: &str) -> Option<usize> {
        walk::element_at(self.kind.rules(), list, at, name)
    }
}

/// Where a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValuePlace {
    /// That of the value, or of the nearest one around it.
    pub span: Span,
    pub by: Author,
}

/// Who put a value into a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// It stands in the manifest.
    Manifest,
    /// It stands in the manifest as a path of the repository, and plumb put that of its tree in its place.
    Code,
    /// plumb did: what it assumes where a manifest says nothing, or for a target in development mode.
    Plumb,
    /// The spec does not have it.
    Nobody,
}

mod accept;
mod adopt;
mod answers_check;
mod checks;
mod code;
mod code_check;
mod code_uses;
mod cores;
mod deadlines;
mod decisions;
mod develop;
mod document;
mod expand;
mod forecast_check;
mod history_check;
mod json;
mod kept;
mod late_cutovers;
mod load;
mod log_delivery;
mod mwaa_check;
mod once;
mod overlaps;
mod patch;
mod price_books;
mod project;
mod read;
mod refs;
mod reserved;
mod setup;
mod source;
mod stands_on;
mod teardown_guard;
mod template;
mod undeclared;
mod walk;
mod warnings;
mod waves;

pub use adopt::Adopt;
pub(crate) use code_uses::{CodeUse, uses_where};
pub use cores::on_threads;
pub use decisions::{DecisionCount, OpenDecision, decision_lines};
pub(crate) use document::document_of;
pub use document::{API_VERSION, IgnoreText, LifecycleText, Metadata, unfit_name};
pub use forecast_check::forecast_place;
pub use json::read_json;
pub use kept::KeptSpec;
pub use late_cutovers::{CutoverCommit, LATE_CUTOVER_DAYS, PastCutover, late_cutover_warnings, past_cutovers};
pub use load::{Failure, PROJECT_FILE, addresses, load, load_earlier, names, project};
pub use once::{OnceDeclared, OncePlaces};
pub use price_books::{OLDEST_PRICES_DAYS, price_book_warnings};
pub use project::{
    AirflowTarget, Answers, DatabricksTarget, DecisionGuard, EmrTarget, ForecastSettings, GitTarget, Guards, Mode,
    Project, RequiredGate, RightsAnswer, SpotAnswer, Target, TeardownGuard, Variable,
};
pub use source::{
    InMemory, MOST_BYTES, MOST_BYTES_A_FILE, MOST_FILES, ManifestFile, ManifestFileKind, ManifestSource, OtherTexts,
    is_yaml, tidy,
};
pub(crate) use stands_on::Provided;
pub use walk::path;
pub(crate) use walk::{PathStep, split};
pub use warnings::{Warning, warnings};
