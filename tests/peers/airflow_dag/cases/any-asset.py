# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import functools
import json
import operator

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
  "dag_id": "any_asset",
  "schedule": {
    "assets": [
      "s3://lake/a",
      "s3://lake/b"
    ],
    "when": "any"
  },
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
    schedule=functools.reduce(operator.or_, [Asset(uri) for uri in SPEC["schedule"]["assets"]]),
    start_date=pendulum.parse("2020-01-01", tz="UTC"),
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
