import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.tables.times import WRITTEN, how_written, parse_times, written_as


def read(cell, written):
    times, good = parse_times(pa.array([cell], pa.large_string()), written)
    return times[0].item() if good[0] else None


@pytest.mark.parametrize(
    ("cell", "written", "expected"),
    [
        ("2024-01-31", "iso", (2024, 1, 31)),
        ("2024/1/3", "iso", (2024, 1, 3)),
        ("2024-02", "iso", (2024, 2, 1)),
        ("2024-01-31T23:59:58.25", "iso", (2024, 1, 31, 23, 59, 58, 250_000)),
        ("2024-01-31 23:59Z", "iso", (2024, 1, 31, 23, 59)),
        ("2024-01-31 23:30+01:30", "iso", (2024, 1, 31, 22)),
        ("2024-01-31 23:30:00-0130", "iso", (2024, 2, 1, 1)),
        ("1.2.2024", "d/m/y", (2024, 2, 1)),
        ("31/12/1899 12:00", "d/m/y", (1899, 12, 31, 12)),
        ("1/31/2024 12:05 am", "m/d/y", (2024, 1, 31, 0, 5)),
        ("1/31/2024 12:05 PM", "m/d/y", (2024, 1, 31, 12, 5)),
        ("31 Jan 2024", "names", (2024, 1, 31)),
        ("January 31st, 2024", "names", (2024, 1, 31)),
        ("Wed, 31 january 2024 1:02 pm", "names", (2024, 1, 31, 13, 2)),
        ("Mar 2024", "names", (2024, 3, 1)),
        ("23:59", "clock", (1970, 1, 1, 23, 59)),
        ("1:02:03.5 pm", "clock", (1970, 1, 1, 13, 2, 3, 500_000)),
    ],
)
def test_dates_that_there_are(cell, written, expected):
    assert read(cell, written) == dt.datetime(*expected)  # noqa: DTZ001 - UTC
    assert written in how_written(pa.chunked_array([[cell]]))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("2023-02-29", "iso"),
        ("2024-13-01", "iso"),
        ("2024-00-01", "iso"),
        ("2024-01-01 24:00", "iso"),
        ("2024-01-01 10:60", "iso"),
        ("2024-01-01 13:00 pm", "iso"),
        ("24-01-01", "iso"),
        ("31/1/24", "d/m/y"),
        ("1/31/2024", "d/m/y"),
        ("31/1/2024", "m/d/y"),
        ("1.31.2024", "m/d/y"),
        ("30 Feb 2024", "names"),
        ("31 Jan 30 2024", "names"),
        ("25:00", "clock"),
        ("hello", "iso"),
    ],
)
def test_dates_that_there_are_not(cell, written):
    assert read(cell, written) is None


@given(st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)))  # noqa: DTZ001 - UTC
def test_every_moment_is_read_as_it_is_written(moment):
    assert read(moment.isoformat(), "iso") == moment
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    year = f"{day.year:04}"
    assert read(f"{day.day}.{day.month}.{year}", "d/m/y") == day
    assert read(f"{day.month}/{day.day}/{year}", "m/d/y") == day
    assert read(f"{day:%d %b} {year}", "names") == day
    assert read(f"{day:%B %d}, {year}", "names") == day


def test_the_missing_stay_missing():
    times, good = parse_times(pa.chunked_array([["2024-01-01"], [None]]), "iso")
    assert good.tolist() == [True, True]
    assert np.isnat(times).tolist() == [False, True]


def test_day_and_month_in_doubt():
    assert how_written(pa.chunked_array([["5/6/2024", "7/8/2024"]])) == (
        "d/m/y",
        "m/d/y",
    )
    assert how_written(pa.chunked_array([["5/6/2024", "5/13/2024"]])) == ("m/d/y",)
    assert how_written(pa.chunked_array([["5.6.2024"]])) == ("d/m/y",)
    assert how_written(pa.chunked_array([["a", None]])) == ()


def test_ways_to_write_have_names():
    assert [written_as(name) for name in WRITTEN] == list(WRITTEN)
    with pytest.raises(ValueError, match="called 'y/m'"):
        written_as("y/m")
