//! A report as one page that people forward: no script, no address that is loaded.

use super::super::markup::{html as safe, page};
use super::tables::{mark, tables};
use super::{CostBy, CostView};
use crate::cost::compare::PeriodCost;
use crate::cost::report::CostReport;
use plumb_model::stats::{Interval, Money};

const STYLE: &str = "\
:root{color-scheme:light dark;--line:#8884;--old:#b06000;--new:#1a73e8}
body{font:15px/1.5 system-ui,sans-serif;background:Canvas;color:CanvasText;margin:0 auto;padding:1rem;max-width:70rem;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%}div.scroll{overflow-x:auto}
th,td{text-align:left;padding:.3rem .7rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
svg{width:100%;height:auto;max-width:46rem}svg text{font:11px system-ui,sans-serif;fill:currentColor}
.soft{opacity:.75}code{font-size:.9em}";
/// How many periods a picture shows.
const SHOWN: usize = 36;

/// The whole page.
pub fn cost_html(report: &CostReport, view: CostView) -> String {
    let title = format!("What pipelines of {} cost", report.target);
    let mut out = page(&title, STYLE);
    out.push_str(&format!("<main>\n<h1><bdi>{}</bdi></h1>\n", safe(&title)));
    for (at, table) in tables(report, view).iter().enumerate() {
        out.push_str(&format!("<section>\n<h2><bdi>{}</bdi></h2>\n", safe(&table.title)));
        if let (CostBy::Period, Some(one)) = (view.by, report.pipelines.get(at)) {
            picture(&mut out, &one.periods);
        }
        if !table.rows.is_empty() {
            let heads: String = table.heads.iter().map(|head| format!("<th scope=\"col\">{head}</th>")).collect();
            out.push_str(&format!("<div class=\"scroll\"><table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"));
            for row in &table.rows {
                let cells: String = row.iter().map(|cell| format!("<td><bdi>{}</bdi></td>", safe(cell))).collect();
                out.push_str(&format!("<tr>{cells}</tr>\n"));
            }
            out.push_str("</tbody>\n</table></div>\n");
        }
        for sentence in &table.sentences {
            out.push_str(&format!("<p><bdi>{}</bdi></p>\n", safe(sentence)));
        }
        for (number, note) in table.notes.iter().enumerate() {
            out.push_str(&format!("<p class=\"soft\">{} <bdi>{}</bdi></p>\n", mark(number), safe(note)));
        }
        if !table.explained.is_empty() {
            out.push_str("<details><summary>Each term</summary>\n<pre>");
            table.explained.iter().for_each(|line| out.push_str(&format!("{}\n", safe(line))));
            out.push_str("</pre></details>\n");
        }
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// A line a period: a bar from the least to the most of each side. What has no whole price has no bar.
fn picture(out: &mut String, periods: &[PeriodCost]) {
    let shown = &periods[periods.len().saturating_sub(SHOWN)..];
    let sides: Vec<(&str, [Option<Interval<Money>>; 2])> = shown
        .iter()
        .map(|one| {
            (one.period.as_str(), [&one.old, &one.new].map(|side| side.as_ref().and_then(|side| side.cost.known())))
        })
        .collect();
    let most = sides.iter().flat_map(|(_, sides)| sides).flatten().map(|cost| cost.high).max();
    let Some(most) = most.filter(|most| *most > Money::ZERO) else { return };
    let at = |money: Money| 90 + 560 * money.nanos() / most.nanos();
    let height = 18 * sides.len() + 24;
    out.push_str(&format!("<svg viewBox=\"0 0 720 {height}\" role=\"img\" aria-label=\"cost by period\">\n"));
    for (row, (period, sides)) in sides.iter().enumerate() {
        let y = 18 * row + 6;
        out.push_str(&format!("<text x=\"0\" y=\"{}\">{}</text>", y + 9, safe(period)));
        for (side, cost) in sides.iter().enumerate().filter_map(|(side, cost)| Some((side, (*cost)?))) {
            let (from, width) = (at(cost.low), (at(cost.high) - at(cost.low)).max(3));
            let (class, y) = if side == 0 { ("old", y) } else { ("new", y + 7) };
            out.push_str(&format!(
                "<rect x=\"{from}\" y=\"{y}\" width=\"{width}\" height=\"5\" rx=\"2\" fill=\"var(--{class})\"/>"
            ));
        }
        out.push('\n');
    }
    let y = height - 6;
    out.push_str(&format!(
        "<text x=\"90\" y=\"{y}\">0</text><text x=\"640\" y=\"{y}\">{}</text>\n</svg>\n<p class=\"soft\">above: the old one, below: the new one, each from the least to the most</p>\n",
        most.units()
    ));
}
