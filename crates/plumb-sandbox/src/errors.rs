//! Error answers of the emulated services in the shape of Databricks, and why the sandbox cannot start.

use serde_json::{Value, json};

/// A refusal: a status and the body that the real service sends with it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The body in the service's shape.
    pub body: Value,
    /// Seconds, sent as `Retry-After`.
    pub(crate) retry_after: Option<u64>,
}

/// What a handler returns.
pub type Handled = Result<Value, ApiError>;

impl ApiError {
    /// A refusal in Databricks' shape: `{"error_code": …, "message": …}`.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let body = json!({ "error_code": code, "message": message.into() });
        ApiError { status, body, retry_after: None }
    }

    /// 400 `INVALID_PARAMETER_VALUE`.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_PARAMETER_VALUE", message)
    }

    /// 400 `INVALID_STATE`.
    pub(crate) fn state(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_STATE", message)
    }

    /// 404 `RESOURCE_DOES_NOT_EXIST`.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(404, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// 400 `RESOURCE_ALREADY_EXISTS`.
    // The workspace API answers 400 for it, not 409: the SDKs map it by code, not by status.
    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self::new(400, "RESOURCE_ALREADY_EXISTS", message)
    }

    /// 403 `PERMISSION_DENIED`.
    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(403, "PERMISSION_DENIED", message)
    }

    /// 404 for a path that is no endpoint.
    // databricks/databricks-cli#383 shows the body: the path is quoted without `/api/VERSION`.
    pub(crate) fn endpoint(method: &str, path: &str) -> Self {
        let mut parts = path.splitn(4, '/');
        let short = match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(""), Some("api"), Some(_), Some(rest)) => format!("/{rest}"),
            _ => path.to_owned(),
        };
        Self::new(404, "ENDPOINT_NOT_FOUND", format!("No API found for '{method} {short}'"))
    }
}

/// Why the sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Code cannot be run without Python.
    #[error(
        "--run-code needs Python 3.8 or later, and {why} (tried: {tried}). Install it, or name one: --python /path/to/python3"
    )]
    Python {
        /// What was looked for.
        tried: String,
        /// What was found in place of it.
        why: String,
    },
    /// The address is open to other machines, which `allow_remote` has to permit.
    #[error(
        "{0} is not a loopback address: the sandbox accepts any token, so it listens elsewhere only with --allow-remote"
    )]
    NotLoopback(std::net::SocketAddr),
    /// The address cannot be bound.
    #[error(
        "cannot listen on {addr}: {source}. Another process may have the port: choose another, or 0 for a free one"
    )]
    Listen {
        /// The address that was wanted.
        addr: std::net::SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// The state file cannot be read or written.
    #[error("{path}: cannot read the sandbox's state: {why}. Delete the file to begin with an empty sandbox")]
    State {
        /// The state file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The seed names something that cannot be made.
    #[error("the seed does not fit: {0}")]
    Seed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_endpoint_is_quoted_without_its_version() {
        let error = ApiError::endpoint("GET", "/api/2.0/repos/x");
        assert_eq!(error.body["message"], "No API found for 'GET /repos/x'");
        assert_eq!(ApiError::endpoint("GET", "/nowhere").body["message"], "No API found for 'GET /nowhere'");
    }
}
