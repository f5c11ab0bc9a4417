"""Callbacks that come with chainrule."""

import math
import shutil
import sys
import time
from typing import Any, TextIO

from chainrule.ir import Array
from chainrule.training.run import Callback, Run
from chainrule.training.scores import higher_is_better

_BAR = 20  # characters
# What is monitored most, as a person says it.
_IN_WORDS = {"val_loss": "the validation loss", "loss": "the training loss"}


class EarlyStopping(Callback):
    """Stop when `monitor` has not got better for `patience` epochs.

    `monitor` is anything that the history records: `"val_loss"`, `"val_accuracy"`, the
    name of a function among the metrics with `val_` before it. By default it is the
    validation loss, or the training loss where there are no validation rows.

    Better means by more than `min_delta`, and lower for losses and errors, higher for
    the other metrics that have a name; for functions `higher_is_better` says it. NaN is
    never better.

    The weights of the best epoch are put back at the end, unless `restore_best` is
    false.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    >>> stopping = cr.EarlyStopping(3, monitor="val_accuracy")
    >>> history = cr.fit(
    ...     cr.nn.Dense(2, 2, rng=0), X, y, epochs=50, validation=0.3,
    ...     metrics=["accuracy"], early_stopping=stopping,
    ... )
    >>> history.stopped
    'val_accuracy has not got better for 3 epochs'
    >>> history["val_accuracy"][history.best_epoch - 1] == max(history["val_accuracy"])
    True
    """

    def __init__(
        self,
        patience: int = 10,
        *,
        monitor: str | None = None,
        min_delta: float = 0.0,
        higher_is_better: bool | None = None,
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

    def on_start(self, run: Run) -> None:
        """Begin afresh with a run that does; refuse what cannot be watched."""
        if run.epoch == 0:
            self._best, self._best_epoch, self._best_weights = math.inf, 0, {}
        if self.monitor is not None:
            self._higher(self.monitor)

    def on_epoch(self, run: Run) -> None:
        """Compare with the best so far; stop where patience has run out."""
        record = run.history.last
        monitor = self.monitor or ("val_loss" if "val_loss" in record else "loss")
        if monitor not in record:
            raise ValueError(
                f"early stopping watches {monitor!r}, which is not recorded; recorded "
                f"are {', '.join(record)}"
            )
        figure = -record[monitor] if self._higher(monitor) else record[monitor]
        if figure < self._best - self.min_delta or not self._best_epoch:
            # NaN has to lose against all that follows.
            self._best = math.inf if math.isnan(figure) else figure
            self._best_epoch = run.epoch
            if self.restore_best:
                self._best_weights = run.net.state_dict()
        elif run.epoch - self._best_epoch >= self.patience:
            what = _IN_WORDS.get(monitor, monitor)
            run.stop(f"{what} has not got better for {self.patience} epochs")

    def epochs_at_once(self, run: Run) -> int:
        """Until patience can have run out, where no weights have to be kept."""
        if self.restore_best:
            return 1
        return max(1, self.patience - (run.epoch - self._best_epoch))

    def _higher(self, monitor: str) -> bool:
        known = higher_is_better(monitor)
        if self.higher_is_better is not None:
            return self.higher_is_better
        if known is None:
            raise ValueError(
                f"early stopping watches {monitor!r}, and cannot know what is better: "
                "say higher_is_better=True or False"
            )
        return known

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
        self._best, self._best_epoch = float(state["best"]), int(state["best_epoch"])
        self._best_weights = {
            name.removeprefix("weights."): array
            for name, array in state.items()
            if name.startswith("weights.")
        }


class ProgressLine(Callback):
    """One line that says how far training is, rewritten after each epoch.

    On a terminal it has a bar, and is cut where the terminal ends; anywhere else it is
    written once for each epoch.
    """

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
        counted = f"epoch {epoch:>{len(str(run.epochs))}}/{run.epochs}"
        figures = f"{figures}  {left:.0f} s left"
        if self.stream.isatty():
            columns = shutil.get_terminal_size().columns
            line = f"{counted} {self._bar(epoch / run.epochs)} {figures}"
            self.stream.write("\r\x1b[K" + line[: columns - 1])
        else:
            self.stream.write(f"{counted}  {figures}\n")
        self.stream.flush()

    def _bar(self, share: float) -> str:
        """So much of a bar."""
        done = round(share * _BAR)
        full, empty = "#", "-"
        if (getattr(self.stream, "encoding", None) or "").lower().startswith("utf"):
            full, empty = "█", "░"
        return full * done + empty * (_BAR - done)

    def on_end(self, run: Run) -> None:
        """Leave the line standing."""
        del run
        if self.stream.isatty():
            self.stream.write("\n")
