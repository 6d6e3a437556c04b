//! Masking of secrets by their names, in variables and in connections' `extra`.

use super::pyjson::Json;

/// What is shown instead.
pub const MASK: &str = "***";

/// Names that mark a secret wherever they are part of a name (the default list of Airflow 3.3).
const SENSITIVE: [&str; 22] = [
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

/// Whether what stands under this name is hidden.
pub fn hides(name: &str) -> bool {
    let mut plain = String::new();
    for c in name.trim().to_lowercase().chars() {
        match c {
            c if c.is_alphanumeric() || c == '_' => plain.push(c),
            _ if plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    SENSITIVE.iter().any(|word| plain.contains(word))
}

/// The same value with its secrets hidden. Only texts are hidden: a number under `token` is shown.
pub fn mask(value: &Json, name: Option<&str>) -> Json {
    if name.is_some_and(hides) {
        return mask_all(value);
    }
    match value {
        Json::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), mask(v, Some(k)))).collect()),
        Json::List(list) => Json::List(list.iter().map(|v| mask(v, None)).collect()),
        other => other.clone(),
    }
}

fn mask_all(value: &Json) -> Json {
    match value {
        Json::Text(_) => Json::Text(MASK.to_owned()),
        Json::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), mask_all(v))).collect()),
        Json::List(list) => Json::List(list.iter().map(mask_all).collect()),
        other => other.clone(),
    }
}

/// What Airflow 3 stores when a client writes a masked value back: the secret that was there.
pub fn unmask(new: &Json, old: &Json, name: Option<&str>) -> Json {
    let hidden = name.is_some_and(hides);
    match (new, old) {
        (Json::Object(new), Json::Object(old)) => {
            let member = |(k, v): &(String, Json)| {
                let under = if hidden { name } else { Some(k.as_str()) };
                let before = old.iter().find(|(known, _)| known == k);
                (k.clone(), before.map_or_else(|| v.clone(), |(_, before)| unmask(v, before, under)))
            };
            Json::Object(new.iter().map(member).collect())
        }
        (Json::Text(text), _) if hidden && text == MASK => old.clone(),
        _ => new.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_known_by_a_part_of_its_name() {
        assert!(hides("DB_Password") && hides("access key") && hides("my.api-key"));
        assert!(!hides("region") && !hides("retries"));
    }

    #[test]
    fn secrets_are_hidden_at_any_depth_and_come_back_when_written() {
        let read = |text: &str| Json::read(text).unwrap();
        let stored = read(r#"{"token": "t", "timeout": 60, "nested": {"client_secret": "z", "region": "eu"}}"#);
        let shown = mask(&stored, None);
        let expected = r#"{"token": "***", "timeout": 60, "nested": {"client_secret": "***", "region": "eu"}}"#;
        assert_eq!(shown.line(), expected);
        assert_eq!(unmask(&shown, &stored, None), stored);
        let masked = read(r#"{"region": "***"}"#);
        assert_eq!(unmask(&masked, &read(r#"{"region": "eu"}"#), None), masked, "only secrets are put back");
    }
}
