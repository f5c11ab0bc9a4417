"""Matrix products: blocks of rows times panels of columns, kept in registers.

A block of `rows` by `vectors` sums of `a[i, k] b[k, j]` stays in registers while `k`
runs: each step loads a vector of `b` for each column and spreads a number of `a` for
each row. The sums go to memory of the thread, where the values that are fused with the
product read them: element by element of the block, or, if something needs whole rows,
once all panels of the block of rows are done.

Every sum is one chain of `fma` in the order of `k`, whatever the blocks are, so blocks
change the time and never the bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.ir import DType
from chainrule.native.coordinates import Coordinate
from chainrule.native.evaluate import Local
from chainrule.native.lower import Digits, GroupWriter
from chainrule.native.nest import Register
from chainrule.native.target import Target
from chainrule.passes.generalise import Size, Sizes, times
from chainrule.passes.places import Place, is_one


@dataclass(frozen=True)
class Block:
    """Rows and vectors of columns that are summed side by side."""

    rows: int
    vectors: int


def choose_block(target: Target, rows: int, columns: int, lanes: int) -> Block:
    """The block for a product of so many rows and columns, by a model of its cost.

    A step of `k` takes as long as its multiplications or its loads, whichever is more.
    What sticks out beyond the matrix is computed in vain.
    """
    panels = max(1, -(-columns // lanes))
    best, least = Block(1, 1), float("inf")
    for vectors in range(1, 5):
        most = (target.vector_registers - vectors - 2) // vectors
        for count in range(1, min(most, 14) + 1):
            sums = count * vectors
            step = max(sums / 2, _CHAIN, (count + vectors) * _LOAD)
            blocks = -(-rows // count) * -(-panels // vectors)
            cost = blocks * (step + _TURN)
            if cost < least - 1e-9:
                best, least = Block(count, vectors), cost
    return best


# In cycles: how long a multiplication keeps the next one of its chain waiting; a load;
# what a loop over blocks costs for each step of `k`.
_CHAIN = 4.0
_LOAD = 0.5
_TURN = 0.25


class ProductWriter(GroupWriter):
    """Writes a product and what is fused with it."""

    @property
    def stack_sizes(self) -> Sizes:
        """The extents of the axes in front of the matrices."""
        return self.samples.shape(self.group.root)[:-2]

    def body(self) -> None:
        """Tiles of rows, and in each of them panels of columns."""
        b, arithmetic = self.builder, self.evaluator.arithmetic
        root = self.group.root
        rows, columns = self.samples.shape(root)[-2:]
        self.row_size, self.column_size = rows, columns
        self.inner_size = self.samples.shape(root.inputs[0])[-1]
        self.dtype: DType = root.type.dtype
        self.block = choose_block(self.target, rows[0], columns[0], self.lanes)
        count = min(self.tile, max(rows[0], 1)) if is_fixed(rows) else self.tile
        self.block = Block(count, self.block.vectors)
        extent = self.evaluator.size(rows)
        tiles = self.tile_count(extent, self.block.rows)
        stack = self.evaluator.size(times(self.samples.one, *self.stack_sizes))
        count = b.multiply(tiles, stack)
        first, last = b.index(0), count
        if self.share is not None:
            first, last = self.run_of(count)
        self.prepare()

        def each(index: Register) -> tuple[()]:
            at = arithmetic.of(index)
            matrix = Coordinate()
            if self.stack_sizes:
                matrix, at = arithmetic.divided(at, tiles)
            self.block_of_rows(matrix, at)
            return ()

        b.loop(first, last, 1, each)

    @property
    def tile(self) -> int:
        """How many rows a block has."""
        return self.share.tile if self.share is not None else 8

    def prepare(self) -> None:
        """Memory of the thread for a block of sums."""
        columns = self.column_size
        vectors = self.block.vectors
        if self.group.whole_rows:
            vectors = -(-columns[0] // self.lanes)
        self.width = vectors * self.lanes
        size = self.block.rows * self.width * self.dtype.itemsize
        self.sums = self.builder.stack(size)

    def block_of_rows(self, matrix: Coordinate, tile: Coordinate) -> None:
        """All columns of a block of rows of one matrix of the stack."""
        arithmetic, b = self.evaluator.arithmetic, self.builder
        block, rows = self.block.rows, self.row_size
        start = arithmetic.scale(tile, block)
        extent = self.evaluator.size(rows)
        first, stop = b.index(0), b.index(block)
        if not is_fixed(rows):
            left = arithmetic.subtract(arithmetic.of(extent), start)
            stop = b.minimum(arithmetic.scalar(left), stop)
            numbers = [
                arithmetic.clamp(
                    arithmetic.add(start, Coordinate(constant=r)), extent
                )
                for r in range(block)
            ]
        else:
            if rows[0] % block:
                # The last block overlaps the one before, and leaves its rows to it.
                fitting = b.minimum(arithmetic.scalar(start), b.index(rows[0] - block))
                moved = arithmetic.of(fitting)
                first = arithmetic.scalar(arithmetic.subtract(start, moved))
                start = moved
            numbers = [
                arithmetic.add(start, Coordinate(constant=r)) for r in range(block)
            ]
        self.row_start = start
        self.matrix = matrix
        self.panels(numbers, first, stop)

    def panels(
        self, rows: Sequence[Coordinate], first: Register, stop: Register
    ) -> None:
        """Panels of columns one after the other, then what needs whole rows."""
        b, columns = self.builder, self.column_size
        step = self.block.vectors * self.lanes

        def panel(start: Coordinate, vectors: int) -> None:
            self.panel_start = start
            self.multiply(rows, start, vectors)
            if not self.group.whole_rows:
                self.locals_of_panel()
                self.rows_of_panel(first, stop, start, vectors)

        if is_fixed(columns):
            whole = columns[0] // step * step

            def each(index: Register) -> tuple[()]:
                panel(self.evaluator.arithmetic.of(index), self.block.vectors)
                return ()

            b.loop(b.index(0), b.index(whole), step, each)
            if columns[0] > whole:
                vectors = -(-(columns[0] - whole) // self.lanes)
                panel(Coordinate(constant=whole), vectors)
        else:

            def every(index: Register) -> tuple[()]:
                panel(self.evaluator.arithmetic.of(index), self.block.vectors)
                return ()

            b.loop(b.index(0), self.evaluator.size(columns), step, every)
        if self.group.whole_rows:
            self.locals_of_rows()
            self.whole_rows(first, stop)

    def multiply(
        self, rows: Sequence[Coordinate], start: Coordinate, vectors: int
    ) -> None:
        """The sums of a block, in registers, and then in the memory of the thread."""
        b, evaluator = self.builder, self.evaluator
        places = self.vectors({}, 1, start, vectors)
        zero = b.literal(0, self.dtype, self.lanes)

        def each(index: Register, *sums: Register) -> list[Register]:
            k = evaluator.arithmetic.of(index)
            right = []
            for at, mask in places:
                with evaluator.masked(mask):
                    right.append(self.operand(1, k, at[1]))
            found = []
            for r, row in enumerate(rows):
                left = b.spread(self.operand(0, row, k), self.lanes)
                found += [
                    b.fma(left, x, sums[r * vectors + v]) for v, x in enumerate(right)
                ]
            return found

        inner = evaluator.size(self.inner_size)
        sums = b.loop(b.index(0), inner, 1, each, [zero] * (len(rows) * vectors))
        offset = start if self.group.whole_rows else Coordinate()
        for i, x in enumerate(sums):
            r, v = divmod(i, vectors)
            element = evaluator.arithmetic.add(
                offset, Coordinate((), r * self.width + v * self.lanes, 1)
            )
            evaluator.store(x, self.sums, element, padded=True)

    def operand(self, number: int, i: Coordinate, j: Coordinate) -> Register:
        """An element of an operand, or a vector of them."""
        x = self.group.root.inputs[number]
        shape = self.samples.shape(x)
        stack = self.stack_sizes
        matrix: tuple[Coordinate, ...] = ()
        if stack:
            whole = times(self.samples.one, *stack)
            place = Place((whole, *shape[-2:]), (self.matrix, i, j))
            return self.evaluator.pull(x, place)
        return self.evaluator.pull(x, Place(shape, (*matrix, i, j)))

    # --- what is fused --------------------------------------------------------------

    def locals_of_panel(self) -> None:
        """Let the sums be read where the panel is."""
        self.locals_at(self.panel_start)

    def locals_of_rows(self) -> None:
        """Let the sums be read in whole rows."""
        self.locals_at(Coordinate())

    def locals_at(self, column: Coordinate) -> None:
        arithmetic = self.evaluator.arithmetic
        lead = self.lead_of(self.row_start)

        def element(place: Place[Coordinate]) -> Coordinate:
            row, at = place.coordinates
            row = arithmetic.subtract(row, lead)
            at = arithmetic.subtract(at, column)
            return arithmetic.add(arithmetic.scale(row, self.width), at)

        self.evaluator.locals[self.group.root] = Local(self.sums, element, padded=True)

    def lead_of(self, row: Coordinate) -> Coordinate:
        """The first digit of the domain: the row, counted through the whole stack."""
        if not self.stack_sizes:
            return row
        arithmetic = self.evaluator.arithmetic
        extent = self.evaluator.size(self.row_size)
        return arithmetic.add(arithmetic.times(self.matrix, extent), row)

    def each_row(self, first: Register, stop: Register) -> "_Rows":
        return _Rows(self, first, stop)

    def rows_of_panel(
        self, first: Register, stop: Register, start: Coordinate, vectors: int
    ) -> None:
        """Store the values fused with the product, one row of the panel at a time."""
        places = self.vectors({}, 1, start, vectors)

        def row(at: Digits) -> None:
            for value in self.group.stores:
                for place, mask in places:
                    with self.evaluator.masked(mask):
                        self.store(value, {**at, **place})

        _Rows(self, first, stop).run(row)

    def whole_rows(self, first: Register, stop: Register) -> None:
        """Store what stands on whole rows."""
        _Rows(self, first, stop).run(self.along_folded)


class _Rows:
    """The rows of a block that are its own."""

    def __init__(self, writer: ProductWriter, first: Register, stop: Register) -> None:
        self.writer, self.first, self.stop = writer, first, stop

    def run(self, body: "RowBody") -> None:
        writer = self.writer
        arithmetic = writer.evaluator.arithmetic
        lead = writer.lead_of(writer.row_start)

        def each(index: Register) -> tuple[()]:
            body({0: arithmetic.add(lead, arithmetic.of(index))})
            return ()

        writer.builder.loop(self.first, self.stop, 1, each)


from collections.abc import Callable  # noqa: E402

RowBody = Callable[[Digits], None]


def is_fixed(size: Size) -> bool:
    """Whether a size is known when the program is compiled."""
    return len(set(size)) == 1


__all__ = ["ProductWriter", "choose_block", "is_one"]
