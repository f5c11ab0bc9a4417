import numpy as np
import pytest

from chainrule.ir import Graph, TensorType, Value
from chainrule.ops import (
    Argmax,
    Argmin,
    Max,
    Min,
    argmax,
    argmin,
    full_like,
    max_,
    min_,
)
from chainrule.passes import gradients, interpret


def gradient(operation, x):
    leaf = Value(TensorType.of(x))
    y = operation(leaf)
    (dx,) = gradients([y], [leaf], [full_like(y, 1)])
    return interpret(Graph((leaf,), (dx,)), [x])[0]


@pytest.mark.parametrize("operation", [Max((1,)), Min((1,))])
def test_nan_is_the_extreme_and_its_gradient(operation, apply):
    x = np.array([[1.0, np.nan, 2.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(apply(operation, x), [np.nan, 1.0])
    dx = gradient(operation, x)
    assert np.isnan(dx[0]).all()
    np.testing.assert_allclose(dx[1], 1 / 3)


def test_equal_elements_share_the_gradient():
    x = np.array([[0.0, 2.0, -0.0], [2.0, 1.0, 2.0]])
    np.testing.assert_allclose(
        gradient(Max((0, 1)), x), [[0, 1 / 3, 0], [1 / 3, 0, 1 / 3]]
    )
    np.testing.assert_allclose(gradient(Min((1,)), x), [[0.5, 0, 0.5], [0, 1, 0]])


def test_infinities_are_numbers_among_others():
    x = np.array([np.inf, 1.0, np.inf, -np.inf])
    np.testing.assert_array_equal(gradient(Max((0,)), x), [0.5, 0, 0.5, 0])
    np.testing.assert_array_equal(gradient(Min((0,)), x), [0, 0, 0, 1])


@pytest.mark.parametrize("operation", [Argmax(0), Argmin(0)])
def test_the_first_of_equal_elements_is_named(operation, apply):
    assert apply(operation, np.ones(3)) == 0
    assert apply(operation, np.array([1.0, np.nan, np.nan])) == 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda x: max_(x, (1,)), "max"),
        (lambda x: min_(x, (0, 1)), "min"),
        (lambda x: argmax(x, 1), "argmax"),
        (lambda x: argmin(x, 1), "argmin"),
    ],
)
def test_nothing_has_no_extreme(make, name):
    x = Value(TensorType((3, 0), np.dtype(np.float32)))
    with pytest.raises(ValueError, match=rf"^{name}: axis 1 .* \(3, 0\) is empty"):
        make(x)


@pytest.mark.parametrize("operation", [Max((2,)), Argmax(2)])
def test_an_axis_that_is_not_there(operation):
    x = Value(TensorType((3, 2), np.dtype(np.float32)))
    with pytest.raises(
        ValueError, match=r"\(2,\) are not distinct axes, in order, of 2"
    ):
        operation(x)


def test_no_axis_changes_nothing():
    x = Value(TensorType((3,), np.dtype(np.float32)))
    assert Max(()).simplify(x) is x
    assert Max((0,)).simplify(x) is None
