//! EMR releases: labels, supported applications and their versions.

use super::replies::{AwsResult, invalid};
use super::{check, page};
use serde_json::{Value, json};

/// Every release label, with the version of its Spark: the table that translations choose runtimes by.
use plumb_model::EMR_RELEASES as LABELS;

/// Release labels of which Hadoop and Hive are known as well (EMR release guide).
const RELEASES: [(&str, &str, &str, &str); 25] = [
    ("emr-7.12.0", "3.5.6-amzn-1", "3.4.1-amzn-4", "3.1.3-amzn-20"),
    ("emr-7.10.0", "3.5.5-amzn-1", "3.4.1-amzn-3", "3.1.3-amzn-19"),
    ("emr-7.9.0", "3.5.5-amzn-0", "3.4.1-amzn-2", "3.1.3-amzn-18"),
    ("emr-7.8.0", "3.5.4-amzn-0", "3.4.1-amzn-1", "3.1.3-amzn-17"),
    ("emr-7.7.0", "3.5.3-amzn-1", "3.4.0-amzn-3", "3.1.3-amzn-16"),
    ("emr-7.5.0", "3.5.2-amzn-1", "3.4.0-amzn-1", "3.1.3-amzn-14"),
    ("emr-7.3.0", "3.5.1-amzn-1", "3.3.6-amzn-5", "3.1.3-amzn-12"),
    ("emr-7.2.0", "3.5.1-amzn-0", "3.3.6-amzn-4", "3.1.3-amzn-11"),
    ("emr-7.1.0", "3.5.0-amzn-1", "3.3.6-amzn-3", "3.1.3-amzn-10"),
    ("emr-7.0.0", "3.5.0-amzn-0", "3.3.6-amzn-2", "3.1.3-amzn-9"),
    ("emr-6.15.0", "3.4.1-amzn-2", "3.3.6-amzn-1", "3.1.3-amzn-8"),
    ("emr-6.14.0", "3.4.1-amzn-1", "3.3.3-amzn-6", "3.1.3-amzn-7"),
    ("emr-6.13.0", "3.4.1-amzn-0", "3.3.3-amzn-5", "3.1.3-amzn-6"),
    ("emr-6.12.0", "3.4.0-amzn-0", "3.3.3-amzn-4", "3.1.3-amzn-5"),
    ("emr-6.11.0", "3.3.2-amzn-0", "3.3.3-amzn-3", "3.1.3-amzn-4"),
    ("emr-6.10.0", "3.3.1-amzn-0", "3.3.3-amzn-2", "3.1.3-amzn-3"),
    ("emr-6.9.0", "3.3.0-amzn-1", "3.3.3-amzn-1", "3.1.3-amzn-2"),
    ("emr-6.8.0", "3.3.0-amzn-0", "3.2.1-amzn-8", "3.1.3-amzn-1"),
    ("emr-6.7.0", "3.2.1-amzn-0", "3.2.1-amzn-7", "3.1.3-amzn-0"),
    ("emr-6.5.0", "3.1.2-amzn-1", "3.2.1-amzn-5", "3.1.2-amzn-6"),
    ("emr-6.3.1", "3.1.1-amzn-0.1", "3.2.1-amzn-3.1", "3.1.2-amzn-4"),
    ("emr-6.0.0", "2.4.4", "3.2.1-amzn-0", "3.1.2-amzn-0"),
    ("emr-5.36.2", "2.4.8-amzn-2", "2.10.1-amzn-4", "2.3.9-amzn-2"),
    ("emr-5.36.1", "2.4.8-amzn-2", "2.10.1-amzn-4", "2.3.9-amzn-2"),
    ("emr-5.36.0", "2.4.8-amzn-1", "2.10.1-amzn-3", "2.3.9-amzn-1"),
];

/// Labels and the versions of their Spark, the newest first.
fn labels() -> Vec<(&'static str, &'static str)> {
    let rows = LABELS.lines().skip(1).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.next()?))
    });
    let mut labels: Vec<_> = rows.collect();
    let numbers = |label: &str| -> Vec<u32> { label.split(['-', '.']).filter_map(|n| n.parse().ok()).collect() };
    labels.sort_by_key(|(label, _)| std::cmp::Reverse(numbers(label)));
    labels
}

/// Whether there is such a release.
pub fn is_known(label: &str) -> bool {
    LABELS.lines().skip(1).any(|line| line.split('\t').next() == Some(label))
}

