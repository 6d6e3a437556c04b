//! Templates of tasks: what of Jinja speaks of a run's time. Names, slices, `strftime`, pendulum's `add`, `subtract`,
//! `start_of` and `in_timezone`, the filters `ds`, `ds_nodash` and `ts`, `macros.timedelta`, `ds_add` and `ds_format`.
//!
//! Anything else is refused, with its text: the sandbox never passes a template on as it is.

use super::runs::DagRun;
use jiff::{Span, Timestamp, Zoned, civil::Date, tz::TimeZone};
use serde_json::Value;

/// What templates of one run may speak of. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct TemplateContext<'a> {
    pub dag_id: &'a str,
    pub run_id: &'a str,
    pub logical: i64,
    pub start: i64,
    pub end: i64,
}

impl<'a> TemplateContext<'a> {
    /// Of a run: one without an interval has the moment that it is for.
    pub fn of(run: &'a DagRun) -> Self {
        let logical = run.logical.unwrap_or(run.run_after);
        TemplateContext {
            dag_id: &run.dag_id,
            run_id: &run.run_id,
            logical,
            start: run.start_interval.unwrap_or(logical),
            end: run.end_interval.unwrap_or(logical),
        }
    }
}

/// Fills in every text of a value.
pub fn filled(value: &Value, context: &TemplateContext<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(render(text, context)?),
        Value::Array(items) => items.iter().map(|item| filled(item, context)).collect::<Result<Vec<_>, _>>()?.into(),
        Value::Object(members) => {
            let mut out = serde_json::Map::new();
            for (name, member) in members {
                out.insert(name.clone(), filled(member, context)?);
            }
            Value::Object(out)
        }
        other => other.clone(),
    })
}

/// The text with its expressions worked out.
pub fn render(text: &str, context: &TemplateContext<'_>) -> Result<String, String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let (inner, behind) = after.split_once("}}").ok_or_else(|| format!("`{{{{` is never closed in `{text}`"))?;
        let unknown = || format!("the sandbox does not know the expression `{}`", inner.trim());
        let mut expression = Expression { text: inner, context };
        let value = expression.sum().filter(|_| expression.text.trim().is_empty()).ok_or_else(unknown)?;
        out.push_str(before);
        out.push_str(&value.text().ok_or_else(unknown)?);
        rest = behind;
    }
    if rest.contains("{%") {
        return Err(format!("the sandbox does not know statements of Jinja: `{text}`"));
    }
    Ok(out + rest)
}

