"""Compiled functions give what the functions themselves give."""

import linecache
import math
import threading

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


def test_a_call_of_a_kind_that_was_there_is_made_ready_once():
    f = cr.compile(lambda x, y: x * 2 + y)
    for a in (1.0, 2.0, 3.0):
        assert f(np.full(3, a), np.float32(a)).tolist() == [3 * a] * 3
    (ready,) = (each for known in f._traced.values() for each in known)
    f(np.ones(3), np.ones((), np.float32))
    f(cr.tensor(np.ones(3)), 1.0)
    assert [each for known in f._traced.values() for each in known] == [ready]


@pytest.mark.parametrize(
    "spoilt",
    [
        np.ones((3, 4)),  # another shape, which does not fit
        np.ones(3),  # another rank
        np.ones((4, 3), np.float32),  # another dtype
        np.ones((4, 3), complex),
        np.full((4, 3), "a"),
        np.full((4, 3), None),
        None,
        "text",
    ],
)
def test_what_a_call_is_given_is_looked_at_every_time(spoilt):
    def product(x, w):
        return (x @ w).sum()

    f = cr.compile(product)
    x, w = np.ones((4, 3)), np.ones((3, 2))
    for _ in range(3):
        assert f(x, w).item() == 24
    try:
        expected = product(cr.tensor(spoilt), cr.tensor(w))
    except (TypeError, ValueError, AttributeError):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            f(spoilt, w)
    else:
        assert f(spoilt, w).item() == expected.item()
        assert f(spoilt, w).dtype == expected.dtype
    assert f(x, w).item() == 24


def test_an_index_that_is_outside_is_found_in_every_call():
    f = cr.compile(lambda x, i: x[i])
    x = np.arange(4.0)
    for i in (1, 3, 0):
        assert f(x, np.array([i])).tolist() == [i]
    for _ in range(2):
        with pytest.raises(IndexError, match="4"):
            f(x, np.array([4]))
    assert f(x, np.array([2])).tolist() == [2]


@pytest.mark.parametrize("order", ["C", "F", "every other", "read-only", "backwards"])
def test_arrays_that_lie_otherwise_give_the_same(order):
    f = cr.compile(lambda x: x * 2)
    x = np.arange(12.0).reshape(4, 3)
    f(x)
    lies = {
        "C": x.copy(),
        "F": np.asfortranarray(x),
        "every other": np.repeat(x, 2, axis=1)[:, ::2],
        "read-only": cr.tensor(x).numpy(),
        "backwards": x[::-1].copy()[::-1],
    }
    assert f(lies[order]).tolist() == (2 * x).tolist()


def test_arrays_without_elements_have_results():
    f = cr.compile(lambda x: (x * 2, x.sum()))
    for _ in range(2):
        doubled, total = f(np.ones((0, 3)))
        assert (doubled.shape, total.item()) == ((0, 3), 0)


def test_results_belong_to_the_caller():
    f = cr.compile(lambda x: (x, x + 0))
    x = np.ones(3)
    kept = [*f(x), *f(x + 1)]
    x[:] = 7
    f(x)
    assert [y.tolist() for y in kept] == [[1] * 3, [1] * 3, [2] * 3, [2] * 3]
    assert not any(y.numpy().flags.writeable for y in kept)


@pytest.mark.parametrize("rows", [40, 120])  # the latter is worth several threads
def test_threads_that_call_at_the_same_time_get_their_own_results(rows):
    f = cr.compile(lambda x, w: cr.tanh(cr.tanh(x @ w) @ w).sum(axis=1))
    rng = np.random.default_rng(0)
    w = rng.normal(size=(rows, rows))
    xs = [rng.normal(size=(rows, rows)) for _ in range(4)]
    alone = [f(x, w).numpy() for x in xs]
    start = threading.Barrier(len(xs))
    wrong = []

    def call(number):
        start.wait()
        got = (f(xs[number], w).numpy() for _ in range(100))
        wrong.extend(number for y in got if not np.array_equal(y, alone[number]))

    callers = [threading.Thread(target=call, args=(i,)) for i in range(len(xs))]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


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


