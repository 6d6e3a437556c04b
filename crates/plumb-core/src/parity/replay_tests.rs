//! Replays by example: ranges of periods, the order of runs, what each is given, and what refuses them.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::kinds;
use crate::manifest::{InMemory, PROJECT_FILE, Request, load};
use serde_json::json;

fn names(unit: PeriodUnit, text: &str) -> Result<Vec<String>, String> {
    Ok(replay_periods(unit, text)?.iter().map(|period| period.name().to_owned()).collect())
}

#[test]
fn a_range_has_both_its_ends() {
    assert_eq!(names(PeriodUnit::Month, "2026-07..2026-09").unwrap(), ["2026-07", "2026-08", "2026-09"]);
    assert_eq!(names(PeriodUnit::Month, "2025-12..2026-01").unwrap(), ["2025-12", "2026-01"]);
    assert_eq!(names(PeriodUnit::Month, "2026-07").unwrap(), ["2026-07"]);
    assert_eq!(names(PeriodUnit::Month, "2026-07..2026-07").unwrap(), ["2026-07"]);
    assert_eq!(names(PeriodUnit::Week, "2020-W52..2021-W01").unwrap(), ["2020-W52", "2020-W53", "2021-W01"]);
    assert_eq!(names(PeriodUnit::Day, "2024-02-28..2024-03-01").unwrap(), ["2024-02-28", "2024-02-29", "2024-03-01"]);
}

#[test]
fn a_range_that_is_none_says_why() {
    let wrong = |unit, text: &str| names(unit, text).unwrap_err();
    let reversed = wrong(PeriodUnit::Month, "2026-09..2026-07");
    assert_eq!(reversed, "`2026-09..2026-07` ends before it begins: did you mean `2026-07..2026-09`?");
    for (unit, text, says) in [
        (PeriodUnit::Month, "2026-07...2026-09", "`.2026-09` is no month: expected one like `2024-05`"),
        (PeriodUnit::Month, "2026-07..", "`` is no month"),
        (PeriodUnit::Month, "2026-07..2026-W40", "`2026-W40` is no month"),
        (PeriodUnit::Week, "2026-07..2026-09", "`2026-07` is no week"),
        (PeriodUnit::Month, "2026-07,2026-09", "`2026-07,2026-09` is no month"),
        (PeriodUnit::None, "a..b", "`compare.period` is `none`, so there are no periods to replay"),
    ] {
        assert!(wrong(unit, text).starts_with(says), "{text}: {}", wrong(unit, text));
    }
    assert_eq!(names(PeriodUnit::Day, "2026-01-01..2026-04-10").unwrap().len(), MOST_PERIODS);
    let many = wrong(PeriodUnit::Day, "2026-01-01..2026-04-11");
    assert_eq!(many, "`2026-01-01..2026-04-11` has more than 100 days: replay them in several commands");
}

#[test]
fn a_run_is_told_its_period_as_its_parameter_has_it() {
    let value = |format: Option<&str>, unit, text: &str| {
        let told = RunPeriod { parameter: "month".into(), format: format.map(str::to_owned) };
        period_value(&told, &Period::parse(unit, text).unwrap())
    };
    assert_eq!(value(None, PeriodUnit::Month, "2026-07").unwrap(), "2026-07");
    assert_eq!(value(Some("%Y%m"), PeriodUnit::Month, "2026-07").unwrap(), "202607");
    assert_eq!(value(Some("%Y-%m-%d"), PeriodUnit::Week, "2026-W01").unwrap(), "2025-12-29", "its first day");
    let wrong = value(Some("%Q!"), PeriodUnit::Month, "2026-07").unwrap_err();
    assert!(wrong.starts_with("`period.format` is `%Q!`, which does not write a day: "), "{wrong}");
}

/// A job with these parameters.
fn job(name: &str, parameters: &str) -> String {
    format!(
        "---\napiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\n\
         spec: {{name: {name}, parameters: [{parameters}]}}\n"
    )
}

const BOTH: &str = "{name: month, default: ''}, {name: output, default: ''}";

