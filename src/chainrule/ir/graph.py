"""A graph: values given from outside, values asked for, and states assigned."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from chainrule.ir.format import format_graph
from chainrule.ir.value import Value


def topological(
    outputs: Iterable[Value], given: Collection[Value] = ()
) -> tuple[Value, ...]:
    """Every value that `outputs` stand on, each after all of its inputs.

    What lies behind a value of `given` is left out. The order depends on the graph
    alone. It is found by iteration, so depth is no limit.
    """
    order: list[Value] = []
    given = frozenset(given)
    done: set[Value] = set()
    for output in outputs:
        stack = [output]
        while stack:
            value = stack[-1]
            if value in done:
                stack.pop()
                continue
            waiting = (
                []
                if value in given
                else [x for x in reversed(value.inputs) if x not in done]
            )
            if waiting:
                stack.extend(waiting)
                continue
            stack.pop()
            done.add(value)
            order.append(value)
    return tuple(order)


@dataclass(frozen=True, eq=False)
class Graph:
    """A computation: `inputs` are given, `outputs` are asked for.

    `assignments` are pairs of a state's input and the value it takes afterwards:
    this is how a training step updates its weights. An input is a leaf, or any
    value behind which the graph is cut. Printing a graph gives its text form.
    """

    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    assignments: tuple[tuple[Value, Value], ...] = ()

    @property
    def results(self) -> tuple[Value, ...]:
        """The outputs, then the values assigned to states."""
        return (*self.outputs, *(value for _, value in self.assignments))

    @cached_property
    def order(self) -> tuple[Value, ...]:
        """The inputs, then every computed value after all of its inputs."""
        given = frozenset(self.inputs)
        values = topological(self.results, given)
        return (*self.inputs, *(value for value in values if value not in given))

    def __str__(self) -> str:
        return format_graph(self)
