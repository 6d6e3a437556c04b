//! Small sets of facts, for each rule a few.

use super::by_hand::{With, at, catalogue, clue, facts};
use super::diagnose;
use crate::diagnose::clue::{Clue, ClueRole, Layer, Strength};
use crate::diagnose::facts::{NameRelation, RunFacts};
use crate::diagnose::result::{Confidence, Diagnosis, MissingEvidence, RunOutcome};
use RunOutcome::{Failed, Running, Succeeded, Unknown};

fn of(facts: &RunFacts) -> Diagnosis {
    diagnose(&catalogue(), facts)
}

fn said(outcomes: &[RunOutcome], clues: Vec<Clue>) -> Diagnosis {
    of(&facts(outcomes, clues))
}

fn cause(diagnosis: &Diagnosis) -> Option<(&str, Confidence)> {
    diagnosis.cause.as_ref().map(|cause| (cause.class.as_str(), cause.confidence))
}

fn chain(diagnosis: &Diagnosis) -> Vec<&str> {
    diagnosis.chain.iter().map(|link| link.class.as_str()).collect()
}

fn abort(second: i64, stage: &str, tid: &str, executor: &str, host: &str) -> Clue {
    clue("STAGE_ABORT", second).task(stage, tid).executor(executor).on(host)
}

const CERTAIN: Confidence = Confidence::Certain;
const LIKELY: Confidence = Confidence::Likely;
const POSSIBLE: Confidence = Confidence::Possible;

// Rule 1: the outcome.

#[test]
fn a_services_word_decides() {
    for outcome in [Succeeded, Running] {
        let diagnosis = said(&[outcome], vec![clue("DISK_FULL", 5), clue("FINAL_FAILED", 6)]);
        assert_eq!((diagnosis.outcome, cause(&diagnosis)), (outcome, None));
        assert!(diagnosis.chain.is_empty() && diagnosis.look_at.is_empty());
    }
    let diagnosis = said(&[Failed], vec![clue("DISK_FULL", 5), clue("FINAL_OK", 3)]);
    assert_eq!((diagnosis.outcome, cause(&diagnosis)), (Failed, Some(("DISK_FULL", CERTAIN))));
}

#[test]
fn steps_decide_over_clusters() {
    assert_eq!(said(&[Failed, Succeeded], vec![clue("DISK_FULL", 5)]).outcome, Succeeded);
    assert_eq!(said(&[Succeeded, Failed], vec![clue("DISK_FULL", 5)]).outcome, Failed);
    assert_eq!(said(&[Failed, Unknown], vec![]).outcome, Failed);
}

#[test]
fn without_a_word_the_log_decides() {
    let end =
        |clues: &[&str]| said(&[], clues.iter().zip(1..).map(|(class, second)| clue(class, second)).collect()).outcome;
    assert_eq!(end(&["JOB_FINISHED", "FINAL_OK", "APP_END"]), Succeeded);
    assert_eq!(end(&["JOB_FINISHED", "FINAL_FAILED"]), Failed);
    assert_eq!(end(&["JOB_FINISHED", "STAGE_ABORT"]), Failed);
    assert_eq!(end(&["STAGE_ABORT", "JOB_FINISHED"]), Unknown);
    assert_eq!(end(&["JOB_FINISHED", "ANALYSIS", "APP_END"]), Failed);
    assert_eq!(end(&["ANALYSIS", "JOB_FINISHED", "APP_END"]), Unknown);
    assert_eq!(end(&["JOB_FINISHED"]), Unknown);
    assert_eq!(end(&[]), Unknown);
}

#[test]
fn a_loose_log_that_ends_with_an_exception_has_failed() {
    let diagnosis = said(&[], vec![clue("JOB_FINISHED", 1), clue("USER_CODE", 5), clue("APP_END", 6)]);
    assert_eq!((diagnosis.outcome, cause(&diagnosis)), (Failed, Some(("USER_CODE", CERTAIN))));
    // A sentence of a program that goes on is none.
    let warned = said(&[], vec![clue("DISK_FULL", 5).strength(Strength::Message), clue("APP_END", 6)]);
    assert_eq!((warned.outcome, cause(&warned)), (Unknown, None));
    // The log of a node alone may say it in a sentence.
    let node = clue("DISK_FULL", 5).strength(Strength::Message).file(Layer::Node, "nodemanager.log");
    let node = said(&[], vec![node]);
    assert_eq!((node.outcome, cause(&node)), (Unknown, Some(("DISK_FULL", LIKELY))));
}

