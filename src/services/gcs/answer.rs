//! What Google Cloud Storage answers: pages of a listing, and refusals with what can be done about them. Pure.
//!
//! Facts: Cloud Storage JSON API reference, "Objects: list" and "HTTP status and error codes for JSON"; "Request
//! preconditions".

use crate::services::databricks::errors::{header, meaning, retry_after};
use crate::services::failed::LONGEST_MESSAGE;
use crate::services::object_store::StoreRefusal;
use jiff::Timestamp;
use plumb_model::call::Doubt;
use plumb_model::text::shortened;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::time::Duration;

/// A page of a listing. What every answer has is not optional here: another answer must not pass for an empty page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GcsListing {
    kind: String,
    pub next_page_token: Option<String>,
    /// Absent when there are none.
    #[serde(default)]
    pub items: Vec<GcsObject>,
}

/// An object of a listing. Whole numbers are texts in JSON of Google (int64).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct GcsObject {
    pub name: String,
    /// Which of all contents that ever stood under this name it is.
    pub generation: String,
    /// In bytes.
    pub size: String,
}

impl GcsObject {
    /// The size in bytes; what cannot be read is taken for too long.
    pub(crate) fn bytes(&self) -> u64 {
        self.size.parse().unwrap_or(u64::MAX)
    }
}

/// What is asked for of each page.
pub(crate) const FIELDS: &str = "kind,nextPageToken,items(name,generation,size)";

/// Reads a page.
pub(crate) fn page(body: &[u8]) -> Result<GcsListing, String> {
    let page: GcsListing = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    if page.kind != "storage#objects" {
        return Err(format!("its kind is `{}`", shortened(&page.kind, 40)));
    }
    match page.items.iter().find(|object| !is_generation(&object.generation)) {
        Some(odd) => Err(format!("`{}` has no generation", odd.name)),
        None => Ok(page),
    }
}

