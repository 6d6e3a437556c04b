//! Numbers that are known, and how well: money, intervals, exact bounds, values that were seen, draws from a seed. Pure, and
//! without a number of its own: whoever asks brings what was seen.

pub mod exact;
pub mod interval;
pub mod money;
pub mod order;

pub use interval::Interval;
pub use money::Money;
pub use order::SeenValues;
