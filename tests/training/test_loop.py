"""The training loop: what it promises its callers."""

import json

import numpy as np
import pytest

import chainrule as cr


def moons(rows=200, seed=0):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, np.pi, rows)
    y = rng.integers(0, 2, rows)
    X = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    X[y == 1] = [1, 0.5] - X[y == 1]
    return X + 0.1 * rng.normal(size=X.shape), y


def network(seed=0, dropout=0.0, norm=False):
    rng = np.random.default_rng(seed)
    layers = [cr.nn.Dense(2, 16, rng=rng)]
    if norm:
        layers.append(cr.nn.BatchNorm(16))
    layers.append(cr.nn.Tanh())
    if dropout:
        layers.append(cr.nn.Dropout(dropout))
    return cr.nn.Sequential(*layers, cr.nn.Dense(16, 2, rng=rng))


def double_network():
    return cr.nn.Sequential(
        cr.nn.Dense(2, 16, rng=0, dtype=float),
        cr.nn.Tanh(),
        cr.nn.Dense(16, 2, rng=1, dtype=float),
    )


def bits(net):
    return {name: array.tobytes() for name, array in net.state_dict().items()}


OPTIMIZERS = {
    "sgd": lambda: cr.optim.SGD(0.1, momentum=0.9),
    "adam": lambda: cr.optim.Adam(0.01),
    "adamw": lambda: cr.optim.AdamW(0.01),
    "rmsprop": lambda: cr.optim.RMSprop(0.01),
    "adagrad": lambda: cr.optim.Adagrad(0.1),
    "lion": lambda: cr.optim.Lion(0.003),
    "lbfgs": cr.optim.LBFGS,
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_it_learns(name):
    X, y = moons()
    net = network()
    history = cr.fit(
        net, X, y, optimizer=OPTIMIZERS[name](), epochs=60, metrics=["accuracy"]
    )
    assert history.last["loss"] < 0.5 * history["loss"][0]
    assert history.last["accuracy"] > 0.85
    assert not net.training


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fit_n_equals_fit_k_then_fit_the_rest_to_the_bit(name):
    X, y = moons(70)
    whole, parts = network(dropout=0.2, norm=True), network(dropout=0.2, norm=True)
    cr.fit(whole, X, y, optimizer=OPTIMIZERS[name](), epochs=5, seed=3)
    optimizer = OPTIMIZERS[name]()
    cr.fit(parts, X, y, optimizer=optimizer, epochs=2, seed=3)
    cr.fit(parts, X, y, optimizer=optimizer, epochs=3, seed=3)
    assert bits(parts) == bits(whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_resume_from_a_checkpoint_equals_an_uninterrupted_run(name, tmp_path):
    X, y = moons(70)
    settings = {"validation": 0.2, "early_stopping": 3, "seed": 1}
    whole = network(dropout=0.2, norm=True)
    expected = cr.fit(whole, X, y, optimizer=OPTIMIZERS[name](), epochs=6, **settings)

    class Crash(cr.Callback):
        def on_epoch(self, run):
            if run.epoch == 4:
                raise KeyboardInterrupt

    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        cr.fit(
            network(dropout=0.2, norm=True), X, y, optimizer=OPTIMIZERS[name](),
            epochs=6, checkpoint=path, callbacks=[Crash()], **settings,
        )  # fmt: skip
    resumed = network(seed=9, dropout=0.2, norm=True)
    history = cr.fit(
        resumed, X, y, optimizer=OPTIMIZERS[name](), epochs=6, checkpoint=path,
        callbacks=[cr.Callback()], resume=True, **settings,
    )  # fmt: skip
    assert bits(resumed) == bits(whole)
    assert history["loss"] == expected["loss"]
    assert history.best_epoch == expected.best_epoch


def test_a_plateau_schedule_survives_a_resume(tmp_path):
    X, y = moons(70)

    def optimizer():
        return cr.optim.SGD(cr.optim.Plateau(0.5, patience=1, factor=0.5))

    whole = network()
    expected = cr.fit(whole, X, y, optimizer=optimizer(), epochs=12)
    path = tmp_path / "c"
    first = network()
    cr.fit(first, X, y, optimizer=optimizer(), epochs=7, checkpoint=path)
    second = network(seed=5)
    history = cr.fit(
        second, X, y, optimizer=optimizer(), epochs=12, checkpoint=path, resume=True
    )
    assert history["learning_rate"] == expected["learning_rate"]
    assert bits(second) == bits(whole)


def test_the_same_seed_gives_the_same_bits_and_another_gives_others():
    X, y = moons(70)
    nets = [network(dropout=0.5) for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        cr.fit(net, X, y, epochs=2, seed=seed)
    assert bits(nets[0]) == bits(nets[1]) != bits(nets[2])


def test_one_epoch_of_sgd_is_the_formula():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(5, 3)), rng.normal(size=(5, 1))
    net = cr.nn.Dense(3, 1, rng=0, dtype=np.float64)
    W, b = net.W.numpy(), net.b.numpy()
    history = cr.fit(
        net, X, y, loss="squared", optimizer=cr.optim.SGD(0.1), batch_size=2,
        epochs=1, shuffle=False,
    )  # fmt: skip
    total = 0.0
    for rows in (slice(0, 2), slice(2, 4), slice(4, 5)):
        error = X[rows] @ W + b - y[rows]
        total += (error**2).sum()
        W = W - 0.1 * 2 * X[rows].T @ error / len(error)
        b = b - 0.1 * 2 * error.mean(axis=0)
    np.testing.assert_allclose(net.W.numpy(), W, rtol=1e-12)
    np.testing.assert_allclose(net.b.numpy(), b, rtol=1e-12)
    assert history.last["loss"] == pytest.approx(total / 5)


def test_sample_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(6, 3)), rng.integers(0, 2, 6)
    times = np.array([1, 2, 1, 3, 1, 1])
    nets = [cr.nn.Dense(3, 2, rng=0, dtype=np.float64) for _ in range(2)]
    options = {"optimizer": None, "epochs": 3, "batch_size": 100, "shuffle": False}
    options = {k: v for k, v in options.items() if v is not None}
    cr.fit(nets[0], X, y, sample_weight=times, optimizer=cr.optim.SGD(0.1), **options)
    cr.fit(
        nets[1], X.repeat(times, 0), y.repeat(times), optimizer=cr.optim.SGD(0.1),
        **options,
    )  # fmt: skip
    np.testing.assert_allclose(nets[0].W.numpy(), nets[1].W.numpy(), rtol=1e-10)


def test_class_weights_balanced():
    X, y = moons(60)
    y[:45] = 0
    balanced, by_hand = network(), network()
    counts = np.bincount(y)
    weights = {k: len(y) / (2 * n) for k, n in enumerate(counts)}
    cr.fit(balanced, X, y, epochs=2, class_weight="balanced")
    cr.fit(by_hand, X, y, epochs=2, class_weight=weights)
    assert bits(balanced) == bits(by_hand)


def test_validation_share_and_rows():
    X, y = moons(100)
    history = cr.fit(network(), X, y, epochs=2, validation=0.25, metrics=["accuracy"])
    assert {"val_loss", "val_accuracy"} <= set(history.columns)
    history = cr.fit(network(), X, y, epochs=1, validation=(X[:10], y[:10]))
    assert "val_loss" in history.last


def test_early_stopping_puts_the_best_weights_back():
    X, y = moons(60)
    held = moons(60, seed=1)
    kept = {}

    class Keep(cr.Callback):
        def on_epoch(self, run):
            kept[run.epoch] = bits(run.net)

    net = network()
    history = cr.fit(
        net, X, y, optimizer=cr.optim.SGD(3.0), epochs=200, validation=held,
        early_stopping=4, callbacks=[Keep()],
    )  # fmt: skip
    losses = history["val_loss"]
    assert history.best_epoch == 1 + int(np.argmin(losses))
    assert len(history) == history.best_epoch + 4
    assert history.stopped == "the validation loss has not got better for 4 epochs"
    assert bits(net) == kept[history.best_epoch]


def test_callbacks_are_told_everything_and_can_stop():
    X, y = moons(64)
    told = []

    class Listen(cr.Callback):
        def on_start(self, run):
            told.append("start")

        def on_step(self, run, step, loss):
            told.append(step)

        def on_epoch(self, run):
            told.append(f"epoch {run.epoch}")
            if run.epoch == 2:
                run.stop("enough")

        def on_end(self, run):
            told.append("end")

    history = cr.fit(network(), X, y, epochs=9, batch_size=32, callbacks=[Listen()])
    assert told == ["start", 1, 2, "epoch 1", 3, 4, "epoch 2", "end"]
    assert history.stopped == "enough"


def test_a_loss_and_a_metric_of_ones_own():
    X, y = moons(60)

    def fourth_power(prediction, target, sample_weight=None):
        return ((prediction[:, 0] - target) ** 4).mean()

    def bias(y, prediction):
        return float((prediction[:, 0] - y).mean())

    history = cr.fit(
        network(), X, y.astype(float), loss=fourth_power, metrics=[bias], epochs=20
    )
    assert history.last["loss"] < history["loss"][0]
    assert "bias" in history.last


BAD = {
    "no rows": ((np.zeros((0, 2)), np.zeros(0)), "no training rows"),
    "lengths": ((np.zeros((3, 2)), np.zeros(4)), "3 training rows and y has 4"),
    "nan": ((np.array([[0, 1], [np.nan, 1]]), [0, 1]), r"X\[1, 0\] is nan"),
    "nan target": ((np.zeros((2, 2)), [0.0, np.inf]), r"y\[1\] is inf"),
    "text": ((np.array([["a", "b"]]), [0]), "X has dtype"),
    "huge": ((np.full((1, 2), 1e300), [0]), "too large"),
    "labels": ((np.zeros((2, 2)), [0, 7]), "7"),
    "negative label": ((np.zeros((2, 2)), [0, -1]), "-1"),
    "width": ((np.zeros((2, 5)), [0, 1]), "5"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data_is_named(case):
    (X, y), message = BAD[case]
    net = network()
    before = bits(net)
    with pytest.raises((ValueError, TypeError, IndexError), match=message):
        cr.fit(net, X, y, epochs=1)
    assert bits(net) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 2.5}, "batch_size=2.5"),
        ({"validation": 1.5}, "validation=1.5"),
        ({"loss": "crossentropy"}, "cross_entropy"),
        ({"metrics": ["acuracy"]}, "accuracy"),
        ({"sample_weight": [1.0]}, "sample_weight"),
        ({"class_weight": {0: 1.0}}, "classes"),
        ({"early_stopping": cr.EarlyStopping(2, monitor="val_auc")}, "val_auc"),
        ({"resume": True}, "checkpoint="),
    ],
)
def test_bad_settings_are_named(settings, message):
    X, y = moons(20)
    with pytest.raises((ValueError, TypeError), match=message):
        cr.fit(network(), X, y, **{"epochs": 1, **settings})


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    X, y = moons(20)
    path = tmp_path / "c"
    cr.fit(network(), X, y, epochs=1, checkpoint=path, seed=0)
    net = network()
    before = bits(net)
    with pytest.raises(cr.training.CheckpointError, match="seed=0"):
        cr.fit(net, X, y, epochs=2, checkpoint=path, resume=True, seed=1)
    assert bits(net) == before
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(cr.training.CheckpointError, match="not a checkpoint"):
        cr.fit(net, X, y, epochs=2, checkpoint=path, resume=True)


