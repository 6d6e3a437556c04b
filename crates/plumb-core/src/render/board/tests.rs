//! What a board looks like, and what it may not hold.

use super::{html, json, markdown, text};
use crate::migrate::board::{Board, BoardForecast, BoardInput, board};
use crate::migrate::board_tests::{at, example};
use crate::migrate::months::{BoardCause, BoardPeriod, BoardSide};
use crate::migrate::ties::{BoardTie, TieKind};
use plumb_model::stats::{Interval, Money};
use std::collections::BTreeSet;

fn side(seconds: u64, cost: (i128, i128), on_time: bool) -> BoardSide {
    let money = |units: i128| Money::of_micros(units * 1_000_000);
    BoardSide {
        seconds: Some(seconds),
        cost: Some(Interval { low: money(cost.0), high: money(cost.1) }),
        succeeded: true,
        failed: 0,
        is_replay: false,
        on_time: Some(on_time),
    }
}

pub fn a_board() -> Board {
    let periods = |months: std::ops::Range<u64>| -> Vec<BoardPeriod> {
        let one = |month: u64| BoardPeriod {
            period: format!("2026-{month:02}"),
            old: Some(side(20_000 + month * 300, (405, 459), month != 8)),
            new: (month > 7).then(|| side(12_600 + month * 20, (298, 331), true)),
        };
        months.map(one).collect()
    };
    let tie = |from: &str, to: &str, crosses: bool, bridge: Option<&str>| BoardTie {
        from: from.into(),
        to: to.into(),
        kind: TieKind::Data,
        what: "s3://acme-curated/profiles".into(),
        crosses,
        bridge: bridge.map(str::to_owned),
    };
    let cause = |class: Option<&str>, months: &[(&str, u64)]| BoardCause {
        class: class.map(str::to_owned),
        total: months.iter().map(|(_, count)| count).sum(),
        months: months.iter().map(|(month, count)| ((*month).to_owned(), *count)).collect(),
    };
    let mut pipelines = example();
    for (facts, day) in pipelines.iter_mut().zip([-30, -20, -25, -28]) {
        use crate::migrate::stage::MigrationStage as S;
        facts.dates.reached.extend([(S::Deployed, at(day)), (S::Parity, at(day + 10)), (S::CutOver, at(day + 18))]);
    }
    board(BoardInput {
        project: "bau",
        target: "prod",
        commit: Some("0123456789ab"),
        at: at(0),
        pipelines: &pipelines,
        periods: [("audience".to_owned(), periods(6..11)), ("export".to_owned(), periods(8..11))].into(),
        strangers: &BTreeSet::from(["attribution-*".to_owned()]),
        cutovers: &[],
        ties: vec![
            tie("revenue", "audience", true, None),
            tie("churn", "revenue", true, Some("s3://acme-curated/profiles: copied nightly")),
            tie("audience", "churn", false, None),
        ],
        causes: vec![cause(Some("LIB_INSTALL"), &[("2026-09", 1), ("2026-10", 4)]), cause(None, &[("2026-08", 1)])],
        forecast: Some(BoardForecast {
            by: Some("2026-12-18".parse().unwrap()),
            days: ["2027-01-08", "2027-01-15", "2027-01-20"].map(|day| day.parse().unwrap()).into(),
            says: "By 18 Dec: likely not. 85 %: 15 Jan.".into(),
        }),
        unread: vec!["evidence/runs/x.json keeps no runs: it is no JSON".into()],
    })
}

#[test]
fn the_text_of_a_board() {
    insta::assert_snapshot!(text(&a_board()));
}

#[test]
fn the_markdown_of_a_board() {
    insta::assert_snapshot!(markdown(&a_board(), None));
}

#[test]
fn a_page_does_nothing_and_needs_nothing() {
    let page = html(&a_board());
    for word in ["<script", "http://", "https://", "url(", "@import", "javascript:", "<img", "<link"] {
        assert!(!page.contains(word), "{word}");
    }
    // Every picture has its numbers beside it.
    for says in [
        "deployed: 3 of 5",
        "cut over: 1 of 5",
        "50 %: 8 Jan 2027, 85 %: 15 Jan 2027, 95 %: 20 Jan 2027",
        "6 h 23 min",
        "405 – 459",
        "4 of 5 (at least 34 %)",
        "of two waves, not bridged",
        ">4</td>",
    ] {
        assert!(page.contains(says), "{says}\n{page}");
    }
}

#[test]
fn the_page_of_a_board() {
    insta::assert_snapshot!(html(&a_board()));
}

#[test]
fn nothing_of_others_is_markup() {
    let mut board = a_board();
    let bad = "</svg><b onmouseover=\"x\">&\u{202e}|`\n::error::";
    for row in &mut board.pipelines {
        row.wave = row.wave.as_ref().map(|_| bad.to_owned());
        row.name = bad.to_owned();
        row.health.says = bad.to_owned();
        row.next = bad.to_owned();
        row.label = bad.to_owned();
        row.oddity = Some(bad.to_owned());
        row.periods.iter_mut().for_each(|period| period.period = bad.to_owned());
    }
    for wave in &mut board.waves {
        wave.name = bad.to_owned();
        wave.needs = vec![bad.to_owned()];
    }
    for tie in &mut board.ties {
        (tie.what, tie.from, tie.bridge) = (bad.to_owned(), bad.to_owned(), Some(bad.to_owned()));
    }
    board.causes[0].class = Some(bad.to_owned());
    board.unread = vec![bad.to_owned()];
    (board.project, board.target, board.commit) = (bad.into(), bad.into(), Some(bad.into()));
    board.forecast.as_mut().unwrap().says = bad.to_owned();
    let page = html(&board);
    assert!(!page.contains("<b onmouse") && !page.contains('\u{202e}'), "{page}");
    for form in [text(&board), markdown(&board, None), json(&board).unwrap()] {
        assert!(!form.contains('\u{202e}') && !form.contains("\n::error"), "{form}");
    }
}

/// A board of 200 pipelines with 12 periods each.
pub fn a_large_board() -> Board {
    let small = a_board();
    let mut board = small.clone();
    board.pipelines.clear();
    for number in 0..200 {
        let mut row = small.pipelines[number % 4].clone();
        row.name = format!("monthly-insights-pipeline-{number}");
        row.wave = Some(format!("{}", number / 8));
        let template = small.pipelines[0].periods[3].clone();
        row.periods = (1..=12).map(|m| BoardPeriod { period: format!("2026-{m:02}"), ..template.clone() }).collect();
        board.pipelines.push(row);
    }
    board
}

#[test]
fn a_page_of_200_pipelines_has_400_kb_at_most() {
    let page = html(&a_large_board());
    assert!(page.len() <= 400_000, "{}", page.len());
    assert_eq!(page, html(&a_large_board()), "the same board gives the same bytes");
}

#[test]
fn the_forms_of_an_empty_board_say_so() {
    let mut empty = a_board();
    empty.pipelines.clear();
    empty.waves.clear();
    empty.ties.clear();
    empty.causes.clear();
    empty.burn_up.clear();
    (empty.forecast, empty.unread) = (None, Vec::new());
    assert!(text(&empty).starts_with("No Migration"));
    let page = html(&empty);
    for says in ["No forecast was made.", "No kept run has a tick", "No diagnosis", "No two pipelines"] {
        assert!(page.contains(says), "{says}");
    }
}
