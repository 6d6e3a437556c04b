//! DBFS, API 2.0. Errors are those of the DBFS API reference.

use super::{
    paging,
    tree::{InTheWay, TreeEntry, clean},
};
use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A file that is being written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stream {
    pub path: String,
    /// Base64.
    pub content: String,
    /// When something last came.
    pub used: i64,
}

/// A block, a read and a `put` that is no upload may have 1 MB.
const BLOCK: usize = 1 << 20;
/// A handle that nothing is written to is forgotten after ten minutes.
const IDLE_MS: i64 = 10 * 60 * 1000;

/// Answers `dbfs/VERB`.
pub fn handle(store: &mut Store, request: &Request, verb: &str) -> Option<Handled> {
    Some(match (request.method.as_str(), verb) {
        ("POST", "put") => put(store, request),
        ("POST", "create") => create(store, request),
        ("POST", "add-block") => add_block(store, request),
        ("POST", "close") => close(store, request),
        ("POST", "mkdirs") => path(request).and_then(|path| {
            let now = store.now();
            store.databricks.dbfs.make_folder(&path, now).map_err(in_the_way)?;
            Ok(json!({}))
        }),
        ("POST", "move") => rename(store, request),
        ("POST", "delete") => delete(store, request),
        ("GET", "get-status") => path(request).and_then(|path| Ok(shown(&path, &find(store, &path)?))),
        ("GET", "list") => list(store, request),
        ("GET", "read") => read(store, request),
        _ => return None,
    })
}

fn absolute(path: &str) -> Result<String, ApiError> {
    let path = path.strip_prefix("dbfs:").unwrap_or(path);
    if !path.starts_with('/') {
        return Err(ApiError::invalid("Path must be absolute"));
    }
    Ok(clean(path))
}

fn path(request: &Request) -> Result<String, ApiError> {
    absolute(&request.required("path")?)
}

fn exists(path: &str) -> ApiError {
    ApiError::exists(format!("A file or directory already exists at the input path {path}."))
}

fn in_the_way(InTheWay(path): InTheWay) -> ApiError {
    exists(&path)
}

fn find(store: &Store, path: &str) -> Result<TreeEntry, ApiError> {
    let missing = || ApiError::missing(format!("No file or directory exists on path {path}."));
    store.databricks.dbfs.get(path).ok_or_else(missing)
}

fn shown(path: &str, entry: &TreeEntry) -> Value {
    json!({
        "path": path,
        "is_dir": entry.is_folder(),
        "file_size": entry.bytes().map_or(0, |bytes| bytes.len()),
        "modification_time": entry.modified,
    })
}

/// Refuses a path at which something is, unless it is a file that may be overwritten.
fn free(store: &Store, request: &Request, path: &str) -> Result<(), ApiError> {
    match store.databricks.dbfs.get(path) {
        Some(entry) if entry.is_folder() || !request.flag("overwrite") => Err(exists(path)),
        _ => Ok(()),
    }
}

fn decode(text: &str, name: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD.decode(text).map_err(|_| ApiError::invalid(format!("{name} is not valid base64.")))
}

fn too_large() -> ApiError {
    ApiError::new(400, "MAX_BLOCK_SIZE_EXCEEDED", "The block exceeds the limit of 1 MB.")
}

fn put(store: &mut Store, request: &Request) -> Handled {
    let path = path(request)?;
    // The real one takes more from an upload as a form; here one is not told from the other.
    let contents = request.param("contents").or_else(|| request.param("content")).unwrap_or_default();
    let bytes = decode(&contents, "contents")?;
    if bytes.len() > BLOCK {
        return Err(too_large());
    }
    free(store, request, &path)?;
    let now = store.now();
    store.databricks.dbfs.write(&path, &bytes, now).map_err(in_the_way)?;
    Ok(json!({}))
}

