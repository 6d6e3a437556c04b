# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator
from airflow.timetables.interval import CronDataIntervalTimetable

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "preset",
  "schedule": {
    "cron": "@monthly"
  },
  "start_date": "2024-05-01",
  "dagrun_timeout": "6h",
  "params": {
    "month": "2024-05"
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
    schedule=CronDataIntervalTimetable(SPEC["schedule"]["cron"], timezone="UTC"),
    start_date=pendulum.parse(SPEC["start_date"], tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    dagrun_timeout=timedelta(seconds=21600),
    params=SPEC["params"],
    tags=["plumb"],
) as dag:
    run = {}
    run["load"] = DatabricksRunNowOperator(
        task_id="load",
        job_id=TASKS["load"]["run"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["load"].forward_dag_params = False  # some versions would pass the DAG's params on
