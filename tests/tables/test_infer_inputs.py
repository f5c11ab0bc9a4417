"""What a column is taken for."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from chainrule.tables import infer_schema
from chainrule.tables.schema import INPUTS

N = 100
SIZE = [i + 0.5 for i in range(N)]
KIND = ["a", "b"] * (N // 2)
DAYS = [dt.date(2024, 1, i % 28 + 1) for i in range(N)]


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (SIZE, "number", "float"),
        ([1, 2, None, 4] * 25, "number", "int"),
        ([5.0] * 5 + [None] * 95, "number", "float"),
        ([1e300, -1e300] * 50, "number", "float"),
        ([True, False] * 50, "boolean", "bool"),
        (["yes", "no"] * 50, "boolean", "text"),
        (["Y", "n", None, "N"] * 25, "boolean", "text"),
        (["yes", None] * 50, "category", "text"),
        (["yes", "f"] * 50, "category", "text"),
        (["x", None] * 50, "category", "text"),
        (DAYS, "date", "date"),
        (pd.date_range("2024-01-01", periods=N), "date", "date"),
        (pd.Categorical(pd.date_range("2024-01-01", periods=N)), "date", "date"),
        ([dt.time(i % 24) for i in range(N)], "date", "time"),
        ([dt.timedelta(i) for i in range(N)], "number", "float"),
        ([str(day) for day in DAYS], "date", "text"),
        ([f"12:{i % 60:02}" for i in range(N)], "date", "text"),
        ([f"{i % 9:05}" for i in range(N)], "category", "text"),
        (["0", "1", "2", "3+"] * 25, "category", "text"),
        ([str(i % 20) for i in range(N)], "category", "text"),
        ([str(i) for i in range(N)], "number", "text"),
        (pd.Categorical(range(N)), "category", "category"),
        (pd.Categorical([f"n{i}" for i in range(N)]), "category", "category"),
        ([f"group {i % 60}" for i in range(N)], "category", "text"),
        ([1] * N, "constant", "int"),
        (["x"] * N, "constant", "text"),
        ([None] * N, "empty", "empty"),
        (["NA", "?"] * 50, "empty", "empty"),
        ([f"n{i}" for i in range(N)], "identifier", "text"),
        ([f"1.{i}.12" for i in range(N)], "identifier", "text"),
    ],
)
def test_the_kind_of_a_column(understood, values, kind, form):
    found = understood(values)
    assert (found.kind, found.form) == (kind, form)
    assert bool(found.why) == (kind not in INPUTS)


def test_what_is_known_of_a_number(understood):
    found = understood([3, None, 1, 1] * 25)
    assert (found.missing, found.distinct, found.low, found.high) == (25, 2, 1.0, 3.0)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((n, "identifier") for n in ("id", "ID", "patient_id", "Row ID", "index")),
        *((n, "identifier") for n in ("PassengerId", "userID", "Unnamed: 0")),
        *((n, "number") for n in ("acid", "paid", "PAID", "year", "x")),
    ],
)
def test_whole_numbers_that_name_rows(name, kind):
    schema = infer_schema({name: range(N), "size": SIZE, "kind": KIND}, "kind")
    found = {c.name: c.kind for c in (*schema.inputs, *schema.left_out)}
    assert found[name] == kind


def test_identifiers_that_repeat_are_numbers():
    repeated = [i // 2 for i in range(N)]
    schema = infer_schema({"id": repeated, "kind": KIND}, "kind")
    assert [c.name for c in schema.inputs] == ["id"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *((n, "category") for n in ("zip", "zip_code", "postcode", "product type")),
        *((n, "category") for n in ("Pclass", "storeType", "REGION")),
        *((n, "number") for n in ("episode", "rooms", "archetypes", "x")),
    ],
)
@pytest.mark.parametrize("convert", [list, lambda v: [*v[:-1], None], np.float64])
def test_whole_numbers_that_are_codes(name, kind, convert):
    values = convert([i % 10 for i in range(N)])
    schema = infer_schema({name: values, "kind": KIND}, "kind")
    assert schema.inputs[0].kind == kind
    assert bool(schema.notes) == (kind == "category")


def test_codes_that_hardly_repeat_and_parts_of_numbers_are_numbers():
    table = {"zip": [i // 2 for i in range(N)], "store": SIZE, "kind": KIND}
    assert [c.kind for c in infer_schema(table, "kind").inputs] == ["number"] * 2


def test_kinds_overrule(understood, refused):
    assert understood([1, 2] * 50, kinds={"c": "category"}).kind == "category"
    assert understood([True, False] * 50, kinds={"c": "number"}).kind == "number"
    assert understood(["1", "2"] * 50, kinds={"c": "number"}).kind == "number"
    assert understood(range(N), kinds={"c": "number"}).kind == "number"
    message = refused(["1", "x"] * 50, kinds={"c": "number"})
    assert "holds numbers, but also 'x'" in message
    assert "holds text, not numbers: 'x'" in refused(
        ["x", "y"] * 50, kinds={"c": "number"}
    )


def test_numbers_stored_as_text_are_noted(schema_with):
    (note,) = schema_with([str(i) for i in range(N)]).notes
    assert note.startswith("'c' holds numbers stored as text, taken as numbers")
