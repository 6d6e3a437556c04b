"""What other tools got wrong, each with its source: equal where it is not, or different where it is the same."""

from model import D, at, case, differs, equal, none, pair, side

NAN = float("nan")
K = ["k"]
KV = "k bigint, v string"

# datacompy 1.1.0 compares numbers with np.isclose, in float64. Tried: it found these equal, at a tolerance of 0.
pair(
    "datacompy-integers-beyond-53-bits",
    "k bigint, v bigint",
    [(1, 2**53 + 1), (2, 5)],
    [(1, 2**53), (2, 5)],
    differs(rows=1, cells="v"),
    keys=K,
)
pair(
    "datacompy-last-digits-of-decimals",
    "k bigint, v decimal(38,18), w decimal(19,2)",
    [(1, D("1.000000000000000001"), D("12345678901234567.01"))],
    [(1, D("1.000000000000000002"), D("12345678901234567.02"))],
    differs(rows=1, cells={"v": 1, "w": 1}),
    keys=K,
)
# datacompy takes NaN for null, in both directions.
pair(
    "datacompy-nan-became-null",
    "k bigint, v double",
    [(k, NAN) for k in range(20)],
    [(k, None) for k in range(20)],
    differs(rows=20, cells="v", v="value_to_null"),
    keys=K,
)
# datacompy: int64 against float64 is equal if the numbers are; the type of the column is none of its business.
case(
    "datacompy-integers-became-doubles",
    side("k bigint, v int", [(k, k) for k in range(9)]),
    side("k bigint, v double", [(k, float(k)) for k in range(9)]),
    differs(schema="type_changed"),
    keys=K,
)
# datacompy #221, #314, #399: duplicated keys are paired in the order of the file.
pair(
    "datacompy-duplicates-in-another-order",
    KV,
    [(1, "a"), (1, "b"), (1, "a"), (2, "c")],
    [(1, "b"), (1, "a"), (2, "c"), (1, "a")],
    equal(),
    keys=K,
)
pair(
    "datacompy-duplicates-of-a-composite-key",
    "a bigint, b string, v int",
    [(1, None, k) for k in range(30)],
    [(1, None, k * 7 % 30) for k in range(30)],
    equal(),
    keys=["a", "b"],
)

# SQLMesh #2810: the grain is taken for a key without a look; its join multiplies the rows.
pair("sqlmesh-grain-that-is-none", KV, [(1, "a"), (1, "b"), (2, "c")], [(1, "a"), (1, "b"), (2, "c")], equal(), keys=K)
# SQLMesh PR 5007: a null in a composite key was counted twice, as missing on both sides.
pair(
    "sqlmesh-null-in-a-composite-key",
    "a bigint, b bigint, v int",
    [(1, None, 1), (None, 1, 2), (1, 1, 3)],
    [(1, None, 1), (None, 1, 2), (1, 1, 3)],
    equal(),
    keys=["a", "b"],
)

# Lakebridge v0.10.3: the row hash is of the texts put together with nothing between them.
pair(
    "lakebridge-no-separator",
    "k bigint, a string, b string",
    [(1, "ab", "c"), (2, "", "x")],
    [(1, "a", "bc"), (2, "x", "")],
    differs(rows=2, cells={"a": 2, "b": 2}),
    keys=K,
)
pair("lakebridge-no-separator-without-keys", "a string, b string", [("ab", "c")], [("a", "bc")], differs(1, 1), keys=[])
pair(
    "lakebridge-no-separator-in-keys",
    "a string, b string, v int",
    [("ab", "c", 1)],
    [("a", "bc", 1)],
    differs(1, 1),
    keys=["a", "b"],
)
# Lakebridge #2194: what is behind 256 characters is not in the hash.
pair(
    "lakebridge-behind-256-characters",
    KV,
    [(1, "x" * 300 + "a"), (2, "y" * 256)],
    [(1, "x" * 300 + "b"), (2, "y" * 257)],
    differs(rows=2, cells="v"),
    keys=K,
)
# Lakebridge #2195: with the columns in another order, every row was a mismatch.
case(
    "lakebridge-columns-in-another-order",
    side("b string, k bigint, a int", [(f"b{k}", k, k) for k in range(9)]),
    side("k bigint, a int, b string", [(k, k, f"b{k}") for k in range(9)]),
    equal(),
    keys=K,
)
# Lakebridge trims every text, so blanks were never a difference.
pair("lakebridge-blanks", KV, [(1, "a "), (2, " b")], [(1, "a"), (2, "b")], differs(rows=2, cells="v"), keys=K)
# Lakebridge #241: without join columns no row was compared, and the report was green.
pair(
    "lakebridge-without-keys",
    "a int, b string",
    [(k, "x") for k in range(9)],
    [(k, "y" if k == 3 else "x") for k in range(9)],
    differs(1, 1),
    keys=[],
)
# Lakebridge writes `_null_recon_` for null before it compares.
pair(
    "lakebridge-the-word-for-null",
    KV,
    [(1, None), (2, "_null_recon_")],
    [(1, "_null_recon_"), (2, None)],
    differs(rows=2, cells="v"),
    keys=K,
)

