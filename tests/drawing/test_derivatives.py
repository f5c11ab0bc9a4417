import numpy as np
import pytest

from chainrule.drawing.derivatives import local_derivatives
from chainrule.ir import Operation, TensorType, Value
from chainrule.ops import (
    add,
    broadcast,
    cast,
    constant,
    detach,
    divide,
    exp,
    less,
    matmul,
    multiply,
    sum_,
    tanh,
)
from chainrule.passes import evaluate


def derivatives(y):
    evaluate(y)
    return local_derivatives(y, range(len(y.inputs)))


def jacobian(y, position, step=1e-6):
    """Central differences: a row for each output element, a column for each input."""
    arrays = [np.array(x.data) for x in y.inputs]
    columns = []
    for i in range(arrays[position].size):
        ends = []
        for sign in (1, -1):
            moved = [array.copy() for array in arrays]
            moved[position].reshape(-1)[i] += sign * step
            ends.append(np.asarray(y.operation.forward(*moved)).reshape(-1))
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(
    "build",
    [
        lambda a, _: exp(a),
        multiply,
        divide,
        lambda a, _: tanh(a),
    ],
)
def test_elementwise_derivatives_are_the_diagonal(graphs, build):
    rng = np.random.default_rng(0)
    a, b = (graphs.leaf(rng.uniform(0.5, 2, (2, 3))) for _ in range(2))
    y = build(a, b)
    for position, derivative in derivatives(y).items():
        expected = jacobian(y, position)
        shown = np.array(derivative.summary.numbers).reshape(-1)
        assert derivative.form == "each"
        assert np.allclose(np.diag(expected), shown, rtol=1e-6)
        assert np.allclose(expected, np.diag(np.diag(expected)))


@pytest.mark.parametrize(
    "build",
    [
        matmul,
        lambda a, _: sum_(a, (1,)),
    ],
)
def test_other_derivatives_are_the_jacobian(graphs, build):
    rng = np.random.default_rng(0)
    y = build(
        graphs.leaf(rng.normal(size=(2, 1))), graphs.leaf(rng.normal(size=(1, 2)))
    )
    for position, derivative in derivatives(y).items():
        expected = jacobian(y, position)
        assert derivative.form == "matrix"
        assert derivative.shape == expected.shape
        shown = np.array(derivative.summary.cells)
        assert np.allclose(shown, expected, atol=1e-8)


def test_the_derivative_of_a_single_output_has_the_shape_of_the_input(graphs):
    (derivative,) = derivatives(sum_(graphs.leaf(np.ones((2, 3))), (0, 1))).values()
    assert derivative.summary.shape == (2, 3)
    assert str(derivative) == "1"


def test_twice_the_same_input_has_a_derivative_for_each(graphs):
    x = graphs.leaf(3.0)
    found = derivatives(divide(x, x))
    assert [str(found[i]) for i in (0, 1)] == ["0.3333", "-0.3333"]


def test_a_copy_has_the_derivative_one(graphs):
    found = derivatives(broadcast(graphs.leaf([1, 2]), (3, 2), (0,)))
    assert str(found[0]) == "1"


def test_a_large_jacobian_is_not_worked_out(graphs):
    a = graphs.leaf(np.ones((100, 100)))
    found = derivatives(matmul(a, a))
    assert found[0].summary is None
    assert str(found[0]) == "J 10000×10000"


def test_integers_have_no_derivative(graphs):
    integer = graphs.leaf([1, 2], dtype=np.int64)
    assert derivatives(add(integer, integer)) == {}
    assert derivatives(cast(integer, np.dtype(np.float64))) == {}


def test_operations_without_gradient_have_no_derivative(graphs):
    x = graphs.leaf([1.0, 2.0])
    assert derivatives(less(x, x)) == {}
    assert derivatives(detach(x)) == {}


def test_only_what_is_asked_for_is_worked_out(graphs):
    y = multiply(graphs.leaf(2.0), constant(np.asarray(3.0)))
    evaluate(y)
    assert list(local_derivatives(y, [0])) == [0]


def test_without_values_there_is_no_derivative_but_a_gradient_flows():
    x = Value(TensorType((3,), np.dtype(np.float32)))
    assert local_derivatives(exp(x), [0]) == {0: None}


def test_an_operation_from_outside_is_asked_for_its_own_rule(graphs, fresh_registry):
    class Halve(Operation):
        elementwise = True

        def type(self, *inputs):
            return inputs[0]

        def forward(self, *inputs):
            return inputs[0] / 2

        def vjp(self, dy, y, *inputs):
            return (multiply(dy, constant(np.asarray(0.5))),)

        def attributes(self):
            return {}

    assert "halve" in fresh_registry
    y = Halve()(graphs.leaf(8.0))
    assert str(derivatives(y)[0]) == "0.5"
