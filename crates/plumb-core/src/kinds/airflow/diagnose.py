
def diagnose(context):
    """Write into the task's log why it failed. Whatever happens here, the task ends as it would have ended."""
    log = logging.getLogger("airflow.task")
    try:
        program = shutil.which("plumb")
        if program is None:
            log.info("plumb | not installed on this worker, so the cause is not looked for")
            return
        task = context["ti"]
        attempt = getattr(task, "_try_number", None) or task.try_number
        about = "airflow:" + "/".join([task.dag_id, context["dag_run"].run_id, task.task_id, str(attempt)])
        done = subprocess.run(
            [program, "diagnose", about, "--failed", "--output", "text"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        for line in lines[:80]:
            log.info("plumb | %s", line[:400])
        if len(lines) > 80:
            log.info("plumb | and %d more lines: plumb diagnose %s", len(lines) - 80, about)
    except Exception as fault:
        log.info("plumb | the cause was not found out: %s", type(fault).__name__)

