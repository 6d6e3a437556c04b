//! What `plumb diagnose` may be asked about, told from how it is written. Only whether a path is there is looked up.

use crate::observe::failure::{databricks_address, decoded, is_emr_id, is_serverless_id};
use crate::ui::Failure;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::kinds::airflow::dag::AirflowDag;
use plumb_core::kinds::databricks::job::DatabricksJob;
use plumb_core::kinds::emr::application::EmrServerlessApplication;
use plumb_core::kinds::emr::cluster::EmrCluster;
use plumb_core::kinds::emr::migration::Migration;
use plumb_model::address::Address;
use plumb_model::yaml::nearest;
use std::path::PathBuf;

/// The kinds whose runs can be asked for.
const KINDS: [&str; 5] =
    [DatabricksJob::NAME, AirflowDag::NAME, EmrCluster::NAME, EmrServerlessApplication::NAME, Migration::NAME];

/// The forms that a question may have.
const FORMS: &str = "\
expected one of
  DatabricksJob/NAME, AirflowDag/NAME, EmrCluster/NAME, EmrServerlessApplication/NAME, Migration/NAME
  a run of Databricks: 88120, or its address in a browser
  a run of Airflow: airflow:DAG[/RUN[/TASK[/TRY]]], or its address in a browser
  a cluster, a step or a job run of EMR: j-ID, j-ID/s-ID, APPLICATION/JOBRUN
  logs: a file, a folder, s3://BUCKET/PREFIX, or - for standard input";

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiagnoseInput {
    /// A manifest: its newest failed run.
    Manifest(Address),
    /// A run or a task run; of which host, where an address says so.
    Databricks {
        run_id: u64,
        task: Option<String>,
        host: Option<String>,
    },
    /// A DAG's newest failed run, or a run, a task, a try; at which address, where one says so.
    Airflow {
        dag: String,
        run: Option<String>,
        task: Option<String>,
        try_number: Option<u32>,
        at: Option<String>,
    },
    Emr {
        cluster: String,
        step: Option<String>,
    },
    Serverless {
        application: String,
        job_run: String,
    },
    S3 {
        bucket: String,
        prefix: String,
    },
    Path(PathBuf),
    Stream,
}

impl DiagnoseInput {
    /// Whether --run and --period choose among several runs.
    pub fn chooses(&self) -> bool {
        matches!(self, DiagnoseInput::Manifest(_) | DiagnoseInput::Airflow { run: None, .. })
    }

    /// Whether it lies on this machine: no target, no project and no network.
    pub fn is_local(&self) -> bool {
        matches!(self, DiagnoseInput::Path(_) | DiagnoseInput::Stream)
    }

    /// Reads a question. `exists` says whether a path is there.
    ///
    /// # Errors
    /// What it is not, with the forms that there are.
    pub fn parse(text: &str, exists: &dyn Fn(&str) -> bool) -> Result<DiagnoseInput, Failure> {
        if text == "-" {
            return Ok(DiagnoseInput::Stream);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return match scheme {
                "s3" | "s3a" | "s3n" => s3(text, rest),
                "http" | "https" => address(text),
                _ => Err(unknown(text)),
            };
        }
        if let Some(rest) = text.strip_prefix("airflow:") {
            return airflow(text, rest);
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            let run_id =
                text.parse().map_err(|_| Failure::usage(format!("`{text}` is too long for the id of a run")))?;
            return Ok(DiagnoseInput::Databricks { run_id, task: None, host: None });
        }
        if let Some((kind, name)) = text.split_once('/')
            && KINDS.contains(&kind)
            && !name.is_empty()
        {
            return Ok(DiagnoseInput::Manifest(Address { kind: kind.to_owned(), name: name.to_owned() }));
        }
        if exists(text) {
            return Ok(DiagnoseInput::Path(PathBuf::from(text)));
        }
        let (first, second) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
        if is_emr_id(first, 'j') && second.is_none_or(|step| is_emr_id(step, 's')) {
            return Ok(DiagnoseInput::Emr { cluster: first.to_owned(), step: second.map(str::to_owned) });
        }
        if let Some(job_run) = second.filter(|run| is_serverless_id(run) && is_serverless_id(first)) {
            return Ok(DiagnoseInput::Serverless { application: first.to_owned(), job_run: job_run.to_owned() });
        }
        Err(unknown(text))
    }
}

