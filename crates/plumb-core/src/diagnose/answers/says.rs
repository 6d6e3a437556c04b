//! What codes and texts of answers mean: asked of the catalogue, and of nothing else here.

use crate::diagnose::catalogue::Catalogue;
use crate::diagnose::clue::ClueRole;
use crate::diagnose::scan::{FileFindings, FileScan};
use crate::logs::{FileKind, LogPlace};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// What says the meaning of codes and texts. Only tests have another one than the catalogue.
pub(super) trait CodeMeaning {
    /// The class of a code at a place, and its role there.
    fn code(&self, place: &str, code: &str) -> Option<(Arc<str>, ClueRole)>;
    /// The role of a class.
    fn role(&self, class: &str) -> Option<ClueRole>;
    /// What stands in a text. Its lines count from 1.
    fn scan(&self, file: &str, kind: FileKind, text: &str) -> FileFindings;
}

impl CodeMeaning for Catalogue {
    fn code(&self, place: &str, code: &str) -> Option<(Arc<str>, ClueRole)> {
        Catalogue::code(self, place, code).map(|(class, role)| (class.name.clone(), role))
    }

    fn role(&self, class: &str) -> Option<ClueRole> {
        self.class(class).map(|class| class.role)
    }

    fn scan(&self, file: &str, kind: FileKind, text: &str) -> FileFindings {
        let place = LogPlace { kind, ..LogPlace::default() };
        let mut scan = FileScan::new(self, file, place, TimeZone::UTC);
        scan.feed(text.as_bytes());
        scan.finish()
    }
}
