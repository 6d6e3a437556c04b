
class Said:
    """Writes into the task's log and keeps what was written."""

    def __init__(self):
        self.log, self.lines = logging.getLogger("airflow.task"), []

    def info(self, text, *values):
        self.log.info(text, *values)
        self.lines.append((text % values).removeprefix("plumb | "))


def tell(context):
    """Say why a task failed: in its log, to what the manifest names, and by mail. Nothing here changes how it ends."""
    said = Said()
    diagnose(context, said)
    if not said.lines:
        said.info("plumb | the diagnosis said nothing")
    context["plumb_diagnosis"] = "\n".join(said.lines)
    for callback in SPEC["notify"].get("callbacks") or []:
        try:
            call(context, **callback)
        except Exception:
            said.log.info("plumb | %s was not told:", callback["path"], exc_info=True)
    to = SPEC["notify"].get("email")
    if to:
        try:
            mail(context, to)
            said.log.info("plumb | mailed to %s", ", ".join(to))
        except Exception:
            said.log.info("plumb | no mail was sent to %s:", ", ".join(to), exc_info=True)


def call(context, path, arguments=None):
    """Call a function, or make a notifier and call that."""
    module, _, name = path.rpartition(".")
    told = getattr(importlib.import_module(module), name)
    done = told(**arguments or {})(context) if isinstance(told, type) else told(context, **arguments or {})
    if asyncio.iscoroutine(done):
        asyncio.run(done)


def mail(context, to):
    """Mail as Airflow itself mails failures: by the backend of `[email]`, on 3 by default by the provider of SMTP."""
    import airflow
    from airflow.configuration import conf

    task, smtp = context["ti"], "airflow.utils.email.send_email_smtp"
    about = [("DAG", task.dag_id), ("Run", context["dag_run"].run_id), ("Task", task.task_id)]
    about += [("Try", getattr(task, "_try_number", None) or task.try_number), ("Log", getattr(task, "log_url", None))]
    head = "".join(f"{name}: {html.escape(str(value))}<br>" for name, value in about if value)
    body = f"<p>{head}</p><pre>{html.escape(context['plumb_diagnosis'])}</pre>"
    subject = f"Airflow: {task.dag_id}.{task.task_id} failed"
    if airflow.__version__.startswith("2.") or conf.get("email", "email_backend", fallback=smtp) != smtp:
        from airflow.utils.email import send_email

        send_email(to, subject, body)
    else:
        from airflow.providers.smtp.notifications.smtp import SmtpNotifier

        sender = conf.get("email", "from_email", fallback="airflow@airflow")
        # Not by a call of it: that fills in templates, and a diagnosis quotes what other programs wrote.
        SmtpNotifier(to=to, from_email=sender, subject=subject, html_content=body).notify(context)

