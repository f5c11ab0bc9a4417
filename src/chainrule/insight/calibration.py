"""Probabilities that come true as often as they say: `calibrate`, `reliability`."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.insight.text import table
from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.optim import LBFGS
from chainrule.training.metrics import (
    Binning,
    calibration_curve,
    expected_calibration_error,
)
from chainrule.training.program import predict
from chainrule.training.scores import probabilities

Floats: TypeAlias = NDArray[np.float64]
Method: TypeAlias = Literal["temperature", "vector"]

_LEAST = 1e-3  # how far logits are apart at the highest temperature there is


@dataclass(frozen=True, eq=False)
class Calibration:
    """`z -> scale z + shift` for logits `z`, found on rows that were held out.

    `scale` and `shift` are numbers, or have one for each logit of a row. `before` and
    `after` are the mean cross-entropies of those rows. Called with logits of shape
    `(rows,)` or `(rows, logits)`, it gives calibrated ones.
    """

    method: Method
    scale: Floats
    shift: Floats
    before: float
    after: float

    @property
    def temperature(self) -> float:
        """`T = 1 / scale`, where there is one scale: above 1 the network was too sure.

        Raises `ValueError` where each logit has a scale of its own.
        """
        if self.scale.size != 1:
            raise ValueError("each logit has a scale of its own, and there is no one T")
        return float(1 / self.scale)

    def __call__(self, logits: ArrayLike) -> Floats:
        """Calibrated logits, in float64."""
        return np.asarray(logits, np.float64) * self.scale + self.shift

    def probabilities(self, logits: ArrayLike) -> Array:
        """Calibrated probabilities, of shape `(rows, classes)`."""
        return probabilities(_table(self(logits)))

    def last_layer(self, W: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
        """The weights and biases of a last layer that gives calibrated logits.

        `z = h W + b`, so that `a z + c = h (a W) + (a b + c)`.

        >>> found = calibrate_logits([1.0, 3.0, -3.0], [0, 1, 0], "vector")
        >>> W, b = found.last_layer([[2.0]], [1.0])
        >>> bool(np.allclose([[3.0]] @ W + b, found([[7.0]])))
        True
        """
        return np.asarray(W) * self.scale, self(b)

    def __repr__(self) -> str:
        one = self.method == "temperature"
        what = f"temperature {self.temperature:.4g}" if one else "vector scaling"
        return f"{what}: cross-entropy {self.before:.4g} became {self.after:.4g}"


def calibrate(
    net: Module,
    X: Any,
    y: ArrayLike,
    method: Method = "temperature",
    *,
    sample_weight: ArrayLike | None = None,
) -> Calibration:
    """How to correct the logits of `net`, so that its probabilities come true.

    `X` and `y` are rows that it was not trained on: on those that it was, it is right
    more often than it will be. See `calibrate_logits` for the methods.

    >>> import chainrule as cr
    >>> net = cr.nn.Dense(1, 1, W_init="ones")
    >>> X, y = [[3.0], [3.0], [3.0], [-3.0]], [1, 1, 0, 0]
    >>> calibration = cr.insight.calibrate(net, X, y)
    >>> calibration.probabilities(net(X).numpy())[:, 1].round(3)
    array([0.75, 0.75, 0.75, 0.25])
    """
    return calibrate_logits(predict(net, X), y, method, sample_weight=sample_weight)


def calibrate_logits(
    logits: ArrayLike,
    y: ArrayLike,
    method: Method = "temperature",
    *,
    sample_weight: ArrayLike | None = None,
) -> Calibration:
    """The correction of logits that makes the cross-entropy of the rows smallest.

    `logits` has shape `(rows,)` or `(rows, 1)` for the second of two classes, or
    `(rows, classes)`; `y` holds class numbers.

    - `"temperature"`: `z / T`, one number for all, so the most likely class stays the
      same. Guo et al. 2017, "On calibration of modern neural networks", section 4.2.
      `T` is at most 1000 times the largest distance of two logits of a row, which makes
      all classes about equally likely. Where every row is right, a lower `T` would
      always be better, and nobody can know which: then it stays 1.
    - `"vector"`: `a z + c`, with a scale and a shift for each logit; of a single one,
      this is Platt's scaling. A row of a class with `n` rows counts as one of it with
      probability `(n + 1) / (n + classes)` only, and as one of each other class with
      `1 / (n + classes)`, so that there is always a best: Platt 1999, "Probabilistic
      outputs for support vector machines", section 2.2.

    Raises `ValueError` for labels that are no class and logits that are not finite.

    >>> calibrate_logits([3.0, 3.0, 3.0, -3.0], [1, 1, 0, 0]).temperature.__round__(3)
    2.731
    """
    z, labels, counts = _checked(logits, y, sample_weight)
    weights = counts / counts.sum()
    if method == "temperature":
        scale = np.array(_inverse_temperature(_both(z), labels, weights))
        shift = np.zeros(())
    elif method == "vector":
        scale, shift = _vector(z, labels, counts)
    else:
        raise ValueError(f"method={method!r} has to be 'temperature' or 'vector'")
    before, after = (
        _cross_entropy(_both(t), labels, weights) for t in (z, z * scale + shift)
    )
    return Calibration(method, scale, shift, before, after)


# --- one number -------------------------------------------------------------------


def _inverse_temperature(z: Floats, labels: Array, weights: Floats) -> float:
    """`b = 1/T` where `L(b) = mean of -log softmax(b z)[y]` is smallest.

    `L'(b) = mean of (E_p[z] - z_y)` rises with `b`, for `L'' = mean of Var_p[z]`. So
    Newton's steps, kept between two bounds, find where it is 0.
    """
    rows = np.arange(len(z))
    # What is subtracted from all logits of a row changes nothing.
    z = z - z.max(axis=1, keepdims=True)
    own = z[rows, labels]
    if not weights @ -own > 0:
        return 1.0  # every row is right: L falls for ever

    def slopes(b: float) -> tuple[float, float]:
        p = np.exp(b * z)
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * z).sum(axis=1)
        spread = (p * np.square(z - mean[:, None])).sum(axis=1)
        return float(weights @ (mean - own)), float(weights @ spread)

    low = _LEAST / float(-z.min())
    if slopes(low)[0] >= 0:
        return low
    high = 2 * low
    while slopes(high)[0] < 0:
        low, high = high, 2 * high
    b = (low + high) / 2
    for _ in range(200):
        slope, curvature = slopes(b)
        low, high = (b, high) if slope < 0 else (low, b)
        newton = b - slope / curvature if curvature > 0 else low
        after = newton if low < newton < high else (low + high) / 2
        if abs(after - b) <= 1e-14 * b:
            break
        b = after
    return b


# --- a scale and a shift for each logit ----------------------------------------------


def _vector(z: Floats, labels: Array, counts: Floats) -> tuple[Floats, Floats]:
    count, weights = z.shape[1], counts / counts.sum()
    classes = max(count, 2)
    sizes = np.bincount(labels, counts, classes)
    targets = np.full((len(z), classes), 1.0) / (sizes[labels] + classes)[:, None]
    targets[np.arange(len(z)), labels] *= sizes[labels] + 1
    # In units of their own spread, so that no direction is much steeper than another.
    unit = z.std(axis=0)
    unit = np.where(unit > 0, unit, 1.0)

    def evaluate(x: Floats) -> tuple[float, Floats]:
        logits = _both(z / unit * x[:count] + x[count:])
        log_p = _log_softmax(logits)
        loss = -weights @ (targets * log_p).sum(axis=1)
        dz = (weights[:, None] * (np.exp(log_p) - targets))[:, -count:]
        return float(loss), np.concatenate(
            [(dz * z / unit).sum(axis=0), dz.sum(axis=0)]
        )

    start = np.concatenate([unit, np.zeros(count)])
    x, _ = LBFGS(gradient_tolerance=1e-9).minimize(evaluate, start)
    shift = x[count:]
    return x[:count] / unit, shift - shift.mean() if count > 1 else shift


# --- how well they come true ------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reliability:
    """How often what was predicted came true, by how probable it was said to be.

    - `predicted` and `observed`: of each bin the mean probability, and how often it
      came true; `rows`: how many rows it has, or the sum of their weights.
    - `error`: the expected calibration error, the mean distance of the two.
    """

    predicted: Floats
    observed: Floats
    rows: Floats
    error: float = field(default=0.0)

    def __repr__(self) -> str:
        shown = [
            (f"{p:.1%}", f"{o:.1%}", f"{n:,.6g}")
            for p, o, n in zip(self.predicted, self.observed, self.rows, strict=True)
        ]
        lines = table([("predicted", "came true", "rows"), *shown])
        return "\n".join([*lines, f"expected calibration error {self.error:.2%}"])


def reliability(
    y: ArrayLike,
    probabilities: ArrayLike,
    *,
    bins: int = 10,
    strategy: Binning = "uniform",
    sample_weight: ArrayLike | None = None,
) -> Reliability:
    """What probabilities promise, and what came of it, in bins.

    `probabilities` has shape `(rows,)`, those of class 1, or `(rows, classes)`: then it
    is the probability of the most likely class, and whether it was right. `strategy`
    makes bins of one width ("uniform") or of equally many rows ("quantile").

    >>> p = np.array([0.9, 0.9, 0.9, 0.9, 0.2, 0.2])
    >>> reliability([1, 1, 1, 0, 0, 1], p, bins=2)
      predicted  came true  rows
          20.0%      50.0%     2
          90.0%      75.0%     4
    expected calibration error 20.00%
    """
    truth, p = np.asarray(y), np.asarray(probabilities)
    how: dict[str, Any] = {"bins": bins, "strategy": strategy}
    how["sample_weight"] = sample_weight
    error = expected_calibration_error(truth, p, **how)
    if p.ndim == 2:
        truth, p = (p.argmax(axis=1) == truth).astype(int), p.max(axis=1)
    return Reliability(*calibration_curve(truth, p, **how), error)


# --- helpers ----------------------------------------------------------------------


def _checked(
    logits: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Floats, Array, Floats]:
    """The logits as a table, class numbers, and how often each row counts."""
    z, labels = _table(np.asarray(logits, np.float64)), np.asarray(y)
    if z.ndim != 2 or not z.size or not np.isfinite(z).all():
        raise ValueError(
            f"logits of shape {np.shape(logits)} have to be finite numbers of shape "
            "(rows,) or (rows, classes)"
        )
    if labels.shape == (len(z), 1):
        labels = labels[:, 0]
    if labels.shape != (len(z),):
        raise ValueError(f"there are {len(z)} rows of logits, and y is {labels.shape}")
    classes = max(z.shape[1], 2)
    fine = (labels == np.round(labels)) & (labels >= 0) & (labels < classes)
    if not fine.all():
        raise ValueError(f"{labels[~fine][0]} is no class: they are 0 to {classes - 1}")
    weights = np.ones(len(z)) if sample_weight is None else np.asarray(sample_weight)
    if weights.shape != (len(z),) or not (weights >= 0).all() or not weights.any():
        raise ValueError(
            f"sample_weight needs {len(z)} numbers of at least 0 that are not all 0"
        )
    return z, labels.astype(np.int64), weights.astype(np.float64)


def _table(z: Array) -> Array:
    return z[:, None] if z.ndim == 1 else z


def _both(z: Floats) -> Floats:
    """Logits of every class: those of the first of two are 0."""
    return np.concatenate([0 * z, z], axis=1) if z.shape[1] == 1 else z


def _log_softmax(z: Floats) -> Floats:
    z = z - z.max(axis=1, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))


def _cross_entropy(z: Floats, labels: Array, weights: Floats) -> float:
    return float(-weights @ _log_softmax(z)[np.arange(len(z)), labels])
