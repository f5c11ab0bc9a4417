import numpy as np
import pytest

import chainrule as cr


def test_it_takes_rows():
    layer = cr.nn.Embedding(5, 3, rng=0)
    for x in (np.array([4, 0, 4]), np.array([[1, 2]]), np.array(3), np.zeros(0, int)):
        np.testing.assert_array_equal(layer(x).numpy(), layer.W.numpy()[x])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
def test_any_integers(dtype):
    layer = cr.nn.Embedding(3, 2, dtype=np.float64)
    assert layer(np.array([2, 0], dtype)).dtype == np.float64


def test_gradients_add_up_where_a_row_is_taken_twice(check_parameters):
    layer = cr.nn.Embedding(4, 2, dtype=np.float64, rng=0)
    x = np.array([1, 3, 1])
    _, found = cr.value_and_grad(lambda layer: (layer(x) ** 2).sum())(layer)
    expected = np.zeros((4, 2))
    np.add.at(expected, x, 2 * layer.W.numpy()[x])
    np.testing.assert_allclose(found["W"].numpy(), expected, rtol=1e-12)
    check_parameters(layer, x)


@pytest.mark.parametrize("wrong", [-1, 3, 100])
def test_a_category_out_of_range_names_the_layer(wrong):
    net = cr.nn.Sequential({"city": cr.nn.Embedding(3, 2)})
    with pytest.raises(IndexError, match=r"layer 'city', Embedding\(3, 2\)") as caught:
        net(np.array([0, wrong]))
    assert f"there is no category {wrong}: they are numbered from 0 to 2" in str(
        caught.value
    )
    with pytest.raises(IndexError, match=f"{wrong}"):
        cr.compile(net)(np.array([0, wrong]))


def test_real_numbers_are_refused():
    with pytest.raises(
        TypeError, match="takes category numbers, integers, not float32"
    ):
        cr.nn.Embedding(3, 2)(np.ones(2, np.float32))


def test_it_starts_with_variance_1():
    W = cr.nn.Embedding(200, 100, rng=0).W.numpy()
    assert abs(W.std() - 1) < 0.02
