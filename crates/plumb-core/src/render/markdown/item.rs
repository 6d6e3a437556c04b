//! One resource of a plan, folded: the line that names it, where to look, and its fields as a diff.

use super::inert::{code as quoted_code, fence, html, link};
use super::{Item, MarkdownOptions, NAME, Rank, Shown, head, laid_out};
use crate::kinds;
use crate::plan::{Action, Change, ChangeOrigin, Commit, FieldChange, PlanLinks, SourceLine};
use crate::render::body::{self, Sign};
use crate::render::code;
use crate::render::counted;
use crate::render::value::{quoted, shortened, visible};
use std::collections::HashSet;

/// How many lines of manifests, commits and live objects are named above the fields.
const PLACES: usize = 8;
const COMMITS: usize = 3;
const OBJECTS: usize = 5;
/// How far a remark stands to the right of the field that it is about.
const REMARK: usize = 4;

/// A resource with these of its fields.
pub(super) fn item(change: &Change, fields: &[&FieldChange], links: &PlanLinks, options: &MarkdownOptions) -> Item {
    let title = title(change, fields);
    let places = places(&[ShownFields { change, fields: fields.to_vec() }], links, options);
    let lines = lines(change, fields);
    let fence = fence(lines.lines());
    let open = if is_destructive(change.action) { " open" } else { "" };
    let short = format!("<p>{title}</p>\n\n");
    let whole =
        format!("<details{open}><summary>{title}</summary>\n\n{places}{fence}diff\n{lines}{fence}\n\n</details>\n\n");
    Item { rank: rank(change), count: 1, whole, short, shown: Shown::Whole }
}

/// Whether nobody should have to unfold it to see it.
fn is_destructive(action: Action) -> bool {
    matches!(action, Action::Delete | Action::Replace | Action::Terminate | Action::CutOver | Action::Rollback)
}

pub(super) fn rank(change: &Change) -> Rank {
    match change.action {
        Action::Delete | Action::Terminate => Rank::Delete,
        Action::Replace => Rank::Replace,
        _ if !change.impacts.is_empty() => Rank::Disruptive,
        Action::Update => Rank::Update,
        Action::Adopt => Rank::Adopt,
        Action::Move | Action::Release | Action::Mark => Rank::Rename,
        Action::CutOver | Action::Rollback => Rank::Delete,
        Action::Upload => Rank::Create,
        Action::Retire | Action::Prune => Rank::Rename,
        Action::Create => Rank::Create,
    }
}

/// The line that names a resource, as HTML: what is done to it, what that disrupts, what it costs.
pub(super) fn title(change: &Change, fields: &[&FieldChange]) -> String {
    let address = format!("<code>{}</code>", html(&shortened(&change.address.to_string(), NAME)));
    let mut title = glyph_and(change.action, &format!("{address} {}", html(&done_shortly(change))));
    if change.action == Action::Update {
        let files = if tells_code(fields) { change.files.len() } else { 0 };
        let mut said = Vec::new();
        let has_code = files > 0 || tells_code(fields) && change.tree.is_some();
        said.extend((!has_code || !fields.is_empty()).then(|| counted(fields.len(), "field", "fields")));
        said.extend(has_code.then(|| match files {
            0 => "its code".to_owned(),
            files => counted(files, "file of its code", "files of its code"),
        }));
        title.push_str(&format!(": {}", said.join(", ")));
    }
    for said in change.impacts.iter().cloned().chain(head::cost_of(change, fields)) {
        title.push_str(&format!("; <code>{}</code>", html(&shortened(&said, NAME))));
    }
    title
}

/// The sign of an action before what it is done to, which is HTML already.
pub(super) fn glyph_and(action: Action, what: &str) -> String {
    format!("{} {what}", html(body::glyph(action)))
}

/// Whether a field differs because of a manifest, so that it is no drift alone.
pub(super) fn is_of_branch(field: &FieldChange) -> bool {
    field.origin != Some(ChangeOrigin::Drift)
}

fn done_shortly(change: &Change) -> String {
    let done = match change.action {
        Action::Create => "will be created",
        Action::Update => "will be updated in place",
        Action::Replace => "must be replaced",
        Action::Delete => "will be deleted",
        Action::Adopt => "will take over an existing object",
        Action::Move => "was renamed and keeps its object",
        Action::Release => "will be released",
        Action::Mark => "will be marked for teardown",
        Action::Upload | Action::Retire | Action::Prune => return body::done_to(change),
        Action::Terminate | Action::CutOver | Action::Rollback => return body::done_to(change),
    };
    done.to_owned()
}

/// A change with the fields of it that are shown together.
pub(super) struct ShownFields<'a> {
    pub change: &'a Change,
    pub fields: Vec<&'a FieldChange>,
}

