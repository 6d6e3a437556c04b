//! The mark of a secret scope, which has neither tags nor a description: the names of keys in it.
//!
//! A key allows letters, digits, `-`, `_` and `.`, 128 at most (Secrets API 2.0, databricks-sdk-py workspace.SecretsAPI). The
//! mark's words are longer and have other characters, so they are written in a form that keys allow and cut into pieces:
//! `plumb.0.2.7.1f2e3d4c.PIECE` is the first of two pieces of the seventh mark of that hash. A mark is read only of a whole
//! set of pieces whose hash fits, the newest whole set of several. An apply writes the new pieces first and then takes the
//! old ones away, so whenever it ends there is one mark or the other, and never a mixture.
//!
//! Behind the words stands what plumb wrote into the scope: for each secret a hash of its key and the first half of the
//! token of its value ([`plumb_model::secrets::Vault`]), which is a keyed hash. Whoever may list the keys of a scope may read
//! its secrets anyway (both take `READ`: SecretsAPI.list_secrets, get_secret). Half of the token is as much as the hash in any
//! mark tells those who only see names in an audit log.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// How the keys begin that are plumb's own.
pub const PREFIX: &str = "plumb.";
/// The value of such a key: its name says everything, and no value may be empty.
pub const VALUE: &str = "This key is the mark of plumb, which manages this scope.";
/// How long a key may be.
pub const LONGEST_KEY: usize = 128;
/// How many digits of a hash tell keys and values apart.
const DIGITS: usize = 8;

/// A key of a scope, as `secrets/list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    pub key: String,
    /// When it was written last, in milliseconds.
    pub updated: i64,
}

/// In which form a value was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueForm {
    Text,
    Bytes,
}

impl ValueForm {
    /// The member of the spec, and of the call.
    pub fn member(self) -> &'static str {
        match self {
            ValueForm::Text => "string_value",
            ValueForm::Bytes => "bytes_value",
        }
    }

    fn letter(self) -> char {
        match self {
            ValueForm::Text => 's',
            ValueForm::Bytes => 'b',
        }
    }
}

/// What plumb wrote under a key: the form of the value and the first half of its token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenValue {
    pub form: ValueForm,
    pub digits: String,
}

/// What the keys of a scope say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeMark {
    /// The mark's words; empty where there is none.
    pub words: String,
    /// What plumb wrote, by the hash of the key.
    written: BTreeMap<String, WrittenValue>,
    /// Its number: the next mark has one more.
    pub generation: u64,
    /// When its oldest piece was written: whatever is newer was written after it.
    since: i64,
}

/// The pieces of one mark by their places: the text of each, and when it was written.
type MarkPieces<'k> = BTreeMap<usize, (&'k str, i64)>;

impl ScopeMark {
    /// The mark that the keys hold. What is no whole mark is none.
    pub fn read(keys: &[ListedKey]) -> ScopeMark {
        let mut sets: BTreeMap<(u64, &str, usize), MarkPieces<'_>> = BTreeMap::new();
        let mut newest = 0;
        for key in keys {
            let Some(piece) = MarkPiece::parse(&key.key) else { continue };
            // No number is used twice: pieces of a mark that was never whole are not completed by those of another.
            newest = newest.max(piece.generation);
            let set = sets.entry((piece.generation, piece.hash, piece.count)).or_default();
            set.insert(piece.index, (piece.text, key.updated));
        }
        let whole = sets.iter().rev().find_map(|((_, hash, count), pieces)| {
            let text: String = (0..*count).map(|index| Some(pieces.get(&index)?.0)).collect::<Option<_>>()?;
            let since = pieces.values().map(|(_, updated)| *updated).min()?;
            (digits(&text) == *hash).then_some((decoded(&text)?, since))
        });
        let Some((text, since)) = whole else { return ScopeMark { generation: newest, ..ScopeMark::default() } };
        let (words, written) = text.split_once('\n').unwrap_or((&text, ""));
        ScopeMark { words: words.to_owned(), written: entries(written), generation: newest, since }
    }

    /// A mark of these words, and of what plumb wrote. It takes the place of this one.
    pub fn next(&self, words: &str, written: &[(String, WrittenValue)]) -> ScopeMark {
        let written = written.iter().map(|(key, value)| (digits(key), value.clone())).collect();
        ScopeMark { words: words.to_owned(), written, generation: self.generation + 1, since: 0 }
    }

    /// The same words over what this mark says of the secrets.
    pub fn with_words(&self, words: &str) -> ScopeMark {
        ScopeMark { words: words.to_owned(), generation: self.generation + 1, ..self.clone() }
    }

