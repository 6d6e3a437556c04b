//! How two texts of code differ.

use similar::{Algorithm, ChangeTag, DiffTag, capture_diff_slices, group_diff_ops};

/// How many unchanged lines stand around a changed one.
const AROUND: usize = 3;
/// How many lines of a file's difference are shown.
const SHOWN: usize = 200;
/// How many characters of a line are shown.
const WIDTH: usize = 400;

/// How two texts differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextDifference {
    /// How many lines are new, and how many are gone.
    pub lines: (usize, usize),
    /// A unified diff without its header, cut after so many lines.
    pub text: String,
}

/// How many lines a text has.
pub fn line_count(text: &str) -> usize {
    text.lines().count()
}

/// The difference of two texts. The same for the same texts, however busy the machine is.
pub fn difference(old: &str, new: &str) -> TextDifference {
    // With their ends: a file whose last line is not ended differs from one whose last line is.
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_inclusive('\n').collect(), new.split_inclusive('\n').collect());
    let ops = capture_diff_slices(Algorithm::Histogram, &old, &new);
    let changed = ops.iter().filter(|op| op.tag() != DiffTag::Equal);
    let lines =
        changed.fold((0, 0), |(added, removed), op| (added + op.new_range().len(), removed + op.old_range().len()));
    let mut out = Vec::new();
    for group in group_diff_ops(ops, AROUND) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let old_lines = place(first.old_range().start, last.old_range().end);
        let new_lines = place(first.new_range().start, last.new_range().end);
        out.push(format!("@@ -{old_lines} +{new_lines} @@"));
        for piece in group.iter().flat_map(|op| op.iter_changes(&old, &new)) {
            let sign = match piece.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            let line = piece.value();
            let ended = line.strip_suffix('\n');
            out.push(format!("{sign}{}", cut(ended.unwrap_or(line))));
            if ended.is_none() {
                out.push("\\ no newline at the end".to_owned());
            }
        }
    }
    let more = out.len().saturating_sub(SHOWN);
    out.truncate(SHOWN);
    let mut text: String = out.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    if more > 0 {
        text.push_str(&format!("… {more} more {}\n", if more == 1 { "line" } else { "lines" }));
    }
    TextDifference { lines, text }
}

/// The number of the first new line in the text of a difference, counted from 1.
pub fn first_new_line(text: &str) -> Option<usize> {
    let mut next = 0;
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("@@ -") {
            let new = head.split_once(" +")?.1;
            next = new.split([',', ' ']).next()?.parse().ok()?;
        } else if line.starts_with('+') {
            return Some(next);
        } else if line.starts_with(' ') {
            next += 1;
        }
    }
    None
}

/// Lines of a file as a hunk's head names them.
fn place(start: usize, end: usize) -> String {
    match end - start {
        // Of no line, the one before it is named.
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        count => format!("{},{count}", start + 1),
    }
}

fn cut(line: &str) -> String {
    let mut chars = line.chars();
    let mut out: String = chars.by_ref().take(WIDTH).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_a_unified_diff_of_three_lines_around() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\n";
        let found = difference(old, new);
        assert_eq!(found.lines, (1, 1));
        assert_eq!(found.text, "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n");
        assert_eq!(difference(old, old), TextDifference { lines: (0, 0), text: String::new() });
        assert_eq!(first_new_line(&found.text), Some(5));
        assert_eq!(first_new_line(&difference("a\nb\n", "a\n").text), None);
        assert_eq!(difference("", "a\n").text, "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(difference("a\n", "a").text, "@@ -1 +1 @@\n-a\n+a\n\\ no newline at the end\n");
    }

    #[test]
    fn what_is_long_is_cut_and_the_rest_counted() {
        let new: String = (0..500).map(|n| format!("{n}\n")).collect();
        let found = difference("", &new);
        assert_eq!(found.lines, (500, 0));
        assert!(found.text.ends_with("+198\n… 301 more lines\n"), "{}", found.text);
        assert_eq!(found.text.lines().count(), SHOWN + 1);
        let wide = difference("", &"x".repeat(WIDTH + 1));
        assert!(wide.text.contains(&format!("+{}…\n", "x".repeat(WIDTH))), "{}", wide.text);
    }
}
