//! Small things about texts that several parts need, each once.

mod duration;
mod glob;

pub use duration::seconds;
pub use glob::glob;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986 leaves as it is anywhere in a URL.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A text as one part of a path, a query or a form, whatever is in it: `a/b c` as `a%2Fb%20c`.
pub fn percent_encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Whether a host name means this machine.
pub fn is_loopback(name: &str) -> bool {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || name.ends_with(".localhost")
        || bare.parse::<core::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `1 field was`, `2 fields were`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The text, cut after so many characters where it is longer: `abc…`.
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_an_address_keeps_only_what_rfc_3986_leaves_unreserved() {
        for (text, wanted) in [("a-b._~9", "a-b._~9"), ("a/b c", "a%2Fb%20c"), ("é+%", "%C3%A9%2B%25"), ("", "")] {
            assert_eq!(percent_encoded(text), wanted);
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(shortened("äöü", 3), "äöü");
        assert_eq!(shortened("äöü", 2), "äö…");
    }

    #[test]
    fn only_names_and_addresses_of_this_machine_are_loopback() {
        for yes in ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]", "::1"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in ["", "example.com", "localhost.example.com", "10.0.0.1", "127.0.0.1.nip.io", "0.0.0.0"] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
