"""What users write becomes values: dtypes, shapes, lists of tensors."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.expressions.promote import as_value, broadcast_together, promote
from chainrule.ir import TensorType, Value


def test_a_list_of_tensors_is_stacked_in_the_graph():
    x, y = cr.tensor(2.0), cr.tensor(3.0)
    total = cr.sum([[x, 1], [y, x * y]])
    total.backward()
    assert total.item() == 12
    assert (x.grad.item(), y.grad.item()) == (4, 3)


def test_a_ragged_list_of_tensors():
    x = cr.tensor([1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"tensors of shapes \(2,\), \(\) is no tensor"
    ):
        cr.sum([x, x[0]])


def test_operands_of_one_type_stay_as_they_are():
    a, b = (Value(TensorType((2,), np.dtype(np.float32))) for _ in range(2))
    assert promote(a, b) == [a, b]
    assert broadcast_together("add", a, b) == [a, b]


@pytest.mark.parametrize("other", [2, 2.5, True])
def test_python_numbers_take_the_dtype_they_meet(other):
    a = Value(TensorType((2,), np.dtype(np.float32)))
    assert [x.type.dtype for x in promote(other, a)] == [np.float32, np.float32]


@pytest.mark.parametrize("a", [np.int8, np.uint8, np.int64, np.float32, np.bool_])
@pytest.mark.parametrize("b", [np.int32, np.uint64, np.float64, np.bool_])
def test_tensors_are_promoted_as_arrays(a, b):
    values = promote(np.ones(2, a), np.ones(2, b))
    assert {x.type.dtype for x in values} == {np.result_type(a, b)}


@pytest.mark.parametrize("data", ["text", [[1], [1, 2]], 1j, [None], b"bytes"])
def test_what_is_no_tensor(data):
    with pytest.raises(TypeError, match="cannot make a tensor of"):
        as_value(data)


def test_shapes_that_do_not_fit_together():
    a, b = np.ones((2, 3)), np.ones((2,))
    with pytest.raises(ValueError, match=r"add: the shapes \(2, 3\) and \(2,\) do not"):
        cr.add(a, b)
