"""Derivatives without the chain rule: the check on all the others."""

import math
import sys
from collections.abc import Callable
from itertools import pairwise

# Smaller steps lose digits to rounding, larger ones to the curve's bends.
_STEPS = tuple(10.0**-exponent for exponent in range(2, 8))


def slope(f: Callable[[float], float]) -> float:
    """`df/dt` at `t = 0` of a smooth function in float64, by central differences.

    `(8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h` is off by about `h**4`, and by the
    rounding of `f` divided by `h`. It is taken for six steps `h` from `1e-2` to `1e-7`.
    The one that is nearest to that of the step before it, rounding allowed for, is the
    answer; NaN if there is none.

    >>> round(slope(lambda t: math.exp(2 * t)), 9)
    2.0
    """
    estimates = [_central(f, h) for h in _STEPS]
    scored = [
        (abs(before - estimate) + rounding, estimate)
        for (before, _), (estimate, rounding) in pairwise(estimates)
        if math.isfinite(before) and math.isfinite(estimate)
    ]
    return min(scored)[1] if scored else math.nan


def _central(f: Callable[[float], float], h: float) -> tuple[float, float]:
    """The estimate, and how far rounding alone may put it off."""
    left, right, far_left, far_right = f(-h), f(h), f(-2 * h), f(2 * h)
    estimate = (8 * (right - left) - (far_right - far_left)) / (12 * h)
    return estimate, sys.float_info.epsilon * max(abs(left), abs(right)) / h
