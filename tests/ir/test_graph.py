import numpy as np

from chainrule.ir import Graph, TensorType, Value, parse_graph, topological, verify
from chainrule.ops import add, exp, multiply, negate
from chainrule.passes import differentiate, evaluate, interpret, simplify

F64 = TensorType((), np.dtype(np.float64))


def leaf(name=None):
    return Value(F64, name=name)


def test_inputs_come_before_what_is_made_of_them():
    x, y = leaf(), leaf()
    a = add(x, y)
    b = multiply(a, x)
    c = add(b, a)
    assert topological([c]) == (x, y, a, b, c)


def test_the_order_depends_on_the_graph_alone():
    x, y = leaf(), leaf()
    z = add(multiply(y, x), exp(x))
    assert topological([z]) == topological([z])
    assert [v.operation for v in topological([z])[:2]] == [None, None]


def test_each_value_comes_once():
    x = leaf()
    for _ in range(60):  # 2**60 paths lead back to x
        x = add(x, x)
    assert len(topological([x, x])) == 61


def test_what_lies_behind_a_given_value_is_left_out():
    x = leaf()
    a = exp(x)
    b = negate(a)
    assert topological([b], given=[a]) == (a, b)


def test_order_of_a_graph_starts_with_its_inputs():
    x, unused, y = leaf(), leaf(), leaf()
    z = add(y, x)
    assert Graph((x, unused, y), (z,)).order == (x, unused, y, z)


def test_results_are_outputs_and_assigned_values():
    x = leaf()
    y, new = exp(x), negate(x)
    graph = Graph((x,), (y,), ((x, new),))
    assert graph.results == (y, new)
    assert set(graph.order) == {x, y, new}


def test_a_graph_can_be_cut_at_a_computed_value():
    x = leaf()
    a = exp(x)
    graph = Graph((a,), (negate(a),))
    (y,) = interpret(verify(graph), [np.array(2.0)])
    assert y == -2


def test_a_chain_of_100_000_nodes_goes_through_every_stage():
    n = 100_000
    x = leaf()
    y = x
    for _ in range(n + 1):
        y = negate(y)
    graph = verify(Graph((x,), (y,)))
    assert len(graph.order) == n + 2
    value, slope = interpret(differentiate(graph), [np.array(3.0)])
    assert (value, slope) == (-3, -1)
    (value,) = interpret(simplify(graph), [np.array(3.0)])
    assert value == -3
    text = str(graph)
    assert str(parse_graph(text)) == text


def test_a_chain_of_100_000_nodes_is_evaluated_where_it_stands():
    x = leaf()
    x.remember(np.array(1.0))
    y = x
    for _ in range(100_000):
        y = negate(y)
    assert evaluate(y)
    assert y.data == 1
