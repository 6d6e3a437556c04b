use super::*;
use crate::plan::{Blocked, FieldChange, Op, PlanFormat};
use crate::teardown::PendingTeardown;

fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

fn row(name: &str, status: ResourceStatus, state: &str) -> StatusRow {
    StatusRow {
        address: address(name),
        status,
        ids: vec!["0601-182128-dcbte59m".into()],
        state: state.into(),
        commit: "3f2a91c0b1d2-dirty".into(),
        runs: Vec::new(),
    }
}

fn rows() -> Vec<StatusRow> {
    vec![
        row("DatabricksCluster/shared-autoscaling", ResourceStatus::Drifted, "TERMINATED"),
        row("DatabricksJob/audience-insights-weekly", ResourceStatus::DriftedAndPending, ""),
        row("DatabricksJob/x", ResourceStatus::InSync, ""),
    ]
}

#[test]
fn a_table_fits_whatever_the_width() {
    insta::assert_snapshot!(status_text(&rows(), 120), @r"
    ADDRESS                                 STATUS            ID                    STATE       APPLIED FROM
    DatabricksCluster/shared-autoscaling    drifted           0601-182128-dcbte59m  TERMINATED  3f2a91c0b1d2-dirty
    DatabricksJob/audience-insights-weekly  drifted, pending  0601-182128-dcbte59m              3f2a91c0b1d2-dirty
    DatabricksJob/x                         in sync           0601-182128-dcbte59m              3f2a91c0b1d2-dirty

    3 resources: 1 drifted and pending, 1 drifted, 1 in sync.
    ");
    insta::assert_snapshot!(status_text(&rows(), 80), @r"
    ADDRESS                                 STATUS            ID
    DatabricksCluster/shared-autoscaling    drifted           0601-182128-dcbte59m
    DatabricksJob/audience-insights-weekly  drifted, pending  0601-182128-dcbte59m
    DatabricksJob/x                         in sync           0601-182128-dcbte59m

    3 resources: 1 drifted and pending, 1 drifted, 1 in sync.
    No room for STATE, APPLIED FROM: a wider terminal shows more, `--output json`
    all of it.
    ");
    for width in 40..130 {
        let shown = status_text(&rows(), width);
        let table = shown.lines().take_while(|line| !line.is_empty());
        assert!(shown.lines().all(|line| columns(line) <= width), "{width}:\n{shown}");
        assert!(table.count() == 4 && shown.contains("drifted, pending"), "{width}:\n{shown}");
    }
    assert_eq!(status_text(&[], 80), "ADDRESS  STATUS\n\n0 resources.\n");
}

#[test]
fn no_commit_is_said_in_words() {
    let mut rows = rows();
    rows.iter_mut().for_each(|row| row.commit = "000000000000".into());
    for width in [110, 100, 93] {
        let shown = status_text(&rows, width);
        assert!(shown.contains("  uncommitted\n") && !shown.contains("0000000"), "{width}:\n{shown}");
    }
    assert_eq!(status_json(&rows)[0]["commit"], "000000000000");
}

fn change(name: &str, action: Action, origins: &[Option<ChangeOrigin>]) -> Change {
    let field = |origin: &Option<ChangeOrigin>| FieldChange { origin: *origin, ..FieldChange::new("f", Op::Change) };
    Change { fields: origins.iter().map(field).collect(), ..Change::new(address(name), action) }
}

#[test]
fn drift_is_told_apart_from_what_waits_to_be_applied() {
    use ChangeOrigin::{Both, Drift, Manifest};
    for (origins, status) in [
        (vec![Some(Drift)], ResourceStatus::Drifted),
        (vec![Some(Manifest)], ResourceStatus::Pending),
        (vec![Some(Both)], ResourceStatus::DriftedAndPending),
        (vec![Some(Drift), Some(Manifest)], ResourceStatus::DriftedAndPending),
        (vec![None], ResourceStatus::Differs),
        (vec![], ResourceStatus::Differs),
        (vec![None, Some(Manifest)], ResourceStatus::Differs),
        (vec![None, Some(Drift)], ResourceStatus::Drifted),
    ] {
        for action in [Action::Update, Action::Replace] {
            assert_eq!(ResourceStatus::of(&change("DatabricksJob/a", action, &origins)), status, "{origins:?}");
        }
    }
    let made = |origin| Change { origin, ..change("DatabricksJob/a", Action::Create, &[]) };
    assert_eq!(ResourceStatus::of(&made(Some(Manifest))), ResourceStatus::Pending);
    assert_eq!(ResourceStatus::of(&made(Some(Drift))), ResourceStatus::Missing);
    assert_eq!(ResourceStatus::of(&made(None)), ResourceStatus::Missing);
}

#[test]
fn what_is_below_a_manifest_is_its() {
    let pending = |name: &str, stage| PendingTeardown {
        address: address(name),
        id: name.rsplit('/').next().unwrap_or_default().to_owned(),
        title: String::new(),
        state: None,
        stage,
        gates: Vec::new(),
        next: String::new(),
        returned: None,
    };
    let plan = Plan {
        format: PlanFormat::V1,
        project: "bau".into(),
        target: "prod".into(),
        base: None,
        head: None,
        workspace: None,
        partial: None,
        digest: String::new(),
        changes: vec![change("DatabricksJob/a", Action::Update, &[Some(ChangeOrigin::Drift)])],
        blocked: vec![Blocked::new(&address("EmrCluster/held/j-9"), "no")],
        teardown: vec![
            pending("EmrCluster/legacy/j-1", Stage::Due),
            pending("EmrCluster/legacy/j-2", Stage::Marked),
            pending("EmrCluster/legacy-2/j-3", Stage::Due),
        ],
        cutovers: Vec::new(),
        notes: Vec::new(),
        unchanged: 0,
        decisions: None,
        estimate: None,
        links: Default::default(),
    };
    let status = PlanStatus::of(&plan);
    assert_eq!(status.status(&address("EmrCluster/legacy")), ResourceStatus::Waits);
    assert_eq!(status.teardown(&address("EmrCluster/legacy")), ["j-1", "j-2"]);
    assert_eq!(status.status(&address("EmrCluster/legacy-2")), ResourceStatus::Due);
    assert_eq!(status.status(&address("EmrCluster/held")), ResourceStatus::Blocked);
    assert_eq!(status.status(&address("EmrCluster/l")), ResourceStatus::InSync);
    assert_eq!(status.status(&address("DatabricksJob/a")), ResourceStatus::Drifted);
}
