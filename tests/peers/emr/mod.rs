//! EMR: the client against moto, which checks signatures and permissions, and the inventory of a seeded account by the
//! real binary. `PLUMB_BLESS=1 cargo test --test peers emr` writes `tests/peers/emr/golden/` anew.

use crate::moto;
use crate::world;
mod client;
mod cost;
mod hostile;
mod import;
mod inventory;
mod seed;
mod teardown;
