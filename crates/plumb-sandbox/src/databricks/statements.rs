//! SQL statements, API 2.0: submit, look, cancel, chunks, external links. No SQL runs: the settings say what a statement
//! answers ([`super::statement_script`]).
//!
//! Facts: databricks-sdk-py 0.156, `service/sql.py` (`StatementExecutionAPI` and its data classes), unless a comment
//! names another.

use super::{
    statement_script::{self as script, ScriptedStatement},
    text, warehouses,
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Results can be fetched for an hour after the success.
const RESULTS_MS: i64 = 3_600_000;
/// A statement that has ended is forgotten after twelve hours.
const FORGOTTEN_MS: i64 = 12 * 3_600_000;
/// A link lives for at most 15 minutes.
const LINK_MS: i64 = 900_000;
/// The most that an inline result may have.
const INLINE_BYTES: usize = 25 << 20;
/// What a link wants to be sent along, as those of some stores do (`http_headers`).
const LINK_HEADER: (&str, &str) = ("x-sandbox-key", "of-this-link");

/// A statement that was submitted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SqlStatement {
    warehouse: String,
    external: bool,
    script: ScriptedStatement,
    state: String,
    /// How many looks are left until it ends.
    looks: u64,
    /// When it ends by the clock.
    ends_ms: Option<i64>,
    ended_ms: Option<i64>,
}

impl SqlStatement {
    fn is_under_way(&self) -> bool {
        self.ended_ms.is_none()
    }

    fn fail(&mut self, now: i64, code: &str, message: &str) {
        self.script.error_code = Some(code.to_owned());
        self.script.message = Some(message.to_owned());
        self.end("FAILED", now);
    }

    fn end(&mut self, state: &str, now: i64) {
        self.state = state.to_owned();
        self.ended_ms = Some(now);
    }

    fn chunks(&self) -> Vec<&[Vec<Option<String>>]> {
        let rows = self.script.rows.as_slice();
        let size = self.script.chunk_rows.unwrap_or(rows.len()).max(1);
        // A result without rows is one chunk without rows.
        if rows.is_empty() { vec![rows] } else { rows.chunks(size).collect() }
    }
}

/// Answers `sql/statements` and what is below it.
pub fn handle(store: &mut Store, request: &Request, rest: &[&str]) -> Option<Handled> {
    Some(match (request.method.as_str(), rest) {
        ("POST", []) => submit(store, request),
        ("GET", [id]) => look(store, request, id),
        ("POST", [id, "cancel"]) => cancel(store, id),
        ("GET", [id, "result", "chunks", number]) => chunk(store, request, id, number),
        _ => return None,
    })
}

fn submit(store: &mut Store, request: &Request) -> Handled {
    let body = Value::Object(request.object()?);
    let wait = wait_timeout(&body)?;
    check(&body)?;
    let words = text(&body, "statement").ok_or_else(|| ApiError::invalid("Missing required field: statement"))?;
    let warehouse = text(&body, "warehouse_id").unwrap_or_default().to_owned();
    let is_pending = wake(store, &warehouse)?;
    let script = script::take(&mut store.settings.statements, words).unwrap_or_else(|| script::unscripted(words));
    let now = store.now();
    // What waiting would have brought is there at once: the wait costs the statement's time, not the caller's.
    let ends_ms = script.seconds.map(|seconds| now + (seconds - wait).max(0) * 1000);
    // A call that does not wait never shows the end (databricks/cli, `libs/testserver/testsql`).
    let looks = script.looks.max(u64::from(wait == 0)).max(u64::from(is_pending));
    let external = script.external || text(&body, "disposition") == Some("EXTERNAL_LINKS");
    let mut statement =
        SqlStatement { warehouse, external, script, state: "PENDING".to_owned(), looks, ends_ms, ended_ms: None };
    let is_due = ends_ms.map_or(looks == 0, |at| at <= now && wait > 0 && !is_pending);
    if is_due {
        finish(store, &mut statement, now);
    } else if wait > 0 && text(&body, "on_wait_timeout") == Some("CANCEL") {
        statement.end("CANCELED", now);
    }
    let id = format!("01f0{}-sandbox", Store::scrambled(store.serial()));
    let shown = show(store, request, &id, &statement);
    store.databricks.statements.retain(|_, old| old.ended_ms.is_none_or(|at| now - at < FORGOTTEN_MS));
    store.databricks.statements.insert(id, statement);
    Ok(shown)
}

