"""What estimators tell besides predictions."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, log_loss, make_scorer, r2_score

import chainrule as cr
from chainrule.sklearn import (
    LogisticRegression,
    LogisticRegressionCV,
    MLPClassifier,
    MLPRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, y = load_iris(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
NAMES = np.array(["setosa", "versicolor", "virginica"])[y]
RARE = np.where(y == 2, "yes", "no")
SEVERAL_X, SEVERAL = make_multilabel_classification(
    80, 4, n_classes=3, random_state=0, return_indicator="dense"
)
SEVERAL_X = SEVERAL_X / 10


def small(cls=MLPClassifier, **parameters):
    """Quickly trained, and smooth."""
    settings = {"hidden_layer_sizes": 6, "activation": "tanh", "max_iter": 40}
    return cls(**{**settings, "random_state": 0, **parameters})


CLASSIFIERS = {
    "three classes": (small(), X, NAMES),
    "two classes": (small(), X, RARE),
    "several labels": (small(), SEVERAL_X, SEVERAL),
    "normalized": (small(normalization="batch"), X, NAMES),
    "temperature": (small(calibrate="temperature", validation_fraction=0.4), X, y),
    "vector": (small(calibrate="vector", validation_fraction=0.4), X, NAMES),
    "vector, two": (small(calibrate="vector", validation_fraction=0.4), X, RARE),
    "logistic": (LogisticRegression(), X, NAMES),
    "logistic, two": (LogisticRegression(), X, RARE),
    "logistic, none": (LogisticRegression(fit_intercept=False), X, RARE),
    "sparse": (LogisticRegression(l1_ratio=1, solver="saga"), X, y),
}


@cache
def fitted(name):
    clf, rows, labels = CLASSIFIERS[name]
    clf.fit(rows, labels)
    return clf.sparsify() if name == "sparse" else clf


def rows_of(name):
    return CLASSIFIERS[name][1]


def differences(function, x):
    """The gradient of each row's number, by central differences."""
    steps = 1e-5 * np.eye(x.shape[1])
    return np.stack([(function(x + d) - function(x - d)) / 2e-5 for d in steps], axis=1)


# --- gradients --------------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_gradients_are_those_of_the_probabilities(name):
    clf = fitted(name)
    x = rows_of(name)
    every = clf.input_gradients(x, "all", of="probability")
    assert every.shape == (len(x), len(clf.classes_), 4)
    for k, label in enumerate(clf.classes_):
        expected = differences(lambda x, k=k: clf.predict_proba(x)[:, k], x)
        found = clf.input_gradients(x, label, "probability")
        np.testing.assert_allclose(found, expected, atol=1e-8)
        np.testing.assert_allclose(every[:, k], found, atol=1e-14)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_gradients_of_logits_are_those_of_the_network(name):
    clf = fitted(name)
    x = rows_of(name)
    net = clf.to_network()
    np.testing.assert_allclose(
        clf.input_gradients(x), cr.insight.input_gradients(net, x), rtol=1e-12
    )
    if net(x).shape[1] > 1:
        given = np.arange(len(x)) % 3
        np.testing.assert_allclose(
            clf.input_gradients(x, clf.classes_[given]),
            cr.insight.input_gradients(net, x, given),
        )


@pytest.mark.parametrize("name", ["two classes", "logistic, two"])
def test_two_classes_have_one_logit_with_either_sign(name):
    clf = fitted(name)
    second = clf.input_gradients(X)
    np.testing.assert_array_equal(clf.input_gradients(X, "yes"), second)
    np.testing.assert_array_equal(clf.input_gradients(X, "no"), -second)
    each = clf.input_gradients(X, RARE)
    np.testing.assert_array_equal(each[y < 2], -second[y < 2])
    np.testing.assert_array_equal(each[y == 2], second[y == 2])


def test_the_gradients_of_a_line_are_its_weights():
    clf = LogisticRegressionCV(
        Cs=[0.1, 1.0],
        cv=3,
        l1_ratios=(0.0,),
        use_legacy_attributes=False,
        scoring="accuracy",
    ).fit(X, y)
    for k in range(3):
        found = clf.input_gradients(X[:2], k)
        np.testing.assert_allclose(found, np.tile(clf.coef_[k], (2, 1)))


@pytest.mark.parametrize("outputs", [1, 2])
def test_gradients_of_numbers_are_those_of_predictions(outputs):
    targets = X @ np.ones((4, outputs))
    reg = small(MLPRegressor).fit(X, targets.squeeze())
    for k in range(outputs):
        expected = differences(lambda x, k=k: reg.predict(x).reshape(150, -1)[:, k], X)
        np.testing.assert_allclose(reg.input_gradients(X, k), expected, atol=1e-8)


def test_counts_are_looked_at_as_logarithms():
    reg = small(MLPRegressor, loss="poisson").fit(X, y)
    expected = differences(lambda x: np.log(reg.predict(x)), X)
    np.testing.assert_allclose(reg.input_gradients(X), expected, atol=1e-8)


def test_float32_is_kept():
    clf = small().fit(X.astype(np.float32), RARE)
    assert clf.input_gradients(X).dtype == np.float32


