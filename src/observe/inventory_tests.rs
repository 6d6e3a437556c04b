#![allow(clippy::unwrap_used)]

use super::*;
use crate::services::fake::{Fake, refused};

#[tokio::test]
async fn an_earlier_run_costs_two_requests_and_fails_nothing() {
    let fake = Fake::new(|call: &Call| {
        match (call.path.as_str(), call.body.as_ref().map(|body| body["ClusterId"] == "j-9")) {
            ("/elasticmapreduce/DescribeCluster", Some(false)) => Ok(json!({ "Cluster": { "Id": "j-1" } })),
            ("/elasticmapreduce/ListSteps", Some(false)) => Ok(json!({ "Steps": [] })),
            _ => Err(refused(403, "AccessDenied")),
        }
    });
    let seam: Seam = fake.clone();
    let (read, unread) = earlier_clusters(&seam, vec![json!({ "Id": "j-1" })]).await;
    assert_eq!((read.len(), unread.len(), fake.asked().len()), (1, 0, 2));
    let (read, unread) = earlier_clusters(&seam, vec![json!({ "Id": "j-9" }), json!({ "Id": "j-1" })]).await;
    assert_eq!((read.len(), unread.len(), fake.asked().len()), (1, 1, 5));
    assert_eq!(unread[0].0, "j-9");
}

#[tokio::test]
async fn of_each_job_the_two_runs_before_the_newest_are_read() {
    let fake = Fake::new(|call: &Call| {
        let run = || json!({ "jobRun": { "jobRunId": "x" } });
        if call.path.ends_with("/c") { Err(refused(404, "ResourceNotFoundException")) } else { Ok(run()) }
    });
    let run = |id: &str, name: &str, day: &str| JobRun {
        listed: json!({ "id": id, "name": name, "createdAt": format!("{day}T04:00:00Z") }),
        described: None,
    };
    let runs = vec![
        run("a", "load-2026-08", "2026-09-02"),
        run("b", "load-2026-09", "2026-10-02"),
        run("c", "load-2026-10", "2026-11-02"),
        run("d", "load-2026-11", "2026-12-02"),
        run("e", "mart-2026-11", "2026-12-02"),
    ];
    let application = ServerlessApplication { described: json!({ "applicationId": "00a" }), runs: Some(runs) };
    let mut account = EmrAccount { serverless: vec![application], ..EmrAccount::default() };
    let seam: Seam = fake.clone();
    let unread = earlier_runs(&seam, &mut account).await;
    let asked: Vec<String> = fake.asked().iter().map(|call| call.path.clone()).collect();
    assert_eq!(asked, ["c", "b"].map(|id| format!("/emr-serverless/applications/00a/jobruns/{id}")));
    assert_eq!(unread.len(), 1);
    let read = account.serverless[0].runs.iter().flatten().filter(|run| run.described.is_some());
    assert_eq!(read.map(|run| run.listed["id"].clone()).collect::<Vec<_>>(), ["b"]);
    assert!(account.unknown.is_empty(), "no failure of the import");
}

#[test]
fn windows_cover_all_time_and_meet() {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let now = time("2026-03-10T00:00:00Z").unwrap();
    assert_eq!(windows(None, now), [(None, None)]);
    let (first, second) = (time("2026-01-01T00:00:00Z"), time("2026-01-31T00:00:00Z"));
    let third = time("2026-03-02T00:00:00Z");
    assert_eq!(windows(first, now), [(first, second), (second, third), (third, None)]);
    let later = time("2027-01-01T00:00:00Z");
    assert_eq!(windows(later, now), [(later, None)]);
}

/// An account that pages as EMR does, fifty clusters at a time, and knows what it was asked.
struct FakeAccount {
    listing: Vec<Value>,
    /// What is described otherwise than it is listed.
    described: BTreeMap<String, Value>,
    /// Operations and clusters that are answered with `NoSuchCluster`.
    gone: Vec<(&'static str, &'static str)>,
}

impl FakeAccount {
    fn of(listing: Vec<Value>) -> Self {
        FakeAccount { listing, described: BTreeMap::new(), gone: Vec::new() }
    }

