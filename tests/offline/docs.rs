//! The documents say what is true: their examples are real output, their commands exist, their links lead somewhere.
//!
//! `PLUMB_BLESS=1 cargo test --test offline docs` writes the examples of the tours anew.

use plumb::cli::demo::{EMR, Story, WORKSPACE};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const PLUMB: &str = env!("CARGO_BIN_EXE_plumb");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every document, by its path.
fn documents() -> BTreeMap<String, String> {
    let mut all = crate::reference::documents();
    for path in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "STYLE.md"] {
        all.insert(path.to_owned(), fs::read_to_string(root().join(path)).unwrap());
    }
    all
}

/// The commands of one step of a story and what they printed, out of what the demo printed.
fn shown(story: &Story, told: &str, number: usize) -> String {
    let heading = format!("── {number}/{} {} ──\n", story.steps.len(), story.steps[number - 1].title);
    let (_, rest) = told.split_once(&heading).unwrap_or_else(|| panic!("no {heading}"));
    let step = rest.split("\n── ").next().unwrap();
    let mut blocks = Vec::new();
    for line in step.lines() {
        if line.starts_with("$ ") {
            blocks.push(line.to_owned());
        } else if let Some(output) = line.strip_prefix("  │") {
            // How long reading took, and how much of it there was, is said on stderr and is no part of a result.
            if !output.starts_with(" read ") {
                blocks.push(output.strip_prefix(' ').unwrap_or(output).to_owned());
            }
        }
    }
    assert!(!blocks.is_empty(), "step {number} shows nothing");
    blocks.join("\n")
}

/// The text with ids, ports and digests that are the same in every run: each that is met gets the next of its sort.
fn same_ids(text: &str) -> String {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out = String::new();
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (word, after) = rest.split_at(end);
        let hex = |w: &str| w.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        let digits = |w: &str| w.bytes().all(|b| b.is_ascii_digit());
        let port = out.ends_with("127.0.0.1:");
        let (sort, made): (&str, fn(usize) -> String) = match word {
            w if port && digits(w) => ("port", |_| "8080".into()),
            w if w.len() == 16 && hex(w) => ("digest", |n| format!("{:016x}", 0x9c1f_0e6a_2b7d_4f50 + n)),
            w if w.len() == 12 && hex(w) => ("commit", |n| format!("{:012x}", 0x3f2a_91c0_b1d2_usize + n)),
            // Months of a schedule, latest first, as the plan of the demo tells them.
            w if is_day(w) && w.ends_with("-02") && is_tick(&out, after) => {
                ("tick", |n| format!("2024-{:02}-02", 7_usize.saturating_sub(n)))
            }
            w if is_day(w) => {
                out.push_str(&same_day(w));
                rest = after;
                // The time of that day, as gates say it.
                if after.get(6..10) == Some(" UTC") {
                    out.push_str(" 08:00");
                    rest = &after[6..];
                }
                continue;
            }
            // A month, also in the name of a cluster of EMR or of a file.
            w if w.len() >= 7 && w.is_ascii() && is_day(&format!("{}-01", &w[w.len() - 7..])) => {
                let (name, month) = w.split_at(w.len() - 7);
                out.push_str(&format!("{name}{}", same_month(month)));
                rest = after;
                continue;
            }
            w if w.len() == 15 && w.starts_with("j-") => ("cluster", |n| format!("j-2EXAMPLE{n:05}")),
            w if w.len() == 15 && w.starts_with("s-") => ("step", |n| format!("s-3EXAMPLE{n:05}")),
            w if w.len() == 15 && digits(w) => ("job", |n| format!("{}", 620_000_000_000_001 + n)),
            w if matches!(w.split('-').collect::<Vec<_>>()[..], [day, time, _, ..] if day.len() == 4 && time.len() == 6 && digits(day) && digits(time)) => {
                ("compute", |n| format!("0401-120000-{:08x}", 0x1b39_896a + n))
            }
            _ => ("", |_| String::new()),
        };
        match sort {
            "" => out.push_str(word),
            sort => {
                let same = known.entry(word.to_owned()).or_insert_with(|| {
                    let count = counts.entry(sort).or_default();
                    *count += 1;
                    made(*count - 1)
                });
                out.push_str(same);
            }
        }
        rest = after;
    }
    out
}

