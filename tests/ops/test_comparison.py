import numpy as np
import pytest

from chainrule.ops import (
    divide,
    equal,
    full_like,
    less,
    less_equal,
    log,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
    where,
)

X = np.array([-np.inf, -1.0, -0.0, 0.0, 2.0, np.inf, np.nan])
BOOLS = np.array([False, True])


@pytest.mark.parametrize(
    ("operation", "reference"),
    [
        (less, np.less),
        (less_equal, np.less_equal),
        (equal, np.equal),
        (not_equal, np.not_equal),
    ],
)
def test_comparisons_as_numpy(apply, operation, reference):
    a, b = (grid.ravel() for grid in np.meshgrid(X, X))
    np.testing.assert_array_equal(apply(operation, a, b), reference(a, b), strict=True)


@pytest.mark.parametrize(
    ("operation", "reference"),
    [
        (logical_and, np.logical_and),
        (logical_or, np.logical_or),
        (equal, np.equal),
        (not_equal, np.logical_xor),
    ],
)
def test_logic_as_numpy(apply, operation, reference):
    a, b = (grid.ravel() for grid in np.meshgrid(BOOLS, BOOLS))
    np.testing.assert_array_equal(apply(operation, a, b), reference(a, b))


def test_logical_not(apply):
    np.testing.assert_array_equal(apply(logical_not, BOOLS), [True, False])


def test_comparison_has_no_gradient(derivative):
    def squashed(x):
        return where(less(x, full_like(x, 0)), full_like(x, 1), full_like(x, 2))

    np.testing.assert_array_equal(derivative(squashed, np.array([-1.0, 1.0])), 0)


def test_gradient_of_where_goes_to_the_branch_taken(derivative):
    condition = np.array([True, False])
    ones = np.ones(2)
    np.testing.assert_array_equal(
        derivative(where, condition, ones, ones, wrt=1), [1, 0]
    )
    np.testing.assert_array_equal(
        derivative(where, condition, ones, ones, wrt=2), [0, 1]
    )


def test_the_branch_not_taken_cannot_spoil_the_gradient_of_where(derivative):
    def safe_log(x):
        positive = less(full_like(x, 0), x)
        return where(positive, log(where(positive, x, full_like(x, 1))), x)

    np.testing.assert_array_equal(derivative(safe_log, np.array([0.0, 4.0])), [1, 0.25])

    def one_over(x):
        infinite = divide(full_like(x, 1), x)
        return where(equal(x, full_like(x, 0)), full_like(x, 0), infinite)

    np.testing.assert_array_equal(derivative(one_over, np.array([0.0, 2.0]))[1], -0.25)


def test_gradient_of_where_keeps_an_infinite_gradient_out(derivative):
    # dy is infinite where the square root is 0, and only there.
    condition = np.array([True, False])
    dy = np.array([np.inf, np.inf])
    np.testing.assert_array_equal(
        where.forward(condition, dy, 0 * condition), [np.inf, 0]
    )
