import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import matmul


def leaf(*shape, dtype=np.float64):
    return Value(TensorType(shape, np.dtype(dtype)))


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (leaf(3), leaf(3, 2), r"takes matrices, or equal stacks .*, not f64\[3\] and"),
        (leaf(2, 3, 4), leaf(5, 4, 2), "takes matrices, or equal stacks"),
        (leaf(2, 3), leaf(4, 2), "the left has 3 columns, the right 4 rows"),
    ],
)
def test_shapes_that_do_not_fit(a, b, message):
    with pytest.raises(ValueError, match=f"matmul.*{message}"):
        matmul(a, b)


@pytest.mark.parametrize("dtypes", [(np.float64, np.float32), (np.bool_, np.bool_)])
def test_dtypes_that_do_not_fit(dtypes):
    a, b = dtypes
    with pytest.raises(TypeError, match="matmul takes numbers of one dtype, not"):
        matmul(leaf(2, 2, dtype=a), leaf(2, 2, dtype=b))


def test_as_numpy(apply):
    a, b = np.arange(6.0).reshape(2, 3), np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(apply(matmul, a, b), a @ b)
