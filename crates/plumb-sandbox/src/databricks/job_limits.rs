//! Validation of a job's settings: limits, Git source, triggers, tasks and their dependencies.

use super::{defaults, set, text};
use crate::errors::ApiError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Checks the settings of create, reset and update. Numbers are those of the Jobs API reference.
pub fn check(settings: &Value) -> Result<(), ApiError> {
    let invalid = |message: String| Err(ApiError::invalid(message));
    if text(settings, "name").is_some_and(|n| n.len() > 4096) {
        return invalid("The job name exceeds the limit of 4096 bytes.".to_owned());
    }
    if text(settings, "description").is_some_and(|d| d.chars().count() > 27_700) {
        return invalid("The job description exceeds the limit of 27700 characters.".to_owned());
    }
    if settings.get("tags").and_then(Value::as_object).is_some_and(|t| t.len() > 25) {
        return invalid("The number of tags exceeds the limit of 25.".to_owned());
    }
    if let Some(runs) = set(settings, "max_concurrent_runs").and_then(Value::as_i64)
        && !(0..=1000).contains(&runs)
    {
        return invalid(format!("max_concurrent_runs must be between 0 and 1000, but is {runs}."));
    }
    for event in ["on_start", "on_success", "on_failure", "on_duration_warning_threshold_exceeded"] {
        let list = settings.pointer(&format!("/webhook_notifications/{event}")).and_then(Value::as_array);
        if list.is_some_and(|l| l.len() > 3) {
            return invalid(format!("At most 3 destinations can be specified for {event}."));
        }
    }
    git_source(settings)?;
    starts(settings)?;
    tasks(settings)
}

// git_source without a provider: the list of providers comes back (databricks/cli testserver, jobs.go).
fn git_source(settings: &Value) -> Result<(), ApiError> {
    let Some(git) = set(settings, "git_source") else { return Ok(()) };
    if text(git, "git_url").is_none() {
        return Err(ApiError::invalid("Missing required field: job_settings.settings.git_source.git_url"));
    }
    const PROVIDERS: [&str; 8] = [
        "gitHub",
        "bitbucketCloud",
        "azureDevOpsServices",
        "gitHubEnterprise",
        "bitbucketServer",
        "gitLab",
        "gitLabEnterpriseEdition",
        "awsCodeCommit",
    ];
    let known = text(git, "git_provider").is_some_and(|p| PROVIDERS.iter().any(|k| k.eq_ignore_ascii_case(p)));
    if !known {
        return Err(ApiError::invalid(format!(
            "Invalid or missing git_provider in git_source. Valid values are: {}.",
            PROVIDERS.join(", ")
        )));
    }
    // Terraform provider, jobs/resource_job.go.
    if ["git_branch", "git_tag", "git_commit"].iter().filter(|f| text(git, f).is_some()).count() > 1 {
        return Err(ApiError::invalid(
            "Only one of git_branch, git_tag and git_commit can be specified in git_source.",
        ));
    }
    Ok(())
}

// Terraform provider, jobs/resource_job.go: they exclude one another.
fn starts(settings: &Value) -> Result<(), ApiError> {
    let given: Vec<&str> =
        ["schedule", "trigger", "continuous"].into_iter().filter(|f| set(settings, f).is_some()).collect();
    if given.len() > 1 {
        return Err(ApiError::invalid(format!("Only one of {} can be specified.", given.join(", "))));
    }
    let Some(schedule) = set(settings, "schedule") else { return Ok(()) };
    let cron = text(schedule, "quartz_cron_expression")
        .ok_or_else(|| ApiError::invalid("Missing required field: settings.schedule.quartz_cron_expression"))?;
    if !(6..=7).contains(&cron.split_whitespace().count()) {
        return Err(ApiError::invalid(format!("Invalid quartz cron expression: '{cron}'.")));
    }
    let zone = text(schedule, "timezone_id")
        .ok_or_else(|| ApiError::invalid("Missing required field: settings.schedule.timezone_id"))?;
    // Java's zones are a superset of IANA's by a few old three-letter names, which the sandbox refuses.
    if jiff::tz::TimeZone::get(zone).is_err() {
        return Err(ApiError::invalid(format!("The timezone '{zone}' is invalid.")));
    }
    Ok(())
}

