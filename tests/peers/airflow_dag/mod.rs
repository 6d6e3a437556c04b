//! The DAG files that plumb writes: as text, as the real Airflow reads them, and on their way there and back.
//!
//! `tests/peers/airflow_dag/cases/NAME.py` is the file that plumb writes for the fixture `tests/kinds/AirflowDag/NAME.yaml`.
//! `PLUMB_WRITE_DAGS=1 cargo test --test peers airflow_dag` writes the files anew; look at what changed.

use crate::moto;
use crate::world;
mod cases;
mod converge;
pub mod files;
mod real;
mod s3;
