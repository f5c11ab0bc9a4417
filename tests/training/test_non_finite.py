"""Compiled code hands on NaN and infinities as defined, and training stops."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.nn.activations import ACTIVATIONS

SPECIAL = (np.nan, np.inf, -np.inf)
LOSSES = {
    "cross_entropy": np.arange(18) % 3,
    "kl_divergence": np.full((18, 3), 1 / 3, np.float32),
    "hinge": np.arange(18) % 3,
    **dict.fromkeys(
        ("squared_error", "absolute_error", "huber", "poisson", "quantile", "cosine"),
        np.ones((18, 3), np.float32),
    ),
    "binary_cross_entropy": np.ones((18, 3), np.float32),
}


def rows(special, columns=3):
    """Eighteen rows, an entry of which is `special`: in a vector, and beyond it."""
    X = np.random.default_rng(0).normal(size=(18, columns)).astype(np.float32)
    X[0, 0] = X[17, 1] = special
    return X


def check_same(f, X):
    """Compiled and eager agree on what is finite, NaN and infinite."""
    expected, got = f(X), cr.compile(f)(X)
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-4, atol=1e-5)
    return [x.numpy() for x in got]


def value_and_gradient(f):
    """`f` with its gradient by the input, of a sum in which every entry counts."""

    def both(x):
        def total(x):
            return (f(x) * 0.5).sum()

        return f(x), cr.grad(total)(x)

    return both


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_activations(name, special):
    with np.errstate(all="ignore"):
        y, _ = check_same(value_and_gradient(cr.nn.activation(name)), rows(special))
    if np.isnan(special):
        assert np.isnan(y[0, 0])
        assert np.isnan(y[17, 1])


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize(
    "layer",
    [
        cr.nn.Dense(3, 20, rng=0),
        cr.nn.LayerNorm(3),
        cr.nn.BatchNorm(3),
        cr.nn.Flatten(),
        cr.nn.Dropout(0.5),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers(layer, special):
    layer.eval()
    with np.errstate(all="ignore"):
        y, _ = check_same(value_and_gradient(layer), rows(special))
    assert not np.isfinite(y[[0, 17]]).all()
    assert np.isfinite(y[1:17]).all()


@pytest.mark.parametrize("special", SPECIAL)
@pytest.mark.parametrize("name", sorted(LOSSES))
def test_losses(name, special):
    loss = cr.losses.get(name)

    def f(z):
        return loss(z, LOSSES[name]), cr.grad(lambda z: loss(z, LOSSES[name]))(z)

    with np.errstate(all="ignore"):
        total, _ = check_same(f, rows(special))
    if np.isnan(special):
        assert np.isnan(total)


def refuse(net, loss, y, X=None):
    X = rows(0.5) if X is None else X
    before = {k: w.numpy().tobytes() for k, w in net.parameters().items()}
    with pytest.raises(cr.NonFiniteError) as error:
        cr.fit(net, X, y, loss=loss, epochs=3, batch_size=18)
    assert {k: w.numpy().tobytes() for k, w in net.parameters().items()} == before
    return str(error.value)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_a_weight_that_is_not_a_number_stops_training_behind_every_activation(name):
    net = cr.nn.Sequential(
        cr.nn.Dense(3, 5, rng=0), cr.nn.activation(name), cr.nn.Dense(5, 3, rng=1)
    )
    b = net[0].b.numpy().copy()
    b[2] = np.nan
    net[0].b.assign(b)
    said = refuse(net, "cross_entropy", LOSSES["cross_entropy"])
    assert "began with 0.b that is not finite already, in 1 of 5 entries" in said


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_weight_that_is_not_a_number_stops_training_under_every_loss(name):
    net = cr.nn.Dense(3, 3, rng=0)
    W = net.W.numpy().copy()
    W[1, 1] = np.nan
    net.W.assign(W)
    assert "began with W" in refuse(net, name, LOSSES[name])


class Sometimes(cr.nn.Module):
    """Divides by 0 in one row, before another layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x / (x[:, :1] - 7))


@pytest.mark.parametrize(
    "layer",
    [
        cr.nn.LayerNorm(3),
        cr.nn.BatchNorm(3),
        cr.nn.Dropout(0.5),
        cr.nn.Flatten(),
        cr.nn.Softmax(),
        cr.nn.LogSoftmax(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_number_that_is_lost_on_the_way_stops_training_behind_every_layer(layer):
    X = rows(0.5)
    X[11] = 7
    net = cr.nn.Sequential(Sometimes(layer), cr.nn.Dense(3, 3, rng=0))
    said = refuse(net, "cross_entropy", LOSSES["cross_entropy"], X)
    assert "they arose in divide" in said
    assert "in row 11 of X" in said
    assert "a division by 0: 7 / 0" in said


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_last_weight_and_the_last_row_are_not_overlooked(dtype):
    net = cr.nn.Dense(17, 1, rng=0, dtype=dtype)
    W = net.W.numpy().copy()
    W[-1] = np.inf
    net.W.assign(W)
    X = np.ones((33, 17))
    assert "began with W" in refuse(net, "squared_error", np.zeros((33, 1)), X)
