"""How to train on a table: checked before the table is read."""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from chainrule import optim
from chainrule.tables import EmbeddedInput
from chainrule.tabular.network import Architecture, SettingError, check_layers

__all__ = ["OPTIMIZERS", "Settings"]

OPTIMIZERS: Final = ("adamw", "adam", "sgd", "rmsprop", "adagrad", "lion", "lbfgs")


@dataclass(frozen=True, slots=True)
class Settings:
    """The network and its training, as `train_table` takes them.

    Raises `SettingError` that names the setting which makes no sense.
    """

    hidden: tuple[int, ...]
    activation: str
    dropout: float
    epochs: int
    batch_size: int | None
    optimizer: str
    lr: float | None
    weight_decay: float | None
    patience: int | None
    seed: int

    @classmethod
    def checked(
        cls,
        *,
        hidden: Iterable[int],
        activation: str,
        dropout: float,
        epochs: int,
        batch_size: int | None,
        optimizer: str,
        lr: float | None,
        weight_decay: float | None,
        patience: int | None,
        seed: int,
    ) -> Self:
        """The settings as plain numbers, whatever kind of numbers they were."""
        if optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise SettingError(
                f"optimizer={optimizer!r} is not known; known are {known}"
            )
        if weight_decay and optimizer == "lbfgs":
            raise SettingError("weight_decay is for other optimizers than lbfgs")
        layers = tuple(_whole("hidden", units) for units in hidden)
        dropout = _real("dropout", dropout)
        check_layers(layers, activation, dropout)
        if lr == 0:
            raise SettingError("lr=0 would change nothing; 0.001 is usual")
        return cls(
            layers,
            activation,
            dropout,
            _whole("epochs", epochs),
            None if batch_size is None else _whole("batch_size", batch_size),
            optimizer,
            None if lr is None else _real("lr", lr),
            None if weight_decay is None else _real("weight_decay", weight_decay),
            None if patience is None else _whole("patience", patience),
            _whole("seed", seed, least=0),
        )

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The settings among the options of `train_table`."""
        return cls.checked(**{field.name: options[field.name] for field in fields(cls)})

    def architecture(
        self, inputs: int, outputs: int, embedded: tuple[EmbeddedInput, ...] = ()
    ) -> Architecture:
        """The network for so many inputs and outputs."""
        return Architecture(
            inputs, self.hidden, self.activation, self.dropout, outputs, embedded
        )

    def new_optimizer(self, rows: int) -> optim.Optimizer:
        """The optimizer for so many training rows."""
        options: dict[str, Any] = {}
        if self.lr is not None:
            options["learning_rate"] = self.lr
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


def _whole(name: str, given: Any, *, least: int = 1) -> int:
    try:
        number = -1 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        number = -1
    if number < least:
        raise SettingError(f"{name}={given!r} is not a whole number from {least} up")
    return number


def _real(name: str, given: Any) -> float:
    try:
        number = float(given)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:  # NaN too
        raise SettingError(f"{name}={given!r} is not a number from 0 up")
    return number
