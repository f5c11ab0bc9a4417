"""Epochs of a training step, and predictions."""

import numpy as np
import pytest

import chainrule as cr


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
