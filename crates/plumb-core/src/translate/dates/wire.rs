//! How a recurring date is written: in the DAG's expression, and as the parameter's default.

use super::forms::DateUnit;
use jiff::civil::{Date, DateTime};
use jiff::{Span, Timestamp, ToSpan, Unit, tz::TimeZone};

/// How a date follows from the moment of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DateRule {
    /// So many days after it.
    Days(i64),
    /// The quarter that is so many quarters after its quarter.
    Quarters(i64),
    /// The month that is so many months after its month.
    Months(i64),
    /// The first day of such a month, and the last one.
    MonthStart(i64),
    MonthEnd(i64),
    /// The moment itself, to the second.
    Moment,
}

impl DateRule {
    /// The date of a run; `None` where no calendar has it.
    pub fn date(self, run: Timestamp, unit: DateUnit) -> Option<Date> {
        let day = run.to_zoned(TimeZone::UTC).date();
        let month = |n: i64| day.first_of_month().checked_add(Span::new().try_months(n).ok()?).ok();
        let date = match self {
            DateRule::Days(n) => day.checked_add(Span::new().try_days(n).ok()?).ok()?,
            DateRule::Quarters(n) => month(n.checked_mul(3)?)?,
            DateRule::Months(n) | DateRule::MonthStart(n) => month(n)?,
            DateRule::MonthEnd(n) => month(n)?.last_of_month(),
            DateRule::Moment => day,
        };
        first_of(unit, date)
    }

    /// Airflow's expression for it. `data_interval_end` is the moment of a scheduled run in Airflow 2 and in Airflow 3; its
    /// start and the logical date are not the same in both.
    pub fn expression(self, form: &str) -> String {
        let moved = |n: i64, unit: &str| match n {
            0 => String::new(),
            n if n < 0 => format!(".subtract({unit}={})", n.unsigned_abs()),
            n => format!(".add({unit}={n})"),
        };
        let way = match self {
            DateRule::Days(n) => moved(n, "days"),
            DateRule::Quarters(n) => moved(n.saturating_mul(3), "months"),
            DateRule::Months(n) => moved(n, "months"),
            DateRule::MonthStart(n) => format!("{}.start_of('month')", moved(n, "months")),
            DateRule::MonthEnd(n) => {
                format!("{}.start_of('month').subtract(days=1)", moved(n.saturating_add(1), "months"))
            }
            DateRule::Moment => String::new(),
        };
        // Python's strftime knows no quarters; the times of Airflow (pendulum) do.
        match form.split_once("%q") {
            Some((before, _)) => {
                format!("{{{{ data_interval_end{way}.strftime('{before}') }}}}{{{{ data_interval_end{way}.quarter }}}}")
            }
            None => format!("{{{{ data_interval_end{way}.strftime('{form}') }}}}"),
        }
    }

    /// The rule in words.
    pub fn said(self) -> String {
        let times = |n: i64, unit: &str| match n.unsigned_abs() {
            1 => format!("one {unit}"),
            n => format!("{n} {unit}s"),
        };
        let of = |n: i64, unit: &str| match n {
            0 => format!("the {unit} of the run"),
            n if n < 0 => format!("the {unit} that is {} before the run's", times(n, unit)),
            n => format!("the {unit} that is {} after the run's", times(n, unit)),
        };
        match self {
            DateRule::Days(n) => of(n, "day"),
            DateRule::Quarters(n) => of(n, "quarter"),
            DateRule::Months(n) => of(n, "month"),
            DateRule::MonthStart(n) => format!("the first day of {}", of(n, "month")),
            DateRule::MonthEnd(n) => format!("the last day of {}", of(n, "month")),
            DateRule::Moment => "the moment of the run".into(),
        }
    }

