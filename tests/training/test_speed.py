"""What is said of the time that training took."""

import json
from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.training.speed import Part, Speed

SPEED = Speed(
    seconds=2.0,
    tracing=0.1,
    compiling=0.4,
    stepping=1.0,
    evaluating=0.2,
    steps=1000,
    rows=64_000,
    threads=2,
    compiled=1,
    cached=1,
    flops=5e10,
    dtype="f32",
    peak=1100,
    bound=1000,
    parts=(
        Part("0 forward", "product", 0.5, 5e10),
        Part("loss", "loop", 0.125, 0.0),
        Part("0.b update", "update", 0.0625, 0.0),
    ),
    waiting=0.25,
    measured=1e11,
)


def network():
    return cr.nn.Sequential(
        cr.nn.Dense(20, 16, rng=0), cr.nn.ReLU(), cr.nn.Dense(16, 3, rng=1)
    )


def train(net=None, **settings):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 20)), rng.integers(0, 3, 100)
    net = network() if net is None else net
    return net, cr.fit(net, X, y, batch_size=32, epochs=2, **settings)


def test_the_time_on_the_wall_adds_up():
    _, history = train(validation=0.2, metrics=["accuracy"])
    wall = history.speed.wall()
    assert list(wall) == ["tracing", "compiling", "steps", "evaluation", "Python"]
    assert all(seconds > 0 for seconds in wall.values())
    assert sum(wall.values()) == pytest.approx(history.speed.seconds)
    assert history.speed.inside() == {}


def test_steps_rows_products_programs_and_memory_are_counted():
    _, history = train()
    speed = history.speed
    assert (speed.steps, speed.rows) == (2 * 4, 2 * 100)
    # Forward and the gradient of W in both layers, the gradient of x in the second.
    each_row = 2 * (2 * 20 * 16 + 3 * 16 * 3)
    assert speed.flops == 200 * each_row
    assert speed.compiled + speed.cached == 1
    assert speed.peak >= speed.bound > 0
    assert speed.threads == 1
    assert 0 < speed.of_limit < 1.5
    assert speed.flops_per_second == speed.flops / speed.stepping


def test_a_profile_names_the_parts_and_adds_up():
    _, history = train(profile=True, optimizer=cr.optim.Adam())
    speed = history.speed
    kinds = {part.name: part.kind for part in speed.parts}
    assert kinds["0, 1 forward"] == "product"
    assert kinds["2 forward, loss"] == "product"
    assert kinds["2.W gradient and update"] == "product"
    assert kinds["2.b gradient and update"] == "update"
    assert kinds["0.W gradient and update"] == "product"
    assert sum(part.flops for part in speed.parts) == speed.flops
    inside = speed.inside()
    assert list(inside) == [
        *("matrix products", "fused loops", "update", "waiting", "other")
    ]
    assert sum(inside.values()) == pytest.approx(speed.stepping)
    assert inside["matrix products"] > 0


def test_gradients_that_wait_for_their_update_are_told_apart():
    _, history = train(profile=True, optimizer=cr.optim.SGD(0.1, clip_norm=1.0))
    kinds = {part.name: part.kind for part in history.speed.parts}
    assert kinds["0.W gradient"] == "product"
    assert kinds["2.b gradient"] == "loop"
    assert any(
        name.endswith(" update") and kind == "update" for name, kind in kinds.items()
    )


def test_layers_without_a_name_are_the_network():
    _, history = train(cr.nn.Dense(20, 3, rng=0), profile=True)
    names = [part.name for part in history.speed.parts]
    assert "network forward, loss" in names
    assert "W gradient and update" in names


def test_looking_does_not_change_a_bit():
    nets = [train(profile=profile)[0] for profile in (False, True)]
    weights = [net.state_dict() for net in nets]
    for name, W in weights[0].items():
        assert W.tobytes() == weights[1][name].tobytes()


def test_nor_does_it_on_more_threads_which_wait_for_one_another():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(256, 64)), rng.integers(0, 10, 256)
    found = []
    for threads, profile in [(1, False), (2, True), (3, True)]:
        net = cr.nn.Sequential(
            cr.nn.Dense(64, 256, rng=0), cr.nn.ReLU(), cr.nn.Dense(256, 10, rng=1)
        )
        with cr.config(threads=threads):
            speed = cr.fit(net, X, y, batch_size=64, epochs=2, profile=profile).speed
        found.append({name: W.tobytes() for name, W in net.state_dict().items()})
        assert (speed.waiting > 0) == profile
    assert found[0] == found[1] == found[2]


