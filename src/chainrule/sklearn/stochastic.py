"""Fitting by mini-batches: epochs, learning rates, and when to stop.

The steps themselves are run by `chainrule.training`, several epochs in one call where
nothing can happen between them. What is here decides, between calls, what scikit-learn
would have decided after each epoch.
"""

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, is_classifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from chainrule.ir import Array
from chainrule.sklearn.trainer import TRAINERS, Architecture, Recipe, Trainer, Weights
from chainrule.sklearn.updates import Settings
from chainrule.training import NonFiniteError
from chainrule.training.data import Rows, batch_bounds

STOCHASTIC = ("sgd", "adam")

NOT_FINITE = (
    "Solver produced non-finite parameter weights. The input data may"
    " contain large values and need to be preprocessed."
)

# Epochs are taken together for about as long as nobody minds waiting for Ctrl-C, and
# as long as their orders of rows, 8 bytes each, are no burden.
_CALL_SECONDS = 0.1
_MOST_ROWS = 4_000_000
# Below this, learning rates that adapt stop training.
_LEAST_RATE = 1e-6


def dense(X: Any) -> Array:
    """Rows as an array."""
    return np.asarray(X.toarray() if sparse.issparse(X) else X)


class Course:
    """A fit that is under way: what trains, on which rows, and what is held out."""

    def __init__(
        self,
        trainer: Trainer,
        data: Rows,
        batch_size: int,
        held: tuple[Array, Array, Array | None] | None,
    ) -> None:
        self.trainer = trainer
        self.data = data
        self.bounds = batch_bounds(len(data), batch_size)
        # Rows, what is true of them, and their weights.
        self.held = held
        self.diverged = False
        self._seconds = 1.0  # for an epoch, as far as it is known

    def epochs_at_once(self) -> int:
        """How many epochs to take in one call, if nobody looks between them."""
        return int(min(_CALL_SECONDS / self._seconds, _MOST_ROWS / len(self.data)))

    def take(self, orders: Sequence[Array], rates: Sequence[float]) -> list[float]:
        """Train for some epochs; the loss of each, as scikit-learn averages it.

        Where rows are held out it goes on when the loss is not finite, as scikit-learn
        does, for the best weights are put back in the end. Elsewhere that raises
        `ValueError`.
        """
        if not self.diverged:
            began = time.perf_counter()
            try:
                losses = self.trainer.epochs(self.data, orders, self.bounds, rates)
            except NonFiniteError as error:
                if self.held is None:
                    raise ValueError(f"{NOT_FINITE}\n{error}") from error
                self.diverged = True
            else:
                spent = time.perf_counter() - began
                self._seconds = max(spent / len(orders), 1e-6)
                sizes = np.diff(self.bounds)
                return [float(x) for x in losses @ sizes / len(self.data)]
        return [np.nan] * len(orders)

    def outputs(self, output: str) -> Array:
        """What the network gives for the rows that are held out."""
        assert self.held is not None
        found = self.trainer.outputs(self.held[0], output)
        return np.full_like(found, np.nan) if self.diverged else found


