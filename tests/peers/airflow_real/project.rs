//! A project over a real Airflow and an emulated workspace, and the real command line.

use super::same::Side;
use super::server::Airflow;
use plumb_sandbox::Running;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// What signs in to the emulated workspace. It must never be seen again.
const TOKEN: &str = "dapi-0123456789abcdef-never-to-be-seen";

/// A folder with manifests, what they are applied to, and a person who looks at it.
pub struct Project {
    folder: tempfile::TempDir,
    workspace: Running,
    http: reqwest::Client,
    pub airflow: Airflow,
    pub person: Side,
}

/// How a command ended.
pub struct Ran {
    pub code: i32,
    pub text: String,
}

impl Ran {
    #[track_caller]
    pub fn code(self, code: i32) -> Ran {
        assert_eq!(self.code, code, "{}", self.text);
        self
    }

    #[track_caller]
    pub fn says(self, what: &str) -> Ran {
        assert!(self.text.contains(what), "`{what}` is not in:\n{}", self.text);
        self
    }
}

impl Project {
    /// A project without manifests, over a new Airflow and a new workspace.
    pub async fn begin(major: u8) -> Project {
        let airflow = Airflow::start(major, None);
        let workspace = {
            let emr = Some(plumb_sandbox::emr::EmrOptions::default());
            plumb_sandbox::start(plumb_sandbox::SandboxOptions { emr, ..Default::default() }).await.unwrap()
        };
        let (user, password) = (&airflow.user, &airflow.password);
        let person = Side::new("Airflow", &airflow.url, user, password, airflow.dags.clone(), major).await;
        let folder = tempfile::tempdir().unwrap();
        let project = Project { folder, workspace, http: reqwest::Client::new(), airflow, person };
        project.write("manifests/.empty.yaml", "");
        let names = "CONNECTION_PASSWORD, CONNECTION_TOKEN, CONNECTION_SECRET, AIRFLOW_CLIENT_SECRET, \
                     VARIABLE_PASSWORD, VARIABLE_HOOK, WORKSPACE_TOKEN";
        let (url, dags) = (&project.airflow.url, project.airflow.dags.display());
        let text = format!(
            "apiVersion: plumb/v1\nkind: Project\nmetadata: {{name: real}}\nspec:\n  env: [{names}]\n  variables: {{port: \
             {}}}\n  targets:\n    test: {{databricks: {{}}, emr: {{region: eu-central-1, account: \"123456789012\"}}, airflow: {{url: \"{url}\", dags: \"{dags}\"}}}}\n",
            project.workspace.addr.port()
        );
        project.write("plumb.yaml", &text);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The text of a file of the project.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The address of the emulated EMR.
    pub fn emr(&self) -> String {
        self.workspace.emr_url().unwrap()
    }

    /// Removes every manifest.
    pub fn clear(&self) {
        std::fs::remove_dir_all(self.path("manifests")).unwrap();
        self.write("manifests/.empty.yaml", "");
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
        let url = self.workspace.url();
        command.env_clear().envs([("HOME", self.folder.path().to_str().unwrap()), ("COLUMNS", "120")]);
        command.envs([("DATABRICKS_HOST", url.as_str()), ("DATABRICKS_TOKEN", TOKEN), ("WORKSPACE_TOKEN", TOKEN)]);
        // One of the fixtures has a variable called as what signs in a service principal.
        command.env("DATABRICKS_AUTH_TYPE", "pat");
        command.envs([("AIRFLOW_USERNAME", &self.airflow.user), ("AIRFLOW_PASSWORD", &self.airflow.password)]);
        command.env("AIRFLOW_URL", &self.airflow.url);
        command.env("AWS_ENDPOINT_URL", self.workspace.emr_url().unwrap());
        command.envs([("AWS_ACCESS_KEY_ID", "plumb"), ("AWS_SECRET_ACCESS_KEY", "sandbox")]);
        for name in ["CONNECTION_PASSWORD", "CONNECTION_TOKEN", "CONNECTION_SECRET", "AIRFLOW_CLIENT_SECRET"] {
            command.env(name, format!("plain-{name}"));
        }
        command.envs([("VARIABLE_PASSWORD", "plain-variable"), ("VARIABLE_HOOK", "plain-hook")]);
        command.current_dir(self.folder.path()).args(arguments.split_whitespace()).kill_on_drop(true);
        command
    }

    /// Runs plumb. The arguments are divided at spaces.
    pub async fn plumb(&self, arguments: &str) -> Ran {
        let done = self.command(arguments).output().await.unwrap();
        let text = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        assert!(!text.contains("plain-") && !text.contains(TOKEN), "a secret is in:\n{text}");
        Ran { code: done.status.code().unwrap(), text: format!("$ plumb {arguments}\n{text}") }
    }

    /// Runs plumb, and something else as soon as it has said a word.
    pub async fn plumb_while(&self, arguments: &str, word: &str, then: impl AsyncFnOnce()) -> Ran {
        let mut command = self.command(arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut text = format!("$ plumb {arguments}\n");
        let mut then = Some(then);
        while let Some(line) = lines.next_line().await.unwrap() {
            text.push_str(&format!("{line}\n"));
            if line.contains(word)
                && let Some(then) = then.take()
            {
                then().await;
            }
        }
        assert!(then.is_none(), "it never said `{word}`:\n{text}");
        Ran { code: child.wait().await.unwrap().code().unwrap(), text }
    }

    /// Applies, and fails unless all was done and nothing is left to do.
    pub async fn settle(&self) {
        self.plumb("apply --yes --allow-run-now --override max-deletes").await.code(0);
        self.settled().await;
    }

    /// Fails unless there is nothing to do.
    pub async fn settled(&self) {
        self.plumb("plan --detailed-exitcode").await.code(0).says("No changes.");
    }

    /// Asks Airflow, below `/api/vN/`. The answer has to be a good one.
    pub async fn ask(&self, method: &str, rest: &str, body: Value) -> Value {
        let body = (!body.is_null()).then(|| body.to_string());
        let path = format!("/api/v{}/{rest}", self.person.major - 1);
        // Its SQLite answers so when two writes meet, and nothing of the request was done.
        let met = |status: u16, answer: &Value| status == 500 && answer.to_string().contains("Database error");
        let (mut status, mut answer) = self.person.ask(method, &path, body.as_deref()).await;
        for _ in 0..10 {
            if !met(status, &answer) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            (status, answer) = self.person.ask(method, &path, body.as_deref()).await;
        }
        assert!(status < 300, "{method} {path}: {status} {answer}");
        answer
    }

    /// Sets what the emulated workspace does with the runs of a job.
    pub async fn runs(&self, job: &str, outcome: Value) {
        let settings = json!({ "run_pending_seconds": 0, "run_seconds": 0, "runs": { job: outcome } });
        self.sandbox(reqwest::Method::PATCH, "settings", settings).await;
    }

    /// Asks the emulated workspace itself: its settings, its faults, what it was asked.
    pub async fn sandbox(&self, method: reqwest::Method, what: &str, body: Value) -> Value {
        let url = format!("{}/_sandbox/{what}", self.workspace.url());
        let asked = self.http.request(method, url);
        let asked = if body.is_null() { asked } else { asked.json(&body) };
        let answer = asked.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{what}: {text}");
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The latest runs of the workspace, whole, the newest first.
    pub async fn job_runs(&self) -> Vec<Value> {
        let url = format!("{}/api/2.2/jobs/runs/list?limit=20", self.workspace.url());
        let answer = self.http.get(url).bearer_auth(TOKEN).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
        let list: Value = answer.json().await.unwrap();
        list["runs"].as_array().cloned().unwrap_or_default()
    }

    /// Waits until something holds of a run of a DAG.
    pub async fn run_is(&self, dag: &str, run: &str, state: &str) {
        let is = |run: &Value| run["state"] == state;
        let path = format!("dags/{dag}/dagRuns/{run}");
        for _ in 0..480 {
            let now = self.ask("GET", &path, Value::Null).await;
            if is(&now) {
                return;
            }
            let ended = ["success", "failed"].iter().any(|end| now["state"] == *end);
            assert!(!ended, "the run {run} ended, not as {state}: {now}\n{}", self.logs(dag, run).await);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        panic!("the run {run} did not become {state} within two minutes\n{}", self.logs(dag, run).await);
    }

    /// What the tasks of a run have logged, as Airflow shows it.
    pub async fn logs(&self, dag: &str, run: &str) -> String {
        let tasks = self.ask("GET", &format!("dags/{dag}/dagRuns/{run}/taskInstances"), Value::Null).await;
        let mut text = String::new();
        for task in tasks["task_instances"].as_array().unwrap() {
            let (id, tries) = (task["task_id"].as_str().unwrap(), task["try_number"].as_u64().unwrap_or(0));
            text.push_str(&format!("== {id}: {}\n", task["state"]));
            for number in 1..=tries {
                let path = format!("dags/{dag}/dagRuns/{run}/taskInstances/{id}/logs/{number}?full_content=true");
                text.push_str(&self.ask("GET", &path, Value::Null).await.to_string());
            }
        }
        text
    }
}
