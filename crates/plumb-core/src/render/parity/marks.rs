//! Where two texts differ, character by character, with marks for what does not show.

use super::super::value::visible;
use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_width::UnicodeWidthChar;

/// How much of what two long values have in common is shown before they part.
const BEFORE: usize = 24;
/// How much of a value is shown.
const MOST: usize = 160;

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// As it is shown: nothing hidden in it.
    pub text: String,
    /// Whether the other value has something else here.
    pub differs: bool,
}

/// Both values in runs. What stands before the first difference is cut to its end, and what is too long to its start; it is
/// said how much is left out.
pub(super) fn runs(old: &str, new: &str) -> (Vec<Run>, Vec<Run>) {
    let alike = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    let skipped = if alike > BEFORE * 2 && old != new { alike - BEFORE } else { 0 };
    let (old, new) = (window(old, skipped), window(new, skipped));
    let (mut left, mut right) = (Vec::new(), Vec::new());
    if skipped > 0 {
        let text = format!("…{skipped} characters alike…");
        left.push(Run { text: text.clone(), differs: false });
        right.push(Run { text, differs: false });
    }
    for op in capture_diff_slices(Algorithm::Myers, &old.chars, &new.chars) {
        let (from, to) = (&old.chars[op.old_range()], &new.chars[op.new_range()]);
        let differs = op.tag() != DiffTag::Equal;
        // Blanks at either end cannot be seen, alike or not.
        let (old_ends, new_ends) = (old.ends(&op.old_range(), skipped), new.ends(&op.new_range(), skipped));
        for (side, chars, ends) in [(&mut left, from, old_ends), (&mut right, to, new_ends)] {
            if !chars.is_empty() {
                side.push(Run { text: marked(chars, differs, ends), differs });
            }
        }
    }
    for (side, left_out) in [(&mut left, old.left_out), (&mut right, new.left_out)] {
        if left_out > 0 {
            side.push(Run { text: format!("…{left_out} more characters"), differs: false });
        }
    }
    (left, right)
}

/// The part of a value that is shown.
struct Window {
    chars: Vec<char>,
    left_out: usize,
}

fn window(text: &str, skipped: usize) -> Window {
    let mut rest = text.chars().skip(skipped);
    let chars: Vec<char> = rest.by_ref().take(MOST).collect();
    Window { chars, left_out: rest.count() }
}

impl Window {
    /// Whether a range is at the start of the whole value, and at its end.
    fn ends(&self, range: &std::ops::Range<usize>, skipped: usize) -> (bool, bool) {
        (range.start == 0 && skipped == 0, range.end == self.chars.len() && self.left_out == 0)
    }
}

/// Characters as they are shown. Blanks are drawn where they differ and at the ends of the value; a combining mark that
/// differs stands on a circle, and what differs and is no ASCII has its code point beside it, since many letters look alike.
fn marked(chars: &[char], differs: bool, (starts, ends): (bool, bool)) -> String {
    let leading = if starts { chars.iter().take_while(|c| **c == ' ').count() } else { 0 };
    let trailing = if ends { chars.iter().rev().take_while(|c| **c == ' ').count() } else { 0 };
    let mut out = String::new();
    let mut ends_with_note = false;
    for (i, c) in chars.iter().enumerate() {
        let at_end = i < leading || i >= chars.len() - trailing;
        ends_with_note = false;
        match c {
            ' ' if differs || at_end => out.push('␣'),
            c if differs && c.width() == Some(0) && !super::super::value::is_hidden(*c) => {
                out.push_str(&format!("◌{c} U+{:04X} ", u32::from(*c)));
                ends_with_note = true;
            }
            c if differs && !c.is_ascii() && chars.len() <= 4 && !super::super::value::is_hidden(*c) => {
                out.push_str(&format!("{c} U+{:04X} ", u32::from(*c)));
                ends_with_note = true;
            }
            c => out.push(*c),
        }
    }
    if ends_with_note {
        // What stands between a note and the next character.
        out.pop();
    }
    visible(&out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both values, what differs in brackets.
    fn shown(old: &str, new: &str) -> (String, String) {
        let one = |runs: Vec<Run>| -> String {
            runs.into_iter().map(|run| if run.differs { format!("[{}]", run.text) } else { run.text }).collect()
        };
        let (old, new) = runs(old, new);
        (one(old), one(new))
    }

    #[test]
    fn what_differs_is_marked_and_what_does_not_show_is_drawn() {
        for (old, new, wanted) in [
            ("17.33", "17.34", ("17.3[3]", "17.3[4]")),
            ("ab", "ab ", ("ab", "ab[␣]")),
            (" ab", " abc", ("␣ab", "␣ab[c]")),
            ("a b", "a  b", ("a b", "a [␣]b")),
            ("a\tb", "a b", ("a[\\t]b", "a[␣]b")),
            ("a\u{1b}[31m", "a", ("a[\\u001b[31m]", "a")),
            ("é", "e\u{301}", ("[é U+00E9]", "[e◌\u{301} U+0301]")),
            ("\u{202e}a", "a", ("[\\u202e]a", "a")),
            // Cyrillic and Latin.
            ("а", "a", ("[а U+0430]", "[a]")),
            ("", "a", ("", "[a]")),
        ] {
            let (old, new) = shown(old, new);
            assert_eq!((old.as_str(), new.as_str()), wanted);
        }
    }

    #[test]
    fn a_long_value_is_shown_where_it_differs() {
        let (old, new) = shown(&format!("{}X{}", "a".repeat(500), "b".repeat(500)), &format!("{}Y", "a".repeat(500)));
        assert!(old.starts_with("…476 characters alike…aaaa") && old.contains("[X"), "{old}");
        assert!(old.ends_with("…365 more characters"), "{old}");
        assert!(new.ends_with("a[Y]"), "{new}");
        // With nothing to compare it with, its start is shown.
        let long = "a".repeat(200);
        assert_eq!(shown(&long, &long).0, format!("{}…40 more characters", "a".repeat(160)));
    }
}
