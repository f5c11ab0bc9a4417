"""Transforms of a skewed target: learnt where they are, undone at prediction.

A price or an income has many small values and a few that are far larger. On its own
scale those few rows decide what a network learns; on a transformed one all rows do.
What is predicted is then near the median of the target rather than near its mean.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from chainrule.tables.errors import TableError
from chainrule.tables.numbers import check_ascending, scores

__all__ = ["TRANSFORMS", "Transform", "fit_transform", "skewness"]

TRANSFORMS: Final = ("none", "auto", "log1p", "yeo-johnson", "quantile")
SKEWED: Final = 1.0  # an exponential distribution has 2, a normal one 0
CLOSE: Final = 0.25  # skews that are no different
POWERS: Final = (-3.0, 5.0)  # that Yeo-Johnson chooses from
GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Transform:
    """A function of the target that rises everywhere, and its inverse.

    - ``log1p``: ``T(y) = log(1 + y)``.
    - ``yeo-johnson``: with ``u = y / unit`` and the power ``p``,
      ``T = ((1 + u)^p - 1) / p`` for ``u >= 0`` and
      ``T = -((1 - u)^(2 - p) - 1) / (2 - p)`` below (Yeo and Johnson, Biometrika 2000).
    - ``quantile``: the normal score, as of a `QuantileColumn`.

    What is inverted stays within the training range and as much again on both sides,
    and is not negative where no training row was: ``exp`` of a wild prediction would be
    wilder still.

    Args:
        kind: one of the three.
        low: the smallest value of the training rows.
        high: the largest.
        power: of Yeo and Johnson.
        unit: likewise.
        knots: of the quantiles.
        scores: likewise.
    """

    kind: Literal["log1p", "yeo-johnson", "quantile"]
    low: float
    high: float
    power: float = 1.0
    unit: float = 1.0
    knots: tuple[float, ...] = ()
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be computed."""
        if self.low > self.high or not self.unit > 0 or self.low <= self.least:
            raise ValueError(f"a transform from {self.low} to {self.high}")
        if self.kind == "quantile":
            check_ascending(self.knots, self.scores)

    @property
    def least(self) -> float:
        """The number that all values have to stay above."""
        return -1.0 if self.kind == "log1p" else -math.inf

    def forward(self, y: np.ndarray) -> np.ndarray:
        """Compute ``T(y)``."""
        if self.kind == "log1p":
            return _array(np.log1p(y))
        if self.kind == "quantile":
            return _array(np.interp(y, self.knots, self.scores))
        u = np.abs(y) / self.unit
        return np.where(y >= 0, _power(u, self.power), -_power(u, 2 - self.power))

    def inverse(self, t: np.ndarray) -> np.ndarray:
        """Compute the ``y`` whose ``T(y)`` is ``t``.

        >>> transform = Transform("yeo-johnson", -1.0, 9.0, power=0.0)
        >>> transform.inverse(transform.forward(np.array([-1.0, 0.0, 4.0])))
        array([-1.,  0.,  4.])
        """
        if self.kind == "quantile":
            return _array(np.interp(t, self.scores, self.knots))
        lowest, highest = self.forward(np.array(self._range)).tolist()
        t = np.clip(t, lowest, highest)
        if self.kind == "log1p":
            return _array(np.expm1(t))
        size = np.abs(t)
        return self.unit * np.where(
            t >= 0, _root(size, self.power), -_root(size, 2 - self.power)
        )

    @property
    def _range(self) -> tuple[float, float]:
        """Where what is inverted may lie."""
        span = self.high / 2 - self.low / 2  # of numbers near 1e308, too
        lowest = self.low - span - span
        highest = min(self.high + span + span, np.finfo(np.float64).max)
        if self.low > self.least:
            lowest = max(lowest, self.least + (self.low - self.least) / 2)
        lowest = max(lowest, 0.0) if self.low >= 0 else lowest
        return max(lowest, -np.finfo(np.float64).max), highest


