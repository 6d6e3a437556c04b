
class RepairingRunNow(DatabricksRunNowOperator):
    """Runs a job. A run that failed is repaired: what did not succeed runs again, as a part of the same run."""

    def __init__(self, *, max_repairs, keep_parameters=True, **arguments):
        super().__init__(**arguments)
        self.max_repairs, self.keep_parameters, self.given_up = max_repairs, keep_parameters, False

    def execute(self, context):
        try:
            # Not as it is wrapped: before 3.0 Airflow takes a call of the wrapped one for a nested operator.
            inspect.unwrap(DatabricksRunNowOperator.execute)(self, context)
        except Exception as fault:
            if self.run_id is None or self.given_up:
                raise
            self.see_to(fault, 0)
        else:
            # A run that had failed before it could be waited for is no fault to providers of the time of Airflow 2.9.
            if self.deferrable:
                self.see_to(None, 0)

    def execute_complete(self, context, event=None, repairs=0):
        try:
            super().execute_complete(context, event)
        except Exception as fault:
            self.run_id = event["run_id"]
            self.see_to(fault, repairs)

    def see_to(self, fault, repairs):
        """Wait for the run, repair it when it failed, and raise what is wrong when that may not be or does not help."""
        while True:
            run = self._hook.get_run(self.run_id)
            state, page = run["state"], run.get("run_page_url")
            ended = state.get("result_state") or state["life_cycle_state"]
            if state["life_cycle_state"] not in ("TERMINATED", "SKIPPED", "INTERNAL_ERROR"):
                self.wait(page, repairs)
                continue
            if ended == "SUCCESS":
                self.log.info("plumb | run %s succeeded after %d of %d repairs", self.run_id, repairs, self.max_repairs)
                return
            said = f"run {self.run_id} ended as {ended}: {state.get('state_message') or 'no more is said'} ({page})"
            self.log.warning("plumb | %s", said)
            if ended not in ("FAILED", "SUCCESS_WITH_FAILURES"):
                why = "what was cancelled, timed out or never began is not repaired"
            elif repairs >= self.max_repairs:
                why = f"{repairs} of {self.max_repairs} repairs did not help"
            else:
                why = self.repair(run, repairs + 1)
            if why is None:
                repairs += 1
                continue
            self.log.warning("plumb | not repaired: %s", why)
            self.given_up = True
            if fault is not None and not repairs:
                raise fault
            raise RuntimeError(f"{said}; {why}") from fault

    def wait(self, page, repairs):
        """Wait a while for the run, or leave that to the triggerer."""
        if self.deferrable:
            trigger = DatabricksExecutionTrigger(
                run_id=self.run_id,
                databricks_conn_id=self.databricks_conn_id,
                polling_period_seconds=self.polling_period_seconds,
                retry_limit=self.databricks_retry_limit,
                retry_delay=self.databricks_retry_delay,
                retry_args=self.databricks_retry_args,
                run_page_url=page,
            )
            self.defer(trigger=trigger, method_name="execute_complete", kwargs={"repairs": repairs})
        time.sleep(self.polling_period_seconds)

    def repair(self, run, number):
        """Repair the run. Returns why it is not repaired."""
        asked = {"run_id": self.run_id, "rerun_all_failed_tasks": True, "rerun_dependent_tasks": True}
        if self.keep_parameters:
            # As the run had them: the service does not take them over, and a template may say something else by now.
            given = {name: value for name, value in (run.get("overriding_parameters") or {}).items() if value}
            of_job = {one["name"]: one.get("value", one.get("default")) for one in run.get("job_parameters") or []}
            if of_job and not given.keys() - {"job_parameters"}:
                given["job_parameters"] = of_job
            asked.update(given)
        which = f"repair {number} of {self.max_repairs} of run {self.run_id}"
        latest = self._hook.get_latest_repair_id(self.run_id)
        if latest is not None:
            asked["latest_repair_id"] = latest
        try:
            made = self._hook.repair_run(asked)
        except Exception as refusal:
            if self._hook.get_latest_repair_id(self.run_id) == latest:
                return f"{which} was refused: {refusal}"
            # Its answer was lost, or somebody else was faster.
            self.log.info("plumb | %s is under way, though this was answered: %s", which, refusal)
            return None
        self.log.info("plumb | %s has begun: %s", which, run.get("run_page_url"))
        # Until the service shows it, the run looks as failed as before.
        for _ in range(10):
            if self._hook.get_latest_repair_id(self.run_id) == made:
                break
            time.sleep(self.polling_period_seconds)
        return None

