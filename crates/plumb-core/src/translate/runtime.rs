//! Which Databricks runtime takes the place of an EMR release.

use jiff::civil::Date;
use serde_json::Value;

/// EMR's releases and their Spark (EMR's release guide and DescribeReleaseLabel, read on 2026-11-22).
use plumb_model::EMR_RELEASES as RELEASES;
/// Databricks' runtimes and how long they are supported (Databricks' release notes, read on 2026-11-22).
const RUNTIMES: &str = include_str!("data/runtimes.tsv");

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

/// What was chosen, and why a person has to look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub runtime: Runtime,
    /// No runtime fits: another Scala, or a Spark that is older than the release's.
    pub why: Option<&'static str>,
}

/// The runtimes that `clusters/spark-versions` lists: long-term ones, without variants. What it lists is supported.
pub fn listed(answer: &Value) -> Vec<Runtime> {
    let versions = answer.get("versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let one = |version: &Value| {
        let (key, name) = (version.get("key")?.as_str()?, version.get("name")?.as_str()?);
        let variants = ["-ml-", "-gpu-", "-photon-", "-aarch64-", "-cpu-", "-hls-", "-esr-"];
        if !name.contains(" LTS ") || variants.iter().any(|v| key.contains(v)) || name.contains(" ML ") {
            return None;
        }
        let spark = minor(name.split("Apache Spark ").nth(1)?)?;
        let scala = key.split("scala").nth(1)?.to_owned();
        Some(Runtime { key: key.to_owned(), spark, scala, until: known(key).and_then(|r| r.until) })
    };
    versions.iter().filter_map(one).collect()
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
        return Some(Choice { runtime, why: None });
    }
    if let Some(runtime) = nearest(&|r| r.spark >= release.spark) {
        let why = "no supported runtime has the release's Scala: JARs have to be compiled again";
        return Some(Choice { runtime, why: Some(why) });
    }
    let newest = among.iter().max_by(|a, b| (a.spark, a.until, &a.key).cmp(&(b.spark, b.until, &b.key)))?;
    Some(Choice { runtime: newest.clone(), why: Some("every supported runtime has an older Spark than the release") })
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
            assert_eq!(found.why.is_some(), matches!(cells[2], "2.10" | "2.11"), "{}", cells[0]);
        }
    }

    #[test]
    fn a_later_day_or_an_unknown_label_is_no_surprise() {
        let later = supported(jiff::civil::date(2028, 6, 1));
        let six = release("emr-6.15.0", None).unwrap();
        let found = choose(&six, &later).unwrap();
        assert_eq!((found.runtime.key.as_str(), found.why.is_some()), ("17.3.x-scala2.13", true));
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
        let keys: Vec<String> = listed(&answer).into_iter().map(|r| r.key).collect();
        assert_eq!(keys, ["16.4.x-scala2.12", "18.x-scala2.13"]);
    }
}
