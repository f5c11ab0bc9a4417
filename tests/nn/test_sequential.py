import numpy as np
import pytest

import chainrule as cr


def network():
    return cr.nn.Sequential(
        cr.nn.Dense(4, 3, rng=0),
        cr.nn.Tanh(),
        cr.nn.Sequential(cr.nn.Dense(3, 3, rng=1), cr.nn.ReLU()),
        cr.nn.Dense(3, 2, rng=2),
    )


def test_layers_follow_each_other():
    net = network()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    y = cr.tensor(x)
    for layer in net:
        y = layer(y)
    np.testing.assert_array_equal(net(x).numpy(), y.numpy())
    assert list(net.parameters()) == ["0.W", "0.b", "2.0.W", "2.0.b", "3.W", "3.b"]


def test_an_empty_one_passes_its_input_on():
    assert cr.nn.Sequential()(cr.tensor([1.0])).tolist() == [1.0]
    assert len(cr.nn.Sequential()) == 0


def test_indexing_from_both_ends_by_name_and_in_slices():
    net = network()
    assert net[0] is net["0"]
    assert net[-1] is net[3]
    assert len(net) == 4
    part = net[1:3]
    assert isinstance(part, cr.nn.Sequential)
    assert [*part] == [net[1], net[2]]
    assert list(part.modules()) == ["", "0", "1", "1.0", "1.1"]
    for wrong, error in ((4, IndexError), (-5, IndexError), ("x", KeyError)):
        with pytest.raises(error, match=r"no layer .* among 0, 1, 2, 3"):
            net[wrong]


def test_a_slice_leaves_names_and_gradients_of_the_whole_alone():
    net = network()
    net(np.ones((1, 4))).sum().backward()
    part = net[3:]
    assert part[0].W is net[3].W
    assert net[3].W.name == "3.W"
    assert net[3].W.grad is not None


def test_names_by_dict_append_and_attribute():
    net = cr.nn.Sequential({"hidden": cr.nn.Dense(2, 3)}, cr.nn.ReLU())
    assert net.append(cr.nn.Dense(3, 1), "out") is net
    assert list(net.parameters()) == ["hidden.W", "hidden.b", "out.W", "out.b"]
    assert net.hidden is net["hidden"] is net[0]
    assert net[1] is net["1"]
    assert list(net[1:].modules()) == ["", "1", "out"]


@pytest.mark.parametrize("name", ["", "a.b", "forward", "training", "0", "parameters"])
def test_names_that_cannot_be_are_refused(name):
    with pytest.raises(ValueError, match="cannot be the name of a layer"):
        cr.nn.Sequential(cr.nn.ReLU()).append(cr.nn.ReLU(), name)


@pytest.mark.parametrize(
    ("thing", "advice"),
    [
        (cr.relu, "relu is a function; chainrule.nn has activations as layers"),
        (cr.nn.ReLU, r"write ReLU\(\) with its arguments"),
        (3, "it is 3"),
    ],
)
def test_what_is_no_layer_is_refused_with_advice(thing, advice):
    with pytest.raises(TypeError, match=advice):
        cr.nn.Sequential(thing)


def test_a_layer_used_twice_is_tied():
    layer = cr.nn.Dense(2, 2, rng=0)
    net = cr.nn.Sequential(layer, cr.nn.Tanh(), layer)
    assert list(net.parameters()) == ["0.W", "0.b"]
    x = np.array([[0.5, -0.5]], np.float32)
    _, found = cr.value_and_grad(lambda net: net(x).sum())(net)
    w, b = layer.W.numpy(), layer.b.numpy()
    h = np.tanh(x @ w + b)
    dh = (1 - h**2) * w.sum(1)
    np.testing.assert_allclose(found["0.b"].numpy(), 1 + dh[0], rtol=1e-5)
    np.testing.assert_allclose(found["0.W"].numpy(), h.T + x.T * dh, rtol=1e-5)


def test_gradients_through_all_layers(check_parameters):
    net = cr.nn.Sequential(
        cr.nn.Dense(3, 4, dtype=np.float64, rng=0),
        cr.nn.Tanh(),
        cr.nn.Dense(4, 2, dtype=np.float64, rng=1),
        cr.nn.Softplus(),
    )
    x = np.random.default_rng(0).normal(size=(5, 3))
    check_parameters(net, x)
    cr.check_gradients(net, x)


def test_flatten():
    layer = cr.nn.Flatten()
    assert layer(np.zeros((5, 2, 3))).shape == (5, 6)
    assert layer(np.zeros((5,))).shape == (5, 1)
    assert layer(np.zeros((0, 2, 3))).shape == (0, 6)
    with pytest.raises(ValueError, match="takes rows"):
        layer(cr.tensor(1.0))
