"""Projects of many jobs: manifests, a bundle and a Terraform module of the same jobs, histories, and an account of EMR.

Everything here follows from its arguments, except that clusters of EMR ended in the weeks before now.
"""
import json, os, shutil, subprocess, time
from pathlib import Path

PROJECT = """apiVersion: plumb/v1
kind: Project
metadata: {name: scale}
spec:
  kinds: [DatabricksJob]
  manifests: [manifests]
  targets:
    live: {default: true, databricks: {}}
    sand: {sandbox: true}
"""
EMR_PROJECT = """apiVersion: plumb/v1
kind: Project
metadata: {name: scale}
spec:
  targets:
    live: {default: true, emr: {region: eu-central-1, account: "123456789012"}}
"""
LINES = 45


def job(i, timeout=3600):
    """The settings of a job of three tasks. Tasks are in the order of their keys: Terraform's provider sorts them."""
    notebook = lambda name: {"notebook_path": f"/Shared/job{i}/{name}"}
    return {
        "name": f"job {i:05}",
        "max_concurrent_runs": 1,
        "timeout_seconds": timeout,
        "tags": {"team": "data", "tier": str(i % 60)},
        "schedule": {"quartz_cron_expression": f"0 {i % 60} 3 * * ?", "timezone_id": "UTC", "pause_status": "PAUSED"},
        "job_clusters": [{
            "job_cluster_key": "main",
            "new_cluster": {
                "spark_version": "15.4.x-scala2.12", "node_type_id": "r6id.xlarge", "num_workers": 2 + i % 7,
                "spark_conf": {"spark.sql.shuffle.partitions": str(100 + i % 50)},
            },
        }],
        "tasks": [
            {"task_key": "a_read", "job_cluster_key": "main",
             "notebook_task": notebook("read") | {"base_parameters": {"day": "1", "part": str(i)}}, "max_retries": 2},
            {"task_key": "b_work", "depends_on": [{"task_key": "a_read"}], "job_cluster_key": "main",
             "notebook_task": notebook("work"), "max_retries": 2},
            {"task_key": "c_write", "depends_on": [{"task_key": "b_work"}], "job_cluster_key": "main",
             "notebook_task": notebook("write")},
        ],
    }


def yaml(value, depth=0):
    """Lines of YAML, in blocks. Texts stand in quotes where they need them."""
    pad = "  " * depth
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield f"{pad}{key}:"
            yield from yaml(inner, depth + 1)
        elif isinstance(inner, list):
            yield f"{pad}{key}:"
            for one in inner:
                first, *rest = yaml(one, depth + 2)
                yield f"{pad}  - {first.strip()}"
                yield from rest
        else:
            plain = isinstance(inner, int) or (inner[0].isalpha() and ": " not in inner)
            yield f"{pad}{key}: {inner if plain else json.dumps(inner)}"


def manifest(i, timeout=3600):
    """The manifest of a job."""
    head = {"apiVersion": "plumb/v1", "kind": "DatabricksJob", "metadata": {"name": f"job-{i:05}"}}
    lines = list(yaml(head | {"spec": job(i, timeout)}))
    assert len(lines) == LINES, len(lines)
    return "\n".join(lines) + "\n"


def path(i):
    return f"manifests/job-{i:05}.yaml"


def git(folder, *words):
    """Runs git in a folder, as nobody's but its own."""
    settings = ["user.name=Ann", "user.email=ann@example.com", "gc.auto=0", "maintenance.auto=false"]
    command = ["git", "-C", str(folder), *(word for setting in settings for word in ("-c", setting)), *words]
    alone = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(command, check=True, env=alone, stdout=subprocess.DEVNULL)


