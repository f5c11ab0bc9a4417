"""Elements read at, and added at, positions that other tensors hold.

`take` and `index_add` are each the other's gradient, and so are `gather` and
`scatter_add`. Positions are integers of any dtype, counted from the front;
`checked_index` makes them of what a user writes.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, TensorType, Value, dtype_name
from chainrule.ops.axes import check_axes, letters, without
from chainrule.ops.builder import Builder, S
from chainrule.ops.elementwise import INTEGERS, Elementwise

Shape = tuple[int, ...]
Axes = tuple[int, ...]

INDEX = np.dtype(np.int64)


@dataclass(frozen=True)
class Iota(Operation):
    """`y[..., i, ...] = i`: the coordinate along `axis`, in a tensor of `shape`."""

    shape: Shape
    axis: int
    dtype: DType

    def __post_init__(self) -> None:
        """Refuse dtypes that no graph knows."""
        dtype_name(self.dtype)

    def type(self, *inputs: TensorType) -> TensorType:
        """`shape` and `dtype`."""
        if inputs:
            raise TypeError("iota takes no inputs")
        without(self.shape, (self.axis,), self.name)
        return TensorType(self.shape, self.dtype)

    def element(self, builder: Builder[S], position: S) -> S:
        """The coordinate itself."""
        return builder.cast(position, self.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's arange, seen from every place of the other axes."""
        del inputs
        along = np.arange(self.shape[self.axis]).astype(self.dtype)
        others = tuple(a for a in range(len(self.shape)) if a != self.axis)
        return np.broadcast_to(np.expand_dims(along, others), self.shape)

    def access(self, *inputs: TensorType) -> str:
        """`#j->ij` along the second of two axes."""
        del inputs
        named = letters(len(self.shape))
        return f"#{named[self.axis]}->{named}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, integers and real numbers, empty."""
        del rng
        for shape, axis, dtype in (
            ((4,), 0, np.int64),
            ((2, 3), 0, np.int32),
            ((2, 3), 1, np.float32),
            ((1,), 0, np.int64),
            ((0, 3), 1, np.int64),
            ((3, 0), 1, np.int64),
        ):
            yield cls(shape, axis, np.dtype(dtype)), ()


@dataclass(frozen=True)
class CheckedIndex(Elementwise):
    """`y = i`, or `extent + i` for an `i` below 0, which counts from the end.

    `axis` is the one that is going to be indexed, of `extent` elements. Without
    `negative`, nothing counts from the end.
    """

    extent: int
    axis: int
    negative: bool = True

    domain = ((0, 3),)
    kinds = INTEGERS

    def result(self, *dtypes: DType) -> DType:
        """64-bit integers, which can hold every index."""
        super().result(*dtypes)
        return INDEX

    def forward(self, *inputs: Array) -> Array:
        """Raises `IndexError` for an index that is outside of the axis."""
        (i,) = inputs
        lowest = -self.extent if self.negative else 0
        _check_bounds(i, self.extent, self.axis, lowest)
        i = i.astype(INDEX)
        return np.where(i < 0, i + self.extent, i)

    def scalar(self, builder: Builder[S], *inputs: S) -> S:
        """One addition and a choice."""
        i = builder.cast(inputs[0], INDEX)
        if not self.negative:
            return i
        from_end = builder.add(i, builder.constant(self.extent, i))
        return builder.select(builder.less(i, builder.constant(0, i)), from_end, i)

    def valid(self, builder: Builder[S], *inputs: S) -> S:
        """Whether the index is within the axis."""
        i = builder.cast(inputs[0], INDEX)
        lowest = builder.constant(-self.extent if self.negative else 0, i)
        inside = builder.less(i, builder.constant(self.extent, i))
        return builder.logical_and(builder.less_equal(lowest, i), inside)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """From both ends, of several dtypes; one element, none."""
        for shape, extent, dtype in (
            ((5,), 3, np.int64),
            ((2, 3), 100, np.int8),
            ((), 1, np.int32),
            ((0,), 0, np.int64),
        ):
            i = rng.integers(-extent, max(extent, 1), size=shape)
            yield cls(extent, 0), (np.asarray(i, dtype),)
        yield (
            cls(200, 1, negative=False),
            (rng.integers(0, 200, size=(4,)).astype(np.uint8),),
        )


