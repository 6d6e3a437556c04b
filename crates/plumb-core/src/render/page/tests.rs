//! What a page says, by its text; `tests/peers` looks at it in a browser.

use super::calendar::calendar;
use super::*;
use crate::plan::plan_world::{World, manifest};
use crate::plan::{Action, Blocked, Change, Decision, FieldChange, Op};
use serde_json::{Value, json};

fn job(name: &str, more: Value) -> String {
    let mut whole = json!({ "name": name, "tasks": [] });
    whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    manifest("DatabricksJob", name, "", &whole)
}

fn cron(expression: &str, zone: &str, status: &str) -> Value {
    json!({ "schedule": { "quartz_cron_expression": expression, "timezone_id": zone, "pause_status": status } })
}

fn on_pool(name: &str) -> String {
    let cluster = json!({ "spark_version": "15.4.x-scala2.12", "num_workers": 2,
                          "instance_pool_id": "${resources.DatabricksInstancePool.workers}" });
    job(name, json!({ "job_clusters": [{ "job_cluster_key": "main", "new_cluster": cluster }] }))
}

fn pool() -> String {
    manifest(
        "DatabricksInstancePool",
        "workers",
        "",
        &json!({ "instance_pool_name": "workers", "node_type_id": "i3.xlarge" }),
    )
}

fn change(kind: &str, name: &str, action: Action) -> Change {
    Change { title: name.to_owned(), ..Change::new(Address { kind: kind.into(), name: name.into() }, action) }
}

