"""Columns by name, and rows with a target."""

import pytest

from chainrule.tables import TableError, labelled_rows, read_table


def test_labelled_rows():
    table = read_table({"x": [1, 2, 3], "y": ["a", None, "b"]})
    assert labelled_rows(table, "y").to_pydict() == {"x": [1, 3], "y": ["a", "b"]}
    assert labelled_rows(table, "x") is table
    with pytest.raises(TableError, match="there is no column 'z'"):
        labelled_rows(table, "z")
