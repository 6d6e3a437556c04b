//! Every scenario leaves evidence that fits together.

use super::template::{Scene, text};
use super::{cast, data};
use crate::answer::{Answer, Content};
use crate::request::{Raw, Request};
use crate::store::{Clock, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Read;

pub const NOW: i64 = 1_795_345_200_000;

/// What YARN itself leaves in double braces.
const OF_YARN: [&str; 2] = ["{{PWD}}", "{{JAVA_HOME}}"];

pub fn unpacked(bytes: &[u8]) -> String {
    let mut out = String::new();
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut out).unwrap();
    out
}

fn assert_filled(name: &str, text: &str) {
    let rest = OF_YARN.iter().fold(text.to_owned(), |text, known| text.replace(known, ""));
    let slot = rest.split_once("{{").map(|(_, after)| after.split("}}").next().unwrap_or_default().to_owned());
    assert!(slot.is_none(), "{name}: nothing fills {slot:?}");
}

fn clusters(steps: Vec<Value>) -> Value {
    let names = ["first", "second"];
    let requested: Vec<Value> = (0..steps.len()).map(|at| json!({ "Name": names[at], "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": { "Jar": "command-runner.jar", "Args": ["spark-submit", "--deploy-mode", "cluster",
            "s3://acme-artifacts/jobs/score.py", "--input", "s3://acme-lake/raw/month=2026-10/", "--month", "2026-10"] } })).collect();
    json!({ "emr": { "clusters": [{
        "run": { "Name": "c", "ReleaseLabel": "emr-6.15.0", "LogUri": "s3://logs/team/", "JobFlowRole": "r", "ServiceRole": "s",
            "Applications": [{ "Name": "Spark" }],
            "BootstrapActions": [{ "Name": "libs", "ScriptBootstrapAction": { "Path": "s3://b/libs.sh", "Args": ["shap==0.45.0"] } }],
            "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": [
                { "InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1 },
                { "InstanceRole": "CORE", "InstanceType": "r5.2xlarge", "InstanceCount": 2 },
                { "InstanceRole": "TASK", "InstanceType": "r5.2xlarge", "InstanceCount": 2, "Market": "SPOT" }] },
            "Steps": requested },
        "created": "2026-11-20T04:00:00Z", "ready": "2026-11-20T04:10:00Z", "steps": steps }] } })
}

fn seeded(scenario: &str) -> Store {
    let mut store = Store::new(Clock::Fixed(NOW));
    let good = json!({ "started": "2026-11-20T04:10:00Z", "ended": "2026-11-20T05:00:00Z" });
    let bad = json!({ "scenario": scenario, "started": "2026-11-20T05:00:00Z", "ended": "2026-11-20T06:40:00Z" });
    crate::control::seed(&mut store, &clusters(vec![good, bad])).unwrap();
    store
}

fn logs(store: &Store) -> BTreeMap<String, String> {
    let objects = &store.s3.buckets["logs"].objects;
    objects.iter().map(|(key, object)| (key.clone(), unpacked(&object.bytes()))).collect()
}

fn one<'l>(logs: &'l BTreeMap<String, String>, part: &str) -> &'l str {
    let found: Vec<_> = logs.iter().filter(|(key, _)| key.contains(part)).collect();
    assert_eq!(found.len(), 1, "{part} in {:?}", logs.keys().collect::<Vec<_>>());
    found[0].1
}

#[test]
fn every_step_scenario_tells_its_story_in_all_its_logs() {
    for (scenario, place, words) in [
        ("spot-reclaim", "_0002_01_000001/stderr", "has failed the maximum allowable number of times: 4"),
        ("spot-reclaim", "hadoop-yarn-resourcemanager", "as it is now LOST"),
        ("container-memory", "_0002_01_000001/stderr", "Exit status: 137"),
        ("driver-traceback", "_0002_01_000001/stdout", "KeyError: 'weigth'"),
        ("driver-traceback", "_0002_01_000001/stderr", "User application exited with status 1"),
        ("kms-denied", "_0002_01_000001/stdout", "is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:"),
        (
            "input-missing",
            "_0002_01_000001/stdout",
            "[PATH_NOT_FOUND] Path does not exist: s3://acme-lake/raw/month=2026-10/",
        ),
        ("cancelled", "hadoop-yarn-resourcemanager", "was killed by user hadoop"),
    ] {
        let store = seeded(scenario);
        let logs = logs(&store);
        assert!(one(&logs, place).contains(words), "{scenario}: {place} does not say {words}");
        for (key, text) in &logs {
            assert_filled(&format!("{scenario}: {key}"), text);
            // Nothing is of another time than the cluster's: hours four to six of 20 November.
            for line in text.lines().filter(|line| line.starts_with("26/11/")) {
                assert!(("26/11/20 04:00:00".."26/11/20 06:40:01").contains(&&line[..17]), "{scenario}: {key}: {line}");
            }
        }
        let (good, bad) = (one(&logs, "_0001_01_000001/stderr"), one(&logs, "_0002_01_000001/stderr"));
        assert!(good.contains("Final app status: SUCCEEDED") && !good.contains("ERROR"));
        assert!((60..=420).contains(&bad.lines().count()), "{scenario}: {} lines", bad.lines().count());
        let cluster = store.emr.regions["eu-central-1"].clusters.values().next().unwrap();
        let step = cluster.steps[1].shown();
        if scenario == "cancelled" {
            assert_eq!(step["Status"]["State"], "CANCELLED");
        } else {
            assert_eq!(step["Status"]["FailureDetails"]["Reason"], "Unknown Error.");
            let log = step["Status"]["FailureDetails"]["LogFile"].as_str().unwrap();
            let key = log.strip_prefix("s3://logs/").unwrap();
            let message = step["Status"]["FailureDetails"]["Message"].as_str().unwrap();
            assert!(logs[key].contains(message), "{scenario}: its message is in the file that it names");
        }
    }
}