#[test]
fn airflow_lost_sight_of_a_green_run() {
    let airflow = |class, second| clue(class, second).file(Layer::Airflow, "attempt=1.log");
    let clues = vec![airflow("AIRFLOW_ZOMBIE", 50), airflow("AIRFLOW_TASK_FAILED", 51), clue("DISK_FULL", 5)];
    for outcomes in [&[Failed, Succeeded] as &[RunOutcome], &[Succeeded]] {
        let diagnosis = said(outcomes, clues.clone());
        assert_eq!((diagnosis.outcome, cause(&diagnosis)), (Failed, Some(("AIRFLOW_ZOMBIE", CERTAIN))));
        let title = diagnosis.cause.map(|cause| cause.title).unwrap_or_default();
        assert!(title.ends_with("; what it started succeeded: the work is done"), "{title}");
    }
    // A log of Airflow without a reason leaves the run green.
    assert_eq!(said(&[Succeeded], vec![airflow("AIRFLOW_TASK_FAILED", 51)]).outcome, Succeeded);
}

// Rule 2: attempts.

#[test]
fn only_the_last_attempt_is_explained() {
    let first = vec![clue("DISK_FULL", 5).attempt(1), clue("FINAL_FAILED", 6).attempt(1)];
    let second = vec![clue("ANALYSIS", 25).attempt(2), clue("FINAL_FAILED", 26).attempt(2)];
    let both = [first.clone(), second].concat();
    let diagnosis = said(&[Failed], both);
    assert_eq!((cause(&diagnosis), diagnosis.attempts_before), (Some(("ANALYSIS", CERTAIN)), 1));
    // Nothing but the end is known of the last one: what an earlier one died of may be something else.
    let diagnosis = said(&[], [first.clone(), vec![clue("FINAL_FAILED", 26).attempt(2)]].concat());
    assert_eq!((diagnosis.outcome, cause(&diagnosis)), (Failed, None));
    let good = said(&[], [first, vec![clue("FINAL_OK", 26).attempt(2)]].concat());
    assert_eq!((good.outcome, cause(&good), good.attempts_before), (Succeeded, None, 1));
}

#[test]
fn a_container_tells_its_attempt() {
    let container = |name: &str| name.to_owned();
    let first =
        clue("EXEC_OOM_CONTAINER", 5).with(|c| c.subject.container = Some(container("container_1700_0001_01_000003")));
    let last =
        clue("FINAL_FAILED", 26).with(|c| c.subject.container = Some(container("container_1700_0001_02_000001")));
    let diagnosis = said(&[Failed], vec![first, last]);
    assert_eq!((cause(&diagnosis), diagnosis.attempts_before), (None, 1));
}

#[test]
fn of_two_applications_the_last_one_is_explained() {
    let of = |application: &str, class, second| clue(class, second).application(application);
    let first = vec![of("application_1_1", "DISK_FULL", 5), of("application_1_1", "FINAL_FAILED", 6)];
    let second = [of("application_1_2", "ANALYSIS", 25), of("application_1_2", "FINAL_FAILED", 26)];
    let other = |c: Clue| c.with(|c| c.place.file = "second.log".into());
    let both = [first, second.into_iter().map(other).collect()].concat();
    assert_eq!(cause(&said(&[Failed], both)), Some(("ANALYSIS", CERTAIN)));
}

#[test]
fn what_nodes_tell_of_other_applications_is_nothing() {
    let of = |application: &str| {
        let node = clue("EXEC_OOM_CONTAINER", 5).file(Layer::Node, "nodemanager.log").application(application);
        cause(&said(&[Failed], vec![node, clue("FINAL_FAILED", 9).application("application_1_1")]))
            .map(|c| c.0 == "EXEC_OOM_CONTAINER")
    };
    assert_eq!(of("application_1_2"), None);
    assert_eq!(of("application_1_1"), Some(true));
}

