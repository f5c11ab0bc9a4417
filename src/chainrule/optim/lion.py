"""Lion: every weight moves by the same amount, up or down."""

from typing import Any

from chainrule import functions as F
from chainrule.optim.optimizer import Optimizer, Scalars, Slots
from chainrule.optim.schedules import Schedule
from chainrule.tensor import Tensor


class Lion(Optimizer):
    """`W := (1 - a d) W - a sign(b1 m + (1 - b1) g)`, then `m := b2 m + (1 - b2) g`.

    Only the sign of a running mean of the gradient `g` counts. The learning rate wants
    to be 3 to 10 times smaller than Adam's, and the decoupled weight decay `d` larger
    by as much. Chen et al. 2023, "Symbolic discovery of optimization algorithms",
    algorithm 2.

    >>> import chainrule as cr
    >>> w = cr.Parameter([1.0])
    >>> optimizer = cr.optim.Lion(0.1)
    >>> optimizer.initialize({"w": w})
    >>> optimizer.step({"w": cr.tensor([2.0])})
    >>> w.numpy()
    array([0.9], dtype=float32)
    """

    decoupled = True

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        first, second = betas
        self.betas = (
            self.checked("betas[0]", first, below=1),
            self.checked("betas[1]", second, below=1),
        )

    def slots(self) -> dict[str, float]:
        """The running mean of the gradient."""
        return {"mean": 0.0}

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a sign(b1 m + (1 - b1) g)`."""
        b1, b2 = self.betas
        m = slots["mean"]
        direction = F.sign(m * b1 + dW * (1 - b1))
        m.assign(m * b2 + dW * (1 - b2))
        return direction * scalars["learning_rate"]
