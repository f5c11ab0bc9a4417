"""What all losses have in common: rows, weights, and how a batch becomes one number.

The words used throughout:

- `prediction` has shape `(B,)` or `(B, ...)`, one row for each example; `logits` are
  predictions before softmax or sigmoid.
- `sample_weight` has shape `(B,)`: what each row counts. Without it each counts 1.
- `reduction` is `"mean"`, `sum(w l) / sum(w)` over all losses `l` with their weights
  `w`; `"sum"`, `sum(w l)`; or `"none"`, every `w l`.
"""

from typing import Literal, TypeAlias

import numpy as np

from chainrule import functions as F
from chainrule.expressions.promote import Operand, as_value, floating
from chainrule.ir import Array
from chainrule.tensor import Tensor

Reduction: TypeAlias = Literal["mean", "sum", "none"]


def tensor_of(x: Operand) -> Tensor:
    """`x` as a tensor."""
    return x if isinstance(x, Tensor) else Tensor(as_value(x))


def real(name: str, x: Operand) -> Tensor:
    """A prediction as a tensor of real numbers; refused if it is empty."""
    prediction = Tensor(floating(x))
    if prediction.size == 0:
        raise ValueError(
            f"{name}: the prediction of shape {prediction.shape} is empty, and nothing "
            "has no mean"
        )
    return prediction


def known(x: Tensor) -> Array | None:
    """The numbers in a tensor; none while it is traced."""
    return x.value.data


def pair(name: str, prediction: Operand, target: Operand) -> tuple[Tensor, Tensor]:
    """Both as real numbers of one dtype and one shape.

    `(B,)` and `(B, 1)` are taken for each other. No other shapes are: broadcasting
    `(B, 1)` against `(B,)` would compare each row with every other.
    """
    y, t = real(name, prediction), tensor_of(target)
    if (*t.shape, 1) == y.shape or t.shape == (*y.shape, 1):
        t = t.reshape(y.shape)
    if t.shape != y.shape:
        raise ValueError(
            f"{name}: the prediction has shape {y.shape} and the target {t.shape}: "
            "each number that is predicted needs one target"
        )
    return y, t if t.dtype == y.dtype else t.astype(y.dtype)


def reduced(
    name: str,
    loss: Tensor,
    sample_weight: Operand | None,
    reduction: Reduction,
    counted: Tensor | None = None,
) -> Tensor:
    """The losses of a batch as `reduction` says.

    `counted` are weights, of the shape of `loss`, that have been multiplied into it.
    """
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(
            f"{name}: reduction is 'mean', 'sum' or 'none', not {reduction!r}"
        )
    if sample_weight is not None:
        weight = _row_weight(name, sample_weight, loss)
        loss = loss * weight
        counted = weight if counted is None else counted * weight
    if reduction == "none":
        return loss
    if reduction == "sum":
        return loss.sum()
    return loss.mean() if counted is None else loss.sum() / _total(name, counted)


def _row_weight(name: str, sample_weight: Operand, loss: Tensor) -> Tensor:
    """One weight for each loss, of those that each row has."""
    weight = tensor_of(sample_weight).astype(loss.dtype)
    if weight.shape == (*loss.shape[:1], 1):
        weight = weight.reshape(loss.shape[:1])
    if weight.shape == loss.shape[:1]:
        weight = weight.reshape(weight.shape + (1,) * (loss.ndim - weight.ndim))
    elif weight.shape != loss.shape:
        raise ValueError(
            f"{name}: sample_weight has shape {weight.shape}, and there are "
            f"{loss.shape[0] if loss.ndim else 1} rows: it takes one weight for each"
        )
    numbers = known(weight)
    if numbers is not None and not (numbers >= 0).all():
        wrong = numbers[~(numbers >= 0)].flat[0]
        raise ValueError(f"{name}: sample_weight has {wrong}: weights are 0 or more")
    return F.broadcast_to(weight, loss.shape)


def _total(name: str, weight: Tensor) -> Tensor:
    total = weight.sum()
    number = known(total)
    if number is not None and number == 0:
        raise ValueError(f"{name}: all weights are 0, so there is no mean")
    return total


def check_range(
    name: str, target: Tensor, low: float, high: float, advice: str
) -> None:
    """Raise `ValueError` if a target is known to be outside of `[low, high]`."""
    numbers = known(target)
    if numbers is None or ((numbers >= low) & (numbers <= high)).all():
        return
    wrong = np.asarray(numbers)[~((numbers >= low) & (numbers <= high))].flat[0]
    raise ValueError(f"{name}: {wrong} is no target: {advice}")


def check_fraction(name: str, argument: str, value: float, *, ends: bool) -> None:
    """Raise `ValueError` unless `value` is between 0 and 1, the `ends` included or not.

    For a share such as `label_smoothing`, a quantile.
    """
    if not (0 < value < 1 or (ends and value in (0, 1))):
        raise ValueError(f"{name}: {argument} is between 0 and 1, not {value}")
