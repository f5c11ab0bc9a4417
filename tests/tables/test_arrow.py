import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables.arrow import MISSING, floats, form, plain, tidy


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
        ([dt.date(2024, 1, 1)], None, "other"),
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


def test_plain_writes_categories_out():
    column = tidied(["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()))
    assert plain(column).to_pylist() == ["a", "b", "a"]
    assert form(plain(column).type) == "text"
