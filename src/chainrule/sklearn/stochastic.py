"""Fitting by mini-batches: epochs, learning rates, and when to stop.

The steps themselves are run by `chainrule.training`, several epochs in one call where
nothing can happen between them. What is here decides, between calls, what scikit-learn
would have decided after each epoch.
"""

import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state

from chainrule.ir import Array
from chainrule.nn import reseed
from chainrule.optim import Schedule
from chainrule.sklearn.trainer import TRAINERS, Architecture, Recipe, Trainer, Weights
from chainrule.sklearn.updates import Settings
from chainrule.sklearn.watching import Course, Held, run_of, score_by, step_teller
from chainrule.training import Run
from chainrule.training.data import Rows

STOCHASTIC = ("sgd", "adam", "adamw")

# At this rate, learning rates that adapt stop training.
_LEAST_RATE = 1e-6


class Stochastic(CallbackSupportMixin, BaseEstimator, ABC):
    """The part of an estimator that trains by mini-batches."""

    # What the parameters and attributes are, for those who read only this file.
    coefs_: list[Array]
    intercepts_: list[Array]
    n_outputs_: int
    out_activation_: str
    t_: int
    loss_: float
    best_loss_: Any
    validation_scores_: Any
    best_validation_score_: Any
    _others: dict[str, Array]
    _optimizer: Settings
    _best: Weights
    _latest: Weights
    _parts: tuple[Array, Array]
    _random_state: np.random.RandomState
    # For layers that draw random numbers, until they have it.
    _seed: int | None = None
    _callback_fit_ctx: Any

    @abstractmethod
    def _architecture(self, dtype: Any) -> Architecture:
        """The layers."""

    @abstractmethod
    def _rows(self, X: Any, y: Array, sample_weight: Any) -> Rows:
        """Rows as the program of a training step reads them."""

    @property
    @abstractmethod
    def _objective(self) -> Any:
        """What is made small."""

    @abstractmethod
    def _said(self, y: Array) -> Array:
        """What columns of targets stand for, as users say it."""

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
        if self.monitor == "loss":
            self.validation_loss_curve_: list[float] = []

    def _recipe(self, dtype: Any) -> Recipe:
        return Recipe(
            self._architecture(dtype),
            self._objective,
            self.solver,
            nesterov=self.solver == "sgd" and bool(self.nesterovs_momentum),
            clips=self.max_grad_norm is not None,
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
            weight_decay=float(self.weight_decay),
            max_grad_norm=float(self.max_grad_norm or np.inf),
        )

    @property
    def _resumes(self) -> bool:
        """Whether a fit goes on where the last one ended, in everything."""
        return bool(self.warm_start == "resume")

    # --- a fit --------------------------------------------------------------------

    def _fit_stochastic(
        self,
        data: Rows,
        held: Held | None,
        told: Mapping[str, Any],
        *,
        incremental: bool,
    ) -> None:
        """Train on `data`; scikit-learn's callbacks are told what `told` says."""
        dtype = data.dtype
        known = getattr(self, "_optimizer", None)
        goes_on = incremental or self._resumes
        if not goes_on or known is None or known.rule != self.solver:
            self._optimizer = self._new_optimizer()
        if held is not None and self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_ = [], -np.inf
        if not self.early_stopping and self.best_loss_ is None:
            self.best_loss_ = np.inf
        self.n_iter_ = 0
        if not self._resumes or len(getattr(self, "_order", ())) != len(data):
            self._order = np.arange(len(data))
        with TRAINERS.borrow(self._recipe(dtype)) as trainer:
            start = self._weights()
            if self._resumes and hasattr(self, "_latest"):
                start = self._latest
            trainer.start(start, self.alpha, self._optimizer)
            course = Course(
                trainer,
                data,
                self._batch_size(len(data)),
                held,
                goes_on=bool(self.early_stopping),
                told=told,
            )
            self._reseed(trainer)
            try:
                self._train(course, 1 if incremental else self.max_iter)
            except KeyboardInterrupt:
                self.stop_reason_ = "interrupted"
                warnings.warn("Training interrupted by user.", stacklevel=5)
            trainer.update.save(self._optimizer)
            self._finish(course, dtype, incremental=incremental)

    def _reseed(self, trainer: Trainer) -> None:
        """Let dropout begin with numbers of its own, the first time."""
        if self._seed is not None:
            reseed(trainer.net, self._seed)
            self._seed = None

    def _finish(self, course: Course, dtype: Any, *, incremental: bool) -> None:
        """The weights that the estimator has from now on."""
        latest = course.trainer.weights()
        stalled = self.stop_reason_ == "no improvement"
        best = self.early_stopping and (stalled or not incremental)
        self._keep(self._best if best else latest, dtype)
        if incremental and best:
            self._no_improvement_count = 0  # what follows begins anew from there
        if self._resumes:
            self._latest = self._weights() if incremental else latest
        else:
            del self._order  # it is of use to nobody else
        if self.stop_reason_ == "max_iter" and not incremental:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.max_iter}) "
                "reached and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=6,
            )

    def _strata(self, columns: Array) -> Array | None:
        """What rows that are held out have in the same shares as all, if anything."""
        del columns
        return None

    def _hold_out(self, count: int, y: Array) -> tuple[Array, Array]:
        """The numbers of the rows to train on, and of those to look at."""
        if self._resumes and hasattr(self, "_parts"):
            known = self._parts
            if sum(map(len, known)) == count:
                return known
        train, held = train_test_split(
            np.arange(count),
            random_state=self._random_state,
            test_size=self.validation_fraction,
            stratify=self._strata(y),
        )
        if len(held) < 2:
            raise ValueError(
                "The validation set is too small. Increase 'validation_fraction' "
                "or the size of your dataset."
            )
        if self._resumes:
            self._parts = train, held
        return train, held

    def _split(
        self, X: Any, y: Array, weights: Any, sample_weight: Any
    ) -> tuple[Rows, Held]:
        """Some rows to train on, and some to look at after each epoch.

        `weights` are those of training, which know the weights of the classes too.
        """
        train, held = self._hold_out(X.shape[0], y)
        ours = None if weights is None else weights[train]
        theirs = None if sample_weight is None else sample_weight[held]
        watched = Held(
            self._rows(X[held], y[held], theirs),
            y[held],
            theirs,
            X[held],
            self._said(y[held]),
            watched=bool(self.early_stopping),
        )
        return self._rows(X[train], y[train], ours), watched

    def _batch_size(self, count: int) -> int:
        if self.batch_size == "auto":
            return min(200, count)
        if self.batch_size > count:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than "
                "sample size. It is going to be clipped",
                stacklevel=6,
            )
        return int(np.clip(self.batch_size, 1, count))

    def _train(self, course: Course, epochs: int) -> None:
        """Epochs until something says stop, or there are enough."""
        run = run_of(self, course, epochs)
        run.optimizer.epochs = 0
        for callback in run.callbacks:
            callback.on_start(run)
        schedule = self._schedule(course.steps_per_epoch)
        self.stop_reason_ = ""
        while not self.stop_reason_:
            count = self._at_once(course, run, epochs, schedule)
            self._advance(course, run, count, schedule)
            if not self.stop_reason_ and self.n_iter_ == epochs:
                self.stop_reason_ = "max_iter"
        for callback in run.callbacks:
            callback.on_end(run)

    def _schedule(self, each: int) -> Schedule | None:
        """The schedule of learning rates, if there is one, told how many steps come."""
        if not isinstance(self.learning_rate, Schedule):
            return None
        bound = deepcopy(self.learning_rate).bind(each, each * self.max_iter)
        if self._optimizer.schedule:
            bound.load_state_dict(self._optimizer.schedule)
        return bound

    def _at_once(
        self, course: Course, run: Run, epochs: int, schedule: Schedule | None
    ) -> int:
        """How many epochs nothing can come between.

        Training stops after so many epochs in a row without progress, which cannot be
        sooner than if there is none from now on.
        """
        adapts = schedule is not None and schedule.observes
        if course.held is not None or adapts or hasattr(self, "_skl_callbacks"):
            return 1
        allowed = [callback.epochs_at_once(run) for callback in run.callbacks]
        patience = self.n_iter_no_change + 1 - self._no_improvement_count
        left = epochs - self.n_iter_
        return int(max(1, min(patience, left, course.epochs_at_once(), *allowed)))

    def _advance(
        self, course: Course, run: Run, count: int, schedule: Schedule | None
    ) -> None:
        """Train for some epochs, and see whether that was enough."""
        began = time.perf_counter()
        orders = [self._next_order() for _ in range(count)]
        rows = len(course.data)
        rates = [self._optimizer.learning_rate]
        rates += [self._rate_after(self.t_ + i * rows) for i in range(1, count)]
        task = self._task_begins(course)
        losses = course.take(orders, schedule or rates, step_teller(run))
        seconds = (time.perf_counter() - began) / count
        for loss in losses:
            self._note(loss, rows)
            self._compare(course)
            if schedule is not None:
                schedule.observe(self._observed())
                self._optimizer.schedule = schedule.state_dict()
                self._optimizer.learning_rate = schedule(course.trainer.update.steps)
            self._tell(course, run, seconds)
            self._optimizer.learning_rate = self._rate_after(self.t_)
            self._stop_if_stalled()
        self._task_ends(task, course)
        self._stop_otherwise(course, run)

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
            return float(self._optimizer.learning_rate_init / (t + 1) ** self.power_t)
        return self._optimizer.learning_rate

    # --- after an epoch -----------------------------------------------------------

    def _note(self, loss: float, rows: int) -> None:
        """One more epoch is done."""
        self.n_iter_ += 1
        self.t_ += rows
        self.loss_ = loss
        self.loss_curve_.append(loss)
        self._say(f"Iteration {self.n_iter_}, loss = {loss:.8f}")

    def _observed(self) -> float:
        """What a schedule learns from: the score of held-out rows, or the loss."""
        if self.early_stopping:
            return -float(self.validation_scores_[-1])
        return self.loss_

    def _compare(self, course: Course) -> None:
        """Whether this epoch was better than those before it."""
        score = np.nan
        if course.held is not None:
            score = self._score_held(course, course.held)
            self.validation_scores_.append(score)
            self._say(f"Validation score: {score:f}")
        if self.early_stopping:
            stalled = score < self.best_validation_score_ + self.tol
        else:
            stalled = self.loss_ > self.best_loss_ - self.tol
            self.best_loss_ = min(self.best_loss_, self.loss_)
        self._no_improvement_count = int(stalled) * (self._no_improvement_count + 1)
        if course.held is not None and score > self.best_validation_score_:
            self.best_validation_score_ = score
            self._best = course.trainer.weights()

    def _score_held(self, course: Course, held: Held) -> float:
        """How good the network is for rows that are not trained on."""
        if self.monitor is None:
            outputs = course.outputs(self.out_activation_)
            return self._score_outputs(outputs, held.columns, held.sample_weight)
        if self.monitor == "loss":
            self.validation_loss_curve_.append(course.held_loss())
            return -self.validation_loss_curve_[-1]
        if course.diverged:
            return np.nan
        self._keep(course.trainer.weights(), course.data.dtype)
        return score_by(self.monitor, self, held)

    def _tell(self, course: Course, run: Run, seconds: float) -> None:
        """Tell callbacks of this epoch."""
        run.optimizer.epochs = self.n_iter_
        record = {"epoch": self.n_iter_, "loss": self.loss_}
        if course.held is not None:
            record["val_score"] = self.validation_scores_[-1]
        record["learning_rate"] = self._optimizer.learning_rate
        record["seconds"] = seconds
        run.history.records.append(record)
        if any(c.looks for c in run.callbacks) or hasattr(self, "_skl_callbacks"):
            self._keep(course.trainer.weights(), course.data.dtype)
        for callback in run.callbacks:
            callback.on_epoch(run)

    def _stop_if_stalled(self) -> None:
        """Stop where nothing improves any more, or go on with smaller steps."""
        if self._no_improvement_count <= self.n_iter_no_change:
            return
        what = "Validation score" if self.early_stopping else "Training loss"
        message = (
            f"{what} did not improve more than tol={self.tol:f} for "
            f"{self.n_iter_no_change} consecutive epochs."
        )
        rate = self._optimizer.learning_rate
        adapts = self.solver == "sgd" and self.learning_rate == "adaptive"
        if adapts and rate > _LEAST_RATE:
            self._no_improvement_count = 0
            self._optimizer.learning_rate = rate / 5
            self._say(f"{message} Setting learning rate to {rate / 5:f}")
            return
        self.stop_reason_ = "no improvement"
        small = " Learning rate too small." if adapts else ""
        self._say(f"{message}{small} Stopping.")

    def _stop_otherwise(self, course: Course, run: Run) -> None:
        if self.stop_reason_:
            return
        if run.history.stopped is not None:
            self.stop_reason_ = run.history.stopped
        elif self.max_time is not None and course.elapsed > self.max_time:
            self.stop_reason_ = "max_time"

    def _say(self, message: str) -> None:
        if self.verbose:
            print(message)  # noqa: T201 - verbose asks for it

    # --- scikit-learn's callbacks -------------------------------------------------

    def _task_begins(self, course: Course) -> Any:
        """An epoch, as scikit-learn's callbacks are told of it."""
        if not hasattr(self, "_skl_callbacks"):
            return None
        context = self._callback_fit_ctx.subcontext(task_name="epoch")
        return context.call_on_fit_task_begin(estimator=self, **course.told)

    def _task_ends(self, task: Any, course: Course) -> None:
        if task is None:
            return
        fitted = {"coefs_": self.coefs_, "intercepts_": self.intercepts_}
        stops = task.call_on_fit_task_end(
            estimator=self, reconstruction_attributes=fitted, **course.told
        )
        if stops and not self.stop_reason_:
            self.stop_reason_ = "a callback asked for it"

    def _draw_from(self, random_state: Any) -> None:
        """Where random numbers come from in this fit."""
        if not (self._resumes and hasattr(self, "_random_state")):
            self._random_state = check_random_state(random_state)
