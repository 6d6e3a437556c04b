//! A document: the four keys that every manifest has.

use super::{Adopt, Ignore, Lifecycle};
use crate::kinds::managed::ToolName;
use crate::kinds::{self, Kind};
use plumb_model::address::{Address, LONGEST_NAME};
use plumb_model::yaml::{FileId, Gaps, Limits, Node, Problems, Span, parse, read};
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The only `apiVersion`.
pub const API_VERSION: &str = "plumb/v1";

/// `metadata` of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct Metadata {
    /// The second part of the address: letters, digits, `-` and `_`.
    pub name: String,
    /// For selecting (`-l pipeline=bau`) and for policies.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What plumb may do to the object, and what others may.
    #[serde(default)]
    pub lifecycle: LifecycleText,
    /// The id of an existing object to take over at the next apply: in every target, or by target, `{prod: "123"}`.
    #[serde(default)]
    pub adopt: Option<Adopt>,
    /// The other tool that the object is taken from: `bundle`. Needed beside `adopt` when the object says that a tool manages
    /// it, and when a tool has taken what plumb owns. It then is plumb's: take it out of that tool first.
    #[serde(default)]
    pub take_from: Option<ToolName>,
    /// Names that this manifest had before: a rename keeps the object.
    #[serde(default)]
    pub previous_names: Vec<String>,
    /// Files and folders that the object's code needs beside what its spec names, relative to this file: `[../src]`. Folders are
    /// taken whole, but for what git ignores and what is hidden.
    #[serde(default)]
    pub code: Vec<String>,
    /// Live settings that plumb does not know and that are to go, as plans show them: `trigger.new_setting`; `*`
    /// stands for any element or key. All others of that sort are kept.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// `metadata.lifecycle`, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(deny_unknown_fields)]
pub struct LifecycleText {
    /// Never delete or replace the object. Written on the live object too.
    #[serde(default)]
    pub protect: bool,
    /// The object may be deleted or replaced although it holds data, which goes with it. Written on the live object too.
    #[serde(default)]
    pub force_destroy: bool,
    /// Fields that others may change.
    #[serde(default)]
    pub ignore: Vec<IgnoreText>,
}

/// One element of `metadata.lifecycle.ignore`, as it is written.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct IgnoreText {
    /// The field, as plans show it: `tasks[aggregate].timeout_seconds`; `*` stands for any element or key.
    pub path: String,
    /// Why it is left alone.
    pub reason: String,
    /// The last day on which it holds, in UTC: `2026-12-31`.
    #[serde(default)]
    pub until: Option<String>,
}

/// The four keys of a manifest, and of the project file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    api_version: String,
    kind: String,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
    #[serde(rename = "spec")]
    _spec: IgnoredAny,
}

/// The keys of a patch: what it does not change can be left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PatchEnvelope {
    api_version: String,
    kind: String,
    #[serde(rename = "metadata")]
    _metadata: IgnoredAny,
    #[serde(default, rename = "spec")]
    _spec: Option<IgnoredAny>,
}

/// What a document is to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum DocumentRole {
    Manifest,
    Patch,
}

/// Checks a document's four keys; its kind and name when they can be told. Everything wrong is reported.
pub(super) fn open(node: &Node, role: DocumentRole, problems: &mut Problems) -> Option<(String, String)> {
    let before = problems.len();
    let version = match role {
        DocumentRole::Manifest => read::<Envelope>(node, problems).map(|e| (e.api_version, e.kind)),
        DocumentRole::Patch => read::<PatchEnvelope>(node, problems).map(|e| (e.api_version, e.kind)),
    };
    if let Some((version, _)) = version
        && version != API_VERSION
    {
        let span = node.get("apiVersion").map_or(node.span, |n| n.span);
        problems.at(span, format!("unknown apiVersion `{version}`"), format!("expected `{API_VERSION}`"));
    }
    let kind = node.get("kind").and_then(Node::as_str)?;
    let metadata = node.get("metadata")?;
    let Some(name) = metadata.get("name") else {
        if problems.len() == before {
            // Reading it says that the name is missing, and which of its keys are none: the name may be one of them.
            read::<Metadata>(metadata, problems);
        }
        return None;
    };
    let text = name.as_str()?;
    check_name(text, name.span, problems);
    Some((kind.to_owned(), text.to_owned()))
}

