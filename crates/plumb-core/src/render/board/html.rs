//! The board as one page that people print and forward: no script, no address that is loaded.

use super::super::markup::{html as safe, page};
use super::pictures::{burn_up, costs, graph, strip, times};
use super::words::{cells, date, head, health, on_time};
use crate::cost::sla::OnTimeShare;
use crate::migrate::board::{Board, BoardRow};
use crate::migrate::health::HealthState;
use crate::migrate::months::{BoardPeriod, BoardSide};
use crate::migrate::stage::MigrationStage;
use std::collections::{BTreeMap, BTreeSet};

const STYLE: &str = concat!(include_str!("../parity/style.css"), include_str!("style.css"));
/// The columns of the lanes, and the stages in each.
const STEPS: [&str; 5] = ["Before", "Deployed", "In parallel", "Parity", "Cut over"];
/// How many months and causes the table of causes has at most.
const MOST_MONTHS: usize = 12;
/// How many lines of a sort stand before the table at most.
const MOST_NOTES: usize = 12;
const MOST_CAUSES: usize = 20;

/// The whole page.
pub fn html(board: &Board) -> String {
    let mut out = page(&format!("Migration of {} on {}", board.project, board.target), STYLE);
    out.push_str(&format!(
        "<header><div><p class=\"over\">Migration board</p><h1><bdi>{}</bdi> <span><bdi>{}</bdi></span></h1><p class=\"soft any\">{}</p></div></header>\n<main>\n",
        safe(&board.project),
        safe(&board.target),
        safe(&head(board))
    ));
    out.push_str(&format!("<p class=\"lead\">{}</p>\n", safe(&board.summary())));
    notes(&mut out, board);
    rows(&mut out, board);
    lanes(&mut out, board);
    section(&mut out, "Burn-up", &burn(board));
    section(&mut out, "Time and cost, old and new", &pairs(board));
    section(&mut out, "On time", &ticks(board));
    section(&mut out, "What failed", &heat(board));
    section(&mut out, "What ties waves together", &tied(board));
    out.push_str(
        "</main>\n<footer><p>Every stage is read off git, live state, runs and evidence: none is typed in. What could not be read \
         is said to be not known. The numbers are those of <code>plumb migrate status --output json</code>.</p></footer>\n</body>\n</html>\n",
    );
    out
}

fn section(out: &mut String, title: &str, text: &str) {
    out.push_str(&format!("<section><h2>{title}</h2>\n{text}</section>\n"));
}

fn class(state: HealthState) -> &'static str {
    match state {
        HealthState::Ok => "s-ok",
        HealthState::Waiting => "s-waiting",
        HealthState::Unknown => "s-unknown",
        HealthState::WentBack => "s-went-back",
        HealthState::Failing => "s-failing",
    }
}

/// What each wave waits for, what is odd, when it is done, and what is not known.
fn notes(out: &mut String, board: &Board) {
    if let Some(forecast) = &board.forecast {
        out.push_str(&format!("<div class=\"box none\"><p class=\"any\">{}</p></div>\n", safe(&forecast.says)));
    }
    let odd = board.pipelines.iter().filter_map(|row| Some(format!("{}: {}.", row.name, row.oddity.as_ref()?)));
    for (class, title, all) in
        [("none", "Waves", board.waits()), ("bad", "Odd", odd.collect()), ("none", "Not known", board.unread.clone())]
    {
        if !all.is_empty() {
            let mut items: String =
                all.iter().take(MOST_NOTES).map(|says| format!("<li>{}</li>", safe(says))).collect();
            let left = all.len().saturating_sub(MOST_NOTES);
            if left > 0 {
                items.push_str(&format!("<li>and {left} more: <code>plumb migrate status</code></li>"));
            }
            out.push_str(&format!(
                "<div class=\"box {class}\"><p><strong>{title}</strong></p><ul class=\"list any\">{items}</ul></div>\n"
            ));
        }
    }
}

fn rows(out: &mut String, board: &Board) {
    let mut text = String::from(
        "<div class=\"rows own\"><table><thead><tr><th scope=\"col\">Wave</th><th scope=\"col\">Pipeline</th><th scope=\"col\">Stage</th>\
         <th scope=\"col\">Since</th><th scope=\"col\">Health</th><th scope=\"col\">Next</th></tr></thead><tbody>\n",
    );
    for row in &board.pipelines {
        let [wave, name, stage, since, health, next] = cells(row, board).map(|cell| safe(&cell));
        let class = class(row.health.state);
        text.push_str(&format!(
            "<tr><td>{wave}</td><th scope=\"row\"><bdi>{name}</bdi></th><td>{stage}</td><td>{since}</td><td class=\"{class}\">{health}</td><td>{next}</td></tr>\n"
        ));
    }
    text.push_str("</tbody></table></div>\n");
    section(out, "Pipelines", &text);
}

