//! Addresses of workspaces: normal form, and where credentials may be sent.

use super::auth::AuthError;
use plumb_model::text::is_loopback;

/// Databricks' own domains: the clouds' zones (databricks-sdk-go, `common/environment`), and `NAME.databricks.com` of
/// accounts with one address for all their workspaces.
const DOMAINS: &[&str] = &[
    ".databricks.com",
    ".databricks.us",
    ".databricks.mil",
    ".azuredatabricks.net",
    ".databricks.azure.us",
    ".databricks.azure.cn",
];

/// The address of a workspace in its normal form, and what stood in its query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// `https://adb-1.azuredatabricks.net`: no path, no trailing slash.
    pub url: String,
    /// Whether it is this machine: the sandbox, or a test.
    pub loopback: bool,
    /// The workspace's id, where the address was copied from a browser (`?o=123`).
    pub workspace_id: Option<String>,
    name: String,
}

impl Host {
    /// Reads an address as people write it: with or without scheme, trailing slash, path or query.
    pub fn read(text: &str) -> Result<Self, AuthError> {
        let wrong = |why: &str| AuthError::Host { host: text.to_owned(), why: why.to_owned() };
        let text_with_scheme = match text.trim() {
            "" => return Err(wrong("it is empty")),
            trimmed if trimmed.contains("://") => trimmed.to_owned(),
            trimmed => format!("https://{trimmed}"),
        };
        let url = reqwest::Url::parse(&text_with_scheme)
            .map_err(|e| wrong(&format!("{e}; expected `https://` and the workspace's host name")))?;
        let name = url.host_str().unwrap_or_default().to_ascii_lowercase();
        if name.is_empty() {
            return Err(wrong("it has no host name"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            // Not echoed: what stands before the `@` is usually a password.
            let host = format!("{}://…@{name}", url.scheme());
            let why = "credentials don't belong into an address; set DATABRICKS_TOKEN or use a profile".to_owned();
            return Err(AuthError::Host { host, why });
        }
        let loopback = is_loopback(&name);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err(wrong("`http://` would send the token in the clear; write `https://`")),
            _ => return Err(wrong("expected `https://`")),
        }
        if name.starts_with("accounts.") || name.starts_with("accounts-dod.") {
            return Err(wrong(
                "this is an account console; plumb works with a workspace: name the workspace's address",
            ));
        }
        // `?w=` takes any form of id, the older `?o=` only numbers (databricks-sdk-go, fixHostIfNeeded).
        let asked = |key: &str| url.query_pairs().find(|(k, v)| k == key && !v.is_empty()).map(|(_, v)| v.into_owned());
        let number = |id: &String| id.parse::<u64>().is_ok();
        let workspace_id =
            asked("w").or_else(|| asked("o").filter(number)).or_else(|| asked("workspace_id").filter(number));
        let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
        Ok(Host { url: format!("{}://{name}{port}", url.scheme()), loopback, workspace_id, name })
    }

    /// Whether it is spoken to without TLS, which only this machine is.
    pub fn is_plain(&self) -> bool {
        self.url.starts_with("http://")
    }

    /// Whether Databricks itself answers there, so that credentials reach nobody else.
    pub fn is_databricks(&self) -> bool {
        DOMAINS.iter().any(|domain| self.name.ends_with(domain))
    }

    /// The Azure cloud that the workspace is in.
    pub fn azure(&self) -> Option<AzureCloud> {
        [
            (".azuredatabricks.net", "https://login.microsoftonline.com"),
            (".databricks.azure.us", "https://login.microsoftonline.us"),
            (".databricks.azure.cn", "https://login.chinacloudapi.cn"),
        ]
        .iter()
        .find(|(domain, _)| self.name.ends_with(domain))
        .map(|(_, login)| AzureCloud { login: (*login).to_owned() })
    }
}

/// Where an Azure cloud issues tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureCloud {
    pub login: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_normal_form() {
        for (text, url, id) in [
            ("https://adb-1.azuredatabricks.net", "https://adb-1.azuredatabricks.net", None),
            ("ADB-1.azuredatabricks.net/", "https://adb-1.azuredatabricks.net", None),
            (" https://x.cloud.databricks.com/?o=123#job/1 ", "https://x.cloud.databricks.com", Some("123")),
            ("x.cloud.databricks.com/?o=abc", "https://x.cloud.databricks.com", None),
            ("https://x.databricks.com/jobs?w=abc", "https://x.databricks.com", Some("abc")),
            ("https://example.com:8443/path", "https://example.com:8443", None),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", None),
            ("http://localhost:1", "http://localhost:1", None),
            ("http://[::1]:9", "http://[::1]:9", None),
        ] {
            let host = Host::read(text).unwrap();
            assert_eq!((host.url.as_str(), host.workspace_id.as_deref()), (url, id), "{text}");
        }
    }

    #[test]
    fn what_would_leak_or_lead_nowhere_is_refused() {
        for (text, part) in [
            ("http://adb-1.azuredatabricks.net", "in the clear"),
            ("http://127.0.0.1.evil.example", "in the clear"),
            ("ftp://x", "expected `https://`"),
            ("", "empty"),
            ("https://", "host"),
            ("https://accounts.cloud.databricks.com", "account console"),
            ("https://user:hunter22@x.example", "credentials"),
        ] {
            let error = Host::read(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter22"), "{text}: {error}");
        }
    }

    #[test]
    fn only_databricks_own_domains_are_its_own() {
        assert!(Host::read("x.cloud.databricks.com").unwrap().is_databricks());
        assert!(Host::read("adb-1.2.azuredatabricks.net").unwrap().is_databricks());
        for foreign in ["cloud.databricks.com.evil.example", "evilcloud.databricks.co", "https://azuredatabricks.net.x"]
        {
            assert!(!Host::read(foreign).unwrap().is_databricks(), "{foreign}");
        }
    }
}
