//! Nothing is ended but stage by stage: over random states of every gate, by an oracle that does not ask the gates.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds::emr::cluster::EmrCluster;
use crate::kinds::teardown_spec::{Parity, Requires, Teardown};
use crate::kinds::{Kind, Step, Verb};
use crate::parity::result::Report;
use crate::parity::signature::EvidenceSignature;
use jiff::{SignedDuration, Timestamp, ToSpan};
use plumb_model::call::Call;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MARK: &str = "bau/prod/EmrCluster/legacy";

fn now() -> Timestamp {
    "2024-06-15T12:00:00Z".parse().unwrap()
}

/// A state of everything that decides, as plain as an oracle needs it.
#[derive(Clone, Debug)]
struct State {
    teardown: bool,
    allow_teardown: bool,
    lifecycle_protect: bool,
    /// Whose mark is on it.
    mark: Option<&'static str>,
    /// Hours before now; negative: in the future. `None`: the tag is gone.
    marked: Option<i64>,
    /// The id that the mark names.
    of: Option<&'static str>,
    /// Hours before now that it was started.
    started: Option<i64>,
    /// Whether the repository has the mark's commit, and whether its history was cut off.
    commit: (bool, bool),
    /// Days from today on which it may go, in the manifest and in the tag.
    not_before: Option<i64>,
    tagged: Option<i64>,
    grace_hours: i64,
    /// By successor: its last runs, the newest first. `None`: it is not live.
    runs: Vec<Option<Vec<bool>>>,
    green: u32,
    dags: Vec<Starts>,
    parity: u32,
    /// By migration: whether its last periods passed, the oldest first.
    periods: Vec<Vec<bool>>,
    /// Whether the migrations have `compare`, and how many months ago the last period was.
    compare: Option<i64>,
    broken: bool,
    protected: bool,
    busy: bool,
}

impl State {
    fn all_well() -> State {
        State {
            teardown: true,
            allow_teardown: true,
            lifecycle_protect: false,
            mark: Some(MARK),
            marked: Some(400),
            of: Some("j-1"),
            started: Some(10_000),
            commit: (true, false),
            not_before: Some(-3),
            tagged: Some(-3),
            grace_hours: 14 * 24,
            runs: vec![Some(vec![true, true]), Some(vec![true, true, false])],
            green: 2,
            dags: vec![Starts::Paused, Starts::Gone],
            parity: 2,
            periods: vec![vec![false, true, true]],
            compare: Some(0),
            broken: false,
            protected: true,
            busy: false,
        }
    }

    /// Whether it may go, straight from the words of the manifest.
    fn may(&self) -> bool {
        let day = |days: Option<i64>| days.is_some_and(|days| days <= 0);
        let green = |runs: &Option<Vec<bool>>| {
            let newest =
                |runs: &Vec<bool>| runs.len() >= self.green as usize && runs[..self.green as usize].iter().all(|g| *g);
            runs.as_ref().is_some_and(newest)
        };
        let equal = |periods: &Vec<bool>| {
            let wanted = self.parity as usize;
            // April ended 45 days and a half ago, and 45 days are the most.
            let is_recent = self.compare.is_none_or(|months| months == 0);
            is_recent && periods.len() >= wanted && periods[periods.len() - wanted..].iter().all(|p| *p)
        };
        self.teardown
            && self.allow_teardown
            && !self.lifecycle_protect
            && self.mark == Some(MARK)
            && self.marked.is_some_and(|hours| hours >= 0 && hours >= self.grace_hours)
            && self.of == Some("j-1")
            && self.started.is_some_and(|started| self.marked.is_some_and(|marked| started >= marked))
            && self.commit.0
            && day(self.not_before)
            && self.tagged == self.not_before
            && self.runs.iter().all(green)
            && self.dags.iter().all(|dag| matches!(dag, Starts::Paused | Starts::Gone))
            && (self.parity == 0 || (!self.broken && !self.periods.is_empty() && self.periods.iter().all(equal)))
            && !self.busy
    }