fn create(store: &mut Store, request: &Request) -> Handled {
    let path = path(request)?;
    free(store, request, &path)?;
    let handle = i64::try_from(store.serial()).unwrap_or(0);
    let used = store.now();
    store.databricks.dbfs.write(&path, b"", used).map_err(in_the_way)?;
    store.databricks.streams.insert(handle, Stream { path, content: String::new(), used });
    Ok(json!({ "handle": handle }))
}

fn stream<'a>(store: &'a mut Store, request: &Request) -> Result<&'a mut Stream, ApiError> {
    let handle = request.required_number("handle")?;
    let now = store.now();
    store.databricks.streams.retain(|_, stream| now - stream.used <= IDLE_MS);
    let missing = || ApiError::missing(format!("No open file with handle {handle}."));
    let stream = store.databricks.streams.get_mut(&handle).ok_or_else(missing)?;
    stream.used = now;
    Ok(stream)
}

fn add_block(store: &mut Store, request: &Request) -> Handled {
    let block = decode(&request.param("data").unwrap_or_default(), "data")?;
    if block.len() > BLOCK {
        return Err(too_large());
    }
    let stream = stream(store, request)?;
    let mut bytes = decode(&stream.content, "data")?;
    bytes.extend(block);
    stream.content = STANDARD.encode(bytes);
    Ok(json!({}))
}

fn close(store: &mut Store, request: &Request) -> Handled {
    let Stream { path, content, .. } = stream(store, request)?.clone();
    let (bytes, now) = (decode(&content, "data")?, store.now());
    store.databricks.streams.remove(&request.required_number("handle")?);
    store.databricks.dbfs.write(&path, &bytes, now).map_err(in_the_way)?;
    Ok(json!({}))
}

fn rename(store: &mut Store, request: &Request) -> Handled {
    let from = absolute(&request.required("source_path")?)?;
    let to = absolute(&request.required("destination_path")?)?;
    find(store, &from)?;
    if to.starts_with(&format!("{from}/")) {
        return Err(ApiError::invalid(format!("Cannot move {from} into itself.")));
    }
    // Into a folder it goes under its own name.
    let to = match store.databricks.dbfs.get(&to) {
        Some(entry) if entry.is_folder() => clean(&format!("{to}/{}", from.rsplit('/').next().unwrap_or_default())),
        _ => to,
    };
    if store.databricks.dbfs.get(&to).is_some() {
        return Err(exists(&to));
    }
    let now = store.now();
    store.databricks.dbfs.rename(&from, &to, now).map_err(in_the_way)?;
    Ok(json!({}))
}

fn delete(store: &mut Store, request: &Request) -> Handled {
    let path = path(request)?;
    // What is not there is deleted already: no error is documented for it.
    let Some(entry) = store.databricks.dbfs.get(&path) else { return Ok(json!({})) };
    if entry.is_folder() && !request.flag("recursive") && !store.databricks.dbfs.inside(&path).is_empty() {
        return Err(ApiError::new(400, "IO_ERROR", format!("The directory {path} is not empty.")));
    }
    store.databricks.dbfs.remove(&path);
    Ok(json!({}))
}

fn list(store: &Store, request: &Request) -> Handled {
    let path = path(request)?;
    let entry = find(store, &path)?;
    let files = if entry.is_folder() {
        store.databricks.dbfs.inside(&path).into_iter().map(|(path, entry)| shown(path, entry)).collect()
    } else {
        vec![shown(&path, &entry)]
    };
    Ok(paging::listing("files", files).into())
}

