"""Run graphs as machine code in ways that show what is wrong with it."""

from collections.abc import Sequence
from importlib import import_module

import numpy as np

from chainrule.ir import Array, Graph
from chainrule.native.build import Lowered, lower
from chainrule.native.image import load
from chainrule.native.linking import link
from chainrule.native.program import BoundsError, Native
from chainrule.native.target import Target, host
from chainrule.passes.generalise import Samples
from chainrule.testing.errors import CheckError

# What is written before and behind outputs, and has to be there afterwards.
_CANARY = 0xA5
_MARGIN = 64


def lowered(
    samples: Samples, target: Target | None = None, *, timed: bool = False
) -> Lowered:
    """The nests and the text of graphs whose inputs and outputs are an array each.

    All that can be shared is shared by the threads, however little work it is.
    """
    graph = samples.graph
    return lower(
        samples,
        ["plain"] * len(graph.inputs),
        ["plain"] * len(graph.outputs),
        host() if target is None else target,
        timed=timed,
        worth=0,
    )


def compiled(samples: Samples, target: Target | None = None) -> Native:
    """The program of graphs, compiled anew whatever the cache has."""
    target = host() if target is None else target
    return assembled(lowered(samples, target), samples, target)


def assembled(found: Lowered, samples: Samples, target: Target | None = None) -> Native:
    """The program of nests that may have been changed."""
    machine = import_module("chainrule.native.machine_code")
    image = link(machine.assemble(found.text, host() if target is None else target))
    return Native(load(image), found.layout, samples)


def run(
    native: Native, graph: Graph, inputs: Sequence[Array], threads: int = 1
) -> list[Array]:
    """The graph's results: its outputs, then the values its states are assigned.

    All memory that the program gets holds NaN to begin with, so that what is read
    before it is written shows. Raises `CheckError` if something is written beside an
    output, and `IndexError` for an index outside of its axis.
    """
    number = {x: i for i, x in enumerate(graph.inputs)}
    assigned = [number[state] for state, _ in graph.assignments]
    given = [np.array(x, order="C") for x in inputs]
    rooms = [_Guarded(y.shape, y.type.dtype) for y in graph.outputs]
    which = np.zeros(1, np.int64)
    native.poisoned = True
    native.run(
        [native.bound(graph)], which, given, [r.array for r in rooms], threads=threads
    )
    for i, room in enumerate(rooms):
        if not room.is_intact():
            raise CheckError(f"the program writes beside output {i}")
    for i, (x, y) in enumerate(zip(given, inputs, strict=True)):
        if i not in assigned and x.tobytes() != np.ascontiguousarray(y).tobytes():
            raise CheckError(f"the program writes to input {i}")
    return [*(room.array for room in rooms), *(given[i] for i in assigned)]


class _Guarded:
    """An array of NaN with bytes before and behind it that nobody may change."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> None:
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        self.bytes = np.full(size + 2 * _MARGIN, _CANARY, np.uint8)
        inside = self.bytes[_MARGIN : _MARGIN + size]
        inside[...] = 0xFF if dtype.kind != "b" else 1
        self.array: Array = inside.view(dtype).reshape(shape)

    def is_intact(self) -> bool:
        margins = (self.bytes[:_MARGIN], self.bytes[len(self.bytes) - _MARGIN :])
        return all(bool((margin == _CANARY).all()) for margin in margins)


__all__ = ["BoundsError", "assembled", "compiled", "lowered", "run"]
