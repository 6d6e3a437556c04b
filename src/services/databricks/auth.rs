//! Unified authentication: from the environment and a profile to the methods that may sign in. Pure.
//!
//! Facts: databricks-sdk-go, `config/config.go` (attributes, their names and variables), `config/config_attributes.go`
//! (more than one method), `config/config_file.go` (profiles), `config/auth_default.go` (order). Where this is stricter
//! than the SDKs, it is because a project file names the workspace, and a project file may come from anybody's pull
//! request: credentials never go to a host that their owner didn't mean.

use super::host::{AzureCloud, Host};
use crate::services::profiles::{DEFAULT, Profiles, SETTINGS};
use crate::services::secret::Secret;
use plumb_model::limits::Pace;
use std::collections::{BTreeMap, BTreeSet};

/// Why nobody could sign in. Holds no secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AuthError {
    #[error("`{host}` is not the address of a workspace: {why}")]
    Host { host: String, why: String },
    #[error(
        "no Databricks workspace is configured: set `databricks.host` or `databricks.profile` in the target, \
         DATABRICKS_HOST, or a profile in ~/.databrickscfg"
    )]
    NoHost,
    /// The official SDKs' words, so that a search finds their help too.
    #[error("validate: more than one authorization method configured: {}. {origins}; remove one, or set `auth_type` (DATABRICKS_AUTH_TYPE)", methods.join(" and "))]
    Several { methods: Vec<String>, origins: String },
    #[error("{0}")]
    Profile(String),
    /// Credentials of one workspace would go to another.
    #[error("{0}")]
    OtherHost(String),
    #[error("{method}: {why}")]
    Incomplete { method: String, why: String },
    #[error("authentication method `{method}` is not supported; use one of: {}", SUPPORTED.join(", "))]
    Unsupported { method: String },
    /// Every method that was tried, and why it failed.
    #[error("cannot sign in to {host}: {}", tried.join("; "))]
    Failed { host: String, tried: Vec<String> },
    #[error(transparent)]
    Client(#[from] crate::services::http::ClientError),
}

/// The methods that `auth_type` may name, in the order in which they are tried.
pub const SUPPORTED: &[&str] = &[
    "pat",
    "basic",
    "oauth-m2m",
    "databricks-cli",
    "github-oidc",
    "env-oidc",
    "file-oidc",
    "azure-client-secret",
    "azure-cli",
];

/// A setting: its name in a profile, its variable, and the method that it speaks for.
struct Field {
    name: &'static str,
    env: &'static str,
    group: Option<&'static str>,
}

const fn field(name: &'static str, env: &'static str, group: &'static str) -> Field {
    Field { name, env, group: Some(group) }
}

const fn plain(name: &'static str, env: &'static str) -> Field {
    Field { name, env, group: None }
}

const FIELDS: &[Field] = &[
    plain("host", "DATABRICKS_HOST"),
    plain("account_id", "DATABRICKS_ACCOUNT_ID"),
    plain("workspace_id", "DATABRICKS_WORKSPACE_ID"),
    field("metadata_service_url", "DATABRICKS_METADATA_SERVICE_URL", "metadata-service"),
    field("token", "DATABRICKS_TOKEN", "pat"),
    field("username", "DATABRICKS_USERNAME", "basic"),
    field("password", "DATABRICKS_PASSWORD", "basic"),
    field("google_service_account", "DATABRICKS_GOOGLE_SERVICE_ACCOUNT", "google"),
    field("google_credentials", "GOOGLE_CREDENTIALS", "google"),
    field("azure_workspace_resource_id", "DATABRICKS_AZURE_RESOURCE_ID", "azure"),
    field("azure_use_msi", "ARM_USE_MSI", "azure"),
    field("azure_client_secret", "ARM_CLIENT_SECRET", "azure"),
    field("azure_client_id", "ARM_CLIENT_ID", "azure"),
    field("azure_tenant_id", "ARM_TENANT_ID", "azure"),
    field("client_id", "DATABRICKS_CLIENT_ID", "oauth"),
    field("client_secret", "DATABRICKS_CLIENT_SECRET", "oauth"),
    field("databricks_id_token_filepath", "DATABRICKS_OIDC_TOKEN_FILEPATH", "file-oidc"),
    field("oidc_token_env", "DATABRICKS_OIDC_TOKEN_ENV", "env-oidc"),
    plain("databricks_cli_path", "DATABRICKS_CLI_PATH"),
    plain("auth_type", "DATABRICKS_AUTH_TYPE"),
    plain("rate_limit", "DATABRICKS_RATE_LIMIT"),
    plain("audience", "DATABRICKS_TOKEN_AUDIENCE"),
    plain("discovery_url", "DATABRICKS_DISCOVERY_URL"),
];

