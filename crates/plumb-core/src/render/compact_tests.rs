use super::*;
use crate::plan::{Blocked, FieldChange, PlanFormat, SourceLine};
use crate::render::{Style, compact_text};
use proptest::prelude::*;

fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        format: PlanFormat::V1,
        project: "bau".into(),
        target: "prod".into(),
        base: None,
        head: None,
        workspace: None,
        partial: None,
        digest: "9c1f0e6a2b7d".into(),
        changes,
        blocked: Vec::new(),
        teardown: Vec::new(),
        cutovers: Vec::new(),
        notes: Vec::new(),
        unchanged: 0,
        decisions: None,
        estimate: None,
        links: Default::default(),
    }
}

fn job(name: &str, action: Action, fields: Vec<FieldChange>) -> Change {
    let address = Address { kind: "DatabricksJob".into(), name: name.into() };
    let source = SourceLine { file: format!("{name}.yaml"), line: 3, nearest: false, commit: None };
    Change { fields, source: Some(source), ..Change::new(address, action) }
}

fn changed(path: &str, from: Value, to: Value) -> FieldChange {
    FieldChange { from: Some(from), to: Some(to), ..FieldChange::new(path, Op::Change) }
}

fn said(plan: &Plan) -> Vec<String> {
    groups(plan).changes.iter().map(|group| format!("{} {}", group.what(), group.differs(FIELDS).join(", "))).collect()
}

#[test]
fn equal_changes_are_one_line_whatever_their_tasks_are_called() {
    let resize = |name: &str, task: &str| {
        job(name, Action::Update, vec![changed(&format!("tasks[{task}].new_cluster.num_workers"), 4.into(), 6.into())])
    };
    let named = plan(vec![resize("a", "load"), resize("b", "clean")]);
    assert_eq!(said(&named), ["2 jobs tasks[*].new_cluster.num_workers 4 → 6"]);
    let alike = plan(vec![resize("a", "load"), resize("b", "load")]);
    assert_eq!(said(&alike), ["2 jobs tasks[load].new_cluster.num_workers 4 → 6"]);
    // Two tasks of a job are another change than one.
    let mut two = resize("c", "load");
    two.fields.push(changed("tasks[clean].new_cluster.num_workers", 4.into(), 6.into()));
    let differ = plan(vec![resize("a", "load"), two]);
    assert_eq!(
        said(&differ),
        [
            "DatabricksJob/a tasks[load].new_cluster.num_workers 4 → 6",
            "DatabricksJob/c tasks[*].new_cluster.num_workers 4 → 6 (2 times)"
        ]
    );
}

#[test]
fn whom_a_permission_is_for_is_no_name_of_a_part() {
    let grant = |name: &str, group: &str| {
        let path = format!("permissions[{group}].permission_level");
        job(name, Action::Update, vec![changed(&path, "CAN_VIEW".into(), "CAN_MANAGE".into())])
    };
    let rules = kinds::find("DatabricksJob").unwrap().rules();
    let path = manifest::path(rules, "permissions[finance].permission_level");
    assert!(path.is_some(), "the case has to be of a list with keys");
    assert_eq!(said(&plan(vec![grant("a", "finance"), grant("b", "everybody")])).len(), 2);
    assert_eq!(said(&plan(vec![grant("a", "finance"), grant("b", "finance")])).len(), 1);
}

#[test]
fn what_a_parameter_is_called_is_no_name_of_a_part() {
    let default = |job_name: &str, parameter: &str| {
        let path = format!("parameters[{parameter}].default");
        job(job_name, Action::Update, vec![changed(&path, "old".into(), "new".into())])
    };
    assert_eq!(said(&plan(vec![default("a", "input"), default("b", "output")])).len(), 2);
    assert_eq!(said(&plan(vec![default("a", "input"), default("b", "input")])).len(), 1);
}