    /// The keys that it is written as.
    pub fn keys(&self) -> Vec<String> {
        let written: String =
            self.written.iter().map(|(key, v)| format!("{key}{}{}", v.digits, v.form.letter())).collect();
        let text = encoded(&format!("{}\n{written}", self.words));
        let hash = digits(&text);
        // The number of pieces stands in each of them, and may take a digit more than was thought.
        let mut guess = 1;
        loop {
            let room = LONGEST_KEY - head(guess, guess, self.generation, &hash).len();
            let count = text.len().div_ceil(room).max(1);
            if count <= guess {
                let piece = |index: usize| &text[(index * room).min(text.len())..((index + 1) * room).min(text.len())];
                let head = |index| head(index, guess, self.generation, &hash);
                return (0..guess).map(|index| format!("{}{}", head(index), piece(index))).collect();
            }
            guess = count;
        }
    }

    /// What plumb wrote under a key, if it did and nobody has written there since. What has the time of the mark was
    /// written before it: an apply writes the mark last.
    pub fn written(&self, key: &ListedKey) -> Option<&WrittenValue> {
        self.written.get(&digits(&key.key)).filter(|_| key.updated <= self.since)
    }

    /// Whether plumb wrote under a key once.
    pub fn names(&self, key: &str) -> bool {
        self.written.contains_key(&digits(key))
    }
}

/// How many keys the mark of a scope with so many secrets may take, at most: the old and the new one stand side by side for a
/// moment. Words are as long as two pieces.
pub fn most_keys(secrets: usize) -> usize {
    let room = LONGEST_KEY - head(999, 999, 999_999, "00000000").len();
    2 * (2 + (secrets * (2 * DIGITS + 1)).div_ceil(room))
}

/// A hash of a few digits.
pub fn digits(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

fn head(index: usize, count: usize, generation: u64, hash: &str) -> String {
    format!("{PREFIX}{index}.{count}.{generation}.{hash}.")
}

/// A piece of a mark.
struct MarkPiece<'k> {
    index: usize,
    count: usize,
    generation: u64,
    hash: &'k str,
    text: &'k str,
}

impl<'k> MarkPiece<'k> {
    fn parse(key: &'k str) -> Option<MarkPiece<'k>> {
        let mut parts = key.strip_prefix(PREFIX)?.splitn(5, '.');
        let mut number = || parts.next()?.parse::<u64>().ok();
        let (index, count, generation) = (number()?, number()?, number()?);
        let (hash, text) = (parts.next()?, parts.next()?);
        let piece = MarkPiece { index: index.try_into().ok()?, count: count.try_into().ok()?, generation, hash, text };
        // A scope has 1,000 keys at most.
        (piece.index < piece.count && piece.count <= 1000).then_some(piece)
    }
}

fn entries(text: &str) -> BTreeMap<String, WrittenValue> {
    let mut found = BTreeMap::new();
    let mut twice = BTreeSet::new();
    for entry in text.as_bytes().chunks(2 * DIGITS + 1).filter_map(|chunk| std::str::from_utf8(chunk).ok()) {
        let form = match entry.get(2 * DIGITS..) {
            Some("s") => ValueForm::Text,
            Some("b") => ValueForm::Bytes,
            _ => continue,
        };
        let (key, value) = (entry[..DIGITS].to_owned(), entry[DIGITS..2 * DIGITS].to_owned());
        if found.insert(key.clone(), WrittenValue { form, digits: value }).is_some() {
            twice.insert(key);
        }
    }
    // Two keys of one hash: which of them it is about cannot be told.
    found.retain(|key, _| !twice.contains(key));
    found
}

/// The text in characters that keys allow: `/` is `.`, a space `__`, any other byte that is no letter, digit or `-` `_` and two
/// hexadecimal digits. No two texts have one form.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'/' => out.push('.'),
            b' ' => out.push_str("__"),
            b'-' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => out.push(char::from(byte)),
            other => out.push_str(&format!("_{other:02x}")),
        }
    }
    out
}

