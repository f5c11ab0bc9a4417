import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import (
    Constant,
    broadcast,
    constant,
    exp,
    full,
    full_like,
    literal,
    reshape,
)
from chainrule.passes import evaluate

F32 = np.dtype(np.float32)


def test_a_constant_cannot_be_written():
    data = np.zeros(3)
    constant(data)
    with pytest.raises(ValueError, match="read-only"):
        data[0] = 1


def test_constants_are_equal_by_their_bits():
    def same(a, b):
        a, b = Constant(np.array(a)), Constant(np.array(b))
        return a == b and hash(a) == hash(b)

    assert same(1.5, 1.5)
    assert same(np.nan, np.nan)
    assert not same(0.0, -0.0)
    assert not same(1, 1.0)
    assert not same([1.0], 1.0)
    assert Constant(np.array(1.0)) != "constant"


def test_large_constants_are_equal_only_if_they_are_one_array():
    data = np.zeros(65)
    assert Constant(data) == Constant(data)
    assert Constant(data) != Constant(data.copy())


def test_it_prints_a_number_or_its_type():
    assert str(Constant(np.array(2.5))) == "constant(2.5)"
    assert str(Constant(np.zeros((2, 3), F32))) == "constant(f32[2,3])"


def test_it_has_no_inputs():
    with pytest.raises(TypeError, match="constant takes no inputs"):
        Constant(np.zeros(()))(full(TensorType((), F32), 1))


def test_dtypes_that_no_tensor_has():
    with pytest.raises(
        TypeError, match="tensors of dtype complex128 are not supported"
    ):
        constant(np.array(1j))


@pytest.mark.parametrize("shape", [(), (3,), (2, 0)])
def test_full(shape):
    type_ = TensorType(shape, F32)
    y = full(type_, 2.5)
    assert y.type == type_
    evaluate(y)
    np.testing.assert_array_equal(y.data, np.full(shape, 2.5, F32), strict=True)
    assert full_like(y, 1).type == type_


def test_literal_sees_through_copies():
    y = full(TensorType((2, 3), F32), 2.5)
    assert literal(y) == 2.5
    assert literal(reshape(y, (6,))) == 2.5
    assert literal(broadcast(y, (4, 2, 3), (0,))) == 2.5


def test_what_is_no_literal():
    x = Value(TensorType((), F32))
    assert literal(x) is None
    assert literal(exp(full_like(x, 0))) is None
    assert literal(constant(np.zeros(2))) is None
