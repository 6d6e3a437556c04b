//! What the schema of a job cannot say: names that have to be there, circles, cron, time zones, either-ors.

use super::cluster_check::{Shape, repeated, shape};
use super::compute::NewCluster;
use super::job::JobSpec;
use super::limits;
use super::tasks::Task;
use super::triggers::{CronTrigger, Schedule, quartz};
use crate::kinds::Findings;
use plumb_model::yaml::nearest;
use std::collections::{BTreeMap, BTreeSet};

/// Checks a job.
pub fn check(spec: &JobSpec, findings: &mut Findings) {
    limits::tags(spec.tags.as_ref(), "tags", limits::JOB_TAGS, findings);
    // Jobs API 2.2, create: name 4096 bytes, description 27700 characters, 1000 tasks, 1000 concurrent runs.
    if let Some(name) = spec.name.as_ref().filter(|n| n.len() > 4096) {
        findings.at("name", format!("a name of {} bytes", name.len()), "4096 bytes at most");
    }
    if let Some(text) = spec.description.as_ref().filter(|d| d.chars().count() > 27_700) {
        findings.at("description", format!("{} characters", text.chars().count()), "27700 characters at most");
    }
    limits::number(spec.max_concurrent_runs, 0, 1000, "max_concurrent_runs", findings);
    started_once(spec, findings);
    if let Some(schedule) = &spec.schedule {
        let Schedule { quartz_cron_expression, timezone_id, .. } = schedule;
        cron(quartz_cron_expression, timezone_id, "schedule.", findings);
    }
    for (i, trigger) in spec.triggers.iter().flatten().enumerate() {
        if let Some(CronTrigger { quartz_cron_expression, timezone_id, .. }) = &trigger.schedule {
            cron(quartz_cron_expression, timezone_id, &format!("triggers[{i}].schedule."), findings);
        }
    }
    if let Some(git) = &spec.git_source {
        let set = [("git_branch", &git.git_branch), ("git_tag", &git.git_tag), ("git_commit", &git.git_commit)];
        for (member, _) in set.iter().filter(|(_, v)| v.is_some()).skip(1) {
            findings.at(
                format!("git_source.{member}"),
                "a git source has one of git_branch, git_tag and git_commit",
                "remove the others",
            );
        }
    }
    let keys = |list: Vec<&str>, member: &str, findings: &mut Findings, key: &str| {
        for (i, name) in repeated(list.into_iter()) {
            findings.at(
                format!("{member}[{i}].{key}"),
                format!("`{name}` is there twice"),
                "each needs a name of its own",
            );
        }
    };
    let clusters: Vec<&str> = spec.job_clusters.iter().flatten().map(|c| c.job_cluster_key.as_str()).collect();
    let environments: Vec<&str> = spec.environments.iter().flatten().map(|e| e.environment_key.as_str()).collect();
    keys(clusters.clone(), "job_clusters", findings, "job_cluster_key");
    keys(environments.clone(), "environments", findings, "environment_key");
    keys(spec.parameters.iter().flatten().map(|p| p.name.as_str()).collect(), "parameters", findings, "name");
    for (i, cluster) in spec.job_clusters.iter().flatten().enumerate() {
        if let Some(new) = &cluster.new_cluster {
            new_cluster(new, &format!("job_clusters[{i}].new_cluster."), findings);
        }
    }
    tasks(spec, &clusters, &environments, findings);
}

/// A job is started by one of schedule, trigger, continuous and triggers (Terraform provider, jobs; Jobs API).
fn started_once(spec: &JobSpec, findings: &mut Findings) {
    let ways = [
        ("schedule", spec.schedule.is_some()),
        ("trigger", spec.trigger.is_some()),
        ("continuous", spec.continuous.is_some()),
        ("triggers", spec.triggers.as_ref().is_some_and(|t| !t.is_empty())),
    ];
    let set: Vec<&str> = ways.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    for way in set.iter().skip(1) {
        findings.at(*way, format!("a job has one of {}", set.join(" and ")), "remove all but one");
    }
}

const FIELDS: &str = "Quartz has six fields: seconds, minutes, hours, day of month, month, day of week";

