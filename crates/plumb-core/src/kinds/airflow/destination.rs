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
    /// A bucket of Google Cloud Storage.
    Gcs {
        bucket: String,
        /// As of S3.
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
const PLACES: &str = "expected a folder, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`";

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
        let google = match scheme {
            "s3" | "s3a" | "s3n" => false,
            "gs" => true,
            "abfs" | "abfss" | "az" | "wasbs" => {
                let fix =
                    "name a folder that is mounted from it or copied to it, or a bucket of S3 or Google Cloud Storage";
                return wrong("is an object store that plumb cannot write to", fix);
            }
            "gcs" => return wrong("is no scheme of Google Cloud Storage", "write `gs://BUCKET/PREFIX`"),
            "file" => return wrong("is written as a URL", "write the folder's path alone"),
            _ => return wrong("is no place for DAG files", PLACES),
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.contains('@') {
            // Not echoed: what stands before the `@` is usually a secret.
            let what = "credentials don't belong into the address of DAG files".to_owned();
            let fix =
                if google { "plumb finds them in the environment" } else { "plumb finds them where the AWS CLI does" };
            return Err(Unusable { what, fix: fix.to_owned() });
        }
        if google && !is_bucket_of_google(bucket) {
            let fix = "bucket names have 3 to 63 small letters, digits, `-`, `_` and `.`, with dots up to 222 in all";
            return wrong("names no bucket", fix);
        }
        if !google && !is_bucket_of_amazon(bucket) {
            return wrong("names no bucket", "bucket names have 3 to 63 small letters, digits, `-` and `.`");
        }
        let prefix = prefix.trim_matches('/');
        let odd = |part: &str| part.is_empty() || part == "." || part == "..";
        if !prefix.is_empty() && (prefix.split('/').any(odd) || prefix.contains(['?', '#', '\\'])) {
            let scheme = if google { "gs" } else { "s3" };
            return wrong("has a prefix that is none", &format!("write it as a path: `{scheme}://BUCKET/team/dags`"));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let bucket = bucket.to_owned();
        Ok(if google { Destination::Gcs { bucket, prefix } } else { Destination::S3 { bucket, prefix } })
    }
}

fn is_small(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Amazon S3 user guide, "General purpose bucket naming rules".
fn is_bucket_of_amazon(name: &str) -> bool {
    let plain = name.chars().all(|c| is_small(c) || c == '-' || c == '.');
    plain && (3..=63).contains(&name.len()) && name.starts_with(is_small) && !name.contains("..")
}

/// Google Cloud Storage documentation, "About Cloud Storage buckets", bucket names: small letters, digits, dashes,
/// underscores and dots, a letter or a digit at both ends, 3 to 63 characters, or 222 with dots, of which no part has more
/// than 63; no IP address.
fn is_bucket_of_google(name: &str) -> bool {
    let plain = name.chars().all(|c| is_small(c) || matches!(c, '-' | '_' | '.'));
    let longest = if name.contains('.') { 222 } else { 63 };
    let parts = || name.split('.');
    let address = parts().count() == 4 && parts().all(|part| part.parse::<u8>().is_ok());
    plain
        && (3..=longest).contains(&name.len())
        && name.starts_with(is_small)
        && name.ends_with(is_small)
        && parts().all(|part| (1..=63).contains(&part.len()))
        && !address
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Folder(path) => f.write_str(path),
            Destination::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Destination::Gcs { bucket, prefix } => write!(f, "gs://{bucket}/{prefix}"),
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
            ("gs://europe-west1-prod-1a2b-bucket/dags", "gs://europe-west1-prod-1a2b-bucket/dags/"),
            ("gs://my_bucket", "gs://my_bucket/"),
            ("gs://dags.example.com//team a/", "gs://dags.example.com/team a/"),
        ] {
            assert_eq!(Destination::read(text).unwrap().to_string(), whole);
        }
    }

    #[test]
    fn what_is_no_place_is_said_with_what_is_one() {
        for (text, says) in [
            ("", "expected a folder, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`"),
            ("~/dags", "write the whole path"),
            ("az://dags/x", "cannot write to; name a folder"),
            ("gcs://bucket/dags", "write `gs://BUCKET/PREFIX`"),
            ("gs://", "names no bucket"),
            ("gs://Bucket/x", "small letters, digits, `-`, `_` and `.`"),
            ("gs://-bucket", "names no bucket"),
            ("gs://bucket_", "names no bucket"),
            ("gs://my..bucket", "names no bucket"),
            ("gs://127.0.0.1/x", "names no bucket"),
            ("gs://bucket/../x", "write it as a path: `gs://"),
            ("gs://bucket/x#1", "a prefix that is none"),
            ("s3://my_bucket", "names no bucket"),
            ("abfss://dags@account.dfs.core.windows.net", "cannot write to; name a folder"),
            ("https://bucket.s3.amazonaws.com", "expected a folder, `s3://"),
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
        let why = Destination::read("gs://ya29.hunter22@bucket/x").unwrap_err().to_string();
        assert!(!why.contains("hunter22") && why.contains("in the environment"), "{why}");
        let (long, part) = ("a".repeat(64), "b".repeat(63));
        for (name, is_one) in [
            (part.clone(), true),
            (long.clone(), false),
            (format!("{part}.{part}.{part}.{}", "c".repeat(30)), true),
            (format!("{part}.{part}.{part}.{}", "c".repeat(31)), false),
            (format!("{long}.c"), false),
        ] {
            assert_eq!(Destination::read(&format!("gs://{name}")).is_ok(), is_one, "{name}");
        }
    }
}
