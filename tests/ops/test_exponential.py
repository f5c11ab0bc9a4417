import math

import numpy as np
import pytest

from chainrule.ops import exp, expm1, log, log1p, power, rsqrt, sqrt, square

X = np.array([-np.inf, -2.0, -1.0, -0.0, 0.0, 1e-320, 0.5, 3.0, 1e300, np.inf, np.nan])


@pytest.mark.parametrize(
    ("operation", "reference"),
    [
        (exp, np.exp),
        (expm1, np.expm1),
        (log, np.log),
        (log1p, np.log1p),
        (sqrt, np.sqrt),
        (rsqrt, lambda x: 1 / np.sqrt(x)),
        (square, np.square),
    ],
)
def test_as_numpy_at_special_values(apply, operation, reference):
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply(operation, X), reference(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_small_arguments_keep_their_digits(apply, dtype):
    x = np.array([1e-20, -1e-20], dtype)
    np.testing.assert_array_equal(apply(log1p, x), x, strict=True)
    np.testing.assert_array_equal(apply(expm1, x), x, strict=True)


def test_gradients_against_the_textbook(derivative):
    x = np.array([0.3, 2.0, 40.0])
    rows = [
        (exp, np.exp(x)),
        (expm1, np.exp(x)),
        (log, 1 / x),
        (log1p, 1 / (1 + x)),
        (sqrt, 0.5 / np.sqrt(x)),
        (rsqrt, -0.5 * x**-1.5),
        (square, 2 * x),
    ]
    for operation, expected in rows:
        np.testing.assert_allclose(derivative(operation, x), expected, rtol=1e-14)


def test_gradient_of_expm1_far_below_zero(derivative):
    np.testing.assert_allclose(derivative(expm1, -50.0), math.exp(-50), rtol=1e-14)


def test_gradients_at_the_edge_of_the_domain(derivative):
    assert derivative(sqrt, 0.0) == np.inf
    assert derivative(log, 0.0) == np.inf
    assert derivative(log1p, -1.0) == np.inf
    assert derivative(rsqrt, 0.0) == -np.inf


def test_power_as_numpy(apply):
    a, b = (grid.ravel() for grid in np.meshgrid(X, [-2.0, -0.5, 0.0, 0.5, 1.0, 3.0]))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(apply(power, a, b), np.power(a, b))


def test_power_of_integers(apply):
    x = np.array([-3, 0, 2], np.int32)
    expected = np.array([-27, 0, 8], np.int32)
    np.testing.assert_array_equal(
        apply(power, x, np.full(3, 3, np.int32)), expected, strict=True
    )


@pytest.mark.parametrize(
    ("a", "b", "first", "second"),
    [
        (0.0, 3.0, 0.0, 0.0),
        (0.0, 2.0, 0.0, 2.0),
        (0.0, 1.0, 1.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (5.0, 0.0, 0.0, 0.0),
        (-2.0, 0.0, 0.0, 0.0),
        (-2.0, 1.0, 1.0, 0.0),
        (-2.0, 3.0, 12.0, -12.0),
        (-2.0, -1.0, -0.25, -0.25),
        (-2.0, -2.0, 0.25, 0.375),
    ],
)
def test_derivatives_of_power_in_the_base(derivative, a, b, first, second):
    assert derivative(power, a, b) == pytest.approx(first, rel=1e-14)
    assert derivative(power, a, b, order=2) == pytest.approx(second, rel=1e-14)


@pytest.mark.parametrize(
    ("a", "b", "first", "second"),
    [
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (1.0, 5.0, 0.0, 0.0),
        (3.0, 0.0, math.log(3), math.log(3) ** 2),
        (3.0, 2.0, 9 * math.log(3), 9 * math.log(3) ** 2),
    ],
)
def test_derivatives_of_power_in_the_exponent(derivative, a, b, first, second):
    assert derivative(power, a, b, wrt=1) == pytest.approx(first, rel=1e-14)
    assert derivative(power, a, b, wrt=1, order=2) == pytest.approx(second, rel=1e-14)


def test_a_negative_base_has_no_derivative_in_the_exponent(derivative):
    assert np.isnan(derivative(power, -2.0, 3.0, wrt=1))


def test_root_of_zero_is_infinitely_steep(derivative):
    assert derivative(power, 0.0, 0.5) == np.inf
