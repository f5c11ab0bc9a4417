"""An element of a value, as instructions: whatever it is made of is pulled in.

What is stored is loaded. A value that moves elements is the element that it moves; an
elementwise one is its operation on the elements of its inputs. What was computed for a
place is remembered as long as the loops last that the place depends on.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from chainrule.ir import DType, Value
from chainrule.native.builder import NestBuilder
from chainrule.native.coordinates import Arithmetic, Coordinate
from chainrule.native.frame import Frame, Storage
from chainrule.native.nest import INDEX, POINTER, Register
from chainrule.native.runtime import PROGRAM
from chainrule.ops import Constant
from chainrule.ops.access import Indexed, Letter
from chainrule.passes.generalise import Samples, Size, Sizes
from chainrule.passes.kinds import kind_of
from chainrule.passes.places import Condition, Place, is_one, regroup, sources


@dataclass(frozen=True)
class Local:
    """A value kept in memory of the thread: where, and at which element of it."""

    pointer: Register
    element: Callable[[Place[Coordinate]], Coordinate]
    padded: bool = False


class Evaluator:
    """Elements of the values of one group; it is the algebra of their coordinates."""

    def __init__(self, builder: NestBuilder, frame: Frame, samples: Samples) -> None:
        self.builder = builder
        self.frame = frame
        self.samples = samples
        self.arithmetic = Arithmetic(builder, wide=samples.wide)
        self.context = builder.argument(POINTER)
        self.thread = builder.argument(INDEX)
        self.step = builder.argument(INDEX)
        self.sizes = builder.argument(POINTER)
        self.table = builder.argument(POINTER)
        # The words of the buffers that the table points to.
        self.buffers: list[int] = []
        self.locals: dict[Value, Local] = {}
        # In which digits the places of the group's own values are given.
        self.digits: dict[Value, Sizes] = {}
        self._splits: dict[tuple[tuple[Coordinate, ...], Sizes], Coordinate] = {}
        self.mask: Register | None = None

    # --- what lies in memory --------------------------------------------------------

    def word(self, number: int, dtype: DType = INDEX) -> Register:
        """A word of the context."""
        b = self.builder
        place = b.address(self.context, b.index(PROGRAM + number), INDEX)
        return b.load(place, dtype)

    def size(self, size: Size) -> Register:
        """A size, as a literal or as what it is when the program runs."""
        if len(set(size)) == 1:
            return self.builder.index(size[0])
        slot = self.frame.slot_of_size(size)
        place = self.builder.address(self.sizes, self.builder.index(slot), INDEX)
        return self.builder.load(place, INDEX)

    def pointer(self, storage: Storage) -> Register:
        """Where a buffer begins, in this step."""
        start = self.start(storage)
        if storage.kind != "step":
            return start
        step = self.builder.multiply(self.step, self.size(storage.elements))
        return self.builder.address(start, step, storage.dtype)

    def start(self, storage: Storage) -> Register:
        """Where a buffer begins: the table of the group says so."""
        b = self.builder
        if storage.word not in self.buffers:
            self.buffers.append(storage.word)
        number = self.buffers.index(storage.word)
        return b.load(b.address(self.table, b.index(number), INDEX), POINTER)

    def address(self, pointer: Register, element: Coordinate, dtype: DType) -> Register:
        """The place of an element: what changes least is added first."""
        b = self.builder
        depths: dict[int, list[tuple[Register, int]]] = {}
        for register, factor in element.terms:
            depths.setdefault(register.depth, []).append((register, factor))
        for depth in sorted(depths):
            part = Coordinate(tuple(depths[depth]))
            pointer = b.address(pointer, self.arithmetic.scalar(part), dtype)
        pointer = b.address(pointer, b.index(element.constant), dtype)
        if element.vector is None and element.lane in (0, 1):
            return pointer
        lanes = self.arithmetic.lanes(Coordinate((), 0, element.lane, element.vector))
        return b.address(pointer, lanes, dtype)

    def load(
        self,
        pointer: Register,
        element: Coordinate,
        dtype: DType,
        *,
        lasting: bool = True,
        padded: bool = False,
    ) -> Register:
        """The element there, or one for each lane."""
        place = self.address(pointer, element, dtype)
        if element.is_scalar:
            return self.builder.load(place, dtype, lasting=lasting)
        mask = None if padded else self.mask
        return self.builder.load(
            place, dtype, self.builder.lanes, mask, lasting=lasting
        )

    def store(
        self,
        x: Register,
        pointer: Register,
        element: Coordinate,
        *,
        padded: bool = False,
    ) -> None:
        """Put an element, or one for each lane, there."""
        place = self.address(pointer, element, x.dtype)
        if element.is_scalar:
            self.builder.store(x, place)
            return
        x = self.builder.spread(x, self.builder.lanes)
        self.builder.store(x, place, None if padded else self.mask)

    def element_of(self, place: Place[Coordinate]) -> Coordinate:
        """The number of an element in row-major order."""
        return self.arithmetic.join(
            place.coordinates, [self.size(n) for n in place.sizes]
        )

    @contextmanager
    def masked(self, mask: Register | None) -> Iterator[None]:
        """Let only the lanes of `mask` read and write."""
        before, self.mask = self.mask, mask
        try:
            yield
        finally:
            self.mask = before

    # --- the algebra of coordinates -------------------------------------------------

    def zero(self) -> Coordinate:
        """The coordinate 0."""
        return Coordinate()

    def split(self, x: Coordinate, sizes: Sizes) -> list[Coordinate]:
        """One digit as several."""
        parts: list[Coordinate] = []
        rest = x
        for size in reversed(sizes[1:]):
            rest, part = self.arithmetic.divided(rest, self.size(size))
            parts.append(part)
        found = [rest, *reversed(parts)]
        self._splits[tuple(found), sizes] = x
        return found

    def join(self, xs: Sequence[Coordinate], sizes: Sizes) -> Coordinate:
        """Several digits as one; those that were one before are that one again."""
        before = self._splits.get((tuple(xs), sizes))
        if before is not None:
            return before
        return self.arithmetic.join(xs, [self.size(n) for n in sizes])

    def stride(self, x: Coordinate, start: Size, step: int) -> Coordinate:
        """`start + step x`."""
        scaled = self.arithmetic.scale(x, step)
        return self.arithmetic.add(scaled, self.arithmetic.of(self.size(start)))

    def unstride(
        self, y: Coordinate, start: Size, step: int, extent: Size
    ) -> Coordinate:
        """The `x` of which `start + step x` is `y`, kept within the extent."""
        x = self.arithmetic.subtract(y, self.arithmetic.of(self.size(start)))
        if step != 1:
            b, number = self.builder, self.arithmetic.number(x)
            number = b.maximum(number, b.constant(0, number))
            x = self.arithmetic.divided(self.arithmetic.of(number), step)[0]
        return self.arithmetic.clamp(x, self.size(extent))

    def read(self, index: Value, place: Place[Coordinate], extent: Size) -> Coordinate:
        """The coordinate that an index has; an index that is none raises the flag."""
        b = self.builder
        i = self.pull(index, place)
        wide = self.arithmetic.lane if i.lanes > 1 else INDEX
        limit = b.cast(self.size(extent), INDEX)
        exact = b.cast(i, INDEX)
        inside = b.less(exact, limit)
        if i.dtype.kind == "i":
            inside = b.logical_and(inside, b.less_equal(b.constant(0, exact), exact))
        self.demand(inside)
        kept = b.select(inside, exact, b.constant(0, exact))
        return self.arithmetic.of(b.cast(kept, wide))

    def demand(self, holds: Register) -> None:
        """Let the program report an error unless this holds."""
        flag = self.builder.address(
            self.context, self.builder.index(PROGRAM + self.frame.FLAG), INDEX
        )
        mask = self.mask if holds.lanes > 1 else None
        self.builder.demand(holds, flag, mask)

    # --- values ---------------------------------------------------------------------

    def pull(self, value: Value, place: Place[Coordinate]) -> Register:
        """An element of `value`, or one for each lane."""
        if value in self.digits:
            place = self._in_digits(value, place)
        key = self._key(value, place)
        found = self.builder.noted(key)
        if found is None:
            found = self.builder.note(key, self._pull(value, place))
        return found

    def _in_digits(self, value: Value, place: Place[Coordinate]) -> Place[Coordinate]:
        """The place of a value of the group, in one form only."""
        place = regroup(place, self.digits[value], self)
        at = (
            Coordinate() if is_one(size) else x
            for size, x in zip(place.sizes, place.coordinates, strict=True)
        )
        return Place(place.sizes, tuple(at))

    def _key(self, value: Value, place: Place[Coordinate]) -> object:
        """What an element is remembered under; a mask counts only along a vector."""
        scalar = all(c.is_scalar for c in place.coordinates)
        return value, place, None if scalar else self.mask

    def bind(self, value: Value, place: Place[Coordinate], x: Register) -> None:
        """Say what an element is: the result of a fold."""
        if value in self.digits:
            place = self._in_digits(value, place)
        self.builder.note(self._key(value, place), x)

    def _pull(self, value: Value, place: Place[Coordinate]) -> Register:
        local = self.locals.get(value)
        if local is not None:
            element = local.element(place)
            return self.load(
                local.pointer, element, value.type.dtype, lasting=False,
                padded=local.padded,
            )  # fmt: skip
        storage = self.frame.storages.get(value)
        if storage is not None:
            return self._stored(value, storage, place)
        kind = kind_of(self.samples, value)
        pull: Callable[[Value, Place[Coordinate]], Register] = getattr(self, f"_{kind}")
        return pull(value, place)

    def _stored(
        self, value: Value, storage: Storage, place: Place[Coordinate]
    ) -> Register:
        if storage.kind == "rows":
            place = regroup(place, self.samples.shape(value), self)
            row, *others = place.coordinates
            at = self._row(row)
            place = Place(place.sizes, (at, *others))
        element = self.element_of(place)
        x = self.load(self.pointer(storage), element, storage.dtype)
        return self.builder.cast(x, value.type.dtype)

    def _row(self, row: Coordinate) -> Coordinate:
        """Which row of the data a row of the batch is."""
        order = self.word(self.frame.ORDER, POINTER)
        start = self.builder.load(
            self.builder.address(
                self.word(self.frame.STARTS, POINTER), self.step, INDEX
            ),
            INDEX,
        )
        at = self.arithmetic.add(self.arithmetic.of(start), row)
        return self.arithmetic.of(self.load(order, at, INDEX))

    def _constant(self, value: Value, place: Place[Coordinate]) -> Register:
        del place
        operation = value.operation
        if not isinstance(operation, Constant):
            raise TypeError(f"{value!r} is no constant")
        if not self.samples.varies(value):
            return self.builder.literal(operation.data.item(), value.type.dtype)
        slot = self.frame.slot_of_constant(value)
        at = self.builder.address(self.sizes, self.builder.index(slot), INDEX)
        return self.builder.load(at, value.type.dtype)

    def _map(self, value: Value, place: Place[Coordinate]) -> Register:
        operation: Any = value.operation
        inputs = [self.pull(x, place) for x in value.inputs]
        if hasattr(operation, "valid"):
            valid = operation.valid(self.builder, *inputs)
            if valid is not None:
                self.demand(valid)
        y: Register = operation.scalar(self.builder, *inputs)
        return y

    def _generated(self, value: Value, place: Place[Coordinate]) -> Register:
        operation: Any = value.operation
        nowhere: Place[Coordinate] = Place((), ())
        inputs = [self.pull(x, nowhere) for x in value.inputs]
        if value.inputs:
            position = self.element_of(place)
            number = self.builder.cast(
                self.arithmetic.number(position), np.dtype(np.uint32)
            )
        else:
            at = regroup(place, self.samples.shape(value), self).coordinates
            letter = operation.access()[1]
            axis = self.samples.access(value).output.index(Letter(letter))
            number = self.arithmetic.number(at[axis])
        y: Register = operation.element(self.builder, *inputs, number)
        return y

    def _move(self, value: Value, place: Place[Coordinate]) -> Register:
        operation: Any = value.operation
        found = sources(self.samples, value, place, self)
        b = self.builder
        y: Register | None = None
        # The first source comes last, so that it is what is left where others fail.
        for source in reversed(found):
            holds = self._all(source.conditions)
            if any(0 in n for n in self.samples.shape(source.value)):
                continue
            x = self.pull(source.value, source.place)
            if holds is None:
                y = x
            else:
                if y is None:
                    y = b.literal(operation.fill, value.type.dtype)
                y = b.select(holds, x, y)
        if y is None:
            y = b.literal(operation.fill, value.type.dtype)
        return y

    def _all(self, conditions: Sequence[Condition[Coordinate]]) -> Register | None:
        """Whether all conditions hold; `None` if there are none."""
        b, arithmetic = self.builder, self.arithmetic
        found: Register | None = None
        for condition in conditions:
            start = arithmetic.of(self.size(condition.start))
            away = arithmetic.number(arithmetic.subtract(condition.y, start))
            span = b.multiply(self.size(condition.extent), b.index(condition.step))
            holds = b.logical_and(
                b.less_equal(b.constant(0, away), away),
                b.less(away, b.cast(span, away.dtype)),
            )
            if condition.step != 1:
                rest = b.remainder(away, b.constant(condition.step, away))
                holds = b.logical_and(holds, b.equal(rest, b.constant(0, rest)))
            found = holds if found is None else b.logical_and(found, holds)
        return found

    def _few(self, value: Value, place: Place[Coordinate]) -> Register:
        """Sum what the few indices that there are put here."""
        b, lane = self.builder, self.arithmetic.lane
        access = self.samples.access(value)
        x, index = value.inputs
        at = regroup(place, self.samples.shape(value), self).coordinates
        known = {
            term.name: y
            for term, y in zip(access.output, at, strict=True)
            if isinstance(term, Letter)
        }
        wanted = next(
            y
            for term, y in zip(access.output, at, strict=True)
            if isinstance(term, Indexed)
        )
        extent = next(
            n
            for term, n in zip(access.output, self.samples.shape(value), strict=True)
            if isinstance(term, Indexed)
        )
        names = [t.name for t in access.inputs[0] if isinstance(t, Letter)]
        shape = self.samples.shape(x)
        summed = [n for n in names if n not in known]
        ranges = [range(shape[names.index(n)][0]) for n in summed]
        total = b.literal(0, value.type.dtype)
        for numbers in product(*ranges):
            letters = known | {
                n: Coordinate(constant=i) for n, i in zip(summed, numbers, strict=True)
            }
            here = [
                Place(
                    self.samples.shape(v),
                    tuple(letters[t.name] for t in terms if isinstance(t, Letter)),
                )
                for v, terms in zip(value.inputs, access.inputs, strict=True)
            ]
            found = self.arithmetic.number(self.read(index, here[1], extent))
            place_ = self.arithmetic.number(wanted)
            same = b.equal(b.cast(found, lane), b.cast(place_, lane))
            part = b.select(same, self.pull(x, here[0]), b.literal(0, value.type.dtype))
            total = part if total.literal is not None else b.add(total, part)
        return total
