//! The plans that are rendered, one a folder beside this file.

use plumb_core::cost::change::RunCostChange;
use plumb_core::cutover::{CutoverCalls, PendingCutover, Standing, WaveGate};
use plumb_core::plan::unknown::{Member, Notes};
use plumb_core::plan::{
    Action, Blocked, Change, ChangeOrigin, Commit, Dangling, FieldChange, Forge, Note, Op, Partial, Plan, PlanFormat,
    PlanLinks, RepositoryPages, SourceLine, WorkspacePages,
};
use plumb_core::teardown::{Gate, PendingTeardown, Stage};
use plumb_model::address::Address;
use plumb_model::call::{Call, Method, System};
use plumb_model::schema::Path;
use plumb_model::stats::{Interval, Money};
use serde_json::{Value, json};

/// Every case, by the name of its folder.
pub fn all() -> Vec<(&'static str, Plan)> {
    vec![
        ("empty", empty()),
        ("creates", creates()),
        ("one-field-of-forty", one_field_of_forty()),
        ("replace-with-impacts", replace()),
        ("adopt", adopt()),
        ("move", moved()),
        ("delete-and-release", delete()),
        ("blocked", blocked()),
        ("origins", origins()),
        ("review", review()),
        ("texts-and-lists", texts()),
        ("hostile", hostile()),
        ("teardown", teardown()),
        ("secrets", secrets()),
        ("unicode", unicode()),
        ("partial", partial()),
        ("wave-waits", wave_waits()),
        ("wave-cuts-over", wave_cuts_over()),
        ("wave-between", wave_between()),
        ("wave-held", wave_held()),
        ("code", crate::golden_code::code()),
    ]
}

pub fn plan(changes: Vec<Change>) -> Plan {
    Plan {
        format: PlanFormat::V1,
        project: "bau-insights".into(),
        target: "prod".into(),
        base: None,
        head: Some("3f2a91c0b1d2".into()),
        workspace: None,
        partial: None,
        digest: "9c1f0e6a2b7d".into(),
        changes,
        blocked: Vec::new(),
        teardown: Vec::new(),
        cutovers: Vec::new(),
        notes: Vec::new(),
        unchanged: 5,
        decisions: None,
        estimate: None,
        links: Default::default(),
    }
}

pub fn address(text: &str) -> Address {
    Address::try_from(text.to_owned()).unwrap()
}

pub fn change(name: &str, action: Action, fields: Vec<FieldChange>) -> Change {
    let (_, short) = name.split_once('/').unwrap();
    Change {
        id: (action != Action::Create).then(|| "620178".to_owned()),
        title: format!("[bau] {}", short.replace('-', " ")),
        fields,
        source: (action != Action::Delete).then(|| source(&format!("manifests/{short}.yaml"), 3, None)),
        digest: "5be1".into(),
        calls: vec![Call::set(System::Databricks, Method::Post, "/api/2.2/jobs/reset", json!({"job_id": 620178}))]
            .into(),
        ..Change::new(address(name), action)
    }
}

pub fn source(file: &str, line: usize, commit: Option<Commit>) -> SourceLine {
    SourceLine { file: file.into(), line, nearest: false, commit }
}

pub fn ann() -> Option<Commit> {
    Some(Commit {
        id: "3f2a91c0b1d2".into(),
        author: "Ann".into(),
        date: "2024-05-01".into(),
        summary: "raise timeout".into(),
    })
}

pub fn field(path: &str, op: Op, from: Option<Value>, to: Option<Value>) -> FieldChange {
    FieldChange { from, to, ..FieldChange::new(path, op) }
}

pub fn changed(path: &str, from: Value, to: Value) -> FieldChange {
    field(path, Op::Change, Some(from), Some(to))
}

pub fn added(path: &str, to: Value) -> FieldChange {
    field(path, Op::Add, None, Some(to))
}

fn empty() -> Plan {
    plan(Vec::new())
}

