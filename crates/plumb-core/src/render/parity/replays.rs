//! What became of replays.

use crate::parity::replay::{ReplayState, ReplayedPeriod, Replays};
use crate::render::shown;
use crate::render::value::{columns, visible};

/// A line a period: what became of it, how many runs it took, and where its report is or why there is none.
pub fn replays_text(replays: &Replays) -> String {
    let runs = |one: &ReplayedPeriod| match one.runs.len() {
        0 => String::new(),
        1 => "1 run".to_owned(),
        count => format!("{count} runs"),
    };
    let row = |one: &ReplayedPeriod| {
        let last = one.evidence.clone().or_else(|| one.says.clone()).unwrap_or_default();
        [one.period.clone(), one.state.word().to_owned(), runs(one), last].map(|cell| visible(&cell))
    };
    let rows: Vec<[String; 4]> = replays.periods.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| columns(&row[column])).max().unwrap_or(0);
    let widths: [usize; 3] = std::array::from_fn(width);
    let line = |row: &[String; 4]| {
        let cell = |(text, width): (&String, &usize)| format!("{text}{}  ", " ".repeat(width - columns(text)));
        let start: String = row.iter().zip(&widths).map(cell).collect();
        format!("{}\n", format!("{start}{}", row[3]).trim_end())
    };
    rows.iter().map(line).collect()
}

/// The same for programs.
pub fn replays_json(replays: &Replays) -> Result<String, serde_json::Error> {
    Ok(shown(&format!("{}\n", serde_json::to_string_pretty(replays)?)))
}

impl ReplayState {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            ReplayState::Equal => "equal",
            ReplayState::Differs => "differs",
            ReplayState::NoVerdict => "no verdict",
            ReplayState::Skipped => "skipped",
            ReplayState::Failed => "failed",
            ReplayState::NotCompared => "not compared",
            ReplayState::StillRunning => "still running",
            ReplayState::NotStarted => "not started",
        }
    }
}
