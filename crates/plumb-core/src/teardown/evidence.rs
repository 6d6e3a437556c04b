//! Reports of comparisons between an old and a new pipeline, as files of the repository.

use crate::manifest::read_json;
use crate::parity::result::{FORMAT, Report};
use crate::parity::signature::{EvidenceSignature, verify};

/// The reports of a repository.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub files: Vec<EvidenceFile>,
    /// Files that are none, and why.
    pub broken: Vec<(String, String)>,
}

/// A report, and the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceFile {
    /// `evidence/audience-2024-05.json`.
    pub path: String,
    pub report: Report,
    pub signature: EvidenceSignature,
}

impl Evidence {
    /// Reads files of reports, each a path and its text. Their signatures are verified with the key, where there is one.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>, key: Option<&str>) -> Evidence {
        Evidence::read(files.into_iter().map(|(path, text)| (path, Ok(text))), key)
    }

    /// The same of files some of which cannot be read. No message quotes a file: it may be something else than a report.
    pub fn read(files: impl IntoIterator<Item = (String, Result<String, String>)>, key: Option<&str>) -> Evidence {
        let mut evidence = Evidence::default();
        for (path, text) in files {
            match text.and_then(|text| read_file(&text, key)) {
                Ok((report, signature)) => evidence.files.push(EvidenceFile { path, report, signature }),
                Err(why) => evidence.broken.push((path, why)),
            }
        }
        evidence.broken.sort();
        evidence
    }

    /// The files about a migration.
    pub fn of<'e>(&'e self, migration: &str) -> impl Iterator<Item = &'e EvidenceFile> {
        self.files.iter().filter(move |file| file.report.migration == migration)
    }
}

fn read_file(text: &str, key: Option<&str>) -> Result<(Report, EvidenceSignature), String> {
    let report = read_json::<Report>(text)?;
    if report.format != FORMAT {
        return Err(format!("its `format` is not `{FORMAT}`, which this plumb reads"));
    }
    Ok((report, verify(&read_json(text)?, key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parity::signature::signed_text;

    const BY_HAND: &str = r#"{"format": "plumb.parity/v1", "migration": "audience", "period": "1", "passed": true,
        "checked_at": "2024-06-03T01:00:00Z", "rows": 17}"#;

    #[test]
    fn what_is_no_report_is_named() {
        let evidence = Evidence::parse(
            [
                ("evidence/b.json".into(), "{}".into()),
                ("evidence/a.json".into(), BY_HAND.replace("/v1", "/v9")),
                ("evidence/c.json".into(), BY_HAND.replace("true,", "true, \"outputs\": [{}],")),
            ],
            None,
        );
        assert!(evidence.files.is_empty());
        assert_eq!(evidence.broken[0].1, "its `format` is not `plumb.parity/v1`, which this plumb reads");
        assert!(evidence.broken[1].1.contains("`format` is missing"), "{:?}", evidence.broken);
        assert!(evidence.broken[2].1.contains("`name` is missing"), "{:?}", evidence.broken);
    }

    #[test]
    fn a_report_that_was_typed_by_hand_is_one() {
        let evidence = Evidence::parse([("evidence/a.json".to_owned(), BY_HAND.to_owned())], Some("key"));
        let [file] = &evidence.files[..] else { panic!("{evidence:?}") };
        assert_eq!((file.report.rules.as_ref(), file.report.dirty, &file.report.commit), (None, false, &None));
        assert_eq!(file.signature, EvidenceSignature::Missing);
        assert_eq!((evidence.of("audience").count(), evidence.of("other").count()), (1, 0));
    }

    #[test]
    fn a_signature_is_verified_where_there_is_a_key() {
        let report: Report = read_json(BY_HAND).unwrap_or_else(|why| panic!("{why}"));
        let text = signed_text(&report, Some("key")).unwrap_or_default();
        for (text, key, wanted) in [
            (text.clone(), Some("key"), EvidenceSignature::Valid),
            (text.clone(), Some("other"), EvidenceSignature::Wrong),
            (text.clone(), None, EvidenceSignature::Unverified),
            (text.replace("\"1\"", "\"2\""), Some("key"), EvidenceSignature::Wrong),
        ] {
            let evidence = Evidence::parse([("evidence/a.json".to_owned(), text)], key);
            assert_eq!(evidence.files[0].signature, wanted, "{key:?}");
        }
    }
}
