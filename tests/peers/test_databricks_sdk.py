"""Drives the sandbox with Databricks' own SDK: what the SDK cannot parse is a fault of the sandbox.

The sandbox's address comes in SANDBOX_URL. The order of the tests means nothing; each makes its own objects.
"""

import io
import itertools
import json
import os
import unittest
import urllib.error
import urllib.request
import zipfile
from datetime import timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    InvalidState,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
)
from databricks.sdk.service import compute, iam, jobs, sql, workspace

URL = os.environ["SANDBOX_URL"]
MINUTE = timedelta(minutes=1)
_numbers = itertools.count()


def unique(name):
    return f"{name}-{next(_numbers)}"


def control(method, path, body=None):
    """Calls one of the sandbox's own endpoints."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def client():
    return WorkspaceClient(host=URL, token="anything", auth_type="pat")


def task(key, **members):
    return jobs.Task(task_key=key, notebook_task=jobs.NotebookTask(notebook_path=f"/{key}"), **members)


class Jobs(unittest.TestCase):
    def setUp(self):
        self.w = client()

    def test_large_job_is_whole_after_paging(self):
        tasks = [task(f"t{i:03}") for i in range(250)]
        job_id = self.w.jobs.create(name=unique("large"), tasks=tasks).job_id
        job = self.w.jobs.get(job_id)
        self.assertEqual([t.task_key for t in job.settings.tasks], [t.task_key for t in tasks])
        self.assertEqual(job.settings.tasks[249].run_if, jobs.RunIf.ALL_SUCCESS)
        self.assertEqual(job.settings.tasks[0].notebook_task.source, jobs.Source.WORKSPACE)

    def test_listing_goes_over_pages_and_expands(self):
        prefix = unique("listed")
        made = [self.w.jobs.create(name=f"{prefix}-{i}", tasks=[task("a")]).job_id for i in range(45)]
        big = self.w.jobs.create(name=f"{prefix}-big", tasks=[task(f"t{i}") for i in range(130)]).job_id
        seen = {j.job_id: j for j in self.w.jobs.list(expand_tasks=True, limit=7)}
        self.assertTrue(set(made) <= set(seen))
        self.assertEqual(len(seen[big].settings.tasks), 130)
        self.assertEqual([j.job_id for j in self.w.jobs.list(name=f"{prefix}-3".upper())], [made[3]])

    def test_defaults_are_filled_in(self):
        job_id = self.w.jobs.create(
            name=unique("defaults"),
            schedule=jobs.CronSchedule(quartz_cron_expression="0 0 4 * * ?", timezone_id="Europe/London"),
            tasks=[
                task("b", depends_on=[jobs.TaskDependency(task_key="c"), jobs.TaskDependency(task_key="a")]),
                task("a"),
                task("c"),
            ],
        ).job_id
        settings = self.w.jobs.get(job_id).settings
        self.assertEqual(settings.format, jobs.Format.MULTI_TASK)
        self.assertEqual(settings.max_concurrent_runs, 1)
        self.assertTrue(settings.queue.enabled)
        self.assertEqual(settings.schedule.pause_status, jobs.PauseStatus.UNPAUSED)
        self.assertEqual([d.task_key for d in settings.tasks[0].depends_on], ["a", "c"])

    def test_reset_update_delete(self):
        job_id = self.w.jobs.create(name=unique("reset"), description="one", tasks=[task("a")]).job_id
        self.w.jobs.reset(job_id, jobs.JobSettings(name="other", tasks=[task("b")]))
        settings = self.w.jobs.get(job_id).settings
        self.assertEqual((settings.name, settings.description), ("other", None))
        self.w.jobs.update(job_id, new_settings=jobs.JobSettings(tasks=[task("c")]), fields_to_remove=["tasks/b"])
        self.assertEqual([t.task_key for t in self.w.jobs.get(job_id).settings.tasks], ["c"])
        self.w.jobs.delete(job_id)
        with self.assertRaises(NotFound):
            self.w.jobs.get(job_id)
        with self.assertRaises(PermissionDenied):
            self.w.jobs.reset(job_id, jobs.JobSettings(name="gone"))

    def test_bad_graph_is_refused(self):
        with self.assertRaises(InvalidParameterValue):
            self.w.jobs.create(tasks=[task("a", depends_on=[jobs.TaskDependency(task_key="nobody")])])

    def test_permissions(self):
        job_id = str(self.w.jobs.create(name=unique("acl")).job_id)
        owner = self.w.current_user.me().user_name
        first = self.w.jobs.get_permissions(job_id)
        self.assertEqual((first.object_id, first.object_type), (f"/jobs/{job_id}", "job"))
        admins = [e for e in first.access_control_list if e.group_name == "admins"][0]
        self.assertTrue(admins.all_permissions[0].inherited)
        level = jobs.JobPermissionLevel
        mine = jobs.JobAccessControlRequest(user_name=owner, permission_level=level.IS_OWNER)
        group = jobs.JobAccessControlRequest(group_name="data", permission_level=level.CAN_VIEW)
        with self.assertRaises(InvalidParameterValue):
            self.w.jobs.set_permissions(job_id, access_control_list=[group])
        self.w.jobs.set_permissions(job_id, access_control_list=[mine, group])
        more = jobs.JobAccessControlRequest(service_principal_name="sp", permission_level=level.CAN_MANAGE)
        seen = self.w.jobs.update_permissions(job_id, access_control_list=[more]).access_control_list
        self.assertEqual(len(seen), 4)
        generic = self.w.permissions.get("jobs", job_id)
        self.assertEqual(len(generic.access_control_list), 4)
        levels = self.w.jobs.get_permission_levels(job_id).permission_levels
        self.assertIn(level.CAN_MANAGE_RUN, [entry.permission_level for entry in levels])


class Runs(unittest.TestCase):
    def setUp(self):
        self.w = client()

    def test_run_to_the_end(self):
        name = unique("run")
        control("POST", "settings", {"runs": {name: {"output": "42 rows"}}})
        job_id = self.w.jobs.create(
            name=name,
            tasks=[task("a"), task("b", depends_on=[jobs.TaskDependency(task_key="a")])],
            parameters=[jobs.JobParameterDefinition(name="month", default="")],
        ).job_id
        run = self.w.jobs.run_now_and_wait(job_id, job_parameters={"month": "2024-05"}, timeout=MINUTE)
        self.assertEqual(run.state.result_state, jobs.RunResultState.SUCCESS)
        self.assertEqual(run.status.termination_details.code, jobs.TerminationCodeCode.SUCCESS)
        self.assertEqual(run.job_parameters[0].value, "2024-05")
        output = self.w.jobs.get_run_output(run.tasks[1].run_id)
        self.assertEqual(output.notebook_output.result, "42 rows")
        self.assertEqual([r.run_id for r in self.w.jobs.list_runs(job_id=job_id, expand_tasks=True)], [run.run_id])
        self.w.jobs.delete_run(run.run_id)
        self.assertEqual(list(self.w.jobs.list_runs(job_id=job_id)), [])

    def test_failing_run(self):
        name = unique("fails")
        control("POST", "settings", {"runs": {name: {"result": "FAILED", "task": "a", "error": "boom", "error_trace": "at line 1"}}})
        job_id = self.w.jobs.create(
            name=name, tasks=[task("a"), task("b", depends_on=[jobs.TaskDependency(task_key="a")])]
        ).job_id
        run = self.w.jobs.run_now_and_wait(job_id, timeout=MINUTE)
        self.assertEqual(run.state.result_state, jobs.RunResultState.FAILED)
        self.assertEqual(run.tasks[1].state.result_state, jobs.RunResultState.UPSTREAM_FAILED)
        output = self.w.jobs.get_run_output(run.tasks[0].run_id)
        self.assertEqual((output.error, output.error_trace), ("boom", "at line 1"))

    def test_cancel_queue_and_tokens(self):
        job_id = self.w.jobs.create(name=unique("cancel"), tasks=[task("a")]).job_id
        first = self.w.jobs.run_now(job_id, idempotency_token=unique("token"))
        second = self.w.jobs.run_now(job_id)
        queued = self.w.jobs.get_run(second.run_id)
        self.assertEqual(queued.status.state, jobs.RunLifecycleStateV2State.QUEUED)
        self.assertEqual(len(list(self.w.jobs.list_runs(job_id=job_id, active_only=True))), 2)
        self.w.jobs.cancel_all_runs(job_id=job_id)
        for waiter in (first, second):
            run = self.w.jobs.wait_get_run_job_terminated_or_skipped(waiter.run_id, timeout=MINUTE)
            self.assertEqual(run.state.result_state, jobs.RunResultState.CANCELED)

    def test_repair(self):
        name = unique("repair")
        control("POST", "settings", {"runs": {name: {"result": "FAILED", "task": "a"}}})
        job_id = self.w.jobs.create(
            name=name, tasks=[task("a"), task("b", depends_on=[jobs.TaskDependency(task_key="a")])]
        ).job_id
        run_id = self.w.jobs.run_now_and_wait(job_id, timeout=MINUTE).run_id
        control("POST", "settings", {"runs": {}})
        repaired = self.w.jobs.repair_run_and_wait(run_id, rerun_all_failed_tasks=True, timeout=MINUTE)
        self.assertEqual(repaired.state.result_state, jobs.RunResultState.SUCCESS)
        run = self.w.jobs.get_run(run_id, include_history=True)
        kinds = [item.type for item in run.repair_history]
        self.assertEqual(kinds, [jobs.RepairHistoryItemType.ORIGINAL, jobs.RepairHistoryItemType.REPAIR])
        self.assertEqual([t.attempt_number for t in run.tasks], [0, 1, 0, 1])
        again = self.w.jobs.repair_run_and_wait(
            run_id, rerun_tasks=["b"], latest_repair_id=run.repair_history[1].id, timeout=MINUTE
        )
        self.assertEqual(len(again.tasks), 5)
        with self.assertRaises(InvalidParameterValue):
            self.w.jobs.repair_run(run_id, rerun_tasks=["b"])
        view = self.w.jobs.export_run(run.tasks[0].run_id, views_to_export=jobs.ViewsToExport.ALL).views[0]
        self.assertEqual((view.type, view.name), (jobs.ViewType.NOTEBOOK, "a"))

    def test_submit(self):
        run = self.w.jobs.submit_and_wait(
            run_name="once",
            tasks=[jobs.SubmitTask(task_key="a", spark_python_task=jobs.SparkPythonTask(python_file="/f.py"))],
            timeout=MINUTE,
        )
        self.assertEqual(run.run_type, jobs.RunType.SUBMIT_RUN)

    def test_many_runs_are_paged(self):
        job_id = self.w.jobs.create(name=unique("many"), max_concurrent_runs=100).job_id
        made = {self.w.jobs.run_now(job_id).run_id for _ in range(30)}
        self.assertEqual({r.run_id for r in self.w.jobs.list_runs(job_id=job_id)}, made)
        with self.assertRaises(BadRequest):
            list(self.w.jobs.list_runs(job_id=job_id, limit=26))


class Clusters(unittest.TestCase):
    SPEC = {"spark_version": "16.4.x-scala2.12", "node_type_id": "r6id.xlarge"}

    def setUp(self):
        self.w = client()

    def test_whole_life(self):
        cluster = self.w.clusters.create_and_wait(
            cluster_name=unique("life"), num_workers=1, autotermination_minutes=60, timeout=MINUTE, **self.SPEC
        )
        cluster_id = cluster.cluster_id
        self.assertEqual(cluster.state, compute.State.RUNNING)
        self.assertEqual(cluster.aws_attributes.availability, compute.AwsAvailability.SPOT_WITH_FALLBACK)
        edited = self.w.clusters.edit_and_wait(cluster_id, cluster_name="renamed", num_workers=2, timeout=MINUTE, **self.SPEC)
        self.assertEqual((edited.cluster_name, edited.num_workers), ("renamed", 2))
        resized = self.w.clusters.resize_and_wait(
            cluster_id, autoscale=compute.AutoScale(min_workers=1, max_workers=3), timeout=MINUTE
        )
        self.assertEqual((resized.autoscale.max_workers, resized.num_workers), (3, None))
        updated = self.w.clusters.update_and_wait(
            cluster_id,
            "autotermination_minutes",
            cluster=compute.UpdateClusterResource(autotermination_minutes=30),
            timeout=MINUTE,
        )
        self.assertEqual(updated.autotermination_minutes, 30)
        self.w.clusters.restart_and_wait(cluster_id, timeout=MINUTE)
        with self.assertRaises(InvalidState):
            self.w.clusters.start(cluster_id)
        self.w.clusters.pin(cluster_id)
        pinned = self.w.clusters.list(filter_by=compute.ListClustersFilterBy(is_pinned=True))
        self.assertIn(cluster_id, [c.cluster_id for c in pinned])
        ended = self.w.clusters.delete_and_wait(cluster_id, timeout=MINUTE)
        self.assertEqual(ended.termination_reason.code, compute.TerminationReasonCode.USER_REQUEST)
        with self.assertRaises(InvalidState):
            self.w.clusters.resize(cluster_id, num_workers=1)
        with self.assertRaisesRegex(BadRequest, "unpin the cluster first"):
            self.w.clusters.permanent_delete(cluster_id)
        self.w.clusters.unpin(cluster_id)
        kinds = [e.type for e in self.w.clusters.events(cluster_id, limit=3)]
        self.assertIn(compute.EventType.CREATING, kinds)
        self.assertIn(compute.EventType.EDITED, kinds)
        self.w.clusters.permanent_delete(cluster_id)
        with self.assertRaises(NotFound):
            self.w.clusters.get(cluster_id)

    def test_listing_goes_over_pages(self):
        made = {self.w.clusters.create(cluster_name=unique("c"), num_workers=0, **self.SPEC).cluster_id for _ in range(25)}
        self.assertTrue(made <= {c.cluster_id for c in self.w.clusters.list(page_size=4)})

    def test_catalogue(self):
        self.assertTrue(self.w.clusters.select_spark_version(long_term_support=True))
        self.assertTrue(self.w.clusters.select_node_type(local_disk=True, min_memory_gb=32))
        self.assertTrue(self.w.clusters.list_zones().zones)

    def test_libraries(self):
        cluster_id = self.w.clusters.create_and_wait(num_workers=0, timeout=MINUTE, **self.SPEC).cluster_id
        library = compute.Library(pypi=compute.PythonPyPiLibrary(package="simplejson==3.19.2"))
        self.w.libraries.install(cluster_id, [library])
        statuses = [list(self.w.libraries.cluster_status(cluster_id))[0].status for _ in range(2)]
        self.assertEqual(statuses, [compute.LibraryInstallStatus.PENDING, compute.LibraryInstallStatus.INSTALLED])
        self.w.libraries.uninstall(cluster_id, [library])
        self.assertIn(cluster_id, [s.cluster_id for s in self.w.libraries.all_cluster_statuses()])

    def test_permissions(self):
        cluster_id = self.w.clusters.create(num_workers=0, **self.SPEC).cluster_id
        acl = [compute.ClusterAccessControlRequest(group_name="data", permission_level=compute.ClusterPermissionLevel.CAN_RESTART)]
        seen = self.w.clusters.set_permissions(cluster_id, access_control_list=acl)
        self.assertEqual((seen.object_type, len(seen.access_control_list)), ("cluster", 3))
        self.assertEqual(len(self.w.clusters.get_permission_levels(cluster_id).permission_levels), 3)


class PoliciesAndPools(unittest.TestCase):
    def setUp(self):
        self.w = client()

    def test_policy(self):
        name = unique("policy")
        definition = json.dumps(
            {
                "custom_tags.team": {"type": "fixed", "value": "bau"},
                "autotermination_minutes": {"type": "range", "maxValue": 60, "defaultValue": 20, "isOptional": True},
            }
        )
        policy_id = self.w.cluster_policies.create(name=name, definition=definition).policy_id
        with self.assertRaisesRegex(InvalidParameterValue, "already exists"):
            self.w.cluster_policies.create(name=name, definition="{}")
        cluster = self.w.clusters.create_and_wait(
            policy_id=policy_id, apply_policy_default_values=True, num_workers=0, timeout=MINUTE, **Clusters.SPEC
        )
        self.assertEqual((cluster.custom_tags, cluster.autotermination_minutes), ({"team": "bau"}, 20))
        self.assertTrue(cluster.spec.apply_policy_default_values)
        with self.assertRaisesRegex(InvalidParameterValue, "less than or equal to 60"):
            self.w.clusters.create(policy_id=policy_id, autotermination_minutes=90, num_workers=0, **Clusters.SPEC)
        self.w.cluster_policies.edit(policy_id, name=name, definition="{}", description="new")
        self.assertEqual(self.w.cluster_policies.get(policy_id).description, "new")
        self.assertIn(policy_id, [p.policy_id for p in self.w.cluster_policies.list()])
        group = compute.ClusterPolicyAccessControlRequest(
            group_name="data", permission_level=compute.ClusterPolicyPermissionLevel.CAN_USE
        )
        seen = self.w.cluster_policies.set_permissions(policy_id, access_control_list=[group])
        self.assertEqual((seen.object_type, len(seen.access_control_list)), ("cluster-policy", 2))
        self.w.cluster_policies.delete(policy_id)
        with self.assertRaises(NotFound):
            self.w.cluster_policies.get(policy_id)
        self.assertTrue([f.policy_family_id for f in self.w.policy_families.list()])

    def test_pool(self):
        name = unique("pool")
        made = self.w.instance_pools.create(instance_pool_name=name, node_type_id="i3.xlarge", max_capacity=9)
        with self.assertRaisesRegex(InvalidParameterValue, "already exists"):
            self.w.instance_pools.create(instance_pool_name=name, node_type_id="i3.xlarge")
        self.w.instance_pools.edit(made.instance_pool_id, name + "-2", "i3.xlarge", min_idle_instances=1)
        pool = self.w.instance_pools.get(made.instance_pool_id)
        self.assertEqual((pool.instance_pool_name, pool.state), (name + "-2", compute.InstancePoolState.ACTIVE))
        self.assertEqual(pool.stats.idle_count, 1)
        self.assertIn(made.instance_pool_id, [p.instance_pool_id for p in self.w.instance_pools.list()])
        levels = self.w.instance_pools.get_permission_levels(made.instance_pool_id).permission_levels
        self.assertEqual(len(levels), 2)
        self.w.instance_pools.delete(made.instance_pool_id)
        with self.assertRaises(NotFound):
            self.w.instance_pools.get(made.instance_pool_id)


class Files(unittest.TestCase):
    def test_upload_list_download(self):
        w = client()
        folder = f"/Users/{w.current_user.me().user_name}/{unique('folder')}"
        w.workspace.mkdirs(folder)
        w.workspace.upload(f"{folder}/a.txt", io.BytesIO(b"hello\r\n"), format=workspace.ImportFormat.AUTO)
        with self.assertRaises((ResourceAlreadyExists, BadRequest)):
            w.workspace.upload(f"{folder}/a.txt", io.BytesIO(b"x"), format=workspace.ImportFormat.AUTO)
        w.workspace.upload(f"{folder}/n.py", io.BytesIO(b"print(1)"))
        self.assertEqual(w.workspace.download(f"{folder}/a.txt").read(), b"hello\r\n")
        kinds = {o.path.rsplit("/", 1)[1]: o.object_type for o in w.workspace.list(folder)}
        self.assertEqual(kinds, {"a.txt": workspace.ObjectType.FILE, "n.py": workspace.ObjectType.NOTEBOOK})
        self.assertEqual(w.workspace.get_status(f"{folder}/a.txt").size, 7)
        w.workspace.delete(folder, recursive=True)
        with self.assertRaises(NotFound):
            w.workspace.get_status(folder)


    def test_permissions_of_folders_and_notebooks(self):
        w = client()
        folder = f"/Shared/{unique('shared')}"
        w.workspace.mkdirs(folder)
        w.workspace.upload(f"{folder}/n.py", io.BytesIO(b"# Databricks notebook source\nx = 1"), format=workspace.ImportFormat.AUTO)
        for path, kind, seen in [(folder, "directories", "directory"), (f"{folder}/n", "notebooks", "notebook")]:
            object_id = str(w.workspace.get_status(path).object_id)
            acl = [iam.AccessControlRequest(group_name="data", permission_level=iam.PermissionLevel.CAN_RUN)]
            answer = w.permissions.set(kind, object_id, access_control_list=acl)
            self.assertEqual((answer.object_type, answer.access_control_list[0].group_name), (seen, "data"))
            levels = w.permissions.get_permission_levels(kind, object_id).permission_levels
            self.assertEqual(len(levels), 4)
            typed = w.workspace.get_permissions(kind, object_id)
            self.assertEqual(
                typed.access_control_list[0].all_permissions[0].permission_level,
                workspace.WorkspaceObjectPermissionLevel.CAN_RUN,
            )

    def test_formats_of_a_notebook(self):
        w = client()
        path = f"/Shared/{unique('formats')}"
        w.workspace.upload(path, io.BytesIO(b"SELECT 1"), language=workspace.Language.SQL, format=workspace.ImportFormat.SOURCE)
        source = w.workspace.download(path, format=workspace.ExportFormat.SOURCE).read()
        self.assertEqual(source, b"-- Databricks notebook source\nSELECT 1")
        notebook = json.loads(w.workspace.download(path, format=workspace.ExportFormat.JUPYTER).read())
        self.assertEqual(notebook["cells"][0]["source"], "SELECT 1")
        w.workspace.upload(f"{path}-j.ipynb", io.BytesIO(json.dumps(notebook).encode()), format=workspace.ImportFormat.AUTO)
        self.assertEqual(w.workspace.get_status(f"{path}-j").language, workspace.Language.SQL)
        self.assertEqual(w.workspace.download(f"{path}-j").read(), source + b"\n")

    def test_archive_of_a_folder_opens(self):
        w = client()
        folder = f"/Shared/{unique('archive')}"
        w.workspace.mkdirs(f"{folder}/inner")
        w.workspace.upload(f"{folder}/inner/n.py", io.BytesIO(b"# Databricks notebook source\nx = 1"), format=workspace.ImportFormat.AUTO)
        archive = zipfile.ZipFile(io.BytesIO(w.workspace.download(folder, format=workspace.ExportFormat.DBC).read()))
        self.assertIsNone(archive.testzip())
        (name,) = archive.namelist()
        self.assertEqual(json.loads(archive.read(name))["commands"][0]["command"], "x = 1")

    def test_dbfs(self):
        w = client()
        folder = f"/{unique('dbfs')}"
        large = bytes(range(256)) * 6000
        w.dbfs.upload(f"{folder}/a.bin", io.BytesIO(large))
        self.assertEqual(w.dbfs.download(f"{folder}/a.bin").read(), large)
        with self.assertRaises(OSError):
            w.dbfs.upload(f"{folder}/a.bin", io.BytesIO(b"x"))
        w.dbfs.mkdirs(f"{folder}/b")
        w.dbfs.move(f"{folder}/a.bin", f"{folder}/b")
        (entry,) = w.dbfs.list(f"{folder}/b")
        self.assertEqual((entry.path, entry.file_size), (f"{folder}/b/a.bin", len(large)))
        w.dbfs.delete(folder, recursive=True)
        with self.assertRaises(NotFound):
            w.dbfs.get_status(folder)

    def test_volume(self):
        w = client()
        folder = f"/Volumes/main/default/files/{unique('volume')}"
        w.files.create_directory(folder)
        w.files.upload(f"{folder}/a b%.bin", io.BytesIO(b"\x00{"), overwrite=True)
        self.assertEqual(w.files.download(f"{folder}/a b%.bin").contents.read(), b"\x00{")
        self.assertEqual(w.files.get_metadata(f"{folder}/a b%.bin").content_length, 2)
        w.files.get_directory_metadata(folder)
        names = [(e.name, e.is_directory, e.file_size) for e in w.files.list_directory_contents(folder, page_size=1)]
        self.assertEqual(names, [("a b%.bin", False, 2)])
        with self.assertRaises(BadRequest):
            w.files.delete_directory(folder)
        w.files.delete(f"{folder}/a b%.bin")
        w.files.delete_directory(folder)
        with self.assertRaises(NotFound):
            w.files.get_directory_metadata(folder)


class Secrets(unittest.TestCase):
    def test_scope(self):
        w = client()
        scope = unique("scope")
        w.secrets.create_scope(scope)
        with self.assertRaises(ResourceAlreadyExists):
            w.secrets.create_scope(scope)
        self.assertIn(scope, [s.name for s in w.secrets.list_scopes()])
        w.secrets.put_secret(scope, "text", string_value="hush")
        w.secrets.put_secret(scope, "bytes", bytes_value="AP8=")
        self.assertEqual([s.key for s in w.secrets.list_secrets(scope)], ["bytes", "text"])
        self.assertEqual(w.dbutils.secrets.get(scope, "text"), "hush")
        self.assertEqual(w.secrets.get_secret(scope, "bytes").value, "AP8=")
        w.secrets.put_acl(scope, "data", workspace.AclPermission.READ)
        self.assertEqual(w.secrets.get_acl(scope, "data").permission, workspace.AclPermission.READ)
        self.assertEqual(len(list(w.secrets.list_acls(scope))), 2)
        w.secrets.delete_acl(scope, "data")
        w.secrets.delete_secret(scope, "text")
        for call in (lambda: w.secrets.get_secret(scope, "text"), lambda: w.secrets.get_acl(scope, "data")):
            with self.assertRaises(ResourceDoesNotExist):
                call()
        w.secrets.delete_scope(scope)
        with self.assertRaises(ResourceDoesNotExist):
            list(w.secrets.list_secrets(scope))


class Principals(unittest.TestCase):
    def test_groups(self):
        w = client()
        user = w.users.create(user_name=f"{unique('ann')}@example.com")
        group = w.groups.create(display_name=unique("group"))
        with self.assertRaises(ResourceConflict):
            w.groups.create(display_name=group.display_name)
        w.groups.patch(
            group.id,
            schemas=[iam.PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP],
            operations=[iam.Patch(op=iam.PatchOp.ADD, path="members", value=[{"value": user.id}])],
        )
        self.assertEqual([m.value for m in w.groups.get(group.id).members], [user.id])
        self.assertEqual([g.display for g in w.users.get(user.id).groups], [group.display_name])
        (found,) = w.groups.list(filter=f'displayName eq "{group.display_name}"')
        self.assertEqual(found.id, group.id)
        self.assertIn("admins", [g.display_name for g in w.groups.list(count=1)])
        w.groups.delete(group.id)
        with self.assertRaises(NotFound):
            w.groups.get(group.id)
        w.users.delete(user.id)

    def test_service_principals(self):
        w = client()
        made = w.service_principals.create(display_name=unique("ci"), active=True)
        self.assertEqual(w.service_principals.get(made.id).application_id, made.application_id)
        w.service_principals.update(made.id, display_name="renamed", application_id=made.application_id)
        (found,) = w.service_principals.list(filter=f'applicationId eq "{made.application_id}"')
        self.assertEqual(found.display_name, "renamed")
        w.service_principals.delete(made.id)


class Compliance(unittest.TestCase):
    def test_a_tightened_policy(self):
        w = client()
        name = unique("tight")
        policy_id = w.cluster_policies.create(name=name, definition="{}").policy_id
        cluster_id = w.clusters.create_and_wait(policy_id=policy_id, num_workers=9, timeout=MINUTE, **Clusters.SPEC).cluster_id
        spec = compute.ClusterSpec(policy_id=policy_id, num_workers=9, **Clusters.SPEC)
        job_id = w.jobs.create(name=name, tasks=[task("a", new_cluster=spec)]).job_id
        w.cluster_policies.edit(policy_id, name=name, definition=json.dumps({"num_workers": {"type": "range", "maxValue": 4}}))
        seen = w.policy_compliance_for_clusters.get_compliance(cluster_id)
        self.assertEqual((seen.is_compliant, list(seen.violations)), (False, ["num_workers"]))
        listed = list(w.policy_compliance_for_clusters.list_compliance(policy_id))
        self.assertEqual([c.cluster_id for c in listed], [cluster_id])
        changes = w.policy_compliance_for_clusters.enforce_compliance(cluster_id).changes
        self.assertEqual([(c.field, c.new_value) for c in changes], [("num_workers", "4")])
        self.assertTrue(w.policy_compliance_for_clusters.get_compliance(cluster_id).is_compliant)
        self.assertFalse(list(w.policy_compliance_for_jobs.list_compliance(policy_id))[0].is_compliant)
        done = w.policy_compliance_for_jobs.enforce_compliance(job_id)
        self.assertEqual(done.settings.tasks[0].new_cluster.num_workers, 4)
        self.assertTrue(w.policy_compliance_for_jobs.get_compliance(job_id).is_compliant)

    def test_warehouse(self):
        w = client()
        made = w.warehouses.create_and_wait(name=unique("warehouse"), cluster_size="Small", timeout=MINUTE)
        self.assertIn(made.id, [one.id for one in w.warehouses.list()])
        self.assertEqual(w.warehouses.stop_and_wait(made.id, timeout=MINUTE).state, sql.State.STOPPED)
        w.warehouses.delete(made.id)


class Statements(unittest.TestCase):
    """The settings are shared by all tests, so each has a text of its own and adds its rules to those there are."""

    def setUp(self):
        self.w = client()
        made = self.w.warehouses.create_and_wait(name=unique("statements"), cluster_size="Small", timeout=MINUTE)
        self.warehouse = made.id

    def script(self, **rule):
        text = unique("SELECT")
        rules = control("GET", "settings")["statements"]
        control("POST", "settings", {"statements": [*rules, {"contains": [f"{text} ;"], **rule}]})
        return f"{text} ;"

    def run_statement(self, text, **members):
        return self.w.statement_execution.execute_statement(text, self.warehouse, **members)

    def test_rows_come_in_chunks_with_their_types(self):
        columns = [["n", "BIGINT"], ["d", "DECIMAL(18,4)"], ["t", "TIMESTAMP"], ["a", "ARRAY<STRING>"]]
        rows = [[str(i), None, "2024-05-01T00:00:00.000Z", "[]"] for i in range(5)]
        text = self.script(columns=columns, rows=rows, chunk_rows=2)
        done = self.run_statement(
            text,
            wait_timeout="50s",
            on_wait_timeout=sql.ExecuteStatementRequestOnWaitTimeout.CONTINUE,
            disposition=sql.Disposition.INLINE,
            format=sql.Format.JSON_ARRAY,
            parameters=[
                sql.StatementParameterListItem(name="a", type="DECIMAL(18,2)", value="1.50"),
                sql.StatementParameterListItem(name="b"),
            ],
        )
        self.assertEqual(done.status.state, sql.StatementState.SUCCEEDED)
        manifest, name = done.manifest, sql.ColumnInfoTypeName
        self.assertEqual([c.type_name for c in manifest.schema.columns], [name.LONG, name.DECIMAL, name.TIMESTAMP, name.ARRAY])
        self.assertEqual([c.position for c in manifest.schema.columns], [0, 1, 2, 3])
        decimal = manifest.schema.columns[1]
        self.assertEqual((decimal.type_precision, decimal.type_scale, decimal.type_text), (18, 4, "DECIMAL(18,4)"))
        counts = (manifest.total_row_count, manifest.total_chunk_count, manifest.truncated, manifest.format)
        self.assertEqual(counts, (5, 3, False, sql.Format.JSON_ARRAY))
        chunk, read = done.result, []
        while True:
            self.assertEqual((chunk.row_offset, chunk.row_count), (len(read), len(chunk.data_array)))
            read += chunk.data_array
            if chunk.next_chunk_index is None:
                break
            get = self.w.statement_execution.get_statement_result_chunk_n
            chunk = get(done.statement_id, chunk.next_chunk_index)
        self.assertEqual(read, rows)
        self.assertEqual([c.row_count for c in manifest.chunks], [2, 2, 1])

    def test_a_statement_is_waited_for(self):
        text = self.script(columns=[["n", "INT"]], rows=[["1"]], looks=3)
        seen = self.run_statement(text, wait_timeout="0s")
        states = [seen.status.state.value]
        while seen.status.state in (sql.StatementState.PENDING, sql.StatementState.RUNNING):
            seen = self.w.statement_execution.get_statement(seen.statement_id)
            states.append(seen.status.state.value)
        self.assertEqual(states, ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"])
        self.assertEqual(seen.result.data_array, [["1"]])

    def test_a_statement_is_cancelled(self):
        text = self.script(looks=9)
        running = self.run_statement(text).statement_id
        self.w.statement_execution.cancel_execution(running)
        self.assertEqual(self.w.statement_execution.get_statement(running).status.state, sql.StatementState.CANCELED)
        cancel = sql.ExecuteStatementRequestOnWaitTimeout.CANCEL
        late = self.run_statement(text, wait_timeout="5s", on_wait_timeout=cancel)
        self.assertEqual(late.status.state, sql.StatementState.CANCELED)
        for call in (self.w.statement_execution.get_statement, self.w.statement_execution.cancel_execution):
            with self.assertRaises(NotFound):
                call("nobody")

    def test_an_error_is_an_answer(self):
        text = self.script(state="FAILED", error_code="BAD_REQUEST", message="[TABLE_OR_VIEW_NOT_FOUND] t", sql_state="42P01")
        status = self.run_statement(text).status
        self.assertEqual((status.state, status.sql_state), (sql.StatementState.FAILED, "42P01"))
        self.assertEqual(status.error.error_code, sql.ServiceErrorCode.BAD_REQUEST)
        self.assertIn("TABLE_OR_VIEW", status.error.message)
        self.assertIn("runs no SQL", self.run_statement(unique("SELECT other")).status.error.message)
        with self.assertRaises(InvalidParameterValue):
            self.run_statement(text, wait_timeout="3s")
        with self.assertRaises(InvalidParameterValue):
            self.w.statement_execution.execute_statement(text, "nobody")

    def test_links_are_fetched_without_credentials(self):
        text = self.script(columns=[["n", "INT"]], rows=[["1"], [None]], chunk_rows=1)
        done = self.run_statement(text, disposition=sql.Disposition.EXTERNAL_LINKS)
        link, read = done.result.external_links[0], []
        while True:
            request = urllib.request.Request(link.external_link, headers=link.http_headers)
            with urllib.request.urlopen(request) as answer:
                read += json.load(answer)
            if link.next_chunk_index is None:
                break
            get = self.w.statement_execution.get_statement_result_chunk_n
            link = get(done.statement_id, link.next_chunk_index).external_links[0]
        self.assertEqual(read, [["1"], [None]])
        request.add_header("Authorization", "Bearer anything")
        with self.assertRaises(urllib.error.HTTPError):
            urllib.request.urlopen(request)

    def test_a_stopped_warehouse_starts_and_one_that_stops_fails(self):
        text = self.script(columns=[["n", "INT"]], rows=[["1"]], times=1)
        self.w.warehouses.stop_and_wait(self.warehouse, timeout=MINUTE)
        first = self.run_statement(text)
        self.assertEqual(first.status.state, sql.StatementState.PENDING)
        self.assertEqual(self.w.warehouses.get(self.warehouse).state, sql.State.RUNNING)
        seen = self.w.statement_execution.get_statement(first.statement_id)
        self.assertEqual(seen.status.state, sql.StatementState.SUCCEEDED)
        running = self.run_statement(self.script(looks=9)).statement_id
        self.w.warehouses.stop_and_wait(self.warehouse, timeout=MINUTE)
        lost = self.w.statement_execution.get_statement(running).status
        self.assertEqual((lost.state, lost.error.error_code), (sql.StatementState.FAILED, sql.ServiceErrorCode.ABORTED))


class Failures(unittest.TestCase):
    """Runs that fail for a reason: whatever the SDK has a type for is of that type."""

    def test_every_scenario(self):
        w = client()
        for scenario, code, reason in (
            ("spot-lost", jobs.TerminationCodeCode.RUN_EXECUTION_ERROR, "JOB_FINISHED"),
            ("user-code", jobs.TerminationCodeCode.RUN_EXECUTION_ERROR, "JOB_FINISHED"),
            ("uc-permission", jobs.TerminationCodeCode.RUN_EXECUTION_ERROR, "JOB_FINISHED"),
            ("init-script", jobs.TerminationCodeCode.CLUSTER_ERROR, "INIT_SCRIPT_FAILURE"),
            ("library", jobs.TerminationCodeCode.LIBRARY_INSTALLATION_ERROR, "JOB_FINISHED"),
            ("capacity", jobs.TerminationCodeCode.CLOUD_FAILURE, "AWS_INSUFFICIENT_INSTANCE_CAPACITY_FAILURE"),
            ("timeout", jobs.TerminationCodeCode.CANCELED, "JOB_FINISHED"),
            ("run-limit", jobs.TerminationCodeCode.MAX_CONCURRENT_RUNS_EXCEEDED, None),
        ):
            with self.subTest(scenario):
                name = unique(scenario)
                cluster = compute.ClusterSpec(
                    spark_version="16.4.x-scala2.12",
                    node_type_id="r6id.2xlarge",
                    num_workers=3,
                    cluster_log_conf=compute.ClusterLogConf(
                        volumes=compute.VolumesStorageInfo(destination="/Volumes/main/ops/logs")
                    ),
                )
                job = w.jobs.create(name=name, tasks=[task("score", new_cluster=cluster)]).job_id
                outcome = {"scenario": scenario}
                past = {"job": job, "started": "2026-11-20T04:00:00Z", "ended": "2026-11-20T06:00:00Z", "outcome": outcome}
                run = w.jobs.get_run(control("POST", "seed", {"runs": [past]})["runs"][0], include_history=True)
                own = run.tasks[0]
                self.assertEqual(own.status.termination_details.code, code)
                self.assertIsNotNone(own.status.termination_details.type)
                self.assertIsNotNone(own.state.result_state)
                self.assertIsNotNone(own.state.life_cycle_state)
                output = w.jobs.get_run_output(own.run_id)
                self.assertEqual(output.metadata.run_id, own.run_id)
                if reason is None:
                    self.assertIsNone(own.cluster_instance)
                    continue
                seen = w.clusters.get(own.cluster_instance.cluster_id)
                self.assertEqual((seen.state, seen.cluster_source), (compute.State.TERMINATED, compute.ClusterSource.JOB))
                self.assertEqual(seen.termination_reason.code, compute.TerminationReasonCode[reason])
                self.assertIsNotNone(seen.termination_reason.type)
                events = list(w.clusters.events(seen.cluster_id, order=compute.GetEventsOrder.ASC, page_size=2))
                self.assertGreater(len(events), 1)
                for event in events:
                    self.assertIsNotNone(event.type)
                    for name in ("reason", "init_scripts"):
                        part = getattr(event.details, name)
                        if part is not None:
                            self.assertNotIn(None, [part.code, part.type] if name == "reason" else [part.cluster])
                if own.cluster_instance.spark_context_id:
                    folder = f"/Volumes/main/ops/logs/{seen.cluster_id}/driver"
                    names = [entry.name for entry in w.files.list_directory_contents(folder)]
                    self.assertEqual(names, ["log4j-active.log", "stderr", "stdout"])
                    self.assertIn(b"INFO ", w.files.download(f"{folder}/log4j-active.log").contents.read())
                if scenario == "library":
                    library = next(iter(w.libraries.cluster_status(seen.cluster_id)))
                    self.assertEqual(library.status, compute.LibraryInstallStatus.FAILED)


class Identity(unittest.TestCase):
    def test_machine_to_machine(self):
        w = WorkspaceClient(host=URL, client_id="sp-1", client_secret="hush", auth_type="oauth-m2m")
        self.assertEqual(w.current_user.me().user_name, "sp-1")
        job_id = w.jobs.create(name=unique("m2m")).job_id
        owner = [e for e in w.jobs.get_permissions(str(job_id)).access_control_list if e.service_principal_name]
        self.assertEqual(owner[0].service_principal_name, "sp-1")

    def test_me(self):
        me: iam.User = client().current_user.me()
        self.assertEqual((me.user_name, me.active), ("someone@example.com", True))
        self.assertIn("admins", [g.display for g in me.groups])

    def test_throttled_call_is_repeated_after_the_time_it_was_told(self):
        control("POST", "faults", {"path": "/api/2.0/preview/scim/v2/Me", "status": 429, "retry_after": 1, "times": 1})
        self.assertEqual(client().current_user.me().user_name, "someone@example.com")

    def test_nobodys_secret_is_in_the_log(self):
        self.assertNotIn("hush", json.dumps(control("GET", "requests")))


if __name__ == "__main__":
    unittest.main(verbosity=1)
