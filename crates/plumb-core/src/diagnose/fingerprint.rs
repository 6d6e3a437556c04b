//! Fingerprints: failures of one cause have one, whatever their ids, hosts and times.

use super::clue::Clue;
use crate::logs::head_of;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

/// The longest part of a line that counts, in bytes: what comes after it are values.
const MOST_HEAD: usize = 400;
/// What an id of AWS begins with.
const ID_PREFIXES: &[&str] =
    &["i-", "j-", "s-", "app-", "application_", "container_", "job_", "attempt_", "subnet-", "sg-", "vol-"];

/// 8 hexadecimal digits of SHA-256 over the class, the normalised text and the first frame of the user's own code.
pub fn fingerprint(clue: &Clue) -> String {
    let mut hash = Sha256::new();
    hash.update(clue.class.as_bytes());
    hash.update([0]);
    hash.update(normalised(&clue.text).as_bytes());
    hash.update([0]);
    hash.update(normalised(clue.frame.as_deref().unwrap_or_default()).as_bytes());
    hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The first line of a message, without its head, with placeholders for numbers, ids, hosts, hashes and dates.
fn normalised(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let message = head_of(line.as_bytes(), &TimeZone::UTC).and_then(|head| line.get(head.message..));
    let mut rest = message.unwrap_or(line).trim();
    if rest.len() > MOST_HEAD {
        let end = (0..=MOST_HEAD).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or_default();
        rest = rest.get(..end).unwrap_or_default();
    }
    let rest = without_uuids(rest);
    let mut out = String::with_capacity(rest.len());
    for word in words(&rest) {
        let placed = placeholder(word);
        out.push_str(&placed);
    }
    out
}

/// UUIDs are replaced first: parts of them look like words.
fn without_uuids(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let uuid = rest.get(..36).filter(|uuid| is_uuid(uuid));
        match uuid {
            Some(_) => out.push('0'),
            None => out.push(c),
        }
        rest = rest.get(uuid.map_or(c.len_utf8(), str::len)..).unwrap_or_default();
    }
    out
}

fn is_uuid(text: &str) -> bool {
    text.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    })
}

/// Splits into words and what is between them: a word is made of letters, digits, `_`, `-` and `.`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let inside = of_word(first);
        let end = rest.find(|c| of_word(c) != inside).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

fn placeholder(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    if ID_PREFIXES.iter().any(|prefix| lower.strip_prefix(prefix).is_some_and(is_id)) {
        return "#".to_owned();
    }
    let is_host = lower.starts_with("ip-") || lower.ends_with(".internal") || lower.ends_with(".amazonaws.com");
    if is_host || is_id(&lower) {
        return "#".to_owned();
    }
    // Digits within a name: `part-00017.snappy.parquet`, `broadcast_12_piece0`.
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            '0'..='9' if out.ends_with('#') => {}
            '0'..='9' => out.push('#'),
            '.' | '-' if out.ends_with('#') && word.bytes().all(|b| !b.is_ascii_alphabetic()) => {}
            c => out.push(c),
        }
    }
    out
}

/// A number, a date, an address, a hash or a UUID: nothing but digits, hexadecimal letters and what stands between them, with
/// a digit in it.
fn is_id(word: &str) -> bool {
    let hexadecimal = word.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'-' | b'_' | b'.'));
    let upper_id = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    digits > 0
        && ((hexadecimal && (digits == word.len() || word.len() >= 6))
            || (upper_id && digits >= 2 && digits * 5 >= word.len()))
}

#[cfg(test)]
mod tests {
    use super::{fingerprint, normalised};
    use crate::diagnose::clue::{Clue, CluePlace, ClueRole, ClueSubject, Layer, Strength};
    use std::collections::BTreeMap;

    fn clue(class: &str, text: &str, frame: Option<&str>) -> Clue {
        Clue {
            class: class.into(),
            role: ClueRole::Cause,
            strength: Strength::Typed,
            layer: Layer::Driver,
            at: None,
            place: CluePlace { file: "driver.log".into(), line: Some(7) },
            text: text.into(),
            slots: BTreeMap::new(),
            subject: ClueSubject::default(),
            event: 3,
            depth: 0,
            count: 0,
            frame: frame.map(str::to_owned),
        }
    }

    #[test]
    fn ids_hosts_and_numbers_are_nothing() {
        let pairs = [
            ("Lost executor 5 on ip-10-0-1-7.ec2.internal: worker lost", "Lost executor 12 on 10.61.2.14: worker lost"),
            (
                "Container container_1700_0001_01_000004 is running 1003487232B beyond the limit",
                "Container container_1711_0002_02_000017 is running 93487232B beyond the limit",
            ),
            (
                "No such file: s3://acme/in/dt=2026-10-01/part-00017-5e6f7a8b-1111-2222-3333-444455556666.parquet",
                "No such file: s3://acme/in/dt=2026-11-02/part-00003-0e6f7a8b-aaaa-2222-3333-444455556677.parquet",
            ),
            ("step s-1K2L3M4N5 of j-2A7Q4M1N9KPLF failed", "step s-9K2L3M4N7 of j-3B7Q4M1N9KPLG failed"),
        ];
        for (one, other) in pairs {
            assert_eq!(normalised(one), normalised(other));
        }
    }

    #[test]
    fn words_are_something() {
        for (one, other) in [
            ("No module named pandas", "No module named numpy"),
            ("Table orders not found", "Table clicks not found"),
            ("s3://acme/in/a", "s3://acme/out/a"),
            ("Exit status: 52", "Exit code: 52"),
        ] {
            assert_ne!(normalised(one), normalised(other));
        }
    }

    #[test]
    fn class_text_and_frame_make_it() {
        let one = clue("USER_CODE", "ValueError: bad row 7", Some("job.py:12, in clean"));
        let same = clue("USER_CODE", "ValueError: bad row 8\nmore", Some("job.py:13, in clean"));
        assert_eq!(fingerprint(&one), fingerprint(&same));
        assert_eq!(fingerprint(&one).len(), 8);
        assert!(fingerprint(&one).bytes().all(|b| b.is_ascii_hexdigit()));
        let elsewhere = clue("USER_CODE", "ValueError: bad row 7", Some("job.py:12, in load"));
        let other = clue("ANSI", "ValueError: bad row 7", Some("job.py:12, in clean"));
        assert_ne!(fingerprint(&one), fingerprint(&elsewhere));
        assert_ne!(fingerprint(&one), fingerprint(&other));
    }

    #[test]
    fn letters_of_many_bytes_at_the_limit() {
        let long = "ü".repeat(1_000);
        assert!(normalised(&long).len() <= 400);
    }
}
