//! A pipeline: clusters whose names differ only in dates and serials.

use super::depends::{self, Depends};
use super::history::Spread;
use super::pattern;
use super::raw::{self, ClusterDetails, RawCluster, list, seconds, some_text, text};
use crate::detect;
use crate::kinds::emr::api::time;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Clusters of one name, dates and serials apart. What it is made of is that of the newest one, and not known where none was
/// described: `described` is 0 then.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pipeline {
    pub name: String,
    /// The names that its clusters have, with `{date}`, `{n}`, `{id}` for what changes.
    pub patterns: BTreeSet<String>,
    pub clusters: usize,
    /// Clusters that are not terminated.
    pub live: usize,
    /// Clusters that were described. Of the others only the name, the state, the times and the hours are known.
    pub described: usize,
    /// Clusters whose steps were read.
    pub steps_read: usize,
    /// Whether it waits for steps when it has none, rather than ending.
    pub stays_alive: Option<bool>,
    pub termination_protected: Option<bool>,
    /// Of the clusters that were described; the newest cluster's first.
    pub releases: Vec<String>,
    pub applications: Option<Vec<String>>,
    /// `None` where it could not be read.
    pub nodes: Option<Vec<Nodes>>,
    /// Of all instances (of fleets: units) the share on spot, in percent.
    pub spot_percent: Option<u32>,
    pub managed_scaling: Option<Value>,
    pub auto_termination_seconds: Option<u64>,
    pub tags: Option<BTreeMap<String, String>>,
    pub bootstrap: Option<Vec<Bootstrap>>,
    pub configurations: Option<Vec<Configuration>>,
    pub security_configuration: Option<String>,
    pub service_role: Option<String>,
    pub instance_profile: Option<String>,
    pub step_concurrency: Option<u64>,
    /// Of the clusters whose steps were read.
    pub steps: Option<Vec<PipelineStep>>,
    /// Newest first.
    pub runs: Vec<ClusterRun>,
    pub last_run: Option<Timestamp>,
    /// From creation to end, of clusters that ended without errors.
    pub duration: Option<Spread>,
    /// As AWS counts them: rounded up, and no money.
    pub normalized_instance_hours: u64,
    pub failures: Vec<EmrFailure>,
    /// What the steps, configurations and bootstrap actions say that were read; `None` where no steps were.
    pub depends: Option<Depends>,
}

/// Instances of one role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Nodes {
    /// `MASTER`, `CORE`, `TASK`.
    pub role: String,
    pub types: Vec<String>,
    /// Instances; of a fleet, units of capacity.
    pub on_demand: u64,
    pub spot: u64,
    /// Storage of each instance in GiB, where it was asked for.
    pub ebs_gib: u64,
    pub fleet: bool,
    pub scales: bool,
}

/// A script that runs before the applications start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bootstrap {
    pub name: String,
    pub path: String,
    pub args: Vec<String>,
}

/// Properties of an application. Those that are nested have both names: `spark-env/export`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Configuration {
    pub classification: String,
    pub properties: BTreeMap<String, String>,
}

/// A step, as the newest cluster that has it runs it, and its history in all clusters whose steps were read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PipelineStep {
    pub name: String,
    pub jar: String,
    pub main_class: Option<String>,
    pub args: Vec<String>,
    /// What spark-submit runs: `s3://…/main.py`.
    pub application: Option<String>,
    pub action_on_failure: String,
    pub times: usize,
    pub failed: usize,
    pub last_state: String,
    /// Of those that completed.
    pub duration: Option<Spread>,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClusterRun {
    pub cluster: String,
    pub name: String,
    pub state: String,
    pub reason: Option<String>,
    pub created: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub seconds: Option<u64>,
    /// `None` where its steps were not read.
    pub steps: Option<usize>,
    pub failed_steps: Option<usize>,
    pub normalized_instance_hours: u64,
}

/// What EMR says of a cluster that ended after its steps, of which one failed without ending it. Recorded:
/// snowplow/dataflow-runner#103.
const WITH_ERRORS: &str = "completed with errors";

