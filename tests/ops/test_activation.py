"""Activations: their tails, their kinks, and the identities that tie them together."""

import math

import numpy as np
import pytest

from chainrule.ops import (
    Elu,
    LeakyRelu,
    erf,
    erfc,
    gelu,
    negate,
    relu,
    sigmoid,
    silu,
    softplus,
)

NAN, INF = np.nan, np.inf
X = np.linspace(-30, 30, 241)
ALL = [sigmoid, softplus, erf, erfc, relu, silu, gelu, LeakyRelu(0.1), Elu(), Elu(2, 3)]
NAMES = [str(operation) for operation in ALL]


@pytest.mark.parametrize("operation", ALL, ids=NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_all_finite_numbers_have_a_value_and_a_gradient(
    apply, derivative, operation, dtype
):
    largest = np.finfo(dtype).max / 4
    sizes = [
        0,
        np.finfo(dtype).smallest_subnormal,
        1e-20,
        1,
        20,
        90,
        800,
        1e30,
        largest,
    ]
    x = np.array([*sizes, *(-size for size in sizes)], dtype)
    assert np.isfinite(apply(operation, x)).all()
    assert np.isfinite(derivative(operation, x)).all()
    assert np.isfinite(derivative(operation, x, order=2)).all()


@pytest.mark.parametrize("operation", ALL, ids=NAMES)
def test_nan_stays_nan_and_lets_the_gradient_through(apply, derivative, operation):
    assert np.isnan(apply(operation, NAN))
    assert derivative(operation, NAN) != 0


def test_sigmoid_in_both_tails(apply, derivative):
    x = np.array([-1000.0, -700.0, -40.0, 0.0, 40.0, 1000.0])
    expected = [0, math.exp(-700), math.exp(-40), 0.5, 1, 1]
    np.testing.assert_allclose(apply(sigmoid, x), expected, rtol=1e-14)
    slopes = [0, math.exp(-700), math.exp(-40), 0.25, math.exp(-40), 0]
    np.testing.assert_allclose(derivative(sigmoid, x), slopes, rtol=1e-14)
    np.testing.assert_array_equal(apply(sigmoid, np.array([-INF, INF])), [0, 1])


def test_sigmoid_is_symmetric(apply):
    np.testing.assert_allclose(
        apply(sigmoid, X), 1 - apply(sigmoid, -X), rtol=0, atol=1e-15
    )


def test_softplus_in_both_tails(apply, derivative):
    x = np.array([-INF, -1000.0, -40.0, 0.0, 1000.0, INF])
    expected = [0, 0, math.exp(-40), math.log(2), 1000, INF]
    np.testing.assert_allclose(apply(softplus, x), expected, rtol=1e-14)
    np.testing.assert_allclose(derivative(softplus, X), apply(sigmoid, X), rtol=1e-15)


def test_softplus_of_x_and_minus_x_differ_by_x(apply):
    difference = apply(softplus, X) - apply(softplus, -X)
    np.testing.assert_allclose(difference, X, rtol=1e-14)


def test_erf_and_erfc_add_up_to_one(apply):
    np.testing.assert_allclose(apply(erf, X) + apply(erfc, X), 1, rtol=1e-15)


def test_slope_of_the_error_functions(derivative):
    expected = 2 / math.sqrt(math.pi) * np.exp(-np.square(X))
    np.testing.assert_allclose(derivative(erf, X), expected, rtol=1e-14)
    np.testing.assert_allclose(derivative(erfc, X), -expected, rtol=1e-14)


def test_relu(apply, derivative):
    x = np.array([-INF, -2.0, -0.0, 0.0, 3.0, INF])
    np.testing.assert_array_equal(apply(relu, x), [0, 0, 0, 0, 3, INF])
    np.testing.assert_array_equal(derivative(relu, x), [0, 0, 0, 0, 1, 1])


def test_leaky_relu(apply, derivative):
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(apply(LeakyRelu(0.1), x), [-0.2, 0, 3])
    np.testing.assert_allclose(derivative(LeakyRelu(0.1), x), [0.1, 0.1, 1])


def test_elu_near_zero_and_far_below(apply, derivative):
    x = np.array([-1000.0, -1e-20, 0.0, 2.0])
    np.testing.assert_allclose(apply(Elu(2.0), x), [-2, -2e-20, 0, 2], rtol=1e-15)
    np.testing.assert_allclose(derivative(Elu(2.0), x), [0, 2, 2, 1], rtol=1e-15)
    np.testing.assert_allclose(derivative(Elu(), -50.0), math.exp(-50), rtol=1e-14)


def test_silu(apply, derivative):
    x = np.array([-700.0, 0.0, 700.0])
    np.testing.assert_allclose(apply(silu, x), [-700 * math.exp(-700), 0, 700])
    slopes = [-699 * math.exp(-700), 0.5, 1]
    np.testing.assert_allclose(derivative(silu, x), slopes, rtol=1e-12)


def test_silu_of_x_and_minus_x_differ_by_x(apply):
    np.testing.assert_allclose(apply(silu, X) - apply(silu, -X), X, rtol=1e-14)


def test_gelu_in_both_tails(apply, derivative):
    x = np.array([-1000.0, -38.0, -5.0, 0.0, 5.0, 1000.0])
    expected = [v / 2 * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(apply(gelu, x), expected, rtol=1e-12)
    density = [math.exp(-v * v / 2) / math.sqrt(2 * math.pi) for v in x]
    slopes = [
        math.erfc(-v / math.sqrt(2)) / 2 + v * p
        for v, p in zip(x, density, strict=True)
    ]
    np.testing.assert_allclose(derivative(gelu, x), slopes, rtol=1e-11)


def test_gelu_of_minus_forty_is_a_negative_number_too_small_to_write(apply):
    y = apply(gelu, -40.0)
    assert y == 0
    assert np.signbit(y)
    assert apply(gelu, np.float32(-10)) < 0


def test_gelu_of_x_and_minus_x_differ_by_x(apply):
    np.testing.assert_allclose(apply(gelu, X) - apply(gelu, -X), X, rtol=1e-14)


def test_second_derivative_of_softplus_is_even(derivative):
    def mirrored(x):
        return softplus(negate(x))

    np.testing.assert_allclose(
        derivative(softplus, X, order=2), derivative(mirrored, X, order=2), rtol=1e-14
    )
