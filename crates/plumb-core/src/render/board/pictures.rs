//! The pictures of a board as inline SVG. The numbers that they show always stand beside them as text.

use super::super::markup::html as safe;
use super::words::{date, took};
use crate::migrate::board::{Board, BoardWave};
use crate::render::cost::amount;
use jiff::civil::Date;
use plumb_model::stats::{Interval, Money};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The size of stretched drawings, in units of their own.
const WIDE: f64 = 400.0;
const HIGH: f64 = 100.0;
/// How many waves are drawn in the graph at most.
const MOST_WAVES: usize = 60;

#[allow(clippy::cast_precision_loss)] // What is drawn is rounded to tenths of a unit.
fn float(number: u64) -> f64 {
    number as f64
}

/// Days since 1970.
fn number(day: Date) -> f64 {
    f64::from(day.since(Date::constant(1970, 1, 1)).map_or(0, |span| span.get_days()))
}

/// How many pipelines had reached a stage, over days; to the right when all will be.
pub(super) fn burn_up(board: &Board) -> String {
    let Some(first) = board.burn_up.first() else { return String::new() };
    let today = board.at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let all = board.pipelines.len().max(1);
    let fan = board.forecast.as_ref().map(|forecast| &forecast.days[..]).unwrap_or_default();
    let by = board.forecast.as_ref().and_then(|forecast| forecast.by);
    let end = fan.iter().copied().chain(by).chain([today]).max().unwrap_or(today);
    let begin = first.day.min(today);
    let wide = (number(end) - number(begin)).max(1.0);
    let x = |day: Date| WIDE * (number(day) - number(begin)) / wide;
    let y = |count: usize| HIGH - (HIGH - 4.0) * float(count as u64) / float(all as u64);
    let mut drawn = format!("<path class=\"l-all\" d=\"M0 {:.1}H400\"/>", y(all));
    let cut = board.burn_up.last().map_or(0, |day| day.cut_over);
    if let [early, .., late] = fan {
        let (from, top, bottom) = (x(today), y(all), y(cut));
        let (early, late) = (x(*early), x(*late));
        let _ = write!(drawn, "<path class=\"fan\" d=\"M{from:.1} {bottom:.1}L{early:.1} {top:.1}H{late:.1}Z\"/>");
    }
    for (class, of) in [
        ("l-dep", board.burn_up.iter().map(|day| day.deployed).collect::<Vec<_>>()),
        ("l-par", board.burn_up.iter().map(|day| day.parity).collect()),
        ("l-cut", board.burn_up.iter().map(|day| day.cut_over).collect()),
    ] {
        let mut path = format!("M0 {HIGH}");
        for (day, count) in board.burn_up.iter().zip(&of) {
            let _ = write!(path, "H{:.1}V{:.1}", x(day.day), y(*count));
        }
        let _ = write!(path, "H{:.1}", x(today));
        let _ = write!(drawn, "<path class=\"{class}\" d=\"{path}\"/>");
    }
    if let Some(by) = by {
        let _ = write!(drawn, "<path class=\"l-by\" d=\"M{:.1} 0V100\"/>", x(by));
    }
    let last = board.burn_up.last();
    let of = |count: Option<usize>| count.unwrap_or(0);
    let (deployed, parity) = (of(last.map(|day| day.deployed)), of(last.map(|day| day.parity)));
    let mut key = vec![
        ("l-dep", format!("deployed: {deployed} of {all}")),
        ("l-par", format!("parity: {parity} of {all}")),
        ("l-cut", format!("cut over: {cut} of {all}")),
    ];
    key.extend(by.map(|by| ("l-by", format!("has to be done: {}", date(by, board)))));
    let list = |(class, says): &(&str, String)| {
        format!(
            "<li><svg viewBox=\"0 0 14 8\" class=\"burn\" aria-hidden=\"true\"><path class=\"{class}\" d=\"M0 4H14\"/></svg>{}</li>",
            safe(says)
        )
    };
    let key: String = key.iter().map(list).collect();
    format!(
        "<figure><svg class=\"burn\" viewBox=\"0 0 400 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{drawn}</svg>\
         <div class=\"ends\"><span>{}</span><span>{}</span></div><ul class=\"key\">{key}</ul></figure>\n",
        safe(&format!("Pipelines by day: {cut} of {all} are cut over on {today}")),
        date(begin, board),
        date(end, board)
    )
}

