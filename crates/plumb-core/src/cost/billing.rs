//! DBUs as Databricks measured them: the question of `system.billing.usage`, and what its rows say of runs.
//!
//! Facts: Databricks' documentation, "Billable usage system table reference": corrections are rows too (`record_type`
//! ORIGINAL, RETRACTION, RESTATEMENT), and the sum of all is what was used; rows come hours after the usage.

use super::facts::{DatabricksCompute, DatabricksUse, KeptRun, NOT_READ, RunSystem};
use crate::parity::sql::{SqlParameter, Statement};
use jiff::{SignedDuration, Timestamp};
use plumb_model::stats::Money;
use std::collections::{BTreeMap, BTreeSet};

/// How many runs one statement asks about.
pub const RUNS_A_STATEMENT: usize = 100;
/// How long rows may still come after a run.
const COMPLETE_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// What was measured of a run, of one SKU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasuredUsage {
    pub run: String,
    pub sku: String,
    /// In thousandths.
    pub millidbu: u64,
}

/// The question what runs used since a day, values bound.
pub fn usage_of(runs: &[&str], since: jiff::civil::Date) -> Statement {
    let parameter = |name: String, of_type: &str, value: &str| SqlParameter {
        name,
        of_type: of_type.to_owned(),
        value: Some(value.to_owned()),
    };
    let names: Vec<String> = (0..runs.len()).map(|at| format!(":run{at}")).collect();
    let mut parameters = vec![parameter("since".to_owned(), "STRING", &since.to_string())];
    parameters.extend(runs.iter().enumerate().map(|(at, run)| parameter(format!("run{at}"), "STRING", run)));
    Statement {
        step: "usage",
        text: format!(
            "SELECT u.usage_metadata.job_run_id, u.sku_name, CAST(SUM(u.usage_quantity) AS STRING) FROM \
             system.billing.usage u WHERE u.usage_date >= CAST(:since AS DATE) AND u.usage_unit = 'DBU' AND \
             u.usage_metadata.job_run_id IN ({}) GROUP BY u.usage_metadata.job_run_id, u.sku_name",
            names.join(", ")
        ),
        parameters,
    }
}

/// What the rows say.
///
/// # Errors
/// A row that is not what was asked for.
pub fn usage_rows(rows: &[Vec<Option<String>>]) -> Result<Vec<MeasuredUsage>, String> {
    let one = |row: &Vec<Option<String>>| match row.as_slice() {
        [Some(run), Some(sku), Some(quantity)] => {
            let wrong = || format!("run {run} used `{quantity}` DBU");
            // More digits than matter: a thousandth of a DBU is less than a cent.
            let short = match quantity.split_once('.') {
                Some((whole, rest)) => format!("{whole}.{:.9}", format!("{rest}0")),
                None => quantity.clone(),
            };
            let quantity: Money = short.parse().map_err(|_| wrong())?;
            let milli = (quantity.nanos() + 500_000) / 1_000_000;
            Ok(MeasuredUsage {
                run: run.clone(),
                sku: sku.clone(),
                millidbu: u64::try_from(milli).map_err(|_| wrong())?,
            })
        }
        _ => Err("a row of usage has other columns".to_owned()),
    };
    rows.iter().map(one).collect()
}

/// The Databricks runs of which it is worth asking: ended, and not measured yet. Their ids, each once.
pub fn to_measure<'r>(runs: impl IntoIterator<Item = &'r KeptRun>) -> BTreeSet<String> {
    runs.into_iter().filter(|run| is_unmeasured(run)).map(|run| run.id.clone()).collect()
}

/// Whether a run of Databricks has ended, and how many DBUs it used is not measured.
pub fn is_unmeasured(run: &KeptRun) -> bool {
    run.system == RunSystem::Databricks
        && run.ended.is_some()
        && run.databricks.as_ref().is_none_or(|used| used.measured_millidbu.is_none())
}

/// Says of runs that are not measured that what was could not be read: they are asked about again.
pub fn unread<'r>(runs: impl IntoIterator<Item = &'r mut KeptRun>) {
    for run in runs.into_iter().filter(|run| is_unmeasured(run)) {
        // The same words each time: a file changes only when more is known.
        let why = format!("{NOT_READ}: its DBUs, as system.billing.usage could not be read");
        if !run.unknown.contains(&why) {
            run.unknown.push(why);
        }
    }
}

/// Fills in what was measured. Of a run of the newest 24 hours it is not complete yet: it is asked about again.
pub fn fill<'r>(runs: impl IntoIterator<Item = &'r mut KeptRun>, usage: &[MeasuredUsage], now: Timestamp) {
    let mut by_run: BTreeMap<&str, Vec<&MeasuredUsage>> = BTreeMap::new();
    for one in usage {
        by_run.entry(&one.run).or_default().push(one);
    }
    for run in runs.into_iter().filter(|run| run.system == RunSystem::Databricks) {
        let Some(ended) = run.ended else { continue };
        if now.duration_since(ended) < COMPLETE_AFTER {
            let why = format!("{NOT_READ}: its DBUs, as usage of the newest 24 h is not complete yet");
            if !run.unknown.contains(&why) {
                run.unknown.push(why);
            }
            continue;
        }
        let Some(measured) = by_run.get(run.id.as_str()) else { continue };
        let total: u64 = measured.iter().map(|one| one.millidbu).sum();
        let most = measured.iter().max_by_key(|one| one.millidbu);
        let sku = most.map(|one| one.sku.clone());
        let compute = sku.as_deref().map_or(DatabricksCompute::Unknown, compute_of);
        let photon = sku.as_deref().is_some_and(|sku| sku.contains("PHOTON"));
        let used = run.databricks.get_or_insert(DatabricksUse { compute, photon, measured_millidbu: None, sku: None });
        used.measured_millidbu = Some(total);
        if compute != DatabricksCompute::Unknown {
            (used.compute, used.photon) = (compute, photon);
        }
        used.sku = sku;
    }
}

