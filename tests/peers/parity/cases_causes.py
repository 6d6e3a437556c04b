"""One case for each cause, with enough cells that no other one explains them; and a few where two could be confused."""

import random
import struct
import unicodedata
import uuid
from datetime import timedelta

from model import D, UNEXPLAINED, at, case, day, differs, equal, pair, side

K = ["k"]
N = 40
NOISE = random.Random(20240229)
WORDS = [
    f"{a} {b}"
    for a in ("Amber", "Bright", "Copper", "Dusky", "Elder", "Frosty", "Golden")
    for b in ("Anchor", "Bridge", "Castle", "Delta", "Ember", "Forest")
]
assert len(set(WORDS)) == len(WORDS) >= N


def cells(cause, name, kind, old, new, more=(), label=None, **manifest):
    """A case of one column `v` that differs in every row of `old` and `new`, and is equal in those of `more`."""
    old, new = list(old), list(new)
    same = [(1000 + k, v) for k, v in enumerate(more)]
    assert len(old) == len(new) and all(a != b for a, b in zip(old, new)), name
    pair(
        name,
        f"k bigint, v {kind}",
        list(enumerate(old)) + same,
        list(enumerate(new)) + same,
        differs(rows=len(old), cells="v", v=cause),
        keys=K,
        **manifest,
    )


