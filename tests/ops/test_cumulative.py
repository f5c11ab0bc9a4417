import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import CumulativeSum


def test_both_directions(apply):
    x = np.array([[1.0, 2.0, 4.0]])
    np.testing.assert_array_equal(apply(CumulativeSum(1), x), [[1, 3, 7]])
    np.testing.assert_array_equal(apply(CumulativeSum(1, reverse=True), x), [[7, 6, 4]])


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.float32])
def test_the_dtype_stays(dtype, apply):
    assert apply(CumulativeSum(0), np.ones(3, dtype)).dtype == dtype


def test_booleans_are_no_numbers():
    x = Value(TensorType((3,), np.dtype(np.bool_)))
    with pytest.raises(TypeError, match="cumulative_sum takes numbers, not bool"):
        CumulativeSum(0)(x)
