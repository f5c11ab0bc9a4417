"""The network for a table: fully connected layers, described as plain data."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import DTypeLike

from chainrule import nn
from chainrule.random import host_generator
from chainrule.tables import EmbeddedInput

__all__ = ["ACTIVATIONS", "NORMALIZATIONS", "Architecture", "SettingError"]

# Each activation, and how the weights before it start: with the variance that keeps
# what passes through at its size.
ACTIVATIONS: Final[dict[str, tuple[type[nn.Module], str]]] = {
    "relu": (nn.ReLU, "he_normal"),
    "leaky_relu": (nn.LeakyReLU, "he_normal"),
    "gelu": (nn.GELU, "he_normal"),
    "silu": (nn.SiLU, "he_normal"),
    "elu": (nn.ELU, "he_normal"),
    "selu": (nn.SELU, "lecun_normal"),
    "tanh": (nn.Tanh, "glorot_uniform"),
    "sigmoid": (nn.Sigmoid, "glorot_uniform"),
    "softplus": (nn.Softplus, "glorot_uniform"),
}


# What can stand between the weights of a hidden layer and its activation.
NORMALIZATIONS: Final[dict[str, type[nn.BatchNorm | nn.LayerNorm] | None]] = {
    "none": None,
    "batch": nn.BatchNorm,
    "layer": nn.LayerNorm,
}


class SettingError(ValueError):
    """A setting that makes no sense; the message names it."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Hidden layers of `hidden` units each, and an output layer.

    `h_k = activation(h_{k-1} W_k + b_k)`, with `h_0 = x` the `inputs` of a row and
    `dropout` the chance of each unit of a hidden layer to be left out in a step. The
    output layer gives one number for a regression or two classes (a logit), and one
    logit a class for more. Without hidden layers this is linear or logistic regression.
    Inputs that are `embedded` hold the number of a category, whose features, learned
    with all else, take their place: see `nn.EmbedColumns`. With `normalization`, what
    goes into an activation is brought to mean 0 and variance 1 before: over the rows of
    the `"batch"`, or over the units of the `"layer"`.

    >>> net = Architecture(30, (8,), "tanh", 0.0, 1).build(seed=0)
    >>> {name: W.shape for name, W in net.parameters().items()}
    {'hidden1.W': (30, 8), 'hidden1.b': (8,), 'output.W': (8, 1), 'output.b': (1,)}
    """

    inputs: int
    hidden: tuple[int, ...]
    activation: str
    dropout: float
    outputs: int
    embedded: tuple[EmbeddedInput, ...] = ()
    normalization: str = "none"

    def __post_init__(self) -> None:
        """Refuse what no network has."""
        check_layers(self.hidden, self.activation, self.dropout, self.normalization)
        if self.inputs < 1 or self.outputs < 1:
            raise SettingError(f"{self.inputs} inputs and {self.outputs} outputs")

    def build(self, seed: int, dtype: DTypeLike = np.float32) -> nn.Sequential:
        """The network, with the weights that `seed` gives."""
        rng = host_generator(seed, "weights")
        layer, start = ACTIVATIONS[self.activation]
        net, width = nn.Sequential(), self.inputs
        if self.embedded:
            embedded = [(e.position, e.count, e.features) for e in self.embedded]
            columns = nn.EmbedColumns(self.inputs, embedded, dtype=dtype, rng=rng)
            net.append(columns, "columns")
            width = columns.outputs
        for k, units in enumerate(self.hidden, 1):
            dense = nn.Dense(width, units, W_init=start, dtype=dtype, rng=rng)
            net.append(dense, f"hidden{k}")
            normalize = NORMALIZATIONS[self.normalization]
            if normalize is not None:
                net.append(normalize(units, dtype=dtype), f"normalization{k}")
            net.append(layer(), f"{self.activation}{k}")
            if self.dropout:
                net.append(nn.Dropout(self.dropout), f"dropout{k}")
            width = units
        net.append(nn.Dense(width, self.outputs, dtype=dtype, rng=rng), "output")
        return net


def check_layers(
    hidden: tuple[int, ...], activation: str, dropout: float, normalization: str
) -> None:
    """Refuse settings of hidden layers that make no sense: `SettingError`."""
    if not all(1 <= units <= 100_000 for units in hidden):
        raise SettingError(f"hidden={hidden!r}: a layer has 1 to 100,000 units")
    if activation not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise SettingError(f"activation={activation!r} is not known; known are {known}")
    if normalization not in NORMALIZATIONS:
        known = ", ".join(NORMALIZATIONS)
        raise SettingError(
            f"normalization={normalization!r} is not known; known are {known}"
        )
    if not 0 <= dropout < 1:  # NaN too
        raise SettingError(f"dropout={dropout!r} is not a share from 0 to below 1")
