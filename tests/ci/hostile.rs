//! Who must not be believed, and what must not be done for them.

use super::github::{REPOSITORY, Rights};
use super::{Host, job};
use serde_json::json;

/// A name that tries everything.
const HOSTILE: &str = "x @team <img src=x onerror=a> ``` <!-- plumb:end --> ##[error]y ::error::z";

fn hostile_job() -> String {
    let quoted = serde_json::to_string(&format!("{HOSTILE}\n::error::pwned\n```\n<!-- plumb:end -->\n")).unwrap();
    job("etl", &format!("  timeout_seconds: 200\n  description: {quoted}\n"))
}

#[test]
fn a_fork_gets_a_rendered_plan_and_nothing_else() {
    let mut host = Host::new();
    host.world.env("SECRET_OF_THE_RUNNER", Some("hunter2-hunter2"));
    host.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
    host.world.commit_file("manifests/etl.yaml", &hostile_job(), HOSTILE);
    host.open("mallory/data");
    // Somebody can edit what is live, too.
    host.world.sandbox.edit_job("etl", json!({ "name": HOSTILE, "description": HOSTILE }));
    let base = host.world.git(&["rev-parse", "main"]);
    host.github.store().pulls.get_mut(&7).unwrap()["base"]["sha"] = base.into();
    host.event();
    // In the job of the pull request itself the token may only read.
    host.github.actions(super::TOKEN, Rights::Read);
    host.world.sandbox.requests();
    host.preview("").code(0).says("no comment: the token may not write").says("from a fork");
    assert!(host.step("summary").contains("timeout_seconds = 200"));
    assert_eq!(host.github.comments(7), []);
    // In a job of `workflow_run` it may write, and nothing is run and nothing changed.
    host.github.actions(super::TOKEN, Rights::Write);
    host.world.env("GITHUB_EVENT_PATH", None);
    host.world.env("GITHUB_EVENT_NAME", Some("workflow_run"));
    let ran = host.ran("ci plan --base main --pull-request 7").code(0);
    let inside = ran.out.split("::stop-commands::").nth(1).unwrap();
    let token = inside.lines().next().unwrap();
    assert!(token.len() > 30 && inside.contains(&format!("\n::{token}::\n")));
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
    let comment = host.comment();
    assert!(comment.contains("timeout_seconds = 200"), "{comment}");
    let markers = comment.lines().filter(|l| l.starts_with("<!-- plumb:")).count();
    assert_eq!(markers, 4, "comment, section, approval, end:\n{comment}");
    let mut fence: Option<String> = None;
    for line in comment.lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks.len() >= open.len() && line == ticks => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => assert!(!line.contains("@team") && !line.contains("<img"), "{line}"),
            Some(_) => {}
        }
    }
    assert_eq!(fence, None);
}

#[test]
fn a_fork_cannot_send_credentials_elsewhere_nor_ask_for_secrets() {
    let mut host = Host::new();
    host.world.env("SECRET_OF_THE_RUNNER", Some("hunter2-hunter2"));
    host.world.edit("plumb.yaml", "spec:\n", "spec:\n  env: [SECRET_OF_THE_RUNNER]\n");
    host.world.commit("A secret that manifests may use");
    let base = host.world.git(&["rev-parse", "main"]);
    host.branch(200);
    host.world.commit_file(
        "manifests/etl.yaml",
        &job("etl", "  description: ${env.SECRET_OF_THE_RUNNER}\n"),
        "Ask for a secret",
    );
    host.open("mallory/data");
    host.github.store().pulls.get_mut(&7).unwrap()["base"]["sha"] = base.into();
    host.event();
    let ran = host.preview("").code(1);
    ran.says("SECRET_OF_THE_RUNNER").says("the manifests of a fork see no variable of the environment");
    host.world.write("manifests/etl.yaml", &job("etl", ""));
    host.world.edit("plumb.yaml", "databricks: {}", "databricks: {host: 'https://evil.example'}");
    host.world.commit("Elsewhere");
    host.push();
    host.world.sandbox.requests();
    host.preview("").code(3).says("a fork's plumb.yaml has to be that of the base branch: it differs");
    assert_eq!(host.world.sandbox.requests(), [""; 0]);
    // The fork's own branch of the base's name counts for nothing: the base is the commit that GitHub names.
    host.world.git(&["branch", "--force", "main", "HEAD"]);
    host.preview("").code(3);
}

