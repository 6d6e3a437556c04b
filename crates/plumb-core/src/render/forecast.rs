//! A forecast in words, as a table, and as JSON.

use super::counted;
use super::json::shown;
use super::markdown::code;
use super::parity::thousands;
use super::value::{columns, visible};
use crate::migrate::forecast::past::{PastForecast, PastStanding};
use crate::migrate::forecast::{
    DateRange, DrawnOutlook, Forecast, ForecastDates, LEAST_FINISHED, MissingInput, NoForecast, Outlook,
    PeriodsInReach, RestsOn,
};
use jiff::civil::Date;
use serde::Serialize;

/// What the lines of text begin with is as wide as this.
const WIDTH: usize = 12;
/// Levers that are shown; JSON has all.
const MOST_LEVERS: usize = 5;
/// Waves that are.
const MOST_WAVES: usize = 12;

/// A forecast for a terminal.
pub fn text(forecast: &Forecast, past: Option<&PastForecast>) -> String {
    let mut out = format!("{}\n", head(forecast));
    match &forecast.outlook {
        Outlook::Done { .. } => {}
        Outlook::Range { cut_over, done } => {
            for (name, range) in [("cut over", cut_over), ("done", done)] {
                out.push_str(&line(name, &between(range)));
            }
        }
        Outlook::Draws(drawn) => {
            for cells in table(drawn) {
                let cells =
                    cells.iter().map(|cell| format!("{cell}{}", " ".repeat(13usize.saturating_sub(columns(cell)))));
                out.push_str(format!("{}\n", cells.collect::<String>().trim_end()).as_str());
            }
        }
    }
    out.push_str(&notes(forecast).iter().map(|(name, note)| line(name, &visible(note))).collect::<String>());
    for said in sentences(forecast).into_iter().chain(past.map(|past| standing(forecast, past))) {
        out.push_str(&format!("{}\n", visible(&said)));
    }
    out
}

/// A forecast for an issue or a run's summary.
pub fn markdown(forecast: &Forecast, past: Option<&PastForecast>) -> String {
    let mut out = format!("### Forecast\n\n{}\n\n", head(forecast));
    match &forecast.outlook {
        Outlook::Done { .. } => {}
        Outlook::Range { cut_over, done } => {
            out.push_str(&format!("- cut over: {}\n- done: {}\n", between(cut_over), between(done)));
        }
        Outlook::Draws(drawn) => {
            for (row, cells) in table(drawn).iter().enumerate() {
                out.push_str(&format!("| {} |\n", cells.join(" | ")));
                if row == 0 {
                    out.push_str(&format!("|{}\n", "---|".repeat(cells.len())));
                }
            }
            out.push('\n');
        }
    }
    for (name, note) in notes(forecast) {
        out.push_str(&format!("- {name}: {}\n", plain(&note)));
    }
    for said in sentences(forecast).into_iter().chain(past.map(|past| standing(forecast, past))) {
        out.push_str(&format!("\n{}\n", plain(&said)));
    }
    out
}

/// Text of ours with names in it, which may hold anything: quoted names stay names.
fn plain(text: &str) -> String {
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { code(part) } else { visible(part) }).collect()
}

/// A forecast for a program.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(forecast: &Forecast, past: Option<&PastForecast>) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct ForecastJson<'f> {
        #[serde(flatten)]
        forecast: &'f Forecast,
        #[serde(skip_serializing_if = "Option::is_none")]
        today: Option<&'f PastForecast>,
    }
    Ok(shown(&format!("{}\n", serde_json::to_string_pretty(&ForecastJson { forecast, today: past })?)))
}

/// What a forecast lacks, each with what to do.
pub fn missing(none: &NoForecast) -> Vec<String> {
    let say = |missing: &MissingInput| match missing {
        MissingInput::Range(stage) => {
            let key = stage.key();
            format!(
                "nothing was seen of `{key}`: write `forecast: {{days: {{{key}: [least, most likely, most]}}}}` into plumb.yaml, in working days"
            )
        }
        MissingInput::Schedule(name) => format!(
            "nothing says when the periods of Migration/{name} come: name an AirflowDag with a schedule in `to.dags`, add \
             `compare.period`, or give it `period` and `shadow` to replay past ones"
        ),
        MissingInput::Pipelines => "there is no Migration: `plumb import emr` writes them".to_owned(),
    };
    none.missing.iter().map(|missing| visible(&say(missing))).collect()
}