#[derive(Clone, Debug)]
enum JinjaValue {
    Time(Zoned),
    Text(String),
    Number(i64),
    Delta(Span),
    /// Something whose members are asked for: `dag_run`, `macros`.
    Module(&'static str),
}

impl JinjaValue {
    fn text(&self) -> Option<String> {
        match self {
            JinjaValue::Time(at) => Some(iso(at)),
            JinjaValue::Text(text) => Some(text.clone()),
            JinjaValue::Number(number) => Some(number.to_string()),
            JinjaValue::Delta(_) | JinjaValue::Module(_) => None,
        }
    }
}

/// A time as Python writes it: `2026-10-02T03:00:00+00:00`.
fn iso(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn ds(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// What is left to read of an expression.
struct Expression<'e> {
    text: &'e str,
    context: &'e TemplateContext<'e>,
}

type Named = Vec<(String, JinjaValue)>;

impl<'e> Expression<'e> {
    fn take(&mut self, sign: char) -> bool {
        let rest = self.text.trim_start().strip_prefix(sign);
        if let Some(rest) = rest {
            self.text = rest;
        }
        rest.is_some()
    }

    fn word(&mut self) -> Option<&'e str> {
        let text = self.text.trim_start();
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        self.text = rest;
        Some(word).filter(|word| !word.is_empty())
    }

    fn sum(&mut self) -> Option<JinjaValue> {
        let mut value = self.filtered()?;
        loop {
            let sign = if self.take('-') {
                -1
            } else if self.take('+') {
                1
            } else {
                return Some(value);
            };
            value = match (value, self.filtered()?) {
                (JinjaValue::Time(at), JinjaValue::Delta(span)) => {
                    JinjaValue::Time(at.checked_add(span.checked_mul(sign).ok()?).ok()?)
                }
                (JinjaValue::Number(a), JinjaValue::Number(b)) => JinjaValue::Number(a.checked_add(sign * b)?),
                _ => return None,
            };
        }
    }

    fn filtered(&mut self) -> Option<JinjaValue> {
        let mut value = self.part()?;
        while self.take('|') {
            let JinjaValue::Time(at) = &value else { return None };
            value = JinjaValue::Text(match self.word()? {
                "ds" => ds(at),
                "ds_nodash" => ds(at).replace('-', ""),
                "ts" => iso(at),
                _ => return None,
            });
        }
        Some(value)
    }

    fn part(&mut self) -> Option<JinjaValue> {
        let mut value = self.primary()?;
        loop {
            if self.take('.') {
                let name = self.word()?;
                value = if self.take('(') {
                    let given = self.arguments()?;
                    called(&value, name, &given)?
                } else {
                    self.member(&value, name)?
                };
            } else if self.take('[') {
                let (from, to) = self.text.split_once(']')?.0.split_once(':')?;
                self.text = self.text.split_once(']')?.1;
                let JinjaValue::Text(text) = &value else { return None };
                value = JinjaValue::Text(slice(text, from.trim(), to.trim())?);
            } else {
                return Some(value);
            }
        }
    }

    fn primary(&mut self) -> Option<JinjaValue> {
        if self.take('(') {
            let value = self.sum()?;
            return self.take(')').then_some(value);
        }
        for quote in ['"', '\''] {
            if self.take(quote) {
                let (text, rest) = self.text.split_once(quote)?;
                self.text = rest;
                return Some(JinjaValue::Text(text.to_owned()));
            }
        }
        if self.take('-') {
            return self.word()?.parse::<i64>().ok().map(|number| JinjaValue::Number(-number));
        }
        let word = self.word()?;
        let of = self.context;
        Some(match word {
            "logical_date" | "execution_date" => JinjaValue::Time(zoned(of.logical)?),
            "data_interval_start" => JinjaValue::Time(zoned(of.start)?),
            "data_interval_end" => JinjaValue::Time(zoned(of.end)?),
            "ds" => JinjaValue::Text(ds(&zoned(of.logical)?)),
            "ds_nodash" => JinjaValue::Text(ds(&zoned(of.logical)?).replace('-', "")),
            "ts" => JinjaValue::Text(iso(&zoned(of.logical)?)),
            "run_id" => JinjaValue::Text(of.run_id.to_owned()),
            "dag" => JinjaValue::Module("dag"),
            "dag_run" => JinjaValue::Module("dag_run"),
            "macros" => JinjaValue::Module("macros"),
            number => JinjaValue::Number(number.parse().ok()?),
        })
    }

    fn member(&self, value: &JinjaValue, name: &str) -> Option<JinjaValue> {
        let of = self.context;
        match (value, name) {
            (JinjaValue::Time(at), "year") => Some(JinjaValue::Number(at.year().into())),
            (JinjaValue::Time(at), "month") => Some(JinjaValue::Number(at.month().into())),
            (JinjaValue::Time(at), "quarter") => Some(JinjaValue::Number(i64::from((at.month() - 1) / 3 + 1))),
            (JinjaValue::Time(at), "day") => Some(JinjaValue::Number(at.day().into())),
            (JinjaValue::Module("dag"), "dag_id") => Some(JinjaValue::Text(of.dag_id.to_owned())),
            (JinjaValue::Module("dag_run"), "run_id") => Some(JinjaValue::Text(of.run_id.to_owned())),
            (JinjaValue::Module("dag_run"), "logical_date") => Some(JinjaValue::Time(zoned(of.logical)?)),
            _ => None,
        }
    }

    fn arguments(&mut self) -> Option<Named> {
        let mut given = Vec::new();
        while !self.take(')') {
            let before = self.text;
            let name = self.word().filter(|_| self.take('='));
            if name.is_none() {
                self.text = before;
            }
            given.push((name.unwrap_or_default().to_owned(), self.sum()?));
            if !self.take(',') {
                return self.take(')').then_some(given);
            }
        }
        Some(given)
    }
}

fn zoned(ms: i64) -> Option<Zoned> {
    Some(Timestamp::from_millisecond(ms).ok()?.to_zoned(TimeZone::UTC))
}

/// Characters as Python counts them; a negative place counts from the end.
fn slice(text: &str, from: &str, to: &str) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let length = i64::try_from(chars.len()).ok()?;
    let place = |text: &str, absent: i64| -> Option<usize> {
        let at: i64 = if text.is_empty() { absent } else { text.parse().ok()? };
        usize::try_from(if at < 0 { at + length } else { at }.clamp(0, length)).ok()
    };
    let (from, to) = (place(from, 0)?, place(to, length)?);
    Some(chars.get(from..to.max(from))?.iter().collect())
}

