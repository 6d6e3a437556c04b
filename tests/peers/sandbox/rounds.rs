//! A round with real clients: whichever `databricks`, and `tofu` or `terraform` with `terraform-provider-databricks`, is on
//! the PATH. What is missing is skipped, and the skip is printed with its number.

use plumb_sandbox::SandboxOptions;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

static SKIPPED: AtomicU32 = AtomicU32::new(0);

/// Where a program is.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Says that a round was left out. The test harness captures what is printed, but not what is written to the stream.
fn skip(missing: &str) {
    let count = SKIPPED.fetch_add(1, Ordering::SeqCst) + 1;
    let _ = writeln!(std::io::stderr(), "skipped round {count}: no {missing} on the PATH");
}

/// A client with its folder, and nothing of whoever runs the tests.
struct Client {
    program: PathBuf,
    folder: tempfile::TempDir,
    url: String,
}

impl Client {
    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        for (name, value) in [
            ("DATABRICKS_HOST", self.url.as_str()),
            ("DATABRICKS_TOKEN", "t"),
            ("DATABRICKS_CONFIG_FILE", "/dev/null"),
            // The engine that needs no Terraform.
            ("DATABRICKS_BUNDLE_ENGINE", "direct"),
            // Neither client asks the internet whether it is the newest.
            ("CHECKPOINT_DISABLE", "1"),
            ("TF_CLI_CONFIG_FILE", "config.tfrc"),
            ("TF_IN_AUTOMATION", "1"),
            ("NO_COLOR", "1"),
            ("PATH", "/usr/bin:/bin"),
        ] {
            command.env(name, value);
        }
        command.output().unwrap()
    }

    /// Runs it, and answers what it printed; it has to end with this code.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        let text = [output.stdout, output.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

async fn round(program: PathBuf, play: impl FnOnce(&Client) + Send + 'static) {
    // Runs finish while somebody waits for them.
    let running = plumb_sandbox::start(SandboxOptions::default()).await.unwrap();
    let client = Client { program, folder: tempfile::tempdir().unwrap(), url: running.url() };
    tokio::task::spawn_blocking(move || play(&client)).await.unwrap();
    running.stop().await.unwrap();
}

