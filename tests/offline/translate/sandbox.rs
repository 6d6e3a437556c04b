//! The manifests on the sandbox: they plan without an entry that is refused.

use super::cases::{PROJECT, files, translated, written};
use serde_json::Value;
use std::process::Command;

#[test]
fn every_case_plans_on_the_sandbox() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("plumb.yaml"), PROJECT).unwrap();
    let (mut count, mut jobs) = (0, 0);
    for case in files("clusters").into_values() {
        for (file, text) in written(&translated(&case)) {
            let path = folder.path().join("manifests").join(&file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            assert!(!path.exists(), "two cases write {file}");
            std::fs::write(path, text).unwrap();
            count += 1;
            jobs += usize::from(file.starts_with("DatabricksJob/"));
        }
    }
    assert!(jobs >= 25, "{jobs} jobs");
    let plumb = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        let output = command.env_clear().current_dir(folder.path()).args(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert!(output.status.success(), "{args:?}: {}\n{}", text(output.stderr), text(output.stdout));
        text(output.stdout)
    };
    plumb(&["validate"]);
    let plan: Value = serde_json::from_str(&plumb(&["plan", "--output", "json"])).unwrap();
    let blocked = plan["blocked"].as_array().unwrap();
    assert!(blocked.is_empty(), "{blocked:#?}");
    assert_eq!(plan["changes"].as_array().unwrap().len(), count);
}