#[test]
fn what_came_before_the_run_is_of_another() {
    let before = |started: i64| {
        let mut facts = facts(&[Failed], vec![clue("DISK_FULL", 100), clue("JOIN", 1_000)]);
        facts.subject.started = at(started);
        cause(&of(&facts)).map(|(class, _)| class == "DISK_FULL")
    };
    assert_eq!(before(500), None);
    assert_eq!(before(50), Some(true));
    // All of it is from before: the clocks differ.
    assert_eq!(before(5_000), Some(true));
}

#[test]
fn what_an_earlier_try_of_airflow_ended_with_is_of_that_try() {
    let airflow = |try_number, second| {
        clue("AIRFLOW_TASK_FAILED", second).file(Layer::Airflow, "attempt.log").attempt(try_number)
    };
    let node = |second| clue("DISK_FULL", second).of_node("10.0.0.1");
    let tries = vec![airflow(1, 50), airflow(2, 500)];
    let with = |more: Vec<Clue>| said(&[Failed], [tries.clone(), more].concat());
    assert_eq!(cause(&with(vec![node(40), clue("ANALYSIS", 400)])).map(|c| c.0), Some("ANALYSIS"));
    // Nothing else is told: both tries asked after the same run.
    assert_eq!(cause(&with(vec![clue("ANALYSIS", 40)])).map(|c| c.0), Some("ANALYSIS"));
}

// Rule 3: unwrapping.

#[test]
fn the_deepest_class_of_a_message_wins() {
    let chain = vec![
        clue("STAGE_ABORT", 9).in_message(9, 0),
        clue("ANALYSIS", 9).in_message(9, 1),
        clue("METASTORE", 9).in_message(9, 2),
        clue("EXCEPTION", 9).in_message(9, 3),
    ];
    assert_eq!(cause(&said(&[Failed], chain.clone())), Some(("METASTORE", CERTAIN)));
    // A sentence is no deeper cause than an exception by name.
    let sentence = clue("DISK_FULL", 9).in_message(9, 4).strength(Strength::Message);
    assert_eq!(cause(&said(&[Failed], [chain, vec![sentence]].concat())), Some(("METASTORE", CERTAIN)));
}

#[test]
fn a_frame_of_the_user_says_less_than_a_class() {
    let traceback = clue("USER_CODE", 9).in_message(9, 3);
    let typed = clue("DISK_FULL", 9).in_message(9, 1);
    assert_eq!(cause(&said(&[Failed], vec![traceback.clone(), typed])), Some(("DISK_FULL", CERTAIN)));
    let symptom = clue("FETCH_FAILED", 9).in_message(9, 1);
    assert_eq!(cause(&said(&[Failed], vec![traceback.clone(), symptom])), Some(("FETCH_FAILED", POSSIBLE)));
    assert_eq!(cause(&said(&[Failed], vec![traceback])), Some(("USER_CODE", CERTAIN)));
}

// Rule 4: clearing away.

#[test]
fn what_comes_after_the_end_means_nothing() {
    let end = vec![clue("ANALYSIS", 5), clue("APP_END", 6)];
    let after = [
        clue("RPC_DISASSOC", 7).on("a"),
        clue("DISK_FULL", 8),
        clue("EXEC_143", 9).file(Layer::Executor, "executor-1.log"),
        clue("EXEC_OOM_CONTAINER", 9).file(Layer::Node, "nodemanager.log"),
    ];
    let diagnosis = said(&[Failed], [end.clone(), after.to_vec()].concat());
    assert_eq!(diagnosis, said(&[Failed], end));
    let only = said(&[Failed], [vec![clue("APP_END", 6)], after.to_vec()].concat());
    assert_eq!(cause(&only).map(|(class, _)| class), Some("DISK_FULL"), "a `finally` may stop the session first");
    let hard = vec![clue("FINAL_FAILED", 6), clue("DISK_FULL", 8)];
    assert_eq!(cause(&said(&[Failed], hard)), None, "the application had said its last word");
}

// Rule 5: recovered.

