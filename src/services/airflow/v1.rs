//! Calls and answers of Airflow 3's REST API (v2), as Airflow 2's (v1) has them. Pure.
//!
//! The kinds know v2 alone. Where v1 has another name or form for the same, it is translated here, both ways; where it
//! has nothing, the call is refused before it is sent. What v1 does not show (a connection's password, `extra` in a
//! listing) stays missing: the kinds know what that means.

use plumb_model::call::{Call, Method, ServiceError};
use plumb_model::text::percent_encoded;

use serde_json::{Map, Value, json};

/// How a call is carried out on v1.
pub(super) enum Way {
    /// One call, whose answer is translated back.
    One(Call),
    /// A variable is made only when there is none: v1 would overwrite it without a word.
    New { look: Box<Call>, create: Box<Call> },
    /// A DAG's source is asked for by a token that the DAG's own answer has.
    Source { dag: Call },
    /// v1 has nothing like it.
    Missing(String),
}

/// The way of a call.
pub(super) fn way(call: &Call) -> Way {
    let Some(path) = call.path.strip_prefix("/api/v2/") else { return Way::One(call.clone()) };
    let parts: Vec<&str> = path.split('/').collect();
    let missing = |what: &str| Way::Missing(format!("Airflow 2 has no {what}"));
    let to = |path: String| {
        let mut query = query(parts[0], &call.query);
        // v1 lists task instances in an order of its own (openapi v1.yaml, get_task_instances).
        if parts.last() == Some(&"taskInstances") {
            query.retain(|(name, _)| name != "order_by");
        }
        let body = call.body.as_ref().map(|body| request(parts[0], call.method, body));
        Call { path: format!("/api/v1/{path}"), query, body, ..call.clone() }
    };
    match (call.method, parts.as_slice()) {
        (Method::Get, ["monitor", "health"]) => Way::One(to("health".into())),
        (_, ["backfills", ..]) => missing("backfills by its REST API"),
        (_, ["dags", _, "dagVersions", ..]) => missing("versions of DAGs"),
        (_, [.., "wait"]) => missing("way to wait for a run"),
        (Method::Patch, ["connections" | "variables" | "pools"]) => missing("changes of several objects at once"),
        (Method::Post | Method::Patch, ["pools", ..]) if unlimited(call) => missing(
            "listing of pools as soon as one of them has any number of slots (-1): it answers 500 from then on; give the \
             pool a large number",
        ),
        (Method::Post, ["pools"]) if name(call).contains('/') => {
            missing("way to reach a pool with a `/` in its name once it is made")
        }
        (Method::Get, ["dagSources", dag_id]) => {
            Way::Source { dag: Call { path: format!("/api/v1/dags/{dag_id}"), query: Vec::new(), ..call.clone() } }
        }
        (Method::Post, ["variables"]) => {
            let key = call.body.as_ref().and_then(|b| b["key"].as_str()).unwrap_or_default();
            let look = Call::get(call.system, format!("/api/v1/variables/{}", percent_encoded(key)));
            Way::New { look: Box::new(look), create: Box::new(to(path.to_owned())) }
        }
        _ => Way::One(to(path.to_owned())),
    }
}

fn unlimited(call: &Call) -> bool {
    call.body.as_ref().is_some_and(|body| body["slots"] == -1)
}

fn name(call: &Call) -> &str {
    call.body.as_ref().and_then(|body| body["name"].as_str()).unwrap_or_default()
}

/// What a fault of v1 means, where its own words do not say.
pub(super) fn explained(fault: ServiceError) -> ServiceError {
    match fault {
        ServiceError::Refused { line, status: 500, code, message, request_id, retry_after, doubt }
            if line.contains("/api/v1/pools") && message.starts_with("inf is not of type") =>
        {
            let message = "Airflow 2 cannot list its pools while one of them has any number of slots (-1): give that \
                           pool a number, in Airflow's own pages"
                .to_owned();
            ServiceError::Refused { line, status: 500, code, message, request_id, retry_after, doubt }
        }
        other => other,
    }
}

/// The call for a DAG's source, out of the DAG's own answer.
pub(super) fn source(dag: &Call, answer: &Value) -> Option<Call> {
    let token = answer["file_token"].as_str()?;
    Some(Call { path: format!("/api/v1/dagSources/{}", percent_encoded(token)), ..dag.clone() })
}

