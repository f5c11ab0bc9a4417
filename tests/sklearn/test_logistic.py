import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from scipy.linalg import LinAlgWarning
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    make_classification,
)
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from chainrule.sklearn import LogisticRegression, LogisticRegressionCV, one_layer

SOLVERS = ["lbfgs", "newton-cg", "newton-cholesky", "sag", "saga", "liblinear"]
TIGHT = {"tol": 1e-10, "max_iter": 5000}


def problem(classes, seed=0, rows=120, columns=6):
    X, y = make_classification(
        rows,
        columns,
        n_informative=4,
        n_redundant=0,
        n_classes=classes,
        flip_y=0.2,
        random_state=seed,
    )
    rng = np.random.default_rng(seed)
    # Units and offsets that differ.
    return X * np.geomspace(0.3, 3, columns) + rng.normal(size=columns), y


def weights_of(y, seed=0):
    return np.random.default_rng(seed).uniform(0.2, 3, len(y))


def peer(**parameters):
    """scikit-learn's optimum, by the solver that is most exact for this penalty."""
    if parameters.get("l1_ratio", 0) == 0:
        parameters["solver"] = "newton-cholesky"
        parameters["tol"] = 1e-12
    else:
        parameters |= {"solver": "saga", "tol": 1e-8, "max_iter": 100_000}
    return sklearn.linear_model.LogisticRegression(**parameters)


def assert_same(ours, theirs, tolerance=1e-4):
    scale = max(1.0, np.abs(theirs.coef_).max())
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=tolerance * scale)
    np.testing.assert_allclose(
        ours.intercept_, theirs.intercept_, atol=tolerance * scale
    )
    assert ours.coef_.shape == theirs.coef_.shape
    if theirs.fit_intercept:
        assert ours.intercept_.shape == theirs.intercept_.shape


PENALTIES = {
    "l2": {"C": 0.5, "l1_ratio": 0.0},
    "l1": {"C": 0.3, "l1_ratio": 1.0},
    "elastic net": {"C": 0.3, "l1_ratio": 0.4},
    "none": {"C": np.inf, "l1_ratio": 0.0},
}


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_optimum_is_that_of_scikit_learn(
    penalty, classes, weighted, class_weight, intercept
):
    X, y = problem(classes)
    given = {
        **PENALTIES[penalty],
        "class_weight": class_weight,
        "fit_intercept": intercept,
    }
    sample_weight = weights_of(y) if weighted else None
    theirs = peer(**given)
    if penalty == "l1" and classes == 2 and not intercept:
        # Its saga does not get to the lowest point of all of these in 100,000 epochs.
        theirs.set_params(solver="liblinear", tol=1e-6)
    theirs.fit(X, y, sample_weight)
    solver = "saga" if given.get("l1_ratio") else "lbfgs"
    ours = LogisticRegression(**given, solver=solver, **TIGHT)
    assert_same(ours.fit(X, y, sample_weight), theirs)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("solver", SOLVERS)
def test_all_solvers_agree(solver, C, classes):
    if solver == "liblinear":
        pytest.skip("liblinear penalises the intercept: a test of its own")
    X, y = problem(classes, seed=1)
    theirs = peer(C=C).fit(X, y)
    assert_same(LogisticRegression(C=C, solver=solver, **TIGHT).fit(X, y), theirs)


@pytest.mark.parametrize("scaling", [1.0, 10.0])
@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0, 1])
def test_liblinear_penalises_the_intercept(l1_ratio, intercept, scaling):
    X, y = problem(2, seed=2)
    given = {
        "C": 0.2,
        "l1_ratio": l1_ratio,
        "fit_intercept": intercept,
        "intercept_scaling": scaling,
        "solver": "liblinear",
        "tol": 1e-10,
        "max_iter": 10_000,
        "random_state": 0,
    }
    theirs = sklearn.linear_model.LogisticRegression(**given).fit(X, y)
    ours = LogisticRegression(**given).fit(X, y)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-4)


