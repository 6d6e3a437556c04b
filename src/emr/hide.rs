//! Takes secrets out of arguments, properties, tags and messages before they are anything else.
//!
//! It goes by names (`--password x`, `"apiKey": "x"`, `AWS_SECRET_ACCESS_KEY=x`) and by looks (access keys of AWS, tokens,
//! `user:password@host`). Where it cannot know, it hides: an inventory is read by many.

use crate::manifest::names_secret;
use crate::services::secret::Redactor;
use serde_json::Value;

/// What stands for a secret.
pub const HIDDEN: &str = "(secret)";

/// Last parts of names of things that say where a secret is, or how it is used, and are none.
const WHEREABOUTS: [&str; 12] =
    ["name", "arn", "file", "path", "alias", "provider", "class", "scope", "region", "enabled", "renewal", "interval"];

/// Keys of data, not of doors.
const KEYS_OF_DATA: [&str; 12] = [
    "partition",
    "primary",
    "sort",
    "join",
    "group",
    "foreign",
    "cluster",
    "bucket",
    "hash",
    "order",
    "surrogate",
    "dedup",
];

/// Parts of names that are secrets beside those that manifests know.
const MORE: [&str; 9] =
    ["pass", "pwd", "passphrase", "apikey", "privatekey", "auth", "sig", "signature", "authorization"];

/// How tokens of some services begin.
const TOKENS: [&str; 9] = ["ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "hvs."];

/// Whether something of this name is a secret.
pub fn is_secret(name: &str) -> bool {
    let lower = name.trim_start_matches('-').to_lowercase();
    let parts: Vec<&str> = lower.split(['.', '_', '-']).filter(|part| !part.is_empty()).collect();
    let Some(last) = parts.last() else { return false };
    if WHEREABOUTS.contains(last) || lower == "secretsmanager" {
        return false;
    }
    if KEYS_OF_DATA.iter().any(|data| lower.ends_with(&format!("{data}key")) || lower.ends_with(&format!("{data}_key")))
        || (*last == "key" && parts.len() > 1 && KEYS_OF_DATA.contains(&parts[parts.len() - 2]))
    {
        return false;
    }
    names_secret(&lower) || parts.iter().any(|part| MORE.contains(part))
}

/// Arguments of a program without their secrets.
pub fn arguments<T: AsRef<str>>(args: &[T]) -> Vec<String> {
    let mut out: Vec<String> = Vec::with_capacity(args.len());
    let mut before = "";
    for arg in args {
        let arg = arg.as_ref();
        let option = before.starts_with('-') && !before.contains(['=', ' ']);
        let hidden = match option {
            true if is_secret(before) && may_be_secret(arg) && !is_option(arg) => HIDDEN.to_owned(),
            true if matches!(before, "-u" | "--user") => match arg.split_once(':') {
                Some((user, _)) => format!("{user}:{HIDDEN}"),
                None => text(arg),
            },
            _ => text(arg),
        };
        out.push(hidden);
        before = arg;
    }
    out
}

/// Whether an argument is an option of its own. A password may begin with one dash, hardly with two.
fn is_option(arg: &str) -> bool {
    arg.starts_with("--")
}

/// The value of something that has a name.
pub fn named(name: &str, value: &str) -> String {
    if is_secret(name) && may_be_secret(value) { HIDDEN.to_owned() } else { text(value) }
}

/// A JSON value, by the names of its members.
pub fn json(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| {
                let shown = match value {
                    Value::String(text) => named(name, text).into(),
                    Value::Number(_) | Value::Array(_) if is_secret(name) => HIDDEN.into(),
                    other => json(other),
                };
                (text(name), shown)
            })
            .collect(),
        Value::Array(items) => items.iter().map(json).collect(),
        Value::String(plain) => text(plain).into(),
        other => other.clone(),
    }
}

/// A switch and a place are no secrets, whatever they are called.
fn may_be_secret(value: &str) -> bool {
    !value.is_empty()
        && !matches!(value, "true" | "false")
        // Hidden already: hiding twice changes nothing.
        && !value.starts_with(HIDDEN.trim_end_matches(')'))
        && !["s3://", "s3a://", "hdfs://", "arn:aws", "${", "{{"].iter().any(|start| value.starts_with(start))
}

/// A text without what is called a secret in it, or looks like one.
pub fn text(text: &str) -> String {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY") {
        return HIDDEN.to_owned();
    }
    let named = without_named(text);
    let urls = without_passwords_of_urls(&named);
    Redactor::default().clean(&without_looks(&urls))
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

/// Replaces the value after each name of a secret: `name=value`, `name: value`, `"name": "value"`, `--name value`.
fn without_named(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        out.push_str(word);
        rest = tail;
        if word.is_empty() {
            let step = rest.chars().next().map_or(0, char::len_utf8);
            out.push_str(&rest[..step]);
            rest = &rest[step..];
            continue;
        }
        // `arn:aws:secretsmanager:…:secret:NAME` says where a secret is.
        let in_arn = out[..out.len() - word.len()].ends_with(':') && out.contains("arn:aws");
        if !in_arn
            && is_secret(word)
            && let Some((gap, value)) = value_after(word, rest)
            && may_be_secret(value)
        {
            out.push_str(gap);
            out.push_str(HIDDEN);
            rest = &rest[gap.len() + value.len()..];
        }
    }
    out
}

