//! What is compared of one output: both sides, the columns with their types, and the rule of each.

use super::types::DataType;
use crate::kinds::emr::compare::{CsvOptions, FileFormat, Trim, TruncateTo};

/// The comparison of one output, typed: all that its SQL is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputPlan {
    /// As the manifest has it.
    pub name: String,
    pub old: SidePlan,
    pub new: SidePlan,
    /// The columns that name a row. None: the rows are a bag.
    pub keys: Vec<ComparedColumn>,
    /// The columns whose cells are compared.
    pub cells: Vec<ComparedColumn>,
    /// Differences that the manifest expects, with the place of their column in `cells`.
    pub expect: Vec<ExpectPlan>,
}

/// Where the rows of one side come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SidePlan {
    pub relation: Relation,
    /// Only rows of which all of this holds.
    pub filter: Vec<FilterCondition>,
}

/// Something that has rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Relation {
    /// Files that the engine reads by their paths.
    Files(FileRelation),
    /// A table at a version.
    Table {
        /// Catalog, schema, name.
        name: Vec<String>,
        version: Option<u64>,
    },
}

/// Files of one side, listed.
#[derive(Clone, Debug, PartialEq)]
pub struct FileRelation {
    pub format: FileFormat,
    /// Of Delta the folder, alone.
    pub files: Vec<FilePart>,
    pub csv: CsvOptions,
    /// The columns of the files with their types, in the order of the file, where the manifest says them.
    pub columns: Vec<(String, DataType)>,
    /// The types of partition columns, where the manifest says them; those of the others are texts.
    pub partition_types: Vec<(String, DataType)>,
}

/// One file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePart {
    /// Absolute, or a URL that the engine reads itself.
    pub path: String,
    /// The values of the partition columns that its folders say, decoded; `None` is null.
    pub partitions: Vec<(String, Option<String>)>,
    /// Whether its days were written in the Julian calendar (Spark 2, or Spark 3 in legacy mode).
    pub julian: bool,
}

/// A column of both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedColumn {
    /// Its name in reports: that of `new`.
    pub name: String,
    /// Its name in each side, as the engine has it.
    pub old: String,
    pub new: String,
    pub old_type: DataType,
    pub new_type: DataType,
    pub rule: ColumnRule,
    /// Whether its values are never shown.
    pub sensitive: bool,
}

/// What counts as equal in one column; the rules of the manifest, put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnRule {
    pub abs: Option<f64>,
    pub rel: Option<f64>,
    pub scale: Option<u8>,
    pub truncate: Option<TruncateTo>,
    pub zone: Option<String>,
    pub trim: Option<Trim>,
    pub any_case: bool,
    pub nfc: bool,
    pub empty_is_null: bool,
    pub any_order: bool,
    /// Why, of the last rule that says how far numbers may be apart.
    pub tolerance_reason: Option<String>,
}

impl ColumnRule {
    /// Whether cells may be equal without being the same.
    pub fn is_tolerant(&self) -> bool {
        self.abs.is_some() || self.rel.is_some()
    }
}

/// One condition on a column.
#[derive(Clone, Debug, PartialEq)]
pub struct FilterCondition {
    /// As the side has it.
    pub column: String,
    pub of_type: DataType,
    pub test: ConditionTest,
}

/// What has to hold of a column's value.
#[derive(Clone, Debug, PartialEq)]
pub enum ConditionTest {
    IsNull,
    /// One of these.
    In(Vec<FilterValue>),
    /// `<`, `<=`, `>` or `>=` to a value.
    Order(&'static str, FilterValue),
}

/// A value of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub enum FilterValue {
    Bool(bool),
    Integer(i64),
    /// A number with a point, as it is written.
    Number(String),
    Text(String),
}

/// A difference that is expected.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectPlan {
    pub about: ExpectAbout,
    /// On columns as `old` has them, and as `new` has them.
    pub old_filter: Vec<FilterCondition>,
    pub new_filter: Vec<FilterCondition>,
    pub at_most: u64,
    /// The last day, UTC.
    pub until: jiff::civil::Date,
    pub reason: String,
}

/// What is expected to differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectAbout {
    /// A column, by its place in `cells`.
    Cell(usize),
    OnlyOld,
    OnlyNew,
}
