import copy

import numpy as np
import pytest

import chainrule as cr

X = np.ones((200, 50), np.float32)


def test_it_drops_the_rate_and_keeps_the_mean():
    y = cr.nn.Dropout(0.3, rng=0)(X).numpy()
    kept = y != 0
    np.testing.assert_allclose(y[kept], 1 / 0.7, rtol=1e-6)
    # 10,000 draws: the share of zeros has a standard deviation of 0.0046.
    assert abs((~kept).mean() - 0.3) < 0.02
    assert abs(y.mean() - 1) < 0.03


def test_every_call_draws_anew_and_a_copy_draws_the_same():
    layer = cr.nn.Dropout(0.5, rng=0)
    twin = copy.deepcopy(layer)
    first, second = layer(X).numpy(), layer(X).numpy()
    assert (first != second).any()
    np.testing.assert_array_equal(twin(X).numpy(), first)
    np.testing.assert_array_equal(twin(X).numpy(), second)


def test_another_rng_another_mask():
    assert (cr.nn.Dropout(0.5, rng=0)(X).numpy() != cr.nn.Dropout(0.5, rng=1)(X)).any()
    cr.random.seed(0)
    first = cr.nn.Dropout(0.5)(X).numpy()
    cr.random.seed(0)
    np.testing.assert_array_equal(cr.nn.Dropout(0.5)(X).numpy(), first)


def test_it_does_nothing_while_predicting():
    layer = cr.nn.Dropout(0.5).eval()
    x = cr.tensor(X)
    assert layer(x) is x
    assert layer.counter.item() == 0


@pytest.mark.parametrize("compiled_first", [0, 1, 2])
def test_compiled_and_eager_calls_draw_the_same(compiled_first):
    eager, mixed = cr.nn.Dropout(0.5, rng=3), cr.nn.Dropout(0.5, rng=3)
    compiled = cr.compile(mixed)
    expected = [eager(X).numpy() for _ in range(3)]
    found = [(compiled if i < compiled_first else mixed)(X).numpy() for i in range(3)]
    np.testing.assert_array_equal(found, expected)
    assert mixed.counter.item() == 3


def test_two_calls_in_one_traced_step_differ():
    layer = cr.nn.Dropout(0.5, rng=0)
    twin = copy.deepcopy(layer)
    first, second = cr.compile(lambda x: (layer(x), layer(x)))(X)
    np.testing.assert_array_equal(first.numpy(), twin(X).numpy())
    np.testing.assert_array_equal(second.numpy(), twin(X).numpy())
    assert (first.numpy() != second.numpy()).any()
    assert layer.counter.item() == 2


def test_it_goes_on_after_a_state_dict():
    layer = cr.nn.Dropout(0.5, rng=0)
    layer(X)
    other = cr.nn.Dropout(0.5, rng=9)
    other.load_state_dict(layer.state_dict())
    np.testing.assert_array_equal(other(X).numpy(), layer(X).numpy())


def test_the_gradient_passes_where_it_was_kept():
    layer = cr.nn.Dropout(0.4, rng=0)
    twin = copy.deepcopy(layer)
    x = np.random.default_rng(0).normal(size=(6, 5))
    dx = cr.grad(lambda x: layer(x).sum())(x).numpy()
    np.testing.assert_allclose(dx, twin(np.ones((6, 5))).numpy(), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rates_0_and_1(dtype):
    x = X.astype(dtype)
    assert (cr.nn.Dropout(0)(x).numpy() == 1).all()
    y = cr.nn.Dropout(1.0)(x)
    assert y.dtype == dtype
    assert (y.numpy() == 0).all()
    assert cr.nn.Dropout(0.5)(x).dtype == dtype


@pytest.mark.parametrize("rate", [-0.1, 1.5, float("nan")])
def test_what_is_no_probability_is_refused(rate):
    with pytest.raises(ValueError, match="between 0 and 1"):
        cr.nn.Dropout(rate)


def test_reseed_gives_each_layer_its_own_key():
    def network():
        return cr.nn.Sequential(
            cr.nn.Dropout(0.5), cr.nn.Sequential(cr.nn.Dropout(0.5)), cr.nn.Dropout(0.5)
        )

    one, two = network(), network()
    one(X)  # what was drawn before does not matter
    for net in (one, two):
        cr.nn.reseed(net, 5)
    keys = [m.key.item() for m in one.modules().values() if hasattr(m, "key")]
    assert len(set(keys)) == 3
    np.testing.assert_array_equal(one(X).numpy(), two(X).numpy())
    cr.nn.reseed(two, 6)
    assert keys[0] != two[0].key.item()
