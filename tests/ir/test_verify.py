import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value, VerificationError, verify
from chainrule.ops import add, exp

F64 = np.dtype(np.float64)
X = Value(TensorType((3,), F64), name="x")
W = Value(TensorType((3,), F64), name="w")
SCALAR = Value(TensorType((), F64), name="s")


def refuses(graph, message):
    with pytest.raises(VerificationError, match=message):
        verify(graph)


def test_a_right_graph_is_given_back():
    graph = Graph((X, W), (add(X, W),), ((W, exp(W)),))
    assert verify(graph) is graph


def test_an_input_listed_twice():
    refuses(Graph((X, X), (exp(X),)), "an input is listed twice")


def test_a_leaf_that_is_no_input():
    refuses(Graph((X,), (add(X, W),)), "'w' f64.3.> is a leaf but not an input")


def test_a_value_of_another_type_than_its_operation_makes():
    wrong = Value(SCALAR.type, exp(X).operation, (X,))
    refuses(
        Graph((X,), (wrong,)),
        r"should have type f64\[3\], for that is what exp makes of f64\[3\]",
    )


def test_a_value_whose_operation_does_not_take_its_inputs():
    wrong = Value(X.type, add(X, W).operation, (X, SCALAR))
    with pytest.raises(ValueError, match=r"add: the shapes \(3,\) and \(\) differ"):
        verify(Graph((X, SCALAR), (wrong,)))


def test_assigning_what_is_no_input():
    y = exp(X)
    refuses(Graph((X,), (y,), ((y, X),)), "is assigned but is no input")


def test_assigning_twice():
    refuses(Graph((X, W), (), ((W, X), (W, X))), "'w' f64.3.> is assigned twice")


def test_assigning_another_type():
    refuses(Graph((X, SCALAR), (), ((X, SCALAR),)), r"assigned a value of type f64\[\]")
