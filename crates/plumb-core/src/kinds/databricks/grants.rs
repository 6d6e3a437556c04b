//! What the schema of `permissions` cannot say.

use super::access::{Grant, OwnedLevel};
use crate::kinds::Findings;
use plumb_model::yaml::is_deferred;
use std::collections::HashMap;

/// Why the same principal cannot be there twice.
const LAST_WINS: &str = "the service keeps one level for each, the last one";

impl<Level> Grant<Level> {
    /// Whom it names, each with the member that does: exactly one, unless there is a mistake.
    fn named(&self) -> Vec<(&'static str, &str)> {
        let all = [
            ("user_name", &self.user_name),
            ("group_name", &self.group_name),
            ("service_principal_name", &self.service_principal_name),
        ];
        all.into_iter().filter_map(|(member, name)| Some((member, name.as_deref()?))).collect()
    }
}

/// Checks that each grant names one principal, and that none is there twice: a second one would never be live, and the plan
/// never empty (databricks/cli testserver, permissions: one level for each principal, the last one wins).
pub fn each_once<Level>(grants: &[Grant<Level>], findings: &mut Findings) {
    let mut seen: HashMap<(&str, String), usize> = HashMap::new();
    for (i, grant) in grants.iter().enumerate() {
        let at = format!("permissions[{i}]");
        let named = grant.named();
        let [(member, name)] = named.as_slice() else {
            // Permissions API: exactly one of them.
            let label = "expected one of user_name, group_name and service_principal_name";
            match named.get(1) {
                None => findings.at(at, "this grant names nobody", label),
                Some((extra, _)) => findings.at(format!("{at}.{extra}"), "this grant names several", label),
            }
            continue;
        };
        if is_deferred(name) {
            continue;
        }
        if name.is_empty() {
            findings.at(format!("{at}.{member}"), "this grant names nobody", "it is empty");
            continue;
        }
        // Users and service principals are lower-cased by the service (Terraform provider permissions: issues 5183, 5757).
        let folded = if *member == "group_name" { (*name).to_owned() } else { name.to_lowercase() };
        if let Some(first) = seen.insert((member, folded), i) {
            let message = format!("`{}` is there twice: permissions[{first}] names the same", name.escape_debug());
            let help = "leave the one with the higher level: it includes the lower ones";
            findings.at_with_help(format!("{at}.{member}"), message, LAST_WINS, help);
        }
    }
}

/// Checks the grants of what has exactly one owner: a job, a pipeline, a warehouse. `noun` is what it is.
pub fn of_owned<Level: OwnedLevel>(grants: &[Grant<Level>], noun: &str, findings: &mut Findings) {
    each_once(grants, findings);
    let is_owner = |grant: &Grant<Level>| grant.permission_level == Level::OWNER;
    let mut owners = grants.iter().enumerate().filter(|(_, grant)| is_owner(grant));
    for (i, owner) in owners.clone() {
        // Terraform provider, permissions: a job cannot have a group as an owner.
        if owner.group_name.is_some() {
            let label = "name a user or a service principal";
            findings.at(format!("permissions[{i}].group_name"), format!("a group cannot own a {noun}"), label);
        }
    }
    let first = owners.next();
    if let Some((i, owner)) = first.as_ref().filter(|_| findings.is_additive("permissions")) {
        // An owner takes the place of another (the service's words: "The job must have exactly one owner"), and whether a PATCH
        // moves the ownership is not known.
        let who = owner.named().first().map_or_else(String::new, |(_, name)| name.escape_debug().to_string());
        let message = format!("an owner cannot be added: `{who}` would take the place of another");
        let label = "write `CAN_MANAGE`, or leave the grant out";
        let help = "a plain list is exact, and may name the owner";
        findings.at_with_help(format!("permissions[{i}].permission_level"), message, label, help);
    }
    for (i, _) in owners {
        // The service's words: "The job must have exactly one owner."
        let label = "leave `IS_OWNER` to one, and write `CAN_MANAGE` for the others";
        findings.at(format!("permissions[{i}].permission_level"), format!("a {noun} has exactly one owner"), label);
    }
    if first.is_some() || !findings.is_whole("permissions") {
        return;
    }
    // Who owns the job is only known to the service: whoever creates it. A grant takes the place of what its principal has
    // (databricks/cli issue 4466, Terraform provider issue 303: "The job must have exactly one owner").
    let named = |grant: &Grant<Level>| grant.group_name.is_none() && grant.permission_level == Level::MANAGER;
    if let Some((i, grant)) = grants.iter().enumerate().find(|(_, grant)| named(grant)) {
        let who = grant.named().first().map_or_else(String::new, |(_, name)| name.escape_debug().to_string());
        let message = format!("no grant is `IS_OWNER`, and `{who}` may be the one who applies");
        let label = "the service refuses a lower level for the owner";
        let help = format!(
            "a {noun} is owned by whoever creates it: if that is this one, write `IS_OWNER`, or leave the grant out"
        );
        findings.note("owner", format!("permissions[{i}].permission_level"), message, label, help);
    }
}
