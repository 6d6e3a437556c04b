//! Periods by example: their forms, their ends where clocks change, and what they give to paths.

#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

const UNITS: [PeriodUnit; 3] = [PeriodUnit::Month, PeriodUnit::Week, PeriodUnit::Day];

fn period(unit: PeriodUnit, text: &str) -> Period {
    Period::parse(unit, text).unwrap()
}

#[test]
fn a_period_has_the_form_of_its_unit() {
    for (unit, text) in [
        (PeriodUnit::Month, "2024-05"),
        (PeriodUnit::Week, "2024-W19"),
        (PeriodUnit::Week, "2020-W53"),
        (PeriodUnit::Day, "2024-02-29"),
        (PeriodUnit::None, "rerun-2024.05_b"),
        (PeriodUnit::None, "2024-05"),
    ] {
        assert_eq!(period(unit, text).to_string(), text);
    }
    let wrong = [
        (PeriodUnit::Month, "`%` is no month: expected one like `2024-05`"),
        (PeriodUnit::Week, "`%` is no week: expected one like `2024-W19`"),
        (PeriodUnit::Day, "`%` is no day: expected one like `2024-05-06`"),
    ];
    for (unit, says) in wrong {
        for text in [
            "",
            "2024",
            "2024-13",
            "2024-5",
            "24-05",
            "2024-W00",
            "2024-W54",
            "2021-W53",
            "2024-w19",
            "2024-02-30",
            "+024-05",
            "2024-05-6",
            "2024/05",
            "２０２４-05",
            "2024-05 ",
            "../2024",
            "-2024-05",
            "2024-W1",
            "20240506",
        ] {
            assert_eq!(Period::parse(unit, text), Err(says.replace('%', text)), "{text}");
        }
    }
    for text in ["", ".", "..", "a/b", "a b", "-a", ".a", "a..b", "ä", "{period}", "a'b", &"x".repeat(65)] {
        assert!(Period::parse(PeriodUnit::None, text).unwrap_err().contains("cannot name a comparison"), "{text}");
    }
}

#[test]
fn a_period_begins_and_ends_where_its_people_live() {
    let instants = |unit, text: &str, zone: &str| {
        let (start, end) = period(unit, text).instants(&TimeZone::get(zone).unwrap()).unwrap();
        (start.to_string(), end.to_string())
    };
    for (unit, text, zone, start, end) in [
        (PeriodUnit::Month, "2024-05", "UTC", "2024-05-01T00:00:00Z", "2024-06-01T00:00:00Z"),
        // Summer time begins within the month, so it has an hour less.
        (PeriodUnit::Month, "2024-03", "Europe/London", "2024-03-01T00:00:00Z", "2024-03-31T23:00:00Z"),
        (PeriodUnit::Day, "2024-10-27", "Europe/London", "2024-10-26T23:00:00Z", "2024-10-28T00:00:00Z"),
        (PeriodUnit::Week, "2025-W01", "Asia/Tokyo", "2024-12-29T15:00:00Z", "2025-01-05T15:00:00Z"),
        // There is no midnight on that day: clocks go from 23:59 to 01:00.
        (PeriodUnit::Day, "2024-09-08", "America/Santiago", "2024-09-08T04:00:00Z", "2024-09-09T03:00:00Z"),
    ] {
        assert_eq!(instants(unit, text, zone), (start.into(), end.into()), "{text} {zone}");
    }
    assert_eq!(period(PeriodUnit::None, "x").instants(&TimeZone::UTC), None);
}

#[test]
fn a_period_is_over_and_then_settles() {
    let london = TimeZone::get("Europe/London").unwrap();
    let may = period(PeriodUnit::Month, "2024-05");
    let state = |now: &str| may.state(&london, SignedDuration::from_hours(6), now.parse().unwrap());
    let (end, settled) = ("2024-05-31T23:00:00Z".parse().unwrap(), "2024-06-01T05:00:00Z".parse().unwrap());
    assert_eq!(state("2024-05-31T22:59:59Z"), PeriodState::Running(end));
    assert_eq!(state("2024-05-31T23:00:00Z"), PeriodState::Settling(settled));
    assert_eq!(state("2024-06-01T04:59:59Z"), PeriodState::Settling(settled));
    assert_eq!(state("2024-06-01T05:00:00Z"), PeriodState::Settled);
    let named = period(PeriodUnit::None, "x").state(&london, SignedDuration::from_hours(6), Timestamp::UNIX_EPOCH);
    assert_eq!(named, PeriodState::Settled);
}

