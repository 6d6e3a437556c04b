//! Which credential goes to which host: every kind of credential, by every way in which a host can be named.

use super::*;

const A: &str = "https://adb-1.1.azuredatabricks.net";
const B: &str = "https://adb-2.2.azuredatabricks.net";
const EVIL: &str = "https://evil.example";
const HERE: &str = "http://127.0.0.1:4000";
const PORT: &str = "http://127.0.0.1:4001";

/// What never may be seen in a refusal.
const SECRET: &str = "hunter22";

const GITHUB: [(&str, &str); 2] =
    [("ACTIONS_ID_TOKEN_REQUEST_URL", "https://gh.example/x?y"), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)];

/// A credential: its name, its variables, and how far it goes.
type Kind = (&'static str, Vec<(&'static str, &'static str)>, Reach);

/// A host: of the target; DATABRICKS_HOST; of the profile that DATABRICKS_CONFIG_PROFILE names; and who goes there.
type Source<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, &'a [Reach]);

#[derive(Clone, Copy, PartialEq)]
enum Reach {
    /// To what its owner names alone.
    Named,
    /// To Databricks' own domains as well, unless the owner names another host.
    Databricks,
    /// A tool that keeps a token for each host, or for Databricks alone, and knows which is whose.
    Tool,
}

fn kinds() -> Vec<Kind> {
    let (id, pinned) = (("DATABRICKS_CLIENT_ID", "sp"), |name| ("DATABRICKS_AUTH_TYPE", name));
    let github = |more: &[(&'static str, &'static str)]| [&GITHUB[..], more].concat();
    vec![
        ("pat", vec![("DATABRICKS_TOKEN", SECRET)], Reach::Databricks),
        ("basic", vec![("DATABRICKS_USERNAME", "u"), ("DATABRICKS_PASSWORD", SECRET)], Reach::Databricks),
        ("oauth-m2m", vec![id, ("DATABRICKS_CLIENT_SECRET", SECRET)], Reach::Databricks),
        (
            "azure-client-secret",
            vec![
                ("ARM_CLIENT_ID", "i"),
                ("ARM_CLIENT_SECRET", SECRET),
                ("ARM_TENANT_ID", "t"),
                pinned("azure-client-secret"),
            ],
            Reach::Databricks,
        ),
        ("github-oidc", github(&[]), Reach::Named),
        ("github-oidc", github(&[id]), Reach::Named),
        ("github-oidc", github(&[id, pinned("github-oidc")]), Reach::Named),
        ("env-oidc", vec![("DATABRICKS_OIDC_TOKEN", SECRET)], Reach::Named),
        ("env-oidc", vec![("DATABRICKS_OIDC_TOKEN_ENV", "X"), ("X", SECRET), id], Reach::Named),
        ("file-oidc", vec![("DATABRICKS_OIDC_TOKEN_FILEPATH", "/t")], Reach::Named),
        ("databricks-cli", vec![], Reach::Tool),
        ("azure-cli", vec![pinned("azure-cli")], Reach::Tool),
    ]
}

#[test]
fn a_credential_goes_to_what_its_owner_names_and_to_nobody_else() {
    let named = [Reach::Named, Reach::Databricks, Reach::Tool];
    let databricks = [Reach::Databricks, Reach::Tool];
    let sources: [Source<'_>; 16] = [
        (None, Some(A), None, &named),
        (Some(A), Some(A), None, &named),
        (Some("ADB-1.1.azuredatabricks.net/?o=1"), Some(A), None, &named),
        (None, None, Some(A), &named),
        (Some(A), None, Some(A), &named),
        // Databricks answers there, but which account's it is nobody has said.
        (Some(A), None, None, &databricks),
        (Some(B), Some(A), None, &[Reach::Tool]),
        // Somebody else answers there.
        (Some(EVIL), None, None, &[]),
        (Some(EVIL), Some(A), None, &[]),
        (Some(EVIL), None, Some(A), &[]),
        (Some("https://adb-1.1.azuredatabricks.net.evil.example"), Some(A), None, &[]),
        (Some("https://adb-1.1.azuredatabricks.net:8443"), Some(A), None, &[Reach::Tool]),
        // On this machine, too, it is whoever has the port.
        (Some(HERE), None, None, &[]),
        (Some(HERE), Some(A), None, &[]),
        (Some(HERE), None, Some(A), &[]),
        (Some(PORT), Some(HERE), None, &[]),
    ];
    let (mut went, mut refused) = (0, 0);
    for (target, env_host, profile, goes) in sources {
        for (name, variables, reach) in kinds() {
            let mut env = variables.clone();
            env.extend(env_host.map(|host| ("DATABRICKS_HOST", host)));
            env.extend(profile.map(|_| ("DATABRICKS_CONFIG_PROFILE", "p")));
            let file = profile.map(|host| format!("[p]\nhost = {host}\n"));
            let get = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let explicit = DatabricksSettings { host: target.map(str::to_owned), profile: None };
            let case = format!("{name} to {target:?}, DATABRICKS_HOST {env_host:?}, profile {profile:?}");
            match DatabricksConfig::resolve(&get, file.as_deref(), explicit) {
                Ok(config) => {
                    assert!(goes.contains(&reach), "{case}: goes to {}", config.host.url);
                    assert!(config.methods.iter().any(|method| method.name() == name), "{case}: {:?}", config.methods);
                    went += 1;
                }
                Err(error) => {
                    assert!(!goes.contains(&reach), "{case}: {error}");
                    let text = error.to_string();
                    assert!(
                        matches!(error, AuthError::OtherHost(_)) && text.contains("DATABRICKS_HOST"),
                        "{case}: {text}"
                    );
                    assert!(!text.contains(SECRET), "{text}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!((went, refused), (70, 122));
}

#[test]
fn what_is_named_may_be_anywhere() {
    for host in [EVIL, HERE, PORT] {
        for (name, variables, _) in kinds().into_iter().filter(|(name, ..)| !name.starts_with("azure")) {
            let env: Vec<_> = variables.into_iter().chain([("DATABRICKS_HOST", host)]).collect();
            let get = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            let explicit = DatabricksSettings { host: Some(host.to_owned()), profile: None };
            let config = DatabricksConfig::resolve(&get, None, explicit).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(config.host.url, host);
        }
    }
}

#[test]
fn a_token_of_a_profile_stays_with_the_profiles_host() {
    let file = "[p]\nhost = https://adb-1.1.azuredatabricks.net\ntoken = hunter22\n[bare]\ntoken = hunter22\n";
    for (profile, target, goes) in [
        ("p", None, true),
        ("p", Some(A), true),
        ("p", Some(B), false),
        ("p", Some(EVIL), false),
        ("p", Some(HERE), false),
        ("bare", Some(A), true),
        ("bare", Some(EVIL), false),
        ("bare", Some(HERE), false),
    ] {
        let explicit = DatabricksSettings { host: target.map(str::to_owned), profile: Some(profile.to_owned()) };
        let resolved = DatabricksConfig::resolve(&|_| None, Some(file), explicit);
        assert_eq!(resolved.is_ok(), goes, "{profile} {target:?}: {resolved:?}");
    }
}
