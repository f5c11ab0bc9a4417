"""Penalties on the weights."""

import numpy as np
import pytest

import chainrule as cr


def data(rows=23, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 3))
    return X, (X.sum(axis=1) > 0).astype(int), rng.uniform(0.5, 2, size=rows)


def network(dtype=np.float64):
    return cr.nn.Sequential(
        cr.nn.Dense(3, 4, rng=0, dtype=dtype, b_init="ones"),
        cr.nn.Tanh(),
        cr.nn.Dense(4, 2, rng=1, dtype=dtype),
    )


def by_hand(weights, alpha, epochs):
    """Gradient descent in batches of 8, in order, with the penalty's own gradient."""
    X, y, sample_weight = data()
    net, losses = network(), []

    def mean_loss(net, x, t, w):
        return cr.losses.cross_entropy(net(x), t, sample_weight=w)

    for start in [*range(0, 23, 8)] * epochs:
        rows = slice(start, start + 8)
        w = sample_weight[rows] if weights else None
        loss, dws = cr.value_and_grad(mean_loss)(net, X[rows], y[rows], w)
        n = w.sum() if weights else len(X[rows])
        sums = 0.0
        for name, parameter in net.parameters().items():
            gradient = dws[name].numpy()
            if name.endswith("W"):
                sums += (parameter.numpy() ** 2).sum()
                gradient = gradient + alpha / n * parameter.numpy()
            parameter.assign(parameter.numpy() - 0.1 * gradient)
        losses.append((loss.item() + alpha / (2 * n) * sums, n))
    return net, losses


@pytest.mark.parametrize("weights", [False, True])
def test_l2_by_rows_is_what_scikit_learn_defines(weights):
    X, y, sample_weight = data()
    net = network()
    history = cr.fit(
        net,
        X,
        y,
        sample_weight=sample_weight if weights else None,
        optimizer=cr.optim.SGD(0.1),
        batch_size=8,
        epochs=3,
        shuffle=False,
        penalty=cr.training.L2(0.7, by_rows=True),
    )
    expected, losses = by_hand(weights, 0.7, 3)
    for name, W in net.state_dict().items():
        np.testing.assert_allclose(W, expected.state_dict()[name], rtol=1e-10)
    latest = np.array(losses[-3:])
    np.testing.assert_allclose(
        history.last["loss"], np.average(latest[:, 0], weights=latest[:, 1]), rtol=1e-10
    )


def test_the_penalty_of_all_rows_does_not_depend_on_how_they_are_cut(monkeypatch):
    X, y, weights = data()
    nets = [network(), network()]
    for net, size in zip(nets, (2048, 7), strict=True):
        monkeypatch.setattr("chainrule.training.program.EVALUATION_BATCH", size)
        history = cr.fit(
            net,
            X,
            y,
            sample_weight=weights,
            optimizer=cr.optim.LBFGS(),
            epochs=100,
            penalty=cr.training.L2(1.0, by_rows=True),
        )
    for name, W in nets[0].state_dict().items():
        np.testing.assert_allclose(W, nets[1].state_dict()[name], rtol=1e-3, atol=1e-5)

    def objective(net):
        squares = (net[0].W ** 2).sum() + (net[2].W ** 2).sum()
        loss = cr.losses.cross_entropy(net(X), y, sample_weight=weights)
        return loss + squares / (2 * weights.sum())

    loss, dws = cr.value_and_grad(objective)(nets[1])
    assert loss.item() == pytest.approx(history.last["loss"])
    assert all(np.abs(dW.numpy()).max() < 1e-6 for dW in dws.values())


def test_alpha_may_change_without_compiling_anew():
    X, y, _ = data()
    optimizer = cr.optim.SGD(0.1)
    penalty = cr.training.L2(0.1, by_rows=True)
    net, fixed = network(), network()
    settings = {"batch_size": 8, "epochs": 2}
    cr.fit(net, X, y, optimizer=optimizer, penalty=penalty, **settings)
    penalty.alpha = 5.0
    history = cr.fit(net, X, y, optimizer=optimizer, penalty=penalty, **settings)
    assert history.speed.from_cache

    optimizer = cr.optim.SGD(0.1)
    for alpha in (0.1, 5.0):
        l2 = cr.training.L2(alpha, by_rows=True)
        cr.fit(fixed, X, y, optimizer=optimizer, penalty=l2, **settings)
    for name, W in net.state_dict().items():
        np.testing.assert_array_equal(W, fixed.state_dict()[name])


def test_without_rows_it_counts_the_same_in_every_batch():
    net = network()
    squares = sum((net[i].W.numpy() ** 2).sum() for i in (0, 2))
    penalty = cr.training.L2(0.3)
    assert penalty(net, cr.tensor(5.0)).item() == pytest.approx(0.15 * squares)


def test_it_takes_the_weights_that_are_asked_for():
    net = network()
    penalty = cr.training.L2(1.0, weights=lambda name: name in ("0.b", "2.W"))
    expected = (4 + (net[2].W.numpy() ** 2).sum()) / 2
    assert penalty(net, cr.tensor(1.0)).item() == pytest.approx(expected)


def test_a_network_without_dense_layers_is_refused():
    with pytest.raises(ValueError, match=r"finds no weights .* there are gamma, beta"):
        cr.training.L2(1.0)(cr.nn.LayerNorm(3), cr.tensor(1.0))


@pytest.mark.parametrize("alpha", [-1.0, np.nan, np.inf])
def test_alpha_is_a_number(alpha):
    with pytest.raises(ValueError, match=r"alpha=.* at least 0"):
        cr.training.L2(alpha)


def test_a_function_is_a_penalty_too():
    X, y, _ = data()

    def lasso(net, counted):
        return cr.abs(net[0].W).sum() / counted

    plain, sparse = network(), network()
    cr.fit(plain, X, y, epochs=20)
    cr.fit(sparse, X, y, epochs=20, penalty=lasso)
    assert np.abs(sparse[0].W.numpy()).sum() < np.abs(plain[0].W.numpy()).sum()
