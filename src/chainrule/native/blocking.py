"""How a matrix product is cut: blocks, shares of the threads, and what is packed.

A block of `rows` by `vectors` sums is kept in registers. The choice is made by a model:
a step of `k` costs the time of its multiplications or of its loads, whichever is more,
and a little for the loop; what sticks out of the matrix is computed in vain; threads
wait for the one that has most blocks.

An operand is *packed*, copied in the order in which it is read, if it cannot be read in
vectors where it lies, or if its rows lie so far apart that they would push one another
out of the cache, and the copy is read often enough to pay.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from chainrule.native.target import Target
from chainrule.passes.fuse import Fused, Group
from chainrule.passes.generalise import Size
from chainrule.passes.partition import Share
from chainrule.passes.strides import addressable, strides_of

# In cycles: how long a multiplication keeps the next one of its chain waiting; a load;
# what the loop costs for each step of `k`.
_CHAIN = 4.0
_LOAD = 0.5
_TURN = 1.5
_MOST_ROWS = 14
_MOST_VECTORS = 4

# Rows that a thread takes at a time, whatever the blocks are: so one product can follow
# the other without waiting.
ROWS = 8
# Vectors of a row that is turned at most: turning takes its time as well.
_SHORT = 2
# Vectors of columns that a thread takes at a time: as many as in sums over rows, so
# that who writes columns reads them.
TILE = 4
# With fewer multiplications, sharing columns does not pay for a barrier.
_WORTH = 1_000_000

# Rows this many bytes apart, or further, fall into too few sets of the first cache.
_FAR = 1024
# A copy has to be read this often to pay.
_OFTEN = 3
# The share of the second cache that packed columns may take.
_PACKED = 0.25

# Rows of the right operand that are packed at a time where there are many.
_DEEP = 2048

Left = Literal["direct", "rows", "columns"]


@dataclass(frozen=True)
class Blocking:
    """Rows and vectors of a block, and how operands are read.

    `wide` is how many columns are packed at a time, and `deep` how many rows of them; 0
    if all are. A left operand is packed in `rows`,
    one after the other, or in `columns`: for each `k` the rows of the block.

    With `turned`, a block has as many rows as a vector has lanes, and what is fused
    with the product is computed for all of them at once, a row in each lane.
    """

    rows: int
    vectors: int
    by_columns: bool
    packs_right: bool
    left: Left
    wide: int
    deep: int
    turned: bool = False

    def share(self, lanes: int) -> Share:
        """The digit of the domain that is cut, and its tiles."""
        if self.by_columns:
            return Share(1, TILE * lanes)
        return Share(0, ROWS)


def choose(fused: Fused, group: Group, target: Target) -> Blocking:
    """The blocking of a product."""
    samples = fused.samples
    product = group.root
    lanes = target.lanes(product.type.dtype)
    rows, columns = samples.shape(product)[-2:]
    inner = samples.shape(product.inputs[0])[-1]
    stacked = product.type.rank > 2
    far = _is_far(fused, group, target)
    few_rows = rows[0] < _OFTEN * 8
    packs = not addressable(fused, product, is_right=True) or (far and not few_rows)
    if group.whole_rows and addressable(fused, product, is_right=True):
        packs = packs and is_fixed(inner) and is_fixed(columns)
    threads = min(target.cores, 8)
    by_columns = (
        not group.whole_rows
        and not stacked
        and is_fixed(columns)
        and columns[0] >= TILE * lanes * threads
        and rows[0] * inner[0] * columns[0] >= _WORTH
        and (_keeps_weights_apart(fused, group) or (packs and columns[0] > rows[0]))
    )
    count, vectors = _block(target, rows[0], columns[0], lanes, threads, by_columns)
    if is_fixed(rows):
        count = max(1, min(count, rows[0]))
    turned = _turns(fused, group, target)
    if turned:
        count, vectors = lanes, -(-columns[0] // lanes)
    step = vectors * lanes
    item = product.type.dtype.itemsize
    deep = _DEEP if packs and not group.whole_rows and inner[0] > 2 * _DEEP else 0
    room = int(target.l2_bytes * _PACKED) // (max(deep or inner[0], 1) * item)
    every = -(-max(columns[0], 1) // step) * step
    wide = min(max(step, room // step * step), every)
    if group.whole_rows:
        wide = every
    panels = -(-columns[0] // step)
    return Blocking(
        count,
        vectors,
        by_columns,
        packs,
        _left(fused, group, panels),
        wide,
        deep,
        turned,
    )


def share_of(target: Target) -> Callable[[Fused, Group], Share]:
    """How the threads share a product."""

    def share(fused: Fused, group: Group) -> Share:
        lanes = target.lanes(group.root.type.dtype)
        return choose(fused, group, target).share(lanes)

    return share


def _block(
    target: Target, rows: int, columns: int, lanes: int, threads: int, by_columns: bool
) -> tuple[int, int]:
    """Rows and vectors of the block that costs least by the model."""
    every = max(1, -(-columns // lanes))
    best, least = (1, 1), float("inf")
    for vectors in range(1, min(_MOST_VECTORS, every) + 1):
        if by_columns and TILE % vectors:
            continue
        most = (target.vector_registers - vectors - 1) // vectors
        panels = -(-every // vectors)
        for count in range(1, min(most, _MOST_ROWS) + 1):
            step = max(count * vectors / 2, _CHAIN, (count + vectors) * _LOAD) + _TURN
            if by_columns:
                blocks = -(-panels // threads) * -(-max(rows, 1) // count)
            else:
                own = -(-max(rows, 1) // (ROWS * threads)) * ROWS
                blocks = -(-min(own, max(rows, 1)) // count) * panels
            cost = blocks * step
            if cost < least * 0.999:
                best, least = (count, vectors), cost
    return best


def _keeps_weights_apart(fused: Fused, group: Group) -> bool:
    """Whether threads had better share columns, so that none reads another's weights.

    Weights that one thread has updated are in its cache, and reach another thread no
    faster than from memory. If threads share columns in the product with the weights
    and in the one that updates them, each has columns of its own, and all read the
    rows; that is less where a batch has fewer rows than the weights have columns.
    """
    product = group.root
    columns = fused.samples.shape(product)[-1][0]
    rows, inner = (n[0] for n in fused.samples.shape(product.inputs[0])[-2:])
    states = dict(fused.samples.assignments)
    if any(value in states.values() for value in group.stores):
        return columns > inner
    right = product.inputs[1]
    while right.inputs and right not in fused.home:
        right = right.inputs[0]
    return right in states and columns > rows


def _turns(fused: Fused, group: Group, target: Target) -> bool:
    """Whether rows are so short that they are better off in a lane each.

    To merge the lanes of a vector takes longer than all else that a softmax of ten
    numbers does.
    """
    rows, columns = fused.samples.shape(group.root)[-2:]
    wanted = group.root.type.dtype
    lanes = target.lanes(wanted)
    vectors = -(-columns[0] // lanes)
    elements = [v for v in group.stores if fused.level(group, v) != "kept"]
    return (
        group.whole_rows
        and is_fixed(columns)
        and columns[0] > 1
        and vectors <= _SHORT
        and (lanes + 1) * vectors < target.vector_registers
        and not (is_fixed(rows) and rows[0] < lanes)
        and all(v.type.dtype == wanted for v in elements)
        and all(
            v.type.dtype.itemsize <= wanted.itemsize
            for v in group.values
            if v.type.dtype.kind == "f"
        )
    )


def _is_far(fused: Fused, group: Group, target: Target) -> bool:
    """Whether the rows of the right operand lie far apart."""
    found = strides_of(fused, group.root, is_right=True)
    if found is None:
        return False
    item = group.root.type.dtype.itemsize
    stride = found[0][0] if found[0] else 0
    inner = fused.samples.shape(group.root.inputs[0])[-1][0]
    return stride * item >= _FAR and inner * 2 * target.vector_bytes > 8192


def _left(fused: Fused, group: Group, panels: int) -> Left:
    """How the left operand is read."""
    found = strides_of(fused, group.root, is_right=False)
    direct = addressable(fused, group.root, is_right=False)
    item = group.root.type.dtype.itemsize
    if found is None:
        return "columns"
    by_row, by_inner = (size[0] if size else 0 for size in found)
    if not direct:
        return "rows" if by_inner == 1 else "columns"
    far = by_row == 1 and by_inner * item >= 2 * _FAR
    return "columns" if far and panels >= _OFTEN else "direct"


def is_fixed(size: Size) -> bool:
    """Whether a size is known when the program is compiled."""
    return len(set(size)) == 1
