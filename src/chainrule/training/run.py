"""A training run, and what may look at it and stop it.

A run tells its callbacks how it goes, and they look at the run: so they share a file.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

from chainrule.ir import Array
from chainrule.nn import Module
from chainrule.optim import Optimizer
from chainrule.training.history import History

Look: TypeAlias = Callable[[Iterable[str] | None, Any], dict[str, Array]]


class Callback:
    """Something that is told how training goes. Override what you need.

    Everything about the run is in `run`: `run.net`, `run.optimizer`, `run.history`,
    `run.epoch`, `run.epochs`; `run.look(["0.W.grad"])` gives values and gradients
    inside a step; `run.stop("reason")` ends training after this epoch.
    """

    # Whether it looks at the network between epochs, or may stop training then.
    looks: ClassVar[bool] = True

    def epochs_at_once(self, run: "Run") -> int:
        """How many epochs may be trained now before it has to look.

        Short epochs are run several at a time, which is faster, where all callbacks
        allow it. `on_epoch` is called for each of them all the same, in turn, with its
        record as `run.history.last`; but the network is as it is after the last one.
        By default it is 1, or any number where `looks` is false. Who counts epochs
        without progress, say, need not look until patience can have run out.
        """
        del run
        tells_steps = type(self).on_step is not Callback.on_step
        return 1 if self.looks or tells_steps else sys.maxsize

    def on_start(self, run: "Run") -> None:
        """Training is about to begin, or to go on."""

    def on_step(self, run: "Run", step: int, loss: float) -> None:
        """One mini-batch is done. Overriding this slows training down a little."""

    def on_epoch(self, run: "Run") -> None:
        """One epoch is done; `run.history.last` has its record."""

    def on_end(self, run: "Run") -> None:
        """Training is over."""

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint has to keep: numbers, text and arrays by name."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""


class Run:
    """A training run: what callbacks see, and what a checkpoint keeps."""

    def __init__(
        self,
        net: Module,
        optimizer: Optimizer,
        callbacks: Sequence[Callback],
        epochs: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.net = net
        self.optimizer = optimizer
        self.callbacks = list(callbacks)
        self.epochs = epochs
        self.settings = dict(settings)
        self.history = History()
        self._look: Look | None = None

    @property
    def epoch(self) -> int:
        """How many epochs are done."""
        return self.optimizer.epochs

    def look(
        self, names: Iterable[str] | None = None, rows: Any = None
    ) -> dict[str, Array]:
        """Values and gradients inside a training step, by name, as arrays.

        `names` are what `cr.tapped` takes: layers (`"2"`), parameters (`"2.W"`), marks
        (`cr.tap`), `"loss"`, and their gradients (`"2.W.grad"`); without `names`, it is
        what all layers give. The step is computed from the weights as they are now, on
        the `rows` of those that are trained on, which are by default those of the last
        step. It is not taken: weights, statistics and dropout stay as they are.

        Raises `ValueError` for a name that is not there; the message says which are.
        """
        if self._look is None:
            raise RuntimeError("there is nothing to look at before training begins")
        return self._look(names, rows)

    def look_with(self, look: Look) -> None:
        """Let `look` answer: what trains says how to look at it."""
        self._look = look

    def stop(self, reason: str) -> None:
        """End training after this epoch."""
        self.history.stopped = reason