#[test]
fn what_was_recovered_from_is_not_the_cause() {
    let clues = vec![clue("DISK_FULL", 5), clue("JOB_FINISHED", 8), clue("FINAL_FAILED", 20)];
    assert_eq!(cause(&said(&[Failed], clues.clone())), None);
    let other = clues.into_iter().map(|c| {
        let application = if &*c.class == "JOB_FINISHED" { "application_1_2" } else { "application_1_1" };
        c.application(application)
    });
    assert_eq!(cause(&said(&[Failed], other.collect())), Some(("DISK_FULL", LIKELY)).map(|(c, _)| (c, CERTAIN)));
}

#[test]
fn a_retry_that_is_said_to_be_one() {
    let clues =
        vec![clue("S3_403", 5).in_message(51, 1), clue("RETRYING", 5).in_message(51, 0), clue("FINAL_FAILED", 20)];
    assert_eq!(cause(&said(&[Failed], clues)), None);
}

#[test]
fn another_copy_of_the_task_succeeded() {
    let clues = vec![
        clue("EXEC_HEAP_OOM", 5).task("7.0", "41").executor("5"),
        clue("RETRYING", 6).task("7.0", "41"),
        clue("FINAL_FAILED", 20),
    ];
    assert_eq!(cause(&said(&[Failed], clues)), None);
}

#[test]
fn tasks_of_other_stages_failed_less_often_than_they_may() {
    let clues = vec![
        clue("S3_403", 5).task("6.0", "40").on("b"),
        clue("ANALYSIS", 7).task("7.0", "41").on("a"),
        abort(9, "7.0", "41", "5", "a"),
    ];
    assert_eq!(cause(&said(&[Failed], clues)), Some(("ANALYSIS", CERTAIN)));
    // The stage was failing before another job finished beside it.
    let beside = vec![clue("S3_403", 5).task("7.0", "41"), clue("JOB_FINISHED", 6), abort(9, "7.0", "41", "5", "a")];
    assert_eq!(cause(&said(&[Failed], beside)), Some(("S3_403", CERTAIN)));
}

// Rule 6: links.

#[test]
fn what_is_linked_beats_what_is_not() {
    let clues = vec![
        clue("S3_403", 5),
        clue("METASTORE", 6).executor("4").on("b"),
        clue("ANALYSIS", 7).executor("5").on("a"),
        abort(9, "7.0", "41", "5", "a"),
    ];
    let diagnosis = said(&[Failed], clues);
    assert_eq!(cause(&diagnosis), Some(("ANALYSIS", CERTAIN)));
}

#[test]
fn task_then_executor_then_host() {
    let file = |c: Clue, name: &str| c.file(Layer::Executor, name);
    let host = file(clue("METASTORE", 5).on("ip-10-0-1-7").executor("6"), "e6");
    let executor = file(clue("ANALYSIS", 6).executor("5"), "e5");
    let task = file(clue("S3_403", 7).task("7.0", "41"), "e5");
    let end = abort(9, "7.0", "41", "5", "10.0.1.7");
    let of = |clues: &[&Clue]| {
        let clues = clues.iter().map(|c| (*c).clone()).chain([end.clone()]).collect();
        said(&[Failed], clues).cause.map(|cause| cause.class)
    };
    assert_eq!(of(&[&host, &executor, &task]).as_deref(), Some("S3_403"));
    assert_eq!(of(&[&host, &executor]).as_deref(), Some("ANALYSIS"));
    assert_eq!(of(&[&host]).as_deref(), Some("METASTORE"));
}

// Rule 7: masks.

fn spot_case() -> RunFacts {
    let mut facts = facts(
        &[Failed],
        vec![
            clue("SPOT_RECLAIM", 10).of_node("i-0feed"),
            clue("LOST_NODE", 40).on("10.61.2.14").executor("5"),
            clue("FETCH_FAILED", 100).on("10.61.2.14").task("19.0", "880"),
            clue("FETCH_FAILED", 700).on("10.61.2.14").task("19.3", "990"),
            abort(720, "19.3", "990", "7", "10.61.2.15"),
        ],
    );
    facts.relations.insert(NameRelation::SameHost("i-0feed".into(), "10.61.2.14".into()));
    facts
}

