//! The calendar as HTML: a grid of weeks, and a list in each one's own zone and in UTC.

use super::calendar::{CalendarRow, DAYS, PlanCalendar, calendar};
use super::{PageFacts, changed_link};
use crate::render::counted;
use crate::render::markup::html as safe;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many starts a day shows.
const MOST_A_DAY: usize = 6;
/// How many rows the list has.
const MOST_ROWS: usize = 500;

/// A day of the first or the last week that is none of the calendar's.
const BLANK: &str = "<div class=\"day gone\" aria-hidden=\"true\"></div>";
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The section's text.
pub(super) fn month(page: &PageFacts<'_>) -> String {
    let calendar = calendar(page);
    if calendar.rows.is_empty() && calendar.others.is_empty() {
        return "<p class=\"soft\">No manifest has a schedule or a trigger.</p>\n".to_owned();
    }
    let paused = calendar.rows.iter().filter(|row| row.paused.is_some()).count();
    let mut facts = vec![counted(calendar.rows.len(), "schedule", "schedules")];
    if paused > 0 {
        facts.push(format!("{paused} of them paused"));
    }
    let part = if page.plan.partial.is_some() { " Of all manifests, also of those that are not selected." } else { "" };
    let mut out = format!(
        "<p class=\"soft\">The next {DAYS} days by the manifests, once the plan is applied: {}. Days and times of the grid are those of {}.{part} \
         A dot marks what this plan changes.</p>\n",
        facts.join(", "),
        safe(&calendar.zone_name)
    );
    if !calendar.rows.is_empty() {
        grid(&mut out, page, &calendar);
        list(&mut out, page, &calendar);
    }
    timeless(&mut out, page, &calendar);
    out
}

/// The rows that start on a day, each with its time there.
type Days<'c> = BTreeMap<Date, Vec<(Zoned, &'c CalendarRow)>>;

fn grid(out: &mut String, page: &PageFacts<'_>, calendar: &PlanCalendar) {
    let mut days: Days<'_> = BTreeMap::new();
    for row in calendar.rows.iter().filter(|row| !row.starts.is_often) {
        for time in &row.starts.times {
            let there = time.with_time_zone(calendar.zone.clone());
            days.entry(there.date()).or_default().push((there, row));
        }
    }
    out.push_str("<div class=\"month\" role=\"list\">\n");
    WEEKDAYS.iter().for_each(|day| {
        let _ = write!(out, "<p class=\"wd\" aria-hidden=\"true\">{}</p>", &day[..3]);
    });
    out.push('\n');
    let back = usize::from(calendar.first.weekday().to_monday_zero_offset().unsigned_abs());
    out.push_str(&BLANK.repeat(back));
    let mut day = calendar.first;
    while day <= calendar.last {
        one_day(out, page, day, day == calendar.first, days.get(&day).map_or(&[], Vec::as_slice));
        match day.checked_add(1.day()) {
            Ok(next) => day = next,
            Err(_) => break,
        }
    }
    let left = 6 - usize::from(calendar.last.weekday().to_monday_zero_offset().unsigned_abs());
    out.push_str(&BLANK.repeat(left));
    out.push_str("</div>\n");
    let often: Vec<&CalendarRow> = calendar.rows.iter().filter(|row| row.starts.is_often).collect();
    if !often.is_empty() {
        let names: Vec<String> = often.iter().take(MOST_A_DAY).map(|row| changed_link(page, &row.address)).collect();
        let more = often.len().saturating_sub(MOST_A_DAY);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(
            out,
            "<p class=\"soft any\">Not in the grid, because they start more than four times a day: {}{more}.</p>",
            names.join(", ")
        );
    }
}

fn one_day(out: &mut String, page: &PageFacts<'_>, day: Date, is_first: bool, starts: &[(Zoned, &CalendarRow)]) {
    let mut starts: Vec<&(Zoned, &CalendarRow)> = starts.iter().collect();
    starts.sort_by_key(|(time, row)| (row.paused.is_some(), time.timestamp(), row.address.clone()));
    let class = if starts.is_empty() { " none-today" } else { "" };
    let weekend = if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) { " weekend" } else { "" };
    let number = if is_first || day.day() == 1 { day.strftime("%-d %b") } else { day.strftime("%-d") };
    let weekday = WEEKDAYS[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())];
    let _ = write!(
        out,
        "<div class=\"day{class}{weekend}\" role=\"listitem\"><p><span class=\"dow\">{weekday} </span><time datetime=\"{day}\">{number}</time></p>"
    );
    if !starts.is_empty() {
        out.push_str("<ul>");
        for (time, row) in starts.iter().take(MOST_A_DAY) {
            let off = row.paused.as_ref().map_or("", |_| " class=\"off\"");
            let word = row.paused.as_ref().map_or("", |_| " <i>paused</i>");
            let _ = write!(out, "<li{off}><b>{}</b> {}{word}</li>", time.strftime("%H:%M"), short_link(page, row));
        }
        let more = starts.len().saturating_sub(MOST_A_DAY);
        if more > 0 {
            let _ = write!(out, "<li class=\"soft\">and {more} more</li>");
        }
        out.push_str("</ul>");
    }
    out.push_str("</div>\n");
}

