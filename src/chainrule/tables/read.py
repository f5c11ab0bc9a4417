"""Tables from wherever they are, as Arrow tables of a few column forms."""

import bz2
import gzip
import json
import lzma
import math
import os
import re
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from chainrule.tables.arrow import MISSING, tidy
from chainrule.tables.delimited import Dialect, read_cells, read_delimited, typed
from chainrule.tables.errors import TableError, count, names
from chainrule.tables.join import joined
from chainrule.tables.places import Place, places

_MISSING_KEY = b"chainrule.missing"  # where a table keeps its spellings of missing
_FILES_KEY = b"chainrule.files"  # and from which files its rows are
_Reader = Callable[[pa.BufferReader], pa.Table]


def _unzstd(data: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        content: bytes = stream.read()
    return content


_COMPRESSED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\0": ("xz", lzma.decompress),
    b"\x28\xb5\x2f\xfd": ("zstd", _unzstd),
}
_ELSEWHERE = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"\x89HDF": "is an HDF5 file; write its table out as Parquet or CSV",
    b"SQLite format 3": "is an SQLite database; write a table of it out as CSV",
    b"FEA1": "is in Feather's first format; write it again in the current one",
    b"%PDF": "is a PDF document, not a table",
    b"\x93NUMPY": "is a NumPy file; load it and pass the array",
}
_NO_TABLE = {
    rb'\s*[\[{]\s*[\[{"]': "looks like JSON; write its records out as CSV",
    rb"\s*<(!doctype|html|\?xml)": "is a web page or XML, not a table; was it saved "
    "from a browser instead of downloaded?",
}


def read_table(
    source: Any,
    *,
    names: Sequence[str] | None = None,
    delimiter: str | None = None,
    encoding: str | None = None,
    missing: Collection[str] | None = None,
    text: Collection[str] = (),
) -> pa.Table:
    r"""Read a table; its columns come in the forms of `chainrule.tables.arrow`.

    A file is told by its content, whatever its name: CSV, TSV and the like, Parquet,
    Arrow and Feather, also compressed with gzip, bzip2, xz or zstd. A folder is one
    table, and so is a pattern such as ``"sales-*.csv"``: files of one kind with the
    same columns, one below the other in the order of their names. Folders in it that
    are called ``year=2024`` make a column ``year``.

    Args:
        source: a path, an open file, a pandas, polars or Arrow table (anything
            narwhals knows), an Arrow batch, reader or dataset, a dict of columns, a
            list of dicts, or an array, 2-D or structured.
        names: the column names of an array (default ``x0``, ``x1``, ...) or of a text
            file without a header line.
        delimiter: what parts the cells of a text file; found by itself if not given.
        encoding: of a text file; by default UTF-8, or what its first bytes say.
        missing: the cells that count as missing, instead of `MISSING` (``NA``, ``?``
            and so on, and empty ones).
        text: columns of a text file that stay text even where all cells are numbers.

    Returns:
        a table of one row at least, whose column names are distinct.

    Raises:
        TableError: what is wrong with the source, with file and line where it has them.

    >>> read_table({"size": [1, 2.5], "colour": ["red", " NA "]}).to_pydict()
    {'size': [1.0, 2.5], 'colour': ['red', None]}
    """
    spelled = _spellings(source, missing)
    dialect = Dialect(spelled, delimiter, encoding, names, text)
    if isinstance(source, str | os.PathLike):
        raw = _from_places(places(source), dialect)
    elif hasattr(source, "read"):
        data = source.read()
        file = str(getattr(source, "name", "the open file"))
        raw = _from_bytes(
            data.encode() if isinstance(data, str) else data, file, dialect
        )
    elif isinstance(source, np.ndarray):
        raw = _from_array(source, names)
    else:
        if names is not None:
            raise TableError("names= is for arrays and text files; columns have theirs")
        raw = _from_columns(source)
    _check(raw)
    columns = {name: tidy(raw[name], spelled) for name in raw.column_names}
    marked = {_MISSING_KEY: json.dumps(spelled).encode()}
    files = (raw.schema.metadata or {}).get(_FILES_KEY)
    if files is not None:
        marked[_FILES_KEY] = files
    return pa.table(columns).replace_schema_metadata(marked)


def missing_spellings(table: pa.Table) -> tuple[str, ...]:
    """Say which cells counted as missing when a table was read."""
    metadata = table.schema.metadata or {}
    return tuple(json.loads(metadata.get(_MISSING_KEY, json.dumps(MISSING))))


def files_of(table: pa.Table) -> tuple[tuple[str, int], ...]:
    """Say how many rows, in order, are from which file; nothing if that is unknown.

    It is unknown of a single file, and of a part of a table.
    """
    metadata = table.schema.metadata or {}
    files = json.loads(metadata.get(_FILES_KEY, "[]"))
    known = tuple((str(name), int(rows)) for name, rows in files)
    return known if sum(rows for _, rows in known) == table.num_rows else ()


