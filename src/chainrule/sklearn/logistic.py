"""`LogisticRegression`: scikit-learn's class, as a network of one layer."""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import scipy.sparse
from scipy.special import expit, log_expit, log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, _fit_context
from sklearn.callback import CallbackContext, CallbackSupportMixin
from sklearn.utils import Tags
from sklearn.utils._array_api import check_same_namespace
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from chainrule.ir import Array
from chainrule.nn import Dense, Sequential
from chainrule.nn.initializers import skipped
from chainrule.sklearn.logistic_fit import (
    Settings,
    Strength,
    check_classes,
    check_range,
    check_solver,
    fit_weights,
    warn_of_penalty,
)
from chainrule.sklearn.looking import Inspectable
from chainrule.sklearn.namespaces import Home, fetch
from chainrule.sklearn.solvers import SOLVERS

# Their sparse matrices may not be larger than 32-bit indices reach: as in scikit-learn.
SMALL_INDICES = ("liblinear", "sag", "saga")


class LinearClassifier(ClassifierMixin, Inspectable, BaseEstimator):
    """What a classifier does with its `coef_` and `intercept_` once it has them."""

    classes_: Array
    coef_: Any
    intercept_: Array

    def decision_function(self, X: Any) -> Array:
        """`X W + b`, of shape `(B,)` for two classes and `(B, classes)` for more.

        >>> LogisticRegression().fit([[-1.0], [1.0]], [0, 1]).decision_function([[0.0]])
        array([0.])
        """
        return self._bring(X, self._logits(X, "decision_function"))

    def predict(self, X: Any) -> Array:
        """The most probable class of each row.

        >>> LogisticRegression().fit([[-1.0], [1.0]], ["a", "b"]).predict([[0.5]])
        array(['b'], dtype='<U1')
        """
        z = self._logits(X, "predict")
        index = (z > 0).astype(np.intp) if z.ndim == 1 else z.argmax(1)
        labels = fetch(self.classes_)[index]
        # Only NumPy has arrays of words.
        return self._bring(X, labels) if labels.dtype.kind in "biuf" else labels

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class for each row: `softmax(X W + b)`.

        The shape is `(B, classes)`, in the order of `classes_`.

        >>> LogisticRegression().fit([[-1.0], [1.0]], [0, 1]).predict_proba([[0.0]])
        array([[0.5, 0.5]])
        """
        z = self._logits(X, "predict_proba")
        if z.ndim == 1:
            return self._bring(X, np.stack([expit(-z), expit(z)], axis=1))
        return self._bring(X, softmax(z, axis=1))

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`, which stays finite where that is 0."""
        z = self._logits(X, "predict_log_proba")
        if z.ndim == 1:
            return self._bring(X, np.stack([log_expit(-z), log_expit(z)], axis=1))
        return self._bring(X, log_softmax(z, axis=1))

    def _logits(self, X: Any, method: str) -> Array:
        """`X W + b`, in NumPy."""
        check_is_fitted(self)
        check_same_namespace(X, self, attribute="coef_", method=method)
        X = validate_data(self, fetch(X), accept_sparse="csr", reset=False)
        W, b = fetch(self.coef_).T, fetch(self.intercept_)
        z = safe_sparse_dot(X, W, dense_output=True) + b
        return np.asarray(z[:, 0] if z.shape[1] == 1 else z)

    @staticmethod
    def _bring(X: Any, found: Array) -> Array:
        """What was found for `X`, as the kind of array that `X` is."""
        array: Array = Home.of(X).bring(found)
        return array

    def to_network(self) -> Sequential:
        """A network of one layer with copies of the weights; it gives the logits.

        >>> net = LogisticRegression().fit([[-1.0], [1.0]], [0, 1]).to_network()
        >>> net([[0.0]])
        tensor([[0.]], dtype=float64)
        """
        check_is_fitted(self)
        W, b = fetch(self.coef_).T, fetch(self.intercept_)
        W = W.toarray() if scipy.sparse.issparse(W) else W
        with skipped():
            net = Sequential(Dense(*W.shape, dtype=W.dtype))
        net.parameters()["0.W"].assign(np.ascontiguousarray(W))
        net.parameters()["0.b"].assign(b.astype(W.dtype))
        return net.eval()

    def densify(self) -> Self:
        """Turn `coef_` into an array again, after `sparsify`."""
        check_is_fitted(self)
        if scipy.sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray()
        return self

    def sparsify(self) -> Self:
        """Turn `coef_` into a sparse matrix, smaller where most weights are 0."""
        check_is_fitted(self)
        self.coef_ = scipy.sparse.csr_array(fetch(self.coef_))
        return self

    def _settings(self) -> Settings:
        return Settings(
            self.solver,
            self.tol,
            self.max_iter,
            self.fit_intercept,
            self.intercept_scaling,
            self.class_weight,
            int(self.verbose),
        )


