"""Laws that every graph keeps, on graphs that hypothesis makes up."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.ir import Graph, TensorType, Value, parse_graph, verify
from chainrule.ops import (
    Clip,
    absolute,
    add,
    broadcast,
    constant,
    cos,
    full_like,
    identity,
    less,
    matmul,
    maximum,
    multiply,
    negate,
    power,
    relu,
    reshape,
    sigmoid,
    sin,
    square,
    subtract,
    sum_,
    tanh,
    transpose,
    where,
)
from chainrule.passes import differentiate, evaluate, interpret, simplify

F64 = np.dtype(np.float64)
SHAPE = (3, 3)
MATRIX = TensorType(SHAPE, F64)

UNARY = [
    negate,
    absolute,
    sin,
    cos,
    tanh,
    relu,
    sigmoid,
    square,
    identity,
    Clip(-0.5, 0.5),
    lambda x: transpose(x, (1, 0)),
    lambda x: reshape(reshape(x, (9,)), SHAPE),
    lambda x: broadcast(sum_(x, (0,)), SHAPE, (1,)),
    lambda x: power(x, full_like(x, 2)),
    lambda x: power(x, full_like(x, 1)),
]
BINARY = [
    add,
    subtract,
    multiply,
    maximum,
    matmul,
    lambda a, b: where(less(a, b), a, b),
]
# Numbers that simplify knows, one that it does not, and one that is no literal.
CONSTANTS = [
    *(full_like(Value(MATRIX), c) for c in (0.0, 1.0, -1.0, 2.5)),
    constant(np.arange(9.0).reshape(SHAPE) / 9),
]


@st.composite
def graphs(draw):
    """A graph of matrices with one to three inputs, and arrays for them."""
    inputs = tuple(Value(MATRIX) for _ in range(draw(st.integers(1, 3))))
    values = [*inputs, *CONSTANTS]
    for _ in range(draw(st.integers(0, 12))):
        a, b = (draw(st.sampled_from(values)) for _ in range(2))
        operation = draw(st.sampled_from([*UNARY, *BINARY]))
        values.append(operation(a) if operation in UNARY else operation(a, b))
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Graph(inputs, tuple(outputs)), [rng.normal(size=SHAPE) for _ in inputs]


def close(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        size = max(1.0, np.abs(b).max())
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * size)


def loss(graph):
    """The mean square of all outputs, so that everything has a gradient."""
    total = constant(np.array(0.0))
    for y in graph.outputs:
        total = add(total, sum_(tanh(y), (0, 1)))
    return Graph(graph.inputs, (total,))


def costly(graph):
    """How many values cost something: constants and copies of numbers do not."""
    values = graph.order[len(graph.inputs) :]
    return sum(bool(v.inputs) and not v.operation.replicates for v in values)


@given(graphs())
def test_simplify_keeps_what_is_computed(case):
    graph, arrays = case
    simplified = verify(simplify(verify(graph)))
    assert costly(simplified) <= costly(graph)
    close(interpret(simplified, arrays), interpret(graph, arrays))


@given(graphs())
def test_simplify_leaves_nothing_to_simplify(case):
    graph, _ = case
    once = simplify(graph)
    assert str(simplify(once)) == str(once)


@given(graphs())
def test_simplify_keeps_the_gradients(case):
    graph, arrays = case
    graph = loss(graph)
    before = interpret(verify(differentiate(graph)), arrays)
    close(interpret(differentiate(simplify(graph)), arrays), before)
    close(interpret(verify(simplify(differentiate(graph))), arrays), before)


@given(graphs())
def test_the_text_reads_back_to_an_equal_graph(case):
    graph, arrays = case
    for g in (graph, differentiate(loss(graph))):
        again = verify(parse_graph(str(g)))
        assert str(again) == str(g)
        for a, b in zip(interpret(again, arrays), interpret(g, arrays), strict=True):
            np.testing.assert_array_equal(a, b)


@given(graphs())
def test_evaluating_and_interpreting_are_the_same(case):
    graph, arrays = case
    results = interpret(graph, arrays)
    for x, array in zip(graph.inputs, arrays, strict=True):
        x.remember(array)
    for y, expected in zip(graph.outputs, results, strict=True):
        assert evaluate(y)
        np.testing.assert_array_equal(y.data, expected)


@pytest.mark.parametrize("operation", UNARY, ids=range(len(UNARY)))
def test_the_operations_of_the_random_graphs_take_matrices(operation):
    assert operation(Value(MATRIX)).type == MATRIX
