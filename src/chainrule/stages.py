"""`stages`: what becomes of a function, from Python to machine code.

Graphs first: as traced, with its gradients, simplified. Then what the compiler makes of
the last of them, each computed only when somebody looks at it: groups of operations
that are computed together; an order of them and their shares for threads; the plan of
the memory; loop nests; LLVM's text; and the instructions of a processor.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.compile import Compiled, data_of, trace
from chainrule.ir import Graph, format_graph
from chainrule.passes import differentiate, simplify
from chainrule.tensor import State
from chainrule.tree import flatten, unflatten

_GRAPHS = ("trace", "differentiate", "simplify")
_COMPILED = ("fuse", "partition", "memory", "lower", "emit")
_ON_REQUEST = ("assembly",)


@dataclass(frozen=True, eq=False, repr=False)
class Stages:
    """A function after each stage; printing it shows them all.

    `stages["fuse"]` is one of them, and prints as well. `graphs` are those that are
    graphs still. `"assembly"` is there on request only.
    """

    graphs: dict[str, Graph]
    # The processor, `None` for this one; the compiler's record of it.
    target: Any = None
    # The same function for another number of rows.
    other: Callable[[], Graph | None] = field(default=lambda: None)

    def __getitem__(self, stage: str) -> Any:
        if stage in self.graphs:
            return self.graphs[stage]
        if stage in (*_COMPILED, *_ON_REQUEST):
            return getattr(self._compiled, stage)
        raise KeyError(
            f"there is no stage {stage!r}; there are {', '.join((*self, *_ON_REQUEST))}"
        )

    def __iter__(self) -> Iterator[str]:
        """The names of the stages that are printed, in order."""
        return iter((*self.graphs, *_COMPILED))

    def __repr__(self) -> str:
        return f"<Stages {', '.join((*self, *_ON_REQUEST))}>"

    def __str__(self) -> str:
        return "\n\n".join(self._section(stage) for stage in self)

    def _section(self, stage: str) -> str:
        graph = self.graphs.get(stage)
        if graph is None:
            return f"# {stage}\n{self[stage]}"
        count = len(graph.order) - len(graph.inputs)
        return f"# {stage}: {count} operations\n{format_graph(graph)}"

    @cached_property
    def _compiled(self) -> Any:
        # The compiler is imported by who looks at it, not by all who import chainrule.
        show = import_module("chainrule.native.show")
        return show.Compilation(self.graphs["simplify"], self.other(), self.target)


def stages(
    function: Callable[..., Any], *args: Any, target: str | None = None
) -> Stages:
    """What becomes of `function` on its way to being run, stage by stage.

    `trace` is the function as written. Where it returns one real number and assigns
    nothing, as a loss does, `differentiate` adds its gradients with respect to all
    real inputs; a training step has them in its trace already. `simplify` is what is
    compiled. Then:

    - `fuse`: which operations are computed together, and which values are stored;
    - `partition`: the order of the groups, where threads wait for one another, how the
      groups are shared among them, which states are overwritten;
    - `memory`: where stored values lie, and from when to when;
    - `lower`: the loop nests, `emit`: LLVM's text, `assembly`: what the processor runs.

    Where the function can be traced for another number of rows, this number is `n`: one
    program serves all of them. `target` is a processor to compile for, `"x86-64"`,
    `"x86-64-v3"` (AVX2), `"x86-64-v4"` (AVX-512) or `"aarch64"`; by default this one.

    >>> import chainrule as cr
    >>> stages = cr.stages(lambda x: x * x, [1.0, 2.0, 3.0])
    >>> print(stages["simplify"])
    graph(%0: f32[3]) {
      %1: f32[3] = multiply(%0, %0)
      return %1
    }
    >>> print(stages["fuse"])  # doctest: +ELLIPSIS
    1 operation in 1 group; n is 3 here, and may be any
    <BLANKLINE>
    loops n -> %1: f32[n]  # ...
      %1 = multiply(%0, %0)
    """
    function = function.function if isinstance(function, Compiled) else function
    graphs = _graphs(trace(function, *args).graph)
    processor = None
    if target is not None:
        processor = import_module("chainrule.native.target").named(target)

    def other() -> Graph | None:
        return _with_another_row(function, args)

    return Stages(graphs, processor, other)


def _graphs(graph: Graph) -> dict[str, Graph]:
    graphs = {"trace": graph}
    if _is_loss(graph):
        graphs["differentiate"] = graph = differentiate(graph)
    graphs["simplify"] = simplify(graph)
    return graphs


def _is_loss(graph: Graph) -> bool:
    if len(graph.outputs) != 1 or graph.assignments:
        return False
    (output,) = graph.outputs
    return output.shape == () and output.type.is_floating


def _with_another_row(function: Callable[..., Any], args: Any) -> Graph | None:
    """The graph for one row more, if the function takes that.

    The rows are the first axis of the first array, and of all as long as that.
    """
    leaves, structure = flatten(args)
    rows = next((len(a) for a in data_of(leaves) if a.ndim > 0), None)
    if rows is None:
        return None
    more = [_longer(leaf, rows) for leaf in leaves]
    try:
        graph = trace(function, *unflatten(structure, iter(more))).graph
    except Exception:  # noqa: BLE001 - it is the user's function, for these rows only
        return None
    return _graphs(graph)["simplify"]


def _longer(leaf: Any, rows: int) -> Any:
    """Data with a row more, if it has so many; anything else as it is."""
    if isinstance(leaf, State) or not data_of([leaf]):
        return leaf
    (array,) = data_of([leaf])
    if array.ndim == 0 or len(array) != rows:
        return leaf
    return np.zeros((rows + 1, *array.shape[1:]), array.dtype)
