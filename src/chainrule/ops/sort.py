"""The order of elements. A sort is a gather in this order, so it has a gradient."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, without
from chainrule.ops.builder import Builder, S

INDEX = np.dtype(np.int64)


@dataclass(frozen=True)
class Argsort(Operation):
    """`y` has the indices of `x` along `axis` in the order of the elements there.

    Equal elements stay in the order they are in, and NaN comes last, whether the
    order is ascending or `descending`.
    """

    axis: int
    descending: bool = False

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape of `x`; 64-bit integers."""
        (x,) = inputs
        without(x.shape, (self.axis,), self.name)
        return TensorType(x.shape, INDEX)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's stable argsort, of `-x` or of the inverted bits for the reverse."""
        (x,) = inputs
        if self.descending:
            x = -x if x.dtype.kind == "f" else ~x  # unlike `-x`, `~x` never overflows
        return np.argsort(x, self.axis, stable=True).astype(INDEX, copy=False)

    def precedes(self, builder: Builder[S], x: S, y: S) -> S:
        """Whether `x` has to stand before `y`."""
        before = builder.less(y, x) if self.descending else builder.less(x, y)
        x_number, y_number = builder.equal(x, x), builder.equal(y, y)
        last = builder.logical_and(x_number, builder.logical_not(y_number))
        return builder.logical_or(before, last)

    def access(self, *inputs: TensorType) -> str:
        """`i:->ij` along the last of two axes."""
        return _whole_lines(inputs[0].rank, self.axis)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, both directions, one element, none."""
        for shape, axis in (((5,), 0), ((3, 4), 0), ((2, 3, 4), 1), ((1,), 0)):
            for descending in (False, True):
                yield cls(axis, descending), (rng.normal(size=shape),)
        yield cls(1), (rng.normal(size=(3, 0)),)


@dataclass(frozen=True)
class TopkIndices(Operation):
    """`y` has the indices of the `k` largest elements of `x` along `axis`.

    The largest comes first, of equal ones the one in front. A NaN counts as larger
    than any number, as it does for `Max`.
    """

    k: int
    axis: int

    def type(self, *inputs: TensorType) -> TensorType:
        """Extent `k` along the axis; 64-bit integers."""
        (x,) = inputs
        without(x.shape, (self.axis,), self.name)
        if not 0 <= self.k <= x.shape[self.axis]:
            raise ValueError(
                f"topk: there are no {self.k} elements along axis {self.axis} of a "
                f"tensor of shape {x.shape}"
            )
        shape = (*x.shape[: self.axis], self.k, *x.shape[self.axis + 1 :])
        return TensorType(shape, INDEX)

    def forward(self, *inputs: Array) -> Array:
        """A stable sort of the reversed axis, read from its end."""
        (x,) = inputs
        last = x.shape[self.axis] - 1
        ascending = np.argsort(np.flip(x, self.axis), self.axis, stable=True)
        first_k = [slice(None)] * x.ndim
        first_k[self.axis] = slice(self.k)
        descending: Array = last - np.flip(ascending, self.axis)
        return descending[tuple(first_k)].astype(INDEX, copy=False)

    def precedes(self, builder: Builder[S], x: S, y: S) -> S:
        """Whether `x` has to stand before `y`."""
        x_number, y_number = builder.equal(x, x), builder.equal(y, y)
        first = builder.logical_and(y_number, builder.logical_not(x_number))
        return builder.logical_or(builder.less(y, x), first)

    def access(self, *inputs: TensorType) -> str:
        """`i:->ij` along the last of two axes."""
        return _whole_lines(inputs[0].rank, self.axis)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Some, all and none of the elements along each axis."""
        for shape, k, axis in (
            ((5,), 2, 0),
            ((3, 4), 3, 0),
            ((2, 3, 4), 2, 1),
            ((3,), 3, 0),
            ((3,), 0, 0),
            ((1,), 1, 0),
            ((0, 3), 2, 1),
        ):
            yield cls(k, axis), (rng.normal(size=shape),)


def _whole_lines(rank: int, axis: int) -> str:
    named = letters(rank)
    return f"{named[:axis]}:{named[axis + 1 :]}->{named}"


def argsort(x: Value, axis: int, *, descending: bool = False) -> Value:
    """The indices that sort `x` along `axis`."""
    return Argsort(axis, descending)(x)


def topk_indices(x: Value, k: int, axis: int) -> Value:
    """The indices of the `k` largest elements of `x` along `axis`."""
    return TopkIndices(k, axis)(x)
