"""Functions of each element by itself, with NumPy's broadcasting and promotion.

Two operands are repeated along axes of extent 1 until their shapes agree, and take the
dtype that NumPy's promotion gives them; a Python number takes that of the tensor it
meets. Functions of real numbers turn integers into floats first.
"""

from collections.abc import Callable
from typing import TypeGuard

import numpy as np
from numpy.typing import DTypeLike

from chainrule import ops
from chainrule.expressions.promote import (
    Operand,
    as_value,
    broadcast_together,
    cast_to,
    floating,
    promote,
)
from chainrule.ir import Value

_BOOL = np.dtype(np.bool_)


def _together(name: str, a: Operand, b: Operand) -> list[Value]:
    """Both operands in one shape and dtype."""
    return broadcast_together(name, *promote(a, b))


def _numbers_or_booleans(
    numbers: Callable[[Value, Value], Value],
    booleans: Callable[[Value, Value], Value],
    a: Value,
    b: Value,
) -> Value:
    """What NumPy does: arithmetic of two booleans is logic."""
    return (booleans if a.type.dtype == _BOOL else numbers)(a, b)


# --- arithmetic ------------------------------------------------------------------


def add(a: Operand, b: Operand) -> Value:
    """`a + b`; of two booleans, `a or b`.

    >>> import chainrule as cr
    >>> cr.add([1.0, 2.0], [[10.0], [20.0]])
    tensor([[11., 12.],
            [21., 22.]])
    """
    a, b = _together("add", a, b)
    return _numbers_or_booleans(ops.add, ops.logical_or, a, b)


def subtract(a: Operand, b: Operand) -> Value:
    """`a - b`. Booleans have no difference: see `not_equal`.

    >>> import chainrule as cr
    >>> cr.subtract([1.0, 2.0], 0.5)
    tensor([0.5, 1.5])
    """
    return ops.subtract(*_together("subtract", a, b))


def multiply(a: Operand, b: Operand) -> Value:
    """`a b`; of two booleans, `a and b`.

    >>> import chainrule as cr
    >>> cr.multiply([1.0, 2.0], 3)
    tensor([3., 6.])
    """
    a, b = _together("multiply", a, b)
    return _numbers_or_booleans(ops.multiply, ops.logical_and, a, b)


def divide(a: Operand, b: Operand) -> Value:
    """`a / b`, always of floats; infinite or NaN where `b` is 0.

    >>> import chainrule as cr
    >>> cr.divide([1.0, 2.0], 4.0)
    tensor([0.25, 0.5 ])
    """
    a, b = (floating(x) for x in promote(a, b))
    return ops.divide(*broadcast_together("divide", a, b))


def floor_divide(a: Operand, b: Operand) -> Value:
    """`floor(a / b)`, without a gradient. Integers divided by 0 give 0.

    >>> import chainrule as cr
    >>> cr.floor_divide([7, -7], 2)
    tensor([ 3, -4])
    """
    return ops.floor_divide(*_together("floor_divide", a, b))


def remainder(a: Operand, b: Operand) -> Value:
    """`a - floor(a / b) b`, which has the sign of `b`, as `%` in Python and NumPy.

    >>> import chainrule as cr
    >>> cr.remainder([7, -7], 3)
    tensor([1, 2])
    """
    return ops.remainder(*_together("remainder", a, b))


def negate(x: Operand) -> Value:
    """`-x`. Booleans have no negative: see `logical_not`.

    >>> import chainrule as cr
    >>> cr.negate([1.0, -2.0])
    tensor([-1.,  2.])
    """
    return ops.negate(as_value(x))


def abs(x: Operand) -> Value:
    """`|x|`. Its gradient is `sign(x)`, 0 at 0.

    >>> import chainrule as cr
    >>> cr.abs([1.0, -2.0])
    tensor([1., 2.])
    """
    return ops.absolute(as_value(x))


def sign(x: Operand) -> Value:
    """-1, 0 or 1, as `x` is negative, 0 or positive; without a gradient.

    >>> import chainrule as cr
    >>> cr.sign([3.0, 0.0, -2.0])
    tensor([ 1.,  0., -1.])
    """
    return ops.sign(as_value(x))


