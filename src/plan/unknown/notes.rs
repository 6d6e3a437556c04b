//! Saying what is kept: once for each setting, however many objects have it.

use super::super::Note;
use super::Member;
use crate::kinds::AnyKind;
use crate::manifest::Address;
use crate::schema::{Path, Segment};
use std::collections::{BTreeMap, BTreeSet};

/// The most names in one note: an object may have any number.
const MOST_NAMES: usize = 10;

/// What is kept, as it is come by.
#[derive(Default)]
pub struct Notes {
    /// The objects of each setting, `*` standing for elements of lists, and where they have it.
    settings: BTreeMap<(&'static str, String), BTreeMap<Address, BTreeSet<Path>>>,
}

impl Notes {
    /// Notes what is kept of an object.
    pub fn add<'m>(&mut self, address: &Address, kind: &dyn AnyKind, kept: impl IntoIterator<Item = &'m Member>) {
        for member in kept {
            let setting = (kind.name(), setting(&member.path));
            self.settings.entry(setting).or_default().entry(address.clone()).or_default().insert(member.path.clone());
        }
    }

    /// One note for each setting that several objects have, and one for each object with settings of its own.
    pub fn into_notes(self) -> Vec<Note> {
        let mut notes = Vec::new();
        let mut single: BTreeMap<Address, Vec<String>> = BTreeMap::new();
        for ((kind, setting), objects) in self.settings {
            let count = objects.len();
            match objects.into_iter().next().filter(|_| count == 1) {
                Some((address, paths)) => {
                    let name = match paths.first().filter(|_| paths.len() == 1) {
                        Some(path) => path.to_string(),
                        None => format!("{setting} ({} times)", paths.len()),
                    };
                    single.entry(address).or_default().push(name);
                }
                None => {
                    let noun = crate::kinds::find(kind).map_or_else(String::new, |kind| plural(kind.noun()));
                    let message = format!("{setting}: a setting that plumb does not know, kept on {count} {noun}");
                    notes.push(Note { address: None, message });
                }
            }
        }
        notes.extend(single.into_iter().map(|(address, mut names)| {
            names.sort();
            let count = names.len();
            let words = if count == 1 {
                "setting that plumb does not know is"
            } else {
                "settings that plumb does not know are"
            };
            let message = format!("{count} {words} kept: {}", listed(&names));
            Note { address: Some(address), message }
        }));
        notes
    }
}

/// Names, of which there may be any number.
fn listed(names: &[String]) -> String {
    let more = names.len().saturating_sub(MOST_NAMES);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// A path in which `*` stands for elements of lists.
fn setting(path: &Path) -> String {
    let any = |segment: &Segment| match segment {
        Segment::Key(key) => Segment::Key(key.clone()),
        Segment::Item(_) | Segment::Index(_) => Segment::Item("*".to_owned()),
    };
    Path(path.0.iter().map(any).collect()).to_string()
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{noun}s"),
    }
}
