"""Weights and reductions, which are the same for every loss."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses

Y, T = np.array([1.0, 2.0, 4.0]), np.zeros(3)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"reduction": "avg"}, "reduction is 'mean', 'sum' or 'none', not 'avg'"),
        ({"sample_weight": [1, 2]}, r"sample_weight has shape \(2,\), and there are 3"),
        ({"sample_weight": [1, -2, 1]}, r"sample_weight has -2\.0"),
        ({"sample_weight": [1, np.nan, 1]}, "sample_weight has nan"),
        ({"sample_weight": [0, 0, 0]}, "all weights are 0, so there is no mean"),
    ],
)
def test_nonsense_is_refused(keywords, message):
    with pytest.raises(ValueError, match=f"squared_error: {message}"):
        losses.squared_error(Y, T, **keywords)


def test_weights_of_0_have_a_sum():
    assert losses.squared_error(Y, T, sample_weight=[0, 0, 0], reduction="sum") == 0


def test_a_weight_counts_like_that_many_rows():
    weighted = losses.squared_error(Y, T, sample_weight=[2, 0, 1]).item()
    repeated = losses.squared_error(Y[[0, 0, 2]], T).item()
    assert weighted == pytest.approx(repeated)


def test_weights_of_each_number():
    w = np.array([[1.0, 0.0], [2.0, 1.0]])
    y = np.array([[1.0, 2.0], [3.0, 4.0]])
    found = losses.squared_error(y, np.zeros((2, 2)), sample_weight=w).item()
    assert found == pytest.approx((1 + 18 + 16) / 4)


def test_no_rows_have_no_loss():
    for loss in (losses.squared_error, losses.cross_entropy):
        with pytest.raises(ValueError, match="is empty, and nothing has no mean"):
            loss(np.zeros((0, 2)), np.zeros((0, 2)))


def test_integers_become_real_numbers():
    assert losses.squared_error([1, 2], [1, 4]).item() == 2


def test_weights_are_checked_where_they_are_known_only():
    f = cr.compile(lambda w: losses.squared_error(Y, T, sample_weight=w))
    assert np.isnan(f(np.zeros(3)).item())
    assert f(np.array([1.0, 0.0, 0.0])).item() == 1


def test_names():
    assert losses.get("squared_error") is losses.squared_error
    for name in ("mse", "squared"):
        assert losses.get(name) is losses.squared_error
    assert losses.get("kl") is losses.kl_divergence
    assert losses.get("mae") is losses.get("absolute") is losses.absolute_error
    for name in losses.__all__:
        if name not in ("Loss", "Reduction", "get"):
            assert losses.get(name) is getattr(losses, name)
    assert losses.get("quantile", q=0.9)([0.0], [1.0]).item() == pytest.approx(0.9)
    with pytest.raises(ValueError, match="no loss 'l2'; known are cross_entropy, "):
        losses.get("l2")


@pytest.mark.parametrize("rows", [1, 2, 33])
def test_one_output_and_one_number_a_row_belong_together(rows):
    y, t = np.ones((rows, 1)), np.zeros(rows)
    assert losses.squared_error(y, t) == losses.squared_error(t, y) == 1


def test_a_last_batch_of_one_row_is_a_batch():
    X = np.ones((33, 2))
    history = cr.fit(
        cr.nn.Dense(2, 1, rng=0), X, np.zeros(33), loss="squared", epochs=1
    )
    assert len(history) == 1
