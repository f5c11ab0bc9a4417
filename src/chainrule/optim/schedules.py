"""How the learning rate changes while training goes on.

A schedule is a function of the step, counted from 0, computed on the host in float64.
Lengths are in epochs unless `unit="step"` is given. How many steps an epoch has, and
how many there are in all, a schedule is told by `bind`, which `fit` calls.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self, TypeAlias

import numpy as np

from chainrule.ir import Array

Unit: TypeAlias = Literal["epoch", "step"]


class Schedule(ABC):
    """The learning rate at each step: `schedule(step)`."""

    @abstractmethod
    def __call__(self, step: int) -> float:
        """The learning rate at `step`, which counts from 0."""

    def rates(self, steps: Array) -> Array:
        """The learning rates at many steps."""
        return np.asarray([self(int(step)) for step in steps], np.float64)

    def bind(self, steps_per_epoch: int, total_steps: int) -> "Schedule":
        """The same schedule, told what it was not given: how many steps there are."""
        del steps_per_epoch, total_steps
        return self

    @property
    def observes(self) -> bool:
        """Whether it learns anything from how epochs go."""
        return False

    def observe(self, metric: float) -> None:  # noqa: B027 - most learn nothing
        """Learn how an epoch went: its validation loss, or what stands for it."""

    def state_dict(self) -> dict[str, Any]:
        """What it has learned so far: numbers by name."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - likewise
        """The inverse of `state_dict`."""


def as_schedule(learning_rate: float | Schedule) -> Schedule:
    """A number as the schedule that never changes it.

    >>> as_schedule(0.1)
    Constant(rate=0.1)
    """
    if isinstance(learning_rate, Schedule):
        return learning_rate
    return Constant(learning_rate)


@dataclass(frozen=True)
class Constant(Schedule):
    """`a(t) = rate`.

    >>> Constant(0.1)(1000)
    0.1
    """

    rate: float

    def __post_init__(self) -> None:
        """Refuse what is no learning rate."""
        _check_rate("Constant", "rate", self.rate)

    def __call__(self, step: int) -> float:
        """The rate."""
        del step
        return float(self.rate)

    def rates(self, steps: Array) -> Array:
        """The rate, for each of the steps."""
        return np.full(len(steps), self.rate, np.float64)


@dataclass(frozen=True)
class _Timed(Schedule):
    """A schedule with lengths, in epochs or in steps."""

    unit: Unit = field(default="epoch", kw_only=True)
    steps_per_epoch: int | None = field(default=None, kw_only=True, repr=False)
    total_steps: int | None = field(default=None, kw_only=True, repr=False)

    def __post_init__(self) -> None:
        """Refuse other units."""
        if self.unit not in ("epoch", "step"):
            raise ValueError(f"{self}: unit is 'epoch' or 'step', not {self.unit!r}")

    def bind(self, steps_per_epoch: int, total_steps: int) -> Self:
        """The same schedule, told what it was not given."""
        return replace(
            self,
            steps_per_epoch=self.steps_per_epoch or steps_per_epoch,
            total_steps=self.total_steps or total_steps,
        )

    def _steps(self, length: float | None) -> float:
        """A length in steps; without a length, all steps that there are."""
        if length is not None and self.unit == "step":
            return length
        known = self.total_steps if length is None else self.steps_per_epoch
        if known is None:
            raise ValueError(
                f"{self} does not know how many steps there are: train with fit, give "
                "the length with unit='step', or call bind"
            )
        return known if length is None else length * known

    def _check(self, **lengths: float | None) -> None:
        for name, length in lengths.items():
            if length is not None and not length > 0:
                raise ValueError(
                    f"{type(self).__name__}: {name} is above 0, not {length}"
                )


