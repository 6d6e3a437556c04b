//! What names say: whether what is called so is a secret, whatever it looks like.
//!
//! A name is judged by how it ends, since that is what it is: a `password_file` is a file and a `token_count` a count. The
//! lists are of the names that tools use; `key` and `pass` alone are columns, objects and numbers far more often.

/// How surely something of a name is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// Its name says nothing.
    No,
    /// If it also looks like one: long, and random.
    IfRandom,
    /// Unless it says where one is kept.
    UnlessPath,
    /// Whatever it is.
    Always,
}

/// What a token, a key, a secret or a `pass` has to be called beside, to be one surely.
const TOKENS: [&str; 27] = [
    "api",
    "access",
    "auth",
    "authentication",
    "authorization",
    "bearer",
    "refresh",
    "session",
    "security",
    "secret",
    "oauth",
    "oauth2",
    "github",
    "gitlab",
    "slack",
    "databricks",
    "personal",
    "pat",
    "bot",
    "sas",
    "vault",
    "hf",
    "npm",
    "jwt",
    "registry",
    "webhook",
    "deploy",
];
const KEYS: [&str; 5] = ["access", "private", "encryption", "signing", "sas"];
const SECRETS: [&str; 12] = [
    "client",
    "app",
    "application",
    "shared",
    "jwt",
    "oauth",
    "oauth2",
    "api",
    "consumer",
    "webhook",
    "authenticate",
    "signing",
];
const PASSES: [&str; 16] = [
    "db", "database", "user", "admin", "root", "mysql", "postgres", "pg", "smtp", "ftp", "sftp", "proxy", "ldap",
    "jdbc", "store", "ssh",
];
/// Keys that are a secret or a column: `account_key`.
const KEYS_OR_COLUMNS: [&str; 16] = [
    "account",
    "auth",
    "shared",
    "master",
    "storage",
    "subscription",
    "license",
    "ssh",
    "service",
    "app",
    "application",
    "client",
    "consumer",
    "hmac",
    "aes",
    "webhook",
];
/// Words that are written together.
const JOINED: [(&str, [&str; 2]); 9] = [
    ("apikey", ["api", "key"]),
    ("secretkey", ["secret", "key"]),
    ("accesskey", ["access", "key"]),
    ("privatekey", ["private", "key"]),
    ("accountkey", ["account", "key"]),
    ("apitoken", ["api", "token"]),
    ("authtoken", ["auth", "token"]),
    ("accesstoken", ["access", "token"]),
    ("clientsecret", ["client", "secret"]),
];
/// What may stand behind such a name and makes no difference: `DB_PASSWORD_PROD`.
const SUFFIXES: [&str; 9] = ["prod", "production", "dev", "test", "stage", "staging", "uat", "old", "new"];

/// One of these is in each name that says anything: most names are told by that alone.
const STEMS: [&str; 8] = ["pass", "pwd", "token", "secret", "key", "auth", "cred", "signature"];

/// Whether anything in a text may be a name that says something.
pub(super) fn may_name(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("fs.azure.") || STEMS.iter().any(|stem| lower.contains(stem))
}

/// What a name says of its value.
pub(super) fn sure(name: &str) -> Sure {
    let lower = name.trim_start_matches('-').to_ascii_lowercase();
    if !may_name(&lower) {
        return Sure::No;
    }
    // Azure's own: `fs.azure.account.key.ACCOUNT.dfs.core.windows.net` (hadoop-azure, "Authentication").
    if let Some(at) = lower.find("fs.azure.")
        && ["account.key", "client.secret", "sas.fixed.token", "fs.azure.sas."].iter().any(|n| lower[at..].contains(n))
    {
        return Sure::Always;
    }
    let words = words(name);
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    while words.len() > 1 && words.last().is_some_and(|w| SUFFIXES.contains(w) || w.bytes().all(|b| b.is_ascii_digit()))
    {
        words.pop();
    }
    let Some((last, before)) = words.split_last() else { return Sure::No };
    let last = last.trim_end_matches(|c: char| c.is_ascii_digit());
    let before = before.last().copied().unwrap_or_default();
    if ["password", "passwd", "passphrase", "passcode"].iter().any(|word| last.ends_with(word)) {
        // `--reset-password` and `no-password` are switches, and have no value.
        return Sure::Always;
    }
    match last {
        "token" if before.is_empty() || TOKENS.contains(&before) => Sure::UnlessPath,
        "secret" if before.is_empty() || SECRETS.contains(&before) => Sure::UnlessPath,
        "key" if matches!(before, "api" | "secret") => Sure::Always,
        "key" if KEYS.contains(&before) => Sure::UnlessPath,
        "pass" if PASSES.contains(&before) => Sure::UnlessPath,
        "storepass" | "keypass" | "sshpass" | "dbpass" | "authorization" => Sure::UnlessPath,
        "pwd" if !before.is_empty() => Sure::UnlessPath,
        "key" if before.is_empty() || KEYS_OR_COLUMNS.contains(&before) => Sure::IfRandom,
        "token" | "secret" | "secrets" | "pass" | "pwd" | "auth" | "credential" | "credentials" | "creds"
        | "signature" => Sure::IfRandom,
        _ => Sure::No,
    }
}

/// The words of a name in small letters: `apiKey`, `api-key`, `API_KEY` and `api.key` are two each.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && was_small {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_ascii_alphanumeric(), words.last_mut()) {
            word.push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let apart = |word: String| match JOINED.iter().find(|(joined, _)| *joined == word) {
        Some((_, parts)) => parts.iter().map(|part| (*part).to_owned()).collect(),
        None => vec![word],
    };
    words.into_iter().filter(|word| !word.is_empty()).flat_map(apart).collect()
}

/// Whether a map's key looks like that of a credential. Widely: it decides what plans show, where a value too much that
/// is hidden harms nobody; [`super::find`] is precise, and decides what is changed.
pub fn names_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    ["password", "passwd", "token", "secret", "credential"].iter().any(|word| key.contains(word))
        || key.split(['.', '_', '-']).next_back().is_some_and(|last| last.ends_with("key"))
}
