import numpy as np

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import detach, identity, multiply
from chainrule.passes import differentiate, simplify

X = Value(TensorType((), np.dtype(np.float64)), name="x")


def test_values_are_kept(apply):
    for dtype in (np.float32, np.int8, np.bool_):
        x = np.array([0, 1], dtype)
        np.testing.assert_array_equal(apply(detach, x), x, strict=True)
        np.testing.assert_array_equal(apply(identity, x), x, strict=True)


def test_no_gradient_passes_detach(derivative):
    assert derivative(lambda x: multiply(detach(x), x), 3.0) == 3
    assert derivative(lambda x: multiply(identity(x), x), 3.0) == 6


def test_simplify_keeps_detach_for_a_later_gradient():
    graph = Graph((X,), (multiply(detach(X), X),))
    before, after = differentiate(graph), differentiate(simplify(graph))
    assert str(simplify(before)) == str(simplify(after))


def test_simplify_drops_identity():
    y = multiply(X, X)
    assert simplify(Graph((X,), (identity(y),))).outputs[0].operation == y.operation
