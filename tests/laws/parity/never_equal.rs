//! What is never equal: what is empty, cannot be read, breaks off, is gone or was changed meanwhile.

use super::tables::{shuffle, tables};
use super::{Lab, law, output, part, same, side, source};
use crate::duckdb_support;
use plumb::engines::files::{LocalSide, SideError};
use plumb_core::kinds::emr::compare::FileFormat;
use plumb_core::parity::result::Verdict;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn what_is_empty_is_never_equal() {
    let lab = Lab::start();
    law(30, tables(0..=2, 1), |table| {
        let mut empty = table.clone();
        empty.rows.clear();
        for (old, new, cause) in
            [(&empty, &empty, "nothing_compared"), (&empty, &table, "old_is_empty"), (&table, &empty, "new_is_empty")]
        {
            let result = lab.tables(old, new)?;
            same(cause, &(result.verdict, result.causes["rows"].as_str()), &(Verdict::None, cause))?;
        }
        // Where it is allowed, one side alone still differs.
        let mut output = output(&table);
        output["rows"] = json!({"min": 0});
        let result = lab.compare(&output, &lab.written(&table, 1), &lab.written(&empty, 1))?;
        same("allowed", &(result.verdict, result.only_old), &(Verdict::Differs, Some(table.rows.len() as u64)))
    });
}

#[test]
fn a_text_that_breaks_off_is_never_equal() {
    let lab = Lab::start();
    law(60, (tables(0..=2, 1), any::<u32>(), any::<bool>()), |(table, at, is_old)| {
        let text: String = table.rows.iter().map(|row| table.line(row)).collect();
        // Without its last line end alone a file is whole.
        let cut = 1 + at as usize % (text.len() - 1);
        let whole = lab.written(&table, 1);
        let broken = side(&table, vec![part(&lab.file(&text.as_bytes()[..text.len() - cut - 1], "json"))]);
        let (old, new) = if is_old { (&broken, &whole) } else { (&whole, &broken) };
        let result = lab.try_compare(&output(&table), old, new);
        same("is equal", &result.is_ok_and(|result| result.verdict == Verdict::Equal), &false)
    });
}

#[test]
fn a_parquet_file_that_breaks_off_or_is_gone_has_no_verdict() {
    let lab = Lab::start();
    let folder = lab.folder.path().canonicalize().unwrap();
    let path = folder.join("whole.parquet");
    let rows = "SELECT i AS id, 'name ' || i AS name, i / 7.0 AS score FROM range(3000) t(i)";
    duckdb_support::write(&format!("COPY ({rows}) TO '{}' (FORMAT parquet, ROW_GROUP_SIZE 1000)", path.display()));
    let bytes = std::fs::read(&path).unwrap();
    let output = json!({"name": "t", "old": {"path": "old"}, "new": {"path": "new"}, "keys": ["id"]});
    let parquet = |bytes: &[u8]| source(FileFormat::Parquet, vec![part(&lab.file(bytes, "parquet"))], Vec::new());
    let same_file = lab.compare(&output, &parquet(&bytes), &parquet(&bytes)).unwrap();
    assert_eq!(same_file.verdict, Verdict::Equal);
    law(60, (0..bytes.len(), any::<bool>()), |(length, is_old)| {
        let (whole, broken) = (parquet(&bytes), parquet(&bytes[..length]));
        let (old, new) = if is_old { (&broken, &whole) } else { (&whole, &broken) };
        let result = lab.compare(&output, old, new)?;
        let because = result.because.clone().unwrap_or_default();
        let side = if is_old { "old: " } else { "new: " };
        same("starts", &because.starts_with(side), &true)?;
        same(&because, &(result.verdict, result.causes["rows"].as_str()), &(Verdict::None, "unreadable"))
    });
    let gone = parquet(&bytes);
    for file in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    let result = lab.compare(&output, &parquet(&bytes), &gone).unwrap();
    assert_eq!((result.verdict, result.causes["rows"].as_str()), (Verdict::None, "unreadable"), "{result:?}");
}

#[test]
fn a_folder_that_was_changed_meanwhile_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    law(60, (1..5usize, 0..6u8, any::<u64>()), |(files, change, seed)| {
        let root = folder.path().join("side");
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir_all(root.join("day=1")).unwrap();
        let mut names: Vec<String> = (0..files).map(|i| format!("day=1/part-{i}.json")).collect();
        for name in &names {
            std::fs::write(root.join(name), format!("{{\"name\":\"{name}\"}}\n")).unwrap();
        }
        let done = Some("_SUCCESS".to_owned());
        std::fs::write(root.join("_SUCCESS"), "").unwrap();
        let local = LocalSide { source: "side".into(), path: root.clone(), format: FileFormat::Json, done };
        let pinned = local.pin().map_err(|error| error.to_string())?;
        local.repin(&pinned).map_err(|error| error.to_string())?;
        shuffle(&mut names, seed);
        let one = root.join(&names[0]);
        let text = std::fs::read(&one).unwrap();
        match change {
            0 => std::fs::remove_file(&one).unwrap(),
            1 => std::fs::write(&one, [&text[..], b"{}\n"].concat()).unwrap(),
            // The same bytes at another time: it was written again, and who knows what stood there in between.
            2 => std::fs::write(&one, &text).unwrap(),
            3 => std::fs::write(root.join("day=1/part-new.json"), "{}\n").unwrap(),
            4 => std::fs::remove_file(root.join("_SUCCESS")).unwrap(),
            _ => std::fs::rename(&one, root.join("day=1/part-5.json")).unwrap(),
        }
        match local.repin(&pinned) {
            Err(SideError::NoVerdict(fault)) => same("says", &fault.says.is_empty(), &false),
            other => Err(format!("change {change} of {}: {other:?}", names[0])),
        }
    });
}
