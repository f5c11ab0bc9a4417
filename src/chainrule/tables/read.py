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
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from chainrule.tables.arrow import MISSING, tidy
from chainrule.tables.delimited import Dialect, read_delimited
from chainrule.tables.errors import TableError, count, did_you_mean, names

_MISSING_KEY = b"chainrule.missing"  # where a table keeps its spellings of missing

_COMPRESSED: dict[bytes, tuple[str, Callable[[bytes], bytes]]] = {
    b"\x1f\x8b": ("gzip", gzip.decompress),
    b"BZh": ("bzip2", bz2.decompress),
    b"\xfd7zXZ\0": ("xz", lzma.decompress),
}
_ELSEWHERE = {
    b"PK\x03\x04": "is a zip archive or an Excel workbook; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook; save the sheet as CSV",
    b"\x89HDF": "is an HDF5 file; write its table out as Parquet or CSV",
    b"SQLite format 3": "is an SQLite database; write a table of it out as CSV",
    b"FEA1": "is in Feather's first format; write it again in the current one",
    b"%PDF": "is a PDF document, not a table",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd; decompress it first",
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

    A file is told by its content, whatever its name: CSV, TSV and the like (also gzip,
    bzip2 or xz), Parquet, Arrow and Feather.

    Args:
        source: a path, an open file, a pandas, polars or Arrow table (anything
            narwhals knows), a dict of columns, a list of dicts, or a 2-D array.
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
        raw = _from_bytes(*_file(source), dialect)
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
    return pa.table(columns).replace_schema_metadata(marked)


def missing_spellings(table: pa.Table) -> tuple[str, ...]:
    """Say which cells counted as missing when a table was read."""
    metadata = table.schema.metadata or {}
    return tuple(json.loads(metadata.get(_MISSING_KEY, json.dumps(MISSING))))


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


def _file(path: str | os.PathLike[str]) -> tuple[bytes, str]:
    name = os.fspath(path)
    if "://" in name:
        raise TableError(f"{name} is a web address; download the file first")
    file = Path(name).expanduser()
    try:
        return file.read_bytes(), name
    except FileNotFoundError:
        raise TableError(f"there is no file {name}{_nearby(file)}") from None
    except IsADirectoryError:
        tables = sorted(p.name for p in file.iterdir() if p.is_file())
        found = f"; it holds {names(tables)}" if tables else ""
        raise TableError(f"{name} is a folder, not a file{found}") from None
    except OSError as error:
        raise TableError(f"{name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a path with a zero byte
        raise TableError(f"{name!r} is not a path: {error}") from None


def _nearby(file: Path) -> str:
    try:
        there = [path.name for path in file.parent.iterdir()]
    except OSError:
        return f": there is no folder {file.parent}"
    suggestion = did_you_mean(file.name, there)
    return f"; {suggestion}" if suggestion.startswith("did") else ""


def _from_bytes(data: bytes, file: str, dialect: Dialect) -> pa.Table:
    data = _decompressed(data, file)
    for magic, problem in _ELSEWHERE.items():
        if data.startswith(magic):
            raise TableError(f"{file} {problem}")
    for pattern, problem in _NO_TABLE.items():
        if re.match(pattern, data[:200], re.IGNORECASE):
            raise TableError(f"{file} {problem}")
    reader = _binary_reader(data)
    if reader is None:
        return read_delimited(data, file, dialect)
    try:
        return reader(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{file} is damaged: {error}") from None


def _decompressed(data: bytes, name: str) -> bytes:
    for magic, (kind, decompress) in _COMPRESSED.items():
        if data.startswith(magic):
            try:
                return decompress(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
                raise TableError(f"{name} is damaged ({kind}): {error}") from None
    return data


def _binary_reader(data: bytes) -> Callable[[pa.BufferReader], pa.Table] | None:
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
    if isinstance(source, pa.Table):
        return _assembled(list(zip(source.column_names, source.columns, strict=True)))
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
