"""Files that are one table: their rows below one another, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from chainrule.tables.arrow import form, plain, tidy
from chainrule.tables.errors import TableError, did_you_mean, names
from chainrule.tables.places import Place
from chainrule.tables.text import from_text

__all__ = ["check_columns", "joined", "partition_columns"]

_SAID = {
    "bool": "true and false",
    "int": "numbers",
    "float": "numbers",
    "category": "categories",
    "date": "dates",
    "time": "times of the day",
}


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one file holds of a column."""

    file: str
    column: pa.ChunkedArray

    @property
    def form(self) -> str:
        return form(self.column.type)


def joined(
    tables: Sequence[tuple[Place, pa.Table]], missing: tuple[str, ...]
) -> pa.Table:
    """Put the rows of files below one another, as one table.

    Columns are found by name, in the order of the first file. Whole numbers and others
    become numbers; a column without any value fits all. The columns that folders name
    follow.

    Raises:
        TableError: which names the file that lacks a column or has one more, or holds
            something else in it.
    """
    first, table = tables[0]
    wanted = table.column_names
    for place, other in tables[1:]:
        check_columns(wanted, other.column_names, first.name, place.name)
    columns = {
        name: _one_column(
            name, [_Piece(p.name, tidy(t[name], missing)) for p, t in tables]
        )
        for name in wanted
    }
    rows = [table.num_rows for _, table in tables]
    found = partition_columns([place for place, _ in tables], wanted)
    for name, values in found.items():
        columns[name] = values.take(pa.array(np.repeat(np.arange(len(rows)), rows)))
    return pa.table(columns)


def partition_columns(
    places: Sequence[Place], others: Sequence[str]
) -> dict[str, pa.ChunkedArray]:
    """Give the columns that folders name, with the value of each file.

    Raises:
        TableError: where one of the `others`, those in the files, has the same name.
    """
    first, columns = places[0], {}
    for number, (name, _) in enumerate(first.partition):
        if name in others:
            raise TableError(
                f"{first.name} has a column {name!r}, and its folders name one too"
            )
        values = [place.partition[number][1] for place in places]
        cells = pa.chunked_array([pa.array(values, pa.large_string())])
        columns[name] = from_text(cells)
    return columns


def check_columns(
    wanted: Sequence[str], there: Sequence[str], first: str, file: str
) -> None:
    """Refuse a file that has not the columns that the first file has."""
    lacking = [name for name in wanted if name not in there]
    if lacking:
        hint = did_you_mean(lacking[0], there)
        raise TableError(f"{file} lacks {_columns(lacking)}, which {first} has; {hint}")
    more = [name for name in there if name not in wanted]
    if more:
        raise TableError(f"{file} has {_columns(more)}, which {first} has not")


def _columns(found: Sequence[str]) -> str:
    return f"the column{'s' if len(found) > 1 else ''} {names(found)}"


def _one_column(name: str, pieces: Sequence[_Piece]) -> pa.ChunkedArray:
    """Bring what the files hold of a column to one type."""
    filled = [piece for piece in pieces if piece.form != "empty"]
    if not filled:
        return pa.chunked_array([pa.nulls(sum(len(p.column) for p in pieces))])
    if len({piece.column.type for piece in filled}) > 1:
        filled = [_Piece(piece.file, plain(piece.column)) for piece in filled]
    forms = {piece.form for piece in filled}
    if forms == {"int", "float"}:
        kind = pa.float64()
    elif forms == {"date"} and len({piece.column.type for piece in filled}) > 1:
        kind = pa.timestamp("us")
    else:
        kind = filled[0].column.type
    for piece in filled:
        if piece.column.type != kind and forms not in ({"int", "float"}, {"date"}):
            said = [_SAID.get(p.form, p.form) for p in (filled[0], piece)]
            raise TableError(
                f"column {name!r} holds {said[0]} in {filled[0].file}, but {said[1]} "
                f"in {piece.file}; write it alike in all files"
            )
    known = {piece.file: piece.column for piece in filled}
    chunks = [
        chunk
        for piece in pieces
        for chunk in known.get(piece.file, piece.column).cast(kind, safe=False).chunks
    ]
    return pa.chunked_array(chunks, kind)
