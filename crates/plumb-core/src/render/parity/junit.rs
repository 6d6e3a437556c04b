//! A report as JUnit XML: one case an output.

use super::super::markup::xml;
use super::words::{known, thousands};
use super::{cause, differing, lonely};
use crate::parity::result::{OutputResult, Report, Verdict};

/// How many columns a message names.
const MOST_COLUMNS: usize = 20;

/// Renders one suite: an output that differs has failed, one without a verdict is an error.
pub fn junit(report: &Report) -> String {
    let count = |verdict| super::count(report, verdict);
    let suite = xml(&format!("plumb parity {} {}", report.migration, report.period));
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3}\"",
        report.outputs.len(),
        count(Verdict::Differs),
        count(Verdict::None),
        report.duration_s.unwrap_or_default(),
    );
    let at = report.checked_at.strftime("%Y-%m-%dT%H:%M:%S");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"{suite}\" timestamp=\"{at}\" {counts}>\n"
    );
    for output in &report.outputs {
        out.push_str(&case(report, output));
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

fn case(report: &Report, output: &OutputResult) -> String {
    let open = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
        xml(&report.migration),
        xml(&output.name),
        output.duration_s
    );
    let (tag, sort, message) = match output.verdict {
        Verdict::Equal => return format!("{open}/>\n"),
        Verdict::Differs => ("failure", "differs", summary(output)),
        Verdict::None => {
            let because = output.because.clone().unwrap_or_else(|| "there is no verdict".into());
            ("error", "no verdict", because)
        }
    };
    let lines: Vec<String> = std::iter::once(message.clone()).chain(lines(output)).map(|line| xml(&line)).collect();
    format!(
        "{open}>\n      <{tag} type=\"{sort}\" message=\"{}\">{}</{tag}>\n    </testcase>\n",
        xml(&message),
        lines.join("\n")
    )
}

/// The counts in a line.
fn summary(output: &OutputResult) -> String {
    format!(
        "old {}, new {} rows: {} only in old, {} only in new, {} differ",
        known(output.old.rows),
        known(output.new.rows),
        known(output.only_old),
        known(output.only_new),
        known(output.differing_rows)
    )
}

/// A line for the rows and one for each column.
fn lines(output: &OutputResult) -> Vec<String> {
    let line = |label: &str, count: u64, of: &str| {
        let cause = cause(output, of);
        let says = if cause.says.is_empty() { String::new() } else { format!(", {}", cause.says) };
        format!("{label}: {}{says} -> {}", thousands(count), cause.title)
    };
    let mut lines: Vec<String> =
        output.schema.iter().filter(|n| n.fails).map(|n| format!("{}: {}", n.column, n.says)).collect();
    lines.extend(lonely(output).map(|(label, count)| line(label, count, "rows")));
    let all = differing(output);
    lines.extend(all.iter().take(MOST_COLUMNS).map(|(column, count)| line(column, *count, column)));
    if all.len() > MOST_COLUMNS {
        lines.push(format!("and {} more columns", all.len() - MOST_COLUMNS));
    }
    lines
}