/// What the target or the command line says. It wins over the environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DatabricksSettings {
    pub host: Option<String>,
    pub profile: Option<String>,
}

/// A way to sign in, with all it needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    Pat {
        token: Secret,
    },
    Basic {
        username: String,
        password: Secret,
    },
    /// A service principal's OAuth secret.
    M2m {
        client_id: String,
        client_secret: Secret,
    },
    /// What `databricks auth login` stored, through the Databricks CLI.
    Cli {
        program: String,
        profile: Option<String>,
    },
    /// GitHub Actions' identity token, exchanged for one of Databricks.
    GithubOidc {
        request_url: String,
        request_token: Secret,
        client_id: Option<String>,
    },
    /// An identity token out of an environment variable.
    EnvOidc {
        variable: String,
        token: Secret,
        client_id: Option<String>,
    },
    /// An identity token out of a file, which its owner renews.
    FileOidc {
        path: String,
        client_id: Option<String>,
    },
    /// A service principal of Microsoft Entra.
    AzureClientSecret {
        cloud: AzureCloud,
        tenant: Option<String>,
        client_id: String,
        client_secret: Secret,
    },
    /// What `az login` stored, through the Azure CLI.
    AzureCli {
        program: String,
        tenant: Option<String>,
    },
}

impl Method {
    /// The name that `auth_type` has for it.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Pat { .. } => "pat",
            Method::Basic { .. } => "basic",
            Method::M2m { .. } => "oauth-m2m",
            Method::Cli { .. } => "databricks-cli",
            Method::GithubOidc { .. } => "github-oidc",
            Method::EnvOidc { .. } => "env-oidc",
            Method::FileOidc { .. } => "file-oidc",
            Method::AzureClientSecret { .. } => "azure-client-secret",
            Method::AzureCli { .. } => "azure-cli",
        }
    }

    /// Whether it sends an identity token. Whoever gets one can show it to others for as long as it lasts: it names its
    /// owner, not the workspace.
    fn is_identity(&self) -> bool {
        matches!(self, Method::GithubOidc { .. } | Method::EnvOidc { .. } | Method::FileOidc { .. })
    }
}

/// Where a workspace is and how to sign in.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabricksConfig {
    pub host: Host,
    /// The profile that values were taken from.
    pub profile: Option<String>,
    /// Tells hosts that serve several workspaces which one is meant; `X-Databricks-Workspace-Id` carries it.
    pub workspace_id: Option<String>,
    pub account_id: Option<String>,
    /// The methods to try, in order. One only, where the settings name it beyond doubt.
    pub methods: Vec<Method>,
    /// The most requests a second, where set.
    /// How fast requests are sent: `rate_limit` of the profile, or DATABRICKS_RATE_LIMIT.
    pub pace: Option<Pace>,
    /// The audience that identity tokens are for; default: the token endpoint.
    pub audience: Option<String>,
    /// The OAuth server's metadata, where it is not in its usual place.
    pub discovery_url: Option<String>,
}

/// Where a value came from, for messages.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    Explicit,
    Env(&'static str),
    File,
}