words = WORDS[:N]
cells("null_vs_empty", "cause-null-or-empty", "string", [None] * N, [""] * N, more=words)
cells("null_vs_empty", "cause-empty-or-null", "string", [None, ""] * 20, ["", None] * 20, more=words)
cells("value_to_null", "cause-value-to-null", "string", words, [None] * N)
cells("value_to_null", "cause-nan-to-null", "double", [float("nan")] * N, [None] * N, more=[1.0, 2.0])
cells("null_to_value", "cause-null-to-value", "int", [None] * N, range(N))
cells("whitespace", "cause-whitespace", "string", words, [f" {w}\t" for w in words])
cells("whitespace", "cause-whitespace-at-the-end", "string", words, [w + "   " for w in words])
cells("case", "cause-case", "string", words, [w.upper() for w in words])
accents = [f"{w} é ü Å" for w in words]
cells(
    "unicode_normalisation",
    "cause-unicode-normalisation",
    "string",
    accents,
    [unicodedata.normalize("NFD", w) for w in accents],
)
ids = [str(uuid.UUID(int=NOISE.getrandbits(128))) for _ in range(2 * N)]
cells("generated", "cause-generated", "string", ids[:N], ids[N:])
cells(
    "generated",
    "cause-generated-hex",
    "string",
    [i.replace("-", "") for i in ids[:N]],
    [i.replace("-", "") for i in ids[N:]],
)
cells(
    "truncated",
    "cause-truncated",
    "string",
    [f"{w}, of the {w} at the harbour" for w in words],
    [f"{w}, of the {w} at the harbour"[:20] for w in words],
)
cells("number_format", "cause-number-format", "string", [f"{k}.50" for k in range(N)], [f"{k}.5" for k in range(N)])
cells(
    "number_format",
    "cause-number-format-of-exponents",
    "string",
    [f"{k}.0E10" for k in range(1, N)],
    [f"{k}0000000000" for k in range(1, N)],
)
# `YYYY` is the year of the week: the last days of December are in the next one's first week.
year_ends = [
    "2024-12-29",
    "2024-12-30",
    "2024-12-31",
    "2025-12-28",
    "2025-12-29",
    "2025-12-30",
    "2025-12-31",
    "2026-12-27",
    "2026-12-31",
]
week_years = [f"{int(d[:4]) + 1}{d[4:]}" for d in year_ends]
cells("week_year", "cause-week-year", "string", year_ends, week_years, more=["2024-05-06"] * 30)
cells(
    "week_year",
    "cause-week-year-of-days",
    "date",
    [day(d) for d in year_ends],
    [day(d) for d in week_years],
    more=[day("2024-05-06")] * 30,
)
floats = [NOISE.uniform(1, 1000) for _ in range(N)]
cells(
    "float_noise",
    "cause-float-noise",
    "double",
    floats,
    [f * (1 + (-1) ** i * (i + 1) * 1e-13) for i, f in enumerate(floats)],
)
# 0.1 and its neighbours, which 24 bits do not hold: farther apart than noise.
singles = [k + 0.1 for k in range(1, N)]
cells("float32", "cause-float32", "double", singles, [struct.unpack("f", struct.pack("f", f))[0] for f in singles])
fine = [D(NOISE.randrange(10**9, 10**12)) / 10**6 + D("0.001234") for _ in range(N)]
cells("rounding", "cause-rounding", "decimal(20,6)", fine, [f.quantize(D("0.01")) for f in fine])
cells(
    "rounding",
    "cause-rounding-of-doubles",
    "double",
    [k + 0.123456 + k / 7 for k in range(N)],
    [round(k + 0.123456 + k / 7, 3) for k in range(N)],
)
cells("sign", "cause-sign", "int", [k * k + 3 for k in range(N)], [-(k * k + 3) for k in range(N)])
cells(
    "overflow",
    "cause-overflow",
    "bigint",
    [5_000_000_000 + k * 3_000_000_017 for k in range(N)],
    [(5_000_000_000 + k * 3_000_000_017 + 2**31) % 2**32 - 2**31 for k in range(N)],
)
atto = D("0.000000000000000001")
digits = [D(NOISE.randrange(10**30)) * atto for _ in range(N)]
with_context = [d + atto * (-1) ** i for i, d in enumerate(digits)]
cells("last_place", "cause-last-place", "decimal(38,18)", digits, with_context)
big = [2**60 + k * 1_000_003 + 77 for k in range(N)]
cells(
    "precision_lost",
    "cause-precision-lost",
    "bigint",
    [b for b in big if int(float(b)) != b],
    [int(float(b)) for b in big if int(float(b)) != b],
)
# The day of a number of days, in the other calendar: 10 days in 1500, 7 in 1100.
julian = [
    (f"{y}-{m:02}-{d:02}", shift)
    for y, shift in ((1150, 7), (1250, 7), (1350, 8), (1450, 9), (1550, 10))
    for m in (2, 6, 11)
    for d in (1, 28)
]
cells(
    "calendar_rebase",
    "cause-calendar-rebase",
    "date",
    [day(t) for t, _ in julian],
    [day(t) + timedelta(days=s) for t, s in julian],
    more=[day("2024-02-29")] * 9,
)
days = [day("2024-01-01") + timedelta(days=3 * k) for k in range(N)]
cells("day_shift", "cause-day-shift", "date", days, [d + timedelta(days=1) for d in days])
cells("day_shift", "cause-day-shift-of-some", "date", days, [d - timedelta(days=1) for d in days], more=days)
arrays = [[k, k + 5, k * 7 + 2] for k in range(N)]
cells("array_order", "cause-array-order", "array<int>", arrays, [a[::-1] for a in arrays])
cells(
    "array_order",
    "cause-array-order-of-texts",
    "array<string>",
    [[w, "z", None] for w in words],
    [[None, w, "z"] for w in words],
)
numbers = [k * k + 11 for k in range(N)]
cells("constant_offset", "cause-constant-offset", "bigint", numbers, [n + 7000 for n in numbers])
cells("constant_factor", "cause-constant-factor", "bigint", numbers, [n * 1000 for n in numbers])
cells(
    "constant_factor",
    "cause-cents",
    "decimal(18,2)",
    [D(n) + D("0.37") for n in numbers],
    [(D(n) + D("0.37")) * 100 for n in numbers],
)
moments = [at("2024-01-05 07:08:09") + timedelta(hours=37 * k) for k in range(N)]
cells("constant_shift", "cause-constant-shift", "timestamp", moments, [m + timedelta(seconds=37) for m in moments])
# An hour in summer, none in winter: London.
summer = [at("2024-04-05 07:08:09") + timedelta(hours=37 * k) for k in range(N)]
cells("timezone", "cause-timezone", "timestamp", summer, [m + timedelta(hours=1) for m in summer], more=moments)
# Berlin: one hour or two.
cells(
    "timezone",
    "cause-timezone-of-two-shifts",
    "timestamp",
    moments + summer,
    [m + timedelta(hours=1) for m in moments] + [m + timedelta(hours=2) for m in summer],
)
cells(
    "timezone",
    "cause-timezone-of-wall-times",
    "timestamp_ntz",
    [m.replace(tzinfo=None) for m in moments + summer],
    [m.replace(tzinfo=None) - timedelta(hours=5 if i < N else 4) for i, m in enumerate(moments + summer)],
)
# Ties of a row_number(): the same values, on other rows.
cells("permuted", "cause-permuted", "string", words, words[1:] + words[:1])
cells("permuted", "cause-permuted-within-groups", "string", [w for w in words], [words[i ^ 1] for i in range(N)])

