//! YAML that remembers where it came from: reading with a position on every value, typed reading that reports every
//! mistake at once, and the mistakes themselves.

mod comments;
pub mod edit;
mod gaps;
mod hidden;
mod layout;
mod node;
mod packed;
mod parse;
mod problem;
mod scalar;
mod suggest;
mod typed;

pub use comments::{Comment, comments};
pub use gaps::Gaps;
pub use hidden::{hides, is_hidden, quoted};
pub use node::{Entry, Node, Tree};
pub use packed::Packed;
pub use parse::{Limits, MOST_DEPTH, parse};
pub use problem::{File, FileId, Files, Problem, Problems, Span};
pub use scalar::{Scalar, resolve};
pub use suggest::{Guesser, nearest};
pub use typed::{UNREAD, is_deferred, read, read_partly};
