"""`MLPClassifier`: scikit-learn's, trained by chainrule."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_sample_weight
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.ir import Array
from chainrule.sklearn.calibrated import Calibrated
from chainrule.sklearn.perceptron import (
    Objective,
    partial_fit_if_stochastic,
)


class MLPClassifier(ClassifierMixin, Calibrated):
    """A network of layers that says to which class a row belongs.

    It has the parameters, attributes and methods of
    `sklearn.neural_network.MLPClassifier`, draws the same random numbers, and gives
    the same results up to rounding. The loss is the mean of `-log p[y]` over the rows
    of a batch, plus `alpha / (2 n)` times the sum of all squared weights.

    Args:
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
        loss: "log_loss", "hinge", or a function of logits, targets and `sample_weight`.
        class_weight: what the rows of each class count: a dict, or "balanced".
        dropout: the share of the outputs of each hidden layer that is left out, each
            time others, while training.
        normalization: "batch" or "layer": what brings the weighted sums of each hidden
            layer to mean 0 and variance 1 before the activation.
        monitor: what is computed of held-out rows after each epoch, and is to improve:
            "loss", or a scorer or the name of one; accuracy if not given.
        weight_decay: for "adamw": this share of the weights, times the learning rate,
            is taken away at each step.
        max_grad_norm: gradients that are together longer than this are shortened to it.
        max_time: seconds after which no epoch begins.
        callbacks: `chainrule.Callback` objects, or functions that get the estimator
            after each epoch and end training by giving true.
        progress: show a line on the terminal.
        calibrate: "temperature" or "vector": once the network is trained, correct its
            logits on rows that it was not trained on, so that probabilities come true
            (see `chainrule.insight.calibrate_logits`). These rows are `X_val`, `y_val`
            where `fit` gets them. Else they are `validation_fraction` of the rows: with
            `early_stopping` the ones by which it stops, and otherwise as many of each
            class as is its share, drawn by `random_state`. They count as
            `sample_weight` says, without `class_weight`, so that "vector" undoes much
            of what that did.

    The attributes of a fitted one are scikit-learn's (`coefs_`, `intercepts_`,
    `loss_curve_`, `validation_scores_`, ...). Besides, `stop_reason_` says why training
    ended ("no improvement", "max_iter", "max_time", or whatever a callback said), and
    `validation_loss_curve_` has the losses of held-out rows with `monitor="loss"`.

    With `calibrate`, `calibration_` is what was found, a
    `chainrule.insight.Calibration`; `predict_proba`, `predict_log_proba` and
    `to_network` have it in them, and `coefs_`, `intercepts_` do not. `predict` says the
    same as without it after "temperature", and the class that is now the most likely
    after "vector". While training, callbacks and `monitor` see the network without it.
    `partial_fit` calibrates anew each time, and needs `X_val` and `y_val` for that.

    >>> clf = MLPClassifier(8, solver="lbfgs", random_state=0)
    >>> clf.fit([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])
    MLPClassifier(hidden_layer_sizes=8, random_state=0, solver='lbfgs')
    >>> clf.predict([[0.0, 1.0], [1.0, 1.0]])
    array([1, 0])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Calibrated._parameter_constraints,  # noqa: SLF001 - scikit-learn's convention
        "loss": [StrOptions({"log_loss", "hinge"}), callable],
        "class_weight": [dict, list, StrOptions({"balanced"}), None],
        "calibrate": [StrOptions({"temperature", "vector"}), None],
    }

    def __init__(
        self,
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
        loss: Objective = "log_loss",
        class_weight: Any = None,
        dropout: float = 0.0,
        normalization: str | None = None,
        monitor: Any = None,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = None,
        max_time: float | None = None,
        callbacks: Any = None,
        progress: bool = False,
        calibrate: str | None = None,
    ) -> None:
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
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout
        self.normalization = normalization
        self.monitor = monitor
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.max_time = max_time
        self.callbacks = callbacks
        self.progress = progress
        self.calibrate = calibrate

    # --- targets ------------------------------------------------------------------

    def _validate_input(
        self, X: Any, y: Any, *, incremental: bool, reset: bool
    ) -> tuple[Any, Array]:
        X, y = self._arrays(X, y, reset=reset)
        if not hasattr(self, "classes_") or not (self.warm_start or incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(unique_labels(y))
        return X, y

    def _validate_held(self, X: Any, y: Any) -> tuple[Any, Array]:
        X, y = self._arrays(X, y, reset=False)
        # Some of the classes may be missing: they are looked at, not learnt.
        unknown = np.setdiff1d(unique_labels(y), self.classes_)
        if len(unknown):
            raise ValueError(
                f"y_val has classes that y does not have: {unknown}; those of y are "
                f"{self.classes_}"
            )
        return X, y

    def _arrays(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Array]:
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse=["csr", "csc"],
            multi_output=True,
            dtype=(np.float64, np.float32),
            reset=reset,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        return X, y

    def _columns(self, y: Array) -> Array:
        columns = self._label_binarizer.transform(y).astype(bool)
        return np.asarray(columns.reshape(len(columns), -1))

    def _weigh(self, y: Array, sample_weight: Any, *, incremental: bool) -> Any:
        if self.class_weight is None:
            return sample_weight
        if incremental and self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs to see all rows, and partial_fit sees "
                "some: give the weights that compute_class_weight finds for all"
            )
        weights = compute_sample_weight(self.class_weight, y)
        return weights if sample_weight is None else weights * sample_weight

    def _check_classes(self, classes: Array) -> None:
        """Raise `ValueError` if there are classes that the network does not know."""
        if self.warm_start:
            if set(classes) != set(self.classes_):
                raise ValueError(
                    "warm_start can only be used where `y` has the same "
                    "classes as in the previous call to fit. Previously "
                    f"got {self.classes_}, `y` has {classes}"
                )
        elif len(np.setdiff1d(classes, self.classes_, assume_unique=True)):
            raise ValueError(
                "`y` has classes not in `self.classes_`. "
                f"`self.classes_` has {self.classes_}. 'y' has {classes}."
            )

    def _output(self) -> str:
        one = self._label_binarizer.y_type_ == "multiclass"
        return "softmax" if one else "logistic"

    @property
    def _objective(self) -> Any:
        one = self.out_activation_ == "softmax"
        return "binary_log_loss" if self.loss == "log_loss" and not one else self.loss

    def _targets(self, columns: Array, dtype: Any) -> Array:
        if self.out_activation_ == "softmax":
            return np.asarray(columns.argmax(axis=1))
        return columns.astype(dtype)

    def _said(self, y: Array) -> Array:
        return np.asarray(self._label_binarizer.inverse_transform(y))

    # --- fitting ------------------------------------------------------------------

    @partial_fit_if_stochastic
    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        classes: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Any:
        """One epoch on the rows given; gives itself.

        `classes` are all that will ever come; the first call needs them. `X_val`,
        `y_val` are scored after it. With `early_stopping`, once nothing has improved
        for `n_iter_no_change` calls, the best weights are put back, and `stop_reason_`
        is "no improvement".
        """
        if _check_partial_fit_first_call(self, classes):
            self._label_binarizer = LabelBinarizer()
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer.fit(y if several else classes)
        held = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, held, incremental=True)

    # --- predicting ---------------------------------------------------------------

    def _decide(self, outputs: Array) -> Array:
        flat = outputs.ravel() if self.n_outputs_ == 1 else outputs
        decided: Array = self._label_binarizer.inverse_transform(flat)
        return decided  # sparse, if the labels were

    def _score_outputs(
        self, outputs: Array, y: Array, sample_weight: Array | None
    ) -> float:
        if len(self.classes_) == 1 and self.n_outputs_ == 1:
            return 1.0  # there is nothing else to say
        if self.out_activation_ == "softmax":
            right = outputs.argmax(axis=1) == y.argmax(axis=1)
        else:
            right = ((outputs > 0.5) == y).all(axis=1)
        return float(np.average(right, weights=sample_weight))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class `(n, classes)`, in the order of `classes_`.

        For several labels a row, the probability of each of them. They are calibrated,
        if there is a `calibration_`.
        """
        check_is_fitted(self)
        p = self._outputs(X)
        if self.n_outputs_ > 1:
            return p
        return np.hstack([1 - p, p])

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`."""
        p = self.predict_proba(X)
        return np.asarray(np.log(p, out=p))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = self.calibrate is None
        return tags
