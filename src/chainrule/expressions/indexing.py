"""Elements at given indices, and the order of elements: `take`, `gather`, `sort` ...

An index is an integer of any dtype and counts from the end where it is negative. One
that is out of bounds raises `IndexError`, at once where it is known, else when the
graph is evaluated.
"""

import numpy as np
from numpy.typing import DTypeLike

from chainrule import ops
from chainrule.expressions.promote import (
    HasValue,
    Operand,
    as_value,
    broadcast_to,
    cast_to,
    check_axis,
    promote,
)
from chainrule.expressions.shape import ravel
from chainrule.ir import Array, Value
from chainrule.ops.indexing import INDEX, check_lines


def take(x: Operand, indices: Operand, axis: int | None = None) -> Value:
    """`y[..., i, ...] = x[..., indices[i], ...]` along `axis`, or of `x` raveled.

    The axis is replaced by the axes of `indices`.

    >>> import chainrule as cr
    >>> cr.take(cr.tensor([[1, 2], [3, 4], [5, 6]]), [2, 0], axis=0)
    tensor([[5, 6],
            [1, 2]])
    """
    value = as_value(x)
    if axis is None:
        value, axis = ravel(value), 0
    axis = check_axis(axis, value.type.rank, "take")
    return ops.take(value, (axis,), [as_index(indices, value.shape[axis], axis)])


def gather(x: Operand, indices: Operand, axis: int) -> Value:
    """`y[..., i, ...] = x[..., j, ...]` with `j = indices[..., i, ...]` along `axis`.

    NumPy's `take_along_axis`: each line of `x` along `axis` has indices of its own.
    `x` and `indices` have equally many axes, and all but `axis` broadcast.

    >>> import chainrule as cr
    >>> cr.gather(cr.tensor([[1, 2], [3, 4]]), [[1], [0]], axis=1)
    tensor([[2],
            [3]])
    """
    value = as_value(x)
    axis = check_axis(axis, value.type.rank, "gather")
    positions = as_index(indices, value.shape[axis], axis)
    if positions.type.rank != value.type.rank:
        raise ValueError(
            f"gather: indices of shape {positions.shape} need as many axes as the "
            f"tensor of shape {value.shape}"
        )
    others = [_with_extent(x.shape, axis, 1) for x in (value, positions)]
    try:
        shape = np.broadcast_shapes(*others)
    except ValueError:
        raise ValueError(
            f"gather: indices of shape {positions.shape} do not fit a tensor of shape "
            f"{value.shape}: all axes but {axis} have to broadcast"
        ) from None
    value, positions = (
        broadcast_to(x, _with_extent(shape, axis, x.shape[axis]), "gather")
        for x in (value, positions)
    )
    return ops.gather(value, positions, axis)


def _with_extent(shape: tuple[int, ...], axis: int, extent: int) -> tuple[int, ...]:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def scatter_add(x: Operand, indices: Operand, updates: Operand, axis: int) -> Value:
    """`y = x`, then `y[..., j, ...] += updates[..., i, ...]` along `axis`.

    Here `j = indices[..., i, ...]`. `updates` broadcasts to the shape of `indices`,
    which is that of `x` but for `axis`. Where an index comes up several times, all its
    updates are added.

    >>> import chainrule as cr
    >>> import numpy as np
    >>> cr.scatter_add(np.zeros(3, np.float32), [0, 2, 2], [1.0, 2.0, 3.0], axis=0)
    tensor([1., 0., 5.])
    """
    value, added = promote(x, updates)
    axis = check_axis(axis, value.type.rank, "scatter_add")
    extent = value.shape[axis]
    positions = as_index(indices, extent, axis)
    check_lines("scatter_add", axis, value.type, positions.type)
    added = broadcast_to(added, positions.shape, "scatter_add")
    return ops.add(value, ops.scatter_add(added, positions, axis, extent))


def one_hot(indices: Operand, depth: int, dtype: DTypeLike = np.float32) -> Value:
    """`y[..., j] = 1` where `j` is the index, else 0, for `j` from 0 to `depth - 1`.

    Raises `IndexError` for an index outside of that, also for one below 0.

    >>> import chainrule as cr
    >>> cr.one_hot([0, 2], 3)
    tensor([[1., 0., 0.],
            [0., 0., 1.]])
    """
    if depth < 0:
        raise ValueError(f"one_hot: there cannot be {depth} classes")
    given = as_value(indices)
    rank = given.type.rank
    shape = (*given.shape, depth)
    _check_integers(given.type.dtype)
    checked = ops.checked_index(given, depth, rank, negative=False)
    hot = ops.equal(ops.broadcast(checked, shape, (rank,)), ops.iota(shape, rank))
    return cast_to(hot, np.dtype(dtype))


def argsort(x: Operand, axis: int | None = -1, descending: bool = False) -> Value:
    """The indices of `x` in the order of its elements along `axis`, or of all.

    Equal elements stay in the order they are in, and NaN comes last either way.

    >>> import chainrule as cr
    >>> cr.argsort(cr.tensor([3., 1., 2.]))
    tensor([1, 2, 0])
    """
    value, axis = _line(x, axis, "argsort")
    return ops.argsort(value, axis, descending=descending)


def sort(x: Operand, axis: int | None = -1, descending: bool = False) -> Value:
    """The elements of `x` in order along `axis`, or all of them; NaN last either way.

    >>> import chainrule as cr
    >>> cr.sort(cr.tensor([3., 1., 2.]))
    tensor([1., 2., 3.])
    """
    value, axis = _line(x, axis, "sort")
    order = ops.argsort(value, axis, descending=descending)
    return ops.gather(value, order, axis)


def topk(x: Operand, k: int, axis: int = -1) -> tuple[Value, Value]:
    """The `k` largest elements of `x` along `axis`, the largest first; their indices.

    Of equal elements the one in front comes first; a NaN counts as the largest. Raises
    `ValueError` if there are fewer than `k`.

    >>> import chainrule as cr
    >>> cr.topk(cr.tensor([3., 1., 2.]), 2)
    (tensor([3., 2.]), tensor([0, 2]))
    """
    value, axis = _line(x, axis, "topk")
    indices = ops.topk_indices(value, k, axis)
    return ops.gather(value, indices, axis), indices


def as_index(indices: Operand, extent: int, axis: int) -> Value:
    """`indices` counted from the front of `axis`, which has `extent` elements.

    What is no tensor is checked at once, and needs no operation in the graph. Raises
    `IndexError` for what is no integer, or is out of bounds.
    """
    if isinstance(indices, (Value, HasValue)):
        value = as_value(indices)
        _check_integers(value.type.dtype)
        return ops.checked_index(value, extent, axis)
    return ops.constant(host_index(indices, extent, axis))


def host_index(indices: Operand, extent: int, axis: int) -> Array:
    """`as_index` for what is no tensor, as an array."""
    array = np.asarray(indices)
    if array.size == 0 and not isinstance(indices, np.ndarray):
        array = array.astype(INDEX)  # NumPy takes an empty list for real numbers
    _check_integers(array.dtype)
    return ops.CheckedIndex(extent, axis).forward(array)


def _check_integers(dtype: np.dtype[np.generic]) -> None:
    if dtype.kind not in "iu":
        raise IndexError(f"indices are integers, not {dtype}")


def _line(x: Operand, axis: int | None, operation: str) -> tuple[Value, int]:
    value = as_value(x)
    if axis is None:
        return ravel(value), 0
    return value, check_axis(axis, value.type.rank, operation)
