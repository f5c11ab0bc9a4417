"""What is learnt: the target column as class indices, or as numbers near 0.

As in `chainrule.tables.numbers`: learnt with ``fit``, plain data afterwards.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pyarrow as pa

from chainrule.tables.arrow import Form, plain
from chainrule.tables.categories import positions
from chainrule.tables.errors import TableError, listed, rows
from chainrule.tables.numbers import (
    FARTHEST,
    check_scale,
    moments,
    numbers_of,
    refuse_changed,
    standardise,
)
from chainrule.tables.schema import Label
from chainrule.tables.skew import Transform, fit_transform

__all__ = ["ClassTarget", "NumberTarget"]


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
        refuse_changed(self.name, column)
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
    """``y = (T(value) - mean) / sd``: small numbers, which a network reaches easily.

    ``T`` changes nothing, unless the target is skewed and a `Transform` was asked for.

    Args:
        name: the column's name.
        mean: of ``T(value)`` in the training rows.
        sd: their standard deviation.
        transform: ``T``, if it is not the value itself.
    """

    name: str
    mean: float
    sd: float
    transform: Transform | None = None

    def __post_init__(self) -> None:
        """Refuse what no column has."""
        check_scale(self.sd)

    @classmethod
    def fit(
        cls,
        name: str,
        column: pa.ChunkedArray,
        transform: str = "none",
        weights: np.ndarray | None = None,
    ) -> Self:
        """Learn mean and standard deviation, and the transform asked for.

        >>> prices = pa.chunked_array([[1.0, 10.0, 100.0, 1000.0, 10000.0]])
        >>> NumberTarget.fit("price", prices, "auto").transform.kind
        'log1p'
        """
        values = numbers_of(name, column)
        fitted = fit_transform(name, np.sort(values), transform)
        z = values if fitted is None else fitted.forward(values)
        mean, sd, _ = moments(z, weights)
        return cls(name, mean, sd, fitted)

    def encode(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the standardised values, float32 of shape ``(rows,)``."""
        values = self.values(column)
        if self.transform is not None:
            self._refuse_outside(values, self.transform)
            values = self.transform.forward(values)
        z = standardise(values, self.mean, self.sd)
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
        y = np.asarray(y, np.float64) * self.sd + self.mean
        return y if self.transform is None else self.transform.inverse(y)

    def values(self, column: pa.ChunkedArray) -> np.ndarray:
        """Give the values in their own units, float64."""
        return numbers_of(self.name, column)

    def _refuse_outside(self, values: np.ndarray, transform: Transform) -> None:
        outside = np.flatnonzero(values <= transform.least).tolist()
        if outside:
            raise TableError(
                f"the target {self.name!r} is {values[outside[0]]:g} in "
                f"{rows(outside)}, but {transform.kind} takes numbers above "
                f"{transform.least:g} only"
            )
