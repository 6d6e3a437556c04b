"""Goes round Unity Catalog with Databricks' own SDK: catalogs, schemas, volumes, locations, tables and grants.

The sandbox's address comes in SANDBOX_URL. Each test makes a schema of its own.
"""

import io
import itertools
import json
import os
import unittest
import urllib.request

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service import catalog

URL = os.environ["SANDBOX_URL"]
_numbers = itertools.count()


def unique(name):
    return f"{name}_{next(_numbers)}"


def control(method, path, body=None):
    """Calls one of the sandbox's own endpoints."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/{path}", data=data, method=method)
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def client():
    return WorkspaceClient(host=URL, token="anything", auth_type="pat")


class Unity(unittest.TestCase):
    def setUp(self):
        self.w = client()
        self.schema = self.w.schemas.create(unique("Schema"), "main", comment="c", properties={"a": "b"})
        self.full = self.schema.full_name

    def tearDown(self):
        control("POST", "settings", {"catalog_page_size": 20, "empty_first_page": False, "grants_delay_reads": 0})

    def location(self):
        name = unique("Lake")
        return self.w.external_locations.create(name, f"s3://{name.lower()}/raw/", "default", comment="c")

    def test_a_catalog(self):
        name = unique("Catalog")
        made = self.w.catalogs.create(name, comment="c")
        self.assertEqual((made.name, made.catalog_type), (name.lower(), catalog.CatalogType.MANAGED_CATALOG))
        self.assertLessEqual({"main", "samples", "system", made.name}, {c.name for c in self.w.catalogs.list()})
        self.assertEqual({s.name for s in self.w.schemas.list(made.name)}, {"default", "information_schema"})
        with self.assertRaisesRegex(BadRequest, "is not empty"):
            self.w.catalogs.delete(made.name)
        self.w.catalogs.delete(made.name, force=True)
        with self.assertRaisesRegex(NotFound, f"Catalog '{made.name}' does not exist"):
            self.w.catalogs.get(made.name)

    def test_a_schema(self):
        self.assertEqual(self.full, f"main.{self.schema.name}")
        self.assertEqual(self.schema.name, self.schema.name.lower())
        self.assertFalse(self.schema.browse_only)
        flag = self.schema.effective_predictive_optimization_flag
        self.assertEqual(flag.value, catalog.EnablePredictiveOptimization.ENABLE)
        changed = self.w.schemas.update(
            self.full, comment="d", owner="ann@example.com", properties={"x": "y"},
            enable_predictive_optimization=catalog.EnablePredictiveOptimization.DISABLE,
        )
        self.assertEqual((changed.comment, changed.owner, changed.properties), ("d", "ann@example.com", {"x": "y"}))
        self.assertEqual(changed.effective_predictive_optimization_flag.value, catalog.EnablePredictiveOptimization.DISABLE)
        with self.assertRaisesRegex(InvalidParameterValue, "UpdateSchema Nothing to update"):
            self.w.schemas.update(self.full)
        renamed = self.w.schemas.update(self.full, new_name=unique("renamed"))
        self.assertEqual(renamed.schema_id, self.schema.schema_id)
        self.assertIsNone(self.w.schemas.update(renamed.full_name, comment="").comment)
        with self.assertRaisesRegex(BadRequest, "already exists"):
            self.w.schemas.create(renamed.name, "main")
        with self.assertRaises(NotFound):
            self.w.schemas.get(self.full)
        with self.assertRaises(PermissionDenied):
            self.w.schemas.create("x", "samples")
        self.w.schemas.delete(renamed.full_name)

    def test_pages(self):
        control("POST", "settings", {"catalog_page_size": 2, "empty_first_page": True})
        volumes = {
            self.w.volumes.create("main", self.schema.name, f"v{i}", catalog.VolumeType.MANAGED).name for i in range(5)
        }
        self.assertEqual({v.name for v in self.w.volumes.list("main", self.schema.name)}, volumes)
        self.assertIn(self.schema.name, {s.name for s in self.w.schemas.list("main")})
        self.assertIn("default", {c.name for c in self.w.storage_credentials.list()})

    def test_volumes(self):
        w, location = self.w, self.location()
        managed = w.volumes.create("main", self.schema.name, "Managed", catalog.VolumeType.MANAGED, comment="c")
        self.assertEqual(managed.full_name, f"{self.full}.managed")
        external = w.volumes.create(
            "main", self.schema.name, "external", catalog.VolumeType.EXTERNAL, storage_location=f"{location.url}/in/"
        )
        self.assertEqual(external.storage_location, f"{location.url}/in")
        with self.assertRaisesRegex(NotFound, "No parent external location"):
            w.volumes.create("main", self.schema.name, "x", catalog.VolumeType.EXTERNAL, storage_location="s3://no")
        with self.assertRaisesRegex(InvalidParameterValue, "overlaps with other external tables or volumes"):
            w.volumes.create(
                "main", self.schema.name, "x", catalog.VolumeType.EXTERNAL, storage_location=f"{location.url}/in/x"
            )
        path = f"/Volumes/main/{self.schema.name}/managed"
        w.files.upload(f"{path}/a.txt", io.BytesIO(b"1"), overwrite=True)
        with self.assertRaisesRegex(NotFound, "does not exist"):
            w.files.upload(f"/Volumes/main/{self.schema.name}/none/a.txt", io.BytesIO(b"1"))
        renamed = w.volumes.update(managed.full_name, new_name="other", comment="")
        self.assertEqual((renamed.name, renamed.comment), ("other", ""))
        self.assertEqual(w.files.download(path.replace("managed", "other") + "/a.txt").contents.read(), b"1")
        with self.assertRaisesRegex(BadRequest, r"The schema has 0 tables\(s\), 0 functions\(s\), 2 volumes\(s\)"):
            w.schemas.delete(self.full)
        w.volumes.delete(external.full_name)
        with self.assertRaisesRegex(NotFound, "Volume .* does not exist"):
            w.volumes.read(external.full_name)
        w.schemas.delete(self.full, force=True)
        w.external_locations.delete(location.name)

    def test_tables_functions_and_models(self):
        w = self.w
        made = [f"{self.full}.t{i}" for i in range(3)]
        control("POST", "seed", {"tables": made, "functions": [f"{self.full}.f"], "registered_models": [f"{self.full}.m"]})
        self.assertEqual([t.full_name for t in w.tables.list("main", self.schema.name)], made)
        self.assertEqual([f.full_name for f in w.functions.list("main", self.schema.name)], [f"{self.full}.f"])
        models = w.registered_models.list(catalog_name="main", schema_name=self.schema.name)
        self.assertEqual([m.full_name for m in models], [f"{self.full}.m"])
        self.assertTrue(w.tables.exists(made[0]).table_exists)
        self.assertEqual(w.tables.get(made[0]).table_type, catalog.TableType.MANAGED)
        w.tables.delete(made[0])
        with self.assertRaisesRegex(BadRequest, r"The schema has 2 tables\(s\), 2 functions\(s\), 0 volumes\(s\)"):
            w.schemas.delete(self.full)
        w.schemas.delete(self.full, force=True)

    def test_locations_and_credentials(self):
        w, location = self.w, self.location()
        self.assertEqual((location.name, location.url), (location.name.lower(), f"s3://{location.name}/raw"))
        self.assertTrue(location.enable_file_events)
        self.assertEqual(location.isolation_mode, catalog.IsolationMode.ISOLATION_MODE_OPEN)
        with self.assertRaisesRegex(InvalidParameterValue, f"Conflicting location: {location.name}"):
            w.external_locations.create(unique("l"), f"{location.url}/in", "default")
        with self.assertRaisesRegex(NotFound, "Storage Credential 'no' does not exist"):
            w.external_locations.create(unique("l"), "s3://elsewhere", "no")
        role = catalog.AwsIamRoleRequest(role_arn="arn:aws:iam::123456789012:role/x")
        credential = w.storage_credentials.create(unique("credential"), aws_iam_role=role)
        self.assertTrue(credential.aws_iam_role.external_id)
        changed = w.external_locations.update(
            location.name, credential_name=credential.name, read_only=True, enable_file_events=False, comment=""
        )
        self.assertEqual((changed.credential_id, changed.read_only, changed.comment), (credential.id, True, None))
        with self.assertRaisesRegex(BadRequest, r"1 dependent storage location\(s\)"):
            w.storage_credentials.delete(credential.name)
        w.volumes.create("main", self.schema.name, "v", catalog.VolumeType.EXTERNAL, storage_location=f"{location.url}/v")
        with self.assertRaisesRegex(BadRequest, "1 dependent external volumes"):
            w.external_locations.delete(location.name)
        w.external_locations.delete(location.name, force=True)
        w.storage_credentials.delete(credential.name)
        self.assertNotIn(location.name, {one.name for one in w.external_locations.list()})

    def test_grants(self):
        w, location = self.w, self.location()
        volume = w.volumes.create("main", self.schema.name, "v", catalog.VolumeType.MANAGED)
        for sort, full, privilege in [
            ("schema", self.full, catalog.Privilege.CREATE_VOLUME),
            ("volume", volume.full_name, catalog.Privilege.READ_VOLUME),
            ("external_location", location.name, catalog.Privilege.READ_FILES),
        ]:
            both = [catalog.Privilege.ALL_PRIVILEGES, privilege]
            made = w.grants.update(sort, full, changes=[catalog.PermissionsChange(principal="Team", add=both)])
            self.assertEqual([(a.principal, a.privileges) for a in made.privilege_assignments], [("Team", both)])
            held = w.grants.get(sort, full, max_results=0)
            self.assertEqual(held.privilege_assignments, made.privilege_assignments)
            with self.assertRaisesRegex(InvalidParameterValue, "Privilege CREATE_CATALOG is not applicable"):
                odd = catalog.PermissionsChange(principal="Team", add=[catalog.Privilege.CREATE_CATALOG])
                w.grants.update(sort, full, changes=[odd])
            with self.assertRaisesRegex(NotFound, "Could not find principal with name admins"):
                odd = catalog.PermissionsChange(principal="admins", add=[privilege])
                w.grants.update(sort, full, changes=[odd])
        with self.assertRaisesRegex(NotFound, "does not exist"):
            w.grants.get("volume", f"{self.full}.none")
        effective = w.grants.get_effective("volume", volume.full_name, principal="Team")
        (assigned,) = effective.privilege_assignments
        above = [p.inherited_from_name for p in assigned.privileges if p.inherited_from_name]
        self.assertEqual(above, [self.full, self.full])
        control("POST", "settings", {"grants_delay_reads": 1})
        gone = catalog.PermissionsChange(principal="Team", remove=[catalog.Privilege.ALL_PRIVILEGES])
        self.assertFalse(w.grants.update("schema", self.full, changes=[gone]).privilege_assignments)
        self.assertTrue(w.grants.get("schema", self.full).privilege_assignments, "the first read is late")
        self.assertFalse(w.grants.get("schema", self.full).privilege_assignments)


if __name__ == "__main__":
    unittest.main(verbosity=1)
