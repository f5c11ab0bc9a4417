"""Optimizers, schedules and clipping against PyTorch's, where that is installed."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim

torch = pytest.importorskip("torch")

STEPS = 25
SHAPES = {"W": (4, 3), "b": (3,)}

# Ours, and PyTorch's with the same settings. Decay and clipping are added to both.
CASES = {
    "sgd": (
        lambda **k: optim.SGD(0.05, **k),
        lambda p, **k: torch.optim.SGD(p, 0.05, **k),
    ),
    "momentum": (
        lambda **k: optim.SGD(0.05, momentum=0.9, **k),
        lambda p, **k: torch.optim.SGD(p, 0.05, momentum=0.9, **k),
    ),
    "nesterov": (
        lambda **k: optim.SGD(0.05, momentum=0.9, nesterov=True, **k),
        lambda p, **k: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True, **k),
    ),
    "adam": (
        lambda **k: optim.Adam(0.05, betas=(0.8, 0.95), epsilon=1e-4, **k),
        lambda p, **k: torch.optim.Adam(p, 0.05, betas=(0.8, 0.95), eps=1e-4, **k),
    ),
    "amsgrad": (
        lambda **k: optim.Adam(0.05, amsgrad=True, **k),
        lambda p, **k: torch.optim.Adam(p, 0.05, amsgrad=True, **k),
    ),
    "adamw": (
        lambda **k: optim.AdamW(0.05, **k),
        lambda p, **k: torch.optim.AdamW(p, 0.05, **k),
    ),
    "rmsprop": (
        lambda **k: optim.RMSprop(0.05, **k),
        lambda p, **k: torch.optim.RMSprop(p, 0.05, **k),
    ),
    "rmsprop_all": (
        lambda **k: optim.RMSprop(0.05, beta=0.9, centered=True, momentum=0.5, **k),
        lambda p, **k: torch.optim.RMSprop(
            p, 0.05, alpha=0.9, centered=True, momentum=0.5, **k
        ),
    ),
    "adagrad": (
        lambda **k: optim.Adagrad(0.05, initial=0.1, **k),
        lambda p, **k: torch.optim.Adagrad(p, 0.05, initial_accumulator_value=0.1, **k),
    ),
}


def start():
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape) for name, shape in SHAPES.items()}


def gradients():
    """A sequence that does not depend on the weights, some of it large."""
    rng = np.random.default_rng(1)
    for _ in range(STEPS):
        yield {name: rng.normal(size=shape) * 2 for name, shape in SHAPES.items()}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("clip", [None, "norm", "value"])
def test_the_path_is_that_of_pytorch(name, decay, clip):
    make, reference = CASES[name]
    limits = {f"clip_{clip}": 0.7} if clip else {}
    ours = {k: cr.Parameter(a, name=k) for k, a in start().items()}
    theirs = {k: torch.nn.Parameter(torch.tensor(a)) for k, a in start().items()}
    one = make(weight_decay=decay, **limits)
    other = reference(theirs.values(), weight_decay=decay)
    one.initialize(ours)
    for found in gradients():
        one.step({k: cr.tensor(g) for k, g in found.items()})
        for k, g in found.items():
            theirs[k].grad = torch.tensor(g)
        if clip == "norm":
            torch.nn.utils.clip_grad_norm_(theirs.values(), 0.7)
        if clip == "value":
            torch.nn.utils.clip_grad_value_(theirs.values(), 0.7)
        other.step()
        for k, p in ours.items():
            expected = theirs[k].detach().numpy()
            np.testing.assert_allclose(p.numpy(), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("ours", "theirs", "steps"),
    [
        (
            optim.StepDecay(0.1, 7, 0.5, unit="step"),
            lambda o: torch.optim.lr_scheduler.StepLR(o, 7, 0.5),
            40,
        ),
        (
            optim.ExponentialDecay(0.1, 0.9, unit="step"),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9),
            40,
        ),
        (
            optim.Cosine(0.1, 40, floor=0.01, unit="step"),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 0.01),
            41,
        ),
        (
            optim.Cosine(0.1, 5, restarts=True, growth=2, unit="step"),
            lambda o: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 5, 2),
            40,
        ),
        (
            optim.OneCycle(0.1, 40, unit="step"),
            lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, 40),
            40,
        ),
        (
            optim.OneCycle(0.1, 37, warm_up=0.2, start=0.5, end=0.05, unit="step"),
            lambda o: torch.optim.lr_scheduler.OneCycleLR(
                o, 0.1, 37, pct_start=0.2, div_factor=2, final_div_factor=10
            ),
            37,
        ),
    ],
)
def test_schedules(ours, theirs, steps):
    other = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    schedule = theirs(other)
    for step in range(steps):
        expected = other.param_groups[0]["lr"]
        assert ours(step) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        other.step()
        if step + 1 < steps:
            schedule.step()


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau(mode):
    ours = optim.Plateau(
        1.0, factor=0.5, patience=2, cooldown=1, floor=0.01, mode=mode, threshold=0.05
    )
    other = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        other, mode, 0.5, 2, cooldown=1, min_lr=0.01, threshold=0.05
    )
    for metric in np.random.default_rng(0).random(60) + 0.5:
        ours.observe(metric)
        theirs.step(metric)
        assert ours(0) == other.param_groups[0]["lr"]
