use super::*;
use git2::{IndexAddOption, Repository, Signature, Time};
use plumb_core::code::CodeForm;
use plumb_core::kinds;
use plumb_core::manifest::{Desired, Request, load};
use tempfile::TempDir;

const PROJECT: &str =
    "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {sandbox: {sandbox: true}}}\n";

fn job(path: &str, along: &str) -> String {
    format!(
        "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: a, code: [{along}]}}\nspec:\n  tasks: [{{task_key: t, \
         spark_jar_task: {{main_class_name: M}}, libraries: [{{whl: {path}}}]}}]\n"
    )
}

/// A repository with a project in one of its folders.
fn repository(files: &[(&str, &str)]) -> (TempDir, Repository) {
    let dir = tempfile::tempdir().unwrap();
    let git = Repository::init(dir.path()).unwrap();
    let fixed = [
        (".gitignore", "dist/\n*.log\nkept.log/\n"),
        (".env", "TOKEN=hunter2"),
        ("pipelines/plumb.yaml", PROJECT),
        ("lib/load.py", "x = 1\n"),
        ("lib/run.log", "no"),
        ("lib/.env", "TOKEN=hunter2"),
        ("lib/__pycache__/load.pyc", "no"),
        ("lib/deep/more.py", "y = 1\n"),
        ("lib/dist/left.py", "no"),
        ("pipelines/dist/etl-1.0.whl", "wheel"),
    ];
    for (path, text) in fixed.iter().chain(files) {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    (dir, git)
}

fn commit(git: &Repository) -> String {
    let mut index = git.index().unwrap();
    index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = git.find_tree(index.write_tree().unwrap()).unwrap();
    let by = Signature::new("Ann", "a@example.com", &Time::new(0, 0)).unwrap();
    git.commit(None, &by, &by, "code", &tree, &[]).unwrap().to_string()
}

fn read(source: &dyn ManifestSource) -> Result<Desired, String> {
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    load(source, &request, kinds::all()).map_err(|e| {
        e.problems.iter().map(|one| format!("{} | {}", one.message, one.label)).collect::<Vec<_>>().join("; ")
    })
}

#[test]
fn code_may_be_above_the_project_and_what_git_ignores_is_taken_only_by_name() {
    let (dir, git) =
        repository(&[("pipelines/manifests/a.yaml", &job("../dist/etl-*.whl", "../../lib, ../../lib/run.log"))]);
    commit(&git);
    let disk = Disk::new(dir.path().join("pipelines")).unwrap();
    let desired = read(&disk).unwrap();
    let tree = desired.code.trees.values().next().unwrap();
    let files: Vec<(&str, bool)> = tree.files.iter().map(|(path, file)| (path.as_str(), file.text.is_some())).collect();
    // A text that git does not have is not kept: a plan would show it.
    let wanted = [
        ("lib/deep/more.py", true),
        ("lib/load.py", true),
        ("lib/run.log", false),
        ("pipelines/dist/etl-1.0.whl", false),
    ];
    assert_eq!(files, wanted);
    assert_eq!(tree.files["pipelines/dist/etl-1.0.whl"].form, CodeForm::File, "no archive");
    assert_eq!(CodeBytes::bytes(&disk, &tree.files["lib/load.py"].place), Ok(b"x = 1\n".to_vec()));
    assert!(CodeBytes::bytes(&disk, "lib/.env").is_err() && CodeBytes::bytes(&disk, "nothing").is_err());
    // What stands in git although its rules ignore it is code like any other.
    let mut index = git.index().unwrap();
    index.add_path(Path::new("lib/run.log")).unwrap();
    index.write().unwrap();
    let again = read(&Disk::new(dir.path().join("pipelines")).unwrap()).unwrap();
    assert!(again.code.trees.values().next().unwrap().files["lib/run.log"].text.is_some());
}

#[test]
fn what_is_to_be_built_and_what_leaves_the_repository_are_told() {
    for (path, wanted) in [
        ("../dist/app.whl", "there is no `dist/app.whl` | git ignores it: CI has to build it before plumb runs"),
        ("../../../x.whl", "`../../../x.whl` leaves the repository | relative to this file"),
        ("../../.env", "`../.env` is hidden | hidden files are not taken: credentials stand in them"),
        ("../../.git/config", "`../.git/config` is hidden | hidden files are not taken: credentials stand in them"),
    ] {
        let (dir, _) = repository(&[("pipelines/manifests/a.yaml", &job(path, ""))]);
        assert_eq!(read(&Disk::new(dir.path().join("pipelines")).unwrap()).map(drop), Err(wanted.to_owned()), "{path}");
    }
}

#[test]
fn without_git_the_project_is_the_top() {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [("plumb.yaml", PROJECT), ("manifests/a.yaml", &job("../a.whl", "")), ("a.whl", "x")] {
        fs::create_dir_all(dir.path().join(path).parent().unwrap()).unwrap();
        fs::write(dir.path().join(path), text).unwrap();
    }
    let desired = read(&Disk::new(dir.path()).unwrap()).unwrap();
    assert!(desired.code.trees.values().next().unwrap().files.contains_key("a.whl"));
}

#[cfg(unix)]
#[test]
fn links_are_followed_inside_of_the_repository_and_nowhere_else() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.py"), "hunter2").unwrap();
    let with = |to: &Path, along: &str| {
        let (dir, git) = repository(&[("pipelines/manifests/a.yaml", &job("../../lib/load.py", along))]);
        symlink(to, dir.path().join("lib/link.py")).unwrap();
        let id = commit(&git);
        (dir, id)
    };
    let both = |to: &Path, along: &str| {
        let (dir, id) = with(to, along);
        let disk = read(&Disk::new(dir.path().join("pipelines")).unwrap());
        let repo = Repo::open(&dir.path().join("pipelines")).unwrap().unwrap();
        let files = repo.files_of(&id).unwrap();
        [disk, read(&files)].map(|read| read.map(|desired| desired.code.trees.into_keys().next().unwrap()))
    };
    for (to, wanted) in [
        (outside.path().join("secret.py"), "is a symbolic link that leaves the repository"),
        ("../../../../../../../../etc/passwd".into(), "is a symbolic link that leaves the repository"),
        ("../.env".into(), "is hidden, or leads to a hidden file"),
        ("nothing.py".into(), "is a symbolic link to nothing"),
        ("link.py".into(), ""),
    ] {
        for named in both(&to, "../../lib/link.py") {
            let told = named.unwrap_err();
            assert!(told.contains(wanted) && told.contains("`../lib/link.py`") || wanted.is_empty(), "{to:?}: {told}");
        }
        for folder in both(&to, "../../lib") {
            let told = folder.unwrap_err();
            assert!(told.contains(wanted) || wanted.is_empty(), "{to:?}: {told}");
        }
    }
    let [disk, at_commit] = both(Path::new("deep/more.py"), "../../lib");
    assert_eq!(disk, at_commit);
    // A folder that is in itself, by a link.
    let [disk, at_commit] = both(Path::new("../lib"), "../../lib");
    assert_eq!(disk, at_commit);
}

#[test]
fn a_commit_has_what_git_has() {
    let (dir, git) = repository(&[
        ("pipelines/manifests/a.yaml", &job("../../lib/load.py", "../../lib")),
        ("pipelines/manifests/b.yaml", &job("../dist/etl-1.0.whl", "").replace("name: a", "name: b")),
    ]);
    let id = commit(&git);
    let disk = read(&Disk::new(dir.path().join("pipelines")).unwrap()).unwrap();
    fs::write(dir.path().join("lib/load.py"), "x = 2\n").unwrap();
    let repo = Repo::open(&dir.path().join("pipelines")).unwrap().unwrap();
    let files = repo.files_of(&id).unwrap();
    assert_eq!(
        read(&files).map(drop),
        Err("there is no `dist/etl-1.0.whl` | the path is relative to the file in which it stands".into())
    );
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    let earlier = plumb_core::manifest::load_earlier(&files, &request, kinds::all())
        .unwrap_or_else(|e| panic!("{:?}", e.problems));
    let address = &disk.resources[0].address;
    assert_eq!(earlier.code.of(address), disk.code.of(address));
    let texts = &earlier.code.of(address).unwrap().files;
    assert_eq!(texts["lib/load.py"].text.as_deref(), Some("x = 1\n"));
}
