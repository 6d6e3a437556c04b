# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "once",
  "schedule": {
    "cron": "@once"
  },
  "start_date": "2024-05-01",
  "tasks": [
    {
      "id": "load",
      "run": "1"
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

with DAG(
    dag_id=SPEC["dag_id"],
    schedule=SPEC["schedule"]["cron"],
    start_date=pendulum.parse(SPEC["start_date"], tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    tags=["plumb"],
) as dag:
    run = {}
    run["load"] = DatabricksRunNowOperator(
        task_id="load",
        job_id=TASKS["load"]["run"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
