//! Every mistake of a comparison: its place, what is wrong, and how it is fixed.

#![allow(clippy::unwrap_used)]

use crate::kinds;
use plumb_model::yaml::{FileId, Files, Limits, Problem, Problems, parse};

/// A comparison without a mistake. What the tests edit stands on lines of its own.
const RIGHT: &str = r#"from: {emr: [EmrCluster/legacy]}
to: {jobs: [DatabricksJob/new]}
compare:
  period: month
  zone: Europe/London
  settles: 6h
  outputs:
    - name: segments
      old:
        path: s3://bau/agg/month={period}/
        format: csv
        done: _SUCCESS
        where: {month: "{period}"}
        csv: {header: true}
        columns:
          id: bigint
          amount: decimal(18,2)
          score: double
          cust_nm: string
          ts: timestamp
      new:
        path: out/{year}/{month}
        format: parquet
      keys: [id]
      rows: {min: 1, against: {previous: 40%}}
      map: {cust_nm: customer_name}
      ignore: [{column: load_ts, reason: time of the run}]
      rules: [{type: double, rel: 1e-9, reason: sums}]
      expect: [{column: amount, atMost: 5, until: 2026-12-31, reason: BUG-42}]
      sensitive: [email]
"#;

/// The mistakes of a spec: line, message and label.
fn told(spec: &str) -> Vec<String> {
    let mut files = Files::default();
    files.add("spec.yaml", spec);
    let mut problems = Problems::default();
    let node = parse(spec, FileId(0), &Limits::default(), &mut problems).remove(0);
    kinds::find("Migration").unwrap().read(&node, &mut problems, &mut Vec::new());
    let line = |p: &Problem| format!("{} {} ({})", p.span.map_or(0, |s| files.position(s).0), p.message, p.label);
    problems.sorted().iter().map(line).collect()
}

/// Edits [`RIGHT`], and expects exactly these mistakes, each given by its beginning and something of its label.
fn edited(edits: &[(&str, &str)], wanted: &[(&str, &str)]) {
    let spec = edits.iter().fold(RIGHT.to_owned(), |spec, (from, to)| {
        assert_eq!(spec.matches(from).count(), 1, "{from}");
        spec.replace(from, to)
    });
    let found = told(&spec);
    let fits = found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(found, (start, label))| found.starts_with(start) && found.contains(label));
    assert!(fits, "{edits:?}\nfound  {found:#?}\nwanted {wanted:#?}");
}

fn each(cases: &[(&str, &str, &str, &str)]) {
    for (from, to, start, label) in cases {
        let wanted = [(*start, *label)];
        edited(&[(from, to)], if start.is_empty() { &[] } else { &wanted });
    }
}

#[test]
fn what_is_right_is_told_nothing_of() {
    assert_eq!(told(RIGHT), [""; 0]);
    each(&[
        ("period: month", "period: day", "", ""),
        ("settles: 6h", "settles: 0s", "", ""),
        ("zone: Europe/London", "zone: UTC", "", ""),
        ("keys: [id]", "keys: []", "", ""),
        (
            "{header: true}",
            "{sep: \"\\t\", quote: \"\", escape: \"\\\"\", nullValue: NULL, encoding: iso-8859-1}",
            "",
            "",
        ),
        (
            "{month: \"{period}\"}",
            "{a: null, b: true, c: 7, d: {in: [a, 1]}, e: {ge: \"{start}\", lt: \"{end}\"}}",
            "",
            "",
        ),
        ("{type: double, rel: 1e-9,", "{column: score, abs: 0, rel: 0.5,", "", ""),
        ("{type: double, rel: 1e-9,", "{column: tags, order: any,", "", ""),
        ("{type: double, rel: 1e-9,", "{column: id2, trim: both, case: any, unicode: nfc, emptyIsNull: false,", "", ""),
        ("{type: double, rel: 1e-9,", "{column: ts, truncate: ms, zone: Europe/Berlin,", "", ""),
        ("{column: amount, atMost: 5,", "{rows: onlyOld, where: {id: {gt: 3}}, atMost: 5,", "", ""),
        // What is a secret or another manifest's value is not known yet.
        ("s3://bau/agg/month={period}/", "${env.OLD}/x", "", ""),
    ]);
}

