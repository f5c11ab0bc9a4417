"""Gradient x input, and integrated gradients."""

from dataclasses import replace

import numpy as np
import pytest

import chainrule as cr
from chainrule.insight import explain, input_gradients

rng = np.random.default_rng(0)
X = rng.normal(size=(6, 4))


def network(activation=cr.nn.Tanh, outputs=3):
    return cr.nn.Sequential(
        cr.nn.Dense(4, 8, rng=0, dtype=float),
        activation(),
        cr.nn.Dense(8, outputs, rng=1, dtype=float),
    )


class Product(cr.nn.Module):
    """`x0 x1 + x2**3`, of which everything is known."""

    def forward(self, x):
        return x[:, 0] * x[:, 1] + x[:, 2] ** 3


def test_integrated_gradients_in_closed_form():
    x = X.astype(np.float32)
    found = explain(Product(), X, steps=2)
    half = x[:, 0] * x[:, 1] / 2
    expected = np.stack([half, half, x[:, 2] ** 3, 0 * half], axis=1)
    np.testing.assert_allclose(found.attributions, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.values, 2 * half + x[:, 2] ** 3, rtol=1e-5)
    assert (found.base == 0).all()


@pytest.mark.parametrize("of", ["output", "probability"])
@pytest.mark.parametrize("baseline", [0.0, "mean", X[0], X[::-1]])
def test_what_is_attributed_adds_up(of, baseline):
    net = network()
    found = explain(net, X, baseline=baseline, of=of, output=1)
    start = X.mean(axis=0) if isinstance(baseline, str) else baseline
    start = np.broadcast_to(start, X.shape)

    def f(x):
        z = cr.predict(net, x)
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        return (z if of == "output" else p)[:, 1]

    np.testing.assert_allclose(found.values, f(X), rtol=1e-10)
    np.testing.assert_allclose(found.base, f(start), rtol=1e-10)
    np.testing.assert_allclose(
        found.attributions.sum(axis=1), f(X) - f(start), rtol=1e-9, atol=1e-12
    )
    np.testing.assert_allclose(found.gaps, 0, atol=1e-12)


def test_against_a_fine_riemann_sum():
    net = network()
    found = explain(net, X, output=2, baseline=0.5)
    middles = (np.arange(2000) + 0.5) / 2000
    mean = np.mean(
        [input_gradients(net, 0.5 + t * (X - 0.5), 2) for t in middles], axis=0
    )
    np.testing.assert_allclose(found.attributions, (X - 0.5) * mean, atol=1e-6)


def test_corners_leave_a_gap_that_more_steps_close():
    net = network(cr.nn.ReLU)
    found = [explain(net, X, baseline=X[0], steps=n).gaps for n in (4, 256)]
    coarse, fine = (np.abs(gaps).max() for gaps in found)
    assert 0 < fine < coarse / 10


def test_gradient_x_input():
    net = network()
    found = explain(net, X, "gradient_x_input", baseline="mean")
    expected = (X - X.mean(axis=0)) * input_gradients(net, X)
    np.testing.assert_allclose(found.attributions, expected, rtol=1e-10)
    assert np.abs(found.gaps).max() > 1e-3
    line = cr.nn.Dense(4, 1, rng=0, dtype=float)
    np.testing.assert_allclose(explain(line, X, "gradient_x_input").gaps, 0, atol=1e-12)


def test_it_is_about_the_largest_output_unless_told():
    net = network()
    found = explain(net, X)
    z = cr.predict(net, X)
    np.testing.assert_array_equal(found.outputs, z.argmax(axis=1))
    np.testing.assert_allclose(found.values, z.max(axis=1))


