"""RMSprop and Adagrad: a learning rate for each weight, by the size of its gradient."""

from typing import Any

from chainrule import functions as F
from chainrule.optim.optimizer import Optimizer, Scalars, Slots
from chainrule.optim.schedules import Schedule
from chainrule.tensor import Tensor


class RMSprop(Optimizer):
    """`W := W - a g / (sqrt(v) + epsilon)`, `v := b v + (1 - b) g**2`.

    The gradient `g` is divided by the root of a running mean of its square. With
    `centered`, the square of its running mean is subtracted from `v` first, so that it
    is a variance: Graves 2013, "Generating sequences with recurrent neural networks",
    equations 38 to 45. With `momentum`, `W := W - a u`, `u := m u` plus the quotient.
    Hinton 2012, lecture 6e of "Neural networks for machine learning". As in PyTorch,
    epsilon is added after the root.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.RMSprop(0.1, beta=0.75)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy()
    array([0.8], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        beta: float = 0.99,
        epsilon: float = 1e-8,
        centered: bool = False,
        momentum: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta = self.checked("beta", beta, below=1)
        self.epsilon = self.checked("epsilon", epsilon)
        self.centered = centered
        self.momentum = self.checked("momentum", momentum, below=1)

    def slots(self) -> dict[str, float]:
        """The running mean of squares; that of gradients; the velocity."""
        used = {"square": True, "mean": self.centered, "velocity": self.momentum > 0}
        return {slot: 0.0 for slot, needed in used.items() if needed}

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a g / (sqrt(v) + epsilon)`, or `a u`."""
        v = slots["square"] * self.beta + F.square(dW) * (1 - self.beta)
        slots["square"].assign(v)
        if self.centered:
            m = slots["mean"] * self.beta + dW * (1 - self.beta)
            slots["mean"].assign(m)
            # By rounding, a variance of nothing may come out below 0.
            v = F.maximum(v - F.square(m), 0)
        u = dW / (F.sqrt(v) + self.epsilon)
        if self.momentum:
            u = slots["velocity"] * self.momentum + u
            slots["velocity"].assign(u)
        return u * scalars["learning_rate"]


class Adagrad(Optimizer):
    """`W := W - a g / (sqrt(s) + epsilon)`, `s := s + g**2`.

    Each weight has the root of the sum of its squared gradients as its measure, so
    rare features keep a large learning rate. Duchi, Hazan and Singer 2011, "Adaptive
    subgradient methods", figure 1, with diagonal matrices. `s` starts at `initial`.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.Adagrad(0.1)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy()
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.01,
        *,
        epsilon: float = 1e-10,
        initial: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self.epsilon = self.checked("epsilon", epsilon)
        self.initial = self.checked("initial", initial)

    def slots(self) -> dict[str, float]:
        """The sum of squares."""
        return {"sum": self.initial}

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a g / (sqrt(s) + epsilon)`."""
        s = slots["sum"] + F.square(dW)
        slots["sum"].assign(s)
        return dW / (F.sqrt(s) + self.epsilon) * scalars["learning_rate"]
