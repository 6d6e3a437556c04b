"""Runs the operator of a DAG file that repairs runs: with stand-ins for Airflow, its provider and the service.

stdin: {"runs": [what each look at the run shows, the last one from then on], "says": [what each request for a repair is
answered: "begun", "refused" or "lost"], "deferrable": true, "silent": true where the provider says nothing of a failure,
        "late": how many looks do not show a repair that has begun}
stdout: {"asked": [requests for a repair], "log": [lines], "deferred": how often, "slept": how often, "end": "well" or the error}
"""

import json
import sys
import types


class Anything:
    def __init__(self, *args, **kwargs):
        self.kwargs = kwargs

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __rshift__(self, other):
        return other


class Deferred(BaseException):
    pass


class Failed(Exception):
    pass


class Hook:
    """The provider's client, as far as an operator may use it."""

    def __init__(self):
        self.history = [0]

    def get_run(self, run_id):
        assert run_id == 7
        return case["runs"].pop(0) if len(case["runs"]) > 1 else case["runs"][0]

    def get_latest_repair_id(self, run_id):
        assert run_id == 7
        if case.get("late", 0) and len(self.history) > 1:
            case["late"] -= 1
            return self.history[-2] or None
        return self.history[-1] or None

    def repair_run(self, asked):
        said["asked"].append(asked)
        how = case["says"].pop(0)
        if how != "refused":
            self.history.append(self.history[-1] + 100)
        if how != "begun":
            raise Failed(how)
        return self.history[-1]


class Log:
    def info(self, text, *values):
        said["log"].append(text % values)

    warning = info


class RunNow(Anything):
    def __init__(self, task_id, deferrable=False, **kwargs):
        self.task_id, self.deferrable, self.run_id, self._hook, self.log = task_id, deferrable, None, Hook(), Log()
        self.databricks_conn_id = self.databricks_retry_limit = self.databricks_retry_delay = None
        self.databricks_retry_args, self.polling_period_seconds = None, 1

    def execute(self, context):
        if case.get("unsent"):
            raise Failed("there is no such job")
        self.run_id = 7
        if case.get("silent"):
            return
        if self.deferrable:
            self.defer(trigger=None, method_name="execute_complete")
        self.judge()

    def judge(self):
        run = self._hook.get_run(7)
        if run["state"].get("result_state") != "SUCCESS":
            raise Failed("the provider says that it failed")

    def execute_complete(self, context, event=None):
        assert event == {"run_id": 7}
        self.judge()

    def defer(self, trigger, method_name, kwargs=None):
        assert method_name == "execute_complete"
        raise Deferred(kwargs or {})


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    for member, value in members.items():
        setattr(sys.modules[name], member, value)


case = json.load(sys.stdin)
said = {"asked": [], "log": [], "deferred": 0, "slept": 0, "end": "well"}
provider = "airflow.providers.databricks"
for name in ("airflow.providers", provider, f"{provider}.operators", f"{provider}.triggers"):
    module(name)
module("pendulum", parse=lambda *args, **kwargs: None)
module("airflow", DAG=Anything)
module(f"{provider}.operators.databricks", DatabricksRunNowOperator=RunNow)
module(f"{provider}.triggers.databricks", DatabricksExecutionTrigger=Anything)
names = {}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), names)


def sleep(seconds):
    said["slept"] += 1


names["time"] = types.SimpleNamespace(sleep=sleep)
made = names["run"]["load"]
made.deferrable = bool(case.get("deferrable"))
step, more = made.execute, {}
try:
    while True:
        try:
            step({}, **more)
            break
        except Deferred as deferred:
            said["deferred"] += 1
            # It is another object that goes on, as on another worker.
            again = type(made)(task_id="load", max_repairs=made.max_repairs, keep_parameters=made.keep_parameters)
            again.deferrable, again._hook = made.deferrable, made._hook
            step, more = again.execute_complete, {"event": {"run_id": 7}, **deferred.args[0]}
except Exception as fault:
    said["end"] = f"{type(fault).__name__}: {fault}"
print(json.dumps(said))
