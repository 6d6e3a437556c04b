//! Reports of comparisons, in every form. All are made of the [`Report`] alone: no data is read again.

mod charts;
mod details;
mod html;
mod junit;
mod markdown;
mod marks;
mod replays;
mod status;
mod suggest;
mod text;
mod words;

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use replays::{replays_json, replays_text};
pub use status::{status_json, status_markdown, status_text};
pub use suggest::suggestion;
pub use text::text;
pub use words::thousands;
pub(super) use words::took;

use super::json::shown;
use super::value::{fitted, quoted, visible};
use crate::parity::result::{OutputResult, Report, Verdict};
use words::{cause_title, percent};

/// What is known beside the report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParityContext {
    /// The addresses of the manifests whose gate `parity` asks for the migration: `EmrCluster/legacy-audience`.
    pub gates: Vec<String>,
    /// Where the page of the report is.
    pub page: Option<String>,
    /// Why the report counts for nothing.
    pub void: Option<String>,
}

/// The report itself, indented, hidden characters escaped, ending in a newline.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = shown(&serde_json::to_string_pretty(report)?);
    text.push('\n');
    Ok(text)
}

/// How many outputs have a verdict.
fn count(report: &Report, verdict: Verdict) -> usize {
    report.outputs.iter().filter(|output| output.verdict == verdict).count()
}

/// How a form writes outside text, and a word of plumb's own that is code.
struct Voice {
    outside: fn(&str) -> String,
    word: fn(&str) -> String,
}

/// What the gate will say, in a sentence or two.
fn consequence(report: &Report, context: &ParityContext, voice: &Voice) -> String {
    let parity = (voice.word)("parity");
    let gates: Vec<String> = context.gates.iter().map(|address| (voice.outside)(address)).collect();
    let gate = if gates.is_empty() {
        format!("the gate {parity}")
    } else {
        format!("the gate {parity} of {}", gates.join(", "))
    };
    match (report.verdict(), context.void.as_ref().map(|why| (voice.outside)(why))) {
        (Verdict::Equal, None) => {
            format!("Evidence of equality for {}: it counts for {gate}.", (voice.outside)(&report.period))
        }
        (Verdict::Equal, Some(why)) => format!("Equal, but it does not count for {gate}: {why}."),
        (_, None) => format!("No evidence of equality: {gate} waits."),
        (_, Some(why)) => format!("No evidence of equality: {gate} waits. Besides, the report would not count: {why}."),
    }
}

/// How to go on from a report that is not equal.
fn next_step(report: &Report, voice: &Voice) -> Option<String> {
    let again = (voice.outside)(&format!("plumb parity run {} --period {}", report.migration, report.period));
    match report.verdict() {
        Verdict::Equal => None,
        Verdict::Differs => Some(format!(
            "Correct the pipeline, or add a rule with its reason to {}; then compare again: {again}",
            (voice.word)("spec.compare")
        )),
        Verdict::None => Some(format!("Once the data is there, compare again: {again}")),
    }
}

/// What explains the cells of a column, or the rows: the cause in words, and what was seen of it.
struct CauseWords {
    /// `rounding`; `perhaps rounding` where it does not explain nearly all; `no known cause`.
    title: String,
    /// `each is +1 h`, with how many where it is not all.
    says: String,
    /// Whether there is a cause.
    is_known: bool,
}

fn cause(output: &OutputResult, of: &str) -> CauseWords {
    let explanations = match of {
        "rows" => output.rows.as_slice(),
        _ => output.columns.iter().find(|c| c.name == of).map(|c| c.explanations.as_slice()).unwrap_or_default(),
    };
    let named = output.causes.get(of);
    let first = named
        .and_then(|name| explanations.iter().find(|e| e.cause == *name))
        .or_else(|| explanations.first().filter(|_| named.is_none()));
    let says = first.map_or(String::new(), |e| {
        if e.explains == e.of { e.says.clone() } else { format!("{} of them: {}", percent(e.explains, e.of), e.says) }
    });
    match (named, first) {
        (Some(name), _) => CauseWords { title: cause_title(name), says, is_known: true },
        (None, Some(e)) => CauseWords { title: format!("perhaps {}", cause_title(&e.cause)), says, is_known: false },
        (None, None) => CauseWords { title: "no known cause".into(), says, is_known: false },
    }
}

/// The columns that differ, the most cells first, with their counts. Some may have no [`ColumnResult`].
///
/// [`ColumnResult`]: crate::parity::result::ColumnResult
fn differing(output: &OutputResult) -> Vec<(&str, u64)> {
    let mut columns: Vec<(&str, u64)> =
        output.differing_cells.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    columns.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    columns
}

/// Of the rows that only one side has: `only in old` and how many.
fn lonely(output: &OutputResult) -> impl Iterator<Item = (&'static str, u64)> {
    [("only in old", output.only_old), ("only in new", output.only_new)]
        .into_iter()
        .filter_map(|(label, count)| Some((label, count.filter(|count| *count > 0)?)))
}

/// A value in a sentence: bare where nothing can be taken for something else, else in quotes.
fn value_words(value: Option<&str>, most: usize) -> String {
    let Some(text) = value else { return "null".into() };
    let is_plain =
        !text.is_empty() && text != "null" && !text.contains([' ', '"', '\\', '\'']) && visible(text) == text;
    fitted(&if is_plain { text.to_owned() } else { quoted(text) }, most)
}
