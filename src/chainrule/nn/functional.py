"""Functions of tensors that networks are made of: activations and losses.

The same as `chainrule.relu`, `chainrule.losses.cross_entropy` and so on, in one place.
"""

from chainrule.functions import (
    elu,
    gelu,
    hardtanh,
    leaky_relu,
    log_softmax,
    logsumexp,
    one_hot,
    relu,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)
from chainrule.losses import (
    absolute_error,
    binary_cross_entropy,
    cosine,
    cross_entropy,
    hinge,
    huber,
    kl_divergence,
    poisson,
    quantile,
    squared_error,
)

__all__ = [
    "absolute_error",
    "binary_cross_entropy",
    "cosine",
    "cross_entropy",
    "elu",
    "gelu",
    "hardtanh",
    "hinge",
    "huber",
    "kl_divergence",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "one_hot",
    "poisson",
    "quantile",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "squared_error",
    "tanh",
]