impl ClusterRun {
    /// Whether it failed, or had a step that did. Where its steps were not read, the reason of its end tells.
    pub fn has_failed(&self) -> bool {
        let by_steps = match self.failed_steps {
            Some(failed) => failed > 0,
            None => self.reason.as_deref().is_some_and(|reason| reason.contains(WITH_ERRORS)),
        };
        by_steps || self.state == "TERMINATED_WITH_ERRORS"
    }

    /// Whether it ended, and nothing says that it failed.
    pub fn has_ended_well(&self) -> bool {
        self.state == "TERMINATED" && !self.has_failed()
    }
}

/// Something that failed, in EMR's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmrFailure {
    pub cluster: String,
    /// `None`: the cluster itself.
    pub step: Option<String>,
    pub at: Option<Timestamp>,
    pub reason: String,
    pub log: Option<String>,
}

/// Whether a state is one that nothing comes after.
fn has_ended(state: &str) -> bool {
    matches!(state, "TERMINATED" | "TERMINATED_WITH_ERRORS")
}

/// Sums clusters up; they are oldest first, and there is at least one.
pub(super) fn pipeline(name: &str, clusters: &[&RawCluster]) -> Pipeline {
    let newest = clusters.iter().rev().find_map(|cluster| cluster.described.as_ref());
    let details = clusters.iter().rev().find_map(|cluster| cluster.details.as_ref());
    let nodes = details.and_then(nodes);
    let runs: Vec<ClusterRun> = clusters.iter().rev().map(|cluster| run(cluster)).collect();
    let good = runs.iter().filter(|run| run.has_ended_well());
    let mut releases: Vec<String> = Vec::new();
    for described in clusters.iter().rev().filter_map(|cluster| cluster.described.as_ref()) {
        let release = text(described, "/ReleaseLabel");
        if !release.is_empty() && !releases.contains(&release) {
            releases.push(release);
        }
    }
    let all_steps = clusters.iter().flat_map(|cluster| cluster.known_steps());
    let starts = all_steps.map(|step| time(step, "/Status/Timeline/StartDateTime"));
    let last_run = starts.chain(runs.iter().map(|run| run.created)).flatten().max();
    let policy = |details: &ClusterDetails| {
        details.auto_termination.as_ref()?.pointer("/AutoTerminationPolicy/IdleTimeout")?.as_u64()
    };
    let scaling =
        details.and_then(|d| d.managed_scaling.as_ref()?.pointer("/ManagedScalingPolicy").map(detect::masked_json));
    let named = |pointer: &str| some_text(newest?, pointer);
    let count = |is: fn(&RawCluster) -> bool| clusters.iter().filter(|cluster| is(cluster)).count();
    let steps_read = count(|cluster| cluster.steps.is_some());
    Pipeline {
        name: name.to_owned(),
        patterns: clusters.iter().map(|cluster| pattern::of(&detect::masked(&cluster.name()))).collect(),
        clusters: clusters.len(),
        live: runs.iter().filter(|run| !has_ended(&run.state)).count(),
        described: count(|cluster| cluster.described.is_some()),
        steps_read,
        stays_alive: newest.map(|newest| newest["AutoTerminate"] == false),
        termination_protected: newest.map(|newest| newest["TerminationProtected"] == true),
        releases,
        applications: newest.map(|n| list(n, "/Applications").iter().map(|one| text(one, "/Name")).collect()),
        spot_percent: nodes.as_deref().and_then(spot_percent),
        nodes,
        managed_scaling: scaling.filter(|policy| !policy.is_null()),
        auto_termination_seconds: details.and_then(policy),
        tags: newest.map(|newest| tags(newest, "/Tags")),
        bootstrap: details.and_then(|details| Some(details.bootstrap.as_ref()?.iter().map(bootstrap).collect())),
        configurations: newest.map(configurations),
        security_configuration: named("/SecurityConfiguration"),
        service_role: named("/ServiceRole"),
        instance_profile: named("/Ec2InstanceAttributes/IamInstanceProfile"),
        step_concurrency: newest.and_then(|newest| newest["StepConcurrencyLevel"].as_u64()),
        steps: (steps_read > 0).then(|| steps(clusters)),
        last_run,
        duration: Spread::of(good.filter_map(|run| run.seconds)),
        normalized_instance_hours: runs.iter().map(|run| run.normalized_instance_hours).sum(),
        runs,
        failures: failures(clusters),
        depends: (steps_read > 0).then(|| depends(clusters)),
    }
}

