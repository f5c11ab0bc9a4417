"""Shapes: the same elements in another arrangement, joined, repeated or cut out."""

import math
from collections.abc import Iterable, Sequence
from operator import index
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.expressions.promote import (
    Operand,
    as_value,
    check_axes,
    check_axis,
    promote,
)
from chainrule.expressions.promote import broadcast_to as broadcast_value
from chainrule.ir import Value

Shape: TypeAlias = int | Sequence[int]
Axis: TypeAlias = int | Sequence[int] | None


def reshape(x: Operand, shape: Shape) -> Value:
    """`y` has the elements of `x`, in row-major order, in `shape`.

    One extent may be -1: it is what the number of elements makes it. Raises
    `ValueError` if the elements do not fill `shape`.

    >>> import chainrule as cr
    >>> cr.reshape(cr.tensor([1, 2, 3, 4, 5, 6]), (2, -1))
    tensor([[1, 2, 3],
            [4, 5, 6]])
    """
    value = as_value(x)
    return reshaped(value, _complete(value, _extents(shape)))


def reshaped(x: Value, shape: tuple[int, ...]) -> Value:
    """`x` in `shape`, without an operation where that is its shape."""
    return x if x.shape == shape else ops.reshape(x, shape)


def transposed(x: Value, permutation: Sequence[int]) -> Value:
    """`x` with its axes in another order, without an operation where it is theirs."""
    order = tuple(permutation)
    return x if order == tuple(range(x.type.rank)) else ops.transpose(x, order)


def _extents(shape: Shape) -> tuple[int, ...]:
    return tuple(map(index, shape if isinstance(shape, Iterable) else [shape]))


