//! The emulated EMR, EMR Serverless and STS: how clusters live by the clock, the ready-made account by plumb's own client
//! and binary, and the real boto3.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "emr_sandbox/account.rs"]
mod account;
#[path = "emr_sandbox/boto3.rs"]
mod boto3;
#[path = "emr_sandbox/life.rs"]
mod life;
#[path = "emr_sandbox/server.rs"]
mod server;
#[path = "emr_sandbox/wire.rs"]
mod wire;
