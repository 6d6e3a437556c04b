//! Tasks that apply an AI function to documents or rows.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Applies one AI function (`ai_classify`, `ai_extract` or `ai_parse_document`) to one input (`delta_table` or `volume`).
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiFunctionTask {
    /// The table to write to.
    pub output: QualifiedName,
    /// Gives each input one or more labels.
    pub ai_classify: Option<AiClassify>,
    /// Takes fields out of each input.
    pub ai_extract: Option<AiExtract>,
    /// Makes text with a structure of documents.
    pub ai_parse_document: Option<AiParseDocument>,
    /// A table, of which each row is an input.
    pub delta_table: Option<DeltaTableInput>,
    /// A volume, of which each file is an input.
    pub volume: Option<VolumeInput>,
}

/// A name in Unity Catalog. Without a table, the service chooses a stable name.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct QualifiedName {
    /// The catalog.
    pub catalog: Option<String>,
    /// The schema in it.
    pub schema: Option<String>,
    /// The table in that.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py jobs.AiFunctionTask: a stable name is chosen when it is unset"}))]
    pub table: Option<String>,
}

/// Gives each input one or more labels.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiClassify {
    /// The function's version: `"2.1"`.
    pub version: String,
    /// Whether each label comes with a confidence.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py jobs.AiClassifyFunction: an optional flag"}))]
    pub enable_confidence_scores: Option<bool>,
    /// Whether each label comes with a reason.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py jobs.AiClassifyFunction: an optional flag"}))]
    pub enable_rationales: Option<bool>,
    /// The labels.
    pub inline_labels: Option<InlineLabels>,
    /// What the inputs are about.
    pub instructions: Option<String>,
    /// Whether an input may get several labels.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py jobs.AiClassifyFunction: an optional flag"}))]
    pub multilabel: Option<bool>,
}

/// Labels that stand in the job itself.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InlineLabels {
    /// The labels: 10 at most.
    #[schemars(extend("x-plumb" = {"key": "name", "why": "databricks-sdk-py jobs.AiClassifyFunctionLabel: the name is what is returned"}))]
    pub labels: Vec<Label>,
}

/// A label.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Label {
    /// What is returned.
    pub name: String,
    /// What belongs under it.
    pub description: Option<String>,
}

/// Takes fields out of each input.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiExtract {
    /// The function's version: `"2.1"`.
    pub version: String,
    /// Whether each value comes with its place in the input.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py jobs.AiExtractFunction: an optional flag"}))]
    pub enable_citations: Option<bool>,
    /// Whether each value comes with a confidence.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py jobs.AiExtractFunction: an optional flag"}))]
    pub enable_confidence_scores: Option<bool>,
    /// What the inputs are about.
    pub instructions: Option<String>,
    /// How carefully it is done. Unset: the standard way.
    pub mode: Option<ExtractMode>,
    /// The fields, as JSON text: a list of names, or types and descriptions by name.
    #[schemars(extend("x-plumb" = {"json_text": true, "why": "databricks-sdk-py jobs.AiExtractFunction: a JSON string"}))]
    pub schema: Option<String>,
}

/// How carefully fields are taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExtractMode {
    ModePrecision,
}

/// Makes text with a structure of documents.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AiParseDocument {
    /// The version of the output's schema: `"2.0"`.
    pub version: String,
    /// Which elements are described in words.
    #[schemars(extend("x-plumb" = {"set": true, "why": "databricks-sdk-py jobs.AiParseDocumentFunction: the types to describe, in any order"}))]
    pub description_element_types: Option<Vec<DescribedElement>>,
    /// The volume's folder that images of pages and elements are written to.
    pub image_output_path: Option<String>,
    /// The pages, from 1: `1,3,5-10`.
    pub page_range: Option<String>,
}

/// Elements that are described in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum DescribedElement {
    #[serde(rename = "DESCRIPTION_ELEMENT_TYPE_ALL")]
    All,
    #[serde(rename = "DESCRIPTION_ELEMENT_TYPE_FIGURE")]
    Figure,
}

/// A table, of which each row is an input.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DeltaTableInput {
    /// The table: `catalog.schema.table`.
    pub table_name: String,
    /// The column with the input.
    pub input_column: String,
    /// The columns that tell rows apart from run to run. Unset: Delta's row tracking, or every row each time.
    pub merge_key_columns: Option<Vec<String>>,
}

/// A volume, of which each file is an input.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct VolumeInput {
    /// The folder: `/Volumes/catalog/schema/volume/…`.
    pub volume_path: String,
}
