//! Months on the sandbox's clock: replays, what runs cost, a wave that waits, its cutover, the way back, and a new day.

use super::super::project;
use super::super::stage::{Stage, must};
use super::TARGET;
use super::facts::{actions, marked_job, nothing_refused};
use super::parity::{reviewed_as, write_month};
use crate::cli::time::day;
use crate::ui::Failure;
use jiff::ToSpan;
use jiff::civil::Date;
use serde_json::{Value, json};

/// The pipeline that is cut over, alone in its wave.
const PIPELINE: &str = "bau-audience";
const MIGRATION: &str = "manifests/bau-audience/migration.yaml";
const DAG: &str = "manifests/bau-audience/dag.yaml";
const JOB: &str = "manifests/bau-audience/job.yaml";
const LEGACY: &str = "manifests/bau-audience/legacy.yaml";
const LEGACY_DAG: &str = "manifests/airflow/legacy-audience.yaml";
const PRICES: &str = "manifests/prices.yaml";
/// Where the new job writes until the cutover, and after it.
const SHADOW: &str = "s3://acme-lake/plumb-shadow/acme-lake";
const REAL: &str = "s3://acme-lake";
/// Where the last task of the job begins, which copied files and needs a person.
const COPIES: &str = "    - task_key: publish-segments\n";
/// What both sides write, in the project's folder and in no commit.
const LAKE: &str = "lake/audience";