    fn old(&self) -> Old {
        let mut tags = BTreeMap::from([("team".to_owned(), "bau".to_owned())]);
        if let Some(mark) = self.mark {
            tags.insert("plumb".into(), mark.into());
            tags.insert("plumb_rev".into(), "0123456789ab-deadbeef".into());
            if let Some(hours) = self.marked {
                let at = now() - SignedDuration::from_hours(hours);
                let of = self.of.map_or_else(String::new, |id| format!(" {id}"));
                tags.insert(TAG_MARKED.into(), format!("{at}{of}"));
            }
            if let Some(days) = self.tagged {
                tags.insert(TAG_NOT_BEFORE.into(), day(days));
            }
        }
        Old {
            id: "j-1".into(),
            name: "bau-audience-2024-05".into(),
            state: "WAITING".into(),
            created: self.started.map(|hours| now() - SignedDuration::from_hours(hours)),
            tags,
            protected: self.protected,
            busy: if self.busy { vec!["step s-1 \"x\" is RUNNING".into()] } else { Vec::new() },
            secured_by: None,
        }
    }

    fn spec(&self) -> TeardownSpec {
        let grace = if self.grace_hours == 0 { "0d".into() } else { format!("{}h", self.grace_hours) };
        TeardownSpec {
            desired: if self.teardown { Outcome::Teardown } else { Outcome::Keep },
            teardown: Some(Teardown {
                not_before: self.not_before.map(day),
                grace: Some(grace),
                replaced_by: Some((0..self.runs.len()).map(|i| format!("DatabricksJob/j{i}")).collect()),
                requires: Some(Requires {
                    green_runs: Some(self.green),
                    parity: Some(Parity { passes: self.parity, ..Parity::default() }),
                    dag_paused: None,
                }),
            }),
            ..TeardownSpec::default()
        }
    }

    fn known(&self) -> Known {
        let runs = |runs: &Vec<bool>| {
            let end = |(i, green): (usize, &bool)| {
                let result = if *green { "SUCCESS" } else { "FAILED" };
                RunEnd { id: i.to_string(), green: *green, result: result.into() }
            };
            runs.iter().enumerate().map(end).collect()
        };
        let successor = |(i, of): (usize, &Option<Vec<bool>>)| Successor {
            address: format!("DatabricksJob/j{i}"),
            runs: of.as_ref().map(runs),
            unread: None,
        };
        let rules = self.compare.map_or(ComparedRules::ByHand, |_| compared::tests::rules());
        let file = |migration: usize, (period, passed): (usize, &bool)| {
            let report = match self.compare {
                None => compared::tests::typed(&format!("2024-{period:02}"), *passed),
                Some(ago) => {
                    let later = self.periods[migration].len() - 1 - period;
                    let month = Clock::at(now()).today - (1 + ago + later as i64).months();
                    compared::tests::report(&month.strftime("%Y-%m").to_string(), *passed)
                }
            };
            let report = Report { migration: format!("m{migration}"), checked_at: now(), ..report };
            EvidenceFile { path: String::new(), report, signature: EvidenceSignature::Missing }
        };
        let files = self.periods.iter().enumerate();
        let files = files.flat_map(|(m, periods)| periods.iter().enumerate().map(move |one| (m, one)));
        let files = files.map(|(m, one)| file(m, one)).collect();
        let broken = if self.broken { vec![("evidence/x.json".to_owned(), "no JSON".to_owned())] } else { Vec::new() };
        Known {
            successors: self.runs.iter().enumerate().map(successor).collect(),
            dags: self.dags.iter().map(|dag| ("AirflowDag/legacy".to_owned(), dag.clone())).collect(),
            migrations: (0..self.periods.len())
                .map(|m| Address { kind: "Migration".into(), name: format!("m{m}") })
                .map(|address| ComparedMigration { address, rules: rules.clone() })
                .collect(),
            evidence: Evidence { files, broken }.into(),
            before: None,
            protect: self.lifecycle_protect,
        }
    }

    fn decide(&self) -> (TeardownDecision, Old) {
        let (old, spec, known) = (self.old(), self.spec(), self.known());
        let owner = Mark::owner();
        let known_commits = self.commit.0.then(|| "0123456789ab".to_owned()).into_iter().collect();
        let commits = Commits::Repository { known: known_commits, shallow: self.commit.1 };
        let decided = decide(&TeardownQuestion {
            old: &old,
            spec: &spec,
            known: &known,
            owner: &owner,
            rev: "0123456789ab-deadbeef",
            who: "ann",
            clock: Clock::at(now()),
            has_tags: true,
            allow_teardown: self.allow_teardown,
            commits: &commits,
        });
        (decided, old)
    }

