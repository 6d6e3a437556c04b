//! Time as a forecast counts it: minutes since midnight (UTC) of the day that it is made, and minutes of working days only.

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use std::collections::BTreeSet;

/// Minutes of a day.
pub const DAY: u32 = 24 * 60;
/// Days that are looked at: 15 years. What takes longer ends with the last of them.
const MOST_DAYS: u32 = 15 * 366;
/// As many ticks of a schedule are computed; the later ones follow at the average distance of these.
const MOST_TICKS: usize = 96;

/// Which days are worked on: not Saturdays, Sundays and holidays. A working day has as many minutes as any other, so that a
/// stage of half a day is one.
#[derive(Clone, Debug)]
pub struct WorkingDays {
    first: Date,
    /// How many working days come before a day.
    before: Vec<u32>,
    /// The days that are worked on.
    worked: Vec<u32>,
}

impl WorkingDays {
    /// The days from that of an instant on.
    pub fn from(now: Timestamp, holidays: &BTreeSet<Date>) -> WorkingDays {
        WorkingDays::since(day_of(now), holidays)
    }

    /// The days from one on.
    pub fn since(first: Date, holidays: &BTreeSet<Date>) -> WorkingDays {
        let (mut before, mut worked) = (Vec::new(), Vec::new());
        let mut day = first;
        for index in 0..MOST_DAYS {
            before.push(worked.len() as u32);
            if day.weekday().to_monday_zero_offset() < 5 && !holidays.contains(&day) {
                worked.push(index);
            }
            match day.checked_add(1.day()) {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        WorkingDays { first, before, worked }
    }

    /// An instant as minutes; 0 for what is earlier.
    pub fn minutes(&self, at: Timestamp) -> u32 {
        let Ok(first) = self.first.to_zoned(TimeZone::UTC) else { return 0 };
        let minutes = (at.as_second() - first.timestamp().as_second()).div_euclid(60);
        u32::try_from(minutes.max(0)).unwrap_or(u32::MAX).min(self.last())
    }

    /// The first minute of a day; 0 for an earlier one.
    pub fn start_of(&self, day: Date) -> u32 {
        day.to_zoned(TimeZone::UTC).map_or(self.last(), |at| self.minutes(at.timestamp()))
    }

    /// The day that a minute is in.
    pub fn day(&self, minute: u32) -> Date {
        let days = i64::from(minute.min(self.last()) / DAY);
        self.first.checked_add(days.days()).unwrap_or(Date::MAX)
    }

    /// The last minute that is looked at.
    fn last(&self) -> u32 {
        (self.before.len() as u32 * DAY).saturating_sub(1)
    }

    /// How many working minutes come before a minute.
    pub fn worked(&self, minute: u32) -> u32 {
        let minute = minute.min(self.last());
        let day = (minute / DAY) as usize;
        let is_worked = self.worked.get(self.before[day] as usize) == Some(&(minute / DAY));
        self.before[day] * DAY + if is_worked { minute % DAY } else { 0 }
    }

    /// The first minute by which so many working minutes have gone: what ends with a day ends with its last minute.
    pub fn after(&self, worked: u32) -> u32 {
        let (day, rest) = (worked / DAY, worked % DAY);
        if worked > 0 && rest == 0 {
            return self.worked.get(day as usize - 1).map_or(self.last(), |day| day * DAY + DAY - 1);
        }
        self.worked.get(day as usize).map_or(self.last(), |day| day * DAY + rest)
    }

    /// How many working minutes lie between two instants, the first of which is not before these days.
    pub fn between(&self, from: Timestamp, to: Timestamp) -> u32 {
        self.worked(self.minutes(to)).saturating_sub(self.worked(self.minutes(from)))
    }
}

/// The day of an instant, in UTC.
pub fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// When a schedule comes round, in minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleTicks {
    at: Vec<u32>,
    /// The distance at which those follow that were not computed.
    gap: u32,
}

impl ScheduleTicks {
    /// Those of a series of instants, of which the first ones are taken. `None` where there is none.
    pub fn of(days: &WorkingDays, instants: impl Iterator<Item = Timestamp>) -> Option<ScheduleTicks> {
        let mut at: Vec<u32> = instants.take(MOST_TICKS).map(|instant| days.minutes(instant)).collect();
        at.dedup();
        let (first, last) = (*at.first()?, *at.last()?);
        // One tick, and no other: it never comes again within the days that are looked at.
        let gap = if at.len() > 1 { (last - first) / (at.len() as u32 - 1) } else { days.last() };
        Some(ScheduleTicks { at, gap: gap.max(1) })
    }

