"""How a column of numbers becomes inputs of a network.

Each class here is learnt from the training rows with ``fit`` and is plain data
afterwards: strings, numbers and tuples, written to JSON and back without loss. What is
learnt does not depend on the order of the rows.
"""

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, Self

import numpy as np
import pyarrow as pa

from chainrule.tables.arrow import floats, form, plain
from chainrule.tables.errors import Finding, TableError, rows
from chainrule.tables.infer_checks import refuse_infinite
from chainrule.tables.text import parse_numbers

__all__ = [
    "FARTHEST",
    "SCALINGS",
    "NumberColumn",
    "QuantileColumn",
    "check_scale",
    "moments",
    "numbers_of",
    "refuse_changed",
    "scores",
    "standardise",
]

FARTHEST = 1e6  # standard deviations; training rows of n stay within sqrt(n)
BOUND = 3.0  # what robustly scaled numbers approach and never reach
QUARTILES_APART = 1.3489795003921634  # of a normal distribution, in its sd
KNOTS = 256  # a quantile more or less moves no score by more than 1 / 256


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """``z = (value - center) / scale``, and 1 in a second input where it is missing.

    With a bound ``b``, the first input is ``z / sqrt(1 + (z / b)^2)``: much the same
    near 0, and never beyond ``b``, however far out a value lies (Holzmüller, Grinsztajn
    and Steinwart: *Better by Default*, 2024, section 3).

    Args:
        name: the column's name.
        center: the mean of the training rows that have a value; their median with
            robust scaling.
        scale: their standard deviation, or with robust scaling the distance of their
            quartiles, as a standard deviation; 1 where they are all equal.
        median: theirs; it stands for a missing value.
        flagged: whether there is a second input, because training rows miss values.
        bound: what the input stays within.
    """

    name: str
    center: float
    scale: float
    median: float
    flagged: bool
    bound: float | None = None

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        check_scale(self.scale)

    @classmethod
    def fit(
        cls, name: str, column: pa.ChunkedArray, weights: np.ndarray | None = None
    ) -> Self:
        """Learn mean, standard deviation and median, of rows that count ``weights``.

        >>> NumberColumn.fit("x", pa.chunked_array([[1, 3, None]]))
        NumberColumn(name='x', center=2.0, scale=1.0, median=2.0, flagged=True, \
bound=None)
        """
        numbers = numbers_of(name, column)
        there = ~np.isnan(numbers)
        counted = None if weights is None else weights[there]
        center, scale, median = moments(numbers[there], counted)
        return cls(name, center, scale, median, flagged=not there.all())

    @classmethod
    def fit_robust(cls, name: str, column: pa.ChunkedArray) -> Self:
        """Learn the median and the quartiles, which a few wild values do not move.

        >>> column = pa.chunked_array([[1, 2, 3, 4, 1_000_000]])
        >>> fitted = NumberColumn.fit_robust("x", column)
        >>> fitted.center, round(fitted.scale, 3)
        (3.0, 1.483)
        """
        present, flagged = _present(name, column)
        _, scale, median = moments(present)
        unit = _unit(max(abs(present[0]), abs(present[-1])))
        low, high = np.quantile(present * unit, [0.25, 0.75])
        # Of numbers near 1e308 the quartiles may be further apart than floats reach.
        apart = min(float(high - low) / QUARTILES_APART / unit, sys.float_info.max)
        return cls(name, median, apart or scale, median, flagged, BOUND)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        return _number_inputs(self.name, flagged=self.flagged)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        numbers, findings = _filled(self, column, X)
        z = standardise(numbers, self.center, self.scale)
        far = np.flatnonzero(np.abs(z) > FARTHEST)
        if far.size and self.bound is None:
            detail = f"cut to {FARTHEST:,.0f} standard deviations from the mean"
            findings.append(
                Finding.of(self.name, far, "far from any seen value", detail)
            )
        z = np.clip(z, -FARTHEST, FARTHEST)
        bound = self.bound
        X[:, 0] = z if bound is None else z / np.sqrt(1 + (z / bound) ** 2)
        return findings