#[derive(Default)]
struct Settings(BTreeMap<&'static str, (String, Option<Origin>)>);

impl Settings {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|(value, _)| value.as_str())
    }

    fn own(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(Secret::new)
    }

    fn add(&mut self, name: &'static str, value: &str, origin: Origin) {
        // A secret of a CI system often ends in the line end of the file that it was made from.
        let value = value.trim_matches(['\r', '\n']);
        if !value.is_empty() {
            self.0.entry(name).or_insert_with(|| (value.to_owned(), Some(origin)));
        }
    }

    /// The set fields that speak for a method, from the origins that `from` accepts.
    fn speaking(&self, from: impl Fn(&Origin) -> bool) -> impl Iterator<Item = (&'static Field, &Origin)> {
        FIELDS.iter().filter(|f| f.group.is_some()).filter_map(move |f| {
            let origin = self.0.get(f.name)?.1.as_ref()?;
            from(origin).then_some((f, origin))
        })
    }
}

/// The path of the file with the profiles, to be read by whoever may read files: `DATABRICKS_CONFIG_FILE`, or
/// `.databrickscfg` at home.
pub fn profile_path(env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let set = |name: &str| env(name).filter(|v| !v.is_empty());
    let home = || set("HOME").or_else(|| set("USERPROFILE"));
    match set("DATABRICKS_CONFIG_FILE") {
        Some(path) => match path.strip_prefix('~') {
            Some(rest) => home().map(|home| format!("{home}{rest}")),
            None => Some(path),
        },
        None => home().map(|home| format!("{home}/.databrickscfg")),
    }
}

impl DatabricksConfig {
    /// Works out where the workspace is and how to sign in.
    ///
    /// `profile_text` is the content of the file at [`profile_path`], `None` when there is no such file.
    pub fn resolve(
        env: &dyn Fn(&str) -> Option<String>,
        profile_text: Option<&str>,
        explicit: DatabricksSettings,
    ) -> Result<DatabricksConfig, AuthError> {
        let env = |name: &str| env(name).filter(|value| !value.is_empty());
        let mut settings = Settings::default();
        if let Some(host) = &explicit.host {
            settings.add("host", host, Origin::Explicit);
        }
        for field in FIELDS {
            if let Some(value) = env(field.env) {
                settings.add(field.name, &value, Origin::Env(field.env));
            }
        }
        let profiles = profile_text
            .map(Profiles::read)
            .transpose()
            .map_err(|why| AuthError::Profile(format!("cannot read the Databricks configuration file: {why}")))?;
        let asked = explicit.profile.clone().or_else(|| env("DATABRICKS_CONFIG_PROFILE"));
        let profile = choose_profile(&settings, profiles.as_ref(), asked)?;
        let values = profile.as_ref().and_then(|name| profiles.as_ref()?.get(name));
        if let Some(values) = values {
            for field in FIELDS {
                if let Some(value) = values.get(field.name) {
                    settings.add(field.name, value, Origin::File);
                }
            }
        }
        let host = Host::read(settings.get("host").ok_or(AuthError::NoHost)?)?;
        let profile_host = values.and_then(|v| v.get("host"));
        let hosts = Hosts { env: env("DATABRICKS_HOST"), profile: profile_host.cloned() };
        check_hosts(&settings, &host, &explicit, &hosts, profile.as_deref())?;
        check_single_method(&settings, profile.as_deref())?;
        let methods = methods(&settings, &host, profile.as_deref(), &env)?;
        check_identity(&methods, &host, &hosts)?;
        // The SDKs take 0 for "not set".
        let pace = settings.get("rate_limit").filter(|text| *text != "0").map(read_rate).transpose()?;
        Ok(DatabricksConfig {
            workspace_id: settings.own("workspace_id").or_else(|| host.workspace_id.clone()),
            account_id: settings.own("account_id"),
            audience: settings.own("audience"),
            discovery_url: settings.own("discovery_url"),
            host,
            profile,
            methods,
            pace,
        })
    }

    /// A configuration for a host and a personal access token: the sandbox, tests.
    pub fn with_token(host: &str, token: &str) -> Result<DatabricksConfig, AuthError> {
        let env = |name: &str| (name == "DATABRICKS_TOKEN").then(|| token.to_owned());
        let url = Host::read(host)?.url;
        let both = |name: &str| if name == "DATABRICKS_HOST" { Some(url.clone()) } else { env(name) };
        DatabricksConfig::resolve(&both, None, DatabricksSettings::default())
    }