/// `months=1, days=2` as a span.
fn span(given: &Named) -> Option<Span> {
    let mut span = Span::new();
    for (unit, value) in given {
        let JinjaValue::Number(count) = value else { return None };
        span = match unit.as_str() {
            "years" => span.try_years(*count),
            "months" => span.try_months(*count),
            "weeks" => span.try_weeks(*count),
            "days" => span.try_days(*count),
            "hours" => span.try_hours(*count),
            "minutes" => span.try_minutes(*count),
            "seconds" => span.try_seconds(*count),
            _ => return None,
        }
        .ok()?;
    }
    Some(span)
}

fn called(value: &JinjaValue, name: &str, given: &Named) -> Option<JinjaValue> {
    let text = |place: usize| match given.get(place) {
        Some((_, JinjaValue::Text(text))) => Some(text.as_str()),
        _ => None,
    };
    match (value, name) {
        (JinjaValue::Time(at), "strftime") => Some(JinjaValue::Text(at.strftime(text(0)?).to_string())),
        (JinjaValue::Time(at), "isoformat") => Some(JinjaValue::Text(iso(at))),
        (JinjaValue::Time(at), "add") => Some(JinjaValue::Time(at.checked_add(span(given)?).ok()?)),
        (JinjaValue::Time(at), "subtract") => Some(JinjaValue::Time(at.checked_sub(span(given)?).ok()?)),
        (JinjaValue::Time(at), "in_timezone" | "in_tz") => {
            Some(JinjaValue::Time(at.with_time_zone(TimeZone::get(text(0)?).ok()?)))
        }
        (JinjaValue::Time(at), "start_of") => {
            let day = at.start_of_day().ok()?;
            Some(JinjaValue::Time(match text(0)? {
                "day" => day,
                "month" => day.first_of_month().ok()?,
                "year" => day.first_of_year().ok()?,
                _ => return None,
            }))
        }
        (JinjaValue::Module("macros"), "timedelta") => Some(JinjaValue::Delta(span(given)?)),
        (JinjaValue::Module("macros"), "ds_add") => {
            let Some((_, JinjaValue::Number(days))) = given.get(1) else { return None };
            let date: Date = text(0)?.parse().ok()?;
            Some(JinjaValue::Text(date.checked_add(Span::new().try_days(*days).ok()?).ok()?.to_string()))
        }
        (JinjaValue::Module("macros"), "ds_format") => {
            let date = Date::strptime(text(1)?, text(0)?).ok()?;
            Some(JinjaValue::Text(date.strftime(text(2)?).to_string()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Result<String, String> {
        let ms = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let context = TemplateContext {
            dag_id: "monthly",
            run_id: "scheduled__2026-10-02T03:00:00+00:00",
            logical: ms("2026-10-02T03:00:00Z"),
            start: ms("2026-10-02T03:00:00Z"),
            end: ms("2026-11-02T04:00:00Z"),
        };
        render(text, &context)
    }

    #[test]
    fn what_speaks_of_a_runs_time_is_worked_out() {
        for (template, text) in [
            ("plain", "plain"),
            ("month={{ ds[:7] }}/", "month=2026-10/"),
            ("{{ds}} {{ ds_nodash }} {{ ts }}", "2026-10-02 20261002 2026-10-02T03:00:00+00:00"),
            ("{{ data_interval_start | ds }}..{{ data_interval_end | ds_nodash }}", "2026-10-02..20261102"),
            ("{{ data_interval_end.subtract(months=2).strftime('%Y-%m') }}", "2026-09"),
            ("{{ logical_date.start_of('month').add(days=-1) | ds }}", "2026-09-30"),
            ("{{ (logical_date - macros.timedelta(days=2)).strftime(\"%d.%m.\") }}", "30.09."),
            ("{{ data_interval_start.in_timezone('Europe/Berlin').strftime('%H') }}", "05"),
            ("{{ macros.ds_add(ds, -2) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%Y%m') }}", "2026-09-30 202610"),
            ("{{ logical_date.year }} {{ dag.dag_id }} {{ dag_run.run_id[:9] }}", "2026 monthly scheduled"),
        ] {
            assert_eq!(said(template).as_deref(), Ok(text), "{template}");
        }
    }

    /// As jinja2 and pendulum have them.
    #[test]
    fn what_an_import_writes_for_dates_is_worked_out() {
        let at = |end: &str| {
            let end = end.parse::<Timestamp>().unwrap().as_millisecond();
            let context = TemplateContext { end, ..TemplateContext::default() };
            [
                "{{ data_interval_end.subtract(days=1).strftime('%Y%m%d') }}",
                "{{ data_interval_end.subtract(months=1).strftime('%Y-%m') }}",
                "{{ data_interval_end.subtract(months=1).start_of('month').strftime('%Y-%m-%d') }}",
                "{{ data_interval_end.start_of('month').subtract(days=1).strftime('%Y-%m-%d') }}",
                "{{ data_interval_end.add(months=1).start_of('month').subtract(days=1).strftime('%Y/%m/%d') }}",
                "{{ data_interval_end.subtract(months=1).strftime('year=%Y/month=%m') }}",
            ]
            .map(|text| render(text, &context).unwrap())
            .join(" ")
        };
        assert_eq!(at("2026-03-31T03:00:00Z"), "20260330 2026-02 2026-02-01 2026-02-28 2026/03/31 year=2026/month=02");
        assert_eq!(at("2027-01-01T00:00:00Z"), "20261231 2026-12 2026-12-01 2026-12-31 2027/01/31 year=2026/month=12");
    }

    #[test]
    fn what_is_not_known_is_refused_with_its_text() {
        for template in
            ["{{ var.value.x }}", "{{ ds", "{% if ds %}x{% endif %}", "{{ ds.open() }}", "{{ ds ds }}", "{{ macros }}"]
        {
            assert!(said(template).is_err(), "{template}");
        }
        assert_eq!(said("{{ var.value.x }}"), Err("the sandbox does not know the expression `var.value.x`".to_owned()));
    }

    #[test]
    fn every_text_of_a_request_is_filled_in() {
        let request =
            serde_json::json!({ "Name": "bau-{{ ds[:7] }}", "Steps": [{ "Args": ["--month", "{{ ds[:7] }}", 3] }] });
        let context = TemplateContext { logical: 1_790_910_000_000, ..TemplateContext::default() };
        let wanted = serde_json::json!({ "Name": "bau-2026-10", "Steps": [{ "Args": ["--month", "2026-10", 3] }] });
        assert_eq!(filled(&request, &context), Ok(wanted));
    }
}
