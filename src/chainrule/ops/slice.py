"""`slice` and `pad`: each is the other's gradient."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Operation, Rng, TensorType, Value
from chainrule.ops.axes import letters, strided

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Slice(Operation):
    """`y[i] = x[start + step i]` along each axis, up to and without `stop`.

    All three count from the front; `step` is at least 1.
    """

    start: Shape
    stop: Shape
    step: Shape

    replicates = moves = True

    def type(self, *inputs: TensorType) -> TensorType:
        """As many elements along each axis as there are steps before `stop`."""
        (x,) = inputs
        if not len(self.start) == len(self.stop) == len(self.step) == x.rank:
            raise ValueError(
                f"slice: start {self.start}, stop {self.stop} and step {self.step} "
                f"need one number for each of the {x.rank} axes of {x}"
            )
        for axis, extent in enumerate(x.shape):
            start, stop, step = self.start[axis], self.stop[axis], self.step[axis]
            if not 0 <= start <= stop <= extent or step < 1:
                raise ValueError(
                    f"slice: {start}:{stop}:{step} does not lie within axis {axis}, "
                    f"of extent {extent}"
                )
        return TensorType(tuple(len(range(*s)) for s in self._bounds()), x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """NumPy's slicing: a view."""
        return inputs[0][tuple(slice(*bounds) for bounds in self._bounds())]

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradient in its place, and 0 where nothing was read."""
        (x,) = inputs
        between = tuple(step - 1 for step in self.step)
        covered = _spread(y.shape, between)
        high = tuple(
            extent - start - width
            for extent, start, width in zip(x.shape, self.start, covered, strict=True)
        )
        return (pad(dy, self.start, high, between),)

    def simplify(self, *inputs: Value) -> Value | None:
        """A slice of everything is none; two in a row are one."""
        (x,) = inputs
        if self.type(x.type) == x.type:
            return x
        inner = x.operation
        extents = self.type(x.type).shape
        if not isinstance(inner, Slice) or 0 in extents:
            return None
        steps = tuple(a * b for a, b in zip(inner.step, self.step, strict=True))
        starts = tuple(
            a + step * b
            for a, step, b in zip(inner.start, inner.step, self.start, strict=True)
        )
        between = tuple(step - 1 for step in steps)
        stops = tuple(
            start + width
            for start, width in zip(starts, _spread(extents, between), strict=True)
        )
        return slice_(x.inputs[0], starts, stops, steps)

    def access(self, *inputs: TensorType) -> str:
        """`{1+2i}->i` from the second element on, every other one."""
        named = letters(inputs[0].rank)
        read = map(strided, named, self.start, self.step)
        return f"{''.join(read)}->{named}"

    def _bounds(self) -> Iterator[tuple[int, int, int]]:
        return zip(self.start, self.stop, self.step, strict=True)

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """Parts, strides that do and do not end at `stop`, everything, nothing."""
        for shape, start, stop, step in (
            ((5,), (1,), (4,), (1,)),
            ((6,), (1,), (6,), (2,)),
            ((7, 3), (0, 1), (7, 2), (3, 1)),
            ((3, 4), (0, 0), (3, 4), (1, 1)),
            ((3, 4), (1, 2), (1, 4), (1, 1)),
            ((0, 2), (0, 0), (0, 1), (1, 1)),
            ((1,), (0,), (1,), (5,)),
            ((), (), (), ()),
        ):
            yield cls(start, stop, step), (np.asarray(rng.normal(size=shape)),)


@dataclass(frozen=True)
class Pad(Operation):
    """`x` with `value` around it and between its elements.

    Along each axis come `low` values in front, `interior` between any two elements,
    and `high` at the end.
    """

    low: Shape
    high: Shape
    interior: Shape
    value: float = 0

    moves = True

    @property
    def fill(self) -> float:  # type: ignore[override]
        """What stands where nothing of `x` does."""
        return self.value

    def type(self, *inputs: TensorType) -> TensorType:
        """The extents, enlarged by what is added."""
        (x,) = inputs
        if not len(self.low) == len(self.high) == len(self.interior) == x.rank:
            raise ValueError(
                f"pad: low {self.low}, high {self.high} and interior {self.interior} "
                f"need one number for each of the {x.rank} axes of {x}"
            )
        if any(width < 0 for width in (*self.low, *self.high, *self.interior)):
            raise ValueError(
                f"pad: low {self.low}, high {self.high} and interior {self.interior} "
                "cannot be negative: take a slice"
            )
        if not _fits(self.value, x.dtype):
            raise TypeError(f"pad: {self.value} is no {x.dtype}")
        extents = zip(self.low, _spread(x.shape, self.interior), self.high, strict=True)
        return TensorType(tuple(map(sum, extents)), x.dtype)

    def forward(self, *inputs: Array) -> Array:
        """A new array full of `value`, and `x` written into it."""
        (x,) = inputs
        y = np.full(self.type(TensorType.of(x)).shape, self.value, x.dtype)
        y[self._inside(x.shape)] = x
        return y

    def vjp(self, dy: Value, y: Value, *inputs: Value) -> tuple[Value | None, ...]:
        """The gradient at the places where `x` went."""
        del y
        inside = self._inside(inputs[0].shape)
        starts, stops, steps = (
            tuple(getattr(bounds, which) for bounds in inside)
            for which in ("start", "stop", "step")
        )
        return (slice_(dy, starts, stops, steps),)

    def simplify(self, *inputs: Value) -> Value | None:
        """Padding with nothing changes nothing."""
        (x,) = inputs
        return x if self.type(x.type) == x.type else None

    def access(self, *inputs: TensorType) -> str:
        """`i->{1+2i}` for one value in front and one between any two elements."""
        named = letters(inputs[0].rank)
        steps = [between + 1 for between in self.interior]
        return f"{named}->{''.join(map(strided, named, self.low, steps))}"

    def _inside(self, shape: Shape) -> tuple[slice, ...]:
        """The places of the result that `x` goes to."""
        covered = _spread(shape, self.interior)
        return tuple(
            slice(low, low + width, between + 1)
            for low, width, between in zip(
                self.low, covered, self.interior, strict=True
            )
        )

    @classmethod
    def samples(cls, rng: Rng) -> Iterator[tuple[Operation, tuple[Array, ...]]]:
        """In front, behind, between; another value; of one element and of none."""
        for shape, low, high, interior, value in (
            ((3,), (1,), (2,), (0,), 0),
            ((3,), (1,), (0,), (2,), 0),
            ((2, 3), (0, 1), (1, 0), (1, 2), 1.5),
            ((2, 3), (0, 0), (0, 0), (0, 0), 0),
            ((1,), (0,), (0,), (3,), 0),
            ((0,), (1,), (1,), (2,), -np.inf),
            ((), (), (), (), 0),
        ):
            yield (
                cls(low, high, interior, value),
                (np.asarray(rng.normal(size=shape)),),
            )


def _spread(shape: Shape, between: Shape) -> Shape:
    """The extents of `shape` with `between` places between any two elements."""
    return tuple(
        extent + max(extent - 1, 0) * gap
        for extent, gap in zip(shape, between, strict=True)
    )


def _fits(value: float, dtype: DType) -> bool:
    """Whether `dtype` has `value`; real numbers are allowed to be rounded."""
    if dtype.kind == "f":
        return True
    if not float(value).is_integer():
        return False
    if dtype.kind == "b":
        return value in {0, 1}
    limits = np.iinfo(dtype)
    return limits.min <= value <= limits.max


def slice_(x: Value, start: Shape, stop: Shape, step: Shape) -> Value:
    """`x[start:stop:step]` along each axis."""
    return Slice(start, stop, step)(x)


def slice_along(x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    """`x[start:stop:step]` along one axis."""
    rank = x.type.rank
    starts, stops, steps = [0] * rank, list(x.shape), [1] * rank
    starts[axis], stops[axis], steps[axis] = start, stop, step
    return slice_(x, tuple(starts), tuple(stops), tuple(steps))


def pad(x: Value, low: Shape, high: Shape, interior: Shape, value: float = 0) -> Value:
    """`x` with `value` in front, behind and between its elements, along each axis."""
    return Pad(low, high, interior, value)(x)


def pad_along(x: Value, axis: int, low: int, high: int, value: float = 0) -> Value:
    """`x` with `value` in front and behind along one axis."""
    zeros = [0] * x.type.rank
    front, behind = zeros.copy(), zeros.copy()
    front[axis], behind[axis] = low, high
    return pad(x, tuple(front), tuple(behind), tuple(zeros), value)
