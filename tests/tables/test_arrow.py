import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables.arrow import MISSING, floats, form, microseconds, plain, tidy


def tidied(values, kind=None):
    return tidy(pa.chunked_array([pa.array(values, kind)]), MISSING)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([None, None], pa.int64(), "empty"),
        (["NA", " ? "], pa.string(), "empty"),
        ([True, None], None, "bool"),
        ([1, None], pa.int8(), "int"),
        ([1, 2], pa.uint64(), "int"),
        ([2**64 - 1], pa.uint64(), "float"),
        ([1.5, None], pa.float32(), "float"),
        (["a"], pa.string(), "text"),
        (["a"], pa.string_view(), "text"),
        ([b"a"], pa.binary(), "text"),
        (["a"], pa.dictionary(pa.int8(), pa.string()), "category"),
        ([3], pa.dictionary(pa.int8(), pa.int16()), "category"),
        ([dt.date(2024, 1, 1)], None, "date"),
        ([dt.datetime(2024, 1, 1, tzinfo=dt.UTC)], None, "date"),
        ([dt.time(12)], None, "time"),
        ([dt.timedelta(1)], None, "float"),
        ([[1]], None, "other"),
        ([b"\xff"], pa.binary(), "other"),
    ],
)
def test_every_column_comes_to_one_form(values, kind, expected):
    column = tidied(values, kind)
    assert form(column.type) == expected
    assert tidy(column, MISSING).equals(column)


def test_missing_values():
    assert tidied([float("nan"), 1.0]).to_pylist() == [None, 1.0]
    assert tidied([" a ", "NA ", "none"]).to_pylist() == ["a", None, "none"]
    category = tidied(["a", " ?"], pa.dictionary(pa.int8(), pa.string()))
    assert category.to_pylist() == ["a", None]
    nothing = tidied(["?"], pa.dictionary(pa.int8(), pa.string()))
    assert form(nothing.type) == "empty"


def test_floats_of_every_form():
    def numbers(values, kind=None):
        return floats(tidied(values, kind))

    assert np.array_equal(numbers([1, None]), [1, np.nan], equal_nan=True)
    assert np.array_equal(numbers([True, False]), [1, 0])
    assert np.array_equal(numbers(["1e3", " 2 "]), [1000, 2])
    assert np.array_equal(numbers([4], pa.dictionary(pa.int8(), pa.int64())), [4])
    assert np.isnan(numbers([None, None], pa.string())).all()
    assert numbers(["a"]) is None
    assert numbers([dt.date(2024, 1, 1)]) is None


def test_categories_of_dates_are_dates():
    days = pa.array([dt.date(2024, 1, 1), None])
    found = tidy(pa.chunked_array([days.dictionary_encode()]), MISSING)
    assert found.to_pylist() == [dt.date(2024, 1, 1), None]
    assert form(found.type) == "date"


def test_durations_are_seconds():
    assert tidied([dt.timedelta(hours=1), None]).to_pylist() == [3600.0, None]
    assert tidied([dt.timedelta(-400_000)]).to_pylist() == [-400_000 * 86_400.0]


def test_dates_as_microseconds():
    def first(values, kind=None):
        return microseconds(tidied(values, kind))[0].item()

    noon = dt.datetime(2024, 1, 1, 12)  # noqa: DTZ001 - as UTC
    zone = dt.timezone(dt.timedelta(hours=2))
    assert first([noon.date()]) == noon.replace(hour=0)
    assert first([noon]) == noon
    assert first([noon.replace(tzinfo=zone)]) == noon.replace(hour=10)
    assert first([noon.time()]) == dt.datetime(1970, 1, 1, 12)  # noqa: DTZ001
    assert first([1999], pa.timestamp("ns")).microsecond == 1
    assert np.isnat(microseconds(tidied([noon, None]))[1])
    with pytest.raises(OverflowError):
        first([2**62], pa.timestamp("s"))


def test_plain_writes_categories_out():
    column = tidied(["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()))
    assert plain(column).to_pylist() == ["a", "b", "a"]
    assert form(plain(column).type) == "text"