fn tasks(settings: &Value) -> Result<(), ApiError> {
    let empty = Vec::new();
    let list = |name: &str| settings.get(name).and_then(Value::as_array).unwrap_or(&empty);
    let tasks = list("tasks");
    if tasks.len() > 1000 {
        return Err(ApiError::invalid(format!(
            "The number of tasks exceeds the limit of 1000: the job has {} tasks.",
            tasks.len()
        )));
    }
    let shared = unique(list("job_clusters"), "job_cluster_key", "job cluster")?;
    let environments = unique(list("environments"), "environment_key", "environment")?;
    unique(list("parameters"), "name", "parameter")?;
    let keys = unique(tasks, "task_key", "task")?;
    let mut needs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for task in tasks {
        let key = text(task, "task_key").unwrap_or_default();
        for dependency in task.get("depends_on").and_then(Value::as_array).unwrap_or(&empty) {
            let on = text(dependency, "task_key").unwrap_or_default();
            if !keys.contains(on) {
                return Err(ApiError::invalid(format!(
                    "Invalid dependency graph, task '{key}' depends on unknown task '{on}'."
                )));
            }
            needs.entry(key).or_default().push(on);
        }
    }
    if let Some(key) = in_a_circle(&needs) {
        return Err(ApiError::invalid(format!("Invalid dependency graph: there is a cycle through task '{key}'.")));
    }
    let mut problem = None;
    defaults::each_task(&mut settings.clone(), &mut |task| {
        let key = text(task, "task_key").unwrap_or_default();
        let cluster = text(task, "job_cluster_key").filter(|k| !shared.contains(*k));
        let environment = text(task, "environment_key").filter(|k| !environments.contains(*k));
        if let Some(unknown) = cluster {
            problem.get_or_insert(format!(
                "Job cluster '{unknown}' of task '{key}' is not defined in field 'job_clusters'."
            ));
        }
        if let Some(unknown) = environment {
            problem.get_or_insert(format!(
                "Environment '{unknown}' of task '{key}' is not defined in field 'environments'."
            ));
        }
        let compute = ["new_cluster", "existing_cluster_id", "job_cluster_key"];
        let given: Vec<&str> = compute.into_iter().filter(|c| set(task, c).is_some()).collect();
        if given.len() > 1 {
            problem.get_or_insert(format!("Only one of {} can be specified for task '{key}'.", given.join(", ")));
        }
        if let Some(spec) = set(task, "new_cluster").filter(|_| problem.is_none()) {
            problem = cluster_size(spec);
        }
    });
    for cluster in list("job_clusters") {
        problem = problem.or_else(|| set(cluster, "new_cluster").and_then(cluster_size));
    }
    problem.map_or(Ok(()), |message| Err(ApiError::invalid(message)))
}

/// What is wrong with the limits of a cluster's spec (Clusters API reference).
pub fn cluster_size(spec: &Value) -> Option<String> {
    let count = |name: &str| match spec.get(name) {
        Some(Value::Object(map)) => map.len(),
        Some(Value::Array(list)) => list.len(),
        _ => 0,
    };
    if count("custom_tags") > 45 {
        return Some("The number of custom tags exceeds the limit of 45.".to_owned());
    }
    if count("ssh_public_keys") > 10 {
        return Some("The number of SSH public keys exceeds the limit of 10.".to_owned());
    }
    if count("init_scripts") > 10 {
        return Some("The number of init scripts exceeds the limit of 10.".to_owned());
    }
    if let Some(minutes) = set(spec, "autotermination_minutes").and_then(Value::as_i64)
        && minutes != 0
        && !(10..=10_000).contains(&minutes)
    {
        return Some(format!("autotermination_minutes must be 0 or between 10 and 10000, but is {minutes}."));
    }
    if let Some(scale) = set(spec, "autoscale") {
        let workers = |name: &str| scale.get(name).and_then(Value::as_i64).unwrap_or(0);
        if workers("min_workers") > workers("max_workers") {
            return Some("autoscale.min_workers must not be larger than autoscale.max_workers.".to_owned());
        }
    }
    if set(spec, "num_workers").and_then(Value::as_i64).is_some_and(|n| n < 0) {
        return Some("num_workers must not be negative.".to_owned());
    }
    None
}

