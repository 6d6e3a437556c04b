//! The emulated EMR, EMR Serverless and STS: how clusters live by the clock, the ready-made account by plumb's own client
//! and binary, and the real boto3.

mod account;
mod boto3;
mod life;
mod server;
mod wire;
