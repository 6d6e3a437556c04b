//! Digests: what an approval of a plan, and of each of its changes, is held against.
//!
//! A change is named by its whole effect and the workspace that it is made in. Each class of what it disrupts has a name of
//! its own beside it, made of the change's: so fewer are less, and one more is not approved. Secrets are in an effect as
//! hashes whose key is no secret, and a short one could be guessed from the digest of its change by trying; where
//! `PLUMB_APPROVAL_KEY` is set it keys the digests, and each of them says so by `k:`.

use super::{Change, DestroyedContents, FieldChange, Partial, Plan, normal};
use crate::code::{CodeAct, CodeReader, CodeStep};
use crate::kinds::ImpactClass;
use hmac::{Hmac, KeyInit, Mac};
use plumb_model::address::Address;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeSet;

/// The digits of a digest, not counting what says that it is keyed.
const DIGITS: usize = 16;
/// What the digests begin with that are keyed.
pub const KEYED: &str = "k:";

/// Whether a text is a digest.
pub fn is_digest(text: &str) -> bool {
    let digits = text.strip_prefix(KEYED).unwrap_or(text);
    digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Whether a digest was made with `PLUMB_APPROVAL_KEY`.
pub fn is_keyed(digest: &str) -> bool {
    digest.starts_with(KEYED)
}

/// A digest of a text, which says whether it is keyed.
fn named(text: &str, keyed: bool) -> String {
    format!("{}{}", if keyed { KEYED } else { "" }, &normal::hash_text(text)[..DIGITS])
}

/// A hash of a value, keyed where there is a key.
fn sealed(value: &Value, key: Option<&str>) -> String {
    let Some(mut mac) = key.and_then(|key| Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()) else {
        return normal::hash(value);
    };
    mac.update(value.to_string().as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Names a change by its effect in a workspace. What it disrupts is not in it.
pub(super) fn of_change(change: &Change, workspace: Option<&str>, key: Option<&str>) -> String {
    let fields: Vec<_> = change.fields.iter().map(|f| (&f.path, f.op, &f.from, &f.to)).collect();
    let mut effect = json!([change.address, change.action, change.id, change.moved_from, fields, workspace]);
    // More data is another effect, and less is one too: nobody can tell whether what is left is what was meant.
    let destroys = change.contents.as_ref().and_then(DestroyedContents::named);
    if let Some(parts) = effect.as_array_mut() {
        parts.extend(change.code.as_deref().map(of_code));
        parts.extend(destroys);
    }
    // What is added to a list and what is all of it are two things, whatever else is the same.
    if let (false, Some(parts)) = (change.additive.is_empty(), effect.as_array_mut()) {
        parts.push(json!({ "additive": change.additive }));
    }
    format!("{}{}", if key.is_some() { KEYED } else { "" }, &sealed(&effect, key)[..DIGITS])
}

/// What is done to a tree of code. Its hash names every file, and an upload leaves just those, whatever is there before it. The
/// day on which it falls out of use is none of it: an approval of today is as good tomorrow.
fn of_code(step: &CodeStep) -> Value {
    match &step.does {
        CodeAct::Upload { readers, .. } => {
            let readers = readers.iter().map(|reader| match reader {
                CodeReader::User(name) => ("user", name),
                CodeReader::ServicePrincipal(name) => ("service-principal", name),
            });
            json!(["upload", step.hash, readers.collect::<Vec<_>>()])
        }
        CodeAct::Retire { .. } => json!(["retire", step.hash]),
        CodeAct::Prune => json!(["prune", step.hash]),
    }
}

/// Names a wave's change by the whole of what it sets, from what was before the cutover to what is after it: the same in every
/// standing and on the way back, so that an approval given in advance covers what finishes it.
pub(super) fn of_wave(
    address: &Address,
    (cutover, members): (&str, &[Address]),
    fields: &[FieldChange],
    workspace: Option<&str>,
    key: Option<&str>,
) -> String {
    let set = fields.iter().map(|field| json!([field.path, field.op, field.from, field.to]));
    let effect = json!([address, cutover, members, set.collect::<Vec<_>>(), workspace]);
    let digits = &sealed(&effect, key)[..DIGITS];
    if key.is_some() { format!("{KEYED}{digits}") } else { digits.to_owned() }
}

/// What is shown of the hash of what was read: the same, keyed where there is a key, because it is of all fields.
pub(super) fn of_read(read: &str, key: Option<&str>) -> String {
    match key {
        None => read.to_owned(),
        Some(_) => sealed(&Value::from(read), key),
    }
}

/// Names a class of what a change disrupts, by the change's digest.
pub fn of_impact(change: &str, class: ImpactClass) -> String {
    named(&format!("{change} {class}"), is_keyed(change))
}

/// Names a plan by its changes and what each disrupts, and by its selection where it has one: the same changes out of every
/// manifest are another plan.
pub(super) fn of_plan(plan: &Plan, keyed: bool) -> String {
    let changes = plan.changes.iter().map(|c| (&c.address, c.digest.as_str(), &c.disrupts));
    of_parts(&plan.project, &plan.target, plan.workspace.as_deref(), plan.partial.as_ref(), keyed, changes)
}

/// Names a plan by its parts, in whatever order they come. Whether it is keyed is told by its changes' digests; that of an empty plan has to be said.
pub(super) fn of_parts<'a>(
    project: &str,
    target: &str,
    workspace: Option<&str>,
    partial: Option<&Partial>,
    keyed: bool,
    changes: impl Iterator<Item = (&'a Address, &'a str, &'a BTreeSet<ImpactClass>)>,
) -> String {
    let mut text = format!("{project}/{target} {}\n", workspace.unwrap_or("-"));
    if let Some(partial) = partial {
        text.push_str(&format!("only {}\n", partial.name()));
    }
    // The order in which a plan is read is no part of what it does.
    let mut changes: Vec<_> = changes.collect();
    changes.sort();
    for (address, digest, classes) in changes {
        text.push_str(&format!("{address} {digest}"));
        classes.iter().for_each(|class| text.push_str(&format!(" {class}")));
        text.push('\n');
    }
    named(&text, keyed)
}
