"""How a column of dates or times becomes inputs of a network.

As in `chainrule.tables.numbers`: learnt with ``fit``, plain data afterwards.
"""

from dataclasses import dataclass
from typing import Final, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import form, microseconds, plain
from chainrule.tables.errors import Finding, TableError, listed, rows
from chainrule.tables.numbers import FARTHEST, check_scale, moments, standardise
from chainrule.tables.times import Written, parse_times

__all__ = ["DateColumn", "instants", "unreadable"]

Part = Literal["time", "year", "month", "day", "weekday", "hour"]

_CYCLES: Final[tuple[Part, ...]] = ("month", "day", "weekday", "hour")
_DAY: Final = 86_400_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Scale:
    """``(value - center) / scale``."""

    center: float
    scale: float

    def __post_init__(self) -> None:
        """Refuse what nothing has."""
        check_scale(self.scale)


@dataclass(frozen=True, slots=True)
class DateColumn:
    """The time that passed, the year, and where it is in the cycles of the calendar.

    ``time`` and ``year`` are standardised numbers. A part of a cycle of length ``n``
    becomes two inputs, ``sin(2 pi part / n)`` and ``cos(2 pi part / n)``, so that
    December is next to January: the month (of 12), the day of the month (of 31), the
    weekday (of 7, Monday first), the hour with its minutes (of 24). Parts that are the
    same in all training rows are left out. A missing date is 0 in all of them, which
    is the middle of everything, and 1 in an input of its own.

    Args:
        name: the column's name.
        written: how text says the dates; columns of dates need no saying.
        parts: those that become inputs.
        time: the mean and standard deviation of the days since 1970.
        year: those of the year.
        flagged: whether missing has an input, because training rows miss values.
    """

    name: str
    written: Written
    parts: tuple[Part, ...]
    time: Scale
    year: Scale
    flagged: bool

    @classmethod
    def fit(
        cls,
        name: str,
        column: pa.ChunkedArray,
        written: Written,
        weights: np.ndarray | None = None,
    ) -> Self:
        """Learn which parts differ, and the spread of time and year.

        >>> days = np.array(["2024-01-05", "2024-02-05", "2024-03-05"], "datetime64[D]")
        >>> dates = pa.chunked_array([days])
        >>> DateColumn.fit("d", dates, "iso").inputs
        ('d (time)', 'd (month, sin)', 'd (month, cos)', 'd (weekday, sin)', \
'd (weekday, cos)')
        """
        times = instants(name, column, written)
        there = ~np.isnat(times)
        present, counted = times[there], None if weights is None else weights[there]
        days, year = _days(present), _years(present)
        parts: list[Part] = [] if written == "clock" else ["time"]
        if written != "clock" and np.ptp(year):
            parts.append("year")
        parts += [part for part in _CYCLES if np.ptp(_cycle(present, part)[0])]
        return cls(
            name,
            written,
            tuple(parts),
            Scale(*moments(days, counted)[:2]),
            Scale(*moments(year, counted)[:2]),
            flagged=len(present) < len(times),
        )

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        names = [
            f"{self.name} ({part}{wave})"
            for part in self.parts
            for wave in ((", sin", ", cos") if part in _CYCLES else ("",))
        ]
        return (*names, *[f"{self.name} is missing"] * self.flagged)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        times = instants(self.name, column, self.written)
        missing = np.isnat(times)
        filled = np.where(missing, np.datetime64(0, "us"), times)
        place = 0
        for part in self.parts:
            for values in self._values(filled, part):
                X[:, place] = np.where(missing, 0, values)
                place += 1
        if self.flagged:
            X[:, place] = missing
        elif missing.any():
            detail = "the middle of the training rows stands for it"
            where = np.flatnonzero(missing)
            return [Finding.of(self.name, where, "missing", detail)]
        return []

    def _values(self, times: np.ndarray, part: Part) -> tuple[np.ndarray, ...]:
        if part in _CYCLES:
            value, length = _cycle(times, part)
            angle = 2 * np.pi * value / length
            return np.sin(angle), np.cos(angle)
        scale = self.time if part == "time" else self.year
        numbers = _days(times) if part == "time" else _years(times)
        z = standardise(numbers, scale.center, scale.scale)
        return (np.clip(z, -FARTHEST, FARTHEST),)


def instants(name: str, column: pa.ChunkedArray, written: Written) -> np.ndarray:
    """Give a column of dates as ``datetime64[us]``, NaT where missing.

    Raises:
        TableError: where it holds something else.
    """
    values = plain(column)
    held = form(values.type)
    if held == "empty":
        return np.full(len(values), np.datetime64("NaT", "us"))
    if held == "text":
        times, good = parse_times(values, written)
        if not good.all():
            raise TableError(
                f"column {name!r} held dates or times in training, but now holds "
                f"{unreadable(values, good, np.arange(len(good)))}"
            )
        return times
    if held != ("time" if written == "clock" else "date"):
        raise TableError(
            f"column {name!r} held {'times' if written == 'clock' else 'dates'} in "
            f"training, but now holds {values.type}"
        )
    try:
        return microseconds(values)
    except OverflowError as error:
        raise TableError(
            f"column {name!r} holds a date too far away: {error}"
        ) from None


def unreadable(text: pa.ChunkedArray, good: np.ndarray, origin: np.ndarray) -> str:
    """Name the cells that are no dates, and their rows."""
    bad = np.flatnonzero(~good)
    cells = pc.unique(text.take(pa.array(bad))).to_pylist()
    shown = listed((repr(cell) for cell in cells), len(cells))
    return f"{shown} ({rows(origin[bad].tolist())})"


def _days(times: np.ndarray) -> np.ndarray:
    """Days since 1970, with their fraction."""
    return times.astype(np.int64) / _DAY


def _years(times: np.ndarray) -> np.ndarray:
    return times.astype("datetime64[Y]").astype(np.int64) + 1970.0


def _cycle(times: np.ndarray, part: Part) -> tuple[np.ndarray, int]:
    """Where each time is in a cycle, from 0, and how long the cycle is."""
    day = times.astype("datetime64[D]")
    match part:
        case "month":
            return times.astype("datetime64[M]").astype(np.int64) % 12, 12
        case "day":
            return (day - times.astype("datetime64[M]")).astype(np.int64), 31
        case "weekday":
            return (day.astype(np.int64) + 3) % 7, 7  # 1970 began on a Thursday
        case _:
            return (times - day).astype(np.int64) / (_DAY / 24), 24
