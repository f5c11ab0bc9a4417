"""Early stopping and the progress line."""

import io
import re

import numpy as np
import pytest

import chainrule as cr
from chainrule.training import ProgressLine

X, Y = np.random.default_rng(0).normal(size=(20, 2)), np.arange(20) % 2


def fit(*callbacks, epochs=5):
    net = cr.nn.Dense(2, 2, rng=0)
    return cr.fit(net, X, Y, epochs=epochs, callbacks=callbacks)


def test_patience_has_to_be_positive():
    with pytest.raises(ValueError, match="patience=0"):
        cr.EarlyStopping(0)


def test_higher_is_better():
    figures = iter([0.5, 0.9, 0.7, 0.6, 0.95])

    class Measure(cr.Callback):
        def on_epoch(self, run):
            run.history.last["score"] = next(figures)

    stopping = cr.EarlyStopping(2, monitor="score", higher_is_better=True)
    history = fit(Measure(), stopping)
    assert history.best_epoch == 2
    assert len(history) == 4


@pytest.mark.parametrize(
    ("monitor", "best", "figures"),
    [
        ("val_accuracy", 2, [0.5, 0.9, 0.7, 0.6]),
        ("val_auc", 2, [0.5, 0.9, 0.7, 0.6]),
        ("r2", 1, [-1.0, -2.0, -1.0]),
        ("val_rmse", 3, [0.5, 0.9, 0.2, 0.6, 0.3]),
        ("log_loss", 1, [0.5, 0.9, 0.7]),
        ("val_loss", 3, [np.nan, np.nan, 0.7, 0.8, 0.9]),
        ("val_loss", 1, [0.5, np.nan, np.nan]),
    ],
)
def test_what_is_better_is_known_by_name(monitor, best, figures):
    weights = {}

    class Measure(cr.Callback):
        def on_epoch(self, run):
            run.history.last[monitor] = figures[run.epoch - 1]
            weights[run.epoch] = run.net.state_dict()

    net = cr.nn.Dense(2, 2, rng=0)
    stopping = cr.EarlyStopping(2, monitor=monitor)
    history = cr.fit(net, X, Y, epochs=9, callbacks=[Measure(), stopping])
    assert history.best_epoch == best
    assert len(history) == len(figures)
    assert (net.W.numpy() == weights[best]["W"]).all()


def test_what_is_better_has_to_be_said_of_a_function():
    def profit(y, prediction):
        return float(prediction[:, 1].sum())

    settings = {"epochs": 3, "validation": 0.3, "metrics": [profit]}
    net = cr.nn.Dense(2, 2, rng=0)
    stopping = cr.EarlyStopping(2, monitor="val_profit")
    with pytest.raises(
        ValueError, match="'val_profit', and cannot know what is better"
    ):
        cr.fit(net, X, Y, early_stopping=stopping, **settings)
    stopping = cr.EarlyStopping(2, monitor="val_profit", higher_is_better=True)
    history = cr.fit(net, X, Y, early_stopping=stopping, **settings)
    best = np.argmax(history["val_profit"]) + 1
    assert history.best_epoch == best


def test_epochs_in_one_call_stop_where_single_ones_do():
    class OneByOne(cr.EarlyStopping):
        def epochs_at_once(self, run):
            return 1

    class Calls(cr.Callback):
        looks = False
        most = 0

        def epochs_at_once(self, run):
            self.most = max(self.most, len(run.history) - self.told)
            self.told = len(run.history)
            return super().epochs_at_once(run)

        def on_start(self, run):
            self.told = 0

    found, calls = [], Calls()
    for stopping in (OneByOne, cr.EarlyStopping):
        net = cr.nn.Dense(2, 2, rng=0)
        stop = stopping(7, min_delta=0.002, restore_best=False)
        history = cr.fit(net, X, Y, epochs=2000, callbacks=[stop, calls], seed=1)
        found.append((history["loss"], history.stopped, net.W.numpy().tobytes()))
    assert found[0] == found[1]
    assert len(found[0][0]) < 2000
    assert calls.most > 1


def test_who_is_told_of_steps_gets_every_epoch_to_itself():
    class Steps(cr.Callback):
        looks = False
        steps = 0

        def on_step(self, run, step, loss):
            self.steps += 1

    steps = Steps()
    fit(steps, epochs=30)
    assert steps.steps == 30


def test_one_object_may_watch_several_runs():
    stopping, found = cr.EarlyStopping(3), []
    for seed in (0, 1):
        for callback in (stopping, cr.EarlyStopping(3)):
            net = cr.nn.Dense(2, 2, rng=seed)
            history = cr.fit(
                net, X, Y, epochs=6, validation=0.3, early_stopping=callback
            )
            found.append((history.best_epoch, net.W.numpy().tobytes()))
    assert found[0] == found[1]
    assert found[2] == found[3]
    assert found[0] != found[2]


def test_restoring_may_be_turned_off():
    history = fit(cr.EarlyStopping(1, min_delta=100.0, restore_best=False))
    assert len(history) == 2
    assert history.best_epoch is None


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_line_is_rewritten_on_a_terminal_and_repeated_elsewhere():
    terminal, pipe = Terminal(), io.StringIO()
    fit(ProgressLine(terminal), ProgressLine(pipe), epochs=2)
    assert terminal.getvalue().count("\r") == 2
    assert terminal.getvalue().endswith("\n")
    lines = pipe.getvalue().splitlines()
    assert len(lines) == 2
    assert re.fullmatch(r"epoch 2/2  loss [\d.]+  0 s left", lines[1])


def test_the_bar_shows_how_far_it_is_and_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    fit(ProgressLine(terminal), epochs=4)
    shown = terminal.getvalue().split("\r\x1b[K")[1:]
    assert [line.count("#") for line in shown] == [5, 10, 15, 20]
    assert all(len(line.strip()) < 40 for line in shown)
