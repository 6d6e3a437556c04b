//! Failures over months: which causes cost how much. All forms are made of the [`MonthsReport`] alone.

use super::super::Style;
use super::super::json::shown;
use super::super::markdown::code;
use super::super::markup::{html as safe, page};
use super::super::value::{columns, fitted, visible, wrapped};
use super::words::read;
use crate::diagnose::months::{MonthsCause, MonthsReport};
use jiff::Timestamp;

const STYLE: &str = include_str!("style.css");
/// The columns, in their order. Of the second and the third, the right edge stands in line.
const HEADS: [&str; 6] = ["cause", "runs failed", "hours lost", "pipelines", "last", "on Databricks too"];
const RIGHT: [usize; 2] = [1, 2];
/// The longest cause and the longest list of pipelines that a terminal's table shows whole.
const CELL: usize = 42;
/// What the hours are.
const HOURS: &str = "hours lost: from the start of a failed run to the end of the one that made good for it";

/// A table for a terminal.
pub fn months_text(report: &MonthsReport, style: Style) -> String {
    let rows: Vec<[String; 6]> =
        report.causes.iter().map(|cause| cells(cause).map(|cell| fitted(&visible(&cell), CELL))).collect();
    let mut widths = HEADS.map(columns);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns(cell));
        }
    }
    let line = |row: &[String; 6], mark: &str| {
        let mut out = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let gap = " ".repeat(width - columns(cell));
            let cell = if RIGHT.contains(&at) { format!("{gap}{cell}") } else { format!("{cell}{gap}") };
            out.push_str(if at == 0 { "" } else { "   " });
            out.push_str(&cell);
        }
        out.push_str(mark);
        format!("{}\n", out.trim_end())
    };
    let mut out = String::new();
    if !rows.is_empty() {
        out.push_str(&line(&HEADS.map(str::to_owned), ""));
    }
    for (row, cause) in rows.iter().zip(&report.causes) {
        out.push_str(&line(row, if cause.moved_along { "   ← moved along" } else { "" }));
    }
    let width = style.width.max(40);
    let mut said = |text: &str| {
        for part in wrapped(text, width) {
            out.push_str(&part);
            out.push('\n');
        }
    };
    for sentence in foot(report) {
        said(&visible(&sentence));
    }
    out
}

/// A table for a comment or an issue.
pub fn months_markdown(report: &MonthsReport) -> String {
    let mut out = String::new();
    if !report.causes.is_empty() {
        out.push_str(&format!("| {} |\n| --- | ---: | ---: | --- | --- | --- |\n", HEADS.join(" | ")));
    }
    for cause in &report.causes {
        let [words, failed, hours, _, last, too] = cells(cause);
        let pipelines: Vec<String> = cause.pipelines.iter().map(|name| in_cell(name)).collect();
        let mark = if cause.moved_along { " ← moved along" } else { "" };
        out.push_str(&format!(
            "| {} | {failed} | {hours} | {} | {last} | {too}{mark} |\n",
            in_cell(&words),
            pipelines.join(", ")
        ));
    }
    out.push('\n');
    for sentence in foot_of(report, &|name| code(&fitted(name, 400))) {
        out.push_str(&format!("{sentence}.\n\n"));
    }
    out
}

/// The report itself, indented, hidden characters escaped, ending in a newline.
pub fn months_json(report: &MonthsReport) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| shown(&text) + "\n")
}

/// A page of its own.
pub fn months_html(report: &MonthsReport) -> String {
    let mut out = page("What failed, and what it cost", STYLE);
    out.push_str("<main>\n<article>\n<h1>What failed, and what it cost</h1>\n");
    if !report.causes.is_empty() {
        let heads: String = HEADS.iter().map(|head| format!("<th>{head}</th>")).collect();
        out.push_str(&format!("<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"));
        for cause in &report.causes {
            let cells: String = cells(cause).iter().map(|cell| format!("<td><bdi>{}</bdi></td>", safe(cell))).collect();
            let mark = if cause.moved_along { "<td class=\"bad\">moved along</td>" } else { "" };
            out.push_str(&format!("<tr>{cells}{mark}</tr>\n"));
        }
        out.push_str("</tbody>\n</table>\n");
    }
    for sentence in foot(report) {
        out.push_str(&format!("<p class=\"soft\"><bdi>{}</bdi></p>\n", safe(&sentence)));
    }
    out.push_str("</article>\n</main>\n</body>\n</html>\n");
    out
}

/// A code span that ends no cell of a table.
fn in_cell(text: &str) -> String {
    code(&fitted(text, 200)).replace('|', "\\|")
}

