//! Data, manifests and words that are wrong: an exit code and a sentence for each, and never evidence that passes.

use super::{evidence, json_output, migration, parquet_output, put, rows, world, written};
use crate::duckdb_support;
use crate::world::World;
use serde_json::Value;
use std::fmt::Write as _;

/// Writes Parquet of a query into a file of the repository.
fn parquet(world: &World, path: &str, query: &str) {
    let path = world.dir().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    duckdb_support::write(&format!("COPY ({query}) TO '{}' (FORMAT parquet)", path.display()));
}

const QUERY: &str = "SELECT i AS id, 'name ' || i AS name FROM range(1000) t(i)";

/// A world with a migration of one output of Parquet that is equal.
fn parquet_world() -> World {
    let world = world();
    world.write("manifests/one.yaml", &migration("one", "    period: none\n", &[parquet_output("one", "id")]));
    for side in ["old", "new"] {
        parquet(&world, &format!("data/one/{side}/part-0.parquet"), QUERY);
    }
    world
}

#[test]
fn data_that_cannot_be_compared_has_no_verdict_and_says_why() {
    type Spoil = fn(&World);
    let spoilt: [(&str, &str, &str, Spoil); 11] = [
        ("a missing folder", "unreadable", "data/one/new is not there", |world| {
            std::fs::remove_dir_all(world.dir().join("data/one/new")).unwrap();
        }),
        ("a folder without data", "new_is_empty", "data/one/new", |world| {
            world.remove("data/one/new/part-0.parquet");
            world.write("data/one/new/_SUCCESS", "");
        }),
        ("a file of garbage", "unreadable", "part-0.parquet", |world| {
            world.write("data/one/new/part-0.parquet", &"no Parquet ".repeat(300));
        }),
        ("an empty file", "unreadable", "part-0.parquet", |world| world.write("data/one/new/part-0.parquet", "")),
        ("a file that breaks off", "unreadable", "part-0.parquet", |world| {
            let path = world.dir().join("data/one/new/part-0.parquet");
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("pages that are damaged", "unreadable", "new: ", |world| {
            let path = world.dir().join("data/one/new/part-0.parquet");
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[4..60].fill(0xff);
            std::fs::write(&path, &bytes).unwrap();
        }),
        ("files of different types", "unreadable", "`name`", |world| {
            parquet(world, "data/one/new/part-1.parquet", "SELECT i AS id, i AS name FROM range(1000, 1010) t(i)");
        }),
        ("a write that has not ended", "not_finished", "_temporary", |world| {
            world.write("data/one/new/_temporary/0/part-1.parquet", "");
        }),
        ("a table of Delta as Parquet", "delta_folder", "_delta_log", |world| {
            world.write("data/one/new/_delta_log/00000000000000000000.json", "{}");
        }),
        ("a link that leads out", "unreadable", "is a link that leads out", |world| {
            let outside = world.home().join("outside.parquet");
            std::fs::copy(world.dir().join("data/one/new/part-0.parquet"), &outside).unwrap();
            std::os::unix::fs::symlink(&outside, world.dir().join("data/one/new/part-1.parquet")).unwrap();
        }),
        ("a pipe", "unreadable", "no regular file", |world| {
            let path = world.dir().join("data/one/new/part-1.parquet");
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        }),
    ];
    let world = parquet_world();
    world.plumb("parity run --period p").code(0);
    for (what, cause, says, spoil) in spoilt {
        let _ = std::fs::remove_dir_all(world.dir().join("data/one/new"));
        parquet(&world, "data/one/new/part-0.parquet", QUERY);
        spoil(&world);
        let ran = world.plumb("parity run --period p");
        assert_eq!(ran.code, 3, "{what}: {}", ran.shown);
        let report = evidence(&world, "one").unwrap();
        let output = &report["outputs"][0];
        assert_eq!((&report["passed"], &output["verdict"]), (&false.into(), &"none".into()), "{what}");
        assert_eq!(output["causes"]["rows"], cause, "{what}: {output}");
        let because = output["because"].as_str().unwrap();
        assert!(because.contains(says) && ran.shown.contains(says), "{what}: {because}\n{}", ran.shown);
    }
}

#[test]
fn a_manifest_that_does_not_fit_the_data_is_an_error_and_writes_nothing() {
    let world = parquet_world();
    let fitting = world.read("manifests/one.yaml");
    for (add, says) in [
        (
            "        rules: [{column: nmae, trim: both, reason: r}]\n",
            "`rules` names column `nmae`, which neither side has; `new` has id, name",
        ),
        ("        ignore: [{column: load_ts, reason: r}]\n", "`ignore` names column `load_ts`"),
        ("        map: {cust: name}\n", "`map` names column `cust`, which `old` does not have"),
        ("        sensitive: [email]\n", "`sensitive` names column `email`"),
        (
            "        rules: [{column: name, abs: 0.1, reason: r}]\n",
            "`abs` says nothing of column `name`, which is a string",
        ),
        ("        expect: [{column: nmae, atMost: 5, until: 2031-01-01, reason: r}]\n", "`expect` names column `nmae`"),
    ] {
        world.write("manifests/one.yaml", &format!("{fitting}{add}"));
        world.plumb("parity run --period p").code(1).says(says).says("no evidence was written");
        assert_eq!(written(&world), [""; 0], "{add}");
    }
    for (keys, says) in [("[uid]", "`keys` names column `uid`"), ("[id, uid]", "`keys` names column `uid`")] {
        world.write("manifests/one.yaml", &fitting.replace("keys: [id]", &format!("keys: {keys}")));
        world.plumb("parity run --period p").code(1).says(says);
    }
    let where_ = fitting.replace("new, format: parquet", "new, format: parquet, where: {day: 1}");
    world.write("manifests/one.yaml", &where_);
    world.plumb("parity run --period p").code(1).says("`new.where` names column `day`");
    assert_eq!(written(&world), [""; 0]);
}

#[test]
fn a_manifest_that_cannot_be_right_is_refused_before_anything_is_read() {
    let world = parquet_world();
    let fitting = world.read("manifests/one.yaml");
    for (from, to, says) in [
        ("path: data/one/new", "path: \"data/one/*/new\"", "*"),
        ("path: data/one/new", "path: \"data/{day}/new\"", "{day}"),
        ("format: parquet", "format: orc", "orc"),
        ("keys: [id]", "keys: [id, id]", "id"),
        ("period: none", "period: quarter", "quarter"),
    ] {
        world.write("manifests/one.yaml", &fitting.replace(from, to));
        for command in ["validate", "parity run --period p"] {
            world.plumb(command).code(1).says(says).says("manifests/one.yaml");
        }
        assert_eq!(written(&world), [""; 0], "{to}");
    }
}

#[test]
fn keys_that_are_no_keys_multiply_nothing() {
    let world = world();
    world.write("manifests/one.yaml", &migration("one", "    period: none\n", &[parquet_output("one", "kind")]));
    // 10^10 pairs of rows.
    let query = |other: &str| {
        format!("SELECT 'x' AS kind, i AS id, CASE WHEN i < 7 THEN {other} ELSE 1 END AS v FROM range(100000) t(i)")
    };
    parquet(&world, "data/one/old/part.parquet", &query("1"));
    parquet(&world, "data/one/new/part.parquet", &query("1"));
    world.plumb("parity run --period p --memory 500MB").code(0);
    parquet(&world, "data/one/new/part.parquet", &query("2"));
    world.plumb("parity run --period p --memory 500MB").code(2);
    let report = evidence(&world, "one").unwrap();
    let output = &report["outputs"][0];
    assert_eq!((&output["matched"], &output["only_old"], &output["only_new"]), (&100_000.into(), &0.into(), &0.into()));
    assert_eq!(output["differing_cells"], serde_json::json!({"v": 7}));
}

#[test]
fn periods_are_named_as_the_manifest_counts_them() {
    let world = world();
    for (unit, wrong) in [
        ("month", ["2024-13", "2024-5", "May", "2024-05-01", "../2024-05"]),
        ("week", ["2024-W54", "2024-05", "2024-W5", "W05", "2024-W00"]),
        ("day", ["2024-02-30", "2024-05", "yesterday", "2024-1-1", ""]),
        ("none", ["", "a/b", "..", "a b", "\u{1b}[1m"]),
    ] {
        let outputs = [json_output("one", "name: string", "id", "")];
        world.write("manifests/one.yaml", &migration("one", &format!("    period: {unit}\n"), &outputs));
        for period in wrong {
            let ran = world.plumb_with(&["parity", "run", "--period", period]);
            assert!([1, 64].contains(&ran.code) && ran.shown.contains("period"), "{unit}, {period}: {}", ran.shown);
            assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
        }
    }
    world.plumb("parity run").code(1).says("its `period` is `none`, so --period has to name the comparison");
    assert_eq!(written(&world), [""; 0]);
    assert!(!world.dir().join("2024-05.json").exists());
}

#[test]
fn one_exit_code_says_the_worst_of_several_migrations() {
    let world = world();
    put(&world, "equal", true);
    put(&world, "differs", false);
    put(&world, "none", true);
    world.write("data/none/old/part.json", "");
    put(&world, "wrong", true);
    world.edit("manifests/wrong.yaml", "keys: [id]", "keys: [uid]");
    for (migrations, code) in [
        ("equal", 0),
        ("differs", 2),
        ("none", 3),
        ("wrong", 1),
        ("equal differs", 2),
        ("none equal", 3),
        ("differs none", 2),
        ("none differs equal", 2),
        ("wrong equal differs", 1),
    ] {
        let _ = std::fs::remove_dir_all(world.dir().join("evidence"));
        world.plumb(&format!("parity run --period p {migrations}")).code(code);
        for name in migrations.split(' ') {
            let passed = evidence(&world, name).map(|report| report["passed"].as_bool().unwrap());
            let wanted = if name == "wrong" { None } else { Some(name == "equal") };
            assert_eq!(passed, wanted, "{name} of {migrations}");
        }
    }
    world.plumb("parity run --period p nobody").code(1).says("no Migration with `compare` is named `nobody`");
    world
        .plumb("parity run --period p equal --only nothing")
        .code(1)
        .says("no output is named `nothing`")
        .says("there are equal");
}

#[test]
fn json_on_stdout_is_json_and_nothing_else() {
    let world = world();
    put(&world, "equal", true);
    put(&world, "differs", false);
    let one = world.plumb("parity run equal --period p --output json -vv").code(0);
    assert_eq!(one.json()["passed"], true);
    let both = world.plumb("parity run --period p --output json -v").code(2);
    let documents: Vec<Value> =
        serde_json::Deserializer::from_str(&both.out).into_iter().map(|document| document.unwrap()).collect();
    assert!(!documents.is_empty(), "{}", both.out);
}

#[test]
fn without_a_repository_it_compares_and_the_gate_counts_nothing() {
    let world = world();
    put(&world, "one", true);
    let plain = world.home().join("plain");
    std::fs::create_dir_all(&plain).unwrap();
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args(["plumb.yaml", "manifests", "data"].map(|name| world.dir().join(name)))
        .arg(&plain)
        .status();
    assert!(copied.unwrap().success());
    world.plumb_in(&plain, &["parity", "run", "--period", "p"]).code(0);
    let report: Value =
        serde_json::from_str(&std::fs::read_to_string(plain.join("evidence/one-p.json")).unwrap()).unwrap();
    assert_eq!((&report["passed"], &report["commit"]), (&true.into(), &Value::Null));
    world.plumb_in(&plain, &["parity", "status"]).says("void");
}

#[test]
fn a_line_of_json_that_is_none_has_no_verdict() {
    let world = world();
    put(&world, "one", true);
    let good = rows(30, "a");
    for bad in [
        "{\"id\": 31, \"na",
        "no json\n",
        "{\"id\": \"x\", \"name\": \"b\"}\n",
        "[1, 2]\n",
        "{\"id\": 99999999999999999999, \"name\": \"b\"}\n",
    ] {
        let mut text = good.clone();
        write!(text, "{bad}").unwrap();
        world.write("data/one/new/part.json", &text);
        let ran = world.plumb("parity run one --period p");
        assert_eq!(ran.code, 3, "{bad}: {}", ran.shown);
        assert_eq!(evidence(&world, "one").unwrap()["outputs"][0]["verdict"], "none", "{bad}");
    }
}
