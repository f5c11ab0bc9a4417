"""`x[key]`: NumPy's indexing, basic and advanced.

A key says something for each axis. What it says is done in an order that keeps the
axes' numbers until the end: the slices cut, the index tensors pick, and only then are
axes dropped, moved and added.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import index as as_integer
from types import EllipsisType
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.expressions.indexing import as_index, host_index
from chainrule.expressions.promote import HasValue, Operand, as_value, broadcast_to
from chainrule.expressions.shape import reshaped, transposed
from chainrule.ir import Array, Value, current_location
from chainrule.passes import evaluate


@dataclass(frozen=True)
class _Picks:
    """Indices that pick along an axis: an array, or a value of the graph."""

    indices: Array | Value

    @property
    def shape(self) -> tuple[int, ...]:
        return self.indices.shape


# What a key says of one axis. `None` is a new one; an ellipsis says nothing more once
# the axes it stands for are slices, but it keeps those beside it apart.
_Item: TypeAlias = int | slice | _Picks | EllipsisType | None


def index(x: Operand, key: Any) -> Value:
    """`x[key]`, with everything that NumPy allows as a key.

    Integers drop their axis; slices, with any step, keep it; `None` adds one; `...`
    stands for all axes that the key does not mention. Tensors, arrays and lists of
    integers pick elements: several of them are broadcast together, and their axes come
    where the first of them is, or in front where they are not next to each other.
    A mask of booleans picks where it is true; its values have to be known.

    Raises `IndexError` for an index that is out of bounds and for a key that is none.

    >>> import chainrule as cr
    >>> x = cr.tensor([[1, 2, 3], [4, 5, 6]])
    >>> x[0], x[:, -1], x[..., ::-1]
    (tensor([1, 2, 3]), tensor([3, 6]), tensor([[3, 2, 1],
            [6, 5, 4]]))
    >>> x[[1, 0], [0, 2]], x[x > 3]
    (tensor([4, 3]), tensor([4, 5, 6]))
    """
    value = as_value(x)
    value, items = _items(value, key if isinstance(key, tuple) else (key,))
    said = [item for item in items if isinstance(item, (int, slice, _Picks))]
    value = _cut(value, said)
    picks = {a: item for a, item in enumerate(said) if isinstance(item, _Picks)}
    picked: tuple[int, ...] = ()
    if picks:
        picked = _common_shape(list(picks.values()))
        value = _pick(value, picks, picked)
    return _arrange(value, items, len(picked))


# --- what the key says ------------------------------------------------------------


def _items(x: Value, key: tuple[Any, ...]) -> tuple[Value, list[_Item]]:
    """What the key says of each axis in turn, and `x` with an axis for each item."""
    parts = [_tensor_or_plain(part) for part in key]
    covered = sum(_axes_of(part) for part in parts)
    rank = x.type.rank
    if covered > rank:
        raise IndexError(
            f"too many indices: a tensor of shape {x.shape} has {rank} axes, and the "
            f"key is for {covered}"
        )
    gaps = [place for place, part in enumerate(parts) if part is Ellipsis]
    if len(gaps) > 1:
        raise IndexError("a key can have only one ellipsis ('...')")
    place = gaps[0] + 1 if gaps else len(parts)
    parts[place:place] = [slice(None)] * (rank - covered)
    shape = _with_axes_for_truth(x.shape, parts)
    x = reshaped(x, shape)
    items: list[_Item] = []
    axis = 0
    for part in parts:
        found = list(_item(part, axis, shape))
        items += found
        axis += sum(item is not None and item is not Ellipsis for item in found)
    return x, items


def _tensor_or_plain(part: Any) -> Any:
    """A part of the key: tensors as values, lists as arrays, all else as it is."""
    if isinstance(part, HasValue):
        return part.value
    if isinstance(part, (bool, np.bool_)):
        return np.asarray(part)
    if not isinstance(part, Sequence) or isinstance(part, (str, bytes)):
        return part
    array = np.asarray(part)
    return array if array.size else array.astype(np.int64)


def _axes_of(part: Any) -> int:
    """How many axes a part of the key is for."""
    if part is None or part is Ellipsis:
        return 0
    if isinstance(part, (np.ndarray, Value)) and _kind(part) == "b":
        return len(part.shape)
    return 1


def _kind(indices: Array | Value) -> str:
    dtype = indices.type.dtype if isinstance(indices, Value) else indices.dtype
    return dtype.kind


def _with_axes_for_truth(shape: tuple[int, ...], parts: list[Any]) -> tuple[int, ...]:
    """The shape with an axis of extent 1 for each mask that has no axes itself."""
    extents = iter(shape)
    wider: list[int] = []
    for part in parts:
        is_truth = isinstance(part, (np.ndarray, Value)) and _kind(part) == "b"
        if is_truth and part.shape == ():
            wider.append(1)
        else:
            wider += [next(extents) for _ in range(_axes_of(part))]
    return tuple(wider)


def _item(part: Any, axis: int, shape: tuple[int, ...]) -> Iterator[_Item]:
    """What a part of the key says of the axes from `axis` on."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        yield part
    elif isinstance(part, (np.ndarray, Value)):
        yield from _picks(part, axis, shape)
    else:
        try:
            number = as_integer(part)
        except TypeError:
            raise IndexError(
                "a key has integers, slices, '...', None, and tensors or lists of "
                f"integers or booleans, not {part!r}"
            ) from None
        yield int(host_index(number, shape[axis], axis))


