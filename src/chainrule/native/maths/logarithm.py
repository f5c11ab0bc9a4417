"""`log` and `log1p`.

`x = 2**e (1 + f)` with `sqrt(1/2) < 1 + f <= sqrt(2)`, so that `e` is 0 near 1 and
nothing cancels; then `log x = e log(2) + log(1 + f)`, as in the Cephes library of S. L.
Moshier. `log(1 + f) = f + f**2 P(f)`, where `P` is fitted by Remez's algorithm so that
the greatest relative error is the smallest possible.
"""

import math
from dataclasses import dataclass

from chainrule.native.instructions import S
from chainrule.native.maths.term import (
    DOUBLE,
    SINGLE,
    Format,
    Term,
    fma,
    horner,
    where,
)


@dataclass(frozen=True)
class _Constants:
    """What depends on the format.

    `root` has the bits of the square root of 2; `log_2` is a short number, whose
    product with `e` is exact, and the rest; `curve` is `(log(1 + f) - f) / f**2`.
    """

    root: int
    log_2: tuple[float, float]
    curve: tuple[float, ...]


# Relative errors of log(1 + f): 2**-27.9 and 2**-56.8.
_CONSTANTS = {
    SINGLE: _Constants(
        root=0x3FB504F3,
        log_2=(0.693115234375, 3.1946184945309417e-05),
        curve=(
            -0.49999988346437200826,
            0.33333325692453147377,
            -0.25001582959295744049,
            0.200019739195174812,
            -0.16609082571535035972,
            0.14181825198018101623,
            -0.13242988054800795331,
            0.12904433714836504216,
            -0.076217779906328992174,
        ),
    ),
    DOUBLE: _Constants(
        root=0x3FF6A09E667F3BCC,
        log_2=(0.69314718036912381649, 1.9082149292705877e-10),
        curve=(
            -0.50000000000000037991,
            0.33333333333333027291,
            -0.2499999999997492242,
            0.20000000000085203307,
            -0.16666666671355285445,
            0.14285714279620955739,
            -0.12499999604518632158,
            0.11111111098936259301,
            -0.10000017938318785901,
            0.090909274452036869687,
            -0.083328640901833024958,
            0.076914331303922354563,
            -0.071499375780870445299,
            0.066859343553294415746,
            -0.061943635934284175849,
            0.056589737663140323485,
            -0.056781218445869793172,
            0.065295274005841066835,
            -0.060060786066237106455,
            0.026173834768533451018,
        ),
    ),
}


def log(x: Term[S]) -> Term[S]:
    """The natural logarithm: -infinity at 0, NaN below."""
    minus_e, unit, f = split(x)
    return _at_the_ends(x, _combine(minus_e, unit, f, _CONSTANTS[x.format]), 0)


def split(x: Term[S]) -> tuple[Term[S], float, Term[S]]:
    """`-e`, the unit that it is counted in, and `f`, for a positive finite `x`."""
    lift = x.format.fraction + 1
    low = x < x.format.smallest
    lifted = where(low, x * 2.0**lift, x)
    down = _scaling(lifted)
    f = (lifted.bits() + down).real() - 1
    minus_e, unit = _exponent(down, x.format)
    return where(low, minus_e + lift / unit, minus_e), unit, f


def log1p(x: Term[S]) -> Term[S]:
    """`log(1 + x)`: `f = 2**-e x - (1 - 2**-e)` is rounded once, and is `x` near 0."""
    k = _CONSTANTS[x.format]
    one = x.format.one
    down = _scaling(x + 1)
    # Beyond half of the largest number 2**-e would be denormal, and it may be 0.
    power = (where(down < -one, -one, down) + one).real()
    f = (x.bits() + down).real() - (1 - power)
    return _at_the_ends(x, _combine(*_exponent(down, x.format), f, k), -1)


def _scaling(x: Term[S]) -> Term[S]:
    """`-e` as bits: added to those of `x` they give `2**-e x`, at most the root."""
    root = _CONSTANTS[x.format].root
    return (root - x.bits()) & x.format.exponent_mask


def _exponent(down: Term[S], format: Format) -> tuple[Term[S], float]:
    """The number `-e` of what `_scaling` gives, and the unit that it is counted in."""
    if format == SINGLE:
        return down.to(SINGLE.real), 2.0**-SINGLE.fraction
    # Before AVX-512 there is no conversion of 64-bit integers; so `2**11 - e`, which is
    # positive, becomes the last bits of a float.
    base = 2.0**DOUBLE.fraction
    base_bits = (DOUBLE.bias + DOUBLE.fraction) << DOUBLE.fraction
    bits = ((down ^ DOUBLE.sign) >> DOUBLE.fraction) | base_bits
    return bits.real() - (base + 2.0**11), 1.0


def _combine(minus_e: Term[S], unit: float, f: Term[S], k: _Constants) -> Term[S]:
    """`e log(2) + log(1 + f)`; no sum of two zeros here is one of opposite signs."""
    near = fma(f * f, horner(f, k.curve), f)
    high, low = k.log_2
    return fma(minus_e, -high * unit, fma(minus_e, -low * unit, near))


def _at_the_ends(x: Term[S], y: Term[S], pole: float) -> Term[S]:
    """`y`, but infinite where `x` is or at the pole, and NaN below it."""
    y = where(x < math.inf, y, x)
    y = where(x.equals(pole), -math.inf, y)
    return where(x < pole, math.nan, y)
