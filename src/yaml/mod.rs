//! YAML that remembers where it came from: reading with a position on every value, typed reading that reports every
//! mistake at once, and the mistakes themselves.

mod node;
mod parse;
mod problem;
mod typed;

pub use node::{Entry, Node, Tree};
pub use parse::{Limits, parse};
pub use problem::{File, FileId, Files, Problem, Problems, Span};
pub use typed::read;
