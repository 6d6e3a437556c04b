"""What is read of a folder: as Spark reads it, or not at all."""

import json
import shutil
import urllib.parse

from model import ANY, at, case, day, differs, equal, none, or_none, pair, side, wall

K = ["k"]
KV = "k bigint, v string"
rows = [(k, f"v{k}") for k in range(200)]


def data_files(folder):
    return sorted(p for p in folder.rglob("part-*") if p.is_file())


def truncated(keep):
    """Cuts the first file: its last bytes are what names its columns."""

    def cut(folder):
        first = data_files(folder)[0]
        first.write_bytes(first.read_bytes()[: int(first.stat().st_size * keep)])

    return cut


def overwritten(text):
    return lambda folder: data_files(folder)[0].write_bytes(text)


def flipped(folder):
    """Turns bits round in the middle of the first file, within its pages, and leaves its footer."""
    first = data_files(folder)[0]
    text = bytearray(first.read_bytes())
    for place in range(40, 120):
        text[place] ^= 0xA5
    first.write_bytes(text)


def added(name, text):
    def add(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text)

    return add


def copied(name):
    """The first file a second time, under a name that no reader reads."""

    def copy(folder):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_files(folder)[0], folder / name)

    return copy


def without(name):
    return lambda folder: (folder / name).unlink()


def renamed(old, new):
    return lambda folder: (folder / old).rename(folder / new)


def unread(after, cause="unreadable"):
    return {"after": [after], "state": cause}


# Broken files: never equal, and not different either.
pair("half-written", KV, rows, rows, none("unreadable"), keys=K, new_as=unread(truncated(0.5)))
pair("half-written-in-old", KV, rows, rows, none("unreadable"), keys=K, old_as=unread(truncated(0.9)))
pair(
    "one-file-of-three-is-cut",
    KV,
    rows,
    rows,
    none("unreadable"),
    keys=K,
    new_as={"files": 3, **unread(truncated(0.7))},
)
# Spark 4.3.0 takes it for a file without rows, and goes on. (Tried.)
pair(
    "a-file-without-a-byte", KV, rows, rows, none("unreadable"), keys=K, new_as={"files": 2, **unread(overwritten(b""))}
)
pair(
    "a-file-that-is-no-parquet",
    KV,
    rows,
    rows,
    none("unreadable"),
    keys=K,
    new_as=unread(overwritten(b"PAR1 this is no Parquet PAR1")),
)
pair("a-page-with-other-bytes", KV, rows, rows, none("unreadable"), keys=K, new_as=unread(flipped))
case("no-folder", side(KV, rows, writer="raw", state=ANY), side(KV, rows), none(), keys=K)
pair(
    "an-empty-folder",
    KV,
    rows,
    rows,
    none(),
    keys=K,
    new_as={"writer": "raw", "after": [lambda folder: folder.mkdir(parents=True)], "state": ANY},
)
pair(
    "a-folder-of-success-alone",
    KV,
    rows,
    rows,
    none(),
    keys=K,
    new_as={"writer": "raw", "after": [added("_SUCCESS", b"")], "state": ANY},
)

# Finished, or not.
done = {"manifest": {"done": "_SUCCESS"}}
pair("done", KV, rows, rows, equal(), keys=K, old_as=done, new_as=done)
pair(
    "not-done",
    KV,
    rows,
    rows,
    none("not_finished"),
    keys=K,
    old_as=done,
    new_as={**done, **unread(without("_SUCCESS"), "not_finished")},
)
pair(
    "not-done-and-different",
    KV,
    rows,
    rows[5:],
    none("not_finished"),
    keys=K,
    new_as={**done, **unread(without("_SUCCESS"), "not_finished")},
)
pair(
    "done-by-another-name",
    KV,
    rows,
    rows,
    equal(),
    keys=K,
    new_as={"manifest": {"done": "_FINISHED"}, "after": [renamed("_SUCCESS", "_FINISHED")]},
)
pair("not-done-and-nobody-asks", KV, rows, rows, equal(), keys=K, new_as={"after": [without("_SUCCESS")]})

