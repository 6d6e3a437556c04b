"""`spark_server.py DATA`: the Statement Execution API with Spark behind it, for what a SQL warehouse would be asked.

It is a stand-in: the SQL runs on open source Spark, in ANSI mode as a warehouse has it and in a session whose zone is not
UTC. What only Databricks has is answered here: a table `main.default.CASE-old` or `-new` is the folder that `make.py` wrote under
DATA, has one version, and `current_version()` is Spark's.

It prints its address, and ends when its stdin does.
"""

import http.server
import json
import pathlib
import re
import sys
import tempfile
import threading
import uuid

import write

ZONE = "America/St_Johns"
EMPTY = "\x01"
TABLE = re.compile(r"`main`\.`default`\.`([^`]+)`(?: VERSION AS OF 0)?")
HISTORY = re.compile(r"DESCRIBE HISTORY `main`\.`default`\.`([^`]+)` LIMIT \d+")


class Failed(Exception):
    """What the service would say in place of Spark."""

    def __init__(self, message, state):
        super().__init__(message)
        self.state = state


class Warehouse:
    """Spark, and the statements that it was given."""

    def __init__(self, tables, scratch):
        self.spark = write.Spark(scratch).main
        for name, value in {
            "spark.sql.ansi.enabled": "true",
            "spark.sql.session.timeZone": ZONE,
            "spark.sql.parquet.mergeSchema": "true",
            # A column may be called `${x}`.
            "spark.sql.variable.substitute": "false",
            "spark.sql.caseSensitive": "false",
        }.items():
            self.spark.conf.set(name, value)
        self.tables = tables
        self.views = set()
        self.lock = threading.Lock()
        self.statements = {}

    def view(self, name):
        """Makes a view of a table's folder, once."""
        with self.lock:
            if name in self.views:
                return
            if name not in self.tables:
                raise Failed(f"[TABLE_OR_VIEW_NOT_FOUND] The table or view `{name}` cannot be found.", "42P01")
            self.frame(**self.tables[name]).createOrReplaceTempView(f"`{name}`")
            self.views.add(name)

    def frame(self, path, format, columns, csv):
        """A folder as a table that Databricks would have made of it."""
        reader = self.spark.read.format(format)
        if format == "parquet":
            frame = reader.load(path)
            # Columns that were folders: texts, unless the manifest says what they are.
            for name, kind in columns.items():
                frame = frame.withColumn(name, frame[f"`{name}`"].cast(kind))
            return frame
        ddl = ", ".join(f"`{name}` {kind}" for name, kind in columns.items())
        reader = reader.schema(ddl).option("mode", "FAILFAST")
        if format == "csv":
            options = {"header": False, "sep": ",", "quote": '"', "escape": "\\", "nullValue": "", "encoding": "UTF-8"}
            reader = reader.options(**(options | csv)).option("emptyValue", EMPTY).option("multiLine", True)
        frame = reader.load(path)
        if format == "csv":
            for name, kind in columns.items():
                if kind == "string":
                    column = frame[f"`{name}`"]
                    frame = frame.withColumn(name, self.empty(column))
        return frame

    @staticmethod
    def empty(column):
        from pyspark.sql import functions

        return functions.when(column == EMPTY, "").otherwise(column)

    def rows(self, text, parameters):
        """The columns and rows of a statement, every value a text."""
        if text == "SELECT current_version().dbsql_version":
            return ["dbsql_version"], [[self.spark.version]]
        history = HISTORY.fullmatch(text)
        if history:
            self.view(history[1])
            return ["version", "timestamp", "operation"], [["0", "2024-01-01T00:00:00.000Z", "WRITE"]]
        for name in TABLE.findall(text):
            self.view(name)
        text = TABLE.sub(lambda found: f"`{found[1]}`", text)
        frame = self.spark.sql(text, args=parameters)
        rows = [list(row) for row in frame.collect()]
        for value in (value for row in rows for value in row):
            assert value is None or isinstance(value, str), f"{value!r} is no text: {text}"
        return frame.columns, rows

    def submit(self, body):
        of_string = [one["type"] == "STRING" for one in body.get("parameters", [])]
        assert all(of_string) and body["wait_timeout"] == "0s" and body["disposition"] == "INLINE", body
        parameters = {one["name"]: one.get("value") for one in body.get("parameters", [])}
        name = str(uuid.uuid4())
        self.statements[name] = {"status": {"state": "RUNNING"}}
        threading.Thread(target=self.run, args=(name, body["statement"], parameters), daemon=True).start()
        return {"statement_id": name, "status": {"state": "PENDING"}}

    def run(self, name, text, parameters):
        try:
            columns, rows = self.rows(text, parameters)
            answer = {
                "status": {"state": "SUCCEEDED"},
                "manifest": {
                    "format": "JSON_ARRAY",
                    "schema": {
                        "column_count": len(columns),
                        "columns": [
                            {"name": column, "position": i, "type_name": "STRING", "type_text": "STRING"}
                            for i, column in enumerate(columns)
                        ],
                    },
                    "total_chunk_count": 1,
                    "total_row_count": len(rows),
                    "truncated": False,
                    "chunks": [{"chunk_index": 0, "row_offset": 0, "row_count": len(rows)}],
                },
                "result": {"chunk_index": 0, "row_offset": 0, "row_count": len(rows), "data_array": rows},
            }
        except Exception as error:  # whatever it is, the statement has failed
            state = error.state if isinstance(error, Failed) else getattr(error, "getSqlState", lambda: None)()
            status = {"state": "FAILED", "error": {"error_code": "BAD_REQUEST", "message": str(error)}}
            if state:
                status["sql_state"] = state
            answer = {"status": status}
            print(f"a statement failed: {str(error).splitlines()[0]}\n{text}", file=sys.stderr, flush=True)
        if self.statements[name]["status"]["state"] != "CANCELED":
            self.statements[name] = answer


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0].removeprefix("/api/2.0/sql/")
        if path == "warehouses":
            self.answer({"warehouses": [{"id": "w-1", "name": "spark", "state": "RUNNING"}]})
        elif path.startswith("statements/"):
            name = path.removeprefix("statements/")
            self.answer({"statement_id": name, **self.server.warehouse.statements[name]})
        else:
            self.answer({"error_code": "ENDPOINT_NOT_FOUND", "message": path}, 404)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        path = self.path.removeprefix("/api/2.0/sql/")
        if path == "statements":
            self.answer(self.server.warehouse.submit(body))
        elif path.startswith("statements/") and path.endswith("/cancel"):
            self.server.warehouse.statements[path.split("/")[1]] = {"status": {"state": "CANCELED"}}
            self.answer({})
        else:
            self.answer({"error_code": "ENDPOINT_NOT_FOUND", "message": path}, 404)

    def answer(self, body, status=200):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def tables_of(data):
    """What the tables are: `{NAME: {path, format, columns, csv}}`."""
    tables = {}
    for case in json.loads((data / "cases.json").read_text())["cases"]:
        output, period = json.loads(case["output"]), case["period"]
        for which in ("old", "new"):
            side = output[which]
            path = side["path"].replace("@DATA@", str(data)).replace("{period}", period)
            tables[f"{case['name']}-{which}"] = {
                "path": path.replace("{year}", period[:4]).replace("{month}", period[5:7]),
                "format": side["format"],
                "columns": side.get("columns", {}),
                "csv": side.get("csv", {}),
            }
    return tables


def main(tables):
    with tempfile.TemporaryDirectory() as scratch:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        server.warehouse = Warehouse(tables, pathlib.Path(scratch))
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdin.read()
        server.shutdown()
        server.warehouse.spark.stop()


if __name__ == "__main__":
    main(tables_of(pathlib.Path(sys.argv[1])))
