"""Drives the emulated Google Cloud Storage with Google's own client: what it cannot parse, or names otherwise than it does with
Google, is a fault of the sandbox.

The address comes in GCS_URL. Callers without a token are refused, as Google refuses them; the store itself tells who asks
(`/token`, and a metadata server, which GCE_METADATA_HOST names).
"""

import json
import os
import unittest
import urllib.error
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions
from google.auth import compute_engine
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import InvalidOperation
from google.cloud import storage
from google.oauth2 import service_account
from google.oauth2.credentials import Credentials

URL = os.environ["GCS_URL"]
SCOPES = ["https://www.googleapis.com/auth/devstorage.read_write"]


def client(credentials=None):
    credentials = credentials or Credentials("ya29.somebody")
    return storage.Client(project="p", credentials=credentials, client_options={"api_endpoint": URL})


def settings(**gcs):
    data = json.dumps({"gcs": gcs}).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/settings", data=data, method="POST")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        json.load(answer)


class Objects(unittest.TestCase):
    def setUp(self):
        settings()
        self.bucket = client().create_bucket(self.id().rsplit(".", 1)[1])

    def test_a_generation_is_what_a_write_is_for(self):
        blob = self.bucket.blob("dags/a b+ü.py")
        blob.upload_from_string("one", content_type="text/x-python", if_generation_match=0)
        first = blob.generation
        self.assertEqual((blob.size, blob.content_type, blob.metageneration), (3, "text/x-python", 1))
        for generation in [0, first - 1, first + 1]:
            with self.assertRaises(exceptions.PreconditionFailed) as refused:
                self.bucket.blob(blob.name).upload_from_string("two", if_generation_match=generation)
            self.assertIn("pre-conditions", refused.exception.message)
        again = self.bucket.blob(blob.name)
        again.upload_from_string("two", if_generation_match=first)
        self.assertGreater(again.generation, first)
        self.assertEqual(again.download_as_bytes(), b"two")
        self.assertEqual(again.download_as_bytes(start=1, end=1), b"w")
        with self.assertRaises(exceptions.PreconditionFailed) as refused:
            again.delete(if_generation_match=first)
        self.assertEqual(refused.exception.errors[0]["reason"], "conditionNotMet")
        self.assertTrue(again.exists())
        again.delete(if_generation_match=again.generation)
        self.assertFalse(again.exists())
        with self.assertRaises(exceptions.NotFound):
            again.delete()

    def test_what_is_not_there_is_told_apart(self):
        self.assertIsNone(self.bucket.get_blob("none.py"))
        with self.assertRaises(exceptions.NotFound) as refused:
            self.bucket.blob("none.py").download_as_bytes()
        self.assertIn(f"No such object: {self.bucket.name}/none.py", str(refused.exception))
        with self.assertRaises(exceptions.NotFound) as refused:
            list(client().list_blobs("no_such_bucket"))
        self.assertIn("The specified bucket does not exist.", refused.exception.message)
        self.assertIsNone(client().lookup_bucket("no_such_bucket"))
        with self.assertRaises(exceptions.Conflict):
            client().create_bucket(self.bucket.name)

    def test_listings_have_pages_prefixes_and_chosen_fields(self):
        names = [f"dags/{number}.py" for number in range(5)] + ["dags/sub/x.py", "dags/sub/y.py", "other.py"]
        for name in names:
            self.bucket.blob(name).upload_from_string(name)
        pages = [[blob.name for blob in page] for page in self.bucket.list_blobs(page_size=3).pages]
        self.assertEqual(pages, [names[:3], names[3:6], names[6:]])
        listed = self.bucket.list_blobs(prefix="dags/", delimiter="/", page_size=2)
        self.assertEqual(([blob.name for blob in listed], listed.prefixes), (names[:5], {"dags/sub/"}))
        listed = self.bucket.list_blobs(prefix="dags/0", fields="items(name,generation),nextPageToken")
        self.assertEqual([(blob.name, blob.size, blob.generation > 0) for blob in listed], [(names[0], None, True)])
        self.assertIn(self.bucket.name, [bucket.name for bucket in client().list_buckets()])


class Callers(unittest.TestCase):
    def setUp(self):
        settings()

    def test_nobody_is_refused_unless_the_sandbox_says_so(self):
        # Google's client answers a 401 by getting another token, which nobody cannot.
        with self.assertRaises(InvalidOperation):
            list(client(AnonymousCredentials()).list_buckets())
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{URL}/storage/v1/b?project=p")
        error = json.load(refused.exception)["error"]
        self.assertEqual((error["code"], error["errors"][0]["reason"]), (401, "required"))
        self.assertIn("Anonymous caller does not have storage.buckets.list access", error["message"])
        settings(anonymous=True)
        list(client(AnonymousCredentials()).list_buckets())
        settings(token="ya29.only")
        list(client(Credentials("ya29.only")).list_buckets())

    def test_what_is_denied_is_forbidden(self):
        bucket = client().create_bucket("denied")
        bucket.blob("a.py").upload_from_string("one")
        settings(denied=[{"permission": "storage.objects.delete", "path": "denied/*"}])
        for act in [bucket.blob("a.py").delete, lambda: bucket.blob("a.py").upload_from_string("two")]:
            with self.assertRaises(exceptions.Forbidden) as refused:
                act()
            self.assertIn("storage.objects.delete", str(refused.exception))

    def test_a_key_and_a_machine_get_tokens(self):
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        info = {"client_email": "ci@p.iam.gserviceaccount.com", "private_key": pem, "token_uri": f"{URL}/token"}
        list(client(service_account.Credentials.from_service_account_info(info, scopes=SCOPES)).list_buckets())
        list(client(compute_engine.Credentials(scopes=SCOPES)).list_buckets())


if __name__ == "__main__":
    unittest.main()