#[test]
fn what_a_period_is() {
    each(&[
        ("Europe/London", "Europe/Londn", "5 there is no time zone `Europe/Londn`", "did you mean `Europe/London`?"),
        ("settles: 6h", "settles: soon", "6 `soon` is no duration", "expected one like `6h`"),
    ]);
    edited(&[("period: month", "period: week")], &[("22 `{month}` stands for nothing", "a week may be in two months")]);
    edited(
        &[("period: month", "period: none")],
        &[("22 `{year}` stands for nothing", "with `period: none` there is `{period}` alone")],
    );
}

#[test]
fn what_an_output_is_called() {
    let other = |name: &str| {
        format!(
            "    - name: {name}\n      old: {{path: a, format: parquet}}\n      new: {{path: b, format: parquet}}\n"
        )
    };
    for (name, says) in [
        ("SEGMENTS", "31 output `SEGMENTS` is there twice (outputs[0] has that name"),
        ("a/b", "31 `a/b` cannot stand in the name of a file"),
        ("../x", "31 `../x` cannot stand in the name of a file"),
        ("\"\"", "31 `` cannot stand in the name of a file"),
        ("ä", "31 `ä` cannot stand in the name of a file"),
    ] {
        let found = told(&format!("{RIGHT}{}", other(name)));
        assert!(found.len() == 1 && found[0].starts_with(says), "{name}: {found:?}");
    }
    let none = "from: {emr: [EmrCluster/legacy]}\nto: {jobs: [DatabricksJob/new]}\ncompare: {outputs: []}\n";
    assert_eq!(told(none), ["3 no output is named (name every data set that both pipelines write)"]);
}

#[test]
fn where_a_path_leads() {
    let path = "path: s3://bau/agg/month={period}/";
    each(
        &[
            (path, "path: s3://bau/{perod}/", "10 `{perod}` stands for nothing", "did you mean `{period}`?"),
            (path, "path: s3://bau/{period", "10 `{period` has no other end", "a name between"),
            (path, "path: a/../b", "10 `..` leads out of the folder", ""),
            (path, "path: s3://bau/*/x", "10 `*` is a wildcard", "name the folder"),
            (path, "path: \"s3://bau/x[0]\"", "10 `[` is a wildcard", "name the folder"),
            (path, "path: file:///data", "10 `file:` is not read", "write the local path itself"),
            (path, "path: dbfs:/mnt/x", "10 `dbfs:` is not read", "expected `s3://BUCKET/FOLDER/` or a local path"),
            (path, "path: abfss://a@b.net/x", "10 `abfss:` is not read", "expected `s3://"),
            (path, "path: s3a://bau/x", "10 `s3a://` is Hadoop's name for `s3://`", "write `s3://`"),
            (path, "path: s3://bau", "10 `s3://bau` names no folder of a bucket", ""),
            (path, "path: s3:///x", "10 `s3:///x` names no folder of a bucket", ""),
            (path, "path: ~/data", "10 `~` is not expanded", ""),
            (path, "path: \"\"", "10 the path is empty", ""),
            (path, "done: _DONE", "9 neither `path` nor `table` is given", "say where its rows are"),
            ("done: _SUCCESS", "done: a/_SUCCESS", "12 `a/_SUCCESS` is no name of a file", ""),
            ("done: _SUCCESS", "done: \"*\"", "12 `*` is no name of a file", ""),
        ][..13],
    );
    edited(&[("done: _SUCCESS", "done: a/_SUCCESS")], &[("12 `a/_SUCCESS` is no name of a file", "`_SUCCESS`")]);
    edited(&[("        path: s3://bau/agg/month={period}/\n", "")], &[("10 neither `path` nor `table` is given", "")]);
}

