//! Airflow DAGs: a schedule whose file plumb writes, or one of others that plumb pauses and starts.
//!
//! The live object is the file, whose first line is the mark; what Airflow says of the DAG (paused, stale, an import
//! error, tags) completes it. A change writes the file, waits until Airflow has parsed that very version, and only then
//! switches the DAG on. A delete first takes the DAG out of the file and keeps the mark, until Airflow has let go of it.

use super::connection::AirflowConnection;
use super::dag_check;
use super::dag_live::{self, in_short, is_about, is_stale};
use super::dag_runs::{self, Due};
use super::dag_spec::DagSpec;
use super::pool::AirflowPool;
use super::python::{self, HEADER};
use crate::kinds::databricks::job::DatabricksJob;
use crate::kinds::teardown::StarterKind;
use crate::kinds::{
    Impact, ImpactClass, Kind, LookedUp, MarkPlace, Observed, RunNow, SpecType, StartRule, Step, UnknownSettings,
    Unreadable, Unsupported, Verb,
};
use plumb_model::call::{Call, Method, Ready, System, WaitFor};
use plumb_model::read::{Pages, Read};
use plumb_model::text::percent_encoded;
use plumb_model::yaml::{Node, Tree};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A DAG: its file and Airflow's REST API v2.
pub struct AirflowDag;

impl AirflowDag {
    /// The name in manifests.
    pub const NAME: &'static str = "AirflowDag";
}

/// The most runs that a plan counts when all missed ticks are made up for.
const MOST_COUNTED: usize = 1000;

pub(super) fn pause(id: &str, on: bool) -> Call {
    // Ids of others may hold letters of any script.
    let path = format!("/api/v2/dags/{}", percent_encoded(id));
    Call::set(System::Airflow, Method::Patch, path, json!({ "is_paused": on })).query("update_mask", "is_paused")
}

/// The errors of files that Airflow could not import.
fn import_errors() -> Read {
    Read::offsets(Call::get(System::Airflow, "/api/v2/importErrors"), "import_errors", "import_error_id")
}

fn look(path: String) -> Call {
    Call::get(System::Airflow, path)
}

/// The file's call, which waits until Airflow has parsed just this text.
fn put(file: &str, id: &str, text: &str) -> Call {
    // The newest first: those of this file are among them.
    let errors = look("/api/v2/importErrors".to_owned()).query("limit", "100").query("order_by", "-timestamp");
    let wait_for = WaitFor {
        expect: json!({ "parsed": text, "file": file }),
        reads: vec![look(format!("/api/v2/dags/{id}")), look(format!("/api/v2/dagSources/{id}")), errors],
    };
    write(file, id, text).wait_for(wait_for)
}

fn write(file: &str, id: &str, text: &str) -> Call {
    let body = json!({ "text": text, "dag_id": id });
    Call::set(System::DagFiles, Method::Put, format!("/dags/{file}"), body)
}

/// The call that writes a live DAG's file as a spec has it, the mark included.
pub(super) fn put_of(live: &Observed, body: &Value) -> Result<Call, Unsupported> {
    let (text, spec) = text_of(body)?;
    let id = dag_id(&spec)?;
    let file = fact(Some(live), "file").map_or_else(|| python::file_name(id), str::to_owned);
    Ok(put(&file, id, &text))
}

/// The text of the DAG's file as a spec has it.
fn text_of(body: &Value) -> Result<(String, DagSpec), Unsupported> {
    if body.to_string().contains("${secret.") {
        return Err(Unsupported(
            "a secret would stand in the DAG file, where everybody can read it: keep it in an AirflowConnection or an \
             AirflowVariable and name that"
                .to_owned(),
        ));
    }
    let spec: DagSpec =
        serde_json::from_value(body.clone()).map_err(|e| Unsupported(format!("the spec cannot be read: {e}")))?;
    let text = match body.get(HEADER).and_then(Value::as_str) {
        Some(mark) => python::write(&spec, mark),
        None => python::released(&spec),
    };
    Ok((text, spec))
}

