"""Random bits: the published answers, independence, and what an element depends on."""

import numpy as np
import pytest

from chainrule.ir import TensorType, Value
from chainrule.ops import RandomBits, ShiftRight, random_bits
from chainrule.testing import NumpyBuilder

U32 = np.dtype(np.uint32)
SCALAR = Value(TensorType((), U32))


def bits(key, counter, shape, word=0):
    return RandomBits(shape, word).forward(np.uint32(key), np.uint32(counter))


def element(key, counter, position, word=0):
    """One element alone, by the scalar rule."""
    arguments = (np.asarray(x, U32) for x in (key, counter, position))
    with np.errstate(over="ignore"):
        return RandomBits((), word).element(NumpyBuilder(), *arguments)


# The lines for philox2x32 with 10 rounds of the table kat_vectors in Random123, the
# library of the paper's authors.
KNOWN = [
    ((0x00000000, 0x00000000), 0x00000000, (0xFF1DAE59, 0x6CD10DF2)),
    ((0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF, (0x2C3F628B, 0xAB4FD7AD)),
    ((0x243F6A88, 0x85A308D3), 0x13198A2E, (0xDD7CE038, 0xF62A4C12)),
]


@pytest.mark.parametrize(("block", "key", "expected"), KNOWN)
def test_known_answers(block, key, expected):
    position, counter = block
    assert element(key, counter, position, word=0) == expected[0]
    assert element(key, counter, position, word=1) == expected[1]


def test_known_answer_of_forward():
    assert bits(0, 0, ()) == 0xFF1DAE59
    assert bits(0, 0, (), word=1) == 0x6CD10DF2


@pytest.mark.parametrize("word", range(4))
def test_every_element_can_be_computed_alone(word):
    whole = bits(12345, 678, (5, 7), word)
    alone = element(12345, 678, np.arange(35), word).reshape(5, 7)
    np.testing.assert_array_equal(whole, alone)


def test_an_element_does_not_depend_on_the_shape():
    np.testing.assert_array_equal(bits(1, 2, (3, 4)).ravel(), bits(1, 2, (100,))[:12])


def test_words_2_and_3_are_drawn_under_the_complement_of_the_key():
    np.testing.assert_array_equal(bits(7, 3, (9,), 2), bits(0xFFFFFFFF ^ 7, 3, (9,), 0))
    np.testing.assert_array_equal(bits(7, 3, (9,), 3), bits(0xFFFFFFFF ^ 7, 3, (9,), 1))


def test_keys_counters_and_words_are_uncorrelated():
    n = 20_000
    streams = [
        bits(key, counter, (n,), word)
        for key in (0, 1, 2**31)
        for counter in (0, 1)
        for word in range(4)
    ]
    uniform = np.array(streams) / 2.0**32
    correlation = np.corrcoef(uniform)[~np.eye(len(streams), dtype=bool)]
    # Of 552 correlations with a standard deviation of 0.0071, none is beyond 5 of them.
    assert np.abs(correlation).max() < 5 / np.sqrt(n)
    # Nor is one stream correlated with itself, moved on by one.
    moved = [np.corrcoef(u[:-1], u[1:])[0, 1] for u in uniform]
    assert np.abs(moved).max() < 5 / np.sqrt(n)


def test_every_bit_is_set_half_of_the_time():
    n = 50_000
    drawn = bits(3, 5, (n,))
    set_ = np.unpackbits(drawn.view(np.uint8)).reshape(n, 32).mean(axis=0)
    assert np.abs(set_ - 0.5).max() < 5 * 0.5 / np.sqrt(n)


def test_uniform_over_256_bins():
    n = 256_000
    observed = np.bincount(bits(11, 0, (n,)) >> 24, minlength=256)
    chi_squared = ((observed - n / 256) ** 2 / (n / 256)).sum()
    # Mean 255, standard deviation 22.6.
    assert 255 - 5 * 22.6 < chi_squared < 255 + 5 * 22.6


def test_one_bit_of_the_counter_changes_half_of_all_bits():
    n = 4096
    for bit in (0, 15, 31):
        changed = bits(9, 0, (n,)) ^ bits(9, 1 << bit, (n,))
        share = np.unpackbits(changed.view(np.uint8)).mean()
        assert abs(share - 0.5) < 0.01


def test_key_and_counter_are_single_words():
    vector = Value(TensorType((2,), U32))
    signed = Value(TensorType((), np.dtype(np.int64)))
    with pytest.raises(TypeError, match="random: the key is a scalar u32, not u32"):
        random_bits(vector, SCALAR, (3,))
    with pytest.raises(TypeError, match="random: the counter is a scalar u32, not i64"):
        random_bits(SCALAR, signed, (3,))


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="there is no word 4, only 0 to 3"):
        RandomBits((), 4)
    with pytest.raises(ValueError, match=r"has more than 2\*\*32 - 1 elements"):
        RandomBits((2**16, 2**16))


def test_shift_right():
    x = np.array([0xFFFFFFFF, 0x80000000, 1], np.uint32)
    np.testing.assert_array_equal(ShiftRight(8).forward(x), x >> 8, strict=True)
    np.testing.assert_array_equal(ShiftRight(0).forward(x), x, strict=True)
