//! The changes of a plan, the most dangerous first, each folded with its differences.

use super::PageFacts;
use crate::plan::{Action, Change, ChangeOrigin, FieldChange};
use crate::render::body::{self, Sign};
use crate::render::graph::ResourceGraph;
use crate::render::markup::html as safe;
use crate::render::value::quoted;
use plumb_model::address::Address;
use std::collections::HashMap;
use std::fmt::Write;

/// A plan of no more changes than this has them unfolded.
const MOST_OPEN: usize = 12;
/// How many bytes the differences of all changes take. What is dangerous has its own first.
const MOST_BYTES: usize = 1_100_000;
/// How many bytes those of one change take.
const MOST_OF_ONE: usize = 120_000;
/// How wide an `old -> new` may be to stand on one line.
const WIDTH: usize = 96;
/// How many neighbours of a change are named.
const MOST_NAMED: usize = 8;

/// What is done, in the order in which it is read, with its heading.
const GROUPS: [(&[Action], &str, &str); 9] = [
    (&[Action::Delete], "Delete", "bad"),
    (&[Action::Terminate], "Terminate for good", "bad"),
    (&[Action::Replace], "Replace", "bad"),
    (&[Action::CutOver, Action::Rollback], "Cut over or take back", "bad"),
    (&[Action::Update], "Update", "none"),
    (&[Action::Create], "Create", "ok"),
    (&[Action::Adopt], "Adopt", "none"),
    (&[Action::Move], "Move", "none"),
    (&[Action::Release, Action::Mark], "Release and mark", "none"),
];

/// The class of an action's colour.
pub(super) fn class(action: Action) -> &'static str {
    GROUPS.iter().find(|(actions, ..)| actions.contains(&action)).map_or("none", |(.., class)| class)
}

/// What each address needs, and what needs it.
struct Neighbours<'g> {
    needs: HashMap<&'g Address, Vec<&'g Address>>,
    needed_by: HashMap<&'g Address, Vec<&'g Address>>,
}

impl<'g> Neighbours<'g> {
    fn of(graph: &'g ResourceGraph) -> Neighbours<'g> {
        let mut all = Neighbours { needs: HashMap::new(), needed_by: HashMap::new() };
        for edge in &graph.edges {
            all.needs.entry(&edge.from).or_default().push(&edge.to);
            all.needed_by.entry(&edge.to).or_default().push(&edge.from);
        }
        all
    }
}

/// The section's text.
pub(super) fn changes(page: &PageFacts<'_>, graph: &ResourceGraph) -> String {
    let neighbours = Neighbours::of(graph);
    let mut out = String::new();
    let (mut left, mut folded) = (MOST_BYTES, 0);
    let is_small = page.plan.changes.len() <= MOST_OPEN;
    for (actions, title, class) in GROUPS {
        let all = page.plan.changes.iter().enumerate().filter(|(_, change)| actions.contains(&change.action));
        let mut all = all.peekable();
        if all.peek().is_none() {
            continue;
        }
        let start = out.len();
        let mut count = 0;
        for (index, change) in all {
            count += 1;
            let differences = differences(change, left.min(MOST_OF_ONE));
            folded += usize::from(differences.is_none());
            left = left.saturating_sub(differences.as_ref().map_or(0, String::len));
            one(&mut out, (index, change), class, is_small, differences.as_deref(), &neighbours);
        }
        out.insert_str(start, &format!("<h3 class=\"group\">{title} <span class=\"soft\">{count}</span></h3>\n"));
    }
    if folded > 0 {
        let _ = writeln!(
            out,
            "<p class=\"soft\">The fields of {folded} changes are left out of this page: <code>plumb plan</code> has them all.</p>"
        );
    }
    out
}

fn one(
    out: &mut String,
    (index, change): (usize, &Change),
    class: &str,
    is_small: bool,
    differences: Option<&str>,
    neighbours: &Neighbours<'_>,
) {
    let open =
        if is_small || (class == "bad" && differences.is_some_and(|text| text.len() < 4_000)) { " open" } else { "" };
    let _ = write!(
        out,
        "<details class=\"change\" id=\"c{index}\"{open}><summary><span class=\"sign {class}\">{}</span><span class=\"who\"><bdi>{}</bdi> <span class=\"soft\">{}</span></span></summary>\n<p class=\"any\">It {}.</p>\n",
        safe(body::glyph(change.action)),
        safe(&change.address.to_string()),
        safe(&quoted(&change.title)),
        safe(&body::done_to(change)),
    );
    if !change.impacts.is_empty() || !change.decisions.is_empty() {
        out.push_str("<ul class=\"marks\">");
        for impact in &change.impacts {
            let _ = write!(out, "<li class=\"bad\">{}</li>", safe(impact));
        }
        for open in body::undecided(change) {
            let _ = write!(out, "<li class=\"none\">{}</li>", safe(&open));
        }
        out.push_str("</ul>\n");
    }
    let mut says = body::about(change);
    if change.action != Action::Create {
        says.extend(change.id.as_ref().map(|id| format!("id {id}")));
    }
    says.extend(change.origin.map(|origin| {
        let by = match origin {
            ChangeOrigin::Manifest => "the manifests",
            ChangeOrigin::Drift => "what was done live",
            ChangeOrigin::Both => "the manifests, and what was done live",
        };
        format!("brought about by {by}")
    }));
    for (title, all) in
        [("needs", neighbours.needs.get(&change.address)), ("needed by", neighbours.needed_by.get(&change.address))]
    {
        let Some(all) = all else { continue };
        let names: Vec<String> = all.iter().take(MOST_NAMED).map(ToString::to_string).collect();
        let more = all.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        says.push(format!("{title} {}{more}", names.join(", ")));
    }
    if !says.is_empty() {
        out.push_str("<ul class=\"about any\">");
        for line in says {
            let _ = write!(out, "<li>{}</li>", safe(&line));
        }
        out.push_str("</ul>\n");
    }
    match differences {
        Some("") => {}
        Some(text) => {
            let _ = writeln!(out, "<pre class=\"diff\">{text}</pre>");
        }
        None => {
            let fields = super::counted(change.fields.len(), "field is", "fields are");
            let _ = writeln!(out, "<p class=\"soft\">{fields} left out here.</p>");
        }
    }
    out.push_str("</details>\n");
}

/// The lines of a change's fields; `None` where they take more than is left.
fn differences(change: &Change, room: usize) -> Option<String> {
    let fields: Vec<&FieldChange> = change.fields.iter().collect();
    let mut out = String::new();
    for line in body::lines(change, &fields, Some(WIDTH)) {
        let (class, sign) = match line.sign {
            Sign::Add => ("p", '+'),
            Sign::Remove => ("m", '-'),
            Sign::Change => ("c", '~'),
            Sign::Keep => ("k", ' '),
        };
        // No line break between lines: each is a block.
        let _ = write!(out, "<span class=\"{class}\">{sign} {}", safe(&line.text));
        if let Some(remark) = &line.remark {
            let _ = write!(out, "<i>{}</i>", safe(remark));
        }
        out.push_str("</span>");
        if out.len() > room {
            return None;
        }
    }
    Some(out)
}
