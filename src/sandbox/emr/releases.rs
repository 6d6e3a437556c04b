//! EMR's releases and what they come with.

use super::replies::{Replied, invalid};
use super::{check, page};
use serde_json::{Value, json};

/// Release labels and the Spark, Hadoop and Hive that they have (EMR release guide).
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

/// `Applications` of DescribeCluster: what was asked for, with the versions of the release where they are known.
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

pub fn list(body: &Value) -> Replied {
    let (prefix, application) = (
        check::maybe_text(&body["Filters"], "Filters.Prefix")?.unwrap_or_default(),
        check::maybe_text(&body["Filters"], "Filters.Application")?.unwrap_or_default().to_ascii_lowercase(),
    );
    let (name, wanted) = application.split_once('-').unwrap_or((&application, ""));
    let fits = |release: &(&str, &str, &str, &str)| {
        let version = match name {
            "" => return true,
            "spark" => release.1,
            "hadoop" => release.2,
            "hive" => release.3,
            _ => return false,
        };
        version.starts_with(wanted)
    };
    let labels: Vec<&str> =
        RELEASES.iter().filter(|r| r.0.starts_with(prefix) && fits(r)).map(|release| release.0).collect();
    let size = check::maybe_number(body, "MaxResults")?.unwrap_or(100).clamp(1, 100);
    let (labels, next) = page(&labels, check::maybe_text(body, "NextToken")?, usize::try_from(size).unwrap_or(100))?;
    let mut answer = json!({ "ReleaseLabels": labels });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

pub fn describe(body: &Value) -> Replied {
    // Without a label it is the newest one's.
    let label = check::maybe_text(body, "ReleaseLabel")?.unwrap_or(RELEASES[0].0);
    let Some((label, spark, hadoop, hive)) = RELEASES.iter().find(|release| release.0 == label) else {
        return Err(invalid(None, format!("The release label '{label}' is not valid.")));
    };
    let applications = json!([
        { "Name": "Hadoop", "Version": hadoop }, { "Name": "Hive", "Version": hive }, { "Name": "Spark", "Version": spark },
    ]);
    Ok(json!({ "ReleaseLabel": label, "Applications": applications, "AvailableOSReleases": [] }))
}
