import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import Concatenate, concatenate
from chainrule.passes import interpret, simplify


def leaf(*shape, dtype=np.float64):
    return Value(TensorType(shape, np.dtype(dtype)))


def test_one_after_the_other(apply):
    y = apply(Concatenate(1), np.ones((2, 1)), np.zeros((2, 2)))
    np.testing.assert_array_equal(y, [[1, 0, 0], [1, 0, 0]])


def test_inputs_without_elements_are_dropped():
    x, empty = leaf(3), leaf(0)
    graph = simplify(Graph((x, empty), (concatenate([empty, x, empty], 0),)))
    assert graph.outputs == (x,)
    two = simplify(Graph((x, empty), (concatenate([x, empty, x], 0),)))
    assert two.outputs[0].inputs == (x, x)
    none = simplify(Graph((empty,), (concatenate([empty, empty], 0),)))
    assert none.outputs == (empty,)
    assert interpret(none, [np.zeros(0)])[0].shape == (0,)


@pytest.mark.parametrize(
    ("xs", "axis", "error", "said"),
    [
        ([], 0, ValueError, "concatenate needs at least one tensor"),
        (
            [leaf(2, 3), leaf(2, 2)],
            0,
            ValueError,
            r"\(2, 3\) and \(2, 2\) differ in more",
        ),
        ([leaf(2, 3), leaf(2)], 0, ValueError, r"\(2, 3\) and \(2,\) differ in more"),
        ([leaf(2), leaf(2, 1)], 0, ValueError, r"\(2,\) and \(2, 1\) differ in more"),
        ([leaf(2)], 1, ValueError, "there is no axis 1 in a tensor of 1 axes"),
        ([leaf()], 0, ValueError, "there is no axis 0 in a tensor of 0 axes"),
        ([leaf(2), leaf(2, dtype=np.int32)], 0, TypeError, "float64 and int32 differ"),
    ],
)
def test_inputs_that_do_not_fit(xs, axis, error, said):
    with pytest.raises(error, match=said):
        concatenate(xs, axis)