#[test]
fn what_differs_keeps_changes_apart() {
    let base = || job("a", Action::Update, vec![changed("timeout_seconds", 1.into(), 2.into())]);
    type Edit = fn(&mut Change);
    let edits: [(&str, Edit); 10] = [
        ("action", |one| one.action = Action::Adopt),
        ("kind", |one| one.address.kind = "DatabricksCluster".into()),
        ("reason", |one| one.reason = Some("because".into())),
        ("origin", |one| one.origin = Some(ChangeOrigin::Drift)),
        ("impact", |one| one.impacts = vec!["cancels 1 active run".into()]),
        ("from", |one| one.fields[0].from = Some(7.into())),
        ("to", |one| one.fields[0].to = Some(7.into())),
        ("origin of a field", |one| one.fields[0].origin = Some(ChangeOrigin::Drift)),
        ("replaces", |one| one.fields[0].replaces = true),
        ("decision", |one| {
            let place = crate::plan::DecisionPlace { what: "which pool?".into(), file: "a.yaml".into(), line: 1 };
            one.decisions = vec![place];
        }),
    ];
    for (what, edit) in edits {
        let mut other = base();
        edit(&mut other);
        other.address.name = "b".into();
        assert_eq!(groups(&plan(vec![base(), other])).changes.len(), 2, "{what}");
    }
    let mut other = base();
    other.address.name = "b".into();
    other.fields[0].note = Some("-18 USD a run".into());
    let plan = plan(vec![base(), other]);
    let groups = groups(&plan);
    assert_eq!(groups.changes.len(), 1, "a note is told with the name of whose it is");
    assert_eq!(groups.changes[0].notes(), ["-18 USD a run (b)"]);
}

#[test]
fn long_values_are_cut_where_they_part() {
    let long = |end: &str| Value::from(format!("{}{end}", "x".repeat(300)));
    let plan = plan(vec![job("a", Action::Update, vec![changed("sql", long("OLD"), long("NEW"))])]);
    assert_eq!(said(&plan), ["DatabricksJob/a sql …\"xxxxxxxxOLD\" → …\"xxxxxxxxNEW\""]);
}

/// One piece a field and one key a change, whether all are alike or none is.
#[test]
fn grouping_is_linear() {
    for count in [10, 100, 1_000] {
        for alike in [true, false] {
            let one = |at: usize| {
                let path = format!("tasks[t{at}].timeout_seconds");
                let from = if alike { 1 } else { at };
                job(&format!("j{at}"), Action::Update, vec![changed(&path, from.into(), (count + 1).into())])
            };
            let plan = plan((0..count).map(one).collect());
            let (groups, work) = worked::counted(Work::Grouped, || groups(&plan).changes.len());
            assert_eq!(groups, if alike { 1 } else { count });
            assert!(work <= 3 * count, "{work} for {count}");
        }
    }
}

const ACTIONS: [Action; 11] = [
    Action::Create,
    Action::Update,
    Action::Replace,
    Action::Delete,
    Action::Adopt,
    Action::Move,
    Action::Release,
    Action::Mark,
    Action::Terminate,
    Action::CutOver,
    Action::Rollback,
];

