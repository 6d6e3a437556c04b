//! How the story looks: a heading, some words, a command with its output, and what was proven.

use crate::ui::{Failure, Ui};
use anstyle::{AnsiColor, Style as Ink};

/// How wide words are laid out.
const WORDS: usize = 96;
/// How many lines of fields are shown of one resource.
const FIELDS: usize = 5;
/// How many lines of one command's output are shown.
const LINES: usize = 50;
/// How many lines at the end are always shown.
const END: usize = 3;
/// What stands before each line of output.
const BAR: &str = "  │ ";

const FAINT: Ink = Ink::new().dimmed();
const GOOD: Ink = AnsiColor::Green.on_default();
const BOLD: Ink = Ink::new().bold();

/// Writes the story to stdout, where it is the result.
pub struct StoryPage<'a> {
    ui: &'a Ui,
}

impl<'a> StoryPage<'a> {
    /// A page on that printer.
    pub fn new(ui: &'a Ui) -> Self {
        StoryPage { ui }
    }

    fn line(&self, ink: Ink, text: &str) -> Result<(), Failure> {
        if self.ui.colour { self.ui.data(&format!("{ink}{text}{ink:#}\n")) } else { self.ui.data(&format!("{text}\n")) }
    }

    /// Begins a step.
    pub fn heading(&self, number: usize, of: usize, title: &str) -> Result<(), Failure> {
        self.ui.data("\n")?;
        self.line(AnsiColor::Cyan.on_default().bold(), &format!("── {number}/{of} {title} ──"))
    }

    /// Says something in plain words.
    pub fn words(&self, text: &str) -> Result<(), Failure> {
        for line in filled(text, WORDS.min(self.ui.width)) {
            self.line(Ink::new(), &line)?;
        }
        Ok(())
    }

    /// Shows a command line, after an empty one.
    pub fn command(&self, line: &str) -> Result<(), Failure> {
        self.ui.data("\n")?;
        self.command_next(line)
    }

    /// Shows a command line right below what was said.
    pub fn command_next(&self, line: &str) -> Result<(), Failure> {
        self.line(BOLD, &format!("$ {line}"))
    }

    /// Shows what a command printed. Of many lines some are left out, and it says how many.
    pub fn output(&self, text: &str) -> Result<(), Failure> {
        for line in shortened(text, FIELDS, LINES) {
            let text = if self.ui.colour {
                format!("{FAINT}{BAR}{FAINT:#}{line}")
            } else {
                format!("{BAR}{line}").trim_end().to_owned()
            };
            self.ui.data(&format!("{text}\n"))?;
        }
        Ok(())
    }

    /// Shows what of a command's output tells the story: no empty line, and of a plan neither head, legend nor digest.
    pub fn essence(&self, text: &str) -> Result<(), Failure> {
        self.output(&essence(text))
    }

    /// Says of output that it is not shown, and why.
    pub fn instead(&self, text: &str) -> Result<(), Failure> {
        self.line(FAINT, &format!("{BAR}({text})"))
    }

    /// Says that somebody committed.
    pub fn commit(&self, id: &str, author: &str, message: &str) -> Result<(), Failure> {
        self.line(FAINT, &format!("  commit {id} by {author}: {message}"))
    }

    /// Says what was just proven.
    pub fn proven(&self, text: &str) -> Result<(), Failure> {
        if self.ui.colour {
            self.ui.data(&format!("{GOOD}  ✓{GOOD:#} {text}\n"))
        } else {
            self.ui.data(&format!("  ✓ {text}\n"))
        }
    }

    /// The width that commands have for their output.
    pub fn width(&self) -> usize {
        self.ui.width.saturating_sub(BAR.chars().count()).max(40)
    }

    /// Whether output may have colours.
    pub fn colour(&self) -> bool {
        self.ui.colour
    }
}

/// Breaks a text into lines of at most `width` characters, at spaces.
fn filled(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// What a legend says of the signs of a plan.
const LEGEND: [&str; 4] = [" create", " update in place", " take over an existing object", " delete"];

/// What says nothing new to whoever reads a story: a plan's head, that something drifted where each field says so, and counts
/// of what is fine or was listed.
const KNOWN: [&str; 5] = ["Plan of ", "Drift of ", "Note: ", " resources up to date.", " problem in "];

/// A command's output without what says nothing new: empty lines; of a plan its legend, its digest and how to see all of it.
fn essence(text: &str) -> String {
    let (mut is_short_form, mut is_known) = (false, false);
    let is_told = |line: &&str| {
        is_short_form |= line.contains("In short: ");
        let is_digest = line.contains("Digest: ");
        // What a line that is left out was broken into goes with it.
        is_known = KNOWN.iter().any(|says| line.contains(says)) || is_known && line.starts_with("  ");
        let is_left_out = is_digest || is_short_form || is_known;
        is_short_form &= !is_digest;
        is_known &= !line.trim().is_empty();
        !is_left_out
            && !line.trim().is_empty()
            && !LEGEND.iter().any(|says| line.starts_with("  ") && line.ends_with(says))
    };
    text.lines().filter(is_told).map(|line| format!("{line}\n")).collect()
}

/// The lines of an output: of each run of lines of fields (indented by six or more) the first few, and of the whole no
/// more than fit a screen. What is left out is counted.
fn shortened(text: &str, fields: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let (mut run, mut hidden) = (0, 0);
    let close = |lines: &mut Vec<String>, hidden: &mut usize| {
        if *hidden > 0 {
            lines.push(format!("      … {hidden} more lines of it"));
        }
        *hidden = 0;
    };
    for line in text.trim_end().lines() {
        if line.starts_with("      ") {
            run += 1;
            if run > fields {
                hidden += 1;
                continue;
            }
        } else {
            close(&mut lines, &mut hidden);
            run = 0;
        }
        lines.push(line.to_owned());
    }
    close(&mut lines, &mut hidden);
    if lines.len() > most {
        // The end of a plan sums it up.
        let end = lines.split_off(lines.len() - END.min(most));
        let left = lines.len() - (most - end.len());
        lines.truncate(most - end.len());
        lines.push(format!("… {left} more lines"));
        lines.extend(end);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_of_fields_are_cut_and_counted() {
        let text = "a\n      1\n      2\n      3\nb\n      4\n";
        assert_eq!(shortened(text, 1, 9), ["a", "      1", "      … 2 more lines of it", "b", "      4"]);
        assert_eq!(shortened(text, 9, 4), ["a", "… 2 more lines", "      3", "b", "      4"]);
    }

    #[test]
    fn of_a_plan_its_changes_and_counts_are_told() {
        let plan = "Plan of a for target b\n\nNote: x: 1 field was\n  changed live\n\n  + create\n  ~ update in place\n\n  + x will be created\n\nPlan: 1 to create.\n\
                    In short: 2 changes\non one line.\nDigest: 1\nnothing was sent\n";
        assert_eq!(essence(plan), "  + x will be created\nPlan: 1 to create.\nnothing was sent\n");
    }

    #[test]
    fn words_break_at_spaces() {
        assert_eq!(filled("one two\n  three", 7), ["one two", "three"]);
    }
}