class LogisticRegression(CallbackSupportMixin, LinearClassifier):
    """`P(class) = softmax(X W + b)`; `W` and `b` minimise the penalised cross-entropy.

    The loss is `C * sum(s l) + (1 - l1_ratio) / 2 * sum(W^2) + l1_ratio * sum(|W|)`
    over the cross-entropies `l` of all rows with weights `s`. Two classes have one
    column of weights and a sigmoid.

    It stands in for scikit-learn 1.9's class of this name: parameters, attributes,
    warnings and errors mean the same, and so do the results, for there is one lowest
    point. How it is found is chainrule's own (see `chainrule.sklearn.solvers`):

    - `solver` takes the same names. Each keeps its rules (which penalties, and that
      `liblinear` penalises the intercept, divided by `intercept_scaling`) and the
      meaning of `tol`. `sag`, `saga` and `liblinear` draw no random numbers, so
      `random_state` changes nothing, and neither does `dual`.
    - `max_iter` counts iterations of these methods, of which fewer are needed:
      columns of any scale and offset are taken as if they were standardised.
    - `n_iter_` has shape `(1,)`.

    A sparse `X` is never made dense. float32 is kept: `coef_` has its dtype, sums over
    rows are taken in float64. Callbacks of scikit-learn follow `solver="lbfgs"`; one
    that asks to stop does stop it. It also takes arrays of other libraries where
    scikit-learn looks at their kind (`array_api_dispatch=True`).

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegression().fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> round(model.score(X, y), 3)
    0.973
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [
            StrOptions({"l1", "l2", "elasticnet"}),
            None,
            Hidden(StrOptions({"deprecated"})),
        ],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions(set(SOLVERS))],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: str | None = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, float] | str | None = None,
        random_state: int | np.random.RandomState | None = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find `coef_` and `intercept_`.

        `X` has shape `(B, features)`, an array, a frame or a sparse matrix; `y` has
        shape `(B,)`; `sample_weight` has shape `(B,)`, and a weight of 2 is the same as
        having the row twice. Warns with `ConvergenceWarning` if `max_iter` iterations
        were too few for `tol`.
        """
        penalty = self._penalty()
        check_solver(self.solver, penalty, dual=self.dual)
        strength = self._strength(penalty)
        if self.n_jobs is not None:
            warnings.warn(
                "'n_jobs' has no effect since 1.8 and will be removed in 1.10. You "
                f"provided 'n_jobs={self.n_jobs}', please leave it unspecified.",
                FutureWarning,
                stacklevel=2,
            )
        kind, kind_of_labels = Home.of(X), Home.of(y)
        X, y = validate_data(
            self,
            fetch(X),
            fetch(y),
            accept_sparse="csr",
            dtype=np.float64
            if self.solver == "liblinear"
            else [np.float64, np.float32],
            order="C",
            accept_large_sparse=self.solver not in SMALL_INDICES,
        )
        check_classification_targets(y)
        classes, codes = np.unique(y, return_inverse=True)
        check_classes(classes, self.solver)
        self.classes_ = kind_of_labels.bring(classes)
        check_range(X, self.solver)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(
                fetch(sample_weight), X, dtype=np.float64
            )
        started = self._coefficients() if self.warm_start else None
        follower = _Follower(self, X, y, sample_weight, started)
        weights, steps = fit_weights(
            X,
            codes,
            classes,
            sample_weight,
            strength,
            self._settings(),
            start=started,
            watch=follower.watch,
        )
        self.coef_, self.intercept_ = map(kind.bring, split(weights, X))
        self.n_iter_ = kind.bring(np.array([steps], np.int32))
        follower.end(weights)
        return self

    def set_callbacks(self, *callbacks: Any) -> Self:
        """Follow `fit` with callbacks of scikit-learn's protocol."""
        if self.solver != "lbfgs":
            warnings.warn(
                f"Callbacks are only supported in {type(self).__name__} for "
                f"solver='lbfgs'. This estimator has solver='{self.solver}', callbacks "
                "will be ignored during the solving of the regression.",
                stacklevel=2,
            )
        super().set_callbacks(*callbacks)
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = self.solver == "lbfgs"
        if self.solver == "liblinear":
            tags.classifier_tags.multi_class = False
        return tags

    # --- parameters ---------------------------------------------------------------

    def _penalty(self) -> str | None:
        """Which penalty is meant, in the words of before 1.8."""
        if self.penalty != "deprecated":
            warn_of_penalty(
                "'l1_ratio' or 'C' instead: l1_ratio=0 for penalty='l2', l1_ratio=1 "
                "for penalty='l1', l1_ratio between 0 and 1 for penalty='elasticnet', "
                "and C=np.inf for penalty=None"
            )
            self._warn_of_share(self.penalty)
            return self.penalty
        if self.l1_ratio is None:
            warnings.warn(
                "'l1_ratio=None' was deprecated in version 1.8 and will trigger an "
                "error in 1.10. Use 0<=l1_ratio<=1 instead.",
                FutureWarning,
                stacklevel=3,
            )
        if np.inf == self.C:
            penalty = None
        elif not self.l1_ratio:
            penalty = "l2"
        else:
            penalty = "l1" if self.l1_ratio == 1 else "elasticnet"
        if penalty != "elasticnet":
            self._warn_of_share(penalty)
        return penalty

    def _warn_of_share(self, penalty: str | None) -> None:
        """Say where `l1_ratio` and `penalty` contradict each other."""
        share = self.l1_ratio
        if penalty != "elasticnet" and share is not None and 0 < share < 1:
            warnings.warn(
                "l1_ratio parameter is only used when penalty is 'elasticnet'. Got "
                f"(penalty={penalty})",
                stacklevel=4,
            )
        wanted = {"l2": 0, "l1": 1}.get(str(self.penalty), share)
        if share != wanted:
            warnings.warn(
                f"Inconsistent values: penalty={self.penalty} with l1_ratio={share}. "
                "penalty is deprecated. Please use l1_ratio only.",
                stacklevel=4,
            )
        if penalty is None and self.penalty is None and self.C != 1.0:
            warnings.warn(
                "Setting penalty=None will ignore the C and l1_ratio parameters",
                stacklevel=4,
            )

    def _strength(self, penalty: str | None) -> Strength:
        if penalty == "elasticnet":
            if self.l1_ratio is None:
                raise ValueError(
                    "l1_ratio must be specified when penalty is elasticnet."
                )
            return Strength(self.C, self.l1_ratio)
        if penalty is None:
            return Strength(np.inf, 0.0)
        return Strength(self.C, 1.0 if penalty == "l1" else 0.0)

    def _coefficients(self) -> Array | None:
        """What was found by the last fit, `intercept_` in the last column."""
        if not hasattr(self, "coef_"):
            return None
        coef = fetch(self.densify().coef_)
        if not self.fit_intercept:
            return np.asarray(coef)
        return np.concatenate([coef, fetch(self.intercept_)[:, None]], axis=1)


