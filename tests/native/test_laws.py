"""Laws that machine code keeps, on graphs of all kinds of operations made up at random.

What is compiled is what is interpreted, for the sizes it was compiled for and for
others; it has the same bits on every number of threads; and between two barriers it
does not matter in which order threads run.
"""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.ir import Graph, TensorType, Value
from chainrule.native import blocking, product
from chainrule.native.blocking import Blocking
from chainrule.native.frame import Frame
from chainrule.native.runtime import PROGRAM
from chainrule.native.target import host, named
from chainrule.ops import (
    add,
    broadcast,
    full_like,
    matmul,
    multiply,
    relu,
    sum_,
    tanh,
    transpose,
)
from chainrule.passes import differentiate, interpret, simplify
from chainrule.passes.generalise import MismatchError, Samples, generalise
from chainrule.testing.compiled import assembled, compiled, lowered, run
from chainrule.testing.random_graphs import GraphMaker

THREADS = [2, 3, 4, 7]

FEW = settings(max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)


def gradients(graph):
    return simplify(differentiate(graph))


def second_order(graph):
    """The gradients of a number made of all gradients."""
    first = differentiate(graph)
    total = first.outputs[0]
    for y in first.outputs[1:]:
        if y.type.dtype == total.type.dtype:
            total = add(total, sum_(tanh(y), tuple(range(y.type.rank))))
    return gradients(Graph(first.inputs, (total,)))


def made(data, steps, batches=(16, 17, 5), derive=None):
    """Graphs for some numbers of rows, arrays for each, and what is expected."""
    make = GraphMaker(lambda choices: data.draw(st.sampled_from(choices)), batches)
    make.grow(data.draw(st.integers(1, steps)))
    if derive is None:
        graphs = [simplify(graph) for graph in make.graphs()]
    else:
        graphs = [derive(graph) for graph in make.losses()]
    rng = np.random.default_rng(data.draw(SEEDS))
    arrays = [make.arrays(rng, i) for i in range(len(batches))]
    return graphs, arrays


def close(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b)
            continue
        tolerance = 1e-8 if a.dtype == np.float64 else 3e-4
        size = np.abs(b[np.isfinite(b)]).max(initial=1)
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * size)


def narrow(graph):
    """Whether something is rounded to float32 on the way."""
    return any(v.type.dtype == np.float32 for v in graph.order)


def check(graphs, arrays):
    expected = [interpret(g, a) for g, a in zip(graphs, arrays, strict=True)]
    if narrow(graphs[0]):
        expected = [
            [y.astype(np.float32) if y.dtype == np.float64 else y for y in ys]
            for ys in expected
        ]

    def same(actual, i):
        if narrow(graphs[0]):
            actual = [
                y.astype(np.float32) if y.dtype == np.float64 else y for y in actual
            ]
        close(actual, expected[i])

    fixed = compiled(Samples((graphs[0],)))
    same(run(fixed, graphs[0], arrays[0]), 0)
    try:
        samples = generalise(*graphs[:2])
    except MismatchError:
        return
    anyhow = compiled(samples)
    for i, graph in enumerate(graphs):
        if samples.covers(graph):
            found = run(anyhow, graph, arrays[i])
            same(found, i)
            for threads in THREADS[:2]:
                alike(run(anyhow, graph, arrays[i], threads=threads), found)


def alike(actual, expected):
    for a, b in zip(actual, expected, strict=True):
        assert a.tobytes() == b.tobytes()


@FEW
@given(st.data())
def test_compiled_is_what_is_interpreted(data):
    check(*made(data, 12))


@FEW
@given(st.data())
def test_compiled_is_what_is_interpreted_for_many_rows(data):
    check(*made(data, 6, batches=(64, 65, 1)))


@FEW
@given(st.data())
def test_gradients(data):
    check(*made(data, 6, derive=gradients))


@settings(max_examples=10)
@given(st.data())
def test_gradients_of_gradients(data):
    check(*made(data, 4, derive=second_order))


# --- states ------------------------------------------------------------------------


def with_states(data, graphs, make):
    """The graphs with some of their inputs assigned values of the same type."""
    chosen = {}
    for x in make.inputs:
        alike = [y for y in make.values if (y.shapes, y.dtype) == (x.shapes, x.dtype)]
        if alike and data.draw(st.booleans()):
            chosen[x] = data.draw(st.sampled_from([*alike, *alike[-3:]]))
    return [
        simplify(
            Graph(
                graph.inputs,
                graph.outputs,
                tuple((x.each[i], y.each[i]) for x, y in chosen.items()),
            )
        )
        for i, graph in enumerate(graphs)
    ]


@settings(max_examples=50)
@given(st.data())
def test_states_are_assigned_all_at_once(data):
    make = GraphMaker(lambda choices: data.draw(st.sampled_from(choices)))
    make.grow(data.draw(st.integers(1, 8)))
    graphs = with_states(data, make.graphs(), make)
    rng = np.random.default_rng(data.draw(SEEDS))
    check(graphs, [make.arrays(rng, i) for i in range(len(graphs))])


