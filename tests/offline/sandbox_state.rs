//! When the sandbox writes its state file, over the wire.

use plumb_sandbox::{Running, SandboxOptions};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

async fn start(state: &Path) -> Running {
    let state = Some(state.to_owned());
    plumb_sandbox::start(SandboxOptions { state, ..SandboxOptions::default() }).await.unwrap()
}

async fn create(http: &reqwest::Client, url: &str, name: &str) -> (u16, Value) {
    let request = http.post(format!("{url}/api/2.2/jobs/create")).bearer_auth("t").json(&json!({ "name": name }));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn client() -> reqwest::Client {
    plumb::services::http::client(true).unwrap()
}

fn saved(state: &Path) -> usize {
    let text = std::fs::read(state).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["databricks"]["jobs"].as_object().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_are_saved_once_a_second_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.json");
    let running = start(&state).await;
    let (http, url) = (client(), running.url());
    let begun = Instant::now();
    create(&http, &url, "alone").await;
    assert_eq!((running.writes(), saved(&state)), (1, 1), "before it was answered");
    let mut lines = tokio::task::JoinSet::new();
    for line in 0..8 {
        let (http, url) = (http.clone(), url.clone());
        lines.spawn(async move {
            for n in 0..60 {
                assert_eq!(create(&http, &url, &format!("{line}-{n}")).await.0, 200);
            }
        });
    }
    lines.join_all().await;
    let writes = running.writes();
    let most = begun.elapsed().as_secs() + 2;
    assert!(writes <= most, "{writes} writes for 481 changes, and not {most}");
    drop(running);
    assert_eq!(saved(&state), 481, "who drops it has everything saved");
    // What is there is not written again without need.
    let running = start(&state).await;
    http.get(format!("{}/api/2.2/jobs/list", running.url())).bearer_auth("t").send().await.unwrap();
    assert_eq!(running.writes(), 0);
    running.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_follows_a_change_closely_is_saved_after_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state.json");
    let running = start(&state).await;
    let (http, url) = (client(), running.url());
    for name in ["a", "b", "c"] {
        create(&http, &url, name).await;
    }
    let begun = Instant::now();
    while saved(&state) < 3 {
        assert!(begun.elapsed().as_secs() < 20, "{} of 3 are saved", saved(&state));
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(running.writes() <= 2, "{}", running.writes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_saved_is_told_with_every_change_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder");
    let state = folder.join("state.json");
    let running = start(&state).await;
    let (http, url) = (client(), running.url());
    std::fs::remove_dir_all(&folder).unwrap();
    for name in ["a", "b"] {
        let (status, answer) = create(&http, &url, name).await;
        assert_eq!(status, 500);
        assert!(answer["message"].as_str().unwrap().contains("the sandbox cannot write"), "{answer}");
    }
    assert!(running.save().unwrap_err().contains("state.json"));
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(create(&http, &url, "c").await.0, 200);
    assert_eq!(saved(&state), 3, "what was done before as well");
    assert_eq!(running.save(), Ok(()));
    let log: Value = http.get(format!("{url}/_sandbox/requests")).send().await.unwrap().json().await.unwrap();
    let statuses: Vec<&Value> = log.as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [500, 500, 200]);
    std::fs::remove_dir_all(&folder).unwrap();
    create(&http, &url, "d").await;
    assert!(running.stop().await.unwrap_err().contains("state.json"));
}
