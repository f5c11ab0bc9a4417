"""What the estimators make small, with the loss that scikit-learn shows for it.

Where scikit-learn shows another number than the one whose gradient it follows (it
clips probabilities, and takes a mean over outputs where the gradient is of a sum), the
loss has the value of the one and the gradient of the other.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from chainrule import functions as F
from chainrule import losses
from chainrule.losses.reduction import pair, reduced
from chainrule.tensor import Tensor

Objective: TypeAlias = Callable[..., Tensor]


def log_loss(logits: Tensor, target: Any, *, sample_weight: Any = None) -> Tensor:
    """`l = -log p[y]`, `p = softmax(logits)`, for class numbers `y` of shape `(B,)`."""
    rows = losses.cross_entropy(logits, target, reduction="none")
    return reduced("log_loss", _clipped(rows), sample_weight, "mean")


def binary_log_loss(
    logits: Tensor, target: Any, *, sample_weight: Any = None
) -> Tensor:
    """`l = sum over k of -t[k] log p[k] - (1 - t[k]) log(1 - p[k])`, `p` the sigmoid.

    `logits` and `target` have shape `(B, K)`.
    """
    each = losses.binary_cross_entropy(logits, target, reduction="none")
    rows = _over_outputs(_clipped(each))
    return reduced("log_loss", rows, sample_weight, "mean")


def squared_error(prediction: Tensor, target: Any, *, sample_weight: Any) -> Tensor:
    """`l = sum over k of (y[k] - t[k])**2 / 2`; what is shown is the mean over `k`."""
    y, t = pair("squared_error", prediction, target)
    rows = _over_outputs(F.square(y - t)) * 0.5
    mean = _showing(rows, rows * (1 / y.shape[1])) if y.shape[1] > 1 else rows
    return reduced("squared_error", mean, sample_weight, "mean")


def poisson(prediction: Tensor, target: Any, *, sample_weight: Any) -> Tensor:
    """`l = sum over k of t log t - t z - t + e**z`: half of Poisson's deviance.

    `prediction`, `z`, is the logarithm of the mean; shapes are `(B, K)`.
    """
    z, t = pair("poisson", prediction, target)
    saturated = F.where(t == 0, 0.0, t * F.log(F.where(t == 0, 1.0, t))) - t
    rows = _over_outputs(saturated + F.exp(z) - t * z)
    return reduced("poisson", rows, sample_weight, "mean")


def _over_outputs(loss: Tensor) -> Tensor:
    """The sum of each row."""
    return loss.reshape(loss.shape[0]) if loss.shape[1] == 1 else loss.sum(axis=1)


def _clipped(loss: Tensor) -> Tensor:
    """As if of a probability between eps and 1 - eps."""
    eps = float(np.finfo(loss.dtype).eps)
    return _showing(loss, F.clip(loss, -math.log1p(-eps), -math.log(eps)))


def _showing(differentiated: Tensor, shown: Tensor) -> Tensor:
    """The value of the one, with the gradient of the other."""
    return differentiated + F.detach(shown - differentiated)


OBJECTIVES: dict[str, Objective] = {
    "log_loss": log_loss,
    "binary_log_loss": binary_log_loss,
    "squared_error": squared_error,
    "poisson": poisson,
}


def objective(chosen: str | Objective) -> Objective:
    """One of scikit-learn's objectives, a loss of `cr.losses`, or a function as is."""
    if not isinstance(chosen, str):
        return chosen
    return OBJECTIVES[chosen] if chosen in OBJECTIVES else losses.get(chosen)
