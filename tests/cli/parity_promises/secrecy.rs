//! No value of a sensitive column is anywhere: not in what is shown, written, logged or said of a mistake.

use super::{evidence, json_output, migration, world, written};
use serde_json::json;
use std::fmt::Write as _;

/// A value of row `id` that is found wherever it is.
fn canary(id: u64) -> String {
    format!("CANARY{id:03}x@example.com")
}

#[test]
fn no_value_of_a_sensitive_column_is_seen_anywhere() {
    let world = world();
    let columns = "email: string, tax: bigint, born: date, balance: 'decimal(18,2)', tags: 'array<string>', \
                   about: 'struct<a:string>', prefs: 'map<string,string>', region: string";
    let sensitive = "        sensitive: [email, tax, born, balance, tags, about, prefs, region]\n";
    let rule = "        rules: [{column: balance, abs: 0.5, reason: cents}]\n";
    let outputs = [
        json_output("cells", columns, "id", &format!("{rule}{sensitive}")),
        json_output("keys", columns, "id, email", sensitive),
        json_output("bag", columns, "", sensitive),
    ];
    world.write("manifests/people.yaml", &migration("people", "    period: none\n", &outputs));
    let line = |id: u64, is_new: bool| {
        let shift = u64::from(is_new && id % 3 == 0);
        json!({
            "id": id, "email": format!("{}{}", canary(id), if shift == 1 { " " } else { "" }),
            "tax": 77_700_000_000_u64 + id + shift, "born": format!("1911-11-{:02}", id % 20 + 1 + shift),
            "balance": format!("{}.{}", 88_800_000 + id, 10 + 30 * shift + shift * (id % 2) * 40),
            "tags": [canary(id), if shift == 1 { "CANARYtag" } else { "b" }], "about": {"a": format!("{}{shift}", canary(id))},
            "prefs": {"CANARYkey": format!("{}{shift}", canary(id))}, "region": format!("CANARYregion{}", id % 4),
        })
    };
    for output in ["cells", "keys", "bag"] {
        for is_new in [false, true] {
            let mut text = String::new();
            for id in (1..60).filter(|id| !is_new || id % 4 != 2) {
                writeln!(text, "{}", line(id, is_new)).unwrap();
            }
            world.write(&format!("data/{output}/{}/part.json", if is_new { "new" } else { "old" }), &text);
        }
    }
    let mut said = String::new();
    for form in ["text", "markdown", "html", "json", "junit"] {
        let log = world.home().join(format!("{form}.log"));
        let log = log.to_str().unwrap();
        let ran =
            world.plumb_with(&["parity", "run", "people", "--period", "p", "--output", form, "-vv", "--log", log]);
        let ran = ran.code(2);
        said += &(ran.out + &ran.err);
        said += &std::fs::read_to_string(log).unwrap_or_default();
        let ran = world.plumb_with(&["parity", "report", "people", "--period", "p", "--output", form, "-vv"]).code(0);
        said += &(ran.out + &ran.err);
    }
    let ran = world.plumb("parity run people --period p --explain -vv").code(0);
    said += &(ran.out + &ran.err);
    said += &(world.plumb("parity status -vv").shown);
    for name in written(&world) {
        said += &world.read(&format!("evidence/{name}"));
    }
    for seen in ["CANARY", "777000000", "1911-11", "888000"] {
        let at = said.find(seen);
        assert!(at.is_none(), "{seen}: …{}…", &said[at.unwrap().saturating_sub(300)..at.unwrap() + 60]);
    }
    // The differences themselves are told.
    let report = evidence(&world, "people").unwrap();
    let cells = &report["outputs"][0]["differing_cells"];
    assert!(
        ["email", "tax", "born", "tags", "about", "prefs"].iter().all(|name| cells[*name].as_u64() > Some(9)),
        "{cells}"
    );
    assert_eq!(report["outputs"][0]["columns"][0]["sensitive"], true);
    assert!(said.contains("(masked"), "{said}");
}

#[test]
fn a_value_that_cannot_be_read_is_not_quoted() {
    let world = world();
    let side = |side: &str| {
        format!(
            "{{path: data/{side}, format: csv, csv: {{header: true}}, columns: {{id: bigint, email: string, tax: bigint}}}}"
        )
    };
    let output = format!(
        "      - name: people\n        old: {}\n        new: {}\n        keys: [id]\n        sensitive: [tax, email]\n",
        side("old"),
        side("new")
    );
    world.write("manifests/people.yaml", &migration("people", "    period: none\n", &[output]));
    world.write("data/old/part.csv", "id,email,tax\n1,CANARYmail,2\n");
    for broken in [
        "1,CANARYmail,CANARYtax\n",
        "1,\"CANARYmail,2\n",
        "1,CANARYmail\n",
        "1,CANARYmail,2,CANARYmore\n",
        "1,CANARY\u{0}x,2\n",
    ] {
        world.write("data/new/part.csv", &format!("id,email,tax\n{broken}"));
        let ran = world.plumb_with(&["parity", "run", "--period", "p", "-vv"]);
        let files: String = written(&world).iter().map(|name| world.read(&format!("evidence/{name}"))).collect();
        assert!(!ran.shown.contains("CANARY") && !files.contains("CANARY"), "{broken:?}: {}", ran.shown);
        assert_ne!(ran.code, 0, "{broken:?}: {}", ran.shown);
        // A NUL is a character, and the text another one than before.
        let verdict = if broken.contains('\u{0}') { "differs" } else { "none" };
        assert_eq!(evidence(&world, "people").unwrap()["outputs"][0]["verdict"], verdict, "{broken:?}: {}", ran.shown);
    }
}
