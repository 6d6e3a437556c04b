# What is told of the DAGs that were found. This is the second half of parse.py.

def plain(value):
    """The value as JSON, without what was not worked out."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items() if not isinstance(v, (Opaque, Function))}
    if isinstance(value, (list, tuple, set)):
        return [plain(v) for v in value if not isinstance(v, (Opaque, Function))]
    if isinstance(value, datetime.timedelta):
        return {"__type": "TimeDelta", "seconds": value.total_seconds()}
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Call) and value.of.endswith("Param"):
        return plain(value.args[0]) if value.args else plain(value.kwargs.get("default"))
    return None


def text(value):
    return value if isinstance(value, str) else None


def seconds(value):
    if isinstance(value, datetime.timedelta):
        return int(value.total_seconds())
    if isinstance(value, Call) and value.of.endswith("duration"):
        units = {k: v for k, v in value.kwargs.items() if isinstance(v, (int, float))}
        try:
            return int(datetime.timedelta(**units).total_seconds())
        except TypeError:
            return None
    return None


def zone_of(value):
    if isinstance(value, str):
        return value
    if isinstance(value, Call) and value.of.rsplit(".", 1)[-1] in ("timezone", "Timezone", "ZoneInfo", "gettz"):
        return text(value.args[0]) if value.args else None
    return None


def moment(value):
    """The time as ISO 8601 with an offset, and the name of its zone."""
    if isinstance(value, datetime.datetime):
        zone = None if value.tzinfo is None else str(value.tzinfo)
        return (value if value.tzinfo else value.replace(tzinfo=datetime.timezone.utc)).isoformat(), zone
    if not isinstance(value, Call):
        return None, None
    last = value.of.rsplit(".", 1)[-1]
    try:
        from zoneinfo import ZoneInfo
        if last == "datetime":
            names = ("tz", "tzinfo")
            zone = next((zone_of(value.kwargs[n]) for n in names if n in value.kwargs), None)
            numbers = {k: v for k, v in value.kwargs.items() if k not in names}
            naive = datetime.datetime(*[a for a in value.args if isinstance(a, int)], **numbers)
        elif last == "parse" and value.args and isinstance(value.args[0], str):
            zone = zone_of(value.kwargs.get("tz"))
            naive = datetime.datetime.fromisoformat(value.args[0].replace("Z", "+00:00"))
        else:
            return None, None
        if naive.tzinfo is None:
            naive = naive.replace(tzinfo=ZoneInfo(zone or "UTC"))
        return naive.isoformat(), zone
    except Exception:
        return None, None


def assets(value):
    if isinstance(value, Call) and value.of.rsplit(".", 1)[-1] in ("Asset", "Dataset", "Model"):
        return [str(value.kwargs.get("uri") or value.kwargs.get("name") or (value.args or [""])[0])]
    if isinstance(value, (list, tuple)):
        return [one for part in value for one in assets(part)]
    if isinstance(value, Call):
        return [one for part in [*value.args, *value.kwargs.values()] for one in assets(part)]
    return []


def schedule(dag, zone):
    value = dag.kwargs.get("schedule", dag.kwargs.get("schedule_interval", dag.kwargs.get("timetable")))
    made = {"timezone": zone}
    if isinstance(value, str):
        made["cron"] = value
    elif seconds(value) is not None:
        made["every_seconds"] = seconds(value)
    elif assets(value):
        made["assets"] = assets(value)
    elif isinstance(value, Call):
        last = value.of.rsplit(".", 1)[-1]
        made["cron"] = text(value.kwargs.get("cron", value.args[0] if value.args else None))
        made["timezone"] = zone_of(value.kwargs.get("timezone", value.args[1] if len(value.args) > 1 else None)) or zone
        if "Cron" in last:
            # A trigger timetable with an interval of its own has data intervals too.
            made["interval"] = "DataInterval" in last or bool(seconds(value.kwargs.get("interval")))
    return {k: v for k, v in made.items() if v is not None}


FIELDS = {
    "EmrCreateJobFlowOperator": ("job_flow_overrides", "emr_conn_id"),
    "EmrAddStepsOperator": ("job_flow_id", "job_flow_name", "steps", "execution_role_arn"),
    "EmrServerlessStartJobOperator": ("application_id", "config", "execution_role_arn", "job_driver",
                                      "configuration_overrides", "name"),
    "EmrTerminateJobFlowOperator": ("job_flow_id",),
    "EmrJobFlowSensor": ("job_flow_id",),
    "EmrStepSensor": ("job_flow_id", "step_id"),
}
OWN = {"emr_conn_id": "emr_default", "aws_conn_id": "aws_default"}


def pulled(value):
    """The value as JSON, with templates for what other tasks return."""
    if isinstance(value, Call) and value.of == XCOM:
        return f"{{{{ ti.xcom_pull(task_ids='{value.args[0]}') }}}}"
    if isinstance(value, dict):
        return {str(k): pulled(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [pulled(v) for v in value]
    return plain(value)


def fields(operator, get):
    """The template fields of an operator of EMR, in the order of their names, as the API has them."""
    if operator not in FIELDS:
        return None
    given = {name: pulled(get(name)) for name in (*FIELDS[operator], "aws_conn_id")}
    return {name: OWN.get(name) if given[name] is None else given[name] for name in sorted(given)}


def starts(operator, get):
    """What a task asks of Databricks: the body of run-now, its templates as they are."""
    if operator != "DatabricksRunNowOperator":
        return None
    body = plain(get("json"))
    body = body if isinstance(body, dict) else {}
    for name in ("job_id", "job_name", "job_parameters", "notebook_params", "python_params", "python_named_params",
                 "jar_params", "spark_submit_params", "dbt_commands"):
        value = plain(get(name))
        if value is not None:
            body[name] = value
    return {"job": body}


def repairs(get):
    """How often, and how, a run that failed is repaired by the operator that plumb writes."""
    most = plain(get("max_repairs"))
    return {"most": most, "keeps": get("keep_parameters") is not False} if isinstance(most, int) else None


def described(dag):
    kwargs = dag.kwargs
    start, zone = moment(kwargs.get("start_date"))
    defaults = kwargs.get("default_args") if isinstance(kwargs.get("default_args"), dict) else {}
    if start is None and "start_date" in defaults:
        start, zone = moment(defaults["start_date"])
    end, _ = moment(kwargs.get("end_date"))
    tasks = []
    for task in dag.tasks.values():
        def get(name, task=task):
            return task.kwargs.get(name, defaults.get(name))
        module, _, name = task.operator.rpartition(".")
        base = task.base.rpartition(".")[2]
        tasks.append({
            "task_id": task.task_id, "operator": name, "module": module, "downstream": task.downstream,
            "owner": text(get("owner")), "pool": text(get("pool")),
            "retries": get("retries") if isinstance(get("retries"), int) else None,
            "retry_delay_seconds": seconds(get("retry_delay")),
            "execution_timeout_seconds": seconds(get("execution_timeout")),
            "trigger_rule": text(get("trigger_rule")), "deferrable": get("deferrable") is True,
            "starts": starts(base, get), "fields": fields(base, get), "repairs": repairs(get),
        })
    made = {
        "dag_id": kwargs["dag_id"],
        "dag_display_name": text(kwargs.get("dag_display_name")),
        "description": text(kwargs.get("description")),
        "doc_md": text(kwargs.get("doc_md")),
        "schedule": schedule(dag, zone),
        "start_date": start,
        "end_date": end,
        "catchup": kwargs.get("catchup") if isinstance(kwargs.get("catchup"), bool) else None,
        "tags": list(dict.fromkeys(t for t in (kwargs.get("tags") or []) if isinstance(t, str))),
        "owners": sorted({t["owner"] or "airflow" for t in tasks}),
        "dagrun_timeout_seconds": seconds(kwargs.get("dagrun_timeout")),
        "is_paused_upon_creation": plain(kwargs.get("is_paused_upon_creation")),
        "render_template_as_native_obj": kwargs.get("render_template_as_native_obj") is True,
        "params": plain(kwargs.get("params") or {}),
        "default_args": plain(defaults),
        "tasks": tasks,
    }
    for name in ("max_active_runs", "max_active_tasks"):
        if isinstance(kwargs.get(name), int):
            made[name] = kwargs[name]
    return made


def cyclic(dag):
    done, path = set(), set()

    def visit(name):
        if name in path:
            return name
        if name in done or name not in dag.tasks:
            return None
        path.add(name)
        for below in dag.tasks[name].downstream:
            if (found := visit(below)) is not None:
                return found
        path.discard(name)
        done.add(name)
        return None

    return next((found for name in dag.tasks if (found := visit(name)) is not None), None)


def frames(path, line, source, kind, message):
    code = source.splitlines()[line - 1].strip() if 0 < line <= len(source.splitlines()) else ""
    return "\n".join([
        "Traceback (most recent call last):",
        '  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed',
        f'  File "{path}", line {line}, in <module>',
        f"    {code}",
        f"{kind}: {message}" if message else kind,
        "",
    ])


def read(path, source, version, missing):
    try:
        tree = ast.parse(source, filename=path)
        # The compiler refuses what the grammar allows, such as a `return` outside of a function.
        compile(source, path, "exec", dont_inherit=True)
    except (RecursionError, MemoryError) as error:
        return {"error": frames(path, 1, source, type(error).__name__, "the file is nested too deeply, or too large")}
    except (SyntaxError, ValueError) as error:
        lines = traceback.format_exception_only(type(error), error)
        return {"error": "Traceback (most recent call last):\n" + "".join(lines)}
    reader = Reader(path, version, missing)
    try:
        reader.run(tree.body, {})
        for dag in reader.dags:
            if (task := cyclic(dag)) is not None:
                kind = "airflow.exceptions.AirflowDagCycleException"
                raise Failed(kind, f"Cycle detected in DAG: {dag.kwargs['dag_id']}. Faulty task: {task}")
    except Failed as failed:
        return {"error": frames(path, reader.line, source, failed.kind, failed.message)}
    except (RecursionError, Stop, Returned):
        return {"error": frames(path, reader.line, source, "RecursionError", "maximum recursion depth exceeded")}
    except MemoryError:
        return {"error": frames(path, reader.line, source, "MemoryError", "")}
    try:
        # A file whose second DAG has the id of the first keeps the second.
        found = {"dags": list({dag.kwargs["dag_id"]: described(dag) for dag in reader.dags}.values())}
        # A list may hold itself, and a number may be too long to be written.
        if len(json.dumps(found)) > MOST_JSON:
            raise ValueError("its DAGs are too large to be stored")
        return found
    except Exception as error:
        return {"error": frames(path, 1, source, type(error).__name__, str(error))}


def main():
    confine()
    request = json.load(sys.stdin)
    version, missing = request["version"], request["missing"]
    answer = {path: read(path, source, version, missing) for path, source in request["files"].items()}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
