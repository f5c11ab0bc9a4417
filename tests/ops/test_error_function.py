import math

import numpy as np
import pytest

from chainrule.ops.error_function import erf, erfc

# Every interval of the approximations, their borders, the tails.
X = np.concatenate(
    [
        np.linspace(-6, 6, 4001),
        np.linspace(-28, 28, 4001),
        [0.46875, -0.46875, 4.0, -4.0, 0.0, -0.0, 1e-300, 5e-324, -1e300, 1e300],
    ]
)


@pytest.mark.parametrize(("ours", "reference"), [(erf, math.erf), (erfc, math.erfc)])
def test_agrees_with_the_c_library(ours, reference):
    expected = np.array([reference(x) for x in X])
    # Denormal results are exact to their own last place, not relatively.
    np.testing.assert_allclose(ours(X), expected, rtol=2e-15, atol=1e-322)


@pytest.mark.parametrize(("ours", "reference"), [(erf, math.erf), (erfc, math.erfc)])
def test_float32_is_rounded_once(ours, reference):
    x = X[np.abs(X) < 1e38].astype(np.float32)
    expected = np.array([reference(float(v)) for v in x]).astype(np.float32)
    actual = ours(x)
    assert actual.dtype == np.float32
    np.testing.assert_allclose(actual, expected, rtol=1.2e-7, atol=2e-45)


def test_special_values():
    np.testing.assert_array_equal(
        erf(np.array([-np.inf, np.inf, np.nan])), [-1, 1, np.nan]
    )
    np.testing.assert_array_equal(
        erfc(np.array([-np.inf, np.inf, np.nan])), [2, 0, np.nan]
    )


def test_symmetry():
    np.testing.assert_array_equal(erf(-X), -erf(X))


def test_no_axis_and_no_element():
    assert erf(np.array(0.5)).shape == ()
    assert erfc(np.zeros((0, 3))).shape == (0, 3)
