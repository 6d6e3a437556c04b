# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "minimal",
  "tasks": [
    {
      "id": "only",
      "job": "etl"
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

with DAG(
    dag_id=SPEC["dag_id"],
    schedule=None,
    start_date=pendulum.parse("2020-01-01", tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    tags=["plumb"],
) as dag:
    run = {}
    run["only"] = DatabricksRunNowOperator(
        task_id="only",
        job_name=TASKS["only"]["job"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