/// The migration of three jobs, with more of its spec, beside a DAG of these tasks.
fn project(more: &str, tasks: &str, parameters: &str) -> (Desired, MigrationSpec) {
    let dag = format!(
        "---\napiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: monthly}}\n\
         spec: {{schedule: {{cron: '0 4 2 * *'}}, start_date: 2026-01-01, tasks: [{tasks}]}}\n"
    );
    let text = format!(
        "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {{name: old}}\nspec: {{match: {{name: old}}, desired: keep}}\n\
         {}{}{}{dag}---\napiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: audience}}\nspec:\n  \
         from: {{emr: [EmrCluster/old]}}\n  \
         to: {{jobs: [DatabricksJob/cleanse, DatabricksJob/aggregate, DatabricksJob/export], dags: [AirflowDag/monthly]}}\n{more}",
        job("cleanse", BOTH),
        job("aggregate", parameters),
        job("export", BOTH),
    );
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: bau}\nspec: {targets: {prod: {databricks: {}, \
                   airflow: {url: 'http://127.0.0.1:1', dags: dags}}}}\n";
    let files = [(PROJECT_FILE, project), ("manifests/all.yaml", &text)];
    let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into();
    let request = Request { target: None, variables: Default::default(), env: &|_| None, user: None };
    let desired = load(&InMemory(files), &request, kinds::all()).unwrap_or_else(|e| panic!("{:#?}", e.problems));
    let migration = desired.resources.iter().find(|one| one.kind.name() == Migration::NAME).unwrap();
    let spec = serde_json::from_value(migration.spec.to_value()).unwrap();
    (desired, spec)
}

const READY: &str = "  period: {parameter: month}\n  shadow: {parameters: {output: 's3://shadow'}}\n";

fn task(id: &str, job: &str, more: &str) -> String {
    format!("{{id: {id}, run: '${{resources.DatabricksJob.{job}}}'{more}}}, ")
}

fn jobs_in_order((desired, migration): &(Desired, MigrationSpec)) -> Vec<String> {
    replay_steps(desired, migration).into_iter().map(|step| step.job.name).collect()
}

#[test]
fn runs_follow_each_other_as_the_tasks_do() {
    let tasks = [
        task("x", "export", ", after: [a]"),
        task("c", "cleanse", ", after: [x]"),
        "{id: a, job: aggregate}".to_owned(),
    ];
    assert_eq!(jobs_in_order(&project(READY, &tasks.concat(), BOTH)), ["aggregate", "export", "cleanse"]);
    // A job that no task runs comes last; without dependencies the manifest's order holds.
    let tasks = [task("x", "export", ""), task("a", "aggregate", "")];
    assert_eq!(jobs_in_order(&project(READY, &tasks.concat(), BOTH)), ["aggregate", "export", "cleanse"]);
}

#[test]
fn a_run_is_given_what_its_task_gives_and_the_shadow_place_over_all() {
    let params = ", params: {job_parameters: {mode: full, month: '{{ ds }}', day: '{{ ds }}', output: 's3://real'}}";
    let declared = format!("{BOTH}, {{name: mode, default: ''}}, {{name: day, default: ''}}");
    let (desired, migration) = project(READY, &task("a", "aggregate", params), &declared);
    let steps = replay_steps(&desired, &migration);
    assert_eq!(steps[0].filled, BTreeSet::from(["day".to_owned(), "month".to_owned()]));
    let shadow = migration.shadow.unwrap().parameters;
    let given = run_parameters(&steps[0], ("month", "2026-07".into()), &shadow);
    assert_eq!(json!(given), json!({"mode": "full", "month": "2026-07", "output": "s3://shadow"}));
}

#[test]
fn nothing_is_replayed_over_what_the_old_wrote_or_with_a_parameter_that_a_job_lacks() {
    let refused = |more: &str, parameters: &str| {
        let (desired, migration) = project(more, &task("c", "cleanse", ""), parameters);
        let steps = replay_steps(&desired, &migration);
        refusals("audience", &migration, &steps).into_iter().map(|(what, _)| what).collect::<Vec<_>>()
    };
    assert_eq!(refused(READY, BOTH), Vec::<String>::new());
    let no_shadow = "Migration/audience has no `shadow` place: the new would overwrite what the old wrote";
    assert_eq!(refused("  period: {parameter: month}\n", BOTH), [no_shadow]);
    let both = refused("", BOTH);
    assert_eq!((both.len(), both[0].as_str()), (2, no_shadow));
    assert_eq!(both[1], "Migration/audience has no `period`, so no run can be told which period it is for");
    let lacks = "Migration/audience: DatabricksJob/aggregate has no parameter of `shadow.parameters`, so it would write \
                 where the old wrote: it has `month`";
    assert_eq!(refused(READY, "{name: month, default: ''}"), [lacks]);
    let lacks = refused(READY, "");
    assert_eq!(lacks.len(), 2, "the period too: {lacks:?}");
    let period = "`period.parameter` names `month`, which DatabricksJob/aggregate does not have: it has none";
    assert!(lacks[1].contains(period), "{lacks:?}");
}

