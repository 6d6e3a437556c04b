//! A pull request from a fork, planned in a `workflow_run` as docs/pull-requests.md has it: what the fork wrote is data.

use super::github::{REPOSITORY, Rights};
use super::world::Ran;
use super::{Host, job};
use serde_json::json;

/// The fork of somebody who means ill.
const FORK: &str = "mallory/data";

/// Pull request 7 of a fork, whose commit is there as objects of git alone; the base is what is checked out.
struct Fork {
    host: Host,
    head: String,
}

impl Fork {
    /// `write` makes the fork's commit, on a branch of its own.
    fn new(prepare: impl FnOnce(&mut Host), write: impl FnOnce(&Host)) -> Fork {
        let mut host = Host::new();
        prepare(&mut host);
        let base = host.world.git(&["rev-parse", "main"]);
        host.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
        write(&host);
        let head = host.head();
        host.open(FORK);
        host.github.store().pulls.get_mut(&7).unwrap()["base"]["sha"] = base.into();
        // As the recipe fetches it.
        host.world.git(&["update-ref", "refs/plumb/pull", &head]);
        host.world.git(&["checkout", "--quiet", "--force", "main"]);
        host.world.git(&["branch", "--quiet", "-D", "feature"]);
        host.github.actions(super::TOKEN, Rights::Write);
        let fork = Fork { host, head };
        fork.host.world.sandbox.requests();
        fork
    }

    /// The run that the `workflow_run` follows.
    fn run_of(&mut self, head: &str, repository: &str) {
        let run = json!({ "id": 1, "event": "pull_request", "conclusion": "success", "head_sha": head,
            "head_repository": { "id": 2, "full_name": repository }, "pull_requests": [] });
        let file = self.host.file("run.json");
        std::fs::write(&file, json!({ "action": "completed", "workflow_run": run }).to_string()).unwrap();
        self.host.world.env("GITHUB_EVENT_PATH", Some(file.to_str().unwrap()));
        self.host.world.env("GITHUB_EVENT_NAME", Some("workflow_run"));
    }

    fn plan(&mut self, number: u64, more: &str) -> Ran {
        self.host.ran(&format!("ci plan --base main --pull-request {number} {more}"))
    }

    /// The recipe's command line, in the run of the fork's own commit.
    fn recipe(&mut self) -> Ran {
        let head = self.head.clone();
        self.run_of(&head, FORK);
        self.plan(7, "--at refs/plumb/pull")
    }

    /// Nothing was asked of the workspace, and nothing said anywhere.
    fn nothing_happened(&self) {
        assert_eq!(self.host.world.sandbox.requests(), [""; 0]);
        assert_eq!(self.host.github.comments(7), []);
    }
}

fn raised(host: &Host) {
    host.world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 200\n"), "Raise");
}

#[test]
fn a_forks_commit_is_planned_without_a_file_of_it() {
    let mut fork = Fork::new(
        |_| {},
        |host| {
            host.world.write(".gitattributes", "* filter=evil\n");
            host.world.write(".github/workflows/apply.yml", "on: push\n");
            raised(host);
            host.world.commit_file("manifests/new.yaml", &job("new", ""), "Add new");
        },
    );
    fork.recipe().code(0).says("from a fork").says("wrote https://github.com/acme/data/pull/7#issuecomment-");
    let comment = fork.host.comment();
    assert!(comment.contains("+ timeout_seconds = 200") && comment.contains("DatabricksJob/new"), "{comment}");
    // What approves, approves that commit.
    assert!(comment.contains(&fork.head), "{comment}");
    assert_eq!(fork.host.world.sandbox.writes(), [""; 0]);
    let git = |arguments: &[&str]| fork.host.world.git(arguments);
    assert_eq!(git(&["status", "--porcelain", "--ignored"]), "");
    assert_eq!(git(&["rev-parse", "--abbrev-ref", "HEAD"]), "main");
    // What the checkout holds, committed or not, is not what is planned.
    fork.host.world.write("manifests/stray.yaml", "no manifest");
    fork.host.world.remove("manifests/etl.yaml");
    fork.recipe().code(0);
    assert!(fork.host.comment().contains("+ timeout_seconds = 200"));
}