def steepest(model, X, y, C, l1_ratio):
    """How far the conditions for the lowest point are from holding, by definition."""
    p = model.predict_proba(X)
    targets = np.eye(len(model.classes_))[np.searchsorted(model.classes_, y)]
    dz = C * (p - targets)
    if len(model.classes_) == 2:
        dz = dz[:, 1:]
    w = model.coef_.T
    smooth = X.T @ dz + (1 - l1_ratio) * w
    slack = np.where(
        w != 0,
        np.abs(smooth + l1_ratio * np.sign(w)),
        np.maximum(np.abs(smooth) - l1_ratio, 0),
    )
    return max(slack.max(), np.abs(dz.sum(0)).max())


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_nothing_leads_down_from_the_optimum(classes, C, l1_ratio):
    X, y = problem(classes, seed=3, columns=8)
    model = LogisticRegression(
        C=C, l1_ratio=l1_ratio, solver="saga", tol=1e-10, max_iter=500
    )
    model.fit(X, y)
    assert steepest(model, X, y, C, l1_ratio) < 1e-6 * max(1, C)


@pytest.mark.parametrize("C", [1e-3, 1.0, 1e3])
def test_weights_of_all_classes_add_up_to_0(C):
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(C=C, max_iter=1000).fit(X, y)
    np.testing.assert_allclose(model.coef_.sum(0), 0, atol=1e-10)
    np.testing.assert_allclose(model.intercept_.sum(), 0, atol=1e-10)


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_an_l1_penalty_on_hundreds_of_weights(l1_ratio):
    X, y = load_digits(return_X_y=True)
    X = X[:700] / 16
    model = LogisticRegression(C=0.3, l1_ratio=l1_ratio, solver="saga", tol=1e-9)
    model.fit(X, y[:700])
    assert model.n_iter_[0] < 15
    assert steepest(model, X, y[:700], 0.3, l1_ratio) < 1e-6
    assert (model.coef_ == 0).sum() > 300


def test_where_scikit_learn_needs_scaled_columns_this_does_not():
    X, y = load_breast_cancer(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = LogisticRegression().fit(X, y)
    assert model.n_iter_[0] < 100
    assert model.score(X, y) > 0.95


@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("classes", [2, 3])
def test_few_steps_lead_nearer_than_scikit_learn_comes(classes, C):
    X, y = make_classification(
        1500, 35, n_informative=8, n_classes=classes, flip_y=0.1, random_state=0
    )
    X = X * np.geomspace(0.1, 10, 35)  # two of its columns add up to others
    best = peer(C=C).fit(X, y)
    ours = LogisticRegression(C=C).fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs = sklearn.linear_model.LogisticRegression(C=C, max_iter=5000).fit(X, y)
    assert ours.n_iter_[0] < theirs.n_iter_[0] / 3
    assert ours.n_iter_[0] < 30
    distance = np.abs(ours.coef_ - best.coef_).max()
    assert distance < np.abs(theirs.coef_ - best.coef_).max()


def test_many_rows_are_sampled_for_the_curvature_only():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 34))
    X[:, 0] = rng.random(6000) < 0.002  # hardly ever anything but 0
    X[:, 1] = np.arange(6000) > 5990
    y = (X @ rng.normal(size=34) + rng.logistic(size=6000) > 0).astype(int)
    ours = LogisticRegression().fit(X, y)
    assert ours.n_iter_[0] < 25
    assert_same(LogisticRegression(**TIGHT).fit(X, y), peer().fit(X, y))


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_numbers_that_are_too_large_to_be_squared_are_refused(container):
    X = np.random.default_rng(0).normal(size=(20, 3))
    y = X[:, 0] > 0
    LogisticRegression(max_iter=1000).fit(container(X * 1e120), y)
    with pytest.raises(ValueError, match=r"as large as \d\.\de\+160.*StandardScaler"):
        LogisticRegression().fit(container(X * 1e160), y)


@pytest.mark.parametrize("intercept", [True, False])
@pytest.mark.parametrize("classes", [2, 3])
def test_columns_without_information_get_no_weight(classes, intercept):
    y = np.arange(30) % classes
    model = LogisticRegression(fit_intercept=intercept).fit(np.zeros((30, 2)), y)
    assert not model.coef_.any()


