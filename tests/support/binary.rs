//! A small world of its own for each test: a git repository, a home, a sandbox, and the real binary.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// What the sandbox is signed in to with. It must never be seen again.
pub const TOKEN: &str = "dapi-0123456789abcdef-never-to-be-seen";

/// The project of most tests.
pub const PROJECT: &str = "\
apiVersion: plumb/v1
kind: Project
metadata: {name: demo}
spec:
  targets:
    dev: {default: true, databricks: {}}
";

/// A running `plumb sandbox`, ended with the test.
pub struct Sandbox {
    child: Child,
    pub url: String,
    /// Where Airflow is, if it was asked for.
    pub airflow: Option<String>,
    /// Where EMR is, if it was asked for.
    pub emr: Option<String>,
    /// Where the API of MWAA is, if it was asked for.
    pub mwaa: Option<String>,
    /// Where Google Cloud Storage is, if it was asked for.
    pub gcs: Option<String>,
}

impl Sandbox {
    pub fn start(options: &[&str]) -> Sandbox {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        command.env_clear().arg("sandbox").args(options).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let addresses: Value = serde_json::from_str(&line).unwrap();
        let url = |name: &str| addresses[name].as_str().map(str::to_owned);
        let databricks = url("databricks").unwrap();
        let (airflow, emr, mwaa, gcs) = (url("airflow"), url("emr"), url("mwaa"), url("gcs"));
        Sandbox { child, url: databricks, airflow, emr, mwaa, gcs }
    }

    /// Ends it by a signal, such as `-TERM`; answers its exit code.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }

    /// One request, as plain as can be. Its answer must be a success.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.try_send(method, path, body);
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    pub fn try_send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.ask(&self.url, method, path, body)
    }

    /// One request to any of its addresses.
    pub fn ask(&self, url: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let host = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer somebody\r\nContent-Type: application/json\
             \r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Value::Null))
    }

    pub fn get(&self, path: &str) -> Value {
        self.send("GET", path, &Value::Null)
    }

    pub fn post(&self, path: &str, body: Value) -> Value {
        self.send("POST", path, &body)
    }

    pub fn fault(&self, fault: Value) {
        self.post("/_sandbox/faults", fault);
    }

    /// What was asked since the last look, as `METHOD path status`.
    pub fn requests(&self) -> Vec<String> {
        let entries = self.get("/_sandbox/requests");
        self.send("DELETE", "/_sandbox/requests", &Value::Null);
        let line =
            |e: &Value| format!("{} {} {}", e["method"].as_str().unwrap(), e["path"].as_str().unwrap(), e["status"]);
        entries.as_array().unwrap().iter().map(line).collect()
    }

    /// Those of [`Sandbox::requests`] that changed something, or tried to, without their status and without those of the
    /// lease.
    pub fn writes(&self) -> Vec<String> {
        let all = self.requests();
        let lease = |l: &&String| l.contains(" /api/2.0/workspace/");
        all.iter()
            .filter(|l| !l.starts_with("GET ") && !lease(l))
            .map(|l| l.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    }

    /// The job of that name; what is live in the workspace, not what was sent.
    pub fn job(&self, name: &str) -> Value {
        let listed = self.get("/api/2.2/jobs/list?limit=100&expand_tasks=true");
        let mut named = listed["jobs"].as_array().into_iter().flatten().filter(|j| j["settings"]["name"] == name);
        let found = named.next().cloned().unwrap_or_else(|| panic!("no job is named {name}"));
        assert!(named.next().is_none(), "two jobs are named {name}");
        self.get(&format!("/api/2.2/jobs/get?job_id={}", found["job_id"]))
    }

    pub fn has_job(&self, name: &str) -> bool {
        let listed = self.get("/api/2.2/jobs/list?limit=100");
        listed["jobs"].as_array().into_iter().flatten().any(|j| j["settings"]["name"] == name)
    }

    /// Somebody edits a job in the UI.
    pub fn edit_job(&self, name: &str, settings: Value) {
        let id = self.job(name)["job_id"].clone();
        self.post("/api/2.2/jobs/update", json!({"job_id": id, "new_settings": settings}));
    }

    pub fn cluster(&self, name: &str) -> Value {
        let listed = self.get("/api/2.1/clusters/list?page_size=100");
        let mut all = listed["clusters"].as_array().into_iter().flatten();
        all.find(|c| c["cluster_name"] == name)
            .cloned()
            .unwrap_or_else(|| panic!("no cluster is named {name}: {listed}"))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A repository, and a workspace that it is applied to.
pub struct World {
    root: tempfile::TempDir,
    pub sandbox: Sandbox,
    env: Vec<(String, String)>,
    /// What stands for what in the output: (text, placeholder).
    known: RefCell<Vec<(String, String)>>,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
    /// With placeholders.
    pub shown: String,
}

/// A text as one line.
fn unbroken(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Ran {
    /// Insists on an exit code.
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}", self.shown);
        self
    }

    /// Insists that a text is on stdout or stderr, wherever its line was broken.
    #[track_caller]
    pub fn says(self, text: &str) -> Ran {
        assert!(self.has(text), "`{text}` is not in:\n{}", self.shown);
        self
    }

    fn has(&self, text: &str) -> bool {
        // What has blanks around it or a line's end in it is about the layout.
        let is_words = text.trim() == text && !text.contains('\n');
        self.shown.contains(text) || is_words && unbroken(&self.shown).contains(&unbroken(text))
    }

    #[track_caller]
    pub fn never_says(self, text: &str) -> Ran {
        assert!(!self.has(text), "`{text}` is in:\n{}", self.shown);
        self
    }

    /// The JSON on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}", self.shown))
    }
}