@dataclass(frozen=True, slots=True)
class QuantileColumn:
    """The normal score of a value: how it ranks, as numbers of a normal distribution.

    A value that a share ``p`` of the training rows stay below becomes the number that a
    share ``p`` of a standard normal distribution stays below. Between the knots the
    score is a straight line, beyond them that of the last one. A second input is 1
    where the value is missing.

    Args:
        name: the column's name.
        knots: values of the training rows, ascending.
        scores: the normal score of each.
        median: that of the training rows; it stands for a missing value.
        flagged: whether there is a second input, because training rows miss values.
    """

    name: str
    knots: tuple[float, ...]
    scores: tuple[float, ...]
    median: float
    flagged: bool

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        check_ascending(self.knots, self.scores)

    @classmethod
    def fit(cls, name: str, column: pa.ChunkedArray) -> Self:
        """Learn the quantiles.

        >>> fitted = QuantileColumn.fit("x", pa.chunked_array([[1, 2, 50]]))
        >>> fitted.knots, [round(score, 3) for score in fitted.scores]
        ((1.0, 2.0, 50.0), [-0.967, 0.0, 0.967])
        """
        present, flagged = _present(name, column)
        knots, normal = scores(present)
        return cls(name, knots, normal, moments(present)[2], flagged)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        return _number_inputs(self.name, flagged=self.flagged)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        numbers, findings = _filled(self, column, X)
        X[:, 0] = np.interp(numbers, self.knots, self.scores)
        return findings


Fitted = NumberColumn | QuantileColumn
SCALINGS: Final[dict[str, Callable[[str, pa.ChunkedArray], Fitted]]] = {
    "standard": NumberColumn.fit,
    "robust": NumberColumn.fit_robust,
    "quantile": QuantileColumn.fit,
}
"""How numbers are scaled, by name: what learns the scale of a column."""


def _number_inputs(name: str, *, flagged: bool) -> tuple[str, ...]:
    return (name, f"{name} is missing")[: 1 + flagged]


def _present(name: str, column: pa.ChunkedArray) -> tuple[np.ndarray, bool]:
    """Give the numbers there are, ascending, and whether any is missing."""
    numbers = numbers_of(name, column)
    missing = np.isnan(numbers)
    return np.sort(numbers[~missing]), bool(missing.any())


def _filled(
    fitted: Fitted, column: pa.ChunkedArray, X: np.ndarray
) -> tuple[np.ndarray, list[Finding]]:
    """Put the median where a number is missing; flag it, or else say so."""
    numbers = numbers_of(fitted.name, column)
    missing = np.isnan(numbers)
    if fitted.flagged:
        X[:, 1] = missing
    if not missing.any():
        return numbers, []
    findings = []
    if not fitted.flagged:
        stands = f"the median {fitted.median:g} stands for it"
        gaps = np.flatnonzero(missing)
        findings.append(Finding.of(fitted.name, gaps, "missing", stands))
    return np.where(missing, fitted.median, numbers), findings


def check_scale(scale: float) -> None:
    """Refuse a scale that nothing has: `ValueError`."""
    if not scale > 0:
        raise ValueError(f"a standard deviation of {scale}")


def check_ascending(knots: tuple[float, ...], values: tuple[float, ...]) -> None:
    """Refuse knots that no interpolation has: `ValueError`."""
    if len(knots) != len(values) or not knots:
        raise ValueError(f"{len(knots)} knots and {len(values)} scores")
    if any(np.diff(knots) <= 0) or any(np.diff(values) <= 0):
        raise ValueError("knots or scores that do not ascend")


