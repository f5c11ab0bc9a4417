import numpy as np

from chainrule.drawing.folding import fold
from chainrule.ops import (
    add,
    broadcast,
    cast,
    constant,
    gather,
    multiply,
    reshape,
    sum_,
    transpose,
)
from chainrule.passes import evaluate

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def operations(output):
    """The names of what is drawn behind `output`, leaves aside."""
    values = fold([output]).values
    return [v.operation.name for v in values if v.operation is not None]


def test_a_number_is_drawn_as_itself(graphs):
    x = graphs.leaf(np.ones((3, 2)), "x")
    two = constant(np.asarray(2, np.int64))
    y = multiply(broadcast(cast(two, F64), (3, 2), (0, 1)), x)
    assert operations(y) == ["constant", "multiply"]
    assert fold([y]).inputs(y) == [two, x]


def test_a_bias_repeated_for_a_batch_stays(graphs):
    y = broadcast(graphs.leaf([1, 2], "b"), (3, 2), (0,))
    assert operations(sum_(y, (0, 1))) == ["broadcast", "sum"]


def test_a_reshape_that_helps_a_broadcast_is_folded(graphs):
    x = graphs.leaf([[1], [2]], "x")
    y = broadcast(reshape(x, (2,)), (2, 3), (1,))
    assert operations(sum_(y, (0, 1))) == ["broadcast", "sum"]


def test_a_reshape_that_something_computes_with_stays(graphs):
    x = graphs.leaf([[1], [2]], "x")
    squeezed = reshape(x, (2,))
    y = add(squeezed, squeezed)
    assert operations(y) == ["reshape", "add"]


def test_a_reshape_that_moves_elements_to_other_rows_stays(graphs):
    x = graphs.leaf(np.ones((2, 3)), "x")
    y = broadcast(reshape(x, (3, 2)), (4, 3, 2), (0,))
    assert operations(y) == ["reshape", "broadcast"]


def test_a_cast_between_real_numbers_is_folded(graphs):
    y = sum_(cast(graphs.leaf([1.5], "x"), F32), (0,))
    assert operations(y) == ["sum"]


def test_a_cast_that_overflows_stays(graphs):
    y = sum_(cast(graphs.leaf([1e300], "x"), F32), (0,))
    evaluate(y)
    assert operations(y) == ["cast", "sum"]


def test_a_cast_that_cuts_fractions_off_stays(graphs):
    y = sum_(cast(graphs.leaf([1.5], "x"), np.dtype(np.int64)), (0,))
    assert operations(y) == ["cast", "sum"]


def test_labels_are_drawn_as_they_were_given(graphs):
    x = graphs.leaf(np.ones((2, 3)), "x")
    labels = graphs.leaf([0, 2], "t", np.int32)
    y = gather(x, reshape(cast(labels, np.dtype(np.int64)), (2, 1)), 1)
    assert operations(y) == ["gather"]


def test_what_has_a_name_is_never_folded(graphs):
    two = constant(np.asarray(2.0))
    spread = graphs.named(broadcast(two, (3,), (0,)), "twos")
    y = multiply(spread, graphs.leaf([1, 2, 3], "x"))
    assert operations(y) == ["constant", "broadcast", "multiply"]


def test_an_output_is_never_folded():
    y = broadcast(constant(np.asarray(2.0)), (3,), (0,))
    assert operations(y) == ["constant", "broadcast"]


def test_a_transpose_of_more_than_a_number_stays(graphs):
    y = sum_(transpose(graphs.leaf(np.ones((2, 3)), "x"), (1, 0)), (0,))
    assert operations(y) == ["transpose", "sum"]
