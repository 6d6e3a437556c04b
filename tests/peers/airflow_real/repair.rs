//! Runs that fail, as the real Airflow and the provider's own client deal with them: repaired, left alone, told of.

use super::project::Project;
use reqwest::Method;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

/// Jobs and DAGs. A template that never says the same twice shows whose parameters a repair is given.
fn manifests() -> String {
    let job = |name: &str| {
        format!(
            "apiVersion: plumb/v1\nkind: DatabricksJob\nmetadata: {{name: {name}}}\nspec:\n  name: {name}\n  parameters: [{{name: \
             nonce, default: none}}]\n  tasks:\n    - {{task_key: a, notebook_task: {{notebook_path: /Shared/a}}}}\n    - \
             {{task_key: b, depends_on: [{{task_key: a}}], notebook_task: {{notebook_path: /Shared/b}}}}\n---\n"
        )
    };
    let jobs: String = ["here", "deferred", "cancelled", "timed", "lost", "refused", "dry"].map(job).concat();
    format!(
        r#"{jobs}apiVersion: plumb/v1
kind: AirflowConnection
metadata: {{name: workspace}}
spec: {{connection_id: workspace, conn_type: databricks, host: 127.0.0.1, schema: http, port: "${{var.port}}", password: "${{env.WORKSPACE_TOKEN}}"}}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: mended}}
spec:
  defaults: {{connection: workspace, poll: 1s, repair: {{maxRepairs: 2}}}}
  tasks:
    - {{id: here, job: here, params: {{job_parameters: {{nonce: "{{{{ macros.uuid.uuid4() }}}}"}}}}}}
    - {{id: deferred, job: deferred, deferrable: true, params: {{job_parameters: {{nonce: "{{{{ macros.uuid.uuid4() }}}}"}}}}}}
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: left}}
spec:
  defaults: {{connection: workspace, poll: 1s, repair: {{maxRepairs: 2}}}}
  tasks: [{{id: cancelled, job: cancelled}}, {{id: timed, job: timed, deferrable: true}}]
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: lost}}
spec:
  defaults: {{connection: workspace, poll: 1s}}
  tasks: [{{id: lost, job: lost, repair: {{maxRepairs: 1, keepParameters: false}}, params: {{job_parameters: {{nonce: given}}}}}}]
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: refused}}
spec:
  defaults: {{connection: workspace, poll: 1s}}
  tasks: [{{id: refused, job: refused, repair: {{maxRepairs: 1}}}}]
---
apiVersion: plumb/v1
kind: AirflowDag
metadata: {{name: told}}
spec:
  onFailure: diagnose
  notify:
    email: [oncall@example.com, data@example.com]
    callbacks:
      - {{path: company_alerts.nobody}}
      - {{path: company_alerts.breaks}}
      - {{path: company_alerts.writes, arguments: {{team: data}}}}
      - {{path: company_alerts.Notifier, arguments: {{text: "{{{{ dag.dag_id }}}}"}}}}
  defaults: {{connection: workspace, poll: 1s}}
  tasks: [{{id: dry, job: dry, deferrable: true, repair: {{maxRepairs: 1}}}}]
"#
    )
}

/// What a deployment has of its own.
const ALERTS: &str = r#"
import json
import os

try:
    from airflow.sdk.bases.notifier import BaseNotifier
except ImportError:
    from airflow.notifications.basenotifier import BaseNotifier


def add(what):
    with open(os.path.join(os.environ["AIRFLOW_HOME"], "told.txt"), "a") as file:
        file.write(json.dumps(what) + "\n")


def breaks(context):
    raise ValueError("the pager is off")


async def writes(context, team):
    add([team, context["ti"].task_id, context["plumb_diagnosis"]])


class Notifier(BaseNotifier):
    template_fields = ("text",)

    def __init__(self, text):
        super().__init__()
        self.text = text

    def notify(self, context):
        add(["notifier", self.text, context["plumb_diagnosis"]])
"#;

/// What it would be a pity to fill in, or to show as it is, where a mail is read.
const DIAGNOSIS: &str = "Cause  the lake is dry <b>{{ 7 * 7 }}</b>";