@dataclass(frozen=True)
class Take(Operation):
    """`y = x[..., i, ...]`: what `x` has at the indices, along `axes`.

    After `x` come as many index tensors as there are axes, all of one shape, which
    takes the place of the first of the axes in `y`; the others disappear.
    """

    axes: Axes

    moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape of the indices where the first axis was."""
        x, *indices = inputs
        among = _index_shape(self.name, self.axes, indices)
        others = without(x.shape, self.axes, self.name)
        first = self.axes[0]
        return TensorType((*others[:first], *among, *others[first:]), x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's integer indexing."""
        x, *indices = inputs
        for i, axis in zip(indices, self.axes, strict=True):
            _check_bounds(i, x.shape[axis], axis)
        if len(indices) == 1:
            i = indices[0].astype(INDEX, copy=False)
            return np.asarray(np.take(x, i, self.axes[0]))
        # NumPy would put the indices' axes in front, or not, by a rule of its own.
        in_front = np.moveaxis(x, self.axes, range(len(self.axes)))
        taken = in_front[tuple(i.astype(INDEX, copy=False) for i in indices)]
        among = range(indices[0].ndim)
        return np.moveaxis(taken, among, [self.axes[0] + axis for axis in among])

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """What was read several times gets the sum of the gradients."""
        del y
        x, *indices = inputs
        extents = tuple(x.shape[axis] for axis in self.axes)
        dx = index_add(dy, self.axes, extents, indices)
        return dx, *[None] * len(indices)

    def access(self, *inputs: TensorType) -> str:
        """`i[k]j,k->ikj` for a vector of indices along the second of three axes."""
        x, *indices = inputs
        read, own, taken = _indexed_letters(x.rank, self.axes, indices[0].rank)
        return f"{','.join([read, *[own] * len(indices)])}->{taken}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, two of them; indices of every rank, repeated, none."""
        for shape, axes, among in _INDEXED:
            indices = _random_indices(rng, shape, axes, among)
            yield cls(axes), (rng.normal(size=shape), *indices)


