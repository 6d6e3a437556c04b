//! `plumb prices`.

use super::diagnose::connect;
use super::session::{Project, kept_runs_in};
use super::{Global, Targeted};
use crate::disk::{Disk, replace};
use crate::observe::prices::{dbu_prices, node_prices};
use crate::services::databricks::statements::Statements;
use crate::services::databricks::warehouse::Warehouse;
use crate::services::emr::EmrSettings;
use crate::services::{Aws, Emr, aws};
use crate::settings;
use crate::ui::{ExitCode, Failure, Ui};
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use plumb_core::cost::facts::RUNS_FOLDER;
use plumb_core::cost::fetch::{FetchedPrices, book_text, measured_rates, types_in_use};
use plumb_core::kinds::prices::{PriceBook, PriceBookSpec, SkuPrices};
use plumb_model::call::{Service, System};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Write down what nodes and DBUs cost, for `plumb cost`
#[derive(Args)]
#[command(after_help = "Examples:
  plumb prices fetch --target prod      a PriceBook of the node types in use")]
pub struct PricesArgs {
    #[command(subcommand)]
    command: PricesCommand,
}

#[derive(Subcommand)]
enum PricesCommand {
    Fetch(PricesFetch),
}

/// Write a PriceBook of the node types in use
///
/// The types are those of kept runs and of the clusters of jobs. AWS's price list says what they cost on demand and what EMR
/// adds, about two requests a type; it takes `pricing:GetProducts`. Where the target names a SQL warehouse
/// (`databricks.warehouse`), `system.billing.list_prices` says what a DBU costs. What no service says stands there as `# PRICE:`, for a person.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb prices fetch --target prod
  plumb prices fetch --target prod --force      look the prices up again
  plumb prices fetch --type m5.xlarge --region eu-central-1 --out -")]
struct PricesFetch {
    /// File of the project to write; `-`: stdout
    #[arg(long, value_name = "FILE", default_value = "manifests/prices.yaml")]
    out: PathBuf,
    /// AWS region of the prices [default: the target's `emr.region`]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Also this node type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Plan of the Databricks workspace
    #[arg(long, value_name = "PLAN", default_value = "premium")]
    plan: String,
    /// Overwrite the file: prices that were looked up are new, what people wrote stays
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    targeted: Targeted,
}

/// Runs the command below `plumb prices`.
pub async fn run(global: &Global, args: PricesArgs, ui: &Ui) -> Result<ExitCode, Failure> {
    let PricesCommand::Fetch(args) = args.command;
    fetch(global, args, ui).await
}

