//! A report for a pull request's comment: a table of the outputs, the details folded.
//!
//! Outside text only stands in code, as in a plan's comment.

use super::super::markdown::{code, html};
use super::super::value::{fitted, visible};
use super::words::{known, percent, score, thousands, took, verdict};
use super::{ParityContext, Voice, cause, consequence, differing, lonely, next_step, value_words};
use crate::parity::result::{OutputResult, Report, Verdict};

/// The most bytes; a comment of GitHub has at most 65,536 characters.
const BUDGET: usize = 60_000;
/// How many columns of an output are listed.
const MOST_COLUMNS: usize = 30;
/// How many examples of a column.
const MOST_EXAMPLES: usize = 2;
/// How much of a name, a value and a sentence is shown.
const NAME: usize = 80;
const SAYS: usize = 200;

const VOICE: Voice = Voice { outside: |text| code(&fitted(text, 1_000)), word: |word| format!("`{word}`") };

/// Renders a report as GitHub-flavoured Markdown. Details that do not fit into a comment are left out, and it says how many.
pub fn markdown(report: &Report, context: &ParityContext) -> String {
    let mut out = format!(
        "### Parity of {} for {}: {}\n\n**{}.**",
        cell(&report.migration, NAME),
        cell(&report.period, NAME),
        verdict(report.verdict()),
        score(report)
    );
    let mut facts: Vec<String> =
        report.engine.iter().map(|e| cell(&format!("{} {}", e.name, e.version), NAME)).collect();
    facts.extend(report.duration_s.map(took));
    facts.extend(report.commit.as_ref().map(|commit| format!("manifests at {}", cell(commit, NAME))));
    if !facts.is_empty() {
        out.push_str(&format!(" {}.", facts.join(", ")));
    }
    out.push_str(
        "\n\n| output | verdict | rows old | rows new | only old | only new | differing rows |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    let foot = foot(report, context);
    let mut left_out = 0;
    for output in &report.outputs {
        let line = row(output);
        if out.len() + line.len() + foot.len() > BUDGET {
            left_out += 1;
        } else {
            out.push_str(&line);
        }
    }
    out.push('\n');
    for output in report.outputs.iter().filter(|output| output.verdict != Verdict::Equal) {
        let details = details(output);
        if out.len() + details.len() + foot.len() > BUDGET {
            left_out += 1;
        } else {
            out.push_str(&details);
        }
    }
    if left_out > 0 {
        out.push_str(&format!("{left_out} parts are left out here, since a comment has to end; the page has all.\n\n"));
    }
    out + &foot
}

fn foot(report: &Report, context: &ParityContext) -> String {
    let mut out = format!("{}\n", consequence(report, context, &VOICE));
    if let Some(page) = &context.page {
        out.push_str(&format!("\nThe whole report: {}\n", cell(page, SAYS)));
    }
    if let Some(next) = next_step(report, &VOICE) {
        out.push_str(&format!("\n{next}\n"));
    }
    out
}

/// Outside text as code, in a table too: there a bar ends the cell, even within code.
fn cell(text: &str, most: usize) -> String {
    code(&fitted(&visible(text), most)).replace('|', "\\|")
}

fn row(output: &OutputResult) -> String {
    let loud = |word: &str| if output.verdict == Verdict::Equal { word.to_owned() } else { format!("**{word}**") };
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |\n",
        cell(&output.name, NAME),
        loud(verdict(output.verdict)),
        known(output.old.rows),
        known(output.new.rows),
        known(output.only_old),
        known(output.only_new),
        known(output.differing_rows)
    )
}

fn details(output: &OutputResult) -> String {
    // Within HTML GitHub still looks for mentions; a name is shown in `<code>`, as in a plan's comment.
    let mut out = format!(
        "<details><summary><code>{}</code></summary>\n\n",
        html(&fitted(&output.name, NAME)).replace('`', "&#96;")
    );
    if let Some(because) = &output.because {
        out.push_str(&format!("No verdict: {}\n\n", cell(because, 1_000)));
    }
    for note in output.schema.iter().filter(|note| note.fails) {
        out.push_str(&format!("- schema: {} {}\n", cell(&note.column, NAME), cell(&note.says, SAYS)));
    }
    let columns = differing(output);
    if lonely(output).next().is_some() || !columns.is_empty() {
        out.push_str("\n| what | differs | share | cause | seen |\n|---|--:|--:|---|---|\n");
        for (label, count) in lonely(output) {
            let of = if label == "only in old" { output.old.rows } else { output.new.rows };
            out.push_str(&line(output, &format!("rows {label}"), count, of, "rows"));
        }
        for (column, count) in columns.iter().take(MOST_COLUMNS) {
            out.push_str(&line(output, &cell(column, NAME), *count, output.matched, column));
        }
        out.push('\n');
    }
    if columns.len() > MOST_COLUMNS {
        out.push_str(&format!("and {} more columns\n\n", columns.len() - MOST_COLUMNS));
    }
    let mut examples = String::new();
    for (column, _) in columns.iter().take(MOST_COLUMNS) {
        let result = output.columns.iter().find(|result| result.name == *column);
        for example in result.iter().flat_map(|result| result.examples.iter().take(MOST_EXAMPLES)) {
            let key =
                |(name, value): &(String, Option<String>)| format!("{name}={}", value.as_deref().unwrap_or("null"));
            let keys: Vec<String> = example.key.iter().map(key).collect();
            let is_sensitive = result.is_some_and(|result| result.sensitive);
            let value = |value: &Option<String>| match value.as_deref() {
                Some(masked) if is_sensitive => cell(masked, NAME),
                other => cell(&value_words(other, NAME), NAME),
            };
            examples.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                cell(column, NAME),
                cell(&keys.join(" "), NAME),
                value(&example.old),
                value(&example.new)
            ));
        }
    }
    if !examples.is_empty() {
        out.push_str(&format!("| column | key | old | new |\n|---|---|---|---|\n{examples}\n"));
    }
    out + "</details>\n\n"
}

fn line(output: &OutputResult, label: &str, count: u64, of: Option<u64>, what: &str) -> String {
    let cause = cause(output, what);
    let share = of.map(|of| percent(count, of)).unwrap_or_default();
    let says = if cause.says.is_empty() { String::new() } else { cell(&cause.says, SAYS) };
    format!("| {label} | {} | {share} | {} | {says} |\n", thousands(count), cell(&cause.title, NAME))
}
