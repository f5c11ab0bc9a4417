"""Arithmetic: `+ - * /`, the sign and the size of a number."""

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops.builder import Builder, S
from chainrule.ops.constant import full_like, literal
from chainrule.ops.elementwise import (
    POSITIVE,
    REAL,
    REALS,
    Box,
    Elementwise,
    Gradients,
)


class Add(Elementwise):
    """`y = a + b`."""

    domain = (REALS, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's sum."""
        a, b = inputs
        return np.add(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """Both summands pass the gradient on unchanged."""
        del y, inputs
        return dy, dy

    def simplify(self, *inputs: Value) -> Value | None:
        """`a + 0` is `a`."""
        a, b = inputs
        if literal(b) == 0:
            return a
        return b if literal(a) == 0 else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One addition."""
        a, b = inputs
        return builder.add(a, b)


class Negate(Elementwise):
    """`y = -x`."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's negative."""
        return np.negative(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = -dy`."""
        del y, inputs
        return (negate(dy),)

    def simplify(self, *inputs: Value) -> Value | None:
        """`-(-x)` is `x`."""
        (x,) = inputs
        return x.inputs[0] if isinstance(x.operation, Negate) else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One change of sign."""
        return builder.negate(*inputs)


class Subtract(Elementwise):
    """`y = a - b`."""

    domain = (REALS, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's difference."""
        a, b = inputs
        return np.subtract(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = dy`, `db = -dy`."""
        del y, inputs
        return dy, negate(dy)

    def simplify(self, *inputs: Value) -> Value | None:
        """`a - 0` is `a`."""
        a, b = inputs
        return a if literal(b) == 0 else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One subtraction."""
        a, b = inputs
        return builder.subtract(a, b)


class Multiply(Elementwise):
    """`y = a b`."""

    domain = (REALS, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's product."""
        a, b = inputs
        return np.multiply(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = b dy`, `db = a dy`."""
        del y
        a, b = inputs
        return multiply(dy, b), multiply(dy, a)

    def simplify(self, *inputs: Value) -> Value | None:
        """`1 a` is `a`; `0 a` stays, for it is NaN where `a` is."""
        a, b = inputs
        if literal(b) == 1:
            return a
        return b if literal(a) == 1 else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One multiplication."""
        a, b = inputs
        return builder.multiply(a, b)


class Divide(Elementwise):
    """`y = a / b`, of real numbers."""

    domain = (REALS, POSITIVE)
    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's quotient: infinite or NaN where `b` is 0."""
        a, b = inputs
        return np.divide(a, b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = dy / b`, `db = -dy y / b`."""
        _, b = inputs
        da = divide(dy, b)
        return da, negate(multiply(da, y))

    def simplify(self, *inputs: Value) -> Value | None:
        """`a / 1` is `a`."""
        a, b = inputs
        return a if literal(b) == 1 else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One division."""
        a, b = inputs
        return builder.divide(a, b)


class Absolute(Elementwise):
    """`y = |x|`. Its gradient at 0 is taken to be 0."""

    def boxes(self) -> tuple[Box, ...]:
        """Both sides of the kink."""
        return ((-3.0, -0.1),), ((0.1, 3.0),)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's absolute value."""
        return np.absolute(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = sign(x) dy`."""
        del y
        return (multiply(dy, sign(*inputs)),)

    def simplify(self, *inputs: Value) -> Value | None:
        """The absolute value of one is that one."""
        (x,) = inputs
        return x if isinstance(x.operation, Absolute) else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.absolute(*inputs)


class Sign(Elementwise):
    """`y = -1`, `0` or `1`, as `x` is negative, 0 or positive. It has no gradient."""

    def boxes(self) -> tuple[Box, ...]:
        """Both sides of the jump."""
        return ((-3.0, -0.1),), ((0.1, 3.0),)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's sign: NaN of NaN."""
        return np.sign(*inputs)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """Zero and NaN are kept as they are."""
        (x,) = inputs
        zero = builder.constant(0, x)
        positive = builder.select(builder.less(zero, x), builder.constant(1, x), x)
        # An unsigned -1 is never chosen, but it has to be one that can be written.
        minus_one = builder.subtract(zero, builder.constant(1, x))
        return builder.select(builder.less(x, zero), minus_one, positive)


add = Add()
negate = Negate()
subtract = Subtract()
multiply = Multiply()
divide = Divide()
absolute = Absolute()
sign = Sign()


def scale(x: Value, factor: float) -> Value:
    """`factor x`, for a number that is known."""
    return multiply(x, full_like(x, factor))