impl World {
    /// A world with [`PROJECT`] in it, and nothing committed.
    pub fn new() -> World {
        World::seeded(&Value::Null)
    }

    /// A world whose workspace holds something already.
    pub fn seeded(seed: &Value) -> World {
        World::begin(seed, false, false)
    }

    /// A world whose sandbox runs the code of jobs.
    pub fn with_code(options: &[&str]) -> World {
        let mut world = World::new();
        world.sandbox = Sandbox::start(&[&["--run-code"], options].concat());
        let url = world.sandbox.url.clone();
        world.env("DATABRICKS_HOST", Some(&url));
        world
    }

    /// A world with an Airflow beside the workspace. Its DAGs are in `dags` of the repository.
    pub fn with_airflow(seed: &Value) -> World {
        let mut world = World::begin(seed, true, false);
        let url = world.sandbox.airflow.clone().unwrap();
        let target = format!("{{default: true, databricks: {{}}, airflow: {{url: \"{url}\", dags: dags}}}}");
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", &target));
        world.env("AIRFLOW_URL", Some(&url));
        world.env("AIRFLOW_USERNAME", Some("ann"));
        world.env("AIRFLOW_PASSWORD", Some("any"));
        world
    }

    /// A world whose Airflow, of that major version, is the MWAA environment `prod`. Its DAGs are in `dags` of the repository.
    pub fn with_mwaa(version: &str, seed: &Value) -> World {
        let root = tempfile::tempdir().unwrap();
        let (dags, file) = (root.path().join("repo/dags"), root.path().join("seed.json"));
        std::fs::create_dir_all(&dags).unwrap();
        std::fs::write(&file, if seed.is_null() { "{}".to_owned() } else { seed.to_string() }).unwrap();
        let (dags, file) = (dags.to_str().unwrap(), file.to_str().unwrap());
        let options = ["--airflow", version, "--dags", dags, "--mwaa", "prod", "--seed", file];
        let sandbox = Sandbox::start(&options);
        let mut world = World::on(root, sandbox);
        let target = "{default: true, databricks: {}, airflow: {mwaa: prod, dags: dags}}";
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", target));
        let url = world.sandbox.mwaa.clone().unwrap();
        world.env("AWS_ENDPOINT_URL", Some(&url));
        world.env("AWS_REGION", Some("eu-central-1"));
        world.env("AWS_ACCESS_KEY_ID", Some("plumb"));
        world.env("AWS_SECRET_ACCESS_KEY", Some("sandbox"));
        world
    }

