//! Masking: what a report says of values that nobody is to see.
//!
//! A result goes through [`mask`] once, before anything is made of it: evidence, pages, logs and the terminal all come after.

use super::result::{OutputResult, SpreadPart};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::BTreeSet;

/// The random key of one run. Who has it can try values out, so it is thrown away with the run.
pub type MaskKey = [u8; 32];

/// Two long values are compared up to this many characters.
const COMPARED: usize = 2_000;
/// A value that is shorter is no reason to take it out of sentences: it would stand in many of them by chance.
const SHORTEST: usize = 3;
/// What a hidden value is called where nothing more may be said of it.
const MASKED: &str = "(masked)";
/// How many hexadecimal digits stand for a key.
const DIGITS: usize = 12;

/// Takes out of a result what nobody is to see:
///
/// - cells of sensitive columns become `(masked, 14 characters, ‹3 differ›)`, those of booleans `(masked)`;
/// - the values of keys become an HMAC under the key of the run, so that equal ones are equal within one report;
/// - sensitive columns lose their histograms and the size of their largest difference, and the parts of a spread over one
///   become HMACs too;
/// - where a sentence has such a value all the same, `(masked)` stands in its place. This is a second look, which knows the
///   values of this result only: what builds a sentence must not put a sensitive value into it.
///
/// `sensitive` are names of columns, in any case. The result must not have been masked before.
pub fn mask(result: &mut OutputResult, sensitive: &[&str], key: &MaskKey) {
    let sensitive: BTreeSet<String> = sensitive.iter().map(|name| name.to_lowercase()).collect();
    let is_sensitive = |name: &str| sensitive.contains(&name.to_lowercase());
    let known = hidden_values(result, &is_sensitive);
    let keys = result.columns.iter_mut().flat_map(|column| &mut column.examples).map(|example| &mut example.key);
    for (_, value) in keys.chain(result.row_examples.iter_mut().map(|example| &mut example.key)).flatten() {
        *value = value.as_deref().map(|value| hashed(value, key));
    }
    for column in &mut result.columns {
        column.sensitive |= is_sensitive(&column.name);
        if column.sensitive {
            column.histogram = None;
            let says_nothing = column.old_type == "boolean" || column.new_type == "boolean";
            for example in &mut column.examples {
                (example.old, example.new) = cells(example.old.as_deref(), example.new.as_deref(), says_nothing);
            }
        }
    }
    for (name, within) in &mut result.within_tolerance {
        if is_sensitive(name) {
            within.largest = None;
        }
    }
    for spread in result.spread.iter_mut().filter(|spread| is_sensitive(column_of(&spread.by))) {
        for part in &mut spread.parts {
            part.value = part.value.as_deref().map(|value| hashed(value, key));
        }
    }
    let explanations = result.columns.iter_mut().flat_map(|column| &mut column.explanations).chain(&mut result.rows);
    let sentences = explanations
        .map(|explanation| &mut explanation.says)
        .chain(result.because.iter_mut())
        .chain(result.notes.iter_mut())
        .chain(result.schema.iter_mut().map(|note| &mut note.says));
    for sentence in sentences {
        scrub(sentence, &sensitive, &known);
    }
}

