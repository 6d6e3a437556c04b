"""Writes one side of a case: with Spark, or with pyarrow where Spark cannot or is not there."""

import pathlib
import shutil
import threading
import uuid

import sparktypes

# What Spark encodes in the folder of a partition, and nothing else (ExternalCatalogUtils.escapePathName). Tried with
# 4.3.0; `make.py` checks it against the folders that Spark makes.
ESCAPED = {chr(c) for c in range(1, 0x20)} | set("\"#%'*/:=?\\\x7f{[]^")
DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# What Spark's setting calls each way to write timestamps.
TIMESTAMPS = {"micros": "TIMESTAMP_MICROS", "millis": "TIMESTAMP_MILLIS", "int96": "INT96"}


def escaped(value):
    """A value as Spark names a partition's folder."""
    if value is None or value == "":
        return DEFAULT_PARTITION
    return "".join(f"%{ord(c):02X}" if c in ESCAPED else c for c in str(value))


def table(columns, rows, unit="us", nanos=None, required=()):
    import pyarrow as pa

    arrays, fields = [], []
    for place, (name, text) in enumerate(columns.items()):
        kind = sparktypes.parse(text)
        arrow = sparktypes.to_arrow(kind, unit)
        values = [sparktypes.for_arrow(kind, row[place]) for row in rows]
        if nanos is not None and kind[0].startswith("timestamp"):
            import oracle

            values = [None if v is None else oracle.micros(v) * 1000 + nanos for v in values]
        arrays.append(pa.array(values, arrow))
        fields.append(pa.field(name, arrow, nullable=name not in required))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


class Arrow:
    """Writes Parquet, in the folders that Spark would make."""

    @staticmethod
    def can(side):
        return (
            side.format == "parquet"
            and not side.legacy
            and not side.hive_layout
            and all(Arrow.can(more) for more in side.more)
        )

    def write(self, side, folder):
        import pyarrow.parquet as pq

        folder.mkdir(parents=True, exist_ok=True)
        places = [list(side.columns).index(name) for name in side.partition]
        kept = {name: kind for i, (name, kind) in enumerate(side.columns.items()) if i not in places}
        groups = {} if places else {(): []}
        for row in side.rows:
            groups.setdefault(tuple(row[i] for i in places), []).append(row)
        for values, rows in groups.items():
            inner = folder.joinpath(*(f"{name}={escaped(value)}" for name, value in zip(side.partition, values)))
            inner.mkdir(parents=True, exist_ok=True)
            rows = [tuple(v for i, v in enumerate(row) if i not in places) for row in rows]
            for number in range(min(side.files, max(len(rows), 1))):
                of = table(kept, rows[number :: side.files], *self.units(side), side.required)
                name = f"part-{number:05}-{uuid.uuid4()}-c000.{side.codec}.parquet"
                pq.write_table(of, inner / name, compression=side.codec, **self.options(side))
        for more in side.more:
            self.write(more, folder)
        (folder / "_SUCCESS").touch()

    @staticmethod
    def units(side):
        return ("ns", side.nanos) if side.timestamps == "nanos" else ("us", None)

    @staticmethod
    def options(side):
        if side.timestamps == "int96":
            return {"use_deprecated_int96_timestamps": True}
        return {"coerce_timestamps": "ms"} if side.timestamps == "millis" else {}


class Spark:
    """One session for all, and one more for each way to write days and times."""

    def __init__(self, scratch):
        from pyspark.sql import SparkSession

        build = SparkSession.builder.master("local[2]").appName("parity")
        for name, value in {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.memory": "1g",
            "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.local.dir": str(scratch / "local"),
            "spark.sql.warehouse.dir": str(scratch / "warehouse"),
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": "1",
            "spark.default.parallelism": "1",
            "spark.sql.adaptive.enabled": "false",
            # Compiling a plan takes longer than the few rows.
            "spark.sql.codegen.wholeStage": "false",
            "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
            "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
            "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        }.items():
            build = build.config(name, value)
        self.main = build.getOrCreate()
        self.main.sparkContext.setLogLevel("ERROR")
        self.sessions = {}
        self.lock = threading.Lock()

    @staticmethod
    def can(_side):
        return True

    def session(self, legacy, timestamps, hive_layout):
        with self.lock:
            key = legacy, timestamps, hive_layout
            if key not in self.sessions:
                session = self.main.newSession()
                session.conf.set("spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY" if legacy else "CORRECTED")
                session.conf.set("spark.sql.parquet.outputTimestampType", TIMESTAMPS[timestamps])
                session.conf.set("spark.sql.parquet.writeLegacyFormat", str(hive_layout).lower())
                self.sessions[key] = session
            return self.sessions[key]

    def write(self, side, folder, mode="errorifexists"):
        session = self.session(side.legacy, side.timestamps, side.hive_layout)
        ddl = ", ".join(f"`{name.replace('`', '``')}` {kind}" for name, kind in side.columns.items())
        frame = session.createDataFrame(table(side.columns, side.rows), schema=ddl)
        # Arrow's table is one partition, or more if it is long.
        frame = frame.repartition(side.files) if side.files > 1 else frame.coalesce(1)
        writer = frame.write.mode(mode).options(**side.options)
        if side.partition:
            writer = writer.partitionBy(*side.partition)
        if side.format == "parquet":
            writer.option("compression", side.codec).parquet(str(folder))
        elif side.codec == "gzip":
            writer.option("compression", "gzip").format(side.format).save(str(folder))
        else:
            writer.format(side.format).save(str(folder))
        for more in side.more:
            self.write(more, folder, "append")
        self.check_partitions(side, folder)

    @staticmethod
    def check_partitions(side, folder):
        """Holds `escaped` to what Spark does."""
        if side.partition:
            place = list(side.columns).index(side.partition[0])
            ours = {f"{side.partition[0]}={escaped(row[place])}" for row in side.rows}
            theirs = {inner.name for inner in folder.iterdir() if inner.is_dir()}
            assert ours == theirs, f"Spark names partitions otherwise: {sorted(ours ^ theirs)}"

    def stop(self):
        self.main.stop()


def finish(side, folder):
    """What happens to the folder after it was written."""
    for change in side.after:
        change(folder)


def copy(written, folder):
    """A folder as another side has written it already, with the checksums that Hadoop keeps beside each file."""
    shutil.copytree(pathlib.Path(written), folder)