/// The seconds that a call waits: `0s`, or from 5 to 50.
fn wait_timeout(body: &Value) -> Result<i64, ApiError> {
    let given = text(body, "wait_timeout").unwrap_or("10s");
    let seconds = given.strip_suffix('s').and_then(|digits| digits.parse().ok());
    seconds.filter(|seconds| *seconds == 0 || (5..=50).contains(seconds)).ok_or_else(|| {
        ApiError::invalid(format!("wait_timeout {given:?} must be 0s (disabled) or between 5 and 50 seconds."))
    })
}

/// Refuses what cannot be answered: other formats, positional parameters, parameters of complex types.
fn check(body: &Value) -> Result<(), ApiError> {
    let format = text(body, "format").unwrap_or("JSON_ARRAY");
    if format != "JSON_ARRAY" {
        return Err(ApiError::invalid(format!(
            "The sandbox answers statements in the format JSON_ARRAY, not {format}."
        )));
    }
    for (member, allowed) in
        [("disposition", ["INLINE", "EXTERNAL_LINKS"]), ("on_wait_timeout", ["CONTINUE", "CANCEL"])]
    {
        if let Some(value) = text(body, member).filter(|value| !allowed.contains(value)) {
            return Err(ApiError::invalid(format!("{member} {value:?} is none of {}.", allowed.join(", "))));
        }
    }
    for parameter in body.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        let name = text(parameter, "name").ok_or_else(|| ApiError::invalid("Parameters must have a name."))?;
        let kind = script::type_name(text(parameter, "type").unwrap_or("STRING"));
        if ["ARRAY", "MAP", "STRUCT"].contains(&kind.as_str()) {
            return Err(ApiError::invalid(format!(
                "The parameter {name} has the type {kind}, which is not supported."
            )));
        }
        if parameter.get("value").is_some_and(|value| !value.is_string() && !value.is_null()) {
            return Err(ApiError::invalid(format!("The value of the parameter {name} must be a string or null.")));
        }
    }
    Ok(())
}

/// Sees to it that the warehouse runs; answers whether the statement has to wait for it.
///
/// A query starts a stopped warehouse (Databricks' documentation, "SQL warehouses": "auto-restarts … you attempt to run a
/// query"). An id that is none was seen to be refused in these words with 400; what a deleted warehouse's id is answered
/// with is not documented, and the same here.
fn wake(store: &mut Store, id: &str) -> Result<bool, ApiError> {
    if !store.databricks.warehouses.contains_key(id) {
        return Err(ApiError::invalid(format!("{id} is not a valid endpoint id.")));
    }
    Ok(warehouses::wake(store, id))
}

/// Ends a statement as its script says.
fn finish(store: &mut Store, statement: &mut SqlStatement, now: i64) {
    if statement.script.stops_warehouse {
        if let Some(warehouse) = store.databricks.warehouses.get_mut(&statement.warehouse) {
            warehouse["state"] = json!("STOPPED");
        }
        return lose_warehouse(statement, now);
    }
    let size: usize = statement.script.rows.iter().flatten().map(|value| value.as_ref().map_or(0, String::len)).sum();
    if !statement.external && size > INLINE_BYTES {
        // The words as others have recorded them.
        let most = format!("a result size of at most {INLINE_BYTES} bytes. Please execute the statement with");
        let words = format!(
            "Inline byte limit exceeded. Statements executed with disposition=INLINE can have {most} \
             disposition=EXTERNAL_LINKS if you want to download the full result."
        );
        return statement.fail(now, "BAD_REQUEST", &words);
    }
    let state = statement.script.state.clone().unwrap_or_else(|| "SUCCEEDED".to_owned());
    statement.end(&state, now);
}

/// What becomes of a statement whose warehouse stops is not documented; that it does not succeed is certain.
fn lose_warehouse(statement: &mut SqlStatement, now: i64) {
    statement.fail(now, "ABORTED", "The SQL warehouse was stopped while the statement was running.");
}