@dataclass(frozen=True)
class IndexAdd(Operation):
    """`y = 0`, then `y[..., i, ...] += x`: the sum of `x` at the indices.

    `x` has the shape that `Take` gives, `y` has `extents` along `axes`. Where an index
    comes up several times, all that goes there adds up.
    """

    axes: Axes
    extents: Shape

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape of `x` with `extents` instead of the indices' axes."""
        x, *indices = inputs
        among = _index_shape(self.name, self.axes, indices)
        if x.dtype.kind == "b":
            raise TypeError("index_add takes numbers, not bool: cast them first")
        first = self.axes[0]
        if x.shape[first : first + len(among)] != among:
            raise ValueError(
                f"index_add: indices of shape {among} do not fit a tensor of shape "
                f"{x.shape} at axis {first}"
            )
        shape = list(x.shape[:first] + x.shape[first + len(among) :])
        for axis, extent in zip(self.axes, self.extents, strict=True):
            shape.insert(axis, extent)
        check_axes(len(shape), self.axes, self.name)
        return TensorType(tuple(shape), x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """Element by element, in the order of `x`."""
        x, *indices = inputs
        rows: Array | int = 0
        for i, axis, extent in zip(indices, self.axes, self.extents, strict=True):
            _check_bounds(i, extent, axis)
            rows = rows * extent + i.astype(INDEX, copy=False)
        first, rank = self.axes[0], indices[0].ndim
        in_front = np.moveaxis(x, range(first, first + rank), range(rank))
        others = in_front.shape[rank:]
        width = math.prod(others)
        places = np.reshape(rows, (-1, 1)) * width + np.arange(width)
        y = _added_at(places, in_front, (*self.extents, *others))
        return np.moveaxis(y, range(len(self.axes)), self.axes)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """Each summand has the gradient of its sum."""
        del y
        indices = inputs[1:]
        return take(dy, self.axes, indices), *[None] * len(indices)

    def access(self, *inputs: TensorType) -> str:
        """`ikj,k->i[k]j` for a vector of indices along the second of three axes."""
        x, *indices = inputs
        rank = x.rank - indices[0].rank + len(self.axes)
        added, own, read = _indexed_letters(rank, self.axes, indices[0].rank)
        return f"{','.join([read, *[own] * len(indices)])}->{added}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, two of them; indices of every rank, repeated, none."""
        for shape, axes, among in _INDEXED:
            indices = _random_indices(rng, shape, axes, among)
            y = Take(axes).type(*map(TensorType.of, (np.zeros(shape), *indices)))
            extents = tuple(shape[axis] for axis in axes)
            yield cls(axes, extents), (rng.normal(size=y.shape), *indices)


@dataclass(frozen=True)
class Gather(Operation):
    """`y[..., i, ...] = x[..., j, ...]` with `j = indices[..., i, ...]`, on `axis`.

    Where `Take` reads the same places of every line along the axis, here each line
    has indices of its own. `x` and the indices agree in all other axes.
    """

    axis: int

    moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape of the indices."""
        x, indices = inputs
        check_lines(self.name, self.axis, x, indices)
        return TensorType(indices.shape, x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's take_along_axis."""
        x, indices = inputs
        _check_bounds(indices, x.shape[self.axis], self.axis)
        return np.take_along_axis(x, indices.astype(INDEX, copy=False), self.axis)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """What was read several times gets the sum of the gradients."""
        del y
        x, indices = inputs
        return scatter_add(dy, indices, self.axis, x.shape[self.axis]), None

    def access(self, *inputs: TensorType) -> str:
        """`i[ij],ij->ij` along the second of two axes."""
        read, own = _own_letters(inputs[0].rank, self.axis)
        return f"{read},{own}->{own}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, fewer and more indices than elements, none."""
        for shape, axis, count in _GATHERED:
            yield cls(axis), (rng.normal(size=shape), _lines(rng, shape, axis, count))


@dataclass(frozen=True)
class ScatterAdd(Operation):
    """`y = 0`, then `y[..., j, ...] += x[..., i, ...]`, `j = indices[..., i, ...]`.

    `x` has the shape of the indices, `y` has `extent` along `axis`. Where an index
    comes up several times, all that goes there adds up.
    """

    axis: int
    extent: int

    def type(self, *inputs: TensorType) -> TensorType:
        """The shape of `x` with `extent` along the axis."""
        x, indices = inputs
        if x.shape != indices.shape:
            raise ValueError(
                f"scatter_add: indices of shape {indices.shape} cannot place a tensor "
                f"of shape {x.shape}"
            )
        check_lines(self.name, self.axis, x, indices)
        if x.dtype.kind == "b":
            raise TypeError("scatter_add takes numbers, not bool: cast them first")
        shape = (*x.shape[: self.axis], self.extent, *x.shape[self.axis + 1 :])
        return TensorType(shape, x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """Element by element, in the order of `x`."""
        x, indices = inputs
        _check_bounds(indices, self.extent, self.axis)
        coordinates: list[Array] = list(np.indices(x.shape, INDEX, sparse=True))
        coordinates[self.axis] = indices.astype(INDEX, copy=False)
        shape = self.type(*map(TensorType.of, inputs)).shape
        places: Array | int = 0
        for coordinate, extent in zip(coordinates, shape, strict=True):
            places = places * extent + coordinate
        return _added_at(np.asarray(places), x, shape)

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """Each summand has the gradient of its sum."""
        del y
        return gather(dy, inputs[1], self.axis), None

    def access(self, *inputs: TensorType) -> str:
        """`ij,ij->i[ij]` along the second of two axes."""
        added, own = _own_letters(inputs[0].rank, self.axis)
        return f"{own},{own}->{added}"

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Each axis, fewer and more indices than places, none."""
        for shape, axis, count in _GATHERED:
            indices = _lines(rng, shape, axis, count)
            x = np.asarray(rng.normal(size=indices.shape))
            yield cls(axis, shape[axis]), (x, indices)


# Shapes, axes and the shapes of the indices on which `take` is tried.
_INDEXED: tuple[tuple[Shape, Axes, Shape], ...] = (
    ((5,), (0,), (3,)),
    ((4, 3), (0,), (2, 2)),
    ((4, 3), (1,), ()),
    ((2, 3, 4), (1,), (5,)),
    ((2, 3, 4), (1, 2), (2, 2)),
    ((2, 3, 4), (0, 2), (3,)),
    ((3, 4), (0, 1), ()),
    ((4, 3), (0,), (0,)),
    ((0, 3), (1,), (2,)),
    ((1,), (0,), (1,)),
)

# Shapes, axes and the number of indices on which `gather` is tried.
_GATHERED: tuple[tuple[Shape, int, int], ...] = (
    ((5,), 0, 3),
    ((2, 3), 1, 4),
    ((3, 2), 0, 2),
    ((2, 3, 2), 1, 1),
    ((2, 3), 1, 0),
    ((0, 3), 1, 2),
    ((1,), 0, 1),
)


def _random_indices(rng: Rng, shape: Shape, axes: Axes, among: Shape) -> list[Array]:
    return [np.asarray(rng.integers(shape[axis], size=among)) for axis in axes]


def _lines(rng: Rng, shape: Shape, axis: int, count: int) -> Array:
    among = (*shape[:axis], count, *shape[axis + 1 :])
    return rng.integers(shape[axis], size=among).astype(np.int32)


def _check_bounds(i: Array, extent: int, axis: int, lowest: int = 0) -> None:
    if i.size and (i.min() < lowest or i.max() >= extent):
        wrong = i[(i < lowest) | (i >= extent)].flat[0]
        raise IndexError(
            f"index {wrong} is out of bounds for axis {axis} of extent {extent}"
        )


def _check_kind(operation: str, indices: TensorType) -> None:
    if indices.dtype.kind not in INTEGERS:
        raise TypeError(f"{operation}: indices are integers, not {indices.dtype}")


def _index_shape(operation: str, axes: Axes, indices: Sequence[TensorType]) -> Shape:
    """The shape that all `indices` have, of which there is one for each axis."""
    if not axes or len(indices) != len(axes):
        raise ValueError(
            f"{operation} along axes {axes} takes an index tensor for each of them, "
            f"not {len(indices)}"
        )
    for i in indices:
        _check_kind(operation, i)
        if i.shape != indices[0].shape:
            raise ValueError(
                f"{operation}: the indices have shapes {indices[0].shape} and {i.shape}"
            )
    return indices[0].shape


def check_lines(operation: str, axis: int, x: TensorType, indices: TensorType) -> None:
    """Refuse indices that do not agree with `x` in all axes but `axis`."""
    _check_kind(operation, indices)
    others = without(x.shape, (axis,), operation)
    if x.rank != indices.rank or without(indices.shape, (axis,), operation) != others:
        raise ValueError(
            f"{operation}: indices of shape {indices.shape} do not fit a tensor of "
            f"shape {x.shape}: the extents of all axes but {axis} have to agree"
        )


def _added_at(places: Array, x: Array, shape: Shape) -> Array:
    """Zeros of `shape` to which `x` is added at `places` of its elements in order."""
    y = np.zeros(math.prod(shape), x.dtype)
    np.add.at(y, places.ravel(), x.ravel())  # by far the fastest along one axis
    return y.reshape(shape)


def _indexed_letters(rank: int, axes: Axes, among: int) -> tuple[str, str, str]:
    """The access to an indexed tensor, to its indices, and to what they pick."""
    named = letters(rank - len(axes) + among)
    others, own = named[: rank - len(axes)], named[rank - len(axes) :]
    rest = iter(others)
    whole = "".join(f"[{own}]" if a in axes else next(rest) for a in range(rank))
    return whole, own, others[: axes[0]] + own + others[axes[0] :]


def _own_letters(rank: int, axis: int) -> tuple[str, str]:
    """The access to a tensor whose lines have indices of their own, and to those."""
    named = letters(rank)
    return f"{named[:axis]}[{named}]{named[axis + 1 :]}", named


def iota(shape: Shape, axis: int, dtype: DType = INDEX) -> Value:
    """The coordinate along `axis` of each element of a tensor of `shape`."""
    return Iota(shape, axis, dtype)()


def checked_index(i: Value, extent: int, axis: int, *, negative: bool = True) -> Value:
    """`i` counted from the front of an axis of `extent` elements."""
    return CheckedIndex(extent, axis, negative)(i)


def take(x: Value, axes: Axes, indices: Sequence[Value]) -> Value:
    """What `x` has at the indices along `axes`, one tensor of them for each."""
    return Take(axes)(x, *indices)


def index_add(x: Value, axes: Axes, extents: Shape, indices: Sequence[Value]) -> Value:
    """The sum of `x` at each place of `extents` that the indices name."""
    return IndexAdd(axes, extents)(x, *indices)


def gather(x: Value, indices: Value, axis: int) -> Value:
    """What each line of `x` along `axis` has at indices of its own."""
    return Gather(axis)(x, indices)


def scatter_add(x: Value, indices: Value, axis: int, extent: int) -> Value:
    """The sum of `x` at each of `extent` places of a line that the indices name."""
    return ScatterAdd(axis, extent)(x, indices)
