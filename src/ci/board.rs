//! The issue with a target's board: there is one as long as something is left to be done. Pure.

use super::issues::IssueChange;
use crate::services::github::Issue;
use plumb_core::migrate::board::Board;
use plumb_core::migrate::stage::MigrationStage;
use plumb_core::render::board::markdown;
use plumb_core::render::safe_link;
use sha2::{Digest, Sha256};

/// The label by which the issues are found.
pub const LABEL: &str = "plumb-board";
/// GitHub takes 65,536 characters; the markers of other tools may be added.
const BUDGET: usize = 60_000;

/// What is to be done. `mine` are issues with the label that one's own account wrote, the newest first; those of other targets are
/// left alone.
pub fn steps(board: &Board, link: Option<&str>, mine: &[Issue]) -> Vec<IssueChange> {
    let start = format!("<!-- plumb:board {}/{} ", board.project, board.target);
    let text = |issue: &Issue| issue.body.clone().unwrap_or_default();
    let mut open: Vec<&Issue> = mine.iter().filter(|i| i.state == "open" && text(i).starts_with(&start)).collect();
    open.sort_by_key(|issue| issue.number);
    let is_over = !board.pipelines.is_empty() && board.at_least(MigrationStage::TornDown) == board.pipelines.len();
    if is_over || board.pipelines.is_empty() {
        let why = if is_over { "Nothing old is left." } else { "The project has no migration any more." };
        return open.iter().map(|i| IssueChange::Close { number: i.number, why: why.to_owned() }).collect();
    }
    let marker = format!("{start}{} -->", digest(board));
    let Some((first, others)) = open.split_first() else {
        let title = format!("Migration of {} on target {}", board.project, board.target);
        return vec![IssueChange::Open { title, body: body(board, &marker, link) }];
    };
    // Two can come of two looks at the same time, or of an answer that was lost.
    let why = || "An older issue has the same board.".to_owned();
    let mut steps: Vec<IssueChange> =
        others.iter().map(|i| IssueChange::Close { number: i.number, why: why() }).collect();
    if !text(first).starts_with(&marker) {
        steps.push(IssueChange::Edit { number: first.number, body: body(board, &marker, link) });
    }
    steps
}

/// A hash of what the board says but for when it was made: what did not change is not edited.
fn digest(board: &Board) -> String {
    let mut board = board.clone();
    board.commit = None;
    let day = board.at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string();
    board.at = jiff::Timestamp::UNIX_EPOCH;
    let text = markdown(&board, None) + &day;
    Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn body(board: &Board, marker: &str, link: Option<&str>) -> String {
    let seen = link.and_then(safe_link).map(|link| format!("\n[The run that saw it]({link})\n")).unwrap_or_default();
    let head = format!("{marker}\nThis text is edited in place when the board changes. Nothing in it is typed in.\n\n");
    let left = BUDGET - head.len() - seen.len();
    format!("{head}{}{seen}", markdown(board, Some(left)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    fn board(stages: &[&str], at: &str) -> Board {
        let row = |(number, stage): (usize, &&str)| {
            json!({"wave": "1", "name": format!("p{number}"), "stage": stage, "or_later": false, "label": stage,
                "health": {"state": "ok"}, "next": "", "conditions": [], "reached": {}})
        };
        let rows: Vec<_> = stages.iter().enumerate().map(row).collect();
        let whole = json!({"format": "plumb.board/v1", "project": "bau", "target": "prod", "at": at, "pipelines": rows,
            "waves": [], "ties": [], "causes": [], "burn_up": []});
        serde_json::from_value(whole).unwrap()
    }

    fn issue(number: u64, body: &str) -> Issue {
        serde_json::from_value(json!({"number": number, "title": "t", "body": body, "state": "open",
            "html_url": "https://github.com/a/b/issues/1", "user": {"login": "bot"}, "labels": []}))
        .unwrap()
    }

    #[test]
    fn one_issue_is_edited_in_place_and_closed_at_the_end() {
        let first = board(&["deployed", "decided"], "2026-11-02T05:00:00Z");
        let [IssueChange::Open { title, body }] = &steps(&first, None, &[])[..] else { panic!() };
        assert_eq!(title, "Migration of bau on target prod");
        assert!(body.contains("2 pipelines: 0 cut over, 0 in parallel, 2 before."), "{body}");
        let mine = [issue(7, body)];
        assert_eq!(steps(&board(&["deployed", "decided"], "2026-11-02T09:00:00Z"), None, &mine), []);
        let moved = board(&["cut-over", "decided"], "2026-11-02T09:00:00Z");
        assert!(matches!(&steps(&moved, None, &mine)[..], [IssueChange::Edit { number: 7, .. }]));
        // The one of another target is not its own, and of two the older stays.
        let other = issue(3, &body.replace("bau/prod", "bau/dev"));
        let two = [issue(9, body), other, issue(7, body)];
        assert!(matches!(&steps(&first, None, &two)[..], [IssueChange::Close { number: 9, .. }]));
        let done = board(&["torn-down", "torn-down"], "2026-12-02T09:00:00Z");
        assert!(matches!(&steps(&done, None, &mine)[..], [IssueChange::Close { number: 7, .. }]));
        assert_eq!(steps(&done, None, &[]), []);
    }

    #[test]
    fn an_issue_takes_what_fits() {
        let all = vec!["decided"; 5_000];
        let [IssueChange::Open { body, .. }] = &steps(&board(&all, "2026-11-02T05:00:00Z"), None, &[])[..] else {
            panic!()
        };
        assert!(body.len() <= BUDGET && body.contains("more: `plumb migrate status` shows them"), "{}", body.len());
    }
}
