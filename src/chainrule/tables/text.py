"""What the cells of a column say: numbers, dates, true and false."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUMBER = r"(?i)^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$|^[+-]?inf(inity)?$"

TRUTHS: Final = (
    ("true", "false"),
    ("yes", "no"),
    ("t", "f"),
    ("y", "n"),
    ("on", "off"),
)
"""The words for true and false, in small letters."""

DECORATED = (  # $1,234.50  12 %  1,234  (a decimal comma alone is 3,14)
    r"^[+-]?\s?[$€£¥]?\s?[+-]?"
    r"(\d+(\.\d+)?|\d{1,3}([,' ]\d{3})+(\.\d+)?|\d{1,3}(\.\d{3})*,\d+)"
    r"\s?[%$€£¥]?$"
)

_DAY = r"(0?[1-9]|[12]\d|3[01])"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s?([ap]m)?\s?(z|utc|[+-]\d{2}:?\d{2})?"
_DATES = (
    rf"\d{{4}}[-/.](0?[1-9]|1[0-2])[-/.]{_DAY}",  # 2024-01-31
    r"\d{4}[-/](0[1-9]|1[0-2])",  # 2024-01
    rf"{_DAY}[-/]{_DAY}[-/](\d{{4}}|\d{{2}})",  # 31/1/2024 and 1/31/24
    rf"{_DAY}\.{_DAY}\.\d{{4}}",  # 31.1.2024; 1.10.12 may be a version
    rf"({_DAY}[ .-]+)?{_MONTH}[ .,-]+({_DAY},?[ .-]+)?\d{{4}}",  # 31 Jan 2024
)
DATE = rf"(?i)^(([a-z]{{3,9}},? )?({'|'.join(_DATES)})([t ]+{_CLOCK})?|{_CLOCK})$"


def matches(text: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    """Say of every string whether it matches a regular expression."""
    return pc.match_substring_regex(text, pattern)


def parse_numbers(text: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """Read strings as int64, or else float64; ``None`` when one is not a number.

    >>> parse_numbers(pa.chunked_array([["1", "+2", None]])).to_pylist()
    [1, 2, None]
    >>> parse_numbers(pa.chunked_array([["1", "2.5e3"]])).to_pylist()
    [1.0, 2500.0]
    >>> parse_numbers(pa.chunked_array([["1", "0x1F"]])) is None
    True
    """
    if pc.all(matches(text, NUMBER)).as_py() is False:
        return None
    try:
        return pc.utf8_ltrim(text, "+").cast(pa.int64())
    except pa.ArrowInvalid:
        return text.cast(pa.float64())


def with_decimal_points(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Turn the decimal commas of a column into points, where all of it agrees.

    Only a file whose cells are parted by semicolons is read so: with another
    delimiter, ``1,234`` may as well be a thousand and more.

    >>> with_decimal_points(pa.chunked_array([["3,14", "2"]])).to_pylist()
    ['3.14', '2']
    >>> with_decimal_points(pa.chunked_array([["3,14", "b"]])).to_pylist()
    ['3,14', 'b']
    """
    pattern = r"(?i)^[+-]?(\d+,?\d*|,\d+)(e[+-]?\d+)?$"
    if pc.all(matches(text, pattern)).as_py():
        return pc.replace_substring(text, ",", ".")
    return text


def from_text(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give the cells of a text file the type they all agree on.

    In this order: nothing (all missing), true and false, codes such as ``02134``, which
    stay text, whole numbers, numbers, and else the text itself.

    >>> from_text(pa.chunked_array([["True", "false"]])).to_pylist()
    [True, False]
    """
    if text.null_count == len(text):
        return pa.chunked_array([pa.nulls(len(text))])
    first = text[pc.index(text.is_valid(), True).as_py()].as_py()
    if first.lower() in ("true", "false"):
        lower = pc.utf8_lower(text)
        either = pc.or_(pc.equal(lower, "true"), pc.equal(lower, "false"))
        return pc.equal(lower, "true") if pc.all(either).as_py() else text
    numbers = None if are_codes(text) else parse_numbers(text)
    return text if numbers is None else numbers


def are_codes(text: pa.ChunkedArray) -> bool:
    """Tell digits that are no number: some begin with a zero, as postcodes do.

    >>> are_codes(pa.chunked_array([["02134", "98101"]]))
    True
    >>> are_codes(pa.chunked_array([["0", "0.5", "007"]]))
    False
    """
    zeros = pc.any(matches(text, r"^0\d+$")).as_py()
    return bool(zeros and pc.all(matches(text, r"^\d+$")).as_py())


def truths(values: pa.ChunkedArray) -> np.ndarray | None:
    """Give 1 for true, 0 for false, NaN for missing; ``None`` where it is neither.

    >>> truths(pa.chunked_array([["Yes", "no", None]]))
    array([ 1.,  0., nan])
    >>> truths(pa.chunked_array([[0, 1, 2]])) is None
    True
    """
    if pa.types.is_boolean(values.type) or pa.types.is_null(values.type):
        found = values
    elif pa.types.is_large_string(values.type) or pa.types.is_string(values.type):
        lower = pc.utf8_lower(values)
        true = pc.is_in(lower, value_set=_words(0, lower.type))
        false = pc.is_in(lower, value_set=_words(1, lower.type))
        if pc.all(pc.or_(pc.or_(true, false), values.is_null())).as_py() is False:
            return None
        found = pc.if_else(values.is_null(), None, true)
    else:
        either = pc.or_(pc.equal(values, 0), pc.equal(values, 1))
        if pc.all(either).as_py() is False:
            return None
        found = values
    floats: np.ndarray = found.cast(pa.float64()).to_numpy()
    return floats


def _words(place: int, kind: pa.DataType) -> pa.Array:
    return pa.array([*(pair[place] for pair in TRUTHS), ("1", "0")[place]], kind)
