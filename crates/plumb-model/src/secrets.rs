//! Secrets: kept apart from specs and plans, in which only tokens stand.

use crate::yaml::{Node, Tree};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

/// How a token begins.
const START: &str = "${secret.";
/// How many hexadecimal digits it has.
const DIGITS: usize = 16;
/// Shorter secrets are only recognised when they are a whole string: as a part of others they would be found anywhere.
pub const SHORTEST_PART: usize = 8;

/// The plaintext of secrets, by the token that stands for each in specs and plans.
///
/// A token is a keyed hash of the secret, so that equal secrets compare equal and nothing else is learnt from one.
/// `Debug` shows no plaintext.
#[derive(Clone, Default)]
pub struct Vault {
    key: String,
    plain: BTreeMap<String, String>,
    tokens: BTreeMap<String, String>,
    /// Secrets that are also looked for inside longer strings.
    parts: BTreeSet<String>,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({} secrets)", self.plain.len())
    }
}

impl Vault {
    /// The token of a secret that the service does not show, and nobody else knows: what is live in a masked place. It is
    /// never sent, and compares as equal to anything (see `plan::compare`).
    pub const UNKNOWN: &'static str = "${secret.0000000000000000}";

    /// Whether a value has a part that is [`Vault::UNKNOWN`].
    pub fn has_unknown(value: &Value) -> bool {
        match value {
            Value::String(text) => text == Vault::UNKNOWN,
            Value::Array(items) => items.iter().any(Vault::has_unknown),
            Value::Object(map) => map.values().any(Vault::has_unknown),
            _ => false,
        }
    }

    /// An empty vault. Tokens of one project and target say nothing about those of another.
    pub fn new(project: &str, target: &str) -> Vault {
        Vault { key: format!("plumb/{project}/{target}"), ..Vault::default() }
    }

    /// Keeps a secret and returns the token that stands for it: `${secret.0123456789abcdef}`.
    /// Nothing is no secret: it stays as it is.
    pub fn seal(&mut self, plaintext: &str) -> String {
        if plaintext.is_empty() {
            return String::new();
        }
        if let Some(token) = self.tokens.get(plaintext) {
            return token.clone();
        }
        let token = self.token(plaintext);
        self.plain.insert(token.clone(), plaintext.to_owned());
        // A service that keeps JSON as a text may show it as it would write it itself.
        if let Some(canonical) = canonical(plaintext) {
            self.tokens.insert(canonical, token.clone());
        }
        self.tokens.insert(plaintext.to_owned(), token.clone());
        token
    }

    /// Keeps a secret that may stand anywhere inside other strings as well: one of the environment, not a field's.
    pub fn seal_everywhere(&mut self, plaintext: &str) -> String {
        if plaintext.len() >= SHORTEST_PART {
            self.parts.insert(plaintext.to_owned());
        }
        self.seal(plaintext)
    }

    /// The token that would stand for a secret, without keeping it: for what is only shown, and never sent.
    pub fn token(&self, plaintext: &str) -> String {
        match self.tokens.get(plaintext) {
            Some(token) => token.clone(),
            None => format!("{START}{}}}", self.digits(plaintext)),
        }
    }

    /// A vault of the same key that knows the secrets of another one.
    pub fn rekeyed(&self, other: &Vault) -> Vault {
        let mut vault = Vault { key: self.key.clone(), ..Vault::default() };
        vault.absorb(other);
        vault
    }

    /// Takes in what another vault knows.
    pub fn absorb(&mut self, other: &Vault) {
        for plain in other.plain.values() {
            if other.parts.contains(plain) {
                self.seal_everywhere(plain)
            } else {
                self.seal(plain)
            };
        }
    }

