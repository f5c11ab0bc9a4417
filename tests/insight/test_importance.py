"""Importance by shuffling. More of it is in tests/tabular/test_evaluation.py."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.insight import permutation_importances

rng = np.random.default_rng(0)
X = rng.normal(size=(300, 3)).astype(np.float32)


def line(*slopes):
    net = cr.nn.Dense(len(slopes), 1, bias=False)
    net.W.assign(np.array(slopes, np.float32)[:, None])
    return net


def test_the_error_of_a_line_rises_by_what_theory_says():
    net = line(3.0, -1.0, 0.0)
    y = cr.predict(net, X)[:, 0]
    found = permutation_importances(net, X, y, "mse", repeats=50)
    # The mean over all orders of (w x_i - w x_j)**2 is 2 w**2 var(x).
    expected = 2 * np.array([9, 1, 0]) * X.var(axis=0)
    np.testing.assert_allclose(found.means, expected, rtol=0.03, atol=1e-12)
    assert found.score == 0
    assert found.metric == "mse"
    assert found.drops.shape == (3, 50)
    np.testing.assert_allclose(found.deviations, found.drops.std(axis=1, ddof=1))
    assert [name for name, _ in found.top(2)] == ["x0", "x1"]


def test_against_scikit_learn_where_every_shuffle_gives_the_same():
    """All but one row are equal, so that shuffling moves that one, or does nothing."""
    inspection = pytest.importorskip("sklearn.inspection")
    dummy = pytest.importorskip("sklearn.dummy")

    class Model(dummy.DummyClassifier):
        def predict(self, X):
            return (np.asarray(X)[:, 0] > 0).astype(int)

    rows = np.zeros((1000, 2))
    rows[0] = 1
    y = rows[:, 0].astype(int)
    model = Model().fit(rows, y)
    theirs = inspection.permutation_importance(
        model, rows, y, n_repeats=4, random_state=0
    )
    ours = permutation_importances(model.score, rows, y, repeats=4)
    np.testing.assert_allclose(theirs.importances_mean, [0.002, 0], atol=1e-12)
    np.testing.assert_allclose(ours.means, theirs.importances_mean, atol=1e-12)
    np.testing.assert_allclose(ours.deviations, 0, atol=1e-12)


def test_either_way_round_more_important_is_more():
    net = line(3.0, -1.0, 0.0)
    y = cr.predict(net, X)[:, 0] + 0.1 * rng.normal(size=300)
    for metric in ("rmse", "r2"):
        means = permutation_importances(net, X, y, metric).means
        assert means[0] > means[1] > 0
        assert means[2] == 0

    def distance(y, prediction):
        return float(np.abs(y - prediction[:, 0]).max())

    with pytest.raises(ValueError, match="'distance' is better cannot be known"):
        permutation_importances(net, X, y, distance)
    found = permutation_importances(net, X, y, distance, higher_is_better=False)
    assert found.means[0] > found.means[1] > 0


def test_groups_are_shuffled_together_and_by_the_seed():
    net = line(1.0, -1.0, 0.5)
    twice = X.copy()
    twice[:, 1] = twice[:, 0]
    y = cr.predict(net, twice)[:, 0]
    groups = {"both": [0, 1], "rest": [2], "nothing": []}
    found = permutation_importances(net, twice, y, "mae", groups=groups, seed=1)
    assert found.columns == ("both", "rest", "nothing")
    np.testing.assert_allclose(found.means[[0, 2]], 0, atol=1e-6)
    assert found.means[1] > 0.1
    again = permutation_importances(net, twice, y, "mae", groups=groups, seed=1)
    np.testing.assert_array_equal(again.drops, found.drops)
    other = permutation_importances(net, twice, y, "mae", groups=groups, seed=2)
    assert (other.drops[1] != found.drops[1]).all()


def test_names_and_what_is_printed():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["age", "height", "shoe size"])
    net = line(0.0, 2.0, 0.0)
    y = cr.predict(net, X)[:, 0]
    found = permutation_importances(net, frame, y, "r2", repeats=1)
    lines = repr(found).splitlines()
    assert lines[0] == "r2 1, and so much worse without the column"
    assert lines[2].split()[0] == "height"
    assert lines[2].endswith("± 0")
    assert len(lines) == 5
    named = permutation_importances(net, X, y, "r2", columns=["a", "b", "c"])
    assert named.columns == ("a", "b", "c")
    with pytest.raises(ValueError, match="2 different names for 3 columns"):
        permutation_importances(net, X, y, "r2", columns=["a", "b", "a"])


@pytest.mark.parametrize(
    ("model", "metric", "message"),
    [
        (line(1.0, 1.0, 1.0), None, "a network needs a metric"),
        (line(1.0, 1.0, 1.0), "size", "unknown metric 'size'"),
        (lambda X, y: 0.0, "mae", "a metric is for networks"),
        (lambda X, y: np.inf, None, "the score is inf: nothing can be compared"),
    ],
)
def test_what_cannot_be_asked(model, metric, message):
    with pytest.raises(ValueError, match=message):
        permutation_importances(model, X, np.zeros(300), metric)
