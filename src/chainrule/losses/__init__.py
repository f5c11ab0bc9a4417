"""What training makes small: how far predictions are from what was true.

Every loss takes `(prediction, target)` and the keywords `sample_weight` and
`reduction`; see `chainrule.losses.reduction` for these. None takes probabilities as
prediction: those for classes take logits, and their gradients stay exact where
probabilities would round to 0 or 1.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from chainrule.losses.classification import (
    binary_cross_entropy,
    cross_entropy,
    hinge,
    kl_divergence,
)
from chainrule.losses.reduction import Reduction
from chainrule.losses.regression import (
    absolute_error,
    cosine,
    huber,
    poisson,
    quantile,
    squared_error,
)
from chainrule.tensor import Tensor

Loss: TypeAlias = Callable[..., Tensor]

_BY_NAME: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber,
    "poisson": poisson,
    "quantile": quantile,
    "hinge": hinge,
    "kl_divergence": kl_divergence,
    "cosine": cosine,
}

# Other names that people know them by.
_ALIASES = {
    "squared": "squared_error",
    "mse": "squared_error",
    "absolute": "absolute_error",
    "mae": "absolute_error",
    "kl": "kl_divergence",
}


def get(name: str, **options: Any) -> Loss:
    """The loss of that name, with `options` such as `delta` or `q` filled in.

    Raises `ValueError`, with the names there are, for any other.

    >>> get("huber", delta=2.0)([3.0], [0.0])
    tensor(4.)
    """
    loss = _BY_NAME.get(_ALIASES.get(name, name))
    if loss is None:
        known = ", ".join(_BY_NAME)
        raise ValueError(f"there is no loss {name!r}; known are {known}")
    return partial(loss, **options) if options else loss


__all__ = [
    "Loss",
    "Reduction",
    "absolute_error",
    "binary_cross_entropy",
    "cosine",
    "cross_entropy",
    "get",
    "hinge",
    "huber",
    "kl_divergence",
    "poisson",
    "quantile",
    "squared_error",
]