fn creates() -> Plan {
    let mut job = change(
        "DatabricksJob/audience-aggregate",
        Action::Create,
        vec![
            added(
                "job_clusters",
                json!([{"job_cluster_key": "main", "new_cluster": {
                    "instance_pool_id": "${resources.DatabricksInstancePool.workers}",
                    "num_workers": 8, "spark_version": "15.4.x-scala2.12",
                    "spark_conf": {"spark.sql.ansi.enabled": "true"}}}]),
            ),
            added("max_concurrent_runs", json!(1)),
            added("name", json!("[bau] audience aggregate")),
            added(
                "tasks",
                json!([
                    {"task_key": "cleanse", "sql_task": {"query": {"query": "SELECT 1\nFROM audience\n"}}, "libraries": []},
                    {"task_key": "aggregate", "depends_on": [{"task_key": "cleanse"}], "timeout_seconds": 7200},
                ]),
            ),
        ],
    );
    job.source = Some(source("manifests/audience.yaml", 3, ann()));
    job.depends_on = vec![address("DatabricksInstancePool/workers")];
    let pool = change(
        "DatabricksInstancePool/workers",
        Action::Create,
        vec![
            added("custom_tags", json!({"cost centre": "42", "owner": "data"})),
            added("instance_pool_name", json!("workers")),
            added("node_type_id", json!("r6id.xlarge")),
        ],
    );
    plan(vec![pool, job])
}

fn one_field_of_forty() -> Plan {
    // The other 39 fields are equal, so no plan names them.
    let mut timeout = changed("tasks[aggregate].timeout_seconds", json!(3600), json!(7200));
    timeout.origin = Some(ChangeOrigin::Manifest);
    timeout.source = Some(source("manifests/audience.yaml", 14, ann()));
    plan(vec![change("DatabricksJob/audience-aggregate", Action::Update, vec![timeout])])
}

fn replace() -> Plan {
    let mut disk = changed("disk_spec.disk_size", json!(100), json!(200));
    disk.replaces = true;
    let mut pool = change("DatabricksInstancePool/workers", Action::Replace, vec![disk]);
    pool.reason = Some("a pool's disks cannot be changed".into());
    let mut cluster = change(
        "DatabricksCluster/shared",
        Action::Update,
        vec![changed("instance_pool_id", json!("0101-pool"), json!("${resources.DatabricksInstancePool.workers}"))],
    );
    cluster.impacts = vec!["restarts the cluster".into(), "cancels 1 active run".into()];
    cluster.depends_on = vec![pool.address.clone()];
    plan(vec![cluster, pool])
}

fn adopt() -> Plan {
    let mut job = change(
        "DatabricksJob/audience-cleanse",
        Action::Adopt,
        vec![field("email_notifications.on_failure", Op::Remove, Some(json!(["a@example.com"])), None)],
    );
    job.reason = Some("metadata.adopt names it".into());
    let mut plan = plan(vec![job]);
    let kind = plumb_core::kinds::find("DatabricksJob").unwrap();
    let (policy, path) = (Path::default().key("usage_policy_id"), Path::default().key("trigger").key("new_setting"));
    let mut kept = Notes::default();
    for i in 0..212 {
        kept.add(&address(&format!("DatabricksJob/job-{i}")), kind, &[Member::new(policy.clone(), &json!("u"))]);
    }
    kept.add(&address("DatabricksJob/report"), kind, &[Member::new(path, &json!({"job_id": 7}))]);
    plan.notes = kept.into_notes();
    plan
}

fn moved() -> Plan {
    let mut job = change("DatabricksJob/audience-insights", Action::Move, Vec::new());
    job.moved_from = Some(address("DatabricksJob/audience-report"));
    plan(vec![job])
}

fn delete() -> Plan {
    let mut job = change("DatabricksJob/old-report", Action::Delete, Vec::new());
    job.reason = Some("no manifest asks for it any more".into());
    job.impacts = vec!["loses run history".into()];
    let mut cluster = change("DatabricksCluster/scratch", Action::Release, Vec::new());
    cluster.reason = Some("released on request".into());
    plan(vec![cluster, job])
}

