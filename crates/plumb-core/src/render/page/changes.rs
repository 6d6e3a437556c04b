//! The changes of a plan, the most dangerous first, each folded with its differences. In a long plan equal changes are told
//! once, with the names of all.

use super::PageFacts;
use crate::plan::Plan;
use crate::plan::{Action, Change, ChangeOrigin, FieldChange};
use crate::render::body::{self, Sign};
use crate::render::code;
use crate::render::compact::{COMPACT_ABOVE, groups};
use crate::render::graph::ResourceGraph;
use crate::render::markup::html as safe;
use crate::render::value::quoted;
use plumb_model::address::Address;
use std::collections::{HashMap, HashSet};
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
const GROUPS: [(&[Action], &str, &str); 12] = [
    (&[Action::Delete], "Delete", "bad"),
    (&[Action::Terminate], "Terminate for good", "bad"),
    (&[Action::Replace], "Replace", "bad"),
    (&[Action::CutOver, Action::Rollback], "Cut over or take back", "bad"),
    (&[Action::Update], "Update", "none"),
    (&[Action::Create], "Create", "ok"),
    (&[Action::Adopt], "Adopt", "none"),
    (&[Action::Move], "Move", "none"),
    (&[Action::Release, Action::Mark], "Release and mark", "none"),
    (&[Action::Upload], "Upload code", "ok"),
    (&[Action::Retire], "Retire code", "none"),
    (&[Action::Prune], "Prune code", "warn"),
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

/// Changes that are told once: their places in the plan, and the fields that they have in common.
struct EqualChanges {
    all: Vec<usize>,
    fields: Vec<FieldChange>,
}

/// Equal changes by the place of the first, where the plan is long. Objects to be made are told by their fields, so each is
/// told by itself.
fn equal(page: &PageFacts<'_>) -> HashMap<usize, EqualChanges> {
    let mut equal = HashMap::new();
    if page.plan.changes.len() <= COMPACT_ABOVE {
        return equal;
    }
    for group in groups(page.plan).changes.into_iter().filter(|group| group.changes.len() > 1) {
        if group.first().action == Action::Create {
            continue;
        }
        let all: Vec<usize> =
            group.changes.iter().filter_map(|change| page.changed.get(&change.address).copied()).collect();
        let field =
            |path: &str, field: &FieldChange| FieldChange { path: path.to_owned(), source: None, ..field.clone() };
        let fields = group.fields.iter().map(|one| field(&one.path, one.field)).collect();
        if let Some(first) = all.first() {
            equal.insert(*first, EqualChanges { fields, all });
        }
    }
    equal
}

/// The section's text.
pub(super) fn changes(page: &PageFacts<'_>, graph: &ResourceGraph) -> String {
    let neighbours = Neighbours::of(graph);
    let mut out = String::new();
    let (mut left, mut folded) = (MOST_BYTES, 0);
    let is_small = page.plan.changes.len() <= MOST_OPEN;
    let equal = equal(page);
    let told: HashSet<usize> = equal.values().flat_map(|one| one.all.iter().skip(1).copied()).collect();
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
            if told.contains(&index) {
                continue;
            }
            let several = equal.get(&index);
            let fields = several.map_or(&change.fields, |several| &several.fields);
            let differences = differences(change, fields, left.min(MOST_OF_ONE));
            folded += usize::from(differences.is_none());
            left = left.saturating_sub(differences.as_ref().map_or(0, String::len));
            match several {
                Some(several) => alike(&mut out, page.plan, several, class, differences.as_deref()),
                None => one(&mut out, (index, change), class, is_small, differences.as_deref(), &neighbours),
            }
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

/// Several equal changes: what is done to all of them, and the name, place and commit of each.
fn alike(out: &mut String, plan: &Plan, several: &EqualChanges, class: &str, differences: Option<&str>) {
    let all: Vec<(usize, &Change)> = several.all.iter().map(|at| (*at, &plan.changes[*at])).collect();
    let Some((_, first)) = all.first() else { return };
    let _ = write!(
        out,
        "<details class=\"change\"><summary><span class=\"sign {class}\">{}</span><span class=\"who\">{} × <bdi>{}</bdi> <span class=\"soft\">alike</span></span></summary>\n<p class=\"any\">Each {}.</p>\n",
        safe(body::glyph(first.action)),
        all.len(),
        safe(&first.address.kind),
        safe(done_to_each(first.action)),
    );
    marks(out, first);
    body_of(out, first, differences);
    out.push_str("<ul class=\"about any\">");
    for (at, change) in &all {
        let was = change.moved_from.as_ref().map(|old| format!(", was {old},"));
        let place = change.source.as_ref().map(|source| match body::commit(source) {
            Some(commit) => format!(" {}, {commit}", body::place(source)),
            None => format!(" {}", body::place(source)),
        });
        let _ = write!(
            out,
            "<li id=\"c{at}\"><bdi>{}</bdi>{}</li>",
            safe(&change.address.to_string()),
            safe(&format!("{}{}{}", body::id(change), was.unwrap_or_default(), place.unwrap_or_default()))
        );
    }
    out.push_str("</ul>\n</details>\n");
}

/// What is done to each of several.
fn done_to_each(action: Action) -> &'static str {
    match action {
        Action::Adopt => "will take over the existing object of its manifest",
        Action::Move => "was renamed and keeps its object",
        _ => "will be updated in place",
    }
}

/// What it disrupts, and what is open in its manifest.
fn marks(out: &mut String, change: &Change) {
    if change.impacts.is_empty() && change.decisions.is_empty() {
        return;
    }
    out.push_str("<ul class=\"marks\">");
    for impact in &change.impacts {
        let _ = write!(out, "<li class=\"bad\">{}</li>", safe(impact));
    }
    for open in body::undecided(change) {
        let _ = write!(out, "<li class=\"none\">{}</li>", safe(&open));
    }
    out.push_str("</ul>\n");
}

fn body_of(out: &mut String, change: &Change, differences: Option<&str>) {
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
    marks(out, change);
    let mut says = body::about(change);
    if change.action != Action::Create {
        let what = if change.code.is_some() { "in" } else { "id" };
        says.extend(change.id.as_ref().map(|id| format!("{what} {id}")));
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
    body_of(out, change, differences);
    out.push_str("</details>\n");
}

/// The lines of a change's fields; `None` where they take more than is left.
fn differences(change: &Change, fields: &[FieldChange], room: usize) -> Option<String> {
    let fields: Vec<&FieldChange> = fields.iter().collect();
    let mut out = String::new();
    for line in body::lines(change, &fields, Some(WIDTH)).into_iter().chain(code::lines(change)) {
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