fn step(row: &BoardRow) -> usize {
    match row.stage {
        stage if stage >= MigrationStage::CutOver => 4,
        _ if row.label.starts_with("parity") => 3,
        MigrationStage::Parity => 3,
        MigrationStage::InParallel => 2,
        MigrationStage::Deployed => 1,
        _ => 0,
    }
}

fn lanes(out: &mut String, board: &Board) {
    let steps: String = STEPS.iter().map(|step| format!("<span>{step}</span>")).collect();
    let mut text = format!("<div class=\"steps\" aria-hidden=\"true\">{steps}</div>\n");
    let mut lanes: BTreeMap<(u64, String), Vec<&BoardRow>> = BTreeMap::new();
    let mut alone = Vec::new();
    for row in &board.pipelines {
        match &row.wave {
            Some(wave) => lanes.entry(crate::migrate::board::natural(wave)).or_default().push(row),
            None => alone.push(row),
        }
    }
    let lanes = lanes.into_iter().map(|((_, name), rows)| (format!("Wave {name}"), Some(name), rows));
    let alone = (!alone.is_empty()).then_some(("In no wave".to_owned(), None, alone));
    for (title, name, rows) in lanes.chain(alone) {
        let wave = name.and_then(|name| board.waves.iter().find(|wave| wave.name == name));
        let day = wave.and_then(|wave| wave.cutover).map(|day| format!(", cuts over {}", date(day, board)));
        text.push_str(&format!(
            "<div class=\"lane\"><h3>{} <span class=\"soft\">{}{}</span></h3><div class=\"cards\">",
            safe(&title),
            if rows.len() == 1 { "1 pipeline".to_owned() } else { format!("{} pipelines", rows.len()) },
            safe(&day.unwrap_or_default())
        ));
        for row in rows {
            let health = if row.health.state == HealthState::Ok { String::new() } else { format!(", {}", health(row)) };
            text.push_str(&format!(
                "<p class=\"k{} {}\"><b>{}</b>{}{}</p>",
                step(row),
                class(row.health.state),
                safe(&row.name),
                safe(&row.label),
                safe(&health)
            ));
        }
        text.push_str("</div></div>\n");
    }
    section(out, "Waves", &text);
}

fn burn(board: &Board) -> String {
    let drawn = burn_up(board);
    let none = "<p class=\"soft\">No pipeline has a date for a stage from <code>deployed</code> on.</p>\n";
    let forecast = board.forecast.as_ref().map(|forecast| {
        let names = ["50 %", "85 %", "95 %"];
        let days: Vec<String> =
            names.iter().zip(&forecast.days).map(|(name, day)| format!("{name}: {}", date(*day, board))).collect();
        format!("<p class=\"soft any\">Done by {}. {}</p>\n", safe(&days.join(", ")), safe(&forecast.says))
    });
    let forecast = forecast.unwrap_or_else(|| "<p class=\"soft\">No forecast was made.</p>\n".into());
    if drawn.is_empty() { format!("{none}{forecast}") } else { format!("{drawn}{forecast}") }
}

fn pairs(board: &Board) -> String {
    let key = "<ul class=\"key\"><li><svg viewBox=\"0 0 14 8\" aria-hidden=\"true\"><rect class=\"f-old\" width=\"14\" height=\"8\"/></svg>old, above</li>\
               <li><svg viewBox=\"0 0 14 8\" aria-hidden=\"true\"><rect class=\"f-new\" width=\"14\" height=\"8\"/></svg>new, below; its width is what is not known</li></ul>\n";
    let (times, costs) = (times(board), costs(board));
    let key = if times.is_some() || costs.is_some() { key } else { "" };
    let times = times.unwrap_or_else(|| "<p class=\"soft\">No period is kept that both sides finished: <code>plumb cost --keep evidence/runs</code>.</p>\n".into());
    let costs = costs.unwrap_or_else(|| {
        "<p class=\"soft\">Nothing is priced on both sides: there is no price book, or no run is kept.</p>\n".into()
    });
    format!("{key}<h3>Time</h3>\n{times}<h3>Cost</h3>\n{costs}")
}

/// A side of a period.
type Side = fn(&BoardPeriod) -> Option<&BoardSide>;

