"""How to train on a table: checked before the table is read."""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Self

from chainrule import optim
from chainrule.tables import EmbeddedInput
from chainrule.tabular.network import Architecture, SettingError, check_layers

__all__ = ["OPTIMIZERS", "SCHEDULES", "Settings"]

OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop", "adagrad", "lion", "lbfgs")

# How the learning rate changes, from the one that was asked for.
SCHEDULES: Final[Mapping[str, Callable[[Any], optim.Schedule] | None]] = {
    "constant": None,
    "cosine": optim.Cosine,
    "one_cycle": optim.OneCycle,
    "plateau": partial(optim.Plateau, factor=0.3, patience=5),
}

_NAMES: Final = ("activation", "normalization", "optimizer", "schedule")
_NOT_ZERO: Final = {
    "lr": "would change nothing; 0.001 is usual",
    "clip_norm": "would change nothing; 1 is usual",
    "max_time": "leaves no time; give seconds",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The network and its training, as `train_table` takes them.

    Raises `SettingError` that names the setting which makes no sense.
    """

    hidden: tuple[int, ...]
    activation: str
    normalization: str
    dropout: float
    epochs: int
    max_time: float | None
    batch_size: int | None
    optimizer: str
    lr: float | None
    schedule: str
    clip_norm: float | None
    weight_decay: float | None
    patience: int | None
    seed: int

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The settings among the options of `train_table`, as plain numbers."""
        # A request of an earlier chainrule has fewer options.
        given = {"normalization": "none", "schedule": "constant", **options}
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES)):
            if given[name] not in known:
                raise SettingError(
                    f"{name}={given[name]!r} is not known; known are {', '.join(known)}"
                )
        if given["optimizer"] == "lbfgs":
            _check_full_batch(given)
        layers = tuple(_whole("hidden", units) for units in given["hidden"])
        dropout = _real("dropout", given["dropout"])
        check_layers(layers, given["activation"], dropout, given["normalization"])
        for name, advice in _NOT_ZERO.items():
            if given.get(name) == 0:
                raise SettingError(f"{name}=0 {advice}")
        reals = ("max_time", "lr", "clip_norm", "weight_decay")
        wholes = ("batch_size", "patience")
        checked: dict[str, Any] = {name: str(given[name]) for name in _NAMES}
        checked |= {name: _optional(_real, name, given.get(name)) for name in reals}
        checked |= {name: _optional(_whole, name, given.get(name)) for name in wholes}
        return cls(
            hidden=layers,
            dropout=dropout,
            epochs=_whole("epochs", given["epochs"]),
            seed=_whole("seed", given["seed"], least=0),
            **checked,
        )

    def architecture(
        self, inputs: int, outputs: int, embedded: tuple[EmbeddedInput, ...] = ()
    ) -> Architecture:
        """The network for so many inputs and outputs."""
        return Architecture(
            inputs,
            self.hidden,
            self.activation,
            self.dropout,
            outputs,
            embedded,
            self.normalization,
        )

    def new_optimizer(self, rows: int) -> optim.Optimizer:
        """The optimizer for so many training rows."""
        options: dict[str, Any] = {}
        if self.lr is not None:
            options["learning_rate"] = self.lr
        follow = SCHEDULES[self.schedule]
        if follow is not None:
            usual = optim.get(self.optimizer).learning_rate
            options["learning_rate"] = follow(options.get("learning_rate", usual))
        if self.clip_norm is not None:
            options["clip_norm"] = self.clip_norm
        if self.optimizer == "sgd":
            options["momentum"] = 0.9
        if self.optimizer != "lbfgs":
            options |= {"weight_decay": self.decay(rows), "decays": _is_matrix}
        return optim.get(self.optimizer, **options)

    def batch(self, rows: int) -> int:
        """Rows in each step: about 100 steps an epoch, of 16 to 256 rows."""
        if self.batch_size is not None:
            return self.batch_size
        fitting = round(math.log2(rows / 100))
        return int(2 ** min(max(fitting, 4), 8))

    def decay(self, rows: int) -> float:
        """The weight decay: what few rows cannot tell, it keeps near 0.

        Tried on tables of 150 to 50,000 rows, 500 / rows did best, 1 at most.
        """
        if self.weight_decay is not None:
            return self.weight_decay
        return min(1.0, 500 / rows) if self.optimizer == "adamw" else 0.0


def _is_matrix(name: str) -> bool:
    """Whether a parameter is to decay: biases are not."""
    return name.endswith(".W")


def _check_full_batch(given: Mapping[str, Any]) -> None:
    """Refuse what L-BFGS, which chooses its own steps, has no use for."""
    for name in ("weight_decay", "clip_norm"):
        if given.get(name):
            raise SettingError(f"{name} is for other optimizers than lbfgs")
    if given["schedule"] != "constant":
        raise SettingError("schedule is for other optimizers than lbfgs")


def _optional(read: Callable[[str, Any], Any], name: str, given: Any) -> Any:
    return None if given is None else read(name, given)


def _whole(name: str, given: Any, *, least: int = 1) -> int:
    try:
        number = -1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        number = -1
    if number < least:
        raise SettingError(f"{name}={given!r} is not a whole number from {least} up")
    return number


def number_of(given: Any) -> float:
    """What was given as a float; NaN where it is none, or too large for one."""
    try:
        return float(given)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _real(name: str, given: Any) -> float:
    number = number_of(given)
    if not 0 <= number < math.inf:  # NaN too
        raise SettingError(f"{name}={given!r} is not a number from 0 up")
    return number
