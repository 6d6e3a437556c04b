use super::*;

const A: &str = "https://a.cloud.databricks.com";
const B: &str = "https://b.cloud.databricks.com";

const FILE: &str = "\
[DEFAULT]
host = https://default.cloud.databricks.com
token = dapi-default

[a]
host = https://a.cloud.databricks.com/
token = dapi-a

[b]
host = b.cloud.databricks.com
client_id = id-b
client_secret = secret-b
rate_limit = 7

[b2]
host = https://b.cloud.databricks.com
auth_type = databricks-cli

[hostless]
token = dapi-hostless

[own]
host = https://databricks.own.example
token = dapi-own
";

fn resolve(
    env: &[(&str, &str)],
    file: Option<&str>,
    host: Option<&str>,
    profile: Option<&str>,
) -> Result<DatabricksConfig, AuthError> {
    let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let explicit = DatabricksSettings { host: host.map(str::to_owned), profile: profile.map(str::to_owned) };
    DatabricksConfig::resolve(&env, file, explicit)
}

/// `host, methods, profile` in short.
fn short(config: &DatabricksConfig) -> String {
    let names: Vec<_> = config.methods.iter().map(Method::name).collect();
    let host = config.host.url.trim_start_matches("https://").split('.').next().unwrap_or_default();
    format!("{host} {} {}", names.join("|"), config.profile.as_deref().unwrap_or("-"))
}

#[test]
fn where_values_come_from() {
    for (env, file, host, profile, expected) in [
        (&[("DATABRICKS_HOST", A), ("DATABRICKS_TOKEN", "t")][..], None, None, None, "a pat -"),
        // The environment has a host: the file is not looked at (config_file.go).
        (&[("DATABRICKS_HOST", A), ("DATABRICKS_TOKEN", "t")], Some(FILE), None, None, "a pat -"),
        (&[("DATABRICKS_HOST", A)], Some(FILE), None, None, "a databricks-cli -"),
        // Nothing set: [DEFAULT], or what [__settings__] says.
        (&[], Some(FILE), None, None, "default pat DEFAULT"),
        (&[("DATABRICKS_CONFIG_PROFILE", "b")], Some(FILE), None, None, "b oauth-m2m b"),
        (&[], Some(FILE), None, Some("a"), "a pat a"),
        // The target wins over the variable.
        (&[("DATABRICKS_CONFIG_PROFILE", "b")], Some(FILE), None, Some("a"), "a pat a"),
        // The target's host finds its one profile.
        (&[], Some(FILE), Some("a.cloud.databricks.com"), None, "a pat a"),
        (&[], Some(FILE), Some("https://c.cloud.databricks.com"), None, "c databricks-cli -"),
        (&[], Some(FILE), Some("https://databricks.own.example"), None, "databricks pat own"),
        (&[("DATABRICKS_TOKEN", "t")], Some(FILE), Some(A), None, "a pat -"),
        // A token in the environment and a profile that only has the host.
        (&[("DATABRICKS_TOKEN", "t")], Some("[p]\nhost = https://a.cloud.databricks.com"), None, Some("p"), "a pat p"),
        (
            &[("DATABRICKS_HOST", "https://a.cloud.databricks.com\n"), ("DATABRICKS_TOKEN", "t\n")],
            None,
            None,
            None,
            "a pat -",
        ),
        // Empty variables are not set.
        (&[("DATABRICKS_HOST", ""), ("DATABRICKS_TOKEN", "")], Some(FILE), None, None, "default pat DEFAULT"),
        (&[("DATABRICKS_HOST", A)], None, None, None, "a databricks-cli -"),
    ] {
        let config = resolve(env, file, host, profile).unwrap_or_else(|e| panic!("{expected}: {e}"));
        assert_eq!(short(&config), expected);
    }
}

#[test]
fn the_settings_section_chooses_the_default() {
    let file = format!("[__settings__]\ndefault_profile = b\n{FILE}");
    let config = resolve(&[], Some(&file), None, None).unwrap();
    assert_eq!((short(&config).as_str(), config.pace), ("b oauth-m2m b", Some(Pace::PerSecond(7.0))));
    let file = "[__settings__]\ndefault_profile = nope\n[a]\ntoken = t";
    assert!(resolve(&[], Some(file), None, None).unwrap_err().to_string().contains("`nope`"));
    let file = "[__settings__]\ndefault_profile = __settings__";
    assert!(resolve(&[], Some(file), None, None).unwrap_err().to_string().contains("reserved"));
}