def _spellings(source: Any, missing: Collection[str] | None) -> tuple[str, ...]:
    if isinstance(missing, str):
        raise TableError(f"missing= takes a list of cells, such as [{missing!r}]")
    if missing is not None:
        return tuple(dict.fromkeys(("", *(cell.strip() for cell in missing))))
    return missing_spellings(source) if isinstance(source, pa.Table) else MISSING


def _check(table: pa.Table) -> None:
    if table.num_columns == 0:
        raise TableError("the table has no columns")
    if table.num_rows == 0:
        raise TableError(
            f"the table has no rows, only the columns {names(table.column_names)}"
        )


# --- files -------------------------------------------------------------------------


def _from_places(found: Sequence[Place], dialect: Dialect) -> pa.Table:
    """Read the files of a table; a single one as it is."""
    first = found[0]
    if len(found) == 1 and not first.partition:
        return _from_bytes(_content(first), first.name, dialect)
    tables, text = [], True
    for place in found:
        data = _decompressed(_content(place), place.name)
        refuse_elsewhere(data, place.name)
        reader = _binary_reader(data)
        text = text and reader is None
        if reader is None:
            tables.append((place, read_cells(data, place.name, dialect)))
        else:
            tables.append((place, _read_binary(reader, data, place.name)))
    table = joined(tables, dialect.missing).replace_schema_metadata(
        {_FILES_KEY: json.dumps([(p.name, t.num_rows) for p, t in tables]).encode()}
    )
    # What cells of text are is decided when all of them are there.
    if not text:
        return table
    return typed(table, dialect).replace_schema_metadata(table.schema.metadata)


def _content(place: Place) -> bytes:
    try:
        return place.path.read_bytes()
    except OSError as error:
        why = error.strerror or error
        raise TableError(f"{place.name} cannot be read: {why}") from None


def _from_bytes(data: bytes, file: str, dialect: Dialect) -> pa.Table:
    data = _decompressed(data, file)
    refuse_elsewhere(data, file)
    reader = _binary_reader(data)
    if reader is None:
        return read_delimited(data, file, dialect)
    return _read_binary(reader, data, file)


def refuse_elsewhere(data: bytes, file: str) -> None:
    """Refuse what is no table, or one that other programs read."""
    for magic, problem in _ELSEWHERE.items():
        if data.startswith(magic):
            raise TableError(f"{file} {problem}")
    for pattern, problem in _NO_TABLE.items():
        if re.match(pattern, data[:200], re.IGNORECASE):
            raise TableError(f"{file} {problem}")


def _read_binary(reader: _Reader, data: bytes, file: str) -> pa.Table:
    try:
        table = reader(pa.BufferReader(data))
        table.validate(full=True)  # Arrow trusts what it is given
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError(f"{file} is damaged: {error}") from None
    return table


