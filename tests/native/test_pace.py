"""The number of threads follows what is fastest."""

import numpy as np

import chainrule as cr
from chainrule.native.pace import Pace


def drive(pace, seconds_by_threads, rounds, longest=0.25):
    """Let it choose so often, where a step takes as long as is said; what it chose."""
    chosen = []
    for _ in range(rounds):
        threads, seconds = pace.choose(longest)
        assert 0 < seconds <= longest
        each = seconds_by_threads[threads]
        steps = max(1, int(seconds / each))
        pace.note(threads, threads, steps * each, steps)
        chosen.append(threads)
    return chosen


def test_all_threads_where_they_are_faster():
    chosen = drive(Pace(2, 2), {2: 1e-3, 1: 1.8e-3}, 200)
    assert chosen[0] == 2
    assert 1 <= chosen.count(1) <= 30  # trials


def test_one_thread_where_two_are_slower():
    chosen = drive(Pace(2, 2), {2: 1.3e-3, 1: 1e-3}, 200)
    assert chosen[0] == 2
    assert chosen[-50:].count(1) >= 40


def test_what_was_slower_is_tried_again():
    pace = Pace(2, 2)
    drive(pace, {2: 1.3e-3, 1: 1e-3}, 100)
    assert drive(pace, {2: 1e-3, 1: 1.8e-3}, 200)[-50:].count(2) >= 40


def test_a_few_of_many_threads():
    times = {16: 4e-3, 8: 2e-3, 4: 1e-3, 2: 1.6e-3, 1: 3e-3}
    assert drive(Pace(16, 16), times, 300)[-50:].count(4) >= 40


def test_it_begins_with_few_and_soon_tries_more():
    chosen = drive(Pace(8, 1), {1: 4e-4, 2: 3e-4, 4: 2e-4, 8: 2.1e-4}, 200)
    assert chosen[:2] == [1, 2]
    assert chosen[-50:].count(4) >= 40
    assert drive(Pace(8, 3), {4: 1e-3, 2: 1e-3, 1: 1e-3, 8: 1e-3}, 1) == [2]


def test_trials_cost_little_where_steps_are_long():
    chosen = drive(Pace(2, 2), {2: 1.0, 1: 1.9}, 300)
    assert chosen.count(1) <= 300 / 40


def test_who_says_how_many_threads_gets_as_many():
    assert set(drive(Pace(2, 2, fixed=True), {2: 1.3e-3, 1: 1e-3}, 100)) == {2}
    assert set(drive(Pace(1, 1), {1: 1e-3}, 100)) == {1}


def test_threads_that_were_not_granted_say_nothing():
    pace = Pace(2, 2)
    for _ in range(50):
        wanted, _ = pace.choose(0.25)
        pace.note(wanted, 1, 0.25, 100)
    assert pace.choose(0.25)[0] == 2


def test_fit_gives_the_same_bits_whatever_is_tried(monkeypatch):
    X = np.random.default_rng(0).normal(size=(256, 128)).astype(np.float32)
    y = np.arange(256) % 7

    def weights():
        net = cr.nn.Sequential(
            cr.nn.Dense(128, 128, rng=0), cr.nn.Tanh(), cr.nn.Dense(128, 7, rng=1)
        )
        cr.fit(net, X, y, epochs=8, batch_size=64)
        return net.state_dict()

    steady, tried = weights(), []

    def choose(self, longest):
        tried.append(len(tried) % 2 + 1)
        return tried[-1], longest

    monkeypatch.setattr(Pace, "choose", choose)
    for name, W in weights().items():
        assert np.array_equal(W, steady[name])
    assert set(tried) == {1, 2}
