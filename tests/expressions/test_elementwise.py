"""Elementwise functions: NumPy's broadcasting, promotion and values, clear errors."""

import math
import warnings

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.expressions import elementwise

BINARY = ["add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power"]
BINARY += ["maximum", "minimum", "less", "less_equal", "greater", "greater_equal"]
BINARY += ["equal", "not_equal", "logical_and", "logical_or"]
UNARY = ["negate", "abs", "sign", "square", "floor", "ceil", "round", "exp", "log"]
UNARY += ["log1p", "expm1", "sqrt", "sin", "cos", "tanh", "logical_not"]
UNARY += ["isnan", "isfinite"]
REFUSE_BOOLEANS = ["subtract", "floor_divide", "remainder", "power"]
NUMPYS = {"negate": np.negative}

DTYPES = [np.bool_, np.int8, np.uint8, np.int32, np.int64, np.float32, np.float64]


def ours(name, *args):
    """What the function computes, as an array."""
    return cr.Tensor(getattr(elementwise, name)(*args)).numpy()


def theirs(name, *args):
    with np.errstate(all="ignore"):
        return NUMPYS.get(name, getattr(np, name, None))(*args)


def agree(actual, expected):
    expected = np.asarray(expected)
    assert actual.dtype == expected.dtype
    tolerance = 1e-6 if expected.dtype == np.float32 else 1e-14
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=0, strict=True)


# --- agreement with NumPy --------------------------------------------------------


@st.composite
def operands(draw):
    """Two arrays that broadcast, of any two dtypes, without negative numbers."""
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_side=3))
    numbers = st.sampled_from([0, 1, 2, 3, 5])
    return tuple(
        draw(hnp.arrays(np.int8, shape, elements=numbers)).astype(
            draw(st.sampled_from(DTYPES))
        )
        for shape in shapes.input_shapes
    )


@pytest.mark.parametrize("name", BINARY)
@given(pair=operands())
def test_two_operands_as_numpy(name, pair):
    a, b = pair
    if name in REFUSE_BOOLEANS and a.dtype == b.dtype == bool:
        return
    expected = theirs(name, a, b)
    if name == "divide":
        # Small integers become float32 with us, as they do where they meet one.
        expected = expected.astype(np.result_type(a, b, np.float32))
    agree(ours(name, a, b), expected)


@pytest.mark.parametrize("name", UNARY)
@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float32, np.float64])
def test_one_operand_as_numpy(name, dtype):
    x = np.array([[-2, 0, 1], [3, 5, 20]], dtype)
    agree(ours(name, x), theirs(name, x))


@pytest.mark.parametrize("name", UNARY)
def test_one_operand_at_special_values(name):
    x = np.array([-np.inf, -1.5, -0.0, 0.0, 0.5, 2.5, np.inf, np.nan])
    agree(ours(name, x), theirs(name, x))


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.bool_])
def test_real_functions_of_small_integers_are_float32(dtype):
    assert ours("exp", np.array([0, 1], dtype)).dtype == np.float32


def test_python_numbers_take_the_dtype_of_the_tensor():
    x = cr.tensor([1.0, 2.0])
    for y in (x + 1, 2.5 * x, x - True, x / 3, x**0.5, cr.maximum(x, 1), x % 2):
        assert y.dtype == np.float32
    i = cr.tensor([1, 2])
    assert (i + 1).dtype == np.int64
    assert (i * 2.5).dtype == np.float64
    assert (i / 2).dtype == np.float64


def test_numpy_scalars_insist_on_their_dtype():
    assert (cr.tensor([1.0]) * np.float64(2)).dtype == np.float64


def test_where_as_numpy():
    c, a, b = np.array([[True], [False]]), np.array([1, 2]), np.float32(0.5)
    agree(ours("where", c, a, b), np.where(c, a, b))
    agree(ours("where", np.array([0.0, 2.0]), 1, 2), np.where([0.0, 2.0], 1, 2))


# --- booleans --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["add", "multiply", "maximum", "minimum", "less", "greater_equal", "equal"]
)
def test_arithmetic_of_booleans_is_logic(name):
    a, b = (g.ravel() for g in np.meshgrid([False, True], [False, True]))
    agree(ours(name, a, b), theirs(name, a, b))


@pytest.mark.parametrize("name", REFUSE_BOOLEANS)
def test_what_booleans_cannot_do(name):
    b = cr.tensor([True, False])
    with pytest.raises(TypeError, match=f"{name} takes .*, not bool: cast it"):
        getattr(elementwise, name)(b, b)


@pytest.mark.parametrize("name", ["negate", "sign", "square"])
def test_what_a_boolean_cannot_do(name):
    with pytest.raises(TypeError, match=f"{name} takes .*, not bool: cast it"):
        getattr(elementwise, name)(cr.tensor([True]))


def test_rounding_leaves_integers_and_booleans():
    for x in (np.array([1, 2]), np.array([True])):
        for name in ("floor", "ceil", "round"):
            agree(ours(name, x), x)


