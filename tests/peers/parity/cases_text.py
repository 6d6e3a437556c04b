"""CSV and JSON, as Spark writes them.

Tried with PySpark 4.3.0: CSV has `""` for an empty text and nothing for null, `\\"` for a quote, `\\\\` for a backslash
within quotes and `\\` for one alone; values are trimmed as they are written (`ignoreLeadingWhiteSpace`), instants lose
their microseconds (`timestampFormat` ends in milliseconds and a zone). Read back with its defaults, Spark makes null of `""` as
well; with `emptyValue` it does not. DuckDB 1.5.5 reads all of it as it was written, with auto_detect=false,
escape='\\', nullstr='', allow_quoted_nulls=false, strict_mode=true.
DuckDB refuses `\\N` for null while the escape is `\\`. Spark reads bytes that are no UTF-8 as U+FFFD, and a quote that
never ends up to the end of the file; DuckDB refuses both.
JSON leaves members out that are null, has NaN and infinities as texts, and bytes in base64. DuckDB 1.5.5 reads a number
into a DECIMAL by way of a double: of 12345678901234.5678 it makes .5680. So it does for VARCHAR and for
`json ->> 'm'`; 15 digits are safe, and the line as a whole is as it was written.
"""

from cases_files import added, truncated, unread
from model import D, at, case, columns_of, day, differs, equal, none, or_none, side, wall

K = ["k"]


def csv(columns, rows, header=True, options=None, says=None, **more):
    """A side that Spark writes as CSV, with the types that the manifest has to say."""
    written = columns_of(columns)
    manifest = {"csv": {"header": header, **(says or {})}, "columns": written}
    return side(
        written,
        rows,
        format="csv",
        options={"header": str(header).lower(), **(options or {})},
        manifest=manifest,
        **more,
    )


def jsonl(columns, rows, **more):
    return side(columns, rows, format="json", manifest={"columns": columns_of(columns)}, **more)


def by_hand(columns, rows, text, name="part-00000.csv", says=None, **more):
    """CSV whose bytes are given."""
    return side(
        columns,
        rows,
        format="csv",
        writer="raw",
        after=[added(name, text)],
        manifest={"csv": says or {}, "columns": columns_of(columns)},
        **more,
    )


