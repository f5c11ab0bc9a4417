"""What the name of a column tells."""

import pytest

from chainrule.tables.infer_names import is_code, is_identifier


@pytest.mark.parametrize(
    "name", ["id", "ID", "patient_id", "Row ID", "index", "PassengerId", "Unnamed: 0"]
)
def test_names_of_identifiers(name):
    assert is_identifier(name)
    assert not is_code(name)


@pytest.mark.parametrize(
    "name", ["zip", "zip_code", "postcode", "product type", "Pclass", "storeType"]
)
def test_names_of_codes(name):
    assert is_code(name)
    assert not is_identifier(name)


@pytest.mark.parametrize("name", ["acid", "paid", "year", "episode", "rooms", "x", ""])
def test_names_of_amounts(name):
    assert not is_identifier(name)
    assert not is_code(name)
