use super::*;

fn task(key: &str, life: &str, result: Option<&str>) -> Value {
    let mut state = json!({"life_cycle_state": life, "state_message": ""});
    if let Some(result) = result {
        state["result_state"] = json!(result);
    }
    json!({"task_key": key, "run_id": 7, "state": state})
}

fn run(life: &str, result: Option<&str>, tasks: Vec<Value>) -> FollowedRun {
    let mut run = task("", life, result);
    run["tasks"] = json!(tasks);
    FollowedRun::of(&[run])
}

#[test]
fn both_forms_of_a_state_are_read() {
    let newer = |status: Value| RunStanding::of(&json!({ "status": status }));
    let ended =
        newer(json!({"state": "TERMINATED", "termination_details": {"code": "USER_CANCELED", "message": "by x"}}));
    assert_eq!(
        (ended.word.as_str(), ended.is_bad(), ended.line().as_str()),
        ("USER_CANCELED", true, "USER_CANCELED: by x")
    );
    let queued = newer(json!({"state": "QUEUED", "queue_details": {"message": "1 run at most"}}));
    assert_eq!((queued.line().as_str(), queued.ended), ("QUEUED: 1 run at most", false));
    assert_eq!(newer(json!({"state": "RUNNING"})).line(), "RUNNING");
    let skipped = RunStanding::of(&task("a", "SKIPPED", Some("MAXIMUM_CONCURRENT_RUNS_REACHED")));
    assert_eq!((skipped.word.as_str(), skipped.is_bad()), ("SKIPPED", true));
    let broken = RunStanding::of(&task("a", "INTERNAL_ERROR", Some("FAILED")));
    assert_eq!((broken.word.as_str(), broken.is_bad()), ("INTERNAL_ERROR", true));
    // What nobody knows is under way, and never a success.
    assert!(!RunStanding::of(&json!({})).ended);
    assert!(RunStanding::of(&task("a", "TERMINATED", None)).is_bad());
}

#[test]
fn a_verdict_is_good_only_by_the_services_word() {
    let verdict = |life, result, tasks| run(life, result, tasks).verdict();
    assert_eq!(verdict("RUNNING", None, vec![]), None);
    assert_eq!(verdict("QUEUED", None, vec![]), None);
    assert_eq!(verdict("TERMINATING", None, vec![]), None);
    assert_eq!(verdict("TERMINATED", Some("SUCCESS"), vec![]), Some(RunVerdict::Well));
    let excluded = task("b", "TERMINATED", Some("EXCLUDED"));
    assert_eq!(verdict("TERMINATED", Some("SUCCESS"), vec![excluded]), Some(RunVerdict::Well));
    let failed = task("b", "TERMINATED", Some("FAILED"));
    assert_eq!(verdict("TERMINATED", Some("SUCCESS"), vec![failed]), Some(RunVerdict::WellWithFailures));
    assert_eq!(verdict("TERMINATED", Some("SUCCESS_WITH_FAILURES"), vec![]), Some(RunVerdict::WellWithFailures));
    for bad in ["FAILED", "TIMEDOUT", "CANCELED", "EXCLUDED", "DISABLED", "UPSTREAM_FAILED", "NEW_WORD"] {
        assert_eq!(verdict("TERMINATED", Some(bad), vec![]), Some(RunVerdict::Badly), "{bad}");
    }
    assert_eq!(verdict("SKIPPED", None, vec![]), Some(RunVerdict::Badly));
}

#[test]
fn of_several_attempts_the_latest_counts_wherever_its_page_is() {
    let attempt = |number: u64, start: i64, life: &str, result: Option<&str>| {
        let mut one = task("a", life, result);
        one["attempt_number"] = json!(number);
        one["start_time"] = json!(start);
        one
    };
    let first =
        json!({"state": {"life_cycle_state": "RUNNING"}, "tasks": [attempt(1, 20, "TERMINATED", Some("SUCCESS"))]});
    let second = json!({"tasks": [attempt(0, 10, "TERMINATED", Some("FAILED")), task("b", "BLOCKED", None)]});
    let read = FollowedRun::of(&[first, second]);
    let lines: Vec<String> = read.tasks.iter().map(FollowedTask::line).collect();
    assert_eq!(lines, ["a (attempt 2): SUCCESS", "b: BLOCKED"]);
    // A repair may begin its count again, and has no time before it starts.
    let repaired =
        run("RUNNING", None, vec![attempt(1, 20, "TERMINATED", Some("FAILED")), attempt(0, 0, "PENDING", None)]);
    assert_eq!(repaired.tasks[0].line(), "a: PENDING");
}

#[test]
fn conditions_and_iterations_say_their_own() {
    let mut condition = task("if", "TERMINATED", Some("SUCCESS"));
    condition["condition_task"] = json!({"outcome": "false"});
    let mut each = task("each", "RUNNING", None);
    each["for_each_task"] = json!({"stats": {"task_run_stats":
        {"total_iterations": 10, "completed_iterations": 3, "failed_iterations": 1}}});
    let read = run("RUNNING", None, vec![condition, each]);
    let lines: Vec<String> = read.tasks.iter().map(FollowedTask::line).collect();
    assert_eq!(lines, ["if (outcome false): SUCCESS", "each (3 of 10 iterations, 1 failed): RUNNING"]);
    assert!(read.tasks[0].has_output && !read.tasks[1].has_output);
}

#[test]
fn only_what_changed_is_a_line() {
    let tasks = |a: &str, b: &str| vec![task("a", a, None), task("b", b, None)];
    let first = run("PENDING", None, tasks("PENDING", "BLOCKED"));
    assert_eq!(first.changes(None), ["the run: PENDING", "a: PENDING"]);
    assert_eq!(first.changes(Some(&first)), [""; 0]);
    let second = run("RUNNING", None, tasks("RUNNING", "BLOCKED"));
    assert_eq!(second.changes(Some(&first)), ["the run: RUNNING", "a: RUNNING"]);
    let ended = run("TERMINATED", Some("SUCCESS"), tasks("RUNNING", "RUNNING"));
    assert_eq!(ended.changes(Some(&second)), ["b: RUNNING"]);
}

#[test]
fn a_list_that_is_too_long_shows_what_matters() {
    let mut tasks: Vec<Value> = (0..5).map(|n| task(&format!("t{n}"), "TERMINATED", Some("SUCCESS"))).collect();
    assert_eq!(run("RUNNING", None, tasks.clone()).rows(5).len(), 5);
    tasks.push(task("waits", "BLOCKED", None));
    tasks.push(task("runs", "RUNNING", None));
    tasks.push(task("bad", "TERMINATED", Some("FAILED")));
    let rows = run("RUNNING", None, tasks).rows(3);
    assert_eq!(rows, ["bad: FAILED", "runs: RUNNING", "waits: BLOCKED", "and 5 more"]);
}
