import gc
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import add, divide, exp, full_like, log, multiply, negate
from chainrule.ops.elementwise import Elementwise
from chainrule.passes import interpret
from chainrule.passes.interpret import _schedules

F64 = np.dtype(np.float64)


def leaf(*shape, dtype=F64, name=None):
    return Value(TensorType(shape, dtype), name=name)


def test_outputs_then_assigned_values():
    x, w = leaf(), leaf()
    graph = Graph((x, w), (add(x, w), x), ((w, multiply(x, w)),))
    results = interpret(graph, [np.array(3.0), np.array(4.0)])
    assert results == [7, 3, 12]
    assert all(isinstance(y, np.ndarray) for y in results)


def test_nan_and_infinity_are_values():
    x = leaf(2)
    graph = Graph((x,), (log(x), divide(x, full_like(x, 0))))
    logs, quotients = interpret(graph, [np.array([-1.0, 0.0])])
    np.testing.assert_array_equal(logs, [np.nan, -np.inf])
    np.testing.assert_array_equal(quotients, [-np.inf, np.nan])


def test_number_of_inputs():
    with pytest.raises(TypeError, match="the graph has 1 inputs, not 2"):
        interpret(Graph((leaf(),), ()), [np.zeros(()), np.zeros(())])


@pytest.mark.parametrize(
    ("array", "found"),
    [(np.zeros(3), r"f64\[3\]"), (np.zeros(2, np.float32), r"f32\[2\]")],
)
def test_types_of_inputs(array, found):
    with pytest.raises(TypeError, match=rf"x is f64\[2\], not {found}"):
        interpret(Graph((leaf(2, name="x"),), ()), [array])
    with pytest.raises(TypeError, match=rf"an input is f64\[2\], not {found}"):
        interpret(Graph((leaf(2),), ()), [array])


def test_a_leaf_that_is_no_input():
    with pytest.raises(ValueError, match=r"'w' f64.* is a leaf but not an input"):
        interpret(Graph((), (exp(leaf(name="w")),)), [])


def test_inputs_are_not_changed():
    x = leaf(3)
    given = np.array([1.0, 2.0, 3.0])
    interpret(Graph((x,), (negate(exp(x)),)), [given])
    np.testing.assert_array_equal(given, [1, 2, 3])


@pytest.fixture
def probe(fresh_registry):
    """An operation that counts how many of its results are alive when it runs."""
    results = []
    counts = []

    @dataclass(frozen=True)
    class Probe(Elementwise):
        def forward(self, *inputs):
            counts.append(sum(result() is not None for result in results))
            y = np.add(inputs[0], 1)
            results.append(weakref.ref(y))
            return y

        def scalar(self, builder, *inputs):
            return inputs[0]

    gc.disable()  # nothing may depend on the collector
    yield Probe(), counts
    gc.enable()


def test_a_value_is_freed_after_its_last_reader(probe):
    operation, counts = probe
    x = leaf(3)
    y = x
    for _ in range(10):
        y = operation(y)
    (result,) = interpret(Graph((x,), (y,)), [np.zeros(3)])
    np.testing.assert_array_equal(result, 10)
    # While one is made, the one it is made of is there, and no other.
    assert counts == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]


def test_a_value_that_is_read_later_or_asked_for_is_kept(probe):
    operation, counts = probe
    x = leaf(3)
    a = operation(x)
    b = operation(a)
    c = operation(b)
    d = operation(add(a, c))
    e = operation(d)
    interpret(Graph((x,), (b, e)), [np.zeros(3)])
    # The sum frees a and c; b is asked for and stays, d is what e is made of.
    assert counts == [0, 1, 2, 1, 2]


def test_the_schedule_of_a_graph_is_made_once_and_goes_with_it():
    x = leaf()
    graph = Graph((x,), (exp(x),))
    interpret(graph, [np.zeros(())])
    schedule = _schedules[graph]
    interpret(graph, [np.zeros(())])
    assert _schedules[graph] is schedule
    gone = weakref.ref(graph)
    del graph, schedule
    gc.collect()
    assert gone() is None
