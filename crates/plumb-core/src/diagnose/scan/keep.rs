//! Which clues are kept: of a class the first and last, and how many there were.

use crate::diagnose::clue::{Clue, ClueRole, Strength};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// How many of the first and of the last clues of a class are kept.
const ENDS: usize = 3;
/// How many more are kept, each the first about an executor, host or container: what ended a run may be linked to any of them.
const OTHERS: usize = 12;

/// A clue that is kept, and where in its event it stands.
struct KeptClue {
    clue: Clue,
    /// How many exceptions of a chained traceback came before it.
    part: u32,
}

#[derive(Default)]
struct KeptClass {
    first: Vec<KeptClue>,
    last: VecDeque<KeptClue>,
    subjects: HashSet<u64>,
    total: u64,
}

/// The clues of one file.
#[derive(Default)]
pub(super) struct ClueKeeper {
    classes: BTreeMap<(Arc<str>, ClueRole), KeptClass>,
    /// Classes that the event that is being read has clues of.
    open: Vec<((Arc<str>, ClueRole), Strength)>,
}

impl ClueKeeper {
    pub(super) fn add(&mut self, clue: Clue, part: u32) {
        let key = (clue.class.clone(), clue.role);
        match self.open.iter_mut().find(|(open, _)| *open == key) {
            Some((_, strength)) => *strength = clue.strength.max(*strength),
            None => self.open.push((key.clone(), clue.strength)),
        }
        let kept = self.classes.entry(key).or_default();
        kept.total += 1;
        let subject = subject_hash(&clue);
        let is_new = kept.subjects.len() < OTHERS && subject.is_some_and(|hash| kept.subjects.insert(hash));
        if kept.first.len() < ENDS || is_new {
            kept.first.push(KeptClue { clue, part });
            return;
        }
        if kept.last.len() == ENDS {
            kept.last.pop_front();
        }
        kept.last.push_back(KeptClue { clue, part });
    }

    /// Ends an event of so many parts: the exceptions of a chained Python traceback stand in it from the deepest up. `frame`:
    /// the user's own code in it.
    pub(super) fn end_event(&mut self, event: u64, parts: u32, frame: Option<&str>) {
        for (key, _) in self.open.drain(..) {
            let Some(kept) = self.classes.get_mut(&key) else { continue };
            for one in kept.first.iter_mut().chain(&mut kept.last).filter(|one| one.clue.event == event) {
                one.clue.depth += parts.saturating_sub(one.part);
                one.clue.frame = one.clue.frame.take().or_else(|| frame.map(str::to_owned));
            }
        }
    }

    /// Whether the event that is being read has a clue of such a class, with the strongest way in which it says it.
    pub(super) fn has_open(&self, fits: impl Fn(&str, ClueRole, Strength) -> bool) -> bool {
        self.open.iter().any(|((class, role), strength)| fits(class, *role, *strength))
    }

    /// All that are kept, in the order of their lines.
    pub(super) fn finish(self) -> Vec<Clue> {
        let mut clues: Vec<Clue> = Vec::new();
        for kept in self.classes.into_values() {
            let count = kept.total - (kept.first.len() + kept.last.len()) as u64;
            // Once: whoever adds them up must not count them six times.
            let counts = std::iter::once(count).chain(std::iter::repeat(0));
            let kept = kept.first.into_iter().chain(kept.last);
            clues.extend(kept.zip(counts).map(|(one, count)| Clue { count, ..one.clue }));
        }
        clues.sort_by_key(|clue| (clue.place.line, clue.event, clue.depth));
        clues
    }
}

fn subject_hash(clue: &Clue) -> Option<u64> {
    let whom = (&clue.subject.executor, &clue.subject.host, &clue.subject.container);
    if whom == (&None, &None, &None) {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    whom.hash(&mut hasher);
    Some(hasher.finish())
}

/// At most `most` clues, whose texts have at most `bytes` bytes together: those of the rarest classes. Also returns how many
/// went. The order of those that stay is as before.
pub fn rarest(clues: Vec<Clue>, most: usize, bytes: usize) -> (Vec<Clue>, usize) {
    let size = |clue: &Clue| clue.text.len() + clue.slots.values().map(String::len).sum::<usize>() + 400;
    if clues.len() <= most && clues.iter().map(size).sum::<usize>() <= bytes {
        return (clues, 0);
    }
    let mut of: BTreeMap<(Arc<str>, ClueRole), Vec<usize>> = BTreeMap::new();
    for (at, clue) in clues.iter().enumerate() {
        of.entry((clue.class.clone(), clue.role)).or_default().push(at);
    }
    let mut classes: Vec<Vec<usize>> = of.into_values().collect();
    classes.sort_by_key(Vec::len);
    let (mut left, mut room) = (most, bytes);
    let mut stays = vec![false; clues.len()];
    'all: for class in classes {
        for at in class {
            let takes = size(&clues[at]);
            if left == 0 || takes > room {
                break 'all;
            }
            (left, room) = (left - 1, room - takes);
            stays[at] = true;
        }
    }
    let before = clues.len();
    let kept: Vec<Clue> = clues.into_iter().zip(stays).filter(|(_, stays)| *stays).map(|(clue, _)| clue).collect();
    let gone = before - kept.len();
    (kept, gone)
}
