//! What an Airflow does with the deadline of a DAG: the SLA of Airflow 2, nothing in 3.0, the deadline alert of 3.1 and later.
//!
//! Facts, read in the sources of 2.9.3, 2.11.2, 3.0.6, 3.1.0 and 3.3.2:
//!
//! - 2: `_send_sla_callbacks_to_processor` of the scheduler passes over a DAG whose timetable is not periodic (assets, `@once`,
//!   `@continuous`, none). `manage_slas` begins at the last run of a task that succeeded, takes the logical date after the next
//!   one, adds the SLA, and writes an `SlaMiss` once that has passed. The logical date after is the end of a run's own data
//!   interval, or, where the interval is the tick itself, the tick after it. It tells `sla_miss_callback` and the addresses in
//!   `email` of the tasks: plumb's files have neither.
//! - 3.0: an operator warns of `sla` and drops it; there is no `DeadlineAlert`.
//! - 3.1: `create_dagrun` writes a deadline for each run, whatever started it; the scheduler hands the callback of one that has
//!   passed to the triggerer.

use super::dag_spec::{DagSpec, DataInterval};
use schemars::JsonSchema;
use serde::Serialize;

/// A release of Airflow, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirflowRelease {
    pub major: u32,
    /// `None`: it was not told.
    pub minor: Option<u32>,
    text: String,
}

/// What a deadline counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadlineStart {
    /// When the run is queued.
    Queued,
    /// When the data interval of the run ends, which is when its schedule starts it.
    DataIntervalEnd,
}

/// What becomes of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineWatch {
    /// It is checked as the SLA of each task.
    Sla,
    /// It is checked of what the clock starts alone, and the clock does not start this.
    Unscheduled,
    /// It is dropped.
    Nothing,
    /// It is watched, and what was asked for is called.
    Alert,
    /// Whether it is watched is not known.
    Unknown,
}

impl AirflowRelease {
    /// Reads `3.0.6`, `2.11`, `2.10.4+astro.2`. `None`: that is no version.
    pub fn read(text: &str) -> Option<AirflowRelease> {
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = match parts.next() {
            Some(part) => {
                let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
                Some(part[..digits].parse().ok()?)
            }
            None => None,
        };
        let is_plain = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-'));
        (is_plain && text.len() <= 40).then(|| AirflowRelease { major, minor, text: text.to_owned() })
    }

    /// The release of which only the REST API is known.
    pub fn of_major(major: u32) -> AirflowRelease {
        AirflowRelease { major, minor: None, text: major.to_string() }
    }

