import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import add, exp, less, logical_and, negate, where

F64 = Value(TensorType((2,), np.dtype(np.float64)))
F32 = Value(TensorType((2,), np.dtype(np.float32)))
BOOL = Value(TensorType((2,), np.dtype(np.bool_)))
I32 = Value(TensorType((2,), np.dtype(np.int32)))
LONG = Value(TensorType((3,), np.dtype(np.float64)))


def test_shapes_have_to_be_equal():
    with pytest.raises(ValueError, match=r"add: the shapes \(2,\) and \(3,\) differ"):
        add(F64, LONG)


def test_dtypes_have_to_be_equal():
    with pytest.raises(TypeError, match="add: the dtypes float64 and float32 differ"):
        add(F64, F32)


def test_number_of_inputs():
    with pytest.raises(TypeError, match="add takes 2 inputs, not 1"):
        add(F64)


def test_real_functions_refuse_integers():
    with pytest.raises(TypeError, match="exp takes floats, not int32: cast it"):
        exp(I32)


def test_arithmetic_refuses_booleans():
    with pytest.raises(
        TypeError, match="negate takes integers, unsigned integers, floats, not"
    ):
        negate(BOOL)


def test_logic_refuses_numbers():
    with pytest.raises(TypeError, match="logical_and takes booleans, not int32"):
        logical_and(I32, I32)


def test_predicates_give_booleans():
    assert less(F32, F32).type == TensorType((2,), np.dtype(np.bool_))


def test_where_takes_a_boolean_condition():
    with pytest.raises(TypeError, match="where takes a boolean condition, not float64"):
        where(F64, F64, F64)
    with pytest.raises(TypeError, match="where: the dtypes float64 and float32 differ"):
        where(BOOL, F64, F32)
    assert where(BOOL, I32, I32).type == I32.type


def test_float32_stays_float32():
    assert exp(F32).type == F32.type
