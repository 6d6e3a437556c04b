//! The pages of `docs/`: each is on the map, each heading that a link names is there, and numbers are those of the program.

use super::{commands, documents, page_of, root};
use plumb::ui::ExitCode;
use plumb_core::diagnose::Catalogue;
use plumb_core::kinds::{self, MarkPlace};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

/// The map of the documentation, and the pages that list others.
const MAPS: [&str; 3] = ["docs/README.md", "docs/kinds/README.md", "docs/decisions/README.md"];
const WORDS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

/// The documents at the top beside those of `docs/`.
fn everything() -> BTreeMap<String, String> {
    let mut all = documents();
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        all.insert(name.to_owned(), fs::read_to_string(root().join(name)).unwrap());
    }
    all
}

/// The path that a link of a document leads to, and the anchor in it.
fn led(from: &str, link: &str) -> (String, String) {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return (from.to_owned(), anchor.to_owned());
    }
    let mut parts: Vec<String> = Vec::new();
    for part in Path::new(from).parent().unwrap().join(file).components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name.to_str().unwrap().to_owned()),
            _ => {}
        }
    }
    (parts.join("/"), anchor.to_owned())
}

/// The links of a text, outside of blocks of code.
fn links(text: &str) -> Vec<String> {
    let prose = text.split("```").step_by(2);
    let all = prose.flat_map(|prose| prose.split("](").skip(1));
    all.map(|rest| rest.split(')').next().unwrap().to_owned()).filter(|link| !link.contains("://")).collect()
}

#[test]
fn every_page_is_on_the_map() {
    let documents = documents();
    let mut listed: BTreeSet<String> = MAPS.iter().map(|path| (*path).to_owned()).collect();
    for map in MAPS {
        let text = documents.get(map).unwrap_or_else(|| panic!("there is no {map}"));
        listed.extend(links(text).iter().map(|link| led(map, link).0));
    }
    let lost: Vec<&String> = documents.keys().filter(|path| !listed.contains(*path)).collect();
    assert!(lost.is_empty(), "docs/README.md, or the list of its folder, does not name {lost:?}");
    for map in &MAPS[1..] {
        let is_linked = links(&documents[MAPS[0]]).iter().any(|link| led(MAPS[0], link).0 == *map);
        assert!(is_linked, "docs/README.md does not name {map}");
    }
}

/// The anchors that GitHub gives the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | ' '));
        let slug = kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>();
        let mut number = 0;
        let mut anchor = slug.clone();
        while !found.insert(anchor.clone()) {
            number += 1;
            anchor = format!("{slug}-{number}");
        }
    }
    found
}

#[test]
fn every_link_into_a_page_names_a_heading_of_it() {
    let all = everything();
    let anchors: BTreeMap<&String, BTreeSet<String>> = all.iter().map(|(path, text)| (path, anchors(text))).collect();
    let mut lost = Vec::new();
    for (path, text) in &all {
        for link in links(text).iter().filter(|link| link.contains('#')) {
            let (file, anchor) = led(path, link);
            if anchors.get(&file).is_some_and(|known| !known.contains(&anchor)) {
                lost.push(format!("{path}: {link}"));
            }
        }
    }
    assert!(lost.is_empty(), "no such heading: {lost:#?}");
}

/// The numbers that stand before a word, as digits or as a word: `eight kinds`.
fn numbers(text: &str, of: &str) -> Vec<usize> {
    let number = |word: &str| WORDS.iter().position(|w| *w == word).or_else(|| word.parse().ok());
    let lower = text.to_lowercase();
    let ends = |after: &str| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let found = lower.match_indices(of).filter(|(at, _)| ends(&lower[at + of.len()..]));
    // Only blanks stand between the two, a line's end perhaps.
    let before = found.filter_map(|(at, _)| {
        let rest = lower[..at].trim_end_matches([' ', '\n']);
        let word = rest.rsplit(|c: char| !c.is_alphanumeric()).next()?;
        (rest.len() < at).then(|| number(word)).flatten()
    });
    before.collect()
}

