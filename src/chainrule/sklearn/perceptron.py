"""What the classifier and the regressor have in common: parameters, layers, fitting."""

from abc import abstractmethod
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from scipy.optimize import minimize
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.optimize import _check_optimize_result
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from chainrule.ir import Array
from chainrule.sklearn.stochastic import NOT_FINITE, STOCHASTIC, Stochastic, dense
from chainrule.sklearn.trainer import NETWORKS, TRAINERS, Architecture, Weights
from chainrule.sklearn.updates import Settings
from chainrule.training.data import Rows

def _takes_batches(estimator: "Perceptron") -> bool:
    """Whether there is such a thing as a single pass; else why there is not."""
    if estimator.solver not in STOCHASTIC:
        raise AttributeError(
            "partial_fit is only available for stochastic"
            f" optimizers. {estimator.solver} is not stochastic."
        )
    return True


class Perceptron(Stochastic):
    """Layers of neurons, with the parameters of scikit-learn's and what was missed.

    `hidden_layer_sizes` says how many neurons each hidden layer has. In the order of
    `coefs_`, each layer computes `a(x W + b)`.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden_layer_sizes": [
            "array-like",
            Interval(Integral, 1, None, closed="left"),
        ],
        "activation": [StrOptions({"identity", "logistic", "tanh", "relu"})],
        "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [
            StrOptions({"auto"}),
            Interval(Integral, 1, None, closed="left"),
        ],
        "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "shuffle": ["boolean"],
        "random_state": ["random_state"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
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
    }

    # --- fitting ------------------------------------------------------------------

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train on the rows of `X` `(n, features)` and their targets `y`; gives itself.

        `sample_weight` `(n,)` says what each row counts.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    @abstractmethod
    def _validate_input(
        self, X: Any, y: Any, *, incremental: bool, reset: bool
    ) -> tuple[Any, Array]:
        """The rows, checked, and the targets as columns: one for each output."""

    @abstractmethod
    def _targets(self, y: Array, dtype: Any) -> Array:
        """The columns of targets in the form that the objective takes."""

    @abstractmethod
    def _output(self) -> str:
        """The activation function of the output."""

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, incremental: bool) -> Any:
        hidden = self._hidden()
        first_pass = not hasattr(self, "coefs_") or (
            not self.warm_start and not incremental
        )
        X, y = self._validate_input(X, y, incremental=incremental, reset=first_pass)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        self.n_outputs_ = y.shape[1]
        self._random_state = check_random_state(self.random_state)
        if first_pass:
            self._initialize([X.shape[1], *hidden, self.n_outputs_], X.dtype)
        if self.solver in STOCHASTIC:
            self._fit_stochastic(X, y, sample_weight, incremental=incremental)
        else:
            self._fit_lbfgs(X, y, sample_weight)
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise ValueError(NOT_FINITE)
        return self

    def _hidden(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        hidden = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
        if np.any(np.asarray(hidden) <= 0):
            raise ValueError(f"hidden_layer_sizes must be > 0, got {hidden}.")
        return [int(n) for n in hidden]

    def _initialize(self, sizes: list[int], dtype: Any) -> None:
        """Draw the first weights; forget whatever was learned before."""
        self.n_iter_ = 0
        self.t_ = 0
        self.n_layers_ = len(sizes)
        self.out_activation_ = self._output()
        self.coefs_, self.intercepts_ = [], []
        for fan_in, fan_out in pairwise(sizes):
            W, b = self._draw(fan_in, fan_out)
            self.coefs_.append(W.astype(dtype, copy=False))
            self.intercepts_.append(b.astype(dtype, copy=False))
        self._others: dict[str, Array] = {}
        self._best = self._weights()
        if self.solver in STOCHASTIC:
            self._begin()

    def _draw(self, fan_in: int, fan_out: int) -> tuple[Array, Array]:
        """Glorot and Bengio 2010, equation 16, with less for the logistic function."""
        factor = 2.0 if self.activation == "logistic" else 6.0
        bound = np.sqrt(factor / (fan_in + fan_out))
        W = self._random_state.uniform(-bound, bound, (fan_in, fan_out))
        return W, self._random_state.uniform(-bound, bound, fan_out)

    def _architecture(self, dtype: Any) -> Architecture:
        sizes = (self.coefs_[0].shape[0], *(W.shape[1] for W in self.coefs_))
        return Architecture(
            sizes, (self.activation,) * (len(sizes) - 2), np.dtype(dtype).str
        )

    def _rows(self, X: Any, y: Array, sample_weight: Any) -> Rows:
        """Rows as the program of a training step reads them."""
        X = dense(X)
        weights = None if sample_weight is None else sample_weight.astype(X.dtype)
        return Rows(
            np.ascontiguousarray(X),
            np.ascontiguousarray(self._targets(y, X.dtype)),
            weights,
            columns=getattr(self, "feature_names_in_", None),
            dtype=X.dtype,
        )

    # --- all rows at once ---------------------------------------------------------

    def _fit_lbfgs(self, X: Any, y: Array, sample_weight: Any) -> None:
        data = self._rows(X.astype(np.float64), y, sample_weight)
        recipe = self._recipe(np.float64)
        with TRAINERS.borrow(recipe) as trainer:
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
            self._keep(trainer.weights(), X.dtype)

    # --- predicting ---------------------------------------------------------------

    def _outputs(self, X: Any, *, check_input: bool = True) -> Array:
        """What the network gives for rows: a column for each output."""
        if check_input:
            X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        dtype = np.result_type(X.dtype, *self.coefs_)
        with NETWORKS.borrow(self._architecture(dtype)) as network:
            network.load(self._weights())
            return network.outputs(dense(X), self.out_activation_)

    @abstractmethod
    def _decide(self, outputs: Array) -> Array:
        """What is predicted, where the network gives `outputs`."""

    def predict(self, X: Any) -> Array:
        """What is predicted for the rows of `X`, one each."""
        check_is_fitted(self)
        return self._decide(self._outputs(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


partial_fit_if_stochastic = available_if(_takes_batches)