fn dag_id(spec: &DagSpec) -> Result<&str, Unsupported> {
    spec.dag_id.as_deref().ok_or_else(|| Unsupported("the manifest has no `dag_id`".to_owned()))
}

fn is_external(spec: &Value) -> bool {
    spec.get("source").and_then(Value::as_str) == Some("external")
}

fn fact<'s>(live: Option<&'s Observed>, name: &str) -> Option<&'s str> {
    live?.facts.get(name)?.as_str()
}

fn is_known(live: Option<&Observed>) -> bool {
    live.is_some_and(|seen| seen.facts["known"] == true)
}

/// The calls for a DAG of others: all that can be done is to pause it and to start it.
fn external(step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
    if step.verb != Verb::Update {
        return Err(Unsupported("a DAG with `source: external` is made and deleted by others".to_owned()));
    }
    if step.changes_beyond(&["paused"]) {
        return Err(Unsupported(
            "only `paused` can be set from outside; its tags come from the code that defines it".to_owned(),
        ));
    }
    Ok(vec![pause(step.id(), step.body["paused"] == true)])
}

fn delete(step: &Step<'_>) -> Vec<Call> {
    let id = step.id();
    let file = fact(step.live, "file").map_or_else(|| python::file_name(id), str::to_owned);
    let mark = step.live.and_then(|l| l.facts.get(HEADER)?.as_str()).unwrap_or_default();
    let gone = WaitFor { expect: json!({ "stale": true }), reads: vec![look(format!("/api/v2/dags/{id}"))] };
    let mut calls = Vec::new();
    if is_known(step.live) {
        calls.push(pause(id, true).gone_is_done());
    }
    calls.push(write(&file, id, &python::tombstone(mark)).wait_for(gone));
    // Airflow refuses while tasks of it run.
    let forget =
        Call { body: None, ..Call::set(System::Airflow, Method::Delete, format!("/api/v2/dags/{id}"), Value::Null) };
    calls.push(forget.gone_is_done().waits_out_state());
    let remove =
        Call { body: None, ..Call::set(System::DagFiles, Method::Delete, format!("/dags/{file}"), Value::Null) };
    calls.push(remove.gone_is_done());
    calls
}

/// Whether the step switches the DAG on.
fn switches_on(step: &Step<'_>) -> bool {
    let wanted = step.body.get("paused") != Some(&Value::Bool(true));
    let was_on = step.live.is_some_and(|l| l.spec["paused"] == false);
    step.verb != Verb::Delete && wanted && !was_on
}

fn parsed(expect: &Value, text: &str, looks: &[Value], memory: &mut Value) -> Ready {
    let [dag, source, errors] = looks else { return Ready::Never("the reads do not fit".to_owned()) };
    let content = source.get("content").and_then(Value::as_str).unwrap_or_default();
    let is_this = !content.is_empty() && content.trim_end() == text.trim_end();
    if is_this && dag.is_object() && !is_stale(dag) && dag["has_import_errors"] != true {
        return Ready::Yes;
    }
    let file = expect["file"].as_str().unwrap_or_default();
    let error = errors["import_errors"].as_array().into_iter().flatten().find(|e| is_about(e, file));
    let at = error.map(|e| e["timestamp"].clone());
    // An error that was there at the first look may be of the file before. Airflow renews its time with each parse: the
    // parse that was going on when the file was written gives the second time at most, so the third is of this file.
    let seen = memory.as_array().cloned().unwrap_or_default();
    let first_look = memory.is_null();
    let times: Vec<Value> = seen.iter().cloned().chain(at.clone().filter(|t| !seen.contains(t))).collect();
    let was_clean = !first_look && memory.get(0) == Some(&Value::Null);
    *memory = if first_look { json!([at]) } else { Value::from(times.clone()) };
    match error {
        Some(error) if !first_look && (was_clean || times.len() >= 3) => {
            let (what, line) = in_short(error, file);
            let place = line.map_or_else(String::new, |line| {
                let said = text.lines().nth(line - 1).map_or_else(String::new, |l| format!(": `{}`", l.trim()));
                let from = python::place_of(text, line).map_or_else(String::new, |p| format!(", written for spec.{p}"));
                format!(" in line {line} of {file}{said}{from}")
            });
            Ready::Never(format!("Airflow cannot import it: {what}{place}; the DAG was not switched on"))
        }
        Some(_) => Ready::NotYet(format!("Airflow still has an import error of {file}")),
        None if is_this => Ready::NotYet("Airflow has parsed the file and not taken the DAG in".to_owned()),
        None if content.is_empty() => Ready::NotYet(format!("Airflow has not parsed {file} yet")),
        None => Ready::NotYet(format!("Airflow still has another version of {file}")),
    }
}