# --- threads -----------------------------------------------------------------------


@FEW
@given(st.data())
def test_any_number_of_threads_gives_the_same_bits(data):
    graphs, arrays = made(
        data, 10, derive=data.draw(st.sampled_from([None, gradients]))
    )
    native = compiled(Samples((graphs[0],)))
    alone = run(native, graphs[0], arrays[0])
    for threads in THREADS:
        alike(run(native, graphs[0], arrays[0], threads=threads), alone)


def network():
    """Two layers, their gradients and updates: phases of all kinds."""
    f32 = np.dtype(np.float32)
    X, W, V, b = (
        Value(TensorType(shape, f32)) for shape in ((65, 33), (33, 40), (40, 7), (40,))
    )
    hidden = relu(add(matmul(X, W), broadcast(b, (65, 40), (0,))))
    loss = sum_(tanh(matmul(hidden, V)), (0, 1))
    back = differentiate(Graph((X, W, V, b), (loss,)))
    steps = []
    for w, dw in zip(back.inputs[1:], back.outputs[2:], strict=True):
        steps.append((w, add(w, multiply(dw, full_like(dw, -0.125)))))
    return simplify(Graph(back.inputs, back.outputs[:2], tuple(steps)))


def arrays_for(graph, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=x.shape).astype(x.type.dtype) for x in graph.inputs]


def in_turn(found, order):
    """The program in which the first thread does the parts of all, as `order` says.

    Between two barriers the parts of the threads come one after the other.
    """
    lines, number = [], 0
    for groups in found.program.phases:
        for thread in order:
            for i, group in enumerate(groups):
                if thread == 0 or found.program.shares[group] is not None:
                    call, name = found.calls[number + i], f"%table{len(lines)}"
                    word = PROGRAM + call.table
                    at = f"getelementptr i64, ptr %context, i64 {word}"
                    rest = f"i64 {thread}, i64 0, ptr %frames, ptr {name}"
                    lines.append(f"  {name} = {at}")
                    nest = call.function.name
                    lines.append(f"  call void @{nest}(ptr %context, {rest})")
        number += len(groups)
    nests = found.text[: found.text.index("define void @run(")]
    # The support of all programs comes last, and ends the function that runs them.
    after = found.text[found.text.index("define void @run(") :].split("\n}\n", 1)[1]
    at = PROGRAM + Frame.FRAMES
    run_text = f"""
define void @run(ptr %context, i64 %thread) nounwind {{
  %former = call i64 @enter()
  %frames.at = getelementptr i64, ptr %context, i64 {at}
  %frames = load ptr, ptr %frames.at
  %first = icmp eq i64 %thread, 0
  br i1 %first, label %all, label %done
all:
{chr(10).join(lines)}
  br label %done
done:
  call void @leave(i64 %former)
  ret void
}}
"""
    after = after if "!0 = " in after else '!0 = !{!"branch_weights", i32 1}\n' + after
    return replace(found, text=nests + run_text + after)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_parts_of_a_phase_may_run_in_any_order(order):
    graph = network()
    samples = Samples((graph,))
    arrays = arrays_for(graph)
    expected = run(compiled(samples), graph, arrays)
    native = assembled(in_turn(lowered(samples), order), samples)
    alike(run(native, graph, arrays, threads=len(order)), expected)


def test_barriers_are_needed():
    """Without them the order of the threads' parts would show."""
    graph = network()
    samples = Samples((graph,))
    arrays = arrays_for(graph)
    expected = run(compiled(samples), graph, arrays)
    found = lowered(samples)
    groups = [group for phase in found.program.phases for group in phase]
    hasty = replace(found, program=replace(found.program, phases=[groups]))
    native = assembled(in_turn(hasty, (2, 1, 0)), samples)
    results = run(native, graph, arrays, threads=3)
    same = [a.tobytes() == b.tobytes() for a, b in zip(results, expected, strict=True)]
    assert not all(same)


@FEW
@given(st.data())
def test_parts_of_a_phase_may_run_in_any_order_whatever_they_do(data):
    derive = data.draw(st.sampled_from([None, gradients]))
    graphs, arrays = made(data, 8, derive=derive)
    samples = Samples((graphs[0],))
    expected = run(compiled(samples), graphs[0], arrays[0])
    order = data.draw(st.permutations(range(3)))
    native = assembled(in_turn(lowered(samples), order), samples)
    alike(run(native, graphs[0], arrays[0], threads=3), expected)


# --- blocks ------------------------------------------------------------------------


def blockings(lanes):
    """Ways to cut a product that all have to give the same numbers."""
    for rows, vectors in ((1, 1), (3, 2), (8, 1), (14, 2), (5, 4)):
        for left in ("direct", "rows", "columns"):
            for packs in (False, True):
                by_columns = packs and rows == 3
                step = vectors * lanes
                yield rows, vectors, by_columns, packs, left, step * (1 + rows % 2)


