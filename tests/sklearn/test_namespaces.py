"""Arrays of other libraries come in and go out as what they are.

SciPy and scikit-learn look at the kind of arrays only in processes that were started
for it, so these tests run in one of their own.
"""

import os
import subprocess
import sys

import array_api_strict as xp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.utils.estimator_checks import check_estimator

from chainrule.sklearn import LogisticRegression, LogisticRegressionCV, MLPClassifier

APART = "SCIPY_ARRAY_API"
looking = pytest.mark.skipif(APART not in os.environ, reason="run by another test")


@pytest.mark.skipif(APART in os.environ, reason="it is that process")
def test_in_a_process_that_looks_at_the_kind_of_arrays():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        check=False,
        env={**os.environ, APART: "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@pytest.fixture
def iris():
    """Rows and numbers of classes, in NumPy."""
    return load_iris(return_X_y=True)


@looking
@pytest.mark.parametrize("device", ["CPU_DEVICE", "device1"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_found_is_on_the_device_of_the_rows(iris, device, dtype, classes):
    X, y = iris[0].astype(dtype), np.minimum(iris[1], classes - 1)
    expected = LogisticRegression(C=0.1).fit(X, y)
    device = xp.Device(device)
    with config_context(array_api_dispatch=True):
        theirs, labels = (xp.asarray(array, device=device) for array in (X, y))
        found = LogisticRegression(C=0.1).fit(theirs, labels)
        for name in ("coef_", "intercept_", "n_iter_", "classes_"):
            same(getattr(found, name), getattr(expected, name), device)
        for name in (
            *("decision_function", "predict"),
            *("predict_proba", "predict_log_proba"),
        ):
            same(getattr(found, name)(theirs), getattr(expected, name)(X), device)
        assert found.score(theirs, labels) == expected.score(X, y)


@looking
def test_words_and_weights_may_be_of_numpy(iris):
    X, words = iris[0], load_iris().target_names[iris[1]]
    weights = np.arange(1.0, len(X) + 1)
    expected = LogisticRegression().fit(X, words, weights)
    with config_context(array_api_dispatch=True):
        theirs = xp.asarray(X, device=xp.Device("device1"))
        found = LogisticRegression().fit(theirs, words, weights)
        assert (found.predict(theirs) == expected.predict(X)).all()
        assert_allclose(host(found.coef_), expected.coef_)


@looking
def test_columns_are_shuffled_for_scores_of_either_kind(iris):
    X, y = iris
    expected = LogisticRegression().fit(X, y).permutation_importances(X, y)
    with config_context(array_api_dispatch=True):
        theirs, labels = xp.asarray(X), xp.asarray(y)
        model = LogisticRegression().fit(theirs, labels)
        found = model.permutation_importances(theirs, labels)
    assert_allclose(found.means, expected.means)


@looking
def test_it_goes_on_from_what_was_found(iris):
    X, y = map(xp.asarray, iris)
    with config_context(array_api_dispatch=True):
        model = LogisticRegression(warm_start=True, max_iter=1000).fit(X, y)
        first = host(model.n_iter_)
        assert host(model.fit(X, y).n_iter_) < first


@looking
def test_rows_of_another_kind_are_refused(iris):
    X, y = iris
    with config_context(array_api_dispatch=True):
        model = LogisticRegression().fit(xp.asarray(X), xp.asarray(y))
        with pytest.raises(ValueError, match="must use the same namespace"):
            model.predict(X)


@looking
def test_the_network_of_what_was_found_is_here(iris):
    X, y = iris
    with config_context(array_api_dispatch=True):
        model = LogisticRegression().fit(xp.asarray(X), xp.asarray(y))
        z = host(model.decision_function(xp.asarray(X)))
        assert_allclose(model.to_network()(X).numpy(), z)
        assert model.input_gradients(xp.asarray(X)).shape == X.shape
        hard = model.hard_rows(xp.asarray(X), xp.asarray(y))
        assert sorted(hard.targets.tolist()) == sorted(y.tolist())
        assert model.sparsify().coef_.nnz == model.densify().coef_.size


@looking
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_finds_nothing_wrong():
    """Those of its checks that have arrays; without, they run for all estimators."""
    found = [
        check["status"]
        for check in check_estimator(LogisticRegression(), on_fail=None, on_skip=None)
        if check["check_name"].startswith("check_array_api")
    ]
    assert found.count("passed") > 2
    assert "failed" not in found


@looking
@pytest.mark.parametrize("estimator", [LogisticRegressionCV, MLPClassifier])
def test_others_say_that_they_take_arrays_of_numpy(estimator):
    assert not estimator().__sklearn_tags__().array_api_support


def host(array):
    return np.asarray(xp.asarray(array, device=xp.Device("CPU_DEVICE")))


def same(found, expected, device):
    """Assert that an array has a device, a dtype and numbers."""
    assert found.device == device
    assert str(found.dtype).endswith(str(expected.dtype))
    assert_allclose(host(found), expected, rtol=1e-5, atol=1e-6)
