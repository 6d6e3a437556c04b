use super::*;
use crate::migrate::forecast::levers::LeverChange;
use crate::migrate::forecast::{ByChance, FanStep, ForecastLever, TimedStage, WaveForecast};

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn dates(days: [&str; 3]) -> ForecastDates {
    let [p50, p85, p95] = days.map(day);
    ForecastDates { p50, p85, p95 }
}

fn drawn() -> Forecast {
    let cut_over = dates(["2027-01-04", "2027-01-11", "2027-01-18"]);
    let outlook = DrawnOutlook {
        draws: 20_000,
        cut_over,
        done: dates(["2027-01-19", "2027-01-26", "2027-02-02"]),
        by: Some(ByChance { day: day("2026-12-18"), draws_cut_over: 6_400, draws_done: 0 }),
        waves: vec![
            WaveForecast { wave: "1".into(), pipelines: 2, cut_over },
            WaveForecast { wave: "`2|\u{1b}".into(), pipelines: 4, cut_over },
        ],
        levers: vec![
            ForecastLever { change: LeverChange::NoReplays, days: 52, points: -32 },
            ForecastLever { change: LeverChange::OneMorePerson, days: -1, points: 0 },
        ],
        fan: vec![FanStep { percent: 100, pipelines: 6, cut_over }],
    };
    Forecast {
        now: "2026-11-09T09:00:00Z".parse().unwrap(),
        pipelines: 7,
        left: 6,
        people: 2,
        replays_at_once: 2,
        finished_stages: 11,
        by: Some(day("2026-12-18")),
        outlook: Outlook::Draws(Box::new(outlook)),
        rests_on: vec![
            RestsOn { stage: TimedStage::Decide, seen: 5, range: None },
            RestsOn { stage: TimedStage::Parity, seen: 3, range: Some([1.0, 3.0, 10.0]) },
            RestsOn { stage: TimedStage::Deploy, seen: 0, range: Some([0.5, 1.0, 3.0]) },
        ],
        periods: vec![PeriodsInReach {
            migrations: vec!["a".into(), "b".into()],
            every_days: Some(30),
            natural: 1,
            missing: 3,
            replayable: true,
        }],
        calendar_alone: Some(day("2027-01-08")),
        outside: 1,
        unread: vec!["what is live".into()],
    }
}

