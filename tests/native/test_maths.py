"""Vector maths: accuracy, the ends of the range, and the same bits everywhere.

The functions are tried as machine code. A float32 result is held against NumPy's in
float64, one of float64 against NumPy's in long double, where that is longer.
"""

import ctypes
import functools
import math

import numpy as np
import pytest

from chainrule.native import maths
from chainrule.native.builder import NestBuilder
from chainrule.native.emit import emit
from chainrule.native.image import load
from chainrule.native.linking import link
from chainrule.native.machine_code import assemble
from chainrule.native.nest import INDEX, POINTER
from chainrule.native.runtime import support
from chainrule.native.target import host, named
from chainrule.ops import error_function
from chainrule.testing.instructions import NumpyInstructions

pytestmark = [
    pytest.mark.skipif(not host().has_fma, reason="there is no fma instruction"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

LONG = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is no longer than float64"
)

# The largest error, in units in the last place, by function: float32, float64.
LIMITS = {
    "cos": (1.7, 1.0),
    "erf": (2.7, 2.0),
    "erfc": (3.2, 3.2),
    "exp": (1.0, 1.0),
    "expm1": (1.8, 2.4),
    "log": (1.0, 1.4),
    "log1p": (1.6, 2.0),
    "power": (0.6, 1.2),
    "sigmoid": (2.6, 2.6),
    "sin": (1.7, 1.0),
    "tanh": (2.7, 2.8),
}
FUNCTIONS = list(LIMITS)
UNARY = [name for name in FUNCTIONS if name != "power"]

# Ends, zeros, ones, thresholds, and denormals of either format.
SPECIAL = [0.0, 1.0, math.inf, math.nan, 0.5, 2.0, 3.0, 1e-45, 1e-40, 5e-324, 1e-310]
SPECIAL += [2.0**-126, 2.0**-1022, 3.4e38, 1.7e308, 88.7228, 709.7827, 103.97, 745.13]
SPECIAL += [0.99999994, 1.0000001, 2.5, 1e6 + 0.5, 16777215.0, 4503599627370497.0, 18.0]


def sigmoid(x):
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


def oracle(name):
    own = {
        "sigmoid": sigmoid,
        "erf": error_function.erf,
        "erfc": error_function.erfc,
    }
    return own.get(name) or getattr(np, name)


def exact_error(name):
    """erf or erfc in float64, from the C library."""
    return np.vectorize(getattr(math, name), otypes=[np.float64])


@pytest.mark.skipif(not host().estimates_roots, reason="there are no estimates")
@pytest.mark.parametrize("flush", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_square_roots_from_estimates_are_rounded_as_exact_ones_are(dtype, flush):
    run = compiled("sqrt", dtype, estimates=host().estimates_roots, flush=flush)
    mantissas = every_mantissa() if dtype == np.float32 else hard_mantissas()
    # The last step needs what the square is short of, which must not be denormal.
    limits = np.finfo(dtype)
    least, most = limits.minexp + 2 * limits.nmant + 4, limits.maxexp - 4
    for exponent in (least & ~1, least // 2 & ~1, 0, most // 2 & ~1, most & ~1):
        x = np.ldexp(mantissas, exponent)
        assert same_bits(run(x)[: x.size], np.sqrt(x))
    x = any_bits(dtype, 1_000_000)
    x = x[~(np.abs(x) < limits.smallest_normal)]
    with np.errstate(invalid="ignore"):
        assert_close(run(x)[: x.size], np.sqrt(x.astype(np.longdouble)), 1.5, x)
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, -1.0], dtype)
    assert same_bits(run(x)[: x.size], np.sqrt(x))
    denormal = limits.smallest_subnormal * np.array([1, 1000], dtype)
    assert np.all(run(denormal)[:2] == 0) == flush


def every_mantissa():
    """All float32 from 1 to 4: their roots have all mantissas that roots have."""
    one, four = np.array([1, 4], np.float32).view(np.int32)
    return np.arange(one, four, dtype=np.int32).view(np.float32)


def hard_mantissas():
    """float64 from 1 to 4: any, and those whose roots are nearly between two numbers.

    The square of a number between two, an odd number of 2**-53, is an odd number of
    2**-106; `near` of that below it or above it lies a number of 53 bits.
    """
    found = set()
    for near in range(-40001, 40000, 8):  # the square of an odd number is 8 n + 1
        root = root_modulo_a_power(-near, 54)
        for between in (root, -root, 2**53 + root, 2**53 - root):
            square = (between % 2**54) ** 2 + near
            spacing = 2**54 if square < 2**107 else 2**55
            if square >= 2**106 and square % spacing == 0:
                found.add(square / 2**106)
    assert len(found) > 1000
    return np.array([*found, *(1 + 3 * np.random.default_rng(5).random(1_000_000))])


def root_modulo_a_power(number, bits):
    """An odd `x` with `x**2 = number` in arithmetic modulo `2**bits`."""
    x = 1
    for k in range(3, bits):
        if (x * x - number) % 2 ** (k + 1):
            x += 2 ** (k - 1)
    return x


@functools.cache
def compiled(name, dtype, lanes=None, target=None, flush=False, estimates=0):
    """A function of arrays, as machine code; `flush` takes denormals for zero."""
    target = target or host()
    lanes = lanes or target.lanes(dtype)
    inputs = 2 if name == "power" else 1
    call = _call(flush, inputs + 1)
    nest = _nest(name, np.dtype(dtype), lanes, inputs, estimates=estimates)
    text = support(target) + emit([nest]) + call
    code = load(link(assemble(text, target)))
    types = [ctypes.c_void_p] * (inputs + 1) + [ctypes.c_int64]
    run = ctypes.CFUNCTYPE(None, *types)(code.address("run"))

    def function(*xs):
        keep = code  # as long as the function is
        size = -(-xs[0].size // lanes) * lanes
        xs = [np.resize(np.asarray(x, dtype), size) for x in xs]
        y = np.empty(size, dtype)
        run(*(x.ctypes.data for x in [*xs, y]), size)
        del keep
        return y

    return function


def _nest(name, dtype, lanes, inputs, *, estimates):
    b = NestBuilder("body", lanes, estimates=estimates)
    function = b.sqrt if name == "sqrt" else functools.partial(getattr(maths, name), b)
    *xs, y = [b.argument(POINTER) for _ in range(inputs + 1)]
    size = b.argument(INDEX)

    def body(i):
        values = [b.load(b.address(x, i, dtype), dtype, lanes) for x in xs]
        b.store(function(*values), b.address(y, i, dtype))
        return ()

    b.loop(b.index(0), size, lanes, body)
    return b.function()


def _call(flush, pointers):
    arguments = ", ".join([*(f"ptr %p{i}" for i in range(pointers)), "i64 %n"])
    enter = "%state = call i64 @enter()" if flush else ""
    leave = "call void @leave(i64 %state)" if flush else ""
    return f"""
define void @run({arguments}) {{
  {enter}
  call void @body({arguments})
  {leave}
  ret void
}}
"""


def ulps(y, exact):
    """How far `y` is from exact results, in units of the last place of those."""
    info, wide = np.finfo(y.dtype), exact.dtype.type
    # Beyond the largest number the next one would be this.
    beyond = wide(2) ** info.maxexp
    known = np.clip(exact, -beyond, beyond)
    got = np.clip(y.astype(wide), -beyond, beyond)
    exponent = np.frexp(np.where(np.isnan(known), 1, known))[1] - 1
    exponent = np.clip(exponent, info.minexp, info.maxexp - 1)
    error = np.abs(got - known) / np.ldexp(wide(1), exponent - info.nmant)
    # What is not a number has to be one in neither, and zero has to have its sign.
    error = np.where(np.isnan(y) | np.isnan(exact), np.inf, error)
    signs_differ = (exact == 0) & (np.signbit(y) != np.signbit(exact))
    error = np.where(signs_differ, np.inf, error)
    return np.where(np.isnan(y) & np.isnan(exact), 0, error)


def assert_close(y, exact, limit, *xs):
    error = ulps(y, exact)
    i = int(np.argmax(error))
    at = ", ".join(repr(x[i]) for x in xs)
    assert error[i] <= limit, f"{error[i]} ulp at {at}: {y[i]!r}, not {exact[i]!r}"


def same_bits(y, z):
    same = (y == z) & (np.signbit(y) == np.signbit(z))
    return np.all(same | (np.isnan(y) & np.isnan(z)))


def any_bits(dtype, size, seed=0):
    """Numbers whose bits are random: all magnitudes, and some NaN."""
    rng = np.random.default_rng(seed)
    bits = 8 * np.dtype(dtype).itemsize
    return rng.integers(0, 1 << bits, size, dtype=f"u{bits // 8}").view(dtype)


def special(dtype):
    values = np.array(SPECIAL)
    return np.concatenate([values, -values]).astype(dtype)


def usual(dtype, size, seed=0):
    """Numbers of all the sizes at which something happens."""
    rng = np.random.default_rng(seed)
    scales = [1e-6, 1e-3, 0.1, 0.5, 1, 3, 10, 30, 100, 300]
    near = [rng.normal(size=size) * scale for scale in scales]
    near += [1 + rng.normal(size=size) * 1e-3, np.abs(rng.normal(size=size)) * 1e-3 - 1]
    near += [rng.uniform(-746, -700, size), rng.uniform(-104, -86, size)]
    near += [rng.uniform(8, 30, size), np.arange(size) * math.pi / 2]
    return np.concatenate(near).astype(dtype)


@pytest.mark.parametrize("name", UNARY)
def test_float32_over_its_whole_range(name):
    # The step is a prime, so that the last bits differ; it meets 2.1 million numbers.
    x = np.arange(0, 1 << 32, 2039, dtype=np.uint64).astype(np.uint32).view(np.float32)
    x = np.concatenate([x, special(np.float32), usual(np.float32, 1 << 12)])
    y = compiled(name, np.float32)(x)[: x.size]
    assert_close(y, oracle(name)(x.astype(np.float64)), LIMITS[name][0], x)


@LONG
@pytest.mark.parametrize("name", [n for n in UNARY if not n.startswith("erf")])
def test_float64_over_its_whole_range(name):
    x = any_bits(np.float64, 1 << 16)
    x = np.concatenate([x, special(np.float64), usual(np.float64, 1 << 13)])
    y = compiled(name, np.float64)(x)[: x.size]
    assert_close(y, oracle(name)(x.astype(np.longdouble)), LIMITS[name][1], x)


@pytest.mark.parametrize("name", ["erf", "erfc"])
def test_error_function_of_float64(name):
    x = any_bits(np.float64, 1 << 13)
    x = np.concatenate([x, special(np.float64), usual(np.float64, 1 << 11)])
    y = compiled(name, np.float64)(x)[: x.size]
    # The C library's own result is within one unit.
    assert_close(y, exact_error(name)(x), LIMITS[name][1] + 1, x)


def powers(dtype, size):
    """Bases and exponents whose powers use the whole range."""
    rng = np.random.default_rng(0)
    low, high = np.finfo(dtype).minexp, np.finfo(dtype).maxexp
    base = np.concatenate(
        [
            any_bits(dtype, size),
            any_bits(dtype, size, 1),
            1 + rng.normal(size=size) * 1e-5,
            rng.uniform(0.5, 2, size),
            -np.exp(rng.normal(size=size)),
            np.exp(rng.uniform(0.7 * low, 0.7 * high, size)),
            rng.uniform(0.01, 100, size),
        ]
    ).astype(dtype)
    exponent = np.concatenate(
        [
            any_bits(dtype, size, 2),
            rng.normal(size=size),
            rng.normal(size=size) * 1e6,
            rng.normal(size=size) * high / 4,
            np.round(rng.normal(size=size) * 30),
            rng.choice([0.5, -0.5, 1 / 3, 2.0, -2.0, 1.5], size),
            low / np.log2(np.abs(base[-size:])) * rng.uniform(0.9, 1.2, size),
        ]
    ).astype(dtype)
    return base, exponent


@LONG
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_power(dtype):
    x, y = powers(dtype, 1 << 14)
    z = compiled("power", dtype)(x, y)
    exact = np.power(x.astype(np.longdouble), y.astype(np.longdouble))
    assert_close(z, exact, LIMITS["power"][dtype == np.float64], x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_cases_of_power_are_those_of_numpy(dtype):
    values = special(dtype)
    x, y = (v.ravel() for v in np.meshgrid(values, values))
    z = compiled("power", dtype)(x, y)[: x.size]
    expected = np.power(x, y)
    ends = ~np.isfinite(expected) | (expected == 0) | (np.abs(expected) == 1)
    assert same_bits(z[ends], expected[ends])
    assert_close(z, expected.astype(np.longdouble), 2, x, y)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint32", "int64"])
def test_power_of_integers_wraps_as_in_numpy(dtype):
    rng = np.random.default_rng(0)
    ends = np.iinfo(dtype)
    x = rng.integers(ends.min, ends.max, 1024, dtype, endpoint=True)
    y = rng.integers(0, ends.max, 1024, dtype, endpoint=True)
    x[::2] %= 7
    y[::3] %= 11
    assert np.array_equal(compiled("power", dtype)(x, y), np.power(x, y))


def arguments(name, dtype):
    x = np.concatenate([special(dtype), any_bits(dtype, 4096), usual(dtype, 256)])
    return (x, np.roll(x, 17)) if name == "power" else (x,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_machine_code_gives_the_bits_of_the_instructions(name, dtype):
    xs = arguments(name, dtype)
    expected = getattr(maths, name)(NumpyInstructions(), *xs)
    assert same_bits(compiled(name, dtype)(*xs)[: xs[0].size], expected)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_scalars_and_narrow_vectors_give_the_bits_of_wide_ones(name):
    xs = arguments(name, np.float32)
    size = xs[0].size
    wide = compiled(name, np.float32, 16)(*xs)[:size]
    assert same_bits(compiled(name, np.float32, 1)(*xs), wide)
    assert same_bits(compiled(name, np.float32, 8)(*xs)[:size], wide)


@pytest.mark.skipif(host().architecture != "x86_64", reason="needs an x86-64")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_older_processors_give_the_same_bits(name, dtype):
    xs = arguments(name, dtype)
    here = compiled(name, dtype)(*xs)[: xs[0].size]
    there = compiled(name, dtype, target=named("x86-64-v3"))(*xs)[: xs[0].size]
    assert same_bits(there, here)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_flushing_denormals_changes_denormals_only(name, dtype):
    xs = arguments(name, dtype)
    smallest = np.finfo(dtype).smallest_normal
    plain = compiled(name, dtype)(*xs)[: xs[0].size]
    flushed = compiled(name, dtype, flush=True)(*xs)[: xs[0].size]
    denormal = np.abs(plain) <= smallest
    for x in xs:
        denormal |= (x != 0) & (np.abs(x) <= smallest)
    assert same_bits(plain[~denormal], flushed[~denormal])
    assert np.array_equal(np.isnan(plain[~denormal]), np.isnan(flushed[~denormal]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sin", "tanh", "erf", "expm1", "log1p"])
def test_zero_keeps_its_sign(name, dtype):
    zeros = np.array([0.0, -0.0], dtype)
    assert same_bits(compiled(name, dtype)(zeros)[:2], zeros)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sin", "tanh", "erf"])
def test_odd_functions_are_odd_to_the_last_bit(name, dtype):
    x = np.concatenate([any_bits(dtype, 4096), usual(dtype, 256)])
    f = compiled(name, dtype)
    assert same_bits(f(-x), -f(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("tanh", -1, 1),
        ("erf", -1, 1),
        ("erfc", 0, 2),
        ("sigmoid", 0, 1),
        ("sin", -1, 1),
        ("cos", -1, 1),
    ],
)
def test_results_keep_within_their_bounds(name, low, high, dtype):
    x = usual(dtype, 1 << 14)
    y = compiled(name, dtype)(x)
    assert y.min() >= low
    assert y.max() <= high


def test_angles_nearest_to_a_quarter_of_a_turn():
    # J.-M. Muller, "Elementary Functions": the float64 and the float32 that are nearest
    # to a multiple of pi / 2, and how near they are to it.
    x = np.array([6381956970095103 * 2.0**797])
    assert compiled("cos", np.float64)(x)[0] == pytest.approx(-4.6871659242546277e-19)
    x = np.array([16367173 * 2.0**72], np.float32)
    near = compiled("cos", np.float32)(x)[0]
    assert near == pytest.approx(math.cos(float(x[0])), rel=2e-7)


def test_fused_multiply_add_on_arrays_rounds_once():
    b = NumpyInstructions()
    # (1 + e)(1 - e) - 1 is -e**2, of which a rounded product keeps nothing.
    for dtype in (np.float32, np.float64):
        e = np.array([np.finfo(dtype).eps], dtype)
        one = np.ones_like(e)
        assert b.fma(one + e, one - e, -one) == -e * e


class WithoutFusion(NumpyInstructions):
    """A processor that can only add, multiply and compare."""

    def fma(self, x, y, z):
        return maths.software_fma(self, *np.broadcast_arrays(x, y, z))

    def round(self, x):
        return maths.software_round(self, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", UNARY)
def test_processors_without_fusion_are_as_exact(name, dtype):
    double = dtype == np.float64
    if double and np.finfo(np.longdouble).nmant < 63:
        pytest.skip("long double is no longer than float64")
    x = np.concatenate([special(dtype), any_bits(dtype, 4096), usual(dtype, 512)])
    y = getattr(maths, name)(WithoutFusion(), x)
    if double and name.startswith("erf"):
        exact = exact_error(name)(x)
    else:
        exact = oracle(name)(x.astype(np.longdouble if double else np.float64))
    assert_close(y, exact, LIMITS[name][double] + 1, x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_powers_without_fusion(dtype):
    x, y = powers(dtype, 1 << 10)
    expected = maths.power(NumpyInstructions(), x, y)
    assert_close(maths.power(WithoutFusion(), x, y), expected.astype(np.longdouble), 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_whole_numbers_by_arithmetic(dtype):
    x = np.concatenate([special(dtype), any_bits(dtype, 4096), usual(dtype, 512)])
    x = np.concatenate([x, np.arange(-9, 9) / 2, [2.0**52 - 0.5, 2.0**23 - 0.5]])
    x = x.astype(dtype)
    assert same_bits(maths.software_round(NumpyInstructions(), x), np.rint(x))
    assert same_bits(maths.software_floor(NumpyInstructions(), x), np.floor(x))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fusion_by_arithmetic(dtype):
    b = NumpyInstructions()
    x = usual(dtype, 256)
    y = np.roll(x, 5)
    for z in (np.roll(x, 9), -(x * y), np.zeros_like(x), -np.zeros_like(x)):
        expected = b.fma(x, y, z)
        assert_close(maths.software_fma(b, x, y, z), expected.astype(np.longdouble), 1)
