import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import (
    CheckedIndex,
    Gather,
    IndexAdd,
    Iota,
    ScatterAdd,
    Take,
    constant,
    iota,
)
from chainrule.passes import interpret

RNG = np.random.default_rng(0)


def leaf(*shape, dtype=np.float64):
    return Value(TensorType(shape, np.dtype(dtype)))


def integers(*shape, dtype=np.int64):
    return leaf(*shape, dtype=dtype)


def test_iota_is_the_coordinate():
    (y,) = interpret(Graph((), (iota((2, 3), 1),)), [])
    np.testing.assert_array_equal(y, [[0, 1, 2], [0, 1, 2]])
    with pytest.raises(TypeError, match="complex"):
        Iota((2,), 0, np.dtype(np.complex64))
    with pytest.raises(ValueError, match="not distinct axes"):
        iota((2,), 1)
    with pytest.raises(TypeError, match="iota takes no inputs"):
        Iota((2,), 0, np.dtype(np.int64))(leaf(2))


# --- bounds -----------------------------------------------------------------------


def test_an_index_below_zero_counts_from_the_end(apply):
    y = apply(CheckedIndex(200, 0), np.array([-1, -128, 127], np.int8))
    np.testing.assert_array_equal(y, [199, 72, 127])
    assert y.dtype == np.int64


@pytest.mark.parametrize("wrong", [-4, 3, 100])
def test_an_index_out_of_bounds(wrong, apply):
    said = f"index {wrong} is out of bounds for axis 1 of extent 3"
    with pytest.raises(IndexError, match=said):
        apply(CheckedIndex(3, 1), np.array([0, wrong]))
    with pytest.raises(IndexError, match=said):
        apply(CheckedIndex(3, 1, negative=False), np.array([0, wrong]))


def test_nothing_counts_from_the_end_where_it_must_not(apply):
    with pytest.raises(IndexError, match="index -1 is out of bounds"):
        apply(CheckedIndex(3, 0, negative=False), np.array([-1]))


@pytest.mark.parametrize(
    ("operation", "shape"),
    [
        (Take((1,)), (2, 3)),
        (IndexAdd((1,), (3,)), (2, 2)),
        (Gather(1), (2, 3)),
        (ScatterAdd(1, 3), (2, 2)),
    ],
)
@pytest.mark.parametrize("wrong", [-1, 3])
def test_operations_take_no_index_out_of_bounds(operation, shape, wrong, apply):
    indices = np.array([0, wrong])
    if isinstance(operation, (Gather, ScatterAdd)):
        indices = np.stack([indices, indices])
    said = f"index {wrong} is out of bounds for axis 1 of extent 3"
    with pytest.raises(IndexError, match=said):
        apply(operation, np.zeros(shape), indices)


# --- adjoints ---------------------------------------------------------------------


def inner(a, b):
    return (a * b).sum()


@pytest.mark.parametrize(
    ("shape", "axes", "among"),
    [
        ((5,), (0,), (7,)),
        ((3, 4, 2), (1,), (2, 3)),
        ((3, 4, 2), (0, 2), (6,)),
        ((3, 4, 2), (0, 1, 2), ()),
        ((3, 0), (0,), (4,)),
    ],
)
def test_take_and_index_add_are_adjoint(shape, axes, among, apply):
    x = RNG.normal(size=shape)
    indices = [RNG.integers(shape[axis], size=among) for axis in axes]
    taken = apply(Take(axes), x, *indices)
    y = RNG.normal(size=taken.shape)
    extents = tuple(shape[axis] for axis in axes)
    added = apply(IndexAdd(axes, extents), y, *indices)
    assert added.shape == shape
    np.testing.assert_allclose(inner(taken, y), inner(x, added))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 6])
def test_gather_and_scatter_add_are_adjoint(axis, count, apply):
    x = RNG.normal(size=(3, 4, 2))
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    indices = RNG.integers(x.shape[axis], size=shape)
    gathered = apply(Gather(axis), x, indices)
    y = RNG.normal(size=shape)
    scattered = apply(ScatterAdd(axis, x.shape[axis]), y, indices)
    assert scattered.shape == x.shape
    np.testing.assert_allclose(inner(gathered, y), inner(x, scattered))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8])
def test_repeated_indices_add_up_in_the_dtype_of_the_input(dtype, apply):
    x, indices = np.array([1, 2, 3], dtype), np.array([1, 1, 0], np.uint16)
    y = apply(IndexAdd((0,), (3,)), x, indices)
    assert y.dtype == dtype
    assert y.tolist() == [3, 3, 0]
    assert apply(ScatterAdd(0, 3), x, indices).tolist() == [3, 3, 0]


# --- types ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "inputs", "error", "said"),
    [
        (Take((0,)), [leaf(3)], ValueError, "an index tensor for each of them, not 0"),
        (Take(()), [leaf(3)], ValueError, "an index tensor for each of them, not 0"),
        (Take((1,)), [leaf(3), integers(2)], ValueError, "are not distinct axes"),
        (
            Take((0,)),
            [leaf(3), leaf(2)],
            TypeError,
            "indices are integers, not float64",
        ),
        (
            Take((0, 1)),
            [leaf(3, 3), integers(2), integers(3)],
            ValueError,
            r"the indices have shapes \(2,\) and \(3,\)",
        ),
        (
            IndexAdd((0,), (3,)),
            [leaf(3), integers(2)],
            ValueError,
            r"indices of shape \(2,\) do not fit a tensor of shape \(3,\) at axis 0",
        ),
        (
            IndexAdd((0,), (3,)),
            [leaf(2, dtype=bool), integers(2)],
            TypeError,
            "index_add takes numbers, not bool",
        ),
        (Gather(0), [leaf(3), leaf(2)], TypeError, "gather: indices are integers"),
        (
            Gather(0),
            [leaf(3, 2), integers(2)],
            ValueError,
            r"gather: .* of shape \(2,\)",
        ),
        (Gather(0), [leaf(3, 2), integers(3, 1)], ValueError, "all axes but 0 have to"),
        (
            ScatterAdd(0, 3),
            [leaf(3), integers(2)],
            ValueError,
            r"indices of shape \(2,\) cannot place a tensor of shape \(3,\)",
        ),
        (
            ScatterAdd(0, 3),
            [leaf(2, dtype=bool), integers(2)],
            TypeError,
            "scatter_add takes numbers, not bool",
        ),
        (CheckedIndex(3, 0), [leaf(2)], TypeError, "checked_index takes .*integers"),
    ],
)
def test_inputs_that_do_not_fit(operation, inputs, error, said):
    with pytest.raises(error, match=said):
        operation(*inputs)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_indices_of_every_integer_dtype(dtype, apply):
    x, i = np.arange(3.0), np.array([2, 0], dtype)
    assert apply(Take((0,)), x, i).tolist() == [2, 0]
    assert apply(Gather(0), x, i).tolist() == [2, 0]
    assert apply(CheckedIndex(3, 0), i).tolist() == [2, 0]


def test_indices_have_no_gradient():
    x, i = leaf(3), constant(np.array([0, 2]))
    y = Take((0,))(x, i)
    assert y.operation.vjp(y, y, x, i)[1] is None
    y = Gather(0)(x, i)
    assert y.operation.vjp(y, y, x, i)[1] is None


def test_the_access_of_iota_names_its_coordinate():
    assert iota((2, 3), 1).operation.access() == "#j->ij"
