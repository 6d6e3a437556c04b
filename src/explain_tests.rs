//! Which manifest explains a difference: that of the fork, and that of the mark's commit where it is the one that was applied.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::plan_world::{POOL, address, manifest, mark};
use git2::{IndexAddOption, Repository, Signature, Time};
use plumb_core::manifest::Request;
use serde_json::json;
use std::path::Path;

const PROJECT: &str = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {}}}\n";

/// Pools, by their name and capacity, as files.
fn write(folder: &Path, pools: &[(&str, u32)]) {
    std::fs::create_dir_all(folder.join("manifests")).unwrap();
    std::fs::write(folder.join("plumb.yaml"), PROJECT).unwrap();
    for entry in std::fs::read_dir(folder.join("manifests")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, capacity) in pools {
        let text = manifest(POOL, name, "", &spec(name, *capacity));
        std::fs::write(folder.join(format!("manifests/{name}.yaml")), text).unwrap();
    }
}

fn spec(name: &str, capacity: u32) -> serde_json::Value {
    json!({"instance_pool_name": name, "node_type_id": "a", "max_capacity": capacity})
}

/// Commits all files behind a commit, or as the first, and moves a branch there.
fn commit(git: &Repository, branch: &str, parent: Option<&str>) -> String {
    let mut index = git.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = parent.map(|id| git.find_commit(git2::Oid::from_str(id).unwrap()).unwrap());
    let by = Signature::new("Ann", "ann@example.com", &Time::new(1_714_600_000, 0)).unwrap();
    let parents: Vec<_> = parent.iter().collect();
    let id = git.commit(None, &by, &by, "a change", &tree, &parents).unwrap();
    git.reference(&format!("refs/heads/{branch}"), id, true, "").unwrap();
    id.to_string()
}

fn with_history<T>(folder: &Path, then: impl FnOnce(&History<'_>) -> T) -> T {
    let repo = Repo::open(folder).unwrap().unwrap();
    let request = Request { target: Some("prod".into()), variables: Default::default(), env: &|_| None, user: None };
    let load = |source: &dyn ManifestSource| manifest::load(source, &request, kinds::all());
    let paths = ["plumb.yaml".to_owned(), "manifests".to_owned()];
    then(&History { repo: &repo, paths: &paths, load: &load })
}

/// What a manifest was, by its capacity; 0: there was none.
fn was(bases: &Baselines, name: &str) -> Option<u64> {
    bases.get(&address(name)).map(|base| match base {
        Baseline::Spec(spec) => spec["max_capacity"].as_u64().unwrap(),
        Baseline::Nothing => 0,
    })
}

#[test]
fn what_the_other_branch_did_meanwhile_is_not_this_branchs_doing() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init(folder.path()).unwrap();
    write(folder.path(), &[("kept", 1), ("theirs", 1), ("gone-here", 1), ("gone-there", 1)]);
    let fork = commit(&git, "main", None);
    write(folder.path(), &[("kept", 1), ("theirs", 9), ("gone-here", 1), ("new-there", 9)]);
    commit(&git, "main", Some(&fork));
    write(folder.path(), &[("kept", 2), ("theirs", 1), ("gone-there", 1), ("new-here", 2)]);
    commit(&git, "feature", Some(&fork));
    git.set_head("refs/heads/feature").unwrap();
    let names = ["kept", "theirs", "gone-here", "gone-there", "new-here", "new-there"];
    let addresses: Vec<Address> = names.iter().map(|name| address(name)).collect();
    with_history(folder.path(), |history| {
        let known = history.at("main", &addresses).unwrap();
        let was: Vec<Option<u64>> = names.iter().map(|name| was(&known.bases, name)).collect();
        // All is as it was where the branches parted.
        assert_eq!(was, [Some(1), Some(1), Some(1), Some(1), Some(0), Some(0)]);
        assert!(history.at("nowhere", &addresses).is_err());
    });
}

#[test]
fn a_commit_explains_only_what_was_applied_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init(folder.path()).unwrap();
    write(folder.path(), &[("a", 1)]);
    let first = commit(&git, "main", None);
    write(folder.path(), &[("a", 2)]);
    commit(&git, "main", Some(&first));
    git.set_head("refs/heads/main").unwrap();
    let rules = kinds::find(POOL).unwrap().rules();
    let hash = |capacity| normal::identity(rules, &spec("a", capacity));
    let unknown = "ffffffffffff";
    with_history(folder.path(), |history| {
        for (what, commit, hash, wanted, note) in [
            ("what was applied", &first[..12], hash(1), Some(1), ""),
            ("files that were not committed", &first[..12], hash(7), None, "files were not committed"),
            ("a commit that is not here", unknown, hash(1), None, "is not in this repository"),
            ("no commit at all", Rev::NO_COMMIT, hash(1), None, ""),
        ] {
            let mut mark = mark("bau/prod/DatabricksInstancePool/a", &hash);
            mark.rev.as_mut().unwrap().commit = commit.into();
            let known = history.of_marks([(&address("a"), &mark)].into_iter());
            assert_eq!(was(&known.bases, "a"), wanted, "{what}");
            let notes: Vec<&str> = known.notes.iter().map(|note| note.message.as_str()).collect();
            assert_eq!(notes.len(), usize::from(!note.is_empty()), "{what}: {notes:?}");
            assert!(notes.iter().all(|said| said.contains(note)), "{what}: {notes:?}");
        }
    });
}