#[test]
fn a_chain_from_the_cause_to_the_end() {
    let diagnosis = of(&spot_case());
    assert_eq!(cause(&diagnosis), Some(("SPOT_RECLAIM", CERTAIN)));
    assert_eq!(chain(&diagnosis), ["SPOT_RECLAIM", "LOST_NODE", "FETCH_FAILED", "STAGE_ABORT"]);
    let evidence = &diagnosis.cause.as_ref().unwrap().evidence;
    assert_eq!(evidence.first().map(|line| line.at), Some(at(10)));
    assert_eq!(evidence.last().map(|line| line.at), Some(at(720)));
    assert!((3..=6).contains(&evidence.len()));
    assert!(evidence.windows(2).all(|pair| matches!(pair, [a, b] if a.at <= b.at)));
    assert_eq!(diagnosis.fingerprint.map(|f| f.len()), Some(8));
    assert!(diagnosis.retry.is_some());
}

#[test]
fn names_that_cannot_be_compared_prove_nothing() {
    let mut facts = spot_case();
    facts.relations.clear();
    assert_eq!(cause(&of(&facts)), Some(("SPOT_RECLAIM", LIKELY)));
    // Another node, by a name that can be compared.
    facts.relations.insert(NameRelation::SameHost("i-0feed".into(), "10.61.2.99".into()));
    let diagnosis = of(&facts);
    assert_eq!(cause(&diagnosis), Some(("LOST_NODE", POSSIBLE)));
}

#[test]
fn too_long_before_explains_nothing() {
    let of = |class: &str, second| {
        let clues = vec![
            clue(class, second).of_node("10.0.1.7"),
            clue("FETCH_FAILED", 1_000).on("ip-10-0-1-7").task("7.0", "41"),
            abort(1_010, "7.0", "41", "5", "ip-10-0-1-7"),
        ];
        said(&[Failed], clues).cause.map(|cause| cause.class).unwrap_or_default()
    };
    // A node that was taken back does not come back: whoever fetches from it fails, however late.
    assert_eq!(of("SPOT_RECLAIM", 900), "SPOT_RECLAIM");
    assert_eq!(of("SPOT_RECLAIM", 300), "SPOT_RECLAIM");
    // A disk may have been cleared since.
    assert_eq!(of("DISK_FULL", 405), "DISK_FULL");
    assert_eq!(of("DISK_FULL", 300), "FETCH_FAILED");
}

#[test]
fn an_exception_over_data_says_itself_what_it_comes_from() {
    // S3_403 and PATH_MISSING of one message are one chain; in two messages, the first may have been caught.
    let denied = |event| clue("S3_403", 5).in_message(event, 0);
    let missing = clue("PATH_MISSING", 9).in_message(91, 1);
    let of = |event| said(&[Failed], vec![denied(event), missing.clone()]).cause.map(|c| c.class);
    assert_eq!(of(91).as_deref(), Some("S3_403"));
    assert_eq!(of(51).as_deref(), Some("PATH_MISSING"));
}

#[test]
fn executors_that_die_alike_die_of_one_cause() {
    let died = |second, executor: &str, host: &str| {
        clue("EXEC_137", second).executor(executor).on(host).strength(Strength::ExitCode)
    };
    let heap = clue("EXEC_HEAP_OOM", 9).executor("1").on("a").file(Layer::Executor, "stdout").untimed();
    let end = abort(60, "7.0", "41", "4", "d");
    let clues = vec![died(10, "1", "a"), died(30, "2", "b"), died(59, "4", "d"), heap, end];
    assert_eq!(cause(&said(&[Failed], clues)), Some(("EXEC_HEAP_OOM", LIKELY)));
}

#[test]
fn a_message_names_whom_its_clues_are_about() {
    // `Lost task 3.1 in stage 7.0 (TID 41) (a executor 5): No space left on device` is two clues.
    let clues = vec![
        clue("JOIN", 8).in_message(81, 0).task("7.0", "41").executor("5").on("a"),
        clue("DISK_FULL", 8).in_message(81, 1),
        clue("ANALYSIS", 9).task("6.0", "30"),
        abort(20, "7.0", "41", "5", "a"),
    ];
    assert_eq!(cause(&said(&[Failed], clues)), Some(("DISK_FULL", CERTAIN)));
}

