"""What large weights cost: terms that `fit` adds to the loss of each batch."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from chainrule.functions import square
from chainrule.nn import Dense, Module
from chainrule.tensor import Parameter, State, Tensor

# `penalty(net, counted)`: what to add to the mean loss of a batch that counts for
# `counted` rows: their number, or the sum of their weights.
Penalty: TypeAlias = Callable[[Module, Tensor], Tensor]


class L2:
    """`alpha / 2 * sum of W**2`, over the weights of all `Dense` layers.

    With `by_rows` it is `alpha / (2 n) * sum of W**2`, where `n` is the number of rows
    in the batch, or the sum of their weights where they have some: that is the
    penalty of scikit-learn's `MLPClassifier`, and over all rows it is that of `Ridge`
    and of a Gaussian prior on the weights.

    Biases, and the scales of normalisations, are left alone. `weights` chooses others:
    a function of the name of a parameter, such as `lambda name: name == "0.W"`.

    `alpha` may be set at any time, also between two calls of `fit`: the program of a
    training step reads it when it runs, and is not compiled anew.

    It differs from an optimizer's `weight_decay` in that it is part of the loss: the
    history shows it, and optimizers that look at the loss see it. The validation loss
    is without it. Raises `ValueError` for a network in which it finds no weights.

    >>> import chainrule as cr
    >>> penalty = cr.training.L2(0.5)
    >>> penalty(cr.nn.Dense(2, 3, W_init="ones"), cr.tensor(10.0))
    tensor(1.5)
    """

    def __init__(
        self,
        alpha: float,
        *,
        by_rows: bool = False,
        weights: Callable[[str], bool] | None = None,
    ) -> None:
        self._alpha = State(np.float64(0), name="alpha")
        self.alpha = alpha
        self.by_rows = by_rows
        self.weights = weights

    @property
    def alpha(self) -> float:
        """How much large weights cost: a number that is at least 0."""
        return float(self._alpha.held)

    @alpha.setter
    def alpha(self, alpha: float) -> None:
        if not 0 <= alpha < np.inf:
            raise ValueError(f"L2: alpha={alpha} has to be a number of at least 0")
        self._alpha.hold(np.asarray(alpha, np.float64))

    def __call__(self, net: Module, counted: Tensor) -> Tensor:
        """The penalty for the weights of `net` as they are."""
        first, *others = [square(W).sum() for W in self._chosen(net)]
        total = first
        for other in others:
            total = total + other.astype(first.dtype)
        share = self._alpha.astype(first.dtype) / 2
        if self.by_rows:
            share = share / counted.astype(first.dtype)
        return total * share

    def _chosen(self, net: Module) -> list[Parameter]:
        dense = {id(m.W) for m in net.modules().values() if isinstance(m, Dense)}
        chosen = [
            parameter
            for name, parameter in net.parameters().items()
            if (id(parameter) in dense if self.weights is None else self.weights(name))
        ]
        if not chosen:
            names = ", ".join(net.parameters()) or "none"
            raise ValueError(
                "L2 finds no weights in this network: weights= says which parameters "
                f"are meant; there are {names}"
            )
        return chosen

    def __repr__(self) -> str:
        return f"L2({self.alpha:g}{', by_rows=True' if self.by_rows else ''})"
