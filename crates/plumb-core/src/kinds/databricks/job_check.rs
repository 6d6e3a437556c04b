//! What the schema of a job cannot say, tasks apart: names, cron, time zones, either-ors.

use super::cluster_check::{ClusterShape, repeated, shape};
use super::compute::NewCluster;
use super::grants;
use super::job::JobSpec;
use super::triggers::{CronSchedule, CronTrigger, quartz};
use super::{limits, task_check};
use crate::kinds::Findings;
use plumb_model::yaml::nearest;

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
        let CronSchedule { quartz_cron_expression, timezone_id, .. } = schedule;
        cron(quartz_cron_expression, timezone_id, cron_places("schedule."), findings);
    }
    for (i, trigger) in spec.triggers.iter().flatten().enumerate() {
        if let Some(CronTrigger { quartz_cron_expression, timezone_id, .. }) = &trigger.schedule {
            cron(quartz_cron_expression, timezone_id, cron_places(&format!("triggers[{i}].schedule.")), findings);
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
    for (i, cluster) in spec.job_clusters.iter().flatten().enumerate() {
        limits::key(&cluster.job_cluster_key, &format!("job_clusters[{i}].job_cluster_key"), findings);
    }
    for (i, parameter) in spec.parameters.iter().flatten().enumerate() {
        limits::parameter(&parameter.name, &format!("parameters[{i}].name"), findings);
    }
    let clusters: Vec<&str> = spec.job_clusters.iter().flatten().map(|c| c.job_cluster_key.as_str()).collect();
    let environments: Vec<&str> = spec.environments.iter().flatten().map(|e| e.environment_key.as_str()).collect();
    keys(clusters.clone(), "job_clusters", findings, "job_cluster_key");
    keys(environments.clone(), "environments", findings, "environment_key");
    let sets = spec.environment_variables.iter().flatten().map(|set| set.environment_variables_key.as_str());
    keys(sets.collect(), "environment_variables", findings, "environment_variables_key");
    keys(spec.parameters.iter().flatten().map(|p| p.name.as_str()).collect(), "parameters", findings, "name");
    for (i, cluster) in spec.job_clusters.iter().flatten().enumerate() {
        if let Some(new) = &cluster.new_cluster {
            new_cluster(new, &format!("job_clusters[{i}].new_cluster."), findings);
        }
    }
    task_check::check(spec, &clusters, &environments, findings);
    grants::of_owned(spec.permissions.as_deref().unwrap_or_default(), "job", findings);
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

/// Where a schedule has its expression and its time zone.
fn cron_places(at: &str) -> [String; 2] {
    ["quartz_cron_expression", "timezone_id"].map(|member| format!("{at}{member}"))
}

/// Checks times in the notation of Quartz and the time zone that they are in, each at its place.
pub(super) fn cron(
    expression: &str,
    zone: &str,
    [at_times, at_zone]: [impl Into<String>; 2],
    findings: &mut Findings,
) {
    if !expression.contains("${") {
        let words = expression.split_whitespace().count();
        if words < 6 {
            findings.at(at_times, format!("`{expression}` has {words} fields"), FIELDS);
        } else if let Err(e) = quartz(expression) {
            findings.at(at_times, format!("`{expression}` cannot be read: {e}"), FIELDS);
        }
    }
    if !zone.contains("${") && jiff::tz::TimeZone::get(zone).is_err() {
        let near = jiff::tz::db().available().map(|n| n.to_string()).collect::<Vec<_>>();
        let near = nearest(zone, near.iter().map(String::as_str)).map(|n| format!("did you mean `{n}`?"));
        findings.at(
            at_zone,
            format!("there is no time zone `{zone}`"),
            near.unwrap_or_else(|| "expected a name of the IANA database: `Europe/London`".into()),
        );
    }
}

pub(super) fn new_cluster(new: &NewCluster, at: &str, findings: &mut Findings) {
    let cluster = ClusterShape {
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
