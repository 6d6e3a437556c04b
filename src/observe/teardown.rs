//! Reading what is to be taken down, and what its gates look at.
//!
//! Of a kind that others make, listings say little, so what a manifest matches is read singly. Runs are read only of jobs
//! that something live waits for: once all is gone, a tombstone costs one page.

use super::{WIDTH, is_refused, joined, read_one, refusal};
use crate::services::{self, Services};
use plumb_core::kinds::emr::ladder::{LadderSpec, Outcome};
use plumb_core::kinds::emr::old::Old;
use plumb_core::kinds::{Kind, Role, Unreadable, Whose};
use plumb_core::manifest::Desired;
use plumb_core::plan::teardown::RunEnd;
use plumb_core::plan::{Live, Selection};
use plumb_model::address::Address;
use plumb_model::call::{Call, Fault, System};
use plumb_model::read::Read;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use tokio::task::JoinSet;

/// Completes what the manifests of ladders match.
pub(super) async fn complete(
    services: &Services,
    kinds: &[&'static dyn Kind],
    desired: &Desired,
    selection: &Selection,
    live: &mut Live,
) -> Result<(), Fault> {
    let ladders: Vec<(&'static dyn Kind, LadderSpec)> = desired
        .resources
        .iter()
        .filter(|r| r.kind.role() == Role::Ladder)
        .map(|r| (r.kind, LadderSpec::of(&r.spec)))
        .collect();
    // Which clusters a security configuration is used by, only the clusters say.
    let all_clusters = ladders.iter().any(|(kind, _)| kind.name() == "EmrSecurityConfiguration");
    for kind in kinds.iter().copied().filter(|k| k.role() == Role::Ladder) {
        let is_wanted = |id: &str, name: &str| {
            (all_clusters && kind.name() == "EmrCluster")
                || ladders.iter().any(|(k, spec)| k.name() == kind.name() && spec.matches.may_match(id, name))
        };
        let listed = live.of(kind.name()).iter().filter(|found| Old::of(&found.seen).is_none());
        let wanted: Vec<String> = listed
            .filter(|f| is_wanted(&f.seen.id, f.seen.spec["name"].as_str().unwrap_or_default()))
            .map(|f| f.seen.id.clone())
            .collect();
        if wanted.is_empty() {
            continue;
        }
        singly(services, kind, wanted, live).await?;
    }
    runs(services, desired, selection, live).await
}

/// Reads each of them whole. What went meanwhile is left out; what cannot be read is kept as such.
async fn singly(services: &Services, kind: &'static dyn Kind, ids: Vec<String>, live: &mut Live) -> Result<(), Fault> {
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
        let title = list.remove(index).seen.spec["name"].as_str().unwrap_or_default().to_owned();
        let what = format!("{} {id} \"{title}\"", kind.noun());
        let one = Unreadable { what, why, id: Some(id), title: Some(title), whose: Whose::Unknown };
        live.cannot_read(kind, one);
    }
}

/// Reads how the last runs ended of the jobs that something live waits for.
async fn runs(services: &Services, desired: &Desired, selection: &Selection, live: &mut Live) -> Result<(), Fault> {
    let mut wanted: BTreeMap<Address, u32> = BTreeMap::new();
    for resource in desired.resources.iter().filter(|r| r.kind.role() == Role::Ladder && selection.has(r)) {
        let spec = LadderSpec::of(&resource.spec);
        let olds = live.of(resource.kind.name()).iter().filter_map(|found| Old::of(&found.seen));
        let matches = |old: &Old| spec.matches.matches(&old.id, &old.name, &old.tags);
        if spec.desired != Outcome::Teardown || !olds.into_iter().any(|old| matches(&old)) {
            continue;
        }
        let rules = spec.gates();
        let runs = rules.requires.as_ref().and_then(|r| r.green_runs).unwrap_or(0);
        for address in rules.replaced_by.unwrap_or_default().into_iter().filter_map(|a| Address::try_from(a).ok()) {
            let most = wanted.entry(address).or_insert(0);
            *most = runs.max(*most);
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
        let ends = match limit {
            0 => Ok(Vec::new()),
            limit => last_runs(services, id, limit).await,
        };
        match ends {
            Ok(ends) => drop(live.runs.insert(id.clone(), ends)),
            // The teardown waits; nothing else has to.
            Err(fault) => drop(live.unread_runs.insert(id.clone(), refusal(fault))),
        }
    }
    Ok(())
}

/// How the last runs of a job ended, the newest first (Jobs API 2.2, `runs/list`: "sorted by start time, newest first").
async fn last_runs(services: &Services, job: &str, limit: u32) -> Result<Vec<RunEnd>, Fault> {
    let call = Call::get(System::Databricks, "/api/2.2/jobs/runs/list")
        .query("job_id", job)
        .query("completed_only", "true")
        .query("limit", limit.to_string());
    let pages = services::read(&*services.for_system(System::Databricks)?, &Read::single(call)).await?;
    let rows = pages.iter().filter_map(|page| page["runs"].as_array()).flatten();
    Ok(rows.map(run_end).collect())
}

fn run_end(run: &Value) -> RunEnd {
    let text = |pointer: &str| run.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let result = text("/state/result_state").or_else(|| text("/status/termination_details/code"));
    let result =
        result.or_else(|| text("/state/life_cycle_state")).unwrap_or_else(|| "in a way that it does not say".into());
    RunEnd { id: run["run_id"].to_string(), green: result == "SUCCESS", result }
}
