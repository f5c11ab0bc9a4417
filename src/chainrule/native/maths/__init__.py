"""Vector maths in primitive instructions, for float32 and float64.

Each function takes the instructions `b` and values of type `S` that they work on. No
function branches, so vectors are as good as scalars. NaN gives NaN, and infinities,
zeros of either sign, overflow and denormal numbers give what NumPy gives, whether or
not the processor flushes denormal numbers to zero.
"""

from chainrule.native.instructions import Instructions, S
from chainrule.native.maths import (
    error,
    exponential,
    logarithm,
    powers,
    root,
    software,
    trigonometric,
)
from chainrule.native.maths.term import Term

__all__ = [
    "cos",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "log",
    "log1p",
    "power",
    "sigmoid",
    "sin",
    "software_floor",
    "software_fma",
    "software_round",
    "sqrt",
    "tanh",
]


def cos(b: Instructions[S], x: S) -> S:
    """The cosine of `x` radians."""
    return trigonometric.cos(Term(b, x)).value


def erf(b: Instructions[S], x: S) -> S:
    """The error function."""
    return error.erf(Term(b, x)).value


def erfc(b: Instructions[S], x: S) -> S:
    """`1 - erf(x)`, exact where erf is near 1."""
    return error.erfc(Term(b, x)).value


def exp(b: Instructions[S], x: S) -> S:
    """`e**x`."""
    return exponential.exp(Term(b, x)).value


def expm1(b: Instructions[S], x: S) -> S:
    """`e**x - 1`, exact near 0."""
    return exponential.expm1(Term(b, x)).value


def log(b: Instructions[S], x: S) -> S:
    """The natural logarithm."""
    return logarithm.log(Term(b, x)).value


def log1p(b: Instructions[S], x: S) -> S:
    """`log(1 + x)`, exact near 0."""
    return logarithm.log1p(Term(b, x)).value


def power(b: Instructions[S], x: S, y: S) -> S:
    """`x**y`; of integers, which wrap around, for `y >= 0` only."""
    dtype = b.dtype(x)
    if dtype.kind == "f":
        return powers.power(Term(b, x), Term(b, y)).value
    bits = 8 * dtype.itemsize - (dtype.kind == "i")
    return powers.whole_power(Term(b, x), Term(b, y), bits).value


def sigmoid(b: Instructions[S], x: S) -> S:
    """`1 / (1 + e**-x)`."""
    return exponential.sigmoid(Term(b, x)).value


def sin(b: Instructions[S], x: S) -> S:
    """The sine of `x` radians."""
    return trigonometric.sin(Term(b, x)).value


def sqrt(b: Instructions[S], x: S, estimate: S) -> S:
    """The square root, from an estimate of its reciprocal to 14 bits."""
    return root.sqrt(b, x, estimate).value


def tanh(b: Instructions[S], x: S) -> S:
    """The hyperbolic tangent."""
    return exponential.tanh(Term(b, x)).value


def software_floor(b: Instructions[S], x: S) -> S:
    """`floor(x)` by arithmetic, for processors that lack it."""
    return software.floor(Term(b, x)).value


def software_fma(b: Instructions[S], x: S, y: S, z: S) -> S:
    """`x y + z` without `b.fma`, for processors that lack it; all but rounded once."""
    return software.fma(Term(b, x), Term(b, y), Term(b, z)).value


def software_round(b: Instructions[S], x: S) -> S:
    """`b.round` by arithmetic, for processors that lack it."""
    return software.round(Term(b, x)).value
