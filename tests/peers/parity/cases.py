"""The table of cases: pairs of data sets whose truth is known, because they were made so.

Each module of `cases_*` adds its own. `make.py` writes them, `oracle.py` computes the truth a second time, and
`tests/peers/parity/mod.rs` holds `plumb parity run` to it.
"""

import cases_bags  # noqa: F401  bags, keys and duplicates
import cases_causes  # noqa: F401  one case for each cause, and more
import cases_cells  # noqa: F401  when two cells are equal
import cases_files  # noqa: F401  what is read of a folder
import cases_manifest  # noqa: F401  schemas, expectations, numbers of rows
import cases_nested  # noqa: F401  arrays, maps, structs
import cases_others  # noqa: F401  what other tools got wrong
import cases_text  # noqa: F401  CSV and JSON
from model import CASES, CAUSES

# One migration compares several outputs in its own order; plumb takes them by name.
CASES.sort(key=lambda case: case.name)

expected = {name for case in CASES for name in case.truth.causes.values()}
assert set(CAUSES) <= expected, f"no case expects {sorted(set(CAUSES) - expected)}"
