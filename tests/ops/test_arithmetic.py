import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import absolute, add, divide, multiply, negate, scale, sign, subtract

NAN = np.nan
INF = np.inf
X = np.array([-INF, -2.0, -0.0, 0.0, 3.0, INF, NAN])


@pytest.mark.parametrize(
    ("operation", "reference"),
    [
        (add, np.add),
        (subtract, np.subtract),
        (multiply, np.multiply),
        (divide, np.divide),
    ],
)
def test_two_operands_as_numpy(apply, operation, reference):
    a, b = (grid.ravel() for grid in np.meshgrid(X, X))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply(operation, a, b), reference(a, b))


@pytest.mark.parametrize(
    ("operation", "reference"),
    [(negate, np.negative), (absolute, np.absolute), (sign, np.sign)],
)
def test_one_operand_as_numpy(apply, operation, reference):
    np.testing.assert_array_equal(apply(operation, X), reference(X))


def test_gradient_of_absolute_is_the_sign(derivative):
    np.testing.assert_array_equal(
        derivative(absolute, X), [-1.0, -1.0, 0.0, 0.0, 1.0, 1.0, NAN]
    )
    assert derivative(absolute, 2.0, order=2) == 0


def test_sign_has_no_gradient(derivative):
    np.testing.assert_array_equal(derivative(sign, np.array([-1.0, 0.0, 1.0])), 0)


def test_divide_takes_no_integers():
    x = Value(TensorType((), np.dtype(np.int64)))
    with pytest.raises(TypeError, match="divide takes floats, not int64"):
        divide(x, x)


def test_scale(apply):
    assert apply(lambda x: scale(x, -2.5), 4.0) == -10


def test_arithmetic_of_integers_wraps(apply):
    assert apply(add, np.uint8(250), np.uint8(10)) == 4
