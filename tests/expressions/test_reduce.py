"""Reductions against NumPy, in every shape, and their gradients."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr

RNG = np.random.default_rng(0)

# Statistics that have a value for no elements, and those that refuse.
TOTAL = ["sum", "prod", "all", "any"]
PARTIAL = ["mean", "var", "std", "max", "min"]


@st.composite
def reductions(draw, min_side=0):
    """An array, some of its axes, and keepdims."""
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=min_side, max_side=4)
    shape = draw(shapes)
    elements = st.sampled_from([-2.0, -1.5, -1.0, 0.0, 0.5, 1.0, 3.0])
    x = draw(hnp.arrays(np.float64, shape, elements=elements))
    rank = len(shape)
    one = st.integers(-rank, rank - 1) if rank else st.none()
    several = st.sets(st.integers(0, rank - 1)) if rank else st.just(set())
    axis = draw(st.none() | one | several.map(tuple))
    return x, axis, draw(st.booleans())


@pytest.mark.parametrize("name", TOTAL)
@given(case=reductions())
def test_reductions_that_always_have_a_value(matches, name, case):
    x, axis, keepdims = case
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    matches(getattr(cr, name)(x, axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("name", PARTIAL)
@given(case=reductions(min_side=1))
def test_reductions_of_some_elements(matches, name, case):
    x, axis, keepdims = case
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    matches(getattr(cr, name)(x, axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("name", [*PARTIAL, "logsumexp", "softmax", "log_softmax"])
def test_no_elements_are_refused(name):
    with pytest.raises(ValueError, match=rf"^{name}: .*\(3, 0\)"):
        getattr(cr, name)(np.zeros((3, 0)), axis=1)


@pytest.mark.parametrize("name", PARTIAL)
def test_no_result_is_fine(matches, name):
    matches(getattr(cr, name)(np.zeros((0, 3)), axis=1), np.zeros(0))


@pytest.mark.parametrize("name", ["sum", "prod", "cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.uint8, np.int32, np.uint64])
def test_integers_are_added_and_multiplied_as_numpy_does(matches, name, dtype):
    x = np.array([1, 1, 1, 0], dtype)
    matches(getattr(cr, name)(x), getattr(np, name)(x))


def test_many_small_integers_do_not_wrap_around(matches):
    matches(cr.sum(np.full(1000, 100, np.int8)), np.int64(100_000))


@pytest.mark.parametrize("name", ["sum", "mean", "var", "prod", "max", "logsumexp"])
def test_float32_stays(name):
    assert getattr(cr, name)(np.ones((2, 3), np.float32)).dtype == np.float32


def test_the_mean_of_integers_is_a_real_number(matches):
    matches(cr.mean(np.array([1, 2])), np.float64(1.5))
    assert cr.mean(np.array([True, False])).item() == 0.5


@pytest.mark.parametrize("name", ["var", "std"])
@pytest.mark.parametrize("ddof", [0, 1, 1.5])
def test_degrees_of_freedom(matches, name, ddof):
    x = RNG.normal(size=(3, 4))
    matches(getattr(cr, name)(x, 1, ddof=ddof), getattr(np, name)(x, 1, ddof=ddof))


def test_too_few_elements_for_the_degrees_of_freedom():
    with pytest.raises(ValueError, match=r"var: ddof=1 needs more than 1 elements"):
        cr.var([2.0], ddof=1)


def test_the_variance_of_large_numbers_is_exact(matches):
    x = np.array([1e9, 1e9 + 1, 1e9 + 2])
    matches(cr.var(x), np.float64(2 / 3))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize(("shape", "axis"), [((4,), 0), ((3, 4), -1), ((3, 4), None)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_places_of_extremes(matches, name, shape, axis, keepdims):
    x = RNG.integers(0, 3, size=shape).astype(float)  # with equal elements
    expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
    matches(getattr(cr, name)(x, axis=axis, keepdims=keepdims), expected)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin"])
def test_extremes_of_nan(matches, name):
    x = np.array([[1.0, np.nan], [2.0, 3.0]])
    matches(getattr(cr, name)(x, axis=1), getattr(np, name)(x, axis=1))


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("shape", [(0,), (1,), (2,), (7,), (3, 5), (2, 0, 3)])
def test_running_reductions(matches, name, shape):
    x = RNG.normal(size=shape)
    for axis in (None, *range(-len(shape), len(shape))):
        expected = getattr(np, name)(x, axis=axis)
        matches(getattr(cr, name)(x, axis=axis), expected)


@pytest.mark.parametrize("size", range(10))
def test_products_of_any_number_of_elements(matches, size):
    x = RNG.normal(size=(2, size))
    matches(cr.prod(x, axis=1), np.prod(x, axis=1))


def test_all_and_any_take_numbers(matches):
    x = np.array([[0.0, 2.0], [np.nan, -1.0]])
    matches(cr.all(x, axis=1), [False, True])
    matches(cr.any(x, axis=0), [True, True])


# --- exponentials -----------------------------------------------------------------


@given(case=reductions(min_side=1))
def test_logsumexp(matches, case):
    x, axis, keepdims = case
    expected = np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))
    matches(cr.logsumexp(x, axis, keepdims), expected)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1000.0, 1000.0], 1000 + math.log(2)),
        ([-1000.0, -1000.0], -1000 + math.log(2)),
        ([-math.inf, -math.inf], -math.inf),
        ([-math.inf, 3.0], 3.0),
        ([math.inf, 3.0], math.inf),
        ([math.nan, math.inf], math.nan),
    ],
)
def test_logsumexp_at_the_limits(matches, x, y):
    matches(cr.logsumexp(np.array(x)), np.float64(y))


def test_softmax_of_large_logits(matches):
    matches(cr.softmax(np.array([1e4, 1e4, -1e4])), [0.5, 0.5, 0.0])
    matches(cr.softmax(np.array([0.0, -math.inf])), [1.0, 0.0])
    matches(cr.log_softmax(np.array([0.0, 1e4])), [-1e4, 0.0])


def test_softmax_over_any_axes(matches):
    x = RNG.normal(size=(2, 3, 4))
    for axis in (0, -1, (0, 2), None):
        e = np.exp(x)
        p = e / e.sum(axis=axis, keepdims=True)
        matches(cr.softmax(x, axis), p)
        matches(cr.log_softmax(x, axis), np.log(p))


def test_softmax_shows_nan():
    assert np.isnan(cr.softmax(np.array([np.nan, 1.0])).numpy()).all()


# --- norms ------------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.5, 1, 1.5, 2, 3, math.inf])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_norms(matches, p, axis):
    x = RNG.normal(size=(3, 4))
    x[0, 0] = 0
    matches(cr.norm(x, p, axis), np.linalg.vector_norm(x, ord=p, axis=axis))


def test_norm_refuses_what_is_no_norm():
    with pytest.raises(ValueError, match=r"norm: ord has to be positive, not -1"):
        cr.norm([1.0], -1)


def test_normalize(matches):
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    matches(cr.normalize(x), [[0.6, 0.8], [0.0, 0.0]])
    matches(cr.normalize(x, 1, axis=None), x / 7)


# --- axes -------------------------------------------------------------------------

EVERY = ["sum", "mean", "max", "prod", "argmax", "cumsum", "softmax", "any", "norm"]


@pytest.mark.parametrize("name", EVERY)
def test_an_axis_that_is_not_there(name):
    with pytest.raises(
        ValueError, match=f"{name}: there is no axis 2 in a tensor of 2"
    ):
        getattr(cr, name)(np.ones((2, 3)), axis=2)


def test_an_axis_twice():
    with pytest.raises(ValueError, match=r"sum: an axis is named twice in \(0, -2\)"):
        cr.sum(np.ones((2, 3)), axis=(0, -2))


@pytest.mark.parametrize("axis", ["x", 1.0, (0, 0.5)])
def test_an_axis_that_is_no_integer(axis):
    with pytest.raises(TypeError, match="sum: an axis is an integer, not"):
        cr.sum(np.ones((2, 3)), axis=axis)
    with pytest.raises(TypeError, match="cumsum: an axis is an integer, not"):
        cr.cumsum(np.ones((2, 3)), axis=axis)


def test_an_axis_of_numpys_integers(matches):
    matches(cr.sum(np.ones((2, 3)), axis=np.int64(1)), [3.0, 3.0])


# --- gradients --------------------------------------------------------------------

DIFFERENTIABLE = {
    "sum": lambda x: cr.sum(x * x, axis=1),
    "mean": lambda x: cr.mean(x * x, axis=(0, 1)),
    "var": lambda x: cr.var(x, axis=1, ddof=1),
    "std": lambda x: cr.std(x, axis=1, keepdims=True),
    "max": lambda x: cr.max(x * x, axis=0),
    "min": lambda x: cr.min(x * x, axis=1),
    "prod": lambda x: cr.prod(x, axis=1),
    "prod of all": cr.prod,
    "cumsum": lambda x: cr.cumsum(x * x, axis=1),
    "cumprod": lambda x: cr.cumprod(x, axis=0),
    "logsumexp": lambda x: cr.logsumexp(x, axis=1),
    "softmax": cr.softmax,
    "log_softmax": lambda x: cr.log_softmax(x, axis=0),
    "norm 1": lambda x: cr.norm(x * x, 1, axis=1),
    "norm 2": lambda x: cr.norm(x, axis=0),
    "norm 3": lambda x: cr.norm(x, 3, axis=0),
    "norm inf": lambda x: cr.norm(x * x, math.inf, axis=0),
    "normalize": cr.normalize,
}


@pytest.mark.parametrize("f", DIFFERENTIABLE.values(), ids=DIFFERENTIABLE)
@pytest.mark.parametrize("shape", [(3, 5), (1, 2), (2, 3)])
def test_gradients(f, shape):
    cr.check_gradients(f, RNG.uniform(0.5, 2.0, size=shape))


@pytest.mark.parametrize("zeros", [1, 2, 3])
def test_the_gradient_of_a_product_with_zeros(zeros):
    x = np.array([2.0, -3.0, 0.5, 4.0, 5.0])
    x[1 : 1 + zeros] = 0
    expected = [np.prod(np.delete(x, i)) for i in range(x.size)]
    np.testing.assert_allclose(cr.grad(cr.prod)(x).numpy(), expected)
    cr.check_gradients(cr.prod, x)
    cr.check_gradients(cr.cumprod, x)


@pytest.mark.parametrize("p", [1.5, 2, 3])
def test_the_gradient_of_a_norm_is_zero_at_zero(p):
    gradient = cr.grad(lambda x: cr.norm(x, p))(np.zeros(3))
    assert gradient.tolist() == [0, 0, 0]
    some = cr.grad(lambda x: cr.norm(x, p))(np.array([3.0, 0.0]))
    np.testing.assert_allclose(some.numpy(), [1, 0], rtol=1e-14)


def test_the_gradient_of_a_standard_deviation_of_zero():
    assert cr.grad(cr.std)(np.ones(4)).tolist() == [0, 0, 0, 0]


def test_norms_and_deviations_of_nan_are_nan():
    x = np.array([np.nan, 1.0])
    assert np.isnan(cr.norm(x).item())
    assert np.isnan(cr.norm(x, 3).item())
    assert np.isnan(cr.std(x).item())


def test_equal_extremes_share_the_gradient():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    gradient = cr.grad(lambda x: cr.sum(cr.max(x, axis=1)))(x)
    expected = [[0, 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3]]
    np.testing.assert_allclose(gradient.numpy(), expected)
