"""Make a graph smaller without changing what it computes.

One walk from inputs to outputs: operations on constants are computed, each operation
is asked for a cheaper equal of itself, and two equal operations on the same inputs
become one. Values that no result needs are never reached.
"""

from collections.abc import Iterable

import numpy as np

from chainrule.ir import Graph, Location, Operation, Value
from chainrule.ops import Constant, broadcast

# A larger constant would only make the graph heavier than its computation.
_LARGEST_FOLDED = 1024


def simplify(graph: Graph) -> Graph:
    """An equal graph without what is constant, neutral, repeated or unused."""
    rebuilt = _Rebuilt(graph.inputs)
    new: dict[Value, Value] = {x: x for x in graph.inputs}
    for value in graph.order[len(graph.inputs) :]:
        new[value] = rebuilt.value(value, tuple(new[x] for x in value.inputs))
    return Graph(
        graph.inputs,
        tuple(new[y] for y in graph.outputs),
        tuple((state, new[value]) for state, value in graph.assignments),
    )


class _Rebuilt:
    """The values of the new graph, found again by what they compute."""

    def __init__(self, given: Iterable[Value]) -> None:
        self.known: dict[tuple[Operation, tuple[Value, ...]], Value] = {}
        self.values = set(given)

    def value(self, old: Value, inputs: tuple[Value, ...]) -> Value:
        """The simplest value equal to `old`, on the new `inputs`."""
        operation = old.operation
        if operation is None:
            return old
        better = (
            _fold(old, operation, inputs)
            or _narrow(old, operation, inputs)
            or operation.simplify(*inputs)
        )
        if better is not None:
            return self.adopt(better, old.name, old.location)
        key = (operation, inputs)
        if key not in self.known:
            new = Value(old.type, operation, inputs, old.name, old.location)
            self.known[key] = new
            self.values.add(new)
        return self.known[key]

    def adopt(self, fresh: Value, name: str | None, location: Location | None) -> Value:
        """What an operation proposed: the few new values in it may do better still."""
        if fresh.operation is None or fresh in self.values:
            return fresh
        inputs = tuple(self.adopt(x, None, location) for x in fresh.inputs)
        here = Value(fresh.type, fresh.operation, inputs, name, location)
        return self.value(here, inputs)


def _fold(
    value: Value, operation: Operation, inputs: tuple[Value, ...]
) -> Value | None:
    if not inputs or value.type.size > _LARGEST_FOLDED:
        return None
    if operation.replicates and value.type.size > 1:
        return None  # a broadcast constant says more than its copies do
    arrays = [x.operation.data for x in inputs if isinstance(x.operation, Constant)]
    if len(arrays) != len(inputs):
        return None
    with np.errstate(all="ignore"):
        return Constant(np.asarray(operation.forward(*arrays)))()


def _narrow(
    value: Value, operation: Operation, inputs: tuple[Value, ...]
) -> Value | None:
    """An operation on copies of single numbers is computed once, then copied."""
    if not operation.elementwise or value.type.rank == 0 or not inputs:
        return None
    scalars = [_copied(x) for x in inputs]
    if any(scalar is None for scalar in scalars):
        return None
    once = operation(*[scalar for scalar in scalars if scalar is not None])
    return broadcast(once, value.shape, tuple(range(value.type.rank)))


def _copied(value: Value) -> Value | None:
    """The constant number that every element of `value` is a copy of, if it is so."""
    while value.operation is not None and value.operation.replicates:
        (value,) = value.inputs
    is_number = isinstance(value.operation, Constant) and value.type.rank == 0
    return value if is_number else None