/// v1 answers 400 to a parameter that it does not know.
fn query(collection: &str, query: &[(String, String)]) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for (name, value) in query {
        match (collection, name.as_str()) {
            ("dags", "exclude_stale") => out.push(("only_active".to_owned(), value.clone())),
            // A run of Airflow 2 has no time of its own that it starts after.
            ("dags", "order_by") if value == "-run_after" => {
                out.push((name.clone(), "-execution_date".to_owned()));
            }
            (_, "update_mask") => {
                // v1 means the column of its own database.
                let member = if collection == "variables" && value == "value" { "val" } else { value };
                // v2 wants each name in a parameter of its own, v1 all in one.
                match out.iter_mut().find(|(n, _)| n == "update_mask") {
                    Some((_, list)) => list.push_str(&format!(",{member}")),
                    None => out.push((name.clone(), member.to_owned())),
                }
            }
            _ => out.push((name.clone(), value.clone())),
        }
    }
    out
}

fn request(collection: &str, method: Method, body: &Value) -> Value {
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        match (collection, method) {
            ("pools", Method::Patch) => {
                if let Some(name) = members.remove("pool") {
                    members.insert("name".into(), name);
                }
            }
            // v2 wants the key and allows null; v1 allows neither null nor a run's own `run_after`.
            ("dags", Method::Post) => members.retain(|name, value| name != "logical_date" || !value.is_null()),
            _ => {}
        }
    }
    body
}

/// An answer of v1 in the form of v2. `call` is the one that the kinds made.
pub(super) fn answer(call: &Call, answer: Value) -> Value {
    let Some(path) = call.path.strip_prefix("/api/v2/") else { return answer };
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        // Their values are users' own: what looks like a time there is a text.
        ["connections" | "variables" | "pools", ..] => answer,
        ["dags"] => {
            let mut page = answer;
            // Before spans become ISO 8601: a schedule is shown as Python writes it.
            page.get_mut("dags").and_then(Value::as_array_mut).into_iter().flatten().for_each(self::dag);
            plain(page)
        }
        ["dags", _] | ["dags", _, "details"] => {
            let mut one = answer;
            self::dag(&mut one);
            plain(one)
        }
        // What tasks were given and what they returned are users' own too.
        ["dags", _, "dagRuns", _, "taskInstances", _, "xcomEntries", ..] => answer,
        ["dags", _, "dagRuns", _, "taskInstances"] => {
            let mut page = answer;
            let mut fields = Vec::new();
            for row in page.get_mut("task_instances").and_then(Value::as_array_mut).into_iter().flatten() {
                fields.push(row.get_mut("rendered_fields").map(Value::take));
            }
            let mut page = plain(page);
            let rows = page.get_mut("task_instances").and_then(Value::as_array_mut).into_iter().flatten();
            for (row, fields) in rows.zip(fields) {
                if let Some(fields) = fields {
                    row["rendered_fields"] = fields;
                }
            }
            page
        }
        ["dags", _, "dagRuns"] if call.method == Method::Get => {
            let mut page = plain(answer);
            page.get_mut("dag_runs").and_then(Value::as_array_mut).into_iter().flatten().for_each(self::run);
            page
        }
        ["dags", _, "dagRuns"] | ["dags", _, "dagRuns", _] => {
            let mut one = plain(answer);
            self::run(&mut one);
            one
        }
        _ => plain(answer),
    }
}

/// What both APIs say of a DAG, under v2's names.
fn dag(dag: &mut Value) {
    summarise(dag);
    let Value::Object(members) = dag else { return };
    if let Some(Value::Bool(active)) = members.get("is_active").cloned() {
        members.insert("is_stale".into(), json!(!active));
    }
    for (old, new) in
        [("next_dagrun", "next_dagrun_logical_date"), ("next_dagrun_create_after", "next_dagrun_run_after")]
    {
        if let Some(value) = members.get(old).cloned() {
            members.entry(new).or_insert(value);
        }
    }
}

/// v2's `timetable_summary`, out of v1's `schedule_interval`.
fn summarise(dag: &mut Value) {
    let Value::Object(members) = dag else { return };
    let summary = match members.get("schedule_interval") {
        Some(Value::Object(interval)) => match interval.get("value") {
            Some(value) => value.clone(),
            None => json!(delta_text(interval)),
        },
        Some(other) => other.clone(),
        None => return,
    };
    members.entry("timetable_summary").or_insert(summary);
}

/// What both APIs say of a run, under v2's names. A run of Airflow 2 starts when its interval ends.
fn run(run: &mut Value) {
    let Value::Object(members) = run else { return };
    if let Some(end) = members.get("data_interval_end").cloned() {
        members.entry("run_after").or_insert(end);
    }
}

