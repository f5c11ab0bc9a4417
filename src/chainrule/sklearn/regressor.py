"""`MLPRegressor`: scikit-learn's, trained by chainrule."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import validate_data

from chainrule.ir import Array
from chainrule.sklearn.perceptron import (
    Objective,
    Perceptron,
    partial_fit_if_stochastic,
)

_LOSSES = {
    "absolute_error",
    "cosine",
    "huber",
    "poisson",
    "quantile",
    "squared_error",
}


class MLPRegressor(RegressorMixin, Perceptron):
    """A network of layers that predicts numbers.

    It has the parameters, attributes and methods of
    `sklearn.neural_network.MLPRegressor`, draws the same random numbers, and gives
    the same results up to rounding.

    Args:
        loss: "squared_error", which is halved; "poisson" for counts: half of Poisson's
            deviance, where the network gives the logarithm of the mean; "huber",
            "absolute_error", "quantile" or "cosine" of `chainrule.losses`, or a
            function of predictions, targets and `sample_weight`, such as
            `chainrule.losses.get("quantile", q=0.9)`.
        hidden_layer_sizes: how many neurons each hidden layer has, or one number.
        activation: of the hidden layers: "identity", "logistic", "tanh", "relu", or any
            other that chainrule knows, such as "gelu"; a list has one for each layer.
        solver: "adam", "sgd", "adamw", or "lbfgs" on all rows at once.
        alpha: how much large weights cost.
        batch_size: rows in a batch; "auto" is 200, or all if there are fewer.
        learning_rate: for "sgd": "constant", "invscaling" or "adaptive"; for any solver
            but "lbfgs" a schedule of `chainrule.optim`.
        learning_rate_init: the learning rate at first.
        power_t: for "invscaling": the rate is divided by this power of the time.
        max_iter: how many epochs there are at most.
        shuffle: visit the rows in a new order each epoch.
        random_state: a seed, or a `RandomState`: decides first weights and orders.
        tol: an improvement of less than this is none.
        verbose: print the loss of each epoch.
        warm_start: begin with the weights of the previous fit; with "resume" also go on
            with its moments, learning rate and random numbers, so that several fits
            give what one long fit would.
        momentum: for "sgd": how much of the last step is taken again.
        nesterovs_momentum: for "sgd": look ahead along the last step.
        early_stopping: hold rows out, and stop when their score no longer improves.
        validation_fraction: the share of rows that is held out.
        beta_1: for "adam": how much of the mean gradient is kept at each step.
        beta_2: for "adam": how much of the mean squared gradient is kept.
        epsilon: for "adam": what keeps it from dividing by 0.
        n_iter_no_change: epochs without improvement after which to stop.
        max_fun: for "lbfgs": how often the loss is computed at most.
        dropout: the share of the outputs of each hidden layer that is left out, each
            time others, while training.
        normalization: "batch" or "layer": what brings the weighted sums of each hidden
            layer to mean 0 and variance 1 before the activation.
        monitor: what is computed of held-out rows after each epoch, and is to improve:
            "loss", or a scorer or the name of one; R2 if not given.
        weight_decay: for "adamw": this share of the weights, times the learning rate,
            is taken away at each step.
        max_grad_norm: gradients that are together longer than this are shortened to it.
        max_time: seconds after which no epoch begins.
        callbacks: `chainrule.Callback` objects, or functions that get the estimator
            after each epoch and end training by giving true.
        progress: show a line on the terminal.

    The attributes of a fitted one are scikit-learn's (`coefs_`, `intercepts_`,
    `loss_curve_`, `validation_scores_`, ...). Besides, `stop_reason_` says why training
    ended ("no improvement", "max_iter", "max_time", or whatever a callback said), and
    `validation_loss_curve_` has the losses of held-out rows with `monitor="loss"`.

    >>> reg = MLPRegressor(hidden_layer_sizes=8, solver="lbfgs", random_state=0)
    >>> reg.fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]).predict([[1.5]]).round(1)
    array([4.])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Perceptron._parameter_constraints,  # noqa: SLF001 - scikit-learn's convention
        "loss": [StrOptions(_LOSSES), callable],
    }

    def __init__(
        self,
        loss: Objective = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Any = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: float = 0.0,
        normalization: str | None = None,
        monitor: Any = None,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        max_time: float | None = None,
        callbacks: Any = None,
        progress: bool = False,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.normalization = normalization
        self.monitor = monitor
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.max_time = max_time
        self.callbacks = callbacks
        self.progress = progress

    def _validate_input(
        self, X: Any, y: Any, *, incremental: bool, reset: bool
    ) -> tuple[Any, Array]:
        del incremental
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise ValueError(f"loss='poisson' needs y >= 0, and y has {y.min():g}")
        return X, y

    def _columns(self, y: Array) -> Array:
        return y.reshape(len(y), -1)

    def _weigh(self, y: Array, sample_weight: Any, *, incremental: bool) -> Any:
        del y, incremental
        return sample_weight

    def _output(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    @property
    def _objective(self) -> Any:
        return self.loss

    def _targets(self, columns: Array, dtype: Any) -> Array:
        return columns.astype(dtype)

    def _said(self, y: Array) -> Array:
        return self._decide(y)

    @partial_fit_if_stochastic
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """One epoch on the rows given; gives itself.

        `X_val`, `y_val` are scored after it. With `early_stopping`, once nothing has
        improved for `n_iter_no_change` calls, the best weights are put back, and
        `stop_reason_` is "no improvement".
        """
        held = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held, incremental=True)

    def _decide(self, outputs: Array) -> Array:
        return outputs.ravel() if outputs.shape[1] == 1 else outputs

    def _score_outputs(
        self, outputs: Array, y: Array, sample_weight: Array | None
    ) -> float:
        if not np.isfinite(outputs).all():
            return np.nan
        return float(r2_score(y, outputs, sample_weight=sample_weight))
