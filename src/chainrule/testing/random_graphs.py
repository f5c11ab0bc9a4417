"""Random graphs of all kinds of operations, each for several batch sizes at once.

Whoever asks decides every choice: `choose` gets a list and gives one of its elements.
With hypothesis it draws; with a generator of random numbers it is fast.

A value that jumps somewhere (a comparison, a floor, an order) is made of exact numbers
alone: fractions of few bits, moved, added and compared. So two ways to compute the same
graph agree on it, however they round.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from chainrule import ops
from chainrule.ir import Array, Graph, Rng, TensorType, Value

# One of several choices of any kind.
Choose: TypeAlias = Callable[[Sequence[Any]], Any]
Shape: TypeAlias = tuple[int, ...]

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
I32, I64 = np.dtype(np.int32), np.dtype(np.int64)
U8, U32, BOOL = np.dtype(np.uint8), np.dtype(np.uint32), np.dtype(np.bool_)

# Around the widths of vectors, tiles and their multiples.
EXTENTS = (1, 15, 16, 17, 64, 65)
_MOST_ELEMENTS = 20_000


@dataclass(frozen=True, eq=False)
class Many:
    """One value in the graphs for all batch sizes, and whether it is exact."""

    each: tuple[Value, ...]
    exact: bool

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Its shape in each graph."""
        return tuple(x.shape for x in self.each)

    @property
    def rank(self) -> int:
        """How many axes it has."""
        return self.each[0].type.rank

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """What it holds."""
        return self.each[0].type.dtype

    @property
    def is_floating(self) -> bool:
        """Whether it holds real numbers."""
        return self.each[0].type.is_floating

    def extents(self, axis: int) -> tuple[int, ...]:
        """The extent along an axis in each graph."""
        return tuple(x.shape[axis] for x in self.each)


_Rule: TypeAlias = Callable[[Value], Value]

_SMOOTH: tuple[_Rule, ...] = (
    ops.tanh,
    ops.sigmoid,
    ops.negate,
    ops.softplus,
    ops.gelu,
    ops.silu,
    ops.erf,
    ops.erfc,
    lambda x: ops.sin(ops.tanh(x)),
    lambda x: ops.cos(ops.tanh(x)),
    lambda x: ops.exp(ops.tanh(x)),
    lambda x: ops.expm1(ops.tanh(x)),
    lambda x: ops.square(ops.tanh(x)),
    lambda x: ops.log(_one_more(ops.square(x))),
    lambda x: ops.log1p(ops.square(ops.tanh(x))),
    lambda x: ops.sqrt(_one_more(ops.square(x))),
    lambda x: ops.rsqrt(_one_more(ops.square(x))),
)
_EXACT: tuple[_Rule, ...] = (ops.negate, ops.identity, ops.detach)
_KINKED: tuple[_Rule, ...] = (
    ops.relu,
    ops.absolute,
    ops.Clip(-0.5, 0.75),
    ops.LeakyRelu(0.25),
)
_JUMPS: tuple[_Rule, ...] = (ops.floor, ops.ceil, ops.round_, ops.sign)


def _one_more(x: Value) -> Value:
    return ops.add(x, ops.full_like(x, 1))


