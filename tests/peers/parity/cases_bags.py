"""Bags, keys, duplicates, and how rows become pairs."""

from model import ANY, D, day, differs, equal, pair, case, side

NAN = float("nan")

pair(
    "bag-counts-copies",
    "a bigint, b string",
    [(1, "x")] * 3 + [(2, "y")],
    [(2, "y")] + [(1, "x")] * 2,
    differs(1, 0),
    keys=[],
)
pair(
    "bag-of-nulls",
    "a bigint, b string",
    [(None, None), (None, "x"), (None, None)],
    [(None, "x"), (None, None), (None, None)],
    equal(),
    keys=[],
)
pair(
    "bag-with-all-rows-changed",
    "a bigint, b string",
    [(k, "old") for k in range(30)],
    [(k, "new") for k in range(30)],
    differs(30, 30),
    keys=[],
)
pair(
    "bag-without-the-member-keys",
    "a bigint, b string",
    [(1, "x"), (1, "x"), (2, None)],
    [(2, None), (1, "x"), (1, "x")],
    equal(),
)
# What is compared with a tolerance names no row: the rest does.
pair(
    "bag-with-a-tolerance",
    "a string, v double",
    [("x", 1.0), ("x", 2.0), ("y", NAN)],
    [("x", 2.0000000001), ("x", 1.0000000001), ("y", NAN)],
    equal(),
    keys=[],
    rules=[{"column": "v", "rel": 1e-6}],
)
pair(
    "bag-beyond-a-tolerance",
    "a string, v double",
    [("x", 1.0), ("x", 2.0), ("y", 1.0)],
    [("x", 1.0), ("x", 2.5), ("z", 1.0)],
    differs(1, 1, rows=1, cells="v"),
    keys=[],
    rules=[{"column": "v", "rel": 1e-6}],
)
pair(
    "bag-of-tolerances-alone",
    "v double",
    [(1.0,), (2.0,), (3.0,)],
    [(3.0000001,), (1.0000001,), (2.0000001,)],
    equal(),
    keys=[],
    rules=[{"column": "v", "abs": 1e-3}],
)

pair(
    "duplicates-of-other-content",
    "k bigint, v string",
    [(1, "a"), (1, "b"), (2, "z")],
    [(1, "c"), (1, "b"), (2, "z")],
    differs(rows=1, cells="v"),
    keys=["k"],
)
pair(
    "duplicates-that-are-surplus",
    "k bigint, v string",
    [(1, "a"), (1, "a"), (2, "b"), (3, "c")],
    [(1, "a"), (2, "b"), (2, "b"), (2, "b"), (3, "c")],
    differs(1, 2),
    keys=["k"],
)
pair(
    "duplicates-within-a-tolerance",
    "k bigint, v double",
    [(1, 1.0), (1, 2.0), (1, 3.0)],
    [(1, 3.0), (1, 2.0000001), (1, 1.0000001)],
    equal(),
    keys=["k"],
    rules=[{"column": "v", "rel": 1e-6}],
)
# What is equal without a tolerance is a pair first, 1.05; the rest, 1.0 against 1.1, is too far apart.
pair(
    "duplicates-pair-what-is-the-same-first",
    "k bigint, v double",
    [(1, 1.0), (1, 1.05)],
    [(1, 1.05), (1, 1.1)],
    differs(rows=1, cells="v"),
    keys=["k"],
    rules=[{"column": "v", "abs": 0.0625}],
)
pair(
    "duplicates-on-one-side-alone",
    "k bigint, v string",
    [(1, "a"), (2, "b")],
    [(1, "a"), (1, "other"), (2, "b")],
    differs(0, 1),
    keys=["k"],
)
# 2 × 1 and 1 × 2: a plain join has as many pairs as two keys that are not duplicated at all.
pair(
    "duplicates-that-make-up-for-one-another",
    "k bigint, v string",
    [(1, "a"), (1, "a"), (2, "b")],
    [(1, "a"), (2, "b"), (2, "b")],
    differs(1, 1),
    keys=["k"],
)
pair(
    "duplicated-null-keys",
    "k bigint, v string",
    [(None, "a"), (None, "b"), (None, "b")],
    [(None, "b"), (None, "a"), (None, "c")],
    differs(rows=1, cells="v"),
    keys=["k"],
)
# 2 × 400 rows of one key: 160,000 pairs in a plain join.
pair(
    "keys-that-are-no-keys",
    "k string, v bigint",
    [("same", v) for v in range(400)],
    [("same", v) for v in reversed(range(400))],
    equal(),
    keys=["k"],
)
pair(
    "keys-that-are-no-keys-and-differ",
    "k string, v bigint",
    [("same", v) for v in range(400)] + [("other", 1)],
    [("same", v) for v in range(1, 401)] + [("other", 1)],
    differs(rows=1, cells="v"),
    keys=["k"],
)

