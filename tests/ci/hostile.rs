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
fn a_fork_that_takes_a_secret_out_gets_a_plan_without_it() {
    let mut host = Host::new();
    host.world.env("SECRET_OF_THE_RUNNER", Some("hunter2-hunter2"));
    host.world.edit("plumb.yaml", "spec:\n", "spec:\n  env: [SECRET_OF_THE_RUNNER]\n");
    let secretive = job("etl", "  description: ${env.SECRET_OF_THE_RUNNER}\n");
    host.world.commit_file("manifests/etl.yaml", &secretive, "A secret that a manifest uses");
    host.world.plumb("apply --yes").code(0);
    // The very secret stands where no manifest ever had one, too.
    let mut tags = host.world.sandbox.job("etl")["settings"]["tags"].clone();
    tags["note"] = json!("is hunter2-hunter2");
    host.world.sandbox.edit_job("etl", json!({ "tags": tags }));
    let base = host.world.git(&["rev-parse", "main"]);
    host.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
    host.world.commit_file("manifests/etl.yaml", &job("etl", "  description: of the fork\n"), "Without the secret");
    host.open("mallory/data");
    host.github.store().pulls.get_mut(&7).unwrap()["base"]["sha"] = base.into();
    host.event();
    host.github.actions(super::TOKEN, Rights::Write);
    // The base's manifest cannot be read without the secret, which a fork does not see: this failed outright.
    host.preview("").code(0).never_says("hunter2");
    let comment = host.comment();
    assert!(comment.contains("of the fork") && comment.contains("tags.note = \"is (secret"), "{comment}");
    assert!(!comment.contains("hunter2") && !host.step("summary").contains("hunter2"), "{comment}");
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
