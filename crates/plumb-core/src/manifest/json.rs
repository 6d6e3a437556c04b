//! JSON files of the project, read so that an error says where it is and never what stands there.
//!
//! serde_json's own messages quote what they found. A file of a checkout may be something else than its name says (a link to
//! credentials that a step of the pipeline wrote), and messages go into comments and logs.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// Reads JSON. The error is made of places, and of names that the program has, not of the text.
pub fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|e| {
        let at = format!("line {}, column {}", e.line(), e.column());
        match e.classify() {
            Category::Eof => format!("it is no JSON: it ends too early, at {at}"),
            Category::Syntax | Category::Io => format!("it is no JSON: {at}"),
            Category::Data => match own_words(&e.to_string()) {
                Some(words) => format!("{words}, {at}"),
                None => format!("a value of another kind was expected, {at}"),
            },
        }
    })
}

/// The part of a message that names a member of ours, or a type that it wants.
fn own_words(message: &str) -> Option<String> {
    if let Some(rest) = message.strip_prefix("missing field `") {
        // Members that are missing are ours.
        return Some(format!("`{}` is missing", rest.split_once('`')?.0));
    }
    let wanted = message.strip_prefix("invalid type: ")?.rsplit_once(", expected ")?.1;
    let wanted = wanted.rsplit_once(" at line ").map_or(wanted, |(wanted, _)| wanted);
    let plain = wanted.len() <= 40 && wanted.chars().all(|c| c.is_ascii_alphanumeric() || c == ' ');
    plain.then(|| format!("expected {wanted}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::parity::result::Report;

    #[test]
    fn an_error_names_the_place_and_quotes_nothing() {
        let report = |passed: &str, at: &str| {
            format!(
                r#"{{"format": "plumb.parity/v1", "migration": "a", "period": "p", "passed": {passed}, "checked_at": "{at}"}}"#
            )
        };
        const NOW: &str = "2024-06-03T01:00:00Z";
        for (text, wanted) in [
            ("s3cr3t=hunter2".to_owned(), "it is no JSON: line 1, column 1"),
            ("{\"s3cr3t\": hunter2".to_owned(), "it is no JSON: line 1, column 12"),
            ("{\"s3cr3t\": \"hunter2\"".to_owned(), "it is no JSON: it ends too early, at line 1, column 20"),
            ("\"s3cr3t\"".to_owned(), "expected struct Report, line 1"),
            ("{\"s3cr3t\": 1}".to_owned(), "`format` is missing, line 1, column 13"),
            (report("\"s3cr3t\"", NOW), "expected a boolean, line 1"),
            // The end of the message is the text's own: no word of it is believed.
            (report("\"x\"", NOW).replace("\"x\"", "\"s3cr3t, expected s3cr3t\""), "expected a boolean, line 1"),
            (report("true", "s3cr3t"), "a value of another kind was expected, line 1"),
        ] {
            let error = read_json::<Report>(&text).unwrap_err();
            assert!(error.starts_with(wanted), "{error}: {text}");
            assert!(!error.contains("s3cr3t") && !error.contains("hunter2"), "{error}");
        }
        assert!(read_json::<Report>(&report("true", NOW)).is_ok());
    }
}