fn cells(cause: &MonthsCause) -> [String; 6] {
    let share = cause.on_databricks;
    let too = if share.failed > 0 { format!("{} of {} runs", share.failed, share.runs) } else { "–".to_owned() };
    [
        cause.words.clone(),
        cause.failed.to_string(),
        hours(cause.seconds_lost),
        cause.pipelines.join(", "),
        cause.last.map(day).unwrap_or_default(),
        too,
    ]
}

/// `41:10`.
fn hours(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 3_600, seconds / 60 % 60)
}

/// `2 Oct 2026`.
fn day(at: Timestamp) -> String {
    at.strftime("%-d %b %Y").to_string()
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn foot(report: &MonthsReport) -> Vec<String> {
    foot_of(report, &str::to_owned)
}

/// The sentences below the table; `foreign` shows a text of services.
fn foot_of(report: &MonthsReport, foreign: &dyn Fn(&str) -> String) -> Vec<String> {
    let since = report.since.map(|at| format!(" since {}", day(at))).unwrap_or_default();
    let mut out = Vec::new();
    if report.failed == 0 {
        out.push(format!("Nothing failed in {}{since}", counted(report.runs, "run", "runs")));
    } else {
        let failures = counted(report.failed, "failure", "failures");
        out.push(format!("{failures} in {}{since}; {HOURS}", counted(report.runs, "run", "runs")));
    }
    let open: u64 = report.causes.iter().map(|cause| cause.open).sum();
    if open > 0 {
        let sentence = if open == 1 {
            "1 failure has no run that made good for it yet, and counts up to its own end".to_owned()
        } else {
            format!("{open} failures have no run that made good for them yet, and count up to their own end")
        };
        out.push(sentence);
    }
    if report.kept > 0 {
        out.push(format!("{} only known from kept diagnoses", counted(report.kept, "run is", "runs are")));
    }
    out.push(format!("Read: {}", read(&report.read)));
    for missing in &report.missing {
        let remedy = missing.remedy.as_ref().map(|remedy| format!(": {}", foreign(remedy))).unwrap_or_default();
        out.push(format!("Missing {}: {}{remedy}", foreign(&missing.what), foreign(&missing.why)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> MonthsReport {
        serde_json::from_value(json!({
            "format": "plumb.months/v1", "runs": 84, "failed": 11,
            "since": "2026-05-03T00:00:00Z", "until": "2026-11-03T00:00:00Z", "kept": 3,
            "causes": [
                {"class": "SPOT_RECLAIM", "words": "spot capacity taken back", "failed": 9, "seconds_lost": 148_200, "open": 0,
                 "pipelines": ["audience", "churn|<b>"], "last": "2026-10-02T01:00:00Z",
                 "on_databricks": {"failed": 2, "runs": 14}, "moved_along": true,
                 "fingerprints": [{"fingerprint": "7c1e04aa", "failed": 9}]},
                {"class": null, "words": "not known", "failed": 2, "seconds_lost": 11_400, "open": 1, "pipelines": ["export"],
                 "last": "2026-08-05T00:00:00Z", "on_databricks": {"failed": 0, "runs": 14}, "moved_along": false,
                 "fingerprints": []}
            ],
            "read": {"runs": 11, "requests": 140},
            "missing": [{"what": "EMR before 3 Sep 2026", "why": "forgotten \u{1b}[31m <b>"}]
        }))
        .unwrap()
    }

    #[test]
    fn the_text_and_the_markdown_of_months() {
        let (report, style) = (report(), Style::default());
        insta::assert_snapshot!(format!("{}\n----\n\n{}", months_text(&report, style), months_markdown(&report)));
    }

    #[test]
    fn nothing_failed() {
        let report = MonthsReport { causes: Vec::new(), failed: 0, kept: 0, missing: Vec::new(), ..report() };
        let text = months_text(&report, Style::default());
        assert!(text.starts_with("Nothing failed in 84 runs since 3 May 2026\n"), "{text}");
    }

    #[test]
    fn nothing_foreign_is_active_in_any_form() {
        let report = report();
        let page = months_html(&report);
        for form in [
            months_text(&report, Style::default()),
            months_markdown(&report),
            months_json(&report).unwrap(),
            page.clone(),
        ] {
            assert!(!form.contains('\u{1b}'), "{form}");
        }
        assert!(!page.contains("<b>") && page.contains("churn|&lt;b&gt;"), "{page}");
        assert_eq!(serde_json::from_str::<MonthsReport>(&months_json(&report).unwrap()).unwrap(), report);
    }
}
