"""Random pairs of tables with changes put into one of them, for laws: `oracle.py random SEED COUNT OUT`.

Each pair has columns of random types with nulls, NaN and duplicated rows, keys or none, and sometimes a tolerance. The
truth is the oracle's; beside it stands how many changes were made, and of which kind. Where the keys were unique and
nothing is tolerated, they have to be found as they were made: that is checked here, by construction.
"""

import dataclasses
import datetime as dt
import json
import pathlib
import random
from decimal import Decimal

import model
import oracle
import write

NAN = float("nan")
TYPES = {
    "bigint": lambda r: r.choice([0, -1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, r.randrange(-50, 50)]),
    "int": lambda r: r.randrange(-9, 9),
    "double": lambda r: r.choice(
        [NAN, float("inf"), float("-inf"), -0.0, 0.0, 0.1, 0.1 + 0.2, 1e300, float(r.randrange(9))]
    ),
    "decimal(38,18)": lambda r: Decimal(r.randrange(-(10**25), 10**25)).scaleb(-18),
    "decimal(10,2)": lambda r: Decimal(r.randrange(-500, 500)).scaleb(-2),
    "string": lambda r: r.choice(["", " ", "a", "A", "é", "e\u0301", "a ", "null", "x" * 300, "a,b", '"', "\\", "𝒜"]),
    "date": lambda r: dt.date(2024, 2, 1) + dt.timedelta(days=r.randrange(29)),
    "timestamp": lambda r: (
        dt.datetime(1969, 12, 31, 23, 59, 59, r.randrange(10**6), dt.timezone.utc)
        + dt.timedelta(seconds=r.randrange(3))
    ),
    "timestamp_ntz": lambda r: dt.datetime(2024, 2, 29, 12, 0, 0, r.choice([0, 1, 999_999])),
    "boolean": lambda r: r.random() < 0.5,
    "binary": lambda r: r.choice([b"", b"\x00", b"\xff\x00", b"a"]),
    "array<int>": lambda r: [r.choice([None, 1, 2]) for _ in range(r.randrange(3))],
    "map<string,int>": lambda r: dict(r.sample([("a", 1), ("b", None), ("c", 2)], r.randrange(4))),
    "struct<a:int,b:string>": lambda r: {"a": r.choice([None, 1]), "b": r.choice([None, "", "x"])},
}
KEYABLE = ["bigint", "int", "string", "date", "decimal(10,2)", "timestamp"]


def value(r, kind):
    return None if r.random() < 0.15 else TYPES[kind](r)


def plain_row(columns, row):
    """A row as the oracle compares it."""
    import sparktypes

    return tuple(oracle.plain(sparktypes.parse(kind), v, {}) for kind, v in zip(columns.values(), row))


def shuffled_maps(r, row):
    """The same row, the entries of its maps and structs in another order."""
    return tuple(dict(r.sample(list(v.items()), len(v))) if isinstance(v, dict) else v for v in row)


def one(seed):
    """A random case, and what was changed in it."""
    r = random.Random(seed)
    kinds = [r.choice(KEYABLE)] + [r.choice(list(TYPES)) for _ in range(r.randrange(1, 6))]
    columns = {f"c{i}": kind for i, kind in enumerate(kinds)}
    keys = r.choice([[], ["c0"], ["c0", "c1"] if kinds[1] in KEYABLE else ["c0"]])
    unique = bool(keys) and r.random() < 0.5
    if unique:
        columns["c0"], kinds[0] = "bigint", "bigint"
    rows = [
        tuple([k if unique else value(r, kinds[0])] + [value(r, kind) for kind in kinds[1:]])
        for k in range(r.randrange(1, 40))
    ]
    if not unique:
        rows += [r.choice(rows) for _ in range(r.randrange(8))]
    rules = []
    if r.random() < 0.4 and "double" in kinds[len(keys) :]:
        rules.append({"type": "double", "rel": r.choice([1e-9, 0.5]), "reason": "random"})
    old, new = list(rows), list(rows)
    made = {"only_old": 0, "only_new": 0, "cells": {}, "unique": unique, "tolerant": bool(rules)}
    for _ in range(r.choice([0, 0, 1, 3])):
        old.append(tuple([1000 + len(old), *rows[0][1:]]) if unique else r.choice(rows))
        made["only_old"] += 1
    for _ in range(r.choice([0, 0, 1, 3])):
        new.append(tuple([2000 + len(new), *rows[0][1:]]) if unique else r.choice(rows))
        made["only_new"] += 1
    for place in r.sample(range(len(rows)), r.choice([0, 0, min(3, len(rows))])):
        column = r.randrange(len(keys), len(kinds)) if len(keys) < len(kinds) else None
        if column is None:
            continue
        changed = list(new[place])
        while plain_row(columns, changed) == plain_row(columns, new[place]):
            changed[column] = value(r, kinds[column])
        new[place] = tuple(changed)
        made["cells"][f"c{column}"] = made["cells"].get(f"c{column}", 0) + 1
    r.shuffle(old)
    new = [shuffled_maps(r, row) for row in new]
    r.shuffle(new)
    output = {"rules": rules} if rules else {}
    if keys or r.random() < 0.5:
        output["keys"] = keys
    sides = [
        model.Side(
            columns, side, files=r.choice([1, 1, 3]), codec=r.choice(["snappy", "gzip", "zstd"]), writer="pyarrow"
        )
        for side in (old, new)
    ]
    case = model.Case(f"random-{seed}", *sides, model.Truth("none"), output)
    found = oracle.compare(case)
    if unique and not rules:
        wanted = (made["only_old"], made["only_new"], made["cells"])
        assert (found.only_old, found.only_new, found.cells) == wanted, (
            f"seed {seed}: made {wanted}, the oracle found otherwise"
        )
    swapped = oracle.compare(dataclasses.replace(case, old=case.new, new=case.old))
    mirrored = (swapped.verdict, swapped.only_new, swapped.only_old, swapped.rows, swapped.cells)
    assert mirrored == (found.verdict, found.only_old, found.only_new, found.rows, found.cells), (
        f"seed {seed}: swapping the sides counts otherwise"
    )
    itself = oracle.compare(dataclasses.replace(case, new=case.old))
    assert itself.verdict == "equal", f"seed {seed}: a side is not equal to itself"
    return case, found, made


def main(arguments):
    mode, seed, count, out = arguments
    assert mode == "random", "oracle.py random SEED COUNT OUT"
    out = pathlib.Path(out)
    told = []
    for number in range(int(seed), int(seed) + int(count)):
        case, found, made = one(number)
        for which, side in (("old", case.old), ("new", case.new)):
            write.Arrow().write(side, out / case.name / which)
        told.append(described(case, found, made))
    (out / "random.json").write_text(json.dumps({"left_out": [], "cases": told}, indent=1))
    verdicts = [t["truth"]["verdict"] for t in told]
    print(f"{len(told)} random pairs: {verdicts.count('equal')} equal, {verdicts.count('differs')} different")


def described(case, found, made):
    """A case as in cases.json; causes are not known."""
    output = {"name": "out"}
    output |= {which: {"path": f"@DATA@/{case.name}/{which}", "format": "parquet"} for which in ("old", "new")}
    names = ("verdict", "only_old", "only_new", "rows", "cells", "matched", "old_rows", "new_rows", "within")
    truth = {name: getattr(found, name) for name in names} | {"causes": None, "or_none": False}
    text = json.dumps(output | case.output, ensure_ascii=False)
    return {
        "name": case.name,
        "unit": "none",
        "period": "case",
        "output": text,
        "canaries": [],
        "truth": truth,
        "made": made,
    }
