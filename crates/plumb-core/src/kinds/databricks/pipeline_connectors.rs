//! Options of the connectors that ingest from other systems: those for files, documents and tickets.

use super::{
    pipeline_ads::{
        GoogleAdsOptions, LinkedInAdsOptions, MarketoOptions, MetaMarketingOptions, RedditAdsOptions, TikTokAdsOptions,
    },
    pipeline_streams::{KafkaOptions, RabbitmqOptions},
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of a connector. One member is set, that of the source.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ConnectorOptions {
    /// Any API.
    pub api_source_connector_options: Option<ApiSourceConnectorOptions>,
    /// Confluence.
    pub confluence_options: Option<ConfluenceConnectorOptions>,
    /// Google Drive.
    pub gdrive_options: Option<GoogleDriveOptions>,
    /// Google Ads.
    pub google_ads_options: Option<GoogleAdsOptions>,
    /// Jira.
    pub jira_options: Option<JiraConnectorOptions>,
    /// Kafka.
    pub kafka_options: Option<KafkaOptions>,
    /// LinkedIn Ads.
    pub linkedin_ads_options: Option<LinkedInAdsOptions>,
    /// Marketo.
    pub marketo_options: Option<MarketoOptions>,
    /// Meta Ads.
    pub meta_ads_options: Option<MetaMarketingOptions>,
    /// OneDrive.
    pub onedrive_options: Option<OneDriveOptions>,
    /// Outlook.
    pub outlook_options: Option<OutlookOptions>,
    /// RabbitMQ.
    pub rabbitmq_options: Option<RabbitmqOptions>,
    /// Reddit Ads.
    pub reddit_ads_options: Option<RedditAdsOptions>,
    /// SharePoint.
    pub sharepoint_options: Option<SharepointOptions>,
    /// Smartsheet.
    pub smartsheet_options: Option<SmartsheetOptions>,
    /// TikTok Ads.
    pub tiktok_ads_options: Option<TikTokAdsOptions>,
    /// Zendesk Support.
    pub zendesk_support_options: Option<ZendeskSupportOptions>,
}

/// Options of a connector to any API.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ApiSourceConnectorOptions {
    /// The options.
    #[schemars(extend("x-plumb" = {"secret": "by_name", "why": "credentials are often passed this way"}))]
    pub options: Option<Settings>,
}

/// Options of Confluence.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ConfluenceConnectorOptions {
    /// The only spaces to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each space is taken by itself"}))]
    pub include_confluence_spaces: Option<Vec<String>>,
}

/// Options of Google Drive.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GoogleDriveOptions {
    /// What is taken.
    pub entity_type: Option<GoogleDriveEntity>,
    /// How files are read.
    pub file_ingestion_options: Option<FileIngestionOptions>,
    /// The address in Google Drive.
    pub url: Option<String>,
}

/// What is taken from Google Drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum GoogleDriveEntity {
    #[serde(rename = "FILE")]
    File,
    #[serde(rename = "FILE_METADATA")]
    FileMetadata,
    #[serde(rename = "PERMISSION")]
    Permission,
}

/// How files are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FileIngestionOptions {
    /// A column for what cannot be read.
    pub corrupt_record_column: Option<String>,
    /// Which files are read.
    pub file_filters: Option<Vec<FileFilter>>,
    /// The format of the files.
    pub format: Option<IngestedFileFormat>,
    /// Options of the format.
    pub format_options: Option<Settings>,
    /// Whether files that cannot be read are passed over.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.FileIngestionOptions: an optional flag"}))]
    pub ignore_corrupt_files: Option<bool>,
    /// Whether the types of columns are guessed.
    pub infer_column_types: Option<bool>,
    /// Whether letter case tells columns apart.
    pub reader_case_sensitive: Option<bool>,
    /// A column for data that fits no other.
    pub rescued_data_column: Option<String>,
    /// What becomes of new columns.
    pub schema_evolution_mode: Option<SchemaEvolutionMode>,
    /// Types of single columns.
    pub schema_hints: Option<String>,
    /// A column that has the whole record.
    pub single_variant_column: Option<String>,
}

/// Which files are read.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct FileFilter {
    /// Only those that were changed after this time.
    pub modified_after: Option<String>,
    /// Only those that were changed before this time.
    pub modified_before: Option<String>,
    /// Only those whose names fit this pattern.
    pub path_filter: Option<String>,
}

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum IngestedFileFormat {
    #[serde(rename = "AVRO")]
    Avro,
    #[serde(rename = "BINARYFILE")]
    Binaryfile,
    #[serde(rename = "CSV")]
    Csv,
    #[serde(rename = "EXCEL")]
    Excel,
    #[serde(rename = "JSON")]
    Json,
    #[serde(rename = "ORC")]
    Orc,
    #[serde(rename = "PARQUET")]
    Parquet,
    #[serde(rename = "XML")]
    Xml,
}