#[test]
fn how_files_are_written() {
    each(&[
        ("        format: parquet\n", "", "22 `format` is missing: it is never guessed", "`parquet`, `csv`"),
        ("format: parquet", "format: parquet\n        csv: {}", "24 `csv` is of `format: csv`", ""),
        ("format: parquet", "format: json", "22 `columns` is missing", "types are never guessed"),
        ("format: parquet", "format: delta\n        columns: {a: int}", "24 these files say the types", ""),
        (
            "id: bigint",
            "id: bigin",
            "16 the type of `id` cannot be read: `bigin` is no type of Spark SQL",
            "did you mean `bigint`?",
        ),
        (
            "id: bigint",
            "id: decimal(40,2)",
            "16 the type of `id` cannot be read: `decimal(40,2)` has no such digits",
            "",
        ),
        ("id: bigint", "id: array<int>", "16 CSV has no `array<int>`", ""),
        ("id: bigint", "AMOUNT: bigint", "17 `amount` is there twice", ""),
        ("{header: true}", "{sep: \";\", quote: \";\"}", "14 `sep` and `quote` are the same", ""),
        ("{header: true}", "{sep: '\\t'}", "14 this is a backslash and a `t`", "in double quotes"),
        ("{header: true}", "{sep: \"\"}", "14 nothing stands between the values", ""),
        ("{header: true}", "{sep: \"-----\"}", "14 5 bytes stand between the values", "DuckDB reads 4 at most"),
        ("{header: true}", "{quote: ab}", "14 `ab` is no single character", ""),
        ("{header: true}", "{escape: ä}", "14 `ä` is no single character", ""),
        ("{header: true}", "{encoding: UTF-16}", "14 DuckDB does not read `UTF-16`", "`UTF-16LE`"),
    ]);
}

#[test]
fn what_a_table_needs() {
    let new = "        path: out/{year}/{month}\n        format: parquet\n";
    let warehouse = ("settles: 6h", "warehouse: small");
    for (table, wanted) in [
        ("prod.bau.segments", &[][..]),
        ("bau.segments", &[("22 `bau.segments` is no table of Unity Catalog", "expected `CATALOG.SCHEMA.TABLE`")]),
        ("a.b.c.d", &[("22 `a.b.c.d` is no table", "")]),
        ("a..c", &[("22 `a..c` is no table", "")]),
        ("a.b.c d", &[("22 `a.b.c d` is no table", "")]),
        ("\"a.b.c_{period}\"", &[("22 the name of a table has no placeholders", "say by `where`")]),
    ] {
        edited(&[warehouse, (new, &format!("        table: {table}\n"))], wanted);
    }
    let table = (new, "        table: a.b.c\n");
    edited(&[table], &[("4 `warehouse` is missing", "a table is read by a SQL warehouse")]);
    edited(&[table, ("settles: 6h", "warehouse: \"\"")], &[("6 `warehouse` is missing", "")]);
    edited(
        &[
            warehouse,
            (
                new,
                "        table: a.b.c\n        format: delta\n        done: x\n        csv: {}\n        columns: {a: int}\n",
            ),
        ],
        &[
            ("23 `format` is of files", ""),
            ("24 `done` is of files", ""),
            ("25 `csv` is of files", ""),
            ("26 `columns` is of files", ""),
        ],
    );
    edited(
        &[warehouse, (new, "        table: a.b.c\n        path: x\n")],
        &[("22 `path` and `table` are both given", "")],
    );
    edited(&[("settles: 6h", "engine: duckdb"), table], &[("22 engine `duckdb` cannot read a table", "`auto`")]);
    edited(
        &[("settles: 6h", "engine: databricks")],
        &[
            ("4 `warehouse` is missing", "engine `databricks` is a SQL warehouse"),
            ("22 a SQL warehouse cannot read this local path", "use engine `duckdb`"),
        ],
    );
    let local = ("s3://bau/agg/month={period}/", "old/{period}");
    edited(&[warehouse, table, local], &[("10 a SQL warehouse cannot read this local path", "")]);
    let nfc = ("{type: double, rel: 1e-9,", "{type: string, unicode: nfc,");
    edited(&[warehouse, table, nfc], &[("27 a SQL warehouse cannot compose texts", "Spark SQL has no normal forms")]);
    // What only a warehouse reads.
    edited(&[warehouse, table, ("{header: true}", "{sep: \"-----\", encoding: UTF-16}")], &[]);
}

