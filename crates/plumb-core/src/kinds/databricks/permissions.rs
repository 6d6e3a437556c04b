//! Reading and writing the ACL of an object: the permissions API, the same for every kind.

use crate::kinds::{Details, Observed, Step, Verb, entries, reading};
use plumb_model::call::{Call, Method, System};
use plumb_model::read::Read;
use serde_json::{Value, json};

const PRINCIPALS: [&str; 3] = ["user_name", "group_name", "service_principal_name"];
/// The member of the spec.
const MEMBER: &str = "permissions";

/// The read of an object's ACL; `object` is `jobs`, `clusters`, `instance-pools` or `cluster-policies`.
pub fn read(object: &str, id: &str) -> Read {
    Read::single(Call::get(System::Databricks, format!("/api/2.0/permissions/{object}/{id}")))
}

/// Whether a manifest declares an ACL: only then is it read, for each object costs a request. An additive one without entries
/// declares nothing.
pub fn declared(wanted: Option<&Value>) -> bool {
    let list = |spec: &Value| {
        let list = spec.get(MEMBER).and_then(Value::as_array)?;
        Some(!list.is_empty() || !entries::is_additive(spec, MEMBER))
    };
    wanted.and_then(list).unwrap_or_default()
}

/// Puts the direct entries of an ACL into the spec, if the manifest declares any. Inherited ones belong to the folder or
/// the workspace.
///
/// The owner of a job and the right of the caller itself to manage are there without being asked for (Terraform
/// provider, permissions: both are added to every write and dropped from every read). Where the manifest does not name
/// them they are set aside, in `facts.kept_acl`, and sent along with the next write. An entry that cannot be read is not
/// passed over: a write replaces the whole list, and would take it away.
///
/// Of an additive list only the entries of those are read that the manifest names: all others are left as they are, and what
/// they may do need not even be understood.
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
    let wanted = wanted.unwrap_or(&Value::Null);
    let wants = wanted.get(MEMBER).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if entries::is_additive(wanted, MEMBER) {
        // One without a principal may be anybody's.
        if list.iter().any(|entry| principal(entry).is_none()) {
            return Err(unreadable("an entry names nobody".into()));
        }
        let named = entries::keep_named(list.to_vec(), wanted, MEMBER, key);
        let entries = named.iter().filter_map(|entry| additive_entry(entry, wants).transpose());
        seen.spec[MEMBER] = entries.collect::<Result<_, _>>().map_err(unreadable)?;
        return Ok(());
    }
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
    seen.spec[MEMBER] = Value::Array(entries);
    seen.facts["kept_acl"] = Value::Array(kept);
    Ok(())
}

/// What an entry of the ACL is in the spec, where the manifest names its principal and it gives a level by itself.
fn additive_entry(entry: &Value, wants: &[Value]) -> Result<Option<Value>, String> {
    let Some((principal, name)) = principal(entry) else { return Ok(None) };
    let Some(level) = direct(entry)? else { return Ok(None) };
    // The owner may do everything: to let them manage the object asks for nothing more.
    let is_asked = wants.iter().any(|want| principal_is(want, name) && manages(want));
    let level = if level == "IS_OWNER" && is_asked { "CAN_MANAGE" } else { level };
    Ok(Some(json!({ principal: name, "permission_level": level })))
}

