"""Losses for classes and probabilities. All take logits: what is before the softmax."""

from chainrule import functions as F
from chainrule import ops
from chainrule.expressions.promote import Operand
from chainrule.losses.reduction import (
    Reduction,
    check_fraction,
    check_range,
    known,
    pair,
    real,
    reduced,
    tensor_of,
)
from chainrule.tensor import Tensor

# How far the probabilities of a row may be from adding up to 1: float16 rounds so much.
_SUM_TOLERANCE = 1e-3


def cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    class_weight: Operand | None = None,
    label_smoothing: float = 0.0,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = -sum over c of w[c] t[c] log p[c]`, where `p = softmax(logits)`.

    For a label `y` that is `l = -w[y] log p[y]`.

    - `logits` has shape `(B, C)`: a column for each of at least two classes.
    - `target` has shape `(B,)` and holds class numbers from 0 to `C - 1`, or it has
      shape `(B, C)` and holds probabilities.
    - `class_weight`, `w`, has shape `(C,)`: what the classes count. Where the targets
      are labels, the mean is divided by the sum of the weights of the rows' classes.
    - `label_smoothing`, `s`, replaces `t` by `(1 - s) t + s / C`: Szegedy et al. 2016,
      "Rethinking the Inception architecture", section 7.

    More axes may stand before the last one of `logits`, and then in `target` too. The
    definitions are those of PyTorch. Raises `ValueError` for shapes that do not fit
    and labels that are no class.

    >>> import chainrule as cr
    >>> cr.losses.cross_entropy([[2.0, 0.0], [0.0, 0.0]], [0, 1], reduction="none")
    tensor([0.12692805, 0.6931472 ])
    """
    check_fraction("cross_entropy", "label_smoothing", label_smoothing, ends=True)
    z = _class_logits("cross_entropy", logits)
    log_p, t = F.log_softmax(z), tensor_of(target)
    w = None if class_weight is None else _class_weight(class_weight, z)
    counted = None
    if t.dtype.kind in "iub" and t.shape == z.shape[:-1]:
        labels = _labels("cross_entropy", t, z)
        counted = None if w is None else _each(w, labels)
        if label_smoothing == 0:
            loss = -_pick(log_p, labels)
            loss = loss if counted is None else loss * counted
            return reduced("cross_entropy", loss, sample_weight, reduction, counted)
        t = F.one_hot(labels, z.shape[-1], z.dtype)
    t = _probabilities("cross_entropy", t, z)
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / z.shape[-1]
    loss = -(log_p * (t if w is None else t * w)).sum(-1)
    return reduced("cross_entropy", loss, sample_weight, reduction, counted)


def binary_cross_entropy(
    logits: Operand,
    target: Operand,
    *,
    class_weight: tuple[float, float] | None = None,
    pos_weight: Operand | None = None,
    label_smoothing: float = 0.0,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = -t log p - (1 - t) log(1 - p)`, where `p = sigmoid(logits)`.

    Computed as `t softplus(-z) + (1 - t) softplus(z)` from the logit `z`: no `p` has
    to round to 0 or 1, and nothing is subtracted.

    - `logits` and `target` have shape `(B,)` or `(B, 1)`; or `(B, K)` for `K`
      questions that are asked of every row. A target is 0, 1 or a probability.
    - `class_weight` is `(w0, w1)`: what a target of 0 and one of 1 count. The mean is
      divided by the sum of the weights, as in `cross_entropy`.
    - `pos_weight`, a number or one for each of the `K`, multiplies the part of the
      loss for 1, and the mean stays divided by the number of losses, as in PyTorch.
    - `label_smoothing`, `s`, replaces `t` by `(1 - s) t + s / 2`.

    Raises `ValueError` for shapes that do not fit and targets that are no probability.

    >>> import chainrule as cr
    >>> cr.losses.binary_cross_entropy([2.0, 0.0], [1, 0], reduction="none")
    tensor([0.126928 , 0.6931472])
    """
    check_fraction(
        "binary_cross_entropy", "label_smoothing", label_smoothing, ends=True
    )
    z, t = pair("binary_cross_entropy", logits, target)
    advice = "targets are 0, 1 or a probability. Labels -1 and 1 are for hinge"
    check_range("binary_cross_entropy", t, 0, 1, advice)
    counted = None
    if class_weight is not None:
        w0, w1 = class_weight
        if not (w0 >= 0 and w1 >= 0):
            raise ValueError(f"binary_cross_entropy: class_weight {w0, w1} is below 0")
        counted = t * (w1 - w0) + w0
    if label_smoothing:
        t = t * (1 - label_smoothing) + label_smoothing / 2
    positive, negative = F.softplus(-z) * t, F.softplus(z) * (1 - t)
    if pos_weight is not None:
        positive = positive * tensor_of(pos_weight).astype(z.dtype)
    if class_weight is not None:
        positive, negative = positive * w1, negative * w0
    loss = positive + negative
    return reduced("binary_cross_entropy", loss, sample_weight, reduction, counted)


def hinge(
    logits: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = max(0, 1 - s z)` for two classes; for more, by how much the label's loses.

    - Two classes: `logits`, `z`, and `target` have shape `(B,)` or `(B, 1)`. A target
      above 0 means `s = 1`, any other `s = -1`: labels are 0 and 1, or -1 and 1.
    - More: `logits` has shape `(B, C)` and `target` has shape `(B,)` with class
      numbers `y`, and `l = max(0, 1 + max of z[c] over c other than y - z[y])`:
      Crammer and Singer 2001, "On the algorithmic implementation of multiclass
      kernel-based vector machines".

    >>> import chainrule as cr
    >>> cr.losses.hinge([2.0, 0.5], [1, 0], reduction="none")
    tensor([0. , 1.5])
    >>> cr.losses.hinge([[2.0, 0.0, 1.5]], [0])
    tensor(0.5)
    """
    z, t = real("hinge", logits), tensor_of(target)
    if z.ndim > t.ndim and z.shape[-1] > 1:
        z = _class_logits("hinge", z)
        labels = _labels("hinge", t, z)
        # The label's own class is among the maximum, so that is never below 0.
        rivals = z + 1 - F.one_hot(labels, z.shape[-1], z.dtype)
        return reduced(
            "hinge", rivals.max(-1) - _pick(z, labels), sample_weight, reduction
        )
    z, t = pair("hinge", z, t)
    check_range("hinge", t, -1, 1, "labels are 0 and 1, or -1 and 1")
    loss = F.relu(1 - F.where(t > 0, z, -z))
    return reduced("hinge", loss, sample_weight, reduction)


