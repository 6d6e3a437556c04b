//! Why a run failed.
//!
//! Logs and the answers of services become clues ([`scan`], [`answers`]) by a [`catalogue`] that is data; the [`verdict`] chooses
//! one cause among them, or says that it is not known; a [`remedy`] is a change of a manifest's line. Nothing here reads a file,
//! asks a service or knows the time: `src/logs` and `src/observe/failure` do.

pub mod answers;
pub mod batches;
pub mod catalogue;
pub mod clue;
pub mod facts;
pub mod fingerprint;
pub mod kept;
pub mod months;
pub mod next;
pub mod pipelines;
pub mod remedy;
pub mod result;
pub mod scan;
pub mod verdict;

pub use catalogue::Catalogue;
pub use clue::{Clue, ClueRole};
pub use facts::RunFacts;
pub use result::Diagnosis;
pub use verdict::diagnose;
