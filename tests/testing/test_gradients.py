import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import exp, matmul, multiply, relu, sqrt, square, sum_, tanh
from chainrule.testing import CheckError, check_graph_gradients

RNG = np.random.default_rng(0)


def leaf(*shape):
    return Value(TensorType(shape, np.dtype(np.float64)))


def test_a_network_passes():
    X, W, V = leaf(5, 4), leaf(4, 3), leaf(3, 2)
    y = matmul(tanh(matmul(X, W)), V)
    graph = Graph((X, W, V), (y, sum_(exp(y), (0, 1))))
    points = [RNG.normal(size=x.shape) for x in (X, W, V)]
    check_graph_gradients(graph, points, RNG, order=3)


def test_a_gradient_that_is_not_that_of_the_graph_is_found():
    # The slope of sqrt(x**2) at 0 is 0 on average, and 0/0 by the chain rule.
    x = leaf()
    graph = Graph((x,), (sqrt(square(x)),))
    with pytest.raises(CheckError, match=r"order 1 .* is nan by the chain rule"):
        check_graph_gradients(graph, [np.zeros(())], RNG)


def test_the_tolerance_counts():
    # Relu is steeper on one side than the difference across its kink says.
    x = leaf()
    graph = Graph((x,), (relu(x),))
    with pytest.raises(CheckError, match=r"they differ by .*, 0.1 is allowed"):
        check_graph_gradients(graph, [np.zeros(())], RNG, tolerance=0.1)


def test_integers_stay_where_they_are():
    x = leaf(3)
    i = Value(TensorType((3,), np.dtype(np.int64)))
    graph = Graph((x, i), (multiply(x, x), i))
    check_graph_gradients(graph, [RNG.normal(size=3), np.arange(3)], RNG)