/// What stands for a value of a key: `#` and twelve hexadecimal digits.
pub fn hashed(value: &str, key: &MaskKey) -> String {
    // HMAC takes keys of any length: the error cannot occur.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return MASKED.to_owned() };
    mac.update(value.as_bytes());
    let digest = mac.finalize().into_bytes();
    let hex: String = digest.iter().take(DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("#{hex}")
}

/// Whether a text looks like what [`hashed`] makes.
pub fn is_hashed(text: &str) -> bool {
    let digits = text.strip_prefix('#').unwrap_or_default();
    digits.len() == DIGITS && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// Both values of a sensitive cell: how long each is, and how many characters differ. `says_nothing` leaves that out, where
/// the length alone tells the value.
fn cells(old: Option<&str>, new: Option<&str>, says_nothing: bool) -> (Option<String>, Option<String>) {
    let differ = old.zip(new).map(|(old, new)| {
        let (old, new): (Vec<char>, Vec<char>) =
            (old.chars().take(COMPARED).collect(), new.chars().take(COMPARED).collect());
        capture_diff_slices(Algorithm::Myers, &old, &new).iter().map(changed).sum::<usize>()
    });
    let masked = |value: &str| {
        if says_nothing {
            return MASKED.to_owned();
        }
        let length = value.chars().count();
        let characters = if length == 1 { "character" } else { "characters" };
        let differ = differ.map(|count| format!(", ‹{count} differ›")).unwrap_or_default();
        format!("(masked, {length} {characters}{differ})")
    };
    (old.map(masked), new.map(masked))
}

fn changed(op: &DiffOp) -> usize {
    match op {
        DiffOp::Equal { .. } => 0,
        other => other.old_range().len().max(other.new_range().len()),
    }
}

/// The column of a spread: `ts` of `day of ts`.
fn column_of(by: &str) -> &str {
    by.rsplit_once(" of ").map_or(by, |(_, column)| column)
}

/// The values of sensitive columns that the result has somewhere, the longest first.
fn hidden_values(result: &OutputResult, is_sensitive: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for column in result.columns.iter().filter(|column| column.sensitive || is_sensitive(&column.name)) {
        found.extend(column.examples.iter().flat_map(|e| [e.old.as_deref(), e.new.as_deref()]).flatten());
    }
    let keys = result.columns.iter().flat_map(|column| &column.examples).map(|example| &example.key);
    for (name, value) in keys.chain(result.row_examples.iter().map(|example| &example.key)).flatten() {
        found.extend(value.as_deref().filter(|_| is_sensitive(name)));
    }
    for spread in result.spread.iter().filter(|spread| is_sensitive(column_of(&spread.by))) {
        found.extend(spread.parts.iter().filter_map(|part: &SpreadPart| part.value.as_deref()));
    }
    let mut found: Vec<String> =
        found.into_iter().filter(|value| value.chars().count() >= SHORTEST).map(str::to_owned).collect();
    // Of two values that one is a part of the other, the longer one goes first.
    found.sort_by_key(|value| std::cmp::Reverse(value.len()));
    found
}

/// Takes values out of a sentence: those that are known, and what stands behind `COLUMN=` up to a comma.
fn scrub(sentence: &mut String, sensitive: &BTreeSet<String>, known: &[String]) {
    for value in known.iter().filter(|value| sentence.contains(value.as_str())).collect::<Vec<_>>() {
        *sentence = sentence.replace(value.as_str(), MASKED);
    }
    for column in sensitive {
        let named = format!("{column}=");
        let mut out = String::new();
        // Lower case may be of another length than the text, and then places in it mean nothing.
        let lower = sentence.to_lowercase();
        if lower.len() != sentence.len() {
            if lower.contains(&named) {
                MASKED.clone_into(sentence);
            }
            continue;
        }
        let mut done = 0;
        while let Some(at) = lower[done..].find(&named).map(|at| done + at) {
            let from = at + named.len();
            let to = lower[from..].find([',', ';']).map_or(lower.len(), |to| from + to);
            out.push_str(&sentence[done..from]);
            out.push_str(MASKED);
            done = to;
        }
        out.push_str(&sentence[done..]);
        *sentence = out;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::result::{
        CellExample, ColumnResult, DifferenceSpread, Explanation, Histogram, RowExample, SideResult,
    };
    use super::*;
    use proptest::prelude::*;

    const KEY: MaskKey = [7; 32];

    fn column(name: &str, of_type: &str, examples: &[(&str, &str)]) -> ColumnResult {
        let example = |(old, new): &(&str, &str)| CellExample {
            key: vec![("id".into(), Some("4711".into())), ("part".into(), None)],
            old: Some((*old).to_owned()),
            new: Some((*new).to_owned()),
        };
        ColumnResult {
            name: name.into(),
            old_type: of_type.into(),
            new_type: of_type.into(),
            differing: 1,
            explanations: Vec::new(),
            sampled: false,
            examples: examples.iter().map(example).collect(),
            histogram: Some(Histogram { from: "1".into(), to: "2".into(), old: vec![1], new: vec![1] }),
            sensitive: false,
        }
    }

    fn output(columns: Vec<ColumnResult>) -> OutputResult {
        OutputResult { columns, ..OutputResult::blank("a", SideResult::default(), SideResult::default()) }
    }

    #[test]
    fn sensitive_cells_say_how_long_they_are_and_how_many_characters_differ() {
        for (of_type, old, new, wanted) in [
            (
                "string",
                "ann@example.co",
                "ann@example.de",
                ("(masked, 14 characters, ‹2 differ›)", "(masked, 14 characters, ‹2 differ›)"),
            ),
            ("string", "a", "", ("(masked, 1 character, ‹1 differ›)", "(masked, 0 characters, ‹1 differ›)")),
            ("string", "数据é", "数é", ("(masked, 3 characters, ‹1 differ›)", "(masked, 2 characters, ‹1 differ›)")),
            // The length of a boolean is its value.
            ("boolean", "true", "false", ("(masked)", "(masked)")),
        ] {
            let mut result = output(vec![column("Email", of_type, &[(old, new)])]);
            mask(&mut result, &["email"], &KEY);
            let example = &result.columns[0].examples[0];
            assert_eq!((example.old.as_deref().unwrap(), example.new.as_deref().unwrap()), wanted);
            assert!(result.columns[0].sensitive && result.columns[0].histogram.is_none());
        }
        // Null is no value, and says so.
        assert_eq!(cells(None, Some("abc"), false), (None, Some("(masked, 3 characters)".into())));
    }

    #[test]
    fn other_columns_keep_their_cells_and_every_key_becomes_a_hash() {
        let mut result =
            output(vec![column("amount", "int", &[("17", "18")]), column("name", "string", &[("x", "y")])]);
        result.row_examples = vec![RowExample { only_in: "old".into(), key: vec![("id".into(), Some("4711".into()))] }];
        mask(&mut result, &["name"], &KEY);
        let example = &result.columns[0].examples[0];
        assert_eq!((example.old.as_deref(), example.new.as_deref()), (Some("17"), Some("18")));
        assert!(result.columns[0].histogram.is_some());
        let hash = example.key[0].1.clone().unwrap();
        assert!(is_hashed(&hash), "{hash}");
        assert_eq!(example.key[1], ("part".into(), None), "null stays null");
        assert_eq!(result.row_examples[0].key[0].1.as_ref(), Some(&hash), "equal within one report");
        assert_ne!(hashed("4711", &[8; 32]), hash, "and different in the next");
        assert_ne!(hashed("4712", &KEY), hash);
        assert!(!is_hashed("#4711") && !is_hashed("4711") && !is_hashed("#00000000000G"));
    }

    #[test]
    fn sentences_and_spreads_lose_the_values_too() {
        let mut result = output(vec![column("name", "string", &[("Miller", "Millers")])]);
        let part =
            |value: &str| SpreadPart { value: Some(value.into()), rows: 1, only_old: 1, only_new: 0, differing: 0 };
        result.spread = ["birth", "day of Birth", "region"]
            .map(|by| DifferenceSpread { by: by.into(), parts: vec![part("1970-01-01")] })
            .into();
        let says = |text: &str| Explanation { cause: "x".into(), explains: 1, of: 1, says: text.into() };
        result.rows = vec![says("all in Birth=1970-01-01, of which new has no row"), says("all in region=r7")];
        result.notes = vec!["Millers and Miller".into(), "NAME=Jo Ann Doe".into(), "İ name=Jo".into()];
        result.because = Some("on 1970-01-01".into());
        mask(&mut result, &["name", "birth"], &KEY);
        assert_eq!(result.rows[0].says, "all in Birth=(masked), of which new has no row");
        assert_eq!(result.rows[1].says, "all in region=r7");
        assert_eq!(result.notes, ["(masked) and (masked)", "NAME=(masked)", "(masked)"]);
        assert_eq!(result.because.as_deref(), Some("on (masked)"));
        let values: Vec<&str> = result.spread.iter().map(|spread| spread.parts[0].value.as_deref().unwrap()).collect();
        assert!(is_hashed(values[0]) && is_hashed(values[1]), "{values:?}");
        assert_eq!(values[2], "1970-01-01");
    }

    proptest! {
        #[test]
        fn nothing_of_a_sensitive_value_is_left(old in "\\PC{4,30}", new in "\\PC{0,30}") {
            let (old, new) = cells(Some(&old), Some(&new), false);
            let shape = |text: &str| {
                let digits: String = text.chars().filter(|c| !c.is_ascii_digit()).collect();
                digits == "(masked,  characters, ‹ differ›)" || digits == "(masked,  character, ‹ differ›)"
            };
            prop_assert!(shape(old.as_deref().unwrap()) && shape(new.as_deref().unwrap()), "{old:?} {new:?}");
        }
    }
}
