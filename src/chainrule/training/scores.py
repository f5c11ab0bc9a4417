"""Metrics by name, as functions of targets and what the network gives."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

import numpy as np

from chainrule.ir import Array
from chainrule.training import metrics as m

Score: TypeAlias = Callable[[Array, Array], float]


def probabilities(logits: Array) -> Array:
    """The probability of each class, float64 of shape `(rows, classes)`.

    The sigmoid of one logit a row, for the second of two classes; the softmax of one
    logit a class.

    >>> probabilities(np.array([[0.0], [np.log(3)]]))
    array([[0.5 , 0.5 ],
           [0.25, 0.75]])
    """
    z = logits.astype(np.float64)
    if z.shape[1] == 1:
        # Both from logits: 1 - sigmoid(z) would lose what sigmoid(-z) keeps.
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _labels(prediction: Array) -> Array:
    """The class of the largest logit; for one logit a row, whether it is positive."""
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        return np.asarray(prediction.argmax(axis=-1))
    return (prediction.reshape(len(prediction)) > 0).astype(np.int64)


def _accuracy(y: Array, prediction: Array) -> float:
    return m.accuracy(_classes(y), _labels(prediction))


def _balanced_accuracy(y: Array, prediction: Array) -> float:
    return m.balanced_accuracy(_classes(y), _labels(prediction))


def _auc(y: Array, prediction: Array) -> float:
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        share = probabilities(prediction)
        return m.roc_auc(_classes(y), share[:, 1] if share.shape[1] == 2 else share)
    return m.roc_auc(_classes(y), prediction.reshape(len(prediction)))


def _classes(y: Array) -> Array:
    return y.reshape(len(y)).astype(np.int64)


def _on_numbers(metric: Callable[..., float]) -> Score:
    def score(y: Array, prediction: Array) -> float:
        return metric(y.ravel(), prediction.ravel())

    return score


SCORES: dict[str, Score] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "auc": _auc,
    "mse": _on_numbers(m.mean_squared_error),
    "rmse": _on_numbers(m.root_mean_squared_error),
    "mae": _on_numbers(m.mean_absolute_error),
    "r2": _on_numbers(m.r2_score),
}


def scores(chosen: Iterable[str | Score]) -> dict[str, Score]:
    """Scores by name; a function goes by the name it was defined with.

    Raises `ValueError` for a name that is not known.
    """
    if isinstance(chosen, str):
        chosen = [chosen]
    named: dict[str, Score] = {}
    for score in chosen:
        if callable(score):
            named[getattr(score, "__name__", "metric")] = score
        elif score in SCORES:
            named[score] = SCORES[score]
        else:
            raise ValueError(f"unknown metric {score!r}; known are {', '.join(SCORES)}")
    return named