fn plan(desired: &Desired, changes: Vec<Change>) -> Plan {
    Decision::of(desired, desired.vault.clone(), changes).plan
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn shown(desired: &Desired, plan: &Plan) -> String {
    page(&PageInput { plan, desired, now: at("2026-03-20T12:00:00Z") })
}

/// What the calendar has of each row: the address, why it rests, the first starts in UTC, and whether it is often.
fn rows(desired: &Desired, plan: &Plan, now: &str) -> Vec<(String, Option<String>, Vec<String>, bool)> {
    let page = PageFacts { plan, desired, now: at(now), changed: HashMap::new() };
    let minute = |time: &jiff::Zoned| time.timestamp().strftime("%m-%d %H:%M").to_string();
    let row = |row: super::calendar::CalendarRow| {
        let times = row.starts.times.iter().map(minute).collect();
        (row.address.name, row.paused, times, row.starts.is_often)
    };
    calendar(&page).rows.into_iter().map(row).collect()
}

#[test]
fn a_calendar_keeps_the_hour_where_clocks_change_and_says_so() {
    let manifests = [
        job("weekly", cron("0 0 4 ? * 1", "Europe/London", "UNPAUSED")),
        job("resting", cron("0 0 9 1 * ?", "UTC", "PAUSED")),
        job("often", cron("0 0/5 * * * ?", "UTC", "UNPAUSED")),
        job("never", cron("0 0 4 1 1 ? 2020", "UTC", "UNPAUSED")),
    ];
    let desired = World::of(manifests.join("\n")).desired();
    let plan = plan(&desired, Vec::new());
    let found = rows(&desired, &plan, "2026-03-20T12:00:00Z");
    let paused = Some("paused".to_owned());
    let times = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            // More than four a day: the next one is told, and no other.
            ("often".to_owned(), None, times(&["03-20 12:05"]), true),
            // Sundays at four in London: clocks go forward on the 29th.
            (
                "weekly".to_owned(),
                None,
                times(&["03-22 04:00", "03-29 03:00", "04-05 03:00", "04-12 03:00", "04-19 03:00"]),
                false
            ),
            ("never".to_owned(), None, Vec::new(), false),
            ("resting".to_owned(), paused, times(&["04-01 09:00"]), false),
        ]
    );
    let text = shown(&desired, &plan);
    for part in [
        "Sun 2026-03-22 04:00 <span class=\"soft\">Europe/London</span>",
        "<small>clocks change: from 2026-03-29 on at 03:00 UTC</small>",
        "<li class=\"off\"><b>09:00</b> <bdi>resting</bdi> <i>paused</i></li>",
        "none in 31 days",
        "more than 4 a day",
        "4 schedules, 1 of them paused",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn the_last_moment_of_the_days_is_in_and_the_next_is_not() {
    let desired = World::of(job("a", cron("0 0 12 * * ?", "UTC", "UNPAUSED"))).desired();
    let plan = plan(&desired, Vec::new());
    let found = rows(&desired, &plan, "2026-05-01T12:00:00Z");
    // What starts now has started; 31 days on is the last.
    assert_eq!((found[0].2.len(), found[0].2[0].as_str(), found[0].2[30].as_str()), (31, "05-02 12:00", "06-01 12:00"));
}

#[test]
fn what_no_clock_starts_says_what_does_and_what_is_not_known() {
    let manifests = [
        job("files", json!({ "trigger": { "file_arrival": { "url": "s3://acme/in" } } })),
        job("steady", json!({ "continuous": { "pause_status": "PAUSED" } })),
        job("periodic", json!({ "trigger": { "periodic": { "interval": 2, "unit": "DAYS" } } })),
        manifest("AirflowDag", "theirs", "", &json!({ "source": "external" })),
        job("by-hand", json!({})),
    ];
    let desired = World::of(manifests.join("\n")).desired();
    let text = shown(&desired, &plan(&desired, Vec::new()));
    for part in [
        "<bdi>DatabricksJob/files</bdi></th><td class=\"any\">new files in s3://acme/in</td><td class=\"any\">has no time</td>",
        "<bdi>DatabricksJob/steady</bdi> <span class=\"badge none\">paused</span>",
        "<td class=\"any\">every 2 days</td><td class=\"any\">not known: it counts from when the trigger was set</td>",
        "not known: the code that defines the DAG has its schedule",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert!(!text.contains("by-hand") && !text.contains("class=\"month\""));
    let none = World::of(job("by-hand", json!({}))).desired();
    assert!(shown(&none, &plan(&none, Vec::new())).contains("No manifest has a schedule or a trigger."));
}

/// A wave with one new DAG.
fn wave() -> Desired {
    let manifests = [
        manifest("EmrCluster", "old", "", &json!({ "match": { "name": "old-*" }, "desired": "keep" })),
        job("new", json!({})),
        manifest("AirflowDag", "theirs", "", &json!({ "source": "external" })),
        manifest(
            "AirflowDag",
            "monthly",
            "",
            &json!({ "schedule": { "cron": "0 4 2 * *" }, "start_date": "2024-05-01",
                     "tasks": [{ "id": "a", "run": "${resources.DatabricksJob.new}" }] }),
        ),
        manifest(
            "Migration",
            "m",
            "",
            &json!({ "from": { "emr": ["EmrCluster/old"], "dags": ["AirflowDag/theirs"] }, "to": { "jobs": ["DatabricksJob/new"], "dags": ["AirflowDag/monthly"] },
                     "wave": "1", "cutover": "2026-05-02" }),
        ),
    ];
    World::of(manifests.join("\n")).desired()
}

#[test]
fn a_dag_of_a_wave_rests_until_its_wave_is_cut_over() {
    use crate::cutover::{PendingCutover, Standing};
    let desired = wave();
    let mut plan = plan(&desired, Vec::new());
    let rest = |plan: &Plan| rows(&desired, plan, "2026-03-20T12:00:00Z").first().map(|row| row.1.clone());
    assert_eq!(rest(&plan), Some(None), "nothing is pending, so it is cut over");
    let pending = |standing| PendingCutover {
        address: Address { kind: "Wave".into(), name: "1".into() },
        cutover: "2026-05-02".into(),
        members: Vec::new(),
        standing,
        gates: Vec::new(),
        digest: String::new(),
        next: String::new(),
    };
    plan.cutovers = vec![pending(Standing::Old)];
    assert_eq!(rest(&plan), Some(Some("paused until Wave/1 is cut over".to_owned())));
    plan.changes = vec![change("Wave", "1", Action::CutOver)];
    assert_eq!(rest(&plan), Some(None), "this plan cuts it over");
    plan.changes[0].action = Action::Rollback;
    assert_eq!(rest(&plan), Some(Some("paused until Wave/1 is cut over".to_owned())));
    plan.changes.clear();
    plan.cutovers = vec![pending(Standing::Unknown)];
    assert_eq!(rest(&plan), None);
    assert!(shown(&desired, &plan).contains("not known: where Wave/1 stands is not known"));
    // A part of the manifests says nothing of the waves that it leaves out.
    plan.cutovers.clear();
    plan.partial = Some(crate::plan::Partial::default());
    assert_eq!(rest(&plan), None);
}

#[test]
fn a_summary_has_what_is_blocked_and_what_goes_before_all_else() {
    let desired = World::of([pool(), on_pool("a")].join("\n")).desired();
    let changes = vec![
        change("DatabricksInstancePool", "workers", Action::Update),
        change("DatabricksJob", "a", Action::Create),
        change("DatabricksJob", "gone", Action::Delete),
    ];
    let mut plan = plan(&desired, changes);
    plan.blocked =
        vec![Blocked::new(&plan.changes[0].address.clone(), "it is protected").with_remedy("protect: false")];
    let text = shown(&desired, &plan);
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
    let order = [
        "<strong>Blocked</strong>",
        "To allow it: <code>protect: false</code>",
        "<dt>Blocked</dt><dd>1</dd>",
        "<dt>Delete</dt><dd>1</dd>",
        "<dt>Update</dt><dd>1</dd>",
        "<dt>Create</dt><dd>1</dd>",
        "<dt>Up to date</dt>",
        "id=\"c2\" open",
        "id=\"c0\"",
        "id=\"c1\"",
    ];
    let places: Vec<usize> = order.into_iter().map(place).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(!text.contains("<dt>Replace</dt>") && !text.contains("<dt>Adopt</dt>"), "nothing that is zero");
    assert!(text.contains("needed by DatabricksJob/a") && text.contains("needs DatabricksInstancePool/workers"));
}

#[test]
fn nothing_is_active() {
    let desired = World::of(pool()).desired();
    let hostile = "</pre></details><script>alert(1)</script><img src=x onerror=alert(1)>\u{202e}";
    let mut one = change("DatabricksJob", hostile, Action::Update);
    one.title = hostile.to_owned();
    one.impacts = vec![hostile.to_owned()];
    one.reason = Some(hostile.to_owned());
    one.fields = vec![FieldChange { to: Some(json!({ hostile: hostile })), ..FieldChange::new(hostile, Op::Add) }];
    let mut plan = plan(&desired, vec![one]);
    plan.project = hostile.to_owned();
    plan.head = Some(hostile.to_owned());
    let text = shown(&desired, &plan);
    for active in ["<script", "<img", "<link", "<iframe", "<form", "@import", "url(", "http:", "\u{202e}"] {
        assert!(!text.contains(active), "{active}");
    }
    assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
    assert!(text.contains("default-src 'none'; style-src 'unsafe-inline'; form-action 'none'"));
}

/// A plan of so many jobs on one pool, each with a field of so many bytes.
fn many(count: usize, bytes: usize) -> (usize, String) {
    let names: Vec<String> = (0..count).map(|i| format!("job-{i:04}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| on_pool(name)).chain([pool()]).collect();
    let desired = World::of(manifests.join("\n")).desired();
    let changes = names.iter().map(|name| {
        let long = FieldChange { to: Some(json!("x".repeat(bytes))), ..FieldChange::new("tasks", Op::Add) };
        Change { fields: vec![long], ..change("DatabricksJob", name, Action::Create) }
    });
    let plan = plan(&desired, changes.collect());
    let text = shown(&desired, &plan);
    (text.len(), text)
}

#[test]
fn a_page_of_a_thousand_changes_stays_small_and_says_what_it_leaves_out() {
    let (bytes, text) = many(1_000, 900);
    assert!((600_000..2_000_000).contains(&bytes), "{bytes}");
    assert!(!text.contains("left out of this page"), "all of it fits");
    let (bytes, text) = many(1_100, 990);
    assert!(bytes < 2_000_000, "{bytes}");
    assert!(text.contains("are left out of this page: <code>plumb plan</code> has them all."));
    assert!(text.contains("<p class=\"soft\">1 field is left out here.</p>"));
    assert!(text.contains("id=\"c1099\""), "every change has its line");
    // Alike in all ties: one box.
    assert!(text.contains(">1100 × DatabricksJob</text>"));
    assert!(text.matches("<rect").count() < 12);
}

#[test]
fn equal_changes_of_a_long_plan_are_told_once_with_the_names_of_all() {
    let names: Vec<String> = (0..60).map(|i| format!("job-{i:02}")).collect();
    let manifests: Vec<String> = names.iter().map(|name| on_pool(name)).chain([pool()]).collect();
    let desired = World::of(manifests.join("\n")).desired();
    let update = |name: &String, to: usize| {
        let field = FieldChange {
            from: Some(json!(1)),
            to: Some(json!(to)),
            ..FieldChange::new("timeout_seconds", Op::Change)
        };
        Change { fields: vec![field], ..change("DatabricksJob", name, Action::Update) }
    };
    let mut changes: Vec<Change> =
        names.iter().map(|name| update(name, if name == "job-07" { 3 } else { 2 })).collect();
    let text = shown(&desired, &plan(&desired, changes.clone()));
    assert_eq!(text.matches("timeout_seconds = 1 -&gt; 2").count(), 1);
    assert!(
        text.contains("59 × <bdi>DatabricksJob</bdi>")
            && text.contains("<h3 class=\"group\">Update <span class=\"soft\">60</span>")
    );
    for at in 0..60 {
        assert_eq!(text.matches(&format!("id=\"c{at}\"")).count(), 1, "{at}");
    }
    // A short plan tells each by itself.
    changes.truncate(50);
    let text = shown(&desired, &plan(&desired, changes));
    assert_eq!(text.matches("timeout_seconds = 1 -&gt; 2").count(), 49);
}

#[test]
fn a_page_grows_with_its_changes_and_not_faster() {
    let head = many(1, 100).0;
    let (few, many) = (many(50, 100).0 - head, many(200, 100).0 - head);
    assert!(many < few * 9 / 2, "{few} {many}");
}
