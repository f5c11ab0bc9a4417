"""How weights move: scikit-learn's two rules, and what users asked for beside them.

They differ from `cr.optim` in details that count where results are to agree: momentum
is a running sum of steps, not of gradients, and Adam's epsilon is not corrected. All
their settings are numbers that the program of a training step reads when it runs, so
one program serves every setting.
"""

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import functions as F
from chainrule.expressions.promote import Operand, as_value
from chainrule.ir import Array
from chainrule.optim import Optimizer, Schedule
from chainrule.optim.clipping import global_norm
from chainrule.optim.optimizer import Scalars, Slots
from chainrule.tensor import Parameter, Tensor


@dataclass
class Settings:
    """What moves the weights of one estimator, and how far it has come.

    `learning_rate` is that of the epoch to come; `steps` and `slots` are what the rule
    remembers. It holds numbers and arrays only, so it can be pickled.
    """

    rule: str
    learning_rate_init: float
    learning_rate: float
    momentum: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_grad_norm: float = math.inf
    steps: int = 0
    slots: dict[str, Array] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)


class Update(Optimizer):
    """A rule whose settings are scalars of the program."""

    def __init__(self, *, clips: bool) -> None:
        super().__init__(0.0)
        self.clips = clips
        self._settings = Settings("", 0.0, 0.0)
        self._rates: Sequence[float] | Schedule = (0.0,)
        self._first, self._each = 0, 1

    def load(self, settings: Settings) -> None:
        """Go on from where `settings` say."""
        self.steps = settings.steps
        self._settings = settings
        if settings.slots:
            self.load_slot_arrays(settings.slots)
        else:
            for path, state in self.states().items():
                start = self.slots()[path.rpartition(".")[2]]
                state.hold(np.full(state.shape, start, state.dtype))

    def save(self, settings: Settings) -> None:
        """Note in `settings` how far it has come."""
        settings.steps, settings.slots = self.steps, self.slot_arrays()

    def plan(self, rates: Sequence[float] | Schedule, each: int) -> None:
        """The learning rates of the epochs to come, of `each` steps.

        A schedule says the rate of every step instead.
        """
        self._rates, self._first, self._each = rates, self.steps, each

    def rates(self, steps: Array) -> Array:
        """The learning rates of steps."""
        if isinstance(self._rates, Schedule):
            return self._rates.rates(steps)
        epochs = (steps - self._first) // self._each
        return np.take(np.asarray(self._rates, np.float64), epochs)

    def scalars_of(self, steps: Array) -> dict[str, Array]:
        """The learning rate, the limit of the gradient, and what the rule needs."""
        rates = self.rates(steps)
        numbers = {"learning_rate": rates, **self.numbers(steps, rates)}
        if self.clips:
            numbers["max_grad_norm"] = self._settings.max_grad_norm
        return {
            name: x if isinstance(x, np.ndarray) else np.full(len(steps), x)
            for name, x in numbers.items()
        }

    @abstractmethod
    def numbers(self, steps: Array, rates: Array) -> dict[str, float | Array]:
        """The scalars of the rule itself, for steps with these learning rates."""

    def update(
        self, gradients: Mapping[str, Tensor], scalars: Mapping[str, Operand]
    ) -> None:
        """One step, with gradients that are together no longer than the limit."""
        if self.clips:
            limit = Tensor(as_value(scalars["max_grad_norm"]))
            length = global_norm(gradients)
            share = F.minimum(limit.astype(length.dtype) / (length + 1e-6), 1.0)
            gradients = {name: dW * share for name, dW in gradients.items()}
        super().update(gradients, scalars)


class Momentum(Update):
    """`W := W + v`, `v := m v - a g`; with `nesterov`, `W := W + m v - a g`.

    Sutskever, Martens, Dahl and Hinton 2013, "On the importance of initialization and
    momentum in deep learning", equations 1 to 4.
    """

    def __init__(self, *, nesterov: bool, clips: bool) -> None:
        super().__init__(clips=clips)
        self.nesterov = nesterov

    def slots(self) -> dict[str, float]:
        """The velocity."""
        return {"velocity": 0.0}

    def numbers(self, steps: Array, rates: Array) -> dict[str, float | Array]:
        """The momentum."""
        del steps, rates
        return {"momentum": self._settings.momentum}

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """The step, backwards."""
        fall = dW * scalars["learning_rate"]
        v = slots["velocity"] * scalars["momentum"] - fall
        slots["velocity"].assign(v)
        return -(v * scalars["momentum"] - fall if self.nesterov else v)


class Adam(Update):
    """`W := W - a c m / (sqrt(v) + e)`, `c = sqrt(1 - b2**t) / (1 - b1**t)`.

    With `decays`, weights (not biases) are multiplied by `1 - a d` besides: Loshchilov
    and Hutter 2019, "Decoupled weight decay regularization", algorithm 2.

    Kingma and Ba 2015, "Adam: a method for stochastic optimization", section 2, end.
    """

    def __init__(self, *, decays: bool, clips: bool) -> None:
        super().__init__(clips=clips)
        self.shrinks = decays

    def slots(self) -> dict[str, float]:
        """The running means of the gradient and of its square."""
        return {"mean": 0.0, "square": 0.0}

    def numbers(self, steps: Array, rates: Array) -> dict[str, float | Array]:
        """The corrected rate, and what the means forget and take in."""
        s, t = self._settings, steps + 1
        root = np.sqrt(1 - np.power(s.beta_2, t))
        found: dict[str, float | Array] = {
            "corrected_rate": rates * root / (1 - np.power(s.beta_1, t)),
            "beta_1": s.beta_1,
            "gain_1": 1 - s.beta_1,
            "beta_2": s.beta_2,
            "gain_2": 1 - s.beta_2,
            "epsilon": s.epsilon,
        }
        if self.shrinks:
            found["kept"] = 1 - rates * s.weight_decay
        return found

    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """`a c m / (sqrt(v) + e)`."""
        m = slots["mean"] * scalars["beta_1"] + dW * scalars["gain_1"]
        v = slots["square"] * scalars["beta_2"] + F.square(dW) * scalars["gain_2"]
        slots["mean"].assign(m)
        slots["square"].assign(v)
        return m * scalars["corrected_rate"] / (F.sqrt(v) + scalars["epsilon"])

    def _update_one(
        self, name: str, W: Parameter, dW: Tensor, scalars: Scalars
    ) -> None:
        if not (self.shrinks and name.endswith(".W")):
            super()._update_one(name, W, dW, scalars)
            return
        change = self.change(dW, self._slots[name], scalars)
        W.assign(W * scalars["kept"] - change)


def rule(solver: str, *, nesterov: bool, clips: bool) -> Any:
    """The rule of that name, ready to be told which weights to move."""
    if solver == "sgd":
        return Momentum(nesterov=nesterov, clips=clips)
    return Adam(decays=solver == "adamw", clips=clips)
