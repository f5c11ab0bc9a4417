import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import Argsort, TopkIndices, argsort, topk_indices


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.uint8])
def test_equal_elements_stay_in_order(dtype, apply):
    x = np.array([3, 1, 3, 1], dtype)
    assert apply(Argsort(0), x).tolist() == [1, 3, 0, 2]
    assert apply(Argsort(0, descending=True), x).tolist() == [0, 2, 1, 3]
    assert apply(TopkIndices(3, 0), x).tolist() == [0, 2, 1]


def test_the_smallest_integer_has_no_negative(apply):
    x = np.array([-128, 0, 127], np.int8)
    assert apply(Argsort(0, descending=True), x).tolist() == [2, 1, 0]


def test_nan_comes_last_in_orders_and_first_in_topk(apply):
    x = np.array([np.nan, 1.0, np.nan, np.inf])
    assert apply(Argsort(0), x).tolist() == [1, 3, 0, 2]
    assert apply(Argsort(0, descending=True), x).tolist() == [3, 1, 0, 2]
    assert apply(TopkIndices(3, 0), x).tolist() == [0, 2, 3]


def test_what_does_not_fit():
    x = Value(TensorType((3, 2), np.dtype(np.float64)))
    with pytest.raises(ValueError, match=r"argsort: \(2,\) are not distinct axes"):
        argsort(x, 2)
    with pytest.raises(ValueError, match="topk: there are no 3 elements along axis 1"):
        topk_indices(x, 3, 1)
    with pytest.raises(ValueError, match=r"topk_indices: \(2,\) are not distinct axes"):
        topk_indices(x, 1, 2)
