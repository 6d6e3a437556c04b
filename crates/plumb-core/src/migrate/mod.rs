//! Where each pipeline of a migration stands, what is wrong with it, and when all will be done. Everything is read off git,
//! live state, runs and evidence; nothing is typed in. Uses cutover, plan, inventory, translate and cost; knows no service and no clock.

pub mod board;
#[cfg(test)]
pub(crate) mod board_tests;
pub mod dates;
pub mod exit;
mod exit_costs;
pub mod facts;
pub mod files;
pub mod forecast;
pub mod health;
pub mod live;
pub mod manifests;
pub mod months;
pub mod periods;
pub mod stage;
pub mod ties;
