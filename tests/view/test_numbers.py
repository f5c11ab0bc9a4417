"""Numbers and names as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.view.numbers import number, percent, round_ticks, shorten, tick_labels

FINITE = st.floats(-1e12, 1e12, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (41, "41"),
        (-3.0, "-3"),
        (0.123456, "0.1235"),
        (999.96, "1000"),
        (48213.7, "48,214"),
        (1e6, "1,000,000"),
        (1e20, "1e+20"),
        (3e-7, "3e-07"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
    ],
)
def test_numbers(value, words):
    assert number(value) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50.0%"),
        (0.9999, "99.99%"),
        (0.0004, "0.04%"),
        (1e-9, "<0.001%"),
        (1 - 1e-9, ">99.999%"),
        (-0.25, "-25.0%"),
    ],
)
def test_percent_never_rounds_to_certainty(share, words):
    assert percent(share) == words


def test_shorten_gives_one_line():
    assert shorten("two\n lines", 20) == "two lines"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"


@given(FINITE, FINITE)
def test_ticks_are_inside_few_and_evenly_spaced(a, b):
    low, high = min(a, b), max(a, b)
    ticks = round_ticks(low, high)
    tolerance = 1e-6 * max(abs(low), abs(high), 1e-300)
    assert len(ticks) <= 8
    assert all(low - tolerance <= tick <= high + tolerance for tick in ticks)
    if high - low > 1e-3 * max(abs(low), abs(high)):
        assert len(ticks) >= 2
        assert len(set(tick_labels(ticks))) == len(ticks), "two ticks read the same"


def test_ticks_of_epochs_are_whole():
    assert round_ticks(1, 3, smallest_step=1) == [1, 2, 3]
    assert round_ticks(5, 5) == [5]


@pytest.mark.parametrize(
    ("ticks", "labels"),
    [
        ([0, 0.5, 1], ["0", "0.5", "1.0"]),
        ([1000, 1500], ["1000", "1500"]),
        ([0, 2e6, 4e6], ["0", "2000k", "4000k"]),
        ([0, 2e7], ["0", "20M"]),
        ([100_000, 100_050], ["100.00k", "100.05k"]),
        ([0, 1e-5], ["0", "1e-05"]),
        ([2e17], ["2e+17"]),
        ([], []),
    ],
)
def test_tick_labels(ticks, labels):
    assert tick_labels(ticks) == labels
