//! How the files of an object's code differ from those that it runs now.

use super::names::NamedTrees;
use super::overview;
use crate::code::{CodeChange, CodeFile, CodeSummary, CodeTree, TextDifference, difference, line_count};
use crate::detect;
use crate::manifest::Desired;
use crate::plan::context::PlanContext;
use crate::plan::verdict::Collected;
use crate::plan::{Action, Baselines, Change, Live, Plan};
use plumb_model::address::Address;
use plumb_model::secrets::Hider;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Of how many files of a change the texts are compared.
const COMPARED: usize = 50;

/// Adds to each change of an object whose code becomes another what it runs then, and how that differs.
pub(super) fn add(context: &PlanContext<'_>, named: &NamedTrees<'_>, all: &mut Collected<'_>) {
    let code = &context.input.desired.code;
    let mut earlier = EarlierCode::of(context);
    for change in &mut all.changes {
        let Some(tree) = code.of(&change.address) else { continue };
        let mut tree_of = overview(code, tree, None);
        if change.action == Action::Create {
            change.tree = Some(tree_of);
            continue;
        }
        let Some(before) = before(named, change, tree) else { continue };
        match before {
            Before::None => {}
            Before::Several => tree_of.unknown = Some("it names several trees of code".to_owned()),
            Before::One(hash) => match earlier.files(hash) {
                Ok(files) => change.files = earlier.changes(&files, tree),
                Err(why) => tree_of.unknown = Some(why),
            },
        }
        change.tree = Some(tree_of);
    }
}

/// The trees that live objects name whose changes could not say how their files differ, and that the history does not know: what
/// was in them may be read where they are kept.
pub fn asked_code(desired: &Desired, live: &Live, plan: &Plan, baselines: &Baselines) -> BTreeSet<String> {
    let unknown = |change: &&Change| change.tree.as_ref().is_some_and(|tree| tree.unknown.is_some());
    let asked: HashMap<(&str, &str), &Address> = plan
        .changes
        .iter()
        .filter(unknown)
        .filter_map(|change| Some(((change.address.kind.as_str(), change.id.as_deref()?), &change.address)))
        .collect();
    let mut trees = BTreeSet::new();
    if asked.is_empty() {
        return trees;
    }
    for (kind, found) in live.kinds.iter().flat_map(|(kind, found)| found.iter().map(move |one| (*kind, one))) {
        let Some(address) = asked.get(&(kind, found.seen.id.as_str())) else { continue };
        let wanted = desired.code.users.get(*address).map(|user| &user.hash);
        trees.extend(desired.code.folder.named_in(&found.seen.text()).into_iter().filter(|hash| Some(hash) != wanted));
    }
    trees.retain(|hash| baselines.tree(hash).is_none());
    trees
}

/// What an object's code was.
enum Before<'h> {
    /// Not the project's: elsewhere, or none.
    None,
    One(&'h str),
    Several,
}

/// What the live object of a change names that will name another tree. `None`: its code stays, or nothing writes it.
fn before<'n>(named: &'n NamedTrees<'_>, change: &Change, tree: &CodeTree) -> Option<Before<'n>> {
    let is_written = matches!(change.action, Action::Update | Action::Replace | Action::Adopt | Action::Move);
    let live = named.trees_of(change).filter(|_| is_written);
    let mut others = live.into_iter().flatten().filter(|hash| **hash != tree.hash);
    match (others.next(), others.next()) {
        _ if !is_written => None,
        (Some(_), Some(_)) => Some(Before::Several),
        (Some(one), None) => Some(Before::One(one)),
        (None, _) => live.is_none().then_some(Before::None),
    }
}

/// What is known of code as it was.
struct EarlierCode<'a, 'c> {
    context: &'c PlanContext<'a>,
    /// By the hash of a file.
    texts: HashMap<&'a str, &'a Arc<str>>,
    hiders: [Hider; 2],
    /// By the hashes of both sides: many objects share files.
    compared: HashMap<(String, String), TextDifference>,
}

impl<'a, 'c> EarlierCode<'a, 'c> {
    fn of(context: &'c PlanContext<'a>) -> EarlierCode<'a, 'c> {
        let trees = context.input.desired.code.trees.values().chain(context.input.baselines.trees());
        let files = trees.flat_map(|tree| tree.files.values());
        let texts = files.filter_map(|file| Some((file.hash.as_str(), file.text.as_ref()?))).collect();
        let hiders = [context.vault.hider(), context.earlier.hider()];
        EarlierCode { context, texts, hiders, compared: HashMap::new() }
    }

    /// The files of a tree by its hash: out of the history, or as its marker has them. The error says why they are not known.
    fn files(&self, hash: &str) -> Result<BTreeMap<String, CodeSummary>, String> {
        let input = self.context.input;
        let tree = input.baselines.tree(hash).or_else(|| input.desired.code.trees.get(hash));
        let summaries =
            |tree: &CodeTree| tree.files.iter().map(|(path, file)| (path.clone(), file.summary())).collect();
        match (tree, input.live.code.indexes.get(hash)) {
            (Some(tree), _) => Ok(summaries(tree)),
            (None, Some(index)) => index.clone(),
            (None, None) => Err("the history does not have it".to_owned()),
        }
    }

    fn changes(&mut self, before: &BTreeMap<String, CodeSummary>, tree: &CodeTree) -> Vec<CodeChange> {
        let paths: BTreeSet<&String> = before.keys().chain(tree.files.keys()).collect();
        let mut changes = Vec::new();
        for path in paths {
            let (from, to) = (before.get(path), tree.files.get(path));
            if from.map(|from| &from.hash) == to.map(|to| &to.hash) {
                continue;
            }
            let is_compared = changes.len() < COMPARED;
            changes.push(self.change(path, from, to, is_compared));
        }
        changes
    }

    fn change(
        &mut self,
        path: &str,
        from: Option<&CodeSummary>,
        to: Option<&CodeFile>,
        is_compared: bool,
    ) -> CodeChange {
        let old = from.and_then(|from| self.texts.get(from.hash.as_str()).copied().cloned());
        let new = to.and_then(|to| to.text.clone());
        let (from, to) = (from.cloned(), to.map(CodeFile::summary));
        let (lines, diff) = match (&from, &to, old, new) {
            (Some(from), Some(to), Some(old), Some(new)) if is_compared => {
                let found = self.compare((&from.hash, &old), (&to.hash, &new));
                (Some(found.lines), Some(found.text))
            }
            (None, _, _, Some(new)) => (Some((line_count(&new), 0)), None),
            (_, None, Some(old), _) => (Some((0, line_count(&old))), None),
            _ => (None, None),
        };
        CodeChange { path: path.to_owned(), from, to, diff, lines }
    }

    /// The difference of two texts with what is secret in them hidden.
    fn compare(&mut self, old: (&str, &str), new: (&str, &str)) -> TextDifference {
        let key = (old.0.to_owned(), new.0.to_owned());
        if let Some(known) = self.compared.get(&key) {
            return known.clone();
        }
        let found = difference(&self.hidden(old.1), &self.hidden(new.1));
        self.compared.insert(key, found.clone());
        found
    }

    fn hidden(&self, text: &str) -> String {
        let known = self.hiders.iter().fold(text.to_owned(), |text, hider| hider.hide_in(&text));
        let spots = detect::in_text(&known);
        let token = |spot: &detect::Spot| self.context.vault.token(&known[spot.range.clone()]);
        detect::instead(&known, &spots, &mut |spot| token(spot))
    }
}
