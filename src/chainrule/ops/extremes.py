"""The largest and the smallest element, and where they are."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, TensorType, Value
from chainrule.ops.arithmetic import divide, multiply
from chainrule.ops.axes import letters, without
from chainrule.ops.builder import Builder, S
from chainrule.ops.cast import cast
from chainrule.ops.comparison import equal
from chainrule.ops.folds import Folds, Partial
from chainrule.ops.reduction import Axes, Reduction, distinct, reduced
from chainrule.ops.sums import broadcast, sum_

INDEX = np.dtype(np.int64)


class Extreme(Reduction, abstract=True):
    """A reduction that picks elements: its gradient goes to those it picked."""

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape without the axes, none of which may be empty."""
        _refuse_empty(inputs[0], self.axes, self.name)
        return super().type(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The elements that equal `y` share `dy` equally.

        Where `y` is NaN none does, and the gradient is NaN: 0 times `dy / 0`.
        """
        (x,) = inputs
        dtype = x.type.dtype
        picked = cast(equal(x, broadcast(y, x.shape, self.axes)), dtype)
        share = divide(dy, sum_(picked, self.axes))
        return (multiply(picked, broadcast(share, x.shape, self.axes)),)


class Max(Extreme):
    """`y = the largest of x over axes`, NaN if one is: the axes disappear."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's maximum."""
        return np.asarray(inputs[0].max(axis=self.axes))

    def unit(self, builder: Builder[S], x: S) -> Partial[S]:
        """The lowest number."""
        return (builder.constant(lowest(builder.dtype(x)), x),)

    def merge(self, builder: Builder[S], a: Partial[S], b: Partial[S]) -> Partial[S]:
        """The larger one."""
        return (builder.maximum(a[0], b[0]),)


class Min(Extreme):
    """`y = the smallest of x over axes`, NaN if one is: the axes disappear."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's minimum."""
        return np.asarray(inputs[0].min(axis=self.axes))

    def unit(self, builder: Builder[S], x: S) -> Partial[S]:
        """The highest number."""
        return (builder.constant(highest(builder.dtype(x)), x),)

    def merge(self, builder: Builder[S], a: Partial[S], b: Partial[S]) -> Partial[S]:
        """The smaller one."""
        return (builder.minimum(a[0], b[0]),)


@dataclass(frozen=True)
class WhereExtreme(Folds, abstract=True):
    """The place of an extreme along an axis: an integer, so without gradient.

    A partial result is an extreme and where it is.
    """

    axis: int

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape without the axis, which may not be empty; 64-bit integers."""
        (x,) = inputs
        _refuse_empty(x, (self.axis,), self.name)
        shape = without(x.shape, (self.axis,), self.name)
        return TensorType(shape, np.dtype(np.int64))

    @abstractmethod
    def worst(self, dtype: DType) -> float:
        """What no element is beaten by."""

    @abstractmethod
    def beats(self, builder: Builder[S], x: S, y: S) -> S:
        """Whether `x` is the more extreme of two numbers."""

    def unit(self, builder: Builder[S], x: S) -> Partial[S]:
        """The number that all beat or equal, behind all of them."""
        place = builder.cast(x, INDEX)
        far = builder.constant(highest(INDEX), place)
        return builder.constant(self.worst(builder.dtype(x)), x), far

    def single(self, builder: Builder[S], xs: Partial[S], position: S) -> Partial[S]:
        """The element, and where it is."""
        return xs[0], builder.cast(position, INDEX)

    def merge(self, builder: Builder[S], a: Partial[S], b: Partial[S]) -> Partial[S]:
        """The more extreme one, NaN before all, the first of equal ones."""
        (x, i), (y, j) = a, b
        x_nan = builder.logical_not(builder.equal(x, x))
        y_nan = builder.logical_not(builder.equal(y, y))
        number = builder.logical_not(builder.logical_or(x_nan, y_nan))
        equal_ = builder.logical_or(
            builder.equal(x, y), builder.logical_and(x_nan, y_nan)
        )
        first = builder.logical_and(equal_, builder.less(i, j))
        wins = builder.logical_and(number, self.beats(builder, x, y))
        only_x = builder.logical_and(x_nan, builder.logical_not(y_nan))
        take_x = builder.logical_or(builder.logical_or(wins, only_x), first)
        return builder.select(take_x, x, y), builder.select(take_x, i, j)

    def access(self, *inputs: TensorType) -> str:
        """`ij->i` along the last of two axes."""
        return reduced(letters(inputs[0].rank), (self.axis,), self.name)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis; one element; no result."""
        for shape, axis in (
            ((4,), 0),
            ((3, 4), 0),
            ((3, 4), 1),
            ((2, 3, 4), 1),
            ((1,), 0),
            ((0, 3), 1),
        ):
            yield cls(axis), (distinct(rng, shape),)


class Argmax(WhereExtreme):
    """`y = the index of the largest of x along axis`: the first of equal ones.

    A NaN counts as the largest, as it does for `Max`.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's argmax."""
        return np.asarray(inputs[0].argmax(axis=self.axis), np.int64)

    def worst(self, dtype: DType) -> float:
        """The lowest number."""
        return lowest(dtype)

    def beats(self, builder: Builder[S], x: S, y: S) -> S:
        """The larger one."""
        return builder.less(y, x)


class Argmin(WhereExtreme):
    """`y = the index of the smallest of x along axis`: the first of equal ones.

    A NaN counts as the smallest, as it does for `Min`.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's argmin."""
        return np.asarray(inputs[0].argmin(axis=self.axis), np.int64)

    def worst(self, dtype: DType) -> float:
        """The highest number."""
        return highest(dtype)

    def beats(self, builder: Builder[S], x: S, y: S) -> S:
        """The smaller one."""
        return builder.less(x, y)


def lowest(dtype: DType) -> float:
    """What no number of `dtype` is below."""
    if dtype.kind == "f":
        return -math.inf
    return 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)


def highest(dtype: DType) -> float:
    """What no number of `dtype` is above."""
    if dtype.kind == "f":
        return math.inf
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _refuse_empty(x: TensorType, axes: Axes, operation: str) -> None:
    for axis in axes:
        if axis < x.rank and x.shape[axis] == 0:
            raise ValueError(
                f"{operation}: axis {axis} of a tensor of shape {x.shape} is empty: "
                "there is nothing to choose from"
            )


def max_(x: Value, axes: Axes) -> Value:
    """The largest element of `x` over `axes`."""
    return Max(axes)(x)


def min_(x: Value, axes: Axes) -> Value:
    """The smallest element of `x` over `axes`."""
    return Min(axes)(x)


def argmax(x: Value, axis: int) -> Value:
    """The index of the largest element of `x` along `axis`."""
    return Argmax(axis)(x)


def argmin(x: Value, axis: int) -> Value:
    """The index of the smallest element of `x` along `axis`."""
    return Argmin(axis)(x)