def numbers_of(name: str, column: pa.ChunkedArray) -> np.ndarray:
    """Give a column of numbers as float64, NaN where missing.

    Raises:
        TableError: where the column holds dates, words or infinite values.
    """
    refuse_changed(name, column)
    numbers = floats(column)
    if numbers is None:
        text = plain(column)
        bad = [
            row
            for row, cell in enumerate(text.to_pylist())
            if cell is not None and parse_numbers(pa.chunked_array([[cell]])) is None
        ]
        raise TableError(
            f"column {name!r} held numbers in training, but now holds "
            f"{text[bad[0]].as_py()!r} ({rows(bad)})"
        )
    refuse_infinite(name, numbers, np.arange(len(numbers)))
    return numbers


def refuse_changed(
    name: str, column: pa.ChunkedArray, held: str = "numbers or categories"
) -> None:
    """Refuse what training refused already: the column has changed since."""
    if form(column.type) in ("date", "time", "other"):
        raise TableError(
            f"column {name!r} held {held} in training, but now holds {column.type}"
        )


def moments(
    numbers: np.ndarray, weights: np.ndarray | None = None
) -> tuple[float, float, float]:
    """Compute mean, standard deviation (1 if all are equal) and median.

    The same bits in whatever order the numbers are, and without overflow: they are
    scaled below 1 by a power of two, which is exact. A weight of 2 is the same as to
    have a number twice, up to rounding.

    >>> moments(np.array([1e308, -1e308]))
    (0.0, 1e+308, 0.0)
    >>> moments(np.array([1.0, 3.0, 4.0]), np.array([1, 3, 0]))
    (2.5, 0.8660254037844386, 3.0)
    """
    order = np.argsort(numbers) if weights is None else np.lexsort((weights, numbers))
    numbers = numbers[order] + 0.0  # so that no zero is a negative one
    low, high = float(numbers[0]), float(numbers[-1])
    if low == high:
        return low, 1.0, low
    unit = _unit(max(abs(low), abs(high)))
    scaled = numbers * unit
    if weights is None:
        mean, deviation = float(scaled.mean()), float(scaled.std())
        median = float(np.median(scaled))
    else:
        mean, deviation, median = _weighted(scaled, weights[order])
    return mean / unit, deviation / unit or 1.0, median / unit


def _weighted(ascending: np.ndarray, weights: np.ndarray) -> tuple[float, float, float]:
    """Mean, standard deviation and median of numbers that count so much each."""
    weights = weights.astype(np.float64)
    total = weights.sum()
    mean = (weights * ascending).sum() / total
    variance = (weights * np.square(ascending - mean)).sum() / total
    # In the middle there are two numbers, if it is where one ends and another begins.
    below = np.cumsum(weights)
    places = [np.searchsorted(below, below[-1] / 2, side) for side in ("left", "right")]
    middle = ascending[np.minimum(places, len(ascending) - 1)]
    return float(mean), float(np.sqrt(variance)), float(middle.mean())


def scores(ascending: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Choose knots among sorted numbers, and compute the normal score of each.

    ``score = Phi^-1(p)`` with ``p = (below + half of the equal ones) / n``, where Phi
    is the normal distribution's cumulative share.
    """
    ascending = ascending + 0.0
    n = len(ascending)
    places = np.linspace(0, n - 1, min(n, KNOTS + 1)).round().astype(np.int64)
    knots = np.unique(ascending[places])
    below = np.searchsorted(ascending, knots, "left")
    within = np.searchsorted(ascending, knots, "right")
    normal = NormalDist()
    shares = (below + within) / (2 * n)
    return tuple(knots.tolist()), tuple(normal.inv_cdf(p) for p in shares.tolist())


def standardise(numbers: np.ndarray, center: float, scale: float) -> np.ndarray:
    """Compute ``(numbers - center) / scale``; what is too large is infinite."""
    unit = _unit(max(abs(center), scale))
    with np.errstate(over="ignore"):
        return (numbers * unit - center * unit) / (scale * unit)


def _unit(size: float) -> float:
    """Give the power of two that brings a size near 1, as far as floats allow."""
    return math.ldexp(1.0, max(-1000, min(1000, -math.frexp(size)[1])))
