//! Which Databricks runtime takes the place of an EMR release.

use jiff::civil::Date;
use serde_json::Value;

use plumb_model::{DATABRICKS_RUNTIMES as RUNTIMES, EMR_RELEASES as RELEASES};

/// A Spark version: major, minor.
pub type Minor = (u32, u32);

/// A runtime that may be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    /// `16.4.x-scala2.12`. Not a version number: `18.x-scala2.13` is one, too.
    pub key: String,
    pub spark: Minor,
    /// `2.12`.
    pub scala: String,
    /// The last day of support, where it is known.
    pub until: Option<Date>,
}

/// Spark and Scala of an EMR release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Release {
    pub spark: Minor,
    pub scala: String,
    /// Whether the label itself is known; otherwise it is that of the nearest one before.
    pub exact: bool,
}

/// The runtime that takes the place of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeChange {
    /// `emr-6.15.0`.
    pub release: String,
    /// The release's Spark.
    pub from: Minor,
    /// The runtime's key, and its Spark.
    pub runtime: String,
    pub to: Minor,
}

/// What was chosen, and why a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub runtime: Runtime,
    /// How far the runtime does not fit the release.
    pub misfit: Option<Misfit>,
}

/// What a release has and a runtime has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    /// Its Scala: JARs have to be compiled again.
    Scala,
    /// Its Spark: the runtime's is older.
    Spark,
}

/// The runtimes that `clusters/spark-versions` lists: long-term ones, without variants, that are supported on a day.
///
/// A workspace goes on listing runtimes whose support has ended: clusters with them still start. Those that plumb's table
/// does not know are newer than it, unless their number says that they are older than all in it.
pub fn listed(answer: &Value, today: Date) -> Vec<Runtime> {
    let versions = answer.get("versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |version: &Value| {
        let (key, name) = (version.get("key")?.as_str()?, version.get("name")?.as_str()?);
        let variants = ["-ml-", "-gpu-", "-photon-", "-aarch64-", "-cpu-", "-hls-", "-esr-"];
        if !name.contains(" LTS ") || variants.iter().any(|v| key.contains(v)) || name.contains(" ML ") {
            return None;
        }
        let spark = minor(name.split("Apache Spark ").nth(1)?)?;
        let scala = key.split("scala").nth(1)?.to_owned();
        let until = known(key).and_then(|r| r.until);
        let has_ended = until.is_some_and(|until| until < today) || is_older_than_all(key);
        (!has_ended).then(|| Runtime { key: key.to_owned(), spark, scala, until })
    };
    versions.iter().filter_map(one).collect()
}

/// Whether the number of a runtime is lower than those of the table.
fn is_older_than_all(key: &str) -> bool {
    let number = |key: &str| key.split('.').next().and_then(|n| n.parse::<u32>().ok());
    let oldest = table().filter_map(|r| number(&r.key)).min();
    number(key).zip(oldest).is_some_and(|(number, oldest)| number < oldest)
}

/// The long-term runtimes of plumb's own table that are supported on a day.
pub fn supported(today: Date) -> Vec<Runtime> {
    table().filter(|r| r.until.is_some_and(|until| until >= today)).collect()
}

fn table() -> impl Iterator<Item = Runtime> {
    rows(RUNTIMES).filter_map(|cells| {
        let [key, spark, scala, _, _, _, until, ..] = cells.as_slice() else { return None };
        Some(Runtime {
            key: (*key).to_owned(),
            spark: minor(spark)?,
            scala: (*scala).to_owned(),
            until: until.parse().ok(),
        })
    })
}

/// The Java of a runtime of the table.
pub(super) fn java(key: &str) -> Option<u8> {
    rows(RUNTIMES).find(|cells| cells.first() == Some(&key))?.get(3)?.parse().ok()
}

fn known(key: &str) -> Option<Runtime> {
    table().find(|r| r.key == key)
}

fn rows(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    table.lines().skip(1).map(|line| line.split('\t').collect())
}

/// `3.5.2-amzn-1` is (3, 5).
pub(super) fn minor(version: &str) -> Option<Minor> {
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).filter(|p| !p.is_empty());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `emr-6.15.0` as a number that sorts, with what stands before it.
fn label(text: &str) -> Option<(&str, Vec<u32>)> {
    let at = text.find(|c: char| c.is_ascii_digit())?;
    let numbers: Option<Vec<u32>> = text[at..].split('.').map(|n| n.parse().ok()).collect();
    Some((&text[..at], numbers?))
}

/// Spark and Scala of a release label. `spark` is what DescribeCluster says of the application, which is the truth.
pub(super) fn release(text: &str, spark: Option<Minor>) -> Option<Release> {
    let wanted = label(text)?;
    let mut best: Option<(Vec<u32>, Release)> = None;
    for cells in rows(RELEASES) {
        let [name, spark, scala, ..] = cells.as_slice() else { continue };
        let (Some((prefix, numbers)), Some(spark)) = (label(name), minor(spark)) else { continue };
        let nearer = best.as_ref().is_none_or(|(b, _)| numbers > *b);
        if prefix == wanted.0 && numbers <= wanted.1 && nearer {
            let exact = numbers == wanted.1;
            best = Some((numbers, Release { spark, scala: (*scala).to_owned(), exact }));
        }
    }
    let (_, mut release) = best?;
    if let Some(spark) = spark {
        release.spark = spark;
        release.exact = true;
    }
    Some(release)
}

