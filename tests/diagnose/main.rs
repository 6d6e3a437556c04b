//! The corpus: whole cases as a user would have them, each with its true cause, and how many of them are diagnosed right.
//!
//! `open` may be read by whoever improves the catalogue. `held` is for scoring: of it nothing is printed but totals.
//! `CORPUS_SHOW=1 cargo test --test diagnose -- --nocapture` lists what is wrong in `open`, `CORPUS_CASE=NAME` shows one.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod corpus;
