"""The chain rule on graphs, before and after."""

import numpy as np
import pytest

from chainrule.ir import Graph, Location, TensorType, Value, at, parse_graph, verify
from chainrule.ops import add, cast, detach, exp, less, multiply, sin, sum_, where
from chainrule.passes import differentiate, gradients, interpret, simplify

F64 = np.dtype(np.float64)


def leaf(*shape, dtype=F64, name=None):
    return Value(TensorType(shape, dtype), name=name)


def test_the_lecture_as_text():
    before = parse_graph("""
graph(%0: f64[] "x", %1: f64[] "y", %2: f64[] "z") {
  %3: f64[] = constant(data=f64(2.0))
  %4: f64[] = multiply(%3, %0)
  %5: f64[] = add(%4, %1)
  %6: f64[] = multiply(%2, %5) "L"
  return %6
}
""")
    assert (
        str(simplify(differentiate(before)))
        == """\
graph(%0: f64[] "x", %1: f64[] "y", %2: f64[] "z") {
  %3: f64[] = constant(data=f64(2.0))
  %4: f64[] = multiply(%3, %0)
  %5: f64[] = add(%4, %1)
  %6: f64[] = multiply(%2, %5) "L"
  %7: f64[] = multiply(%2, %3)
  return %6, %7, %2, %5
}"""
    )


def test_a_layer_as_text():
    before = parse_graph("""
graph(%0: f32[5,4] "X", %1: f32[4,3] "W", %2: f32[3] "b") {
  %3: f32[5,3] = matmul(%0, %1)
  %4: f32[5,3] = broadcast(%2, shape=(5, 3), axes=(0,))
  %5: f32[5,3] = add(%3, %4)
  %6: f32[5,3] = relu(%5)
  %7: f32[] = sum(%6, axes=(0, 1)) "L"
  return %7
}
""")
    assert (
        str(simplify(differentiate(before, wrt=[1, 2])))
        == """\
graph(%0: f32[5,4] "X", %1: f32[4,3] "W", %2: f32[3] "b") {
  %3: f32[5,3] = matmul(%0, %1)
  %4: f32[5,3] = broadcast(%2, shape=(5, 3), axes=(0,))
  %5: f32[5,3] = add(%3, %4)
  %6: f32[5,3] = relu(%5)
  %7: f32[] = sum(%6, axes=(0, 1)) "L"
  %8: f32[4,5] = transpose(%0, permutation=(1, 0))
  %9: f32[5,3] = sign(%6)
  %10: f32[4,3] = matmul(%8, %9)
  %11: f32[3] = sum(%9, axes=(0,))
  return %7, %10, %11
}"""
    )


def test_gradients_of_all_readers_add_up():
    x = leaf()
    y = add(multiply(x, x), exp(x))
    graph = differentiate(Graph((x,), (y,)))
    _, dx = interpret(graph, [np.array(0.5)])
    assert dx == pytest.approx(2 * 0.5 + np.exp(0.5))


def test_what_the_loss_does_not_depend_on_has_gradient_zero():
    x, unused = leaf(), leaf(2, 3)
    _, dx, dunused = interpret(
        differentiate(Graph((x, unused), (exp(x),))), [np.array(0.0), np.ones((2, 3))]
    )
    assert dx == 1
    np.testing.assert_array_equal(dunused, np.zeros((2, 3)))


def test_integers_and_booleans_have_no_gradient():
    x, i = leaf(3), leaf(3, dtype=np.dtype(np.int64))
    y = sum_(multiply(x, cast(i, F64)), (0,))
    graph = differentiate(Graph((x, i), (y,)))
    assert [value.type for value in graph.outputs] == [y.type, x.type]


def test_gradient_through_an_integer_stops():
    x = leaf()
    y = multiply(cast(cast(x, np.dtype(np.int64)), F64), x)
    _, dx = interpret(differentiate(Graph((x,), (y,))), [np.array(2.5)])
    assert dx == 2


def test_no_gradient_where_every_path_is_cut():
    x = leaf()
    _, dx = interpret(differentiate(Graph((x,), (exp(detach(x)),))), [np.array(1.0)])
    assert dx == 0


def test_gradient_with_respect_to_a_value_in_between():
    x = leaf()
    a = exp(x)
    y = multiply(a, a)
    (da,) = gradients([y], [a], [Value(y.type)])
    assert da.type == a.type


def test_gradient_of_an_output_with_respect_to_itself_is_its_seed():
    y, seed = exp(leaf()), leaf()
    assert gradients([y], [y], [seed]) == (seed,)


def test_several_outputs_with_seeds_of_their_own():
    x, a, b = leaf(), leaf(), leaf()
    (dx,) = gradients([exp(x), sin(x)], [x], [a, b])
    graph = verify(Graph((x, a, b), (dx,)))
    (found,) = interpret(graph, [np.array(0.3), np.array(2.0), np.array(5.0)])
    assert found == pytest.approx(2 * np.exp(0.3) + 5 * np.cos(0.3))


def test_outputs_and_seeds_come_in_pairs():
    x = leaf()
    with pytest.raises(ValueError, match="zip"):
        gradients([exp(x)], [x], [])


def test_second_derivative_is_the_same_function_once_more():
    x = leaf()
    first = differentiate(Graph((x,), (sin(x),)))
    second = differentiate(Graph((x,), (first.outputs[1],)))
    _, curvature = interpret(second, [np.array(0.7)])
    assert curvature == pytest.approx(-np.sin(0.7))


def test_the_loss_is_one_number():
    x = leaf(3)
    for graph in (Graph((x,), (exp(x),)), Graph((x,), ()), Graph((leaf(),), (x, x))):
        with pytest.raises(ValueError, match="one output, a scalar, has a gradient"):
            differentiate(graph)


def test_assignments_are_kept():
    x, w = leaf(), leaf()
    new = multiply(x, w)
    graph = Graph((x, w), (exp(new),), ((w, new),))
    assert differentiate(graph).assignments == ((w, new),)


def test_a_gradient_is_said_to_come_from_where_its_value_was_made():
    x = leaf()
    with at(Location("network.py", 12, "hidden")):
        y = sin(x)
    _, dx = differentiate(Graph((x,), (y,))).outputs
    assert dx.location == Location("network.py", 12, "hidden")


def test_only_the_paths_to_what_is_asked_for_are_walked():
    # The condition is made of x, but no gradient has to pass it.
    x, w = leaf(), leaf()
    y = where(less(x, w), w, exp(x))
    graph = simplify(differentiate(Graph((x, w), (y,)), wrt=[1]))
    names = [v.operation.name for v in graph.order if v.operation is not None]
    assert names.count("exp") == 1
    assert "multiply" not in names
