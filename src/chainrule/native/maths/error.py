"""The error function and its complement.

`erfc(a) = e**(-a**2) W(q) / (1 + 2 a)` for `a >= 0`, with `q = (a - K) / (a + K)`, has
all its digits out to where it is 0: M. M. Shepherd and J. G. Laframboise, "Chebyshev
approximation of (1 + 2x) exp(x**2) erfc x in 0 <= x < infinity", Mathematics of
Computation 36 (1981), 249-253. The coefficients here are fitted by Remez's algorithm so
that the greatest relative error is the smallest possible.
"""

from dataclasses import dataclass

from chainrule.native.instructions import S
from chainrule.native.maths.exponential import exp_product
from chainrule.native.maths.term import (
    DOUBLE,
    SINGLE,
    Term,
    at_most,
    fma,
    horner,
    where,
    with_sign,
)


@dataclass(frozen=True)
class _Constants:
    """What depends on the format.

    `k` and `curve` are `K` and `W`; erfc is 0 beyond `end`; `near` is `erf(x) / x` in
    powers of `x**2`, for `|x|` up to 1, in single up to 1/2.
    """

    k: float
    curve: tuple[float, ...]
    end: float
    near: tuple[float, ...]


# Relative errors of W 2**-26.1 and 2**-56.4, of erf near 0 2**-29.5 and 2**-56.9.
_CONSTANTS = {
    SINGLE: _Constants(
        k=2.0,
        curve=(
            1.2769783939679300676,
            -0.092763985004071291368,
            -0.16603146107105222792,
            0.16405542531482370314,
            -0.0542038828476468308,
            -0.0080601419588396867871,
            0.0086300940099684463385,
            0.0013133071117877440022,
            -0.0012279988947136795377,
            -0.00039944670690952869439,
        ),
        end=10.1,
        near=(
            1.1283791655673485846,
            -0.37612608572870124967,
            0.11282822810024441017,
            -0.02675718426623347493,
            0.0047179900519607249831,
        ),
    ),
    DOUBLE: _Constants(
        k=4.0,
        curve=(
            1.2329951186255525089,
            -0.13962111684056286184,
            0.015379652102620087994,
            0.068097054254733996015,
            -0.1010390660363204529,
            0.093732834996901108207,
            -0.066330365812112121064,
            0.037167515560873619488,
            -0.016197734053834392051,
            0.0050319697695337154785,
            -0.00075777336759965204588,
            -0.00019925557656560503159,
            0.00015062231619424646033,
            -0.000024402953170712044396,
            -0.000011224888386404723088,
            5.7174710892372536828e-6,
            3.0137341485577267759e-7,
            -8.3469166025367442737e-7,
            6.2813978322753636e-8,
            1.1507367083559665755e-7,
            -7.8318296309823922103e-9,
            -1.3611321642555522167e-8,
            -1.7881559204405384369e-9,
        ),
        end=27.3,
        near=(
            1.1283791670955125657,
            -0.37612638903183519539,
            0.11283791670944184721,
            -0.02686617064311146782,
            0.0052239776061184800935,
            -0.00085483259293148278274,
            0.00012055293576911030419,
            -0.00001492471230221461065,
            1.6447131573855009259e-6,
            -1.6206313778535831741e-7,
            1.3710980485843899674e-8,
            -7.7794686545981065499e-10,
        ),
    ),
}

# -log2(erfc(a)) / a for a <= 4; erf(a) is off by 2**-27.9 of itself at most.
_SINGLE_DECAY = (
    1.6279070351259930462,
    0.9184476252956812855,
    0.14827706640444389974,
    -0.027632030390485528124,
    -0.00023140244465560431219,
    0.0024050120768196791828,
    -0.00091299049356369327663,
    0.00016972045011179885822,
    -0.000013353964537720616341,
)
# (2**r - 1) / r for |r| <= 1/2, off by 2**-26.5 of itself at most.
_SINGLE_POWER = (
    0.69314718794431807364,
    0.24022649792802910564,
    0.05550357348245740524,
    0.0096182376673349172752,
    0.0013390781214234437248,
    0.00015403512715182003946,
)


def erf(x: Term[S]) -> Term[S]:
    """`2 / sqrt(pi)` times the integral of `e**(-t**2)` from 0 to `x`."""
    return _erf_single(x) if x.format == SINGLE else _erf_double(x)


def _erf_single(x: Term[S]) -> Term[S]:
    """`1 - 2**-(a G(a))` with `a = |x|`, one formula for small and large ones.

    For `2**-t - 1` is exact near 0 if it is `2**n (2**r - 1) + (2**n - 1)` with a whole
    `n` and `t = -n - r`; and beyond 4 `erf` is 1.
    """
    a = at_most(abs(x), 4.0)
    decay = horner(a, tuple(-c for c in _SINGLE_DECAY))
    shifter = SINGLE.shifter + SINGLE.bias
    shifted = fma(a, decay, shifter)
    r = fma(a, decay, -(shifted - shifter))
    power = (shifted.bits() << SINGLE.fraction).real()
    near = r * horner(r, _SINGLE_POWER)
    return with_sign(fma(-power, near, 1 - power), x)


def _erf_double(x: Term[S]) -> Term[S]:
    """A polynomial near 0, and `1 - erfc(|x|)` beyond."""
    a = abs(x)
    near = _near(x, _CONSTANTS[DOUBLE].near)
    return where(a < 1, near, with_sign(1 - _tail(a), x))


def erfc(x: Term[S]) -> Term[S]:
    """`1 - erf(x)`, with all its digits where that is small."""
    a = abs(x)
    tail = _tail(a)
    beyond = where(x < 0, 2 - tail, tail)
    return where(a < 0.5, 1 - _near(x, _CONSTANTS[x.format].near), beyond)


def _near(x: Term[S], curve: tuple[float, ...]) -> Term[S]:
    """`erf(x)` near 0."""
    return x * horner(x * x, curve)


def _tail(a: Term[S]) -> Term[S]:
    """`erfc(a)` for `a >= 0`."""
    k = _CONSTANTS[a.format]
    a = at_most(a, k.end)
    curve = horner((a - k.k) / (a + k.k), k.curve)
    scale = fma(a, 2, 1)
    factor = curve / scale
    # What the factor has been rounded by, as a part of `curve`, which is about 1.13.
    error = fma(-factor, scale, curve) - factor * fma(a, 2, 1 - scale)
    # What a * a has been rounded by; the exponential would magnify it.
    square = a * a
    rest = fma(error, 1 / 1.13, -fma(a, a, -square))
    return exp_product(-square, rest, factor)
