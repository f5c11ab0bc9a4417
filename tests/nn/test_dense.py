import numpy as np
import pytest

import chainrule as cr


def test_it_computes_xw_plus_b():
    rng = np.random.default_rng(0)
    layer = cr.nn.Dense(4, 3, b_init="normal", dtype=np.float64, rng=0)
    for shape in ((5, 4), (4,), (2, 5, 4), (0, 4)):
        x = rng.normal(size=shape)
        expected = x @ layer.W.numpy() + layer.b.numpy()
        np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12)


def test_without_bias():
    layer = cr.nn.Dense(4, 3, bias=False)
    assert list(layer.parameters()) == ["W"]
    assert layer.b is None
    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(layer(x).numpy(), x @ layer.W.numpy())


def test_gradients(check_parameters):
    rng = np.random.default_rng(0)
    layer = cr.nn.Dense(4, 3, dtype=np.float64, rng=0)
    x = rng.normal(size=(5, 4))
    check_parameters(layer, x)
    cr.check_gradients(layer, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "given", [np.float64, np.float32, np.int64, np.bool_, np.uint8]
)
def test_input_is_converted_to_the_dtype_of_the_weights(dtype, given):
    layer = cr.nn.Dense(2, 3, dtype=dtype)
    assert layer.W.dtype == layer.b.dtype == dtype
    assert layer(np.ones((1, 2), given)).dtype == dtype


def test_a_wrong_width_names_the_layer_and_both_widths():
    net = cr.nn.Sequential({"hidden": cr.nn.Dense(30, 8), "out": cr.nn.Dense(8, 2)})
    with pytest.raises(ValueError, match="columns") as caught:
        net(np.ones((64, 28)))
    assert str(caught.value) == (
        "layer 'hidden', Dense(30, 8): takes rows of 30 numbers, and the input of "
        "shape (64, 28) has rows of 28. Give it 30 columns, or make the layer for 28"
    )
    with pytest.raises(ValueError, match=r"shape \(\) has no rows"):
        net["out"](cr.tensor(3.0))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 3), ValueError, "inputs is at least 1, not 0"),
        ((3, -1), ValueError, "outputs is at least 1, not -1"),
        ((2.5, 3), TypeError, "inputs is a whole number, not 2.5"),
        (("3", 3), TypeError, "inputs is a whole number, not '3'"),
    ],
)
def test_nonsense_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        cr.nn.Dense(*arguments)


def test_other_dtypes_are_refused():
    with pytest.raises(TypeError, match="float32 or float64, not int64"):
        cr.nn.Dense(2, 3, dtype=np.int64)


def test_the_generator_decides_the_weights():
    a, b = (cr.nn.Dense(4, 3, rng=5).W.numpy() for _ in range(2))
    np.testing.assert_array_equal(a, b)
    rng = np.random.default_rng(0)
    c, d = (cr.nn.Dense(4, 3, rng=rng).W.numpy() for _ in range(2))
    assert (c != d).all()
    cr.random.seed(1)
    e = cr.nn.Dense(4, 3).W.numpy()
    f = cr.nn.Dense(4, 3).W.numpy()
    cr.random.seed(1)
    np.testing.assert_array_equal(cr.nn.Dense(4, 3).W.numpy(), e)
    assert (e != f).all()


def test_initializers_by_name_and_as_functions():
    def sevens(shape, rng, dtype):
        return np.full(shape, 7, dtype)

    layer = cr.nn.Dense(2, 3, W_init=sevens, b_init="ones")
    assert (layer.W.numpy() == 7).all()
    assert (layer.b.numpy() == 1).all()
    with pytest.raises(ValueError, match="no initializer 'he'; known are zeros, ones"):
        cr.nn.Dense(2, 3, W_init="he")
