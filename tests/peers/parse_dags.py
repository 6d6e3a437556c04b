"""Parses a folder of DAG files with the real Airflow and prints what it made of them, as JSON."""

import inspect
import json
import os
import sys
import tempfile
import warnings

folder = sys.argv[1]
home = tempfile.mkdtemp(prefix="airflow-home-")
os.environ.update(
    AIRFLOW_HOME=home,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__UNIT_TEST_MODE="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{home}/airflow.db",
    AIRFLOW__LOGGING__LOGGING_LEVEL="ERROR",
)
warnings.simplefilter("ignore")

import airflow  # noqa: E402

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

# 3.x moved what the scheduler reads back: only what was written by the serializer counts.
try:
    from airflow.serialization.serialized_objects import DagSerialization as Serializer
except ImportError:
    from airflow.serialization.serialized_objects import SerializedDAG as Serializer


def seconds(value):
    return None if value is None else int(value.total_seconds())


def params_of(owner):
    return {name: getattr(value, "value", value) for name, value in dict(owner.params.items()).items()}


def timetable_of(dag):
    timetable = dag.timetable
    shown = {"type": type(timetable).__name__}
    expression = getattr(timetable, "_expression", None) or getattr(timetable, "expression", None)
    if expression is not None:
        zone = getattr(timetable, "_timezone", None) or getattr(timetable, "timezone", None)
        shown.update(cron=expression, timezone=getattr(zone, "name", str(zone)))
    return shown


def assets_of(dag):
    condition = getattr(dag.timetable, "asset_condition", None) or getattr(dag.timetable, "dataset_condition", None)
    condition = condition or getattr(dag, "dataset_triggers", None)  # Airflow 2.9
    inside = [one for one in getattr(condition, "objects", None) or [condition] if hasattr(one, "uri")]
    if not inside:
        return None
    return {"match": type(condition).__name__[-3:].lower(), "uris": sorted(one.uri for one in inside)}


def task_of(task):
    # Older providers add what the arguments say to it; newer ones keep them apart.
    body = {"job_id": getattr(task, "job_id", None), "job_name": getattr(task, "job_name", None), **(task.json or {})}
    body["idempotency_token"] = body.get("idempotency_token") or task.idempotency_token
    token, run, job = body.pop("idempotency_token"), body.pop("job_id"), body.pop("job_name")
    return {
        "after": sorted(task.upstream_task_ids),
        "run": run,
        "job": job,
        "params": body,
        "forward": getattr(task, "forward_dag_params", None),
        "connection": task.databricks_conn_id,
        "deferrable": task.deferrable,
        "poll": task.polling_period_seconds,
        "wait": task.wait_for_termination,
        "token": token,
        "owner": task.owner,
        "retries": task.retries,
        "retry_delay": seconds(task.retry_delay),
        "retry_exponential_backoff": bool(task.retry_exponential_backoff),
        "max_retry_delay": seconds(task.max_retry_delay),
        "timeout": seconds(task.execution_timeout),
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "priority_weight": task.priority_weight,
        "trigger_rule": getattr(task.trigger_rule, "value", task.trigger_rule),
        "depends_on_past": task.depends_on_past,
        "outlets": sorted(outlet.uri for outlet in task.outlets),
        "doc": task.doc_md,
        "repairs": [task.max_repairs, task.keep_parameters] if hasattr(task, "max_repairs") else None,
        "sla": seconds(getattr(task, "sla", None)),
    }


def deadlines_of(dag):
    alerts = getattr(dag, "deadline", None) or []
    return [{"seconds": seconds(a.interval), "path": a.callback.path, "kwargs": a.callback.kwargs} for a in alerts]


def dag_of(dag):
    Serializer.to_dict(dag)
    return {
        "display_name": dag.dag_display_name,
        "description": dag.description,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "params": params_of(dag),
        "timetable": timetable_of(dag),
        "assets": assets_of(dag),
        "start": dag.start_date.isoformat(),
        "end": dag.end_date and dag.end_date.isoformat(),
        "catchup": dag.catchup,
        "paused": dag.is_paused_upon_creation,
        "max_active_runs": dag.max_active_runs,
        "max_active_tasks": dag.max_active_tasks,
        "dagrun_timeout": seconds(dag.dagrun_timeout),
        "deadline": deadlines_of(dag),
        "tasks": {task.task_id: task_of(task) for task in dag.tasks},
    }


def intervals_of(dag):
    """The first two scheduled runs at a fixed time, as the scheduler would make them: when, and for which time."""
    from unittest import mock

    import pendulum

    fixed = pendulum.datetime(2024, 9, 10, tz="UTC")
    if timetable_of(dag)["type"] not in ("CronDataIntervalTimetable", "CronTriggerTimetable"):
        return None
    # What the scheduler works with is what was serialized.
    try:
        from airflow.serialization.decoders import decode_timetable
        from airflow.serialization.encoders import encode_timetable

        timetable = decode_timetable(encode_timetable(dag.timetable))
    except ImportError:  # Airflow 2 works with the timetable itself
        timetable = dag.timetable
    from airflow.timetables.base import TimeRestriction

    restriction = TimeRestriction(earliest=dag.start_date, latest=dag.end_date, catchup=dag.catchup)
    module = sys.modules[type(timetable).__module__]
    runs, last = [], None
    clock = module if hasattr(module, "utcnow") else module.timezone  # Airflow 2.9
    with mock.patch.object(clock, "utcnow", lambda: fixed):
        for _ in range(2):
            info = timetable.next_dagrun_info(last_automated_data_interval=last, restriction=restriction)
            if info is None:
                break
            utc = lambda t: t.in_timezone("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: E731
            start, end = info.data_interval
            runs.append({"at": utc(info.run_after), "start": utc(start), "end": utc(end)})
            last = info.data_interval
    return runs


known = inspect.signature(DagBag.__init__).parameters
options = {"include_examples": False, "read_dags_from_db": False, "safe_mode": True}
bag = DagBag(folder, **{name: value for name, value in options.items() if name in known})
dags = {}
for dag_id, dag in bag.dags.items():
    dags[dag_id] = dag_of(dag)
    dags[dag_id]["runs"] = intervals_of(dag)
print("\n==>", json.dumps({"version": airflow.__version__, "errors": dict(bag.import_errors), "dags": dags}, default=str))
