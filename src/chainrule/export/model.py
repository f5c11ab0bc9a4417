"""A network as exporters see it: one graph for any number of rows, and its numbers."""

import inspect
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.compile import Traced, trace
from chainrule.export.errors import ExportError
from chainrule.export.extents import Extent, Varying, extent, varying
from chainrule.export.names import Names
from chainrule.export.words import described, mismatch
from chainrule.ir import Array, Operation, Value
from chainrule.nn import BatchNorm, Dense, Dropout, Embedding, Module, Sequential
from chainrule.ops import Constant
from chainrule.passes.generalise import MismatchError, Samples, generalise
from chainrule.tensor import Tensor
from chainrule.version import __version__

# How many rows the network is traced for: a formula for each size is found from the
# first three, and checked with the last. Odd, even and prime, small enough to be quick.
ROWS = (12, 13, 17, 20)


@dataclass(frozen=True)
class Codes:
    """Text cells as numbers: `codes[cell]`, or `other` for any other cell."""

    codes: Mapping[str, int]
    missing: int
    other: int


@dataclass(frozen=True, eq=False)
class Input:
    """What comes in: a `name` that any language takes, and the `title` it had.

    `codes` say how text becomes the numbers that the graph takes. `kind` is "array", or
    for the column of a table "number", "text", or the way in which its dates were
    written, of `chainrule.tables.times`: the graph takes days since 1970, with their
    fraction.
    """

    name: str
    title: str
    value: Value
    codes: Codes | None = None
    kind: str = "array"


@dataclass(frozen=True, eq=False)
class Output:
    """What comes out; `labels` are what the numbers stand for, if they are indices."""

    name: str
    value: Value
    labels: tuple[Any, ...] | None = None


