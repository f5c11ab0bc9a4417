"""Finding columns of a table by name, and the rows that have a target."""

from collections.abc import Sequence

import pyarrow as pa

from chainrule.tables.errors import TableError, did_you_mean

__all__ = ["labelled_rows", "no_column"]


def labelled_rows(table: pa.Table, target: str) -> pa.Table:
    """Keep the rows whose target is not missing.

    Raises:
        TableError: if there is no such column, or no such row.

    >>> labelled_rows(pa.table({"x": [1, 2], "y": [None, "a"]}), "y").to_pydict()
    {'x': [2], 'y': ['a']}
    """
    if target not in table.column_names:
        raise TableError(no_column(target, table.column_names))
    column = table[target]
    if column.null_count == len(column):
        raise TableError(f"the target {target!r} has no value in any row")
    return table.filter(column.is_valid()) if column.null_count else table


def no_column(name: str, known: Sequence[str]) -> str:
    """Say that a column is not there, and what may have been meant."""
    if len(known) == 1:
        return (
            f"there is no column {name!r}: the table has only {known[0]!r}; if that "
            "is several columns, name the delimiter (delimiter=..., or --delimiter)"
        )
    return f"there is no column {name!r}; {did_you_mean(name, known)}"