/// What a SKU bills: `PREMIUM_JOBS_COMPUTE_(PHOTON)`.
fn compute_of(sku: &str) -> DatabricksCompute {
    if sku.contains("JOBS_SERVERLESS") {
        DatabricksCompute::JobsServerless
    } else if sku.contains("JOBS_COMPUTE") || sku.contains("JOBS_LIGHT_COMPUTE") {
        DatabricksCompute::Jobs
    } else if sku.contains("ALL_PURPOSE") {
        DatabricksCompute::AllPurpose
    } else {
        DatabricksCompute::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::price::tests::run;

    fn row(run: &str, sku: &str, quantity: &str) -> Vec<Option<String>> {
        vec![Some(run.to_owned()), Some(sku.to_owned()), Some(quantity.to_owned())]
    }

    fn ended(id: &str, at: &str) -> KeptRun {
        KeptRun { id: id.into(), ended: at.parse().ok(), ..run(RunSystem::Databricks) }
    }

    #[test]
    fn a_question_binds_its_values() {
        let statement = usage_of(&["88120", "1' OR 1=1"], jiff::civil::date(2026, 9, 1));
        assert!(statement.text.contains("IN (:run0, :run1)") && !statement.text.contains("OR 1"), "{}", statement.text);
        let values: Vec<_> = statement.parameters.iter().filter_map(|p| p.value.as_deref()).collect();
        assert_eq!(values, ["2026-09-01", "88120", "1' OR 1=1"]);
    }

    #[test]
    fn what_was_measured_is_filled_in_by_run_and_says_what_was_billed() {
        let usage = usage_rows(&[
            row("1", "PREMIUM_JOBS_COMPUTE_(PHOTON)", "57.600000000000000000"),
            row("1", "PREMIUM_SERVERLESS_SQL_COMPUTE", "0.4"),
            row("2", "PREMIUM_JOBS_SERVERLESS_COMPUTE_EUROPE_FRANKFURT", "3"),
        ]);
        let mut runs = [
            ended("1", "2026-11-02T04:00:00Z"),
            ended("2", "2026-11-02T04:00:00Z"),
            ended("3", "2026-11-02T04:00:00Z"),
        ];
        fill(&mut runs, &usage.unwrap(), "2026-11-03T04:00:00Z".parse().unwrap());
        let used = runs[0].databricks.clone().unwrap();
        assert_eq!((used.measured_millidbu, used.photon, used.compute), (Some(58_000), true, DatabricksCompute::Jobs));
        assert_eq!(runs[1].databricks.clone().unwrap().compute, DatabricksCompute::JobsServerless);
        assert_eq!(runs[2].databricks, None, "of which there is no row");
        assert_eq!(to_measure(&runs), BTreeSet::from(["3".to_owned()]));
    }

    #[test]
    fn the_newest_day_is_not_complete_and_is_asked_about_again() {
        let usage = usage_rows(&[row("1", "PREMIUM_JOBS_COMPUTE", "1.5")]).unwrap();
        let mut runs = [ended("1", "2026-11-02T04:00:01Z")];
        fill(&mut runs, &usage, "2026-11-03T04:00:00Z".parse().unwrap());
        assert_eq!(runs[0].databricks, None);
        assert_eq!(runs[0].unknown, ["not read: its DBUs, as usage of the newest 24 h is not complete yet"]);
        assert!(!runs[0].is_settled());
    }

    #[test]
    fn what_could_not_be_read_is_asked_about_again() {
        let mut runs = [ended("1", "2026-11-02T04:00:00Z"), ended("2", "2026-11-02T04:00:00Z")];
        let usage = usage_rows(&[row("1", "PREMIUM_JOBS_COMPUTE", "1.5")]).unwrap();
        fill(&mut runs, &usage, "2026-11-30T04:00:00Z".parse().unwrap());
        unread(&mut runs);
        unread(&mut runs);
        assert!(runs[0].is_settled() && runs[0].unknown.is_empty());
        assert_eq!(runs[1].unknown, ["not read: its DBUs, as system.billing.usage could not be read"]);
        assert!(!runs[1].is_settled());
    }

    #[test]
    fn a_row_that_was_not_asked_for_is_refused() {
        assert!(usage_rows(&[vec![Some("1".into()), None, Some("1".into())]]).is_err());
        assert!(usage_rows(&[row("1", "X", "-2")]).is_err() && usage_rows(&[row("1", "X", "1e3")]).is_err());
        assert_eq!(usage_rows(&[row("1", "X", "1.23456789012345")]).unwrap()[0].millidbu, 1235);
    }
}
