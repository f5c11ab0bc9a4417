import numpy as np
import pytest

from chainrule.ops import ceil, floor, floor_divide, remainder, round_

X = np.array([-np.inf, -2.5, -1.5, -0.5, -0.0, 0.5, 1.5, 2.5, 1e300, np.inf, np.nan])


@pytest.mark.parametrize(
    ("operation", "reference"), [(floor, np.floor), (ceil, np.ceil), (round_, np.round)]
)
def test_rounding_as_numpy(apply, operation, reference):
    np.testing.assert_array_equal(apply(operation, X), reference(X))


def test_halves_are_rounded_to_even(apply):
    halves = np.array([-1.5, -0.5, 0.5, 1.5, 2.5])
    np.testing.assert_array_equal(apply(round_, halves), [-2, 0, 0, 2, 2])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int32])
def test_division_with_remainder_as_python(apply, dtype):
    a, b = (g.ravel() for g in np.meshgrid([-7, -6, 0, 6, 7], [-3, 3, 5]))
    a, b = a.astype(dtype), b.astype(dtype)
    expected = [divmod(float(x), float(y)) for x, y in zip(a, b, strict=True)]
    np.testing.assert_array_equal(apply(floor_divide, a, b), [q for q, _ in expected])
    np.testing.assert_array_equal(apply(remainder, a, b), [r for _, r in expected])


def test_integers_divided_by_zero_give_zero(apply):
    assert apply(floor_divide, np.int32(5), np.int32(0)) == 0
    assert apply(remainder, np.int32(5), np.int32(0)) == 0


def test_gradients(derivative):
    # 7.5 = 2 * 3 + 1.5: one more in 3 is two less in the rest.
    assert derivative(remainder, 7.5, 3.0) == 1
    assert derivative(remainder, 7.5, 3.0, wrt=1) == -2
    assert derivative(remainder, -7.5, 3.0, wrt=1) == 3
    assert derivative(floor_divide, 7.5, 3.0) == 0
    assert derivative(floor, 7.5) == 0
