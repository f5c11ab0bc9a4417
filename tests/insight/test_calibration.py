"""Calibration of probabilities."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.insight import (
    calibrate,
    calibrate_logits,
    expected_calibration_error,
    reliability,
)


def drawn(classes, rows=4000, seed=0):
    """Logits that are true, and labels drawn from their softmax."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(rows, classes)) * 2
    noise = rng.gumbel(size=z.shape)
    return z, (z + noise).argmax(axis=1)


def cross_entropy(z, y, weights=None):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return np.average(-np.log(p[np.arange(len(y)), y]), weights=weights)


@pytest.mark.parametrize("classes", [2, 5])
def test_a_network_that_is_too_sure_is_found_out(classes):
    z, y = drawn(classes)
    found = calibrate_logits(3 * z, y)
    assert found.temperature == pytest.approx(3, rel=0.06)
    p = found.probabilities(3 * z)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(p.argmax(axis=1), z.argmax(axis=1))
    before = np.exp(3 * z) / np.exp(3 * z).sum(axis=1, keepdims=True)
    assert expected_calibration_error(y, p) < expected_calibration_error(y, before) / 4


@pytest.mark.parametrize("classes", [2, 4])
def test_no_other_temperature_is_better(classes):
    z, y = drawn(classes, rows=100)
    weights = np.random.default_rng(1).uniform(size=100)
    found = calibrate_logits(z, y, sample_weight=weights)
    b = 1 / found.temperature
    step = 1e-4
    around = [cross_entropy(z * (b + k * step), y, weights) for k in (-1, 0, 1)]
    slope = (around[2] - around[0]) / (2 * step)
    assert slope == pytest.approx(0, abs=1e-8)
    assert around[1] == pytest.approx(found.after, rel=1e-12)
    assert cross_entropy(z, y, weights) == pytest.approx(found.before, rel=1e-12)


def test_one_logit_is_that_of_the_second_class():
    z, y = drawn(2, rows=200)
    difference = z[:, 1] - z[:, 0]
    expected = calibrate_logits(z, y)
    for logits in (difference, difference[:, None]):
        found = calibrate_logits(logits, y)
        assert found.temperature == pytest.approx(expected.temperature, rel=1e-9)
        np.testing.assert_allclose(
            found.probabilities(logits), expected.probabilities(z), rtol=1e-9
        )


@pytest.mark.parametrize("method", ["temperature", "vector"])
@pytest.mark.parametrize("classes", [2, 3])
def test_a_weight_is_a_row_so_many_times(method, classes):
    z, y = drawn(classes, rows=60)
    z = z if classes > 2 else z[:, 1] - z[:, 0]
    times = np.random.default_rng(0).integers(0, 4, 60)
    weighed = calibrate_logits(z, y, method, sample_weight=times)
    repeated = calibrate_logits(z.repeat(times, axis=0), y.repeat(times), method)
    assert weighed.after == pytest.approx(repeated.after, rel=1e-7)
    np.testing.assert_allclose(weighed.scale, repeated.scale, rtol=1e-5)
    np.testing.assert_allclose(weighed.shift, repeated.shift, atol=1e-5)


@pytest.mark.parametrize("method", ["temperature", "vector"])
@pytest.mark.parametrize("outputs", [1, 3])
def test_a_last_layer_may_have_it_in_itself(method, outputs):
    rng = np.random.default_rng(0)
    h, W, b = rng.normal(size=(30, 4)), rng.normal(size=(4, outputs)), rng.normal()
    b = b + np.arange(outputs)
    found = calibrate_logits(h @ W + b, rng.integers(0, max(outputs, 2), 30), method)
    own, bias = found.last_layer(W, b)
    np.testing.assert_allclose(h @ own + bias, found(h @ W + b))
    assert not np.allclose(own, W)


def test_where_every_row_is_right_nothing_is_changed():
    z = np.array([[2.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.1]])
    assert calibrate_logits(z, [0, 1, 2]).temperature == 1
    assert calibrate_logits([3.0, -1.0], [1, 0]).temperature == 1


def test_where_it_is_worse_than_nothing_all_are_nearly_equal():
    found = calibrate_logits([3.0, -1.0], [0, 1])
    assert found.temperature == pytest.approx(3000)
    assert found.after == pytest.approx(np.log(2), rel=1e-3)


