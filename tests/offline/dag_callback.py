"""Runs the callback of a DAG file as Airflow does: with stand-ins for Airflow, and a `plumb` of the test's own."""

import json
import logging
import sys
import types


class Anything:
    """Stands for any class or function of Airflow."""

    def __init__(self, *args, **kwargs):
        self.kwargs = kwargs

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __rshift__(self, other):
        return other


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    for member, value in members.items():
        setattr(sys.modules[name], member, value)


DAGS = []


def dag(*args, **kwargs):
    DAGS.append(kwargs)
    return Anything()


module("pendulum", parse=lambda *args, **kwargs: None)
module("airflow", DAG=dag)
module("airflow.providers")
module("airflow.providers.databricks")
module("airflow.providers.databricks.operators")
module("airflow.providers.databricks.operators.databricks", DatabricksRunNowOperator=Anything)

path, what = sys.argv[1:]
source = open(path).read().replace("timeout=120", "timeout=1")
names = {}
exec(compile(source, path, "exec"), names)
callback = DAGS[0]["default_args"]["on_failure_callback"]

lines = []
handler = logging.Handler()
handler.emit = lambda record: lines.append(record.getMessage())
logging.getLogger("airflow.task").addHandler(handler)
logging.getLogger("airflow.task").setLevel(logging.INFO)

run = types.SimpleNamespace(run_id="scheduled__2026-10-01T00:00:00+00:00")
task = types.SimpleNamespace(dag_id="on_failure", task_id="load", try_number=2)
if what == "airflow-2.9":
    task._try_number, task.try_number = 2, 3
context = {} if what == "no-context" else {"ti": task, "task_instance": task, "dag_run": run}
answer = callback(context)
print(json.dumps({"lines": lines, "answer": answer}))
