//! Which Airflow, and as whom: from the target and the environment. Pure.
//!
//! Credentials come from the environment alone, and with the address that they are for. A project file may come from
//! anybody's pull request: were its `url` enough, it could send them anywhere.

use super::mwaa::{Mwaa, MwaaError};
use crate::services::http::ClientError;
use crate::services::issued::{TimeoutError, TokenSource};
use crate::services::secret::Secret;
use plumb_model::limits::Pace;
use plumb_model::text::is_loopback;
use std::sync::Arc;

/// Why nobody could sign in. Holds no secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AirflowConfigError {
    #[error("no Airflow is configured: set `airflow.url` in the target, or AIRFLOW_URL")]
    NoUrl,
    #[error("`{url}` is not the address of an Airflow: {why}")]
    Url { url: String, why: String },
    #[error("`airflow.api` is `{0}`; use one of: auto, v1, v2")]
    Api(String),
    #[error(
        "nobody is signed in to {0}: set AIRFLOW_USERNAME and AIRFLOW_PASSWORD, or AIRFLOW_TOKEN, AIRFLOW_TOKEN_COMMAND or \
         AIRFLOW_TOKEN_FILE"
    )]
    NoCredentials(String),
    #[error("{0} is set and {1} is not")]
    Half(&'static str, &'static str),
    #[error("{0} and {1} are both set; remove one")]
    Several(&'static str, &'static str),
    #[error(transparent)]
    Timeout(#[from] TimeoutError),
    /// Credentials of one server would go to another.
    #[error(
        "the target's Airflow is {url}, and the environment does not say that the credentials are for it: set \
         AIRFLOW_URL={url}"
    )]
    NotMeant { url: String },
    #[error("the target's Airflow is {url}, and the credentials are for {meant} (AIRFLOW_URL)")]
    OtherUrl { url: String, meant: String },
    /// The target says another API than the environment's Airflow has.
    #[error("`airflow.api` is `{api}`, and the MWAA environment {name} has Airflow {version}: leave `airflow.api` out")]
    OtherApi { api: String, name: String, version: String },
    /// The environment cannot be used.
    #[error(transparent)]
    Mwaa(#[from] MwaaError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// What the project file says of an Airflow.
#[derive(Clone, Debug, Default)]
pub struct AirflowSettings {
    pub url: Option<String>,
    pub api: Option<String>,
}

/// Which REST API to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AirflowApi {
    /// Whichever the server has.
    #[default]
    Auto,
    /// The one of Airflow 2.
    V1,
    /// The one of Airflow 3.
    V2,
}

impl AirflowApi {
    /// Reads `airflow.api`.
    fn read(text: Option<&str>) -> Result<Self, AirflowConfigError> {
        match text {
            None | Some("auto") => Ok(AirflowApi::Auto),
            Some("v1") => Ok(AirflowApi::V1),
            Some("v2") => Ok(AirflowApi::V2),
            Some(other) => Err(AirflowConfigError::Api(other.to_owned())),
        }
    }
}

/// How to sign in.
#[derive(Clone, Debug, PartialEq)]
pub enum Credentials {
    /// Airflow 3 gives a token for them, Airflow 2 takes them as they are.
    Password { username: String, password: Secret },
    /// What somebody else issued: a cloud's identity service, or Airflow itself.
    Token(Secret),
    /// AWS credentials, for an environment of Amazon MWAA.
    Iam(Arc<Mwaa>),
    /// The same, from where another one comes when it expires.
    Issued(TokenSource),
}

/// Everything that signing in needs.
#[derive(Clone, Debug, PartialEq)]
pub struct AirflowConfig {
    /// `https://airflow.example.com/prod`: no trailing slash.
    pub url: String,
    /// Whether it is this machine, without TLS.
    pub plain: bool,
    /// How fast requests are sent, where somebody said so.
    pub pace: Option<Pace>,
    pub api: AirflowApi,
    pub credentials: Credentials,
}