def square(x: Operand) -> Value:
    """`x**2`.

    >>> import chainrule as cr
    >>> cr.square([3.0, -2.0])
    tensor([9., 4.])
    """
    return ops.square(as_value(x))


def power(a: Operand, b: Operand) -> Value:
    """`a**b`; NaN where `a < 0` and `b` is no integer; `0**0` is 1.

    The gradient with respect to `b` is `a**b log(a)`, which is NaN for negative `a`.
    Raises `ValueError` for a negative power of integers, which would be no integer.

    >>> import chainrule as cr
    >>> cr.power([1.0, 2.0, 3.0], 2)
    tensor([1., 4., 9.])
    """
    a, b = _together("power", a, b)
    exponent = ops.literal(b)
    if a.type.dtype.kind in "iu" and exponent is not None and exponent < 0:
        raise ValueError(
            f"power: {exponent:g} is a negative power of integers, which is no "
            "integer: make the base a float first, for instance x.astype('float32')"
        )
    return ops.power.simplify(a, b) or ops.power(a, b)


def floor(x: Operand) -> Value:
    """The largest integer that is not above `x`, as a float; without a gradient.

    >>> import chainrule as cr
    >>> cr.floor([1.5, -1.5])
    tensor([ 1., -2.])
    """
    return _rounded(ops.floor, x)


def ceil(x: Operand) -> Value:
    """The smallest integer that is not below `x`, as a float; without a gradient.

    >>> import chainrule as cr
    >>> cr.ceil([1.5, -1.5])
    tensor([ 2., -1.])
    """
    return _rounded(ops.ceil, x)


def round(x: Operand) -> Value:
    """The nearest integer, as a float; halves go to the even one. No gradient.

    >>> import chainrule as cr
    >>> cr.round([0.5, 1.5, 2.6])
    tensor([0., 2., 3.])
    """
    return _rounded(ops.round_, x)


def _rounded(operation: Callable[[Value], Value], x: Operand) -> Value:
    """Integers and booleans are round already."""
    value = as_value(x)
    return operation(value) if value.type.is_floating else value


# --- exponentials ----------------------------------------------------------------


def exp(x: Operand) -> Value:
    """`e**x`.

    >>> import chainrule as cr
    >>> print(f"{cr.exp(1.0):.5f}")
    2.71828
    """
    return ops.exp(floating(x))


def expm1(x: Operand) -> Value:
    """`e**x - 1`, with all its digits near 0 as well.

    >>> import chainrule as cr
    >>> cr.expm1(1e-10)
    tensor(1.e-10)
    """
    return ops.expm1(floating(x))


def log(x: Operand) -> Value:
    """`log x`, the natural logarithm: minus infinity at 0, NaN below.

    >>> import chainrule as cr
    >>> print(f"{cr.log(10.0):.5f}")
    2.30259
    """
    return ops.log(floating(x))


def log1p(x: Operand) -> Value:
    """`log(1 + x)`, with all its digits near 0 as well; NaN below -1.

    >>> import chainrule as cr
    >>> cr.log1p(1e-10)
    tensor(1.e-10)
    """
    return ops.log1p(floating(x))


def sqrt(x: Operand) -> Value:
    """The square root of `x`; NaN below 0. Its gradient at 0 is infinite.

    >>> import chainrule as cr
    >>> cr.sqrt([4.0, 9.0])
    tensor([2., 3.])
    """
    return ops.sqrt(floating(x))


def rsqrt(x: Operand) -> Value:
    """`1 / sqrt(x)`; infinite at 0, NaN below.

    >>> import chainrule as cr
    >>> cr.rsqrt([4.0, 16.0])
    tensor([0.5 , 0.25])
    """
    return ops.rsqrt(floating(x))


def sin(x: Operand) -> Value:
    """`sin x`, with `x` in radians.

    >>> import chainrule as cr
    >>> print(f"{cr.sin(0.5):.5f}")
    0.47943
    """
    return ops.sin(floating(x))


def cos(x: Operand) -> Value:
    """`cos x`, with `x` in radians.

    >>> import chainrule as cr
    >>> print(f"{cr.cos(0.5):.5f}")
    0.87758
    """
    return ops.cos(floating(x))