class GraphMaker:
    """Grows a graph by one random operation after the other."""

    def __init__(self, choose: Choose, batches: Sequence[int] = (16, 17, 5)) -> None:
        self.pick = choose
        self.batches = tuple(batches)
        self.inputs: list[Many] = []
        self.makers: list[Callable[[Rng, Shape], Array]] = []
        self.values: list[Many] = []
        self.dtype = self.pick([F64, F32])

    # --- leaves ---------------------------------------------------------------------

    def leaf(
        self,
        shapes: Sequence[Shape],
        dtype: np.dtype[np.generic],
        maker: Callable[[Rng, Shape], Array],
    ) -> Many:
        """An input, and how to make arrays for it."""
        leaf = Many(tuple(Value(TensorType(shape, dtype)) for shape in shapes), True)
        self.inputs.append(leaf)
        self.makers.append(lambda rng, shape: maker(rng, shape).astype(dtype))
        return leaf

    def shape(self) -> tuple[Shape, ...]:
        """A random shape; -1 stands for the batch in it."""
        rank = self.pick([2, 2, 1, 3, 0, 4])
        extents = [self.pick([-1, 3, 2, *EXTENTS] if rank < 4 else [-1, 1, 2, 3, 15])
                   for _ in range(rank)]  # fmt: skip
        shapes = self.sized(extents)
        if max(np.prod(shape) for shape in shapes) > _MOST_ELEMENTS:
            return self.sized([-1, 17])
        return shapes

    def sized(self, extents: Sequence[int]) -> tuple[Shape, ...]:
        """Shapes of these extents, -1 being the batch."""
        return tuple(tuple(n if e < 0 else e for e in extents) for n in self.batches)

    def real(self, shapes: Sequence[Shape] | None = None) -> Many:
        """An input of fractions of few bits."""
        return self.leaf(shapes or self.shape(), self.dtype, _fractions)

    def whole(self, shapes: Sequence[Shape], dtype: np.dtype[np.generic]) -> Many:
        """An input of small integers."""
        return self.leaf(shapes, dtype, lambda rng, shape: rng.integers(0, 9, shape))

    def below(self, shapes: Sequence[Shape], extent: int) -> Many:
        """An input of indices."""
        dtype = self.pick([I64, I32, U8])
        return self.leaf(
            shapes, dtype, lambda rng, shape: rng.integers(0, extent, shape)
        )

    # --- growth ---------------------------------------------------------------------

    def grow(self, count: int) -> None:
        """Add `count` operations, as far as they fit."""
        for _ in range(self.pick([1, 2, 3])):
            self.values.append(self.real())
        for _ in range(count):
            step = self.pick(_STEPS)
            found = step(self)
            if found is not None and self.fits(found):
                self.values.append(found)

    def fits(self, many: Many) -> bool:
        """Whether a value is small enough to go on with."""
        return all(0 <= x.type.size <= _MOST_ELEMENTS for x in many.each) and (
            many.rank <= 6
        )

    def graphs(self) -> tuple[Graph, ...]:
        """The graphs for all batch sizes; some of the values are their outputs."""
        count = self.pick([1, 2, 3])
        outputs = [self.values[-1], *(self.pick(self.values) for _ in range(count))]
        return self.with_outputs(outputs)

    def with_outputs(self, outputs: Sequence[Many]) -> tuple[Graph, ...]:
        """The graphs with these outputs."""
        return tuple(
            Graph(
                tuple(x.each[i] for x in self.inputs),
                tuple(y.each[i] for y in outputs),
            )
            for i in range(len(self.batches))
        )

    def losses(self) -> tuple[Graph, ...]:
        """For all batch sizes, a number that stands on all that is real."""
        totals = []
        for i in range(len(self.batches)):
            total = ops.constant(np.zeros((), self.dtype))
            for y in self.values[-4:]:
                if y.is_floating:
                    part = ops.tanh(y.each[i])
                    part = ops.sum_(part, tuple(range(y.rank)))
                    total = ops.add(total, ops.cast(part, self.dtype))
            totals.append(total)
        return self.with_outputs([Many(tuple(totals), False)])

    def arrays(self, rng: Rng, number: int) -> list[Array]:
        """Arrays for the inputs of the graph for one of the batch sizes."""
        return [
            maker(rng, x.each[number].shape)
            for x, maker in zip(self.inputs, self.makers, strict=True)
        ]

    # --- choices --------------------------------------------------------------------

    def some(self, wanted: Callable[[Many], bool] = lambda _: True) -> Many | None:
        """One of the values; later ones are as likely as all before."""
        found = [x for x in self.values if wanted(x)]
        return self.pick([*found, *found[-3:]]) if found else None

    def floating(self) -> Many | None:
        """One of the values that are real."""
        return self.some(lambda x: x.is_floating)

    def axis(self, x: Many) -> int:
        """One of the axes of a value."""
        return int(self.pick(list(range(x.rank))))

    def axes(self, x: Many) -> tuple[int, ...]:
        """Some of the axes of a value, or none."""
        axes = range(x.rank)
        some = [c for n in range(x.rank + 1) for c in combinations(axes, n)]
        return tuple(self.pick(some))


def _fractions(rng: Rng, shape: Shape) -> Array:
    return np.asarray(rng.integers(-8, 9, shape)) / 8


def _apply(rule: _Rule, x: Many, *, exact: bool) -> Many:
    return Many(tuple(rule(value) for value in x.each), exact)


def _unary(make: GraphMaker) -> Many | None:
    x = make.floating()
    if x is None:
        return None
    if x.exact:
        kind = make.pick(["exact", "kinked", "jumps", "smooth", "smooth"])
        if kind == "exact":
            return _apply(make.pick(_EXACT), x, exact=True)
        if kind == "kinked":
            return _apply(make.pick(_KINKED), x, exact=True)
        if kind == "jumps":
            return _apply(make.pick(_JUMPS), x, exact=True)
    return _apply(make.pick(_SMOOTH), x, exact=False)