#[test]
fn a_number_that_the_fork_made_up_reaches_no_other_pull_request() {
    let mut fork = Fork::new(|_| {}, raised);
    // Somebody's pull request, whose plan was shown and is about to be merged.
    fork.host.world.git(&["checkout", "--quiet", "-B", "second", "main"]);
    fork.host.world.commit_file("manifests/report.yaml", &job("report", ""), "Add report");
    fork.host.github.open_pull(8, &fork.host.head(), REPOSITORY);
    fork.host.event_of(8);
    fork.host.preview("").code(0);
    fork.host.world.git(&["checkout", "--quiet", "main"]);
    let genuine = fork.host.github.comments(8);
    assert_eq!(genuine.len(), 1);
    let theirs = fork.host.world.git(&["rev-parse", "second"]);
    fork.host.world.sandbox.requests();
    let head = fork.head.clone();
    for (of_run, repository, number, more) in [
        // The artifact says 8; the run was of the fork's commit.
        (&head, FORK, 8, "--at refs/plumb/pull"),
        (&head, FORK, 8, ""),
        // The fork fetched under that number, too.
        (&head, FORK, 8, "--at second"),
        // The run of an older push, or of another fork with the same commit.
        (&theirs, FORK, 7, "--at refs/plumb/pull"),
        (&head, "eve/data", 7, "--at refs/plumb/pull"),
    ] {
        fork.run_of(of_run, repository);
        let ran = fork.plan(number, more).code(3);
        ran.says("the run that this one follows was of").says("nothing was sent");
    }
    // Without a number a fork's manifests would be read as the repository's own.
    fork.run_of(&head, FORK);
    fork.host.ran("ci plan --at refs/plumb/pull").code(3).says("no pull request is named");
    fork.run_of(&theirs, REPOSITORY);
    fork.plan(8, "--at refs/plumb/pull").code(3).says("--at refs/plumb/pull is").says("the head of pull request #8");
    fork.nothing_happened();
    assert_eq!(fork.host.github.comments(8), genuine);
}

#[test]
fn at_names_the_head_and_no_other_commit() {
    let mut fork = Fork::new(|_| {}, raised);
    let head = fork.head.clone();
    // A merge has the head among its parents, and may hold anything.
    fork.host.world.git(&["checkout", "--quiet", "-B", "merged", "main"]);
    fork.host.world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge", &head]);
    fork.host.world.commit_file("manifests/more.yaml", &job("more", ""), "More");
    fork.host.world.git(&["checkout", "--quiet", "main"]);
    fork.host.world.sandbox.requests();
    for rev in ["main", "merged", "merged~1", "HEAD"] {
        fork.run_of(&head, FORK);
        fork.plan(7, &format!("--at {rev}")).code(3).says("is not the head of pull request #7");
    }
    fork.plan(7, "--at refs/pull/9/head").code(1).says("there is no revision `refs/pull/9/head`");
    fork.nothing_happened();
    fork.plan(7, &format!("--at {head}")).code(0);
}

