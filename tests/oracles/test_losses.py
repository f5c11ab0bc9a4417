"""Losses and layers against PyTorch's, where that is installed."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import losses, nn

torch = pytest.importorskip("torch")
functional = torch.nn.functional

ROWS, CLASSES = 7, 4


def rng():
    return np.random.default_rng(0)


def logits():
    return rng().normal(size=(ROWS, CLASSES)) * 3


LABELS = np.array([0, 3, 1, 1, 2, 0, 3])
SOFT = np.random.default_rng(1).dirichlet(np.ones(CLASSES), ROWS)
BINARY = np.random.default_rng(2).integers(0, 2, (ROWS, CLASSES)).astype(float)
COUNTS = np.random.default_rng(3).integers(0, 5, (ROWS, CLASSES)).astype(float)
CLASS_WEIGHT = np.array([0.5, 2.0, 1.0, 0.1])


def cross_entropy(**options):
    return (
        lambda z, t, r: losses.cross_entropy(z, t, reduction=r, **options),
        lambda z, t, r: functional.cross_entropy(
            z,
            t,
            reduction=r,
            weight=_tensor(options.get("class_weight")),
            label_smoothing=options.get("label_smoothing", 0.0),
        ),
    )


def _tensor(array):
    return None if array is None else torch.tensor(array)


CASES = {
    "cross_entropy": (*cross_entropy(), LABELS),
    "class_weight": (*cross_entropy(class_weight=CLASS_WEIGHT), LABELS),
    "smoothing": (*cross_entropy(label_smoothing=0.2), LABELS),
    "both": (*cross_entropy(class_weight=CLASS_WEIGHT, label_smoothing=0.2), LABELS),
    "soft": (*cross_entropy(), SOFT),
    "soft_both": (*cross_entropy(class_weight=CLASS_WEIGHT, label_smoothing=0.2), SOFT),
    "binary": (
        lambda z, t, r: losses.binary_cross_entropy(z, t, reduction=r),
        lambda z, t, r: functional.binary_cross_entropy_with_logits(z, t, reduction=r),
        BINARY,
    ),
    "pos_weight": (
        lambda z, t, r: losses.binary_cross_entropy(
            z, t, reduction=r, pos_weight=CLASS_WEIGHT
        ),
        lambda z, t, r: functional.binary_cross_entropy_with_logits(
            z, t, reduction=r, pos_weight=torch.tensor(CLASS_WEIGHT)
        ),
        BINARY,
    ),
    "squared": (
        lambda z, t, r: losses.squared_error(z, t, reduction=r),
        lambda z, t, r: functional.mse_loss(z, t, reduction=r),
        COUNTS,
    ),
    "absolute": (
        lambda z, t, r: losses.absolute_error(z, t, reduction=r),
        lambda z, t, r: functional.l1_loss(z, t, reduction=r),
        COUNTS,
    ),
    "huber": (
        lambda z, t, r: losses.huber(z, t, reduction=r, delta=0.7),
        lambda z, t, r: functional.huber_loss(z, t, reduction=r, delta=0.7),
        COUNTS,
    ),
    "poisson": (
        lambda z, t, r: losses.poisson(z, t, reduction=r),
        lambda z, t, r: functional.poisson_nll_loss(z, t, reduction=r),
        COUNTS,
    ),
    "kl_divergence": (
        lambda z, t, r: losses.kl_divergence(z, t, reduction=r),
        lambda z, t, r: _rows(
            functional.kl_div(functional.log_softmax(z, 1), t, reduction="none").sum(1),
            r,
        ),
        SOFT,
    ),
    "cosine": (
        lambda z, t, r: losses.cosine(z, t, reduction=r),
        lambda z, t, r: _rows(1 - functional.cosine_similarity(z, t), r),
        COUNTS + 0.5,
    ),
}


def _rows(each, reduction):
    return {"none": each, "sum": each.sum(), "mean": each.mean()}[reduction]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name, reduction):
    ours, theirs, target = CASES[name]
    z = torch.tensor(logits(), requires_grad=True)
    expected = theirs(z, torch.tensor(target), reduction)
    expected.sum().backward()
    value = ours(logits(), target, reduction)
    dz = cr.grad(lambda z: ours(z, target, reduction).sum())(logits())
    np.testing.assert_allclose(value.numpy(), expected.detach().numpy(), rtol=1e-9)
    np.testing.assert_allclose(dz.numpy(), z.grad.numpy(), rtol=1e-8, atol=1e-12)


# --- layers -------------------------------------------------------------------------


def same(ours, theirs, shape, names):
    """Values, gradients of input and parameters, and statistics of a layer."""
    theirs = theirs.double()
    for name, (other, change) in names.items():
        parameter = dict(theirs.named_parameters())[other]
        new = change(ours.states()[name].numpy())
        parameter.data = torch.tensor(np.ascontiguousarray(new))
    for step in range(3):
        x = np.random.default_rng(step).normal(size=shape)
        dy = np.random.default_rng(9).normal(size=ours(x).shape)
        theirs.zero_grad()
        z = torch.tensor(x, requires_grad=True)
        y = theirs(z)
        if step == 0:
            theirs(z)  # `ours(x)` above has been counted as well
        (y * torch.tensor(dy)).sum().backward()
        found, (dx, dws) = cr.value_and_grad(
            lambda x, layer, dy=dy: (layer(x) * dy).sum(), argnums=(0, 1)
        )(x, ours)
        if step > 0:
            theirs(z)
        np.testing.assert_allclose(
            found.item(), (y * torch.tensor(dy)).sum().item(), rtol=1e-9
        )
        np.testing.assert_allclose(dx.numpy(), z.grad.numpy(), rtol=1e-7, atol=1e-10)
        for name, (other, change) in names.items():
            expected = dict(theirs.named_parameters())[other].grad.numpy()
            np.testing.assert_allclose(
                change(dws[name].numpy()), expected, rtol=1e-7, atol=1e-10
            )


def test_dense():
    ours = nn.Dense(5, 3, b_init="normal", dtype=np.float64, rng=0)
    names = {"W": ("weight", np.transpose), "b": ("bias", np.asarray)}
    same(ours, torch.nn.Linear(5, 3), (7, 5), names)


def test_layer_norm():
    ours = nn.LayerNorm((3, 4), dtype=np.float64)
    names = {"gamma": ("weight", np.asarray), "beta": ("bias", np.asarray)}
    same(ours, torch.nn.LayerNorm((3, 4)), (5, 3, 4), names)


def test_batch_norm():
    ours = nn.BatchNorm(4, momentum=0.2, dtype=np.float64)
    theirs = torch.nn.BatchNorm1d(4, momentum=0.2)
    names = {"gamma": ("weight", np.asarray), "beta": ("bias", np.asarray)}
    same(ours, theirs, (6, 4), names)
    for name in ("running_mean", "running_var"):
        expected = getattr(theirs, name).numpy()
        np.testing.assert_allclose(ours.states()[name].numpy(), expected, rtol=1e-9)
    x = rng().normal(size=(3, 4))
    expected = theirs.eval()(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(x).numpy(), expected, rtol=1e-9)
