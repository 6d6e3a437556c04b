//! What names say: whether what is called so is a secret, whatever it looks like.
//!
//! A name is split in words, and is what its last word says: a `password_file` is a file and a `token_count` a count. Words
//! are compared whole, and all but `password` need one of the words before them that tools put there: a `sort_key`, a
//! `next_token` and a `bypass` are none. `key` and `pass` alone are columns, objects and numbers far more often.

/// How surely something of a name is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sure {
    /// Its name says nothing.
    No,
    /// If it also looks like one: long, and random.
    IfRandom,
    /// Unless it says where one is kept, or is the id of a key of AWS KMS.
    UnlessKeyId,
    /// Unless it says where one is kept.
    UnlessPath,
    /// Whatever it is.
    Always,
}

/// What a token, a key, a secret or a `pass` has to be called beside, to be one surely.
const TOKENS: [&str; 52] = [
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
    "gh",
    "gitlab",
    "git",
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
    "id",
    "registry",
    "webhook",
    "deploy",
    "app",
    "service",
    "login",
    "aws",
    "azure",
    "gcp",
    "google",
    "snowflake",
    "salesforce",
    "sf",
    "influx",
    "datadog",
    "dd",
    "jira",
    "tableau",
    "okta",
    "sentry",
    "airflow",
    "dbt",
    "mlflow",
    "telegram",
    "pypi",
];
const KEYS: [&str; 4] = ["access", "private", "signing", "sas"];
const SECRETS: [&str; 17] = [
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
    "aws",
    "s3",
    "principal",
    "sp",
    "hmac",
];
const PASSES: [&str; 28] = [
    "db",
    "database",
    "user",
    "admin",
    "root",
    "mysql",
    "postgres",
    "pg",
    "smtp",
    "ftp",
    "sftp",
    "proxy",
    "ldap",
    "jdbc",
    "store",
    "ssh",
    "auth",
    "es",
    "elastic",
    "redshift",
    "snowflake",
    "oracle",
    "mongo",
    "redis",
    "rds",
    "dw",
    "dwh",
    "etl",
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
/// What makes a switch of a name: `--reset-password` and `no-password` are none.
const VERBS: [&str; 30] = [
    "no", "use", "uses", "reset", "ask", "has", "require", "requires", "mask", "hide", "show", "rotate", "hash",
    "check", "validate", "prompt", "drop", "ignore", "skip", "enable", "disable", "forgot", "change", "allow", "with",
    "without", "generate", "expire", "include", "exclude",
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
pub(super) const STEMS: [&str; 8] = ["pass", "pwd", "token", "secret", "key", "auth", "cred", "signature"];

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
    let (first, before) = (before.first().copied().unwrap_or_default(), before.last().copied().unwrap_or_default());
    let is_switch = [first, before].iter().any(|word| VERBS.contains(word));
    // `dbpassword` and `PGPASSWORD` are one word each.
    if let Some(joined) = ["password", "passwd", "passphrase", "passcode"].iter().find_map(|w| last.strip_suffix(w)) {
        return if is_switch || VERBS.contains(&joined) { Sure::IfRandom } else { Sure::Always };
    }
    match last {
        "token" | "secret" | "secrets" | "key" | "pass" | "pwd" if is_switch => Sure::IfRandom,
        "token" if before.is_empty() || TOKENS.contains(&before) => Sure::UnlessPath,
        "secret" if before.is_empty() || SECRETS.contains(&before) => Sure::UnlessPath,
        "key" if matches!(before, "api" | "secret") => Sure::Always,
        "key" if before == "encryption" => Sure::UnlessKeyId,
        "key" if KEYS.contains(&before) => Sure::UnlessPath,
        "pass" if PASSES.contains(&before) => Sure::UnlessPath,
        "phrase" | "word" if before == "pass" => Sure::Always,
        "auth" if before == "redis" => Sure::UnlessPath,
        "storepass" | "keypass" | "sshpass" | "dbpass" | "authorization" => Sure::UnlessPath,
        "pwd" => Sure::UnlessPath,
        "key" if before.is_empty() || KEYS_OR_COLUMNS.contains(&before) => Sure::IfRandom,
        "token" | "secret" | "secrets" | "pass" | "auth" | "credential" | "credentials" | "creds" | "signature" => {
            Sure::IfRandom
        }
        _ => Sure::No,
    }
}

/// Whether a name says that its value is an id, a hash or a place: such are as random as secrets.
pub(super) fn names_an_id(name: &str) -> bool {
    const ENDS: [&str; 34] = [
        "id",
        "ids",
        "uuid",
        "guid",
        "sha",
        "sha1",
        "sha256",
        "sha384",
        "sha512",
        "md5",
        "crc",
        "hash",
        "hashes",
        "checksum",
        "checksums",
        "digest",
        "etag",
        "fingerprint",
        "commit",
        "revision",
        "rev",
        "ref",
        "version",
        "build",
        "column",
        "columns",
        "class",
        "table",
        "arn",
        "path",
        "uri",
        "url",
        "prefix",
        "bucket",
    ];
    words(name).last().is_some_and(|last| ENDS.contains(&last.as_str()))
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
