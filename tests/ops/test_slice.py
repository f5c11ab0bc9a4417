import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import (
    Pad,
    Slice,
    full_like,
    literal,
    pad,
    pad_along,
    slice_,
    slice_along,
)
from chainrule.passes import gradients, interpret, simplify


def leaf(*shape, dtype=np.float64):
    return Value(TensorType(shape, np.dtype(dtype)))


@st.composite
def slices(draw, shape):
    """A slice of a tensor of `shape`, in the strict form."""
    bounds = [draw(st.slices(extent)).indices(extent) for extent in shape]
    steps = tuple(abs(step) for _, _, step in bounds)
    pairs = [sorted((max(a, 0), max(b, 0))) for a, b, _ in bounds]
    return Slice(tuple(a for a, _ in pairs), tuple(b for _, b in pairs), steps)


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6)


@given(data=st.data(), shape=shapes)
def test_a_slice_of_a_slice_is_one_slice(data, shape):
    x = leaf(*shape)
    inner = data.draw(slices(shape))(x)
    outer = data.draw(slices(inner.shape))(inner)
    before = Graph((x,), (outer,))
    after = simplify(before)
    if outer.type.size:
        assert len(after.order) <= 2
    array = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_array_equal(interpret(after, [array]), interpret(before, [array]))


@given(data=st.data(), shape=shapes)
def test_the_gradient_of_a_slice_is_where_it_was_read(data, shape):
    x = leaf(*shape)
    y = data.draw(slices(shape))(x)
    (dx,) = gradients([y], [x], [full_like(y, 1)])
    array = np.zeros(shape)
    key = tuple(slice(*bounds) for bounds in y.operation._bounds())
    array[key] = 1
    np.testing.assert_array_equal(interpret(Graph((x,), (dx,)), [array])[0], array)
    # And the gradient of the gradient is the slice again.
    assert dx.operation.name == "pad"
    (ddy,) = dx.operation.vjp(x, dx, y)
    assert ddy.operation == Slice(*dx_bounds(ddy))
    assert ddy.shape == y.shape


def dx_bounds(value):
    operation = value.operation
    return operation.start, operation.stop, operation.step


def test_pad_puts_values_around_and_between(apply):
    x = np.array([1.0, 2.0, 3.0])
    y = apply(Pad((1,), (2,), (1,), 9), x)
    np.testing.assert_array_equal(y, [9, 1, 9, 2, 9, 3, 9, 9])


def test_pad_and_slice_along_one_axis():
    x = leaf(2, 3)
    assert slice_along(x, 1, 0, 3, 2).shape == (2, 2)
    assert pad_along(x, 0, 1, 2).shape == (5, 3)


def test_what_changes_nothing_is_nothing():
    x = leaf(2, 3)
    assert slice_(x, (0, 0), (2, 3), (1, 1)).operation.simplify(x) is x
    assert pad(x, (0, 0), (0, 0), (0, 0)).operation.simplify(x) is x
    assert pad(x, (0, 0), (0, 1), (0, 0)).operation.simplify(x) is None


def test_a_part_of_a_number_repeated_is_that_number():
    x = full_like(leaf(4), 3)
    assert literal(slice_along(x, 0, 1, 3)) == 3


@pytest.mark.parametrize(
    ("start", "stop", "step"), [(0, 4, 1), (2, 1, 1), (-1, 2, 1), (0, 2, 0)]
)
def test_slices_that_are_outside(start, stop, step):
    with pytest.raises(ValueError, match=f"slice: {start}:{stop}:{step} does not lie"):
        slice_(leaf(3), (start,), (stop,), (step,))


def test_slices_of_other_ranks():
    with pytest.raises(ValueError, match="one number for each of the 2 axes"):
        slice_(leaf(3, 2), (0,), (3,), (1,))
    with pytest.raises(ValueError, match="one number for each of the 2 axes"):
        pad(leaf(3, 2), (0,), (3,), (1,))


def test_a_negative_padding():
    with pytest.raises(ValueError, match="cannot be negative: take a slice"):
        pad(leaf(3), (-1,), (0,), (0,))


@pytest.mark.parametrize(
    ("dtype", "value", "fits"),
    [
        (np.uint8, 255, True),
        (np.uint8, 256, False),
        (np.uint8, -1, False),
        (np.int64, 0.5, False),
        (np.int64, 2.0, True),
        (np.int64, float("inf"), False),
        (np.bool_, True, True),
        (np.bool_, 2, False),
        (np.float32, 0.1, True),
    ],
)
def test_a_value_that_the_dtype_has(dtype, value, fits, apply):
    operation = Pad((1,), (0,), (0,), value)
    if fits:
        y = apply(operation, np.zeros(1, dtype))
        np.testing.assert_array_equal(y, np.array([value, 0], dtype))
    else:
        with pytest.raises(TypeError, match=r"pad: .* is no "):
            operation(leaf(1, dtype=dtype))
