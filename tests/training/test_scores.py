"""Metrics by name, on what networks give."""

import numpy as np
import pytest

from chainrule.training.scores import probabilities, scores

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


def test_probabilities_of_far_logits_neither_overflow_nor_lose_the_rest():
    p = probabilities(np.array([[800.0], [-30.0], [0.0]], np.float32))
    assert p.dtype == np.float64
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0].tolist() == [0.0, 1.0]
    assert p[1, 1] == pytest.approx(np.exp(-30), rel=1e-12)
    q = probabilities(np.array([[1000.0, 0.0, -1000.0]]))
    assert q.tolist() == [[1.0, 0.0, 0.0]]
