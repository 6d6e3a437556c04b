//! `plumb open ADDRESS`.

use super::session::Session;
use super::show::{address, kind};
use super::{Global, Selected, Targeted, interrupt, select};
use crate::observe;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use plumb_core::kinds::{self, Kind, Role};
use plumb_core::plan::Selection;
use plumb_core::render::status::PlanStatus;
use plumb_core::render::value::visible;
use plumb_model::address::Address;
use plumb_model::call::System;
use std::process::{Command, Stdio};

/// The programs that open an address in the browser, and what stands before the address.
const OPENERS: &[(&str, &[&str])] = if cfg!(target_os = "macos") {
    &[("open", &[])]
} else if cfg!(windows) {
    // No shell, for which an address has signs with a meaning.
    &[("rundll32", &["url.dll,FileProtocolHandler"])]
} else {
    &[("xdg-open", &[])]
};

/// Print where a live object can be looked at: its page in Databricks, Airflow or the console of AWS
///
/// A manifest of a teardown may be about several objects: each has a line.
#[derive(Args)]
#[command(after_help = "Examples:
  plumb open load --target prod
  plumb open DatabricksCluster/shared --browser
  plumb open AirflowDag/audience | xargs echo")]
pub struct Open {
    /// Address (KIND/NAME), or a name that only one resource has
    #[arg(add = ArgValueCandidates::new(super::complete::addresses))]
    address: String,
    /// Open it in the browser, too
    #[arg(long, short)]
    browser: bool,
    #[command(flatten)]
    targeted: Targeted,
}

/// Prints the address of the object's page.
pub async fn run(global: &Global, args: Open, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let address = address(&session.project, &args.address)?;
    let kind = kind(&address)?;
    if kind.page().is_none() {
        let paged: Vec<&str> =
            kinds::all().iter().filter(|kind| kind.page().is_some()).map(|kind| kind.name()).collect();
        let failure = Failure::usage(format!("{address} has no page of its own"));
        return Err(failure.hint(format!("kinds that have one: {}", paged.join(", "))));
    }
    let target = &session.project.desired.target.name;
    let ids = interrupt::stoppable(&session, ids(&session, &address, kind, ui)).await?;
    if ids.is_empty() {
        let failure = Failure::error(format!("{address} is not there: nothing in target {target} is its live object"));
        return Err(failure.hint(format!("`plumb plan --target {target}` shows what an apply would make")));
    }
    if ids.len() > 1 && kind.role() != Role::Teardown {
        ui.warn(&format!("{} live objects are of {address}: `plumb plan --target {target}`", ids.len()));
    }
    let links = session.links();
    let pages: Option<Vec<String>> = ids.iter().map(|id| links.live(kind, id)).collect();
    let pages = pages.ok_or_else(|| {
        let failure =
            Failure::error(format!("{address} is live ({}), and the address of its page is not known", ids[0]));
        failure.hint(match kind.system() {
            _ if session.project.desired.target.sandbox => "the emulator inside of a command has no pages",
            System::Emr => "the console of AWS knows nothing of an EMR on this machine",
            _ => "the target does not say where its service is",
        })
    })?;
    for page in &pages {
        ui.data(&format!("{}\n", visible(page)))?;
    }
    if args.browser {
        pages.iter().try_for_each(|page| browse(page))?;
    }
    Ok(ExitCode::Ok)
}

/// The ids of the live objects of an address.
async fn ids(session: &Session, address: &Address, kind: &dyn Kind, ui: &Ui) -> Result<Vec<String>, Failure> {
    let desired = &session.project.desired;
    let has_manifest = desired.resources.iter().any(|r| r.address == *address);
    let (live, mut ids) = if kind.role() == Role::Teardown && has_manifest {
        // What is not marked yet is found by what its manifest matches.
        let only = Selected { only: vec![address.to_string()], ..Selected::default() };
        let mut decided = session.decide(&only, None, ui).await?;
        select::forget(&mut decided.decision.plan);
        let due = PlanStatus::of(&decided.decision.plan).teardown(address).to_vec();
        (decided.live, due)
    } else {
        (session.observe(&Selection::default(), ui).await?, Vec::new())
    };
    ids.extend(observe::of(&live, desired, address).into_iter().map(|found| found.seen.id.clone()));
    // What could not be read whole has its page all the same.
    ids.extend(observe::unread(&live, desired, address).into_iter().filter_map(|one| one.id.clone()));
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Opens an address in the browser.
fn browse(page: &str) -> Result<(), Failure> {
    let mut why = String::new();
    for (program, before) in OPENERS {
        let mut command = Command::new(program);
        command.args(*before).arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        match command.status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => why = format!("{program} ended with {status}"),
            Err(e) => why = format!("{program}: {e}"),
        }
    }
    Err(Failure::error(format!("no browser could be opened: {why}")))
}