pair(
    "null-keys",
    "k string, v bigint",
    [(None, 1), ("", 2), ("null", 3)],
    [("null", 3), (None, 1), ("", 2)],
    equal(),
    keys=["k"],
)
pair(
    "composite-keys-with-nulls",
    "a bigint, b string, v bigint",
    [(None, "x", 1), (None, None, 2), (1, None, 3), (1, "x", 4)],
    [(1, "x", 4), (1, None, 30), (None, None, 2), (None, "x", 1)],
    differs(rows=1, cells="v"),
    keys=["a", "b"],
)
pair(
    "keys-of-every-type",
    "a date, b decimal(10,2), c boolean, d timestamp, e binary, v bigint",
    [(day("2024-02-29"), D("1.00"), True, None, b"\x00", 1), (None, None, None, None, None, 2)],
    [(None, None, None, None, None, 2), (day("2024-02-29"), D("1.00"), True, None, b"\x00", 3)],
    differs(rows=1, cells="v"),
    keys=["a", "b", "c", "d", "e"],
)
pair(
    "keys-without-cells",
    "a bigint, b string",
    [(1, "x"), (2, "y")],
    [(2, "y"), (3, "z")],
    differs(1, 1),
    keys=["a", "b"],
)
pair("keys-in-another-case", "ID bigint, v string", [(1, "x")], [(1, "x")], equal(), keys=["id"])
pair(
    "keys-that-are-trimmed",
    "k string, v bigint",
    [("a  ", 1), ("b", 2)],
    [("a", 1), ("b ", 2)],
    equal(),
    keys=["k"],
    rules=[{"column": "k", "trim": "both"}],
)
# Once the case is gone, the keys are duplicated.
pair(
    "keys-that-fold-into-one",
    "k string, v bigint",
    [("A", 1), ("a", 2), ("b", 3)],
    [("a", 1), ("A", 2), ("B", 3)],
    equal(),
    keys=["k"],
    rules=[{"column": "k", "case": "any"}],
)
pair(
    "keys-of-nfc",
    "k string, v bigint",
    [("é", 1)],
    [("e\u0301", 1)],
    equal(),
    keys=["k"],
    rules=[{"column": "k", "unicode": "nfc"}],
)
case(
    "keys-that-became-wider",
    side("k int, v string", [(1, "a"), (-2, "b")]),
    side("k bigint, v string", [(-2, "b"), (1, "a")]),
    equal(causes={"schema": "type_widened"}),
    keys=["k"],
)
# The rows of one key among 40,000 bytes each.
pair(
    "long-texts",
    "k bigint, v string",
    [(1, "x" * 40_000 + "a"), (2, "y" * 40_000)],
    [(1, "x" * 40_000 + "b"), (2, "y" * 40_000)],
    differs(rows=1, cells="v"),
    keys=["k"],
)
pair(
    "many-columns",
    "k bigint, " + ", ".join(f"c{i} int" for i in range(120)),
    [(k, *range(120)) for k in range(5)],
    [(k, *range(119), 0 if k == 4 else 119) for k in range(5)],
    differs(rows=1, cells={"c119": 1}),
    keys=["k"],
)
pair(
    "only-rows-of-one-side",
    "k bigint, v string",
    [(1, "a"), (2, "b"), (3, "c")],
    [(3, "c"), (4, "d")],
    differs(2, 1),
    keys=["k"],
)
# None of the keys is on both sides: nothing was matched, and that is a difference.
pair(
    "no-key-in-common",
    "k bigint, v string",
    [(k, "a") for k in range(10)],
    [(k + 100, "a") for k in range(10)],
    differs(10, 10),
    keys=["k"],
)
pair(
    "several-cells-of-one-row",
    "k bigint, a int, b string, c date",
    [(1, 1, "x", day("2024-01-01")), (2, 1, "x", None)],
    [(1, 9, "q", None), (2, 1, "y", None)],
    differs(rows=2, cells={"a": 1, "b": 2, "c": 1}, a=ANY),
    keys=["k"],
)