#[test]
fn which_method_signs_in() {
    let host = ("DATABRICKS_HOST", A);
    let azure = ("DATABRICKS_HOST", "https://adb-1.2.azuredatabricks.net");
    let github = [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://gh/x?y"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "g")];
    let arm = [("ARM_CLIENT_ID", "i"), ("ARM_CLIENT_SECRET", "s"), ("ARM_TENANT_ID", "t")];
    let client = ("DATABRICKS_CLIENT_ID", "sp");
    for (env, methods) in [
        (vec![host, ("DATABRICKS_USERNAME", "u"), ("DATABRICKS_PASSWORD", "p")], "basic"),
        (vec![host, client, ("DATABRICKS_CLIENT_SECRET", "s")], "oauth-m2m"),
        (vec![host, client, github[0], github[1]], "databricks-cli|github-oidc"),
        (vec![host, client, github[0], github[1], ("DATABRICKS_AUTH_TYPE", "github-oidc")], "github-oidc"),
        (vec![host, client, ("DATABRICKS_OIDC_TOKEN", "jwt")], "databricks-cli|env-oidc"),
        (vec![host, client, ("DATABRICKS_OIDC_TOKEN_ENV", "X"), ("X", "jwt")], "databricks-cli|env-oidc"),
        (vec![host, client, ("DATABRICKS_OIDC_TOKEN_FILEPATH", "/t")], "databricks-cli|file-oidc"),
        (vec![azure], "databricks-cli|azure-cli"),
        (vec![azure, arm[0], arm[1], arm[2]], "azure-client-secret"),
        (vec![host, arm[0], arm[1], arm[2]], "databricks-cli"),
        (vec![azure, arm[0], arm[1], ("DATABRICKS_TOKEN", "t"), ("DATABRICKS_AUTH_TYPE", "pat")], "pat"),
        (vec![azure, arm[2], ("DATABRICKS_AUTH_TYPE", "azure-cli")], "azure-cli"),
    ] {
        let config = resolve(&env, None, None, None).unwrap_or_else(|e| panic!("{methods}: {e}"));
        assert_eq!(config.methods.iter().map(Method::name).collect::<Vec<_>>().join("|"), methods);
    }
}

#[test]
fn two_methods_are_the_sdks_error() {
    let env = [
        ("DATABRICKS_HOST", A),
        ("DATABRICKS_TOKEN", "hunter22"),
        ("DATABRICKS_CLIENT_ID", "i"),
        ("DATABRICKS_CLIENT_SECRET", "hunter33"),
    ];
    let error = resolve(&env, None, None, None).unwrap_err().to_string();
    assert!(error.starts_with("validate: more than one authorization method configured: oauth and pat."), "{error}");
    assert!(error.contains("DATABRICKS_TOKEN is set") && error.contains("auth_type") && !error.contains("hunter"));
    let pinned: Vec<_> = env.into_iter().chain([("DATABRICKS_AUTH_TYPE", "oauth-m2m")]).collect();
    assert_eq!(short(&resolve(&pinned, None, None, None).unwrap()), "a oauth-m2m -");
    // One out of the environment, one out of the profile.
    let env = [("DATABRICKS_TOKEN", "t")];
    let error = resolve(&env, Some(FILE), None, Some("b")).unwrap_err().to_string();
    assert!(error.contains("oauth and pat") && error.contains("profile b has `client_secret`"), "{error}");
}

#[test]
fn credentials_never_go_to_a_host_that_they_were_not_meant_for() {
    let ours = [("DATABRICKS_HOST", A), ("DATABRICKS_TOKEN", "t")];
    for (env, file, host, profile) in [
        // The project file names another workspace than the environment.
        (&ours[..], None, Some(B), None),
        // The target names a profile, and the environment would overrule it without a word.
        (&ours, Some(FILE), None, Some("b2")),
        // A profile's token to another host.
        (&[], Some(FILE), Some(B), Some("a")),
        (&[("DATABRICKS_HOST", B), ("DATABRICKS_CONFIG_PROFILE", "a")], Some(FILE), None, None),
        // A host that only the project file names, and that is not Databricks'.
        (&[("DATABRICKS_TOKEN", "t")], None, Some("https://evil.example"), None),
        (&[("DATABRICKS_TOKEN", "t")], None, Some("https://a.cloud.databricks.com.evil.example"), None),
        (&[], Some(FILE), Some("https://evil.example"), Some("hostless")),
    ] {
        let error = resolve(env, file, host, profile).unwrap_err();
        assert!(matches!(error, AuthError::OtherHost(_)), "{host:?} {profile:?}: {error}");
    }
    // The same host written otherwise is the same host; a vouched-for one may be anybody's.
    let again = Some("A.cloud.databricks.com/?o=1");
    assert_eq!(short(&resolve(&ours, None, again, None).unwrap()), "a pat -");
    let own = [("DATABRICKS_HOST", "https://own.example"), ("DATABRICKS_TOKEN", "t")];
    assert_eq!(short(&resolve(&own, None, Some("https://own.example"), None).unwrap()), "own pat -");
}

#[test]
fn every_mistake_says_how_to_mend_it() {
    let host = ("DATABRICKS_HOST", A);
    for (env, file, host, profile, part) in [
        (&[][..], None, None, None, "DATABRICKS_HOST"),
        (&[], Some("[DEFAULT]\ntoken = t"), None, None, "no Databricks workspace"),
        (&[], None, None, Some("dev"), "databricks auth login --profile dev"),
        (&[], Some(FILE), None, Some("dev"), "the file has: DEFAULT, a, b, b2"),
        (&[], Some(FILE), None, Some("__settings__"), "reserved"),
        (&[], Some(FILE), Some(B), None, "b, b2"),
        (&[], Some("[x"), None, Some("x"), "line 1"),
        (&[host, ("DATABRICKS_USERNAME", "u")], None, None, None, "`password` is missing"),
        (&[host, ("DATABRICKS_CLIENT_SECRET", "s")], None, None, None, "`client_id` is missing"),
        (&[host, ("DATABRICKS_AUTH_TYPE", "pat")], None, None, None, "DATABRICKS_TOKEN"),
        (&[host, ("DATABRICKS_AUTH_TYPE", "github-oidc")], None, None, None, "id-token: write"),
        (&[host, ("DATABRICKS_AUTH_TYPE", "env-oidc")], None, None, None, "DATABRICKS_OIDC_TOKEN"),
        (&[host, ("DATABRICKS_AUTH_TYPE", "azure-cli")], None, None, None, "not in Azure"),
        (
            &[host, ("DATABRICKS_AUTH_TYPE", "azure-msi")],
            None,
            None,
            None,
            "`azure-msi` is not supported; use one of: pat",
        ),
        (&[host, ("ARM_USE_MSI", "true")], None, None, None, "azure-msi"),
        (&[host, ("GOOGLE_CREDENTIALS", "{}")], None, None, None, "google-credentials"),
        (&[host, ("DATABRICKS_RATE_LIMIT", "many"), ("DATABRICKS_TOKEN", "t")], None, None, None, "`many`"),
        (&[("DATABRICKS_HOST", "http://x.example"), ("DATABRICKS_TOKEN", "t")], None, None, None, "in the clear"),
    ] {
        let error = resolve(env, file, host, profile).unwrap_err().to_string();
        assert!(error.contains(part), "expected `{part}` in: {error}");
    }
}

#[test]
fn a_configuration_shows_no_secret() {
    for (env, file, profile) in [
        (&[("DATABRICKS_HOST", A), ("DATABRICKS_TOKEN", "dapi-a")][..], None, None),
        (&[("DATABRICKS_HOST", A), ("DATABRICKS_USERNAME", "u"), ("DATABRICKS_PASSWORD", "dapi-a")], None, None),
        (&[], Some(FILE), Some("b")),
    ] {
        let config = resolve(env, file, None, profile).unwrap();
        let shown = format!("{config:?} {}", config.describe(None));
        assert!(!shown.contains("dapi-a") && !shown.contains("secret-b") && shown.contains("(secret)"), "{shown}");
    }
}

#[test]
fn the_workspace_comes_from_the_setting_or_the_address() {
    let env = [("DATABRICKS_HOST", "https://acme.databricks.com/?o=12"), ("DATABRICKS_TOKEN", "t")];
    assert_eq!(resolve(&env, None, None, None).unwrap().workspace_id.as_deref(), Some("12"));
    let env: Vec<_> = env.into_iter().chain([("DATABRICKS_WORKSPACE_ID", "34")]).collect();
    assert_eq!(resolve(&env, None, None, None).unwrap().workspace_id.as_deref(), Some("34"));
}

#[test]
fn the_file_is_where_it_is_said_or_at_home() {
    let path = |env: &[(&str, &str)]| {
        profile_path(&|name| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    };
    assert_eq!(path(&[("HOME", "/h")]).as_deref(), Some("/h/.databrickscfg"));
    assert_eq!(path(&[("HOME", "/h"), ("DATABRICKS_CONFIG_FILE", "~/x")]).as_deref(), Some("/h/x"));
    assert_eq!(path(&[("DATABRICKS_CONFIG_FILE", "/x")]).as_deref(), Some("/x"));
    assert_eq!(path(&[]), None);
}
