//! The Files API 2.0: files and folders below `/Volumes`.
//!
//! Statuses are those of the Files API reference and of databricks/cli's testserver. Where a volume has to be there, and where it
//! is enough to name it, [`unity::no_volume`] says.

use super::{
    paging, reply,
    tree::{TreeEntry, clean},
    unity,
};
use crate::{
    answer::span,
    errors::{ApiError, Handled},
    request::{Request, decode},
    store::Store,
};
use serde_json::{Value, json};

/// Answers `fs/files/PATH` and `fs/directories/PATH`.
pub fn handle(store: &mut Store, request: &Request, kind: &str) -> Option<Handled> {
    let marker = format!("/fs/{kind}/");
    // Split before it is decoded, so that a `%` of a name stays one. Requests without a socket have no raw path.
    let path = match request.raw.path.split_once(&marker) {
        Some((_, encoded)) => decode(encoded),
        None => request.path.split_once(&marker)?.1.to_owned(),
    };
    let path = clean(&path);
    let known = match (request.method.as_str(), kind) {
        ("PUT", "files") => upload,
        ("GET" | "HEAD", "files") => download,
        ("DELETE", "files") => delete,
        ("PUT", "directories") => make,
        ("GET", "directories") => list,
        ("HEAD", "directories") => look,
        ("DELETE", "directories") => remove,
        _ => return None,
    };
    if let Err(refusal) = in_volume(&path) {
        return Some(Err(refusal));
    }
    // The words are those that Unity Catalog has for it. That the Files API says the same is unverified.
    if let Some(refusal) = unity::no_volume(store, &path) {
        return Some(Err(refusal));
    }
    Some(known(store, request, &path))
}

/// Whether the path is one below a volume: `/Volumes/CATALOG/SCHEMA/VOLUME`.
fn in_volume(path: &str) -> Result<(), ApiError> {
    if path.starts_with("/Volumes/") && path.matches('/').count() >= 4 {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "Invalid path: {path}. Only paths below /Volumes/<catalog>/<schema>/<volume> are supported."
    )))
}

fn is_volume(path: &str) -> bool {
    path.matches('/').count() == 4
}

fn missing(path: &str) -> ApiError {
    ApiError::new(404, "NOT_FOUND", format!("Not found: {path}"))
}

fn file(store: &Store, path: &str) -> Result<(Vec<u8>, i64), ApiError> {
    let entry = store.databricks.volumes.get(path).ok_or_else(|| missing(path))?;
    entry.bytes().map(|bytes| (bytes, entry.modified)).ok_or_else(|| missing(path))
}

fn folder(store: &Store, path: &str) -> Result<(), ApiError> {
    let found = store.databricks.volumes.get(path).is_some_and(|entry| entry.is_folder());
    if found || is_volume(path) { Ok(()) } else { Err(missing(path)) }
}

fn upload(store: &mut Store, request: &Request, path: &str) -> Handled {
    match store.databricks.volumes.get(path) {
        Some(entry) if entry.is_folder() => {
            return Err(ApiError::new(409, "ALREADY_EXISTS", format!("{path} is a directory.")));
        }
        Some(_) if !request.flag("overwrite") => {
            return Err(ApiError::new(409, "ALREADY_EXISTS", format!("The file {path} already exists.")));
        }
        _ => {}
    }
    let now = store.now();
    write(store, path, &request.raw.body, now)
}

fn conflict(path: &str) -> ApiError {
    let message = format!("{path} points to an existing file. This call is about directories.");
    ApiError::new(409, "ALREADY_EXISTS", message)
}

fn write(store: &mut Store, path: &str, bytes: &[u8], now: i64) -> Handled {
    store.databricks.volumes.write(path, bytes, now).map_err(|at| conflict(&at.0))?;
    reply::empty(204)
}