/// Plans in which much is alike: few values for everything that may differ, and some of it blocked.
fn plans() -> impl Strategy<Value = Plan> {
    let field = (0..3usize, 0..2u8, 0..2u8, prop::option::of(Just(ChangeOrigin::Drift)));
    let field = field.prop_map(|(path, from, to, origin)| {
        let paths = ["tasks[a].timeout_seconds", "tasks[b].timeout_seconds", "max_concurrent_runs"];
        FieldChange { origin, ..changed(paths[path], from.into(), (to + 2).into()) }
    });
    let change = (0..ACTIONS.len(), prop::collection::vec(field, 0..3), 0..2usize, 0..2usize, any::<bool>());
    prop::collection::vec(change, 0..40).prop_map(|changes| {
        let mut blocked = Vec::new();
        let changes = changes.into_iter().enumerate().map(|(at, (action, fields, impact, decision, is_blocked))| {
            let mut change = job(&format!("j{at}"), ACTIONS[action], fields);
            change.impacts = vec!["restarts the cluster".into(); impact];
            let place = crate::plan::DecisionPlace { what: "which?".into(), file: "a.yaml".into(), line: 1 };
            change.decisions = vec![place; decision];
            if is_blocked && at % 5 == 0 {
                blocked.push(Blocked::new(&change.address, "no"));
            }
            change
        });
        let mut plan = plan(changes.collect());
        plan.blocked = blocked;
        plan
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every change is in one group, in the plan's order; what must stand alone does; what is told of a group is so of each.
    #[test]
    fn groups_hide_nothing(plan in plans()) {
        let groups = groups(&plan);
        let mut told: Vec<String> =
            groups.changes.iter().flat_map(|group| &group.changes).map(|c| c.address.to_string()).collect();
        let mut all: Vec<String> = plan.changes.iter().map(|c| c.address.to_string()).collect();
        told.sort();
        all.sort();
        prop_assert_eq!(told, all);
        let blocked = |change: &Change| plan.blocked.iter().any(|b| b.address.as_ref() == Some(&change.address));
        let shown = compact_text(&plan, Style { colour: false, width: 80 });
        for group in &groups.changes {
            let first = group.first();
            prop_assert_eq!(group.is_blocked, blocked(first));
            if group.changes.len() > 1 {
                prop_assert!(matches!(group.action(), Action::Create | Action::Update | Action::Adopt | Action::Move));
                prop_assert!(!group.changes.iter().any(|change| blocked(change)));
            } else {
                prop_assert!(shown.contains(&first.address.to_string()), "{}", shown);
            }
            for change in &group.changes {
                prop_assert_eq!(change.action, first.action);
                prop_assert_eq!(&change.impacts, &first.impacts);
                prop_assert_eq!(change.decisions.len(), first.decisions.len());
                if change.action != Action::Create {
                    let values = |one: &Change| {
                        let mut all: Vec<String> = one.fields.iter().map(|f| {
                            let path = f.path.replace("[a]", "").replace("[b]", "");
                            format!("{path} {:?} {:?} {:?}", f.from, f.to, f.origin)
                        }).collect();
                        all.sort();
                        all
                    };
                    prop_assert_eq!(values(change), values(first));
                }
            }
            // A star or a name: a path that is told is that of every change of its group.
            for field in group.fields.iter().filter(|field| !field.path.contains('*')) {
                prop_assert!(group.changes.iter().all(|c| c.fields.iter().any(|f| f.path == field.path)));
            }
        }
        let sum: usize = groups.changes.iter().map(|group| group.changes.len()).sum();
        let counts = plan.counts();
        let counted = counts.create + counts.update + counts.replace + counts.delete + counts.adopt + counts.moved
            + counts.other + counts.mark + counts.terminate + counts.cut_over;
        prop_assert_eq!(sum, counted);
    }
}

#[test]
fn jobs_of_which_each_only_the_code_changed_are_one_line() {
    use crate::code::{CodeAct, CodeChange, CodeOverview, CodeStep, CodeSummary};
    use std::sync::Arc;
    let tree = |number: usize| CodeOverview {
        path: format!("/Workspace/Shared/.plumb/bau/prod/code/{number:032x}"),
        files: 2,
        bytes: 1_000,
        written: None,
        used_by: Vec::new(),
        unknown: None,
    };
    let side = |digit: &str| Some(CodeSummary { hash: digit.repeat(64), bytes: 900 });
    let file = |to: &str| CodeChange {
        path: "src/load.py".into(),
        from: side("1"),
        to: side(to),
        diff: Some("@@ -1 +1 @@\n-a\n+b\n".into()),
        lines: Some((1, 1)),
    };
    // Each has a notebook of its own, and so a tree of its own.
    let changed = |number: usize, to: &str| {
        let place = |number: usize| Value::from(format!("{}/src/load.py", tree(number).path));
        let field = changed("tasks[a].spark_python_task.python_file", place(1_000 + number), place(number));
        let change = job(&format!("j{number:03}"), Action::Update, vec![field]);
        Change { files: vec![file(to)], tree: Some(tree(number)), ..change }
    };
    let upload = |number: usize| {
        let address = Address { kind: CODE.into(), name: format!("{number:012x}") };
        let does = CodeAct::Upload { tree: Arc::default(), readers: Default::default() };
        let step = CodeStep { hash: format!("{number:032x}"), does };
        let tree = Some(CodeOverview { written: Some(1), ..tree(number) });
        Change { tree, code: Some(Box::new(step)), ..Change::new(address, Action::Upload) }
    };
    let mut changes: Vec<Change> = (0..100).map(upload).collect();
    changes.extend((0..100).map(|number| changed(number, "2")));
    changes.push(changed(100, "3"));
    let text = compact_text(&plan(changes), Style::default());
    for line in [
        "  ^   100 trees of code will be uploaded: 200 files, 100 KB, 100 of them written\n",
        "  ~   100 jobs: src/load.py: 1 line\n",
        "  ~   DatabricksJob/j100: src/load.py: 1 line   # j100.yaml:3\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.contains("python_file"), "{text}");
}
