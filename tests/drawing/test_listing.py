import numpy as np
import pytest

from chainrule.drawing import describe
from chainrule.drawing.listing import to_listing
from chainrule.drawing.numerals import columns_of
from chainrule.ir import TensorType, Value, scope
from chainrule.ops import add, exp, negate, sum_


def test_a_batch_through_two_layers(graphs):
    lines = to_listing(graphs.picture(graphs.network()), 150).splitlines()
    assert [line.split("  ")[0] for line in lines[1:-3]] == [
        "X", "W1", "v1", "b1", "v2", "v3", "H", "W2", "v4", "b2", "v5", "v6", "Y",
        "E", "v7", "L",
    ]  # fmt: skip
    assert lines[-2:] == [
        "a … b … c: the smallest, the mean, the largest; a … c without the mean.",
        "J: the Jacobian, outputs × inputs.",
    ]


@pytest.mark.parametrize("width", [80, 160])
def test_a_table_fits_the_terminal(graphs, width):
    table = to_listing(graphs.picture(graphs.network()), width)
    assert max(map(columns_of, table.splitlines())) <= width


def test_derivatives_stand_below_where_a_line_gets_too_long(graphs):
    table = to_listing(graphs.picture(graphs.lecture()), 40)
    assert "v2    v1 + y   2      5\n      v1: 1, y: 1\n" in table


def test_nodes_of_one_name_get_numbers(graphs):
    y = add(graphs.leaf(1.0, "W"), graphs.leaf(2.0, "W"))
    table = to_listing(describe([graphs.named(y, "v1")]), 80).splitlines()
    assert [line.split()[0] for line in table[1:]] == ["v2", "v3", "v1"]


def test_functions_and_signs_are_written_as_in_code(graphs):
    y = exp(negate(graphs.leaf(0.0, "x")))
    table = to_listing(describe([y]), 80).splitlines()
    assert [line.split()[1] for line in table[1:]] == ["leaf", "−x", "exp(v1)"]


def test_without_values_there_are_types():
    x = Value(TensorType((3, 2), np.dtype(np.float32)), name="x")
    assert to_listing(describe([exp(x)]), 80) == (
        "node  made by  shape\n"
        "x     leaf     (3, 2)\n"
        "v1    exp(x)   (3, 2)"
    )  # fmt: skip


def test_groups_say_how_much_they_stand_for(graphs):
    y = graphs.leaf([1.0, 2.0], "x")
    for i in range(10):
        with scope(f"layer{i}"):
            y = negate(negate(y))
    table = to_listing(graphs.picture(sum_(y, (0,)), most=15), 100)
    assert "layer3  2 values of layer2" in table
