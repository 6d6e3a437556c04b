//! The inventory as one page that people print and forward. Its only script sorts tables; no address is loaded, and nothing
//! from AWS is more than text.

use super::super::markup::{html as safe, page_with, script};
use super::details::{application, list, pipeline};
use super::pictures::{flow, shares};
use super::{grouped, head, length, minute, money, period, summary, users, wave};
use crate::inventory::support::SupportPhase;
use crate::migrate::exit::{ExitReport, ExitRow, ExitWave};
use crate::translate::{Light, LightEffort, LightReason};
use std::collections::BTreeMap;

const STYLE: &str = concat!(include_str!("../parity/style.css"), include_str!("style.css"));
const SORT: &str = include_str!("sort.js");
/// How many reasons a tooltip has; all of them stand below.
const MOST_REASONS: usize = 8;
/// How many ties the table of them has.
const MOST_TIES: usize = 400;

/// The whole page.
pub fn html(report: &ExitReport) -> String {
    let inventory = &report.inventory;
    let mut out = page_with(&format!("EMR of account {} in {}", inventory.account, inventory.region), STYLE, SORT);
    out.push_str(&format!(
        "<header><div><p class=\"over\">EMR inventory</p><h1>Account <bdi>{}</bdi> <span><bdi>{}</bdi></span></h1>\
         <p class=\"soft any\">{}. Read {} UTC. {}</p></div></header>\n<main>\n<p class=\"lead\">{}</p>\n",
        safe(&inventory.account),
        safe(&inventory.region),
        safe(&head(inventory)),
        minute(inventory.read_at),
        safe(&period(inventory)),
        safe(&summary(&report.totals)),
    ));
    if !inventory.unread.is_empty() {
        let say = |one: &crate::inventory::UnreadPart| format!("{} {}: {}", one.what, one.of.join(", "), one.why);
        out.push_str("<div class=\"box none\"><p><strong>Not read, and so not known</strong></p>");
        out.push_str(&list(inventory.unread.iter().map(say)));
        out.push_str("</div>\n");
    }
    if !inventory.not_asked.says.is_empty() {
        let items: String = inventory.not_asked.says.iter().map(|says| format!("<li>{}</li>", safe(says))).collect();
        out.push_str(&format!(
            "<div class=\"box\"><p><strong>Not asked, and so not known</strong></p><ul class=\"any\">{items}</ul></div>\n"
        ));
    }
    tiles(&mut out, report);
    section(&mut out, "Pipelines, the costliest first", &ranking(report));
    section(&mut out, "Proposed waves", &waves(report));
    section(&mut out, "What ties pipelines together", &ties(report));
    if !report.team_questions.is_empty() {
        let items: String = report.team_questions.iter().map(|what| format!("<li>{}</li>", safe(what))).collect();
        let text = format!(
            "<p class=\"soft\">Not counted above: <code>spec.answers</code> of plumb.yaml answers each for all pipelines, and a default is taken until then.</p>\n\
             <ul class=\"list any\">{items}</ul>\n"
        );
        section(&mut out, "Decided once for all pipelines", &text);
    }
    section(&mut out, "Each pipeline", &each(report));
    if !inventory.security_configurations.is_empty() {
        section(&mut out, "Security configurations", &security(report));
    }
    out.push_str(
        "</main>\n<footer><p>Lights are from a translation of each pipeline's newest cluster. Ties are those that arguments and \
         configurations tell: what a program has in its own code is not known. Hours are AWS's normalised instance hours, rounded \
         up for each cluster. Support dates are those of AWS's page “Amazon EMR standard support”. The numbers are those of \
         <code>plumb emr inventory --output json</code>.</p></footer>\n",
    );
    out.push_str(&script(SORT));
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    out.push_str(&format!("<section><h2>{title}</h2>\n{text}</section>\n"));
}

/// The class of an effort's colour.
pub(super) fn class(light: Option<&Light>) -> &'static str {
    match light.map(|light| light.effort) {
        Some(LightEffort::Automatic) => "ok",
        Some(LightEffort::Questions) => "none",
        Some(LightEffort::Rewrite) => "bad",
        None => "soft",
    }
}

