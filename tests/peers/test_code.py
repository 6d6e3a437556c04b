"""Reads back with Databricks' own SDK what `plumb apply` uploaded, and uploads, lists and downloads by itself.

The sandbox's address comes in SANDBOX_URL, the repository in REPOSITORY. What plumb made is found as anybody finds it: by the jobs.
"""

import io
import json
import os
import pathlib
import tempfile
import unittest
import zipfile

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound
from databricks.sdk.service import catalog, workspace

URL = os.environ["SANDBOX_URL"]
REPOSITORY = pathlib.Path(os.environ["REPOSITORY"])
FILES = ["src/load.py", "src/parts.py", "dist/app-1.0-py3-none-any.whl", "dist/app.jar", "src/größe %41.txt"]


def client():
    return WorkspaceClient(host=URL, token="anything", auth_type="pat")


def local(path):
    return (REPOSITORY / path).read_bytes()


def cells(text):
    return [cell.strip("\n") for cell in text.replace("\r\n", "\n").split("# COMMAND ----------")]


class Applied(unittest.TestCase):
    def job(self, name):
        (job,) = client().jobs.list(name=name, expand_tasks=True)
        return client().jobs.get(job.job_id).settings

    def root(self, name):
        (task,) = [t for t in self.job(name).tasks if t.spark_python_task]
        path = task.spark_python_task.python_file
        self.assertTrue(path.endswith("/src/load.py"), path)
        return path.removesuffix("/src/load.py")

    def test_what_is_in_the_workspace(self):
        w, root = client(), self.root("in-workspace")
        for path in FILES:
            found = w.workspace.download(f"{root}/{path}").read()
            self.assertEqual(found, local(path), path)
            seen = w.workspace.get_status(f"{root}/{path}")
            self.assertEqual((seen.object_type, seen.size), (workspace.ObjectType.FILE, len(found)))
        (task,) = [t for t in self.job("in-workspace").tasks if t.task_key == "report"]
        self.assertEqual(task.notebook_task.notebook_path, f"{root}/nb/report")
        seen = w.workspace.get_status(f"{root}/nb/report")
        self.assertEqual((seen.object_type, seen.language), (workspace.ObjectType.NOTEBOOK, workspace.Language.PYTHON))
        source = w.workspace.download(f"{root}/nb/report", format=workspace.ExportFormat.SOURCE).read().decode()
        self.assertEqual(cells(source), cells(local("nb/report.py").decode()))
        jupyter = json.loads(w.workspace.download(f"{root}/nb/report", format=workspace.ExportFormat.JUPYTER).read())
        self.assertEqual(["".join(cell["source"]) for cell in jupyter["cells"]], ["x = 1", "y = 2"])
        book = json.loads(w.workspace.download(f"{root}/nb/book", format=workspace.ExportFormat.JUPYTER).read())
        wanted = json.loads(local("nb/book.ipynb"))
        self.assertEqual([c["source"] for c in book["cells"]], [c["source"] for c in wanted["cells"]])
        self.check_index({o.path.rsplit("/", 1)[1] for o in w.workspace.list(root)}, lambda name: w.workspace.download(f"{root}/{name}").read())
        everything = [o.path for o in w.workspace.list(root, recursive=True) if o.object_type != workspace.ObjectType.DIRECTORY]
        self.assertEqual(len(everything), len(FILES) + 2 + 1)

    def test_what_is_in_the_volume(self):
        w, root = client(), self.root("in-volume")
        self.assertTrue(root.startswith("/Volumes/main/ops/plumb/.plumb/"), root)
        for path in FILES:
            self.assertEqual(w.files.download(f"{root}/{path}").contents.read(), local(path), path)
            self.assertEqual(w.files.get_metadata(f"{root}/{path}").content_length, len(local(path)))
        self.check_index(
            {e.name for e in w.files.list_directory_contents(root)},
            lambda name: w.files.download(f"{root}/{name}").contents.read(),
        )
        held = w.grants.get_effective("volume", "main.ops.plumb", principal="reader@example.com")
        (assigned,) = held.privilege_assignments
        self.assertEqual([p.privilege for p in assigned.privileges], [catalog.Privilege.READ_VOLUME])

    def check_index(self, names, read):
        """The folder has the marker, whose content names every file, and nothing that is not known."""
        (marker,) = [name for name in names if name.startswith(".plumb-")]
        self.assertEqual(names - {marker}, names & {"src", "nb", "dist"})
        index = json.loads(read(marker))
        self.assertEqual(index["format"], "plumb.code/v1")
        self.assertLessEqual(set(FILES), set(index["files"]))

    def test_the_libraries_are_named_where_they_are(self):
        w = client()
        for name in ["in-workspace", "in-volume"]:
            (task,) = [t for t in self.job(name).tasks if t.libraries]
            for path in [lib.whl or lib.jar for lib in task.libraries]:
                read = w.files.download(path).contents.read() if path.startswith("/Volumes/") else w.workspace.download(path).read()
                self.assertIsNone(zipfile.ZipFile(io.BytesIO(read)).testzip(), path)


class ByItself(unittest.TestCase):
    def test_a_volume_in_parts(self):
        w = client()
        folder = "/Volumes/main/ops/other/parts"
        w.files.create_directory(folder)
        large = bytes(range(256)) * 50_000
        w.files.upload(f"{folder}/large.jar", io.BytesIO(large), overwrite=True)
        with tempfile.TemporaryDirectory() as local_folder:
            target = os.path.join(local_folder, "large.jar")
            w.files.download_to(f"{folder}/large.jar", target, use_parallel=True, parallelism=3)
            with open(target, "rb") as file:
                self.assertEqual(file.read(), large)
            w.files.upload_from(f"{folder}/again.jar", target, overwrite=True)
        self.assertEqual(w.files.download(f"{folder}/again.jar").contents.read(), large)
        answer = w.api_client.do(
            "GET", f"/api/2.0/fs/files{folder}/large.jar", headers={"Range": "bytes=250-260"}, raw=True,
            response_headers=["content-range"],
        )
        self.assertEqual(answer["contents"].read(), large[250:261])
        self.assertEqual(answer["content-range"], f"bytes 250-260/{len(large)}")
        self.assertEqual({e.name: e.file_size for e in w.files.list_directory_contents(folder, page_size=1)},
                         {"large.jar": len(large), "again.jar": len(large)})
        w.files.delete(f"{folder}/large.jar")
        with self.assertRaises(NotFound):
            w.files.download(f"{folder}/large.jar")

    def test_the_workspace_has_limits(self):
        w = client()
        w.workspace.mkdirs("/Shared/limits")
        large = b"a" * ((10 << 20) + 1)
        # `databricks bundle deploy` writes so.
        w.api_client.do("POST", "/api/2.0/workspace-files/import-file/Shared%2Flimits%2Fa.whl?overwrite=true", data=large)
        self.assertEqual(w.workspace.get_status("/Shared/limits/a.whl").size, len(large))
        with self.assertRaisesRegex(BadRequest, r"File size imported is \(10485761 bytes\), exceeded max size"):
            w.workspace.download("/Shared/limits/a.whl")


if __name__ == "__main__":
    unittest.main(verbosity=1)