#[test]
fn the_last_exception_by_name_ended_it() {
    let sentence = |class, second| {
        clue(class, second).strength(Strength::Message).with(|c| c.text = "java.lang.X.SomeException: stopped".into())
    };
    let clues = vec![
        clue("ANALYSIS", 5),
        sentence("METASTORE", 9),
        clue("STEP_FAILED", 20).file(Layer::Step, "steps/s-1/controller"),
    ];
    assert_eq!(cause(&said(&[Failed], clues.clone())), Some(("ANALYSIS", CERTAIN)));
    // An exception that nobody knows is one by name: what came before it did not end it.
    let unknown = clue("EXCEPTION", 15).strength(Strength::Message);
    let diagnosis = said(&[Failed], [clues, vec![unknown]].concat());
    assert_eq!(cause(&diagnosis), Some(("ANALYSIS", LIKELY)));
}

#[test]
fn what_a_running_run_waits_for() {
    let waits =
        |times: i64| (1..=times).map(|second| clue("NO_RESOURCES", second).strength(Strength::Message)).collect();
    assert_eq!(cause(&said(&[Running], waits(2))), None);
    let waiting = said(&[Running], waits(9));
    assert_eq!((waiting.outcome, cause(&waiting).map(|c| c.0)), (Running, Some("NO_RESOURCES")));
    // What keeps it waiting says more.
    let mut kept = waits(9);
    kept.push(clue("QUOTA", 1));
    assert_eq!(by_builtin(Running, kept).as_deref(), Some("QUOTA"));
    assert_eq!(by_builtin(Running, vec![clue("QUOTA", 1)]), None);
}

/// The cause by the classes that are built in.
fn by_builtin(outcome: RunOutcome, clues: Vec<Clue>) -> Option<String> {
    let catalogue = crate::diagnose::Catalogue::builtin().unwrap();
    diagnose(&catalogue, &facts(&[outcome], clues)).cause.map(|cause| cause.class)
}

#[test]
fn what_a_sensor_waited_for() {
    let sensor = clue("AIRFLOW_SENSOR", 90).file(Layer::Airflow, "attempt=1.log");
    assert_eq!(by_builtin(Failed, vec![sensor.clone()]).as_deref(), Some("AIRFLOW_SENSOR"));
    let wait = clue("NO_RESOURCES", 10).strength(Strength::Message);
    assert_eq!(by_builtin(Failed, vec![wait, sensor]).as_deref(), Some("NO_RESOURCES"));
}

#[test]
fn who_marked_a_task() {
    let marked = clue("USER_STOP", 10).file(Layer::Airflow, "attempt=1.log");
    assert_eq!(by_builtin(Failed, vec![marked.clone()]).as_deref(), Some("USER_STOP"));
    // The scheduler says that it did it.
    let zombie = clue("AIRFLOW_ZOMBIE", 9).file(Layer::Airflow, "scheduler.log");
    assert_eq!(by_builtin(Failed, vec![zombie, marked]).as_deref(), Some("AIRFLOW_ZOMBIE"));
}

#[test]
fn what_a_person_stopped() {
    let stop = clue("USER_STOP", 10).of_service();
    let ends = clue("HEARTBEAT", 20).on("a");
    assert_eq!(cause(&said(&[Failed], vec![stop.clone(), ends])).map(|c| c.0), Some("USER_STOP"));
    // It had failed before it was stopped.
    let failed = vec![clue("ANALYSIS", 3), clue("FINAL_FAILED", 4), stop];
    assert_eq!(cause(&said(&[Failed], failed)), Some(("ANALYSIS", CERTAIN)));
}

