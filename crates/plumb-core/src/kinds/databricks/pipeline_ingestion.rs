//! What a pipeline ingests from other systems, without code.

use super::{
    pipeline_connectors::ConnectorOptions,
    pipeline_parts::TimeWindow,
    pipeline_streams::Transformer,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a pipeline ingests, and from where. What the service fills in here is not told: the Terraform provider computes nothing.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
#[schemars(extend("x-plumb" = {
    "read_only": { "source_type": "databricks/cli bundle rules: output only; the service finds it out by itself" },
    "why": "an answer says more than a request",
}))]
pub struct IngestionDefinition {
    /// The connection of Unity Catalog that leads to the source. Excludes `ingestion_gateway_id`.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub connection_name: Option<String>,
    /// How a database is read. Unset: by queries.
    #[schemars(extend("x-plumb" = {"default": "QUERY_BASED", "why": "databricks-sdk-py pipelines.IngestionPipelineDefinition: QUERY_BASED where a connection leads to a database"}))]
    pub connector_type: Option<ConnectorType>,
    /// Where data is kept on its way. Unset: in the pipeline's catalog and schema.
    pub data_staging_options: Option<DataStagingOptions>,
    /// When tables may be read as a whole.
    pub full_refresh_window: Option<TimeWindow>,
    /// Whether the source is a foreign catalog of Unity Catalog, which `source_catalog` of the objects names. Then
    /// there is neither a connection nor a gateway.
    #[schemars(extend("x-plumb" = {"default": false, "replace": true, "why": "Terraform provider pipelines: force_new; databricks-sdk-py pipelines.IngestionPipelineDefinition: an optional flag"}))]
    pub ingest_from_uc_foreign_catalog: Option<bool>,
    /// The pipeline that is the gateway to the source, by id. Excludes `connection_name`.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub ingestion_gateway_id: Option<String>,
    /// The JAR that NetSuite needs, by path.
    pub netsuite_jar_path: Option<String>,
    /// The tables to ingest, and where they go.
    pub objects: Option<Vec<IngestedObject>>,
    /// Settings of the source.
    pub source_configurations: Option<Vec<SourceConfiguration>>,
    /// How tables are ingested, unless an object says otherwise.
    pub table_configuration: Option<TableConfig>,
}

/// How a database is read: by its changes, or by queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ConnectorType {
    #[serde(rename = "CDC")]
    Cdc,
    #[serde(rename = "QUERY_BASED")]
    QueryBased,
}

/// What a gateway reads, and where it keeps it.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GatewayDefinition {
    /// The connection of Unity Catalog that leads to the source.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub connection_name: String,
    /// The catalog of the place where it keeps data.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub gateway_storage_catalog: String,
    /// The schema of that place.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub gateway_storage_schema: String,
    /// The former form of `connection_name`.
    #[schemars(extend("x-plumb" = {"replace": true, "why": "Terraform provider pipelines: force_new"}))]
    pub connection_id: Option<String>,
    /// What a first connection needs.
    pub connection_parameters: Option<ConnectionParameters>,
    /// The name of that place.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py pipelines.IngestionGatewayPipelineDefinition: optional; the service makes the place"}))]
    pub gateway_storage_name: Option<String>,
}

/// What a first connection needs.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ConnectionParameters {
    /// The catalog of the source; of Oracle, the service's name.
    pub source_catalog: Option<String>,
}

/// Where data is kept on its way.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DataStagingOptions {
    /// The catalog.
    pub catalog_name: String,
    /// The schema.
    pub schema_name: String,
    /// The volume, which the service makes.
    #[schemars(extend("x-plumb" = {"unset": "server", "chosen": true, "why": "databricks-sdk-py pipelines.DataStagingOptions: named after the pipeline unless set"}))]
    pub volume_name: Option<String>,
}

/// One thing to ingest. Exactly one member is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct IngestedObject {
    /// A report.
    pub report: Option<IngestedReport>,
    /// All tables of a schema.
    pub schema: Option<IngestedSchema>,
    /// A table.
    pub table: Option<IngestedTable>,
}

/// A report to ingest.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct IngestedReport {
    /// The report's address.
    pub source_url: String,
    /// The catalog of the table that it becomes.
    pub destination_catalog: String,
    /// The schema of that table.
    pub destination_schema: String,
    /// The name of that table.
    pub destination_table: Option<String>,
    /// How it is ingested.
    pub table_configuration: Option<TableConfig>,
}

/// A schema to ingest.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct IngestedSchema {
    /// The catalog that the tables go to.
    pub destination_catalog: String,
    /// The schema that they go to.
    pub destination_schema: String,
    /// Options of the connector.
    pub connector_options: Option<ConnectorOptions>,
    /// How messages are told apart by table.
    pub fanout_options: Option<FanoutOptions>,
    /// The catalog in the source.
    pub source_catalog: Option<String>,
    /// The schema in the source.
    pub source_schema: Option<String>,
    /// How its tables are ingested.
    pub table_configuration: Option<TableConfig>,
}

/// A table to ingest.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct IngestedTable {
    /// The catalog that it goes to.
    pub destination_catalog: String,
    /// The schema that it goes to.
    pub destination_schema: String,
    /// Options of the connector.
    pub connector_options: Option<ConnectorOptions>,
    /// The name that it gets. Unset: that of the source.
    pub destination_table: Option<String>,
    /// The catalog in the source.
    pub source_catalog: Option<String>,
    /// The schema in the source.
    pub source_schema: Option<String>,
    /// The table in the source.
    pub source_table: Option<String>,
    /// How it is ingested.
    pub table_configuration: Option<TableConfig>,
}

