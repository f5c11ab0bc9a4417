"""What becomes of a function, stage by stage, in words."""

import subprocess
import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir import Graph, Operation, TensorType, Value, parse_graph, verify
from chainrule.stages import Stages

COMPILED = ["fuse", "partition", "memory", "lower", "emit"]


@pytest.fixture
def training():
    """A training step of two layers, and its arguments."""
    net = cr.nn.Sequential(
        cr.nn.Dense(3, 4, rng=0), cr.nn.Tanh(), cr.nn.Dense(4, 1, rng=1)
    )

    def step(x, y):
        loss, dws = cr.value_and_grad(lambda net: cr.losses.squared_error(net(x), y))(
            net
        )
        for name, w in net.parameters().items():
            w.assign(w - 0.1 * dws[name])
        return loss

    return step, np.ones((5, 3), np.float32), np.ones((5, 1), np.float32)


@pytest.fixture
def stages(training):
    return cr.stages(*training, target="x86-64-v3")


def test_graphs_print_and_parse():
    stages = cr.stages(lambda x: (x * x + 0).sum(), np.ones(3))
    assert list(stages.graphs) == ["trace", "differentiate", "simplify"]
    for stage, graph in stages.graphs.items():
        assert stages[stage] is graph
        verify(graph)
        assert str(parse_graph(str(graph))) == str(graph)
        assert f"# {stage}: " in str(stages)
    assert len(stages["simplify"].order) < len(stages["differentiate"].order)


def test_a_training_step_has_its_gradients_in_its_trace(stages):
    assert list(stages) == ["trace", "simplify", *COMPILED]
    assert repr(stages).startswith("<Stages trace, simplify, fuse")
    assert len(stages["simplify"].assignments) == 4


def test_all_stages_are_printed_in_order(stages):
    text = str(stages)
    heads = [line for line in text.splitlines() if line.startswith("# ")]
    assert [head.split()[1].rstrip(":") for head in heads] == list(stages)
    for stage in COMPILED:
        assert str(stages[stage]) in text


def test_a_stage_that_is_none(stages):
    with pytest.raises(KeyError, match="'fused'; there are trace, simplify, fuse"):
        stages["fused"]


def lines_of(text, head):
    """The lines of the group whose first line contains `head`."""
    (group,) = [g for g in str(text).split("\n\n") if head in g]
    return [line.split("  #")[0].strip() for line in group.splitlines()]


def test_groups_say_what_they_compute(stages):
    assert "n is 5 here" in str(stages["fuse"])
    assert lines_of(stages["fuse"], "n × 4, over 3") == [
        "matrix product n × 4, over 3 -> %9: f32[n,4]",
        "%6 = matmul(%0, 0.W)",
        "%8 = add(%6, broadcast(0.b))",
        "%9 = tanh(%8)",
    ]
    assert "layer 0, layer 1, test_stages.py:" in str(stages["fuse"])


def test_what_is_computed_once_more_is_said(stages):
    again = [x for x in str(stages["fuse"]).splitlines() if "once more" in x]
    assert again
    for line in again:
        assert line.split("  #")[0] not in str(stages["fuse"]).replace(line, "")


def test_every_operation_that_is_run_is_in_some_group(stages):
    """Numbers and moves are in formulas; everything else has a line."""
    graph = stages["simplify"]
    moved = ("broadcast", "transpose", "constant", "reshape")
    for number, value in enumerate(graph.order):
        if value.operation is not None and value.operation.name not in moved:
            assert f"\n  %{number} = {value.operation.name}(" in str(stages["fuse"])


def test_states_are_overwritten(stages):
    for name in ("0.W", "0.b", "2.W", "2.b"):
        assert f"\n{name} is overwritten by %" in str(stages["partition"])


def test_a_state_that_is_read_after_its_update_is_a_copy():
    kept = cr.State(np.zeros(3), name="kept")

    def swap(x):
        kept.assign(x + 1)
        return x + 1

    assert "a copy of %" in str(cr.stages(swap, np.ones(3))["partition"])


def test_threads_share_what_is_large_and_wait_for_one_another():
    x = np.ones((256, 256), np.float32)
    text = str(cr.stages(lambda a: cr.softmax((a @ a).T @ a), x)["partition"])
    assert "tiles of " in text
    assert "phase 1" in text


def test_memory_is_planned(stages):
    text = str(stages["memory"])
    assert text.startswith("peak ")
    peak, bound = (
        int(word.strip(";").replace(",", ""))
        for word in text.splitlines()[0].split()
        if word[0].isdigit()
    )
    assert peak == stages["memory"].plan.peak >= bound > 0
    assert text.count("%9: f32[n,4]") == 1
    rooms = stages._compiled._lowered.layout.rooms
    assert len(stages["memory"].buffers) == len(rooms)


def test_nests_name_what_they_load(stages):
    text = str(stages["lower"])
    assert "# 0.W" in text
    assert "# n\n" in text
    assert "for %" in text
    assert "dtype(" not in text


def test_llvm_and_assembly_are_for_the_target(training):
    stages = cr.stages(*training, target="x86-64-v3")
    assert "<8 x float>" in str(stages["emit"])
    assert "vfmadd" in str(stages["assembly"])
    assert "fmla" in str(cr.stages(*training, target="aarch64")["assembly"])
    with pytest.raises(RuntimeError, match="no target called 'z80'"):
        cr.stages(*training, target="z80")


def test_sizes_that_cannot_vary_are_numbers():
    def fixed(x):
        return x.reshape(2, 3) * 2

    assert "f32[2,3]" in str(cr.stages(fixed, np.ones(6, np.float32))["fuse"])


def test_sizes_and_numbers_that_depend_on_the_rows_are_formulas():
    def attention(x):
        return cr.softmax(x @ x.T, axis=1).mean() + cr.concatenate([x, x[:1]]).sum()

    text = str(cr.stages(attention, np.ones((7, 2), np.float32))["fuse"])
    assert "n × n" in text
    assert "1/n²" in text or "n²" in text


def test_nothing_but_assembly_needs_llvm():
    program = """
import sys
import chainrule as cr
stages = cr.stages(lambda x: (x * x).sum(), [1.0, 2.0])
assert not any(name.startswith("chainrule.native") for name in sys.modules)
str(stages)
assert "llvmlite" not in sys.modules
stages["assembly"]
assert "llvmlite" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - ours


def test_an_empty_function_has_nothing_to_run():
    text = str(cr.stages(lambda: "text"))
    assert "0 operations in 0 groups" in text


def one_of_each():
    rng = np.random.default_rng(0)
    for name, operation in sorted(Operation.registry.items()):
        if operation.__module__.startswith("chainrule.ops."):
            yield pytest.param(*next(operation.samples(rng)), id=name)


@pytest.mark.parametrize(("operation", "arrays"), list(one_of_each()))
def test_every_operation_can_be_shown(operation, arrays):
    inputs = tuple(Value(TensorType.of(np.asarray(x))) for x in arrays)
    stages = Stages({"simplify": Graph(inputs, (operation(*inputs),))})
    assert f"{operation.name}(" in str(stages["simplify"])
    groups = stages["fuse"].groups
    assert str(stages["lower"]).count("\n-> ") == len(groups)
    assert str(stages["partition"]).count("\n  -> ") == len(groups)
    assert str(stages["memory"]).startswith("peak ")
