//! Logs: what a file is, told from its path, and what the head of a line says.
//!
//! Pure: bytes and paths come in. Nothing here knows what a failure looks like: `diagnose` does. Files are opened, unpacked
//! and fed by `src/logs`.

pub mod head;
pub mod place;

pub use head::{HeadShape, LineHead, LogLevel, head_of, shape_of, time_of};
pub use place::{FileKind, LogPlace, container_parts, place_of};
