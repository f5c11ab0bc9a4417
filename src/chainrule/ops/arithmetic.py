"""Arithmetic: `+ - * /`, and what is built from the same."""

from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops.builder import Builder, S
from chainrule.ops.constant import literal
from chainrule.ops.elementwise import POSITIVE, REALS, Elementwise

Gradients = tuple[Value | None, ...]


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Divide(Elementwise):
    """`y = a / b`, of real numbers."""

    domain = (REALS, POSITIVE)
    floating = True

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


add = Add()
negate = Negate()
subtract = Subtract()
multiply = Multiply()
divide = Divide()
