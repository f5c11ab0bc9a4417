"""Random numbers, each a function of a key, a counter and its position.

Nothing is remembered between calls: the same key, counter and shape give the same
numbers, so whoever draws again counts on, or takes another key. Both are integers
below `2**32`.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

from chainrule import ops
from chainrule.expressions.promote import (
    DEFAULT_FLOAT,
    Operand,
    as_value,
    broadcast_to,
    cast_to,
)
from chainrule.ir import DType, Value

Shape = tuple[int, ...]

_UINT32 = np.dtype(np.uint32)
_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)


def uniform(
    key: Operand,
    counter: Operand,
    shape: Shape,
    *,
    low: float = 0.0,
    high: float = 1.0,
    dtype: DTypeLike = DEFAULT_FLOAT,
) -> Value:
    """Independent numbers from the uniform distribution on `[low, high)`.

    Between 0 and 1, every multiple of `2**-24` (of `2**-53` in float64) from 0 to
    below 1 is as likely as any other. With other limits, rounding may give `high`.

    >>> import chainrule as cr
    >>> cr.random.uniform(key=7, counter=0, shape=(3,))
    tensor([0.6060213, 0.8907336, 0.6509413])
    """
    key, counter = _word("key", key), _word("counter", counter)
    unit = _UNIT[_float("uniform", dtype)](key, counter, shape, 0)
    if (low, high) == (0.0, 1.0):
        return unit
    return ops.add(ops.scale(unit, high - low), ops.full_like(unit, low))


def normal(
    key: Operand,
    counter: Operand,
    shape: Shape,
    *,
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DTypeLike = DEFAULT_FLOAT,
) -> Value:
    """Independent numbers from the normal distribution; all of them are finite.

    By Box and Muller 1958, "A note on the generation of random normal deviates":
    `sqrt(-2 log u) cos(2 pi v)` for two uniform numbers, `u` never 0. In float32 the
    largest is 6.8 standard deviations from the mean, in float64 8.6.

    >>> import chainrule as cr
    >>> print(f"{cr.random.normal(key=7, counter=0, shape=(10_000,)).std():.1f}")
    1.0
    """
    key, counter = _word("key", key), _word("counter", counter)
    found = _float("normal", dtype)
    u = _ABOVE_ZERO[found](key, counter, shape)
    v = _UNIT[found](key, counter, shape, _NEXT[found])
    radius = ops.sqrt(ops.scale(ops.log(u), -2))
    z = ops.multiply(radius, ops.cos(ops.scale(v, 2 * math.pi)))
    if (mean, std) == (0.0, 1.0):
        return z
    return ops.add(ops.scale(z, std), ops.full_like(z, mean))


def bernoulli(key: Operand, counter: Operand, p: Operand, shape: Shape) -> Value:
    """Independent booleans, each true with probability `p`.

    `p` is a number, or a tensor that broadcasts to `shape`. At 0 none is true and at 1
    all are.

    >>> import chainrule as cr
    >>> cr.random.bernoulli(key=7, counter=1, p=0.5, shape=(3,))
    tensor([ True, False, False])
    """
    draw = uniform(key, counter, shape)
    threshold = cast_to(as_value(p), draw.type.dtype)
    return ops.less(draw, broadcast_to(threshold, shape, "bernoulli"))


def _unit32(key: Value, counter: Value, shape: Shape, word: int) -> Value:
    """Multiples of `2**-24` below 1, of one word."""
    bits = ops.random_bits(key, counter, shape, word)
    return ops.scale(ops.cast(ops.shift_right(bits, 8), _FLOAT32), 2.0**-24)


def _unit64(key: Value, counter: Value, shape: Shape, word: int) -> Value:
    """Multiples of `2**-53` below 1, of two words."""
    high = ops.shift_right(ops.random_bits(key, counter, shape, word), 5)
    low = ops.shift_right(ops.random_bits(key, counter, shape, word + 1), 6)
    parts = ops.scale(ops.cast(high, _FLOAT64), 2.0**-27), ops.cast(low, _FLOAT64)
    return ops.add(parts[0], ops.scale(parts[1], 2.0**-53))


def _above_zero32(key: Value, counter: Value, shape: Shape) -> Value:
    """`(bits + 1/2) / 2**32`, rounded: all 32 bits, for they are the normal's tail."""
    bits = ops.cast(ops.random_bits(key, counter, shape, 0), _FLOAT32)
    return ops.scale(ops.add(bits, ops.full_like(bits, 0.5)), 2.0**-32)


def _above_zero64(key: Value, counter: Value, shape: Shape) -> Value:
    unit = _unit64(key, counter, shape, 0)
    return ops.subtract(ops.full_like(unit, 1), unit)


# What depends on the dtype: how uniform numbers on [0, 1) and on (0, 1] are made, and
# the first word that the latter leave unused.
_UNIT = {_FLOAT32: _unit32, _FLOAT64: _unit64}
_ABOVE_ZERO = {_FLOAT32: _above_zero32, _FLOAT64: _above_zero64}
_NEXT = {_FLOAT32: 1, _FLOAT64: 2}


def _float(name: str, dtype: DTypeLike) -> DType:
    found = np.dtype(dtype)
    if found not in _UNIT:
        raise TypeError(f"{name}: random numbers are float32 or float64, not {found}")
    return found


def _word(name: str, x: Operand) -> Value:
    """A key or a counter as the graph wants it."""
    if isinstance(x, int) and not 0 <= x < 2**32:
        raise ValueError(f"random: the {name} is between 0 and 2**32 - 1, not {x}")
    value = as_value(x)
    if value.type.dtype.kind not in "iu" or value.shape != ():
        raise TypeError(f"random: the {name} is a single integer, not {value.type}")
    return cast_to(value, _UINT32)