def test_progress_is_printed(capsys):
    X, y = moons(20)
    cr.fit(network(), X, y, epochs=2, progress=True)
    assert "epoch 2/2" in capsys.readouterr().err


def test_history_is_saved_as_json_lines(tmp_path):
    X, y = moons(20)
    history = cr.fit(network(), X, y, epochs=3)
    history.save(tmp_path / "history.jsonl")
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]
    assert cr.History.from_dict(history.to_dict()) == history
    with pytest.raises(KeyError, match="val_loss"):
        history["val_loss"]


def test_a_row_left_over_joins_the_last_batch_where_a_layer_needs_two():
    X, y = moons(65)
    told = []

    class Count(cr.Callback):
        def on_step(self, run, step, loss):
            told.append(step)

    cr.fit(network(norm=True), X, y, epochs=1, callbacks=[Count()])
    assert len(told) == 2
    cr.fit(network(), X, y, epochs=1, callbacks=[Count()])
    assert len(told) == 2 + 3


# --- the order of the rows --------------------------------------------------------


def test_an_order_of_its_own_is_the_one_that_is_taken():
    X, y = moons(50)
    asked = []

    def order(epoch):
        asked.append(epoch)
        return cr.random.permutation(3, epoch, 50)

    given, shuffled = network(), network()
    cr.fit(given, X, y, epochs=40, order=order)
    cr.fit(shuffled, X, y, epochs=40, seed=3)
    assert bits(given) == bits(shuffled)
    assert asked == list(range(40))