/// What documents count, and how many of it there are.
fn counted() -> Vec<(&'static str, usize)> {
    vec![
        ("kinds", kinds::all().len()),
        ("commands", commands::count()),
        ("classes", Catalogue::builtin().unwrap().classes().len()),
        ("guards", commands::values("apply", "override").len()),
    ]
}

/// Sentences in which a small number before such a word counts something else.
const OTHERS: [(&str, &str); 1] = [("docs/pull-requests.md", "Two commands do it")];

#[test]
fn what_is_counted_is_so_many() {
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    let counted = counted();
    for (path, text) in everything() {
        let mut text = text;
        for (_, sentence) in OTHERS.iter().filter(|(of, _)| *of == path) {
            assert!(text.contains(sentence), "{path} does not say `{sentence}` any more");
            text = text.replace(sentence, "");
        }
        for &(what, count) in &counted {
            for number in numbers(&text, what) {
                found.insert(what);
                if number != count {
                    wrong.push(format!("{path}: {number} {what}; there are {count}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(found.contains("kinds") && found.contains("commands"), "nothing is counted but {found:?}");
}

#[test]
fn a_number_is_found_however_it_is_written() {
    assert_eq!(numbers("There are eight kinds, 13 kinds and kinds; Two\nkinds.", "kinds"), [8, 13, 2]);
    assert_eq!(numbers("| Kinds | eight |", "kinds"), Vec::<usize>::new());
    assert_eq!(
        anchors("# A b\n```\n# no\n```\n## `x[].y` and B\n## A b\n"),
        ["a-b", "a-b-1", "xy-and-b"].map(String::from).into()
    );
    assert_eq!(led("docs/kinds/a.md", "../b.md#c"), ("docs/b.md".to_owned(), "c".to_owned()));
}

#[test]
fn every_kind_has_a_row_and_a_page() {
    let documents = documents();
    let list = &documents["docs/kinds/README.md"];
    let rows: Vec<&str> = list.lines().filter(|line| line.starts_with("| [`")).collect();
    assert_eq!(rows.len(), kinds::all().len(), "one row a kind");
    for kind in kinds::all() {
        let page = page_of(kind.name());
        let file = page.rsplit('/').next().unwrap();
        let row = rows.iter().find(|row| row.starts_with(&format!("| [`{}`]({file}) |", kind.name())));
        let row = row.unwrap_or_else(|| panic!("no row of {} that names {file}", kind.name()));
        let place = match kind.mark() {
            MarkPlace::Nowhere => "–".to_owned(),
            place => format!("`{}`", place.member()),
        };
        assert!(row.ends_with(&format!("| {place} |")), "{row}: the mark is in {place}");
        let text = documents.get(&page).unwrap_or_else(|| panic!("there is no {page}"));
        for heading in ["## Example", "## Limits", "## Fields"] {
            assert!(text.contains(&format!("\n{heading}")), "{page} has no `{heading}`");
        }
    }
}

/// The cells in the first column of a page's table.
fn firsts(text: &str, header: &str) -> Vec<String> {
    let table = text.split(header).nth(1).unwrap_or_else(|| panic!("no table `{header}`"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect()
}

#[test]
fn every_exit_code_is_listed() {
    let text = &documents()["docs/exit-codes.md"];
    let all = [
        ExitCode::Ok,
        ExitCode::Error,
        ExitCode::Changes,
        ExitCode::Guard,
        ExitCode::Stale,
        ExitCode::Lease,
        ExitCode::Partial,
        ExitCode::Usage,
        ExitCode::Interrupted,
    ];
    assert_eq!(firsts(text, "| code | meaning |"), all.map(|code| code.code().to_string()));
}

#[test]
fn every_guard_is_listed_under_the_name_of_its_override() {
    let text = &documents()["docs/guards.md"];
    let listed = firsts(text, "| guard | set by | refuses | to go on |");
    let all: Vec<String> = commands::values("apply", "override").iter().map(|name| format!("`{name}`")).collect();
    assert_eq!(listed, all);
}
