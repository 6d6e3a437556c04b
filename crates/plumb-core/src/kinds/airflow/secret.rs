//! What Airflow hides, and where secrets may stand in manifests.

use crate::detect;
use crate::kinds::Findings;
use plumb_model::secrets::Vault;
use serde_json::Value;

/// What Airflow shows in the place of a secret.
pub const MASK: &str = "***";

/// Words in the name of a variable, or of a key inside JSON, whose values Airflow 3.3 masks (its secrets masker's own
/// list; a server may add words). Airflow 2 shows variables in the clear, so the same words decide what plumb hides.
const WORDS: [&str; 22] = [
    "access_key",
    "access_token",
    "api_key",
    "apikey",
    "auth_header",
    "authorization",
    "bearer",
    "connection_string",
    "dsn",
    "keyfile_dict",
    "passphrase",
    "passwd",
    "password",
    "private_key",
    "proxies",
    "proxy",
    "proxy_password",
    "secret",
    "service_account",
    "service_key",
    "token",
    "webhook_url",
];

/// Whether Airflow masks what has this name.
pub fn is_masked(name: &str) -> bool {
    let name = name.trim().to_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// A live value with [`Vault::UNKNOWN`] for what is masked, or would be by Airflow 3. A text of which only a part is
/// masked (it holds the password of some connection) is as good as masked.
pub fn unmasked(name: &str, value: &Value) -> Value {
    let hide = is_masked(name);
    match value {
        Value::Null => Value::Null,
        Value::Object(map) => {
            let name_of = |key: &str| if hide { name.to_owned() } else { key.to_owned() };
            map.iter().map(|(key, value)| (key.clone(), unmasked(&name_of(key), value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| unmasked(if hide { name } else { "" }, item)).collect(),
        Value::String(text) if text.is_empty() => value.clone(),
        Value::String(text) if hide || text.contains(MASK) => Vault::UNKNOWN.into(),
        _ if hide => Vault::UNKNOWN.into(),
        other => other.clone(),
    }
}

/// The value as Airflow 3 keeps what it masks: it puts the stored secret in the place of its mask.
pub fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if text == Vault::UNKNOWN => MASK.into(),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), masked(value))).collect(),
        other => other.clone(),
    }
}

/// Reports secrets that stand in a manifest in plain text, and masks that somebody copied out of Airflow.
pub fn check(name: &str, value: &Value, path: &str, findings: &mut Findings) {
    match value {
        Value::String(text) if text == MASK => {
            findings.at(path, "`***` is what Airflow shows instead of a secret", "write the secret as `${env.NAME}`");
        }
        Value::String(text) if names_a_secret(name, text) && !text.is_empty() && !Vault::is_token(text) => {
            findings.at_secret(path, format!("`{name}` is a secret in plain text"), "write `${env.NAME}` instead");
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                check(name, item, &format!("{path}[{i}]"), findings);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                check(key, value, &format!("{path}.{key}"), findings);
            }
        }
        _ => {}
    }
}

/// Whether a text is a secret: Airflow masks it by its name, which is not that of a place where one is to be had
/// (`token_url`), or it is one wherever it stands.
fn names_a_secret(name: &str, text: &str) -> bool {
    let lower = name.to_lowercase();
    let last = lower.rsplit(['_', '-', '.']).next().unwrap_or_default();
    let a_place = ["url", "uri", "path", "file", "endpoint", "name", "type", "scope"].contains(&last);
    let masked = ["password", "passwd", "passphrase", "token", "secret", "credential", "keyfile_dict"];
    let airflows = !a_place && masked.iter().any(|word| lower.contains(word));
    airflows || detect::is_secret(name, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn masks_are_unknown_secrets() {
        let unknown = Vault::UNKNOWN;
        let live = json!({"token": "***", "timeout": 60, "nested": {"client_secret": "***", "region": "eu"},
            "secrets": {"a": 1, "b": [true]}, "text": "Basic *** of ann", "proxy": null, "Password ": ""});
        assert_eq!(
            unmasked("extra", &live),
            json!({"token": unknown, "timeout": 60, "nested": {"client_secret": unknown, "region": "eu"},
                "secrets": {"a": unknown, "b": [unknown]}, "text": unknown, "proxy": null, "Password ": ""})
        );
        assert_eq!(unmasked("db_password", &json!("hunter22")), json!(unknown));
        assert_eq!(masked(&json!({"a": [unknown], "b": "c"})), json!({"a": ["***"], "b": "c"}));
    }

    fn found(name: &str, value: Value) -> Vec<String> {
        let mut findings = Findings::default();
        check(name, &value, name, &mut findings);
        findings.0.into_iter().map(|f| f.path).collect()
    }

    #[test]
    fn secrets_in_plain_text_are_found() {
        let token = Vault::new("p", "t").seal("hunter22");
        let extra =
            json!({"token": "plain", "region": "eu", "nested": {"api-key": "k", "list": [{"password": "***"}]}});
        let mut paths = found("extra", extra);
        paths.sort();
        assert_eq!(paths, ["extra.nested.api-key", "extra.nested.list[0].password", "extra.token"]);
        assert_eq!(found("x", json!("***")), ["x"]);
        for fine in [json!({"token": token, "token_url": "https://x", "use_token": true, "secret": ""}), json!("a")] {
            assert_eq!(found("extra", fine), Vec::<String>::new());
        }
    }
}
