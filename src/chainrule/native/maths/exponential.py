"""`exp`, `expm1`, `tanh` and the logistic function.

All begin as W. J. Cody and W. Waite, "Software Manual for the Elementary Functions"
(1980), do: `x = n log(2) + r` with a whole `n` and `|r| <= log(2) / 2`, where `log(2)`
is the sum of a short number, whose product with `n` is exact, and a small one. Then
`e**x = 2**n e**r`, and `e**r` is a polynomial, fitted by Remez's algorithm so that the
greatest relative error of `e**r - 1` is the smallest possible.

`n` is never converted to an integer: adding a large constant leaves it in the low bits
of a float, from where it is shifted into the exponent of another.
"""

import math
from dataclasses import dataclass

from chainrule.native.instructions import S
from chainrule.native.maths.term import (
    DOUBLE,
    SINGLE,
    Term,
    at_least,
    at_most,
    fma,
    horner,
    where,
    with_sign,
)


@dataclass(frozen=True)
class _Constants:
    """What depends on the format.

    `log_2` is its high part and the rest. `curve` is `(e**r - 1 - r) / r**2`. The
    others are powers of e: the largest that is finite and the smallest that is not 0,
    each a little beyond; the one below which results are handled as denormal; `even`,
    beyond which `e**-x` does not change 1.
    """

    log_2: tuple[float, float]
    curve: tuple[float, ...]
    highest: float
    lowest: float
    denormal: float
    even: float


# Relative errors of e**r - 1: 2**-26.2 and 2**-55.6.
_CONSTANTS = {
    SINGLE: _Constants(
        log_2=(0.693115234375, 3.1946184945309417e-05),
        curve=(
            0.49999998149621360781,
            0.16666543424264570677,
            0.041667200710554274732,
            0.0083665471317895851055,
            0.0013882516550167237075,
        ),
        highest=89.0,
        lowest=-104.0,
        denormal=-86.0,
        even=18.0,
    ),
    DOUBLE: _Constants(
        log_2=(0.69314718036912381649, 1.9082149292705877e-10),
        curve=(
            0.50000000000000051999,
            0.16666666666666588967,
            0.041666666666576468182,
            0.0083333333333897340608,
            0.0013888888931667030735,
            0.00019841269718708497901,
            0.000024801505142781789406,
            2.7557407688463321015e-6,
            2.7626092800792819328e-7,
            2.5053774893690123855e-8,
        ),
        highest=710.0,
        lowest=-746.0,
        denormal=-707.0,
        even=38.0,
    ),
}

# Results that may be denormal are computed this much larger, and scaled in the end.
_LIFT = 64


def exp(x: Term[S]) -> Term[S]:
    """`e**x`: infinity or 0 beyond the ends, denormal before the lower one."""
    return exp_of_sum(x, None)


def exp_of_sum(x: Term[S], rest: Term[S] | None) -> Term[S]:
    """`e**(x + rest)`, where `rest` is so small that it does not count alone."""
    k = _CONSTANTS[x.format]
    x = at_least(at_most(x, k.highest), k.lowest)
    # Twice e**r and 2**(n - 1), as 2**128 is too large a power for the largest result.
    shifted, n = _whole(x, 1 / math.log(2), offset=-1)
    r = _rest(x, n, k.log_2)
    r = r if rest is None else r + rest
    y = horner(r, (2.0, 2.0, *(2 * c for c in k.curve)))
    return _times_power(y, shifted, x < k.denormal)


def exp_product(x: Term[S], rest: Term[S], factor: Term[S]) -> Term[S]:
    """`e**(x + rest) factor` for `x <= 0` where `exp` is not 0, and a small `rest`."""
    k = _CONSTANTS[x.format]
    shifted, n = _whole(x, 1 / math.log(2), offset=0)
    y = horner(_rest(x, n, k.log_2) + rest, (1.0, 1.0, *k.curve)) * factor
    return _times_power(y, shifted, x < k.denormal)


def _times_power(y: Term[S], shifted: Term[S], low: Term[S]) -> Term[S]:
    """`2**n y`, rounded once though it may be denormal where it is `low`."""
    y = y * _power(where(low, shifted + _LIFT, shifted))
    return where(low, y * 2.0**-_LIFT, y)


def expm1(x: Term[S]) -> Term[S]:
    """`e**x - 1 = 2**n (e**r - 1) + (2**n - 1)`, exact near 0."""
    k = _CONSTANTS[x.format]
    x = at_least(at_most(x, k.highest), -k.even - 2)
    # Half of it first, again for the sake of the largest results.
    shifted, n = _whole(x, 1 / math.log(2), offset=-1)
    near = _expm1_near(_rest(x, n, k.log_2), k.curve)
    power = _power(shifted)
    half = fma(power, near, power - 0.5)
    # Where n is 0 the sum would be the same, but for halved denormals and for -0.
    return where(n.equals(0), with_sign(near, x), half + half)


def tanh(x: Term[S]) -> Term[S]:
    """`e / (e + 2)` with `e = e**(2 |x|) - 1`, and the sign of `x`."""
    k = _CONSTANTS[x.format]
    a = at_most(abs(x), k.even / 2 + 1)
    shifted, n = _whole(a, 2 / math.log(2), offset=1)
    # Half of the rest, and so half of e**r - 1; `power` is twice 2**n. One part of
    # log(2) is enough: where `n` is large, 1 is nearly the result.
    r = fma(n, -math.log(2) / 2, a)
    half = _expm1_near(r, tuple(2.0 ** (i + 1) * c for i, c in enumerate(k.curve)))
    power = _power(shifted)
    e = fma(power, half, fma(power, 0.5, -1))
    return with_sign(e / (e + 2), x)


def sigmoid(x: Term[S]) -> Term[S]:
    """`1 / (1 + e**-x)`, scaled so that denormal results are right.

    It takes 7 instructions fewer than one that calls `exp` with `-|x|`.
    """
    k = _CONSTANTS[x.format]
    x = at_least(at_most(x, k.even), k.lowest)
    lift = x.format.fraction + 1
    shifted, n = _whole(x, -1 / math.log(2), offset=-lift)
    # The rest of -x, negated: x + n log(2).
    r = fma(n, k.log_2[1], fma(n, k.log_2[0], x))
    signs = tuple((-1.0) ** i * c for i, c in enumerate(k.curve))
    scale = 2.0**-lift
    return scale / fma(horner(r, (1.0, -1.0, *signs)), _power(shifted), scale)


def _whole(x: Term[S], factor: float, offset: int) -> tuple[Term[S], Term[S]]:
    """`n`, which is `x factor` rounded, and `n + offset` as `_power` wants it."""
    shifter = x.format.shifter + x.format.bias + offset
    shifted = fma(x, factor, shifter)
    return shifted, shifted - shifter


def _power(shifted: Term[S]) -> Term[S]:
    """2 to the power that `_whole` has left in the low bits."""
    return (shifted.bits() << shifted.format.fraction).real()


def _rest(x: Term[S], n: Term[S], log_2: tuple[float, float]) -> Term[S]:
    """`x - n log(2)`; both parts are positive, which keeps the sign of -0."""
    return fma(n, -log_2[1], fma(n, -log_2[0], x))


def _expm1_near(r: Term[S], curve: tuple[float, ...]) -> Term[S]:
    """`e**r - 1` for small `r`."""
    return fma(r * r, horner(r, curve), r)