def kl_divergence(
    logits: Operand,
    target: Operand,
    *,
    sample_weight: Operand | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """`l = sum over c of t[c] (log t[c] - log p[c])`, where `p = softmax(logits)`.

    How much is lost by taking `p` for the distribution `t`: 0 if they are equal.
    `logits` and `target` have shape `(B, C)`, and each row of `target` holds
    probabilities. Where `t` is 0 it adds nothing. Kullback and Leibler 1951, "On
    information and sufficiency".

    >>> import chainrule as cr
    >>> cr.losses.kl_divergence([[0.0, 0.0]], [[1.0, 0.0]])
    tensor(0.6931472)
    """
    z = _class_logits("kl_divergence", logits)
    t = _probabilities("kl_divergence", tensor_of(target), z)
    log_t = F.log(F.where(t == 0, 1, t))
    loss = (t * (log_t - F.log_softmax(z))).sum(-1)
    return reduced("kl_divergence", loss, sample_weight, reduction)


def _class_logits(name: str, logits: Operand) -> Tensor:
    z = real(name, logits)
    if z.ndim == 0 or z.shape[-1] < 2:
        raise ValueError(
            f"{name}: logits of shape {z.shape} have no column for each of two or more "
            "classes. For one output use binary_cross_entropy"
        )
    return z


def _labels(name: str, labels: Tensor, z: Tensor) -> Tensor:
    """Class numbers that fit the logits, one for each row."""
    classes = z.shape[-1]
    if labels.shape != z.shape[:-1]:
        raise ValueError(
            f"{name}: logits of shape {z.shape} need labels of shape {z.shape[:-1]}, "
            f"one class number for each row, and these have shape {labels.shape}"
        )
    if labels.dtype.kind not in "iub":
        raise TypeError(f"{name}: labels are integers, not {labels.dtype}: cast them")
    if labels.dtype.kind == "b":
        labels = labels.astype("int64")
    last = classes - 1
    advice = (
        f"labels are class numbers from 0 to {last}, for logits of {classes} columns"
    )
    check_range(name, labels, 0, last, advice)
    # While labels are traced nothing is known of them: then it is checked at each run.
    checked = ops.checked_index(labels.value, classes, z.ndim - 1, negative=False)
    return Tensor(checked)


def _pick(x: Tensor, labels: Tensor) -> Tensor:
    """`y[i] = x[i, labels[i]]`."""
    axis = x.ndim - 1
    index = ops.reshape(labels.value, (*labels.shape, 1))
    return Tensor(ops.gather(x.value, index, axis)).reshape(labels.shape)


def _each(w: Tensor, labels: Tensor) -> Tensor:
    """`y[i] = w[labels[i]]`."""
    return Tensor(ops.take(w.value, (0,), [labels.value]))


def _class_weight(class_weight: Operand, z: Tensor) -> Tensor:
    w = tensor_of(class_weight).astype(z.dtype)
    if w.shape != z.shape[-1:]:
        raise ValueError(
            f"cross_entropy: class_weight has shape {w.shape}, and logits of shape "
            f"{z.shape} have {z.shape[-1]} classes: it takes one weight for each"
        )
    numbers = known(w)
    if numbers is not None and not (numbers >= 0).all():
        raise ValueError(
            f"cross_entropy: class_weight {numbers}: weights are 0 or more"
        )
    return w


def _probabilities(name: str, t: Tensor, z: Tensor) -> Tensor:
    if t.shape != z.shape:
        raise ValueError(
            f"{name}: logits of shape {z.shape} need integer labels of shape "
            f"{z.shape[:-1]} or probabilities of shape {z.shape}, and the target is "
            f"{t.value.type}"
        )
    check_range(name, t, 0, 1, "targets are probabilities, between 0 and 1")
    numbers = known(t)
    if numbers is not None:
        sums = numbers.sum(-1)
        wrong = abs(sums - 1) > _SUM_TOLERANCE
        if wrong.any():
            raise ValueError(
                f"{name}: the probabilities in a row of the target add up to "
                f"{sums[wrong].flat[0]:g}, not 1"
            )
    return t if t.dtype == z.dtype else t.astype(z.dtype)
