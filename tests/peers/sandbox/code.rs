//! Code that the real binary applied, read by Databricks' own SDK.

use super::Fixture;
use std::path::Path;
use std::process::Command;

/// A project by the place in which it keeps code.
const PROJECTS: [(&str, &str); 2] = [("workspace", "/Workspace/Users/ann/code"), ("volume", "/Volumes/main/ops/plumb")];

fn project(name: &str, root: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: Project
metadata: {{name: {name}}}
spec:
  targets:
    prod: {{default: true, databricks: {{code: {root}}}}}
"
    )
}

/// The job of a project.
fn job(project: &str, notebooks: &str) -> String {
    format!(
        "\
apiVersion: plumb/v1
kind: DatabricksJob
metadata: {{name: in-{project}, code: [../../src]}}
spec:
  name: in-{project}
  run_as: {{user_name: reader@example.com}}
  tasks:
    - task_key: load
      existing_cluster_id: 0101-000000-abcdefgh
      spark_python_task: {{python_file: ../../src/load.py}}
      libraries: [{{whl: ../../dist/*.whl}}, {{jar: ../../dist/app.jar}}]
{notebooks}"
    )
}

/// A repository with a notebook, Python files, a wheel and a jar.
fn write(folder: &Path) {
    let put = |path: &str, bytes: &[u8]| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let notebook = "    - task_key: report\n      existing_cluster_id: 0101-000000-abcdefgh\n      notebook_task: {notebook_path: ../../nb/report.py}\n";
    let book = "    - task_key: book\n      existing_cluster_id: 0101-000000-abcdefgh\n      notebook_task: {notebook_path: ../../nb/book.ipynb}\n";
    let notebooks = format!("{notebook}{book}");
    for (name, root) in PROJECTS {
        put(&format!("{name}/plumb.yaml"), project(name, root).as_bytes());
        let notebooks = if name == "volume" { "" } else { &notebooks };
        put(&format!("{name}/manifests/job.yaml"), job(name, notebooks).as_bytes());
    }
    put("nb/report.py", b"# Databricks notebook source\nx = 1\n\n# COMMAND ----------\n\ny = 2\n");
    let cell = r#"{"cell_type": "code", "execution_count": null, "metadata": {}, "outputs": [], "source": "print(1)"}"#;
    let text = format!(r#"{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 5}}"#);
    put("nb/book.ipynb", text.as_bytes());
    put("src/load.py", "import parts\r\nprint('größe')\r\n".as_bytes());
    put("src/parts.py", b"");
    put("src/größe %41.txt", b"\x00\xff{");
    for name in ["app-1.0-py3-none-any.whl", "app.jar"] {
        let script = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: z.writestr('a/b.txt', sys.argv[1][-3:] * 999)";
        std::fs::create_dir_all(folder.join("dist")).unwrap();
        let made = Command::new("python3").args(["-c", script]).arg(folder.join("dist").join(name)).status().unwrap();
        assert!(made.success());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn databricks_own_sdk_reads_back_the_code_that_was_applied() {
    let fixture = Fixture::plain().await;
    let (url, peers) = (fixture.running.url(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers"));
    let ran = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let git = Command::new("git").args(["init", "--quiet"]).current_dir(&folder).status().unwrap();
        assert!(git.success());
        for (name, _) in PROJECTS {
            let mut command = Command::new(env!("CARGO_BIN_EXE_plumb"));
            command.env_clear().env("HOME", folder.path()).env("PATH", std::env::var_os("PATH").unwrap());
            command.env("DATABRICKS_HOST", &url).env("DATABRICKS_TOKEN", "t");
            let ran = command.args(["apply", "--yes"]).current_dir(folder.path().join(name)).output().unwrap();
            let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
            assert!(ran.status.success(), "{name}: {said}");
        }
        let setup = Command::new("sh").arg(peers.join("setup.sh")).output().unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let python = String::from_utf8(setup.stdout).unwrap();
        let mut command = Command::new(python.trim());
        command.arg(peers.join("test_code.py")).env("SANDBOX_URL", url).env("REPOSITORY", folder.path());
        command.env_remove("DATABRICKS_HOST").env_remove("DATABRICKS_TOKEN").env("DATABRICKS_CONFIG_FILE", "none");
        command.output().unwrap()
    });
    let ran = ran.await.unwrap();
    let said = [ran.stdout, ran.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(ran.status.success(), "{said}");
}