/// Times as v2 writes them (`…Z`), and spans as ISO 8601.
fn plain(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(match text.strip_suffix("+00:00") {
            Some(time) if is_time(time) => format!("{time}Z"),
            _ => text,
        }),
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::Object(members) if members.get("__type") == Some(&json!("TimeDelta")) => json!(delta_iso(&members)),
        Value::Object(members) => Value::Object(members.into_iter().map(|(k, v)| (k, plain(v))).collect()),
        other => other,
    }
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 19 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T' && bytes[13] == b':'
}

fn delta(span: &Map<String, Value>) -> (i64, i64, i64) {
    let part = |name: &str| span.get(name).and_then(Value::as_i64).unwrap_or(0);
    (part("days"), part("seconds"), part("microseconds"))
}

/// `PT6H`, `P1DT30M`, `PT0.5S`.
fn delta_iso(span: &Map<String, Value>) -> String {
    let (days, seconds, micros) = delta(span);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut time = String::new();
    if hours != 0 {
        time.push_str(&format!("{hours}H"));
    }
    if minutes != 0 {
        time.push_str(&format!("{minutes}M"));
    }
    match (seconds, micros) {
        (0, 0) => {}
        (s, 0) => time.push_str(&format!("{s}S")),
        (s, m) => time.push_str(&format!("{}S", format!("{s}.{m:06}").trim_end_matches('0'))),
    }
    match (days, time.is_empty()) {
        (0, true) => "PT0S".to_owned(),
        (0, false) => format!("PT{time}"),
        (d, true) => format!("P{d}D"),
        (d, false) => format!("P{d}DT{time}"),
    }
}

