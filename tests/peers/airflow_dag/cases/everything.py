# plumb: dags/test/AirflowDag/case 0123456789ab-deadbeef
# Written by plumb (format 1). Change the manifest instead: an edit here is drift, and is taken back.
import json
from datetime import timedelta

import pendulum
from airflow import DAG
from airflow.providers.databricks.operators.databricks import DatabricksRunNowOperator
from airflow.timetables.trigger import CronTriggerTimetable

try:
    from airflow.sdk import Asset
except ImportError:  # Airflow 2
    from airflow.datasets import Dataset as Asset

# What the manifest says. It is data: no string in it is ever run.
SPEC = json.loads(r"""
{
  "dag_id": "everything.at-once_1",
  "source": "plumb",
  "display_name": "Everything at once",
  "description": "Every member of the spec",
  "doc": "# Everything\n\nAll of it.\n",
  "owner": "data-platform",
  "tags": [
    "a",
    "m",
    "z"
  ],
  "schedule": {
    "cron": "*/30 9-17 * * MON-FRI",
    "timezone": "America/New_York",
    "data_interval": "tick"
  },
  "start_date": "2024-05-01T06:30",
  "end_date": "2034-05-01",
  "catchup": true,
  "max_active_runs": 3,
  "max_active_tasks": 8,
  "dagrun_timeout": "1d6h",
  "deadline": "90m",
  "deadline_callback": {
    "path": "asyncio.sleep",
    "arguments": {
      "delay": 1
    }
  },
  "params": {
    "days": 3,
    "deep": {
      "list": [
        1,
        2.5,
        null,
        true
      ]
    },
    "month": "2024-05",
    "nothing": null
  },
  "defaults": {
    "connection": "databricks_prod",
    "retries": 1,
    "retry_delay": "5m",
    "retry_exponential_backoff": true,
    "max_retry_delay": "1h",
    "timeout": "2h",
    "pool": "default_pool",
    "deferrable": true,
    "poll": "20s"
  },
  "tasks": [
    {
      "id": "z-first",
      "run": "9007199254740993",
      "params": {
        "notebook_params": {
          "day": "{{ ds }}"
        },
        "python_params": [
          "--day",
          "{{ ds }}"
        ],
        "python_named_params": {
          "n": "1"
        },
        "jar_params": [
          "a"
        ],
        "spark_submit_params": [
          "--class",
          "X"
        ],
        "dbt_commands": [
          "dbt deps",
          "dbt run"
        ]
      },
      "depends_on_past": true,
      "retries": 3,
      "retry_delay": "30s",
      "retry_exponential_backoff": false,
      "max_retry_delay": "10m",
      "timeout": "30m",
      "pool": "default_pool",
      "pool_slots": 2,
      "priority_weight": 5,
      "connection": "databricks_other",
      "deferrable": false,
      "poll": "1m",
      "wait": false,
      "outlets": [
        "s3://lake/out/a",
        "s3://lake/out/b"
      ],
      "doc": "First of all."
    },
    {
      "id": "left",
      "job": "[bau] left",
      "after": [
        "z-first"
      ]
    },
    {
      "id": "right",
      "job": "[bau] right",
      "params": {
        "job_parameters": {
          "run": "{{ run_id }}",
          "start": "{{ data_interval_start | ds }}"
        }
      },
      "after": [
        "z-first"
      ]
    },
    {
      "id": "join",
      "run": "4",
      "after": [
        "left",
        "right"
      ],
      "trigger_rule": "none_failed_min_one_success"
    }
  ]
}
""")
TASKS = {task["id"]: task for task in SPEC["tasks"]}

DUE = timedelta(seconds=5400)
try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference
except ImportError:  # before Airflow 3.1
    LATE, SLA = {}, {"sla": DUE}
else:
    NOTED = AsyncCallback(SPEC["deadline_callback"]["path"], kwargs=SPEC["deadline_callback"]["arguments"])
    ALERT = DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=DUE, callback=NOTED)
    LATE, SLA = {"deadline": ALERT}, {}

with DAG(
    dag_id=SPEC["dag_id"],
    dag_display_name=SPEC["display_name"],
    description=SPEC["description"],
    doc_md=SPEC["doc"],
    schedule=CronTriggerTimetable(SPEC["schedule"]["cron"], timezone=SPEC["schedule"]["timezone"]),
    start_date=pendulum.parse(SPEC["start_date"], tz=SPEC["schedule"]["timezone"]),
    end_date=pendulum.parse(SPEC["end_date"], tz=SPEC["schedule"]["timezone"]),
    catchup=True,
    is_paused_upon_creation=True,  # plumb switches it on when this very version is parsed
    max_active_runs=SPEC["max_active_runs"],
    max_active_tasks=SPEC["max_active_tasks"],
    dagrun_timeout=timedelta(seconds=108000),
    params=SPEC["params"],
    tags=["plumb", *SPEC["tags"]],
    default_args={
        "owner": SPEC["owner"],
        "databricks_conn_id": SPEC["defaults"]["connection"],
        "retries": SPEC["defaults"]["retries"],
        "retry_exponential_backoff": SPEC["defaults"]["retry_exponential_backoff"],
        "pool": SPEC["defaults"]["pool"],
        "deferrable": SPEC["defaults"]["deferrable"],
        "retry_delay": timedelta(seconds=300),
        "max_retry_delay": timedelta(seconds=3600),
        "execution_timeout": timedelta(seconds=7200),
        "polling_period_seconds": 20,
        **SLA,
    },
    **LATE,
) as dag:
    run = {}
    run["z-first"] = DatabricksRunNowOperator(
        task_id="z-first",
        job_id=TASKS["z-first"]["run"],
        databricks_conn_id=TASKS["z-first"]["connection"],
        depends_on_past=TASKS["z-first"]["depends_on_past"],
        retries=TASKS["z-first"]["retries"],
        retry_exponential_backoff=TASKS["z-first"]["retry_exponential_backoff"],
        pool=TASKS["z-first"]["pool"],
        pool_slots=TASKS["z-first"]["pool_slots"],
        priority_weight=TASKS["z-first"]["priority_weight"],
        deferrable=TASKS["z-first"]["deferrable"],
        wait_for_termination=TASKS["z-first"]["wait"],
        doc_md=TASKS["z-first"]["doc"],
        json=dict(TASKS["z-first"]["params"]),
        retry_delay=timedelta(seconds=30),
        max_retry_delay=timedelta(seconds=600),
        execution_timeout=timedelta(seconds=1800),
        polling_period_seconds=60,
        outlets=[Asset(uri) for uri in TASKS["z-first"]["outlets"]],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["left"] = DatabricksRunNowOperator(
        task_id="left",
        job_name=TASKS["left"]["job"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["left"].forward_dag_params = False  # some versions would pass the DAG's params on
    run["right"] = DatabricksRunNowOperator(
        task_id="right",
        job_name=TASKS["right"]["job"],
        json=dict(TASKS["right"]["params"]),
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["join"] = DatabricksRunNowOperator(
        task_id="join",
        job_id=TASKS["join"]["run"],
        trigger_rule=TASKS["join"]["trigger_rule"],
        idempotency_token="{{ macros.uuid.uuid4() }}",
    )
    run["join"].forward_dag_params = False  # some versions would pass the DAG's params on
    run["z-first"] >> run["left"]
    run["z-first"] >> run["right"]
    run["left"] >> run["join"]
    run["right"] >> run["join"]
