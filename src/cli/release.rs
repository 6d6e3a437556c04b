//! `plumb release ADDRESS`.

use super::session::{Decided, Session};
use super::show::{address, kind};
use super::{Global, Targeted};
use crate::apply::ApplyOptions;
use crate::observe;
use crate::ui::{ExitCode, Failure, Ui};
use clap::Args;
use clap_complete::ArgValueCandidates;
use plumb_core::kinds::{Role, Step, UnknownSettings, Verb};
use plumb_core::manifest::Resource;
use plumb_core::plan::secrets::seal;
use plumb_core::plan::unknown::{self, UnknownMembers};
use plumb_core::plan::{Action, Change, Decision, Selection, normal};
use plumb_model::schema::Path;
use serde_json::Value;

/// Take the marks off a live object, and leave the object alone
///
/// From then on plumb takes no notice of it: remove its manifest too, or the next plan will refuse to make another of
/// the same name. An object that its manifest names by `adopt` is not taken over again: the mark `plumb_released` is left
/// on it, and says so.
#[derive(Args)]
#[command(after_help = "Examples:\n  plumb release DatabricksJob/audience-cleanse --target prod")]
pub struct Release {
    /// Address (KIND/NAME) of the resource
    #[arg(add = ArgValueCandidates::new(super::complete::addresses))]
    address: String,
    #[command(flatten)]
    targeted: Targeted,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// Releases the object.
pub async fn run(global: &Global, args: Release, ui: &Ui) -> Result<ExitCode, Failure> {
    let session = Session::open(global, &args.targeted, ui).await?;
    let address = address(&session.project, &args.address)?;
    let kind = kind(&address)?;
    if kind.role() != Role::Object {
        let failure = Failure::usage(format!("{address} makes no object that could be released; nothing was sent"));
        return Err(failure.hint("to take marks for teardown off, set `desired: keep` and apply"));
    }
    let live = session.observe(&Selection::default(), ui).await?;
    let desired = &session.project.desired;
    let unread = observe::unread(&live, desired, &address);
    let found = match observe::carrying(&live, desired, &address).as_slice() {
        _ if !unread.is_empty() => {
            let failure = Failure::error(format!("{address} could not be read: {}", unread[0]));
            return Err(failure.hint("nothing was sent"));
        }
        [one] => match &one.seen.unread {
            None => (*one).clone(),
            Some(why) => {
                let failure = Failure::error(format!("{address} could not be read whole: {why}"));
                return Err(failure.hint("nothing was sent"));
            }
        },
        [] => return Err(Failure::error(format!("no live object carries the mark of {address}"))),
        several => {
            let ids: Vec<&str> = several.iter().map(|f| f.seen.id.as_str()).collect();
            return Err(Failure::error(format!(
                "{} carry the mark of {address}; take it off by hand",
                ids.join(" and ")
            )));
        }
    };
    let id = &found.seen.id;
    let question = format!("Take the mark of {address} off {} {id}?", kind.noun());
    if !args.yes && !ui.confirm(&question)? {
        return Err(Failure::cancelled("nothing was sent"));
    }
    let mut vault = desired.vault.clone();
    let rules = kind.rules();
    let sealed = seal(rules, &found.seen.spec(), &mut vault);
    let supplied = live.supplied();
    let unknown = UnknownMembers::of(rules, &sealed, &supplied, &[]);
    if kind.unknown_settings() == UnknownSettings::Lost && !unknown.kept.is_empty() {
        let names = unknown.paths().join(", ");
        return Err(Failure::error(format!(
            "taking the mark off would lose settings that plumb does not know: {names}"
        ))
        .hint("nothing was sent; use a plumb that knows them"));
    }
    // The settings stay what they are live, known or not; the mark is not among them.
    let mut body = normal::normal(rules, &sealed);
    if kind.unknown_settings() == UnknownSettings::Replaced {
        unknown::carry(rules, &sealed, &mut body, &[], &[], &supplied);
    }
    let is_adopted = |r: &&Resource| r.address == address && r.adopt.as_ref() == Some(id);
    if let (Some(_), Some(mark)) = (desired.resources.iter().find(is_adopted), &found.mark) {
        kind.mark().put_release(&mut body, &mark.owner);
    }
    let changed = [Path::default().key(kind.mark().member())];
    let now = jiff::Timestamp::now();
    let seen = found.seen.whole();
    let step = Step { verb: Verb::Update, live: Some(&seen), body: &body, changed: &changed, now };
    let calls = kind.calls(&step).map_err(|e| Failure::error(e.to_string()))?;
    let read = unknown.basis(&normal::normal(rules, &sealed));
    let change = Change {
        id: Some(id.clone()),
        title: body.get(kind.title()).and_then(Value::as_str).unwrap_or_default().to_owned(),
        calls: calls.into(),
        read: Some(read),
        ..Change::new(address.clone(), Action::Release)
    };
    let decision = Decision::of(desired, vault, vec![change]);
    super::apply::carry_out(&session, Decided { live, decision }, ApplyOptions::default(), ui).await?.ended()
}
