"""What a column may not hold, and how that is told: by column, rows and advice."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import floats, form
from chainrule.tables.errors import (
    TableError,
    category_advice,
    drop_advice,
    listed,
    rows,
)
from chainrule.tables.text import DATE, DECORATED, NUMBER, TRUTHS, matches, truths

__all__ = ["FEW", "SURE", "Survey", "example", "refuse_infinite", "shortened"]

FEW = 20  # values at most that whole numbers may take and still look like classes
SURE = 0.9  # the share of a column that decides what the column is
WORDS = 6  # words on average, at which text is sentences rather than names


@dataclass(frozen=True, slots=True)
class Survey:
    """What one column after the other is looked at with: notes, and what is refused.

    ``goal`` is the name of the target. ``origin`` holds where each row stood before
    the rows without a target were taken out: errors name rows as the user counts them.
    """

    goal: str
    origin: np.ndarray
    notes: list[str]

    def range(self, name: str, values: pa.ChunkedArray) -> tuple[float, float]:
        """Give the smallest and the largest number, refusing what is none."""
        numbers = floats(values)
        if numbers is None:
            raise TableError(self._not_numbers(name, values))
        refuse_infinite(name, numbers, self.origin)
        return float(np.nanmin(numbers)), float(np.nanmax(numbers))

    def refuse_other(self, name: str, column: pa.ChunkedArray) -> None:
        """Refuse lists and the like, and dates to predict."""
        kind = column.type
        way_out = "" if name == self.goal else f", or {drop_advice(name)}"
        if form(kind) in ("date", "time") and name == self.goal:
            raise TableError(_a_date(name, f"dates or times ({kind})"))
        if form(kind) == "other":
            raise TableError(
                f"column {name!r} holds {kind}, but a cell is a number, text, or true "
                f"or false; turn it into such columns{way_out}"
            )

    def refuse_text(self, name: str, text: pa.ChunkedArray) -> None:
        """Refuse dates, and numbers that a few cells or signs keep from being some."""
        counts = pc.value_counts(text.drop_null())
        cells, number = counts.field("values"), counts.field("counts").to_numpy()

        def matching(pattern: str) -> np.ndarray:
            found = matches(cells, pattern).to_numpy(zero_copy_only=False)
            return np.asarray(number[found])

        def share(pattern: str) -> float:
            return float(matching(pattern).sum() / number.sum())

        if share(DATE) >= SURE:
            what = f"dates or times, such as {example(text)}"
            raise TableError(f"{_a_date(name, what)}, or {self.way_out(name)}")
        if _is_spoilt(matching(NUMBER), number):
            raise TableError(self._not_numbers(name, text))
        if len(cells) > FEW and share(DECORATED) >= SURE and share(NUMBER) < 1:
            raise TableError(
                f"column {name!r} holds numbers written with signs, such as "
                f"{example(text)}; write plain numbers (1234.5), or "
                f"{self.way_out(name)}"
            )

    def refuse_sentences(self, name: str, text: pa.ChunkedArray, distinct: int) -> None:
        """Refuse text that somebody wrote: no category repeats, and it is no name."""
        there = text.drop_null()
        if distinct <= max(FEW, len(there) / 2):
            return
        words: float = pc.mean(pc.count_substring_regex(there, r"\S+")).as_py()
        if words >= WORDS:
            raise TableError(
                f"column {name!r} holds free text, such as {example(text)}, which a "
                f"network for tables cannot read; {drop_advice(name)}, or "
                f"{category_advice(name)}"
            )

    def refuse_not_boolean(self, name: str, values: pa.ChunkedArray) -> None:
        """Refuse a column that is to be true and false and holds something else."""
        if truths(values) is None:
            cells = pc.unique(values.drop_null()).to_pylist()
            shown = listed((shortened(repr(cell)) for cell in cells), len(cells))
            raise TableError(
                f"column {name!r} is to be true and false, but holds {shown}; true and "
                f"false are written {', '.join('/'.join(pair) for pair in TRUTHS)} "
                "or 1/0"
            )

    def way_out(self, name: str) -> str:
        """Say what else can be done with a column that is refused."""
        if name == self.goal:
            return "take it as classes (task='classification', --task classification)"
        return f"{drop_advice(name)}, or {category_advice(name)}"

    def _not_numbers(self, name: str, text: pa.ChunkedArray) -> str:
        """Name the cells of a column of numbers that are none, and their rows."""
        bad = pc.invert(matches(text, NUMBER)).fill_null(fill_value=False)
        spoilt = self.origin[np.flatnonzero(bad.to_numpy())]
        cells = pc.unique(text.filter(bad)).to_pylist()
        shown = listed((shortened(repr(cell)) for cell in cells), len(cells))
        where = rows(spoilt.tolist())
        if spoilt.size == len(text) - text.null_count:
            return f"column {name!r} holds text, not numbers: {shown} ({where})"
        return (
            f"column {name!r} holds numbers, but also {shown} ({where}); correct it, "
            f"or say missing=[{cells[0]!r}] (--missing) if that means missing, or "
            f"{self.way_out(name)}"
        )


def refuse_infinite(name: str, numbers: np.ndarray, origin: np.ndarray) -> None:
    """Raise a `TableError` that names the rows where a number is infinite."""
    infinite = origin[np.isinf(numbers)]
    if infinite.size:
        raise TableError(
            f"column {name!r} is infinite in {rows(infinite.tolist())}; write a finite "
            "number there, or leave the cell empty (missing)"
        )


def example(text: pa.ChunkedArray) -> str:
    """Show the first cell that holds something."""
    return shortened(repr(text[pc.index(text.is_valid(), value=True).as_py()].as_py()))


def shortened(text: str, limit: int = 40) -> str:
    """Cut text that is too long for a message.

    >>> shortened("a very long cell", 9)
    'a very...'
    """
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _a_date(name: str, what: str) -> str:
    return (
        f"column {name!r} holds {what}, which a network cannot read; turn it into "
        "numbers such as the year, the month, or the days since some day"
    )


def _is_spoilt(numeric: np.ndarray, counts: np.ndarray) -> bool:
    """Tell numbers with a few stray cells from text which holds some numbers.

    ``counts`` has the rows of each different cell, ``numeric`` of those that are
    numbers. Sizes such as ``38, 39, 40, 40/41`` are no spoilt numbers: they are few.
    """
    others = counts.size - numeric.size
    various = numeric.size > FEW or numeric.size >= SURE * numeric.sum() > 3
    enough = SURE if others > 3 else 0.5
    return bool(others and various and numeric.sum() >= enough * counts.sum())
