import pytest

from chainrule.ops.access import parse_access
from chainrule.ops.axes import letters, without


def test_letters_begin_with_i():
    assert letters(3) == "ijk"
    assert len(set(letters(26))) == 26


def test_there_are_more_names_than_letters():
    names = letters(1000)
    assert names[:3] == "ijk"
    assert len(set(names)) == 1000
    read, written = parse_access(f"{names}->{names}").inputs[0], names
    assert [term.name for term in read] == list(written)


def test_without():
    assert without((5, 6, 7), (0, 2), "sum") == (6,)
    with pytest.raises(ValueError, match=r"sum: .* are not distinct axes, in"):
        without((5, 6), (1, 0), "sum")