    /// A world with an Airflow that reads its DAG files from a bucket of Google Cloud Storage, as Composer's does. Whoever
    /// asks the bucket has the token that `GCS_TOKEN_COMMAND` prints.
    pub fn with_composer() -> World {
        let root = tempfile::tempdir().unwrap();
        let seed = root.path().join("seed.json");
        std::fs::write(&seed, json!({ "gcs": { "buckets": { "my_dags": {} } } }).to_string()).unwrap();
        let options = ["--airflow", "--gcs", "--dags", "gs://my_dags/dags", "--seed", seed.to_str().unwrap()];
        let mut world = World::on(root, Sandbox::start(&options));
        let (airflow, gcs) = (world.sandbox.airflow.clone().unwrap(), world.sandbox.gcs.clone().unwrap());
        let target = format!(
            "{{default: true, databricks: {{}}, airflow: {{url: \"{airflow}\", dags: \"gs://my_dags/dags\"}}}}"
        );
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", &target));
        let signed_in = [("AIRFLOW_URL", &*airflow), ("AIRFLOW_USERNAME", "ann"), ("AIRFLOW_PASSWORD", "any")];
        let store = [("STORAGE_EMULATOR_HOST", &*gcs), ("GCS_TOKEN_COMMAND", "echo ya29.0123456789-bucket")];
        for (name, value) in signed_in.into_iter().chain(store) {
            world.env(name, Some(value));
        }
        world
    }

    /// A world with an Airflow and an EMR beside the workspace.
    pub fn with_airflow_and_emr(seed: &Value) -> World {
        let mut world = World::begin(seed, true, true);
        let (airflow, emr) = (world.sandbox.airflow.clone().unwrap(), world.sandbox.emr.clone().unwrap());
        let target = format!(
            "{{default: true, databricks: {{}}, airflow: {{url: \"{airflow}\", dags: dags}}, emr: {{region: eu-central-1, \
             account: \"123456789012\"}}}}"
        );
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", &target));
        for (name, value) in [("AIRFLOW_URL", airflow.as_str()), ("AWS_ENDPOINT_URL", emr.as_str())] {
            world.env(name, Some(value));
        }
        for (name, value) in [("AIRFLOW_USERNAME", "ann"), ("AIRFLOW_PASSWORD", "any")] {
            world.env(name, Some(value));
        }
        world.env("AWS_ACCESS_KEY_ID", Some("plumb"));
        world.env("AWS_SECRET_ACCESS_KEY", Some("sandbox"));
        world
    }

    /// A world with an EMR beside the workspace.
    pub fn with_emr(seed: &Value) -> World {
        let mut world = World::begin(seed, false, true);
        let url = world.sandbox.emr.clone().unwrap();
        let target = "{default: true, databricks: {}, emr: {region: eu-central-1, account: \"123456789012\"}}";
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", target));
        world.env("AWS_ENDPOINT_URL", Some(&url));
        world.env("AWS_ACCESS_KEY_ID", Some("plumb"));
        world.env("AWS_SECRET_ACCESS_KEY", Some("sandbox"));
        world
    }

