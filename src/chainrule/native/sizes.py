"""Where the sizes of a program are read off, once its function is traced anew."""

from math import prod
from typing import Any, TypeAlias

from chainrule.ir import Graph
from chainrule.ops.access import Either, Strided, parse_access
from chainrule.passes.generalise import Samples, Size, times

# ("number", n); ("extents", position, first axis, last axis + 1), their product;
# ("start", position, term, place): the start of a coordinate that an access names.
Source: TypeAlias = tuple[Any, ...]


def locate(samples: Samples, size: Size) -> Source:
    """Where a graph like the samples shows what `size` is in it."""
    if len(set(size)) == 1:
        return ("number", size[0])
    order = samples.graph.order
    for position, value in enumerate(order):
        shape = samples.shape(value)
        for first in range(len(shape)):
            for stop in range(first + 1, len(shape) + 1):
                if times(*shape[first:stop]) == size:
                    return ("extents", position, first, stop)
    for position in range(len(order)):
        found = [_starts(graph, position) for graph in samples.graphs]
        for number, starts in enumerate(zip(*found, strict=True)):
            if starts == size:
                return ("start", position, number)
    raise ValueError(f"the size {size} is nowhere in the graph")


def measure(source: Source, graph: Graph) -> int:
    """The size in a graph."""
    kind, *where = source
    if kind == "number":
        return int(where[0])
    if kind == "extents":
        position, first, stop = where
        return prod(graph.order[position].shape[first:stop])
    position, number = where
    return _starts(graph, position)[number]


def _starts(graph: Graph, position: int) -> list[int]:
    value = graph.order[position]
    if value.operation is None or value.operation.elementwise or not value.inputs:
        return []
    access = parse_access(value.operation.access(*(x.type for x in value.inputs)))
    terms = [t for read in (*access.inputs, access.output) for t in read]
    strided = [p for t in terms for p in (t.places if isinstance(t, Either) else (t,))]
    return [t.start for t in strided if isinstance(t, Strided)]