def _power(u: np.ndarray, p: float) -> np.ndarray:
    """Compute ``((1 + u)^p - 1) / p``, which is ``log(1 + u)`` at ``p = 0``."""
    logarithm = _array(np.log1p(u))
    return logarithm if abs(p) < 1e-12 else np.expm1(p * logarithm) / p


def _root(t: np.ndarray, p: float) -> np.ndarray:
    """Invert `_power`; large beyond what it reaches (``t >= -1 / p``, ``p < 0``)."""
    if abs(p) < 1e-12:
        return _array(np.expm1(t))
    return _array(np.expm1(np.log1p(np.maximum(p * t, np.nextafter(-1.0, 0.0))) / p))


def _array(values: np.ndarray) -> np.ndarray:
    """Say what NumPy's functions give, which its types leave open."""
    return values


def fit_transform(name: str, values: np.ndarray, wanted: str) -> Transform | None:
    """Learn a transform from the ascending values of the training rows.

    ``"auto"`` leaves a target alone whose skewness is 1 at most, and else takes of
    log1p and Yeo-Johnson the one that leaves less; log1p, the simpler, where they are
    close.

    Raises:
        TableError: for an unknown name, and where ``log1p`` cannot be taken.
    """
    if wanted not in TRANSFORMS:
        known = ", ".join(TRANSFORMS)
        raise TableError(f"target_transform= is one of {known}; not {wanted!r}")
    low, high = float(values[0]), float(values[-1])
    if wanted == "none" or low == high:
        return None
    if wanted == "quantile":
        knots, normal = scores(values)
        return Transform("quantile", low, high, knots=knots, scores=normal)
    if wanted == "log1p":
        if low <= -1:
            bad = np.flatnonzero(values <= -1)
            raise TableError(
                f"the target {name!r} is {low:g} at least, and log1p takes numbers "
                f"above -1 only ({bad.size:,} are not); take "
                "target_transform='yeo-johnson' (--target-transform yeo-johnson)"
            )
        return Transform("log1p", low, high)
    if wanted == "auto" and abs(skewness(values)) <= SKEWED:
        return None
    johnson = _yeo_johnson(values)
    if wanted == "auto" and low >= 0:
        logarithm = Transform("log1p", low, high)
        left = {t.kind: abs(skewness(t.forward(values))) for t in (johnson, logarithm)}
        if left["log1p"] <= left["yeo-johnson"] + CLOSE:
            return logarithm
    return johnson


def skewness(values: np.ndarray) -> float:
    """Compute ``mean(z^3)`` of the standardised values ``z``; 0 if all are equal.

    >>> round(skewness(np.array([0.0, 0.0, 0.0, 4.0])), 3)
    1.155
    """
    largest = float(np.abs(values).max()) or 1.0
    centred = values / largest - np.mean(values / largest)
    spread = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean((centred / spread) ** 3)) if spread else 0.0


def _yeo_johnson(values: np.ndarray) -> Transform:
    """Choose the power of the highest likelihood, by golden section.

    ``log L(p) = -n/2 log var(T(y)) + (p - 1) sum(sign(y) log(1 + |y / unit|))``; it has
    one maximum.
    """
    low, high = float(values[0]), float(values[-1])
    unit = _typical(values)
    logs = np.sign(values) * np.log1p(np.abs(values) / unit)
    total = float(np.mean(logs))

    def badness(power: float) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            t = Transform("yeo-johnson", low, high, power, unit).forward(values)
            spread = float(np.var(t))
        if not 0 < spread < math.inf:
            return math.inf
        return math.log(spread) / 2 - (power - 1) * total

    left, right = POWERS
    while right - left > 1e-4:
        inner = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
        if badness(inner[0]) <= badness(inner[1]):
            right = inner[1]
        else:
            left = inner[0]
    return Transform("yeo-johnson", low, high, (left + right) / 2, unit)


def _typical(values: np.ndarray) -> float:
    """The size of a typical value that is not 0."""
    sizes = np.abs(values[values != 0])
    return float(max(np.median(sizes), sizes.max() * 1e-12))
