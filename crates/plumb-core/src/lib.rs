//! What plumb decides. Pure: no file, no clock, no environment, no network, and nothing that waits. What was read comes in as
//! data, and calls, texts and decisions go out as data; the crate's dependencies see to it.
//!
//! A room uses only those before it: detect, logs, runs, kinds, code, manifest, parity, teardown, cost, cutover, plan, writeback,
//! inventory, translate, diagnose, migrate, render, schemas, import.

// What tests of this crate and of `plumb` share names it as the latter does.
#[cfg(test)]
extern crate self as plumb_core;

pub mod code;
pub mod cost;
pub mod cutover;
pub mod detect;
pub mod diagnose;
pub mod import;
pub mod inventory;
pub mod kinds;
pub mod logs;
pub mod manifest;
pub mod migrate;
pub mod parity;
pub mod plan;
pub mod render;
pub mod runs;
pub mod schemas;
pub mod teardown;
pub mod translate;
pub mod writeback;
