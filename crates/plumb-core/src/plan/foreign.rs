//! What other tools manage: taken over only when the manifest names the tool, and not written to when a tool takes it back.

use super::Blocked;
use super::context::PlanContext;
use super::live::LiveObject;
use crate::kinds::managed::{Tool, ToolName};
use crate::kinds::{Kind, Role};
use crate::manifest::Resource;
use plumb_model::address::Address;
use std::collections::BTreeMap;

/// What whoever takes something from a tool has to do besides: "take it out of the bundle …".
fn besides(tool: ToolName) -> &'static str {
    match tool {
        ToolName::Bundle => "take it out of the bundle first, or the next `bundle deploy` overwrites it",
        ToolName::Databricks => "Databricks may change it back at any time",
        _ => "take it out of that tool's state first, or its next run overwrites it",
    }
}

/// That an object is not adopted, because another tool manages it and the manifest does not say that it is taken from there.
pub(super) fn not_taken(resource: &Resource, found: &LiveObject) -> Option<Blocked> {
    let tool = found.seen.managed_by(resource.kind)?;
    if resource.take_from == Some(tool.name) {
        return None;
    }
    let (noun, id) = (resource.kind.noun(), &found.seen.id);
    let reason = format!("`adopt` names {noun} {id}, and {}", tool.says());
    Some(Blocked::new(&resource.address, reason).with_remedy(take(&tool)))
}

/// A refusal because of an object's name, with the tool that manages the object.
pub(super) fn with_tool(kind: &dyn Kind, found: &LiveObject, blocked: Blocked) -> Blocked {
    let Some(tool) = found.seen.managed_by(kind).filter(|_| found.mark.is_none()) else { return blocked };
    let remedy = blocked.remedy.map(|remedy| format!("{remedy}, and {}", take(&tool)));
    Blocked { reason: format!("{}; {}", blocked.reason, tool.says()), remedy, ..blocked }
}

fn take(tool: &Tool) -> String {
    format!("`metadata.takeFrom: {}`; {}", tool.name, besides(tool.name))
}

/// Refuses what would be done to objects that are this project's and that a tool has taken meanwhile: its next run would
/// undo it, and plumb's next apply that. Nothing that would delete them is done either: they are somebody's.
///
/// A manifest that says so itself, by `takeFrom` or by the very tags and deployment that are live, is believed.
pub(super) fn contested(context: &PlanContext<'_>) -> BTreeMap<Address, Blocked> {
    let desired = context.input.desired;
    let now: BTreeMap<Address, &Resource> = desired
        .resources
        .iter()
        .flat_map(|r| {
            let kind = &r.address.kind;
            let former = r.previous_names.iter().map(|name| Address { kind: kind.clone(), name: name.clone() });
            former.chain([r.address.clone()]).map(move |address| (address, r))
        })
        .collect();
    let mut held: BTreeMap<Address, Blocked> = BTreeMap::new();
    for kind in context.input.kinds.iter().filter(|k| k.role() == Role::Object) {
        for (address, found) in context.owned.get(kind.name()).into_iter().flatten() {
            let [one] = found.as_slice() else { continue };
            let Some(tool) = one.seen.managed_by(*kind).filter(|tool| tool.name != ToolName::Databricks) else {
                continue;
            };
            let resource = now.get(address).copied();
            let selected =
                resource.map_or_else(|| context.input.selection.is_whole(), |r| context.input.selection.has(r));
            if !selected || resource.is_some_and(|r| says_so(r, &tool)) {
                continue;
            }
            let address = resource.map_or(address, |r| &r.address).clone();
            let remedy = match resource {
                Some(_) => {
                    format!("{}; or remove the manifest and `plumb release {address}`", take(&tool))
                }
                None => format!("`plumb release {address}` leaves it to {}", tool.name.title()),
            };
            let (noun, id, says) = (kind.noun(), &one.seen.id, tool.says());
            let reason = format!("{noun} {id} carries plumb's mark, and {says}: nothing is done to it");
            let blocked = Blocked::new(&address, reason).with_remedy(remedy);
            held.insert(address, blocked);
        }
    }
    held
}

/// Whether a manifest knows of the tool: it takes the object from it, or declares itself what names the tool.
fn says_so(resource: &Resource, tool: &Tool) -> bool {
    let declared = || {
        let seen = crate::kinds::Observed { spec: resource.spec.to_value(), ..Default::default() };
        resource.kind.managed_by(&seen).as_ref() == Some(tool)
    };
    resource.take_from == Some(tool.name) || declared()
}