def _complete(x: Value, shape: tuple[int, ...]) -> tuple[int, ...]:
    size = x.type.size
    known = math.prod(extent for extent in shape if extent != -1)
    unknown = shape.count(-1)
    if unknown > 1 or any(extent < -1 for extent in shape):
        raise ValueError(f"reshape: {shape} is no shape; one extent may be -1")
    if unknown and known and size % known == 0:
        return tuple(size // known if extent == -1 else extent for extent in shape)
    if unknown or known != size:
        raise ValueError(
            f"reshape: the {size} elements of a tensor of shape {x.shape} do not fill "
            f"{shape}"
        )
    return shape


def ravel(x: Operand) -> Value:
    """All elements of `x`, in row-major order, along one axis.

    >>> import chainrule as cr
    >>> cr.ravel(cr.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(x, -1)


def transpose(x: Operand, axes: Sequence[int] | None = None) -> Value:
    """`y` has axis `axes[i]` of `x` as its axis `i`; by default in reverse order.

    Raises `ValueError` unless `axes` names every axis once.

    >>> import chainrule as cr
    >>> cr.transpose(cr.tensor([[1, 2, 3], [4, 5, 6]]))
    tensor([[1, 4],
            [2, 5],
            [3, 6]])
    """
    value = as_value(x)
    rank = value.type.rank
    if axes is None:
        return transposed(value, range(rank)[::-1])
    order = [check_axis(axis, rank, "transpose") for axis in axes]
    if sorted(order) != list(range(rank)):
        raise ValueError(
            f"transpose: {tuple(axes)} does not name each of the {rank} axes of a "
            f"tensor of shape {value.shape} once"
        )
    return transposed(value, order)


def swapaxes(x: Operand, axis1: int, axis2: int) -> Value:
    """`x` with two of its axes exchanged.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.swapaxes(np.zeros((2, 3, 4)), -1, -2).shape
    (2, 4, 3)
    """
    value = as_value(x)
    order = list(range(value.type.rank))
    a, b = (check_axis(axis, len(order), "swapaxes") for axis in (axis1, axis2))
    order[a], order[b] = b, a
    return transposed(value, order)


def moveaxis(
    x: Operand, source: int | Sequence[int], destination: int | Sequence[int]
) -> Value:
    """`x` with the axes `source` at the places `destination`, all others in order.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    value = as_value(x)
    rank = value.type.rank
    sources = _distinct_axes(source, rank)
    destinations = _distinct_axes(destination, rank)
    if len(sources) != len(destinations):
        raise ValueError(
            f"moveaxis: {len(sources)} axes cannot move to {len(destinations)} places"
        )
    order = [axis for axis in range(rank) if axis not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(place, axis)
    return transposed(value, order)


def _distinct_axes(axis: int | Sequence[int], rank: int) -> list[int]:
    check_axes(axis, rank, "moveaxis")
    return [a % rank for a in (axis if isinstance(axis, Sequence) else [axis])]


def squeeze(x: Operand, axis: Axis = None) -> Value:
    """`x` without its axes of extent 1, or without those that `axis` names.

    Raises `ValueError` if an axis that is named has another extent.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.squeeze(np.zeros((1, 3, 1))).shape
    (3,)
    """
    value = as_value(x)
    if axis is None:
        dropped = {a for a, extent in enumerate(value.shape) if extent == 1}
    else:
        dropped = set(check_axes(axis, value.type.rank, "squeeze"))
    for a in sorted(dropped):
        if value.shape[a] != 1:
            raise ValueError(
                f"squeeze: axis {a} of a tensor of shape {value.shape} has extent "
                f"{value.shape[a]}, not 1"
            )
    kept = (extent for a, extent in enumerate(value.shape) if a not in dropped)
    return reshaped(value, tuple(kept))


def expand_dims(x: Operand, axis: int | Sequence[int]) -> Value:
    """`x` with new axes of extent 1, which are then at the places `axis`.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.expand_dims(np.zeros((2, 3)), (0, -1)).shape
    (1, 2, 3, 1)
    """
    value = as_value(x)
    count = len(axis) if isinstance(axis, Sequence) else 1
    new = check_axes(axis, value.type.rank + count, "expand_dims")
    shape = list(value.shape)
    for a in new:
        shape.insert(a, 1)
    return reshaped(value, tuple(shape))


def broadcast_to(x: Operand, shape: Shape) -> Value:
    """`x` in `shape`: missing axes in front, and extents of 1, are repeated.

    Raises `ValueError` where the extents do not fit.

    >>> import chainrule as cr
    >>> cr.broadcast_to(cr.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    value, extents = as_value(x), _extents(shape)
    if any(extent < 0 for extent in extents):
        raise ValueError(f"broadcast_to: {extents} has a negative extent")
    return broadcast_value(value, extents, "broadcast_to")


def concatenate(xs: Sequence[Operand], axis: int | None = 0) -> Value:
    """The tensors `xs` one after the other along `axis`; `None` ravels them first.

    All other extents have to agree; dtypes are promoted.

    >>> import chainrule as cr
    >>> cr.concatenate([cr.tensor([1, 2]), cr.tensor([3])])
    tensor([1, 2, 3])
    """
    values = _several(xs, "concatenate")
    if axis is None:
        return ops.concatenate([ravel(value) for value in values], 0)
    rank = values[0].type.rank
    if rank == 0:
        raise ValueError(
            "concatenate: tensors without axes cannot be joined: stack them"
        )
    return ops.concatenate(values, check_axis(axis, rank, "concatenate"))


def stack(xs: Sequence[Operand], axis: int = 0) -> Value:
    """The tensors `xs`, of one shape, along a new axis, which is then `axis`.

    >>> import chainrule as cr
    >>> cr.stack([cr.tensor([1, 2]), cr.tensor([3, 4])], axis=1)
    tensor([[1, 3],
            [2, 4]])
    """
    values = _several(xs, "stack")
    for value in values:
        if value.shape != values[0].shape:
            raise ValueError(
                f"stack: the shapes {values[0].shape} and {value.shape} differ"
            )
    place = check_axis(axis, values[0].type.rank + 1, "stack")
    return ops.concatenate([expand_dims(value, place) for value in values], place)


def _several(xs: Sequence[Operand], operation: str) -> list[Value]:
    if len(xs) == 0:
        raise ValueError(f"{operation} needs at least one tensor")
    return promote(*xs)


def split(
    x: Operand, indices_or_sections: int | Sequence[int], axis: int = 0
) -> tuple[Value, ...]:
    """`x` cut along `axis`: in so many equal parts, or before each of some indices.

    Raises `ValueError` if equal parts are not possible.

    >>> import chainrule as cr
    >>> cr.split(cr.tensor([1, 2, 3, 4, 5]), [2, 3])
    (tensor([1, 2]), tensor([3]), tensor([4, 5]))
    """
    value = as_value(x)
    axis = check_axis(axis, value.type.rank, "split")
    extent = value.shape[axis]
    cuts: Sequence[int]
    if isinstance(indices_or_sections, Sequence):
        cuts = indices_or_sections
    elif indices_or_sections < 1 or extent % indices_or_sections:
        raise ValueError(
            f"split: axis {axis} of a tensor of shape {value.shape} does not divide "
            f"into {indices_or_sections} equal parts; give the indices to cut at"
        )
    else:
        cuts = range(0, extent, max(1, extent // indices_or_sections))[1:]
    parts = (
        slice(start, stop).indices(extent)
        for start, stop in zip([0, *cuts], [*cuts, extent], strict=True)
    )
    return tuple(
        ops.slice_along(value, axis, start, max(start, stop))
        for start, stop, _ in parts
    )


def flip(x: Operand, axis: Axis = None) -> Value:
    """`y[i] = x[n - 1 - i]` along `axis`, or along all axes.

    >>> import chainrule as cr
    >>> cr.flip(cr.tensor([1, 2, 3]))
    tensor([3, 2, 1])
    """
    value = as_value(x)
    axes = check_axes(axis, value.type.rank, "flip")
    return ops.flip(value, axes) if axes else value


def roll(x: Operand, shift: int, axis: int | None = None) -> Value:
    """`y[i] = x[i - shift]` along `axis`: what leaves at one end enters at the other.

    Without `axis`, the elements move in row-major order.

    >>> import chainrule as cr
    >>> cr.roll(cr.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    value = as_value(x)
    if axis is None:
        return reshaped(roll(ravel(value), shift, 0), value.shape)
    axis = check_axis(axis, value.type.rank, "roll")
    extent = value.shape[axis]
    cut = -shift % extent if extent else 0
    if cut == 0:
        return value
    front = ops.slice_along(value, axis, 0, cut)
    return ops.concatenate([ops.slice_along(value, axis, cut, extent), front], axis)


def pad(x: Operand, pad_width: Any, constant_values: float = 0) -> Value:
    """`x` with `constant_values` in front of and behind it along each axis.

    `pad_width` is `((before, after), ...)` for each axis, one `(before, after)` for
    all of them, or one number for everything.

    >>> import chainrule as cr
    >>> cr.pad(cr.tensor([1, 2]), (1, 2))
    tensor([0, 1, 2, 0, 0])
    """
    value = as_value(x)
    rank = value.type.rank
    try:
        widths = np.broadcast_to(np.asarray(pad_width), (rank, 2))
        low, high = (tuple(map(index, column)) for column in widths.T)
    except (TypeError, ValueError):
        raise ValueError(
            f"pad: {pad_width} does not give numbers before and after each of the "
            f"{rank} axes of a tensor of shape {value.shape}"
        ) from None
    if not any(low) and not any(high):
        return value
    return ops.pad(value, low, high, (0,) * rank, constant_values)


def tile(x: Operand, reps: Shape) -> Value:
    """`x` repeated as a whole, `reps` times along each axis.

    >>> import chainrule as cr
    >>> cr.tile(cr.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    value = as_value(x)
    counts = _extents(reps)
    rank = max(value.type.rank, len(counts))
    counts = (1,) * (rank - len(counts)) + counts
    if any(count < 0 for count in counts):
        raise ValueError(f"tile: {reps} has a negative number of copies")
    shape = (1,) * (rank - value.type.rank) + value.shape
    pairs = tuple(zip(counts, shape, strict=True))
    copies = tuple(2 * axis for axis, count in enumerate(counts) if count != 1)
    spread = tuple(extent for pair in pairs for extent in pair)
    narrow = tuple(extent for a, extent in enumerate(spread) if a not in copies)
    value = reshaped(value, narrow)
    if copies:
        value = ops.broadcast(value, spread, copies)
    return reshaped(value, tuple(count * extent for count, extent in pairs))


def repeat(x: Operand, repeats: int | Sequence[int], axis: int | None = None) -> Value:
    """Each element of `x` repeated along `axis`; without `axis`, of `x` raveled.

    `repeats` is one number, or one for each element along the axis.

    >>> import chainrule as cr
    >>> cr.repeat(cr.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    value = as_value(x)
    if axis is None:
        value, axis = ravel(value), 0
    axis = check_axis(axis, value.type.rank, "repeat")
    extent = value.shape[axis]
    counts = np.asarray(repeats)
    if counts.shape not in {(), (1,), (extent,)} or counts.dtype.kind not in "iu":
        raise ValueError(
            f"repeat: {repeats} does not say how often each of the {extent} elements "
            f"along axis {axis} comes"
        )
    if (counts < 0).any():
        raise ValueError(f"repeat: {repeats} has a negative number of copies")
    if counts.size == 1:
        return _repeat_each(value, int(counts.item()), axis)
    where = np.repeat(np.arange(extent), counts)
    return ops.take(value, (axis,), [ops.constant(where)])


def _repeat_each(x: Value, count: int, axis: int) -> Value:
    before, extent, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    copies = ops.broadcast(x, (*before, extent, count, *after), (axis + 1,))
    return ops.reshape(copies, (*before, extent * count, *after))


def tril(x: Operand, k: int = 0) -> Value:
    """The lower triangle of each matrix: 0 above the diagonal, or the `k`-th above it.

    >>> import chainrule as cr
    >>> cr.tril(cr.tensor([[1, 2], [3, 4]]))
    tensor([[1, 0],
            [3, 4]])
    """
    value = _matrices(x, "tril")
    rows, columns = _row_and_column(value)
    keep = ops.less_equal(columns, ops.add(rows, ops.full_like(rows, k)))
    return ops.where(keep, value, ops.full_like(value, 0))


def triu(x: Operand, k: int = 0) -> Value:
    """The upper triangle of each matrix: 0 below the diagonal, or the `k`-th above it.

    >>> import chainrule as cr
    >>> cr.triu(cr.tensor([[1, 2], [3, 4]]))
    tensor([[1, 2],
            [0, 4]])
    """
    value = _matrices(x, "triu")
    rows, columns = _row_and_column(value)
    keep = ops.less_equal(ops.add(rows, ops.full_like(rows, k)), columns)
    return ops.where(keep, value, ops.full_like(value, 0))


def _matrices(x: Operand, operation: str) -> Value:
    value = as_value(x)
    if value.type.rank < 2:
        raise ValueError(
            f"{operation} takes a matrix or a stack of them, not shape {value.shape}"
        )
    return value


def _row_and_column(x: Value) -> tuple[Value, Value]:
    rank = x.type.rank
    return ops.iota(x.shape, rank - 2), ops.iota(x.shape, rank - 1)