/// The name alone, in the narrow column of a day.
fn short_link(page: &PageFacts<'_>, row: &CalendarRow) -> String {
    let dot = if page.changed.contains_key(&row.address) {
        "<span class=\"dot\" title=\"changed by this plan\">●</span>"
    } else {
        ""
    };
    format!("{dot}<bdi>{}</bdi>", safe(&row.address.name))
}

fn list(out: &mut String, page: &PageFacts<'_>, calendar: &PlanCalendar) {
    let mut rows = String::new();
    for row in calendar.rows.iter().take(MOST_ROWS) {
        let minute = |time: &Zoned| time.strftime("%a %Y-%m-%d %H:%M").to_string();
        let (own, utc) = match row.starts.times.first() {
            Some(next) => (
                format!("{} <span class=\"soft\">{}</span>", minute(next), safe(&row.zone)),
                minute(&next.with_time_zone(TimeZone::UTC)),
            ),
            None => (format!("none in {DAYS} days"), "–".to_owned()),
        };
        let changes = row.starts.clocks_change().map(|first| {
            let utc = first.with_time_zone(TimeZone::UTC);
            format!(
                "<small>clocks change: from {} on at {} UTC</small>",
                first.strftime("%Y-%m-%d"),
                utc.strftime("%H:%M")
            )
        });
        let count =
            if row.starts.is_often { "more than 4 a day".to_owned() } else { row.starts.times.len().to_string() };
        let paused = row
            .paused
            .as_ref()
            .map(|why| format!(" <span class=\"badge none\">{}</span>", safe(why)))
            .unwrap_or_default();
        let class = if row.paused.is_some() { " class=\"off\"" } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}><th scope=\"row\">{}{paused}</th><td>{own}</td><td class=\"utc\">{utc}{}</td><td class=\"any\"><code>{}</code></td><td class=\"n\">{count}</td></tr>",
            changed_link(page, &row.address),
            changes.unwrap_or_default(),
            safe(&row.says),
        );
    }
    let _ = write!(
        out,
        "<details open><summary>Each schedule</summary>\n<div class=\"rows next\"><table><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Next, in its zone</th>\
         <th scope=\"col\">Next, in UTC</th><th scope=\"col\">Schedule</th><th scope=\"col\" class=\"n\">In {DAYS} days</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    );
    let left = calendar.rows.len().saturating_sub(MOST_ROWS);
    if left > 0 {
        let _ = writeln!(out, "<p class=\"soft\">And {left} more schedules, which start later or are paused.</p>");
    }
    out.push_str("</details>\n");
}

fn timeless(out: &mut String, page: &PageFacts<'_>, calendar: &PlanCalendar) {
    if calendar.others.is_empty() {
        return;
    }
    let mut rows = String::new();
    for row in calendar.others.iter().take(MOST_ROWS) {
        let paused = row
            .paused
            .as_ref()
            .map(|why| format!(" <span class=\"badge none\">{}</span>", safe(why)))
            .unwrap_or_default();
        let when = match &row.unknown {
            Some(why) => format!("not known: {}", safe(why)),
            None => "has no time".to_owned(),
        };
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}{paused}</th><td class=\"any\">{}</td><td class=\"any\">{when}</td></tr>",
            changed_link(page, &row.address),
            safe(&row.says),
        );
    }
    let left = calendar.others.len().saturating_sub(MOST_ROWS);
    let more = if left > 0 { format!("<p class=\"soft\">And {left} more.</p>\n") } else { String::new() };
    let _ = write!(
        out,
        "<details open><summary>Without a time that is known</summary>\n<div class=\"rows\"><table><thead><tr><th scope=\"col\">What</th><th scope=\"col\">Started by</th>\
         <th scope=\"col\">When</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n{more}</details>\n"
    );
}
