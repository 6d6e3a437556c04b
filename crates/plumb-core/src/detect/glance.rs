//! One quick look at a text: whether it can hold a secret at all.
//!
//! Nearly every manifest has a name with `key` in it (`task_key`), and to read each of them again, only to find nothing, is
//! more work than all the rest of a validation. So the text is walked through once, and looked at closely only where
//! something in it could be a secret, or the name of one, however the YAML is written.

use super::looks::{is_aws_secret, is_key_id, is_random, is_token};
use super::names::{STEMS, Sure, sure};
use super::{SIGNATURES, chance};
use aho_corasick::AhoCorasick;
use std::collections::HashSet;
use std::sync::LazyLock;

/// Shorter words are no secret by their form: see `looks::is_token`, `looks::is_random` and `chance`.
const SHORTEST: usize = 15;

/// So many words that say nothing are known again: manifests of one team are made of the same few hundred.
const MOST_WORDS: usize = 4_096;

/// What has more of `=` than this in one word is read.
const MOST_SIGNS: usize = 8;

/// What a secret stands behind, or what may change how a text reads: of a text with one of these all is read.
const SIGNS: [&str; 9] = [
    // In quotes, anything may be written with escapes.
    "\\",
    "-----BEGIN ",
    "jdbc:oracle:",
    "hooks.slack.com/services/",
    "discord.com/api/webhooks/",
    "curl",
    "mysql",
    "sshpass",
    "fs.azure.",
];

/// Characters of names: see [`super::is_name`].
const NAME: u8 = 1;
/// Characters of what is random: those of [`is_random`], of `chance` and of AWS's secret keys.
const RANDOM: u8 = 2;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 128 {
        let b = byte as u8;
        if b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-') {
            classes[byte] = NAME | RANDOM;
        } else if b == b'.' {
            classes[byte] = NAME;
        } else if matches!(b, b'+' | b'/' | b'=' | b'~' | b'!' | b'%') {
            classes[byte] = RANDOM;
        }
        byte += 1;
    }
    classes
};

/// Looks at texts, and remembers the words that said nothing.
#[derive(Default)]
pub(super) struct Glance<'t> {
    harmless: HashSet<&'t str>,
}

impl<'t> Glance<'t> {
    /// Whether a text of YAML may hold a secret. `false` is certain: neither the text nor any value in it does. `true` says
    /// nothing.
    pub(super) fn may_hold(&mut self, text: &'t str) -> bool {
        static SIGN: LazyLock<Option<AhoCorasick>> =
            LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(SIGNS).ok());
        // What cannot be looked for may be there.
        if SIGN.as_ref().is_none_or(|signs| signs.is_match(text)) || has_login(text) {
            return true;
        }
        let bytes = text.as_bytes();
        let (mut name, mut random) = (0, 0);
        for at in 0..=bytes.len() {
            let class = bytes.get(at).map_or(0, |byte| CLASSES[usize::from(*byte)]);
            if class & NAME == 0 {
                if name < at && self.says_something(&text[name..at]) {
                    return true;
                }
                name = at + 1;
            }
            if class & RANDOM == 0 {
                if at - random >= SHORTEST && looks_random(&text[random..at]) {
                    return true;
                }
                random = at + 1;
            }
        }
        false
    }

    /// Whether a word is a secret, the name of one, or what one stands behind.
    fn says_something(&mut self, word: &'t str) -> bool {
        if self.harmless.contains(word) {
            return false;
        }
        let says = says_something(word);
        if !says && self.harmless.len() < MOST_WORDS {
            self.harmless.insert(word);
        }
        says
    }
}

fn says_something(word: &str) -> bool {
    if word.len() >= SHORTEST && (is_token(word.trim_end_matches('.')) || word.split('.').any(is_token)) {
        return true;
    }
    let is = |known: &&str| word.eq_ignore_ascii_case(known);
    if matches!(word.len(), 2..=15)
        && (["-u", "--user", "--basic-auth", "bearer", "basic"].iter().any(is) || SIGNATURES.iter().any(is))
    {
        return true;
    }
    let has = |stem: &[u8]| word.as_bytes().windows(stem.len()).any(|part| part.eq_ignore_ascii_case(stem));
    STEMS.iter().any(|stem| has(stem.as_bytes())) && sure(word) != Sure::No
}

/// Whether an address has something in front of its host.
fn has_login(text: &str) -> bool {
    let ends = |b: &u8| b.is_ascii_whitespace() || matches!(b, b'/' | b'"' | b'\'' | b'?' | b'#');
    text.match_indices("://")
        .any(|(at, _)| text.as_bytes()[at + 3..].iter().take_while(|b| !ends(b)).any(|b| *b == b'@'))
}

/// Whether a word, or what stands behind a `=` of it, is as random as secrets are, whatever it is called.
fn looks_random(word: &str) -> bool {
    let is_one = |word: &str| is_random(word) || chance::is_random_word(word);
    let of_aws = |word: &str| {
        word.split(|c: char| !c.is_ascii_alphanumeric()).any(is_key_id)
            || word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '+'))).any(is_aws_secret)
    };
    // A word of nothing else must not be looked at once for each of them.
    if word.bytes().filter(|b| *b == b'=').count() > MOST_SIGNS {
        return true;
    }
    is_one(word) || of_aws(word) || word.match_indices('=').any(|(at, _)| is_one(&word[at + 1..]))
}

#[cfg(test)]
#[path = "glance_tests.rs"]
mod tests;
