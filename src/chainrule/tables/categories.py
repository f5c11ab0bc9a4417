"""How a column of categories, or of true and false, becomes inputs of a network.

As in `chainrule.tables.numbers`: learnt with ``fit``, plain data afterwards.
"""

import math
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from chainrule.tables.arrow import Form, form, plain
from chainrule.tables.errors import Finding, TableError, listed, rows
from chainrule.tables.numbers import refuse_changed
from chainrule.tables.schema import Label
from chainrule.tables.text import truths

__all__ = [
    "BooleanColumn",
    "CategoryColumn",
    "EmbeddedColumn",
    "embedding_features",
    "positions",
]

MOST_FEATURES: Final = 64


@dataclass(frozen=True, slots=True)
class _Categories:
    """What is known of the categories of a column.

    Args:
        name: the column's name.
        form: the form of its values in training.
        categories: the values that are told apart, the most frequent first.
        rare: the other values of the training rows; to the network they are one.
        flagged: whether missing is told apart, because training rows miss values.
    """

    name: str
    form: Form
    categories: tuple[Label, ...]
    rare: tuple[Label, ...]
    flagged: bool

    @classmethod
    def fit(
        cls, name: str, column: pa.ChunkedArray, most: int | None, least: int = 1
    ) -> Self:
        """Learn the categories.

        Rare are all but the ``most`` frequent, and those in fewer than ``least`` rows.
        """
        values = plain(column)
        counts = pc.value_counts(values.drop_null()).to_pylist()
        ordered = sorted((-item["counts"], item["values"]) for item in counts)
        every = tuple(value for _, value in ordered)
        kept = sum(-negative >= least for negative, _ in ordered)
        if most is not None and kept > most:
            # a lone rare category may as well be told apart
            kept = kept if kept == len(every) == most + 1 else most
        flagged = column.null_count > 0
        return cls(name, form(values.type), every[:kept], every[kept:], flagged)

    def places(
        self, column: pa.ChunkedArray
    ) -> tuple[np.ndarray, np.ndarray, list[Finding]]:
        """Find each row's category, and whether it is missing; say what is new.

        The position among ``categories``; what is rare or new has one beyond the last,
        and a missing value has -1.
        """
        refuse_changed(self.name, column)
        values = plain(column)
        codes = positions(values, [*self.categories, *self.rare], self.form)
        missing = values.is_null().to_numpy()
        new = (codes < 0) & ~missing
        codes = np.minimum(codes, len(self.categories))
        codes[new] = len(self.categories)
        return codes, missing, self._findings(values, new, missing)

    @property
    def _stand_in(self) -> str:
        """What a category that is new counts as."""
        return "as a rare category" if self.rare else "as none of the categories"

    def _findings(
        self, values: pa.ChunkedArray, new: np.ndarray, missing: np.ndarray
    ) -> list[Finding]:
        findings = []
        if new.any():
            cells = pc.unique(values.filter(pa.array(new))).to_pylist()
            shown = listed((repr(cell) for cell in cells), len(cells))
            verb = "counts" if len(cells) == 1 else "count"
            problem = "new category" if len(cells) == 1 else "new categories"
            detail = f"{shown} {verb} {self._stand_in}"
            where = np.flatnonzero(new)
            learned = bool(self.rare)
            findings.append(
                Finding.of(self.name, where, problem, detail, learned=learned)
            )
        if missing.any() and not self.flagged:
            detail = "it counts as none of the categories"
            where = np.flatnonzero(missing)
            findings.append(Finding.of(self.name, where, "missing", detail))
        return findings