#[test]
fn a_job_is_given_the_parameters_of_the_shadow_place_that_it_has() {
    let more = "  period: {parameter: month}\n  shadow: {parameters: {output: 's3://shadow', sums: 's3://sums'}}\n";
    let declared = "{name: month, default: ''}, {name: sums, default: ''}";
    let (desired, migration) = project(more, &task("c", "cleanse", ""), declared);
    let steps = replay_steps(&desired, &migration);
    assert_eq!(refusals("audience", &migration, &steps), []);
    let shadow = migration.shadow.unwrap().parameters;
    let given = |index: usize| json!(run_parameters(&steps[index], ("month", "2026-07".into()), &shadow));
    assert_eq!(given(0), json!({"month": "2026-07", "output": "s3://shadow"}));
    assert_eq!(given(1), json!({"month": "2026-07", "sums": "s3://sums"}));
    // One that no job has is a mistake, whether or not the manifests were checked.
    let other = BTreeMap::from([("outptu".to_owned(), String::new()), ("output".to_owned(), String::new())]);
    let migration =
        MigrationSpec { shadow: Some(crate::kinds::emr::migration::Shadow { parameters: other }), ..migration };
    let refused = refusals("audience", &migration, &steps);
    assert!(
        refused.iter().any(|(what, _)| what.contains("`shadow.parameters` names `outptu`, which no job")),
        "{refused:?}"
    );
}

fn period() -> Period {
    Period::parse(PeriodUnit::Month, "2026-07").unwrap()
}

#[test]
fn the_same_start_has_the_same_token_and_another_one_another() {
    let parameters = BTreeMap::from([("month".to_owned(), "2026-07".to_owned())]);
    let token = |target, before, step, job_id, parameters| {
        start_token(("bau", target, "audience"), &period(), (before, step), (job_id, parameters))
    };
    let one = token("prod", 0, 0, "7", &parameters);
    assert_eq!(one, token("prod", 0, 0, "7", &parameters));
    assert!(one.len() <= 64 && one.starts_with("plumb-"));
    for other in [
        token("dev", 0, 0, "7", &parameters),
        token("prod", 1, 0, "7", &parameters),
        token("prod", 0, 1, "7", &parameters),
        token("prod", 0, 0, "8", &parameters),
        token("prod", 0, 0, "7", &BTreeMap::new()),
    ] {
        assert_ne!(one, other);
    }
}

#[test]
fn a_record_is_read_as_it_was_written_and_tells_the_last_attempt() {
    let (desired, migration) = project(READY, &task("c", "cleanse", ""), BOTH);
    let steps = replay_steps(&desired, &migration);
    let run = |job: &str, run_id| ReplayRun { job: format!("DatabricksJob/{job}"), run_id };
    let mut record = ReplayRecord::new("prod", "audience", &period(), Timestamp::UNIX_EPOCH);
    assert_eq!(record.attempt(&steps), []);
    // The second job failed; the second attempt is at its second job.
    record.runs = vec![run("cleanse", 1), run("aggregate", 2), run("cleanse", 3), run("aggregate", 4)];
    assert_eq!(record.attempt(&steps), &record.runs[2..]);
    record.runs.push(run("cleanse", 5));
    assert_eq!(record.attempt(&steps), &record.runs[4..]);
    let text = serde_json::to_string(&record).unwrap();
    assert_eq!(ReplayRecord::parse(&text, "prod", "audience", &period()), Ok(record));
    for (target, migration) in [("dev", "audience"), ("prod", "churn")] {
        assert!(ReplayRecord::parse(&text, target, migration, &period()).is_err());
    }
    assert!(ReplayRecord::parse(&text.replace("replay/v1", "replay/v2"), "prod", "audience", &period()).is_err());
}
