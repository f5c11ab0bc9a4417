"""The same numbers as scikit-learn's own classes, fit by fit."""

import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn import neural_network as theirs
from sklearn.datasets import (
    load_digits,
    load_iris,
    make_circles,
    make_multilabel_classification,
    make_regression,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import MinMaxScaler, scale

from chainrule import sklearn as ours

SGD = {"solver": "sgd", "learning_rate_init": 0.2}
WAYS = {
    "constant": {**SGD, "momentum": 0},
    "momentum": {**SGD, "nesterovs_momentum": False},
    "nesterov": SGD,
    "invscaling": {**SGD, "learning_rate": "invscaling"},
    "adaptive": {**SGD, "learning_rate": "adaptive", "tol": 0.05, "max_iter": 200},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "in order": {"shuffle": False, "batch_size": 7, "max_iter": 5},
    "heavy penalty": {"alpha": 3.0, "activation": "tanh", "hidden_layer_sizes": (5, 4)},
    "logistic": {"activation": "logistic", "hidden_layer_sizes": 6},
    "identity": {"activation": "identity", "hidden_layer_sizes": (6, 5, 4)},
    "early stopping": {"early_stopping": True, "max_iter": 40},
    "early, sgd": {**SGD, "early_stopping": True, "tol": 0.01, "max_iter": 60},
}


def fitted(name, X, y, sample_weight=None, **parameters):
    parameters = {"random_state": 0, "max_iter": 30, **parameters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return [
            getattr(package, name)(**parameters).fit(X, y, sample_weight)
            for package in (theirs, ours)
        ]


def assert_same(a, b, tolerance=1e-9):
    assert a.n_iter_ == b.n_iter_
    assert a.t_ == b.t_
    for name in ("loss_curve_", "validation_scores_"):
        one, other = getattr(a, name, None), getattr(b, name, None)
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)
    for name in ("coefs_", "intercepts_"):
        for one, other in zip(getattr(a, name), getattr(b, name), strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_allclose(other, one, rtol=tolerance, atol=tolerance)
    for name in ("loss_", "best_loss_", "best_validation_score_"):
        one = getattr(a, name)
        near = one if one is None else pytest.approx(one, rel=tolerance)
        assert getattr(b, name) == near
    for name in ("n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(a, name) == getattr(b, name)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("table", ["iris", "circles"])
def test_a_classifier_learns_the_same(way, table):
    if table == "iris":
        X, y = load_iris(return_X_y=True)
    else:
        X, y = make_circles(noise=0.2, factor=0.5, random_state=1)
    X = MinMaxScaler().fit_transform(X)
    a, b = fitted("MLPClassifier", X, y, **WAYS[way])
    assert_same(a, b)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-9)
    assert a.score(X, y) == b.score(X, y)


def test_digits_are_learned_the_same():
    X, y = load_digits(return_X_y=True)
    assert_same(*fitted("MLPClassifier", X / 16, y, max_iter=5))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_regressor_learns_the_same(loss, outputs):
    X, y = make_regression(120, 6, n_targets=outputs, random_state=0)
    y = np.round(np.abs(scale(y)) * 3) if loss == "poisson" else scale(y)
    weights = np.random.default_rng(0).uniform(0, 2, 120)
    for sample_weight in (None, weights):
        a, b = fitted("MLPRegressor", X, y, sample_weight, loss=loss, batch_size=50)
        assert_same(a, b)
        np.testing.assert_allclose(a.predict(X), b.predict(X), atol=1e-9)


def test_a_regressor_stops_early_the_same():
    X, y = make_regression(120, 6, random_state=0)
    a, b = fitted("MLPRegressor", X, scale(y), early_stopping=True, max_iter=200)
    assert_same(a, b)


def test_sample_weights_count_the_same():
    X, y = load_iris(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0, 2, 150)
    weights[::7] = 0
    assert_same(*fitted("MLPClassifier", X, y, weights, batch_size=40))
    parameters = {"early_stopping": True, "max_iter": 50}
    assert_same(*fitted("MLPClassifier", X, y, weights, **parameters))


def test_several_labels_a_row_are_learned_the_same():
    X, y = make_multilabel_classification(100, random_state=0)
    a, b = fitted("MLPClassifier", X, y)
    assert_same(a, b)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-9)
    assert_same(*fitted("MLPClassifier", X, y, early_stopping=True))


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix])
def test_sparse_rows_are_learned_the_same(form):
    X, y = load_iris(return_X_y=True)
    X = form(np.where(X > 3, X, 0))
    a, b = fitted("MLPClassifier", X, y, early_stopping=True)
    assert_same(a, b)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def test_float32_stays_float32_and_agrees():
    X, y = load_iris(return_X_y=True)
    for name, target in (("MLPClassifier", y), ("MLPRegressor", X[:, 0])):
        a, b = fitted(name, X.astype(np.float32), target.astype(np.float32))
        assert_same(a, b, 1e-3)
        assert b.predict(X.astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_lbfgs_finds_the_same(name):
    X, y = load_iris(return_X_y=True)
    parameters = {"solver": "lbfgs", "activation": "tanh", "hidden_layer_sizes": 5}
    a, b = fitted(name, scale(X), y, alpha=1.0, max_iter=1000, **parameters)
    assert b.loss_ == pytest.approx(a.loss_, rel=1e-6)
    np.testing.assert_allclose(a.predict(scale(X)), b.predict(scale(X)), atol=1e-2)


def test_partial_fit_and_warm_start_go_on_the_same():
    X, y = load_iris(return_X_y=True)
    for parameters in (SGD, {}):
        a, b = (
            package.MLPClassifier(random_state=0, **parameters)
            for package in (theirs, ours)
        )
        for _ in range(5):
            for mlp in (a, b):
                mlp.partial_fit(X[::2], y[::2], classes=[0, 1, 2])
        assert_same(a, b)
    a, b = fitted("MLPClassifier", X, y, warm_start=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert_same(a.fit(X, y), b.fit(X, y))


def test_a_random_state_is_left_where_scikit_learn_leaves_it():
    X, y = load_iris(return_X_y=True)
    left = []
    for package in (theirs, ours):
        random = np.random.RandomState(0)
        clf = package.MLPClassifier(random_state=random, tol=0.1, max_iter=100)
        left.append((clf.fit(X, y).n_iter_, random.randint(1000)))
    assert left[0] == left[1]
    assert left[0][0] < 100


def test_words_are_the_same(capsys):
    X, y = load_iris(return_X_y=True)
    said = []
    for package in (theirs, ours):
        for parameters in (
            {"tol": 0.1, "learning_rate": "adaptive", "solver": "sgd"},
            {"tol": 0.1, "early_stopping": True},
            {"tol": 0.1},
        ):
            package.MLPClassifier(random_state=0, verbose=True, **parameters).fit(X, y)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_warnings_are_the_same(solver):
    X, y = load_iris(return_X_y=True)
    said = []
    for package in (theirs, ours):
        with pytest.warns(ConvergenceWarning) as caught:
            package.MLPClassifier(solver=solver, max_iter=2).fit(X, y)
        said.append([str(w.message) for w in caught])
    assert said[0] == said[1]


def test_a_warning_points_to_the_line_of_the_user():
    with pytest.warns(ConvergenceWarning) as caught:
        ours.MLPRegressor(max_iter=1).fit([[0.0], [1.0]], [0.0, 1.0])
    assert [w.filename for w in caught] == [__file__]


def test_a_batch_larger_than_the_table_is_clipped():
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        ours.MLPRegressor(batch_size=10, tol=1e9).fit([[0.0], [1.0]], [0.0, 1.0])