fn bundle(name: &str) -> String {
    format!(
        "bundle:
  name: round
resources:
  jobs:
    one:
      name: {name}
      max_concurrent_runs: 2
      tasks:
        - task_key: notebook
          notebook_task: {{notebook_path: ./src/notebook.py}}
        - task_key: file
          depends_on: [{{task_key: notebook}}]
          environment_key: default
          spark_python_task: {{python_file: ./src/file.py}}
      environments:
        - environment_key: default
          spec: {{client: \"1\"}}
permissions:
  - {{user_name: someone@example.com, level: CAN_MANAGE}}
  - {{group_name: users, level: CAN_VIEW}}
targets:
  dev: {{default: true}}
"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_deployed_changed_run_and_destroyed() {
    let Some(program) = on_path("databricks") else { return skip("databricks") };
    round(program, |cli| {
        cli.write("databricks.yml", &bundle("first"));
        cli.write("src/notebook.py", "# Databricks notebook source\nprint(1)\n");
        cli.write("src/file.py", "print(2)\n");
        cli.ends(0, &["bundle", "validate"]);
        let plan = cli.ends(0, &["bundle", "plan"]);
        assert!(plan.contains("2 to add, 0 to change, 0 to delete"), "{plan}");
        cli.ends(0, &["bundle", "deploy"]);
        let plan = cli.ends(0, &["bundle", "plan"]);
        assert!(plan.contains("0 to add, 0 to change, 0 to delete"), "{plan}");
        cli.write("databricks.yml", &bundle("second"));
        cli.write("src/file.py", "print(3)\n");
        let plan = cli.ends(0, &["bundle", "plan"]);
        assert!(plan.contains("0 to add, 1 to change, 0 to delete"), "{plan}");
        cli.ends(0, &["bundle", "deploy"]);
        let plan = cli.ends(0, &["bundle", "plan"]);
        assert!(plan.contains("0 to add, 0 to change, 0 to delete"), "{plan}");
        let run = cli.ends(0, &["bundle", "run", "one"]);
        assert!(run.contains("TERMINATED SUCCESS"), "{run}");
        let summary = cli.ends(0, &["bundle", "summary"]);
        assert!(summary.contains("second"), "{summary}");
        let files = "/Workspace/Users/someone@example.com/.bundle/round/dev/files/src";
        let listed = cli.ends(0, &["workspace", "list", files]);
        assert!(listed.contains(&format!("{files}/notebook")) && listed.contains("NOTEBOOK"), "{listed}");
        cli.ends(0, &["bundle", "destroy", "--auto-approve"]);
        assert!(!cli.ends(0, &["jobs", "list"]).contains("second"));
        cli.ends(1, &["workspace", "list", files]);
    })
    .await;
}

fn configuration(comment: &str) -> String {
    format!(
        r##"
terraform {{
  required_providers {{
    databricks = {{ source = "databricks/databricks" }}
  }}
}}
resource "databricks_secret_scope" "s" {{ name = "scope" }}
resource "databricks_secret" "s" {{
  scope        = databricks_secret_scope.s.name
  key          = "key"
  string_value = "{comment}"
}}
resource "databricks_secret_acl" "s" {{
  scope      = databricks_secret_scope.s.name
  principal  = "users"
  permission = "READ"
}}
resource "databricks_directory" "d" {{ path = "/Shared/round" }}
resource "databricks_notebook" "n" {{
  path           = "${{databricks_directory.d.path}}/notebook"
  language       = "PYTHON"
  content_base64 = base64encode("# Databricks notebook source\nprint('{comment}')\n")
}}
resource "databricks_workspace_file" "f" {{
  path           = "${{databricks_directory.d.path}}/file.txt"
  content_base64 = base64encode("{comment}")
}}
resource "databricks_permissions" "d" {{
  directory_path = databricks_directory.d.path
  access_control {{
    group_name       = "users"
    permission_level = "CAN_READ"
  }}
}}
resource "databricks_permissions" "n" {{
  notebook_path = databricks_notebook.n.path
  access_control {{
    group_name       = "users"
    permission_level = "CAN_RUN"
  }}
}}
resource "databricks_group" "g" {{ display_name = "round" }}
resource "databricks_cluster_policy" "p" {{
  name       = "round"
  definition = jsonencode({{ "spark_version" : {{ "type" : "unlimited" }} }})
}}
resource "databricks_instance_pool" "p" {{
  instance_pool_name                    = "round"
  node_type_id                          = "i3.xlarge"
  min_idle_instances                    = 0
  max_capacity                          = 3
  idle_instance_autotermination_minutes = 10
}}
resource "databricks_job" "old" {{
  name                = "without tasks {comment}"
  existing_cluster_id = "0101-000000-abcdefgh"
  notebook_task {{
    notebook_path = databricks_notebook.n.path
  }}
}}
resource "databricks_job" "new" {{
  name = "with tasks {comment}"
  task {{
    task_key = "a"
    notebook_task {{
      notebook_path = databricks_notebook.n.path
    }}
    new_cluster {{
      num_workers   = 1
      spark_version = "15.4.x-scala2.12"
      node_type_id  = "i3.xlarge"
    }}
  }}
}}
resource "databricks_permissions" "j" {{
  job_id = databricks_job.new.id
  access_control {{
    group_name       = "users"
    permission_level = "CAN_VIEW"
  }}
}}
"##
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn terraform_applies_changes_imports_and_destroys() {
    let Some(program) = on_path("tofu").or_else(|| on_path("terraform")) else { return skip("tofu or terraform") };
    let Some(provider) = on_path("terraform-provider-databricks") else {
        return skip("terraform-provider-databricks");
    };
    let folder = provider.parent().map(Path::to_owned).unwrap();
    round(program, move |terraform| {
        // A provider that is taken from a folder needs no `init`, and so no registry.
        let overrides = format!(
            "provider_installation {{\n  dev_overrides {{ \"databricks/databricks\" = {:?} }}\n  direct {{}}\n}}\n",
            folder.display().to_string()
        );
        terraform.write("config.tfrc", &overrides);
        terraform.write("main.tf", &configuration("first"));
        terraform.ends(0, &["apply", "-auto-approve"]);
        terraform.ends(0, &["plan", "-detailed-exitcode"]);
        terraform.write("main.tf", &configuration("second"));
        terraform.ends(2, &["plan", "-detailed-exitcode"]);
        terraform.ends(0, &["apply", "-auto-approve"]);
        terraform.ends(0, &["plan", "-detailed-exitcode"]);
        // Taken out of the state and imported again, nothing is to be changed. (A job without tasks is not among them: an
        // import reads 2.1, which shows a task.)
        for address in ["databricks_job.new", "databricks_cluster_policy.p", "databricks_instance_pool.p"] {
            let shown = terraform.ends(0, &["state", "show", "-no-color", address]);
            let id = shown.lines().find_map(|line| line.trim().strip_prefix("id ")?.split('"').nth(1)).unwrap();
            terraform.ends(0, &["state", "rm", address]);
            terraform.ends(0, &["import", address, id]);
        }
        terraform.ends(0, &["plan", "-detailed-exitcode"]);
        terraform.ends(0, &["destroy", "-auto-approve"]);
        let left = terraform.ends(0, &["state", "list"]);
        assert!(!left.contains("databricks_"), "{left}");
    })
    .await;
}
