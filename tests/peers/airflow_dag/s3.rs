//! What only a bucket has: signatures, pages, conditions that the store checks, and refusals.

use super::files::{delete, list, mine, paths, prefix, put, s3, send};
use super::moto::{encoded, moto};
use plumb::services::DagFiles;
use plumb_model::call::ServiceError;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// The files at a place for somebody whose environment differs by this much.
fn with(place: &str, changes: &[(&str, &str)]) -> DagFiles {
    let mut environment: BTreeMap<String, String> = moto().environment();
    for (name, value) in changes {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    environment.retain(|_, value| !value.is_empty());
    DagFiles::open(place, Path::new("/"), move |name| environment.get(name).cloned()).unwrap()
}

fn place(prefix: &str) -> String {
    format!("s3://{}/{prefix}", moto().bucket())
}

/// What shall happen to one of the coming requests.
fn trouble(trouble: Value) {
    let mut ask = json!({ "do": "trouble" });
    ask.as_object_mut().unwrap().extend(trouble.as_object().unwrap().clone());
    moto().act(&ask);
}

/// The requests to keys below a prefix so far, by method and name.
fn requests(prefix: &str) -> Vec<String> {
    let below = format!("/{}/{prefix}/", moto().bucket());
    let all = moto().act(&json!({ "do": "requests", "in": below }));
    let all = all.as_array().unwrap().iter().filter_map(|line| line.as_str());
    all.filter_map(|line| {
        let (method, path) = line.split_once(' ')?;
        Some(format!("{method} {}", path.strip_prefix(&below)?.trim_end_matches('?')))
    })
    .collect()
}

fn read(prefix: &str, name: &str) -> Option<String> {
    moto().get(&format!("{prefix}/{name}")).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_listing_of_many_pages_is_read_whole() {
    let prefix = prefix();
    for (end, count) in [(".txt", 1_000), ("-more.txt", 1_000), ("-other.txt", 100)] {
        moto().act(&json!({ "do": "fill", "prefix": format!("{prefix}/"), "count": count, "end": end }));
    }
    for name in ["00000.py", "00500.py", "zz.py"] {
        moto().put(&format!("{prefix}/{name}"), mine("one").as_bytes());
    }
    let files = s3(&prefix);
    assert_eq!(paths(&send(&files, list()).await.unwrap()), ["00000.py", "00500.py", "zz.py"]);
    assert_eq!(files.requests().count(), 3 + 3, "three pages, three files");
    // What has not changed is not read again.
    send(&files, list()).await.unwrap();
    assert_eq!(files.requests().count(), 6 + 3);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_listing() {
    let prefix = prefix();
    moto().act(&json!({ "do": "fill", "prefix": format!("{prefix}/"), "count": 1_001, "end": ".txt" }));
    moto().put(&format!("{prefix}/a.py"), mine("one").as_bytes());
    moto().put(&format!("{prefix}/z.py"), mine("two").as_bytes());
    // Somebody else's 404, a denied page, and what is no listing of this bucket: none is an absence.
    let second = format!("prefix={}%2F&continuation-token", prefix.replace('/', "%2F"));
    let other = "<ListBucketResult><Name>other</Name><IsTruncated>false</IsTruncated></ListBucketResult>";
    for (request, status, body, says) in [
        (format!("/{prefix}/z.py"), 404, "<html><body>no such page</body></html>", "404"),
        (second.clone(), 403, "<Error><Code>AccessDenied</Code><Message>No</Message></Error>", "s3:ListBucket"),
        (second.clone(), 200, "<html><body>Sign in</body></html>", "no listing of S3"),
        (second, 200, other, "another bucket"),
    ] {
        trouble(json!({ "method": "GET", "in": request, "status": status, "body": body }));
        let fault = send(&s3(&prefix), list()).await.unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
    }
    assert_eq!(paths(&send(&s3(&prefix), list()).await.unwrap()), ["a.py", "z.py"]);
}

#[tokio::test]
async fn a_prefix_ends_at_its_slash() {
    let prefix = prefix();
    for neighbour in ["2/x.py", "-old/x.py", ".py"] {
        moto().put(&format!("{prefix}{neighbour}"), mine("one").as_bytes());
    }
    let files = s3(&prefix);
    assert_eq!(send(&files, list()).await.unwrap()["files"], json!([]));
    send(&files, put("x.py", &mine("one"))).await.unwrap();
    send(&files, delete("x.py")).await.unwrap();
    assert_eq!(moto().keys(&prefix).len(), 3);
    // The whole bucket is a place too.
    let whole = format!("s3://{}", moto().bucket());
    let found = send(&with(&whole, &[]), list().query("dag_id", "nobody")).await.unwrap();
    assert_eq!(paths(&found), Vec::<&str>::new());
}

#[tokio::test]
async fn what_somebody_writes_between_look_and_write_is_kept() {
    let theirs = "print('theirs')\n";
    let between = |method: &str, key: &str, text: &str| {
        trouble(json!({ "method": method, "in": key, "put": [key, encoded(text.as_bytes())], "pass": true }));
    };
    let prefix = prefix();
    let (files, key) = (s3(&prefix), |name: &str| format!("{prefix}/{name}"));
    // Where there was nothing.
    between("PUT", &key("new.py"), theirs);
    let fault = send(&files, put("new.py", &mine("new"))).await.unwrap_err();
    assert!(fault.to_string().contains("NOT_PLUMBS"), "{fault}");
    assert_eq!(read(&prefix, "new.py").unwrap(), theirs);
    // Over a file of plumb's: another plumb was faster.
    send(&files, put("old.py", &mine("old"))).await.unwrap();
    between("PUT", &key("old.py"), &mine("faster"));
    let fault = send(&files, put("old.py", &mine("slower"))).await.unwrap_err();
    assert!(
        matches!(fault, ServiceError::Refused { status: 409, .. }) && fault.to_string().contains("CHANGED"),
        "{fault}"
    );
    assert_eq!(read(&prefix, "old.py").unwrap(), mine("faster"));
    // When it is removed.
    between("DELETE", &key("old.py"), theirs);
    let fault = send(&files, delete("old.py")).await.unwrap_err();
    assert!(fault.to_string().contains("NOT_PLUMBS"), "{fault}");
    assert_eq!(read(&prefix, "old.py").unwrap(), theirs);
    // The same text from two sides is no quarrel.
    between("PUT", &key("same.py"), &mine("same"));
    send(&files, put("same.py", &mine("same"))).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_no_lost_write() {
    let prefix = prefix();
    let files = s3(&prefix);
    for method in ["PUT", "PUT", "DELETE"] {
        for done in [true, false] {
            trouble(json!({ "method": method, "in": format!("{prefix}/x.py"), "pass": done, "drop": true }));
            let before = read(&prefix, "x.py");
            let text = format!("{}# {}\n", mine("x"), before.as_ref().map_or(0, String::len));
            match method {
                "PUT" => {
                    send(&files, put("x.py", &text)).await.unwrap();
                    assert_eq!(read(&prefix, "x.py").unwrap(), text);
                }
                _ => {
                    send(&files, put("x.py", &text)).await.unwrap();
                    send(&files, delete("x.py")).await.unwrap();
                    assert_eq!(read(&prefix, "x.py"), None);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_store_without_conditions_is_looked_at_before_each_write() {
    let prefix = prefix();
    let files = s3(&prefix);
    let body = "<Error><Code>NotImplemented</Code><Message>A header you provided implies functionality that is not \
                implemented</Message></Error>";
    trouble(json!({ "method": "PUT", "in": &prefix, "header": "if-none-match", "status": 501, "body": body }));
    send(&files, put("x.py", &mine("x"))).await.unwrap();
    assert_eq!(read(&prefix, "x.py").unwrap(), mine("x"));
    assert_eq!(requests(&prefix), ["GET x.py", "PUT x.py", "GET x.py", "PUT x.py"]);
    // It is asked once; from then on nothing is conditional, and what is not plumb's is still left alone.
    trouble(json!({ "method": "PUT", "in": &prefix, "header": "if-match", "status": 501, "body": body }));
    send(&files, put("x.py", &mine("y"))).await.unwrap();
    assert_eq!(requests(&prefix)[4..], ["GET x.py", "PUT x.py"]);
    moto().put(&format!("{prefix}/z.py"), b"print('theirs')");
    assert!(send(&files, put("z.py", &mine("z"))).await.is_err());
    send(&files, delete("x.py")).await.unwrap();
    assert_eq!(read(&prefix, "z.py").unwrap(), "print('theirs')");
    // The trouble that nobody met is met by somebody who knows of no store without conditions.
    send(&s3(&prefix), put("a.py", &mine("a"))).await.unwrap();
    send(&s3(&prefix), put("a.py", &mine("b"))).await.unwrap();
    assert_eq!(requests(&prefix).iter().filter(|line| *line == "PUT a.py").count(), 3);
    assert_eq!(read(&prefix, "a.py").unwrap(), mine("b"));
}

#[tokio::test]
async fn passing_trouble_passes() {
    let prefix = prefix();
    let files = s3(&prefix);
    let slow = "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";
    let broken = "<Error><Code>InternalError</Code><Message>We encountered an internal error. Please try again.</Message></Error>";
    trouble(json!({ "method": "PUT", "in": format!("{prefix}/x.py"), "status": 503, "body": slow }));
    trouble(json!({ "method": "PUT", "in": format!("{prefix}/x.py"), "status": 500, "body": broken }));
    send(&files, put("x.py", &mine("x"))).await.unwrap();
    assert_eq!(requests(&prefix), ["GET x.py", "PUT x.py", "PUT x.py", "PUT x.py"]);
    assert_eq!(read(&prefix, "x.py").unwrap(), mine("x"));
    // A session that has run out is renewed once.
    let expired = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    trouble(json!({ "method": "GET", "in": format!("{prefix}/x.py"), "status": 400, "body": expired }));
    send(&files, delete("x.py")).await.unwrap();
    for _ in 0..2 {
        trouble(json!({ "method": "GET", "in": format!("{prefix}/y.py"), "status": 400, "body": expired }));
    }
    let fault = send(&files, delete("y.py")).await.unwrap_err();
    assert!(fault.to_string().contains("sign in to AWS again"), "{fault}");
}

#[tokio::test]
async fn a_refusal_says_what_to_do_and_no_secret() {
    let prefix = prefix();
    let (reader, reader_secret) = (&*moto().told["READER_KEY"], &*moto().told["READER_SECRET"]);
    let wrong = "wrongwrongwrongwrongwrongwrongwrongwrong";
    let nowhere = tempfile::tempdir().unwrap();
    let home = nowhere.path().to_str().unwrap();
    let none = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("HOME", home)];
    let no_bucket = "s3://no-such-bucket-here/dags";
    for (place, changes, says) in [
        (place(&prefix), &[("AWS_SECRET_ACCESS_KEY", wrong)][..], "secret access key does not fit"),
        (place(&prefix), &[("AWS_ACCESS_KEY_ID", "AKIAZZZZZZZZZZZZZZZZ")], "no such access key"),
        (place(&prefix), &none, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (no_bucket.to_owned(), &[], "s3:ListBucket on arn:aws:s3:::no-such-bucket-here"),
    ] {
        let fault = send(&with(&place, changes), list()).await.unwrap_err().to_string();
        assert!(fault.contains(says), "{fault}");
        assert!(!fault.contains(wrong) && !fault.contains(&moto().told["SECRET"]), "{fault}");
    }
    // Somebody who may read and not write.
    let changes = [("AWS_ACCESS_KEY_ID", reader), ("AWS_SECRET_ACCESS_KEY", reader_secret)];
    let files = with(&place(&prefix), &changes);
    send(&files, list()).await.unwrap();
    let fault = send(&files, put("x.py", &mine("x"))).await.unwrap_err().to_string();
    let says = format!("s3:PutObject on arn:aws:s3:::{}/{prefix}/*", moto().bucket());
    assert!(fault.contains(&says) && fault.contains("signed with the credentials of the environment"), "{fault}");
    // A bucket that is elsewhere.
    let elsewhere =
        "<Error><Code>PermanentRedirect</Code><Message>The bucket must be addressed elsewhere.</Message></Error>";
    let headers = json!({ "x-amz-bucket-region": "ap-south-1" });
    trouble(
        json!({ "method": "GET", "in": format!("{prefix}/far.py"), "status": 301, "body": elsewhere, "headers": headers }),
    );
    let fault = send(&files, delete("far.py")).await.unwrap_err().to_string();
    assert!(fault.contains("is in ap-south-1: set AWS_REGION=ap-south-1"), "{fault}");
}

#[tokio::test]
async fn credentials_come_from_where_the_aws_cli_takes_them() {
    let prefix = prefix();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (key, secret) = (&*moto().told["KEY"], &*moto().told["SECRET"]);
    let answer =
        json!({ "Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "Expiration": "2999-01-01T00:00:00Z" });
    std::fs::write(at("helper.json"), answer.to_string()).unwrap();
    std::fs::create_dir(at(".aws")).unwrap();
    let helper = at("helper.json");
    let config = format!(
        "[default]\nregion = eu-central-1\n\n[profile keys]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\nregion=eu-central-1\n\
         [profile helper]\ncredential_process = cat {helper}\n[profile fails]\ncredential_process = cat {helper}.none\n\
         [profile web]\nsso_session = corp\nsso_account_id = 1\nsso_role_name = r\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://x\n\
         [profile circle]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = round\n[profile round]\nrole_arn = arn:aws:iam::1:role/q\nsource_profile = circle\n\
         [profile code]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\nmfa_serial = arn:aws:iam::1:mfa/m\n"
    );
    std::fs::write(at(".aws/config"), config).unwrap();
    std::fs::write(
        at(".aws/credentials"),
        format!("[default]\naws_access_key_id={key}\naws_secret_access_key={secret}\n"),
    )
    .unwrap();
    let bare = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_DEFAULT_REGION", "")];
    let home = at("");
    let open = |profile: &str| {
        let changes = [&bare[..], &[("HOME", home.trim_end_matches('/')), ("AWS_PROFILE", profile)]].concat();
        with(&place(&prefix), &changes)
    };
    for profile in ["", "default", "keys", "helper"] {
        let listed = send(&open(profile), list()).await;
        assert!(listed.is_ok(), "{profile}: {listed:?}");
    }
    for (profile, says) in [
        (
            "nobody",
            "the AWS profile `nobody` has no credentials; profiles: circle, code, default, fails, helper, keys, round, web",
        ),
        ("fails", "the credentials of the AWS profile cannot be had"),
        ("web", "run `aws sso login`"),
        ("circle", "circle, round take their credentials from each other"),
        ("code", "aws configure export-credentials --profile code"),
    ] {
        let fault = send(&open(profile), list()).await.unwrap_err();
        assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains(says)), "{profile}: {fault}");
        assert!(!fault.to_string().contains(secret), "{fault}");
    }
    for (name, value, says) in [
        ("AWS_REGION", "evil.example/", "expected the name of a region"),
        ("AWS_ENDPOINT_URL_S3", "127.0.0.1", "expected an address"),
        ("AWS_ENDPOINT_URL", "https://me:hunter22@store.example", "credentials don't belong"),
    ] {
        let mut environment = moto().environment();
        environment.insert(name.to_owned(), value.to_owned());
        let opened = DagFiles::open("s3://bucket/dags", Path::new("/"), move |name| environment.get(name).cloned());
        let error = opened.err().unwrap().to_string();
        assert!(error.contains(says) && error.contains(name) && !error.contains("hunter22"), "{error}");
    }
}
