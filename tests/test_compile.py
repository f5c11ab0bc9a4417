"""Compiled functions give what the functions themselves give."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.ir import verify


def test_compiled_equals_eager():
    f = lambda x, w: cr.softmax(cr.tanh(x @ w), axis=-1).sum(axis=0)  # noqa: E731
    x, w = np.ones((4, 3), np.float32), np.full((3, 2), 0.5, np.float32)
    eager = f(cr.tensor(x), cr.tensor(w))
    np.testing.assert_array_equal(cr.compile(f)(x, w).numpy(), eager.numpy())


def test_it_is_traced_once_for_each_kind_of_arguments():
    calls = []

    @cr.compile
    def f(x):
        calls.append(x.shape)
        return x * 2

    for shape in [(2,), (2,), (3,), (2,)]:
        f(np.ones(shape))
    assert calls == [(2,), (3,)]


def test_states_are_read_and_assigned():
    w = cr.Parameter(np.array([1.0, 2.0]), name="w")

    @cr.compile
    def step(x):
        loss, (dw,) = cr.value_and_grad(lambda w: ((w - x) ** 2).sum(), argnums=(0,))(w)
        w.assign(w - 0.25 * dw)
        return loss

    first = step(np.zeros(2)).item()
    assert first == 5
    assert w.tolist() == [0.5, 1]
    w.assign(np.array([4.0, 4.0]))
    assert step(np.zeros(2)).item() == 32


def test_a_state_read_after_assignment_has_its_new_value():
    count = cr.State(0)

    @cr.compile
    def twice(x):
        count.assign(count + 1)
        count.assign(count * 2)
        return x * count

    assert twice(1.0).item() == 2
    assert count.item() == 2


def test_assigning_an_argument_does_not_alias_it():
    kept = cr.State(np.zeros(2))

    @cr.compile
    def keep(x):
        kept.assign(x)
        return x.sum()

    x = np.ones(2)
    keep(x)
    x[:] = 7
    assert kept.tolist() == [1, 1]


def test_structures_and_constants_pass_through():
    @cr.compile
    def f(pair, mode):
        return {"sum": pair[0] + pair[1], "mode": mode, "none": None}

    got = f((1.0, 2.0), "fast")
    assert got["sum"].item() == 3
    assert got["mode"] == "fast"
    assert got["none"] is None


def test_branching_on_a_traced_tensor_is_explained():
    @cr.compile
    def f(x):
        return x if x > 0 else -x

    with pytest.raises(RuntimeError, match=r"traced.*cr\.where"):
        f(1.0)


def test_keywords_are_refused():
    with pytest.raises(TypeError, match="positional"):
        cr.compile(lambda x: x)(x=1.0)


def test_calling_a_compiled_function_in_another():
    inner = cr.compile(lambda x: x + 1)
    outer = cr.compile(lambda x: inner(x) * 2)
    assert outer(1.0).item() == 4


def test_tensors_known_before_are_constants_of_the_graph():
    a = cr.tensor([1.0, 2.0], name="a")
    b = a * a

    @cr.compile
    def f(x):
        return x * a + b * a + cr.tensor([1.0, 1.0])

    assert f(2.0).tolist() == [4.0, 13.0]
    assert f(3.0).tolist() == [5.0, 15.0]
    graph = verify(cr.trace(f.function, 2.0).graph)
    assert len(graph.inputs) == 1
    assert str(graph).count("constant(") == 3
