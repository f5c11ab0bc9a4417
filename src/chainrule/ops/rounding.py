"""Rounding, and division with a remainder: steps, whose gradient is 0 or none."""

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops.arithmetic import multiply, negate
from chainrule.ops.builder import Builder, S
from chainrule.ops.elementwise import REAL, Box, Elementwise, Gradients, Interval

# Between two steps of each function of this file.
_BETWEEN: tuple[Box, ...] = (((-1.45, -1.05),), ((0.05, 0.45),), ((2.55, 2.95),))

# Quotients of these lie between two integers.
_LARGE: Interval = (2.1, 2.8)
_SMALL: Interval = (1.5, 2.0)


class _Rounding(Elementwise, abstract=True):
    """An integer near `x`, as a float. It has no gradient."""

    kinds = REAL

    def boxes(self) -> tuple[Box, ...]:
        """Between the steps."""
        return _BETWEEN


class Floor(_Rounding):
    """`y` is the largest integer that is not above `x`."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's floor."""
        return np.floor(*inputs)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.floor(*inputs)


class Ceil(_Rounding):
    """`y` is the smallest integer that is not below `x`."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's ceiling."""
        return np.ceil(*inputs)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """The floor, mirrored."""
        (x,) = inputs
        return builder.negate(builder.floor(builder.negate(x)))


class Round(_Rounding):
    """`y` is the integer nearest to `x`, the even one of two that are as near."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's rounding."""
        return np.rint(*inputs)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.round(*inputs)


class _Division(Elementwise, abstract=True):
    """A part of the division of `a` by `b` into whole times and a rest."""

    domain = (_LARGE, _SMALL)

    def boxes(self) -> tuple[Box, ...]:
        """All four signs, and a quotient below 1."""
        negative_large, negative_small = (-2.8, -2.1), (-2.0, -1.5)
        return (
            (_LARGE, _SMALL),
            (negative_large, _SMALL),
            (_LARGE, negative_small),
            (negative_large, negative_small),
            (_SMALL, _LARGE),
        )


class FloorDivide(_Division):
    """`y = floor(a / b)`. It has no gradient.

    Division of an integer by 0 gives 0, as in NumPy.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's floor division."""
        a, b = inputs
        return np.floor_divide(a, b)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.floor_divide(a, b)


class Remainder(_Division):
    """`y = a - floor(a / b) b`, which has the sign of `b`, as `%` in Python.

    The remainder of an integer by 0 is 0, as in NumPy.
    """

    def forward(self, *inputs: Array) -> Array:
        """NumPy's remainder."""
        a, b = inputs
        return np.remainder(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = dy`, `db = -floor(a / b) dy`, between the jumps."""
        del y
        a, b = inputs
        return dy, negate(multiply(dy, floor_divide(a, b)))

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.remainder(a, b)


floor = Floor()
ceil = Ceil()
round_ = Round()
floor_divide = FloorDivide()
remainder = Remainder()
