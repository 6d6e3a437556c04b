//! What an import leaves out, and how that is said: what could not be read, and what `validate` would refuse.

use super::{Import, KindRef, named};
use crate::cli::session::{Project, Session};
use crate::observe::RefusedKinds;
use crate::ui::{ExitCode, Failure, Ui};
use plumb_core::kinds::{Role, Whose};
use plumb_core::manifest;
use plumb_core::plan::{Live, LiveObject};
use plumb_core::render::{self, value::visible};
use plumb_model::address::Address;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// More of a kind than this are counted, not listed.
const MOST: usize = 10;

/// How much was left out.
#[derive(Default)]
pub(super) struct Left {
    pub count: usize,
}

impl Left {
    /// Leaves out one object of many; one that was named by its id ends the import.
    pub(super) fn one(&mut self, kind: KindRef, id: &str, why: &str, of_many: bool, ui: &Ui) -> Result<(), Failure> {
        let message = format!("{} {id} is not imported: {}", kind.noun(), visible(why));
        if !of_many {
            return Err(Failure::error(message).hint("nothing was written"));
        }
        self.count += 1;
        ui.warn(&message);
        Ok(())
    }

    /// What the command ends with.
    pub(super) fn code(&self) -> ExitCode {
        if self.count == 0 { ExitCode::Ok } else { ExitCode::Partial }
    }
}

/// Says what the listings do not show of what was wanted. What has an owner is not imported anyway.
pub(super) fn of_listings(args: &Import, live: &Live, refused: &RefusedKinds, ui: &Ui) -> Result<Left, Failure> {
    let mut left = Left::default();
    let kinds = args.kind.as_deref().map(named).transpose()?;
    let is_asked = |name: &str| kinds.as_ref().is_none_or(|list| list.iter().any(|kind| kind.name() == name));
    for (kind, fault) in refused.iter().filter(|(kind, _)| is_asked(kind.name()) && kind.role() == Role::Object) {
        let message = format!("no {} is imported: {fault}", kind.noun());
        let is_all = kinds.as_ref().is_some_and(|list| list.len() == 1) || live.kinds.is_empty();
        if !args.all || is_all {
            return Err(Failure::error(message).hint("nothing was written"));
        }
        ui.warn(&message);
        left.count += 1;
    }
    for (name, list) in live.unreadable.iter().filter(|(name, _)| is_asked(name)) {
        if let Some(one) = list.iter().find(|one| one.id.as_ref().is_some_and(|id| args.ids.contains(id))) {
            return Err(Failure::error(format!("it could not be read: {one}")).hint("nothing was written"));
        }
        let free: Vec<_> = list.iter().filter(|one| args.all && !matches!(one.whose, Whose::Marked(_))).collect();
        for one in free.iter().take(MOST) {
            ui.warn(&format!("not imported, for it could not be read: {}", visible(&one.to_string())));
        }
        if let Some(more) = free.len().checked_sub(MOST).filter(|more| *more > 0) {
            ui.warn(&format!("not imported, for they could not be read: {more} more of {name}"));
        }
        left.count += free.len();
    }
    Ok(left)
}

/// Says which objects are the platform's own, and so not imported: a line for each reason.
pub(super) fn platforms_own(own: &[(KindRef, &LiveObject)], ui: &Ui) {
    let mut reasons: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (kind, found) in own {
        if let Some(why) = kind.platforms_own(&found.seen.whole()) {
            let title = if found.seen.id.is_empty() { found.seen.title(*kind) } else { &found.seen.id };
            reasons.entry((kind.noun(), why)).or_default().push(visible(title).to_string());
        }
    }
    for ((noun, why), ids) in reasons {
        let more = ids.len().checked_sub(MOST).filter(|more| *more > 0);
        let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
        let shown = ids.iter().take(MOST).cloned().collect::<Vec<_>>().join(", ");
        ui.status(&format!("Not imported, for it is the platform's own: {noun} {shown}{more} ({why})."));
    }
}