/// A light; with its reasons where the pointer rests on it.
pub(super) fn badge(light: Option<&Light>, reasons: bool) -> String {
    let Some(known) = light else { return "<span class=\"light soft\">not known</span>".to_owned() };
    let all = known.rewrite.iter().chain(&known.questions);
    let line = |one: &LightReason| format!("• {}", one.what);
    let mut lines: Vec<String> = all.clone().take(MOST_REASONS).map(line).collect();
    let left = all.count().saturating_sub(MOST_REASONS);
    if left > 0 {
        lines.push(format!("and {left} more, below"));
    }
    let title = if reasons && !lines.is_empty() {
        // A line break of ours: what is from AWS has none left.
        let lines: Vec<String> = lines.iter().map(|line| safe(line)).collect();
        format!(" title=\"{}\"", lines.join("&#10;"))
    } else {
        String::new()
    };
    format!("<span class=\"light {}\"{title}>{}</span>", class(light), safe(&known.says))
}

fn tiles(out: &mut String, report: &ExitReport) {
    let totals = &report.totals;
    let of = |all: usize| format!("of {all} pipelines");
    let tied = report.waves.iter().filter(|wave| wave.pipelines.len() > 1).count();
    let mut tiles = vec![
        ("Pipelines", totals.pipelines.to_string(), format!("{} clusters", grouped(totals.clusters as u64))),
        ("Normalised hours", grouped(totals.normalized_instance_hours), String::new()),
        (
            "Failed runs",
            grouped(totals.failed as u64),
            totals
                .failed_percent
                .map_or_else(String::new, |percent| format!("{percent} % of {}", grouped(totals.runs as u64))),
        ),
        ("Automatic", totals.automatic.to_string(), of(totals.pipelines)),
        ("Questions", totals.questions.to_string(), format!("in {} pipelines", asked(report))),
        ("To rewrite in part", totals.rewrite.to_string(), of(totals.pipelines)),
        ("Standard support ended", totals.support_ended.to_string(), of(totals.pipelines)),
        ("Waves", report.waves.len().to_string(), format!("{tied} of several pipelines")),
    ];
    if let Some(cost) = &totals.cost
        && let Some(month) = cost.month
    {
        let of = format!("{} of {} pipelines", totals.priced, totals.pipelines);
        tiles.push(("Cost of 30 days", format!("{} {}", super::super::cost::amount(month), cost.currency), of));
    }
    let tile = |(name, value, below): &(&str, String, String)| {
        let below = if below.is_empty() { String::new() } else { format!("<small>{}</small>", safe(below)) };
        format!("<div><dt>{name}</dt><dd>{}{below}</dd></div>", safe(value))
    };
    out.push_str(&format!("<dl class=\"tiles\">{}</dl>\n", tiles.iter().map(tile).collect::<String>()));
    out.push_str(&shares(report));
}

/// How many pipelines have a question.
fn asked(report: &ExitReport) -> usize {
    report.ranking.iter().filter(|row| row.light.as_ref().is_some_and(|light| !light.questions.is_empty())).count()
}

