"""Dates and times that are written as text: how they are written, and which they are.

| written | such as | |
|---|---|---|
| ``iso`` | ``2024-01-31``, ``2024/1/31``, ``2024-01``, ``2024-01-31T23:59:59.5Z`` | |
| ``d/m/y`` | ``31.1.2024``, ``31/01/2024 23:59`` | the day first |
| ``m/d/y`` | ``1/31/2024 11:59 pm`` | the month first |
| ``names`` | ``31 Jan 2024``, ``January 31, 2024`` | months in English |
| ``clock`` | ``23:59``, ``11:59:30 pm`` | no date at all |

Years have four digits. With a zone, a time is brought to UTC.
"""

from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["WRITTEN", "Written", "how_written", "parse_times", "written_as"]

Written = Literal["iso", "d/m/y", "m/d/y", "names", "clock"]

LOOKED_AT: Final = 1000  # different cells

_MONTHS: Final = (
    *("jan", "feb", "mar", "apr", "may", "jun"),
    *("jul", "aug", "sep", "oct", "nov", "dec"),
)
_WEEKDAY = r"(?:[a-z]{3,9},? )?"
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"\s?(?P<half>[ap]m)?\s?(?P<zone>z|utc|[+-]\d{2}:?\d{2})?"
)
_YEAR, _MONTH, _DAY = r"(?P<year>\d{4})", r"(?P<month>\d{1,2})", r"(?P<day>\d{1,2})"
_TH = "(?:st|nd|rd|th)?"
_DATES: Final[dict[Written, str]] = {
    "iso": rf"{_YEAR}[-/.]{_MONTH}(?:[-/.]{_DAY})?",
    "d/m/y": rf"{_DAY}[-/.]{_MONTH}[-/.]{_YEAR}",
    "m/d/y": rf"{_MONTH}[-/]{_DAY}[-/]{_YEAR}",
    "names": rf"(?:{_DAY}{_TH}[ .-]+)?(?P<name>{'|'.join(_MONTHS)})[a-z]*"
    rf"[ .,-]+(?:(?P<day2>\d{{1,2}}){_TH},?[ .-]+)?{_YEAR}",
}
_PATTERNS: Final[dict[Written, str]] = {
    **{
        written: rf"(?i)^{_WEEKDAY}{date}(?:[t ,]+{_CLOCK})?$"
        for written, date in _DATES.items()
    },
    "clock": rf"(?i)^{_CLOCK}$",
}
WRITTEN: Final = tuple(_PATTERNS)
_BY_NAME: Final[dict[str, Written]] = {written: written for written in _PATTERNS}
_MICROS: Final = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


def how_written(text: pa.ChunkedArray) -> tuple[Written, ...]:
    """Say how the dates of a column are written: the way that fits most of its cells.

    Two ways where all cells fit both, as ``5/6/2024`` does; none where no cell fits.

    >>> how_written(pa.chunked_array([["31/1/2024", "5/6/2024"]]))
    ('d/m/y',)
    >>> how_written(pa.chunked_array([["5/6/2024"]]))
    ('d/m/y', 'm/d/y')
    """
    cells = pc.unique(text.drop_null())
    first = cells.slice(
        0, LOOKED_AT
    )  # what fits none of these is not looked at further
    likely = [w for w in WRITTEN if parse_times(first, w)[1].any()]
    fitting = {w: int(parse_times(cells, w)[1].sum()) for w in likely}
    return tuple(w for w in likely if fitting[w] == max(fitting.values()))


def written_as(name: str) -> Written:
    """Look a way of writing up by its name; `ValueError` where there is none."""
    if name not in _BY_NAME:
        raise ValueError(f"no way to write dates is called {name!r}")
    return _BY_NAME[name]


def parse_times(
    text: pa.ChunkedArray | pa.Array, written: Written
) -> tuple[np.ndarray, np.ndarray]:
    """Read cells as ``datetime64[us]``, NaT where missing, and say which could be read.

    Those of ``clock`` are on the first day of 1970.

    >>> times, good = parse_times(pa.array(["2024-02-29 12:30", "2023-02-29"]), "iso")
    >>> times.tolist()[0], good.tolist()
    (datetime.datetime(2024, 2, 29, 12, 30), [True, False])
    """
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    coded = text.dictionary_encode()  # days repeat: each is read once
    cells, codes = coded.dictionary, coded.indices.fill_null(-1).to_numpy()
    times, good = _parse(cells, written)
    times = np.append(times, np.datetime64("NaT", "us"))
    return times[codes], np.append(good, True)[codes]