@dataclass(frozen=True, slots=True)
class CategoryColumn(_Categories):
    """One input per category: 1 in the rows that hold it and 0 in the others.

    The rare ones share an input, and missing has one if training rows miss values. What
    is new counts as rare, or is 0 in every input where nothing was rare.

    >>> column = pa.chunked_array([["a", "b", "b"]])
    >>> CategoryColumn.fit("c", column, most=50).inputs
    ('c = b', 'c = a')
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        names = [f"{self.name} = {category}" for category in self.categories]
        names += [f"{self.name} is another"] * bool(self.rare)
        names += [f"{self.name} is missing"] * self.flagged
        return tuple(names)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        places, missing, findings = self.places(column)
        other = len(self.categories)
        if not self.rare:
            places[places == other] = -1
        if self.flagged:
            places[missing] = other + bool(self.rare)
        X[:] = 0
        hit = np.flatnonzero(places >= 0)
        X[hit, places[hit]] = 1
        return findings


@dataclass(frozen=True, slots=True)
class EmbeddedColumn(_Categories):
    """One input, the number of the category, for which a network learns a vector.

    Number 0 is whatever has none of its own: what is rare, new, or missing where no
    training row missed a value. The categories follow, the most frequent first, then
    missing.

    >>> column = pa.chunked_array([["a", "b", "b", "c", "c", "c"]])
    >>> fitted = EmbeddedColumn.fit("c", column, most=None, least=2)
    >>> fitted.inputs, fitted.count, fitted.features
    (('c (number)',), 3, 3)
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the input that the column becomes."""
        return (f"{self.name} (number)",)

    @property
    def count(self) -> int:
        """How many numbers there are."""
        return 1 + len(self.categories) + self.flagged

    @property
    def features(self) -> int:
        """How many features the vector of each has."""
        return embedding_features(self.count)

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the numbers into ``X`` of shape ``(rows, 1)``; say what is new."""
        places, missing, findings = self.places(column)
        numbers = np.where(places == len(self.categories), 0, places + 1)
        numbers[missing] = self.count - 1 if self.flagged else 0
        X[:, 0] = numbers
        return findings


def embedding_features(count: int) -> int:
    """How many features the vectors of so many categories have: ``2 count^(1/3)``.

    From 3 up to 64. It lies between two rules of thumb: TensorFlow's ``count^(1/4)``,
    and fastai's ``1.6 count^0.56``.

    >>> [embedding_features(count) for count in (2, 60, 1000, 10**6)]
    [3, 8, 20, 64]
    """
    return min(MOST_FEATURES, math.ceil(round(2 * math.cbrt(count), 9)))


@dataclass(frozen=True, slots=True)
class BooleanColumn:
    """``x`` is 1 for true (yes, y, on, t) and 0 for false; a second says if missing.

    Words count in any capitals, and so do the numbers 1 and 0.

    Args:
        name: the column's name.
        share: the share of true in the training rows that have a value; it stands for
            a missing value.
        flagged: whether there is a second input, because training rows miss values.
    """

    name: str
    share: float
    flagged: bool

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        if not 0 <= self.share <= 1:
            raise ValueError(f"a share of {self.share}")

    @classmethod
    def fit(cls, name: str, column: pa.ChunkedArray) -> Self:
        """Learn the share of true.

        >>> BooleanColumn.fit("b", pa.chunked_array([["yes", "no", None]]))
        BooleanColumn(name='b', share=0.5, flagged=True)
        """
        values = truths(plain(column))
        if values is None:
            raise TableError(f"column {name!r} holds {_not_truths(column)}")
        share = float(np.nanmean(values))
        return cls(name, share, flagged=column.null_count > 0)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Name the inputs that the column becomes."""
        return (self.name, f"{self.name} is missing")[: 1 + self.flagged]

    def encode(self, column: pa.ChunkedArray, X: np.ndarray) -> list[Finding]:
        """Write the inputs into ``X`` of shape ``(rows, inputs)``; say what is new."""
        refuse_changed(self.name, column, "true or false")
        values = truths(plain(column))
        if values is None:
            raise TableError(
                f"column {self.name!r} held true or false in training, but now holds "
                f"{_not_truths(column)}"
            )
        missing = np.isnan(values)
        X[:, 0] = np.where(missing, self.share, values)
        if self.flagged:
            X[:, 1] = missing
        elif missing.any():
            detail = f"{self.share:.2g} stands for it, the share of true in training"
            where = np.flatnonzero(missing)
            return [Finding.of(self.name, where, "missing", detail)]
        return []


def _not_truths(column: pa.ChunkedArray) -> str:
    """Name the first cells that are neither true nor false, and their rows."""
    cells = plain(column)
    good = {cell for cell in pc.unique(cells).to_pylist() if _is_truth(cell)}
    bad = [row for row, cell in enumerate(cells.to_pylist()) if cell not in good]
    return f"{cells[bad[0]].as_py()!r} ({rows(bad)})"


def _is_truth(cell: Label | None) -> bool:
    return cell is None or truths(pa.chunked_array([[cell]])) is not None


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