    /// As it was told: `3.0.6`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is what somebody said of it: `3.0` is said of `3.0.6`.
    pub fn is_said_by(&self, said: &AirflowRelease) -> bool {
        let rest = self.text.strip_prefix(said.text.as_str());
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// What a deadline counts from here.
    pub fn counts_from(&self) -> DeadlineStart {
        if self.major <= 2 { DeadlineStart::DataIntervalEnd } else { DeadlineStart::Queued }
    }

    /// What becomes of the deadline of a DAG here.
    pub fn watches(&self, dag: &DagSpec) -> DeadlineWatch {
        match (self.major, self.minor) {
            (..=2, _) if dag.cron().is_some_and(|cron| !matches!(cron, "@once" | "@continuous")) => DeadlineWatch::Sla,
            (..=2, _) => DeadlineWatch::Unscheduled,
            (3, Some(0)) => DeadlineWatch::Nothing,
            (3, None) => DeadlineWatch::Unknown,
            _ => DeadlineWatch::Alert,
        }
    }

    /// What somebody should know who relies on the deadline of a DAG here. `None`: it is watched as it is meant.
    pub fn warns(&self, dag: &DagSpec) -> Option<String> {
        let airflow = format!("Airflow {}", self.text);
        let has_callback = dag.deadline_callback.is_some();
        let mut says = match self.watches(dag) {
            DeadlineWatch::Alert => return None,
            DeadlineWatch::Sla => {
                let late = if dag.data_interval() == DataInterval::Tick { "one tick later " } else { "" };
                let called = if has_callback { "; `deadline_callback` is called by 3.1 and later" } else { "" };
                return Some(format!(
                    "{airflow} takes the deadline as the SLA of each task, counted from the end of the data interval: a \
                     scheduled run that misses it is listed {late}under Browse > SLA Misses, and nobody is told{called}"
                ));
            }
            DeadlineWatch::Unscheduled => {
                format!(
                    "{airflow} checks an SLA only where a cron schedule starts the runs: this deadline is not watched"
                )
            }
            DeadlineWatch::Nothing => format!("{airflow} knows no deadlines: this one is not watched"),
            DeadlineWatch::Unknown => {
                return Some(
                    "this Airflow 3 does not tell its version: 3.1 and later watch the deadline, 3.0 does not"
                        .to_owned(),
                );
            }
        };
        if has_callback {
            says.push_str(", and `deadline_callback` is not called");
        }
        says.push_str("; 3.1 and later do");
        Some(says)
    }
}

impl DeadlineStart {
    /// `after it is queued`.
    pub fn says(self) -> &'static str {
        match self {
            DeadlineStart::Queued => "after it is queued",
            DeadlineStart::DataIntervalEnd => "after its data interval ends",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn dag(more: Value) -> DagSpec {
        let mut spec = json!({"deadline": "6h", "schedule": {"cron": "0 4 2 * *"}});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(spec).unwrap()
    }

    fn release(text: &str) -> AirflowRelease {
        AirflowRelease::read(text).unwrap()
    }

    #[test]
    fn each_release_does_what_its_sources_do() {
        let scheduled = dag(json!({}));
        for (version, watch, from) in [
            ("2.9.3", DeadlineWatch::Sla, DeadlineStart::DataIntervalEnd),
            ("2.11.2+composer", DeadlineWatch::Sla, DeadlineStart::DataIntervalEnd),
            ("2", DeadlineWatch::Sla, DeadlineStart::DataIntervalEnd),
            ("3.0.6", DeadlineWatch::Nothing, DeadlineStart::Queued),
            ("3.0", DeadlineWatch::Nothing, DeadlineStart::Queued),
            ("3", DeadlineWatch::Unknown, DeadlineStart::Queued),
            ("3.1.0rc1", DeadlineWatch::Alert, DeadlineStart::Queued),
            ("3.1", DeadlineWatch::Alert, DeadlineStart::Queued),
            ("3.10.1", DeadlineWatch::Alert, DeadlineStart::Queued),
            ("4.0.0", DeadlineWatch::Alert, DeadlineStart::Queued),
        ] {
            let release = release(version);
            assert_eq!((release.watches(&scheduled), release.counts_from()), (watch, from), "{version}");
            assert_eq!(release.warns(&scheduled).is_none(), watch == DeadlineWatch::Alert, "{version}");
        }
        for wrong in ["", "three", "3.x", "3.", "3.1 or so", "v3.1", "3.1\n"] {
            assert_eq!(AirflowRelease::read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_sla_is_of_what_the_clock_starts() {
        let two = release("2.11.2");
        for (schedule, watch) in [
            (json!({"cron": "@daily"}), DeadlineWatch::Sla),
            (json!({"cron": "@once"}), DeadlineWatch::Unscheduled),
            (json!({"cron": "@continuous"}), DeadlineWatch::Unscheduled),
            (json!({"assets": ["s3://a/b"]}), DeadlineWatch::Unscheduled),
            (Value::Null, DeadlineWatch::Unscheduled),
        ] {
            assert_eq!(two.watches(&dag(json!({"schedule": schedule}))), watch, "{schedule}");
            assert_eq!(release("3.1.0").watches(&dag(json!({"schedule": schedule}))), DeadlineWatch::Alert);
        }
    }

    #[test]
    fn what_is_warned_of_names_the_callback_that_is_not_called() {
        let plain = dag(json!({}));
        let called = dag(json!({"deadline_callback": {"path": "a.b"}}));
        let says = |version: &str, dag: &DagSpec| release(version).warns(dag).unwrap();
        assert_eq!(
            says("3.0.6", &plain),
            "Airflow 3.0.6 knows no deadlines: this one is not watched; 3.1 and later do"
        );
        assert_eq!(
            says("3.0.6", &called),
            "Airflow 3.0.6 knows no deadlines: this one is not watched, and `deadline_callback` is not called; 3.1 and \
             later do"
        );
        let sla = "Airflow 2.9.3 takes the deadline as the SLA of each task, counted from the end of the data interval: a \
                   scheduled run that misses it is listed under Browse > SLA Misses, and nobody is told";
        assert_eq!(says("2.9.3", &plain), sla);
        assert_eq!(says("2.9.3", &called), format!("{sla}; `deadline_callback` is called by 3.1 and later"));
        let tick = dag(json!({"schedule": {"cron": "0 4 2 * *", "data_interval": "tick"}}));
        assert!(says("2.9.3", &tick).contains("is listed one tick later under Browse"));
        let unscheduled = dag(json!({"schedule": null, "deadline_callback": {"path": "a.b"}}));
        assert_eq!(
            says("2.11.2", &unscheduled),
            "Airflow 2.11.2 checks an SLA only where a cron schedule starts the runs: this deadline is not watched, and \
             `deadline_callback` is not called; 3.1 and later do"
        );
    }

    #[test]
    fn a_release_is_compared_as_far_as_it_is_said() {
        for (is, said, same) in [
            ("3.0.6", "3.0", true),
            ("3.0.6", "3", true),
            ("3.0.6", "3.0.6", true),
            ("3.0.6", "3.1", false),
            ("3.10.0", "3.1", false),
            ("2.11.2+composer", "2.11.2", true),
            ("2.11.21", "2.11.2", false),
            ("3.1", "3.1.2", false),
        ] {
            assert_eq!(release(is).is_said_by(&release(said)), same, "{is} {said}");
        }
        assert_eq!(AirflowRelease::of_major(2), release("2"));
    }
}