def split(weights: Array, X: Any) -> tuple[Array, Array]:
    """`coef_` and `intercept_`, in the dtype of `X`."""
    columns = X.shape[1]
    weights = weights.astype(X.dtype)
    if weights.shape[1] > columns:
        return np.ascontiguousarray(weights[:, :columns]), weights[:, columns].copy()
    return weights, np.zeros(len(weights), X.dtype)


class _Follower:
    """Calls the callbacks of an estimator, if it has any, around iterations.

    scikit-learn's protocol has a task for the fit, in it one for each iteration, and
    after the last of these an empty one.
    """

    def __init__(
        self,
        estimator: LogisticRegression,
        X: Any,
        y: Array,
        sample_weight: Array | None,
        start: Array | None,
    ) -> None:
        self.estimator, self.X, self.y = estimator, X, y
        self.metadata = (
            None if sample_weight is None else {"sample_weight": sample_weight}
        )
        most = max(estimator.max_iter, 1) + 1
        self.root = estimator._init_callback_context(max_subtasks=most)  # noqa: SLF001 - scikit-learn's documented way in
        self.root.call_on_fit_task_begin(
            estimator=estimator, X=X, y=y, metadata=self.metadata
        )
        self.iteration: CallbackContext | None = None
        self.iterations = 0
        if estimator.solver == "lbfgs" and hasattr(estimator, "_skl_callbacks"):
            outputs = 1 if len(estimator.classes_) == 2 else len(estimator.classes_)
            columns = X.shape[1] + int(estimator.fit_intercept)
            self._begin(np.zeros((outputs, columns)) if start is None else start)

    @property
    def watch(self) -> Any:
        """What `fit_weights` calls after each iteration; nothing if nobody follows."""
        return None if self.iteration is None else self._next

    def end(self, weights: Array) -> None:
        """End all tasks."""
        if self.iteration is not None:
            if self.iterations == 0:
                self._next(weights)
            self.iteration.call_on_fit_task_end(estimator=self.estimator)
        self.root.call_on_fit_task_end(
            estimator=self.estimator,
            X=self.X,
            y=self.y,
            metadata=self.metadata,
            reconstruction_attributes={},
        )

    def _begin(self, weights: Array) -> None:
        self.iteration = self.root.subcontext(task_name="lbfgs-iter")
        self.iteration.call_on_fit_task_begin(**self._where(weights))

    def _next(self, weights: Array) -> bool:
        """End the task of an iteration and begin the next; whether to stop."""
        stop = False
        if self.iteration is not None:
            stop = self.iteration.call_on_fit_task_end(**self._where(weights))
        self.iterations += 1
        self._begin(weights)
        return bool(stop)

    def _where(self, weights: Array) -> dict[str, Any]:
        coef, intercept = split(weights, self.X)
        return {
            "estimator": self.estimator,
            "X": self.X,
            "y": self.y,
            "metadata": self.metadata,
            "reconstruction_attributes": {"coef_": coef, "intercept_": intercept},
        }
