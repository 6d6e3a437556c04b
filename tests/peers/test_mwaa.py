"""Drives the emulated Amazon MWAA with the real boto3 and with sessions as AWS documents them: what botocore cannot parse, or
names otherwise than AWS does, is a fault of the sandbox.

The address comes in MWAA_URL, the major version of its Airflow in AIRFLOW_MAJOR. The environment is `prod`, in eu-central-1.
"""

import datetime
import json
import os
import unittest
import urllib.request

import boto3
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

URL, MAJOR = os.environ["MWAA_URL"], int(os.environ["AIRFLOW_MAJOR"])
API = {2: "/api/v1", 3: "/api/v2"}[MAJOR]


def client(region="eu-central-1", key="plumb", secret="sandbox"):
    # The hosts have prefixes, `api.` and `env.`, which an address of this machine cannot have.
    once = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    return boto3.client(
        "mwaa", endpoint_url=URL, region_name=region, aws_access_key_id=key, aws_secret_access_key=secret, config=once
    )


def settings(**mwaa):
    data = json.dumps({"mwaa": mwaa}).encode()
    request = urllib.request.Request(f"{URL}/_sandbox/settings", data=data, method="PATCH")
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request).read()


class Environment(unittest.TestCase):
    def setUp(self):
        self.mwaa = client()
        self.addCleanup(
            settings, access="PUBLIC_ONLY", denied=[], most_rows=None, most_bytes=6 << 20, outdated=False, longest_path=None
        )

    def invoke(self, method, path, **more):
        return self.mwaa.invoke_rest_api(Name="prod", Method=method, Path=path, **more)

    def refuses(self, code, call, **args):
        with self.assertRaises(ClientError) as caught:
            call(**args)
        error = caught.exception.response
        self.assertEqual(error["Error"]["Code"], code, error)
        self.assertTrue(error["ResponseMetadata"]["RequestId"])
        return error

    def test_description(self):
        shown = self.mwaa.get_environment(Name="prod")["Environment"]
        self.assertEqual((shown["Name"], shown["Status"], shown["WebserverAccessMode"]), ("prod", "AVAILABLE", "PUBLIC_ONLY"))
        self.assertEqual(shown["Arn"], "arn:aws:airflow:eu-central-1:123456789012:environment/prod")
        self.assertEqual(int(shown["AirflowVersion"].split(".")[0]), MAJOR)
        self.assertTrue(shown["SourceBucketArn"].startswith("arn:aws:s3:::"))
        self.assertIsInstance(shown["CreatedAt"], datetime.datetime)
        self.assertEqual(shown["LastUpdate"]["Status"], "SUCCESS")

    def test_session(self):
        made = self.mwaa.create_web_login_token(Name="prod")
        site = f"http://{made['WebServerHostname']}"
        path, cookie = ("/pluginsv2/aws_mwaa/login", "_token") if MAJOR == 3 else ("/aws_mwaa/login", "session")
        login = requests.post(site + path, data={"token": made["WebToken"]}, timeout=10)
        self.assertEqual(login.status_code, 200)
        # `requests` sends no cookie marked Secure without TLS, and so it is told to.
        value = login.cookies[cookie]
        signed = {"Authorization": f"Bearer {value}"} if MAJOR == 3 else {"Cookie": f"session={value}"}
        self.assertEqual(requests.get(f"{site}{API}/pools", timeout=10).status_code, 401)
        pools = requests.get(f"{site}{API}/pools", headers=signed, timeout=10).json()
        self.assertEqual([pool["name"] for pool in pools["pools"]], ["default_pool"])
        # A token is for one login, and not for the API itself.
        self.assertEqual(requests.post(site + path, data={"token": made["WebToken"]}, timeout=10).status_code, 401)
        bearer = {"Authorization": f"Bearer {made['WebToken']}"}
        self.assertIn(requests.get(f"{site}{API}/pools", headers=bearer, timeout=10).status_code, (401, 403))

    def test_requests_are_passed_on(self):
        made = self.invoke("POST", "/pools", Body={"name": "small", "slots": 2})
        self.assertEqual(made["RestApiResponse"]["slots"], 2)
        shown = self.invoke("GET", "/pools", QueryParameters={"limit": 1, "offset": 1})
        self.assertEqual(shown["RestApiStatusCode"], 200)
        self.assertEqual([pool["name"] for pool in shown["RestApiResponse"]["pools"]], ["small"])
        again = {"method": "POST", "path": "/pools", "Body": {"name": "small", "slots": 2}}
        error = self.refuses("RestApiClientException", self.invoke, **again)
        self.assertEqual((error["RestApiStatusCode"], error["ResponseMetadata"]["HTTPStatusCode"]), (409, 400))
        # Airflow 3 wants the whole pool, whatever the mask names.
        change = {"pool": "small", "slots": 5, "include_deferred": False} if MAJOR == 3 else {"name": "small", "slots": 5}
        changed = self.invoke("PATCH", "/pools/small", Body=change, QueryParameters={"update_mask": "slots"})
        self.assertEqual(changed["RestApiResponse"]["slots"], 5)
        gone = self.invoke("DELETE", "/pools/small")
        self.assertEqual(gone["RestApiStatusCode"], 204)
        error = self.refuses("RestApiClientException", self.invoke, method="GET", path="/pools/small")
        self.assertEqual(error["RestApiStatusCode"], 404)
        self.assertIn("was not found" if MAJOR == 3 else "not found", json.dumps(error["RestApiResponse"]))

    def test_limits(self):
        settings(most_rows=0)
        self.refuses("RestApiServerException", self.invoke, method="GET", path="/pools")
        settings(most_rows=None, most_bytes=20)
        self.refuses("RestApiServerException", self.invoke, method="GET", path="/pools")
        settings(most_bytes=6 << 20, longest_path=64)
        self.refuses("ValidationException", self.invoke, method="GET", path="/pools/" + "a" * 64)
        settings(outdated=True)
        error = self.refuses("ValidationException", self.invoke, method="GET", path="/pools")
        self.assertIn("Update your environment to use InvokeRestApi", error["Error"]["Message"])

    def test_what_is_not_allowed_or_not_there(self):
        self.refuses("ResourceNotFoundException", self.mwaa.get_environment, Name="other")
        self.refuses("ResourceNotFoundException", client("eu-west-1").get_environment, Name="prod")
        self.refuses("SignatureDoesNotMatch", client(secret="other").get_environment, Name="prod")
        self.refuses("UnrecognizedClientException", client(key="other").get_environment, Name="prod")
        settings(denied=["GetEnvironment", "CreateWebLoginToken", "InvokeRestApi"])
        for call, more in (
            (self.mwaa.get_environment, {}),
            (self.mwaa.create_web_login_token, {}),
            (self.mwaa.invoke_rest_api, {"Method": "GET", "Path": "/pools"}),
        ):
            error = self.refuses("AccessDeniedException", call, Name="prod", **more)
            self.assertEqual(error["ResponseMetadata"]["HTTPStatusCode"], 403)


if __name__ == "__main__":
    unittest.main()
