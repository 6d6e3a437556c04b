//! How fast the services may be asked: what their documentation says, and what plumb keeps to where it says nothing.
//!
//! The table is the one of `docs/limits.md`, which has the sources. A family is the calls that a service counts together.

use crate::call::{Call, Method, System};
use crate::text::glob;
use std::fmt;
use std::str::FromStr;

/// How fast requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as they are answered: a server of one's own. Refusals still slow it down.
    None,
    /// As [`LIMITS`] say.
    Normal,
    /// So many requests a second to each service, whatever they are.
    PerSecond(f64),
}

impl FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Pace::None),
            "normal" => Ok(Pace::Normal),
            number => match number.parse::<f64>() {
                Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(Pace::PerSecond(rate)),
                _ => Err("expected `none`, `normal` or a number of requests a second, such as 15".to_owned()),
            },
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pace::None => f.write_str("none"),
            Pace::Normal => f.write_str("normal"),
            Pace::PerSecond(rate) => write!(f, "{rate}"),
        }
    }
}

impl Pace {
    /// The pace of a service: what was asked for; otherwise none on this machine, and the documented rates elsewhere.
    pub fn of(asked: Option<Pace>, here: bool) -> Pace {
        asked.unwrap_or(if here { Pace::None } else { Pace::Normal })
    }

    /// What calls like this one are counted as, and how many of them may be sent a second. `None`: nothing limits them.
    pub fn rate(self, call: &Call) -> Option<(&'static str, f64)> {
        match self {
            Pace::None => None,
            Pace::Normal => Limit::of(call).map(|limit| (limit.family, limit.per_second)),
            Pace::PerSecond(rate) => Some(("requests", rate)),
        }
    }
}

/// How many calls of a family may be sent a second.
#[derive(Debug, PartialEq)]
pub struct Limit {
    pub system: System,
    /// What the calls are, as in "20 creates of jobs a second".
    pub family: &'static str,
    /// Any when empty.
    methods: &'static [Method],
    /// `*` stands for any text.
    paths: &'static [&'static str],
    pub per_second: f64,
    /// Whether the service's documentation says so. The other rates are plumb's own caution.
    pub documented: bool,
}

const READ: &[Method] = &[Method::Get];
const CREATE: &[Method] = &[Method::Post];
const SET: &[Method] = &[Method::Put, Method::Patch];
const WRITE: &[Method] = &[Method::Post, Method::Put, Method::Patch, Method::Delete];

const fn limit(
    system: System,
    family: &'static str,
    methods: &'static [Method],
    paths: &'static [&'static str],
    per_second: f64,
) -> Limit {
    Limit { system, family, methods, paths, per_second, documented: true }
}

/// A rate that nobody documents.
const fn caution(
    system: System,
    family: &'static str,
    methods: &'static [Method],
    paths: &'static [&'static str],
    per_second: f64,
) -> Limit {
    Limit { documented: false, ..limit(system, family, methods, paths, per_second) }
}

/// All families; the first that fits a call is its own.
pub const LIMITS: &[Limit] = &[
    limit(System::Databricks, "creates of jobs", CREATE, &["/api/2.?/jobs/create"], 20.0),
    limit(System::Databricks, "starts of jobs", CREATE, &["/api/2.?/jobs/run-now"], 20.0),
    limit(System::Databricks, "submitted runs", CREATE, &["/api/2.?/jobs/runs/submit"], 35.0),
    limit(System::Databricks, "reads of runs", READ, &["/api/2.?/jobs/runs/get"], 100.0),
    limit(System::Databricks, "reads of permissions", READ, &["/api/2.0/permissions/*"], 100.0),
    limit(System::Databricks, "writes of permissions", SET, &["/api/2.0/permissions/*"], 30.0),
    limit(System::Databricks, "imports into the workspace", CREATE, &["/api/2.0/workspace/import"], 30.0),
    limit(System::Databricks, "exports of the workspace", READ, &["/api/2.0/workspace/export"], 60.0),
    limit(System::Databricks, "requests to DBFS", &[], &["/api/2.0/dbfs/*"], 30.0),
    // 1,100 and 255 a minute.
    limit(System::Databricks, "requests about secrets", &[], &["/api/2.0/secrets/*"], 1100.0 / 60.0),
    limit(System::Databricks, "reads of users and groups", READ, &["/api/2.0/preview/scim/*"], 255.0 / 60.0),
    caution(System::Databricks, "reads", READ, &["*"], 100.0),
    caution(System::Databricks, "writes", WRITE, &["*"], 20.0),
    caution(System::Emr, "requests to EMR", &[], &["/elasticmapreduce/*"], 2.0),
    caution(System::Emr, "requests to EMR Serverless", &[], &["/emr-serverless/*"], 2.0),
    caution(System::Emr, "requests to STS", &[], &["/sts/*"], 2.0),
    caution(System::Emr, "requests to the price list", &[], &["/pricing/*"], 2.0),
    // 900 points a minute, of which a read takes one; one second between two writes.
    limit(System::GitHub, "reads of GitHub", READ, &["*"], 15.0),
    limit(System::GitHub, "writes to GitHub", WRITE, &["*"], 1.0),
];

