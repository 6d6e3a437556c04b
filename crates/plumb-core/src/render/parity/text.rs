//! A report for a terminal: the verdict first.

use super::super::Style;
use super::super::value::{columns, fitted, visible, wrapped};
use super::words::{known, loud, percent, rows, score, thousands, took};
use super::{ParityContext, Voice, cause, consequence, differing, lonely, next_step, value_words};
use crate::parity::result::{CellExample, OutputResult, Report, Verdict};
use anstyle::{AnsiColor, Style as Ink};

/// How many columns of an output are listed.
const MOST_COLUMNS: usize = 20;
/// How many columns of an output have an example.
const MOST_EXAMPLES: usize = 3;
/// How much of a value is shown in an example.
const VALUE: usize = 60;
/// How wide the names of outputs and columns are laid out, and how far the words on them go.
const NAME: usize = 28;
const SAYS: usize = 52;

const GOOD: Ink = AnsiColor::Green.on_default();
const BAD: Ink = AnsiColor::Red.on_default();
const WARN: Ink = AnsiColor::Yellow.on_default();

const VOICE: Voice = Voice { outside: visible, word: |word| format!("`{word}`") };

fn ink(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Equal => GOOD,
        Verdict::Differs => BAD,
        Verdict::None => WARN,
    }
}

/// Renders a report for people to read. Deterministic; without colour there is no escape sequence in it.
pub fn text(report: &Report, context: &ParityContext, style: Style) -> String {
    let mut page = ParityText { out: String::new(), style };
    page.head(report);
    let width = report.outputs.iter().map(|output| columns(&name(&output.name))).max().unwrap_or(0);
    for output in &report.outputs {
        page.output(output, width);
    }
    page.foot(report, context);
    page.out
}

struct ParityText {
    out: String,
    style: Style,
}

/// A name, short enough to be laid out.
fn name(text: &str) -> String {
    fitted(&visible(text), NAME)
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(columns(text))))
}