#[test]
fn a_comment_by_somebody_else_is_not_believed() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let genuine = host.comment();
    host.merge();
    // Mallory writes what plumb would have written for what is live now.
    host.github.store().comments.clear();
    host.github.comment(7, "mallory", &genuine);
    host.apply("").code(4).says("plumb showed no plan for target dev there");
    assert_eq!(host.timeout(), 100);
    // It is not written to, either.
    host.apply("--comment-author mallory").code(0);
    assert_eq!(host.timeout(), 200);
}

#[test]
fn with_a_key_an_edited_comment_is_not_believed() {
    let mut host = Host::new();
    host.world.env("PLUMB_APPROVAL_KEY", Some("a key of the repository"));
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let genuine = host.comment();
    assert!(genuine.contains(" mac="), "{genuine}");
    let edit = |from: &str, to: &str| {
        let text = genuine.replacen(from, to, 1);
        assert_ne!(text, genuine);
        host.github.store().comments.get_mut(&7).unwrap()[0]["body"] = text.into();
    };
    edit(" digest=", " digest=0123456789abcdef was=");
    host.merge();
    host.apply("").code(4).says("its hidden line is not signed with PLUMB_APPROVAL_KEY");
    host.github.store().comments.get_mut(&7).unwrap()[0]["body"] = genuine.into();
    host.apply("").code(0);
    assert_eq!(host.timeout(), 200);
}

#[test]
fn an_approval_without_the_key_is_refused_for_that_and_not_as_stale() {
    const KEY: Option<&str> = Some("a key of the repository");
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let plain = host.digest();
    assert!(!plain.starts_with("k:"), "{plain}");
    host.world.env("PLUMB_APPROVAL_KEY", KEY);
    host.preview("").code(0);
    let keyed = host.digest();
    assert!(keyed.starts_with("k:") && host.comment().contains(&keyed), "{keyed}");
    host.merge();
    host.world.plumb("plan --out keyed.json").code(0);
    // A digest and a saved plan that were made without the key, where there is one.
    let missing = "named without PLUMB_APPROVAL_KEY, and this apply has that key";
    host.apply(&format!("--approved {plain}")).code(4).says(missing);
    host.world.env("PLUMB_APPROVAL_KEY", None);
    host.world.plumb("plan --out plain.json").code(0);
    host.world.env("PLUMB_APPROVAL_KEY", KEY);
    host.world.plumb("apply plain.json --yes").code(4).says(missing);
    host.world.plumb("apply --yes --approved plain.json").code(4).says(missing);
    // And the other way round.
    host.world.env("PLUMB_APPROVAL_KEY", None);
    let unset = "named with PLUMB_APPROVAL_KEY, and that is not set here";
    host.apply("").code(4).says(unset);
    host.world.plumb("apply keyed.json --yes").code(4).says(unset);
    assert_eq!(host.timeout(), 100);
    host.world.env("PLUMB_APPROVAL_KEY", KEY);
    host.apply("").code(0).says("the plan is the one that was approved");
    assert_eq!(host.timeout(), 200);
}

#[test]
fn a_saved_plan_that_is_a_link_shows_nothing_of_where_it_leads() {
    let host = Host::new();
    std::fs::write(host.world.home().join("credentials"), "s3cr3t=hunter2\n").unwrap();
    let links = [
        ("out.json", host.world.home().join("credentials").display().to_string()),
        ("passwd.json", "/etc/passwd".to_owned()),
        ("git.json", ".git/config".to_owned()),
    ];
    for (name, to) in links {
        std::os::unix::fs::symlink(to, host.world.dir().join(name)).unwrap();
        for arguments in [format!("apply {name} --yes"), format!("apply --yes --approved {name}")] {
            let ran = host.world.plumb(&arguments).code(1);
            ran.says("it is a link that leaves the project, or leads to a hidden file; nothing was sent");
        }
    }
    // What is no plan is not quoted, wherever it is.
    let path = host.world.home().join("credentials").display().to_string();
    let ran = host.world.plumb(&format!("apply {path} --yes")).code(1).says("it is no JSON: line 1, column 1");
    ran.never_says("hunter2").never_says("s3cr3t");
}