/// Why a text could not stand as a name in an address, a reference or a mark; `None` when it can.
pub fn unfit_name(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match name {
        "" => Some("a name is needed here".to_owned()),
        _ if name.len() > LONGEST_NAME => Some(format!("at most {LONGEST_NAME} characters")),
        _ if name.starts_with(['-', '_']) => Some("a name starts with a letter or a digit".to_owned()),
        _ if !name.chars().all(plain) => Some("only letters, digits, `-` and `_` may stand in a name".to_owned()),
        _ => None,
    }
}

/// Reports a name that could not stand in an address, a reference or a mark.
pub(super) fn check_name(name: &str, span: Span, problems: &mut Problems) {
    let Some(label) = unfit_name(name) else { return };
    problems.at(span, format!("`{}` cannot be a name", name.chars().take(80).collect::<String>()), label);
}

/// The document of a resource in its file, as it is written.
pub(crate) fn document_of(text: &str, address: &Address) -> Option<(usize, Node)> {
    let mut problems = Problems::default();
    let documents = parse(text, FileId(0), &Limits::default(), &mut problems);
    let is = |node: &Node| {
        node.get("kind").and_then(Node::as_str) == Some(&address.kind)
            && node.get("metadata").and_then(|m| m.get("name")).and_then(Node::as_str) == Some(&address.name)
    };
    documents.into_iter().enumerate().find(|(_, node)| is(node))
}

/// Reads the lifecycle's dates and reasons. Paths are checked where the kind's rules are known.
pub(super) fn lifecycle(text: &LifecycleText, gaps: &Gaps, problems: &mut Problems) -> Lifecycle {
    let metadata = &gaps.node;
    let list = metadata.get("lifecycle").and_then(|l| l.get("ignore"));
    let mut ignore = Vec::new();
    for (i, one) in text.ignore.iter().enumerate() {
        let node = list.and_then(|l| l.items().get(i)).unwrap_or(metadata);
        let at = |key: &str| node.get(key).map_or(node.span, |n| n.span);
        if one.reason.trim().is_empty() {
            let problem = problems.at(at("reason"), "an ignored field needs a reason", "say why it is left alone");
            problem.help("the reason is what the next person reads when the field has drifted");
        }
        let until = one.until.as_ref().and_then(|day| match day.parse::<jiff::civil::Date>() {
            Ok(date) if day.len() == 10 => Some(date),
            _ => {
                let message = format!("`{}` is not a date", day.chars().take(40).collect::<String>());
                problems.at(at("until"), message, "expected a day such as 2026-12-31");
                None
            }
        });
        ignore.push(Ignore { path: one.path.clone(), reason: one.reason.clone(), until, span: at("path") });
    }
    let span = |key: &str| metadata.get("lifecycle").and_then(|l| l.get(key)).map(|n| n.span);
    Lifecycle {
        protect: text.protect,
        protect_span: span("protect"),
        force_destroy: text.force_destroy,
        force_destroy_span: span("forceDestroy"),
        ignore,
    }
}

/// Reports a kind that does not exist.
pub(super) fn unknown_kind(kind: &str, span: Span, known: &[&'static dyn Kind], problems: &mut Problems) {
    let label = match kinds::suggestion(&kinds::names(known), kind) {
        _ if kind == "Project" => "the project stands in plumb.yaml, once".to_owned(),
        Some(question) => question,
        None => "not a kind that plumb knows".to_owned(),
    };
    let message = format!("unknown kind `{}`", kind.chars().take(80).collect::<String>());
    let problem = problems.at(span, message, label);
    if !known.is_empty() {
        let known: Vec<&str> = known.iter().map(|kind| kind.name()).collect();
        problem.help(format!("known kinds: {}", known.join(", ")));
    }
}