def test_a_class_may_be_called_all():
    clf = small().fit(X, np.where(y > 0, "all", "some"))
    assert clf.input_gradients(X, "all").shape == X.shape


# --- explanations -----------------------------------------------------------------


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("of", ["output", "probability"])
def test_an_explanation_adds_up_to_what_is_predicted(name, of):
    clf = fitted(name)
    x = rows_of(name)
    label = clf.classes_[0]
    found = clf.explain(x, output=label, of=of)
    p = clf.predict_proba(x)[:, 0]
    at_zero = clf.predict_proba(np.zeros((1, 4)))[0, 0]
    assert found.of == of
    assert set(clf.classes_[found.outputs]) == {label}
    if of == "probability":
        np.testing.assert_allclose(found.values, p, atol=1e-12)
        np.testing.assert_allclose(found.base, at_zero, atol=1e-12)
    np.testing.assert_allclose(found.gaps, 0, atol=1e-6)


def test_an_explanation_knows_what_columns_are_called():
    frame = pd.DataFrame(X, columns=["length", "width", "petal length", "petal width"])
    clf = small().fit(frame, NAMES)
    found = clf.explain(frame, baseline="mean", steps=8)
    assert found.columns == tuple(frame.columns)
    assert "petal length" in repr(found)
    np.testing.assert_array_equal(clf.classes_[found.outputs], clf.predict(frame))
    quick = clf.explain(frame, "gradient_x_input", frame.iloc[0])
    np.testing.assert_allclose(
        quick.attributions, (X - X[0]) * clf.input_gradients(frame)
    )


def test_two_classes_are_explained_by_the_second():
    found = fitted("logistic, two").explain(X)
    np.testing.assert_allclose(found.attributions, X * fitted("logistic, two").coef_)
    assert set(found.outputs) == {1}


def test_numbers_are_explained():
    reg = small(MLPRegressor).fit(X, y)
    found = reg.explain(X, baseline=X[0])
    np.testing.assert_allclose(found.values, reg.predict(X))
    np.testing.assert_allclose(found.base, reg.predict(X[:1])[0])
    np.testing.assert_allclose(found.gaps, 0, atol=1e-6)


# --- what is refused --------------------------------------------------------------


@pytest.mark.parametrize("ask", ["input_gradients", "explain"])
def test_what_makes_no_sense_is_refused(ask):
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = small(max_iter=1).fit(frame, NAMES)
    with pytest.raises(NotFittedError):
        getattr(small(), ask)(X)
    with pytest.raises(TypeError, match="dense data is required"):
        getattr(small(max_iter=1).fit(X, y), ask)(sparse.csr_array(X))
    with pytest.raises(ValueError, match="feature names"):
        getattr(clf, ask)(frame.rename(columns={"a": "z"}))
    with pytest.raises(ValueError, match=r"there is no class 'lily'; .* 'setosa', "):
        getattr(clf, ask)(frame, output="lily")
    with pytest.raises(ValueError, match="one for each of the 150 rows"):
        getattr(clf, ask)(frame, output=NAMES[:3])
    with pytest.raises(ValueError, match="has to be 'output' or 'probability'"):
        getattr(clf, ask)(frame, of="logit")
    with pytest.raises(ValueError, match="is for classifiers, and MLPRegressor"):
        getattr(small(MLPRegressor, max_iter=1).fit(X, y), ask)(X, of="probability")


def test_one_output_of_each_row_is_explained():
    for name in ("three classes", "two classes"):
        with pytest.raises(ValueError, match="'all': an explanation is of one output"):
            fitted(name).explain(X, output="all")


# --- importances ------------------------------------------------------------------


@pytest.mark.parametrize("name", ["three classes", "logistic"])
def test_a_column_that_is_leant_on_is_missed(name):
    clf = fitted(name)
    found = clf.permutation_importances(X, NAMES, repeats=4, seed=3)
    assert found.score == clf.score(X, NAMES)
    assert found.drops.shape == (4, 4)
    rng = np.random.default_rng(3)
    orders = [rng.permutation(150) for _ in range(4)]
    shuffled = X.copy()
    shuffled[:, 2] = X[orders[1], 2]
    assert found.drops[2, 1] == found.score - clf.score(shuffled, NAMES)
    assert found.top(1)[0][0] in ("x2", "x3")


@pytest.mark.parametrize(
    ("scoring", "metric"),
    [("neg_log_loss", "neg_log_loss"), (make_scorer(accuracy_score), "score")],
)
def test_any_scorer_can_be_asked(scoring, metric):
    frame = pd.DataFrame(X, columns=list("abcd"))
    clf = small().fit(frame, NAMES)
    weights = np.linspace(0, 1, 150)
    found = clf.permutation_importances(
        frame, pd.Series(NAMES), scoring, sample_weight=weights
    )
    assert found.metric == metric
    assert found.columns == tuple("abcd")
    expected = {
        "neg_log_loss": -log_loss(
            NAMES, clf.predict_proba(frame), sample_weight=weights
        ),
        "score": clf.score(frame, NAMES, weights),
    }
    assert found.score == pytest.approx(expected[metric])