    /// How somebody signs in, for messages: `pat, profile dev`. Without a method, by any of those to try.
    pub fn describe(&self, method: Option<&Method>) -> String {
        let names = match method {
            Some(method) => method.name().to_owned(),
            None => self.methods.iter().map(Method::name).collect::<Vec<_>>().join(" or "),
        };
        match &self.profile {
            Some(profile) => format!("{names}, profile {profile}"),
            None => names,
        }
    }
}

/// The profile to read, if any.
fn choose_profile(
    settings: &Settings,
    profiles: Option<&Profiles>,
    asked: Option<String>,
) -> Result<Option<String>, AuthError> {
    if let Some(name) = asked {
        if name == SETTINGS {
            return Err(AuthError::Profile(format!("`{SETTINGS}` is a reserved section and no profile")));
        }
        let Some(profiles) = profiles else {
            return Err(AuthError::Profile(format!(
                "profile `{name}` is wanted, but there is no Databricks configuration file: run \
                 `databricks auth login --profile {name}`, or name the file in DATABRICKS_CONFIG_FILE"
            )));
        };
        if profiles.get(&name).is_none() {
            return Err(AuthError::Profile(format!("there is no profile `{name}`; {}", known(profiles))));
        }
        return Ok(Some(name));
    }
    let Some(profiles) = profiles else { return Ok(None) };
    if settings.speaking(|_| true).next().is_some() || settings.get("azure_workspace_resource_id").is_some() {
        return Ok(None);
    }
    match settings.0.get("host") {
        // As bundles do: the workspace is named, its credentials are in the one profile of that workspace.
        Some((host, Some(Origin::Explicit))) => {
            let url = Host::read(host)?.url;
            let is_it = |name: &&str| {
                let host = profiles.get(name).and_then(|values| values.get("host"));
                host.and_then(|host| Host::read(host).ok()).is_some_and(|host| host.url == url)
            };
            let matching: Vec<&str> = profiles.names().filter(is_it).collect();
            match matching.as_slice() {
                [] => Ok(None),
                [one] => Ok(Some((*one).to_owned())),
                several => Err(AuthError::Profile(format!(
                    "several profiles are for {url}: {}; say which by `databricks.profile` or DATABRICKS_CONFIG_PROFILE",
                    several.join(", ")
                ))),
            }
        }
        Some(_) => Ok(None),
        None => match profiles.chosen_default() {
            Some(SETTINGS) => Err(AuthError::Profile(format!("`{SETTINGS}` is a reserved section and no profile"))),
            Some(name) if profiles.get(name).is_none() => Err(AuthError::Profile(format!(
                "the default profile is `{name}`, which is not in the configuration file; {}",
                known(profiles)
            ))),
            Some(name) => Ok(Some(name.to_owned())),
            None => Ok(profiles.get(DEFAULT).map(|_| DEFAULT.to_owned())),
        },
    }
}

fn known(profiles: &Profiles) -> String {
    let names: Vec<_> = profiles.names().collect();
    if names.is_empty() { "the file has none".to_owned() } else { format!("the file has: {}", names.join(", ")) }
}

/// The hosts that the owner of the credentials names. A project file may come from anybody's pull request, and so names
/// none.
struct Hosts {
    /// `DATABRICKS_HOST`.
    env: Option<String>,
    /// The one of the profile in use.
    profile: Option<String>,
}

impl Hosts {
    /// Whether one of them is this very host: scheme, name and port.
    fn name(&self, host: &Host) -> bool {
        let is_it = |text: &String| Host::read(text).is_ok_and(|named| named.url == host.url);
        self.env.as_ref().is_some_and(is_it) || self.profile.as_ref().is_some_and(is_it)
    }

    /// `; DATABRICKS_HOST is https://…`, where there is one.
    fn said(&self) -> String {
        let url = self.env.as_ref().and_then(|text| Host::read(text).ok()).map(|host| host.url);
        url.map(|url| format!(" (DATABRICKS_HOST is {url})")).unwrap_or_default()
    }
}