fn decoded(text: &str) -> Option<String> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some(first) = rest.chars().next() {
        let taken = match first {
            '.' => {
                out.push(b'/');
                1
            }
            '_' if rest[1..].starts_with('_') => {
                out.push(b' ');
                2
            }
            '_' => {
                out.push(u8::from_str_radix(rest.get(1..3)?, 16).ok()?);
                3
            }
            other if other.is_ascii() => {
                out.push(other as u8);
                1
            }
            _ => return None,
        };
        rest = &rest[taken..];
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "bau/prod/DatabricksSecretScope/data_lake.v2 0123456789ab-deadbeef protect force_destroy";

    fn listed(keys: &[String], updated: i64) -> Vec<ListedKey> {
        keys.iter().map(|key| ListedKey { key: key.clone(), updated }).collect()
    }

    fn value(digits: &str, form: ValueForm) -> WrittenValue {
        WrittenValue { form, digits: digits.to_owned() }
    }

    fn written(many: usize) -> Vec<(String, WrittenValue)> {
        (0..many).map(|n| (format!("key-{n}"), value(&digits(&format!("value {n}")), ValueForm::Text))).collect()
    }

    #[test]
    fn a_mark_is_read_as_it_was_written_whatever_its_length() {
        for many in [0, 1, 5, 60, 700] {
            for words in ["a/b/c/d", WORDS, "söme prójéct/t/K/n_._.__", ""] {
                let mark = ScopeMark::default().next(words, &written(many));
                let keys = mark.keys();
                for key in &keys {
                    assert!(key.len() <= LONGEST_KEY, "{key}");
                    assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{key}");
                }
                assert!(2 * keys.len() <= most_keys(many), "{many} secrets take {} keys", keys.len());
                let mut shuffled = listed(&keys, 7);
                shuffled.reverse();
                let read = ScopeMark::read(&shuffled);
                assert_eq!(read, ScopeMark { since: 7, ..mark });
            }
        }
    }

    #[test]
    fn no_two_texts_have_one_form() {
        let texts = ["a/b", "a.b", "a b", "a__b", "a_b", "a_20b", "a_2fb", "a\nb", "ä", "_", "__", "", "A", "a"];
        for one in texts {
            assert_eq!(decoded(&encoded(one)).as_deref(), Some(one));
            for other in texts.iter().filter(|other| **other != one) {
                assert_ne!(encoded(one), encoded(other));
            }
        }
        for none in ["_", "_x", "_g0", "_ff", "ä"] {
            assert_eq!(decoded(none), None, "{none}");
        }
    }

    /// Whatever a crash leaves of the steps from one mark to the next, what is read is one of the two.
    #[test]
    fn half_a_mark_is_the_one_before_and_never_anybody_elses() {
        let old = ScopeMark::default().next(WORDS, &written(20));
        let other = WORDS.replace("bau", "elsewhere");
        let new = ScopeMark::read(&listed(&old.keys(), 1)).next(&other, &written(30));
        let (old_keys, new_keys) = (listed(&old.keys(), 1), listed(&new.keys(), 2));
        assert!(old_keys.len() > 2 && new_keys.len() > 2);
        for many in 0..=new_keys.len() {
            let keys = [&old_keys[..], &new_keys[..many]].concat();
            let read = ScopeMark::read(&keys).words;
            assert_eq!(read, if many == new_keys.len() { other.as_str() } else { WORDS }, "{many} pieces");
        }
        for many in 0..=old_keys.len() {
            let keys = [&old_keys[many..], &new_keys[..]].concat();
            assert_eq!(ScopeMark::read(&keys).words, other);
        }
        for many in 1..new_keys.len() {
            let half = ScopeMark::read(&new_keys[many..]);
            assert_eq!(half.words, "");
            assert_eq!(half.generation, new.generation, "its number is not used again");
        }
    }

    #[test]
    fn a_mark_that_somebody_edited_is_none() {
        let mark = ScopeMark::default().next(WORDS, &written(3));
        let mut keys = listed(&mark.keys(), 1);
        keys[0].key = keys[0].key.replace("bau", "baa");
        assert_eq!(ScopeMark::read(&keys).words, "");
        for odd in
            ["plumb.", "plumb.0.1.1", "plumb.x.1.1.aa.b", "plumb.1.1.1.aa.b", "plumb.0.2000.1.aa.b", "plumb.note"]
        {
            assert_eq!(ScopeMark::read(&listed(&[odd.to_owned()], 1)), ScopeMark::default(), "{odd}");
        }
    }

    #[test]
    fn what_is_newer_than_the_oldest_piece_is_not_plumbs() {
        let mark = ScopeMark::default().next(WORDS, &written(20));
        let mut keys = listed(&mark.keys(), 5);
        keys[1].updated = 9;
        let read = ScopeMark::read(&keys);
        let at = |key: &str, updated| read.written(&ListedKey { key: key.into(), updated }).is_some();
        assert!(at("key-3", 4) && at("key-3", 5), "the same millisecond is before the mark");
        assert!(!at("key-3", 6) && !at("key-3", 9) && !at("other", 1));
        assert!(read.names("key-3") && !read.names("other"));
    }

    #[test]
    fn new_words_keep_what_was_written() {
        let mark = ScopeMark::default().next("a/b/c/d", &written(2));
        let next = mark.with_words("released a/b/c/d");
        assert_eq!((next.written.len(), next.generation, next.words.as_str()), (2, 2, "released a/b/c/d"));
    }
}
