//! Credentials among outside text: none of them may reach a manifest, a comment or a report.

use crate::manifest::names_secret;

/// What stands in the place of a credential in an explanation.
pub const HIDDEN: &str = "(secret)";

/// Whether an argument's or a property's name says that its value is a credential. Stricter than [`names_secret`] on
/// names that end in `key`: `--partition-key` is a column.
pub fn names_credential(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase();
    if ["password", "passwd", "passphrase", "token", "secret", "credential"].iter().any(|word| name.contains(word)) {
        return true;
    }
    name == "pwd"
        || names_secret(&name)
            && ["access", "api", "private", "account", "auth", "encrypt", "signing"].iter().any(|w| name.contains(w))
}

/// Whether a text is or holds a credential by its form: an AWS key, a login in an address, a private key.
pub fn looks_secret(text: &str) -> bool {
    aws_key(text).is_some() || login(text).is_some() || text.contains("PRIVATE KEY-----") || assigned(text).is_some()
}

/// The text with every credential in it hidden.
pub fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut hide_next = false;
    // Blanks separate what people write; inside a word the forms below apply.
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        let blank = &part[word.len()..];
        if hide_next && !word.is_empty() && !word.starts_with('-') {
            out.push_str(HIDDEN);
        } else {
            out.push_str(&masked_word(word));
        }
        let bare = word.trim_matches(|c| matches!(c, '"' | '\''));
        hide_next = if word.is_empty() {
            hide_next
        } else {
            bare.starts_with('-') && !bare.contains('=') && names_credential(bare)
        };
        out.push_str(blank);
    }
    out
}

fn masked_word(word: &str) -> String {
    let mut word = word.to_owned();
    for _ in 0..word.len() {
        let Some((start, end)) = aws_key(&word).or_else(|| login(&word)).or_else(|| assigned(&word)) else { break };
        word.replace_range(start..end, HIDDEN);
    }
    match word.contains("PRIVATE") && word.contains("KEY-----") {
        true => HIDDEN.to_owned(),
        false => word,
    }
}

/// `AKIA` or `ASIA` and sixteen more characters: an access key id (IAM, unique identifiers).
fn aws_key(text: &str) -> Option<(usize, usize)> {
    ["AKIA", "ASIA"].iter().flat_map(|p| text.match_indices(p)).find_map(|(at, _)| {
        let end = at + 20;
        let is_key = text.get(at..end)?.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        is_key.then_some((at, end))
    })
}

/// The password of `scheme://user:password@host`.
fn login(text: &str) -> Option<(usize, usize)> {
    text.match_indices("://").find_map(|(at, _)| {
        let from = at + 3;
        let authority = text[from..].split(['/', '?', '#', ' ']).next()?;
        let at_sign = authority.rfind('@')?;
        let colon = authority[..at_sign].find(':')?;
        let password = &authority[colon + 1..at_sign];
        (!password.is_empty() && password != HIDDEN && !password.starts_with("{{secrets"))
            .then_some((from + colon + 1, from + at_sign))
    })
}

/// The value of `password=value`, `…?password=value&…`, `"secret":"value"`.
fn assigned(text: &str) -> Option<(usize, usize)> {
    text.match_indices(['=', ':']).find_map(|(at, _)| {
        let name_end = text[..at].trim_end_matches(['"', '\'']);
        let name = name_end.rsplit(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))).next()?;
        let rest = &text[at + 1..];
        let quote = rest.len() - rest.trim_start_matches(['"', '\'']).len();
        let value = rest[quote..].split(['&', ';', ',', '"', '\'', '}']).next()?;
        let is_secret = names_credential(name)
            && !value.is_empty()
            && !value.starts_with("{{")
            && !value.starts_with("//")
            && !value.starts_with(HIDDEN);
        is_secret.then_some((at + 1 + quote, at + 1 + quote + value.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_hidden_and_others_stay() {
        for (text, hidden) in [
            ("curl -u x --password hunter2 s3://b", "curl -u x --password (secret) s3://b"),
            ("--db-password=hunter2", "--db-password=(secret)"),
            ("jdbc:postgresql://u:hunter2@h/db", "jdbc:postgresql://u:(secret)@h/db"),
            ("jdbc:mysql://h/db?user=a&password=hunter2&x=1", "jdbc:mysql://h/db?user=a&password=(secret)&x=1"),
            ("export K=AKIAIOSFODNN7EXAMPLE; run", "export K=(secret); run"),
            ("{\"secret\":\"hunter2\",\"a\":1}", "{\"secret\":\"(secret)\",\"a\":1}"),
        ] {
            assert_eq!(masked(text), hidden);
            assert!(looks_secret(text) || text.contains("--password "), "{text}");
            assert_eq!(masked(hidden), hidden);
        }
        for text in ["--partition-key date", "s3://bucket/token/x.jar", "--keys a,b", "a=b", "https://h:443/x"] {
            assert_eq!(masked(text), text);
            assert!(!looks_secret(text), "{text}");
        }
    }
}