# dbt audit_helper on BigQuery: BIT_XOR over hashes of rows. A row that is there twice is not there.
pair(
    "audit-helper-rows-that-cancel-out",
    KV,
    [(1, "a"), (1, "a"), (2, "b")],
    [(3, "c"), (3, "c"), (2, "b")],
    differs(2, 2),
    keys=[],
)
pair("audit-helper-two-rows-less", KV, [(1, "a"), (1, "a"), (2, "b")], [(2, "b")], differs(2, 0), keys=[])
# audit_helper #117, #124: empty against empty was different, empty against rows was not told.
pair("audit-helper-empty-against-rows", KV, [], [(1, "a")], none("old_is_empty"), keys=[])

# Google's data validation tool #1077: a null in a composite key went wrong; #1372: decimal keys did not join.
pair(
    "dvt-null-in-a-composite-key",
    "a string, b string, v int",
    [("x", None, 1), (None, "x", 2), (None, None, 3)],
    [(None, None, 3), (None, "x", 2), ("x", None, 1)],
    equal(),
    keys=["a", "b"],
)
case(
    "dvt-decimal-keys",
    side("k decimal(10,2), v int", [(D("1.10"), 1), (D("-0.5"), 2), (D("0"), 3)]),
    side("k decimal(14,4), v int", [(D("1.1"), 1), (D("-0.50"), 2), (D("-0"), 3)]),
    equal(causes={"schema": "type_widened"}),
    keys=K,
)

# Spark's assertDataFrameEqual: one missing row made every later one differ (SPARK-54090), as it pairs by rank.
fifty = [(k, f"v{k}") for k in range(50)]
pair("spark-one-row-less", KV, fifty, fifty[1:], differs(1, 0), keys=[])
pair("spark-one-row-less-with-keys", KV, fifty, fifty[:20] + fifty[21:], differs(1, 0), keys=K)
# SPARK-59513: rows beyond the shorter side were not looked at.
pair("spark-rows-beyond-the-end", KV, fifty, fifty + [(k, "more") for k in range(50, 53)], differs(0, 3), keys=[])
# spark-rapids #15095: it sorts by text, and a map's text depends on its order.
pair(
    "spark-maps-are-not-sorted-by-text",
    "m map<string,int>, v int",
    [({"a": 1, "b": 2}, 1), ({"b": 9, "a": 1}, 2)],
    [({"a": 1, "b": 9}, 2), ({"b": 2, "a": 1}, 1)],
    equal(),
    keys=[],
)
pair(
    "spark-numbers-are-not-sorted-by-text",
    "v double",
    [(10.0,), (9.0,), (-1.0,)],
    [(9.0,), (-1.0,), (10.0,)],
    equal(),
    keys=[],
)

# Recce refuses null and duplicated keys.
pair(
    "recce-null-and-duplicated-keys",
    KV,
    [(None, "a"), (None, "a"), (1, "b"), (1, "c")],
    [(1, "c"), (None, "a"), (1, "b"), (None, "a")],
    equal(),
    keys=K,
)
# thoughtworks recce #66: no separator between the columns of a hash.
pair(
    "thoughtworks-recce-no-separator",
    "k bigint, a int, b int",
    [(1, 1, 23)],
    [(1, 12, 3)],
    differs(rows=1, cells={"a": 1, "b": 1}),
    keys=K,
)

# data-diff #649: no tolerance; recce #519, dbt-utils #757 and others: 0.1 + 0.2.
pair(
    "data-diff-sums-without-a-tolerance",
    "k bigint, v double",
    [(1, 0.1 + 0.2)],
    [(1, 0.3)],
    differs(rows=1, cells="v"),
    keys=K,
)
pair(
    "data-diff-sums-with-a-tolerance",
    "k bigint, v double",
    [(1, 0.1 + 0.2)],
    [(1, 0.3)],
    equal(),
    keys=K,
    rules=[{"type": "double", "rel": 1e-12, "reason": "the order of sums"}],
)
# data-diff #379: the text of a double depends on the engine.
pair(
    "data-diff-doubles-are-no-texts",
    "k bigint, v double",
    [(1, 1e20), (2, 1e-7), (3, 100000000.0)],
    [(1, 100000000000000000000.0), (2, 0.0000001), (3, 1e8)],
    equal(),
    keys=K,
)
# reladiff PR 94: times that differed by the precision of their texts.
pair(
    "reladiff-times-of-other-precision",
    "k bigint, v timestamp",
    [(1, at("2024-02-29 12:00:00.100"))],
    [(1, at("2024-02-29 12:00:00.1"))],
    equal(),
    keys=K,
    old_as={"timestamps": "millis"},
)
# DQX #1487: a join by keys that are duplicated on both sides multiplies them.
pair("dqx-many-to-many", KV, [(1, "a")] * 30 + [(2, "b")], [(1, "a")] * 30 + [(2, "b")], equal(), keys=K)
# A sum or a count that is the same says nothing: two rows changed in opposite directions.
pair(
    "aggregates-that-are-the-same",
    "k bigint, v int, w int",
    [(1, 10, 5), (2, 20, 5)],
    [(1, 20, 5), (2, 10, 5)],
    differs(rows=2, cells="v"),
    keys=K,
)
