//! Reading and writing the ACL of an object: the permissions API, the same for every kind.

use crate::call::{Call, Method, System};
use crate::kinds::{Read, Seen, Step, Unreadable, Verb};
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

/// Puts the direct entries of an ACL into the spec. Inherited ones belong to the folder or the workspace.
///
/// The owner of a job and the right of the caller itself to manage are there without being asked for (Terraform
/// provider, permissions: both are added to every write and dropped from every read). Where the manifest does not name
/// them they are set aside, in `facts.kept_acl`, and sent along with the next write.
pub fn absorb(seen: &mut Seen, wanted: Option<&Value>, page: Option<&Value>) -> Result<(), Unreadable> {
    let list = page.and_then(|p| p.get("access_control_list")).and_then(Value::as_array).ok_or_else(|| Unreadable {
        what: format!("the permissions of {}", seen.id),
        why: "the answer has no access_control_list".into(),
    })?;
    let wants = wanted.and_then(|w| w.get("permissions")).and_then(Value::as_array).cloned().unwrap_or_default();
    let me = seen.facts.get("me").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let (mut entries, mut kept) = (Vec::new(), Vec::new());
    for entry in list {
        let Some((principal, name)) = principal(entry) else { continue };
        let direct = entry
            .get("all_permissions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter(|p| p.get("inherited") != Some(&Value::Bool(true)))
            .filter_map(|p| p.get("permission_level"))
            .next_back();
        let Some(level) = direct else { continue };
        let named = |w: &Value| principal_is(w, name);
        let owner_is_named = wants.iter().any(|w| w.get("permission_level") == Some(&json!("IS_OWNER")));
        let own = json!({ principal: name, "permission_level": level });
        let unasked = match level.as_str() {
            Some("IS_OWNER") => !owner_is_named,
            Some("CAN_MANAGE") => name.to_lowercase() == me && !wants.iter().any(named),
            _ => false,
        };
        if unasked { kept.push(own) } else { entries.push(own) }
    }
    seen.spec["permissions"] = Value::Array(entries);
    seen.facts["kept_acl"] = Value::Array(kept);
    Ok(())
}

fn principal(entry: &Value) -> Option<(&'static str, &str)> {
    PRINCIPALS.iter().find_map(|p| Some((*p, entry.get(p)?.as_str()?)))
}

fn principal_is(entry: &Value, name: &str) -> bool {
    principal(entry).is_some_and(|(_, n)| n.eq_ignore_ascii_case(name))
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
            list.extend(kept.into_iter().flatten().cloned());
            Some(Call::set(System::Databricks, Method::Put, path, json!({ "access_control_list": list })))
        }
        Verb::Delete => None,
    }
}

/// A spec without the members that are written by calls of their own.
pub fn without(spec: &Value, members: &[&str]) -> Value {
    let mut body = spec.clone();
    if let Value::Object(map) = &mut body {
        map.retain(|k, _| !members.contains(&k.as_str()));
    }
    body
}
