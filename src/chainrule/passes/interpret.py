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


@dataclass(frozen=True, slots=True)
class _Schedule:
    """The steps in order; what is known beforehand; where the results lie."""

    steps: tuple[_Step, ...]
    known: tuple[Array | None, ...]
    results: tuple[int, ...]


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
    slots: list[Array | None] = [*inputs, *schedule.known]
    with np.errstate(all="ignore"):  # NaN and infinities are values; fit reports them
        for step in schedule.steps:
            slots[step.writes] = step.forward(*[slots[i] for i in step.reads])
            for slot in step.frees:
                slots[slot] = None
    return [np.asarray(slots[i]) for i in schedule.results]


def _check(graph: Graph, inputs: Sequence[Array]) -> None:
    if len(inputs) != len(graph.inputs):
        raise TypeError(f"the graph has {len(graph.inputs)} inputs, not {len(inputs)}")
    for value, array in zip(graph.inputs, inputs, strict=True):
        if array.shape != value.shape or array.dtype != value.type.dtype:
            name = value.name or "an input"
            raise TypeError(f"{name} is {value.type}, not {TensorType.of(array)}")


def _schedule(graph: Graph) -> _Schedule:
    slot = {value: i for i, value in enumerate(graph.order)}
    computed = graph.order[len(graph.inputs) :]
    known = _known(computed)
    freed = _freed(graph, computed)
    steps = tuple(
        _Step(
            _forward(value),
            tuple(slot[x] for x in value.inputs),
            slot[value],
            tuple(slot[x] for x in freed.get(value, ())),
        )
        for value in computed
        if value not in known
    )
    results = tuple(slot[value] for value in graph.results)
    return _Schedule(steps, tuple(known.get(value) for value in computed), results)


def _known(computed: Sequence[Value]) -> dict[Value, Array]:
    """Constants and their copies, which are views: they are made once, not each run."""
    known: dict[Value, Array] = {}
    for value in computed:
        operation = value.operation
        if operation is not None and (operation.replicates or not value.inputs):
            arrays = [known[x] for x in value.inputs if x in known]
            if len(arrays) == len(value.inputs):
                known[value] = operation.forward(*arrays)
    return known


def _freed(graph: Graph, computed: Sequence[Value]) -> dict[Value, list[Value]]:
    """What is not needed any more once a value has been computed."""
    kept = set(graph.results)
    last_reader = {x: value for value in computed for x in value.inputs}
    freed: dict[Value, list[Value]] = {}
    for x, reader in last_reader.items():
        if x not in kept:
            freed.setdefault(reader, []).append(x)
    return freed


def _forward(value: Value) -> Callable[..., Array]:
    if value.operation is None:
        raise ValueError(f"{value!r} is a leaf but not an input of the graph")
    return value.operation.forward
