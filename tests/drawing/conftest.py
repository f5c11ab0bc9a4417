from types import SimpleNamespace

import numpy as np
import pytest

from chainrule.drawing import describe
from chainrule.expressions.promote import broadcast_together, promote
from chainrule.ir import Graph, Location, TensorType, Value, topological
from chainrule.ops import add, full_like, matmul, multiply, subtract, sum_, tanh
from chainrule.passes import evaluate, gradients, interpret


def leaf(data, name=None, dtype=np.float64):
    array = np.asarray(data, dtype)
    place = Location("lecture.py", 3)
    return Value(TensorType.of(array), None, (), name, place, array)


def named(value, name):
    return Value(
        value.type, value.operation, value.inputs, name, value.location, value.data
    )


def apply(operation, *operands):
    """The operation with NumPy's broadcasting and promotion, as tensors have it."""
    return operation(*broadcast_together("apply", *promote(*operands)))


def backward(loss):
    """dL/dv of every real value behind `loss`, which is evaluated."""
    evaluate(loss)
    order = topological([loss])
    reals = [value for value in order if value.type.is_floating]
    graph = Graph(order, gradients([loss], reals, [full_like(loss, 1)]))
    found = interpret(graph, [value.data for value in order])
    return dict(zip(reals, found, strict=True))


def picture(loss, **options):
    return describe([loss], backward(loss), **options)


def lecture():
    """L = z (2x + y), with x = 3, y = -4, z = 5."""
    x, y, z = leaf(3, "x"), leaf(-4, "y"), leaf(5, "z")
    return named(multiply(z, add(apply(multiply, 2.0, x), y)), "L")


def network(batch=3, inputs=2, hidden=4, outputs=2):
    """Two layers and a squared error."""
    rng = np.random.default_rng(0)
    X = leaf(rng.normal(size=(batch, inputs)), "X")
    W1 = leaf(rng.normal(size=(inputs, hidden)), "W1")
    b1 = leaf(rng.normal(size=hidden), "b1")
    W2 = leaf(rng.normal(size=(hidden, outputs)), "W2")
    b2 = leaf(rng.normal(size=outputs), "b2")
    Y = leaf(rng.normal(size=(batch, outputs)), "Y")
    H = named(tanh(apply(add, matmul(X, W1), b1)), "H")
    E = named(subtract(apply(add, matmul(H, W2), b2), Y), "E")
    return named(sum_(multiply(E, E), (0, 1)), "L")


def random_graph(seed, size=40):
    """Sums, differences and products of random earlier values."""
    rng = np.random.default_rng(seed)
    values = [leaf(rng.normal(), f"x{i}") for i in range(4)]
    for _ in range(size):
        a, b = rng.integers(max(0, len(values) - 10), len(values), 2)
        operation = (add, subtract, multiply)[rng.integers(3)]
        values.append(operation(values[a], values[b]))
    return values[-1]


@pytest.fixture(scope="session")
def graphs():
    """Graphs to draw, and what it takes to make more."""
    return SimpleNamespace(
        leaf=leaf,
        named=named,
        apply=apply,
        backward=backward,
        picture=picture,
        lecture=lecture,
        network=network,
        random_graph=random_graph,
    )
