//! The fixtures: `tests/kinds/KIND/CASE.yaml`, each a project of its own. The first document is the one that the case
//! is about; what it refers to follows.

use crate::world::{Files, World};
use plumb_core::kinds::{self, Kind};
use plumb_model::call::System;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One fixture.
#[derive(Clone)]
pub struct Fixture {
    pub kind: &'static dyn Kind,
    pub case: String,
    pub text: String,
}

impl Fixture {
    /// What messages call it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.kind.name(), self.case)
    }

    /// The fixture as a project.
    pub fn files(&self) -> Files {
        Files::from([(format!("{}-{}.yaml", self.kind.name(), self.case), self.text.clone())])
    }

    /// An empty workspace to try it on.
    pub async fn world(&self) -> World {
        World::of(self.kind.system()).await
    }

    /// Its documents.
    pub fn documents(&self) -> Vec<Value> {
        documents(&self.text)
    }

    /// The fixture as a project, its first document under another name.
    pub fn renamed(&self, name: &str) -> Files {
        let mut documents = self.documents();
        documents[0]["metadata"]["name"] = json!(name);
        Files::from([("renamed.yaml".to_owned(), yaml(&documents))])
    }
}

/// The documents of a text.
pub fn documents(text: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(text).map(|d| Value::deserialize(d).unwrap()).collect()
}

/// Documents as a text.
pub fn yaml(documents: &[Value]) -> String {
    documents.iter().map(|d| serde_yaml::to_string(d).unwrap()).collect::<Vec<_>>().join("---\n")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds")
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Every fixture of a kind.
pub fn of(kind: &'static dyn Kind) -> Vec<Fixture> {
    let folder = folder().join(kind.name());
    names(&folder)
        .into_iter()
        .filter_map(|file| {
            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            Some(Fixture { kind, case: file.strip_suffix(".yaml")?.to_owned(), text })
        })
        .collect()
}

/// Every fixture.
pub fn all() -> Vec<Fixture> {
    kinds::objects().iter().flat_map(|kind| of(*kind)).collect()
}

/// The fixtures without those whose live name one before them has: one project cannot have both.
pub fn compatible(fixtures: Vec<Fixture>) -> Vec<Fixture> {
    let mut taken = BTreeSet::new();
    let mut is_free = |fixture: &Fixture| {
        let title = fixture.documents()[0]["spec"][fixture.kind.title()].to_string();
        title == "null" || fixture.kind.system() != System::Airflow || taken.insert((fixture.kind.name(), title))
    };
    fixtures.into_iter().filter(|fixture| is_free(fixture)).collect()
}

/// Every fixture in one project: each a file of its own.
pub fn together() -> Files {
    compatible(all()).iter().flat_map(Fixture::files).collect()
}

/// The same of one system.
pub fn together_of(system: System) -> Files {
    compatible(all()).iter().filter(|f| f.kind.system() == system).flat_map(Fixture::files).collect()
}

#[test]
fn every_kind_has_fixtures_and_every_fixture_a_kind() {
    let known: BTreeSet<String> = kinds::objects().iter().map(|k| k.name().to_owned()).collect();
    let found: BTreeSet<String> = names(&folder()).into_iter().collect();
    assert_eq!(found, known, "tests/kinds/ has one folder a kind");
    for kind in kinds::objects() {
        let fixtures = of(*kind);
        assert!(fixtures.iter().any(|f| f.case == "minimal"), "{} has no tests/kinds/…/minimal.yaml", kind.name());
        assert!(fixtures.iter().any(|f| f.case == "everything"), "{} has no everything.yaml", kind.name());
        for fixture in fixtures {
            let documents = fixture.documents();
            let first = &documents[0];
            assert_eq!(first["kind"], kind.name(), "{}: its first document is of another kind", fixture.name());
            assert_eq!(first["metadata"]["name"], fixture.case, "{}: named unlike its file", fixture.name());
        }
    }
}
