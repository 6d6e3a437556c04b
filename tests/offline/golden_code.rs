//! The plan of code that is rendered.

use crate::golden_plans::{added, address, change, changed, field, plan, source};
use plumb_core::code::{CodeAct, CodeChange, CodeOverview, CodeStep, CodeSummary};
use plumb_core::plan::{Action, Change, ChangeOrigin, FieldChange, Op, Plan};
use serde_json::json;

/// Where code is kept.
const CODE: &str = "/Workspace/Shared/.plumb/bau-insights/prod/code";

/// A tree by a digit, in a few words.
fn tree(digit: &str, files: usize, bytes: u64) -> CodeOverview {
    let path = format!("{CODE}/{}", digit.repeat(32));
    CodeOverview { path, files, bytes, written: None, used_by: Vec::new(), unknown: None }
}

/// What is done to a tree.
fn of_tree(digit: &str, action: Action, does: CodeAct) -> Change {
    let hash = digit.repeat(32);
    Change {
        id: Some(format!("{CODE}/{hash}")),
        title: hash.clone(),
        digest: "5be1".into(),
        code: Some(Box::new(CodeStep { hash: hash.clone(), does })),
        ..Change::new(address(&format!("Code/{}", &hash[..12])), action)
    }
}

fn upload(digit: &str, users: &[&str], overview: CodeOverview) -> Change {
    let does = CodeAct::Upload { tree: Default::default(), readers: Default::default() };
    let title = format!("code of {}", users.join(", "));
    let used_by = users.iter().map(|user| address(user)).collect();
    Change { title, tree: Some(CodeOverview { used_by, ..overview }), ..of_tree(digit, Action::Upload, does) }
}

/// Code that changed, that is new, that somebody changed in the workspace, and that nothing names any more.
pub fn code() -> Plan {
    let file = |digit: &str, path: &str| json!(format!("{CODE}/{}/{path}", digit.repeat(32)));
    let manifest = |mut field: FieldChange| {
        field.origin = Some(ChangeOrigin::Manifest);
        field.source = Some(source("manifests/audience.yaml", 14, None));
        field
    };
    let library = |digit: &str| format!("tasks[load].libraries[{}]", file(digit, "dist/app-1.4.whl").as_str().unwrap());
    let wheel = |digit: &str| Some(json!({"whl": file(digit, "dist/app-1.4.whl")}));
    let python = "tasks[load].spark_python_task.python_file";
    let mut job = change(
        "DatabricksJob/audience-aggregate",
        Action::Update,
        vec![
            manifest(changed("tasks[load].timeout_seconds", json!(3600), json!(7200))),
            manifest(changed(python, file("1", "src/load.py"), file("2", "src/load.py"))),
            manifest(changed(
                "tasks[report].notebook_task.notebook_path",
                file("1", "old"),
                file("2", "notebooks/report"),
            )),
            manifest(field(&library("1"), Op::Remove, wheel("1"), None)),
            manifest(field(&library("2"), Op::Add, None, wheel("2"))),
        ],
    );
    let side = |hash: &str, bytes| Some(CodeSummary { hash: hash.repeat(16), bytes });
    let of_file = |path: &str, from, to, lines, diff: Option<&str>| CodeChange {
        path: path.into(),
        from,
        to,
        lines,
        diff: diff.map(str::to_owned),
    };
    let diff = "@@ -1,6 +1,7 @@\n import sys\n \n-spark.conf.set('spark.sql.shuffle.partitions', 200)\n\
                +# Fewer: the days are small.\n+spark.conf.set('spark.sql.shuffle.partitions', 64)\n day = sys.argv[1]\n \n \
                audience = spark.table('audience').where(f\"day = '{day}'\").select('id', 'day', 'country', 'channel', 'spend')\n";
    job.files = vec![
        of_file("dist/app-1.4.whl", side("1a2b", 2_290_000), side("3c4d", 2_300_000), None, None),
        of_file("notebooks/report.py", None, side("3c4d", 900), Some((40, 0)), None),
        of_file("old.py", side("1a2b", 900), None, Some((0, 40)), None),
        of_file("src/load.py", side("1a2b", 900), side("3c4d", 940), Some((2, 1)), Some(diff)),
    ];
    job.tree = Some(tree("2", 4, 2_310_000));
    job.depends_on = vec![address("Code/222222222222")];
    let mut fresh = change("DatabricksJob/cleanse", Action::Create, vec![added(python, file("3", "src/cleanse.py"))]);
    fresh.tree = Some(tree("3", 12, 240_000));
    fresh.depends_on = vec![address("Code/333333333333")];
    let mut unknown = change(
        "DatabricksJob/report",
        Action::Update,
        vec![manifest(changed(python, file("5", "src/report.py"), file("2", "src/report.py")))],
    );
    unknown.tree =
        Some(CodeOverview { unknown: Some("the history does not have it".into()), ..tree("2", 4, 2_310_000) });
    unknown.depends_on = vec![address("Code/222222222222")];
    let users = ["DatabricksJob/audience-aggregate", "DatabricksJob/report"];
    let new = upload("2", &users, CodeOverview { written: Some(2), ..tree("2", 4, 2_310_000) });
    let new = Change { reason: Some("an earlier upload of it was not finished".into()), ..new };
    let all = upload("3", &["DatabricksJob/cleanse"], CodeOverview { written: Some(12), ..tree("3", 12, 240_000) });
    let healed = Change {
        origin: Some(ChangeOrigin::Drift),
        reason: Some("src/geo.py was changed in the workspace; x.py does not belong there".into()),
        ..upload("4", &["DatabricksJob/geo"], CodeOverview { written: Some(1), ..tree("4", 3, 9_100) })
    };
    let readable = Change {
        reason: Some("svc-etl may read it".into()),
        ..upload("6", &["DatabricksJob/geo-month"], CodeOverview { written: Some(0), ..tree("6", 3, 9_100) })
    };
    let retired = Change {
        reason: Some("nothing names it after this; it is kept for 30 days".into()),
        depends_on: vec![job.address.clone()],
        ..of_tree("1", Action::Retire, CodeAct::Retire { day: jiff::civil::date(2024, 5, 1) })
    };
    let pruned = Change {
        reason: Some("nothing names it since 2024-03-31, and `spec.code.keep` is 30 days".into()),
        ..of_tree("9", Action::Prune, CodeAct::Prune)
    };
    plan(vec![new, all, healed, readable, job, retired, pruned, fresh, unknown])
}