    /// A world with an Airflow and an EMR beside the workspace.
    pub fn with_all(seed: &Value) -> World {
        let mut world = World::begin(seed, true, true);
        let (airflow, emr) = (world.sandbox.airflow.clone().unwrap(), world.sandbox.emr.clone().unwrap());
        let target = format!(
            "{{default: true, databricks: {{}}, airflow: {{url: \"{airflow}\", dags: dags}}, \
             emr: {{region: eu-central-1, account: \"123456789012\"}}}}"
        );
        world.write("plumb.yaml", &PROJECT.replace("{default: true, databricks: {}}", &target));
        world.env("AIRFLOW_URL", Some(&airflow));
        world.env("AIRFLOW_USERNAME", Some("ann"));
        world.env("AIRFLOW_PASSWORD", Some("any"));
        world.env("AWS_ENDPOINT_URL", Some(&emr));
        world.env("AWS_ACCESS_KEY_ID", Some("plumb"));
        world.env("AWS_SECRET_ACCESS_KEY", Some("sandbox"));
        world
    }

    fn begin(seed: &Value, airflow: bool, emr: bool) -> World {
        let root = tempfile::tempdir().unwrap();
        let mut options = Vec::new();
        let dags = root.path().join("repo/dags");
        if airflow {
            std::fs::create_dir_all(&dags).unwrap();
            options = vec!["--airflow", "--dags", dags.to_str().unwrap()];
        }
        if emr {
            options.push("--emr=empty");
        }
        let file = root.path().join("seed.json");
        if !seed.is_null() {
            std::fs::write(&file, seed.to_string()).unwrap();
            options.extend(["--seed", file.to_str().unwrap()]);
        }
        let sandbox = Sandbox::start(&options);
        World::on(root, sandbox)
    }

    /// A world whose workspace runs the Python files of jobs.
    pub fn running_code() -> World {
        World::on(tempfile::tempdir().unwrap(), Sandbox::start(&["--run-code"]))
    }

    fn on(root: tempfile::TempDir, sandbox: Sandbox) -> World {
        let env = vec![
            ("DATABRICKS_HOST".to_owned(), sandbox.url.clone()),
            ("DATABRICKS_TOKEN".to_owned(), TOKEN.to_owned()),
        ];
        let world = World { root, sandbox, env, known: RefCell::default() };
        std::fs::create_dir_all(world.home()).unwrap();
        std::fs::create_dir_all(world.dir()).unwrap();
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.write("plumb.yaml", PROJECT);
        world
    }

