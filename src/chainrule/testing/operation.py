"""`check_operation`: all that can be asked of any operation, on its samples."""

from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.ir import (
    Array,
    DType,
    Graph,
    Operation,
    TensorType,
    Value,
    parse_graph,
    verify,
)
from chainrule.ops import full_like
from chainrule.ops.elementwise import REAL, Elementwise
from chainrule.passes import gradients, interpret, simplify
from chainrule.testing.access import reach
from chainrule.testing.builder import NumpyBuilder
from chainrule.testing.errors import CheckError, describe
from chainrule.testing.gradients import check_graph_gradients
from chainrule.testing.native import check_compiled

Arrays = tuple[Array, ...]

_FLOAT32: DType = np.dtype(np.float32)
_OTHER_DTYPES = (np.float32, np.int32, np.int64, np.uint8, np.bool_)

# What an operation may be able to do without: 1 x, x + 0, x**2, and the like.
_NEUTRAL = (0.0, 1.0, -1.0, 2.0, 0.5)


def check_operation(
    operation: type[Operation], *, seed: int = 0, compiled: bool = True
) -> None:
    """Check one class of operations on its own samples.

    On each sample: the type that the operation declares is the type that `forward`
    gives, for every dtype it takes; `forward` writes to no input and gives the same
    twice; the text form reads back; `simplify` keeps what is computed, with constants
    as inputs too; the gradient and the gradient of the gradient agree with central
    differences to `1e-6` in float64; float32 agrees with float64; `scalar` agrees with
    `forward`, at NaN, infinities, denormals and huge numbers too; and an input element
    changes no output element but those that `access` says. As machine code, if
    `compiled` is set, it gives what `forward` gives, in shapes around the width of
    vectors too, and for a number of rows that it was not compiled for, whether on one
    thread or on several.

    Raises `CheckError`, naming the operation, the sample and the numbers that differ.

    >>> from chainrule.ops import Tanh
    >>> check_operation(Tanh)
    """
    rng = np.random.default_rng(seed)
    sizes: set[int] = set()
    for sample, inputs in operation.samples(rng):
        try:
            output = _check_type(sample, inputs)
            _check_sample(sample, inputs, output, rng)
        except CheckError as error:
            raise CheckError(f"{describe(sample, inputs)}: {error}") from error
        sizes.update(array.size for array in (*inputs, output))
    if not {0, 1} <= sizes:
        raise CheckError(
            f"{operation.name} needs a sample without elements, and one with one"
        )
    if issubclass(operation, Elementwise) and REAL in operation.kinds:
        for instance in operation.instances():
            _check_scalar_at_extremes(instance, rng)
    if compiled:
        check_compiled(operation, rng, _special)


def _check_sample(
    operation: Operation, inputs: Arrays, output: Array, rng: np.random.Generator
) -> None:
    _check_inputs_are_kept(operation, inputs)
    _check_text(operation, inputs)
    # First, because simplify relies on what it finds.
    _check_access(operation, inputs, output, rng)
    _check_simplify(operation, inputs)
    _check_float32(operation, inputs, rng)
    if _can_be_differentiated(operation, inputs, output):
        check_graph_gradients(_graph(operation, inputs), inputs, rng)
    if isinstance(operation, Elementwise):
        for variant in (inputs, *_other_dtypes(operation, inputs)):
            _check_scalar(operation, variant)


def _can_be_differentiated(operation: Operation, inputs: Arrays, output: Array) -> bool:
    """Whether differences can tell its gradient: there is one, and it is in float64."""
    floats = [x.dtype for x in (*inputs, output) if x.dtype.kind == "f"]
    return (
        not operation.stops_gradient
        and any(x.dtype.kind == "f" for x in inputs)
        and all(dtype == np.float64 for dtype in floats)
    )


def _graph(operation: Operation, inputs: Sequence[Array]) -> Graph:
    leaves = tuple(Value(TensorType.of(x)) for x in inputs)
    return verify(Graph(leaves, (operation(*leaves),)))


