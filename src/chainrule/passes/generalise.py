"""A graph for any number of rows, from graphs for two numbers of rows.

The graph of a function is traced for arrays of given shapes. Traced for 64 rows and
again for 65, a network gives two graphs that differ in nothing but sizes and a few
constants, such as the 1/64 in a mean. Extents that are equal in both are constants of
what is compiled; an extent that differs is read when the program runs. Nothing is
assumed of how sizes depend on one another: for every number of rows that comes up the
function is traced once more, which is cheap, and its graph says what all sizes are.

A `Size` is one extent in all samples, `(64, 65)` or `(10, 10)`. Two sizes are equal if
they are in every sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod
from typing import Any, TypeAlias

import numpy as np

from chainrule.ir import Array, Graph, Operation, Value
from chainrule.ops import Constant, identity
from chainrule.ops.access import Access, Either, Strided, Term, parse_access

Size: TypeAlias = tuple[int, ...]
Sizes: TypeAlias = tuple[Size, ...]


class MismatchError(ValueError):
    """Two graphs differ in more than sizes and constants."""


# From so many elements on, 32 bits cannot count them.
MOST_ELEMENTS = 2**31

# Up to so many times as large or small, sizes are near those of a sample.
_NEAR = 4


@dataclass(frozen=True, eq=False)
class Samples:
    """Graphs that differ in sizes alone; the first one stands for all."""

    graphs: tuple[Graph, ...]
    # The outputs, and the states that change with the values they take. An input that
    # is one of these values is copied first: it may be a state that is overwritten.
    outputs: tuple[Value, ...] = field(default=(), init=False)
    assignments: tuple[tuple[Value, Value], ...] = field(default=(), init=False)
    # Whether an array may have more elements than 31 bits can count.
    wide: bool = False
    _shapes: dict[Value, Sizes] = field(default_factory=dict, init=False)
    _numbers: dict[Value, tuple[Array, ...]] = field(default_factory=dict, init=False)
    # Leaves that lie in memory in another dtype: each is converted where it is read.
    converted: set[Value] = field(default_factory=set)
    _twins: dict[Value, tuple[Value, ...]] = field(default_factory=dict, init=False)
    _accesses: dict[Value, Access] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for twins in zip(*(graph.order for graph in self.graphs), strict=True):
            first = twins[0]
            self._twins[first] = twins
            shapes = zip(*(value.shape for value in twins), strict=True)
            self._shapes[first] = tuple(shapes)
            if isinstance(first.operation, Constant):
                data = tuple(value.operation.data for value in twins)
                if any(not _same_bits(data[0], x) for x in data):
                    self._numbers[first] = data
        outputs = tuple(self._computed(y) for y in self.graph.outputs)
        object.__setattr__(self, "outputs", outputs)
        assignments = ((x, y) for x, y in self.graph.assignments if x is not y)
        computed = tuple((x, self._computed(y)) for x, y in assignments)
        object.__setattr__(self, "assignments", computed)

    def _computed(self, value: Value) -> Value:
        """A value that something computes: a copy, where it is an input."""
        return self.copied(value) if value.operation is None else value

    def copied(self, value: Value) -> Value:
        """A further value that is the same as `value`."""
        copy = Value(value.type, identity, (value,))
        self._shapes[copy] = self._shapes[value]
        self._twins[copy] = (copy,) * len(self.graphs)
        return copy

    def copy_result(self, value: Value) -> Value:
        """Let a copy of a value be the result that the value itself was."""
        copy = self.copied(value)
        outputs = tuple(copy if y is value else y for y in self.outputs)
        object.__setattr__(self, "outputs", outputs)
        assignments = tuple((x, copy if y is value else y) for x, y in self.assignments)
        object.__setattr__(self, "assignments", assignments)
        return copy

    @property
    def results(self) -> tuple[Value, ...]:
        """The outputs, then the values that states take."""
        return (*self.outputs, *(value for _, value in self.assignments))

    @property
    def graph(self) -> Graph:
        """The first sample."""
        return self.graphs[0]

    @property
    def one(self) -> Size:
        """The size that is 1."""
        return (1,) * len(self.graphs)

    def constant(self, n: int) -> Size:
        """The size that is `n` in every sample."""
        return (n,) * len(self.graphs)

    def shape(self, value: Value) -> Sizes:
        """The extents of a value."""
        return self._shapes[value]

    def operations(self, value: Value) -> tuple[Operation | None, ...]:
        """What computes a value, in each sample."""
        return tuple(twin.operation for twin in self._twins[value])

    def numbers(self, value: Value) -> tuple[Array, ...]:
        """What a constant is in each sample."""
        return self._numbers[value]

    def varies(self, value: Value) -> bool:
        """Whether a constant depends on the sizes."""
        return value in self._numbers

    def covers(self, graph: Graph) -> bool:
        """Whether a graph is one of those that the samples stand for."""
        try:
            _compare(self.graph, graph)
        except MismatchError:
            return False
        known: dict[Size, int] = {}
        for mine, other in zip(self.graph.order, graph.order, strict=True):
            for size, n in zip(self.shape(mine), other.shape, strict=True):
                if len(set(size)) == 1 and size[0] != n:
                    return False
                if known.setdefault(size, n) != n:
                    return False
            same = isinstance(mine.operation, Constant) and not self.varies(mine)
            if same and not _alike_data(mine.operation, other.operation):
                return False
        return True

    def is_near(self, graph: Graph) -> bool:
        """Whether the extents of a graph that is covered are about as large."""
        pairs = (
            (size[0], n)
            for mine, other in zip(self.graph.order, graph.order, strict=True)
            for size, n in zip(self.shape(mine), other.shape, strict=True)
        )
        return all(a <= _NEAR * b and b <= _NEAR * a for a, b in pairs)

    def access(self, value: Value) -> Access:
        """What `access` says, with a `Size` wherever a coordinate starts."""
        known = self._accesses.get(value)
        if known is None:
            known = self._accesses[value] = self._access(value)
        return known

    def _access(self, value: Value) -> Access:
        found = [parse_access(_access(twin)) for twin in self._twins[value]]
        inputs = zip(*(a.inputs for a in found), strict=True)
        return Access(
            tuple(
                tuple(_joined(terms) for terms in zip(*same, strict=True))
                for same in inputs
            ),
            tuple(_joined(t) for t in zip(*(a.output for a in found), strict=True)),
        )


def _access(value: Value) -> str:
    operation = value.operation
    if operation is None:
        raise ValueError(f"{value!r} is a leaf and has no access")
    return operation.access(*(x.type for x in value.inputs))


def _joined(terms: Sequence[Term]) -> Term:
    first = terms[0]
    if isinstance(first, Strided):
        starts = tuple(t.start for t in terms if isinstance(t, Strided))
        return Strided(starts, first.step, first.name)  # type: ignore[arg-type]
    if isinstance(first, Either):
        places = zip(*(t.places for t in terms if isinstance(t, Either)), strict=True)
        return Either(tuple(_joined(p) for p in places))  # type: ignore[misc]
    return first


def generalise(*graphs: Graph) -> Samples:
    """Graphs of one function for several sizes, as one.

    Raises `MismatchError` where they differ in more than sizes and numbers.
    """
    for first, second in pairwise(graphs):
        _compare(first, second)
    return Samples(graphs)


def _compare(first: Graph, second: Graph) -> None:
    if len(first.order) != len(second.order):
        raise MismatchError("the graphs have different numbers of values")
    position = {value: i for i, value in enumerate(second.order)}
    twin = {a: position[b] for a, b in zip(first.order, second.order, strict=True)}
    for a, b in zip(first.order, second.order, strict=True):
        same = (
            _alike(a.operation, b.operation)
            and a.type.dtype == b.type.dtype
            and a.type.rank == b.type.rank
            and [twin[x] for x in a.inputs] == [position[x] for x in b.inputs]
        )
        if not same:
            raise MismatchError(f"{a!r} and {b!r} differ in more than size")
    for a, b in zip(first.results, second.results, strict=True):
        if twin[a] != position[b]:
            raise MismatchError("the graphs give different results")


def _alike(a: Operation | None, b: Operation | None) -> bool:
    if a is None or b is None:
        return a is b
    if type(a) is not type(b):
        return False
    if isinstance(a, Constant) and isinstance(b, Constant):
        scalars = a.data.ndim == b.data.ndim == 0
        return scalars or _same_bits(a.data, b.data)
    mine, other = a.attributes(), b.attributes()
    if a.elementwise:
        return mine == other
    return all(_attribute_alike(mine[key], other[key]) for key in mine)


def _alike_data(a: Operation | None, b: Operation | None) -> bool:
    if not isinstance(a, Constant) or not isinstance(b, Constant):
        return False
    return _same_bits(a.data, b.data)


def _attribute_alike(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        # A shape, a start, a stop: a tuple of integers that may be sizes.
        return len(a) == len(b)
    if isinstance(a, bool) or not isinstance(a, int):
        return bool(a == b)
    return isinstance(b, int)


def _same_bits(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return a is b or np.asarray(a).tobytes() == np.asarray(b).tobytes()


def times(*sizes: Size) -> Size:
    """The product of sizes, in every sample."""
    return tuple(prod(numbers) for numbers in zip(*sizes, strict=True))
