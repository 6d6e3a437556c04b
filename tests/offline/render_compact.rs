//! Plans in short. The expected files stand beside those of the whole ones; `PLUMB_BLESS=1 cargo test --test offline
//! render_compact` writes them anew.

use crate::golden_plans::{self as cases, HOSTILE, address, ann, change, changed, plan, source};
use crate::render::expect;
use plumb_core::plan::{Action, Blocked, ChangeOrigin, Note, Plan};
use plumb_core::render::{self, Style};
use serde_json::json;

fn short(plan: &Plan, width: usize) -> String {
    render::compact_text(plan, Style { colour: false, width })
}

/// What the manual shows of it.
pub fn in_manual() -> String {
    short(&fleet(), 80)
}

/// Five hundred changes as a rollout has them: most are alike, and what is not to be missed is among them.
fn fleet() -> Plan {
    let job = |at: usize| format!("DatabricksJob/audience-{at:03}");
    let changes = (0..500).map(|at| match at {
        0..300 => {
            let mut workers = changed("job_clusters[main].new_cluster.num_workers", json!(4), json!(6));
            workers.origin = Some(ChangeOrigin::Manifest);
            workers.source = Some(source(&format!("manifests/team-{}.yaml", at % 4), 14 + at, ann()));
            change(&job(at), Action::Update, vec![workers])
        }
        300..400 => change(&job(at), Action::Create, vec![cases::added("name", json!(format!("job {at}")))]),
        400..460 => {
            let mut timeout = changed("timeout_seconds", json!(0), json!(7200));
            timeout.origin = Some(ChangeOrigin::Drift);
            change(&job(at), Action::Update, vec![timeout])
        }
        460..480 | 495..498 => {
            let mut runs = change(&job(at), Action::Update, vec![changed("max_concurrent_runs", json!(1), json!(2))]);
            runs.impacts = vec!["cancels 1 active run".into()];
            runs
        }
        480..490 => change(&job(at), Action::Update, vec![changed("max_concurrent_runs", json!(1), json!(at))]),
        490..493 => {
            let mut gone = change(&job(at), Action::Delete, Vec::new());
            gone.reason = Some("no manifest asks for it any more".into());
            gone
        }
        493..495 => {
            let mut format = changed("format", json!("SINGLE_TASK"), json!("MULTI_TASK"));
            format.replaces = true;
            change(&job(at), Action::Replace, vec![format])
        }
        _ => change(&job(at), Action::Update, vec![changed("timeout_seconds", json!(0), json!(60))]),
    });
    let mut plan = plan(changes.collect());
    for at in [498, 499] {
        plan.blocked.push(Blocked::new(&address(&job(at)), "another project's mark is on it"));
    }
    plan.notes = (0..40).map(|at| Note::new(&address(&job(at)), "its next run is paused")).collect();
    plan
}

#[test]
fn golden() {
    let mut failures = Vec::new();
    let fleet = fleet();
    for width in [40, 80, 200] {
        failures.extend(expect("fleet", &format!("compact-{width}.txt"), &short(&fleet, width)));
    }
    for (case, plan) in cases::all() {
        failures.extend(expect(case, "compact-80.txt", &short(&plan, 80)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn five_hundred_jobs_are_less_than_sixty_lines() {
    for width in [80, 200] {
        let shown = short(&fleet(), width);
        assert!(shown.lines().count() < 60, "{} lines:\n{shown}", shown.lines().count());
        // The counts stay on one line, however many there are: programs look for it.
        let mut lines = shown.lines().filter(|line| !line.starts_with("Plan: "));
        assert!(lines.all(|line| line.chars().count() <= width), "{shown}");
    }
}

#[test]
fn what_must_not_be_missed_is_told_by_name() {
    let shown = short(&fleet(), 80);
    for at in (490..495).chain([498, 499]) {
        assert!(shown.contains(&format!("DatabricksJob/audience-{at}")), "{at}:\n{shown}");
    }
    assert!(shown.contains("cancels 1 active run") && shown.contains("changed live"), "{shown}");
    let secret = cases::all().into_iter().find(|(name, _)| *name == "secrets").unwrap().1;
    assert!(short(&secret, 80).contains("(secret #"), "{}", short(&secret, 80));
}

#[test]
fn colour_adds_escape_sequences_and_nothing_else() {
    for (case, plan) in cases::all().into_iter().chain([("fleet", fleet())]) {
        let coloured = render::compact_text(&plan, Style { colour: true, width: 80 });
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), short(&plan, 80), "{case}");
    }
}

#[test]
fn hostile_names_do_nothing() {
    let hostile = cases::all().into_iter().find(|(name, _)| *name == "hostile").unwrap().1;
    let mut twice = hostile.clone();
    for change in &hostile.changes {
        let mut other = change.clone();
        other.address.name.push_str("-2");
        twice.changes.push(other);
    }
    twice.notes.push(Note::general(HOSTILE));
    for shown in [short(&hostile, 80), short(&twice, 80), short(&twice, 200)] {
        assert!(shown.contains("pwned"));
        assert!(!shown.contains(['\u{1b}', '\u{9b}', '\r', '\t', '\u{202e}', '\u{200b}', '\u{e0041}']), "{shown}");
        for line in shown.lines() {
            assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
        }
    }
}

#[test]
fn what_is_written_into_manifests_points_where_it_is_written() {
    let mut timeout = changed("timeout_seconds", json!(21600), json!(600));
    timeout.origin = Some(ChangeOrigin::Drift);
    timeout.source = Some(source("manifests/audience.yaml", 14, ann()));
    let mut waits = changed("max_concurrent_runs", json!(1), json!(2));
    waits.origin = Some(ChangeOrigin::Manifest);
    let drifted = change("DatabricksJob/audience", Action::Update, vec![timeout, waits]);
    let new = change("DatabricksJob/new", Action::Create, vec![cases::added("name", json!("new"))]);
    insta::assert_snapshot!(render::write_back_text(&plan(vec![drifted, new]), Style { colour: false, width: 80 }), @"
    Into the manifests of bau-insights: what was changed live in target prod

      # DatabricksJob/audience: its manifest will say what is live
          ~ timeout_seconds = 600 -> 21600   # manifests/audience.yaml:14

    To write: 1 field of 1 resource.
    2 changes are no drift and are left to an apply: DatabricksJob/audience and
      DatabricksJob/new (`plumb plan`).
    ");
}