#[test]
fn a_forecast_reads_like_this() {
    insta::assert_snapshot!(text(&drawn(), None), @r"
    6 of 7 pipelines left, 2 people; 20,000 draws over 11 stages that finished
                 50 %         85 %         95 %         by 18 Dec 2026
    cut over     4 Jan 2027   11 Jan 2027  18 Jan 2027  about 1 in 3 (32 %)
    done         19 Jan 2027  26 Jan 2027  2 Feb 2027   in none of 20,000 draws
    waves, 85 %  1 11 Jan 2027 · `2|\u001b 11 Jan 2027
    moves it     no replays +52 days, −32 in 100 · +1 person −1 day
    rests on     decide 5 seen · parity 3 seen, range 1–3–10 · deploy none seen, range 0.5–1–3
    Until 18 Dec 2026, 1 period comes by itself of each of 2 pipelines (every 30 days), and 3 comparisons are missing: 2 replays make up for the rest.
    If no work took any time, it would be done on 8 Jan 2027: periods, replays, cutovers and grace periods alone take 60 days, work adds 11 days. The calendar, not the work, is what it waits for.
    1 pipeline is not in it: no Migration is about them.
    Not known: what is live.
    ");
    let markdown = markdown(&drawn(), None);
    assert!(
        markdown.contains("| cut over | 4 Jan 2027 | 11 Jan 2027 | 18 Jan 2027 | about 1 in 3 (32 %) |\n"),
        "{markdown}"
    );
    assert!(!markdown.contains('\u{1b}'), "{markdown}");
    let json: serde_json::Value = serde_json::from_str(&json(&drawn(), None).unwrap()).unwrap();
    assert_eq!((&json["outlook"]["done"]["p85"], json.get("today")), (&"2027-01-26".into(), None));
}

#[test]
fn chances_promise_no_more_than_was_drawn() {
    for (count, said) in [
        (0, "in none of 1,000 draws"),
        (1, "less than 1 in 100"),
        (20, "about 1 in 50 (2 %)"),
        (320, "about 1 in 3 (32 %)"),
        (500, "about 1 in 2 (50 %)"),
        (640, "about 2 in 3 (64 %)"),
        (850, "about 4 in 5 (85 %)"),
        (960, "about 19 in 20 (96 %)"),
        (999, "more than 99 in 100"),
        (1000, "in all of 1,000 draws"),
    ] {
        assert_eq!(odds(count, 1000), said, "{count}");
    }
}

#[test]
fn too_little_and_done_are_said() {
    let range = DateRange { earliest: day("2026-12-02"), latest: day("2027-03-02") };
    let with = |by: &str| Forecast {
        outlook: Outlook::Range { cut_over: range, done: range },
        finished_stages: 4,
        by: Some(day(by)),
        ..drawn()
    };
    let said = text(&with("2026-12-18"), None);
    assert!(said.contains("they take 10 finished stages, and there are 4."), "{said}");
    assert!(said.contains("done         2 Dec 2026 to 2 Mar 2027\n"), "{said}");
    assert!(said.contains("By 18 Dec 2026: whether it is done cannot be said yet."), "{said}");
    assert!(text(&with("2026-12-01"), None).contains("not even with every stage at its least"));
    assert!(text(&with("2027-03-02"), None).contains("even with every stage at its most"));
    let done = Forecast {
        left: 0,
        outlook: Outlook::Done { since: Some(day("2026-10-06")) },
        rests_on: Vec::new(),
        periods: Vec::new(),
        calendar_alone: None,
        outside: 0,
        unread: Vec::new(),
        ..drawn()
    };
    assert_eq!(text(&done, None), "Done: nothing old is left of 7 pipelines since 6 Oct 2026.\n");
    let none = NoForecast {
        missing: vec![
            MissingInput::Range(TimedStage::Deploy),
            MissingInput::Schedule("a".into()),
            MissingInput::Pipelines,
        ],
    };
    let asked = missing(&none);
    assert!(
        asked[0].contains("`forecast: {days: {deploy: [least, most likely, most]}}`")
            && asked[1].contains("Migration/a"),
        "{asked:?}"
    );
    assert_eq!(asked.len(), 3);
}

#[test]
fn what_cannot_replay_is_not_made_up_for() {
    let one =
        PeriodsInReach { migrations: vec!["a".into()], every_days: None, natural: 0, missing: 1, replayable: false };
    let said = in_reach(&one, day("2026-12-18"));
    assert_eq!(
        said,
        "Until 18 Dec 2026, no period comes by itself of `a`, and 1 comparison is missing: nothing makes up for the rest, as it \
         cannot replay without `period` and `shadow`."
    );
    let daily = PeriodsInReach { every_days: Some(1), natural: 1, ..one };
    assert!(
        in_reach(&daily, day("2026-12-18"))
            .ends_with("of `a` (daily), and 1 comparison is missing: no replay is needed.")
    );
}

#[test]
fn an_earlier_forecast_says_how_it_stands() {
    let past = |standing| PastForecast { today: day("2027-02-01"), pipelines: 6, done: 5, cut_over: 6, standing };
    for (how, said) in [
        (PastStanding::Missed { days: 6 }, "That was 6 days ago, and 5 of 6 pipelines done, 6 cut over."),
        (PastStanding::Open { days: 1 }, "1 day to go"),
        (PastStanding::Held { on: day("2027-01-20") }, "All were done on 20 Jan 2027: it held."),
        (PastStanding::Late { on: day("2027-01-28"), days: 2 }, "All were done on 28 Jan 2027, 2 days later."),
        (PastStanding::DoneAtSomeTime, "All are done; since when is not known."),
    ] {
        let said_of = text(&drawn(), Some(&past(how)));
        assert!(
            said_of.contains("Today, 1 Feb 2027: the forecast of 9 Nov 2026 said 85 %: 26 Jan 2027. "),
            "{said_of}"
        );
        assert!(said_of.contains(said), "{said_of}");
    }
}