#[test]
fn at_a_commit_a_fork_can_neither_move_credentials_nor_see_the_environment() {
    let with_secret = |host: &mut Host| {
        host.world.env("SECRET_OF_THE_RUNNER", Some("hunter2-hunter2"));
        host.world.edit("plumb.yaml", "spec:\n", "spec:\n  env: [SECRET_OF_THE_RUNNER]\n");
        host.world.commit("A secret that manifests may use");
    };
    for (from, to) in [
        ("databricks: {}", "databricks: {host: 'https://evil.example'}"),
        ("databricks: {}", "databricks: {profile: other}"),
        ("databricks: {}", "sandbox: true"),
        // Not a byte of it.
        ("spec:\n", "spec: # mine\n"),
    ] {
        let mut fork = Fork::new(with_secret, |host| {
            host.world.edit("plumb.yaml", from, to);
            raised(host);
        });
        fork.recipe().code(3).says("a fork's plumb.yaml has to be that of the base branch: it differs");
        assert_eq!(fork.host.world.sandbox.requests(), [""; 0], "{to}");
    }
    let mut fork = Fork::new(with_secret, |host| {
        let asks = job("etl", "  description: ${env.SECRET_OF_THE_RUNNER}\n");
        host.world.commit_file("manifests/etl.yaml", &asks, "Ask for a secret");
    });
    let ran = fork.recipe().code(1).never_says("hunter2");
    ran.says("the manifests of a fork see no variable of the environment");
    assert_eq!(fork.host.world.sandbox.requests(), [""; 0]);
    assert!(!fork.host.comment().contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn a_link_or_a_submodule_in_a_forks_commit_is_refused_and_not_taken_for_a_delete() {
    for (what, says) in [
        ("link", "`manifests/etl.yaml` is a symbolic link, which is not followed in a commit"),
        ("folder", "`manifests/more` is a symbolic link, which is not followed in a commit"),
        ("submodule", "`manifests/more` is not a regular file"),
    ] {
        let mut fork = Fork::new(
            |_| {},
            |host| {
                let link = |to: &str, name: &str| {
                    let path = host.world.dir().join(name);
                    let _ = std::fs::remove_file(&path);
                    std::os::unix::fs::symlink(to, path).unwrap();
                };
                match what {
                    "link" => link("/etc/passwd", "manifests/etl.yaml"),
                    "folder" => link("../../elsewhere", "manifests/more"),
                    _ => {
                        let module = format!("160000,{},manifests/more", "1".repeat(40));
                        host.world.git(&["update-index", "--add", "--cacheinfo", &module]);
                        host.world.git(&["commit", "--quiet", "--message", "A module"]);
                        return;
                    }
                }
                host.world.commit("A link");
            },
        );
        fork.recipe().code(1).says(says).never_says("root:");
        assert_eq!(fork.host.world.sandbox.requests(), [""; 0], "{what}");
        assert!(fork.host.comment().contains("**There is no plan**"), "{what}");
    }
}

#[cfg(unix)]
#[test]
fn the_configuration_of_a_checkout_runs_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let mut host = Host::new();
    host.branch(200);
    host.open(FORK);
    // What an artifact that was unpacked into a checkout, or a checkout of somebody else's, may hold.
    let ran = host.file("ran");
    let program = host.file("evil.sh");
    std::fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >> {}\nenv >> {0}\n", ran.display())).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let evil = program.display();
    let hooks = host.world.dir().join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    for hook in ["post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction", "pre-commit"] {
        std::fs::copy(&program, hooks.join(hook)).unwrap();
    }
    let included = host.file("included");
    std::fs::write(&included, format!("[core]\n\tfsmonitor = {evil}\n")).unwrap();
    let config = format!(
        "\n[core]\n\tfsmonitor = {evil}\n\thooksPath = {}\n\tsshCommand = {evil}\n\tpager = {evil}\n\teditor = {evil}\n\taskPass = \
         {evil}\n[include]\n\tpath = {}\n[filter \"evil\"]\n\tclean = {evil}\n\tsmudge = {evil}\n\tprocess = {evil}\n\trequired = \
         true\n[diff \"evil\"]\n\ttextconv = {evil}\n\tcommand = {evil}\n[credential]\n\thelper = \"!{evil}\"\n[alias]\n\tstatus = \
         \"!{evil}\"\n[uploadpack]\n\tpackObjectsHook = {evil}\n",
        hooks.display(),
        included.display()
    );
    let path = host.world.dir().join(".git/config");
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, before.clone() + &config).unwrap();
    std::fs::write(host.world.dir().join(".git/info/attributes"), "* filter=evil diff=evil\n").unwrap();
    // As if everything had to be looked at again.
    let file = host.world.dir().join("manifests/etl.yaml");
    std::fs::File::options().append(true).open(&file).unwrap().set_modified(std::time::SystemTime::now()).unwrap();
    host.world.env("GITHUB_EVENT_NAME", Some("workflow_run"));
    let head = host.github.store().pulls[&7]["head"]["sha"].as_str().unwrap().to_owned();
    host.ran("plan --base main");
    host.ran("ci plan --base main --pull-request 7");
    host.ran(&format!("ci plan --base main --pull-request 7 --at {head}"));
    host.ran("drift");
    assert!(!ran.exists(), "{}", std::fs::read_to_string(&ran).unwrap());
    // git itself would have run it: the attack is one.
    let done = std::process::Command::new("git").arg("status").current_dir(host.world.dir()).output().unwrap();
    assert!(ran.exists(), "{}", String::from_utf8_lossy(&done.stderr));
}
