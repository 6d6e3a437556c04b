//! The reference in `docs/`: what is generated in it is that of the code, every command, option and field has its place, and
//! every example can be read.
//!
//! `PLUMB_BLESS=1 cargo test --test offline reference` writes what is generated again.

mod commands;
mod examples;
mod fields;
mod pages;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What ends a generated part.
const END: &str = "<!-- /generated -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Markdown files of `docs/` and of its folders, by their paths from the root.
pub fn documents() -> BTreeMap<String, String> {
    let mut left = vec![PathBuf::from("docs")];
    let mut found = BTreeMap::new();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap().map(Result::unwrap) {
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|e| e == "md") {
                let text = fs::read_to_string(root().join(&path)).unwrap();
                found.insert(path.to_str().unwrap().replace('\\', "/"), text);
            }
        }
    }
    found
}

/// The file of a kind's page.
fn page_of(kind: &str) -> String {
    let mut name = String::new();
    for c in kind.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(c.to_ascii_lowercase());
    }
    format!("docs/kinds/{name}.md")
}

/// A cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A document in which each part between markers is as `written` says; `None` of it is a marker that nobody knows.
fn generated(path: &str, text: &str, written: &dyn Fn(&str) -> Option<String>) -> (String, Vec<String>) {
    let mut parts = text.split("<!-- generated: ");
    let mut fresh = parts.next().unwrap().to_owned();
    let mut names = Vec::new();
    for part in parts {
        let (name, rest) = part.split_once(" -->").unwrap_or_else(|| panic!("{path}: a marker does not end"));
        let (_, after) = rest.split_once(END).unwrap_or_else(|| panic!("{path}: `{name}` has no {END}"));
        let body = written(name).unwrap_or_else(|| panic!("{path}: there is nothing to generate for `{name}`"));
        fresh.push_str(&format!("<!-- generated: {name} -->\n\n{}\n\n{END}{after}", body.trim()));
        names.push(name.to_owned());
    }
    (fresh, names)
}

/// A document without what is generated in it.
pub fn by_hand(text: &str) -> String {
    let after = |part: &str| part.split_once(END).map(|(_, rest)| rest.to_owned()).unwrap_or_default();
    let mut parts = text.split("<!-- generated: ");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + &after(part))
}

/// What stands between the markers of a name, over all documents: by name, the path of its document.
fn places(documents: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut places = BTreeMap::new();
    for (path, text) in documents {
        for part in text.split("<!-- generated: ").skip(1) {
            let name = part.split(" -->").next().unwrap().to_owned();
            let before = places.insert(name.clone(), path.clone());
            assert!(before.is_none(), "`{name}` is generated in {path} and in {before:?}");
        }
    }
    places
}

#[test]
fn what_is_generated_is_that_of_the_code() {
    let mut parts = commands::parts();
    parts.extend(fields::parts().clone());
    let documents = documents();
    let places = places(&documents);
    let missing: Vec<&String> = parts.keys().filter(|name| !places.contains_key(*name)).collect();
    assert!(missing.is_empty(), "no document has `<!-- generated: NAME -->` and `{END}` for: {missing:?}");
    let mut stale = Vec::new();
    for (path, text) in &documents {
        let (fresh, _) = generated(path, text, &|name| parts.get(name).cloned());
        if env::var_os("PLUMB_BLESS").is_some_and(|v| v == "1") {
            fs::write(root().join(Path::new(path)), fresh).unwrap();
        } else if fresh != *text {
            let diff = similar::TextDiff::from_lines(text.as_str(), fresh.as_str());
            stale.push(format!("{path}:\n{}", diff.unified_diff().context_radius(1)));
        }
    }
    assert!(stale.is_empty(), "stale; PLUMB_BLESS=1 writes it again:\n{}", stale.join("\n"));
}

#[test]
fn only_what_stands_between_markers_is_written() {
    let text = "a\n<!-- generated: x -->\nold\n<!-- /generated -->\nb <!-- /generated -->\n";
    let (fresh, names) = generated("p", text, &|name| Some(format!("\nnew {name}\n")));
    let wanted = "a\n<!-- generated: x -->\n\nnew x\n\n<!-- /generated -->\nb <!-- /generated -->\n";
    assert_eq!((fresh.as_str(), names), (wanted, vec!["x".to_owned()]));
    assert_eq!(by_hand(text), "a\n\nb <!-- /generated -->\n");
    assert_eq!(generated("p", &fresh, &|_| Some("new x".into())).0, fresh);
}
