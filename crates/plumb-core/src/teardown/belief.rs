//! Whether the tags on something are the mark that plumb put on it.
//!
//! Tags are copied: EMR's console clones a cluster with its tags, templates carry them along, and everybody who may tag can
//! write them by hand. A mark starts a grace period that ends in a termination, so it counts only when it is of this very
//! thing: it names its id, is no older than it, is not of the future, and names a commit that the repository has.

use crate::kinds::Rev;
use crate::kinds::old::{Marked, Old};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How far the clock of another machine may be ahead: the grace period waits for such a mark, and it stays.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Which of the commits that marks name the repository has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Commits {
    /// The project is in no repository.
    #[default]
    NoRepository,
    Repository {
        /// Those of the marks' commits that it has, 12 characters each.
        known: BTreeSet<String>,
        /// Whether its history was cut off when it was fetched: a commit that is missing may exist.
        shallow: bool,
    },
}

/// Whether a mark counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belief {
    /// It is the mark that plumb put on this.
    Ours,
    /// That cannot be known here; why. Nothing is done until it can.
    Unknown(String),
    /// It is not, or it does not say so; why. It is marked again, and its grace period starts again.
    Foreign(String),
}

/// Whether a mark counts for the thing that it is on. `marked.at` has to be known.
pub fn of(marked: &Marked, at: Timestamp, old: &Old, now: Timestamp, commits: &Commits) -> Belief {
    let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M UTC").to_string();
    match &marked.of {
        None => {
            return Belief::Foreign("its mark names no id, as those of earlier versions of plumb".into());
        }
        Some(id) if *id != old.id => {
            return Belief::Foreign(format!("marked by somebody else: the mark is of {id}, and this is {}", old.id));
        }
        Some(_) => {}
    }
    if at > now.saturating_add(SKEW).unwrap_or(now) {
        return Belief::Foreign(format!("marked by somebody else: in the future, {}", minute(at)));
    }
    // Tags have no fractions of a second.
    if let Some(created) = old.created.filter(|created| at.as_second() < created.as_second()) {
        let (at, created) = (minute(at), minute(created));
        return Belief::Foreign(format!("marked by somebody else: on {at}, and this was started {created}"));
    }
    let commit = marked.mark.rev.as_ref().map_or("", |rev| rev.commit.as_str());
    let shown: String = commit.chars().take(12).collect();
    match commits {
        _ if commit.is_empty() => return Belief::Foreign("marked by somebody else: the mark names no commit".into()),
        Commits::NoRepository if commit == Rev::NO_COMMIT => {}
        Commits::NoRepository => {
            return Belief::Unknown(format!(
                "whether plumb made its mark cannot be known: it names commit {shown}, and this is no git repository"
            ));
        }
        Commits::Repository { known, .. } if known.contains(commit) => {}
        Commits::Repository { shallow: true, .. } if commit != Rev::NO_COMMIT => {
            return Belief::Unknown(format!(
                "whether plumb made its mark cannot be known: commit {shown} is not in this shallow clone; check out \
                 the whole history (`fetch-depth: 0`)"
            ));
        }
        Commits::Repository { .. } if commit == Rev::NO_COMMIT => {
            return Belief::Foreign("its mark names no commit: it was made outside of a repository".into());
        }
        Commits::Repository { .. } => {
            return Belief::Foreign(format!("marked by somebody else: this repository has no commit {shown}"));
        }
    }
    if old.created.is_none() {
        return Belief::Unknown(
            "whether its mark is older than it cannot be known: EMR does not say when it started".into(),
        );
    }
    Belief::Ours
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::kinds::{Mark, Owner, Rev};
    use plumb_model::address::Address;

    const COMMIT: &str = "0123456789ab";

    fn marked(of: Option<&str>, commit: Option<&str>) -> Marked {
        let address = Address { kind: "EmrCluster".into(), name: "legacy".into() };
        let owner = Owner { project: "bau".into(), target: "prod".into(), address };
        let rev = commit.map(|commit| Rev { commit: commit.into(), hash: "deadbeef".into() });
        let mark = Mark { owner, rev, protect: false, force_destroy: false };
        Marked { mark, at: None, of: of.map(str::to_owned), by: None, not_before: None }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_mark_counts_only_for_what_it_was_put_on() {
        let repository = |known: &[&str], shallow| Commits::Repository {
            known: known.iter().map(|c| (*c).to_owned()).collect(),
            shallow,
        };
        let whole = repository(&[COMMIT], false);
        let (at, created) = ("2024-06-01T12:00:00Z", Some("2024-05-01T12:00:00Z"));
        let foreign = "marked by somebody else: ";
        // What the mark says and what is true of the cluster, and the beginning of what is said of it.
        type Row<'a> = (Option<&'a str>, &'a str, Option<&'a str>, Option<&'a str>, &'a Commits, char, String);
        let rows: Vec<Row<'_>> = vec![
            (Some("j-1"), at, created, Some(COMMIT), &whole, 'o', String::new()),
            // Which one it is of.
            (None, at, created, Some(COMMIT), &whole, 'f', "its mark names no id, as those of earlier".into()),
            (
                Some("j-2"),
                at,
                created,
                Some(COMMIT),
                &whole,
                'f',
                format!("{foreign}the mark is of j-2, and this is j-1"),
            ),
            (Some(""), at, created, Some(COMMIT), &whole, 'f', format!("{foreign}the mark is of ")),
            // When: to the second, and clocks differ.
            (Some("j-1"), at, Some("2024-06-01T12:00:00.9Z"), Some(COMMIT), &whole, 'o', String::new()),
            (
                Some("j-1"),
                at,
                Some("2024-06-01T12:00:01Z"),
                Some(COMMIT),
                &whole,
                'f',
                format!("{foreign}on 2024-06-01"),
            ),
            (Some("j-1"), "2024-06-15T12:05:00Z", created, Some(COMMIT), &whole, 'o', String::new()),
            (
                Some("j-1"),
                "2024-06-15T12:05:01Z",
                created,
                Some(COMMIT),
                &whole,
                'f',
                format!("{foreign}in the future"),
            ),
            (Some("j-1"), at, None, Some(COMMIT), &whole, 'u', "whether its mark is older than it".into()),
            // At which commit.
            (Some("j-1"), at, created, Some("ffff456789ab"), &whole, 'f', format!("{foreign}this repository has no")),
            (Some("j-1"), at, created, None, &whole, 'f', format!("{foreign}the mark names no commit")),
            (
                Some("j-1"),
                at,
                created,
                Some(Rev::NO_COMMIT),
                &whole,
                'f',
                "its mark names no commit: it was made out".into(),
            ),
            (Some("j-1"), at, created, Some(Rev::NO_COMMIT), &Commits::NoRepository, 'o', String::new()),
            (Some("j-1"), at, created, Some(COMMIT), &Commits::NoRepository, 'u', "whether plumb made its mark".into()),
        ];
        for (of, at, created, commit, commits, wanted, says) in rows {
            let old = Old { id: "j-1".into(), created: created.map(time), ..Old::default() };
            let belief = self::of(&marked(of, commit), time(at), &old, time("2024-06-15T12:00:00Z"), commits);
            let (got, text) = match &belief {
                Belief::Ours => ('o', ""),
                Belief::Unknown(why) => ('u', why.as_str()),
                Belief::Foreign(why) => ('f', why.as_str()),
            };
            assert!(got == wanted && text.starts_with(&says), "{of:?} {at} {created:?} {commit:?}: {belief:?}");
        }
    }

    #[test]
    fn in_a_shallow_clone_a_commit_is_not_known_to_be_missing() {
        let cut = |known: &[&str]| Commits::Repository {
            known: known.iter().map(|c| (*c).to_owned()).collect(),
            shallow: true,
        };
        let old = Old { id: "j-1".into(), created: Some(time("2024-05-01T12:00:00Z")), ..Old::default() };
        let of = |id: &str, commits: &Commits| {
            self::of(
                &marked(Some(id), Some(COMMIT)),
                time("2024-06-01T12:00:00Z"),
                &old,
                time("2024-06-15T12:00:00Z"),
                commits,
            )
        };
        assert_eq!(of("j-1", &cut(&[COMMIT])), Belief::Ours);
        let Belief::Unknown(why) = of("j-1", &cut(&[])) else { panic!("it is taken for known") };
        assert!(why.contains("commit 0123456789ab is not in this shallow clone") && why.contains("`fetch-depth: 0`"));
        // What is wrong whatever the history has is wrong here too.
        assert!(matches!(of("j-2", &cut(&[])), Belief::Foreign(_)));
    }
}