#[test]
fn a_budget_leaves_names_out_and_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init(folder.path()).unwrap();
    std::fs::create_dir(folder.path().join("manifests")).unwrap();
    let pools = crate::plan_world::pool("a", "") + &crate::plan_world::pool("b", "");
    std::fs::write(folder.path().join("manifests/all.yaml"), &pools).unwrap();
    commit(&git, "main", None);
    git.set_head("refs/heads/main").unwrap();
    let decided = crate::plan_world::World::of(pools).plan();
    let blamed = |budget: Option<&dyn Fn() -> bool>| {
        let mut plan = decided.clone();
        let budget = budget.map(|is_spent| HistoryBudget { is_spent, text: "10s" });
        with_history(folder.path(), |history| history.blame(&mut plan, &BTreeMap::new(), budget.as_ref()));
        let names = plan.changes.iter().filter(|c| c.source.as_ref().is_some_and(|line| line.commit.is_some())).count();
        let notes: Vec<String> = plan.notes.iter().map(|note| note.message.clone()).collect();
        // Nobody approves anything else for it.
        assert_eq!((&plan.digest, plan.counts()), (&decided.digest, decided.counts()));
        assert_eq!(plan.blocked, decided.blocked);
        (names, notes)
    };
    assert_eq!(blamed(Some(&|| false)), (2, vec![]));
    let said = "who wrote 2 lines was not looked up: the history took longer than 10s (`spec.history.budget`)";
    assert_eq!(blamed(Some(&|| true)), (0, vec![said.to_owned()]));
    assert_eq!(blamed(None), (0, vec![]), "whoever turned it off knows it");
}

/// A pull request changes a file of code; the wheel beside it was built by CI, and no commit has it.
#[test]
fn earlier_code_comes_out_of_git_and_what_git_has_not_from_what_is_live() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init(folder.path()).unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("plumb.yaml", PROJECT);
    write(".gitignore", "dist/\n");
    let job = json!({"name": "a", "tasks": [{"task_key": "t", "existing_cluster_id": "c-1",
        "spark_python_task": {"python_file": "../src/load.py"}}]});
    write("manifests/a.yaml", &manifest("DatabricksJob", "a", "", &job));
    let mut with_wheel = job.clone();
    with_wheel["name"] = json!("b");
    with_wheel["tasks"][0]["libraries"] = json!([{"whl": "../dist/app.whl"}]);
    write("manifests/b.yaml", &manifest("DatabricksJob", "b", "", &with_wheel));
    write("src/load.py", "print(1)\n");
    write("dist/app.whl", "built by CI");
    let first = commit(&git, "main", None);
    git.set_head("refs/heads/main").unwrap();
    let request = Request { target: Some("prod".into()), variables: Default::default(), env: &|_| None, user: None };
    let disk = crate::disk::Disk::new(folder.path()).unwrap();
    let applied = manifest::load(&disk, &request, kinds::all()).unwrap_or_else(|e| panic!("{:?}", e.problems));
    let rules = kinds::find("DatabricksJob").unwrap().rules();
    let repo = Repo::open(folder.path()).unwrap().unwrap();
    let load = |source: &dyn ManifestSource| manifest::load_earlier(source, &request, kinds::all());
    let paths = ["plumb.yaml".to_owned(), "manifests".to_owned()];
    let history = History { repo: &repo, paths: &paths, load: &load };
    for resource in &applied.resources {
        let spec = resource.spec.to_value();
        let hash = normal::identity(rules, &spec);
        let mut mark = mark(&format!("bau/prod/{}", resource.address), &hash);
        mark.rev.as_mut().unwrap().commit = first[..12].into();
        let seen = kinds::Observed { id: "7".into(), spec: spec.clone(), ..kinds::Observed::default() };
        let live = LiveObject { seen: seen.into(), mark: Some(mark.clone()), released: None };
        let asked = Asked { address: &resource.address, mark: &mark, apart: false, live: Some(&live) };
        let known = history.read(vec![asked], Vec::new());
        assert_eq!(
            known.bases.get(&resource.address),
            Some(&Baseline::Spec(spec)),
            "{}: {:?}",
            resource.address,
            known.notes
        );
        assert!(known.notes.is_empty());
        let texts: BTreeSet<&str> =
            known.bases.trees().flat_map(|tree| tree.files.values()).filter_map(|file| file.text.as_deref()).collect();
        assert!(texts.contains("print(1)\n"), "{texts:?}");
        let tree = &applied.code.users[&resource.address].hash;
        assert_eq!(known.bases.tree(tree).is_some(), resource.address.name == "a");
    }
}
