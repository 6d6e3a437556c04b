//! What the Statement Execution API answers, read strictly: what is missing or contradicts itself is no result. Pure.
//!
//! Facts: databricks-sdk-py 0.156, `service/sql.py` (`StatementResponse` and the classes of its members). Members that are
//! not known are left alone; one that is empty or zero may be left out.

use super::statements::StatementColumn;
use plumb_model::text::shortened;
use serde_json::Value;

/// A longer message of a statement that failed is cut: Spark's have the whole plan at times.
const LONGEST_MESSAGE: usize = 2000;

/// How a statement is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    Pending,
    Running,
    Ended(Ended),
}

/// How a statement ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Succeeded,
    Failed {
        code: String,
        message: String,
        sql_state: Option<String>,
    },
    Canceled,
    /// It succeeded, and its result is gone.
    Closed,
}

/// What a result is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub columns: Vec<StatementColumn>,
    pub rows: u64,
}

/// A part of a result.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chunk {
    index: Option<u64>,
    pub row_offset: Option<u64>,
    pub row_count: Option<u64>,
    pub next: Option<u64>,
    pub rows: ChunkRows,
}

/// Where the rows of a chunk are.
#[derive(Clone, PartialEq)]
pub(super) enum ChunkRows {
    Inline(Value),
    Linked(Link),
}

/// Where rows can be fetched, and with which headers. Both are credentials.
#[derive(Clone, PartialEq)]
pub(super) struct Link {
    pub url: String,
    pub headers: Vec<(String, String)>,
}

impl std::fmt::Debug for ChunkRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ChunkRows::Inline(_) => "Inline",
            ChunkRows::Linked(_) => "Linked",
        })
    }
}

/// The statement that an answer is about. It becomes a part of paths, so it is nothing but letters, digits and dashes.
pub(super) fn id(body: &Value) -> Result<&str, String> {
    let id = body["statement_id"].as_str().filter(|id| !id.is_empty());
    let id = id.ok_or("the answer has no `statement_id`")?;
    let is_plain = id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if is_plain { Ok(id) } else { Err("its `statement_id` is none".to_owned()) }
}

