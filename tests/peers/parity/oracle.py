"""The semantics of a comparison, written a second time: over Python's rows, without an engine and without SQL.

`oracle.py random SEED COUNT OUT` writes COUNT pairs of random tables as Parquet under OUT, truth in OUT/random.json.
"""

import collections
import datetime as dt
import json
import math
import struct
import unicodedata
import zoneinfo
from fractions import Fraction

import sparktypes

NAN = ("nan",)
EPOCH = dt.datetime(1970, 1, 1)
INTEGERS = ["tinyint", "smallint", "int", "bigint"]
# The microseconds that `truncate` cuts to.
UNITS = {"ms": 1_000, "s": 1_000_000, "day": 86_400_000_000}
# What a rule's `type` is called for each type of Spark. Which types `timestamp` takes in is not asked for by any case.
RULED = {
    "double": "double",
    "float": "float",
    "decimal": "decimal",
    "string": "string",
    "array": "array",
    "timestamp": "timestamp",
}


class Found:
    """What a comparison counts."""

    def __init__(self, verdict, cause=None):
        self.verdict = verdict
        self.cause = cause
        self.only_old = self.only_new = self.rows = self.matched = None
        self.old_rows = self.new_rows = None
        self.cells = None
        self.within = {}
        self.schema = None


def micros(moment):
    """Microseconds since the epoch, of an instant or a wall time, without a float in between."""
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.timezone.utc).replace(tzinfo=None)
    passed = moment - EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def rule_of(output, name, kind):
    """The rule of one column: later ones win, member by member."""
    whole = {}
    for rule in output.get("rules", []):
        if rule.get("column") == name or (rule.get("type") and RULED.get(kind[0]) == rule["type"]):
            whole.update(rule)
    return whole


def half_up(value, places):
    """Rounds half away from zero, as SQL's ROUND does for decimals."""
    scaled = abs(value) * 10**places
    whole = math.floor(scaled + Fraction(1, 2))
    return Fraction(whole, 10**places) * (-1 if value < 0 else 1)


def plain(kind, value, rule):
    """A value such that two of them are equal exactly if they are `==`."""
    if value is None:
        return None
    name = kind[0]
    if name in INTEGERS or name == "boolean":
        return int(value)
    if name == "float":
        value = struct.unpack("f", struct.pack("f", value))[0]
    if name in ("float", "double"):
        return NAN if math.isnan(value) else value + 0.0
    if name == "decimal":
        exact = Fraction(value)
        return half_up(exact, rule["scale"]) if "scale" in rule else exact
    if name == "string":
        return plain_text(value, rule)
    if name == "binary":
        return bytes(value)
    if name == "date":
        return value.toordinal()
    if name in ("timestamp", "timestamp_ntz"):
        if name == "timestamp_ntz" and "zone" in rule:
            value = value.replace(tzinfo=zoneinfo.ZoneInfo(rule["zone"]))
        unit = UNITS.get(rule.get("truncate"), 1)
        return micros(value) // unit * unit
    if name == "array":
        items = [plain(kind[1], item, {}) for item in value]
        return tuple(sorted(items, key=ordered) if rule.get("order") == "any" else items)
    if name == "map":
        return tuple(sorted(((plain(kind[1], k, {}), plain(kind[2], v, {})) for k, v in value.items()), key=ordered))
    assert name == "struct", kind
    members = {member.lower(): plain(of, value[member], {}) for member, of in kind[1]}
    return tuple(sorted(members.items()))


def plain_text(value, rule):
    if rule.get("unicode") == "nfc":
        value = unicodedata.normalize("NFC", value)
    # SQL's TRIM takes blanks, U+0020, and nothing else.
    if rule.get("trim") == "both":
        value = value.strip(" ")
    elif rule.get("trim") == "end":
        value = value.rstrip(" ")
    if rule.get("case") == "any":
        value = value.lower()
    return None if rule.get("emptyIsNull") and value == "" else value


def ordered(value):
    """A key that sorts any two values of one column: null first, NaN last."""
    if value is None:
        return (0,)
    if value is NAN or value == NAN:
        return (2,)
    return (1, tuple(ordered(item) for item in value)) if isinstance(value, tuple) else (1, value)


def close(kind, rule, a, b):
    """Whether two different values are equal within the rule's tolerance."""
    if kind[0] not in ("float", "double", "decimal") or a is None or b is None or NAN in (a, b):
        return False
    exact = kind[0] == "decimal"
    if not exact and (math.isinf(a) or math.isinf(b)):
        return False
    number = (lambda x: Fraction(str(x))) if exact else float
    bound = max(number(rule.get("abs", 0)), number(rule.get("rel", 0)) * max(abs(a), abs(b)))
    return abs(a - b) <= bound


