//! The pictures of the inventory, as SVG within the page.

use super::super::markup::html as safe;
use super::super::value::{fitted, visible};
use super::grouped;
use super::html::class;
use crate::inventory::proposal::{PathTie, columns};
use crate::migrate::exit::{ExitReport, ExitRow, ExitWave};
use crate::translate::Light;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Boxes of pipelines: how wide and high they are, and the space between them.
const BOX: (usize, usize) = (204, 42);
const GAP: (usize, usize) = (84, 14);
/// How many columns of text fit into a box.
const FITS: usize = 25;
/// More pipelines than this in one picture say nothing to anybody.
const MOST_DRAWN: usize = 120;
/// How many paths an arrow names.
const MOST_PATHS: usize = 6;

/// How pipelines, and the hours of them, share out over the lights.
pub(super) fn shares(report: &ExitReport) -> String {
    if report.ranking.is_empty() {
        return String::new();
    }
    let kinds = [("ok", "automatic"), ("none", "with questions"), ("bad", "to rewrite in part"), ("soft", "not known")];
    let count = |of: &str| report.ranking.iter().filter(|row| class(row.light.as_ref()) == of).count() as u64;
    let hours = |of: &str| -> u64 {
        report.ranking.iter().filter(|row| class(row.light.as_ref()) == of).filter_map(|row| row.hours).sum()
    };
    let mut out = String::from("<figure>");
    let bars: [(&str, [u64; 4]); 2] =
        [("pipelines", kinds.map(|(of, _)| count(of))), ("hours", kinds.map(|(of, _)| hours(of)))];
    for (what, parts) in bars {
        let all: u64 = parts.iter().sum();
        if all == 0 {
            continue;
        }
        let mut x = 0;
        let mut drawn = String::new();
        let mut says = Vec::new();
        for ((of, name), part) in kinds.iter().zip(parts).filter(|(_, part)| *part > 0) {
            let wide = part * 1000 / all;
            let fill = if *of == "soft" { "track" } else { &format!("f-{of}") };
            let _ = write!(drawn, "<rect class=\"{fill}\" x=\"{x}\" width=\"{}\" height=\"10\"/>", wide.max(2));
            x += wide;
            says.push(format!("{} {name}", grouped(part)));
        }
        let _ = write!(
            out,
            "<p class=\"ends\"><span>By {what}</span><span>{}</span></p><svg class=\"share\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-label=\"By {what}: {0}\">{drawn}</svg>",
            says.join(", ")
        );
    }
    out.push_str("</figure>\n");
    out
}

/// Where a box is.
#[derive(Clone, Copy)]
struct Place {
    column: usize,
    row: usize,
}

impl Place {
    fn left(self) -> usize {
        2 + self.column * (BOX.0 + GAP.0)
    }

    fn top(self) -> usize {
        2 + self.row * (BOX.1 + GAP.1)
    }

    fn middle(self) -> usize {
        self.top() + BOX.1 / 2
    }
}

/// The pipelines of a wave in columns, writers left of their readers, with an arrow for each two that a path ties.
pub(super) fn flow(wave: &ExitWave, rows: &[&ExitRow], ties: &[PathTie]) -> String {
    if rows.len() > MOST_DRAWN {
        return format!("<p class=\"soft\">{} pipelines are too many to draw: the paths are below.</p>\n", rows.len());
    }
    let inside: BTreeSet<&str> = wave.pipelines.iter().map(String::as_str).collect();
    let mut arrows: BTreeMap<(&str, &str), Vec<&PathTie>> = BTreeMap::new();
    for tie in ties.iter().filter(|tie| inside.contains(tie.from.as_str())) {
        arrows.entry((&tie.from, &tie.to)).or_default().push(tie);
    }
    let places = places(wave, ties, &arrows);
    let (mut edges, mut boxes) = (String::new(), String::new());
    for ((from, to), of) in &arrows {
        let (Some(from), Some(to)) = (places.get(from), places.get(to)) else { continue };
        let sure = of.iter().any(|tie| tie.sure);
        let mut says: Vec<String> = of.iter().take(MOST_PATHS).map(|tie| tie.path.clone()).collect();
        if of.len() > MOST_PATHS {
            says.push(format!("and {} more", of.len() - MOST_PATHS));
        }
        let says = format!("{}{}", if sure { "" } else { "perhaps: " }, says.join(", "));
        edges.push_str(&arrow(*from, *to, sure, &says));
    }
    for row in rows {
        if let Some(place) = places.get(row.of.as_str()) {
            boxes.push_str(&pipeline_box(row, *place));
        }
    }
    let columns = places.values().map(|place| place.column + 1).max().unwrap_or(1);
    let high = places.values().map(|place| place.row + 1).max().unwrap_or(1);
    // What goes back to a column before needs room at the right.
    let wide = columns * (BOX.0 + GAP.0) - GAP.0 + 54;
    let high = high * (BOX.1 + GAP.1) - GAP.1 + 4;
    format!(
        "<div class=\"scroll flow\" tabindex=\"0\" role=\"region\" aria-label=\"Wave {n}\"><svg width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\" aria-label=\"Wave {n}: what its pipelines write and read\">{edges}{boxes}</svg></div>\n",
        n = wave.number
    )
}

