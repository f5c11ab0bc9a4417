"""Keys, host generators and permutations: functions of a seed and a path."""

import numpy as np
import pytest

from chainrule.random import host_generator, key_from, permutation


def test_keys_are_words_and_functions_of_seed_and_path():
    assert key_from(0, "a", 1) == key_from(0, "a", np.int64(1))
    assert key_from(0).dtype == np.uint32


def test_seed_and_path_cannot_be_confused():
    keys = [
        key_from(0),
        key_from(1),
        key_from(0, 1),
        key_from(0, "1"),
        key_from(1, 0),
        key_from(0, 1, 2),
        key_from(0, 12),
        key_from(0, "1, 2"),
        key_from(0, 1 + (2 << 32)),
        key_from(-1),
    ]
    assert len(set(keys)) == len(keys)


def test_keys_spread_over_all_words():
    keys = np.array([key_from(seed, "layer") for seed in range(2000)])
    share = np.unpackbits(keys.view(np.uint8)).mean()
    assert abs(share - 0.5) < 5 * 0.5 / np.sqrt(32 * 2000)
    assert len(set(keys.tolist())) == 2000


def test_a_path_is_of_whole_numbers_and_names():
    with pytest.raises(TypeError, match="float"):
        key_from(0, 1.5)


def test_known_values():
    # These must never change: saved runs go on from them.
    assert key_from(0, "hidden", 1) == 3638385631
    np.testing.assert_array_equal(permutation(0, 1, 8), [7, 6, 2, 3, 4, 0, 5, 1])


def test_permutation_has_every_number_once():
    for n in (0, 1, 2, 1000):
        np.testing.assert_array_equal(np.sort(permutation(3, 2, n)), np.arange(n))


def test_permutation_is_fresh_in_every_epoch_and_for_every_seed():
    orders = [tuple(permutation(s, e, 20)) for s in range(5) for e in range(5)]
    assert len(set(orders)) == 25


def test_every_place_is_as_likely():
    n, trials = 5, 4000
    counts = np.zeros((n, n))
    for epoch in range(trials):
        counts[permutation(0, epoch, n), np.arange(n)] += 1
    expected = trials / n
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * (1 - 1 / n))


def test_host_generators_are_functions_of_seed_and_path():
    a, b = host_generator(0, "x"), host_generator(0, "x")
    np.testing.assert_array_equal(a.normal(size=3), b.normal(size=3))
    assert host_generator(0, "y").normal() != host_generator(0, "x").normal()
