"""How long an axis is, as a formula in the number of rows.

The graph of a network is traced for several numbers of rows. An extent that differs
between them is a polynomial in that number: `n`, `3 n` where rows are flattened, `n**2`
where every row meets every other one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from chainrule.export.errors import ExportError
from chainrule.ir import Array

_DEGREE = 2


@dataclass(frozen=True)
class Extent:
    """`constant + linear n + square n**2`, for the number `n` of rows.

    >>> str(Extent(0, 3)), Extent(0, 3).at(2)
    ('3 * n', 6)
    """

    constant: int
    linear: int = 0
    square: int = 0

    @property
    def is_fixed(self) -> bool:
        """Whether it does not depend on the rows."""
        return not self.linear and not self.square

    def at(self, rows: int) -> int:
        """What it is for so many rows."""
        return self.constant + self.linear * rows + self.square * rows**2

    def __add__(self, other: "Extent | int") -> "Extent":
        other = other if isinstance(other, Extent) else Extent(other)
        return Extent(
            self.constant + other.constant,
            self.linear + other.linear,
            self.square + other.square,
        )

    def __mul__(self, factor: int) -> "Extent":
        return Extent(
            self.constant * factor, self.linear * factor, self.square * factor
        )

    def __str__(self) -> str:
        terms = [
            _term(self.square, "n * n"),
            _term(self.linear, "n"),
            str(self.constant) if self.constant or self.is_fixed else "",
        ]
        return " + ".join(term for term in terms if term).replace("+ -", "- ")


ONE = Extent(1)


def _term(factor: int, power: str) -> str:
    if not factor:
        return ""
    return power if factor == 1 else f"{factor} * {power}"


def extent(size: Sequence[int], rows: Sequence[int], what: str) -> Extent:
    """The formula for an extent that is `size[i]` for `rows[i]` rows.

    Raises `ExportError`, which names `what` it belongs to, where there is none.

    >>> extent((12, 24, 36), (2, 4, 6), "layer 'hidden'")
    Extent(constant=0, linear=6, square=0)
    """
    if len(set(size)) == 1:
        return Extent(size[0])
    count = min(len(rows), _DEGREE + 1)
    powers = np.vander(np.asarray(rows[:count], float), count, increasing=True)
    found = np.rint(np.linalg.solve(powers, np.asarray(size[:count], float)))
    formula = Extent(*(int(c) for c in found))
    if any(formula.at(n) != s for n, s in zip(rows, size, strict=True)):
        raise ExportError(
            f"{what}: a size depends on the number of rows in a way that cannot be "
            f"written down (it is {_pairs(size, rows)}); let sizes be sums and "
            "products of it"
        )
    return formula


def _pairs(size: Sequence[int], rows: Sequence[int]) -> str:
    return ", ".join(f"{s} for {n} rows" for s, n in zip(size, rows, strict=True))


@dataclass(frozen=True)
class Varying:
    """A number that is `(sum over k of coefficients[k] n**k)**power` for `n` rows."""

    coefficients: tuple[float, ...]
    power: float

    def at(self, rows: int) -> float:
        """What it is for so many rows."""
        total = sum(c * float(rows) ** k for k, c in enumerate(self.coefficients))
        with np.errstate(all="ignore"):  # no root of what is negative: no formula
            return float(np.float64(total) ** self.power)


def varying(numbers: Sequence[Array], rows: Sequence[int], what: str) -> Varying:
    """The formula for a constant, such as the `1 / n` of a mean over the rows.

    Raises `ExportError`, which names `what` it belongs to, where none is found.

    >>> varying([np.float32(1 / n) for n in (12, 13, 17, 20)], (12, 13, 17, 20), "")
    Varying(coefficients=(0.0, 1.0, 0.0), power=-1.0)
    """
    y = np.array([float(number) for number in numbers])
    for power in (1.0, -1.0, 0.5, -0.5):
        if not (y > 0).all() and abs(power) != 1:
            continue
        formula = Varying(_simple(y ** (1 / power), rows), power)
        expected = [np.asarray(formula.at(n), numbers[0].dtype) for n in rows]
        if np.allclose(expected, y, rtol=4 * np.finfo(np.float32).eps, atol=0):
            return formula
    raise ExportError(
        f"{what}: a number in the network depends on the number of rows in a way that "
        f"cannot be written down (it is {y[0]:g} for {rows[0]} rows, {y[1]:g} for "
        f"{rows[1]}); take it from a tensor, such as the sum of ones"
    )


def _simple(y: Array, rows: Sequence[int]) -> tuple[float, ...]:
    """Coefficients of a polynomial through the first points, without rounding errors.

    What was computed in float32 is off a little, and far from these rows that would be
    a lot: fractions with small denominators are what somebody wrote.
    """
    count = min(len(rows), _DEGREE + 1)
    powers = np.vander(np.asarray(rows[:count], float), count, increasing=True)
    found = np.linalg.solve(powers, y[:count])
    return tuple(float(Fraction(c).limit_denominator(1000)) for c in found)
