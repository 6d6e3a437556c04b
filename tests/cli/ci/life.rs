//! From the branch to the apply.

use super::github::{Fault, REPOSITORY};
use super::{Host, job};
use serde_json::json;

#[test]
fn a_pull_request_is_previewed_updated_merged_and_applied() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0).says("wrote https://github.com/acme/data/pull/7#issuecomment-");
    let first = host.comment();
    assert!(first.contains("+ timeout_seconds = 200"), "{first}");
    let outputs = host.step("output");
    assert!(outputs.contains("changes=1\ncreate=0\nupdate=1\n") && outputs.contains("exitcode=0\n"), "{outputs}");
    assert!(host.step("summary").contains("+ timeout_seconds = 200"));
    // More commits: the same comment.
    let schedule = "300\n  schedule: {quartz_cron_expression: 0 0 4 2 * ?, timezone_id: Europe/London}";
    host.world.edit("manifests/etl.yaml", "200", schedule);
    host.world.commit("Raise it more");
    host.push();
    let ran = host.preview("--detailed-exitcode").code(2);
    assert!(ran.out.contains("::notice file=manifests/etl.yaml,line=1,title=DatabricksJob/etl::will be updated"));
    let second = host.comment();
    assert!(second.contains("+ timeout_seconds = 300") && !second.contains("= 200"), "{second}");
    assert!(second.contains("# next scheduled run: 2") && second.contains("-02 04:00 Europe/London\n"), "{second}");
    let digest = host.digest();
    assert!(second.contains(&format!("plumb apply --target dev --approved {digest}")), "{second}");
    // Merged, and exactly that is applied.
    host.merge();
    host.apply("").code(0).says("the plan is the one that was approved").says("Apply: 1 done.");
    assert_eq!(host.timeout(), 300);
    assert!(host.comment().contains("**Applied.** ([log](<https://github.com/acme/data/actions/runs/42>))"));
    // Run again: less is fine, and nothing is sent.
    host.world.sandbox.requests();
    host.apply("").code(0).says("1 approved changes are no longer needed");
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
}

#[test]
fn the_comment_says_what_is_not_known() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    host.merge();
    host.world.sandbox.fault(json!({"path": "/api/2.2/jobs/*", "method": "POST", "status": 500, "when": "after"}));
    host.apply("").code(6).says("Apply: 0 done, 1 not known.");
    assert_eq!(host.timeout(), 200);
    let comment = host.comment();
    assert!(comment.contains("**Not wholly applied: 0 done, 1 not known, exit code 6.**"), "{comment}");
    host.apply("").code(0);
    assert!(host.comment().contains("**Applied.**") || host.comment().contains("nothing left to apply"));
}

#[test]
fn open_decisions_are_said_and_wait() {
    let mut host = Host::new();
    host.branch(200);
    let undecided = job("churn", "  # DECISION: how long @team\n  timeout_seconds: 600\n");
    host.world.commit_file("manifests/churn/job.yaml", &undecided, "Add churn");
    host.open(REPOSITORY);
    host.preview("").code(3);
    let shown = host.comment();
    assert!(shown.contains("\n**1 decision open in 1 pipeline; `plumb validate` lists them.**\n"), "{shown}");
    let open =
        "! DatabricksJob/churn: a decision is open in its manifest: how long @team\n  to allow it: decide, and delete";
    assert!(shown.contains(open), "{shown}");
    assert!(shown.contains("\n! to decide: how long @team (manifests/churn/job.yaml:11)\n"), "{shown}");
    host.merge();
    // What is decided was approved with it, and is done.
    host.apply("").code(3).says("the plan is the one that was approved").says("Apply: 1 done, 1 blocked.");
    assert_eq!(host.timeout(), 200);
    assert!(!host.world.sandbox.has_job("churn"));
    let ended = host.comment();
    assert!(ended.contains("**Not wholly applied: 1 done, 1 blocked, exit code 3.**"), "{ended}");
    // Whoever may goes past it: merging has approved it.
    host.apply("--override decisions").code(0).says("overridden: a decision is open");
    assert!(host.world.sandbox.has_job("churn"));
}

#[test]
fn an_edit_between_review_and_merge_is_refused_shown_and_approved_anew() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    host.step("output");
    host.world.sandbox.edit_job("etl", json!({ "timeout_seconds": 150 }));
    host.merge();
    host.world.sandbox.requests();
    host.apply("").code(4).says("the plan is not what was approved; nothing was sent: 1 of its 1 changes were not");
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
    assert_eq!(host.timeout(), 150);
    let refused = host.comment();
    assert!(refused.contains("**Not applied.**") && refused.contains("- timeout_seconds = 150"), "{refused}");
    let digest = host.digest();
    assert!(refused.contains(&format!("`plumb ci apply --approved {digest}`")), "{refused}");
    // Not by running it again, and not by any digest.
    host.apply("").code(4);
    host.apply("--approved 0123456789abcdef").code(4);
    assert!(host.comment().contains("<!-- plumb:approval v1 "), "the old approval is still there");
    assert_eq!(host.timeout(), 150);
    host.apply(&format!("--approved {digest}")).code(0);
    assert_eq!(host.timeout(), 200);
    assert!(host.comment().contains("**Applied.**"));
}

