//! A side in S3: listed, downloaded as it was listed, and looked at again, against moto.

use super::moto::moto;
use plumb::engines::bucket::{BucketSide, DownloadCache};
use plumb::engines::files::SideError;
use plumb_core::kinds::emr::compare::FileFormat;
use serde_json::{Value, json};
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

/// A project of one migration, whose old side lies in S3 and whose new side lies beside it.
fn project(root: &Path, key: &str) -> Value {
    let source = format!("s3://{}/{key}", moto().bucket());
    let manifest = format!(
        "apiVersion: plumb/v1\nkind: EmrCluster\nmetadata: {{name: old}}\nspec: {{match: {{name: old}}, desired: keep}}\n---\n\
         apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: new}}\nspec: {{name: new}}\n---\n\
         apiVersion: plumb/v1\nkind: Migration\nmetadata: {{name: audience}}\nspec:\n  from: {{emr: [EmrCluster/old]}}\n  \
         to: {{jobs: [DatabricksJob/new]}}\n  compare:\n    period: month\n    outputs:\n      - name: segments\n        \
         old: {{path: \"{source}/{{period}}/\", format: json, done: _SUCCESS, columns: {{id: bigint, name: string}}}}\n        \
         new: {{path: \"data/{{period}}\", format: json, columns: {{id: bigint, name: string}}}}\n        keys: [id]\n"
    );
    let project = "apiVersion: plumb/v1\nkind: Project\nmetadata: {name: s3}\nspec:\n  targets: {dev: {default: true, sandbox: true}}\n";
    std::fs::create_dir_all(root.join("manifests")).unwrap();
    std::fs::create_dir_all(root.join("data/2024-05")).unwrap();
    std::fs::write(root.join("plumb.yaml"), project).unwrap();
    std::fs::write(root.join("manifests/audience.yaml"), manifest).unwrap();
    json!(source)
}

/// Runs the real binary, and returns how it ended, what it said and its report.
fn run(root: &Path, changes: &[(&str, &str)]) -> (i32, String, Option<Value>) {
    let file = root.join("evidence/audience-2024-05.json");
    let _ = std::fs::remove_file(&file);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_plumb"));
    command.env_clear().env("HOME", root).env("PLUMB_CACHE", root.join("cache")).envs(moto().environment());
    command.env("PLUMB_DUCKDB", &super::duckdb_support::program().path).envs(changes.iter().copied());
    let done = command.args(["parity", "run", "--period", "2024-05"]).current_dir(root).output().unwrap();
    let said = [done.stdout, done.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    let report = std::fs::read_to_string(file).ok().map(|text| serde_json::from_str(&text).unwrap());
    (done.status.code().unwrap(), said, report)
}

#[test]
fn a_bucket_is_compared_from_end_to_end() {
    let (prefix, root) = (prefix(), tempfile::tempdir().unwrap());
    let root = root.path();
    let source = project(root, &prefix);
    let rows = |name: &str| (0..50).map(|id| format!("{{\"id\": {id}, \"name\": \"{name}\"}}\n")).collect::<String>();
    std::fs::write(root.join("data/2024-05/part.json"), rows("a")).unwrap();
    let part = format!("{prefix}/2024-05/part-0.json");
    moto().put(&part, rows("a").as_bytes());

    let (code, said, report) = run(root, &[]);
    assert!(code == 3 && said.contains("_SUCCESS"), "{said}");
    assert_eq!(report.unwrap()["outputs"][0]["causes"]["rows"], "not_finished");
    moto().put(&format!("{prefix}/2024-05/_SUCCESS"), b"");

    let (code, said, report) = run(root, &[]);
    assert_eq!(code, 0, "{said}");
    let equal = report.unwrap();
    let old = &equal["outputs"][0]["old"];
    assert_eq!((&old["rows"], &old["source"]), (&json!(50), &json!(format!("{}/2024-05/", source.as_str().unwrap()))));

    // The same bytes written again are the same data; other ones are not, and say so in their fingerprint.
    moto().put(&part, rows("b").as_bytes());
    let (code, said, report) = run(root, &[]);
    assert_eq!(code, 2, "{said}");
    let differs = report.unwrap();
    assert_eq!(differs["outputs"][0]["differing_cells"], json!({"name": 50}));
    assert_ne!(differs["outputs"][0]["old"]["fingerprint"], old["fingerprint"]);

    // Without rights nothing is written; what is gone has no verdict.
    let (code, said, report) = run(root, &[("AWS_SECRET_ACCESS_KEY", "wrong"), ("AWS_ACCESS_KEY_ID", "nobody")]);
    assert!(code == 1 && report.is_none(), "{code}: {said}");
    moto().act(&json!({ "do": "delete", "key": part }));
    let (code, said, report) = run(root, &[]);
    assert_eq!((code, &report.unwrap()["passed"]), (3, &json!(false)), "{said}");
    let secret = moto().told["SECRET"].clone();
    assert!(!said.contains(&secret), "{said}");
}
