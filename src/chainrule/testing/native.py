"""What an operation computes as machine code is what its `forward` gives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.ir import Array, DType, Graph, Operation, Rng, TensorType, Value
from chainrule.ops.access import Letter, Term, parse_access
from chainrule.ops.elementwise import REAL, Elementwise
from chainrule.passes.generalise import MismatchError, Samples, generalise
from chainrule.testing.compiled import compiled, run
from chainrule.testing.errors import CheckError, describe

Arrays = tuple[Array, ...]

# Around the widths of vectors, and of tiles.
EXTENTS = (1, 15, 16, 17, 64, 65)
# The rows of two samples, and of the batch that comes later.
_BATCHES = (16, 17, 5)
_MANY_THREADS = 3
_MOST_ELEMENTS = 20_000

# Native functions are right within a few units in the last place, and sums within as
# many as there are in the largest of their numbers.
_TOLERANCE = {np.dtype(np.float32): 4e-6, np.dtype(np.float64): 1e-13}


@dataclass(frozen=True)
class _Case:
    operation: Operation
    inputs: Arrays
    # Whether denormal numbers come in, which count as zeros.
    flushed: bool = False


def check_compiled(operation: type[Operation], rng: Rng, special: "Special") -> None:
    """Compare machine code with `forward`, on one thread and on several.

    On the samples of the operation and on shapes around the width of vectors, in
    float32 and float64; at special numbers, denormals counting as zeros; and compiled
    for two numbers of rows at once and run with a third.

    Raises `CheckError`, naming the operation, the sample and the numbers that differ.
    """
    cases = [
        variant
        for case in _cases(operation, rng)
        for variant in _in_both_precisions(case)
    ]
    if issubclass(operation, Elementwise) and REAL in operation.kinds:
        cases += _extreme_cases(operation, rng, special)
    _check_together(cases)
    for sample, inputs in _one_of_each_kind(operation, rng):
        _check_any_rows(sample, inputs, rng)


# Of a dtype, numbers at which rules that are right elsewhere go wrong.
Special = Callable[[DType], Array]


# --- cases -----------------------------------------------------------------------


def _cases(operation: type[Operation], rng: Rng) -> Iterator[_Case]:
    for sample, inputs in operation.samples(rng):
        yield _Case(sample, inputs)
    for sample, inputs in _one_of_each_kind(operation, rng):
        own = _extents(sample, inputs)
        for extent in EXTENTS:
            # Not all of many axes, which would be too much to compute.
            changed = {name: rng.choice([extent, n]) for name, n in own.items()}
            changed |= dict.fromkeys(list(own)[-1:], extent)
            resized = _resized(sample, inputs, changed, rng)
            if resized is not None:
                yield _Case(sample, resized)


def _one_of_each_kind(
    operation: type[Operation], rng: Rng
) -> list[tuple[Operation, Arrays]]:
    """For each operation with its attributes, the sample of the highest rank."""
    best: dict[Operation, Arrays] = {}
    for sample, inputs in operation.samples(rng):
        if any(x.size == 0 for x in inputs) or not inputs:
            continue
        rank = sum(x.ndim for x in inputs)
        if sample not in best or rank > sum(x.ndim for x in best[sample]):
            best[sample] = inputs
    return list(best.items())


def _extents(operation: Operation, inputs: Arrays) -> dict[str, int]:
    """The extents of the axes that `access` only names, by their letters."""
    return {
        term.name: n
        for x, terms in zip(inputs, _terms(operation, inputs), strict=True)
        for term, n in zip(terms, x.shape, strict=False)
        if isinstance(term, Letter)
    }


def _resized(
    operation: Operation, inputs: Arrays, extents: Mapping[str, int], rng: Rng
) -> Arrays | None:
    """The inputs with other extents, elements being drawn from those that there are.

    `None` if the operation has something against these shapes.
    """
    found = []
    for x, terms in zip(inputs, _terms(operation, inputs), strict=True):
        if len(terms) != x.ndim:
            return None  # all axes in one
        shape = [
            extents[term.name] if isinstance(term, Letter) else size
            for term, size in zip(terms, x.shape, strict=True)
        ]
        if np.prod(shape) > _MOST_ELEMENTS:
            return None
        found.append(np.asarray(rng.choice(x.ravel(), size=shape)))
    try:
        operation.type(*(TensorType.of(x) for x in found))
    except (TypeError, ValueError):
        return None
    return tuple(found)


def _terms(operation: Operation, inputs: Arrays) -> Sequence[Sequence[Term]]:
    if operation.elementwise:
        names = "ijklmnop"
        return [tuple(Letter(n) for n in names[: x.ndim]) for x in inputs]
    access = parse_access(operation.access(*(TensorType.of(x) for x in inputs)))
    return access.inputs or [()] * len(inputs)


def _in_both_precisions(case: _Case) -> Iterator[_Case]:
    yield case
    narrow = tuple(
        x.astype(np.float32) if x.dtype == np.float64 else x for x in case.inputs
    )
    if any(a is not b for a, b in zip(narrow, case.inputs, strict=True)):
        try:
            case.operation.type(*(TensorType.of(x) for x in narrow))
        except TypeError:
            return
        yield _Case(case.operation, narrow)


def _extreme_cases(
    operation: type[Elementwise], rng: Rng, special: Special
) -> Iterator[_Case]:
    """All combinations of special numbers."""
    for instance in operation.instances():
        _, first = next(operation.samples(rng))
        for case in _in_both_precisions(_Case(instance, first)):
            if len(case.inputs) > 2 or any(x.dtype.kind != "f" for x in case.inputs):
                continue
            grids = np.meshgrid(*(special(x.dtype) for x in case.inputs), indexing="ij")
            yield _Case(instance, tuple(grid.ravel() for grid in grids), flushed=True)


# --- comparison ------------------------------------------------------------------


def _check_together(cases: Sequence[_Case]) -> None:
    """Compile all cases as one program, which takes less time than one for each."""
    leaves = [tuple(Value(TensorType.of(x)) for x in case.inputs) for case in cases]
    outputs = [case.operation(*xs) for case, xs in zip(cases, leaves, strict=True)]
    graph = Graph(tuple(x for xs in leaves for x in xs), tuple(outputs))
    arrays = [x for case in cases for x in case.inputs]
    native = compiled(Samples((graph,)))
    found = run(native, graph, arrays)
    many = run(native, graph, arrays, threads=_MANY_THREADS)
    for case, y, other in zip(cases, found, many, strict=True):
        try:
            _check_case(case, y)
            _check_bits(y, other)
        except CheckError as error:
            where = describe(case.operation, case.inputs)
            raise CheckError(f"{where}: {error}") from error


def _check_case(case: _Case, actual: Array) -> None:
    expected = _forward(case.operation, case.inputs)
    if TensorType.of(actual) != TensorType.of(expected):
        raise CheckError(
            f"compiled gives {TensorType.of(actual)}, not {TensorType.of(expected)}"
        )
    right = _near(actual, expected) | _undefined(case, actual)
    if case.flushed:
        zeros = tuple(_flush(x) for x in case.inputs)
        right = right | _near(actual, _flush(_forward(case.operation, zeros)))
    if not right.all():
        wrong = ~right
        at = ""
        if case.operation.elementwise:
            numbers = ", ".join(repr(x[wrong][0]) for x in case.inputs)
            at = f"at ({numbers}) "
        raise CheckError(
            f"{at}compiled gives {actual[wrong][0]!r}, forward {expected[wrong][0]!r}"
        )


def _near(actual: Array, expected: Array) -> Array:
    same: Array = (actual == expected) | ((actual != actual) & (expected != expected))  # noqa: PLR0124 - that is NaN
    if actual.dtype.kind != "f":
        return same
    tolerance = _TOLERANCE[actual.dtype]
    finite = expected[np.isfinite(expected) & (np.abs(expected) < 1e3)]
    size = float(np.abs(finite).max(initial=0)) if actual.ndim else 0.0
    # A number that is flushed is smaller than the smallest that is not.
    least = float(np.finfo(actual.dtype).tiny)
    with np.errstate(all="ignore"):
        away = np.abs(actual - expected)
        near: Array = away <= tolerance * np.maximum(np.abs(expected), 0.1 * size)
        near |= away <= 2 * least
    return same | near


def _undefined(case: _Case, actual: Array) -> Array:
    """Where a number that no integer is near becomes one."""
    wild = np.zeros(actual.shape, bool)
    if actual.dtype.kind in "iu" and case.operation.elementwise:
        least, most = np.iinfo(actual.dtype).min, np.iinfo(actual.dtype).max
        for x in case.inputs:
            if x.dtype.kind == "f":
                wild |= ~((x >= least) & (x <= most))
    return wild


def _flush(x: Array) -> Array:
    """Zeros for denormal numbers."""
    if x.dtype.kind != "f":
        return x
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


def _check_bits(one: Array, many: Array) -> None:
    if one.tobytes() != many.tobytes():
        raise CheckError("one thread and several give different numbers")


def _forward(operation: Operation, inputs: Sequence[Array]) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(operation.forward(*inputs))


# --- any number of rows ----------------------------------------------------------


def _check_any_rows(operation: Operation, inputs: Arrays, rng: Rng) -> None:
    """Compile for two extents of the first axis, and run with a third one."""
    extents = _extents(operation, inputs)
    lead = dict.fromkeys(list(extents)[:1])
    if not lead:
        return
    batches = [
        _resized(operation, inputs, extents | dict.fromkeys(lead, n), rng)
        for n in _BATCHES
    ]
    given = [batch for batch in batches if batch is not None]
    if len(given) < len(_BATCHES):
        return
    graphs = [_graph(operation, batch) for batch in given]
    try:
        samples = generalise(*graphs[:2])
    except MismatchError:
        return  # an attribute goes with the size, and so the operation is another
    native = compiled(samples)
    for graph, batch in zip(graphs, given, strict=True):
        if not samples.covers(graph):
            continue
        (y,) = run(native, graph, batch, threads=2)
        try:
            _check_case(_Case(operation, batch), y)
        except CheckError as error:
            where = describe(operation, batch)
            raise CheckError(f"{where}, for any number of rows: {error}") from error


def _graph(operation: Operation, inputs: Arrays) -> Graph:
    leaves = tuple(Value(TensorType.of(x)) for x in inputs)
    return Graph(leaves, (operation(*leaves),))