/// `1 day, 2:00:00`, as Python writes it and v2 shows it.
fn delta_text(span: &Map<String, Value>) -> String {
    let (days, seconds, _) = delta(span);
    let time = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match days {
        0 => time,
        1 => format!("1 day, {time}"),
        d => format!("{d} days, {time}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumb_model::call::System;

    fn one(call: Call) -> Call {
        match way(&call) {
            Way::One(call) => call,
            _ => panic!("{} is more than one call", call.line()),
        }
    }

    #[test]
    fn names_and_parameters_are_v1s() {
        let air = System::Airflow;
        let patch = Call::set(air, Method::Patch, "/api/v2/pools/a%2Fb", json!({"pool": "a/b", "slots": 3}))
            .query("update_mask", "slots")
            .query("update_mask", "description");
        let patch = one(patch);
        assert_eq!(patch.line(), "PATCH /api/v1/pools/a%2Fb?update_mask=slots,description");
        assert_eq!(patch.body, Some(json!({"name": "a/b", "slots": 3})));
        let variable = Call::set(air, Method::Patch, "/api/v2/variables/k", json!({"key": "k", "value": "x"}))
            .query("update_mask", "value")
            .query("update_mask", "description");
        assert_eq!(one(variable).line(), "PATCH /api/v1/variables/k?update_mask=val,description");
        let dags = Call::get(air, "/api/v2/dags").query("exclude_stale", "false").query("limit", "100");
        assert_eq!(one(dags).line(), "GET /api/v1/dags?only_active=false&limit=100");
        let tasks = Call::get(air, "/api/v2/dags/d/dagRuns/~/taskInstances").query("state", "success");
        let tasks = tasks.query("order_by", "-start_date");
        assert_eq!(one(tasks).line(), "GET /api/v1/dags/d/dagRuns/~/taskInstances?state=success");
        let runs = Call::get(air, "/api/v2/dags/d/dagRuns").query("order_by", "-start_date");
        assert_eq!(one(runs).line(), "GET /api/v1/dags/d/dagRuns?order_by=-start_date");
        let newest = Call::get(air, "/api/v2/dags/d/dagRuns").query("order_by", "-run_after");
        assert_eq!(one(newest).line(), "GET /api/v1/dags/d/dagRuns?order_by=-execution_date");
        assert_eq!(one(Call::get(air, "/api/v2/monitor/health")).path, "/api/v1/health");
        let run = Call::create(air, "/api/v2/dags/x/dagRuns", json!({"logical_date": null, "conf": {}}), "/dag_run_id");
        assert_eq!(one(run).body, Some(json!({"conf": {}})));
    }

    #[test]
    fn what_v1_does_otherwise_takes_two_calls() {
        let air = System::Airflow;
        let create = Call::create(air, "/api/v2/variables", json!({"key": "a/b c", "value": "x"}), "/key");
        let Way::New { look, create } = way(&create) else { panic!("a variable is made without a look") };
        assert_eq!(
            (look.line().as_str(), create.path.as_str()),
            ("GET /api/v1/variables/a%2Fb%20c", "/api/v1/variables")
        );
        let Way::Source { dag } = way(&Call::get(air, "/api/v2/dagSources/d")) else { panic!("a source has no token") };
        assert_eq!(dag.path, "/api/v1/dags/d");
        assert_eq!(source(&dag, &json!({"file_token": "Ii9.x-y"})).unwrap().path, "/api/v1/dagSources/Ii9.x-y");
        assert_eq!(source(&dag, &json!({})), None);
    }

    #[test]
    fn what_v1_lacks_is_said_before_it_is_sent() {
        let air = System::Airflow;
        for call in [
            Call::create(air, "/api/v2/pools", json!({"name": "a", "slots": -1}), "/name"),
            Call::set(air, Method::Patch, "/api/v2/pools/a", json!({"pool": "a", "slots": -1})),
            Call::create(air, "/api/v2/pools", json!({"name": "a/b", "slots": 1}), "/name"),
            Call::set(air, Method::Patch, "/api/v2/connections", json!({"actions": []})),
            Call::get(air, "/api/v2/dags/x/dagVersions"),
            Call::create(air, "/api/v2/backfills", json!({}), "/id"),
        ] {
            assert!(matches!(way(&call), Way::Missing(why) if why.starts_with("Airflow 2 has no")), "{}", call.line());
        }
    }

    #[test]
    fn a_dag_is_shown_in_v2s_form() {
        let call = Call::get(System::Airflow, "/api/v2/dags");
        let page = json!({"dags": [{
            "dag_id": "d", "is_active": false, "is_paused": true,
            "schedule_interval": {"__type": "CronExpression", "value": "0 4 1 * *"},
            "next_dagrun": "2026-10-01T04:00:00+00:00", "next_dagrun_create_after": "2026-11-01T04:00:00.123456+00:00",
            "description": "starts at +00:00",
        }], "total_entries": 1});
        let dag = &answer(&call, page)["dags"][0];
        assert_eq!((&dag["is_stale"], &dag["timetable_summary"]), (&json!(true), &json!("0 4 1 * *")));
        assert_eq!(dag["next_dagrun_logical_date"], "2026-10-01T04:00:00Z");
        assert_eq!(dag["next_dagrun_run_after"], "2026-11-01T04:00:00.123456Z");
        assert_eq!(dag["description"], "starts at +00:00");
    }

    #[test]
    fn spans_are_shown_in_v2s_form() {
        let span = |days: i64, seconds: i64, microseconds: i64| json!({"__type": "TimeDelta", "days": days, "seconds": seconds, "microseconds": microseconds});
        for (value, iso) in [
            (span(0, 21600, 0), "PT6H"),
            (span(1, 1800, 0), "P1DT30M"),
            (span(2, 0, 0), "P2D"),
            (span(0, 5, 500_000), "PT5.5S"),
            (span(0, 0, 0), "PT0S"),
        ] {
            assert_eq!(plain(value), json!(iso));
        }
        let call = Call::get(System::Airflow, "/api/v2/dags/d/details");
        let dag = answer(&call, json!({"schedule_interval": span(1, 7200, 0), "dag_run_timeout": span(0, 60, 0)}));
        assert_eq!((&dag["timetable_summary"], &dag["dag_run_timeout"]), (&json!("1 day, 2:00:00"), &json!("PT1M")));
    }

    #[test]
    fn what_users_wrote_is_not_touched() {
        let call = Call::get(System::Airflow, "/api/v2/variables/x");
        let variable = json!({"key": "x", "value": "2026-10-01T04:00:00+00:00"});
        assert_eq!(answer(&call, variable.clone()), variable);
        // What a task was given in a run: `{{ ts }}` of Airflow 2 stays what it is.
        let tasks = Call::get(System::Airflow, "/api/v2/dags/d/dagRuns/r/taskInstances");
        let row = |at: &str| {
            json!({"task_instances": [{"start_date": at, "rendered_fields": {
            "steps": [{"Args": ["2026-10-01T04:00:00+00:00"]}]}}, {"start_date": null}], "total_entries": 2})
        };
        assert_eq!(answer(&tasks, row("2026-10-01T04:00:00+00:00")), row("2026-10-01T04:00:00Z"));
        let returned = Call::get(System::Airflow, "/api/v2/dags/d/dagRuns/r/taskInstances/t/xcomEntries/return_value");
        assert_eq!(answer(&returned, variable.clone()), variable);
    }
}
