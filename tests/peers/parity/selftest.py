"""Writes the two Parquet files that every start of DuckDB is tried with: src/engines/selftest/{old,new}.parquet.

python3 tests/peers/parity/selftest.py src/engines/selftest   (needs pyarrow)

Each row is a trap. The statistics of `d` leave NaN out, as pyarrow and parquet-mr write them: an engine that believes them
takes the column for free of NaN.
"""

import sys
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

NAN = float("nan")
SCHEMA = pa.schema([("k", pa.int64()), ("d", pa.float64()), ("m", pa.decimal128(38, 18))])
OLD = [
    (1, NAN, "12345678901234567890.000000000000000001"),
    (2, -0.0, "1"),
    (9007199254740993, 1.5, "1"),  # 2^53 + 1: the same double as the key of `new`
    (None, 2.0, None),
    (5, 1.0, "1"),
    (5, 1.0, "1"),
    (6, NAN, "1"),
]
NEW = [
    (1, 3.0, "12345678901234567890.000000000000000002"),
    (2, 0.0, "1"),
    (9007199254740992, 1.5, "1"),
    (None, 2.0, None),
    (5, 1.0, "1"),
    (6, NAN, "1"),
]

folder = Path(sys.argv[1])
for name, rows in (("old", OLD), ("new", NEW)):
    rows = [(k, d, None if m is None else Decimal(m)) for k, d, m in rows]
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows), SCHEMA)]
    pq.write_table(pa.table(columns, schema=SCHEMA), folder / f"{name}.parquet", compression="none")
