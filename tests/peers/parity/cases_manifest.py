"""What the manifest says beside the keys: schemas, columns with other names, expectations, numbers of rows, periods."""

from model import ANY, D, at, case, day, differs, equal, none, pair, side

K = ["k"]
FAR, PAST = "2999-12-31", "2020-01-31"
KV = "k bigint, v string"

# Schemas.
ints = [(k, k * 3) for k in range(10)]
case(
    "wider-integer",
    side("k bigint, v int", ints),
    side("k bigint, v bigint", ints),
    equal(causes={"schema": "type_widened"}),
    keys=K,
)
case(
    "wider-integer-strictly",
    side("k bigint, v int", ints),
    side("k bigint, v bigint", ints),
    differs(schema="type_widened"),
    keys=K,
    schema="strict",
)
case(
    "narrower-integer",
    side("k bigint, v bigint", ints),
    side("k bigint, v smallint", ints),
    equal(causes={"schema": "type_widened"}),
    keys=K,
)
pair(
    "same-types-strictly",
    "k bigint, v decimal(10,2)",
    [(1, D("1.10"))],
    [(1, D("1.1"))],
    equal(),
    keys=K,
    schema="strict",
)
case(
    "decimal-strictly",
    side("k bigint, v decimal(10,2)", [(1, D("1.10"))]),
    side("k bigint, v decimal(12,2)", [(1, D("1.10"))]),
    differs(schema="type_widened"),
    keys=K,
    schema="strict",
)
case(
    "text-against-number",
    side("k bigint, v string", [(1, "007")]),
    side("k bigint, v int", [(1, 7)]),
    differs(schema="type_changed"),
    keys=K,
)
case(
    "text-against-bytes",
    side("k bigint, v string", [(1, "a")]),
    side("k bigint, v binary", [(1, b"a")]),
    differs(schema="type_changed"),
    keys=K,
)
case(
    "decimal-against-double",
    side("k bigint, v decimal(18,2)", [(1, D("1.50"))]),
    side("k bigint, v double", [(1, 1.5)]),
    differs(schema="type_changed"),
    keys=K,
)
case(
    "column-missing-in-new",
    side("k bigint, v int, w int", [(1, 2, 3)]),
    side("k bigint, v int", [(1, 2)]),
    differs(schema="column_missing"),
    keys=K,
)
case(
    "column-missing-in-old",
    side("k bigint, v int", [(1, 2)]),
    side("k bigint, v int, w int", [(1, 2, None)]),
    differs(schema="column_missing"),
    keys=K,
)
case(
    "column-missing-in-a-bag",
    side("k bigint, v int, w int", [(1, 2, 3), (1, 2, 4)]),
    side("k bigint, v int", [(1, 2), (1, 2)]),
    differs(schema="column_missing"),
    keys=[],
)
case(
    "columns-in-another-order",
    side("a string, b string, k bigint", [("x", "y", 1)]),
    side("k bigint, b string, a string", [(1, "y", "x")]),
    equal(),
    keys=K,
)
# By position these two would be equal.
case(
    "columns-not-by-position",
    side("k bigint, a string, b string", [(1, "x", "y")]),
    side("k bigint, b string, a string", [(1, "x", "y")]),
    differs(rows=1, cells={"a": 1, "b": 1}),
    keys=K,
)
case(
    "column-ignored-on-one-side",
    side("k bigint, v int, load_ts timestamp", [(1, 2, at("2024-01-01 00:00:00"))]),
    side("k bigint, v int", [(1, 2)]),
    equal(),
    keys=K,
    ignore=[{"column": "load_ts"}],
)
case(
    "column-ignored-in-a-bag",
    side("v int, run string", [(1, "a"), (1, "b")]),
    side("v int, run string", [(1, "c"), (1, "c")]),
    equal(),
    keys=[],
    ignore=[{"column": "run"}],
)
case(
    "column-with-another-name",
    side("k bigint, cust_nm string, n int", [(1, "Ada", 1), (2, "Bob", 2)]),
    side("k bigint, customer_name string, n int", [(1, "Ada", 1), (2, "Rob", 2)]),
    differs(rows=1, cells={"customer_name": 1}),
    keys=K,
    map={"cust_nm": "customer_name"},
)
case(
    "key-with-another-name",
    side("id bigint, v string", [(1, "a"), (2, "b")]),
    side("k bigint, v string", [(2, "b"), (1, "a")]),
    equal(),
    keys=K,
    map={"id": "k"},
)
# Two columns that changed their names with one another.
case(
    "columns-that-swap-names",
    side("k bigint, a int, b int", [(1, 10, 20)]),
    side("k bigint, a int, b int", [(1, 20, 10)]),
    equal(),
    keys=K,
    map={"a": "b", "b": "a"},
)
# Names that SQL, or a statement that compares, could take for its own.
names = (
    "select from order old new side p op np rn co cn i n k0 k1 v0 v1 d0 d1 j dup bag filename file_row_number".split()
)
names += ["a b", "a.b", 'a"b', "a`b", "a'b", "é", "1", "a-b", "${x}", "a;--", "count(*)"]
odd = {name: "string" for name in names}
texts = [tuple(f"{name} {k}" for name in names) for k in range(5)]
changed_texts = [*texts[:4], tuple(f"{name} {4 + (name in ('rn', 'a.b', 'filename'))}" for name in names)]
case(
    "columns-named-as-sql",
    side(odd, texts),
    side(odd, changed_texts),
    differs(rows=1, cells={"rn": 1, "a.b": 1, "filename": 1}),
    keys=["k0", 'a"b', "select"],
)
case("columns-named-as-sql-in-a-bag", side(odd, texts * 2), side(odd, texts), differs(5, 0), keys=[])
required = {"writer": "pyarrow", "required": ("v",)}
pair("nullability", KV, [(1, "a")], [(1, "a")], equal(), keys=K, new_as=required)
pair(
    "nullability-strictly",
    KV,
    [(1, "a")],
    [(1, "a")],
    differs(schema="nullability"),
    keys=K,
    schema="strict",
    new_as=required,
)