def tanh(x: Operand) -> Value:
    """`tanh x = (e**x - e**-x) / (e**x + e**-x)`, between -1 and 1.

    >>> import chainrule as cr
    >>> print(f"{cr.tanh(1.0):.5f}")
    0.76159
    """
    return ops.tanh(floating(x))


# --- activations -----------------------------------------------------------------


def sigmoid(x: Operand) -> Value:
    """`1 / (1 + e**-x)`, between 0 and 1; its gradient is `y (1 - y)`.

    >>> import chainrule as cr
    >>> cr.sigmoid([0.0, -1000.0])
    tensor([0.5, 0. ])
    """
    return ops.sigmoid(floating(x))


def softplus(x: Operand) -> Value:
    """`log(1 + e**x)`, a smooth `max(x, 0)`; its gradient is `sigmoid(x)`.

    >>> import chainrule as cr
    >>> cr.softplus([-1000.0, 1000.0])
    tensor([   0., 1000.])
    """
    return ops.softplus(floating(x))


def erf(x: Operand) -> Value:
    """`2 / sqrt(pi)` times the integral of `e**(-t**2)` from 0 to `x`.

    >>> import chainrule as cr
    >>> print(f"{cr.erf(0.5):.5f}")
    0.52050
    """
    return ops.erf(floating(x))


def erfc(x: Operand) -> Value:
    """`1 - erf(x)`, with all its digits where that is small.

    >>> import chainrule as cr
    >>> print(f"{cr.erfc(5.0):.4g}")
    1.537e-12
    """
    return ops.erfc(floating(x))


def relu(x: Operand) -> Value:
    """`max(x, 0)`; its gradient is 1 above 0 and 0 elsewhere.

    >>> import chainrule as cr
    >>> cr.relu([-1.0, 2.0])
    tensor([0., 2.])
    """
    return ops.relu(floating(x))


def leaky_relu(x: Operand, slope: float = 0.01) -> Value:
    """`x` above 0, `slope x` elsewhere.

    >>> import chainrule as cr
    >>> cr.leaky_relu([-1.0, 2.0], slope=0.1)
    tensor([-0.1,  2. ])
    """
    return ops.leaky_relu(floating(x), slope)


def elu(x: Operand, alpha: float = 1.0) -> Value:
    """`x` above 0, `alpha (e**x - 1)` elsewhere.

    From Clevert et al. 2016, "Fast and accurate deep network learning by exponential
    linear units (ELUs)", equation 14.

    >>> import chainrule as cr
    >>> cr.elu([-1000.0, 2.0])
    tensor([-1.,  2.])
    """
    return ops.elu(floating(x), alpha)


def selu(x: Operand) -> Value:
    """`c x` above 0, `c alpha (e**x - 1)` elsewhere.

    `alpha = 1.6732632` and `c = 1.0507010` keep mean 0 and variance 1 from layer to
    layer: Klambauer et al. 2017, "Self-normalizing neural networks", equation 2.

    >>> import chainrule as cr
    >>> print(f"{cr.selu(-1.0):.5f} {cr.selu(2.0):.5f}")
    -1.11133 2.10140
    """
    alpha, factor = 1.6732632423543772, 1.0507009873554805
    return ops.elu(floating(x), alpha, factor)


def silu(x: Operand) -> Value:
    """`x sigmoid(x)`, also known as swish.

    >>> import chainrule as cr
    >>> print(f"{cr.silu(-1.0):.5f} {cr.silu(2.0):.5f}")
    -0.26894 1.76159
    """
    return ops.silu(floating(x))


def gelu(x: Operand, *, approximate: bool = False) -> Value:
    """`x P(X <= x)` for a standard normal `X`, which is `x/2 (1 + erf(x / sqrt(2)))`.

    With `approximate` it is `x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x**3)))`, as some
    published networks use it: Hendrycks and Gimpel 2016, "Gaussian error linear units".

    >>> import chainrule as cr
    >>> print(f"{cr.gelu(-1.0):.5f} {cr.gelu(2.0):.5f}")
    -0.15866 1.95450
    """
    value = floating(x)
    return _gelu_by_tanh(value) if approximate else ops.gelu(value)


