//! Periods: what one comparison is about, when it begins and ends, and what it gives to paths.

use crate::kinds::emr::compare::{Compare, PeriodUnit};
use crate::kinds::emr::compare_text::placeholders;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp, ToSpan};
use plumb_model::text::seconds;
use std::fmt;

/// The longest name that a period without a unit may have.
const LONGEST_NAME: usize = 64;

/// A period of a comparison: a month, a week, a day, or a name that says no time.
///
/// What was [parsed](Period::parse) is safe in paths and in the names of files: letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    name: String,
    unit: PeriodUnit,
    /// Its first day, and the first day after it.
    days: Option<(Date, Date)>,
}

/// How far a period is at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeriodState {
    /// It goes on until then.
    Running(Timestamp),
    /// It is over, and late data may still come until then.
    Settling(Timestamp),
    /// It may be compared.
    Settled,
}

impl Period {
    /// Reads `2024-05`, `2024-W19`, `2024-05-06`, or any safe name where there is no unit.
    ///
    /// # Errors
    /// What the unit expects.
    pub fn parse(unit: PeriodUnit, text: &str) -> Result<Period, String> {
        let wrong = |expected: &str| format!("`{text}` is no {}: expected one like `{expected}`", noun(unit));
        let first = match unit {
            PeriodUnit::Month => digits(text, 7, &[4]).then(|| format!("{text}-01").parse().ok()).flatten(),
            PeriodUnit::Week => week(text),
            PeriodUnit::Day => digits(text, 10, &[4, 7]).then(|| text.parse().ok()).flatten(),
            PeriodUnit::None => {
                return if is_safe_name(text) {
                    Ok(Period { name: text.to_owned(), unit, days: None })
                } else {
                    Err(format!(
                        "`{text}` cannot name a comparison: expected letters, digits, `.`, `_` and `-`, \
                         {LONGEST_NAME} at most, a letter or digit first and no `..`"
                    ))
                };
            }
        };
        let example = match unit {
            PeriodUnit::Month => "2024-05",
            PeriodUnit::Week => "2024-W19",
            PeriodUnit::Day | PeriodUnit::None => "2024-05-06",
        };
        first.and_then(|first| Period::starting(unit, first)).ok_or_else(|| wrong(example))
    }

    /// One of no unit, as somebody called it. Such a name may not be safe in paths.
    pub fn named(name: &str) -> Period {
        Period { name: name.to_owned(), unit: PeriodUnit::None, days: None }
    }

    /// The period of a unit that has a day in it; `None` without a unit, and at the end of the calendar.
    pub fn of_day(unit: PeriodUnit, day: Date) -> Option<Period> {
        let first = match unit {
            PeriodUnit::Month => day.first_of_month(),
            PeriodUnit::Week => day.iso_week_date().first_of_week().ok()?.date(),
            PeriodUnit::Day => day,
            PeriodUnit::None => return None,
        };
        Period::starting(unit, first)
    }

    /// The last period that is over at an instant, whether or not it has settled: what is compared where none is named.
    pub fn last_over(unit: PeriodUnit, zone: &TimeZone, now: Timestamp) -> Option<Period> {
        let running = Period::of_day(unit, now.to_zoned(zone.clone()).date())?;
        Period::of_day(unit, running.days?.0.checked_sub(1.day()).ok()?)
    }

    fn starting(unit: PeriodUnit, first: Date) -> Option<Period> {
        let after = first.checked_add(length(unit)?).ok()?;
        let name = match unit {
            PeriodUnit::Month => first.strftime("%Y-%m").to_string(),
            PeriodUnit::Week => {
                let week = first.iso_week_date();
                format!("{:04}-W{:02}", week.year(), week.week())
            }
            PeriodUnit::Day => first.to_string(),
            PeriodUnit::None => return None,
        };
        Some(Period { name, unit, days: Some((first, after)) })
    }

    /// As `--period` and reports have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its first day, and the first day after it; `None` without a unit.
    pub fn days(&self) -> Option<(Date, Date)> {
        self.days
    }

