"""The few forms a column takes once it has been read.

Whatever a table came from, its columns are brought to one of these forms, and the rest
of the package meets no other:

| form | Arrow type | came from |
|---|---|---|
| ``empty`` | null | a column without a single value |
| ``bool`` | bool | true and false |
| ``int`` | int64 | whole numbers |
| ``float`` | float64 | every other number; NaN is missing |
| ``text`` | large_string | strings, trimmed; ``NA`` and its like are missing |
| ``category`` | dictionary of the above | pandas and polars categories |
| ``date`` | any date or timestamp | dates and times |
| ``time`` | time32 or time64 | times of the day |
| ``other`` | as it came | lists and whatever else is refused later |

A duration becomes a ``float``: its seconds.
"""

from typing import Literal

import numpy as np

try:
    import narwhals as _narwhals  # noqa: F401 - asked for here, so one message says both
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError as error:
    raise ImportError(
        "tables need pyarrow and narwhals: pip install 'chainrule[tables]'"
    ) from error

from chainrule.tables.text import parse_numbers

Form = Literal[
    "empty", "bool", "int", "float", "text", "category", "date", "time", "other"
]

MISSING = (
    *("", "?", "NA", "na", "N/A", "n/a", "#N/A", "<NA>"),
    *("NaN", "nan", "NAN", "NULL", "Null", "null"),
)
"""Cells that count as missing, whatever spaces surround them."""


def form(kind: pa.DataType) -> Form:
    """Name the form that columns of an Arrow type have after `tidy`.

    >>> form(pa.int64()), form(pa.large_string()), form(pa.date32())
    ('int', 'text', 'date')
    """
    simple: dict[pa.DataType, Form] = {
        pa.null(): "empty",
        pa.bool_(): "bool",
        pa.int64(): "int",
        pa.float64(): "float",
        pa.large_string(): "text",
    }
    if pa.types.is_dictionary(kind):
        return "category" if form(kind.value_type) != "other" else "other"
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return "date"
    return simple.get(kind, "time" if pa.types.is_time(kind) else "other")


def tidy(column: pa.ChunkedArray, missing: tuple[str, ...]) -> pa.ChunkedArray:
    """Bring a column to one of the forms above.

    Strings are trimmed, and those among ``missing`` become missing, as does NaN. Doing
    it twice changes nothing.

    >>> tidy(pa.chunked_array([[" a", "?"]]), MISSING).to_pylist()
    ['a', None]
    """
    if pa.types.is_dictionary(column.type):
        plain = tidy(column.cast(column.type.value_type), missing)
        kept = ("empty", "date", "time")
        return plain if form(plain.type) in kept else plain.dictionary_encode()
    tidied = _tidy_plain(column, missing)
    if tidied.null_count == len(tidied):
        return pa.chunked_array([pa.nulls(len(tidied))])
    return tidied


def _tidy_plain(column: pa.ChunkedArray, missing: tuple[str, ...]) -> pa.ChunkedArray:
    kind, types = column.type, pa.types
    if types.is_integer(kind):
        return _tidy_integers(column)
    if types.is_floating(kind) or types.is_decimal(kind):
        numbers = column.cast(pa.float64(), safe=False)
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if _is_text(kind):
        try:
            return trimmed(column.cast(pa.large_string()), missing)
        except pa.ArrowInvalid:  # bytes that are no UTF-8
            return column
    if types.is_duration(kind):
        micros = column.cast(pa.duration("us"), safe=False).cast(pa.int64())
        return pc.divide(micros.cast(pa.float64(), safe=False), 1e6)
    return column


def _tidy_integers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:  # 2**63 and more: uint64 only
        return column.cast(pa.float64(), safe=False)


def _is_text(kind: pa.DataType) -> bool:
    """Tell text, also where it came as bytes: some Parquet files do not say so."""
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return True
    if types.is_binary(kind) or types.is_large_binary(kind):
        return True
    # polars' native strings; older pyarrow has no such type
    return bool(getattr(types, "is_string_view", lambda _: False)(kind))


def trimmed(text: pa.ChunkedArray, missing: tuple[str, ...]) -> pa.ChunkedArray:
    """Strip the spaces around every cell, and make those among ``missing`` missing."""
    stripped = pc.utf8_trim_whitespace(text)
    absent = pc.is_in(stripped, value_set=pa.array(missing, stripped.type))
    return pc.if_else(absent, pa.scalar(None, stripped.type), stripped)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write a ``category`` column out as the values its codes stand for."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    return column


def floats(column: pa.ChunkedArray) -> np.ndarray | None:
    """Give a column's numbers as float64, NaN where missing.

    ``None`` where it holds text that is not a number, dates, or something ``other``.

    >>> floats(pa.chunked_array([[1, None]]))
    array([ 1., nan])
    """
    values = plain(column)
    found: pa.ChunkedArray | None = values
    match form(values.type):
        case "bool":
            found = values.cast(pa.int8())
        case "text":
            found = parse_numbers(values)
        case "date" | "time" | "other":
            found = None
    if found is None:
        return None
    numbers: np.ndarray = found.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def microseconds(column: pa.ChunkedArray) -> np.ndarray:
    """Give dates as ``datetime64[us]`` in UTC, times of the day on the first of 1970.

    NaT where missing. Thousandths of a microsecond are cut.

    Raises:
        OverflowError: beyond the year 294,000.

    >>> microseconds(pa.chunked_array([pa.array([1, None], pa.date32())])).tolist()
    [datetime.datetime(1970, 1, 2, 0, 0), None]
    """
    kind = column.type
    target = pa.time64("us") if pa.types.is_time(kind) else pa.timestamp("us")
    try:
        # With a zone, Arrow holds UTC already: the cast takes the zone away.
        instants = column.cast(target, safe=getattr(kind, "unit", "") != "ns")
    except pa.ArrowInvalid as error:
        raise OverflowError(str(error)) from None
    numbers = instants.cast(pa.int64()).fill_null(np.iinfo(np.int64).min).to_numpy()
    micros: np.ndarray = numbers.astype("datetime64[us]")
    return micros
