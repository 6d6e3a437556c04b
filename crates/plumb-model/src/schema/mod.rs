//! Field rules, compiled out of the generated schema of each kind.
//!
//! A rule stands on the field it is about, as `#[schemars(extend("x-plumb" = {"default": 1, "why": "…"}))]`. It is read
//! back here, once, so that comparing, merging, hiding and rendering know no kind.

mod filled;
mod path;
mod rule;
mod tree;

pub use filled::{Around, Scope, Values, When};
pub use path::{Path, Segment};
pub use rule::{ADDITIVE, CodeRole, Field, KeyBy, Rule, Rules, Secret, Shape, Type, Unset, compile, mode_member};
pub use tree::{find, graft, graft_all, label};