    fn digits(&self, plaintext: &str) -> String {
        // A key of any length is accepted, so there is always a hash.
        Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).map_or_else(
            |_| String::new(),
            |mut mac| {
                mac.update(plaintext.as_bytes());
                mac.finalize().into_bytes().iter().take(DIGITS / 2).map(|b| format!("{b:02x}")).collect()
            },
        )
    }

    /// The text with every token replaced by its secret. What a secret contains is not looked at again.
    pub fn reveal(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(START) {
            let length = START.len() + DIGITS + 1;
            let token = rest.get(at..at + length);
            out.push_str(&rest[..at]);
            match token.and_then(|t| self.plain.get(t)) {
                Some(plain) => {
                    out.push_str(plain);
                    rest = &rest[at + length..];
                }
                None => {
                    out.push_str(START);
                    rest = &rest[at + START.len()..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// The value with every token in its strings replaced by its secret.
    pub fn reveal_in(&self, value: &Value) -> Value {
        map_strings(value, &|s| self.reveal(s))
    }

    /// The value with known secrets replaced by their tokens: a string that is one, and those of the
    /// environment wherever they occur in a string. Done to live values and to specs alike: they have to compare, and a secret that somebody also
    /// wrote elsewhere in plain text is still not to be shown.
    pub fn seal_known(&self, value: &Value) -> Value {
        if self.plain.is_empty() { value.clone() } else { map_strings(value, &|s| self.seal_text(s)) }
    }

    /// The same, and with those of another vault of the same key: what one value alone makes known. This vault stays as it is,
    /// and need not be cloned for each value.
    pub fn seal_known_beside(&self, value: &Value, own: &Vault) -> Value {
        if own.is_empty() {
            return self.seal_known(value);
        }
        let token = |text: &str| {
            let known = self.tokens.get(text).or_else(|| own.tokens.get(text));
            known.or_else(|| own.tokens.get(&canonical(text)?)).cloned()
        };
        map_strings(value, &|text| token(text).unwrap_or_else(|| self.seal_text(text)))
    }

    /// The same for a value with places.
    pub fn seal_known_in(&self, node: &mut Node) {
        match &mut node.tree {
            Tree::Str(text) if !self.plain.is_empty() => *text = self.seal_text(text),
            Tree::Seq(items) => items.iter_mut().for_each(|item| self.seal_known_in(item)),
            Tree::Map(entries) => entries.iter_mut().for_each(|entry| self.seal_known_in(&mut entry.value)),
            _ => {}
        }
    }

    /// The same for one string.
    pub fn seal_text(&self, text: &str) -> String {
        if let Some(token) = self.tokens.get(text).or_else(|| self.tokens.get(&canonical(text)?)) {
            return token.clone();
        }
        let mut parts: Vec<&String> = self.parts.iter().filter(|part| text.contains(*part)).collect();
        // The longest first: one secret may be part of another.
        parts.sort_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
        parts.into_iter().fold(text.to_owned(), |text, plain| match self.tokens.get(plain) {
            Some(token) => replace_outside(&text, plain, token),
            None => text,
        })
    }

    /// The text with every known secret replaced by its token, wherever it stands. For messages of services, which
    /// quote what they were sent; nothing is compared with them, so nothing is lost by hiding too much. Secrets of one
    /// or two characters would leave no word whole, and stay.
    pub fn hide_in(&self, text: &str) -> String {
        self.hider().hide_in(text)
    }

    /// What does the same for many texts.
    pub fn hider(&self) -> Hider {
        let mut by_start: HashMap<[u8; 3], Vec<(String, String)>> = HashMap::new();
        for (plain, token) in &self.tokens {
            if let Some(start) = plain.as_bytes().first_chunk::<3>() {
                by_start.entry(*start).or_default().push((plain.clone(), token.clone()));
            }
        }
        Hider { by_start }
    }

    /// Whether a string is exactly one token.
    pub fn is_token(text: &str) -> bool {
        text.len() == START.len() + DIGITS + 1
            && text.starts_with(START)
            && text.ends_with('}')
            && text[START.len()..text.len() - 1].bytes().all(|b| b.is_ascii_hexdigit())
    }

    /// Whether there are no secrets.
    pub fn is_empty(&self) -> bool {
        self.plain.is_empty()
    }
}

/// Hides the secrets of a vault in texts ([`Vault::hide_in`]). Of all secrets it looks at those that begin as some place of
/// the text does.
pub struct Hider {
    /// Each secret and its token, by how the secret begins.
    by_start: HashMap<[u8; 3], Vec<(String, String)>>,
}

impl Hider {
    /// The text with every known secret of more than two characters replaced by its token.
    pub fn hide_in(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut parts: BTreeSet<(Reverse<usize>, &str, &str)> = BTreeSet::new();
        for (at, start) in bytes.windows(3).enumerate() {
            let begin = self.by_start.get(start).into_iter().flatten();
            let here = begin.filter(|(plain, _)| bytes[at..].starts_with(plain.as_bytes()));
            parts.extend(here.map(|(plain, token)| (Reverse(plain.len()), plain.as_str(), token.as_str())));
        }
        // The longest first: one secret may be part of another.
        parts.into_iter().fold(text.to_owned(), |text, (_, plain, token)| replace_outside(&text, plain, token))
    }
}

/// The one way to write an object or a list of JSON; `None` for any other text.
fn canonical(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str::<Value>(text).ok().map(|value| value.to_string())
}

/// Replaces what does not stand inside `${…}`: tokens and references stay whole.
fn replace_outside(text: &str, plain: &str, token: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let end = rest[start..].find('}').map_or(rest.len(), |i| start + i + 1);
        out.push_str(&rest[..start].replace(plain, token));
        out.push_str(&rest[start..end]);
        rest = &rest[end..];
    }
    out.push_str(&rest.replace(plain, token));
    out
}

fn map_strings(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(s) => Value::String(change(s)),
        Value::Array(items) => items.iter().map(|v| map_strings(v, change)).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), map_strings(v, change))).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn seals_and_reveals() {
        let mut vault = Vault::new("p", "t");
        let token = vault.seal("hunter2-${secret.0123456789abcdef}");
        assert!(Vault::is_token(&token), "{token}");
        assert_eq!(vault.seal("hunter2-${secret.0123456789abcdef}"), token);
        assert_ne!(Vault::new("p", "other").seal("hunter2-${secret.0123456789abcdef}"), token);
        assert_eq!(vault.reveal(&format!("a {token} b")), "a hunter2-${secret.0123456789abcdef} b");
        assert_eq!(vault.reveal("${secret.nope} ${secret."), "${secret.nope} ${secret.");
        assert!(!format!("{vault:?}").contains("hunter2"));
    }

    #[test]
    fn json_is_recognised_however_it_is_written() {
        let mut vault = Vault::new("p", "t");
        let token = vault.seal_everywhere(r#"{"b":1,"a":[true]}"#);
        let live = json!(["{\"a\": [true],  \"b\": 1}", "{\"a\": [false], \"b\": 1}", "{not json"]);
        assert_eq!(vault.seal_known(&live), json!([token, live[1], live[2]]));
        assert!(Vault::is_token(Vault::UNKNOWN) && Vault::has_unknown(&json!({"a": [Vault::UNKNOWN]})));
        assert_eq!(vault.reveal(Vault::UNKNOWN), Vault::UNKNOWN);
    }

    #[test]
    fn messages_show_no_part_of_a_secret() {
        let mut vault = Vault::new("p", "t");
        // Each is a part of the next: a short one first would leave the rest of the long one standing.
        let secrets = ["abc", "abcdefgh", "abcdefghijkl", "abcdefghijklmnopqrstuvwxyz"];
        for secret in secrets {
            // One of a field, and one of the environment.
            if secret.len() == 8 {
                vault.seal_everywhere(secret)
            } else {
                vault.seal(secret)
            };
        }
        for secret in secrets {
            let token = vault.seal(secret);
            assert_eq!(
                vault.hide_in(&format!("cannot take \"{secret}\" here")),
                format!("cannot take \"{token}\" here")
            );
        }
        assert_eq!(vault.hide_in("a bc"), "a bc");
        // So short that no word would stay whole.
        vault.seal("ab");
        assert_eq!(vault.hide_in("cab"), "cab");
        let mut other = Vault::new("q", "t").rekeyed(&vault);
        assert_ne!(other.token("abc"), vault.token("abc"));
        assert_eq!(other.seal_text("x abcdefgh y"), format!("x {} y", other.token("abcdefgh")));
        other.absorb(&Vault::new("q", "t"));
        assert_eq!(other.token("never seen"), Vault::new("q", "t").seal("never seen"));
    }

    #[test]
    fn what_one_value_makes_known_is_sealed_beside_what_all_know() {
        let mut vault = Vault::new("p", "t");
        let (own_name, everywhere) = (vault.seal("known-secret"), vault.seal_everywhere("env-secret-1"));
        let json = vault.seal(r#"{"a":1}"#);
        let live = json!(["known-secret", "live-secret", "Bearer env-secret-1", "{ \"a\": 1 }", "{\"b\": 2}", "plain"]);
        let mut own = vault.rekeyed(&Vault::default());
        assert_eq!(vault.seal_known_beside(&live, &own), vault.seal_known(&live));
        let (of_live, of_json) = (own.seal("live-secret"), own.seal(r#"{"b":2}"#));
        let sealed = vault.seal_known_beside(&live, &own);
        assert_eq!(sealed, json!([own_name, of_live, format!("Bearer {everywhere}"), json, of_json, "plain"]));
        // As if the vault had learnt them too.
        let mut whole = vault.clone();
        whole.absorb(&own);
        assert_eq!(sealed, whole.seal_known(&live));
        assert_eq!(vault.token("live-secret"), of_live);
    }

    #[test]
    fn live_values_are_sealed() {
        let mut vault = Vault::new("p", "t");
        let (long, short) = (vault.seal_everywhere("long-secret-1"), vault.seal_everywhere("ab"));
        let live = json!({"a": "long-secret-1", "b": ["Bearer long-secret-1", "ab", "cab"]});
        let sealed = vault.seal_known(&live);
        assert_eq!(sealed, json!({"a": long, "b": [format!("Bearer {long}"), short, "cab"]}));
        assert_eq!(vault.reveal_in(&sealed), live);
        assert_eq!(vault.seal_known(&sealed), sealed);
        let hex = &long["${secret.".len()..long.len() - 1];
        vault.seal_everywhere(hex);
        assert_eq!(vault.seal_known(&sealed), sealed);
        assert_eq!(vault.seal(""), "");
    }
}
