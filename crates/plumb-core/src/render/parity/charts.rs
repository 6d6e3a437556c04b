//! Small drawings as inline SVG. The numbers that they show always stand beside them as text.

use super::super::markup::html;
use super::words::{percent, thousands};
use crate::parity::result::{DifferenceSpread, Histogram, SpreadPart};

/// How many parts of a spread are drawn.
const MOST_PARTS: usize = 400;
/// The size of the drawings, in units of their own: they are stretched.
const WIDE: f64 = 400.0;
const HIGH: f64 = 100.0;

#[allow(clippy::cast_precision_loss)] // What is drawn is rounded to tenths of a unit.
fn float(number: u64) -> f64 {
    number as f64
}

/// A bar of a number among others up to `most`, on a logarithmic scale. 1 is to be seen, 0 is nothing.
pub(super) fn log_bar(number: u64, most: u64, class: &str) -> String {
    let length = |n: u64| if n == 0 { 0.0 } else { float(n).log10() + 1.0 };
    let share = if most == 0 { 0.0 } else { length(number) / length(most) };
    bar(share, class)
}

/// A bar of a share. However little it is, it is to be seen.
pub(super) fn share_bar(part: u64, of: u64, class: &str) -> String {
    let share = if of == 0 { 0.0 } else { (float(part) / float(of)).min(1.0) };
    bar(if part == 0 { 0.0 } else { share.max(0.01) }, class)
}

fn bar(share: f64, class: &str) -> String {
    let width = WIDE * share;
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 400 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"400\" height=\"10\"/><rect class=\"{class}\" width=\"{width:.1}\" height=\"10\"/></svg>"
    )
}

/// The values of old, filled, and of new, as a line, over one another; below them the ends of the scale.
pub(super) fn histogram(column: &str, histogram: &Histogram) -> String {
    let bins = histogram.old.len().max(histogram.new.len());
    let most = histogram.old.iter().chain(&histogram.new).copied().max().unwrap_or(0);
    if bins == 0 || most == 0 {
        return String::new();
    }
    let step = WIDE / float(bins as u64);
    let height = |count: u64| HIGH * float(count) / float(most);
    let mut filled = String::new();
    let mut line = format!("M0 {HIGH}");
    for bin in 0..bins {
        let of = |side: &[u64]| side.get(bin).copied().unwrap_or(0);
        let (old, new) = (height(of(&histogram.old)), HIGH - height(of(&histogram.new)));
        let x = step * float(bin as u64);
        filled.push_str(&format!(
            "<rect class=\"f-old\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{old:.1}\"/>",
            HIGH - old,
            step * 0.94
        ));
        line.push_str(&format!("V{new:.1}H{:.1}", x + step));
    }
    line.push_str(&format!("V{HIGH}"));
    let sum = |side: &[u64]| thousands(side.iter().fold(0, |sum, n| sum.saturating_add(*n)));
    let says = format!(
        "Histogram of {column}, {bins} bins from {} to {}: old has {} values, new {}; the highest bin has {}.",
        histogram.from,
        histogram.to,
        sum(&histogram.old),
        sum(&histogram.new),
        thousands(most)
    );
    format!(
        "<svg class=\"hist\" viewBox=\"0 0 400 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{filled}\
         <path class=\"line\" d=\"{line}\"/><path class=\"axis\" d=\"M0 100H400\"/></svg>\
         <div class=\"ends\"><bdi>{}</bdi><span>highest bin: {}</span><bdi>{}</bdi></div>\
         <ul class=\"key\"><li><svg viewBox=\"0 0 14 8\" class=\"hist\" aria-hidden=\"true\"><rect class=\"f-old\" width=\"14\" height=\"8\"/></svg>\
         old, filled: {}</li><li><svg viewBox=\"0 0 14 8\" aria-hidden=\"true\"><path class=\"line\" d=\"M0 7V2H14V7\"/></svg>new, a line: {}</li></ul>\n",
        html(&says),
        html(&histogram.from),
        thousands(most),
        html(&histogram.to),
        sum(&histogram.old),
        sum(&histogram.new),
    )
}

/// How many differences a part has.
pub(super) fn differences(part: &SpreadPart) -> u64 {
    part.only_old.saturating_add(part.only_new).saturating_add(part.differing)
}

