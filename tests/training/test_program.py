"""Epochs of a training step, and predictions."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.training.data import Rows
from chainrule.training.program import Program


def test_predict_is_the_network_in_evaluation_mode():
    net = cr.nn.Sequential(cr.nn.Dense(3, 4, rng=0), cr.nn.Dropout(0.5))
    X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    net.eval()
    expected = net(X).numpy()
    net.train()
    np.testing.assert_array_equal(cr.predict(net, X), expected)
    assert net.training


@pytest.mark.parametrize("rows", [0, 1, 7])
def test_predict_in_batches(rows):
    net = cr.nn.Dense(3, 2, rng=0)
    X = np.random.default_rng(0).normal(size=(rows, 3)).astype(np.float32)
    got = cr.predict(net, X, batch_size=3)
    assert got.shape == (rows, 2)
    np.testing.assert_allclose(got, net(X).numpy(), rtol=1e-6)


def test_full_batch_gradients_do_not_depend_on_how_rows_are_cut(monkeypatch):
    rng = np.random.default_rng(0)
    X, y, weights = rng.normal(size=(30, 3)), rng.normal(size=30), rng.uniform(size=30)
    nets = [cr.nn.Dense(3, 1, rng=0, dtype=np.float64) for _ in range(2)]
    for net, size in zip(nets, (2048, 7), strict=True):
        monkeypatch.setattr("chainrule.training.program.EVALUATION_BATCH", size)
        cr.fit(
            net, X, y, loss="squared", sample_weight=weights,
            optimizer=cr.optim.LBFGS(), epochs=20,
        )  # fmt: skip
    np.testing.assert_allclose(nets[0].W.numpy(), nets[1].W.numpy(), rtol=1e-6)
    A = np.c_[X, np.ones(30)]
    exact = np.linalg.solve(A.T @ (weights[:, None] * A), A.T @ (weights * y))
    np.testing.assert_allclose(nets[0].W.numpy()[:, 0], exact[:3], rtol=1e-4)


def test_predict_leaves_each_layer_in_the_mode_it_was_in():
    net = cr.nn.Sequential(cr.nn.Dense(2, 2, rng=0), cr.nn.BatchNorm(2))
    net[1].eval()
    cr.predict(net, np.ones((3, 2)))
    assert net.training
    assert not net[1].training


def test_loss_and_gradient_at_any_weights():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(20, 3)), rng.normal(size=(20, 2))
    net = cr.nn.Dense(3, 2, rng=0, dtype=np.float64)
    optimizer = cr.optim.SGD()
    optimizer.initialize(net)
    penalty = cr.training.L2(0.5)
    program = Program(net, cr.losses.squared_error, optimizer, penalty=penalty)
    x = rng.normal(size=8)
    loss, gradient = program.loss_and_gradient(Rows(X, t), x)
    W, b = x[:6].reshape(3, 2), x[6:]
    error = X @ W + b - t
    np.testing.assert_array_equal(net.W.numpy(), W)
    assert loss == pytest.approx((error**2).mean() + 0.25 * (W**2).sum())
    dW = X.T @ error * 2 / error.size + 0.5 * W
    expected = np.concatenate([dW.ravel(), error.sum(axis=0) * 2 / error.size])
    np.testing.assert_allclose(gradient, expected)


def test_a_program_can_begin_another_run():
    X, y = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    net = cr.nn.Dense(3, 2, rng=0, dtype=np.float64)
    optimizer = cr.optim.SGD(0.1)
    optimizer.initialize(net)
    program = Program(net, cr.losses.cross_entropy, optimizer)
    start, bounds = net.state_dict(), np.array([0, 10, 20])
    first = program.epochs(Rows(X, y), [np.arange(20)], bounds)
    net.load_state_dict(start)
    program.restart()
    assert program.latest_batch is None
    again = program.epochs(Rows(X, y), [np.arange(20)], bounds)
    np.testing.assert_array_equal(first, again)