def project(folder, count, timeout=3600, commits=1):
    """A repository of so many jobs, one file each. All files are in the first commit, and each further commit changes one job,
    round and round, by turns of three authors. What was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "manifests").mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    feed = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet"], stdin=subprocess.PIPE)

    def commit(k, files):
        message = f"Change {k}".encode()
        name = ["Ann", "Bob", "Cem"][k % 3]
        head = f"commit refs/heads/main\ncommitter {name} <{name.lower()}@example.com> {1_700_000_000 + 60 * k} +0000\n"
        feed.stdin.write(head.encode() + b"data %d\n%s\n" % (len(message), message))
        for name, text in files:
            text = text.encode()
            feed.stdin.write(f"M 100644 inline {name}\ndata {len(text)}\n".encode() + text + b"\n")

    commit(0, [("plumb.yaml", PROJECT)] + [(path(i), manifest(i, timeout)) for i in range(count)])
    for k in range(1, commits):
        commit(k, [(path(k % count), manifest(k % count, timeout + k))])
    feed.stdin.close()
    if feed.wait():
        raise SystemExit("git fast-import failed")
    git(folder, "reset", "--quiet", "--hard")
    return folder


def with_code(folder, count, size=20_000, folders=5):
    """A repository of one job and so many Python files of that size, which it takes along. What was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "manifests").mkdir(parents=True)
    (folder / "plumb.yaml").write_text(PROJECT)
    for i in range(count):
        file = folder / "src" / f"part{i % folders}" / f"step{i:05}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        line = f"value_{i} = {i}\n"
        file.write_text(line * (size // len(line)))
    spec = {"name": "code", "tasks": [{"task_key": "run", "spark_python_task": {"python_file": "../src/part0/step00000.py"}}]}
    text = {"apiVersion": "plumb/v1", "kind": "DatabricksJob", "metadata": {"name": "code", "code": ["../src"]}, "spec": spec}
    (folder / "manifests" / "code.yaml").write_text(json.dumps(text))
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Code")
    return folder


def change(folder, count, timeout):
    """Commits another timeout for each of the jobs."""
    for i in range(count):
        (folder / path(i)).write_text(manifest(i, timeout))
    git(folder, "commit", "--quiet", "--all", "--message", f"Timeout {timeout}")


def remove(folder):
    """Commits that no job is wanted any more."""
    git(folder, "rm", "--quiet", "-r", "manifests")
    git(folder, "commit", "--quiet", "--message", "Remove all")
    (folder / "manifests").mkdir()


def bundle(folder, count):
    """A Databricks bundle of the same jobs, one file each."""
    (folder / "resources").mkdir(parents=True)
    (folder / "databricks.yml").write_text("bundle: {name: scale}\ninclude: [resources/*.yml]\n")
    for i in range(count):
        bundled(folder, i)
    return folder


def bundled(folder, i, timeout=3600):
    """Writes a bundle's file of one job."""
    lines = yaml({"resources": {"jobs": {f"job_{i:05}": job(i, timeout)}}})
    (folder / "resources" / f"job-{i:05}.yml").write_text("\n".join(lines) + "\n")


# What HCL calls otherwise: blocks are in the singular.
BLOCKS = {"job_clusters": "job_cluster", "tasks": "task"}


def terraform(folder, count, timeout=3600):
    """A Terraform module of the same jobs, one file each, in Terraform's JSON. What `init` made stays."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.tf.json").write_text(json.dumps({
        "terraform": {"required_providers": {"databricks": {"source": "databricks/databricks"}}},
        "provider": {"databricks": {}},
    }))
    for i in range(count):
        settings = {BLOCKS.get(name, name): value for name, value in job(i, timeout).items()}
        text = json.dumps({"resource": {"databricks_job": {f"job_{i:05}": settings}}}, indent=1)
        (folder / f"job-{i:05}.tf.json").write_text(text)
    return folder


def emr_seed(clusters, pipelines=6):
    """An account whose pipelines ran by turns, every hour or so until yesterday, and ended."""
    # AWS forgets a cluster two months after its end.
    newest = int(time.time()) // 3600 * 3600 - 86_400
    apart = 55 * 86_400 // max(clusters, 1)
    at = lambda seconds: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    def one(n):
        name, created = f"pipeline-{'abcdefghij'[n % pipelines]}", newest - n * apart
        step = lambda word: {
            "Name": word, "ActionOnFailure": "CONTINUE",
            "HadoopJarStep": {"Jar": "command-runner.jar", "Args": [
                "spark-submit", "--deploy-mode", "cluster", f"s3://acme-code/{name}/{word}.py", f"s3://acme-lake/{name}/{word}"]},
        }
        group = lambda role, count: {"InstanceRole": role, "InstanceType": "m5.xlarge", "InstanceCount": count, "Market": "ON_DEMAND"}
        return {
            "run": {
                "Name": f"{name}-{time.strftime('%Y%m%dT%H%M', time.gmtime(created))}", "ReleaseLabel": "emr-6.15.0",
                "Applications": [{"Name": "Spark"}], "ServiceRole": "EMR_DefaultRole", "JobFlowRole": "EMR_EC2_DefaultRole",
                "Instances": {"InstanceGroups": [group("MASTER", 1), group("CORE", 3)], "KeepJobFlowAliveWhenNoSteps": False},
                "Steps": [step("read"), step("work"), step("write")],
            },
            "state": "TERMINATED", "created": at(created), "ready": at(created + 300), "ended": at(created + 3000),
            "reason": {"Code": "ALL_STEPS_COMPLETED", "Message": "Steps completed"},
        }

    return {"emr": {"region": "eu-central-1", "clusters": [one(n) for n in range(clusters)]}}


def emr_project(folder):
    """A project of which nothing matters but its account."""
    (folder / "manifests").mkdir(parents=True, exist_ok=True)
    (folder / "plumb.yaml").write_text(EMR_PROJECT)
    return folder
