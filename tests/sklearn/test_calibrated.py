"""Probabilities of `MLPClassifier` that are calibrated."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

import chainrule as cr
from chainrule.insight import calibrate_logits
from chainrule.sklearn import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]
METHODS = ["temperature", "vector"]


def noisy(classes):
    """Rows of which many have the label of another class."""
    X, y = make_classification(
        600,
        8,
        n_informative=6,
        n_classes=classes,
        flip_y=0.3,
        random_state=classes,
    )
    return X, np.array(["a", "b", "c"])[y]


X, y = noisy(3)
X2, y2 = noisy(2)
SEEN, HELD, NEW = (np.arange(600) % 3 == i for i in range(3))
TABLES = {2: (X2, y2), 3: (X, y)}


def sure(**parameters):
    """Trained for so long that it is surer than it should be."""
    settings = {"learning_rate_init": 0.01, "max_iter": 100, "random_state": 0}
    return MLPClassifier(**{**settings, **parameters})


def held_out(X, y):
    return {"X_val": X[HELD], "y_val": y[HELD]}


def logits(clf, X):
    """Those before they are calibrated."""
    h = np.maximum(X @ clf.coefs_[0] + clf.intercepts_[0], 0)
    return h @ clf.coefs_[1] + clf.intercepts_[1]


def same(a, b):
    for one, other in zip(
        a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True
    ):
        np.testing.assert_array_equal(one, other)


# --- what becomes of probabilities ------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_probabilities_come_true_more_often(method, classes, solver):
    X, y = TABLES[classes]
    plain = sure(solver=solver).fit(X[SEEN], y[SEEN])
    clf = sure(solver=solver, calibrate=method)
    clf.fit(X[SEEN], y[SEEN], **held_out(X, y))
    same(plain, clf)
    for rows in (HELD, NEW):
        before = log_loss(y[rows], plain.predict_proba(X[rows]))
        assert log_loss(y[rows], clf.predict_proba(X[rows])) < before / 1.2
    assert clf.calibration_.method == method
    assert log_loss(y[HELD], clf.predict_proba(X[HELD])) == pytest.approx(
        clf.calibration_.after
    )


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("method", METHODS)
def test_they_are_what_insight_finds_for_the_logits(method, classes):
    X, y = TABLES[classes]
    weights = np.linspace(0, 1, 200)
    clf = sure(calibrate=method, max_iter=20)
    clf.fit(X[SEEN], y[SEEN], **held_out(X, y), sample_weight_val=weights)
    numbers = np.searchsorted(clf.classes_, y[HELD])
    expected = calibrate_logits(
        logits(clf, X[HELD]), numbers, method, sample_weight=weights
    )
    p = expected.probabilities(logits(clf, X[NEW]))
    np.testing.assert_allclose(clf.predict_proba(X[NEW]), p, rtol=1e-7)
    np.testing.assert_allclose(clf.predict_log_proba(X[NEW]), np.log(p), rtol=1e-6)
    net = clf.to_network()
    z = cr.predict(net, X[NEW])
    z = z if classes == 3 else np.hstack([0 * z, z])
    np.testing.assert_allclose(cr.softmax(z).numpy(), p, rtol=1e-7)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_temperature_leaves_predictions_as_they_are(classes):
    X, y = TABLES[classes]
    plain = sure().fit(X[SEEN], y[SEEN])
    clf = sure(calibrate="temperature").fit(X[SEEN], y[SEEN], **held_out(X, y))
    np.testing.assert_array_equal(clf.predict(X), plain.predict(X))
    assert clf.score(X, y) == plain.score(X, y)


@pytest.mark.parametrize("classes", [2, 3])
def test_scales_and_shifts_change_what_is_likely(classes):
    X, y = TABLES[classes]
    rare = SEEN & ((y != "a") | (np.arange(600) % 5 == 0))  # "a" is less so elsewhere
    plain = sure().fit(X[rare], y[rare])
    clf = sure(calibrate="vector").fit(X[rare], y[rare], **held_out(X, y))
    likely = clf.classes_[clf.predict_proba(X).argmax(axis=1)]
    np.testing.assert_array_equal(clf.predict(X), likely)
    assert (clf.predict(X) == "a").sum() > (plain.predict(X) == "a").sum()


def test_float32_is_kept():
    rows = X.astype(np.float32)
    clf = sure(calibrate="vector", max_iter=3).fit(rows, y)
    assert clf.predict_proba(rows).dtype == np.float32
    assert clf.to_network()(rows).dtype == np.float32


# --- which rows -------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_share_of_each_class_is_held_out(solver, monkeypatch):
    parts = []
    split = MLPClassifier._hold_out

    def watch(self, *args):
        parts.append(split(self, *args))
        return parts[-1]

    monkeypatch.setattr(MLPClassifier, "_hold_out", watch)
    weights = np.linspace(0.5, 1, 600)
    clf = sure(calibrate="temperature", validation_fraction=0.25, solver=solver)
    clf.set_params(max_iter=10, class_weight={"a": 3.0, "b": 1.0, "c": 1.0})
    clf.fit(pd.DataFrame(X).add_prefix("x"), y, weights)
    ((train, held),) = parts
    assert sorted([*train, *held]) == list(range(600))
    for label in "abc":
        assert abs((y[held] == label).sum() - (y == label).sum() / 4) < 1
    expected = calibrate_logits(
        logits(clf, X[held]),
        np.searchsorted(clf.classes_, y[held]),
        sample_weight=weights[held],
    )
    assert clf.calibration_.temperature == pytest.approx(expected.temperature)
    # The others are what was trained on, and nobody looks between epochs.
    if solver == "adam":
        assert clf.t_ == 10 * 450
        assert clf.validation_scores_ is None


def test_what_stops_training_calibrates_as_well():
    stops = {"early_stopping": True, "validation_fraction": 0.3}
    plain = sure(**stops).fit(X, y)
    clf = sure(**stops, calibrate="temperature").fit(X, y)
    same(plain, clf)
    assert clf.validation_scores_ == plain.validation_scores_
    held = {**held_out(X, y), "sample_weight": np.ones(200)}
    watched = sure(early_stopping=True, calibrate="vector").fit(
        X[SEEN], y[SEEN], **held
    )
    assert log_loss(y[HELD], watched.predict_proba(X[HELD])) == pytest.approx(
        watched.calibration_.after
    )


def test_sparse_rows_are_held_out_too():
    plain = sure(calibrate="vector", max_iter=5).fit(X, y)
    thin = sure(calibrate="vector", max_iter=5).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(plain.predict_proba(X), thin.predict_proba(X))


def test_each_part_is_calibrated_anew():
    clf = sure(calibrate="temperature")
    for _ in range(3):
        clf.partial_fit(X[SEEN], y[SEEN], classes=["a", "b", "c"], **held_out(X, y))
        numbers = np.searchsorted(clf.classes_, y[HELD])
        expected = calibrate_logits(logits(clf, X[HELD]), numbers)
        assert clf.calibration_.temperature == pytest.approx(expected.temperature)


def test_monitors_see_probabilities_as_they_are_learned():
    parameters = {"monitor": "neg_log_loss", "max_iter": 6, "warm_start": True}
    plain, clf = sure(**parameters), sure(**parameters, calibrate="temperature")
    for _ in range(2):
        plain.fit(X[SEEN], y[SEEN], **held_out(X, y))
        clf.fit(X[SEEN], y[SEEN], **held_out(X, y))
    same(plain, clf)
    assert clf.validation_scores_ == plain.validation_scores_


# --- in company -------------------------------------------------------------------


def test_it_is_copied_and_kept():
    clf = sure(calibrate="vector", max_iter=5).fit(X, y)
    kept = pickle.loads(pickle.dumps(clf))  # noqa: S301 - it is ours
    np.testing.assert_array_equal(kept.predict_proba(X), clf.predict_proba(X))
    assert clone(clf).get_params() == clf.get_params()
    assert not hasattr(clone(clf), "calibration_")


def test_it_is_forgotten_with_what_it_was_found_for():
    clf = sure(calibrate="vector", max_iter=5).fit(X, y)
    clf.set_params(calibrate=None).fit(X, y)
    assert not hasattr(clf, "calibration_")
    np.testing.assert_array_equal(
        clf.predict_proba(X), sure(max_iter=5).fit(X, y).predict_proba(X)
    )


def test_it_is_searched():
    search = GridSearchCV(
        sure(max_iter=60), {"calibrate": [None, *METHODS]}, scoring="neg_log_loss", cv=3
    )
    assert search.fit(X, y).best_params_["calibrate"] in METHODS


def not_expected(clf):
    """What scikit-learn expects, and cannot be where rows are held out."""
    parts = "partial_fit does not get X_val and y_val"
    rows = "other rows are held out where there are more of them"
    return {
        "check_fit_score_takes_y": parts,
        "check_n_features_in_after_fitting": parts,
        "check_estimators_partial_fit_n_features": parts,
        "check_sample_weight_equivalence_on_dense_data": rows,
        "check_sample_weight_equivalence_on_sparse_data": rows,
    } | (
        {"check_class_weight_classifiers": "probabilities are those without weights"}
        if clf.calibrate == "vector"
        else {}
    )


@parametrize_with_checks(
    [
        MLPClassifier(max_iter=100, calibrate=method, validation_fraction=0.4)
        for method in METHODS
    ],
    expected_failed_checks=not_expected,
)
def test_a_calibrated_one_does_what_scikit_learn_expects(estimator, check):
    check(estimator)


# --- what is refused --------------------------------------------------------------


def test_rows_are_needed_that_no_call_trains_on():
    with pytest.raises(ValueError, match="needs X_val and y_val: rows that no call"):
        sure(calibrate="vector").partial_fit(X, y, classes=["a", "b", "c"])


def test_several_labels_are_refused():
    rows, labels = make_multilabel_classification(50, random_state=0)
    with pytest.raises(ValueError, match="several labels a row: leave it out"):
        sure(calibrate="temperature").fit(rows, labels)


def test_a_class_with_too_few_rows_is_named():
    few = np.append(y[:50], "d")
    with pytest.raises(ValueError, match=r"holds out validation_fraction=0\.1 of the"):
        sure(calibrate="temperature").fit(X[:51], few)


def test_there_are_two_ways():
    with pytest.raises(ValueError, match="'calibrate' parameter of MLPClassifier"):
        sure(calibrate="isotonic").fit(X, y)
    with pytest.raises(TypeError, match="calibrate"):
        MLPRegressor(calibrate="temperature")
