//! Authentication: bearer tokens, the OAuth endpoints, and `Me`, which tells a caller who they are.

use crate::{
    errors::{ApiError, Handled},
    request::Request,
    store::Store,
};
use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Tokens, in memory only: they are never written to a file or a log.
#[derive(Default)]
pub struct DatabricksTokens {
    issued: BTreeMap<String, DatabricksToken>,
    /// Every other token that was presented.
    seen: BTreeSet<String>,
    revoked: BTreeSet<String>,
}

struct DatabricksToken {
    user: String,
    until_ms: i64,
}

impl std::fmt::Debug for DatabricksTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DatabricksTokens").field("issued", &self.issued.len()).finish_non_exhaustive()
    }
}

impl DatabricksTokens {
    /// Refuses every token presented or issued so far; answers how many there were.
    pub fn revoke_all(&mut self) -> usize {
        let before = self.revoked.len();
        self.revoked.extend(std::mem::take(&mut self.issued).into_keys());
        self.revoked.append(&mut self.seen);
        self.revoked.len() - before
    }
}

/// What an unnamed token stands for.
pub const SOMEONE: &str = "someone@example.com";

/// Answers what needs no token: finding the token endpoint, and getting a token there.
pub fn without_token(store: &mut Store, request: &Request) -> Option<Handled> {
    let base = &request.base;
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/oidc/.well-known/oauth-authorization-server" | "/oidc/.well-known/openid-configuration") => {
            Some(Ok(json!({
                "issuer": format!("{base}/oidc"),
                "authorization_endpoint": format!("{base}/oidc/v1/authorize"),
                "token_endpoint": format!("{base}/oidc/v1/token"),
                "grant_types_supported": ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
            })))
        }
        ("GET", "/.well-known/databricks-config") => Some(Ok(json!({
            "oidc_endpoint": format!("{base}/oidc"),
            "workspace_id": store.settings.workspace_id.to_string(),
            "host_type": "WORKSPACE_HOST",
            "cloud": "AWS",
        }))),
        ("POST", "/oidc/v1/token") => Some(token(store, request)),
        _ => None,
    }
}

fn refused(status: u16, error: &str, description: &str) -> ApiError {
    let body = json!({ "error": error, "error_description": description });
    ApiError { status, body, retry_after: None }
}

fn token(store: &mut Store, request: &Request) -> Handled {
    let user = match request.param("grant_type").as_deref() {
        Some("client_credentials") => {
            let basic = request.authorization.as_deref().and_then(|a| a.strip_prefix("Basic ")).and_then(|encoded| {
                let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
                text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
            });
            match basic {
                Some((id, secret)) if !id.is_empty() && !secret.is_empty() => id,
                _ => return Err(refused(401, "invalid_client", "Client authentication failed")),
            }
        }
        Some("urn:ietf:params:oauth:grant-type:token-exchange") => exchange(request)?,
        _ => return Err(refused(400, "unsupported_grant_type", "The grant type is not supported")),
    };
    let token = format!("sandbox-{}", Store::scrambled(store.serial()));
    let seconds = store.settings.token_seconds;
    let until_ms = store.now() + seconds * 1000;
    store.tokens.issued.insert(token.clone(), DatabricksToken { user, until_ms });
    let scope = request.param("scope").unwrap_or_else(|| "all-apis".to_owned());
    // A number in the OAuth standard, a text in databricks/cli's testserver: clients have to read both.
    let expires_in = if store.settings.token_seconds_as_text { json!(seconds.to_string()) } else { json!(seconds) };
    Ok(json!({ "access_token": token, "token_type": "Bearer", "scope": scope, "expires_in": expires_in }))
}

/// Workload identity: exchanges another issuer's JWT for a token of the workspace.
fn exchange(request: &Request) -> Result<String, ApiError> {
    if request.param("subject_token_type").as_deref() != Some("urn:ietf:params:oauth:token-type:jwt") {
        return Err(refused(400, "invalid_request", "subject_token_type must be urn:ietf:params:oauth:token-type:jwt"));
    }
    let token = request.param("subject_token").unwrap_or_default();
    // Nothing is verified but that it is a JWT: the sandbox trusts no issuer and knows no keys.
    let claims = token
        .split('.')
        .nth(1)
        .and_then(|part| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok())
        .and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok())
        .ok_or_else(|| refused(400, "invalid_grant", "The subject token is not a valid JWT"))?;
    let subject = claims.get("sub").and_then(Value::as_str).map(str::to_owned);
    request
        .param("client_id")
        .or(subject)
        .ok_or_else(|| refused(400, "invalid_grant", "The subject token has no subject, and client_id is missing"))
}

