//! What the schema of a task cannot say: names that have to be there, circles, either-ors.

use super::cluster_check::repeated;
use super::job::JobSpec;
use super::job_check::new_cluster;
use super::job_parts::EnvironmentVariables;
use super::tasks::JobTask;
use super::{code_paths, limits};
use crate::kinds::Findings;
use crate::kinds::circle::circle;
use plumb_model::yaml::{is_deferred, nearest};
use std::collections::BTreeSet;

/// Checks the tasks of a job that has job clusters and environments of these names.
pub fn check(spec: &JobSpec, clusters: &[&str], environments: &[&str], findings: &mut Findings) {
    let tasks: Vec<&JobTask> = spec.tasks.iter().flatten().collect();
    let paths = code_paths::Checked { has_git: spec.git_source.is_some() || !findings.is_whole("git_source") };
    for (i, environment) in spec.environments.iter().flatten().enumerate() {
        if let Some(spec) = &environment.spec {
            paths.environment(spec, &format!("environments[{i}].spec"), findings);
        }
    }
    if tasks.len() > 1000 {
        findings.at("tasks", format!("{} tasks", tasks.len()), "a job takes 1000 at most");
    }
    let keys: Vec<&str> = tasks.iter().map(|t| t.task_key.as_str()).collect();
    for (i, key) in repeated(keys.iter().copied()) {
        findings.at(format!("tasks[{i}].task_key"), format!("`{key}` is there twice"), "each needs a key of its own");
    }
    let known: BTreeSet<&str> = keys.iter().copied().collect();
    let sets = spec.environment_variables.as_deref().unwrap_or_default();
    let is_named = |key: &str| known.contains(key) || is_deferred(key);
    for (i, task) in tasks.iter().enumerate() {
        for (j, dependency) in task.depends_on.iter().flatten().enumerate() {
            if !is_named(&dependency.task_key) {
                let at = format!("tasks[{i}].depends_on[{j}].task_key");
                unknown(&at, Among("tasks", "task"), &dependency.task_key, &keys, findings);
            }
        }
        let mut one = |task: &JobTask, at: &str| {
            limits::key(&task.task_key, &format!("{at}.task_key"), findings);
            paths.task(task, at, findings);
            one_task(task, at, (clusters, environments, sets), findings);
        };
        one(task, &format!("tasks[{i}]"));
        if let Some(each) = &task.for_each_task {
            one(&each.task, &format!("tasks[{i}].for_each_task.task"));
        }
    }
    let waits = tasks.iter().map(|task| {
        let on = task.depends_on.iter().flatten().map(|one| one.task_key.as_str()).collect();
        (task.task_key.as_str(), on)
    });
    if let Some(circle) = circle(waits) {
        let i = keys.iter().position(|k| *k == circle[0]).unwrap_or_default();
        findings.at(
            format!("tasks[{i}].depends_on"),
            format!("the tasks wait for each other: {}", circle.join(" → ")),
            "take one of these dependencies out",
        );
    }
}

/// What tasks can name: the keys of job clusters and of environments, and the sets of environment variables.
type TaskTargets<'a> = (&'a [&'a str], &'a [&'a str], &'a [EnvironmentVariables]);

fn one_task(task: &JobTask, at: &str, (clusters, environments, sets): TaskTargets<'_>, findings: &mut Findings) {
    let compute = [
        ("existing_cluster_id", task.existing_cluster_id.is_some()),
        ("job_cluster_key", task.job_cluster_key.is_some()),
        ("new_cluster", task.new_cluster.is_some()),
    ];
    let set: Vec<&str> = compute.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    for extra in set.iter().skip(1) {
        findings.at(
            format!("{at}.{extra}"),
            format!("a task runs on one of {}", set.join(" and ")),
            "remove the other",
        );
    }
    if let Some(key) = task.job_cluster_key.as_deref().filter(|k| !clusters.contains(k) && !k.contains("${")) {
        let at = format!("{at}.job_cluster_key");
        unknown(&at, Among("job_clusters", "job cluster"), key, clusters, findings);
    }
    if let Some(key) = task.environment_key.as_deref().filter(|k| !environments.contains(k) && !k.contains("${")) {
        let at = format!("{at}.environment_key");
        unknown(&at, Among("environments", "environment"), key, environments, findings);
    }
    let sets: Vec<&str> = sets.iter().map(|set| set.environment_variables_key.as_str()).collect();
    let key = task.environment_variables_key.as_deref();
    if let Some(key) = key.filter(|k| !sets.contains(k) && !k.contains("${")) {
        let at = format!("{at}.environment_variables_key");
        unknown(&at, Among("environment_variables", "set of environment variables"), key, &sets, findings);
    }
    if let Some(new) = &task.new_cluster {
        new_cluster(new, &format!("{at}.new_cluster."), findings);
    }
    let kinds = what_it_does(task);
    match kinds.as_slice() {
        [_] => {}
        [] => findings.at(
            at,
            format!("task `{}` does nothing", task.task_key),
            "it needs one of notebook_task, spark_python_task, spark_jar_task, run_job_task, …",
        ),
        several => findings.at(
            format!("{at}.{}", several[1]),
            format!("task `{}` does several things: {}", task.task_key, several.join(", ")),
            "one task does one thing: make a task of each",
        ),
    }
}

/// Which of the `…_task` members a task has.
fn what_it_does(task: &JobTask) -> Vec<&'static str> {
    let all = [
        ("ai_function_task", task.ai_function_task.is_some()),
        ("ai_runtime_task", task.ai_runtime_task.is_some()),
        ("alert_task", task.alert_task.is_some()),
        ("clean_rooms_notebook_task", task.clean_rooms_notebook_task.is_some()),
        ("condition_task", task.condition_task.is_some()),
        ("dashboard_task", task.dashboard_task.is_some()),
        ("dbt_cloud_task", task.dbt_cloud_task.is_some()),
        ("dbt_platform_task", task.dbt_platform_task.is_some()),
        ("dbt_task", task.dbt_task.is_some()),
        ("for_each_task", task.for_each_task.is_some()),
        ("gen_ai_compute_task", task.gen_ai_compute_task.is_some()),
        ("notebook_task", task.notebook_task.is_some()),
        ("pipeline_task", task.pipeline_task.is_some()),
        ("power_bi_task", task.power_bi_task.is_some()),
        ("python_operator_task", task.python_operator_task.is_some()),
        ("python_wheel_task", task.python_wheel_task.is_some()),
        ("run_job_task", task.run_job_task.is_some()),
        ("spark_jar_task", task.spark_jar_task.is_some()),
        ("spark_python_task", task.spark_python_task.is_some()),
        ("spark_submit_task", task.spark_submit_task.is_some()),
        ("sql_task", task.sql_task.is_some()),
    ];
    all.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect()
}

/// Where names are given, and what has them.
struct Among(&'static str, &'static str);

/// Reports a name that nothing has, unless something there could not be read: it may have had that name.
fn unknown(at: &str, Among(list, what): Among, name: &str, known: &[&str], findings: &mut Findings) {
    if !findings.is_whole(list) || known.iter().any(|known| is_deferred(known)) {
        return;
    }
    let label = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("this job has no {what}"),
        None => format!("expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    };
    findings.at(at, format!("no {what} is called `{name}`"), label);
}
