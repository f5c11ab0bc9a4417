"""`Embedding`: a vector for each category; `EmbedColumns`: for columns of a table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from chainrule import functions, ops
from chainrule.expressions.promote import DEFAULT_FLOAT
from chainrule.ir import Array
from chainrule.nn import initializers
from chainrule.nn.checks import real_dtype, rows, width
from chainrule.nn.initializers import Initializer, Shape
from chainrule.nn.module import Module
from chainrule.random import generator
from chainrule.tensor import Parameter, Tensor


class Embedding(Module):
    """`y[i] = W[x[i]]`: the row of `W` for each category number.

    `x` holds integers from 0 to `count - 1` in any shape, `W` has shape
    `(count, features)`, and `y` has the shape of `x` with `features` added. `W` starts
    as `W_init` says, by default as `N(0, 1)`, drawn from `rng`, a NumPy generator or a
    seed.

    Raises `TypeError` if `x` are no integers and `IndexError` if one is out of range.

    >>> import chainrule as cr
    >>> layer = cr.nn.Embedding(3, 2)
    >>> layer.W.assign([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]])
    >>> layer(cr.tensor([2, 1]))
    tensor([[3., 4.],
            [1., 2.]])
    """

    def __init__(
        self,
        count: int,
        features: int,
        *,
        W_init: str | Initializer = "normal",
        dtype: DTypeLike = DEFAULT_FLOAT,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.count = width("Embedding", "count", count)
        self.features = width("Embedding", "features", features)
        dtype = real_dtype("Embedding", dtype)
        self.W = Parameter(initializers.draw(W_init, (count, features), rng, dtype))

    def forward(self, x: Tensor) -> Tensor:
        """The rows of `W` for `x`."""
        if x.dtype.kind not in "iu":
            raise TypeError(
                f"{self.where()}: takes category numbers, integers, not {x.dtype}"
            )
        self._check_range(x.value.data)
        # Where `x` is traced, the range is checked when it is known.
        index = ops.checked_index(x.value, self.count, 0, negative=False)
        return Tensor(ops.take(self.W.value, (0,), [index]))

    def _check_range(
        self, x: np.ndarray[tuple[int, ...], np.dtype[np.integer]] | None
    ) -> None:
        if x is None or x.size == 0 or (x.min() >= 0 and x.max() < self.count):
            return
        wrong = x[(x < 0) | (x >= self.count)].flat[0]
        raise IndexError(
            f"{self.where()}: there is no category {wrong}: they are numbered from 0 "
            f"to {self.count - 1}. Make the layer for more, or map the new ones to one"
        )


class EmbedColumns(Module):
    """`y = [x without the columns c_k, W_1[x c_1], W_2[x c_2], ...]`.

    `x` has shape `(batch, inputs)`. Its columns `c_k` hold category numbers, whole
    numbers as floats; each stands in `y` as the features of its category, and all
    features come after the other columns of `x`, as they are. `embedded` has
    `(column, count, features)` of each, the columns ascending.

    The weights start such that the features of a category are about as large together
    as the one input of a category that has one of its own: `N(0, 1 / features)`; those
    of category 0, by convention what no other category is, start at 0.

    Raises `IndexError` for a number that no category has.

    >>> import chainrule as cr
    >>> layer = cr.nn.EmbedColumns(3, [(1, 10, 2)], rng=0)
    >>> layer.outputs
    4
    >>> layer(cr.tensor([[0.5, 0.0, 7.0]]))
    tensor([[0.5, 7. , 0. , 0. ]])
    """

    def __init__(
        self,
        inputs: int,
        embedded: Sequence[Sequence[int]],
        *,
        dtype: DTypeLike = DEFAULT_FLOAT,
        rng: np.random.Generator | int | None = None,
    ) -> None:
        self.inputs = width("EmbedColumns", "inputs", inputs)
        self.columns = [int(column) for column, _, _ in embedded]
        if self.columns != sorted(set(self.columns) & set(range(inputs))):
            raise ValueError(
                f"EmbedColumns: the columns {self.columns} are not ascending ones of "
                f"the {inputs} columns of x"
            )
        self.dtype = real_dtype("EmbedColumns", dtype)
        draws = generator(rng)
        self.tables = [
            Embedding(count, features, W_init=_sized, dtype=dtype, rng=draws)
            for _, count, features in embedded
        ]

    @property
    def outputs(self) -> int:
        """How many columns `y` has."""
        features = sum(table.features for table in self.tables)
        return self.inputs - len(self.columns) + features

    @property
    def sources(self) -> list[int]:
        """The column of `x` from which each column of `y` comes.

        >>> EmbedColumns(3, [(1, 10, 2)]).sources
        [0, 2, 1, 1]
        """
        kept = [column for column in range(self.inputs) if column not in self.columns]
        sizes = [table.features for table in self.tables]
        found = zip(self.columns, sizes, strict=True)
        return [*kept, *(column for column, size in found for _ in range(size))]

    def forward(self, x: Tensor) -> Tensor:
        """The other columns of `x`, then the features."""
        x = rows(self, x, self.inputs, self.dtype)
        starts = [0, *(column + 1 for column in self.columns)]
        ends = [*self.columns, self.inputs]
        kept = [
            x[..., start:end]
            for start, end in zip(starts, ends, strict=True)
            if start < end
        ]
        found = [
            table(x[..., column].astype(np.int32))
            for column, table in zip(self.columns, self.tables, strict=True)
        ]
        y: Tensor = functions.concatenate([*kept, *found], axis=-1)
        return y


def _sized(shape: Shape, rng: np.random.Generator, dtype: DTypeLike) -> Array:
    """`N(0, 1 / features)`, and 0 for category 0."""
    weights = initializers.normal(shape[1] ** -0.5)(shape, rng, dtype)
    weights[0] = 0
    return weights
