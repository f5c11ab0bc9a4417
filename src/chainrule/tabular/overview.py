"""What a table looks like to chainrule, before anything is learnt from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from os import PathLike
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables import TableError, infer_schema, read_table
from chainrule.tables.arrow import plain
from chainrule.tables.schema import Column
from chainrule.tables.stream import open_stream, together

__all__ = ["ColumnOverview", "TableOverview", "overview"]

SOME_ROWS: Final = 200_000  # that are looked at in a table too large to be read whole
SMALL_BYTES: Final = 1 << 28

_SHOWN: Final = 5


@dataclass(frozen=True)
class ColumnOverview:
    """What one column looks like.

    - `found`: as an input of a network, `None` where it is refused: `trouble` says why.
    - `common`: the most frequent values, each with its rows; none for numbers.
    """

    name: str
    type: str
    missing: int
    found: Column | None
    trouble: str
    common: tuple[tuple[str, int], ...] = ()

    @property
    def kind(self) -> str:
        """`number`, `category` and so on; `refused` where it cannot be an input."""
        return "refused" if self.found is None else self.found.kind

    def to_json(self) -> dict[str, Any]:
        """Itself as plain JSON values."""
        found = self.found
        return {
            "name": self.name,
            "kind": self.kind,
            "type": self.type,
            "missing": self.missing,
            "distinct": None if found is None else found.distinct,
            "low": None if found is None else found.low,
            "high": None if found is None else found.high,
            "common": dict(self.common),
            "why": self.trouble if found is None else found.why,
        }


@dataclass(frozen=True)
class TableOverview:
    """What a table looks like: its columns, from the first `rows` of it.

    `whole` says whether these are all.
    """

    rows: int
    whole: bool
    columns: tuple[ColumnOverview, ...]


def overview(source: Any, **reading: Any) -> TableOverview:
    """Look at each column of a table, as training would.

    Of a file of more than 256 MB, or a folder, the first 200,000 rows are looked at.

    Args:
        source: whatever `chainrule.tables.read_table` or `open_stream` takes.
        reading: `missing`, `delimiter` and `encoding`, as for `read_table`.

    Raises:
        TableError: where it cannot be read.

    >>> found = overview({"size": [1.0, 2.5, None], "town": ["Ulm", "Ulm", "Bonn"]})
    >>> [(column.name, column.kind, column.missing) for column in found.columns]
    [('size', 'number', 1), ('town', 'category', 0)]
    """
    table, whole = _some_rows(source, reading)
    columns = tuple(_column(name, table[name]) for name in table.column_names)
    return TableOverview(table.num_rows, whole, columns)


def _some_rows(source: Any, reading: Mapping[str, Any]) -> tuple[pa.Table, bool]:
    if not isinstance(source, str | PathLike):
        return read_table(source, **reading), True
    path = Path(source).expanduser()
    if path.is_file() and path.stat().st_size < SMALL_BYTES:
        return read_table(source, **reading), True
    parts, rows = [], 0
    for batch in open_stream(path, **reading).batches():
        parts.append(batch.table)
        rows += len(batch)
        if rows >= SOME_ROWS:
            return together(parts).slice(0, SOME_ROWS), False
    return together(parts), True


def _column(name: str, column: pa.ChunkedArray) -> ColumnOverview:
    kind = str(plain(column).type)
    try:
        found = _as_input(name, column)
    except TableError as error:
        return ColumnOverview(name, kind, column.null_count, None, str(error))
    common = _common(column) if found.low is None else ()
    return ColumnOverview(name, kind, column.null_count, found, "", common)


def _as_input(name: str, column: pa.ChunkedArray) -> Column:
    """The column as one of the inputs from which something else is predicted."""
    names = (f"column {k}" for k in count())
    target, other = (
        n for n, _ in zip((n for n in names if n != name), "ab", strict=False)
    )
    rows = np.arange(len(column))
    beside = {target: np.where(rows % 2, "a", "b"), other: rows / 2}
    schema = infer_schema(pa.table({name: column, **beside}), target)
    return next(c for c in (*schema.inputs, *schema.left_out) if c.name == name)


def _common(column: pa.ChunkedArray) -> tuple[tuple[str, int], ...]:
    counted = pc.value_counts(plain(column).drop_null()).to_pylist()
    counted.sort(key=lambda item: (-item["counts"], str(item["values"])))
    return tuple((str(item["values"]), item["counts"]) for item in counted[:_SHOWN])