fn head(forecast: &Forecast) -> String {
    let all = counted(forecast.pipelines, "pipeline", "pipelines");
    let rests = counted(forecast.finished_stages, "stage that finished", "stages that finished");
    let people = counted(forecast.people as usize, "person", "people");
    match &forecast.outlook {
        Outlook::Done { since: Some(day) } => format!("Done: nothing old is left of {all} since {}.", shown_day(*day)),
        Outlook::Done { since: None } => format!("Done: nothing old is left of {all}."),
        Outlook::Range { .. } => format!(
            "{} of {all} left, {people}. Percentages cannot be said: they take {LEAST_FINISHED} finished stages, and there are {}. \
             Every stage at its least, and at its most, gives",
            forecast.left, forecast.finished_stages
        ),
        Outlook::Draws(drawn) => {
            format!(
                "{} of {all} left, {people}; {} draws over {rests}",
                forecast.left,
                thousands(u64::from(drawn.draws))
            )
        }
    }
}

/// The table of dates.
fn table(drawn: &DrawnOutlook) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new(), "50 %".into(), "85 %".into(), "95 %".into()]];
    let row = |name: &str, dates: &ForecastDates| {
        let days = [dates.p50, dates.p85, dates.p95].map(shown_day);
        std::iter::once(name.to_owned()).chain(days).collect::<Vec<_>>()
    };
    rows.push(row("cut over", &drawn.cut_over));
    rows.push(row("done", &drawn.done));
    if let Some(by) = drawn.by {
        rows[0].push(format!("by {}", shown_day(by.day)));
        rows[1].push(odds(by.draws_cut_over, drawn.draws));
        rows[2].push(odds(by.draws_done, drawn.draws));
    }
    rows
}

/// What the dates come with: a word and what it says.
fn notes(forecast: &Forecast) -> Vec<(&'static str, String)> {
    let mut notes = Vec::new();
    if let Outlook::Draws(drawn) = &forecast.outlook {
        let wave =
            |wave: &crate::migrate::forecast::WaveForecast| format!("{} {}", wave.wave, shown_day(wave.cut_over.p85));
        if drawn.waves.len() > 1 {
            let more = drawn.waves.len().saturating_sub(MOST_WAVES);
            let more = (more > 0).then(|| format!("{more} more with `--output json`"));
            notes.push(("waves, 85 %", joined(drawn.waves.iter().take(MOST_WAVES).map(wave).chain(more))));
        }
        let lever = |lever: &crate::migrate::forecast::ForecastLever| {
            let sign = |number: i64| if number < 0 { "−" } else { "+" };
            let days = usize::try_from(lever.days.unsigned_abs()).unwrap_or(usize::MAX);
            let mut moves = Vec::new();
            if lever.days != 0 {
                moves.push(format!("{}{}", sign(lever.days), counted(days, "day", "days")));
            }
            if lever.points != 0 {
                moves.push(format!("{}{} in 100", sign(lever.points), lever.points.abs()));
            }
            format!("{} {}", lever.change.words(), moves.join(", "))
        };
        let levers = joined(drawn.levers.iter().take(MOST_LEVERS).map(lever));
        notes.push(("moves it", if levers.is_empty() { "nothing that was tried".into() } else { levers }));
    }
    if !forecast.rests_on.is_empty() {
        notes.push(("rests on", joined(forecast.rests_on.iter().map(rests))));
    }
    notes
}

fn rests(on: &RestsOn) -> String {
    let key = on.stage.key();
    match (on.seen, on.range) {
        (0, Some([least, likely, most])) => format!("{key} none seen, range {least}–{likely}–{most}"),
        (seen, Some([least, likely, most])) => format!("{key} {seen} seen, range {least}–{likely}–{most}"),
        (seen, None) => format!("{key} {seen} seen"),
    }
}

/// What the dates do not say.
fn sentences(forecast: &Forecast) -> Vec<String> {
    let mut said = Vec::new();
    if let (Outlook::Range { done, .. }, Some(by)) = (&forecast.outlook, forecast.by) {
        let by_then = if done.earliest > by {
            "not even with every stage at its least"
        } else if done.latest <= by {
            "even with every stage at its most"
        } else {
            "whether it is done cannot be said yet"
        };
        said.push(format!("By {}: {by_then}.", shown_day(by)));
    }
    if let Some(by) = forecast.by {
        said.extend(forecast.periods.iter().map(|one| in_reach(one, by)));
    }
    said.extend(calendar(forecast));
    if forecast.outside > 0 {
        let outside = counted(forecast.outside, "pipeline is", "pipelines are");
        said.push(format!("{outside} not in it: no Migration is about them."));
    }
    said.extend(forecast.unread.iter().map(|unread| format!("Not known: {unread}.")));
    said
}

