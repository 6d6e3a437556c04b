//! The board of a migration, in every form. The same board gives the same bytes.

mod html;
mod markdown;
mod pictures;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use super::json::shown;
use crate::migrate::board::Board;

/// The board for programs.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(board: &Board) -> Result<String, serde_json::Error> {
    Ok(shown(&format!("{}\n", serde_json::to_string_pretty(board)?)))
}
