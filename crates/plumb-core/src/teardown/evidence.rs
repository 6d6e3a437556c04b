//! Reports of comparisons between an old and a new pipeline, as files of the repository.

use crate::manifest::read_json;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the format of a report is called.
pub const FORMAT: &str = "plumb.parity/v1";

/// One comparison of what the old and the new pipeline wrote for one period: a file `evidence/*.json`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Report {
    /// `plumb.parity/v1`.
    pub format: String,
    /// The migration's name.
    pub migration: String,
    /// What was compared: `2024-05`. Later periods sort behind earlier ones, as texts.
    pub period: String,
    /// Whether the two were equal, as far as the migration asks.
    pub passed: bool,
    /// When it was compared, as RFC 3339 has it. Of several reports of one period the last one counts.
    #[schemars(with = "String")]
    pub checked_at: Timestamp,
}

/// The reports of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    pub reports: Vec<Report>,
    /// Files that are none, and why.
    pub broken: Vec<(String, String)>,
}

impl Evidence {
    /// Reads files of reports, each a path and its text.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Evidence {
        Evidence::read(files.into_iter().map(|(path, text)| (path, Ok(text))))
    }

    /// The same of files some of which cannot be read. No message quotes a file: it may be something else than a report.
    pub fn read(files: impl IntoIterator<Item = (String, Result<String, String>)>) -> Evidence {
        let mut evidence = Evidence::default();
        for (path, text) in files {
            match text.and_then(|text| read_json::<Report>(&text)) {
                Ok(report) if report.format != FORMAT => {
                    evidence.broken.push((path, format!("its `format` is not `{FORMAT}`, which this plumb reads")));
                }
                Ok(report) => evidence.reports.push(report),
                Err(why) => evidence.broken.push((path, why)),
            }
        }
        evidence.broken.sort();
        evidence
    }

    /// How many of a migration's last periods passed, one after the other, and the last one.
    pub fn passes(&self, migration: &str) -> (u32, Option<&Report>) {
        let mut reports: Vec<&Report> = self.reports.iter().filter(|r| r.migration == migration).collect();
        // A report that fails wins over one of the same second that passes.
        reports.sort_by_key(|r| (&r.period, r.checked_at, !r.passed));
        let mut last: Vec<&Report> = Vec::new();
        for report in reports {
            match last.last_mut().filter(|before| before.period == report.period) {
                Some(before) => *before = report,
                None => last.push(report),
            }
        }
        let passes = last.iter().rev().take_while(|r| r.passed).count();
        (u32::try_from(passes).unwrap_or(u32::MAX), last.last().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(period: &str, passed: bool, hour: u8) -> (String, String) {
        let text = format!(
            r#"{{"format": "plumb.parity/v1", "migration": "audience", "period": "{period}", "passed": {passed},
                "checked_at": "2024-06-03T{hour:02}:00:00Z", "rows": 17}}"#
        );
        (format!("evidence/{period}-{hour}.json"), text)
    }

    #[test]
    fn the_last_periods_count_and_of_each_the_last_report() {
        let passes = |files: Vec<(String, String)>| Evidence::parse(files).passes("audience").0;
        assert_eq!(passes(Vec::new()), 0);
        assert_eq!(passes(vec![report("2024-04", true, 1), report("2024-05", true, 1)]), 2);
        assert_eq!(passes(vec![report("2024-05", true, 1), report("2024-04", false, 9)]), 1);
        assert_eq!(passes(vec![report("2024-05", false, 1), report("2024-04", true, 9)]), 0);
        assert_eq!(
            passes(vec![report("2024-05", false, 1), report("2024-05", true, 2)]),
            1,
            "corrected and compared again"
        );
        assert_eq!(passes(vec![report("2024-05", true, 1), report("2024-05", false, 2)]), 0);
        assert_eq!(passes(vec![report("2024-05", true, 1), report("2024-05", true, 2)]), 1, "one period is one pass");
        // Of two of one second the one that failed counts, in whatever order they are read.
        for (first, second) in [(true, false), (false, true)] {
            let tie = vec![report("2024-04", true, 1), report("2024-05", first, 7), report("2024-05", second, 7)];
            assert_eq!(passes(tie), 0, "{first} {second}");
        }
        assert_eq!(Evidence::parse(vec![report("2024-05", true, 1)]).passes("other").0, 0);
    }

    #[test]
    fn what_is_no_report_is_named() {
        let evidence = Evidence::parse([
            ("evidence/b.json".into(), "{}".into()),
            ("evidence/a.json".into(), report("1", true, 1).1.replace("/v1", "/v9")),
        ]);
        assert!(evidence.reports.is_empty());
        assert_eq!(evidence.broken[0].1, "its `format` is not `plumb.parity/v1`, which this plumb reads");
        assert!(evidence.broken[1].1.contains("`format` is missing"), "{:?}", evidence.broken);
    }
}
