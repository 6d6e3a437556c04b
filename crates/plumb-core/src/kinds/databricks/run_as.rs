//! Whom the runs of an object run as, out of what an answer says of it.

use serde_json::{Value, json};

/// What `run_as` of a spec is: `set` is what was written, if the answer shows it, and `name` who it is now.
///
/// # Errors
/// Says what cannot be read.
pub fn shown(set: Option<&Value>, name: Option<&str>) -> Result<Option<Value>, String> {
    let set = set.filter(|r| !r.is_null());
    if set.is_some_and(|set| !set.is_object()) {
        return Err("its `run_as` is no map".into());
    }
    let name = name.filter(|name| !name.is_empty());
    // A group has no user name to be told by (databricks-sdk-py jobs.JobRunAs: group_name, in private preview; unverified).
    if let Some(set) = set.filter(|set| set["group_name"].as_str().is_some_and(|group| !group.is_empty())) {
        return Ok(Some(set.clone()));
    }
    let Some(name) = name else {
        return Ok(set.cloned());
    };
    if let Some(set) = set.filter(|set| set.as_object().is_some_and(|map| map.values().any(|v| v == name))) {
        return Ok(Some(set.clone()));
    }
    // A service principal is known by its application id (Terraform provider, jobs: run_as is read back from there).
    let is_uuid = name.len() == 36 && name.bytes().filter(|b| *b == b'-').count() == 4 && !name.contains('@');
    let member = if is_uuid { "service_principal_name" } else { "user_name" };
    let mut run_as = json!({ member: name });
    if let (Value::Object(run_as), Some(Value::Object(set))) = (&mut run_as, set) {
        // What else it says stays: a way to run that plumb does not know.
        let known = ["user_name", "service_principal_name", "group_name"];
        let others = set.iter().filter(|(member, _)| !known.contains(&member.as_str()));
        run_as.extend(others.map(|(member, value)| (member.clone(), value.clone())));
    }
    Ok(Some(run_as))
}
