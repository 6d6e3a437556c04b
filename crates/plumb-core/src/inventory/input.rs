//! What a translation is given: EMR's answers about one pipeline as one JSON object, without secrets, and named after the
//! pipeline instead of after its newest run.

use super::raw::{JobRun, RawCluster, ServerlessApplication};
use super::{pattern, serverless};
use crate::detect;
use crate::kinds::emr::api::time;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// All that was said of a cluster, by the names of the API's members. `name` takes the place of the cluster's own, which
/// may have a date in it. What could not be read, or was not asked, is not in it.
pub fn cluster(cluster: &RawCluster, name: &str) -> Value {
    let said = cluster.described.as_ref().unwrap_or(&cluster.listed);
    let mut described = hidden(said);
    described["Name"] = json!(name);
    let mut input = Map::new();
    input.insert("Cluster".into(), described);
    // A translation takes them as the API lists them: the newest first.
    let steps: Vec<Value> = cluster.known_steps().iter().rev().map(hidden).collect();
    // Of a cluster that stays up the names tell which steps are runs of one: the translation takes the dates out of them.
    let stays = said["AutoTerminate"] == false;
    if cluster.steps.is_some() {
        input.insert("Steps".into(), Value::from(if stays { steps } else { undated(steps, "Name") }));
    }
    let Some(details) = &cluster.details else { return Value::Object(input) };
    let lists = [
        ("InstanceGroups", &details.groups),
        ("InstanceFleets", &details.fleets),
        ("BootstrapActions", &details.bootstrap),
    ];
    for (member, list) in lists {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            input.insert(member.into(), list.iter().map(hidden).collect());
        }
    }
    for answer in [&details.managed_scaling, &details.auto_termination].into_iter().flatten() {
        if let Value::Object(members) = hidden(answer) {
            input.extend(members);
        }
    }
    Value::Object(input)
}

/// All that was said of an application of EMR Serverless and of the newest run of each of its jobs.
pub fn application(read: &ServerlessApplication) -> Value {
    application_before(read, 0)
}

/// The same of the run before the newest of each job, the one before that and so on, of those that were read.
pub fn application_before(read: &ServerlessApplication, number: usize) -> Value {
    let mut runs: Vec<&JobRun> = read.runs.iter().flatten().collect();
    runs.sort_by_key(|run| (std::cmp::Reverse(time(&run.listed, "/createdAt")), run.listed["id"].to_string()));
    // Named together with the others: a run that is alone with its number would not be known for one of many.
    let names: Vec<String> = runs.iter().map(|run| serverless::name(run)).collect();
    let grouped = pattern::group(names.iter().map(String::as_str));
    let mut before: BTreeMap<&String, usize> = BTreeMap::new();
    let described = runs.iter().zip(&names).filter_map(|(run, name)| {
        let mut run = hidden(run.described.as_ref()?);
        let name = grouped.get(name).unwrap_or(name);
        let count = before.entry(name).or_default();
        *count += 1;
        run["name"] = json!(name);
        (*count == number + 1).then_some(run)
    });
    let described: Vec<Value> = described.collect();
    json!({ "application": hidden(&read.described), "jobRuns": described })
}

/// Takes what changes from run to run out of names. Names that small numbers tell apart keep those, and others that are then
/// the same are numbered by whoever needs them apart: a date in a name would be another task in each month.
pub(super) fn undated(mut all: Vec<Value>, member: &str) -> Vec<Value> {
    let names: BTreeSet<String> = all.iter().filter_map(|one| one[member].as_str().map(str::to_owned)).collect();
    let grouped: BTreeMap<String, String> = pattern::group(names.iter().map(String::as_str));
    let alone = |name: &String| grouped.values().filter(|other| *other == name).count() == 1;
    for one in &mut all {
        if let Some((name, grouped)) = one[member].as_str().and_then(|name| Some((name, grouped.get(name)?))) {
            one[member] = json!(if alone(grouped) { grouped.clone() } else { pattern::undated(name) });
        }
    }
    all
}

/// The same without secrets. Other than [`detect::masked_json`] it knows where EMR's API has pairs, properties and arguments.
pub(super) fn hidden(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return match value {
            Value::Array(items) => items.iter().map(hidden).collect(),
            other => detect::masked_json(other),
        };
    };
    if let (Some(Value::String(key)), Some(Value::String(text))) = (map.get("Key"), map.get("Value")) {
        return json!({ "Key": detect::masked(key), "Value": detect::masked_value(key, text) });
    }
    let member = |(name, value): (&String, &Value)| {
        let shown = match value {
            Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Value::from(detect::masked_arguments(&texts))
            }
            // The properties of a configuration: what their names say counts.
            Value::Object(_) if matches!(name.as_str(), "Properties" | "properties" | "tags") => {
                detect::masked_json(value)
            }
            Value::String(text) if name != "Key" => Value::from(detect::masked_value(name, text)),
            other => hidden(other),
        };
        (detect::masked(name), shown)
    };
    Value::Object(map.iter().map(member).collect())
}

