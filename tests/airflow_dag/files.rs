//! The folder of DAG files: what plumb writes there, and what it never touches.

use super::cases;
use plumb::call::{Call, Fault, Method, Service, System};
use plumb::kinds::airflow::python;
use plumb::services::DagFiles;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

fn put(path: &str, text: &str) -> Call {
    Call::set(System::DagFiles, Method::Put, format!("/dags/{path}"), json!({ "text": text, "dag_id": "x" }))
}

fn delete(path: &str) -> Call {
    Call { body: None, ..Call::set(System::DagFiles, Method::Delete, format!("/dags/{path}"), Value::Null) }
}

async fn send(folder: &Path, call: Call) -> Result<Value, Fault> {
    DagFiles::folder(folder).send(&call).await.map(|answer| answer.body)
}

fn mine(id: &str) -> String {
    let text = format!(
        "apiVersion: plumb/v1\nkind: AirflowDag\nmetadata: {{name: {id}}}\nspec: {{tasks: [{{id: a, run: '1'}}]}}\n"
    );
    cases::written(&cases::load(&text))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_file_is_written_listed_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("legacy.py"), "from airflow import DAG\nDAG('legacy')\n").unwrap();
    let answer = send(at, put("one.py", &mine("one"))).await.unwrap();
    assert_eq!(answer["dag_id"], "x");
    assert_eq!(fs::read_to_string(at.join("one.py")).unwrap(), mine("one"));
    let list = send(at, Call::get(System::DagFiles, "/dags")).await.unwrap();
    assert_eq!(list["files"], json!([{ "path": "one.py", "text": mine("one"), "mine": true }]));
    send(at, delete("one.py")).await.unwrap();
    assert!(send(at, delete("one.py")).await.unwrap_err().is_gone());
    assert_eq!(names(at), ["legacy.py"]);
}

#[tokio::test]
async fn a_file_that_is_as_wanted_keeps_its_time() {
    let folder = tempfile::tempdir().unwrap();
    send(folder.path(), put("one.py", &mine("one"))).await.unwrap();
    let path = folder.path().join("one.py");
    let old = std::time::SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
    send(folder.path(), put("one.py", &mine("one"))).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), old);
    send(folder.path(), put("one.py", &format!("{}# more\n", mine("one")))).await.unwrap();
    assert_ne!(fs::metadata(&path).unwrap().modified().unwrap(), old);
}

#[tokio::test]
async fn nothing_outside_the_folder_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let dags = folder.path().join("dags");
    fs::create_dir_all(dags.join("team")).unwrap();
    fs::write(folder.path().join("out.py"), mine("out")).unwrap();
    for path in [
        "../out.py",
        "team/../../out.py",
        "/etc/x.py",
        "a//b.py",
        ".hidden.py",
        "team/.x.py",
        "one.txt",
        "C:x.py",
        "a\\..\\b.py",
        "",
        "missing/x.py",
    ] {
        for call in [put(path, &mine("out")), delete(path)] {
            let fault = send(&dags, call).await.unwrap_err();
            assert!(matches!(fault, Fault::Refused { status: 400, .. }), "{path}: {fault}");
        }
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path(), dags.join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path().join("out.py"), dags.join("linked.py")).unwrap();
        for path in ["link/out.py", "link/new.py", "linked.py"] {
            for call in [put(path, &mine("other")), delete(path)] {
                assert!(matches!(send(&dags, call).await.unwrap_err(), Fault::Refused { status: 400, .. }), "{path}");
            }
        }
        // A link into the folder is not followed either when the folder is read.
        let list = send(&dags, Call::get(System::DagFiles, "/dags")).await.unwrap();
        assert_eq!(list["files"], json!([]));
    }
    assert_eq!(fs::read_to_string(folder.path().join("out.py")).unwrap(), mine("out"));
    send(&dags, put("team/one.py", &mine("one"))).await.unwrap();
    assert_eq!(names(&dags.join("team")), ["one.py"]);
}

#[tokio::test]
async fn a_file_of_others_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let marked_later = format!("\n{}", mine("x"));
    let foreign: Vec<(&str, Vec<u8>)> = vec![
        ("plain.py", b"print('mine')\n".to_vec()),
        ("empty.py", Vec::new()),
        ("later.py", marked_later.into_bytes()),
        ("nearly.py", b"# plumb: hello\n".to_vec()),
        ("binary.py", vec![0xff, 0xfe, 0x00]),
    ];
    for (name, bytes) in &foreign {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    fs::create_dir(folder.path().join("folder.py")).unwrap();
    for (name, bytes) in &foreign {
        for call in [put(name, &mine("x")), delete(name)] {
            let fault = send(folder.path(), call).await.unwrap_err();
            assert!(matches!(fault, Fault::Refused { status: 409, .. }), "{name}: {fault}");
        }
        assert_eq!(&fs::read(folder.path().join(name)).unwrap(), bytes, "{name}");
    }
    assert!(send(folder.path(), delete("folder.py")).await.is_err());
    assert_eq!(names(folder.path()).len(), foreign.len() + 1, "nothing was left behind");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_no_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let fault = send(&folder.path().join("none"), Call::get(System::DagFiles, "/dags")).await.unwrap_err();
    assert!(matches!(fault, Fault::NotSent { .. }), "{fault}");
}

#[tokio::test]
async fn a_second_file_with_the_same_id_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    send(folder.path(), put("one.py", &mine("one"))).await.unwrap();
    fs::write(folder.path().join("copy.py"), "from airflow import DAG\nDAG(dag_id='one')\n").unwrap();
    fs::write(folder.path().join("other.py"), "from airflow import DAG\nDAG(dag_id='other')\n").unwrap();
    let list = send(folder.path(), Call::get(System::DagFiles, "/dags")).await.unwrap();
    let paths: Vec<&str> = list["files"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["copy.py", "one.py"]);
    let seen = cases::kind().observe(&[vec![list], vec![json!({"dags": []})], vec![json!({"import_errors": []})]]);
    let seen = seen[0].as_ref().unwrap();
    assert_eq!(seen.spec["source"], "not known to Airflow; defined by copy.py as well");
    assert_eq!(python::file_name(&seen.id), "one.py");
}
