use super::calendar::{DAY, ScheduleTicks};
use super::levers::LeverChange;
use super::*;
use crate::migrate::stage::StageDates;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A Monday.
const NOW: &str = "2026-11-09T09:00:00Z";

fn days() -> WorkingDays {
    WorkingDays::from(at(NOW), &BTreeSet::new())
}

/// Ticks every so many days, the first after `from` days.
fn every(from: i64, step: i64) -> ScheduleTicks {
    let tick = |n: i64| at("2026-11-09T04:00:00Z") + jiff::SignedDuration::from_hours(24 * (from + n * step));
    ScheduleTicks::of(&days(), (0..200).map(tick)).unwrap()
}

fn pipeline(name: &str, wave: &str) -> ForecastPipeline {
    ForecastPipeline {
        name: name.into(),
        wave: wave.into(),
        stage: MigrationStage::Inventoried,
        since: None,
        passes: 0,
        required: 3,
        ticks: Some(every(23, 30)),
        settles: 0,
        replayable: true,
        cutover: None,
        grace: 14 * 86_400,
        not_before: None,
    }
}

/// Six pipelines and two people, as in docs/forecast.md.
fn six() -> ForecastInput {
    let ranges = [
        (TimedStage::Inventory, [1.0, 1.0, 2.0]),
        (TimedStage::Translate, [1.0, 2.0, 4.0]),
        (TimedStage::Decide, [1.0, 3.0, 10.0]),
        (TimedStage::Deploy, [1.0, 1.0, 3.0]),
        (TimedStage::Parity, [1.0, 3.0, 10.0]),
        (TimedStage::Teardown, [1.0, 1.0, 2.0]),
    ];
    let seen = [
        (TimedStage::Translate, [1, 2, 2, 3, 4, 2].map(|days| days * DAY).to_vec()),
        (TimedStage::Decide, [1, 3, 3, 5, 9].map(|days| days * DAY).to_vec()),
    ];
    ForecastInput {
        names: ("acme".into(), "prod".into()),
        now: at(NOW),
        pipelines: (0..6).map(|n| pipeline(&format!("p{n}"), &(n / 2 + 1).to_string())).collect(),
        seen: seen.into(),
        ranges: ranges.into(),
        people: 2,
        replays_at_once: 2,
        holidays: BTreeSet::from(["2026-12-25".parse().unwrap()]),
        by: Some("2026-12-18".parse().unwrap()),
        draws: 1000,
        outside: 0,
        unread: Vec::new(),
    }
}

fn drawn(input: &ForecastInput) -> DrawnOutlook {
    match forecast(input).unwrap().outlook {
        Outlook::Draws(drawn) => *drawn,
        other => panic!("{other:?}"),
    }
}

fn ends(input: &ForecastInput, draws: u32) -> Vec<(u32, u32)> {
    let mut walk = MigrationWalk::of(input, &tables(input).unwrap());
    let drawn = run(&mut walk, draws, 0);
    drawn.cuts.into_iter().zip(drawn.ends).collect()
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let bytes = || serde_json::to_string(&forecast(&six()).unwrap()).unwrap();
    assert_eq!(bytes(), bytes());
    // Another project draws other numbers.
    let other = ForecastInput { names: ("other".into(), "prod".into()), ..six() };
    assert_ne!(ends(&six(), 50), ends(&other, 50));
}