#[test]
fn less_than_was_approved_is_applied_and_more_is_not() {
    let mut host = Host::new();
    host.branch(200);
    host.world.commit_file("manifests/report.yaml", &job("report", ""), "Add report");
    host.open(REPOSITORY);
    host.preview("").code(0);
    host.merge();
    // Somebody has made one of the two changes by hand meanwhile.
    host.world.sandbox.edit_job("etl", json!({ "timeout_seconds": 200 }));
    host.apply("").code(0).says("Apply: 1 done.");
    assert!(host.world.sandbox.has_job("report"));
    // A commit that came by no pull request, and one that its pull request never showed.
    host.world.commit_file("manifests/stray.yaml", &job("stray", ""), "Stray");
    host.world.sandbox.requests();
    host.apply("").code(4).says("no pull request was merged as").says("1 of its 1 changes were not");
    assert_eq!(host.world.sandbox.writes(), [""; 0]);
    host.apply("plan.json").code(64).says("`ci apply` takes no saved plan");
    host.apply("--pull-request 7").code(4).says("1 of its 1 changes were not: DatabricksJob/stray");
    assert!(!host.world.sandbox.has_job("stray"));
}

#[test]
fn two_that_were_merged_before_either_was_applied_are_named_both() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    host.world.git(&["checkout", "--quiet", "-B", "second", "main"]);
    host.world.commit_file("manifests/report.yaml", &job("report", ""), "Add report");
    host.github.open_pull(8, &host.head(), REPOSITORY);
    host.event_of(8);
    host.preview("").code(0);
    host.merge();
    host.world.git(&["merge", "--quiet", "--no-ff", "--message", "Merge pull request #8", "second"]);
    host.github.merge(8, &host.head());
    host.apply("").code(4).says("1 of its 2 changes were not: DatabricksJob/etl");
    assert!(!host.world.sandbox.has_job("report"));
    host.apply("--pull-request 7 --pull-request 8").code(0).says("Apply: 2 done.");
    assert_eq!(host.timeout(), 200);
    let texts = [7, 8].map(|number| host.github.comments(number)[0].1.clone());
    assert!(texts.iter().all(|text| text.contains("**Applied.**")), "{texts:#?}");
    // Not one whose merge is not here.
    host.github.open_pull(9, &"9".repeat(40), REPOSITORY);
    host.github.merge(9, &"9".repeat(40));
    host.apply("--pull-request 9").code(4).says("what is checked out does not have pull request #9");
}

#[test]
fn outside_a_pull_request_there_is_no_comment_and_outside_github_a_digest_is_enough() {
    let mut host = Host::new();
    host.branch(200);
    host.ran("ci plan --base main").code(0);
    assert_eq!(host.github.requests(), [""; 0]);
    let digest = host.digest();
    assert!(host.step("summary").contains("timeout_seconds = 200"));
    for name in ["GITHUB_REPOSITORY", "GITHUB_TOKEN", "GITHUB_ACTIONS"] {
        host.world.env(name, None);
    }
    host.ran("ci plan --pull-request 7").code(1).says("GITHUB_REPOSITORY is not set");
    host.ran("ci apply").code(1).says("`plumb apply --approved DIGEST` does the same");
    host.ran("ci apply --approved 0123456789abcdef").code(4);
    host.ran(&format!("ci apply --approved {digest}")).code(0);
    assert_eq!(host.timeout(), 200);
    host.world.env("GITHUB_REPOSITORY", Some("nonsense"));
    host.ran("ci plan").code(1).says("`nonsense` is no repository: it is called OWNER/NAME");
    host.world.env("GITHUB_EVENT_PATH", Some("none.json"));
    host.ran("ci plan").code(1).says("GITHUB_EVENT_PATH none.json");
}

#[test]
fn a_push_without_a_preview_is_not_approved() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    host.world.edit("manifests/etl.yaml", "200", "300");
    host.world.commit("Unseen");
    host.push();
    host.merge();
    host.apply("").code(4).says("the plan in its comment is of <Raise>, and what was merged is <Unseen>");
    assert_eq!(host.timeout(), 100);
    let said = host.comment();
    assert!(said.contains("**Not applied.**") && said.contains("+ timeout_seconds = 300"), "{said}");
    host.github.store().pulls.get_mut(&7).unwrap()["merged_at"] = json!(null);
    host.apply("--pull-request 7").code(4).says("pull request #7 is not merged");
    host.github.store().comments.clear();
    host.github.store().pulls.get_mut(&7).unwrap()["merged_at"] = json!("2026-05-01T11:00:00Z");
    host.apply("").code(4).says("plumb showed no plan for target dev there");
    // What nobody approved is nothing; and where nothing is to be done, that is enough.
    host.world.sandbox.edit_job("etl", json!({ "timeout_seconds": 300 }));
    host.apply("").code(0).says("pull request #7 approves nothing");
}