def test_an_order_is_followed_row_by_row():
    X, y = moons(10)
    net, by_hand = network(), network()
    orders = [np.arange(10)[::-1], np.roll(np.arange(10), 3)]
    cr.fit(
        net,
        X,
        y,
        epochs=2,
        batch_size=1,
        optimizer=cr.optim.SGD(0.1),
        order=lambda epoch: orders[epoch],
    )
    optimizer = cr.optim.SGD(0.1)
    optimizer.initialize(by_hand)

    def loss(net, x, t):
        return cr.losses.cross_entropy(net(x), t)

    for row in np.concatenate(orders):
        at = slice(row, row + 1)
        x = X[at].astype(np.float32)
        optimizer.step(cr.value_and_grad(loss)(by_hand, x, y[at])[1])
    for name, W in net.state_dict().items():
        np.testing.assert_allclose(W, by_hand.state_dict()[name], rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.arange(9), r"order\(0\) has dtype int64 and shape \(9,\); .* 10 row numb"),
        (np.arange(10.0), r"order\(0\) has dtype float64"),
        (np.arange(1, 11), r"order\(0\) has 10: rows are 0 to 9"),
        (np.arange(-1, 9), r"order\(0\) has -1: rows are 0 to 9"),
    ],
)
def test_an_order_that_is_none_is_refused(rows, message):
    X, y = moons(10)
    with pytest.raises(ValueError, match=message):
        cr.fit(network(), X, y, order=lambda epoch: rows)