    pub fn dir(&self) -> PathBuf {
        self.root.path().join("repo")
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Sets a variable of the environment, or takes it out.
    pub fn env(&mut self, name: &str, value: Option<&str>) {
        self.env.retain(|(n, _)| n != name);
        if let Some(value) = value {
            self.env.push((name.to_owned(), value.to_owned()));
        }
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir().join(path)).unwrap()
    }

    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.dir().join(path)).unwrap();
    }

    /// Replaces a text in a file, which has to be there once.
    #[track_caller]
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {path}:\n{text}");
        self.write(path, &text.replace(from, to));
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.dir(), arguments)
    }

    pub fn git_in(&self, dir: &Path, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.home());
        for (name, value) in [
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_AUTHOR_NAME", "Ada"),
            ("GIT_AUTHOR_EMAIL", "ada@example.com"),
            ("GIT_AUTHOR_DATE", "2024-05-01T12:00:00Z"),
            ("GIT_COMMITTER_NAME", "Ada"),
            ("GIT_COMMITTER_EMAIL", "ada@example.com"),
            ("GIT_COMMITTER_DATE", "2024-05-01T12:00:00Z"),
        ] {
            command.env(name, value);
        }
        let done = command.current_dir(dir).args(arguments).output().unwrap();
        assert!(done.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Commits everything. The commit is `<message>` in what is shown.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        let id = self.git(&["rev-parse", "HEAD"]);
        self.known.borrow_mut().push((id[..12].to_owned(), format!("<{message}>")));
    }

    /// Writes a file and commits it.
    pub fn commit_file(&self, path: &str, text: &str, message: &str) {
        self.write(path, text);
        self.commit(message);
    }

    fn command(&self, dir: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        command.env_clear().env("HOME", self.home()).env("COLUMNS", "100").envs(self.env.iter().cloned());
        command.current_dir(dir).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs plumb in the repository. The arguments are divided at spaces.
    pub fn plumb(&self, arguments: &str) -> Ran {
        self.plumb_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    pub fn plumb_with(&self, arguments: &[&str]) -> Ran {
        self.plumb_in(&self.dir(), arguments)
    }

    pub fn plumb_in(&self, dir: &Path, arguments: &[&str]) -> Ran {
        self.learn();
        let done = self.command(dir, arguments).output().unwrap();
        self.ran(done)
    }

    /// Runs plumb on a terminal of so many rows and columns, and answers what it shows there. Each answer is typed when its text
    /// is shown.
    pub fn on_terminal(&self, (rows, columns): (u16, u16), arguments: &str, answers: &[(&str, &str)]) -> Ran {
        let mut env: std::collections::BTreeMap<String, String> = self.env.iter().cloned().collect();
        let home = self.home();
        let own = [("HOME", home.to_str().unwrap()), ("TERM", "xterm"), ("NO_COLOR", "1")];
        env.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let command: Vec<&str> =
            [env!("CARGO_BIN_EXE_plumb")].into_iter().chain(arguments.split_whitespace()).collect();
        let asked = json!({"command": command, "env": env, "folder": self.dir(), "rows": rows, "columns": columns,
            "answers": answers});
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/terminal.py");
        let done = Command::new("python3").arg(script).arg(asked.to_string()).stdin(Stdio::null()).output().unwrap();
        let mut ran = self.ran(done);
        // The terminal ends its lines with both.
        ran.out = ran.out.replace("\r\n", "\n");
        ran.shown = ran.shown.replace("\r\n", "\n");
        ran
    }

    /// Starts plumb and goes on.
    pub fn start(&self, arguments: &str) -> Started<'_> {
        self.learn();
        let arguments: Vec<&str> = arguments.split_whitespace().collect();
        let mut command = self.command(&self.dir(), &arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let err = BufReader::new(child.stderr.take().unwrap());
        Started { world: self, child, err, read: String::new() }
    }

    fn ran(&self, done: Output) -> Ran {
        self.learn();
        let (out, err) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert!(!out.contains(TOKEN) && !err.contains(TOKEN), "the token is in:\n{out}{err}");
        assert!(!err.contains("panicked"), "{err}");
        let code = done.status.code().unwrap();
        let mut shown = self.scrub(&out);
        if !err.is_empty() {
            shown.push_str(&format!("--- stderr\n{}", self.scrub(&err)));
        }
        shown.push_str(&format!("--- exit {code}\n"));
        Ran { code, out, err, shown }
    }

    /// Learns the ids of the workspace's objects, to show them as `<job etl>`.
    fn learn(&self) {
        let state = self.sandbox.get("/_sandbox/state");
        let mut known = self.known.borrow_mut();
        for (list, noun, name) in [
            ("jobs", "job", "/settings/name"),
            ("clusters", "cluster", "/effective/cluster_name"),
            ("policies", "policy", "/name"),
            ("instance_pools", "pool", "/instance_pool_name"),
        ] {
            for (id, object) in state["databricks"][list].as_object().into_iter().flatten() {
                if known.iter().any(|(text, _)| text == id) {
                    continue;
                }
                let title = object.pointer(name).or_else(|| object.pointer("/body/name")).and_then(Value::as_str);
                let title = title.unwrap_or("?").to_owned();
                let mut placeholder = format!("<{noun} {title}>");
                for number in 2.. {
                    if !known.iter().any(|(_, p)| *p == placeholder) {
                        break;
                    }
                    placeholder = format!("<{noun} {title} #{number}>");
                }
                known.push((id.clone(), placeholder));
            }
        }
        for region in state["emr"]["regions"].as_object().into_iter().flatten().map(|(_, region)| region) {
            for (id, cluster) in region["clusters"].as_object().into_iter().flatten() {
                if known.iter().all(|(text, _)| text != id) {
                    known.push((id.clone(), format!("<emr {}>", cluster["asked"]["Name"].as_str().unwrap_or("?"))));
                }
            }
        }
    }

    /// Puts placeholders where something is different each time.
    pub fn scrub(&self, text: &str) -> String {
        let mut text = text.replace(&self.sandbox.url, "<host>");
        text = text.replace(self.sandbox.url.strip_prefix("http://").unwrap(), "<host>");
        for dir in [self.root.path().canonicalize().unwrap(), self.root.path().to_owned()] {
            text = text.replace(dir.to_str().unwrap(), "<dir>");
        }
        for (what, placeholder) in self.known.borrow().iter() {
            text = text.replace(what, placeholder);
        }
        let times = text.split_inclusive('\n').map(|line| match line.rsplit_once(" in ") {
            Some((head, tail)) if tail.trim_end().strip_suffix(" s").is_some_and(|n| n.parse::<f64>().is_ok()) => {
                format!("{head} in <time>\n")
            }
            _ => line.to_owned(),
        });
        let times = times.map(|line| match line.split_once(" after ") {
            Some((head, tail)) => match tail.split_once(" s") {
                Some((number, tail)) if number.parse::<f64>().is_ok() => format!("{head} after <time>{tail}"),
                _ => line,
            },
            None => line,
        });
        let digests = times.map(|line| after(&line, "igest ", |w| w.len() == 18, "`<digest>`"));
        let digests = digests.map(|line| after(&line, "Digest: ", |w| w.len() == 16, "<digest>"));
        let by_hand = "To apply it: `plumb apply --target dev --approved ";
        let digests = digests.map(|line| after(&line, by_hand, |w| w.len() == 17, "<digest>`"));
        digests.map(|line| after(&line, "request id ", |w| w.len() > 20, "<id>")).collect()
    }
}

/// Replaces the word after a text, when it is such a one.
fn after(line: &str, head: &str, is: impl Fn(&str) -> bool, placeholder: &str) -> String {
    let Some((before, rest)) = line.rsplit_once(head) else { return line.to_owned() };
    let end = rest.find([' ', '\n', ',', ')', ':', ';']).unwrap_or(rest.len());
    match is(&rest[..end]) {
        true => format!("{before}{head}{placeholder}{}", &rest[end..]),
        false => line.to_owned(),
    }
}

/// A command that runs.
pub struct Started<'w> {
    world: &'w World,
    child: Child,
    err: BufReader<std::process::ChildStderr>,
    read: String,
}