#[test]
fn a_merge_of_the_branch_is_planned_as_its_head_and_anything_else_is_not() {
    let mut host = Host::new();
    host.branch(200);
    host.open(REPOSITORY);
    host.world.git(&["checkout", "--quiet", "main"]);
    host.world.commit_file("manifests/other.yaml", &job("other", ""), "Other");
    host.world.git(&["merge", "--quiet", "--no-ff", "--message", "As refs/pull/7/merge", "feature"]);
    host.preview("").code(0);
    assert!(host.comment().contains("<!-- plumb:approval v1 "));
    host.world.commit_file("manifests/third.yaml", &job("third", ""), "Third");
    host.preview("").code(1).says("is not the head of pull request #7");
    host.world.git(&["checkout", "--quiet", "feature"]);
    host.world.write("manifests/fourth.yaml", &job("fourth", ""));
    host.preview("").code(1).says("the manifests differ from the commit that is checked out");
    // What failed is said in the comment, and approves nothing.
    let comment = host.comment();
    assert!(comment.contains("**There is no plan**") && !comment.contains("plumb:approval"), "{comment}");
}

#[test]
fn mistakes_are_said_in_the_comment() {
    let mut host = Host::new();
    host.branch(200);
    host.world.edit("manifests/etl.yaml", "timeout_seconds: 200", "timeout_secs: 200");
    host.world.commit("Mistake");
    host.open(REPOSITORY);
    let ran = host.preview("").code(1);
    let beside = "::error file=manifests/etl.yaml,line=11,title=plumb::unknown field `timeout_secs`";
    assert!(ran.out.contains(beside), "{}", ran.shown);
    let comment = host.comment();
    assert!(comment.contains("**There is no plan**") && comment.contains("timeout_seconds"), "{comment}");
}

#[test]
fn each_target_has_a_section_of_one_comment() {
    let mut host = Host::new();
    let two = "    dev: {default: true, databricks: {}}\n    prod: {databricks: {}}\n";
    host.world.edit("plumb.yaml", "    dev: {default: true, databricks: {}}\n", two);
    host.world.commit("Two targets");
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    // The job is dev's, so that prod's plan refuses it: the job goes red, and the comment says why.
    host.preview("--target prod").code(3);
    let both = host.comment();
    assert_eq!(both.matches("### Plan of").count(), 2, "{both}");
    host.preview("").code(0);
    assert_eq!(host.comment(), both);
    // GitHub finds a comment too long although it is not: less is said, and it fits.
    host.world.edit("manifests/etl.yaml", "200", "300");
    host.world.commit("Raise it more");
    host.push();
    for fault in [Fault::TooLong, Fault::SecondaryLimit, Fault::LostAnswer] {
        host.github.next("PATCH", fault);
    }
    host.preview("").code(0);
    assert!(host.comment().contains("+ timeout_seconds = 300"));
    host.github.store().comments.clear();
    host.github.next("POST", Fault::LostAnswer);
    host.preview("").code(0);
    host.comment();
}

#[test]
fn two_jobs_that_write_the_same_comment_at_once_both_get_their_section() {
    let mut host = Host::new();
    let two = "    dev: {default: true, databricks: {}}\n    prod: {databricks: {}}\n";
    host.world.edit("plumb.yaml", "    dev: {default: true, databricks: {}}\n", two);
    host.world.commit("Two targets");
    host.branch(200);
    host.open(REPOSITORY);
    host.preview("").code(0);
    let first = host.comment();
    host.world.edit("manifests/etl.yaml", "200", "300");
    host.world.commit("Raise it more");
    host.push();
    let other = host.world.start("ci plan --base main --target prod");
    host.ran("ci plan --base main").code(0);
    other.wait().code(3);
    let both = host.comment();
    assert!(both.contains("target `prod`") && both.contains("+ timeout_seconds = 300") && both != first, "{both}");
}

