"""What a prediction is worth: scores for classes, probabilities and numbers.

The words used throughout:

- `y` holds the truth, one entry a row. For labels it may be text or numbers; where
  probabilities are scored it holds class numbers, `y[i] = k` for column `k`.
- `probabilities` has shape `(rows, classes)`, each row summing to 1; for two classes
  it may be `(rows,)`, the probability of class 1.
- `sample_weight` has shape `(rows,)`: what each row counts. Without it each counts 1.

Everything is computed in float64. Empty input, unequal lengths and values that are
not finite raise a `ValueError` which says where.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "CalibrationCurve",
    "ClassScores",
    "RocCurve",
    "accuracy",
    "balanced_accuracy",
    "brier_score",
    "calibration_curve",
    "confusion_matrix",
    "expected_calibration_error",
    "log_loss",
    "mean_absolute_error",
    "mean_squared_error",
    "precision_recall_f1",
    "r2_score",
    "roc_auc",
    "roc_curve",
    "root_mean_squared_error",
]

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.intp]
Binning: TypeAlias = Literal["uniform", "quantile"]

# How far the probabilities of a row may be from summing to 1: float16 rounds this much.
SUM_TOLERANCE = 1e-3

TEXT = {"U", "S", "T"}  # NumPy's letters for its kinds of text


class ClassScores(NamedTuple):
    """The scores of every class, in the order of `classes`, and their plain means."""

    classes: tuple[Any, ...]
    precision: Floats
    recall: Floats
    f1: Floats
    support: Floats
    macro_precision: float
    macro_recall: float
    macro_f1: float


class RocCurve(NamedTuple):
    """The corners of a ROC curve, from (0, 0) to (1, 1)."""

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats


class CalibrationCurve(NamedTuple):
    """What was predicted and what happened, in every bin that holds a row.

    `rows` is the number of rows in the bin, or the sum of their weights.
    """

    predicted: Floats
    observed: Floats
    rows: Floats


# Labels -------------------------------------------------------------------------------


def accuracy(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of right answers: `sum_i w_i [predicted_i = y_i] / sum_i w_i`.

    Example:
        >>> accuracy(["cat", "dog", "dog", "cat"], ["cat", "dog", "cat", "cat"])
        0.75
    """
    actual, guess, weight = _label_pairs(y, predicted, sample_weight)
    return float(np.average(actual == guess, weights=weight))