/// Ends the statements that run on a warehouse which was stopped or deleted.
pub fn warehouse_ended(store: &mut Store, warehouse: &str) {
    let now = store.now();
    let all = store.databricks.statements.values_mut();
    all.filter(|one| one.warehouse == warehouse && one.is_under_way()).for_each(|one| lose_warehouse(one, now));
}

/// Whether a warehouse has a statement under way.
pub fn is_used(store: &Store, warehouse: &str) -> bool {
    store.databricks.statements.values().any(|one| one.warehouse == warehouse && one.is_under_way())
}

// The code of this refusal is not documented; the status is.
fn unknown(id: &str) -> ApiError {
    ApiError::new(404, "NOT_FOUND", format!("The statement {id} was not found."))
}

/// A statement that is known, moved on by a look where `looks`.
fn find<'s>(store: &'s mut Store, id: &str, looks: bool) -> Result<&'s SqlStatement, ApiError> {
    let now = store.now();
    let mut statement = store.databricks.statements.remove(id).ok_or_else(|| unknown(id))?;
    let is_awake = store.databricks.warehouses.get(&statement.warehouse).is_some_and(|w| w["state"] == "RUNNING");
    if statement.is_under_way() && is_awake {
        let is_due = statement.ends_ms.map_or(statement.looks == 0, |at| at <= now);
        if is_due {
            finish(store, &mut statement, now);
        } else if looks {
            statement.state = "RUNNING".to_owned();
            statement.looks = statement.looks.saturating_sub(1);
            // With `looks` it has ended at the look after the last one that shows it under way.
            if statement.ends_ms.is_none() && statement.looks == 0 {
                finish(store, &mut statement, now);
            }
        }
    }
    let age = statement.ended_ms.map_or(0, |at| now - at);
    if age >= FORGOTTEN_MS {
        return Err(unknown(id));
    }
    if age >= RESULTS_MS && statement.state == "SUCCEEDED" {
        statement.state = "CLOSED".to_owned();
    }
    Ok(store.databricks.statements.entry(id.to_owned()).or_insert(statement))
}

fn look(store: &mut Store, request: &Request, id: &str) -> Handled {
    let statement = find(store, id, true)?.clone();
    Ok(show(store, request, id, &statement))
}

/// A cancel of what has ended already changes nothing, and says nothing.
fn cancel(store: &mut Store, id: &str) -> Handled {
    let now = store.now();
    find(store, id, false)?;
    let statement = store.databricks.statements.get_mut(id);
    if let Some(statement) = statement.filter(|one| one.is_under_way()) {
        statement.end("CANCELED", now);
    }
    Ok(json!({}))
}

fn chunk(store: &mut Store, request: &Request, id: &str, number: &str) -> Handled {
    let now = store.now();
    let statement = find(store, id, false)?.clone();
    let chunks = statement.chunks().len();
    let number = number.parse().ok().filter(|number| *number < chunks);
    match number {
        Some(number) if statement.state == "SUCCEEDED" => {
            let mut answer = result(request, id, &statement, number, now);
            if statement.script.leaves_out_empty {
                script::without_empty(&mut answer);
            }
            Ok(answer)
        }
        _ => Err(ApiError::new(404, "NOT_FOUND", format!("The statement {id} has no such chunk to fetch."))),
    }
}

/// The answer that shows a statement.
fn show(store: &Store, request: &Request, id: &str, statement: &SqlStatement) -> Value {
    let script = &statement.script;
    let mut answer = json!({ "statement_id": id, "status": { "state": statement.state } });
    if statement.state == "FAILED" {
        let code = script.error_code.as_deref().unwrap_or("UNKNOWN");
        answer["status"]["error"] = json!({ "error_code": code, "message": script.message });
        if let Some(state) = &script.sql_state {
            answer["status"]["sql_state"] = json!(state);
        }
    }
    if matches!(statement.state.as_str(), "SUCCEEDED" | "CLOSED") {
        answer["manifest"] = manifest(statement);
    }
    if statement.state == "SUCCEEDED" {
        answer["result"] = result(request, id, statement, 0, store.now());
    }
    if script.leaves_out_empty {
        script::without_empty(&mut answer);
    }
    if !statement.is_under_way() && !script.patch.is_null() {
        script::merge(&mut answer, &script.patch);
    }
    answer
}

