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
