//! Signatures: HMAC-SHA256 (RFC 2104) of a text under a key that both sides have.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The signature of a text.
pub fn sign(key: &str, text: &str) -> Vec<u8> {
    // HMAC takes keys of any length, so there always is one.
    mac(key, text).map_or_else(Vec::new, |mac| mac.finalize().into_bytes().to_vec())
}

/// Whether a signature is that of the text, compared in constant time.
pub fn is_signed(key: &str, text: &str, signature: &[u8]) -> bool {
    mac(key, text).is_some_and(|mac| mac.verify_slice(signature).is_ok())
}

fn mac(key: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).ok()?;
    mac.update(text.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_its_key_and_its_text() {
        // RFC 4231, test case 2.
        let signature = sign("Jefe", "what do ya want for nothing?");
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert!(is_signed("Jefe", "what do ya want for nothing?", &signature));
        assert!(!is_signed("Jeff", "what do ya want for nothing?", &signature));
        assert!(!is_signed("Jefe", "what do ya want for nothing!", &signature));
        assert!(!is_signed("Jefe", "what do ya want for nothing?", &signature[..31]));
        assert!(!is_signed("Jefe", "what do ya want for nothing?", &[]));
    }
}
