import math

import numpy as np
import pytest

from chainrule.ops import cos, sin, tanh

X = np.array([-np.inf, -1000.0, -1.0, -0.0, 1e-300, 0.5, 30.0, np.inf, np.nan])


@pytest.mark.parametrize(
    ("operation", "reference"), [(sin, np.sin), (cos, np.cos), (tanh, np.tanh)]
)
def test_as_numpy_at_special_values(apply, operation, reference):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply(operation, X), reference(X))


def test_gradients_against_the_textbook(derivative):
    x = np.array([-2.0, -0.1, 0.0, 0.7, 3.0])
    rows = [(sin, np.cos(x)), (cos, -np.sin(x)), (tanh, 1 / np.cosh(x) ** 2)]
    for operation, expected in rows:
        np.testing.assert_allclose(derivative(operation, x), expected, rtol=1e-13)


def test_four_derivatives_of_the_sine_lead_back_to_it(derivative):
    assert derivative(sin, 0.7, order=4) == pytest.approx(math.sin(0.7), rel=1e-14)


def test_gradient_of_a_saturated_tanh(derivative):
    np.testing.assert_allclose(
        derivative(tanh, np.array([-9.0, 9.0])), 1 / math.cosh(9) ** 2, rtol=1e-8
    )
    np.testing.assert_array_equal(derivative(tanh, np.array([-1e300, 1e300])), 0)
