//! Options of the connectors that ingest from advertising platforms.

use super::undeclared::is_absent;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Options of Google Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GoogleAdsOptions {
    /// The manager account whose customer accounts are read.
    pub manager_account_id: String,
    /// A report of one's own.
    pub custom_report_options: Option<GoogleAdsReport>,
    /// How many days are read again.
    #[schemars(extend("x-plumb" = {"default": 30, "why": "databricks-sdk-py pipelines.GoogleAdsOptions: 30 unless set"}))]
    pub lookback_window_days: Option<i64>,
    /// The first day to take: `2026-01-31`. Unset: two years back.
    pub sync_start_date: Option<String>,
}

/// A report of Google Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct GoogleAdsReport {
    /// What it is about.
    pub resource: String,
    /// Its metrics.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub metrics: Option<Vec<String>>,
    /// Its fields.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub resource_fields: Option<Vec<String>>,
    /// Its segments; one of day, week or month has to be among them.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub segments: Option<Vec<String>>,
}

/// Options of LinkedIn Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct LinkedInAdsOptions {
    /// A report of one's own.
    pub custom_report_options: Option<LinkedInAdsReport>,
    /// How many days are read again.
    #[schemars(extend("x-plumb" = {"default": 30, "why": "databricks-sdk-py pipelines.LinkedInAdsOptions: 30 unless set"}))]
    pub lookback_window_days: Option<i64>,
    /// The first day to take: `2026-01-31`. Unset: a year back.
    pub sync_start_date: Option<String>,
}

/// A report of LinkedIn Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct LinkedInAdsReport {
    /// What is asked.
    pub finder: LinkedInAdsFinder,
    /// What it is told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub entity_granularity: Option<Vec<LinkedInAdsEntity>>,
    /// Its metrics.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub metrics: Option<Vec<String>>,
    /// How much time a row is about.
    #[schemars(extend("x-plumb" = {"default": "DAILY", "why": "databricks-sdk-py pipelines.LinkedInAdsOptions: DAILY unless set"}))]
    pub time_granularity: Option<LinkedInAdsTime>,
}

/// What a report of LinkedIn Ads is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum LinkedInAdsEntity {
    #[serde(rename = "CAMPAIGN")]
    Campaign,
    #[serde(rename = "CAMPAIGN_GROUP")]
    CampaignGroup,
    #[serde(rename = "CREATIVE")]
    Creative,
}

/// What LinkedIn Ads is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum LinkedInAdsFinder {
    #[serde(rename = "ANALYTICS")]
    Analytics,
    #[serde(rename = "ATTRIBUTED_REVENUE_METRICS")]
    AttributedRevenueMetrics,
    #[serde(rename = "STATISTICS")]
    Statistics,
}

/// How much time a row of LinkedIn Ads is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum LinkedInAdsTime {
    #[serde(rename = "ALL")]
    All,
    #[serde(rename = "DAILY")]
    Daily,
    #[serde(rename = "MONTHLY")]
    Monthly,
    #[serde(rename = "YEARLY")]
    Yearly,
}

/// Options of Marketo.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct MarketoOptions {
    /// The first day to take: `2026-01-31`. Unset: all.
    pub sync_start_date: Option<String>,
}

/// Options of Meta Ads. The members that `custom_report_options` has too are their former form.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct MetaMarketingOptions {
    /// Windows in which an action counts.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each window is told by itself"}))]
    pub action_attribution_windows: Option<Vec<String>>,
    /// What actions are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub action_breakdowns: Option<Vec<String>>,
    /// When an action counts.
    pub action_report_time: Option<String>,
    /// What rows are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub breakdowns: Option<Vec<String>>,
    /// How many days are read again.
    pub custom_insights_lookback_window: Option<i64>,
    /// A report of one's own.
    pub custom_report_options: Option<MetaMarketingReport>,
    /// What a row is about: `account`, `campaign`, `adset` or `ad`.
    pub level: Option<String>,
    /// The first day to take: `2026-01-31`.
    pub start_date: Option<String>,
    /// How much time a row is about: `all_days`, `monthly` or a number of days.
    pub time_increment: Option<String>,
}

