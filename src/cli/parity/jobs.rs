//! The migrations that a command compares, each with its period.

use crate::cli::session::Project;
use crate::ui::Failure;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use plumb_core::kinds::emr::compare::{Compare, CompareOutput};
use plumb_core::kinds::emr::migration::Migration;
use plumb_core::parity::period::{self, Period, PeriodState};
use plumb_core::parity::resolve::{compare_of, resolve};
use plumb_model::text::glob;

/// What is asked for.
pub struct JobSelection<'a> {
    /// Names of migrations, `*` for any characters; none: every one.
    pub migrations: &'a [String],
    /// Names of outputs; none: every one.
    pub only: &'a [String],
    /// None: the last one that is over.
    pub period: Option<&'a str>,
}

/// One migration, ready to be compared.
pub struct Job {
    pub name: String,
    pub compare: Compare,
    pub period: Period,
    pub zone: TimeZone,
    /// The outputs, the period filled in.
    pub outputs: Vec<CompareOutput>,
    /// Why it is too early, where it is.
    pub early: Option<String>,
}

/// The migrations that are asked for.
///
/// # Errors
/// What is asked for and is not there, and what is wrong with a manifest.
pub fn jobs(project: &Project, selection: &JobSelection<'_>, now: Timestamp) -> Result<Vec<Job>, Failure> {
    let mut jobs = Vec::new();
    let mut known = Vec::new();
    let wanted: Vec<&str> = selection.migrations.iter().map(|name| name.rsplit('/').next().unwrap_or(name)).collect();
    for resource in &project.desired.resources {
        let name = &resource.address.name;
        let failed = |why: String| Failure::error(format!("{}: {why}", resource.address));
        let Some(compare) = compare_of(resource).map_err(failed)? else { continue };
        known.push(name.clone());
        if !wanted.is_empty() && !wanted.iter().any(|pattern| glob(pattern, name)) {
            continue;
        }
        let zone = period::zone(&compare).map_err(failed)?;
        let settles = period::settles(&compare).map_err(failed)?;
        let period = match selection.period {
            Some(text) => Period::parse(compare.period, text).map_err(|why| failed(format!("--period: {why}")))?,
            None => Period::last_over(compare.period, &zone, now)
                .ok_or_else(|| failed("its `period` is `none`, so --period has to name the comparison".into()))?,
        };
        let at = |instant: Timestamp| instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string();
        let early = match period.state(&zone, settles, now) {
            PeriodState::Settled => None,
            PeriodState::Running(end) => Some(format!("{period} is not over before {}", at(end))),
            PeriodState::Settling(end) => {
                Some(format!("{period} is over, and may be compared from {} on (`settles`)", at(end)))
            }
        };
        let mut outputs = resolve(&compare, &period).map_err(failed)?;
        if !selection.only.is_empty() {
            outputs.retain(|output| selection.only.iter().any(|only| glob(only, &output.name)));
        }
        jobs.push(Job { name: name.clone(), compare, period, zone, outputs, early });
    }
    for pattern in &wanted {
        if !jobs.iter().any(|job| glob(pattern, &job.name)) {
            let failure = Failure::error(format!("no Migration with `compare` is named `{pattern}`"));
            return Err(failure.hint(list("there are", &known)));
        }
    }
    if jobs.is_empty() {
        let failure = Failure::error("no Migration has `spec.compare`, so there is nothing to compare");
        return Err(failure.hint("docs/parity.md shows how it is written"));
    }
    let outputs: Vec<String> = jobs.iter().flat_map(|job| &job.compare.outputs).map(|o| o.name.clone()).collect();
    for only in selection.only {
        if !outputs.iter().any(|name| glob(only, name)) {
            return Err(Failure::error(format!("no output is named `{only}`")).hint(list("there are", &outputs)));
        }
    }
    jobs.retain(|job| !job.outputs.is_empty());
    Ok(jobs)
}

fn list(start: &str, names: &[String]) -> String {
    if names.is_empty() { "there is none".into() } else { format!("{start} {}", names.join(", ")) }
}

impl Job {
    /// An output, as messages name it.
    pub fn at(&self, output: &CompareOutput) -> String {
        format!("{}/{}, output `{}`", Migration::NAME, self.name, output.name)
    }
}