#[cfg(test)]
mod tests {
    use super::super::raw::ClusterDetails;
    use super::*;

    fn of_account() -> RawCluster {
        let described = json!({
            "Id": "j-1", "Name": "sales-2026-10 ",
            "Tags": [{ "Key": "team", "Value": "bi" }, { "Key": "db-password", "Value": "hunter22" }],
            "Ec2InstanceAttributes": { "Ec2KeyName": "data-eng" },
            "KerberosAttributes": { "Realm": "R", "KdcAdminPassword": "hunter22" },
            "Configurations": [{ "Classification": "spark-defaults",
                "Properties": { "spark.hadoop.fs.s3a.secret.key": "hunter22", "spark.executor.cores": "4" } }],
        });
        let step = |name: &str, args: &[&str]| json!({ "Name": name, "Config": { "Args": args } });
        let steps = vec![
            step(
                "load 2026-10",
                &["spark-submit", "s3://a/b.py", "--password", "hunter22", "--s3-key", "raw/x.csv", "key=id"],
            ),
            step("mart 2026-10", &["key AKIAIOSFODNN7EXAMPLE"]),
        ];
        let details = ClusterDetails {
            groups: Some(vec![json!({ "InstanceType": "m5.xlarge" })]),
            fleets: Some(Vec::new()),
            managed_scaling: Some(json!({ "ManagedScalingPolicy": { "ComputeLimits": { "UnitType": "Instances" } } })),
            ..ClusterDetails::default()
        };
        RawCluster::whole(described, steps, Some(details))
    }

    #[test]
    fn no_secret_is_in_it_and_the_rest_is() {
        let input = cluster(&of_account(), "sales");
        let text = input.to_string();
        assert!(!text.contains("hunter22") && !text.contains("AKIA"), "{text}");
        for (pointer, value) in [
            ("/Cluster/Name", "sales"),
            ("/Cluster/Tags/0/Key", "team"),
            ("/Cluster/Tags/0/Value", "bi"),
            ("/Cluster/Tags/1/Value", detect::HIDDEN),
            ("/Cluster/Ec2InstanceAttributes/Ec2KeyName", "data-eng"),
            ("/Cluster/Configurations/0/Properties/spark.executor.cores", "4"),
            ("/InstanceGroups/0/InstanceType", "m5.xlarge"),
            ("/ManagedScalingPolicy/ComputeLimits/UnitType", "Instances"),
            // The newest first, as the API lists them, and without the month.
            ("/Steps/0/Name", "mart"),
            ("/Steps/1/Name", "load"),
            ("/Steps/1/Config/Args/3", detect::HIDDEN),
            ("/Steps/1/Config/Args/5", "raw/x.csv"),
            ("/Steps/1/Config/Args/6", "key=id"),
        ] {
            assert_eq!(input.pointer(pointer), Some(&json!(value)), "{pointer}");
        }
        // Fleets were listed and there are none; bootstrap actions could not be read.
        assert!(input.get("InstanceFleets").is_none() && input.get("BootstrapActions").is_none());
    }

    #[test]
    fn no_date_stays_in_a_name_and_small_numbers_do() {
        let named = |names: &[&str]| -> Vec<String> {
            let all = undated(names.iter().map(|n| json!({ "Name": n })).collect(), "Name");
            all.iter().filter_map(|one| one["Name"].as_str().map(str::to_owned)).collect()
        };
        assert_eq!(named(&["load 2026-09", "load 2026-10"]), ["load", "load"]);
        assert_eq!(named(&["load 2026-10", "load 2026-10", "x"]), ["load", "load", "x"]);
        assert_eq!(
            named(&["part-1 of 2026-10", "part-2 of 2026-10", "part-3 of 2026-10"]),
            ["part-1 of", "part-2 of", "part-3 of"]
        );
    }

    #[test]
    fn names_of_a_cluster_that_stays_up_keep_what_tells_rounds_apart() {
        let mut read = of_account();
        read.described.as_mut().unwrap()["AutoTerminate"] = json!(false);
        assert_eq!(cluster(&read, "sales")["Steps"][1]["Name"], "load 2026-10");
    }

    #[test]
    fn runs_of_a_job_are_one() {
        let run = |id: &str, name: &str, at: i64, described: bool| JobRun {
            listed: json!({ "id": id, "name": name, "createdAt": at }),
            described: described.then(|| json!({ "jobRunId": id, "name": name })),
        };
        let runs = vec![
            run("a", "load-2026-09", 1, false),
            run("b", "load-2026-10", 2, true),
            run("c", "mart-2026-10", 3, true),
        ];
        let read = ServerlessApplication { described: json!({ "name": "x" }), runs: Some(runs) };
        let input = application(&read);
        let named: Vec<&str> = input["jobRuns"].as_array().unwrap().iter().filter_map(|r| r["name"].as_str()).collect();
        assert_eq!(named, ["mart", "load"]);
    }
}
