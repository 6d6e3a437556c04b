//! Who asks: bearer tokens, where they are exchanged for a key (`/token`), and the metadata server that hands them out.
//!
//! The signature of a key's assertion is not verified: there is no list of keys here. What it says of itself is.

use super::GcsRefused;
use crate::answer::{Answer, Content};
use crate::request::Request;
use crate::store::Store;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tokens that were issued, until when, in memory only: they are never written to a file or a log.
#[derive(Default)]
pub struct GcsTokens(BTreeMap<String, i64>);

impl std::fmt::Debug for GcsTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("GcsTokens").field(&self.0.len()).finish()
    }
}

impl GcsTokens {
    /// Lets every token expire; answers how many there were.
    pub fn expire_all(&mut self) -> usize {
        self.0.values_mut().for_each(|until| *until = i64::MIN);
        self.0.len()
    }
}

/// Where a machine of Google's asks for its service account: below that, its name or `default`.
const METADATA: &str = "/computeMetadata/v1/instance/service-accounts/";
/// The name of it.
const EMAIL: &str = "machine@sandbox.iam.gserviceaccount.com";

/// Answers what is asked before anybody is signed in; `None` for everything else.
pub(super) fn unsigned(store: &mut Store, request: &Request) -> Option<Answer> {
    match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/token") => Some(exchanged(store, request)),
        ("GET", path) => Some(metadata(store, request, path.strip_prefix(METADATA)?)),
        _ => None,
    }
}

fn issued(store: &mut Store) -> Value {
    let seconds = store.settings.gcs.token_seconds;
    let until = store.now().saturating_add(seconds.saturating_mul(1000));
    let token = format!("ya29.sandbox-{}", Store::scrambled(store.serial()));
    store.gcs_tokens.0.insert(token.clone(), until);
    json!({ "access_token": token, "expires_in": seconds, "token_type": "Bearer" })
}

/// OAuth's token endpoint: a service account's assertion (RFC 7523) or a person's refresh token (RFC 6749, 6) for a token.
fn exchanged(store: &mut Store, request: &Request) -> Answer {
    let refused = |error: &str, more: &str| Answer::json(400, json!({ "error": error, "error_description": more }));
    let text = |name: &str| request.body.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("grant_type") {
        "refresh_token" => {
            if [text("client_id"), text("client_secret"), text("refresh_token")].contains(&"") {
                return refused("invalid_request", "Missing required parameter");
            }
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            let mut parts = text("assertion").split('.');
            let claims = parts.nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
            let claims: Value = claims.and_then(|c| serde_json::from_slice(&c).ok()).unwrap_or_default();
            if parts.next().is_none_or(str::is_empty) || claims["iss"].as_str().is_none_or(str::is_empty) {
                return refused("invalid_grant", "Invalid JWT Signature.");
            }
            // Some of Google's libraries name Google's own address whatever the key says (google-auth).
            let aud = claims["aud"].as_str().unwrap_or_default();
            if aud != format!("{}/token", request.base) && aud != "https://oauth2.googleapis.com/token" {
                return refused("invalid_grant", "Invalid JWT: Failed audience check.");
            }
            let (from, to) = (claims["iat"].as_i64().unwrap_or(0), claims["exp"].as_i64().unwrap_or(0));
            let now = store.now() / 1000;
            if to <= now || to - from > 3600 || from > now + 60 {
                let more = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. \
                            Check your iat and exp values in the JWT claim.";
                return refused("invalid_grant", more);
            }
        }
        _ => return refused("unsupported_grant_type", "Invalid grant_type"),
    }
    Answer::json(200, issued(store))
}

/// The metadata server, which answers those alone who say that they mean it ("View and query VM metadata").
fn metadata(store: &mut Store, request: &Request, path: &str) -> Answer {
    if request.raw.header("metadata-flavor") != Some("Google") {
        return Answer {
            status: 403,
            content: Content::Html("Missing Metadata-Flavor:Google header.".to_owned()),
            retry_after: None,
        };
    }
    let told = match path.trim_end_matches('/').split_once('/') {
        None if path.starts_with("default") || path.starts_with(EMAIL) => {
            json!({ "aliases": ["default"], "email": EMAIL, "scopes": ["https://www.googleapis.com/auth/cloud-platform"] })
        }
        Some(("default" | EMAIL, "token")) => issued(store),
        _ => return Answer { status: 404, content: Content::Html("Not Found".to_owned()), retry_after: None },
    };
    let bytes = told.to_string().into_bytes();
    let headers = vec![("metadata-flavor", "Google".to_owned())];
    Answer {
        status: 200,
        content: Content::Object { media: "application/json".into(), headers, bytes },
        retry_after: None,
    }
}

/// Lets a caller in. `permission` is what is asked for, for the words.
pub(super) fn admitted(store: &Store, request: &Request, permission: &str) -> Result<(), GcsRefused> {
    let settings = &store.settings.gcs;
    let Some(token) = request.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer ")) else {
        if settings.anonymous && request.authorization.is_none() {
            return Ok(());
        }
        let message = format!(
            "Anonymous caller does not have {permission} access to the Google Cloud Storage bucket. Permission \
             '{permission}' denied on resource (or it may not exist)."
        );
        return Err(GcsRefused(401, "required", message));
    };
    let token = token.trim();
    let good = match (store.gcs_tokens.0.get(token), &settings.token) {
        (Some(until), _) => store.now() < *until,
        (None, Some(only)) => only == token,
        // Of the form of its own, but of a sandbox that ended.
        (None, None) => !token.is_empty() && !token.starts_with("ya29.sandbox-"),
    };
    if good { Ok(()) } else { Err(GcsRefused(401, "authError", "Invalid Credentials".to_owned())) }
}