/// How tables are ingested.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TableConfig {
    /// Whether a table that cannot go on is read as a whole by itself.
    pub auto_full_refresh_policy: Option<AutoFullRefreshPolicy>,
    /// Columns by which the table is clustered. Excludes `enable_auto_clustering`.
    pub clustering_columns: Option<Vec<String>>,
    /// Whether the service chooses by what the table is clustered.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.TableSpecificConfig: an optional flag"}))]
    pub enable_auto_clustering: Option<bool>,
    /// Columns to leave out. Excludes `include_columns`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each column is left out by itself"}))]
    pub exclude_columns: Option<Vec<String>>,
    /// The only columns to take. Excludes `exclude_columns`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each column is taken by itself"}))]
    pub include_columns: Option<Vec<String>>,
    /// Columns that tell rows apart.
    pub primary_keys: Option<Vec<String>>,
    /// How a table is read by queries.
    pub query_based_connector_config: Option<QueryBasedConfig>,
    /// A condition for rows, in SQL, without `WHERE`.
    pub row_filter: Option<String>,
    /// Whether formula fields of Salesforce are taken.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.TableSpecificConfig: an optional flag"}))]
    pub salesforce_include_formula_fields: Option<bool>,
    /// Whether the history of rows is kept.
    pub scd_type: Option<ScdType>,
    /// Columns that say which change came first.
    pub sequence_by: Option<Vec<String>>,
    /// A column for what the source says of a row.
    pub source_metadata_column: Option<String>,
    /// Properties of the table.
    pub table_properties: Option<Settings>,
    /// Parameters of a report of Workday.
    pub workday_report_parameters: Option<WorkdayParameters>,
}

/// Whether the history of rows is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum ScdType {
    #[serde(rename = "APPEND_ONLY")]
    AppendOnly,
    #[serde(rename = "SCD_TYPE_1")]
    ScdType1,
    #[serde(rename = "SCD_TYPE_2")]
    ScdType2,
}

/// Whether a table that cannot go on is read as a whole by itself.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AutoFullRefreshPolicy {
    /// Whether it is.
    pub enabled: bool,
    /// The fewest hours from one time to the next.
    #[schemars(extend("x-plumb" = {"default": 24, "why": "databricks-sdk-py pipelines.AutoFullRefreshPolicy: 24 unless set"}))]
    pub min_interval_hours: Option<i64>,
}

/// How a table is read by queries.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct QueryBasedConfig {
    /// Columns that only grow: what is new is found by them.
    pub cursor_columns: Option<Vec<String>>,
    /// A condition for rows that were deleted, in SQL.
    pub deletion_condition: Option<String>,
    /// The fewest seconds between two looks for rows that are gone. Unset: nothing looks.
    pub hard_deletion_sync_min_interval_in_seconds: Option<i64>,
}

/// Parameters of a report of Workday.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct WorkdayParameters {
    /// Whether the report only has what is new. Deprecated by the service: `parameters` has replaced it.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.IngestionPipelineDefinitionWorkdayReportParameters: an optional flag"}))]
    pub incremental: Option<bool>,
    /// The parameters: an expression of SQL by name.
    pub parameters: Option<Settings>,
    /// The former form of `parameters`.
    #[schemars(extend("x-plumb" = {"key": "key", "why": "a parameter is known by its name"}))]
    pub report_parameters: Option<Vec<WorkdayParameter>>,
}

/// A parameter of a report.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct WorkdayParameter {
    /// Its name.
    pub key: Option<String>,
    /// Its value.
    pub value: Option<String>,
}

/// Settings of a source.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SourceConfiguration {
    /// Settings of a connector to any API.
    pub api_source_connector_config: Option<ApiSourceConnectorConfig>,
    /// Settings of a catalog of the source.
    pub catalog: Option<SourceCatalogConfig>,
    /// Settings of Google Ads.
    pub google_ads_config: Option<GoogleAdsConfig>,
}

/// Settings of a connector to any API.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ApiSourceConnectorConfig {
    /// The settings.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "credentials are often passed this way"}))]
    pub configs: Option<Settings>,
}

/// Settings of Google Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GoogleAdsConfig {
    /// The manager account whose customer accounts are read.
    pub manager_account_id: Option<String>,
}

/// Settings of a catalog of a source.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SourceCatalogConfig {
    /// Settings of PostgreSQL.
    pub postgres: Option<PostgresCatalogConfig>,
    /// The catalog.
    pub source_catalog: Option<String>,
}

/// Settings of PostgreSQL.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PostgresCatalogConfig {
    /// The replication slot to read from.
    pub slot_config: Option<PostgresSlotConfig>,
}

/// A replication slot of PostgreSQL.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PostgresSlotConfig {
    /// The publication.
    pub publication_name: Option<String>,
    /// The slot.
    pub slot_name: Option<String>,
}

/// How messages are told apart by table.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FanoutOptions {
    /// A column, or an expression of SQL, that says which table a message goes to.
    pub fanout_by: Option<String>,
    /// What is done to the messages of a table before they are written, in this order.
    pub transforms: Option<Vec<Transformer>>,
}