/// How a statement is.
pub(super) fn look(body: &Value) -> Result<Looked, String> {
    let status = &body["status"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(Looked::Ended(match status["state"].as_str() {
        Some("PENDING") => return Ok(Looked::Pending),
        Some("RUNNING") => return Ok(Looked::Running),
        Some("SUCCEEDED") => Ended::Succeeded,
        Some("FAILED") => {
            let error = &status["error"];
            let message = text(&error["message"]).unwrap_or_else(|| "the service does not say why".to_owned());
            Ended::Failed {
                code: text(&error["error_code"]).unwrap_or_else(|| "UNKNOWN".to_owned()),
                message: shortened(&message, LONGEST_MESSAGE),
                sql_state: text(&status["sql_state"]),
            }
        }
        Some("CANCELED") => Ended::Canceled,
        Some("CLOSED") => Ended::Closed,
        Some(other) => return Err(format!("its state `{other}` is not known")),
        None => return Err("the answer has no `status.state`".to_owned()),
    }))
}

/// The columns and the number of rows of a result that is whole.
pub(super) fn manifest(body: &Value) -> Result<Manifest, String> {
    let manifest =
        body.get("manifest").filter(|manifest| manifest.is_object()).ok_or("the answer has no `manifest`")?;
    match &manifest["truncated"] {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => return Err("the service has cut it".to_owned()),
        _ => return Err("`manifest.truncated` is neither true nor false".to_owned()),
    }
    match manifest["format"].as_str() {
        None | Some("JSON_ARRAY") => {}
        Some(other) => return Err(format!("it has the format {other}, JSON_ARRAY was wanted")),
    }
    let schema = &manifest["schema"];
    let columns = schema["columns"].as_array().filter(|columns| !columns.is_empty());
    let columns = columns.ok_or("`manifest.schema` has no columns")?;
    if number(schema, "column_count")?.is_some_and(|count| count != columns.len() as u64) {
        return Err("`manifest.schema` has another number of columns than it says".to_owned());
    }
    let column = |(at, column): (usize, &Value)| {
        if number(column, "position")?.is_some_and(|position| position != at as u64) {
            return Err("the columns of `manifest.schema` are out of order".to_owned());
        }
        let text = |member: &str| column[member].as_str().map(str::to_owned);
        let (name, type_text) = (text("name").unwrap_or_default(), text("type_text"));
        let type_text = type_text.ok_or_else(|| format!("column {at} of `manifest.schema` has no `type_text`"))?;
        Ok(StatementColumn { name, type_text })
    };
    let columns = columns.iter().enumerate().map(column).collect::<Result<_, String>>()?;
    // Left out, it is zero; rows that come in spite of it are too many.
    Ok(Manifest { columns, rows: number(manifest, "total_row_count")?.unwrap_or(0) })
}

/// The chunks of a `result`: one, or as many as it has links.
pub(super) fn chunks(result: &Value) -> Result<Vec<Chunk>, String> {
    let links = match &result["external_links"] {
        Value::Null => return Ok(vec![chunk(result, ChunkRows::Inline(result["data_array"].clone()))?]),
        Value::Array(links) if !links.is_empty() => links,
        _ => return Err("`external_links` is no list of links".to_owned()),
    };
    if !result["data_array"].is_null() {
        return Err("it has rows and links to rows".to_owned());
    }
    links.iter().map(|link| chunk(link, ChunkRows::Linked(read_link(link)?))).collect()
}

fn read_link(link: &Value) -> Result<Link, String> {
    let url = link["external_link"].as_str().ok_or("a link of `external_links` has no `external_link`")?;
    let headers = match &link["http_headers"] {
        Value::Null => Vec::new(),
        Value::Object(headers) => {
            let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
            headers.iter().map(text).collect::<Option<_>>().ok_or("a header of a link is no text")?
        }
        _ => return Err("`http_headers` are no headers".to_owned()),
    };
    Ok(Link { url: url.to_owned(), headers })
}

fn chunk(members: &Value, rows: ChunkRows) -> Result<Chunk, String> {
    let next = match (number(members, "next_chunk_index")?, members["next_chunk_internal_link"].as_str()) {
        (Some(next), _) => Some(next),
        // Its last part is the number: `…/result/chunks/1?row_offset=…`.
        (None, Some(link)) if !link.is_empty() => {
            let path = link.split('?').next().unwrap_or_default();
            let number = path.rsplit('/').next().and_then(|number| number.parse().ok());
            Some(number.ok_or("`next_chunk_internal_link` has no number")?)
        }
        (None, _) => None,
    };
    Ok(Chunk {
        index: number(members, "chunk_index")?,
        row_offset: number(members, "row_offset")?,
        row_count: number(members, "row_count")?,
        next,
        rows,
    })
}

impl Chunk {
    /// Checks that it is the chunk of this number, whose first row is this one.
    pub fn check_place(&self, number: u64, row: u64) -> Result<(), String> {
        if self.index.is_some_and(|index| index != number) {
            return Err(format!("chunk {} came in place of chunk {number}", self.index.unwrap_or_default()));
        }
        if self.row_offset.is_some_and(|offset| offset != row) {
            let offset = self.row_offset.unwrap_or_default();
            return Err(format!("chunk {number} begins at row {offset}, row {row} was to come"));
        }
        Ok(())
    }
}

/// The rows of a `data_array`, or of what a link leads to. `count` is how many there are said to be.
pub(super) fn rows(array: &Value, width: usize, count: Option<u64>) -> Result<Vec<Vec<Option<String>>>, String> {
    let rows = match array {
        Value::Null => &Vec::new(),
        Value::Array(rows) => rows,
        _ => return Err("its rows are no list".to_owned()),
    };
    if count.is_some_and(|count| count != rows.len() as u64) {
        return Err(format!("a chunk has {} rows, and says that it has {}", rows.len(), count.unwrap_or_default()));
    }
    rows.iter().map(|row| self::row(row, width)).collect()
}

fn row(row: &Value, width: usize) -> Result<Vec<Option<String>>, String> {
    let values = row.as_array().ok_or("a row is no list")?;
    if values.len() != width {
        return Err(format!("a row has {} values, there are {width} columns", values.len()));
    }
    let text = |value: &Value| match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        _ => Err("a value is neither text nor null".to_owned()),
    };
    values.iter().map(text).collect()
}

/// A count, where it is there. Some JSON forms write large ones as text.
fn number(members: &Value, name: &str) -> Result<Option<u64>, String> {
    match &members[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.parse::<u64>().is_ok() => Ok(text.parse().ok()),
        value => value.as_u64().map(Some).ok_or_else(|| format!("`{name}` is no count")),
    }
}

#[cfg(test)]
#[path = "statement_answer_tests.rs"]
mod tests;
