//! EMR Serverless applications, which others made and plumb takes down.
//!
//! Facts: botocore's service model `emr-serverless/2021-07-13`: an application is deleted in the states CREATED and
//! STOPPED only; its tags are of its ARN.

use super::ladder::{self, LadderSpec};
use super::old::{self, Old, tags_of, text};
use crate::call::{Call, Method, Settled, Settles, System, percent_encoded};
use crate::emr::time;
use crate::kinds::{
    Findings, Kind, MarkPlace, Named, Pages, Paging, Read, Role, Seen, Step, Unreadable, Unsupported, Verb,
};
use serde_json::{Value, json};

/// Applications of EMR Serverless: a selector, and what is to become of what it matches.
pub struct EmrServerlessApplication;

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

fn busy<'v>(pages: impl Iterator<Item = &'v Value>) -> Vec<String> {
    let runs = pages.filter_map(|page| page["jobRuns"].as_array()).flatten();
    let mut busy: Vec<String> = runs
        .map(|run| format!("job run {} \"{}\" is {}", text(run, "/id"), text(run, "/name"), text(run, "/state")))
        .collect();
    busy.sort();
    busy
}

fn described(answer: &Value, busy: Vec<String>) -> Result<Old, Unreadable> {
    let application = &answer["application"];
    let id = text(application, "/applicationId");
    if id.is_empty() {
        let what = "an EMR Serverless application".into();
        return Err(Unreadable { what, why: "the answer has no id".into() });
    }
    let tags = application["tags"].as_object().into_iter().flatten();
    Ok(Old {
        id,
        name: text(application, "/name"),
        state: text(application, "/state"),
        created: time(application, "/createdAt"),
        tags: tags.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect(),
        protected: false,
        busy,
        secured_by: None,
    })
}

/// The tags of an application are those of its ARN, which the spec of what was read has.
fn tags_path(live: &Seen) -> Result<String, Unsupported> {
    match live.spec["arn"].as_str().filter(|arn| !arn.is_empty()) {
        Some(arn) => Ok(format!("/emr-serverless/tags/{}", percent_encoded(arn))),
        None => Err(Unsupported(format!(
            "application {} has no ARN in EMR's answer, and its tags are those of its ARN: it cannot be marked",
            live.id
        ))),
    }
}

impl Kind for EmrServerlessApplication {
    const NAME: &'static str = "EmrServerlessApplication";
    const SYSTEM: System = System::Emr;
    const NOUN: &'static str = "EMR Serverless application";
    const TITLE: &'static str = "name";
    const TITLE_IS_FREE: bool = false;
    const MARK: MarkPlace = old::MARK;
    const ROLE: Role = Role::Ladder;
    type Spec = LadderSpec;

    fn list() -> Vec<Read> {
        vec![paged(Call::get(System::Emr, PATH))]
    }

    fn observe(listed: &[Pages]) -> Vec<Result<Seen, Unreadable>> {
        let rows = listed.iter().flatten().filter_map(|page| page["applications"].as_array()).flatten();
        let rows = rows.filter(|row| row["state"] != "TERMINATED");
        old::listed(rows, "an EMR Serverless application", ("id", "name", "/state"))
    }

    fn reread(id: &str) -> Vec<Read> {
        vec![Read::single(get(id)), paged(open_runs(id))]
    }

    fn reobserve(reread: &[Pages]) -> Result<Seen, Unreadable> {
        let [application, runs] = reread else {
            return Err(Unreadable { what: "an EMR Serverless application".into(), why: "it was not read".into() });
        };
        let application = application.first().unwrap_or(&Value::Null);
        let mut seen = described(application, busy(runs.iter()))?.seen();
        seen.spec["arn"] = application["application"]["arn"].clone();
        Ok(seen)
    }

    /// An update sets and removes tags, a delete stops the application and deletes it.
    fn calls(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        let Some(live) = step.live else {
            return Err(Unsupported("plumb makes no EMR Serverless applications".into()));
        };
        let mut calls = Vec::new();
        if step.verb == Verb::Delete {
            if !matches!(live.state.as_deref(), Some("CREATED" | "STOPPED")) {
                let settles = Settles { expect: json!({ "state": "STOPPED" }), reads: vec![get(&live.id)] };
                let stop = Call::set(System::Emr, Method::Post, format!("{PATH}/{}/stop", live.id), json!({}));
                calls.push(stop.settles(settles));
            }
            let settles = Settles { expect: json!({ "state": "TERMINATED" }), reads: vec![get(&live.id)] };
            calls.push(Call::delete(System::Emr, format!("{PATH}/{}", live.id)).settles(settles));
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

    fn settled(expect: &Value, looks: &[Value], _memory: &mut Value) -> Settled {
        // What is not found any more is gone; an answer that leaves out the state says nothing.
        let Some(look) = looks.first().filter(|look| !look.is_null()) else { return Settled::Yes };
        let state = text(look, "/application/state");
        match state.as_str() {
            "TERMINATED" => Settled::Yes,
            "" => Settled::NotYet("the answer does not say its state".into()),
            state if expect["state"] == state => Settled::Yes,
            state => Settled::NotYet(format!("it is {state}")),
        }
    }

    fn named(spec: &Value) -> Vec<Named> {
        ladder::named(spec)
    }

    fn check(spec: &LadderSpec, findings: &mut Findings) {
        ladder::check(spec, true, findings);
    }
}
