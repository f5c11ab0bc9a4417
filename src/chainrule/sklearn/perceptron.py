"""What the classifier and the regressor have in common: parameters, layers, fitting."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from itertools import pairwise
from numbers import Integral, Real
from operator import index
from typing import Any, ClassVar, TypeAlias

import numpy as np
from scipy import sparse
from scipy.optimize import minimize
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from chainrule.ir import Array
from chainrule.nn import Sequential
from chainrule.nn.activations import ACTIVATIONS
from chainrule.optim import Schedule
from chainrule.sklearn import watching
from chainrule.sklearn.looking import Inspectable
from chainrule.sklearn.stochastic import STOCHASTIC, Stochastic
from chainrule.sklearn.trainer import (
    ALIASES,
    NETWORKS,
    TRAINERS,
    Architecture,
    Network,
    Weights,
)
from chainrule.sklearn.updates import Settings
from chainrule.sklearn.watching import NOT_FINITE, Held, SparseRows, dense
from chainrule.training.data import Rows


def _takes_batches(estimator: "Perceptron") -> bool:
    """Whether there is such a thing as a single pass; else why there is not."""
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic"
            f" optimizers. {estimator.solver} is not stochastic."
        )
    return True


partial_fit_if_stochastic = available_if(_takes_batches)

# The name of a loss, or a function like those of `chainrule.losses`.
Objective: TypeAlias = str | Callable[..., Any]

# `X_val`, `y_val`, `sample_weight_val`.
Given: TypeAlias = tuple[Any, Any, Any]

# A softmax belongs at the end, where it is already.
_ACTIVATIONS = {*ACTIVATIONS, *ALIASES} - {"softmax", "log_softmax"}


class Perceptron(Inspectable, Stochastic):
    """Layers of neurons, with the parameters of scikit-learn's and what was missed.

    `hidden_layer_sizes` says how many neurons each hidden layer has. In the order of
    `coefs_`, each layer computes `a(x W + b)`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions(_ACTIVATIONS), list, tuple],
        "solver": [StrOptions({"lbfgs", *STOCHASTIC})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [
            StrOptions({"constant", "invscaling", "adaptive"}),
            Schedule,
        ],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean", StrOptions({"resume"})],
        "momentum": [Interval(Real, 0, 1, closed="both")],
        "nesterovs_momentum": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "beta_1": [Interval(Real, 0, 1, closed="left")],
        "beta_2": [Interval(Real, 0, 1, closed="left")],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "n_iter_no_change": [
            Interval(Integral, 1, None, closed="left"),
            Options(Real, {np.inf}),
        ],
        "max_fun": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "normalization": [StrOptions({"batch", "layer"}), None],
        "monitor": [StrOptions({"loss", *get_scorer_names()}), callable, None],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "callbacks": [list, tuple, None],
        "progress": ["boolean"],
    }

    # --- fitting ------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """Train on the rows of `X` `(n, features)` and their targets `y`; gives itself.

        `sample_weight` `(n,)` says what each row counts. After each epoch `X_val`,
        `y_val` are scored, if they are given: with `early_stopping` they are looked at
        in place of a part of `X`.

        Where all rows are one batch (`batch_size`, or `solver="lbfgs"`), a weight of 2
        is the same as having the row twice, and one of 0 as leaving it out, up to
        rounding. But not for what counts rows or draws for each of them:
        `learning_rate="invscaling"`, `class_weight="balanced"`, `dropout`,
        `normalization="batch"`, and rows that are held out of `X`. Smaller batches are
        other ones where there are more rows.
        """
        held = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held, incremental=False)

    @abstractmethod
    def _validate_input(
        self, X: Any, y: Any, *, incremental: bool, reset: bool
    ) -> tuple[Any, Array]:
        """The rows and their targets, checked."""

    @abstractmethod
    def _columns(self, y: Array) -> Array:
        """The targets as columns: one for each output."""

    @abstractmethod
    def _targets(self, columns: Array, dtype: Any) -> Array:
        """Columns of targets in the form that the objective takes."""

    @abstractmethod
    def _weigh(self, y: Array, sample_weight: Any, *, incremental: bool) -> Any:
        """What each row counts in training."""

    @abstractmethod
    def _output(self) -> str:
        """The activation function of the output."""

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held: Given,
        *,
        incremental: bool,
    ) -> Any:
        hidden = self._hidden()
        first_pass = not hasattr(self, "coefs_") or (
            not self.warm_start and not incremental
        )
        X, y = self._validate_input(X, y, incremental=incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        weights = self._weigh(y, sample_weight, incremental=incremental)
        columns = self._columns(y)
        self.n_outputs_ = columns.shape[1]
        self._draw_from(self.random_state)
        if first_pass:
            self._initialize([X.shape[1], *hidden, self.n_outputs_], X.dtype)
        self._prepare(held, incremental=incremental)
        told = self._tell_of(X, y, sample_weight)
        data, apart = self._parted(X, columns, weights, sample_weight, held)
        if self.solver in STOCHASTIC:
            watched = apart if apart is not None and apart.watched else None
            self._fit_stochastic(data, watched, told, incremental=incremental)
        else:
            self._fit_lbfgs(data, X.dtype)
        self._conclude(apart)
        self._tell_of_end(told)
        return self

    def _prepare(self, held: Given, *, incremental: bool) -> None:
        """Raise `ValueError` for settings that do not go together."""
        if self.solver not in STOCHASTIC:
            self._check_lbfgs(held)
        if held[0] is not None:
            return
        if incremental and self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True, unless it gets "
                "X_val and y_val"
            )
        if self.monitor is not None and not self.early_stopping:
            raise ValueError(
                f"monitor={self.monitor!r} needs rows to look at: set early_stopping, "
                "or give X_val and y_val"
            )

    def _conclude(self, apart: Held | None) -> None:
        """What is left to do once the weights are known, with the rows held out."""
        del apart
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise ValueError(NOT_FINITE)

    @property
    def _holds_out(self) -> bool:
        """Whether some of the rows are not trained on."""
        return bool(self.early_stopping) and self.solver in STOCHASTIC

    def _parted(
        self, X: Any, columns: Array, weights: Any, sample_weight: Any, held: Given
    ) -> tuple[Rows, Held | None]:
        """The rows to train on, and those that are held out."""
        if self.solver not in STOCHASTIC:
            X = X.astype(np.float64)
        if held[0] is not None:
            return self._rows(X, columns, weights), self._given(*held, X.dtype)
        if self._holds_out:
            return self._split(X, columns, weights, sample_weight)
        return self._rows(X, columns, weights), None

    def _given(self, X_val: Any, y_val: Any, sample_weight: Any, dtype: Any) -> Held:
        """The rows that the user wants to be looked at."""
        if y_val is None:
            raise ValueError("X_val needs y_val: what is true of these rows")
        X, y = self._validate_held(X_val, y_val)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        columns = self._columns(y)
        rows = self._rows(X.astype(dtype), columns, sample_weight)
        return Held(rows, columns, sample_weight, X_val, y)

    def _validate_held(self, X: Any, y: Any) -> tuple[Any, Array]:
        """The rows to look at as arrays; `ValueError` where they do not fit."""
        return self._validate_input(X, y, incremental=True, reset=False)

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.asarray(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return [index(n) for n in hidden]

    # --- layers -------------------------------------------------------------------

    def _activations(self, hidden: int) -> tuple[str, ...]:
        """The activation function of each hidden layer."""
        if isinstance(self.activation, str):
            return (self.activation,) * hidden
        chosen = tuple(self.activation)
        if len(chosen) != hidden:
            raise ValueError(
                f"activation={self.activation!r} names {len(chosen)} functions, and "
                f"there are {hidden} hidden layers"
            )
        unknown = [name for name in chosen if name not in _ACTIVATIONS]
        if unknown:
            raise ValueError(
                f"activation: there is no {unknown[0]!r}; known are "
                f"{', '.join(sorted(_ACTIVATIONS))}"
            )
        return chosen

    def _initialize(self, sizes: list[int], dtype: Any) -> None:
        """Draw the first weights; forget whatever was learned before."""
        activations = self._activations(len(sizes) - 2)
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output()
        self.coefs_, self.intercepts_ = [], []
        # scikit-learn starts the output like the layer before it.
        for (fan_in, fan_out), name in zip(
            pairwise(sizes),
            [*activations, activations[-1] if activations else self.activation],
            strict=True,
        ):
            W, b = self._draw(fan_in, fan_out, name)
            self.coefs_.append(W.astype(dtype, copy=False))
            self.intercepts_.append(b.astype(dtype, copy=False))
        self._others = {}
        self._best = self._weights()
        for name in ("_optimizer", "_order", "_latest", "_parts"):
            self.__dict__.pop(name, None)
        if self.dropout:
            self._seed = int(self._random_state.randint(2**31))
        if self.solver in STOCHASTIC:
            self._begin()

    def _draw(self, fan_in: int, fan_out: int, activation: Any) -> tuple[Array, Array]:
        """Glorot and Bengio 2010, equation 16, with less for the logistic function."""
        factor = 2.0 if activation in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (fan_in + fan_out))
        W = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        return W, self._random_state.uniform(-bound, bound, fan_out)

    def _architecture(self, dtype: Any) -> Architecture:
        sizes = (self.coefs_[0].shape[0], *(W.shape[1] for W in self.coefs_))
        return Architecture(
            sizes,
            self._activations(len(sizes) - 2),
            np.dtype(dtype).str,
            float(self.dropout),
            self.normalization,
        )

    def _rows(self, X: Any, y: Array, sample_weight: Any) -> Rows:
        targets = np.ascontiguousarray(self._targets(y, X.dtype))
        weights = None if sample_weight is None else sample_weight.astype(X.dtype)
        more = {
            "columns": getattr(self, "feature_names_in_", None),
            "dtype": X.dtype,
        }
        size = X.shape[0] * X.shape[1] * X.dtype.itemsize
        if sparse.issparse(X) and size > watching.DENSE_BYTES:
            return SparseRows(X.tocsr(), targets, weights, **more)
        return Rows(np.ascontiguousarray(dense(X)), targets, weights, **more)

    # --- all rows at once ---------------------------------------------------------

    def _fit_lbfgs(self, data: Rows, dtype: Any) -> None:
        with TRAINERS.borrow(self._recipe(np.float64)) as trainer:
            trainer.start(self._weights(), self.alpha, Settings("sgd", 0.0, 0.0))
            found = minimize(
                lambda x: trainer.loss_and_gradient(data, x),
                trainer.vector,
                method="L-BFGS-B",
                jac=True,
                options={
                    "maxfun": self.max_fun,
                    "maxiter": self.max_iter,
                    "gtol": self.tol,
                },
            )
            self.n_iter_ = _check_optimize_result("lbfgs", found, self.max_iter)
            self.loss_ = found.fun
            trainer.vector = found.x
            self._keep(trainer.weights(), dtype)

    def _check_lbfgs(self, held: Sequence[Any]) -> None:
        """Raise `ValueError` for what only makes sense with mini-batches."""
        wrong = {
            "dropout": self.dropout,
            "normalization": self.normalization == "batch",
            "max_grad_norm": self.max_grad_norm is not None,
            "max_time": self.max_time is not None,
            "callbacks": self.callbacks,
            "monitor": self.monitor is not None,
            "X_val": held[0] is not None and not self._holds_out,
            "warm_start='resume'": self._resumes,
        }
        given = [name for name, is_given in wrong.items() if is_given]
        if given:
            raise ValueError(
                f"solver='lbfgs' looks at all rows at once and has no {given[0]}: take "
                f"one of {', '.join(STOCHASTIC)}"
            )

    # --- scikit-learn's callbacks -------------------------------------------------

    def _tell_of(self, X: Any, y: Any, sample_weight: Any) -> dict[str, Any]:
        """What scikit-learn's callbacks are told of a fit; they learn of its start."""
        if not hasattr(self, "_skl_callbacks"):
            return {}
        weights = None if sample_weight is None else {"sample_weight": sample_weight}
        told = {"X": X, "y": y, "metadata": weights}
        context = self._init_callback_context(max_subtasks=int(self.max_iter))
        context.call_on_fit_task_begin(estimator=self, **told)
        return told

    def _tell_of_end(self, told: dict[str, Any]) -> None:
        if told:
            self._callback_fit_ctx.call_on_fit_task_end(
                estimator=self,
                reconstruction_attributes={"coefs_": self.coefs_},
                **told,
            )

    # --- predicting ---------------------------------------------------------------

    def _final(self) -> Weights:
        """The weights with which it predicts."""
        return self._weights()

    def _outputs(self, X: Any, weights: Weights | None = None) -> Array:
        """What the network gives for rows: a column for each output."""
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        X = X.tocsr() if sparse.issparse(X) else X
        chosen = self._final() if weights is None else weights
        return self._forward(X, chosen, self.out_activation_)

    def _forward(self, X: Any, weights: Weights, output: str) -> Array:
        dtype = np.result_type(X.dtype, *self.coefs_)
        with NETWORKS.borrow(self._architecture(dtype)) as network:
            network.load(weights)
            return network.outputs(X, output)

    @abstractmethod
    def _decide(self, outputs: Array) -> Array:
        """What is predicted, where the network gives `outputs`."""

    def predict(self, X: Any) -> Array:
        """What is predicted for the rows of `X`, one each."""
        check_is_fitted(self)
        return self._decide(self._outputs(X))

    def to_network(self) -> Sequential:
        """A copy of the network, up to what its last layer gives: the logits.

        With it goes all that chainrule does with networks: `chainrule.save`,
        `chainrule.insight`, exports, pictures. Its parameters are `"0.W"`, `"0.b"` and
        so on, of the dtype of `coefs_`, and hold what these hold; only a calibration is
        in the weights of the last layer, so that `predict_proba` is their softmax.
        """
        check_is_fitted(self)
        network = Network(self._architecture(self.coefs_[0].dtype))
        network.load(self._final())
        return network.net.eval()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