    /// Its first instant, and the first one after it, in a time zone; `None` without a unit. Where the clocks skip midnight
    /// a day begins with the first instant that it has.
    pub fn instants(&self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        let begin = |day: Date| Some(day.to_zoned(zone.clone()).ok()?.start_of_day().ok()?.timestamp());
        let (first, after) = self.days?;
        Some((begin(first)?, begin(after)?))
    }

    /// The one after it.
    pub fn next(&self) -> Option<Period> {
        Period::starting(self.unit, self.days?.1)
    }

    /// Whether it comes right after another one.
    pub fn follows(&self, before: &Period) -> bool {
        before.next().as_ref() == Some(self)
    }

    /// How far it is, given how long data may still come after its end.
    pub fn state(&self, zone: &TimeZone, settles: SignedDuration, now: Timestamp) -> PeriodState {
        let Some((_, end)) = self.instants(zone) else { return PeriodState::Settled };
        let settled = end.checked_add(settles).unwrap_or(Timestamp::MAX);
        if now < end {
            PeriodState::Running(end)
        } else if now < settled {
            PeriodState::Settling(settled)
        } else {
            PeriodState::Settled
        }
    }

    /// What a placeholder stands for; `None` when this unit does not have it.
    pub fn placeholder(&self, name: &str) -> Option<String> {
        let (first, after) = match (name, self.days) {
            ("period", _) => return Some(self.name.clone()),
            (_, Some(days)) if placeholders(self.unit).contains(&name) => days,
            _ => return None,
        };
        Some(match name {
            // A week belongs to the year that most of its days are in.
            "year" if self.unit == PeriodUnit::Week => format!("{:04}", first.iso_week_date().year()),
            "year" => format!("{:04}", first.year()),
            "month" => format!("{:02}", first.month()),
            "day" => format!("{:02}", first.day()),
            "start" => first.to_string(),
            "end" => after.to_string(),
            _ => return None,
        })
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The time zone whose periods are compared: UTC where the manifest says none.
///
/// # Errors
/// That there is no such zone.
pub fn zone(compare: &Compare) -> Result<TimeZone, String> {
    compare.zone.as_deref().map_or(Ok(TimeZone::UTC), |name| {
        TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone: expected an IANA name like `Europe/London`"))
    })
}

/// How long after its end a period may be compared; at once where the manifest says nothing.
///
/// # Errors
/// That it is no duration.
pub fn settles(compare: &Compare) -> Result<SignedDuration, String> {
    let text = compare.settles.as_deref().unwrap_or("0s");
    let seconds = if text == "0s" { Some(0) } else { seconds(text) };
    let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    seconds.map(SignedDuration::from_secs).ok_or_else(|| format!("`{text}` is no duration: expected one like `6h`"))
}

/// What people call one.
pub fn noun(unit: PeriodUnit) -> &'static str {
    match unit {
        PeriodUnit::Month => "month",
        PeriodUnit::Week => "week",
        PeriodUnit::Day => "day",
        PeriodUnit::None => "period",
    }
}

fn length(unit: PeriodUnit) -> Option<Span> {
    match unit {
        PeriodUnit::Month => Some(1.month()),
        PeriodUnit::Week => Some(1.week()),
        PeriodUnit::Day => Some(1.day()),
        PeriodUnit::None => None,
    }
}

/// Whether a text has that many characters, `-` at these places and ASCII digits everywhere else.
fn digits(text: &str, length: usize, dashes: &[usize]) -> bool {
    text.len() == length
        && text.bytes().enumerate().all(|(i, b)| if dashes.contains(&i) { b == b'-' } else { b.is_ascii_digit() })
}

/// The Monday of `2024-W19`.
fn week(text: &str) -> Option<Date> {
    let (year, number) = text.split_once("-W")?;
    if !digits(year, 4, &[]) || !digits(number, 2, &[]) {
        return None;
    }
    ISOWeekDate::new(year.parse().ok()?, number.parse().ok()?, Weekday::Monday).ok().map(|week| week.date())
}

fn is_safe_name(text: &str) -> bool {
    text.len() <= LONGEST_NAME
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        && !text.contains("..")
}

#[cfg(test)]
#[path = "period_tests.rs"]
mod tests;