def _gelu_by_tanh(x: Value) -> Value:
    # (1 + tanh u) / 2 is sigmoid(2u), which keeps its digits where tanh u is near -1.
    # Beyond 30 that is 0 or 1, and the cube must not overflow.
    near = ops.clip(x, -30, 30)
    slope = ops.add(ops.full_like(x, 1), ops.scale(ops.square(near), 0.044715))
    u = ops.scale(ops.multiply(near, slope), (2 / np.pi) ** 0.5)
    return ops.multiply(x, ops.sigmoid(ops.scale(u, 2)))


def hardtanh(x: Operand, low: float = -1.0, high: float = 1.0) -> Value:
    """`x` between `low` and `high`, the nearer of the two elsewhere.

    >>> import chainrule as cr
    >>> cr.hardtanh([-3.0, 0.5, 3.0])
    tensor([-1. ,  0.5,  1. ])
    """
    return ops.clip(floating(x), low, high)


# --- limits ----------------------------------------------------------------------


def maximum(a: Operand, b: Operand) -> Value:
    """The larger of `a` and `b`, NaN if either is; of two booleans, `a or b`.

    The gradient goes to the larger one, half to each where they are equal.

    >>> import chainrule as cr
    >>> cr.maximum([1.0, 5.0], 3.0)
    tensor([3., 5.])
    """
    a, b = _together("maximum", a, b)
    return _numbers_or_booleans(ops.maximum, ops.logical_or, a, b)


def minimum(a: Operand, b: Operand) -> Value:
    """The smaller of `a` and `b`, NaN if either is; of two booleans, `a and b`.

    The gradient goes to the smaller one, half to each where they are equal.

    >>> import chainrule as cr
    >>> cr.minimum([1.0, 5.0], 3.0)
    tensor([1., 3.])
    """
    a, b = _together("minimum", a, b)
    return _numbers_or_booleans(ops.minimum, ops.logical_and, a, b)


def clip(x: Operand, low: Operand | None = None, high: Operand | None = None) -> Value:
    """`x` between `low` and `high`, the nearer of the two elsewhere.

    The limits are numbers, or tensors that broadcast with `x`; `None` is no limit.
    The gradient passes where `x` is between number limits or at one. Raises
    `ValueError` if the number `low` is above the number `high`.

    >>> import chainrule as cr
    >>> cr.clip([-3.0, 0.5, 3.0], -1.0, 1.0)
    tensor([-1. ,  0.5,  1. ])
    """
    if _is_limit(low) and _is_limit(high):
        return _clip_to_numbers(as_value(x), low, high)
    y = as_value(x) if low is None else maximum(x, low)
    return y if high is None else minimum(y, high)


def _clip_to_numbers(x: Value, low: float | None, high: float | None) -> Value:
    limits = [limit for limit in (low, high) if limit is not None]
    if not limits:
        return x
    x = cast_to(x, np.result_type(x.type.dtype, *limits))
    if not x.type.is_floating:
        # A limit that no number of this dtype is beyond is none.
        range_ = np.iinfo(x.type.dtype)
        low = low if low is None or low > range_.min else None
        high = high if high is None or high < range_.max else None
    return ops.clip(x, low, high)


def _is_limit(limit: Operand | None) -> TypeGuard[float | None]:
    return limit is None or type(limit) in (int, float)


# --- comparison and logic --------------------------------------------------------


def less(a: Operand, b: Operand) -> Value:
    """`a < b`; false where either is NaN.

    >>> import chainrule as cr
    >>> cr.less([1.0, 2.0, 3.0], 2.0)
    tensor([ True, False, False])
    """
    return ops.less(*_ordered("less", a, b))


def less_equal(a: Operand, b: Operand) -> Value:
    """`a <= b`; false where either is NaN.

    >>> import chainrule as cr
    >>> cr.less_equal([1.0, 2.0, 3.0], 2.0)
    tensor([ True,  True, False])
    """
    return ops.less_equal(*_ordered("less_equal", a, b))


def greater(a: Operand, b: Operand) -> Value:
    """`a > b`; false where either is NaN.

    >>> import chainrule as cr
    >>> cr.greater([1.0, 2.0, 3.0], 2.0)
    tensor([False, False,  True])
    """
    a, b = _ordered("greater", a, b)
    return ops.less(b, a)


