"""`compile`: trace a function for each kind of arguments, and run it as machine code.

What runs is the simplified graph, compiled by `native`. One program serves all calls
that differ in the number of rows alone: for each number of rows the function is traced
once more, which takes milliseconds, and nothing is compiled anew.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, update_wrapper
from importlib import import_module
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np

from chainrule.expressions.promote import as_array, as_value
from chainrule.ir import Array, Graph, TensorType, Value
from chainrule.passes import interpret, simplify
from chainrule.taps import looking
from chainrule.tensor import State, Tensor, holding
from chainrule.trace import active_trace, tracing
from chainrule.tree import Structure, flatten, unflatten

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Traced:
    """A function's graph, and what connects it to the world.

    The graph's inputs are the arguments' arrays and then `states`; its results are the
    leaves of what the function returns, of `structure`, and then what `assigned` take.
    It is good as long as the `switches`, attributes of things, are what they were.
    """

    graph: Graph
    states: tuple[State, ...]
    assigned: tuple[State, ...]
    structure: Structure
    returned: tuple[Any, ...]
    switches: tuple[tuple[object, str, Any], ...] = ()

    def simplified(self) -> "Traced":
        """The same, with a smaller graph."""
        return replace(self, graph=simplify(self.graph))

    def holds(self) -> bool:
        """Whether tracing the function again would give the same graph."""
        return all(getattr(thing, name) == was for thing, name, was in self.switches)

    def inputs(self, arguments: Sequence[Array]) -> list[Array]:
        """The arrays for the inputs of the graph: the arguments', then the states'."""
        return [*arguments, *(state.data for state in self.states)]

    def give(self, results: Sequence[Array]) -> Any:
        """Assign the states, and return what the function returns.

        `results` are those of the graph, in arrays that nobody else has.
        """
        outputs = map(holding, results, self.types)
        for state, new in zip(self.assigned, results[len(self.types) :], strict=True):
            state.hold(new)
        if self.structure.kind is None:
            (leaf,) = self.returned
            return next(outputs) if leaf is _OUTPUT else leaf
        leaves = (next(outputs) if x is _OUTPUT else x for x in self.returned)
        if self.is_flat:
            return tuple(leaves)
        return unflatten(self.structure, leaves)

    @cached_property
    def types(self) -> tuple[TensorType, ...]:
        """What the graph gives."""
        return tuple(value.type for value in self.graph.outputs)

    @cached_property
    def is_flat(self) -> bool:
        """Whether what the function returns is a tuple of nothing but leaves."""
        children = self.structure.children
        return self.structure.kind is tuple and not any(x.kind for x in children)


# Stands where a returned leaf is a tensor that the graph computes.
_OUTPUT = object()


def trace(f: Callable[..., Any], *args: Any) -> Traced:
    """The graph of `f` for arguments like `args`: tensors, arrays, numbers, or nested.

    Anything else in `args` (a module, text, `None`) is passed to `f` as it is.
    """
    leaves, structure = flatten(args)
    inputs: list[Value] = []
    call: list[Any] = []
    with tracing() as recorded:
        for leaf in leaves:
            if _is_data(leaf):
                inputs.append(Value(TensorType.of(_to_array(leaf)), name=_name(leaf)))
                call.append(Tensor(inputs[-1]))
            else:
                call.append(leaf)
        result = f(*unflatten(structure, iter(call)))
        returned, result_structure = flatten(result)
        outputs = [as_value(x) for x in returned if _is_data(x)]
    graph = recorded.graph(inputs, outputs)
    return Traced(
        graph,
        _states(recorded.states),
        _states(recorded.assigned),
        result_structure,
        tuple(_OUTPUT if _is_data(x) else x for x in returned),
        recorded.switches,
    )


def replay(function: Callable[..., Any], *args: Any) -> Any:
    """What `function` gives for `args`, one operation after the other in NumPy.

    It is traced like what is compiled, but nothing is compiled, and no state is
    assigned: a step can be looked at without being taken.

    >>> import chainrule as cr
    >>> count = cr.State(0)
    >>> def step(x):
    ...     count.assign(count + 1)
    ...     return x * 2
    >>> replay(step, 3.0), count
    (tensor(6.), state(0, name=None))
    """
    traced = trace(function, *args)
    leaves, _ = flatten(args)
    graph = replace(traced.graph, assignments=())
    looked_at = replace(traced, graph=graph, assigned=())
    results = interpret(graph, traced.inputs(data_of(leaves)))
    return looked_at.give([np.array(x) for x in results])


def _states(found: Sequence[Any]) -> tuple[State, ...]:
    return tuple(state for state in found if isinstance(state, State))


def _is_data(leaf: Any) -> bool:
    if isinstance(leaf, State):
        return False  # a state is an input by itself, wherever it is read
    # A list that is a leaf is an array written down; a bool is a switch.
    kinds = (Tensor, np.ndarray, np.generic, float, int, list)
    return isinstance(leaf, kinds) and not isinstance(leaf, bool)


def data_of(leaves: Sequence[Any]) -> list[Array]:
    """The arrays among the leaves of a call: the inputs of its graph, in order."""
    return [_to_array(leaf) for leaf in leaves if _is_data(leaf)]


def _key(leaf: Any) -> Any:
    """What tells two calls apart that pass something other than data."""
    return id(leaf) if isinstance(leaf, State) else leaf


def _name(leaf: Any) -> str | None:
    return leaf.name if isinstance(leaf, Tensor) else None


def _to_array(leaf: Any) -> Array:
    if isinstance(leaf, Tensor):
        return leaf.data
    if isinstance(leaf, np.ndarray):
        return leaf  # not copied: this is how a training loop passes its batches
    return as_array(leaf)


class Compiled(Generic[P, R]):
    """A function that runs as machine code, traced for each kind of arguments."""

    def __init__(self, function: Callable[P, R]) -> None:
        self.function = function
        self._traced: dict[Any, list[_Ready]] = {}
        self._families: dict[Any, Any] = {}
        update_wrapper(self, function, updated=())

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> R:
        """Run the program for these arguments; inside another trace, the function."""
        if active_trace() is not None or looking():
            return self.function(*args, **keywords)
        if keywords:
            raise TypeError(
                "a compiled function takes positional arguments only, so that calls "
                f"can be told apart; {', '.join(keywords)} came by name"
            )
        leaves, structure = _taken_apart(args)
        arrays, kind = _looked_at(leaves)
        key = structure, *kind
        known = self._traced.get(key) or self._traced.setdefault(key, [])
        for ready in known:
            if ready.traced.holds():
                break
        else:
            ready = self._prepared(args)
            known.append(ready)
        result: R = ready(arrays)
        return result

    def _prepared(self, args: Any) -> "_Ready":
        """A program for arguments of this kind, and what it takes to call it."""
        leaves, structure = flatten(args)
        arrays = data_of(leaves)
        others = tuple(None if _is_data(leaf) else _key(leaf) for leaf in leaves)
        kind = (structure, tuple((a.ndim, a.dtype) for a in arrays), others)
        traced = trace(self.function, *args).simplified()
        graph = traced.graph
        families = import_module("chainrule.native.families")
        known = self._families.setdefault(kind, families.Families())
        program = known.program(graph, _plain(graph.inputs), _plain(graph.outputs))
        caller = import_module("chainrule.native.caller").Caller(program, graph)
        return _Ready(traced, caller.run)


@dataclass(frozen=True)
class _Ready:
    """A traced function whose program is there, to be called with arrays."""

    traced: Traced
    run: Callable[[Sequence[Array]], list[Array]]

    def __call__(self, arrays: Sequence[Array]) -> Any:
        traced = self.traced
        return traced.give(self.run(traced.inputs(arrays)))


def _taken_apart(args: tuple[Any, ...]) -> tuple[Sequence[Any], Any]:
    """The leaves of arguments, and what tells their structures apart."""
    for arg in args:
        if isinstance(arg, (list, tuple, dict)):
            return flatten(args)
    return args, None  # what most calls look like, so it is made quick


def _looked_at(leaves: Sequence[Any]) -> tuple[list[Array], list[Any]]:
    """The arrays for the inputs of a graph, and what tells its graph from others."""
    arrays: list[Array] = []
    kind: list[Any] = []
    for leaf in leaves:
        if type(leaf) is np.ndarray:  # most are, so it is made quick
            array = leaf
        elif _is_data(leaf):
            array = _to_array(leaf)
        else:
            kind.append((_key(leaf),))
            continue
        arrays.append(array)
        kind.append((array.shape, array.dtype))
    return arrays, kind


def _plain(values: Sequence[Value]) -> list[str]:
    """Inputs or outputs that are an array each."""
    return ["plain"] * len(values)


def compile(function: Callable[P, R]) -> Compiled[P, R]:
    """`function`, traced once and from then on run as machine code.

    It is traced again when the shapes or dtypes of its arguments change, or when a
    module that it calls is switched between training and evaluation; what differs in
    sizes alone is not compiled again. States that it reads or assigns (a module's
    parameters, an optimizer's moments) are inputs and outputs of the graph by
    themselves. Python code in it runs only while tracing; where it asks for the numbers
    in a tensor, as `if x > 0` does, that raises `TracingError`.

    >>> import chainrule as cr
    >>> count = cr.State(0, name="count")
    >>> @cr.compile
    ... def step(x):
    ...     count.assign(count + 1)
    ...     return x * 2
    >>> step(3.0), step(4.0), count
    (tensor(6.), tensor(8.), state(2, name='count'))
    """
    return Compiled(function)