# --- how long it may take ---------------------------------------------------------


class Clock:
    """A clock that moves on by so much for each epoch."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        monkeypatch.setattr("chainrule.training.loop.time", self)

    def perf_counter(self):
        self.now += 1.0
        return self.now


def test_no_epoch_begins_when_the_time_is_over(monkeypatch):
    Clock(monkeypatch)
    X, y = moons(30)
    history = cr.fit(network(), X, y, epochs=1000, max_time=20)
    assert 1 < len(history) < 20
    assert history.stopped == "max_time of 20 seconds has passed"


def test_time_that_is_not_used_up_changes_nothing():
    X, y = moons(30)
    nets = [network(), network()]
    histories = [
        cr.fit(net, X, y, epochs=40, max_time=limit)
        for net, limit in zip(nets, (None, 3600), strict=True)
    ]
    assert bits(nets[0]) == bits(nets[1])
    assert histories[1].stopped is None


def test_time_is_there_again_when_a_run_is_resumed(monkeypatch, tmp_path):
    X, y = moons(30)
    settings = {"seed": 2, "batch_size": 16}
    whole, parts = network(), network()
    cr.fit(whole, X, y, epochs=12, **settings)
    settings["checkpoint"] = tmp_path / "run.checkpoint"
    with monkeypatch.context() as patch:
        Clock(patch)
        first = cr.fit(parts, X, y, epochs=12, max_time=15, **settings)
    assert len(first) < 12
    assert first.stopped is not None
    second = cr.fit(parts, X, y, epochs=12, resume=True, **settings)
    assert len(second) == 12
    assert second.stopped is None
    assert bits(parts) == bits(whole)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_a_time_is_above_zero(limit):
    X, y = moons(30)
    with pytest.raises(ValueError, match=r"max_time=.* seconds above 0"):
        cr.fit(network(), X, y, max_time=limit)


# --- weights of rows --------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("penalty", [None, cr.training.L2(0.3, by_rows=True)])
def test_in_full_batches_a_weight_is_a_row_so_many_times(name, penalty):
    X, y = moons(40)
    times = np.random.default_rng(0).integers(0, 4, 40)
    weighted, repeated = double_network(), double_network()
    settings = {"epochs": 5, "batch_size": 1000, "penalty": penalty}
    settings["metrics"] = ["accuracy", "auc"]
    histories = [
        cr.fit(
            weighted,
            X,
            y,
            sample_weight=times,
            optimizer=OPTIMIZERS[name](),
            **settings,
        ),
        cr.fit(
            repeated,
            X.repeat(times, axis=0),
            y.repeat(times),
            optimizer=OPTIMIZERS[name](),
            **settings,
        ),
    ]
    for path, W in weighted.state_dict().items():
        np.testing.assert_allclose(W, repeated.state_dict()[path], rtol=1e-7)
    for column in ("loss", "accuracy", "auc"):
        np.testing.assert_allclose(*(h[column] for h in histories), rtol=1e-7)


def test_weights_count_in_metrics_and_those_of_classes_do_not():
    X, y = moons(60)
    weights = np.random.default_rng(0).integers(1, 4, 60)
    found = {}

    def counted(y, prediction, sample_weight=None):
        found["weights"] = sample_weight
        return 0.0

    settings = {"epochs": 1, "metrics": [counted], "seed": 5}
    cr.fit(network(), X, y, sample_weight=weights, validation=0.2, **settings)
    held = found["weights"]
    assert len(held) == 12
    np.testing.assert_array_equal(np.sort(held) % 1, 0)
    both = {"sample_weight": weights, "class_weight": {0: 7.0, 1: 1.0}}
    cr.fit(network(), X, y, **both, validation=0.2, **settings)
    np.testing.assert_array_equal(found["weights"], held)
    cr.fit(network(), X, y, validation=(X, y, weights), **settings)
    np.testing.assert_array_equal(found["weights"], weights)
    cr.fit(network(), X, y, class_weight="balanced", **settings)
    assert found["weights"] is None


# --- limits of gradients ----------------------------------------------------------


@pytest.mark.parametrize("limits", [{"clip_norm": 0.05}, {"clip_value": 0.01}])
def test_gradients_are_clipped_in_every_step(limits):
    X, y = moons(8)
    net, start = network(), network().state_dict()
    cr.fit(net, 100 * X, y, epochs=1, optimizer=cr.optim.SGD(1.0, **limits))
    changes = [net.state_dict()[name] - W for name, W in start.items()]
    flat = np.concatenate([change.ravel() for change in changes])
    if "clip_norm" in limits:
        assert np.linalg.norm(flat) == pytest.approx(0.05, rel=1e-3)
    else:
        assert np.abs(flat).max() == pytest.approx(0.01, rel=1e-3)
