# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

try:
    from airflow.sdk import Asset
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "assets",
  "schedule": {
    "assets": [
      "s3://lake/a",
      "s3://lake/b"
    ]
  },
  "tasks": [
    {
      "id": "load",
      "run": "1",
      "outlets": [
        "s3://lake/c"
      ]
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

with DAG(
    dag_id=SPEC["dag_id"],
    schedule=[Asset(uri) for uri in SPEC["schedule"]["assets"]],
    start_date=pendulum.parse("2020-01-01", tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    tags=["plumb"],
) as dag:
    run = {}
    run["load"] = DatabricksRunNowOperator(
        task_id="load",
        job_id=TASKS["load"]["run"],
        outlets=[Asset(uri) for uri in TASKS["load"]["outlets"]],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