    /// The rule that dates of several runs have in common; `None` where nothing, or more than one thing, would fit.
    pub fn proven(unit: DateUnit, runs: &[(Date, Timestamp)], hint: Option<DateRule>) -> Option<DateRule> {
        let distinct = |of: &dyn Fn(&(Date, Timestamp)) -> Date| {
            let mut all: Vec<Date> = runs.iter().map(of).collect();
            all.sort();
            all.dedup();
            all.len()
        };
        if distinct(&|(date, _)| *date) < 2 {
            return None;
        }
        let fits = |rule: &DateRule| runs.iter().all(|(date, run)| rule.date(*run, unit) == Some(*date));
        let (date, run) = runs.first().copied()?;
        let guess = |rule: fn(i64) -> DateRule| Some(rule(months(date, run))).filter(fits);
        let by_days = |n: &i64| fits(&DateRule::Days(-n));
        match unit {
            DateUnit::Day => {
                // Days that all are the first of a month are meant so, as soon as two months show it.
                let months = distinct(&|(date, _)| date.first_of_month()) > 1;
                let ends = guess(DateRule::MonthStart).or_else(|| guess(DateRule::MonthEnd)).filter(|_| months);
                ends.or_else(|| Some(DateRule::Days(days(date, run)?)).filter(fits))
            }
            DateUnit::Month | DateUnit::Quarter => {
                let same = if unit == DateUnit::Month {
                    guess(DateRule::Months)
                } else {
                    Some(DateRule::Quarters(quarters(date, run))).filter(fits)
                };
                match same {
                    // Only the first of a month shows whether it is the month of the day before.
                    Some(DateRule::Months(0) | DateRule::Quarters(0)) if by_days(&1) && often(runs) => {
                        hint.filter(fits)
                    }
                    Some(rule) => Some(rule),
                    None => (1..=31).find(by_days).map(|n| DateRule::Days(-n)),
                }
            }
        }
    }

    /// What one run alone suggests; `None` where the date is not near it.
    pub fn near(unit: DateUnit, date: Date, run: Timestamp) -> Option<DateRule> {
        let (months, days) = (months(date, run), days(date, run)?);
        match unit {
            DateUnit::Quarter => {
                let quarters = quarters(date, run);
                (-5..=1).contains(&quarters).then_some(DateRule::Quarters(quarters))
            }
            DateUnit::Month => (-13..=1).contains(&months).then_some(DateRule::Months(months)),
            DateUnit::Day if !(-62..=7).contains(&days) => None,
            DateUnit::Day if days.abs() <= 7 => Some(DateRule::Days(days)),
            DateUnit::Day if date.day() == 1 => Some(DateRule::MonthStart(months)),
            DateUnit::Day if date == date.last_of_month() => Some(DateRule::MonthEnd(months)),
            DateUnit::Day => Some(DateRule::Days(days)),
        }
    }

    /// What is usual where nothing is known of the run's time: the period before it.
    pub fn usual(unit: DateUnit) -> DateRule {
        match unit {
            DateUnit::Quarter => DateRule::Quarters(-1),
            DateUnit::Month => DateRule::Months(-1),
            DateUnit::Day => DateRule::Days(-1),
        }
    }
}

/// Months from a run to a date.
fn months(date: Date, run: Timestamp) -> i64 {
    let run = run.to_zoned(TimeZone::UTC).date();
    let count = |day: Date| i64::from(day.year()) * 12 + i64::from(day.month());
    count(date) - count(run)
}

/// Quarters from a run to the first day of one.
fn quarters(date: Date, run: Timestamp) -> i64 {
    let run = run.to_zoned(TimeZone::UTC).date();
    let count = |day: Date| i64::from(day.year()) * 4 + i64::from((day.month() - 1) / 3);
    count(date) - count(run)
}

/// The first day of the month or quarter that a date is in; of a day itself.
pub(super) fn first_of(unit: DateUnit, date: Date) -> Option<Date> {
    match unit {
        DateUnit::Quarter => Date::new(date.year(), (date.month() - 1) / 3 * 3 + 1, 1).ok(),
        DateUnit::Month => Some(date.first_of_month()),
        DateUnit::Day => Some(date),
    }
}

/// Days from a run to a date.
fn days(date: Date, run: Timestamp) -> Option<i64> {
    let run = run.to_zoned(TimeZone::UTC).date();
    run.until((Unit::Day, date)).ok().map(|span| i64::from(span.get_days()))
}

/// Whether some of these runs are nearer to each other than a month.
fn often(runs: &[(Date, Timestamp)]) -> bool {
    let mut times: Vec<Timestamp> = runs.iter().map(|(_, run)| *run).collect();
    times.sort();
    times.windows(2).any(|pair| pair[1].duration_since(pair[0]).as_hours() < 27 * 24)
}

