//! What a migration says of its comparison: which outputs, from where, by which rules.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// How the outputs of the old and the new pipeline are compared, period by period: `plumb parity run`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Compare {
    /// What one comparison is about. It gives `{period}`, `{year}`, `{month}`, `{day}`, `{start}` and `{end}` to paths and to
    /// `where`.
    #[serde(default)]
    pub period: PeriodUnit,
    /// The time zone of the periods, by its IANA name: `Europe/London`. UTC if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// How long after its end a period may be compared: `6h`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settles: Option<String>,
    /// What compares. `auto`: Databricks where a side is a table, else DuckDB.
    #[serde(default)]
    pub engine: EngineChoice,
    /// The SQL warehouse of engine `databricks`, by name or id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    /// Every data set that both pipelines write for a period.
    pub outputs: Vec<CompareOutput>,
}

/// What one comparison is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PeriodUnit {
    /// `2024-05`.
    #[default]
    Month,
    /// `2024-W19`, as ISO 8601 counts weeks.
    Week,
    /// `2024-05-06`.
    Day,
    /// No period: `--period` only names the evidence.
    None,
}

/// What compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// Databricks where a side is a table, else DuckDB.
    #[default]
    Auto,
    /// The `duckdb` program on this machine.
    Duckdb,
    /// A SQL warehouse.
    Databricks,
}

/// One data set that both pipelines write.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompareOutput {
    /// Its name in reports.
    pub name: String,
    /// What the old pipeline wrote.
    pub old: CompareSide,
    /// What the new pipeline wrote.
    pub new: CompareSide,
    /// The columns that name a row, as `new` has them. None: the rows are a bag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<Vec<String>>,
    /// How many rows there have to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<CompareRows>,
    /// Whether wider types count as equal.
    #[serde(default)]
    pub schema: SchemaRule,
    /// Columns that have another name in `new`: `old_name: new_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<BTreeMap<String, String>>,
    /// Columns that are not compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore: Option<Vec<IgnoredColumn>>,
    /// What counts as equal, by column or by type. Later rules win, member by member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<CompareRule>>,
    /// Differences that are known: bounded, and only for a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<Vec<ExpectedDifference>>,
    /// Columns whose values are never shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<Vec<String>>,
}

/// One side of a comparison: a `path` or a `table`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompareSide {
    /// A folder or a file: `s3://bau/agg/month={period}/`, or a local path, relative to plumb.yaml or absolute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How the files of `path` are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// A file of `path` that the writer leaves when it has finished: `_SUCCESS`. Without it there is no verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub done: Option<String>,
    /// A table of Unity Catalog: `prod.bau.segments`. It is read at the version that is current when the comparison starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Only the rows that hold all of this: `column: value`, or `column: {in: […]}`, `{lt: …}`, `{le: …}`, `{gt: …}`,
    /// `{ge: …}`; `column: null` for rows that have none.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<BTreeMap<String, Value>>,
    /// How CSV is written, with the names and defaults of Spark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv: Option<CsvOptions>,
    /// The types of the columns, in the order of the file, as Spark SQL writes them: `bigint`, `decimal(18,2)`. CSV and JSON
    /// need them: types are never guessed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<OrderedColumns>,
}

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    Parquet,
    Csv,
    /// One object a line.
    Json,
    Delta,
}

/// How CSV is written. Names and defaults are Spark's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct CsvOptions {
    /// Whether the first line of a file has the names of the columns; `false` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// What stands between values; `,` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sep: Option<String>,
    /// What stands around values; `"` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// What stands before a quote within a value; `\` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escape: Option<String>,
    /// What a null is written as, unquoted; nothing if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub null_value: Option<String>,
    /// `UTF-8` if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// How many rows there have to be. Fewer: no verdict.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CompareRows {
    /// The fewest on each side; 1 if left out. 0 allows two empty sides to be equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u64>,
    /// How far the rows may be from those of the last period that passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<RowsAgainst>,
}

/// How far the rows may be from those of another period.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RowsAgainst {
    /// In percent of the rows of the last period that passed: `40%`.
    pub previous: String,
}

/// Whether wider types count as equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SchemaRule {
    /// Types have to be the same, and whether a column may be null.
    Strict,
    /// `int` may have become `bigint`, and a decimal wider.
    #[default]
    Compatible,
}

/// A column that is not compared.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct IgnoredColumn {
    /// Its name in `new`, or in `old` where `new` has none.
    pub column: String,
    /// Why it is not compared: reports quote it.
    pub reason: String,
}

/// What counts as equal in some columns.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct CompareRule {
    /// One column, by its name in `new`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Every column of a type: `double`, `float`, `decimal`, `timestamp`, `string`, `array`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub of_type: Option<RuleType>,
    /// Numbers may be this far apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abs: Option<f64>,
    /// Numbers may be this far apart, as a share of the larger one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rel: Option<f64>,
    /// Decimals are rounded half up to this many places first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<u8>,
    /// Timestamps are cut to this unit first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncate: Option<TruncateTo>,
    /// A timestamp without a time zone is wall time there: `Europe/London`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Spaces that do not count: at the `end`, as CHAR columns have them, or on `both` sides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trim: Option<Trim>,
    /// `any`: upper and lower case are the same.
    #[serde(rename = "case", skip_serializing_if = "Option::is_none")]
    pub letter_case: Option<AnyOf>,
    /// `nfc`: texts are composed first. DuckDB only: Spark SQL cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unicode: Option<UnicodeForm>,
    /// An empty text is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_is_null: Option<bool>,
    /// `any`: the order of an array's elements does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<AnyOf>,
    /// Why.
    pub reason: String,
}

/// The types that rules name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleType {
    Double,
    Float,
    Decimal,
    Timestamp,
    String,
    Array,
}

/// What a timestamp is cut to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TruncateTo {
    Day,
    S,
    Ms,
}

/// Which spaces do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Trim {
    End,
    Both,
}

/// `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AnyOf {
    Any,
}

/// A normal form of Unicode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnicodeForm {
    Nfc,
}

/// A difference that is known: at most so many, and until a day.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(rename_all = "camelCase")]
pub struct ExpectedDifference {
    /// The column whose cells may differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// In place of a column: rows that only one side has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<ExpectedRows>,
    /// Only in rows that hold all of this, as in a side's `where`.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<BTreeMap<String, Value>>,
    /// How many at most.
    pub at_most: u64,
    /// The last day (UTC) on which it is expected: `2024-12-31`.
    pub until: String,
    /// Why the pipelines differ there: reports quote it.
    pub reason: String,
}

/// Rows that only one side has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExpectedRows {
    OnlyOld,
    OnlyNew,
}

/// Columns with their types, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OrderedColumns(pub Vec<(String, String)>);

impl JsonSchema for OrderedColumns {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OrderedColumns".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        BTreeMap::<String, String>::json_schema(generator)
    }
}

impl Serialize for OrderedColumns {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, of_type)| (name, of_type)))
    }
}

impl<'de> Deserialize<'de> for OrderedColumns {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> serde::de::Visitor<'de> for Columns {
            type Value = OrderedColumns;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping of column names to types")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut columns = Vec::new();
                while let Some(column) = map.next_entry()? {
                    columns.push(column);
                }
                Ok(OrderedColumns(columns))
            }
        }
        deserializer.deserialize_map(Columns)
    }
}
