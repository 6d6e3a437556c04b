//! What a comparison counts, whatever the tables are.

use super::tables::{Cell, Column, Of, Rule, Table, edits, shuffle, tables};
use super::{Lab, counts, law, output, part, same, side};
use plumb::engines::compare::SideSource;
use plumb_core::parity::result::{OutputResult, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn a_table_equals_itself() {
    let lab = Lab::start();
    law(100, tables(0..=2, 1), |table| {
        let result = lab.tables(&table, &table)?;
        let rows = Some(table.rows.len() as u64);
        same("verdict", &result.verdict, &Verdict::Equal)?;
        same("matched", &(result.matched, result.only_old, result.only_new), &(rows, Some(0), Some(0)))
    });
}

#[test]
fn order_means_nothing() {
    let lab = Lab::start();
    law(50, (tables(0..=2, 1), edits(), any::<u64>(), 1..4usize), |(old, edits, seed, files)| {
        let new = old.edited(&edits);
        let result = lab.tables(&old, &new)?;
        let (mut old, mut new) = (mixed(&old, seed), mixed(&new, seed / 3));
        // Entries of maps in another order, zeros of the other sign: on one side.
        new.rows.iter_mut().flatten().for_each(Cell::write_otherwise);
        let sides = (lab.written(&old, files), lab.written(&new, 4 - files));
        let again = lab.compare(&output(&old), &sides.0, &sides.1)?;
        same("mixed", &counts(&again), &counts(&result))?;
        same("causes", &again.causes, &result.causes)?;
        // Columns in another order, on one side.
        shuffle_columns(&mut old, seed / 7);
        new.rows.reverse();
        let again = lab.tables(&old, &new)?;
        same("columns", &counts(&again), &counts(&result))
    });
}

/// The rows in another order.
fn mixed(table: &Table, seed: u64) -> Table {
    let mut table = table.clone();
    shuffle(&mut table.rows, seed);
    table
}

fn shuffle_columns(table: &mut Table, seed: u64) {
    let mut order: Vec<usize> = (table.keys..table.columns.len()).collect();
    shuffle(&mut order, seed);
    let order: Vec<usize> = (0..table.keys).chain(order).collect();
    table.columns = order.iter().map(|i| table.columns[*i].clone()).collect();
    for row in &mut table.rows {
        *row = order.iter().map(|i| row[*i].clone()).collect();
    }
}

#[test]
fn each_change_is_one_cell() {
    let lab = Lab::start();
    let changes = prop::collection::vec(any::<(u8, u8, u8)>(), 0..=8);
    law(100, (tables(1..=2, 1), changes, any::<u8>()), |(old, changes, seed)| {
        let old = old.with_unique_keys();
        // What its rule calls the same is in the other cells.
        let mut new = old.alike(seed);
        let mut wanted = BTreeMap::new();
        let mut done = Vec::new();
        for (row, column, pick) in changes {
            let cells = old.columns.len() - old.keys;
            let (row, column) = (usize::from(row) % old.rows.len(), usize::from(column) % cells);
            if !done.contains(&(row, column)) {
                new.rows[row][old.keys + column] = old.rows[row][old.keys + column].clone();
                new.change(row, column, pick);
                done.push((row, column));
                *wanted.entry(old.columns[old.keys + column].name.clone()).or_insert(0) += 1u64;
            }
        }
        let result = lab.tables(&old, &new)?;
        same("cells", &result.differing_cells, &wanted)?;
        same("rows", &(result.only_old, result.only_new), &(Some(0), Some(0)))?;
        let mut rows: Vec<usize> = done.iter().map(|(row, _)| *row).collect();
        rows.sort_unstable();
        rows.dedup();
        same("differing rows", &result.differing_rows, &Some(rows.len() as u64))?;
        same("is equal", &(result.verdict == Verdict::Equal), &done.is_empty())
    });
}

#[test]
fn one_changed_row_of_a_key_that_occurs_often_is_found() {
    let lab = Lab::start();
    law(80, (tables(1..=2, 2), any::<u8>(), any::<(u8, u8)>()), |(mut old, row, (column, pick))| {
        let at = usize::from(row) % old.rows.len();
        // Half of the rows have one key.
        let key = old.rows[at][..old.keys].to_vec();
        let keys = old.keys;
        for row in old.rows.iter_mut().step_by(2) {
            row[..keys].clone_from_slice(&key);
        }
        let mut new = old.clone();
        new.change(at, usize::from(column), pick);
        let name = &old.columns[keys + usize::from(column) % (old.columns.len() - keys)].name;
        let result = lab.tables(&old, &new)?;
        same("rows", &(result.only_old, result.only_new, result.differing_rows), &(Some(0), Some(0), Some(1)))?;
        same("cells", &result.differing_cells, &BTreeMap::from([(name.clone(), 1)]))
    });
}

#[test]
fn sides_that_are_exchanged_mirror_everything() {
    let lab = Lab::start();
    law(70, (tables(0..=2, 1), edits()), |(old, edits)| {
        let new = old.edited(&edits);
        let there = lab.tables(&old, &new)?;
        let back = lab.tables(&new, &old)?;
        alike("mirrored", &mirrored(&back), &seen(&there))
    });
}

/// Fails with the members that are not the same.
fn alike(what: &str, found: &Value, wanted: &Value) -> Result<(), String> {
    for (name, value) in wanted.as_object().unwrap() {
        same(&format!("{what}, {name}"), &found[name].to_string(), &value.to_string())?;
    }
    Ok(())
}

/// What has a direction, and what has none.
fn seen(result: &OutputResult) -> Value {
    let columns: BTreeMap<&str, Value> = result
        .columns
        .iter()
        .map(|column| {
            let mut examples: Vec<Value> = column.examples.iter().map(|e| json!([e.key, e.old, e.new])).collect();
            examples.sort_by_key(Value::to_string);
            let bins = column.histogram.as_ref().map(|h| json!([h.from, h.to, h.old, h.new]));
            (column.name.as_str(), json!({"examples": examples, "differing": column.differing, "bins": bins}))
        })
        .collect();
    let mut rows: Vec<Value> = result.row_examples.iter().map(|e| json!([e.only_in, e.key])).collect();
    rows.sort_by_key(Value::to_string);
    let spread: Vec<Value> = result
        .spread
        .iter()
        .map(|spread| {
            let parts = spread.parts.iter().map(|p| json!([p.value, p.rows, p.only_old, p.only_new, p.differing]));
            let mut parts: Vec<Value> = parts.collect();
            parts.sort_by_key(Value::to_string);
            json!([spread.by, parts])
        })
        .collect();
    // A cell that differs counts for its value in old.
    let spread = if result.differing_cells.is_empty() { spread } else { Vec::new() };
    json!({"counts": counts(result), "columns": columns, "rows": rows, "causes": result.causes, "spread": spread,
        "same_rows": result.same_rows})
}

/// The same, of the exchanged sides.
fn mirrored(result: &OutputResult) -> Value {
    let mut result = result.clone();
    std::mem::swap(&mut result.only_old, &mut result.only_new);
    for cause in result.causes.values_mut() {
        let other = match cause.as_str() {
            "value_to_null" => "null_to_value",
            "null_to_value" => "value_to_null",
            "old_is_empty" => "new_is_empty",
            "new_is_empty" => "old_is_empty",
            same => same,
        };
        *cause = other.to_owned();
    }
    for column in &mut result.columns {
        for example in &mut column.examples {
            std::mem::swap(&mut example.old, &mut example.new);
        }
        if let Some(histogram) = &mut column.histogram {
            std::mem::swap(&mut histogram.old, &mut histogram.new);
        }
    }
    for example in &mut result.row_examples {
        example.only_in = if example.only_in == "old" { "new" } else { "old" }.to_owned();
    }
    for part in result.spread.iter_mut().flat_map(|spread| &mut spread.parts) {
        std::mem::swap(&mut part.only_old, &mut part.only_new);
    }
    seen(&result)
}

#[test]
fn a_row_more_is_one_row_more() {
    let lab = Lab::start();
    law(80, (tables(0..=2, 2), any::<u8>(), any::<bool>()), |(table, at, is_twice)| {
        let mut more = table.clone();
        let mut less = table;
        let at = usize::from(at) % less.rows.len();
        if is_twice {
            more.rows.push(more.rows[at].clone());
        } else {
            less.rows.remove(at);
        }
        let rows = |result: &OutputResult| (result.only_old, result.only_new, result.differing_rows);
        let result = lab.tables(&more, &less)?;
        same("more in old", &rows(&result), &(Some(1), Some(0), Some(0)))?;
        same("verdict", &result.verdict, &Verdict::Differs)?;
        let result = lab.tables(&less, &more)?;
        same("more in new", &rows(&result), &(Some(0), Some(1), Some(0)))
    });
}

#[test]
fn a_looser_tolerance_never_finds_more() {
    let lab = Lab::start();
    let rules = (any::<bool>(), 0..4usize, 0..4usize);
    law(70, (tables(0..=2, 1), edits(), rules), |(old, edits, (is_abs, a, b))| {
        let new = old.edited(&edits);
        let sizes = [1e-12, 1e-9, 0.5, 1e300];
        let results = [a.min(b), a.max(b)].map(|size| {
            let mut old = old.clone();
            for column in old.columns.iter_mut().skip(old.keys.max(1)) {
                if matches!(column.of, Of::Double | Of::Decimal) {
                    column.rule = if is_abs { Rule::Abs(sizes[size]) } else { Rule::Rel(sizes[size].min(1.0)) };
                }
            }
            lab.tables(&old, &new)
        });
        let [tight, loose] = results;
        let (tight, loose) = (tight?, loose?);
        if tight.verdict == Verdict::Equal {
            same("looser", &loose.verdict, &Verdict::Equal)?;
        }
        for (name, cells) in &loose.differing_cells {
            if cells > tight.differing_cells.get(name).unwrap_or(&0) {
                return Err(format!("{name}: {cells} differ, and of the tighter {:?}", tight.differing_cells));
            }
        }
        same("rows", &(loose.only_old, loose.only_new), &(tight.only_old, tight.only_new))
    });
}

#[test]
fn the_bound_of_a_tolerance_counts() {
    let lab = Lab::start();
    for of in [Of::Double, Of::Decimal] {
        for (a, b, rule, is_equal) in [
            ("0.0", "0.5", Rule::Abs(0.5), true),
            ("0.0", "-0.5", Rule::Abs(0.5), true),
            ("0.0", "0.5", Rule::Abs(0.25), false),
            ("1.0", "2.0", Rule::Rel(0.5), true),
            ("-1.0", "-2.0", Rule::Rel(0.5), true),
            ("1.0", "2.0", Rule::Rel(0.4375), false),
            ("1.0", "1.5", Rule::Exact, false),
        ] {
            let columns =
                [(Of::Int, Rule::Exact), (of, rule)].map(|(of, rule)| Column { name: format!("{of:?}"), of, rule });
            let table = |value: &str| {
                // A decimal stands in quotes, or DuckDB would read it through a double.
                let value = if of == Of::Decimal { format!("\"{value}\"") } else { value.to_owned() };
                let row = ["1".to_owned(), value].map(Cell::Token).to_vec();
                Table { columns: columns.to_vec(), keys: 1, rows: vec![row] }
            };
            let found = [lab.tables(&table(a), &table(b)), lab.tables(&table(b), &table(a))];
            let found = found.map(|result| result.unwrap().verdict == Verdict::Equal);
            assert_eq!(found, [is_equal; 2], "{of:?}: {a} and {b} by {rule:?}");
        }
    }
}

#[test]
fn the_parts_of_an_output_add_up() {
    let lab = Lab::start();
    law(40, (tables(0..=2, 1), edits()), |(old, edits)| {
        let new = old.edited(&edits);
        let whole = lab.tables(&old, &new)?;
        let mut sums = BTreeMap::new();
        for value in ["a/b", "null"] {
            let mut output = output(&old);
            output["rows"] = json!({"min": 0});
            for side in ["old", "new"] {
                output[side]["where"] = json!({"part": if value == "null" { Value::Null } else { json!(value) }});
            }
            let (old, new) = (parts(&lab, &old), parts(&lab, &new));
            add(&mut sums, &lab.compare(&output, &old, &new)?)?;
        }
        let mut wanted = BTreeMap::new();
        add(&mut wanted, &whole)?;
        same("sums", &sums, &wanted)
    });
}

/// A table in two partitions, by its first column: one of null.
fn parts(lab: &Lab, table: &Table) -> SideSource {
    let mut texts = [String::new(), String::new()];
    for row in &table.rows {
        let text = format!("{:?}", row[0]);
        texts[text.bytes().map(usize::from).sum::<usize>() % 2].push_str(&table.line(row));
    }
    let files = texts.iter().zip([Some("a/b"), None]).map(|(text, value)| {
        let mut file = part(&lab.file(text.as_bytes(), "json"));
        file.partitions = vec![("part".to_owned(), value.map(str::to_owned))];
        file
    });
    side(table, files.collect())
}

/// Adds what was counted.
fn add(sums: &mut BTreeMap<String, u64>, result: &OutputResult) -> Result<(), String> {
    let mut put = |name: &str, count: Option<u64>| match count {
        Some(count) => {
            *sums.entry(name.to_owned()).or_insert(0) += count;
            Ok(())
        }
        None => Err(format!("{name} is not known: {:?}", result.because)),
    };
    put("matched", result.matched)?;
    put("only_old", result.only_old)?;
    put("only_new", result.only_new)?;
    put("differing_rows", result.differing_rows)?;
    result.differing_cells.iter().try_for_each(|(name, cells)| put(name, Some(*cells)))
}