# What Spark does not read: names that begin with `_` or `.`, other than partitions.
hidden = [
    copied("_part-9.parquet"),
    copied(".part-9.parquet"),
    copied("_temporary/0/task_1/part-9.parquet"),
    copied("_tmp/k=1/part-9.parquet"),
    added("_notes", b"no footer"),
    added(".hidden", b"x"),
    copied(".spark-staging-1/month=1/part-9.parquet"),
]
pair("files-that-are-hidden", KV, rows, rows, equal(), keys=[], new_as={"after": hidden})
pair(
    "many-files-and-an-empty-one",
    KV,
    rows,
    rows,
    equal(),
    keys=[],
    old_as={"files": 9},
    new_as={"more": [side(KV, [])]},
)
pair(
    "the-same-file-twice",
    KV,
    rows[:7],
    rows[:7],
    differs(0, 7, rows=0),
    keys=K,
    new_as={"after": [copied("part-99999-copy.snappy.parquet")], "read_rows": rows[:7] * 2},
)


def named(name):
    """Gives the first file another name, and its checksum with it."""

    def rename(folder):
        first = data_files(folder)[0]
        checksum = first.with_name(f".{first.name}.crc")
        if checksum.exists():
            checksum.rename(folder / f".{name}.crc")
        first.rename(folder / name)

    return rename


pair(
    "one-file-by-its-path",
    KV,
    rows,
    rows,
    equal(),
    keys=K,
    new_as={"path": "/one.parquet", "after": [named("one.parquet")]},
)
pair(
    "a-path-with-odd-signs",
    KV,
    rows,
    rows,
    equal(),
    keys=K,
    new_as={"below": '/it\'s a "b" é %20', "path": '/it\'s a "b" é %20'},
)
# DuckDB takes the name of a file for a pattern: of these three it reads `part-0.parquet` twice and `part-[0].parquet` not
# at all (tried with 1.5.5).
pair(
    "files-named-as-patterns",
    KV,
    rows,
    rows,
    or_none(equal()),
    keys=K,
    new_as={"files": 3, "after": [named("x?*.parquet"), named("part-[0].parquet"), named("part-0.parquet")]},
)
# A folder that is no partition is not read by Spark, unless it is told to (recursiveFileLookup).
pair(
    "a-folder-that-is-no-partition",
    KV,
    rows,
    rows,
    or_none(equal()),
    keys=K,
    new_as={"after": [copied("more/part-9.parquet")]},
)