fn download(store: &mut Store, request: &Request, path: &str) -> Handled {
    let (bytes, modified) = file(store, path)?;
    let Some((from, to)) = request.raw.header("range").and_then(|range| span(range, bytes.len())) else {
        return Ok(reply::bytes(&bytes, modified));
    };
    // A part of what has been changed meanwhile is none of what was begun (databricks-sdk-py, files).
    let since = request.raw.header("if-unmodified-since");
    let at = reply::answer(reply::bytes(&[], modified)).content.modified();
    if since.is_some() && since != at.as_deref() {
        return Err(ApiError::new(412, "PRECONDITION_FAILED", format!("{path} was changed.")));
    }
    if from >= to {
        return Err(ApiError::new(416, "INVALID_RANGE", format!("{path} has {} bytes.", bytes.len())));
    }
    Ok(reply::part(&bytes[from..to], from, bytes.len(), modified))
}

fn delete(store: &mut Store, _: &Request, path: &str) -> Handled {
    file(store, path)?;
    store.databricks.volumes.remove(path);
    reply::empty(204)
}

fn make(store: &mut Store, _: &Request, path: &str) -> Handled {
    let now = store.now();
    store.databricks.volumes.make_folder(path, now).map_err(|at| conflict(&at.0))?;
    reply::empty(204)
}

fn look(store: &mut Store, _: &Request, path: &str) -> Handled {
    folder(store, path)?;
    reply::empty(200)
}

fn remove(store: &mut Store, _: &Request, path: &str) -> Handled {
    folder(store, path)?;
    if !store.databricks.volumes.inside(path).is_empty() {
        let message = format!("The directory {path} is not empty.");
        return Err(ApiError::new(400, "FILES_API_DIRECTORY_IS_NOT_EMPTY", message));
    }
    store.databricks.volumes.remove(path);
    reply::empty(204)
}

fn list(store: &mut Store, request: &Request, path: &str) -> Handled {
    folder(store, path)?;
    let size = paging::limit(request, "page_size", 1000, 1000)?;
    let number = paging::page_number(request.param("page_token").as_deref())?;
    let all = store.databricks.volumes.inside(path);
    let more = all.len() > (number + 1) * size;
    let page = all.into_iter().skip(number * size).take(size).map(|(path, entry)| shown(path, entry));
    let mut answer: Value = paging::listing("contents", page.collect()).into();
    if more {
        answer["next_page_token"] = paging::page_token(number + 1);
    }
    Ok(answer)
}