# Expectations. What they excuse is counted nevertheless.
known = [(k, "x", "r7" if k < 5 else "r1") for k in range(20)]
changed = [(k, "y" if k < 4 else v, r) for k, v, r in known]
KVR = "k bigint, v string, region string"
at_r7 = {"column": "v", "where": {"region": "r7"}}
pair(
    "expected",
    KVR,
    known,
    changed,
    equal(rows=4, cells={"v": 4}, causes={"v": ANY}),
    keys=K,
    expect=[{**at_r7, "atMost": 4, "until": FAR}],
)
pair(
    "expected-too-often",
    KVR,
    known,
    changed,
    differs(rows=4, cells="v"),
    keys=K,
    expect=[{**at_r7, "atMost": 3, "until": FAR}],
)
pair(
    "expected-too-long",
    KVR,
    known,
    changed,
    differs(rows=4, cells="v"),
    keys=K,
    expect=[{**at_r7, "atMost": 500, "until": PAST}],
)
pair(
    "expected-elsewhere",
    KVR,
    known,
    changed,
    differs(rows=4, cells="v"),
    keys=K,
    expect=[{"column": "v", "where": {"region": "r1"}, "atMost": 500, "until": FAR}],
)
pair(
    "expected-in-another-column",
    "k bigint, v string, w string",
    [(1, "a", "b")],
    [(1, "x", "y")],
    differs(rows=1, cells={"v": 1, "w": 1}),
    keys=K,
    expect=[{"column": "v", "atMost": 5, "until": FAR}],
)
pair(
    "expected-and-stale",
    KVR,
    known,
    known,
    equal(),
    keys=K,
    expect=[{"column": "v", "where": {"region": "r9"}, "atMost": 5, "until": FAR}],
)
pair(
    "expected-stale-and-over",
    KVR,
    known,
    known,
    none(),
    keys=K,
    expect=[{"column": "v", "where": {"region": "r9"}, "atMost": 5, "until": PAST}],
)
pair(
    "expected-twice",
    KVR,
    known,
    [(k, "y" if k in (1, 12) else v, r) for k, v, r in known],
    equal(rows=2, cells={"v": 2}, causes={"v": ANY}),
    keys=K,
    expect=[
        {**at_r7, "atMost": 1, "until": FAR},
        {"column": "v", "where": {"region": {"in": ["r1", "r2"]}}, "atMost": 1, "until": FAR},
    ],
)
pair(
    "expected-rows",
    KVR,
    known,
    known[1:],
    equal(only_old=1, causes={"rows": ANY, "key": ANY}),
    keys=K,
    expect=[{"rows": "onlyOld", "where": {"region": "r7"}, "atMost": 1, "until": FAR}],
)
pair(
    "expected-rows-of-the-other-side",
    KVR,
    known[1:],
    known,
    differs(0, 1),
    keys=K,
    expect=[{"rows": "onlyOld", "atMost": 1, "until": FAR}],
)
pair(
    "expected-by-a-range",
    "k bigint, v string, n int",
    [(k, "x", k) for k in range(10)],
    [(k, "y" if k in (3, 4) else "x", k) for k in range(10)],
    equal(rows=2, cells={"v": 2}, causes={"v": ANY}),
    keys=K,
    expect=[{"column": "v", "where": {"n": {"ge": 3, "lt": 5}}, "atMost": 2, "until": FAR}],
)
pair(
    "expected-by-a-range-that-is-too-short",
    "k bigint, v string, n int",
    [(k, "x", k) for k in range(10)],
    [(k, "y" if k in (3, 4) else "x", k) for k in range(10)],
    differs(rows=2, cells="v"),
    keys=K,
    expect=[{"column": "v", "where": {"n": {"ge": 3, "lt": 4}}, "atMost": 2, "until": FAR}],
)

