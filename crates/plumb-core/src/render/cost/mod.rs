//! What pipelines cost, in every form. All are made of the [`CostReport`] alone.

mod amounts;
mod csv;
mod html;
mod sentences;
mod tables;

pub(in crate::render) use amounts::amount;
pub use amounts::signed_range;
pub use csv::cost_csv;
pub use html::cost_html;

use super::Style;
use super::json::shown;
use super::markdown::code;
use super::value::{columns, visible, wrapped};
use crate::cost::report::CostReport;
use tables::{CostTable, tables};

/// What a line of the tables is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostBy {
    #[default]
    Period,
    Pipeline,
    Run,
    Cause,
}

/// How a report is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CostView {
    pub by: CostBy,
    /// Whether each term is told with its formula and source.
    pub explain: bool,
}

/// Tables for a terminal.
pub fn cost_text(report: &CostReport, view: CostView, style: Style) -> String {
    let width = style.width.max(60);
    let mut out = String::new();
    for (at, table) in tables(report, view).iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let said = |out: &mut String, text: &str| {
            for part in wrapped(&visible(text), width) {
                out.push_str(&format!("{part}\n"));
            }
        };
        said(&mut out, &table.title);
        grid(&mut out, table);
        table.sentences.iter().for_each(|sentence| said(&mut out, sentence));
        for (number, note) in table.notes.iter().enumerate() {
            said(&mut out, &format!("{} {note}", tables::mark(number)));
        }
        for line in &table.explained {
            out.push_str(&format!("  {}\n", visible(line)));
        }
    }
    out
}

fn grid(out: &mut String, table: &CostTable) {
    if table.rows.is_empty() {
        return;
    }
    let rows: Vec<Vec<String>> = std::iter::once(table.heads.iter().map(|head| (*head).to_owned()).collect())
        .chain(table.rows.iter().map(|row| row.iter().map(|cell| visible(cell)).collect()))
        .collect();
    let width = |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.heads.len()).map(width).collect();
    out.push('\n');
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(columns(cell)))))
            .collect();
        out.push_str(cells.join("   ").trim_end());
        out.push('\n');
    }
    out.push('\n');
}

/// The same for a comment or a run's summary.
pub fn cost_markdown(report: &CostReport, view: CostView) -> String {
    let in_cell = |text: &str| if text.is_empty() { String::new() } else { code(text).replace('|', "\\|") };
    let mut out = String::new();
    for table in tables(report, view) {
        out.push_str(&format!("### {}\n\n", code(&table.title)));
        if !table.rows.is_empty() {
            out.push_str(&format!("| {} |\n|{}\n", table.heads.join(" | "), " --- |".repeat(table.heads.len())));
            for row in &table.rows {
                let cells: Vec<String> = row.iter().map(|cell| in_cell(cell)).collect();
                out.push_str(&format!("| {} |\n", cells.join(" | ")));
            }
            out.push('\n');
        }
        for sentence in &table.sentences {
            out.push_str(&format!("- {}\n", code(sentence)));
        }
        for (number, note) in table.notes.iter().enumerate() {
            out.push_str(&format!("- {} {}\n", tables::mark(number), code(note)));
        }
        if !table.explained.is_empty() {
            out.push_str("\n<details><summary>Each term</summary>\n\n");
            table.explained.iter().for_each(|line| out.push_str(&format!("- {}\n", code(line))));
            out.push_str("\n</details>\n");
        }
        out.push('\n');
    }
    out
}

/// The report itself, indented, hidden characters escaped, ending in a newline.
pub fn cost_json(report: &CostReport) -> Result<String, serde_json::Error> {
    serde_json::to_string_pretty(report).map(|text| shown(&text) + "\n")
}