    /// The average distance of two ticks, in minutes.
    pub fn gap(&self) -> u32 {
        self.gap
    }

    /// The tick at a minute or the first after it, and the `more`-th after that.
    pub fn from(&self, minute: u32, more: u32) -> u32 {
        let index = self.first_from(minute) + more as usize;
        if let Some(tick) = self.at.get(index) {
            return *tick;
        }
        let last = self.at.last().copied().unwrap_or(0);
        let beyond = (index - self.at.len()) as u32 + 1;
        let at_least = minute.saturating_sub(last).div_ceil(self.gap);
        // Where the minute itself is beyond the last one, `more` counts from the first after it.
        let steps = if minute > last { at_least + more } else { beyond };
        last.saturating_add(steps.saturating_mul(self.gap))
    }

    /// The index of the first tick at a minute or after it. Schedules are even, so the place is nearly known beforehand.
    fn first_from(&self, minute: u32) -> usize {
        let near = minute.saturating_sub(self.at.first().copied().unwrap_or(0)) / self.gap;
        let mut index = (near as usize).min(self.at.len());
        while index > 0 && self.at[index - 1] >= minute {
            index -= 1;
        }
        while index < self.at.len() && self.at[index] < minute {
            index += 1;
        }
        index
    }

    /// How many there are from one minute to another one, both included.
    pub fn count(&self, from: u32, to: u32) -> u32 {
        (0..).take_while(|more| self.from(from, *more) <= to).last().map_or(0, |more| more + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn weekends_and_holidays_are_no_working_days() {
        // A Thursday; Friday is a holiday.
        let holidays = BTreeSet::from(["2026-12-25".parse().unwrap()]);
        let days = WorkingDays::from(at("2026-12-24T10:30:00Z"), &holidays);
        let noon = days.minutes(at("2026-12-24T12:00:00Z"));
        assert_eq!((noon, days.worked(noon)), (720, 720));
        for (text, worked) in
            [("2026-12-25T09:00:00Z", 1440), ("2026-12-27T23:00:00Z", 1440), ("2026-12-28T01:00:00Z", 1500)]
        {
            assert_eq!(days.worked(days.minutes(at(text))), worked, "{text}");
        }
        // What ends with the day ends on it; a minute more is Monday's.
        assert_eq!(days.day(days.after(1440)).to_string(), "2026-12-24");
        assert_eq!(days.day(days.after(1441)).to_string(), "2026-12-28");
        assert_eq!(days.between(at("2026-12-24T12:00:00Z"), at("2026-12-28T12:00:00Z")), 1440);
        assert_eq!(days.minutes(at("2020-01-01T00:00:00Z")), 0);
    }

    #[test]
    fn time_and_working_time_go_the_same_way() {
        let days = WorkingDays::from(at("2026-12-23T00:00:00Z"), &BTreeSet::from(["2026-12-25".parse().unwrap()]));
        let mut last = (0, 0);
        for minute in (0..30 * DAY).step_by(97) {
            let worked = days.worked(minute);
            let back = days.after(worked);
            assert!(worked >= last.0 && back >= last.1, "{minute}");
            assert!(back <= minute && days.worked(back) + 1 >= worked, "{minute} {back}");
            last = (worked, back);
        }
        assert_eq!(days.after(u32::MAX), days.last());
    }

    #[test]
    fn ticks_go_on_as_they_began() {
        let days = WorkingDays::from(at("2026-12-01T00:00:00Z"), &BTreeSet::new());
        let second = |day: i64| at("2026-12-02T04:00:00Z") + jiff::SignedDuration::from_hours(24 * day);
        let ticks = ScheduleTicks::of(&days, (0..).map(second)).unwrap();
        let first = DAY + 240;
        assert_eq!(
            (ticks.gap(), ticks.from(0, 0), ticks.from(first, 0), ticks.from(first + 1, 0)),
            (DAY, first, first, first + DAY)
        );
        for (minute, more) in [(0, 0), (0, 95), (0, 96), (0, 200), (95 * DAY, 3), (500 * DAY, 0), (500 * DAY + 241, 4)]
        {
            let wanted = first + DAY * (u32::saturating_sub(minute, first).div_ceil(DAY) + more);
            assert_eq!(ticks.from(minute, more), wanted, "{minute} {more}");
        }
        assert_eq!((ticks.count(0, first - 1), ticks.count(0, first), ticks.count(first, first + 3 * DAY)), (0, 1, 4));
        assert_eq!(ScheduleTicks::of(&days, std::iter::empty()), None);
    }
}