def test_the_cache_is_told_from_the_compiler(tmp_path):
    with cr.config(cache_folder=str(tmp_path)):
        first, second = (
            train(cr.nn.Sequential(cr.nn.Dense(20, 19), cr.nn.Dense(19, 3)))[1].speed
            for _ in range(2)
        )
    assert (first.compiled, first.cached, first.from_cache) == (1, 0, False)
    assert (second.compiled, second.cached, second.from_cache) == (0, 1, True)


def test_another_batch_size_compiles_nothing_unless_it_is_very_different(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(1000, 20)).astype(np.float32), rng.integers(0, 3, 1000)
    compiled = []
    with cr.config(cache_folder=str(tmp_path)):
        for rows in (32, 48, 100, 9, 1000):
            net = cr.nn.Sequential(cr.nn.Dense(20, 23, rng=0), cr.nn.Dense(23, 3))
            speed = cr.fit(net, X[:rows], y[:rows], batch_size=rows, epochs=1).speed
            compiled.append(speed.compiled)
    assert compiled == [1, 0, 0, 0, 1]


def test_watching_every_step_counts_them_all():
    class Watch(cr.Callback):
        def on_step(self, run, step, loss):
            pass

    _, history = train(profile=True, callbacks=[Watch()])
    assert history.speed.steps == 8
    assert sum(history.speed.inside().values()) == pytest.approx(history.speed.stepping)


def test_an_optimizer_of_all_rows_has_iterations():
    _, history = train(optimizer=cr.optim.LBFGS(), profile=True)
    speed = history.speed
    assert (speed.steps, speed.rows) == (2, 200)
    assert speed.limit is None
    assert speed.inside() == {}
    assert "GFLOP/s" not in str(speed)


def test_it_prints_as_a_table():
    assert str(SPEED) == repr(SPEED)
    assert str(SPEED).splitlines() == [
        "2 s in all",
        "  tracing        100 ms     5%  ██",
        "  compiling      400 ms    20%  ██████",
        "  steps             1 s    50%  ███████████████",
        "  evaluation     200 ms    10%  ███",
        "  Python         300 ms    15%  █████",
        "",
        "1 s of steps",
        "  matrix products     500 ms    50%  ███████████████",
        "  fused loops         125 ms    12%  ████",
        "  update             62.5 ms     6%  ██",
        "  waiting             250 ms    25%  ████████",
        "  other              62.5 ms     6%  ██",
        "",
        "  part of a step       time  share  GFLOP/s",
        "  0 forward          500 us    50%      100",
        "  loss               125 us    12%",
        "  0.b update        62.5 us     6%",
        "",
        "steps     1,000 of 1 ms: 1,000 steps/s, 64,000 rows/s",
        "threads   2",
        "products  50 GFLOP/s, 50% of the 100 that this machine can do",
        "memory    1.1 kB in a step, 10.0% above the least",
        "programs  1 compiled, 1 from the cache, in 400 ms",
    ]


def test_plain_round_trip_keeps_the_limit_of_the_machine():
    plain = json.loads(json.dumps(SPEED.to_dict()))
    assert Speed.from_dict(plain) == SPEED
    _, history = train()
    again = Speed.from_dict(history.speed.to_dict())
    assert again.measured == history.speed.limit


def test_nothing_that_was_not_done_is_spoken_of():
    none = replace(
        SPEED, steps=0, rows=0, stepping=0.0, flops=0.0, peak=0, bound=0,
        compiled=0, cached=0, parts=(), measured=None,
    )  # fmt: skip
    assert none.facts() == {"steps": "none", "threads": "2"}
    assert none.flops_per_second == 0
    assert none.of_limit is None
    assert not none.from_cache
    assert replace(SPEED, compiled=0).from_cache


def test_histories_that_differ_in_time_alone_are_equal():
    assert train()[1].speed is not None
    records = [{"epoch": 1, "loss": 1.0}]
    slow, fast = (cr.History(records, speed=replace(SPEED, seconds=s)) for s in (9, 1))
    assert slow == fast