# How many rows there are.
three = [(1, "a"), (2, "b"), (3, "c")]
pair("rows-too-few", KV, three, three, none(), keys=K, rows={"min": 4})
pair("rows-enough", KV, three, three, equal(), keys=K, rows={"min": 3})
pair("rows-too-few-in-new", KV, three, three[1:], none(), keys=K, rows={"min": 3})
pair("both-empty", KV, [], [], none("nothing_compared"), keys=K)
pair("both-empty-without-keys", KV, [], [], none("nothing_compared"), keys=[])
pair("both-empty-on-purpose", KV, [], [], equal(), keys=K, rows={"min": 0})
pair("old-is-empty", KV, [], three, none("old_is_empty"), keys=K)
pair("new-is-empty", KV, three, [], none("new_is_empty"), keys=K)
pair("old-may-be-empty-and-differs", KV, [], three, differs(0, 3), keys=K, rows={"min": 0})
pair("new-may-be-empty-and-differs", KV, three, [], differs(3, 0), keys=[], rows={"min": 0})
no_row = {"manifest": {"where": {"v": "nothing like that"}}}
pair("where-that-leaves-nothing", KV, three, three, none("nothing_compared"), keys=K, old_as=no_row, new_as=no_row)
KVD = "k bigint, v string, n int, d date"
dated = [
    (1, "a", 1, day("2024-01-31")),
    (2, None, 2, day("2024-02-01")),
    (3, "c", None, None),
    (4, "it's", 4, day("2024-02-29")),
]


def where(**filters):
    return {"manifest": {"where": filters}}


pair(
    "where-of-one-side",
    KVD,
    [r for r in dated if r[0] in (2, 4)],
    dated,
    equal(),
    keys=K,
    new_as=where(d={"ge": "2024-02-01", "lt": "2024-03-01"}),
)
pair("where-of-null", KVD, [dated[1]], dated, equal(), keys=K, new_as=where(v=None))
pair(
    "where-of-a-list-and-a-range",
    KVD,
    [dated[3]],
    dated,
    equal(),
    keys=K,
    new_as=where(v={"in": ["a", "it's"]}, n={"gt": 1, "le": 4}),
)
pair(
    "where-hides-no-difference",
    KVD,
    [dated[0]],
    [(1, "x", 1, day("2024-01-31")), *dated[1:]],
    differs(rows=1, cells="v"),
    keys=K,
    new_as=where(n=1),
)

# Values that nobody may see: masked wherever they could stand.
secret = [(k, f"canary{k:04}@example.com", f"Canary Name {k}") for k in range(30)]
pair(
    "sensitive-columns",
    "k bigint, email string, name string",
    secret,
    [(k, e.replace("example", "sample") if k < 9 else e, n.upper() if k > 20 else n) for k, e, n in secret[1:]],
    differs(1, 0, rows=17, cells={"email": 8, "name": 9}, name="case"),
    keys=K,
    sensitive=["email", "name"],
    canaries=("canary0", "Canary Name", "CANARY NAME"),
)
pair(
    "sensitive-keys",
    "email string, v int",
    [(e, k) for k, e, _ in secret],
    [(e, k + (k % 7 == 0)) for k, e, _ in secret[2:]],
    differs(2, 0, rows=4, cells="v"),
    keys=["email"],
    sensitive=["email"],
    canaries=("canary0",),
)

# Periods, in paths and in filters. They are over, whenever this runs.
month = [(k, f"x{k}") for k in range(5)]
pair(
    "a-month-in-the-path",
    KV,
    month,
    month,
    equal(),
    keys=K,
    unit="month",
    period="2024-02",
    old_as={"path": "/month={period}", "below": "/month=2024-02", "read_columns": {"k": "bigint", "v": "string"}},
    new_as={"path": "/{year}/{month}", "below": "/2024/02"},
)
pair(
    "a-month-in-a-filter",
    "k bigint, v string, d date",
    [(1, "a", day("2024-02-01")), (2, "b", day("2024-02-29"))],
    [
        (1, "a", day("2024-02-01")),
        (2, "b", day("2024-02-29")),
        (3, "c", day("2024-03-01")),
        (4, "d", day("2024-01-31")),
    ],
    equal(),
    keys=K,
    unit="month",
    period="2024-02",
    new_as={"manifest": {"where": {"d": {"ge": "{start}", "lt": "{end}"}}}},
)
pair(
    "a-day-in-the-path",
    KV,
    month,
    month,
    equal(),
    keys=K,
    unit="day",
    period="2024-02-29",
    old_as={"path": "/{year}/{period}", "below": "/2024/2024-02-29"},
)
