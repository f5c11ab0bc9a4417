"""A graph: values given from outside, values asked for, and states assigned.

Printing one gives its text form, which `parse_graph` reads back exactly:

    graph(%0: f32[3] "x", %1: f32[3]) {
      %2: f32[3] = multiply(%0, %1)
      %3: f32[] = sum(%2, axes=(0,)) "L"
      assign %0 = %2
      return %3
    }

Attributes are Python literals, the names of dtypes, `nan`, `inf`, or
`array(dtype, shape, "bytes in base 64")`. Locations are printed on request.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.ir.types import dtype_name
from chainrule.ir.value import Array, Value


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


def format_graph(graph: Graph, *, locations: bool = False) -> str:
    """The text form of `graph`, with the user's file and line on request."""
    numbers = {value: number for number, value in enumerate(graph.order)}
    inputs = ", ".join(_declare(value, numbers, locations) for value in graph.inputs)
    lines = [f"graph({inputs}) {{"]
    for value in graph.order[len(graph.inputs) :]:
        operation = value.operation
        if operation is None:
            raise ValueError(f"{value!r} is a leaf but not an input of the graph")
        arguments = [f"%{numbers[x]}" for x in value.inputs]
        arguments += [
            f"{key}={_format_attribute(attribute)}"
            for key, attribute in operation.attributes().items()
        ]
        call = f"{operation.name}({', '.join(arguments)})"
        lines.append(
            f"  %{numbers[value]}: {value.type} = {call}{_notes(value, locations)}"
        )
    for state, value in graph.assignments:
        lines.append(f"  assign %{numbers[state]} = %{numbers[value]}")
    lines.append(f"  return {', '.join(f'%{numbers[y]}' for y in graph.outputs)}")
    return "\n".join([*lines, "}"])


def _declare(value: Value, numbers: Mapping[Value, int], locations: bool) -> str:
    return f"%{numbers[value]}: {value.type}{_notes(value, locations)}"


def _notes(value: Value, locations: bool) -> str:
    notes = ""
    if value.name is not None:
        notes += f" {json.dumps(value.name)}"
    if locations and value.location is not None:
        place = value.location
        notes += f" at {json.dumps([place.file, place.line, place.layer])}"
    return notes


def _format_attribute(attribute: Any) -> str:
    if isinstance(attribute, np.dtype):
        return dtype_name(attribute)
    if isinstance(attribute, tuple):
        items = [_format_attribute(item) for item in attribute]
        return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
    if isinstance(attribute, np.ndarray):
        return _format_array(attribute)
    if isinstance(attribute, np.generic):
        return repr(attribute.item())
    return repr(attribute)


def _format_array(array: Array) -> str:
    if array.ndim == 0 and array.dtype != np.float32:
        return f"{dtype_name(array.dtype)}({array.item()!r})"
    if array.ndim == 0:
        # The shortest decimal that reads back as this float32.
        text = repr(array[()]).removeprefix("np.float32(").removesuffix(")")
        return f"f32({text})"
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    shape = _format_attribute(array.shape)
    return f"array({dtype_name(array.dtype)}, {shape}, {content!r})"