/// Refuses to send credentials to a host that their owner didn't mean them for.
fn check_hosts(
    settings: &Settings,
    host: &Host,
    explicit: &DatabricksSettings,
    hosts: &Hosts,
    profile: Option<&str>,
) -> Result<(), AuthError> {
    let differs = |other: Option<&String>| {
        other.and_then(|other| Host::read(other).ok()).map(|h| h.url).filter(|url| *url != host.url)
    };
    let from_env = settings.speaking(|o| matches!(o, Origin::Env(_))).next();
    if let (Some(other), Some((field, _))) = (differs(hosts.env.as_ref()), from_env) {
        return Err(AuthError::OtherHost(format!(
            "the target is {}, but DATABRICKS_HOST is {other}, and so {} belongs to that workspace: unset both, or set \
             both for this target",
            host.url, field.env
        )));
    }
    if let (Some(other), Some(profile)) = (differs(hosts.profile.as_ref()), profile)
        && (explicit.profile.is_some() || settings.speaking(|o| *o == Origin::File).next().is_some())
    {
        return Err(AuthError::OtherHost(format!(
            "profile `{profile}` is for {other}, but {} says {}: name another profile, or make them agree",
            if explicit.host.is_some() { "the target" } else { "DATABRICKS_HOST" },
            host.url
        )));
    }
    // Databricks itself answers at its own domains, and no password or token reaches anybody else there. Any other address
    // is somebody's, this machine's ports included.
    if hosts.name(host) || host.is_databricks() {
        return Ok(());
    }
    let whose = if host.loopback { "an address of this machine" } else { "none of Databricks' own domains" };
    Err(AuthError::OtherHost(format!(
        "{} is {whose}, and only the project file names it{}; if it is right, set DATABRICKS_HOST to it, or use a profile \
         that has it",
        host.url,
        hosts.said()
    )))
}

/// Refuses to show an identity token to a host that only the project file names, whosever it is.
fn check_identity(methods: &[Method], host: &Host, hosts: &Hosts) -> Result<(), AuthError> {
    match methods.iter().find(|method| method.is_identity()) {
        Some(method) if !hosts.name(host) => Err(AuthError::OtherHost(format!(
            "{}: the identity token would go to {}, which only the project file names{}; if it is right, set \
             DATABRICKS_HOST to it",
            method.name(),
            host.url,
            hosts.said()
        ))),
        _ => Ok(()),
    }
}

/// Refuses settings that speak for more than one method, as the SDKs do.
fn check_single_method(settings: &Settings, profile: Option<&str>) -> Result<(), AuthError> {
    if settings.get("auth_type").is_some() {
        return Ok(());
    }
    let mut groups: BTreeSet<&str> = settings.speaking(|_| true).filter_map(|(field, _)| field.group).collect();
    // The service principal of an identity federation is named by `client_id` alone.
    if settings.get("client_secret").is_none() && (groups.contains("env-oidc") || groups.contains("file-oidc")) {
        groups.remove("oauth");
    }
    if groups.len() <= 1 {
        return Ok(());
    }
    let origins: Vec<String> = settings
        .speaking(|_| true)
        .map(|(field, origin)| match origin {
            Origin::Env(name) => format!("{name} is set"),
            _ => format!("profile {} has `{}`", profile.unwrap_or(DEFAULT), field.name),
        })
        .collect();
    Err(AuthError::Several { methods: groups.into_iter().map(str::to_owned).collect(), origins: origins.join(", ") })
}

