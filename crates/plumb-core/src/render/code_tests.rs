#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan::Action;
use plumb_model::address::Address;
use serde_json::json;

const FOLDER: &str = "/Workspace/Shared/.plumb/p/t/code";

fn tree(digit: &str) -> String {
    format!("{FOLDER}/{}", digit.repeat(32))
}

fn change(fields: Vec<FieldChange>) -> Change {
    let tree =
        CodeOverview { path: tree("2"), files: 2, bytes: 240_000, written: None, used_by: Vec::new(), unknown: None };
    let address = Address { kind: "DatabricksJob".into(), name: "a".into() };
    Change { fields, tree: Some(tree), ..Change::new(address, Action::Update) }
}

fn field(path: &str, op: Op, from: Option<Value>, to: Option<Value>) -> FieldChange {
    FieldChange { from, to, ..FieldChange::new(path, op) }
}

/// What is left of fields: their paths and sides.
fn left(fields: Vec<FieldChange>) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut plan = crate::plan::plan_world::World::of("").plan();
    plan.changes = vec![change(fields)];
    let shown = readable(&plan).into_owned();
    shown.changes.into_iter().flat_map(|c| c.fields).map(|f| (f.path, f.from, f.to)).collect()
}

#[test]
fn fields_that_only_name_another_tree_are_folded() {
    let file = |digit: &str, name: &str| Some(json!(format!("{}/{name}", tree(digit))));
    let whl = |digit: &str| format!("tasks[a].libraries[{}/dist/a.whl]", tree(digit));
    let lib = |digit: &str| Some(json!({"whl": format!("{}/dist/a.whl", tree(digit))}));
    assert_eq!(
        left(vec![
            field("python_file", Op::Change, file("1", "a.py"), file("2", "a.py")),
            field(&whl("1"), Op::Remove, lib("1"), None),
            field(&whl("2"), Op::Add, None, lib("2")),
        ]),
        []
    );
    // The workspace shows its own paths without its name.
    let bare = file("1", "a.py").unwrap().as_str().unwrap().replace("/Workspace", "");
    assert_eq!(left(vec![field("python_file", Op::Change, Some(json!(bare)), file("2", "a.py"))]), []);
    // Another file, one that was changed live, and one that is only new.
    let other = field("python_file", Op::Change, file("1", "a.py"), file("2", "b.py"));
    let (from, to) = (Some(json!("./a.py")), Some(json!("./b.py")));
    assert_eq!(left(vec![other]), [("python_file".to_owned(), from.clone(), to)]);
    let drift = FieldChange {
        origin: Some(ChangeOrigin::Drift),
        ..field("python_file", Op::Change, file("1", "a.py"), file("2", "a.py"))
    };
    assert_eq!(left(vec![drift]), [("python_file".to_owned(), from.clone(), from)]);
    let new = field(&whl("2"), Op::Add, None, lib("2"));
    let path = "tasks[a].libraries[./dist/a.whl]".to_owned();
    assert_eq!(left(vec![new]), [(path, None, Some(json!({"whl": "./dist/a.whl"})))]);
    // What is no path of a tree stays as it is.
    let near = json!(format!("{FOLDER}/zz/a.py {FOLDER} {}", tree("1")));
    assert_eq!(left(vec![field("x", Op::Add, None, Some(near.clone()))]), [("x".to_owned(), None, Some(near))]);
}

#[test]
fn sizes_have_one_digit_behind_the_point_while_they_are_small() {
    for (bytes, said) in [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1.0 KB"),
        (9_949, "9.9 KB"),
        (9_950, "10 KB"),
        (240_000, "240 KB"),
        (999_499, "999 KB"),
        (999_500, "1.0 MB"),
        (2_300_000, "2.3 MB"),
        (600_000_000, "600 MB"),
        (7_000_000_000_000, "7000 GB"),
    ] {
        assert_eq!(size(bytes), said, "{bytes}");
    }
}

#[test]
fn files_are_told_in_few_words() {
    let side = |digit: &str, bytes| Some(CodeSummary { hash: digit.repeat(16), bytes });
    let file = |path: &str, from, to, lines| CodeChange { path: path.into(), from, to, diff: None, lines };
    let files = vec![
        file("src/load.py", side("1a2b", 1), side("3c4d", 2), Some((3, 1))),
        file("dist/app-1.4.whl", side("1a2b", 1), side("3c4d", 2_300_000), None),
        file("src/new.py", None, side("3c4d", 2), Some((40, 0))),
        file("src/new.bin", None, side("3c4d", 2_000), None),
        file("src/old.py", side("3c4d", 2), None, Some((0, 5))),
    ];
    assert_eq!(
        files.iter().map(says).collect::<Vec<_>>(),
        [
            "src/load.py: 3 lines",
            "dist/app-1.4.whl: 1a2b → 3c4d, 2.3 MB",
            "src/new.py: new, 40 lines",
            "src/new.bin: new, 3c4d, 2.0 KB",
            "src/old.py: not used any more",
        ]
    );
    let change = Change { files, ..change(Vec::new()) };
    assert_eq!(differs(&change)[2..], ["src/new.py: new, 40 lines", "2 more files"]);
    let unknown = CodeOverview { unknown: Some("403".into()), ..change.tree.clone().unwrap() };
    let change = Change { files: Vec::new(), tree: Some(unknown), ..change };
    assert_eq!(differs(&change), ["code: 2 files, 240 KB; what it had before is not known: 403"]);
}