#[test]
fn no_permission_before_a_path_that_is_missing() {
    let denied = clue("S3_403", 5).slot("path", "s3://acme/in");
    let missing = |path| clue("PATH_MISSING", 9).slot("path", path);
    let of = |path| said(&[Failed], vec![denied.clone(), missing(path)]).cause.map(|c| c.class).unwrap_or_default();
    assert_eq!(of("s3://acme/in/dt=1"), "S3_403");
    assert_eq!(of("s3://acme/out"), "PATH_MISSING");
}

// Rule 8: rank.

#[test]
fn two_layers_at_the_top_are_both_shown() {
    let clues = vec![clue("ANALYSIS", 5), clue("METASTORE", 6).file(Layer::Airflow, "attempt=1.log")];
    let diagnosis = said(&[Failed], clues);
    assert_eq!(cause(&diagnosis), Some(("ANALYSIS", POSSIBLE)));
    let also: Vec<&str> = diagnosis.also.iter().map(|cause| cause.class.as_str()).collect();
    assert_eq!(also, ["METASTORE"]);
    // Of one layer, the earliest.
    let one = said(
        &[Failed],
        vec![clue("ANALYSIS", 5).in_message(51, 0), clue("METASTORE", 6).with(|c| c.place.file = "b".into())],
    );
    assert_eq!((cause(&one), one.also.len()), (Some(("ANALYSIS", CERTAIN)), 0));
}

#[test]
fn a_code_of_the_service_beats_a_message() {
    let clues = vec![clue("ANALYSIS", 5), clue("CAPACITY", 9).of_service().untimed()];
    assert_eq!(cause(&said(&[Failed], clues)), Some(("CAPACITY", CERTAIN)));
}

#[test]
fn the_earliest_of_a_class_is_shown() {
    let clues = vec![clue("ANALYSIS", 9), clue("ANALYSIS", 5).with(|c| c.count = 214), clue("FINAL_FAILED", 10)];
    let diagnosis = said(&[Failed], clues);
    let lines: Vec<(Option<u64>, u64)> =
        diagnosis.cause.iter().flat_map(|cause| &cause.evidence).map(|line| (line.line, line.more)).collect();
    assert_eq!(lines, [(Some(51), 214), (Some(91), 0)]);
}

// Rule 9: symptoms and wrappers.

#[test]
fn symptoms_are_possible_and_wrappers_are_nothing() {
    let symptom = said(&[Failed], vec![clue("FETCH_FAILED", 5).on("a"), clue("STEP_FAILED", 9)]);
    assert_eq!(cause(&symptom), Some(("FETCH_FAILED", POSSIBLE)));
    let nothing = said(&[Failed], vec![clue("EXCEPTION", 5), clue("STEP_FAILED", 9)]);
    assert_eq!(cause(&nothing), None);
    let looks: Vec<&str> = nothing.look_at.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(looks, ["EXCEPTION at 5", "STEP_FAILED at 9"]);
    // An exit code that nothing links to the end says too little.
    let weak = clue("PY_WORKER_CRASH", 5).strength(Strength::ExitCode);
    assert_eq!(cause(&said(&[Failed], vec![weak.clone()])), None);
    let linked = vec![weak.executor("5").on("a"), abort(9, "7.0", "41", "5", "a")];
    assert_eq!(cause(&said(&[Failed], linked)), Some(("PY_WORKER_CRASH", POSSIBLE)));
}

#[test]
fn what_could_not_be_read_lowers_the_confidence_of_what_may_be_explained() {
    let of = |class: &str| {
        let mut facts = facts(&[Failed], vec![clue(class, 5)]);
        facts.missing.push(MissingEvidence { what: "events".into(), why: "refused".into(), remedy: None });
        cause(&of(&facts)).map(|(_, confidence)| confidence)
    };
    assert_eq!(of("TIMEOUT"), Some(LIKELY));
    assert_eq!(of("ANALYSIS"), Some(CERTAIN));
}

#[test]
fn roles_that_say_nothing_are_no_cause() {
    for role in [ClueRole::Join, ClueRole::Ok, ClueRole::End, ClueRole::Progress, ClueRole::Ignore, ClueRole::Wrapper] {
        let diagnosis = said(&[Failed], vec![clue("DISK_FULL", 5).with(|c| c.role = role)]);
        assert_eq!(cause(&diagnosis), None, "{role:?}");
    }
}
