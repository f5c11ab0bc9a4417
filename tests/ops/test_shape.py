import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import flip, reshape, transpose
from chainrule.passes import simplify


def leaf(*shape):
    return Value(TensorType(shape, np.dtype(np.float64)))


def simplified(x, y):
    return simplify(Graph((x,), (y,))).outputs[0]


def test_two_in_a_row_are_one():
    x = leaf(2, 3, 4)
    turned = simplified(x, transpose(transpose(x, (1, 2, 0)), (1, 2, 0)))
    assert turned.operation.permutation == (2, 0, 1)
    assert turned.inputs == (x,)
    assert simplified(x, transpose(transpose(x, (1, 2, 0)), (2, 0, 1))) is x
    assert simplified(x, reshape(reshape(x, (24,)), (2, 3, 4))) is x
    assert simplified(x, flip(flip(x, (0, 1)), (0, 1))) is x
    assert simplified(x, flip(flip(x, (0, 1)), (1, 2))).operation.axes == (0, 2)


def test_what_changes_nothing_is_nothing():
    x = leaf(1, 3)
    assert simplified(x, flip(x, (0,))) is x
    assert simplified(x, flip(x, ())) is x
    assert simplified(x, transpose(x, (0, 1))) is x
    assert simplified(x, reshape(x, (1, 3))) is x


def test_what_does_not_fit():
    x = leaf(2, 3)
    with pytest.raises(
        ValueError, match=r"reshape: \(2, 3\) has 6 elements, \(5,\) has 5"
    ):
        reshape(x, (5,))
    with pytest.raises(ValueError, match=r"transpose: \(0, 0\) is not an order"):
        transpose(x, (0, 0))
    with pytest.raises(ValueError, match=r"flip: \(2,\) are not distinct axes"):
        flip(x, (2,))