def test_far_logits_do_not_overflow():
    z = np.array([[1e4, 0.0], [1e4, 0.0], [0.0, 1e4], [1e4, 0.0]])
    found = calibrate_logits(z, [0, 0, 1, 1])
    assert np.isfinite(found.before)
    # Three of four are right, all with the same margin.
    assert found.temperature == pytest.approx(1e4 / np.log(3), rel=1e-9)


class Given:
    """An estimator whose decision is the first column."""

    classes_ = np.array([0, 1])

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    def decision_function(self, X):
        return np.asarray(X)[:, 0]

    def predict(self, X):
        return (self.decision_function(X) > 0).astype(int)


@pytest.mark.parametrize("method", ["temperature", "vector"])
def test_against_scikit_learn(method):
    calibration = pytest.importorskip("sklearn.calibration")
    base = pytest.importorskip("sklearn.base")
    frozen = pytest.importorskip("sklearn.frozen")

    class Estimator(base.ClassifierMixin, Given, base.BaseEstimator):
        pass

    z, y = drawn(2, rows=500)
    z = 2 * (z[:, 1] - z[:, 0]) + 1
    theirs = calibration.CalibratedClassifierCV(
        frozen.FrozenEstimator(Estimator()),
        method="sigmoid" if method == "vector" else method,
    ).fit(z[:, None], y)
    found = calibrate_logits(z, y, method)
    np.testing.assert_allclose(
        found.probabilities(z), theirs.predict_proba(z[:, None]), rtol=1e-3, atol=1e-6
    )


def test_vector_scaling_undoes_scales_and_shifts():
    z, y = drawn(3, rows=20_000)
    scales, shifts = np.array([0.5, 2.0, 1.0]), np.array([1.0, -1.0, 0.0])
    found = calibrate_logits(z * scales + shifts, y, "vector")
    np.testing.assert_allclose(found.scale, 1 / scales, rtol=0.06)
    expected = -shifts / scales
    np.testing.assert_allclose(found.shift, expected - expected.mean(), atol=0.08)
    assert found.after < found.before
    with pytest.raises(ValueError, match="scale of its own"):
        _ = found.temperature


def test_vector_scaling_has_a_best_even_where_every_row_is_right():
    found = calibrate_logits([3.0, 1.0, -2.0, -1.0], [1, 1, 0, 0], "vector")
    p = found.probabilities([3.0, -2.0])[:, 1]
    # Of two rows of each class each target is 3/4.
    assert 0.6 < p[0] < 0.95
    assert 0.05 < p[1] < 0.4


def test_of_a_network():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = (X[:, 0] + rng.normal(size=400) > 0).astype(int)
    net = cr.nn.Dense(2, 1)
    net.W.assign(np.array([[9.0], [0.0]], np.float32))
    found = calibrate(net, X, y)
    assert found.temperature > 3
    assert found.after < found.before
    assert repr(found).startswith(f"temperature {found.temperature:.4g}: cross-entropy")


def test_reliability_of_the_likeliest_class():
    z, y = drawn(4, rows=500)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    found = reliability(y, p, bins=5)
    right, sure = p.argmax(axis=1) == y, p.max(axis=1)
    gaps = []
    for low, predicted, observed, rows in zip(
        (0.2, 0.4, 0.6, 0.8), found.predicted, found.observed, found.rows, strict=True
    ):
        inside = (sure > low) & (sure <= low + 0.2)
        assert rows == inside.sum()
        assert predicted == pytest.approx(sure[inside].mean())
        assert observed == pytest.approx(right[inside].mean())
        gaps.append(abs(predicted - observed) * rows / 500)
    assert found.error == pytest.approx(sum(gaps))
    assert len(repr(found).splitlines()) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[1.0, np.nan]], [0]), "finite numbers"),
        (([1.0, 2.0], [0, 2]), "2 is no class: they are 0 to 1"),
        (([1.0, 2.0], [0, 1, 1]), "2 rows of logits"),
        (([1.0, 2.0], [0, 1], "isotonic"), "'temperature' or 'vector'"),
    ],
)
def test_what_makes_no_sense(arguments, message):
    with pytest.raises(ValueError, match=message):
        calibrate_logits(*arguments)


def test_weights_that_make_no_sense():
    with pytest.raises(ValueError, match="sample_weight needs 2 numbers"):
        calibrate_logits([1.0, 2.0], [0, 1], sample_weight=[-1, 1])
