#!/usr/bin/env python3
"""moto's AWS on a free port of this machine, with signatures and permissions checked, for as long as stdin is open.

It prints what is needed to use it as NAME=VALUE lines and then an empty one:

    URL                          the endpoint of every service
    BUCKET                       an empty bucket, in eu-central-1
    KEY, SECRET                  of a user who may do everything with it
    READER_KEY, READER_SECRET    of a user who may only read it
    EMR_KEY, EMR_SECRET          of a user who may read all of EMR, in every region
    ENDER_KEY, ENDER_SECRET      of a user who may do with EMR's clusters what docs/emr-teardown.md lists
    BLIND_KEY, BLIND_SECRET      of a user who may read nothing of EMR

Then it answers requests, one JSON object a line, as {"ok": ...} or {"error": ...}. They are carried out by boto3, so
that what a test looks at went through Amazon's own client:

    {"do": "put", "key": ..., "data": base64}     {"do": "get", "key": ...}     {"do": "delete", "key": ...}
    {"do": "keys", "prefix": ...}                 {"do": "fill", "prefix": ..., "count": ..., "end": ".txt"}
    {"do": "trouble", ...}                        what shall happen to a coming request, see Trouble
    {"do": "requests", "in": ...}                 the requests so far with this in "METHOD path?query REGION/SERVICE TARGET"
    {"do": "cluster", ...}                        runs a cluster and says what became of it, see Peer.cluster
    {"do": "call", "service": ..., "region": ..., "operation": ..., "args": {...}}      any other request
    {"do": "sign", "method": ..., "url": ..., "headers": {...}, "service": ..., "region": ..., "key": ..., "secret": ...}
                                                  the signature that botocore gives a request without a body
"""
import base64
import datetime
import json
import logging
import os
import socket
import sys
import threading
import urllib.request

os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from moto.emr.models import Cluster, Step, emr_backends
from moto.emr.responses import ElasticMapReduceResponse
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

REGION, BUCKET, ACCOUNT = "eu-central-1", "plumb-dags", "123456789012"
logging.getLogger("werkzeug").setLevel(logging.ERROR)

# moto's EMR takes the region from the host's name, which has none here; its other services read it out of the signature.
if "get_region_from_url" in vars(ElasticMapReduceResponse):
    del ElasticMapReduceResponse.get_region_from_url


def with_reason(kind):
    """moto has no reason for a state."""
    plain = kind.status.fget

    def status(self):
        status = plain(self)
        status.update(getattr(self, "said", {}))
        return status

    kind.status = property(status)


with_reason(Cluster)
with_reason(Step)


class Trouble:
    """Lets requests meet trouble. Each entry is used up once, unless it says "keep" (until "no trouble" of the same "in"):

    {"method": ..., "in": part of "path?query REGION/SERVICE TARGET", "header": one that the request has to have,
     "put": [key, base64] (somebody else writes just before), "pass": whether the request is carried out,
     "status": ..., "body": ..., "headers": {...} (answered instead), "drop": whether the connection ends instead}
    """

    def __init__(self, app, act):
        self.app, self.act, self.entries, self.seen, self.lock = app, act, [], [], threading.Lock()

    def next(self, environ):
        with self.lock:
            path = environ["PATH_INFO"].encode("latin-1").decode() + "?" + environ["QUERY_STRING"]
            if target := environ.get("HTTP_X_AMZ_TARGET"):
                # AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...
                path += " " + "/".join(environ.get("HTTP_AUTHORIZATION", "").split("/")[2:4]) + " " + target.split(".")[1]
            self.seen.append(f"{environ['REQUEST_METHOD']} {path}")
            for entry in self.entries:
                header = "HTTP_" + entry.get("header", "").upper().replace("-", "_")
                if (
                    entry["method"] == environ["REQUEST_METHOD"]
                    and entry.get("in", "") in path
                    and (header == "HTTP_" or header in environ)
                ):
                    if not entry.get("keep"):
                        self.entries.remove(entry)
                    return entry
        return None

    def __call__(self, environ, start):
        ours = environ.get("HTTP_USER_AGENT", "").startswith("plumb/")
        entry = self.next(environ) if ours else None
        if entry is None:
            try:
                return self.app(environ, start)
            except NotImplementedError as missing:
                # moto answers so, and fills the screen with its traceback.
                start("500 Internal Server Error", [("content-type", "text/html")])
                return [f"<!doctype html><title>{missing}</title>".encode()]
        if "put" in entry:
            self.act({"do": "put", "key": entry["put"][0], "data": entry["put"][1]})
        if entry.get("pass", False):
            answer = self.app(environ, start if "status" not in entry and not entry.get("drop") else lambda *_: None)
            if "status" not in entry and not entry.get("drop"):
                return answer
        if entry.get("drop"):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            start("200 Unheard", [])
            return [b"nobody hears this"]
        body = entry.get("body", "").encode()
        start(f"{entry['status']} Trouble", [("content-length", str(len(body))), *entry.get("headers", {}).items()])
        return [body]