impl Started<'_> {
    /// Waits until it says something on stderr.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        let begun = std::time::Instant::now();
        loop {
            let mut line = String::new();
            let length = self.err.read_line(&mut line).unwrap();
            self.read.push_str(&line);
            if line.contains(text) {
                return;
            }
            assert!(length > 0 && begun.elapsed().as_secs() < 60, "it never said `{text}`:\n{}", self.read);
        }
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGINT, as Ctrl-C does.
    pub fn interrupt(&self) {
        let sent = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it at once, as the kernel does when memory is short.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn wait(mut self) -> Ran {
        let mut err = std::mem::take(&mut self.read);
        let mut out = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        self.err.read_to_string(&mut err).unwrap();
        let status = self.child.wait().unwrap();
        self.world.ran(Output { status, stdout: out, stderr: err.into_bytes() })
    }
}

/// A job of one notebook task.
pub fn job(name: &str, more: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata:
  name: {name}
spec:
  name: {name}
  tasks:
    - task_key: main
      notebook_task: {{notebook_path: /Shared/{name}}}
      existing_cluster_id: 0101-000000-abcdefgh
{more}"
    )
}

/// The manifest of a cluster that is called `shared`, with more of its spec.
pub fn shared_cluster(more: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksCluster
metadata: {{name: shared}}
spec:
  cluster_name: shared
  spark_version: 15.4.x-scala2.12
  node_type_id: r6id.xlarge
  num_workers: 2
  autotermination_minutes: 30
{more}"
    )
}