async fn fetch(global: &Global, args: PricesFetch, ui: &Ui) -> Result<ExitCode, Failure> {
    let project = Project::load(global, &args.targeted, ui)?;
    let target = &project.desired.target;
    if target.sandbox {
        let failure = Failure::error(format!("target {} is the sandbox, which has no price list", target.name));
        return Err(failure.hint("name a target with `emr`"));
    }
    let (now, _) = settings::now().map_err(Failure::error)?;
    let of_target = target.emr.as_ref().and_then(|emr| emr.region.clone());
    let region = args.region.clone().or(of_target).ok_or_else(|| {
        Failure::usage(format!("which region is not known: target {} has no `emr.region`", target.name))
            .hint("add it in plumb.yaml, or name one with --region")
    })?;
    let to_stdout = args.out.as_os_str() == "-";
    let path = project.dir.join(&args.out);
    let existing = if to_stdout { None } else { existing(&path)? };
    let failed = |e: String| Failure::error(format!("{RUNS_FOLDER}: {e}"));
    let disk = Disk::new(&project.dir).map_err(|e| failed(e.to_string()))?;
    let kept = kept_runs_in(&disk, RUNS_FOLDER).map_err(failed)?;
    for note in kept.notes() {
        ui.warn(&note);
    }
    let kept: Vec<_> = kept.runs().into_iter().filter(|kept| kept.target == target.name).collect();
    let mut types = types_in_use(&kept, &project.desired.resources);
    types.extend(args.types.iter().cloned());
    if types.is_empty() {
        let failure = Failure::error("no node type is in use: no run is kept, and no job has a cluster of its own");
        return Err(failure.hint("`plumb cost --keep evidence/runs` keeps runs; --type names one"));
    }
    let emr = price_list(&project, &region)?;
    let nodes = node_prices(&emr, &types, &region).await.map_err(|fault| {
        Failure::error(format!("reading the price list failed: {fault}"))
            .hint("it takes `pricing:GetProducts`; nothing was written")
    })?;
    let found = FetchedPrices {
        region,
        today: now.to_zoned(TimeZone::UTC).date().to_string(),
        plan: args.plan.clone(),
        nodes,
        skus: list(&project, &args.plan, ui).await,
        rates: measured_rates(&kept),
    };
    let known = existing.as_ref().map(|(_, spec)| spec);
    if let Some(other) = known.filter(|spec| spec.region != found.region) {
        let what = format!("{} has prices of {}, not of {}", path.display(), other.region, found.region);
        return Err(Failure::error(what).hint("name another file with --out: a book has one region"));
    }
    let text = book_text(&found, known);
    if to_stdout {
        ui.data(&text)?;
        return Ok(ExitCode::Ok);
    }
    if let Some((before, _)) = &existing
        && !args.force
    {
        if *before == text {
            ui.status(&format!("{} is up to date", args.out.display()));
            return Ok(ExitCode::Ok);
        }
        let failure = Failure::error(format!("{} is there already; nothing was written", args.out.display()));
        return Err(failure.detail(difference(before, &text)).hint("--force writes it: what people wrote stays"));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| Failure::error(format!("{}: {e}", folder.display())))?;
    }
    replace(&path, &text).map_err(|e| Failure::error(format!("{}: {e}", path.display())))?;
    let open = text.lines().filter(|line| line.trim_start().starts_with("# PRICE:")).count();
    ui.status(&format!(
        "wrote {}: {} node types, {open} prices to fill in (`# PRICE:`)",
        args.out.display(),
        types.len()
    ));
    Ok(ExitCode::Ok)
}

/// The file as it is, with what it says. One that is no price book is not written over.
fn existing(path: &Path) -> Result<Option<(String, PriceBookSpec)>, Failure> {
    #[derive(Deserialize)]
    struct PriceFile {
        kind: String,
        spec: PriceBookSpec,
    }
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Failure::error(format!("{}: {e}", path.display()))),
    };
    match serde_yaml::from_str::<PriceFile>(&text) {
        Ok(file) if file.kind == PriceBook::NAME => Ok(Some((text, file.spec))),
        _ => Err(Failure::error(format!("{} is not one {} alone; nothing was sent", path.display(), PriceBook::NAME))
            .hint("name another file with --out")),
    }
}

/// The price list, as the target's credentials reach it. It is asked about any region.
fn price_list(project: &Project, region: &str) -> Result<Arc<dyn Service>, Failure> {
    let target = &project.desired.target;
    let env: aws::Env = Arc::new(settings::env);
    let failed = |e: aws::AwsError| Failure::error(format!("target {}: {e}; nothing was sent", target.name));
    let aws = Aws::new(env.clone(), &aws::Files::read(&env)).map_err(failed)?;
    let emr = Emr::new(aws, &EmrSettings { region: Some(region.to_owned()), account: None, pace: project.pace })
        .map_err(failed)?;
    Ok(Arc::new(emr))
}

/// What a DBU costs by the list, where the target names a warehouse; why it was not read.
async fn list(project: &Project, plan: &str, ui: &Ui) -> Option<Result<(SkuPrices, Vec<String>), String>> {
    let warehouse = project.desired.target.databricks.as_ref()?.warehouse.clone()?;
    let read = async {
        let reached = connect::reach(project, ui).await.map_err(|failure| failure.message)?;
        let service = reached.services.services.for_system(System::Databricks).map_err(|e| e.to_string())?;
        let found = Warehouse::find(&*service, &warehouse).await.map_err(|e| e.to_string())?;
        let statements = Statements::new(service, found);
        dbu_prices(&statements, plan).await.map_err(|e| e.to_string())
    };
    Some(read.await)
}

/// The lines that would go and those that would come.
fn difference(before: &str, after: &str) -> String {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = before.iter().filter(|line| !after.contains(line)).map(|line| format!("- {line}\n"));
    let new = after.iter().filter(|line| !before.contains(line)).map(|line| format!("+ {line}\n"));
    gone.chain(new).collect()
}