def _parse(cells: pa.Array, written: Written) -> tuple[np.ndarray, np.ndarray]:
    found = pc.extract_regex(cells, _PATTERNS[written])
    good = found.is_valid().to_numpy(zero_copy_only=False)
    parts = _Parts(found)
    days, dated = _days(parts, clock=written == "clock")
    micros, timed = _micros(parts)
    times = np.where(good, days * 86_400_000_000 + micros, 0).astype("datetime64[us]")
    good &= dated & timed
    times[~good] = np.datetime64("NaT", "us")
    return times, good


class _Parts:
    """What a pattern found in each cell, as text and as numbers."""

    def __init__(self, found: pa.Array) -> None:
        self.names = {field.name for field in found.type}
        self.found = found

    def text(self, name: str) -> pa.Array:
        return pc.struct_field(self.found, name).fill_null("")

    def number(self, name: str, default: int) -> np.ndarray:
        if name not in self.names:
            return np.full(len(self.found), default)
        text = self.text(name)
        digits = pc.if_else(pc.equal(text, ""), str(default), text)
        numbers: np.ndarray = digits.cast(pa.int64()).to_numpy()
        return numbers

    def month(self) -> np.ndarray:
        if "name" not in self.names:
            return self.number("month", 1)
        known = pa.array(_MONTHS, self.text("name").type)
        place = pc.index_in(pc.utf8_lower(self.text("name")), value_set=known)
        months: np.ndarray = place.fill_null(0).to_numpy() + 1
        return months

    def day(self) -> np.ndarray:
        first = self.number("day", 0 if "day2" in self.names else 1)
        if "day2" not in self.names:
            return first
        second = self.number("day2", 0)
        # "31 Jan 30 2024" has two days: no such day, and refused below
        twice = (first > 0) & (second > 0)
        return np.where(twice, 99, np.maximum(np.maximum(first, second), 1))


def _days(parts: _Parts, *, clock: bool) -> tuple[np.ndarray, np.ndarray]:
    """Count the days since 1970, and say which days there are in the calendar."""
    if clock:
        return np.zeros(len(parts.found), np.int64), np.ones(len(parts.found), bool)
    month, day = parts.month(), parts.day()
    whole = (parts.number("year", 1970) - 1970) * 12 + month - 1
    start = whole.astype("datetime64[M]")
    length = (start + 1).astype("datetime64[D]") - start.astype("datetime64[D]")
    there = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length.astype(np.int64))
    return start.astype("datetime64[D]").astype(np.int64) + day - 1, there


def _micros(parts: _Parts) -> tuple[np.ndarray, np.ndarray]:
    """Count the microseconds since midnight in UTC, and say which times there are."""
    hour, minute = parts.number("hour", 0), parts.number("minute", 0)
    second = parts.number("second", 0)
    half = pc.utf8_lower(parts.text("half"))
    twelve = pc.not_equal(half, "").to_numpy(zero_copy_only=False)
    good = (hour <= 23) & (minute <= 59) & (second <= 59)
    good &= ~twelve | ((hour >= 1) & (hour <= 12))
    after_noon = pc.equal(half, "pm").to_numpy(zero_copy_only=False)
    hour = np.where(twelve, hour % 12 + 12 * after_noon, hour)
    micros = hour * _MICROS["hour"] + minute * _MICROS["minute"]
    micros = micros + second * _MICROS["second"] + _fraction(parts)
    return micros - _offset(parts), good


def _fraction(parts: _Parts) -> np.ndarray:
    """Cut the digits behind the second to six: microseconds."""
    digits = pc.utf8_slice_codeunits(parts.text("fraction"), 0, 6)
    padded = pc.utf8_rpad(digits, 6, "0")
    micros: np.ndarray = padded.cast(pa.int64()).to_numpy()
    return micros


def _offset(parts: _Parts) -> np.ndarray:
    """Give the microseconds that a zone such as ``+01:30`` is ahead of UTC."""
    zone = parts.text("zone")
    ahead = pc.match_substring_regex(zone, r"^[+-]")
    digits = pc.if_else(ahead, pc.replace_substring(zone, ":", ""), "+0000")
    signed = digits.cast(pa.large_string())
    clock = pc.utf8_slice_codeunits(signed, 1, 5).cast(pa.int64()).to_numpy()
    behind = pc.starts_with(signed, "-").to_numpy(zero_copy_only=False)
    micros = clock // 100 * _MICROS["hour"] + clock % 100 * _MICROS["minute"]
    return np.asarray(np.where(behind, -micros, micros))
