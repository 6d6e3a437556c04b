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
mails, calls = [], []


class Notifier:
    def __init__(self, text):
        self.text = text

    def __call__(self, context):
        calls.append([self.text, context["plumb_diagnosis"]])

    def notify(self, context):
        mails.append(self.text)


def breaks(context):
    raise ValueError("the pager is off")


async def writes(context, team):
    calls.append([team, context["plumb_diagnosis"]])


def by_provider(to, from_email, subject, html_content):
    return Notifier(["smtp", to, from_email, subject, html_content])


SETTINGS = {"email_backend": sys.argv[3]} if len(sys.argv) > 3 else {}
module("airflow", DAG=dag, __version__="2.11.2" if "airflow-2" in sys.argv[2] else "3.3.2")
module("airflow.configuration", conf=types.SimpleNamespace(get=lambda _, name, fallback: SETTINGS.get(name, fallback)))
module("airflow.utils")
module("airflow.utils.email", send_email=lambda *mail: mails.append(["airflow", *mail]))
module("airflow.providers.smtp")
module("airflow.providers.smtp.notifications")
module("airflow.providers.smtp.notifications.smtp", SmtpNotifier=by_provider)
module("company_alerts", breaks=breaks, writes=writes, Notifier=Notifier)
module("airflow.providers")
module("airflow.providers.databricks")
module("airflow.providers.databricks.operators")
module("airflow.providers.databricks.operators.databricks", DatabricksRunNowOperator=Anything)

path, what = sys.argv[1:3]
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
task = types.SimpleNamespace(dag_id="on_failure", task_id="load", try_number=2, log_url="http://airflow/log?a=1&b=2")
if what == "airflow-2.9":
    task._try_number, task.try_number = 2, 3
context = {} if what == "no-context" else {"ti": task, "task_instance": task, "dag_run": run}
answer = callback(context)
print(json.dumps({"lines": lines, "answer": answer, "mails": mails, "calls": calls}))
