"""The activation functions as layers: what is between the weighted sums.

Each is the function of chainrule with the same name, as a `Module` for `Sequential`.
The functions say where they come from.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from chainrule import functions as F
from chainrule.nn.module import Module
from chainrule.tensor import Tensor


class Activation(Module):
    """`y = f(x)`, a function without parameters: each subclass says which.

    `options` are passed on to it.
    """

    function: ClassVar[Callable[..., Tensor]]
    options: Mapping[str, Any] = MappingProxyType({})

    def forward(self, x: Tensor) -> Tensor:
        """The function of `x`."""
        return type(self).function(x, **self.options)


class ReLU(Activation):
    """`y = max(x, 0)`.

    >>> import chainrule as cr
    >>> cr.nn.ReLU()(cr.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """

    function = staticmethod(F.relu)


class LeakyReLU(Activation):
    """`y = x` above 0, `slope x` elsewhere."""

    function = staticmethod(F.leaky_relu)

    def __init__(self, slope: float = 0.01) -> None:
        self.options = {"slope": slope}


class ELU(Activation):
    """`y = x` above 0, `alpha (e**x - 1)` elsewhere."""

    function = staticmethod(F.elu)

    def __init__(self, alpha: float = 1.0) -> None:
        self.options = {"alpha": alpha}


class SELU(Activation):
    """`y = c x` above 0, `c alpha (e**x - 1)` elsewhere, with two special constants.

    It keeps mean 0 and variance 1 from layer to layer where the weights start as
    `lecun_normal`.
    """

    function = staticmethod(F.selu)


class GELU(Activation):
    """`y = x P(X <= x)` for a standard normal `X`; `approximate` uses tanh for it."""

    function = staticmethod(F.gelu)

    def __init__(self, approximate: bool = False) -> None:
        self.options = {"approximate": approximate}


class SiLU(Activation):
    """`y = x sigmoid(x)`, also known as swish."""

    function = staticmethod(F.silu)


class Sigmoid(Activation):
    """`y = 1 / (1 + e**-x)`, between 0 and 1."""

    function = staticmethod(F.sigmoid)


class Tanh(Activation):
    """`y = tanh(x)`, between -1 and 1."""

    function = staticmethod(F.tanh)


class Softplus(Activation):
    """`y = log(1 + e**x)`, a smooth `max(x, 0)`."""

    function = staticmethod(F.softplus)


class Hardtanh(Activation):
    """`y = x` between `low` and `high`, the nearer of the two elsewhere."""

    function = staticmethod(F.hardtanh)

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        if not low < high:
            raise ValueError(f"Hardtanh: low is {low} and high is {high}: swap them")
        self.options = {"low": low, "high": high}


class Softmax(Activation):
    """`y[i] = e**x[i] / sum of e**x[j]` over `axis`: probabilities from logits.

    Not for the end of a network in training: the losses take logits, which is exact
    where probabilities would round to 0 and 1.
    """

    function = staticmethod(F.softmax)

    def __init__(self, axis: int = -1) -> None:
        self.options = {"axis": axis}


class LogSoftmax(Activation):
    """`y[i] = x[i] - log(sum of e**x[j])` over `axis`: the logarithm of `Softmax`."""

    function = staticmethod(F.log_softmax)

    def __init__(self, axis: int = -1) -> None:
        self.options = {"axis": axis}


class Identity(Module):
    """`y = x`: a place where a layer could be.

    >>> import chainrule as cr
    >>> cr.nn.Identity()(cr.tensor([1.0, 2.0]))
    tensor([1., 2.])
    """

    def forward(self, x: Tensor) -> Tensor:
        """`x` itself."""
        return x


ACTIVATIONS: dict[str, type[Module]] = {
    "identity": Identity,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
    "hardtanh": Hardtanh,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}


def activation(name: str) -> Module:
    """A new layer for the activation function of that name.

    Raises `ValueError`, with the names there are, for any other.

    >>> activation("leaky_relu")
    LeakyReLU()
    """
    if name not in ACTIVATIONS:
        known = ", ".join(ACTIVATIONS)
        raise ValueError(f"there is no activation {name!r}; known are {known}")
    return ACTIVATIONS[name]()
