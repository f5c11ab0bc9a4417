import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.drawing.numerals import columns_of, numeral, plain_line, shorten


@pytest.mark.parametrize(
    ("x", "written"),
    [
        (3.0, "3"),
        (-4, "-4"),
        (0.1, "0.1"),
        (float(np.float32(0.1)), "0.1"),
        (0.123456, "0.1235"),
        (99.999, "100"),
        (12345.6, "12346"),
        (0.0001, "0.0001"),
        (0.00001234, "1.234e-5"),
        (6.02e23, "6.02e23"),
        (-1e-17, "-1e-17"),
        (1e300, "1e300"),
        (-0.0, "0"),
        (float("inf"), "inf"),
        (True, "True"),
    ],
)
def test_numbers_are_short(x, written):
    assert numeral(x) == written


@given(st.floats(-1e308, 1e308))
def test_a_numeral_is_the_number_in_four_digits(x):
    assert float(numeral(x)) == pytest.approx(x, rel=0.6e-3, abs=0)


def test_text_that_controls_the_terminal_is_made_plain():
    assert plain_line("a\tb\n\x1b[2J\u202e") == "a b �[2J�"


@given(st.text(max_size=20), st.integers(1, 10))
def test_shortened_text_is_no_longer_than_asked(text, most):
    assert len(shorten(text, most)) <= most


def test_wide_characters_take_two_columns():
    assert columns_of("ü数x") == 4