fn run(cluster: &RawCluster) -> ClusterRun {
    let summary = cluster.summary();
    let (created, ended) = (cluster.created(), time(summary, "/Status/Timeline/EndDateTime"));
    let failed = |steps: &Vec<Value>| steps.iter().filter(|step| text(step, "/Status/State") == "FAILED").count();
    ClusterRun {
        cluster: cluster.id(),
        name: detect::masked(&cluster.name()),
        state: text(summary, "/Status/State"),
        reason: reason(summary, "/Status/StateChangeReason"),
        created,
        ended,
        seconds: seconds(created, ended),
        steps: cluster.steps.as_ref().map(Vec::len),
        failed_steps: cluster.steps.as_ref().map(failed),
        normalized_instance_hours: summary["NormalizedInstanceHours"].as_u64().unwrap_or_default(),
    }
}

/// `CODE: message`, as far as there is either.
fn reason(value: &Value, pointer: &str) -> Option<String> {
    let parts = [text(value, &format!("{pointer}/Code")), text(value, &format!("{pointer}/Message"))];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join(": "))
}

/// Tags by their keys.
pub(super) fn tags(value: &Value, pointer: &str) -> BTreeMap<String, String> {
    let tag = |tag: &Value| {
        let (key, value) = (tag["Key"].as_str()?, tag["Value"].as_str().unwrap_or_default());
        Some((detect::masked(key), detect::masked_value(key, value)))
    };
    list(value, pointer).iter().filter_map(tag).collect()
}

fn bootstrap(action: &Value) -> Bootstrap {
    Bootstrap { name: text(action, "/Name"), path: text(action, "/ScriptPath"), args: raw::arguments(action, "/Args") }
}

/// All configurations of a cluster, those inside others too.
fn configurations(cluster: &Value) -> Vec<Configuration> {
    let mut found = Vec::new();
    let mut open: Vec<(String, &Value)> =
        list(cluster, "/Configurations").iter().rev().map(|entry| (String::new(), entry)).collect();
    while let Some((above, entry)) = open.pop() {
        let classification = format!("{above}{}", text(entry, "/Classification"));
        let properties = entry.get("Properties").and_then(Value::as_object);
        let properties: BTreeMap<String, String> = properties
            .into_iter()
            .flatten()
            .map(|(name, value)| (detect::masked(name), detect::masked_value(name, value.as_str().unwrap_or_default())))
            .collect();
        let inner = list(entry, "/Configurations");
        open.extend(inner.iter().rev().map(|entry| (format!("{classification}/"), entry)));
        if !properties.is_empty() || inner.is_empty() {
            found.push(Configuration { classification, properties });
        }
    }
    found
}

fn nodes(details: &ClusterDetails) -> Option<Vec<Nodes>> {
    let (groups, fleets) = (details.groups.as_ref()?, details.fleets.as_ref()?);
    let number = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default();
    let gib = |device: &Value| number(device, "/VolumeSpecification/SizeInGB");
    let group = |group: &Value| {
        let count = number(group, "/RequestedInstanceCount");
        let spot = text(group, "/Market") == "SPOT";
        Nodes {
            role: text(group, "/InstanceGroupType"),
            types: vec![text(group, "/InstanceType")],
            on_demand: if spot { 0 } else { count },
            spot: if spot { count } else { 0 },
            ebs_gib: list(group, "/EbsBlockDevices").iter().map(gib).sum(),
            fleet: false,
            scales: group.get("AutoScalingPolicy").is_some_and(|policy| !policy.is_null()),
        }
    };
    let fleet = |fleet: &Value| {
        let kinds = list(fleet, "/InstanceTypeSpecifications");
        Nodes {
            role: text(fleet, "/InstanceFleetType"),
            types: kinds.iter().map(|kind| text(kind, "/InstanceType")).collect(),
            on_demand: number(fleet, "/TargetOnDemandCapacity"),
            spot: number(fleet, "/TargetSpotCapacity"),
            ebs_gib: kinds.first().map(|kind| list(kind, "/EbsBlockDevices").iter().map(gib).sum()).unwrap_or_default(),
            fleet: true,
            scales: false,
        }
    };
    let mut all: Vec<Nodes> = groups.iter().map(group).chain(fleets.iter().map(fleet)).collect();
    let rank = |role: &str| ["MASTER", "CORE", "TASK"].iter().position(|known| *known == role).unwrap_or(3);
    all.sort_by(|a, b| rank(&a.role).cmp(&rank(&b.role)).then_with(|| a.types.cmp(&b.types)));
    Some(all)
}