def _decompressed(data: bytes, name: str) -> bytes:
    for magic, (kind, decompress) in _COMPRESSED.items():
        if data.startswith(magic):
            try:
                return decompress(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise TableError(f"{name} is damaged ({kind}): {error}") from None
            except MemoryError:
                raise TableError(
                    f"{name} ({kind}) does not fit into memory once it is unpacked; "
                    "training and predicting can stream it (memory=, or --memory)"
                ) from None
    return data


def _binary_reader(data: bytes) -> _Reader | None:
    """Choose by the first bytes; text tables have none of these."""
    if data.startswith(b"PAR1"):
        # ParquetFile, because parquet.read_table imports the slow dataset module
        return lambda buffer: parquet.ParquetFile(buffer).read()
    if data.startswith(b"ARROW1"):
        return lambda buffer: pa.ipc.open_file(buffer).read_all()
    if data.startswith(b"\xff\xff\xff\xff"):
        return lambda buffer: pa.ipc.open_stream(buffer).read_all()
    return None


# --- what is in memory ---------------------------------------------------------------


def _from_array(array: np.ndarray, header: Sequence[str] | None) -> pa.Table:
    if array.dtype.names is not None and array.ndim == 1:
        return _from_mapping({name: array[name] for name in array.dtype.names})
    if array.ndim != 2:
        advice = "; one column: X.reshape(-1, 1)" if array.ndim == 1 else ""
        raise TableError(
            f"a table is a 2-D array (rows, columns), not {array.ndim}-D of shape "
            f"{array.shape}{advice}"
        )
    width = array.shape[1]
    header = [f"x{position}" for position in range(width)] if header is None else header
    if len(header) != width:
        raise TableError(
            f"the array has {count(width, 'column')}, but names= has {len(header)}"
        )
    return _assembled(
        [(str(name), _column(str(name), array[:, i])) for i, name in enumerate(header)]
    )


def _from_columns(source: Any) -> pa.Table:
    table = _arrow_table(source)
    if table is not None:
        named = list(zip(table.column_names, table.columns, strict=True))
        return _assembled(named).replace_schema_metadata(table.schema.metadata)
    if isinstance(source, Mapping):
        return _from_mapping(source)
    if (
        isinstance(source, list)
        and source
        and all(isinstance(row, Mapping) for row in source)
    ):
        keys = dict.fromkeys(key for row in source for key in row)
        return _from_mapping({key: [row.get(key) for row in source] for key in keys})
    return _from_frame(source)


def _arrow_table(source: Any) -> pa.Table | None:
    """Give what Arrow itself holds: a table, a batch, a reader, a dataset."""
    if isinstance(source, pa.Table):
        return source
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    # Datasets and scanners, whose module takes long to import.
    if type(source).__module__.startswith("pyarrow."):
        return source.to_table() if hasattr(source, "to_table") else None
    return None


def _from_mapping(columns: Mapping[Any, Any]) -> pa.Table:
    return _assembled([(str(key), _column(str(key), columns[key])) for key in columns])


def _from_frame(source: Any) -> pa.Table:
    try:
        frame = nw.from_native(source)
    except ValueError as error:  # repeated names
        repeated = " ".join(str(error).split())
        raise TableError(f"column names must be distinct: {repeated}") from None
    except TypeError:
        dense = "; make it dense with .toarray()" if hasattr(source, "toarray") else ""
        raise TableError(
            f"cannot read a table from a {type(source).__name__}: pass a path, a "
            "pandas, polars or Arrow table, a dict of columns, or a 2-D array"
            f"{dense}"
        ) from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    return _assembled(
        [(str(n), _series(str(n), frame.get_column(n))) for n in frame.columns]
    )


def _series(name: str, series: nw.Series[Any]) -> pa.Array:
    if series.dtype != nw.Object:
        try:
            return series.to_arrow()
        except (pa.ArrowException, TypeError):
            pass  # sparse, complex and so on: one value at a time
    return _column(name, series.to_list())


def _assembled(columns: Sequence[tuple[str, Any]]) -> pa.Table:
    lengths = {name: len(column) for name, column in columns}
    if len(lengths) < len(columns):
        every = [name for name, _ in columns]
        repeated = sorted({name for name in every if every.count(name) > 1})
        raise TableError(f"column names must be distinct; repeated: {names(repeated)}")
    if len(set(lengths.values())) > 1:
        first, *others = lengths
        other = next(name for name in others if lengths[name] != lengths[first])
        raise TableError(
            f"columns differ in length: {first!r} has {count(lengths[first], 'row')}, "
            f"{other!r} has {lengths[other]:,}"
        )
    return pa.table(dict(columns))


def _column(name: str, values: Any) -> pa.Array | pa.ChunkedArray:
    """Convert a list, array or series; `TableError` where it makes no column."""
    if isinstance(values, str | bytes) or not hasattr(values, "__len__"):
        kind = type(values).__name__
        raise TableError(f"column {name!r} is one {kind}, not a list of values")
    if getattr(values, "ndim", 1) != 1:
        raise TableError(
            f"column {name!r} has shape {values.shape}; a column is one-dimensional"
        )
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowException, TypeError, OverflowError):
        return _mixed(name, list(values))


def _mixed(name: str, values: list[Any]) -> pa.Array:
    """Convert values of several kinds: to floats when all are numbers, or else to text.

    Text, because then a column of numbers with one stray word is found out, and the
    word named, just as in a text file.
    """
    for row, value in enumerate(values):
        if not _is_scalar(value):
            raise TableError(
                f"column {name!r} holds a value of type {type(value).__name__} (row "
                f"{row + 1:,}); a cell holds a number, text, or true or false"
            )
    present = [v for v in values if _is_present(v)]
    convert = str if any(isinstance(v, str) for v in present) else float
    try:
        return pa.array([convert(v) if _is_present(v) else None for v in values])
    except OverflowError:
        raise TableError(
            f"column {name!r} holds whole numbers too large for a float (above 1.8e308)"
        ) from None


def _is_scalar(value: Any) -> bool:
    plain = str | bool | int | float | np.bool_ | np.integer | np.floating
    return isinstance(value, plain) or not _is_present(value)


def _is_present(value: Any) -> bool:
    """Tell a value from None, NaN, and pandas' NA and NaT."""
    if isinstance(value, float | np.floating):
        return not math.isnan(value)
    return value is not None and type(value).__name__ not in ("NAType", "NaTType")
