"""The square root from an estimate of its reciprocal, which some processors have.

Their instruction for an exact root keeps them from dividing meanwhile. The iteration
with a last correction by what `g**2` is short of `x` is from P. Markstein, "IA-64 and
elementary functions" (2000), chapter 9: the result is rounded as the exact root is,
unless `x` is so small that the shortfall is flushed to zero.
"""

import math

from chainrule.native.instructions import Instructions, S
from chainrule.native.maths.term import Term, fma, where

# Of an estimate; each iteration doubles them.
_BITS = 14


def sqrt(b: Instructions[S], number: S, estimate: S) -> Term[S]:
    """The root of a float, from an estimate of its reciprocal to 14 bits."""
    x, y = Term(b, number), Term(b, estimate)
    # Zero times a number is zero, and times an infinite estimate it would be none. No
    # number that is not denormal has a reciprocal root as large as this.
    y = abs(y)
    largest = 2.0 ** ((x.format.bias + 1) / 2)
    y = where(y > largest, largest, y)
    g, h = x * y, y * 0.5
    for _ in range(math.ceil(math.log2(x.format.fraction / _BITS))):
        short = fma(-h, g, g.constant(0.5))
        g, h = fma(g, short, g), fma(h, short, h)
    root = fma(fma(-g, g, x), h, g)
    return where(x.equals(math.inf), x, root)