# Rows.
plain = [(k, w, "r%d" % (k % 8)) for k, w in enumerate(words)]
KVR = "k bigint, v string, region string"
pair(
    "cause-duplicated-rows",
    KVR,
    plain,
    plain + plain[:13],
    differs(0, 13, causes={"rows": "duplicated_rows", "key": UNEXPLAINED}),
    keys=K,
)
pair(
    "cause-duplicated-rows-of-a-join",
    KVR,
    plain + [(k, v + "?", r) for k, v, r in plain[5:9]],
    plain,
    differs(4, 0, causes={"rows": "duplicated_rows", "key": UNEXPLAINED}),
    keys=K,
)
pair(
    "cause-duplicated-rows-without-keys",
    KVR,
    plain,
    plain * 2,
    differs(0, N, causes={"rows": "duplicated_rows", "key": UNEXPLAINED}),
    keys=[],
)
pair(
    "cause-missing-partition",
    KVR,
    plain,
    [r for r in plain if r[2] != "r7"],
    differs(5, 0, causes={"rows": "missing_partition", "key": UNEXPLAINED}),
    keys=K,
)
pair(
    "cause-missing-partition-in-folders",
    KVR,
    [r for r in plain if r[2] != "r3"],
    plain,
    differs(0, 5, causes={"rows": "missing_partition", "key": UNEXPLAINED}),
    keys=K,
    old_as={"partition": ("region",)},
    new_as={"partition": ("region",)},
)
# The last day's rows came after the old pipeline had run. There are 29 days; each has two rows.
late = [
    (2 * d + i, at(f"2024-02-{d:02} 10:0{i}:00"), WORDS[(3 * d + i) % len(WORDS)])
    for d in range(1, 30)
    for i in range(2)
]
tail = [(900 + i, at(f"2024-02-29 23:{10 + 7 * i}:30"), WORDS[i]) for i in range(5)]
pair(
    "cause-late-data",
    "k bigint, ts timestamp, v string",
    late,
    late + tail,
    differs(0, 5, causes={"rows": "late_data", "key": UNEXPLAINED}),
    keys=K,
    unit="month",
    period="2024-02",
)
pair(
    "cause-late-data-at-the-start",
    "k bigint, d timestamp, v string",
    [(950 + i, at(f"2024-02-01 00:{10 + 7 * i}:30"), WORDS[i]) for i in range(5)] + late,
    late,
    differs(5, 0, causes={"rows": "late_data", "key": UNEXPLAINED}),
    keys=K,
    unit="month",
    period="2024-02",
)
# Rows from everywhere: nothing explains them.
pair(
    "cause-of-rows-unknown",
    "k bigint, v string, n int",
    [(k, words[k], k * 37 % 101) for k in range(N)],
    [(k, words[k], k * 37 % 101) for k in range(N) if k not in (3, 11, 17, 26, 31)],
    differs(5, 0, causes={"rows": UNEXPLAINED, "key": UNEXPLAINED}),
    keys=K,
)

