"""How one column becomes inputs of a network, or its target.

Each class here is learnt from the training rows with ``fit`` and is plain data
afterwards: strings, numbers and tuples, written to JSON and back without loss.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import Form, floats, form, plain
from chainrule.tables.errors import Finding, TableError, listed, rows
from chainrule.tables.infer import refuse_infinite
from chainrule.tables.schema import Label
from chainrule.tables.text import parse_numbers

FARTHEST = 1e6  # standard deviations; training rows of n stay within sqrt(n)


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """``x = (value - mean) / sd``, and 1 in a second input where it is missing.

    Args:
        name: the column's name.
        mean: of the training rows that have a value.
        sd: their standard deviation, or 1 where they are all equal.
        median: theirs too; it stands for a missing value.
        flagged: whether there is a second input, because training rows miss values.
    """

    name: str
    mean: float
    sd: float
    median: float
    flagged: bool

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        _check_sd(self.sd)

    @classmethod
    def fit(cls, name: str, column: pa.ChunkedArray) -> Self:
        """Learn mean, standard deviation and median.

        >>> NumberColumn.fit("x", pa.chunked_array([[1, 3, None]]))
        NumberColumn(name='x', mean=2.0, sd=1.0, median=2.0, flagged=True)
        """
        numbers = numbers_of(name, column)
        missing = np.isnan(numbers)
        mean, sd, median = moments(numbers[~missing])
        return cls(name, mean, sd, median, flagged=bool(missing.any()))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        return (self.name, f"{self.name} is missing")[: 1 + self.flagged]

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        numbers = numbers_of(self.name, column)
        missing = np.isnan(numbers)
        gaps, findings = int(missing.sum()), []
        if gaps:
            numbers = np.where(missing, self.median, numbers)
        if gaps and not self.flagged:
            stands = f"the median {self.median:g} stands for it"
            findings.append(Finding(self.name, gaps, "missing", stands))
        z = standardise(numbers, self.mean, self.sd)
        far = int(np.count_nonzero(np.abs(z) > FARTHEST))
        if far:
            detail = f"cut to {FARTHEST:,.0f} standard deviations from the mean"
            findings.append(Finding(self.name, far, "far from any seen value", detail))
        X[:, 0] = np.clip(z, -FARTHEST, FARTHEST)
        if self.flagged:
            X[:, 1] = missing
        return findings


@dataclass(frozen=True, slots=True)
class CategoryColumn:
    """One input per category: 1 in the rows that hold it and 0 in the others.

    Args:
        name: the column's name.
        form: the form of its values in training.
        categories: the values that have an input each, the most frequent first.
        rare: the other values of the training rows; they share one input.
        flagged: whether missing has an input, because training rows miss values.
    """

    name: str
    form: Form
    categories: tuple[Label, ...]
    rare: tuple[Label, ...]
    flagged: bool

    @classmethod
    def fit(cls, name: str, column: pa.ChunkedArray, most: int) -> Self:
        """Learn the categories; all but the ``most`` frequent count as rare.

        >>> CategoryColumn.fit("c", pa.chunked_array([["a", "b", "b"]]), 50).inputs
        ('c = b', 'c = a')
        """
        values = plain(column)
        counts = pc.value_counts(values.drop_null()).to_pylist()
        ordered = sorted((-item["counts"], item["values"]) for item in counts)
        every = tuple(value for _, value in ordered)
        if len(every) == most + 1:  # a lone rare category may as well have its input
            most += 1
        flagged = column.null_count > 0
        return cls(name, form(values.type), every[:most], every[most:], flagged)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        names = [f"{self.name} = {category}" for category in self.categories]
        names += [f"{self.name} is another"] * bool(self.rare)
        names += [f"{self.name} is missing"] * self.flagged
        return tuple(names)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        _refuse_other(self.name, column)
        values = plain(column)
        known = [*self.categories, *self.rare]
        codes = positions(values, known, self.form)
        missing = values.is_null().to_numpy()
        new = (codes < 0) & ~missing
        other = len(self.categories)
        codes = np.minimum(codes, other)
        if self.rare:
            codes[new] = other
        if self.flagged:
            codes[missing] = other + bool(self.rare)
        X[:] = 0
        hit = np.flatnonzero(codes >= 0)
        X[hit, codes[hit]] = 1
        return self._findings(values, new, missing)

    def _findings(
        self, values: pa.ChunkedArray, new: np.ndarray, missing: np.ndarray
    ) -> list[Finding]:
        findings = []
        if new.any():
            cells = pc.unique(values.filter(pa.array(new))).to_pylist()
            shown = listed((repr(cell) for cell in cells), len(cells))
            verb = "counts" if len(cells) == 1 else "count"
            as_what = "as a rare category" if self.rare else "as none of the categories"
            findings.append(
                Finding(
                    self.name,
                    int(new.sum()),
                    "new category" if len(cells) == 1 else "new categories",
                    f"{shown} {verb} {as_what}",
                )
            )
        if missing.any() and not self.flagged:
            detail = "it counts as none of the categories"
            findings.append(Finding(self.name, int(missing.sum()), "missing", detail))
        return findings


@dataclass(frozen=True, slots=True)
class ClassTarget:
    """Labels as class indices: ``y[row]`` is the position in ``labels``.

    Args:
        name: the column's name.
        form: the form of the labels in training; they come back in it.
        labels: in order; index 1 is the positive class where there are two.
    """

    name: str
    form: Form
    labels: tuple[Label, ...]

    def encode(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the class index of each row, int64 of shape ``(rows,)``."""
        _refuse_other(self.name, column)
        values = plain(column)
        indices = positions(values, list(self.labels), self.form)
        unknown = np.flatnonzero(indices < 0).tolist()
        if unknown:
            cell = values[unknown[0]].as_py()
            raise TableError(
                f"the target {self.name!r} is {cell!r} in {rows(unknown)}; in training "
                f"it was {listed(map(repr, self.labels), len(self.labels))}"
            )
        return indices

    def decode(self, y: np.ndarray) -> np.ndarray:
        """Give the label of each class index."""
        y = np.asarray(y)
        if y.dtype.kind not in "iu":
            raise TableError(
                f"class indices are whole numbers, not {y.dtype}; for probabilities, "
                "take the argmax first"
            )
        if y.size and (y.min() < 0 or y.max() >= len(self.labels)):
            raise TableError(
                f"class indices lie in 0 to {len(self.labels) - 1}, but "
                f"{y.min() if y.min() < 0 else y.max()} is among them"
            )
        labels: np.ndarray = np.array(self.labels)[y]
        return labels

    def values(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the labels themselves."""
        return self.decode(self.encode(column))


@dataclass(frozen=True, slots=True)
class NumberTarget:
    """``y = (value - mean) / sd``, so that a network has to reach small numbers only.

    Args:
        name: the column's name.
        mean: of the training rows.
        sd: their standard deviation.
    """

    name: str
    mean: float
    sd: float

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        _check_sd(self.sd)

    @classmethod
    def fit(cls, name: str, column: pa.ChunkedArray) -> Self:
        """Learn mean and standard deviation."""
        mean, sd, _ = moments(numbers_of(name, column))
        return cls(name, mean, sd)

    def encode(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the standardised values, float32 of shape ``(rows,)``."""
        z = standardise(self.values(column), self.mean, self.sd)
        far = np.flatnonzero(np.abs(z) > FARTHEST).tolist()
        if far:
            raise TableError(
                f"the target {self.name!r} is more than {FARTHEST:,.0f} standard "
                f"deviations from what it was in training ({rows(far)}); correct it, "
                "or leave those rows out"
            )
        return z.astype(np.float32)

    def decode(self, y: np.ndarray) -> np.ndarray:
        """Give standardised values in the units of the column, float64."""
        return np.asarray(y, np.float64) * self.sd + self.mean

    def values(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the values in their own units, float64."""
        return numbers_of(self.name, column)


def _check_sd(sd: float) -> None:
    if not sd > 0:
        raise ValueError(f"a standard deviation of {sd}")


def numbers_of(name: str, column: pa.ChunkedArray) -> np.ndarray:
    """Give a column of numbers as float64, NaN where missing.

    Raises:
        TableError: where the column holds dates, words or infinite values.
    """
    _refuse_other(name, column)
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


def _refuse_other(name: str, column: pa.ChunkedArray) -> None:
    """Refuse what training refused already: the column has changed since."""
    if form(column.type) == "other":
        raise TableError(
            f"column {name!r} held numbers or categories in training, but now holds "
            f"{column.type}"
        )


def moments(numbers: np.ndarray) -> tuple[float, float, float]:
    """Compute mean, standard deviation (1 if all are equal) and median.

    Without overflow: the numbers are scaled below 1 by a power of two, which is exact.

    >>> moments(np.array([1e308, -1e308]))
    (0.0, 1e+308, 0.0)
    """
    low, high = float(numbers.min()), float(numbers.max())
    if low == high:
        return low, 1.0, low
    unit = _unit(max(abs(low), abs(high)))
    scaled = numbers * unit
    mean, median = float(scaled.mean()) / unit, float(np.median(scaled)) / unit
    return mean, float(scaled.std()) / unit or 1.0, median


def standardise(numbers: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Compute ``(numbers - mean) / sd``; what is too large for a float is infinite."""
    unit = _unit(max(abs(mean), sd))
    with np.errstate(over="ignore"):
        return (numbers * unit - mean * unit) / (sd * unit)


def _unit(size: float) -> float:
    """Give the power of two that brings a size near 1, as far as floats allow."""
    return math.ldexp(1.0, max(-1000, min(1000, -math.frexp(size)[1])))


def positions(column: pa.ChunkedArray, known: list[Label], held: Form) -> np.ndarray:
    """Find each value among the known ones: its position, or -1; int64.

    A file may write the same value in another form than training had: ``1`` and
    ``1.0``, ``True`` and ``true``, or codes such as ``12`` that were text among others.

    >>> text = pa.chunked_array([["1", "x", None]], pa.large_string())
    >>> positions(text, [3, 1], "int")
    array([ 1, -1, -1])
    """
    kind = pa.large_string() if held == "text" else None
    values, among = _alike(column, pa.array(known, kind), held)
    found = pc.index_in(values, value_set=among)
    codes: np.ndarray = found.fill_null(-1).to_numpy().astype(np.int64)
    return codes


def _alike(
    column: pa.ChunkedArray, known: pa.Array, held: Form
) -> tuple[pa.ChunkedArray, pa.Array]:
    """Bring values and known values to one type."""
    now, text = form(column.type), pa.large_string()
    if now in (held, "empty"):
        return column.cast(known.type), known
    if "text" in (now, held):
        values, among = column.cast(text), known.cast(text)
        if "bool" in (now, held):
            return pc.utf8_lower(values), pc.utf8_lower(among)
        return values, among
    number = pa.float64()
    return _as_number(column).cast(number), _as_number(known).cast(number, safe=False)


def _as_number(
    values: pa.ChunkedArray | pa.Array,
) -> pa.ChunkedArray | pa.Array:
    return values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values
