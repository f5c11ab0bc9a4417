import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.export import ExportError
from chainrule.export.extents import Extent, extent, varying
from chainrule.export.model import ROWS

COEFFICIENTS = st.integers(0, 50)


@given(COEFFICIENTS, COEFFICIENTS, COEFFICIENTS)
def test_every_polynomial_is_found(constant, linear, square):
    formula = Extent(constant, linear, square)
    assert extent([formula.at(n) for n in ROWS], ROWS, "") == formula


def test_text_is_what_python_computes():
    for formula in (Extent(0, 1), Extent(3), Extent(0), Extent(2, 3, 1), Extent(-1, 1)):
        assert eval(str(formula), {"n": 7}) == formula.at(7)  # noqa: S307 - our own


def test_arithmetic():
    n = Extent(0, 1)
    assert (n * 3 + -1).at(5) == 14
    assert (n + Extent(1, 1)).at(5) == 11


def test_what_is_no_polynomial_is_refused():
    with pytest.raises(ExportError, match=r"layer 'a': a size .* is 6 for 12 rows"):
        extent([n // 2 for n in ROWS], ROWS, "layer 'a'")


@pytest.mark.parametrize(
    "function",
    [
        lambda n: 1 / n,
        lambda n: 2 / n,
        lambda n: 3.0 * n,
        lambda n: 1 / (n - 1),
        lambda n: n**0.5,
        lambda n: n**-0.5,
        lambda n: 1 / (n * n),
        lambda n: -1 / n,
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_far_from_the_samples(function, dtype):
    found = varying([np.asarray(function(n), dtype) for n in ROWS], ROWS, "")
    for n in (2, 1000, 10**6):
        assert found.at(n) == pytest.approx(function(n), rel=1e-7)


def test_numbers_without_a_formula_are_refused():
    with pytest.raises(ExportError, match="a number in the network depends on"):
        varying([np.float32(np.sin(n)) for n in ROWS], ROWS, "")