pub(super) async fn replay(stage: &Stage<'_>) -> Result<(), Failure> {
    let dag = json!({ "dag_id": "legacy_audience", "tags": ["emr"], "max_active_runs": 1, "catchup": false,
        "start_date": "2020-01-01T00:00:00+01:00",
        "schedule": { "cron": "0 3 2 * *", "timezone": "Europe/Berlin", "interval": true },
        "tasks": [{ "task_id": "run", "operator": "EmrCreateJobFlowOperator", "starts": { "cluster": { "run": PIPELINE } } }] });
    stage.post("/_sandbox/seed", &json!({ "airflow": { "dags": [dag] } })).await?;
    stage.post("/_sandbox/settings", &times()).await?;
    manifests(stage)?;
    stage.commit_now("Ben Okafor", "Tell the audience its month, and where it writes until the cutover").await?;
    stage.plumb(&["validate", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.apply_quietly().await?;
    let parameters = new_dag(stage).await?;
    must(parameters.1 && parameters.0["output"] == SHADOW, || format!("the new DAG is {parameters:?}"))?;
    stage.proven("the new DAG is paused, and its task would write into the shadow place")?;
    let compares = stage.find_duckdb().await?.is_ok();
    let before = runs(stage).await?.len();
    let months = last_months(stage).await?;
    if compares {
        for month in months {
            write_month(stage, LAKE, month)?;
        }
        let [first, last] = months.map(|month| month.strftime("%Y-%m").to_string());
        let periods = format!("{first}..{last}");
        let args = ["parity", "replay", PIPELINE, "--periods", &periods, "--yes", TARGET[0], TARGET[1]];
        stage.while_time_passes(stage.plumb(&args)).await?.exits(0)?;
    } else {
        stage.page.words(
            "Without duckdb nothing is compared: the runs of the new job have to do, and the wave asks for no more.",
        )?;
        for month in months {
            run_now(stage, month).await?;
        }
        let text = stage.read(MIGRATION)?;
        stage.write(MIGRATION, &project::edited(&text, "parity: {passes: 2}, ", "")?)?;
    }
    let made = runs(stage).await?.split_off(before);
    for (run, month) in made.iter().zip(months) {
        let (told, written) = (parameter(run, "month"), parameter(run, "output"));
        let is_so = told == month.strftime("%Y-%m").to_string() && written == SHADOW;
        must(is_so && run["state"]["result_state"] == "SUCCESS", || format!("the run is {run}"))?;
    }
    must(made.len() == 2, || format!("{} runs were started", made.len()))?;
    stage.proven("two runs, one a month: each was told its month, and wrote into the shadow place alone")?;
    if compares {
        stage.proven("both months are equal to what EMR wrote then: two comparisons on one day")?;
    }
    stage
        .commit("Ben Okafor", if compares { "Two months, replayed and equal" } else { "Two months, run again" })
        .map(drop)
}

/// How long things take from here on, by the clock.
fn times() -> Value {
    json!({ "run_pending_seconds": 300, "run_seconds": 9000, "airflow": { "plays": true },
        "emr": { "cluster_seconds": 240, "step_seconds": 600, "forget_days": 400 } })
}

/// What Ben writes.
fn manifests(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.write(
        LEGACY_DAG,
        "\
apiVersion: plumb/v1
kind: AirflowDag
metadata: {name: legacy-audience}
spec: {dag_id: legacy_audience, source: external}      # its wave pauses it
",
    )?;
    for file in [LEGACY, JOB, DAG, MIGRATION] {
        stage.write(file, &decided(&stage.read(file)?))?;
    }
    // What copied files to a partner becomes a task of Airflow: the job has none for it.
    let text = stage.read(JOB)?;
    let (kept, _) = text.split_once(COPIES).ok_or_else(|| Failure::error(format!("{JOB} has no task that copies")))?;
    stage.write(JOB, kept)?;
    let text = stage.read(DAG)?.replace("  paused: true\n", "");
    let schedule = "spec:\n  schedule: {cron: \"0 3 2 * *\", timezone: Europe/Berlin}\n  start_date: 2020-01-01\n";
    let text = project::edited(&text, "spec:\n", schedule)?;
    stage.write(DAG, &text)?;
    let text = reviewed_as(&stage.read(MIGRATION)?, MIGRATION, "audience", LAKE)?;
    let from = "  from:\n    dags: [AirflowDag/legacy-audience]\n";
    let text = project::edited(&text, "  from:\n", from)?;
    let more = "  requires: {parity: {passes: 2}, greenRuns: 2}\n  wave: \"1\"\n";
    stage.write(MIGRATION, &(text.trim_end().to_owned() + "\n" + more))
}

/// A translated manifest without what it asks: Ben has answered, and leaves what stands there.
fn decided(text: &str) -> String {
    let asks = ["# DECISION: ", "#   why: ", "#   EMR: "];
    let kept = text.lines().filter(|line| !asks.iter().any(|ask| line.trim_start().starts_with(ask)));
    kept.map(|line| format!("{line}\n")).collect()
}

/// The two months before this one, the older first.
async fn last_months(stage: &Stage<'_>) -> Result<[Date; 2], Failure> {
    let last = day(stage.now().await?).first_of_month() - 1.month();
    Ok([last - 1.month(), last])
}

async fn run_now(stage: &Stage<'_>, month: Date) -> Result<(), Failure> {
    let job = marked_job(stage, PIPELINE).await?["job_id"].clone();
    let given =
        json!({ "job_id": job, "job_parameters": { "month": month.strftime("%Y-%m").to_string(), "output": SHADOW } });
    stage.post("/api/2.2/jobs/run-now", &given).await?;
    stage.pass(10_000).await.map(drop)
}

/// The runs of the new job, in the order in which they began.
async fn runs(stage: &Stage<'_>) -> Result<Vec<Value>, Failure> {
    let job = marked_job(stage, PIPELINE).await?["job_id"].clone();
    let listed = stage.ask(&format!("/api/2.2/jobs/runs/list?job_id={job}&limit=24")).await?;
    let mut runs = listed["runs"].as_array().cloned().unwrap_or_default();
    runs.sort_by_key(|run| (run["start_time"].as_i64(), run["run_id"].as_i64()));
    Ok(runs)
}

fn parameter(run: &Value, name: &str) -> String {
    let of = run["job_parameters"].as_array().into_iter().flatten().find(|one| one["name"] == name);
    let value = of.and_then(|one| one.get("value").or(one.get("default")));
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What the new DAG gives its run, and whether it is paused.
async fn new_dag(stage: &Stage<'_>) -> Result<(Value, bool), Failure> {
    let text = stage.dag_file("bau_audience.py")?;
    let spec = text.split_once("r\"\"\"").and_then(|(_, rest)| rest.split_once("\"\"\"")).map(|(spec, _)| spec);
    let spec: Value = serde_json::from_str(spec.unwrap_or_default()).unwrap_or_default();
    let dag = stage.ask_airflow("/api/v2/dags/bau_audience").await?;
    Ok((spec["tasks"][0]["params"]["job_parameters"].clone(), dag["is_paused"] == true))
}

async fn old_is_paused(stage: &Stage<'_>) -> Result<bool, Failure> {
    Ok(stage.ask_airflow("/api/v2/dags/legacy_audience").await?["is_paused"] == true)
}

/// The clusters that the old DAG started, by their months.
async fn old_months(stage: &Stage<'_>) -> Result<Vec<String>, Failure> {
    let listed = stage.ask_airflow("/api/v2/dags/legacy_audience/dagRuns?limit=100").await?;
    let of = |run: &Value| run["logical_date"].as_str().map(|at| at.chars().take(7).collect::<String>());
    Ok(listed["dag_runs"].as_array().into_iter().flatten().filter_map(of).collect())
}

/// The months that the new DAG ran, with where its runs wrote.
async fn new_months(stage: &Stage<'_>) -> Result<Vec<String>, Failure> {
    let listed = stage.ask_airflow("/api/v2/dags/bau_audience/dagRuns?limit=100").await?;
    let of = |run: &Value| run["logical_date"].as_str().map(|at| at.chars().take(7).collect::<String>());
    Ok(listed["dag_runs"].as_array().into_iter().flatten().filter_map(of).collect())
}

pub(super) async fn keep(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.plumb(&["cost", PIPELINE, "--keep", "evidence/runs", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let kept = stage.files("evidence/runs")?;
    let names: Vec<&String> = kept.iter().filter(|name| name.contains(PIPELINE)).collect();
    must(names.len() >= 2, || format!("it kept {names:?}"))?;
    stage.proven(&format!("{} files, one a period: nodes and seconds, without prices, for ever", names.len()))?;
    stage.write(PRICES, &price_book(day(stage.now().await?)))?;
    stage.commit_now("Ann Lee", "Keep what runs used, and the prices of today").await?;
    stage.plumb(&["cost", PIPELINE, TARGET[0], TARGET[1]]).await?.exits(0)?;
    let ran = stage.quietly(&["cost", PIPELINE, TARGET[0], TARGET[1], "--output", "json"]).await?;
    ran.exits(0)?;
    must(ran.out.contains("USD"), || format!("the report is {}", ran.out))?;
    stage.proven("old and new are priced by one dated book: from … to, and what is not known is said")
}

fn price_book(today: Date) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: PriceBook
metadata: {{name: eu-central-1}}
spec:
  region: eu-central-1
  currency: USD
  asOf: {today}
  sources:
    - {{id: demo, note: \"figures of an example\"}}
  databricks: {{plan: premium, skus: {{jobs: 0.15, allPurpose: 0.55}}, src: demo}}
  emr: {{upliftPercent: 25, minimumSeconds: 60, src: demo}}
  nodes:
    - {{type: m5.xlarge, ec2OnDemand: 0.23, ec2Spot: [0.07, 0.09], emr: 0.0575, dbu: 0.69, src: demo, dbuSrc: demo}}
    - {{type: r5.2xlarge, ec2OnDemand: 0.608, ec2Spot: [0.18, 0.26], emr: 0.126, dbu: 1.37, src: demo, dbuSrc: demo}}
"
    )
}

pub(super) async fn waits(stage: &Stage<'_>) -> Result<(), Failure> {
    // Past the next run of the old one, while the latest comparison is young.
    let runs = runs(stage).await?;
    let latest = runs.last().map(|run| format!("{}-01", parameter(run, "month"))).unwrap_or_default();
    let latest: Date = latest.parse().map_err(|e| Failure::error(format!("the runs are {runs:?}: {e}")))?;
    let until = latest + 2.months() + 5.days();
    stage.until(until).await?;
    let old = old_months(stage).await?;
    must(!old.is_empty() && new_months(stage).await?.is_empty(), || format!("the old ran {old:?}"))?;
    stage.proven(&format!("the old DAG started its cluster again, for {}; the new one rests", old.join(", ")))?;
    stage.plumb(&["migrate", "status", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let row = board(stage).await?;
    must(row["stage"] == if stage.has_duckdb() { "parity" } else { "in-parallel" }, || format!("the board has {row}"))?;
    stage.proven("the board reads each stage off git, services and evidence: nobody typed one in")?;
    forecast(stage, until).await?;
    let cutover = until + 3.days();
    dated(stage, None, cutover)?;
    stage.commit_now("Ann Lee", "Cut wave 1 over").await?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let plan = stage.plan("plan").await?;
    nothing_refused(&plan)?;
    let says = says(wave(&plan)?, "noGap");
    must(says.contains("would be run twice") && says.contains("`start_date: "), || format!("it says {says}"))?;
    stage
        .proven("the plan sees that a month would be run twice, and says which start_date begins with the right one")?;
    starts(stage, cutover)?;
    stage.commit_now("Ann Lee", "Begin with the month that EMR would run next").await?;
    stage.apply_quietly().await?;
    must(!old_is_paused(stage).await? && new_dag(stage).await?.1, || "a DAG was switched".into())?;
    stage.proven("an apply before the day deploys that, and leaves both DAGs as they are; nothing turns red")?;
    let plan = stage.plan("plan").await?;
    let wave = wave(&plan)?;
    let open: Vec<&str> = gates(wave, false);
    must(open == ["date", "quiet"], || format!("{open:?} wait: {wave}"))?;
    must(wave["standing"] == "old" && wave["digest"].is_string(), || format!("the wave is {wave}"))?;
    let holds = gates(wave, true);
    must(holds.contains(&"successors") && holds.contains(&"wayBack"), || format!("{holds:?} hold"))?;
    stage.proven(&format!("{} hold days before; {} are for the day itself", holds.join(", "), open.join(" and ")))
}

/// Asks whether all of it is done in six weeks, by ranges that the team wrote down.
async fn forecast(stage: &Stage<'_>, today: Date) -> Result<(), Failure> {
    let ranges = "  # Working days that a stage takes: least, most likely, most.\n  forecast:\n    people: 2\n    days: {inventory: \
                  [0.5, 1, 1], translate: [1, 2, 4], decide: [1, 3, 10], deploy: [1, 1, 3], parity: [1, 3, 10], teardown: \
                  [1, 1, 2]}\n\n";
    let text = project::edited(&stage.read("plumb.yaml")?, "  targets:\n", &format!("{ranges}  targets:\n"))?;
    stage.write("plumb.yaml", &text)?;
    stage.commit_now("Ann Lee", "Say how long things take, as far as anybody knows").await?;
    let by = (today + 6.weeks()).to_string();
    stage.plumb(&["migrate", "forecast", "--by", &by, "--draws", "2000", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let args = ["migrate", "forecast", "--by", &by, "--draws", "2000", TARGET[0], TARGET[1], "--output", "json"];
    let ran = stage.quietly(&args).await?;
    let told: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let monthly = &told["periods"][0];
    let (natural, missing) = (monthly["natural"].as_u64(), monthly["missing"].as_u64());
    let wanted = natural.zip(missing).map(|(natural, missing)| natural + missing);
    must(wanted.is_some() && told["restsOn"].is_array(), || format!("it says {}", ran.out))?;
    stage.proven(&format!(
        "monthly pipelines take their months: {} of {} periods come by themselves in six weeks",
        natural.unwrap_or_default(),
        wanted.unwrap_or_default()
    ))
}

/// Writes the day into the migration.
fn dated(stage: &Stage<'_>, before: Option<Date>, cutover: Date) -> Result<(), Failure> {
    let text = stage.read(MIGRATION)?;
    let line = format!("  cutover: {cutover}\n");
    let text = match before {
        Some(before) => project::edited(&text, &format!("  cutover: {before}\n"), &line)?,
        None => text.trim_end().to_owned() + "\n" + &line,
    };
    stage.write(MIGRATION, &text)
}

/// Writes a start into the new DAG that begins with the period that the old would run next.
fn starts(stage: &Stage<'_>, cutover: Date) -> Result<(), Failure> {
    let text = stage.read(DAG)?;
    let start = text.lines().find(|line| line.trim_start().starts_with("start_date:")).unwrap_or_default().to_owned();
    stage.write(DAG, &project::edited(&text, &start, &format!("  start_date: {}", cutover.first_of_month()))?)
}

fn wave(plan: &Value) -> Result<&Value, Failure> {
    match plan["cutovers"].as_array().map(Vec::as_slice) {
        Some([wave]) => Ok(wave),
        _ => Err(Failure::error(format!("not one wave but {}", plan["cutovers"]))),
    }
}

fn says(wave: &Value, name: &str) -> String {
    let all = wave["gates"].as_array().into_iter().flatten();
    let mut gate = all.filter(|gate| gate["name"] == name).filter_map(|gate| gate["says"].as_str());
    gate.next().unwrap_or_default().to_owned()
}

fn gates(wave: &Value, holds: bool) -> Vec<&str> {
    let all = wave["gates"].as_array().into_iter().flatten();
    all.filter(|gate| gate["holds"] == holds).filter_map(|gate| gate["name"].as_str()).collect()
}

pub(super) async fn cut_over(stage: &Stage<'_>) -> Result<(), Failure> {
    let cutover = day(stage.now().await?) + 3.days();
    stage.until(cutover).await?;
    let plan = stage.plan("plan").await?;
    must(actions(&plan) == [("Wave/1", "cutover")] || actions(&plan).len() == 1, || {
        format!("the plan is {:?}", actions(&plan))
    })?;
    stage.plumb(&["plan", TARGET[0], TARGET[1]]).await?.exits(0)?;
    stage.proven("every gate holds: one change, of all members or none")?;
    stage.requests().await?;
    stage.apply().await?;
    let sent: Vec<String> =
        stage.requests().await?.into_iter().filter(|(method, _)| method == "PATCH").map(|(_, path)| path).collect();
    let at = |id: &str| sent.iter().position(|path| path.ends_with(&format!("/dags/{id}")));
    must(at("legacy_audience").is_some() && at("legacy_audience") < at("bau_audience"), || {
        format!("it sent {sent:?}")
    })?;
    stage.proven("old before new: at no moment were both on")?;
    let (given, paused) = new_dag(stage).await?;
    must(old_is_paused(stage).await? && !paused && given.get("output").is_none(), || {
        format!("the new DAG is {given}")
    })?;
    stage.proven("the old DAG is paused, the new one is on, and its runs write into the real place")?;
    let again = stage.plan("plan").await?;
    must(actions(&again).is_empty(), || format!("the plan is {:?}", actions(&again)))?;
    stage.proven("there is nothing left to do, and no state file that says so")
}

pub(super) async fn back(stage: &Stage<'_>) -> Result<(), Failure> {
    stage.until(day(stage.now().await?) + 2.days()).await?;
    let reason = "the report of sales still reads the old place";
    stage.plumb(&["migrate", "rollback", "1", "--reason", reason, "--yes", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let (given, paused) = new_dag(stage).await?;
    must(!old_is_paused(stage).await? && paused && given["output"] == SHADOW, || format!("the new DAG is {given}"))?;
    stage.proven("one command: the new DAG is paused and has its shadow again, the old one is on")?;
    let plan = stage.plan("plan").await?;
    let says = says(wave(&plan)?, "held");
    must(actions(&plan).is_empty() && says.contains(reason), || format!("the plan is {plan}"))?;
    stage.apply_quietly().await?;
    must(!old_is_paused(stage).await?, || "the old DAG was paused again".into())?;
    stage.proven("the next apply does not cut over again: a hold beside the lease says who took it back, and why")
}

pub(super) async fn again(stage: &Stage<'_>) -> Result<(), Failure> {
    let now = day(stage.now().await?);
    let text = stage.read(MIGRATION)?;
    let line = text.lines().find_map(|line| line.strip_prefix("  cutover: ")).unwrap_or_default();
    let before: Date = line.trim().parse().map_err(|e| Failure::error(format!("{MIGRATION}: {e}")))?;
    let cutover = now + 2.days();
    dated(stage, Some(before), cutover)?;
    stage.commit_now("Ann Lee", "Cut wave 1 over: the report reads the new place now").await?;
    stage.apply_quietly().await?;
    stage.until(cutover).await?;
    stage.plumb(&["migrate", "cutover", "1", "--yes", TARGET[0], TARGET[1]]).await?.exits(0)?;
    must(old_is_paused(stage).await? && !new_dag(stage).await?.1, || "it was not cut over".into())?;
    stage.proven("a new day in git lifts the hold: nothing has to be cleaned up")?;
    let old = old_months(stage).await?;
    stage.until(cutover.first_of_month() + 2.months() + 5.days()).await?;
    let (after, new) = (old_months(stage).await?, new_months(stage).await?);
    must(after == old && new.len() == 2, || format!("the old ran {after:?}, the new {new:?}"))?;
    let all: Vec<&String> = after.iter().chain(&new).collect();
    let in_a_row = all.windows(2).all(|pair| next_month(pair[0]).as_ref() == Some(pair[1]));
    must(in_a_row, || format!("the months are {all:?}"))?;
    stage.proven(&format!(
        "{}: each month was run once, by one side",
        all.iter().map(|m| m.as_str()).collect::<Vec<_>>().join(", ")
    ))?;
    let written: Vec<String> = runs(stage).await?.iter().rev().take(2).map(|run| parameter(run, "output")).collect();
    must(written.iter().all(|place| place == REAL), || format!("they wrote to {written:?}"))?;
    stage.proven("and the new side wrote where everybody reads")?;
    stage.plumb(&["migrate", "status", TARGET[0], TARGET[1]]).await?.exits(0)?;
    let row = board(stage).await?;
    let mut conditions = row["conditions"].as_array().into_iter().flatten();
    let is_over = conditions.any(|one| one["stage"] == "cut-over" && one["state"] == "holds");
    must(is_over, || format!("the board has {row}"))?;
    stage.proven("the board has it cut over; what is left of it is its teardown")
}

/// The pipeline's row of the board.
async fn board(stage: &Stage<'_>) -> Result<Value, Failure> {
    let ran = stage.quietly(&["migrate", "status", TARGET[0], TARGET[1], "--output", "json"]).await?;
    let board: Value = serde_json::from_str(&ran.out).unwrap_or_default();
    let rows = board["pipelines"].as_array().into_iter().flatten();
    rows.into_iter()
        .find(|row| row["name"] == PIPELINE)
        .cloned()
        .ok_or_else(|| Failure::error(format!("the board is {board}")))
}

fn next_month(month: &str) -> Option<String> {
    let first: Date = format!("{month}-01").parse().ok()?;
    Some((first + 1.month()).strftime("%Y-%m").to_string())
}
