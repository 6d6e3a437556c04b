//! What a comparison found: the report that is kept as evidence and that every form of output is made of.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the format of a report is called.
pub const FORMAT: &str = "plumb.parity/v1";

/// One comparison of what the old and the new pipeline wrote for one period: a file `evidence/MIGRATION-PERIOD.json`.
///
/// The first five members are all that a report has that was typed by hand. Readers ignore members that they do not know.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Report {
    /// `plumb.parity/v1`.
    pub format: String,
    /// The migration's name.
    pub migration: String,
    /// What was compared: `2024-05`. Later periods sort behind earlier ones, as texts.
    pub period: String,
    /// Whether the two were equal, as far as the migration asks: in every output.
    pub passed: bool,
    /// When it was compared, as RFC 3339 has it. Of several reports of one period the last one counts.
    #[schemars(with = "String")]
    pub checked_at: Timestamp,
    /// The hash of the rules, `spec.compare` of the migration: a report of other rules does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// Every output of the migration, in the order of the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<OutputResult>,
    /// What compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineName>,
    /// The version of plumb.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plumb: Option<String>,
    /// The commit of the manifests; `null` without a repository, and then the report does not count.
    #[serde(default)]
    pub commit: Option<String>,
    /// Whether the manifests differed from that commit. Such a report does not count.
    #[serde(default)]
    pub dirty: bool,
    /// Who compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<ComparedBy>,
    /// How long it took, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<f64>,
    /// What `PLUMB_NOW` set the clock to. Such a report does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,
    /// HMAC-SHA256 over the rest, keyed with `PLUMB_EVIDENCE_KEY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct EngineName {
    /// `duckdb`, `databricks`.
    pub name: String,
    pub version: String,
}

/// Who compared, as marks name people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ComparedBy {
    pub who: String,
    /// Where the run's output can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}

/// What is said of one output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every difference that counts is absent, and there was something to compare.
    Equal,
    /// Something differs.
    Differs,
    /// Neither can be said: data is missing, empty, unreadable, not finished or changed meanwhile.
    None,
}

/// One output, compared. What is not known is left out or `null`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct OutputResult {
    /// As the manifest has it.
    pub name: String,
    pub verdict: Verdict,
    /// Why there is no verdict, in a sentence that says how to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    pub old: SideResult,
    pub new: SideResult,
    /// Rows of `old` that `new` does not have; `null` where it is not known.
    pub only_old: Option<u64>,
    /// Rows of `new` that `old` does not have.
    pub only_new: Option<u64>,
    /// Rows that both have, of which some cell differs.
    pub differing_rows: Option<u64>,
    /// Rows that both have: by key, or as a whole without keys.
    #[serde(default)]
    pub matched: Option<u64>,
    /// How many cells of a column differ, before expectations. Columns without a difference are left out.
    pub differing_cells: BTreeMap<String, u64>,
    /// How many cells of a column differ within a tolerance, and so are equal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub within_tolerance: BTreeMap<String, WithinTolerance>,
    /// The name of the cause for each column that differs, and for `rows`, `key` and `schema`.
    pub causes: BTreeMap<String, String>,
    /// The differences that the manifest expects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<ExpectedResult>,
    /// The columns that name a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// What differs in the schemas.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schema: Vec<SchemaNote>,
    /// What explains the rows that only one side has, the best explanation first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Explanation>,
    /// Rows that only one side has, by example.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub row_examples: Vec<RowExample>,
    /// The columns that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnResult>,
    /// Columns that differ in the very same rows: one cause upstream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub same_rows: Vec<Vec<String>>,
    /// How the differences spread over days, partitions or other values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spread: Vec<DifferenceSpread>,
    /// Columns that were not compared, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ignored: BTreeMap<String, String>,
    /// What else is worth knowing, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How long it took, in seconds.
    #[serde(default)]
    pub duration_s: f64,
}

/// What was read of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SideResult {
    /// The path or table, the period filled in.
    pub source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// What was read: SHA-256 over paths, sizes and ETags (or the ends of local files), or over table and version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Of a table, the Delta version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Cells that differ within a tolerance.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct WithinTolerance {
    pub cells: u64,
    /// The largest difference, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest: Option<String>,
    /// Why the manifest allows it.
    pub reason: String,
}