/// The methods to try, in the SDKs' order.
fn methods(
    settings: &Settings,
    host: &Host,
    profile: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Method>, AuthError> {
    let method = |name: &str| method(name, settings, host, profile, env);
    if let Some(pinned) = settings.get("auth_type") {
        if !SUPPORTED.contains(&pinned) {
            return Err(AuthError::Unsupported { method: pinned.to_owned() });
        }
        return method(pinned).map(|m| vec![m]);
    }
    // Settings for these leave no doubt; half of them is a mistake to report, not a reason to try something else.
    for (name, fields) in [
        ("pat", &["token"][..]),
        ("basic", &["username", "password"]),
        ("oauth-m2m", &["client_secret"]),
        ("azure-client-secret", &["azure_client_secret"]),
    ] {
        // Variables of Azure may be there for somebody else's sake.
        let elsewhere = name == "azure-client-secret" && host.azure().is_none();
        if !elsewhere && fields.iter().any(|field| settings.get(field).is_some()) {
            return method(name).map(|m| vec![m]);
        }
    }
    for (field, unsupported) in [
        ("metadata_service_url", "metadata-service"),
        ("azure_use_msi", "azure-msi"),
        ("google_credentials", "google-credentials"),
        ("google_service_account", "google-id"),
    ] {
        if settings.get(field).is_some_and(|value| value != "false") {
            return Err(AuthError::Unsupported { method: unsupported.to_owned() });
        }
    }
    // The Databricks CLI can always be asked, so this is never empty.
    let rest = ["databricks-cli", "github-oidc", "env-oidc", "file-oidc", "azure-cli"];
    Ok(rest.into_iter().filter_map(|name| method(name).ok()).collect())
}

/// The method of that name, or what it lacks.
fn method(
    name: &str,
    settings: &Settings,
    host: &Host,
    profile: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Method, AuthError> {
    let lacks = |why: String| AuthError::Incomplete { method: name.to_owned(), why };
    let lack = |field: &str| {
        let variable = FIELDS.iter().find(|f| f.name == field).map_or("", |f| f.env);
        lacks(format!("`{field}` is missing: set it in the profile, or set {variable}"))
    };
    let text = |field: &str| settings.own(field).ok_or_else(|| lack(field));
    let secret = |field: &str| settings.secret(field).ok_or_else(|| lack(field));
    let client_id = settings.own("client_id");
    let tenant = settings.own("azure_tenant_id");
    let not_azure = || lacks(format!("{} is not in Azure", host.url));
    Ok(match name {
        "pat" => Method::Pat { token: secret("token")? },
        "basic" => Method::Basic { username: text("username")?, password: secret("password")? },
        "oauth-m2m" => Method::M2m { client_id: text("client_id")?, client_secret: secret("client_secret")? },
        "databricks-cli" => Method::Cli {
            program: settings.own("databricks_cli_path").unwrap_or_else(|| "databricks".to_owned()),
            profile: profile.map(str::to_owned),
        },
        "github-oidc" => {
            let url = env("ACTIONS_ID_TOKEN_REQUEST_URL");
            match (url, env("ACTIONS_ID_TOKEN_REQUEST_TOKEN")) {
                (Some(request_url), Some(token)) => {
                    Method::GithubOidc { request_url, request_token: Secret::new(token), client_id }
                }
                _ => {
                    let why = "GitHub offers no identity token here: the job needs `permissions: {id-token: write}`";
                    return Err(lacks(why.to_owned()));
                }
            }
        }
        "env-oidc" => {
            let variable = settings.own("oidc_token_env").unwrap_or_else(|| "DATABRICKS_OIDC_TOKEN".to_owned());
            let token = env(&variable).ok_or_else(|| lacks(format!("the variable {variable} is not set")))?;
            Method::EnvOidc { variable, token: Secret::new(token), client_id }
        }
        "file-oidc" => Method::FileOidc { path: text("databricks_id_token_filepath")?, client_id },
        "azure-client-secret" => Method::AzureClientSecret {
            cloud: host.azure().ok_or_else(not_azure)?,
            tenant,
            client_id: text("azure_client_id")?,
            client_secret: secret("azure_client_secret")?,
        },
        "azure-cli" => {
            host.azure().ok_or_else(not_azure)?;
            Method::AzureCli { program: "az".to_owned(), tenant }
        }
        _ => return Err(AuthError::Unsupported { method: name.to_owned() }),
    })
}

fn read_rate(text: &str) -> Result<Pace, AuthError> {
    match text.parse() {
        Ok(pace @ Pace::PerSecond(_)) => Ok(pace),
        _ => Err(AuthError::Incomplete {
            method: "DATABRICKS_RATE_LIMIT".to_owned(),
            why: format!("`{text}` is not a number of requests a second"),
        }),
    }
}

#[cfg(test)]
#[path = "auth_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "vouched_tests.rs"]
mod vouched_tests;
