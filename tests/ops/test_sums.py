import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import Broadcast, Sum, broadcast, sum_


def leaf(*shape, dtype=np.float64):
    return Value(TensorType(shape, np.dtype(dtype)))


def test_sum_as_numpy(apply):
    x = np.arange(24.0).reshape(2, 3, 4)
    np.testing.assert_array_equal(apply(Sum((0, 2)), x), x.sum(axis=(0, 2)))
    np.testing.assert_array_equal(apply(Sum((1,)), np.zeros((2, 0))), [0, 0])


def test_sum_keeps_the_dtype(apply):
    for dtype in (np.int8, np.uint8, np.float32):
        x = np.full(3, 100, dtype)
        assert apply(Sum((0,)), x).dtype == dtype


def test_booleans_have_no_sum():
    with pytest.raises(TypeError, match="sum takes numbers, not bool"):
        sum_(leaf(3, dtype=np.bool_), (0,))


@pytest.mark.parametrize("axes", [(1, 0), (0, 0), (2,), (-1,)])
def test_axes_are_distinct_sorted_and_there(axes):
    with pytest.raises(
        ValueError, match=r"sum: .* are not distinct axes, in order, of 2"
    ):
        sum_(leaf(2, 3), axes)


def test_broadcast_as_numpy(apply):
    x = np.array([1.0, 2.0])
    np.testing.assert_array_equal(
        apply(Broadcast((3, 2), (0,)), x), np.broadcast_to(x, (3, 2))
    )
    np.testing.assert_array_equal(
        apply(Broadcast((2, 3), (1,)), x), np.broadcast_to(x[:, None], (2, 3))
    )


def test_broadcast_to_what_it_is_not():
    with pytest.raises(ValueError, match=r"broadcast: .* with new axes .* is not"):
        broadcast(leaf(3), (2, 4), (0,))


def test_each_is_the_gradient_of_the_other(derivative):
    x = np.ones((2, 3))
    np.testing.assert_array_equal(derivative(Sum((0,)), x), np.ones((2, 3)))
    np.testing.assert_array_equal(derivative(Broadcast((4, 2, 3), (0,)), x), 4 * x)
