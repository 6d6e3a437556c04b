"""Drives what jobs stand on with Databricks' own SDK: SQL warehouses, pipelines, secret scopes.

The sandbox's address comes in SANDBOX_URL. The order of the tests means nothing; each makes its own objects.
"""

import itertools
import json
import os
import unittest
import urllib.request
from datetime import timedelta

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import (
    BadRequest,
    InvalidParameterValue,
    NotFound,
    PermissionDenied,
    ResourceAlreadyExists,
    ResourceConflict,
    ResourceDoesNotExist,
)
from databricks.sdk.service import iam, jobs, pipelines, sql, workspace

URL = os.environ["SANDBOX_URL"]
MINUTE = timedelta(minutes=1)
_numbers = itertools.count()


def unique(name):
    return f"{name}-{os.getpid()}-{next(_numbers)}"


def control(method, path, body=None):
    """Calls one of the sandbox's own endpoints."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def client():
    return WorkspaceClient(host=URL, token="anything", auth_type="pat")


class Warehouses(unittest.TestCase):
    def test_a_round(self):
        w = client()
        name = unique("warehouse")
        tags = sql.EndpointTags(custom_tags=[sql.EndpointTagPair(key="team", value="data")])
        made = w.warehouses.create(
            name=name, cluster_size="2X-Small", auto_stop_mins=10, max_num_clusters=2, tags=tags,
            channel=sql.Channel(name=sql.ChannelName.CHANNEL_NAME_CURRENT),
        ).result(timeout=MINUTE)
        self.assertEqual((made.name, made.state, made.num_clusters), (name, sql.State.RUNNING, 1))
        self.assertEqual((made.warehouse_type, made.enable_serverless_compute), (sql.GetWarehouseResponseWarehouseType.CLASSIC, False))
        self.assertEqual(made.tags, tags)
        self.assertEqual(made.channel.name, sql.ChannelName.CHANNEL_NAME_CURRENT)
        self.assertEqual(made.odbc_params.path, f"/sql/1.0/warehouses/{made.id}")
        self.assertEqual(made.health.status, sql.Status.HEALTHY)
        (row,) = [one for one in w.warehouses.list(page_size=1) if one.id == made.id]
        self.assertEqual((row.name, row.cluster_size, row.auto_stop_mins), (name, "2X-Small", 10))
        changed = w.warehouses.edit(made.id, name=name, cluster_size="Small", auto_stop_mins=0).result(timeout=MINUTE)
        self.assertEqual((changed.cluster_size, changed.auto_stop_mins, changed.tags), ("Small", 0, None))
        stopped = w.warehouses.stop(made.id).result(timeout=MINUTE)
        self.assertEqual((stopped.state, stopped.num_clusters), (sql.State.STOPPED, 0))
        self.assertEqual(w.warehouses.start(made.id).result(timeout=MINUTE).state, sql.State.RUNNING)
        w.warehouses.delete(made.id)
        with self.assertRaises(ResourceDoesNotExist):
            w.warehouses.get(made.id)

    def test_a_listing_of_many_is_whole(self):
        w = client()
        names = {unique("many") for _ in range(7)}
        for name in names:
            w.warehouses.create(name=name, cluster_size="2X-Small")
        self.assertEqual({one.name for one in w.warehouses.list(page_size=2)} & names, names)

    def test_what_does_not_fit(self):
        w = client()
        name = unique("taken")
        w.warehouses.create(name=name, cluster_size="2X-Small")
        with self.assertRaisesRegex(InvalidParameterValue, f"SQL warehouse with name `{name}` already exists"):
            w.warehouses.create(name=name, cluster_size="2X-Small")
        for wrong in [{"cluster_size": "Tiny"}, {"auto_stop_mins": 1}, {"min_num_clusters": 2, "max_num_clusters": 1}]:
            with self.assertRaises(InvalidParameterValue, msg=str(wrong)):
                w.warehouses.create(**{"name": unique("wrong"), "cluster_size": "Small"} | wrong)

    def test_permissions(self):
        w = client()
        id = w.warehouses.create(name=unique("permissions"), cluster_size="2X-Small").id
        level = sql.WarehousePermissionLevel
        self.assertEqual({one.permission_level for one in w.warehouses.get_permission_levels(id).permission_levels}, set(level))
        entry = sql.WarehouseAccessControlRequest(group_name="data", permission_level=level.CAN_MONITOR)
        seen = w.warehouses.set_permissions(id, access_control_list=[entry])
        held = {one.group_name or one.user_name: one.all_permissions[0].permission_level for one in seen.access_control_list}
        self.assertEqual(held.pop("data"), level.CAN_MONITOR)
        self.assertEqual(held.pop("admins"), level.CAN_MANAGE)
        self.assertEqual(list(held.values()), [level.IS_OWNER])
        entry = iam.AccessControlRequest(group_name="data", permission_level=iam.PermissionLevel.CAN_USE)
        w.permissions.update("sql/warehouses", id, access_control_list=[entry])
        seen = w.warehouses.get_permissions(id)
        self.assertEqual((seen.object_id, seen.object_type), (f"/sql/warehouses/{id}", "warehouses"))
        self.assertIn(level.CAN_USE, [one.all_permissions[0].permission_level for one in seen.access_control_list])


class Pipelines(unittest.TestCase):
    LIBRARIES = [pipelines.PipelineLibrary(file=pipelines.FileLibrary(path="/Shared/a.py"))]

    def settings(self, name, **more):
        return {"name": name, "libraries": self.LIBRARIES} | more

    def test_a_round(self):
        w = client()
        name = unique("pipeline")
        cluster = pipelines.PipelineCluster(label="default", num_workers=1, custom_tags={"a": "b"})
        note = pipelines.Notifications(alerts=["on-update-failure"], email_recipients=["ann@example.com"])
        id = w.pipelines.create(
            **self.settings(name, channel="CURRENT", edition="ADVANCED", clusters=[cluster], notifications=[note], tags={"t": "v"},
                            configuration={"c": "d"}, parameters={"p": "q"}, continuous=False),
        ).pipeline_id
        seen = w.pipelines.get(id)
        self.assertEqual((seen.name, seen.state, seen.pipeline_id), (name, pipelines.PipelineState.IDLE, id))
        self.assertEqual((seen.spec.id, seen.spec.storage, seen.parameters), (id, f"dbfs:/pipelines/{id}", {"p": "q"}))
        self.assertEqual([one.as_dict() for one in seen.spec.clusters], [cluster.as_dict()])
        self.assertEqual(seen.spec.notifications, [note])
        self.assertEqual((seen.spec.tags, seen.spec.configuration, seen.spec.continuous), ({"t": "v"}, {"c": "d"}, False))
        self.assertEqual(seen.spec.libraries, self.LIBRARIES)
        (row,) = w.pipelines.list_pipelines(filter=f"name LIKE '{name}'")
        self.assertEqual((row.pipeline_id, row.run_as_user_name), (id, seen.run_as_user_name))
        w.pipelines.update(id, **self.settings(f"{name}-2", photon=True, expected_last_modified=seen.last_modified))
        again = w.pipelines.get(id)
        self.assertEqual((again.name, again.spec.photon, again.spec.tags), (f"{name}-2", True, None))
        self.assertFalse(again.spec.clusters)
        self.assertEqual((again.spec.storage, again.parameters), (seen.spec.storage, None))
        self.assertGreater(again.last_modified, seen.last_modified)
        with self.assertRaises(ResourceConflict):
            w.pipelines.update(id, **self.settings(name, expected_last_modified=seen.last_modified))
        w.pipelines.delete(id, cascade=False)
        with self.assertRaisesRegex(ResourceDoesNotExist, f"The specified pipeline {id} was not found."):
            w.pipelines.get(id)

    def test_updates_and_their_events(self):
        w = client()
        id = w.pipelines.create(**self.settings(unique("updates"))).pipeline_id
        control("PATCH", "settings", {"pipeline_seconds": 0})
        try:
            update = w.pipelines.start_update(id, full_refresh=True).update_id
            seen = w.pipelines.get_update(id, update).update
            self.assertEqual((seen.state, seen.full_refresh), (pipelines.UpdateInfoState.COMPLETED, True))
            self.assertEqual(seen.config.id, id)
        finally:
            control("PATCH", "settings", {"pipeline_seconds": None})
        self.assertEqual(w.pipelines.get(id).latest_updates[0].update_id, update)
        self.assertEqual([one.update_id for one in w.pipelines.list_updates(id, max_results=5).updates], [update])
        events = list(w.pipelines.list_pipeline_events(id, max_results=2, order_by=["timestamp asc"]))
        self.assertEqual(events[0].event_type, "create_update")
        self.assertEqual([one.message.split()[-1] for one in events[1:]], [
            "WAITING_FOR_RESOURCES.", "INITIALIZING.", "RESETTING.", "SETTING_UP_TABLES.", "RUNNING.", "COMPLETED.",
        ])
        self.assertEqual((events[1].level, events[1].origin.update_id), (pipelines.EventLevel.INFO, update))
        self.assertEqual(list(w.pipelines.list_pipeline_events(id, filter="level in ('ERROR', 'WARN')")), [])
        w.pipelines.start_update(id)
        with self.assertRaises(ResourceConflict):
            w.pipelines.start_update(id)
        w.pipelines.stop(id).result(timeout=MINUTE)
        self.assertEqual(w.pipelines.get(id).latest_updates[0].state, pipelines.UpdateStateInfoState.CANCELED)

    def test_a_listing_of_many_is_whole(self):
        w = client()
        made = {w.pipelines.create(**self.settings(unique("many"))).pipeline_id for _ in range(7)}
        seen = list(w.pipelines.list_pipelines(filter=f"name LIKE 'many-{os.getpid()}-%'", max_results=2))
        self.assertEqual(({one.pipeline_id for one in seen} & made, len(seen)), (made, len(made)))

    def test_what_does_not_fit(self):
        w = client()
        name = unique("taken")
        id = w.pipelines.create(**self.settings(name)).pipeline_id
        with self.assertRaisesRegex(ResourceConflict, "is already used by another pipeline"):
            w.pipelines.create(**self.settings(name))
        twin = w.pipelines.create(**self.settings(name, allow_duplicate_names=True)).pipeline_id
        self.assertNotEqual(twin, id)
        checked = w.pipelines.create(**self.settings(unique("dry"), dry_run=True))
        self.assertEqual((checked.pipeline_id, checked.effective_settings.libraries), (None, self.LIBRARIES))
        with self.assertRaisesRegex(InvalidParameterValue, "Cannot modify storage of an existing pipeline"):
            w.pipelines.update(id, **self.settings(name, storage="dbfs:/elsewhere"))
        with self.assertRaises(BadRequest):
            w.pipelines.create(name=unique("empty"))
        with self.assertRaises(NotFound):
            w.pipelines.get_update(id, "none")

    def test_permissions_decide_who_it_runs_as(self):
        w = client()
        id = w.pipelines.create(**self.settings(unique("permissions"))).pipeline_id
        level = pipelines.PipelinePermissionLevel
        self.assertEqual({one.permission_level for one in w.pipelines.get_permission_levels(id).permission_levels}, set(level))
        view = pipelines.PipelineAccessControlRequest(group_name="data", permission_level=level.CAN_RUN)
        with self.assertRaisesRegex(InvalidParameterValue, "The pipeline must have exactly one owner."):
            w.pipelines.set_permissions(id, access_control_list=[view])
        owner = pipelines.PipelineAccessControlRequest(user_name="ann@example.com", permission_level=level.IS_OWNER)
        w.pipelines.set_permissions(id, access_control_list=[view, owner])
        w.pipelines.update_permissions(id, access_control_list=[view])
        seen = w.pipelines.get_permissions(id)
        self.assertEqual((seen.object_id, seen.object_type), (f"/pipelines/{id}", "pipelines"))
        self.assertEqual(w.pipelines.get(id).run_as_user_name, "ann@example.com")

    def test_a_job_runs_one(self):
        w = client()
        id = w.pipelines.create(**self.settings(unique("of a job"))).pipeline_id
        task = jobs.Task(task_key="t", pipeline_task=jobs.PipelineTask(pipeline_id=id))
        job = w.jobs.create(name=unique("job"), tasks=[task]).job_id
        run = w.jobs.run_now(job).result(timeout=MINUTE)
        self.assertEqual(run.state.result_state, jobs.RunResultState.SUCCESS)
        self.assertEqual(w.pipelines.list_updates(id).updates[0].cause, pipelines.UpdateInfoCause.JOB_TASK)


class Secrets(unittest.TestCase):
    def test_a_round(self):
        w = client()
        scope = unique("scope")
        w.secrets.create_scope(scope)
        with self.assertRaisesRegex(ResourceAlreadyExists, f"Scope {scope.upper()} already exists!"):
            w.secrets.create_scope(scope.upper())
        (row,) = [one for one in w.secrets.list_scopes() if one.name == scope]
        self.assertEqual(row.backend_type, workspace.ScopeBackendType.DATABRICKS)
        me = w.current_user.me().user_name
        (first,) = w.secrets.list_acls(scope)
        self.assertEqual((first.principal, first.permission), (me, workspace.AclPermission.MANAGE))
        w.secrets.put_acl(scope, "data", workspace.AclPermission.READ)
        w.secrets.put_acl(scope, "data", workspace.AclPermission.WRITE)
        self.assertEqual(w.secrets.get_acl(scope, "data").permission, workspace.AclPermission.WRITE)
        w.secrets.put_secret(scope, "key", string_value="one")
        (before,) = w.secrets.list_secrets(scope)
        control("POST", "clock", {"advance_seconds": 1})
        w.secrets.put_secret(scope, "key", string_value="two")
        (after,) = w.secrets.list_secrets(scope)
        self.assertEqual(after.key, "key")
        self.assertGreater(after.last_updated_timestamp, before.last_updated_timestamp)
        self.assertEqual(w.dbutils.secrets.get(scope, "key"), "two")
        w.secrets.delete_acl(scope, "data")
        with self.assertRaises(ResourceDoesNotExist):
            w.secrets.get_acl(scope, "data")
        w.secrets.delete_scope(scope)
        with self.assertRaisesRegex(ResourceDoesNotExist, f"Scope {scope} does not exist!"):
            list(w.secrets.list_secrets(scope))

    def test_limits_and_permissions(self):
        w = client()
        scope = unique("limits")
        w.secrets.create_scope(scope)
        with self.assertRaises(InvalidParameterValue):
            w.secrets.put_secret(scope, "large", string_value="x" * (128 * 1024 + 1))
        with self.assertRaises(InvalidParameterValue):
            w.secrets.put_secret(scope, "a key", string_value="x")
        w.secrets.delete_acl(scope, w.current_user.me().user_name)
        control("PATCH", "settings", {"caller_is_admin": False})
        try:
            with self.assertRaisesRegex(PermissionDenied, f"does not have READ permission on scope {scope}"):
                list(w.secrets.list_secrets(scope))
        finally:
            control("PATCH", "settings", {"caller_is_admin": True})


if __name__ == "__main__":
    unittest.main()
