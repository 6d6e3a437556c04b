//! Reading what the waves of a target ask for beside listings: the runs of their DAGs, from the day of each on.
//!
//! Before its day a wave costs nothing here.

use super::{WIDTH, joined, of, refusal};
use crate::services::{self, Services};
use jiff::Timestamp;
use plumb_core::cutover::Standing;
use plumb_core::cutover::standing::{WaveState, standing};
use plumb_core::cutover::wave::{Wave, WaveObject, waves};
use plumb_core::kinds::Observed;
use plumb_core::kinds::cutover::{CutoverKind, WaveRuns};
use plumb_core::manifest::Desired;
use plumb_core::plan::{Live, LiveObject};
use plumb_model::call::ServiceError;
use plumb_model::read::Pages;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

/// The waves of a target whose day has come.
pub fn reached(desired: &Desired, now: Timestamp) -> Vec<(Wave<'_>, Timestamp)> {
    let mut reached = Vec::new();
    for wave in waves(desired).into_iter().filter(|wave| wave.cutover.is_some()) {
        if let Some(begins) = wave.begins().filter(|begins| *begins <= now) {
            reached.push((wave, begins));
        }
    }
    reached
}

/// The one live object of a DAG of a wave.
pub fn live_of<'l>(live: &'l Live, desired: &Desired, object: &WaveObject<'_>) -> Option<&'l LiveObject> {
    match of(live, desired, &object.resource.address).as_slice() {
        [one] => Some(one),
        _ => None,
    }
}

/// Reads the runs of the DAGs of every wave whose day has come. What cannot be read is not known, and fails nothing.
pub async fn runs(services: &Services, desired: &Desired, live: &mut Live, now: Timestamp) -> Result<(), ServiceError> {
    let mut wanted: BTreeMap<String, (&'static dyn CutoverKind, Timestamp)> = BTreeMap::new();
    for (wave, begins) in reached(desired, now) {
        if is_over(live, desired, &wave) {
            continue;
        }
        for object in wave.old().chain(wave.new_ones()) {
            if let Some(found) = live_of(live, desired, object) {
                wanted.insert(found.seen.id.clone(), (object.kind, begins));
            }
        }
    }
    let mut left = wanted.into_iter();
    let mut running = JoinSet::new();
    loop {
        while running.len() < WIDTH
            && let Some((id, (kind, since))) = left.next()
        {
            let services = services.clone();
            running.spawn(async move {
                let seen = of_one(&services, kind, &id, since).await;
                (id, seen)
            });
        }
        let Some(done) = running.join_next().await else { return Ok(()) };
        let (id, seen) = joined(done)?;
        live.waves.runs.insert(id, seen);
    }
}

/// Whether a wave is cut over, and all that is left to be known of it is whether it is held.
pub fn is_over(live: &Live, desired: &Desired, wave: &Wave<'_>) -> bool {
    let old = wave.old().map(|object| (object, false));
    let objects: Vec<(&WaveObject<'_>, bool, Option<Observed>)> = old
        .chain(wave.new_ones().map(|object| (object, true)))
        .map(|(object, is_new)| (object, is_new, live_of(live, desired, object).map(|found| found.seen.whole())))
        .collect();
    let states: Vec<WaveState<'_>> = objects
        .iter()
        .map(|(object, is_new, seen)| {
            let live = seen.as_ref().ok_or_else(|| "it is not live".to_owned());
            WaveState { object, is_new: *is_new, live }
        })
        .collect();
    standing(&states, true) == Standing::New
}

async fn of_one(services: &Services, kind: &dyn CutoverKind, id: &str, since: Timestamp) -> Result<WaveRuns, String> {
    let pages = pages(services, kind, id, since).await?;
    kind.runs_seen(&pages, since)
}

/// The pages that show which runs of a DAG are under way, and which began since.
pub async fn pages(
    services: &Services,
    kind: &dyn CutoverKind,
    id: &str,
    since: Timestamp,
) -> Result<Vec<Pages>, String> {
    let mut pages = Vec::new();
    for read in kind.wave_runs(id, since) {
        let service = services.for_system(read.call.system).map_err(|e| e.to_string())?;
        pages.push(services::read(&*service, &read).await.map_err(refusal)?);
    }
    Ok(pages)
}
