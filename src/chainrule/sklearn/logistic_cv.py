"""`LogisticRegressionCV`: the strength of the penalty chosen by cross-validation."""

import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer, get_scorer_names, make_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import Tags, compute_class_weight, metadata_routing
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    process_routing,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import (
    _check_method_params,
    _check_sample_weight,
    _deprecate_positional_args,
    validate_data,
)

from chainrule.ir import Array
from chainrule.sklearn.logistic import SMALL_INDICES, LogisticRegression, split
from chainrule.sklearn.logistic_fit import (
    Settings,
    Strength,
    check_classes,
    check_range,
    check_solver,
    fit_weights,
    warn_of_penalty,
)

Folds = Sequence[tuple[Array, Array]]
Scorer = Callable[..., float]


@dataclass(frozen=True)
class _Table:
    """All rows: `codes` are numbers of `classes`, `y` is what the user calls them."""

    X: Any
    y: Array
    codes: Array
    classes: Array
    sample_weight: Array | None

    def weights(self, rows: Array) -> Array | None:
        """The weights of some rows, if rows have weights."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def fit(
        self,
        rows: Array | slice,
        strength: Strength,
        settings: Settings,
        start: Array | None,
    ) -> tuple[Array, int]:
        """The weights for some rows, after how many iterations."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        return fit_weights(
            self.X[rows],
            self.codes[rows],
            self.classes,
            weights,
            strength,
            settings,
            start=start,
        )


@dataclass(frozen=True)
class _Grid:
    """What is found for each fold, `C` and share of l1, in axes of this order.

    `weights` has two more, `(outputs, features + intercept)`.
    """

    weights: Array
    scores: Array
    steps: Array


