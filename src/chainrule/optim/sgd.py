"""Stochastic gradient descent."""

from typing import Any

from chainrule.optim.optimizer import Optimizer, Scalars, Slots
from chainrule.optim.schedules import Schedule
from chainrule.tensor import Tensor


class SGD(Optimizer):
    """`W := W - a v`, `v := m v + g`: against the gradient `g`, with momentum `m`.

    Without momentum, `W := W - a g` with the learning rate `a`. Polyak 1964, "Some
    methods of speeding up the convergence of iteration methods". With `nesterov` it is
    `W := W - a (g + m v)` with the new `v`: Sutskever, Martens, Dahl and Hinton 2013,
    "On the importance of initialization and momentum in deep learning", equations 3
    and 4.

    As in PyTorch, `v` is a sum of gradients that the learning rate multiplies as it is
    now; in the papers it is a sum of steps.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.SGD(0.1)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy()
    array([0.8], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.momentum = self.checked("momentum", momentum, below=1)
        if nesterov and momentum == 0:
            raise ValueError("SGD: nesterov needs a momentum above 0, such as 0.9")
        self.nesterov = nesterov

    def slots(self) -> dict[str, float]:
        """The velocity, where there is momentum."""
        return {"velocity": 0.0} if self.momentum else {}

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a v`, or `a (g + m v)`."""
        if not self.momentum:
            return dW * scalars["learning_rate"]
        v = slots["velocity"] * self.momentum + dW
        slots["velocity"].assign(v)
        ahead = dW + v * self.momentum if self.nesterov else v
        return ahead * scalars["learning_rate"]
