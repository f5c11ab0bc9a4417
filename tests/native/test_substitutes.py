"""What stands in for instructions that the oldest processors lack."""

import ctypes
import math
from fractions import Fraction

import numpy as np
import pytest

from chainrule.native.image import load
from chainrule.native.linking import link
from chainrule.native.machine_code import assemble
from chainrule.native.target import host, named

pytestmark = pytest.mark.skipif(
    host().architecture != "x86_64", reason="runs code for x86"
)

KINDS = {"f32": (np.float32, "float"), "f64": (np.float64, "double")}


def compiled(name, short, count):
    """The function `llvm.<name>` over arrays, for a processor with SSE2 alone."""
    _, kind = KINDS[short]
    places = [f"ptr %x{i}" for i in range(count)]
    loads = "\n".join(
        f"  %at{i} = getelementptr {kind}, ptr %x{i}, i64 %i\n"
        f"  %v{i} = load {kind}, ptr %at{i}"
        for i in range(count)
    )
    values = ", ".join(f"{kind} %v{i}" for i in range(count))
    text = f"""
define void @run({", ".join(places)}, ptr %y, i64 %n) nounwind {{
  br label %each

each:
  %i = phi i64 [ 0, %0 ], [ %next, %each ]
{loads}
  %r = call {kind} @llvm.{name}.{short}({values})
  %at = getelementptr {kind}, ptr %y, i64 %i
  store {kind} %r, ptr %at
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %each, label %done

done:
  ret void
}}
declare {kind} @llvm.{name}.{short}({", ".join([kind] * count)})
"""
    code = load(link(assemble(text, named("x86-64"))))
    words = [ctypes.c_void_p] * (count + 1)
    run = ctypes.CFUNCTYPE(None, *words, ctypes.c_int64)(code.address("run"))

    def call(*arrays):
        y = np.empty_like(arrays[0])
        run(*(x.ctypes.data for x in arrays), y.ctypes.data, y.size)
        return y

    call.code = code
    return call


def numbers(dtype, count, rng, powers):
    """Numbers of all sizes between two powers of 2, of both signs, many of few bits."""
    whole = rng.integers(-(2**12), 2**12, count)
    fine = rng.uniform(-1, 1, count)
    x = np.where(rng.random(count) < 0.5, whole / 4, fine)
    return np.ldexp(x, rng.integers(*powers, count)).astype(dtype)


SPECIAL = [0.0, -0.0, 0.5, -0.5, 1.5, 2.5, -2.5, 1e30, -1e30, math.inf, -math.inf]


@pytest.mark.parametrize("short", ["f32", "f64"])
@pytest.mark.parametrize("name", ["floor", "ceil", "trunc", "rint"])
def test_rounding(name, short):
    dtype, _ = KINDS[short]
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [numbers(dtype, 20_000, rng, (-10, 60)), np.array([*SPECIAL, math.nan], dtype)]
    )
    expected, actual = getattr(np, name)(x), compiled(name, short, 1)(x)
    assert np.array_equal(actual, expected, equal_nan=True)
    numeric = ~np.isnan(x)
    assert np.array_equal(np.signbit(actual[numeric]), np.signbit(expected[numeric]))


def exact(x, y, z, dtype):
    """x y + z, rounded once."""
    value = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if dtype == np.float64:
        return float(value)
    # To odd in double first, so that the rounding to float is the only one.
    near = float(value)
    if Fraction(near) != value and np.float64(near).view(np.int64) % 2 == 0:
        near = math.nextafter(near, math.inf if value > Fraction(near) else -math.inf)
    return np.float32(near)


@pytest.mark.parametrize(
    ("short", "powers"), [("f32", (-30, 30)), ("f64", (-200, 200)), ("f64", (-4, 4))]
)
def test_fused_multiply_and_add_rounds_once(short, powers):
    dtype, _ = KINDS[short]
    rng = np.random.default_rng(1)
    x, y, z = (numbers(dtype, 5_000, rng, powers) for _ in range(3))
    # A third of the sums cancel, or nearly so; another third are ties, or nearly so.
    z[::3] = -(x[::3] * y[::3])
    z[1::3] = np.ldexp(x[1::3] * y[1::3], int(-np.finfo(dtype).nmant) - 1)
    expected = np.array([exact(*v, dtype) for v in zip(x, y, z, strict=True)], dtype)
    assert np.array_equal(compiled("fma", short, 3)(x, y, z), expected)


@pytest.mark.parametrize("short", ["f32", "f64"])
def test_fused_multiply_and_add_of_what_is_no_number(short):
    dtype, _ = KINDS[short]
    largest = np.finfo(dtype).max
    rows = [
        (math.inf, 1, 1, math.inf),
        (math.inf, 0, 1, math.nan),
        (math.inf, 1, -math.inf, math.nan),
        (1, 2, math.nan, math.nan),
        (largest, 2, 0, math.inf),
        (-largest, 2, 0, -math.inf),
        (largest, 1, 0, largest),
        (2, 3, math.inf, math.inf),
        (0, 5, 7, 7),
        (0, 5, 0, 0),
    ]
    x, y, z, expected = np.array(rows, dtype).T.copy()
    actual = compiled("fma", short, 3)(x, y, z)
    assert np.array_equal(actual, expected, equal_nan=True)


def test_processors_that_have_the_instructions_do_without():
    text = "define float @f(float %x) {\n  %y = call float @llvm.floor.f32(float %x)\n"
    text += "  ret float %y\n}\ndeclare float @llvm.floor.f32(float)\n"
    assert set(link(assemble(text, named("x86-64-v3"))).symbols) == {"f"}
    assert {"f", "floorf"} <= set(link(assemble(text, named("x86-64"))).symbols)