fn unique<'a>(list: &'a [Value], key: &str, what: &str) -> Result<BTreeSet<&'a str>, ApiError> {
    let mut seen = BTreeSet::new();
    for element in list {
        let name = text(element, key)
            .ok_or_else(|| ApiError::invalid(format!("Missing required field: {key} of a {what}.")))?;
        if key != "name" && (name.len() > 100 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))) {
            return Err(ApiError::invalid(format!(
                "Invalid {key} '{name}': at most 100 characters out of letters, digits, - and _ are allowed."
            )));
        }
        if !seen.insert(name) {
            return Err(ApiError::invalid(format!("Duplicate {key} '{name}': every {what} must have its own.")));
        }
    }
    Ok(seen)
}

/// A task that depends on itself, directly or not.
fn in_a_circle<'a>(needs: &BTreeMap<&'a str, Vec<&'a str>>) -> Option<&'a str> {
    // Takes away what has nothing left to wait for; what stays goes round in a circle.
    let mut left = needs.clone();
    loop {
        let free: Vec<&str> =
            left.iter().filter(|(_, on)| on.iter().all(|o| !left.contains_key(o))).map(|(key, _)| *key).collect();
        if free.is_empty() {
            return left.keys().next().copied();
        }
        for key in free {
            left.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(settings: Value) -> String {
        let error = check(&settings).unwrap_err();
        assert_eq!(error.body["error_code"], "INVALID_PARAMETER_VALUE");
        error.body["message"].as_str().unwrap().to_owned()
    }

    #[test]
    fn graphs_that_cannot_run_are_refused() {
        let task = |key: &str, on: &[&str]| {
            let on: Vec<_> = on.iter().map(|k| json!({ "task_key": k })).collect();
            json!({ "task_key": key, "depends_on": on })
        };
        assert!(refused(json!({ "tasks": [task("a", &["b"])] })).contains("unknown task 'b'"));
        assert!(refused(json!({ "tasks": [task("a", &["b"]), task("b", &["a"]), task("c", &[])] })).contains("cycle"));
        assert!(refused(json!({ "tasks": [task("a", &[]), task("a", &[])] })).contains("Duplicate task_key"));
        assert!(check(&json!({ "tasks": [task("a", &[]), task("b", &["a"]), task("c", &["a", "b"])] })).is_ok());
    }

    #[test]
    fn limits_are_those_of_the_reference() {
        let tasks =
            |n: usize| json!({ "tasks": (0..n).map(|i| json!({ "task_key": format!("t{i}") })).collect::<Vec<_>>() });
        assert!(check(&tasks(1000)).is_ok());
        assert!(refused(tasks(1001)).contains("1000"));
        let tags: serde_json::Map<_, _> = (0..26).map(|i| (format!("k{i}"), json!("v"))).collect();
        assert!(refused(json!({ "tags": tags })).contains("25"));
        assert!(refused(json!({ "git_source": { "git_url": "https://x" } })).contains("gitHub"));
        assert!(
            refused(json!({ "schedule": { "quartz_cron_expression": "0 0 4 * * ?", "timezone_id": "Mars/Base" } }))
                .contains("Mars")
        );
        assert!(refused(json!({ "tasks": [{ "task_key": "a", "job_cluster_key": "none" }] })).contains("'none'"));
    }
}