#[test]
fn reclaimed_nodes_are_the_same_everywhere() {
    let store = seeded("spot-reclaim");
    let logs = logs(&store);
    let cluster = store.emr.regions["eu-central-1"].clusters.values().next().unwrap();
    let lost: Vec<_> = cluster.groups.iter().flat_map(|g| &g.members).filter(|m| m.reason.is_some()).collect();
    assert_eq!(lost.len(), 2);
    let driver = one(&logs, "_0002_01_000001/stderr");
    for member in lost {
        assert_eq!(member.market, "SPOT");
        let host = crate::emr::instances::address(cluster, member).1;
        assert!(driver.contains(&format!("Yarn node state updated for host {host} to DECOMMISSIONING")), "{host}");
        let manager = one(&logs, &format!("node/{}/applications/hadoop-yarn", member.ec2));
        let ended = jiff::Timestamp::from_millisecond(member.ended.unwrap()).unwrap();
        let said = manager.lines().find(|line| line.contains("RECEIVED SIGNAL 15: SIGTERM")).unwrap();
        let said = said[..19].replace(' ', "T") + "Z";
        assert_eq!(said, format!("{ended:.0}"), "the node says when it goes");
        // The driver sees it when EMR says that it ended, to the minute.
        let at = jiff::Timestamp::from_millisecond(member.ended.unwrap()).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let minute = at.strftime("%y/%m/%d %H:%M").to_string();
        assert!(driver.lines().any(|line| line.starts_with(&minute) && line.contains(&host)), "{minute} {host}");
    }
}

#[test]
fn a_bootstrap_action_that_fails_has_details_and_logs() {
    let mut store = Store::new(Clock::Fixed(NOW));
    let mut seed = clusters(Vec::new());
    let cluster = &mut seed["emr"]["clusters"][0];
    cluster["scenario"] = json!("bootstrap");
    (cluster["state"], cluster["ended"]) = (json!("TERMINATED_WITH_ERRORS"), json!("2026-11-20T04:09:00Z"));
    cluster["ready"] = Value::Null;
    crate::control::seed(&mut store, &seed).unwrap();
    let known = store.emr.regions["eu-central-1"].clusters.values().next().unwrap().described(NOW);
    assert_eq!(known["Status"]["StateChangeReason"]["Code"], "BOOTSTRAP_FAILURE");
    assert_eq!(known["Status"]["ErrorDetails"][0]["ErrorCode"], "BOOTSTRAP_FAILURE_PRIMARY_WITH_NON_ZERO_CODE");
    let logs = logs(&store);
    assert!(one(&logs, "bootstrap-actions/1/stderr").contains("No matching distribution found for shap==0.45.0"));
    logs.iter().for_each(|(key, text)| assert_filled(key, text));
}

#[test]
fn a_step_that_runs_now_fails_when_its_time_has_come() {
    let mut store = Store::new(Clock::Fixed(NOW));
    let mut seed = clusters(vec![json!({ "state": "RUNNING", "started": "2026-11-22T10:00:00Z" })]);
    seed["emr"]["clusters"][0]["state"] = json!("RUNNING");
    crate::control::seed(&mut store, &seed).unwrap();
    store.settings = serde_json::from_value(json!({ "emr": { "step_seconds": 3600, "log_delay_seconds": 300,
        "steps": { "first": { "scenario": "container-memory" } } } }))
    .unwrap();
    store.advance(7200);
    crate::emr::life::tick(&mut store);
    let objects = &store.s3.buckets["logs"].objects;
    let stderr = objects.iter().find(|(key, _)| key.contains("steps/") && key.ends_with("stderr.gz")).unwrap().1;
    let ended = store.emr.regions["eu-central-1"].clusters.values().next().unwrap().steps[0].ended.unwrap();
    assert_eq!(stderr.modified, ended + 300_000, "EMR delivers logs after a while");
}