/// Whether a text asks for a run: as a folder's name it was put in the wrong place.
pub fn is_question(text: &str) -> bool {
    !matches!(DiagnoseInput::parse(text, &|_| false), Err(_) | Ok(DiagnoseInput::Serverless { .. }))
}

fn unknown(text: &str) -> Failure {
    let failure = Failure::usage(format!("`{text}` is nothing that can be diagnosed, and no file or folder"));
    let kind = text.split('/').next().unwrap_or_default();
    let near = text.contains('/').then(|| nearest(kind, KINDS)).flatten();
    let failure = match near {
        Some(near) if near != kind => {
            failure.hint(format!("did you mean `{near}{}`?", text.strip_prefix(kind).unwrap_or_default()))
        }
        _ => failure,
    };
    failure.hint(FORMS)
}

/// The names of manifests that are near to what was asked for.
pub fn near(failure: Failure, text: &str, known: &[Address]) -> Failure {
    let name = text.rsplit('/').next().unwrap_or(text);
    let known: Vec<&Address> = known.iter().filter(|address| KINDS.contains(&address.kind.as_str())).collect();
    let names = known.iter().map(|address| address.name.as_str());
    let Some(near) = nearest(name, names) else { return failure };
    let near: Vec<String> = known.iter().filter(|a| a.name == near).map(|a| format!("`{a}`")).collect();
    let mut failure = failure;
    failure.hints.insert(0, format!("did you mean {}?", near.join(" or ")));
    failure
}

fn s3(text: &str, rest: &str) -> Result<DiagnoseInput, Failure> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(Failure::usage(format!("`{text}` names no bucket")).hint("expected s3://BUCKET/PREFIX"));
    }
    Ok(DiagnoseInput::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

fn airflow(text: &str, rest: &str) -> Result<DiagnoseInput, Failure> {
    let wrong = |why: &str| Failure::usage(format!("`{text}`: {why}")).hint("expected airflow:DAG[/RUN[/TASK[/TRY]]]");
    let parts: Vec<&str> = rest.split('/').collect();
    if parts.len() > 4 || parts.iter().any(|part| part.is_empty()) {
        return Err(wrong("it has a part too many, or an empty one"));
    }
    let part = |at: usize| parts.get(at).map(|part| (*part).to_owned());
    let try_number = part(3).map(|number| number.parse::<u32>().ok().filter(|n| *n > 0).ok_or(number)).transpose();
    let try_number = try_number.map_err(|number| wrong(&format!("`{number}` is the number of no try")))?;
    let dag = part(0).unwrap_or_default();
    Ok(DiagnoseInput::Airflow { dag, run: part(1), task: part(2), try_number, at: None })
}

/// An address out of a browser: of Databricks, Airflow, or EMR's console.
fn address(text: &str) -> Result<DiagnoseInput, Failure> {
    if let Some((run_id, task, host)) = databricks_address(text) {
        return Ok(DiagnoseInput::Databricks { run_id, task, host: Some(host) });
    }
    if let Some(found) = airflow_address(text) {
        return Ok(found);
    }
    let words: Vec<&str> = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).collect();
    if let Some(cluster) = words.iter().find(|word| is_emr_id(word, 'j')) {
        let step = words.iter().find(|word| is_emr_id(word, 's')).map(|step| (*step).to_owned());
        return Ok(DiagnoseInput::Emr { cluster: (*cluster).to_owned(), step });
    }
    Err(Failure::usage(format!("`{text}` is the address of no run")).hint(FORMS))
}

