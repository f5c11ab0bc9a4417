import numpy as np

from chainrule.ir import TensorType, Value
from chainrule.ops import add, exp, log, negate
from chainrule.passes import evaluate

F64 = TensorType((2,), np.dtype(np.float64))


def known(*numbers):
    x = Value(F64)
    x.remember(np.array(numbers))
    return x


def test_a_value_and_all_it_stands_on_remember_their_data():
    x = known(1.0, 2.0)
    a = negate(x)
    y = add(a, x)
    assert evaluate(y)
    np.testing.assert_array_equal(a.data, [-1, -2])
    np.testing.assert_array_equal(y.data, [0, 0])
    assert not y.data.flags.writeable


def test_what_is_known_is_not_computed_again():
    x = known(1.0, 2.0)
    a = negate(x)
    a.remember(np.array([5.0, 5.0]))
    y = negate(a)
    evaluate(y)
    np.testing.assert_array_equal(y.data, [-5, -5])


def test_a_leaf_without_data_cannot_be_evaluated():
    x = Value(F64)
    y = exp(x)
    assert not evaluate(y)
    assert y.data is None


def test_nan_is_no_warning():
    y = log(known(-1.0, 0.0))
    assert evaluate(y)
    np.testing.assert_array_equal(y.data, [np.nan, -np.inf])