fn spot_percent(nodes: &[Nodes]) -> Option<u32> {
    let (spot, on_demand) = nodes.iter().fold((0, 0), |(s, o), n| (s + n.spot, o + n.on_demand));
    u32::try_from((spot * 100 + (spot + on_demand) / 2).checked_div(spot + on_demand)?).ok()
}

/// The steps of all clusters whose steps were read, by name, in the order of the newest cluster that has them.
fn steps(clusters: &[&RawCluster]) -> Vec<PipelineStep> {
    let mut order: Vec<String> = Vec::new();
    let mut by: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for cluster in clusters.iter().rev() {
        for step in cluster.known_steps() {
            let name = pattern::of(&text(step, "/Name"));
            if !by.contains_key(&name) {
                order.push(name.clone());
            }
            by.entry(name).or_default().push(step);
        }
    }
    let length = |step: &Value| {
        seconds(time(step, "/Status/Timeline/StartDateTime"), time(step, "/Status/Timeline/EndDateTime"))
    };
    let state = |step: &Value| text(step, "/Status/State");
    let created = |step: &&&Value| time(step, "/Status/Timeline/CreationDateTime");
    order
        .into_iter()
        .filter_map(|name| {
            let all = by.get(&name)?;
            // Where several have the same time, the last that was listed is the newest.
            let newest = all.iter().max_by_key(created)?;
            let args = raw::arguments(newest, "/Config/Args");
            let submit = args.iter().position(|arg| arg.ends_with("spark-submit"));
            let application = submit.and_then(|at| args.get(depends::application(&args, at + 1)).cloned());
            Some(PipelineStep {
                name,
                jar: text(newest, "/Config/Jar"),
                main_class: some_text(newest, "/Config/MainClass"),
                application,
                args,
                action_on_failure: text(newest, "/ActionOnFailure"),
                times: all.len(),
                failed: all.iter().filter(|step| state(step) == "FAILED").count(),
                last_state: state(newest),
                duration: Spread::of(
                    all.iter().filter(|step| state(step) == "COMPLETED").filter_map(|step| length(step)),
                ),
            })
        })
        .collect()
}

/// Newest first.
fn failures(clusters: &[&RawCluster]) -> Vec<EmrFailure> {
    let mut all = Vec::new();
    for cluster in clusters.iter().rev() {
        let summary = cluster.summary();
        // Where the steps were not read, nothing but the cluster says that one of them failed.
        let is_told = cluster.steps.is_none() && run(cluster).has_failed();
        if text(summary, "/Status/State") == "TERMINATED_WITH_ERRORS" || is_told {
            all.push(EmrFailure {
                cluster: cluster.id(),
                step: None,
                at: time(summary, "/Status/Timeline/EndDateTime"),
                reason: reason(summary, "/Status/StateChangeReason").unwrap_or_else(|| "(EMR says none)".to_owned()),
                log: None,
            });
        }
        for step in cluster.known_steps().iter().rev().filter(|step| text(step, "/Status/State") == "FAILED") {
            let details = [text(step, "/Status/FailureDetails/Reason"), text(step, "/Status/FailureDetails/Message")];
            let details = details.iter().map(|part| part.trim_end_matches('.').to_owned());
            let details: Vec<String> = details.filter(|part| !part.is_empty()).collect();
            let said = Some(details.join(": ")).filter(|text| !text.is_empty());
            all.push(EmrFailure {
                cluster: cluster.id(),
                step: Some(text(step, "/Name")),
                at: time(step, "/Status/Timeline/EndDateTime"),
                reason: said
                    .or_else(|| reason(step, "/Status/StateChangeReason"))
                    .unwrap_or_else(|| "(EMR says none)".to_owned()),
                log: some_text(step, "/Status/FailureDetails/LogFile"),
            });
        }
    }
    all
}

