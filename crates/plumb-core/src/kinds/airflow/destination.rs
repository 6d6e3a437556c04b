//! Where DAG files are written, as `airflow.dags` of a target says it.

use std::fmt;

/// A place for DAG files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A folder; a relative one is below that of the project file.
    Folder(String),
    /// A bucket of S3, or of a store that speaks its protocol.
    S3 {
        bucket: String,
        /// What all names begin with: `dags/`, or nothing.
        prefix: String,
    },
}

/// Why a text names no place, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {fix}")]
pub struct Unusable {
    pub what: String,
    pub fix: String,
}

/// What `airflow.dags` may be.
const PLACES: &str = "expected a folder, or `s3://BUCKET/PREFIX`";

impl Destination {
    /// Reads the setting.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        let wrong = |what: &str, fix: &str| Err(Unusable { what: format!("`{text}` {what}"), fix: fix.to_owned() });
        if text.trim().is_empty() {
            return wrong("names no place", PLACES);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            // One letter is a drive.
            let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
            if scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric()) {
                return wrong("is neither a URL nor a path", PLACES);
            }
            if text == "~" || text.starts_with("~/") {
                return wrong("begins with `~`, which only shells know", "write the whole path of the folder");
            }
            return Ok(Destination::Folder(text.to_owned()));
        };
        match scheme {
            "s3" | "s3a" | "s3n" => {}
            "gs" | "gcs" | "abfs" | "abfss" | "az" | "wasbs" => {
                let fix = "name a folder that is mounted from it or copied to it, or `s3://BUCKET/PREFIX`";
                return wrong("is an object store that plumb cannot write to", fix);
            }
            "file" => return wrong("is written as a URL", "write the folder's path alone"),
            _ => return wrong("is no place for DAG files", PLACES),
        }
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            // Not echoed: what stands before the `@` is usually a secret.
            let what = "credentials don't belong into the address of DAG files".to_owned();
            return Err(Unusable { what, fix: "plumb finds them where the AWS CLI does".to_owned() });
        }
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let plain = bucket.chars().all(|c| letter(c) || c == '-' || c == '.');
        if !plain || !(3..=63).contains(&bucket.len()) || !bucket.starts_with(letter) || bucket.contains("..") {
            // Amazon S3 user guide, "General purpose bucket naming rules".
            let fix = "bucket names have 3 to 63 small letters, digits, `-` and `.`";
            return wrong("names no bucket", fix);
        }
        let prefix = prefix.trim_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if !prefix.is_empty() && (prefix.split('/').any(odd) || prefix.contains(['?', '#', '\\'])) {
            return wrong("has a prefix that is none", "write it as a path: `s3://BUCKET/team/dags`");
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Destination::S3 { bucket: bucket.to_owned(), prefix })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Folder(path) => f.write_str(path),
            Destination::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_and_a_url_a_bucket() {
        for path in ["dags", "./dags", "/opt/airflow/dags", r"C:\dags", "../s3:/dags"] {
            assert_eq!(Destination::read(path), Ok(Destination::Folder(path.to_owned())));
        }
        for (text, whole) in [
            ("s3://my-bucket", "s3://my-bucket/"),
            ("s3://my.bucket/", "s3://my.bucket/"),
            ("s3://abc/dags", "s3://abc/dags/"),
            ("s3a://abc//team a/dags//", "s3://abc/team a/dags/"),
        ] {
            assert_eq!(Destination::read(text).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn what_is_no_place_is_said_with_what_is_one() {
        for (text, says) in [
            ("", "expected a folder, or `s3://BUCKET/PREFIX`"),
            ("~/dags", "write the whole path"),
            ("gs://bucket/dags", "cannot write to; name a folder"),
            ("abfss://dags@account.dfs.core.windows.net", "cannot write to; name a folder"),
            ("https://bucket.s3.amazonaws.com", "expected a folder, or `s3://"),
            ("file:///dags", "path alone"),
            ("s3:/bucket/dags", "neither a URL nor a path; expected a folder"),
            ("s3://", "names no bucket"),
            ("s3://Bucket/x", "small letters"),
            ("s3://arn:aws:s3:eu-west-1:1:accesspoint/x", "names no bucket"),
            ("s3://abc/../x", "a prefix that is none"),
            ("s3://abc/x?versionId=1", "a prefix that is none"),
        ] {
            let why = Destination::read(text).unwrap_err().to_string();
            assert!(why.contains(says), "{text}: {why}");
        }
        let why = Destination::read("s3://AKIA1:hunter22@bucket/x").unwrap_err().to_string();
        assert!(!why.contains("hunter22") && why.contains("credentials"), "{why}");
    }
}
