"""Arrays in order, maps as sets, structs by name."""

from model import D, case, differs, equal, pair, side

NAN = float("nan")
K = ["k"]

pair(
    "maps-in-another-order",
    "k bigint, v map<string,int>",
    [(1, {"a": 1, "b": 2}), (2, {}), (3, None), (4, {"a": None})],
    [(1, {"b": 2, "a": 1}), (2, {}), (3, None), (4, {"a": None})],
    equal(),
    keys=K,
)
pair(
    "maps-in-another-order-in-a-bag",
    "v map<string,int>",
    [({"a": 1, "b": 2},), ({"a": 1, "b": 2},)],
    [({"b": 2, "a": 1},), ({"a": 1, "b": 2},)],
    equal(),
    keys=[],
)
pair(
    "maps-that-differ",
    "k bigint, v map<string,int>",
    [(1, {"a": 1}), (2, {"a": 1, "b": 2}), (3, None), (4, {"a": None}), (5, {"a": 1, "b": 2})],
    [(1, {"a": 2}), (2, {"a": 2, "b": 1}), (3, {}), (4, {}), (5, {"b": 2, "a": 1})],
    differs(rows=4, cells="v"),
    keys=K,
)
pair(
    "maps-of-maps-in-another-order",
    "k bigint, v map<int,map<string,double>>",
    [(1, {1: {"a": -0.0, "b": NAN}, 2: None})],
    [(1, {2: None, 1: {"b": NAN, "a": 0.0}})],
    equal(),
    keys=K,
)
pair(
    "maps-in-arrays-of-structs",
    "k bigint, v array<struct<m:map<string,int>,n:int>>",
    [(1, [{"m": {"x": 1, "y": 2}, "n": 1}, None])],
    [(1, [{"m": {"y": 2, "x": 1}, "n": 1}, None])],
    equal(),
    keys=K,
)
pair(
    "maps-in-structs-differ",
    "k bigint, v struct<m:map<string,int>,n:int>",
    [(1, {"m": {"x": 1, "y": 2}, "n": 1}), (2, {"m": {"x": 1}, "n": 1})],
    [(1, {"m": {"y": 2, "x": 1}, "n": 1}), (2, {"m": {"x": 2}, "n": 1})],
    differs(rows=1, cells="v"),
    keys=K,
)

case(
    "structs-by-name",
    side("k bigint, v struct<a:int,b:string>", [(1, {"a": 1, "b": "x"}), (2, None)]),
    side("k bigint, v struct<b:string,a:int>", [(1, {"b": "x", "a": 1}), (2, None)]),
    equal(),
    keys=K,
)
# By position these two would be equal.
case(
    "structs-not-by-position",
    side("k bigint, v struct<a:int,b:int>", [(1, {"a": 1, "b": 2})]),
    side("k bigint, v struct<b:int,a:int>", [(1, {"b": 1, "a": 2})]),
    differs(rows=1, cells="v"),
    keys=K,
)
case(
    "structs-in-arrays-by-name",
    side("k bigint, v array<struct<a:int,b:int>>", [(1, [{"a": 1, "b": 2}]), (2, [{"a": 1, "b": 2}])]),
    side("k bigint, v array<struct<b:int,a:int>>", [(1, [{"b": 2, "a": 1}]), (2, [{"b": 1, "a": 2}])]),
    differs(rows=1, cells="v"),
    keys=K,
)
pair(
    "null-struct-is-no-struct-of-nulls",
    "k bigint, v struct<a:int,b:int>",
    [(1, None), (2, {"a": None, "b": None}), (3, {"a": 1, "b": None})],
    [(1, {"a": None, "b": None}), (2, {"a": None, "b": None}), (3, {"a": 1, "b": None})],
    differs(rows=1, cells="v"),
    keys=K,
)
case(
    "struct-with-one-member-more",
    side("k bigint, v struct<a:int>", [(1, {"a": 1})]),
    side("k bigint, v struct<a:int,b:int>", [(1, {"a": 1, "b": None})]),
    differs(schema="type_changed"),
    keys=K,
)

