"""`sum` and `broadcast`: each is the other's gradient."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, without
from chainrule.ops.folds import Sums
from chainrule.ops.reduction import Axes, Reduction

Shape = tuple[int, ...]


class Sum(Sums, Reduction):
    """`y = sum of x over axes`: the axes disappear. A sum of nothing is 0."""

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape without the axes; booleans cannot be added."""
        if inputs[0].dtype.kind == "b":
            raise TypeError("sum takes numbers, not bool: cast them first")
        return super().type(*inputs)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's pairwise sum, in the dtype of `x`."""
        (x,) = inputs
        return np.asarray(x.sum(axis=self.axes, dtype=x.dtype))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """Every summand has the gradient of the sum."""
        del y
        return (broadcast(dy, inputs[0].shape, self.axes),)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Those of all reductions, and a sum of nothing."""
        yield from super().samples(rng)
        yield cls((0,)), (np.zeros((0, 3)),)


@dataclass(frozen=True)
class Broadcast(Operation):
    """`y = x`, repeated along the new axes `axes` of the output's `shape`."""

    shape: Shape
    axes: Axes

    replicates = moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """`shape`, which has to be that of `x` with `axes` added."""
        (x,) = inputs
        if without(self.shape, self.axes, self.name) != x.shape:
            raise ValueError(
                f"broadcast: {x.shape} with new axes {self.axes} is not {self.shape}"
            )
        return TensorType(self.shape, x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """A view: nothing is copied."""
        (x,) = inputs
        if x.flags.c_contiguous and x.size:
            # What broadcast_to does, in a tenth of the time: a stride of 0 repeats.
            strides = iter(x.strides)
            steps = [
                0 if axis in self.axes else next(strides)
                for axis in range(len(self.shape))
            ]
            return np.ndarray(self.shape, x.dtype, x, 0, steps)
        return np.broadcast_to(np.expand_dims(x, self.axes), self.shape)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradients of all copies add up."""
        del y, inputs
        return (sum_(dy, self.axes),)

    def simplify(self, *inputs: Value) -> Value | None:
        """Adding no axis changes nothing."""
        return None if self.axes else inputs[0]

    def access(self, *inputs: TensorType) -> str:
        """`j->ij` for a new first axis."""
        del inputs
        named = letters(len(self.shape))
        return f"{''.join(without(named, self.axes, self.name))}->{named}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """New axes in front, behind, on both sides, empty."""
        for shape, axes in (
            ((4, 3), (0,)),
            ((3, 4), (1,)),
            ((2, 3, 4), (0, 2)),
            ((2, 3), (0, 1)),
            ((3,), ()),
            ((0, 3), (0,)),
        ):
            x = rng.normal(size=without(shape, axes, cls.name))
            yield cls(shape, axes), (np.asarray(x),)


def sum_(x: Value, axes: Axes) -> Value:
    """The sum of `x` over `axes`."""
    return Sum(axes)(x)


def broadcast(x: Value, shape: Shape, axes: Axes) -> Value:
    """`x` repeated along the new axes `axes` of `shape`."""
    return Broadcast(shape, axes)(x)