#[test]
fn quantiles_chances_and_the_fan_are_ordered() {
    let drawn = drawn(&six());
    for dates in [drawn.cut_over, drawn.done].into_iter().chain(drawn.fan.iter().map(|step| step.cut_over)) {
        assert!(dates.p50 <= dates.p85 && dates.p85 <= dates.p95, "{dates:?}");
    }
    assert!(drawn.cut_over.p50 < drawn.done.p50);
    assert!(
        drawn
            .fan
            .windows(2)
            .all(|two| two[0].cut_over.p85 <= two[1].cut_over.p85 && two[0].pipelines <= two[1].pipelines)
    );
    let percents: Vec<(u32, usize)> = drawn.fan.iter().map(|step| (step.percent, step.pipelines)).collect();
    assert_eq!((percents.len(), percents[0], percents[9]), (10, (10, 1), (100, 6)));
    let names: Vec<&str> = drawn.waves.iter().map(|wave| wave.wave.as_str()).collect();
    assert_eq!(names, ["1", "2", "3"]);
    let by = drawn.by.unwrap();
    assert!(by.draws_done <= by.draws_cut_over, "{by:?}");
    // A later day is never less likely; one after the last draw is certain.
    let chance = |day: &str| {
        super::tests::drawn(&ForecastInput { by: Some(day.parse().unwrap()), ..six() }).by.unwrap().draws_cut_over
    };
    assert!(chance("2026-12-18") <= chance("2027-01-15"));
    assert_eq!((chance("2026-11-10"), chance("2028-01-01")), (0, 1000));
}

#[test]
fn what_is_not_known_is_asked_for() {
    let mut input = six();
    input.ranges.remove(&TimedStage::Translate);
    assert!(forecast(&input).is_ok(), "six were seen");
    input.ranges.remove(&TimedStage::Deploy);
    input.ranges.remove(&TimedStage::Parity);
    input.ranges.remove(&TimedStage::Inventory);
    let missing = vec![MissingInput::Range(TimedStage::Deploy), MissingInput::Range(TimedStage::Parity)];
    assert_eq!(forecast(&input), Err(NoForecast { missing }), "nobody has to be inventoried");
    let mut input = six();
    input.pipelines[1].ticks = None;
    assert!(forecast(&input).is_ok(), "it can replay");
    input.pipelines[1].replayable = false;
    assert_eq!(forecast(&input), Err(NoForecast { missing: vec![MissingInput::Schedule("p1".into())] }));
    input.pipelines[1].stage = MigrationStage::Parity;
    assert!(forecast(&input).is_ok());
    input.pipelines.clear();
    assert_eq!(forecast(&input), Err(NoForecast { missing: vec![MissingInput::Pipelines] }));
}

#[test]
fn with_few_stages_there_are_no_percentages() {
    let mut input = six();
    input.seen.get_mut(&TimedStage::Decide).unwrap().truncate(4);
    assert!(matches!(forecast(&input).unwrap().outlook, Outlook::Draws(_)), "six and four are ten");
    input.seen.get_mut(&TimedStage::Decide).unwrap().truncate(3);
    let Outlook::Range { cut_over, done } = forecast(&input).unwrap().outlook else { panic!() };
    assert!(cut_over.earliest < cut_over.latest && done.earliest < done.latest && cut_over.latest < done.latest);
    // Every draw lies within.
    let days = days();
    assert!(ends(&input, 500).iter().all(|(_, end)| (done.earliest..=done.latest).contains(&days.day(*end))));
}

#[test]
fn a_migration_that_is_done_is_said_to_be() {
    let mut input = six();
    for (day, one) in input.pipelines.iter_mut().enumerate() {
        one.stage = MigrationStage::TornDown;
        one.since = Some(at("2026-10-01T00:00:00Z") + jiff::SignedDuration::from_hours(24 * day as i64));
    }
    input.ranges.clear();
    let said = forecast(&input).unwrap();
    assert_eq!((said.left, &said.outlook), (0, &Outlook::Done { since: Some("2026-10-06".parse().unwrap()) }));
    assert!(said.rests_on.is_empty() && said.calendar_alone.is_none());
    input.pipelines[3].since = None;
    assert_eq!(forecast(&input).unwrap().outlook, Outlook::Done { since: None });
}