/// The supported runtime with the nearest Spark that is not older, and the same Scala; of several the one that is
/// supported longest. `None` when there is no runtime at all.
pub(super) fn choose(release: &Release, among: &[Runtime]) -> Option<Choice> {
    let nearest = |fits: &dyn Fn(&&Runtime) -> bool| {
        let mut list: Vec<&Runtime> = among.iter().filter(fits).collect();
        list.sort_by(|a, b| (a.spark, b.until, &a.key).cmp(&(b.spark, a.until, &b.key)));
        list.first().map(|r| (*r).clone())
    };
    if let Some(runtime) = nearest(&|r| r.spark >= release.spark && r.scala == release.scala) {
        return Some(Choice { runtime, misfit: None });
    }
    if let Some(runtime) = nearest(&|r| r.spark >= release.spark) {
        return Some(Choice { runtime, misfit: Some(Misfit::Scala) });
    }
    let newest = among.iter().max_by(|a, b| (a.spark, a.until, &a.key).cmp(&(b.spark, b.until, &b.key)))?;
    Some(Choice { runtime: newest.clone(), misfit: Some(Misfit::Spark) })
}

/// The runtime that a team has answered with, and how it fits the release; `None` where it is not to be had.
pub(super) fn answered(key: &str, release: &Release, among: &[Runtime]) -> Option<Choice> {
    let runtime = among.iter().find(|r| r.key == key)?.clone();
    let misfit = if runtime.spark < release.spark {
        Some(Misfit::Spark)
    } else {
        (runtime.scala != release.scala).then_some(Misfit::Scala)
    };
    Some(Choice { runtime, misfit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn today() -> Date {
        jiff::civil::date(2026, 11, 22)
    }

    #[test]
    fn every_release_gets_the_runtime_of_the_table() {
        let among = supported(today());
        for cells in rows(RELEASES) {
            let found = choose(&release(cells[0], None).unwrap(), &among).unwrap();
            assert_eq!(found.runtime.key, cells[3], "{}", cells[0]);
            assert_eq!(found.misfit.is_some(), matches!(cells[2], "2.10" | "2.11"), "{}", cells[0]);
        }
    }

    #[test]
    fn a_later_day_or_an_unknown_label_is_no_surprise() {
        let later = supported(jiff::civil::date(2028, 6, 1));
        let six = release("emr-6.15.0", None).unwrap();
        let found = choose(&six, &later).unwrap();
        assert_eq!((found.runtime.key.as_str(), found.misfit.is_some()), ("17.3.x-scala2.13", true));
        let new = release("emr-7.99.1", None).unwrap();
        assert_eq!((new.spark, new.exact), ((3, 5), false));
        assert_eq!(release("emr-7.99.1", Some((3, 6))).unwrap().spark, (3, 6));
        assert_eq!(release("", None), None);
        assert_eq!(release("ami-3.11", None), None);
        assert_eq!(choose(&six, &[]), None);
        assert_eq!(minor("3.5.2-amzn-0.1"), Some((3, 5)));
        assert_eq!(minor("4.0.0-amzn-1-spark"), Some((4, 0)));
    }

    #[test]
    fn the_workspace_s_own_list_wins() {
        let answer = json!({"versions": [
            {"key": "16.4.x-scala2.12", "name": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"},
            {"key": "16.4.x-cpu-ml-scala2.12", "name": "16.4 LTS ML (includes Apache Spark 3.5.2, Scala 2.12)"},
            {"key": "19.x-scala2.13", "name": "19 (includes Apache Spark 4.2.0, Scala 2.13)"},
            {"key": "18.x-scala2.13", "name": "18 LTS (includes Apache Spark 4.1.0, Scala 2.13)"},
        ]});
        let keys: Vec<String> = listed(&answer, today()).into_iter().map(|r| r.key).collect();
        assert_eq!(keys, ["16.4.x-scala2.12", "18.x-scala2.13"]);
    }

    #[test]
    fn a_runtime_past_its_end_is_not_chosen_though_the_workspace_lists_it() {
        let version = |key: &str, spark: &str| {
            let number = key.split(".x").next().unwrap();
            json!({"key": key, "name": format!("{number} LTS (includes Apache Spark {spark}, Scala 2.12)")})
        };
        let answer = json!({"versions": [
            version("16.4.x-scala2.12", "3.5.2"), version("14.3.x-scala2.12", "3.5.0"), version("13.3.x-scala2.12", "3.4.1"),
            version("12.2.x-scala2.12", "3.3.2"), version("7.3.x-scala2.12", "3.0.1"), version("20.3.x-scala2.12", "4.3.0"),
        ]});
        let keys = |on: Date| listed(&answer, on).into_iter().map(|r| r.key).collect::<Vec<_>>();
        assert_eq!(keys(today()), ["16.4.x-scala2.12", "14.3.x-scala2.12", "20.3.x-scala2.12"]);
        // The last day is one of support.
        assert!(keys(jiff::civil::date(2026, 8, 22)).contains(&"13.3.x-scala2.12".to_owned()));
        assert!(!keys(jiff::civil::date(2026, 8, 23)).contains(&"13.3.x-scala2.12".to_owned()));
        let six = release("emr-6.13.0", None).unwrap();
        let chosen = choose(&six, &listed(&answer, today())).unwrap();
        assert_eq!(chosen.runtime.key, "16.4.x-scala2.12");
    }

    #[test]
    fn an_answered_runtime_is_taken_and_held_against_the_release() {
        let among = supported(today());
        let fits = |key: &str, label: &str| answered(key, &release(label, None).unwrap(), &among).map(|c| c.misfit);
        assert_eq!(fits("15.4.x-scala2.12", "emr-6.15.0"), Some(None));
        assert_eq!(fits("16.4.x-scala2.13", "emr-6.15.0"), Some(Some(Misfit::Scala)));
        assert_eq!(fits("16.4.x-scala2.12", "emr-spark-8.0.0"), Some(Some(Misfit::Spark)));
        assert_eq!(fits("13.3.x-scala2.12", "emr-6.13.0"), None);
    }
}