def is_tolerant(rule):
    return "abs" in rule or "rel" in rule


def filled(filters, case):
    """A filter with the first day of the period, and the first one after it, in their places."""
    if case.unit != "month" or filters is None:
        return filters
    first = dt.date.fromisoformat(case.period + "-01")
    after = (first + dt.timedelta(days=31)).replace(day=1)
    text = json.dumps(filters).replace("{start}", first.isoformat()).replace("{end}", after.isoformat())
    return json.loads(text.replace("{period}", case.period))


def holds(filters, columns, row):
    """Whether a row is one of those that `where` wants."""
    for name, wanted in (filters or {}).items():
        value = row[list(columns).index(name)]
        if isinstance(value, (dt.date, dt.datetime)):
            value = value.isoformat()
        tests = wanted if isinstance(wanted, dict) else {"in": [wanted]} if wanted is not None else None
        if tests is None:
            if value is not None:
                return False
            continue
        for test, limit in tests.items():
            if value is None:
                return False
            good = {
                "in": lambda: value in limit,
                "lt": lambda: value < limit,
                "le": lambda: value <= limit,
                "gt": lambda: value > limit,
                "ge": lambda: value >= limit,
            }[test]()
            if not good:
                return False
    return True


def same_family(old, new, rule):
    """How two types relate: same, widened, or changed."""
    if normal(old) == normal(new):
        return "same"
    if {old[0], new[0]} <= set(INTEGERS) or old[0] == new[0] == "decimal":
        return "widened"
    if {old[0], new[0]} == {"timestamp", "timestamp_ntz"} and "zone" in rule:
        return "same"
    return "changed"


def normal(kind):
    """A type without the order of a struct's members."""
    if kind[0] == "struct":
        return ("struct", tuple(sorted((name.lower(), normal(member)) for name, member in kind[1])))
    return (kind[0], *(normal(part) if isinstance(part, tuple) else part for part in kind[1:]))


def pair_columns(case):
    """Columns of both sides, as (name in new, place in old, place in new, types, rule); and how the schemas differ."""
    old, new = case.old.seen_columns(), case.new.seen_columns()
    mapped = case.output.get("map", {})
    ignored = {entry["column"].lower() for entry in case.output.get("ignore", [])}
    new_names = {name.lower(): name for name in new}
    pairs, notes = [], []
    left, right = [], set(new)
    for place, (old_name, old_type) in enumerate(old.items()):
        wanted = mapped.get(old_name, old_name).lower()
        if wanted in ignored:
            right.discard(new_names.get(wanted))
            continue
        name = new_names.get(wanted)
        if name is None:
            left.append(old_name)
            continue
        right.discard(name)
        kinds = sparktypes.parse(old_type), sparktypes.parse(new[name])
        rule = rule_of(case.output, name, kinds[1])
        relation = same_family(*kinds, rule)
        if name != mapped.get(old_name, old_name):
            notes.append("column_case")
        if (name in case.old.required) != (name in case.new.required):
            notes.append("nullability")
        if relation == "changed":
            notes.append("type_changed")
            continue
        if relation == "widened":
            notes.append("type_widened")
        pairs.append((name, place, list(new).index(name), kinds, rule))
    right = {name for name in right if name.lower() not in ignored}
    if left or right:
        renamed = len(left) == len(right) == 1 and old[left[0]] == new[next(iter(right))]
        notes.append("column_renamed" if renamed else "column_missing")
    return pairs, notes


def fails(notes, output):
    strict = output.get("schema") == "strict"
    bad = {"type_changed", "column_missing", "column_renamed"} | ({"type_widened", "nullability"} if strict else set())
    return bool(bad & set(notes))