impl StarterKind for AirflowDag {
    fn is_paused(&self, spec: &Value) -> Option<bool> {
        spec["paused"].as_bool()
    }
}

impl Kind for AirflowDag {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn system(&self) -> System {
        System::Airflow
    }
    fn noun(&self) -> &'static str {
        "DAG"
    }
    fn page(&self) -> Option<&'static str> {
        // Airflow 2's `www/views.py` sends it on to the grid, Airflow 3 has the page there.
        Some("dags")
    }
    fn title(&self) -> &'static str {
        "dag_id"
    }
    fn title_is_free(&self) -> bool {
        false
    }
    fn mark(&self) -> MarkPlace {
        MarkPlace::Line(HEADER)
    }
    /// What a person wrote into plumb's file is drift, whatever it is, and is taken back.
    fn loose(&self) -> &'static [&'static str] {
        &["*"]
    }
    fn spec(&self) -> &'static SpecType {
        static SPEC: LazyLock<SpecType> = LazyLock::new(|| SpecType::of(dag_check::check));
        &SPEC
    }

    fn assumed(&self, name: &str, spec: &Node) -> Vec<(&'static str, Tree)> {
        let id = ("dag_id", Tree::Str(name.replace('-', "_")));
        match spec.get("source").and_then(Node::as_str) {
            Some("external") => vec![id],
            _ => vec![id, ("paused", Tree::Bool(false))],
        }
    }

    fn is_external(&self, spec: &Value) -> bool {
        is_external(spec)
    }

    fn has_externals(&self) -> bool {
        true
    }

    fn list(&self) -> Vec<Read> {
        let dags =
            Call::get(System::Airflow, "/api/v2/dags").query("exclude_stale", "false").query("order_by", "dag_id");
        vec![Read::single(Call::get(System::DagFiles, "/dags")), Read::offsets(dags, "dags", "dag_id"), import_errors()]
    }

    fn parse(&self, listed: &[Pages]) -> Vec<Result<Observed, Unreadable>> {
        dag_live::observe(listed)
    }

    fn read_one(&self, id: &str) -> Vec<Read> {
        let files = Call::get(System::DagFiles, "/dags").query("dag_id", id);
        let dags =
            Call::get(System::Airflow, "/api/v2/dags").query("exclude_stale", "false").query("dag_id_pattern", id);
        vec![Read::single(files), Read::offsets(dags, "dags", "dag_id"), import_errors()]
    }

    fn parse_one(&self, pages: &[Pages]) -> Result<Observed, Unreadable> {
        let asked = pages.first().and_then(|pages| pages.first()?.get("dag_id")?.as_str()).unwrap_or_default();
        let mut gone = Unreadable::unknown(format!("DAG {asked}"), "it is gone");
        for seen in dag_live::observe(pages) {
            match seen {
                Ok(seen) if seen.id == asked || seen.spec["dag_id"] == asked => return Ok(seen),
                // Airflow's pattern lets others through.
                Err(other) if other.title.as_deref().is_none_or(|id| id == asked) => gone = other,
                _ => {}
            }
        }
        Err(gone)
    }

    fn activity(&self, seen: &Observed) -> Option<Read> {
        let runs = Call::get(System::Airflow, format!("/api/v2/dags/{}/dagRuns", percent_encoded(&seen.id)))
            .query("state", "running");
        is_known(Some(seen)).then(|| Read::offsets(runs, "dag_runs", "dag_run_id"))
    }

    fn active_runs(&self, pages: &Pages) -> usize {
        pages.iter().filter_map(|p| p.get("dag_runs")?.as_array()).map(Vec::len).sum()
    }

    fn calls(&self, step: &Step<'_>) -> Result<Vec<Call>, Unsupported> {
        if is_external(step.body) {
            return external(step);
        }
        if step.verb == Verb::Delete {
            return Ok(delete(step));
        }
        let (text, spec) = text_of(step.body)?;
        let id = dag_id(&spec)?;
        let paused = spec.paused.unwrap_or(false);
        if let Some(theirs) = fact(step.live, "fileloc").filter(|_| step.live.is_some_and(|l| l.facts["stale"] != true))
        {
            return Err(Unsupported(format!(
                "{theirs} defines the DAG {id}: a second file would make Airflow take now the one, now the other. Remove \
                 that file, or manage the DAG with `source: external`"
            )));
        }
        if step.live.is_some_and(|l| l.facts["others"].as_array().is_some_and(|o| !o.is_empty())) {
            return Err(Unsupported(format!(
                "another file defines the DAG {id} as well: {}. Remove it",
                step.live.map_or_else(String::new, |l| l.facts["others"].to_string())
            )));
        }
        let file = fact(step.live, "file").map_or_else(|| python::file_name(id), str::to_owned);
        let mut calls = Vec::new();
        if step.body.get(HEADER).is_none() {
            return Ok(vec![write(&file, id, &text)]);
        }
        // A DAG that is to rest rests before anything else happens to it; one that Airflow has yet to meet comes paused.
        if paused && step.live.is_none_or(|l| l.spec["paused"] == false) {
            calls.push(pause(id, true).gone_is_done());
        }
        if step.verb == Verb::Create || step.changes_beyond(&["paused"]) || switches_on(step) {
            let mut put = put(&file, id, &text);
            put.creates = (step.verb == Verb::Create).then_some("/dag_id");
            calls.push(put);
        }
        if switches_on(step) {
            calls.push(pause(id, false));
        } else if step.verb == Verb::Create {
            calls.push(pause(id, true));
        }
        Ok(calls)
    }

    /// The file is written out of the spec.
    fn unknown_settings(&self) -> UnknownSettings {
        UnknownSettings::Lost
    }

    fn impact(&self, step: &Step<'_>) -> Vec<Impact> {
        let runs = step.live.map_or(0, |l| l.active_runs);
        let plural = if runs == 1 { "" } else { "s" };
        let unknown = step.live.is_some_and(|l| l.unknown_runs);
        match step.verb {
            Verb::Delete if unknown => vec![
                ImpactClass::WaitsForRuns.says("waits for its active runs; whether there are any is not known"),
                ImpactClass::LosesHistory.says("loses run history"),
            ],
            Verb::Update if unknown && step.changes_beyond(&["paused"]) => {
                let says = "active runs may go on with the new code; whether there are any is not known";
                vec![ImpactClass::ChangesRuns.says(says)]
            }
            Verb::Delete if runs > 0 => {
                vec![
                    ImpactClass::WaitsForRuns.says(format!("waits for {runs} active run{plural}")),
                    ImpactClass::LosesHistory.says("loses run history"),
                ]
            }
            Verb::Delete => vec![ImpactClass::LosesHistory.says("loses run history")],
            Verb::Update if runs > 0 && step.changes_beyond(&["paused"]) => {
                vec![ImpactClass::ChangesRuns.says(format!("{runs} active run{plural} may go on with the new code"))]
            }
            _ => Vec::new(),
        }
    }

    fn run_now(&self, step: &Step<'_>) -> Option<RunNow> {
        if !switches_on(step) {
            return None;
        }
        let spec: DagSpec = serde_json::from_value(step.body.clone()).unwrap_or_default();
        let what = match known_tick(step) {
            Some(tick) => tick?,
            None => predicted(&spec, step.now)?,
        };
        let allowed = spec.catch_up_now == Some(true);
        Some(RunNow { what, allowed, remedy: "write `catchUpNow: true` if it is meant".to_owned() })
    }

    fn next_run(&self, step: &Step<'_>) -> Option<String> {
        let spec: DagSpec = serde_json::from_value(step.body.clone()).unwrap_or_default();
        if step.verb == Verb::Delete || spec.paused == Some(true) {
            return None;
        }
        dag_runs::next(&spec, step.now).map(|due| due.words())
    }

    fn starts(&self, spec: &Value) -> Vec<StartRule> {
        let spec: DagSpec = serde_json::from_value(spec.clone()).unwrap_or_default();
        dag_runs::starts(&spec).into_iter().collect()
    }

    fn looks_up(&self, spec: &Value) -> Vec<LookedUp> {
        let mut found = Vec::new();
        let tasks = spec["tasks"].as_array().into_iter().flatten();
        for part in tasks.chain(spec.get("defaults")) {
            for (by, kind) in
                [("job", DatabricksJob::NAME), ("pool", AirflowPool.name()), ("connection", AirflowConnection.name())]
            {
                let title = part.get(by).and_then(Value::as_str).map(str::to_owned);
                found.extend(title.map(|title| LookedUp { by, kind, title }));
            }
        }
        found
    }

    fn settled(&self, expect: &Value, looks: &[Value], memory: &mut Value) -> Ready {
        match expect.get("parsed").and_then(Value::as_str) {
            Some(text) => parsed(expect, text, looks, memory),
            None => match looks.first() {
                Some(dag) if dag.is_object() && !is_stale(dag) => Ready::NotYet("Airflow still has the DAG".to_owned()),
                _ => Ready::Yes,
            },
        }
    }

    fn export(&self, seen: &Observed) -> Value {
        if is_external(&seen.spec) {
            // Its tags come from the code that defines it.
            json!({ "dag_id": seen.id, "source": "external", "paused": seen.spec["paused"] })
        } else {
            seen.spec.clone()
        }
    }

    fn develop(&self, spec: &mut Value) {
        if !is_external(spec) {
            spec["paused"] = json!(true);
        }
    }
}