class Peer:
    def __init__(self):
        self.trouble = Trouble(DomainDispatcherApplication(create_backend_app), self.act)
        self.server = make_server("127.0.0.1", 0, self.trouble, threaded=True, request_handler=MotoRequestHandler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        # Nothing is checked until there is somebody to check.
        self.iam = self.client("iam", "testing", "testing")
        key, secret = self.user("owner", "*", "*")
        self.iam, self.s3 = self.client("iam", key, secret), self.client("s3", key, secret)
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        things = [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
        self.writer = self.user("writer", ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject"], things)
        self.reader = self.user("reader", ["s3:ListBucket", "s3:GetObject"], things)
        reads = ["elasticmapreduce:List*", "elasticmapreduce:Describe*", "elasticmapreduce:Get*", "emr-serverless:*"]
        self.analyst = self.user("analyst", [*reads, "sts:GetCallerIdentity"], "*")
        ends = ["AddTags", "RemoveTags", "SetTerminationProtection", "TerminateJobFlows", "DeleteSecurityConfiguration"]
        self.ender = self.user("ender", [*reads, *(f"elasticmapreduce:{name}" for name in ends)], "*")
        self.blind = self.user("blind", ["sts:GetCallerIdentity"], "*")
        self.owner = (key, secret)
        # From here on every request has to be signed by somebody who may do what it asks for.
        request = urllib.request.Request(f"{self.url}/moto-api/reset-auth", b"0", {"Content-Type": "text/plain"})
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read()

    def cluster(self, ask):
        """Runs a cluster and says what became of it, which moto never does by itself: in "region", with the "args" of
        RunJobFlow; "state", "said" (more of its status), "created" and "ended" (seconds since 1970), "hours", and of each
        of the "steps": "state", "said", "started", "ended"."""
        emr = self.client("emr", *self.owner, ask["region"])
        id = emr.run_job_flow(**ask["args"])["JobFlowId"]
        cluster = emr_backends[ACCOUNT][ask["region"]].clusters[id]
        time = lambda seconds: datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).replace(tzinfo=None)
        cluster.creation_datetime = cluster.start_datetime = cluster.ready_datetime = time(ask["created"])
        cluster.end_datetime = time(ask["ended"]) if "ended" in ask else None
        cluster.state, cluster.said = ask["state"], ask.get("said", {})
        cluster.normalized_instance_hours = ask.get("hours", 0)
        for step, told in zip(cluster.steps, ask.get("steps", [])):
            step.creation_date_time, step.state, step.said = cluster.creation_datetime, told["state"], told.get("said", {})
            step.start_date_time = time(told["started"]) if "started" in told else None
            step.end_date_time = time(told["ended"]) if "ended" in told else None
        return id

    def client(self, service, key, secret, region=REGION):
        config = Config(proxies={}, retries={"max_attempts": 0}, s3={"addressing_style": "path"})
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=config,
        )

    def user(self, name, actions, resources):
        self.iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions, "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=policy)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def act(self, ask):
        key = ask.get("key")
        match ask["do"]:
            case "put":
                self.s3.put_object(Bucket=BUCKET, Key=key, Body=base64.b64decode(ask["data"]))
            case "get":
                try:
                    return base64.b64encode(self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()).decode()
                except self.s3.exceptions.NoSuchKey:
                    return None
            case "delete":
                self.s3.delete_object(Bucket=BUCKET, Key=key)
            case "keys":
                pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=ask["prefix"])
                return [entry["Key"] for page in pages for entry in page.get("Contents", [])]
            case "fill":
                # One by one over HTTP would take longer than the test.
                store = s3_backends[ACCOUNT]["aws"]
                for number in range(ask["count"]):
                    store.put_object(BUCKET, f"{ask['prefix']}{number:05}{ask['end']}", b"x")
            case "cluster":
                return self.cluster(ask)
            case "call":
                client = self.client(ask["service"], *self.owner, ask["region"])
                answer = getattr(client, ask["operation"])(**ask["args"])
                answer.pop("ResponseMetadata")
                return json.loads(json.dumps(answer, default=str))
            case "sign":
                request = AWSRequest(method=ask["method"], url=ask["url"], headers=ask["headers"])
                request.context["timestamp"] = ask["headers"]["x-amz-date"]
                signer = SigV4Auth(Credentials(ask["key"], ask["secret"]), ask["service"], ask["region"])
                return signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
            case "trouble":
                self.trouble.entries.append(ask)
            case "no trouble":
                with self.trouble.lock:
                    kept = [entry for entry in self.trouble.entries if entry.get("in") != ask["in"]]
                    self.trouble.entries[:] = kept
            case "requests":
                return [line for line in self.trouble.seen if ask["in"] in line]
            case other:
                raise ValueError(f"{other} is not known here")


def main():
    peer = Peer()
    told = {"URL": peer.url, "BUCKET": BUCKET, "KEY": peer.writer[0], "SECRET": peer.writer[1]}
    told |= {"READER_KEY": peer.reader[0], "READER_SECRET": peer.reader[1]}
    told |= {"EMR_KEY": peer.analyst[0], "EMR_SECRET": peer.analyst[1]}
    told |= {"ENDER_KEY": peer.ender[0], "ENDER_SECRET": peer.ender[1]}
    told |= {"BLIND_KEY": peer.blind[0], "BLIND_SECRET": peer.blind[1]}
    print("\n".join(f"{name}={value}" for name, value in told.items()), end="\n\n", flush=True)
    for line in sys.stdin:
        try:
            print(json.dumps({"ok": peer.act(json.loads(line))}), flush=True)
        except Exception as problem:
            print(json.dumps({"error": f"{type(problem).__name__}: {problem}"}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
