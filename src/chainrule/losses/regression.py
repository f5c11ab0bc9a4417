"""Losses for numbers."""

import math
from collections.abc import Sequence

import numpy as np

from chainrule import functions as F
from chainrule.expressions.promote import Operand
from chainrule.ir import Array
from chainrule.losses.reduction import (
    Reduction,
    check_fraction,
    check_range,
    pair,
    real,
    reduced,
    tensor_of,
)
from chainrule.tensor import Tensor


def squared_error(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = (y - t)**2` for a prediction `y` of a target `t`.

    Its best constant prediction is the mean. Shapes `(B,)`, `(B, 1)` or `(B, ...)`.

    >>> import chainrule as cr
    >>> cr.losses.squared_error([1.0, 2.0], [1.0, 4.0])
    tensor(2.)
    """
    y, t = pair("squared_error", prediction, target)
    return reduced("squared_error", F.square(y - t), sample_weight, reduction)


def absolute_error(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = |y - t|` for a prediction `y` of a target `t`.

    Its best constant prediction is the median, so outliers hardly matter. Shapes
    `(B,)`, `(B, 1)` or `(B, ...)`.

    >>> import chainrule as cr
    >>> cr.losses.absolute_error([1.0, 2.0], [1.0, 4.0])
    tensor(1.)
    """
    y, t = pair("absolute_error", prediction, target)
    return reduced("absolute_error", F.abs(y - t), sample_weight, reduction)


def huber(
    prediction: Operand,
    target: Operand,
    *,
    delta: float = 1.0,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = r**2 / 2` where `|r| <= delta`, else `delta (|r| - delta / 2)`; `r = y - t`.

    Squared near the target, absolute far from it. Huber 1964, "Robust estimation of a
    location parameter". Shapes `(B,)`, `(B, 1)` or `(B, ...)`.

    >>> import chainrule as cr
    >>> cr.losses.huber([1.0, 2.0], [1.5, 5.0], reduction="none")
    tensor([0.125, 2.5  ])
    """
    if not delta > 0:
        raise ValueError(f"huber: delta is above 0, not {delta}")
    y, t = pair("huber", prediction, target)
    r = y - t
    near = F.clip(r, -delta, delta)
    # Near the target this is r (r - r/2), far from it delta (|r| - delta/2).
    return reduced("huber", near * (r - near * 0.5), sample_weight, reduction)


def quantile(
    prediction: Operand,
    target: Operand,
    *,
    q: float | Sequence[float] = 0.5,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = q r` where `r >= 0`, else `(q - 1) r`; `r = t - y`. Also the pinball loss.

    Its best constant prediction is the `q`-quantile of the targets: Koenker and
    Bassett 1978, "Regression quantiles". Shapes `(B,)`, `(B, 1)` or `(B, ...)`.

    A sequence of `K` quantiles is for predictions of shape `(B, K)`, or `(..., K)`: one
    column for each, in that order. The targets are one for each row, `(B,)` or
    `(B, 1)`, or one for each prediction, `(B, K)`. The mean is that of all of them.

    Nothing keeps predicted quantiles in order: where they are close together, or in a
    row unlike those of the training, that of 0.9 may lie below that of 0.5. To sort
    those of each row (`np.sort(y, axis=-1)`, where `q` rises) puts them right, and
    never makes this loss larger: Chernozhukov, Fernandez-Val and Galichon 2010,
    "Quantile and probability curves without crossing".

    Raises `ValueError` for a `q` that is not between 0 and 1, and for a prediction
    that has not one column for each.

    >>> import chainrule as cr
    >>> cr.losses.quantile([1.0, 2.0], [2.0, 1.0], q=0.9, reduction="none")
    tensor([0.9, 0.1])
    >>> y = [[1.0, 3.0, 4.0], [1.0, 2.0, 3.0]]
    >>> cr.losses.quantile(y, [2.0, 4.0], q=[0.1, 0.5, 0.9], reduction="none")
    tensor([[0.1, 0.5, 0.2],
            [0.3, 1. , 0.9]])
    """
    shares = np.asarray(q, np.float64)
    for share in shares.flat:
        check_fraction("quantile", "q", float(share), ends=False)
    if shares.ndim == 0:
        y, t = pair("quantile", prediction, target)
    else:
        y, t = _pair_of_columns(prediction, target, shares)
    r = t - y
    loss = F.maximum(r * shares.astype(y.dtype), r * (shares - 1).astype(y.dtype))
    return reduced("quantile", loss, sample_weight, reduction)


def _pair_of_columns(
    prediction: Operand, target: Operand, q: Array
) -> tuple[Tensor, Tensor]:
    """Both as real numbers of the shape of the prediction, one column for each `q`."""
    y, t = real("quantile", prediction), tensor_of(target)
    if y.ndim < 2 or y.shape[-1:] != q.shape:
        raise ValueError(
            f"quantile: the prediction has shape {y.shape}; for q={q.tolist()} it has "
            f"one column for each, (B, {len(q)})"
        )
    rows = y.shape[:-1]
    if t.shape == rows:
        t = t.reshape((*rows, 1))
    if t.shape == (*rows, 1):
        t = F.broadcast_to(t, y.shape)
    return pair("quantile", y, t)


def poisson(
    prediction: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = e**z - t z`, for counts `t` of which `z` is the logarithm of the mean.

    The negative logarithm of Poisson's probability, but for `log t!`, which does not
    depend on the prediction. Targets are 0 or more. Shapes `(B,)`, `(B, 1)` or
    `(B, ...)`.

    >>> import chainrule as cr
    >>> cr.losses.poisson([0.0, 0.0], [1.0, 3.0])
    tensor(1.)
    """
    z, t = pair("poisson", prediction, target)
    check_range("poisson", t, 0, math.inf, "counts are 0 or more")
    return reduced("poisson", F.exp(z) - t * z, sample_weight, reduction)


def cosine(
    prediction: Operand,
    target: Operand,
    *,
    epsilon: float = 1e-8,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = 1 - y . t / (|y| |t|)`: 0 for vectors of one direction, 2 for opposite ones.

    Of shapes `(B, D)`, one vector in each row, or `(..., D)`. A length below `epsilon`
    counts as `epsilon`, so a vector of zeros has the loss 1.

    >>> import chainrule as cr
    >>> cr.losses.cosine([[1.0, 0.0], [1.0, 1.0]], [[2.0, 0.0], [-1.0, -1.0]],
    ...                  reduction="none")
    tensor([0., 2.])
    """
    y, t = pair("cosine", prediction, target)
    if y.ndim == 0:
        raise ValueError(
            "cosine: takes vectors along the last axis, and this is one number"
        )
    loss = 1 - (_unit(y, epsilon) * _unit(t, epsilon)).sum(-1)
    return reduced("cosine", loss, sample_weight, reduction)


def _unit(x: Tensor, epsilon: float) -> Tensor:
    """Vectors of length 1; the square is bounded, for a root has no slope at 0."""
    square = F.square(x).sum(-1, keepdims=True)
    return x * F.rsqrt(F.maximum(square, epsilon**2))
