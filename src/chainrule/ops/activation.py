"""The functions between the layers of a network, and the error function they need."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, Value
from chainrule.ops import error_function
from chainrule.ops.arithmetic import add, multiply, negate, scale, sign
from chainrule.ops.builder import Builder, S
from chainrule.ops.comparison import less, where
from chainrule.ops.constant import full_like
from chainrule.ops.elementwise import REAL, Box, Elementwise, Gradients
from chainrule.ops.exponential import exp, square
from chainrule.ops.limits import clip

# Both sides of a kink at 0.
_BOTH_SIDES: tuple[Box, ...] = (((-3.0, -0.1),), ((0.1, 3.0),))


class Sigmoid(Elementwise):
    """`y = 1 / (1 + e**-x)`."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """By `e**-|x|`, which cannot overflow: it is `e / (1 + e)` below 0."""
        (x,) = inputs
        e = np.exp(-np.abs(x))
        y: Array = np.where(x < 0, e, np.ones_like(e)) / (1 + e)
        return y

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = y (1 - y) dy`, where `1 - y` is taken as `sigmoid(-x)`.

        So it keeps its digits where `y` rounds to 1.
        """
        (x,) = inputs
        return (multiply(dy, multiply(y, sigmoid(negate(x)))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.sigmoid(*inputs)


class Softplus(Elementwise):
    """`y = log(1 + e**x)`, a smooth `max(x, 0)`."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """As `max(x, 0) + log(1 + e**-|x|)`, which cannot overflow."""
        (x,) = inputs
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = sigmoid(x) dy`."""
        del y
        return (multiply(dy, sigmoid(*inputs)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """As in `forward`."""
        (x,) = inputs
        e = builder.exp(builder.negate(builder.absolute(x)))
        positive = builder.maximum(x, builder.constant(0, x))
        return builder.add(positive, builder.log1p(e))


class Erf(Elementwise):
    """`y = 2 / sqrt(pi)` times the integral of `e**(-t**2)` from 0 to `x`."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """Cody's approximations."""
        return error_function.erf(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = 2 / sqrt(pi) e**(-x**2) dy`."""
        del y
        return (multiply(dy, _bell(*inputs, height=2 / math.sqrt(math.pi))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.erf(*inputs)


class Erfc(Elementwise):
    """`y = 1 - erf(x)`, with all its digits where that is small."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """Cody's approximations."""
        return error_function.erfc(*inputs)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = -2 / sqrt(pi) e**(-x**2) dy`."""
        del y
        return (multiply(dy, _bell(*inputs, height=-2 / math.sqrt(math.pi))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One instruction."""
        return builder.erfc(*inputs)


class Relu(Elementwise):
    """`y = max(x, 0)`. Its gradient at 0 is taken to be 0."""

    def boxes(self) -> tuple[Box, ...]:
        """Both sides of the kink."""
        return _BOTH_SIDES

    def forward(self, *inputs: Array) -> Array:
        """NumPy's maximum: NaN of NaN."""
        (x,) = inputs
        return np.maximum(x, np.zeros((), x.dtype))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = sign(y) dy`: `y` is never below 0, so its sign is the step of relu."""
        del inputs
        return (multiply(dy, sign(y)),)

    def simplify(self, *inputs: Value) -> Value | None:
        """What is never below 0 stays as it is."""
        (x,) = inputs
        return x if isinstance(x.operation, Relu) else None

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One maximum."""
        (x,) = inputs
        return builder.maximum(x, builder.constant(0, x))


@dataclass(frozen=True)
class LeakyRelu(Elementwise):
    """`y = x` above 0, `slope x` below and, by convention for its gradient, at 0."""

    slope: float

    kinds = REAL

    def boxes(self) -> tuple[Box, ...]:
        """Both sides of the kink."""
        return _BOTH_SIDES

    def forward(self, *inputs: Array) -> Array:
        """NumPy's choice between the two lines."""
        (x,) = inputs
        return np.where(x > 0, x, x * np.asarray(self.slope, x.dtype))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = dy` above 0, else `slope dy`."""
        del y
        (x,) = inputs
        above = less(full_like(x, 0), x)
        return (where(above, dy, scale(dy, self.slope)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """Two lines, one choice."""
        (x,) = inputs
        above = builder.less(builder.constant(0, x), x)
        line = builder.multiply(x, builder.constant(self.slope, x))
        return builder.select(above, x, line)

    @classmethod
    def instances(cls) -> "Iterator[LeakyRelu]":
        """A small slope, a negative one."""
        yield cls(0.01)
        yield cls(-0.5)


@dataclass(frozen=True)
class Elu(Elementwise):
    """`y = factor x` above 0, else `factor alpha (e**x - 1)`.

    With `factor` 1 it is the function of Clevert et al. 2016, "Fast and accurate deep
    network learning by exponential linear units"; with two particular constants it is
    the SELU of Klambauer et al. 2017, "Self-normalizing neural networks".
    """

    alpha: float = 1.0
    factor: float = 1.0

    kinds = REAL

    def boxes(self) -> tuple[Box, ...]:
        """Both sides of the kink."""
        return _BOTH_SIDES

    def forward(self, *inputs: Array) -> Array:
        """By `expm1`, which keeps its digits near 0."""
        (x,) = inputs
        alpha, factor = (np.asarray(c, x.dtype) for c in (self.alpha, self.factor))
        return factor * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = factor dy` above 0, else `factor alpha e**x dy`."""
        del y
        (x,) = inputs
        above = less(full_like(x, 0), x)
        below = scale(exp(clip(x, None, 0)), self.alpha)
        slope = where(above, full_like(x, 1), below)
        return (multiply(scale(dy, self.factor), slope),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """As in `forward`."""
        (x,) = inputs
        zero = builder.constant(0, x)
        alpha = builder.constant(self.alpha, x)
        below = builder.multiply(alpha, builder.expm1(builder.minimum(x, zero)))
        y = builder.select(builder.less(zero, x), x, below)
        return builder.multiply(builder.constant(self.factor, x), y)

    @classmethod
    def instances(cls) -> "Iterator[Elu]":
        """The plain one, one with both factors."""
        yield cls()
        yield cls(0.5, 1.5)


class Silu(Elementwise):
    """`y = x sigmoid(x)`, also known as swish."""

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """`x` times its sigmoid."""
        (x,) = inputs
        return x * sigmoid.forward(x)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = s(x) (1 + x s(-x)) dy`, with the sigmoid `s`."""
        del y
        (x,) = inputs
        bend = add(full_like(x, 1), multiply(x, sigmoid(negate(x))))
        return (multiply(dy, multiply(sigmoid(x), bend)),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """`x` times its sigmoid."""
        (x,) = inputs
        return builder.multiply(x, builder.sigmoid(x))


class Gelu(Elementwise):
    """`y = x P(X <= x)` for a standard normal `X`: `y = x/2 erfc(-x / sqrt(2))`.

    The function of Hendrycks and Gimpel 2016, "Gaussian error linear units".
    """

    kinds = REAL

    def forward(self, *inputs: Array) -> Array:
        """By erfc, which keeps its digits far below 0, where erf is near -1."""
        (x,) = inputs
        tail = error_function.erfc(x * np.asarray(-math.sqrt(0.5), x.dtype))
        return 0.5 * x * tail

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> Gradients:
        """`dx = (P(X <= x) + x p(x)) dy`, with the density `p` of `X`."""
        del y
        (x,) = inputs
        z = scale(x, -math.sqrt(0.5))
        below = scale(erfc(z), 0.5)
        density = _bell(z, height=1 / math.sqrt(2 * math.pi))
        return (multiply(dy, add(below, multiply(x, density))),)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """As in `forward`."""
        (x,) = inputs
        z = builder.multiply(x, builder.constant(-math.sqrt(0.5), x))
        half = builder.multiply(builder.constant(0.5, x), x)
        return builder.multiply(half, builder.erfc(z))


def _bell(x: Value, *, height: float) -> Value:
    """`height e**(-x**2)`."""
    return scale(exp(negate(square(x))), height)


sigmoid = Sigmoid()
softplus = Softplus()
erf = Erf()
erfc = Erfc()
relu = Relu()
silu = Silu()
gelu = Gelu()


def leaky_relu(x: Value, slope: float) -> Value:
    """`x` above 0, else `slope x`."""
    return LeakyRelu(slope)(x)


def elu(x: Value, alpha: float = 1.0, factor: float = 1.0) -> Value:
    """`factor x` above 0, else `factor alpha (e**x - 1)`."""
    return Elu(alpha, factor)(x)
