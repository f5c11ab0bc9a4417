"""Looking at a step of training from a callback."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.training.run import Run

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(40, 3)).astype(np.float32), np.arange(40) % 2


class Looker(cr.Callback):
    """Keeps what it sees after each epoch, and the weights of then."""

    def __init__(self, names=None, rows=None):
        self.names, self.rows, self.seen = names, rows, []

    def on_epoch(self, run):
        seen = run.look(self.names, self.rows)
        self.seen.append((seen, run.net.state_dict()))


def train(*callbacks, dropout=False, **options):
    net = cr.nn.Sequential(
        cr.nn.Dense(3, 8, rng=0),
        cr.nn.Dropout(0.5) if dropout else cr.nn.ReLU(),
        cr.nn.BatchNorm(8),
        cr.nn.Dense(8, 2, rng=1),
    )
    options = {"epochs": 2, "batch_size": 16, "seed": 3, **options}
    cr.fit(net, X, Y, callbacks=callbacks, **options)
    return net


def test_values_and_gradients_of_a_step():
    rows = np.arange(5)
    look = Looker(["0", "1", "3", "3.grad", "3.W", "3.W.grad", "loss"], rows)
    train(look)
    for seen, weights in look.seen:
        hidden = X[rows] @ weights["0.W"] + weights["0.b"]
        np.testing.assert_allclose(seen["0"], hidden, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(seen["1"], hidden.clip(0), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(seen["3.W"], weights["3.W"])
        p = np.exp(seen["3"]) / np.exp(seen["3"]).sum(axis=1, keepdims=True)
        expected = -np.log(p[rows, Y[rows]]).mean()
        np.testing.assert_allclose(seen["loss"], expected, rtol=1e-5)
        dlogits = (p - np.eye(2)[Y[rows]]) / len(rows)
        np.testing.assert_allclose(seen["3.grad"], dlogits, rtol=1e-4, atol=1e-7)
        assert seen["3.W.grad"].shape == (8, 2)


@pytest.mark.parametrize("dropout", [False, True])
def test_looking_changes_nothing(dropout):
    plain = train(dropout=dropout).state_dict()
    looked = train(Looker(["0.W.grad", "2"]), dropout=dropout).state_dict()
    for name, array in plain.items():
        np.testing.assert_array_equal(looked[name], array)


def test_without_rows_it_is_the_last_step():
    look = Looker()
    train(look)
    for seen, _ in look.seen:
        assert list(seen) == ["0", "1", "2", "3", "loss"]
        assert len(seen["0"]) == 40 % 16


def test_each_step_can_be_looked_at():
    sizes = []

    class Steps(cr.Callback):
        def on_start(self, run):
            sizes.append(len(run.look(["0"])["0"]))

        def on_step(self, run, step, loss):
            sizes.append(len(run.look(["0"])["0"]))

    train(Steps(), epochs=1)
    assert sizes == [16, 16, 16, 8]


def test_a_full_batch_optimizer_can_be_looked_at():
    look = Looker(["loss", "0.W.grad"])
    train(look, optimizer=cr.optim.LBFGS())
    assert all(np.isfinite(seen["loss"]) for seen, _ in look.seen)


def test_a_name_that_is_not_there():
    with pytest.raises(ValueError, match="nothing called '7' in step; there are"):
        train(Looker(["7"]))


def test_a_run_that_has_not_begun():
    net = cr.nn.Dense(1, 1)
    with pytest.raises(RuntimeError, match="before training begins"):
        Run(net, cr.optim.Adam(), [], 1, {}).look()