/// A table that scrolls by itself and, unless it is short, can be sorted.
fn table(label: &str, class: &str, heads: &[(&str, bool)], rows: &str) -> String {
    let heads: String = heads
        .iter()
        .map(|(head, number)| format!("<th scope=\"col\"{}>{head}</th>", if *number { " class=\"n\"" } else { "" }))
        .collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table class=\"sort {class}\"><thead><tr>{heads}</tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// A cell with a number to sort by; nothing is not known.
fn number(value: Option<u64>, text: &str) -> String {
    let value = value.map(|value| value.to_string()).unwrap_or_default();
    format!("<td class=\"n\" data-v=\"{value}\">{}</td>", safe(text))
}

fn link(row: &ExitRow) -> String {
    format!("<a href=\"#p{}\"><bdi>{}</bdi></a>", row.rank, safe(&row.name))
}

/// By how much is left to people.
fn weight(light: Option<&Light>) -> Option<u64> {
    let light = light?;
    let effort = match light.effort {
        LightEffort::Automatic => 0,
        LightEffort::Questions => 1,
        LightEffort::Rewrite => 2,
    };
    Some(effort * 1_000_000 + light.rewrite.len() as u64 * 1000 + light.questions.len() as u64)
}

fn ranking(report: &ExitReport) -> String {
    let inventory = &report.inventory;
    let of: BTreeMap<String, &crate::inventory::Pipeline> =
        inventory.pipelines.iter().map(|one| (format!("pipeline {}", one.name), one)).collect();
    let applications: BTreeMap<String, &crate::inventory::EmrApplication> =
        inventory.serverless.iter().map(|one| (format!("application {}", one.id), one)).collect();
    let priced = report.ranking.iter().any(|row| row.cost.is_some());
    let mut heads = vec![
        ("#", true),
        ("Pipeline", false),
        ("Light", false),
        ("Hours", true),
        ("Runs", true),
        ("Failed", true),
        ("Median", true),
        ("Release", false),
        ("Support", false),
        ("Wave", true),
        ("Last run", true),
    ];
    if priced {
        heads.insert(4, ("30 days", true));
    }
    let mut rows = String::new();
    for row in &report.ranking {
        let (one, app) = (of.get(&row.of), applications.get(&row.of));
        let took = one.and_then(|one| one.duration.as_ref()).map(|took| took.median);
        let jobs = || app.iter().flat_map(|app| app.jobs.iter().flatten());
        let last = one.and_then(|one| one.last_run).or_else(|| jobs().filter_map(|job| job.last_run).max());
        let live = one.map_or(0, |one| one.live);
        let live = if live > 0 { format!(" <span class=\"soft\">{live} live</span>") } else { String::new() };
        let serverless = if app.is_some() { " <span class=\"soft\">serverless</span>" } else { "" };
        let failed_percent = (row.failed * 100).checked_div(row.runs).filter(|_| row.failed > 0);
        let failed = failed_percent.map_or_else(|| "0".to_owned(), |share| format!("{} ({share} %)", row.failed));
        let (support_class, until) = match row.support.phase {
            SupportPhase::Ended => ("s-bad", row.support.extended_until.max(row.support.standard_until)),
            SupportPhase::Extended => ("s-none", row.support.extended_until),
            SupportPhase::Supported => ("", row.support.standard_until),
            SupportPhase::Unknown => ("soft", None),
        };
        let support = match (row.support.phase, until) {
            (SupportPhase::Ended, _) => "ended".to_owned(),
            (SupportPhase::Extended, Some(day)) => format!("extended to {day}"),
            (_, Some(day)) => format!("ends {day}"),
            (_, None) => "unknown".to_owned(),
        };
        let day = until.map(|day| format!("{:04}{:02}{:02}", day.year(), day.month(), day.day())).unwrap_or_default();
        let share =
            row.hours_percent.map(|share| format!(" <span class=\"soft\">{share} %</span>")).unwrap_or_default();
        let hours = number(row.hours, &row.hours.map_or_else(|| "–".to_owned(), grouped));
        let hours = hours.replacen("</td>", &format!("{share}</td>"), 1);
        let month = row.cost.as_ref().and_then(|cost| cost.month);
        let cost = if priced {
            let high = month.and_then(|month| u64::try_from(month.high.micros()).ok());
            let text = month.map_or_else(|| "–".to_owned(), super::super::cost::amount);
            let says = row.cost.as_ref().map(money).unwrap_or_default();
            let cell = number(high, &text);
            cell.replacen("<td ", &format!("<td title=\"{}\" ", safe(&says)), 1)
        } else {
            String::new()
        };
        rows.push_str(&format!(
            "<tr><td class=\"n\" data-v=\"{rank}\">{rank}</td><th scope=\"row\">{}{live}{serverless}</th><td data-v=\"{}\">{}</td>{}{cost}{}{}{}<td>{}</td>\
             <td data-v=\"{day}\" class=\"{support_class}\" title=\"{}\">{}</td>{}{}</tr>\n",
            link(row),
            weight(row.light.as_ref()).map(|weight| weight.to_string()).unwrap_or_default(),
            badge(row.light.as_ref(), true),
            hours,
            number(Some(row.runs as u64), &row.runs.to_string()),
            number(Some(row.failed as u64), &failed),
            number(took, &took.map_or_else(|| "–".to_owned(), length)),
            safe(&row.support.release),
            safe(&row.support.says),
            safe(&support),
            number(row.wave.map(|wave| wave as u64), &row.wave.map_or_else(|| "–".to_owned(), |wave| wave.to_string())),
            number(last.and_then(|at| u64::try_from(at.as_second()).ok()), &last.map(|at| at.strftime("%Y-%m-%d").to_string()).unwrap_or_default()),
            rank = row.rank,
        ));
    }
    let currency =
        report.totals.cost.as_ref().map(|cost| format!(" Costs are in {}, instances and EMR.", cost.currency));
    format!(
        "<p class=\"soft\">Ranked by hours, then by failures. A click on a head sorts; a light says why where the pointer rests on it, and below.{}</p>\n{}",
        safe(&currency.unwrap_or_default()),
        table("Pipelines", "ranking", &heads, &rows)
    )
}

fn waves(report: &ExitReport) -> String {
    let by: BTreeMap<&str, &ExitRow> = report.ranking.iter().map(|row| (row.of.as_str(), row)).collect();
    let rows_of = |one: &ExitWave| -> Vec<&ExitRow> {
        one.pipelines.iter().filter_map(|of| by.get(of.as_str()).copied()).collect()
    };
    let mut rows = String::new();
    for one in &report.waves {
        let names: Vec<String> = rows_of(one).into_iter().map(link).collect();
        rows.push_str(&format!(
            "<tr>{}<th scope=\"row\" class=\"any\">{}</th>{}{}{}{}</tr>\n",
            number(Some(one.number as u64), &one.number.to_string()),
            names.join(", "),
            number(Some(one.pipelines.len() as u64), &one.pipelines.len().to_string()),
            number(Some(one.normalized_instance_hours), &grouped(one.normalized_instance_hours)),
            number(Some(one.questions as u64), &one.questions.to_string()),
            number(Some(one.rewrite as u64), &one.rewrite.to_string()),
        ));
    }
    let heads = [
        ("Wave", true),
        ("Pipelines", false),
        ("Count", true),
        ("Hours", true),
        ("Questions", true),
        ("To rewrite", true),
    ];
    let mut out = format!(
        "<p class=\"soft\">No path crosses from one wave to another, so each can be moved by itself. Small ones come first; of one size, \
         those with the least left to people.</p>\n{}",
        table("Proposed waves", "", &heads, &rows)
    );
    for one in report.waves.iter().filter(|one| one.pipelines.len() > 1) {
        out.push_str(&format!(
            "<div class=\"wave\"><h3>Wave {} <span class=\"soft\">{}</span></h3>\n{}</div>\n",
            one.number,
            safe(&wave(one)),
            flow(one, &rows_of(one), &report.ties)
        ));
    }
    out
}

fn ties(report: &ExitReport) -> String {
    if report.ties.is_empty() {
        return "<p class=\"soft\">No pipeline writes what another one reads, as far as arguments and configurations tell.</p>\n".into();
    }
    let by: BTreeMap<&str, &ExitRow> = report.ranking.iter().map(|row| (row.of.as_str(), row)).collect();
    let name = |of: &str| by.get(of).map(|row| link(row)).unwrap_or_default();
    let mut rows = String::new();
    for tie in report.ties.iter().take(MOST_TIES) {
        rows.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"any\"><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
            name(&tie.from),
            safe(&tie.path),
            if tie.sure { "reads" } else { "perhaps reads" },
            name(&tie.to),
        ));
    }
    let left = report.ties.len().saturating_sub(MOST_TIES);
    let more = if left > 0 {
        format!("<p class=\"soft\">And {left} more: <code>--output json</code>.</p>\n")
    } else {
        String::new()
    };
    let heads = [("Writes", false), ("Path", false), ("How", false), ("Reader", false)];
    format!("{}{more}", table("What ties pipelines together", "", &heads, &rows))
}

fn each(report: &ExitReport) -> String {
    let mut out = String::new();
    for row in &report.ranking {
        let of =
            |kind: &str, name: &str| row.of.strip_prefix(kind).and_then(|rest| rest.strip_prefix(' ')) == Some(name);
        if let Some(one) = report.inventory.pipelines.iter().find(|one| of("pipeline", &one.name)) {
            pipeline(&mut out, row, one);
        } else if let Some(one) = report.inventory.serverless.iter().find(|one| of("application", &one.id)) {
            application(&mut out, row, one);
        }
    }
    out
}

fn security(report: &ExitReport) -> String {
    let mut rows = String::new();
    for one in &report.inventory.security_configurations {
        let says = one.says.as_ref().map_or("(could not be read)".to_owned(), ToString::to_string);
        let used = users(&report.inventory, one);
        rows.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"any\">{}</td><td class=\"any\"><code>{}</code></td></tr>\n",
            safe(&one.name),
            safe(&used),
            safe(&says)
        ));
    }
    table("Security configurations", "", &[("Name", false), ("Used by", false), ("Says", false)], &rows)
}
