//! `plumb emr inventory` of a seeded account.

use super::moto::moto;
use super::seed::{SECRETS, account};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const REGION: &str = "eu-central-1";

/// Runs the binary in a project whose target has this `emr`.
fn plumb(emr: &str, args: &[&str], changes: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let project = format!(
        "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: demo}}\nspec:\n  targets:\n    prod: {{default: true{emr}}}\n"
    );
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    std::fs::write(folder.path().join("plumb.yaml"), project).unwrap();
    let mut environment = moto().environment();
    environment.insert("AWS_ACCESS_KEY_ID".into(), moto().told["EMR_KEY"].clone());
    environment.insert("AWS_SECRET_ACCESS_KEY".into(), moto().told["EMR_SECRET"].clone());
    environment.remove("AWS_DEFAULT_REGION");
    environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.env_clear().envs(environment).env("HOME", folder.path()).current_dir(folder.path());
    command.args(["emr", "inventory"]).args(args).output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    (String::from_utf8(output.stdout.clone()).unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

/// What differs from run to run made the same: ids, and times that moto sets by itself.
fn same(text: &str, ids: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (id, name) in ids {
        text = text.replace(id, name);
    }
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find(&today) {
        let end = rest[at..].find(['"', '\n', ',']).map_or(rest.len(), |end| at + end);
        let zone = if rest[..end].ends_with("UTC") { " UTC" } else { "" };
        out.push_str(&rest[..at]);
        out.push_str(&format!("NOW{zone}"));
        rest = &rest[end..];
    }
    out + rest
}

fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/emr/golden").join(name);
    if std::env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(path, text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(known.as_str(), text);
    assert!(known == text, "{} differs:\n{}", path.display(), diff.unified_diff());
}

/// What the text says of pipelines, without what a translation makes of them and what depends on the day.
fn blocks(text: &str) -> String {
    let mut is_light = false;
    let mut out = String::new();
    for line in text.lines().skip_while(|line| !line.starts_with("# ")) {
        is_light = line.starts_with("  light ")
            || is_light && !["  named ", "  id "].iter().any(|next| line.starts_with(next));
        if !is_light {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// What was found, without what follows from it.
fn found(json: &str) -> String {
    format!("{}\n}}\n", json.split(",\n  \"totals\": {").next().unwrap())
}

#[test]
fn of_six_monthly_pipelines() {
    let ids = account(REGION);
    let emr = format!(", emr: {{region: {REGION}, account: \"123456789012\"}}");
    let run = |args: &[&str]| {
        let done = plumb(&emr, args, &[]);
        let (out, err) = said(&done);
        assert!(done.status.success(), "{err}");
        for secret in SECRETS {
            assert!(!out.contains(secret) && !err.contains(secret), "{secret} is shown:\n{out}{err}");
        }
        out
    };
    let text = run(&[]);
    assert!(!text.contains('\u{1b}'), "{text}");
    golden("inventory.txt", &same(&blocks(&text), &ids));
    let json = run(&["--output", "json"]);
    golden("inventory.json", &same(&found(&json), &ids));
    let read: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(read["pipelines"].as_array().unwrap().len(), 6);
    assert_eq!(read["clusters"], 16);
    let ranked = read["ranking"].as_array().unwrap();
    assert!(ranked.iter().all(|row| row["light"]["says"].is_string() && row["wave"].as_u64() > Some(0)), "{ranked:?}");
    let html = run(&["--output", "html"]);
    for row in ranked {
        let (name, light) = (row["name"].as_str().unwrap(), row["light"]["says"].as_str().unwrap());
        assert!(html.contains(&format!("<bdi>{name}</bdi>")) && html.contains(light) && text.contains(light), "{name}");
    }
    for active in ["<script src", "<img", "onerror=alert(1)>", "http://", "https://"] {
        assert!(!html.contains(active), "{active}");
    }
    // Only the last month.
    let late: Value = serde_json::from_str(&run(&["--since", "2026-10-01", "--output", "json"])).unwrap();
    assert_eq!(late["clusters"], 5);
    assert_eq!(late["since"], "2026-10-01T00:00:00Z");
}

#[test]
fn to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("emr.html");
    let done = plumb(", emr: {region: eu-north-1}", &["--output", "html", "--out", path.to_str().unwrap()], &[]);
    let (out, err) = said(&done);
    assert!(done.status.success() && out.is_empty() && err.contains("wrote"), "{out}{err}");
    assert!(std::fs::read_to_string(path).unwrap().starts_with("<!DOCTYPE html>"));
    assert!(err.contains("answers are missing"), "{err}");
}

#[test]
fn refusals_say_what_to_do_and_what_was_not_done() {
    let emr = ", emr: {region: eu-north-1, account: \"123456789012\"}";
    let wrong = "wrongwrongwrongwrongwrongwrongwrongwrong";
    for (emr, args, changes, code, says) in [
        (emr, &[][..], &[("AWS_SECRET_ACCESS_KEY", wrong)][..], 1, "does not fit the access key"),
        (", emr: {region: eu-north-1, account: \"999999999999\"}", &[], &[], 1, "fix `emr.account` of the target"),
        (", emr: {account: \"123456789012\"}", &[], &[], 1, "set AWS_REGION"),
        (", emr: {region: eu-north-1, account: \"1\"}", &[], &[], 1, "expected the twelve digits of an account"),
        (", airflow: {}", &[], &[], 1, "the target prod has no EMR; nothing was sent"),
        (emr, &["--since", "yesterday"], &[], 64, "invalid value 'yesterday' for '--since <DATE>'"),
        (emr, &[], &[("AWS_ENDPOINT_URL_EMR", "127.0.0.1")], 1, "AWS_ENDPOINT_URL_EMR"),
    ] {
        let done = plumb(emr, args, changes);
        let (out, err) = said(&done);
        assert!(done.status.code() == Some(code) && out.is_empty() && err.contains(says), "{says}: {out}{err}");
        assert!(!err.contains(wrong), "{err}");
    }
}
