//! Secrets that only their randomness tells: words that no name speaks for, too random to be written by a person.
//!
//! Much else in a pipeline is random: ids, commits, hashes in the names of files. So a word counts as a whole only (inside
//! a path, an address or coordinates it is a part of a name), not behind a name of an id or a hash, and hex only where it is
//! longer than ids and commits are.

use super::looks::{bits, classes, flips};
use super::names::names_an_id;
use super::{Spot, holds_secret, is_name};

/// How long a word has to be; one of sixteen random bytes in base64 with its padding.
const SHORTEST: usize = 24;
/// Ids and MD5 have 32 digits, commits 40.
const SHORTEST_HEX: usize = 48;
const SHORTEST_SMALL: usize = 32;

/// The random words of a text that is called something.
pub(super) fn random(called: &str, text: &str) -> Vec<Spot> {
    let mut found = Vec::new();
    let (mut before, mut at, mut in_certificate) = (called, 0, false);
    // A text is walked through once, whatever is in it.
    for word in text.split(is_end) {
        let start = at;
        at += word.len() + text[at + word.len()..].chars().next().map_or(0, char::len_utf8);
        if word.starts_with("-----") {
            in_certificate = word.starts_with("-----BEGIN");
        }
        if word.is_empty() {
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value))
                if !name.is_empty() && name.chars().all(is_name) && !value.trim_matches('=').is_empty() =>
            {
                (name, value)
            }
            _ => ("", word),
        };
        let what = if name.is_empty() { before } else { name };
        if !in_certificate && is_secret(what.trim_matches(':'), value) {
            let from = start + word.len() - value.len();
            found.push(Spot { range: from..from + value.len(), name: name.to_owned() });
        }
        before = word;
    }
    found
}

/// What no random word has in it, and what may stand around one.
fn is_end(c: char) -> bool {
    c.is_whitespace() || "\"'`,;()[]{}<>|&?\\".contains(c)
}

fn is_secret(name: &str, word: &str) -> bool {
    // What is only wrapped up is what it says, whatever it is called.
    is_random_word(word) && (unwrapped(word).is_some() || !names_an_id(name))
}

/// Whether a word is a secret by its randomness, unless it is the id of something.
pub(super) fn is_random_word(word: &str) -> bool {
    if word.len() < 16 || !word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-~".contains(&b)) {
        return false;
    }
    match unwrapped(word) {
        Some(text) => holds_secret(&text),
        None => is_base64(word, SHORTEST) || is_long_hex(word) || is_small(word),
    }
}

/// Whether a word is random bytes in base64, of at least a length.
pub(super) fn is_base64(word: &str, least: usize) -> bool {
    // Something packed, a public key, a hash of a web page's part.
    const OTHERS: [&str; 6] = ["H4sI", "AAAA", "MIIB", "sha256-", "sha384-", "sha512-"];
    let body = word.trim_end_matches('=');
    let count = |of: &[u8]| body.bytes().filter(|b| of.contains(b)).count();
    word.len() >= least
        && word.len() - body.len() <= 2
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/_-~".contains(&b))
        // Of the two alphabets it is one: `j-3H6EATEWWRWS/s-0A2HPDA9IZ4P6` is a path.
        && (count(b"+/") == 0 || count(b"-_~") == 0)
        // A path has many slashes, a name many dashes; of random characters one in thirty-two is such.
        && !body.starts_with('/')
        && count(b"/") <= body.len() / 20 + 1
        && count(b"-_~") <= body.len() / 12 + 1
        && classes(body) == 3
        && bits(body) >= 3.8
        && flips(body) * 20 >= body.len() * 7
        && !is_of_words(body)
        && !OTHERS.iter().any(|start| word.starts_with(start))
        && unwrapped(word).is_none()
}

/// Whether a text is put together of words: `CustomerOrders2026`, `EtlDwhStg2026Q1`. There a great letter has small ones
/// behind it, and letters of one size stand together.
fn is_of_words(text: &str) -> bool {
    let bytes = text.as_bytes();
    let great = bytes.iter().filter(|b| b.is_ascii_uppercase()).count();
    let begun = bytes.windows(2).filter(|pair| pair[0].is_ascii_uppercase() && pair[1].is_ascii_lowercase()).count();
    let alike = |a: &u8, b: &u8| {
        a.is_ascii_alphabetic() && a.is_ascii_lowercase() == b.is_ascii_lowercase() && b.is_ascii_alphabetic()
    };
    let in_runs: usize = bytes.chunk_by(alike).map(<[u8]>::len).filter(|length| *length >= 4).sum();
    begun * 5 > great * 4 || in_runs * 2 >= text.len()
}

/// Whether a word is more hex than an id or a commit has.
fn is_long_hex(word: &str) -> bool {
    let all = |of: fn(&u8) -> bool| word.as_bytes().iter().all(of);
    word.len() >= SHORTEST_HEX
        && all(u8::is_ascii_hexdigit)
        && !all(u8::is_ascii_digit)
        && !all(u8::is_ascii_alphabetic)
        && bits(word) >= 3.0
}

/// Whether a word is random small letters and digits, and not hex.
fn is_small(word: &str) -> bool {
    word.len() >= SHORTEST_SMALL
        && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && !word.bytes().all(|b| b.is_ascii_hexdigit())
        && bits(word) >= 3.8
        && flips(word) * 5 >= word.len()
}

/// The text that a word of base64 is, if it is one.
fn unwrapped(word: &str) -> Option<String> {
    let (mut bytes, mut held, mut kept) = (Vec::new(), 0_u32, 0);
    for b in word.trim_end_matches('=').bytes() {
        let six = match b {
            b'A'..=b'Z' => b - b'A',
            b'a'..=b'z' => b - b'a' + 26,
            b'0'..=b'9' => b - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        kept += 6;
        if kept >= 8 {
            kept -= 8;
            bytes.push((held >> kept & 0xff) as u8);
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    (!text.chars().any(|c| c.is_control() && !c.is_whitespace())).then_some(text)
}
