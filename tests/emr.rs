//! EMR: the client against moto, which checks signatures and permissions, and the inventory of a seeded account by the
//! real binary. `PLUMB_BLESS=1 cargo test --test emr` writes `tests/emr/golden/` anew.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "emr/client.rs"]
mod client;
#[path = "emr/hostile.rs"]
mod hostile;
#[path = "emr/import.rs"]
mod import;
#[path = "emr/inventory.rs"]
mod inventory;
// Only a part of it is needed here.
#[allow(dead_code)]
#[path = "airflow_dag/moto.rs"]
mod moto;
#[path = "emr/seed.rs"]
mod seed;
#[path = "emr/teardown.rs"]
mod teardown;
#[allow(dead_code)]
#[path = "laws/world.rs"]
mod world;
