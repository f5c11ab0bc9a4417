"""What is shown of an array: all of it if it is small, else its shape of things."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.drawing.numerals import numeral, shape_text
from chainrule.ir import Array

# An array with no more elements than this is printed in full.
_FEW = 6

# A heat map has no more rows, and no more columns, than this.
_MOST_CELLS = 16

Cells = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Summary:
    """An array of `shape`, as people can take it in.

    `numbers` are its elements, in rows, where they are few: rounding noise beside
    larger ones is 0. `low`, `mean` and `high` are over the finite elements, NaN if
    there are none. `cells` are the means of up to 16 x 16 blocks: NaN or infinite
    where an element of the block is. Axes before the last are put below each other.

    >>> print(summarise(np.array([0.1, -0.0, 1e-20])))
    [0.1, 0, 0]
    >>> print(summarise(np.linspace(-1, 1, 100)))
    -1 … 0 … 1
    >>> print(summarise(np.full((8, 8), np.nan)))
    all NaN ! 64 NaN
    """

    shape: tuple[int, ...]
    numbers: Cells
    low: float
    mean: float
    high: float
    nans: int
    infinities: int
    cells: Cells

    @cached_property
    def uniform(self) -> float | None:
        """The number that all elements are, if they all are one."""
        size = int(np.prod(self.shape))
        if size and self.nans == size:
            return float("nan")
        if size and self.low == self.high and not self.nans + self.infinities:
            return self.low
        return None

    @property
    def is_single(self) -> bool:
        """Whether it is one number, whatever its axes."""
        return all(extent == 1 for extent in self.shape)

    @property
    def alarm(self) -> str:
        """How many elements are not finite; empty if all are."""
        counts = ((self.nans, "NaN"), (self.infinities, "inf"))
        return ", ".join(f"{count:,} {what}" for count, what in counts if count)

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        """The numbers, written out; empty where there are too many."""
        return tuple(tuple(map(numeral, row)) for row in self.numbers)

    @property
    def span(self) -> str:
        """The smallest, the mean and the largest of the finite elements."""
        if 0 in self.shape:
            return "empty"
        if self.uniform is not None:
            return f"all {numeral(self.uniform)}"
        if np.isnan(self.low):
            return "nothing finite"
        return " … ".join(map(numeral, (self.low, self.mean, self.high)))

    def __str__(self) -> str:
        """On one line: the numbers if they are few, else their span."""
        if self.numbers:
            return self._in_brackets()
        return f"{self.span} ! {self.alarm}" if self.alarm else self.span

    def short(self, most: int) -> str:
        """On one line of about `most` characters, or as few as that takes."""
        if self.is_single:
            return numeral(self.numbers[0][0])
        ends = f"{numeral(self.low)} … {numeral(self.high)}"
        alarm = f" ! {self.alarm}" if self.alarm else ""
        forms = (str(self), self.span + alarm, ends + alarm)
        return next((form for form in forms if len(form) <= most), forms[-1])

    def describe(self) -> str:
        """In full: the shape, the statistics and what is not finite."""
        if self.shape == () or 0 in self.shape or self.uniform is not None:
            return str(self)
        low, mean, high = map(numeral, (self.low, self.mean, self.high))
        text = f"{shape_text(self.shape)}, min {low}, mean {mean}, max {high}"
        if self.alarm:
            text += f", ! {self.alarm}"
        return f"{self._in_brackets()}, {text}" if self.numbers else text

    def _in_brackets(self) -> str:
        rows = [", ".join(row) for row in self.rows]
        if len(self.shape) < 2:
            return f"[{rows[0]}]" if self.shape else rows[0]
        return f"[{', '.join(f'[{row}]' for row in rows)}]"


def summarise(array: Array) -> Summary:
    """What is shown of `array`; what only rounding can have left in it is 0."""
    array = _without_noise(array)
    finite = array[np.isfinite(array)]
    low, mean, high = (
        (float(finite.min()), float(finite.mean(dtype=float)), float(finite.max()))
        if finite.size
        else (np.nan, np.nan, np.nan)
    )
    vanishes = finite.size and abs(mean) < max(-low, high) * _precision(array)
    columns = array.shape[-1] if array.ndim else 1
    matrix = array.reshape(array.size // max(columns, 1), columns)
    return Summary(
        shape=array.shape,
        numbers=tuple(map(tuple, matrix.tolist())) if array.size <= _FEW else (),
        low=low,
        mean=0.0 if vanishes else mean,
        high=high,
        nans=int(np.isnan(array).sum()),
        infinities=int(np.isinf(array).sum()),
        cells=downsample(matrix, _MOST_CELLS, _MOST_CELLS),
    )


def _precision(array: Array) -> float:
    return float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0


def _without_noise(array: Array) -> Array:
    """With 0 for what vanishes beside the largest element, or beside 1 if that is less.

    Beside larger numbers, a small one is more likely to be meant.
    """
    if array.dtype.kind != "f":
        return array
    largest = np.max(np.abs(array), where=np.isfinite(array), initial=0)
    noise = _precision(array) * min(float(largest), 1.0)
    return np.where(np.abs(array) < noise, np.zeros_like(array), array)


def downsample(matrix: Array, rows: int, columns: int) -> Cells:
    """The means of the blocks of `matrix`: at most `rows` by `columns` of them."""
    if matrix.size == 0:
        return ()
    starts = [
        np.arange(count) * extent // count
        for count, extent in zip(
            np.minimum(matrix.shape, (rows, columns)), matrix.shape, strict=True
        )
    ]
    ends = [
        [*start[1:], extent] for start, extent in zip(starts, matrix.shape, strict=True)
    ]
    areas = np.outer(*(np.subtract(e, s) for e, s in zip(ends, starts, strict=True)))
    with np.errstate(invalid="ignore"):  # infinities of both signs make NaN
        sums = np.add.reduceat(matrix.astype(float), starts[0], axis=0)
        sums = np.add.reduceat(sums, starts[1], axis=1)
    return tuple(map(tuple, (sums / areas).tolist()))