class LogisticRegressionCV(LogisticRegression):
    """`LogisticRegression`, whose `C` and `l1_ratio` are those that score best.

    Every `C` of `Cs` with every ratio of `l1_ratios` is fitted on each fold of `cv` and
    scored on the rest, each `C` beginning where the last one ended. The best sum of
    scores wins, and is fitted once more to all rows; without `refit`, the weights are
    the means of the best ones of each fold.

    It stands in for scikit-learn 1.9's class of this name: parameters, attributes,
    warnings and errors mean the same. The methods are those of `LogisticRegression`.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = LogisticRegressionCV(
    ...     Cs=3, l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False
    ... ).fit(X, y)
    >>> model.C_
    10000.0
    >>> model.scores_.shape
    (5, 1, 3)
    """

    C_: Any
    l1_ratio_: Any
    scores_: Any
    coefs_paths_: Any
    n_iter_: Any

    # Until scikit-learn 1.11 `score` takes sample_weight whether it is routed or not.
    __metadata_request__score: ClassVar[dict[str, str]] = {
        "sample_weight": metadata_routing.UNUSED
    }

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: constraints
            for name, constraints in vars(LogisticRegression)[
                "_parameter_constraints"
            ].items()
            if name not in {"C", "warm_start", "l1_ratio"}
        },
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like", None, Hidden(StrOptions({"warn"}))],
        "cv": ["cv_object"],
        "scoring": [
            StrOptions(set(get_scorer_names())),
            callable,
            None,
            Hidden(StrOptions({"warn"})),
        ],
        "refit": ["boolean"],
        "penalty": [
            StrOptions({"l1", "l2", "elasticnet"}),
            Hidden(StrOptions({"deprecated"})),
        ],
        "use_legacy_attributes": ["boolean", Hidden(StrOptions({"warn"}))],
    }

    def __init__(
        self,
        *,
        Cs: int | Sequence[float] = 10,
        l1_ratios: Sequence[float] | str | None = "warn",
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: str = "deprecated",
        scoring: Any = "warn",
        solver: str = "lbfgs",
        tol: float = 1e-4,
        max_iter: int = 100,
        class_weight: dict[Any, float] | str | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: int | np.random.RandomState | None = None,
        use_legacy_attributes: bool | str = "warn",
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Choose `C_` and `l1_ratio_`, and find `coef_` and `intercept_`.

        `X`, `y` and `sample_weight` are as for `LogisticRegression`; `params` go to the
        splitter and to the scorer, where scikit-learn's metadata routing is enabled.
        """
        _raise_for_params(params, self, "fit")
        ratios = self._ratios()
        penalty = self._penalty_of(ratios)
        scoring, legacy = self._scoring(), self._legacy()
        check_solver(self.solver, penalty, dual=self.dual)
        self._check_ratios(ratios, penalty)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=np.float64,
            order="C",
            accept_large_sparse=self.solver not in SMALL_INDICES,
        )
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        check_classes(self.classes_, self.solver)
        check_range(X, self.solver)
        for_split, for_score = self._routed(sample_weight, params)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X, dtype=np.float64)
        table = _Table(X, y, codes, self.classes_, sample_weight)
        settings = replace(self._settings(), class_weight=self._class_weights(table))
        cv = check_cv(self.cv, y, classifier=True)
        folds = list(cv.split(X, y, **for_split))
        self.Cs_ = (
            np.logspace(-4, 4, self.Cs)
            if isinstance(self.Cs, Integral)
            else np.asarray(self.Cs)
        )
        grid = self._search(
            table, folds, _shares(ratios, penalty), settings, scoring, for_score
        )
        self._choose(table, grid, ratios, penalty, settings)
        self._keep(grid, ratios, legacy=legacy)
        return self

    # scikit-learn 1.11 takes only keywords; until then this warns of anything else.
    @_deprecate_positional_args(version="1.11")
    def score(
        self, X: Any, y: Any, *, sample_weight: Any = None, **score_params: Any
    ) -> float:
        """What `scoring` says of the predictions for `X`; the accuracy by default."""
        _raise_for_params(score_params, self, "score")
        if sample_weight is not None:
            score_params["sample_weight"] = sample_weight
        if get_config()["enable_metadata_routing"]:
            score_params = process_routing(self, "score", **score_params).scorer.score
        return float(self._get_scorer()(self, X, y, **score_params))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.array_api_support = False
        return tags

    def get_metadata_routing(self) -> MetadataRouter:
        """Who takes which metadata: this, the splitter and the scorer."""
        scores = MethodMapping().add(caller="score", callee="score")
        return (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=self.cv,
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
            .add(
                scorer=self._get_scorer(),
                method_mapping=scores.add(caller="fit", callee="score"),
            )
        )

    def _get_scorer(self) -> Scorer:
        name = None if _is_default(self.scoring, "warn") else self.scoring
        scorer: Scorer = get_scorer(name or "accuracy")
        return scorer

    # --- parameters ---------------------------------------------------------------

    def _ratios(self) -> Sequence[float] | None:
        if not _is_default(self.l1_ratios, "warn"):
            return self.l1_ratios  # type: ignore[return-value] # a str is refused before
        warnings.warn(
            "The default value for l1_ratios will change from None to (0.0,) in "
            "version 1.10. From version 1.10 onwards, only array-like with values in "
            "[0, 1] will be allowed, None will be forbidden. To avoid this warning, "
            "explicitly set a value, e.g. l1_ratios=(0,).",
            FutureWarning,
            stacklevel=3,
        )
        return None

    def _penalty_of(self, ratios: Sequence[float] | None) -> str:
        if self.penalty not in {"deprecated", None}:
            warn_of_penalty(
                "'l1_ratios' and 'Cs' instead: l1_ratios=(0,) for penalty='l2', "
                "l1_ratios=(1,) for penalty='l1', l1_ratios between 0 and 1 for "
                "penalty='elasticnet'"
            )
            return str(self.penalty)
        if self.l1_ratios is None:
            warnings.warn(
                "'l1_ratios=None' was deprecated in version 1.8 and will trigger an "
                "error in 1.10. Use an array-like with values in [0, 1] instead.",
                FutureWarning,
                stacklevel=3,
            )
        given = np.asarray([0] if ratios is None else ratios)
        if (given == 0).all():
            return "l2"
        return "l1" if (given == 1).all() else "elasticnet"

    def _check_ratios(self, ratios: Sequence[float] | None, penalty: str) -> None:
        if penalty == "elasticnet":
            if (
                ratios is None
                or len(ratios) == 0
                or not all(isinstance(r, Real) and 0 <= r <= 1 for r in ratios)
            ):
                raise ValueError(
                    "l1_ratios must be an array-like of numbers between 0 and 1; got "
                    f"(l1_ratios={ratios!r})"
                )
        elif ratios is not None and self.penalty != "deprecated":
            warnings.warn(
                "l1_ratios parameter is only used when penalty is 'elasticnet'. Got "
                f"(penalty={penalty})",
                stacklevel=3,
            )

    def _scoring(self) -> Scorer | None:
        if _is_default(self.scoring, "warn"):
            warnings.warn(
                "The default value of the parameter 'scoring' will change from None, "
                "i.e. accuracy, to 'neg_log_loss' in version 1.11. To silence this "
                "warning, explicitly set the scoring parameter: scoring='neg_log_loss' "
                "for the new, scoring='accuracy' or scoring=None for the old default.",
                FutureWarning,
                stacklevel=3,
            )
            return None
        scorer: Scorer | None = get_scorer(self.scoring)
        return scorer

    def _legacy(self) -> bool:
        if not _is_default(self.use_legacy_attributes, "warn"):
            return bool(self.use_legacy_attributes)
        warnings.warn(
            "The default value of use_legacy_attributes will change from True to False "
            "in scikit-learn 1.10. use_legacy_attributes=False gives the simpler "
            f"attributes of {type(self).__name__} now, and use_legacy_attributes=True "
            "keeps the old ones for the time being without this warning.",
            FutureWarning,
            stacklevel=3,
        )
        return True

    def _routed(
        self, sample_weight: Any, params: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What the splitter takes, and what the scorer takes."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight, **params)
            return routed.splitter.split, routed.scorer.score
        return {}, {} if sample_weight is None else {"sample_weight": sample_weight}

    def _class_weights(self, table: _Table) -> dict[Any, float] | None:
        """The weights of the classes, for all rows: folds do not differ in them."""
        given = self.class_weight
        if isinstance(given, dict):
            if not set(given) <= set(self.classes_):
                raise ValueError(
                    "The given class_weight dict must have the class labels as keys; "
                    f"classes={self.classes_} but key={given.keys()}"
                )
            return given
        if given is None:
            return None
        found = compute_class_weight(
            given, classes=self.classes_, y=table.y, sample_weight=table.sample_weight
        )
        return dict(zip(self.classes_, found, strict=True))

    # --- searching ----------------------------------------------------------------

    def _search(
        self,
        table: _Table,
        folds: Folds,
        shares: Sequence[float],
        settings: Settings,
        scoring: Scorer | None,
        for_score: Mapping[str, Any],
    ) -> _Grid:
        """Fit and score everything, the paths over `C` one beside the other."""
        run = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)
        paths = run(
            delayed(_path)(table, fold, self.Cs_, share, settings, scoring, for_score)
            for fold, share in product(folds, shares)
        )
        weights, scores, steps = (
            np.stack(x).reshape(len(folds), len(shares), *np.shape(x[0])).swapaxes(1, 2)
            for x in zip(*paths, strict=True)
        )
        return _Grid(weights, scores, steps)

    def _choose(
        self,
        table: _Table,
        grid: _Grid,
        ratios: Sequence[float] | None,
        penalty: str,
        settings: Settings,
    ) -> None:
        """Set `C_`, `l1_ratio_`, `coef_` and `intercept_`."""
        shares = _shares(ratios, penalty)
        if self.refit:
            total = grid.scores.sum(0)
            i, j = divmod(int(total.argmax()), total.shape[1])
            C, ratio = self.Cs_[i], None if ratios is None else ratios[j]
            quiet = replace(settings, verbose=max(0, settings.verbose - 1))
            weights, _ = table.fit(
                slice(None),
                Strength(C, shares[j]),
                quiet,
                grid.weights[:, i, j].mean(0),
            )
        else:
            best = [np.unravel_index(np.argmax(s), s.shape) for s in grid.scores]
            each = [grid.weights[fold, i, j] for fold, (i, j) in enumerate(best)]
            weights = np.mean(each, axis=0)
            C = np.mean([self.Cs_[i] for i, _ in best])
            ratio = np.mean([shares[j] for _, j in best])
        self.coef_, self.intercept_ = split(weights, table.X)
        self.C_ = np.full(len(weights), C)
        self.l1_ratio_ = np.full(len(weights), ratio)

    def _keep(
        self, grid: _Grid, ratios: Sequence[float] | None, *, legacy: bool
    ) -> None:
        """Set what else is known of the search, in the old or in the new form."""
        self.l1_ratios_ = np.asarray([None] if ratios is None else ratios)
        if not legacy:
            self.C_ = float(self.C_[0])
            ratio = self.l1_ratio_[0]
            self.l1_ratio_ = float(self.penalty == "l1" if ratio is None else ratio)
            self.coefs_paths_ = grid.weights.swapaxes(1, 2)
            self.scores_ = grid.scores.swapaxes(1, 2)
            self.n_iter_ = grid.steps.swapaxes(1, 2)
            return
        shown = slice(None) if ratios is not None else 0
        outputs = self.classes_[-grid.weights.shape[3] :]
        self.coefs_paths_ = {
            label: grid.weights[:, :, shown, k] for k, label in enumerate(outputs)
        }
        self.scores_ = dict.fromkeys(outputs, grid.scores[:, :, shown])
        self.n_iter_ = grid.steps[None, :, :, shown]


def _is_default(value: Any, word: str) -> bool:
    """Whether a parameter, which may be an array, is this word."""
    return isinstance(value, str) and value == word


def _shares(ratios: Sequence[float] | None, penalty: str) -> list[float]:
    """The shares of l1 that are tried, whatever words say it."""
    fixed = {"l2": 0.0, "l1": 1.0}.get(penalty)
    tried = [0.0] if ratios is None else list(ratios)
    return [ratio if fixed is None else fixed for ratio in tried]


def _path(
    table: _Table,
    fold: tuple[Array, Array],
    Cs: Array,
    share: float,
    settings: Settings,
    scoring: Scorer | None,
    for_score: Mapping[str, Any],
) -> tuple[Array, Array, Array]:
    """The weights, scores and iterations for each `C`, on one fold."""
    train, test = fold
    if scoring is None:
        scorer = get_scorer("accuracy")
        weights = table.weights(test)
        params = {} if weights is None else {"sample_weight": weights}
    else:
        scorer = _for_classes(scoring, table.classes)
        params = _check_method_params(X=table.X, params=dict(for_score), indices=test)
    X_test, y_test = table.X[test], table.y[test]
    found = list(_along(table, train, Cs, share, settings))
    scores = [
        scorer(_model(weights, table), X_test, y_test, **params) for weights, _ in found
    ]
    steps = np.array([steps for _, steps in found], np.int32)
    return np.stack([weights for weights, _ in found]), np.array(scores), steps


def _along(
    table: _Table, rows: Array, Cs: Array, share: float, settings: Settings
) -> Iterator[tuple[Array, int]]:
    """The weights for each `C`, found from those for the last one."""
    weights = None
    for C in Cs:
        weights, steps = table.fit(rows, Strength(C, share), settings, weights)
        yield weights, steps


def _model(weights: Array, table: _Table) -> LogisticRegression:
    """A fitted classifier with these weights, for the scorer."""
    model = LogisticRegression()
    model.classes_ = table.classes
    model.n_features_in_ = table.X.shape[1]
    model.coef_, model.intercept_ = split(weights, table.X)
    return model


def _for_classes(scorer: Any, classes: Array) -> Scorer:
    """The scorer, told of all classes, of which a fold may lack some."""
    measure = getattr(scorer, "_score_func", None)
    if measure is None:
        return scorer  # type: ignore[no-any-return] # anything that can be called
    takes = inspect.signature(measure).parameters
    if "labels" not in takes:
        return scorer  # type: ignore[no-any-return] # one of scikit-learn's scorers
    told: dict[str, Any] = {"labels": classes}
    if len(classes) == 2 and "pos_label" in takes:
        told["pos_label"] = classes[-1]
    made: Scorer = make_scorer(
        measure,
        greater_is_better=scorer._sign == 1,  # noqa: SLF001 - there is no public way to give a scorer another argument
        response_method=scorer._response_method,  # noqa: SLF001 - likewise
        **{**told, **scorer._kwargs},  # noqa: SLF001 - likewise
    )
    return made