#[test]
fn a_board_has_the_dates_of_its_burn_up() {
    let said = forecast(&six()).unwrap();
    let drawn = drawn(&six());
    let board = said.for_board().unwrap();
    assert_eq!(board.days, [drawn.cut_over.p50, drawn.cut_over.p85, drawn.cut_over.p95]);
    assert_eq!(board.by, Some("2026-12-18".parse().unwrap()));
    assert!(board.says.starts_with("In 85 of 100 draws all is cut over by "), "{}", board.says);
    let mut few = six();
    few.seen.clear();
    assert_eq!(forecast(&few).unwrap().for_board(), None, "nothing that a picture could show");
}

/// One pipeline of which everything takes exactly a day.
fn one() -> ForecastInput {
    let mut input = six();
    input.pipelines.truncate(1);
    input.seen.clear();
    input.ranges = TimedStage::ALL.into_iter().map(|stage| (stage, [1.0; 3])).collect();
    input
}

fn only_end(input: &ForecastInput) -> (String, String) {
    let (cut, end) = ends(input, 1)[0];
    let day = |minute| days().day(minute).to_string();
    (day(cut), day(end))
}

#[test]
fn one_pipeline_walks_its_stages() {
    // Mon translate, Tue decide, Wed deploy, three replays of which two go at once: Fri and Sat; Mon compare; then the tick of
    // 2 Dec, 14 days, and a day.
    let mut input = one();
    assert_eq!(only_end(&input), ("2026-12-02".into(), "2026-12-17".into()));
    // Without a schedule it is cut over as soon as it is equal.
    input.pipelines[0].ticks = None;
    assert_eq!(only_end(&input).0, "2026-11-16");
    input.pipelines[0].ticks = Some(every(23, 30));
    // Not before its date, and then at the next tick.
    input.pipelines[0].cutover = Some("2026-12-03".parse().unwrap());
    assert_eq!(only_end(&input).0, "2027-01-01");
    input.pipelines[0].cutover = Some("2026-12-02".parse().unwrap());
    assert_eq!(only_end(&input).0, "2026-12-02");
    // Without replays three ticks have to come, and a fourth: it is cut over at a tick.
    input.pipelines[0].replayable = false;
    assert_eq!(only_end(&input).0, "2027-03-02");
    input.pipelines[0].passes = 2;
    assert_eq!(only_end(&input).0, "2027-01-01");
    input.pipelines[0].settles = 30 * DAY;
    assert_eq!(only_end(&input).0, "2027-01-31");
    // What is old stays until its day.
    input.pipelines[0].not_before = Some("2027-06-01".parse().unwrap());
    assert_eq!(only_end(&input).1, "2027-06-01");
}

#[test]
fn what_is_behind_a_pipeline_takes_no_time() {
    let mut input = one();
    let mut ends: Vec<(String, String)> = Vec::new();
    for stage in MigrationStage::ALL.into_iter().take(9) {
        input.pipelines[0].stage = stage;
        ends.push(only_end(&input));
    }
    assert!(ends.windows(2).all(|two| two[1].1 <= two[0].1), "{ends:?}");
    // Marked a week ago: a week of grace is left.
    input.pipelines[0].since = Some(at("2026-11-02T09:00:00Z"));
    assert_eq!(only_end(&input).1, "2026-11-17");
    // A decision that is open for long is not done at once: a quarter is left.
    input.pipelines[0].stage = MigrationStage::Translated;
    input.pipelines[0].ticks = None;
    input.pipelines[0].since = Some(at("2026-10-01T09:00:00Z"));
    input.ranges.insert(TimedStage::Decide, [8.0; 3]);
    assert_eq!(only_end(&input).0, "2026-11-16");
}