fn manifest(statement: &SqlStatement) -> Value {
    let columns = statement.script.columns.iter().enumerate().map(|(position, (name, kind))| {
        let mut column =
            json!({ "name": name, "position": position, "type_name": script::type_name(kind), "type_text": kind });
        let digits = kind.split(['(', ')']).nth(1).unwrap_or_default().split_once(',');
        if let Some((precision, scale)) = digits.filter(|_| column["type_name"] == "DECIMAL") {
            column["type_precision"] = json!(precision.trim().parse::<u32>().ok());
            column["type_scale"] = json!(scale.trim().parse::<u32>().ok());
        }
        column
    });
    let columns: Vec<Value> = columns.collect();
    let chunks = statement.chunks();
    let places = chunks
        .iter()
        .enumerate()
        .map(|(at, rows)| json!({ "chunk_index": at, "row_offset": at * chunks[0].len(), "row_count": rows.len() }));
    json!({
        "format": "JSON_ARRAY",
        "schema": { "column_count": columns.len(), "columns": columns },
        "total_chunk_count": chunks.len(),
        "total_row_count": statement.script.rows.len(),
        "truncated": false,
        "chunks": places.collect::<Vec<_>>(),
    })
}

/// One chunk: its rows, or the link to them, and where the next one is.
fn result(request: &Request, id: &str, statement: &SqlStatement, number: usize, now: i64) -> Value {
    let chunks = statement.chunks();
    let rows = chunks[number];
    let mut chunk = json!({ "chunk_index": number, "row_offset": number * chunks[0].len(), "row_count": rows.len() });
    if number + 1 < chunks.len() {
        chunk["next_chunk_index"] = json!(number + 1);
        chunk["next_chunk_internal_link"] = json!(format!("/api/2.0/sql/statements/{id}/result/chunks/{}", number + 1));
    }
    if !statement.external {
        chunk["data_array"] = json!(rows);
        return chunk;
    }
    let until = now + LINK_MS;
    chunk["external_link"] = json!(format!("{}{LINKS}{id}/{number}?until={until}&X-Amz-Signature=hush", request.base));
    chunk["expiration"] = json!(jiff::Timestamp::from_millisecond(until).unwrap_or_default().to_string());
    chunk["http_headers"] = json!({ LINK_HEADER.0: LINK_HEADER.1 });
    json!({ "external_links": [chunk] })
}

/// Where the store is that the links lead to.
const LINKS: &str = "/external-links/";

/// Whether a path leads to the store of results, which is none of the workspace's own.
pub fn is_link(path: &str) -> bool {
    path.starts_with(LINKS)
}

/// Answers a link: without credentials, within its time, with the headers that it came with.
// A store refuses a second way to sign in beside the signature of the link, as S3 does ("Only one auth mechanism allowed").
pub fn by_link(store: &Store, request: &Request) -> Handled {
    let place = request.path.strip_prefix(LINKS).and_then(|rest| rest.split_once('/'));
    let until = request.number("until")?.unwrap_or_default();
    if request.authorization.is_some() {
        return Err(ApiError::new(400, "InvalidArgument", "Only one auth mechanism allowed"));
    }
    if until <= store.now() || request.raw.header(LINK_HEADER.0) != Some(LINK_HEADER.1) {
        return Err(ApiError::new(403, "AccessDenied", "Request has expired, or lacks a header that it has to have"));
    }
    let found = place.and_then(|(id, number)| {
        let statement = store.databricks.statements.get(id)?;
        let rows = statement.chunks().get(number.parse::<usize>().ok()?).map(|rows| json!(rows));
        rows.filter(|_| statement.external)
    });
    found.ok_or_else(|| ApiError::new(404, "NoSuchKey", "The specified key does not exist."))
}

#[cfg(test)]
#[path = "statement_tests.rs"]
mod tests;
