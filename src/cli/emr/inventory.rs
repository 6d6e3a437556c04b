//! `plumb emr inventory`.

use super::super::reading::counted_by;
use super::{connect, failed};
use crate::cli::output::{Forms, Output};
use crate::cli::session::Project;
use crate::cli::time::day;
use crate::cli::{Global, Targeted};
use crate::observe::inventory as reading;
use crate::ui::{ExitCode, Failure, Progress, Ui};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use plumb_core::cost::book::Prices;
use plumb_core::inventory::{self, ReadLimits};
use plumb_core::migrate::exit;
use plumb_core::render;
use plumb_core::translate::{TranslationOptions, supported};

/// List the EMR inventory of an AWS account: pipelines, what they run, how long, and what they depend on
///
/// Clusters whose names differ only in dates and serials are one pipeline. All clusters are listed that AWS still knows:
/// it forgets a terminated one after about two months. More is asked of clusters that live and of the newest of each
/// pipeline, as EMR gives out few requests: the inventory says what was not asked. Secrets in arguments and
/// configurations are hidden.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb emr inventory --target prod
  plumb emr inventory --target prod --since 2026-09-01
  plumb emr inventory --target prod --runs 60
  plumb emr inventory --target prod --output html --out emr.html
  plumb emr inventory --output json | jq '.pipelines[] | {name, depends}'")]
pub struct Inventory {
    /// Only clusters and job runs created on this day (UTC) or later
    #[arg(long, value_name = "DATE")]
    since: Option<Date>,
    /// Read the steps of so many of the newest clusters of each pipeline; what else is known of older ones is in the listing
    #[arg(long, value_name = "N", default_value_t = ReadLimits::default().runs, value_parser = at_least_one)]
    runs: usize,
    /// Ask more than the listing says of so many pipelines: of those that live, then of those with the most hours
    #[arg(long, value_name = "N", default_value_t = ReadLimits::default().pipelines, value_parser = at_least_one)]
    max_pipelines: usize,
    #[command(flatten)]
    targeted: Targeted,
    #[command(flatten)]
    output: Output<InventoryForm>,
}

/// The forms of an inventory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum InventoryForm {
    #[default]
    Text,
    Json,
    Html,
}

impl Forms for InventoryForm {}

/// Reads the account and lists what is there.
pub async fn run(global: &Global, args: Inventory, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let since = args.since.map(|date| date.to_zoned(TimeZone::UTC).map(|day| day.timestamp())).transpose();
    let since = since.map_err(|e| Failure::usage(format!("--since: {e}")))?;
    let connected = connect(&project, ui).await?;
    let service = connected.emr.clone();
    let now = Timestamp::now();
    let progress = ui.progress();
    let watch = InventoryProgress(&*progress);
    let limits = ReadLimits { runs: args.runs, pipelines: args.max_pipelines };
    let reading = reading::read(service.clone(), since, limits, now, &watch);
    let read = counted_by(&service.requests(), &*progress, reading).await;
    let account = read.map_err(failed)?;
    let inventory = inventory::inventory(&connected.account, service.region(), now, since, &account);
    let prices = Prices::of_target(&project.desired).unwrap_or_else(|why| {
        ui.warn(&format!("nothing is priced: {why}"));
        None
    });
    let mut options = TranslationOptions::new(supported(day(now)));
    options.answers = project.desired.project.answers.clone().unwrap_or_default();
    let report = exit::report(inventory, &account, &options, prices.as_ref());
    let text = match args.output.output {
        InventoryForm::Text => render::emr::text(&report, ui.width),
        InventoryForm::Json => render::emr::json(&report).map_err(|e| Failure::error(e.to_string()))?,
        InventoryForm::Html => render::emr::html(&report),
    };
    args.output.write(&text, ui)?;
    let unread = report.inventory.unread.len();
    if unread > 0 {
        ui.warn(&format!("{unread} of AWS's answers are missing; the inventory says which"));
    }
    Ok(ExitCode::Ok)
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "expected a number from 1".to_owned())
}

/// Shows how far a reading has got.
pub struct InventoryProgress<'a>(pub &'a dyn Progress);

impl reading::InventoryWatch for InventoryProgress<'_> {
    fn listed(&self, _what: &str, count: usize) {
        self.0.listed(count);
    }
}
