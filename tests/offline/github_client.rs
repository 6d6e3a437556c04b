//! The client of GitHub against its double.

use crate::github;

use github::{Fault, GitHub as Double, REPOSITORY, Rights};
use plumb::services::Secret;
use plumb::services::github::{GitHub, GitHubConfig, IssueEdit};
use plumb::services::retry::Policy;
use plumb_model::call;
use serde_json::json;
use std::time::Duration;

fn client(double: &Double, token: Option<&str>) -> GitHub {
    let config = GitHubConfig::new(&double.url, REPOSITORY, token.map(Secret::new)).unwrap();
    let policy = Policy { first: Duration::from_millis(1), longest: Duration::from_millis(1), ..Policy::default() };
    GitHub::with(config, policy, Box::new(|| 0.0)).unwrap()
}

fn started() -> (Double, GitHub) {
    let double = Double::start();
    double.person("secret-of-ada", "ada", Rights::Write);
    double.actions("secret-of-actions", Rights::Write);
    double.open_pull(7, &"a".repeat(40), REPOSITORY);
    let client = client(&double, Some("secret-of-ada"));
    (double, client)
}

fn refused(fault: call::ServiceError) -> (u16, String) {
    match fault {
        call::ServiceError::Refused { status, message, .. } => (status, message),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn comments_are_read_page_by_page_and_written() {
    let (double, github) = started();
    for number in 0..250 {
        double.comment(7, "somebody", &format!("comment {number}"));
    }
    let made = github.create_comment(7, "mine").await.unwrap();
    assert!(made.is_by("Ada"));
    github.update_comment(made.id, "mine, too").await.unwrap();
    let all = github.comments(7).await.unwrap();
    assert_eq!((all.len(), all[100].text(), all[250].text()), (251, "comment 100", "mine, too"));
    assert_eq!(github.comment(made.id).await.unwrap().text(), "mine, too");
    let pages = double.requests().iter().filter(|line| line.contains("/issues/7/comments?")).count();
    assert_eq!(pages, 3);
    assert_eq!(refused(github.comments(99).await.unwrap_err()).0, 404);
}

#[tokio::test]
async fn issues_are_found_by_label_and_creator_and_closed() {
    let (double, github) = started();
    let bot = client(&double, Some("secret-of-actions"));
    for number in 0..120 {
        bot.create_issue(&format!("issue {number}"), "text", &["plumb-drift", "prod"]).await.unwrap();
    }
    let mine = github.create_issue("mine", "text", &["plumb-drift"]).await.unwrap();
    let by = |creator| github.issues(&["plumb-drift"], creator, true);
    assert_eq!(by(None).await.unwrap().len(), 121);
    assert_eq!(by(Some("github-actions[bot]")).await.unwrap().len(), 120);
    assert_eq!(by(Some("ada")).await.unwrap(), std::slice::from_ref(&mine));
    assert_eq!(github.issues(&["plumb-drift", "prod"], Some("ada"), false).await.unwrap(), []);
    let edit = IssueEdit { body: Some("gone".into()), open: Some(false), ..IssueEdit::default() };
    let closed = github.update_issue(mine.number, &edit).await.unwrap();
    assert_eq!((closed.state.as_str(), closed.title.as_str()), ("closed", "mine"));
    assert_eq!(double.store().issues[&mine.number]["state_reason"], "completed");
    assert_eq!(by(Some("ada")).await.unwrap(), []);
    assert_eq!(github.issues(&[], None, false).await.unwrap().len(), 121, "a pull request is no issue");
}

#[tokio::test]
async fn pull_requests_are_found_by_their_commits() {
    let (double, github) = started();
    double.open_pull(8, &"b".repeat(40), "mallory/data");
    let merged = "c".repeat(40);
    double.merge(7, &merged);
    let found = github.pulls_of_commit(&merged).await.unwrap();
    assert_eq!(found.iter().map(|p| p.number).collect::<Vec<_>>(), [7]);
    assert_eq!(found[0].merge_commit_sha.as_ref(), Some(&merged));
    assert!(!found[0].is_fork() && github.pull(8).await.unwrap().is_fork());
    double.store().pulls.get_mut(&8).unwrap()["head"]["repo"] = json!(null);
    assert!(github.pull(8).await.unwrap().is_fork(), "a fork that was deleted is one");
    let (status, message) = refused(github.pulls_of_commit("feed").await.unwrap_err());
    assert_eq!((status, message.as_str()), (422, "No commit found for SHA: feed"));
}

#[tokio::test]
async fn tokens_know_who_they_are_or_may_not_ask() {
    let (double, github) = started();
    assert_eq!(github.me().await.unwrap().unwrap().login, "ada");
    assert_eq!(github.writes_as(None).await.unwrap(), "ada");
    let bot = client(&double, Some("secret-of-actions"));
    assert_eq!(bot.me().await.unwrap(), None);
    assert_eq!(bot.writes_as(None).await.unwrap(), "github-actions[bot]");
    assert_eq!(bot.writes_as(Some("our-app[bot]")).await.unwrap(), "our-app[bot]");
    let (status, message) = refused(client(&double, Some("nonsense")).me().await.unwrap_err());
    assert_eq!((status, message.as_str()), (401, "Bad credentials; GITHUB_TOKEN is no token, or no longer"));
    let (status, message) = refused(client(&double, None).comments(7).await.unwrap_err());
    assert!(status == 401 && message.contains("set GITHUB_TOKEN"), "{message}");
    // What a pull request from a fork gets.
    double.actions("secret-of-fork", Rights::Read);
    let fork = client(&double, Some("secret-of-fork"));
    assert_eq!(fork.comments(7).await.unwrap(), []);
    assert_eq!(refused(fork.create_comment(7, "x").await.unwrap_err()).0, 403);
    assert_eq!(double.comments(7), []);
}

#[tokio::test]
async fn limits_are_waited_out_and_a_lost_answer_makes_nothing_twice() {
    let (double, github) = started();
    double.next("POST", Fault::SecondaryLimit);
    github.create_comment(7, "one").await.unwrap();
    double.next("GET", Fault::SecondaryLimit);
    assert_eq!(github.comments(7).await.unwrap().len(), 1);
    double.next("POST", Fault::LostAnswer);
    let fault = github.create_comment(7, "two").await.unwrap_err();
    assert!(fault.may_have_happened(), "{fault}");
    assert_eq!(double.comments(7).len(), 2, "it is not sent again");
    double.next("PATCH", Fault::LostAnswer);
    let id = github.comments(7).await.unwrap()[1].id;
    github.update_comment(id, "three").await.unwrap();
    let long = "é".repeat(65_537);
    let (status, message) = refused(github.update_comment(id, &long).await.unwrap_err());
    assert_eq!(status, 422);
    assert!(message.contains("maximum is 65536"), "{message}");
    github.update_comment(id, &long[2..]).await.unwrap();
}

#[test]
fn addresses_that_would_leak_the_token_are_refused() {
    let config =
        |api: &str, repository: &str| GitHubConfig::new(api, repository, Some(Secret::new("secret"))).map(drop);
    for (api, repository) in [
        ("https://api.github.com", "acme/data"),
        ("https://ghe.example.com/api/v3/", "a-b/c.d_e"),
        ("http://127.0.0.1:1", "a/b"),
    ] {
        config(api, repository).unwrap();
    }
    for (api, repository) in [
        ("http://ghe.example.com", "acme/data"),
        ("ftp://127.0.0.1", "acme/data"),
        ("nonsense", "acme/data"),
        ("https://api.github.com", "acme"),
        ("https://api.github.com", "acme/../x"),
        ("https://api.github.com", "acme/.."),
        ("https://api.github.com", "acme/d?x"),
    ] {
        assert!(config(api, repository).is_err(), "{api} {repository}");
    }
}