/// What lies between a name and its value, and the value.
fn value_after<'t>(name: &str, rest: &'t str) -> Option<(&'t str, &'t str)> {
    let quote = |c: char| matches!(c, '"' | '\'' | '\\');
    let space = |c: char| c == ' ' || c == '\t';
    let after_quote = rest.trim_start_matches(quote);
    let after_space = after_quote.trim_start_matches(space);
    let value = match after_space.strip_prefix(['=', ':']) {
        Some(value) => value.trim_start_matches(space),
        None if name.starts_with('-') && after_space.len() < after_quote.len() => after_space,
        None => return None,
    };
    let gap = &rest[..rest.len() - value.len()];
    let inner = value.trim_start_matches(quote);
    let opening = &value[..value.len() - inner.len()];
    let ends = |c: char| match opening.is_empty() {
        true => c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | '}' | ')' | ']' | '|'),
        false => opening.contains(c),
    };
    let end = inner.find(ends).unwrap_or(inner.len());
    // `Authorization: Bearer abc` is two words of one value.
    let scheme = ["bearer ", "basic "].iter().find(|s| inner.get(..s.len()).is_some_and(|h| h.eq_ignore_ascii_case(s)));
    let end = match scheme {
        Some(scheme) => {
            let more = &inner[scheme.len()..];
            scheme.len() + more.find(ends).unwrap_or(more.len())
        }
        None => end,
    };
    let gap = &rest[..gap.len() + opening.len()];
    Some((gap, &inner[..end]))
}

/// Replaces the password of `scheme://user:password@host`.
fn without_passwords_of_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?')).unwrap_or(after.len());
        let authority = &after[..end];
        match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
            Some((user, host)) => out.push_str(&format!("{user}:{HIDDEN}@{host}")),
            None => out.push_str(authority),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// Replaces words that look like a credential: key ids of AWS, secret keys of AWS (forty characters of base64), tokens.
fn without_looks(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '+' | '=' | '_' | '-' | '.');
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        // `key=WORD` is one word by its characters.
        let (name, value) = word.split_once('=').filter(|(_, v)| !v.is_empty()).unwrap_or(("", word));
        if looks_secret(value) {
            out.push_str(name);
            out.push_str(if name.is_empty() { "" } else { "=" });
            out.push_str(HIDDEN);
        } else {
            out.push_str(word);
        }
        let step = tail.find(is_word).unwrap_or(tail.len());
        out.push_str(&tail[..step]);
        rest = &tail[step..];
    }
    out
}

fn looks_secret(word: &str) -> bool {
    let key_id = ["AKIA", "ASIA"].iter().any(|start| word.starts_with(start))
        && word.len() == 20
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    let has = |of: fn(&u8) -> bool| word.bytes().any(|b| of(&b));
    let secret_key = word.len() == 40
        && !word.starts_with('/')
        && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'+' | b'='))
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_digit);
    key_id || secret_key || (word.len() >= 20 && TOKENS.iter().any(|start| word.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_of_every_form_are_hidden() {
        for (plain, shown) in [
            ("--password=hunter22", "--password=(secret)"),
            ("spark.hadoop.fs.s3a.secret.key=abc/def", "spark.hadoop.fs.s3a.secret.key=(secret)"),
            ("AWS_SECRET_ACCESS_KEY=wJalr run.sh", "AWS_SECRET_ACCESS_KEY=(secret) run.sh"),
            ("export PGPASSWORD='a b'; psql -h db", "export PGPASSWORD='(secret)'; psql -h db"),
            (r#"{"user": "etl", "apiKey": "k,1", "n": 1}"#, r#"{"user": "etl", "apiKey": "(secret)", "n": 1}"#),
            (r#"{\"password\": \"x y\"}"#, r#"{\"password\": \"(secret)\"}"#),
            ("mysql --password hunter22 -h db", "mysql --password (secret) -h db"),
            ("jdbc:postgresql://db/x?user=a&password=b&ssl=1", "jdbc:postgresql://db/x?user=a&password=(secret)&ssl=1"),
            ("https://etl:hunter22@repo.example/x", "https://etl:(secret)@repo.example/x"),
            ("key is AKIAIOSFODNN7EXAMPLE ok", "key is (secret) ok"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "(secret)"),
            ("x=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKE9", "x=(secret)"),
            ("ghp_0123456789abcdefghij0123456789abcdef", "(secret)"),
            ("-H 'Authorization: Bearer abc.def'", "-H 'Authorization: (secret)'"),
            ("https://x.blob/y?sig=abc%3D&se=1", "https://x.blob/y?sig=(secret)&se=1"),
            ("-----BEGIN RSA PRIVATE KEY-----\nx", "(secret)"),
        ] {
            assert_eq!(text(plain), shown);
            assert_eq!(text(shown), shown, "hiding twice changes nothing");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for plain in [
            "s3://acme-lake/gl/2026-10/",
            "--partition-key=customer_id",
            "sort.key=ts",
            "--secret-name=prod/db",
            "arn:aws:secretsmanager:eu-central-1:1:secret:db",
            "spark.hadoop.fs.s3a.aws.credentials.provider=com.acme.Provider",
            "--token-file=/mnt/token",
            "spark.sql.shuffle.partitions=800",
            "0123456789abcdef0123456789abcdef01234567",
            "--author bob",
            "monkeys: 3",
            "é\u{1b}[31m",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn an_argument_after_the_name_of_a_secret_is_hidden() {
        let shown = arguments(&["--password", "-x", "--token", "--verbose", "-u", "me:pw", "--key", "s3://a/b", "y"]);
        assert_eq!(
            shown,
            ["--password", "(secret)", "--token", "--verbose", "-u", "me:(secret)", "--key", "s3://a/b", "y"]
        );
        assert_eq!(
            json(&json!({"token": ["a"], "pin": {"secret": 5, "x": "password=a"}})),
            json!({"token": "(secret)", "pin": {"secret": "(secret)", "x": "password=(secret)"}})
        );
    }
}
