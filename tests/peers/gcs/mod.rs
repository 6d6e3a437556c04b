//! Google Cloud Storage: Google's own client against the emulated one, and plumb against a store that we did not write.
//!
//! That store is fake-gcs-server. It honours `ifGenerationMatch` of writes, and neither of removals nor of reads, so that what
//! a removal is for is tried on the emulated one, which Google's client has judged. `serve.py` stands before either: it wants
//! tokens, which it issues for the assertions that google-auth verifies, and lets somebody else write in between.

use crate::airflow_dag::files::{delete, list, mine, paths, put, send};
use crate::moto::{Peer, encoded, python};
use base64::{Engine, engine::general_purpose::STANDARD};
use plumb::services::DagFiles;
use plumb_model::call::ServiceError;
use plumb_sandbox::SandboxOptions;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// The peer, started by whoever needs it first.
fn peer() -> &'static Peer {
    static ONE: OnceLock<Peer> = OnceLock::new();
    ONE.get_or_init(|| Peer::start("requirements-gcs.txt", "gcs/serve.py"))
}

/// A bucket behind a door, for somebody with the key whose tokens the door issues.
pub struct GoogleStore {
    door: String,
    bucket: String,
    /// The file of the key.
    key: tempfile::NamedTempFile,
}

impl GoogleStore {
    /// A new bucket of fake-gcs-server.
    pub fn fake(bucket: &str) -> Self {
        Self::of(&peer().told["FAKE"], bucket)
    }

    /// A new bucket of a store, behind a door of its own.
    fn of(store: &str, bucket: &str) -> Self {
        let door = peer().act(&json!({ "do": "front", "to": store }));
        let door = door.as_str().unwrap().to_owned();
        let mut key: Value = serde_json::from_str(&peer().told["KEY"]).unwrap();
        key["token_uri"] = json!(format!("{door}/token"));
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), key.to_string()).unwrap();
        peer().act(&json!({ "do": "bucket", "door": door, "name": bucket }));
        GoogleStore { door, bucket: bucket.to_owned(), key: file }
    }

    pub fn files(&self) -> DagFiles {
        let (door, key) = (format!("{}/storage/v1/", self.door), self.key.path().to_str().unwrap().to_owned());
        let env = move |name: &str| match name {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE" => Some(door.clone()),
            "GOOGLE_APPLICATION_CREDENTIALS" => Some(key.clone()),
            _ => None,
        };
        DagFiles::open(&format!("gs://{}/dags", self.bucket), Path::new("/"), env).unwrap()
    }

    fn act(&self, what: &str, more: Value) -> Value {
        let mut ask = json!({ "do": what, "door": self.door, "bucket": self.bucket });
        ask.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        peer().act(&ask)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        self.act("put", json!({ "name": format!("dags/{name}"), "data": encoded(bytes) }));
    }

    pub fn get(&self, name: &str) -> Option<Vec<u8>> {
        let data = self.act("get", json!({ "name": format!("dags/{name}") }));
        Some(STANDARD.decode(data.as_str()?).unwrap())
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(self.get(name).unwrap()).unwrap()
    }

    pub fn names(&self) -> Vec<String> {
        let names = self.act("names", json!({ "prefix": "dags/" }));
        names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()["dags/".len()..].to_owned()).collect()
    }

    /// Somebody else writes this right before plumb's next request of that method is passed on.
    fn between(&self, method: &str, name: &str, text: &str) {
        self.act(
            "between",
            json!({ "method": method, "in": name, "name": format!("dags/{name}"), "data": encoded(text.as_bytes()) }),
        );
    }

    /// How many tokens were asked for at the door.
    fn tokens(&self) -> usize {
        let seen = self.act("requests", json!({}));
        seen.as_array().unwrap().iter().filter(|line| *line == "POST /token").count()
    }
}

async fn sandbox() -> plumb_sandbox::Running {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let gcs = Some(plumb_sandbox::gcs::GcsOptions::default());
    let running = plumb_sandbox::start(SandboxOptions { gcs, ..SandboxOptions::default() }).await.unwrap();
    let settings = json!({ "gcs": { "anonymous": true } });
    let url = format!("{}/_sandbox/settings", running.url());
    // Whoever uses the store without the door has no token, and the door's are none of the sandbox's own.
    plumb::services::http::client(true).unwrap().post(url).json(&settings).send().await.unwrap();
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn google_s_own_client_understands_every_answer_and_names_every_error() {
    let running = sandbox().await;
    let url = running.gcs_url().unwrap();
    let output = tokio::task::spawn_blocking(move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/test_gcs.py");
        let mut command = Command::new(python("requirements-gcs.txt"));
        command.arg(script).env("GCE_METADATA_HOST", url.strip_prefix("http://").unwrap()).env("GCS_URL", url);
        // No credentials or endpoint of whoever runs the tests.
        for name in ["GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST", "API_ENDPOINT_OVERRIDE"] {
            command.env_remove(name);
        }
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}\n{}", said(&output.stdout), said(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_s_assertion_is_one_that_google_s_library_verifies() {
    let store = GoogleStore::fake("assertions");
    let files = store.files();
    send(&files, put("x.py", &mine("x"))).await.unwrap();
    assert_eq!(paths(&send(&files, list()).await.unwrap()), ["x.py"]);
    assert_eq!(store.tokens(), 1, "a token is kept while it lasts");
}

/// What somebody else writes between look and write is kept, at both stores.
async fn what_is_written_in_between_is_kept(store: &GoogleStore, removals: bool) {
    let theirs = "print('theirs')\n";
    let files = store.files();
    // Where there was nothing.
    store.between("POST", "new.py", theirs);
    let fault = send(&files, put("new.py", &mine("new"))).await.unwrap_err();
    assert!(fault.to_string().contains("NOT_PLUMBS"), "{fault}");
    assert_eq!(store.read("new.py"), theirs);
    // Over a file of plumb's: another plumb was faster.
    send(&files, put("old.py", &mine("old"))).await.unwrap();
    store.between("POST", "old.py", &mine("faster"));
    let fault = send(&files, put("old.py", &mine("slower"))).await.unwrap_err();
    assert!(
        matches!(fault, ServiceError::Refused { status: 409, .. }) && fault.to_string().contains("CHANGED"),
        "{fault}"
    );
    assert_eq!(store.read("old.py"), mine("faster"));
    // The same text from two sides is no quarrel.
    store.between("POST", "same.py", &mine("same"));
    send(&files, put("same.py", &mine("same"))).await.unwrap();
    if removals {
        store.between("DELETE", "old.py", theirs);
        let fault = send(&files, delete("old.py")).await.unwrap_err();
        assert!(fault.to_string().contains("NOT_PLUMBS"), "{fault}");
        assert_eq!(store.read("old.py"), theirs);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generation_that_moved_is_left_alone() {
    what_is_written_in_between_is_kept(&GoogleStore::fake("between"), false).await;
    let running = sandbox().await;
    what_is_written_in_between_is_kept(&GoogleStore::of(&running.gcs_url().unwrap(), "between"), true).await;
}