def _picks(part: Array | Value, axis: int, shape: tuple[int, ...]) -> Iterator[_Picks]:
    if _kind(part) == "b":
        mask = _known(part)
        extents = shape[axis : axis + mask.ndim]
        if mask.ndim and mask.shape != extents:
            raise IndexError(
                f"a mask of shape {mask.shape} does not fit extents {extents} of a "
                f"tensor of shape {shape}"
            )
        for places in np.atleast_1d(mask).nonzero():
            yield _Picks(places)
    elif isinstance(part, Value):
        yield _Picks(as_index(part, shape[axis], axis))
    else:
        yield _Picks(host_index(part, shape[axis], axis))


def _known(mask: Array | Value) -> Array:
    if not isinstance(mask, Value):
        return mask
    evaluate(mask)
    if mask.data is None:
        raise IndexError(
            f"{current_location()}: a mask picks as many elements as it has true ones, "
            "and while a function is traced that is not known: choose with "
            "cr.where(mask, x, 0) instead"
        )
    return mask.data


# --- what is done -----------------------------------------------------------------


def _cut(x: Value, items: list[int | slice | _Picks]) -> Value:
    """`x` after its slices, integers being slices of one element."""
    cuts = [
        range(extent)[_as_slice(item)]
        for item, extent in zip(items, x.shape, strict=True)
    ]
    turned = tuple(axis for axis, cut in enumerate(cuts) if cut.step < 0)
    cuts = [cut[::-1] if cut.step < 0 else cut for cut in cuts]
    if tuple(map(len, cuts)) != x.shape:
        starts = tuple(cut.start if cut else 0 for cut in cuts)
        stops = tuple(cut[-1] + 1 if cut else 0 for cut in cuts)
        x = ops.slice_(x, starts, stops, tuple(cut.step for cut in cuts))
    return ops.flip(x, turned) if turned else x


def _as_slice(item: int | slice | _Picks) -> slice:
    if isinstance(item, int):
        return slice(item, item + 1)
    return item if isinstance(item, slice) else slice(None)


def _common_shape(picks: list[_Picks]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(*(pick.shape for pick in picks))
    except ValueError:
        shapes = ", ".join(str(pick.shape) for pick in picks)
        raise IndexError(
            f"the indices have shapes {shapes}, which do not broadcast together"
        ) from None


def _pick(x: Value, picks: dict[int, _Picks], shape: tuple[int, ...]) -> Value:
    """`x` with the indices' axes, of `shape`, where the first index tensor was."""
    indices = [
        broadcast_to(pick.indices, shape, "index")
        if isinstance(pick.indices, Value)
        else ops.constant(np.array(np.broadcast_to(pick.indices, shape)))
        for pick in picks.values()
    ]
    return ops.take(x, tuple(picks), indices)


def _arrange(x: Value, items: list[_Item], picked: int) -> Value:
    """`x` without the axes of integers, with new ones, and the picked ones in place.

    `picked` is how many axes the index tensors have.
    """
    extents = iter(x.shape)
    kept: list[int] = []
    # The result's axes by their number among the kept ones; `None` is a new one.
    order: list[int | None] = []
    place: int | None = None
    for item in items:
        if item is None:
            order.append(None)
        elif isinstance(item, int):
            next(extents)
        elif isinstance(item, slice):
            order.append(len(kept))
            kept.append(next(extents))
        elif isinstance(item, _Picks) and place is None:
            place = 0 if _are_apart(items) else len(order)
            among = range(len(kept), len(kept) + picked)
            kept += [next(extents) for _ in among]
    if place is not None:
        order[place:place] = among
    permutation = [axis for axis in order if axis is not None]
    if permutation != sorted(permutation):
        x = transposed(reshaped(x, tuple(kept)), permutation)
    return reshaped(x, tuple(1 if axis is None else kept[axis] for axis in order))


def _are_apart(items: list[_Item]) -> bool:
    """Whether anything else stands between the items that pick elements."""
    picking = [place for place, item in enumerate(items) if _is_picking(item)]
    return picking[-1] - picking[0] >= len(picking)


def _is_picking(item: _Item) -> bool:
    # Beside an index tensor an integer is one too, and repeated for each pick.
    return isinstance(item, (int, _Picks))
