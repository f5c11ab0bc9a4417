import pytest

from chainrule.ops.axes import letters, without


def test_letters_begin_with_i():
    assert letters(3) == "ijk"
    assert len(set(letters(26))) == 26


def test_there_are_26_letters():
    with pytest.raises(ValueError, match="rank 27 has more axes than there are names"):
        letters(27)


def test_without():
    assert without((5, 6, 7), (0, 2), "sum") == (6,)
    with pytest.raises(ValueError, match=r"sum: .* are not distinct axes, in"):
        without((5, 6), (1, 0), "sum")