fn blocked() -> Plan {
    let mut plan = plan(Vec::new());
    plan.blocked = vec![
        Blocked::new(&address("DatabricksJob/audience-cleanse"), "the live job 77 has this name and no mark")
            .with_remedy("adopt: \"77\""),
        Blocked::by_guard(plumb_core::plan::Guard::MaxDeletes, "4 deletes, and guards.maxDeletes is 3"),
    ];
    plan.notes = vec![Note { address: None, message: "git does not have commit 0a1b2c3d4e5f".into() }];
    plan
}

fn partial() -> Plan {
    let mut pool = change(
        "DatabricksInstancePool/workers",
        Action::Replace,
        vec![FieldChange { replaces: true, ..changed("node_type_id", json!("r6id.xlarge"), json!("r6id.2xlarge")) }],
    );
    pool.id = Some("0123-456789-pool1".into());
    let mut plan = plan(vec![pool]);
    let left = |name: &str| Dangling {
        address: address(name),
        refers_to: address("DatabricksInstancePool/workers"),
        id: "0123-456789-pool1".into(),
    };
    plan.blocked = vec![Blocked {
        guard: Some(plumb_core::plan::Guard::Dangling),
        address: Some(address("DatabricksInstancePool/workers")),
        reason: "it is replaced, and 2 resources refer to it".into(),
        remedy: Some("select them too".into()),
    }];
    plan.partial = Some(Partial {
        only: vec!["w*".into(), "DatabricksCluster".into()],
        labels: vec!["team=bau".into()],
        selected: 6,
        total: 14,
        dangling: vec![left("DatabricksJob/audience-aggregate"), left("DatabricksJob/audience-cleanse")],
    });
    plan.unchanged = 5;
    plan
}

fn origins() -> Plan {
    let with = |path: &str, origin: ChangeOrigin, commit| {
        let mut field = changed(path, json!("UNPAUSED"), json!("PAUSED"));
        field.origin = Some(origin);
        field.source = Some(source("manifests/audience.yaml", 20, commit));
        field
    };
    let mixed = change(
        "DatabricksJob/audience-aggregate",
        Action::Update,
        vec![
            with("continuous.pause_status", ChangeOrigin::Both, ann()),
            with("schedule.pause_status", ChangeOrigin::Manifest, None),
            with("trigger.pause_status", ChangeOrigin::Drift, ann()),
        ],
    );
    let mut gone = field("tags.owner", Op::Remove, Some(json!("bob")), None);
    gone.origin = Some(ChangeOrigin::Drift);
    gone.note = Some("the manifest never had it".into());
    let explained = |path: &str, origin: Option<ChangeOrigin>, commit: Option<Commit>, says: &str| {
        let mut field = changed(path, json!(1), json!(2));
        field.origin = origin;
        let nearest = commit.is_none();
        field.source = Some(SourceLine { nearest, ..source("manifests/audience.yaml", 20, commit) });
        field.explanation = Some(says.into());
        field
    };
    let live = change(
        "DatabricksJob/audience-cleanse",
        Action::Update,
        vec![
            gone,
            explained("max_concurrent_runs", Some(ChangeOrigin::Drift), None, "the service's default"),
            explained("permissions[ann].permission_level", None, ann(), "not applied yet, or undone live"),
            explained(
                "tasks[a].existing_cluster_id",
                Some(ChangeOrigin::Manifest),
                None,
                "`${resources.a}` gets another id",
            ),
        ],
    );
    let mut plan = plan(vec![mixed, live]);
    plan.base = Some("origin/main".into());
    plan
}

/// The commit that the manifests of [`linked`] were read at.
pub const READ_AT: &str = "7c1e5d09a4b23f2a91c0b1d2e8f64a5b6c7d8e9f";

