"""Optimizers, which move the weights; schedules of the learning rate; clipping."""

from typing import Any

from chainrule.optim.adam import Adam, AdamW
from chainrule.optim.adaptive import Adagrad, RMSprop
from chainrule.optim.clipping import clip_by_norm, clip_by_value, global_norm
from chainrule.optim.lbfgs import LBFGS
from chainrule.optim.lion import Lion
from chainrule.optim.optimizer import Optimizer
from chainrule.optim.schedules import (
    Constant,
    Cosine,
    ExponentialDecay,
    OneCycle,
    Plateau,
    Schedule,
    StepDecay,
    WarmUp,
)
from chainrule.optim.sgd import SGD

_BY_NAME: dict[str, type[Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (SGD, Adam, AdamW, RMSprop, Adagrad, Lion, LBFGS)
}


def get(name: str, **options: Any) -> Optimizer:
    """A new optimizer of that name, such as `"adam"`, with these arguments.

    Raises `ValueError`, with the names there are, for any other.

    >>> get("sgd", learning_rate=0.1, momentum=0.9).learning_rate
    0.1
    """
    if name.lower() not in _BY_NAME:
        known = ", ".join(_BY_NAME)
        raise ValueError(f"there is no optimizer {name!r}; known are {known}")
    return _BY_NAME[name.lower()](**options)


__all__ = [
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "ExponentialDecay",
    "Lion",
    "OneCycle",
    "Optimizer",
    "Plateau",
    "RMSprop",
    "Schedule",
    "StepDecay",
    "WarmUp",
    "clip_by_norm",
    "clip_by_value",
    "get",
    "global_norm",
]
