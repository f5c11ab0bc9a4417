import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import Cast, cast
from chainrule.passes import differentiate, interpret, simplify

F64, F32, I32 = (np.dtype(d) for d in (np.float64, np.float32, np.int32))


def test_numbers_as_numpy_converts_them(apply):
    x = np.array([-1.5, 0.0, 0.5, 2.0])
    for dtype in (np.float32, np.int32, np.bool_):
        found = apply(Cast(np.dtype(dtype)), x)
        np.testing.assert_array_equal(found, x.astype(dtype), strict=True)


def test_the_gradient_has_the_dtype_of_the_input():
    x = Value(TensorType((), F64))
    graph = differentiate(Graph((x,), (cast(x, F32),)))
    _, dx = interpret(graph, [np.array(2.0)])
    assert dx.dtype == F64
    assert dx == 1


def test_no_gradient_passes_integers(derivative):
    assert derivative(lambda x: cast(cast(x, I32), F64), 2.5) == 0
    integer = Value(TensorType((), I32))
    y = cast(integer, F64)
    assert y.operation.vjp(y, y, integer) == (None,)


def test_a_cast_that_changes_nothing_goes():
    x = Value(TensorType((), F64))
    assert simplify(Graph((x,), (cast(x, F64),))).outputs == (x,)


def test_dtypes_that_no_tensor_has():
    with pytest.raises(
        TypeError, match="tensors of dtype complex128 are not supported"
    ):
        Cast(np.dtype(complex))