/// What becomes of new columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SchemaEvolutionMode {
    #[serde(rename = "ADD_NEW_COLUMNS")]
    AddNewColumns,
    #[serde(rename = "ADD_NEW_COLUMNS_WITH_TYPE_WIDENING")]
    AddNewColumnsWithTypeWidening,
    #[serde(rename = "FAIL_ON_NEW_COLUMNS")]
    FailOnNewColumns,
    #[serde(rename = "NONE")]
    None,
    #[serde(rename = "RESCUE")]
    Rescue,
}

/// Options of Jira.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct JiraConnectorOptions {
    /// The only projects to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each project is taken by itself"}))]
    pub include_jira_spaces: Option<Vec<String>>,
}

/// Options of OneDrive.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct OneDriveOptions {
    /// What is taken.
    #[schemars(extend("x-plumb" = {"default": "FILE", "why": "databricks-sdk-py pipelines.OneDriveOptions: FILE unless set"}))]
    pub entity_type: Option<OneDriveEntity>,
    /// How files are read.
    pub file_ingestion_options: Option<FileIngestionOptions>,
    /// The address in OneDrive.
    pub url: Option<String>,
}

/// What is taken from OneDrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum OneDriveEntity {
    #[serde(rename = "FILE")]
    File,
    #[serde(rename = "FILE_METADATA")]
    FileMetadata,
}

/// Options of Outlook. Of several filters each has to let a message through, of one filter any value.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct OutlookOptions {
    /// Which attachments are taken.
    #[schemars(extend("x-plumb" = {"default": "ALL", "why": "databricks-sdk-py pipelines.OutlookOptions: ALL unless set"}))]
    pub attachment_mode: Option<OutlookAttachmentMode>,
    /// How the text of messages is kept.
    pub body_format: Option<OutlookBodyFormat>,
    /// The former form of `include_folders`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each folder is taken by itself"}))]
    pub folder_filter: Option<Vec<String>>,
    /// The only folders to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each folder is taken by itself"}))]
    pub include_folders: Option<Vec<String>>,
    /// The only mailboxes to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each mailbox is taken by itself"}))]
    pub include_mailboxes: Option<Vec<String>>,
    /// The only senders to take.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each sender is taken by itself"}))]
    pub include_senders: Option<Vec<String>>,
    /// The only subjects to take: a part of one, or its beginning with `*` behind it.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each subject is taken by itself"}))]
    pub include_subjects: Option<Vec<String>>,
    /// The former form of `include_senders`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each sender is taken by itself"}))]
    pub sender_filter: Option<Vec<String>>,
    /// The first day to take: `2026-01-31`.
    pub start_date: Option<String>,
    /// The former form of `include_subjects`.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each subject is taken by itself"}))]
    pub subject_filter: Option<Vec<String>>,
}

/// Which attachments are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum OutlookAttachmentMode {
    #[serde(rename = "ALL")]
    All,
    #[serde(rename = "INLINE_ONLY")]
    InlineOnly,
    #[serde(rename = "NONE")]
    None,
    #[serde(rename = "NON_INLINE_ONLY")]
    NonInlineOnly,
}

/// How the text of messages is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum OutlookBodyFormat {
    #[serde(rename = "TEXT_HTML")]
    TextHtml,
    #[serde(rename = "TEXT_PLAIN")]
    TextPlain,
}

/// Options of SharePoint.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SharepointOptions {
    /// What is taken.
    #[schemars(extend("x-plumb" = {"default": "FILE", "why": "databricks-sdk-py pipelines.SharepointOptions: FILE unless set"}))]
    pub entity_type: Option<SharepointEntity>,
    /// How files are read.
    pub file_ingestion_options: Option<FileIngestionOptions>,
    /// The address in SharePoint.
    pub url: Option<String>,
}

/// What is taken from SharePoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum SharepointEntity {
    #[serde(rename = "FILE")]
    File,
    #[serde(rename = "FILE_METADATA")]
    FileMetadata,
    #[serde(rename = "LIST")]
    List,
    #[serde(rename = "PERMISSION")]
    Permission,
}

/// Options of Smartsheet.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SmartsheetOptions {
    /// Whether columns have the types that Smartsheet declares; otherwise all are text.
    #[schemars(extend("x-plumb" = {"default": true, "why": "databricks-sdk-py pipelines.SmartsheetOptions: true unless set"}))]
    pub enforce_schema: Option<bool>,
}

/// Options of Zendesk Support.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct ZendeskSupportOptions {
    /// The first day to take: `2026-01-31`.
    pub start_date: Option<String>,
}