def branch(x):
    return x if x > 0 else -x


def repeat(x):
    while x.sum() < 10:
        x = x * 2
    return x


@pytest.mark.parametrize(
    ("f", "x", "asked"),
    [
        (branch, 1.0, "`if`, .* asks for the truth of a tensor, bool.* made by less"),
        (repeat, 1.0, "`while`, .* asks for the truth of"),
        (lambda x: max(x, 2.0), 1.0, "the truth of"),
        (
            lambda x: x * float(x),
            1.0,
            r"float\(\) asks for the number in a tensor",
        ),
        (lambda x: x * math.sqrt(x), 1.0, r"float\(\) asks"),
        (lambda x: x * int(x), 1.0, r"int\(\) asks"),
        (lambda n: [n for _ in range(n)], 3, r"range\(\), .* asks for the integer in"),
        (lambda i: ["a", "b"][i], 1, "an index of a list .* asks"),
        (lambda x: np.asarray(x) * 2, [1.0], "NumPy asks for the numbers of"),
        (lambda x: np.array([x, x]), 1.0, "NumPy asks"),
        (lambda x: x * x.item(), 1.0, r"item\(\) asks"),
        (lambda x: x.tolist(), [1.0], r"tolist\(\) asks"),
        (lambda x: x.numpy() * 2, [1.0], r"numpy\(\) asks"),
        (lambda x: x.data * 2, [1.0], "one asks for the numbers"),
        (lambda x: f"{x:.2f}", 1.0, "a format asks"),
    ],
)
def test_what_depends_on_numbers_cannot_be_traced(f, x, asked):
    line = f.__code__.co_firstlineno + (f in (branch, repeat))
    with pytest.raises(cr.TracingError, match=asked) as caught:
        cr.compile(f)(x)
    message = str(caught.value)
    assert message.startswith(f"{__file__}:{line}: ")
    assert linecache.getline(__file__, line).strip() in message
    assert "cr.where" in message
    assert "eager" in message


def test_the_layer_that_cannot_be_traced_is_named():
    class Gate(cr.nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    net = cr.nn.Sequential(cr.nn.Dense(2, 1), Gate())
    with pytest.raises(cr.TracingError, match=r":\d+, layer '1': `if`"):
        cr.predict(net, np.ones((3, 2), np.float32))


def test_the_numbers_of_a_state_are_not_frozen_into_the_graph():
    w = cr.Parameter(2.0, name="w")
    for f in (lambda x: x * float(w), lambda x: x * w.data, lambda x: x * w.item()):
        with pytest.raises(cr.TracingError, match="'w', f32"):
            cr.compile(f)(1.0)


def test_a_tensor_that_left_its_trace():
    kept = []

    @cr.compile
    def f(x):
        kept.append(x * 2)
        return x

    f(1.0)
    with pytest.raises(cr.TracingError, match="comes out of a function that was"):
        float(kept[0])


def test_traced_tensors_can_be_shown():
    seen = []
    w = cr.Parameter(2.0, name="w")

    @cr.compile
    def f(x):
        seen.append(f"{x} {w}")
        return x * w

    f([1.0])
    assert seen == ["<traced tensor f32[1]> <traced parameter f32[] 'w'>"]


def test_what_is_known_while_tracing_can_be_asked():
    known = cr.tensor(2.0)

    @cr.compile
    def f(x):
        return x * int(known) + (1 if known > 1 else 0)

    assert f(3.0).item() == 7


def test_many_tensors_are_joined():
    xs = [cr.tensor(np.full((3, 1 + i % 3), i, np.float32)) for i in range(60)]
    joined = cr.compile(lambda *xs: cr.concatenate(xs, axis=1) + 1)(*xs)
    expected = np.concatenate([x.numpy() for x in xs], axis=1) + 1
    assert np.array_equal(joined.numpy(), expected)


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