def test_summaries():
    found = explain(network(), X)
    mean_abs = np.abs(found.attributions).mean(axis=0)
    np.testing.assert_allclose(found.mean_abs(), mean_abs)
    order = np.argsort(-mean_abs)
    assert found.top(2) == [(f"x{j}", pytest.approx(mean_abs[j])) for j in order[:2]]
    row = found.row(-1)
    assert row.row == 5
    strongest = np.abs(found.attributions[5]).argmax()
    assert row.top(1) == [(f"x{strongest}", found.attributions[5, strongest])]
    assert row.gap == pytest.approx(found.gaps[5])
    with pytest.raises(IndexError):
        found.row(6)


def test_what_is_printed():
    pd = pytest.importorskip("pandas")
    net = cr.nn.Dense(12, 1, rng=0)
    net.W.assign(np.arange(12, dtype=np.float32)[:, None])
    frame = pd.DataFrame(np.ones((2, 12)), columns=[f"column {j}" for j in range(12)])
    found = explain(net, frame)
    lines = repr(found).splitlines()
    assert lines[0] == "what adds to the output of 2 rows, by integrated gradients"
    assert lines[1].split() == ["column", "mean", "|adds|"]
    assert lines[2].split() == ["column", "11", "11", "#" * 20]
    assert lines[-2].strip() == "2 others"
    assert "is left unexplained" in lines[-1]
    row = repr(found.row(1)).splitlines()
    assert row[0] == "row 1: output 0 is 66, and 0 at the baseline"
    assert row[2].split() == ["column", "11", "1", "+11"]
    assert row[-2].split() == ["2", "others", "+1"]


def test_cells_of_a_table_are_printed_as_they_are():
    found = explain(cr.nn.Dense(4, 1, rng=0), np.ones((1, 4)))
    cells = np.array([["Ulm", None, 3.14159, np.nan]], object)
    lines = repr(replace(found, X=cells).row(0)).splitlines()[2:6]
    shown = {line.split()[0]: line.split()[1:-1] for line in lines}
    assert shown == {"x0": ["Ulm"], "x1": ["missing"], "x2": ["3.142"], "x3": []}


def test_groups_add_up():
    found = explain(network(), X, columns=["a", "b", "c", "d"])
    assert found.columns == ("a", "b", "c", "d")
    grouped = found.grouped({"outer": [0, 3], "b": [1], "none": []})
    assert grouped.columns == ("outer", "b", "none")
    a = found.attributions
    expected = np.stack([a[:, 0] + a[:, 3], a[:, 1], 0 * a[:, 1]], axis=1)
    np.testing.assert_allclose(grouped.attributions, expected)
    np.testing.assert_allclose(grouped.gaps, found.gaps + a[:, 2])
    lines = {line.split()[0]: line.split() for line in repr(grouped.row(2)).split("\n")}
    assert lines["outer"][1:] == [f"{expected[2, 0]:+.4g}"]
    assert lines["b"][1:] == [f"{X[2, 1]:.4g}", f"{expected[2, 1]:+.4g}"]


def test_rows_of_any_shape():
    net = cr.nn.Sequential(cr.nn.Flatten(), cr.nn.Dense(6, 2, rng=0))
    found = explain(net, rng.normal(size=(3, 2, 3)), baseline=np.zeros((2, 3)))
    assert found.attributions.shape == (3, 2, 3)
    assert found.mean_abs().shape == (2, 3)
    assert found.top(1)[0][0] in {f"x[{i}, {j}]" for i in range(2) for j in range(3)}
    np.testing.assert_allclose(found.gaps, 0, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "magic"}, "method='magic' has to be one of integrated_gradients"),
        ({"steps": 0}, "steps=0 has to be a whole number of at least 1"),
        ({"baseline": [0.0, 1.0]}, r"the baseline has shape \(2,\); .* shape \(4,\)"),
        ({"baseline": np.nan}, "NaN or infinite"),
        ({"baseline": "median"}, "baseline='median' has to be 'mean'"),
    ],
)
def test_what_cannot_be_asked(arguments, message):
    with pytest.raises(ValueError, match=message):
        explain(network(), X, **arguments)
