"""The baselines agree with scikit-learn's."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss, root_mean_squared_error

from chainrule.tabular.baseline import baselines, linear_network
from chainrule.tabular.problem import prepare


def problem(source, target):
    reading = {"missing": None, "delimiter": None, "encoding": None}
    return prepare(source, target, validation=0.15, test=0.15, seed=0, reading=reading)


@pytest.mark.parametrize(
    ("table", "target"), [("cancer", "diagnosis"), ("flowers", "kind")]
)
def test_logistic_regression_is_that_of_scikit_learn(table, target, request):
    known = problem(request.getfixturevalue(table), target)
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000)
    theirs.fit(known.train.X.astype(float), known.train.y.ravel())
    p = theirs.predict_proba(known.test.X.astype(float))
    ours = baselines(known, known.test)["logistic regression"].metrics
    assert ours["log_loss"] == pytest.approx(log_loss(known.test.y, p), rel=1e-3)
    accuracy = (p.argmax(axis=1) == known.test.y.ravel()).mean()
    assert ours["accuracy"] == pytest.approx(accuracy)


def test_logistic_regression_with_weights_is_that_of_scikit_learn(cancer):
    known = problem(cancer, "diagnosis")
    weights = np.where(known.train.y.ravel() == 1, 3.0, 0.5)
    theirs = LogisticRegression(tol=1e-10, max_iter=10_000)
    theirs.fit(known.train.X.astype(float), known.train.y.ravel(), weights)
    W = linear_network(known, weights).parameters()["output.W"].numpy()
    np.testing.assert_allclose(W.ravel(), theirs.coef_.ravel(), rtol=0.02, atol=0.01)


def test_linear_regression_is_that_of_scikit_learn(houses):
    known = problem(houses, "price")
    theirs = Ridge(alpha=0.5).fit(known.train.X.astype(float), known.train.y.ravel())
    predicted = known.encoder.decode(theirs.predict(known.test.X.astype(float)))
    truth = known.encoder.target_values(known.test.table)
    ours = baselines(known, known.test)["linear regression"].metrics
    error = root_mean_squared_error(truth, predicted)
    assert ours["root_mean_squared_error"] == pytest.approx(error, rel=1e-3)


def test_the_mean_ignores_the_columns(houses):
    known = problem(houses, "price")
    mean = known.encoder.target_values(known.train.table).mean()
    truth = known.encoder.target_values(known.test.table)
    error = np.sqrt(((truth - mean) ** 2).mean())
    ours = baselines(known, known.test)["the mean"].metrics
    assert ours["root_mean_squared_error"] == pytest.approx(error)