# Keys that join once they are folded.
named = [(w.replace(" ", "-"), k) for k, w in enumerate(words)]
pair(
    "cause-key-whitespace",
    "k string, n int",
    named,
    [(k + " ", n) for k, n in named],
    differs(N, N, causes={"rows": UNEXPLAINED, "key": "key_whitespace"}),
    keys=K,
)
pair(
    "cause-key-whitespace-of-some",
    "k string, n int",
    named,
    [(" " + k if n % 4 == 0 else k, n) for k, n in named],
    differs(10, 10, causes={"rows": UNEXPLAINED, "key": "key_whitespace"}),
    keys=K,
)
pair(
    "cause-key-case",
    "k string, n int",
    named,
    [(k.lower(), n) for k, n in named],
    differs(N, N, causes={"rows": UNEXPLAINED, "key": "key_case"}),
    keys=K,
)
pair(
    "cause-key-case-of-one-of-two",
    "region string, k string, n int",
    [("eu", k, n) for k, n in named],
    [("eu", k.upper(), n) for k, n in named],
    differs(N, N, causes={"rows": UNEXPLAINED, "key": "key_case"}),
    keys=["region", "k"],
)

# Schemas.
case(
    "cause-column-renamed",
    side("k bigint, cust_nm string", [(k, w) for k, w in enumerate(words)]),
    side("k bigint, customer_name string", [(k, w) for k, w in enumerate(words)]),
    differs(schema="column_renamed"),
    keys=K,
)
case(
    "cause-type-widened",
    side("k bigint, v smallint", [(k, k) for k in range(N)]),
    side("k bigint, v bigint", [(k, k) for k in range(N)]),
    differs(schema="type_widened"),
    keys=K,
    schema="strict",
)
case(
    "cause-type-changed",
    side("k bigint, v double", [(k, k / 4) for k in range(N)]),
    side("k bigint, v string", [(k, str(k / 4)) for k in range(N)]),
    differs(schema="type_changed"),
    keys=K,
)
case(
    "cause-column-case",
    side("k bigint, Customer_Name string", [(k, w) for k, w in enumerate(words)]),
    side("K bigint, customer_name string", [(k, w) for k, w in enumerate(words)]),
    equal(causes={"schema": "column_case"}),
    keys=["K"],
)

# Nothing explains it: no name is better than a wrong one.
shuffled = [f"{w[::-1]}{k * 7919 % 1009}" for k, w in enumerate(words)]
cells(UNEXPLAINED, "cause-unknown-of-texts", "string", words, shuffled)
scattered = [NOISE.randrange(1, 10**6) for _ in range(2 * N)]
cells(UNEXPLAINED, "cause-unknown-of-numbers", "bigint", scattered[:N], [s + 10**7 for s in scattered[N:]])
# A hundredth of the cells more than a hypothesis may miss.
cells(
    UNEXPLAINED,
    "cause-of-ninety-percent-is-none",
    "string",
    words,
    [w.upper() if k % 10 else w[::-1] + "!" for k, w in enumerate(words)],
)
# Shown before the sum of all: one in a hundred may be something else, and the first in order counts.
many = [f"{w} {k}" for k in range(5) for w in words]
cells(
    "case",
    "cause-of-ninety-nine-percent",
    "string",
    many,
    [w.upper() if k != 77 else "something else" for k, w in enumerate(many)],
)
# Two columns, two causes.
pair(
    "causes-of-two-columns",
    "k bigint, v string, n bigint",
    [(k, w, k * k) for k, w in enumerate(words)],
    [(k, w + " ", -k * k if k else 0) for k, w in enumerate(words)],
    differs(rows=N, cells={"v": N, "n": N - 1}, v="whitespace", n="sign"),
    keys=K,
)
