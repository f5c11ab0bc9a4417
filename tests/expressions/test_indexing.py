"""Elements at given indices, and orders of elements, against NumPy."""

import numpy as np
import pytest

import chainrule as cr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4, 2))


# --- take -------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize("indices", [1, [0, 1, 1], [[-1, 0], [1, -2]], []])
def test_take(matches, indices, axis):
    as_array = np.array(indices, np.int64)
    matches(cr.take(X, indices, axis), np.take(X, as_array, axis))
    matches(cr.take(X, cr.tensor(as_array), axis), np.take(X, as_array, axis))


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint8, np.uint64])
def test_indices_of_any_integer_dtype(matches, dtype):
    x, indices = np.arange(200), np.array([0, 127, 3], dtype)
    matches(cr.take(x, indices), x[indices])
    matches(cr.take(x, cr.tensor(indices)), x[indices])


def test_small_negative_indices_of_a_long_axis(matches):
    indices = cr.tensor(np.array([-1, -128], np.int8))
    matches(cr.take(np.arange(200), indices), [199, 72])


def test_indices_out_of_bounds():
    said = "index 4 is out of bounds for axis 1 of extent 4"
    with pytest.raises(IndexError, match=said):
        cr.take(X, [0, 4], axis=1)
    with pytest.raises(IndexError, match=said):
        cr.take(X, cr.tensor([0, 4]), axis=-2)
    with pytest.raises(IndexError, match="index -5 is out of bounds for axis 1"):
        cr.take(X, cr.tensor([0, -5]), axis=1)
    with pytest.raises(IndexError, match="axis 0 of extent 0"):
        cr.take(np.zeros((0, 2)), [0], axis=0)
    with pytest.raises(IndexError, match=f"index {2**64 - 1} is out of bounds"):
        cr.take(X, np.array([2**64 - 1], np.uint64), axis=1)


@pytest.mark.parametrize("indices", [[0.5], np.array([0.0]), [True], cr.tensor([0.0])])
def test_indices_that_are_none(indices):
    with pytest.raises(IndexError, match="indices are integers, not"):
        cr.take(X, indices, axis=0)


# --- gather and scatter_add -------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_gather(matches, axis, count):
    shape = list(X.shape)
    extent, shape[axis] = X.shape[axis], count
    indices = RNG.integers(-extent, extent, size=shape)
    matches(cr.gather(X, indices, axis), np.take_along_axis(X, indices, axis))
    tensor = cr.tensor(indices.astype(np.int16))
    matches(cr.gather(X, tensor, axis), np.take_along_axis(X, indices, axis))


@pytest.mark.parametrize("shape", [(1, 4, 1), (3, 1, 1), (1, 1, 2)])
def test_gather_broadcasts_all_other_axes(matches, shape):
    indices = RNG.integers(0, 3, size=shape)
    matches(cr.gather(X, indices, 0), np.take_along_axis(X, indices, 0))
    narrow = X[:, :1]
    indices = RNG.integers(0, 2, size=(3, 4, 1))
    matches(cr.gather(narrow, indices, 2), np.take_along_axis(narrow, indices, 2))


def test_a_gather_that_does_not_fit():
    with pytest.raises(ValueError, match=r"indices of shape \(3,\) need as many axes"):
        cr.gather(X, [0, 1, 2], 0)
    with pytest.raises(
        ValueError, match=r"gather: indices of shape \(3, 3, 2\) do not fit"
    ):
        cr.gather(X, np.zeros((3, 3, 2), int), 0)
    with pytest.raises(IndexError, match="index 2 is out of bounds for axis 2"):
        cr.gather(X, np.full((3, 4, 1), 2), 2)


def test_scatter_add(matches):
    x = np.zeros((2, 3))
    indices = np.array([[0, 0, -1, 1], [2, 2, 2, 0]])
    updates = RNG.normal(size=(2, 4))
    expected = x.copy()
    for row in range(2):
        for place, update in zip(indices[row], updates[row], strict=True):
            expected[row, place] += update
    matches(cr.scatter_add(x, indices, updates, 1), expected)
    matches(cr.scatter_add(x, cr.tensor(indices), updates, 1), expected)


def test_a_number_is_added_at_every_index(matches):
    matches(cr.scatter_add(np.ones(3), [0, 2, 2], 2.0, 0), [3.0, 1.0, 5.0])