/// Why there is nothing to import: what has a manifest here, and what others own.
pub(super) fn nothing(args: &Import, session: &Session, live: &Live) -> Result<String, Failure> {
    let desired = &session.project.desired;
    let addresses: BTreeSet<&Address> = desired.resources.iter().map(|resource| &resource.address).collect();
    let adopted: BTreeSet<(&str, &str)> =
        desired.resources.iter().filter_map(|r| Some((r.kind.name(), r.adopt.as_deref()?))).collect();
    let asked = args.kind.as_deref().map(named).transpose()?;
    let is_asked = |kind: &KindRef| asked.as_ref().is_none_or(|list| list.iter().any(|one| one.name() == kind.name()));
    let (mut here, mut others) = (0, 0);
    for kind in session.project.all_kinds().into_iter().filter(|k| k.role() == Role::Object).filter(is_asked) {
        for found in live.of(kind.name()) {
            let owner = found.mark.as_ref().map(|mark| &mark.owner);
            let is_ours = owner.is_some_and(|owner| {
                owner.project == desired.project.name
                    && owner.target == desired.mark_target()
                    && addresses.contains(&owner.address)
            });
            if is_ours || adopted.contains(&(kind.name(), found.seen.id.as_str())) {
                here += 1;
            } else if owner.is_some() {
                others += 1;
            }
        }
    }
    let all = |count: usize| if count == 1 { "the one object".to_owned() } else { format!("all {count} objects") };
    let has = |count: usize| if count == 1 { "has" } else { "have" };
    let belongs = |count: usize| if count == 1 { "belongs to a project" } else { "belong to projects" };
    Ok(match (here, others) {
        (0, 0) => "Nothing to import: no object is there that plumb could take over.".to_owned(),
        (here, 0) => format!("Nothing to import: {} {} a manifest here already.", all(here), has(here)),
        (0, others) => format!("Nothing to import: {} {}.", all(others), belongs(others)),
        (here, others) => {
            let objects = render::counted(here, "object", "objects");
            format!(
                "Nothing to import: {objects} {} a manifest here already, and {others} {}.",
                has(here),
                belongs(others)
            )
        }
    })
}

/// Which of the manifests `validate` would refuse, by their index, and why.
pub(super) fn refused(
    project: &Project,
    written: &[(PathBuf, render::Manifest)],
) -> Result<BTreeMap<usize, String>, Failure> {
    // A project without a manifest is not tried out: there may be nothing for it to take over.
    if written.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut texts = project.texts()?;
    let path = |file: &PathBuf| {
        let path = file.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        manifest::tidy(&path).unwrap_or(path)
    };
    let paths: BTreeMap<String, usize> = written.iter().enumerate().map(|(i, (file, _))| (path(file), i)).collect();
    for (path, index) in &paths {
        texts.insert(path.clone(), written[*index].1.text.clone().into_bytes());
    }
    let env: Vec<String> = written.iter().flat_map(|(_, manifest)| manifest.env.iter().cloned()).collect();
    let Err(failure) = project.try_out(texts, &env) else { return Ok(BTreeMap::new()) };
    let mut refused = BTreeMap::new();
    for problem in &failure.problems {
        // Of two that do not go together the one that is there already stays.
        let spans = problem.span.iter().chain(problem.related.iter().map(|(span, _)| span));
        let index = spans.filter_map(|span| paths.get(&failure.files.get(span.file).path)).next();
        let label = if problem.label.is_empty() { String::new() } else { format!(" ({})", problem.label) };
        let Some(index) = index else {
            let message = format!("the manifests would not be valid: {}{label}", problem.message);
            return Err(Failure::error(message).hint("nothing was written"));
        };
        refused
            .entry(*index)
            .or_insert_with(|| format!("`plumb validate` would refuse it: {}{label}", problem.message));
    }
    Ok(refused)
}

/// Members that could not be read of objects that are imported without them.
#[derive(Default)]
pub(super) struct Limits(BTreeMap<(&'static str, String), (usize, String)>);

impl Limits {
    pub(super) fn add(&mut self, kind: KindRef, limits: &[(String, String)]) {
        for (what, why) in limits {
            let entry = self.0.entry((kind.noun(), what.clone())).or_insert_with(|| (0, why.clone()));
            entry.0 += 1;
        }
    }

    /// Says each once, with the number of objects.
    pub(super) fn say(&self, ui: &Ui) {
        for ((noun, what), (count, why)) in &self.0 {
            let objects = if *count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") };
            // A member of the manifest, or a request that tells more than one.
            let what = if what.contains(' ') { "a part".to_owned() } else { format!("`{what}`") };
            ui.warn(&format!(
                "{what} of {objects} is not in the manifests, and plumb leaves it alone: {}",
                visible(why)
            ));
        }
    }
}