impl<'a> ShownFields<'a> {
    /// A change with all of its fields.
    pub fn of(change: &'a Change) -> ShownFields<'a> {
        ShownFields { change, fields: change.fields.iter().collect() }
    }

    /// Where it stands: its manifest, then each field.
    fn sources(&self) -> impl Iterator<Item = &'a SourceLine> + '_ {
        self.change.source.iter().chain(self.fields.iter().filter_map(|field| field.source.as_ref()))
    }

    /// The commits that brought it about. Who wrote what was changed live since did not.
    fn commits(&self) -> impl Iterator<Item = &'a Commit> + '_ {
        let fields = self.fields.iter().filter(|field| is_of_branch(field)).filter_map(|field| field.source.as_ref());
        self.change.source.iter().chain(fields).filter_map(|source| source.commit.as_ref())
    }
}

/// Where to look, as a paragraph of links: lines of manifests, the commits that wrote them, the live objects. Empty where there
/// is nothing to follow; the fields then say the same in words.
pub(super) fn places(all: &[ShownFields<'_>], links: &PlanLinks, options: &MarkdownOptions) -> String {
    let mut parts = Vec::new();
    if let Some(repository) = &links.repository {
        let mut lines: Vec<&SourceLine> = Vec::new();
        let (mut known_lines, mut known_commits) = (HashSet::new(), HashSet::new());
        for source in all.iter().flat_map(ShownFields::sources) {
            if known_lines.insert((&source.file, source.line)) {
                lines.push(source);
            }
        }
        let commits = all.iter().flat_map(ShownFields::commits).filter(|commit| known_commits.insert(&commit.id));
        let mut named = Vec::new();
        let mut file = None;
        for source in &lines {
            let Some(page) = repository.line(source) else { continue };
            // Of the same file as the one before, the line is enough.
            let words = match file.replace(&source.file) {
                Some(before) if *before == source.file => format!(":{}", source.line),
                _ => format!("{}:{}", shortened(&source.file, NAME), source.line),
            };
            named.push(link(&quoted_code(&words), Some(&page)));
        }
        parts.extend(limited(named, PLACES, "line", "lines"));
        // Who wrote it and what they said stands in the fence: it is outside text.
        let written = commits.filter_map(|commit| {
            let page = repository.commit(commit)?;
            Some(format!("commit {}", link(&quoted_code(&commit.id), Some(&page))))
        });
        parts.extend(limited(written.collect(), COMMITS, "commit", "commits"));
    }
    let objects = all.iter().filter_map(|place| {
        let change = place.change;
        // What was deleted has no page any more.
        if options.is_done && matches!(change.action, Action::Delete | Action::Terminate | Action::Replace) {
            return None;
        }
        let (page, id) = (links.object(change)?, change.id.as_deref()?);
        let noun = kinds::find(&change.address.kind).map_or("object", |kind| kind.noun());
        Some(link(&format!("live {noun} {}", quoted_code(&shortened(id, NAME))), Some(&page)))
    });
    parts.extend(limited(objects.collect(), OBJECTS, "live object", "live objects"));
    if parts.is_empty() { String::new() } else { format!("{}\n\n", parts.join(" · ")) }
}

/// The first few, and how many more there are.
fn limited(all: Vec<String>, most: usize, one: &str, many: &str) -> Option<String> {
    let more = all.len().saturating_sub(most);
    let mut shown: Vec<String> = all.into_iter().take(most).collect();
    if more > 0 {
        shown.push(format!("and {}", counted(more, &format!("more {one}"), &format!("more {many}"))));
    }
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn lines(change: &Change, fields: &[&FieldChange]) -> String {
    let title = format!("{}{}", quoted(&change.title), body::id(change));
    let mut out = match change.action {
        // The line above says it.
        Action::Create | Action::Update | Action::Replace | Action::Delete => laid_out('#', 0, &title),
        Action::Upload | Action::Retire | Action::Prune => {
            let place = change.id.as_deref().map(visible).unwrap_or_default();
            laid_out('#', 0, &title) + &laid_out('#', 0, &format!("kept in {place}"))
        }
        _ => laid_out('#', 0, &format!("{}: {title}", body::done_to(change))),
    };
    for about in body::about(change) {
        out.push_str(&laid_out('#', 0, &about));
    }
    for impact in &change.impacts {
        out.push_str(&laid_out('!', 0, &visible(impact)));
    }
    for open in body::undecided(change) {
        out.push_str(&laid_out('!', 0, &open));
    }
    out + &self::fields(change, fields)
}

/// Whether what differs in the code of a change is told with these of its fields: not with those that had drifted before.
fn tells_code(fields: &[&FieldChange]) -> bool {
    fields.is_empty() || fields.iter().any(|field| is_of_branch(field))
}

/// Fields as lines of a diff, each with its remark below: beside it, it would be out of sight.
pub(super) fn fields(change: &Change, fields: &[&FieldChange]) -> String {
    let mut out = String::new();
    let code = if tells_code(fields) { code::lines(change) } else { Vec::new() };
    for field in body::lines(change, fields, None).into_iter().chain(code) {
        let sign = match field.sign {
            Sign::Add => '+',
            Sign::Remove => '-',
            Sign::Change => '!',
            Sign::Keep => ' ',
        };
        out.push_str(&format!("{sign} {}\n", field.text));
        out.push_str(&field.remark.map(|remark| laid_out('#', REMARK, &remark)).unwrap_or_default());
    }
    out
}