# Partitions. Spark writes `region=a%2Fb`, leaves blanks, plus signs and letters beyond ASCII as they are, and makes one
# folder, __HIVE_DEFAULT_PARTITION__, of null and of '', which come back as null. (Tried with 4.3.0. DuckDB 1.5.5 with
# hive_partitioning and without hive_types_autocast reads these the same, but for `region=NULL`: null, where Spark reads
# the text.)
regions = [
    "a b",
    "a/b",
    "a=b",
    "a%b",
    "a:b",
    "é",
    "a+b",
    None,
    "{x}",
    "~`'\"",
    "2024-02",
    "007",
    "1e5",
    "true",
    "_x",
    ".y",
    "a%2Fb",
    "NULL",
    "#1",
    "a\\b",
]
KVP = "k bigint, v string, region string"
parted = [(k, f"v{k}", regions[k % len(regions)]) for k in range(60)]
pair("partitions-against-a-column", KVP, parted, parted, equal(), keys=K, old_as={"partition": ("region",)})
pair(
    "partitions-without-keys",
    KVP,
    parted,
    parted[::-1],
    equal(),
    keys=[],
    old_as={"partition": ("region",)},
    new_as={"partition": ("region",), "files": 2},
)
pair(
    "partitions-as-keys",
    KVP,
    parted,
    [(k, v + "!" if k == 7 else v, r) for k, v, r in parted],
    differs(rows=1, cells="v"),
    keys=["region", "k"],
    new_as={"partition": ("region",)},
)
pair(
    "partitions-that-differ",
    KVP,
    parted,
    [(k, v, "a/b" if r == "a=b" else r) for k, v, r in parted],
    differs(rows=3, cells="region"),
    keys=K,
    old_as={"partition": ("region",)},
    new_as={"partition": ("region",)},
)
empties = [(k, f"v{k}", ["", "x", None][k % 3]) for k in range(30)]
pair(
    "partitions-lose-the-empty-text",
    KVP,
    empties,
    empties,
    differs(rows=10, cells="region", region="null_vs_empty"),
    keys=K,
    new_as={"partition": ("region",), "read_rows": [(k, v, r or None) for k, v, r in empties]},
)
# A partition is text, unless the manifest says more: `01` is not `1`.
numbered = [(k, f"v{k}", 1 + k % 12) for k in range(36)]
KVM = "k bigint, v string, m int"
case(
    "partitions-of-numbers-as-text",
    side(
        KVM,
        numbered,
        partition=("m",),
        read_columns={"k": "bigint", "v": "string", "m": "string"},
        read_rows=[(k, v, str(m)) for k, v, m in numbered],
    ),
    side(KVM, numbered),
    differs(schema="type_changed"),
    keys=K,
)
pair(
    "partitions-of-numbers",
    KVM,
    numbered,
    numbered,
    equal(),
    keys=K,
    old_as={"partition": ("m",), "manifest": {"columns": {"m": "int"}}},
)
dates = [(k, f"v{k}", day(f"2024-02-{1 + k:02}") if k else None) for k in range(10)]
pair(
    "partitions-of-days",
    "k bigint, v string, d date",
    dates,
    dates,
    equal(),
    keys=K,
    old_as={"partition": ("d",), "manifest": {"columns": {"d": "date"}}},
)
pair(
    "partitions-of-leading-zeros",
    KVP,
    [(1, "a", "01"), (2, "b", "1")],
    [(1, "a", "1"), (2, "b", "01")],
    differs(rows=2, cells="region"),
    keys=K,
    old_as={"partition": ("region",)},
    new_as={"partition": ("region",)},
)
pair(
    "partitions-two-deep",
    "k bigint, y string, m string, v string",
    [(k, "2024", f"{1 + k % 3:02}", "x") for k in range(9)],
    [(k, "2024", f"{1 + k % 3:02}", "x") for k in range(9)],
    equal(),
    keys=K,
    old_as={"partition": ("y", "m")},
    new_as={"partition": ("m", "y")},
)
pair(
    "partitions-with-where",
    KVP,
    [r for r in parted if r[2] == "a/b"],
    parted,
    equal(),
    keys=K,
    new_as={"partition": ("region",), "manifest": {"where": {"region": "a/b"}}},
)


def as_object_store(folder):
    """Folders as other writers name them: everything but letters encoded, in lower case. `+` is no blank."""
    for old in list(folder.glob("region=*")):
        value = urllib.parse.unquote(old.name.removeprefix("region="))
        if value.isascii() and value != "__HIVE_DEFAULT_PARTITION__":
            old.rename(
                folder / ("region=" + "".join(c if c.isalnum() or c == "+" else f"%{ord(c):02x}" for c in value))
            )


pair(
    "partitions-encoded-otherwise",
    KVP,
    parted,
    parted,
    equal(),
    keys=K,
    new_as={"partition": ("region",), "after": [as_object_store]},
)

# Files of one folder whose schemas are not the same.
half = len(rows) // 2
wider = [(k, f"v{k}", k if k >= half else None) for k in range(200)]
case(
    "a-column-that-came-later",
    side("k bigint, v string, n int", wider),
    side(
        KV,
        rows[:half],
        more=[side("k bigint, v string, n int", wider[half:])],
        read_columns={"k": "bigint", "v": "string", "n": "int"},
        read_rows=wider,
    ),
    equal(),
    keys=K,
)
case(
    "a-column-that-came-first",
    side("k bigint, v string, n int", wider),
    side(
        "k bigint, n int, v string",
        [(k, n, v) for k, v, n in wider[half:]],
        more=[side(KV, rows[:half])],
        read_columns={"k": "bigint", "n": "int", "v": "string"},
        read_rows=[(k, n, v) for k, v, n in wider],
    ),
    equal(),
    keys=K,
)
# DuckDB makes text of a number and a text (tried), and then '7' and 7 are the same.
case(
    "files-of-text-and-of-numbers",
    side("k bigint, v string", [(1, "7"), (2, "8")]),
    side("k bigint, v string", [(1, "7")], more=[side("k bigint, v int", [(2, 8)])], state="unreadable"),
    none("unreadable"),
    keys=K,
)
# And a double of a bigint, which loses its last digit.
case(
    "files-of-doubles-and-of-integers",
    side("k bigint, v double", [(1, 1.5), (2, 9007199254740992.0)]),
    side(
        "k bigint, v double", [(1, 1.5)], more=[side("k bigint, v bigint", [(2, 9007199254740993)])], state="unreadable"
    ),
    none("unreadable"),
    keys=K,
)


