"""Callbacks that come with chainrule."""

import math
import sys
import time
from typing import Any, TextIO

from chainrule.ir import Array
from chainrule.training.run import Callback, Run

# What is monitored most, as a person says it.
_IN_WORDS = {"val_loss": "the validation loss", "loss": "the training loss"}


class EarlyStopping(Callback):
    """Stop when `monitor` has not got better for `patience` epochs.

    Better means lower, or higher where `higher_is_better`, by more than `min_delta`.
    By default `monitor` is the validation loss, or the training loss where there are
    no validation rows. The weights of the best epoch are put back at the end.
    """

    def __init__(
        self,
        patience: int = 10,
        *,
        monitor: str | None = None,
        min_delta: float = 0.0,
        higher_is_better: bool = False,
        restore_best: bool = True,
    ) -> None:
        if patience < 1:
            raise ValueError(f"patience={patience}: wait for at least one epoch")
        self.patience = patience
        self.monitor = monitor
        self.min_delta = min_delta
        self.higher_is_better = higher_is_better
        self.restore_best = restore_best
        self._best = math.inf
        self._best_epoch = 0
        self._best_weights: dict[str, Array] = {}

    def on_epoch(self, run: Run) -> None:
        """Compare with the best so far; stop where patience has run out."""
        record = run.history.last
        monitor = self.monitor or ("val_loss" if "val_loss" in record else "loss")
        if monitor not in record:
            raise ValueError(
                f"early stopping watches {monitor!r}, which is not recorded; recorded "
                f"are {', '.join(record)}"
            )
        figure = -record[monitor] if self.higher_is_better else record[monitor]
        if figure < self._best - self.min_delta or not self._best_weights:
            self._best, self._best_epoch = figure, run.epoch
            self._best_weights = run.net.state_dict()
        elif run.epoch - self._best_epoch >= self.patience:
            what = _IN_WORDS.get(monitor, monitor)
            run.stop(f"{what} has not got better for {self.patience} epochs")

    def on_end(self, run: Run) -> None:
        """Put the best weights back."""
        if self.restore_best and self._best_weights:
            run.net.load_state_dict(self._best_weights)
            run.history.best_epoch = self._best_epoch

    def state_dict(self) -> dict[str, Any]:
        """The best figure, its epoch, its weights."""
        weights = {f"weights.{k}": v for k, v in self._best_weights.items()}
        return {"best": self._best, "best_epoch": self._best_epoch, **weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse of `state_dict`."""
        self._best, self._best_epoch = state["best"], state["best_epoch"]
        self._best_weights = {
            name.removeprefix("weights."): array
            for name, array in state.items()
            if name.startswith("weights.")
        }


class ProgressLine(Callback):
    """One line that says how far training is, rewritten after each epoch."""

    looks = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stderr
        self._started = 0.0
        self._first = 0

    def on_start(self, run: Run) -> None:
        """Start the clock."""
        self._started, self._first = time.monotonic(), run.epoch

    def on_epoch(self, run: Run) -> None:
        """Rewrite the line."""
        record = dict(run.history.last)
        epoch = int(record.pop("epoch"))
        figures = "  ".join(
            f"{name} {figure:.4g}"
            for name, figure in record.items()
            if name not in ("seconds", "learning_rate")
        )
        spent = time.monotonic() - self._started
        left = spent / max(epoch - self._first, 1) * (run.epochs - epoch)
        line = f"epoch {epoch}/{run.epochs}  {figures}  {left:.0f} s left"
        ends = "" if self.stream.isatty() else "\n"
        start = "\r\x1b[K" if self.stream.isatty() else ""
        self.stream.write(start + line + ends)
        self.stream.flush()

    def on_end(self, run: Run) -> None:
        """Leave the line standing."""
        del run
        if self.stream.isatty():
            self.stream.write("\n")
