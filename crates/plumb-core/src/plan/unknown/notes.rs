//! Saying what is kept: once for each setting, however many objects have it.

use super::super::Note;
use super::Member;
use crate::kinds::Kind;
use plumb_model::address::Address;
use plumb_model::schema::{Path, Segment};
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
    pub fn add<'m>(&mut self, address: &Address, kind: &dyn Kind, kept: impl IntoIterator<Item = &'m Member>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn member(path: &[Segment]) -> Member {
        Member::new(Path(path.to_vec()), &json!(1))
    }

    fn key(name: &str) -> Segment {
        Segment::Key(name.to_owned())
    }

    fn said(objects: &[(&str, Vec<Member>)]) -> Vec<String> {
        let kind = crate::kinds::find("DatabricksClusterPolicy").unwrap();
        let mut notes = Notes::default();
        for (name, members) in objects {
            notes.add(&Address { kind: kind.name().to_owned(), name: (*name).to_owned() }, kind, members);
        }
        let about = |n: &Note| n.address.as_ref().map_or("-".to_owned(), |a| a.name.clone());
        notes.into_notes().iter().map(|n| format!("{}: {}", about(n), n.message)).collect()
    }

    #[test]
    fn a_setting_of_many_objects_is_one_note() {
        let names: Vec<String> = (0..1000).map(|i| format!("p{i}")).collect();
        let objects: Vec<(&str, Vec<Member>)> =
            names.iter().map(|n| (n.as_str(), vec![member(&[key("new")])])).collect();
        assert_eq!(said(&objects), ["-: new: a setting that plumb does not know, kept on 1000 cluster policies"]);
    }

    #[test]
    fn the_settings_of_one_object_are_one_note_that_ends() {
        let element = |of: &str| member(&[key("libraries"), Segment::Item(of.to_owned()), key("new")]);
        assert_eq!(
            said(&[("a", vec![element("x"), element("y"), member(&[key("odd\nname")])])]),
            ["a: 2 settings that plumb does not know are kept: [\"odd\\nname\"], libraries[*].new (2 times)"]
        );
        assert_eq!(
            said(&[("a", vec![element("x")])]),
            ["a: 1 setting that plumb does not know is kept: libraries[x].new"]
        );
        let many: Vec<Member> = (0..12).map(|i| member(&[key(&format!("n{i:02}"))])).collect();
        let [line] = &said(&[("a", many)])[..] else { panic!("more than one note") };
        assert!(line.ends_with("n08, n09 and 2 more"), "{line}");
    }
}
