"""From the parameters of logistic regression to a network of one layer, and back.

What scikit-learn minimises is `C * sum(s l) + penalty`; here that is divided by `C` and
by the sum of the weights `s`, so that numbers stay near 1 for any number of rows.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import compute_class_weight

from chainrule.ir import Array
from chainrule.sklearn.one_layer import OneLayer
from chainrule.sklearn.solvers import Request, solve

# What is larger than this cannot be squared, with room to add rows up.
_LARGEST = 1e140

ClassWeight = Mapping[Any, float] | str | None


@dataclass(frozen=True)
class Settings:
    """scikit-learn's parameters of these names that say how weights are found."""

    solver: str
    tol: float
    max_iter: int
    fit_intercept: bool
    intercept_scaling: float
    class_weight: ClassWeight
    verbose: int


@dataclass(frozen=True)
class Strength:
    """How strong the penalty is: `C` is the inverse, `l1_ratio` the share of l1."""

    C: float
    l1_ratio: float

    @property
    def ridge(self) -> float:
        """The factor of half the sum of squares, for a loss that is a sum."""
        return (1 - self.l1_ratio) / self.C

    @property
    def lasso(self) -> float:
        """The factor of the sum of absolute values, for a loss that is a sum."""
        return self.l1_ratio / self.C


def fit_weights(
    X: Any,
    codes: Array,
    classes: Array,
    sample_weight: Array | None,
    strength: Strength,
    settings: Settings,
    *,
    start: Array | None = None,
    watch: Callable[[Array], bool] | None = None,
) -> tuple[Array, int]:
    """The weights, `(outputs, features + intercept)`, after how many iterations.

    `codes` has shape `(B,)` and holds numbers of `classes`; there is one output for two
    classes. The search begins at `start`, or at 0; `liblinear` always begins at 0.
    `watch(weights)` is called after
    each iteration of `lbfgs`, and stops it by giving true.
    """
    weights = row_weights(X, codes, classes, sample_weight, settings.class_weight)
    outputs = 1 if len(classes) == 2 else len(classes)
    problem = _problem(X, codes, weights, outputs, strength, settings)
    x = np.zeros(problem.size)
    if start is not None and settings.solver != "liblinear":
        x = np.ascontiguousarray(start, np.float64).T.ravel()

    def seen(x: Array) -> bool:
        return watch is not None and watch(_by_output(x, problem))

    request = Request(
        settings.solver,
        settings.tol,
        settings.max_iter,
        settings.verbose,
        _fewest(codes, outputs),
        None if watch is None else seen,
    )
    x, steps = solve(problem, x, request)
    return _by_output(x, problem), steps


def row_weights(
    X: Any,
    codes: Array,
    classes: Array,
    sample_weight: Array | None,
    class_weight: ClassWeight,
) -> Array:
    """What each row counts, its class included."""
    rows = X.shape[0]
    weights = np.ones(rows) if sample_weight is None else sample_weight
    if class_weight is None:
        return weights
    of_classes = compute_class_weight(
        class_weight, classes=classes, y=classes[codes], sample_weight=sample_weight
    )
    return weights * np.asarray(of_classes, np.float64)[codes]


def _problem(
    X: Any,
    codes: Array,
    weights: Array,
    outputs: int,
    strength: Strength,
    settings: Settings,
) -> OneLayer:
    total = float(weights.sum())
    rows = X.shape[1] + int(settings.fit_intercept)
    ridge = np.full((rows, outputs), strength.ridge / total)
    lasso = np.full((rows, outputs), strength.lasso / total)
    if settings.fit_intercept and settings.solver == "liblinear":
        # There the intercept is the weight of a column of this number, penalised too.
        ridge[-1] /= settings.intercept_scaling**2
        lasso[-1] /= settings.intercept_scaling
    elif settings.fit_intercept:
        ridge[-1] = lasso[-1] = 0.0
    return OneLayer(
        X,
        codes,
        weights / total,
        outputs,
        intercept=settings.fit_intercept,
        ridge=ridge,
        lasso=lasso,
        count=total,
    )


def _by_output(x: Array, problem: OneLayer) -> Array:
    return np.ascontiguousarray(x.reshape(problem.form).T)


def _fewest(codes: Array, outputs: int) -> int:
    return int(np.bincount(codes, minlength=outputs + (outputs == 1)).min())


# --- parameters -----------------------------------------------------------------------


def check_solver(solver: str, penalty: str | None, *, dual: bool) -> None:
    """Raise scikit-learn's `ValueError` where a solver cannot do what it is asked."""
    if solver not in {"liblinear", "saga"} and penalty not in {"l2", None}:
        raise ValueError(
            f"Solver {solver} supports only 'l2' or None penalties, got {penalty} "
            "penalty."
        )
    if solver != "liblinear" and dual:
        raise ValueError(f"Solver {solver} supports only dual=False, got dual={dual}")
    if penalty == "elasticnet" and solver != "saga":
        raise ValueError(
            f"Only 'saga' solver supports elasticnet penalty, got solver={solver}."
        )
    if solver == "liblinear" and penalty is None:
        raise ValueError(
            "C=np.inf as well as penalty=None is not supported for the liblinear solver"
        )


def check_classes(classes: Array, solver: str) -> None:
    """Raise scikit-learn's `ValueError` for too few or too many classes."""
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data "
            f"contains only one class: {classes[0]!r}"
        )
    if solver == "liblinear" and len(classes) > 2:
        raise ValueError(
            "The 'liblinear' solver does not support multiclass classification "
            "(n_classes >= 3). Only binary classification is supported. Either use "
            "another solver or wrap the estimator in a OneVsRestClassifier to keep "
            "applying a one-versus-rest scheme."
        )


def check_range(X: Any, solver: str) -> None:
    """Raise `ValueError` for numbers that are too large: for `liblinear`, or for all.

    Where they cannot be squared and added up, no solver gets anywhere.
    """
    if solver == "liblinear" and X.max() > 1e30:
        raise ValueError(
            "Using the 'liblinear' solver while X contains a maximum value > 1e30 "
            "results in a frozen fit. Please choose another solver or rescale the "
            "input X."
        )
    numbers = X.data if issparse(X) else X
    largest = float(max(numbers.max(initial=0), -numbers.min(initial=0)))
    if largest > _LARGEST:
        raise ValueError(
            f"X has numbers as large as {largest:.1e}, too large to be squared and "
            "added up: bring its columns to one scale first, as StandardScaler does"
        )


def warn_of_penalty(instead: str) -> None:
    """Say that `penalty` is going to be removed, and what there is `instead`."""
    warnings.warn(
        "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid "
        f"this warning, leave 'penalty' set to its default value and use {instead}.",
        FutureWarning,
        stacklevel=3,
    )
