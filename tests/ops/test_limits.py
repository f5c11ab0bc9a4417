import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import Clip, clip, maximum, minimum

X = np.array([-np.inf, -1.0, 0.0, 2.0, np.inf, np.nan])


@pytest.mark.parametrize(
    ("operation", "reference"), [(maximum, np.maximum), (minimum, np.minimum)]
)
def test_extrema_as_numpy(apply, operation, reference):
    a, b = (grid.ravel() for grid in np.meshgrid(X, X))
    np.testing.assert_array_equal(apply(operation, a, b), reference(a, b))


@pytest.mark.parametrize(("operation", "winner"), [(maximum, 1), (minimum, 0)])
def test_gradient_goes_to_the_one_chosen_and_is_shared_in_a_tie(
    derivative, operation, winner
):
    a, b = np.array([1.0, 5.0, 5.0]), np.array([5.0, 1.0, 5.0])
    to_a = derivative(operation, a, b)
    np.testing.assert_array_equal(to_a, [1 - winner, winner, 0.5])
    np.testing.assert_array_equal(derivative(operation, a, b, wrt=1), 1 - to_a)


def test_gradient_of_maximum_passes_where_a_number_is_nan(derivative):
    assert derivative(maximum, np.nan, 1.0) == 1
    assert derivative(maximum, 1.0, np.nan) == 1


@pytest.mark.parametrize(
    ("low", "high"), [(-1, 1), (None, 1), (-1, None), (None, None), (0, 0)]
)
def test_clip_as_numpy(apply, low, high):
    expected = np.clip(X, low, high)
    np.testing.assert_array_equal(apply(Clip(low, high), X), expected)


def test_gradient_of_clip_passes_at_the_limits_and_between(derivative):
    x = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, np.nan])
    np.testing.assert_array_equal(derivative(Clip(-1, 1), x), [0, 1, 1, 1, 0, 1])


def test_clip_refuses_limits_in_the_wrong_order():
    with pytest.raises(ValueError, match="clip: low=2 is not below high=1"):
        Clip(2, 1)
    with pytest.raises(ValueError, match="clip: low=nan is not below"):
        Clip(np.nan, 1)


@pytest.mark.parametrize("limit", [0.5, 256, -1])
def test_clip_refuses_limits_that_the_dtype_cannot_hold(limit):
    x = Value(TensorType((), np.dtype(np.uint8)))
    with pytest.raises(TypeError, match=f"clip: the limit {limit} cannot be written"):
        clip(x, low=limit)


def test_clip_of_integers(apply):
    x = np.array([-5, 0, 5], np.int8)
    np.testing.assert_array_equal(
        apply(Clip(-1, 2), x), np.array([-1, 0, 2], np.int8), strict=True
    )