    fn answer(&self, call: &Call) -> Result<Value, ServiceError> {
        let body = call.body.clone().unwrap_or_default();
        let id = body["ClusterId"].as_str().unwrap_or_default();
        let name = call.path.trim_start_matches("/elasticmapreduce/");
        let marker = call.query.iter().find_map(|(key, value)| (key == "Marker").then_some(value));
        if self.gone.iter().any(|(what, of)| *what == name && *of == id) {
            let ServiceError::Refused { line, status, code, request_id, retry_after, doubt, .. } =
                refused(400, "InvalidRequestException")
            else {
                panic!("it is a refusal")
            };
            let message = format!("NoSuchCluster: Cluster id '{id}' is not valid.");
            return Err(ServiceError::Refused { line, status, code, message, request_id, retry_after, doubt });
        }
        Ok(match name {
            "ListClusters" => {
                let from: usize = marker.map_or(0, |marker| marker.parse().unwrap());
                let to = self.listing.len().min(from + 50);
                let mut page = json!({ "Clusters": self.listing[from..to] });
                if to < self.listing.len() {
                    page["Marker"] = json!(to.to_string());
                }
                page
            }
            "DescribeCluster" => {
                let listed = self.listing.iter().find(|entry| entry["Id"] == id).unwrap();
                json!({ "Cluster": self.described.get(id).unwrap_or(listed) })
            }
            "ListSteps" => json!({ "Steps": [{ "Id": "s-1", "Name": "load", "Status": { "State": "COMPLETED" },
                "Config": { "Jar": "command-runner.jar", "Args": ["spark-submit", "s3://code/load.py"] } }] }),
            "ListInstanceGroups" => json!({ "InstanceGroups": [] }),
            "ListBootstrapActions" => json!({ "BootstrapActions": [] }),
            "ListSecurityConfigurations" => json!({ "SecurityConfigurations": [] }),
            "GetManagedScalingPolicy" | "GetAutoTerminationPolicy" => json!({}),
            "/emr-serverless/applications" => json!({ "applications": [] }),
            other => panic!("{other}"),
        })
    }
}

const FIRST: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

fn listed(id: usize, name: &str, state: &str, day: i64) -> Value {
    let created = FIRST + day * DAY;
    let times = json!({ "CreationDateTime": created, "ReadyDateTime": created + 300, "EndDateTime": created + 3600 });
    json!({ "Id": format!("j-{id}"), "Name": name, "NormalizedInstanceHours": 8, "ClusterArn": "arn",
            "Status": { "State": state, "StateChangeReason": { "Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed" },
                        "Timeline": times } })
}

/// A year of six pipelines that run each day, the newest first.
fn year(clusters: usize) -> Vec<Value> {
    let day = |at: usize| FIRST + i64::try_from(at / 6).unwrap() * DAY;
    let name = |at: usize| {
        let date = Timestamp::from_second(day(at)).unwrap().strftime("%Y-%m-%d").to_string();
        format!("pipeline-{}-{date}", ["a", "b", "c", "d", "e", "f"][at % 6])
    };
    (0..clusters).rev().map(|at| listed(at, &name(at), "TERMINATED", i64::try_from(at / 6).unwrap())).collect()
}

struct Deaf;
impl InventoryWatch for Deaf {
    fn listed(&self, _: &str, _: usize) {}
}

/// What is read of it, and how often each operation was asked.
async fn read_all(of: FakeAccount, limits: ReadLimits) -> (EmrAccount, BTreeMap<String, usize>) {
    let fake = Fake::new(move |call: &Call| of.answer(call));
    let now = Timestamp::from_second(FIRST + 400 * DAY).unwrap();
    let account = read(fake.clone(), None, limits, now, &Deaf).await.unwrap();
    let mut asked = BTreeMap::new();
    for call in fake.asked() {
        *asked.entry(call.path.trim_start_matches("/elasticmapreduce/").to_owned()).or_default() += 1;
    }
    (account, asked)
}

#[tokio::test]
async fn requests_grow_with_pages_and_pipelines_and_not_with_clusters() {
    let mut before = None;
    for clusters in [240, 2000] {
        let (account, mut asked) = read_all(FakeAccount::of(year(clusters)), ReadLimits::default()).await;
        assert_eq!(account.clusters.len(), clusters);
        let all: usize = asked.values().sum();
        assert_eq!(asked.remove("ListClusters"), Some(clusters.div_ceil(50)));
        assert_eq!((asked["DescribeCluster"], asked["ListSteps"], asked["ListInstanceGroups"]), (12, 42, 6));
        assert!(all <= 150, "{all} requests for {clusters} clusters");
        assert!(before.is_none_or(|before| before == asked), "beside the pages nothing grows: {asked:?}");
        before = Some(asked);
        let now = Timestamp::from_second(FIRST + 400 * DAY).unwrap();
        let inventory = plumb_core::inventory::inventory("1", "r", now, None, &account);
        assert_eq!((inventory.clusters, inventory.pipelines.len()), (clusters, 6));
        for pipeline in &inventory.pipelines {
            let known = (pipeline.clusters, pipeline.runs.len(), pipeline.duration.as_ref().unwrap().count);
            assert!(known.0 == known.1 && known.1 == known.2, "times are those of the listing: {known:?}");
            assert_eq!((pipeline.described, pipeline.steps_read), (2, 7));
            assert_eq!(pipeline.normalized_instance_hours, 8 * pipeline.clusters as u64);
        }
        let not_asked = &inventory.not_asked;
        assert_eq!((not_asked.descriptions, not_asked.steps, not_asked.pipelines), (clusters - 12, clusters - 42, 0));
        assert!(not_asked.says[0].starts_with(&format!("{} ended clusters were not described", clusters - 12)));
    }
}

