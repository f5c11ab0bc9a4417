"""The error function in NumPy, which has none of its own.

Rational approximations of W. J. Cody, "Rational Chebyshev approximations for the error
function", Mathematics of Computation 23 (1969), 631-637: one for erf near 0, and two
for erfc further out, each a quotient of polynomials times the function's own decay.
They are good to a few units in the last place of float64; float32 is computed in
float64 and rounded once.
"""

import math
from collections.abc import Callable

import numpy as np

from chainrule.ir import Array

# erf(x) = x P(x**2) / Q(x**2) where |x| <= 0.46875. Highest power first.
_NEAR = 0.46875
_P_NEAR = (
    1.85777706184603153e-1,
    3.16112374387056560e0,
    1.13864154151050156e2,
    3.77485237685302021e2,
    3.20937758913846947e3,
)
_Q_NEAR = (
    1.0,
    2.36012909523441209e1,
    2.44024637934444173e2,
    1.28261652607737228e3,
    2.84423683343917062e3,
)

# erfc(x) = exp(-x**2) P(x) / Q(x) where 0.46875 <= x <= 4.
_MIDDLE = 4.0
_P_MIDDLE = (
    2.15311535474403846e-8,
    5.64188496988670089e-1,
    8.88314979438837594e0,
    6.61191906371416295e1,
    2.98635138197400131e2,
    8.81952221241769090e2,
    1.71204761263407058e3,
    2.05107837782607147e3,
    1.23033935479799725e3,
)
_Q_MIDDLE = (
    1.0,
    1.57449261107098347e1,
    1.17693950891312499e2,
    5.37181101862009858e2,
    1.62138957456669019e3,
    3.29079923573345963e3,
    4.36261909014324716e3,
    3.43936767414372164e3,
    1.23033935480374942e3,
)

# Beyond, where erfc is 0 in the end:
# erfc(x) = exp(-x**2) / x (1 / sqrt(pi) - P(1 / x**2) / (x**2 Q(1 / x**2))).
_END = 30.0
_P_FAR = (
    1.63153871373020978e-2,
    3.05326634961232344e-1,
    3.60344899949804439e-1,
    1.25781726111229246e-1,
    1.60837851487422766e-2,
    6.58749161529837803e-4,
)
_Q_FAR = (
    1.0,
    2.56852019228982242e0,
    1.87295284992346725e0,
    5.27905102951428412e-1,
    6.05183413124413191e-2,
    2.33520497626869185e-3,
)


def erf(x: Array) -> Array:
    """`2 / sqrt(pi)` times the integral of `exp(-t**2)` from 0 to `x`."""
    return _in_float64(x, _erf_near, _erf_beyond)


def erfc(x: Array) -> Array:
    """`1 - erf(x)`, which keeps its digits where erf is near 1."""
    return _in_float64(x, lambda near: 1 - _erf_near(near), _erfc_beyond)


def _in_float64(
    x: Array, near: Callable[[Array], Array], beyond: Callable[[Array], Array]
) -> Array:
    """Each function where it is good, and in the dtype of `x` at the end."""
    wide = np.asarray(x, np.float64)
    return _either(np.abs(wide) <= _NEAR, near, beyond, wide).astype(x.dtype)


def _either(
    first: Array,
    f: Callable[[Array], Array],
    g: Callable[[Array], Array],
    x: Array,
) -> Array:
    """`f(x)` where `first` holds, else `g(x)`, neither at more points than that."""
    y = np.empty_like(x)
    y[first] = f(x[first])
    y[~first] = g(x[~first])
    return y


def _erf_near(x: Array) -> Array:
    y: Array = x * _quotient(_P_NEAR, _Q_NEAR, x * x)
    return y


def _erf_beyond(x: Array) -> Array:
    y: Array = np.copysign(1 - _tail(np.abs(x)), x)
    return y


def _erfc_beyond(x: Array) -> Array:
    tail = _tail(np.abs(x))
    y: Array = np.where(x < 0, 2 - tail, tail)
    return y


def _tail(x: Array) -> Array:
    """`erfc(x)` for `x >= 0.46875`."""
    x = np.minimum(x, _END)
    y: Array = _decay(x) * _either(x <= _MIDDLE, _middle, _far, x)
    return y


def _middle(x: Array) -> Array:
    return _quotient(_P_MIDDLE, _Q_MIDDLE, x)


def _far(x: Array) -> Array:
    inverse = 1 / (x * x)
    series = inverse * _quotient(_P_FAR, _Q_FAR, inverse)
    y: Array = (1 / math.sqrt(math.pi) - series) / x
    return y


def _decay(x: Array) -> Array:
    """`exp(-x**2)` without the rounding of `x**2`, which the exponential magnifies.

    `x` is split into a part whose square is exact and a small rest.
    """
    head = np.floor(x * 16) / 16
    y: Array = np.exp(-head * head) * np.exp(-(x - head) * (x + head))
    return y


def _quotient(p: tuple[float, ...], q: tuple[float, ...], x: Array) -> Array:
    y = _polynomial(p, x)
    y /= _polynomial(q, x)
    return y


def _polynomial(coefficients: tuple[float, ...], x: Array) -> Array:
    """By Horner's rule, in place."""
    y = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y *= x
        y += coefficient
    return y
