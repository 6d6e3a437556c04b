//! What a DAG's manifest may say of failures: how runs are repaired (`repair`) and who is told (`notify`).

use super::dag_check::is_import_path;
use super::dag_spec::{DagSpec, DagTask, Repair};
use crate::kinds::Findings;

/// How often a run may be repaired in one try.
const MOST_REPAIRS: i64 = 10;
/// From how many times on that failing work is done a manifest is asked whether that is meant.
const MANY: i64 = 10;

/// Checks it.
pub fn check(spec: &DagSpec, findings: &mut Findings) {
    notify(spec, findings);
    let of_all = spec.defaults.as_ref().and_then(|defaults| defaults.repair.as_ref());
    if let Some(repair) = of_all {
        bounds(repair, "defaults.repair", findings);
    }
    for (i, task) in spec.tasks.iter().flatten().enumerate() {
        let at = format!("tasks[{i}].repair");
        if let Some(repair) = &task.repair {
            bounds(repair, &at, findings);
            if task.wait == Some(false) {
                findings.at(
                    at.as_str(),
                    format!("`{}` does not wait for its run, so it cannot know whether to repair it", task.id),
                    "remove `wait: false`, or `repair`",
                );
            }
        }
        let place = if task.repair.is_some() { at } else { "defaults.repair".to_owned() };
        if let Some(repair) = task.repair.as_ref().or(of_all).filter(|_| task.wait != Some(false)) {
            tries(task, spec, repair, &place, findings);
        }
    }
}

fn bounds(repair: &Repair, at: &str, findings: &mut Findings) {
    let most = repair.max_repairs;
    if !(1..=MOST_REPAIRS).contains(&most) {
        let label = if most == 0 {
            "leave `repair` out where nothing is to be repaired".to_owned()
        } else {
            format!("expected 1 to {MOST_REPAIRS}")
        };
        findings.at(format!("{at}.maxRepairs"), format!("{most} is out of bounds"), label);
    }
}

/// Repairs happen within a try: what keeps failing is done as often as both say together.
fn tries(task: &DagTask, spec: &DagSpec, repair: &Repair, at: &str, findings: &mut Findings) {
    let retries = task.retries.or_else(|| spec.defaults.as_ref()?.retries).unwrap_or(0).max(0);
    let (tries, each) = (retries.saturating_add(1), repair.max_repairs.saturating_add(1));
    let all = tries.saturating_mul(each);
    if retries > 0 && all > MANY && (1..=MOST_REPAIRS).contains(&repair.max_repairs) {
        findings.note(
            "repairs",
            format!("{at}.maxRepairs"),
            format!(
                "what keeps failing in `{}` is done {all} times: {tries} runs, and each up to {each} times",
                task.id
            ),
            "each of the `retries` is a new run, which is repaired as often",
            "lower `retries` or `maxRepairs`: a repair does only the failed part again, a retry everything",
        );
    }
}

fn notify(spec: &DagSpec, findings: &mut Findings) {
    let Some(notify) = &spec.notify else { return };
    if spec.on_failure.is_none() && findings.is_whole("onFailure") {
        findings.at("notify", "there is no diagnosis that anybody could be told of", "add `onFailure: diagnose`");
    }
    let count = |list: Option<usize>, member: &str| list == Some(0) && findings.is_whole(&format!("notify.{member}"));
    let empty = [
        ("email", count(notify.email.as_ref().map(Vec::len), "email")),
        ("callbacks", count(notify.callbacks.as_ref().map(Vec::len), "callbacks")),
    ];
    for (member, _) in empty.iter().filter(|(_, is_empty)| *is_empty) {
        findings.at(format!("notify.{member}"), "nobody stands here", "name somebody, or leave it out");
    }
    if notify.email.is_none() && notify.callbacks.is_none() && findings.is_whole("notify") {
        findings.at("notify", "nobody is notified", "add `email: [a@example.com]` or `callbacks: [{path: …}]`");
    }
    for (i, address) in notify.email.iter().flatten().enumerate() {
        if !address.contains("${") && !is_address(address) {
            let message = format!("`{}` is no address", address.chars().take(80).collect::<String>());
            findings.at(format!("notify.email[{i}]"), message, "expected `name@example.com`, one an element");
        }
    }
    for (i, callback) in notify.callbacks.iter().flatten().enumerate() {
        let at = format!("notify.callbacks[{i}]");
        if !is_import_path(&callback.path) {
            findings.at(format!("{at}.path"), "this is no import path", "expected `package.module.function`");
        }
        for (name, _) in callback.arguments.iter().flat_map(|arguments| &arguments.0) {
            if !is_name(name) {
                let message = format!("`{name}` cannot be the name of an argument");
                findings.at(format!("{at}.arguments[\"{name}\"]"), message, "letters, digits and `_`");
            }
        }
    }
}

/// Airflow divides addresses at commas and semicolons (airflow/utils/email.py, `get_email_address_list`), and a header ends
/// with its line.
fn is_address(text: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, ',' | ';' | '<' | '>' | '"');
    text.len() <= 254
        && text.chars().all(plain)
        && text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