fn ticks(board: &Board) -> String {
    let sides: [Side; 2] = [|period| period.old.as_ref(), |period| period.new.as_ref()];
    let mut rows = String::new();
    for row in &board.pipelines {
        let cell = |side: &Side| {
            let of: Vec<Option<&BoardSide>> = row.periods.iter().map(side).collect();
            let (good, known) = on_time(of.iter().copied());
            if known == 0 {
                return None;
            }
            let ticks: Vec<Option<bool>> =
                of.iter().map(|side| side.filter(|side| !side.is_replay).and_then(|side| side.on_time)).collect();
            Some(format!("{} {}", strip(&ticks), OnTimeShare::of(good, known).says()))
        };
        let cells = sides.each_ref().map(cell);
        if cells.iter().any(Option::is_some) {
            let [old, new] = cells.map(|cell| cell.unwrap_or_else(|| "–".into()));
            rows.push_str(&format!(
                "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{old}</td><td>{new}</td></tr>\n",
                safe(&row.name)
            ));
        }
    }
    if rows.is_empty() {
        return "<p class=\"soft\">No kept run has a tick and a deadline: <code>deadline</code> of its AirflowDag.</p>\n".into();
    }
    format!(
        "<p class=\"soft\">A tick a period, the earliest first: full height on time, half height late, grey not known or a replay. In brackets what the share is at least, with 95 % confidence.</p>\n\
         <div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"On time\"><table><thead><tr><th scope=\"col\">Pipeline</th>\
         <th scope=\"col\">Old</th><th scope=\"col\">New</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn heat(board: &Board) -> String {
    let months: BTreeSet<&String> = board.causes.iter().flat_map(|cause| cause.months.keys()).collect();
    let months: Vec<&String> = months.into_iter().rev().take(MOST_MONTHS).collect();
    let months: Vec<&String> = months.into_iter().rev().collect();
    let most = board.causes.iter().flat_map(|cause| cause.months.values()).max().copied().unwrap_or(0);
    if most == 0 {
        return "<p class=\"soft\">No diagnosis of a failed run is kept: <code>plumb diagnose --keep</code>.</p>\n"
            .into();
    }
    let heads: String = months.iter().map(|month| format!("<th scope=\"col\">{}</th>", safe(month))).collect();
    let mut rows = String::new();
    for cause in board.causes.iter().take(MOST_CAUSES) {
        let cells: String = months
            .iter()
            .map(|month| match cause.months.get(*month) {
                None => "<td></td>".to_owned(),
                Some(count) => format!("<td class=\"h{}\">{count}</td>", (count * 4).div_ceil(most).clamp(1, 4)),
            })
            .collect();
        let name = cause.class.as_deref().unwrap_or("not known");
        rows.push_str(&format!("<tr><th scope=\"row\">{}</th>{cells}<td>{}</td></tr>\n", safe(name), cause.total));
    }
    let left = board.causes.len().saturating_sub(MOST_CAUSES);
    let more = if left > 0 { format!("<p class=\"soft\">And {left} more.</p>\n") } else { String::new() };
    format!(
        "<div class=\"scroll heat\" tabindex=\"0\" role=\"region\" aria-label=\"Failures by cause and month\"><table><thead><tr>\
         <th scope=\"col\">Cause</th>{heads}<th scope=\"col\">all</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n{more}"
    )
}

fn tied(board: &Board) -> String {
    if board.ties.is_empty() {
        return "<p class=\"soft\">No two pipelines share a cluster, a DAG or a job, or write what the other reads, as far as the \
                manifests say.</p>\n"
            .into();
    }
    let mut rows = String::new();
    for tie in &board.ties {
        let how = match (&tie.bridge, tie.crosses) {
            (Some(bridge), _) => safe(bridge),
            (None, true) => "<strong class=\"s-failing\">of two waves, not bridged</strong>".to_owned(),
            (None, false) => "one wave".to_owned(),
        };
        rows.push_str(&format!(
            "<tr><th scope=\"row\"><bdi>{}</bdi></th><td><bdi>{}</bdi></td><td class=\"any\">{}</td><td class=\"any\">{how}</td></tr>\n",
            safe(&tie.from),
            safe(&tie.to),
            safe(&tie.what)
        ));
    }
    format!(
        "{}<div class=\"rows\"><table><thead><tr><th scope=\"col\">From</th><th scope=\"col\">To</th><th scope=\"col\">Both have</th>\
         <th scope=\"col\">Bridged by</th></tr></thead><tbody>\n{rows}</tbody></table></div>\n",
        graph(board)
    )
}