fn cron(expression: &str, zone: &str, at: &str, findings: &mut Findings) {
    if !expression.contains("${") {
        let words = expression.split_whitespace().count();
        if words < 6 {
            findings.at(format!("{at}quartz_cron_expression"), format!("`{expression}` has {words} fields"), FIELDS);
        } else if let Err(e) = quartz(expression) {
            findings.at(format!("{at}quartz_cron_expression"), format!("`{expression}` cannot be read: {e}"), FIELDS);
        }
    }
    if !zone.contains("${") && jiff::tz::TimeZone::get(zone).is_err() {
        let near = jiff::tz::db().available().map(|n| n.to_string()).collect::<Vec<_>>();
        let near = nearest(zone, near.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
        findings.at(
            format!("{at}timezone_id"),
            format!("there is no time zone `{zone}`"),
            near.unwrap_or_else(|| "expected a name of the IANA database: `Europe/London`".into()),
        );
    }
}

fn new_cluster(new: &NewCluster, at: &str, findings: &mut Findings) {
    let cluster = Shape {
        num_workers: new.num_workers,
        autoscale: new.autoscale.as_ref(),
        pool: new.instance_pool_id.as_deref(),
        node_type: new.node_type_id.as_deref(),
        driver_node_type: new.driver_node_type_id.as_deref(),
        ssh_keys: new.ssh_public_keys.as_ref().map_or(0, Vec::len),
        init_scripts: new.init_scripts.as_ref().map_or(0, Vec::len),
    };
    shape(&cluster, at, findings);
}

fn tasks(spec: &JobSpec, clusters: &[&str], environments: &[&str], findings: &mut Findings) {
    let tasks: Vec<&Task> = spec.tasks.iter().flatten().collect();
    if tasks.len() > 1000 {
        findings.at("tasks", format!("{} tasks", tasks.len()), "a job takes 1000 at most");
    }
    let keys: Vec<&str> = tasks.iter().map(|t| t.task_key.as_str()).collect();
    for (i, key) in repeated(keys.iter().copied()) {
        findings.at(format!("tasks[{i}].task_key"), format!("`{key}` is there twice"), "each needs a key of its own");
    }
    let known: BTreeSet<&str> = keys.iter().copied().collect();
    for (i, task) in tasks.iter().enumerate() {
        for (j, dependency) in task.depends_on.iter().flatten().enumerate() {
            if !known.contains(dependency.task_key.as_str()) {
                let at = format!("tasks[{i}].depends_on[{j}].task_key");
                unknown(&at, "task", &dependency.task_key, &keys, findings);
            }
        }
        one_task(task, &format!("tasks[{i}]"), clusters, environments, findings);
        if let Some(each) = &task.for_each_task {
            one_task(&each.task, &format!("tasks[{i}].for_each_task.task"), clusters, environments, findings);
        }
    }
    if let Some(circle) = circle(&tasks) {
        let i = keys.iter().position(|k| *k == circle[0]).unwrap_or_default();
        findings.at(
            format!("tasks[{i}].depends_on"),
            format!("the tasks wait for each other: {}", circle.join(" → ")),
            "take one of these dependencies out",
        );
    }
}

fn one_task(task: &Task, at: &str, clusters: &[&str], environments: &[&str], findings: &mut Findings) {
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
        unknown(&format!("{at}.job_cluster_key"), "job cluster", key, clusters, findings);
    }
    if let Some(key) = task.environment_key.as_deref().filter(|k| !environments.contains(k) && !k.contains("${")) {
        unknown(&format!("{at}.environment_key"), "environment", key, environments, findings);
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
fn what_it_does(task: &Task) -> Vec<&'static str> {
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

fn unknown(at: &str, what: &str, name: &str, known: &[&str], findings: &mut Findings) {
    let label = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => format!("this job has no {what}"),
        None => format!("expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
    };
    findings.at(at, format!("no {what} is called `{name}`"), label);
}

/// A circle of tasks that wait for each other, its first element repeated at the end.
fn circle<'t>(tasks: &[&'t Task]) -> Option<Vec<&'t str>> {
    let after: BTreeMap<&str, Vec<&str>> = tasks
        .iter()
        .map(|t| (t.task_key.as_str(), t.depends_on.iter().flatten().map(|d| d.task_key.as_str()).collect()))
        .collect();
    let mut done = BTreeSet::new();
    for task in tasks {
        // The way from the start to here, each with how many of its dependencies were looked at.
        let mut way: Vec<(&str, usize)> = vec![(task.task_key.as_str(), 0)];
        while let Some((here, next)) = way.last_mut() {
            let here = *here;
            match after.get(here).filter(|_| !done.contains(here)).and_then(|list| list.get(*next)) {
                Some(to) => {
                    *next += 1;
                    if let Some(start) = way.iter().position(|(k, _)| k == to) {
                        return Some(way[start..].iter().map(|(k, _)| *k).chain([*to]).collect());
                    }
                    way.push((to, 0));
                }
                None => {
                    done.insert(here);
                    way.pop();
                }
            }
        }
    }
    None
}