/// Whom an entry is about. Of users and service principals the case of letters means nothing (Terraform provider,
/// permissions: issues 5183, 5757).
fn key(entry: &Value) -> Option<String> {
    let (principal, name) = principal(entry)?;
    Some(format!("{principal} {}", if principal == "group_name" { name.to_owned() } else { name.to_lowercase() }))
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

/// The call that writes the ACL, if the step asks for one. Of an additive list it says what differs and nothing else: PATCH
/// leaves what it does not name as it is (databricks-sdk-py iam.PermissionsAPI.update), and says the same however often it
/// is sent.
pub fn calls(object: &str, step: &Step<'_>) -> Option<Call> {
    let path = format!("/api/2.0/permissions/{object}/{}", step.id());
    if entries::is_additive(step.body, MEMBER) {
        let level = |entry: &Value| entry.get("permission_level").cloned();
        let list = entries::differing(step, MEMBER, |want, live| key(want) == key(live) && level(want) == level(live));
        let is_asked = !list.is_empty() && (step.verb == Verb::Create || step.changes(MEMBER));
        let body = json!({ "access_control_list": list });
        return is_asked.then(|| Call::set(System::Databricks, Method::Patch, path, body));
    }
    let mut list = step.body.get(MEMBER).and_then(Value::as_array).cloned().unwrap_or_default();
    let names_owner = list.iter().any(|e| e.get("permission_level") == Some(&json!("IS_OWNER")));
    match step.verb {
        Verb::Create if list.is_empty() => None,
        // A new job already has its owner, and PUT without one is refused: add to what is there.
        Verb::Create if !names_owner => {
            Some(Call::set(System::Databricks, Method::Patch, path, json!({ "access_control_list": list })))
        }
        Verb::Update if !step.changes(MEMBER) => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::read::Pages;

    fn spec(entries: &[(&str, &str)]) -> Value {
        let list: Vec<Value> =
            entries.iter().map(|(who, level)| json!({ "user_name": who, "permission_level": level })).collect();
        json!({ "permissions": list, "permissions_mode": "additive" })
    }

    fn live(entries: &[(&str, &str)]) -> Value {
        let entry = |(who, level): &(&str, &str)| json!({ "user_name": who, "all_permissions": [{ "permission_level": level, "inherited": false }] });
        json!({ "access_control_list": entries.iter().map(entry).collect::<Vec<_>>() })
    }

    fn read_as(wanted: &Value, answer: Value) -> Result<Value, String> {
        let mut seen = Observed { facts: json!({}), ..Observed::default() };
        let details: Details = Ok(Pages::from(vec![answer]));
        complete(&mut seen, Some(wanted), &mut [details].iter()).map(|()| seen.spec["permissions"].clone())
    }

    #[test]
    fn of_others_nothing_is_read_and_nothing_need_be_understood() {
        let all = live(&[("ann", "CAN_VIEW"), ("bob", "CAN_MANAGE"), ("me", "IS_OWNER")]);
        let ann = json!([{ "user_name": "ann", "permission_level": "CAN_VIEW" }]);
        assert_eq!(read_as(&spec(&[("Ann", "CAN_MANAGE"), ("cy", "CAN_VIEW")]), all.clone()), Ok(ann.clone()));
        // Who the caller is need not be known: what nobody named is not taken away.
        assert_eq!(read_as(&spec(&[("nobody", "CAN_VIEW")]), all.clone()), Ok(json!([])));
        let me = |level: &str| read_as(&spec(&[("me", level)]), all.clone()).unwrap()[0]["permission_level"].clone();
        assert_eq!(me("CAN_MANAGE"), "CAN_MANAGE", "the owner may do everything");
        assert_eq!(me("CAN_VIEW"), "IS_OWNER");
        let mut odd = all;
        odd["access_control_list"][1]["all_permissions"] = json!("everything");
        assert_eq!(read_as(&spec(&[("ann", "CAN_VIEW")]), odd.clone()), Ok(ann));
        assert!(read_as(&spec(&[("bob", "CAN_VIEW")]), odd.clone()).is_err(), "but what is named has to be");
        odd["access_control_list"][1] = json!({ "all_permissions": [] });
        assert!(read_as(&spec(&[("ann", "CAN_VIEW")]), odd).is_err(), "and an entry of nobody may be anybody's");
        let inherited = json!({ "access_control_list": [
            { "user_name": "ann", "all_permissions": [{ "permission_level": "CAN_VIEW", "inherited": true }] },
        ] });
        assert_eq!(read_as(&spec(&[("ann", "CAN_VIEW")]), inherited), Ok(json!([])), "it is not its own");
        assert!(!declared(Some(&spec(&[]))), "nothing is asked for, so nothing is read");
        assert!(declared(Some(&json!({ "permissions": [] }))) && declared(Some(&spec(&[("ann", "CAN_VIEW")]))));
    }

    #[test]
    fn a_write_says_what_differs_and_never_the_whole_list() {
        let body = spec(&[("Ann", "CAN_VIEW"), ("bob", "CAN_VIEW"), ("cy", "CAN_VIEW")]);
        let is = spec(&[("ann", "CAN_VIEW"), ("bob", "CAN_MANAGE")]);
        let seen = Observed { id: "7".into(), spec: is, facts: json!({}), ..Observed::default() };
        let path = plumb_model::schema::Path::default();
        let (changed, other) = ([path.key("permissions").key("bob")], [path.key("name")]);
        let now = jiff::Timestamp::UNIX_EPOCH;
        let update = Step { verb: Verb::Update, live: Some(&seen), body: &body, changed: &changed, now };
        let call = calls("jobs", &update).unwrap();
        assert_eq!((call.method, call.path.as_str()), (Method::Patch, "/api/2.0/permissions/jobs/7"));
        let names = |call: &Call| {
            let list = call.body.as_ref().unwrap()["access_control_list"].as_array().unwrap().clone();
            list.iter().map(|entry| entry["user_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&call), ["bob", "cy"]);
        assert!(calls("jobs", &Step { changed: &other, ..update.clone() }).is_none());
        let create = Step { verb: Verb::Create, live: None, changed: &[], ..update.clone() };
        assert_eq!(names(&calls("jobs", &create).unwrap()), ["Ann", "bob", "cy"]);
        assert!(calls("jobs", &Step { body: &spec(&[]), ..create }).is_none());
        assert!(calls("jobs", &Step { verb: Verb::Delete, body: &Value::Null, ..update }).is_none());
    }
}