#[test]
fn a_where_is_no_sql() {
    let filter = "where: {month: \"{period}\"}";
    each(&[
        (filter, "where: {}", "13 this says nothing of any row", ""),
        (filter, "where: {month: [a, b]}", "13 a list is no condition", "`{in: […]}`"),
        (filter, "where: {month: {}}", "13 this is no condition", ""),
        (filter, "where: {month: {in: []}}", "13 no value is one of none", ""),
        (filter, "where: {month: {in: a}}", "13 this is no list", ""),
        (filter, "where: {month: {in: [null]}}", "13 this is no value", ""),
        (filter, "where: {month: {lt: null}}", "13 this has no order", ""),
        (filter, "where: {month: {lt: [1]}}", "13 this has no order", ""),
        (filter, "where: {month: {gte: 1}}", "13 there is no condition `gte`", "did you mean `ge`?"),
        (filter, "where: {month: {sql: 1 or 1}}", "13 there is no condition `sql`", "expected `in`, `lt`"),
        (filter, "where: {month: {lt: 1, le: 1}}", "13 two of these conditions say the same", ""),
        (filter, "where: {month: {in: [a], ge: b}}", "13 two of these conditions say the same", ""),
        (filter, "where: {month: \"{perod}\"}", "13 `{perod}` stands for nothing", "did you mean"),
        (filter, "where: {month: {in: [\"{x}\"]}}", "13 `{x}` stands for nothing", ""),
        (filter, "where: month = 1", "13 expected a mapping", ""),
    ]);
}

#[test]
fn which_columns_name_a_row() {
    each(&[
        ("keys: [id]", "keys: [id, ID]", "24 `ID` is there twice", ""),
        ("keys: [id]", "keys: [id, \"\"]", "24 this names no column", ""),
        ("keys: [id]", "keys: [load_ts]", "24 key `load_ts` is ignored as well", ""),
        ("keys: [id]", "keys: [cust_nm]", "24 `cust_nm` is called `customer_name` in `new`", ""),
        ("keys: [id]", "keys: [score]", "24 key `score` is a floating-point number", ""),
        ("{cust_nm: customer_name}", "{cust_nm: name, b: NAME}", "26 `b` and `cust_nm` both become `name`", ""),
        ("{cust_nm: customer_name}", "{a: A}", "26 `a` has the same name in `new`", ""),
        ("40%", "\"40\"", "25 `40` is no share", "expected one like `40%`"),
        ("40%", "-1%", "25 `-1%` is no share", ""),
        ("sensitive: [email]", "sensitive: [email, Email]", "30 `Email` is there twice", ""),
        ("sensitive: [email]", "sensitive: [\"\"]", "30 this names no column", ""),
        ("reason: time of the run", "reason: \" \"", "27 the reason is empty", "why is it not compared?"),
        ("[{column: load_ts, reason: time of the run}]", "[{column: load_ts}]", "27 missing field `reason`", ""),
    ]);
}