types = "k bigint, s string, b boolean, d double, m decimal(18,4), y date, z timestamp, w timestamp_ntz"
values = [
    (
        1,
        "plain",
        True,
        1.5,
        D("1.2500"),
        day("2024-02-29"),
        at("2024-02-29 12:00:00.123"),
        wall("2024-02-29 12:00:00.123"),
    ),
    (2, None, None, None, None, None, None, None),
    (
        3,
        "",
        False,
        float("nan"),
        D("-0.0001"),
        day("1600-01-01"),
        at("1969-12-31 23:59:59.999"),
        wall("1969-12-31 23:59:59.999"),
    ),
    (
        4,
        'a "quoted", text\\',
        True,
        float("inf"),
        D("99999999999999.9999"),
        day("9999-12-31"),
        at("2024-07-01 00:00:00"),
        wall("2024-07-01 00:00:00"),
    ),
    (5, "line\nbreak", True, -0.0, D(0), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
    (6, "007", True, 1e300, D(7), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
    (7, "\\", True, -1e-300, D(7), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
    (8, '"', True, float("-inf"), D(7), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
    (9, "NULL", True, 0.1, D(7), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
    (10, "é𝒜, #x", True, 0.1, D(7), day("1970-01-01"), at("2024-07-01 00:00:00"), wall("2024-07-01 00:00:00")),
]
case("csv-of-every-type", csv(types, values), side(types, values), equal(), keys=K)
case(
    "csv-without-header",
    csv("z string, k bigint, a string", [("x", 1, "y"), ("", 2, None)], header=False),
    side("k bigint, a string, z string", [(1, "y", "x"), (2, None, "")]),
    equal(),
    keys=K,
)
case("csv-against-csv", csv(types, values, files=3), csv(types, values[::-1], header=False), equal(), keys=K)
case(
    "csv-that-differs",
    csv(types, values),
    side(types, [v if v[0] != 4 else (4, 'a "quoted", text', *v[2:]) for v in values]),
    differs(rows=1, cells={"s": 1}),
    keys=K,
)
case(
    "csv-in-gzip",
    csv("k bigint, s string", [(k, f"x{k}") for k in range(50)], codec="gzip"),
    side("k bigint, s string", [(k, f"x{k}") for k in range(50)]),
    equal(),
    keys=K,
)
case(
    "csv-in-gzip-that-is-cut",
    csv("k bigint, s string", [(k, f"x{k}") for k in range(5000)], codec="gzip", **unread(truncated(0.6))),
    side("k bigint, s string", [(k, f"x{k}") for k in range(5000)]),
    none("unreadable"),
    keys=K,
)
# The empty text is not null, although Spark itself reads it so.
case(
    "csv-tells-empty-from-null",
    csv("k bigint, s string", [(1, ""), (2, None), (3, "x")]),
    side("k bigint, s string", [(1, None), (2, ""), (3, "x")]),
    differs(rows=2, cells="s", s="null_vs_empty"),
    keys=K,
)
case(
    "csv-of-two-empty-texts",
    csv("k bigint, s string", [(1, ""), (2, None)]),
    csv("k bigint, s string", [(1, ""), (2, None)]),
    equal(),
    keys=K,
)
case(
    "csv-keeps-leading-zeros",
    csv("k string, s string", [("007", "1e5"), ("7", "true"), ("0x10", "2024-02-29")]),
    side("k string, s string", [("007", "1e5"), ("7", "true"), ("0x10", "2024-02-29")]),
    equal(),
    keys=K,
)
case(
    "csv-with-its-own-null",
    csv(
        "k bigint, s string",
        [(1, None), (2, "NULL "), (3, "")],
        options={"nullValue": "\\N", "ignoreTrailingWhiteSpace": "false"},
        says={"nullValue": "\\N"},
    ),
    side("k bigint, s string", [(1, None), (2, "NULL "), (3, "")]),
    equal(),
    keys=K,
)
case(
    "csv-with-other-signs",
    csv(
        "k bigint, s string",
        [(1, "a;b"), (2, "it's"), (3, "x|y"), (4, 'say "hi"')],
        options={"sep": "|", "quote": "'", "escape": "'"},
        says={"sep": "|", "quote": "'", "escape": "'"},
    ),
    side("k bigint, s string", [(1, "a;b"), (2, "it's"), (3, "x|y"), (4, 'say "hi"')]),
    equal(),
    keys=K,
)
case(
    "csv-with-tabs",
    csv("k bigint, s string", [(1, "a,b"), (2, "c\td")], options={"sep": "\t"}, says={"sep": "\t"}),
    side("k bigint, s string", [(1, "a,b"), (2, "c\td")]),
    equal(),
    keys=K,
)
case(
    "csv-of-latin1",
    csv(
        "k bigint, s string",
        [(1, "Zoë"), (2, "naïve")],
        options={"encoding": "ISO-8859-1"},
        says={"encoding": "ISO-8859-1"},
    ),
    side("k bigint, s string", [(1, "Zoë"), (2, "naïve")]),
    equal(),
    keys=K,
)
# RFC 4180 has two quotes for one; a reader that is told so, reads so.
case(
    "csv-of-rfc-4180",
    by_hand(
        "k bigint, s string",
        [(1, 'a "b"'), (2, "c\\")],
        b'k,s\r\n1,"a ""b"""\r\n2,"c\\"\r\n',
        says={"header": True, "escape": '"'},
    ),
    side("k bigint, s string", [(1, 'a "b"'), (2, "c\\")]),
    equal(),
    keys=K,
)
# What is no value of its type: never equal to a null on the other side.
case(
    "csv-with-a-text-for-a-number",
    by_hand("k bigint, v int", [], b"k,v\n1,2\n2,x\n", says={"header": True}, state="unreadable"),
    side("k bigint, v int", [(1, 2), (2, None)]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-with-a-number-that-is-too-big",
    by_hand("k bigint, v int", [], b"k,v\n1,2\n2,4294967298\n", says={"header": True}, state="unreadable"),
    side("k bigint, v int", [(1, 2), (2, 2)]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-with-a-day-that-is-none",
    by_hand("k bigint, v date", [], b"k,v\n1,2024-02-29\n2,2023-02-29\n", says={"header": True}, state="unreadable"),
    side("k bigint, v date", [(1, day("2024-02-29")), (2, None)]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-with-a-value-too-few",
    by_hand("k bigint, v int, w int", [], b"k,v,w\n1,2,3\n2,5\n", says={"header": True}, state="unreadable"),
    side("k bigint, v int, w int", [(1, 2, 3), (2, 5, None)]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-with-a-value-too-many",
    by_hand("k bigint, v int", [], b"k,v\n1,2\n2,5,6\n", says={"header": True}, state="unreadable"),
    side("k bigint, v int", [(1, 2), (2, 5)]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-with-a-quote-that-never-ends",
    by_hand("k bigint, s string", [], b'k,s\n1,a\n2,"b\n3,c\n', says={"header": True}, state="unreadable"),
    side("k bigint, s string", [(1, "a"), (2, "b\n3,c\n")]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-that-is-no-utf-8",
    by_hand("k bigint, s string", [], b"k,s\n1,caf\xe9\n", says={"header": True}, state="unreadable"),
    side("k bigint, s string", [(1, "caf\ufffd")]),
    none("unreadable"),
    keys=K,
)
case(
    "csv-of-a-header-alone",
    by_hand("k bigint, s string", [], b"k,s\n", says={"header": True}),
    side("k bigint, s string", []),
    none("nothing_compared"),
    keys=K,
)
# Microseconds are not in the file: the difference is real.
case(
    "csv-loses-microseconds",
    side("k bigint, z timestamp", [(k, at(f"2024-02-29 12:00:{k:02}.123456")) for k in range(30)]),
    csv(
        "k bigint, z timestamp",
        [(k, at(f"2024-02-29 12:00:{k:02}.123456")) for k in range(30)],
        read_rows=[(k, at(f"2024-02-29 12:00:{k:02}.123")) for k in range(30)],
    ),
    differs(rows=30, cells="z"),
    keys=K,
)
case(
    "csv-in-partitions",
    csv("k bigint, s string, m string", [(1, "a", "x y"), (2, "b", "01")], partition=("m",)),
    side("k bigint, s string, m string", [(1, "a", "x y"), (2, "b", "01")]),
    equal(),
    keys=K,
)

nested = (
    "k bigint, s string, d double, m decimal(18,4), y date, z timestamp, w timestamp_ntz, a array<int>,"
    " p map<string,int>, r struct<a:int,b:string>"
)
deep = [
    (
        1,
        "plain",
        1.5,
        D("1.2500"),
        day("2024-02-29"),
        at("2024-02-29 12:00:00.123"),
        wall("2024-02-29 12:00:00.123"),
        [1, 2],
        {"x": 1},
        {"a": 1, "b": "y"},
    ),
    (2, *[None] * 9),
    (
        3,
        "",
        float("nan"),
        D("-0.0001"),
        day("1600-01-01"),
        at("1969-12-31 23:59:59.999"),
        None,
        [],
        {},
        {"a": None, "b": ""},
    ),
    (
        4,
        'a "b"\\\n\u2028é',
        float("-inf"),
        D("-12345678901.2345"),
        None,
        None,
        None,
        [None, 3],
        {"é": 2},
        {"a": 2, "b": None},
    ),
    (9007199254740993, "null", 0.1, D(0), None, None, None, None, None, None),
]
case("json-of-every-type", jsonl(nested, deep), side(nested, deep), equal(), keys=K)
case("json-against-json", jsonl(nested, deep, files=2), jsonl(nested, deep[::-1]), equal(), keys=[])
case(
    "json-that-differs",
    jsonl(nested, deep),
    side(nested, [(k, *rest) if k != 9007199254740993 else (k - 1, *rest) for k, *rest in deep]),
    differs(1, 1),
    keys=K,
)
digits = "k bigint, m decimal(18,4), a array<decimal(18,4)>"
long_digits = [(1, D("12345678901234.5678"), [D("12345678901234.5678")]), (2, D("-99999999999999.9999"), None)]
case("json-of-long-decimals", jsonl(digits, long_digits), side(digits, long_digits), or_none(equal()), keys=K)
case(
    "json-of-long-decimals-that-differ",
    jsonl(digits, long_digits),
    side(digits, [(1, D("12345678901234.5680"), long_digits[0][2]), long_digits[1]]),
    or_none(differs(rows=1, cells="m")),
    keys=K,
)
case(
    "csv-with-null-for-null",
    csv(
        "k bigint, s string",
        [(1, None), (2, "null"), (3, ""), (4, "NULLS")],
        options={"nullValue": "NULL"},
        says={"nullValue": "NULL"},
    ),
    side("k bigint, s string", [(1, None), (2, "null"), (3, ""), (4, "NULLS")]),
    equal(),
    keys=K,
)


def lines(text):
    return dict(
        format="json",
        writer="raw",
        after=[added("part-00000.json", text)],
        manifest={"columns": columns_of("k bigint, v string")},
    )


case(
    "json-null-and-absent",
    side(
        "k bigint, v string", [(1, None), (2, None), (3, "")], **lines(b'{"k":1,"v":null}\n{"k":2}\n{"v":"","k":3}\n')
    ),
    side("k bigint, v string", [(1, None), (2, None), (3, "")]),
    equal(),
    keys=K,
)
case(
    "json-that-is-cut",
    side("k bigint, v string", [], state="unreadable", **lines(b'{"k":1,"v":"a"}\n{"k":2,"v":')),
    side("k bigint, v string", [(1, "a")]),
    none("unreadable"),
    keys=K,
)
case(
    "json-with-a-text-for-a-number",
    side("k bigint, v string", [], state="unreadable", **lines(b'{"k":1,"v":"a"}\n{"k":"x","v":"b"}\n')),
    side("k bigint, v string", [(1, "a"), (None, "b")]),
    none("unreadable"),
    keys=K,
)