# --- what X may be --------------------------------------------------------------------


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("container", [sp.csr_array, sp.csr_matrix, sp.csc_array])
def test_sparse_rows(container, solver):
    X, y = problem(2, seed=4)
    X = np.where(np.abs(X) < 0.7, 0, X)
    dense = LogisticRegression(solver=solver, **TIGHT).fit(X, y)
    sparse = LogisticRegression(solver=solver, **TIGHT).fit(container(X), y)
    np.testing.assert_allclose(sparse.coef_, dense.coef_, atol=1e-6)
    np.testing.assert_allclose(
        sparse.predict_proba(container(X)), dense.predict_proba(X), atol=1e-6
    )


def test_wide_sparse_rows_are_never_made_dense():
    rng = np.random.default_rng(0)
    X = sp.random_array((300, 200_000), density=1e-4, rng=rng, format="csr")
    y = rng.integers(0, 2, 300)
    model = LogisticRegression().fit(X, y)  # dense, X would take 480 MB
    assert model.coef_.shape == (1, 200_000)
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("classes", [2, 3])
def test_float32_is_kept(solver, classes):
    if solver == "liblinear" and classes > 2:
        pytest.skip("liblinear takes two classes only")
    X, y = problem(classes, seed=5)
    wide = LogisticRegression(solver=solver, tol=1e-6, max_iter=500).fit(X, y)
    narrow = clone(wide).fit(X.astype(np.float32), y)
    dtype = np.float64 if solver == "liblinear" else np.float32
    assert narrow.coef_.dtype == narrow.intercept_.dtype == dtype
    np.testing.assert_allclose(narrow.coef_, wide.coef_, atol=1e-3)
    assert narrow.predict_proba(X.astype(np.float32)).dtype == dtype


# --- parameters -----------------------------------------------------------------------


@pytest.mark.parametrize("solver", [s for s in SOLVERS if s != "liblinear"])
def test_warm_start_goes_on_from_where_it_was(solver):
    X, y = problem(3, seed=6)
    model = LogisticRegression(solver=solver, warm_start=True, **TIGHT).fit(X, y)
    found = model.coef_.copy()
    model.set_params(max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    np.testing.assert_allclose(model.coef_, found, atol=1e-7)
    assert model.n_iter_[0] <= 1


def test_a_weight_of_2_is_the_row_twice():
    X, y = problem(3, seed=7)
    counts = np.random.default_rng(0).integers(0, 4, len(y))
    weighted = LogisticRegression(**TIGHT).fit(X, y, counts)
    repeated = LogisticRegression(**TIGHT).fit(X.repeat(counts, 0), y.repeat(counts))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-9)


def test_fits_of_the_same_kind_share_a_program():
    X, y = problem(3, seed=8)
    LogisticRegression(solver="saga").fit(X, y)
    LogisticRegression(solver="saga").fit(
        X[:100], y[:100]
    )  # makes it one for any sizes
    counted = count_programs()
    grid = {"C": [0.1, 1, 10], "l1_ratio": [0.0, 0.5, 1.0]}
    GridSearchCV(LogisticRegression(solver="saga", max_iter=500), grid, cv=3).fit(X, y)
    assert count_programs() == counted


def count_programs():
    compiled = [
        x for x in vars(one_layer).values() if isinstance(x, one_layer.Compiled)
    ]
    return sum(
        len(family.programs) for x in compiled for family in x._families.values()
    )


def test_verbose_tells_of_each_iteration(capsys):
    X, y = problem(2)
    model = LogisticRegression(verbose=1).fit(X, y)
    assert capsys.readouterr().out.count("[lbfgs] iteration") == model.n_iter_[0]


