//! EMR clusters, which others made and plumb terminates.
//!
//! Facts: botocore's service model `emr/2009-03-31`; `TerminateJobFlows` of several clusters ends the unprotected ones
//! even when it fails for a protected one, so each gets a call of its own; a cluster whose last step has ended and that is
//! not to be kept alive ends by itself whatever its protection says.

use super::api::{operation, time};
use crate::kinds::old::{self, Old, tags_of, text};
use crate::kinds::teardown::{Ending, TeardownKind};
use crate::kinds::teardown_spec::{self, TeardownSpec};
use crate::kinds::{
    Impact, ImpactClass, Kind, MarkPlace, Named, Observed, Role, SpecType, Step, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Ready, System, WaitFor};
use plumb_model::read::{Pages, Paging, Read};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Clusters of EMR: a selector, and what is to become of what it matches.
pub struct EmrCluster;

impl EmrCluster {
    /// The name in manifests.
    pub const NAME: &'static str = "EmrCluster";
}

/// States in which a cluster costs money and can be acted on.
const ALIVE: [&str; 4] = ["STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING"];
/// States of steps that have yet to end.
const OPEN: [&str; 3] = ["PENDING", "CANCEL_PENDING", "RUNNING"];

fn describe(id: &str) -> Call {
    operation("DescribeCluster", json!({ "ClusterId": id }))
}

fn open_steps(id: &str) -> Call {
    operation("ListSteps", json!({ "ClusterId": id, "StepStates": OPEN }))
}

fn marked(call: Call) -> Read {
    Read { call, paging: Paging::Token { param: "Marker", next: "/Marker" } }
}

/// Whether a cluster has ended or is about to.
fn is_over(state: &str) -> bool {
    !ALIVE.contains(&state)
}

fn tags(cluster: &Value) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    for tag in reading::list(cluster, "Tags")? {
        let key = reading::text(tag, "Key")?.ok_or("a tag has no key")?;
        tags.insert(key.to_owned(), reading::text(tag, "Value")?.unwrap_or_default().to_owned());
    }
    Ok(tags)
}

/// The tags as a mark is looked for in them; not a map when they cannot be read.
fn cluster_tags(cluster: &Value) -> Value {
    tags(cluster).map_or(Value::Bool(false), |tags| json!(tags))
}

/// The steps that have yet to end. That there are none has to be said: a cluster that may be at work is not ended.
fn busy<'v>(pages: impl IntoIterator<Item = &'v Value>) -> Result<Vec<String>, String> {
    let mut busy = Vec::new();
    for page in pages {
        let steps = page["Steps"].as_array().ok_or("its steps cannot be seen")?;
        busy.extend(steps.iter().map(|step| {
            let (id, state) = (text(step, "/Id"), text(step, "/Status/State"));
            format!("step {id} \"{}\" is {state}", text(step, "/Name"))
        }));
    }
    busy.sort();
    Ok(busy)
}

fn described<'v>(answer: &Value, steps: impl IntoIterator<Item = &'v Value>) -> Result<Old, Unreadable> {
    let cluster = &answer["Cluster"];
    let id = cluster["Id"].as_str().filter(|id| !id.is_empty());
    let named = json!({ "name": cluster["Name"], "tags": cluster_tags(cluster) });
    let refuse = |why: String| Unreadable::of(&EmrCluster, id, Some(&named), why);
    let id = id.ok_or_else(|| refuse("the answer has no id".into()))?.to_owned();
    let name = reading::text(cluster, "Name").map_err(refuse)?.unwrap_or_default().to_owned();
    let state = cluster.pointer("/Status/State").and_then(Value::as_str).filter(|state| !state.is_empty());
    let state = state.ok_or_else(|| refuse("the answer has no state".into()))?.to_owned();
    let (tags, busy) = (tags(cluster).map_err(refuse)?, busy(steps).map_err(refuse)?);
    // What is not said is not taken for off: a cluster that may be protected is treated as one that is.
    let protected = cluster["TerminationProtected"] != false;
    Ok(Old {
        id,
        name,
        state,
        created: time(cluster, "/Status/Timeline/CreationDateTime"),
        tags,
        protected,
        busy,
        secured_by: Some(text(cluster, "/SecurityConfiguration")).filter(|name| !name.is_empty()),
    })
}