impl AirflowConfig {
    /// Reads the target and the environment.
    pub fn resolve(
        env: &dyn Fn(&str) -> Option<String>,
        explicit: &AirflowSettings,
    ) -> Result<Self, AirflowConfigError> {
        let meant = env("AIRFLOW_URL").map(|url| Address::read(&url)).transpose()?;
        let asked = explicit.url.as_deref().map(Address::read).transpose()?;
        let address = match (asked, meant) {
            (None, None) => return Err(AirflowConfigError::NoUrl),
            (None, Some(meant)) => meant,
            (Some(asked), Some(meant)) if asked.url == meant.url => meant,
            (Some(asked), Some(meant)) => {
                return Err(AirflowConfigError::OtherUrl { url: asked.url, meant: meant.url });
            }
            (Some(asked), None) => return Err(AirflowConfigError::NotMeant { url: asked.url }),
        };
        let api = AirflowApi::read(explicit.api.as_deref())?;
        let credentials = credentials(env)?.ok_or_else(|| AirflowConfigError::NoCredentials(address.url.clone()))?;
        let plain = address.loopback && address.url.starts_with("http://");
        Ok(AirflowConfig { url: address.url, plain, pace: None, api, credentials })
    }

    /// The Airflow of an environment of Amazon MWAA. `api` is what the target says of it.
    pub fn of_mwaa(mwaa: Mwaa, api: Option<&str>, pace: Option<Pace>) -> Result<Self, AirflowConfigError> {
        let (asked, found) = (AirflowApi::read(api)?, mwaa.api());
        if asked != AirflowApi::Auto && asked != found {
            let (name, version) = (mwaa.environment.name.clone(), mwaa.environment.version.clone());
            return Err(AirflowConfigError::OtherApi { api: api.unwrap_or_default().to_owned(), name, version });
        }
        let url = mwaa.url();
        let plain = url.starts_with("http://");
        Ok(AirflowConfig { url, plain, pace, api: found, credentials: Credentials::Iam(Arc::new(mwaa)) })
    }

    /// An Airflow on this machine whose password everybody knows: the sandbox, tests.
    pub fn local(url: &str, username: &str, password: &str) -> Result<Self, AirflowConfigError> {
        let address = Address::read(url)?;
        if !address.loopback {
            return Err(AirflowConfigError::NotMeant { url: address.url });
        }
        let credentials = Credentials::Password { username: username.to_owned(), password: Secret::new(password) };
        Ok(AirflowConfig {
            plain: address.url.starts_with("http://"),
            url: address.url,
            pace: None,
            api: AirflowApi::Auto,
            credentials,
        })
    }

    /// Who signs in, for messages: `user ann (AIRFLOW_USERNAME)`.
    pub fn describe(&self) -> String {
        match &self.credentials {
            Credentials::Password { username, .. } => format!("user {username} (AIRFLOW_USERNAME)"),
            Credentials::Token(_) => "a token (AIRFLOW_TOKEN)".to_owned(),
            Credentials::Iam(mwaa) => mwaa.describe(),
            Credentials::Issued(source) => format!("a token ({})", source.variable),
        }
    }
}

