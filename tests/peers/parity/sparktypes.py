"""Types as Spark SQL writes them, parsed; and as pyarrow has them."""

SIMPLE = "tinyint smallint int bigint float double string binary boolean date timestamp timestamp_ntz".split()


def parse(text):
    """A type as a tuple: ("bigint",), ("decimal", 38, 18), ("array", item), ("map", key, value), ("struct", …)."""
    found, rest = _type(text.replace(" ", ""))
    assert not rest, f"{text}: {rest} is too much"
    return found


def _type(text):
    head = ""
    while text and (text[0].isalnum() or text[0] == "_"):
        head, text = head + text[0], text[1:]
    if head == "decimal":
        inside, rest = text[1:].split(")", 1)
        precision, scale = inside.split(",")
        return ("decimal", int(precision), int(scale)), rest
    if head == "array":
        item, rest = _type(text[1:])
        return ("array", item), rest[1:]
    if head == "map":
        key, rest = _type(text[1:])
        value, rest = _type(rest[1:])
        return ("map", key, value), rest[1:]
    if head == "struct":
        members, rest = [], text
        while rest[0] in "<,":
            name, rest = rest[1:].split(":", 1)
            member, rest = _type(rest)
            members.append((name, member))
        return ("struct", tuple(members)), rest[1:]
    assert head in SIMPLE, f"{head} is no type"
    return (head,), text


def to_arrow(kind, unit="us"):
    """pyarrow's type. `unit` is that of timestamps."""
    import pyarrow as pa

    simple = {
        "tinyint": pa.int8(),
        "smallint": pa.int16(),
        "int": pa.int32(),
        "bigint": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "binary": pa.binary(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
        "timestamp": pa.timestamp(unit, "UTC"),
        "timestamp_ntz": pa.timestamp(unit),
    }
    if kind[0] == "decimal":
        return pa.decimal128(kind[1], kind[2])
    if kind[0] == "array":
        return pa.list_(to_arrow(kind[1], unit))
    if kind[0] == "map":
        return pa.map_(to_arrow(kind[1], unit), to_arrow(kind[2], unit))
    if kind[0] == "struct":
        return pa.struct([(name, to_arrow(member, unit)) for name, member in kind[1]])
    return simple[kind[0]]


def for_arrow(kind, value):
    """A value as pyarrow takes it: a map is a list of pairs."""
    if value is None:
        return None
    if kind[0] == "array":
        return [for_arrow(kind[1], item) for item in value]
    if kind[0] == "map":
        return [(for_arrow(kind[1], k), for_arrow(kind[2], v)) for k, v in value.items()]
    if kind[0] == "struct":
        return {name: for_arrow(member, value[name]) for name, member in kind[1]}
    return value
