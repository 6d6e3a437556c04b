//! The board for a terminal.

use super::super::value::{columns, visible};
use super::words::cells;
use crate::migrate::board::Board;

const HEAD: [&str; 6] = ["wave", "pipeline", "stage", "since", "health", "next"];

/// A line a pipeline; below it what each wave waits for, what is odd, and what is not known.
pub fn text(board: &Board) -> String {
    let mut out = String::new();
    if board.pipelines.is_empty() {
        return "No Migration, no manifest of EMR, and nothing live that could be one.\n".to_owned();
    }
    let mut table = vec![HEAD.map(str::to_owned)];
    table.extend(board.pipelines.iter().map(|row| cells(row, board).map(|cell| visible(&cell))));
    let width = |at: usize| table.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    for row in &table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell}{}", " ".repeat(width - columns(cell))));
        out.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&board.summary());
    out.push('\n');
    let mut line = |text: &str| out.push_str(&format!("{}\n", visible(text)));
    board.waits().iter().for_each(|one| line(one));
    for tie in board.ties.iter().filter(|tie| tie.crosses && tie.bridge.is_none()) {
        line(&format!("Not bridged: {} and {} are of two waves and both have {}.", tie.from, tie.to, tie.what));
    }
    for row in &board.pipelines {
        row.oddity.iter().for_each(|says| line(&format!("Odd: {}: {says}.", row.name)));
    }
    board.forecast.iter().for_each(|forecast| line(&forecast.says));
    board.unread.iter().for_each(|why| line(&format!("Not known: {why}")));
    out
}