#[test]
fn a_plan_of_five_hundred_resources_fits_into_a_comment() {
    let mut host = Host::new();
    let two = "    dev: {default: true, databricks: {}}\n    prod: {databricks: {}}\n";
    host.world.edit("plumb.yaml", "    dev: {default: true, databricks: {}}\n", two);
    host.world.commit("Two targets");
    // What is deleted always has a line of its own.
    let many: Vec<String> = (0..500).map(|n| job(&format!("job-{n}"), "  description: one of many\n")).collect();
    host.world.commit_file("manifests/many.yaml", &many.join("---\n"), "Many");
    host.world.plumb("apply --yes -q --parallel 32").code(0);
    host.world.git(&["checkout", "--quiet", "-B", "feature", "main"]);
    host.world.remove("manifests/many.yaml");
    host.world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 200\n"), "Remove many");
    host.open(REPOSITORY);
    host.preview("").says("wrote https://github.com/");
    let comment = host.comment();
    assert!(comment.len() > 40_000, "{}", comment.len());
    assert!(comment.contains("**500 to delete · 1 to update**"), "{comment}");
    assert!(comment.contains("**Not all of it is shown:**") && comment.contains(" deletes"), "{comment}");
    assert!(comment.contains("[The whole plan](<https://github.com/acme/data/actions/runs/42>)"), "{comment}");
    // A further target has no room in it, and gets a comment of its own.
    host.preview("--target prod").says("wrote https://github.com/");
    let texts: Vec<String> = host.github.comments(7).into_iter().map(|(_, text)| text).collect();
    assert_eq!((texts.len(), &texts[0]), (2, &comment));
    assert!(texts[1].len() <= 60_000 && texts[1].contains("target `prod`"), "{}", texts[1]);
    // All of the 501 changes are approved, whatever was shown of them.
    host.merge();
    host.apply("--override max-deletes,max-change-percent --parallel 32").code(0).says("Apply: 501 done.");
}

#[test]
fn the_comment_links_lines_commits_and_the_live_job() {
    let mut host = Host::new();
    host.branch(200);
    let base = host.world.git(&["rev-parse", "main"]);
    host.open(REPOSITORY);
    host.github.store().pulls.get_mut(&7).unwrap()["base"]["sha"] = base.into();
    host.event();
    host.preview("").code(0);
    let (comment, head) = (host.comment(), host.head());
    let id = host.world.sandbox.job("etl")["job_id"].as_i64().unwrap();
    let short = &head[..12];
    for link in [
        format!("[`manifests/etl.yaml:1`](<https://github.com/acme/data/blob/{head}/manifests/etl.yaml#L1>)"),
        format!("commit [`{short}`](<https://github.com/acme/data/commit/{short}>)"),
        format!("[live job `{id}`](<{}/jobs/{id}", host.world.sandbox.url),
        "[The whole plan](<https://github.com/acme/data/actions/runs/42>)".to_owned(),
    ] {
        assert!(comment.contains(&link), "{link} is not in\n{comment}");
    }
    assert!(comment.contains("**1 to update**") && !comment.contains("0 to"), "{comment}");
    assert!(
        comment.contains("- **Merge**: ") && comment.contains("- **By hand**: `plumb apply --target dev --approved ")
    );
    // A branch that changes plumb.yaml says itself which workspace it is.
    host.world.edit("plumb.yaml", "spec:\n", "# The same, and yet another file.\nspec:\n");
    host.world.commit("Touch the project file");
    host.push();
    host.preview("").code(0);
    let comment = host.comment();
    assert!(comment.contains("](<https://github.com/acme/data/blob/"), "{comment}");
    assert!(!comment.contains("live job"), "{comment}");
}

#[test]
fn a_dirty_checkout_has_no_links_to_lines() {
    let host = Host::new();
    host.world.edit("manifests/etl.yaml", "100", "200");
    let dirty = host.world.plumb("plan --output markdown").code(0).out;
    assert!(!dirty.contains("/blob/") && dirty.contains("[live job `"), "{dirty}");
    assert!(dirty.contains("# manifests/etl.yaml:1\n"), "{dirty}");
    host.world.commit("Raise");
    let clean = host.world.plumb("plan --output markdown").code(0).out;
    assert!(
        clean.contains("/blob/") && clean.contains("To apply it: `plumb apply --target dev --approved "),
        "{clean}"
    );
}

#[test]
fn a_plan_in_gitlab_links_to_its_project() {
    let mut world = crate::world::World::new();
    world.commit_file("manifests/etl.yaml", &job("etl", "  timeout_seconds: 100\n"), "Add etl");
    world.env("CI_PROJECT_URL", Some("https://gitlab.example/acme/data"));
    world.env("CI_JOB_URL", Some("https://gitlab.example/acme/data/-/jobs/7"));
    let head = world.git(&["rev-parse", "HEAD"]);
    let plan = world.plumb("plan --output markdown").code(0).out;
    assert!(
        plan.contains(&format!("(<https://gitlab.example/acme/data/-/blob/{head}/manifests/etl.yaml#L1>)")),
        "{plan}"
    );
    assert!(plan.contains("[The whole plan](<https://gitlab.example/acme/data/-/jobs/7>)"), "{plan}");
}
