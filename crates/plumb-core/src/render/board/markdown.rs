//! The board for an issue or a run's summary.

use super::super::markdown::code;
use super::words::{cells, head};
use crate::migrate::board::Board;
use crate::migrate::health::HealthState;

/// A table, and what each wave waits for. Of what does not fit into `most` characters it is said how much there is.
pub fn markdown(board: &Board, most: Option<usize>) -> String {
    let most = most.unwrap_or(usize::MAX);
    let cell = |text: &str| if text.is_empty() { String::new() } else { code(text).replace('|', "\\|") };
    let mut out = format!("**{}** {}\n\n", board.summary(), cell(&head(board)));
    let mut below = String::new();
    for says in board.waits() {
        below.push_str(&format!("- {}\n", cell(&says)));
    }
    for tie in board.ties.iter().filter(|tie| tie.crosses && tie.bridge.is_none()) {
        let (from, to, what) = (cell(&tie.from), cell(&tie.to), cell(&tie.what));
        below.push_str(&format!("- not bridged: {from} and {to} are of two waves and both have {what}\n"));
    }
    for row in &board.pipelines {
        let odd = row.oddity.iter().map(|says| format!("- odd: {}: {}\n", cell(&row.name), cell(says)));
        below.extend(odd);
    }
    below.extend(board.forecast.iter().map(|forecast| format!("- {}\n", cell(&forecast.says))));
    below.extend(board.unread.iter().map(|why| format!("- not known: {}\n", cell(why))));
    if below.len() > most / 2 {
        below =
            "The list of what waves wait for is too long for this text: `plumb migrate status` shows it.\n".to_owned();
    }
    out.push_str("| wave | pipeline | stage | since | health | next |\n|---|---|---|---|---|---|\n");
    for (at, row) in board.pipelines.iter().enumerate() {
        let [wave, name, stage, since, health, next] = cells(row, board);
        let health = match row.health.state {
            HealthState::Failing | HealthState::WentBack => format!("**{}**", cell(&health)),
            HealthState::Ok | HealthState::Waiting | HealthState::Unknown => cell(&health),
        };
        let line = format!(
            "| {} | {} | {} | {since} | {health} | {} |\n",
            cell(&wave),
            cell(&name),
            cell(&stage),
            cell(&next)
        );
        if out.len() + line.len() + below.len() + 200 > most {
            out.push_str(&format!("\n{} more: `plumb migrate status` shows them.\n", board.pipelines.len() - at));
            break;
        }
        out.push_str(&line);
    }
    out.push('\n');
    out.push_str(&below);
    out
}