/// What the environment has to sign in with: one of a password, a token, a command and a file.
fn credentials(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Credentials>, AirflowConfigError> {
    const WAYS: [&str; 4] = ["AIRFLOW_TOKEN", "AIRFLOW_TOKEN_COMMAND", "AIRFLOW_TOKEN_FILE", "AIRFLOW_PASSWORD"];
    let mut set = WAYS.into_iter().filter(|name| env(name).is_some());
    if let (Some(one), Some(other)) = (set.next(), set.next()) {
        return Err(AirflowConfigError::Several(one, other));
    }
    let [token, command, file, password] = WAYS.map(env);
    if let Some(token) = token {
        return Ok(Some(Credentials::Token(Secret::new(token))));
    }
    if let Some(line) = command {
        return Ok(Some(Credentials::Issued(TokenSource::command("AIRFLOW_TOKEN_COMMAND", line, env)?)));
    }
    if let Some(path) = file {
        return Ok(Some(Credentials::Issued(TokenSource::file("AIRFLOW_TOKEN_FILE", path))));
    }
    match (env("AIRFLOW_USERNAME"), password) {
        (Some(username), Some(password)) => {
            Ok(Some(Credentials::Password { username, password: Secret::new(password) }))
        }
        (Some(_), None) => Err(AirflowConfigError::Half("AIRFLOW_USERNAME", "AIRFLOW_PASSWORD")),
        (None, Some(_)) => Err(AirflowConfigError::Half("AIRFLOW_PASSWORD", "AIRFLOW_USERNAME")),
        (None, None) => Ok(None),
    }
}

struct Address {
    url: String,
    loopback: bool,
}

impl Address {
    /// Reads an address as people write it: with a trailing slash, or as the browser shows it (`…/home`).
    fn read(text: &str) -> Result<Self, AirflowConfigError> {
        let text = text.trim();
        let wrong = |why: &str| AirflowConfigError::Url { url: text.to_owned(), why: why.to_owned() };
        let url = reqwest::Url::parse(text).map_err(|e| wrong(&format!("{e}; expected `https://` and a host name")))?;
        let name = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if !url.username().is_empty() || url.password().is_some() {
            // Not echoed: what stands before the `@` is usually a password.
            let url = format!("{}://…@{name}", url.scheme());
            let why = "credentials don't belong into an address; set AIRFLOW_USERNAME and AIRFLOW_PASSWORD".to_owned();
            return Err(AirflowConfigError::Url { url, why });
        }
        if !matches!(url.scheme(), "https" | "http") || name.is_empty() {
            return Err(wrong("expected `https://` and a host name"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it has a query; expected the address of the web server alone"));
        }
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        let path = url.path().trim_end_matches('/');
        let path =
            ["/home", "/api/v1", "/api/v2", "/dags"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path);
        Ok(Address { url: format!("{}://{name}{port}{path}", url.scheme()), loopback: is_loopback(&name) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(
        env: &[(&str, &str)],
        url: Option<&str>,
        api: Option<&str>,
    ) -> Result<AirflowConfig, AirflowConfigError> {
        let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        AirflowConfig::resolve(&env, &AirflowSettings { url: url.map(str::to_owned), api: api.map(str::to_owned) })
    }

    const PASSWORD: [(&str, &str); 2] = [("AIRFLOW_USERNAME", "ann"), ("AIRFLOW_PASSWORD", "hunter22")];

    /// The credentials, and the address that they are for.
    fn with_url<'a>(env: &[(&'a str, &'a str)], url: &'a str) -> Vec<(&'a str, &'a str)> {
        env.iter().copied().chain([("AIRFLOW_URL", url)]).collect()
    }

    #[test]
    fn an_airflow_on_this_machine_is_named_like_any_other() {
        let here = "http://127.0.0.1:8080";
        let config = resolve(&with_url(&PASSWORD, here), Some("http://127.0.0.1:8080/"), None).unwrap();
        assert_eq!((config.url.as_str(), config.plain, config.api), (here, true, AirflowApi::Auto));
        assert!(!format!("{config:?}").contains("hunter22"));
        let env = with_url(&PASSWORD, "http://localhost/x");
        assert_eq!(resolve(&env, Some("http://localhost/x/home"), Some("v1")).unwrap().api, AirflowApi::V1);
    }

    #[test]
    fn no_credential_goes_to_an_address_that_only_the_project_file_names() {
        let token = [("AIRFLOW_TOKEN", "hunter33")];
        let command = [("AIRFLOW_TOKEN_COMMAND", "echo hunter33")];
        let file = [("AIRFLOW_TOKEN_FILE", "/run/hunter33")];
        let named = "https://airflow.example.com";
        for credential in [&PASSWORD[..], &token, &command, &file] {
            for (asked, meant, goes) in [
                (named, Some(named), true),
                (named, None, false),
                ("https://evil.example", Some(named), false),
                ("https://evil.example", None, false),
                // Any process of this machine may listen there, and so may one of another user.
                ("http://127.0.0.1:8080", None, false),
                ("http://localhost:8080", Some(named), false),
                ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"), true),
                ("http://127.0.0.1:8081", Some("http://127.0.0.1:8080"), false),
                ("http://localhost:8080", Some("http://127.0.0.1:8080"), false),
                ("http://airflow.example.com", Some(named), false),
                ("https://airflow.example.com:8443", Some(named), false),
                ("https://airflow.example.com.evil.example", Some(named), false),
                ("https://airflow.example.com/other", Some("https://airflow.example.com/prod"), false),
            ] {
                let env = meant.map_or(credential.to_vec(), |url| with_url(credential, url));
                let resolved = resolve(&env, Some(asked), None);
                assert_eq!(resolved.is_ok(), goes, "{asked}, AIRFLOW_URL {meant:?}: {resolved:?}");
                let refused = resolved.err().map(|e| e.to_string()).unwrap_or_default();
                assert!(goes || refused.contains("AIRFLOW_URL") && !refused.contains("hunter"), "{refused}");
            }
        }
    }

    #[test]
    fn credentials_go_only_where_their_owner_meant() {
        let url = "https://airflow.example.com/prod";
        let refused = resolve(&PASSWORD, Some(url), None).unwrap_err();
        assert!(refused.to_string().contains("set AIRFLOW_URL=https://airflow.example.com/prod"), "{refused}");
        let mut env = PASSWORD.to_vec();
        env.push(("AIRFLOW_URL", "https://AIRFLOW.example.com/prod/"));
        assert_eq!(resolve(&env, Some(url), None).unwrap().url, url);
        assert_eq!(resolve(&env, None, None).unwrap().url, url);
        for other in ["https://evil.example", "https://airflow.example.com", "http://airflow.example.com/prod"] {
            assert!(matches!(resolve(&env, Some(other), None), Err(AirflowConfigError::OtherUrl { .. })), "{other}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let local = Some("http://127.0.0.1:8080");
        assert!(resolve(&PASSWORD, None, None).unwrap_err().to_string().contains("set `airflow.url`"));
        for (env, url, api, part) in [
            (&[][..], local, None, "set AIRFLOW_USERNAME and AIRFLOW_PASSWORD, or AIRFLOW_TOKEN"),
            (&PASSWORD[..1], local, None, "AIRFLOW_USERNAME is set and AIRFLOW_PASSWORD is not"),
            (&PASSWORD[1..], local, None, "AIRFLOW_PASSWORD is set and AIRFLOW_USERNAME is not"),
            (&PASSWORD[..], local, Some("v3"), "`airflow.api` is `v3`"),
            (&PASSWORD[..], Some("airflow"), None, "expected `https://`"),
            (&PASSWORD[..], Some("ftp://airflow"), None, "expected `https://`"),
            (&PASSWORD[..], Some("https://x/?a=b"), None, "a query"),
            (&PASSWORD[..], Some("https://ann:hunter33@x"), None, "credentials don't belong"),
        ] {
            let error = resolve(&with_url(env, "http://127.0.0.1:8080"), url, api).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter"), "{error}");
        }
        let ways = ["AIRFLOW_TOKEN", "AIRFLOW_TOKEN_COMMAND", "AIRFLOW_TOKEN_FILE", "AIRFLOW_PASSWORD"];
        for (one, other) in
            [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)].map(|(a, b): (usize, usize)| (ways[a], ways[b]))
        {
            let both = with_url(
                &[(one, "hunter22"), (other, "hunter22"), ("AIRFLOW_USERNAME", "ann")],
                "http://127.0.0.1:8080",
            );
            assert_eq!(resolve(&both, local, None), Err(AirflowConfigError::Several(one, other)));
        }
        let slow = [("AIRFLOW_TOKEN_COMMAND", "x"), ("PLUMB_TOKEN_TIMEOUT", "soon")];
        let error = resolve(&with_url(&slow, "http://127.0.0.1:8080"), local, None).unwrap_err().to_string();
        assert!(error.contains("PLUMB_TOKEN_TIMEOUT is `soon`"), "{error}");
    }
}