/// How many periods come until the day, and what replays change.
fn in_reach(one: &PeriodsInReach, by: Date) -> String {
    let PeriodsInReach { migrations, every_days, natural, missing, .. } = one;
    let who = match migrations.as_slice() {
        [only] => format!("of `{only}`"),
        all => format!("of each of {} pipelines", all.len()),
    };
    let often = match every_days {
        Some(0 | 1) => " (daily)".to_owned(),
        Some(days) => format!(" (every {days} days)"),
        None => String::new(),
    };
    let come = match natural {
        0 => "no period comes by itself".to_owned(),
        1 => "1 period comes by itself".to_owned(),
        many => format!("{many} periods come by themselves"),
    };
    let needed = format!("{} missing", counted(*missing as usize, "comparison is", "comparisons are"));
    let verdict = match one.replays() {
        0 => "no replay is needed".to_owned(),
        _ if !one.replayable => {
            "nothing makes up for the rest, as it cannot replay without `period` and `shadow`".to_owned()
        }
        1 => "1 replay makes up for the rest".to_owned(),
        replays => format!("{replays} replays make up for the rest"),
    };
    format!("Until {}, {come} {who}{often}, and {needed}: {verdict}.", shown_day(by))
}

/// How much of it is waiting for the calendar.
fn calendar(forecast: &Forecast) -> Option<String> {
    let alone = forecast.calendar_alone?;
    let likely = match &forecast.outlook {
        Outlook::Draws(drawn) => drawn.done.p50,
        Outlook::Range { done, .. } => done.latest,
        Outlook::Done { .. } => return None,
    };
    let days = |from: Date, to: Date| i64::from((to - from).get_days());
    let today = crate::migrate::forecast::calendar::day_of(forecast.now);
    let (waits, works) = (days(today, alone), days(alone, likely));
    let what = "periods, replays, cutovers and grace periods";
    let alone = format!(
        "If no work took any time, it would be done on {}: {what} alone take {}",
        shown_day(alone),
        counted(waits.max(0) as usize, "day", "days")
    );
    let work = counted(works.max(0) as usize, "day", "days");
    Some(if works * 2 <= waits {
        format!("{alone}, work adds {work}. The calendar, not the work, is what it waits for.")
    } else {
        format!("{alone}, work adds {work}.")
    })
}

/// How an earlier forecast stands today.
fn standing(forecast: &Forecast, past: &PastForecast) -> String {
    let now = shown_day(crate::migrate::forecast::calendar::day_of(forecast.now));
    let today = shown_day(past.today);
    let so_far = format!(
        "{} of {} done, {} cut over",
        past.done,
        counted(past.pipelines, "pipeline", "pipelines"),
        past.cut_over
    );
    let days = |days: &i64| counted(usize::try_from(*days).unwrap_or(0), "day", "days");
    let p85 = match &forecast.outlook {
        Outlook::Draws(drawn) => shown_day(drawn.done.p85),
        Outlook::Done { .. } | Outlook::Range { .. } => String::new(),
    };
    let how = match &past.standing {
        PastStanding::Held { on } => format!("said 85 %: {p85}. All were done on {}: it held.", shown_day(*on)),
        PastStanding::Late { on, days: late } => {
            format!("said 85 %: {p85}. All were done on {}, {} later.", shown_day(*on), days(late))
        }
        PastStanding::DoneAtSomeTime => format!("said 85 %: {p85}. All are done; since when is not known."),
        PastStanding::Missed { days: over } => format!("said 85 %: {p85}. That was {} ago, and {so_far}.", days(over)),
        PastStanding::Open { days: left } => format!("said 85 %: {p85}. {} to go, and {so_far}.", days(left)),
        PastStanding::NoDate => format!("had no day of 85 %; {so_far}."),
    };
    format!("Today, {today}: the forecast of {now} {how}")
}

/// In how many of all draws, in words that promise no more than was drawn.
fn odds(count: u32, of: u32) -> String {
    const SIMPLE: [(u32, u32); 15] = [
        (1, 50),
        (1, 20),
        (1, 10),
        (1, 5),
        (1, 4),
        (1, 3),
        (2, 5),
        (1, 2),
        (3, 5),
        (2, 3),
        (3, 4),
        (4, 5),
        (9, 10),
        (19, 20),
        (49, 50),
    ];
    let draws = thousands(u64::from(of));
    let share = f64::from(count) / f64::from(of.max(1));
    match count {
        0 => format!("in none of {draws} draws"),
        all if all == of => format!("in all of {draws} draws"),
        _ if share < 0.01 => "less than 1 in 100".into(),
        _ if share > 0.99 => "more than 99 in 100".into(),
        _ => {
            let apart = |(part, whole): &(u32, u32)| (share - f64::from(*part) / f64::from(*whole)).abs();
            let nearest = SIMPLE.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
            let (part, whole) = nearest.copied().unwrap_or((1, 1));
            format!("about {part} in {whole} ({:.0} %)", share * 100.0)
        }
    }
}

fn between(range: &DateRange) -> String {
    format!("{} to {}", shown_day(range.earliest), shown_day(range.latest))
}

fn shown_day(day: Date) -> String {
    day.strftime("%-d %b %Y").to_string()
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(" · ")
}

fn line(name: &str, text: &str) -> String {
    format!("{name}{} {text}\n", " ".repeat(WIDTH.saturating_sub(columns(name))))
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