def compare(case, today=dt.date(2026, 6, 1)):
    """Compares the two sides of a case, and returns what it found."""
    for side in (case.old, case.new):
        if side.state is not None:
            return Found("none", side.state)
    pairs, notes = pair_columns(case)
    sides = []
    for at, side in enumerate((case.old, case.new)):
        filters = filled(side.manifest.get("where"), case)
        rows = [row for row in side.seen_rows() if holds(filters, side.seen_columns(), row)]
        sides.append([tuple(plain(p[3][at], row[p[1 + at]], p[4]) for p in pairs) for row in rows])
    old, new = sides
    found = Found("equal")
    found.schema = notes[0] if notes else None
    found.old_rows, found.new_rows = len(old), len(new)
    least = case.output.get("rows", {}).get("min", 1)
    if len(old) < least or len(new) < least:
        both = not old and not new
        found.verdict = "none"
        found.cause = "nothing_compared" if both else "old_is_empty" if not old else "new_is_empty" if not new else None
        return found
    names = [p[0] for p in pairs]
    keys = [k.lower() for k in case.output.get("keys", [])]
    tolerant = [i for i, p in enumerate(pairs) if is_tolerant(p[4])]
    if keys:
        key_places = [next(i for i, n in enumerate(names) if n.lower() == k) for k in keys]
    else:
        key_places = [i for i in range(len(pairs)) if i not in tolerant]
    cell_places = [i for i in range(len(pairs)) if i not in key_places]
    exact = [i for i in cell_places if i not in tolerant]
    matches, only_old, only_new = match(old, new, key_places, exact + [i for i in cell_places if i in tolerant])
    count(found, matches, pairs, cell_places)
    found.only_old, found.only_new = len(only_old), len(only_new)
    decide(found, case, matches, only_old, only_new, pairs, today, fails(notes, case.output))
    return found


def match(old, new, key_places, rank_places):
    """Pairs of rows of the same key, and the rows that only one side has.

    Within a key, rows that are equal without a tolerance are a pair each; the rest is paired by rank.
    """
    groups = collections.defaultdict(lambda: ([], []))
    for at, rows in enumerate((old, new)):
        for row in rows:
            groups[tuple(row[i] for i in key_places)][at].append(row)
    matches, only_old, only_new = [], [], []
    for ours, theirs in groups.values():
        left, right = collections.Counter(ours), collections.Counter(theirs)
        both = left & right
        matches += [(row, row) for row in both.elements()]

        def rank(row):
            return tuple(ordered(row[i]) for i in rank_places)

        rest_old = sorted((left - both).elements(), key=rank)
        rest_new = sorted((right - both).elements(), key=rank)
        matches += list(zip(rest_old, rest_new))
        only_old += rest_old[len(rest_new) :]
        only_new += rest_new[len(rest_old) :]
    return matches, only_old, only_new


def differing(a, b, pairs, places):
    """The places of the cells that differ beyond a tolerance, and of those that differ within one."""
    beyond, within = [], []
    for i in places:
        if a[i] != b[i]:
            (within if is_tolerant(pairs[i][4]) and close(pairs[i][3][1], pairs[i][4], a[i], b[i]) else beyond).append(
                i
            )
    return beyond, within


def count(found, matches, pairs, places):
    found.matched = len(matches)
    found.rows, cells, within = 0, collections.Counter(), collections.Counter()
    for a, b in matches:
        beyond, near = differing(a, b, pairs, places)
        found.rows += bool(beyond)
        cells.update(pairs[i][0] for i in beyond)
        within.update(pairs[i][0] for i in near)
    found.cells, found.within = dict(cells), dict(within)


def decide(found, case, matches, only_old, only_new, pairs, today, schema_fails):
    """The verdict, once everything is counted: what the manifest expects is excused."""
    names = [p[0] for p in pairs]
    places = range(len(pairs))
    excused, stale = set(), False
    for expected in case.output.get("expect", []):
        filters = expected.get("where")
        about = expected.get("rows", expected.get("column"))
        hit = set()
        if about in ("onlyOld", "onlyNew"):
            rows = only_old if about == "onlyOld" else only_new
            hit = {(about, n) for n, row in enumerate(rows) if holds(filters, names, row)}
        else:
            place = names.index(about)
            for n, (a, b) in enumerate(matches):
                if place in differing(a, b, pairs, places)[0] and (
                    holds(filters, names, a) or holds(filters, names, b)
                ):
                    hit.add((n, place))
        over = today > dt.date.fromisoformat(expected["until"])
        stale |= over and not hit
        if not over and len(hit) <= expected["atMost"]:
            excused |= hit
    left = {(n, i) for n, (a, b) in enumerate(matches) for i in differing(a, b, pairs, places)[0]}
    left |= {("onlyOld", n) for n in range(len(only_old))} | {("onlyNew", n) for n in range(len(only_new))}
    if schema_fails or left - excused:
        found.verdict = "differs"
    elif stale:
        found.verdict = "none"


if __name__ == "__main__":
    import sys

    import random_tables

    random_tables.main(sys.argv[1:])