def test_a_singular_second_derivative_hands_over_to_lbfgs():
    X, y = problem(2)
    X = np.hstack([X, X])
    model = LogisticRegression(C=np.inf, solver="newton-cholesky")
    with pytest.warns(LinAlgWarning, match="lbfgs goes on"):
        model.fit(X, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = LogisticRegression(C=np.inf).fit(X, y)
    np.testing.assert_allclose(model.coef_, alone.coef_, atol=1e-6)


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        ("lbfgs", r"lbfgs failed to converge after 1 iteration\(s\)"),
        ("newton-cg", "newton-cg failed to converge"),
        ("newton-cholesky", "Newton solver did not converge after 1 iterations"),
        ("sag", "max_iter was reached"),
        ("saga", "max_iter was reached"),
        ("liblinear", "Liblinear failed to converge"),
    ],
)
def test_too_few_iterations_warn(solver, message):
    X, y = problem(2)
    with pytest.warns(ConvergenceWarning, match=message):
        LogisticRegression(solver=solver, max_iter=1, tol=1e-12).fit(X, y)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"l1_ratio": 1}, "supports only 'l2' or None penalties, got l1"),
        ({"dual": True}, "supports only dual=False"),
        ({"solver": "liblinear", "l1_ratio": 0.5}, "Only 'saga' solver supports"),
        ({"solver": "liblinear", "C": np.inf}, "is not supported for the liblinear"),
        ({"C": -1.0}, "The 'C' parameter"),
        ({"solver": "adam"}, "The 'solver' parameter"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, message):
    X, y = problem(2)
    with pytest.raises(ValueError, match=message):
        LogisticRegression(**parameters).fit(X, y)


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="at least 2 classes"):
        LogisticRegression().fit([[1.0], [2.0]], [3, 3])


def test_three_classes_are_refused_by_liblinear():
    X, y = problem(3)
    with pytest.raises(ValueError, match="does not support multiclass"):
        LogisticRegression(solver="liblinear").fit(X, y)


def test_before_fit_nothing_is_predicted():
    with pytest.raises(NotFittedError):
        LogisticRegression().predict([[1.0]])


# --- with the rest of scikit-learn ----------------------------------------------------


def test_in_a_pipeline_and_pickled():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names)
    again = pickle.loads(pickle.dumps(model))  # noqa: S301 - our own
    assert (again.predict(X) == model.predict(X)).all()
    assert model.score(X, names) > 0.95
    assert list(LogisticRegression().fit(X, y).feature_names_in_) == list(X.columns)


def test_selecting_columns_by_an_l1_penalty():
    X, y = problem(2, columns=8)
    chosen = SelectFromModel(LogisticRegression(C=0.05, l1_ratio=1, solver="saga"))
    kept = chosen.set_output(transform="pandas").fit_transform(X, y)
    assert 0 < kept.shape[1] < 8


def test_sparsified_coefficients_predict_the_same():
    X, y = problem(3)
    model = LogisticRegression(C=0.05, l1_ratio=1, solver="saga").fit(X, y)
    expected = model.decision_function(X)
    assert sp.issparse(model.sparsify().coef_)
    np.testing.assert_allclose(model.decision_function(X), expected)
    assert isinstance(model.densify().coef_, np.ndarray)


def test_log_probabilities_stay_finite():
    model = LogisticRegression(C=1e6).fit([[-1.0], [1.0]], [0, 1])
    log_p = model.predict_log_proba([[1e4]])
    assert np.isfinite(log_p).all()
    assert model.predict_proba([[1e4]])[0, 0] == 0


def test_sample_weight_is_routed():
    X, y = problem(2)
    with config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"C": [0.1, 1.0]}, cv=3)
        search.fit(X, y, sample_weight=weights_of(y))
    assert search.best_params_["C"] in {0.1, 1.0}


# Few, so that the checks take seconds; what they check does not depend on it.
@parametrize_with_checks(
    [
        LogisticRegression(),
        LogisticRegression(solver="newton-cholesky"),
        LogisticRegression(solver="saga", l1_ratio=0.5),
        LogisticRegression(solver="liblinear"),
        LogisticRegressionCV(
            cv=3, Cs=3, l1_ratios=(0,), scoring="accuracy", use_legacy_attributes=False
        ),
    ]
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    check(estimator)
