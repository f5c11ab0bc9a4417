"""Every operation, and random graphs of them, in every format."""

import re

import numpy as np
import pytest

from chainrule.export import ExportError
from chainrule.ir import Graph, Operation, TensorType, Value
from chainrule.passes import interpret, simplify
from chainrule.testing.random_graphs import GraphMaker

F32 = np.float32


def samples(name):
    """The samples of an operation in both precisions: graph, inputs, result."""
    rng = np.random.default_rng(0)
    for operation, arrays in Operation.registry[name].samples(rng):
        for dtype in (np.float64, np.float32):
            given = [_as(a, dtype) for a in arrays]
            leaves = tuple(Value(TensorType.of(a)) for a in given)
            graph = Graph(leaves, (operation(*leaves),))
            yield dtype, graph, given, interpret(graph, given)


def _as(array, dtype):
    array = np.asarray(array)
    return array.astype(dtype) if array.dtype.kind == "f" else array


OPERATIONS = sorted(Operation.registry)


@pytest.mark.parametrize("name", OPERATIONS)
def test_numpy_gives_what_the_definition_gives(name, formats, close):
    for dtype, graph, arrays, expected in samples(name):
        found = formats.numpy(formats.of_graphs([graph], [1]), arrays)
        close(found, expected, 1e-6 if dtype is F32 else 1e-13)


@pytest.mark.parametrize("name", OPERATIONS)
def test_onnx_gives_what_the_definition_gives(name, formats, close):
    if name == "random_bits":
        return  # refused: see below
    for dtype, graph, arrays, expected in samples(name):
        if not arrays:
            continue  # a constant: it is in the file as it is
        found = formats.onnx(formats.of_graphs([graph], [1]), arrays)
        close(found, expected, 1e-5 if dtype is F32 else 1e-12)


def test_onnx_refuses_random_bits(formats):
    _, graph, arrays, _ = next(samples("random_bits"))
    with pytest.raises(ExportError, match=r"random_bits.* cannot be written in ONNX"):
        formats.onnx(formats.of_graphs([graph], [1]), arrays)


def test_c_gives_what_the_definition_gives(formats, close):
    every = [s for name in OPERATIONS for s in samples(name)]
    models = [
        formats.of_graphs([graph], [1], f"m{i}")
        for i, (_, graph, _, _) in enumerate(every)
    ]
    program = formats.program(models)
    for model, (dtype, _, arrays, expected) in zip(models, every, strict=True):
        found = formats.run(program, model, arrays)
        close(found, expected, 1e-5 if dtype is F32 else 1e-12)


# --- random graphs ----------------------------------------------------------------

ROWS = (12, 13, 17, 20)


def random_graphs(seed, *batches):
    """The graphs for some numbers of rows, and how to make their inputs."""
    rng = np.random.default_rng(seed)
    maker = GraphMaker(lambda xs: xs[rng.integers(len(xs))], batches)
    maker.grow(int(rng.integers(3, 15)))
    return maker, [simplify(graph) for graph in maker.graphs()]


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("format", ["onnx", "numpy"])
def test_random_graphs_serve_any_number_of_rows(seed, format, formats, close):
    maker, graphs = random_graphs(seed, *ROWS, 5)
    arrays = maker.arrays(np.random.default_rng(seed), 4)
    expected = interpret(graphs[4], arrays)
    try:
        model = formats.of_graphs(graphs[:4], ROWS)
        found = getattr(formats, format)(model, arrays)
    except ExportError as error:
        # A size that is no polynomial, random bits, or no input that counts the rows.
        if re.search(r"cannot be written|no input has an axis", str(error)):
            return
        raise
    close(found, expected, 1e-4 if maker.dtype == np.float32 else 1e-9)


def test_random_graphs_in_c(formats, close):
    made = [random_graphs(seed, 7) for seed in range(60)]
    models = [formats.of_graphs(g, [1], f"m{i}") for i, (_, g) in enumerate(made)]
    program = formats.program(models)
    for model, (maker, (graph,)) in zip(models, made, strict=True):
        arrays = maker.arrays(np.random.default_rng(0), 0)
        found = formats.run(program, model, arrays)
        tolerance = 1e-4 if maker.dtype == np.float32 else 1e-9
        close(found, interpret(graph, arrays), tolerance)
