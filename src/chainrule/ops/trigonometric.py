"""Sine, cosine and the hyperbolic tangent."""

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops.arithmetic import add, multiply, negate, subtract
from chainrule.ops.builder import Builder, S
from chainrule.ops.constant import full_like
from chainrule.ops.elementwise import REAL, Elementwise, Gradients


class Sin(Elementwise):
    """`y = sin x`, `x` in radians."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's sine."""
        return np.sin(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = cos(x) dy`."""
        del y
        return (multiply(dy, cos(*inputs)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.sin(*inputs)


class Cos(Elementwise):
    """`y = cos x`, `x` in radians."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's cosine."""
        return np.cos(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = -sin(x) dy`."""
        del y
        return (negate(multiply(dy, sin(*inputs))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.cos(*inputs)


class Tanh(Elementwise):
    """`y = tanh x = (e**x - e**-x) / (e**x + e**-x)`."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """NumPy's hyperbolic tangent."""
        return np.tanh(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = (1 - y**2) dy`, as `(1 - y) (1 + y)`, whose first factor is exact."""
        del inputs
        one = full_like(y, 1)
        return (multiply(dy, multiply(subtract(one, y), add(one, y))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.tanh(*inputs)


sin = Sin()
cos = Cos()
tanh = Tanh()
