"""Losses for classes against their formulas in NumPy, and their gradients."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses

ROWS, CLASSES = 6, 4


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def z(rng):
    return rng.normal(size=(ROWS, CLASSES)) * 2


@pytest.fixture
def labels(rng):
    return rng.integers(CLASSES, size=ROWS)


@pytest.fixture
def w(rng):
    return rng.uniform(0.1, 2, size=ROWS)


CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 0.0])


def cross_entropy(z, t, class_weight, smoothing):
    """Each row's loss, by the definition; and what each row's class counts."""
    hot = np.eye(CLASSES)[t] if t.ndim == 1 else t
    smooth = (1 - smoothing) * hot + smoothing / CLASSES
    counts = hot @ class_weight if t.ndim == 1 else np.ones(len(z))
    return -(class_weight * smooth * np.log(softmax(z))).sum(1), counts


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("class_weight", [None, CLASS_WEIGHT])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(z, labels, rng, w, smoothing, class_weight, soft, weighted):
    t = rng.dirichlet(np.ones(CLASSES), ROWS) if soft else labels
    used = np.ones(CLASSES) if class_weight is None else class_weight
    each, counts = cross_entropy(z, t, used, smoothing)
    sample_weight = w if weighted else np.ones(ROWS)
    options = {
        "class_weight": class_weight,
        "label_smoothing": smoothing,
        "sample_weight": w if weighted else None,
    }
    expected = {
        "none": sample_weight * each,
        "sum": (sample_weight * each).sum(),
        "mean": (sample_weight * each).sum() / (sample_weight * counts).sum(),
    }
    for reduction, number in expected.items():
        found = losses.cross_entropy(z, t, reduction=reduction, **options)
        np.testing.assert_allclose(found.numpy(), number, rtol=1e-10)
    cr.check_gradients(lambda z: losses.cross_entropy(z, t, **options), z)
    traced = cr.compile(lambda z, t: losses.cross_entropy(z, t, **options))
    np.testing.assert_allclose(
        traced(z, t).numpy(), losses.cross_entropy(z, t, **options).numpy()
    )


def test_cross_entropy_has_the_gradient_of_the_lecture(z, labels):
    dz = cr.grad(lambda z: losses.cross_entropy(z, labels))(z).numpy()
    np.testing.assert_allclose(
        dz, (softmax(z) - np.eye(CLASSES)[labels]) / ROWS, rtol=1e-9, atol=1e-15
    )


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int32, np.int64])
def test_labels_of_any_integers(z, labels, dtype):
    expected = losses.cross_entropy(z, labels).item()
    assert losses.cross_entropy(z, labels.astype(dtype)).item() == expected


def test_booleans_are_two_classes(z):
    t = np.array([True, False] * 3)
    expected = losses.cross_entropy(z[:, :2], t.astype(int)).item()
    assert losses.cross_entropy(z[:, :2], t).item() == expected


def test_more_axes_are_more_rows(z, labels):
    deep, flat = z.reshape(2, 3, CLASSES), losses.cross_entropy(z, labels).item()
    assert losses.cross_entropy(deep, labels.reshape(2, 3)).item() == pytest.approx(
        flat
    )
    one = losses.cross_entropy(z[0], labels[0])
    assert one.item() == pytest.approx(
        losses.cross_entropy(z[:1], labels[:1]).item(), rel=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_is_exact_where_probabilities_would_round(dtype):
    z = np.array([[1000.0, 0.0], [1000.0, 990.0], [-1000.0, 0.0]], dtype)
    found = losses.cross_entropy(z, [0, 0, 0], reduction="none").numpy()
    assert found.dtype == dtype
    np.testing.assert_allclose(found, [0, np.log1p(np.exp(-10)), 1000], rtol=1e-3)
    dz = cr.grad(lambda z: losses.cross_entropy(z, [1, 1, 0]))(z).numpy()
    assert np.isfinite(dz).all()


@pytest.mark.parametrize(
    ("z", "t", "error", "message"),
    [
        (
            (6, 4),
            np.zeros(5, int),
            ValueError,
            r"logits of shape \(6, 4\) need integer",
        ),
        ((6, 4), np.zeros((6, 1), int), ValueError, "need integer labels of shape"),
        ((6, 4), np.zeros((6, 3)), ValueError, "probabilities of shape"),
        ((6, 4), np.zeros(6), ValueError, r"integer labels .* the target is f64\[6\]"),
        ((6, 1), np.zeros(6, int), ValueError, "use binary_cross_entropy"),
        ((6,), np.zeros(6, int), ValueError, "row of the target add up to 0, not 1"),
        ((), np.zeros((), int), ValueError, "use binary_cross_entropy"),
        ((2, 3), np.array([0, 3]), ValueError, "3 is no target: labels are class num"),
        ((2, 3), np.array([0, -1]), ValueError, "from 0 to 2, for logits of 3 columns"),
        ((2, 2), np.array([[0.5, 0.5], [1.5, -0.5]]), ValueError, "1.5 is no target"),
        ((2, 2), np.array([[0.5, 0.5], [np.nan, 0]]), ValueError, "nan is no target"),
    ],
)
def test_targets_that_do_not_fit_are_refused(z, t, error, message):
    with pytest.raises(error, match=f"cross_entropy: .*{message}"):
        losses.cross_entropy(np.zeros(z), t)


def test_labels_out_of_range_are_refused_by_a_traced_loss_too():
    f = cr.compile(losses.cross_entropy)
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match=f"{wrong}"):
            f(np.zeros((2, 3)), np.array([0, wrong]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.5}, "label_smoothing is between 0 and 1, not 1.5"),
        ({"class_weight": np.ones(3)}, r"class_weight has shape \(3,\)"),
        ({"class_weight": -np.ones(4)}, "weights are 0 or more"),
        ({"class_weight": CLASS_WEIGHT}, "all weights are 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(z, options, message):
    with pytest.raises(ValueError, match=message):
        losses.cross_entropy(z, np.full(ROWS, 3), **options)


# --- two classes --------------------------------------------------------------------


def binary(z, t, w0, w1, positive, smoothing):
    p, s = sigmoid(z), t * (1 - smoothing) + smoothing / 2
    each = -positive * w1 * s * np.log(p) - w0 * (1 - s) * np.log(1 - p)
    return each, w1 * t + w0 * (1 - t)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("class_weight", [None, (0.5, 3.0)])
@pytest.mark.parametrize("pos_weight", [None, 2.5])
@pytest.mark.parametrize("weighted", [False, True])
def test_binary_cross_entropy(z, w, smoothing, class_weight, pos_weight, weighted):
    z, t = z[:, 0], np.array([0, 1, 1, 0.25, 1, 0])
    w0, w1 = class_weight or (1, 1)
    each, counts = binary(z, t, w0, w1, pos_weight or 1, smoothing)
    sample_weight = w if weighted else np.ones(ROWS)
    options = {
        "class_weight": class_weight,
        "pos_weight": pos_weight,
        "label_smoothing": smoothing,
        "sample_weight": w if weighted else None,
    }
    none = losses.binary_cross_entropy(z, t, reduction="none", **options)
    np.testing.assert_allclose(none.numpy(), sample_weight * each, rtol=1e-10)
    found = losses.binary_cross_entropy(z, t, **options).item()
    expected = (sample_weight * each).sum() / (sample_weight * counts).sum()
    assert found == pytest.approx(expected, rel=1e-10)
    cr.check_gradients(lambda z: losses.binary_cross_entropy(z, t, **options), z)


def test_binary_is_cross_entropy_of_two_classes(z):
    z, t = z[:, 0], np.array([0, 1, 1, 0, 1, 0])
    two = np.stack([np.zeros_like(z), z], axis=1)
    for options in ({}, {"class_weight": (0.5, 3.0)}, {"label_smoothing": 0.2}):
        expected = losses.cross_entropy(two, t, **options).item()
        for column in (z, z[:, None]):
            found = losses.binary_cross_entropy(column, t, **options).item()
            assert found == pytest.approx(expected, rel=1e-12)


def test_several_questions_with_a_weight_each(rng):
    z, t = rng.normal(size=(5, 3)), rng.integers(2, size=(5, 3))
    positive = np.array([1.0, 2.0, 0.5])
    each, _ = binary(z, t, 1, 1, positive, 0)
    found = losses.binary_cross_entropy(z, t, pos_weight=positive)
    assert found.item() == pytest.approx(each.mean(), rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_binary_cross_entropy_is_exact_for_large_logits(dtype):
    z = np.array([20.0, -20.0, 500.0, -500.0], dtype)
    found = losses.binary_cross_entropy(z, [1, 0, 0, 1], reduction="none").numpy()
    np.testing.assert_allclose(found, [2.0611536e-9, 2.0611536e-9, 500, 500], rtol=1e-6)
    dz = cr.grad(lambda z: losses.binary_cross_entropy(z, [1, 0, 0, 1]))(z).numpy()
    np.testing.assert_allclose(dz[2:], [0.25, -0.25], rtol=1e-6)


def test_the_gradient_at_0_is_half():
    dz = cr.grad(lambda z: losses.binary_cross_entropy(z, [1.0, 0.0]))(np.zeros(2))
    np.testing.assert_allclose(dz.numpy(), [-0.25, 0.25])


@pytest.mark.parametrize("t", [[-1, 1], [0.5, np.nan], [0, 2]])
def test_targets_that_are_no_probability_are_refused(t):
    with pytest.raises(ValueError, match="targets are 0, 1 or a probability"):
        losses.binary_cross_entropy([0.0, 0.0], t)
    with pytest.raises(ValueError, match="class_weight"):
        losses.binary_cross_entropy([0.0, 0.0], [0, 1], class_weight=(-1, 1))


# --- hinge, Kullback-Leibler ----------------------------------------------------------


def test_hinge_of_two_classes(z):
    z, t = z[:, 0], np.array([0, 1, 1, 0, 1, 0])
    expected = np.maximum(0, 1 - (2 * t - 1) * z)
    for target in (t, 2 * t - 1, t.astype(bool), t[:, None]):
        for column in (z, z[:, None]):
            found = losses.hinge(column, target, reduction="none").numpy()
            np.testing.assert_allclose(found.ravel(), expected, rtol=1e-12)
    cr.check_gradients(lambda z: losses.hinge(z, t), z)


def test_hinge_of_more_classes(z, labels):
    expected = []
    for row, y in zip(z, labels, strict=True):
        rivals = np.delete(row, y)
        expected.append(max(0, 1 + rivals.max() - row[y]))
    found = losses.hinge(z, labels, reduction="none").numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
    cr.check_gradients(lambda z: losses.hinge(z, labels), z)


def test_hinge_refuses_other_labels(z):
    for t in ([2, 0], [0.5, 5]):
        with pytest.raises(ValueError, match="labels are 0 and 1, or -1 and 1"):
            losses.hinge([1.0, 2.0], t)
    with pytest.raises(ValueError, match="labels are class numbers from 0 to 3"):
        losses.hinge(z, np.full(ROWS, 4))
    with pytest.raises(TypeError, match="labels are integers, not float64: cast them"):
        losses.hinge(z, np.zeros(ROWS))
    with pytest.raises(ValueError, match=r"need labels of shape \(6,\)"):
        losses.hinge(z, np.zeros(3, int))


def test_kl_divergence(z, rng, w):
    t = rng.dirichlet(np.ones(CLASSES), ROWS)
    t[0] = [0, 1, 0, 0]
    with np.errstate(all="ignore"):
        terms = np.where(t > 0, t * (np.log(t) - np.log(softmax(z))), 0)
    expected = terms.sum(1)
    none = losses.kl_divergence(z, t, reduction="none").numpy()
    np.testing.assert_allclose(none, expected, rtol=1e-10)
    found = losses.kl_divergence(z, t, sample_weight=w).item()
    assert found == pytest.approx((w * expected).sum() / w.sum())
    cr.check_gradients(lambda z: losses.kl_divergence(z, t), z)
    assert abs(losses.kl_divergence(np.log(t[1:]), t[1:]).item()) < 1e-12


def test_kl_divergence_wants_probabilities(z):
    with pytest.raises(ValueError, match="probabilities of shape"):
        losses.kl_divergence(z, np.zeros(ROWS, int))
    with pytest.raises(ValueError, match="between 0 and 1"):
        losses.kl_divergence(z, z)
