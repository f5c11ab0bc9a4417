"""Adam, and AdamW, which decays weights by themselves."""

from typing import Any

import numpy as np

from chainrule import functions as F
from chainrule.ir import Array
from chainrule.optim.optimizer import Optimizer, Scalars, Slots
from chainrule.optim.schedules import Schedule
from chainrule.tensor import Tensor


class Adam(Optimizer):
    """`W := W - a m' / (sqrt(v') + epsilon)`: a step of about `a` for every weight.

    `m := b1 m + (1 - b1) g` and `v := b2 v + (1 - b2) g**2` are running means of the
    gradient `g` and of its square, and `m' = m / (1 - b1**t)`, `v' = v / (1 - b2**t)`
    make up for their start at 0, at the step `t` counted from 1. Kingma and Ba 2015,
    "Adam: a method for stochastic optimization", algorithm 1, computed in the order
    that is given at the end of its section 2.

    With `amsgrad`, the largest `v` so far takes the place of `v`: Reddi, Kale and
    Kumar 2018, "On the convergence of Adam and beyond", algorithm 2; as in PyTorch,
    `v'` is still made of it.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.Adam(0.1)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy().round(6)
    array([0.9], dtype=float32)
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        first, second = betas
        self.betas = (
            self.checked("betas[0]", first, below=1),
            self.checked("betas[1]", second, below=1),
        )
        self.epsilon = self.checked("epsilon", epsilon)
        self.amsgrad = amsgrad

    def slots(self) -> dict[str, float]:
        """The two running means, and the largest of the second one for `amsgrad`."""
        found = {"mean": 0.0, "square": 0.0}
        return {**found, "largest": 0.0} if self.amsgrad else found

    def scalars_of(self, steps: Array) -> dict[str, Array]:
        """The learning rate; with the corrections in it, it and epsilon once more."""
        first, second = (1 - np.power(beta, steps + 1) for beta in self.betas)
        rate = self.schedule.rates(steps)
        root = np.sqrt(second)
        return {
            "learning_rate": rate,
            "corrected_rate": rate * root / first,
            "corrected_epsilon": self.epsilon * root,
        }

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a m' / (sqrt(v') + epsilon)`."""
        b1, b2 = self.betas
        m = slots["mean"] * b1 + dW * (1 - b1)
        v = slots["square"] * b2 + F.square(dW) * (1 - b2)
        slots["mean"].assign(m)
        slots["square"].assign(v)
        if self.amsgrad:
            v = F.maximum(slots["largest"], v)
            slots["largest"].assign(v)
        spread = F.sqrt(v) + scalars["corrected_epsilon"]
        return m / spread * scalars["corrected_rate"]


class AdamW(Adam):
    """`W := (1 - a d) W - a m' / (sqrt(v') + epsilon)`: Adam with decoupled decay `d`.

    The decay is not divided by the size of the gradients. Loshchilov and Hutter 2019,
    "Decoupled weight decay regularization", algorithm 2; as in PyTorch, the learning
    rate `a` and its schedule multiply `d`.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.AdamW(0.1, weight_decay=0.5)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy()
    array([0.85], dtype=float32)
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        *,
        weight_decay: float = 0.01,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, **options)