/// Columns by what depends on what; within a column near those that write what is read.
fn places<'w>(
    wave: &'w ExitWave,
    ties: &[PathTie],
    arrows: &BTreeMap<(&str, &str), Vec<&PathTie>>,
) -> BTreeMap<&'w str, Place> {
    let column_of = columns(&wave.pipelines, ties);
    let mut by_column: BTreeMap<usize, Vec<&'w str>> = BTreeMap::new();
    for of in &wave.pipelines {
        by_column.entry(column_of.get(of).copied().unwrap_or(0)).or_default().push(of);
    }
    let mut places: BTreeMap<&'w str, Place> = BTreeMap::new();
    for (column, mut all) in by_column {
        // In thousandths of a row: the mean of those that write for it.
        let mean = |of: &str| {
            let rows: Vec<usize> =
                arrows.keys().filter(|(_, to)| *to == of).filter_map(|(from, _)| Some(places.get(from)?.row)).collect();
            (rows.iter().sum::<usize>() * 1000).checked_div(rows.len())
        };
        let mut wanted: Vec<(Option<usize>, &'w str)> = all.drain(..).map(|of| (mean(of), of)).collect();
        // Whom nobody here writes for comes last; the order is otherwise that of the wave.
        wanted.sort_by_key(|(mean, _)| (mean.is_none(), *mean));
        let mut next = 0;
        for (mean, of) in wanted {
            let row = mean.map_or(next, |mean| next.max(mean / 1000));
            places.insert(of, Place { column, row });
            next = row + 1;
        }
    }
    places
}

fn arrow(from: Place, to: Place, sure: bool, says: &str) -> String {
    let class = if sure { "tie" } else { "tie perhaps" };
    let (x, y, end) = (from.left() + BOX.0, from.middle(), to.middle());
    let (path, head) = if to.column > from.column {
        let (tip, half) = (to.left(), GAP.0 / 2);
        let straight = tip - 8;
        (format!("M{x} {y}C{} {y} {} {end} {straight} {end}", x + half, tip - half), format!("M{tip} {end}l-9 -4.5v9z"))
    } else {
        // Back, around the right side.
        let tip = to.left() + BOX.0;
        let out = x.max(tip) + 44;
        (format!("M{x} {y}C{out} {y} {out} {end} {} {end}", tip + 8), format!("M{tip} {end}l9 -4.5v9z"))
    };
    format!(
        "<g class=\"edge\"><title>{}</title><path class=\"{class}\" d=\"{path}\"/><path class=\"head\" d=\"{head}\"/><path class=\"over\" d=\"{path}\"/></g>",
        safe(says)
    )
}

fn pipeline_box(row: &ExitRow, place: Place) -> String {
    let (x, y) = (place.left(), place.top());
    let name = fitted(&visible(&row.name), FITS);
    let light = row.light.as_ref();
    let says = light.map_or("not known", |light: &Light| light.says.as_str());
    let hours = row.hours.map(|hours| format!("{} h, ", grouped(hours))).unwrap_or_default();
    let below = fitted(&visible(&format!("{hours}{says}")), FITS + 5);
    let stripe = match class(light) {
        "soft" => String::new(),
        of => format!("<rect class=\"l-{of}\" x=\"{x}\" y=\"{y}\" width=\"6\" height=\"{}\" rx=\"2\"/>", BOX.1),
    };
    format!(
        "<a href=\"#p{}\"><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" rx=\"4\"/>{stripe}\
         <text x=\"{}\" y=\"{}\">{}</text><text class=\"sub\" x=\"{}\" y=\"{}\">{}</text></a>",
        row.rank,
        safe(&format!("{}: {hours}{says}", row.name)),
        BOX.0,
        BOX.1,
        x + 14,
        y + 18,
        safe(&name),
        x + 14,
        y + 34,
        safe(&below),
    )
}
