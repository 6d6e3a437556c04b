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
  "dag_id": "bau_insights_monthly",
  "description": "Audience insights, month by month",
  "doc": "Cleanses, aggregates and **reports**.\n",
  "owner": "data-platform",
  "tags": [
    "bau",
    "insights"
  ],
  "schedule": {
    "cron": "0 4 2 * *",
    "timezone": "Europe/London"
  },
  "start_date": "2024-05-01",
  "catchup": false,
  "max_active_runs": 1,
  "deadline": "6h",
  "defaults": {
    "connection": "databricks_default",
    "retries": 2,
    "retry_delay": "10m"
  },
  "tasks": [
    {
      "id": "cleanse",
      "run": "101"
    },
    {
      "id": "aggregate",
      "run": "102",
      "params": {
        "job_parameters": {
          "month": "{{ ds[:7] }}"
        }
      },
      "after": [
        "cleanse"
      ]
    },
    {
      "id": "insights",
      "run": "103",
      "after": [
        "aggregate"
      ]
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

DUE = timedelta(seconds=21600)
try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # before Airflow 3.1
    LATE, SLA = {}, {"sla": DUE}
else:
    NOTED = AsyncCallback("asyncio.sleep", kwargs={"delay": 0})
    ALERT = DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=DUE, callback=NOTED)
    LATE, SLA = {"deadline": ALERT}, {}

with DAG(
    dag_id=SPEC["dag_id"],
    description=SPEC["description"],
    doc_md=SPEC["doc"],
    schedule=CronDataIntervalTimetable(SPEC["schedule"]["cron"], timezone=SPEC["schedule"]["timezone"]),
    start_date=pendulum.parse(SPEC["start_date"], tz=SPEC["schedule"]["timezone"]),
    catchup=False,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    max_active_runs=SPEC["max_active_runs"],
    tags=["plumb", *SPEC["tags"]],
    default_args={
        "owner": SPEC["owner"],
        "databricks_conn_id": SPEC["defaults"]["connection"],
        "retries": SPEC["defaults"]["retries"],
        "retry_delay": timedelta(seconds=600),
        **SLA,
    },
    **LATE,
) as dag:
    run = {}
    run["cleanse"] = DatabricksRunNowOperator(
        task_id="cleanse",
        job_id=TASKS["cleanse"]["run"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["aggregate"] = DatabricksRunNowOperator(
        task_id="aggregate",
        job_id=TASKS["aggregate"]["run"],
        json=dict(TASKS["aggregate"]["params"]),
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["insights"] = DatabricksRunNowOperator(
        task_id="insights",
        job_id=TASKS["insights"]["run"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["cleanse"] >> run["aggregate"]
    run["aggregate"] >> run["insights"]
