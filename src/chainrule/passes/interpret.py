"""The reference evaluator: every operation's `forward`, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from chainrule.ir import Array, Graph, TensorType, Value


@dataclass(frozen=True, slots=True)
class _Step:
    """Compute one value: where its inputs lie, where it goes, what it was last for."""

    forward: Callable[..., Array]
    reads: tuple[int, ...]
    writes: int
    frees: tuple[int, ...]


# The steps in order, and where the results lie at the end.
_Schedule = tuple[tuple[_Step, ...], tuple[int, ...]]

# A graph that is run again is scheduled once, and forgotten when nobody has it.
_schedules: WeakKeyDictionary[Graph, _Schedule] = WeakKeyDictionary()


def interpret(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The graph's results: its outputs, then the values its states are assigned.

    `inputs` are arrays of the types of the graph's inputs, in their order. Each value
    is dropped as soon as its last reader is done.
    """
    _check(graph, inputs)
    schedule = _schedules.get(graph)
    if schedule is None:
        schedule = _schedules[graph] = _schedule(graph)
    steps, results = schedule
    slots: list[Array | None] = [*inputs, *[None] * len(steps)]
    with np.errstate(all="ignore"):  # NaN and infinities are values; fit reports them
        for step in steps:
            slots[step.writes] = step.forward(*[slots[i] for i in step.reads])
            for slot in step.frees:
                slots[slot] = None
    return [np.asarray(slots[i]) for i in results]


def _check(graph: Graph, inputs: Sequence[Array]) -> None:
    if len(inputs) != len(graph.inputs):
        raise TypeError(f"the graph has {len(graph.inputs)} inputs, not {len(inputs)}")
    for value, array in zip(graph.inputs, inputs, strict=True):
        if array.shape != value.shape or array.dtype != value.type.dtype:
            name = value.name or "an input"
            raise TypeError(f"{name} is {value.type}, not {TensorType.of(array)}")


def _schedule(graph: Graph) -> _Schedule:
    slot = {value: i for i, value in enumerate(graph.order)}
    kept = set(graph.results)
    last_reader: dict[Value, Value] = {}
    for value in graph.order[len(graph.inputs) :]:
        for x in value.inputs:
            last_reader[x] = value
    freed: dict[Value, list[int]] = {}
    for x, reader in last_reader.items():
        if x not in kept:
            freed.setdefault(reader, []).append(slot[x])
    steps = tuple(
        _Step(
            _forward(value),
            tuple(slot[x] for x in value.inputs),
            slot[value],
            tuple(freed.get(value, ())),
        )
        for value in graph.order[len(graph.inputs) :]
    )
    return steps, tuple(slot[value] for value in graph.results)


def _forward(value: Value) -> Callable[..., Array]:
    if value.operation is None:
        raise ValueError(f"{value!r} is a leaf but not an input of the graph")
    return value.operation.forward
