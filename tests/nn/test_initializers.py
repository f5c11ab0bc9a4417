import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn import initializers as init

SHAPE = (300, 200)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 5, 3, 4), (30, 40))],
)
def test_fans(shape, expected):
    assert init.fans(shape) == expected


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / 500),
        ("glorot_normal", 2 / 500),
        ("he_uniform", 2 / 300),
        ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300),
        ("lecun_normal", 1 / 300),
    ],
)
def test_variances_and_bounds(name, variance):
    W = init.get(name)(SHAPE, rng(), np.float64)
    assert W.shape == SHAPE
    # 60,000 draws: the variance is known to about 0.6 %.
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert abs(W.mean()) < 5 * math.sqrt(variance / W.size)
    bound = math.sqrt(3 * variance)
    if name.endswith("uniform"):
        assert np.abs(W).max() <= bound
        assert np.abs(W).max() > 0.999 * bound
    else:
        assert np.abs(W).max() > bound


def test_constants():
    assert (init.zeros(SHAPE, rng(), np.float32) == 0).all()
    assert (init.ones(SHAPE, rng(), np.float32) == 1).all()
    W = init.constant(0.5)(SHAPE, rng(), np.float32)
    assert (W == 0.5).all()
    assert W.dtype == np.float32


def test_uniform_normal_truncated_normal():
    W = init.uniform(1, 3)(SHAPE, rng(), np.float64)
    assert 1 <= W.min() < 1.01
    assert 2.99 < W.max() <= 3
    W = init.normal(2.0, 5.0)(SHAPE, rng(), np.float64)
    assert W.mean() == pytest.approx(5, abs=0.05)
    assert W.std() == pytest.approx(2, rel=0.02)
    W = init.truncated_normal(2.0, 5.0)(SHAPE, rng(), np.float64)
    assert np.abs(W - 5).max() <= 4
    # The deviation of a standard normal that is cut at 2.
    assert W.std() == pytest.approx(2 * 0.8796, rel=0.02)


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (2, 3, 4), (3, 2, 4)])
def test_orthogonal(shape):
    W = init.orthogonal(shape, rng(), np.float64).reshape(-1, shape[-1])
    small = W @ W.T if W.shape[0] <= W.shape[1] else W.T @ W
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


def test_orthogonal_is_uniform_over_signs_and_refuses_vectors():
    corners = [
        init.orthogonal((3, 3), np.random.default_rng(seed), np.float64)[0, 0]
        for seed in range(200)
    ]
    # By symmetry its mean is 0 and its variance 1/3.
    assert abs(np.mean(corners)) < 0.15
    assert np.var(corners) == pytest.approx(1 / 3, abs=0.1)
    with pytest.raises(ValueError, match="no matrix"):
        init.orthogonal((3,), rng(), np.float64)


@pytest.mark.parametrize("name", list(init.BY_NAME))
def test_float32_weights_are_rounded_float64_ones(name):
    wide = init.get(name)((20, 30), rng(), np.float64)
    narrow = init.get(name)((20, 30), rng(), np.float32)
    assert narrow.dtype == np.float32
    np.testing.assert_array_equal(narrow, wide.astype(np.float32))


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(3,\), not \(2, 3\)"):
        cr.nn.Dense(2, 3, W_init=lambda shape, rng, dtype: np.zeros(3))


def test_nothing_is_drawn_where_weights_get_loaded():
    cr.random.seed(0)
    expected = cr.nn.Dense(2, 3).W.numpy()
    cr.random.seed(0)
    with init.skipped():
        assert not cr.nn.Dense(2, 3).W.numpy().any()
    np.testing.assert_array_equal(cr.nn.Dense(2, 3).W.numpy(), expected)
