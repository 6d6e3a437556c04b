//! The pages of the board and of costs in a real browser: nothing is wider than a telephone, pale, loaded or active, whatever
//! others have written into names, reasons and ties.

use crate::pages::{chromium, looked_at, wrong};
use plumb_core::migrate::board::Board;
use plumb_core::render::board::html;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::Command;

const HOSTILE: &str =
    "</title></svg><script>parent.taken=1</script><img src=/elsewhere.png onerror=parent.taken=1>' \" x";

/// A board that has every picture: waves, a burn-up with a forecast, months on both sides, ties, causes. `says` stands wherever
/// others may write.
fn board(says: &str) -> Board {
    let side = |seconds: u64, cost: [&str; 2], on_time: bool| {
        json!({"seconds": seconds, "cost": {"low": cost[0], "high": cost[1]}, "succeeded": true, "failed": 0,
            "is_replay": false, "on_time": on_time})
    };
    let month = |month: u64| {
        json!({"period": format!("2026-{month:02}"), "old": side(20_000 + month * 300, ["405", "459"], month != 8),
            "new": side(12_600, ["298.5", "331"], true)})
    };
    let row = |name: String, wave: u64, stage: &str| {
        json!({"wave": wave.to_string(), "name": name, "stage": stage, "or_later": true, "label": says,
            "since": "2026-10-30T04:00:00Z", "health": {"state": "failing", "says": says, "place": says}, "next": says,
            "oddity": says, "owner": says, "conditions": [{"stage": "deployed", "state": "missing", "says": says}],
            "reached": {"deployed": "2026-10-01T04:00:00Z"}, "periods": (1..=12).map(month).collect::<Vec<_>>()})
    };
    let rows: Vec<Value> = (0..9)
        .map(|n| row(format!("monthly-insights-{n} {says}"), n / 4, ["deployed", "parity", "cut-over"][n as usize % 3]))
        .collect();
    let whole = json!({
        "format": "plumb.board/v1", "project": format!("bau {says}"), "target": "prod", "commit": says,
        "at": "2026-11-02T08:00:00Z", "pipelines": rows,
        "waves": [{"name": "1", "pipelines": [format!("monthly-insights-0 {says}")], "stage": "deployed",
            "cutover": "2026-12-10", "is_cut_over": false, "needs": [says], "unasked": [says]}],
        "ties": [{"from": format!("monthly-insights-0 {says}"), "to": format!("monthly-insights-8 {says}"), "kind": "data",
            "what": says, "crosses": true, "bridge": null}],
        "causes": [{"class": says, "total": 5, "months": {"2026-09": 1, "2026-10": 4}}],
        "burn_up": [{"day": "2026-10-01", "deployed": 3, "parity": 1, "cut_over": 0},
            {"day": "2026-10-20", "deployed": 9, "parity": 4, "cut_over": 3}],
        "forecast": {"by": "2026-12-18", "days": ["2027-01-08", "2027-01-15", "2027-01-20"], "says": says},
        "unread": [says],
    });
    serde_json::from_value(whole).unwrap()
}

/// What `plumb cost` shows of the example's project.
fn costs() -> String {
    let project = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cost/project");
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.env_clear().env("PLUMB_NOW", "2026-11-20T08:00:00Z").args(["-C", project, "cost", "--explain"]);
    let done = command.args(["--output", "html"]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_board_and_its_costs_look_right_in_a_browser() {
    let Some(program) = chromium() else { return };
    let plain = board("the report of sales still reads the old place");
    let pages = BTreeMap::from([
        ("/board".to_owned(), html(&plain)),
        ("/hostile".to_owned(), html(&board(HOSTILE))),
        ("/cost".to_owned(), costs()),
    ]);
    for is_dark in [false, true] {
        let (seen, complaints, strange) = looked_at(&program, is_dark, &pages);
        assert_eq!((complaints, strange), (Vec::new(), Vec::new()));
        assert!(seen.keys().any(|name| name.ends_with(" 320")), "a telephone is among the widths: {:?}", seen.keys());
        for (name, seen) in &seen {
            assert_eq!(wrong(seen), [""; 0], "{name}, dark: {is_dark}");
            let text = seen["text"].as_str().unwrap();
            let is_whole = name.starts_with("/cost") || text.contains("monthly-insights-8") && text.contains("2026-10");
            assert!(is_whole, "{name}: {text}");
        }
    }
}
