//! A request as handlers see it: already read, already authenticated, without a socket.

use super::errors::ApiError;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Uri};
use serde_json::{Map, Value, json};

/// The parts of a request that decide its answer.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub(crate) method: String,
    /// Decoded, without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// The JSON body, or the fields of a form; `Null` when there was none.
    pub(crate) body: Value,
    /// Who asks.
    pub(crate) user: String,
    /// The `Authorization` header, for the token endpoint only.
    pub(crate) authorization: Option<String>,
    /// The `Cookie` header, for sessions of MWAA.
    pub(crate) cookie: Option<String>,
    /// The `Accept` header, for what comes in more than one form.
    pub(crate) accept: Option<String>,
    /// `http://host:port`, as the caller addressed it.
    pub(crate) base: String,
    /// The id that the answer will have.
    pub(crate) id: String,
    /// The request as it came, where a signature is about that.
    pub(crate) raw: Raw,
}

/// A request as it came, still encoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raw {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    /// Names are in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Raw {
    /// What came.
    pub(crate) fn of(method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Self {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Raw {
            method: method.as_str().to_owned(),
            path: uri.path().to_owned(),
            query: uri.query().unwrap_or_default().to_owned(),
            headers: headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes()))).collect(),
            body,
        }
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Request {
    /// A request without a socket, for tests and for seeding.
    pub fn internal(method: &str, path: &str, user: &str, body: Value) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Request {
            method: method.to_owned(),
            path: path.to_owned(),
            query: pairs(query),
            body,
            user: user.to_owned(),
            authorization: None,
            cookie: None,
            accept: None,
            base: "http://127.0.0.1".to_owned(),
            id: String::new(),
            raw: Raw::default(),
        }
    }

    /// The path's segments.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.trim_matches('/').split('/').collect()
    }

    /// A parameter, from the query or else from the body: the real services read either on a GET.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        if let Some((_, value)) = self.query.iter().find(|(n, _)| n == name) {
            return Some(value.clone());
        }
        match self.body.get(name)? {
            Value::Null => None,
            Value::String(s) => Some(s.clone()),
            other => Some(other.to_string()),
        }
    }

    /// A parameter that must be there.
    pub(crate) fn required(&self, name: &str) -> Result<String, ApiError> {
        self.param(name)
            .filter(|v| !v.is_empty())
            .ok_or_else(|| ApiError::invalid(format!("Missing required field: {name}")))
    }

    /// A whole-number parameter. Ids of jobs and runs may come as numbers or as text.
    pub(crate) fn number(&self, name: &str) -> Result<Option<i64>, ApiError> {
        self.param(name)
            .map(|v| v.parse().map_err(|_| ApiError::invalid(format!("Could not parse {name}: {v} is not a number"))))
            .transpose()
    }

    /// A whole-number parameter that must be there.
    pub(crate) fn required_number(&self, name: &str) -> Result<i64, ApiError> {
        self.number(name)?.ok_or_else(|| ApiError::invalid(format!("Missing required field: {name}")))
    }

    /// A parameter that is on or off.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.param(name).is_some_and(|v| v.eq_ignore_ascii_case("true"))
    }

    /// The body as an object.
    pub(crate) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        match &self.body {
            Value::Null => Ok(Map::new()),
            Value::Object(map) => Ok(map.clone()),
            _ => Err(ApiError::new(
                400,
                "MALFORMED_REQUEST",
                "Invalid JSON given in the body of the request - expected a map",
            )),
        }
    }
}

/// The pairs of a query or of a form, decoded.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
        })
        .collect()
}

/// Percent-decoding.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'%' => {
                let hex = bytes.get(i + 1..i + 3).and_then(|h| std::str::from_utf8(h).ok());
                match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
                    Some(byte) => {
                        out.push(byte);
                        i += 2;
                    }
                    None => out.push(b'%'),
                }
            }
            byte => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads a body by its content type. Uploaded files become base64 text, as in the JSON form of the same call.
pub(crate) fn read_body(content_type: &str, bytes: &[u8]) -> Result<Value, ApiError> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    // `curl -d '{…}'` calls JSON a form, and the vendor's own examples leave it at that.
    let is_json = bytes.trim_ascii_start().starts_with(b"{");
    if content_type.starts_with("application/x-www-form-urlencoded") && !is_json {
        let text = String::from_utf8_lossy(bytes);
        return Ok(pairs(&text).into_iter().map(|(name, value)| (name, json!(value))).collect::<Map<_, _>>().into());
    }
    if content_type.starts_with("multipart/form-data") {
        let boundary = content_type.split("boundary=").nth(1).unwrap_or("").trim_matches('"');
        return Ok(multipart(boundary, bytes).into());
    }
    serde_json::from_slice(bytes).map_err(|e| {
        ApiError::new(
            400,
            "MALFORMED_REQUEST",
            format!("Invalid JSON given in the body of the request - failed to parse: {e}"),
        )
    })
}

fn multipart(boundary: &str, bytes: &[u8]) -> Map<String, Value> {
    use base64::Engine;
    let mut fields = Map::new();
    let marker = format!("--{boundary}").into_bytes();
    for part in split(bytes, &marker) {
        let Some(end) = find(part, b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let content = part[end + 4..].strip_suffix(b"\r\n").unwrap_or(&part[end + 4..]);
        let Some(name) = head.split("name=\"").nth(1).and_then(|rest| rest.split('"').next()) else { continue };
        let value = if head.contains("filename=") || name == "content" {
            base64::engine::general_purpose::STANDARD.encode(content)
        } else {
            String::from_utf8_lossy(content).into_owned()
        };
        fields.insert(name.to_owned(), json!(value));
    }
    fields
}

/// The first place of `needle`.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len().max(1)).position(|window| window == needle)
}

fn split<'a>(mut bytes: &'a [u8], marker: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = find(bytes, marker) {
        parts.push(&bytes[..at]);
        bytes = &bytes[at + marker.len()..];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_come_from_the_query_or_the_body() {
        let request =
            Request::internal("GET", "/x?name=a%20b+c&limit=5", "me", json!({ "job_id": 12, "name": "other" }));
        assert_eq!(request.param("name").as_deref(), Some("a b c"));
        assert_eq!(request.number("limit"), Ok(Some(5)));
        assert_eq!(request.number("job_id"), Ok(Some(12)));
        assert!(request.required("absent").is_err());
    }

    #[test]
    fn a_stray_percent_sign_is_itself() {
        assert_eq!(decode("100%"), "100%");
        assert_eq!(decode("%zz%41"), "%zzA");
    }

    #[test]
    fn json_is_json_whatever_curl_calls_it() {
        let form = "application/x-www-form-urlencoded";
        assert_eq!(read_body(form, b" {\"job_id\": 1}").unwrap(), json!({ "job_id": 1 }));
        assert_eq!(read_body(form, b"grant_type=x&a=%7B").unwrap(), json!({ "grant_type": "x", "a": "{" }));
    }

    #[test]
    fn an_uploaded_file_becomes_base64() {
        let body = b"--b\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/a\r\n--b\r\nContent-Disposition: form-data; \
            name=\"content\"; filename=\"x\"\r\n\r\nhi\r\n\r\n--b--\r\n";
        let value = read_body("multipart/form-data; boundary=b", body).unwrap();
        assert_eq!(value, json!({ "path": "/a", "content": "aGkNCg==" }));
    }
}