#[test]
fn without_a_name_the_last_one_that_is_over_is_compared() {
    let last = |unit, zone: &str, now: &str| {
        Period::last_over(unit, &TimeZone::get(zone).unwrap(), now.parse().unwrap()).map(|p| p.to_string())
    };
    for (unit, zone, now, wanted) in [
        (PeriodUnit::Month, "UTC", "2024-05-31T23:30:00Z", "2024-04"),
        (PeriodUnit::Month, "Europe/London", "2024-05-31T23:30:00Z", "2024-05"),
        (PeriodUnit::Month, "UTC", "2024-01-01T00:00:00Z", "2023-12"),
        (PeriodUnit::Week, "UTC", "2024-12-30T00:00:00Z", "2024-W52"),
        (PeriodUnit::Week, "UTC", "2021-01-04T00:00:00Z", "2020-W53"),
        (PeriodUnit::Day, "UTC", "2024-03-01T12:00:00Z", "2024-02-29"),
    ] {
        assert_eq!(last(unit, zone, now).as_deref(), Some(wanted), "{now} {zone}");
    }
    assert_eq!(last(PeriodUnit::None, "UTC", "2024-03-01T12:00:00Z"), None);
}

#[test]
fn a_period_gives_its_parts_to_paths() {
    let given = |unit, text: &str| {
        let period = period(unit, text);
        ["period", "year", "month", "day", "start", "end"].map(|name| period.placeholder(name).unwrap_or_default())
    };
    assert_eq!(given(PeriodUnit::Month, "2024-12"), ["2024-12", "2024", "12", "", "2024-12-01", "2025-01-01"]);
    assert_eq!(given(PeriodUnit::Day, "2024-02-29"), ["2024-02-29", "2024", "02", "29", "2024-02-29", "2024-03-01"]);
    assert_eq!(given(PeriodUnit::Week, "2025-W01"), ["2025-W01", "2025", "", "", "2024-12-30", "2025-01-06"]);
    assert_eq!(given(PeriodUnit::None, "x"), ["x", "", "", "", "", ""]);
    assert_eq!(period(PeriodUnit::Day, "2024-02-29").placeholder("perod"), None);
}

#[test]
fn what_the_manifest_says_of_time_is_read() {
    let said = |zone: Option<&str>, settles: Option<&str>| Compare {
        zone: zone.map(str::to_owned),
        settles: settles.map(str::to_owned),
        ..Compare::default()
    };
    assert_eq!(zone(&said(None, None)), Ok(TimeZone::UTC));
    assert!(zone(&said(Some("Europe/Londn"), None)).unwrap_err().contains("`Europe/Londn` is no time zone"));
    assert_eq!(settles(&said(None, None)), Ok(SignedDuration::ZERO));
    assert_eq!(settles(&said(None, Some("6h"))), Ok(SignedDuration::from_hours(6)));
    assert!(settles(&said(None, Some("soon"))).unwrap_err().contains("`soon` is no duration"));
}

proptest! {
    /// Every day is in one period of each unit; its name reads back, and periods stand end to end.
    #[test]
    fn periods_stand_end_to_end(day in 0i64..200_000, unit in prop::sample::select(&UNITS[..])) {
        let day = Date::constant(1600, 1, 1) + day.days();
        let period = Period::of_day(unit, day).unwrap();
        let (first, after) = period.days().unwrap();
        prop_assert!(first <= day && day < after);
        prop_assert_eq!(Period::parse(unit, period.name()), Ok(period.clone()));
        let next = period.next().unwrap();
        prop_assert_eq!(next.days().unwrap().0, after);
        prop_assert!(next.follows(&period) && !period.follows(&next) && !period.follows(&period));
        prop_assert!(!next.next().unwrap().follows(&period));
        // Names sort as the periods do.
        prop_assert!(period.name() < next.name());
        let noon = after.at(12, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp();
        prop_assert_eq!(Period::last_over(unit, &TimeZone::UTC, noon).unwrap(), period);
    }
}