impl ParityText {
    fn coloured(&self, ink: Ink, text: &str) -> String {
        if self.style.colour { format!("{ink}{text}{ink:#}") } else { text.to_owned() }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn head(&mut self, report: &Report) {
        let verdict = report.verdict();
        let verdict = self.coloured(ink(verdict).bold(), &loud(verdict));
        let mut facts = vec![score(report)];
        facts.extend(report.duration_s.map(took));
        facts.extend(report.engine.as_ref().map(|e| format!("{} {}", visible(&e.name), visible(&e.version))));
        let (migration, period) = (visible(&report.migration), visible(&report.period));
        self.line(&format!("{migration} {period}: {verdict}   {}", facts.join(", ")));
    }

    fn output(&mut self, output: &OutputResult, width: usize) {
        let label = padded(&name(&output.name), width);
        let verdict = self.coloured(ink(output.verdict), &padded(&loud(output.verdict), 10));
        let (old, new) = (output.old.rows, output.new.rows);
        let says = match (output.verdict, old, new) {
            (Verdict::Equal, Some(old), Some(new)) if old == new => rows(old),
            (Verdict::None, None, None) => String::new(),
            _ => format!("old {}, new {} rows", known(old), known(new)),
        };
        let line = format!("  {label}  {verdict}  {says}");
        let plain = columns(&format!("  {label}  {:10}  {says}", ""));
        let tolerance = tolerance(output);
        match tolerance.as_slice() {
            [one] if !says.is_empty() && plain + 2 + columns(one) <= self.style.width => {
                self.line(&format!("{line}; {one}"))
            }
            several => {
                self.line(&line);
                for one in several {
                    self.folded("      ", one);
                }
            }
        }
        if let Some(because) = &output.because {
            self.folded("      ", &visible(because));
        }
        if output.verdict == Verdict::Differs {
            self.differences(output);
        }
        for expected in output.expected.iter().filter(|expected| expected.found > 0) {
            let holds = if expected.holds { "expected" } else { "expected, but over its bound or its day" };
            self.folded(
                "      ",
                &format!(
                    "{}: {} {holds} (at most {}, until {}): {}",
                    visible(&expected.column),
                    thousands(expected.found),
                    thousands(expected.at_most),
                    visible(&expected.until),
                    visible(&expected.reason)
                ),
            );
        }
        self.notes(output);
    }

    /// What is worth knowing beside the counts.
    fn notes(&mut self, output: &OutputResult) {
        for note in &output.notes {
            self.folded("      ", &format!("note  {}", visible(note)));
        }
    }

    fn differences(&mut self, output: &OutputResult) {
        for note in output.schema.iter().filter(|note| note.fails) {
            self.folded("      ", &format!("schema   {}: {}", visible(&note.column), visible(&note.says)));
        }
        let all = differing(output);
        let mut lines: Vec<(String, u64, String)> =
            lonely(output).map(|(label, count)| (label.to_owned(), count, "rows".to_owned())).collect();
        lines.extend(all.iter().take(MOST_COLUMNS).map(|(column, count)| (name(column), *count, (*column).to_owned())));
        let width = lines.iter().map(|(label, ..)| columns(label)).max().unwrap_or(0);
        let digits = lines.iter().map(|(_, count, _)| thousands(*count).len()).max().unwrap_or(0);
        for (label, count, of) in &lines {
            let cause = cause(output, of);
            let says = fitted(&visible(&cause.says), SAYS);
            let arrow = format!("-> {}", visible(&cause.title));
            let line = format!("      {}  {:>digits$}   ", padded(label, width), thousands(*count));
            let whole = format!("{line}{}  {arrow}", padded(&says, SAYS));
            let close = if says.is_empty() { format!("{line}{arrow}") } else { format!("{line}{says} {arrow}") };
            if columns(&whole) <= self.style.width {
                self.line(&whole);
            } else if columns(&close) <= self.style.width {
                self.line(&close);
            } else {
                self.line(&format!("{line}{says}"));
                self.line(&format!("{}{arrow}", " ".repeat(columns(&line))));
            }
        }
        if all.len() > MOST_COLUMNS {
            self.line(&format!("      … and {} more columns; the page has them all", all.len() - MOST_COLUMNS));
        }
        for group in &output.same_rows {
            let names: Vec<String> = group.iter().map(|column| visible(column)).collect();
            self.folded("      ", &format!("{} differ in the very same rows: one cause upstream?", names.join(", ")));
        }
        let with_examples = all.iter().filter_map(|(column, _)| {
            let result = output.columns.iter().find(|result| result.name == *column)?;
            Some((*column, result.sensitive, result.examples.first()?))
        });
        for (column, is_sensitive, example) in with_examples.take(MOST_EXAMPLES) {
            let (old, new) = values(example, is_sensitive);
            self.folded("      ", &format!("example  {}: {} {old} -> {new}", key(example), visible(column)));
        }
    }

    fn foot(&mut self, report: &Report, context: &ParityContext) {
        let verdict = report.verdict();
        let ink = if verdict == Verdict::Equal && context.void.is_some() { WARN } else { ink(verdict) };
        let page = context.page.as_ref().map(|page| format!(" Report: {}", visible(page))).unwrap_or_default();
        for line in wrapped(&format!("{}{page}", consequence(report, context, &VOICE)), self.style.width.max(60)) {
            let line = self.coloured(ink, &line);
            self.line(&line);
        }
        if let Some(next) = next_step(report, &VOICE) {
            self.folded("", &next);
        }
    }

    /// Adds a text in lines of the terminal's width, each after an indent.
    fn folded(&mut self, indent: &str, text: &str) {
        for (i, line) in wrapped(text, self.style.width.max(60) - indent.len()).iter().enumerate() {
            let more = if i == 0 || indent.is_empty() { "" } else { "  " };
            self.line(&format!("{indent}{more}{line}"));
        }
    }
}

/// `38 % of score differ within the tolerance, largest 3.1e-12; rule: the order of sums`.
fn tolerance(output: &OutputResult) -> Vec<String> {
    let of = output.matched.or(output.old.rows);
    let one = |(column, within): (&String, &crate::parity::result::WithinTolerance)| {
        let share = of.map_or_else(|| thousands(within.cells), |of| percent(within.cells, of));
        let largest = within.largest.as_ref().map(|l| format!(", largest {}", visible(&short(l)))).unwrap_or_default();
        format!(
            "{share} of {} differ within the tolerance{largest}; rule: {}",
            visible(column),
            visible(&within.reason)
        )
    };
    output.within_tolerance.iter().filter(|(_, within)| within.cells > 0).map(one).collect()
}

/// A distance in three digits, where it is written with more: `9.98e-13`, `0.25`.
fn short(distance: &str) -> String {
    match distance.parse::<f64>() {
        Ok(number) if distance.len() > 9 && !(0.001..1000.0).contains(&number) => format!("{number:.2e}"),
        Ok(number) if distance.len() > 9 => {
            format!("{number:.3}").trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ => distance.to_owned(),
    }
}

/// `customer_id=#0a1b2c3d4e5f region=r2`.
fn key(example: &CellExample) -> String {
    if example.key.is_empty() {
        return "a row".into();
    }
    let one = |(column, value): &(String, Option<String>)| {
        format!("{}={}", visible(column), value_words(value.as_deref(), VALUE))
    };
    example.key.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn values(example: &CellExample, is_sensitive: bool) -> (String, String) {
    let one = |text: &Option<String>| match text.as_deref() {
        Some(masked) if is_sensitive => visible(masked),
        other => value_words(other, VALUE),
    };
    (one(&example.old), one(&example.new))
}
