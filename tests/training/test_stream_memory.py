"""Amounts of memory, as people write them."""

import pytest

from chainrule.training.stream_memory import available, bytes_of


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("2GB", 2 * 10**9),
        ("2 GiB", 2 * 1024**3),
        ("1.5g", 1_500_000_000),
        (".5 TB", 500 * 10**9),
        ("20000 kb", 20_000_000),
        ("64MiB", 64 * 1024**2),
        ("16000000", 16_000_000),
        (10**8, 10**8),
    ],
)
def test_amounts(written, size):
    assert bytes_of(written) == size


@pytest.mark.parametrize("written", ["much", "2 XB", "", "-1GB", "1e9"])
def test_what_is_no_amount_is_refused(written):
    with pytest.raises(ValueError, match="no amount of memory"):
        bytes_of(written)


@pytest.mark.parametrize("amount", ["900kB", 0, -5])
def test_too_little_is_refused(amount):
    with pytest.raises(ValueError, match="1MB at least"):
        bytes_of(amount)


@pytest.mark.parametrize("amount", [1.5, None, True])
def test_other_types_are_refused(amount):
    with pytest.raises(TypeError, match="'2GB'"):
        bytes_of(amount)


def test_some_memory_is_available():
    assert 10**7 < available() < 10**15