/// Whether it is a number, as generations are: it becomes a part of an address.
pub(crate) fn is_generation(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GcsRefusal {
    pub status: u16,
    /// Google's word for it: `notFound`, `conditionNotMet`, `forbidden`.
    pub reason: String,
    pub message: String,
    pub request_id: Option<String>,
    pub retry_after: Option<Duration>,
    /// Why it may have been done although it was refused.
    pub doubt: Option<Doubt>,
}

#[derive(Deserialize)]
struct GcsErrorBody {
    error: GcsErrorParts,
}

#[derive(Deserialize)]
struct GcsErrorParts {
    message: String,
    #[serde(default)]
    errors: Vec<GcsErrorReason>,
}

#[derive(Deserialize)]
struct GcsErrorReason {
    #[serde(default)]
    reason: String,
}

/// What Google says of an object that is not there, in JSON and, where the object itself was asked for, as plain text.
const NO_OBJECT: &str = "No such object";

/// Reads a refusal.
pub(crate) fn refusal(status: u16, headers: &HeaderMap, body: &[u8], now: Timestamp) -> GcsRefusal {
    let said = serde_json::from_slice::<GcsErrorBody>(body).ok().map(|said| said.error);
    let plain = std::str::from_utf8(body).ok().filter(|text| text.starts_with(NO_OBJECT));
    let own = said.is_some() || plain.is_some();
    let (reason, message) = match (said, plain) {
        (Some(said), _) => {
            let reason = said.errors.into_iter().map(|error| error.reason).find(|reason| !reason.is_empty());
            (reason.unwrap_or_else(|| status.to_string()), said.message)
        }
        (None, Some(text)) => ("notFound".to_owned(), text.trim().to_owned()),
        (None, None) => {
            let meaning = meaning(status, body);
            (meaning.code, meaning.message)
        }
    };
    GcsRefusal {
        status,
        reason,
        message: shortened(&message, LONGEST_MESSAGE),
        request_id: header(headers, "x-guploader-uploadid").map(str::to_owned),
        retry_after: header(headers, "retry-after").and_then(|value| retry_after(value, now)),
        doubt: Doubt::about(status, own),
    }
}

impl StoreRefusal for GcsRefusal {
    fn status(&self) -> u16 {
        self.status
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    fn set_doubt(&mut self, doubt: Option<Doubt>) {
        self.doubt = doubt;
    }
}

impl GcsRefusal {
    /// Whether there is certainly no such object. A 404 of anything else (a bucket, a proxy) says nothing about objects.
    pub(crate) fn is_missing(&self) -> bool {
        self.status == 404 && self.message.starts_with(NO_OBJECT)
    }

    /// Whether the object is not of the generation that was asked for.
    pub(crate) fn is_changed(&self) -> bool {
        self.status == 412 || self.is_missing()
    }

    /// What can be done about it; `permission` is what the request needs, `named_in` where the bucket is named.
    pub(super) fn remedy(&self, bucket: &str, permission: &str, named_in: &str) -> Option<String> {
        Some(match (self.status, self.reason.as_str()) {
            (404, _) if self.doubt.is_none() && !self.is_missing() => {
                format!("there is no bucket `{bucket}`: make it, or fix {named_in}")
            }
            (403, _) if self.message.contains("requester pays") => {
                format!("{named_in} is a bucket whose readers pay (`userProject`), which plumb does not do")
            }
            (403, _) => format!(
                "it takes the permission {permission} on the bucket `{bucket}`, which the role Storage Object User \
                 (roles/storage.objectUser) has"
            ),
            (401, _) => "Google does not take the token: sign in again".to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = r#"{"kind": "storage#objects", "nextPageToken": "CgVkYWdz", "items": [
        {"name": "dags/a b+c.py", "generation": "1796119996779922", "size": "3"}, {"name": "dags/grüße.py", "generation": "1", "size": "0"}]}"#;

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let read = page(LISTING.as_bytes()).unwrap();
        assert_eq!(read.next_page_token.as_deref(), Some("CgVkYWdz"));
        let found: Vec<_> = read.items.iter().map(|o| (o.name.as_str(), o.bytes(), o.generation.as_str())).collect();
        assert_eq!(found, [("dags/a b+c.py", 3, "1796119996779922"), ("dags/grüße.py", 0, "1")]);
        assert!(page(br#"{"kind": "storage#objects"}"#).unwrap().items.is_empty());
        for other in [
            "",
            "{}",
            "<html><body>Sign in</body></html>",
            r#"{"kind": "storage#buckets", "items": []}"#,
            r#"{"error": {"code": 404, "message": "Not Found"}}"#,
            &LISTING[..LISTING.len() / 2],
            &LISTING.replace(r#", "size": "3""#, ""),
            &LISTING.replace("1796119996779922", "1&x=2"),
        ] {
            assert!(page(other.as_bytes()).is_err(), "{other}");
        }
    }

    fn refused(status: u16, reason: &str, message: &str) -> GcsRefusal {
        let body = serde_json::json!({ "error": { "code": status, "message": message,
            "errors": [{ "domain": "global", "reason": reason, "message": message }] } });
        refusal(status, &HeaderMap::new(), body.to_string().as_bytes(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        for (status, reason, message, says) in [
            (404, "notFound", "The specified bucket does not exist.", "no bucket `b`: make it, or fix `path`"),
            (403, "forbidden", "x does not have storage.objects.list access", "roles/storage.objectUser"),
            (401, "authError", "Invalid Credentials", "sign in again"),
        ] {
            let refusal = refused(status, reason, message);
            assert_eq!((refusal.reason.as_str(), refusal.message.as_str()), (reason, message));
            assert!(refusal.remedy("b", "storage.objects.list", "`path`").unwrap().contains(says), "{refusal:?}");
        }
        assert_eq!(refused(412, "conditionNotMet", "No.").remedy("b", "", ""), None);
    }

    #[test]
    fn only_google_says_that_an_object_is_not_there() {
        let plain = |status, text: &str| refusal(status, &HeaderMap::new(), text.as_bytes(), Timestamp::UNIX_EPOCH);
        for missing in [plain(404, "No such object: b/a.py"), refused(404, "notFound", "No such object: b/a.py")] {
            assert!(missing.is_missing() && missing.is_changed() && missing.doubt.is_none(), "{missing:?}");
        }
        for other in [
            plain(404, "<html><title>404 Not Found</title></html>"),
            plain(404, "Not Found"),
            plain(403, "No such object: b/a.py"),
            refused(404, "notFound", "The specified bucket does not exist."),
        ] {
            assert!(!other.is_missing() && !other.is_changed(), "{other:?}");
        }
        assert!(refused(412, "conditionNotMet", "").is_changed());
    }
}