def balanced_accuracy(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean over the classes in `y` of the share of their rows that are found.

    `mean_k (rows of class k predicted as k / rows of class k)`: a class of ten rows
    counts as much as one of ten thousand.

    Example:
        >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
        0.5
    """
    actual, guess, weight = _label_pairs(y, predicted, sample_weight)
    counted = weight > 0
    classes, number = np.unique(actual[counted], return_inverse=True)
    right = (actual == guess)[counted]
    total = _totals(number, weight[counted], len(classes))
    found = _totals(number, weight[counted] * right, len(classes))
    return float(np.mean(found / total))


def confusion_matrix(
    y: ArrayLike,
    predicted: ArrayLike,
    *,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> Floats:
    """`C[j, k]`: how many rows of class `j` were predicted as class `k`.

    Shape `(classes, classes)`, in the order of `classes`, or of the sorted labels that
    occur. Raises `ValueError` for a label that is not among `classes`.

    Example:
        >>> confusion_matrix(["a", "a", "b"], ["a", "b", "b"])
        array([[1., 1.],
               [0., 1.]])
    """
    actual, guess, weight = _label_pairs(y, predicted, sample_weight)
    known, j, k = _numbered(actual, guess, classes)
    C = np.zeros((len(known), len(known)))
    np.add.at(C, (j, k), weight)
    return C


def precision_recall_f1(
    y: ArrayLike,
    predicted: ArrayLike,
    *,
    classes: Sequence[Any] | None = None,
    sample_weight: ArrayLike | None = None,
) -> ClassScores:
    """Precision, recall and F1 of every class, and their means.

    With `right_k` the rows of class `k` predicted as `k`:

    - `precision_k = right_k / rows predicted as k`
    - `recall_k = right_k / rows of class k`
    - `f1_k = 2 right_k / (rows predicted as k + rows of class k)`

    A score whose denominator is 0 is 0. The macro scores are plain means over all
    the classes; `support` is the number of rows of each.

    Example:
        >>> scores = precision_recall_f1([0, 0, 1, 1], [0, 1, 1, 1])
        >>> scores.recall
        array([0.5, 1. ])
        >>> round(scores.macro_f1, 4)
        0.7333
    """
    actual, guess, weight = _label_pairs(y, predicted, sample_weight)
    known, j, k = _numbered(actual, guess, classes)
    n = len(known)
    right = _totals(j[j == k], weight[j == k], n)
    support = _totals(j, weight, n)
    named = _totals(k, weight, n)
    precision = _ratio(right, named)
    recall = _ratio(right, support)
    f1 = _ratio(2 * right, named + support)
    return ClassScores(
        tuple(known),
        precision,
        recall,
        f1,
        support,
        float(precision.mean()),
        float(recall.mean()),
        float(f1.mean()),
    )


# Probabilities ------------------------------------------------------------------------


def log_loss(
    y: ArrayLike, probabilities: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean surprise, in nats: `-sum_i w_i log p[i, y_i] / sum_i w_i`.

    Probabilities are first clipped to `[eps, 1 - eps]`, with `eps` the rounding unit
    of their dtype, so that a certain and wrong answer costs much but not infinity.
    A network is trained from its logits instead, where nothing needs clipping.

    Example:
        >>> round(log_loss([1, 0], [0.9, 0.2]), 4)
        0.1643
    """
    p = _probabilities(probabilities)
    y_number = _class_numbers(y, p)
    weight = _weights(sample_weight, len(p))
    given = np.asarray(probabilities).dtype
    eps = np.finfo(given if given.kind == "f" else np.float64).eps
    likelihood = np.clip(p[np.arange(len(p)), y_number], eps, 1 - eps)
    return float(np.average(-np.log(likelihood), weights=weight))


def brier_score(
    y: ArrayLike, probabilities: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Squared distance of the probabilities from the truth.

    Two classes: `mean_i (p_i - y_i)^2`, from 0 to 1.
    More: `mean_i sum_k (p[i, k] - [y_i = k])^2`, from 0 to 2 (Brier 1950, eq. 2).

    Example:
        >>> round(brier_score([1, 0], [0.9, 0.2]), 4)
        0.025
    """
    p = _probabilities(probabilities)
    y_number = _class_numbers(y, p)
    weight = _weights(sample_weight, len(p))
    error = p.copy()
    error[np.arange(len(p)), y_number] -= 1
    distance = np.square(error).sum(axis=1)
    if p.shape[1] == 2:
        distance /= 2  # the two columns hold the same error
    return float(np.average(distance, weights=weight))


def roc_curve(
    y: ArrayLike, scores: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> RocCurve:
    """The share of positives found against the share of false alarms.

    For every threshold `t`, "positive" is said where `score >= t`:

    - `true_positive_rate(t)`: the share of the rows with `y = 1` for which it is said
    - `false_positive_rate(t)`: the share of the rows with `y = 0` for which it is said

    `y` holds 0 and 1; `scores` any finite numbers that grow with the belief in 1.
    Only corners are kept: points on a straight line between others are left out.
    The first threshold is infinite: nothing is called positive.
    Raises `ValueError` where `y` has rows of one kind only.

    Example:
        >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        >>> curve.true_positive_rate
        array([0. , 0.5, 0.5, 1. , 1. ])
    """
    positive, score, weight = _binary(y, scores, sample_weight)
    order = np.argsort(-score, kind="stable")
    positive, score, weight = positive[order], score[order], weight[order]
    last_of_tie = np.append(np.flatnonzero(np.diff(score)), len(score) - 1)
    found = np.cumsum(weight * positive)[last_of_tie]
    alarms = np.cumsum(weight * ~positive)[last_of_tie]
    corner = np.ones(len(found), dtype=bool)
    corner[1:-1] = (np.diff(found, 2) != 0) | (np.diff(alarms, 2) != 0)
    return RocCurve(
        np.append(0.0, alarms[corner] / alarms[-1]),
        np.append(0.0, found[corner] / found[-1]),
        np.append(np.inf, score[last_of_tie][corner]),
    )


def roc_auc(
    y: ArrayLike, scores: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Area under the ROC curve: `P(score of a positive > score of a negative)`.

    Ties count one half. 1 is a perfect order, 0.5 a random one.

    `scores` of shape `(rows,)` belong to class 1; of shape `(rows, classes)`, `y`
    holds class numbers, and with more than two classes the result is the mean of
    each class against the rest (one-vs-rest, macro) over the classes which have
    rows in `y`. Raises `ValueError` where `y` has rows of one class only.

    Example:
        >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
        0.75
    """
    score = _finite("scores", scores)
    if score.ndim == 1:
        return _area(roc_curve(y, score, sample_weight=sample_weight))
    y_number = _class_numbers(y, score)
    if score.shape[1] == 2:
        return roc_auc(y_number, score[:, 1], sample_weight=sample_weight)
    weight = _weights(sample_weight, len(score))
    present = np.unique(y_number[weight > 0])
    if len(present) < 2:
        raise ValueError(_one_kind(f"class {present[0]}"))
    return float(
        np.mean(
            [
                _area(roc_curve(y_number == k, score[:, k], sample_weight=weight))
                for k in present
            ]
        )
    )


def calibration_curve(
    y: ArrayLike,
    probabilities: ArrayLike,
    *,
    bins: int = 10,
    strategy: Binning = "uniform",
    sample_weight: ArrayLike | None = None,
) -> CalibrationCurve:
    """Per bin of the probability of class 1: its mean, and how often 1 came true.

    `predicted_b = mean_{i in b} p_i`, `observed_b = mean_{i in b} y_i`. `probabilities`
    has shape `(rows,)`. Bins are equally wide ("uniform") or hold equally many rows
    ("quantile"); empty ones are left out.

    Example:
        >>> curve = calibration_curve([0, 1, 1, 1], [0.1, 0.3, 0.8, 0.9], bins=2)
        >>> curve.predicted, curve.observed, curve.rows
        (array([0.2 , 0.85]), array([0.5, 1. ]), array([2., 2.]))
    """
    p = _probabilities(probabilities)
    if np.ndim(probabilities) != 1 or p.shape[1] != 2:
        raise ValueError(
            "calibration_curve needs probabilities of shape (rows,), those of one"
            f" class; got shape {np.shape(probabilities)}"
        )
    y_number = _class_numbers(y, p)
    weight = _weights(sample_weight, len(p))
    return _calibration(y_number.astype(float), p[:, 1], weight, bins, strategy)


def expected_calibration_error(
    y: ArrayLike,
    probabilities: ArrayLike,
    *,
    bins: int = 10,
    strategy: Binning = "uniform",
    sample_weight: ArrayLike | None = None,
) -> float:
    """How far the probabilities are from the frequencies, on average.

    `sum_b n_b |observed_b - predicted_b| / sum_b n_b` over the bins of
    `calibration_curve`. With `probabilities` of shape `(rows,)` it is the probability
    of class 1 against its frequency; with `(rows, classes)` the probability of the
    most likely class against the share of right answers (Guo et al. 2017, eq. 3).

    Example:
        >>> y, p = [0, 1, 1, 1], [0.1, 0.3, 0.8, 0.9]
        >>> round(expected_calibration_error(y, p, bins=2), 4)
        0.225
    """
    p = _probabilities(probabilities)
    y_number = _class_numbers(y, p)
    weight = _weights(sample_weight, len(p))
    if np.ndim(probabilities) == 1:
        event, belief = y_number.astype(float), p[:, 1]
    else:
        event, belief = (p.argmax(axis=1) == y_number).astype(float), p.max(axis=1)
    curve = _calibration(event, belief, weight, bins, strategy)
    gap = np.abs(curve.observed - curve.predicted)
    return float(np.average(gap, weights=curve.rows))


# Numbers ------------------------------------------------------------------------------


def mean_squared_error(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """`sum_i w_i (predicted_i - y_i)^2 / sum_i w_i`, in the target's units squared.

    `y` and `predicted` have shape `(rows,)` or `(rows, outputs)`; outputs are averaged.

    Example:
        >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
        2.0
    """
    actual, guess, weight = _numbers(y, predicted, sample_weight)
    return float(np.average(np.square(guess - actual), axis=0, weights=weight).mean())


def root_mean_squared_error(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """`sqrt(sum_i w_i (predicted_i - y_i)^2 / sum_i w_i)`, in the target's units.

    `y` and `predicted` have shape `(rows,)` or `(rows, outputs)`; with several outputs
    the result is the mean of their root mean squared errors.

    Example:
        >>> root_mean_squared_error([1.0, 2.0], [1.0, 4.0]) ** 2
        2.0000000000000004
    """
    actual, guess, weight = _numbers(y, predicted, sample_weight)
    squared = np.average(np.square(guess - actual), axis=0, weights=weight)
    return float(np.sqrt(squared).mean())


def mean_absolute_error(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """`sum_i w_i |predicted_i - y_i| / sum_i w_i`, in the target's units.

    `y` and `predicted` have shape `(rows,)` or `(rows, outputs)`; outputs are averaged.

    Example:
        >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
        1.0
    """
    actual, guess, weight = _numbers(y, predicted, sample_weight)
    return float(np.average(np.abs(guess - actual), axis=0, weights=weight).mean())


def r2_score(
    y: ArrayLike, predicted: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Share of the target's variance explained.

    `1 - sum_i w_i (predicted_i - y_i)^2 / sum_i w_i (y_i - mean(y))^2`: 1 is perfect, 0
    no better than always answering the mean, below 0 worse than that. Where `y` is
    constant it is 1 for a perfect prediction and 0 for any other.

    `y` and `predicted` have shape `(rows,)` or `(rows, outputs)`; outputs are averaged.
    Raises `ValueError` for fewer than two rows, which have no variance.

    Example:
        >>> r2_score([1.0, 2.0, 3.0], [1.0, 2.0, 2.0])
        0.5
    """
    actual, guess, weight = _numbers(y, predicted, sample_weight)
    if len(actual) < 2:
        raise ValueError("r2_score needs at least two rows: one has no variance")
    mean = np.average(actual, axis=0, weights=weight)
    unexplained = weight @ np.square(guess - actual)
    total = weight @ np.square(actual - mean)
    # Where all are the same the sum may round above 0; where they are tiny, to 0.
    constant = (np.ptp(actual[weight > 0], axis=0) == 0) | (total == 0)
    share = unexplained / np.where(constant, 1, total)
    score = np.where(constant, np.where(unexplained == 0, 1.0, 0.0), 1 - share)
    return float(score.mean())


# What the arguments must be -----------------------------------------------------------


def _label_pairs(
    y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[Any], NDArray[Any], Floats]:
    actual, guess = _labels("y", y), _labels("predicted", predicted)
    _same_rows(actual, "predicted", guess)
    if (actual.dtype.kind in TEXT) != (guess.dtype.kind in TEXT):
        raise ValueError(
            f"y holds {actual.dtype} labels but predicted holds {guess.dtype}:"
            " text never equals a number"
        )
    return actual, guess, _weights(sample_weight, len(actual))


def _labels(name: str, values: ArrayLike) -> NDArray[Any]:
    labels = np.asarray(values)
    if labels.ndim != 1:
        raise ValueError(
            f"{name} must have shape (rows,), one label a row; got {labels.shape}"
        )
    if len(labels) == 0:
        raise ValueError(_empty(name))
    # Only NaN and NaT are not equal to themselves.
    missing = np.array([v is None or v != v for v in labels.tolist()])  # noqa: PLR0124
    _refuse_first(name, missing, "is missing (NaN or None)")
    return labels


def _numbered(
    actual: NDArray[Any], guess: NDArray[Any], classes: Sequence[Any] | None
) -> tuple[list[Any], Integers, Integers]:
    """The classes, and each label's place among them."""
    if classes is None:
        known, place = np.unique(np.concatenate([actual, guess]), return_inverse=True)
        return known.tolist(), place[: len(actual)], place[len(actual) :]
    place_of = {label: place for place, label in enumerate(classes)}
    if len(place_of) < len(classes):
        raise ValueError("classes names the same class twice")
    try:
        j = np.array([place_of[label] for label in actual.tolist()], dtype=np.intp)
        k = np.array([place_of[label] for label in guess.tolist()], dtype=np.intp)
    except KeyError as error:
        raise ValueError(f"label {error} is not among classes") from None
    return list(classes), j, k


def _weights(sample_weight: ArrayLike | None, rows: int) -> Floats:
    if sample_weight is None:
        return np.ones(rows)
    weight = _finite("sample_weight", sample_weight)
    if weight.shape != (rows,):
        raise ValueError(
            f"sample_weight must have shape ({rows},), one weight a row;"
            f" got {weight.shape}"
        )
    _refuse_first("sample_weight", weight < 0, "is negative")
    if not weight.any():
        raise ValueError("sample_weight is 0 for every row: nothing counts")
    return weight


def _finite(name: str, values: ArrayLike) -> Floats:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be numbers") from None
    if numbers.ndim not in {1, 2}:
        raise ValueError(f"{name} must have one entry a row; got shape {numbers.shape}")
    if numbers.size == 0:
        raise ValueError(_empty(name))
    bad = ~np.isfinite(numbers)
    if bad.any():
        place = np.argwhere(bad)[0]
        where = f"row {place[0]}" + (f", column {place[1]}" if len(place) == 2 else "")
        raise ValueError(f"{name} is {numbers[tuple(place)]} in {where}")
    return numbers


def _probabilities(values: ArrayLike) -> Floats:
    """Probabilities of every class, shape `(rows, classes)`."""
    p = _finite("probabilities", values)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    advice = "pass probabilities, not logits (softmax or sigmoid turns them into such)"
    outside = (p.min(axis=1) < -SUM_TOLERANCE) | (p.max(axis=1) > 1 + SUM_TOLERANCE)
    _refuse_first("probabilities", outside, f"is not between 0 and 1: {advice}")
    uneven = np.abs(p.sum(axis=1) - 1) > SUM_TOLERANCE
    _refuse_first("probabilities", uneven, f"does not sum to 1: {advice}")
    return p


def _class_numbers(y: ArrayLike, scores: Floats) -> Integers:
    """`y` as column numbers of `scores`."""
    number = _finite("y", y)
    classes = scores.shape[1]
    if number.ndim != 1:
        raise ValueError(f"y must have shape (rows,); got {number.shape}")
    _same_rows(number, "probabilities", scores)
    wrong = (number != np.floor(number)) | (number < 0) | (number >= classes)
    _refuse_first("y", wrong, f"is not a class number from 0 to {classes - 1}")
    return number.astype(np.intp)


def _binary(
    y: ArrayLike, scores: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], Floats, Floats]:
    """Whether a row is positive, its score and its weight, where that is not 0."""
    truth, score = _finite("y", y), _finite("scores", scores)
    if truth.ndim != 1 or score.ndim != 1:
        raise ValueError(
            "roc_curve needs y and scores of shape (rows,);"
            f" got {truth.shape} and {score.shape}"
        )
    _same_rows(truth, "scores", score)
    _refuse_first("y", (truth != 0) & (truth != 1), "is neither 0 nor 1")
    weight = _weights(sample_weight, len(truth))
    counted = weight > 0
    positive = truth[counted] == 1
    if positive.all() or not positive.any():
        raise ValueError(_one_kind("1" if positive.all() else "0"))
    return positive, score[counted], weight[counted]


def _numbers(
    y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[Floats, Floats, Floats]:
    """Truth and prediction of shape `(rows, outputs)`, and the weights."""
    actual, guess = _finite("y", y), _finite("predicted", predicted)
    if actual.shape != guess.shape:
        raise ValueError(
            f"y has shape {actual.shape} but predicted has {guess.shape}:"
            " both must be (rows,) or (rows, outputs)"
        )
    if max(np.abs(actual).max(), np.abs(guess).max()) > 1e150:
        raise ValueError("y or predicted is beyond 1e150, too large to be squared")
    weight = _weights(sample_weight, len(actual))
    return actual.reshape(len(actual), -1), guess.reshape(len(guess), -1), weight


def _same_rows(y: NDArray[Any], name: str, other: NDArray[Any]) -> None:
    if len(y) != len(other):
        raise ValueError(f"y has {len(y)} rows but {name} has {len(other)}")


def _refuse_first(name: str, wrong: NDArray[np.bool_], reason: str) -> None:
    if wrong.any():
        raise ValueError(f"row {int(np.argmax(wrong))} of {name} {reason}")


def _empty(name: str) -> str:
    return f"{name} is empty: a metric needs at least one row"


def _one_kind(kind: str) -> str:
    return f"every row of y is {kind}: a ROC curve needs rows of both kinds"


# Shared arithmetic --------------------------------------------------------------------


def _totals(place: Integers, weight: Floats, places: int) -> Floats:
    """The sum of the weights at every place."""
    return np.bincount(place, weight, places).astype(np.float64)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """`numerator / denominator`, and 0 where both are 0."""
    return numerator / np.where(denominator == 0, 1, denominator)


def _area(curve: RocCurve) -> float:
    return float(np.trapezoid(curve.true_positive_rate, curve.false_positive_rate))


def _calibration(
    event: Floats, belief: Floats, weight: Floats, bins: int, strategy: Binning
) -> CalibrationCurve:
    if bins < 1:
        raise ValueError(f"bins must be at least 1; got {bins}")
    if strategy == "uniform":
        edges = np.linspace(0, 1, bins + 1)
    elif strategy == "quantile":
        edges = np.quantile(belief, np.linspace(0, 1, bins + 1))
    else:
        raise ValueError(f"strategy must be 'uniform' or 'quantile'; got {strategy!r}")
    place = np.searchsorted(edges[1:-1], belief)
    count = _totals(place, weight, bins)
    full = count > 0
    predicted = _totals(place, weight * belief, bins)[full] / count[full]
    observed = _totals(place, weight * event, bins)[full] / count[full]
    return CalibrationCurve(predicted, observed, count[full])
