//! Reading what a teardown is about, and what its gates look at.
//!
//! Of a kind that others make, listings say little, so what a manifest matches is read singly. Runs are read only of jobs
//! that something live waits for: once all is gone, a tombstone costs one page.

use super::again::read_one;
use super::{WIDTH, is_refused, joined, refusal};
use crate::services::{self, Services};
use plumb_core::kinds::teardown::{RunEnd, SuccessorKind, TeardownManifest};
use plumb_core::kinds::teardown_spec::Outcome;
use plumb_core::kinds::{self, Kind, Unreadable, Whose};
use plumb_core::manifest::Desired;
use plumb_core::plan::{Live, Selection};
use plumb_model::address::Address;
use plumb_model::call::ServiceError;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

/// Completes what the manifests of teardowns match.
pub(super) async fn complete(
    services: &Services,
    managed: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), ServiceError> {
    // What a gate of one that is selected waits for may be what another one is about.
    old(services, managed, desired, &Selection::default(), live).await?;
    runs(services, desired, selection, live).await
}

/// The same without the runs that their gates look at; of the manifests that are selected.
pub(super) async fn old(
    services: &Services,
    managed: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), ServiceError> {
    let selected = desired.resources.iter().filter(|r| selection.has(r));
    let teardowns: Vec<(&str, &TeardownManifest)> =
        selected.filter_map(|r| Some((r.kind.name(), r.teardown.as_ref()?))).collect();
    for kind in managed.iter().copied() {
        let Some(teardown) = kinds::teardown::find(kind.name()) else { continue }; // What uses a thing, only the users say, each of them.
        let are_users = teardowns
            .iter()
            .filter_map(|(_, manifest)| manifest.kind.goes_after())
            .any(|after| after.kind == kind.name() && after.uses.is_some());
        let is_wanted = |id: &str, name: &str| {
            let may_match = |(of, manifest): &(&str, &TeardownManifest)| {
                *of == kind.name() && manifest.spec.matches.may_match(id, name)
            };
            are_users || teardowns.iter().any(may_match)
        };
        let listed = live.of(kind.name()).iter().filter(|found| teardown.old(&found.seen.whole()).is_none());
        let wanted: Vec<String> = listed
            .filter(|f| is_wanted(&f.seen.id, f.seen.spec()["name"].as_str().unwrap_or_default()))
            .map(|f| f.seen.id.clone())
            .collect();
        if wanted.is_empty() {
            continue;
        }
        singly(services, kind, wanted, live).await?;
    }
    Ok(())
}

/// Reads each of them whole. What went meanwhile is left out; what cannot be read is kept as such.
async fn singly(
    services: &Services,
    kind: &'static dyn Kind,
    ids: Vec<String>,
    live: &mut Live,
) -> Result<(), ServiceError> {
    let mut left = ids.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < WIDTH
            && let Some(id) = left.next()
        {
            let services = services.clone();
            running.spawn(async move {
                let found = read_one(&services, kind, &id, None, &json!({})).await;
                (id, found)
            });
        }
        let Some(done) = running.join_next().await else { return Ok(()) };
        let (id, found) = joined(done)?;
        let Some(list) = live.kinds.get_mut(kind.name()) else { continue };
        let Some(index) = list.iter().position(|f| f.seen.id == id) else { continue };
        let why = match found {
            Ok(Some(Ok(found))) => {
                list[index] = found;
                continue;
            }
            Ok(None) => {
                list.remove(index);
                continue;
            }
            Ok(Some(Err(unreadable))) => unreadable.why,
            Err(fault) if is_refused(&fault) => refusal(fault),
            Err(fault) => return Err(fault),
        };
        let title = list.remove(index).seen.spec()["name"].as_str().unwrap_or_default().to_owned();
        let what = format!("{} {id} \"{title}\"", kind.noun());
        let one = Unreadable { what, why, id: Some(id), title: Some(title), whose: Whose::Unknown };
        live.cannot_read(kind, one);
    }
}

/// Reads how the last runs ended of the jobs that something live waits for.
async fn runs(
    services: &Services,
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), ServiceError> {
    let mut wanted: BTreeMap<Address, u32> = BTreeMap::new();
    for resource in desired.resources.iter().filter(|r| selection.has(r)) {
        let Some(teardown) = resource.teardown.as_ref().filter(|t| t.spec.desired == Outcome::Teardown) else {
            continue;
        };
        let mut olds = live.of(resource.kind.name()).iter().filter_map(|found| teardown.kind.old(&found.seen.whole()));
        if !olds.any(|old| teardown.is_about(&old)) {
            continue;
        }
        let rules = teardown.spec.gates();
        let runs = rules.requires.as_ref().and_then(|r| r.green_runs).unwrap_or(0);
        for address in rules.replaced_by.unwrap_or_default().into_iter().filter_map(|a| Address::try_from(a).ok()) {
            let most = wanted.entry(address).or_insert(0);
            *most = runs.max(*most);
        }
    }
    for wave in plumb_core::cutover::wave::waves(desired).iter().filter(|wave| wave.cutover.is_some()) {
        for member in &wave.members {
            let runs = member.spec.requires.as_ref().and_then(|requires| requires.green_runs).unwrap_or(0);
            for job in &member.jobs {
                let most = wanted.entry(job.address.clone()).or_insert(0);
                *most = runs.max(*most);
            }
        }
    }
    let mut owned: BTreeMap<Address, Vec<String>> = BTreeMap::new();
    for kind in wanted.keys().map(|a| a.kind.clone()).collect::<BTreeSet<_>>() {
        for (address, found) in live.owned(&kind, &desired.project.name, &desired.mark_target()) {
            owned.insert(address, found.iter().map(|f| f.seen.id.clone()).collect());
        }
    }
    for (address, limit) in wanted {
        // Of two objects with one mark neither is believed.
        let Some([id]) = owned.get(&address).map(Vec::as_slice) else { continue };
        let Some(kind) = kinds::teardown::successor(&address.kind) else { continue };
        let ends = match limit {
            0 => Ok(Vec::new()),
            limit => last_runs(services, kind, id, limit).await,
        };
        match ends {
            Ok(ends) => drop(live.runs.insert(id.clone(), ends)),
            // The teardown waits; nothing else has to.
            Err(fault) => drop(live.unread_runs.insert(id.clone(), refusal(fault))),
        }
    }
    Ok(())
}

/// How the last runs of a successor ended, the newest first.
async fn last_runs(
    services: &Services,
    kind: &dyn SuccessorKind,
    id: &str,
    limit: u32,
) -> Result<Vec<RunEnd>, ServiceError> {
    let read = kind.last_runs(id, limit);
    let pages = services::read(&*services.for_system(read.call.system)?, &read).await?;
    Ok(kind.run_ends(&pages))
}
