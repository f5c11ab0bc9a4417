"""Names of values and sizes."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir import Location
from chainrule.passes.generalise import generalise
from chainrule.passes.names import Names, columns, line_of, plural


@pytest.fixture
def names():
    f = lambda x, y: x @ cr.concatenate([x.T, x.T, y], 1)  # noqa: E731
    x, y = np.ones((5, 3)), cr.tensor(np.ones((3, 2)), name="y")
    longer = np.ones((6, 3))
    return Names(generalise(cr.trace(f, x, y).graph, cr.trace(f, longer, y).graph))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        ((4, 4), "4"),
        ((5, 6), "n"),
        ((10, 12), "2n"),
        ((25, 36), "n²"),
        ((50, 72), "2n²"),
        ((125, 216), "n³"),
        ((6, 7), "n + 1"),
        ((3, 4), "n − 2"),
        ((9, 11), "2n − 1"),
        ((0, 0), "0"),
    ],
)
def test_sizes(names, size, text):
    assert names.size(size) == text


def test_a_size_of_another_kind_gets_a_letter(names):
    assert names.sizes(((5, 6), (8, 3), (8, 3), (26, 37))) == "n × m1 × m1 × m2"
    assert names.legend() == "n is 5 here, and may be any; m1 is 8 here; m2 is 26 here"
    assert names.sizes(()) == "one number"


def test_values_have_the_names_of_inputs_or_numbers(names):
    graph = names.samples.graph
    assert names.values(graph.inputs) == "%0, y"
    (result,) = graph.outputs
    number = len(graph.order) - 1
    assert names.typed([result]) == f"%{number}: f64[n,2n + 2]"
    assert (
        names.formula(result, set(graph.inputs))
        == "matmul(%0, concatenate(transpose(%0), transpose(%0), y))"
    )


def test_lines_and_columns():
    assert line_of(Location("/somewhere/net.py", 3)) == "net.py:3"
    assert line_of(Location("C:\\somewhere\\net.py", 3)) == "net.py:3"
    assert list(columns([("a", "bcd"), ("ab", "c")])) == ["  a   bcd", "  ab  c"]
    assert list(columns([])) == []
    assert plural(1, "group"), plural(2000, "group") == ("1 group", "2,000 groups")
