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


# --- columns of a table ---


def columns(dtype=np.float64):
    return cr.nn.EmbedColumns(4, [(0, 3, 2), (2, 5, 1)], dtype=dtype, rng=0)


def test_features_come_after_the_other_columns():
    layer = columns()
    x = np.array([[2, 0.5, 4, -1.5], [0, 1.5, 1, 9.0]])
    first, second = (table.W.numpy() for table in layer.tables)
    expected = [[0.5, -1.5, *first[2], *second[4]], [1.5, 9.0, *first[0], *second[1]]]
    assert layer.outputs == 5
    assert layer.sources == [1, 3, 0, 0, 2]
    np.testing.assert_array_equal(layer(x).numpy(), expected)
    np.testing.assert_array_equal(cr.compile(layer)(x).numpy(), expected)


def test_the_features_of_a_category_are_as_large_as_one_input():
    layer = cr.nn.EmbedColumns(1, [(0, 4000, 16)], rng=0)
    W = layer.tables[0].W.numpy()
    assert (W[0] == 0).all()
    assert (W[1:] ** 2).sum(axis=1).mean() == pytest.approx(1, rel=0.02)


def test_gradients_reach_the_features_and_the_other_columns(check_parameters):
    layer = columns()
    x = np.array([[2, 0.5, 4, -1.5], [1, 1.5, 1, 9.0], [2, 0.0, 0, 1.0]])
    check_parameters(layer, x)
    _, dx = cr.value_and_grad(lambda x: (layer(x) ** 2).sum())(cr.tensor(x))
    np.testing.assert_allclose(dx.numpy(), [[0, 1, 0, -3], [0, 3, 0, 18], [0, 0, 0, 2]])


def test_columns_that_are_all_embedded():
    layer = cr.nn.EmbedColumns(1, [(0, 3, 2)], rng=0)
    assert layer(np.array([[1.0]], np.float32)).shape == (1, 2)


def test_embedded_columns_are_saved(tmp_path):
    net = cr.nn.Sequential(columns(np.float32), cr.nn.Dense(5, 1, rng=1))
    cr.save(net, tmp_path)
    x = np.array([[2, 0.5, 4, -1.5]], np.float32)
    np.testing.assert_array_equal(cr.load(tmp_path)(x).numpy(), net(x).numpy())


def test_a_number_that_no_category_has():
    net = cr.nn.Sequential({"columns": columns()})
    message = r"layer 'columns.tables.1', .*: there is no category 5: .* from 0 to 4"
    with pytest.raises(IndexError, match=message):
        net(np.array([[0, 0, 5, 0.0]]))


@pytest.mark.parametrize("wrong", [(2, 0), (0, 0), (0, 4)])
def test_columns_ascend(wrong):
    with pytest.raises(ValueError, match="are not ascending ones of the 4 columns"):
        cr.nn.EmbedColumns(4, [(column, 3, 2) for column in wrong])
