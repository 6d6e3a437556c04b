//! The translation from EMR to manifests: as text, against the rules of the kinds, on the sandbox, and as laws.
//!
//! `tests/offline/translate/spark-submit/TOPIC.json` are command lines, `TOPIC.txt` is what becomes of each.
//! `tests/offline/translate/clusters/CASE.json` is what EMR's API says, `CASE.yaml` are the manifests, `CASE.md` is the report.
//! `tests/offline/translate/corpus/NAME/` are whole pipelines, from requests as they are written to all that comes of them.
//! `PLUMB_BLESS=1 cargo test --test offline translate` writes the texts anew: read the difference before it is committed.

use crate::translations as cases;
mod corpus;
mod files;
mod golden;
mod independent;
mod lawful;
mod lights;
mod pipelines;
mod sandbox;
mod team;
mod told;
