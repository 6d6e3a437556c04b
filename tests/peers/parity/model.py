"""What a case is: two data sets, how each is written, the manifest's part that compares them, and the truth.

Rows are tuples of Python values in the order of the columns: `int`, `Decimal`, `float`, `str`, `bytes`, `bool`, `date`,
an aware `datetime` (an instant) or a naive one (wall time), `list`, a `dict` for a map and a `dict` for a struct. The
types of columns are Spark SQL's.
"""

import dataclasses
import datetime as dt
import decimal
from decimal import Decimal

# Decimals of 38 digits, to the last one; Python keeps 28.
decimal.getcontext().prec = 100

UTC = dt.timezone.utc
# The 34 hypotheses of a cause. Each has to be the expected cause of some case.
CELL_CAUSES = (
    "null_vs_empty value_to_null null_to_value whitespace case unicode_normalisation generated truncated number_format"
    " week_year float_noise float32 rounding sign overflow last_place precision_lost calendar_rebase day_shift"
    " array_order constant_offset constant_factor constant_shift timezone permuted"
).split()
ROW_CAUSES = "duplicated_rows missing_partition late_data".split()
KEY_CAUSES = "key_whitespace key_case".split()
SCHEMA_CAUSES = "column_renamed type_widened type_changed column_case".split()
CAUSES = CELL_CAUSES + ROW_CAUSES + KEY_CAUSES + SCHEMA_CAUSES
# What `rows` may say beside, where there is no verdict.
NO_VERDICT = "nothing_compared old_is_empty new_is_empty unreadable not_finished delta_folder".split()
# What `schema` may say beside: the notes of a report that are no hypotheses.
SCHEMA_NOTES = "column_missing column_order nullability".split()
# A cause that may have any name, as several hypotheses explain one lonely cell, or none at all. The truth of such a
# case is its counts.
ANY = "?"
# No hypothesis explains it, and none may be named.
UNEXPLAINED = None


def D(text):
    """A decimal."""
    return Decimal(text)


def day(text):
    return dt.date.fromisoformat(text)


def wall(text):
    """A wall time: `2024-05-06 07:08:09.123456`."""
    return dt.datetime.fromisoformat(text)


def at(text):
    """An instant, given in UTC."""
    return wall(text).replace(tzinfo=UTC)


def columns_of(text):
    """`k bigint, v decimal(38,18)` as a dict; commas within brackets do not divide."""
    parts, depth, part = [], 0, ""
    for char in text:
        depth += (char in "<(") - (char in ">)")
        if char == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += char
    parts.append(part)
    pairs = (part.strip().split(" ", 1) for part in parts if part.strip())
    return {name.strip("`"): kind for name, kind in pairs}


@dataclasses.dataclass
class Side:
    """One data set, as it is written."""

    columns: dict
    rows: list
    format: str = "parquet"
    # Files with rows, as many as that; Spark adds none that is empty.
    files: int = 1
    # Columns that become folders.
    partition: tuple = ()
    codec: str = "snappy"
    # Of Parquet's timestamps: micros, millis, int96, nanos.
    timestamps: str = "micros"
    # Nanoseconds beyond the microsecond, for `nanos`.
    nanos: int = 0
    # Whether days before 1582-10-15 are written in the Julian calendar, as Spark 2 did.
    legacy: bool = False
    # Whether arrays, maps and decimals are laid out as Spark 1 and Hive do (spark.sql.parquet.writeLegacyFormat).
    hive_layout: bool = False
    # spark, or pyarrow where Spark cannot write it; `raw` leaves the folder to `after`.
    writer: str = "spark"
    # Options of Spark's writer.
    options: dict = dataclasses.field(default_factory=dict)
    # More data sets in the same folder, of another schema.
    more: list = dataclasses.field(default_factory=list)
    # What happens to the folder once it is written: functions of its path.
    after: list = dataclasses.field(default_factory=list)
    # Members of the side in the manifest: csv, columns, where, done.
    manifest: dict = dataclasses.field(default_factory=dict)
    # Below the case's folder and `old` or `new`: `/month=2024-02`.
    below: str = ""
    path: str = ""
    # What a reader gets, where that is not what was written: an empty string as a partition comes back as null.
    read_columns: dict = None
    read_rows: list = None
    # Why there is nothing to compare, if so: one of NO_VERDICT, or ANY.
    state: str = None
    # Columns that are never null (only pyarrow writes that down).
    required: tuple = ()

    def seen_columns(self):
        return self.columns if self.read_columns is None else self.read_columns

    def seen_rows(self):
        return self.rows if self.read_rows is None else self.read_rows


def side(columns, rows, **more):
    return Side(columns_of(columns) if isinstance(columns, str) else columns, list(rows), **more)


@dataclasses.dataclass
class Truth:
    """What is right. Counts of `None` are not known, as nothing was read."""

    verdict: str
    only_old: int = 0
    only_new: int = 0
    rows: int = 0
    cells: dict = dataclasses.field(default_factory=dict)
    causes: dict = dataclasses.field(default_factory=dict)
    # Whether it is as right to say that nothing is known.
    or_none: bool = False


def or_none(truth):
    """A truth that an engine may not be able to read: then there is no verdict, and never a wrong one."""
    return dataclasses.replace(truth, or_none=True)


def equal(**more):
    """Equal; differences are given where a manifest expects them."""
    return Truth("equal", **more)


def differs(only_old=0, only_new=0, rows=0, cells=None, **causes):
    """Differs. Causes by column, or under rows, key and schema; what is not given may have any."""
    cells = cells or {}
    if isinstance(cells, str):
        cells = {cells: rows}
    causes = causes.pop("causes", {}) | causes
    for column in cells:
        causes.setdefault(column, ANY)
    if only_old or only_new:
        causes.setdefault("rows", ANY)
        causes.setdefault("key", ANY)
    return Truth("differs", only_old, only_new, rows, cells, causes)


def none(cause=ANY):
    """No verdict."""
    return Truth("none", None, None, None, None, {"rows": cause})


@dataclasses.dataclass
class Case:
    name: str
    old: Side
    new: Side
    truth: Truth
    # Members of the output in the manifest beside `name`, `old` and `new`.
    output: dict
    # month, week, day or none, and which one.
    unit: str = "none"
    period: str = "case"
    # Values that must be in no output.
    canaries: tuple = ()


CASES = []


def case(name, old, new, truth, *, unit="none", period="case", canaries=(), **output):
    """Adds a case to the table. What is given beside is the output's part of the manifest, without reasons."""
    assert all(c.name != name for c in CASES), f"two cases are called {name}"
    assert name.replace("-", "").isalnum() and name == name.lower(), f"{name} is no name of a manifest"
    for rule in output.get("rules", []) + output.get("expect", []) + output.get("ignore", []):
        rule.setdefault("reason", "as the case says")
    CASES.append(Case(name, old, new, truth, output, unit, period, canaries))


def pair(name, columns, old, new, truth, *, old_as=None, new_as=None, **more):
    """A case of two data sets with the same columns. `old_as` and `new_as` say how they are written."""
    case(name, side(columns, old, **(old_as or {})), side(columns, new, **(new_as or {})), truth, **more)
