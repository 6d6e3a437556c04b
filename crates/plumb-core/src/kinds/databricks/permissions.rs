//! Reading and writing the ACL of an object: the permissions API, the same for every kind.

use crate::kinds::{Details, Observed, Step, Verb, reading};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::Read;
use serde_json::{Value, json};

const PRINCIPALS: [&str; 3] = ["user_name", "group_name", "service_principal_name"];

/// The read of an object's ACL; `object` is `jobs`, `clusters`, `instance-pools` or `cluster-policies`.
pub fn read(object: &str, id: &str) -> Read {
    Read::single(Call::get(System::Databricks, format!("/api/2.0/permissions/{object}/{id}")))
}

/// Whether a manifest declares an ACL: only then is it read, for each object costs a request.
pub fn declared(wanted: Option<&Value>) -> bool {
    wanted.and_then(|w| w.get("permissions")).and_then(Value::as_array).is_some()
}

/// Puts the direct entries of an ACL into the spec, if the manifest declares any. Inherited ones belong to the folder or
/// the workspace.
///
/// The owner of a job and the right of the caller itself to manage are there without being asked for (Terraform
/// provider, permissions: both are added to every write and dropped from every read). Where the manifest does not name
/// them they are set aside, in `facts.kept_acl`, and sent along with the next write. An entry that cannot be read is not
/// passed over: a write replaces the whole list, and would take it away.
pub fn complete<'d>(
    seen: &mut Observed,
    wanted: Option<&Value>,
    details: &mut impl Iterator<Item = &'d Details>,
) -> Result<(), String> {
    if !declared(wanted) {
        return Ok(());
    }
    let page = reading::next(details, "its permissions")?.first().unwrap_or(&Value::Null);
    let unreadable = |why: String| format!("its permissions cannot be read: {why}");
    let list = reading::list(page, "access_control_list").map_err(unreadable)?;
    let wants = wanted.and_then(|w| w.get("permissions")).and_then(Value::as_array).cloned().unwrap_or_default();
    let me = seen.facts.get("me").and_then(Value::as_str).map(str::to_lowercase);
    let (mut entries, mut kept) = (Vec::new(), Vec::new());
    for entry in list {
        let (principal, name) = principal(entry).ok_or_else(|| unreadable("an entry names nobody".into()))?;
        let Some(level) = direct(entry).map_err(unreadable)? else { continue };
        let named = |w: &Value| principal_is(w, name);
        let owner_is_named = wants.iter().any(|w| w.get("permission_level") == Some(&json!("IS_OWNER")));
        let own = json!({ principal: name, "permission_level": level });
        let unasked = match level {
            "IS_OWNER" => !owner_is_named,
            "CAN_MANAGE" if !wants.iter().any(named) => match &me {
                Some(me) => name.to_lowercase() == *me,
                None => {
                    return Err(unreadable(format!("{name} may manage it, and whether that is plumb cannot be told")));
                }
            },
            _ => false,
        };
        // The owner may do everything: a manifest that lets them manage it asks for nothing more. A lower level for them is
        // a difference, which the service refuses to make.
        if unasked && level == "IS_OWNER" && wants.iter().any(|w| named(w) && manages(w)) {
            entries.push(json!({ principal: name, "permission_level": "CAN_MANAGE" }));
        }
        if unasked { kept.push(own) } else { entries.push(own) }
    }
    seen.spec["permissions"] = Value::Array(entries);
    seen.facts["kept_acl"] = Value::Array(kept);
    Ok(())
}

/// The level that an entry gives by itself, if it does.
fn direct(entry: &Value) -> Result<Option<&str>, String> {
    let mut direct = None;
    for permission in reading::list(entry, "all_permissions")? {
        if !permission.is_object() {
            return Err("a permission is no object".into());
        }
        if !reading::flag(permission, "inherited")? {
            let level = reading::text(permission, "permission_level")?;
            direct = Some(level.ok_or("a permission has no level")?);
        }
    }
    Ok(direct)
}

fn principal(entry: &Value) -> Option<(&'static str, &str)> {
    PRINCIPALS.iter().find_map(|p| Some((*p, entry.get(p)?.as_str()?)))
}

fn principal_is(entry: &Value, name: &str) -> bool {
    principal(entry).is_some_and(|(_, n)| n.eq_ignore_ascii_case(name))
}

fn manages(entry: &Value) -> bool {
    entry.get("permission_level") == Some(&json!("CAN_MANAGE"))
}

/// The call that writes the ACL, if the step asks for one.
pub fn calls(object: &str, step: &Step<'_>) -> Option<Call> {
    let path = format!("/api/2.0/permissions/{object}/{}", step.id());
    let mut list = step.body.get("permissions").and_then(Value::as_array).cloned().unwrap_or_default();
    let names_owner = list.iter().any(|e| e.get("permission_level") == Some(&json!("IS_OWNER")));
    match step.verb {
        Verb::Create if list.is_empty() => None,
        // A new job already has its owner, and PUT without one is refused: add to what is there.
        Verb::Create if !names_owner => {
            Some(Call::set(System::Databricks, Method::Patch, path, json!({ "access_control_list": list })))
        }
        Verb::Update if !step.changes("permissions") => None,
        Verb::Create | Verb::Update => {
            let kept = step.live.and_then(|l| l.facts.get("kept_acl")).and_then(Value::as_array);
            for own in kept.into_iter().flatten() {
                // Each principal once: the service takes the last one, and a job without its owner it refuses.
                let name = principal(own).map_or("", |(_, name)| name);
                match list.iter().position(|entry| principal_is(entry, name)) {
                    Some(same) if manages(&list[same]) => list[same] = own.clone(),
                    Some(_) => {}
                    None => list.push(own.clone()),
                }
            }
            Some(Call::set(System::Databricks, Method::Put, path, json!({ "access_control_list": list })))
        }
        Verb::Delete => None,
    }
}