def test_columns_that_say_nothing_are_not_missed():
    rows = np.column_stack([X[:, 0], np.random.default_rng(0).normal(size=150)])
    reg = small(MLPRegressor, hidden_layer_sizes=(), solver="lbfgs").fit(
        rows, 3 * X[:, 0]
    )
    reg.coefs_[0][1] = 0
    found = reg.permutation_importances(rows, 3 * X[:, 0])
    assert found.score == r2_score(3 * X[:, 0], reg.predict(rows))
    assert found.means[0] > 1
    np.testing.assert_array_equal(found.drops[1], 0)


def test_one_score_is_asked_for():
    with pytest.raises(TypeError, match="has to be a scorer, or the name of one"):
        fitted("logistic").permutation_importances(X, y, ["accuracy"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted("logistic").permutation_importances(X, y[:3])


# --- rows that are hard -----------------------------------------------------------


def test_wrong_labels_are_found():
    images, digits = load_digits(return_X_y=True)
    words = np.array(["zero", "one", "two", "three", "four", "five", "six"])
    images, digits = images[digits < 7] / 16, digits[digits < 7]
    rng = np.random.default_rng(0)
    wrong = rng.choice(len(digits), 40, replace=False)
    given = digits.copy()
    given[wrong] = (digits[wrong] + rng.integers(1, 7, 40)) % 7
    clf = small(max_iter=8, activation="relu", hidden_layer_sizes=32, solver="adam")
    clf.set_params(learning_rate_init=0.01).fit(images, words[given])
    hard = clf.hard_rows(images, words[given])
    assert np.isin(hard.order[:40], wrong).sum() >= 30
    np.testing.assert_array_equal(hard.targets, words[given])
    np.testing.assert_array_equal(hard.labels, clf.predict(images))
    found = hard.suspects[:30]
    assert (hard.labels[found] == words[digits[found]]).mean() > 0.9
    assert words[given[hard.order[0]]] in repr(hard)


@pytest.mark.parametrize("name", ["three classes", "two classes", "logistic, two"])
def test_rows_are_as_hard_as_they_are_for_the_network(name):
    clf = fitted(name)
    labels = NAMES if len(clf.classes_) == 3 else RARE
    numbers = np.searchsorted(clf.classes_, labels)
    loss = "cross_entropy" if len(clf.classes_) == 3 else "binary_cross_entropy"
    found = clf.hard_rows(X, labels)
    expected = cr.insight.hard_rows(clf.to_network(), X, numbers, loss=loss)
    np.testing.assert_allclose(found.norms, expected.norms)
    np.testing.assert_array_equal(found.order, expected.order)
    p = clf.predict_proba(X)[np.arange(150), numbers]
    np.testing.assert_allclose(found.losses, -np.log(p), atol=1e-12)


def test_several_labels_make_rows_hard_together():
    clf = fitted("several labels")
    found = clf.hard_rows(SEVERAL_X, SEVERAL)
    p = clf.predict_proba(SEVERAL_X)
    own = np.where(SEVERAL, p, 1 - p)
    np.testing.assert_allclose(found.losses, -np.log(own).mean(axis=1))
    assert found.targets is None
    np.testing.assert_array_equal(
        clf.hard_rows(SEVERAL_X, sparse.csr_array(SEVERAL)).norms, found.norms
    )


def test_a_row_out_of_line_is_hard():
    target = X @ [1.0, 2.0, 3.0, 4.0]
    target[7] += 50
    for loss in ("squared_error", "absolute_error", "huber"):
        reg = small(MLPRegressor, loss=loss, solver="adam").fit(X, target)
        found = reg.hard_rows(X, target)
        assert found.losses.argmax() == 7
        if loss == "squared_error":  # the slope of the others has an end
            assert found.order[0] == 7
            np.testing.assert_allclose(found.losses, (reg.predict(X) - target) ** 2)


def hinge(logits, target, *, sample_weight):
    return cr.losses.hinge(logits, target, sample_weight=sample_weight)


@pytest.mark.parametrize("labels", [NAMES, RARE])
def test_rows_are_hard_by_the_loss_that_was_made_small(labels):
    named = small(loss="hinge").fit(X, labels)
    own = small(loss=hinge).fit(X, labels)
    np.testing.assert_array_equal(named.coefs_[0], own.coefs_[0])
    a, b = named.hard_rows(X, labels), own.hard_rows(X, labels)
    np.testing.assert_allclose(a.norms, b.norms, atol=1e-12)
    np.testing.assert_array_equal(a.labels, named.predict(X))
    np.testing.assert_array_equal(a.targets, labels)


def test_a_class_that_nobody_learned_is_refused():
    with pytest.raises(ValueError, match="there is no class 'lily'"):
        fitted("logistic").hard_rows(X[:2], ["setosa", "lily"])


def test_one_class_has_hard_rows_too():
    clf = small(max_iter=2).fit(X, np.ones(150))
    assert set(clf.hard_rows(X, np.ones(150)).labels) == {1.0}
