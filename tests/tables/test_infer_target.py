"""What the target asks for."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from chainrule.tables import TableError, infer_schema

N = 100
SIZE = [i + 0.5 for i in range(N)]
DAYS = [dt.date(2024, 1, i % 28 + 1) for i in range(N)]


def goal(values, **options):
    return infer_schema({"x": SIZE[: len(values)], "y": values}, "y", **options)


def refused_goal(values, **options):
    with pytest.raises(TableError) as error:
        goal(values, **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"] * 5, "binary"),
        ([True, False] * 5, "binary"),
        ([0, 1] * 5, "binary"),
        ([0.0, 1.0, np.nan] * 5, "binary"),
        (["0", "1", "?"] * 5, "binary"),
        (["a", "b", "c"] * 5, "multiclass"),
        (list(range(10)) * 10, "multiclass"),
        ([str(i % 10) for i in range(N)], "multiclass"),
        (pd.Categorical([1, 2, 3] * 30), "multiclass"),
        (SIZE, "regression"),
        ([0.5, 1.0] * 5, "regression"),
        ([1.0, 2.0, 3.0] * 5, "regression"),
        (list(range(N)), "regression"),
        (list(range(10)), "regression"),
        ([str(i) for i in range(N)], "regression"),
    ],
)
def test_the_task(values, task):
    assert goal(values).task == task


def test_classes_are_in_order_with_their_counts():
    schema = goal(["b", "a", "b", None])
    assert schema.classes == (("a", 1), ("b", 2))
    assert schema.rows == 3
    assert schema.notes == ("1 row without a 'y' left out",)
    assert goal(SIZE).classes == ()


def test_whole_numbers_as_classes_are_noted():
    (note,) = goal(list(range(10)) * 10).notes
    assert "10 different whole numbers, taken as classes" in note
    assert "--task regression" in note
    assert goal(list(range(10)) * 10, task="regression").notes == ()


def test_the_task_can_be_said():
    assert goal([0, 1] * 5, task="regression").task == "regression"
    assert goal([True, False] * 5, task="regression").target.high == 1.0
    assert goal(["a", "b"] * 5, task="classification").task == "binary"
    assert goal(["a", "b", "c"], task="classification").task == "multiclass"
    assert goal(["a", "b"], task="multiclass").task == "multiclass"
    assert goal([0.5, 1.5] * 5, task="binary").classes == ((0.5, 5), (1.5, 5))


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1] * 5, {}, "'y' is 1 in every row: there is nothing to learn"),
        (["a", "a", None], {}, "'y' is 'a' in every row"),
        ([None] * 5, {}, "'y' has no value in any row"),
        ([1], {}, "one row is not enough"),
        ([f"n{i}" for i in range(N)], {}, "100 different values in 100 rows, too many"),
        (SIZE, {"task": "classification"}, "for a number: task='regression'"),
        (SIZE, {"task": "multiclass"}, "100 different values in 100 rows, too many"),
        (["a", "b", "c"], {"task": "binary"}, "but 'y' has 3: a, b and c"),
        (["a", "b"], {"task": "regression"}, "holds text, not numbers: 'a' and 'b'"),
        (DAYS, {}, "column 'y' holds dates or times (date32[day])"),
        ([str(d) for d in DAYS], {}, "or take it as classes (task='classification'"),
        ([1.0, np.inf, 2.5], {}, "'y' is infinite in row 2"),
        ([1.0, np.inf] * 5, {}, "'y' is infinite in rows"),
        ([*map(str, range(99)), "abc"], {}, "but also 'abc' (row 100)"),
    ],
)
def test_targets_that_are_none(values, options, message):
    found = refused_goal(values, **options)
    assert message in found
    assert "drop" not in found