fn get(
    store: &mut Store,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, String, BTreeMap<String, String>) {
    let mut request = Request::internal(method, "/s3/x", "", Value::Null);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    request.raw = Raw {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Raw::default()
    };
    let Answer { status, content, .. } = crate::s3::handle(store, &request);
    let Content::Object { headers, bytes, .. } = content else { panic!("no answer of S3") };
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    (status, String::from_utf8_lossy(&bytes).into_owned(), headers)
}

#[test]
fn objects_are_listed_in_pages_and_read_in_parts() {
    let mut store = Store::new(Clock::Fixed(NOW));
    let objects = json!({ "a/1": "one", "a/2&": "two", "b/x/3": "three", "c": "four",
        "late": { "text": "x", "modified": "2026-12-30T00:00:00Z" } });
    crate::control::seed(&mut store, &json!({ "s3": { "buckets": { "b": objects } } })).unwrap();
    let keys = |text: &str| -> Vec<String> {
        let part =
            |text: &str| text.split("<Key>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect();
        part(text)
    };
    let (_, all, _) = get(&mut store, "GET", "/b?list-type=2", &[]);
    assert_eq!(keys(&all), ["a/1", "a/2&amp;", "b/x/3", "c"]);
    let (_, folded, _) = get(&mut store, "GET", "/b?list-type=2&delimiter=/&max-keys=2", &[]);
    assert!(
        folded.contains("<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>") && folded.contains("<IsTruncated>true")
    );
    let token = folded.split("<NextContinuationToken>").nth(1).unwrap().split('<').next().unwrap();
    let (_, rest, _) = get(&mut store, "GET", &format!("/b?list-type=2&delimiter=/&continuation-token={token}"), &[]);
    assert_eq!(keys(&rest), ["c"]);
    assert!(!rest.contains("<CommonPrefixes>"), "{rest}");
    let (_, below, _) = get(&mut store, "GET", "/b?list-type=2&prefix=a/&encoding-type=url&start-after=a/1", &[]);
    assert_eq!(keys(&below), ["a/2%26"]);
    let (status, whole, headers) = get(&mut store, "GET", "/b/a/1", &[]);
    assert_eq!((status, whole.as_str()), (200, "one"));
    let etag = headers["etag"].clone();
    let (status, part, headers) = get(&mut store, "GET", "/b/a/1", &[("range", "bytes=1-"), ("if-match", &etag)]);
    assert_eq!((status, part.as_str(), headers["content-range"].as_str()), (206, "ne", "bytes 1-2/3"));
    for (path, headers, expected, code) in [
        ("/no?list-type=2", &[][..], 404, "NoSuchBucket"),
        ("/b/late", &[], 404, "NoSuchKey"),
        ("/b/a/1", &[("range", "bytes=9-")], 416, "InvalidRange"),
        ("/b/a/1", &[("if-match", "\"x\"")], 412, "PreconditionFailed"),
        ("/b/a/1", &[("if-none-match", etag.as_str())], 304, ""),
        ("/b", &[], 501, "NotImplemented"),
    ] {
        let (status, text, _) = get(&mut store, "GET", path, headers);
        assert!(status == expected && text.contains(code), "{path}: {status} {text}");
    }
    assert_eq!(get(&mut store, "DELETE", "/b/a/1", &[]).0, 405);
    store.settings.s3 =
        serde_json::from_value(json!({ "denied": [{ "action": "s3:ListBucket", "path": "b" }] })).unwrap();
    let (status, text, _) = get(&mut store, "GET", "/b?list-type=2", &[]);
    assert!(
        status == 403
            && text.contains("is not authorized to perform: s3:ListBucket on resource: &quot;arn:aws:s3:::b&quot;")
    );
    assert_eq!(get(&mut store, "GET", "/b/none", &[]).0, 403, "who may not list is not told what is missing");
}

#[test]
fn every_template_is_used_and_filled() {
    let nodes = ["1", "2", "3", "4"].map(|n| cast::PlayedNode { instance: n.into(), host: n.into(), ip: n.into() });
    let mut scene = Scene { begin: 0, end: 1000, ..Scene::default() };
    cast::place(&mut scene, &nodes, |n| n.to_string());
    for name in data::NAMES {
        let made = text(data::named(name), &cast::seen_from(&scene, "a", "", 0.5));
        assert!(!made.contains("%include") && !made.contains("%end"), "{name}");
    }
}

#[test]
fn what_the_driver_says_of_a_container_the_node_says_too() {
    let store = seeded("container-memory");
    let logs = logs(&store);
    let driver = one(&logs, "_0002_01_000001/stderr");
    let managers: String =
        logs.iter().filter(|(key, _)| key.contains("nodemanager")).map(|(_, text)| text.as_str()).collect();
    let of = |line: &str| line.split("Completed container ").nth(1).map(|rest| rest[..38].trim_end().to_owned());
    let lost: Vec<String> = driver.lines().filter_map(of).collect();
    assert_eq!(lost.len(), 5, "{lost:?}");
    for container in lost {
        assert!(managers.contains(&format!("containerID={container}] is running")), "{container}");
        assert!(logs.keys().any(|key| key.contains(&format!("{container}/stderr"))), "{container}");
    }
}
