//! The types of task that run SQL and tell people about it: SQL, alerts, dashboards, Power BI.

use super::{
    git::FileSource,
    undeclared::{Settings, is_absent},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Someone or something that is told. Exactly one member is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Subscriber {
    /// A notification destination, by id.
    pub destination_id: Option<String>,
    /// A user, by e-mail address.
    pub user_name: Option<String>,
}

/// Evaluates an alert. Exactly one of `alert_id` and `workspace_path` is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct AlertTask {
    /// The alert's id.
    pub alert_id: Option<String>,
    /// Parameters of the alert: 10,000 characters at most as JSON.
    pub parameters: Option<Settings>,
    /// Who is told of the outcome: 100 at most.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every subscriber is told, in any order"}))]
    pub subscribers: Option<Vec<Subscriber>>,
    /// The SQL warehouse to evaluate it on, by id.
    pub warehouse_id: Option<String>,
    /// The alert's file in the workspace, beginning with `/Workspace`.
    pub workspace_path: Option<String>,
}

/// Refreshes a dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DashboardTask {
    /// The dashboard's id.
    pub dashboard_id: Option<String>,
    /// Values of the dashboard's filters, by their URL identifiers.
    pub filters: Option<Settings>,
    /// Who is sent a snapshot.
    pub subscription: Option<DashboardSubscription>,
    /// The SQL warehouse to refresh it on, by id. Unset: the dashboard's own.
    pub warehouse_id: Option<String>,
}

/// Sends snapshots of a dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DashboardSubscription {
    /// What is attached.
    pub attachment: Option<Attachment>,
    /// The subject of the e-mails.
    pub custom_subject: Option<String>,
    /// Whether nothing is sent.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.Subscription: an optional flag"}))]
    pub paused: Option<bool>,
    /// Who is sent it.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every subscriber is told, in any order"}))]
    pub subscribers: Option<Vec<Subscriber>>,
}

/// What is attached to a snapshot.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct Attachment {
    /// Data of widgets.
    pub data_attachment: Option<DataAttachment>,
    /// Pages of the dashboard.
    pub page_attachment: Option<PageAttachment>,
}

/// Data of widgets, as files.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct DataAttachment {
    /// The widgets.
    pub widgets: Vec<AttachedWidget>,
    /// The files' format.
    pub file_format: AttachmentFormat,
    /// Whether the filters that were applied are told.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk jobs.SubscriptionAttachmentDataAttachment: an optional flag"}))]
    pub include_applied_filters: Option<bool>,
}

/// A widget of a dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AttachedWidget {
    /// The page that it is on, by id.
    pub page_id: String,
    /// The widget's id.
    pub widget_id: String,
}

/// The format of attached data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AttachmentFormat {
    FileFormatCsv,
    FileFormatExcel,
    FileFormatTsv,
}

/// Pages of a dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PageAttachment {
    /// The pages, by id, of `PAGE_SELECTION_SUBSET`.
    pub page_ids: Option<Vec<String>>,
    /// Whether all pages or some.
    pub page_selection: Option<PageSelection>,
}

/// Which pages of a dashboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PageSelection {
    PageSelectionAll,
    PageSelectionSubset,
}

/// Publishes tables to Power BI.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PowerBiTask {
    /// The Unity Catalog connection that signs in to Power BI.
    pub connection_resource_name: Option<String>,
    /// The semantic model to update.
    pub power_bi_model: Option<PowerBiModel>,
    /// Whether the model is refreshed afterwards.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.PowerBiTask: an optional flag"}))]
    pub refresh_after_update: Option<bool>,
    /// The tables to publish.
    pub tables: Option<Vec<PowerBiTable>>,
    /// The SQL warehouse that Power BI reads from, by id.
    pub warehouse_id: Option<String>,
}

/// A semantic model of Power BI.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PowerBiModel {
    /// How the model signs in to Databricks.
    pub authentication_method: Option<PowerBiAuthentication>,
    /// The model's name.
    pub model_name: Option<String>,
    /// Whether a model of that name is overwritten.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.PowerBiModel: an optional flag"}))]
    pub overwrite_existing: Option<bool>,
    /// How the model gets data, where a table does not say.
    pub storage_mode: Option<PowerBiStorage>,
    /// The Power BI workspace.
    pub workspace_name: Option<String>,
}

/// A table to publish.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct PowerBiTable {
    /// The catalog.
    pub catalog: Option<String>,
    /// The table's name.
    pub name: Option<String>,
    /// The schema.
    pub schema: Option<String>,
    /// How the model gets the table's data.
    pub storage_mode: Option<PowerBiStorage>,
}

/// How Power BI signs in to Databricks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PowerBiAuthentication {
    Oauth,
    Pat,
}

/// How Power BI gets data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PowerBiStorage {
    /// It asks for it each time.
    DirectQuery,
    /// Either, as Power BI sees fit.
    Dual,
    /// It keeps a copy.
    Import,
}

/// Runs SQL. Exactly one of `alert`, `dashboard`, `file` and `query` is set.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SqlTask {
    /// The SQL warehouse to run on, by id.
    pub warehouse_id: String,
    /// Evaluates a legacy alert.
    pub alert: Option<SqlAlert>,
    /// Refreshes a legacy dashboard.
    pub dashboard: Option<SqlDashboard>,
    /// Runs a file.
    pub file: Option<SqlFile>,
    /// Parameters, which `{{parameter}}` in the SQL stands for.
    pub parameters: Option<Settings>,
    /// Runs a saved query.
    pub query: Option<SqlQuery>,
}

/// A legacy alert.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SqlAlert {
    /// The alert's id.
    pub alert_id: String,
    /// Whether nobody is told.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.SqlTaskAlert: an optional flag"}))]
    pub pause_subscriptions: Option<bool>,
    /// Who is told.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every subscriber is told, in any order"}))]
    pub subscriptions: Option<Vec<Subscriber>>,
}

/// A legacy dashboard.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct SqlDashboard {
    /// The dashboard's id.
    pub dashboard_id: String,
    /// The subject of the e-mails.
    pub custom_subject: Option<String>,
    /// Whether no snapshot is made and nobody is told.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-java jobs.SqlTaskDashboard: an optional flag"}))]
    pub pause_subscriptions: Option<bool>,
    /// Who is sent a snapshot.
    #[schemars(extend("x-plumb" = {"set": true, "why": "every subscriber is told, in any order"}))]
    pub subscriptions: Option<Vec<Subscriber>>,
}

/// A file of SQL.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SqlFile {
    /// The file: an absolute path of the workspace, or a file of the repository: `./queries/daily.sql`. With a `git_source`: a path
    /// relative to that repository.
    #[schemars(extend("x-plumb" = {"code": "query", "why": "databricks-sdk-py jobs.SqlTaskFile: an absolute path of the workspace"}))]
    pub path: String,
    /// Where the file is.
    #[schemars(extend("x-plumb" = {"unset": "server", "filled_when": [{"value": "GIT", "with": "git_source"}, {"value": "WORKSPACE", "without": "git_source"}], "refused_when": [{"value": "GIT", "without": "git_source"}], "why": "databricks/cli bundle rules: backend default; databricks-sdk-py jobs.SqlTaskFile: GIT with a git_source, else WORKSPACE"}))]
    pub source: Option<FileSource>,
}

/// A saved query.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SqlQuery {
    /// The query's id.
    pub query_id: String,
}
