"""Instructions that old processors lack, in those that all have.

An x86-64 has a fused multiply-add since AVX2, and roundings to whole numbers since
SSE4.1. For older ones LLVM would call the C library, which generated code cannot.
"""

from chainrule.native.instructions import S
from chainrule.native.maths.term import DOUBLE, SINGLE, Term, where, with_sign

# Splits a float64 into two halves of 26 bits.
_SPLITTER = 2.0**27 + 1


def fma(x: Term[S], y: Term[S], z: Term[S]) -> Term[S]:
    """`x y + z`: the product is exact, and the sum all but rounded once.

    That of float32 is computed in float64, that of float64 in pairs of them.
    """
    if x.format == SINGLE:
        wide = [t.to(DOUBLE.real) for t in (x, y, z)]
        return (wide[0] * wide[1] + wide[2]).to(SINGLE.real)
    product = x * y
    total = product + z
    back = total - product
    lost = (product - (total - back)) + (z - back)
    correction = lost + _error(x, y, product)
    # No number where something overflows on the way; what is lost then is little. And 0
    # is not added, for the sake of -0.
    return where(abs(correction) > 0, total + correction, total)


def round(x: Term[S]) -> Term[S]:
    """The nearest whole number, the even one of two that are as near."""
    size = abs(x)
    large = 2.0**x.format.fraction
    return where(size < large, with_sign((size + large) - large, x), x)


def floor(x: Term[S]) -> Term[S]:
    """The largest whole number that is not above `x`."""
    nearest = round(x)
    return where(nearest > x, nearest - 1, nearest)


def _error(x: Term[S], y: Term[S], product: Term[S]) -> Term[S]:
    """What the product of float64 has been rounded by: T. J. Dekker's algorithm."""
    (x_high, x_low), (y_high, y_low) = _halves(x), _halves(y)
    rest = (product - x_high * y_high) - x_low * y_high
    return x_low * y_low - (rest - x_high * y_low)


def _halves(x: Term[S]) -> tuple[Term[S], Term[S]]:
    """Two numbers of 26 bits whose sum is `x`."""
    large = x * _SPLITTER
    high = large - (large - x)
    return high, x - high