/// The major and minor version of a label: `emr-6.15.0` is (6, 15).
pub fn version(label: &str) -> Option<(u32, u32)> {
    let mut numbers = label.strip_prefix("emr-")?.split('.');
    let (major, minor, patch) = (numbers.next()?, numbers.next()?, numbers.next()?);
    patch.parse::<u32>().ok()?;
    match numbers.next() {
        None => Some((major.parse().ok()?, minor.parse().ok()?)),
        Some(_) => None,
    }
}

/// `Applications` of DescribeCluster: the requested ones, with the versions of the release where they are known.
pub fn applications(asked: &Value) -> Vec<Value> {
    let release = RELEASES.iter().find(|release| asked["ReleaseLabel"] == release.0);
    let mut out = Vec::new();
    for application in asked["Applications"].as_array().into_iter().flatten() {
        let mut application = application.clone();
        let name = application["Name"].as_str().unwrap_or_default().to_ascii_lowercase();
        let version = release.and_then(|release| match name.as_str() {
            "spark" => Some(release.1),
            "hadoop" => Some(release.2),
            "hive" => Some(release.3),
            _ => None,
        });
        if let Some(version) = version {
            application["Version"] = json!(version.split("-amzn").next());
        }
        out.push(application);
    }
    out
}

pub fn list(body: &Value) -> AwsResult {
    let (prefix, application) = (
        check::maybe_text(&body["Filters"], "Filters.Prefix")?.unwrap_or_default(),
        check::maybe_text(&body["Filters"], "Filters.Application")?.unwrap_or_default().to_ascii_lowercase(),
    );
    let (name, wanted) = application.split_once('-').unwrap_or((&application, ""));
    let fits = |label: &str, spark: &str| {
        let details = RELEASES.iter().find(|release| release.0 == label);
        let version = match name {
            "" => return true,
            "spark" => details.map_or(spark, |release| release.1),
            "hadoop" => details.map_or("", |release| release.2),
            "hive" => details.map_or("", |release| release.3),
            _ => return false,
        };
        !version.is_empty() && version.starts_with(wanted)
    };
    let all = labels().into_iter().filter(|(label, spark)| label.starts_with(prefix) && fits(label, spark));
    let labels: Vec<&str> = all.map(|(label, _)| label).collect();
    let size = check::maybe_number(body, "MaxResults")?.unwrap_or(100).clamp(1, 100);
    let (labels, next) = page(&labels, check::maybe_text(body, "NextToken")?, usize::try_from(size).unwrap_or(100))?;
    let mut answer = json!({ "ReleaseLabels": labels });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

pub fn describe(body: &Value) -> AwsResult {
    // Without a label it is the newest one's.
    let newest = labels().first().map_or("", |(label, _)| *label);
    let label = check::maybe_text(body, "ReleaseLabel")?.unwrap_or(newest);
    let Some((label, spark)) = labels().into_iter().find(|(known, _)| *known == label) else {
        return Err(invalid(None, format!("The release label '{label}' is not valid.")));
    };
    let application = |name: &str, version: &str| json!({ "Name": name, "Version": version });
    let applications = match RELEASES.iter().find(|release| release.0 == label) {
        Some((_, spark, hadoop, hive)) => {
            json!([application("Hadoop", hadoop), application("Hive", hive), application("Spark", spark)])
        }
        None => json!([application("Spark", spark)]),
    };
    Ok(json!({ "ReleaseLabel": label, "Applications": applications, "AvailableOSReleases": [] }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_table_the_newest_first() {
        let all = labels();
        assert_eq!(
            all.iter().map(|(label, _)| *label).take(3).collect::<Vec<_>>(),
            ["emr-spark-8.1.0", "emr-spark-8.0.0", "emr-7.14.0"]
        );
        assert!(is_known("emr-6.15.0") && is_known("emr-4.0.0") && is_known("emr-spark-8.0.0"));
        // Of the right form, but no release; a part of a label; the table's heading.
        for label in ["emr-6.99.0", "emr-6.15", "emr-6.15.00", "emr-spark-9.9.9", "release_label", ""] {
            assert!(!is_known(label), "{label}");
        }
        assert!(RELEASES.iter().all(|release| is_known(release.0)));
        let listed = list(&json!({ "Filters": { "Prefix": "emr-5.36", "Application": "Spark-2.4" } })).unwrap();
        assert_eq!(listed["ReleaseLabels"], json!(["emr-5.36.2", "emr-5.36.1", "emr-5.36.0"]));
    }
}
