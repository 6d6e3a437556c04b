use super::super::probe::{PLAIN, SECRETS};
use super::super::{find, in_text, places};
use super::*;
use plumb_model::yaml::{FileId, Files, Limits, Problems, parse};
use proptest::prelude::*;

/// Whether something is found in a text when all of it is read: as it is written, and as it reads.
fn holds(text: &str) -> bool {
    let documents = parse(text, FileId(0), &Limits::default(), &mut Problems::default());
    !in_text(text).is_empty() || documents.iter().any(|document| !find("", &document.to_json()).is_empty())
}

/// The ways in which arguments stand in a manifest, each a text.
fn written(arguments: &[&str]) -> Vec<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let escaped = |text: &str| serde_json::to_string(text).unwrap();
    let all = |of: &dyn Fn(&str) -> String, sign: &str| arguments.iter().map(|a| of(a)).collect::<Vec<_>>().join(sign);
    let line = arguments.join(" ");
    let mut texts = vec![
        format!("a:\n  - {}\n", all(&quoted, "\n  - ")),
        format!("a: [{}]\n", all(&quoted, ", ")),
        format!("a: [{}]\n", all(&escaped, ",")),
        format!("{{\"a\":{}}}\n", escaped(&line)),
        format!("a: {}\n", quoted(&line)),
        format!("a: |-\n  {}\n", line.replace('\n', "\n  ")),
        format!("a: >-\n  {}\n", line.replace(' ', "\n  ")),
        format!("a: {line}\n"),
        format!("- {}\n", arguments.join("\n- ")),
        format!("a: [{}]\n", arguments.join(",")),
    ];
    if let [name, value] = arguments {
        texts.extend([
            format!("{name}: {value}\n"),
            format!("{}: {}\n", quoted(name), quoted(value)),
            format!("{{\"{name}\":{value}}}\n"),
            format!("a: [{{name: {name}, default: {value}}}]\n"),
            format!("? {name}\n: {value}\n"),
        ]);
    }
    texts
}

#[test]
fn whatever_holds_a_secret_is_looked_at() {
    let (mut held, mut overlooked) = (0, Vec::new());
    for arguments in SECRETS.iter().map(|(arguments, ..)| *arguments).chain(PLAIN) {
        for text in written(arguments) {
            held += usize::from(holds(&text));
            if holds(&text) && !Glance::default().may_hold(&text) {
                overlooked.push(text);
            }
        }
    }
    assert!(held > 800, "{held}");
    assert!(overlooked.is_empty(), "{}", overlooked.join("\n---\n"));
}

#[test]
fn a_job_as_most_are_is_not_read_again() {
    let text = "kind: DatabricksJob\nspec:\n  tasks:\n    - task_key: a\n      job_cluster_key: main\n      \
                depends_on: [{task_key: b}]\n      notebook_task: {notebook_path: /Shared/Etl/read_2024-05-01}\n      \
                notebook_params: {table: analytics.daily_orders_by_country, url: s3://acme-lake/raw/2024/}\n";
    let mut glance = Glance::default();
    assert!(super::super::names::may_name(text) && !glance.may_hold(text));
    // Each word is thought about once.
    let known = glance.harmless.len();
    assert!(["task_key", "job_cluster_key", "tasks"].iter().all(|word| glance.harmless.contains(word)));
    assert!(!glance.may_hold(text) && glance.harmless.len() == known);
    let mut files = Files::default();
    let ids: Vec<FileId> = (0..3).map(|n| files.add(format!("{n}"), text)).collect();
    assert!(places(&files, ids).is_empty());
}

#[test]
fn a_word_of_equals_signs_is_walked_through_once() {
    assert!(Glance::default().may_hold(&"a=".repeat(1_000_000)));
}

/// Pieces of texts in which secrets stand, and of what is around them.
const PIECES: [&str; 46] = [
    "password",
    "key",
    "api",
    "use",
    "sort",
    "pass",
    "word",
    "token",
    "prod",
    "no",
    "name",
    "default",
    "value",
    "id",
    "fs.azure",
    "account",
    "curl",
    "mysql",
    "-phunter2",
    "sshpass",
    "-p",
    "-u",
    "etl:hunter2",
    "Bearer",
    "basic",
    "sig",
    "?",
    "&",
    "=",
    "://",
    "@",
    ":",
    ": ",
    " ",
    "\n  ",
    ", ",
    "'",
    "\"",
    "-",
    ".",
    "/",
    "q9X2vLr7Tz0BmK4sWc8YhN3pJd6f",
    "9f86d081884c7d659a2feaa0c55ad015",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghij0123456789abcdef",
    "eyJ1c2VyIjogImV0bCIsICJwYXNzd29yZCI6ICJodW50ZXIyIn0=",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_is_overlooked(
        pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 1..14),
        around in prop::sample::select(&[("a: ", "\n"), ("a: '", "'\n"), ("a: \"", "\"\n"), ("a: [", "]\n"), ("a: {", "}\n"),
            ("a: >-\n  ", "\n"), ("", "\n"), ("- ", ": x9-Zr_0aQ\n")][..]),
    ) {
        let text = format!("{}{}{}", around.0, pieces.concat(), around.1);
        prop_assert!(Glance::default().may_hold(&text) || !holds(&text), "{}", text);
    }
}