/// Two intervals on one scale up to `most`: old above, new below, and what lies between them.
fn pair(old: Interval<f64>, new: Interval<f64>, most: f64) -> String {
    let x = |value: f64| WIDE * value / most.max(1.0);
    let bar = |class: &str, of: Interval<f64>, y: u8| {
        // However narrow it is, it is to be seen.
        let wide = (x(of.high) - x(of.low)).max(6.0);
        format!(
            "<rect class=\"{class}\" x=\"{:.0}\" y=\"{y}\" width=\"{wide:.0}\" height=\"8\"/>",
            x(of.low).min(WIDE - 6.0)
        )
    };
    let middle = |of: Interval<f64>| x(of.low).midpoint(x(of.high));
    let (from, to) = (middle(old).min(middle(new)), middle(old).max(middle(new)));
    format!(
        "<svg class=\"pair\" viewBox=\"0 0 400 20\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"join\" x=\"{from:.0}\" y=\"8\" width=\"{:.0}\" height=\"4\"/>{}{}</svg>",
        to - from,
        bar("f-old", old, 0),
        bar("f-new", new, 12)
    )
}

/// The last period that both sides of a pipeline have a value for, and how many there are.
struct Pair<T> {
    name: String,
    period: String,
    old: T,
    new: T,
    count: usize,
}

fn table(head: [&str; 3], rows: impl Iterator<Item = String>) -> String {
    let [old, new, label] = head;
    let rows: String = rows.collect();
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\"><table><thead><tr><th scope=\"col\">Pipeline</th>\
         <th scope=\"col\">Period</th><th scope=\"col\" class=\"n\">{old}</th><th scope=\"col\" class=\"w40\"></th><th scope=\"col\" class=\"n\">{new}</th></tr></thead>\
         <tbody>\n{rows}</tbody></table></div>\n"
    )
}

fn row<T>(pair: &Pair<T>, svg: &str, old: &str, new: &str) -> String {
    let more = if pair.count > 1 {
        format!(" <span class=\"soft\">and {} before</span>", pair.count - 1)
    } else {
        String::new()
    };
    format!(
        "<tr><th scope=\"row\"><bdi>{}</bdi></th><td>{}{more}</td><td class=\"n\">{old}</td><td>{svg}</td><td class=\"n\">{new}</td></tr>\n",
        safe(&pair.name),
        safe(&pair.period)
    )
}

/// How long the last period took that both sides finished.
pub(super) fn times(board: &Board) -> Option<String> {
    let pairs: Vec<Pair<u64>> = board
        .pipelines
        .iter()
        .filter_map(|one| {
            let mut both = one.periods.iter().filter_map(|period| {
                let of =
                    |side: &Option<crate::migrate::months::BoardSide>| side.as_ref().filter(|s| s.succeeded)?.seconds;
                Some((&period.period, of(&period.old)?, of(&period.new)?))
            });
            let count = both.clone().count();
            let (period, old, new) = both.next_back()?;
            Some(Pair { name: one.name.clone(), period: period.clone(), old, new, count })
        })
        .collect();
    let most = pairs.iter().map(|pair| pair.old.max(pair.new)).max()?;
    let drawn = |one: &Pair<u64>| {
        let of = |seconds: u64| Interval { low: float(seconds), high: float(seconds) };
        let svg = self::pair(of(one.old), of(one.new), float(most));
        row(one, &svg, &took(one.old), &took(one.new))
    };
    Some(table(["Old", "New", "How long runs take"], pairs.iter().map(drawn)))
}

/// What the last period cost of which both sides are priced.
pub(super) fn costs(board: &Board) -> Option<String> {
    let pairs: Vec<Pair<Interval<Money>>> = board
        .pipelines
        .iter()
        .filter_map(|one| {
            let mut both = one
                .periods
                .iter()
                .filter_map(|period| Some((&period.period, period.old.as_ref()?.cost?, period.new.as_ref()?.cost?)));
            let count = both.clone().count();
            let (period, old, new) = both.next_back()?;
            Some(Pair { name: one.name.clone(), period: period.clone(), old, new, count })
        })
        .collect();
    let most = pairs.iter().map(|pair| pair.old.high.max(pair.new.high)).max()?;
    #[allow(clippy::cast_precision_loss)] // What is drawn is rounded to units.
    let float = |money: Money| money.micros() as f64;
    let drawn = |one: &Pair<Interval<Money>>| {
        let of = |cost: Interval<Money>| Interval { low: float(cost.low), high: float(cost.high) };
        let svg = self::pair(of(one.old), of(one.new), float(most));
        row(one, &svg, &amount(one.old), &amount(one.new))
    };
    Some(table(["Old", "New", "What runs cost"], pairs.iter().map(drawn)))
}

