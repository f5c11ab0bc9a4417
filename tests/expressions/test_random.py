"""Random tensors: their distributions, and what they are functions of."""

import math

import numpy as np
import pytest

import chainrule as cr
from chainrule.ops import RandomBits

N = 200_000
FLOATS = [np.float32, np.float64]


def largest_gap(sample, distribution):
    """Kolmogorov's distance between a sample and a distribution function."""
    ordered = np.sort(sample.astype(np.float64))
    expected = distribution(ordered)
    n = len(sample)
    above = np.arange(1, n + 1) / n - expected
    below = expected - np.arange(n) / n
    return max(above.max(), below.max())


# In one of 100,000 draws the distance is larger than this.
LIMIT = 2.47 / math.sqrt(N)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform(dtype):
    x = cr.random.uniform(3, 1, (N,), dtype=dtype).numpy()
    assert x.dtype == dtype
    assert x.min() >= 0
    assert x.max() < 1
    assert largest_gap(x, lambda x: x) < LIMIT


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_between_limits(dtype):
    x = cr.random.uniform(3, 1, (N,), low=-2.0, high=3.0, dtype=dtype).numpy()
    assert x.min() >= -2
    assert x.max() <= 3
    assert largest_gap(x, lambda x: (x + 2) / 5) < LIMIT


@pytest.mark.parametrize("dtype", FLOATS)
def test_normal(dtype):
    x = cr.random.normal(3, 1, (N,), dtype=dtype).numpy()
    assert x.dtype == dtype
    cdf = np.vectorize(lambda z: 0.5 * math.erfc(-z / math.sqrt(2)))
    assert largest_gap(x, cdf) < LIMIT


def test_normal_with_mean_and_standard_deviation():
    plain = cr.random.normal(3, 1, (5,)).numpy()
    moved = cr.random.normal(3, 1, (5,), mean=10.0, std=2.0).numpy()
    np.testing.assert_allclose(moved, 10 + 2 * plain, rtol=1e-6)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("word", [0, 0xFFFFFFFF])
def test_the_most_extreme_bits_give_finite_numbers(monkeypatch, dtype, word):
    def forward(self, key, counter):
        del key, counter
        return np.full(self.shape, word, np.uint32)

    monkeypatch.setattr(RandomBits, "forward", forward)
    unit = cr.random.uniform(0, 0, (3,), dtype=dtype).numpy()
    bits = 24 if dtype == np.float32 else 53
    np.testing.assert_array_equal(unit, 1 - 2.0**-bits if word else 0)
    normal = cr.random.normal(0, 0, (3,), dtype=dtype).numpy()
    assert np.isfinite(normal).all()
    assert not cr.random.bernoulli(0, 0, 0.0, (3,)).any()
    assert cr.random.bernoulli(0, 0, 1.0, (3,)).all()


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_bernoulli(p):
    share = cr.random.bernoulli(3, 1, p, (N,)).numpy().mean()
    assert abs(share - p) <= 5 * math.sqrt(p * (1 - p) / N)


def test_bernoulli_with_a_probability_for_each_column():
    drawn = cr.random.bernoulli(3, 1, [0.0, 0.5, 1.0], (1000, 3)).numpy().mean(axis=0)
    assert drawn[0] == 0
    assert 0.4 < drawn[1] < 0.6
    assert drawn[2] == 1


def test_float32_and_float64_see_the_same_high_bits():
    narrow = cr.random.uniform(5, 2, (100,)).numpy()
    wide = cr.random.uniform(5, 2, (100,), dtype="float64").numpy()
    np.testing.assert_array_equal(narrow, np.floor(wide * 2**24) / 2**24)


def test_same_key_and_counter_same_numbers():
    def draw(key, counter):
        return cr.random.normal(key, counter, (2, 3)).numpy()

    np.testing.assert_array_equal(draw(5, 2), draw(5, 2))
    assert not np.array_equal(draw(5, 2), draw(5, 3))
    assert not np.array_equal(draw(5, 2), draw(6, 2))


def test_key_and_counter_may_be_tensors():
    expected = cr.random.uniform(5, 2, (4,)).numpy()
    for key, counter in (
        (np.uint32(5), np.int64(2)),
        (cr.tensor(5), cr.tensor(np.uint8(2))),
    ):
        np.testing.assert_array_equal(
            cr.random.uniform(key, counter, (4,)).numpy(), expected
        )


def test_a_compiled_function_draws_the_same():
    def noisy(x, counter):
        return x + cr.random.normal(5, counter, (3,))

    x, counter = cr.tensor([1.0, 2.0, 3.0]), cr.tensor(np.uint32(4))
    np.testing.assert_array_equal(
        cr.compile(noisy)(x, counter).numpy(), noisy(x, counter).numpy()
    )


def test_no_element():
    assert cr.random.normal(0, 0, (0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("key", "counter", "message"),
    [
        (-1, 0, "random: the key is between 0 and 2\\*\\*32 - 1, not -1"),
        (
            0,
            2**32,
            "random: the counter is between 0 and 2\\*\\*32 - 1, not 4294967296",
        ),
    ],
)
def test_words_that_are_too_large(key, counter, message):
    with pytest.raises(ValueError, match=message):
        cr.random.uniform(key, counter, (1,))


@pytest.mark.parametrize("key", [0.5, [1, 2]])
def test_what_is_no_key(key):
    with pytest.raises(TypeError, match="random: the key is a single integer, not"):
        cr.random.uniform(key, 0, (1,))


def test_what_is_no_dtype_of_random_numbers():
    with pytest.raises(
        TypeError, match="normal: random numbers are float32 or float64"
    ):
        cr.random.normal(0, 0, (1,), dtype="int32")


def test_probability_of_another_shape():
    with pytest.raises(ValueError, match=r"bernoulli: shape \(2,\) does not broadcast"):
        cr.random.bernoulli(0, 0, [0.1, 0.2], (3,))