/// A difference that the manifest expects.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct ExpectedResult {
    /// The column, or `rows`.
    pub column: String,
    /// How many differences it covers.
    pub found: u64,
    pub at_most: u64,
    pub until: String,
    pub reason: String,
    /// Whether it excuses what it covers: not over `at_most`, and not over.
    pub holds: bool,
}

/// Something in which the schemas differ.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SchemaNote {
    pub column: String,
    /// `column_renamed`, `type_widened`, `type_changed`, `column_case`, `column_missing`, `column_order`, `nullability`.
    pub cause: String,
    /// Whether it makes the output differ.
    pub fails: bool,
    /// In words.
    pub says: String,
}

/// A hypothesis and how much it explains.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct Explanation {
    /// `timezone`, `rounding`, `missing_partition`, …
    pub cause: String,
    /// How many of the differing cells or rows it explains…
    pub explains: u64,
    /// …of how many that were looked at.
    pub of: u64,
    /// In words: "each is +1 h".
    pub says: String,
}

/// One column that differs.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct ColumnResult {
    pub name: String,
    pub old_type: String,
    pub new_type: String,
    pub differing: u64,
    /// What explains it, the best explanation first. The first one is the cause where it explains nearly all.
    pub explanations: Vec<Explanation>,
    /// Whether the explanations looked at a part of the differing cells only.
    #[serde(default)]
    pub sampled: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<CellExample>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// Whether its values are hidden.
    #[serde(default)]
    pub sensitive: bool,
}

/// A cell that differs. Sensitive values and keys are masked already.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct CellExample {
    /// Each key column with its value.
    pub key: Vec<(String, Option<String>)>,
    /// `null` is null.
    pub old: Option<String>,
    pub new: Option<String>,
}

/// A row that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct RowExample {
    /// `old` or `new`.
    pub only_in: String,
    pub key: Vec<(String, Option<String>)>,
}

/// The values of one column on both sides, in bins of equal width. The first and last bin hold what lies outside.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
pub struct Histogram {
    /// The lower end of the first bin and the upper end of the last one, as texts: numbers, days or instants.
    pub from: String,
    pub to: String,
    pub old: Vec<u64>,
    pub new: Vec<u64>,
}

/// How the differences spread over the values of something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct DifferenceSpread {
    /// A column, or `day of COLUMN`.
    pub by: String,
    pub parts: Vec<SpreadPart>,
}

/// The differences within one value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub struct SpreadPart {
    pub value: Option<String>,
    pub rows: u64,
    pub only_old: u64,
    pub only_new: u64,
    pub differing: u64,
}

impl Report {
    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&OutputResult> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// The verdict over all outputs: equal only if each is, no verdict if any has none and none differs.
    pub fn verdict(&self) -> Verdict {
        let has = |verdict| self.outputs.iter().any(|output| output.verdict == verdict);
        if has(Verdict::Differs) {
            Verdict::Differs
        } else if has(Verdict::None) || self.outputs.is_empty() {
            Verdict::None
        } else {
            Verdict::Equal
        }
    }
}

impl OutputResult {
    /// An output about which nothing can be said, and why: the name of the cause under `rows`, and a sentence.
    pub fn without_verdict(name: &str, old: SideResult, new: SideResult, cause: &str, because: String) -> OutputResult {
        OutputResult {
            verdict: Verdict::None,
            because: Some(because),
            causes: [("rows".to_owned(), cause.to_owned())].into(),
            ..OutputResult::blank(name, old, new)
        }
    }

    /// One that is filled in as the comparison goes.
    pub fn blank(name: &str, old: SideResult, new: SideResult) -> OutputResult {
        OutputResult {
            name: name.to_owned(),
            verdict: Verdict::None,
            because: None,
            old,
            new,
            only_old: None,
            only_new: None,
            differing_rows: None,
            matched: None,
            differing_cells: BTreeMap::new(),
            within_tolerance: BTreeMap::new(),
            causes: BTreeMap::new(),
            expected: Vec::new(),
            keys: Vec::new(),
            schema: Vec::new(),
            rows: Vec::new(),
            row_examples: Vec::new(),
            columns: Vec::new(),
            same_rows: Vec::new(),
            spread: Vec::new(),
            ignored: BTreeMap::new(),
            notes: Vec::new(),
            duration_s: 0.0,
        }
    }
}
