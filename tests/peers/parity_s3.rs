//! A side in S3: listed, downloaded as it was listed, and looked at again, against moto.

use super::moto::moto;
use plumb::engines::bucket::{BucketSide, DownloadCache};
use plumb::engines::files::SideError;
use plumb_core::kinds::emr::compare::FileFormat;
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A prefix of the test's own.
fn prefix() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("parity-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn environment(changes: &[(&str, &str)]) -> plumb::services::aws::Env {
    let mut environment = moto().environment();
    for (name, value) in changes {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    Arc::new(move |name| environment.get(name).cloned())
}

fn side(key: &str, done: Option<&str>) -> BucketSide {
    BucketSide::new(&format!("s3://{}/{key}", moto().bucket()), FileFormat::Parquet, done).unwrap()
}

fn cause(error: SideError) -> String {
    match error {
        SideError::NoVerdict(fault) => format!("{}: {}", fault.cause, fault.says),
        SideError::Failed(why) => format!("failed: {why}"),
    }
}

/// How often objects below a prefix have been read.
fn reads(prefix: &str) -> usize {
    let below = format!("/{}/{prefix}/", moto().bucket());
    moto().act(&json!({ "do": "requests", "in": below })).as_array().unwrap().len()
}

fn cache(root: &Path) -> DownloadCache {
    DownloadCache::open(&root.join("s3"), 1_000_000).unwrap()
}

#[tokio::test]
async fn what_was_listed_is_what_is_read_and_read_once() {
    let (prefix, root) = (prefix(), tempfile::tempdir().unwrap());
    for i in 0..9 {
        moto().put(&format!("{prefix}/m=2024-05/p={i}/part.snappy.parquet"), format!("file {i}").as_bytes());
    }
    moto().put(&format!("{prefix}/m=2024-05/_SUCCESS"), b"");
    moto().put(&format!("{prefix}/m=2024-05-old/p=0/part.snappy.parquet"), b"another month");
    let side = side(&format!("{prefix}/m=2024-05"), Some("_SUCCESS"));
    let pinned = side.pin(&environment(&[])).await.unwrap();
    assert_eq!((pinned.files.parts.len(), pinned.files.bytes()), (9, 9 * 6));
    let local = pinned.fetch(&mut cache(root.path())).await.unwrap();
    for (i, part) in local.files.parts.iter().enumerate() {
        assert_eq!(std::fs::read_to_string(&part.path).unwrap(), format!("file {i}"));
        assert_eq!(part.partitions, [("p".to_owned(), Some(i.to_string()))]);
        assert!(Path::new(&part.path).starts_with(&local.input) && part.path.ends_with(".snappy.parquet"));
    }
    assert_eq!(reads(&prefix), 9);
    // The second time nothing is downloaded, and it is the same.
    let again = side.pin(&environment(&[])).await.unwrap();
    assert_eq!(again.fingerprint, pinned.fingerprint);
    assert_eq!(again.fetch(&mut cache(root.path())).await.unwrap().files, local.files);
    assert_eq!(reads(&prefix), 9);
    pinned.repin().await.unwrap();
    moto().put(&format!("{prefix}/m=2024-05/p=3/part.snappy.parquet"), b"FILE 3");
    let why = cause(pinned.repin().await.unwrap_err());
    assert!(why.starts_with("changed: ") && why.contains("(p=3/part.snappy.parquet was written)"), "{why}");
    let changed = side.pin(&environment(&[])).await.unwrap();
    assert_ne!(changed.fingerprint, pinned.fingerprint);
    changed.fetch(&mut cache(root.path())).await.unwrap();
    assert_eq!(reads(&prefix), 10, "only what is new");
}

#[tokio::test]
async fn an_object_that_is_not_the_listed_one_is_not_read() {
    let (prefix, root) = (prefix(), tempfile::tempdir().unwrap());
    let key = format!("{prefix}/a.parquet");
    for change in ["overwrite", "delete", "unconditional"] {
        moto().put(&key, b"before");
        let pinned = side(&format!("{prefix}/"), None).pin(&environment(&[])).await.unwrap();
        if change == "overwrite" {
            moto().put(&key, b"behind");
        } else if change == "delete" {
            moto().act(&json!({ "do": "delete", "key": key }));
        } else {
            // A store that knows no conditions hands out what it has.
            let other =
                json!({ "do": "trouble", "method": "GET", "in": format!("/{key}"), "status": 200, "body": "behind" });
            moto().act(&other);
        }
        let folder = root.path().join(change);
        let why = cause(pinned.fetch(&mut cache(&folder)).await.unwrap_err());
        assert!(why.starts_with("changed: ") && why.contains("was changed while it was read (a.parquet)"), "{why}");
        let kept = std::fs::read_dir(folder.join("s3")).unwrap().filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "parquet"))
        });
        assert_eq!(kept.count(), 0, "{change}");
    }
}

#[tokio::test]
async fn what_is_not_there_not_finished_or_not_allowed_is_told_apart() {
    let (prefix, root) = (prefix(), tempfile::tempdir().unwrap());
    let pin = async |key: &str, done, changes: &[(&str, &str)]| match side(key, done).pin(&environment(changes)).await {
        Ok(_) => panic!("{key} was pinned"),
        Err(error) => cause(error),
    };
    assert!(pin(&format!("{prefix}/"), None, &[]).await.starts_with("unreadable: s3://"));
    moto().put(&format!("{prefix}/a.parquet"), b"a");
    assert!(pin(&format!("{prefix}/"), Some("_SUCCESS"), &[]).await.starts_with("not_finished: "));
    moto().put(&format!("{prefix}/_delta_log/00000000000000000000.json"), b"{}");
    assert!(pin(&format!("{prefix}/"), None, &[]).await.starts_with("delta_folder: "));
    let wrong = [("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-anybody-0000000000000000")];
    let why = pin(&format!("{prefix}/"), None, &wrong).await;
    assert!(why.starts_with("failed: ") && !why.contains("not-the-secret"), "{why}");
    let other = BucketSide::new("s3://no-such-bucket-here/x/", FileFormat::Parquet, None).unwrap();
    let Err(error) = other.pin(&environment(&[])).await else { panic!() };
    let why = cause(error);
    assert!(why.starts_with("failed: s3://no-such-bucket-here/x/: ") && why.contains("s3:ListBucket"), "{why}");
    // One object, and too little room for it.
    let alone = side(&format!("{prefix}/a.parquet"), None).pin(&environment(&[])).await.unwrap();
    let mut small = DownloadCache::open(&root.path().join("small"), 0).unwrap();
    assert!(cause(alone.fetch(&mut small).await.unwrap_err()).contains("give it more with `--cache`"));
    let local = alone.fetch(&mut cache(root.path())).await.unwrap();
    assert_eq!(std::fs::read(&local.files.parts[0].path).unwrap(), b"a");
    alone.repin().await.unwrap();
}

#[tokio::test]
async fn a_listing_of_many_pages_is_pinned_whole() {
    let prefix = prefix();
    moto().act(&json!({ "do": "fill", "prefix": format!("{prefix}/"), "count": 1_001, "end": ".parquet" }));
    let pinned = side(&format!("{prefix}/"), None).pin(&environment(&[])).await;
    match pinned {
        Ok(pinned) => assert_eq!(pinned.files.pinned.len(), 1_001),
        // What fills the bucket may be empty objects, which no Parquet file is.
        Err(error) => panic!("{}", cause(error)),
    }
}
