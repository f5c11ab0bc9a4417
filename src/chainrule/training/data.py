"""What a training run reads: rows of inputs, their targets, their weights."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from chainrule.ir import Array, DType
from chainrule.random import host_generator


class Batches(Protocol):
    """Rows that come in batches, from memory or from elsewhere."""

    def __len__(self) -> int:
        """How many there are."""

    def batches(self, size: int, least: int = 1) -> Iterator["Rows"]:
        """All of them in order, in the batches that `batch_bounds` cuts."""

    def total_weight(self) -> float:
        """What they count for together."""


@dataclass(frozen=True)
class Rows:
    """Inputs `X` `(B, ...)`, targets `y` `(B, ...)`, weights `(B,)` or none.

    For messages: `numbers` are those of the rows in what the user gave, if they are no
    longer all of it, `columns` what the columns of `X` are called, if anything, and
    `name` what `X` itself is called.

    `X` stays in the dtype that it has, however small or large its floats are; networks
    read them as floats of `dtype`.
    """

    X: Array
    y: Array
    weights: Array | None = None
    numbers: Array | None = None
    columns: Sequence[str] | None = None
    name: str = "X"
    dtype: DType | None = None

    def __len__(self) -> int:
        return len(self.X)

    @property
    def arrays(self) -> tuple[Array, Array, Array | None]:
        """`X`, `y` and the weights, as they are in memory."""
        return self.X, self.y, self.weights

    @property
    def present(self) -> list[Array]:
        """`X`, `y` and, if there are any, the weights."""
        return [array for array in self.arrays if array is not None]

    @property
    def parts(self) -> tuple[Array, Array, Array | None]:
        """`X`, `y` and the weights, as what is traced takes them."""
        return self.X.astype(self.input_dtype, copy=False), self.y, self.weights

    @property
    def input_dtype(self) -> DType:
        """The dtype in which a network gets `X`."""
        converts = self.dtype is not None and self.X.dtype.kind == "f"
        return self.dtype if converts and self.dtype is not None else self.X.dtype

    def take(self, rows: Array | slice) -> "Rows":
        """These rows, in this order."""
        weights = None if self.weights is None else self.weights[rows]
        numbers = rows if self.numbers is None else self.numbers[rows]
        if isinstance(numbers, slice):
            numbers = np.arange(*numbers.indices(len(self)))
        return replace(
            self, X=self.X[rows], y=self.y[rows], weights=weights, numbers=numbers
        )

    def room(self, rows: int) -> "Rows":
        """Arrays like these for so many rows, with whatever was in that memory."""
        made = (np.empty((rows, *a.shape[1:]), a.dtype) for a in self.present)
        X, y, *weights = made
        return replace(self, X=X, y=y, weights=weights[0] if weights else None)

    def batches(self, size: int, least: int = 1) -> Iterator["Rows"]:
        """All rows in order, in the batches that `batch_bounds` cuts."""
        for start, stop in pairwise(batch_bounds(len(self), size, least)):
            yield self.take(slice(start, stop))

    def counted(self) -> "Rows":
        """Those that count: without the rows of weight 0, on which no loss stands."""
        if self.weights is None or self.weights.all():
            return self
        return self.take(np.flatnonzero(self.weights))

    def fingerprint(self) -> str:
        """A checksum, by which a checkpoint knows the rows it belongs to."""
        checksum = 0
        for array in self.present:
            checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
        return f"{checksum:08x}"

    def total_weight(self) -> float:
        """What the rows count for together: their number, if they have no weights."""
        if self.weights is None:
            return float(len(self))
        return float(self.weights.sum(dtype=np.float64))


def batch_bounds(count: int, size: int, least: int = 1) -> Array:
    """Where batches of `size` rows begin, and `count` at the end.

    The last batch may be smaller; one of fewer than `least` rows joins the one before.

    >>> batch_bounds(7, 3).tolist(), batch_bounds(7, 3, least=2).tolist()
    ([0, 3, 6, 7], [0, 3, 7])
    """
    starts = np.arange(0, count, size)
    if len(starts) > 1 and count - starts[-1] < least:
        starts = starts[:-1]
    return np.append(starts, count)


def rows(
    X: Any,
    y: Any,
    sample_weight: Any,
    dtype: DType,
    what: str = "training",
    *,
    labels: bool = False,
    columns: Sequence[str] | None = None,
) -> Rows:
    """The rows a user gave, checked, with real numbers in `dtype`.

    Rows of weight 0 are left out. Where `y` is to hold `labels`, whole numbers among
    reals become integers.

    Raises `ValueError` or `TypeError` that says which of X, y and sample_weight is
    wrong, and where, for lengths that differ, no rows, text, NaN and infinities.
    """
    inputs = np.asarray(_numbers("X", X, dtype, keep=True), order="C")
    targets = _numbers("y", y, dtype)
    if labels and targets.ndim == 1 and (targets == np.round(targets)).all():
        targets = targets.astype(np.int64)
    if inputs.ndim == 0 or targets.ndim == 0:
        raise ValueError(f"X and y of the {what} rows have to have one entry a row")
    if len(inputs) == 0:
        raise ValueError(f"there are no {what} rows: X has shape {inputs.shape}")
    if len(inputs) != len(targets):
        raise ValueError(
            f"X has {len(inputs)} {what} rows and y has {len(targets)}: "
            "each row needs one target"
        )
    names = _column_names(X, inputs, columns)
    name = "X" if what == "training" else f"the {what} X"
    found = Rows(inputs, targets, columns=names, name=name, dtype=dtype)
    if sample_weight is None:
        return found
    weights = _weights(sample_weight, len(inputs), dtype)
    return replace(found, weights=weights).counted()


def _column_names(
    X: Any, inputs: Array, given: Sequence[str] | None
) -> Sequence[str] | None:
    """What the columns are called: as the user says, or as a data frame has it."""
    names = getattr(X, "columns", None) if given is None else given
    if names is None or inputs.ndim != 2:
        return None
    found = [str(name) for name in names]
    if len(found) != inputs.shape[1]:
        raise ValueError(
            f"there are {len(found)} names for the {inputs.shape[1]} columns of X"
        )
    return found


# Dtypes of floats that rows may stay in.
_KEPT = (np.float16, np.float32, np.float64)


def _numbers(name: str, data: Any, dtype: DType, *, keep: bool = False) -> Array:
    array = np.asarray(data)
    if array.dtype.kind not in "fiub":
        raise TypeError(
            f"{name} has dtype {array.dtype}, and networks take numbers: turn "
            "categories into numbers first (chainrule.tables does it for whole tables)"
        )
    if array.dtype.kind != "f":
        return native(array)
    # A sum is finite only if all summands are, and takes a fraction of the time.
    with np.errstate(all="ignore"):
        finite = np.isfinite(array.sum() if array.size else 0) or np.isfinite(array)
    if not np.all(finite):
        place = ", ".join(map(str, np.argwhere(~finite)[0]))
        value = array[tuple(np.argwhere(~finite)[0])]
        raise ValueError(
            f"{name}[{place}] is {value}, one of {int((~finite).sum())} entries that "
            "are missing or infinite: fill them in or drop those rows first"
        )
    # Where float32 cannot hold a number it would silently become infinite.
    largest = np.finfo(dtype).max
    could = np.finfo(array.dtype).max > largest and array.size > 0
    if could and (array.max() > largest or array.min() < -largest):
        raise ValueError(f"{name} has numbers too large for {dtype}: scale it first")
    kept = keep and any(array.dtype == np.dtype(known) for known in _KEPT)
    return array if kept else array.astype(dtype, copy=False)


def native(array: Array) -> Array:
    """The same numbers, with their bytes in the order of this machine."""
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _weights(sample_weight: Any, count: int, dtype: DType) -> Array:
    weights = _numbers("sample_weight", sample_weight, dtype).astype(dtype)
    if weights.shape != (count,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}; it needs one number for each of "
            f"the {count} rows"
        )
    if (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight needs non-negative numbers that are not all 0")
    return weights


def hold_out(data: Rows, fraction: float, seed: int) -> tuple[Rows, Rows]:
    """The rows in two parts, training and validation, chosen at random by `seed`."""
    if not 0 < fraction < 1:
        raise ValueError(
            f"validation={fraction} is no share of the rows: give 0.1, say"
        )
    held = round(len(data) * fraction)
    if held in (0, len(data)):
        raise ValueError(
            f"validation={fraction} of {len(data)} rows leaves one part empty"
        )
    order = host_generator(seed, "validation").permutation(len(data))
    return data.take(np.sort(order[held:])), data.take(np.sort(order[:held]))


def balanced(counts: Array) -> Array:
    """The weights that make all classes count alike: `n / (classes x rows of each)`.

    >>> balanced(np.array([3, 1]))
    array([0.66666667, 2.        ])
    """
    return np.asarray(counts.sum() / (len(counts) * counts))


def class_weights(
    class_weight: str | Mapping[Any, float] | Sequence[float], y: Array
) -> Array:
    """The weight of each row by its class.

    `"balanced"` gives every class the same total: `n / (classes x rows of the class)`.
    """
    labels, which, counts = np.unique(y, return_inverse=True, return_counts=True)
    if y.ndim != 1 or (y.dtype.kind == "f" and (labels != np.round(labels)).any()):
        raise ValueError("class_weight needs y to hold one class label a row")
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"class_weight={class_weight!r}: only 'balanced' has a name"
            )
        return balanced(counts)[which]
    table = (
        class_weight
        if isinstance(class_weight, Mapping)
        else dict(enumerate(class_weight))
    )
    missing = [label.item() for label in labels if label.item() not in table]
    if missing:
        raise ValueError(f"class_weight says nothing of the classes {missing}")
    return np.asarray([table[label.item()] for label in labels], dtype=float)[which]