class Stochastic(BaseEstimator, ABC):
    """The part of an estimator that trains by mini-batches."""

    # What the parameters and attributes are, for those who read only this file.
    coefs_: list[Array]
    intercepts_: list[Array]
    n_outputs_: int
    out_activation_: str
    t_: int
    _others: dict[str, Array]
    _optimizer: Settings
    _best: Weights
    _random_state: np.random.RandomState

    @abstractmethod
    def _architecture(self, dtype: Any) -> Architecture:
        """The layers."""

    @abstractmethod
    def _rows(self, X: Any, y: Array, sample_weight: Any) -> Rows:
        """Rows as the program of a training step reads them."""

    @property
    @abstractmethod
    def _objective(self) -> str:
        """What is made small."""

    @abstractmethod
    def _score_outputs(
        self, outputs: Array, y: Array, sample_weight: Array | None
    ) -> float:
        """How good outputs are for columns of targets: what `score` would say."""

    # --- weights ------------------------------------------------------------------

    def _weights(self) -> Weights:
        others = getattr(self, "_others", {})
        return Weights(self.coefs_, self.intercepts_, others)

    def _keep(self, weights: Weights, dtype: Any) -> None:
        """Take over what was learned."""
        self.coefs_ = [W.astype(dtype, copy=False) for W in weights.coefs]
        self.intercepts_ = [b.astype(dtype, copy=False) for b in weights.intercepts]
        self._others = weights.others

    def _begin(self) -> None:
        """Nothing has been learned yet."""
        self.loss_curve_: list[float] = []
        self._no_improvement_count = 0
        self.best_loss_ = None if self.early_stopping else np.inf
        self.validation_scores_ = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None

    def _recipe(self, dtype: Any) -> Recipe:
        return Recipe(
            self._architecture(dtype),
            self._objective,
            self.solver,
            nesterov=self.solver == "sgd" and bool(self.nesterovs_momentum),
        )

    def _new_optimizer(self) -> Settings:
        rate = float(self.learning_rate_init)
        return Settings(
            self.solver,
            rate,
            rate,
            momentum=float(self.momentum),
            beta_1=float(self.beta_1),
            beta_2=float(self.beta_2),
            epsilon=float(self.epsilon),
        )

    # --- a fit --------------------------------------------------------------------

    def _fit_stochastic(
        self, X: Any, y: Array, sample_weight: Any, *, incremental: bool
    ) -> None:
        if not incremental or not hasattr(self, "_optimizer"):
            self._optimizer = self._new_optimizer()
        if self.early_stopping and incremental:
            raise ValueError("partial_fit does not support early_stopping=True")
        data, held = self._split(X, y, sample_weight)
        self.n_iter_ = 0
        self._order = np.arange(len(data))
        with TRAINERS.borrow(self._recipe(X.dtype)) as trainer:
            trainer.start(self._weights(), self.alpha, self._optimizer)
            course = Course(trainer, data, self._batch_size(len(data)), held)
            try:
                if incremental:
                    self._advance(course, 1)
                else:
                    self._train(course)
            except KeyboardInterrupt:
                warnings.warn("Training interrupted by user.", stacklevel=4)
            trainer.update.save(self._optimizer)
            self._keep(trainer.weights() if held is None else self._best, X.dtype)

    def _split(
        self, X: Any, y: Array, sample_weight: Any
    ) -> tuple[Rows, tuple[Array, Array, Array | None] | None]:
        """The rows to train on, and those to look at after each epoch."""
        if not self.early_stopping:
            return self._rows(X, y, sample_weight), None
        # scikit-learn keeps the shares of the classes only where there are two.
        stratify = y if is_classifier(self) and self.n_outputs_ == 1 else None
        train, held = train_test_split(
            np.arange(X.shape[0]),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=stratify,
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        ours, theirs = None, None
        if sample_weight is not None:
            ours, theirs = sample_weight[train], sample_weight[held]
        data = self._rows(X[train], y[train], ours)
        return data, (dense(X[held]), y[held], theirs)

    def _batch_size(self, count: int) -> int:
        if self.batch_size == "auto":
            return min(200, count)
        if self.batch_size > count:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped",
                stacklevel=5,
            )
        return int(np.clip(self.batch_size, 1, count))

    def _train(self, course: Course) -> None:
        """Epochs until something says stop, or there are enough."""
        while self.n_iter_ < self.max_iter:
            if self._advance(course, self._at_once(course)):
                return
        warnings.warn(
            f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
            "reached and the optimization hasn't converged yet.",
            ConvergenceWarning,
            stacklevel=6,
        )

    def _at_once(self, course: Course) -> int:
        """How many epochs nothing can come between.

        Training stops after so many epochs in a row without progress, which cannot be
        sooner than if there is none from now on.
        """
        if course.held is not None:
            return 1
        patience = self.n_iter_no_change + 1 - self._no_improvement_count
        left = self.max_iter - self.n_iter_
        return int(max(1, min(patience, left, course.epochs_at_once())))

    def _advance(self, course: Course, count: int) -> bool:
        """Train for some epochs; whether that was enough."""
        orders = [self._next_order() for _ in range(count)]
        rows = len(course.data)
        rates = [self._optimizer.learning_rate]
        rates += [self._rate_after(self.t_ + i * rows) for i in range(1, count)]
        enough = False
        for loss in course.take(orders, rates):
            self._note(loss, rows)
            if course.held is None:
                self._compare_loss(loss)
            else:
                self._compare_score(self._score_held(course), course)
            self._optimizer.learning_rate = self._rate_after(self.t_)
            if self._no_improvement_count > self.n_iter_no_change:
                enough = self._stops()
                self._no_improvement_count *= enough
        return enough

    def _next_order(self) -> Array:
        """The rows in the order in which the next epoch visits them."""
        if self.shuffle:
            shuffled = np.arange(len(self._order))
            self._random_state.shuffle(shuffled)
            self._order = self._order[shuffled]
        return self._order

    def _rate_after(self, t: int) -> float:
        """The learning rate once `t` rows were visited."""
        if self.solver == "sgd" and self.learning_rate == "invscaling":
            return self._optimizer.learning_rate_init / (t + 1) ** self.power_t
        return self._optimizer.learning_rate

    def _note(self, loss: float, rows: int) -> None:
        """One more epoch is done."""
        self.n_iter_ += 1
        self.t_ += rows
        self.loss_ = loss
        self.loss_curve_.append(loss)
        if self.verbose:
            print(f"Iteration {self.n_iter_}, loss = {loss:.8f}")  # noqa: T201 - asked for

    def _score_held(self, course: Course) -> float:
        """How good predictions are for rows that are not trained on."""
        assert course.held is not None
        _, y, sample_weight = course.held
        outputs = course.outputs(self.out_activation_)
        return self._score_outputs(outputs, y, sample_weight)

    def _compare_score(self, score: float, course: Course) -> None:
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:f}")  # noqa: T201 - asked for
        stalled = score < self.best_validation_score_ + self.tol
        self._no_improvement_count = stalled * (self._no_improvement_count + 1)
        if score > self.best_validation_score_:
            self.best_validation_score_ = score
            self._best = course.trainer.weights()

    def _compare_loss(self, loss: float) -> None:
        stalled = loss > self.best_loss_ - self.tol
        self._no_improvement_count = stalled * (self._no_improvement_count + 1)
        self.best_loss_ = loss if loss < self.best_loss_ else self.best_loss_

    def _stops(self) -> bool:
        """Whether training stops now that nothing improves; else with smaller steps."""
        what = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        rate = self._optimizer.learning_rate
        adapts = self.solver == "sgd" and self.learning_rate == "adaptive"
        if adapts and rate > _LEAST_RATE:
            self._optimizer.learning_rate = rate / 5
            self._say(f"{message} Setting learning rate to {rate / 5:f}")
            return False
        small = " Learning rate too small." if adapts else ""
        self._say(f"{message}{small} Stopping.")
        return True

    def _say(self, message: str) -> None:
        if self.verbose:
            print(message)  # noqa: T201 - verbose asks for it
