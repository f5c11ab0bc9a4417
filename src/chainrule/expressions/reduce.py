"""Reductions: sums, means, extremes, norms, and what is made of them.

`axis` is one axis or several, counted from the end where negative; `None` stands for
all of them. With `keepdims` the axes stay, with extent 1. A statistic of no elements
that NumPy would call NaN is refused: such a NaN would only be found much later.
"""

import math
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from chainrule import ops
from chainrule.expressions.promote import (
    Operand,
    as_value,
    cast_to,
    check_axes,
    check_axis,
    floating,
)
from chainrule.expressions.shape import ravel, reshaped, transposed
from chainrule.ir import Value

Axis: TypeAlias = int | Sequence[int] | None
Axes: TypeAlias = tuple[int, ...]


def sum(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = sum of x over axis`. A sum of nothing is 0.

    Booleans and small integers are added as 64-bit integers.

    >>> import chainrule as cr
    >>> cr.sum(cr.tensor([[1., 2.], [3., 4.]]), axis=0)
    tensor([4., 6.])
    """
    value = _wide(as_value(x))
    axes = check_axes(axis, value.type.rank, "sum")
    return _kept(ops.sum_(value, axes), value, axes, keepdims)


def mean(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = (sum of x over axis) / n`, of integers too a real number.

    Raises `ValueError` if there are no elements: their mean would be NaN.

    >>> import chainrule as cr
    >>> cr.mean(cr.tensor([[1., 2.], [3., 4.]]), axis=1)
    tensor([1.5, 3.5])
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "mean")
    return _kept(_mean(value, axes, "mean"), value, axes, keepdims)


def var(
    x: Operand, axis: Axis = None, ddof: float = 0, keepdims: bool = False
) -> Value:
    """`y = (sum of (x - mean)**2 over axis) / (n - ddof)`: the variance.

    Raises `ValueError` unless there are more than `ddof` elements.

    >>> import chainrule as cr
    >>> cr.var(cr.tensor([1., 2., 3., 4.]))
    tensor(1.25)
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "var")
    return _kept(_variance(value, axes, ddof, "var"), value, axes, keepdims)


def std(
    x: Operand, axis: Axis = None, ddof: float = 0, keepdims: bool = False
) -> Value:
    """`y = sqrt(var(x))`: the standard deviation, with gradient 0 where it is 0.

    Raises `ValueError` unless there are more than `ddof` elements.

    >>> import chainrule as cr
    >>> cr.std(cr.tensor([1., 3.]))
    tensor(1.)
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "std")
    y = _root(_variance(value, axes, ddof, "std"))
    return _kept(y, value, axes, keepdims)