@pytest.mark.parametrize("shape", [(17, 65, 33), (64, 16, 16), (1, 15, 100)])
def test_blocks_change_no_bits(monkeypatch, shape):
    rows, inner, columns = shape
    f32 = np.dtype(np.float32)
    A = Value(TensorType((rows, inner), f32))
    B = Value(TensorType((inner, columns), f32))
    b = Value(TensorType((columns,), f32))
    y = relu(add(matmul(A, B), broadcast(b, (rows, columns), (0,))))
    graph = Graph((A, B, b), (y, matmul(transpose(A, (1, 0)), y)))
    samples, arrays = Samples((graph,)), arrays_for(graph)
    expected = run(compiled(samples), graph, arrays)
    fields = Blocking.__dataclass_fields__
    for choice in blockings(host().lanes(f32)):
        forced = dict(zip(fields, choice, strict=False))
        chosen = blocking.choose

        def choose(fused, group, target, forced=forced, chosen=chosen):
            own = chosen(fused, group, target)
            few = {**forced, "rows": min(forced["rows"], group.sizes[0][0])}
            if own.packs_right:
                few["packs_right"] = True
            if own.left != "direct" and forced["left"] == "direct":
                few["left"] = own.left
            return replace(own, **few)

        with monkeypatch.context() as patch:
            patch.setattr(blocking, "choose", choose)
            patch.setattr(product, "choose", choose)
            native = compiled(samples)
        for threads in (1, 3):
            alike(run(native, graph, arrays, threads=threads), expected)


def test_packed_columns_of_stacks_have_room(monkeypatch):
    """More columns than are packed together, in a stack and for any number of them."""
    monkeypatch.setattr(blocking, "_PACKED", 1e-6)
    graphs = []
    for n in (16, 40, 90):
        a, b = (Value(TensorType((2, n, 9), np.dtype(np.float32))) for _ in range(2))
        graphs.append(Graph((a, b), (matmul(a, transpose(b, (0, 2, 1))),)))
    native = compiled(generalise(*graphs[:2]))
    for graph in graphs:
        arrays = arrays_for(graph)
        found = run(native, graph, arrays, threads=2)
        close(found, interpret(graph, arrays))


# --- the text ----------------------------------------------------------------------


def test_the_same_graph_gives_the_same_text():
    assert lowered(Samples((network(),))).text == lowered(Samples((network(),))).text


_DIGEST = """
import hashlib
import numpy as np
from chainrule.testing.compiled import lowered
from chainrule.testing.random_graphs import GraphMaker
from chainrule.passes.generalise import Samples
texts = []
for seed in range(12):
    rng = np.random.default_rng(seed)
    make = GraphMaker(lambda xs: xs[rng.integers(len(xs))])
    make.grow(8)
    texts.append(lowered(Samples(make.graphs()[:1])).text)
print(hashlib.sha256("".join(texts).encode()).hexdigest())
"""


def test_the_text_does_not_depend_on_how_a_process_hashes():
    digests = {
        subprocess.run(  # noqa: S603 - this Python, with a text of ours
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(digests) == 1


# --- the state of the processor ----------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_denormals_count_as_zero_in_programs_and_nowhere_else(threads):
    tiny = np.float32(np.finfo(np.float32).tiny)
    x = Value(TensorType((4096,), np.dtype(np.float32)))
    graph = Graph((x,), (multiply(x, full_like(x, 0.5)),))
    native = compiled(Samples((graph,)))
    (y,) = run(native, graph, [np.full(4096, tiny)], threads=threads)
    assert not y.any()
    assert np.all(np.full(64, tiny) * np.float32(0.5) > 0)


# --- other processors --------------------------------------------------------------


@pytest.mark.skipif(host().architecture != "x86_64", reason="they run on x86-64 only")
@pytest.mark.parametrize("name", ["x86-64-v3", "x86-64"])
@pytest.mark.parametrize("seed", range(6))
def test_processors_with_narrow_vectors(name, seed):
    rng = np.random.default_rng(seed)
    make = GraphMaker(lambda choices: choices[rng.integers(len(choices))])
    make.grow(8)
    graph = simplify(make.graphs()[0]) if seed % 2 else gradients(make.losses()[0])
    arrays = make.arrays(rng, 0)
    native = compiled(Samples((graph,)), named(name))
    alone = run(native, graph, arrays)
    close(alone, interpret(graph, arrays))
    alike(run(native, graph, arrays, threads=3), alone)


@pytest.mark.skipif(host().architecture != "x86_64", reason="they run on x86-64 only")
@pytest.mark.parametrize("name", ["x86-64-v3", "x86-64"])
def test_a_network_on_processors_with_narrow_vectors(name):
    graph = network()
    arrays = arrays_for(graph)
    found = run(compiled(Samples((graph,)), named(name)), graph, arrays)
    close(found, interpret(graph, arrays))