/// Who the bearer token belongs to.
pub fn authenticate(store: &mut Store, request: &Request, required: Option<&str>) -> Result<String, ApiError> {
    let Some(token) = request.authorization.as_deref().and_then(|a| a.strip_prefix("Bearer ")).map(str::trim) else {
        let message = "Credential was not sent or was of an unsupported type for this API.";
        return Err(ApiError::new(401, "401", message));
    };
    let now = store.now();
    let status = store.settings.refused_token_status;
    // 401 is what the SDKs count on, 403 is what some deployments answer (n8n-io/n8n#34147).
    let invalid = || ApiError {
        status,
        body: json!({ "error_code": status, "message": "Invalid access token." }),
        retry_after: None,
    };
    if let Some(issued) = store.tokens.issued.get(token) {
        return if now < issued.until_ms { Ok(issued.user.clone()) } else { Err(invalid()) };
    }
    let unknown = required.is_some_and(|required| required != token);
    if store.tokens.revoked.contains(token) || unknown || token.is_empty() || token.starts_with("sandbox-") {
        return Err(invalid());
    }
    store.tokens.seen.insert(token.to_owned());
    Ok(SOMEONE.to_owned())
}

/// The id of the group of workspace admins.
pub const ADMINS: &str = "100000000000001";
/// The id of the group of all users.
pub const USERS: &str = "100000000000002";

/// Answers SCIM's `Me`.
pub fn me(store: &Store, request: &Request) -> Handled {
    let user = &request.user;
    let group = |name: &str, id: &str| json!({ "display": name, "type": "direct", "value": id, "$ref": format!("Groups/{id}") });
    let groups = if store.settings.caller_is_admin {
        json!([group("admins", ADMINS), group("users", USERS),])
    } else {
        json!([group("users", USERS)])
    };
    Ok(json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "id": "1234567890123456",
        "userName": user,
        "displayName": user.split('@').next(),
        "active": true,
        "emails": [{ "type": "work", "value": user, "primary": true }],
        "groups": groups,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Clock;

    fn bearer(token: &str) -> Request {
        Request { authorization: Some(format!("Bearer {token}")), ..Request::default() }
    }

    fn form(body: Value, authorization: Option<String>) -> Request {
        let mut request = Request::internal("POST", "/oidc/v1/token", "", body);
        request.authorization = authorization;
        request
    }

    #[test]
    fn an_issued_token_lives_as_long_as_the_settings_say() {
        let mut store = Store::new(Clock::Fixed(0));
        store.settings.token_seconds = 60;
        let basic = format!("Basic {}", STANDARD.encode("sp-1:secret"));
        let request = form(json!({ "grant_type": "client_credentials", "scope": "all-apis" }), Some(basic));
        let answer = without_token(&mut store, &request).unwrap().unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        assert_eq!(authenticate(&mut store, &bearer(&token), None), Ok("sp-1".to_owned()));
        store.advance(60);
        assert_eq!(authenticate(&mut store, &bearer(&token), None).unwrap_err().status, 401);
        let wrong = form(json!({ "grant_type": "client_credentials" }), None);
        assert_eq!(without_token(&mut store, &wrong).unwrap().unwrap_err().status, 401);
    }

    #[test]
    fn a_jwt_is_exchanged_for_a_token_of_its_subject() {
        let mut store = Store::new(Clock::Fixed(0));
        let jwt = format!("e30.{}.sig", URL_SAFE_NO_PAD.encode("{\"sub\":\"repo:o/r\"}"));
        let mut body = json!({
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "subject_token": jwt,
        });
        let answer = without_token(&mut store, &form(body.clone(), None)).unwrap().unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        assert_eq!(authenticate(&mut store, &bearer(&token), None), Ok("repo:o/r".to_owned()));
        body["subject_token"] = json!("nonsense");
        assert_eq!(without_token(&mut store, &form(body, None)).unwrap().unwrap_err().body["error"], "invalid_grant");
    }

    #[test]
    fn revoking_refuses_what_was_presented_before() {
        let mut store = Store::new(Clock::Fixed(0));
        assert_eq!(authenticate(&mut store, &bearer("a"), None), Ok(SOMEONE.to_owned()));
        assert_eq!(store.tokens.revoke_all(), 1);
        assert_eq!(authenticate(&mut store, &bearer("a"), None).unwrap_err().status, 401);
        assert!(authenticate(&mut store, &bearer("b"), None).is_ok());
        assert!(authenticate(&mut store, &bearer("b"), Some("c")).is_err(), "only the one token that was asked for");
        assert_eq!(authenticate(&mut store, &Request::default(), None).unwrap_err().status, 401);
    }
}