fn shown(path: &str, entry: &TreeEntry) -> Value {
    let mut shown = json!({
        "path": path,
        "name": path.rsplit('/').next(),
        "is_directory": entry.is_folder(),
        "last_modified": entry.modified,
    });
    if let Some(bytes) = entry.bytes() {
        shown["file_size"] = json!(bytes.len());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::super::route;
    use super::*;
    use crate::store::Clock;
    use axum::body::Bytes;

    fn ask(store: &mut Store, method: &str, path: &str, body: &'static [u8]) -> Handled {
        let path = format!("/api/2.0/fs/{path}");
        let mut request = Request::internal(method, &path, "me@example.com", Value::Null);
        request.raw.path = path.split('?').next().unwrap_or_default().to_owned();
        request.path = decode(&request.raw.path);
        request.raw.body = Bytes::from_static(body);
        route(store, &request)
    }

    fn status(answer: Handled) -> u16 {
        answer.map_or_else(|error| error.status, |body| reply::answer(body).status)
    }

    #[test]
    fn files_and_folders_of_a_volume() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(status(ask(&mut store, "PUT", "files/Volumes/c/s/v/a/100%25.txt", b"\x00{")), 204);
        assert_eq!(status(ask(&mut store, "PUT", "files/Volumes/c/s/v/a/100%25.txt", b"x")), 409);
        assert_eq!(status(ask(&mut store, "PUT", "files/Volumes/c/s/v/a/100%25.txt?overwrite=true", b"\x00{}")), 204);
        let got = reply::answer(ask(&mut store, "GET", "files/Volumes/c/s/v/a/100%25.txt", b"").unwrap());
        assert!(matches!(&got.content, crate::answer::Content::File { bytes, .. } if bytes == b"\x00{}"), "{got:?}");
        let listed = ask(&mut store, "GET", "directories/Volumes/c/s/v", b"").unwrap();
        assert_eq!(
            (&listed["contents"][0]["name"], &listed["contents"][0]["is_directory"]),
            (&json!("a"), &json!(true))
        );
        let listed = ask(&mut store, "GET", "directories/Volumes/c/s/v/a/", b"").unwrap();
        assert_eq!(
            (&listed["contents"][0]["path"], &listed["contents"][0]["file_size"]),
            (&json!("/Volumes/c/s/v/a/100%.txt"), &json!(3))
        );
        for (method, path, expected) in [
            ("HEAD", "directories/Volumes/c/s/v/a", 200),
            ("HEAD", "directories/Volumes/c/s/v/b", 404),
            ("HEAD", "directories/Volumes/c/s/v/a/100%25.txt", 404),
            ("PUT", "directories/Volumes/c/s/v/a/100%25.txt", 409),
            ("PUT", "directories/Volumes/c/s/v/b/c", 204),
            ("PUT", "directories/Volumes/c/s/v/b/c", 204),
            ("DELETE", "directories/Volumes/c/s/v/b", 400),
            ("DELETE", "directories/Volumes/c/s/v/b/c", 204),
            ("GET", "files/Volumes/c/s/v/b", 404),
            ("DELETE", "files/Volumes/c/s/v/a/100%25.txt", 204),
            ("DELETE", "files/Volumes/c/s/v/a/100%25.txt", 404),
            ("GET", "files/tmp/x", 400),
            ("POST", "files/Volumes/c/s/v/x", 404),
        ] {
            assert_eq!(status(ask(&mut store, method, path, b"")), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_part_of_a_file_is_told_from_the_whole() {
        let mut store = Store::new(Clock::Fixed(0));
        ask(&mut store, "PUT", "files/Volumes/c/s/v/a", b"0123456789").unwrap();
        let mut get = |headers: &[(&str, &str)]| {
            let path = "/api/2.0/fs/files/Volumes/c/s/v/a";
            let mut request = Request::internal("GET", path, "me@example.com", Value::Null);
            request.raw.path = path.to_owned();
            request.raw.headers =
                headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            route(&mut store, &request).map(reply::answer).map_err(|error| error.status)
        };
        let epoch = "Thu, 01 Jan 1970 00:00:00 GMT";
        let part = get(&[("range", "bytes=2-4"), ("if-unmodified-since", epoch)]).unwrap();
        assert_eq!((part.status, part.content.part().as_deref()), (206, Some("bytes 2-4/10")));
        assert!(matches!(&part.content, crate::answer::Content::File { bytes, .. } if bytes == b"234"), "{part:?}");
        assert_eq!(get(&[("range", "bytes=10-")]).unwrap_err(), 416);
        assert_eq!(
            get(&[("range", "bytes=0-"), ("if-unmodified-since", "Fri, 02 Jan 1970 00:00:00 GMT")]).unwrap_err(),
            412
        );
        assert_eq!(get(&[("range", "bytes=9-3")]).unwrap().status, 200);
    }

    #[test]
    fn long_folders_come_in_pages() {
        let mut store = Store::new(Clock::Fixed(0));
        for name in ["a", "b", "c"] {
            ask(&mut store, "PUT", &format!("files/Volumes/c/s/v/{name}"), b"").unwrap();
        }
        let first = ask(&mut store, "GET", "directories/Volumes/c/s/v?page_size=2", b"").unwrap();
        let token = first["next_page_token"].as_str().unwrap();
        let path = format!("directories/Volumes/c/s/v?page_size=2&page_token={token}");
        let second = ask(&mut store, "GET", &path, b"").unwrap();
        assert_eq!((second["contents"][0]["name"].clone(), second.get("next_page_token")), (json!("c"), None));
    }
}
