"""Every optimizer against the same formulas in plain NumPy, and in a program."""

import copy

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim

STEPS = 25


def sgd(g, W, t, state, *, lr, momentum=0.0, nesterov=False):
    del t
    v = momentum * state.get("v", 0) + g
    state["v"] = v
    return W - lr * (g + momentum * v if nesterov else v)


def adam(g, W, t, state, *, lr, betas=(0.9, 0.999), eps=1e-8, amsgrad=False):
    state["m"] = betas[0] * state.get("m", 0) + (1 - betas[0]) * g
    state["v"] = betas[1] * state.get("v", 0) + (1 - betas[1]) * g**2
    used = state["v"]
    if amsgrad:
        used = state["top"] = np.maximum(state.get("top", 0), used)
    m = state["m"] / (1 - betas[0] ** t)
    v = used / (1 - betas[1] ** t)
    return W - lr * m / (np.sqrt(v) + eps)


def rmsprop(g, W, t, state, *, lr, beta=0.99, eps=1e-8, centered=False, momentum=0.0):
    del t
    state["v"] = beta * state.get("v", 0) + (1 - beta) * g**2
    state["m"] = beta * state.get("m", 0) + (1 - beta) * g
    spread = state["v"] - (state["m"] ** 2 if centered else 0)
    state["u"] = momentum * state.get("u", 0) + g / (np.sqrt(spread) + eps)
    return W - lr * state["u"]


def adagrad(g, W, t, state, *, lr, eps=1e-10, initial=0.0):
    del t
    state["s"] = state.get("s", initial) + g**2
    return W - lr * g / (np.sqrt(state["s"]) + eps)


def lion(g, W, t, state, *, lr, betas=(0.9, 0.99)):
    del t
    m = state.get("m", 0)
    state["m"] = betas[1] * m + (1 - betas[1]) * g
    return W - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)


# How ours is made, which formula it follows, whether its weight decay is decoupled.
CASES = {
    "sgd": (lambda **k: optim.SGD(0.05, **k), sgd, {"lr": 0.05}),
    "momentum": (
        lambda **k: optim.SGD(0.05, momentum=0.9, **k),
        sgd,
        {"lr": 0.05, "momentum": 0.9},
    ),
    "nesterov": (
        lambda **k: optim.SGD(0.05, momentum=0.9, nesterov=True, **k),
        sgd,
        {"lr": 0.05, "momentum": 0.9, "nesterov": True},
    ),
    "adam": (lambda **k: optim.Adam(0.05, **k), adam, {"lr": 0.05}),
    "adam_betas": (
        lambda **k: optim.Adam(0.05, betas=(0.5, 0.8), epsilon=1e-2, **k),
        adam,
        {"lr": 0.05, "betas": (0.5, 0.8), "eps": 1e-2},
    ),
    "amsgrad": (
        lambda **k: optim.Adam(0.05, amsgrad=True, **k),
        adam,
        {"lr": 0.05, "amsgrad": True},
    ),
    "adamw": (
        lambda **k: optim.AdamW(0.05, **{"weight_decay": 0.0, **k}),
        adam,
        {"lr": 0.05},
    ),
    "rmsprop": (lambda **k: optim.RMSprop(0.05, **k), rmsprop, {"lr": 0.05}),
    "rmsprop_all": (
        lambda **k: optim.RMSprop(0.05, beta=0.9, centered=True, momentum=0.5, **k),
        rmsprop,
        {"lr": 0.05, "beta": 0.9, "centered": True, "momentum": 0.5},
    ),
    "adagrad": (lambda **k: optim.Adagrad(0.05, **k), adagrad, {"lr": 0.05}),
    "adagrad_initial": (
        lambda **k: optim.Adagrad(0.05, initial=0.5, **k),
        adagrad,
        {"lr": 0.05, "initial": 0.5},
    ),
    "lion": (lambda **k: optim.Lion(0.05, **k), lion, {"lr": 0.05}),
}
DECOUPLED = {"adamw", "lion"}


def start(dtype=np.float64):
    rng = np.random.default_rng(0)
    return {
        "W": cr.Parameter(rng.normal(size=(3, 2)).astype(dtype), name="W"),
        "b": cr.Parameter(rng.normal(size=2).astype(dtype), name="b"),
    }


TARGET = np.array([1.0, -2.0])


