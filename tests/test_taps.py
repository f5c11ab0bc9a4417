"""Values and gradients inside a function, by name."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import replay


@pytest.fixture
def net():
    return cr.nn.Sequential(
        cr.nn.Dense(3, 4, rng=0), cr.nn.Tanh(), cr.nn.Dense(4, 2, rng=1)
    )


X = np.linspace(-1, 1, 15, dtype=np.float32).reshape(5, 3)
Y = np.ones((5, 2), np.float32)


def ways(f):
    """A function run eagerly, compiled, and replayed."""
    return [f, cr.compile(f), lambda *args: replay(f, *args)]


def test_a_tap_changes_nothing():
    x = cr.tensor([1.0, 2.0], name="x")
    assert cr.tap(x, "here") is x
    marked = cr.trace(lambda x: cr.tap(cr.tanh(x), "y") * 2, x).graph
    assert str(marked) == str(cr.trace(lambda x: cr.tanh(x) * 2, x).graph)


def test_marks_are_seen():
    def f(x):
        return (cr.tap(cr.tanh(x), "h") ** 2).sum()

    x = np.array([0.5, -1.0])
    for run in ways(cr.tapped(f, ["h", "h.grad"])):
        y, seen = run(x)
        assert list(seen) == ["h", "h.grad"]
        np.testing.assert_allclose(seen["h"].numpy(), np.tanh(x))
        np.testing.assert_allclose(seen["h.grad"].numpy(), 2 * np.tanh(x))
        np.testing.assert_allclose(y.item(), (np.tanh(x) ** 2).sum())


def test_layers_are_seen_by_their_path(net):
    deep = cr.nn.Sequential(net, cr.nn.ReLU())
    for run in ways(cr.tapped(deep, ["0", "0.0", "0.1", "1"])):
        _, seen = run(X)
        hidden = X @ net[0].W.data + net[0].b.data
        np.testing.assert_allclose(seen["0.0"].numpy(), hidden, rtol=1e-5)
        np.testing.assert_allclose(seen["0.1"].numpy(), np.tanh(hidden), rtol=1e-5)
        np.testing.assert_allclose(seen["0"].numpy(), net(X).numpy(), rtol=1e-5)
        np.testing.assert_array_equal(seen["1"].numpy(), seen["0"].numpy().clip(0))


def test_without_names_all_marks_and_layers_are_seen(net):
    _, seen = cr.tapped(lambda x: cr.tap(net(x), "logits"))(X)
    assert list(seen) == ["0", "1", "2", "logits"]


def squared(net):
    def step(x, y):
        loss, dws = cr.value_and_grad(lambda net: cr.losses.squared_error(net(x), y))(
            net
        )
        for name, w in net.parameters().items():
            w.assign(w - 0.1 * dws[name])
        return loss, dws

    return step


def test_a_training_step_is_taken_and_looked_at(net):
    before = net.state_dict()
    names = ["0", "1.grad", "2.grad", "0.W", "0.W.grad"]
    step = cr.compile(cr.tapped(squared(net), names))
    (_, dws), seen = step(X, Y)
    np.testing.assert_array_equal(seen["0.W"].numpy(), before["0.W"])
    np.testing.assert_array_equal(seen["0.W.grad"].numpy(), dws["0.W"].numpy())
    h = np.tanh(X @ before["0.W"] + before["0.b"])
    logits = h @ before["2.W"] + before["2.b"]
    dlogits = 2 * (logits - Y) / logits.size
    np.testing.assert_allclose(seen["2.grad"].numpy(), dlogits, rtol=1e-4)
    dh = dlogits @ before["2.W"].T
    np.testing.assert_allclose(seen["1.grad"].numpy(), dh, rtol=1e-4)
    taken = before["0.W"] - np.float32(0.1) * dws["0.W"].numpy()
    np.testing.assert_allclose(net[0].W.data, taken, rtol=1e-6)


def test_a_replay_assigns_nothing(net):
    before = net.state_dict()
    replay(squared(net), X, Y)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_states_of_a_step_are_seen(net):
    optimizer = cr.optim.Adam(0.1)
    optimizer.initialize(net)

    def step(x, y, scalars):
        loss, dws = cr.value_and_grad(lambda net: cr.losses.squared_error(net(x), y))(
            net
        )
        optimizer.update(dws, scalars)
        return loss

    look = cr.compile(cr.tapped(step, ["0.W.mean"]))
    for expected in (True, False):
        _, seen = look(X, Y, optimizer.scalars(0))
        assert (seen["0.W.mean"].numpy() == 0).all() == expected


def test_one_name_for_several_values():
    def f(x):
        for _ in range(3):
            x = cr.tap(x * 2, "x")
        return x.sum()

    _, seen = cr.tapped(f, ["x", "x#2", "x#3", "x#2.grad"])(cr.tensor([1.0]))
    assert [x.item() for x in seen.values()] == [2, 4, 8, 2]


def test_the_gradient_is_that_of_the_outermost_loss():
    def f(x):
        def inner(x):
            return (cr.tap(x * x, "square") * x).sum()

        return (cr.grad(inner)(x) ** 2).sum()  # (3x^2)^2 = 9 x^4

    for run in ways(cr.tapped(cr.grad(f), ["square", "square.grad"])):
        dx, seen = run(np.array([2.0]))
        assert dx.item() == 36 * 8
        assert seen["square"].item() == 4
        # dL/dx passes through the square once more, in the gradient.
        assert seen["square.grad"].shape == (1,)


def test_a_named_tensor_is_seen():
    x = cr.tensor([3.0], name="x")
    _, seen = cr.tapped(lambda x: (x * x).sum(), ["x", "x.grad"])(x)
    assert (seen["x"].item(), seen["x.grad"].item()) == (3, 6)


def test_a_value_that_the_loss_does_not_stand_on():
    def f(x):
        cr.tap(x * 5, "aside")
        return (x * x).sum()

    for run in ways(cr.tapped(f, ["aside", "aside.grad"])):
        _, seen = run(cr.tensor([3.0]))
        assert (seen["aside"].item(), seen["aside.grad"].item()) == (15, 0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["hiden"], "nothing called 'hiden' in f; there are x, h, count"),
        (["hiden.grad"], "nothing called 'hiden.grad' in f; there are x, h, count"),
        (["h.grad"], "no gradient 'h.grad' in f: it has no loss: use cr.value_and"),
        (["count.grad"], r"'count.grad' in f: i64\[\] holds no real numbers"),
    ],
)
def test_what_is_not_there(names, message):
    def f(x):
        cr.tap(x * 2, "h")
        cr.tap(cr.tensor(1), "count")
        return x

    with pytest.raises(ValueError, match=message):
        cr.tapped(f, names)(cr.tensor([1.0, 2.0], name="x"))


def test_names_are_a_list():
    with pytest.raises(TypeError, match=r"has to be a list of names: \['h'\]"):
        cr.tapped(lambda x: x, "h")


def test_marks_of_another_graph_are_not_seen(net):
    def f(x):
        net.summary(x)
        return net(x)

    _, seen = cr.tapped(f)(X)
    assert list(seen) == ["0", "1", "2"]


def test_compiled_functions_inside_are_looked_into():
    inner = cr.compile(lambda x: cr.tap(x * 2, "twice") + 1)
    inner(1.0)
    for run in ways(cr.tapped(lambda x: inner(x) * 3, ["twice"])):
        y, seen = run(cr.tensor(1.0))
        assert (y.item(), seen["twice"].item()) == (9, 2)