/// A mail server that keeps what it is sent.
async fn mail_server(port: u16) -> Arc<Mutex<String>> {
    let kept = Arc::new(Mutex::new(String::new()));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let all = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let all = Arc::clone(&all);
            tokio::spawn(async move {
                let (read, mut write) = stream.into_split();
                let mut lines = BufReader::new(read).lines();
                let mut is_data = false;
                let _ = write.write_all(b"220 here\r\n").await;
                while let Ok(Some(line)) = lines.next_line().await {
                    let word = if is_data { line.clone() } else { line.to_uppercase() };
                    all.lock().unwrap().push_str(&format!("{word}\n"));
                    let answer = match (is_data, word.as_str()) {
                        (true, ".") => "250 kept",
                        (true, _) => continue,
                        (false, "DATA") => "354 go on",
                        (false, "QUIT") => "221 bye",
                        (false, _) => "250 yes",
                    };
                    is_data = word == "DATA" && !is_data;
                    let _ = write.write_all(format!("{answer}\r\n").as_bytes()).await;
                }
            });
        }
    });
    kept
}

/// The requests of one kind, since the log was last emptied.
async fn requests(project: &Project, path: &str) -> Vec<Value> {
    let all = project.sandbox(Method::GET, "requests", Value::Null).await;
    let same = |r: &&Value| r["method"] == "POST" && r["path"].as_str().is_some_and(|p| p.ends_with(path));
    all.as_array().unwrap().iter().filter(same).cloned().collect()
}

/// Starts a run of a DAG, waits for its end, and answers what was logged.
async fn run(project: &Project, dag: &str, state: &str) -> String {
    project.sandbox(Method::DELETE, "requests", Value::Null).await;
    let body = json!({ "dag_run_id": "by-hand", "logical_date": "2024-06-15T00:00:00Z" });
    project.ask("POST", &format!("dags/{dag}/dagRuns"), body).await;
    project.run_is(dag, "by-hand", state).await;
    project.logs(dag, "by-hand").await
}

/// Each task that failed at first ends well: one run each, one repair each, and with the parameters of the run.
async fn mended(project: &Project) {
    let log = run(project, "mended", "success").await;
    let (runs, repairs) = (requests(project, "/run-now").await, requests(project, "/runs/repair").await);
    assert_eq!((runs.len(), repairs.len()), (2, 2), "{log}");
    let given = |all: &[Value]| {
        let mut all: Vec<String> = all.iter().map(|r| r["body"]["job_parameters"].to_string()).collect();
        all.sort();
        all
    };
    assert_eq!(given(&runs), given(&repairs), "{log}");
    assert!(given(&runs)[0].len() > 36, "{runs:?}");
    for repair in &repairs {
        assert_eq!(repair["body"]["rerun_all_failed_tasks"], true);
        let id = &repair["body"]["run_id"];
        for said in [format!("plumb | repair 1 of 2 of run {id} has begun"), format!("run {id} ended as FAILED")] {
            assert!(log.contains(&said), "{said} is not in {log}");
        }
    }
    assert!(!log.contains("outside Task"), "Airflow takes it for a nested operator: {log}");
}

/// What was cancelled or took too long is not done again.
async fn left(project: &Project) {
    let log = run(project, "left", "failed").await;
    assert_eq!(requests(project, "/run-now").await.len(), 2, "{log}");
    assert_eq!(requests(project, "/runs/repair").await.len(), 0, "{log}");
    assert_eq!(log.matches("plumb | not repaired: what was cancelled, timed out or never began").count(), 2, "{log}");
}

/// The answer is lost, and the client asks again: one repair. It is given no parameters.
async fn lost(project: &Project) {
    let fault = json!({ "path": "/api/*/jobs/runs/repair", "when": "after", "drop": true });
    project.sandbox(Method::POST, "faults", fault).await;
    let log = run(project, "lost", "success").await;
    let repairs = requests(project, "/runs/repair").await;
    assert_eq!((requests(project, "/run-now").await.len(), repairs.len()), (1, 2), "{log}");
    assert_eq!(repairs[0]["body"]["job_parameters"], Value::Null);
    assert!(log.contains("is under way, though this was answered"), "{log}");
    let runs = project.job_runs().await;
    assert_eq!(runs[0]["job_parameters"], json!([{ "name": "nonce", "default": "none" }]));
}

