import copy
import math

import numpy as np
import pytest

from chainrule.optim import (
    Constant,
    Cosine,
    ExponentialDecay,
    OneCycle,
    Plateau,
    StepDecay,
    WarmUp,
)


def rates(schedule, steps):
    return [schedule(step) for step in range(steps)]


def test_constant():
    assert rates(Constant(0.1), 3) == [0.1] * 3
    assert Constant(0.1).bind(10, 100)(7) == 0.1


def test_step_decay_in_epochs():
    bound = StepDecay(1.0, every=2, factor=0.1).bind(steps_per_epoch=3, total_steps=30)
    expected = [0.1 ** (step // 6) for step in range(30)]
    np.testing.assert_allclose(rates(bound, 30), expected)


def test_exponential_decay_meets_the_epochs():
    bound = ExponentialDecay(1.0, 0.5).bind(steps_per_epoch=4, total_steps=12)
    np.testing.assert_allclose([bound(0), bound(4), bound(8)], [1, 0.5, 0.25])
    assert bound(2) == pytest.approx(math.sqrt(0.5))


def test_cosine_over_all_of_training():
    bound = Cosine(1.0, floor=0.2).bind(steps_per_epoch=5, total_steps=10)
    expected = 0.2 + 0.4 * (1 + np.cos(np.pi * np.arange(11) / 10))
    np.testing.assert_allclose(rates(bound, 11), expected)
    assert bound(50) == pytest.approx(0.2)


def test_cosine_begins_again():
    found = rates(Cosine(1.0, 4, restarts=True, growth=2, unit="step"), 30)
    once = rates(Cosine(1.0, 4, unit="step"), 4)
    twice = rates(Cosine(1.0, 8, unit="step"), 8)
    np.testing.assert_allclose(found[:4], once)
    np.testing.assert_allclose(found[4:12], twice)
    assert found[12] == found[28] == 1.0


def test_one_cycle():
    found = rates(OneCycle(0.5, 100, unit="step"), 105)
    assert found[0] == pytest.approx(0.5 / 25)
    assert max(found) == found[29] == 0.5
    assert np.all(np.diff(found[:30]) > 0)
    assert np.all(np.diff(found[29:100]) < 0)
    assert found[99] == found[104] == pytest.approx(0.5 / 25 / 1e4)
    assert rates(OneCycle(1.0, 1, unit="step"), 2)[1] == pytest.approx(1 / 25 / 1e4)


def test_warm_up_leaves_the_rest_to_the_other():
    warm = WarmUp(Cosine(1.0), 2).bind(steps_per_epoch=3, total_steps=15)
    np.testing.assert_allclose(rates(warm, 6), np.arange(1, 7) / 7)
    assert warm(6) == 1.0
    assert warm(15) == pytest.approx(0.0)
    assert warm(6 + 4) == pytest.approx((1 + math.cos(math.pi * 4 / 9)) / 2)
    assert WarmUp(0.5, 1, unit="step")(0) == 0.25


def test_plateau():
    rate = Plateau(1.0, factor=0.1, patience=2, floor=0.005)
    found = []
    for metric in (5, 4, 4, 4, 4, 3, 3, 3, 3, math.nan, 3, 3):
        rate.observe(metric)
        found.append(rate(0))
    np.testing.assert_allclose(found, [1] * 4 + [0.1] * 4 + [0.01] * 3 + [0.005])


def test_plateau_modes_thresholds_and_cooldown():
    rate = Plateau(1.0, factor=0.5, patience=0, mode="max", threshold=0.1)
    for metric in (1.0, 1.2, 1.25):
        rate.observe(metric)
    assert rate(0) == 0.5
    rate = Plateau(1.0, factor=0.5, patience=0, cooldown=2)
    for metric in (1.0, 1.0, 1.0, 1.0):
        rate.observe(metric)
    assert rate(0) == 0.5
    rate.observe(1.0)
    assert rate(0) == 0.25
    below = Plateau(1.0, factor=0.5, patience=0)
    for metric in (-1.0, -2.0, -2.1):
        below.observe(metric)
    assert below(0) == 1.0


def test_plateau_goes_on_from_its_state():
    def run(rate, metrics):
        found = []
        for metric in metrics:
            rate.observe(metric)
            found.append(rate(0))
        return found

    metrics = np.random.default_rng(0).random(40)
    whole = run(Plateau(1.0, patience=1, cooldown=1), metrics)
    first = WarmUp(Plateau(1.0, patience=1, cooldown=1), 1, unit="step")
    run(first, metrics[:17])
    second = WarmUp(Plateau(1.0, patience=1, cooldown=1), 1, unit="step")
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    found = []
    for metric in metrics[17:]:
        second.observe(metric)
        found.append(second(1))
    assert found == whole[17:]


def test_bind_keeps_what_was_given():
    schedule = Cosine(1.0, 2, steps_per_epoch=5)
    assert schedule.bind(100, 1000) == Cosine(
        1.0, 2, steps_per_epoch=5, total_steps=1000
    )


@pytest.mark.parametrize(
    "schedule", [Cosine(1.0), OneCycle(1.0), StepDecay(1.0, 2), WarmUp(1.0, 2)]
)
def test_a_length_in_epochs_needs_to_know_the_steps(schedule):
    with pytest.raises(ValueError, match="train with fit, give the length with unit="):
        schedule(0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Constant(-1), "Constant: rate is 0 or more, not -1"),
        (lambda: Constant(math.inf), "rate is 0 or more, not inf"),
        (lambda: StepDecay(1.0, 0), "every is above 0, not 0"),
        (lambda: StepDecay(1.0, 1, -1), "factor is above 0, not -1"),
        (lambda: ExponentialDecay(1.0, 0), "factor is above 0, not 0"),
        (lambda: Cosine(1.0, -1), "length is above 0, not -1"),
        (lambda: Cosine(1.0, growth=0.5), "growth is at least 1, not 0.5"),
        (lambda: Cosine(1.0, floor=-1), "floor is 0 or more, not -1"),
        (lambda: OneCycle(1.0, warm_up=2), "warm_up is a part, between 0 and 1"),
        (lambda: WarmUp(1.0, 0), "length is above 0, not 0"),
        (lambda: WarmUp(1.0, 1, unit="day"), "unit is 'epoch' or 'step', not 'day'"),
        (lambda: Plateau(1.0, factor=1.0), "factor is between 0 and 1, not 1.0"),
        (lambda: Plateau(1.0, mode="least"), "mode is 'min' or 'max', not 'least'"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