fn depends(clusters: &[&RawCluster]) -> Depends {
    let mut depends = Depends::default();
    for cluster in clusters {
        for step in cluster.known_steps() {
            depends.step(&text(step, "/Config/Jar"), &raw::arguments(step, "/Config/Args"));
        }
        for configuration in cluster.described.iter().flat_map(configurations) {
            for (name, value) in &configuration.properties {
                depends.property(name, value);
            }
        }
        for action in cluster.details.iter().flat_map(|details| details.bootstrap.iter().flatten()) {
            let action = bootstrap(action);
            depends.script(&action.path, &action.args);
        }
        depends.log(&cluster.described.as_ref().map_or(String::new(), |described| text(described, "/LogUri")));
    }
    depends.settled()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cluster(described: Value, details: Option<ClusterDetails>) -> RawCluster {
        RawCluster::whole(described, Vec::new(), details)
    }

    #[test]
    fn fleets_are_counted_in_units() {
        let fleet = |kind: &str, on_demand: u64, spot: u64, types: Value| {
            json!({ "InstanceFleetType": kind, "TargetOnDemandCapacity": on_demand, "TargetSpotCapacity": spot,
                    "InstanceTypeSpecifications": types })
        };
        let volume = json!({ "VolumeSpecification": { "VolumeType": "gp3", "SizeInGB": 100 } });
        let types = json!([{ "InstanceType": "r5.2xlarge", "EbsBlockDevices": [volume, volume] },
                           { "InstanceType": "r5.4xlarge" }]);
        let fleets = vec![fleet("CORE", 4, 12, types), fleet("MASTER", 1, 0, json!([{ "InstanceType": "m5.xlarge" }]))];
        let details = ClusterDetails {
            groups: Some(Vec::new()),
            fleets: Some(fleets),
            managed_scaling: Some(
                json!({ "ManagedScalingPolicy": { "ComputeLimits": { "MaximumCapacityUnits": 64 } } }),
            ),
            auto_termination: Some(json!({ "AutoTerminationPolicy": { "IdleTimeout": 3600 } })),
            ..ClusterDetails::default()
        };
        let one = cluster(json!({ "Id": "j-1", "Name": "a", "AutoTerminate": false }), Some(details));
        let pipeline = pipeline("a", &[&one]);
        let nodes = pipeline.nodes.unwrap();
        assert_eq!(
            (nodes[0].role.as_str(), nodes[1].types.len(), nodes[1].spot, nodes[1].ebs_gib),
            ("MASTER", 2, 12, 200)
        );
        assert_eq!((pipeline.spot_percent, pipeline.auto_termination_seconds), (Some(71), Some(3600)));
        assert_eq!(pipeline.managed_scaling.unwrap()["ComputeLimits"]["MaximumCapacityUnits"], 64);
        assert!(pipeline.stays_alive == Some(true) && pipeline.bootstrap.is_none(), "what was not read is not none");
    }

    /// A cluster of the listing alone.
    fn listed(id: &str, day: i64, state: &str, reason: &str) -> RawCluster {
        let created = 1_790_000_000 + day * 86_400;
        let times = json!({ "CreationDateTime": created, "EndDateTime": created + 600 });
        let status = json!({ "State": state, "StateChangeReason": { "Message": reason }, "Timeline": times });
        let listed = json!({ "Id": id, "Name": "a", "NormalizedInstanceHours": 4, "Status": status });
        RawCluster { listed, ..RawCluster::default() }
    }

    #[test]
    fn what_was_not_asked_is_not_known_and_the_listing_counts() {
        let ended = [
            listed("j-1", 1, "TERMINATED", "Steps completed"),
            listed("j-2", 2, "TERMINATED", "Steps completed with errors"),
            listed("j-3", 3, "TERMINATED_WITH_ERRORS", "Shut down as step failed"),
            listed("j-4", 4, "TERMINATED", "Terminated by user request"),
        ];
        let of = |clusters: &[&RawCluster]| pipeline("a", clusters);
        let all = of(&ended.iter().collect::<Vec<_>>());
        assert_eq!((all.clusters, all.described, all.steps_read, all.normalized_instance_hours), (4, 0, 0, 16));
        assert_eq!(
            all.duration.as_ref().map(|took| took.count),
            Some(2),
            "errors of steps are told by the listing too"
        );
        assert_eq!(all.runs.iter().map(ClusterRun::has_failed).collect::<Vec<_>>(), [false, true, true, false]);
        assert_eq!(all.failures.iter().map(|one| one.cluster.as_str()).collect::<Vec<_>>(), ["j-3", "j-2"]);
        let shown = serde_json::to_value(&all).unwrap();
        let members =
            ["stays_alive", "termination_protected", "applications", "tags", "configurations", "steps", "depends"];
        for unknown in members {
            assert_eq!(shown[unknown], Value::Null, "{unknown} is not known");
        }
        assert_eq!((&shown["runs"][0]["steps"], &shown["runs"][0]["failed_steps"]), (&Value::Null, &Value::Null));
        // The newest one is described, and has no steps: that is known then.
        let newest = json!({ "Id": "j-5", "Name": "a", "ReleaseLabel": "emr-7.1.0", "Tags": [], "LogUri": "s3://logs/x",
                             "Status": { "State": "TERMINATED", "Timeline": { "CreationDateTime": 1_790_500_000 } } });
        let newest = cluster(newest, None);
        let more = of(&ended.iter().chain([&newest]).collect::<Vec<_>>());
        assert_eq!((more.clusters, more.described, more.steps_read), (5, 1, 1));
        assert_eq!((more.stays_alive, more.steps.map(|steps| steps.len())), (Some(false), Some(0)));
        assert_eq!((more.runs[0].steps, more.runs[1].steps, more.releases.len()), (Some(0), None, 1));
        assert_eq!(more.depends.unwrap().logs.len(), 1);
    }

    #[test]
    fn a_description_is_newer_than_the_listing() {
        let mut one = listed("j-1", 1, "RUNNING", "Running step");
        one.described = Some(json!({ "Id": "j-9", "Name": "b", "Status": { "State": "TERMINATED" } }));
        let shown = pipeline("a", &[&one]);
        assert_eq!(
            (shown.live, shown.runs[0].state.as_str(), shown.runs[0].cluster.as_str()),
            (0, "TERMINATED", "j-1")
        );
        assert_eq!(shown.patterns.iter().collect::<Vec<_>>(), ["a"], "it is told apart by the listing");
        // A description without a state says nothing about it.
        one.described = Some(json!({ "Id": "j-1" }));
        assert_eq!(pipeline("a", &[&one]).live, 1);
    }

    #[test]
    fn what_is_missing_or_odd_is_no_panic() {
        let odd = json!({ "Id": 5, "Name": null, "Status": { "Timeline": { "CreationDateTime": 1e300 } }, "Tags": {},
            "Configurations": [{ "Classification": "a", "Properties": { "x": 1 }, "Configurations": "b" }, 7] });
        for described in [odd, json!({}), Value::Null] {
            let mut one = cluster(described, Some(ClusterDetails::default()));
            let failed = json!({ "Config": { "Args": [1, "--password"] }, "Status": { "State": "FAILED" } });
            one.steps = Some(vec![Value::Null, failed]);
            let pipeline = pipeline("x", &[&one]);
            assert_eq!((pipeline.nodes, pipeline.spot_percent), (None, None));
            assert_eq!(pipeline.failures.len(), 1);
        }
    }
}
