//! Authentication: tokens of Airflow 3's `/auth/token`, names and passwords for Airflow 2.

use super::{
    ApiVersion,
    pyjson::repr,
    replies::{AirflowResult, detail, problem},
};
use crate::{answer::Answer, request::Request, store::Store};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tokens that were issued, in memory only: they are never written to a file or a log.
#[derive(Default)]
pub struct AirflowTokens(BTreeMap<String, AirflowToken>);

struct AirflowToken {
    user: String,
    until_ms: i64,
}

impl std::fmt::Debug for AirflowTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AirflowTokens").field(&self.0.len()).finish()
    }
}

impl AirflowTokens {
    /// Lets every token expire; answers how many there were.
    pub fn expire_all(&mut self) -> usize {
        for issued in self.0.values_mut() {
            issued.until_ms = i64::MIN;
        }
        self.0.len()
    }
}

/// Who may sign in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Access {
    /// The only name and password; any when `None`. The user `viewer` may only look.
    pub user: Option<(String, String)>,
    /// A token that is accepted beside those that the server issues.
    pub token: Option<String>,
}

impl Access {
    fn admits(&self, user: &str, password: &str) -> bool {
        !user.is_empty()
            && !password.is_empty()
            && self.user.as_ref().is_none_or(|(name, secret)| name == user && secret == password)
    }
}

/// The user who may look but not touch.
const VIEWER: &str = "viewer";

/// Answers `POST /auth/token` and `/auth/token/cli`.
pub fn token(store: &mut Store, access: &Access, request: &Request) -> AirflowResult {
    let missing: Vec<&str> =
        ["username", "password"].into_iter().filter(|name| request.body.get(name).is_none()).collect();
    if !missing.is_empty() {
        // The only 422 whose detail is a text.
        let (count, plural) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
        let mut words = format!("{count} validation error{plural} for LoginBody");
        for name in missing {
            let input = repr(&request.body);
            words += &format!(
                "\n{name}\n  Field required [type=missing, input_value={input}, input_type=dict]\n    For further \
                 information visit https://errors.pydantic.dev/2.14/v/missing"
            );
        }
        return Err(detail(422, words));
    }
    let text = |name: &str| request.body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (user, password) = (text("username"), text("password"));
    if user.is_empty() || password.is_empty() {
        return Err(detail(400, "Username and password must be provided"));
    }
    if !access.admits(&user, &password) {
        return Err(detail(401, "Invalid credentials"));
    }
    // The token for command lines lives an hour, independent of the other one.
    let seconds =
        store.settings.airflow.token_seconds.min(if request.path.ends_with("/cli") { 3600 } else { i64::MAX });
    let token = issue(store, &user, seconds);
    Ok(Answer::json(201, json!({ "access_token": token })))
}

/// Issues a token, or a session, for so many seconds.
pub(crate) fn issue(store: &mut Store, user: &str, seconds: i64) -> String {
    let until_ms = store.now() + seconds * 1000;
    // Three parts, as every JWT has.
    let token = format!("sandbox.{}.airflow", Store::scrambled(store.serial()));
    store.airflow_tokens.0.insert(token.clone(), AirflowToken { user: user.to_owned(), until_ms });
    token
}

/// Who is asking.
pub fn authenticate(store: &Store, access: &Access, api: ApiVersion, request: &Request) -> Result<String, Answer> {
    let header = request.authorization.as_deref().unwrap_or_default();
    match api {
        ApiVersion::V2 => {
            let Some(token) = header.strip_prefix("Bearer ").map(str::trim).filter(|t| !t.is_empty()) else {
                return Err(detail(401, "Not authenticated"));
            };
            match store.airflow_tokens.0.get(token) {
                Some(issued) if store.now() < issued.until_ms => Ok(issued.user.clone()),
                Some(_) => Err(detail(401, "Token Expired")),
                None if access.token.as_deref() == Some(token) => Ok("token".to_owned()),
                None => Err(detail(403, "Invalid JWT token")),
            }
        }
        // A session of MWAA, and nothing else.
        ApiVersion::V1 if store.mwaa.is_some() => {
            let session = super::mwaa::cookie(request, "session").and_then(|value| store.airflow_tokens.0.get(value));
            match session.filter(|issued| store.now() < issued.until_ms) {
                Some(issued) => Ok(issued.user.clone()),
                None => Err(problem(401, "Unauthorized", Value::Null)),
            }
        }
        ApiVersion::V1 => {
            let basic = header.strip_prefix("Basic ").and_then(|encoded| {
                let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
                text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
            });
            let bearer = header.strip_prefix("Bearer ").map(str::trim);
            match basic {
                Some((user, password)) if access.admits(&user, &password) => Ok(user),
                // A deployment may have another way of signing in, such as a token.
                None if bearer.is_some() && bearer == access.token.as_deref() => Ok("token".to_owned()),
                _ => Err(forbidden(api)),
            }
        }
    }
}

fn forbidden(api: ApiVersion) -> Answer {
    match api {
        ApiVersion::V2 => detail(403, "Forbidden"),
        ApiVersion::V1 => problem(403, "Forbidden", Value::Null),
    }
}

/// Refuses what a role may not do: a viewer sees DAGs, runs and pools, but no connections and no variables.
pub fn authorise(api: ApiVersion, request: &Request, rest: &[&str]) -> Result<(), Answer> {
    let secret = matches!(rest.first(), Some(&"connections" | &"variables"));
    if request.user == VIEWER && (request.method != "GET" || secret) { Err(forbidden(api)) } else { Ok(()) }
}