def slopes(parameters):
    """The gradient of a bowl that is steeper in some directions than in others."""
    return {
        name: (p.numpy() - TARGET.astype(p.dtype)) * np.array([3, 0.5], p.dtype)
        for name, p in parameters.items()
    }


def train(optimizer, parameters, steps=STEPS):
    optimizer.initialize(parameters)
    for _ in range(steps):
        found = slopes(parameters)
        optimizer.step({name: cr.tensor(g) for name, g in found.items()})


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_it_follows_its_formula(name, decay):
    make, formula, options = CASES[name]
    ours, theirs = start(), {k: p.numpy().copy() for k, p in start().items()}
    states = {key: {} for key in theirs}
    optimizer = make(weight_decay=decay)
    train(optimizer, ours)
    for t in range(1, STEPS + 1):
        for key, W in theirs.items():
            g = (W - TARGET) * np.array([3, 0.5])
            coupled = 0 if name in DECOUPLED else decay
            kept = W * (1 - options["lr"] * (decay - coupled))
            theirs[key] = formula(g + coupled * W, kept, t, states[key], **options)
    for key, W in theirs.items():
        np.testing.assert_allclose(ours[key].numpy(), W, rtol=1e-11, atol=1e-13)
    assert optimizer.steps == STEPS


@pytest.mark.parametrize("name", CASES)
def test_it_goes_down(name):
    make, _, _ = CASES[name]
    parameters = start()
    before = max(np.abs(p.numpy() - TARGET).max() for p in parameters.values())
    train(make(), parameters, 200)
    after = max(np.abs(p.numpy() - TARGET).max() for p in parameters.values())
    assert after < 0.7 * before


def compiled_step(optimizer, parameters):
    @cr.compile
    def step(scalars):
        gradients = {
            name: (p - TARGET.astype(p.dtype)) * np.array([3, 0.5], p.dtype)
            for name, p in parameters.items()
        }
        optimizer.update(gradients, scalars)

    def run():
        scalars = optimizer.scalars(optimizer.steps)
        step({name: np.float64(s) for name, s in scalars.items()})
        optimizer.steps += 1

    return run


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_is_eager_to_the_bit(name, dtype):
    make, _, _ = CASES[name]
    options = {"weight_decay": 0.1, "clip_norm": 1.0, "clip_value": 0.9}
    eager, compiled = start(dtype), start(dtype)
    one, two = make(**options), make(**options)
    train(one, eager)
    two.initialize(compiled)
    run = compiled_step(two, compiled)
    for _ in range(STEPS):
        run()
    for key, p in eager.items():
        assert p.dtype == dtype
        assert compiled[key].numpy().tobytes() == p.numpy().tobytes()
    for key, state in one.states().items():
        assert two.states()[key].numpy().tobytes() == state.numpy().tobytes()
        assert state.dtype == dtype


@pytest.mark.parametrize("name", CASES)
def test_it_goes_on_from_its_state_to_the_bit(name):
    make, _, _ = CASES[name]
    whole = start()
    train(make(), whole, 10)
    parts = start()
    first = make()
    train(first, parts, 4)
    saved = copy.deepcopy(first.state_dict())
    train(first, parts, 1)  # the copy that was saved does not move along
    parts = start()
    train(make(), parts, 4)
    second = make()
    second.initialize(parts)
    second.load_state_dict(saved)
    train(second, parts, 6)
    assert second.steps == 10
    for key, p in whole.items():
        assert parts[key].numpy().tobytes() == p.numpy().tobytes()


