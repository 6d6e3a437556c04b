//! The place of DAG files: what plumb writes there, and what it never touches. Each test runs over a folder, over S3 and over Google Cloud Storage.

use super::cases;
use super::moto::moto;
use crate::gcs::GoogleStore;
use plumb::services::DagFiles;
use plumb_core::kinds::airflow::python;
use plumb_model::call::{Call, Method, Service, ServiceError, System};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn put(path: &str, text: &str) -> Call {
    Call::set(System::DagFiles, Method::Put, format!("/dags/{path}"), json!({ "text": text, "dag_id": "x" }))
}

pub fn delete(path: &str) -> Call {
    Call { body: None, ..Call::set(System::DagFiles, Method::Delete, format!("/dags/{path}"), Value::Null) }
}

pub fn list() -> Call {
    Call::get(System::DagFiles, "/dags")
}

pub async fn send(files: &DagFiles, call: Call) -> Result<Value, ServiceError> {
    files.send(&call).await.map(|answer| answer.body)
}

/// The file that plumb writes for a small DAG.
pub fn mine(id: &str) -> String {
    let text = format!(
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {id}}}\nspec: {{tasks: [{{id: a, run: '1'}}]}}\n"
    );
    cases::written(&cases::load(&text))
}

pub fn paths(list: &Value) -> Vec<&str> {
    list["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect()
}

/// A place of its own, and what somebody else sees there.
enum Place {
    Folder(tempfile::TempDir),
    S3(String),
    Gcs(GoogleStore),
}

/// A prefix that no other test has.
pub fn prefix() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    format!("t{}/dags", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The files below a prefix of moto's bucket, for somebody who may write there.
pub fn s3(prefix: &str) -> DagFiles {
    let environment = moto().environment();
    let place = format!("s3://{}/{prefix}", moto().bucket());
    DagFiles::open(&place, Path::new("/"), move |name| environment.get(name).cloned()).unwrap()
}

impl Place {
    fn all() -> [Place; 3] {
        let bucket = prefix().replace('/', "-");
        [Place::Folder(tempfile::tempdir().unwrap()), Place::S3(prefix()), Place::Gcs(GoogleStore::fake(&bucket))]
    }

    fn files(&self) -> DagFiles {
        match self {
            Place::Folder(folder) => {
                // As a project file would say it: relative to its own folder.
                let (base, name) = (folder.path().parent().unwrap(), folder.path().file_name().unwrap());
                DagFiles::open(name.to_str().unwrap(), base, |_| None).unwrap()
            }
            Place::S3(prefix) => s3(prefix),
            Place::Gcs(store) => store.files(),
        }
    }

    async fn send(&self, call: Call) -> Result<Value, ServiceError> {
        send(&self.files(), call).await
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        match self {
            Place::Folder(folder) => {
                let file = folder.path().join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, bytes).unwrap();
            }
            Place::S3(prefix) => moto().put(&format!("{prefix}/{name}"), bytes),
            Place::Gcs(store) => store.put(name, bytes),
        }
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self {
            Place::Folder(folder) => fs::read(folder.path().join(name)).ok(),
            Place::S3(prefix) => moto().get(&format!("{prefix}/{name}")),
            Place::Gcs(store) => store.get(name),
        }
    }

    /// Everything that is there, in order.
    fn names(&self) -> Vec<String> {
        fn walk(at: &Path, names: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(at).unwrap().map(|e| e.unwrap().path()) {
                if entry.is_dir() { walk(&entry, names) } else { names.push(entry) }
            }
        }
        let mut names: Vec<String> = match self {
            Place::Folder(folder) => {
                let mut names = Vec::new();
                walk(folder.path(), &mut names);
                names.iter().map(|n| n.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned()).collect()
            }
            Place::S3(prefix) => {
                let keys = moto().keys(&format!("{prefix}/"));
                keys.iter().map(|key| key[prefix.len() + 1..].to_owned()).collect()
            }
            Place::Gcs(store) => store.names(),
        };
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_file_is_written_overwritten_listed_and_removed() {
    for place in Place::all() {
        place.write("legacy.py", b"from airflow import DAG\nDAG('legacy')\n");
        let answer = place.send(put("one.py", &mine("one"))).await.unwrap();
        assert_eq!(answer, json!({ "path": "one.py", "dag_id": "x" }));
        assert_eq!(place.read("one.py").unwrap(), mine("one").as_bytes());
        let list = place.send(list()).await.unwrap();
        assert_eq!(list["files"], json!([{ "path": "one.py", "text": mine("one"), "mine": true }]));
        let more = format!("{}# more\n", mine("one"));
        place.send(put("one.py", &more)).await.unwrap();
        assert_eq!(place.read("one.py").unwrap(), more.as_bytes());
        // A deletion begins with a file that says that it is leaving.
        let tombstone = python::tombstone(python::mark_of(&more).unwrap());
        place.send(put("one.py", &tombstone)).await.unwrap();
        assert_eq!(place.read("one.py").unwrap(), tombstone.as_bytes());
        place.send(delete("one.py")).await.unwrap();
        assert!(place.send(delete("one.py")).await.unwrap_err().is_gone());
        assert_eq!(place.names(), ["legacy.py"]);
    }
}

#[tokio::test]
async fn what_was_listed_before_is_listed_as_it_is_now() {
    for place in Place::all() {
        let files = place.files();
        for name in ["one", "two", "three"] {
            send(&files, put(&format!("{name}.py"), &mine(name))).await.unwrap();
        }
        assert_eq!(paths(&send(&files, list()).await.unwrap()), ["one.py", "three.py", "two.py"]);
        place.write("two.py", mine("deux").as_bytes());
        place.write("four.py", mine("four").as_bytes());
        send(&files, delete("one.py")).await.unwrap();
        let list = send(&files, list()).await.unwrap();
        assert_eq!(paths(&list), ["four.py", "three.py", "two.py"]);
        assert_eq!(list["files"][2]["text"], mine("deux"));
    }
}

#[tokio::test]
async fn nothing_outside_is_touched() {
    for place in Place::all() {
        place.write("team/kept.py", mine("kept").as_bytes());
        for path in [
            "../out.py",
            "team/../../out.py",
            "team/./kept.py",
            "/etc/x.py",
            "a//b.py",
            ".hidden.py",
            "team/.x.py",
            "one.txt",
            "C:x.py",
            "a\\..\\b.py",
            "line\nbreak.py",
            "nul\0.py",
            "",
        ] {
            for call in [put(path, &mine("out")), delete(path)] {
                let fault = place.send(call).await.unwrap_err();
                assert!(matches!(fault, ServiceError::Refused { status: 400, .. }), "{path}: {fault}");
            }
        }
        place.send(put("team/one.py", &mine("one"))).await.unwrap();
        assert_eq!(place.names(), ["team/kept.py", "team/one.py"]);
    }
}

#[tokio::test]
async fn a_file_of_others_is_left_alone() {
    for place in Place::all() {
        let marked_later = format!("\n{}", mine("x"));
        let long = format!("{}#{}\n", mine("x"), "x".repeat(4 << 20));
        let foreign: Vec<(&str, &[u8])> = vec![
            ("plain.py", b"print('mine')\n"),
            ("empty.py", b""),
            ("later.py", marked_later.as_bytes()),
            ("nearly.py", b"# plumb: hello\n"),
            ("binary.py", &[0xff, 0xfe, 0x00]),
            ("too-long.py", long.as_bytes()),
        ];
        for (name, bytes) in &foreign {
            place.write(name, bytes);
        }
        for (name, bytes) in &foreign {
            for call in [put(name, &mine("x")), delete(name)] {
                let fault = place.send(call).await.unwrap_err();
                assert!(matches!(fault, ServiceError::Refused { status: 409, .. }), "{name}: {fault}");
                assert!(fault.to_string().contains("is left alone"), "{fault}");
            }
            assert!(place.read(name).unwrap() == *bytes, "{name}");
        }
        // What is no text may have been plumb's: it is not passed over, and nobody's until it can be read.
        let listed = place.send(list()).await.unwrap();
        assert_eq!(paths(&listed), ["binary.py", "too-long.py"]);
        let unread = json!({ "path": "binary.py", "text": null, "mine": false });
        assert_eq!(listed["files"][0], unread);
        assert_eq!(place.names().len(), foreign.len(), "nothing was left behind");
    }
}

#[tokio::test]
async fn what_airflow_does_not_read_is_not_read() {
    for place in Place::all() {
        let deep = "a/".repeat(17);
        for name in [".git/x.py", "__pycache__/x.py", "team/.old.py", "notes.txt", "x.pyc", &format!("{deep}x.py")] {
            place.write(name, mine("x").as_bytes());
        }
        place.write(&format!("{}x.py", "b/".repeat(16)), mine("deep").as_bytes());
        let list = place.send(list()).await.unwrap();
        assert_eq!(paths(&list), [format!("{}x.py", "b/".repeat(16))]);
    }
}

#[tokio::test]
async fn names_of_any_script_go_there_and_back() {
    for place in Place::all() {
        let names = ["Grüße/日報.py", "a b+c%20d&e=f.py", "it's (1) [2] {3} !$,;@~^`.py", "e\u{301}.py", "q?#.py"];
        for name in names {
            place.send(put(name, &mine("one"))).await.unwrap_or_else(|e| {
                // A folder has to be there already.
                assert!(matches!(place, Place::Folder(_)), "{name}: {e}");
                place.write(name, mine("zero").as_bytes());
                Value::Null
            });
            place.send(put(name, &mine("two"))).await.unwrap();
        }
        let mut sorted = names.to_vec();
        sorted.sort_unstable();
        assert_eq!(place.names(), sorted);
        assert_eq!(paths(&place.send(list()).await.unwrap()), sorted);
        for name in names {
            assert_eq!(place.read(name).unwrap(), mine("two").as_bytes(), "{name}");
            place.send(delete(name)).await.unwrap();
        }
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_second_file_with_the_same_id_is_listed() {
    for place in Place::all() {
        place.send(put("one.py", &mine("one"))).await.unwrap();
        place.write("copy.py", b"from airflow import DAG\nDAG(dag_id='one')\n");
        place.write("other.py", b"from airflow import DAG\nDAG(dag_id='other')\n");
        let list = place.send(list()).await.unwrap();
        assert_eq!(paths(&list), ["copy.py", "one.py"]);
        let asked = place.send(self::list().query("dag_id", "other")).await.unwrap();
        assert_eq!((paths(&asked), &asked["dag_id"]), (vec!["other.py"], &json!("other")));
        let seen = cases::kind().observe(&[vec![list], vec![json!({"dags": []})], vec![json!({"import_errors": []})]]);
        let seen = seen[0].as_ref().unwrap();
        assert_eq!(seen.spec["source"], "not known to Airflow; defined by copy.py as well");
        assert_eq!(python::file_name(&seen.id), "one.py");
    }
}

#[tokio::test]
async fn in_a_folder_links_are_not_followed_and_nothing_is_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let dags = folder.path().join("dags");
    let files = DagFiles::folder(&dags);
    let fault = send(&files, list()).await.unwrap_err();
    assert!(matches!(&fault, ServiceError::NotSent { why, .. } if why.contains("dags cannot be read")), "{fault}");
    fs::create_dir_all(dags.join("folder.py")).unwrap();
    fs::write(folder.path().join("out.py"), mine("out")).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path(), dags.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("out.py"), dags.join("linked.py")).unwrap();
    }
    for path in ["link/out.py", "link/new.py", "linked.py", "missing/x.py", "folder.py"] {
        for call in [put(path, &mine("other")), delete(path)] {
            let fault = send(&files, call).await.unwrap_err();
            assert!(!cfg!(unix) || matches!(fault, ServiceError::Refused { status: 400, .. }), "{path}: {fault}");
        }
    }
    assert_eq!(send(&files, list()).await.unwrap()["files"], json!([]));
    assert_eq!(fs::read_to_string(folder.path().join("out.py")).unwrap(), mine("out"));
}

#[tokio::test]
async fn a_file_that_is_as_wanted_keeps_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let files = DagFiles::folder(folder.path());
    send(&files, put("one.py", &mine("one"))).await.unwrap();
    let path = folder.path().join("one.py");
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    send(&files, put("one.py", &mine("one"))).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), old);
    send(&files, put("one.py", &format!("{}# more\n", mine("one")))).await.unwrap();
    assert_ne!(fs::metadata(&path).unwrap().modified().unwrap(), old);
}