/// Where things can be looked at, as on a runner of GitHub.
pub fn linked() -> PlanLinks {
    PlanLinks {
        run: Some("https://github.com/acme/data/actions/runs/42".into()),
        repository: Some(RepositoryPages {
            forge: Forge::GitHub,
            address: "https://github.com/acme/data".into(),
            commit: Some(READ_AT.into()),
        }),
        workspace: Some(WorkspacePages { host: "https://acme.cloud.databricks.com".into(), id: Some("4201".into()) }),
        airflow: Some("https://airflow.acme.example".into()),
        emr: None,
    }
}

/// Sixty jobs that change alike, one that does not, and two that go.
pub fn many() -> Plan {
    let job = |name: String, seconds: u32| {
        let mut field = changed("timeout_seconds", json!(3600), json!(seconds));
        field.origin = Some(ChangeOrigin::Manifest);
        change(&format!("DatabricksJob/{name}"), Action::Update, vec![field])
    };
    let mut changes: Vec<Change> = (0..60).map(|number| job(format!("etl-{number:02}"), 7200)).collect();
    changes.push(job("odd".into(), 60));
    changes.extend((0..2).map(|number| {
        let mut old = change(&format!("DatabricksJob/old-{number}"), Action::Delete, Vec::new());
        old.impacts = vec!["loses run history".into()];
        old
    }));
    Plan { links: linked(), ..plan(changes) }
}

/// A bit of everything, as a reviewer meets it in a comment.
fn review() -> Plan {
    let by = |mut field: FieldChange, origin: ChangeOrigin, line: usize, commit: Option<Commit>| {
        field.origin = Some(origin);
        field.source = Some(source("manifests/audience.yaml", line, commit));
        field
    };
    let mut workers = by(
        changed("job_clusters[main].new_cluster.num_workers", json!(4), json!(6)),
        ChangeOrigin::Manifest,
        31,
        ann(),
    );
    let cost = RunCostChange {
        amount: Interval { low: Money::of_nanos(18_000_000_000), high: Money::of_nanos(24_000_000_000) },
        currency: "USD".into(),
        runs: 3,
    };
    workers.note = Some(cost.note());
    let query = |days: u32| json!(format!("SELECT *\nFROM audience\nWHERE day > current_date - {days}\n"));
    let mut aggregate = change(
        "DatabricksJob/audience-aggregate",
        Action::Update,
        vec![
            workers,
            by(
                changed("tasks[aggregate].timeout_seconds", json!(3600), json!(7200)),
                ChangeOrigin::Manifest,
                44,
                ann(),
            ),
            by(changed("tasks[report].query", query(30), query(60)), ChangeOrigin::Manifest, 52, ann()),
            by(changed("max_concurrent_runs", json!(4), json!(1)), ChangeOrigin::Drift, 12, ann()),
        ],
    );
    aggregate.cost = Some(cost);
    aggregate.next_run = Some("2024-05-02 04:00 Europe/London".into());
    aggregate.source = Some(source("manifests/audience.yaml", 3, None));
    let mut old = change("DatabricksJob/old-report", Action::Delete, Vec::new());
    old.reason = Some("no manifest asks for it any more".into());
    old.impacts = vec!["loses run history".into()];
    let mut pool = changed("disk_spec.disk_size", json!(100), json!(200));
    pool.replaces = true;
    let mut workers = change("DatabricksInstancePool/workers", Action::Replace, vec![pool]);
    workers.reason = Some("a pool's disks cannot be changed".into());
    let dag = change(
        "AirflowDag/daily-audience",
        Action::Update,
        vec![changed("schedule", json!("@daily"), json!("@hourly"))],
    );
    let mut fresh = change("DatabricksCluster/adhoc", Action::Create, vec![added("num_workers", json!(2))]);
    fresh.source = Some(source("manifests/adhoc.yaml", 1, ann()));
    let mut plan = plan(vec![dag, fresh, workers, aggregate, old]);
    plan.base = Some("origin/main".into());
    let says = "2 objects would be deleted or replaced, and guards.maxDeletes allows 1 in one apply";
    let guard = plumb_core::plan::Guard::MaxDeletes;
    plan.blocked =
        vec![Blocked::by_guard(guard, says).with_remedy("--override max-deletes, or raise guards.maxDeletes")];
    plan.notes = vec![Note::new(
        &address("DatabricksJob/audience-aggregate"),
        "`tasks[report].sql_task` has a member that this version of plumb does not know; it is left as it is live",
    )];
    plan.links = linked();
    plan
}

