"""Print a graph in its text form, which `parse_graph` reads back exactly.

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
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.ir.types import dtype_name
from chainrule.ir.value import Value

if TYPE_CHECKING:
    from chainrule.ir.graph import Graph


def format_graph(graph: "Graph", *, locations: bool = False) -> str:
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
    return repr(attribute)


def _format_array(array: np.ndarray[Any, Any]) -> str:
    if array.ndim == 0 and array.dtype != np.float32:
        return f"{dtype_name(array.dtype)}({array.item()!r})"
    if array.ndim == 0:
        # The shortest decimal that reads back as this float32.
        text = repr(array[()]).removeprefix("np.float32(").removesuffix(")")
        return f"f32({text})"
    content = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    shape = _format_attribute(array.shape)
    return f"array({dtype_name(array.dtype)}, {shape}, {content!r})"