#[tokio::test]
async fn what_lives_is_asked_and_a_description_is_newer_than_the_listing() {
    let mut of = FakeAccount::of(year(120));
    for (at, entry) in of.listing.iter_mut().enumerate().skip(80).take(10) {
        entry["Status"]["State"] = json!(["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING", "TERMINATING"][at % 5]);
    }
    // One of them ends before it is described.
    let id = of.listing[80]["Id"].as_str().unwrap().to_owned();
    of.described.insert(id.clone(), listed(0, "x", "TERMINATED_WITH_ERRORS", 9));
    let (account, asked) = read_all(of, ReadLimits::default()).await;
    assert_eq!(asked["DescribeCluster"], 22);
    let cluster = account.clusters.iter().find(|cluster| cluster.id() == id).unwrap();
    assert_eq!(cluster.summary()["Status"]["State"], "TERMINATED_WITH_ERRORS");
    let inventory = plumb_core::inventory::inventory("1", "r", Timestamp::UNIX_EPOCH, None, &account);
    assert_eq!(inventory.pipelines.iter().map(|one| one.live).sum::<usize>(), 9);
}

#[tokio::test]
async fn names_without_a_pattern_cost_no_more_than_the_limit() {
    let letters = |at: usize| -> String {
        [at / 400, at / 20, at].iter().map(|part| char::from(b"ghijklmnopqrstuvwxyz"[part % 20])).collect()
    };
    let listing = (0..1000).map(|at| listed(at, &letters(at), "TERMINATED", 3)).collect();
    let (account, asked) = read_all(FakeAccount::of(listing), ReadLimits { runs: 6, pipelines: 10 }).await;
    assert_eq!((asked["DescribeCluster"], asked["ListSteps"], asked["ListInstanceGroups"]), (10, 10, 10));
    let now = Timestamp::from_second(FIRST + 400 * DAY).unwrap();
    let inventory = plumb_core::inventory::inventory("1", "r", now, None, &account);
    assert_eq!((inventory.pipelines.len(), inventory.not_asked.pipelines), (1000, 990));
    let options = plumb_core::translate::TranslationOptions::new(Vec::new());
    let report = plumb_core::migrate::exit::report(inventory, &account, &options, None);
    let unknown: Vec<_> = report.ranking.iter().filter(|row| row.light.is_none()).collect();
    assert_eq!(unknown.len(), 990, "what was not asked has no light");
    assert!(unknown.iter().all(|row| row.wave.is_none() && row.hours == Some(8)));
    assert_eq!(report.waves.len(), 10, "nobody knows what ties the others");
    let text = plumb_core::render::emr::text(&report, 100);
    assert!(
        text.contains("990 pipelines") && text.contains("--max-pipelines") && text.contains("(not asked)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_listing_that_repeats_itself_or_leaves_out_is_read_as_it_is() {
    let mut listing = year(60);
    // A cluster is added while pages are read: the last of a page is the first of the next.
    listing.insert(50, listing[49].clone());
    let odd = [Value::Null, json!({ "Name": "x" }), json!({ "Id": null }), json!({ "Id": 7 })];
    listing.extend(odd);
    listing.push(json!({ "Id": "j-new", "Name": null, "Status": null }));
    let (account, asked) = read_all(FakeAccount::of(listing), ReadLimits::default()).await;
    assert_eq!(account.clusters.len(), 61);
    assert_eq!((asked["ListClusters"], asked["DescribeCluster"]), (2, 13));
    let nameless = account.clusters.iter().find(|cluster| cluster.id() == "j-new").unwrap();
    assert!(nameless.described.is_some() && nameless.steps.is_some(), "a state that is not said is none that ended");
}

#[tokio::test]
async fn what_aws_forgets_meanwhile_is_gone_and_the_one_before_tells() {
    let mut of = FakeAccount::of(year(120));
    // The newest of two pipelines, before it is described and before its steps are listed.
    of.gone = vec![("DescribeCluster", "j-119"), ("ListSteps", "j-118")];
    let (account, _) = read_all(of, ReadLimits::default()).await;
    assert_eq!(account.clusters.len(), 118);
    let inventory = plumb_core::inventory::inventory("1", "r", Timestamp::UNIX_EPOCH, None, &account);
    assert!(inventory.pipelines.iter().all(|pipeline| pipeline.described > 0 && pipeline.stays_alive.is_some()));
    assert_eq!(inventory.pipelines.iter().filter(|pipeline| pipeline.nodes.is_none()).count(), 2, "not known");
}
