"""Losses for numbers against their formulas in NumPy, and their gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses


def pinball(q):
    def formula(y, t):
        r = t - y
        return np.where(r >= 0, q * r, (q - 1) * r)

    return formula


def huber(delta):
    def formula(y, t):
        r = np.abs(y - t)
        return np.where(r <= delta, r**2 / 2, delta * (r - delta / 2))

    return formula


CASES = [
    (losses.squared_error, {}, lambda y, t: (y - t) ** 2),
    (losses.absolute_error, {}, lambda y, t: np.abs(y - t)),
    (losses.huber, {}, huber(1.0)),
    (losses.huber, {"delta": 0.3}, huber(0.3)),
    (losses.quantile, {}, pinball(0.5)),
    (losses.quantile, {"q": 0.9}, pinball(0.9)),
    (losses.poisson, {}, lambda y, t: np.exp(y) - t * y),
]


def data(*shape):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape), rng.uniform(0.5, 2, size=shape)


@pytest.mark.parametrize(("loss", "options", "formula"), CASES)
@pytest.mark.parametrize("shape", [(6,), (6, 1), (4, 3), (2, 2, 2), ()])
def test_values(loss, options, formula, shape):
    y, t = data(*shape)
    expected = formula(y, t)
    for reduction, reduce in (("none", np.array), ("sum", np.sum), ("mean", np.mean)):
        found = loss(y, t, reduction=reduction, **options)
        np.testing.assert_allclose(found.numpy(), reduce(expected), rtol=1e-12)
    np.testing.assert_allclose(loss(y, t, **options).numpy(), expected.mean(), 1e-12)


@pytest.mark.parametrize(("loss", "options", "formula"), CASES)
def test_weights(loss, options, formula):
    y, t = data(5, 2)
    w = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    each = formula(y, t) * w[:, None]
    for weight in (w, w[:, None], w.tolist()):
        found = loss(y, t, sample_weight=weight, **options).item()
        assert found == pytest.approx(each.sum() / w.sum() / 2, rel=1e-12)
    none = loss(y, t, sample_weight=w, reduction="none", **options)
    np.testing.assert_allclose(none.numpy(), each, rtol=1e-12)


@pytest.mark.parametrize(("loss", "options", "formula"), CASES)
def test_gradients(loss, options, formula):
    y, t = data(5, 2)
    w = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    cr.check_gradients(lambda y: loss(y, t, **options), y)
    cr.check_gradients(lambda y: loss(y, t, sample_weight=w, **options), y)
    del formula


@pytest.mark.parametrize(("loss", "options", "formula"), CASES)
def test_traced_is_eager(loss, options, formula):
    y, t = data(5)
    w = np.ones(5)
    traced = cr.compile(lambda y, t, w: loss(y, t, sample_weight=w, **options))
    expected = loss(y, t, sample_weight=w, **options)
    np.testing.assert_allclose(traced(y, t, w).numpy(), expected.numpy(), rtol=1e-13)
    del formula


def test_columns_and_vectors_are_taken_for_each_other():
    y, t = data(6)
    expected = ((y - t) ** 2).mean()
    for a, b in ((y[:, None], t), (y, t[:, None])):
        found = losses.squared_error(a, b)
        assert found.item() == pytest.approx(expected, rel=1e-12)
    none = losses.squared_error(y[:, None], t, reduction="none")
    assert none.shape == (6, 1)


@pytest.mark.parametrize("shapes", [((6,), (5,)), ((6, 2), (6,)), ((6, 1), (1, 6))])
def test_shapes_that_do_not_fit_are_refused(shapes):
    a, b = shapes
    with pytest.raises(ValueError, match="each number that is predicted") as caught:
        losses.huber(np.ones(a), np.ones(b))
    assert f"huber: the prediction has shape {a} and the target {b}" in str(
        caught.value
    )


def test_the_prediction_decides_the_dtype():
    y = np.ones(3, np.float32)
    for target in (np.ones(3), np.ones(3, int), np.ones(3, bool)):
        assert losses.squared_error(y, target).dtype == np.float32


def test_huber_far_away_is_a_line_and_stays_finite():
    y = np.array([1e20, -1e20])
    found = losses.huber(y, np.zeros(2), reduction="none").numpy()
    np.testing.assert_allclose(found, 1e20, rtol=1e-12)


def test_a_nan_is_not_hidden():
    for loss, options, _ in CASES:
        y = np.array([np.nan, 1.0])
        assert np.isnan(loss(y, np.ones(2), **options).item()), loss


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.huber([1.0], [1.0], delta=0), "delta is above 0, not 0"),
        (lambda: losses.quantile([1.0], [1.0], q=1), "q is between 0 and 1, not 1"),
        (lambda: losses.quantile([1.0], [1.0], q=-0.1), "q is between 0 and 1"),
        (lambda: losses.quantile([[1.0, 1.0]], [1.0], q=[0.5, 1]), "0 and 1, not 1"),
        (lambda: losses.quantile([1.0], [1.0], q=float("nan")), "0 and 1, not nan"),
        (lambda: losses.poisson([1.0], [-2.0]), r"poisson: -2\.0 is no target: counts"),
        (lambda: losses.cosine(1.0, 1.0), "this is one number"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


QUANTILES = [0.9, 0.1, 0.5]  # in any order


@pytest.mark.parametrize("shape", [(6, 3), (4, 2, 3)])
def test_several_quantiles(shape):
    y, t = data(*shape)
    by_column = losses.quantile(y, t, q=QUANTILES, reduction="none").numpy()
    for k, q in enumerate(QUANTILES):
        expected = pinball(q)(y[..., k], t[..., k])
        np.testing.assert_allclose(by_column[..., k], expected, rtol=1e-12)
    one = t[..., 0]
    expected = np.stack(
        [pinball(q)(y[..., k], one) for k, q in enumerate(QUANTILES)], axis=-1
    )
    for target in (one, one[..., None]):
        for q in (QUANTILES, tuple(QUANTILES), np.array(QUANTILES)):
            found = losses.quantile(y, target, q=q)
            assert found.item() == pytest.approx(expected.mean(), rel=1e-12)


def test_several_quantiles_are_scored_as_by_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    y, t = data(50, 3)
    w = np.random.default_rng(1).uniform(0, 2, size=50)
    for weight in (None, w):
        each = [
            metrics.mean_pinball_loss(t[:, 0], y[:, k], alpha=q, sample_weight=weight)
            for k, q in enumerate(QUANTILES)
        ]
        found = losses.quantile(y, t[:, 0], q=QUANTILES, sample_weight=weight).item()
        assert found == pytest.approx(np.mean(each), rel=1e-12)


def test_a_batch_of_as_many_rows_as_quantiles():
    y, t = data(3, 3)
    expected = losses.quantile(y, np.repeat(t[:, :1], 3, axis=1), q=QUANTILES)
    assert losses.quantile(y, t[:, 0], q=QUANTILES) == expected


@pytest.mark.parametrize("targets", [(5,), (5, 1), (5, 3)])
def test_gradients_of_several_quantiles(targets):
    y, _ = data(5, 3)
    t = np.random.default_rng(2).normal(size=targets)
    w = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    cr.check_gradients(lambda y: losses.quantile(y, t, q=QUANTILES), y)
    cr.check_gradients(
        lambda y, t: losses.quantile(y, t, q=QUANTILES, sample_weight=w), y, t
    )
    for dtype, tolerance in ((np.float64, 1e-13), (np.float32, 1e-6)):
        numbers = (y.astype(dtype), t.astype(dtype), w.astype(dtype))

        def loss(y, t, w):
            return losses.quantile(y, t, q=QUANTILES, sample_weight=w)

        value, dy = cr.compile(cr.value_and_grad(loss))(*numbers)
        expected, gradient = cr.value_and_grad(loss)(*numbers)
        assert value.dtype == dy.dtype == dtype
        np.testing.assert_allclose(value.numpy(), expected.numpy(), rtol=tolerance)
        np.testing.assert_allclose(dy.numpy(), gradient.numpy(), rtol=tolerance)


def test_one_quantile_in_a_list_is_that_quantile():
    y, t = data(6, 1)
    expected = losses.quantile(y, t, q=0.9)
    assert losses.quantile(y, t[:, 0], q=[0.9]) == expected


def test_sorted_quantiles_are_never_worse():
    rng = np.random.default_rng(3)
    y, t = rng.normal(size=(200, 3)), rng.normal(size=200)
    q = sorted(QUANTILES)
    crossed = losses.quantile(y, t, q=q, reduction="none").sum(axis=1).numpy()
    in_order = np.sort(y, axis=1)
    found = losses.quantile(in_order, t, q=q, reduction="none").sum(axis=1).numpy()
    assert (found <= crossed + 1e-12).all()
    assert (found < crossed - 0.1).any()


def test_a_network_learns_several_quantiles():
    noise = np.random.default_rng(0).normal(size=2000)
    net = cr.nn.Dense(1, 3, rng=0)
    cr.fit(
        net,
        np.zeros((2000, 1)),
        noise,
        loss=losses.get("quantile", q=[0.1, 0.5, 0.9]),
        optimizer=cr.optim.Adam(cr.optim.Cosine(0.02)),
        batch_size=100,
        epochs=20,
        seed=0,
    )
    expected = np.quantile(noise, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(net.b.numpy(), expected, atol=0.05)


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ((6, 2), (6,), r"has shape \(6, 2\); for q=\[0.9, 0.1, 0.5\] .*, \(B, 3\)"),
        ((3,), (3,), r"has shape \(3,\); for q="),
        ((6, 3), (5,), "each number that is predicted needs one target"),
        ((6, 3), (6, 2), "each number that is predicted needs one target"),
    ],
)
def test_predictions_that_are_not_those_quantiles_are_refused(
    prediction, target, message
):
    with pytest.raises(ValueError, match=message):
        losses.quantile(np.ones(prediction), np.ones(target), q=QUANTILES)


def cosine(y, t):
    lengths = np.linalg.norm(y, axis=-1) * np.linalg.norm(t, axis=-1)
    return 1 - (y * t).sum(-1) / lengths


def test_cosine():
    y, t = data(5, 3)
    w = np.array([1.0, 0.0, 2.0, 0.5, 3.0])
    expected = cosine(y, t)
    none = losses.cosine(y, t, reduction="none").numpy()
    np.testing.assert_allclose(none, expected, rtol=1e-12)
    found = losses.cosine(y, t, sample_weight=w).item()
    assert found == pytest.approx((w * expected).sum() / w.sum(), rel=1e-12)
    cr.check_gradients(losses.cosine, y, t)


def test_cosine_of_nothing_is_1_without_a_slope():
    def f(y):
        return losses.cosine(y, np.ones((1, 3)))

    value, dy = cr.value_and_grad(f)(np.zeros((1, 3)))
    assert value.item() == 1
    assert np.isfinite(dy.numpy()).all()
