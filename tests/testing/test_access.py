"""What an access says can be reached, on hand-written cases."""

import numpy as np
import pytest

from chainrule.ir import Operation, TensorType
from chainrule.testing import CheckError
from chainrule.testing.access import reach

FLOAT = np.dtype(np.float64)


class Stated(Operation, abstract=True):
    """An operation of which only the access matters."""

    def __init__(self, text):
        self.text = text

    def access(self, *inputs):
        return self.text

    def type(self, *inputs):
        raise AssertionError

    def forward(self, *inputs):
        raise AssertionError

    def attributes(self):
        return {}

    name = "stated"


def reached(text, output_shape, *inputs):
    inputs = [np.zeros(x) if isinstance(x, tuple) else np.asarray(x) for x in inputs]
    return [
        m.astype(int).tolist()
        for m in reach(Stated(text), inputs, TensorType(output_shape, FLOAT))
    ]


@pytest.mark.parametrize(
    ("text", "output", "inputs", "expected"),
    [
        # One row for each output element, one column for each input element.
        ("i->i", (2,), [(2,)], [[[1, 0], [0, 1]]]),
        ("i->", (), [(2,)], [[[1, 1]]]),
        ("->i", (2,), [()], [[[1], [1]]]),
        ("(ij)->(k)", (2,), [(2, 1)], [[[1, 0], [0, 1]]]),
        ("{1-1i}->i", (2,), [(2,)], [[[0, 1], [1, 0]]]),
        ("i->{1+1i}", (3,), [(2,)], [[[0, 0], [1, 0], [0, 1]]]),
        ("{<=i}->i", (2,), [(2,)], [[[1, 0], [1, 1]]]),
        ("{>=i}->i", (2,), [(2,)], [[[1, 1], [0, 1]]]),
        (":->i", (2,), [(2,)], [[[1, 1], [1, 1]]]),
        (
            "i,k->{0+1i|1+1k}",
            (3,),
            [(1,), (2,)],
            [[[1], [0], [0]], [[0, 0], [1, 0], [0, 1]]],
        ),
        ("i,->i", (2,), [(2,), ()], [[[1, 0], [0, 1]], [[1], [1]]]),
    ],
)
def test_reach(text, output, inputs, expected):
    assert reached(text, output, *inputs) == expected


def test_reach_by_index():
    assert reached("[k],k->k", (2,), (3,), [2, 0])[0] == [[0, 0, 1], [1, 0, 0]]
    assert reached("k,k->[k]", (3,), (2,), [2, 0])[0] == [[0, 1], [0, 0], [1, 0]]
    assert reached("[],->", (), (3,), 1)[0] == [[0, 1, 0]]


def test_nothing_reaches_or_is_reached_where_there_is_no_element():
    assert reached("i->", (), (0,)) == [[[]]]
    assert reached("ij->j", (0,), (2, 0)) == [[]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("i->i", "has 2 inputs, its access is i->i"),
        ("i,ij->i", "are not the axes of a tensor of shape"),
        ("i,i->i", "'i' is 2 and 3"),
    ],
)
def test_an_access_that_does_not_fit(text, message):
    with pytest.raises(CheckError, match=message):
        reached(text, (2,), (2,), (3,))