def max(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = the largest of x over axis`, NaN if one is NaN.

    Equal elements share the gradient equally. Raises `ValueError` if there are none.

    >>> import chainrule as cr
    >>> cr.max(cr.tensor([[1., 2.], [4., 3.]]), axis=1)
    tensor([2., 4.])
    """
    value = as_value(x)
    axes = check_axes(axis, value.type.rank, "max")
    return _kept(ops.max_(value, axes), value, axes, keepdims)


def min(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = the smallest of x over axis`, NaN if one is NaN.

    Equal elements share the gradient equally. Raises `ValueError` if there are none.

    >>> import chainrule as cr
    >>> cr.min(cr.tensor([[1., 2.], [4., 3.]]), axis=1)
    tensor([1., 3.])
    """
    value = as_value(x)
    axes = check_axes(axis, value.type.rank, "min")
    return _kept(ops.min_(value, axes), value, axes, keepdims)


def argmax(x: Operand, axis: int | None = None, keepdims: bool = False) -> Value:
    """The index of the largest of `x` along `axis`, or among all in row-major order.

    It is the first of equal ones; a NaN counts as the largest. Raises `ValueError` if
    there are no elements.

    >>> import chainrule as cr
    >>> cr.argmax(cr.tensor([[1., 2.], [4., 3.]]), axis=1)
    tensor([1, 0])
    """
    value = as_value(x)
    line, along, axes = _line(value, axis, "argmax")
    return _kept(ops.argmax(line, along), value, axes, keepdims)


def argmin(x: Operand, axis: int | None = None, keepdims: bool = False) -> Value:
    """The index of the smallest of `x` along `axis`, or among all in row-major order.

    It is the first of equal ones; a NaN counts as the smallest. Raises `ValueError` if
    there are no elements.

    >>> import chainrule as cr
    >>> cr.argmin(cr.tensor([[1., 2.], [4., 3.]]), axis=1)
    tensor([0, 1])
    """
    value = as_value(x)
    line, along, axes = _line(value, axis, "argmin")
    return _kept(ops.argmin(line, along), value, axes, keepdims)


def prod(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = product of x over axis`. A product of nothing is 1.

    It is multiplied in pairs, so its gradient holds where elements are 0. Booleans
    and small integers are multiplied as 64-bit integers.

    >>> import chainrule as cr
    >>> cr.prod(cr.tensor([1., 2., 3., 4.]))
    tensor(24.)
    """
    value = _wide(as_value(x))
    axes = check_axes(axis, value.type.rank, "prod")
    others = tuple(a for a in range(value.type.rank) if a not in axes)
    shape = tuple(value.shape[a] for a in others)
    count = _count(value, axes)
    y = reshaped(transposed(value, (*others, *axes)), (*shape, count))
    last = len(others)
    while y.shape[last] != 1:
        half = (y.shape[last] + 1) // 2 or 1
        y = _padded_with_ones(y, last, 2 * half - y.shape[last])
        front = ops.slice_along(y, last, 0, half)
        y = ops.multiply(front, ops.slice_along(y, last, half, 2 * half))
    return _kept(reshaped(y, shape), value, axes, keepdims)


def cumsum(x: Operand, axis: int | None = None) -> Value:
    """`y[i] = x[0] + ... + x[i]` along `axis`; without `axis`, of `x` raveled.

    >>> import chainrule as cr
    >>> cr.cumsum(cr.tensor([1., 2., 3.]))
    tensor([1., 3., 6.])
    """
    line, along, _ = _line(_wide(as_value(x)), axis, "cumsum")
    return ops.cumulative_sum(line, along)


def cumprod(x: Operand, axis: int | None = None) -> Value:
    """`y[i] = x[0] * ... * x[i]` along `axis`; without `axis`, of `x` raveled.

    Its gradient holds where elements are 0.

    >>> import chainrule as cr
    >>> cr.cumprod(cr.tensor([1., 2., 3.]))
    tensor([1., 2., 6.])
    """
    y, along, _ = _line(_wide(as_value(x)), axis, "cumprod")
    extent = y.shape[along]
    # After each step, y[i] is the product of twice as many elements that end at i.
    reach = 1
    while reach < extent:
        before = ops.slice_along(y, along, 0, extent - reach)
        y = ops.multiply(y, ops.pad_along(before, along, reach, 0, 1))
        reach *= 2
    return y


def all(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """Whether all of `x` over `axis` are true, or other than 0. All of nothing are.

    >>> import chainrule as cr
    >>> cr.all(cr.tensor([[True, False], [True, True]]), axis=1)
    tensor([False,  True])
    """
    return ops.logical_not(_some(ops.logical_not(_truth(x)), axis, keepdims, "all"))


def any(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """Whether some of `x` over `axis` is true, or other than 0. None of nothing is.

    >>> import chainrule as cr
    >>> cr.any(cr.tensor([[True, False], [False, False]]), axis=1)
    tensor([ True, False])
    """
    return _some(_truth(x), axis, keepdims, "any")


def logsumexp(x: Operand, axis: Axis = None, keepdims: bool = False) -> Value:
    """`y = log(sum of exp(x) over axis)`, without overflow.

    Where all of `x` is `-inf`, so is `y`. Raises `ValueError` if there are no
    elements.

    >>> import chainrule as cr
    >>> cr.logsumexp(cr.tensor([1000., 1000.]))
    tensor(1000.6932)
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "logsumexp")
    _count_some(value, axes, "logsumexp")
    top = ops.detach(ops.max_(value, axes))
    # An infinite one cannot be subtracted from itself.
    zero = ops.full_like(top, 0)
    top = ops.where(ops.equal(ops.subtract(top, top), zero), top, zero)
    shifted = ops.subtract(value, ops.broadcast(top, value.shape, axes))
    y = ops.add(ops.log(ops.sum_(ops.exp(shifted), axes)), top)
    return _kept(y, value, axes, keepdims)


def softmax(x: Operand, axis: Axis = -1) -> Value:
    """`y[i] = exp(x[i]) / sum of exp(x[j]) over axis`, without overflow.

    From logits to probabilities: each is positive and they sum to 1 over `axis`. A
    row of nothing but `-inf` gives NaN. Raises `ValueError` if there are no elements.

    >>> import chainrule as cr
    >>> cr.softmax(cr.tensor([0., 0.]))
    tensor([0.5, 0.5])
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "softmax")
    e = ops.exp(_below_top(value, axes, "softmax"))
    return ops.divide(e, ops.broadcast(ops.sum_(e, axes), value.shape, axes))


def log_softmax(x: Operand, axis: Axis = -1) -> Value:
    """`y[i] = x[i] - log(sum of exp(x[j]) over axis)`, without overflow.

    The logarithm of `softmax`, exact where that would round to 0. Raises `ValueError`
    if there are no elements.

    >>> import chainrule as cr
    >>> cr.log_softmax(cr.tensor([0., 1000.]))
    tensor([-1000.,     0.])
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "log_softmax")
    shifted = _below_top(value, axes, "log_softmax")
    total = ops.log(ops.sum_(ops.exp(shifted), axes))
    return ops.subtract(shifted, ops.broadcast(total, value.shape, axes))


def norm(
    x: Operand, ord: float = 2, axis: Axis = None, keepdims: bool = False
) -> Value:
    """`y = (sum of |x|**p over axis)**(1/p)` with `p = ord`: the length of a vector.

    The Euclidean norm by default, `sum of |x|` for 1, the largest `|x|` for infinity.
    Where `x` is 0 its gradient is taken as 0. Several axes are one long vector. Raises
    `ValueError` unless `ord` is positive.

    >>> import chainrule as cr
    >>> cr.norm(cr.tensor([3., 4.]))
    tensor(5.)
    """
    if not ord > 0:
        raise ValueError(f"norm: ord has to be positive, not {ord}")
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "norm")
    return _kept(_norm(value, ord, axes), value, axes, keepdims)


def normalize(x: Operand, ord: float = 2, axis: Axis = -1, eps: float = 1e-12) -> Value:
    """`y = x / max(norm(x), eps)`: vectors along `axis`, brought to length 1.

    `eps` keeps vectors of length 0 as they are.

    >>> import chainrule as cr
    >>> cr.normalize(cr.tensor([[3., 4.], [0., 0.]]))
    tensor([[0.6, 0.8],
            [0. , 0. ]])
    """
    value = floating(x)
    axes = check_axes(axis, value.type.rank, "normalize")
    length = norm(value, ord, axes)
    length = ops.maximum(length, ops.full_like(length, eps))
    return ops.divide(value, ops.broadcast(length, value.shape, axes))


# --- what they share --------------------------------------------------------------


def _kept(y: Value, x: Value, axes: Axes, keepdims: bool) -> Value:
    """`y`, which lacks the axes of `x`, with extents of 1 in their place on request."""
    if not keepdims:
        return y
    shape = tuple(1 if axis in axes else extent for axis, extent in enumerate(x.shape))
    return reshaped(y, shape)


def _wide(x: Value) -> Value:
    """`x` in the dtype in which NumPy adds and multiplies its elements."""
    kind, size = x.type.dtype.kind, x.type.dtype.itemsize
    if kind == "b" or (kind == "i" and size < 8):
        return ops.cast(x, np.dtype(np.int64))
    return ops.cast(x, np.dtype(np.uint64)) if kind == "u" and size < 8 else x


def _count(x: Value, axes: Axes) -> int:
    return math.prod(x.shape[axis] for axis in axes)


def _count_some(x: Value, axes: Axes, operation: str) -> int:
    count = _count(x, axes)
    if count == 0:
        raise ValueError(
            f"{operation}: a tensor of shape {x.shape} has no elements along "
            f"{'axis' if len(axes) == 1 else 'axes'} {', '.join(map(str, axes))}"
        )
    return count


def _mean(x: Value, axes: Axes, operation: str) -> Value:
    total = ops.sum_(x, axes)
    return ops.divide(total, ops.full_like(total, _count_some(x, axes, operation)))


def _variance(x: Value, axes: Axes, ddof: float, operation: str) -> Value:
    count = _count_some(x, axes, operation)
    if count <= ddof:
        raise ValueError(
            f"{operation}: ddof={ddof} needs more than {ddof} elements, and a tensor "
            f"of shape {x.shape} has {count} along them"
        )
    mean = ops.broadcast(_mean(x, axes, operation), x.shape, axes)
    total = ops.sum_(ops.square(ops.subtract(x, mean)), axes)
    return ops.divide(total, ops.full_like(total, count - ddof))


def _root(x: Value, exponent: float = 0.5) -> Value:
    """`x**exponent` for `x >= 0`, with a gradient of 0 instead of infinity at 0."""
    zero = ops.full_like(x, 0)
    is_zero = ops.equal(x, zero)
    safe = ops.where(is_zero, ops.full_like(x, 1), x)
    root = (
        ops.sqrt(safe)
        if exponent == 0.5
        else ops.power(safe, ops.full_like(x, exponent))
    )
    return ops.where(is_zero, zero, root)


def _norm(x: Value, p: float, axes: Axes) -> Value:
    if p == 2:
        return _root(ops.sum_(ops.square(x), axes))
    size = ops.absolute(x)
    if p == 1:
        return ops.sum_(size, axes)
    if p == math.inf:
        _count_some(x, axes, "norm")
        return ops.max_(size, axes)
    return _root(ops.sum_(_root(size, p), axes), 1 / p)


def _below_top(x: Value, axes: Axes, operation: str) -> Value:
    """`x` less its largest element, which changes no softmax and keeps `exp` small."""
    _count_some(x, axes, operation)
    top = ops.detach(ops.max_(x, axes))
    return ops.subtract(x, ops.broadcast(top, x.shape, axes))


def _truth(x: Operand) -> Value:
    value = as_value(x)
    if value.type.dtype.kind == "b":
        return value
    return ops.not_equal(value, ops.full_like(value, 0))


def _some(x: Value, axis: Axis, keepdims: bool, operation: str) -> Value:
    axes = check_axes(axis, x.type.rank, operation)
    count = ops.sum_(cast_to(x, np.dtype(np.int64)), axes)
    y = ops.not_equal(count, ops.full_like(count, 0))
    return _kept(y, x, axes, keepdims)


def _line(x: Value, axis: int | None, operation: str) -> tuple[Value, int, Axes]:
    """`x`, raveled without an axis; the axis to go along; those that it stands for."""
    if axis is None:
        return ravel(x), 0, tuple(range(x.type.rank))
    along = check_axis(axis, x.type.rank, operation)
    return x, along, (along,)


def _padded_with_ones(x: Value, axis: int, count: int) -> Value:
    return ops.pad_along(x, axis, 0, count, 1) if count else x
