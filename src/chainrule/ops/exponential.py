"""Exponentials, logarithms, powers and roots."""

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops.arithmetic import add, divide, multiply, scale, subtract
from chainrule.ops.builder import Builder, S
from chainrule.ops.comparison import equal, logical_and, where
from chainrule.ops.constant import full_like, literal
from chainrule.ops.elementwise import (
    POSITIVE,
    REAL,
    REALS,
    Elementwise,
    Gradients,
)


class Exp(Elementwise):
    """`y = e**x`."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's exponential."""
        return np.exp(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = y dy`."""
        del inputs
        return (multiply(dy, y),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.exp(*inputs)


class Expm1(Elementwise):
    """`y = e**x - 1`, exact near 0 as well."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's function of that name."""
        return np.expm1(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = e**x dy`; `y + 1` would lose its digits where `x` is far below 0."""
        del y
        return (multiply(dy, exp(*inputs)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.expm1(*inputs)


class Log(Elementwise):
    """`y = log x`, the natural logarithm; NaN below 0."""

    domain = (POSITIVE,)
    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's logarithm."""
        return np.log(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy / x`."""
        del y
        return (divide(dy, *inputs),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.log(*inputs)


class Log1p(Elementwise):
    """`y = log(1 + x)`, exact near 0 as well; NaN below -1."""

    domain = ((-0.9, 3.0),)
    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's function of that name."""
        return np.log1p(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy / (1 + x)`."""
        del y
        (x,) = inputs
        return (divide(dy, add(x, full_like(x, 1))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.log1p(*inputs)


class Sqrt(Elementwise):
    """`y` is the square root of `x`; NaN below 0. Its gradient at 0 is infinite."""

    domain = (POSITIVE,)
    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's square root."""
        return np.sqrt(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy / (2 y)`."""
        del inputs
        return (divide(scale(dy, 0.5), y),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.sqrt(*inputs)


class Rsqrt(Elementwise):
    """`y = 1 / sqrt(x)`; infinite at 0, NaN below."""

    domain = (POSITIVE,)
    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's reciprocal of NumPy's square root."""
        return np.reciprocal(np.sqrt(*inputs))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = -dy y / (2 x)`."""
        return (multiply(scale(dy, -0.5), divide(y, *inputs)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """A root and a division."""
        root = builder.sqrt(*inputs)
        return builder.divide(builder.constant(1, root), root)


class Square(Elementwise):
    """`y = x**2`."""

    def forward(self, *inputs: Array) -> Array:
        """NumPy's square."""
        return np.square(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = 2 x dy`."""
        del y
        return (multiply(scale(dy, 2), *inputs),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One multiplication."""
        (x,) = inputs
        return builder.multiply(x, x)


class Power(Elementwise):
    """`y = a**b`; NaN where `a < 0` and `b` is no integer.

    `0**0` is 1. The gradient with respect to `a` exists for negative `a` too, if `b`
    is an integer; the one with respect to `b` does not, and is NaN there.
    """

    domain = (POSITIVE, REALS)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's power, which refuses negative powers of integers."""
        a, b = inputs
        return np.power(a, b)

    def valid(self, builder: Builder[S], *inputs: S) -> S | None:
        """Whether `forward` takes the numbers: integers have no negative powers."""
        _, b = inputs
        if builder.dtype(b).kind != "i":
            return None
        return builder.less_equal(builder.constant(0, b), b)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`da = b a**(b-1) dy`, `db = y log(a) dy`.

        Where `a` is 0, `y log(a)` is 0 times infinity, and so is `b a**(b-1)` if `b`
        is 0 too. They are 0 by their other factor, at a harmless `a` and `b`.
        """
        a, b = inputs
        zero, one = full_like(a, 0), full_like(a, 1)
        at_zero = equal(a, zero)
        exponent = where(logical_and(at_zero, equal(b, zero)), one, subtract(b, one))
        da = multiply(dy, multiply(b, power(a, exponent)))
        db = multiply(dy, multiply(y, log(where(at_zero, one, a))))
        return da, db

    def simplify(self, *inputs: Value) -> Value | None:
        """`a**1` is `a`, `a**2` its square, `a**-1` its reciprocal, `a**0` is 1."""
        a, b = inputs
        exponent = literal(b)
        if exponent == 1:
            return a
        if exponent == 2:
            return square(a)
        if exponent == -1 and a.type.is_floating:
            return divide(full_like(a, 1), a)
        return full_like(a, 1) if exponent == 0 else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        a, b = inputs
        return builder.power(a, b)


exp = Exp()
expm1 = Expm1()
log = Log()
log1p = Log1p()
sqrt = Sqrt()
rsqrt = Rsqrt()
square = Square()
power = Power()