pair(
    "null-empty-and-null-within",
    "k bigint, v array<int>",
    [(1, None), (2, []), (3, [None]), (4, [1, None])],
    [(1, []), (2, [None]), (3, None), (4, [1, None])],
    differs(rows=3, cells="v"),
    keys=K,
)
pair(
    "arrays-with-nan-and-zero",
    "k bigint, v array<double>, w map<string,double>, x struct<a:double>",
    [(1, [NAN, -0.0], {"a": -0.0}, {"a": NAN}), (2, [1.0], {"a": NAN}, {"a": -0.0})],
    [(1, [NAN, 0.0], {"a": 0.0}, {"a": NAN}), (2, [1.0], {"a": NAN}, {"a": 0.0})],
    equal(),
    keys=K,
)
pair(
    "arrays-with-nan-against-null",
    "k bigint, v array<double>",
    [(1, [NAN]), (2, [None])],
    [(1, [None]), (2, [None])],
    differs(rows=1, cells="v"),
    keys=K,
)
# As bags: a set would take these for equal.
pair(
    "order-any-counts-elements",
    "k bigint, v array<int>",
    [(1, [1, 1, 2]), (2, [3, 1, 2]), (3, [None, 1]), (4, None)],
    [(1, [1, 2, 2]), (2, [1, 2, 3]), (3, [1, None]), (4, [])],
    differs(rows=2, cells="v"),
    keys=K,
    rules=[{"column": "v", "order": "any"}],
)
pair(
    "order-any-of-structs",
    "k bigint, v array<struct<a:int,b:string>>",
    [(1, [{"a": 1, "b": "x"}, {"a": 1, "b": None}, None])],
    [(1, [None, {"a": 1, "b": None}, {"a": 1, "b": "x"}])],
    equal(),
    keys=K,
    rules=[{"type": "array", "order": "any"}],
)
pair(
    "order-any-is-of-the-outer-array",
    "k bigint, v array<array<int>>",
    [(1, [[1, 2], [3]]), (2, [[1, 2], [3]])],
    [(1, [[3], [1, 2]]), (2, [[3], [2, 1]])],
    differs(rows=1, cells="v"),
    keys=K,
    rules=[{"column": "v", "order": "any"}],
)
pair(
    "arrays-in-a-bag",
    "v array<int>, w struct<a:int>",
    [([1, 2], {"a": 1}), ([2, 1], None)],
    [([2, 1], None), ([1, 2], {"a": 2})],
    differs(1, 1),
    keys=[],
)
# A text of both would be the same: [a, b].
pair(
    "arrays-are-no-texts",
    "k bigint, v array<string>",
    [(1, ["a, b"]), (2, ["a", "b"]), (3, ["null"]), (4, [""])],
    [(1, ["a", "b"]), (2, ["a", "b"]), (3, [None]), (4, [])],
    differs(rows=3, cells="v"),
    keys=K,
)
# Three levels of lists under other names, and decimals in bytes: what Hive and early versions of Spark wrote.
layout = (
    "k bigint, a array<int>, b array<struct<x:int,y:string>>, m map<string,array<double>>, d decimal(9,2),"
    " e decimal(38,18)"
)
laid_out = [
    (1, [1, None], [{"x": 1, "y": None}, None], {"a": [NAN, None], "b": None}, D("-1.25"), D("0.000000000000000001")),
    (2, [], [], {}, D("9999999.99"), D("-0.5")),
    (3, None, None, None, None, None),
]
pair("the-layout-of-hive", layout, laid_out, laid_out[::-1], equal(), keys=K, old_as={"hive_layout": True})
pair(
    "the-layout-of-hive-differs",
    layout,
    laid_out,
    [laid_out[0], (2, [None], [], {}, D("9999999.99"), D("0.5")), laid_out[2]],
    differs(rows=1, cells={"a": 1, "e": 1}),
    keys=K,
    old_as={"hive_layout": True},
)