/// Whether a day is one of a tick, by what stands around it, wherever the line was broken.
fn is_tick(before: &str, after: &str) -> bool {
    let is_between = |c: char| c.is_whitespace() || c == '│';
    after.trim_start_matches(is_between).starts_with("04:00") || before.trim_end_matches(is_between).ends_with("ds")
}

/// Whether a word is a day of these years.
fn is_day(word: &str) -> bool {
    word.len() == 10 && word > "2025" && word.parse::<jiff::civil::Date>().is_ok()
}

/// A day as if today were the sixteenth of November 2026.
fn same_day(word: &str) -> String {
    let day: jiff::civil::Date = word.parse().unwrap();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    (jiff::civil::date(2026, 11, 16) + (day - today)).to_string()
}

/// A month as if this were November 2026.
fn same_month(word: &str) -> String {
    let month: jiff::civil::Date = format!("{word}-01").parse().unwrap();
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let count = |day: jiff::civil::Date| i32::from(day.year()) * 12 + i32::from(day.month());
    let back = count(today) - count(month);
    let same = jiff::civil::date(2026, 11, 1) - jiff::Span::new().months(back);
    same.strftime("%Y-%m").to_string()
}

/// Text in which every example of a comparison is the same: its keys are masked by a key of the run, and its values are those
/// of a month.
fn same_examples(text: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    let mut is_example = false;
    for line in text.split('\n') {
        let begins = line.starts_with("  │       example  ");
        is_example = begins || is_example && line.starts_with("  │         ");
        if begins {
            lines.push(EXAMPLE);
        } else if !is_example {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// An inventory without how long AWS supports releases: that follows the calendar, and a tour does not.
fn without_support(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    // The columns of the table that are about it; whether a row about it is being left out.
    let (mut columns, mut is_row) = (None, false);
    for line in text.split('\n') {
        let chars: Vec<char> = line.chars().collect();
        let at = |word: &str| line.find(word).map(|at| line[..at].chars().count());
        if let (Some(from), Some(to), true) = (at("SUPPORT"), at("WAVE"), line.contains("PIPELINE")) {
            columns = Some((from, to));
        } else if line.trim_end().ends_with('│') {
            columns = None;
        }
        let rest = line.strip_prefix("  │   ").unwrap_or(line);
        is_row = rest.starts_with("support  ") || is_row && line.starts_with("  │   ") && rest.starts_with(' ');
        if is_row {
            continue;
        }
        let mut line = match columns.filter(|(_, to)| chars.len() > *to) {
            Some((from, to)) => chars[..from].iter().chain(&chars[to..]).collect(),
            None => line.to_owned(),
        };
        if let Some(end) = line.find(" whose standard support has ended.").and_then(|at| line[..at].rfind(". ")) {
            line.truncate(end + 1);
        }
        lines.push(line);
    }
    lines.join("\n")
}

const EXAMPLE: &str =
    "  │       example  customer_id=#… region=#…: ts 2026-10-28T18:05:29.003Z -> 2026-10-28T19:05:29.003Z";

#[test]
fn the_tour_is_what_the_demo_prints() {
    let told = |args: &[&str]| {
        crate::duckdb_support::program();
        let done = Command::new(PLUMB).args(args).env("PLUMB_CACHE", crate::duckdb_support::cache()).output().unwrap();
        let told = same_ids(&same_examples(&without_support(&String::from_utf8(done.stdout).unwrap())));
        let told = same_times(&same_decisions(&told));
        assert!(done.status.success(), "{told}");
        told
    };
    let stories = [("", &WORKSPACE, told(&["demo"])), ("emr ", &EMR, told(&["demo", "emr"]))];
    let mut counts = [0, 0];
    for document in ["README.md", "docs/migration.md"] {
        tour_of(document, &stories, &mut counts);
    }
    assert!(counts[0] >= 3 && counts[1] >= 3, "the tour has {counts:?} blocks");
}

/// Checks the blocks of a document, or writes them anew; counts those of each story.
fn tour_of(document: &str, stories: &[(&str, &Story, String); 2], counts: &mut [usize; 2]) {
    let readme = fs::read_to_string(root().join(document)).unwrap();
    let mut parts = readme.split("<!-- demo ");
    let mut fresh = parts.next().unwrap().to_owned();
    for part in parts {
        let (place, rest) = part.split_once(" -->\n```console\n").expect("a console block after each demo comment");
        let after = match rest.strip_prefix("```\n") {
            Some(after) => after,
            None => rest.split_once("\n```\n").expect("the block ends").1,
        };
        let of = usize::from(place.starts_with("emr "));
        let (name, story, told) = &stories[of];
        fresh.push_str(&format!("<!-- demo {place} -->\n```console\n"));
        fresh.push_str(&shown(story, told, place[name.len()..].parse().unwrap()));
        fresh.push_str(&format!("\n```\n{after}"));
        counts[of] += 1;
    }
    if env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
        return fs::write(root().join(document), fresh).unwrap();
    }
    let diff = similar::TextDiff::from_lines(readme.as_str(), fresh.as_str());
    assert!(readme == fresh, "the tour of {document} is stale; PLUMB_BLESS=1 writes it anew:\n{}", diff.unified_diff());
}

/// Text in which every time that something took (`in 0.7 s` at the end of a line, `0.7 s, duckdb`) is the same.
fn same_times(text: &str) -> String {
    let timed = |line: &str| {
        if let Some((before, after)) = line.split_once(" s, duckdb ") {
            let (before, took) = before.rsplit_once(", ")?;
            return took.parse::<f64>().ok().map(|_| format!("{before}, 0.4 s, duckdb {after}"));
        }
        let (before, took) = line.strip_suffix(" s")?.rsplit_once(" in ")?;
        took.parse::<f64>().ok().map(|_| format!("{before} in 0.4 s"))
    };
    text.split('\n').map(|line| timed(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n")
}

/// Text in which 40 decisions are open at first, and as many fewer later as were taken. How many an import asks follows the
/// calendar: in some months a date of EMR could be two things.
fn same_decisions(text: &str) -> String {
    let mut first = None;
    let mut same = |line: &str| {
        let (before, count) = line.split_once(" decisions open in ")?.0.rsplit_once(' ')?;
        let count: i64 = count.parse().ok()?;
        let same = 40 + count - *first.get_or_insert(count);
        Some(line.replacen(&format!("{before} {count} "), &format!("{before} {same} "), 1))
    };
    text.split('\n').map(|line| same(line).unwrap_or_else(|| line.to_owned())).collect::<Vec<_>>().join("\n")
}

#[test]
fn decisions_are_counted_from_the_same_number() {
    let told = "  │ 41 decisions open in 7 pipelines; x\n  │ 39 decisions open in 7 pipelines; y\n12 decisions";
    assert_eq!(same_decisions(told), told.replace("41 d", "40 d").replace("39 d", "38 d"));
}

#[test]
fn ids_become_the_same_and_nothing_else_changes() {
    let text =
        "http://127.0.0.1:4711 620000000000008 and 620000000000007, 620000000000008 a2b5e4fc720e 1122-142208-f88b";
    let same =
        "http://127.0.0.1:8080 620000000000001 and 620000000000002, 620000000000001 3f2a91c0b1d2 0401-120000-1b39896a";
    assert_eq!(same_ids(text), same);
    let broken = "of 2026-11-02\n  │   04:00 (ds\n  │   2026-10-02)";
    assert_eq!(same_ids(broken), "of 2024-07-02\n  │   04:00 (ds\n  │   2024-06-02)");
    for plain in ["audience-cleanse", "710001", "… 2024-05-01 é", "Digest: short"] {
        assert_eq!(same_ids(plain), plain);
    }
}

/// The command lines of `plumb` in a document: in blocks of shell, and in backticks.
fn commands(text: &str) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for (index, block) in text.split("```").enumerate() {
        if index % 2 == 1 {
            let (language, body) = block.split_once('\n').unwrap_or(("", block));
            if language == "sh" || language == "console" {
                lines.extend(body.lines().map(|l| l.trim_start_matches("$ ").split(" #").next().unwrap().to_owned()));
            }
        } else {
            lines.extend(block.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    let words = |line: String| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    lines.into_iter().map(words).filter(|w| w.len() > 1 && w[0] == "plumb").collect()
}

#[test]
fn every_command_line_exists() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut count = 0;
    for (path, text) in documents() {
        for command in commands(&text) {
            let line = command.join(" ");
            // `ci`, `emr`, `parity`, `migrate` and `prices` are groups: their commands have helps of their own; and so have `import emr` and `demo emr`.
            let group = matches!(&*command[1], "ci" | "emr" | "parity" | "migrate" | "prices") && command.len() > 2
                || matches!(&*command[1], "import" | "demo") && command.get(2).is_some_and(|word| word == "emr");
            let words = if group { &command[1..3] } else { &command[1..2] };
            let help = helps.entry(words.join(" ")).or_insert_with(|| {
                let done = Command::new(PLUMB).args(words).arg("--help").output().unwrap();
                assert!(done.status.success(), "{path}: `{line}`: there is no such command");
                String::from_utf8(done.stdout).unwrap()
            });
            for option in command.iter().skip(2).filter(|w| w.starts_with("--")) {
                let name = option.split('=').next().unwrap();
                let there = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(|word| word == name);
                assert!(there, "{path}: `{line}`: there is no option {name}");
            }
            count += 1;
        }
    }
    assert!(count > 10, "only {count} command lines were found");
}

#[test]
fn every_link_and_path_leads_somewhere() {
    for (path, text) in documents() {
        let folder = root().join(&path).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap().trim_start_matches('<')) {
            if !link.starts_with("http") && !link.starts_with('#') {
                let file = link.split('#').next().unwrap();
                assert!(folder.join(file).exists(), "{path}: {link} does not exist");
            }
        }
        // What is generated out of the code also names files of whoever reads it.
        let text = crate::reference::by_hand(&text);
        let names = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
        for name in names.filter(|n| ["src/", "tests/", "docs/", "manifests/"].iter().any(|p| n.starts_with(p))) {
            let general =
                name.contains(['*', '<', '{']) || name.split('/').any(|p| p.len() > 1 && p == p.to_uppercase());
            assert!(general || exists(&root(), name), "{path}: `{name}` does not exist");
        }
    }
}

fn exists(root: &Path, name: &str) -> bool {
    root.join(name.split_whitespace().next().unwrap_or(name)).exists()
}

#[test]
fn the_worked_example_of_a_kind_applies_and_is_as_small_as_it_is_said_to_be() {
    let diff = fs::read_to_string(root().join("docs/adding-a-kind.diff")).unwrap();
    let done = Command::new("git").args(["apply", "--check", "docs/adding-a-kind.diff"]).current_dir(root()).output();
    let done = done.unwrap();
    let why = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "docs/adding-a-kind.diff does not apply any more, make it anew:\n{why}");
    let mut lines: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut file = "";
    for line in diff.lines() {
        if let Some(name) = line.strip_prefix("+++ b/") {
            file = name;
        } else if !line.starts_with("---") {
            let counts = lines.entry(file).or_default();
            counts.0 += usize::from(line.starts_with('+'));
            counts.1 += usize::from(line.starts_with('-'));
        }
    }
    let kinds: Vec<_> = lines.iter().filter(|(file, _)| file.starts_with("crates/plumb-core/src/kinds/")).collect();
    let [(kind, _), (registry, counts)] = kinds[..] else { panic!("more than one file and the registry: {kinds:?}") };
    assert_eq!((*registry, *counts), ("crates/plumb-core/src/kinds/mod.rs", (2, 0)));
    assert!(kind.starts_with("crates/plumb-core/src/kinds/databricks/"), "{kind}");
    assert!(lines.keys().any(|f| f.starts_with("tests/kinds/") && f.ends_with("/minimal.yaml")));
    assert!(lines.keys().any(|f| f.starts_with("tests/kinds/") && f.ends_with("/everything.yaml")));
    let engine = [
        "crates/plumb-core/src/plan",
        "src/apply",
        "crates/plumb-core/src/render",
        "crates/plumb-core/src/manifest",
        "src/cli",
        "src/observe/",
        "crates/plumb-model/src/schema",
    ];
    assert!(!lines.keys().any(|f| engine.iter().any(|e| f.starts_with(e))), "a kind needs nothing of the engine");
}

#[test]
fn the_table_of_limits_is_the_one_of_the_code() {
    let text = std::fs::read_to_string(root().join("docs/limits.md")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .filter(|cells| cells.len() == 4 && cells[2].parse::<f64>().is_ok())
        .collect();
    let code = plumb_model::limits::LIMITS.iter().map(|limit| {
        let rate = (limit.per_second * 100.0).round() / 100.0;
        (limit.system.name().to_owned(), limit.family.to_owned(), rate.to_string(), limit.documented)
    });
    let told = rows.iter().map(|cells| {
        let documented = !cells[3].starts_with("not documented");
        (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned(), documented)
    });
    assert_eq!(told.collect::<Vec<_>>(), code.collect::<Vec<_>>());
}
