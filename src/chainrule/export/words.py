"""What errors say of a network, in words that its user knows."""

from collections.abc import Sequence
from itertools import pairwise, zip_longest

import numpy as np

from chainrule.export.errors import ExportError
from chainrule.ir import Array, Graph, Operation, Value
from chainrule.ops import Constant

__all__ = ["described", "mismatch"]


def described(value: Value) -> str:
    """What a value is, in words that its user knows."""
    made = "an input" if value.operation is None else f"operation {value.operation}"
    layer = value.location.layer if value.location is not None else ""
    return f"layer {layer!r}, {made}" if layer else made


def mismatch(graphs: Sequence[Graph], rows: Sequence[int]) -> ExportError:
    """The error where the graphs for these numbers of rows differ in more than sizes.

    It names the first operation in which they do.
    """
    for graph, numbers in zip(pairwise(graphs), pairwise(rows), strict=True):
        for a, b in zip_longest(*(g.order for g in graph)):
            if a is None or b is None or not _alike(a.operation, b.operation):
                return ExportError(_why(graph, (a, b), numbers))
    return ExportError("what the network computes depends on the number of rows")


def _alike(a: Operation | None, b: Operation | None) -> bool:
    if isinstance(a, Constant) and isinstance(b, Constant):
        numbers = a.data.ndim == b.data.ndim == 0
        return numbers or _same(a.data, b.data)
    return type(a) is type(b)


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and a.tobytes() == b.tobytes()


def _why(
    graphs: tuple[Graph, Graph],
    twins: tuple[Value | None, Value | None],
    rows: tuple[int, int],
) -> str:
    a, b = twins
    if a is not None and b is not None:
        one, other = a.operation, b.operation
        if isinstance(one, Constant) and isinstance(other, Constant):
            reader = _reader(graphs[0], a)
            return (
                f"{described(reader)}{_line(reader)}: it takes an array that Python "
                "makes for the number of rows there are, as arange does "
                f"({_held(one.data, other.data, rows)}), and a file would hold it for "
                "one number of rows. Compute it from what comes in, such as by "
                "(x[:, :1] * 0 + 1).cumsum(axis=0) - 1 for the number of each row, or "
                "take it as a further input (inputs=(X, numbers))"
            )
    used = [
        None if value is None else _reader(graph, value)
        for graph, value in zip(graphs, twins, strict=True)
    ]
    where = next(_line(value) for value in used if value is not None)
    each = ", ".join(
        f"for {n} rows {'nothing more' if value is None else described(value)}"
        for n, value in zip(rows, used, strict=True)
    )
    return (
        f"what the network computes{where} depends on the number of rows: {each}. "
        "Where Python chooses by it (if, for), a file would hold one choice: let it "
        "be the same for any number of rows, such as by cr.where"
    )


def _reader(graph: Graph, value: Value) -> Value:
    """What a constant is for: the first that does more than to reshape it."""
    if not isinstance(value.operation, Constant):
        return value
    while len(value.inputs) < 2:
        reader = next((y for y in graph.order if value in y.inputs), None)
        if reader is None:
            break
        value = reader
    return value


def _line(value: Value) -> str:
    if value.location is None:
        return ""
    return f" ({value.location.file}:{value.location.line})"


def _held(one: Array, other: Array, rows: tuple[int, int]) -> str:
    sizes = [int(np.size(array)) for array in (one, other)]
    if sizes[0] == sizes[1]:
        return f"other numbers for {rows[0]} rows than for {rows[1]}"
    return f"{sizes[0]} numbers for {rows[0]} rows, {sizes[1]} for {rows[1]}"
