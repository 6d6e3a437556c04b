#!/usr/bin/env python3
"""Stands in front of the emulated MWAA (MWAA_URL) and lets through what botocore would have signed and boto3 would have sent.

Each request's signature is made again by botocore's own signer, for a key of its own (KEY, SECRET, TOKEN), and its members
are handed to boto3's client, which knows AWS's model of them and sends them on. It prints its address, and for each request
`OPERATION REGION` or what was wrong with it. It ends with its stdin.
"""
import hashlib
import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

OPERATIONS = {
    ("GET", "environments"): "get_environment",
    ("POST", "webtoken"): "create_web_login_token",
    ("POST", "restapi"): "invoke_rest_api",
}


def client(region):
    # The hosts have prefixes, `api.` and `env.`, which an address of this machine cannot have.
    once = Config(retries={"total_max_attempts": 1}, inject_host_prefix=False)
    return boto3.client(
        "mwaa",
        endpoint_url=os.environ["MWAA_URL"],
        region_name=region,
        aws_access_key_id="plumb",
        aws_secret_access_key="sandbox",
        config=once,
    )


class Verifier(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            region = self.verified(body)
        except (AssertionError, KeyError, ValueError) as wrong:
            return self.send(403, "SignatureDoesNotMatch", {"message": f"botocore signs it otherwise: {wrong!r}"})
        kind, name = self.path.strip("/").split("/")
        operation = OPERATIONS[(self.command, kind)]
        members = json.loads(body) if body else {}
        print(operation, region, flush=True)
        try:
            answer = getattr(client(region), operation)(Name=name, **members)
        except ClientError as error:
            answer = error.response
            status, code = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]
            return self.send(status, code, {"message": answer["Error"].get("Message", ""), **answer})
        self.send(200, None, answer)

    do_GET = do_POST = answer

    def verified(self, body):
        scheme, rest = self.headers["authorization"].split(" ", 1)
        assert scheme == "AWS4-HMAC-SHA256", scheme
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        key, date, region, service, _ = parts["Credential"].split("/")
        names = parts["SignedHeaders"].split(";")
        assert (key, service, self.headers["x-amz-date"][:8]) == (os.environ["KEY"], "airflow", date)
        assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names), names
        assert self.headers["x-amz-security-token"] == os.environ["TOKEN"]
        digest = self.headers.get("x-amz-content-sha256")
        assert digest in (None, hashlib.sha256(body).hexdigest()), digest
        headers = {name: self.headers[name] for name in names}
        url = f"http://{self.headers['host']}{self.path}"
        request = AWSRequest(method=self.command, url=url, headers=headers, data=body)
        request.context["timestamp"] = self.headers["x-amz-date"]
        signer = SigV4Auth(Credentials(key, os.environ["SECRET"], os.environ["TOKEN"]), service, region)
        expected = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        assert expected == parts["Signature"], expected
        return region

    def send(self, status, code, answer):
        if code:
            print(code, answer.get("message"), flush=True)
        body = json.dumps({k: v for k, v in answer.items() if k not in ("ResponseMetadata", "Error")}, default=str).encode()
        self.send_response(status)
        if code:
            self.send_header("x-amzn-errortype", code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("127.0.0.1", 0), Verifier)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
sys.stdin.read()
