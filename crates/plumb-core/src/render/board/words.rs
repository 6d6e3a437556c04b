//! The words of a board.

use crate::migrate::board::{Board, BoardRow};
use crate::migrate::health::HealthState;
use crate::migrate::months::BoardSide;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `9 Nov`; with its year where that is another one than the board's.
pub(super) fn day(at: Timestamp, board: &Board) -> String {
    date(at.to_zoned(TimeZone::UTC).date(), board)
}

/// The same of a day.
pub(super) fn date(day: Date, board: &Board) -> String {
    let same = day.year() == board.at.to_zoned(TimeZone::UTC).year();
    day.strftime(if same { "%-d %b" } else { "%-d %b %Y" }).to_string()
}

/// Wave, pipeline, stage, since, health and next of a row.
pub(super) fn cells(row: &BoardRow, board: &Board) -> [String; 6] {
    [
        row.wave.clone().unwrap_or_else(|| "–".into()),
        row.name.clone(),
        row.label.clone(),
        row.since.map(|at| day(at, board)).unwrap_or_default(),
        health(row),
        row.next.clone(),
    ]
}

/// `failing: LIB_INSTALL (job.yaml:88)`, `waiting for data-platform, 11 days`.
pub(super) fn health(row: &BoardRow) -> String {
    let (word, says) = (row.health.state.word(), &row.health.says);
    match row.health.state {
        _ if says.is_empty() => word.to_owned(),
        HealthState::Waiting => format!("{word} {says}"),
        _ => format!("{word}: {says}"),
    }
}

/// `5 h 52 min`, `44 s`.
pub(super) fn took(seconds: u64) -> String {
    match (seconds / 3600, seconds % 3600 / 60) {
        (0, 0) => format!("{seconds} s"),
        (0, minutes) => format!("{minutes} min"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// Which project, which target, which commit, and when.
pub(super) fn head(board: &Board) -> String {
    let commit = board.commit.as_ref().map(|commit| format!(", manifests at {commit}")).unwrap_or_default();
    let at = board.at.strftime("%Y-%m-%d %H:%M UTC");
    format!("{} on target {}{commit}, as of {at}", board.project, board.target)
}

/// How many of a side's ticks were on time, and of how many that is known; replays are counted apart.
pub(super) fn on_time<'b>(sides: impl Iterator<Item = Option<&'b BoardSide>>) -> (u64, u64) {
    let known = sides.flatten().filter(|side| !side.is_replay).filter_map(|side| side.on_time);
    known.fold((0, 0), |(good, of), on_time| (good + u64::from(on_time), of + 1))
}
