"""Metrics by name, as functions of targets and what the network gives."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np

from chainrule.ir import Array
from chainrule.training import metrics as m

# `score(y, prediction)`, or `score(y, prediction, sample_weight)`.
Score: TypeAlias = Callable[..., float]
Weights: TypeAlias = Array | None
Metrics: TypeAlias = str | Iterable[str | Score] | Mapping[str, str | Score]


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


def labels_of(prediction: Array) -> Array:
    """The class of the largest logit; for one logit a row, whether it is positive."""
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        return np.asarray(prediction.argmax(axis=-1))
    return (prediction.reshape(len(prediction)) > 0).astype(np.int64)


def _on_labels(metric: Callable[..., float]) -> Score:
    def score(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
        labels = labels_of(prediction)
        return metric(_classes(y), labels, sample_weight=sample_weight)

    return score


def _on_probabilities(metric: Callable[..., float]) -> Score:
    def score(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
        p = probabilities(prediction.reshape(len(prediction), -1))
        return metric(_classes(y), p, sample_weight=sample_weight)

    return score


def _auc(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
    if prediction.ndim > 1 and prediction.shape[-1] > 1:
        belief = probabilities(prediction)
        belief = belief[:, 1] if belief.shape[1] == 2 else belief
    else:
        # Not the probabilities, which may be equal where the logits are not.
        belief = prediction.reshape(len(prediction))
    return m.roc_auc(_classes(y), belief, sample_weight=sample_weight)


def _classes(y: Array) -> Array:
    return y.reshape(len(y)).astype(np.int64)


def _on_numbers(metric: Callable[..., float]) -> Score:
    def score(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
        rows = len(y)
        return metric(
            y.reshape(rows, -1),
            prediction.reshape(rows, -1),
            sample_weight=sample_weight,
        )

    return score


SCORES: dict[str, Score] = {
    "accuracy": _on_labels(m.accuracy),
    "balanced_accuracy": _on_labels(m.balanced_accuracy),
    "auc": _auc,
    "log_loss": _on_probabilities(m.log_loss),
    "brier_score": _on_probabilities(m.brier_score),
    "mse": _on_numbers(m.mean_squared_error),
    "rmse": _on_numbers(m.root_mean_squared_error),
    "mae": _on_numbers(m.mean_absolute_error),
    "r2": _on_numbers(m.r2_score),
}


# Of those that are errors, less is better.
_ERRORS = {"loss", "log_loss", "brier_score", "mse", "rmse", "mae"}


def higher_is_better(name: str) -> bool | None:
    """Whether more of what a history records is better; none if nobody can know.

    >>> higher_is_better("val_accuracy"), higher_is_better("val_loss")
    (True, False)
    """
    score = name.removeprefix("val_")
    if score in _ERRORS:
        return False
    return True if score in SCORES else None


def scores(chosen: Metrics) -> dict[str, Score]:
    """Scores by name, each a function of `(y, prediction, sample_weight)`.

    A function goes by the name it was defined with, or that of the dict; one without
    the argument `sample_weight` gets none. Raises `ValueError` for a name that is not
    known, and for two scores of one name.
    """
    if isinstance(chosen, str):
        chosen = [chosen]
    if isinstance(chosen, Mapping):
        return {str(name): _score(score) for name, score in chosen.items()}
    named: dict[str, Score] = {}
    for score in chosen:
        name = score if isinstance(score, str) else name_of(score)
        if name in named:
            raise ValueError(
                f"two metrics are called {name!r}: give them names of their own, as in "
                'metrics={"one": f, "two": g}'
            )
        named[name] = _score(score)
    return named


def name_of(thing: Any) -> str:
    """What a function, or an object that is called like one, goes by."""
    return str(getattr(thing, "__name__", type(thing).__name__))


def _score(score: str | Score) -> Score:
    if callable(score):
        return _weighed(score)
    if score not in SCORES:
        raise ValueError(f"unknown metric {score!r}; known are {', '.join(SCORES)}")
    return SCORES[score]


def _weighed(score: Score) -> Score:
    """`score` as a function that is given weights, whether it takes any or not."""

    def without(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
        del sample_weight
        return score(y, prediction)

    def by_name(y: Array, prediction: Array, sample_weight: Weights = None) -> float:
        return score(y, prediction, sample_weight=sample_weight)

    try:
        takes = "sample_weight" in inspect.signature(score).parameters
    except ValueError:  # some that are written in C do not say
        takes = False
    return by_name if takes else without
