"""Smaller graphs that compute the same, before and after."""

import numpy as np
import pytest

from chainrule.ir import Graph, Location, TensorType, Value, at, parse_graph
from chainrule.ops import (
    Reshape,
    add,
    constant,
    exp,
    full_like,
    identity,
    multiply,
    negate,
    power,
    transpose,
)
from chainrule.passes import interpret, simplify

F64 = np.dtype(np.float64)


def leaf(*shape, name=None):
    return Value(TensorType(shape, F64), name=name)


def becomes(before, after):
    simplified = simplify(parse_graph(before))
    assert str(simplified) == after.strip()
    assert str(simplify(simplified)) == after.strip()


def test_common_subexpressions_become_one():
    becomes(
        """
graph(%0: f64[3]) {
  %1: f64[3] = exp(%0)
  %2: f64[3] = exp(%0)
  %3: f64[3] = sin(%2)
  %4: f64[3] = sin(%1)
  %5: f64[3] = multiply(%3, %4)
  return %5
}
""",
        """
graph(%0: f64[3]) {
  %1: f64[3] = exp(%0)
  %2: f64[3] = sin(%1)
  %3: f64[3] = multiply(%2, %2)
  return %3
}
""",
    )


def test_attributes_keep_operations_apart():
    text = """
graph(%0: f64[3,3]) {
  %1: f64[3] = sum(%0, axes=(0,))
  %2: f64[3] = sum(%0, axes=(1,))
  return %1, %2
}
"""
    becomes(text, text)


def test_neutral_elements_go():
    becomes(
        """
graph(%0: f64[3]) {
  %1: f64[] = constant(data=f64(0.0))
  %2: f64[3] = broadcast(%1, shape=(3,), axes=(0,))
  %3: f64[] = constant(data=f64(1.0))
  %4: f64[3] = broadcast(%3, shape=(3,), axes=(0,))
  %5: f64[3] = add(%0, %2)
  %6: f64[3] = add(%2, %5)
  %7: f64[3] = multiply(%6, %4)
  %8: f64[3] = multiply(%4, %7)
  %9: f64[3] = divide(%8, %4)
  %10: f64[3] = subtract(%9, %2)
  %11: f64[3] = power(%10, %4)
  return %11
}
""",
        """
graph(%0: f64[3]) {
  return %0
}
""",
    )


def test_multiplication_by_zero_stays_for_it_may_be_nan():
    text = """
graph(%0: f64[]) {
  %1: f64[] = constant(data=f64(0.0))
  %2: f64[] = multiply(%0, %1)
  return %2
}
"""
    becomes(text, text)


def test_constants_are_computed():
    becomes(
        """
graph(%0: f64[]) {
  %1: f64[] = constant(data=f64(3.0))
  %2: f64[] = constant(data=f64(4.0))
  %3: f64[] = multiply(%1, %2)
  %4: f64[] = sqrt(%3)
  %5: f64[] = square(%4)
  %6: f64[] = add(%0, %5)
  return %6
}
""",
        """
graph(%0: f64[]) {
  %1: f64[] = constant(data=f64(11.999999999999998))
  %2: f64[] = add(%0, %1)
  return %2
}
""",
    )


def test_large_constants_are_not_computed():
    x = constant(np.full(1025, 2.0))
    graph = simplify(Graph((), (exp(x),)))
    assert [v.operation.name for v in graph.order] == ["constant", "exp"]


def test_equal_constants_become_one():
    x = leaf()
    y = add(multiply(x, constant(np.array(2.5))), constant(np.array(2.5)))
    names = [v.operation.name for v in simplify(Graph((x,), (y,))).order[1:]]
    assert names.count("constant") == 1


@pytest.mark.parametrize(("a", "b"), [(0.0, -0.0), (1.0, 2.0)])
def test_other_constants_stay_apart(a, b):
    graph = simplify(Graph((), (constant(np.array(a)), constant(np.array(b)))))
    assert len(graph.order) == 2


def test_nan_is_one_constant():
    graph = simplify(
        Graph((), (constant(np.array(np.nan)), constant(np.array(np.nan))))
    )
    assert len(graph.order) == 1


def test_double_negation_and_nested_moves_go():
    becomes(
        """
graph(%0: f64[2,3,4]) {
  %1: f64[2,3,4] = negate(%0)
  %2: f64[2,3,4] = negate(%1)
  %3: f64[4,3,2] = transpose(%2, permutation=(2, 1, 0))
  %4: f64[2,3,4] = transpose(%3, permutation=(2, 1, 0))
  %5: f64[6,4] = reshape(%4, shape=(6, 4))
  %6: f64[24] = reshape(%5, shape=(24,))
  return %6
}
""",
        """
graph(%0: f64[2,3,4]) {
  %1: f64[24] = reshape(%0, shape=(24,))
  return %1
}
""",
    )


def test_what_an_operation_proposes_is_simplified_too():
    # x**-1 becomes 1/x, and two of them one.
    x = leaf(3, name="x")
    minus_one = full_like(x, -1)
    y = add(power(x, minus_one), power(identity(x), minus_one))
    assert (
        str(simplify(Graph((x,), (y,))))
        == """\
graph(%0: f64[3] "x") {
  %1: f64[] = constant(data=f64(1.0))
  %2: f64[3] = broadcast(%1, shape=(3,), axes=(0,))
  %3: f64[3] = divide(%2, %0)
  %4: f64[3] = add(%3, %3)
  return %4
}"""
    )


def test_name_and_location_stay_where_an_operation_becomes_another():
    x = leaf(3)
    place = Location("network.py", 12)
    with at(place):
        y = power(x, full_like(x, 2))
    named = Value(y.type, y.operation, y.inputs, "error", y.location)
    (squared,) = simplify(Graph((x,), (named,))).outputs
    assert squared.operation.name == "square"
    assert (squared.name, squared.location) == ("error", place)


def test_unused_values_go_but_inputs_stay():
    x, unused = leaf(), leaf()
    graph = simplify(Graph((x, unused), (exp(x),)))
    assert graph.inputs == (x, unused)
    assert len(graph.order) == 3


def test_assignments_are_simplified():
    x, w = leaf(), leaf()
    graph = Graph((x, w), (), ((w, negate(negate(x))),))
    assert simplify(graph).assignments == ((w, x),)


def test_a_graph_cut_at_a_computed_value_stays_cut():
    a = exp(leaf())
    graph = simplify(Graph((a,), (negate(a),)))
    assert graph.inputs == (a,)
    (y,) = interpret(graph, [np.array(3.0)])
    assert y == -3


def test_a_leaf_stays_a_leaf():
    x = leaf(2, 3)
    assert simplify(Graph((x,), (x,))).outputs == (x,)
    same = transpose(Reshape((2, 3))(x), (0, 1))
    assert simplify(Graph((x,), (same,))).outputs == (x,)


def test_a_leaf_that_is_no_input_is_left_for_verify_to_find():
    x = leaf()
    assert simplify(Graph((), (exp(x),))).outputs[0].inputs == (x,)


def test_an_operation_on_copies_of_numbers_is_computed_once():
    x = leaf(4, 5)
    y = add(x, multiply(full_like(x, 2), full_like(x, 3)))
    simple = simplify(Graph((x,), (y,)))
    names = [value.operation.name for value in simple.order[1:]]
    assert names == ["constant", "broadcast", "add"]
    (result,) = interpret(simple, [np.ones((4, 5))])
    assert (result == 7).all()
