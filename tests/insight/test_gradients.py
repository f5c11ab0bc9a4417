"""Gradients of outputs with respect to inputs."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.insight import explain, input_gradients

rng = np.random.default_rng(0)
X = rng.normal(size=(7, 4))


def network(outputs=3, dtype=np.float64):
    return cr.nn.Sequential(
        cr.nn.Dense(4, 6, rng=0, dtype=dtype),
        cr.nn.BatchNorm(6, dtype=dtype),
        cr.nn.Tanh(),
        cr.nn.Dropout(0.5),
        cr.nn.Dense(6, outputs, rng=1, dtype=dtype),
    )


def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def differences(f, x, step=1e-6):
    """`df/dx`, column by column: all rows at once, as they do not depend on others."""
    found = []
    for j in range(x.shape[1]):
        up, down = x.copy(), x.copy()
        up[:, j] += step
        down[:, j] -= step
        found.append((f(up) - f(down)) / (2 * step))
    return np.stack(found, axis=-1)


@pytest.mark.parametrize("of", ["output", "probability"])
def test_all_outputs_against_finite_differences(of):
    net = network()

    def f(x):
        z = cr.predict(net, x)
        return z if of == "output" else softmax(z)

    got = input_gradients(net, X, "all", of=of)
    assert got.shape == (7, 3, 4)
    np.testing.assert_allclose(got, differences(f, X), rtol=1e-6, atol=1e-8)


def test_one_output_and_one_for_each_row_are_those_of_all():
    net = network()
    every = input_gradients(net, X, "all")
    labels = rng.integers(0, 3, 7)
    rows = np.arange(7)
    np.testing.assert_allclose(input_gradients(net, X, 2), every[:, 2])
    np.testing.assert_allclose(input_gradients(net, X, labels), every[rows, labels])
    largest = cr.predict(net, X).argmax(axis=1)
    np.testing.assert_allclose(input_gradients(net, X), every[rows, largest])


def test_a_single_logit_and_its_probability():
    net = network(outputs=1)
    z = cr.predict(net, X)
    p = 1 / (1 + np.exp(-z))
    dz = input_gradients(net, X)
    np.testing.assert_allclose(dz, differences(lambda x: cr.predict(net, x)[:, 0], X))
    dp = input_gradients(net, X, of="probability")
    np.testing.assert_allclose(dp, p * (1 - p) * dz)


def test_batches_change_nothing_and_rows_are_independent():
    net = network()
    whole = input_gradients(net, X, "all")
    for size in (1, 3, 7):
        parts = input_gradients(net, X, "all", batch_size=size)
        np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_the_network_is_left_as_it_was():
    net = network()
    net[1].eval()
    before = net.state_dict()
    input_gradients(net, X)
    assert net[0].training
    assert not net[1].training
    for name, state in net.state_dict().items():
        np.testing.assert_array_equal(state, before[name])


def test_inputs_of_any_shape_and_whole_numbers():
    net = cr.nn.Sequential(cr.nn.Flatten(), cr.nn.Dense(6, 2, rng=0))
    images = rng.integers(0, 9, (5, 2, 3))
    got = input_gradients(net, images, 1)
    assert got.dtype == np.float32
    W = net[1].W.numpy()[:, 1].reshape(2, 3)
    np.testing.assert_allclose(got, np.broadcast_to(W, (5, 2, 3)), rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"output": 3}, "there is no output 3: the network gives 3, from 0"),
        ({"output": [0, 1]}, r"one for each of the 7 rows, not int64 of shape \(2,\)"),
        ({"output": 0.5}, "has to be a whole number"),
        ({"output": "some"}, "output='some' has to be a number, None or 'all'"),
        ({"of": "logits"}, "of='logits' has to be 'output' or 'probability'"),
        ({"batch_size": 0}, "batch_size=0 has to be at least 1"),
    ],
)
def test_what_cannot_be_asked(arguments, message):
    with pytest.raises(ValueError, match=message):
        input_gradients(network(), X, **arguments)


@pytest.mark.parametrize("function", [input_gradients, explain])
def test_a_slope_that_is_not_there_is_an_error(function):
    class Distance(cr.nn.Module):
        def forward(self, x):
            return cr.sqrt((x * x).sum(1))

    with pytest.raises(ValueError, match="of row 1 is NaN, as that of 1 of 3 rows"):
        function(Distance(), [[1.0, 2.0], [0.0, 0.0], [1.0, 0.0]])


def test_missing_inputs_are_named():
    holes = X.copy()
    holes[2, 1] = np.nan
    with pytest.raises(ValueError, match=r"X\[2, 1\] is nan"):
        input_gradients(network(), holes)
