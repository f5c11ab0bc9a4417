"""Metrics by name, on what networks give."""

import numpy as np
import pytest

from chainrule.training.scores import SCORES, higher_is_better, probabilities, scores

LOGITS = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]])


def test_accuracy_of_two_columns_and_of_one():
    accuracy = scores(["accuracy"])["accuracy"]
    assert accuracy(np.array([0, 1, 1]), LOGITS) == pytest.approx(2 / 3)
    assert accuracy(np.array([[0.0], [1.0]]), np.array([[-1.0], [2.0]])) == 1


def test_auc_does_not_depend_on_the_form_of_the_logits():
    auc = scores("auc")["auc"]
    y = np.array([0, 1, 1])
    assert auc(y, LOGITS) == auc(y, LOGITS[:, 1] - LOGITS[:, 0])


def test_regression_scores_ignore_a_column_axis():
    chosen = scores(["rmse", "mae", "r2", "mse"])
    y, prediction = np.array([0.0, 2.0]), np.array([[1.0], [1.0]])
    got = {name: score(y, prediction) for name, score in chosen.items()}
    assert got == pytest.approx({"rmse": 1, "mae": 1, "r2": 0, "mse": 1})


def test_names():
    def mine(y, prediction):
        return 1.0

    assert list(scores([mine, "auc"])) == ["mine", "auc"]
    with pytest.raises(ValueError, match="acc'; known are accuracy"):
        scores(["acc"])


def test_a_dict_gives_names():
    chosen = scores({"gain": lambda y, prediction: 2.0, "share": "accuracy"})
    assert list(chosen) == ["gain", "share"]
    assert chosen["gain"](np.array([0]), LOGITS[:1], np.ones(1)) == 2


def test_two_of_one_name_are_refused():
    with pytest.raises(ValueError, match="two metrics are called '<lambda>'"):
        scores([lambda y, p: 1.0, lambda y, p: 2.0])


@pytest.mark.parametrize("name", SCORES)
def test_a_weight_is_a_row_so_many_times(name):
    rng = np.random.default_rng(0)
    times = rng.integers(0, 4, 40)
    y, prediction = rng.integers(0, 2, 40), rng.normal(size=(40, 1))
    score = scores(name)[name]
    repeated = score(y.repeat(times), prediction.repeat(times, axis=0))
    assert score(y, prediction, times) == pytest.approx(repeated)
    assert score(y, prediction) != pytest.approx(repeated)


def test_a_function_is_given_weights_if_it_takes_them():
    def total(y, prediction, sample_weight=None):
        return float(np.sum(sample_weight))

    chosen = scores([total])
    assert chosen["total"](np.zeros(2), LOGITS[:2], np.array([1.0, 4.0])) == 5


@pytest.mark.parametrize(
    ("name", "higher"),
    [("val_loss", False), ("loss", False), ("val_auc", True), ("mine", None)],
)
def test_which_way_is_better(name, higher):
    assert higher_is_better(name) is higher


@pytest.mark.parametrize("name", SCORES)
def test_every_score_says_which_way_is_better(name):
    y = np.array([0, 1, 1, 0])
    near, far = np.where(y, 1.1, -0.1), np.where(y, -0.1, 1.1)
    good, bad = (SCORES[name](y, p[:, None]) for p in (near, far))
    assert higher_is_better(name) is (good > bad)


def test_probabilities_of_far_logits_neither_overflow_nor_lose_the_rest():
    p = probabilities(np.array([[800.0], [-30.0], [0.0]], np.float32))
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0].tolist() == [0.0, 1.0]
    assert p[1, 1] == pytest.approx(np.exp(-30), rel=1e-12)
    q = probabilities(np.array([[1000.0, 0.0, -1000.0]]))
    assert q.tolist() == [[1.0, 0.0, 0.0]]
