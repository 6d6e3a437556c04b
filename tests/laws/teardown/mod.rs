//! The teardown of EMR's resources, from manifests to what is live, on the emulated Databricks, Airflow
//! and EMR (docs/emr-teardown.md says what has to hold).

mod account;
mod kept;
mod races;
mod random;
mod rest;
mod stages;
mod unfaithful;
mod unread;