    /// The calls that a plan would send.
    fn calls(&self) -> Vec<Call> {
        let (decided, old) = self.decide();
        let live = old.seen();
        let step =
            |verb, body| EmrCluster.calls(&Step { verb, live: Some(&live), body, changed: &[], now: now() }).unwrap();
        match decided.next {
            TeardownStep::Nothing => Vec::new(),
            TeardownStep::Tag { tags, .. } => step(Verb::Update, &json!({ "tags": tags })),
            TeardownStep::End => step(Verb::Delete, &Value::Null),
        }
    }
}

struct Mark;

impl Mark {
    fn owner() -> Owner {
        let address = Address { kind: "EmrCluster".into(), name: "legacy".into() };
        Owner { project: "bau".into(), target: "prod".into(), address }
    }
}

fn day(days: i64) -> String {
    (Clock::at(now()).today + days.days()).to_string()
}

fn states() -> impl Strategy<Value = State> {
    let starts = prop_oneof![
        6 => Just(Starts::Paused), 2 => Just(Starts::Gone), 1 => Just(Starts::Runs),
        1 => Just(Starts::Unknown("Airflow was not read".into()))
    ];
    // Mostly well, so that every gate is often the only one that does not hold.
    let runs = prop::option::weighted(0.95, prop::collection::vec(prop::bool::weighted(0.9), 0..4));
    let days =
        || prop::option::weighted(0.9, prop_oneof![5 => Just(-3i64), 1 => Just(0), 1 => Just(1), 1 => -20i64..20]);
    let keys = (prop::bool::weighted(0.9), prop::bool::weighted(0.9), prop::bool::weighted(0.1));
    let mark = prop_oneof![8 => Just(Some(MARK)), 1 => Just(None), 1 => Just(Some("bau/prod/EmrCluster/other"))];
    let times = (
        prop::option::weighted(0.95, prop_oneof![4 => Just(400i64), 2 => 330i64..340, 1 => -5i64..500]),
        days(),
        days(),
    );
    let rules = (prop_oneof![Just(0i64), Just(336), 1i64..500], 0u32..3, 0u32..3);
    let known = (
        prop::collection::vec(runs, 0..3),
        prop::collection::vec(starts, 0..3),
        prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.9), 0..4), 0..3),
        prop::bool::weighted(0.05),
        prop_oneof![2 => Just(None), 3 => Just(Some(0i64)), 1 => Just(Some(1)), 1 => Just(Some(2))],
    );
    let live = (any::<bool>(), prop::bool::weighted(0.1), any::<bool>());
    let whose = (
        prop_oneof![9 => Just(Some("j-1")), 1 => Just(None), 1 => Just(Some("j-2"))],
        prop_oneof![12 => Just(Some(10_000i64)), 1 => Just(None), 2 => (0i64..500).prop_map(Some)],
        (prop::bool::weighted(0.9), any::<bool>()),
    );
    (keys, mark, times, rules, known, live, whose).prop_map(|(keys, mark, times, rules, known, live, whose)| {
        let (of, started, commit) = whose;
        let (teardown, allow_teardown, lifecycle_protect) = keys;
        let (marked, not_before, tagged) = times;
        let (grace_hours, green, parity) = rules;
        let (runs, dags, periods, broken, compare) = known;
        let (protected, busy, same) = live;
        let tagged = if same { not_before } else { tagged };
        State {
            teardown,
            allow_teardown,
            lifecycle_protect,
            mark,
            marked,
            of,
            started,
            commit,
            not_before,
            tagged,
            grace_hours,
            runs,
            green,
            dags,
            parity,
            periods,
            compare,
            broken,
            protected,
            busy,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_ends_that_may_not_and_all_that_may(state in states()) {
        let calls = state.calls();
        let position = |name: &str| calls.iter().position(|c| c.path.ends_with(name));
        prop_assert_eq!(position("/TerminateJobFlows").is_some(), state.may(), "{:?}", state);
        // Nothing but a teardown touches the protection, and it comes before.
        prop_assert_eq!(position("/SetTerminationProtection").is_some(), state.may() && state.protected);
        prop_assert!(position("/SetTerminationProtection").is_none_or(|at| at == 0 && calls.len() == 2));
        // Whoever is not mine is not touched at all.
        if state.mark.is_some_and(|mark| mark != MARK) {
            prop_assert!(calls.is_empty());
        }
        for call in &calls {
            prop_assert!(call.body.as_ref().is_none_or(|body| !body.to_string().contains("j-2")));
        }
    }
}

#[test]
fn when_all_is_well_it_ends_and_without_any_one_of_it_it_does_not() {
    let well = State::all_well();
    assert!(well.may());
    assert_eq!(well.decide().0.next, TeardownStep::End);
    type Break = (&'static str, fn(&mut State));
    let breaks: [Break; 23] = [
        ("", |s| s.teardown = false),
        ("", |s| s.allow_teardown = false),
        ("protect", |s| s.lifecycle_protect = true),
        ("", |s| s.mark = None),
        ("", |s| s.mark = Some("other/prod/EmrCluster/legacy")),
        ("grace", |s| s.marked = None),
        ("grace", |s| s.marked = Some(14 * 24 - 1)),
        ("grace", |s| (s.marked, s.grace_hours) = (Some(-1), 0)),
        ("mark", |s| s.of = None),
        ("mark", |s| s.of = Some("j-2")),
        ("mark", |s| s.started = Some(399)),
        ("mark", |s| s.commit = (false, false)),
        ("mark", |s| s.commit = (false, true)),
        ("date", |s| (s.not_before, s.tagged) = (Some(1), Some(1))),
        ("date", |s| (s.not_before, s.tagged) = (None, None)),
        ("successors", |s| s.runs[1] = None),
        ("successors", |s| s.runs[0] = Some(vec![true])),
        ("successors", |s| s.runs[0] = Some(vec![false, true, true])),
        ("dags", |s| s.dags[0] = Starts::Runs),
        ("parity", |s| s.periods = vec![vec![true, true, false]]),
        ("parity", |s| s.periods = Vec::new()),
        ("parity", |s| s.compare = Some(1)),
        ("busy", |s| s.busy = true),
    ];
    for (gate, break_it) in breaks {
        let mut state = State::all_well();
        break_it(&mut state);
        assert!(!state.may(), "{state:?}");
        let (decided, _) = state.decide();
        assert_ne!(decided.next, TeardownStep::End, "{state:?}");
        let open: Vec<&str> = decided.gates.iter().filter(|g| !g.holds).map(|g| g.name).collect();
        let wanted: Vec<&str> = match gate {
            "" => Vec::new(),
            // What does not count begins no grace either, unless it may count after all.
            "mark" if !state.commit.1 => vec!["mark", "grace"],
            _ if state.marked == Some(-1) => vec!["mark", "grace"],
            gate => vec![gate],
        };
        if state.mark == Some(MARK) && state.teardown {
            assert_eq!(open, wanted, "{state:?}");
        }
    }
}

#[test]
fn a_mark_says_who_when_what_and_from_which_day() {
    let unmarked = State { mark: None, ..State::all_well() };
    let TeardownStep::Tag { tags, because: TagReason::Marked } = unmarked.decide().0.next else { panic!("not marked") };
    let wanted = json!({"plumb": MARK, "plumb_rev": "0123456789ab-deadbeef", "plumb_teardown_by": "ann",
        "plumb_teardown_marked": "2024-06-15T12:00:00Z j-1", "plumb_teardown_not_before": "2024-06-12"});
    assert_eq!(tags, wanted);
    // Another day in the manifest: the tag follows, and the grace goes on.
    let later = State { not_before: Some(9), ..State::all_well() };
    let TeardownStep::Tag { tags, because: TagReason::Amended } = later.decide().0.next else { panic!("not amended") };
    assert_eq!(tags["plumb_teardown_not_before"], "2024-06-24");
    assert!(tags.get("plumb_teardown_marked").is_none() && tags.get("plumb").is_none(), "{tags}");
    // Nobody knows since when: the grace begins anew.
    let lost = State { marked: None, ..State::all_well() };
    let TeardownStep::Tag { tags, .. } = lost.decide().0.next else { panic!("not amended") };
    assert_eq!(tags["plumb_teardown_marked"], "2024-06-15T12:00:00Z j-1");
    // Somebody else's: marked again from the beginning, on the day when that is seen. What may be ours is left alone.
    type Break = fn(&mut State);
    let copied: [Break; 4] =
        [|s| s.of = Some("j-2"), |s| s.of = None, |s| s.started = Some(3), |s| s.commit = (false, false)];
    for copy in copied {
        let mut state = State { not_before: Some(9), ..State::all_well() };
        copy(&mut state);
        let (decided, _) = state.decide();
        let TeardownStep::Tag { tags, because: TagReason::Foreign } = decided.next else { panic!("not marked again") };
        assert_eq!(decided.stage, Stage::Active);
        let wanted = json!({"plumb": MARK, "plumb_rev": "0123456789ab-deadbeef", "plumb_teardown_by": "ann",
            "plumb_teardown_marked": "2024-06-15T12:00:00Z j-1", "plumb_teardown_not_before": "2024-06-24"});
        assert_eq!(tags, wanted);
    }
    let cut_off = State { commit: (false, true), not_before: Some(9), ..State::all_well() };
    assert_eq!(cut_off.decide().0.next, TeardownStep::Nothing);
    // It is to stay after all.
    let kept = State { teardown: false, ..State::all_well() };
    let TeardownStep::Tag { tags, because: TagReason::Kept } = kept.decide().0.next else { panic!("not unmarked") };
    let off = tags.as_object().unwrap();
    assert!(off.len() == 4 && off.values().all(Value::is_null) && !off.contains_key("team"), "{tags}");
    assert_eq!(State { teardown: false, mark: None, ..State::all_well() }.decide().0.next, TeardownStep::Nothing);
}

#[test]
fn what_started_after_the_day_has_come_back() {
    let mut old = State::all_well().old();
    let spec = State::all_well().spec();
    old.created = Some("2024-06-11T23:59:59Z".parse().unwrap());
    assert_eq!(returned(&old, &spec), None);
    // On the day itself there were to be none either, and days are those of UTC.
    for at in ["2024-06-12T00:00:00Z", "2024-06-12T23:59:59Z", "2024-06-11T20:00:00-05:00"] {
        old.created = Some(at.parse().unwrap());
        assert!(returned(&old, &spec).unwrap().starts_with("started 2024-06-12, "), "{at}");
    }
    old.created = Some("2024-06-13T04:00:00Z".parse().unwrap());
    let said = "started 2024-06-13, although there were to be none from 2024-06-12 on";
    assert_eq!(returned(&old, &spec).unwrap(), said);
    old.tags.insert("Owner".into(), "ann".into());
    assert_eq!(returned(&old, &spec).unwrap(), said.replace(", although", " (Owner: ann), although"));
    assert_eq!(returned(&old, &State { teardown: false, ..State::all_well() }.spec()), None);
}

#[test]
fn a_teardown_is_decided_on_all_of_a_thing_and_a_mark_on_its_tags() {
    let old = State::all_well().old();
    type Edit = fn(&mut Old);
    let edits: [(&str, Edit, bool); 7] = [
        ("id", |o| o.id = "j-2".into(), true),
        ("a tag", |o| drop(o.tags.insert("team".into(), "other".into())), true),
        ("no tag", |o| o.tags.clear(), true),
        ("state", |o| o.state = "RUNNING".into(), false),
        ("protection", |o| o.protected = !o.protected, false),
        ("steps", |o| o.busy.push("step s-1 \"x\" is RUNNING".into()), false),
        ("start", |o| o.created = None, false),
    ];
    for (what, edit, marks_too) in edits {
        let mut now = old.clone();
        edit(&mut now);
        assert_ne!(basis(&now, true), basis(&old, true), "{what}");
        assert_eq!(basis(&now, false) != basis(&old, false), marks_too, "{what}");
    }
}
