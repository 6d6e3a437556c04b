//! What a decision makes of settings that the spec does not model.

use super::super::compare::Pattern;
use super::super::context::PlanContext;
use super::super::{Action, Blocked, FieldChange, Op};
use super::{Member, UnknownMembers};
use crate::detect;
use crate::kinds::UnknownSettings;
use crate::manifest::Resource;
use plumb_model::schema::Segment;
use plumb_model::secrets::Vault;
use serde_json::Value;

/// Why an action may not be done: it would lose what plumb does not know, or cannot take it away.
pub(in crate::plan) fn refuse(resource: &Resource, action: Action, unknown: &UnknownMembers) -> Option<Blocked> {
    let refuse = |reason: String, remedy: String| Blocked::new(&resource.address, reason).with_remedy(remedy);
    let (kept, removed) = (listed(&unknown.kept), listed(&unknown.removed));
    let settings = resource.kind.unknown_settings();
    if !unknown.kept.is_empty() && (action == Action::Replace || settings == UnknownSettings::Lost) {
        let what = match action {
            Action::Replace => "it would have to be replaced",
            _ => "it would be written by what its spec can say",
        };
        let names: Vec<String> = unknown.paths().into_iter().map(|path| Value::from(path).to_string()).collect();
        return Some(refuse(
            format!("{what}, and would lose settings that plumb does not know: {kept}"),
            format!("if they may go, add `metadata.remove: [{}]`; or use a plumb that knows them", names.join(", ")),
        ));
    }
    if !unknown.removed.is_empty() && settings == UnknownSettings::Untouched && action != Action::Replace {
        let noun = resource.kind.noun();
        return Some(refuse(
            format!("`metadata.remove` names {removed}, and no write of {noun}s that plumb knows takes that away"),
            "take it away by hand, or leave the line out".to_owned(),
        ));
    }
    None
}

/// The fields of a change for what is taken away: because `metadata.remove` names it, or with what is around it.
pub(in crate::plan) fn add_fields(
    context: &PlanContext<'_>,
    resource: &Resource,
    unknown: &UnknownMembers,
    taken: &[Member],
    fields: &mut Vec<FieldChange>,
) {
    if taken.is_empty() && unknown.removed.is_empty() {
        return;
    }
    let remove = removals(resource);
    let vault = &mut context.vault.clone();
    let mut removal = |member: &Member, note: &str| FieldChange {
        from: Some(hidden(name_of(member), &member.value, vault)),
        note: Some(note.to_owned()),
        source: context.nearest(resource.span),
        ..FieldChange::new(member.path.to_string(), Op::Remove)
    };
    let with: Vec<FieldChange> = taken
        .iter()
        .map(|member| {
            let around = |f: &&FieldChange| resource.path(&f.path).is_some_and(|path| member.path.is_in(&path));
            let around = fields.iter().find(around).cloned();
            let field = removal(member, "plumb does not know this setting; it goes with what is around it");
            match around {
                Some(around) => {
                    let FieldChange { origin, explanation, source, .. } = around;
                    FieldChange { origin, explanation, source, ..field }
                }
                None => field,
            }
        })
        .collect();
    fields.extend(with);
    fields.extend(unknown.removed.iter().map(|member| {
        let named = remove.iter().position(|pattern| pattern.is(&member.path));
        let field = removal(member, "plumb does not know this setting; `metadata.remove` names it");
        match named.and_then(|index| resource.remove.get(index)) {
            Some(named) => FieldChange { source: context.source(named.span), ..field },
            None => field,
        }
    }));
}

/// The places that `metadata.remove` names, in its order.
pub(in crate::plan) fn removals(resource: &Resource) -> Vec<Pattern> {
    resource.remove.iter().map(|removal| Pattern::parse(&removal.path)).collect()
}

fn name_of(member: &Member) -> &str {
    match member.path.0.last() {
        Some(Segment::Key(key)) => key,
        _ => "",
    }
}

fn listed(members: &[Member]) -> String {
    members.iter().map(|m| m.path.to_string()).collect::<Vec<_>>().join(", ")
}

/// A value of which plumb knows nothing, without what looks like a secret.
fn hidden(name: &str, value: &Value, vault: &mut Vault) -> Value {
    match value {
        Value::String(text) if !Vault::is_token(text) && detect::masked_value(name, text) != *text => {
            vault.seal(text).into()
        }
        Value::Number(number) if detect::is_credential(name) => vault.seal(&number.to_string()).into(),
        Value::Array(items) => items.iter().map(|item| hidden(name, item, vault)).collect(),
        Value::Object(map) => {
            let inner = |key: &str| if detect::is_credential(name) { name.to_owned() } else { key.to_owned() };
            map.iter().map(|(key, value)| (key.clone(), hidden(&inner(key), value, vault))).collect()
        }
        other => other.clone(),
    }
}
