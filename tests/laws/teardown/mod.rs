//! The ladder by which EMR's resources are taken down, from manifests to what is live, on the emulated Databricks, Airflow
//! and EMR (docs/emr-teardown.md says what has to hold).

mod account;
mod kept;
mod ladder;
mod races;
mod random;
mod rest;
mod unfaithful;
mod unread;