impl Limit {
    /// The limit of a call. Airflow is a server of one's own, and S3 takes thousands of requests a second: they have none.
    pub fn of(call: &Call) -> Option<&'static Limit> {
        LIMITS.iter().find(|limit| limit.fits(call))
    }

    fn fits(&self, call: &Call) -> bool {
        self.system == call.system
            && (self.methods.is_empty() || self.methods.contains(&call.method))
            && self.paths.iter().any(|path| fits(path, &call.path))
    }
}

/// Whether a path fits a pattern, where `2.?` stands for any version.
fn fits(pattern: &str, path: &str) -> bool {
    match (pattern.strip_prefix("/api/2.?/"), path.strip_prefix("/api/2.")) {
        (Some(rest), Some(versioned)) => versioned.split_once('/').is_some_and(|(_, path)| path == rest),
        (Some(_), None) => false,
        (None, _) => glob(pattern, path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn family(system: System, method: Method, path: &str) -> Option<(&'static str, f64)> {
        Pace::Normal.rate(&Call::set(system, method, path, Value::Null))
    }

    #[test]
    fn a_call_is_of_the_family_that_the_service_counts_it_in() {
        let databricks = |method, path| family(System::Databricks, method, path);
        for (method, path, wanted) in [
            (Method::Post, "/api/2.2/jobs/create", ("creates of jobs", 20.0)),
            (Method::Post, "/api/2.1/jobs/create", ("creates of jobs", 20.0)),
            (Method::Post, "/api/2.2/jobs/reset", ("writes", 20.0)),
            (Method::Post, "/api/2.2/jobs/delete", ("writes", 20.0)),
            (Method::Get, "/api/2.2/jobs/get", ("reads", 100.0)),
            (Method::Get, "/api/2.2/jobs/list", ("reads", 100.0)),
            (Method::Get, "/api/2.2/jobs/runs/get", ("reads of runs", 100.0)),
            (Method::Get, "/api/2.2/jobs/runs/get-output", ("reads", 100.0)),
            (Method::Post, "/api/2.2/jobs/runs/submit", ("submitted runs", 35.0)),
            (Method::Get, "/api/2.0/permissions/jobs/1", ("reads of permissions", 100.0)),
            (Method::Put, "/api/2.0/permissions/jobs/1", ("writes of permissions", 30.0)),
            (Method::Patch, "/api/2.0/permissions/jobs/1", ("writes of permissions", 30.0)),
            (Method::Post, "/api/2.0/workspace/import", ("imports into the workspace", 30.0)),
            (Method::Get, "/api/2.0/preview/scim/v2/Me", ("reads of users and groups", 4.25)),
        ] {
            assert_eq!(databricks(method, path), Some(wanted), "{path}");
        }
        let emr = family(System::Emr, Method::Post, "/elasticmapreduce/ListClusters");
        assert_eq!(emr, Some(("requests to EMR", 2.0)));
        assert_eq!(family(System::GitHub, Method::Patch, "/repos/o/r/issues/1"), Some(("writes to GitHub", 1.0)));
        assert_eq!(family(System::Airflow, Method::Post, "/api/v2/variables"), None);
        assert_eq!(family(System::DagFiles, Method::Put, "/dags/a.py"), None);
    }

    #[test]
    fn a_pace_is_none_normal_or_a_number() {
        for (text, pace) in [
            ("none", Some(Pace::None)),
            ("normal", Some(Pace::Normal)),
            ("15", Some(Pace::PerSecond(15.0))),
            ("0.5", Some(Pace::PerSecond(0.5))),
            ("0", None),
            ("-1", None),
            ("inf", None),
            ("NaN", None),
            ("fast", None),
            ("", None),
        ] {
            assert_eq!(text.parse::<Pace>().ok(), pace, "{text}");
            if let Some(pace) = pace {
                assert_eq!(pace.to_string(), text);
            }
        }
    }

    #[test]
    fn this_machine_is_asked_as_fast_as_it_answers_unless_somebody_says_otherwise() {
        assert_eq!(Pace::of(None, true), Pace::None);
        assert_eq!(Pace::of(None, false), Pace::Normal);
        assert_eq!(Pace::of(Some(Pace::Normal), true), Pace::Normal);
        assert_eq!(Pace::of(Some(Pace::None), false), Pace::None);
        assert_eq!(Pace::of(Some(Pace::PerSecond(3.0)), true), Pace::PerSecond(3.0));
    }

    #[test]
    fn a_number_holds_for_every_call() {
        let call = Call::get(System::Airflow, "/api/v2/variables");
        assert_eq!(Pace::PerSecond(3.0).rate(&call), Some(("requests", 3.0)));
        assert_eq!(Pace::None.rate(&Call::get(System::Databricks, "/api/2.2/jobs/list")), None);
    }
}