fn texts() -> Plan {
    let lines = |special: &str| {
        let mut lines: Vec<String> = (1..=30).map(|i| format!("SELECT {i}")).collect();
        lines[14] = special.into();
        lines.join("\n") + "\n"
    };
    let path = |end: &str| json!(format!("s3://bucket/{}/{end}", "a-rather-long-folder".repeat(4)));
    plan(vec![change(
        "DatabricksJob/audience-aggregate",
        Action::Update,
        vec![
            changed("email_notifications.on_failure", json!(["a@x", "b@x", "c@x"]), json!(["a@x", "c@x", "d@x"])),
            changed("parameters[out].default", path("old"), path("new")),
            changed("tasks[a].sql_task.query.query", json!(lines("FROM b\t")), json!(lines("FROM c"))),
            changed("tasks[b].description", json!("one\ntwo\n"), json!("one\ntwo")),
            changed("tasks[c].long", json!("x".repeat(3_000) + "1"), json!("x".repeat(3_000) + "2")),
            added(
                "tasks[d]",
                json!({"task_key": "d", "notebook_task": {"notebook_path": "/d", "base_parameters": {}}}),
            ),
            field("timeout_seconds", Op::Remove, Some(json!(60)), None),
        ],
    )])
}

/// What somebody might put into a name, hoping to be believed or obeyed.
pub const HOSTILE: &str = "a\n::error::pwned\r\n## x\u{1b}[31m red \u{202e}abc\u{200b} @team </details> ````` <img src=x> | `b` ##[error]no \\";

fn hostile() -> Plan {
    let mut job = change(
        "DatabricksJob/x",
        Action::Update,
        vec![
            changed(HOSTILE, json!(HOSTILE), json!("plain")),
            changed("text", json!(format!("::error::1\n{HOSTILE}\n")), json!(format!("::error::1\n{HOSTILE}\nmore\n"))),
            added("map", json!({HOSTILE: {HOSTILE: [HOSTILE]}, "::warning::k": {"::notice::k": [["::debug::v"]]}})),
        ],
    );
    let commit = Commit { id: HOSTILE.into(), author: HOSTILE.into(), date: HOSTILE.into(), summary: HOSTILE.into() };
    job.fields[0].origin = Some(ChangeOrigin::Both);
    job.fields[0].note = Some(HOSTILE.into());
    job.fields[0].source = Some(source(HOSTILE, 1, Some(commit.clone())));
    job.address = address(&format!("DatabricksJob/{HOSTILE}"));
    job.id = Some(HOSTILE.into());
    job.title = HOSTILE.into();
    job.reason = Some(HOSTILE.into());
    job.impacts = vec![HOSTILE.into()];
    job.depends_on = vec![job.address.clone()];
    job.source = Some(source(HOSTILE, 1, Some(commit)));
    let mut moved = change("DatabricksJob/y", Action::Move, Vec::new());
    moved.moved_from = Some(job.address.clone());
    let mut plan = plan(vec![job, moved]);
    plan.links = linked();
    plan.project = HOSTILE.into();
    plan.target = HOSTILE.into();
    plan.base = Some(HOSTILE.into());
    plan.head = Some(HOSTILE.into());
    plan.digest = HOSTILE.into();
    plan.blocked = vec![Blocked::new(&plan.changes[0].address, HOSTILE).with_remedy(HOSTILE)];
    plan.notes = vec![Note { address: Some(plan.changes[0].address.clone()), message: HOSTILE.into() }];
    let dangling = Dangling {
        address: plan.changes[0].address.clone(),
        refers_to: plan.changes[0].address.clone(),
        id: HOSTILE.into(),
    };
    plan.partial = Some(Partial {
        only: vec![HOSTILE.into()],
        labels: vec![HOSTILE.into()],
        selected: 2,
        total: 3,
        dangling: vec![dangling],
    });
    plan.teardown = vec![PendingTeardown {
        address: plan.changes[0].address.clone(),
        id: HOSTILE.into(),
        title: HOSTILE.into(),
        state: Some(HOSTILE.into()),
        stage: Stage::Marked,
        gates: vec![Gate { name: "busy", holds: false, says: HOSTILE.into() }],
        next: HOSTILE.into(),
        returned: Some(HOSTILE.into()),
    }];
    plan
}

