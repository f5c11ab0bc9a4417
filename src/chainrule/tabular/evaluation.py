"""What a model is worth on rows it has not seen, and which columns it leans on.

An `Evaluation` holds the scores together with the points of the curves that show
them, few enough to be saved beside the model and drawn later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.insight import permutation_importances
from chainrule.training import metrics
from chainrule.training.metrics import ClassScores

__all__ = [
    "CalibrationBins",
    "Evaluation",
    "Influence",
    "RocPoints",
    "Task",
    "column_influence",
    "evaluate_classes",
    "evaluate_regression",
    "majority_baseline",
    "mean_baseline",
]

Task: TypeAlias = Literal["binary", "multiclass", "regression"]
TASKS = ("binary", "multiclass", "regression")

MAX_ROC_CURVES = 10  # more lines than that cannot be told apart
MAX_ROC_POINTS = 200
MAX_POINTS = 2000


@dataclass(frozen=True)
class RocPoints:
    """The ROC curve of one class against the rest, and the area under it."""

    name: str
    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    area: float


@dataclass(frozen=True)
class CalibrationBins:
    """Mean predicted probability, observed frequency and number of rows per bin."""

    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one set of rows, and the points of its curves.

    - `metrics`: name to value, in the words of `chainrule.training.metrics`; the
      headline comes first. One that is not defined on these rows (the area under a
      ROC curve where only one class occurs) is left out.
    - `confusion`: `(actual, predicted, rows)` by class number, for pairs that occur.
    - `roc`: for two classes the curve of the second; for more one curve a class, of
      the ten which have the most rows.
    - `calibration`: for two classes the probability of the second; for more the
      probability of the class that was named, against how often it was right.
    - `actual`, `predicted`: at most 2,000 rows, evenly spaced (regression).
    """

    task: Task
    rows: int
    metrics: Mapping[str, float]
    classes: tuple[str, ...] = ()
    confusion: tuple[tuple[int, int, int], ...] = ()
    roc: tuple[RocPoints, ...] = ()
    calibration: CalibrationBins | None = None
    actual: tuple[float, ...] = field(default=(), repr=False)
    predicted: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        if not self.metrics:
            raise ValueError("an evaluation needs at least one metric")
        if self.task != "regression" and not self.confusion:
            raise ValueError("an evaluation of classes needs their confusion")

    @property
    def headline(self) -> str:
        """The name of the metric that says it in one number."""
        return next(iter(self.metrics))

    def confusion_matrix(self) -> NDArray[np.intp]:
        """`C[j, k]`: rows of class `j` predicted as `k`, shape `(classes, classes)`."""
        C = np.zeros((len(self.classes), len(self.classes)), dtype=np.intp)
        for actual, predicted, rows in self.confusion:
            C[actual, predicted] = rows
        return C

    def class_scores(self) -> ClassScores:
        """Precision, recall, F1 and rows of every class."""
        actual, predicted, rows = zip(*self.confusion, strict=True)
        return metrics.precision_recall_f1(
            actual,
            predicted,
            classes=range(len(self.classes)),
            sample_weight=rows,
        )._replace(classes=self.classes)

    def to_json(self) -> dict[str, Any]:
        """Itself as plain JSON values, for `json.dump` and `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """An evaluation from what `to_json` gave.

        Raises `ValueError` which says what is wrong with `data`.

        Example:
            >>> evaluation = evaluate_regression([1.0, 2.0], [1.0, 3.0])
            >>> Evaluation.from_json(evaluation.to_json()) == evaluation
            True
        """
        try:
            return cls(
                task=_task(data["task"]),
                rows=int(data["rows"]),
                metrics={str(k): float(v) for k, v in data["metrics"].items()},
                classes=tuple(map(str, data["classes"])),
                confusion=_triples(data["confusion"], len(data["classes"])),
                roc=tuple(_roc_points(curve) for curve in data["roc"]),
                calibration=_calibration_bins(data["calibration"]),
                actual=_floats(data["actual"]),
                predicted=_floats(data["predicted"]),
            )
        except KeyError as error:
            raise ValueError(f"not a saved evaluation: it has no {error}") from None
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"not a saved evaluation: {error}") from None


# Judging predictions ------------------------------------------------------------------


def evaluate_classes(
    y: ArrayLike, probabilities: ArrayLike, classes: Sequence[Any]
) -> Evaluation:
    """Scores of predicted probabilities.

    `y` holds class numbers, shape `(rows,)`; `probabilities` has shape
    `(rows, classes)`, or `(rows,)` for the second of two classes. The class named is
    the most likely one, the first where two are equally likely.

    Raises `ValueError` for fewer than two classes and for what the metrics refuse.

    Example:
        >>> result = evaluate_classes([0, 1, 1], [0.1, 0.8, 0.4], ["no", "yes"])
        >>> result.headline, round(result.metrics["accuracy"], 4)
        ('accuracy', 0.6667)
    """
    if len(classes) < 2:
        raise ValueError(f"classes must name at least two classes; got {len(classes)}")
    p = np.asarray(probabilities)
    if p.ndim == 1:
        p = np.column_stack([1 - p, p])
    if p.ndim != 2 or p.shape[1] != len(classes):
        raise ValueError(
            f"probabilities of {len(classes)} classes must have shape"
            f" (rows, {len(classes)}); got {p.shape}"
        )
    scores = _class_metrics(y, p)
    y_number = np.asarray(y).astype(np.intp)
    named = p.argmax(axis=1)
    names = tuple(map(str, classes))
    return Evaluation(
        task="binary" if len(classes) == 2 else "multiclass",
        rows=len(p),
        metrics=scores,
        classes=names,
        confusion=_count_pairs(y_number, named, len(classes)),
        roc=_roc_curves(y_number, p, names),
        calibration=_calibrate(y_number, p),
    )


def evaluate_regression(y: ArrayLike, predicted: ArrayLike) -> Evaluation:
    """Scores of predicted numbers, in the target's units; both of shape `(rows,)`.

    Raises `ValueError` for what the metrics refuse.

    Example:
        >>> evaluate_regression([1.0, 2.0, 3.0], [1.0, 2.0, 5.0]).metrics
        ... # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
        {'root_mean_squared_error': 1.15..., 'mean_absolute_error': 0.66...,
         'r2_score': -1.0}
    """
    actual = np.asarray(y, dtype=np.float64)
    guess = np.asarray(predicted, dtype=np.float64)
    if actual.ndim != 1 or guess.ndim != 1:
        raise ValueError(
            "y and predicted must have shape (rows,);"
            f" got {actual.shape} and {guess.shape}"
        )
    scores = {
        "root_mean_squared_error": metrics.root_mean_squared_error(actual, guess),
        "mean_absolute_error": metrics.mean_absolute_error(actual, guess),
    }
    if len(actual) > 1:
        scores["r2_score"] = metrics.r2_score(actual, guess)
    kept = _evenly(len(actual), MAX_POINTS)
    return Evaluation(
        task="regression",
        rows=len(actual),
        metrics=scores,
        actual=tuple(actual[kept].tolist()),
        predicted=tuple(guess[kept].tolist()),
    )


def majority_baseline(
    y_train: ArrayLike, y_test: ArrayLike, classes: Sequence[Any]
) -> Evaluation:
    """The scores of ignoring every column: always name the commonest class.

    The probabilities are the shares of the classes in `y_train`, so that the log loss
    too is the best that can be had without looking. Both hold class numbers.

    Example:
        >>> majority_baseline([0, 1, 1], [0, 1], ["no", "yes"]).metrics["accuracy"]
        0.5
    """
    train = np.asarray(y_train)
    if train.size == 0:
        raise ValueError("y_train is empty: there is no commonest class")
    share = np.bincount(train.astype(np.intp), minlength=len(classes)) / len(train)
    return evaluate_classes(
        y_test, np.tile(share, (len(np.asarray(y_test)), 1)), classes
    )


def mean_baseline(y_train: ArrayLike, y_test: ArrayLike) -> Evaluation:
    """The scores of ignoring every column: always answer the mean of `y_train`.

    Example:
        >>> mean_baseline([1.0, 3.0], [2.0, 4.0]).metrics["mean_absolute_error"]
        1.0
    """
    train = np.asarray(y_train, dtype=np.float64)
    if train.size == 0:
        raise ValueError("y_train is empty: it has no mean")
    test = np.asarray(y_test, dtype=np.float64)
    return evaluate_regression(test, np.full(test.shape, train.mean()))


def _class_metrics(y: ArrayLike, p: NDArray[Any]) -> dict[str, float]:
    # First the scores of probabilities: they check y and p for all the others.
    log_loss, brier_score = metrics.log_loss(y, p), metrics.brier_score(y, p)
    calibration_error = metrics.expected_calibration_error(
        y, p[:, 1] if p.shape[1] == 2 else p
    )
    named = p.argmax(axis=1)
    by_class = metrics.precision_recall_f1(y, named, classes=range(p.shape[1]))
    scores = {
        "accuracy": metrics.accuracy(y, named),
        "balanced_accuracy": metrics.balanced_accuracy(y, named),
    }
    if p.shape[1] == 2:
        scores["precision"] = float(by_class.precision[1])
        scores["recall"] = float(by_class.recall[1])
        scores["f1"] = float(by_class.f1[1])
    else:
        scores["macro_f1"] = by_class.macro_f1
    if len(np.unique(np.asarray(y))) > 1:
        scores["roc_auc"] = metrics.roc_auc(y, p)
    scores["log_loss"] = log_loss
    scores["brier_score"] = brier_score
    scores["expected_calibration_error"] = calibration_error
    return scores


# The points of the curves -------------------------------------------------------------


def _count_pairs(
    actual: NDArray[np.intp], named: NDArray[np.intp], classes: int
) -> tuple[tuple[int, int, int], ...]:
    codes, rows = np.unique(actual * classes + named, return_counts=True)
    return tuple(
        (*divmod(code, classes), n)
        for code, n in zip(codes.tolist(), rows.tolist(), strict=True)
    )


def _roc_curves(
    y: NDArray[np.intp], p: NDArray[Any], classes: tuple[str, ...]
) -> tuple[RocPoints, ...]:
    support = np.bincount(y, minlength=len(classes))
    if len(classes) == 2:
        drawn = np.array([1])
    else:
        drawn = np.sort(np.argsort(-support, kind="stable")[:MAX_ROC_CURVES])
    return tuple(
        _thin_roc(classes[k], y == k, p[:, k])
        for k in drawn
        if 0 < support[k] < len(y)  # a curve needs rows of the class and of others
    )


def _thin_roc(
    name: str, positive: NDArray[np.bool_], scores: NDArray[Any]
) -> RocPoints:
    """At most 200 corners, evenly spaced along the curve and with both its ends."""
    curve = metrics.roc_curve(positive, scores)
    x, y = curve.false_positive_rate, curve.true_positive_rate
    if len(x) > MAX_ROC_POINTS:
        along = x + y  # grows from 0 to 2: both rates only ever rise
        at = np.searchsorted(along, np.linspace(0, 2, MAX_ROC_POINTS - 1))
        kept = np.unique(np.append(np.minimum(at, len(x) - 1), len(x) - 1))
        x, y = x[kept], y[kept]
    return RocPoints(
        name,
        tuple(x.tolist()),
        tuple(y.tolist()),
        metrics.roc_auc(positive, scores),
    )


def _calibrate(y: NDArray[np.intp], p: NDArray[Any]) -> CalibrationBins:
    if p.shape[1] == 2:
        curve = metrics.calibration_curve(y, p[:, 1])
    else:
        curve = metrics.calibration_curve(p.argmax(axis=1) == y, p.max(axis=1))
    return CalibrationBins(
        tuple(curve.predicted.tolist()),
        tuple(curve.observed.tolist()),
        tuple(int(rows) for rows in curve.rows),
    )


def _evenly(rows: int, most: int) -> NDArray[np.intp]:
    """At most `most` of the row numbers, evenly spaced from first to last."""
    return np.linspace(0, rows - 1, min(rows, most)).round().astype(np.intp)


# Which columns matter -----------------------------------------------------------------


@dataclass(frozen=True)
class Influence:
    """How much the loss rises when a column's values are shuffled among the rows.

    `increase` is the mean over the repeats, `deviation` their standard deviation.
    """

    column: str
    increase: float
    deviation: float


def column_influence(
    predict_loss: Callable[[NDArray[Any], NDArray[Any]], float],
    X: NDArray[Any],
    y: NDArray[Any],
    groups: Mapping[str, Sequence[int]],
    *,
    seed: int = 0,
    repeats: int = 5,
    work: int = 2_000_000,
) -> tuple[Influence, ...]:
    """Permutation importance (Breiman 2001, section 10), the largest first.

    `increase_c = mean_r loss(X with the inputs of c shuffled, y) - loss(X, y)`: a
    column that the model leans on is missed when its values say nothing about their
    rows any more. Where two columns say the same, the model can lean on either, and
    shuffling one may cost little.

    `X` has shape `(rows, inputs)`. `groups` names the columns of the table and the
    input positions that each was encoded into; they are shuffled together. A column
    without inputs has influence 0. `predict_loss(X, y)` gives the loss of the model.

    At most `work` rows are predicted in all: a table that needs more is first
    subsampled, to no fewer than 200 rows. The same `seed` gives the same answer.

    Raises `ValueError` for positions which `X` does not have, `repeats < 1`, and a loss
    that is not finite.

    Example:
        >>> X = np.arange(8.0).reshape(4, 2)
        >>> def predict_loss(X, y):  # looks at the first input only
        ...     return float(np.mean((X[:, 0] - y) ** 2))
        >>> ranking = column_influence(
        ...     predict_loss, X, X[:, 0], {"used": [0], "ignored": [1]}
        ... )
        >>> [influence.column for influence in ranking]
        ['used', 'ignored']
        >>> ranking[1].increase
        0.0
    """
    found = permutation_importances(
        predict_loss,
        X,
        y,
        groups=groups,
        higher_is_better=False,
        repeats=repeats,
        seed=seed,
        work=work,
    )
    columns = zip(found.columns, found.means, found.deviations, strict=True)
    influence = [Influence(name, float(m), float(d)) for name, m, d in columns]
    return tuple(sorted(influence, key=lambda one: -one.increase))


# Reading what was saved ---------------------------------------------------------------


def _task(task: Any) -> Task:
    if task not in TASKS:
        raise ValueError(f"its task is {task!r}, not one of {', '.join(TASKS)}")
    known: Task = task
    return known


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _triples(values: Any, classes: int) -> tuple[tuple[int, int, int], ...]:
    triples = tuple((int(j), int(k), int(n)) for j, k, n in values)
    if any(not (0 <= j < classes and 0 <= k < classes) for j, k, _ in triples):
        raise ValueError("its confusion names a class that it does not have")
    return triples


def _roc_points(data: Mapping[str, Any]) -> RocPoints:
    return RocPoints(
        name=str(data["name"]),
        false_positive_rate=_floats(data["false_positive_rate"]),
        true_positive_rate=_floats(data["true_positive_rate"]),
        area=float(data["area"]),
    )


def _calibration_bins(data: Mapping[str, Any] | None) -> CalibrationBins | None:
    if data is None:
        return None
    return CalibrationBins(
        predicted=_floats(data["predicted"]),
        observed=_floats(data["observed"]),
        rows=tuple(int(rows) for rows in data["rows"]),
    )
