//! Where each pipeline of a migration stands, what is wrong with it, and when all will be done. Everything is read off git,
//! live state, runs and evidence; nothing is typed in. Uses cutover, plan, inventory and cost; knows no service and no clock.

pub mod forecast;
pub mod stage;