def _cast(make: GraphMaker) -> Many | None:
    x = make.some()
    if x is None:
        return None
    if x.is_floating and not x.exact:
        return _apply(lambda v: ops.cast(v, make.dtype), x, exact=False)
    to = make.pick([F32, F64, I32, I64, BOOL, make.dtype])
    return _apply(lambda v: ops.cast(v, to), x, exact=x.exact)


def _binary(make: GraphMaker) -> Many | None:
    a = make.some(lambda x: x.dtype != BOOL)
    if a is None:
        return None
    others = [b for b in make.values if (b.shapes, b.dtype) == (a.shapes, a.dtype)]
    b = make.pick([*others, make.real(a.shapes)] if a.dtype == make.dtype else others)
    exact = a.exact and b.exact
    rules: dict[str, Callable[[Value, Value], Value]] = {
        "add": ops.add,
        "subtract": ops.subtract,
        "multiply": ops.multiply,
    }
    if exact:
        rules |= {"maximum": ops.maximum, "minimum": ops.minimum}
        rules |= {
            "less": ops.less, "less_equal": ops.less_equal, "equal": ops.equal,
            "not_equal": ops.not_equal, "remainder": ops.remainder,
            "floor_divide": ops.floor_divide,
            "where": lambda x, y: ops.where(ops.less(x, y), x, y),
        }  # fmt: skip
    if a.is_floating:
        rules |= {"divide": _ratio, "power": _power}
    name = make.pick(sorted(rules))
    inexact = {"multiply", "divide", "power", "remainder", "floor_divide"}
    found = tuple(rules[name](x, y) for x, y in zip(a.each, b.each, strict=True))
    return Many(found, exact and (name not in inexact or not a.is_floating))


def _ratio(x: Value, y: Value) -> Value:
    return ops.divide(x, ops.add(ops.tanh(y), ops.full_like(y, 2)))


def _power(x: Value, y: Value) -> Value:
    return ops.power(ops.add(ops.sigmoid(x), ops.full_like(x, 0.5)), ops.tanh(y))


def _truth(make: GraphMaker) -> Many | None:
    a = make.some(lambda x: x.dtype == BOOL)
    if a is None:
        return None
    b = make.pick([x for x in make.values if (x.shapes, x.dtype) == (a.shapes, BOOL)])
    rule = make.pick([ops.logical_and, ops.logical_or])
    if make.pick([True, False]):
        return _apply(ops.logical_not, a, exact=True)
    return Many(tuple(rule(x, y) for x, y in zip(a.each, b.each, strict=True)), True)


def _where(make: GraphMaker) -> Many | None:
    c = make.some(lambda x: x.dtype == BOOL)
    if c is None:
        return None
    alike = [x for x in make.values if x.shapes == c.shapes and x.is_floating]
    alike = [x for x in alike if x.dtype == make.dtype] + [make.real(c.shapes)]
    a, b = make.pick(alike), make.pick(alike)
    each = zip(c.each, a.each, b.each, strict=True)
    return Many(tuple(ops.where(p, x, y) for p, x, y in each), a.exact and b.exact)


def _reduce(make: GraphMaker) -> Many | None:
    x = make.some(lambda x: x.dtype != BOOL)
    if x is None:
        return None
    axes = make.axes(x)
    kinds = ["sum", "sum"]
    if x.exact:
        kinds += ["max", "min"]
        kinds += ["argmax", "argmin"] if x.rank else []
    kind = make.pick(kinds)
    if kind in ("argmax", "argmin"):
        axis = make.axis(x)
        rule = ops.argmax if kind == "argmax" else ops.argmin
        return _apply(lambda v: rule(v, axis), x, exact=True)
    fold = {"sum": ops.sum_, "max": ops.max_, "min": ops.min_}[kind]
    return _apply(lambda v: fold(v, axes), x, exact=x.exact)


def _normalise(make: GraphMaker) -> Many | None:
    """A fold over some axes, spread out again and combined with what was folded."""
    x = make.floating()
    if x is None:
        return None
    axes = make.axes(x)
    kind = make.pick(["mean", "softmax", "norm"])

    def each(v: Value) -> Value:
        def spread(t: Value) -> Value:
            return ops.broadcast(t, v.shape, axes)

        if kind == "mean":
            return ops.subtract(v, spread(_mean(v, axes)))
        if kind == "softmax":
            e = ops.exp(ops.tanh(v))
            return ops.divide(e, spread(ops.sum_(e, axes)))
        centred = ops.subtract(v, spread(_mean(v, axes)))
        variance = _mean(ops.square(centred), axes)
        return ops.multiply(centred, spread(ops.rsqrt(_one_more(variance))))

    return _apply(each, x, exact=False)


