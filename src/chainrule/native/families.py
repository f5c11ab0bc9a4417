"""Programs for a function: one for all graphs of it that differ in sizes alone.

The first graph is compiled for the sizes it has, unless another sample comes with it.
Once a second graph turns up that differs in sizes only, the two together make a program
for any sizes; it serves all that follow. So does one that another function of this
process, such as an earlier `fit` of the same network, was given.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from chainrule.ir import Graph
from chainrule.native.program import Native, compile_graph, similar
from chainrule.passes.generalise import (
    MOST_ELEMENTS,
    MismatchError,
    Samples,
    generalise,
)


@dataclass(eq=False)
class Families:
    """The programs of one function, for one binding of its inputs and outputs."""

    programs: list[Native] = field(default_factory=list)
    # Which one runs a graph that was here before.
    _known: WeakKeyDictionary[Graph, Native] = field(default_factory=WeakKeyDictionary)

    def find(self, graph: Graph, *, wide: bool = False) -> Native | None:
        """A program that runs `graph`, if there is one."""
        known = self._known.get(graph)
        if known is None:
            wide = wide or is_wide(graph)
            for native in self.programs:
                if native.samples.wide >= wide and native.samples.covers(graph):
                    known = self._known[graph] = native
                    break
        return known

    def program(
        self,
        graph: Graph,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        other: Graph | None = None,
        watched: int | None = None,
        timed: bool = False,
        wide: bool = False,
    ) -> Native:
        """A program that runs `graph`; `other` is the same graph for other sizes.

        `wide` says that an array which rows are taken from has very many elements.
        """
        known = self.find(graph, wide=wide)
        if known is not None:
            return known
        wide = wide or is_wide(graph)
        native = similar(
            graph, inputs, outputs, watched=watched, timed=timed, wide=wide
        )
        if native is None:
            samples = replace(self._samples(graph, other), wide=wide)
            native = compile_graph(
                samples, inputs, outputs, watched=watched, timed=timed
            )
        self.programs.append(native)
        return native

    def _samples(self, graph: Graph, other: Graph | None) -> Samples:
        known = [native.samples.graph for native in self.programs]
        for second in [other, *known]:
            if second is None:
                continue
            try:
                return generalise(graph, second)
            except MismatchError:
                continue
        return Samples((graph,))


def is_wide(graph: Graph) -> bool:
    """Whether something in a graph has very many elements."""
    return any(value.type.size >= MOST_ELEMENTS for value in graph.order)