fn read(store: &Store, request: &Request) -> Handled {
    let path = path(request)?;
    let bytes = find(store, &path)?.bytes().ok_or_else(|| ApiError::invalid(format!("{path} is a directory.")))?;
    // Half a megabyte unless told otherwise (DBFS API reference).
    let (offset, length) = (request.number("offset")?.unwrap_or(0), request.number("length")?.unwrap_or(1 << 19));
    let (Ok(offset), Ok(length)) = (usize::try_from(offset), usize::try_from(length)) else {
        return Err(ApiError::invalid("offset and length must not be negative."));
    };
    if length > BLOCK {
        return Err(ApiError::new(400, "MAX_READ_SIZE_EXCEEDED", "The length exceeds the limit of 1 MB."));
    }
    let from = offset.min(bytes.len());
    let part = &bytes[from..bytes.len().min(from + length)];
    Ok(json!({ "bytes_read": part.len(), "data": STANDARD.encode(part) }))
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;

    fn ask(store: &mut Store, method: &str, path: &str, body: Value) -> Handled {
        route(store, &Request::internal(method, &format!("/api/2.0/dbfs/{path}"), "me@example.com", body))
    }

    fn code(answer: Handled) -> String {
        answer.unwrap_err().body["error_code"].as_str().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_file_is_streamed_read_in_parts_and_moved() {
        let mut store = Store::new(Clock::Fixed(9));
        let handle = ask(&mut store, "POST", "create", json!({ "path": "dbfs:/a/f" })).unwrap()["handle"].clone();
        for data in ["aGVs", "bG8="] {
            ask(&mut store, "POST", "add-block", json!({ "handle": handle, "data": data })).unwrap();
        }
        ask(&mut store, "POST", "close", json!({ "handle": handle })).unwrap();
        assert_eq!(code(ask(&mut store, "POST", "close", json!({ "handle": handle }))), "RESOURCE_DOES_NOT_EXIST");
        let seen = ask(&mut store, "GET", "get-status?path=/a/f", Value::Null).unwrap();
        assert_eq!(seen, json!({ "path": "/a/f", "is_dir": false, "file_size": 5, "modification_time": 9 }));
        let part = ask(&mut store, "GET", "read?path=/a/f&offset=3&length=9", Value::Null).unwrap();
        assert_eq!(part, json!({ "bytes_read": 2, "data": "bG8=" }));
        ask(&mut store, "POST", "mkdirs", json!({ "path": "/b" })).unwrap();
        let there = json!({ "source_path": "/a/f", "destination_path": "/b" });
        ask(&mut store, "POST", "move", there).unwrap();
        let listed = ask(&mut store, "GET", "list?path=/b", Value::Null).unwrap();
        assert_eq!(listed["files"][0]["path"], "/b/f");
        assert_eq!(ask(&mut store, "GET", "list?path=/a", Value::Null).unwrap(), json!({}));
        assert_eq!(code(ask(&mut store, "POST", "delete", json!({ "path": "/b" }))), "IO_ERROR");
        ask(&mut store, "POST", "delete", json!({ "path": "/b", "recursive": true })).unwrap();
        assert_eq!(code(ask(&mut store, "GET", "get-status?path=/b", Value::Null)), "RESOURCE_DOES_NOT_EXIST");
    }

    #[test]
    fn limits_are_kept_and_nothing_is_overwritten_by_chance() {
        let mut store = Store::new(Clock::Fixed(0));
        let file = |overwrite: bool| json!({ "path": "/f", "contents": "aGk=", "overwrite": overwrite });
        ask(&mut store, "POST", "put", file(false)).unwrap();
        assert_eq!(code(ask(&mut store, "POST", "put", file(false))), "RESOURCE_ALREADY_EXISTS");
        ask(&mut store, "POST", "put", file(true)).unwrap();
        let large = json!({ "path": "/g", "contents": STANDARD.encode(vec![0; BLOCK + 1]) });
        assert_eq!(code(ask(&mut store, "POST", "put", large)), "MAX_BLOCK_SIZE_EXCEEDED");
        let read = ask(&mut store, "GET", "read?path=/f&length=1048577", Value::Null);
        assert_eq!(code(read), "MAX_READ_SIZE_EXCEEDED");
        assert_eq!(code(ask(&mut store, "GET", "read?path=/f&offset=-1", Value::Null)), "INVALID_PARAMETER_VALUE");
        let handle = ask(&mut store, "POST", "create", json!({ "path": "/h" })).unwrap()["handle"].clone();
        store.advance(601);
        let late = json!({ "handle": handle, "data": "" });
        assert_eq!(code(ask(&mut store, "POST", "add-block", late)), "RESOURCE_DOES_NOT_EXIST");
    }
}
