"""A table as a whole: what is asked for, and counted."""

import numpy as np
import pytest

from chainrule.tables import TableError, infer_schema

N = 100
SIZE = [i + 0.5 for i in range(N)]


def test_rows_are_counted_in_the_whole_table():
    table = {"x": [1.0, 2.0, np.inf, 4.0], "y": [None, "a", "b", "a"]}
    with pytest.raises(TableError, match="'x' is infinite in row 3;"):
        infer_schema(table, "y")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": ["C"]}, "there is no column 'C'; did you mean 'c'?"),
        ({"drop": "c"}, "drop= takes a list of columns, such as ['c']"),
        ({"drop": ["kind"]}, "'kind' is the target; it cannot be dropped"),
        ({"kinds": {"q": "number"}}, "there is no column 'q'; the columns are"),
        ({"kinds": {"c": "text"}}, "not 'text' ('c')"),
        ({"kinds": {"c": "date d"}}, "'date d/m/y' or 'date m/d/y' of a column, not"),
        ({"kinds": {"c": "date"}}, "column 'c' holds numbers, not dates"),
        ({"kinds": {"c": "boolean"}}, "is to be true and false, but holds 0.5, 1.5"),
        ({"kinds": {"kind": "number"}}, "say what it is with task="),
        ({"task": "cluster"}, "not 'cluster'"),
        ({"drop": ["size", "c"]}, "predict 'kind' from: 'size' (as asked) and 'c'"),
    ],
)
def test_options_that_do_not_fit(refused, options, message):
    assert message in refused(SIZE, **options)


def test_a_target_that_is_not_there():
    table = {"diagnosis": ["a", "b"], "x": [1, 2]}
    with pytest.raises(TableError, match="'Diagnose'; did you mean 'diagnosis'"):
        infer_schema(table, "Diagnose")
    with pytest.raises(TableError, match=r"has only 'a b c'; .* name the delimiter"):
        infer_schema({"a b c": [1, 2]}, "c")
    with pytest.raises(TableError, match=r"no column is left to predict 'y' from$"):
        infer_schema({"y": [1, 2]}, "y")