/// Whether the cluster may be terminated now that its protection was taken off.
fn may_end(looks: &[Value], expect: &Value) -> Ready {
    let [cluster, steps] = looks else { return Ready::Never("the cluster was not looked at".into()) };
    let old = match described(cluster, [steps]) {
        Ok(old) => old,
        Err(e) => return Ready::Never(e.why),
    };
    if is_over(&old.state) {
        Ready::Yes
    } else if json!(old.tags) != expect["tags"] {
        Ready::Never("its tags are not what they were; nothing was terminated, its protection is off".into())
    } else if !old.busy.is_empty() {
        Ready::Never(format!(
            "{}; nothing was terminated, its protection is off, and the next apply goes on from there",
            old.busy.join(", ")
        ))
    } else if old.protected {
        Ready::NotYet("its protection is still on".into())
    } else {
        Ready::Yes
    }
}

fn end(live: &Observed) -> Result<Vec<Call>, Unsupported> {
    let old = Old::of(live).ok_or_else(|| Unsupported(format!("cluster {} was not read", live.id)))?;
    let id = &old.id;
    let mut calls = Vec::new();
    if old.protected {
        let body = json!({ "JobFlowIds": [id], "TerminationProtected": false });
        let reads = vec![describe(id), open_steps(id)];
        let wait_for = WaitFor { expect: json!({ "may": "end", "tags": old.tags }), reads };
        calls.push(operation("SetTerminationProtection", body).wait_for(wait_for));
    }
    let wait_for = WaitFor { expect: json!({ "state": "over" }), reads: vec![describe(id)] };
    calls.push(operation("TerminateJobFlows", json!({ "JobFlowIds": [id] })).wait_for(wait_for));
    Ok(calls)
}

impl TeardownKind for EmrCluster {
    fn ending(&self) -> Ending {
        Ending::Terminate
    }

    fn loses(&self) -> Impact {
        ImpactClass::LosesData.says("the cluster ends for good, with what is in its HDFS and on its disks")
    }
}

impl Kind for EmrCluster {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Emr
    }
    fn noun(&self) -> &'static str {
        "EMR cluster"
    }
    fn title(&self) -> &'static str {
        "name"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        old::MARK
    }
    fn page(&self) -> Option<&'static str> {
        // apache/airflow, `providers/amazon/aws/links/emr.py`.
        Some("clusterDetails")
    }
    fn role(&self) -> Role {
        Role::Teardown
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> =
            LazyLock::new(|| SpecType::of(|spec: &TeardownSpec, findings| teardown_spec::check(spec, true, findings)));
        &SPEC
    }

    /// Those that have not ended, and are not about to.
    fn list(&self) -> Vec<Read> {
        vec![marked(operation("ListClusters", json!({ "ClusterStates": ALIVE })))]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "Clusters", |row| Some(old::listed(self, row, "Id", "Name", "/Status/State")))
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(describe(id)), marked(open_steps(id))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let [cluster, steps] = pages else {
            return Err(Unreadable::unknown("an EMR cluster", "it was not read"));
        };
        described(cluster.first().unwrap_or(&Value::Null), steps).map(Old::seen)
    }

    /// An update sets and removes tags, a delete terminates the cluster.
    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let Some(live) = step.live else { return Err(Unsupported("plumb makes no EMR clusters".into())) };
        if step.verb == Verb::Delete {
            return end(live);
        }
        let (set, off) = tags_of(step.body);
        let mut calls = Vec::new();
        if !set.is_empty() {
            let rows: Vec<Value> = set.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            calls.push(operation("AddTags", json!({ "ResourceId": live.id, "Tags": rows })));
        }
        if !off.is_empty() {
            calls.push(operation("RemoveTags", json!({ "ResourceId": live.id, "TagKeys": off })));
        }
        Ok(calls)
    }

    fn settled(&self, expect: &Value, looks: &[Value], _memory: &mut Value) -> Ready {
        if expect["may"] == "end" {
            return may_end(looks, expect);
        }
        // EMR forgets what ended long ago.
        let Some(look) = looks.first().filter(|look| !look.is_null()) else { return Ready::Yes };
        let state = text(look, "/Cluster/Status/State");
        match state.as_str() {
            "TERMINATED" | "TERMINATED_WITH_ERRORS" => Ready::Yes,
            "" => Ready::NotYet("the answer does not say its state".into()),
            state => Ready::NotYet(format!("it is {state}")),
        }
    }

    fn named(&self, spec: &Value) -> Vec<Named> {
        teardown_spec::named(spec)
    }
}