# --- errors ----------------------------------------------------------------------


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"add: the shapes \(2,\) and \(3,\) do not"):
        cr.add([1.0, 2.0], [1.0, 2.0, 3.0])


def test_negative_power_of_integers():
    with pytest.raises(ValueError, match="power: -1 is a negative power of integers"):
        cr.tensor([1, 2]) ** -1


def test_text_is_no_operand():
    with pytest.raises(TypeError, match="cannot make a tensor of str"):
        cr.exp("x")


def test_a_python_number_that_the_dtype_cannot_hold():
    with pytest.raises((OverflowError, TypeError), match="300"):
        cr.tensor(np.array([1], np.uint8)) + 300


def test_dtypes_that_tensors_do_not_have():
    with pytest.raises(
        TypeError, match="tensors of dtype complex128 are not supported"
    ):
        elementwise.cast([1.0], complex)


# --- single functions ------------------------------------------------------------


def names(tensor):
    """The operations behind a tensor, the last first."""
    value, found = tensor.value, []
    while value.operation is not None:
        found.append(value.operation.name)
        if not value.inputs:
            break
        value = value.inputs[0]
    return found


@pytest.mark.parametrize(
    ("exponent", "operations"),
    [
        (2, ["square"]),
        (2.0, ["square"]),
        (1, []),
        (-1, ["divide", "broadcast", "constant"]),
        (0, ["broadcast", "constant"]),
        (3, ["power"]),
        (0.5, ["power"]),
    ],
)
def test_power_takes_the_cheapest_way(exponent, operations):
    x = cr.tensor([1.0, 2.0, 3.0])
    y = x**exponent
    assert names(y) == operations
    np.testing.assert_allclose(y.numpy(), x.numpy() ** exponent, rtol=1e-6)


def test_power_of_a_number_and_a_tensor():
    np.testing.assert_allclose((2.0 ** cr.tensor([1.0, 3.0])).numpy(), [2, 8])


@pytest.mark.parametrize(
    ("low", "high"),
    [(-1, 1), (-1.5, None), (None, 0.5), (None, None), (-1000, 1000), (1, 1)],
)
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int8])
def test_clip_as_numpy(low, high, dtype):
    x = np.array([-100, -1, 0, 1, 100], dtype)
    agree(ours("clip", x, low, high), np.clip(x, low, high) if low or high else x)


def test_clip_between_tensors():
    x, low, high = np.array([1.0, 5.0, 9.0]), np.array([2.0, 2.0, 2.0]), np.float64(6)
    agree(ours("clip", x, low, high), np.clip(x, low, high))
    agree(ours("clip", x, cr.tensor(low)), np.clip(x, low, None))
    agree(ours("clip", x, None, cr.tensor(high)), np.clip(x, None, high))
    agree(ours("clip", x, 2.0, cr.tensor(high)), np.clip(x, 2.0, high))


def test_clip_refuses_limits_in_the_wrong_order():
    with pytest.raises(ValueError, match="clip: low=3 is not below high=1"):
        cr.clip([1.0], 3, 1)


def test_hardtanh():
    np.testing.assert_array_equal(
        cr.hardtanh([-3.0, 0.25, 3.0], -0.5, 2.0).numpy(), [-0.5, 0.25, 2.0]
    )


def test_selu_keeps_a_standard_normal_distribution():
    x = cr.random.normal(1, 0, (200_000,), dtype="float64")
    y = cr.selu(x)
    assert abs(y.mean().item()) < 0.01
    assert abs(y.var().item() - 1) < 0.02


def test_gelu_by_tanh_is_its_formula_and_near_gelu():
    x = np.linspace(-6, 6, 101)
    u = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    approximate = cr.gelu(x, approximate=True).numpy()
    np.testing.assert_allclose(approximate, x / 2 * (1 + np.tanh(u)), atol=1e-14)
    assert np.abs(approximate - cr.gelu(x).numpy()).max() < 1e-3


def test_gelu_by_tanh_in_the_tails():
    x = np.array([-1e30, -50.0, 50.0, 1e30], np.float32)
    np.testing.assert_array_equal(cr.gelu(x, approximate=True).numpy(), [0, 0, *x[2:]])
    slope = cr.grad(lambda x: cr.gelu(x, approximate=True).sum())(cr.tensor(x))
    np.testing.assert_array_equal(slope.numpy(), [0, 0, 1, 1])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: cr.gelu(x, approximate=True),
        cr.selu,
        lambda x: cr.hardtanh(x, -1.05, 1.05),
        lambda x: cr.clip(x, -0.95, None),
        lambda x: x**3,
        lambda x: x**-1,
        lambda x: 2.5**x,
        lambda x: (x + 10) ** x,
        lambda x: cr.where(x > 0, cr.log(cr.abs(x)), x * x),
    ],
)
def test_gradients_of_composite_functions(function):
    x = np.array([-2.5, -0.6, 0.4, 1.7])
    cr.check_gradients(function, x)


def test_nan_and_infinity_cause_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(cr.log(-1.0).item())
        assert (cr.tensor(1.0) / 0).item() == math.inf
