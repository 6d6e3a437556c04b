//! moto's S3, started once for all tests of this program, and what another client sees in it.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

/// A running server. It ends when its stdin is closed, and so with this process, however that ends.
pub struct Peer {
    pub told: BTreeMap<String, String>,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _child: Child,
}

/// moto, started by whoever needs it first.
pub fn moto() -> &'static Peer {
    static ONE: OnceLock<Peer> = OnceLock::new();
    ONE.get_or_init(|| Peer::start("requirements-moto.txt", "aws/serve.py"))
}

impl Peer {
    /// Starts a script of `tests/peers` with the packages that it needs, and reads what it tells of itself.
    pub fn start(requirements: &str, script: &str) -> Peer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
        let python = python(requirements);
        let mut command = Command::new(python);
        let mut child = command.arg(folder.join(script)).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut told = BTreeMap::new();
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "{script} did not start: see its errors above");
            let Some((name, value)) = line.trim().split_once('=') else { break };
            told.insert(name.to_owned(), value.to_owned());
        }
        Peer { told, pipes: Mutex::new((child.stdin.take().unwrap(), lines)), _child: child }
    }
}

/// The Python of the environment that has these packages; it is made where it is missing.
pub fn python(requirements: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers");
    let setup = Command::new("sh").arg(folder.join("setup.sh")).arg(folder.join(requirements)).output().unwrap();
    assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
    String::from_utf8(setup.stdout).unwrap().trim().to_owned()
}

impl Peer {
    /// Has something done; see `serve.py`.
    pub fn act(&self, ask: &Value) -> Value {
        let mut pipes = self.pipes.lock().unwrap();
        writeln!(pipes.0, "{ask}").unwrap();
        let mut line = String::new();
        pipes.1.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer.get("error"), None, "{ask}");
        answer["ok"].take()
    }

    /// What the environment of somebody has who may write.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let mut environment = BTreeMap::new();
        for (name, value) in [
            ("AWS_ENDPOINT_URL", &*self.told["URL"]),
            ("AWS_ACCESS_KEY_ID", &self.told["KEY"]),
            ("AWS_SECRET_ACCESS_KEY", &self.told["SECRET"]),
            ("AWS_DEFAULT_REGION", "eu-central-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment
    }

    pub fn bucket(&self) -> &str {
        &self.told["BUCKET"]
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.act(&json!({ "do": "put", "key": key, "data": encoded(bytes) }));
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let data = self.act(&json!({ "do": "get", "key": key }));
        Some(base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data.as_str()?).unwrap())
    }

    pub fn keys(&self, prefix: &str) -> Vec<String> {
        let keys = self.act(&json!({ "do": "keys", "prefix": prefix }));
        keys.as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect()
    }
}

pub fn encoded(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}