def with_log(folder):
    """A Delta table that removed its second file: reading it as Parquet brings those rows back."""
    first, second = [p.name for p in data_files(folder)]
    log = folder / "_delta_log"
    log.mkdir()
    schema = {
        "type": "struct",
        "fields": [
            {"name": n, "type": t, "nullable": True, "metadata": {}} for n, t in (("k", "long"), ("v", "string"))
        ],
    }
    table = {
        "id": "t",
        "format": {"provider": "parquet", "options": {}},
        "schemaString": json.dumps(schema),
        "partitionColumns": [],
        "configuration": {},
        "createdTime": 0,
    }
    add = [
        {
            "add": {
                "path": name,
                "partitionValues": {},
                "size": (folder / name).stat().st_size,
                "modificationTime": 0,
                "dataChange": True,
            }
        }
        for name in (first, second)
    ]
    zero = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": table}, *add]
    one = [{"remove": {"path": second, "deletionTimestamp": 1, "dataChange": True}}]
    for version, actions in enumerate((zero, one)):
        (log / f"{version:020}.json").write_text("".join(json.dumps(a) + "\n" for a in actions))


pair(
    "a-delta-folder-is-no-parquet",
    KV,
    rows,
    rows,
    none("delta_folder"),
    keys=K,
    new_as={"files": 2, "after": [with_log], "state": "delta_folder"},
)
pair(
    "both-are-delta-folders",
    KV,
    rows,
    rows,
    none("delta_folder"),
    keys=K,
    old_as={"files": 2, "after": [with_log], "state": "delta_folder"},
    new_as={"files": 2, "after": [with_log], "state": "delta_folder"},
)

# Days before 1582-10-15 that Spark 2, or Spark 3 in LEGACY mode, wrote in the Julian calendar: the footer has
# org.apache.spark.legacyDateTime, Spark reads the day of the same name, and DuckDB 1.5.5 reads 1500-01-10 for
# 1500-01-01 and 1582-10-14 for 1582-10-04. (Tried with 4.3.0.)
old_days = [
    (k, day(text))
    for k, text in enumerate(
        ["1500-01-01", "1582-10-04", "1582-10-15", "0301-03-01", "1100-02-28", "2024-02-29", "1700-03-01"]
    )
]
pair("days-of-the-julian-calendar", "k bigint, v date", old_days, old_days, equal(), keys=K, old_as={"legacy": True})
pair(
    "days-of-the-julian-calendar-twice",
    "k bigint, v date",
    old_days,
    old_days[::-1],
    equal(),
    keys=K,
    old_as={"legacy": True},
    new_as={"legacy": True},
)
pair(
    "days-of-the-julian-calendar-differ",
    "k bigint, v date",
    old_days,
    [(k, day("1500-01-10") if k == 0 else v) for k, v in old_days],
    differs(rows=1, cells="v"),
    keys=K,
    old_as={"legacy": True},
)
pair(
    "days-of-the-julian-calendar-as-keys",
    "d date, v int",
    [(d, k) for k, d in old_days],
    [(d, k) for k, d in old_days],
    equal(),
    keys=["d"],
    old_as={"legacy": True},
)
modern = [(1, at("2024-02-29 12:00:00")), (2, at("1970-01-01 00:00:00"))]
pair("instants-of-a-legacy-file", "k bigint, v timestamp", modern, modern, equal(), keys=K, old_as={"legacy": True})
# Before 1900 the time zone of the writer had a part in it, which the file does not tell.
pair(
    "early-instants-of-a-legacy-file",
    "k bigint, v timestamp",
    [*modern, (3, at("1500-01-01 00:00:00"))],
    [*modern, (3, at("1500-01-01 00:00:00"))],
    none(),
    keys=K,
    old_as={"legacy": True, "state": ANY},
)
pair(
    "wall-times-are-not-rebased",
    "k bigint, v timestamp_ntz",
    [(1, wall("1500-01-01 00:00:00"))],
    [(1, wall("1500-01-01 00:00:00"))],
    equal(),
    keys=K,
)