/// `…/dags/DAG/grid?dag_run_id=RUN&task_id=TASK` of Airflow 2, `…/dags/DAG/runs/RUN/tasks/TASK?try_number=N` of Airflow 3.
fn airflow_address(text: &str) -> Option<DiagnoseInput> {
    let (whole, _) = text.split_once('#').unwrap_or((text, ""));
    let (before, query) = whole.split_once('?').unwrap_or((whole, ""));
    let scheme = before.find("://")? + 3;
    let at = before[scheme..].find("/dags/")? + scheme;
    let (base, path) = (&before[..at], &before[at + "/dags/".len()..]);
    let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    let asked = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| decoded(value))
    };
    let after = |name: &str| {
        let at = parts.iter().skip(1).position(|part| part == name)? + 1;
        parts.get(at + 1).cloned()
    };
    // A task of a group stands behind `group` or `mapped`; both are other pages.
    let (run, task) = (after("runs").or_else(|| asked("dag_run_id")), after("tasks").or_else(|| asked("task_id")));
    let try_number = asked("try_number").and_then(|number| number.parse().ok()).filter(|number| *number > 0);
    let dag = parts.first()?.clone();
    Some(DiagnoseInput::Airflow {
        dag,
        task: task.filter(|_| run.is_some()),
        run,
        try_number,
        at: Some(base.to_owned()),
    })
}

/// Reads a size: `500MB`, `2GiB`, `1000000`.
pub fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err("expected a number and `MB`, `GB`, `MiB` or `GiB`".into()),
    };
    let number: u64 = number.parse().map_err(|_| "expected a size such as 500MB or 2GiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is too large".to_owned())
}

/// From when on runs are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookBack {
    Months(i32),
    Days(i32),
    Day(jiff::civil::Date),
}

impl LookBack {
    /// The moment, in UTC: of a number of months or days before `now`, the beginning of that day.
    ///
    /// # Errors
    /// It lies in the future, or before times that can be reckoned with.
    pub fn from(&self, now: Timestamp) -> Result<Timestamp, String> {
        let today = now.to_zoned(TimeZone::UTC).date();
        let day = match self {
            LookBack::Months(months) => today.checked_sub(jiff::Span::new().months(*months)),
            LookBack::Days(days) => today.checked_sub(jiff::Span::new().days(*days)),
            LookBack::Day(day) => Ok(*day),
        };
        let at = day.and_then(|day| day.to_zoned(TimeZone::UTC)).map_err(|e| format!("--since: {e}"))?.timestamp();
        if at > now { Err("--since names a day that is still to come".to_owned()) } else { Ok(at) }
    }
}

/// Reads `6mo`, `12w`, `90d`, `1y`, `2026-05-01`, `2026-05`.
pub fn look_back(text: &str) -> Result<LookBack, String> {
    let wrong = || "expected one like 6mo, 12w, 90d or 2026-05-01".to_owned();
    if let Ok(day) = text.parse().or_else(|_| format!("{text}-01").parse()) {
        return Ok(LookBack::Day(day));
    }
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    // A hundred years are enough, and nothing overflows.
    let number = number.parse::<i32>().ok().filter(|n| (1..=1_200).contains(n)).ok_or_else(wrong)?;
    match unit {
        "y" => Ok(LookBack::Months(number.min(100) * 12)),
        "mo" => Ok(LookBack::Months(number)),
        "w" => Ok(LookBack::Days(number * 7)),
        "d" => Ok(LookBack::Days(number)),
        _ => Err(wrong()),
    }
}

/// Reads a time zone: `UTC`, `Europe/Berlin`, `+02:00`.
pub fn zone(text: &str) -> Result<jiff::tz::TimeZone, String> {
    if let Some(offset) = text.strip_prefix(['+', '-']) {
        let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "0"));
        let parsed = hours.parse::<i32>().ok().zip(minutes.parse::<i32>().ok()).filter(|(h, m)| *h < 24 && *m < 60);
        let (hours, minutes) = parsed.ok_or("expected an offset such as +02:00")?;
        let sign = if text.starts_with('-') { -1 } else { 1 };
        let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|e| e.to_string())?;
        return Ok(offset.to_time_zone());
    }
    jiff::tz::TimeZone::get(text)
        .map_err(|_| format!("`{text}` is no time zone: expected one like UTC or Europe/Berlin"))
}

#[cfg(test)]
#[path = "inputs_tests.rs"]
mod tests;