/// Whether a moment is that of its run.
pub(super) fn is_moment(at: DateTime, run: Timestamp) -> bool {
    let from = run.to_zoned(TimeZone::UTC).datetime();
    let bounds = |hours: i64| from.checked_add(hours.hours()).ok();
    bounds(-2).zip(bounds(2)).is_some_and(|(least, most)| least <= at && at <= most)
}

/// The dynamic value of Databricks that has a form: of the run's own start.
pub(super) fn default(form: &str) -> Option<String> {
    match form {
        "%Y-%m-%d" => return Some("{{job.start_time.iso_date}}".into()),
        "%Y-%m-%dT%H:%M:%S" => return Some("{{job.start_time.iso_datetime}}".into()),
        _ => {}
    }
    let parts = [("%Y", "year"), ("%m", "month"), ("%d", "day"), ("%H", "hour"), ("%M", "minute"), ("%S", "second")];
    let text = parts
        .iter()
        .fold(form.to_owned(), |text, (part, name)| text.replace(part, &format!("{{{{job.start_time.{name}}}}}")));
    (!text.contains('%')).then_some(text)
}

/// The dynamic value of Databricks for one of Airflow's expressions; empty where its meaning is not known.
pub(in crate::translate) fn default_of(expression: &str) -> String {
    let expression: String = expression.split_whitespace().collect();
    let names = ["execution_date", "logical_date", "data_interval_start", "data_interval_end", "dag_run.logical_date"];
    let (name, call) = match names.iter().find_map(|name| expression.strip_prefix(name)) {
        Some(rest) => ("moment", rest),
        None => (expression.as_str(), ""),
    };
    let form = call.strip_prefix(".strftime(").and_then(|rest| rest.strip_suffix(')'));
    let form = form.map(|form| form.trim_matches(['"', '\'']));
    let made = match (name, call, form) {
        (_, _, Some(form)) => default(form),
        ("ds", ..) | ("moment", "|ds" | ".date()", _) => default("%Y-%m-%d"),
        ("ds_nodash", ..) | ("moment", "|ds_nodash", _) => default("%Y%m%d"),
        ("ts", ..) | ("moment", "" | ".isoformat()" | "|ts", _) => default("%Y-%m-%dT%H:%M:%S"),
        ("run_id" | "dag_run.run_id", ..) => Some("{{job.run_id}}".into()),
        _ => None,
    };
    made.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(unit: DateUnit, runs: &[(&str, &str)]) -> Option<DateRule> {
        let runs: Vec<(Date, Timestamp)> = runs
            .iter()
            .map(|(date, run)| (date.parse().unwrap(), format!("{run}T03:10:00Z").parse().unwrap()))
            .collect();
        DateRule::proven(unit, &runs, None)
    }

    #[test]
    fn two_runs_prove_an_offset_and_one_does_not() {
        use DateRule::{Days, MonthEnd, MonthStart, Months};
        let day = |runs: &[(&str, &str)]| proven(DateUnit::Day, runs);
        let month = |runs: &[(&str, &str)]| proven(DateUnit::Month, runs);
        assert_eq!(day(&[("2026-10-05", "2026-10-06")]), None);
        assert_eq!(day(&[("2026-10-05", "2026-10-06"), ("2026-10-04", "2026-10-05")]), Some(Days(-1)));
        assert_eq!(day(&[("2026-10-05", "2026-10-06"), ("2026-10-03", "2026-10-05")]), None);
        assert_eq!(day(&[("2026-10-01", "2026-11-02"), ("2026-09-01", "2026-10-02")]), Some(MonthStart(-1)));
        assert_eq!(day(&[("2026-10-31", "2026-11-02"), ("2026-09-30", "2026-10-02")]), Some(MonthEnd(-1)));
        assert_eq!(month(&[("2026-10-01", "2026-11-02"), ("2026-09-01", "2026-10-02")]), Some(Months(-1)));
        // Daily runs: the month of the day before, which the first of a month shows.
        assert_eq!(month(&[("2026-10-01", "2026-11-01"), ("2026-10-01", "2026-10-31")]), None);
        assert_eq!(
            month(&[("2026-11-01", "2026-11-02"), ("2026-10-01", "2026-11-01"), ("2026-10-01", "2026-10-31")]),
            Some(Days(-1))
        );
        let quarter = |runs: &[(&str, &str)]| proven(DateUnit::Quarter, runs);
        let last = [("2026-07-01", "2026-10-03"), ("2026-04-01", "2026-07-03")];
        assert_eq!(quarter(&last), Some(DateRule::Quarters(-1)));
        assert_eq!(quarter(&[last[0], ("2026-01-01", "2026-07-03")]), None);
        assert_eq!(quarter(&last[..1]), None);
        // Nothing but mid-months: it may be either.
        let either = [("2026-11-01", "2026-11-22"), ("2026-11-01", "2026-11-21"), ("2026-10-01", "2026-10-31")];
        assert_eq!(month(&either), None);
        assert_eq!(month(&[("2026-11-01", "2026-11-22"), ("2026-10-01", "2026-10-22")]), Some(Months(0)));
    }

    #[test]
    fn one_run_suggests_only_what_is_near() {
        let near = |unit, date: &str, run: &str| {
            DateRule::near(unit, date.parse().unwrap(), format!("{run}T03:00:00Z").parse().unwrap())
        };
        assert_eq!(near(DateUnit::Month, "2026-10-01", "2026-11-02"), Some(DateRule::Months(-1)));
        assert_eq!(near(DateUnit::Month, "2024-10-01", "2026-11-02"), None);
        assert_eq!(near(DateUnit::Day, "2026-11-01", "2026-11-02"), Some(DateRule::Days(-1)));
        assert_eq!(near(DateUnit::Day, "2026-10-01", "2026-11-02"), Some(DateRule::MonthStart(-1)));
        assert_eq!(near(DateUnit::Day, "2026-10-31", "2026-11-22"), Some(DateRule::MonthEnd(-1)));
        assert_eq!(near(DateUnit::Day, "2020-01-01", "2026-11-02"), None);
    }

    #[test]
    fn expressions_and_defaults_have_the_form() {
        for (rule, form, expression) in [
            (DateRule::Days(0), "%Y-%m-%d", "{{ data_interval_end.strftime('%Y-%m-%d') }}"),
            (DateRule::Days(-1), "%Y%m%d", "{{ data_interval_end.subtract(days=1).strftime('%Y%m%d') }}"),
            (DateRule::Days(2), "%Y-%m-%d", "{{ data_interval_end.add(days=2).strftime('%Y-%m-%d') }}"),
            (DateRule::Months(-1), "%Y-%m", "{{ data_interval_end.subtract(months=1).strftime('%Y-%m') }}"),
            (
                DateRule::MonthStart(-1),
                "%Y-%m-%d",
                "{{ data_interval_end.subtract(months=1).start_of('month').strftime('%Y-%m-%d') }}",
            ),
            (
                DateRule::MonthEnd(-1),
                "%Y-%m-%d",
                "{{ data_interval_end.start_of('month').subtract(days=1).strftime('%Y-%m-%d') }}",
            ),
            (
                DateRule::Quarters(-1),
                "%YQ%q",
                "{{ data_interval_end.subtract(months=3).strftime('%YQ') }}{{ data_interval_end.subtract(months=3).quarter }}",
            ),
        ] {
            assert_eq!(rule.expression(form), expression);
        }
        assert_eq!(default("%YQ%q"), None);
        assert_eq!(default("%Y-%m").as_deref(), Some("{{job.start_time.year}}-{{job.start_time.month}}"));
        assert_eq!(default("%Y-%m-%d").as_deref(), Some("{{job.start_time.iso_date}}"));
        assert_eq!(
            default("year=%Y/month=%m").as_deref(),
            Some("year={{job.start_time.year}}/month={{job.start_time.month}}")
        );
        for (expression, wanted) in [
            ("ds", "{{job.start_time.iso_date}}"),
            ("ds_nodash", "{{job.start_time.year}}{{job.start_time.month}}{{job.start_time.day}}"),
            ("execution_date.strftime('%Y-%m')", "{{job.start_time.year}}-{{job.start_time.month}}"),
            ("logical_date", "{{job.start_time.iso_datetime}}"),
            ("data_interval_start | ds", "{{job.start_time.iso_date}}"),
            ("run_id", "{{job.run_id}}"),
            ("macros.ds_add(ds, -1)", ""),
            ("execution_date.strftime('%B')", ""),
            ("params.month", ""),
        ] {
            assert_eq!(default_of(expression), wanted, "{expression}");
        }
    }
}