#[test]
fn a_wave_waits_for_its_last_member() {
    let mut input = one();
    input.pipelines = (0..2).map(|n| pipeline(&format!("p{n}"), "1")).collect();
    input.pipelines.iter_mut().for_each(|one| one.ticks = None);
    let alone = only_end(&input).0;
    input.pipelines[1].ticks = Some(every(23, 30));
    input.pipelines[1].replayable = false;
    let with = only_end(&input).0;
    assert!(alone.as_str() < "2026-12-01" && with.as_str() > "2027-01-01", "{alone} {with}");
    let mut walk = MigrationWalk::of(&input, &tables(&input).unwrap());
    let (mut times, mut end) = (DrawnTimes::new(), WalkEnd::default());
    walk.draw(&mut times);
    walk.walk(&times, &mut end);
    assert_eq!(end.cuts[0], end.cuts[1], "both or none");
}

#[test]
fn levers_say_what_moves_it() {
    let mut input = six();
    input.pipelines.iter_mut().for_each(|one| one.ticks = Some(every(1, 7)));
    let levers = drawn(&input).levers;
    let days = |change: LeverChange| levers.iter().find(|lever| lever.change == change).map_or(0, |lever| lever.days);
    assert!(days(LeverChange::OneMorePerson) < 0 && days(LeverChange::OneFewerPerson) > 0, "{levers:?}");
    assert!(days(LeverChange::NoReplays) >= 7, "{levers:?}");
    assert!(levers.windows(2).all(|two| two[0].days.abs() >= two[1].days.abs()), "{levers:?}");
    assert_eq!(days(LeverChange::NoCutoverDates), 0, "there are none");
    input.pipelines[0].cutover = Some("2027-06-01".parse().unwrap());
    assert_eq!(drawn(&input).levers[0].change, LeverChange::NoCutoverDates);
}

#[test]
fn periods_in_reach_are_counted_until_the_day() {
    let mut input = six();
    input.pipelines[1].replayable = false;
    input.pipelines[2].ticks = Some(every(0, 1));
    input.pipelines[3].stage = MigrationStage::Parity;
    let said = forecast(&input).unwrap().periods;
    let seen: Vec<_> = said
        .iter()
        .map(|one| (one.migrations.len(), one.every_days, one.natural, one.replays(), one.replayable))
        .collect();
    assert_eq!(seen, [(1, Some(30), 1, 2, false), (3, Some(30), 1, 2, true), (1, Some(1), 3, 0, true)]);
    assert!(forecast(&ForecastInput { by: None, ..input }).unwrap().periods.is_empty());
}

#[test]
fn an_earlier_forecast_is_held_against_today() {
    let earlier = forecast(&six()).unwrap();
    let p85 = drawn(&six()).done.p85;
    let about: Vec<String> = (0..2).map(|n| format!("p{n}")).collect();
    let stage = |stage| about.iter().map(|name| (name.clone(), stage)).collect::<BTreeMap<_, _>>();
    let day = |days: i64| p85.checked_add(jiff::Span::new().days(days)).unwrap();
    let dates = |days: i64| {
        let on = day(days).to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp();
        let one = |name: &String| StageDates {
            migration: name.clone(),
            wave: None,
            reached: [(MigrationStage::TornDown, on)].into(),
        };
        about.iter().map(one).collect::<Vec<_>>()
    };
    let standing = |at: MigrationStage, dates: &[StageDates], today: i64| {
        past(&earlier, &about, &stage(at), dates, day(today)).standing
    };
    use past::PastStanding as S;
    assert_eq!(standing(MigrationStage::TornDown, &dates(0), 9), S::Held { on: p85 });
    assert_eq!(standing(MigrationStage::TornDown, &dates(3), 9), S::Late { on: day(3), days: 3 });
    assert_eq!(standing(MigrationStage::TornDown, &[], 9), S::DoneAtSomeTime);
    assert_eq!(standing(MigrationStage::CutOver, &[], 9), S::Missed { days: 9 });
    assert_eq!(standing(MigrationStage::CutOver, &[], 0), S::Open { days: 0 });
    assert_eq!(past(&earlier, &about, &stage(MigrationStage::CutOver), &[], day(0)).cut_over, 2);
    assert_eq!(past(&earlier, &about, &BTreeMap::new(), &[], day(0)).done, 0);
}

