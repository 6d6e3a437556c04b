//! Secrets that don't show, and the taking of secrets out of texts that others wrote.

use plumb_core::detect::is_token;
use plumb_model::call::ServiceError;
use plumb_model::text::percent_encoded;
use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// What stands in a text where a secret stood.
const HIDDEN: &str = "(secret)";

/// Shorter strings are left in texts: taking out every `ab` would make the text unreadable and hide nothing.
const SHORTEST: usize = 4;

/// A string that is sent to services and shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a plain text.
    pub fn new(plain: impl Into<String>) -> Self {
        Secret(plain.into())
    }

    /// The plain text. Only for putting it into a request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// Takes known secrets, and what looks like a token, out of texts before anybody sees them.
///
/// Servers echo what they were sent: a proxy's error page may quote the whole request, headers included.
#[derive(Default)]
pub struct Redactor {
    known: Mutex<Vec<Secret>>,
}

impl Redactor {
    /// Remembers a secret from now on.
    pub fn learn(&self, secret: &Secret) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if secret.expose().len() >= SHORTEST && !known.contains(secret) {
            known.push(secret.clone());
            // The longest first, or a secret that begins another would leave the rest of it standing.
            known.sort_by_key(|s| std::cmp::Reverse(s.expose().len()));
        }
    }

    /// The text without secrets.
    pub fn clean(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.known.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            text = text.replace(secret.expose(), HIDDEN);
            let encoded = percent_encoded(secret.expose());
            if encoded != secret.expose() {
                text = text.replace(&encoded, HIDDEN);
            }
        }
        without_tokens(&text)
    }

    /// The fault without secrets: whatever a server echoed, none is shown.
    pub fn clean_fault(&self, fault: ServiceError) -> ServiceError {
        let clean = |text: String| self.clean(&text);
        match fault {
            ServiceError::NotSent { line, why } => ServiceError::NotSent { line: clean(line), why: clean(why) },
            ServiceError::Lost { line, why } => ServiceError::Lost { line: clean(line), why: clean(why) },
            ServiceError::Refused { line, status, code, message, request_id, retry_after, doubt } => {
                ServiceError::Refused {
                    line: clean(line),
                    status,
                    code: clean(code),
                    message: clean(message),
                    request_id: request_id.map(clean),
                    retry_after,
                    doubt,
                }
            }
        }
    }
}

/// Replaces words that have the form of a credential, or follow `Bearer` or `Basic`.
fn without_tokens(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "._~+/=-".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_scheme = false;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let credentials = after_scheme && word.len() >= 16;
        out.push_str(if credentials || is_token(word) { HIDDEN } else { word });
        if !word.is_empty() {
            after_scheme = word.eq_ignore_ascii_case("bearer") || word.eq_ignore_ascii_case("basic");
        }
        let gap = tail.find(is_word).unwrap_or(tail.len());
        out.push_str(&tail[..gap]);
        rest = &tail[gap..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_shows_itself() {
        let secret = Secret::new("hunter2-hunter2");
        assert_eq!(format!("{secret} {secret:?} {:?}", Some(&secret)), "(secret) (secret) Some((secret))");
    }

    #[test]
    fn known_secrets_are_taken_out_however_they_are_written() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("pass"));
        redactor.learn(&Secret::new("pass word/1"));
        let cleaned = redactor.clean("a=pass word/1 b=pass%20word%2F1 c=pass");
        assert_eq!(cleaned, "a=(secret) b=(secret) c=(secret)");
    }

    #[test]
    fn a_secret_too_short_to_hide_is_not_learnt() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("a"));
        assert_eq!(redactor.clean("a bad day"), "a bad day");
    }

    #[test]
    fn unknown_tokens_are_taken_out_by_their_looks() {
        let redactor = Redactor::default();
        for (text, clean) in [
            ("Authorization: Bearer abcdefghijklmnop123", "Authorization: Bearer (secret)"),
            ("token dapi0123456789abcdef0123456789abcdef-2 is bad", "token (secret) is bad"),
            ("key ghp_0123456789abcdefghij0123456789abcdef", "key (secret)"),
            ("\"eyJhbGciOi.eyJzdWIi.c2ln\"", "\"(secret)\""),
            ("a bearer of bad news, dapibus", "a bearer of bad news, dapibus"),
            ("Täglich, Basic support", "Täglich, Basic support"),
        ] {
            assert_eq!(redactor.clean(text), clean);
        }
    }
}