@dataclass(frozen=True, eq=False)
class Model:
    """What is exported.

    - `name`: what it is called in a language that has to call it something.
    - `samples`: its graph for several numbers of `rows`, without states.
    - `arrays`: values that are known beforehand: weights, and what follows from them.
    - `facts`: where it comes from, as plain data.
    - `is_table`: whether its inputs are the raw columns of a table, where `missing`
      are cells that count as missing.
    """

    name: str
    samples: Samples
    rows: tuple[int, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    arrays: Mapping[Value, Array]
    facts: Mapping[str, Any]
    is_table: bool = False
    missing: tuple[str, ...] = ()

    @cached_property
    def order(self) -> tuple[Value, ...]:
        """What is left to compute, each after what it stands on."""
        given = {x.value for x in self.inputs} | self.arrays.keys()
        found: dict[Value, None] = {}
        stack = [y.value for y in reversed(self.outputs)]
        while stack:
            value = stack[-1]
            waiting = [x for x in value.inputs if x not in found and x not in given]
            if value in found or value in given:
                stack.pop()
            elif waiting:
                stack.extend(reversed(waiting))
            else:
                found[stack.pop()] = None
        return tuple(found)

    @property
    def said(self) -> dict[str, str]:
        """The facts as text."""
        return {
            key: x if isinstance(x, str) else json.dumps(x, ensure_ascii=False)
            for key, x in self.facts.items()
        }

    @cached_property
    def used(self) -> dict[Value, Array]:
        """The known values that are read while computing, or are outputs."""
        read = [x for value in self.order for x in value.inputs]
        read += [y.value for y in self.outputs]
        return {x: self.arrays[x] for x in read if x in self.arrays}

    @cached_property
    def weights(self) -> dict[Value, str]:
        """A name for each known array that is no single number."""
        names = Names(x.name for x in self.inputs)
        return {
            value: names.new(value.name or _place(value), "layer")
            for value, array in self.used.items()
            if array.ndim
        }

    def shape(self, value: Value) -> tuple[Extent, ...]:
        """The extents of a value."""
        where = described(value)
        return tuple(extent(s, self.rows, where) for s in self.samples.shape(value))

    @cached_property
    def counted(self) -> tuple[Input, int]:
        """An input and its axis that is as long as there are rows."""
        rows = Extent(0, 1)
        for x in self.inputs:
            shape = self.shape(x.value)
            if rows in shape:
                return x, shape.index(rows)
        raise ExportError("no input has an axis that is as long as there are rows")

    def varying(self, value: Value) -> Varying:
        """The formula of a constant that depends on the number of rows."""
        return varying(self.samples.numbers(value), self.rows, described(value))

    def attribute(self, value: Value, name: str) -> tuple[Extent, ...]:
        """An attribute that is a tuple of sizes, such as the start of a slice."""
        each = [getattr(op, name) for op in self.samples.operations(value)]
        where = described(value)
        return tuple(extent(size, self.rows, where) for size in zip(*each, strict=True))


def heading(layer: str) -> str:
    """What a layer is called above the lines that compute it; some are numbers."""
    return f"layer {layer}" if layer[:1].isdigit() else layer


def _place(value: Value) -> str:
    """A name from the layer a value is computed in, and by what."""
    layer = value.location.layer if value.location is not None else ""
    made = value.operation.name if value.operation is not None else ""
    return f"{layer} {made}"


# --- from a network -----------------------------------------------------------------


def model_of(
    net: Callable[..., Any], inputs: Any, name: str, *, facts: Mapping[str, Any]
) -> Model:
    """The model of a network, or of a function of tensors, when it predicts.

    `inputs` are examples of what it takes: an array, several in a tuple, or a dict of
    them by name. Their first axis is the rows, and may be of any length.
    """
    titles, examples, call = _call(net, inputs)
    examples = _in_its_dtype(net, examples)
    traced = _traced(call, examples)
    names = Names()
    given = traced[0].graph.inputs[: len(examples)]
    shared = [
        Input(_reserved(names, title), title, value)
        for title, value in zip(titles, given, strict=True)
    ]
    return assemble(name, traced, shared, facts=facts)


def _reserved(names: Names, title: str) -> str:
    return names.reserve(title) if title in ("x", "X") else names.new(title, "input")


def assemble(
    name: str,
    traced: Sequence[Traced],
    inputs: Sequence[Input],
    *,
    facts: Mapping[str, Any],
    labels: Mapping[str, tuple[Any, ...]] | None = None,
    missing: tuple[str, ...] | None = None,
) -> Model:
    """The model of what was traced for each of `ROWS` rows.

    `labels` are those of outputs that are indices, by name; `missing` the cells of a
    table that count as missing, where it is a table that comes in.
    """
    first = traced[0]
    if first.assigned:
        states = ", ".join(repr(s.name) for s in first.assigned)
        raise ExportError(
            f"the network changes its states {states} when it predicts, and what is "
            "exported has none that change; compute them outside of it"
        )
    samples = _generalised(traced)
    leaves = first.graph.inputs[len(inputs) :]
    held = {x: state.data for x, state in zip(leaves, first.states, strict=True)}
    outputs = _outputs(first, samples, labels or {})
    return Model(
        name,
        samples,
        ROWS,
        tuple(inputs),
        outputs,
        known(samples, held),
        {**about(), **facts},
        missing is not None,
        missing or (),
    )


def about() -> dict[str, Any]:
    """Who wrote a file, and when."""
    now = datetime.now(UTC).isoformat(sep=" ", timespec="seconds")
    return {"producer": "chainrule", "version": __version__, "exported": now}


def _generalised(traced: Sequence[Traced]) -> Samples:
    with suppress(MismatchError):
        return generalise(*(t.simplified().graph for t in traced))
    try:
        # A constant that holds a size may have been folded into an array.
        return generalise(*(t.graph for t in traced))
    except MismatchError:
        raise mismatch([t.graph for t in traced], ROWS) from None


# Names of outputs that nothing else is called in any language.
_PLAIN = ("y", "label", "probabilities", "prediction")


def _outputs(
    traced: Traced, samples: Samples, labels: Mapping[str, tuple[Any, ...]]
) -> tuple[Output, ...]:
    keys = traced.structure.keys
    count = len(samples.outputs)
    if len(traced.returned) != count or not count:
        raise ExportError("the network has to return tensors and nothing else")
    titles = [str(key) for key in keys] if len(keys) == count else []
    if not titles:
        titles = ["y"] if count == 1 else [f"y{i}" for i in range(count)]
    names = Names()
    return tuple(
        Output(
            title if title in _PLAIN else names.new(title, "output"),
            value,
            labels.get(title),
        )
        for title, value in zip(titles, samples.outputs, strict=True)
    )


def _call(
    net: Callable[..., Any], inputs: Any
) -> tuple[list[str], list[Array], Callable[..., Any]]:
    """Names of the inputs, an example of each, and a function of them in order."""
    if inputs is None:
        return ["x"], [_inferred(net)], net
    if isinstance(inputs, Mapping):
        titles = [str(title) for title in inputs]
        examples = [_example(title, x) for title, x in inputs.items()]

        def named(*xs: Tensor) -> Any:
            return net(**dict(zip(titles, xs, strict=True)))

        return titles, examples, named
    if not isinstance(inputs, (tuple, list)):
        return ["x"], [_example("x", inputs)], net
    titles = _parameters(net, len(inputs))
    return titles, [_example(t, x) for t, x in zip(titles, inputs, strict=True)], net


def _in_its_dtype(net: Callable[..., Any], examples: list[Array]) -> list[Array]:
    """Real numbers in the dtype of the network's weights, where they have one dtype.

    It converts them anyway, and an example in NumPy's float64 says nothing.
    """
    parameters = net.parameters().values() if isinstance(net, Module) else ()
    dtypes = {p.dtype for p in parameters}
    if len(dtypes) != 1:
        return examples
    (dtype,) = dtypes
    return [x.astype(dtype) if x.dtype.kind == "f" else x for x in examples]


def _parameters(net: Callable[..., Any], count: int) -> list[str]:
    """What the function calls its first arguments."""
    function = net.forward if isinstance(net, Module) else net
    found = [
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return found[:count] if len(found) >= count else [f"x{i}" for i in range(count)]


def _example(title: str, x: Any) -> Array:
    array = x.data if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise ExportError(
            f"the example for {title!r} is an array of numbers with the rows as its "
            f"first axis, not {array.dtype} of shape {array.shape}"
        )
    return np.asarray(array)


def _inferred(net: Callable[..., Any]) -> Array:
    """One row for the first layer, where that says what it takes."""
    first: Any = net
    while isinstance(first, Sequential) and len(first):
        layers = [m for m in first if not _passes_on(m)]
        if not layers:
            break
        first = layers[0]
    match first:
        case Dense():
            return np.zeros((1, first.inputs), first.W.dtype)
        case BatchNorm():
            return np.zeros((1, first.features), first.running_mean.dtype)
        case Embedding():
            return np.zeros((1,), np.int64)
    raise ExportError(
        "what the network takes cannot be told from its first layer: give examples, "
        "such as inputs=X[:1]"
    )


def _passes_on(layer: Module) -> bool:
    """Whether a layer takes rows of any length, and gives such rows."""
    return not layer.states() or isinstance(layer, Dropout)


def _traced(call: Callable[..., Any], examples: Sequence[Array]) -> list[Traced]:
    """The graph for each of `ROWS` rows, in evaluation mode."""

    def at(rows: int) -> Traced:
        arrays = [np.zeros((rows, *x.shape[1:]), x.dtype) for x in examples]
        return trace(call, *arrays)

    switches = at(ROWS[0]).switches
    modules = [thing for thing, name, _ in switches if name == "training"]
    with predicting(modules):
        return [at(rows) for rows in ROWS]


@contextmanager
def predicting(modules: Iterable[Any]) -> Iterator[None]:
    """Meanwhile, the modules do not train."""
    modes = [(module, module.training) for module in modules]
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


# --- what is known beforehand -------------------------------------------------------


def known(samples: Samples, states: Mapping[Value, Array]) -> dict[Value, Array]:
    """Every value that stands on states and constants alone, computed.

    What only repeats numbers is left to be repeated where it is read.
    """
    found = dict(states)
    for value in samples.graph.order:
        operation = value.operation
        if operation is None or value in found:
            continue
        if _is_constant(samples, value, found) and not _enlarges(value):
            inputs = [_spread(x, found) for x in value.inputs]
            with np.errstate(all="ignore"):
                found[value] = np.asarray(operation.forward(*inputs))
    return found


def _is_constant(samples: Samples, value: Value, found: Mapping[Value, Array]) -> bool:
    fixed = all(len(set(size)) == 1 for size in samples.shape(value))
    if isinstance(value.operation, Constant):
        return fixed and not samples.varies(value)
    return fixed and all(_is_known(x, found) for x in value.inputs)


def _is_known(x: Value, found: Mapping[Value, Array]) -> bool:
    while x not in found and x.operation is not None and x.operation.replicates:
        (x,) = x.inputs
    return x in found


def _enlarges(value: Value) -> bool:
    operation: Operation | None = value.operation
    if operation is None or not operation.replicates:
        return False
    return value.type.size > value.inputs[0].type.size


def _spread(x: Value, found: Mapping[Value, Array]) -> Array:
    if x in found or x.operation is None:
        return found[x]
    return x.operation.forward(*[_spread(y, found) for y in x.inputs])
