//! What a user reads says it in today's words: no document, no help and no message has a word that was retired.

use std::path::{Path, PathBuf};

/// What is not said any more: the words as a reader would find them, and what to write.
const RETIRED: [(&str, &str); 31] = [
    ("anew", "again, or recreate"),
    ("mend", "fix"),
    ("mends", "fixes"),
    ("mended", "fixed"),
    ("mending", "fixing"),
    ("ladder", "teardown"),
    ("ladders", "teardowns"),
    ("rung", "teardown stage"),
    ("rungs", "teardown stages"),
    ("second key", "`--allow-teardown`"),
    ("as it should be", "up to date"),
    ("as they should be", "up to date"),
    ("took down", "terminated, or deleted"),
    ("take down", "terminate, or delete"),
    ("takes down", "terminates, or deletes"),
    ("taken down", "terminated, or deleted"),
    ("taking down", "terminating, or deleting"),
    ("taking EMR down", "EMR teardown"),
    ("goes down", "moves to the next teardown stage"),
    ("climbs", "moves to an earlier teardown stage"),
    ("look well", "check"),
    ("looks well", "checks"),
    ("is asked for", "is wanted"),
    ("are asked for", "are wanted"),
    ("has come", "is reached"),
    ("have come", "are reached"),
    ("whom it belongs to", "its owner"),
    ("whom they belong to", "their owner"),
    ("what an account has of EMR", "EMR inventory"),
    ("nothing is live", "not live"),
    ("nothing of it is live", "it is not live"),
];
/// Documents; of a folder, its Markdown files.
const DOCUMENTS: [&str; 5] = ["README.md", "docs", "CHANGELOG.md", "STYLE.md", "CONTRIBUTING.md"];
/// The help of every command.
const HELP: &str = "tests/cli/help";
/// Sources whose string literals are shown.
const SHOWN: [&str; 4] = ["crates/plumb-core/src", "src/ui", "src/cli", "src/ci"];

/// A word that is not said any more, with what to write, where it stands and what stands around it.
fn retired(path: &str, text: &str) -> Vec<String> {
    // A phrase may be broken over two lines.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let lower = text.to_ascii_lowercase();
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (word, instead) in RETIRED {
        for (at, _) in lower.match_indices(&word.to_ascii_lowercase()) {
            let end = at + word.len();
            if lower[..at].chars().next_back().is_some_and(is_part) || lower[end..].chars().next().is_some_and(is_part)
            {
                continue;
            }
            let before: String = text[..at].chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
            let after: String = text[end..].chars().take(30).collect();
            found.push(format!("{path}: `{word}` (write: {instead}): …{before}{}{after}…", &text[at..end]));
        }
    }
    found
}

/// The string literals of a source without its tests, one a line.
fn literals(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    // Members of JSON keep the names that programs read.
    let is_member = |line: &&str| line.trim_start().starts_with("#[serde(");
    let source: String = source.lines().filter(|line| !is_member(line)).map(|line| format!("{line}\n")).collect();
    let mut out = String::new();
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' if chars.peek() == Some(&'/') => while chars.next().is_some_and(|c| c != '\n') {},
            // A quotation mark as a character is no string.
            '\'' if chars.peek() == Some(&'"') => {
                chars.next();
            }
            '\'' if chars.peek() == Some(&'\\') => {
                chars.nth(1);
            }
            '"' => {
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    match (c, (c == '\\').then(|| chars.next()).flatten()) {
                        // A line that goes on below, and signs that are no letters.
                        (_, Some(escaped)) if escaped.is_alphabetic() || escaped == '\n' => out.push(' '),
                        (_, Some(escaped)) => out.push(escaped),
                        (plain, None) => out.push(plain),
                    }
                }
                // Two literals make no phrase together.
                out.push_str(" | ");
            }
            _ => {}
        }
    }
    out
}

/// A document without what quotes bad words: the examples of the style guide are rows of a table.
fn prose(path: &str, text: &str) -> String {
    let is_example = |line: &str| path == "STYLE.md" && line.starts_with('|');
    text.lines().filter(|line| !is_example(line)).collect::<Vec<_>>().join("\n")
}

/// The files with an ending at or below a path, by their names from the root.
fn files(path: &str, ending: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut left) = (Vec::new(), vec![PathBuf::from(path)]);
    while let Some(path) = left.pop() {
        if root.join(&path).is_dir() {
            let entries = std::fs::read_dir(root.join(&path)).unwrap();
            left.extend(entries.map(|entry| path.join(entry.unwrap().file_name())));
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path.to_str().unwrap().replace('\\', "/"));
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{path}: no file ends with .{ending}");
    found
}

#[test]
fn retired_words_are_not_shown() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &String| std::fs::read_to_string(root.join(path)).unwrap();
    let mut found = Vec::new();
    for path in DOCUMENTS.iter().flat_map(|path| files(path, "md")) {
        found.push((path.clone(), prose(&path, &read(&path))));
    }
    found.extend(files(HELP, "txt").into_iter().map(|path| (path.clone(), read(&path))));
    let is_test = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
    let sources = SHOWN.iter().flat_map(|path| files(path, "rs")).filter(|path| !is_test(path));
    found.extend(sources.map(|path| (path.clone(), literals(&read(&path)))));
    let faults: Vec<String> = found.iter().flat_map(|(path, text)| retired(path, text)).collect();
    assert!(faults.is_empty(), "{} retired words\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn a_retired_word_is_found_wherever_it_is_shown() {
    let count = |text: &str| retired("x.md", text).len();
    assert_eq!(count("Plans Anew, and applies."), 1);
    assert_eq!(count("It gives the second\n  key."), 1);
    assert_eq!(count("No change. 3 resources are as they should be."), 1);
    assert_eq!(count("amend, rungs_left, anewly, a recommendation"), 0);
    assert_eq!(count("– anew –"), 1);
    // Of a source, what is shown; comments and tests may say what they like.
    let shown = |source: &str| retired("x.rs", &literals(source)).len();
    assert_eq!(shown("let text = \"mend it\";"), 1);
    assert_eq!(shown("let quote = '\"'; let text = \"a \\\"mend\\\" b\";"), 1);
    assert_eq!(shown("let text = \"is asked \\\n    for\";"), 1);
    assert_eq!(shown("f(\"is asked\", \"for\"); // mend it\nlet mend = 1;"), 0);
    assert_eq!(shown("    #[serde(rename = \"rung\")]\n    stage: Stage,"), 0);
    assert_eq!(shown("f();\n#[cfg(test)]\nmod tests {\n    const A: &str = \"mend it\";\n}"), 0);
    // The style guide shows what not to write, in its table.
    assert_eq!(prose("STYLE.md", "a\n| \"made anew\" | \"replaced\" |\nb"), "a\nb");
    assert_eq!(prose("README.md", "| made anew |"), "| made anew |");
}
