"""Groups that are no plain loops: sums at indices, running folds, sorts.

They run on the first thread.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chainrule.ir import DType
from chainrule.native.coordinates import Coordinate
from chainrule.native.lower import GroupWriter
from chainrule.native.nest import INDEX, Register
from chainrule.ops.access import Indexed, Letter, Range, Whole
from chainrule.ops.folds import Folds
from chainrule.passes.fuse import Group
from chainrule.passes.generalise import Samples, Size, times
from chainrule.passes.places import Place

Coordinates: TypeAlias = tuple[Coordinate, ...]
Body: TypeAlias = Callable[[Coordinates], None]


def writer_of(group: Group) -> type[GroupWriter]:
    """The writer for a kind of group."""
    return {"scatter": ScatterWriter, "scan": ScanWriter, "order": OrderWriter}[
        group.kind
    ]


def scratch_of(samples: Samples, group: Group) -> list[tuple[DType, Size]]:
    """What a group needs room for while it runs: a dtype and a number of elements."""
    if group.kind != "order":
        return []
    (x,) = group.root.inputs
    terms = samples.access(group.root).inputs[0]
    axis = next(i for i, t in enumerate(terms) if isinstance(t, Whole))
    return [(INDEX, samples.shape(x)[axis])] * 2


class _Irregular(GroupWriter):
    """What they have in common."""

    def extent(self, size: Size) -> Register:
        return self.evaluator.size(size)

    def nested(
        self,
        sizes: Sequence[Size],
        body: Body,
        at: Coordinates = (),
    ) -> None:
        """Loops over all sizes, one element at a time."""
        if len(at) == len(sizes):
            body(at)
            return

        def each(index: Register) -> tuple[()]:
            self.nested(sizes, body, (*at, self.evaluator.arithmetic.of(index)))
            return ()

        b = self.builder
        b.loop(b.index(0), self.extent(sizes[len(at)]), 1, each)


class ScatterWriter(_Irregular):
    """`y = 0`, and then every element is added where its index says."""

    def body(self) -> None:
        """Zeros, then sums, in the order of the elements."""
        value = self.group.root
        dtype = value.type.dtype
        pointers = [self.evaluator.pointer(s) for s in self.targets(value)]
        total = times(self.samples.one, *self.samples.shape(value))
        zero = self.builder.literal(0, dtype)

        def clear(at: Coordinates) -> None:
            for pointer in pointers:
                self.evaluator.store(zero, pointer, at[0])

        self.nested([total], clear)
        x, *indices = value.inputs
        access = self.samples.access(value)
        names = [t.name for t in access.inputs[0] if isinstance(t, Letter)]
        shape = self.samples.shape(value)

        def add(at: Coordinates) -> None:
            letters = dict(zip(names, at, strict=True))
            places = iter(zip(indices, access.inputs[1:], strict=True))
            to = []
            for term, size in zip(access.output, shape, strict=True):
                if isinstance(term, Indexed):
                    index, terms = next(places)
                    own = tuple(letters[t.name] for t in terms if isinstance(t, Letter))
                    place = Place(self.samples.shape(index), own)
                    to.append(self.evaluator.read(index, place, size))
                elif isinstance(term, Letter):
                    to.append(letters[term.name])
            element = self.evaluator.element_of(Place(shape, tuple(to)))
            more = self.evaluator.pull(x, Place(self.samples.shape(x), at))
            for pointer in pointers:
                before = self.evaluator.load(pointer, element, dtype, lasting=False)
                self.evaluator.store(self.builder.add(before, more), pointer, element)

        self.nested(self.samples.shape(x), add)


class ScanWriter(_Irregular):
    """Running folds along an axis."""

    def body(self) -> None:
        """A line after the other."""
        value = self.group.root
        operation = value.operation
        if not isinstance(operation, Folds):
            raise TypeError(f"{value!r} is no fold")
        (x,) = value.inputs
        terms = self.samples.access(value).inputs[0]
        axis = next(i for i, t in enumerate(terms) if isinstance(t, Range))
        term = terms[axis]
        forward = isinstance(term, Range) and term.up_to
        shape = self.samples.shape(value)
        others = [n for i, n in enumerate(shape) if i != axis]
        b, arithmetic = self.builder, self.evaluator.arithmetic
        extent = self.extent(shape[axis])
        first = operation.unit(b, b.literal(0, x.type.dtype))

        def line(at: Coordinates) -> None:
            def each(index: Register, *partial: Register) -> tuple[Register, ...]:
                i = arithmetic.of(index)
                if not forward:
                    end = arithmetic.add(arithmetic.of(extent), Coordinate(constant=-1))
                    i = arithmetic.subtract(end, i)
                place = Place(shape, (*at[:axis], i, *at[axis:]))
                element = self.evaluator.pull(x, place)
                single = operation.single(b, (element,), index)
                merged = tuple(operation.merge(b, partial, single))
                where = self.evaluator.element_of(place)
                for storage in self.targets(value):
                    pointer = self.evaluator.pointer(storage)
                    self.evaluator.store(merged[-1], pointer, where)
                return merged

            b.loop(b.index(0), extent, 1, each, first)

        self.nested(others, line)


class OrderWriter(_Irregular):
    """The indices that put a line of elements in order: a stable merge sort.

    Runs of 1, 2, 4, ... elements that are in order are merged in pairs. Where an
    element goes is its place in its own run plus the number of elements of the other
    run that come before it, which a binary search finds: so every element can be moved
    without knowing where the others went.
    """

    def body(self) -> None:
        """A line after the other."""
        value = self.group.root
        (x,) = value.inputs
        terms = self.samples.access(value).inputs[0]
        self.axis = next(i for i, t in enumerate(terms) if isinstance(t, Whole))
        self.source = self.samples.shape(x)
        self.first, self.second = (self.evaluator.pointer(s) for s in self.scratch)
        others = [n for i, n in enumerate(self.source) if i != self.axis]
        self.nested(others, self.line)

    def line(self, at: Coordinates) -> None:
        """The order of one line, and its first elements stored."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        value = self.group.root
        extent = self.extent(self.source[self.axis])

        def number(index: Register) -> tuple[()]:
            self.evaluator.store(index, self.first, arithmetic.of(index))
            return ()

        b.loop(b.index(0), extent, 1, number)
        one = b.index(1)

        def merge(step: Register) -> tuple[()]:
            odd = b.equal(b.bitwise_and(step, one), one)
            source = b.select(odd, self.second, self.first)
            sink = b.select(odd, self.first, self.second)
            width = b.shift_left(one, step)
            self.merge(at, source, sink, width, step, extent)
            return ()

        count = self.rounds(extent)
        b.loop(b.index(0), count, 1, merge)
        odd = b.equal(b.bitwise_and(count, one), one)
        result = b.select(odd, self.second, self.first)
        shape = self.samples.shape(value)

        def give(index: Register) -> tuple[()]:
            i = arithmetic.of(index)
            found = self.evaluator.load(result, i, INDEX, lasting=False)
            place = Place(shape, (*at[: self.axis], i, *at[self.axis :]))
            where = self.evaluator.element_of(place)
            for storage in self.targets(value):
                self.evaluator.store(found, self.evaluator.pointer(storage), where)
            return ()

        b.loop(b.index(0), self.extent(shape[self.axis]), 1, give)

    def rounds(self, extent: Register) -> Register:
        """How often runs have to double until one is as long as the line."""
        b = self.builder
        if extent.literal is not None:
            return b.index(max(int(extent.literal) - 1, 0).bit_length())

        def each(index: Register, count: Register) -> list[Register]:
            short = b.less(b.shift_left(b.index(1), index), extent)
            return [b.add(count, b.cast(short, INDEX))]

        return b.loop(b.index(0), b.index(62), 1, each, [b.index(0)])[0]

    def merge(
        self,
        at: Coordinates,
        source: Register,
        sink: Register,
        width: Register,
        step: Register,
        extent: Register,
    ) -> None:
        """All pairs of runs of `width` elements become runs of twice as many."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        one = b.index(1)
        double = b.shift_left(width, 1)

        def move(p: Register) -> tuple[()]:
            index = self.evaluator.load(source, arithmetic.of(p), INDEX, lasting=False)
            x = self.key(at, index)
            inside = b.bitwise_and(p, b.subtract(double, one))
            start = b.subtract(p, inside)
            left = b.less(inside, width)
            own = b.select(left, inside, b.subtract(inside, width))
            low = b.select(left, b.add(start, width), start)
            low = b.minimum(low, extent)
            high = b.minimum(b.add(low, width), extent)

            def halve(_: Register, base: Register, length: Register) -> list[Register]:
                half = b.shift_right(length, 1)
                middle = b.add(base, half)
                safe = b.minimum(middle, b.subtract(extent, one))
                other = self.evaluator.load(
                    source, arithmetic.of(safe), INDEX, lasting=False
                )
                y = self.key(at, other)
                before = b.select(
                    left,
                    self.precedes(y, x),
                    b.logical_not(self.precedes(x, y)),
                )
                some = b.less(b.index(0), length)
                after = b.logical_and(before, some)
                rest = b.subtract(b.subtract(length, half), one)
                shorter = b.select(after, rest, half)
                return [
                    b.select(after, b.add(middle, one), base),
                    b.select(some, shorter, length),
                ]

            found, _ = b.loop(
                b.index(0), b.add(step, one), 1, halve, [low, b.subtract(high, low)]
            )
            others = b.subtract(found, low)
            to = b.add(b.add(start, own), others)
            self.evaluator.store(index, sink, arithmetic.of(to))
            return ()

        b.loop(b.index(0), extent, 1, move)

    def precedes(self, x: Register, y: Register) -> Register:
        """Whether one element has to stand before another."""
        found: Register = self.group.root.operation.precedes(self.builder, x, y)  # type: ignore[union-attr]
        return found

    def key(self, at: Coordinates, index: Register) -> Register:
        """The element of the line with this index."""
        i = self.evaluator.arithmetic.of(index)
        place = Place(self.source, (*at[: self.axis], i, *at[self.axis :]))
        return self.evaluator.pull(self.group.root.inputs[0], place)
