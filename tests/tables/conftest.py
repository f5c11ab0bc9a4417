import numpy as np
import pyarrow as pa
import pytest

from chainrule.tables import MISSING, TableError, infer_schema
from chainrule.tables.arrow import tidy


@pytest.fixture(scope="session")
def column():
    """Give a function that makes of values a column, as tables hold it."""

    def made(*values, kind=None):
        return tidy(pa.chunked_array([pa.array(values, kind)]), MISSING)

    return made


@pytest.fixture(scope="session")
def encode(column):
    """Give a function that says what a fitted column makes of values."""

    def encoded(fitted, *values):
        values = column(*values)
        X = np.full((len(values), len(fitted.inputs)), np.nan, np.float32)
        findings = [str(finding) for finding in fitted.encode(values, X)]
        return X.tolist(), findings

    return encoded


# --- understanding columns ------------------------------------------------------------


@pytest.fixture(scope="session")
def schema_with():
    """Give a function that infers a schema with a column ``c``, to predict classes."""

    def inferred(values, **options):
        size = [i + 0.5 for i in range(100)]
        table = {"size": size, "c": values, "kind": ["a", "b"] * 50}
        return infer_schema(table, "kind", **options)

    return inferred


@pytest.fixture(scope="session")
def understood(schema_with):
    """Give a function that tells what values are taken for."""

    def found(values, **options):
        schema = schema_with(values, **options)
        return next(c for c in (*schema.inputs, *schema.left_out) if c.name == "c")

    return found


@pytest.fixture(scope="session")
def refused(schema_with):
    """Give a function that tells why values are refused."""

    def message(values, **options):
        with pytest.raises(TableError) as error:
            schema_with(values, **options)
        return str(error.value)

    return message
