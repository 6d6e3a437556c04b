//! How long AWS supports a release of EMR.
//!
//! The rule and the dates: AWS's Release Guide, "Amazon EMR standard support", as of 2026-08-14, and the pages of single releases
//! for those after it. A release has standard support for 24 months from its first day. Those of before the policy have bridge
//! support until 2026-08-31, which counts as standard. After that, selected releases have extended support for who asks AWS for
//! it with a plan to migrate: 5.36 and 6.6 to 6.15 critical security fixes only, 7.0 to 7.10 in full.

use jiff::civil::Date;
use serde::Serialize;

/// Releases by their major and minor version: released, standard support until, extended support until.
const TABLE: &str = include_str!("data/support.tsv");
/// How long releases of before the table are supported: those of 5.35 and 6.5 and earlier have no extended support.
const BRIDGE: Date = Date::constant(2026, 8, 31);

/// Where a release stands on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SupportPhase {
    /// No support any more.
    Ended,
    /// Only extended support, for who asked for it.
    Extended,
    Supported,
    /// The table does not have the release.
    Unknown,
}

/// How long a release is supported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseSupport {
    /// `emr-6.15.0`; empty where nothing says it.
    pub release: String,
    pub phase: SupportPhase,
    /// The last day of standard support, bridge support included.
    pub standard_until: Option<Date>,
    /// The last day of extended support, where the release has it.
    pub extended_until: Option<Date>,
    /// The same in words: `ended on 2026-08-31`.
    pub says: String,
}

/// How long a release is supported, as of a day.
pub fn support(label: &str, on: Date) -> ReleaseSupport {
    let (standard_until, extended_until) = dates(label).unwrap_or((None, None));
    let last = extended_until.max(standard_until);
    let (phase, says) = match (standard_until, extended_until) {
        (Some(until), _) if until >= on => (SupportPhase::Supported, format!("ends on {until}")),
        (Some(_), Some(until)) if until >= on => (
            SupportPhase::Extended,
            format!("standard support ended; extended on request until {until}{}", only_fixes(label)),
        ),
        (Some(_), _) => (SupportPhase::Ended, last.map(|day| format!("ended on {day}")).unwrap_or_default()),
        (None, _) => (SupportPhase::Unknown, "unknown".to_owned()),
    };
    ReleaseSupport { release: label.to_owned(), phase, standard_until, extended_until, says }
}

fn only_fixes(label: &str) -> &'static str {
    if version(label).is_some_and(|(major, _)| major < 7) { ", critical security fixes only" } else { "" }
}

/// `emr-6.15.0` is (6, 15).
fn version(label: &str) -> Option<(u32, u32)> {
    let mut numbers = label.strip_prefix("emr-")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn dates(label: &str) -> Option<(Option<Date>, Option<Date>)> {
    let mut numbers = label.strip_prefix("emr-")?.split('.');
    let release = format!("{}.{}", numbers.next()?, numbers.next()?);
    let mut rows = TABLE.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
    if let Some(row) = rows.find(|row| row.first() == Some(&release.as_str())) {
        let day = |at: usize| row.get(at).and_then(|text| text.parse().ok());
        return Some((day(2), day(3)));
    }
    // Each of these was before the policy; a later one that the table lacks is not known.
    let version = version(label)?;
    let is_before = ((2, 0)..(5, 36)).contains(&version) || ((6, 0)..(6, 6)).contains(&version);
    is_before.then_some((Some(BRIDGE), None))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_release_of_the_table_has_its_days() {
        let today: Date = "2026-11-22".parse().unwrap();
        for (label, phase, says) in [
            ("emr-5.29.0", SupportPhase::Ended, "ended on 2026-08-31"),
            ("emr-6.5.1", SupportPhase::Ended, "ended on 2026-08-31"),
            (
                "emr-6.15.0",
                SupportPhase::Extended,
                "standard support ended; extended on request until 2027-06-30, critical security fixes only",
            ),
            ("emr-7.3.0", SupportPhase::Extended, "standard support ended; extended on request until 2027-08-31"),
            ("emr-7.9.0", SupportPhase::Supported, "ends on 2027-05-19"),
            ("emr-7.12.0", SupportPhase::Supported, "ends on 2027-11-21"),
            ("emr-spark-8.0.0", SupportPhase::Supported, "ends on 2028-05-20"),
            ("emr-7.99.0", SupportPhase::Unknown, "unknown"),
            ("emr-1.0.0", SupportPhase::Unknown, "unknown"),
            ("", SupportPhase::Unknown, "unknown"),
        ] {
            let found = support(label, today);
            assert_eq!((found.phase, found.says.as_str()), (phase, says), "{label}");
        }
        for line in TABLE.lines().skip(1) {
            let release = line.split('\t').next().unwrap();
            let found = support(&format!("emr-{release}.0"), today);
            let days = [line.split('\t').nth(1).unwrap().parse().ok(), found.standard_until];
            assert!(days.iter().all(Option::is_some) && days.is_sorted(), "{line}");
            assert!(found.extended_until.is_none_or(|day| Some(day) > found.standard_until), "{line}");
        }
    }

    #[test]
    fn the_last_day_is_supported_and_the_next_is_not() {
        let on = |day: &str| support("emr-7.11.0", day.parse().unwrap()).phase;
        assert_eq!((on("2027-11-03"), on("2027-11-04")), (SupportPhase::Supported, SupportPhase::Ended));
        let on = |day: &str| support("emr-6.15.0", day.parse().unwrap()).phase;
        assert_eq!((on("2026-08-31"), on("2026-09-01")), (SupportPhase::Supported, SupportPhase::Extended));
        assert_eq!((on("2027-06-30"), on("2027-07-01")), (SupportPhase::Extended, SupportPhase::Ended));
    }
}