fn teardown() -> Plan {
    let mut marked = change(
        "EmrCluster/legacy-audience/j-2A",
        Action::Mark,
        vec![added("tags.plumb", json!("bau/prod/EmrCluster/legacy-audience"))],
    );
    marked.reason = Some("returned: started 2024-06-13, although there were to be none from 2024-06-12 on".into());
    marked.fields[0].origin = Some(ChangeOrigin::Drift);
    let mut down = change("EmrCluster/legacy-churn/j-1B", Action::Terminate, Vec::new());
    down.reason = Some("every gate holds".into());
    down.impacts = vec![
        "its termination protection is taken off first".into(),
        "the cluster ends for good, with what is in its HDFS and on its disks".into(),
    ];
    let gate = |name: &'static str, holds: bool, says: &str| Gate { name, holds, says: says.into() };
    let pending = |name: &str, stage: Stage, gates: Vec<Gate>, next: &str| PendingTeardown {
        address: address(&format!("EmrCluster/{name}")),
        id: name.rsplit('/').next().unwrap().into(),
        title: "bau-audience-2024-05".into(),
        state: Some("WAITING".into()),
        stage,
        gates,
        next: next.into(),
        returned: None,
    };
    let waits = vec![
        gate("date", true, "not before 2024-06-12, reached"),
        gate("grace", false, "14d from 2024-06-10 08:00 UTC end 2024-06-24 08:00 UTC"),
        gate("successors", false, "DatabricksJob/audience-cleanse: 1 good run of 2, since run 620178 ended FAILED"),
        gate("busy", true, "nothing runs"),
    ];
    let all = vec![gate("date", true, "not before 2024-06-12, reached"), gate("busy", true, "nothing runs")];
    let mut plan = plan(vec![marked, down]);
    plan.teardown = vec![
        pending("legacy-audience/j-2C", Stage::Marked, waits, "it waits for 2 of 4 gates"),
        pending("legacy-churn/j-1B", Stage::Due, all, "it is terminated"),
    ];
    plan.teardown[0].returned =
        Some("started 2024-06-13 (owner: ann), although there were to be none from 2024-06-12 on".into());
    plan
}

fn secrets() -> Plan {
    let mut write_only = changed("password", json!("(secret #1)"), json!("(secret #2)"));
    write_only.note = Some("the service never shows this field".into());
    plan(vec![change(
        "AirflowConnection/warehouse",
        Action::Update,
        vec![
            write_only,
            added("extra.token", json!("(secret #2)")),
            added("extra.url", json!("https://u:(secret #2)@h")),
        ],
    )])
}

fn unicode() -> Plan {
    let mut job = change(
        "DatabricksJob/umsätze",
        Action::Update,
        vec![changed("description", json!("每日汇总"), json!("每日汇总 🚀 – ночной запуск"))],
    );
    job.title = "Umsätze 数据".into();
    plan(vec![job])
}

