"""Matrix products: blocks of rows times panels of columns, kept in registers.

A block of `rows` by `vectors` sums of `a[i, k] b[k, j]` stays in registers while `k`
runs: each step loads a vector of `b` for each column and spreads a number of `a` for
each row. The sums go to memory of the thread, where the values that are fused with the
product read them: element by element of the block, or, if something needs whole rows,
once all panels of the block of rows are done.

Every sum is one chain of `fma` in the order of `k`, whatever the blocks are, so blocks
change the time and never the bits.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from chainrule.ir import DType, Value
from chainrule.native.blocking import ROWS, Blocking, choose, is_fixed
from chainrule.native.coordinates import Coordinate
from chainrule.native.evaluate import Local
from chainrule.native.lower import Digits, GroupWriter, Places
from chainrule.native.nest import Register
from chainrule.passes.generalise import Sizes, times
from chainrule.passes.places import Place
from chainrule.passes.strides import strides_of

# Rows of a block of the left operand that is packed in columns lie this far apart.
_ROW_SLOTS = 16
# From so many matrices in a stack on, threads take whole matrices.
_MANY_MATRICES = 4

# Vectors in memory: in which, where the first begins, how far one begins after another.
Lines: TypeAlias = tuple[Register, int, int]


class ProductWriter(GroupWriter):
    """Writes a product and what is fused with it."""

    def body(self) -> None:
        """Blocks of rows and panels of columns, whichever the threads share outside."""
        root = self.group.root
        self.row_size, self.column_size = self.samples.shape(root)[-2:]
        self.inner_size = self.samples.shape(root.inputs[0])[-1]
        self.dtype: DType = root.type.dtype
        self.blocking: Blocking = choose(self.program.fused, self.group, self.target)
        self.step = self.blocking.vectors * self.lanes
        self.prepare()
        if self.blocking.by_columns:
            self.columns_outside()
        else:
            self.rows_outside()

    @property
    def block_bytes(self) -> int:
        """Of the sums of a block of rows."""
        return self.blocking.rows * self.width * self.dtype.itemsize

    @property
    def stack_sizes(self) -> Sizes:
        """The extents of the axes in front of the matrices."""
        return self.samples.shape(self.group.root)[:-2]

    def prepare(self) -> None:
        """Memory of the thread: for a block of sums, and for packed operands."""
        item, one = self.dtype.itemsize, self.samples.one
        self.width = self.step
        if self.group.whole_rows:
            self.width = -(-self.column_size[0] // self.step) * self.step
        self.right = self.left = None
        self.deep = self.samples.constant(self.blocking.deep)
        depth = self.deep if self.blocking.deep else self.inner_size
        if self.blocking.deep:
            # Sums of all rows wait here while `k` runs on in other rows.
            self.width = self.blocking.wide
            row = self.width * item
            self.sums = self.own_room(row, self.row_size, self.blocking.rows)
        else:
            self.sums = self.own_room(self.block_bytes, one)
        if self.blocking.packs_right:
            wide = self.blocking.wide * item
            self.right = self.own_room(wide, depth, self.lanes)
        if self.blocking.left == "columns":
            self.left = self.own_room(_ROW_SLOTS * item, depth)
        elif self.blocking.left == "rows":
            # Whole vectors are stored, so a row may be longer than `k`.
            rows = self.blocking.rows * item
            self.left = self.own_room(rows, depth, self.lanes)
        b = self.builder
        self.k_begin, self.k_end = b.index(0), self.evaluator.size(self.inner_size)
        self.depth = self.evaluator.size(depth)

    # --- the order of blocks --------------------------------------------------------

    def rows_outside(self) -> None:
        """Threads share the rows; each goes through all columns."""
        b = self.builder
        if self.stack_sizes:
            self.matrices()
            return
        self.matrix = Coordinate()
        self.in_wide_panels(b.index(0), self.all_columns(), *self.own_rows())

    def own_rows(self) -> tuple[Register, Register]:
        """Where the rows of the thread begin and end."""
        extent = self.evaluator.size(self.row_size)
        if self.share is None:
            return self.builder.index(0), extent
        return self.tiles(extent, ROWS)

    def matrices(self) -> None:
        """A stack of products: threads share the matrices, or the rows of each."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        stack = times(self.samples.one, *self.stack_sizes)
        first, last = b.index(0), self.evaluator.size(stack)
        rows = b.index(0), self.evaluator.size(self.row_size)
        if self.share is not None and stack[0] >= _MANY_MATRICES:
            first, last = self.run_of(last)
        else:
            rows = self.own_rows()

        def each(index: Register) -> tuple[()]:
            self.matrix = arithmetic.of(index)
            self.in_wide_panels(b.index(0), self.all_columns(), *rows)
            return ()

        b.loop(first, last, 1, each)

    def columns_outside(self) -> None:
        """Threads share the columns; each goes through all rows."""
        b = self.builder
        self.matrix = Coordinate()
        columns = self.evaluator.size(self.column_size)
        first, last = b.index(0), columns
        if self.share is not None:
            first, last = self.tiles(columns, self.share.tile)
        rows = self.evaluator.size(self.row_size)
        self.in_wide_panels(first, last, b.index(0), rows)

    def in_wide_panels(
        self, start: Register, stop: Register, first: Register, last: Register
    ) -> None:
        """Columns that are packed together, and for each of them all blocks of rows."""
        b, arithmetic = self.builder, self.evaluator.arithmetic

        def rows(begin: Coordinate, end: Register) -> None:
            def block(start: Coordinate, rows: Rows) -> None:
                self.block_of_rows(start, rows, begin, end)

            self.blocks(first, last, block)

        if self.right is None:
            rows(arithmetic.of(start), stop)
            return

        def panel(index: Register) -> tuple[()]:
            begin = arithmetic.of(index)
            end = b.minimum(b.add(index, b.index(self.blocking.wide)), stop)
            if self.blocking.deep:
                self.in_depth(begin, end, first, last)
            else:
                self.pack_right(begin, end)
                rows(begin, end)
            return ()

        b.loop(start, stop, self.blocking.wide, panel)

    def in_depth(
        self, begin: Coordinate, end: Register, first: Register, last: Register
    ) -> None:
        """Sums over one piece of `k` after another for all rows; then what is fused."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        whole = self.k_begin, self.k_end
        vectors = range(self.width // self.lanes)
        zero = b.literal(0, self.dtype, self.lanes)

        def clear(start: Coordinate, rows: Rows) -> None:
            del start
            for r in range(self.blocking.rows):
                for v in vectors:
                    at = Coordinate((), r * self.width + v * self.lanes, 1)
                    place = arithmetic.add(self.sums_of(rows), at)
                    self.evaluator.store(zero, self.sums, place, padded=True)

        def add(start: Coordinate, rows: Rows) -> None:
            self.row_start, self.begin = start, begin
            if self.left is not None:
                self.pack_left(start, rows)
            self.each_panel(
                begin, end, lambda at: self.multiply(rows, at, self.places_at(at))
            )

        def finish(start: Coordinate, rows: Rows) -> None:
            self.row_start = start
            self.read_sums_from(begin, rows)
            self.each_panel(
                begin, end, lambda at: self.store_panel(rows, self.places_at(at))
            )

        def piece(index: Register) -> tuple[()]:
            self.k_begin = index
            self.k_end = b.minimum(b.add(index, self.depth), whole[1])
            self.pack_right(begin, end)
            self.blocks(first, last, add)
            return ()

        self.blocks(first, last, clear)
        b.loop(*whole, self.blocking.deep, piece)
        self.k_begin, self.k_end = whole
        self.blocks(first, last, finish)

    def each_panel(
        self, begin: Coordinate, end: Register, body: Callable[[Coordinate], None]
    ) -> None:
        """A loop over panels of full width."""
        arithmetic = self.evaluator.arithmetic

        def each(index: Register) -> tuple[()]:
            body(arithmetic.of(index))
            return ()

        self.builder.loop(arithmetic.scalar(begin), end, self.step, each)

    def sums_of(self, rows: "Rows") -> Coordinate:
        """Where the sums of a block of rows begin, if all rows have sums."""
        if not self.blocking.deep:
            return Coordinate()
        return self.evaluator.arithmetic.scale(rows.apart, self.width)

    def all_columns(self) -> Register:
        """Where columns end."""
        return self.evaluator.size(self.column_size)

    def blocks(
        self,
        first: Register,
        last: Register,
        body: Callable[[Coordinate, "Rows"], None],
    ) -> None:
        """A loop over blocks of rows, of which the last one may be smaller."""

        def each(index: Register) -> tuple[()]:
            body(*self.rows_at(index, last))
            return ()

        self.builder.loop(first, last, self.blocking.rows, each)

    def rows_at(self, index: Register, last: Register) -> tuple[Coordinate, "Rows"]:
        """Where a block of rows begins, and which of its rows are its own."""
        arithmetic, b = self.evaluator.arithmetic, self.builder
        block, size = self.blocking.rows, self.row_size
        apart = arithmetic.of(index)
        stop = b.minimum(b.add(index, b.index(block)), last)
        if is_fixed(size):
            # A block that would reach beyond the end begins before: it computes some
            # rows that are not its own, and leaves them.
            start = arithmetic.of(b.minimum(index, b.index(max(size[0] - block, 0))))
            numbers = [
                arithmetic.add(start, Coordinate(constant=r)) for r in range(block)
            ]
        else:
            start = apart
            extent = self.evaluator.size(size)
            numbers = [
                arithmetic.clamp(arithmetic.add(start, Coordinate(constant=r)), extent)
                for r in range(block)
            ]
        first = arithmetic.scalar(arithmetic.subtract(apart, start))
        own = arithmetic.subtract(arithmetic.of(stop), start)
        return start, Rows(numbers, first, arithmetic.scalar(own), apart)

    # --- a block --------------------------------------------------------------------

    def block_of_rows(
        self, start: Coordinate, rows: "Rows", begin: Coordinate, end: Register
    ) -> None:
        """Some columns of a block of rows, and what is fused with them."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        self.row_start, self.begin = start, begin
        if self.left is not None:
            self.pack_left(start, rows)

        def panel(at: Coordinate, vectors: int, *, inside: bool = False) -> None:
            places = self.vectors({}, 1, at, vectors, inside=inside)
            self.multiply(rows, at, places)
            if not self.group.whole_rows:
                self.read_sums_from(at, rows)
                self.store_panel(rows, places)

        first = arithmetic.scalar(begin)
        apart = self.blocking.by_columns
        if is_fixed(self.column_size) and self.right is None and not apart:
            columns = self.column_size[0]
            whole = columns // self.step * self.step

            def each(index: Register) -> tuple[()]:
                panel(arithmetic.of(index), self.blocking.vectors, inside=True)
                return ()

            b.loop(first, b.index(whole), self.step, each)
            if columns > whole:
                panel(Coordinate(constant=whole), -(-(columns - whole) // self.lanes))
        else:
            self.each_panel(begin, end, lambda at: panel(at, self.blocking.vectors))
        if self.group.whole_rows:
            if self.blocking.turned:
                self.rows_in_lanes(rows)
                return
            self.read_sums_from(Coordinate(), rows)
            self.each_row(rows, self.along_folded)

    def multiply(self, rows: "Rows", start: Coordinate, places: Places) -> None:
        """The sums of a block, in registers, and then in the memory of the thread."""
        b, evaluator = self.builder, self.evaluator
        arithmetic, vectors = evaluator.arithmetic, len(places)
        zero = b.literal(0, self.dtype, self.lanes)

        def each(index: Register, *sums: Register) -> list[Register]:
            k = arithmetic.of(index)
            right = []
            for v, (at, mask) in enumerate(places):
                with evaluator.masked(mask):
                    right.append(self.right_element(k, at[1], start, v))
            found = []
            for r, row in enumerate(rows.numbers):
                left = b.spread(self.left_element(r, row, k), self.lanes)
                found += [
                    self.multiply_add(left, x, sums[r * vectors + v])
                    for v, x in enumerate(right)
                ]
            return found

        offset = start if self.group.whole_rows else Coordinate()
        if self.blocking.deep:
            column = arithmetic.subtract(start, self.begin)
            offset = arithmetic.add(self.sums_of(rows), column)
        elements = [
            arithmetic.add(offset, Coordinate((), r * self.width + v * self.lanes, 1))
            for r in range(len(rows.numbers))
            for v in range(vectors)
        ]
        first = [zero] * len(elements)
        if self.blocking.deep:
            first = [
                evaluator.load(
                    self.sums, element, self.dtype, lasting=False, padded=True
                )
                for element in elements
            ]
        sums = b.loop(self.k_begin, self.k_end, 1, each, first)
        for x, element in zip(sums, elements, strict=True):
            evaluator.store(x, self.sums, element, padded=True)

    def multiply_add(self, a: Register, x: Register, total: Register) -> Register:
        """One step of a sum, in one rounding where the processor can."""
        b = self.builder
        if self.target.has_fma:
            return b.fma(a, x, total)
        return b.add(total, b.multiply(a, x))

    # --- operands -------------------------------------------------------------------

    def right_element(
        self, k: Coordinate, j: Coordinate, start: Coordinate, vector: int
    ) -> Register:
        """A vector of the right operand, from where it lies or from its copy."""
        if self.right is None:
            return self.operand(1, k, j)
        element = self.packed_at(k, start)
        element = self.evaluator.arithmetic.add(
            element, Coordinate((), vector * self.lanes, 1)
        )
        return self.evaluator.load(
            self.right, element, self.dtype, lasting=False, padded=True
        )

    def packed_at(self, k: Coordinate, start: Coordinate) -> Coordinate:
        """Where row `k` of the panel that starts at a column lies in the copy.

        Panels lie one after the other, each in rows of its columns: one for each `k`,
        and a few more, which need not be kept from being written.
        """
        arithmetic = self.evaluator.arithmetic
        column = arithmetic.subtract(start, self.begin)
        length = self.builder.add(self.depth, self.builder.index(self.lanes))
        row = arithmetic.subtract(k, arithmetic.of(self.k_begin))
        return arithmetic.add(
            arithmetic.times(column, length), arithmetic.scale(row, self.step)
        )

    def left_element(self, r: int, row: Coordinate, k: Coordinate) -> Register:
        """A number of the left operand, from where it lies or from its copy."""
        if self.left is None:
            return self.operand(0, row, k)
        arithmetic = self.evaluator.arithmetic
        k = arithmetic.subtract(k, arithmetic.of(self.k_begin))
        if self.blocking.left == "columns":
            element = arithmetic.scale(k, _ROW_SLOTS)
            element = arithmetic.add(element, Coordinate(constant=r))
        else:
            element = arithmetic.add(self.left_row(r), k)
        return self.evaluator.load(self.left, element, self.dtype, lasting=False)

    def left_row(self, r: int) -> Coordinate:
        """Where a packed row of the left operand begins."""
        arithmetic = self.evaluator.arithmetic
        length = arithmetic.add(
            arithmetic.of(self.depth), Coordinate(constant=self.lanes)
        )
        return arithmetic.scale(length, r)

    def operand(self, number: int, i: Coordinate, j: Coordinate) -> Register:
        """An element of an operand, or a vector of them."""
        x = self.group.root.inputs[number]
        shape = self.samples.shape(x)
        if self.stack_sizes:
            whole = times(self.samples.one, *self.stack_sizes)
            place = Place((whole, *shape[-2:]), (self.matrix, i, j))
            return self.evaluator.pull(x, place)
        return self.evaluator.pull(x, Place(shape, (i, j)))

    def pack_right(self, begin: Coordinate, end: Register) -> None:
        """Copy columns of the right operand, panel by panel."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        self.begin = begin
        if self.right is None:
            return
        right = self.right
        along = self.right_lies_along_k()

        def panel(index: Register) -> tuple[()]:
            start = arithmetic.of(index)
            if along:
                self.pack_turned(start)
                return ()
            places = self.places_at(start)

            def row(number: Register) -> tuple[()]:
                k = arithmetic.of(number)
                for v, (at, mask) in enumerate(places):
                    with self.evaluator.masked(mask):
                        x = b.spread(self.operand(1, k, at[1]), self.lanes)
                    element = arithmetic.add(
                        self.packed_at(k, start), Coordinate((), v * self.lanes, 1)
                    )
                    self.evaluator.store(x, right, element, padded=True)
                return ()

            b.loop(self.k_begin, self.k_end, 1, row)
            return ()

        b.loop(arithmetic.scalar(begin), end, self.step, panel)

    def right_lies_along_k(self) -> bool:
        """Whether the numbers of one column of the right operand are neighbours."""
        found = strides_of(self.program.fused, self.group.root, is_right=True)
        return found is not None and found[0] == self.samples.one

    def pack_turned(self, start: Coordinate) -> None:
        """Copy a panel of which columns are neighbours: square by square, turned."""
        b, arithmetic, lanes = self.builder, self.evaluator.arithmetic, self.lanes
        if self.right is None:
            return
        right = self.right
        columns = self.evaluator.size(self.column_size)

        known = is_fixed(self.column_size) and self.column_size[0] % self.step == 0

        def squares(index: Register) -> tuple[()]:
            k = arithmetic.of(index)
            left = arithmetic.scalar(arithmetic.subtract(arithmetic.of(self.k_end), k))
            exact = is_fixed(self.inner_size) and self.inner_size[0] % lanes == 0
            mask = None if exact else b.first_lanes(left)
            along = Coordinate(k.terms, k.constant, 1)

            def square(number: Register) -> tuple[()]:
                first = arithmetic.of(number)
                column = arithmetic.add(start, first)
                lines = []
                for i in range(lanes):
                    j = arithmetic.add(column, Coordinate(constant=i))
                    if not known:
                        j = arithmetic.clamp(j, columns)
                    with self.evaluator.masked(mask):
                        lines.append(b.spread(self.operand(1, along, j), lanes))
                for i, x in enumerate(b.turn(lines)):
                    at = arithmetic.add(k, Coordinate(constant=i))
                    element = arithmetic.add(
                        arithmetic.add(self.packed_at(at, start), first),
                        Coordinate(lane=1),
                    )
                    self.evaluator.store(x, right, element, padded=True)
                return ()

            b.loop(b.index(0), b.index(self.step), lanes, square)
            return ()

        b.loop(self.k_begin, self.k_end, lanes, squares)

    def pack_left(self, start: Coordinate, rows: "Rows") -> None:
        """Copy a block of rows of the left operand."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        if self.left is None:
            return
        left = self.left
        origin = arithmetic.of(self.k_begin)
        if self.blocking.left == "columns":
            extent = self.evaluator.size(self.row_size)

            def column(index: Register) -> tuple[()]:
                k = arithmetic.of(index)
                for first in range(0, self.blocking.rows, self.lanes):
                    at = arithmetic.add(start, Coordinate(constant=first))
                    rest = arithmetic.subtract(arithmetic.of(extent), at)
                    mask = b.first_lanes(arithmetic.scalar(rest))
                    lanes = Coordinate(at.terms, at.constant, 1)
                    with self.evaluator.masked(mask):
                        x = b.spread(self.operand(0, lanes, k), self.lanes)
                    row = arithmetic.scale(arithmetic.subtract(k, origin), _ROW_SLOTS)
                    element = arithmetic.add(row, Coordinate((), first, 1))
                    self.evaluator.store(x, left, element, padded=True)
                return ()

            b.loop(self.k_begin, self.k_end, 1, column)
            return

        def piece(index: Register) -> tuple[()]:
            k = arithmetic.of(index)
            rest = arithmetic.subtract(arithmetic.of(self.k_end), k)
            mask = b.first_lanes(arithmetic.scalar(rest))
            lanes = Coordinate(k.terms, k.constant, 1)
            for r, row in enumerate(rows.numbers):
                with self.evaluator.masked(mask):
                    x = b.spread(self.operand(0, row, lanes), self.lanes)
                element = arithmetic.add(
                    self.left_row(r), arithmetic.subtract(lanes, origin)
                )
                self.evaluator.store(x, left, element, padded=True)
            return ()

        b.loop(self.k_begin, self.k_end, self.lanes, piece)

    # --- what is fused --------------------------------------------------------------

    def read_sums_from(self, column: Coordinate, rows: "Rows") -> None:
        """Let the product be read where its sums are, from a column on."""
        arithmetic = self.evaluator.arithmetic
        lead = self.lead_of(self.row_start)

        def element(place: Place[Coordinate]) -> Coordinate:
            row, at = place.coordinates
            row = arithmetic.subtract(row, lead)
            at = arithmetic.subtract(at, column)
            within = arithmetic.add(arithmetic.scale(row, self.width), at)
            return arithmetic.add(self.sums_of(rows), within)

        self.evaluator.locals[self.group.root] = Local(self.sums, element, padded=True)

    def rows_in_lanes(self, rows: "Rows") -> None:
        """All that is fused with a block of rows, one in each lane."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        columns = self.own_room(self.block_bytes, self.samples.one)
        for first in range(0, self.width, self.lanes):
            self.turn_square(
                (self.sums, first, self.width),
                (columns, first * self.lanes, self.lanes),
                self.lanes,
            )
        self.lead, self.turned = self.lead_of(self.row_start), rows
        mask = b.first_lanes(rows.stop)
        if rows.first.literal != 0:
            mask = b.logical_and(mask, b.logical_not(b.first_lanes(rows.first)))
        self.rows[self.group.root] = columns
        self.recall(self.group.root)
        at = {0: arithmetic.add(self.lead, Coordinate(lane=1))}
        self.chunk([(at, mask)])
        self.lead = None

    def turn_square(self, source: Lines, target: Lines, count: int) -> None:
        """Transpose a square of vectors, of which the first `count` hold anything."""
        evaluator = self.evaluator

        def places(lines: Lines) -> list[Coordinate]:
            _, first, apart = lines
            return [
                Coordinate(constant=first + i * apart, lane=1)
                for i in range(self.lanes)
            ]

        found = [
            evaluator.load(source[0], at, self.dtype, lasting=False, padded=True)
            for at in places(source)[:count]
        ]
        zero = self.builder.literal(0, self.dtype, self.lanes)
        found += [zero] * (self.lanes - count)
        for x, at in zip(self.builder.turn(found), places(target), strict=True):
            evaluator.store(x, target[0], at, padded=True)

    def lead_of(self, row: Coordinate) -> Coordinate:
        """The first digit of the domain: the row, counted through the whole stack."""
        if not self.stack_sizes:
            return row
        arithmetic = self.evaluator.arithmetic
        extent = self.evaluator.size(self.row_size)
        return arithmetic.add(arithmetic.times(self.matrix, extent), row)

    def places_at(self, start: Coordinate) -> Places:
        """The vectors of the panel that starts at a column."""
        return self.vectors({}, 1, start, self.blocking.vectors)

    def store_panel(self, rows: "Rows", places: Places) -> None:
        """Store the values fused with the product, one row of the panel at a time."""
        updates = set(self.group.stores) & set(self.program.in_place.values())
        if updates and any(mask is not None for _, mask in places):
            self.store_afterwards(rows, places)
            return

        def row(at: Digits) -> None:
            for place, mask in places:
                with self.evaluator.masked(mask):
                    self.store(self.group.stores, {**at, **place})

        self.each_row(rows, row)

    def store_afterwards(self, rows: "Rows", places: Places) -> None:
        """Compute all rows of a panel, and then store them.

        Where rows are no whole vectors, the last vector of one that is read reaches
        into the next, and would wait for what was stored there just before.
        """
        values = self.group.stores
        each = self.blocking.rows * len(places) * self.lanes
        rooms = [
            self.own_room(each * v.type.dtype.itemsize, self.samples.one)
            for v in values
        ]

        def compute(at: Digits) -> None:
            for i, (place, mask) in enumerate(places):
                with self.evaluator.masked(mask):
                    for value, room in zip(values, rooms, strict=True):
                        here = self.place(value, {**at, **place})
                        x = self.evaluator.pull(value, here)
                        element = self.in_block(at, len(places), i)
                        self.evaluator.store(x, room, element, padded=True)

        self.each_row(rows, compute)
        self.each_row(rows, lambda at: self.store_from(values, rooms, at, places))

    def each_row(self, rows: "Rows", body: Callable[[Digits], None]) -> None:
        """A loop over the rows of a block that are its own."""
        arithmetic = self.evaluator.arithmetic
        lead = self.lead_of(self.row_start)

        def each(index: Register) -> tuple[()]:
            body({0: arithmetic.add(lead, arithmetic.of(index))})
            return ()

        self.builder.loop(rows.first, rows.stop, 1, each)

    def store_chunk(self, folded: Sequence[int], places: Places) -> None:
        """Rows that are turned are computed, turned back, and stored one by one."""
        if self.lead is None:
            super().store_chunk(folded, places)
            return
        ((at, mask),) = places
        elements = [v for v in self.group.stores if not self.is_kept(v)]
        found = [self.own_room(self.block_bytes, self.samples.one) for _ in elements]
        rows = [self.own_room(self.block_bytes, self.samples.one) for _ in elements]

        def compute(column: Digits, none: Sequence[Register]) -> list[Register]:
            del none
            here = {**at, **column}
            for value, room in zip(elements, found, strict=True):
                x = self.evaluator.pull(value, self.place(value, here))
                self.evaluator.store(x, room, self.kept_at(here), padded=True)
            return []

        with self.evaluator.masked(mask):
            self.over_folded(folded, {}, compute, ())
        for first in range(0, self.width, self.lanes):
            for source, target in zip(found, rows, strict=True):
                self.turn_square(
                    (source, first * self.lanes, self.lanes),
                    (target, first, self.width),
                    min(self.lanes, self.column_size[0] - first),
                )
        columns = self.vectors({}, 1, Coordinate(), self.blocking.vectors)
        self.each_row(
            self.turned, lambda row: self.store_from(elements, rows, row, columns)
        )
        with self.evaluator.masked(mask):
            self.store([v for v in self.group.stores if self.is_kept(v)], at)

    def store_from(
        self,
        values: Sequence[Value],
        rooms: Sequence[Register],
        row: Digits,
        places: Places,
    ) -> None:
        """Put a row of each value, computed before, where it belongs."""
        for i, (place, mask) in enumerate(places):
            at = self.in_block(row, len(places), i)
            with self.evaluator.masked(mask):
                for value, room in zip(values, rooms, strict=True):
                    x = self.evaluator.load(
                        room, at, value.type.dtype, lasting=False, padded=True
                    )
                    element = self.evaluator.element_of(
                        self.place(value, {**row, **place})
                    )
                    for storage in self.targets(value):
                        pointer = self.evaluator.pointer(storage)
                        self.evaluator.store(x, pointer, element)

    def in_block(self, row: Digits, vectors: int, number: int) -> Coordinate:
        """Where a vector of a row lies in a block of rows of so many vectors."""
        arithmetic = self.evaluator.arithmetic
        count = arithmetic.subtract(row[0], self.lead_of(self.row_start))
        start = arithmetic.scale(count, vectors * self.lanes)
        return arithmetic.add(start, Coordinate(constant=number * self.lanes, lane=1))


class Rows:
    """The rows of a block: their coordinates, and which of them are its own."""

    def __init__(
        self,
        numbers: Sequence[Coordinate],
        first: Register,
        stop: Register,
        apart: Coordinate,
    ) -> None:
        self.numbers, self.first, self.stop = numbers, first, stop
        # A row with which no other block begins, even if blocks overlap.
        self.apart = apart