def greater_equal(a: Operand, b: Operand) -> Value:
    """`a >= b`; false where either is NaN.

    >>> import chainrule as cr
    >>> cr.greater_equal([1.0, 2.0, 3.0], 2.0)
    tensor([False,  True,  True])
    """
    a, b = _ordered("greater_equal", a, b)
    return ops.less_equal(b, a)


def _ordered(name: str, a: Operand, b: Operand) -> list[Value]:
    """Both in one shape and dtype; false comes before true."""
    values = _together(name, a, b)
    if values[0].type.dtype == _BOOL:
        return [ops.cast(x, np.dtype(np.uint8)) for x in values]
    return values


def equal(a: Operand, b: Operand) -> Value:
    """`a == b`; false where either is NaN.

    >>> import chainrule as cr
    >>> cr.equal([1.0, 2.0, 3.0], 2.0)
    tensor([False,  True, False])
    """
    return ops.equal(*_together("equal", a, b))


def not_equal(a: Operand, b: Operand) -> Value:
    """`a != b`; true where either is NaN.

    >>> import chainrule as cr
    >>> cr.not_equal([1.0, 2.0, 3.0], 2.0)
    tensor([ True, False,  True])
    """
    return ops.not_equal(*_together("not_equal", a, b))


def logical_and(a: Operand, b: Operand) -> Value:
    """Whether both hold. A number holds where it is not 0.

    >>> import chainrule as cr
    >>> cr.logical_and([True, True, False], [True, False, False])
    tensor([ True, False, False])
    """
    return ops.logical_and(*broadcast_together("logical_and", _truth(a), _truth(b)))


def logical_or(a: Operand, b: Operand) -> Value:
    """Whether one or both hold. A number holds where it is not 0.

    >>> import chainrule as cr
    >>> cr.logical_or([True, True, False], [True, False, False])
    tensor([ True,  True, False])
    """
    return ops.logical_or(*broadcast_together("logical_or", _truth(a), _truth(b)))


def logical_not(x: Operand) -> Value:
    """Whether `x` does not hold. A number holds where it is not 0.

    >>> import chainrule as cr
    >>> cr.logical_not([True, False])
    tensor([False,  True])
    """
    return ops.logical_not(_truth(x))


def _truth(x: Operand) -> Value:
    value = as_value(x)
    if value.type.dtype == _BOOL:
        return value
    return ops.not_equal(value, ops.full_like(value, 0))


def where(condition: Operand, a: Operand, b: Operand) -> Value:
    """`a` where `condition` holds, else `b`. A number holds where it is not 0.

    The gradient of what is not chosen is 0, whatever its value: infinities and NaN of
    the other branch stay out of it.

    >>> import chainrule as cr
    >>> cr.where([True, False], [1.0, 2.0], 0.0)
    tensor([1., 0.])
    """
    values = broadcast_together("where", _truth(condition), *promote(a, b))
    return ops.where(*values)


def isnan(x: Operand) -> Value:
    """Whether `x` is NaN, which is not equal even to itself.

    >>> import chainrule as cr
    >>> cr.isnan([1.0, float("nan")])
    tensor([False,  True])
    """
    value = as_value(x)
    return ops.not_equal(value, value)


def isfinite(x: Operand) -> Value:
    """Whether `x` is neither infinite nor NaN.

    >>> import chainrule as cr
    >>> cr.isfinite([1.0, float("inf"), float("nan")])
    tensor([ True, False, False])
    """
    value = as_value(x)
    if not value.type.is_floating:
        return ops.equal(value, value)
    return ops.less(ops.absolute(value), ops.full_like(value, np.inf))


# --- the same numbers ------------------------------------------------------------


def cast(x: Operand, dtype: DTypeLike) -> Value:
    """`x` as another dtype; real numbers lose their fraction where it has none.

    Raises `TypeError` for a dtype that tensors do not have, as complex or text.

    >>> import chainrule as cr
    >>> cr.tensor([1.5, -1.5]).astype("int64")
    tensor([ 1, -1])
    """
    return cast_to(as_value(x), np.dtype(dtype))


def detach(x: Operand) -> Value:
    """`x`, as a constant: no gradient flows into what it was computed from.

    >>> import chainrule as cr
    >>> x = cr.tensor(3.0)
    >>> (cr.detach(x) * x).backward()
    >>> x.grad
    tensor(3.)
    """
    return ops.detach(as_value(x))