/// A report of Meta Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct MetaMarketingReport {
    /// Windows in which an action counts.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each window is told by itself"}))]
    pub action_attribution_windows: Option<Vec<String>>,
    /// What actions are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub action_breakdowns: Option<Vec<String>>,
    /// When an action counts.
    pub action_report_time: Option<String>,
    /// What rows are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub breakdowns: Option<Vec<String>>,
    /// What a row is about: `account`, `campaign`, `adset` or `ad`.
    pub level: Option<String>,
    /// How much time a row is about: `all_days`, `monthly` or a number of days.
    pub time_increment: Option<String>,
}

/// Options of Reddit Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RedditAdsOptions {
    /// A report of one's own.
    pub custom_report_options: Option<RedditAdsReport>,
    /// How many days are read again.
    #[schemars(extend("x-plumb" = {"default": 30, "why": "databricks-sdk-py pipelines.RedditAdsOptions: 30 unless set"}))]
    pub lookback_window_days: Option<i64>,
    /// The first day to take: `2026-01-31`. Unset: two years back.
    pub sync_start_date: Option<String>,
}

/// A report of Reddit Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct RedditAdsReport {
    /// What rows are told apart by; `DATE` or `HOUR` has to be among them.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub breakdowns: Option<Vec<String>>,
    /// Its fields.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub fields: Option<Vec<String>>,
}

/// Options of TikTok Ads. The members that `custom_report_options` has too are their former form.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TikTokAdsOptions {
    /// A report of one's own.
    pub custom_report_options: Option<TikTokAdsReport>,
    /// What a row is about.
    pub data_level: Option<TikTokDataLevel>,
    /// What rows are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub dimensions: Option<Vec<String>>,
    /// How many days are read again.
    pub lookback_window_days: Option<i64>,
    /// Its metrics.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub metrics: Option<Vec<String>>,
    /// Whether metrics are of all time.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.TikTokAdsOptions: an optional flag"}))]
    pub query_lifetime: Option<bool>,
    /// The sort of report.
    pub report_type: Option<TikTokReportType>,
    /// The first day to take: `2026-01-31`.
    pub sync_start_date: Option<String>,
}

/// A report of TikTok Ads.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields, transform = is_absent)]
pub struct TikTokAdsReport {
    /// What a row is about.
    #[schemars(extend("x-plumb" = {"default": "AUCTION_CAMPAIGN", "why": "databricks-sdk-py pipelines.TikTokAdsOptionsTikTokAdsCustomReportOptions: AUCTION_CAMPAIGN unless set"}))]
    pub data_level: Option<TikTokDataLevel>,
    /// What rows are told apart by.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub dimensions: Option<Vec<String>>,
    /// Its metrics.
    #[schemars(extend("x-plumb" = {"set": true, "why": "each is a column of its own"}))]
    pub metrics: Option<Vec<String>>,
    /// Whether metrics are of all time.
    #[schemars(extend("x-plumb" = {"default": false, "why": "databricks-sdk-py pipelines.TikTokAdsOptionsTikTokAdsCustomReportOptions: false unless set"}))]
    pub query_lifetime: Option<bool>,
    /// The sort of report.
    #[schemars(extend("x-plumb" = {"default": "BASIC", "why": "databricks-sdk-py pipelines.TikTokAdsOptionsTikTokAdsCustomReportOptions: BASIC unless set"}))]
    pub report_type: Option<TikTokReportType>,
}

/// What a row of TikTok Ads is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TikTokDataLevel {
    #[serde(rename = "AUCTION_AD")]
    AuctionAd,
    #[serde(rename = "AUCTION_ADGROUP")]
    AuctionAdgroup,
    #[serde(rename = "AUCTION_ADVERTISER")]
    AuctionAdvertiser,
    #[serde(rename = "AUCTION_CAMPAIGN")]
    AuctionCampaign,
}

/// The sort of a report of TikTok Ads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum TikTokReportType {
    #[serde(rename = "AUDIENCE")]
    Audience,
    #[serde(rename = "BASIC")]
    Basic,
    #[serde(rename = "BUSINESS_CENTER")]
    BusinessCenter,
    #[serde(rename = "DSA")]
    Dsa,
    #[serde(rename = "GMV_MAX")]
    GmvMax,
    #[serde(rename = "PLAYABLE_AD")]
    PlayableAd,
}