/// A wave of two pipelines with these gates; those without a member are the whole wave's.
fn wave(standing: Standing, next: &str, gates: &[(&str, &'static str, bool, &str)]) -> PendingCutover {
    let gate = |(member, name, holds, says): &(&str, &'static str, bool, &str)| WaveGate {
        member: (!member.is_empty()).then(|| address(member)),
        gate: Gate { name, holds: *holds, says: (*says).into() },
    };
    PendingCutover {
        address: address("Wave/1"),
        cutover: "2026-11-02".into(),
        members: vec![address("Migration/audience"), address("Migration/churn")],
        standing,
        gates: gates.iter().map(gate).collect(),
        digest: "1f0e6a2b7d9c4e55".into(),
        next: next.into(),
    }
}

fn flip(action: Action, reason: &str, fields: Vec<FieldChange>) -> Change {
    let pause = |id: &str, on: bool| {
        Call::set(System::Airflow, Method::Patch, format!("/api/v2/dags/{id}"), json!({"is_paused": on}))
            .query("update_mask", "is_paused")
    };
    let put = Call::set(System::DagFiles, Method::Put, "/dags/audience.py", json!({"text": "…", "dag_id": "audience"}));
    let calls = CutoverCalls {
        pause: vec![pause("legacy_audience", true)],
        still: Vec::new(),
        switch: vec![put],
        start: vec![pause("audience", false)],
        back: vec![pause("legacy_audience", false)],
    };
    Change {
        title: "wave 1".into(),
        reason: Some(reason.into()),
        fields,
        source: Some(source("manifests/audience/migration.yaml", 7, ann())),
        digest: "1f0e6a2b7d9c4e55".into(),
        calls: calls.sent().cloned().collect::<Vec<_>>().into(),
        cutover: Some(Box::new(calls)),
        ..Change::new(address("Wave/1"), action)
    }
}

const OUTPUT: &str = "AirflowDag/audience.tasks[run].params.job_parameters.output";

fn wave_waits() -> Plan {
    let waits = [
        ("", "date", false, "not before 2026-11-02 (Europe/London)"),
        ("Migration/audience", "parity", false, "2 of 3 periods were compared and found equal"),
        ("Migration/audience", "successors", true, "DatabricksJob/audience: its last 3 runs ended well"),
        ("Migration/churn", "successors", false, "DatabricksJob/churn: 0 of 3 runs so far"),
        (
            "",
            "closed",
            false,
            "tied to another wave, and no `bridges` says how that is bridged: Migration/audience reads \
             s3://acme-curated/profiles, which Migration/profiles writes",
        ),
        ("", "held", true, "nobody rolled this cutover back"),
    ];
    let pending = wave(Standing::Old, "it waits for 4 of 6 gates", &waits);
    Plan { cutovers: vec![pending], ..plan(Vec::new()) }
}

fn wave_cuts_over() -> Plan {
    let holds = [("", "date", true, "2026-11-02 (Europe/London), reached")];
    let fields = vec![
        changed("AirflowDag/legacy-audience.paused", json!(false), json!(true)),
        field(OUTPUT, Op::Remove, Some(json!("s3://acme-shadow/audience")), None),
        changed("AirflowDag/audience.paused", json!(true), json!(false)),
    ];
    let change = flip(Action::CutOver, "its day is reached, and every gate holds", fields);
    Plan { cutovers: vec![wave(Standing::Old, "it is cut over", &holds)], ..plan(vec![change]) }
}

fn wave_between() -> Plan {
    let gates =
        [("", "quiet", false, "AirflowDag/legacy-churn runs next at 2026-11-02 04:00 UTC, in less than 30 minutes")];
    let fields = vec![changed("AirflowDag/legacy-audience.paused", json!(true), json!(false))];
    let change = flip(Action::Rollback, "it was begun, and the old DAGs are not at rest", fields);
    let pending = wave(Standing::Between, "it goes back to what it was", &gates);
    Plan { cutovers: vec![pending], ..plan(vec![change]) }
}

fn wave_held() -> Plan {
    let says = "rolled back by ann at 2026-11-02T05:00:00Z: totals are off; a new `cutover` date lifts it";
    let pending = wave(Standing::Old, "it stays as it was until it has a new day", &[("", "held", false, says)]);
    let notes = vec![Note::new(&address("Wave/1"), format!("the wave is held: {says}"))];
    Plan { cutovers: vec![pending], notes, ..plan(Vec::new()) }
}
