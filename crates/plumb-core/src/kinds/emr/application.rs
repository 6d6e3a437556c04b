//! EMR Serverless applications, which others made and plumb deletes.
//!
//! Facts: botocore's service model `emr-serverless/2021-07-13`: an application is deleted in the states CREATED and
//! STOPPED only; its tags are of its ARN.

use super::api::time;
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::old::{self, Old, tags_of, text};
use crate::kinds::teardown::{GoesAfter, TeardownKind};
use crate::kinds::teardown_spec::{self, TeardownSpec};
use crate::kinds::{
    Impact, ImpactClass, Kind, MarkPlace, Named, Observed, Role, SpecType, Step, Unreadable, Unsupported, Verb, reading,
};
use plumb_model::call::{Call, Method, Ready, System, WaitFor};
use plumb_model::read::{Pages, Paging, Read};
use plumb_model::text::percent_encoded;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Applications of EMR Serverless: a selector, and what is to become of what it matches.
pub struct EmrServerlessApplication;

impl EmrServerlessApplication {
    /// The name in manifests.
    pub const NAME: &'static str = "EmrServerlessApplication";
}

const PATH: &str = "/emr-serverless/applications";
/// States of job runs that have yet to end.
const OPEN: [&str; 6] = ["SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "CANCELLING", "QUEUED"];

fn paged(call: Call) -> Read {
    Read { call, paging: Paging::Token { param: "nextToken", next: "/nextToken" } }
}

fn get(id: &str) -> Call {
    Call::get(System::Emr, format!("{PATH}/{id}"))
}

fn open_runs(id: &str) -> Call {
    let call = Call::get(System::Emr, format!("{PATH}/{id}/jobruns"));
    OPEN.iter().fold(call, |call, state| call.query("states", *state))
}

/// The job runs that have yet to end. That there are none has to be said: an application that may be busy is not stopped.
fn busy(pages: &Pages) -> Result<Vec<String>, String> {
    let mut busy = Vec::new();
    for page in pages {
        let runs = page["jobRuns"].as_array().ok_or("its job runs cannot be seen")?;
        busy.extend(
            runs.iter().map(|run| {
                format!("job run {} \"{}\" is {}", text(run, "/id"), text(run, "/name"), text(run, "/state"))
            }),
        );
    }
    busy.sort();
    Ok(busy)
}

fn described(answer: &Value, runs: &Pages) -> Result<Old, Unreadable> {
    let application = &answer["application"];
    let id = application["applicationId"].as_str().filter(|id| !id.is_empty());
    let refuse = |why: String| Unreadable::of(&EmrServerlessApplication, id, Some(application), why);
    let id = id.ok_or_else(|| refuse("the answer has no id".into()))?;
    let state = reading::text(application, "state").map_err(refuse)?;
    let busy = busy(runs).map_err(refuse)?;
    Ok(Old {
        id: id.to_owned(),
        name: reading::text(application, "name").map_err(refuse)?.unwrap_or_default().to_owned(),
        state: state.ok_or_else(|| refuse("the answer has no state".into()))?.to_owned(),
        created: time(application, "/createdAt"),
        tags: tags(application).map_err(refuse)?,
        protected: false,
        busy,
        secured_by: None,
    })
}

fn tags(application: &Value) -> Result<BTreeMap<String, String>, String> {
    match &application["tags"] {
        Value::Null => Ok(BTreeMap::new()),
        tags => serde_json::from_value(tags.clone()).map_err(|_| "its tags are no map of texts".to_owned()),
    }
}

/// The tags of an application are those of its ARN, which the spec of what was read has.
fn tags_path(live: &Observed) -> Result<String, Unsupported> {
    match live.spec["arn"].as_str().filter(|arn| !arn.is_empty()) {
        Some(arn) => Ok(format!("/emr-serverless/tags/{}", percent_encoded(arn))),
        None => Err(Unsupported(format!(
            "application {} has no ARN in EMR's answer, and its tags are those of its ARN: it cannot be marked",
            live.id
        ))),
    }
}

impl TeardownKind for EmrServerlessApplication {
    fn goes_after(&self) -> Option<GoesAfter> {
        Some(GoesAfter { kind: EmrCluster::NAME, uses: None })
    }

    fn loses(&self) -> Impact {
        ImpactClass::LosesData.says(format!("the {} is deleted for good", self.noun()))
    }
}

impl Kind for EmrServerlessApplication {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Emr
    }
    fn noun(&self) -> &'static str {
        "EMR Serverless application"
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
    fn role(&self) -> Role {
        Role::Teardown
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> =
            LazyLock::new(|| SpecType::of(|spec: &TeardownSpec, findings| teardown_spec::check(spec, true, findings)));
        &SPEC
    }

    fn list(&self) -> Vec<Read> {
        vec![paged(Call::get(System::Emr, PATH))]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        reading::rows(self, listed, "applications", |row| {
            (row["state"] != "TERMINATED").then(|| old::listed(self, row, "id", "name", "/state"))
        })
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        vec![Read::single(get(id)), paged(open_runs(id))]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let [application, runs] = pages else {
            return Err(Unreadable::unknown("an EMR Serverless application", "it was not read"));
        };
        let application = application.first().unwrap_or(&Value::Null);
        let mut seen = described(application, runs)?.seen();
        seen.spec["arn"] = application["application"]["arn"].clone();
        Ok(seen)
    }

    /// An update sets and removes tags, a delete stops the application and deletes it.
    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let Some(live) = step.live else {
            return Err(Unsupported("plumb makes no EMR Serverless applications".into()));
        };
        let mut calls = Vec::new();
        if step.verb == Verb::Delete {
            if !matches!(live.state.as_deref(), Some("CREATED" | "STOPPED")) {
                let wait_for = WaitFor { expect: json!({ "state": "STOPPED" }), reads: vec![get(&live.id)] };
                let stop = Call::set(System::Emr, Method::Post, format!("{PATH}/{}/stop", live.id), json!({}));
                calls.push(stop.wait_for(wait_for));
            }
            let wait_for = WaitFor { expect: json!({ "state": "TERMINATED" }), reads: vec![get(&live.id)] };
            calls.push(Call::delete(System::Emr, format!("{PATH}/{}", live.id)).wait_for(wait_for));
            return Ok(calls);
        }
        let (set, off) = tags_of(step.body);
        if !set.is_empty() {
            calls.push(Call::set(System::Emr, Method::Post, tags_path(live)?, json!({ "tags": set })));
        }
        if !off.is_empty() {
            let mut call = Call::delete(System::Emr, tags_path(live)?);
            call.query = off.into_iter().map(|key| ("tagKeys".to_owned(), key)).collect();
            calls.push(call);
        }
        Ok(calls)
    }

    fn settled(&self, expect: &Value, looks: &[Value], _memory: &mut Value) -> Ready {
        // What is not found any more is gone; an answer that leaves out the state says nothing.
        let Some(look) = looks.first().filter(|look| !look.is_null()) else { return Ready::Yes };
        let state = text(look, "/application/state");
        match state.as_str() {
            "TERMINATED" => Ready::Yes,
            "" => Ready::NotYet("the answer does not say its state".into()),
            state if expect["state"] == state => Ready::Yes,
            state => Ready::NotYet(format!("it is {state}")),
        }
    }

    fn named(&self, spec: &Value) -> Vec<Named> {
        teardown_spec::named(spec)
    }
}
