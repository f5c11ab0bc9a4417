"""Tracing: a function is run once on values without data, and leaves its graph.

States (weights, moments, counters) need not be passed in: reading one while tracing
makes an input of the graph, assigning one records what the input becomes.
"""

import linecache
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from chainrule.ir import Array, Graph, TensorType, Value, current_location
from chainrule.ops import Constant


class Stateful(Protocol):
    """What a trace needs to know of a state."""

    @property
    def name(self) -> str | None:
        """The name that its input gets."""

    @property
    def held(self) -> Array:
        """What the state holds now, outside of the trace."""


class TracingError(RuntimeError):
    """A function cannot be traced, as what it does depends on numbers not there yet."""


def no_numbers(value: Value, asked: str) -> TracingError:
    """The error for code that needs the numbers of `value`; `asked` says what does."""
    here = current_location()
    place, source = "", ""
    if here is not None:
        place = f"{here}: "
        line = linecache.getline(here.file, here.line).strip()
        source = f"\n    {line}" if line else ""
    what = f"a tensor, {value.type}"
    if value.name is not None:
        what = f"{value.name!r}, {value.type}"
    elif value.operation is not None:
        what += f" made by {value.operation.name}"
        if value.location is not None and value.location != here:
            what += f" at {value.location}"
    if active_trace() is None:
        advice = (
            "It comes out of a function that was traced to a graph, and has no numbers "
            "itself: return it from that function, or look at it with cr.tap"
        )
    else:
        advice = (
            "The function is being traced to a graph, as it is for cr.compile and "
            "cr.fit, and tensors have no numbers then. Choose between values with "
            "cr.where(condition, a, b), and let loops depend on shapes and on Python's "
            "own numbers; or call the function as it is, not compiled: then its "
            "tensors are eager and have their numbers at once"
        )
    return TracingError(f"{place}{asked} {what}{source}\n{advice}")


class Trace:
    """The states that a function read and assigned while it was traced."""

    def __init__(self) -> None:
        self._inputs: dict[Stateful, Value] = {}
        self._current: dict[Stateful, Value] = {}
        self._assigned: dict[Stateful, None] = {}
        self._constants: dict[Value, Value] = {}
        self._switches: dict[tuple[object, str], Any] = {}

    def read(self, state: Stateful) -> Value:
        """The value that `state` has at this point of the traced function."""
        if state not in self._inputs:
            leaf = Value(TensorType.of(state.held), name=state.name)
            self._inputs[state] = self._current[state] = leaf
        return self._current[state]

    def write(self, state: Stateful, value: Value) -> None:
        """From here on `state` has `value`."""
        self.read(state)
        self._current[state] = value
        self._assigned[state] = None

    def switch(self, thing: object, attribute: str) -> None:
        """Note that the graph is good as long as the attribute is what it is now."""
        self._switches[thing, attribute] = getattr(thing, attribute)

    @property
    def switches(self) -> tuple[tuple[object, str, Any], ...]:
        """What the graph depends on that is no tensor: things, attributes, contents."""
        return tuple((*key, value) for key, value in self._switches.items())

    def capture(self, value: Value) -> Value:
        """A value that is known already, as a constant of the traced graph."""
        if value.data is None:
            return value
        if value not in self._constants:
            known = Constant(value.data)
            copy = Value(value.type, known, (), value.name, value.location)
            self._constants[value] = copy
        return self._constants[value]

    @property
    def states(self) -> tuple[Stateful, ...]:
        """The states read or assigned, in the order in which they first were."""
        return tuple(self._inputs)

    @property
    def given(self) -> tuple[Value, ...]:
        """The values that the states have at first: inputs of the graph."""
        return tuple(self._inputs.values())

    @property
    def assigned(self) -> tuple[Stateful, ...]:
        """Those of the states that were assigned, in the order of assignment."""
        return tuple(self._assigned)

    def graph(self, inputs: Sequence[Value], outputs: Sequence[Value]) -> Graph:
        """The traced computation: `inputs`, then the states, are its inputs."""
        assignments = [(self._inputs[s], self._current[s]) for s in self.assigned]
        return Graph(
            (*inputs, *self._inputs.values()), tuple(outputs), tuple(assignments)
        )


_active: ContextVar[Trace | None] = ContextVar("active", default=None)


def active_trace() -> Trace | None:
    """The trace that is being recorded, if any."""
    return _active.get()


@contextmanager
def tracing() -> Iterator[Trace]:
    """Record states and compute nothing inside."""
    trace = Trace()
    token = _active.set(trace)
    try:
        yield trace
    finally:
        _active.reset(token)