def test_the_state_is_json_but_for_arrays():
    optimizer = optim.Adam(optim.Plateau(0.1))
    train(optimizer, start(), 2)
    state = optimizer.state_dict()
    assert set(state) == {"optimizer", "steps", "epochs", "schedule", "slots"}
    assert state["optimizer"] == "Adam"
    assert set(state["slots"]) == {"W.mean", "W.square", "b.mean", "b.square"}
    assert all(isinstance(array, np.ndarray) for array in state["slots"].values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"optimizer": "SGD"}, "does not fit Adam: it is that of SGD"),
        ({"slots": {}}, r"W\.mean, .*: only one of the two has it"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(change, message):
    optimizer = optim.Adam(0.1)
    train(optimizer, start(), 2)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict({**optimizer.state_dict(), **change})
    state = optimizer.state_dict()
    state["slots"]["W.mean"] = np.zeros(7)
    with pytest.raises(ValueError, match=r"W\.mean has shape \(7,\), not \(3, 2\)"):
        optimizer.load_state_dict(state)


def test_the_same_parameters_keep_what_is_remembered_and_others_do_not():
    optimizer = optim.SGD(0.1, momentum=0.9)
    parameters = start()
    train(optimizer, parameters, 3)
    velocity = optimizer.states()["W.velocity"]
    optimizer.initialize(parameters)
    assert optimizer.states()["W.velocity"] is velocity
    assert optimizer.steps == 3
    optimizer.initialize(start())
    assert optimizer.steps == optimizer.epochs == 0
    assert not optimizer.states()["W.velocity"].numpy().any()


def test_decays_says_which_parameters_decay():
    parameters = start()
    optimizer = optim.SGD(0.5, weight_decay=1.0, decays=lambda name: name == "W")
    before = {name: p.numpy().copy() for name, p in parameters.items()}
    optimizer.initialize(parameters)
    optimizer.step(
        {name: cr.tensor(np.zeros(p.shape)) for name, p in parameters.items()}
    )
    np.testing.assert_allclose(parameters["W"].numpy(), before["W"] / 2)
    np.testing.assert_array_equal(parameters["b"].numpy(), before["b"])


def test_clipping_by_value_comes_before_clipping_by_norm():
    parameters = {"w": cr.Parameter(np.zeros(2))}
    optimizer = optim.SGD(1.0, clip_value=3.0, clip_norm=5.0)
    optimizer.initialize(parameters)
    optimizer.step({"w": cr.tensor(np.array([-300.0, 400.0]))})
    # (-3, 3) has the norm 4.24, which is within the limit.
    np.testing.assert_allclose(parameters["w"].numpy(), [3, -3])


@pytest.mark.parametrize("way", ["step", "compiled"])
def test_a_setting_may_be_changed_between_steps(way):
    parameters = {"w": cr.Parameter(np.zeros(1))}
    optimizer = optim.SGD(1.0)
    optimizer.initialize(parameters)
    update = cr.compile(optimizer.update)

    def moved():
        before = parameters["w"].item()
        gradients = {"w": cr.tensor(np.array([-10.0]))}
        if way == "step":
            optimizer.step(gradients)
        else:
            update(gradients, {"learning_rate": np.float64(1.0)})
        return parameters["w"].item() - before

    assert moved() == 10
    optimizer.clip_value = 2.0
    assert moved() == 2
    optimizer.weight_decay = 0.5
    assert moved() == 2 - 0.5 * 12
    optimizer.clip_value = None
    optimizer.weight_decay = 0.0
    assert moved() == 10


def test_a_copy_of_net_and_optimizer_goes_its_own_way():
    net = cr.nn.Dense(2, 1, rng=0)
    optimizer = optim.Adam(0.1)
    optimizer.initialize(net)
    loss = cr.value_and_grad(lambda net: net(np.ones((3, 2))).sum())
    optimizer.step(loss(net)[1])
    twin, other = copy.deepcopy((net, optimizer))
    before = net.state_dict()
    other.step(loss(twin)[1])
    np.testing.assert_array_equal(net.W.numpy(), before["W"])
    optimizer.step(loss(net)[1])
    np.testing.assert_array_equal(net.W.numpy(), twin.W.numpy())


def test_parameters_of_two_dtypes():
    parameters = {
        "a": cr.Parameter(np.ones(2, np.float32)),
        "b": cr.Parameter(np.ones(2, np.float64)),
    }
    optimizer = optim.Adam(0.1, clip_norm=1.0)
    optimizer.initialize(parameters)
    optimizer.step({k: cr.tensor(np.ones(2, p.dtype)) for k, p in parameters.items()})
    assert parameters["a"].dtype == np.float32
    np.testing.assert_allclose(parameters["a"].numpy(), parameters["b"].numpy(), 1e-6)


def test_a_step_after_backward():
    net = cr.nn.Dense(2, 1, rng=0, dtype=np.float64)
    twin = copy.deepcopy(net)
    x, y = np.ones((3, 2)), np.zeros((3, 1))

    def loss(net):
        return cr.losses.squared_error(net(x), y)

    by_backward, by_function = optim.Adam(0.1), optim.Adam(0.1)
    by_backward.initialize(net)
    by_function.initialize(twin.parameters())
    for _ in range(3):
        loss(net).backward()
        by_backward.step()
        by_function.step(cr.value_and_grad(loss)(twin)[1])
    np.testing.assert_array_equal(net.W.numpy(), twin.W.numpy())


def test_a_loop_that_misses_something_is_told():
    net = cr.nn.Dense(2, 1)
    optimizer = optim.SGD(0.1)
    with pytest.raises(ValueError, match="nothing to train: call initialize"):
        optimizer.step({})
    optimizer.initialize(net)
    with pytest.raises(ValueError, match="there is no gradient for b"):
        optimizer.step({"W": cr.tensor(np.zeros((2, 1), np.float32))})
    with pytest.raises(ValueError, match=r"W has no gradient: call backward\(\)"):
        optimizer.step()
    with pytest.raises(TypeError, match="takes steps on batches"):
        optimizer.iterate(lambda x: (0.0, x), np.zeros(1))


def test_only_the_parameters_it_has_are_moved():
    net = cr.nn.Sequential(cr.nn.Dense(2, 2), cr.nn.Dense(2, 1))
    optimizer = optim.SGD(0.1)
    optimizer.initialize(net[1:].parameters())
    optimizer.initialize({"1.W": net[1].W})
    before = net.state_dict()
    loss = cr.value_and_grad(lambda net: net(np.ones((1, 2))).sum())
    optimizer.step(loss(net)[1])
    changed = [k for k, a in net.state_dict().items() if (a != before[k]).any()]
    assert changed == ["1.W"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(-1), "rate is 0 or more, not -1"),
        (lambda: optim.SGD(0.1, momentum=1), "SGD: momentum is at least 0 and less"),
        (lambda: optim.SGD(0.1, nesterov=True), "nesterov needs a momentum"),
        (lambda: optim.SGD(0.1, weight_decay=-1), "weight_decay is at least 0: -1"),
        (lambda: optim.SGD(0.1, clip_norm=0), "clip_norm is above 0: 0"),
        (lambda: optim.SGD(0.1, clip_value=-1), "clip_value is above 0: -1"),
        (lambda: optim.Adam(betas=(0.9, 1.0)), r"betas\[1\] is at least 0 and less"),
        (lambda: optim.Adam(epsilon=float("nan")), "epsilon is at least 0"),
        (lambda: optim.RMSprop(beta=2), "RMSprop: beta is at least 0 and less than 1"),
        (lambda: optim.Adagrad(initial=-1), "initial is at least 0: -1"),
        (lambda: optim.Lion(betas=(-1, 0.5)), r"betas\[0\] is at least 0"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_rate_that_is_no_number_is_refused():
    with pytest.raises(TypeError, match="rate is a number, not '0"):
        optim.SGD("0.1")


def test_by_name():
    assert isinstance(optim.get("adamw"), optim.AdamW)
    assert optim.get("RMSprop", momentum=0.5).momentum == 0.5
    with pytest.raises(
        ValueError, match="no optimizer 'adamax'; known are sgd, adam, "
    ):
        optim.get("adamax")


def test_the_learning_rate_may_be_set_and_read():
    optimizer = optim.SGD(0.1)
    optimizer.learning_rate = optim.StepDecay(1.0, 1, 0.5, unit="step")
    assert optimizer.current_learning_rate == 1.0
    optimizer.initialize({"w": cr.Parameter(np.zeros(1))})
    for expected in (1.0, 0.5, 0.25):
        optimizer.step({"w": cr.tensor(np.ones(1))})
        assert optimizer.current_learning_rate == expected


def test_a_plateau_belongs_to_its_optimizer_and_survives_bind_and_restore():
    plateau = optim.Plateau(1.0, factor=0.5, patience=0)
    one, two = optim.SGD(plateau), optim.SGD(plateau)
    one.observe(1.0)
    one.observe(2.0)
    assert one.schedule(0) == 0.5
    assert two.schedule(0) == plateau(0) == 1.0
    one.bind(steps_per_epoch=3, total_steps=9)
    assert one.schedule(0) == 0.5
    parameters = {"w": cr.Parameter(np.zeros(1))}
    for optimizer in (one, two):
        optimizer.initialize(parameters)
    two.load_state_dict(one.state_dict())
    assert two.schedule(0) == 0.5
    two.initialize({"w": cr.Parameter(np.zeros(1))})
    assert two.schedule(0) == 1.0
