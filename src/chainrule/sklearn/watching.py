"""What is looked at between epochs: held-out rows, callbacks, the time."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.metrics import get_scorer

from chainrule.ir import Array
from chainrule.sklearn.trainer import OnStep, Trainer
from chainrule.training import Callback, NonFiniteError, ProgressLine, Run
from chainrule.training.data import Rows, batch_bounds

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may"
    " contain large values and need to be preprocessed."
)

# Epochs are taken together for about as long as nobody minds waiting for Ctrl-C, and
# as long as their orders of rows, 8 bytes each, are no burden.
_CALL_SECONDS = 0.1
_MOST_ROWS = 4_000_000
# Sparse rows are trained on as dense ones: all at once if they are no larger than this,
# else in blocks of about so much.
DENSE_BYTES = 2**28
BLOCK_BYTES = 2**26


def dense(X: Any) -> Array:
    """Rows as an array."""
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


class SparseRows(Rows):
    """Rows that would not fit in memory as they are trained on: `X` is sparse."""

    def __len__(self) -> int:
        return int(self.X.shape[0])

    def take(self, rows: Array | slice) -> Rows:
        """These rows, as dense ones."""
        which = np.arange(len(self))[rows]
        return Rows(
            dense(self.X[which]),
            self.y[which],
            None if self.weights is None else self.weights[which],
            numbers=which,
            columns=self.columns,
            dtype=self.dtype,
        )


@dataclass
class Held:
    """Rows that are not trained on.

    `rows` are as the program takes them, `columns` has a column of targets for each
    output, and `X`, `y` are what the user has: for scorers. They are `watched` if they
    are scored after each epoch.
    """

    rows: Rows
    columns: Array
    sample_weight: Array | None
    X: Any
    y: Any
    watched: bool = True


class Course:
    """A fit that is under way: what trains, on which rows, and who looks on."""

    def __init__(
        self,
        trainer: Trainer,
        data: Rows,
        batch_size: int,
        held: Held | None,
        *,
        goes_on: bool,
        told: Mapping[str, Any],
    ) -> None:
        self.trainer = trainer
        self.told = told
        self.data = data
        self.held = held
        self.bounds = batch_bounds(len(data), batch_size, trainer.smallest)
        self.diverged = False
        self._goes_on = goes_on
        self._began = time.monotonic()
        self._seconds = 1.0  # for an epoch, as far as it is known

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._began

    @property
    def steps_per_epoch(self) -> int:
        """How many batches there are."""
        return len(self.bounds) - 1

    def epochs_at_once(self) -> int:
        """How many epochs to take in one call, if nobody looks between them."""
        return int(min(_CALL_SECONDS / self._seconds, _MOST_ROWS / len(self.data)))

    def take(
        self, orders: Sequence[Array], rates: Any, on_step: OnStep | None = None
    ) -> list[float]:
        """Train for some epochs; the loss of each, as scikit-learn averages it.

        When the loss is not finite, that raises `ValueError`; but where the best
        weights are put back in the end it goes on, as scikit-learn does.
        """
        self._check_weights(orders)
        if not self.diverged:
            began = time.perf_counter()
            try:
                losses = self._epochs(orders, rates, on_step)
            except NonFiniteError as error:
                if not self._goes_on:
                    raise ValueError(f"{NOT_FINITE}\n{error}") from error
                self.diverged = True
            else:
                spent = time.perf_counter() - began
                self._seconds = max(spent / len(orders), 1e-6)
                sizes = np.diff(self.bounds)
                # Not a product: its rounding depends on how many epochs there are.
                total = (losses * sizes).sum(axis=1)
                return list(total / len(self.data))
        return [np.nan] * len(orders)

    def _epochs(
        self, orders: Sequence[Array], rates: Any, on_step: OnStep | None
    ) -> Array:
        """The loss of each step, by epoch."""
        if not isinstance(self.data, SparseRows):
            return self.trainer.epochs(self.data, orders, self.bounds, rates, on_step)
        rates = rates if isinstance(rates, Sequence) else [rates] * len(orders)
        return np.stack(
            [
                self._block_by_block(self.data, order, rate, on_step)
                for order, rate in zip(orders, rates, strict=True)
            ]
        )

    def _block_by_block(
        self, data: SparseRows, order: Array, rate: Any, on_step: OnStep | None
    ) -> Array:
        """An epoch in which a few batches at a time are made dense."""
        size = int(self.bounds[1])
        each = max(1, BLOCK_BYTES // (size * data.X.shape[1] * data.X.dtype.itemsize))
        rates = [rate] if isinstance(rate, float) else rate
        losses = []
        for first in range(0, self.steps_per_epoch, each):
            bounds = self.bounds[first : first + each + 1]
            block = data.take(order[bounds[0] : bounds[-1]])
            here = [np.arange(len(block))]
            bounds = bounds - bounds[0]
            found = self.trainer.epochs(block, here, bounds, rates, on_step)
            losses.append(found[0])
        return np.concatenate(losses)

    def _check_weights(self, orders: Sequence[Array]) -> None:
        """Raise `ZeroDivisionError` if no row of a batch counts: it has no mean."""
        weights = self.data.weights
        if weights is None or weights.all():
            return
        for order in orders:
            if not np.add.reduceat(weights[order], self.bounds[:-1]).all():
                raise ZeroDivisionError(
                    "Weights sum to zero, can't be normalized: sample_weight is 0 for "
                    "all rows of a batch"
                )

    def outputs(self, output: str) -> Array:
        """What the network gives for the rows that are held out."""
        if self.held is None:
            raise LookupError("no rows are held out")
        found = self.trainer.outputs(self.held.rows.X, output)
        return np.full_like(found, np.nan) if self.diverged else found

    def held_loss(self) -> float:
        """The mean loss of the rows that are held out, without the penalty."""
        if self.held is None:
            raise LookupError("no rows are held out")
        try:
            return np.nan if self.diverged else self.trainer.loss_of(self.held.rows)
        except NonFiniteError:
            return np.nan


def score_by(monitor: Any, estimator: Any, held: Held) -> float:
    """What a scorer says of held-out rows, given the estimator as it is."""
    options = (
        {} if held.sample_weight is None else {"sample_weight": held.sample_weight}
    )
    with warnings.catch_warnings():
        # Rows that were held out here have no names of columns any more.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        return float(get_scorer(monitor)(estimator, held.X, held.y, **options))


class _Calling(Callback):
    """A function of the estimator as a callback; training ends where it gives true."""

    def __init__(self, function: Callable[[Any], Any], estimator: Any) -> None:
        self.function = function
        self.estimator = estimator

    def on_epoch(self, run: Run) -> None:
        """Call it."""
        if self.function(self.estimator):
            name = getattr(self.function, "__name__", "a callback")
            run.stop(f"{name} asked for it")


def step_teller(run: Run) -> OnStep | None:
    """Tells callbacks of each step, if any of them wants to know."""
    watchers = [c for c in run.callbacks if type(c).on_step is not Callback.on_step]
    if not watchers:
        return None

    def tell(step: int, loss: float) -> None:
        for callback in watchers:
            callback.on_step(run, step, loss)

    return tell


def run_of(estimator: Any, course: Course, epochs: int) -> Run:
    """The run that callbacks see."""
    given = estimator.callbacks or ()
    callbacks: list[Callback] = [
        c if isinstance(c, Callback) else _Calling(c, estimator) for c in given
    ]
    if estimator.progress:
        callbacks.append(ProgressLine())
    trainer = course.trainer
    run = Run(trainer.net, trainer.update, callbacks, epochs, {})

    def look(names: Any, rows: Any) -> dict[str, Array]:
        chosen = np.arange(min(len(course.data), 200)) if rows is None else rows
        batch = course.data.take(np.atleast_1d(np.asarray(chosen)))
        return trainer.program.look(batch, names)

    run.look_with(look)
    return run
