"""The length of each row's gradient, and the rows that it points at."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.compile import trace
from chainrule.insight import hard_rows
from chainrule.insight.hard_rows import _pull, _told_apart

rng = np.random.default_rng(0)
COUNT = 9


def one_by_one(net, X, y, loss, chosen=lambda name: True):
    """Losses and lengths of gradients, a row at a time, without compiling."""
    net.eval()
    found = []
    for i in range(len(X)):
        row = slice(i, i + 1)

        def objective(net, row=row):
            return loss(net(X[row]), y[row])

        L, dws = cr.value_and_grad(objective)(net)
        squares = sum(
            (dW.numpy().astype(float) ** 2).sum() for k, dW in dws.items() if chosen(k)
        )
        found.append((L.item(), np.sqrt(squares)))
    return np.array(found).T


class Mixed(cr.nn.Module):
    """Every kind of layer, a lookup of several categories, and a weight unused."""

    def __init__(self):
        self.vectors = cr.nn.Embedding(4, 3, rng=0, dtype=float)
        self.one = cr.nn.Embedding(4, 2, rng=1, dtype=float)
        self.dense = cr.nn.Dense(14, 5, rng=2, dtype=float)
        self.batch = cr.nn.BatchNorm(5, dtype=float)
        self.layer = cr.nn.LayerNorm(5, dtype=float)
        self.last = cr.nn.Dense(5, 3, rng=3, dtype=float)
        self.scale = cr.Parameter(1.5)
        self.unused = cr.Parameter(np.ones(3))

    def forward(self, x):
        n = x.shape[0]
        codes = x.astype(np.int64)
        several = self.vectors(codes).reshape((n, -1))
        h = cr.concatenate([several, self.one(codes[:, 1])], axis=1)
        h = self.layer(cr.tanh(self.batch(self.dense(h))))
        return self.last(h) * self.scale


class Positions(cr.nn.Module):
    """Layers that see several positions of each row, fewer and more than numbers."""

    def __init__(self, inputs, outputs):
        self.first = cr.nn.Dense(inputs, 4, rng=0, dtype=float)
        self.second = cr.nn.Dense(4, outputs, rng=1, dtype=float)

    def forward(self, x):
        return self.second(cr.tanh(self.first(x))).mean(1)


class Tied(cr.nn.Module):
    """A weight that is used twice, and one that is turned on its way."""

    def __init__(self):
        self.twice = cr.nn.Dense(3, 3, rng=0, dtype=float)
        self.turned = cr.Parameter(rng.normal(size=(2, 3)))

    def forward(self, x):
        return self.twice(cr.tanh(self.twice(x))) @ self.turned.T


class Across(cr.nn.Module):
    """Rows are not the first axis of what the weight meets."""

    def __init__(self):
        self.W = cr.Parameter(rng.normal(size=(4, 3)))
        self.dense = cr.nn.Dense(12, 2, rng=0, dtype=float)

    def forward(self, x):
        turned = (cr.swapaxes(x, 0, 1) @ self.W.T).reshape((-1, 4))  # positions first
        n = x.shape[0]
        back = cr.swapaxes(turned.reshape((3, n, 4)), 0, 1).reshape((n, 12))
        return self.dense(cr.tanh(back))


def plain(outputs=3):
    return cr.nn.Sequential(
        cr.nn.Dense(4, 6, rng=0, dtype=float),
        cr.nn.ReLU(),
        cr.nn.Dropout(0.5),
        cr.nn.Dense(6, outputs, bias=False, rng=1, dtype=float),
    )


def normal(*shape):
    return rng.normal(size=(COUNT, *shape))


CODES = rng.integers(0, 4, (COUNT, 4))
LABELS = rng.integers(0, 3, COUNT)
CASES = {
    "plain": (plain(), normal(4), LABELS, "cross_entropy"),
    "mixed": (Mixed(), CODES, LABELS, "cross_entropy"),
    "few positions": (Positions(6, 3), normal(2, 6), LABELS, "cross_entropy"),
    "positions": (Positions(2, 2), normal(7, 2), LABELS % 2, "cross_entropy"),
    "tied": (Tied(), normal(3), LABELS % 2, "cross_entropy"),
    "across": (Across(), normal(3, 3), LABELS % 2, "cross_entropy"),
    "numbers": (plain(2), normal(4), normal(2), "squared"),
    "one logit": (plain(1), normal(4), LABELS % 2, "binary_cross_entropy"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("batch_size", [4, 100])
def test_lengths_are_those_of_each_row_by_itself(case, batch_size):
    net, X, y, name = CASES[case]
    loss = cr.losses.get(name)
    losses, norms = one_by_one(net, X, y, loss)
    found = hard_rows(net, X, y, loss=name, batch_size=batch_size)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-10)
    rtol = 1e-7 if case == "mixed" else 1e-9  # where one weight is in float32
    np.testing.assert_allclose(found.norms, norms, rtol=rtol)
    by_norm = np.argsort(-found.norms, kind="stable")
    np.testing.assert_array_equal(found.order, by_norm)
    assert list(found) == found.order.tolist()


@pytest.mark.parametrize(
    ("case", "alone"),
    [
        ("plain", set()),
        ("mixed", set()),
        ("positions", set()),
        ("tied", {"twice.W", "twice.b"}),
        ("across", {"W"}),
    ],
)
def test_which_weights_the_graph_tells_apart(case, alone):
    net, X, y, name = CASES[case]
    found = _told_apart(net, cr.losses.get(name), X, y)
    assert set(net.parameters()) - found == alone


def test_an_axis_that_has_as_many_elements_as_rows_is_not_taken_for_them():
    class Fixed(cr.nn.Module):
        """A product whose sum runs over its own two rows, not over those of a batch."""

        def __init__(self):
            self.A = cr.Parameter(rng.normal(size=(2, 2)))
            self.B = cr.Parameter(rng.normal(size=(2, 2)))

        def forward(self, x):
            return x @ (self.A @ self.B)

    net, X, y = Fixed(), rng.normal(size=(2, 2)), np.array([0, 1])
    assert _told_apart(net, cr.losses.cross_entropy, X, y) == set()
    _, norms = one_by_one(net, X, y, cr.losses.cross_entropy)
    np.testing.assert_allclose(hard_rows(net, X, y).norms, norms, rtol=1e-9)


def test_a_loss_that_gives_one_number_only():
    def cubic(prediction, target, *, sample_weight=None):
        return cr.abs(prediction[:, 0] - target).mean() ** 3

    net, X, y = plain(1), rng.normal(size=(COUNT, 4)), rng.normal(size=COUNT)
    losses, norms = one_by_one(net, X, y, cubic)
    found = hard_rows(net, X, y, loss=cubic)
    np.testing.assert_allclose(found.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(found.norms, norms, rtol=1e-9)


def test_some_of_the_weights():
    net, X, y, _ = CASES["plain"]
    _, norms = one_by_one(net, X, y, cr.losses.cross_entropy, lambda k: k == "3.W")
    found = hard_rows(net, X, y, weights=lambda k: k == "3.W")
    np.testing.assert_allclose(found.norms, norms, rtol=1e-9)
    with pytest.raises(ValueError, match="leaves no parameter"):
        hard_rows(net, X, y, weights=lambda k: False)


def test_the_network_is_left_as_it_was():
    net = plain()
    hard_rows(net, rng.normal(size=(5, 4)), LABELS[:5])
    assert all(module.training for module in net.modules().values())


def test_flipped_labels_come_first():
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    X = X / 16
    flipped = np.random.default_rng(0).choice(len(y), 50, replace=False)
    wrong = y.copy()
    wrong[flipped] = (y[flipped] + 3) % 10
    net = cr.nn.Sequential(
        cr.nn.Dense(64, 32, rng=0), cr.nn.ReLU(), cr.nn.Dense(32, 10, rng=1)
    )
    cr.fit(net, X, wrong, epochs=10, optimizer=cr.optim.Adam(3e-3), batch_size=64)
    found = hard_rows(net, X, wrong)
    assert np.isin(found.order[:50], flipped).mean() > 0.8
    assert np.isin(flipped, found.order[:100]).mean() > 0.9
    right = found.labels[flipped] == y[flipped]
    assert right.mean() > 0.8
    assert np.isin(flipped, found.suspects).mean() > 0.9
    np.testing.assert_array_equal(found.targets, wrong)


def test_numbers_have_no_suspects():
    net, X, y, name = CASES["numbers"]
    found = hard_rows(net, X, y, loss=name)
    assert found.labels is None
    with pytest.raises(ValueError, match="numbers as targets"):
        _ = found.suspects
    assert "target" not in repr(found)


def test_what_is_printed():
    net, X, y, _ = CASES["plain"]
    lines = repr(hard_rows(net, np.tile(X, (2, 1)), np.tile(y, 2))).splitlines()
    assert lines[0].split() == ["row", "gradient", "loss", "target", "network", "says"]
    assert len(lines) == 12
    assert lines[-1].strip() == "8 more"


def test_targets_that_are_no_class_are_refused():
    with pytest.raises((ValueError, IndexError), match="7"):
        hard_rows(plain(), rng.normal(size=(5, 4)), [0, 1, 7, 0, 1])
    with pytest.raises(ValueError, match=r"X has 5 given rows and y has 4"):
        hard_rows(plain(), rng.normal(size=(5, 4)), [0, 1, 0, 1])


def test_nothing_of_the_sums_is_computed():
    """What is compiled has no gradient of a weight in it, only lengths."""
    net, X, y, _ = CASES["plain"]
    pull = _pull(net.eval(), cr.losses.cross_entropy, {"0.W"}, together=True)
    graph = trace(pull, X, y).simplified().graph
    assert [v for v in graph.order if v.shape == (4, 6) and v.operation] == []
