//! Cutovers whose day was over before anybody could read it: no apply does them by itself.

use super::{Desired, Resource, Warning};
use crate::kinds::teardown;
use jiff::civil::Date;
use plumb_model::yaml::{Problems, Span};
use std::collections::BTreeMap;

/// For so many days after its commit a late day is warned of. By then it was cut over by hand, which files do not tell; a plan
/// goes on to show the gate of a wave that still waits.
pub const LATE_CUTOVER_DAYS: i32 = 30;

/// When a `cutover` was committed, where git can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutoverCommit {
    /// Not yet: the line is only in the working tree.
    Missing,
    /// On this day (UTC).
    On(Date),
}

/// A `cutover` whose day is over.
pub struct PastCutover<'a> {
    pub resource: &'a Resource,
    /// Where the day stands.
    pub span: Span,
    pub day: Date,
}

/// The cutovers whose days are over, in the order of addresses.
pub fn past_cutovers(desired: &Desired, today: Date) -> Vec<PastCutover<'_>> {
    let past = |resource| {
        let resource: &Resource = resource;
        let spec = teardown::relation(resource.kind.name())?.migration(&resource.spec);
        let day = spec.cutover?.parse().ok().filter(|day| *day < today)?;
        Some(PastCutover { resource, span: resource.node().at("cutover").span, day })
    };
    desired.resources.iter().filter_map(past).collect()
}

/// Those of them that were over when they were committed, or will be. `commits` says of each migration, by its address, when its
/// day was committed; of one that it does not have nothing is known.
pub fn late_cutover_warnings(
    desired: &Desired,
    commits: &BTreeMap<String, CutoverCommit>,
    today: Date,
) -> Vec<Warning> {
    let mut problems = Problems::default();
    for past in past_cutovers(desired, today) {
        let day = past.day;
        let label = match commits.get(&past.resource.address.to_string()) {
            Some(CutoverCommit::Missing) => "it is not committed yet".to_owned(),
            Some(CutoverCommit::On(on)) if *on > day && (today - *on).get_days() <= LATE_CUTOVER_DAYS => {
                format!("committed on {on}")
            }
            Some(CutoverCommit::On(_)) | None => continue,
        };
        problems
            .at(past.span, format!("the day of this cutover, {day}, was over before it was committed"), label)
            .help("write a day to come: no apply does this one by itself, and `plumb migrate cutover` does it by hand");
    }
    problems.sorted().into_iter().map(|problem| ("late-cutover", problem)).collect()
}

#[cfg(test)]
#[path = "late_cutovers_tests.rs"]
mod tests;