def test_a_scatter_that_does_not_fit():
    with pytest.raises(ValueError, match=r"scatter_add: indices of shape \(2,\)"):
        cr.scatter_add(np.zeros((2, 3)), [0, 1], 1.0, 1)
    with pytest.raises(
        ValueError, match=r"scatter_add: shape \(2,\) does not broadcast"
    ):
        cr.scatter_add(np.zeros(3), [0, 1, 2], [1.0, 2.0], 0)
    with pytest.raises(IndexError, match="index 3 is out of bounds for axis 0"):
        cr.scatter_add(np.zeros(3), [3], 1.0, 0)


# --- one_hot ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (0,), (5,), (2, 3)])
def test_one_hot(matches, shape):
    classes = RNG.integers(0, 4, size=shape)
    matches(cr.one_hot(classes, 4), np.eye(4, dtype=np.float32)[classes])
    matches(cr.one_hot(cr.tensor(classes), 4, bool), np.eye(4, dtype=bool)[classes])


@pytest.mark.parametrize("wrong", [-1, 3])
def test_a_class_that_is_not_there(wrong):
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds .* extent 3"):
        cr.one_hot([0, wrong], 3)


def test_classes_are_integers():
    with pytest.raises(ValueError, match="one_hot: there cannot be -1 classes"):
        cr.one_hot([0], -1)
    with pytest.raises(IndexError, match="indices are integers, not float32"):
        cr.one_hot([0.0], 3)


# --- orders -----------------------------------------------------------------------

ORDERED = [
    np.array([3.0, 1.0, 2.0, 1.0, 3.0]),
    np.array([np.nan, 1.0, -np.inf, np.nan, np.inf]),
    np.array([0.0, -0.0, 1.0]),
    np.array([-128, 127, 0, -128], np.int8),
    np.array([255, 0, 3, 255], np.uint8),
    np.array([True, False, True]),
    np.zeros(0),
    np.zeros(1),
]


@pytest.mark.parametrize("x", ORDERED, ids=str)
def test_ascending_orders(matches, x):
    matches(cr.argsort(x), np.argsort(x, stable=True))
    matches(cr.sort(x), np.sort(x))


@pytest.mark.parametrize("x", ORDERED, ids=str)
def test_descending_orders_keep_equal_elements_in_order(matches, x):
    def rank(i):
        return (bool(np.isnan(x[i])), -float(x[i]) if x[i] == x[i] else 0, i)

    order = np.array(sorted(range(x.size), key=rank), np.int64)
    matches(cr.argsort(x, descending=True), order)
    matches(cr.sort(x, descending=True), x[order])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
def test_orders_along_an_axis(matches, axis):
    matches(cr.sort(X, axis), np.sort(X, axis))
    matches(cr.argsort(X, axis), np.argsort(X, axis))
    matches(cr.sort(X, axis, descending=True), -np.sort(-X, axis))


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("k", [0, 1, 2])
def test_topk(matches, k, axis):
    values, indices = cr.topk(X, k, axis)
    matches(values, np.take(-np.sort(-X, axis), range(k), axis))
    matches(indices, np.take(np.argsort(-X, axis), range(k), axis))


def test_topk_shows_nan_as_max_does(matches):
    values, indices = cr.topk(np.array([1.0, np.nan, 2.0]), 2)
    matches(values, [np.nan, 2.0])
    matches(indices, [1, 2])


def test_topk_of_equal_elements(matches):
    values, indices = cr.topk(np.array([1, 2, 2, 2]), 2)
    matches(values, [2, 2])
    matches(indices, [1, 2])


@pytest.mark.parametrize("k", [5, -1])
def test_topk_of_too_many(k):
    with pytest.raises(
        ValueError, match=f"topk: there are no {k} elements along axis 1"
    ):
        cr.topk(X, k, 1)


# --- gradients --------------------------------------------------------------------

PICKED = {
    "take": lambda x: cr.take(x * x, [2, 0, 2], axis=0),
    "take of all": lambda x: cr.take(x * x, [[3, 3], [1, 0]]),
    "gather": lambda x: cr.gather(x * x, np.array([[[0], [0], [1], [1]]] * 3), 2),
    "scatter_add": lambda x: cr.scatter_add(x, np.zeros((3, 4, 5), int), cr.sum(x), 2),
    "sort": lambda x: cr.sort(x * x, axis=1),
    "topk": lambda x: cr.topk(x * x, 2, axis=1)[0],
}


@pytest.mark.parametrize("f", PICKED.values(), ids=PICKED)
def test_gradients(f):
    cr.check_gradients(f, X)