@dataclass(frozen=True)
class StepDecay(_Timed):
    """`a(t) = rate factor**floor(t / every)`: multiplied by `factor` now and then.

    >>> [StepDecay(1.0, every=2, factor=0.5, unit="step")(t) for t in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    rate: float
    every: float
    factor: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        _check_rate("StepDecay", "rate", self.rate)
        self._check(every=self.every, factor=self.factor)

    def __call__(self, step: int) -> float:
        """The rate after as many multiplications as there were by then."""
        return float(self.rate * self.factor ** (step // self._steps(self.every)))


@dataclass(frozen=True)
class ExponentialDecay(_Timed):
    """`a(t) = rate factor**(t / every)`: multiplied by `factor` little by little.

    >>> ExponentialDecay(1.0, factor=0.25, every=2, unit="step")(1)
    0.5
    """

    rate: float
    factor: float
    every: float = 1

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        _check_rate("ExponentialDecay", "rate", self.rate)
        self._check(every=self.every, factor=self.factor)

    def __call__(self, step: int) -> float:
        """The rate after a part of a multiplication."""
        return float(self.rate * self.factor ** (step / self._steps(self.every)))


@dataclass(frozen=True)
class Cosine(_Timed):
    """`a(t) = floor + (rate - floor) (1 + cos(pi t / length)) / 2`: half a cosine.

    It takes the whole of training if `length` is not given, and stays at `floor`
    afterwards. With `restarts` it begins again instead, each time `growth` times as
    long. Loshchilov and Hutter 2017, "SGDR: stochastic gradient descent with warm
    restarts", equation 5.

    >>> [round(Cosine(1.0, 4, unit="step")(t), 3) for t in range(6)]
    [1.0, 0.854, 0.5, 0.146, 0.0, 0.0]
    """

    rate: float
    length: float | None = None
    floor: float = 0.0
    restarts: bool = False
    growth: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        _check_rate("Cosine", "rate", self.rate)
        _check_rate("Cosine", "floor", self.floor)
        self._check(length=self.length)
        if not self.growth >= 1:
            raise ValueError(f"Cosine: growth is at least 1, not {self.growth}")

    def __call__(self, step: int) -> float:
        """The rate at this part of the curve."""
        time, length = float(step), self._steps(self.length)
        while self.restarts and time >= length:
            time, length = time - length, length * self.growth
        return _between(self.rate, self.floor, min(time / length, 1.0))


@dataclass(frozen=True)
class OneCycle(_Timed):
    """Up from `start peak` to `peak` and down to `end peak`, along halves of a cosine.

    The way up takes the part `warm_up` of `length`, which is the whole of training if
    it is not given. Smith and Topin 2019, "Super-convergence"; the form and the
    defaults are those of PyTorch. The momentum stays as it is.

    >>> [round(OneCycle(1.0, 10, unit="step")(t), 2) for t in (0, 1, 2, 5, 9)]
    [0.04, 0.52, 1.0, 0.61, 0.0]
    """

    peak: float
    length: float | None = None
    warm_up: float = 0.3
    start: float = 1 / 25
    end: float = 1 / 25 / 10_000

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        _check_rate("OneCycle", "peak", self.peak)
        self._check(length=self.length)
        for name in ("warm_up", "start", "end"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"OneCycle: {name} is a part, between 0 and 1")

    def __call__(self, step: int) -> float:
        """The rate on the way up or down."""
        last = self._steps(self.length) - 1
        top = max(self.warm_up * (last + 1) - 1, 0)
        if step < top:
            return _between(self.start * self.peak, self.peak, step / top)
        down = (step - top) / (last - top) if last > top else 1.0
        return _between(self.peak, self.end * self.peak, min(down, 1.0))


@dataclass(frozen=True)
class WarmUp(_Timed):
    """`a(t) = (t + 1) / (length + 1)` of the first rate of `schedule`, then `schedule`.

    A straight line up to where `schedule`, a number or another schedule, takes over,
    counting from 0. Goyal et al. 2017, "Accurate, large minibatch SGD", section 2.2.

    >>> warm = WarmUp(Cosine(1.0, 2, unit="step"), 3, unit="step")
    >>> [round(warm(t), 2) for t in range(6)]
    [0.25, 0.5, 0.75, 1.0, 0.5, 0.0]
    """

    schedule: Schedule | float
    length: float

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        super().__post_init__()
        self._check(length=self.length)

    @property
    def after(self) -> Schedule:
        """What comes after the warm-up."""
        return as_schedule(self.schedule)

    def bind(self, steps_per_epoch: int, total_steps: int) -> Self:
        """Both parts, the second of which has the steps that the first leaves it."""
        bound = super().bind(steps_per_epoch, total_steps)
        left = max(1, total_steps - bound.last)
        return replace(bound, schedule=self.after.bind(steps_per_epoch, left))

    @property
    def last(self) -> int:
        """The step at which the warm-up is over."""
        return math.ceil(self._steps(self.length))

    def __call__(self, step: int) -> float:
        """The rate on the way up, or after it."""
        if step < self.last:
            return self.after(0) * (step + 1) / (self.last + 1)
        return self.after(step - self.last)

    @property
    def observes(self) -> bool:
        """If the schedule after it does."""
        return self.after.observes

    def observe(self, metric: float) -> None:
        """The schedule after it may want to know."""
        self.after.observe(metric)

    def state_dict(self) -> dict[str, Any]:
        """What the schedule after it has learned."""
        return self.after.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self.after.load_state_dict(state)


@dataclass
class Plateau(Schedule):
    """Multiplied by `factor` once the metric has not improved for `patience` epochs.

    An epoch improves if its metric is below the best one by more than the part
    `threshold` of it (above, if `mode` is `"max"`). After a cut, `cooldown` epochs do
    not count. It never falls below `floor`. The rules are those of PyTorch.

    >>> rate = Plateau(1.0, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     rate.observe(loss)
    >>> rate(0)
    0.5
    """

    rate: float
    factor: float = 0.1
    patience: int = 10
    floor: float = 0.0
    threshold: float = 1e-4
    mode: Literal["min", "max"] = "min"
    cooldown: int = 0

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        _check_rate("Plateau", "rate", self.rate)
        _check_rate("Plateau", "floor", self.floor)
        if not 0 < self.factor < 1:
            raise ValueError(f"Plateau: factor is between 0 and 1, not {self.factor}")
        if self.mode not in ("min", "max"):
            raise ValueError(f"Plateau: mode is 'min' or 'max', not {self.mode!r}")
        self._now = float(self.rate)
        self._best: float | None = None
        self._bad = self._resting = 0

    def __call__(self, step: int) -> float:
        """The rate after the cuts so far."""
        del step
        return self._now

    def rates(self, steps: Array) -> Array:
        """The rate after the cuts so far, for each of the steps."""
        return np.full(len(steps), self._now, np.float64)

    @property
    def observes(self) -> bool:
        """It does."""
        return True

    def observe(self, metric: float) -> None:
        """Count the epoch as good or bad; cut the rate after too many bad ones."""
        if self._improves(metric):
            self._best, self._bad = float(metric), 0
        else:
            self._bad += 1
        if self._resting > 0:
            self._resting, self._bad = self._resting - 1, 0
        if self._bad > self.patience:
            self._now = max(self._now * self.factor, self.floor)
            self._bad, self._resting = 0, self.cooldown

    def _improves(self, metric: float) -> bool:
        if self._best is None:
            return not math.isnan(metric)
        margin = self.threshold * abs(self._best)
        if self.mode == "min":
            return metric < self._best - margin
        return metric > self._best + margin

    def state_dict(self) -> dict[str, Any]:
        """The rate now, the best metric, and what has been counted."""
        return {
            "now": self._now,
            "best": self._best,
            "bad": self._bad,
            "resting": self._resting,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._now, self._best = state["now"], state["best"]
        self._bad, self._resting = state["bad"], state["resting"]


def _between(start: float, end: float, part: float) -> float:
    """From `start` to `end` along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * part)) / 2


def _check_rate(schedule: str, name: str, rate: float) -> None:
    if isinstance(rate, bool) or not isinstance(rate, (int, float)):
        raise TypeError(f"{schedule}: {name} is a number, not {rate!r}")
    if not 0 <= rate < math.inf:
        raise ValueError(f"{schedule}: {name} is 0 or more, not {rate}")
