"""Running sums."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, without
from chainrule.ops.folds import Sums


@dataclass(frozen=True)
class CumulativeSum(Sums):
    """`y[i] = x[0] + ... + x[i]` along `axis`; from `i` to the end if `reverse`."""

    axis: int
    reverse: bool = False

    def type(self, *inputs: TensorType) -> TensorType:
        """That of `x`; booleans cannot be added."""
        (x,) = inputs
        without(x.shape, (self.axis,), self.name)
        if x.dtype.kind == "b":
            raise TypeError("cumulative_sum takes numbers, not bool: cast them first")
        return x

    def forward(self, *inputs: Array) -> Array:
        """NumPy's cumulative sum, in the dtype of `x`."""
        (x,) = inputs
        if self.reverse:
            x = np.flip(x, self.axis)
        y = np.cumsum(x, self.axis, x.dtype)
        return np.flip(y, self.axis) if self.reverse else y

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """`x[i]` is part of every sum from `i` on: the sum in the other direction."""
        del y, inputs
        return (cumulative_sum(dy, self.axis, reverse=not self.reverse),)

    def access(self, *inputs: TensorType) -> str:
        """`{<=i}j->ij` along the first of two axes."""
        named = letters(inputs[0].rank)
        relation = ">=" if self.reverse else "<="
        letter = named[self.axis]
        before, after = named[: self.axis], named[self.axis + 1 :]
        return f"{before}{{{relation}{letter}}}{after}->{named}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, both directions, one element, none."""
        for shape, axis in (((4,), 0), ((3, 4), 0), ((2, 3, 2), 1), ((1,), 0)):
            for reverse in (False, True):
                yield cls(axis, reverse), (rng.normal(size=shape),)
        yield cls(1), (rng.normal(size=(3, 0)),)


def cumulative_sum(x: Value, axis: int, *, reverse: bool = False) -> Value:
    """The sums of all elements up to each one (or from it) along `axis`."""
    return CumulativeSum(axis, reverse)(x)
