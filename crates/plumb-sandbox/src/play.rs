//! Time, played: the clock stops at everything that is due on the way, in whichever service, so that months pass as they
//! would have passed. Schedules make their runs at their ticks, what tasks start begins then, and ends after its time.

use crate::store::Store;
use crate::{airflow, databricks, emr};

/// At most so many stops are made: a schedule of every minute over years would take for ever. What is left is then passed
/// over, as a scheduler does that was off for a while.
const MOST_STOPS: usize = 50_000;

/// In one instant one thing may lead to another, and so on, so often.
const MOST_IN_ONE: usize = 16;

/// Moves the clock on by so many seconds.
pub(crate) fn advance(store: &mut Store, seconds: i64) {
    let mut now = store.now();
    let end = now.saturating_add(seconds.saturating_mul(1000));
    for _ in 0..MOST_STOPS {
        let next = [airflow::runs::due(store, now), databricks::runs::due(store, now), emr::life::due(store, now)];
        let Some(next) = next.into_iter().flatten().min().filter(|at| *at < end) else { break };
        now = next;
        store.hold(now);
        settle(store);
    }
    store.hold(end);
    settle(store);
    store.go_on(end);
}

/// Lets everything happen that is due now.
fn settle(store: &mut Store) {
    for _ in 0..MOST_IN_ONE {
        databricks::clusters::tick(store);
        databricks::runs::tick(store);
        emr::life::tick(store);
        let before = made(store);
        airflow::runs::tick(store, false);
        if made(store) == before {
            break;
        }
    }
}

/// How many things there are that Airflow's tasks start.
fn made(store: &Store) -> usize {
    let clusters: usize = store.emr.regions.values().map(|region| region.clusters.len()).sum();
    store.databricks.runs.len() + clusters
}
