//! The DAG files that plumb writes: as text, as the real Airflow reads them, and on their way there and back.
//!
//! `tests/airflow_dag/cases/NAME.py` is the file that plumb writes for the fixture `tests/kinds/AirflowDag/NAME.yaml`.
//! `PLUMB_WRITE_DAGS=1 cargo test --test airflow_dag` writes the files anew; look at what changed.

// Clippy exempts the tests themselves, not the functions that they share.
#![allow(clippy::unwrap_used)]

#[path = "airflow_dag/cases.rs"]
mod cases;
#[path = "airflow_dag/converge.rs"]
mod converge;
#[path = "airflow_dag/files.rs"]
mod files;
#[path = "airflow_dag/moto.rs"]
mod moto;
#[path = "airflow_dag/real.rs"]
mod real;
#[path = "airflow_dag/s3.rs"]
mod s3;
// The laws' own, of which not all is needed here.
#[allow(dead_code)]
#[path = "laws/world.rs"]
mod world;