/// Whether a tick that Airflow itself is waiting with has passed. `None`: Airflow's word does not hold, because it has
/// yet to see the schedule. `Some(None)`: nothing is due.
fn known_tick(step: &Step<'_>) -> Option<Option<String>> {
    let live = step.live.filter(|l| l.facts["known"] == true && l.facts["stale"] != true)?;
    let moved = ["schedule", "start_date", "end_date", "catchup"].iter().any(|member| step.changes(member));
    if moved {
        return None;
    }
    let time = |name: &str| fact(Some(live), name)?.parse::<jiff::Timestamp>().ok();
    let Some(at) = time("run_after").filter(|at| *at <= step.now) else { return Some(None) };
    let zone = jiff::tz::TimeZone::get(step.body["schedule"]["timezone"].as_str().unwrap_or("UTC")).ok()?;
    let zoned = |t: jiff::Timestamp| t.to_zoned(zone.clone());
    let (start, end) = (time("start").unwrap_or(at), time("end").unwrap_or(at));
    let due = Due { at: zoned(at), start: zoned(start), end: zoned(end) };
    Some(Some(format!("starts a run now: the tick of {} has passed", due.words())))
}

/// What Airflow will start at once when it meets the schedule.
fn predicted(spec: &DagSpec, now: jiff::Timestamp) -> Option<String> {
    match spec.cron()? {
        "@once" => Some("starts its one run now".to_owned()),
        "@continuous" => Some("starts a run now, and another whenever one ends".to_owned()),
        _ => {
            let due = dag_runs::first(spec, now).filter(|due| due.at.timestamp() <= now)?;
            match dag_runs::missed(spec, now, MOST_COUNTED) {
                count if spec.catchup == Some(true) && count > 1 => {
                    let more = if count == MOST_COUNTED { "at least " } else { "" };
                    Some(format!("starts {more}{count} runs now: the first tick that has passed is {}", due.words()))
                }
                _ => Some(format!("starts a run now: the tick of {} has passed", due.words())),
            }
        }
    }
}
