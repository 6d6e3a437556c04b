//! Which commits are a part of which others' history: one walk for all that are asked about.

use super::blame::IsSpent;
use super::{GitError, Repo};
use git2::Oid;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// Whether each commit is a part of the history of another one.
#[derive(Default)]
pub struct Ancestry {
    told: BTreeMap<(String, String), bool>,
    /// Commits that were visited.
    pub visits: usize,
}

impl Ancestry {
    /// Whether a commit is `other` or older than it; `None` when that was not looked up.
    pub fn is_part_of(&self, commit: &str, other: &str) -> Option<bool> {
        self.told.get(&(commit.to_owned(), other.to_owned())).copied()
    }
}

/// A set of small numbers.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Numbers(Vec<u64>);

impl Numbers {
    pub fn of(numbers: impl IntoIterator<Item = usize>) -> Numbers {
        let mut set = Numbers::default();
        numbers.into_iter().for_each(|n| set.insert(n));
        set
    }

    pub fn has(&self, n: usize) -> bool {
        self.0.get(n / 64).is_some_and(|word| word >> (n % 64) & 1 == 1)
    }

    pub fn insert(&mut self, n: usize) {
        if self.0.len() <= n / 64 {
            self.0.resize(n / 64 + 1, 0);
        }
        self.0[n / 64] |= 1 << (n % 64);
    }

    fn remove(&mut self, n: usize) {
        if let Some(word) = self.0.get_mut(n / 64) {
            *word &= !(1 << (n % 64));
        }
    }

    pub fn add(&mut self, other: &Numbers) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    pub fn has_all(&self, other: &Numbers) -> bool {
        other.0.iter().enumerate().all(|(n, word)| word & !self.0.get(n).copied().unwrap_or_default() == 0)
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.0
            .iter()
            .enumerate()
            .flat_map(|(n, word)| (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| n * 64 + bit))
    }
}

/// What is known of a commit that the walk has to visit.
#[derive(Default)]
struct ReachedCommit {
    /// The others, of whose history it is.
    from: Numbers,
    /// The commits that are asked about, of whose history it is.
    below: Numbers,
}

struct AncestryWalk<'r> {
    repo: &'r Repo,
    pending: HashMap<Oid, ReachedCommit>,
    queue: BinaryHeap<(i64, Oid)>,
    /// How many of those that are pending are a part of another's history.
    searching: usize,
}

impl Repo {
    /// Whether each first commit is the second one or a part of its history; `false` where one is not here.
    ///
    /// The walk goes back from all of them and ends where nothing that is asked about can lie any more. What is not told
    /// once `is_spent` is left.
    pub fn ancestry(&self, pairs: &BTreeSet<(String, String)>, is_spent: IsSpent<'_>) -> Ancestry {
        let mut ancestry = Ancestry::default();
        let mut ids: BTreeMap<&str, Option<Oid>> = BTreeMap::new();
        for rev in pairs.iter().flat_map(|(commit, other)| [commit, other]) {
            let id = || self.resolve(rev).ok().and_then(|id| Oid::from_str(&id).ok());
            ids.entry(rev).or_insert_with(id);
        }
        let (mut commits, mut others) = (NumberedCommits::default(), NumberedCommits::default());
        let mut asked = Vec::new();
        for pair in pairs {
            match (ids[pair.0.as_str()], ids[pair.1.as_str()]) {
                (Some(commit), Some(other)) => asked.push((pair, commits.number(commit), others.number(other))),
                _ => drop(ancestry.told.insert(pair.clone(), false)),
            }
        }
        // Of each of the others, the commits that were not found in its history.
        let mut missing = vec![Numbers::default(); others.ids.len()];
        asked.iter().for_each(|(_, commit, other)| missing[*other].insert(*commit));
        let ended = self.search(&commits, &others, &mut missing, &mut ancestry.visits, is_spent);
        let ended = ended.unwrap_or(true);
        for (pair, commit, other) in asked {
            if !missing[other].has(commit) {
                ancestry.told.insert(pair.clone(), true);
            } else if ended {
                ancestry.told.insert(pair.clone(), false);
            }
        }
        ancestry
    }

    /// Finds commits in the histories of others. Answers false when it was left off.
    fn search(
        &self,
        commits: &NumberedCommits,
        others: &NumberedCommits,
        missing: &mut [Numbers],
        visits: &mut usize,
        is_spent: IsSpent<'_>,
    ) -> Result<bool, GitError> {
        let mut walk = AncestryWalk { repo: self, pending: HashMap::new(), queue: BinaryHeap::new(), searching: 0 };
        for (n, id) in others.ids.iter().enumerate() {
            walk.reach(*id, &ReachedCommit { from: Numbers::of([n]), ..ReachedCommit::default() })?;
        }
        for id in &commits.ids {
            walk.reach(*id, &ReachedCommit::default())?;
        }
        while walk.searching > 0 {
            if is_spent() {
                return Ok(false);
            }
            let Some((id, mut reached)) = walk.next() else { break };
            *visits += 1;
            if let Some(commit) = commits.numbers.get(&id) {
                reached.from.iter().for_each(|other| missing[other].remove(*commit));
                reached.below.insert(*commit);
            }
            // What lies below everything that is missing has none of it in its history.
            if reached.from.iter().all(|other| reached.below.has_all(&missing[other])) {
                reached.from = Numbers::default();
            }
            for parent in self.repository.find_commit(id)?.parent_ids() {
                // A parent that was not fetched tells nothing.
                let _ = walk.reach(parent, &reached);
            }
        }
        Ok(true)
    }
}

impl AncestryWalk<'_> {
    fn reach(&mut self, id: Oid, reached: &ReachedCommit) -> Result<(), GitError> {
        if !self.pending.contains_key(&id) {
            self.queue.push((self.repo.repository.find_commit(id)?.time().seconds(), id));
        }
        let known = self.pending.entry(id).or_default();
        let was_searching = !known.from.is_empty();
        known.from.add(&reached.from);
        known.below.add(&reached.below);
        self.searching += usize::from(!was_searching && !known.from.is_empty());
        Ok(())
    }

    fn next(&mut self) -> Option<(Oid, ReachedCommit)> {
        let (_, id) = self.queue.pop()?;
        let reached = self.pending.remove(&id)?;
        self.searching -= usize::from(!reached.from.is_empty());
        Some((id, reached))
    }
}

/// Commits, numbered.
#[derive(Default)]
struct NumberedCommits {
    ids: Vec<Oid>,
    numbers: HashMap<Oid, usize>,
}

impl NumberedCommits {
    fn number(&mut self, id: Oid) -> usize {
        *self.numbers.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() - 1
        })
    }
}
