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
        (lambda: losses.poisson([1.0], [-2.0]), r"poisson: -2\.0 is no target: counts"),
        (lambda: losses.cosine(1.0, 1.0), "this is one number"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


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