#[test]
fn what_counts_as_equal() {
    let rule = "{type: double, rel: 1e-9, reason: sums}";
    each(&[
        (rule, "{rel: 1e-9, reason: sums}", "28 this rule is about nothing", "add `column` or `type`"),
        (rule, "{type: double, column: score, rel: 1e-9, reason: sums}", "28 `column` and `type` are both given", ""),
        (rule, "{type: double, reason: sums}", "28 this rule has no effect", ""),
        (
            rule,
            "{type: double, rel: 1e-9, reason: \"\"}",
            "28 the reason is empty",
            "why does the difference not count?",
        ),
        (rule, "{type: double, rel: 1e-9}", "28 missing field `reason`", ""),
        (rule, "{type: double, abs: -1, reason: sums}", "28 `-1` is no tolerance", ""),
        (rule, "{type: double, abs: .nan, reason: sums}", "28 `NaN` is no tolerance", ""),
        (rule, "{type: double, rel: .inf, reason: sums}", "28 `inf` is no tolerance", ""),
        (rule, "{type: double, rel: 1, reason: sums}", "28 `rel: 1` allows everything", ""),
        (rule, "{type: decimal, scale: 39, reason: sums}", "28 39 places", "38 digits at most"),
        (
            rule,
            "{type: string, truncate: s, reason: x}",
            "28 `truncate` has no effect on string",
            "it is of: timestamp",
        ),
        (rule, "{type: double, trim: end, reason: x}", "28 `trim` has no effect on double", "it is of: string"),
        (rule, "{column: score, trim: end, reason: x}", "28 `trim` has no effect on double", ""),
        (rule, "{column: id2, trim: end, rel: 1e-9, reason: x}", "28 `trim` has no effect on what `rel` works on", ""),
        (rule, "{column: customer_name, rel: 1e-9, reason: x}", "28 `rel` has no effect on string", ""),
        (rule, "{column: cust_nm, trim: end, reason: x}", "28 `cust_nm` is called `customer_name` in `new`", ""),
        (rule, "{column: load_ts, truncate: s, reason: x}", "28 `load_ts` is ignored", ""),
        (rule, "{column: ts, zone: Mars/Base, reason: x}", "28 there is no time zone `Mars/Base`", ""),
        (rule, "{column: ts, truncate: hour, reason: x}", "28 unknown value `hour`", ""),
    ]);
    edited(
        &[("keys: [id]", "keys: [amount2]"), (rule, "{column: AMOUNT2, abs: 1, reason: x}")],
        &[("28 key `AMOUNT2` cannot have a tolerance", "rows are found by their keys")],
    );
}

#[test]
fn what_is_expected_to_differ() {
    let expected = "{column: amount, atMost: 5, until: 2026-12-31, reason: BUG-42}";
    each(&[
        (expected, "{atMost: 5, until: 2026-12-31, reason: x}", "29 what is expected to differ?", ""),
        (
            expected,
            "{column: a, rows: onlyNew, atMost: 5, until: 2026-12-31, reason: x}",
            "29 `column` and `rows` are both given",
            "",
        ),
        (expected, "{column: a, until: 2026-12-31, reason: x}", "29 missing field `atMost`", ""),
        (expected, "{column: a, atMost: 0, until: 2026-12-31, reason: x}", "29 nothing is expected", ""),
        (expected, "{column: a, atMost: 5, until: 2026-12, reason: x}", "29 `2026-12` is no day", ""),
        (expected, "{column: a, atMost: 5, until: 2026-02-30, reason: x}", "29 `2026-02-30` is no day", ""),
        (expected, "{column: a, atMost: 5, until: 2026-12-31, reason: \"\"}", "29 the reason is empty", ""),
        (expected, "{column: load_ts, atMost: 5, until: 2026-12-31, reason: x}", "29 `load_ts` is ignored", ""),
        (expected, "{column: id, atMost: 5, until: 2026-12-31, reason: x}", "29 key `id` cannot differ", ""),
        (
            expected,
            "{column: a, where: {r: [1]}, atMost: 5, until: 2026-12-31, reason: x}",
            "29 a list is no condition",
            "",
        ),
    ]);
}

#[test]
fn many_mistakes_are_told_at_once_and_nothing_that_only_follows() {
    // The format cannot be read, so nothing is said of what it needs; a key that is mistyped may be the missing one.
    edited(&[("format: csv", "format: cvs")], &[("11 ", "did you mean `csv`?")]);
    edited(
        &[("        format: parquet\n", "        formt: parquet\n")],
        &[("23 unknown field `formt`", "did you mean `format`?")],
    );
    edited(
        &[
            ("Europe/London", "Mars"),
            ("id: bigint", "id: big"),
            ("keys: [id]", "keys: [id, id]"),
            ("rel: 1e-9", "trim: end"),
        ],
        &[
            ("5 there is no time zone `Mars`", ""),
            ("16 the type of `id`", ""),
            ("24 `id` is there twice", ""),
            ("28 `trim` has no effect", ""),
        ],
    );
}