def _mean(v: Value, axes: tuple[int, ...]) -> Value:
    count = int(np.prod([v.shape[a] for a in axes], dtype=np.int64))
    total = ops.sum_(v, axes)
    return ops.multiply(total, ops.full_like(total, 1 / max(count, 1)))


def _broadcast(make: GraphMaker) -> Many | None:
    x = make.some()
    if x is None or x.rank > 3:
        return None
    at = make.pick(list(range(x.rank + 1)))
    n = make.pick([-1, 1, 2, 3, 17])

    def each(v: Value, batch: int) -> Value:
        size = batch if n < 0 else n
        return ops.broadcast(v, (*v.shape[:at], size, *v.shape[at:]), (at,))

    pairs = zip(x.each, make.batches, strict=True)
    return Many(tuple(each(v, batch) for v, batch in pairs), x.exact)


def _transpose(make: GraphMaker) -> Many | None:
    x = make.some()
    if x is None:
        return None
    left, order = list(range(x.rank)), []
    while left:
        order.append(make.pick(left))
        left.remove(order[-1])
    return _apply(lambda v: ops.transpose(v, tuple(order)), x, exact=x.exact)


def _reshape(make: GraphMaker) -> Many | None:
    x = make.some()
    if x is None:
        return None
    kind = make.pick(["flat", "join", "split", "one"])
    axis = make.axis(x) if x.rank else 0
    part = 1
    if kind == "split" and x.rank and len(set(x.extents(axis))) == 1:
        n = x.extents(axis)[0]
        part = make.pick([d for d in (1, 2, 3, 4, 5, 8, 13, 15, 16, 17) if n % d == 0])

    def shape(s: Shape) -> Shape:
        if kind == "join" and axis + 1 < len(s):
            return (*s[:axis], s[axis] * s[axis + 1], *s[axis + 2 :])
        if part > 1:
            return (*s[:axis], s[axis] // part, part, *s[axis + 1 :])
        if kind == "one":
            return (*s[:axis], 1, *s[axis:])
        return (int(np.prod(s, dtype=np.int64)),)

    return _apply(lambda v: ops.reshape(v, shape(v.shape)), x, exact=x.exact)


def _move(make: GraphMaker) -> Many | None:
    """Flip, slice, pad or concatenate along an axis."""
    x = make.some(lambda x: x.rank > 0)
    if x is None:
        return None
    axis = make.axis(x)
    kind = make.pick(["flip", "slice", "slice", "pad", "interior", "concatenate"])
    least = min(x.extents(axis))
    if kind == "flip":
        axes = make.axes(x)
        return _apply(lambda v: ops.flip(v, axes), x, exact=x.exact)
    if kind == "slice":
        start = make.pick([0, 0, 1, 2])
        end = make.pick([0, 0, 1])
        step = make.pick([1, 1, 2, 3])
        if start + end >= least:
            return None
        return _apply(
            lambda v: ops.slice_along(v, axis, start, v.shape[axis] - end, step), x,
            exact=x.exact,
        )  # fmt: skip
    if kind in ("pad", "interior"):
        low, high = make.pick([0, 1, 3]), make.pick([0, 2])
        inside = make.pick([1, 2]) if kind == "interior" else 0
        value = make.pick([0, 0, 1])

        def padded(v: Value) -> Value:
            def at(n: int) -> Shape:
                return tuple(n if a == axis else 0 for a in range(v.type.rank))

            return ops.pad(v, at(low), at(high), at(inside), value)

        return _apply(padded, x, exact=x.exact)
    others = [
        y
        for y in make.values
        if y.dtype == x.dtype
        and y.rank == x.rank
        and all(y.extents(a) == x.extents(a) for a in range(x.rank) if a != axis)
    ]
    parts = [x, make.pick(others)]
    if make.pick([True, False]):
        parts.append(make.pick(others))
    each = zip(*(p.each for p in parts), strict=True)
    return Many(
        tuple(ops.concatenate(xs, axis) for xs in each), all(p.exact for p in parts)
    )


def _matmul(make: GraphMaker) -> Many | None:
    a = make.some(lambda x: x.dtype == make.dtype and x.rank >= 2)
    if a is None:
        return None
    if make.pick([True, False]):
        a = _apply(ops.swap_last, a, exact=a.exact)

    def fits(b: Many) -> bool:
        return (
            b.dtype == a.dtype
            and b.rank == a.rank
            and all(
                s[:-2] == t[:-2] and s[-2] == t[-1]
                for s, t in zip(b.shapes, a.shapes, strict=True)
            )
        )

    found = [b for b in make.values if fits(b)]
    found += [
        _apply(ops.swap_last, b, exact=b.exact)
        for b in make.values
        if b.rank == a.rank and fits(_apply(ops.swap_last, b, exact=b.exact))
    ]
    columns = make.pick([1, 3, 16, 17, 65])
    if not found or make.pick([True, False]):
        found = [make.real([(*s[:-2], s[-1], columns) for s in a.shapes])]
    b = make.pick(found)
    each = tuple(ops.matmul(x, y) for x, y in zip(a.each, b.each, strict=True))
    scaled = tuple(ops.multiply(y, ops.full_like(y, 0.125)) for y in each)
    return Many(scaled, False)


def _take(make: GraphMaker) -> Many | None:
    x = make.some(lambda x: x.rank > 0)
    if x is None:
        return None
    axis = make.axis(x)
    least = min(x.extents(axis))
    kind = make.pick(["take", "gather", "index_add", "scatter_add"])
    numeric = x.dtype != BOOL
    if kind == "take" and least:
        indices = make.below(make.sized(make.pick([[-1], [3], [], [17, 2]])), least)
        pairs = zip(x.each, indices.each, strict=True)
        return Many(tuple(ops.take(v, (axis,), (i,)) for v, i in pairs), x.exact)
    if kind == "gather" and least:
        indices = make.below(x.shapes, least)
        pairs = zip(x.each, indices.each, strict=True)
        return Many(tuple(ops.gather(v, i, axis) for v, i in pairs), x.exact)
    extent = make.pick([1, 3, 17])
    if kind == "index_add" and numeric:
        indices = make.below([(s[axis],) for s in x.shapes], extent)
        pairs = zip(x.each, indices.each, strict=True)
        return Many(
            tuple(ops.index_add(v, (axis,), (extent,), (i,)) for v, i in pairs), x.exact
        )
    if kind == "scatter_add" and numeric:
        indices = make.below(x.shapes, extent)
        pairs = zip(x.each, indices.each, strict=True)
        found = tuple(ops.scatter_add(v, i, axis, extent) for v, i in pairs)
        return Many(found, x.exact)
    return None


def _order(make: GraphMaker) -> Many | None:
    """Running sums, sorts."""
    x = make.some(lambda x: x.rank > 0 and x.exact and x.dtype != BOOL)
    if x is None:
        return None
    axis = make.axis(x)
    kind = make.pick(["sum", "sort", "sorted", "topk"])
    flag = make.pick([False, True])
    if kind == "sum":
        return _apply(
            lambda v: ops.cumulative_sum(v, axis, reverse=flag), x, exact=True
        )
    if kind == "topk":
        k = make.pick(range(1, max(2, min(4, *x.extents(axis), 4))))
        if min(x.extents(axis)) < k:
            return None
        return _apply(lambda v: ops.topk_indices(v, k, axis), x, exact=True)
    order = _apply(lambda v: ops.argsort(v, axis, descending=flag), x, exact=True)
    if kind == "sort":
        return order
    each = zip(x.each, order.each, strict=True)
    return Many(tuple(ops.gather(v, i, axis) for v, i in each), True)


def _made(make: GraphMaker) -> Many | None:
    """Coordinates, and random numbers."""
    shapes = make.shape()
    if make.pick([True, False]) and len(shapes[0]):
        axis = make.pick(list(range(len(shapes[0]))))
        dtype = make.pick([I64, make.dtype])
        return Many(tuple(ops.iota(s, axis, dtype) for s in shapes), True)
    key = make.whole([()] * len(shapes), U32)
    counter = make.whole([()] * len(shapes), U32)
    each = zip(key.each, counter.each, shapes, strict=True)
    bits = [ops.random_bits(k, c, s, 1) for k, c, s in each]
    scale = float(2.0**-24)
    return Many(
        tuple(
            ops.multiply(
                y := ops.cast(ops.shift_right(b, 8), make.dtype),
                ops.full_like(y, scale),
            )
            for b in bits
        ),
        False,
    )


def _another(make: GraphMaker) -> Many | None:
    """One more input."""
    if make.pick([True, False, False]):
        return make.whole(make.shape(), make.pick([I32, I64, U8]))
    return make.real()


_STEPS: tuple[Callable[[GraphMaker], Many | None], ...] = (
    _unary, _unary, _unary, _binary, _binary, _binary, _reduce, _reduce, _normalise,
    _normalise, _matmul, _matmul, _broadcast, _transpose, _reshape, _move, _move, _take,
    _order, _made, _another, _cast, _truth, _where,
)  # fmt: skip
