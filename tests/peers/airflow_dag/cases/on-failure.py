# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json
import logging
import shutil
import subprocess
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "on_failure",
  "onFailure": "diagnose",
  "defaults": {
    "retries": 1,
    "retry_delay": "10m",
    "deferrable": true
  },
  "tasks": [
    {
      "id": "load",
      "job": "load"
    },
    {
      "id": "report",
      "job": "report",
      "after": [
        "load"
      ],
      "deferrable": false
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}


def diagnose(context):
    """Write into the task's log why it failed. Whatever happens here, the task ends as it would have ended."""
    log = logging.getLogger("airflow.task")
    try:
        program = shutil.which("plumb")
        if program is None:
            log.info("plumb | not installed on this worker, so the cause is not looked for")
            return
        task = context["ti"]
        attempt = getattr(task, "_try_number", None) or task.try_number
        about = "airflow:" + "/".join([task.dag_id, context["dag_run"].run_id, task.task_id, str(attempt)])
        done = subprocess.run(
            [program, "diagnose", about, "--failed", "--output", "text"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        for line in lines[:80]:
            log.info("plumb | %s", line[:400])
        if len(lines) > 80:
            log.info("plumb | and %d more lines: plumb diagnose %s", len(lines) - 80, about)
    except Exception as fault:
        log.info("plumb | the cause was not found out: %s", type(fault).__name__)


with DAG(
    dag_id=SPEC["dag_id"],
    schedule=None,
    start_date=pendulum.parse("2020-01-01", tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    tags=["plumb"],
    default_args={
        "retries": SPEC["defaults"]["retries"],
        "deferrable": SPEC["defaults"]["deferrable"],
        "retry_delay": timedelta(seconds=600),
        "on_failure_callback": diagnose,
    },
) as dag:
    run = {}
    run["load"] = DatabricksRunNowOperator(
        task_id="load",
        job_name=TASKS["load"]["job"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["report"] = DatabricksRunNowOperator(
        task_id="report",
        job_name=TASKS["report"]["job"],
        deferrable=TASKS["report"]["deferrable"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["load"] >> run["report"]
