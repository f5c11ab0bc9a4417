"""`x**y`, of floats with the special cases of C99, and of integers."""

import math
from typing import TypeAlias

from chainrule.native.instructions import S
from chainrule.native.maths.exponential import exp_of_sum
from chainrule.native.maths.logarithm import split
from chainrule.native.maths.term import (
    DOUBLE,
    SINGLE,
    Term,
    at_least,
    at_most,
    fma,
    horner,
    where,
)

# log2(1 + f) / f and 2**r, off by 2**-35.8 and 2**-29.0 of themselves: enough for
# float32, whose powers are computed in float64 and rounded once.
_LOG2_CURVE = (
    1.4426950408687040347,
    -0.72134752086874816135,
    0.48089836139617895414,
    -0.36067367482999285654,
    0.28853729340834632954,
    -0.24045316542616519826,
    0.2061753613810112146,
    -0.18030060694205681684,
    0.15876977949767474392,
    -0.14315637944664819049,
    0.1447485029466716176,
    -0.14283973943149063983,
    0.077370734466990320179,
)
_EXP2_CURVE = (
    1.00000000055593361,
    0.69314720579704101051,
    0.24022646881521700706,
    0.05550328646606554292,
    0.009618489531801765697,
    0.0013399984040878853377,
    0.00015345765952092286408,
)

# 2 artanh(s) = 2 s + s**3 (2 / 3 + ...): the rest in powers of s**2, for |s| <= 0.172.
# Off by 2**-66 of the logarithm at most.
_ARTANH_CURVE = (
    0.40000000000002256715,
    0.28571428570099279095,
    0.22222222519971194107,
    0.18181784363217040502,
    0.15386757499044514436,
    0.1325681407150176199,
    0.1319636102486015562,
)

# 2 / 3 and log(2), each a float64 and the rest of it; log(2) with 11 bits less, so that
# its product with an exponent is exact.
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)
_LOG_2 = (0.6931471805598903, 5.497923018708371e-14)

# Beyond, e to the power is infinite or 0 whatever its last digits are.
_FAR = 1000.0


def power(x: Term[S], y: Term[S]) -> Term[S]:
    """`x**y`, of floats."""
    a = abs(x)
    size = _power_single(a, y) if x.format == SINGLE else _power_double(a, y)
    size = where(a.equals(1).otherwise(y.equals(0)), 1.0, size)
    whole = y.round().equals(y)
    half = y * 0.5
    odd = whole.also(half.round().equals(half).fails())
    result = where(odd.also(x.bits() < 0), -size, size)
    # Not for negative numbers, but for -0 and -infinity.
    valid = whole.otherwise((x >= 0).otherwise(a.equals(math.inf)))
    return where(valid, result, math.nan)


def _power_single(a: Term[S], y: Term[S]) -> Term[S]:
    """`2**(y log2(a))` for `a >= 0`, in float64 and then rounded, denormals too."""
    minus_e, unit, f = split(a)
    e = _at_the_ends(a, minus_e * -unit).to(DOUBLE.real)
    log_2 = fma(f.to(DOUBLE.real), horner(f.to(DOUBLE.real), _LOG2_CURVE), e)
    # Beyond these there is infinity or 0.
    t = at_least(at_most(y.to(DOUBLE.real) * log_2, 130.0), -152.0)
    shifter = DOUBLE.shifter + DOUBLE.bias
    shifted = t + shifter
    size = (shifted.bits() << DOUBLE.fraction).real()
    return (size * horner(t - (shifted - shifter), _EXP2_CURVE)).to(SINGLE.real)


def _power_double(a: Term[S], y: Term[S]) -> Term[S]:
    """`e**(y log(a))` for `a >= 0`, with the logarithm in two float64."""
    minus_e, unit, f = split(a)
    high, low = _log(_at_the_ends(a, minus_e * -unit), f)
    t = y * high
    rest = fma(y, high, -t) + y * low
    # The rest is NaN where a factor is infinite.
    return exp_of_sum(t, where(abs(t) < _FAR, rest, 0.0))


def _at_the_ends(a: Term[S], e: Term[S]) -> Term[S]:
    """The exponent `e`, but -infinity for 0, infinity for itself, and NaN for NaN."""
    e = where(a < math.inf, e, a)
    return where(a.equals(0), -math.inf, e)


def _log(e: Term[S], f: Term[S]) -> tuple[Term[S], Term[S]]:
    """`e log(2) + log(1 + f)` as the sum of two, good to 2**-65 of it.

    `log(1 + f) = 2 artanh(s)` with `s = f / (2 + f)`. T. J. Dekker, "A floating-point
    technique for extending the available precision", Numerische Mathematik 18 (1971),
    224-242, gives the sums and products of pairs.
    """
    s = _quotient(f)
    square = _product(s, s)
    tail = square[0] * horner(square[0], _ARTANH_CURVE)
    two_thirds = s[0].constant(_TWO_THIRDS[0])
    factor = _sum(two_thirds, tail, fma(square[1], 0.4, _TWO_THIRDS[1]))
    cubic = _product(_product(s, square), factor)
    near = _sum(s[0] * 2, cubic[0], fma(s[1], 2, cubic[1]))
    return _sum(e * _LOG_2[0], near[0], fma(e, _LOG_2[1], near[1]))


_Pair: TypeAlias = tuple[Term[S], Term[S]]


def _quotient(f: Term[S]) -> _Pair[S]:
    """`f / (2 + f)`, for a small `f`."""
    divisor = f + 2
    lost = f - (divisor - 2)
    inverse = 1 / divisor
    high = f * inverse
    rest = fma(-high, lost, fma(-high, divisor, f))
    return high, rest * inverse


def _product(x: _Pair[S], y: _Pair[S]) -> _Pair[S]:
    """`x y`, not normalised."""
    high = x[0] * y[0]
    return high, fma(x[0], y[0], -high) + fma(x[0], y[1], x[1] * y[0])


def _sum(x: Term[S], y: Term[S], rest: Term[S]) -> _Pair[S]:
    """`x + y + rest`, where `|x| >= |y|` or `x` is 0, and the rest is small."""
    high = x + y
    return high, (y - (high - x)) + rest


def whole_power(x: Term[S], y: Term[S], bits: int) -> Term[S]:
    """`x**y` of integers, `0 <= y < 2**bits`, wrapping: the squares that `y` names."""
    result = x.constant(1)
    for bit in range(bits):
        chosen = ((y >> bit) & 1).equals(1)
        result = where(chosen, result * x, result)
        x = x * x
    return result