/// The share of rows that differ in each part, from left to right, and where it is the highest.
pub(super) fn strip(spread: &DifferenceSpread) -> String {
    let parts = &spread.parts[..spread.parts.len().min(MOST_PARTS)];
    // Of a part that only one side has, all rows differ.
    let share = |part: &SpreadPart| {
        let rows = part.rows.max(differences(part));
        if rows == 0 { 0.0 } else { float(differences(part)) / float(rows) }
    };
    let Some(worst) = parts.iter().max_by(|a, b| share(a).total_cmp(&share(b))).filter(|part| differences(part) > 0)
    else {
        return String::new();
    };
    let highest = share(worst);
    let step = WIDE / float(parts.len() as u64);
    let mut bars = String::new();
    for (at, part) in parts.iter().enumerate() {
        let (x, width) = (step * float(at as u64), step * 0.9);
        bars.push_str(&format!("<rect class=\"track\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"100\"/>"));
        if differences(part) > 0 {
            let height = (HIGH * share(part) / highest).max(4.0);
            bars.push_str(&format!(
                "<rect class=\"f-bad\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>",
                HIGH - height
            ));
        }
    }
    let name = |part: &SpreadPart| match part.value.as_deref() {
        None => "null".to_owned(),
        Some("") => "(empty text)".to_owned(),
        Some(value) => value.to_owned(),
    };
    let hit = parts.iter().filter(|part| differences(part) > 0).count();
    let rows = worst.rows.max(differences(worst));
    let most = format!(
        "Most in {}: {} of {} rows ({}). {hit} of {} have a difference.",
        name(worst),
        thousands(differences(worst)),
        thousands(rows),
        percent(differences(worst), rows),
        parts.len()
    );
    let ends = (parts.first().map(name).unwrap_or_default(), parts.last().map(name).unwrap_or_default());
    let cut =
        if parts.len() < spread.parts.len() { format!(" The first {MOST_PARTS} are drawn.") } else { String::new() };
    format!(
        "<svg class=\"strip\" viewBox=\"0 0 400 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">{bars}</svg>\
         <div class=\"ends\"><bdi>{}</bdi><bdi>{}</bdi></div><p class=\"soft any\">{}{cut}</p>\n",
        html(&format!("Share of rows that differ by {}. {most}", spread.by)),
        html(&ends.0),
        html(&ends.1),
        html(&most)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The width of a bar in hundredths of the track.
    fn width(bar: &str) -> f64 {
        let text = bar.rsplit_once("width=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(width, _)| width);
        text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(f64::NAN) / 4.0
    }

    #[test]
    fn one_is_seen_beside_millions_and_nothing_is_not() {
        let of = |number| width(&log_bar(number, 9_999_870, "f-ok"));
        assert!(of(0) == 0.0 && of(1) > 10.0 && of(130) > of(1) && (of(9_999_870) - 100.0).abs() < 0.1);
        assert!(width(&log_bar(0, 0, "f-ok")) == 0.0);
        let share = |part| width(&share_bar(part, 1_000_000, "f-bad"));
        assert!(share(0) == 0.0 && share(1) >= 1.0 && (share(500_000) - 50.0).abs() < 0.1 && share(u64::MAX) <= 100.0);
    }

    #[test]
    fn a_drawing_says_in_words_what_it_shows() {
        let bins = Histogram { from: "0".into(), to: "<60>".into(), old: vec![1_000, 2], new: vec![3] };
        let shown = histogram("qty", &bins);
        assert!(
            shown.contains("Histogram of qty, 2 bins from 0 to &lt;60&gt;: old has 1,002 values, new 3;"),
            "{shown}"
        );
        let none = Histogram { old: vec![0, 0], new: Vec::new(), ..bins };
        assert_eq!(histogram("qty", &none), "", "of nothing there is nothing to draw");
        let part = |value: &str, rows, only_old, differing| SpreadPart {
            value: Some(value.into()),
            rows,
            only_old,
            only_new: 0,
            differing,
        };
        let parts = vec![part("a", 1_000, 0, 5), part("b", 10, 0, 0), part("c", 0, 4, 0)];
        let spread = DifferenceSpread { by: "region".into(), parts };
        assert!(
            strip(&spread).contains("Most in c: 4 of 4 rows (100 %). 2 of 3 have a difference."),
            "{}",
            strip(&spread)
        );
        assert_eq!(strip(&DifferenceSpread { by: "region".into(), parts: vec![part("b", 10, 0, 0)] }), "");
    }
}