/// The service says no: the task fails, and says why.
async fn refused(project: &Project) {
    let body = json!({ "error_code": "INVALID_PARAMETER_VALUE", "message": "the run is too old to be repaired" });
    let fault = json!({ "path": "/api/*/jobs/runs/repair", "status": 400, "body": body, "times": 9 });
    project.sandbox(Method::POST, "faults", fault).await;
    let log = run(project, "refused", "failed").await;
    assert_eq!(requests(project, "/runs/repair").await.len(), 1, "{log}");
    assert!(log.contains("plumb | not repaired: repair 1 of 1 of run"), "{log}");
    assert!(log.contains("the run is too old to be repaired"), "{log}");
    project.sandbox(Method::DELETE, "faults", Value::Null).await;
}

/// A task that no repair helps: everybody who is named is told why, whoever else cannot be.
async fn told(project: &Project, mails: &Mutex<String>) {
    let log = run(project, "told", "failed").await;
    assert_eq!(requests(project, "/runs/repair").await.len(), 1, "{log}");
    assert!(log.contains("1 of 1 repairs did not help"), "{log}");
    for said in
        ["plumb | company_alerts.nobody was not told", "plumb | company_alerts.breaks was not told", "the pager is off"]
    {
        assert!(log.contains(said), "{said} is not in {log}");
    }
    assert!(log.contains("plumb | Cause  the lake is dry"), "{log}");
    let told = std::fs::read_to_string(project.airflow.path("told.txt")).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told, [json!(["data", "dry", DIAGNOSIS]), json!(["notifier", "told", DIAGNOSIS])]);

    let mail = mails.lock().unwrap().clone();
    assert!(log.contains("plumb | mailed to data@example.com, oncall@example.com"), "{log}");
    assert_eq!(mail.matches("\nDATA\n").count(), 1, "{mail}");
    for address in ["<data@example.com>", "<oncall@example.com>"] {
        assert!(mail.to_lowercase().contains(&format!("rcpt to:{address}")), "{mail}");
    }
    assert!(mail.contains("Subject: Airflow: told.dry failed"), "{mail}");
    assert!(body_of(&mail).contains("the lake is dry &lt;b&gt;{{ 7 * 7 }}&lt;/b&gt;"), "{}", body_of(&mail));
}

/// The text of the mail, of which mail programs encode some.
fn body_of(mail: &str) -> String {
    use base64::Engine;
    let (_, data) = mail.split_once("\nDATA\n").unwrap();
    let (_, part) = data.split_once("Content-Type: text/html").unwrap();
    let (head, body) = part.split_once("\n\n").unwrap();
    if !head.contains("base64") {
        return body.to_owned();
    }
    let body: String = body.lines().take_while(|line| !line.is_empty() && !line.starts_with("--")).collect();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(body).unwrap()).unwrap()
}

/// Plays it on one major version.
pub async fn play(major: u8) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let project = Project::begin(major).await;
    let mails = mail_server(project.airflow.mail).await;
    std::fs::write(project.airflow.path("config/company_alerts.py"), ALERTS).unwrap();
    let program = project.airflow.path("bin/plumb");
    std::fs::write(&program, format!("#!/bin/sh\necho '{DIAGNOSIS}'\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    if major == 3 {
        let extra = json!({ "disable_ssl": true, "disable_tls": true }).to_string();
        let smtp = json!({ "connection_id": "smtp_default", "conn_type": "smtp", "host": "127.0.0.1",
            "port": project.airflow.mail, "extra": extra });
        project.ask("POST", "connections", smtp).await;
    }
    let once = json!({ "result": "FAILED", "task": "b", "error": "the lake is dry", "times": 1 });
    let ends = |result: &str| json!({ "result": result });
    let always = json!({ "result": "FAILED", "task": "b", "error": "the lake is dry" });
    let runs = json!({ "here": once, "deferred": once, "lost": once, "refused": always, "dry": always,
        "cancelled": ends("CANCELED"), "timed": ends("TIMEDOUT") });
    let settings = json!({ "run_pending_seconds": 0, "run_seconds": 0, "runs": runs });
    project.sandbox(Method::PATCH, "settings", settings).await;
    project.write("manifests/all.yaml", &manifests());
    project.settle().await;

    mended(&project).await;
    left(&project).await;
    lost(&project).await;
    refused(&project).await;
    told(&project, &mails).await;
    project.settled().await;
}