def _forward(operation: Operation, inputs: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(operation.forward(*inputs))


# --- type ------------------------------------------------------------------------


def _check_type(operation: Operation, inputs: Arrays) -> Array:
    """The output, of the sample as it is; its dtype for all other dtypes as well."""
    for variant in _other_dtypes(operation, inputs):
        _check_one_type(operation, variant)
    return _check_one_type(operation, inputs)


def _check_one_type(operation: Operation, inputs: Arrays) -> Array:
    declared = operation.type(*[TensorType.of(x) for x in inputs])
    output = _forward(operation, inputs)
    if TensorType.of(output) != declared:
        given = ", ".join(str(TensorType.of(x)) for x in inputs)
        raise CheckError(
            f"of ({given}), type says {declared} and forward gives "
            f"{TensorType.of(output)}"
        )
    return output


def _other_dtypes(operation: Operation, inputs: Arrays) -> Iterator[Arrays]:
    """The sample with its floats as other dtypes, where the operation takes those."""
    for dtype in _OTHER_DTYPES:
        # No negative numbers, for unsigned integers have none.
        variant = tuple(
            np.abs(x).astype(dtype) if x.dtype.kind == "f" else x for x in inputs
        )
        if _takes(operation, variant):
            yield variant


def _takes(operation: Operation, inputs: Arrays) -> bool:
    try:
        operation.type(*[TensorType.of(x) for x in inputs])
    except TypeError:
        return False
    return True


# --- forward, text, simplify -----------------------------------------------------


def _check_inputs_are_kept(operation: Operation, inputs: Arrays) -> None:
    copies = [x.copy() for x in inputs]
    first, second = _forward(operation, copies), _forward(operation, copies)
    for copy, x in zip(copies, inputs, strict=True):
        if not np.array_equal(copy, x, equal_nan=x.dtype.kind == "f"):
            raise CheckError(f"forward changed its input {x} to {copy}")
    _check_close(second, first, 0, "forward, called a second time")


def _check_text(operation: Operation, inputs: Arrays) -> None:
    graph = _graph(operation, inputs)
    text = str(graph)
    again = parse_graph(text)
    if str(again) != text:
        raise CheckError(f"its text form\n{text}\nreads back as\n{again}")
    (expected,), (actual,) = interpret(graph, inputs), interpret(again, inputs)
    _check_close(actual, expected, 0, "the graph read back from its text")


def _check_simplify(operation: Operation, inputs: Arrays) -> None:
    for graph in _variations(operation, inputs):
        before, after = interpret(graph, inputs), interpret(simplify(graph), inputs)
        _check_close(after[0], before[0], 1e-12, f"after simplify,\n{graph}\n")


def _variations(operation: Operation, inputs: Arrays) -> Iterator[Graph]:
    """On its inputs; on constants for one of them, or all; twice in a row."""
    leaves = tuple(Value(TensorType.of(x)) for x in inputs)
    yield Graph(leaves, (operation(*leaves),))
    for c in _NEUTRAL:
        constants = [full_like(x, c) if _may_be(x, c) else x for x in leaves]
        yield Graph(leaves, (operation(*constants),))
        for i, constant in enumerate(constants):
            mixed = [*leaves[:i], constant, *leaves[i + 1 :]]
            yield Graph(leaves, (operation(*mixed),))
    yield from _twice(operation, leaves)


def _may_be(x: Value, c: float) -> bool:
    """Whether a test may put the number `c` for `x`; indices have to stay in range."""
    return x.type.is_floating or (x.type.dtype.kind == "b" and c in (0, 1))


def _twice(operation: Operation, leaves: tuple[Value, ...]) -> Iterator[Graph]:
    """On its own output, where that can be; on one value for all inputs."""
    if not leaves or not all(x.type.is_floating for x in leaves):
        return  # other inputs mean something, as indices do
    for arguments in (
        (operation(*leaves), *leaves[1:]),
        (leaves[0],) * len(leaves),
    ):
        try:
            y = operation(*arguments)
        except (TypeError, ValueError):
            continue
        yield Graph(leaves, (y,))


# --- float32 ---------------------------------------------------------------------


def _check_float32(
    operation: Operation, inputs: Arrays, rng: np.random.Generator
) -> None:
    narrow = tuple(_to_floats(x, _FLOAT32) for x in inputs)
    wide = tuple(_to_floats(x, np.dtype(np.float64)) for x in narrow)
    if not _takes(operation, narrow):
        return
    y = operation.type(*[TensorType.of(x) for x in narrow])
    weight = rng.normal(size=y.shape).astype(np.float32)
    found = _with_gradients(operation, narrow, weight)
    expected = _with_gradients(operation, wide, weight)
    for actual, exact in zip(found, expected, strict=True):
        _check_close(actual.astype(exact.dtype), exact, 2e-6, "in float32")


def _to_floats(x: Array, dtype: DType) -> Array:
    return x.astype(dtype) if x.dtype.kind == "f" else x


def _with_gradients(operation: Operation, inputs: Arrays, weight: Array) -> list[Array]:
    graph = _graph(operation, inputs)
    (y,) = graph.outputs
    wrt = [x for x in graph.inputs if x.type.is_floating]
    if not (y.type.is_floating and wrt):
        return interpret(graph, inputs)
    seed = Value(y.type)
    dxs = gradients([y], wrt, [seed])
    backward = Graph((*graph.inputs, seed), (y, *dxs))
    return interpret(backward, [*inputs, weight.astype(y.type.dtype)])


# --- scalar ----------------------------------------------------------------------


def _check_scalar(operation: Elementwise, inputs: Arrays) -> None:
    expected = _forward(operation, inputs)
    with np.errstate(all="ignore"):
        actual = np.asarray(operation.scalar(NumpyBuilder(), *inputs))
    if actual.dtype != expected.dtype:
        raise CheckError(f"scalar gives {actual.dtype}, forward {expected.dtype}")
    wrong = ~_nearly_equal(actual, expected)
    if wrong.any():
        at = tuple(x[wrong][0] for x in inputs)
        raise CheckError(
            f"at {at} scalar gives {actual[wrong][0]!r} and forward "
            f"{expected[wrong][0]!r}"
        )


def _nearly_equal(a: Array, b: Array) -> Array:
    """Equal up to 16 units in the last place; NaN equals NaN."""
    equal: Array = (a == b) | ((a != a) & (b != b))  # noqa: PLR0124 - that is NaN
    if a.dtype.kind != "f":
        return equal
    with np.errstate(all="ignore"):
        unit = np.spacing(np.maximum(np.abs(a), np.abs(b)))
        near: Array = np.abs(a - b) <= 16 * unit
    return equal | near


def _check_scalar_at_extremes(operation: Elementwise, rng: np.random.Generator) -> None:
    """On all combinations of special numbers, in every dtype that it takes."""
    _, first = next(operation.samples(rng))
    for inputs in (first, *_other_dtypes(operation, first)):
        grids = np.meshgrid(*[_special(x.dtype) for x in inputs], indexing="ij")
        points = tuple(grid.ravel() for grid in grids)
        try:
            _check_scalar(operation, points)
        except CheckError as error:
            raise CheckError(f"{describe(operation, points)}: {error}") from error


def _special(dtype: DType) -> Array:
    """Numbers at which rules that are right elsewhere go wrong."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        return np.array([0, 1, 2, 3, 7, 100], dtype)
    info = np.finfo(dtype)
    sizes = [0.5, 1.0, 2.0, 3.0, 1e-3, 1e-10, 17.0, 40.0, 90.0, 700.0, 750.0, 1e10]
    sizes += [0.0, np.inf, info.max, info.tiny, info.smallest_subnormal, info.eps]
    return np.array([*sizes, *(-size for size in sizes), np.nan], dtype)


# --- access ----------------------------------------------------------------------


def _check_access(
    operation: Operation, inputs: Arrays, output: Array, rng: np.random.Generator
) -> None:
    """Change one element of one input after the other and see what follows."""
    reached = reach(operation, inputs, TensorType.of(output)) if inputs else []
    for n, x in enumerate(inputs):
        if x.dtype.kind != "f":
            continue
        for element in range(x.size):
            changed = x.copy()
            changed.flat[element] += rng.uniform(0.5, 1)
            y = _forward(operation, [*inputs[:n], changed, *inputs[n + 1 :]])
            differs = ~_nearly_equal(y, output).ravel()
            beyond = differs & ~reached[n][:, element]
            if beyond.any():
                raise CheckError(
                    f"element {element} of input {n} changes element "
                    f"{int(beyond.argmax())} of the output, which its access "
                    f"{_access(operation, inputs)} does not say"
                )


def _access(operation: Operation, inputs: Arrays) -> str:
    if operation.elementwise:
        return "(elementwise)"
    return operation.access(*[TensorType.of(x) for x in inputs])


# --- comparison ------------------------------------------------------------------


def _check_close(actual: Array, expected: Array, tolerance: float, what: str) -> None:
    """Equal up to `tolerance`, relative to the largest finite number or to 1."""
    if TensorType.of(actual) != TensorType.of(expected):
        raise CheckError(
            f"{what} gives {TensorType.of(actual)}, not {TensorType.of(expected)}"
        )
    if actual.dtype.kind != "f":
        wrong = actual != expected
    else:
        finite = expected[np.isfinite(expected)]
        size = max(1.0, float(np.abs(finite).max(initial=0)))
        wrong = ~np.isclose(
            actual, expected, rtol=0, atol=tolerance * size, equal_nan=True
        )
    if wrong.any():
        raise CheckError(
            f"{what} gives {actual[wrong][0]!r}, not {expected[wrong][0]!r}"
        )
