import numpy as np
import pytest

import chainrule as cr


def data(*shape):
    return np.random.default_rng(0).normal(2.0, 3.0, size=shape)


@pytest.mark.parametrize("shape", [(6, 3), (2, 4, 3), (2, 2, 2, 3)])
def test_batch_norm_in_training(shape):
    layer = cr.nn.BatchNorm(3, dtype=np.float64)
    layer.gamma.assign(np.array([1.0, 2.0, -1.0]))
    layer.beta.assign(np.array([0.0, 0.5, 1.0]))
    x = data(*shape)
    flat = x.reshape(-1, 3)
    unit = (x - flat.mean(0)) / np.sqrt(flat.var(0) + 1e-5)
    expected = unit * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10, atol=1e-12)


def test_batch_norm_remembers_mean_and_unbiased_variance():
    layer = cr.nn.BatchNorm(3, momentum=0.25, dtype=np.float64)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = data(5, 3)
        layer(x)
        mean = 0.75 * mean + 0.25 * x.mean(0)
        var = 0.75 * var + 0.25 * x.var(0, ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(layer.running_var.numpy(), var, rtol=1e-12)


def test_batch_norm_predicts_with_what_it_remembers():
    layer = cr.nn.BatchNorm(3, dtype=np.float64)
    layer(data(5, 3))
    mean, var = layer.running_mean.numpy().copy(), layer.running_var.numpy().copy()
    layer.eval()
    x = data(1, 3)
    expected = (x - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12)
    np.testing.assert_array_equal(layer.running_mean.numpy(), mean)


def test_batch_norm_gradients(check_parameters):
    layer = cr.nn.BatchNorm(3, dtype=np.float64)
    x = data(5, 3)
    check_parameters(layer, x)
    cr.check_gradients(layer, x, tolerance=1e-5)
    layer.eval()
    check_parameters(layer, x)
    cr.check_gradients(layer, x)


def test_batch_norm_compiled_is_eager_to_the_bit():
    nets = [
        cr.nn.Sequential(cr.nn.Dense(3, 3, rng=0), cr.nn.BatchNorm(3)) for _ in "ab"
    ]
    compiled = cr.compile(nets[1])
    for _ in range(3):
        x = data(5, 3)
        np.testing.assert_array_equal(compiled(x).numpy(), nets[0](x).numpy())
    for path, array in nets[0].state_dict().items():
        np.testing.assert_array_equal(nets[1].state_dict()[path], array)


@pytest.mark.parametrize("rows", [0, 1])
def test_batch_norm_refuses_to_learn_from_one_row(rows):
    net = cr.nn.Sequential(cr.nn.BatchNorm(3))
    with pytest.raises(ValueError, match=r"layer '0', BatchNorm\(3\): a batch of") as e:
        net(np.ones((rows, 3)))
    assert "2 rows or more, or call eval()" in str(e.value)
    assert net.eval()(np.ones((rows, 3))).shape == (rows, 3)


def test_batch_norm_without_scale_and_shift():
    layer = cr.nn.BatchNorm(3, affine=False)
    assert layer.parameters() == {}
    assert list(layer.states()) == ["running_mean", "running_var"]
    assert abs(layer(data(50, 3)).numpy().std() - 1) < 1e-3


def test_batch_norm_refuses_other_input():
    with pytest.raises(ValueError, match="takes rows of 3 numbers"):
        cr.nn.BatchNorm(3)(np.ones((5, 4)))
    with pytest.raises(ValueError, match="momentum is between 0 and 1, not 2"):
        cr.nn.BatchNorm(3, momentum=2)


@pytest.mark.parametrize(("features", "axes"), [(4, (-1,)), ((3, 4), (-2, -1))])
def test_layer_norm(features, axes, check_parameters):
    layer = cr.nn.LayerNorm(features, dtype=np.float64)
    rng = np.random.default_rng(1)
    layer.gamma.assign(rng.normal(size=layer.gamma.shape))
    layer.beta.assign(rng.normal(size=layer.beta.shape))
    x = data(2, 3, 4)
    unit = (x - x.mean(axes, keepdims=True)) / np.sqrt(
        x.var(axes, keepdims=True) + 1e-5
    )
    expected = unit * layer.gamma.numpy() + layer.beta.numpy()
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-10, atol=1e-12)
    check_parameters(layer, x)
    cr.check_gradients(layer, x, tolerance=1e-5)


def test_layer_norm_options_and_nonsense():
    assert list(cr.nn.LayerNorm(3, bias=False).parameters()) == ["gamma"]
    assert cr.nn.LayerNorm(3, affine=False).parameters() == {}
    assert cr.nn.LayerNorm(3)(np.ones((2, 3))).dtype == np.float32
    with pytest.raises(ValueError, match=r"shape ends in \(3,\), and this has shape"):
        cr.nn.LayerNorm(3)(np.ones((5, 4)))
    with pytest.raises(ValueError, match="names no axis"):
        cr.nn.LayerNorm(())
    with pytest.raises(ValueError, match="features is at least 1"):
        cr.nn.LayerNorm((3, 0))