/// A strip of ticks: on time, late, or not known. `None`: there are none.
pub(super) fn strip(ticks: &[Option<bool>]) -> String {
    let mut paths = [String::new(), String::new(), String::new()];
    for (at, tick) in ticks.iter().enumerate() {
        let path = match tick {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        };
        // A late one is lower as well as red: colours are not everybody's.
        let (y, high) = if path == 1 { (5, 7) } else { (0, 12) };
        let _ = write!(paths[path], "M{} {y}h7v{high}h-7z", at * 9);
    }
    let [good, late, none] = paths;
    let drawn: String = [("t-ok", good), ("t-late", late), ("t-no", none)]
        .into_iter()
        .filter(|(_, path)| !path.is_empty())
        .map(|(class, path)| format!("<path class=\"{class}\" d=\"{path}\"/>"))
        .collect();
    let wide = ticks.len() * 9;
    format!("<svg class=\"ticks\" viewBox=\"0 0 {wide} 12\" aria-hidden=\"true\">{drawn}</svg>")
}

/// The waves that something ties together, one below the other, with arcs between them; those that cross are red.
pub(super) fn graph(board: &Board) -> String {
    let wave_of: BTreeMap<&str, &BoardWave> =
        board.waves.iter().flat_map(|wave| wave.pipelines.iter().map(move |name| (name.as_str(), wave))).collect();
    let mut edges: BTreeMap<(usize, usize), (usize, usize)> = BTreeMap::new();
    let index = |name: &str| {
        let wave = wave_of.get(name)?;
        board.waves.iter().position(|other| other.name == wave.name)
    };
    for tie in board.ties.iter().filter(|tie| tie.crosses) {
        if let (Some(from), Some(to)) = (index(&tie.from), index(&tie.to)) {
            let count = edges.entry((from.min(to), from.max(to))).or_default();
            if tie.bridge.is_some() { count.1 += 1 } else { count.0 += 1 }
        }
    }
    let tied: BTreeSet<usize> = edges.keys().flat_map(|(a, b)| [*a, *b]).collect();
    let drawn: Vec<usize> = tied.into_iter().take(MOST_WAVES).collect();
    if drawn.is_empty() {
        return String::new();
    }
    let y = |at: usize| 4 + 38 * at;
    let place = |wave: usize| drawn.iter().position(|one| *one == wave);
    let mut out = String::new();
    for (at, wave) in drawn.iter().filter_map(|at| board.waves.get(*at)).enumerate() {
        let name: String = wave.name.chars().take(14).collect();
        let cut = if name.len() < wave.name.len() { "…" } else { "" };
        let _ = write!(
            out,
            "<rect x=\"1\" y=\"{}\" width=\"160\" height=\"30\" rx=\"5\"/><text x=\"9\" y=\"{}\">{}{cut} ({})</text>",
            y(at),
            y(at) + 20,
            safe(&name),
            wave.pipelines.len()
        );
    }
    for ((from, to), (open, bridged)) in &edges {
        let (Some(from), Some(to)) = (place(*from), place(*to)) else { continue };
        let (top, bottom) = (y(from) + 15, y(to) + 15);
        let reach = 161 + 24 + (100 * (to - from) / drawn.len().max(1));
        let class = if *open > 0 { "e-open" } else { "e-bridge" };
        let _ = write!(out, "<path class=\"{class}\" d=\"M161 {top}C{reach} {top} {reach} {bottom} 161 {bottom}\"/>");
        let x = 161 + (reach - 161) * 3 / 4 + 4;
        let _ = write!(out, "<text x=\"{x}\" y=\"{}\">{}</text>", top.midpoint(bottom) + 4, open + bridged);
    }
    format!(
        "<svg class=\"waves\" viewBox=\"0 0 320 {}\" role=\"img\" aria-label=\"Waves that something ties together\">{out}</svg>\n",
        y(drawn.len())
    )
}
