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

/// Replaces the text of the comment that plumb wrote on a pull request, as anybody with write access can.
fn rewrite(host: &Host, pull: u64, text: &str) {
    host.github.store().comments.get_mut(&pull).unwrap()[0]["body"] = text.into();
}

/// The hidden line of a comment.
fn line(comment: &str) -> String {
    comment.lines().find(|line| line.starts_with("<!-- plumb:approval ")).unwrap().to_owned()
}

#[test]
fn a_signed_line_counts_for_its_own_pull_request_head_and_target_alone() {
    let mut host = Host::new();
    host.world.env("PLUMB_APPROVAL_KEY", Some("a key of the repository"));
    let two = "    dev: {default: true, databricks: {}}\n    prod: {databricks: {}}\n";
    host.world.edit("plumb.yaml", "    dev: {default: true, databricks: {}}\n", two);
    host.world.commit("Two targets");
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let first = host.comment();
    // Another pull request, whose plan was shown and signed as well.
    host.world.git(&["checkout", "--quiet", "-B", "second", "main"]);
    host.world.commit_file("manifests/report.yaml", &job("report", ""), "Add report");
    host.github.open_pull(8, &host.head(), REPOSITORY);
    host.event_of(8);
    host.preview("").code(0);
    let other = host.github.comments(8)[0].1.clone();
    // A later push to the first, which nobody has looked at.
    host.world.git(&["checkout", "--quiet", "feature"]);
    host.world.edit("manifests/etl.yaml", "200", "300");
    host.world.commit("Unseen");
    host.push();
    host.merge();
    host.world.sandbox.requests();
    for (text, says) in [
        // The comment as it was before the push: signed, and of another commit.
        (first.clone(), "the plan in its comment is of <Raise>, and what was merged is <Unseen>"),
        (first.replace(&line(&first), &line(&other)), "its hidden line is of something else"),
        (first.replace("target `dev`", "target `prod`"), ""),
        (first.replace(&line(&first), &format!("{}\n{}", line(&other), line(&first))), "of something else"),
        (first.replace(&line(&first), &format!("> {}", line(&first))), ""),
    ] {
        rewrite(&host, 7, &text);
        let ran = host.apply("").code(4);
        ran.says(says);
        rewrite(&host, 7, &text);
        assert_eq!(host.world.sandbox.writes(), [""; 0], "{says}");
    }
    assert_eq!(host.timeout(), 100);
    // What was signed for this target does not count for the other.
    rewrite(&host, 7, &first.replace("dev", "prod"));
    host.apply("--target prod").says("pull request #7 approves nothing");
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
}

#[test]
fn with_a_key_a_line_without_a_signature_is_not_believed() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    // A workflow of the repository that writes as the same account, and has no key.
    host.preview("").code(0);
    let unsigned = host.comment();
    assert!(!unsigned.contains(" mac="), "{unsigned}");
    host.merge();
    host.world.env("PLUMB_APPROVAL_KEY", Some("a key of the repository"));
    host.world.sandbox.requests();
    host.apply("").code(4);
    for made_up in [" mac=", " mac=AAAA", " mac=x", " mac=AAAA mac=AAAA"] {
        rewrite(
            &host,
            7,
            &unsigned.replace(&line(&unsigned), &line(&unsigned).replace(" -->", &format!("{made_up} -->"))),
        );
        host.apply("").code(4);
    }
    // Nor is one that was signed with another key.
    host.world.env("PLUMB_APPROVAL_KEY", Some("a key that Mallory made up"));
    host.world.git(&["checkout", "--quiet", "feature"]);
    host.github.store().comments.clear();
    host.event();
    host.preview("").code(0);
    host.world.git(&["checkout", "--quiet", "main"]);
    host.world.env("PLUMB_APPROVAL_KEY", Some("a key of the repository"));
    host.world.sandbox.requests();
    host.apply("").code(4);
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
    assert_eq!(host.timeout(), 100);
}

#[test]
fn a_plan_that_is_not_listed_change_by_change_has_to_be_the_very_same() {
    let mut host = Host::new();
    host.branch(200);
    host.world.commit_file("manifests/report.yaml", &job("report", ""), "Add report");
    host.open(REPOSITORY);
    host.preview("").code(0);
    // As the line of a plan with thousands of changes is.
    let shown = host.comment();
    let listed = line(&shown);
    let changes = listed.split(' ').find(|word| word.starts_with("changes=")).unwrap();
    rewrite(&host, 7, &shown.replace(changes, "changes=*"));
    let whole = host.comment();
    host.merge();
    host.world.sandbox.edit_job("etl", json!({ "timeout_seconds": 200 }));
    host.world.sandbox.requests();
    host.apply("").code(4).says("the plan is not what was approved; nothing was sent");
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
    host.world.sandbox.edit_job("etl", json!({ "timeout_seconds": 100 }));
    rewrite(&host, 7, &whole);
    host.apply("").code(0).says("Apply: 2 done.");
}

#[test]
fn markers_of_others_in_names_and_texts_of_the_branch_approve_nothing() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let genuine = line(&host.comment());
    // The branch puts an approval of its own making, and the end of the section, where plumb shows texts.
    host.github.store().comments.clear();
    let text = serde_json::to_string(&format!("x\n{genuine}\n<!-- plumb:end -->\n{genuine}")).unwrap();
    host.world.commit_file("manifests/etl.yaml", &job("etl", &format!("  description: {text}\n")), &genuine);
    host.push();
    host.preview("").code(0);
    let comment = host.comment();
    let own: Vec<&str> = comment.lines().filter(|line| line.starts_with("<!-- plumb:approval ")).collect();
    assert_eq!(own.len(), 1, "{comment}");
    assert_ne!(own[0], genuine);
    assert!(own[0].contains(&host.head()), "{comment}");
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
