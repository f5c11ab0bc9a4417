"""The larger and the smaller of two numbers, and numbers kept between limits."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Value
from chainrule.ops.arithmetic import scale
from chainrule.ops.builder import Builder, S
from chainrule.ops.comparison import equal, less, where
from chainrule.ops.constant import full_like
from chainrule.ops.elementwise import INTEGERS, REALS, Box, Elementwise, Gradients

_LOW = (-3.0, -0.1)
_HIGH = (0.1, 3.0)


class _Extremum(Elementwise, abstract=True):
    """One of two numbers: it passes its gradient to the one that it is."""

    domain = (REALS, REALS)

    def boxes(self) -> tuple[Box, ...]:
        """Either one the larger."""
        return (_LOW, _HIGH), (_HIGH, _LOW)

    def simplify(self, *inputs: Value) -> Value | None:
        """Of a number and itself, that number."""
        a, b = inputs
        return a if a is b else None


class Maximum(_Extremum):
    """`y` is the larger of `a` and `b`, NaN if either is.

    Each gets half of the gradient where they are equal.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's maximum."""
        a, b = inputs
        return np.maximum(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dy` to the larger one."""
        del y
        a, b = inputs
        return _shared(dy, a, b, loses=less(a, b)), _shared(dy, a, b, loses=less(b, a))

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.maximum(a, b)


class Minimum(_Extremum):
    """`y` is the smaller of `a` and `b`, NaN if either is.

    Each gets half of the gradient where they are equal.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's minimum."""
        a, b = inputs
        return np.minimum(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dy` to the smaller one."""
        del y
        a, b = inputs
        return _shared(dy, a, b, loses=less(b, a)), _shared(dy, a, b, loses=less(a, b))

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.minimum(a, b)


def _shared(dy: Value, a: Value, b: Value, *, loses: Value) -> Value:
    """Nothing where it loses, half where the two are equal, else all of `dy`.

    Asking who loses, not who wins, lets the gradient through where one is NaN.
    """
    won = where(equal(a, b), scale(dy, 0.5), dy)
    return where(loses, full_like(dy, 0), won)


@dataclass(frozen=True)
class Clip(Elementwise):
    """`y = x` between `low` and `high`, else the limit that it is beyond.

    `None` is no limit. The gradient passes at the limits and between them.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that are NaN, or in the wrong order."""
        low = -math.inf if self.low is None else self.low
        high = math.inf if self.high is None else self.high
        if not low <= high:
            raise ValueError(f"clip: low={low} is not below high={high}")

    def result(self, *dtypes: DType) -> DType:
        """The dtype of `x`, which has to be able to hold the limits."""
        dtype = super().result(*dtypes)
        for limit in (self.low, self.high):
            if limit is not None and dtype.kind in INTEGERS:
                _check_limit(limit, dtype)
        return dtype

    def forward(self, *inputs: Array) -> Array:
        """NumPy's maximum with the one, minimum with the other."""
        (y,) = inputs
        if self.low is not None:
            y = np.maximum(y, np.asarray(self.low, y.dtype))
        if self.high is not None:
            y = np.minimum(y, np.asarray(self.high, y.dtype))
        return y

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy` where the limits let `x` through, else 0."""
        del y
        (x,) = inputs
        zero = full_like(dy, 0)
        if self.low is not None:
            dy = where(less(x, full_like(x, self.low)), zero, dy)
        if self.high is not None:
            dy = where(less(full_like(x, self.high), x), zero, dy)
        return (dy,)

    def simplify(self, *inputs: Value) -> Value | None:
        """Without limits it is `x`."""
        return inputs[0] if self.low is None and self.high is None else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """A maximum and a minimum."""
        (y,) = inputs
        if self.low is not None:
            y = builder.maximum(y, builder.constant(self.low, y))
        if self.high is not None:
            y = builder.minimum(y, builder.constant(self.high, y))
        return y

    @classmethod
    def instances(cls) -> "Iterator[Clip]":
        """Both limits, one, none."""
        for low, high in ((-1, 1), (-1, None), (None, 1), (None, None)):
            yield cls(low, high)

    def boxes(self) -> tuple[Box, ...]:
        """Below, between and above the limits of the instances."""
        return ((-3.0, -1.1),), ((-0.9, 0.9),), ((1.1, 3.0),)


def _check_limit(limit: float, dtype: DType) -> None:
    range_ = np.iinfo(dtype)
    if not (range_.min <= limit <= range_.max and limit == int(limit)):
        raise TypeError(f"clip: the limit {limit} cannot be written in {dtype}")


maximum = Maximum()
minimum = Minimum()


def clip(x: Value, low: float | None = None, high: float | None = None) -> Value:
    """`x`, between `low` and `high`."""
    return Clip(low, high)(x)
