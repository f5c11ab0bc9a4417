import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value, verify
from chainrule.ops import full_like
from chainrule.passes import gradients, interpret


def _apply(operation, *arrays):
    """What the operation makes of arrays or numbers, which are taken as float64."""
    inputs = [
        np.asarray(x, None if hasattr(x, "dtype") else np.float64) for x in arrays
    ]
    leaves = tuple(Value(TensorType.of(x)) for x in inputs)
    (y,) = interpret(verify(Graph(leaves, (operation(*leaves),))), inputs)
    return y


def _derivative(operation, *arrays, order=1, wrt=0):
    """`d^n y[i] / dx[i]^n` of an elementwise operation at each element."""
    inputs = [
        np.asarray(x, None if hasattr(x, "dtype") else np.float64) for x in arrays
    ]
    leaves = tuple(Value(TensorType.of(x)) for x in inputs)
    y = operation(*leaves)
    for _ in range(order):
        (y,) = gradients([y], [leaves[wrt]], [full_like(y, 1)])
    (dy,) = interpret(verify(Graph(leaves, (y,))), inputs)
    return dy


@pytest.fixture(scope="session")
def apply():
    return _apply


@pytest.fixture(scope="session")
def derivative():
    return _derivative
