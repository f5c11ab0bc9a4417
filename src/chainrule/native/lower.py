"""Groups of fused operations as loop nests.

A nest visits the elements of the group's domain. The loops over kept digits are
outside, those over folded digits inside; the last digit is the one along which vectors
lie. Folds that depend on one another make levels: a softmax needs the maximum of a row
before the sum of exponentials, and that before its results. Every level is a loop over
the folded digits, and the last one stores.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from chainrule.ir import Value
from chainrule.native.builder import NestBuilder
from chainrule.native.coordinates import Coordinate
from chainrule.native.evaluate import Evaluator, Local
from chainrule.native.frame import Frame, Storage
from chainrule.native.nest import Function, Register
from chainrule.native.target import Target
from chainrule.ops.access import Letter
from chainrule.ops.folds import Folds
from chainrule.passes.cost import cost_of
from chainrule.passes.fuse import Group
from chainrule.passes.generalise import Samples, Size
from chainrule.passes.kinds import letters_of
from chainrule.passes.partition import Program, Share
from chainrule.passes.places import Place, is_one

# A row of so many vectors is kept in registers from level to level.
_ROW_IN_REGISTERS = 4
# Vectors side by side in a fold whose lanes are kept, so that additions overlap.
_SIDE_BY_SIDE = 4
# What is worth keeping for the next level, in the time of an addition, and how much of
# it there may be in the memory of a thread.
_WORTH_KEEPING = 10
_LONGEST_ROW = 8192

Digits: TypeAlias = dict[int, Coordinate]
# Where vectors lie side by side, and the masks of the lanes before the end.
Places: TypeAlias = Sequence[tuple[Digits, Register | None]]


class GroupWriter:
    """Writes the nest of one group."""

    def __init__(
        self, name: str, group: Group, program: Program, frame: Frame, target: Target
    ) -> None:
        self.group = group
        self.program = program
        self.samples: Samples = program.fused.samples
        self.frame = frame
        self.target = target
        self.share: Share | None = program.shares[group]
        # Never more lanes than the tiles of shares are made of.
        widest = max((4, *(v.type.dtype.itemsize for v in _floats(group))))
        self.lanes = target.vector_bytes // widest
        self.builder = NestBuilder(name, self.lanes, estimates=target.estimates_roots)
        self.evaluator = Evaluator(self.builder, frame, self.samples)
        self.levels = _levels(program, group)
        # Memory for a group that needs it; others have none.
        self.scratch: Sequence[Storage] = ()
        # Gives memory of which every thread has its own.
        self.give_room: Callable[[int, Size, int], Storage] | None = None
        # Where the rows lie that are kept from level to level.
        self.rows: dict[Value, Register] = {}
        # The row in the first lane, where every lane has a row of its own.
        self.lead: Coordinate | None = None
        for value in group.values:
            kept = self.is_kept(value)
            self.evaluator.digits[value] = group.kept_sizes if kept else group.sizes
        # What is read although the group computes it itself is never loaded.
        self.hidden = {
            v: frame.storages.pop(v)
            for v in group.values
            if v in frame.targets and frame.targets[v][0] is frame.storages.get(v)
        }

    def own_room(self, itemsize: int, elements: Size, extra: int = 0) -> Register:
        """Memory of the thread for so many and some extra elements."""
        if self.give_room is None:
            raise TypeError("nobody gives memory to this group")
        storage = self.give_room(itemsize, elements, extra)
        b, evaluator = self.builder, self.evaluator
        count = b.add(evaluator.size(elements), b.index(extra))
        size = b.multiply(count, b.index(itemsize))
        size = b.bitwise_and(b.add(size, b.index(63)), b.index(-64))
        start = evaluator.start(storage)
        return b.address(start, b.multiply(size, evaluator.thread), np.dtype(np.int8))

    def write(self) -> Function:
        """The nest as a function."""
        try:
            self.body()
        finally:
            self.frame.storages.update(self.hidden)
        names = [v.operation.name for v in self.group.values if v.operation]
        domain = " x ".join(
            f"{'' if kept else 'fold '}{_show(n)}"
            for n, kept in zip(self.group.sizes, self.group.kept, strict=True)
        )
        return self.builder.function(f"{domain or 'one number'}: {', '.join(names)}")

    def body(self) -> None:
        """A plain nest: loops over all kept digits but the last."""
        kept = list(self.group.kept_digits)
        last = len(self.group.sizes) - 1
        outer = [digit for digit in kept if digit != last]
        self.over(outer, {}, self.inside)

    # --- loops ----------------------------------------------------------------------

    def over(
        self, digits: Sequence[int], at: Digits, inside: Callable[[Digits], None]
    ) -> None:
        """Loops over kept digits, the first of them cut into shares of the threads."""
        if not digits:
            inside(at)
            return
        first, *others = digits

        def body(coordinate: Coordinate) -> None:
            self.over(others, {**at, first: coordinate}, inside)

        self.shared(first, 1, body)

    def shared(self, digit: int, step: int, body: Callable[[Coordinate], None]) -> None:
        """A loop over a kept digit in steps, of which each thread takes its tiles.

        What is not shared, the first thread does alone.
        """
        b = self.builder
        extent = self.evaluator.size(self.group.sizes[digit])
        start, stop = b.index(0), extent
        if self.share is not None and self.share.digit == digit:
            start, stop = self.tiles(extent, self.share.tile)

        def each(index: Register) -> tuple[()]:
            body(self.evaluator.arithmetic.of(index))
            return ()

        b.loop(start, stop, step, each)

    def tiles(self, extent: Register, tile: int) -> tuple[Register, Register]:
        """Where a thread's run of tiles begins and ends."""
        first, last = self.run_of(self.tile_count(extent, tile))
        b = self.builder
        start = b.multiply(first, b.index(tile))
        stop = b.minimum(b.multiply(last, b.index(tile)), extent)
        return start, stop

    def tile_count(self, extent: Register, tile: int) -> Register:
        """How many tiles there are; the last one may be smaller."""
        b = self.builder
        if extent.literal is not None:
            return b.index(-(-int(extent.literal) // tile))
        return b.quotient(b.add(extent, b.index(tile - 1)), b.index(tile))

    def run_of(self, count: Register) -> tuple[Register, Register]:
        """The thread's part of so many tiles."""
        b = self.builder
        threads = b.load(self.evaluator.context, count.dtype)
        thread = self.evaluator.thread
        first = b.quotient(b.multiply(count, thread), threads)
        after = b.add(thread, b.index(1))
        return first, b.quotient(b.multiply(count, after), threads)

    # --- the innermost part ---------------------------------------------------------

    def inside(self, at: Digits) -> None:
        """The part of the nest that a kept coordinate stands for."""
        if not self.group.sizes:
            self.numbers({})
        elif self.group.kept[-1]:
            self.along_kept(at)
        else:
            self.along_folded(at)

    def numbers(self, at: Digits) -> None:
        """A domain of one element."""
        self.chunk([(at, None)])

    def along_kept(self, at: Digits) -> None:
        """Vectors along the last digit, which is kept: each lane has its own result."""
        last = len(self.group.sizes) - 1
        size = self.group.sizes[last]
        if is_one(size):
            self.chunk([({**at, last: Coordinate()}, None)])
            return
        folded = not all(self.group.kept)
        count = -(-size[0] // self.lanes) if len(set(size)) == 1 else _SIDE_BY_SIDE
        side = min(_SIDE_BY_SIDE, max(count, 1)) if folded else 1

        def body(start: Coordinate) -> None:
            self.chunk(self.vectors(at, last, start, side))

        self.shared(last, side * self.lanes, body)

    def vectors(
        self,
        at: Digits,
        digit: int,
        start: Coordinate,
        count: int,
        *,
        inside: bool = False,
    ) -> Places:
        """Places of so many vectors side by side, and their masks.

        Starts are multiples of what the vectors hold together. If the caller knows that
        all are `inside`, there are no masks.
        """
        found: list[tuple[Digits, Register | None]] = []
        for i in range(count):
            base = self.evaluator.arithmetic.add(
                start, Coordinate(constant=i * self.lanes)
            )
            lanes = Coordinate(base.terms, base.constant, 1, base.vector)
            mask = None if inside else self.mask_at(digit, base, count * self.lanes)
            found.append(({**at, digit: lanes}, mask))
        return found

    def mask_at(
        self, digit: int, base: Coordinate, step: int | None = None
    ) -> Register | None:
        """The lanes before the end of a digit; `None` if all are, always.

        With `step`, the vector belongs to some that begin at a multiple of it and end
        before the next one.
        """
        size = self.group.sizes[digit]
        if len(set(size)) == 1:
            known = base.known
            whole = step is not None and size[0] % step == 0
            if whole if known is None else known + self.lanes <= size[0]:
                return None
        left = self.evaluator.arithmetic.subtract(
            self.evaluator.arithmetic.of(self.evaluator.size(size)), base
        )
        return self.builder.first_lanes(self.evaluator.arithmetic.scalar(left))

    def chunk(self, places: Places) -> None:
        """All levels for kept coordinates that lie side by side."""
        folded = [i for i, kept in enumerate(self.group.kept) if not kept]
        kept_rows = {} if self.lead is None else self.used_again()
        for number, folds in enumerate(self.levels):
            first = [
                x
                for fold in folds
                for at, mask in places
                for x in self.spread(self.unit(fold), at)
            ]
            spill = [v for v, level in kept_rows.items() if level == number]

            def body(
                at: Digits,
                partials: Sequence[Register],
                folds: Sequence[Value] = folds,
                spill: Sequence[Value] = spill,
            ) -> list[Register]:
                found: list[Register] = []
                rest = list(partials)
                for place, mask in places:
                    with self.evaluator.masked(mask):
                        for value in spill:
                            self.keep(value, {**place, **at})
                for fold in folds:
                    for place, mask in places:
                        with self.evaluator.masked(mask):
                            width = len(self.unit(fold))
                            mine, rest = rest[:width], rest[width:]
                            found += self.merged(fold, mine, {**place, **at})
                return found

            results = list(self.over_folded(folded, {}, body, first))
            for value in spill:
                self.recall(value)
            for fold in folds:
                for place, mask in places:
                    width = len(self.unit(fold))
                    mine, results = results[:width], results[width:]
                    with self.evaluator.masked(mask):
                        self.evaluator.bind(fold, self.kept_place(place), mine[-1])
        self.store_chunk(folded, places)
        self.forget(kept_rows)

    def spread(self, partial: tuple[Register, ...], at: Digits) -> list[Register]:
        """Partial results in all lanes, where a place is one for each lane."""
        lanes = 1 if all(c.is_scalar for c in at.values()) else self.lanes
        return [self.builder.spread(x, lanes) for x in partial]

    def store_chunk(
        self,
        folded: Sequence[int],
        places: Places,
    ) -> None:
        """Store what was computed for kept coordinates that lie side by side."""
        elements = [v for v in self.group.stores if not self.is_kept(v)]
        if elements:

            def body(at: Digits, none: Sequence[Register]) -> list[Register]:
                del none
                for place, mask in places:
                    with self.evaluator.masked(mask):
                        self.store(elements, {**place, **at})
                return []

            self.over_folded(folded, {}, body, ())
        kept = [v for v in self.group.stores if self.is_kept(v)]
        for place, mask in places:
            with self.evaluator.masked(mask):
                self.store(kept, place)

    def over_folded(
        self,
        digits: Sequence[int],
        at: Digits,
        body: Callable[[Digits, Sequence[Register]], Sequence[Register]],
        first: Sequence[Register],
    ) -> Sequence[Register]:
        """Loops over folded digits, one element at a time."""
        if not digits:
            return body(at, first)
        digit, *others = digits

        def each(index: Register, *carried: Register) -> Sequence[Register]:
            here = {**at, digit: self.evaluator.arithmetic.of(index)}
            return self.over_folded(others, here, body, carried)

        extent = self.evaluator.size(self.group.sizes[digit])
        return self.builder.loop(self.builder.index(0), extent, 1, each, first)

    def along_folded(self, at: Digits) -> None:
        """Vectors along the last digit, which is folded: lanes are merged at last."""
        *folded, last = (i for i, kept in enumerate(self.group.kept) if not kept)
        kept_rows = self.rows_to_keep(folded, last)
        for number, folds in enumerate(self.levels):
            width = [len(self.unit(fold)) for fold in folds]
            first = [
                self.builder.spread(x, self.lanes)
                for fold in folds
                for x in self.unit(fold)
            ]
            spill = [v for v, level in kept_rows.items() if level == number]

            def body(
                here: Digits,
                partials: Sequence[Register],
                folds: Sequence[Value] = folds,
                width: Sequence[int] = width,
                spill: Sequence[Value] = spill,
            ) -> list[Register]:
                found: list[Register] = []
                rest = list(partials)
                for value in spill:
                    self.keep(value, {**at, **here})
                for fold, n in zip(folds, width, strict=True):
                    mine, rest = rest[:n], rest[n:]
                    found += self.merged(fold, mine, {**at, **here})
                return found

            results = list(self.along(folded, last, body, first))
            for value in spill:
                self.recall(value)
            for fold, n in zip(folds, width, strict=True):
                mine, results = results[:n], results[n:]
                one = self.horizontal(fold, mine)
                self.evaluator.bind(fold, self.kept_place(at), one[-1])
        elements = [v for v in self.group.stores if not self.is_kept(v)]
        if elements:

            def stores(here: Digits, none: Sequence[Register]) -> list[Register]:
                del none
                self.store(elements, {**at, **here})
                return []

            self.along(folded, last, stores, ())
        self.store([v for v in self.group.stores if self.is_kept(v)], at)
        self.forget(kept_rows)

    def along(
        self,
        folded: Sequence[int],
        last: int,
        body: Callable[[Digits, Sequence[Register]], Sequence[Register]],
        first: Sequence[Register],
    ) -> Sequence[Register]:
        """Loops over folded digits, the last of them in vectors."""

        def inner(at: Digits, carried: Sequence[Register]) -> Sequence[Register]:
            return self.in_vectors(last, lambda x, c: body({**at, last: x}, c), carried)

        return self.over_folded(folded, {}, inner, first)

    def in_vectors(
        self,
        digit: int,
        body: Callable[[Coordinate, Sequence[Register]], Sequence[Register]],
        carried: Sequence[Register],
    ) -> Sequence[Register]:
        """A digit in whole vectors, and the rest under a mask."""
        b, size = self.builder, self.group.sizes[digit]
        lanes = b.index(self.lanes)
        extent = self.evaluator.size(size)
        known = len(set(size)) == 1
        if known and size[0] <= self.row_limit():
            for start in range(0, size[0], self.lanes):
                base = Coordinate(constant=start)
                with self.evaluator.masked(self.mask_at(digit, base)):
                    carried = body(Coordinate((), start, 1), carried)
            return carried
        whole = b.multiply(b.quotient(extent, lanes), lanes)
        if known:
            whole = b.index(size[0] // self.lanes * self.lanes)

        def each(index: Register, *held: Register) -> Sequence[Register]:
            return body(Coordinate(((index, 1),), 0, 1), held)

        with self.evaluator.masked(None):
            carried = b.loop(b.index(0), whole, self.lanes, each, carried)
        if known and size[0] % self.lanes == 0:
            return carried

        def rest(index: Register, *held: Register) -> Sequence[Register]:
            mask = self.mask_at(digit, self.evaluator.arithmetic.of(index))
            with self.evaluator.masked(mask):
                x = self.evaluator.arithmetic.of(index)
                return body(Coordinate(x.terms, x.constant, 1), held)

        return b.loop(whole, extent, self.lanes, rest, carried)

    def row_limit(self) -> int:
        """How long a row is kept in registers."""
        return _ROW_IN_REGISTERS * self.lanes

    def rows_to_keep(self, folded: Sequence[int], last: int) -> dict[Value, int]:
        """Costly values that later levels need again, by the level that makes them."""
        size = self.group.sizes[last]
        if (
            folded
            or len(set(size)) != 1
            or not self.row_limit() < size[0] <= _LONGEST_ROW
        ):
            return {}
        return self.used_again()

    def used_again(self) -> dict[Value, int]:
        """Costly values that are needed in several levels, by the first of them."""
        uses = _uses_by_level(self.program, self.group, self.levels)
        return {
            value: min(levels)
            for value, levels in uses.items()
            if len(levels) > 1
            and not self.is_kept(value)
            and cost_of(value.operation) >= _WORTH_KEEPING
        }

    def keep(self, value: Value, at: Digits) -> None:
        """Put an element into the memory of the thread, for the next levels."""
        x = self.pull(value, at)
        pointer = self.rows.get(value)
        if pointer is None:
            columns = self.group.sizes[-1][0]
            lanes = -(-columns // self.lanes) * self.lanes
            if self.lead is not None:
                lanes = columns * self.lanes
            size = lanes * value.type.dtype.itemsize
            pointer = self.own_room(size, self.samples.one)
            self.rows[value] = pointer
        self.evaluator.store(x, pointer, self.kept_at(at), padded=True)

    def kept_at(self, at: Digits) -> Coordinate:
        """Where an element lies in rows that are kept."""
        last = at[len(self.group.sizes) - 1]
        if self.lead is None:
            return last
        arithmetic = self.evaluator.arithmetic
        row = arithmetic.subtract(at[0], self.lead)
        return arithmetic.add(arithmetic.scale(last, self.lanes), row)

    def recall(self, value: Value) -> None:
        """From here on read an element where it was kept."""
        pointer = self.rows[value]

        def element(place: Place[Coordinate]) -> Coordinate:
            return self.kept_at(dict(enumerate(place.coordinates)))

        self.evaluator.locals[value] = Local(pointer, element, padded=True)

    def forget(self, rows: Iterable[Value]) -> None:
        """Compute these values from here on."""
        for value in rows:
            self.evaluator.locals.pop(value, None)

    # --- folds ----------------------------------------------------------------------

    def unit(self, fold: Value) -> tuple[Register, ...]:
        """The partial result of nothing."""
        operation = _folds(fold)
        like = self.builder.literal(0, fold.inputs[0].type.dtype)
        return tuple(operation.unit(self.builder, like))

    def merged(
        self, fold: Value, partial: Sequence[Register], at: Digits
    ) -> Sequence[Register]:
        """The partial result with one more element, or one in each lane."""
        b, operation = self.builder, _folds(fold)
        if len(fold.inputs) > 1:
            inputs = self.product_inputs(fold, at)
        else:
            inputs = tuple(self.pull(x, at) for x in fold.inputs)
        position = self.position(at)
        single = operation.single(b, inputs, position)
        lanes = max(x.lanes for x in partial)
        mask = self.evaluator.mask
        own_rows = self.lead is not None or lanes == 1 or self.group.kept[-1]
        if mask is not None and not own_rows:
            unit = self.unit(fold)
            single = tuple(
                b.select(mask, x, u) for x, u in zip(single, unit, strict=True)
            )
        partial = [b.spread(x, lanes) for x in partial]
        single = tuple(b.spread(x, lanes) for x in single)
        return operation.merge(b, tuple(partial), single)

    def product_inputs(self, fold: Value, at: Digits) -> tuple[Register, ...]:
        """The elements of several inputs whose letters are the digits of the domain."""
        access = self.samples.access(fold)
        names = list(letters_of(self.samples, fold, access))
        found = []
        for x, terms in zip(fold.inputs, access.inputs, strict=True):
            place = Place(
                self.samples.shape(x),
                tuple(at[names.index(t.name)] for t in terms if isinstance(t, Letter)),
            )
            found.append(self.evaluator.pull(x, place))
        return tuple(found)

    def position(self, at: Digits) -> Register:
        """The number of a folded element in row-major order."""
        folded = [i for i, kept in enumerate(self.group.kept) if not kept]
        arithmetic = self.evaluator.arithmetic
        sizes = [self.evaluator.size(self.group.sizes[i]) for i in folded]
        return arithmetic.number(arithmetic.join([at[i] for i in folded], sizes))

    def horizontal(
        self, fold: Value, partial: Sequence[Register]
    ) -> tuple[Register, ...]:
        """The lanes of a partial result merged, halves with halves."""
        operation, lanes = _folds(fold), self.lanes
        parts = tuple(partial)
        if all(x.lanes == 1 for x in parts):
            return parts
        while lanes > 1:
            half = lanes // 2
            low = tuple(range(half))
            high = tuple(range(half, lanes))
            a = tuple(self.halved(x, low) for x in parts)
            b = tuple(self.halved(x, high) for x in parts)
            parts = tuple(operation.merge(self.builder, a, b))
            lanes = half
        return parts

    def halved(self, x: Register, order: tuple[int, ...]) -> Register:
        """Some lanes of a vector; a scalar if it is one."""
        if len(order) == 1:
            return self.builder.lane(x, order[0])
        return self.builder.shuffle(x, x, order)

    # --- elements -------------------------------------------------------------------

    def is_kept(self, value: Value) -> bool:
        """Whether a value has an element for each kept coordinate only."""
        if all(self.group.kept) or self.is_product(value):
            return False
        return self.program.fused.level(self.group, value) == "kept"

    def is_product(self, value: Value) -> bool:
        """Whether a value is the product that a group begins with."""
        return self.group.kind == "product" and value is self.group.root

    def kept_place(self, at: Digits) -> Place[Coordinate]:
        """The place of a value that is kept."""
        digits = self.group.kept_digits
        return Place(self.group.kept_sizes, tuple(at[i] for i in digits))

    def place(self, value: Value, at: Digits) -> Place[Coordinate]:
        """The place in a value of this group."""
        if self.is_kept(value):
            return self.kept_place(at)
        sizes = self.group.sizes
        return Place(sizes, tuple(at[i] for i in range(len(sizes))))

    def pull(self, value: Value, at: Digits) -> Register:
        """An element of what a fold reads, or of a value of the group."""
        sizes = self.group.sizes
        place = Place(sizes, tuple(at[i] for i in range(len(sizes))))
        return self.evaluator.pull(value, place)

    def store(self, values: Sequence[Value], at: Digits) -> None:
        """Compute an element of each value, and put them where they belong.

        All are computed first, for one may lie where another one is read.
        """
        places = [self.place(value, at) for value in values]
        found = [
            self.evaluator.pull(value, place)
            for value, place in zip(values, places, strict=True)
        ]
        for value, place, x in zip(values, places, found, strict=True):
            for storage in self.targets(value):
                element = self.evaluator.element_of(place)
                self.evaluator.store(x, self.evaluator.pointer(storage), element)

    def targets(self, value: Value) -> list[Storage]:
        """All the buffers that get a value."""
        return self.frame.targets[value]


def _floats(group: Group) -> list[Value]:
    found = [v for v in group.values if v.type.dtype.kind == "f"]
    return found or list(group.values)


def _folds(fold: Value) -> Folds:
    if not isinstance(fold.operation, Folds):
        raise TypeError(f"{fold!r} is no fold")
    return fold.operation


def _show(size: Size) -> str:
    return str(size[0]) if len(set(size)) == 1 else "n"


def _levels(program: Program, group: Group) -> list[list[Value]]:
    """The folds of a group, those first that depend on no other."""
    depth: dict[Value, int] = {}
    levels: list[list[Value]] = []
    for value in _in_order(program, group):
        below = max((depth.get(x, 0) for x in value.inputs), default=0)
        folds = (
            program.fused.home.get(value) is group
            and isinstance(value.operation, Folds)
            and not (group.kind != "nest" and value is group.root)
        )
        depth[value] = below + 1 if folds else below
        if folds:
            while len(levels) <= below:
                levels.append([])
            levels[below].append(value)
    return levels


def _in_order(program: Program, group: Group) -> list[Value]:
    """What a group computes, free values among it, each after its inputs."""
    found: list[Value] = []
    done: set[Value] = set()
    for root in group.values:
        stack = [root]
        while stack:
            value = stack[-1]
            if value in done:
                stack.pop()
                continue
            waiting = [
                x
                for x in value.inputs
                if x not in done
                and (
                    program.fused.home.get(x) is group
                    or not program.fused.is_opaque(group, x)
                )
            ]
            if waiting and not (group.kind != "nest" and value is group.root):
                stack += waiting
                continue
            stack.pop()
            done.add(value)
            found.append(value)
    return found


def _uses_by_level(
    program: Program, group: Group, levels: Sequence[Sequence[Value]]
) -> Mapping[Value, set[int]]:
    """In which levels each value of a group is computed; stores are the last level."""
    uses: dict[Value, set[int]] = {}
    roots = [*([x for fold in folds for x in fold.inputs] for folds in levels)]
    roots.append(list(group.stores))
    folds = {fold for level in levels for fold in level}
    for number, wanted in enumerate(roots):
        waiting, seen = list(wanted), set[Value]()
        while waiting:
            value = waiting.pop()
            if value in seen or value in folds:
                continue
            seen.add(value)
            if program.fused.home.get(value) is group:
                uses.setdefault(value, set()).add(number)
            elif program.fused.is_opaque(group, value):
                continue
            if not (group.kind == "product" and value is group.root):
                waiting += value.inputs
    return uses