fn any_stage() -> impl Strategy<Value = MigrationStage> {
    (0..9usize).prop_map(|index| MigrationStage::ALL[index])
}

prop_compose! {
    fn any_input()(
        stages in prop::collection::vec((any_stage(), 0..4u32, any::<bool>(), 1..40i64, 1..35i64, 0..3u32), 1..9),
        seen in prop::collection::vec(prop::collection::vec(0..20 * DAY, 0..7), 6),
        ranges in prop::collection::vec([0.1..9.0f64, 0.0..9.0, 0.0..20.0], 6),
        people in 1..5u32,
        replays in 1..4u32,
        cutover in prop::option::of(0..90i64),
    ) -> ForecastInput {
        let mut input = six();
        input.pipelines = stages.into_iter().enumerate().map(|(n, (stage, missing, replayable, from, step, wave))| ForecastPipeline {
            stage,
            required: missing,
            replayable,
            ticks: Some(every(from, step)),
            cutover: cutover.map(|days| NOW[..10].parse::<Date>().unwrap().checked_add(jiff::Span::new().days(days)).unwrap()),
            ..pipeline(&format!("p{n}"), &wave.to_string())
        }).collect();
        input.seen = TimedStage::ALL.into_iter().zip(seen).collect();
        let range = |[least, more, most]: [f64; 3]| [least, least + more, least + more + most];
        input.ranges = TimedStage::ALL.into_iter().zip(ranges.into_iter().map(range)).collect();
        input.people = people;
        input.replays_at_once = replays;
        input
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Draw by draw, so for every quantile and every chance.
    #[test]
    fn more_people_or_shorter_ranges_never_make_it_later(input in any_input(), more in 1..4u32, shares in [0.0..=1.0f64, 0.0..=1.0, 0.0..=1.0], which in 0..6usize) {
        let before = ends(&input, 25);
        let check = |changed: &ForecastInput, what: &str| {
            for (draw, (before, after)) in before.iter().zip(ends(changed, 25)).enumerate() {
                prop_assert!(after.0 <= before.0 && after.1 <= before.1, "{what}, draw {draw}: {before:?} → {after:?}");
            }
            Ok(())
        };
        check(&ForecastInput { people: input.people + more, ..input.clone() }, "people")?;
        check(&ForecastInput { replays_at_once: input.replays_at_once + more, ..input.clone() }, "replays at once")?;
        let mut shorter = input.clone();
        let range = shorter.ranges.get_mut(&TimedStage::ALL[which]).unwrap();
        for (index, share) in shares.into_iter().enumerate() {
            range[index] = (range[index] * share).max(if index > 0 { range[index - 1] } else { 0.0 });
        }
        check(&shorter, "ranges")?;
        let mut seen = input.clone();
        seen.seen.get_mut(&TimedStage::ALL[which]).unwrap().iter_mut().for_each(|time| *time /= 2);
        check(&seen, "what was seen")?;
        let mut fewer = input.clone();
        fewer.pipelines.iter_mut().for_each(|one| one.required = one.required.saturating_sub(1));
        check(&fewer, "comparisons")?;
        let mut replayable = input.clone();
        replayable.pipelines.iter_mut().for_each(|one| one.replayable = true);
        let only_natural = input.pipelines.iter().all(|one| !one.replayable);
        if only_natural {
            check(&replayable, "replays")?;
        }
    }

    #[test]
    fn everything_ends_in_the_order_of_its_stages(input in any_input()) {
        let mut walk = MigrationWalk::of(&input, &tables(&input).unwrap_or_default());
        let (mut times, mut end) = (DrawnTimes::new(), WalkEnd::default());
        for _ in 0..20 {
            walk.draw(&mut times);
            walk.walk(&times, &mut end);
            prop_assert_eq!((end.cuts.iter().max(), end.done.iter().max()), (Some(&end.cut), Some(&end.end)));
            prop_assert!(end.cut <= end.end);
        }
    }
}
